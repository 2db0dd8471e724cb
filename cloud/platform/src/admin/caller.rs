//! Who asks for pages and API of super-administrators: proved by their own cookie,
//! or by a key of theirs; a tenant's session or key is nothing here.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use uuid::Uuid;

use super::identity::{self, KEY_PREFIX};
use super::log::Who;
use crate::i18n::{Lang, Texts};
use crate::web::keys::hash_of_token;
use crate::web::{AppState, Problem, cookie_of, is_safe, language_of, require_same};

/// Holds a super-administrator's session; sent to `/admin` alone.
pub(super) const COOKIE: &str = "twa";
/// Holds a sign-in under way.
pub(super) const STEP_COOKIE: &str = "twas";
/// Longest address that the log keeps.
const LONGEST: usize = 300;

/// A super-administrator who asks. That there was a request is in the log already.
#[derive(Debug, Clone)]
pub struct AdminCaller {
    /// By which the log names the person.
    pub id: Uuid,
    /// For people.
    pub name: String,
    /// For the log.
    pub who: Who,
    /// The language of pages.
    pub language: Lang,
    /// All texts, in that language.
    pub texts: Texts,
}

impl AdminCaller {
    /// The text of `key` in the caller's language.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.texts.t(key)
    }
}

/// Why a request got no caller.
#[derive(Debug)]
pub enum Denied {
    /// A person has to sign in.
    SignIn,
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
            Self::SignIn => Redirect::to("/admin/signin").into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}

impl<S> FromRequestParts<S> for AdminCaller
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Denied> {
        let state = AppState::from_ref(state);
        let api = parts.uri.path().starts_with("/admin/api/");
        // The API takes keys alone, pages take sessions alone.
        let token = match parts.headers.get(header::AUTHORIZATION) {
            Some(given) => {
                let key = given.to_str().ok().and_then(|value| value.split_once(' '));
                let key = key.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
                let key = key.and_then(|(_, key)| key.trim().strip_prefix(KEY_PREFIX)).filter(|_| api);
                let hash =
                    key.and_then(hash_of_token).ok_or_else(|| Problem::unauthorized("auth.invalid"))?;
                Some((hash, "key"))
            }
            None if api => None,
            None => cookie_of(&parts.headers, COOKIE).and_then(hash_of_token).map(|hash| (hash, "session")),
        };
        let safe = is_safe(&parts.method);
        if !api && !safe {
            require_same(&parts.headers)?;
        }
        if let Some(token) = token {
            let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
            let asked: String = format!("{} {path}", parts.method).chars().take(LONGEST).collect();
            let origin = crate::ctx::origin();
            let entered = identity::enter(&state.db, token, (&asked, safe, origin.clone()), Utc::now()).await;
            if let Some((id, name)) = entered.map_err(Problem::from)? {
                let language = language_of(&parts.headers);
                let who = Who { actor: format!("admin:{id}"), origin };
                return Ok(Self { id, name, who, language, texts: state.texts(language) });
            }
            if token.1 == "key" {
                return Err(Problem::unauthorized("auth.invalid").into());
            }
        }
        if api { Err(Problem::unauthorized("auth.required").into()) } else { Err(Denied::SignIn) }
    }
}
