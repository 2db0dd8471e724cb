//! What batches come to: which UIDs and orders they concern, in which order they
//! are folded, and what happens to a part that cannot be written.

use std::collections::BTreeSet;

use platform::db::{DbError, Tx};
use sqlx::Error;
use uid::TenantCode;

use super::chunk::{self, Found};
use super::corrected;
use super::fold::CARRY;
use super::orders;
use super::store::queue::{self, Batch, Ranges};
use super::store::write;
use super::tell;
use crate::explore::store::label;
use crate::holds::Told;

/// UIDs folded and written at a time.
const CHUNK: usize = 1_000;

/// Applies batches. `apart` gives each UID and each order a savepoint of its own:
/// one that cannot be written becomes the exception `projection.failed`, which is
/// withdrawn once it can.
///
/// # Errors
/// The database. With `apart`, only what trying again may mend.
pub async fn apply(tx: &mut Tx, ranges: &Ranges, batches: &[Batch], apart: bool) -> Result<(), DbError> {
    let mut touched: BTreeSet<i64> = queue::keys_touched(tx, ranges).await?.into_iter().collect();
    let stages = CARRY.map(|stage| stage as i16);
    let mut movers: BTreeSet<i64> = queue::movers_touched(tx, ranges, &stages).await?.into_iter().collect();
    let mut open = queue::corrected_by(tx, ranges).await?;
    let mut named = open.clone();
    let corrects = !open.is_empty();
    for _ in 0..16 {
        if open.is_empty() {
            break;
        }
        let (keys, next) = queue::named_by(tx, &open).await?;
        movers.extend(keys.iter().copied());
        touched.extend(keys);
        named.extend(next.iter().copied());
        open = next;
    }
    let Some(tenant) = label::tenant_code(tx).await?.and_then(|code| code.parse().ok()) else {
        return Ok(());
    };
    let movers: Vec<i64> = movers.into_iter().collect();
    let mut told = labels(tx, tenant, touched, &movers, batches, apart).await?;
    let mut rows = Vec::new();
    let mut documents: BTreeSet<(String, String)> =
        queue::orders_touched(tx, ranges, &named, &orders::TYPES).await?.into_iter().collect();
    // An arrival need not name the order by which its departure left.
    documents.extend(queue::orders_of_ways(tx, &movers).await?);
    for document in documents {
        if apart {
            write::savepoint(tx).await?;
        }
        let done = orders::settle(tx, &document).await;
        match settled(tx, apart, done).await? {
            Ok(changed) => rows.extend(changed),
            Err(error) => {
                write::exceptions_open(tx, vec![tell::document_failed(&document, batches, &error)]).await?
            }
        }
    }
    if corrects {
        rows.extend(corrected::rows(tx, ranges).await?);
    }
    // Last: it locks the tenant's counter until the commit.
    told.rows.extend(rows);
    told.publish(tx).await
}

/// Folds and writes the labels that were touched, and those that follow from
/// them; answers what plants are to be told.
async fn labels(
    tx: &mut Tx,
    tenant: TenantCode,
    touched: BTreeSet<i64>,
    movers: &[i64],
    batches: &[Batch],
    apart: bool,
) -> Result<Told, DbError> {
    let mut told = Told::default();
    let mut seen = touched.clone();
    // Only what moved takes others along: a box of thousands is filled one by one.
    let now_inside = queue::members_now(tx, movers).await?;
    let mut open: Vec<i64> = touched.into_iter().collect();
    open.extend(now_inside.into_iter().filter(|key| seen.insert(*key)));
    let size = if apart { 1 } else { CHUNK };
    while !open.is_empty() {
        let mut found = Found::default();
        for keys in open.chunks(size) {
            if apart {
                write::savepoint(tx).await?;
            }
            let done = chunk::fold_and_write(tx, tenant, keys, batches).await;
            match settled(tx, apart, done.map_err(DbError::from)).await? {
                Ok(more) => {
                    found.late.extend(more.late);
                    found.sources.extend(more.sources);
                    told.join(more.told);
                }
                Err(error) => {
                    write::exceptions_open(tx, vec![tell::label_failed(keys, batches, &error)]).await?
                }
            }
        }
        // What came late moved things that have left since; what is new about
        // goods is new about those that were split off them.
        let mut next = queue::members_ever(tx, &found.late).await?;
        next.extend(queue::split_off(tx, &found.sources).await?);
        open = next.into_iter().filter(|key| seen.insert(*key)).collect();
    }
    Ok(told)
}

/// Ends the savepoint of a part that was done `apart`: a lasting error becomes the
/// inner one and leaves nothing behind, one that may pass ends the transaction.
async fn settled<T>(
    tx: &mut Tx,
    apart: bool,
    done: Result<T, DbError>,
) -> Result<Result<T, DbError>, DbError> {
    match done {
        Ok(value) => {
            if apart {
                write::savepoint_release(tx).await?;
            }
            Ok(Ok(value))
        }
        // One part that takes longer than a statement may is no passing trouble.
        Err(error) if apart && (!error.is_transient() || timed_out(&error)) => {
            write::savepoint_undo(tx).await?;
            Ok(Err(error))
        }
        Err(error) => Err(error),
    }
}

/// Whether a statement was cancelled because it took too long.
#[must_use]
pub fn timed_out(error: &DbError) -> bool {
    matches!(error, DbError::Sqlx(Error::Database(told)) if told.code().as_deref() == Some("57014"))
}
