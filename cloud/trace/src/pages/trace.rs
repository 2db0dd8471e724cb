//! The trace page: what a UID is, where it is, its history, its genealogy.

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use chrono::{DateTime, Duration, Utc};
use platform::i18n::Texts;
use platform::search::Group;
use platform::web::{AppState, Caller, Path, Problem, Shell, query};
use serde::Deserialize;

use super::explore;
use super::items::Items;
use super::say::{self, Zones, encoded};
use super::words::{Codes, Words};
use crate::explore::error::TraceError;
use crate::explore::graph::Direction;
use crate::explore::model::{
    Destinations, EventView, Found, Pile, Relative, Sources, Trace, Walk, WalkEdge, WalkNode,
};
use crate::explore::places::{self, Lead, when};
use crate::explore::walk::Ask;
use crate::explore::why::Why;
use crate::explore::{search as finding, service, walk};
use crate::genealogy::Genealogy;
use crate::rights::{HOLD_PLACE, TRACE_READ};

/// UIDs that one branch shows before it asks whether to show more.
const BRANCH: usize = 100;
/// Events of one page.
const EVENTS: i64 = 100;
/// Branches that may be opened one in the other; from there a UID's own page goes
/// on.
const MOST_OPENED: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    q: String,
    after: Option<String>,
    /// A machine or a person, whose window is asked for instead.
    machine: String,
    from: String,
    to: String,
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage<'a> {
    texts: &'a Texts,
    query: &'a str,
    /// What is wrong with the query.
    error: Option<String>,
    found: Option<Found>,
    /// What else is known by this name or code, where no trace begins with it.
    elsewhere: Vec<Group>,
    next: Option<String>,
    zones: Zones,
    items: Items,
}

impl<'a> SearchPage<'a> {
    /// The box with a query in it, and nothing found yet.
    fn of(texts: &'a Texts, query: &'a str) -> Self {
        Self {
            texts,
            query,
            error: None,
            found: None,
            elsewhere: Vec::new(),
            next: None,
            zones: Zones::default(),
            items: Items::default(),
        }
    }
}

#[derive(Template)]
#[template(path = "trace.html")]
struct TracePage<'a> {
    texts: &'a Texts,
    trace: Trace,
    zones: Zones,
    may_write: bool,
    words: Words,
    /// Why the holds that its history names were placed.
    why: Why,
    /// Whether these parts are there, and open to the reader.
    suspects: bool,
    recalls: bool,
    holds: bool,
    as_built: bool,
}

#[derive(Template)]
#[template(path = "tree.html")]
struct Tree<'a> {
    texts: &'a Texts,
    walk: Walk,
    items: Items,
    as_built: bool,
    /// UIDs that were opened on the way here, the one of this branch as the last.
    opened: Vec<String>,
}

#[derive(Template)]
#[template(path = "ends.html")]
struct Ends<'a> {
    texts: &'a Texts,
    zones: Zones,
    words: Words,
    sources: Option<Sources>,
    destinations: Option<Destinations>,
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
    if !asked.machine.trim().is_empty() {
        let (from, to) = (encoded(&asked.from), encoded(&asked.to));
        let path = format!("/trace/machine/{}?from={from}&to={to}", encoded(asked.machine.trim()));
        return Ok(Redirect::to(&path).into_response());
    }
    if asked.after.is_none()
        && let Some(path) = window_path(&state, &caller, &asked.q).await?
    {
        return Ok(Redirect::to(&path).into_response());
    }
    let mut view = SearchPage::of(&caller.texts, &asked.q);
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
                let cx = caller.at(&TRACE_READ);
                let page = (asked.after.as_deref(), 50);
                let found = finding::search(&state.db, &cx, &asked.q, page, Utc::now()).await?;
                // What the code is exactly is meant, whatever else begins so, or is of it.
                if let Some(lead) = meant(&found.leads, caller.settings.focus.as_deref()) {
                    return Ok(Redirect::to(&lead.path).into_response());
                }
                if found.hits.is_empty() && found.leads.is_empty() {
                    let wrong = matches!(&problem, TraceError::Wrong(_) | TraceError::Foreign(_));
                    if !wrong && asked.after.is_none() {
                        view.elsewhere = elsewhere(&state, &caller, &asked.q).await?;
                    }
                    if view.elsewhere.is_empty() {
                        status = StatusCode::NOT_FOUND;
                        view.error = Some(match when::no_such(&asked.q) {
                            _ if wrong => caller.t(&format!("error-{}", problem.code().replace('.', "-"))),
                            Some(when) => caller.texts.t1("trace-window-no-such", "when", when),
                            None => caller.texts.t1("trace-search-none", "query", asked.q.trim()),
                        });
                    }
                }
                view.next = found
                    .next
                    .as_ref()
                    .map(|next| format!("/trace?q={}&after={}", encoded(&asked.q), encoded(next)));
                let codes = found.hits.iter().map(|hit| hit.item.as_str());
                view.items = Items::read(&state.db, &cx, codes).await?;
                view.found = Some(found);
                view.zones = state
                    .db
                    .tx(&cx, async |tx| Ok::<_, TraceError>(Zones::read(tx, caller.zone).await?))
                    .await?;
            }
        }
    }
    searched(&state, &caller, &headers, &view, status)
}

/// The page of a search.
fn searched(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    view: &SearchPage<'_>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let shell = Shell::new(state, caller, caller.t("trace-search-title"), "/trace").searched(view.query);
    let mut response = shell.page(headers, view)?;
    // htmx shows nothing of an error; a person who searched wants to read it.
    if !headers.contains_key("hx-request") {
        *response.status_mut() = status;
    }
    Ok(response)
}

/// Results of each kind of what is known elsewhere by a name or a code.
const ELSEWHERE: usize = 10;

/// What everything else has by this name or code, as the search of the shell finds it: items,
/// recalls, customers, people, places. Where a trace begins with what was found, it leads there.
async fn elsewhere(state: &AppState, caller: &Caller, text: &str) -> Result<Vec<Group>, Problem> {
    let mut groups = platform::search::things(state, caller, text, ELSEWHERE).await?;
    for hit in groups.iter_mut().flat_map(|group| &mut group.hits) {
        if let Some(path) = traced(&hit.href, &hit.detail) {
            hit.href = path;
        }
    }
    Ok(groups)
}

/// The trace that begins with a row of a master, by its page and its key. Pure.
fn traced(href: &str, key: &str) -> Option<String> {
    let (master, _) = href.strip_prefix("/masters/")?.split_once("/row/")?;
    let kind = match master {
        "customers" => "customer",
        "machines" => "machine",
        _ => return None,
    };
    Some(format!("/trace/{kind}/{}", encoded(key)))
}

/// The one lead that is meant: the only one, or where all are of one machine's or station's code at
/// several plants that of the plant in focus. Pure.
fn meant<'l>(leads: &'l [Lead], focus: Option<&str>) -> Option<&'l Lead> {
    let (first, rest) = leads.split_first()?;
    if rest.is_empty() {
        return Some(first);
    }
    let same = matches!(first.kind, "machine" | "station") && rest.iter().all(|lead| alike(first, lead));
    let there = format!("plant={}", encoded(focus?));
    let of_focus = |lead: &&Lead| lead.path.split_once('?').is_some_and(|(_, plant)| plant == there);
    leads.iter().find(of_focus).filter(|_| same)
}

/// Whether two leads are to what one code stands for at two plants.
fn alike(one: &Lead, other: &Lead) -> bool {
    one.kind == other.kind && one.code == other.code
}

/// Where a code with a window of time leads: a machine that one plant has is gone to there, one
/// that several have says so on its page. Pure.
fn in_window(leads: &[Lead], window: &str) -> Option<String> {
    let lead = leads.iter().find(|lead| matches!(lead.kind, "machine" | "station" | "operator"))?;
    let several = leads.iter().filter(|other| alike(lead, other)).count() > 1;
    Some(match lead.path.split_once('?') {
        Some((path, plant)) if !several => format!("{path}?{plant}&{window}"),
        Some((path, _)) => format!("{path}?{window}"),
        None => format!("{}?{window}", lead.path),
    })
}

/// Where `OVEN-2 2025-01-20 09:00-11:00` leads: a machine, a station or a person that is known,
/// and a time.
async fn window_path(state: &AppState, caller: &Caller, text: &str) -> Result<Option<String>, Problem> {
    let Some(window) = when::window(text) else {
        return Ok(None);
    };
    let leads =
        state.db.tx(&caller.at(&TRACE_READ), async |tx| places::leads_in(tx, &window.code).await).await?;
    Ok(in_window(&leads, &format!("from={}&to={}", encoded(&window.from), encoded(&window.to))))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PageQuery {
    after: Option<String>,
    as_built: bool,
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
    let asked = query::<PageQuery>(&uri)?;
    let found = state
        .db
        .tx(&caller.at(&TRACE_READ), async |tx| {
            let trace =
                service::trace_page_in(tx, &uid, (asked.after.as_deref(), EVENTS), Utc::now()).await?;
            let why = Why::read(tx, &trace.events).await?;
            Ok::<_, TraceError>((trace, Zones::read(tx, caller.zone).await?, why))
        })
        .await;
    let (trace, zones, why) = match found {
        Ok(found) => found,
        Err(error) => return no_unit(&state, &caller, &headers, &uid, error),
    };
    let mut codes = Codes::of_trace(&trace);
    why.reasons().for_each(|reason| codes.reason(reason));
    let shell = Shell::new(&state, &caller, trace.uid.clone(), "/trace")
        .under("/trace", caller.t("trace-search-title"));
    let view = TracePage {
        texts: &caller.texts,
        words: Words::read(&state, &caller, &codes).await?,
        trace,
        zones,
        may_write: caller.may(&HOLD_PLACE),
        why,
        holds: explore::leads_to(&state, &caller, "/holds"),
        suspects: explore::leads_to(&state, &caller, "/suspects"),
        recalls: explore::leads_to(&state, &caller, "/recalls"),
        as_built: asked.as_built,
    };
    shell.page(&headers, &view)
}

/// What is wrong with a code that was to lead to a unit, under the box to search with the code
/// in it.
fn no_unit(
    state: &AppState,
    caller: &Caller,
    headers: &HeaderMap,
    code: &str,
    error: TraceError,
) -> Result<Response, Problem> {
    let Some(told) = of_code(&caller.texts, &error) else {
        return Err(say::problem(&caller.texts, error));
    };
    let view = SearchPage { error: Some(told), ..SearchPage::of(&caller.texts, code) };
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::NOT_FOUND);
    searched(state, caller, headers, &view, status)
}

/// What is wrong with a code; `None` where it is something else that is wrong. Pure.
fn of_code(texts: &Texts, error: &TraceError) -> Option<String> {
    Some(match error {
        TraceError::Wrong(_) | TraceError::Foreign(_) => {
            texts.t(&format!("error-{}", error.code().replace('.', "-")))
        }
        TraceError::Unknown(code) => texts.t1("error-uid-unknown-of", "code", code),
        TraceError::Ambiguous { uids, .. } => {
            format!("{} {}", texts.t("error-uid-ambiguous"), uids.join(", "))
        }
        TraceError::Parameter { field: "uid", .. } => texts.t("error-uid-length"),
        _ => return None,
    })
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
    let ask = Ask { depth: 1, limit: BRANCH, as_built: asked.as_built, after: asked.after, ..Ask::default() };
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
    let items = Items::read(&state.db, &caller.cx, walk.nodes.iter().map(|node| node.item.as_str())).await?;
    Ok(Html(Tree { texts: &caller.texts, walk, items, as_built: asked.as_built, opened }.render()?))
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
            Ok::<_, TraceError>((walk, Zones::read(tx, caller.zone).await?))
        })
        .await
        .map_err(|error| say::problem(&caller.texts, error))?;
    let mut codes = Codes::default();
    walk.sources.iter().for_each(|found| codes.sources(found));
    walk.destinations.iter().for_each(|found| codes.destinations(found));
    let words = Words::read(&state, &caller, &codes).await?;
    let (sources, destinations) = (walk.sources, walk.destinations);
    let view = Ends { texts: &caller.texts, zones, words, sources, destinations };
    Ok(Html(view.render()?))
}

impl TracePage<'_> {
    /// Whether its quality says anything: what is held, gone or ended is not free to be used.
    fn quality_counts(&self) -> bool {
        let state = &self.trace.state;
        let kept = !state.holds.is_empty() || self.trace.gone().is_some();
        say::quality_counts((state.life.as_str(), state.quality.as_str()), kept)
    }

    /// Whether events are left out before this one: between its births and the newest ones.
    fn gap_before(&self, nth: &usize) -> bool {
        let nth = *nth;
        let Some(first) = self.trace.events_next.as_deref().and_then(|next| next.split('.').next()) else {
            return false;
        };
        let Ok(first) = first.parse::<i64>() else { return false };
        let older = |at: usize| {
            self.trace.events.get(at).is_some_and(|event| event.occurred_at.timestamp_micros() < first)
        };
        nth > 0 && older(nth - 1) && !older(nth)
    }

    /// The hours around an event, as parameters.
    fn around(&self, event: &EventView) -> String {
        explore::around(&event.occurred_at)
    }

    /// The suspects of an event, as parameters: what passed the same machine, or station,
    /// an hour before and after, by the clock of its plant.
    fn alike(&self, event: &EventView) -> String {
        let zone = self.zones.of(&event.plant);
        let clock = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%dT%H:%M").to_string();
        let (from, to) =
            (clock(event.occurred_at - Duration::hours(1)), clock(event.occurred_at + Duration::hours(1)));
        let at =
            if event.machine.is_empty() { ("station", &event.station) } else { ("machine", &event.machine) };
        let all =
            [at, ("operation", &event.operation), ("plant", &event.plant), ("from", &from), ("to", &to)];
        let said = all.into_iter().filter(|(_, value)| !value.is_empty());
        said.map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>().join("&")
    }

    /// Why the hold that an event names was placed.
    fn why(&self, event: &EventView) -> Option<String> {
        self.why.of(event).map(|reason| self.words.reason(self.texts, reason))
    }

    /// How many readings of an event lie outside their limits.
    fn outside(&self, event: &EventView) -> usize {
        event.readings.iter().filter(|reading| reading.outside).count()
    }

    /// How many readings there are on this page, and how many of them lie outside.
    fn readings(&self) -> (usize, usize) {
        let standing = || self.trace.events.iter().filter(|event| !event.corrected);
        (
            standing().map(|event| event.readings.len()).sum(),
            standing().map(|event| self.outside(event)).sum(),
        )
    }

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

/// Whether some of the labels there count no goods of their own.
pub(crate) fn once(found: &Destinations) -> bool {
    let mut all = piles(found).into_iter().flat_map(|(_, piles)| piles);
    all.any(|pile| pile.built_in + pile.packages > 0)
}

/// The piles with the key of their heading, those that hold anything.
pub(crate) fn piles(found: &Destinations) -> Vec<(&'static str, &[Pile])> {
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

#[cfg(test)]
mod leading {
    use super::{Lead, in_window, meant, traced};

    fn lead(kind: &'static str, code: &str, path: &str) -> Lead {
        Lead { kind, code: code.into(), detail: String::new(), path: path.into() }
    }

    #[test]
    fn of_a_machine_that_several_plants_have_the_one_in_focus_is_meant() {
        let both = ["KOL", "VSK"]
            .map(|plant| lead("machine", "PLC1", &format!("/trace/machine/PLC1?plant={plant}")));
        let path = |leads: &[Lead], focus| meant(leads, focus).map(|lead| lead.path.clone());
        assert_eq!(path(&both, Some("VSK")).as_deref(), Some("/trace/machine/PLC1?plant=VSK"));
        assert_eq!((path(&both, None), path(&both, Some("GUJ")), path(&[], Some("VSK"))), (None, None, None));
        assert_eq!(path(&both[..1], Some("VSK")).as_deref(), Some("/trace/machine/PLC1?plant=KOL"));
        // A code that is something else as well stays a question.
        let [kol, vsk] = both.clone();
        let lot = lead("lot", "PLC1", "/trace/lot/7");
        assert_eq!(path(&[lot, kol, vsk], Some("VSK")), None);
    }

    #[test]
    fn a_time_goes_with_the_plant_of_a_machine_that_one_has() {
        let both = ["KOL", "VSK"]
            .map(|plant| lead("machine", "PLC1", &format!("/trace/machine/PLC1?plant={plant}")));
        let to = |leads: &[Lead]| in_window(leads, "from=a&to=b");
        assert_eq!(to(&both[..1]).as_deref(), Some("/trace/machine/PLC1?plant=KOL&from=a&to=b"));
        assert_eq!(to(&both).as_deref(), Some("/trace/machine/PLC1?from=a&to=b"));
        let person = [lead("lot", "op-7", "/trace/lot/7"), lead("operator", "op-7", "/trace/operator/op-7")];
        assert_eq!(to(&person).as_deref(), Some("/trace/operator/op-7?from=a&to=b"));
        assert_eq!(to(&person[..1]), None);
    }

    #[test]
    fn a_trace_begins_with_a_customer_or_a_machine_and_with_no_other_row() {
        for (href, key, path) in [
            ("/masters/customers/row/HIND-V", "HIND-V", Some("/trace/customer/HIND-V")),
            ("/masters/machines/row/A/1", "A/1", Some("/trace/machine/A%2F1")),
            // Whoever did something is a lead already, and of others no trace is.
            ("/masters/operators/row/P-1", "P-1", None),
            ("/masters/items/row/FG-1", "FG-1", None),
            ("/recalls/7", "", None),
        ] {
            assert_eq!(traced(href, key).as_deref(), path, "{href}");
        }
    }
}
