//! Who asks: proved by a key or a session, never by what the request says.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use chrono_tz::Tz;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::client::Client;
use super::escape::escaped;
use super::keys::{self, Access, Bearer, SecretHash, Settings};
use super::limits::{self, Beyond};
use super::origin::{is_safe, require_same};
use super::rates::Slot;
use super::{AppState, Belongs, Permission, Problem, Rights, Scope, Without, cookies};
use crate::ctx::{Cx, Plants};
use crate::i18n::{Lang, Texts};
use crate::settings::{Brand, Door};
use crate::tokens;

/// Who asks. A handler that takes one is for signed-in callers only.
#[derive(Debug, Clone)]
pub struct Caller {
    /// For the database and the audit.
    pub cx: Cx,
    /// The tenant's code, as in its UIDs.
    pub tenant_code: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// The tenant's time zone, where no plant's is at hand.
    pub zone: Tz,
    /// The name of the key or person.
    pub name: String,
    /// What the caller may do.
    pub rights: Rights,
    /// The key or person.
    pub bearer: Bearer,
    /// The session's hash, where a browser asks.
    pub session: Option<SecretHash>,
    /// The language of pages.
    pub language: Lang,
    /// All texts, in that language.
    pub texts: Texts,
    /// What the person has set up.
    pub settings: Settings,
    /// How the tenant's pages look, where it has a look of its own.
    pub brand: Option<Brand>,
    /// What of the product the tenant is without: the rights to it are nobody's there.
    pub without: Without,
}

impl Caller {
    /// Refuses a caller who lacks the permission, for what belongs to no plant
    /// (items, people, settings). To see such a thing the right at one plant is
    /// enough; to change it, it must be held at all of them.
    ///
    /// # Errors
    /// 403 `auth.forbidden`, or `auth.all_plants` where the right is held at some.
    pub fn require(&self, permission: &Permission) -> Result<(), Problem> {
        self.require_somewhere(permission)?;
        if permission.key_scope == Scope::Read || self.rights.has_everywhere(permission) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "auth.all_plants", "").lacks(permission))
    }

    /// Refuses a caller who lacks the permission at every plant: the first question
    /// of a handler whose plant shows later. [`Caller::require_at`] or
    /// [`Caller::at`] must follow.
    ///
    /// # Errors
    /// 403 `auth.forbidden`.
    pub fn require_somewhere(&self, permission: &Permission) -> Result<(), Problem> {
        if self.may(permission) { Ok(()) } else { Err(Problem::forbidden().lacks(permission)) }
    }

    /// Refuses a caller who lacks the permission at this plant.
    ///
    /// # Errors
    /// 403 `auth.forbidden`, or `auth.plant` where the right is held at others.
    pub fn require_at(&self, permission: &Permission, plant: &str) -> Result<(), Problem> {
        self.require_somewhere(permission)?;
        if self.may_at(permission, plant) {
            return Ok(());
        }
        let detail = self.texts.t1("error-auth-plant", "plant", plant);
        Err(Problem::new(StatusCode::FORBIDDEN, "auth.plant", detail).lacks(permission))
    }

    /// [`Caller::require_at`] for a document of a plant, [`Caller::require`] for one of
    /// none.
    ///
    /// # Errors
    /// Those of the two.
    pub fn require_maybe_at(&self, permission: &Permission, plant: Option<&str>) -> Result<(), Problem> {
        match plant {
            Some(plant) => self.require_at(permission, plant),
            None => self.require(permission),
        }
    }

    /// Whether the caller has the permission, at some plant at least.
    #[must_use]
    pub fn may(&self, permission: &Permission) -> bool {
        !self.without.permission(permission.code) && self.rights.has(permission)
    }

    /// Whether the caller has the permission at this plant.
    #[must_use]
    pub fn may_at(&self, permission: &Permission, plant: &str) -> bool {
        !self.without.permission(permission.code) && self.rights.has_at(permission, plant)
    }

    /// Where the caller has the permission.
    #[must_use]
    pub fn plants(&self, permission: &Permission) -> Plants {
        if self.without.permission(permission.code) {
            return Plants::none();
        }
        self.rights.plants(permission)
    }

    /// For the database, at the plants where the caller has this permission: rows of
    /// others are not seen. (`cx` sees those of every plant where the caller has
    /// any right.)
    #[must_use]
    pub fn at(&self, permission: &Permission) -> Cx {
        self.cx.at(self.plants(permission))
    }

    /// As [`Caller::at`], at the plant in focus alone where there is one: for lists, and
    /// for forms, which begin with it.
    #[must_use]
    pub fn in_focus(&self, permission: &Permission) -> Cx {
        let plants = self.plants(permission);
        match &self.settings.focus {
            Some(focus) if plants.has(focus) => self.cx.at(Plants::some([focus])),
            _ => self.cx.at(plants),
        }
    }

    /// Refuses an amount beyond the caller's limit, and says what the limit is.
    /// `plant` is that of the document.
    ///
    /// # Errors
    /// 403 `auth.forbidden`, or `auth.amount`.
    pub fn require_amount(
        &self,
        permission: &Permission,
        plant: Option<&str>,
        amount: Decimal,
        currency: &str,
    ) -> Result<(), Problem> {
        self.require_maybe_at(permission, plant)?;
        let beyond = match limits::allows(&self.rights, permission, plant, amount, currency) {
            Ok(()) => return Ok(()),
            Err(beyond) => beyond,
        };
        let money = |amount: &Decimal, currency: &str| self.texts.money_in(amount, currency);
        let (key, limit) = match &beyond {
            Beyond::NoRight => return Err(Problem::forbidden().lacks(permission)),
            Beyond::Limit(limit) => ("error-auth-amount", limit),
            Beyond::Currency(limit) => ("error-auth-amount-currency", limit),
        };
        let right = self.t(&permission.text_key());
        let limit = money(&limit.amount, &limit.currency);
        let asked = money(&amount, currency);
        let detail = self
            .texts
            .with(key, &[("right", right.into()), ("limit", limit.into()), ("amount", asked.into())]);
        Err(Problem::new(StatusCode::FORBIDDEN, "auth.amount", detail).lacks(permission))
    }

    /// The person, for what a key has not: an account.
    ///
    /// # Errors
    /// 403 `auth.no_person`.
    pub fn person(&self) -> Result<Uuid, Problem> {
        match self.bearer {
            Bearer::Person(user) => Ok(user),
            Bearer::Key(_) => Err(Problem::new(StatusCode::FORBIDDEN, "auth.no_person", "")),
        }
    }

    /// The text of `key` in the caller's language.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.texts.t(key)
    }

    /// The caller, if not beyond its limit.
    fn counted(
        state: &AppState,
        access: Access,
        session: Option<SecretHash>,
        parts: &Parts,
        door: &Door,
    ) -> Result<Self, Denied> {
        let caller = Self::new(state, access, session, parts, door);
        // The request itself was counted.
        if parts.extensions.get::<AskedAgain>().is_some() {
            return Ok(caller);
        }
        let left = state.rate_limits.caller(&caller.cx.actor)?;
        if let Some(slot) = parts.extensions.get::<Slot>() {
            slot.put(left);
        }
        Ok(caller)
    }

    fn new(
        state: &AppState,
        access: Access,
        session: Option<SecretHash>,
        parts: &Parts,
        door: &Door,
    ) -> Self {
        let language = language(&parts.headers, access.language);
        if parts.uri.path().starts_with("/api/v1/") {
            state.calls.count(access.tenant);
        }
        Self {
            cx: Cx { plants: access.rights.anywhere(), ..Cx::new(access.tenant, access.actor()) },
            tenant_code: access.tenant_code,
            tenant_name: access.tenant_name,
            zone: access.zone,
            name: access.name,
            rights: access.rights,
            bearer: access.bearer,
            session,
            language,
            texts: state.texts(language).in_form(access.settings.form),
            settings: access.settings,
            brand: door.brand,
            without: state.features.without(&door.features),
        }
    }

    /// The caller, unless the route is of a feature that the tenant is without.
    fn where_it_is(self, parts: &Parts) -> Result<Self, Denied> {
        match parts.extensions.get::<Belongs>() {
            Some(Belongs(Some(feature))) if self.without.feature(feature) => Err(feature.refusal().into()),
            _ => Ok(self),
        }
    }
}

/// Whether somebody of the tenant may come from where this request does; answers its door.
async fn pass(state: &AppState, access: &Access, parts: &Parts) -> Result<Arc<Door>, Problem> {
    let door = state.doors.of(&state.db, access.tenant).await?;
    let address = Client::of(&parts.extensions, &parts.headers, &state.trusted_proxies).0;
    if door.admits(address) {
        return Ok(door);
    }
    let texts = state.texts(language(&parts.headers, access.language));
    let told = match address {
        Some(address) => texts.t1("settings-outside", "address", address),
        None => texts.t("settings-outside-unknown"),
    };
    Err(Problem::new(StatusCode::FORBIDDEN, "auth.address", told))
}

/// Marks a request of which it is found out once more who asks: to frame its error.
#[derive(Debug, Clone, Copy)]
pub(super) struct AskedAgain;

/// Why a request got no caller.
#[derive(Debug)]
pub enum Denied {
    /// A person has to sign in, and then goes on to this path.
    SignIn {
        /// The path and query that was asked for.
        next: String,
        /// htmx asked: the whole page has to change, not a part of it.
        htmx: bool,
    },
    /// A program is told.
    Problem(Problem),
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::SignIn { next, htmx } => {
                let to = sign_in_path(&next);
                if !htmx {
                    return Redirect::to(&to).into_response();
                }
                let mut response = Problem::unauthorized("auth.required").into_response();
                if let Ok(to) = HeaderValue::from_str(&to) {
                    response.headers_mut().insert("hx-redirect", to);
                }
                response
            }
        }
    }
}

/// `/signin`, and from there on to `next`.
fn sign_in_path(next: &str) -> String {
    if next == "/" {
        return "/signin".to_owned();
    }
    format!("/signin?next={}", escaped(next, b"/-_."))
}

impl<S> FromRequestParts<S> for Caller
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        let state = AppState::from_ref(state);
        // A layer has asked already.
        if let Some(caller) = parts.extensions.get::<Self>() {
            return caller.clone().where_it_is(parts);
        }
        let now = Utc::now();
        if let Some(given) = parts.headers.get(header::AUTHORIZATION) {
            let key = given.to_str().ok().and_then(bearer).unwrap_or_default();
            // A key has no dots, a signed token two.
            let access = if key.contains('.') {
                tokens::verify(&state.db, &state.public_url, key, now).await
            } else {
                keys::verify(&state.db, key, now).await
            };
            let access = access.map_err(Problem::from)?;
            let access = access.ok_or_else(|| Problem::unauthorized("auth.invalid"))?;
            access.standing.require()?;
            let door = pass(&state, &access, parts).await?;
            return Self::counted(&state, access, None, parts, &door)?.where_it_is(parts);
        }
        if let Some(token) = cookies::get(&parts.headers, cookies::SESSION) {
            if !is_safe(&parts.method) {
                require_same(&parts.headers)?;
            }
            let access = keys::verify_session(&state.db, token, now).await.map_err(Problem::from)?;
            if let Some(access) = access {
                access.standing.require()?;
                let door = pass(&state, &access, parts).await?;
                let session = keys::hash_of_token(token);
                return Self::counted(&state, access, session, parts, &door)?.where_it_is(parts);
            }
        }
        if !is_page(parts) {
            return Err(Problem::unauthorized("auth.required").into());
        }
        let htmx = parts.headers.contains_key("hx-request");
        let asked = if is_safe(&parts.method) && !htmx {
            parts.uri.path_and_query().map_or("/", |path| path.as_str())
        } else {
            // What was sent is lost; the page it was sent from is not.
            here(&parts.headers).unwrap_or("/")
        };
        Err(Denied::SignIn { next: asked.to_owned(), htmx })
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Whether a person asks, by a browser.
pub(super) fn wants_page(path: &str, headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    !path.starts_with("/api/") && accepts.is_some_and(|accept| accept.contains("text/html"))
}

fn is_page(parts: &Parts) -> bool {
    wants_page(parts.uri.path(), &parts.headers)
        || (parts.headers.contains_key("hx-request") && !parts.uri.path().starts_with("/api/"))
}

/// The path of the page that the request was made from, if it is ours.
pub(crate) fn here(headers: &HeaderMap) -> Option<&str> {
    let from = headers.get("hx-current-url").or_else(|| headers.get(header::REFERER))?.to_str().ok()?;
    let (_, rest) = from.split_once("://")?;
    let (host, _) = rest.split_once('/')?;
    (Some(host) == headers.get(header::HOST)?.to_str().ok())
        .then(|| super::origin::local_path(&rest[host.len()..]))
}

/// The address of this site as this browser reaches it, without a slash at its end.
pub(crate) fn site(state: &AppState, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if state.secure { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// The language chosen by the person, else the tenant's, else the browser's.
pub(super) fn language(headers: &HeaderMap, tenant: Option<Lang>) -> Lang {
    cookies::get(headers, cookies::LANGUAGE)
        .and_then(Lang::parse)
        .or(tenant)
        .or_else(|| headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok().and_then(Lang::negotiate))
        .unwrap_or_default()
}

/// The language chosen in this browser, else the browser's own.
pub(crate) fn language_of(headers: &HeaderMap) -> Lang {
    language(headers, None)
}

/// Somebody who need not be signed in; only the language is known.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The language of pages.
    pub language: Lang,
    /// All texts, in that language.
    pub texts: Texts,
}

impl Visitor {
    /// The sender of these headers.
    #[must_use]
    pub fn of(state: &AppState, headers: &HeaderMap) -> Self {
        let language = language(headers, None);
        Self { language, texts: state.texts(language) }
    }
}

impl<S> FromRequestParts<S> for Visitor
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&AppState::from_ref(state), &parts.headers))
    }
}
