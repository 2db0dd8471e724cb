//! What batches come to: which UIDs they concern, and what is written of each.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::Stage;
use serde_json::{Value, json};
use sqlx::Error;
use uid::TenantCode;

use super::PROJECTION;
use super::contradiction::{Contradiction, KINDS};
use super::fact::Fact;
use super::fold::{CARRY, Folded, carries, fold};
use super::origin;
use super::state::State;
use super::stock::Entry;
use super::store::facts::{self, Facts};
use super::store::queue::{self, Batch, Parked, Ranges};
use super::store::write::{self, Opening, Transfer};
use crate::explore::order::{Stamp, causal, passages, voided};
use crate::explore::service::uid_text;
use crate::explore::store::label;

/// UIDs folded and written at a time.
const CHUNK: usize = 1_000;

/// The kind of an arrival without a departure.
pub const ARRIVAL: &str = "transfer.arrival_without_departure";

/// The kind of a UID that is used and was never born.
pub const NEVER_BORN: &str = "uid.never_born";
/// Under which uses are parked that wait for a birth.
pub const BIRTHS: &str = "trace.births";

/// Applies batches. `apart` gives each UID a savepoint of its own: one that
/// cannot be written becomes the exception `projection.failed`.
pub async fn apply(tx: &mut Tx, ranges: &Ranges, batches: &[Batch], apart: bool) -> Result<(), Error> {
    let mut touched: BTreeSet<i64> = queue::keys_touched(tx, ranges).await?.into_iter().collect();
    let stages = CARRY.map(|stage| stage as i16);
    let mut movers: BTreeSet<i64> = queue::movers_touched(tx, ranges, &stages).await?.into_iter().collect();
    let mut corrected = queue::corrected_by(tx, ranges).await?;
    let orders = queue::orders_touched(tx, ranges, &corrected).await?;
    for _ in 0..16 {
        if corrected.is_empty() {
            break;
        }
        let (keys, next) = queue::named_by(tx, &corrected).await?;
        movers.extend(keys.iter().copied());
        touched.extend(keys);
        corrected = next;
    }
    let Some(tenant) = label::tenant_code(tx).await?.and_then(|code| code.parse().ok()) else {
        return Ok(());
    };
    let mut seen = touched.clone();
    // Only what moved takes others along: a box of thousands is filled one by one.
    let now_inside = queue::members_now(tx, &movers.into_iter().collect::<Vec<_>>()).await?;
    let mut open: Vec<i64> = touched.into_iter().collect();
    open.extend(now_inside.into_iter().filter(|key| seen.insert(*key)));
    let chunk = if apart { 1 } else { CHUNK };
    while !open.is_empty() {
        let mut late = Vec::new();
        for keys in open.chunks(chunk) {
            if apart {
                write::savepoint(tx).await?;
                match one_chunk(tx, tenant, keys, batches).await {
                    Ok(found) => {
                        write::savepoint_release(tx).await?;
                        late.extend(found);
                    }
                    Err(error) => {
                        write::savepoint_undo(tx).await?;
                        write::exceptions_open(tx, vec![failed(keys, batches, &error)]).await?;
                    }
                }
            } else {
                late.extend(one_chunk(tx, tenant, keys, batches).await?);
            }
        }
        // What came late moved things that have left since.
        open = queue::members_ever(tx, &late).await?.into_iter().filter(|key| seen.insert(*key)).collect();
    }
    write::receipts(tx, &orders).await
}

fn failed(keys: &[i64], batches: &[Batch], error: &Error) -> Opening {
    let batch = batches.first().map_or(0, |batch| batch.batch_id);
    let key = keys.first().copied();
    Opening {
        kind: "projection.failed".into(),
        fingerprint: format!("{}:{batch}", key.unwrap_or_default()),
        plant: String::new(),
        at: None,
        key,
        document: String::new(),
        detail: json!({ "batch_id": batch.to_string(), "problem": error.to_string() }),
    }
}

/// Folds and writes some UIDs; answers those whose content must be folded too
/// because one of their facts came late.
async fn one_chunk(
    tx: &mut Tx,
    tenant: TenantCode,
    keys: &[i64],
    batches: &[Batch],
) -> Result<Vec<i64>, Error> {
    let facts = facts::load(tx, keys).await?;
    let mut born = facts::born(tx, keys).await?;
    let registered: HashSet<i64> = born.keys().copied().collect();
    origin::inherit(tx, keys, &facts, &mut born).await?;
    let held = facts::held(tx, keys).await?;
    let (nobody, free) = (super::fold::Born::default(), Vec::new());
    let mut folded: Vec<(i64, Folded)> = Vec::with_capacity(keys.len());
    let mut ways = Vec::new();
    let mut arrivals = Vec::new();
    let mut unborn = Vec::new();
    let mut late = Vec::new();
    for &key in keys {
        let own: Vec<&Arc<Fact>> = facts.own(key).collect();
        if came_late(&own, key, batches) {
            late.push(key);
        }
        let concerning = facts.concerning(key);
        travel(key, &concerning, &mut ways, &mut arrivals);
        if !registered.contains(&key) {
            unborn.extend(first_use(key, &concerning).map(|stamp| (key, stamp)));
        }
        let birth = born.get(&key).unwrap_or(&nobody);
        let times = held.get(&key).unwrap_or(&free);
        folded.push((key, fold(key, birth, &concerning, times)));
    }
    folded.sort_by_key(|(key, _)| *key);
    let states: Vec<(i64, &State)> = folded.iter().map(|(key, folded)| (*key, &folded.state)).collect();
    write::registry(tx, &states).await?;
    ledger(tx, keys, &folded).await?;
    ways.sort_by_key(|way: &Transfer| (way.key, way.out));
    write::transfers(tx, keys, &ways).await?;
    arrivals.sort_unstable();
    write::parked(tx, PROJECTION, "departure", keys, &arrivals).await?;
    unborn.sort_unstable();
    write::parked(tx, BIRTHS, "birth", keys, &unborn).await?;
    exceptions(tx, tenant, keys, &folded, &facts, &arrivals, &unborn).await?;
    Ok(late)
}

/// Whether a fact of these batches that moved the UID stands before one that
/// was there already.
fn came_late(own: &[&Arc<Fact>], key: i64, batches: &[Batch]) -> bool {
    let fresh = |stamp: Stamp| {
        batches.iter().any(|batch| {
            batch.agent_id == stamp.agent
                && batch.epoch == stamp.epoch
                && (batch.from_seq..=batch.to_seq).contains(&stamp.seq)
        })
    };
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

/// The ways of a UID between plants, by its own facts that stand.
fn travel(key: i64, concerning: &[Arc<Fact>], ways: &mut Vec<Transfer>, arrivals: &mut Vec<(i64, Stamp)>) {
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
    arrivals.extend(found.arrivals.iter().map(|&at| (key, standing[at].stamp)));
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

async fn exceptions(
    tx: &mut Tx,
    tenant: TenantCode,
    keys: &[i64],
    folded: &[(i64, Folded)],
    facts: &Facts,
    arrivals: &[(i64, Stamp)],
    unborn: &[(i64, Stamp)],
) -> Result<(), Error> {
    let mut standing: Vec<(&str, String)> =
        arrivals.iter().map(|(key, stamp)| (ARRIVAL, arrival_print(*key, *stamp))).collect();
    standing.extend(unborn.iter().map(|(key, _)| (NEVER_BORN, key.to_string())));
    let mut openings = Vec::new();
    for (key, folded) in folded {
        for found in &folded.contradictions {
            standing.push((found.kind, found.fingerprint.clone()));
            openings.push(opening(tenant, *key, found, facts));
        }
    }
    write::exceptions_withdraw(tx, keys, &KINDS, &standing).await?;
    write::exceptions_open(tx, openings).await
}

fn opening(tenant: TenantCode, key: i64, found: &Contradiction, facts: &Facts) -> Opening {
    let fact = facts.get(found.at);
    Opening {
        kind: found.kind.into(),
        fingerprint: found.fingerprint.clone(),
        plant: fact.map(|fact| fact.plant.clone()).unwrap_or_default(),
        at: Some(found.at),
        key: Some(key),
        document: fact.map(|fact| fact.reference.1.clone()).unwrap_or_default(),
        detail: json!({
            "uid": uid_text(tenant, key),
            "fact": fact.map(|fact| side(fact)),
            "against": found.against.and_then(|stamp| facts.get(stamp)).map(|fact| side(fact)),
            "hold": found.hold,
        }),
    }
}

/// One side of a disagreement, for a person to read.
fn side(fact: &Fact) -> Value {
    json!({
        "event_id": fact.event_id,
        "agent": fact.stamp.agent,
        "epoch": fact.stamp.epoch,
        "seq": fact.stamp.seq.to_string(),
        "stage": fact.stage.as_str_name(),
        "plant": fact.plant,
        "station": fact.station,
        "operator": fact.operator,
        "overridden_by": fact.overridden_by,
        "reason": fact.reason,
        "reference": fact.reference.1,
        "occurred_at": time(fact.occurred_at),
    })
}

fn time(at: DateTime<Utc>) -> String {
    crate::explore::names::timestamp(at)
}

fn arrival_print(key: i64, stamp: Stamp) -> String {
    format!("{key}:{}/{}/{}", stamp.agent, stamp.epoch, stamp.seq)
}

/// Opens the exceptions of arrivals that have waited long enough.
pub async fn open_ripe(tx: &mut Tx, ripe: &[Parked]) -> Result<(), Error> {
    if ripe.is_empty() {
        return Ok(());
    }
    let code: Option<TenantCode> = label::tenant_code(tx).await?.and_then(|code| code.parse().ok());
    let openings = ripe
        .iter()
        .map(|parked| {
            let stamp = Stamp { agent: parked.agent_id, epoch: parked.epoch, seq: parked.seq };
            Opening {
                kind: ARRIVAL.into(),
                fingerprint: arrival_print(parked.key, stamp),
                plant: parked.plant.clone(),
                at: Some(stamp),
                key: Some(parked.key),
                document: String::new(),
                detail: json!({
                    "uid": code.map(|code| uid_text(code, parked.key)),
                    "arrived_at_plant": parked.plant,
                    "waits_for": "departure",
                    "parked_at": time(parked.parked_at),
                }),
            }
        })
        .collect();
    write::exceptions_open(tx, openings).await
}

/// Opens the exceptions of uses that have waited long enough for a birth.
pub async fn open_unborn(tx: &mut Tx, ripe: &[Parked]) -> Result<(), Error> {
    if ripe.is_empty() {
        return Ok(());
    }
    let code: Option<TenantCode> = label::tenant_code(tx).await?.and_then(|code| code.parse().ok());
    let openings = ripe
        .iter()
        .map(|parked| Opening {
            kind: NEVER_BORN.into(),
            fingerprint: parked.key.to_string(),
            plant: parked.plant.clone(),
            at: Some(Stamp { agent: parked.agent_id, epoch: parked.epoch, seq: parked.seq }),
            key: Some(parked.key),
            document: String::new(),
            detail: json!({
                "uid": code.map(|code| uid_text(code, parked.key)),
                "used_at_plant": parked.plant,
                "waits_for": "birth",
                "parked_at": time(parked.parked_at),
            }),
        })
        .collect();
    write::exceptions_open(tx, openings).await
}
