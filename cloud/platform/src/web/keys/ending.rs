//! Access keys that end soon: those who manage keys are told, so that a program does not
//! stand still one morning.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use super::KEY_MANAGE;
use super::store::{self, EndingRow};
use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::i18n::zone;
use crate::notify::{self, Kind, Notice, To};

/// An access key ends soon.
pub const KEY_ENDING: Kind = Kind::mailed("key.ending").to_whom_may(KEY_MANAGE);

/// Days before the end at which people are told.
const BEFORE: i32 = 14;
/// How often it is looked.
const EVERY: Duration = Duration::from_secs(3600);
/// Most keys of one look.
const MOST: i64 = 1000;

/// Looks every hour, until it is told to stop.
pub(crate) async fn run(db: Db, stop: CancellationToken) {
    loop {
        if let Err(error) = tick(&db, Utc::now()).await {
            tracing::warn!(%error, "ends of access keys were not looked for; they will be again");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Tells of every key that ends within two weeks, once.
///
/// # Errors
/// The database. One tenant's failure is logged and keeps no other waiting.
pub(super) async fn tick(db: &Db, now: DateTime<Utc>) -> Result<(), DbError> {
    let until = now + TimeDelta::days(BEFORE.into());
    let keys =
        db.system_tx(async |system| store::keys_ending(system, (now, until), BEFORE, MOST).await).await?;
    for key in keys {
        if let Err(error) = tell(db, &key, now).await {
            tracing::warn!(tenant = %key.tenant_id, %error, "the end of an access key is told later");
        }
    }
    Ok(())
}

async fn tell(db: &Db, key: &EndingRow, now: DateTime<Utc>) -> Result<(), DbError> {
    let Some(ends) = key.expires_at else { return Ok(()) };
    let day = ends.with_timezone(&zone(&key.time_zone)).format("%Y-%m-%d").to_string();
    let notice = Notice::new(To::Permission(KEY_MANAGE.code.to_owned()), "/settings/keys")
        .with("name", key.name.clone())
        .with("date", day);
    db.system_tx(async |system| {
        if !store::key_end_told(system, &key.key_hash, now).await? {
            return Ok(());
        }
        // The tenant's commits first: better told twice than not at all.
        let cx = Cx::system(key.tenant_id);
        system.enter(&cx, async |tx| notify::tell(tx, &KEY_ENDING, &notice, now).await).await
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDb;
    use crate::web::{Scope, keys};

    #[tokio::test]
    async fn people_are_told_once_of_a_key_that_ends_soon() {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let (db, now) = (&test.db, Utc::now());
        let made = async |name: &str, days: Option<i64>| {
            let ends = days.map(|days| now + TimeDelta::days(days));
            keys::create(db, tenant, name, &[Scope::Read], ends).await.unwrap();
        };
        made("ERP", Some(30)).await;
        made("A week", Some(7)).await;
        made("As long as may be", None).await;
        let told = async || {
            let found: Result<Vec<String>, DbError> = db
                .tx(&Cx::system(tenant), async |tx| {
                    let sql = "select body #>> '{values,name}' from outbox where kind = 'key.ending'";
                    Ok(sqlx::query_scalar(sql).fetch_all(tx.conn()).await?)
                })
                .await;
            found.unwrap()
        };
        let at = async |days| tick(db, now + TimeDelta::days(days)).await.unwrap();
        at(1).await;
        assert_eq!(told().await, Vec::<String>::new(), "one of a week is not worth a word");
        at(17).await;
        at(18).await;
        assert_eq!(told().await, ["ERP"]);
        at(352).await;
        assert_eq!(told().await.len(), 2, "no key is for ever");
    }
}
