//! Compares the rows of one UID with what its events come to. Pure.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use uid::TenantCode;
use uuid::Uuid;

use crate::explore::names;
use crate::explore::service::uid_text;
use crate::projection::expect::{Expected, Standing};
use crate::projection::state::{Custody, Life, Quality};
use crate::projection::stock::Entry;
use crate::projection::store::holds::Held;
use crate::projection::store::write::Transfer;
use crate::proofs::compare::{Difference, MOST};

/// A row of the registry, but its birth, which is compared with the event of the birth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Row {
    pub key: i64,
    pub item: String,
    pub lot_id: Option<Uuid>,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub life: i16,
    pub quality: i16,
    pub custody: i16,
    pub plant: String,
    pub location: String,
    pub parent_key: Option<i64>,
    pub owner: String,
    pub order_number: String,
    pub last_at: DateTime<Utc>,
    pub last_stage: i16,
    pub events: i32,
}

/// Everything in which the rows of a UID differ from what its events come to, the first
/// [`MOST`].
pub fn differences(
    said: &Expected,
    row: Option<&Row>,
    standing: &Standing,
    code: Option<TenantCode>,
) -> Vec<Difference> {
    let mut found = Found(Vec::new());
    match row {
        Some(row) if said.born => registry(said, row, code, &mut found),
        Some(row) => found.differ("uid_registry", Some(row.key.to_string()), None),
        // That a birth is missing is told of its event.
        None => {}
    }
    entries(&said.entries, of(&standing.entries, said.key), &mut found);
    ways(&said.ways, of(&standing.ways, said.key), &mut found);
    holds(said, of(&standing.holds, said.key), &mut found);
    found.0.truncate(MOST);
    found.0
}

/// What stands of a UID; nothing where it has no row.
fn of<T>(all: &HashMap<i64, Vec<T>>, key: i64) -> &[T] {
    all.get(&key).map_or(&[], Vec::as_slice)
}

struct Found(Vec<Difference>);

impl Found {
    fn differ(&mut self, column: impl Into<String>, stored: Option<String>, said: Option<String>) {
        if stored != said {
            self.0.push(Difference { column: column.into(), stored, said });
        }
    }
}

fn registry(said: &Expected, row: &Row, code: Option<TenantCode>, found: &mut Found) {
    let state = &said.state;
    let mut column = |name: &str, stored: Option<String>, said: Option<String>| {
        found.differ(format!("uid_registry.{name}"), stored, said);
    };
    let uid = |key: i64| code.map_or_else(|| key.to_string(), |code| uid_text(code, key));
    // What the fold did not learn stands as the birth or an earlier fact told it, if one did.
    if !(state.item == row.item && (row.item.is_empty() || said.named.items.contains(&row.item))) {
        let told = if state.item == row.item { said.named.items.last() } else { Some(&state.item) };
        column("item", text(&row.item), told.and_then(|item| text(item)));
    }
    if !(state.lot == row.lot_id && row.lot_id.is_none_or(|lot| said.named.lots.contains(&lot))) {
        let told = if state.lot == row.lot_id { said.named.lots.last().copied() } else { state.lot };
        column("lot_id", row.lot_id.map(|lot| lot.to_string()), told.map(|lot| lot.to_string()));
    }
    let unit_known = row.unit.is_empty() || said.named.units.contains(&row.unit);
    if !(unit_known && (state.unit.is_empty() || state.unit == row.unit)) {
        column("unit", text(&row.unit), text(&state.unit));
    }
    column("quantity", row.quantity.map(amount), state.quantity.map(amount));
    let life = Life::from_number(row.life).map_or_else(|| row.life.to_string(), |life| life.name().into());
    column("life", Some(life), Some(state.life.name().into()));
    let quality = Quality::from_number(row.quality)
        .map_or_else(|| row.quality.to_string(), |quality| quality.name().into());
    column("quality", Some(quality), Some(state.quality.name().into()));
    let custody = Custody::from_number(row.custody)
        .map_or_else(|| row.custody.to_string(), |custody| custody.name().into());
    column("custody", Some(custody), Some(state.custody.name().into()));
    column("plant", text(&row.plant), text(&state.plant));
    column("location", text(&row.location), text(&state.location));
    column("parent", row.parent_key.map(uid), state.parent.map(uid));
    // No event says whose it is yet: whatever stands there, nobody told.
    column("owner", text(&row.owner), None);
    column("order_number", text(&row.order_number), text(&state.order));
    // A UID with nothing but a birth that was taken back keeps the time of that.
    if let Some(at) = state.last_at {
        column("last_at", Some(time(row.last_at)), Some(time(at)));
    }
    column("last_stage", Some(stage(row.last_stage)), Some(stage(state.last_stage as i16)));
    column("events", Some(row.events.to_string()), Some(state.events.to_string()));
}

fn entries(said: &[Entry], stored: &[Entry], found: &mut Found) {
    let name = |entry: &Entry| format!("stock_ledger[{}.{}]", entry.stamp.seq, entry.ordinal);
    let mut left: HashMap<_, &Entry> =
        stored.iter().map(|entry| ((entry.stamp, entry.ordinal), entry)).collect();
    for said in said {
        match left.remove(&(said.stamp, said.ordinal)) {
            None => found.differ(name(said), None, Some(booked(said))),
            // Two that say the same are told as the same text.
            Some(stored) => found.differ(name(said), Some(booked(stored)), Some(booked(said))),
        }
    }
    let mut left: Vec<&Entry> = left.into_values().collect();
    left.sort_by_key(|entry| (entry.stamp, entry.ordinal));
    for stored in left {
        found.differ(name(stored), Some(booked(stored)), None);
    }
}

fn booked(entry: &Entry) -> String {
    let lot = entry.lot.map(|lot| lot.to_string()).unwrap_or_default();
    let place = format!("{}/{}", entry.plant, entry.location);
    let (quantity, at) = (amount(entry.quantity), time(entry.occurred_at));
    let parts =
        [entry.item.clone(), lot, format!("{quantity} {}", entry.unit), place, at, stage(entry.stage)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

fn ways(said: &[Transfer], stored: &[Transfer], found: &mut Found) {
    let name = |way: &Transfer| format!("transfers[{}]", way.out.seq);
    let mut left: HashMap<_, &Transfer> = stored.iter().map(|way| (way.out, way)).collect();
    for said in said {
        found.differ(name(said), left.remove(&said.out).map(travelled), Some(travelled(said)));
    }
    let mut left: Vec<&Transfer> = left.into_values().collect();
    left.sort_by_key(|way| way.out);
    for stored in left {
        found.differ(name(stored), Some(travelled(stored)), None);
    }
}

fn travelled(way: &Transfer) -> String {
    let left = format!("{} → {}, {}, {}", way.from_plant, way.to_plant, way.document, time(way.left_at));
    match way.arrival {
        None => left,
        Some((stamp, at)) => format!("{left} → {} ({}/{}/{})", time(at), stamp.agent, stamp.epoch, stamp.seq),
    }
}

/// Holds under which facts say that the UID came must stand, and be released where facts say
/// so; and it is under no others. Whoever came under a hold through another one is named by a
/// fact of the office as well.
fn holds(said: &Expected, stored: &[Held], found: &mut Found) {
    let released = |released: bool| if released { "released" } else { "placed" }.to_owned();
    let name = |id: Uuid| format!("holds[{id}]");
    let stands = |id: Uuid| stored.iter().find(|held| held.hold_id == id);
    for hold in &said.plant_holds {
        let stands = stands(hold.hold_id).map(|held| released(held.released));
        found.differ(name(hold.hold_id), stands, Some(released(hold.released.is_some())));
    }
    for hold in &said.office_holds {
        let Some(held) = stands(hold.hold_id) else {
            found.differ(name(hold.hold_id), None, Some(released(hold.released.unwrap_or(false))));
            continue;
        };
        // Whether a hold of a plant stands is told by the one label that it named.
        let out = hold.released.filter(|_| !held.of_plant);
        let stands = held.released || held.left;
        found.differ(name(hold.hold_id), Some(released(stands)), Some(released(out.unwrap_or(stands))));
    }
    let told = |id: Uuid| {
        said.plant_holds.iter().any(|hold| hold.hold_id == id)
            || said.office_holds.iter().any(|hold| hold.hold_id == id)
    };
    for held in stored.iter().filter(|held| !told(held.hold_id)) {
        found.differ(name(held.hold_id), Some(released(held.released || held.left)), None);
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// As the column holds it, which is of six places.
fn amount(quantity: Decimal) -> String {
    quantity.round_dp_with_strategy(6, RoundingStrategy::MidpointAwayFromZero).normalize().to_string()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn stage(number: i16) -> String {
    names::stage(number).as_str_name().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::order::Stamp;
    use crate::projection::expect::Named;
    use crate::projection::holding::OfficeHold;
    use crate::projection::state::State;
    use proto::v1::Stage;

    fn said() -> Expected {
        let at = DateTime::UNIX_EPOCH;
        let state = State {
            life: Life::Active,
            item: "X".into(),
            unit: "pcs".into(),
            quantity: Some(Decimal::ONE),
            last_at: Some(at),
            last_stage: Stage::Grn,
            events: 1,
            ..State::default()
        };
        let named = Named {
            items: ["X".to_owned()].into(),
            units: ["pcs".to_owned()].into(),
            lots: std::collections::BTreeSet::new(),
        };
        let entry = Entry {
            stamp: Stamp { agent: Uuid::nil(), epoch: 1, seq: 7 },
            ordinal: 0,
            plant: "KOL".into(),
            location: "A".into(),
            item: "X".into(),
            lot: None,
            quantity: Decimal::ONE,
            unit: "pcs".into(),
            occurred_at: at,
            stage: Stage::Grn as i16,
        };
        let office_holds = vec![OfficeHold { hold_id: Uuid::from_u128(3), released: Some(false) }];
        Expected {
            key: 7,
            born: true,
            state,
            named,
            entries: vec![entry],
            ways: vec![],
            plant_holds: vec![],
            office_holds,
        }
    }

    fn row() -> Row {
        Row {
            key: 7,
            item: "X".into(),
            lot_id: None,
            quantity: Some("1.000000".parse().unwrap()),
            unit: "pcs".into(),
            life: 2,
            quality: 1,
            custody: 1,
            plant: String::new(),
            location: String::new(),
            parent_key: None,
            owner: String::new(),
            order_number: String::new(),
            last_at: DateTime::UNIX_EPOCH,
            last_stage: Stage::Grn as i16,
            events: 1,
        }
    }

    fn held(hold_id: Uuid) -> Held {
        Held { hold_id, released: false, left: false, of_plant: false }
    }

    fn standing(said: &Expected) -> Standing {
        let holds = said.office_holds.iter().map(|hold| held(hold.hold_id)).collect();
        Standing {
            entries: [(7, said.entries.clone())].into(),
            holds: [(7, holds)].into(),
            ..Standing::default()
        }
    }

    fn columns(said: &Expected, row: Option<&Row>, standing: &Standing) -> Vec<String> {
        differences(said, row, standing, None).into_iter().map(|one| one.column).collect()
    }

    #[test]
    fn each_column_tells_of_itself() {
        type Change = (&'static str, fn(&mut Row));
        let said = said();
        let stands = standing(&said);
        assert_eq!(columns(&said, Some(&row()), &stands), [""; 0]);
        let changes: [Change; 15] = [
            ("item", |row| row.item = "Y".into()),
            ("lot_id", |row| row.lot_id = Some(Uuid::from_u128(9))),
            ("quantity", |row| row.quantity = Some(Decimal::TWO)),
            ("unit", |row| row.unit = "kg".into()),
            ("life", |row| row.life = 3),
            ("quality", |row| row.quality = 3),
            ("custody", |row| row.custody = 4),
            ("plant", |row| row.plant = "VSK".into()),
            ("location", |row| row.location = "B".into()),
            ("parent", |row| row.parent_key = Some(8)),
            ("owner", |row| row.owner = "ACME".into()),
            ("order_number", |row| row.order_number = "PO".into()),
            ("last_at", |row| row.last_at += chrono::TimeDelta::hours(1)),
            ("last_stage", |row| row.last_stage = 1),
            ("events", |row| row.events = 2),
        ];
        for (column, change) in changes {
            let mut row = row();
            change(&mut row);
            assert_eq!(columns(&said, Some(&row), &stands), [format!("uid_registry.{column}")]);
        }
        let unborn = Expected { born: false, ..said.clone() };
        assert_eq!(columns(&unborn, Some(&row()), &stands), ["uid_registry"], "nobody made it");
    }

    #[test]
    fn what_no_fact_names_is_not_believed_because_it_stands() {
        let mut said = said();
        let stands = standing(&said);
        // The projection begins with what stands, so the fold says the same.
        (said.state.item, said.named.items) = ("Y".into(), ["X".to_owned()].into());
        let row = Row { item: "Y".into(), ..row() };
        assert_eq!(columns(&said, Some(&row), &stands), ["uid_registry.item"]);
        // What an earlier fact named that is corrected since stays.
        said.named.items.insert("Y".into());
        assert_eq!(columns(&said, Some(&row), &stands), [""; 0]);
    }

    #[test]
    fn rows_beside_it_are_told_whatever_was_done_to_them() {
        let said = said();
        let mut stands = standing(&said);
        stands.entries.get_mut(&7).unwrap()[0].quantity = Decimal::TEN;
        assert_eq!(columns(&said, Some(&row()), &stands), ["stock_ledger[7.0]"]);
        stands.entries.get_mut(&7).unwrap()[0].ordinal = 1;
        assert_eq!(columns(&said, Some(&row()), &stands), ["stock_ledger[7.0]", "stock_ledger[7.1]"]);
        let mut stands = standing(&said);
        stands.holds.get_mut(&7).unwrap()[0].released = true;
        let told = differences(&said, Some(&row()), &stands, None);
        assert_eq!((told[0].stored.as_deref(), told[0].said.as_deref()), (Some("released"), Some("placed")));
        stands.holds.clear();
        assert_eq!(differences(&said, Some(&row()), &stands, None)[0].stored, None);
        // One that no fact places on it.
        let mut stands = standing(&said);
        stands.holds.get_mut(&7).unwrap().push(held(Uuid::from_u128(4)));
        let told = differences(&said, Some(&row()), &stands, None);
        assert_eq!((told[0].stored.as_deref(), told[0].said.as_deref()), (Some("placed"), None));
        // A package that was let go is free, though the hold stands.
        let mut stands = standing(&said);
        stands.holds.get_mut(&7).unwrap()[0].left = true;
        let told = differences(&said, Some(&row()), &stands, None);
        assert_eq!((told[0].stored.as_deref(), told[0].said.as_deref()), (Some("released"), Some("placed")));
        // Of a hold of a plant only that it is among its members.
        stands.holds.get_mut(&7).unwrap()[0].of_plant = true;
        assert_eq!(columns(&said, Some(&row()), &stands), [""; 0]);
        let mut stands = standing(&said);
        let way = Transfer {
            key: 7,
            out: Stamp { agent: Uuid::nil(), epoch: 1, seq: 9 },
            from_plant: "KOL".into(),
            to_plant: "VSK".into(),
            document: String::new(),
            left_at: DateTime::UNIX_EPOCH,
            arrival: None,
        };
        stands.ways.insert(7, vec![way]);
        assert_eq!(columns(&said, Some(&row()), &stands), ["transfers[9]"]);
    }
}
