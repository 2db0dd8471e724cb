//! Tenants whose trial has ended and whose time of grace is over: listed, and erased one
//! after the other. Nothing runs this by itself; an operator schedules it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::erase::{Certificate, erase};
use super::{DataError, Watch, store};
use crate::authority::Authority;
use crate::db::{Db, DbError};
use crate::files::Depot;

/// A tenant that is due to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its id.
    pub tenant: Uuid,
    /// Its code.
    pub code: String,
    /// For people.
    pub name: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// It was begun, and cut short.
    pub begun: bool,
}

/// Suspended tenants whose time of grace is over, the longest first.
///
/// # Errors
/// [`DbError`].
pub async fn due(db: &Db, now: DateTime<Utc>) -> Result<Vec<Due>, DbError> {
    db.system_tx(async |system| Ok(store::due(system, now).await?)).await
}

/// Erases every tenant that is due, and hands each certificate to `done` at once. One that
/// fails is told there too and keeps no other waiting; it is due still, as is one that was
/// cut short, so that all of this can be run again. Whoever is given time meanwhile stays.
///
/// # Errors
/// [`DataError::Stopped`] when it was stopped; the database.
pub async fn erase_due(
    db: &Db,
    authority: &Authority,
    by: &str,
    files: Option<&Depot>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
    done: &mut (dyn FnMut(&Due, Result<Certificate, DataError>) + Send),
) -> Result<(), DataError> {
    for one in due(db, now).await? {
        // To erase those before it took its time.
        if !due(db, now).await?.iter().any(|still| still.tenant == one.tenant) {
            continue;
        }
        match erase(db, authority, one.tenant, (&one.code, by), files, now, watch).await {
            Err(DataError::Stopped) => return Err(DataError::Stopped),
            erased => done(&one, erased),
        }
    }
    Ok(())
}
