//! A sign-in by a provider: the way there, the way back, and what comes of it.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::claims::{self, Claims, Expected, Mistake};
use super::decide::{self, No, Way};
use super::jose;
use super::settings::SECRET_FIELD;
use super::store::{self, AttemptRow, Provider};
use super::wire::{Exchange, Metadata, WireError};
use crate::audit::{self, Entry};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError};
use crate::notify::{self, Notice, To};
use crate::people::error::PeopleError;
use crate::people::model::Given;
use crate::people::signin::{self, SignedIn};
use crate::people::steps::{self, From as Origin};
use crate::people::store as people;
use crate::people::throttle::Counted;
use crate::people::{PEOPLE_JOINED, USER_MANAGE, service as office};
use crate::plans::{self, Limit};
use crate::web::AppState;
use crate::web::keys::{Access, Bearer, Secret, hash_of_token};

/// How long a person may stay at the provider.
pub(super) const ATTEMPT_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// How often a first sign-in is looked at that another one was faster than.
const TRIES: usize = 3;

/// Why nobody came in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// There is no such tenant, or its people have no provider.
    #[error("there is no provider")]
    NoProvider,
    /// It was not begun in this browser, took too long, or has come back before.
    #[error("the sign-in is over")]
    Over,
    /// It was begun for another tenant.
    #[error("the sign-in is another organisation's")]
    Elsewhere,
    /// The browser is signed in already, as somebody else: their name, and that of their
    /// organisation.
    #[error("the browser is signed in as somebody else")]
    SignedIn(String, String),
    /// What the provider says instead of a code.
    #[error("the provider says: {0}")]
    Told(String),
    /// The provider refused the code.
    #[error("the provider refused the code: {0}")]
    Code(String),
    /// It does not answer, or with nothing that helps.
    #[error("the provider cannot be reached: {0}")]
    Unreached(String),
    /// Its token is not believed.
    #[error("the token is refused: {0}")]
    Token(#[from] Mistake),
    /// The provider knows the person, and here nobody does, or they may not come in.
    #[error("{0:?}")]
    No(No),
    /// The tenant's plan allows no more people.
    #[error("the plan allows no more people")]
    Full,
    /// Too many tries; the next one is judged after this moment.
    #[error("too many tries, wait until {0}")]
    Wait(DateTime<Utc>),
    #[error(transparent)]
    People(#[from] PeopleError),
}

impl Refusal {
    fn signed_in(access: &Access) -> Self {
        Self::SignedIn(access.name.clone(), access.tenant_name.clone())
    }
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Self::People(error.into())
    }
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::People(error.into())
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Unreached(told) => Self::Unreached(told),
            WireError::Denied(told) => Self::Code(told),
        }
    }
}

/// A tenant whose people sign in by a provider.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub tenant: Uuid,
    pub code: String,
    pub provider: Provider,
}

impl Place {
    /// Where the provider sends people back to.
    fn back(&self, public_url: &str) -> String {
        format!("{public_url}/signin/at/{}/callback", self.code)
    }
}

/// The tenant of this code, if it is let in and has a provider.
///
/// # Errors
/// Those of the database.
pub(super) async fn place(db: &Db, code: &str) -> Result<Option<Place>, PeopleError> {
    let code = code.trim().to_uppercase();
    let tenant =
        async |system: &mut crate::db::SystemTx| Ok::<_, PeopleError>(store::tenant_of(system, &code).await?);
    let Some(tenant) = db.system_tx(tenant).await? else { return Ok(None) };
    let look = async |tx: &mut crate::db::Tx| Ok::<_, PeopleError>(store::provider(tx).await?);
    let provider = db.tx(&Cx::system(tenant), look).await?;
    Ok(provider.active.then_some(Place { tenant, code, provider }))
}

/// A value that only the browser can tell again which holds the secret; whoever sees it
/// does not learn the others.
fn derived(purpose: &str, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(purpose.as_bytes());
    hash.update([0]);
    hash.update(secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// What the provider repeats in its token.
fn nonce(secret: &str) -> String {
    derived("nonce", secret)
}

/// What proves to the provider that the code is ours (RFC 7636).
fn verifier(secret: &str) -> String {
    derived("verifier", secret)
}

/// What the provider is told of it before.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A sign-in that goes to the provider.
#[derive(Debug)]
pub(super) struct Begun {
    /// Where the browser goes.
    pub to: String,
    /// What it holds meanwhile.
    pub secret: Secret,
}

/// Begins a sign-in; `next` is the page that follows it, `present` whoever is signed in in
/// this browser.
///
/// # Errors
/// [`Refusal`].
pub(super) async fn begin(
    state: &AppState,
    code: &str,
    next: &str,
    (address, present): (Option<IpAddr>, Option<&Access>),
    now: DateTime<Utc>,
) -> Result<Begun, Refusal> {
    if let Some(address) = address {
        let counted = Counted::Provider(address);
        let count = async |system: &mut crate::db::SystemTx| signin::count(system, &counted, now).await;
        if let Some(until) = state.db.system_tx(count).await? {
            return Err(Refusal::Wait(until));
        }
    }
    let place = place(&state.db, code).await?.ok_or(Refusal::NoProvider)?;
    if let Some(access) = present.filter(|access| access.tenant != place.tenant) {
        return Err(Refusal::signed_in(access));
    }
    let provider = &place.provider;
    let metadata = state.providers.find(&provider.issuer, state.private_webhooks, now).await?;
    let (asked, secret) = (Secret::token(), Secret::token());
    let attempt = AttemptRow {
        browser_hash: secret.hash().0.to_vec(),
        tenant_id: place.tenant,
        issuer: provider.issuer.clone(),
        next: next.chars().take(1000).collect(),
        expires_at: now + ATTEMPT_LIFETIME,
    };
    let keep = async |system: &mut crate::db::SystemTx| {
        Ok::<_, Refusal>(store::attempt_insert(system, &asked.hash().0, &attempt, now).await?)
    };
    state.db.system_tx(keep).await?;
    let to = address_of(&metadata, &place, &state.public_url, &asked, &secret)?;
    Ok(Begun { to, secret })
}

/// The provider's page that asks who somebody is.
fn address_of(
    metadata: &Metadata,
    place: &Place,
    public_url: &str,
    asked: &Secret,
    secret: &Secret,
) -> Result<String, Refusal> {
    let back = place.back(public_url);
    let (nonce, challenge) = (nonce(secret.reveal()), challenge(&verifier(secret.reveal())));
    let query = serde_urlencoded::to_string([
        ("response_type", "code"),
        ("client_id", &place.provider.client_id),
        ("redirect_uri", &back),
        ("scope", "openid email profile"),
        ("state", asked.reveal()),
        ("nonce", &nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]);
    let query = query.map_err(|error| Refusal::Unreached(error.to_string()))?;
    let there = &metadata.authorization_endpoint;
    let join = if there.contains('?') { '&' } else { '?' };
    Ok(format!("{there}{join}{query}"))
}

/// What the browser brings back from the provider.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Back {
    pub code: String,
    pub state: String,
    pub error: String,
    pub iss: String,
}

/// Somebody who came back.
#[derive(Debug)]
pub(super) struct Came {
    pub signed: SignedIn,
    /// The page that was asked for.
    pub next: String,
}

/// Takes a sign-in up that has come back, and lets the person in. `code` is that of the
/// tenant in the address, `secret` what the browser holds, `present` whoever is signed in
/// there: whoever works as somebody is not made somebody else, whom another site may have
/// chosen, without signing out first.
///
/// # Errors
/// [`Refusal`].
pub(super) async fn finish(
    state: &AppState,
    code: &str,
    back: &Back,
    (secret, present): (Option<&str>, Option<&Access>),
    (address, browser): (Option<IpAddr>, String),
    now: DateTime<Utc>,
) -> Result<Came, Refusal> {
    let asked = hash_of_token(&back.state).ok_or(Refusal::Over)?;
    let take = async |system: &mut crate::db::SystemTx| {
        Ok::<_, Refusal>(store::attempt_take(system, &asked.0).await?)
    };
    // Whatever becomes of it, it does not come back a second time.
    let attempt = state.db.system_tx(take).await?.ok_or(Refusal::Over)?;
    let secret = secret.unwrap_or_default();
    let held = hash_of_token(secret).ok_or(Refusal::Over)?;
    if attempt.expires_at <= now || attempt.browser_hash != held.0 {
        return Err(Refusal::Over);
    }
    let place = place(&state.db, code).await?.ok_or(Refusal::NoProvider)?;
    if place.tenant != attempt.tenant_id {
        return Err(Refusal::Elsewhere);
    }
    if let Some(access) = present.filter(|access| access.tenant != place.tenant) {
        return Err(Refusal::signed_in(access));
    }
    let provider = &place.provider;
    if provider.issuer != attempt.issuer {
        return Err(Refusal::Over);
    }
    if !back.error.is_empty() || back.code.is_empty() {
        return Err(Refusal::Told(back.error.chars().filter(|c| !c.is_control()).take(100).collect()));
    }
    let claims = judged(state, &place, back, secret, now).await?;
    let user = admit(&state.db, &place, &claims, now).await?;
    if let Some(access) = present.filter(|access| access.bearer != Bearer::Person(user)) {
        return Err(Refusal::signed_in(access));
    }
    let from = Origin {
        address: address.map(|address| address.to_string()).unwrap_or_default(),
        browser: browser.chars().take(200).collect(),
    };
    let signed = state
        .db
        .system_tx(async |system| {
            if let Some(address) = address {
                // The whole office may come in by one address.
                let counted = Counted::Provider(address).subject();
                people::try_succeeded(system, "", Some(&counted)).await?;
            }
            if claims.mfa {
                let by = "provider+mfa";
                return signin::start(system, place.tenant, user, by, &from, now).await.map(SignedIn::Yes);
            }
            steps::proceed(system, &[(place.tenant, user)], "provider", &from, now).await
        })
        .await?;
    Ok(Came { signed, next: attempt.next })
}

/// Gets the token for the code, and what it says, if it is to be believed.
async fn judged(
    state: &AppState,
    place: &Place,
    back: &Back,
    secret: &str,
    now: DateTime<Utc>,
) -> Result<Claims, Refusal> {
    let (provider, private) = (&place.provider, state.private_webhooks);
    let metadata: Arc<Metadata> = state.providers.find(&provider.issuer, private, now).await?;
    let named = if metadata.authorization_response_iss_parameter_supported || !back.iss.is_empty() {
        back.iss == metadata.issuer
    } else {
        true
    };
    if !named {
        return Err(Mistake::Issuer.into());
    }
    let client_secret = match &provider.client_secret {
        Some(sealed) => {
            let opened = state.secrets.open(place.tenant, SECRET_FIELD, sealed);
            String::from_utf8_lossy(&opened.map_err(PeopleError::from)?).into_owned()
        }
        None => String::new(),
    };
    let exchange = Exchange {
        client_id: &provider.client_id,
        secret: &client_secret,
        code: &back.code,
        redirect_uri: &place.back(&state.public_url),
        verifier: &verifier(secret),
    };
    let tokens = state.providers.exchange(&metadata, private, &exchange).await?;
    let token = jose::read(&tokens.id_token)?;
    let keys = state.providers.keys(&metadata, &token, private, now).await?;
    let said = token.check(&keys)?;
    let nonce = nonce(secret);
    let expected = Expected { issuer: &metadata.issuer, client_id: &provider.client_id, nonce: &nonce, now };
    let mut claims = claims::check(&said, &expected)?;
    if claims.email.is_none() {
        let told = state.providers.userinfo(&metadata, private, &tokens.access_token).await?;
        // What is told of somebody else is not to be taken for theirs.
        if told["sub"] == claims.subject.as_str() {
            claims.take(&told);
        }
    }
    Ok(claims)
}

/// The person that somebody is, or becomes. Of two first sign-ins of one person at once the
/// later one finds the other's person, or identity, there already, and looks again: then
/// it is known.
async fn admit(db: &Db, place: &Place, claims: &Claims, now: DateTime<Utc>) -> Result<Uuid, Refusal> {
    for _ in 1..TRIES {
        match admit_once(db, place, claims, now).await {
            Err(Refusal::People(error)) if is_there_already(&error) => {
                tracing::debug!(%error, "another first sign-in was faster");
            }
            done => return done,
        }
    }
    admit_once(db, place, claims, now).await
}

/// Whether another sign-in at the same time made what this one was about to.
fn is_there_already(error: &PeopleError) -> bool {
    match error {
        PeopleError::Exists => true,
        PeopleError::Db(error) => error.problem() == crate::db::Problem::Exists,
        _ => false,
    }
}

async fn admit_once(db: &Db, place: &Place, claims: &Claims, now: DateTime<Utc>) -> Result<Uuid, Refusal> {
    let (provider, cx) = (&place.provider, Cx::system(place.tenant));
    let email = claims.email.as_deref().filter(|_| claims.verified);
    let way = db
        .tx(&cx, async |tx| {
            let found = store::find(tx, &provider.issuer, &claims.subject, email).await?;
            let way = decide::decide(&found, claims, provider);
            if let Err(no) = way {
                let entry = Entry {
                    action: "signin.refused",
                    subject: &format!("tenant:{}", place.tenant),
                    after: Some(json!({ "by": "provider", "why": no.name(), "issuer": provider.issuer })),
                    ..Entry::default()
                };
                audit::record(tx, entry).await?;
            }
            Ok::<_, Refusal>(way)
        })
        .await?;
    match way.map_err(Refusal::No)? {
        Way::As { user, link: false, activate: false } => Ok(user),
        Way::As { user, link, activate } => {
            let cx = Cx::new(place.tenant, format!("user:{user}"));
            db.tx(&cx, async |tx| {
                if link {
                    if !store::identity_insert(tx, user, &provider.issuer, &claims.subject, now).await? {
                        return Err(Refusal::People(PeopleError::Exists));
                    }
                    record(tx, user, "user.link_identity", &provider.issuer).await?;
                }
                if activate {
                    store::activate(tx, user).await?;
                    joined(tx, user, claims.name.as_deref().or(email).unwrap_or_default(), now).await?;
                }
                Ok::<_, Refusal>(user)
            })
            .await
        }
        Way::New { email, name, role } => create(db, place, claims, (&email, &name, &role), now).await,
    }
}

async fn record(
    tx: &mut crate::db::Tx,
    user: Uuid,
    action: &'static str,
    issuer: &str,
) -> Result<(), DbError> {
    let subject = format!("user:{user}");
    let after = Some(json!({ "by": "provider", "issuer": issuer }));
    audit::record(tx, Entry { action, subject: &subject, after, ..Entry::default() }).await
}

async fn joined(
    tx: &mut crate::db::Tx,
    user: Uuid,
    name: &str,
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    let to = To::Permission(USER_MANAGE.code.to_owned());
    let notice = Notice::new(to, format!("/users/{user}")).with("who", name);
    Ok(notify::tell(tx, &PEOPLE_JOINED, &notice, now).await?)
}

/// Makes a person of somebody who is not known here.
async fn create(
    db: &Db,
    place: &Place,
    claims: &Claims,
    (email, name, role): (&str, &str, &str),
    now: DateTime<Utc>,
) -> Result<Uuid, Refusal> {
    let given = [Given { role: role.to_owned(), plants: Plants::All }];
    let done = db
        .system_tx(async |system| {
            // An address with nobody behind it is harmless, as in an invitation.
            system.home_first();
            let user = people::login_claim(system, email, place.tenant, Uuid::now_v7()).await?;
            let cx = Cx::new(place.tenant, format!("user:{user}"));
            let make = system.enter(&cx, async |tx| {
                if people::user(tx, user, false).await?.is_some() {
                    return Err(PeopleError::Exists);
                }
                office::judge(tx, &given).await?;
                plans::admit(tx, Limit::Users).await?;
                people::user_insert(tx, user, email, name).await?;
                people::roles_set(tx, user, &given).await?;
                store::activate(tx, user).await?;
                if !store::identity_insert(tx, user, &place.provider.issuer, &claims.subject, now).await? {
                    return Err(PeopleError::Exists);
                }
                let entry = Entry {
                    action: "user.create",
                    subject: &format!("user:{user}"),
                    after: Some(json!({ "by": "provider", "issuer": place.provider.issuer,
                                        "roles": office::told(&given) })),
                    ..Entry::default()
                };
                audit::record(tx, entry).await?;
                joined(tx, user, name, now).await
            });
            make.await?;
            Ok::<_, PeopleError>(user)
        })
        .await;
    match done {
        Err(PeopleError::PlanLimit(_)) => Err(Refusal::Full),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_provider_sees_tells_nothing_of_the_rest() {
        let secret = Secret::token();
        let (nonce, verifier) = (nonce(secret.reveal()), verifier(secret.reveal()));
        assert_ne!(nonce, verifier);
        assert_eq!(verifier.len(), 43, "RFC 7636 asks for 43 to 128 letters");
        assert_ne!(verifier, super::verifier(Secret::token().reveal()));
        // The example of RFC 7636, appendix B.
        let challenge = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
