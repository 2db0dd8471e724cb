//! A tenant's settings of sign-in by a provider.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::store::{self, Provider};
use super::wire::{Providers, WireError};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::outbound;
use crate::people::error::PeopleError;
use crate::people::model::ADMIN;
use crate::people::within::{Beyond, By};
use crate::people::{service as people, store as office};
use crate::secrets::{SecretError, Secrets};

/// What the client secret is sealed for.
pub(super) const SECRET_FIELD: &str = "provider";

/// Domains that are let in, at most.
const MOST_DOMAINS: usize = 50;

/// Why settings were not kept.
#[derive(Debug, thiserror::Error)]
pub(in crate::people) enum ProviderError {
    /// Fields that are not right, all of them: field, key of a text, its value.
    #[error("something in the form is not right")]
    Invalid(Vec<Wrong>),
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// It reaches beyond what whoever acts holds.
    #[error(transparent)]
    Beyond(#[from] Beyond),
    /// The person comes in by no identity.
    #[error("there is no such person, or no identity of theirs")]
    NotFound,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A field that is not right.
pub(super) type Wrong = (&'static str, &'static str, String);

impl From<sqlx::Error> for ProviderError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<PeopleError> for ProviderError {
    fn from(error: PeopleError) -> Self {
        match error {
            PeopleError::Db(error) => Self::Db(error),
            PeopleError::Secret(error) => Self::Secret(error),
            PeopleError::Beyond(beyond) => Self::Beyond(beyond),
            _ => Self::NotFound,
        }
    }
}

/// The settings as typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub active: bool,
    pub name: String,
    pub issuer: String,
    pub client_id: String,
    /// Empty: as it is.
    pub client_secret: String,
    /// The provider asks for none: the one that is kept is forgotten.
    pub no_secret: bool,
    pub email_domains: Vec<String>,
    /// Empty: nobody becomes a person by signing in.
    pub create_role: String,
    pub provider_only: bool,
    pub version: i32,
}

/// The settings.
///
/// # Errors
/// [`ProviderError::Db`].
pub(super) async fn get(db: &Db, cx: &Cx) -> Result<Provider, ProviderError> {
    db.tx(cx, async |tx| Ok(store::provider(tx).await?)).await
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// What of it can be judged without asking anybody; the domains as they are kept.
fn judge(typed: &Typed, private: bool) -> (Vec<Wrong>, Vec<String>) {
    let mut wrong: Vec<Wrong> = Vec::new();
    let mut note = |field, ok: bool, key, value: &str| {
        if !ok {
            wrong.push((field, key, value.to_owned()));
        }
    };
    let plain = |text: &str, most| text.chars().count() <= most && !text.chars().any(char::is_control);
    let (name, issuer, client) = (typed.name.trim(), typed.issuer.trim(), typed.client_id.trim());
    let on = typed.active;
    note("name", plain(name, 40) && (!on || !name.is_empty()), "provider-wrong-name", "");
    let address =
        issuer.len() <= 500 && !issuer.contains(['?', '#']) && outbound::target(issuer, private).is_some();
    note("issuer", address || (!on && issuer.is_empty()), "provider-wrong-issuer", "");
    let graphic = client.len() <= 200 && client.bytes().all(|b| b.is_ascii_graphic());
    note("client_id", graphic && (!on || !client.is_empty()), "provider-wrong-client", "");
    note("client_secret", plain(&typed.client_secret, 500), "provider-wrong-secret", "");
    let mut domains: Vec<String> = Vec::new();
    for text in &typed.email_domains {
        let domain = text.trim().trim_start_matches('@').to_lowercase();
        if domain.is_empty() || domains.contains(&domain) {
            continue;
        }
        note("email_domains", is_domain(&domain), "provider-wrong-domain", text);
        domains.push(domain);
    }
    note("email_domains", domains.len() <= MOST_DOMAINS, "provider-wrong-domains", "");
    let open = !typed.create_role.trim().is_empty() && domains.is_empty();
    note("email_domains", !open, "provider-wrong-open", "");
    note("provider_only", on || !typed.provider_only, "provider-wrong-off", "");
    (wrong, domains)
}

/// Keeps settings. Where they are to be used, the provider is asked who it is first. Where
/// passwords are left out from now on, the sessions of everybody but administrators and
/// whoever does it end: those that passwords began are among them.
///
/// # Errors
/// [`ProviderError::Beyond`] of somebody who is no administrator: a provider says who
/// comes in as whom. [`ProviderError::Invalid`] with every field that is not right;
/// [`ProviderError::Stale`].
pub(super) async fn set(
    db: &Db,
    by: &By<'_>,
    secrets: &Secrets,
    (providers, private): (&Providers, bool),
    typed: &Typed,
) -> Result<(), ProviderError> {
    by.holds_everything()?;
    let cx = by.cx;
    let (mut wrong, domains) = judge(typed, private);
    let role = Some(typed.create_role.trim().to_owned()).filter(|role| !role.is_empty());
    if let Some(role) = &role {
        let known = people::roles(db, cx).await?;
        if role == ADMIN || !known.iter().any(|known| known.code == *role) {
            wrong.push(("create_role", "provider-wrong-role", String::new()));
        }
    }
    let mut issuer = typed.issuer.trim().to_owned();
    if typed.active && !wrong.iter().any(|(field, ..)| *field == "issuer") {
        match providers.look(&issuer, private).await {
            // As it writes itself, with a slash at its end or without.
            Ok(metadata) => issuer = metadata.issuer,
            Err(WireError::Unreached(told) | WireError::Denied(told)) => {
                wrong.push(("issuer", "provider-wrong-answer", told));
            }
        }
    }
    let keep = async |tx: &mut Tx| {
        let mut wrong = wrong.clone();
        // Locked: the last of them is not taken away meanwhile.
        let holders = office::holders(tx, ADMIN).await?;
        if typed.provider_only && typed.active && !store::has_way_back(tx).await? {
            wrong.push(("provider_only", "provider-wrong-way-back", String::new()));
        }
        if !wrong.is_empty() {
            return Err(ProviderError::Invalid(wrong));
        }
        let before = store::provider(tx).await?;
        let client_id = typed.client_id.trim().to_owned();
        // A secret is for one provider and one client; another one gets its own.
        let same = before.issuer == issuer && before.client_id == client_id;
        let client_secret = match typed.client_secret.as_str() {
            "" if same && !typed.no_secret => before.client_secret.clone(),
            "" => None,
            secret => Some(secrets.seal(tx.tenant(), SECRET_FIELD, secret.as_bytes())?),
        };
        let new = Provider {
            active: typed.active,
            name: typed.name.trim().to_owned(),
            issuer: issuer.clone(),
            client_id,
            client_secret,
            email_domains: domains.clone(),
            create_role: role.clone(),
            provider_only: typed.provider_only,
            version: typed.version,
        };
        if !store::provider_set(tx, &new).await? {
            return Err(ProviderError::Stale);
        }
        let told = |it: &Provider| {
            json!({ "active": it.active, "name": it.name, "issuer": it.issuer, "client_id": it.client_id,
                    "secret": it.client_secret.is_some(), "email_domains": it.email_domains,
                    "create_role": it.create_role, "provider_only": it.provider_only })
        };
        let entry = Entry {
            action: "signin.provider",
            subject: &format!("tenant:{}", tx.tenant()),
            before: Some(told(&before)),
            after: Some(told(&new)),
        };
        audit::record(tx, entry).await?;
        let alone = |it: &Provider| it.active && it.provider_only;
        let closes = alone(&new) && !alone(&before);
        Ok::<_, ProviderError>(
            closes.then(|| holders.into_iter().map(|(user, _)| user).collect::<Vec<Uuid>>()),
        )
    };
    db.system_tx(async |system| {
        // Sessions that ended for nothing are harmless.
        system.home_first();
        let stay: Option<Vec<Uuid>> = system.enter(cx, keep).await?;
        if let Some(mut stay) = stay {
            stay.extend(cx.actor.strip_prefix("user:").and_then(|id| id.parse::<Uuid>().ok()));
            office::sessions_end_but(system, cx.tenant, &stay).await?;
        }
        Ok(())
    })
    .await
}

/// Asks that without this person somebody active would still administer who has a
/// password, where people sign in by the provider alone.
///
/// # Errors
/// [`PeopleError::LastWayBack`].
pub(in crate::people) async fn way_back_stays(tx: &mut Tx, user: Uuid) -> Result<(), PeopleError> {
    if store::is_last_way_back(tx, user).await? { Err(PeopleError::LastWayBack) } else { Ok(()) }
}

/// Issuers by which a person comes in, and since when.
///
/// # Errors
/// [`ProviderError::Db`].
pub(in crate::people) async fn identities(
    db: &Db,
    cx: &Cx,
    user: Uuid,
) -> Result<Vec<(String, DateTime<Utc>)>, DbError> {
    db.tx(cx, async |tx| Ok(store::identities(tx, user).await?)).await
}

/// Forgets by which identity a person comes in: the next one with their e-mail becomes
/// theirs.
///
/// # Errors
/// [`ProviderError::NotFound`]; [`ProviderError::Beyond`] of somebody who has more than
/// whoever acts holds.
pub(in crate::people) async fn unlink(db: &Db, by: &By<'_>, user: Uuid) -> Result<(), ProviderError> {
    db.tx(by.cx, async |tx| {
        let person = office::user(tx, user, true).await?.ok_or(ProviderError::NotFound)?;
        by.require_person(tx, &person).await?;
        if !store::identities_delete(tx, user).await? {
            return Err(ProviderError::NotFound);
        }
        let subject = format!("user:{user}");
        let entry = Entry { action: "user.unlink", subject: &subject, ..Entry::default() };
        Ok(audit::record(tx, entry).await?)
    })
    .await
}

/// Brings the client secret of a tenant under the key that seals now; answers how many
/// were.
///
/// # Errors
/// Those of the database. A secret that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let tenant = tx.tenant();
    let Some(sealed) = store::provider(tx).await?.client_secret else {
        return Ok(0);
    };
    match secrets.reseal(tenant, SECRET_FIELD, &sealed) {
        Ok(Some(again)) => {
            store::secret_set(tx, &again).await?;
            Ok(1)
        }
        Ok(None) => Ok(0),
        Err(error) => {
            tracing::warn!(%tenant, %error, "a secret was not sealed anew");
            Ok(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed() -> Typed {
        Typed {
            active: true,
            name: "Saif ID".into(),
            issuer: "https://id.saif.example/realms/saif".into(),
            client_id: "tracewright".into(),
            email_domains: vec!["@Saif.example".into(), " ".into(), "saif.example".into()],
            ..Typed::default()
        }
    }

    fn fields(typed: &Typed, private: bool) -> Vec<&'static str> {
        judge(typed, private).0.into_iter().map(|(field, ..)| field).collect()
    }

    #[test]
    fn every_field_that_is_not_right_is_told_at_once() {
        assert_eq!(judge(&typed(), false), (Vec::new(), vec!["saif.example".to_owned()]));
        let wrong = Typed {
            name: String::new(),
            issuer: "http://id.saif.example".into(),
            client_id: "a b".into(),
            client_secret: "x\u{7}".into(),
            email_domains: vec!["saif".into(), "-a.example".into()],
            ..typed()
        };
        let told = ["name", "issuer", "client_id", "client_secret", "email_domains", "email_domains"];
        assert_eq!(fields(&wrong, false), told);
        for issuer in
            ["https://10.0.0.1", "https://id.example?x=1", "https://me@id.example", "ftp://id.example", ""]
        {
            assert_eq!(fields(&Typed { issuer: issuer.into(), ..typed() }, false), ["issuer"], "{issuer}");
        }
        let local = Typed { issuer: "http://127.0.0.1:8080".into(), ..typed() };
        assert!(fields(&local, true).is_empty());
    }

    #[test]
    fn a_provider_of_everybody_makes_nobody_a_person() {
        let open = Typed { create_role: "VIEWER".into(), email_domains: Vec::new(), ..typed() };
        assert_eq!(fields(&open, false), ["email_domains"]);
        assert!(fields(&Typed { create_role: "VIEWER".into(), ..typed() }, false).is_empty());
        let off = Typed { active: false, provider_only: true, ..typed() };
        assert_eq!(fields(&off, false), ["provider_only"]);
        let nothing = Typed::default();
        assert!(fields(&nothing, false).is_empty(), "it can be taken away");
    }
}
