//! What somebody sees of a unit whose rights reach to some plants only.
//!
//! A unit is seen by who may trace at a plant where it is, or was. Seen is what it
//! is, in which state, at which plant, and its genealogy, so that a recall does not
//! stop at a gate. Of what other plants did with it stage, time and plant are told,
//! and not how, where in the plant, by whom or with which documents.

use std::collections::HashSet;

use platform::ctx::Plants;
use platform::db::Tx;

use super::error::TraceError;
use super::model::{Trace, Walk, WalkNode};
use super::store::label::EventRow;
use super::store::scope as store;

/// Which of these UIDs are or were at a plant of the transaction; all of them, where
/// it is for all plants.
///
/// # Errors
/// The database.
pub async fn seen(tx: &mut Tx, keys: &[i64]) -> Result<HashSet<i64>, TraceError> {
    match tx.plants().codes() {
        None => Ok(keys.iter().copied().collect()),
        Some(plants) => Ok(store::seen(tx, keys, &plants).await?.into_iter().collect()),
    }
}

/// Takes out of events what other plants keep to themselves. Pure.
pub fn limit_events(events: &mut [EventRow], plants: &Plants) {
    for event in events.iter_mut().filter(|event| !plants.has(&event.plant)) {
        for text in [
            &mut event.station,
            &mut event.operator_id,
            &mut event.shift,
            &mut event.location,
            &mut event.operation,
            &mut event.reason,
            &mut event.machine,
            &mut event.overridden_by,
            &mut event.reference_type,
            &mut event.reference_number,
        ] {
            text.clear();
        }
        event.attempt = 0;
        event.accepted_quantity = None;
        event.rejected_quantity = None;
        event.documents.clear();
    }
}

/// The same for what is said of the unit itself. Pure.
pub fn limit_trace(trace: &mut Trace, plants: &Plants) {
    if !plants.has(&trace.plant) {
        trace.state.location.clear();
        trace.state.order.clear();
    }
}

/// The same for a walk; `seen` are the UIDs that are or were at a plant of the
/// caller's. Pure.
pub fn limit_walk(walk: &mut Walk, plants: &Plants, seen: &HashSet<String>) {
    limit_nodes(&mut walk.nodes, plants, seen);
}

/// The same for some of its UIDs. Pure.
pub fn limit_nodes(nodes: &mut [WalkNode], plants: &Plants, seen: &HashSet<String>) {
    for node in nodes {
        if !seen.contains(&node.uid) {
            node.lot = None;
            node.supplier.clear();
            node.supplier_lot.clear();
            node.quantity = None;
            node.partner.clear();
            node.document.clear();
            node.holds.clear();
        }
        if !plants.has(&node.plant) {
            node.location.clear();
        }
    }
}
