//! Who is a super-administrator, and how one signs in: by a link from somebody who
//! is one or who runs the machine, with a password and codes by time, always both.

use std::net::IpAddr;

use axum::http::StatusCode;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::log::{self, Who};
use super::store::{self, Admin, NewSession};
use crate::audit::Entry;
use crate::ctx::origin;
use crate::db::{Db, DbError, SystemTx};
use crate::people::{self, Count, Counted, Weakness, browser_text, clean_email, clean_name, password, totp};
use crate::secrets::{SecretError, Secrets};
use crate::web::Problem;
use crate::web::keys::{Secret, SecretHash, hash_of_token};

/// How long a link works.
pub const LINK_LIFETIME: TimeDelta = TimeDelta::hours(24);
/// How long the rest of a sign-in may take.
const STEP_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How long a super-administrator stays signed in.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::hours(8);
/// Longest that a key for programs works.
const LONGEST_KEY: i64 = 365;
/// What such a key begins with.
pub const KEY_PREFIX: &str = "twa_";

/// Why something about super-administrators was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Not an e-mail address.
    #[error("an e-mail address is expected, such as ananya@example.com")]
    Email,
    /// Empty, too long, or with control characters.
    #[error("a name of 1 to 80 characters is expected")]
    Name,
    /// The password is not good enough.
    #[error(transparent)]
    Weak(#[from] Weakness),
    /// The link is unknown, used or too old.
    #[error("this link is not valid any more")]
    LinkGone,
    /// No such person, or one who is shut out.
    #[error("there is no such super-administrator")]
    NotFound,
    /// Nobody else would be left.
    #[error("somebody else must be an active super-administrator")]
    Last,
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// A key works for 1 to 365 days.
    #[error("a key works for 1 to {LONGEST_KEY} days")]
    Days,
    /// Tries could not be counted.
    #[error(transparent)]
    People(#[from] people::PeopleError),
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The system has no random numbers.
    #[error("the system has no random numbers")]
    NoRandom,
    /// The database failed; nothing changed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl AdminError {
    /// The key of its text.
    #[must_use]
    pub fn text_key(&self) -> &'static str {
        match self {
            Self::Email => "people-error-email",
            Self::Name => "people-error-name",
            Self::Weak(weakness) => weakness.text_key(),
            Self::LinkGone => "people-error-link",
            Self::NotFound => "error-not_found",
            Self::Last => "admin-error-last",
            Self::Stale => "error-conflict-stale",
            Self::Days => "plan-wrong-days",
            Self::People(error) => error.text_key(),
            Self::Secret(_) | Self::NoRandom | Self::Db(_) => "error-internal",
        }
    }
}

impl From<sqlx::Error> for AdminError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let detail = error.to_string();
        match error {
            AdminError::NotFound => Self::not_found(),
            AdminError::Last => Self::conflict("admin.last", detail),
            AdminError::Stale => Self::conflict("conflict.stale", ""),
            AdminError::LinkGone => Self::new(StatusCode::GONE, "people.link", detail),
            AdminError::Secret(_) | AdminError::NoRandom => Self::internal(detail),
            AdminError::People(error) => error.into(),
            AdminError::Db(error) => error.into(),
            _ => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "admin.invalid", detail),
        }
    }
}

fn subject(id: Uuid) -> String {
    format!("admin:{id}")
}

/// What a person's secret is sealed for; it belongs to no tenant.
fn field(id: Uuid) -> String {
    format!("admin-totp:{id}")
}

/// A link that was made, and for whom.
#[derive(Debug)]
pub struct Invited {
    /// The person.
    pub id: Uuid,
    /// The secret of the link, told this once; for `/admin/invitation/{link}`.
    pub link: Secret,
}

/// Makes a super-administrator who sets a password by a link; of one who is there
/// already, a link to a new password and new codes. What the person has works until
/// the link is used.
///
/// # Errors
/// When e-mail or name are not right, or the person is shut out.
pub async fn invite(
    db: &Db,
    who: &Who,
    email: &str,
    name: &str,
    now: DateTime<Utc>,
) -> Result<Invited, AdminError> {
    let email = clean_email(email).ok_or(AdminError::Email)?;
    let name = clean_name(name).ok_or(AdminError::Name)?;
    let link = Secret::token();
    db.system_tx(async |system| {
        let id = store::admin_upsert(system, &email, &name).await?;
        let found = store::admin(system, id).await?.ok_or(AdminError::NotFound)?;
        if found.status == "disabled" {
            return Err(AdminError::NotFound);
        }
        store::link_insert(system, &link.hash().0, id, now + LINK_LIFETIME).await?;
        let entry = Entry { action: "admin.invite", subject: &subject(id), ..Entry::default() };
        log::record(system, who, entry, now).await?;
        Ok(Invited { id, link: link.clone() })
    })
    .await
}

/// Every super-administrator, by name.
///
/// # Errors
/// The database.
pub async fn list(db: &Db) -> Result<Vec<Admin>, DbError> {
    db.system_tx(async |system| Ok(store::admins(system).await?)).await
}

/// Shuts a super-administrator out, or lets one in again.
///
/// # Errors
/// [`AdminError::Last`] when nobody else could sign in.
pub(super) async fn enable(
    db: &Db,
    who: &Who,
    id: Uuid,
    version: i32,
    on: bool,
    now: DateTime<Utc>,
) -> Result<(), AdminError> {
    db.system_tx(async |system| {
        let before = store::admin(system, id).await?.ok_or(AdminError::NotFound)?;
        if !on && store::others_active(system, id).await? == 0 {
            return Err(AdminError::Last);
        }
        // Without a password it is an invitation again.
        let status = match (on, before.last_signed_in_at) {
            (false, _) => "disabled",
            (true, None) => "invited",
            (true, Some(_)) => "active",
        };
        if !store::status_set(system, id, version, status).await? {
            return Err(AdminError::Stale);
        }
        store::sessions_end(system, id).await?;
        let entry = Entry {
            action: "admin.status",
            subject: &subject(id),
            before: Some(json!(before.status)),
            after: Some(json!(status)),
        };
        Ok(log::record(system, who, entry, now).await?)
    })
    .await
}

/// Whom a link is for; `None` when it is not good any more.
///
/// # Errors
/// The database.
pub(super) async fn find(db: &Db, link: &str, now: DateTime<Utc>) -> Result<Option<Admin>, AdminError> {
    let Some(hash) = hash_of_token(link) else {
        return Ok(None);
    };
    db.system_tx(async |system| match store::link_find(system, &hash.0, now).await? {
        Some(id) => Ok(store::admin(system, id).await?),
        None => Ok(None),
    })
    .await
}

/// Uses a link up: the person has this name and password from now on, and codes are
/// set up at the next sign-in.
///
/// # Errors
/// When the link is gone, or name or password are not good; the link then stays.
pub(super) async fn accept(
    db: &Db,
    link: &str,
    name: &str,
    new: &str,
    now: DateTime<Utc>,
) -> Result<(), AdminError> {
    let hash = hash_of_token(link).ok_or(AdminError::LinkGone)?;
    let found = find(db, link, now).await?.ok_or(AdminError::LinkGone)?;
    let name = clean_name(name).ok_or(AdminError::Name)?;
    password::judge(new, &found.email, &name)?;
    let kept = password::hash(new.to_owned()).await.ok_or(AdminError::NoRandom)?;
    db.system_tx(async |system| {
        if !store::link_use(system, &hash.0, now).await? {
            return Err(AdminError::LinkGone);
        }
        store::admin_accept(system, found.admin_id, &name, &kept).await?;
        store::sessions_end(system, found.admin_id).await?;
        let actor = subject(found.admin_id);
        let who = Who { actor: actor.clone(), origin: None };
        let entry = Entry { action: "admin.password", subject: &actor, ..Entry::default() };
        Ok(log::record(system, &who, entry, now).await?)
    })
    .await
}

/// Somebody who wants in.
pub(super) struct Attempt {
    pub email: String,
    pub password: String,
    pub address: Option<IpAddr>,
    pub browser: String,
}

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Tried {
    /// The password is right: the token of the sign-in under way.
    Step(Secret),
    /// E-mail or password are wrong, or the person is shut out.
    No,
    /// Too many tries; the next one is judged after this moment.
    Wait(DateTime<Utc>),
}

/// Judges e-mail and password. It takes as long for an e-mail that nobody has; tries
/// are counted as people's are, apart from theirs.
pub(super) async fn sign_in(db: &Db, attempt: &Attempt, now: DateTime<Utc>) -> Result<Tried, AdminError> {
    let email = clean_email(&attempt.email).unwrap_or_default();
    // No e-mail has a space, so that a tenant's person of the same one is apart.
    let counted_as = format!("super {email}");
    let account = Counted::Account(&counted_as);
    let address = attempt.address.map(Counted::Address);
    let known = db
        .system_tx(async |system| {
            let mut locks = Vec::new();
            for counted in std::iter::once(account).chain(address) {
                match people::counts(system, &counted, now).await? {
                    Count::Wait(until) => return Ok::<_, AdminError>(Err(until)),
                    Count::Judge { locks: until } => locks.push(until),
                }
            }
            Ok(Ok((store::credentials(system, &email).await?, locks)))
        })
        .await?;
    let (known, locks) = match known {
        Ok(known) => known,
        Err(until) => return Ok(Tried::Wait(until)),
    };
    let meant = known.as_ref().map(|known| known.admin_id);
    let known = known.filter(|known| known.status == "active");
    let id = known.as_ref().map(|known| known.admin_id);
    let right = password::verify(attempt.password.clone(), known.and_then(|known| known.password_hash)).await;
    let Some(id) = id.filter(|_| right) else {
        if let Some(meant) = meant {
            let locked = locks.first().copied().flatten();
            let note = async |system: &mut SystemTx| {
                in_vain(system, meant, ("password", &attempt.browser, locked), now).await
            };
            db.system_tx(note).await?;
        }
        return Ok(Tried::No);
    };
    let token = Secret::token();
    let browser: String = browser_text(&attempt.browser);
    let from = attempt.address.map(|address| address.to_string()).unwrap_or_default();
    db.system_tx(async |system| {
        let subject = address.map(|address| address.subject());
        people::try_succeeded(system, &account.subject(), subject.as_deref()).await?;
        let new = NewSession { admin_id: id, kind: "step", name: "", address: &from, browser: &browser };
        Ok::<_, AdminError>(
            store::session_insert(system, &token.hash().0, &new, now, now + STEP_LIFETIME).await?,
        )
    })
    .await?;
    Ok(Tried::Step(token))
}

/// Writes down that somebody tried in vain to be this one. There are no more rows than
/// tries that are judged.
async fn in_vain(
    system: &mut SystemTx,
    id: Uuid,
    (by, browser, locked): (&str, &str, Option<DateTime<Utc>>),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let entry = Entry {
        action: "admin.sign_in_failed",
        subject: &subject(id),
        before: None,
        after: Some(json!({ "by": by, "browser": browser_text(browser), "locked_until": locked })),
    };
    log::record(system, &Who { actor: "visitor".to_owned(), origin: None }, entry, now).await
}

/// What is asked for after the password.
#[derive(Debug)]
pub(super) enum Next {
    /// Codes are to be set up, by the first of them: to be typed, and to be scanned.
    Enrol(people::Enrolment),
    /// A code.
    Code,
}

/// What is asked for next; `None` when the sign-in is too old, or over.
pub(super) async fn look(
    db: &Db,
    secrets: &Secrets,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Option<Next>, AdminError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(None);
    };
    db.system_tx(async |system| {
        let Some(speaker) = store::session_find(system, &hash.0, "step", now).await? else {
            return Ok(None);
        };
        let id = speaker.admin_id;
        let known = store::totp(system, id).await?;
        if known.confirmed {
            return Ok(Some(Next::Code));
        }
        let secret = match &known.secret {
            Some(sealed) => secrets.open(Uuid::nil(), &field(id), sealed)?,
            None => {
                let secret = totp::new_secret().ok_or(AdminError::NoRandom)?;
                store::totp_begin(system, id, &secrets.seal(Uuid::nil(), &field(id), &secret)?).await?;
                secret
            }
        };
        let square = totp::square(&totp::address(&secret, "admin", &known.email)).unwrap_or_default();
        Ok(Some(Next::Enrol(people::Enrolment { typed: totp::typed(&secret), square })))
    })
    .await
}

/// What became of a code.
#[derive(Debug)]
pub(super) enum Answered {
    /// The sign-in is too old, or over.
    Gone,
    /// Wrong, or used before.
    Wrong,
    /// Too many tries; the next one is judged after this moment.
    Wait(DateTime<Utc>),
    /// The session's token.
    In(Secret),
}

/// Judges a code: counted before it is judged, good once.
pub(super) async fn answer(
    db: &Db,
    secrets: &Secrets,
    token: &str,
    typed: &str,
    now: DateTime<Utc>,
) -> Result<Answered, AdminError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(Answered::Gone);
    };
    db.system_tx(async |system| {
        let Some(speaker) = store::session_find(system, &hash.0, "step", now).await? else {
            return Ok(Answered::Gone);
        };
        let id = speaker.admin_id;
        let counted = Counted::Code(id);
        let locks = match people::counts(system, &counted, now).await? {
            Count::Wait(until) => return Ok(Answered::Wait(until)),
            Count::Judge { locks } => locks,
        };
        let known = store::totp(system, id).await?;
        let Some(sealed) = known.secret else {
            return Ok(Answered::Wrong);
        };
        let secret = secrets.open(Uuid::nil(), &field(id), &sealed)?;
        let Some(step) = totp::step_of(&secret, typed, known.last_step, now) else {
            in_vain(system, id, ("code", &speaker.browser, locks), now).await?;
            return Ok(Answered::Wrong);
        };
        if !store::totp_use(system, id, step, now).await? {
            in_vain(system, id, ("code", &speaker.browser, locks), now).await?;
            return Ok(Answered::Wrong);
        }
        people::try_succeeded(system, &counted.subject(), None).await?;
        store::session_delete(system, &hash.0).await?;
        let session = Secret::token();
        let (address, browser) = (speaker.address.as_str(), speaker.browser.as_str());
        let new = NewSession { admin_id: id, kind: "session", name: "", address, browser };
        store::session_insert(system, &session.hash().0, &new, now, now + SESSION_LIFETIME).await?;
        let actor = subject(id);
        let entry = Entry {
            action: "admin.sign_in",
            subject: &actor,
            after: Some(json!({ "address": address, "browser": browser })),
            ..Entry::default()
        };
        log::record(system, &Who { actor: actor.clone(), origin: None }, entry, now).await?;
        Ok(Answered::In(session))
    })
    .await
}

/// Ends what a token opened, which the log tells of; one that is not there is no matter.
pub(super) async fn sign_out(db: &Db, token: &str, now: DateTime<Utc>) -> Result<(), AdminError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(());
    };
    db.system_tx(async |system| {
        let speaker = store::session_find(system, &hash.0, "session", now).await?;
        store::session_delete(system, &hash.0).await?;
        // What was only half a sign-in was nobody's.
        let Some(speaker) = speaker else { return Ok(()) };
        let actor = subject(speaker.admin_id);
        let entry = Entry { action: "admin.sign_out", subject: &actor, ..Entry::default() };
        log::record(system, &Who { actor: actor.clone(), origin: origin() }, entry, now).await?;
        Ok(())
    })
    .await
}

/// Who a session or key speaks for, and that it asked for something: the log has it
/// before anything is answered.
pub(super) async fn enter(
    db: &Db,
    (token, kind): (SecretHash, &str),
    (asked, looks, origin): (&str, bool, Option<String>),
    now: DateTime<Utc>,
) -> Result<Option<(Uuid, String)>, DbError> {
    db.system_tx(async |system| {
        let Some(speaker) = store::session_find(system, &token.0, kind, now).await? else {
            return Ok(None);
        };
        let action = if looks { "admin.look" } else { "admin.ask" };
        let who = Who { actor: subject(speaker.admin_id), origin };
        log::record(system, &who, Entry { action, subject: asked, ..Entry::default() }, now).await?;
        Ok(Some((speaker.admin_id, speaker.name)))
    })
    .await
}

/// Makes a key by which a program asks the API as a super-administrator; told this
/// once. Only from the machine itself: no page makes one.
///
/// # Errors
/// [`AdminError::NotFound`], [`AdminError::Days`].
pub async fn key(
    db: &Db,
    email: &str,
    name: &str,
    days: i64,
    now: DateTime<Utc>,
) -> Result<String, AdminError> {
    let email = clean_email(email).ok_or(AdminError::Email)?;
    let name = clean_name(name).ok_or(AdminError::Name)?;
    if !(1..=LONGEST_KEY).contains(&days) {
        return Err(AdminError::Days);
    }
    let token = Secret::token();
    db.system_tx(async |system| {
        let known = store::credentials(system, &email).await?.filter(|known| known.status == "active");
        let id = known.ok_or(AdminError::NotFound)?.admin_id;
        let new = NewSession { admin_id: id, kind: "key", name: &name, address: "", browser: "" };
        store::session_insert(system, &token.hash().0, &new, now, now + TimeDelta::days(days)).await?;
        let entry = Entry {
            action: "admin.key",
            subject: &subject(id),
            after: Some(json!({ "name": name, "days": days })),
            ..Entry::default()
        };
        Ok::<_, AdminError>(log::record(system, &Who::system(), entry, now).await?)
    })
    .await?;
    Ok(format!("{KEY_PREFIX}{}", token.reveal()))
}

/// Brings the secrets of codes under the key that seals now; answers how many were.
///
/// # Errors
/// Those of the database. A secret that does not open stays as it is.
pub async fn reseal(system: &mut SystemTx, secrets: &Secrets) -> Result<usize, DbError> {
    let mut done = 0;
    for (id, sealed) in store::secrets(system).await? {
        match secrets.reseal(Uuid::nil(), &field(id), &sealed) {
            Ok(Some(again)) => {
                store::secret_set(system, id, &again).await?;
                done += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(admin = %id, %error, "a secret was not sealed anew"),
        }
    }
    Ok(done)
}
