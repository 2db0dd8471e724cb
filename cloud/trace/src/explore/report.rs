//! All that is known of a unit in one piece: what every file of a trace is made of.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::Stage;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::TraceError;
use super::graph::Direction;
use super::model::{EventView, LifecycleEntry, Trace, Walk};
use super::walk::{self, Ask, MOST_DEPTH, MOST_LIMIT};
use super::why::{Why, names_hold};
use super::{names, service};
use crate::genealogy::Genealogy;

/// Most events of a report: the newest ones, and the births and receipts.
pub const MOST_EVENTS: usize = 20_000;
/// Most units of each direction.
pub const MOST_NODES: usize = 20_000;
/// Most entries of each list where a direction ends.
pub const MOST_ENDS: i64 = 20_000;

/// A unit's life, what is in it and where it went, all pages together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Report {
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// The unit and its events, in causal order; how far the report reaches stands here.
    pub trace: Trace,
    /// What is or was in it, to the last level.
    pub backward: Walk,
    /// Where it went, to the last level.
    pub forward: Walk,
    /// Why the holds were placed that events name.
    #[serde(skip)]
    pub why: Why,
    /// It is more than a report holds (20000 events, 20000 units of a direction, 20000 of
    /// each list where a direction ends), or than a walk reads: not everything is in it.
    pub cut: bool,
}

/// The report on the unit that `text` stands for. It is read in one transaction, and
/// bounded by [`MOST_EVENTS`] and [`MOST_NODES`].
///
/// # Errors
/// [`TraceError`].
pub async fn report_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    now: DateTime<Utc>,
) -> Result<Report, TraceError> {
    let mut trace = service::trace_in(tx, text, now).await?;
    let mut pages = 1;
    while let Some(after) = trace.events_next.take() {
        if trace.events.len() >= MOST_EVENTS {
            trace.events_next = Some(after);
            break;
        }
        let older = service::trace_after_in(tx, &trace.uid, Some(&after), now).await?;
        let mut events = older.events;
        // The births and receipts that the first page showed stand here in their order.
        let known: HashSet<_> = events.iter().map(|event| (event.agent, event.epoch, event.seq)).collect();
        events.extend(
            trace.events.drain(..).filter(|event| !known.contains(&(event.agent, event.epoch, event.seq))),
        );
        trace.events = events;
        trace.events_next = older.events_next;
        trace.more_readings |= older.more_readings;
        pages += 1;
    }
    trace.more_events = trace.events_next.is_some();
    if pages > 1 {
        // A correction stands with what it corrects, and happened later.
        trace.events.sort_by_key(|event| event.occurred_at);
        trace.lifecycle = lifecycle(&trace);
    }
    let backward = whole(tx, genealogy, &trace.uid, Direction::Backward, now).await?;
    let forward = whole(tx, genealogy, &trace.uid, Direction::Forward, now).await?;
    let why = Why::read(tx, &trace.events).await?;
    let cut = trace.more_events
        || trace.more_readings
        || [&backward, &forward].into_iter().any(|walk| is_cut(walk) || ends_cut(walk));
    Ok(Report { made_at: now, trace, backward, forward, why, cut })
}

impl Report {
    /// The document that an event names; a hold is none.
    #[must_use]
    pub fn document<'a>(&self, event: &'a EventView) -> &'a str {
        if names_hold(event) { "" } else { &event.reference }
    }
}

/// Whether not all units of a walk are there. Pure.
pub(crate) fn is_cut(walk: &Walk) -> bool {
    walk.cut || walk.deeper || walk.next.is_some()
}

/// Whether not all is there of where a walk ends. Pure.
pub(crate) fn ends_cut(walk: &Walk) -> bool {
    walk.sources.as_ref().is_some_and(|found| found.cut)
        || walk.destinations.as_ref().is_some_and(|found| found.cut)
}

/// A walk with its pages together.
async fn whole(
    tx: &mut Tx,
    genealogy: &Genealogy,
    uid: &str,
    direction: Direction,
    now: DateTime<Utc>,
) -> Result<Walk, TraceError> {
    let mut ask = Ask { depth: MOST_DEPTH, limit: MOST_LIMIT, ends: MOST_ENDS, ..Ask::default() };
    let mut walk = walk::walk_in(tx, genealogy, uid, direction, &ask, now).await?;
    while walk.nodes.len() < MOST_NODES
        && let Some(after) = walk.next.take()
    {
        ask.after = Some(after);
        let more = walk::nodes_in(tx, genealogy, uid, direction, &ask, now).await?;
        walk.nodes.extend(more.nodes);
        walk.edges.extend(more.edges);
        walk.next = more.next;
    }
    Ok(walk)
}

/// The specification's lifecycle of events that several pages gave.
fn lifecycle(trace: &Trace) -> Vec<LifecycleEntry> {
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    trace
        .events
        .iter()
        .filter(|event| Stage::from_str_name(&event.stage).is_some_and(names::in_lifecycle))
        .map(|event| LifecycleEntry {
            stage: event.stage.clone(),
            timestamp: names::timestamp(event.occurred_at),
            reference: some(&event.reference),
            location: some(&event.location),
        })
        .collect()
}
