//! Holds: what stands, what one would hold, placing, releasing.

use askama::Template;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use chrono::Utc;
use platform::db::DbError;
use platform::i18n::Texts;
use platform::people::USER_READ;
use platform::web::fields::{Fields, Input};
use platform::web::list::{Cell, Column, List, Row, Tab, address};
use platform::web::{AppState, Caller, Path, Problem, Shell, form, kept, query};
use serde::Deserialize;
use uuid::Uuid;

use super::say::{self, Zones};
use super::words::{Codes, Words};
use crate::explore::error::TraceError;
use crate::explore::holding::{self, HoldPage, HoldingError, Wish};
use crate::genealogy::Genealogy;
use crate::holds::HoldError;
use crate::holds::deliveries::{self, Delivery};
use crate::holds::store::one;
use crate::holds::view::{HoldPreview, preview};
use crate::ingest::Committed;
use crate::rights::{HOLD_PLACE, HOLD_READ, HOLD_RELEASE};
use crate::scopes;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    status: String,
    after: Option<String>,
    uid: String,
    lot: String,
    scope: String,
    descendants: Option<String>,
}

/// What was typed; boxes that are not ticked are not sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Typed {
    uid: String,
    /// A lot, by its id or the supplier's number, in the place of a UID.
    lot: String,
    /// Id of a kept scope, in the place of a UID.
    scope: String,
    /// A code that is offered, unless a text is typed.
    code: String,
    reason: String,
    owner: String,
    notes: String,
    whole_lot: Option<String>,
    delivery_only: Option<String>,
    descendants: Option<String>,
}

impl Typed {
    /// What is meant by it; a scope that is none is no wish.
    fn wish(&self) -> Result<Wish, HoldError> {
        let id = |typed: &str| match typed.trim() {
            "" => Ok(None),
            id => id.parse().map(Some).map_err(|_| HoldError::Unknown),
        };
        let typed = self.reason.trim();
        Ok(Wish {
            uid: self.uid.clone(),
            lot: Some(self.lot.trim().to_owned()).filter(|lot| !lot.is_empty()),
            whole_lot: self.whole_lot.is_some(),
            delivery_only: self.delivery_only.is_some(),
            scope: id(&self.scope)?,
            descendants: self.descendants.is_some(),
            reason: if typed.is_empty() { self.code.clone() } else { typed.to_owned() },
            owner: self.owner.clone(),
            notes: self.notes.clone(),
        })
    }
}

/// Why a hold is released.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Why {
    reason: String,
    /// The number of its recall, once whoever releases it was shown that it is in force.
    recall: String,
}

/// What a form of holds offers.
#[derive(Default)]
struct Offered {
    /// Reason codes with their texts in the reader's language.
    reasons: Vec<(String, String)>,
    /// Ids and names of people.
    people: Vec<(String, String)>,
}

async fn offered(state: &AppState, caller: &Caller) -> Result<Offered, Problem> {
    let cx = caller.at(&HOLD_PLACE);
    let (reasons, people) = state
        .db
        .tx(&cx, async |tx| {
            // Who may not see people names nobody but themselves.
            let people =
                if caller.may(&USER_READ) { one::people(tx, one::MOST_PEOPLE).await? } else { Vec::new() };
            let people = people.into_iter().map(|(id, name)| (format!("user:{id}"), name)).collect();
            Ok::<_, DbError>((one::reasons(tx).await?, people))
        })
        .await?;
    let text = |(code, texts): (String, serde_json::Value)| {
        let said = texts.get(caller.language.code()).or_else(|| texts.get("en"));
        let text = said.and_then(serde_json::Value::as_str).unwrap_or(&code).to_owned();
        (code, text)
    };
    Ok(Offered { reasons: reasons.into_iter().map(text).collect(), people })
}

#[derive(Template)]
#[template(path = "holds.html")]
struct Page<'a> {
    texts: &'a Texts,
    typed: &'a Typed,
    /// Of the scope that is to be held.
    scope_name: String,
    /// Of the lot that is to be held.
    lot_name: String,
    /// How many deliveries of it there are, and where.
    deliveries: usize,
    delivered: String,
    /// For who may place one.
    fields: Option<Fields<'a>>,
    list: List<'a>,
}

#[derive(Template)]
#[template(path = "holds/release.html")]
struct Release<'a> {
    texts: &'a Texts,
    hold: Uuid,
}

/// What is asked before the hold of a recall in force is released.
#[derive(Template)]
#[template(path = "holds/sure.html")]
struct Sure<'a> {
    texts: &'a Texts,
    hold: Uuid,
    reason: &'a str,
    of: one::OfRecall,
    /// How many units it holds.
    labels: i32,
}

/// The form that places a hold: what it would hold is shown first.
fn fields<'a>(texts: &'a Texts, typed: &Typed, offered: Offered, error: Option<String>) -> Fields<'a> {
    let needs_reason = offered.reasons.is_empty();
    let mut fields = Fields::new(texts, "/holds/look", texts.t("holds-look")).asks().danger().told(error);
    if !typed.lot.is_empty() {
        fields = fields.hidden("lot", &typed.lot);
    } else if typed.scope.is_empty() {
        let target = Input::text("uid", texts.t("trace-holds-target")).value(&typed.uid);
        fields = fields.inputs([target.required().code()]);
    } else {
        fields = fields.hidden("scope", &typed.scope);
    }
    if !needs_reason {
        let none = (String::new(), texts.t("holds-code-none"));
        let codes = [none].into_iter().chain(offered.reasons);
        fields = fields.inputs([Input::choice("code", texts.t("holds-code"), codes).value(&typed.code)]);
    }
    let me = (String::new(), texts.t("holds-owner-me"));
    let people = [me].into_iter().chain(offered.people);
    fields = fields.inputs([
        Input::text("reason", texts.t("trace-reason"))
            .value(&typed.reason)
            .longest(200)
            .is_required(needs_reason),
        Input::choice("owner", texts.t("holds-owner"), people).value(&typed.owner),
        Input::lines("notes", texts.t("holds-notes")).value(&typed.notes).longest(2000),
    ]);
    if typed.scope.is_empty() && typed.lot.is_empty() {
        let said = texts.t("trace-holds-whole-lot");
        fields = fields.inputs([Input::tick("whole_lot", said, typed.whole_lot.is_some())]);
    }
    if typed.scope.is_empty() {
        let said = texts.t("trace-holds-delivery-only");
        fields = fields.inputs([Input::tick("delivery_only", said, typed.delivery_only.is_some())]);
    }
    let said = texts.t("trace-holds-descendants");
    fields.inputs([Input::tick("descendants", said, typed.descendants.is_some())])
}

/// The holds that stand, or that are over, each with the form that releases it.
fn list<'a>(caller: &'a Caller, status: &str, page: &HoldPage, words: &Words) -> Result<List<'a>, Problem> {
    let texts = &caller.texts;
    let at = |status: &str, after: &str| address("/holds", &[("status", status), ("after", after)]);
    let tab = |one: &str, key: &str| Tab::new(at(one, ""), texts.t(key), one == status);
    let may_release = status == "placed" && caller.may(&HOLD_RELEASE);
    let mut rows = Vec::new();
    for hold in &page.holds {
        let first = hold.first.clone().unwrap_or_default();
        let released = hold.released_at.map(|at| texts.time(&at, caller.zone)).unwrap_or_default();
        let row = Row::new([
            Cell::text(words.reason(texts, &hold.reason)),
            Cell::code(&first).to(format!("/trace/{first}")),
            Cell::text(say::number(texts, hold.members)),
            Cell::text(texts.time(&hold.placed_at, caller.zone)).under(words.person(&hold.placed_by)),
            Cell::text(released),
        ]);
        let release = Release { texts, hold: hold.hold_id };
        let below = if may_release { Some(release.render()?) } else { None };
        let row = row.to(format!("/holds/{}", hold.hold_id)).id(format!("hold-{}", hold.hold_id));
        rows.push(row.below(below));
    }
    Ok(List::new(texts, "/holds")
        .tabs(
            texts.t("trace-filter"),
            [vec![tab("placed", "trace-holds-placed"), tab("released", "trace-holds-released")]],
        )
        .columns([
            Column::new("trace-reason"),
            Column::new("trace-by-uid"),
            Column::new("trace-holds-members").number(),
            Column::new("trace-holds-placed"),
            Column::new("trace-holds-released"),
        ])
        .rows(rows)
        .empty(texts.t("trace-holds-none"))
        .next(page.next.as_ref().map(|next| at(status, next))))
}

#[derive(Template)]
#[template(path = "holds/look.html")]
struct Look<'a> {
    texts: &'a Texts,
    zones: Zones,
    typed: &'a Typed,
    found: HoldPreview,
    /// Where the deliveries of its lot are.
    delivered: String,
}

impl Look<'_> {
    /// The states of units that are not held by this yet.
    fn states(&self, life: &str, quality: &str, custody: &str) -> String {
        say::states(self.texts, (life, quality, custody), false)
    }
}

/// `GET /holds`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_READ)?;
    let asked = query::<Asked>(&uri)?;
    let Asked { status, after, uid, lot, scope, descendants } = asked;
    let typed = Typed { uid, lot, scope, descendants, ..Typed::default() };
    show(&state, &caller, &headers, &status, after.as_deref(), &typed, None).await
}

async fn show(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    status: &str,
    after: Option<&str>,
    typed: &Typed,
    error: Option<String>,
) -> Result<Response, Problem> {
    let status = if status.is_empty() { "placed" } else { status };
    let page = holding::list(&state.db, &caller.in_focus(&HOLD_READ), status, after, 50).await?;
    let shell = Shell::new(state, caller, caller.t("trace-holds-title"), "/holds");
    let mut codes = Codes::default();
    for hold in &page.holds {
        codes.person(&hold.placed_by);
        codes.reason(&hold.reason);
    }
    let words = Words::read(state, caller, &codes).await?;
    let scope_name = match typed.scope.trim().parse::<Uuid>() {
        Ok(scope) => {
            state
                .db
                .tx(&caller.at(&HOLD_PLACE), async |tx| {
                    Ok::<_, DbError>(scopes::store::kept::get(tx, scope).await?.map(|found| found.name))
                })
                .await?
        }
        Err(_) => None,
    };
    let (lot_name, deliveries) = lot(state, caller, typed).await?;
    let fields = if caller.may(&HOLD_PLACE) {
        Some(fields(&caller.texts, typed, offered(state, caller).await?, error))
    } else {
        None
    };
    let view = Page {
        texts: &caller.texts,
        typed,
        // One that is gone is told when it is asked for; until then it is called as it came.
        scope_name: scope_name.unwrap_or_else(|| typed.scope.clone()),
        lot_name,
        deliveries: deliveries.len(),
        delivered: say::delivered(&caller.texts, &deliveries),
        fields,
        list: list(caller, status, &page, &words)?,
    };
    shell.page(headers, &view)
}

/// The lot that is to be held, as it is called, and its deliveries. One that the caller's plants
/// never had, or that is none, is called as it came.
async fn lot(state: &AppState, caller: &Caller, typed: &Typed) -> Result<(String, Vec<Delivery>), Problem> {
    let Ok(id) = typed.lot.trim().parse::<Uuid>() else {
        return Ok((typed.lot.clone(), Vec::new()));
    };
    let found = state
        .db
        .tx(&caller.at(&HOLD_PLACE), async |tx| Ok::<_, DbError>(deliveries::named(tx, id).await?))
        .await?;
    Ok(found.unwrap_or_else(|| (typed.lot.clone(), Vec::new())))
}

/// `GET /holds/look`: what a hold would hold, before it is placed.
pub(super) async fn look(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_PLACE)?;
    let typed = query::<Typed>(&uri)?;
    let found = match typed.wish() {
        Ok(wish) if wish.reason.is_empty() => Err(HoldError::Reason.into()),
        Ok(wish) => preview(&state.db, &caller.at(&HOLD_PLACE), &genealogy, &wish).await,
        Err(error) => Err(error.into()),
    };
    match found {
        Ok(found) => {
            let shell = Shell::new(&state, &caller, caller.t("trace-holds-place"), "/holds")
                .under("/holds", caller.t("trace-holds-title"));
            let delivered = say::delivered(&caller.texts, &found.deliveries);
            let cx = caller.at(&HOLD_PLACE);
            let zones = state.db.tx(&cx, async |tx| Ok::<_, TraceError>(Zones::read(tx, caller.zone).await?));
            let zones = zones.await?;
            shell.page(&headers, &Look { texts: &caller.texts, zones, typed: &typed, found, delivered })
        }
        Err(error) => wrong(&state, &caller, &headers, &typed, error).await,
    }
}

/// `POST /holds`
pub(super) async fn place(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Form<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_PLACE)?;
    let typed = form(sent)?;
    let placed = match typed.wish() {
        Ok(wish) => {
            let (cx, office) = (caller.at(&HOLD_PLACE), (&committed, &genealogy));
            holding::place(&state.db, &cx, office, &wish, Utc::now()).await
        }
        Err(error) => Err(error.into()),
    };
    match placed {
        Ok(held) => Ok(Redirect::to(&format!("/holds/{}", held.hold_id)).into_response()),
        Err(error) => wrong(&state, &caller, &headers, &typed, error).await,
    }
}

/// The form again, with what is wrong with it.
async fn wrong(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    typed: &Typed,
    error: HoldingError,
) -> Result<Response, Problem> {
    let told = told(caller, error)?;
    let mut response = show(state, caller, headers, "", None, typed, Some(told)).await?;
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    Ok(response)
}

/// What is wrong, in the reader's language; what is none of theirs stays a problem.
fn told(caller: &Caller, error: HoldingError) -> Result<String, Problem> {
    match &error {
        HoldingError::Trace(TraceError::Db(_)) => kept(&caller.texts, error),
        HoldingError::Trace(trace) => {
            Ok(caller.texts.or(&format!("error-{}", trace.code().replace('.', "-")), &error.to_string()))
        }
        HoldingError::Fields(wrong) => {
            Ok(wrong.iter().map(|(_, key)| caller.t(key)).collect::<Vec<_>>().join(" "))
        }
        HoldingError::Lot(key) => Ok(caller.t(key)),
        HoldingError::Hold(_) | HoldingError::Elsewhere | HoldingError::OfRecall(_) => {
            let text = error.to_string();
            let problem = Problem::from(error);
            if problem.status.is_server_error() {
                return kept(&caller.texts, problem);
            }
            Ok(caller.texts.or(&problem.text_key(), &text))
        }
    }
}

/// `POST /holds/{id}/release`
pub(super) async fn release(
    State(state): State<AppState>,
    Extension(committed): Extension<Committed>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    sent: Result<Form<Why>, FormRejection>,
) -> Result<Response, Problem> {
    caller.require_somewhere(&HOLD_RELEASE)?;
    let why = form(sent)?;
    let (cx, now) = (caller.at(&HOLD_RELEASE), Utc::now());
    let asked = holding::Release { hold_id: id, reason: &why.reason, recall: &why.recall };
    match holding::release(&state.db, &cx, &committed, asked, now).await {
        Ok(_) => Ok(Redirect::to(&format!("/holds/{id}")).into_response()),
        Err(HoldingError::OfRecall(_)) => sure(&state, &caller, &headers, id, &why.reason).await,
        Err(error) => Err(error.into()),
    }
}

/// Asks whether the hold of a recall in force is meant to be released, and says what is freed.
async fn sure(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    hold: Uuid,
    reason: &str,
) -> Result<Response, Problem> {
    let found = state
        .db
        .tx(&caller.at(&HOLD_RELEASE), async |tx| {
            let of = one::of_recall(tx, hold).await?;
            Ok::<_, DbError>(of.zip(one::one(tx, hold).await?))
        })
        .await?;
    let (of, held) = found.ok_or_else(Problem::not_found)?;
    let shell = Shell::new(state, caller, caller.t("trace-holds-release"), "/holds")
        .under("/holds", caller.t("trace-holds-title"));
    let view = Sure { texts: &caller.texts, hold, reason, of, labels: held.members };
    let mut response = shell.page(headers, &view)?;
    *response.status_mut() = StatusCode::CONFLICT;
    Ok(response)
}
