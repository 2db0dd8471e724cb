//! Signing a browser in by an access key, and what ends a session: both leave a trace.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde_json::json;

use super::secret::{hash_of_key, hash_of_token};
use super::service::{self, Access, record, subject};
use super::store;
use crate::admin::log::{self, Who};
use crate::audit::Entry;
use crate::ctx::Cx;
use crate::db::{Db, DbError, Problem, SystemTx};
use crate::people::{self, Count, Counted, PeopleError};
use crate::web::network;

/// Who tried, as long as nobody is proved to be anybody.
const VISITOR: &str = "visitor";

/// What became of a key that was typed.
#[derive(Debug)]
pub(crate) enum Tried {
    /// It is one.
    Yes(Box<Access>),
    /// It is none, or over.
    No,
    /// Too many were tried from there; the next one is judged after this moment.
    Wait(DateTime<Utc>),
}

/// Judges a key that somebody signs in by. As a password it is counted before it is judged,
/// by where it comes from: a key has no account that could be locked. One that is over is
/// told to its tenant, since somebody may go on trying what leaked.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn try_key(
    db: &Db,
    key: &str,
    address: Option<IpAddr>,
    now: DateTime<Utc>,
) -> Result<Tried, PeopleError> {
    let counted = address.map(Counted::Address);
    let mut locks = None;
    if let Some(counted) = &counted {
        match db.system_tx(async |system| people::counts(system, counted, now).await).await? {
            Count::Wait(until) => return Ok(Tried::Wait(until)),
            Count::Judge { locks: until } => locks = until,
        }
    }
    judged(db, key, (address, locks), now).await
}

/// What becomes of a key that was counted; until when nothing more is tried from there, if it
/// is in vain, is `locks`.
async fn judged(
    db: &Db,
    key: &str,
    (address, locks): (Option<IpAddr>, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<Tried, PeopleError> {
    if let Some(access) = service::verify(db, key, now).await? {
        if let Some(address) = address {
            let subject = Counted::Address(address).subject();
            // A lock that began with another try stays.
            let back = async |system: &mut SystemTx| {
                Ok::<_, DbError>(people::try_taken_back(system, &subject, locks).await?)
            };
            db.system_tx(back).await?;
        }
        return Ok(Tried::Yes(Box::new(access)));
    }
    tracing::info!(client = address.map(tracing::field::display), "a sign-in by access key failed");
    if let Err(error) = note(db, key).await {
        tracing::error!(%error, "a sign-in by access key that failed is not in the audit");
    }
    if let (Some(address), Some(until)) = (address, locks) {
        let entry = Entry {
            action: "signin.locked",
            subject: &format!("address:{}", network(address)),
            before: None,
            after: Some(json!({ "by": "key", "until": until })),
        };
        let who = Who::system();
        db.system_tx(async |system| log::record(system, &who, entry.clone(), now).await).await?;
    }
    Ok(Tried::No)
}

/// Writes down that a key was tried which is over; one that never was belongs to nobody.
async fn note(db: &Db, key: &str) -> Result<(), DbError> {
    let Some(hash) = hash_of_key(key) else { return Ok(()) };
    db.system_tx(async |system| {
        let Some(tenant) = store::key_tenant(system, hash).await? else { return Ok(()) };
        let entry = Entry {
            action: "signin.failed",
            subject: &subject(hash),
            after: Some(json!({ "by": "key" })),
            ..Entry::default()
        };
        record(system, &Cx::new(tenant, VISITOR), entry).await
    })
    .await
}

/// Why a session ends at the browser that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Its person signs out.
    SignOut,
    /// Another sign-in takes its place.
    Replaced,
}

impl Ends {
    fn name(self) -> &'static str {
        match self {
            Self::SignOut => "sign_out",
            Self::Replaced => "replaced",
        }
    }
}

/// Ends a session, which its tenant's audit tells of; one that is not there, or over by
/// itself, is no matter.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_session(db: &Db, token: &str, why: Ends, now: DateTime<Utc>) -> Result<(), DbError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(());
    };
    db.system_tx(async |system| {
        let Some(ended) = store::session_delete(system, hash, now).await? else { return Ok(()) };
        let actor = match (ended.user_id, ended.key_hash.and_then(|key| key.try_into().ok())) {
            (Some(user), _) => format!("user:{user}"),
            (None, Some(key)) => subject(super::SecretHash(key)),
            (None, None) => return Ok(()),
        };
        let entry = Entry {
            action: "session.end",
            subject: &actor,
            after: Some(json!({ "by": why.name() })),
            ..Entry::default()
        };
        match record(system, &Cx::new(ended.tenant_id, actor.as_str()), entry).await {
            // Nobody is kept signed in because a database is away.
            Err(error) if error.problem() == Problem::Away => {
                tracing::warn!(tenant = %ended.tenant_id, %error, "the end of a session is not in the audit");
                Ok(())
            }
            done => done,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDb;
    use crate::web::{Scope, keys};

    #[tokio::test]
    async fn keys_are_counted_by_where_they_come_from() {
        let test = TestDb::new().await;
        let (db, now) = (&test.db, Utc::now());
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let key = keys::create(db, tenant, "tests", &[Scope::Read], None).await.unwrap();
        let tried = async |key: &str, from: &str| try_key(db, key, from.parse().ok(), now).await.unwrap();
        // A success is taken back out of the count.
        assert!(matches!(tried(key.reveal(), "203.0.113.9").await, Tried::Yes(_)));
        for _ in 0..61 {
            assert!(matches!(tried("twk_nonsense", "203.0.113.9").await, Tried::No));
        }
        assert!(matches!(tried(key.reveal(), "203.0.113.9").await, Tried::Wait(_)));
        assert!(matches!(tried(key.reveal(), "203.0.113.8").await, Tried::Yes(_)));
        let locked: Result<i64, DbError> = db
            .system_tx(async |system| {
                let sql = "select count(*) from control.admin_audit where action = 'signin.locked'";
                Ok(sqlx::query_scalar(sql).fetch_one(system.conn()).await?)
            })
            .await;
        assert_eq!(locked.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_key_that_opens_takes_no_other_trys_lock_off() {
        let test = TestDb::new().await;
        let (db, now) = (&test.db, Utc::now());
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let key = keys::create(db, tenant, "tests", &[Scope::Read], None).await.unwrap();
        let address: IpAddr = "203.0.113.9".parse().unwrap();
        let counted = Counted::Address(address);
        let count = async || {
            let done = db.system_tx(async |system| people::counts(system, &counted, now).await).await;
            done.unwrap()
        };
        // Counted before the lock, and judged after it.
        assert_eq!(count().await, Count::Judge { locks: None });
        let locks = loop {
            if let Count::Judge { locks: Some(until) } = count().await {
                break until;
            }
        };
        let opens = async |locks: Option<DateTime<Utc>>| {
            let tried = judged(db, key.reveal(), (Some(address), locks), now).await.unwrap();
            assert!(matches!(tried, Tried::Yes(_)));
        };
        opens(None).await;
        assert!(matches!(count().await, Count::Wait(_)), "the lock of another try");
        opens(Some(locks)).await;
        assert!(matches!(count().await, Count::Judge { .. }), "its own");
    }
}
