//! From conditions to units: each condition is one statement by an index, and their sets
//! are combined here.
//!
//! In an `all` the condition that finds fewest comes first, by kind; what follows is asked
//! only among what was found, where that is little. So a wide condition beside a narrow one
//! costs no more than the narrow one.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::Stage;
use uuid::Uuid;

use super::asked::Asked;
use super::criteria::{Against, Contains, Event, Is, Mistake, Node, OUTCOMES, Reading, names, number_of};
use super::error::ScopeError;
use super::inside::{happened, inside_at};
use super::sets;
use super::store::leaf::{self as store, Fits, Found, Measured};
use super::store::moments::Documents;
use super::store::newest;
use super::window::{self, Window};
use crate::explore::error::TraceError;
use crate::explore::stays::contents;
use crate::explore::store::label::Registered;
use crate::explore::store::{corrections, stays};
use crate::explore::{outer, scope, service};
use crate::holds;
use crate::projection::state::{Custody, Life, Quality};

/// Most units that one condition may find.
pub const MOST_KEYS: usize = 1_000_000;
/// Sets up to here are given to the conditions that follow, to choose among; larger ones
/// are intersected.
const FEW: usize = 20_000;

/// How far one condition is looked for.
#[derive(Clone, Copy)]
pub(super) enum Reach<'a> {
    /// To the end, among these units where they are given.
    Whole(Option<&'a [i64]>),
    /// Among the newest events, this many rows of them.
    Newest(usize),
}

impl<'a> Reach<'a> {
    fn within(self) -> Option<&'a [i64]> {
        match self {
            Self::Whole(within) => within,
            Self::Newest(_) => None,
        }
    }
}

/// What was found, and how much of what there is was looked at.
#[derive(Debug, Default)]
pub struct Part {
    /// Units that fit, in order.
    pub keys: Vec<i64>,
    /// There may be more: not all was looked at.
    pub more: bool,
    /// Where there may be more: everything since then was looked at. None where what was
    /// looked at is not in the order of time.
    pub since: Option<DateTime<Utc>>,
}

impl Part {
    pub(super) fn whole(keys: Vec<i64>) -> Self {
        Self { keys, more: false, since: None }
    }

    /// What a statement found that was to read `look` rows, and was asked for one more.
    fn cut(&mut self, rows: &mut Vec<newest::Recent>, look: usize) {
        if rows.len() > look {
            rows.truncate(look);
            self.more = true;
            self.since = self.since.max(rows.last().map(|row| row.at));
        }
    }
}

/// The units that a tree finds and the caller may see, in order.
///
/// # Errors
/// [`ScopeError`]: a code that is not known, too many units, too long.
pub async fn evaluate(tx: &mut Tx, asked: &Asked<'_>, node: &Node) -> Result<Vec<i64>, ScopeError> {
    let keys = eval(tx, asked, node, String::new(), None).await?;
    if tx.plants().is_all() || keys.is_empty() {
        return Ok(keys);
    }
    let seen = scope::seen(tx, &keys).await?;
    Ok(keys.into_iter().filter(|key| seen.contains(key)).collect())
}

type Evaluated<'a> = Pin<Box<dyn Future<Output = Result<Vec<i64>, ScopeError>> + Send + 'a>>;

/// The units of a node, among `within` where that is given.
fn eval<'a>(
    tx: &'a mut Tx,
    asked: &'a Asked<'_>,
    node: &'a Node,
    path: String,
    within: Option<&'a [i64]>,
) -> Evaluated<'a> {
    Box::pin(async move {
        if within.is_some_and(<[i64]>::is_empty) {
            return Ok(Vec::new());
        }
        if !matches!(node, Node::All(_) | Node::Any(_) | Node::Not(_)) {
            asked.next(tx).await?;
        }
        match node {
            Node::All(nodes) => all(tx, asked, (node, nodes), &path, within).await,
            Node::Any(nodes) => {
                let mut found = Vec::new();
                for (index, child) in nodes.iter().enumerate() {
                    let more = eval(tx, asked, child, node.path(&path, index), within).await?;
                    found = sets::either(&found, &more);
                    if found.len() > MOST_KEYS {
                        return Err(ScopeError::TooMany(path));
                    }
                }
                Ok(found)
            }
            Node::Not(child) => {
                // A tree that was read has something that finds beside each `not`.
                let Some(within) = within else {
                    return Err(alone(path));
                };
                let out = eval(tx, asked, child, node.path(&path, 0), Some(within)).await?;
                Ok(sets::without(within, &out))
            }
            Node::Event(event) => Ok(by_event(tx, asked, event, path, Reach::Whole(within)).await?.keys),
            Node::Reading(reading) => {
                Ok(by_reading(tx, asked, reading, path, Reach::Whole(within)).await?.keys)
            }
            Node::Contains(contains) => by_content(tx, asked, contains, path, within).await,
            Node::Is(is) => {
                let part = by_state(tx, asked, is, within, limit()).await?;
                if part.more { Err(ScopeError::TooMany(path)) } else { bounded(part.keys, path) }
            }
        }
    })
}

pub(super) fn alone(path: String) -> ScopeError {
    ScopeError::Criteria(vec![Mistake { path, key: "not-alone", value: String::new() }])
}

/// What each child finds: those that find come first, the narrowest before the others.
async fn all(
    tx: &mut Tx,
    asked: &Asked<'_>,
    (node, nodes): (&Node, &[Node]),
    path: &str,
    within: Option<&[i64]>,
) -> Result<Vec<i64>, ScopeError> {
    let mut found: Option<Vec<i64>> = within.map(<[i64]>::to_vec);
    for index in in_order(nodes) {
        let (child, path) = (&nodes[index], node.path(path, index));
        found = Some(match found {
            Some(before) => narrowed(tx, asked, child, path, &before).await?,
            None => eval(tx, asked, child, path, None).await?,
        });
    }
    Ok(found.unwrap_or_default())
}

/// Those that find come first, the narrowest before the others.
pub(super) fn in_order(nodes: &[Node]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&index| (!nodes[index].finds(), width(&nodes[index])));
    order
}

/// Which of these units a child finds too.
pub(super) async fn narrowed(
    tx: &mut Tx,
    asked: &Asked<'_>,
    child: &Node,
    path: String,
    before: &[i64],
) -> Result<Vec<i64>, ScopeError> {
    // What only chooses is always asked among what was found; so is where something is, which
    // takes a climb out of what it is in.
    let climbs = matches!(child, Node::Is(is) if is.is_placed());
    if before.len() <= FEW || !child.finds() || climbs {
        return eval(tx, asked, child, path, Some(before)).await;
    }
    Ok(sets::both(before, &eval(tx, asked, child, path, None).await?))
}

/// How many units a condition is likely to find, as a rank.
fn width(node: &Node) -> u8 {
    match node {
        Node::All(nodes) => nodes.iter().map(width).min().unwrap_or_default(),
        Node::Any(nodes) => nodes.iter().map(width).max().unwrap_or_default(),
        Node::Event(event) if !event.document.is_empty() || !event.customer.is_empty() => 0,
        Node::Contains(_) => 1,
        Node::Event(event) if event.is_named() && event.is_timed() => 1,
        Node::Reading(reading) if reading.against() == Against::Own => 2,
        Node::Reading(reading) if reading.from.is_some() && reading.to.is_some() => 3,
        Node::Event(event) if event.is_named() => 4,
        Node::Event(_) | Node::Reading(_) => 5,
        Node::Is(_) => 6,
        Node::Not(_) => 7,
    }
}

pub(super) fn limit() -> i64 {
    i64::try_from(MOST_KEYS + 1).unwrap_or(i64::MAX)
}

/// What was found as a set, if it is not too much.
pub(super) fn bounded(keys: Vec<i64>, path: String) -> Result<Vec<i64>, ScopeError> {
    if keys.len() > MOST_KEYS { Err(ScopeError::TooMany(path)) } else { Ok(sets::set(keys)) }
}

/// Units found by events that stand: not by those that a correction says never were.
async fn standing(tx: &mut Tx, found: Vec<Found>, path: String) -> Result<Vec<i64>, ScopeError> {
    let corrected: Vec<Uuid> =
        found.iter().filter_map(|one| one.corrected).collect::<HashSet<_>>().into_iter().collect();
    let void = corrections::void_among(tx, &corrected).await?;
    without(found, &void, MOST_KEYS, path)
}

/// [`standing`], once it is known which events never were. What was read to the end of what
/// may be read is not all of it, whatever of it stands. Pure.
fn without(
    found: Vec<Found>,
    void: &HashSet<Uuid>,
    most: usize,
    path: String,
) -> Result<Vec<i64>, ScopeError> {
    if found.len() > most {
        return Err(ScopeError::TooMany(path));
    }
    let stands = |one: &Found| one.corrected.is_none_or(|event| !void.contains(&event));
    Ok(sets::set(found.into_iter().filter(stands).map(|one| one.key).collect()))
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn stage_number(name: &str) -> Option<i16> {
    Stage::from_str_name(name).and_then(|stage| i16::try_from(i32::from(stage)).ok())
}

/// Loads and operations, which have a beginning and an end.
const LASTING: [i16; 2] = [Stage::Operation as i16, Stage::Load as i16];

/// Units of events that fit. Those that documents name are always found to the end: a
/// document names few.
pub(super) async fn by_event(
    tx: &mut Tx,
    asked: &Asked<'_>,
    event: &Event,
    path: String,
    reach: Reach<'_>,
) -> Result<Part, ScopeError> {
    let own = tx.plants().codes();
    // Who was in a package to which it happened is named by no event of that.
    let around = match reach.within() {
        None => None,
        Some(within) => {
            let packages = stays::packages_ever(tx, within, limit()).await?;
            if packages.len() > MOST_KEYS {
                return Err(ScopeError::TooMany(path));
            }
            Some([within, packages.as_slice()].concat())
        }
    };
    let (among, wanted) = (reach, reach.within());
    let reach = match among {
        Reach::Whole(_) => Reach::Whole(around.as_deref()),
        Reach::Newest(look) => Reach::Newest(look),
    };
    let within = reach.within();
    let mut part = Part::default();
    let fits = Fits {
        machine: some(&event.machine),
        station: some(&event.station),
        operator: some(&event.operator),
        operation: some(&event.operation),
        shift: some(&event.shift),
        stages: stage_number(&event.stage).map(|stage| vec![stage]),
        outcome: number_of(&event.outcome, &OUTCOMES),
        reason: some(&event.reason),
        produced_from: event.produced_from,
        produced_to: event.produced_to,
        without_taken: event.without_taken,
        own,
        ..Fits::default()
    };
    // A machine that stands alone at its station: what is begun and ended there by hand.
    let beside = if event.machine.is_empty() || !event.station.is_empty() {
        None
    } else {
        store::station_of(tx, &event.machine).await?
    };
    let named = documents(tx, event).await?;
    for window in window::windows(&event.plant, event.from, event.to, &asked.zones, asked.zone) {
        let mut fits = placed(fits.clone(), &window, asked, event, within.is_none());
        let found = match &named {
            Some((numbers, types)) => {
                store::by_document(tx, (numbers, types), &fits, within, limit()).await?
            }
            None => events(tx, &fits, reach, &mut part).await?,
        };
        let found = standing(tx, found, path.clone()).await?;
        happened(tx, (&fits, named.as_ref()), found, reach, &mut part, &path).await?;
        let mut places = vec![fits.clone()];
        if let Some((plant, station)) = &beside {
            let at_plant = fits.plants.as_ref().is_none_or(|plants| plants.contains(plant));
            if at_plant && named.is_none() {
                fits.machine = Some(String::new());
                fits.station = Some(station.clone());
                fits.plants = Some(vec![plant.clone()]);
                fits.stages = Some(lasting(fits.stages.as_deref()));
                let found = events(tx, &fits, reach, &mut part).await?;
                let found = standing(tx, found, path.clone()).await?;
                happened(tx, (&fits, None), found, reach, &mut part, &path).await?;
                places.push(fits);
            }
        }
        if let (Some(from), true) = (window.from, event.is_place_only()) {
            for fits in places {
                let inside = inside_at(tx, fits, from, within, &path).await?;
                part.keys = sets::either(&part.keys, &inside);
            }
        }
    }
    if let Some(wanted) = wanted {
        part.keys.retain(|key| wanted.binary_search(key).is_ok());
    }
    part.keys = bounded(part.keys, path)?;
    Ok(part)
}

/// Units of events that fit, as far as is to be looked.
async fn events(
    tx: &mut Tx,
    fits: &Fits,
    reach: Reach<'_>,
    part: &mut Part,
) -> Result<Vec<Found>, ScopeError> {
    let look = match reach {
        Reach::Whole(within) => return Ok(store::by_event(tx, fits, within, limit()).await?),
        Reach::Newest(look) => look,
    };
    // By time alone they lie plant by plant, and each plant's newest are at an end.
    let places: Vec<Option<&String>> = match &fits.plants {
        Some(plants) if !fits.is_named() => plants.iter().map(Some).collect(),
        _ => vec![None],
    };
    let each = look.div_ceil(places.len().max(1));
    let mut found = Vec::new();
    for plant in places {
        let most = i64::try_from(each + 1).unwrap_or(i64::MAX);
        let mut rows = newest::by_event(tx, fits, plant.map(String::as_str), most).await?;
        part.cut(&mut rows, each);
        found.extend(rows.into_iter().map(newest::Recent::found));
    }
    Ok(found)
}

/// The filter at a window. Events that are found by their time alone are found by plant
/// and time, so that all plants are named then.
fn placed(mut fits: Fits, window: &Window, asked: &Asked<'_>, event: &Event, by_time: bool) -> Fits {
    let (made_from, made_to) = window::around(event.produced_from, event.produced_to);
    fits.from = window::later(window.from, made_from);
    fits.to = window::earlier(window.to, made_to);
    fits.plants.clone_from(&window.plants);
    if by_time && !event.is_named() && fits.plants.is_none() {
        let plants = asked.zones.iter().map(|(code, _)| code.clone()).chain([String::new()]);
        fits.plants = Some(plants.collect());
    }
    fits
}

/// The documents that an event has to name one of.
async fn documents(tx: &mut Tx, event: &Event) -> Result<Option<Documents>, ScopeError> {
    if !event.document.is_empty() {
        return Ok(Some((vec![event.document.clone()], vec![event.document_type.clone()])));
    }
    if event.customer.is_empty() {
        return Ok(None);
    }
    let mut numbers = store::orders_of(tx, &event.customer, limit()).await?;
    let mut types = vec!["so".to_owned(); numbers.len()];
    numbers.push(event.customer.clone());
    types.push("customer".to_owned());
    Ok(Some((numbers, types)))
}

pub(super) fn lasting(stages: Option<&[i16]>) -> Vec<i16> {
    LASTING.into_iter().filter(|stage| stages.is_none_or(|stages| stages.contains(stage))).collect()
}

pub(super) async fn by_reading(
    tx: &mut Tx,
    asked: &Asked<'_>,
    reading: &Reading,
    path: String,
    reach: Reach<'_>,
) -> Result<Part, ScopeError> {
    let against = match reading.against() {
        Against::Own => "own",
        Against::Outside => "outside",
        Against::Inside => "inside",
    };
    let own = tx.plants().codes();
    let mut part = Part::default();
    for window in window::windows(&reading.plant, reading.from, reading.to, &asked.zones, asked.zone) {
        let fits = Measured {
            name: reading.name.clone(),
            against: against.to_owned(),
            low: reading.low,
            high: reading.high,
            operation: some(&reading.operation),
            machine: some(&reading.machine),
            station: some(&reading.station),
            from: window.from,
            to: window.to,
            without_taken: reading.without_taken,
            plants: window.plants,
            own: own.clone(),
        };
        let found = match reach {
            Reach::Whole(within) => {
                // Who was in a package on which it was measured is named by no event of that.
                let around = match within {
                    None => None,
                    Some(within) => {
                        let packages = stays::packages_ever(tx, within, limit()).await?;
                        if packages.len() > MOST_KEYS {
                            return Err(ScopeError::TooMany(path));
                        }
                        Some([within, packages.as_slice()].concat())
                    }
                };
                store::by_reading(tx, &fits, around.as_deref(), limit()).await?
            }
            Reach::Newest(look) => {
                let most = i64::try_from(look + 1).unwrap_or(i64::MAX);
                let mut rows = newest::by_reading(tx, &fits, most).await?;
                part.cut(&mut rows, look);
                rows.into_iter().map(newest::Recent::found).collect()
            }
        };
        let measured = standing(tx, found, path.clone()).await?;
        let packages = stays::packages_among(tx, &measured).await?;
        part.keys = sets::either(&part.keys, &measured);
        if !packages.is_empty() {
            let mut moments = store::reading_moments(tx, &fits, &packages, limit()).await?;
            if moments.len() > MOST_KEYS {
                let Reach::Newest(_) = reach else {
                    return Err(ScopeError::TooMany(path));
                };
                moments.truncate(MOST_KEYS);
                part.more = true;
            }
            let corrected: Vec<Uuid> = moments.iter().filter_map(|one| one.corrected).collect();
            let void = corrections::void_among(tx, &corrected).await?;
            let stands = |event: &Option<Uuid>| event.is_none_or(|event| !void.contains(&event));
            let moments: Vec<_> = moments
                .into_iter()
                .filter(|one| stands(&one.corrected))
                .map(|one| (one.key, one.taken_at, one.agent_id))
                .collect();
            let inside = contents(tx, &moments).await?;
            part.keys = sets::either(&part.keys, &sets::set(inside.into_iter().collect()));
        }
    }
    if let Reach::Whole(Some(within)) = reach {
        part.keys.retain(|key| within.binary_search(key).is_ok());
    }
    part.keys = bounded(part.keys, path)?;
    Ok(part)
}

/// The labels named, as far as the caller may see them, and what they went into.
pub(super) async fn by_content(
    tx: &mut Tx,
    asked: &Asked<'_>,
    contains: &Contains,
    path: String,
    within: Option<&[i64]>,
) -> Result<Vec<i64>, ScopeError> {
    let wrong = |field: &str, key, value: &str| {
        let value = value.to_owned();
        let path = if path.is_empty() { String::new() } else { format!("{path}.") };
        ScopeError::Criteria(vec![Mistake { path: format!("{path}contains.{field}"), key, value }])
    };
    let labels = if let Some(lot) = contains.lot {
        holds::of_lots(tx, &[lot], limit()).await?
    } else if contains.supplier_lot.is_empty() {
        match service::resolve(tx, &contains.uid).await {
            Ok(found) => vec![found.uid.key().get()],
            Err(error @ (TraceError::Db(_) | TraceError::NoTenant)) => return Err(error.into()),
            Err(TraceError::Ambiguous { .. }) => return Err(wrong("uid", "ambiguous", &contains.uid)),
            Err(_) => return Err(wrong("uid", "uid", &contains.uid)),
        }
    } else {
        let supplier = (!contains.supplier.is_empty()).then_some(contains.supplier.as_str());
        store::of_supplier_lot(tx, &contains.supplier_lot, supplier, limit()).await?
    };
    if labels.len() > MOST_KEYS {
        return Err(ScopeError::TooMany(path));
    }
    let seen = scope::seen(tx, &labels).await?;
    let labels: Vec<i64> = labels.into_iter().filter(|key| seen.contains(key)).collect();
    let keys = bounded(asked.genealogy.descendants(tx, &labels, limit()).await?, path)?;
    Ok(match within {
        Some(within) => sets::both(within, &keys),
        None => keys,
    })
}

/// Units in a state. Where one is, and who has it, is where the outermost thing around it is; of
/// each kind, those in something and the others, at most `limit` are looked at.
pub(super) async fn by_state(
    tx: &mut Tx,
    asked: &Asked<'_>,
    is: &Is,
    within: Option<&[i64]>,
    limit: i64,
) -> Result<Part, ScopeError> {
    let state = store::State {
        item: some(&is.item),
        plant: some(&is.plant),
        life: number_of(&is.life, &names(Life::from_number, Life::name)),
        quality: number_of(&is.quality, &names(Quality::from_number, Quality::name)),
        custody: number_of(&is.custody, &names(Custody::from_number, Custody::name)),
    };
    let full = |found: &[i64]| i64::try_from(found.len()).is_ok_and(|found| found >= limit);
    if !is.is_placed() {
        let keys = store::by_state(tx, &state, within, limit).await?;
        let more = full(&keys);
        return Ok(Part { keys: sets::set(keys), more, since: None });
    }
    let inside = Some(Custody::Parent.number());
    let in_others = store::State { plant: None, custody: inside, ..state.clone() };
    let in_others = store::by_state(tx, &in_others, within, limit).await?;
    let mut more = full(&in_others);
    let mut keys = there(tx, asked, &state, &in_others).await?;
    if state.custody != inside {
        let own = store::by_state(tx, &state, within, limit).await?;
        more |= full(&own);
        let mut own = sets::set(own);
        if state.custody.is_none() {
            // What is in something is not where it says itself.
            let in_others = store::State { custody: inside, ..store::State::default() };
            let in_others = store::by_state(tx, &in_others, Some(&own), limit).await?;
            own = sets::without(&own, &sets::set(in_others));
        }
        keys = sets::either(&keys, &own);
    }
    Ok(Part { keys, more, since: None })
}

/// Of units that are in something, those of which the outermost thing is at the plant and in the
/// custody of a state, where that says one.
async fn there(
    tx: &mut Tx,
    asked: &Asked<'_>,
    state: &store::State,
    keys: &[i64],
) -> Result<Vec<i64>, ScopeError> {
    let custody = state.custody.filter(|custody| *custody != Custody::Parent.number());
    let fits = |outer: &Registered| {
        state.plant.as_ref().is_none_or(|plant| *plant == outer.plant)
            && custody.is_none_or(|custody| custody == outer.custody)
    };
    let mut found = Vec::new();
    for keys in keys.chunks(outer::COUNTED) {
        asked.limit_time(tx).await?;
        let rows = outer::with_parents(tx, keys).await?;
        let is_there = |key: &&i64| rows.get(*key).is_some_and(|row| fits(outer::outermost(&rows, row)));
        found.extend(keys.iter().filter(is_there));
    }
    Ok(sets::set(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_one_condition_may_find_is_told_with_its_path() {
        let most = i64::try_from(MOST_KEYS).unwrap();
        assert_eq!(bounded((0..most).rev().collect(), String::new()).unwrap().len(), MOST_KEYS);
        let told = bounded((0..=most).collect(), "all[1]".to_owned()).unwrap_err();
        assert!(matches!(&told, ScopeError::TooMany(path) if path == "all[1]"), "{told:?}");
    }

    #[test]
    fn a_condition_that_was_read_to_its_end_is_not_said_to_be_all() {
        let event = Uuid::from_u128(7);
        let row = |key, corrected| Found { key, corrected };
        let (void, path) = (HashSet::from([event]), String::new);
        let three = vec![row(3, None), row(1, Some(event)), row(2, Some(Uuid::from_u128(8)))];
        assert_eq!(without(three.clone(), &void, 3, path()).unwrap(), [2, 3]);
        let told = without(three, &void, 2, path()).unwrap_err();
        assert!(matches!(told, ScopeError::TooMany(_)), "one too many, though it was corrected away");
    }
}
