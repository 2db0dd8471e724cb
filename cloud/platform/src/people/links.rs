//! Links by which a person sets a password: an invitation, or a reset.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::error::PeopleError;
use super::model::{self, Given, Status};
use super::store::Login;
use super::within::By;
use super::{ACCOUNT_PASSWORD, PEOPLE_JOINED, USER_MANAGE, password, service, signin, store, totp_store};
use crate::audit::{self, Entry};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError, Problem, SystemTx, Tx};
use crate::notify::{self, Letter, Notice, To};
use crate::outbox::{self, Channel, Message};
use crate::plans::{self, Limit};
use crate::secrets::Secrets;
use crate::tenancy::Standing;
use crate::web::AppState;
use crate::web::keys::{Secret, SecretHash, hash_of_token};

/// How long an invitation works.
pub const INVITATION_LIFETIME: TimeDelta = TimeDelta::days(7);
/// How long a link to a new password works that an administrator makes.
pub const RESET_LIFETIME: TimeDelta = TimeDelta::hours(24);
/// How long a link to a new password works that the person asked for.
pub const FORGOT_LIFETIME: TimeDelta = TimeDelta::hours(1);

/// Somebody to invite.
#[derive(Debug, Clone, Default)]
pub struct Invitation {
    /// As typed.
    pub email: String,
    /// As typed.
    pub name: String,
    /// Codes of roles.
    pub roles: Vec<String>,
    /// Where they are given.
    pub plants: Plants,
}

impl Invitation {
    fn given(&self) -> Vec<Given> {
        let given = |role: &String| Given { role: role.clone(), plants: self.plants.clone() };
        self.roles.iter().map(given).collect()
    }
}

/// The kind of a mail that invites.
const INVITE: &str = "people.invite";

/// What a link to somebody of this tenant is sealed with on its way into a mail; `None` where
/// the tenant has no mail, and the link has to be shown instead.
///
/// # Errors
/// When the database refuses.
pub(super) async fn by_mail<'a>(state: &'a AppState, cx: &Cx) -> Result<Option<&'a Secrets>, DbError> {
    let mails = state.db.tx(cx, async |tx| notify::can_mail(state.mails, tx).await).await?;
    Ok(mails.then_some(&state.secrets))
}

/// What keeps mail that invites from going out at present; `None` where it goes, as far as
/// is known.
///
/// # Errors
/// When the database refuses.
pub(super) async fn mail_waits(db: &Db, cx: &Cx, now: DateTime<Utc>) -> Result<Option<String>, DbError> {
    db.tx(cx, async |tx| outbox::waits(tx, INVITE, now).await).await
}

/// Why the mail that invites somebody did not go out so far.
///
/// # Errors
/// When the database refuses.
pub(super) async fn mail_unsent(db: &Db, cx: &Cx, user: Uuid) -> Result<Option<String>, DbError> {
    db.tx(cx, async |tx| outbox::unsent(tx, INVITE, user).await).await
}

/// What a mail with a link says.
fn letter(purpose: &str) -> Letter {
    let text = if purpose == "invite" { "mail-invite" } else { "mail-reset" };
    Letter::new(text, "/invitation/")
}

/// Puts a link into the outbox, sealed: nobody but its mail tells it.
async fn put(
    tx: &mut Tx,
    secrets: &Secrets,
    user: Uuid,
    purpose: &str,
    link: &Secret,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), PeopleError> {
    let kind = if purpose == "invite" { INVITE } else { "people.reset" };
    let message = Message::new(Channel::Mail, kind, Some(user), letter(purpose).body())
        .until(expires_at)
        .sealing(secrets, tx.tenant(), link.reveal().as_bytes())?;
    Ok(outbox::put(tx, &message, now).await?)
}

/// Makes a person who has no password yet, and mails the link where `by_mail`
/// says how to seal it. Answers the person's id and the secret of the link, which
/// is told this once.
///
/// # Errors
/// When the e-mail, the name or a role is not right, somebody has that e-mail, or a role
/// is more than whoever acts holds.
pub async fn invite(
    db: &Db,
    by: &By<'_>,
    invitation: &Invitation,
    by_mail: Option<&Secrets>,
    now: DateTime<Utc>,
) -> Result<(Uuid, Secret), PeopleError> {
    let email = model::email(&invitation.email).ok_or(PeopleError::Email)?;
    let name = model::name(&invitation.name).ok_or(PeopleError::Name)?;
    let (user, link) = (Uuid::now_v7(), Secret::token());
    let (cx, expires) = (by.cx, now + INVITATION_LIFETIME);
    db.system_tx(async |system| {
        // An address with nobody behind it is harmless, and the next invitation takes
        // it over; a mail with a link that is not known here would not be.
        system.home_first();
        let user = store::login_claim(system, &email, cx.tenant, user).await?;
        let make = system.enter(cx, async |tx| {
            if store::user(tx, user, false).await?.is_some() {
                return Err(PeopleError::Exists);
            }
            let given = invitation.given();
            service::judge(tx, &given).await?;
            by.require_given(tx, &given).await?;
            plans::admit(tx, Limit::Users).await?;
            store::user_insert(tx, user, &email, &name).await?;
            store::roles_set(tx, user, &given).await?;
            let entry = Entry {
                action: "user.invite",
                subject: &format!("user:{user}"),
                after: Some(json!({ "roles": service::told(&given), "by_mail": by_mail.is_some() })),
                ..Entry::default()
            };
            audit::record(tx, entry).await?;
            if let Some(secrets) = by_mail {
                put(tx, secrets, user, "invite", &link, (now, expires)).await?;
            }
            Ok::<_, PeopleError>(())
        });
        make.await?;
        store::invitation_insert(system, &link.hash().0, cx.tenant, user, "invite", expires).await?;
        Ok((user, link.clone()))
    })
    .await
}

/// Makes a new link for a person, who may have forgotten the password or lost
/// the invitation; the links before are void. The old password works until the
/// link is used. It is mailed where `by_mail` says how to seal it.
///
/// # Errors
/// When there is no such person, the person is disabled, or has more than whoever acts
/// holds: by a link one could come in as them.
pub async fn link(
    db: &Db,
    by: &By<'_>,
    user: Uuid,
    by_mail: Option<&Secrets>,
    now: DateTime<Utc>,
) -> Result<Secret, PeopleError> {
    let (cx, link) = (by.cx, Secret::token());
    db.system_tx(async |system| {
        // No mail may lead to a link that is not known here.
        system.home_first();
        let find = system.enter(cx, async |tx| {
            let found = store::user(tx, user, false).await?.ok_or(PeopleError::NotFound)?;
            if found.status == Status::Disabled {
                return Err(PeopleError::NotFound);
            }
            by.require_person(tx, &found).await?;
            let (purpose, lifetime) = match found.status {
                Status::Invited => ("invite", INVITATION_LIFETIME),
                _ => ("reset", RESET_LIFETIME),
            };
            let entry = Entry {
                action: "user.link",
                subject: &format!("user:{user}"),
                after: Some(json!({ "purpose": purpose, "by_mail": by_mail.is_some() })),
                ..Entry::default()
            };
            audit::record(tx, entry).await?;
            if let Some(secrets) = by_mail {
                put(tx, secrets, user, purpose, &link, (now, now + lifetime)).await?;
            }
            Ok((purpose, now + lifetime))
        });
        let (purpose, expires) = find.await?;
        store::invitation_insert(system, &link.hash().0, cx.tenant, user, purpose, expires).await?;
        Ok(link.clone())
    })
    .await
}

/// Mails a link to a new password to everybody active who has this e-mail, in
/// whichever tenants: by the cloud's server, if it `mails`, or the tenant's own. What comes
/// of it is not told to whoever asks.
///
/// # Errors
/// When the database refuses.
pub(super) async fn forgot(
    db: &Db,
    email: &str,
    secrets: &Secrets,
    mails: bool,
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    db.system_tx(async |system| {
        // As in `link`.
        system.home_first();
        for Login { tenant, user, status } in store::logins(system, email).await? {
            if !Standing::of(&status).admits() {
                continue;
            }
            let (link, expires) = (Secret::token(), now + FORGOT_LIFETIME);
            let cx = Cx::system(tenant);
            let put = system.enter(&cx, async |tx| {
                let active = store::credentials(tx, user)
                    .await?
                    .is_some_and(|known| Status::parse(&known.status) == Status::Active);
                let goes = active && notify::can_mail(mails, tx).await?;
                if goes {
                    let subject = format!("user:{user}");
                    let entry = Entry { action: "user.forgot", subject: &subject, ..Entry::default() };
                    audit::record(tx, entry).await?;
                    put(tx, secrets, user, "reset", &link, (now, expires)).await?;
                }
                Ok::<_, PeopleError>(goes)
            });
            let put = match put.await {
                // Nor is the person's other organisation concerned.
                Err(PeopleError::Db(error)) if error.problem() == Problem::Away => {
                    tracing::warn!(%tenant, %error, "a forgotten password is not mailed");
                    continue;
                }
                put => put?,
            };
            if put {
                store::invitation_insert(system, &link.hash().0, tenant, user, "reset", expires).await?;
            }
        }
        Ok(())
    })
    .await
}

/// Whom a link is for.
#[derive(Debug, Clone)]
pub struct Invited {
    /// Tenant.
    pub tenant: Uuid,
    /// Person.
    pub user: Uuid,
    /// For the form, and to judge the password by.
    pub email: String,
    /// For the form.
    pub name: String,
    /// The person had a password before.
    pub reset: bool,
    /// The tenant's code, where the person signs in by its provider and needs none.
    pub by_provider: Option<String>,
}

/// Looks a link up without using it; `None` when it is not valid any more.
///
/// # Errors
/// When the database refuses.
pub async fn find(db: &Db, link: &str, now: DateTime<Utc>) -> Result<Option<Invited>, PeopleError> {
    let Some(hash) = hash_of_token(link) else {
        return Ok(None);
    };
    db.system_tx(async |system| invited(system, hash, now).await).await
}

async fn invited(
    system: &mut SystemTx,
    link: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<Invited>, PeopleError> {
    let Some((tenant, user, purpose)) = store::invitation_find(system, &link.0, now).await? else {
        return Ok(None);
    };
    let cx = Cx::system(tenant);
    let look = async |tx: &mut Tx| {
        Ok::<_, PeopleError>((store::user(tx, user, false).await?, signin::closed(tx, user).await?))
    };
    let (found, by_provider) = system.enter(&cx, look).await?;
    let found = found.filter(|found| found.status != Status::Disabled);
    let reset = purpose == "reset";
    Ok(found.map(|found| Invited { tenant, user, email: found.email, name: found.name, reset, by_provider }))
}

/// Uses a link up: the person has this name and password from now on, and every
/// session that stood on the old password ends. Answers whom it was for.
///
/// # Errors
/// When the link is gone, the person signs in by a provider, or name or password are
/// not good; the link then stays.
pub async fn accept(
    db: &Db,
    link: &str,
    name: &str,
    new: &str,
    now: DateTime<Utc>,
) -> Result<Invited, PeopleError> {
    let hash = hash_of_token(link).ok_or(PeopleError::LinkGone)?;
    let invited = find(db, link, now).await?.ok_or(PeopleError::LinkGone)?;
    if invited.by_provider.is_some() {
        return Err(PeopleError::ByProvider);
    }
    let name = model::name(name).ok_or(PeopleError::Name)?;
    password::judge(new, &invited.email, &name)?;
    let kept = password::hash(new.to_owned()).await.ok_or(PeopleError::NoRandom)?;
    db.system_tx(async |system| {
        if !store::invitation_use(system, &hash.0, now).await? {
            return Err(PeopleError::LinkGone);
        }
        // The tenant's commits first: until the link is used up it can be used again,
        // and then ends the sessions.
        store::sessions_end(system, invited.tenant, invited.user, None, None).await?;
        totp_store::steps_end(system, invited.tenant, invited.user).await?;
        let actor = format!("user:{}", invited.user);
        let cx = Cx::new(invited.tenant, actor.as_str());
        let set = system.enter(&cx, async |tx| {
            if !store::user_accept(tx, invited.user, &name, &kept).await? {
                return Err(PeopleError::LinkGone);
            }
            let entry = Entry { action: "user.password", subject: &actor, ..Entry::default() };
            audit::record(tx, entry).await?;
            if invited.reset {
                let notice = Notice::new(To::Person(invited.user), "/account");
                notify::tell(tx, &ACCOUNT_PASSWORD, &notice, now).await?;
            } else {
                let to = To::Permission(USER_MANAGE.code.to_owned());
                let notice = Notice::new(to, format!("/users/{}", invited.user)).with("who", &*name);
                notify::tell(tx, &PEOPLE_JOINED, &notice, now).await?;
            }
            Ok(())
        });
        set.await
    })
    .await?;
    Ok(invited)
}
