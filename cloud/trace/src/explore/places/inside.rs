//! Who was in the packages on which a machine measured.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use platform::db::Tx;
use uid::TenantCode;
use uuid::Uuid;

use super::model::UnitRef;
use super::service::MOST_UNITS;
use crate::explore::error::TraceError;
use crate::explore::service::uid_text;
use crate::explore::stays::{self, Measured};
use crate::explore::store::label;
use crate::explore::store::places::{PassRow, Subject};

/// The part that a UID plays in what was measured on a package around it.
const INSIDE: &str = "inside";

/// What was in the packages on which events measured, while they did, by the number of the
/// event: it was measured on that as well. None of the event's own UIDs.
pub(super) async fn inside(
    tx: &mut Tx,
    own: TenantCode,
    subjects: &[Subject],
    rows: &[PassRow],
    readings: &HashMap<(Uuid, i32, i64), Vec<label::ReadingRow>>,
) -> Result<HashMap<i64, Vec<UnitRef>>, TraceError> {
    let at: HashMap<i64, (Uuid, Vec<DateTime<Utc>>)> = (1_i64..)
        .zip(rows)
        .filter_map(|(number, row)| {
            let told = readings.get(&(row.agent_id, row.epoch, row.seq))?;
            let mut at: Vec<_> = told.iter().map(|reading| reading.taken_at).collect();
            at.sort_unstable();
            at.dedup();
            Some((number, (row.agent_id, at)))
        })
        .collect();
    let on: Vec<&Subject> = subjects.iter().filter(|one| at.contains_key(&one.event)).collect();
    if on.is_empty() {
        return Ok(HashMap::new());
    }
    let measured: Vec<Measured> = on
        .iter()
        .filter_map(|one| {
            let (agent, at) = at.get(&one.event)?.clone();
            Some(Measured { package: one.key, at, agent })
        })
        .collect();
    let mut contents: HashMap<i64, BTreeSet<i64>> = HashMap::new();
    for (one, keys) in on.iter().zip(stays::inside(tx, &measured).await?) {
        contents.entry(one.event).or_default().extend(keys);
    }
    for one in subjects {
        if let Some(keys) = contents.get_mut(&one.event) {
            keys.remove(&one.key);
        }
    }
    // One more than are told shows that there are more.
    let first: HashMap<i64, Vec<i64>> = contents
        .into_iter()
        .map(|(event, keys)| (event, keys.into_iter().take(MOST_UNITS + 1).collect()))
        .collect();
    let keys: BTreeSet<i64> = first.values().flatten().copied().collect();
    let known = label::registered(tx, &keys.into_iter().collect::<Vec<_>>()).await?;
    let items: HashMap<i64, String> = known.into_iter().map(|row| (row.key, row.item)).collect();
    let unit = |key: i64| UnitRef {
        uid: uid_text(own, key),
        item: items.get(&key).cloned().unwrap_or_default(),
        role: INSIDE,
    };
    Ok(first.into_iter().map(|(event, keys)| (event, keys.into_iter().map(unit).collect())).collect())
}
