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

/// From here on what the transaction does is at least so far; answers how far it was, if
/// that is another.
///
/// # Errors
/// Those of the database.
pub async fn carry(tx: &mut Tx, depth: i16) -> Result<Option<i16>, DbError> {
    // Nearly everything is a person's act, and nothing is nearer: no need to ask how far it was.
    if depth == 0 {
        return Ok(None);
    }
    let before = self::depth(tx).await?;
    if depth <= before {
        return Ok(None);
    }
    cause::set(tx, depth).await?;
    Ok(Some(before))
}

/// Goes on as far as it was before [`carry`], which answered that.
pub(super) async fn back(tx: &mut Tx, before: Option<i16>) -> Result<(), DbError> {
    if let Some(before) = before {
        cause::set(tx, before).await?;
    }
    Ok(())
}

/// [`carry`], as far as an instance is.
pub(super) async fn carry_of(tx: &mut Tx, instance: Uuid) -> Result<Option<i16>, DbError> {
    let depth = cause::of_instance(tx, instance).await?;
    carry(tx, depth).await
}
