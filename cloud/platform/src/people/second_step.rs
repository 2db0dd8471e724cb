//! The second step of sign-in as a person sets it up: codes by time on a phone,
//! and backup codes.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::error::PeopleError;
use super::refused::{self, Refused};
use super::signin::Count;
use super::throttle::Counted;
use super::totp_store::{self, TotpRow};
use super::within::By;
use super::{ACCOUNT_TOTP_OFF, ACCOUNT_TOTP_ON, service, signin, store, totp};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx, Tx};
use crate::notify::{self, Notice, To};
use crate::secrets::Secrets;
use crate::web::keys::SecretHash;

/// What a person's secret is sealed for.
fn field(user: Uuid) -> String {
    format!("totp:{user}")
}

/// How it stands with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Codes are asked for.
    pub on: bool,
    /// A role asks for them.
    pub required: bool,
    /// Backup codes that were not used.
    pub codes_left: i64,
}

/// How it stands with a person.
///
/// # Errors
/// Those of the database.
pub async fn standing(db: &Db, cx: &Cx, user: Uuid) -> Result<Standing, PeopleError> {
    db.tx(cx, async |tx| {
        let row = totp_store::totp(tx, user).await?;
        Ok(Standing {
            on: row.is_some_and(|row| row.confirmed_at.is_some()),
            required: totp_store::required(tx, user).await?,
            codes_left: totp_store::backup_codes_left(tx, user).await?,
        })
    })
    .await
}

/// What a person puts into an app.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// To be typed.
    pub typed: String,
    /// To be scanned: an SVG.
    pub square: String,
}

/// The secret that waits for its first code; made if there is none.
///
/// # Errors
/// [`PeopleError::Stale`] when codes are asked for already.
pub(super) async fn enrolment(tx: &mut Tx, secrets: &Secrets, user: Uuid) -> Result<Enrolment, PeopleError> {
    if totp_store::totp(tx, user).await?.is_none() {
        let secret = totp::new_secret().ok_or(PeopleError::NoRandom)?;
        let sealed = secrets.seal(tx.tenant(), &field(user), &secret)?;
        totp_store::totp_insert(tx, user, &sealed).await?;
    }
    let row = totp_store::totp(tx, user).await?.ok_or(PeopleError::NotFound)?;
    if row.confirmed_at.is_some() {
        return Err(PeopleError::Stale);
    }
    let secret = secrets.open(tx.tenant(), &field(user), &row.secret)?;
    let person = store::user(tx, user, false).await?.ok_or(PeopleError::NotFound)?;
    let address = totp::address(&secret, &store::tenant_code(tx).await?, &person.email);
    let square = totp::square(&address).unwrap_or_default();
    Ok(Enrolment { typed: totp::typed(&secret), square })
}

/// Has a person who knows the password begin; the page shows [`pending`] next.
///
/// # Errors
/// [`PeopleError::WrongPassword`], [`PeopleError::Wait`].
pub async fn begin(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (user, present): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    service::prove(db, cx, user, present, now).await?;
    db.tx(cx, async |tx| enrolment(tx, secrets, user).await.map(drop)).await
}

/// What the person puts into an app; `None` when none waits for its first code.
///
/// # Errors
/// Those of the database.
pub async fn pending(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    user: Uuid,
) -> Result<Option<Enrolment>, PeopleError> {
    db.tx(cx, async |tx| {
        let row = totp_store::totp(tx, user).await?;
        if row.is_none_or(|row| row.confirmed_at.is_some()) {
            return Ok(None);
        }
        enrolment(tx, secrets, user).await.map(Some)
    })
    .await
}

/// Takes the first code: from now on codes are asked for. Answers the backup codes,
/// which are told this once; `None` when the code is wrong.
pub(super) async fn confirm_in(
    tx: &mut Tx,
    secrets: &Secrets,
    user: Uuid,
    row: &TotpRow,
    typed: &str,
    now: DateTime<Utc>,
) -> Result<Option<Vec<String>>, PeopleError> {
    let secret = secrets.open(tx.tenant(), &field(user), &row.secret)?;
    let Some(step) = totp::step_of(&secret, typed, row.last_step, now) else {
        return Ok(None);
    };
    if !totp_store::totp_confirm(tx, user, step, now).await? {
        return Err(PeopleError::Stale);
    }
    record(tx, user, "user.totp_on").await?;
    notify::tell(tx, &ACCOUNT_TOTP_ON, &Notice::new(To::Person(user), "/account"), now).await?;
    backup_codes(tx, user).await.map(Some)
}

/// Whether a code is right: of the app, or a backup code. It is used up then.
pub(super) async fn check(
    tx: &mut Tx,
    secrets: &Secrets,
    user: Uuid,
    row: &TotpRow,
    typed: &str,
    now: DateTime<Utc>,
) -> Result<bool, PeopleError> {
    let secret = secrets.open(tx.tenant(), &field(user), &row.secret)?;
    if let Some(step) = totp::step_of(&secret, typed, row.last_step, now) {
        return Ok(totp_store::step_use(tx, user, step).await?);
    }
    let Some(hash) = totp::backup_hash(user, typed) else {
        return Ok(false);
    };
    let used = totp_store::backup_code_use(tx, user, &hash, now).await?;
    if used {
        record(tx, user, "user.backup_code").await?;
    }
    Ok(used)
}

async fn backup_codes(tx: &mut Tx, user: Uuid) -> Result<Vec<String>, PeopleError> {
    let codes = totp::new_backup_codes().ok_or(PeopleError::NoRandom)?;
    let hashes: Vec<Vec<u8>> =
        codes.iter().filter_map(|code| totp::backup_hash(user, code)).map(|hash| hash.to_vec()).collect();
    totp_store::backup_codes_set(tx, user, &hashes).await?;
    Ok(codes)
}

async fn record(tx: &mut Tx, user: Uuid, action: &str) -> Result<(), DbError> {
    audit::record(tx, Entry { action, subject: &format!("user:{user}"), ..Entry::default() }).await
}

/// What a code of the own account is typed for.
enum Wish {
    Confirm,
    NewCodes,
    Off,
}

/// What became of a code. No error: what was counted has to be committed.
enum Judged {
    /// Right; new backup codes, where there are some.
    Right(Vec<String>),
    Wrong,
    Wait(DateTime<Utc>),
}

impl Judged {
    fn done(self) -> Result<Vec<String>, PeopleError> {
        match self {
            Self::Right(codes) => Ok(codes),
            Self::Wrong => Err(PeopleError::Code),
            Self::Wait(until) => Err(PeopleError::Wait(until)),
        }
    }
}

/// Judges a code of the own account, counted as at sign-in, and does what it was
/// typed for.
async fn with_code(
    system: &mut SystemTx,
    cx: &Cx,
    secrets: &Secrets,
    (user, typed, wish): (Uuid, &str, Wish),
    now: DateTime<Utc>,
) -> Result<Judged, PeopleError> {
    let counted = Counted::Code(user);
    let locked = match signin::counts(system, &counted, now).await? {
        Count::Wait(until) => return Ok(Judged::Wait(until)),
        Count::Judge { locks } => locks,
    };
    let refused = Refused { by: "code", browser: "", locked };
    // The tenant's commits first: a code is used up before anything stands on it.
    let judge = system.enter(cx, async |tx| {
        let row = totp_store::totp(tx, user).await?.ok_or(PeopleError::NotFound)?;
        let on = row.confirmed_at.is_some();
        match wish {
            Wish::Confirm if on => Err(PeopleError::Stale),
            Wish::Confirm => {
                let codes = confirm_in(tx, secrets, user, &row, typed, now).await?;
                if codes.is_none() {
                    refused::note(tx, user, &refused).await?;
                }
                Ok(codes)
            }
            _ if !on => Err(PeopleError::NotFound),
            Wish::Off if totp_store::required(tx, user).await? => Err(PeopleError::Required),
            _ if !check(tx, secrets, user, &row, typed, now).await? => {
                refused::note(tx, user, &refused).await?;
                Ok(None)
            }
            Wish::NewCodes => {
                record(tx, user, "user.backup_codes").await?;
                backup_codes(tx, user).await.map(Some)
            }
            Wish::Off => {
                totp_store::totp_delete(tx, user).await?;
                record(tx, user, "user.totp_off").await?;
                let notice = Notice::new(To::Person(user), "/account");
                notify::tell(tx, &ACCOUNT_TOTP_OFF, &notice, now).await?;
                Ok(Some(Vec::new()))
            }
        }
    });
    let Some(codes) = judge.await? else {
        return Ok(Judged::Wrong);
    };
    store::try_succeeded(system, &counted.subject(), None).await?;
    Ok(Judged::Right(codes))
}

/// Takes the first code on the own account's page; every session but `keep` ends.
/// Answers the backup codes.
///
/// # Errors
/// [`PeopleError::Code`], [`PeopleError::Wait`], [`PeopleError::Stale`].
pub async fn confirm(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (user, typed): (Uuid, &str),
    keep: Option<SecretHash>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, PeopleError> {
    let judged = db
        .system_tx(async |system| {
            let judged = with_code(system, cx, secrets, (user, typed, Wish::Confirm), now).await?;
            if let Judged::Right(_) = judged {
                let keep = keep.as_ref().map(|hash| &hash.0[..]);
                store::sessions_end(system, cx.tenant, user, None, keep).await?;
            }
            Ok::<_, PeopleError>(judged)
        })
        .await?;
    judged.done()
}

/// Gives a person new backup codes; those before are void.
///
/// # Errors
/// [`PeopleError::Code`], [`PeopleError::Wait`].
pub async fn new_codes(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (user, typed): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<Vec<String>, PeopleError> {
    let judged = db
        .system_tx(async |system| with_code(system, cx, secrets, (user, typed, Wish::NewCodes), now).await)
        .await?;
    judged.done()
}

/// Has codes asked for no more.
///
/// # Errors
/// [`PeopleError::Code`], [`PeopleError::Wait`]; [`PeopleError::Required`] when a
/// role asks for them.
pub async fn turn_off(
    db: &Db,
    cx: &Cx,
    secrets: &Secrets,
    (user, typed): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    let done = db
        .system_tx(async |system| with_code(system, cx, secrets, (user, typed, Wish::Off), now).await)
        .await?;
    done.done().map(drop)
}

/// An administrator forgets a person's codes, who lost them; the person's sessions
/// end.
///
/// # Errors
/// [`PeopleError::NotFound`] when there is nothing to forget; [`PeopleError::Beyond`] of
/// somebody who has more than whoever acts holds.
pub async fn reset(db: &Db, by: &By<'_>, user: Uuid, now: DateTime<Utc>) -> Result<(), PeopleError> {
    let cx = by.cx;
    db.system_tx(async |system| {
        // Sessions that ended for nothing are harmless, and it can be done again.
        system.home_first();
        let forget = system.enter(cx, async |tx| {
            let found = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
            by.require_person(tx, &found).await?;
            if !totp_store::totp_delete(tx, user).await? {
                return Err(PeopleError::NotFound);
            }
            record(tx, user, "user.totp_reset").await?;
            notify::tell(tx, &ACCOUNT_TOTP_OFF, &Notice::new(To::Person(user), "/account"), now).await?;
            Ok(())
        });
        forget.await?;
        store::sessions_end(system, cx.tenant, user, None, None).await?;
        Ok(totp_store::steps_end(system, cx.tenant, user).await?)
    })
    .await
}

/// Says whether whoever has a role must have codes, from the next sign-in on.
///
/// # Errors
/// [`PeopleError::Role`], [`PeopleError::Stale`]; [`PeopleError::Beyond`] of a role that
/// may more than whoever acts.
pub async fn require(db: &Db, by: &By<'_>, role: &str, version: i32, on: bool) -> Result<(), PeopleError> {
    db.tx(by.cx, async |tx| {
        let before = store::roles(tx).await?.into_iter().find(|known| known.code == role);
        let before = before.ok_or(PeopleError::Role)?;
        by.require_role(tx, role).await?;
        if !store::role_totp_set(tx, role, version, on).await? {
            return Err(PeopleError::Stale);
        }
        let entry = Entry {
            action: "role.require_totp",
            subject: &format!("role:{role}"),
            before: Some(json!(before.require_totp)),
            after: Some(json!(on)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Brings the secrets of a tenant's people under the key that seals now; answers
/// how many were.
///
/// # Errors
/// Those of the database. A secret that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let tenant = tx.tenant();
    let mut done = 0;
    for (user, sealed) in totp_store::secrets(tx).await? {
        match secrets.reseal(tenant, &field(user), &sealed) {
            Ok(Some(again)) => {
                totp_store::secret_set(tx, user, &again).await?;
                done += 1;
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%tenant, %user, %error, "a secret was not sealed anew"),
        }
    }
    Ok(done)
}
