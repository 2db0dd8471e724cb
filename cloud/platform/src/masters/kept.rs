//! Files that were tried and found right, kept for a short while, so that *Import now* need
//! not ask for the file again. They lie sealed in a table of the tenant: another process of the
//! cloud goes on with them, and so does one that was started anew. Whoever asks too late is
//! told to choose the file once more.
//!
//! Table: `tried_files`.

use axum::body::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::MastersError;
use super::kept_store::{self as store, Tried};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::secrets::{SecretError, Secrets};

/// How long a file is kept.
const KEPT_FOR: TimeDelta = TimeDelta::minutes(15);
/// Most bytes of all files of a tenant together; the oldest go first.
const MOST: i64 = 64 * 1024 * 1024;

/// What a file is sealed for, beside the tenant.
fn sealed_for(cx: &Cx, id: Uuid) -> String {
    format!("tried:{}:{id}", cx.actor)
}

/// Keeps a file in place of what this person tried before; answers by what it is asked for.
/// `None`: there is no room for one of this size, or nothing to seal it by.
///
/// # Errors
/// The database.
pub(super) async fn keep(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    master: &str,
    file: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, MastersError> {
    keep_within(db, cx, secrets, (master, file), MOST, now).await
}

async fn keep_within(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (master, file): (&str, &[u8]),
    most: i64,
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, MastersError> {
    let id = Uuid::now_v7();
    let sealed = match secrets.seal(cx.tenant, &sealed_for(cx, id), file) {
        Ok(sealed) => sealed,
        Err(SecretError::NoKeys) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    if i64::try_from(sealed.len()).is_ok_and(|size| size > most) {
        return Ok(None);
    }
    let tried = Tried { actor: &cx.actor, id, master, sealed: &sealed, until: now + KEPT_FOR };
    let put = async |tx: &mut Tx| {
        store::forget(tx, now).await?;
        store::put(tx, &tried).await?;
        Ok::<_, DbError>(store::make_room(tx, most).await?)
    };
    db.tx(cx, put).await?;
    Ok(Some(id))
}

/// The file, where it is still there: it is this person's, of this master. It stays until
/// [`done`], so that an import that was cut short can begin again.
///
/// # Errors
/// The database.
pub(super) async fn find(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (master, id): (&str, Uuid),
    now: DateTime<Utc>,
) -> Result<Option<Bytes>, MastersError> {
    let look = async |tx: &mut Tx| Ok::<_, DbError>(store::find(tx, &cx.actor, master, id, now).await?);
    let Some(sealed) = db.tx(cx, look).await? else { return Ok(None) };
    // One that nobody can open any more is as good as gone.
    Ok(secrets.open(cx.tenant, &sealed_for(cx, id), &sealed).ok().map(Bytes::from))
}

/// Lets go of a file that was imported.
///
/// # Errors
/// The database.
pub(super) async fn done(db: &Db, cx: &Cx, id: Uuid) -> Result<(), MastersError> {
    let remove = async |tx: &mut Tx| Ok::<_, DbError>(store::remove(tx, &cx.actor, id).await?);
    Ok(db.tx(cx, remove).await?)
}

/// Removes files of the transaction's tenant that are kept no longer.
///
/// # Errors
/// The database.
pub(crate) async fn forget(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), DbError> {
    Ok(store::forget(tx, now).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDb;

    #[tokio::test]
    async fn a_file_is_its_persons_for_a_while_and_until_it_is_imported() {
        let test = TestDb::new().await;
        let (db, secrets) = (&test.db, &Secrets::passing().unwrap());
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let [priya, ravi] = ["user:1", "user:2"].map(|actor| Cx::new(tenant, actor));
        let other = Cx::new(test.tenant("OTHR", &["KOL"]).await, "user:1");
        let now = Utc::now();
        let put = async |cx: &Cx, size: usize, at: DateTime<Utc>| {
            let file = vec![b'x'; size];
            keep_within(db, cx, secrets, ("items", &file), 100, at).await.unwrap()
        };
        let size = async |cx: &Cx, master: &str, id: Uuid, at: DateTime<Utc>| {
            let found = find(db, cx, secrets, (master, id), at).await.unwrap();
            found.map(|bytes| bytes.len())
        };
        let id = put(&priya, 3, now).await.unwrap();
        for (cx, master, id) in [
            (&ravi, "items", id),
            (&other, "items", id),
            (&priya, "units", id),
            (&priya, "items", Uuid::nil()),
        ] {
            assert_eq!(size(cx, master, id, now).await, None);
        }
        assert_eq!(size(&priya, "items", id, now).await, Some(3));
        assert_eq!(size(&priya, "items", id, now).await, Some(3), "until it is imported");
        done(db, &priya, id).await.unwrap();
        assert_eq!(size(&priya, "items", id, now).await, None, "once");

        let late = put(&priya, 3, now).await.unwrap();
        assert_eq!(size(&priya, "items", late, now + KEPT_FOR).await, None);
        // What is tried next stands in its place, and the oldest makes room.
        let first = put(&priya, 30, now).await.unwrap();
        assert_eq!(size(&priya, "items", late, now).await, None);
        let second = put(&ravi, 30, now + TimeDelta::seconds(1)).await.unwrap();
        assert_eq!(size(&priya, "items", first, now).await, None);
        assert_eq!(size(&ravi, "items", second, now).await, Some(30));
        assert_eq!(put(&ravi, 100, now).await, None, "no room for it");
        // Without keys nothing of a file is written down.
        assert_eq!(keep(db, &priya, &Secrets::none(), "items", b"x", now).await.unwrap(), None);

        // What is kept no longer goes.
        let gone: Result<i64, DbError> = db
            .tx(&priya, async |tx| {
                forget(tx, now + KEPT_FOR + TimeDelta::seconds(1)).await?;
                Ok(sqlx::query_scalar("select count(*) from tried_files").fetch_one(tx.conn()).await?)
            })
            .await;
        assert_eq!(gone.unwrap(), 0);
    }
}
