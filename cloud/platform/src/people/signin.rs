//! Signing in by e-mail and password, and the sessions that come of it.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::error::PeopleError;
use super::model::{self, Status};
use super::refused::{Refused, note_each};
use super::steps::{self, From};
use super::store::Login;
use super::throttle::{self, Counted};
use super::tried::Tried;
use super::{password, provider, settings, store};
use crate::admin::log::{self, Who};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Problem, SystemTx};
use crate::tenancy::Standing;
use crate::web::keys::{self, SESSION_LIFETIME, Secret, SecretHash};
use crate::web::network;

/// Somebody who wants in.
#[derive(Clone)]
pub struct Attempt {
    /// As typed.
    pub email: String,
    /// As typed.
    pub password: String,
    /// Where from; `None` where the server does not know.
    pub address: Option<IpAddr>,
    /// What the browser says it is.
    pub browser: String,
}

impl Attempt {
    fn from(&self) -> From {
        let address = self.address.map(|address| address.to_string()).unwrap_or_default();
        From { address, browser: model::browser_text(&self.browser) }
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Passwords that one try is judged by, at most: each costs a hash.
const MOST_JUDGED: usize = 32;

/// What became of an attempt.
#[derive(Debug)]
pub enum SignedIn {
    /// The session's token.
    Yes(Secret),
    /// The password is right, and something else is asked for: the token of the
    /// sign-in under way.
    Step(Secret),
    /// The password is right, and the organisation is not let in.
    Suspended,
    /// The password is right, and the organisation's people sign in by their provider:
    /// its code.
    ByProvider(String),
    /// E-mail or password are wrong, or the person is not active; which of them
    /// is not told.
    No,
    /// Too many tries; the next one is judged after this moment.
    Wait(DateTime<Utc>),
}

/// Judges an attempt. It takes as long for an e-mail that nobody has.
///
/// # Errors
/// When the database refuses.
pub async fn sign_in(db: &Db, attempt: &Attempt, now: DateTime<Utc>) -> Result<SignedIn, PeopleError> {
    let email = model::email(&attempt.email).unwrap_or_default();
    let counted = db
        .system_tx(async |system| {
            let mut logins = store::logins(system, &email).await?;
            let tried = match Tried::count(system, (&email, &logins), attempt.address, now).await? {
                Ok(tried) => tried,
                Err(until) => return Ok::<_, PeopleError>(Err(until)),
            };
            logins.retain(|login| tried.judges(login.tenant, login.user));
            Ok(Ok((candidates(system, logins).await?, tried)))
        })
        .await?;
    let ((candidates, meant, away), tried) = match counted {
        Ok(counted) => counted,
        Err(until) => return Ok(SignedIn::Wait(until)),
    };
    let proved = judge(candidates, &attempt.password).await;
    let admitted: Vec<(Uuid, Uuid)> = proved
        .iter()
        .filter(|one| one.admitted && one.closed.is_none())
        .map(|one| (one.tenant, one.user))
        .collect();
    let by_provider = proved.iter().filter(|one| one.admitted).find_map(|one| one.closed.clone());
    if let (true, Some(code)) = (admitted.is_empty(), by_provider) {
        return Ok(SignedIn::ByProvider(code));
    }
    let proved = match (admitted.is_empty(), away) {
        (false, _) => admitted,
        // Whether it is this person's cannot be told.
        (true, Some(error)) => return Err(error.into()),
        (true, None) if proved.is_empty() => {
            in_vain(db, attempt, &meant, &tried, now).await?;
            // It may be the password of somebody who is not judged now.
            return Ok(tried.waits.map_or(SignedIn::No, SignedIn::Wait));
        }
        (true, None) => return Ok(SignedIn::Suspended),
    };
    db.system_tx(async |system| {
        tried.succeeded(system, &proved).await?;
        store::tries_forget(system, now - TimeDelta::days(2)).await?;
        steps::proceed(system, &proved, "password", &attempt.from(), now).await
    })
    .await
}

/// Writes down that a sign-in failed: with whoever was meant, and for those who run the
/// cloud where an address is not judged any more for a while.
async fn in_vain(
    db: &Db,
    attempt: &Attempt,
    meant: &[(Uuid, Uuid)],
    tried: &Tried,
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    tracing::info!(
        client = attempt.address.map(tracing::field::display),
        known = !meant.is_empty(),
        "a sign-in failed"
    );
    for &(tenant, user) in meant {
        let locked = tried.locks(tenant, user);
        let refused = Refused { by: "password", browser: &attempt.browser, locked };
        note_each(db, &[(tenant, user)], &refused).await;
    }
    if let Some((address, until)) = tried.locks_address() {
        let entry = Entry {
            action: "signin.locked",
            subject: &format!("address:{}", network(address)),
            before: None,
            after: Some(json!({ "until": until })),
        };
        let who = Who::system();
        db.system_tx(async |system| log::record(system, &who, entry.clone(), now).await).await?;
    }
    Ok(())
}

/// What a try counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// It must not be judged before this moment.
    Wait(DateTime<Utc>),
    /// It is judged.
    Judge {
        /// Until when none is judged after it, if it is in vain.
        locks: Option<DateTime<Utc>>,
    },
}

/// Counts a try. What it will cost when it fails is noted before it is judged, so that
/// many at once are no way around it; a success takes that back.
pub(crate) async fn counts(
    system: &mut SystemTx,
    counted: &Counted<'_>,
    now: DateTime<Utc>,
) -> Result<Count, PeopleError> {
    let subject = counted.subject();
    let (tries, locked) = store::try_count(system, &subject, counted.window(), now).await?;
    if let Some(until) = locked {
        return Ok(Count::Wait(until));
    }
    let locks = throttle::until(counted, tries, now);
    if let Some(until) = locks {
        store::try_lock(system, &subject, until).await?;
    }
    Ok(Count::Judge { locks })
}

/// As [`counts`]; answers until when to wait, if it must not be judged.
pub(crate) async fn count(
    system: &mut SystemTx,
    counted: &Counted<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, PeopleError> {
    Ok(match counts(system, counted, now).await? {
        Count::Wait(until) => Some(until),
        Count::Judge { .. } => None,
    })
}

struct Candidate {
    tenant: Uuid,
    user: Uuid,
    admitted: bool,
    hash: String,
    /// The tenant's code, where the person signs in by its provider alone.
    closed: Option<String>,
}

/// Whom a try may mean: those whose password it may be, and everybody who is judged by
/// it, tenant and person; and the failure of a tenant's own database, which keeps nobody out of
/// another organisation.
type Meant = (Vec<Candidate>, Vec<(Uuid, Uuid)>, Option<DbError>);

async fn candidates(system: &mut SystemTx, logins: Vec<Login>) -> Result<Meant, PeopleError> {
    let (mut found, mut meant, mut away) = (Vec::new(), Vec::new(), None);
    for Login { tenant, user, status } in logins {
        // An invitation that nobody took up costs no hash, and so keeps nobody out.
        if found.len() >= MOST_JUDGED {
            break;
        }
        let look = async |tx: &mut crate::db::Tx| {
            let known = store::credentials(tx, user).await?;
            Ok::<_, PeopleError>((known, closed(tx, user).await?))
        };
        let known = match system.enter(&Cx::system(tenant), look).await {
            Err(PeopleError::Db(error)) if error.problem() == Problem::Away => {
                away = Some(error);
                continue;
            }
            known => known?,
        };
        meant.push((tenant, user));
        let (known, closed) = known;
        let admitted = Standing::of(&status).admits();
        let hash = known
            .filter(|known| Status::parse(&known.status) == Status::Active)
            .and_then(|known| known.password_hash);
        found.extend(hash.map(|hash| Candidate { tenant, user, admitted, hash, closed }));
    }
    Ok((found, meant, away))
}

/// The tenant's code, where the person signs in by its provider alone.
pub(super) async fn closed(tx: &mut crate::db::Tx, user: Uuid) -> Result<Option<String>, PeopleError> {
    let closed = provider::password_closed(tx, user).await?;
    Ok(if closed { Some(store::tenant_code(tx).await?) } else { None })
}

/// Those whose password it is.
async fn judge(candidates: Vec<Candidate>, typed: &str) -> Vec<Candidate> {
    if candidates.is_empty() {
        password::verify(typed.to_owned(), None).await;
    }
    let mut proved = Vec::new();
    for candidate in candidates {
        if password::verify(typed.to_owned(), Some(candidate.hash.clone())).await {
            proved.push(candidate);
        }
    }
    proved
}

/// Starts a session of a person who was proved to be one.
pub(super) async fn start(
    system: &mut SystemTx,
    tenant: Uuid,
    user: Uuid,
    by: &str,
    from: &From,
    now: DateTime<Utc>,
) -> Result<Secret, PeopleError> {
    keys::delete_stale(system, now - TimeDelta::days(1)).await?;
    let token = Secret::token();
    let browser = model::browser_text(&from.browser);
    let until = now + SESSION_LIFETIME;
    store::session_insert(system, &token.hash().0, tenant, user, (&from.address, &browser), now, until)
        .await?;
    let actor = format!("user:{user}");
    let cx = Cx::new(tenant, actor.as_str());
    let mut after = json!({ "by": by });
    if let Some(browser) = settings::known_device(&browser) {
        after["browser"] = browser.into();
    }
    // The tenant's commits first: no session that its audit does not tell of.
    let note = system.enter(&cx, async |tx| {
        store::signed_in(tx, user, now).await?;
        let entry = Entry {
            action: "session.start",
            subject: &actor,
            after: Some(after.clone()),
            ..Entry::default()
        };
        audit::record(tx, entry).await?;
        Ok::<_, PeopleError>(())
    });
    note.await?;
    Ok(token)
}

/// Goes on with a person who has just set a password by a link: to a session, or
/// to the second step, which a link does not stand for.
///
/// # Errors
/// When the database refuses.
pub(super) async fn sign_in_after_link(
    db: &Db,
    tenant: Uuid,
    user: Uuid,
    attempt: &Attempt,
    now: DateTime<Utc>,
) -> Result<SignedIn, PeopleError> {
    let from = attempt.from();
    db.system_tx(async |system| steps::proceed(system, &[(tenant, user)], "link", &from, now).await).await
}

/// A session as its person sees it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Names it to [`end`].
    pub id: String,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When it ends by itself.
    pub expires_at: DateTime<Utc>,
    /// Where it was started from.
    pub address: String,
    /// What the browser is, in a few words.
    pub device: String,
    /// When it was last used, to some minutes.
    pub last_seen_at: DateTime<Utc>,
    /// The one that asks.
    pub current: bool,
}

/// The person's sessions, newest first. `current` is the token of the one that
/// asks.
///
/// # Errors
/// When the database refuses.
pub async fn sessions(
    db: &Db,
    tenant: Uuid,
    user: Uuid,
    current: Option<SecretHash>,
    now: DateTime<Utc>,
) -> Result<Vec<Session>, PeopleError> {
    let rows = db
        .system_tx(async |system| Ok::<_, PeopleError>(store::sessions(system, tenant, user, now).await?))
        .await?;
    let sessions = rows.into_iter().filter_map(|row| {
        let hash = SecretHash(row.token_hash.try_into().ok()?);
        Some(Session {
            id: hash.short(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            address: row.address,
            device: settings::device(&row.browser),
            last_seen_at: row.last_seen_at.unwrap_or(row.created_at),
            current: current == Some(hash),
        })
    });
    Ok(sessions.collect())
}

/// Ends one of the person's sessions by its id, or, without one, all but `keep`.
///
/// # Errors
/// When there is no such session, or the database refuses.
pub async fn end(
    db: &Db,
    cx: &Cx,
    user: Uuid,
    id: Option<&str>,
    keep: Option<SecretHash>,
) -> Result<u64, PeopleError> {
    let begins = match id {
        Some(id) => Some(SecretHash::begins(id).ok_or(PeopleError::NotFound)?),
        None => None,
    };
    let keep = keep.map(|hash| hash.0);
    db.system_tx(async |system| {
        let begins = begins.as_ref().map(|bytes| &bytes[..]);
        let ended =
            store::sessions_end(system, cx.tenant, user, begins, keep.as_ref().map(|hash| &hash[..])).await?;
        if begins.is_some() && ended == 0 {
            return Err(PeopleError::NotFound);
        }
        // The tenant's commits first: a session that is told to be ended, and is there
        // still, can be ended again.
        let note = system.enter(cx, async |tx| {
            let entry = Entry {
                action: "session.end",
                subject: &format!("user:{user}"),
                after: Some(json!({ "ended": ended })),
                ..Entry::default()
            };
            audit::record(tx, entry).await?;
            Ok::<_, PeopleError>(())
        });
        note.await?;
        Ok(ended)
    })
    .await
}
