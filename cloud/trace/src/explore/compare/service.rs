//! Two units, read to be compared.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use platform::ctx::Plants;
use platform::db::Tx;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::differ::{Comparison, Part, Side, compare};
use super::pairs::{Label, Lives, Pair, own_of_part, paired};
use crate::explore::error::TraceError;
use crate::explore::graph::Direction;
use crate::explore::model::{CurrentTo, EventView, PlantBehind};
use crate::explore::report::is_cut;
use crate::explore::store::label::MOST_EVENTS;
use crate::explore::walk::{self, Ask, MOST_DEPTH};
use crate::explore::{scope, service};
use crate::genealogy::Genealogy;

/// Most labels in one unit that are compared.
const MOST_PARTS: usize = 5_000;
/// Most pairs of parts of which the histories are compared, the nearest ones.
const MOST_PAIRS: usize = 50;
/// Most events of all those parts together, and not many more.
const MOST_PART_EVENTS: i64 = 20_000;

/// Two units compared, and how far that reaches.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = UnitsCompared)]
pub struct Compared {
    /// What differs and what does not.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Not everything was compared: more than 5000 events or parts of one of them, or what
    /// other plants did than the caller's, of which the caller is told that it was done.
    pub cut: bool,
    /// Parts, or pairs of them, of which only item and lot were compared, and not machines,
    /// people, readings and inspections: those beyond the nearest 50 pairs, at other plants than
    /// the caller's, or of no known item.
    pub parts_left: usize,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

impl Compared {
    /// Whether everything was compared that could differ.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.cut && self.parts_left == 0
    }
}

/// Compares the units that two codes stand for: their lives, and all that is in them
/// now, to the last level, with the lives of those parts that stand in each other's place.
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
    let (one, one_parts, one_cut) = side(tx, genealogy, a, now).await?;
    let (other, other_parts, other_cut) = side(tx, genealogy, b, now).await?;
    if one.trace.uid == other.trace.uid {
        return Err(TraceError::Parameter { field: "b", problem: "is the same unit as `a`".into() });
    }
    let (pairs, unnamed) = paired(&one_parts, &other_parts);
    let of_units = one.trace.events.iter().chain(&other.trace.events);
    let of_units: HashSet<Uuid> = of_units.map(|event| event.event_id).collect();
    let lived = lives(tx, pairs, &of_units).await?;
    // The first was read first: the second may know more.
    let (current_to, plants_behind) = (one.trace.current_to.clone(), other.trace.plants_behind.clone());
    Ok(Compared {
        comparison: compare(&one, &other, &lived.lives),
        cut: one_cut || other_cut || lived.cut,
        parts_left: unnamed + lived.left,
        current_to,
        plants_behind,
    })
}

async fn side(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    now: DateTime<Utc>,
) -> Result<(Side, Vec<Label>, bool), TraceError> {
    let trace = service::trace_in(tx, text, now).await?;
    let ask = Ask { depth: MOST_DEPTH, limit: MOST_PARTS, as_built: true, ..Ask::default() };
    let walk = walk::nodes_in(tx, genealogy, &trace.uid, Direction::Backward, &ask, now).await?;
    let cut =
        trace.more_events || trace.more_readings || is_cut(&walk) || is_hidden(tx.plants(), &trace.events);
    let (labels, parts) = walk
        .nodes
        .into_iter()
        .map(|node| {
            let (item, supplier_lot, supplier) = (node.item, node.supplier_lot, node.supplier);
            let part = Part { item, supplier_lot, supplier };
            (Label { uid: node.uid, part: part.clone() }, part)
        })
        .unzip();
    Ok((Side { trace, parts }, labels, cut))
}

/// Whether how some of it was done is kept from the caller. Pure.
fn is_hidden(plants: &Plants, events: &[EventView]) -> bool {
    events.iter().any(|event| !plants.has(&event.plant))
}

/// What was read of parts.
struct Lived {
    lives: Vec<Lives>,
    /// Pairs that were not read.
    left: usize,
    /// Of some not all was read.
    cut: bool,
}

/// What happened to each of these parts, as far as it is told to the caller; `of_units` are the
/// events of the units themselves.
async fn lives(tx: &mut Tx, pairs: Vec<Pair>, of_units: &HashSet<Uuid>) -> Result<Lived, TraceError> {
    let tenant = service::own_code(tx).await?;
    let key = |text: &str| text.parse::<uid::Uid>().ok().map(|uid| uid.key().get());
    let keyed: Vec<(Pair, Option<[i64; 2]>)> = pairs
        .into_iter()
        .map(|pair| {
            let keys = key(&pair.a).zip(key(&pair.b)).map(|(a, b)| [a, b]);
            (pair, keys)
        })
        .collect();
    let all: Vec<i64> = keyed.iter().filter_map(|(_, keys)| *keys).flatten().collect();
    let seen = scope::seen(tx, &all).await?;
    let mut lived = Lived { lives: Vec::new(), left: 0, cut: false };
    let mut room = MOST_PART_EVENTS;
    for (pair, keys) in keyed {
        let keys = keys.filter(|keys| keys.iter().all(|key| seen.contains(key)));
        let Some([a, b]) = keys.filter(|_| lived.lives.len() < MOST_PAIRS && room > 0) else {
            lived.left += 1;
            continue;
        };
        let mut both = [Vec::new(), Vec::new()];
        for (key, events) in [a, b].into_iter().zip(&mut both) {
            let life = service::life_in(tx, tenant, key, (None, MOST_EVENTS)).await?;
            let hidden = is_hidden(tx.plants(), &life.events);
            lived.cut |= life.next.is_some() || life.more_readings || hidden;
            room -= i64::try_from(life.events.len()).unwrap_or(MOST_PART_EVENTS);
            *events = own_of_part(life.events, of_units);
        }
        let [a, b] = both;
        lived.lives.push(Lives { pair, a, b });
    }
    Ok(lived)
}
