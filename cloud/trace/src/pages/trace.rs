//! The trace page: what a UID is, where it is, its history, its genealogy.

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::Utc;
use platform::i18n::Texts;
use platform::web::{AppState, Caller, Problem, Shell, escaped, query};
use serde::Deserialize;

use super::say::{self, Zones};
use super::store;
use crate::explore::api::TraceQuery;
use crate::explore::error::TraceError;
use crate::explore::graph::Direction;
use crate::explore::model::{Destinations, Found, Pile, Relative, Sources, Trace, Walk, WalkEdge, WalkNode};
use crate::explore::walk::Ask;
use crate::explore::{search as finding, service, walk};
use crate::genealogy::Genealogy;
use crate::rights::{HOLD_PLACE, TRACE_READ};

/// UIDs that one branch shows before it asks whether to show more.
const BRANCH: usize = 100;
/// Branches that may be opened one in the other; from there a UID's own page goes
/// on.
const MOST_OPENED: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    texts: &'a Texts,
    query: &'a str,
    /// What is wrong with the query.
    error: Option<String>,
    found: Option<Found>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage<'a> {
    texts: &'a Texts,
    trace: Trace,
    zones: Zones,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "tree.html")]
struct Tree<'a> {
    texts: &'a Texts,
    walk: Walk,
    as_built: bool,
    /// UIDs that were opened on the way here, the one of this branch as the last.
    opened: Vec<String>,
}

#[derive(Template)]
#[template(path = "ends.html")]
struct Ends<'a> {
    texts: &'a Texts,
    zones: Zones,
    sources: Option<Sources>,
    destinations: Option<Destinations>,
}

/// A query as part of an address.
pub(super) fn encoded(text: &str) -> String {
    escaped(text, b"-_.~")
}

/// `GET /trace?q=`: straight to the UID that a code stands
/// for, else what begins with it.
pub(super) async fn search(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<Asked>(&uri)?;
    let mut view = SearchPage { texts: &caller.texts, query: &asked.q, error: None, found: None, next: None };
    let mut status = StatusCode::OK;
    if !asked.q.trim().is_empty() {
        let resolved = if asked.after.is_some() {
            Err(TraceError::Empty)
        } else {
            service::trace(&state.db, &caller.at(&TRACE_READ), &asked.q, Utc::now()).await
        };
        match resolved {
            Ok(trace) => return Ok(Redirect::to(&format!("/trace/{}", trace.uid)).into_response()),
            Err(TraceError::Db(error)) => return Err(error.into()),
            Err(problem) => {
                let found =
                    finding::search(&state.db, &caller.at(&TRACE_READ), &asked.q, asked.after.as_deref(), 50)
                        .await?;
                if found.hits.is_empty() {
                    status = StatusCode::NOT_FOUND;
                    view.error = Some(match &problem {
                        TraceError::Wrong(_) | TraceError::Foreign(_) => {
                            caller.t(&format!("error-{}", problem.code().replace('.', "-")))
                        }
                        _ => caller.texts.t1("trace-search-none", "query", asked.q.trim()),
                    });
                }
                view.next = found
                    .next
                    .as_ref()
                    .map(|next| format!("/trace?q={}&after={}", encoded(&asked.q), encoded(next)));
                view.found = Some(found);
            }
        }
    }
    let shell = Shell::new(&state, &caller, caller.t("trace-search-title"), "/trace").searched(&asked.q);
    let mut response = shell.page(&headers, &view)?;
    // htmx shows nothing of an error; a person who searched wants to read it.
    if !headers.contains_key("hx-request") {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// `GET /trace/{uid}`
pub(super) async fn page(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Path(uid): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<TraceQuery>(&uri)?;
    let (trace, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let trace = service::trace_after_in(tx, &uid, asked.after.as_deref(), Utc::now()).await?;
            Ok::<_, TraceError>((trace, Zones::new(store::zones(tx).await?, caller.zone)))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let shell = Shell::new(&state, &caller, trace.uid.clone(), "/trace");
    let may_write = caller.may(&HOLD_PLACE);
    shell.page(&headers, &TracePage { texts: &caller.texts, trace, zones, may_write })
}

fn direction(text: &str) -> Result<Direction, Problem> {
    match text {
        "backward" => Ok(Direction::Backward),
        "forward" => Ok(Direction::Forward),
        _ => Err(Problem::not_found()),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TreeQuery {
    as_built: bool,
    after: Option<String>,
    /// UIDs opened on the way, with commas between.
    via: String,
}

/// `GET /trace/{uid}/tree/{direction}`: one branch, as items of a list.
pub(super) async fn tree(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path((uid, way)): Path<(String, String)>,
    uri: Uri,
) -> Result<Html<String>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let asked = query::<TreeQuery>(&uri)?;
    let ask = Ask { depth: 1, limit: BRANCH, as_built: asked.as_built, after: asked.after };
    let walk = walk::branch(
        &state.db,
        &caller.at(&TRACE_READ),
        &genealogy,
        &uid,
        direction(&way)?,
        &ask,
        Utc::now(),
    )
    .await
    .map_err(|error| say::problem(&caller.texts, error))?;
    let via = asked.via.split(',').filter_map(|uid| uid.parse::<uid::Uid>().ok());
    let mut opened: Vec<String> = via.take(MOST_OPENED).map(|uid| uid.to_string()).collect();
    opened.push(walk.uid.clone());
    Ok(Html(Tree { texts: &caller.texts, walk, as_built: asked.as_built, opened }.render()?))
}

/// `GET /trace/{uid}/ends/{direction}`: where the whole walk ends.
pub(super) async fn ends(
    State(state): State<AppState>,
    Extension(genealogy): Extension<Genealogy>,
    caller: Caller,
    Path((uid, way)): Path<(String, String)>,
) -> Result<Html<String>, Problem> {
    caller.require_somewhere(&TRACE_READ)?;
    let ask = Ask { depth: 50, limit: 1, ..Ask::default() };
    let way = direction(&way)?;
    let (walk, zones) = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let walk = walk::walk_in(tx, &genealogy, &uid, way, &ask, Utc::now()).await?;
            Ok::<_, TraceError>((walk, Zones::new(store::zones(tx).await?, caller.zone)))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let view = Ends { texts: &caller.texts, zones, sources: walk.sources, destinations: walk.destinations };
    Ok(Html(view.render()?))
}

impl TracePage<'_> {
    /// What a tree shows until its first branch has come.
    fn relatives(&self, way: &str) -> &[Relative] {
        if way == "backward" { &self.trace.children } else { &self.trace.parents }
    }
}

impl Tree<'_> {
    /// Whether a UID was opened on the way to itself: the walk ends here.
    fn again(&self, uid: &str) -> bool {
        self.opened.iter().any(|opened| opened == uid)
    }

    /// Whether a UID of this branch can be opened.
    fn opens(&self, node: &WalkNode) -> bool {
        node.more && !self.again(&node.uid) && self.opened.len() < MOST_OPENED
    }

    fn via(&self) -> String {
        self.opened.join(",")
    }

    /// The way here, without this branch itself: for its next page.
    fn way_here(&self) -> String {
        self.opened.split_last().map(|(_, before)| before.join(",")).unwrap_or_default()
    }

    /// Whether a UID, or the link to it, lies on a cycle.
    fn cycle(&self, node: &WalkNode) -> bool {
        self.again(&node.uid) || self.edge(&node.uid).is_some_and(|edge| edge.cycle)
    }

    /// The link by which a UID of this branch hangs on the one that was opened.
    fn edge(&self, uid: &str) -> Option<&WalkEdge> {
        self.walk.edges.iter().find(|edge| {
            (edge.from == uid && edge.to == self.walk.uid) || (edge.to == uid && edge.from == self.walk.uid)
        })
    }
}

impl Ends<'_> {
    /// The piles with the key of their heading, those that hold anything.
    fn piles<'b>(&self, found: &'b Destinations) -> Vec<(&'static str, &'b [Pile])> {
        [
            ("trace-ends-stock", found.stock.as_slice()),
            ("trace-ends-progress", &found.in_progress),
            ("trace-ends-transit", &found.in_transit),
            ("trace-ends-customers", &found.with_customers),
            ("trace-ends-suppliers", &found.with_suppliers),
        ]
        .into_iter()
        .filter(|(_, piles)| !piles.is_empty())
        .collect()
    }
}
