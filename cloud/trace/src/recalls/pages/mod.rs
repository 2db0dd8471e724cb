//! The pages of recalls: the list, beginning one, one with its tabs.

mod act;
mod forms;
mod new;
mod one;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response as Answered;
use platform::i18n::Texts;
use platform::web::list::{Action, Cell, Column, List, Row, Tab, address};
use platform::web::routing::{get, post};
use platform::web::{AppState, Caller, Problem, Shell, query};
use serde::Deserialize;

use super::error::RecallError;
use super::model::{Recall, RecallPage};
use super::report::name;
use super::rights::{RECALL_MANAGE, RECALL_READ};
use super::{read, report, service};
use crate::explore::api_places::{PDF, XLSX, file};
use crate::pages::say;

/// Rows of one page.
const PAGE: usize = 50;

/// The pages.
pub(in crate::recalls) fn router() -> Router<AppState> {
    Router::new()
        .route("/recalls", get(list).merge(post(new::begin)))
        .route("/recalls/new", get(new::new))
        .route("/recalls/{id}", get(one::page).merge(post(act::change)))
        .route("/recalls/{id}/act", post(act::act))
        .route("/recalls/{id}/snapshot", post(act::snapshot))
        .route("/recalls/{id}/drill", post(act::drill))
        .route("/recalls/{id}/consignees/{consignee}", post(act::consignee))
        .route("/recalls/{id}/responses", post(act::respond))
        .route("/recalls/{id}/report", get(act::report))
        .route("/recalls/{id}/units.xlsx", get(act::sheet))
}

/// How a state looks; the text says the same.
fn colour(state: &str) -> &'static str {
    match state {
        "active" | "no_answer" | "dead" => " is-bad",
        "draft" | "to_notify" | "waiting" => " is-warn",
        "acknowledged" | "sent" => " is-good",
        "notified" => " is-info",
        _ => "",
    }
}

/// Milliseconds or seconds as people say them.
fn millis(texts: &Texts, ms: &i32) -> String {
    if *ms < 10_000 {
        texts.t1("recalls-millis", "ms", ms)
    } else {
        texts.t1("recalls-seconds", "s", ms / 1000)
    }
}

fn seconds(texts: &Texts, seconds: &i64) -> String {
    match *seconds {
        s if s < 120 => texts.t1("recalls-seconds", "s", s),
        s if s < 7_200 => texts.t1("recalls-minutes", "m", s / 60),
        s => texts.t1("recalls-hours", "h", s / 3_600),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ListAsked {
    kind: String,
    status: String,
    after: Option<String>,
}

/// `GET /recalls`
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Answered, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    let asked = query::<ListAsked>(&uri)?;
    let page = service::ask(&state, &caller, async |tx| {
        read::list(tx, &asked.kind, &asked.status, asked.after.as_deref(), PAGE).await
    })
    .await?;
    let kind = if asked.kind.is_empty() { "recall".to_owned() } else { asked.kind };
    let view = shown_list(&caller, &kind, &asked.status, &page);
    Shell::new(&state, &caller, caller.t("recalls-title"), "/recalls").page(&headers, &view)
}

fn shown_list<'a>(caller: &'a Caller, kind: &str, status: &str, page: &RecallPage) -> List<'a> {
    let texts = &caller.texts;
    let drills = kind == "drill";
    let at = |kind: &str, status: &str, after: &str| {
        address("/recalls", &[("kind", kind), ("status", status), ("after", after)])
    };
    let kinds =
        ["recall", "drill"].map(|one| Tab::new(at(one, "", ""), name(texts, "kinds", one), one == kind));
    let mut states = vec![Tab::new(at(kind, "", ""), texts.t("recalls-all"), status.is_empty())];
    let all = ["draft", "active", "closed", "cancelled"];
    states
        .extend(all.map(|one| Tab::new(at(kind, one, ""), report::stands(texts, kind, one), one == status)));
    let mut columns = vec![
        Column::new("recalls-number"),
        Column::new("recalls-state"),
        Column::new("recalls-severity"),
        Column::new("recalls-what"),
        Column::new("recalls-labels").number(),
        Column::new("recalls-begun"),
    ];
    if drills {
        columns.extend([Column::new("recalls-found-in"), Column::new("recalls-took")]);
    } else {
        columns.push(Column::new("recalls-target"));
    }
    let row = |recall: &Recall| {
        let mut cells = vec![
            Cell::code(&recall.number).under(&recall.reason),
            Cell::state(
                report::stands(texts, &recall.kind, &recall.status),
                colour(&recall.status).trim_start(),
            ),
            Cell::text(name(texts, "severity", &recall.severity)),
            Cell::text(&recall.scope_name),
            Cell::text(say::number(texts, recall.members)),
            Cell::text(texts.time(&recall.created_at, caller.zone)),
        ];
        if drills {
            cells.push(Cell::text(millis(texts, &recall.snapshot_ms)));
            let took = recall.took_seconds();
            cells.push(Cell::text(took.map(|took| seconds(texts, &took)).unwrap_or_default()));
        } else {
            cells.push(Cell::text(recall.target_on.map(|day| texts.day(&day)).unwrap_or_default()));
        }
        Row::new(cells).to(format!("/recalls/{}", recall.recall_id))
    };
    let may = caller.may(&RECALL_MANAGE);
    let begin = [
        Action::to("/recalls/new?kind=drill", texts.t("recalls-new-drill")),
        Action::to("/recalls/new", texts.t("recalls-new")).main(),
    ];
    List::new(texts, "/recalls")
        .head(texts.t("recalls-title"), texts.t("recalls-lead"))
        .actions(begin.into_iter().filter(|_| may))
        .tabs(texts.t("recalls-filter"), [kinds.into(), states])
        .columns(columns)
        .rows(page.recalls.iter().map(row))
        .empty(texts.t(if drills { "recalls-none-drill" } else { "recalls-none" }))
        .next(page.next.as_ref().map(|next| at(kind, status, next)))
}

/// A field that may be empty; what is no such value is a mistake.
fn maybe<T: std::str::FromStr>(text: &str) -> Result<Option<T>, ()> {
    let text = text.trim();
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| ()) }
}

/// A value that may be empty, with its mistake noted where it is none.
fn noted<T: std::str::FromStr>(
    wrong: &mut Vec<(&'static str, &'static str)>,
    (field, key): (&'static str, &'static str),
    text: &str,
) -> Option<T> {
    maybe(text).unwrap_or_else(|()| {
        wrong.push((field, key));
        None
    })
}

fn wrong_fields(caller: &Caller, wrong: Vec<(&'static str, &'static str)>) -> Result<(), Problem> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(RecallError::Fields(wrong).told(|key| caller.t(key)))
}

/// What is wrong, in the reader's language, as a problem that a form shows.
fn shown(caller: &Caller, mut problem: Problem) -> Result<Problem, Problem> {
    let none_of_theirs = problem.status.is_server_error() || problem.status == StatusCode::FORBIDDEN;
    if none_of_theirs && !problem.keeps_form() {
        return Err(problem);
    }
    if problem.detail.is_empty() || caller.texts.has(&problem.text_key()) {
        problem.detail = caller.texts.or(&problem.text_key(), &problem.detail);
    }
    Ok(problem)
}

/// A recall's number, as the name of a file.
fn safe(number: &str) -> String {
    number.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect()
}

/// A workbook of units to be kept as a file of the recall's number.
pub(in crate::recalls) fn xlsx((number, bytes): (String, Vec<u8>)) -> Answered {
    file(XLSX, &format!("{}-units.xlsx", safe(&number)), bytes)
}

/// A PDF to be kept as a file of the recall's number.
pub(in crate::recalls) fn pdf((number, bytes): (String, Vec<u8>)) -> Answered {
    file(PDF, &format!("{}.pdf", safe(&number)), bytes)
}
