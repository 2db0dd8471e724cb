//! SQL of files that were tried, until they are imported.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// A file that somebody tried.
pub(super) struct Tried<'a> {
    pub actor: &'a str,
    pub id: Uuid,
    pub master: &'a str,
    pub sealed: &'a [u8],
    pub until: DateTime<Utc>,
}

/// Keeps a file in place of what the person tried before.
pub(super) async fn put(tx: &mut Tx, one: &Tried<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into tried_files (tenant_id, actor, tried_id, master, sealed, kept_until)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id, actor) do update
         set tried_id = excluded.tried_id, master = excluded.master, sealed = excluded.sealed,
             kept_until = excluded.kept_until, version = tried_files.version + 1",
        tenant,
        one.actor,
        one.id,
        one.master,
        one.sealed,
        one.until,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets go of the oldest, where all together have more than `most` bytes.
pub(super) async fn make_room(tx: &mut Tx, most: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from tried_files where tenant_id = $1 and actor in (
             select actor from (
                 select actor, sum(octet_length(sealed)) over (order by kept_until desc, actor) as together
                 from tried_files where tenant_id = $1) t
             where together > $2)",
        tenant,
        most,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The file as it is sealed, where it is this person's, of this master, and still kept.
pub(super) async fn find(
    tx: &mut Tx,
    actor: &str,
    master: &str,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Vec<u8>>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select sealed from tried_files
         where tenant_id = $1 and actor = $2 and tried_id = $3 and master = $4 and kept_until > $5",
        tenant,
        actor,
        id,
        master,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Lets go of a file.
pub(super) async fn remove(tx: &mut Tx, actor: &str, id: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from tried_files where tenant_id = $1 and actor = $2 and tried_id = $3",
        tenant,
        actor,
        id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Lets go of what is kept no longer.
pub(super) async fn forget(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("delete from tried_files where tenant_id = $1 and kept_until <= $2", tenant, now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
