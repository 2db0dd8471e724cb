//! Lots, documents, customers, machines, stations and people, asked for by whoever traces.
//!
//! Of events those at the caller's plants are told; a lot is known to who may see one
//! of its labels.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use platform::db::Tx;
use proto::v1::Stage;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::inside::inside;
use super::leads::{customer, told};
use super::model::{Customer, Document, LotPage, LotPile, LotUnit, OrderView, Pass, Passes, UnitRef};
use super::when;
use crate::explore::error::TraceError;
use crate::explore::outer::Spot;
use crate::explore::service::{self, fresh, own_code, uid_text};
use crate::explore::store::label::{self, Place, Registered};
use crate::explore::store::places::{self as store, PassRow};
use crate::explore::store::{corrections, scope as scope_store};
use crate::explore::{history, names, outer, scope};
use crate::holds::deliveries;
use crate::projection::state::{Custody, Life, Quality};
use crate::scopes::store::told::zones;

/// Most rows of one page.
pub const MOST_LIMIT: usize = 200;
/// Longest window of a machine or a person.
const MOST_WINDOW: Duration = Duration::days(93);
/// The window when none is asked for.
const USUAL_WINDOW: Duration = Duration::hours(24);
/// UIDs of one event that are told.
pub(super) const MOST_UNITS: usize = 200;

/// Which page.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// `next` of the page before.
    pub after: Option<String>,
    /// Rows at most, 1 to [`MOST_LIMIT`].
    pub limit: usize,
}

impl Page {
    fn checked(&self) -> Result<i64, TraceError> {
        if !(1..=MOST_LIMIT).contains(&self.limit) {
            let problem = format!("{} is not 1 to {MOST_LIMIT}", self.limit);
            return Err(TraceError::Parameter { field: "limit", problem });
        }
        Ok(i64::try_from(self.limit).unwrap_or(i64::MAX))
    }

    pub(super) fn place(&self) -> Result<Place, TraceError> {
        match &self.after {
            Some(text) => service::place(text),
            None => {
                Ok(Place { at: DateTime::UNIX_EPOCH, agent: Uuid::nil(), epoch: i32::MIN, seq: i64::MIN })
            }
        }
    }
}

/// Whose window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A machine's.
    Machine,
    /// A station's.
    Station,
    /// A person's.
    Operator,
}

fn wrong(field: &'static str, problem: &str) -> TraceError {
    TraceError::Parameter { field, problem: problem.to_owned() }
}

/// The window from `from` to `to`, by the clock of `zone`: the last day before `now`
/// where neither is told, a day from or to the one that is. Without a zone only moments with
/// an offset say when.
///
/// # Errors
/// [`TraceError::Parameter`] with the field that is no time, or one by a clock that is not
/// known, or when the window is empty or longer than 93 days.
pub fn window_of(
    from: &str,
    to: &str,
    zone: Option<Tz>,
    now: DateTime<Utc>,
) -> Result<(DateTime<Utc>, DateTime<Utc>), TraceError> {
    let read = |field, text: &str, end| {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let what = "is no day (2025-01-20) and no time (2025-01-20T09:00)";
        let at = when::moment(text, zone.unwrap_or(Tz::UTC), end).ok_or_else(|| wrong(field, what))?;
        if zone.is_none() && !when::is_exact(text) {
            let what = "is by a plant's clock, and those of the plants differ: give an offset \
                        (2025-01-20T09:00:00+05:30) or `plant`";
            return Err(wrong(field, what));
        }
        Ok(Some(at))
    };
    let (from, to) = match (read("from", from, false)?, read("to", to, true)?) {
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, from + USUAL_WINDOW),
        (None, Some(to)) => (to - USUAL_WINDOW, to),
        (None, None) => (now - USUAL_WINDOW, now),
    };
    if from >= to {
        return Err(wrong("to", "is not after `from`"));
    }
    if to - from > MOST_WINDOW {
        return Err(wrong("to", "is more than 93 days after `from`"));
    }
    Ok((from, to))
}

/// Whether the code of a machine, a station or a person, and that of a plant, can be one.
pub(super) fn asked_for(code: &str, plant: &str) -> Result<(), TraceError> {
    if code.is_empty() || code.len() > 256 || code.contains('\0') {
        return Err(TraceError::Unknown(code.chars().take(60).filter(|letter| *letter != '\0').collect()));
    }
    if plant.len() > 3 || plant.contains('\0') {
        return Err(wrong("plant", "is no code of a plant"));
    }
    Ok(())
}

/// By which clock times of a machine, a station or a person are meant: that of `plant` where one is
/// named, else that of all plants of the caller where they have one, else that of the plant
/// where the machine stands, as the masters have it. `None` where that is still several, or
/// the plant is not known.
///
/// # Errors
/// [`TraceError::Unknown`] and a wrong parameter, as [`passes_in`]; the database.
pub async fn clock_of(tx: &mut Tx, who: Who, code: &str, plant: &str) -> Result<Option<Tz>, TraceError> {
    asked_for(code, plant)?;
    let plants = tx.plants().clone();
    let zones = zones(tx).await?;
    let zones: Vec<(String, Tz)> = zones
        .into_iter()
        .filter(|(at, _)| plants.has(at))
        .map(|(at, zone)| (at, platform::i18n::zone(&zone)))
        .collect();
    let only = |named: &dyn Fn(&str) -> bool| {
        let mut there = zones.iter().filter(|(at, _)| named(at)).map(|(_, zone)| *zone);
        let first = there.next()?;
        there.all(|zone| zone == first).then_some(first)
    };
    if !plant.is_empty() {
        return Ok(only(&|at| at == plant));
    }
    if zones.is_empty() {
        return Ok(Some(Tz::UTC));
    }
    if let Some(zone) = only(&|_| true) {
        return Ok(Some(zone));
    }
    let stands = match who {
        Who::Machine => store::machines(tx, &[code.to_owned()], None).await?,
        Who::Station | Who::Operator => Vec::new(),
    };
    Ok(only(&|at| stands.iter().any(|(_, _, plant)| plant == at)))
}

/// A lot and a page of its labels.
///
/// # Errors
/// [`TraceError::Unknown`], a wrong parameter, the database.
pub async fn lot_in(tx: &mut Tx, id: Uuid, page: &Page, now: DateTime<Utc>) -> Result<LotPage, TraceError> {
    let limit = page.checked()?;
    let after = match &page.after {
        Some(text) => text.parse().map_err(|_| TraceError::no_place())?,
        None => i64::MIN,
    };
    let (current_to, plants_behind) = fresh(tx, now).await?;
    let own = own_code(tx).await?;
    let plants = tx.plants().clone();
    let known = match plants.codes() {
        None => true,
        Some(plants) => scope_store::lot_seen(tx, id, &plants).await?,
    };
    let lot = if known { label::lots(tx, &[id]).await?.pop() } else { None };
    let Some(lot) = lot else {
        return Err(TraceError::Unknown(id.to_string()));
    };
    let mut rows = store::lot_units(tx, id, after, limit + 1).await?;
    let more = rows.len() > page.limit;
    rows.truncate(page.limit);
    let next = rows.last().filter(|_| more).map(|row| row.key.to_string());
    let keys: Vec<i64> = rows.iter().map(|row| row.key).collect();
    let seen = scope::seen(tx, &keys).await?;
    let counted = match page.after {
        None => store::lot_units(tx, id, i64::MIN, store::MOST_IN_PILES).await?,
        Some(_) => Vec::new(),
    };
    let inside = counted.iter().filter(|row| row.custody == Custody::Parent.number()).map(|row| row.key);
    let climbing: Vec<i64> = keys.iter().copied().chain(inside).collect();
    let around = outer::with_parents(tx, &climbing).await?;
    let left = outer::left(tx, &around, &keys).await?;
    let mut piles = piles_of(&counted, &around);
    let units = rows
        .into_iter()
        .filter(|row| seen.contains(&row.key))
        .map(|row| {
            let (life, quality, custody) = states(row.life, row.quality, row.custody);
            let spot = outer::spot((&around, &left), row.key, &plants);
            let spot = spot.unwrap_or_else(|| Spot::own(custody, (row.plant, row.location), &plants));
            LotUnit {
                uid: uid_text(own, row.key),
                quantity: row.quantity.map(|quantity| quantity.normalize()),
                unit: row.unit,
                life,
                quality,
                custody: spot.custody,
                plant: spot.plant,
                location: spot.location,
                inside_of: spot.inside_of.map(|key| uid_text(own, key)),
                partner: spot.partner,
                document: spot.document,
            }
        })
        .collect();
    // How much there is of it elsewhere is for those there.
    piles.retain(|pile| plants.has(&pile.plant));
    let piles_cut = i64::try_from(counted.len()).is_ok_and(|counted| counted >= store::MOST_IN_PILES);
    let deliveries = match page.after {
        None => deliveries::of(tx, id).await?,
        Some(_) => Vec::new(),
    };
    Ok(LotPage { lot, piles, piles_cut, deliveries, units, next, current_to, plants_behind })
}

/// What the labels of a pile have in common: plant, life, quality, custody, unit of measure.
type PileKey<'a> = (&'a str, i16, i16, i16, &'a str);

/// Labels of a lot by state, and by where the outermost thing around each is: `around` has at least
/// those that are in something, and all that they are in. Pure.
fn piles_of(rows: &[store::LotUnit], around: &HashMap<i64, Registered>) -> Vec<LotPile> {
    let mut piles: BTreeMap<PileKey<'_>, (i64, Decimal)> = BTreeMap::new();
    for row in rows {
        let (plant, custody) = outer::place(around, Some(row.key), (row.plant.as_str(), row.custody));
        let (labels, quantity) =
            piles.entry((plant, row.life, row.quality, custody, row.unit.as_str())).or_default();
        *labels += 1;
        *quantity = quantity.saturating_add(row.quantity.unwrap_or(Decimal::ONE));
    }
    let mut told = Vec::with_capacity(piles.len());
    for ((plant, life, quality, custody, unit), (labels, quantity)) in piles {
        let (life, quality, custody) = states(life, quality, custody);
        let (plant, unit, quantity) = (plant.to_owned(), unit.to_owned(), quantity.normalize());
        told.push(LotPile { plant, life, quality, custody, labels, quantity, unit });
    }
    told
}

fn states(life: i16, quality: i16, custody: i16) -> (&'static str, &'static str, &'static str) {
    (
        Life::from_number(life).unwrap_or(Life::Expected).name(),
        Quality::from_number(quality).unwrap_or(Quality::Unrestricted).name(),
        Custody::from_number(custody).unwrap_or(Custody::Location).name(),
    )
}

/// When a machine, a station or a person last did something before a moment, at the caller's plants,
/// or the one that is named; of some plants a thousand events are looked through.
async fn last_before(
    tx: &mut Tx,
    (who, code, at): (Who, &str, Option<&str>),
    before: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, TraceError> {
    let plants = tx.plants().clone();
    let most = if plants.is_all() && at.is_none() { 1 } else { store::MOST_LOOKED_THROUGH };
    let mut found = store::before(tx, (who, code), before, most).await?;
    found.retain(|(plant, _)| plants.has(plant) && at.is_none_or(|at| at == plant));
    Ok(found.first().map(|(_, last)| *last))
}

/// What a machine, a station or a person did in a window; at one plant, unless `plant` is empty.
///
/// # Errors
/// [`TraceError::Unknown`] of a code that no master and no event knows, a wrong
/// parameter, the database.
pub async fn passes_in(
    tx: &mut Tx,
    (who, code, plant): (Who, &str, &str),
    (from, to): (DateTime<Utc>, DateTime<Utc>),
    page: &Page,
    now: DateTime<Utc>,
) -> Result<Passes, TraceError> {
    let limit = page.checked()?;
    let after = page.place()?;
    let (current_to, plants_behind) = fresh(tx, now).await?;
    let plants = tx.plants().clone();
    let codes = [code.to_owned()];
    asked_for(code, plant)?;
    let at = (!plant.is_empty()).then_some(plant);
    let mut masters = match who {
        Who::Machine => store::machines(tx, &codes, at).await?,
        Who::Station | Who::Operator => Vec::new(),
    };
    masters.retain(|(_, _, plant)| plants.has(plant));
    let mut rows = store::events(tx, (who, code, at), (from, to), &after, limit + 1).await?;
    let next = cut(&mut rows, page.limit);
    let passes = tell(tx, rows).await?;
    if passes.is_empty() && masters.is_empty() {
        let told = told(tx, who, &codes).await?;
        if told.is_none() {
            return Err(TraceError::Unknown(code.chars().take(60).collect()));
        }
    }
    let last_before = if passes.is_empty() && next.is_none() && page.after.is_none() {
        last_before(tx, (who, code, at), from).await?
    } else {
        None
    };
    // Of several plants' machines of one code none is the one that is meant.
    let master = if masters.len() > 1 { None } else { masters.pop() };
    let (_, name, at) = master.unwrap_or_default();
    let plant = if plant.is_empty() { at } else { plant.to_owned() };
    Ok(Passes {
        kind: match who {
            Who::Machine => "machine",
            Who::Station => "station",
            Who::Operator => "operator",
        },
        code: code.to_owned(),
        name,
        plant,
        from,
        to,
        passes,
        last_before,
        next,
        current_to,
        plants_behind,
    })
}

/// A document and a page of the events that name it.
///
/// # Errors
/// [`TraceError::Unknown`], a wrong parameter, the database.
pub async fn document_in(
    tx: &mut Tx,
    kind: &str,
    number: &str,
    page: &Page,
    now: DateTime<Utc>,
) -> Result<Document, TraceError> {
    let limit = page.checked()?;
    let after = page.place()?;
    let unknown = || TraceError::Unknown(number.chars().take(60).filter(|letter| *letter != '\0').collect());
    if [kind, number].iter().any(|text| text.is_empty() || text.len() > 256 || text.contains('\0')) {
        return Err(unknown());
    }
    let (current_to, plants_behind) = fresh(tx, now).await?;
    let plants = tx.plants().clone();
    let order = store::order(tx, kind, number).await?.filter(|order| plants.has(&order.plant)).map(order);
    let mut rows = store::document_events(tx, kind, number, &after, limit + 1).await?;
    let next = cut(&mut rows, page.limit);
    let passes = tell(tx, rows).await?;
    if order.is_none() && passes.is_empty() && next.is_none() && page.after.is_none() {
        return Err(unknown());
    }
    let (kind, number) = (kind.to_owned(), number.to_owned());
    Ok(Document { kind, number, order, passes, next, current_to, plants_behind })
}

/// A customer, of the masters or only of documents, a page of its sales orders, and one of the
/// events that name it or one of its newest thousand orders: what was sent, and what came back.
///
/// # Errors
/// [`TraceError::Unknown`], a wrong parameter, the database.
pub async fn customer_in(
    tx: &mut Tx,
    code: &str,
    after_order: &str,
    page: &Page,
    now: DateTime<Utc>,
) -> Result<Customer, TraceError> {
    let limit = page.checked()?;
    let after = page.place()?;
    if after_order.contains('\0') || after_order.len() > 256 {
        return Err(wrong("after_order", "is not what an answer gave as `next_orders`"));
    }
    let unknown = || TraceError::Unknown(code.chars().take(60).filter(|letter| *letter != '\0').collect());
    if code.is_empty() || code.contains('\0') || code.len() > 256 {
        return Err(unknown());
    }
    let (current_to, plants_behind) = fresh(tx, now).await?;
    let (code, name, place) = customer(tx, &[code.to_owned()]).await?.ok_or_else(unknown)?;
    let mut orders = store::orders_of(tx, &code, after_order, limit + 1).await?;
    let more = orders.len() > page.limit;
    orders.truncate(page.limit);
    let next_orders = orders.last().filter(|_| more).map(|order| order.number.clone());
    let mut rows = store::customer_events(tx, &code, &after, limit + 1).await?;
    let next = cut(&mut rows, page.limit);
    let passes = tell(tx, rows).await?;
    let orders = orders.into_iter().map(order).collect();
    Ok(Customer { code, name, place, orders, next_orders, passes, next, current_to, plants_behind })
}

/// Cuts a page of one row more than may be shown; answers where the next begins.
fn cut(rows: &mut Vec<PassRow>, most: usize) -> Option<String> {
    let more = rows.len() > most;
    rows.truncate(most);
    rows.last().filter(|_| more).map(|row| {
        service::place_text(&Place {
            at: row.occurred_at,
            agent: row.agent_id,
            epoch: row.epoch,
            seq: row.seq,
        })
    })
}

fn order(row: store::OrderRow) -> OrderView {
    OrderView {
        kind: row.kind,
        number: row.number,
        plant: row.plant,
        partner: row.partner,
        item: row.item,
        quantity: row.quantity.map(|quantity| quantity.normalize()),
        ordered_at: row.ordered_at,
        due_on: row.due_on,
        status: row.status,
    }
}

/// Events with their readings and UIDs; those at other plants, and refused acts,
/// are left out.
async fn tell(tx: &mut Tx, mut rows: Vec<PassRow>) -> Result<Vec<Pass>, TraceError> {
    let own = own_code(tx).await?;
    let plants = tx.plants().clone();
    rows.retain(|row| plants.has(&row.plant) && row.stage != Stage::Refused as i16);
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
    let void = corrections::void_among(tx, &ids).await?;
    let most = i64::try_from(MOST_UNITS).unwrap_or(i64::MAX);
    let mut units: HashMap<i64, Vec<UnitRef>> = HashMap::new();
    let subjects = store::subjects(tx, &rows, most + 1).await?;
    for subject in &subjects {
        units.entry(subject.event).or_default().push(UnitRef {
            uid: uid_text(own, subject.key),
            item: subject.item.clone(),
            role: names::role_name(subject.role),
        });
    }
    let stamps: Vec<_> = rows.iter().map(|row| (row.agent_id, row.epoch, row.seq)).collect();
    let mut readings: HashMap<(Uuid, i32, i64), Vec<label::ReadingRow>> = HashMap::new();
    for row in label::readings_of(tx, &stamps).await? {
        readings.entry((row.agent_id, row.epoch, row.seq)).or_default().push(row);
    }
    let mut inside = inside(tx, own, &subjects, &rows, &readings).await?;
    let mut passes = Vec::with_capacity(rows.len());
    for (number, row) in (1_i64..).zip(rows) {
        let mut units = units.remove(&number).unwrap_or_default();
        units.extend(inside.remove(&number).unwrap_or_default());
        let more_units = units.len() > MOST_UNITS;
        units.truncate(MOST_UNITS);
        let mut told = readings.remove(&(row.agent_id, row.epoch, row.seq)).unwrap_or_default();
        told.sort_by_key(|reading| reading.ordinal);
        passes.push(Pass {
            event_id: row.event_id,
            stage: names::stage(row.stage).as_str_name(),
            action: names::action_name(row.action),
            at: row.occurred_at,
            plant: row.plant,
            station: row.station,
            operator: row.operator_id,
            location: row.location,
            operation: row.operation,
            attempt: row.attempt,
            outcome: names::outcome_name(row.outcome),
            machine: row.machine,
            reference_type: row.reference_type,
            reference: row.reference_number,
            corrected: void.contains(&row.event_id),
            readings: told.into_iter().map(history::reading).collect(),
            units,
            more_units,
        });
    }
    Ok(passes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_a_day_unless_told() {
        let now: DateTime<Utc> = "2025-01-20T12:00:00Z".parse().unwrap();
        let window = |from, to| window_of(from, to, Some(Tz::UTC), now);
        assert_eq!(window("", "").unwrap(), (now - Duration::days(1), now));
        let day: DateTime<Utc> = "2025-01-10T00:00:00Z".parse().unwrap();
        assert_eq!(window("2025-01-10", "").unwrap(), (day, day + Duration::days(1)));
        assert_eq!(window("2025-01-10", "2025-01-10").unwrap(), (day, day + Duration::days(1)));
        for (from, to, field) in [
            ("x", "", "from"),
            ("", "x", "to"),
            ("2025-01-10", "2025-01-09", "to"),
            ("2025-01-10", "2025-06-09", "to"),
        ] {
            assert_eq!(window(from, to).unwrap_err().field(), Some(field), "{from} {to}");
        }
        // Where clocks differ, a time without an offset says nothing.
        let nowhere = |from, to| window_of(from, to, None, now);
        let refused = nowhere("2025-01-10T06:00", "").unwrap_err();
        assert!(refused.field() == Some("from") && refused.to_string().contains("offset"), "{refused}");
        assert_eq!(nowhere("", "2025-01-10").unwrap_err().field(), Some("to"));
        assert_eq!(nowhere("2025-01-10T00:00:00Z", "").unwrap(), (day, day + Duration::days(1)));
        assert_eq!(nowhere("", "").unwrap(), (now - Duration::days(1), now));
    }
}
