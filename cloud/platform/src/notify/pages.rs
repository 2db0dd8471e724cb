//! The page of a person's notices, the bell in the frame, and what comes by which
//! way.

use askama::Template;
use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::address::{self, Unreachable};
use super::contact::{self, Way};
use super::preferences::{self, Choice, PreferenceError, reaching};
use super::times::{Pace, Times, clock, minutes};
use super::{Kind, can_mail, groups, live, sms, store, values};
use crate::db::{DbError, Tx};
use crate::i18n::Texts;
use crate::settings::TENANT_MANAGE;
use crate::web::fields::{Fields, Input};
use crate::web::routing::{get, post};
use crate::web::{AppState, Caller, Path, Problem, Shell, form, kept, local_path, query};

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/notices", get(list))
        .route("/notices/bell", get(bell))
        .route("/notices/live", get(live::stream))
        .route("/notices/read", post(read_all))
        .route("/notices/open/{notice}", post(open))
        .route("/notices/settings", get(settings).merge(post(set)))
        .route("/notices/times", post(set_times))
}

/// Notices of one page.
const PAGE: i64 = 30;
/// How long an urgent notice is shown over the page, if it was not read.
const URGENT: TimeDelta = TimeDelta::minutes(2);

/// A notice in the reader's words.
struct Line {
    id: Uuid,
    text: String,
    told_at: DateTime<Utc>,
    read: bool,
}

/// The text of a notice; the kind itself where nobody declares it any more.
pub(super) fn text_of(texts: &Texts, kinds: &[Kind], code: &str, details: &Value) -> String {
    let Some(kind) = kinds.iter().find(|kind| kind.code == code) else {
        return code.to_owned();
    };
    let values = details.as_object().into_iter().flatten();
    let values = values.map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
    texts.with(&kind.text_key(), &values::told(values, texts.lang))
}

#[derive(Template)]
#[template(path = "notify/notices.html")]
struct List<'a> {
    texts: &'a Texts,
    zone: Tz,
    lines: Vec<Line>,
    unread: i64,
    unreachable: Option<Unreachable>,
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Before {
    before: Option<Uuid>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Before { before } = query(&uri)?;
    let (mut rows, unread, unreachable) = state
        .db
        .tx(&caller.cx, async |tx| {
            let rows = store::notices(tx, user, before, PAGE + 1).await?;
            Ok::<_, DbError>((rows, store::unread(tx, user).await?, address::of_person(tx, user).await?))
        })
        .await?;
    let more = i64::try_from(rows.len()).is_ok_and(|count| count > PAGE);
    if more {
        rows.pop();
    }
    let next = rows.last().filter(|_| more).map(|last| format!("/notices?before={}", last.id));
    let lines = rows
        .into_iter()
        .map(|row| Line {
            id: row.id,
            text: text_of(&caller.texts, &state.kinds, &row.kind, &row.details),
            told_at: row.told_at,
            read: row.read_at.is_some(),
        })
        .collect();
    let shell = Shell::new(&state, &caller, caller.t("notice-title"), "/notices");
    shell.page(&headers, &List { texts: &caller.texts, zone: caller.zone, lines, unread, unreachable, next })
}

#[derive(Template)]
#[template(path = "notify/bell.html")]
struct Bell<'a> {
    texts: &'a Texts,
    unread: i64,
    seen: &'a str,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Seen {
    /// What the bell showed before, as it was told then.
    seen: String,
}

/// What stands at the bell: the number of notices that were not read; and what is
/// urgent among the newest, for the page to show. Nothing, where that is as before.
async fn bell(State(state): State<AppState>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let user = caller.person()?;
    let Seen { seen } = query(&uri)?;
    let urgent: Vec<String> =
        state.kinds.iter().filter(|kind| kind.urgent).map(|kind| kind.code.to_owned()).collect();
    let since = Utc::now() - URGENT;
    let (unread, newest) = state
        .db
        .tx(&caller.cx, async |tx| {
            let unread = store::unread(tx, user).await?;
            // Who has read everything has nothing urgent to read.
            let newest = if unread > 0 { store::newest(tx, user, &urgent, since).await? } else { None };
            Ok::<_, DbError>((unread, newest))
        })
        .await?;
    let now = format!("{unread}.{}", newest.as_ref().map_or(0, |newest| newest.told_at.timestamp_millis()));
    if now == seen {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let bell = Bell { texts: &caller.texts, unread, seen: &now };
    let mut response = Html(bell.render()?).into_response();
    if let Some(newest) = newest {
        let text = text_of(&caller.texts, &state.kinds, &newest.kind, &newest.details);
        let href = if newest.href.is_empty() { "/notices" } else { local_path(&newest.href) };
        let told = json!({ "tw-notice": { "id": newest.id, "text": text, "href": href } });
        // A header holds no letter outside of ASCII; JSON can write them all within.
        if let Ok(value) = HeaderValue::from_str(&ascii(&told.to_string())) {
            response.headers_mut().insert("hx-trigger", value);
        }
    }
    Ok(response)
}

/// JSON with everything outside of ASCII as `\uXXXX`.
fn ascii(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0; 2];
            out.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
        out
    })
}

async fn read_all(State(state): State<AppState>, caller: Caller) -> Result<Redirect, Problem> {
    let user = caller.person()?;
    let now = Utc::now();
    state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(store::read_all(tx, user, now).await?)).await?;
    Ok(Redirect::to("/notices"))
}

/// Marks a notice as read, and goes where it leads.
async fn open(
    State(state): State<AppState>,
    caller: Caller,
    Path(notice): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let user = caller.person()?;
    let now = Utc::now();
    let href = state
        .db
        .tx(&caller.cx, async |tx| Ok::<_, DbError>(store::read(tx, user, notice, now).await?))
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Redirect::to(if href.is_empty() { "/notices" } else { local_path(&href) }))
}

#[derive(Template)]
#[template(path = "notify/settings.html")]
struct Settings<'a> {
    texts: &'a Texts,
    /// By heading.
    choices: Vec<(String, Vec<Choice>)>,
    times: Fields<'a>,
    zone: Tz,
    mails: bool,
    /// Whether the reader sets up the mail server.
    may_set_mail: bool,
    /// Whether text messages can be sent.
    by_sms: bool,
    phone: Option<sms::Number>,
    unreachable: Option<Unreachable>,
    /// A code is on its way to the address.
    code_sent: bool,
    done: bool,
    error: Option<String>,
}

impl Settings<'_> {
    /// What is chosen of a kind by mail, as the form says it.
    fn pace(&self, choice: &Choice) -> &'static str {
        choice.mail.map_or("never", Pace::name)
    }
}

/// What is wrong with the form of times: what was typed, and the field with what is wrong.
type TimesTold = Option<(TypedTimes, (&'static str, String))>;

async fn settings(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    show_settings(&state, &caller, &headers, (None, None), uri.query() == Some("done")).await
}

/// The settings with what was wrong.
pub(super) async fn settings_told(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    error: String,
) -> Result<Response, Problem> {
    let page = show_settings(state, caller, headers, (Some(error), None), false).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

async fn show_settings(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    (error, times_told): (Option<String>, TimesTold),
    done: bool,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let (choices, times) =
        preferences::of_person(&state.db, &caller.cx, &reaching(state, caller), user).await?;
    let choices = groups::grouped(&caller.texts, choices, |choice| &choice.kind);
    let now = Utc::now();
    let (mails, by_sms, phone, unreachable, code_sent) = state
        .db
        .tx(&caller.cx, async |tx| {
            let mails = can_mail(state.mails, tx).await?;
            let by_sms = sms::usable(tx, state.sms.as_ref()).await?;
            let phone = sms::standing(tx, user, now).await?;
            let unreachable = address::of_person(tx, user).await?;
            let code_sent = contact::pending(tx, (user, Way::Mail), now).await?;
            Ok::<_, DbError>((mails, by_sms, phone, unreachable, code_sent))
        })
        .await?;
    let shell = Shell::new(state, caller, caller.t("notice-settings"), "/notices")
        .under("/notices", caller.t("notice-title"));
    let texts = &caller.texts;
    let stands = TypedTimes::of(&times).fields(texts);
    let times = match times_told {
        None => stands,
        Some((typed, wrong)) => typed.fields(texts).wrong([wrong]).against(&stands),
    };
    let view = Settings {
        texts,
        choices,
        times,
        zone: caller.zone,
        mails,
        may_set_mail: caller.require(&TENANT_MANAGE).is_ok(),
        by_sms,
        phone,
        unreachable,
        code_sent,
        done,
        error,
    };
    shell.page(headers, &view)
}

/// Back to the settings, which say that all is done.
fn done() -> Response {
    Redirect::to("/notices/settings?done").into_response()
}

async fn set(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let sent = form(sent)?;
    let reaching = reaching(&state, &caller);
    let (mut choices, _) = preferences::of_person(&state.db, &caller.cx, &reaching, user).await?;
    let ways = async |tx: &mut Tx| {
        let by_sms = sms::usable(tx, state.sms.as_ref()).await?;
        Ok::<_, DbError>((can_mail(state.mails, tx).await?, by_sms))
    };
    let (mails, by_sms) = state.db.tx(&caller.cx, ways).await?;
    for choice in &mut choices {
        let code = choice.kind.code;
        choice.app = sent.iter().any(|(name, value)| name == "app" && value == code);
        // What the form did not ask stays.
        if by_sms {
            choice.sms = sent.iter().any(|(name, value)| name == "sms" && value == code);
        }
        let by_mail = sent.iter().find(|(name, _)| name.strip_prefix("mail:") == Some(code));
        if let Some((_, pace)) = by_mail.filter(|_| mails) {
            choice.mail = Pace::parse(pace);
        }
    }
    let Err(error) = preferences::choices_set(&state.db, &caller.cx, user, &choices).await else {
        return Ok(done());
    };
    match error.text_key() {
        Some(key) => settings_told(&state, &caller, &headers, caller.t(key)).await,
        None => Err(error.into()),
    }
}

#[derive(Debug, Deserialize)]
struct TypedTimes {
    quiet_from: String,
    quiet_until: String,
    digest_hour: i32,
    digest_weekday: i32,
    version: i32,
}

impl TypedTimes {
    fn of(times: &Times) -> Self {
        let (from, until) = times.quiet.map(|(from, until)| (clock(from), clock(until))).unwrap_or_default();
        Self {
            quiet_from: from,
            quiet_until: until,
            digest_hour: times.digest_hour,
            digest_weekday: times.digest_weekday,
            version: times.version,
        }
    }

    fn times(&self) -> Result<Times, PreferenceError> {
        let quiet = match (self.quiet_from.trim(), self.quiet_until.trim()) {
            ("", "") => None,
            (from, until) => Some(minutes(from).zip(minutes(until)).ok_or(PreferenceError::Quiet)?),
        };
        Ok(Times {
            quiet,
            digest_hour: self.digest_hour,
            digest_weekday: self.digest_weekday,
            version: self.version,
        })
    }

    fn fields<'a>(&self, texts: &'a Texts) -> Fields<'a> {
        let hours = (0..24).map(|hour: i32| (hour.to_string(), format!("{hour:02}:00")));
        let days = (1..8).map(|day: i32| (day.to_string(), texts.t(&format!("notice-weekday-{day}"))));
        Fields::new(texts, "/notices/times", texts.t("notice-save")).version(Some(self.version)).inputs([
            Input::time("quiet_from", texts.t("notice-quiet-from")).value(&self.quiet_from),
            Input::time("quiet_until", texts.t("notice-quiet-until")).value(&self.quiet_until),
            Input::choice("digest_hour", texts.t("notice-digest-hour"), hours)
                .value(self.digest_hour.to_string())
                .required(),
            Input::choice("digest_weekday", texts.t("notice-digest-day"), days)
                .value(self.digest_weekday.to_string())
                .required(),
        ])
    }
}

async fn set_times(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<TypedTimes>, FormRejection>,
) -> Result<Response, Problem> {
    let user = caller.person()?;
    let typed = form(sent)?;
    let set = match typed.times() {
        Ok(times) => preferences::times_set(&state.db, &caller.cx, user, &times, Utc::now()).await,
        Err(error) => Err(error),
    };
    let Err(error) = set else { return Ok(done()) };
    let told = match error.text_key() {
        Some(key) => (error.field(), caller.t(key)),
        None => ("", kept(&caller.texts, error)?),
    };
    let told = Some((typed, told));
    let page = show_settings(&state, &caller, &headers, (None, told), false).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

#[cfg(test)]
mod tests {
    use super::ascii;

    #[test]
    fn a_header_holds_every_language() {
        let json = ascii(r#"{"a":"రో \" 🙂"}"#);
        assert!(json.is_ascii());
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["a"], "రో \" 🙂");
    }
}
