//! Tenants whose trial has ended and whose time of grace is over: listed, and erased one
//! after the other: by an operator, or by the cloud where its settings say so.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde_json::json;
use uuid::Uuid;

use super::erase::{Certificate, ERASE};
use super::{DataError, Watch, erase, store};
use crate::admin::log::{self, Who};
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

/// Removes what is kept of a tenant beside the database and the files: mirrors, exports.
pub type Beside<'a> = dyn Fn(Uuid) -> BoxFuture<'a, Result<(), DataError>> + Send + Sync + 'a;

/// How the tenants that are due are erased.
pub struct Order<'a> {
    /// Who signs the certificates.
    pub authority: &'a Authority,
    /// Who orders it, for the certificates.
    pub by: &'a str,
    /// Who does it, for the log of super-administrators.
    pub who: &'a Who,
    /// The store of attached files.
    pub files: Option<&'a Depot>,
    /// Called before a tenant is erased, so that nothing is left of one whose erasure is
    /// certified, and after it, for what was being written meanwhile.
    pub beside: &'a Beside<'a>,
}

/// Erases every tenant that is due, and hands each certificate to `done` at once. One that
/// fails is told there too and keeps no other waiting; it is due still, as is one that was
/// cut short, so that all of this can be run again. Whoever is given time meanwhile stays.
///
/// # Errors
/// [`DataError::Stopped`] when it was stopped; the database.
pub async fn erase_due(
    db: &Db,
    order: &Order<'_>,
    now: DateTime<Utc>,
    watch: &mut Watch<'_>,
    done: &mut (dyn FnMut(&Due, Result<Certificate, DataError>) + Send),
) -> Result<(), DataError> {
    for one in due(db, now).await? {
        // To erase those before it took its time. Whoever is given some from here on is at
        // another version.
        let seen = erase::seen(db, one.tenant).await?;
        if !due(db, now).await?.iter().any(|still| still.tenant == one.tenant) {
            continue;
        }
        let erased = async {
            (order.beside)(one.tenant).await?;
            let typed = (one.code.as_str(), order.by);
            let aimed = (one.tenant, seen);
            let work = erase::erase_as_seen(db, order.authority, aimed, typed, order.files, now, watch);
            let about = json!({ "code": one.code, "by": order.by });
            log::around(db, order.who, (ERASE, one.tenant, &about), work).await
        };
        let erased = erased.await;
        if matches!(erased, Err(DataError::Stopped)) {
            return Err(DataError::Stopped);
        }
        let gone = erased.is_ok();
        done(&one, erased);
        if gone && let Err(error) = (order.beside)(one.tenant).await {
            done(&one, Err(error));
        }
    }
    Ok(())
}
