//! How far what is done is from a person's act, counted in workflows between the two: a
//! workflow that starts by an event is one further than the event, what it does when it takes
//! effect is as far as it, and an event that tells of this again. So workflows that start each
//! other, by whatever modules, come to an end.
//!
//! It goes along with the transaction, not with the calls: modules that tell what happened
//! need not know that a workflow made them do it.

use uuid::Uuid;

use super::store::cause;
use crate::db::{DbError, Tx};

/// Nothing starts by an event that is so far from a person's act.
pub(super) const DEEPEST: i16 = 8;

/// How far what the transaction does is.
pub(super) async fn depth(tx: &mut Tx) -> Result<i16, DbError> {
    Ok(cause::depth(tx).await?)
}

/// From here on what the transaction does is at least so far; answers how far it was.
///
/// # Errors
/// Those of the database.
pub async fn carry(tx: &mut Tx, depth: i16) -> Result<i16, DbError> {
    let before = self::depth(tx).await?;
    if depth > before {
        cause::set(tx, depth).await?;
    }
    Ok(before)
}

/// Goes on as far as it was before [`carry`].
pub(super) async fn back(tx: &mut Tx, before: i16) -> Result<(), DbError> {
    Ok(cause::set(tx, before).await?)
}

/// [`carry`], as far as an instance is.
pub(super) async fn carry_of(tx: &mut Tx, instance: Uuid) -> Result<i16, DbError> {
    let depth = cause::of_instance(tx, instance).await?;
    carry(tx, depth).await
}
