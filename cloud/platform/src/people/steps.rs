//! A sign-in whose first step was right, and what else it takes: which
//! organisation, and the code of the second step.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::error::PeopleError;
use super::model::Status;
use super::refused::{Refused, note_each};
use super::second_step::{self, Enrolment};
use super::signin::{self, Count, SignedIn};
use super::throttle::Counted;
use super::totp_store::{self, StepRow};
use super::{provider, store};
use crate::ctx::Cx;
use crate::db::{Db, SystemTx};
use crate::secrets::Secrets;
use crate::web::keys::{Secret, SecretHash, hash_of_token};

/// How long a person may take for the rest of a sign-in.
pub const STEP_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// What is asked for next.
#[derive(Debug, Clone)]
pub enum Next {
    /// Which organisation: id and name of each.
    Tenant(Vec<(Uuid, String)>),
    /// Codes are to be set up, by the first of them.
    Enrol(Enrolment),
    /// A code.
    Code,
}

/// What became of a code.
#[derive(Debug)]
pub enum Answered {
    /// The sign-in is too old, or over.
    Gone,
    /// Wrong, or used before.
    Wrong,
    /// Too many tries; the next one is judged after this moment.
    Wait(DateTime<Utc>),
    /// The session's token; and backup codes, if codes were set up just now.
    In(Secret, Vec<String>),
}

/// From where somebody signs in.
#[derive(Debug, Clone, Default)]
pub(super) struct From {
    pub address: String,
    pub browser: String,
}

/// Goes on with whoever was proved to be one of these, tenant and person: to a
/// session, or to the next step.
pub(super) async fn proceed(
    system: &mut SystemTx,
    proved: &[(Uuid, Uuid)],
    first_step: &str,
    from: &From,
    now: DateTime<Utc>,
) -> Result<SignedIn, PeopleError> {
    if let [(tenant, user)] = *proved
        && !asks(system, tenant, user).await?
    {
        let token = signin::start(system, tenant, user, first_step, from, now).await?;
        return Ok(SignedIn::Yes(token));
    }
    let token = Secret::token();
    let (tenants, users) = proved.iter().copied().unzip();
    let row = StepRow {
        tenants,
        users,
        first_step: first_step.to_owned(),
        address: from.address.clone(),
        browser: from.browser.clone(),
    };
    totp_store::step_insert(system, &token.hash().0, &row, now, now + STEP_LIFETIME).await?;
    Ok(SignedIn::Step(token))
}

/// Whether a code is asked for, or a role asks that there be one.
async fn asks(system: &mut SystemTx, tenant: Uuid, user: Uuid) -> Result<bool, PeopleError> {
    let cx = Cx::system(tenant);
    let look = system.enter(&cx, async |tx| {
        let on = totp_store::totp(tx, user).await?.is_some_and(|row| row.confirmed_at.is_some());
        Ok::<_, PeopleError>(on || totp_store::required(tx, user).await?)
    });
    look.await
}

/// The step, if it is of one person alone.
fn single(step: &StepRow) -> Option<(Uuid, Uuid)> {
    match (&step.tenants[..], &step.users[..]) {
        ([tenant], [user]) => Some((*tenant, *user)),
        _ => None,
    }
}

/// What is asked for next; `None` when the sign-in is too old, or over.
///
/// # Errors
/// When the database refuses.
pub async fn look(
    db: &Db,
    secrets: &Secrets,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Option<Next>, PeopleError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(None);
    };
    db.system_tx(async |system| {
        let Some(step) = totp_store::step_find(system, &hash.0, now).await? else {
            return Ok(None);
        };
        let Some((tenant, user)) = single(&step) else {
            return Ok(Some(Next::Tenant(totp_store::tenant_names(system, &step.tenants).await?)));
        };
        let cx = Cx::new(tenant, format!("user:{user}"));
        let look = system.enter(&cx, async |tx| {
            let row = totp_store::totp(tx, user).await?;
            if row.is_some_and(|row| row.confirmed_at.is_some()) {
                return Ok(Next::Code);
            }
            second_step::enrolment(tx, secrets, user).await.map(Next::Enrol)
        });
        look.await.map(Some)
    })
    .await
}

/// Chooses the organisation; `None` when the sign-in is too old, or not into it.
///
/// # Errors
/// When the database refuses.
pub async fn choose(
    db: &Db,
    token: &str,
    tenant: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<SignedIn>, PeopleError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(None);
    };
    db.system_tx(async |system| {
        let Some(step) = totp_store::step_find(system, &hash.0, now).await? else {
            return Ok(None);
        };
        let Some(at) = step.tenants.iter().position(|known| *known == tenant) else {
            return Ok(None);
        };
        let Some(user) = step.users.get(at).copied() else {
            return Ok(None);
        };
        if asks(system, tenant, user).await? {
            totp_store::step_choose(system, &hash.0, tenant, user).await?;
            return Ok(Some(SignedIn::Step(Secret::presented(token))));
        }
        finish(system, hash, &step, (tenant, user), "", now).await.map(|token| token.map(SignedIn::Yes))
    })
    .await
}

/// Starts the session, unless the person may not come in any more.
async fn finish(
    system: &mut SystemTx,
    step_hash: SecretHash,
    step: &StepRow,
    (tenant, user): (Uuid, Uuid),
    second: &str,
    now: DateTime<Utc>,
) -> Result<Option<Secret>, PeopleError> {
    totp_store::step_delete(system, &step_hash.0).await?;
    let cx = Cx::system(tenant);
    let look = system.enter(&cx, async |tx| {
        // Passwords may have been left out since it began.
        let by_password = !step.first_step.starts_with("provider");
        let closed = by_password && provider::password_closed(tx, user).await?;
        Ok::<_, PeopleError>(store::credentials(tx, user).await?.filter(|_| !closed))
    });
    let active = look.await?.is_some_and(|known| Status::parse(&known.status) == Status::Active);
    if !active || totp_store::tenant_names(system, &[tenant]).await?.is_empty() {
        return Ok(None);
    }
    let by = format!("{}{second}", step.first_step);
    let from = From { address: step.address.clone(), browser: step.browser.clone() };
    signin::start(system, tenant, user, &by, &from, now).await.map(Some)
}

/// Judges a code: the one that is asked for, or the first one of codes that are
/// being set up. It is counted before it is judged.
///
/// # Errors
/// When the database refuses.
pub async fn answer(
    db: &Db,
    secrets: &Secrets,
    token: &str,
    typed: &str,
    now: DateTime<Utc>,
) -> Result<Answered, PeopleError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(Answered::Gone);
    };
    let mut in_vain = None;
    let answered = db.system_tx(async |system| {
        let Some(step) = totp_store::step_find(system, &hash.0, now).await? else {
            return Ok::<_, PeopleError>(Answered::Gone);
        };
        let Some((tenant, user)) = single(&step) else {
            return Ok(Answered::Gone);
        };
        let counted = Counted::Code(user);
        let locks = match signin::counts(system, &counted, now).await? {
            Count::Wait(until) => return Ok(Answered::Wait(until)),
            Count::Judge { locks } => locks,
        };
        let cx = Cx::new(tenant, format!("user:{user}"));
        // The tenant's commits first: a code is used up before a session stands on it,
        // and until there is one the step takes the next code.
        let judge = system.enter(&cx, async |tx| {
            let Some(row) = totp_store::totp(tx, user).await? else {
                return Ok(None);
            };
            if row.confirmed_at.is_none() {
                return second_step::confirm_in(tx, secrets, user, &row, typed, now).await;
            }
            let right = second_step::check(tx, secrets, user, &row, typed, now).await?;
            Ok::<_, PeopleError>(right.then(Vec::new))
        });
        let Some(backup) = judge.await? else {
            in_vain = Some(((tenant, user), step.browser, locks));
            return Ok(Answered::Wrong);
        };
        store::try_succeeded(system, &counted.subject(), None).await?;
        let session = finish(system, hash, &step, (tenant, user), "+code", now).await?;
        Ok(session.map_or(Answered::Gone, |session| Answered::In(session, backup)))
    });
    let answered: Result<Answered, PeopleError> = answered.await;
    if let (Ok(Answered::Wrong), Some((whose, browser, locked))) = (&answered, in_vain) {
        // Whoever types codes is not proved to be the person yet.
        note_each(db, &[whose], &Refused { by: "code", browser: &browser, locked }).await;
    }
    answered
}
