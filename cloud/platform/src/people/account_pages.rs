//! The page of the own account: what one has set up, the password, and where one is
//! signed in.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use chrono_tz::Tz;
use serde::Deserialize;

use super::error::PeopleError;
use super::pages::Tried;
use super::password::SHORTEST;
use super::second_step::{self, Standing};
use super::service;
use super::settings::{self, Profile};
use super::signin::{self, Session};
use crate::i18n::{Lang, Texts};
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Problem, Shell, form};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/account", get(account).merge(post(set_profile)))
        .route("/account/password", post(change_password))
        .route("/account/sessions", post(end_sessions))
}

#[derive(Template)]
#[template(path = "people/account.html")]
struct Account<'a> {
    texts: &'a Texts,
    zone: Tz,
    email: String,
    profile: Fields<'a>,
    password: Fields<'a>,
    now: chrono::DateTime<Utc>,
    sessions: Vec<Session>,
    standing: Standing,
    /// What is wrong with neither form.
    error: Option<String>,
    done: bool,
}

/// Which of the forms of the own account was sent.
enum Sent {
    Profile(Box<Profile>),
    Password,
    /// A session that was to end.
    Session,
}

/// The form of the own settings; `pages` may follow signing in.
fn profile_fields<'a>(
    caller: &'a Caller,
    profile: &Profile,
    pages: Vec<(&'static str, String)>,
) -> Fields<'a> {
    let texts = &caller.texts;
    let own = |value: &str, said: String| (value.to_owned(), said);
    let language = if profile.language.is_empty() { caller.language.code() } else { &profile.language };
    let zone = if profile.time_zone.is_empty() { caller.zone.name() } else { &profile.time_zone };
    let dates = [("", "21 Nov 2026"), ("slash", "21/11/2026"), ("iso", "2026-11-21")];
    let numbers = [("", "12,34,567.00"), ("western", "1,234,567.00")];
    let themes =
        [("", "people-theme-system"), ("light", "people-theme-light"), ("dark", "people-theme-dark")];
    let shortcuts = [("", "people-shortcuts-on"), ("off", "people-shortcuts-off")];
    let said = |choices: &[(&str, &str)]| -> Vec<(String, String)> {
        choices.iter().map(|(value, said)| own(value, (*said).to_owned())).collect()
    };
    let named = |choices: &[(&str, &str)]| -> Vec<(String, String)> {
        choices.iter().map(|(value, key)| own(value, texts.t(key))).collect()
    };
    let mut inputs = vec![
        Input::text("name", texts.t("people-name"))
            .value(&profile.name)
            .required()
            .longest(80)
            .autocomplete("name"),
        Input::language("language", texts.t("people-language")).value(language).required(),
        Input::zone("time_zone", texts.t("people-time-zone")).value(zone),
        Input::choice("date_form", texts.t("people-date-form"), said(&dates)).value(&profile.date_form),
        Input::choice("number_form", texts.t("people-number-form"), said(&numbers))
            .value(&profile.number_form),
        Input::choice("theme", texts.t("people-theme"), named(&themes)).value(&profile.theme),
    ];
    let plants = &caller.settings.plants;
    if plants.len() > 1 {
        let every = own("", texts.t("shell-plants-every"));
        let plants = plants.iter().map(|(code, name)| own(code, format!("{code} {name}")));
        let plants = std::iter::once(every).chain(plants);
        inputs.push(Input::choice("plant", texts.t("shell-plant"), plants).value(&profile.plant));
    }
    let usual = own("", texts.t("people-landing-usual"));
    let pages = std::iter::once(usual).chain(pages.into_iter().map(|(href, said)| own(href, said)));
    inputs.extend([
        Input::choice("landing", texts.t("people-landing"), pages).value(&profile.landing),
        Input::choice("shortcuts", texts.t("people-shortcuts"), named(&shortcuts))
            .value(&profile.shortcuts)
            .hint(texts.t("people-shortcuts-hint")),
    ]);
    Fields::new(texts, "/account", texts.t("people-save")).inputs(inputs)
}

fn password_fields(texts: &Texts) -> Fields<'_> {
    Fields::new(texts, "/account/password", texts.t("people-password-change")).inputs([
        Input::secret("present", texts.t("people-password-present"))
            .required()
            .longest(256)
            .autocomplete("current-password"),
        Input::secret("password", texts.t("people-password-new"))
            .required()
            .shortest(SHORTEST)
            .longest(256)
            .hint(texts.t("people-password-hint")),
    ])
}

async fn account(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let done = uri.query() == Some("done");
    show_account(&state, &caller, &headers, None, done).await
}

/// A form that was not taken, and what is wrong with it.
type NotTaken = Option<(Sent, Tried)>;

async fn show_account(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    not_taken: NotTaken,
    done: bool,
) -> Result<Response, Problem> {
    let id = caller.person()?;
    let user = service::find(&state.db, &caller.cx, id).await?;
    let now = Utc::now();
    let sessions = signin::sessions(&state.db, caller.cx.tenant, id, caller.session, now).await?;
    let standing = second_step::standing(&state.db, &caller.cx, id).await?;
    let kept = settings::profile(&state.db, &caller.cx, id).await?;
    let texts = &caller.texts;
    let form = |profile: &Profile| profile_fields(caller, profile, pages(state, caller));
    let status = not_taken.as_ref().map_or(StatusCode::OK, |(_, tried)| tried.status);
    let (profile, password, error) = match not_taken {
        None => (form(&kept), password_fields(texts), None),
        Some((Sent::Profile(typed), tried)) => {
            (form(&typed).wrong(tried.wrong), password_fields(texts), None)
        }
        Some((Sent::Password, tried)) => (form(&kept), password_fields(texts).wrong(tried.wrong), None),
        Some((Sent::Session, tried)) => {
            (form(&kept), password_fields(texts), tried.wrong.into_iter().next().map(|(_, told)| told))
        }
    };
    let shell = Shell::new(state, caller, caller.t("people-account-title"), "");
    let view = Account {
        texts,
        zone: caller.zone,
        email: user.email,
        profile,
        password,
        now,
        sessions,
        standing,
        error,
        done,
    };
    Ok((status, shell.page(headers, &view)?).into_response())
}

async fn account_or_told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    sent: Sent,
    done: Result<(), PeopleError>,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to("/account?done").into_response()),
        Err(error) => {
            // Whatever it is, it is the person's to mend.
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let tried = Tried { status, ..Tried::of(&caller.texts, error)? };
            show_account(state, caller, headers, Some((sent, tried)), false).await
        }
    }
}

/// Pages that may follow signing in: those of the navigation that the caller sees.
pub(super) fn pages(state: &AppState, caller: &Caller) -> Vec<(&'static str, String)> {
    let seen = state.nav.iter().filter(|item| item.is_for(caller));
    seen.map(|item| (item.href, caller.t(item.label_key))).collect()
}

async fn set_profile(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Profile>, FormRejection>,
) -> Result<Response, Problem> {
    let id = caller.person()?;
    let typed = form(sent)?;
    let chosen = Lang::parse(&typed.language);
    let known = pages(&state, &caller);
    let known: Vec<&str> = known.iter().map(|(href, _)| *href).collect();
    let change = |profile: &mut Profile| profile.clone_from(&typed);
    let done = settings::change(&state.db, &caller.cx, id, &known, change).await.map(|_| ());
    let mut response =
        account_or_told(&state, &caller, &headers, Sent::Profile(Box::new(typed.clone())), done).await?;
    // Only of settings that were kept.
    if let Some(language) = chosen.filter(|_| response.status().is_redirection()) {
        crate::web::set_language(&state, &mut response, language);
    }
    Ok(response)
}

#[derive(Deserialize)]
struct NewPassword {
    present: String,
    password: String,
}

async fn change_password(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<NewPassword>, FormRejection>,
) -> Result<Response, Problem> {
    let id = caller.person()?;
    let NewPassword { present, password } = form(sent)?;
    let both = (present.as_str(), password.as_str());
    let done = service::password_change(&state.db, &caller.cx, id, both, caller.session, Utc::now()).await;
    account_or_told(&state, &caller, &headers, Sent::Password, done).await
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WhichSession {
    /// Empty: all but this one; `all`: this one too.
    id: String,
}

async fn end_sessions(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<WhichSession>, FormRejection>,
) -> Result<Response, Problem> {
    let person = caller.person()?;
    let WhichSession { id } = form(sent)?;
    if id == "all" {
        signin::end(&state.db, &caller.cx, person, None, None).await?;
        return Ok(Redirect::to("/signin").into_response());
    }
    let id = Some(id.as_str()).filter(|id| !id.is_empty());
    let done = signin::end(&state.db, &caller.cx, person, id, caller.session).await.map(|_| ());
    account_or_told(&state, &caller, &headers, Sent::Session, done).await
}
