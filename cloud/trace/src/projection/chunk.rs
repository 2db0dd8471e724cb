//! Some UIDs folded and written together: states, stock, ways, holds of plants,
//! what waits for its counterpart, and what disagrees.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use platform::db::Tx;
use proto::v1::Stage;
use sqlx::Error;
use uid::TenantCode;

use super::contradiction::{Contradiction, KINDS, Lack, OVERRIDDEN, WHILE_HELD};
use super::fact::Fact;
use super::fold::{Folded, carries, fold};
use super::holding;
use super::origin;
use super::state::State;
use super::stock::Entry;
use super::store::facts::{self, Facts};
use super::store::holds as settled;
use super::store::queue::Batch;
use super::store::write::{self, Transfer};
use super::tell;
use super::waits::{self, Wait};
use crate::explore::order::{Stamp, causal, passages, voided};
use crate::holds;

/// What else follows from a chunk.
#[derive(Debug, Default)]
pub struct Found {
    /// UIDs whose content must be folded too, because one of their facts came
    /// late.
    pub late: Vec<i64>,
    /// UIDs from which others were split off, and about which something is new.
    pub sources: Vec<i64>,
    /// What plants are to be told of holds that plants placed or released.
    pub told: holds::Told,
}

/// The events of the batches that are being applied.
#[derive(Clone, Copy)]
struct News<'a>(&'a [Batch]);

impl News<'_> {
    fn has(self, stamp: Stamp) -> bool {
        self.0.iter().any(|batch| {
            batch.agent_id == stamp.agent
                && batch.epoch == stamp.epoch
                && (batch.from_seq..=batch.to_seq).contains(&stamp.seq)
        })
    }
}

/// Folds and writes some UIDs.
///
/// # Errors
/// The database.
pub async fn fold_and_write(
    tx: &mut Tx,
    tenant: TenantCode,
    keys: &[i64],
    batches: &[Batch],
) -> Result<Found, Error> {
    let facts = facts::load(tx, keys).await?;
    let mut born = facts::born(tx, keys).await?;
    let registered: HashSet<i64> = born.keys().copied().collect();
    origin::inherit(tx, keys, &facts, &mut born).await?;
    let last = batches.last().map_or(0, |batch| batch.batch_id);
    let mut found = Found { told: plant_holds(tx, keys, &facts, last).await?, ..Found::default() };
    let held = facts::held(tx, keys).await?;
    let (nobody, free) = (super::fold::Born::default(), Vec::new());
    let mut folded: Vec<(i64, Folded)> = Vec::with_capacity(keys.len());
    let mut ways = Vec::new();
    let mut waiting: HashMap<&str, Vec<(i64, Stamp)>> = HashMap::new();
    for &key in keys {
        let own: Vec<&Arc<Fact>> = facts.own(key).collect();
        if came_late(&own, key, News(batches)) {
            found.late.push(key);
        }
        if is_source(&facts, key, News(batches)) {
            found.sources.push(key);
        }
        let concerning = facts.concerning(key);
        let arrivals = travel(key, &concerning, &mut ways);
        let mut waits = |wait: Wait, stamps: Vec<Stamp>| {
            waiting.entry(wait.projection).or_default().extend(stamps.into_iter().map(|stamp| (key, stamp)));
        };
        waits(waits::DEPARTURE, arrivals);
        if !registered.contains(&key) {
            waits(waits::BIRTH, first_use(key, &concerning).into_iter().collect());
        }
        let birth = born.get(&key).unwrap_or(&nobody);
        let times = held.get(&key).unwrap_or(&free);
        let result = fold(key, birth, &concerning, times);
        let lacks = |lack: Lack| {
            result.unmatched.iter().filter(|(other, _)| *other == lack).map(|(_, stamp)| *stamp).collect()
        };
        waits(waits::JOINING, lacks(Lack::Joining));
        waits(waits::SENDING, lacks(Lack::Sending));
        folded.push((key, result));
    }
    folded.sort_by_key(|(key, _)| *key);
    let states: Vec<(i64, &State)> = folded.iter().map(|(key, folded)| (*key, &folded.state)).collect();
    write::registry(tx, &states).await?;
    ledger(tx, keys, &folded).await?;
    ways.sort_by_key(|way: &Transfer| (way.key, way.out));
    write::transfers(tx, keys, &ways).await?;
    let mut standing = Vec::new();
    for wait in waits::ALL {
        let mut parked = waiting.remove(wait.projection).unwrap_or_default();
        parked.sort_unstable();
        write::parked(tx, wait.projection, wait.waits_for, keys, &parked).await?;
        standing.extend(parked.iter().map(|(key, stamp)| (wait.kind, wait.fingerprint(*key, *stamp))));
    }
    let mut openings = Vec::new();
    // One act is one exception: a gap of the hold tells the same, and more of it.
    let under_hold = |found: &Contradiction| {
        found.hold.filter(|_| WHILE_HELD.contains(&found.kind)).map(|hold| (hold, found.at))
    };
    let asked: Vec<_> =
        folded.iter().flat_map(|(_, folded)| &folded.contradictions).filter_map(under_hold).collect();
    let gaps = settled::gaps(tx, &asked).await?;
    for (key, folded) in &folded {
        let own = |found: &&Contradiction| under_hold(found).is_none_or(|act| !gaps.contains(&act));
        for found in folded.contradictions.iter().filter(own) {
            standing.push((found.kind, found.fingerprint.clone()));
            openings.push(tell::contradiction(tenant, *key, found, &facts));
        }
    }
    let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| *kind != OVERRIDDEN).collect();
    write::exceptions_withdraw(tx, keys, &kinds, &standing).await?;
    write::exceptions_open(tx, openings).await?;
    Ok(found)
}

/// Settles the holds that plants placed on these UIDs; answers what plants are to
/// be told of those that changed.
async fn plant_holds(tx: &mut Tx, keys: &[i64], facts: &Facts, last: i64) -> Result<holds::Told, Error> {
    let named: Vec<i64> =
        keys.iter().copied().filter(|&key| facts.own(key).any(|fact| fact.stage == Stage::Hold)).collect();
    if named.is_empty() {
        return Ok(holds::Told::default());
    }
    let placed: Vec<_> = named.iter().flat_map(|&key| holding::of_key(key, &facts.told(key))).collect();
    let mut told = holds::Told::default();
    for hold in settled::settle(tx, &placed, last).await? {
        told.changed(tx, &hold).await?;
    }
    Ok(told)
}

/// Whether others were split off this UID, and something is new that may change
/// the quality with which they began: a verdict, a correction, its birth, or what
/// decides the order of facts between agents.
fn is_source(facts: &Facts, key: i64, news: News<'_>) -> bool {
    facts.own(key).any(|fact| origin::splits(fact, key))
        && facts.told(key).iter().filter(|fact| news.has(fact.stamp)).any(|fact| {
            matches!(fact.stage, Stage::Inspection | Stage::Rework | Stage::Return | Stage::Correct)
                || carries(fact, key)
                || fact.parts_of(key).any(|part| part.mint)
        })
}

/// Whether a fact of these batches that moved the UID stands before one that
/// was there already.
fn came_late(own: &[&Arc<Fact>], key: i64, news: News<'_>) -> bool {
    let fresh = |stamp: Stamp| news.has(stamp);
    // A correction reaches back by its nature.
    if own.iter().any(|fact| fact.stage == Stage::Correct && fresh(fact.stamp)) {
        return true;
    }
    if !own.iter().any(|fact| fresh(fact.stamp) && carries(fact, key)) {
        return false;
    }
    let nodes: Vec<_> = own.iter().map(|fact| fact.node(key)).collect();
    let mut seen_fresh = false;
    for at in causal(&nodes) {
        if !fresh(nodes[at].stamp) {
            if seen_fresh {
                return true;
            }
        } else if carries(own[at], key) {
            seen_fresh = true;
        }
    }
    false
}

/// The ways of a UID between plants, by its own facts that stand; answers the
/// arrivals whose departure nobody has told.
pub(super) fn travel(key: i64, concerning: &[Arc<Fact>], ways: &mut Vec<Transfer>) -> Vec<Stamp> {
    let all: Vec<_> = concerning.iter().map(|fact| fact.node(key)).collect();
    let void = voided(&all);
    let standing: Vec<&Arc<Fact>> = concerning
        .iter()
        .zip(&void)
        .filter(|(fact, void)| !**void && fact.parts_of(key).next().is_some())
        .map(|(fact, _)| fact)
        .collect();
    let nodes: Vec<_> = standing.iter().map(|fact| fact.node(key)).collect();
    let found = passages(&nodes);
    let mut add = |out: usize, arrival: Option<usize>| {
        let fact = standing[out];
        if fact.stage != Stage::Transfer {
            return;
        }
        let to_plant = match arrival {
            Some(arrival) => standing[arrival].plant.clone(),
            None => fact.to_plant.clone(),
        };
        ways.push(Transfer {
            key,
            out: fact.stamp,
            from_plant: fact.plant.clone(),
            to_plant,
            document: fact.reference.1.clone(),
            left_at: fact.occurred_at,
            arrival: arrival.map(|arrival| (standing[arrival].stamp, standing[arrival].occurred_at)),
        });
    };
    for &(out, arrival) in &found.pairs {
        add(out, Some(arrival));
    }
    for &out in &found.departures {
        add(out, None);
    }
    found.arrivals.iter().map(|&at| standing[at].stamp).collect()
}

/// The first fact that stands and shows that the UID is there: what comes before
/// a birth by its nature, and what says nothing of the thing, do not.
fn first_use(key: i64, concerning: &[Arc<Fact>]) -> Option<Stamp> {
    let nodes: Vec<_> = concerning.iter().map(|fact| fact.node(key)).collect();
    let void = voided(&nodes);
    concerning
        .iter()
        .zip(&void)
        .filter(|(fact, void)| !**void && fact.parts_of(key).next().is_some())
        .map(|(fact, _)| fact)
        .filter(|fact| {
            !matches!(
                fact.stage,
                Stage::Unspecified
                    | Stage::Procurement
                    | Stage::GateIn
                    | Stage::Label
                    | Stage::Hold
                    | Stage::Release
                    | Stage::Refused
                    | Stage::Correct
                    | Stage::Lost
            )
        })
        .min_by_key(|fact| (fact.occurred_at, fact.stamp))
        .map(|fact| fact.stamp)
}

/// Writes what differs between the ledger and the folds.
async fn ledger(tx: &mut Tx, keys: &[i64], folded: &[(i64, Folded)]) -> Result<(), Error> {
    type Id = (i64, Stamp, i16);
    let before = write::ledger_of(tx, keys).await?;
    let before: HashMap<Id, &Entry> =
        before.iter().map(|(key, entry)| ((*key, entry.stamp, entry.ordinal), entry)).collect();
    let mut after: HashSet<Id> = HashSet::new();
    let mut changed: Vec<(i64, &Entry)> = Vec::new();
    for (key, folded) in folded {
        for entry in &folded.entries {
            let id = (*key, entry.stamp, entry.ordinal);
            after.insert(id);
            if before.get(&id) != Some(&entry) {
                changed.push((*key, entry));
            }
        }
    }
    let mut gone: Vec<(i64, &Entry)> =
        before.iter().filter(|(id, _)| !after.contains(*id)).map(|(id, entry)| (id.0, *entry)).collect();
    gone.sort_by_key(|(key, entry)| (*key, entry.stamp, entry.ordinal));
    changed.sort_by_key(|(key, entry)| (*key, entry.stamp, entry.ordinal));
    write::ledger_delete(tx, &gone).await?;
    write::ledger_upsert(tx, &changed).await
}
