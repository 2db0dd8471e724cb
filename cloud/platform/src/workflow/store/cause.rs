//! SQL of how far something is from a person's act.

use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// How far what the transaction does is.
pub(in super::super) async fn depth(tx: &mut Tx) -> Result<i16, Error> {
    sqlx::query_scalar!(r#"select app.cause_depth() as "depth!""#).fetch_one(tx.conn()).await
}

/// What the transaction does is so far from here on.
pub(in super::super) async fn set(tx: &mut Tx, depth: i16) -> Result<(), Error> {
    sqlx::query_scalar!("select set_config('app.cause_depth', $1::smallint::text, true)", depth)
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}

/// How far an instance is.
pub(in super::super) async fn of_instance(tx: &mut Tx, instance: Uuid) -> Result<i16, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        "select cause_depth from workflow_instances where tenant_id = $1 and instance_id = $2",
        tenant,
        instance,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or(0))
}
