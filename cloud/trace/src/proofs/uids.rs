//! The part of the check that goes over UIDs: whether what stands in the registry, the
//! ledger, the ways and the holds of each is what its events come to.
//!
//! A UID is folded as the projection folds it, beside the projection and without holding it
//! up. What differs then may merely be on its way: it is judged once more with the
//! projection's cursor in hand, and only when no batch is left to project. What cannot be
//! judged now waits, and the check with it.

mod compare;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uid::TenantCode;
use uuid::Uuid;

use super::check::Looked;
use super::compare::Difference;
use super::links::{self, After};
use super::{ProofError, altered, held, store, told};
use crate::explore::service::own_code;
use crate::projection::expect::{self, Expected};
use crate::projection::{PROJECTION, store::queue};
use compare::Row;

/// A UID whose rows are not what its events come to.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    /// The UID.
    pub key: i64,
    /// The plant where it is by its events.
    pub plant: String,
    /// What differs.
    pub differs: Vec<Difference>,
}

/// Looks at up to `most` UIDs after one, or goes on with the links of that one.
pub(super) async fn step(
    tx: &mut Tx,
    (after, link): (i64, Option<Value>),
    most: i64,
    now: DateTime<Utc>,
) -> Result<Looked, ProofError> {
    if let Some(from) = link.and_then(|link| serde_json::from_value(link).ok()) {
        let (found, next) = links::more(tx, after, from).await?;
        for found in found {
            altered::tell(tx, &found, now).await?;
        }
        store::uids_checked(tx, (after, next.map(After::json)), 0, now).await?;
        return Ok(Looked { more: true, ..Looked::default() });
    }
    let mut keys = next(tx, after, most).await?;
    // One with more links than fit a step is the last of its step.
    let long = links::long(tx, &keys).await?;
    if let Some((key, _)) = &long {
        keys.retain(|other| other <= key);
    }
    let Some(&last) = keys.last() else {
        for wrong in held::look(tx).await? {
            altered::tell_hold(tx, wrong, now).await?;
        }
        let more = told::step(tx, &[], now).await?;
        return Ok(Looked { more, ..Looked::default() });
    };
    let code = own_code(tx).await.ok();
    let offices = offices(tx).await?;
    let mut wrong = look(tx, code, &keys, &offices).await?;
    if !wrong.is_empty() {
        // What follows from an altered event is told of that.
        let keys: Vec<i64> = wrong.iter().map(|one| one.key).collect();
        let touched = store::touched(tx, &keys).await?;
        wrong.retain(|one| !touched.contains(&one.key));
    }
    if !wrong.is_empty() {
        let keys: Vec<i64> = wrong.iter().map(|one| one.key).collect();
        match sure(tx, code, &keys, &offices).await? {
            Some(still) => wrong = still,
            None => return Ok(Looked::default()),
        }
    }
    for one in wrong {
        altered::tell_uid(tx, code, one, now).await?;
    }
    let uids = i64::try_from(keys.len()).unwrap_or(i64::MAX);
    store::uids_checked(tx, (last, long.map(|(_, after)| after.json())), uids, now).await?;
    Ok(Looked { uids, more: true, ..Looked::default() })
}

/// Judges UIDs while nothing is projected and nothing waits to be; `None` when that is not
/// so now.
async fn sure(
    tx: &mut Tx,
    code: Option<TenantCode>,
    keys: &[i64],
    offices: &[Uuid],
) -> Result<Option<Vec<Wrong>>, ProofError> {
    let Some(through) = queue::cursor_lock(tx, PROJECTION).await? else { return Ok(None) };
    let wrong = look(tx, code, keys, offices).await?;
    // Asked last: what was committed while the facts were read is among them already.
    if !queue::batches_after(tx, through, 1).await?.is_empty() {
        return Ok(None);
    }
    let unwritten = expect::unwritten(tx, keys).await?;
    Ok(Some(wrong.into_iter().filter(|one| !unwritten.contains(&one.key)).collect()))
}

/// Those of these UIDs whose rows are not what their events come to.
async fn look(
    tx: &mut Tx,
    code: Option<TenantCode>,
    keys: &[i64],
    offices: &[Uuid],
) -> Result<Vec<Wrong>, ProofError> {
    let expected = expect::expected(tx, keys, offices).await?;
    let rows = registry(tx, keys).await?;
    let standing = expect::standing(tx, keys).await?;
    let wrong = |said: Expected| {
        let differs = compare::differences(&said, rows.get(&said.key), &standing, code);
        (!differs.is_empty()).then_some(Wrong { key: said.key, plant: said.state.plant, differs })
    };
    Ok(expected.into_iter().filter_map(wrong).collect())
}

/// The next UIDs of which anything stands, in order. Goes from one to the next by the
/// indexes, however many rows each has.
pub(super) async fn next(tx: &mut Tx, after: i64, most: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive walk(key, nth) as (
               select $2::bigint, 0::bigint
             union all
               select least(
                   (select r.key from uid_registry r where r.tenant_id = $1 and r.key > w.key
                    order by r.key limit 1),
                   (select s.key from stock_ledger s where s.tenant_id = $1 and s.key > w.key
                    order by s.key limit 1),
                   (select l.from_key from uid_links l where l.tenant_id = $1 and l.from_key > w.key
                    order by l.from_key limit 1),
                   (select t.key from transfers t where t.tenant_id = $1 and t.key > w.key
                    order by t.key limit 1),
                   (select m.key from hold_members m where m.tenant_id = $1 and m.key > w.key
                    order by m.key limit 1)), w.nth + 1
               from walk w where w.key is not null and w.nth < $3)
           select key as "key!" from walk where nth > 0 and key is not null order by key"#,
        tenant,
        after,
        most,
    )
    .fetch_all(tx.conn())
    .await
}

/// Agents that stand for the office.
async fn offices(tx: &mut Tx) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select agent_id from agents where tenant_id = $1 and kind = 'office'", tenant)
        .fetch_all(tx.conn())
        .await
}

/// Rows of the registry.
async fn registry(tx: &mut Tx, keys: &[i64]) -> Result<HashMap<i64, Row>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Row,
        "select key, item, lot_id, quantity, unit, life, quality, custody, plant, location, parent_key, \
             owner, order_number, last_at, last_stage, events from uid_registry \
         where tenant_id = $1 and key = any($2)",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row)).collect())
}
