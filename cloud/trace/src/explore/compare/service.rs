//! Two units, read to be compared.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde::Serialize;
use utoipa::ToSchema;

use super::differ::{Comparison, Part, Side, compare};
use crate::explore::error::TraceError;
use crate::explore::graph::Direction;
use crate::explore::model::{CurrentTo, PlantBehind};
use crate::explore::report::is_cut;
use crate::explore::service;
use crate::explore::walk::{self, Ask, MOST_DEPTH};
use crate::genealogy::Genealogy;

/// Most labels in one unit that are compared.
const MOST_PARTS: usize = 5_000;

/// Two units compared, and how far that reaches.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = UnitsCompared)]
pub struct Compared {
    /// What differs and what does not.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Not everything was compared: more than 5000 events or parts of one of them.
    pub cut: bool,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// Compares the units that two codes stand for: their lives, and all that is in them
/// now, to the last level.
///
/// # Errors
/// [`TraceError`]; that both are the same unit is a wrong `b`.
pub async fn compare_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    a: &str,
    b: &str,
    now: DateTime<Utc>,
) -> Result<Compared, TraceError> {
    if a.trim().is_empty() || b.trim().is_empty() {
        return Err(TraceError::Empty);
    }
    let (one, one_cut) = side(tx, genealogy, a, now).await?;
    let (other, other_cut) = side(tx, genealogy, b, now).await?;
    if one.trace.uid == other.trace.uid {
        return Err(TraceError::Parameter { field: "b", problem: "is the same unit as `a`".into() });
    }
    // The first was read first: the second may know more.
    let (current_to, plants_behind) = (one.trace.current_to.clone(), other.trace.plants_behind.clone());
    Ok(Compared { comparison: compare(&one, &other), cut: one_cut || other_cut, current_to, plants_behind })
}

async fn side(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    now: DateTime<Utc>,
) -> Result<(Side, bool), TraceError> {
    let trace = service::trace_in(tx, text, now).await?;
    let ask = Ask { depth: MOST_DEPTH, limit: MOST_PARTS, as_built: true, ..Ask::default() };
    let walk = walk::nodes_in(tx, genealogy, &trace.uid, Direction::Backward, &ask, now).await?;
    let cut = trace.more_events || trace.more_readings || is_cut(&walk);
    let parts = walk
        .nodes
        .into_iter()
        .map(|node| Part { item: node.item, supplier_lot: node.supplier_lot, supplier: node.supplier })
        .collect();
    Ok((Side { trace, parts }, cut))
}
