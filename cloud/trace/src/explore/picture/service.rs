//! The picture of a UID's genealogy, read from the database.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde::Serialize;
use uid::TenantCode;
use utoipa::ToSchema;

use super::group::{Picture, Unit, group, opened};
use crate::explore::error::TraceError;
use crate::explore::graph::{Direction, Graph};
use crate::explore::model::{CurrentTo, PlantBehind};
use crate::explore::scope;
use crate::explore::service::{fresh, resolve, uid_text};
use crate::explore::store::label::{self, Registered};
use crate::explore::store::picture as store;
use crate::explore::walk::{self, MOST_DEPTH, MOST_EDGES};
use crate::genealogy::{Genealogy, Mode};
use crate::projection::state::{Life, Quality};

/// Most units of a picture.
const MOST_UNITS: usize = 50_000;

/// How to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Most steps, 1 to 100.
    pub depth: i32,
    /// Only links that are open now.
    pub as_built: bool,
    /// Groups that are open.
    pub open: String,
}

impl Default for Wish {
    fn default() -> Self {
        Self { depth: 20, as_built: false, open: String::new() }
    }
}

/// A picture with what it is of.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Pictured {
    /// Where it begins.
    pub uid: String,
    /// backward or forward.
    pub direction: &'static str,
    /// `ever`: links ever made and not voided. `as_built`: open ones only.
    pub mode: &'static str,
    /// All units, the beginning not counted.
    pub total: usize,
    /// Boxes and lines.
    #[serde(flatten)]
    pub picture: Picture,
    /// Something lies beyond `depth`.
    pub deeper: bool,
    /// Not everything is in it: more than 50000 units, or more links than one walk reads.
    pub cut: bool,
    /// Some link lies on a cycle, which only bad data makes.
    pub cycle: bool,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// The picture from the UID that `text` stands for. Of a unit that was never at a
/// plant of the caller's it tells what a walk tells: item, plant and state, not holds.
///
/// # Errors
/// [`TraceError`].
pub async fn picture_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    wish: &Wish,
    now: DateTime<Utc>,
) -> Result<Pictured, TraceError> {
    if !(1..=MOST_DEPTH).contains(&wish.depth) {
        let problem = format!("{} is not 1 to {MOST_DEPTH}", wish.depth);
        return Err(TraceError::Parameter { field: "depth", problem });
    }
    let resolved = resolve(tx, text).await?;
    let (tenant, start) = (resolved.tenant, resolved.uid.key().get());
    let (current_to, plants_behind) = fresh(tx, now).await?;
    let mode = if wish.as_built { Mode::Open } else { Mode::Ever };
    let depth = u16::try_from(wish.depth).unwrap_or(u16::MAX);
    let around = genealogy.links_within(tx, start, direction, mode, depth, MOST_EDGES).await?;
    let (edges, mut cut) = (around.links, around.cut);
    let graph = Graph::new(start, wish.depth, direction, edges);
    let mut places = graph.order.clone();
    cut |= places.len() > MOST_UNITS;
    places.truncate(MOST_UNITS);
    places.insert(0, (0, start));
    let units = described(tx, tenant, &graph, &places).await?;
    if places.len() == 1 && units.iter().all(|unit| unit.item.is_empty()) && !label::named(tx, start).await? {
        return Err(TraceError::Unknown(resolved.uid.to_string()));
    }
    let links: Vec<_> = graph.links().cloned().collect();
    Ok(Pictured {
        uid: resolved.uid.to_string(),
        direction: direction.name(),
        mode: walk::mode(wish.as_built),
        total: graph.order.len(),
        picture: group(&units, &links, &opened(&wish.open)),
        deeper: graph.deeper,
        cut,
        cycle: !graph.cyclic.is_empty(),
        current_to,
        plants_behind,
    })
}

async fn described(
    tx: &mut Tx,
    tenant: TenantCode,
    graph: &Graph,
    places: &[(i32, i64)],
) -> Result<Vec<Unit>, TraceError> {
    let keys: Vec<i64> = places.iter().map(|&(_, key)| key).collect();
    let rows: HashMap<i64, Registered> =
        label::registered(tx, &keys).await?.into_iter().map(|row| (row.key, row)).collect();
    let held = store::held(tx, &keys).await?;
    let held: HashSet<i64> = scope::seen(tx, &held).await?;
    Ok(places
        .iter()
        .map(|&(level, key)| {
            let row = rows.get(&key);
            let uid = uid_text(tenant, key);
            Unit {
                key,
                level,
                kind: uid.get(13..15).unwrap_or_default().to_owned(),
                uid,
                item: row.map(|row| row.item.clone()).unwrap_or_default(),
                plant: row.map(|row| row.plant.clone()).unwrap_or_default(),
                held: held.contains(&key),
                rejected: row.is_some_and(|row| Quality::from_number(row.quality) == Some(Quality::Rejected)),
                scrapped: row.is_some_and(|row| Life::from_number(row.life) == Some(Life::Scrapped)),
                cyclic: graph.cyclic.contains(&key),
            }
        })
        .collect())
}
