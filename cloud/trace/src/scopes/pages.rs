//! The pages of suspects and scopes: the builder with what it finds, kept scopes, one of
//! them.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form as Sent, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Router};
use chrono::Utc;
use platform::ctx::Cx;
use platform::i18n::{Lang, Sources, Texts};
use platform::web::list::{Action, Cell, Column, List, Row as Listed, address};
use platform::web::routing::{get, post};
use platform::web::{
    AppState, Caller, NavGroup, NavItem, Path, Problem, Seen, Shell, form as read_form, query,
};
use serde::Deserialize;
use uuid::Uuid;

use super::api::Asked as PageAsked;
use super::builder::{self, Known, suggested, words};
use super::criteria::{Node, conditions_of};
use super::error::{ScopeError, said};
use super::form::Form;
use super::model::{Compared, Hint, MemberPage, Progress, ScopePage, ScopeView, Suspects, Unit};
use super::rights::{SCOPE_READ, SCOPE_WRITE};
use super::saving::{self, AtOnce};
use super::service;
use super::store::{known, told};
use crate::explore::model::{CurrentTo, PlantBehind};
use crate::genealogy::Genealogy;
use crate::pages::items::Items;
use crate::pages::say;
use crate::pages::who::Names;
use crate::rights::HOLD_PLACE;

/// The texts of these pages.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

/// The entry of the side navigation.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Trace,
    href: "/suspects",
    label_key: "nav-suspects",
    icon: "search",
    seen: Seen::With(SCOPE_READ),
}];

pub(super) fn router() -> Router<AppState> {
    Router::new()
        .route("/suspects", get(suspects_page).merge(post(keep)))
        .route("/suspects/scopes", get(scopes))
        .route("/suspects/scopes/{id}", get(scope))
        .route("/suspects/scopes/{id}/delete", post(delete))
        .route("/suspects/scopes/{id}/progress", get(progress))
        .route("/suspects/scopes/{id}/stop", post(stop))
        .route("/suspects/scopes/{id}/again", post(again))
}

#[derive(Template)]
#[template(path = "scopes/suspects.html")]
struct Builder<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    form: &'a Form,
    known: Known,
    /// Conditions that rows cannot say, as they were kept.
    other: Option<String>,
    /// What is wrong beyond the fields.
    error: Option<String>,
    found: Option<Suspects>,
    items: Items,
    criteria: String,
    next: Option<String>,
    name: String,
    may_write: bool,
    may_hold: bool,
}

#[derive(Template)]
#[template(path = "scopes/scope.html")]
struct One<'a> {
    texts: &'a Texts,
    zone: chrono_tz::Tz,
    scope: ScopeView,
    /// Of whoever kept it.
    names: Names,
    /// How far its saving is; empty once it is kept.
    saving: String,
    form: Option<Form>,
    other: Option<String>,
    page: MemberPage,
    compared: Option<Compared>,
    items: Items,
    may_write: bool,
    may_hold: bool,
    /// Where its files are shown.
    files: String,
}

/// How far the saving of a scope is; asks for itself again while it goes on.
#[derive(Template)]
#[template(path = "scopes/saving.html")]
struct Saving<'a> {
    texts: &'a Texts,
    scope: &'a ScopeView,
    progress: &'a Progress,
    may_write: bool,
}

impl Saving<'_> {
    /// What the job does now, as a text's key.
    fn doing(&self) -> &'static str {
        if self.scope.members == 0 { "scope-saving-search" } else { "scope-saving-write" }
    }

    fn done(&self) -> (i32, i32) {
        match self.scope.members {
            0 => (self.progress.asked, self.progress.to_ask),
            members => (self.progress.written, members),
        }
    }

    fn percent(&self) -> i64 {
        let (done, of) = self.done();
        if of == 0 { 0 } else { i64::from(done) * 100 / i64::from(of) }
    }

    fn failure(&self) -> Option<String> {
        let code = self.progress.failure.as_ref()?;
        Some(self.texts.t(&format!("error-{}", code.replace('.', "-"))))
    }
}

/// The state of a scope in words.
fn state(texts: &Texts, state: &str) -> String {
    texts.t(&format!("scope-state-{state}"))
}

/// How far the saving of a scope is, as markup; empty once it is kept.
fn saving_html(caller: &Caller, scope: &ScopeView) -> Result<String, Problem> {
    let Some(progress) = &scope.progress else { return Ok(String::new()) };
    let may_write = scope.may_change && caller.may(&SCOPE_WRITE);
    Ok(Saving { texts: &caller.texts, scope, progress, may_write }.render()?)
}

#[derive(Template)]
#[template(path = "scopes/units.html")]
struct Units<'a> {
    texts: &'a Texts,
    items: &'a Items,
    units: &'a [Unit],
}

#[derive(Template)]
#[template(path = "scopes/current.html")]
struct Current<'a> {
    texts: &'a Texts,
    current_to: &'a CurrentTo,
    plants_behind: &'a [PlantBehind],
}

/// A table of units, as markup.
fn units_html(texts: &Texts, items: &Items, units: &[Unit]) -> String {
    Units { texts, items, units }.render().unwrap_or_default()
}

/// Names that nothing has, each told by itself.
#[derive(Template)]
#[template(path = "scopes/hints.html")]
struct Hints<'a> {
    texts: &'a Texts,
    hints: &'a [Hint],
}

/// Names that nothing has, as markup.
fn hints_html(texts: &Texts, hints: &[Hint]) -> String {
    Hints { texts, hints }.render().unwrap_or_default()
}

/// A name that nothing has, in words.
fn unknown(texts: &Texts, hint: &Hint) -> String {
    let field = builder::label(texts, hint.field());
    // What events name, and what units are of.
    let key = match hint.field() {
        "item" | "lot" | "supplier_lot" | "supplier" => "scope-unknown-unit",
        _ => "scope-unknown",
    };
    texts.with(key, &[("field", field.into()), ("value", hint.value.clone().into())])
}

/// To which moment an answer is current, as markup.
fn current_html(texts: &Texts, current_to: &CurrentTo, plants_behind: &[PlantBehind]) -> String {
    Current { texts, current_to, plants_behind }.render().unwrap_or_default()
}

impl Builder<'_> {
    /// The conditions, to be filled in, as markup.
    fn conditions(&self) -> String {
        builder::conditions(self.texts, self.form, &self.known)
    }
}

/// What was asked for, as it is answered: the page with its mistakes, or with what it found.
async fn answer(
    state: &AppState,
    (caller, genealogy): (&Caller, &Genealogy),
    (cx, headers): (&Cx, &HeaderMap),
    (mut form, other): (Form, Option<Node>),
    (name, error): (Option<String>, Option<String>),
) -> Result<Response, Problem> {
    let criteria = other.as_ref().map(Node::to_json).or_else(|| form.criteria());
    let now = Utc::now();
    let mut view = Builder {
        texts: &caller.texts,
        zone: caller.zone,
        form: &Form::default(),
        known: Known::default(),
        other: other.as_ref().map(|node| serde_json::to_string_pretty(&node.to_json()).unwrap_or_default()),
        error,
        found: None,
        items: Items::default(),
        criteria: criteria.as_ref().map(ToString::to_string).unwrap_or_default(),
        next: None,
        name: String::new(),
        may_write: caller.may(&SCOPE_WRITE),
        may_hold: caller.may(&HOLD_PLACE),
    };
    if form.ask && criteria.is_none() {
        view.error = Some(caller.t("scope-wrong-list"));
    }
    let mut failed = view.error.is_some();
    if let Some(criteria) = criteria.filter(|_| form.ask || other.is_some()) {
        let page = (form.after.as_deref(), service::USUAL_LIMIT);
        let found = state
            .db
            .tx(cx, async |tx| {
                let node = service::parse(&criteria)?;
                service::suspects(tx, (caller.zone, genealogy), &node, page, now).await
            })
            .await;
        match found {
            Ok(found) => {
                let start = match &other {
                    Some(_) => format!("criteria={}", platform::web::escaped(&view.criteria, b"-_.~")),
                    None => form.address(),
                };
                view.next = found.next.as_ref().map(|next| format!("/suspects?{start}&after={next}"));
                let units = found.units.iter().chain(&found.taken).map(|unit| unit.item.as_str());
                let codes = units.chain(found.groups.iter().map(|group| group.item.as_str()));
                view.items = Items::read(&state.db, cx, codes).await?;
                view.found = Some(found);
            }
            Err(ScopeError::Criteria(mistakes)) => {
                failed = true;
                form.tell(&mistakes, |mistake| said(caller, mistake));
                view.error = Some(caller.t("error-scope-criteria"));
            }
            Err(error) => {
                let problem = error.problem(caller);
                if problem.status.is_server_error() {
                    return Err(problem);
                }
                failed = true;
                let told =
                    if problem.detail.is_empty() { caller.t(&problem.text_key()) } else { problem.detail };
                view.error = Some(told);
            }
        }
    }
    view.known = known_to(state, cx).await?;
    view.name = name.unwrap_or_else(|| suggested(&caller.texts, &form));
    view.form = &form;
    let shell = Shell::new(state, caller, caller.t("scope-title"), "/suspects");
    let mut response = shell.page(headers, &view)?;
    if failed {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

/// What conditions can be chosen from.
async fn known_to(state: &AppState, cx: &Cx) -> Result<Known, Problem> {
    state
        .db
        .tx(cx, async |tx| {
            let plants = tx.plants().clone();
            let zones = told::zones(tx).await?.into_iter().map(|(code, _)| code);
            let lists = vec![
                ("plant", zones.filter(|code| plants.has(code)).collect()),
                ("machine", known::machines(tx).await?),
                ("station", known::stations(tx).await?),
                ("operator", known::operators(tx).await?),
                ("operation", known::operations(tx).await?),
                ("name", known::readings(tx).await?),
            ];
            Ok::<_, platform::db::DbError>(Known { lists })
        })
        .await
        .map_err(Problem::from)
}

/// `GET /suspects`
async fn suspects_page(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let cx = service::reading(&caller)?;
    let pairs = query::<Vec<(String, String)>>(&uri)?;
    let form = Form::read(&pairs);
    let mut other = None;
    if let Some((_, text)) = pairs.iter().find(|(name, _)| name == "criteria") {
        match service::parse(&conditions_of(text)) {
            Ok(node) => match Form::of(&node) {
                Some(rows) => {
                    let rows = Form { after: form.after, ..rows };
                    return answer(
                        &state,
                        (&caller, &genealogy),
                        (&cx, &headers),
                        (rows, None),
                        (None, None),
                    )
                    .await;
                }
                None => other = Some(node),
            },
            Err(error) => return Err(error.problem(&caller)),
        }
    }
    answer(&state, (&caller, &genealogy), (&cx, &headers), (form, other), (None, None)).await
}

/// What is to be kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    name: String,
    criteria: String,
    /// Where to go on: `hold`, `recall`, or empty for the scope itself.
    then: String,
}

/// `POST /suspects`: keeps what fits, and goes on.
async fn keep(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    sent: Result<Sent<Typed>, FormRejection>,
) -> Result<Response, Problem> {
    let cx = service::writing(&caller)?;
    let typed = read_form(sent)?;
    let node = service::parse(&conditions_of(&typed.criteria)).map_err(|error| error.problem(&caller))?;
    let wish = (typed.name.as_str(), &node);
    let kept = saving::keep(&state.db, (&cx, caller.zone), &genealogy, wish, AtOnce::USUAL).await;
    match kept {
        // How far it is; what it is for follows once it is whole.
        Ok(scope) if scope.state != service::KEPT => {
            Ok(Redirect::to(&format!("/suspects/scopes/{}", scope.scope_id)).into_response())
        }
        Ok(scope) => {
            let id = scope.scope_id;
            let to = match typed.then.as_str() {
                "hold" => format!("/holds?scope={id}"),
                "recall" => format!("/recalls/new?scope={id}"),
                _ => format!("/suspects/scopes/{id}"),
            };
            Ok(Redirect::to(&to).into_response())
        }
        Err(error) => {
            let problem = error.problem(&caller);
            if problem.status.is_server_error() {
                return Err(problem);
            }
            let told = Some(caller.t(&problem.text_key()));
            let asked = match Form::of(&node) {
                Some(form) => (form, None),
                None => (Form::read(&[]), Some(node)),
            };
            answer(&state, (&caller, &genealogy), (&cx, &headers), asked, (Some(typed.name), told)).await
        }
    }
}

/// `GET /suspects/scopes`
async fn scopes(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let cx = service::reading(&caller)?;
    let asked = query::<PageAsked>(&uri)?;
    let page = service::within(&state, &caller, &cx, async |tx| {
        service::list(tx, asked.after.as_deref(), service::size(asked.limit)?).await
    })
    .await?;
    let names =
        Names::read(&state, &caller, page.scopes.iter().map(|scope| scope.created_by.as_str())).await?;
    let shell = Shell::new(&state, &caller, caller.t("scope-list-title"), "/suspects")
        .under("/suspects", caller.t("scope-title"));
    shell.page(&headers, &kept(&caller, &page, &names))
}

/// The scopes that are kept.
fn kept<'a>(caller: &'a Caller, page: &ScopePage, names: &Names) -> List<'a> {
    let texts = &caller.texts;
    let row = |scope: &ScopeView| {
        let standing = match (&scope.progress, scope.state.as_str()) {
            (None, _) => Cell::default(),
            (Some(_), "failed") => Cell::state(state(texts, &scope.state), "is-bad"),
            (Some(_), _) => Cell::state(state(texts, &scope.state), "is-warn"),
        };
        let cells = [
            Cell::text(&scope.name),
            standing,
            Cell::text(say::number(texts, scope.members)),
            Cell::text(texts.time(&scope.created_at, caller.zone)).under(names.of(&scope.created_by)),
        ];
        Listed::new(cells).to(format!("/suspects/scopes/{}", scope.scope_id))
    };
    List::new(texts, "/suspects/scopes")
        .head(texts.t("scope-list-title"), texts.t("scope-list-lead"))
        .actions([Action::to("/suspects", texts.t("scope-title")).main()])
        .columns([
            Column::new("scope-name"),
            Column::new("trace-status"),
            Column::new("scope-units").number(),
            Column::new("scope-kept"),
        ])
        .rows(page.scopes.iter().map(row))
        .empty(texts.t("scope-list-none"))
        .next(page.next.as_ref().map(|next| address("/suspects/scopes", &[("after", next)])))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Looked {
    after: Option<String>,
    /// Ask the conditions again.
    compare: Option<String>,
}

/// `GET /suspects/scopes/{id}`
async fn scope(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
    uri: Uri,
) -> Result<Response, Problem> {
    let cx = service::reading(&caller)?;
    let asked = query::<Looked>(&uri)?;
    let (scope, page, compared) = service::within(&state, &caller, &cx, async |tx| {
        let scope = service::get(tx, id).await?;
        let whole = scope.state == service::KEPT;
        let page = match whole {
            true => service::members(tx, id, (asked.after.as_deref(), service::USUAL_LIMIT)).await?,
            false => MemberPage { units: Vec::new(), next: None },
        };
        let compared = match asked.compare {
            Some(_) if whole => Some(service::compare(tx, (&caller, &genealogy), id, Utc::now()).await?),
            _ => None,
        };
        Ok((scope, page, compared))
    })
    .await?;
    let node = scope.criteria.as_ref().and_then(|criteria| Node::kept(criteria).ok());
    let form = node.as_ref().and_then(Form::of);
    let other = match (&form, &node) {
        (None, Some(node)) => Some(serde_json::to_string_pretty(&node.to_json()).unwrap_or_default()),
        _ => None,
    };
    let shell = Shell::new(&state, &caller, scope.name.clone(), "/suspects")
        .under("/suspects", caller.t("scope-title"))
        .under("/suspects/scopes", caller.t("scope-list-title"));
    let saving = saving_html(&caller, &scope)?;
    let others = compared.iter().flat_map(|compared| compared.new.iter().chain(&compared.gone));
    let codes: Vec<&str> = page.units.iter().chain(others).map(|unit| unit.item.as_str()).collect();
    let items = Items::read(&state.db, &cx, codes).await?;
    let view = One {
        texts: &caller.texts,
        zone: caller.zone,
        names: Names::read(&state, &caller, [scope.created_by.as_str()]).await?,
        scope,
        saving,
        form,
        other,
        page,
        compared,
        items,
        may_write: caller.may(&SCOPE_WRITE),
        may_hold: caller.may(&HOLD_PLACE),
        files: state.files.panel(&caller.texts, super::attached::KIND, &id.to_string())?,
    };
    shell.page(&headers, &view)
}

/// `POST /suspects/scopes/{id}/delete`
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let cx = service::writing(&caller)?;
    service::within(&state, &caller, &cx, async |tx| service::delete(tx, id, Utc::now()).await).await?;
    Ok(Redirect::to("/suspects/scopes"))
}

/// `GET /suspects/scopes/{id}/progress`: how far it is; has the page read anew once it goes
/// on no longer.
async fn progress(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Response, Problem> {
    let cx = service::reading(&caller)?;
    let scope = service::within(&state, &caller, &cx, async |tx| service::get(tx, id).await).await?;
    let mut response = Html(saving_html(&caller, &scope)?).into_response();
    if scope.state != "saving" {
        response.headers_mut().insert("hx-refresh", HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// `POST /suspects/scopes/{id}/stop`
async fn stop(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let cx = service::writing(&caller)?;
    service::within(&state, &caller, &cx, async |tx| settled(saving::stop(tx, id).await)).await?;
    Ok(Redirect::to(&format!("/suspects/scopes/{id}")))
}

/// `POST /suspects/scopes/{id}/again`
async fn again(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<Redirect, Problem> {
    let cx = service::writing(&caller)?;
    service::within(&state, &caller, &cx, async |tx| settled(saving::again(tx, id).await)).await?;
    Ok(Redirect::to(&format!("/suspects/scopes/{id}")))
}

/// A button that came too late, since the job had ended or somebody else was first, does
/// nothing: the page shows how it stands.
fn settled(done: Result<(), ScopeError>) -> Result<(), ScopeError> {
    match done {
        Err(ScopeError::State) => Ok(()),
        done => done,
    }
}

impl One<'_> {
    /// The conditions as an address of the builder, with what rows cannot say as JSON.
    fn again(&self) -> Option<String> {
        if let Some(form) = &self.form {
            return Some(form.address());
        }
        let criteria = self.scope.criteria.as_ref()?.to_string();
        Some(format!("criteria={}", platform::web::escaped(&criteria, b"-_.~")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::i18n::{I18n, Names};

    use super::*;

    #[test]
    fn the_items_of_units_are_called_as_their_master_says_to_the_reader() {
        let all = Arc::new(I18n::new().with_all(TEXTS).with_all(crate::pages::TEXTS));
        let unit = |item: &str, name: &str| Unit {
            uid: "UID-SAIF-KOL-FG-000001-A7".into(),
            item: item.into(),
            name: name.into(),
            plant: "KOL".into(),
            life: "active",
            quality: "unrestricted",
            custody: "location",
            inside_of: None,
            partner: String::new(),
            document: String::new(),
            quantity: None,
            unit: String::new(),
        };
        let hindi = Names::from(serde_json::json!({ "hi": "मोटर" }));
        let items: Items = [("MOTOR".to_owned(), "Motor".to_owned(), hindi)].into_iter().collect();
        let units = [unit("MOTOR", "Motor"), unit("PUMP", "Pump")];
        let said = |lang| units_html(&Texts::new(all.clone(), lang), &items, &units);
        let hindi = said(Lang::Hi);
        assert!(hindi.contains("मोटर") && !hindi.contains("Motor") && hindi.contains("Pump"), "{hindi}");
        assert!(said(Lang::Bn).contains("Motor"));
    }
}
