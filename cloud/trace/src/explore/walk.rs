//! Genealogy walked backward (what is in it) and forward (where it went).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use proto::v1::Stage;
use rust_decimal::Decimal;
use uid::TenantCode;

use super::error::TraceError;
use super::graph::{Direction, Graph};
use super::model::{
    CurrentTo, Destinations, DispatchRef, InspectionRef, Lot, Pile, ReadingRef, Sources, Walk, WalkEdge,
    WalkNode,
};
use super::service::{behind, resolve, uid_text};
use super::store::label::{self, Registered};
use super::store::walk as store;
use super::store::{along, corrections, picture};
use super::{around, names, outer, scope, stays, taken};
use crate::genealogy::{Genealogy, Mode};
use crate::projection::state::{Custody, Life, Quality, in_work};
use crate::recalls;

/// Deepest walk that may be asked for.
pub const MOST_DEPTH: i32 = 100;
/// Most links that one walk reads; beyond it the answer says that it was cut.
pub const MOST_EDGES: usize = 500_000;
/// Most UIDs on one page.
pub const MOST_LIMIT: usize = 10_000;

/// How to walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Most steps, 1 to [`MOST_DEPTH`].
    pub depth: i32,
    /// Most UIDs on a page, 1 to [`MOST_LIMIT`].
    pub limit: usize,
    /// Only links that are open now.
    pub as_built: bool,
    /// `next` of the page before.
    pub after: Option<String>,
    /// Most entries of each list at the ends.
    pub ends: i64,
}

impl Default for Ask {
    fn default() -> Self {
        Self { depth: 20, limit: 500, as_built: false, after: None, ends: store::MOST_ENDS }
    }
}

/// The kind of link of what is in a package.
const PACKING: i16 = crate::ingest::links::Kind::Packing as i16;

/// Where a page begins, and what stood before it when the page before was told.
pub(super) type After = ((i32, i64), u64);

pub(super) fn checked(ask: &Ask) -> Result<Option<After>, TraceError> {
    if !(1..=MOST_DEPTH).contains(&ask.depth) {
        let problem = format!("{} is not 1 to {MOST_DEPTH}", ask.depth);
        return Err(TraceError::Parameter { field: "depth", problem });
    }
    if !(1..=MOST_LIMIT).contains(&ask.limit) {
        let problem = format!("{} is not 1 to {MOST_LIMIT}", ask.limit);
        return Err(TraceError::Parameter { field: "limit", problem });
    }
    let Some(text) = &ask.after else {
        return Ok(None);
    };
    let mut parts = text.splitn(3, '.');
    let mut next = || parts.next();
    let place = (|| {
        let place = (next()?.parse().ok()?, next()?.parse().ok()?);
        Some((place, u64::from_str_radix(next()?, 16).ok()?))
    })();
    place.map(Some).ok_or_else(TraceError::no_place)
}

/// Walks from the UID that `text` stands for.
///
/// # Errors
/// [`TraceError`].
pub async fn walk(
    db: &Db,
    cx: &Cx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<Walk, TraceError> {
    db.tx(cx, async |tx| walk_in(tx, genealogy, text, direction, ask, now).await).await
}

/// As [`walk`], without where it ends: for one branch of a tree.
///
/// # Errors
/// [`TraceError`].
pub async fn branch(
    db: &Db,
    cx: &Cx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<Walk, TraceError> {
    db.tx(cx, async |tx| walk_of(tx, genealogy, text, direction, ask, now, false).await).await
}

/// As [`walk`], inside a transaction.
///
/// # Errors
/// [`TraceError`].
pub async fn walk_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<Walk, TraceError> {
    walk_of(tx, genealogy, text, direction, ask, now, true).await
}

/// As [`branch`], inside a transaction.
///
/// # Errors
/// [`TraceError`].
pub async fn nodes_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    ask: &Ask,
    now: DateTime<Utc>,
) -> Result<Walk, TraceError> {
    walk_of(tx, genealogy, text, direction, ask, now, false).await
}

/// A walk of which all UIDs and links are known, and nothing else is yet.
pub(super) struct Begun {
    /// The tenant's code.
    pub tenant: TenantCode,
    /// Where it begins.
    pub uid: String,
    /// Its key.
    pub start: i64,
    /// How far all that is told reaches.
    pub current_to: CurrentTo,
    /// The batch to which the links are current.
    pub through_batch: i64,
    /// The walk.
    pub graph: Graph,
    /// There are more links than one walk reads.
    pub cut: bool,
}

/// Reads the links of a walk.
///
/// # Errors
/// [`TraceError`].
pub(super) async fn begin(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    (depth, as_built): (i32, bool),
) -> Result<Begun, TraceError> {
    let resolved = resolve(tx, text).await?;
    let (tenant, start) = (resolved.tenant, resolved.uid.key().get());
    let current_to = label::current_to(tx).await?;
    let mode = if as_built { Mode::Open } else { Mode::Ever };
    let steps = u16::try_from(depth).unwrap_or(u16::MAX);
    let around = genealogy.links_within(tx, start, direction, mode, steps, MOST_EDGES).await?;
    let (edges, cut) = (around.links, around.cut);
    if edges.is_empty()
        && label::registered(tx, &[start]).await?.is_empty()
        && !label::named(tx, start).await?
    {
        return Err(TraceError::Unknown(resolved.uid.to_string()));
    }
    let graph = Graph::new(start, depth, direction, edges);
    let (uid, through_batch) = (resolved.uid.to_string(), around.through_batch);
    Ok(Begun { tenant, uid, start, current_to, through_batch, graph, cut })
}

/// Of which links a walk is, as answers say it.
pub(super) fn mode(as_built: bool) -> &'static str {
    if as_built { "as_built" } else { "ever" }
}

async fn walk_of(
    tx: &mut Tx,
    genealogy: &Genealogy,
    text: &str,
    direction: Direction,
    ask: &Ask,
    now: DateTime<Utc>,
    with_ends: bool,
) -> Result<Walk, TraceError> {
    let after = checked(ask)?;
    let begun = begin(tx, genealogy, text, direction, (ask.depth, ask.as_built)).await?;
    let Begun { tenant, uid, start, current_to, graph, cut, .. } = begun;
    if after.is_some_and(|(place, mark)| graph.mark(place) != mark) {
        return Err(TraceError::Changed);
    }
    let (page, more) = graph.page(after.map(|(place, _)| place), ask.limit);
    let (nodes, edges) = describe(tx, tenant, &graph, page).await?;
    let next = page.last().filter(|_| more);
    let next = next.map(|&(level, key)| format!("{level}.{key}.{:x}", graph.mark((level, key))));
    let first = with_ends && after.is_none();
    let plants = tx.plants().clone();
    let mut keys = graph.keys(start);
    if !plants.is_all() && first {
        let seen = scope::seen(tx, &keys).await?;
        keys.retain(|key| seen.contains(key));
    }
    let sources = match direction {
        Direction::Backward if first => Some(sources(tx, tenant, &keys, ask.ends).await?),
        _ => None,
    };
    let destinations = match direction {
        Direction::Forward if first => {
            let along: HashSet<i64> = goes_along(&graph, start);
            keys.retain(|key| along.contains(key));
            let packed = packages(&graph, &along);
            Some(destinations(tx, tenant, (&keys, &packed), ask.ends).await?)
        }
        _ => None,
    };
    let mut walk = Walk {
        uid,
        direction: direction.name(),
        mode: mode(ask.as_built),
        nodes,
        edges,
        total: graph.order.len(),
        cycle: !graph.cyclic.is_empty(),
        deeper: graph.deeper,
        cut,
        next,
        sources,
        destinations,
        current_to,
        plants_behind: behind(tx, now).await?,
    };
    if !plants.is_all() {
        let of_page: Vec<i64> = page.iter().map(|&(_, key)| key).collect();
        let seen = scope::seen(tx, &of_page).await?;
        let seen = seen.into_iter().map(|key| uid_text(tenant, key)).collect();
        scope::limit_walk(&mut walk, &plants, &seen);
    }
    Ok(walk)
}

/// Tells of some UIDs of a walk, and of the links by which they were reached.
///
/// # Errors
/// The database.
pub(super) async fn describe(
    tx: &mut Tx,
    tenant: TenantCode,
    graph: &Graph,
    page: &[(i32, i64)],
) -> Result<(Vec<WalkNode>, Vec<WalkEdge>), TraceError> {
    let keys: Vec<i64> = page.iter().map(|&(_, key)| key).collect();
    let plants = tx.plants().clone();
    let rows = outer::with_parents(tx, &keys).await?;
    let left = outer::left(tx, &rows, &keys).await?;
    let lot_ids: BTreeSet<_> =
        keys.iter().filter_map(|key| rows.get(key)).filter_map(|row| row.lot_id).collect();
    let lots: HashMap<_, Lot> = label::lots(tx, &lot_ids.into_iter().collect::<Vec<_>>())
        .await?
        .into_iter()
        .map(|lot| (lot.lot_id, lot))
        .collect();
    let links: Vec<_> = page.iter().flat_map(|&(_, key)| graph.edges_to(key)).collect();
    let mut amounts = store::amounts(tx, &links).await?;
    let open: HashSet<_> =
        links.iter().filter(|link| link.open).map(|link| (link.from, link.to, link.kind)).collect();
    let open = amounts.iter_mut().filter(|(link, _)| open.contains(*link));
    taken::amounts_now(tx, open.map(|(link, amounts)| (*link, amounts)).collect()).await?;
    let mut holds: HashMap<i64, Vec<String>> = HashMap::new();
    for (key, reason) in picture::holding(tx, &keys).await? {
        holds.entry(key).or_default().push(reason);
    }
    let mut nodes = Vec::with_capacity(page.len());
    let mut edges = Vec::new();
    for &(level, key) in page {
        let row = rows.get(&key);
        let lot = row.and_then(|row| row.lot_id).and_then(|id| lots.get(&id));
        let uid = uid_text(tenant, key);
        let spot = outer::spot((&rows, &left), key, &plants).unwrap_or_default();
        nodes.push(WalkNode {
            kind: uid.get(13..15).unwrap_or_default().to_owned(),
            uid,
            level,
            item: row.map(|row| row.item.clone()).unwrap_or_default(),
            lot: lot.map(|lot| lot.lot_id),
            supplier_lot: lot.map(|lot| lot.supplier_lot.clone()).unwrap_or_default(),
            supplier: lot.map(|lot| lot.supplier.clone()).unwrap_or_default(),
            plant: spot.plant,
            location: spot.location,
            quantity: row.and_then(|row| row.quantity).map(|quantity| quantity.normalize()),
            unit: row.map(|row| row.unit.clone()).unwrap_or_default(),
            life: row.and_then(|row| Life::from_number(row.life)).unwrap_or(Life::Expected).name(),
            quality: row
                .and_then(|row| Quality::from_number(row.quality))
                .unwrap_or(Quality::Unrestricted)
                .name(),
            custody: spot.custody,
            partner: spot.partner,
            document: spot.document,
            holds: holds.remove(&key).unwrap_or_default(),
            more: graph.more.contains(&key),
            cycle: graph.cyclic.contains(&key),
        });
    }
    for edge in links {
        let amounts = amounts.get(&(edge.from, edge.to, edge.kind)).cloned().unwrap_or_default();
        let (quantity, unit) = if edge.open { amounts.now() } else { amounts.ever() };
        edges.push(WalkEdge {
            from: uid_text(tenant, edge.from),
            to: uid_text(tenant, edge.to),
            kind: names::link_name(edge.kind),
            open: edge.open,
            quantity: quantity.map(|quantity| quantity.normalize()),
            unit,
            cycle: graph.is_cyclic(edge),
        });
    }
    Ok((nodes, edges))
}

fn cut_at_most<T>(list: &mut Vec<T>, most: i64, cut: &mut bool) {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if list.len() > most {
        list.truncate(most);
        *cut = true;
    }
}

/// Two lists as one, in order, each entry once.
fn both<T: Ord>(one: Vec<T>, other: Vec<T>) -> Vec<T> {
    one.into_iter().chain(other).collect::<BTreeSet<_>>().into_iter().collect()
}

async fn sources(tx: &mut Tx, tenant: TenantCode, keys: &[i64], most: i64) -> Result<Sources, TraceError> {
    let mut cut = false;
    let mut lot_ids = store::lot_ids(tx, keys, most).await?;
    cut_at_most(&mut lot_ids, most, &mut cut);
    let lots = label::lots(tx, &lot_ids).await?;
    let suppliers: BTreeSet<String> =
        lots.iter().map(|lot| lot.supplier.clone()).filter(|supplier| !supplier.is_empty()).collect();
    let void = corrections::void_of_keys(tx, keys).await?;
    let beside = around::around(tx, keys, most).await?;
    let containers = store::containers(tx, keys).await?;
    let own = store::Own { keys, containers: &containers, void: &void };
    let mut machines_at = both(store::machines(tx, own, most).await?, beside.machines);
    cut_at_most(&mut machines_at, most, &mut cut);
    let machines: BTreeSet<String> = machines_at.iter().map(|one| one.machine.clone()).collect();
    let mut operators = both(store::operators(tx, own, most).await?, beside.operators);
    cut_at_most(&mut operators, most, &mut cut);
    let (readings, readings_outside) = store::readings_count(tx, own).await?;
    let mut outside = store::readings_outside(tx, own, most).await?;
    outside.extend(beside.outside);
    outside.sort_by_key(|reading| reading.taken_at);
    cut_at_most(&mut outside, most, &mut cut);
    let outside = outside
        .into_iter()
        .map(|row| ReadingRef {
            uid: uid_text(tenant, row.key),
            name: row.name,
            value: row.value.map(|value| value.normalize()),
            unit: row.unit,
            low: row.low.map(|value| value.normalize()),
            high: row.high.map(|value| value.normalize()),
            plant: row.plant,
            machine: row.machine,
            operation: row.operation,
            at: row.taken_at,
            event_id: row.event_id,
        })
        .collect();
    let mut rows = store::end_events(tx, keys, &[Stage::Inspection as i16], &void, most).await?;
    cut_at_most(&mut rows, most, &mut cut);
    let inspections = rows
        .into_iter()
        .map(|row| InspectionRef {
            uid: uid_text(tenant, row.key),
            reference: row.reference_number,
            outcome: names::outcome_name(row.outcome),
            plant: row.plant,
            at: row.occurred_at,
            event_id: row.event_id,
        })
        .collect();
    Ok(Sources {
        lots,
        suppliers: suppliers.into_iter().collect(),
        machines: machines.into_iter().collect(),
        machines_at,
        operators,
        inspections,
        readings: readings + beside.readings,
        readings_outside: readings_outside + beside.readings_outside,
        outside,
        cut,
    })
}

/// Which UIDs of a walk forward go along: what was made of it, whenever that was, and the
/// packages with some of it inside now. What later became of a package that it was taken out
/// of is no matter of it. Pure.
fn goes_along(graph: &Graph, start: i64) -> HashSet<i64> {
    let mut next: HashMap<i64, Vec<i64>> = HashMap::new();
    for link in graph.links().filter(|link| link.kind != PACKING || link.open) {
        next.entry(link.from).or_default().push(link.to);
    }
    let mut found = HashSet::from([start]);
    let mut open = vec![start];
    while let Some(key) = open.pop() {
        let more = next.get(&key).into_iter().flatten().filter(|key| found.insert(**key));
        open.extend(more);
    }
    found
}

/// Which of these are packages of the others, and made of none of them. Pure.
fn packages(graph: &Graph, along: &HashSet<i64>) -> HashSet<i64> {
    let links = || graph.links().filter(|link| along.contains(&link.from) && along.contains(&link.to));
    let made: HashSet<i64> = links().filter(|link| link.kind != PACKING).map(|link| link.to).collect();
    links().filter(|link| link.kind == PACKING && !made.contains(&link.to)).map(|link| link.to).collect()
}

/// Where these UIDs ended; `packed` are packages of the others, of which only counts what was
/// done while one of these was in them, as it does of packages that they were taken out of.
async fn destinations(
    tx: &mut Tx,
    tenant: TenantCode,
    (keys, packed): (&[i64], &HashSet<i64>),
    most: i64,
) -> Result<Destinations, TraceError> {
    let rows: HashMap<i64, Registered> =
        label::registered(tx, keys).await?.into_iter().map(|row| (row.key, row)).collect();
    let parents: BTreeSet<i64> = rows.values().filter_map(|row| row.parent_key).collect();
    let outside: Vec<i64> = parents.into_iter().filter(|key| !rows.contains_key(key)).collect();
    let beyond = outer::with_parents(tx, &outside).await?;
    let mut found = sort_by_place((&rows, &beyond), packed, &built_in(tx, &rows).await?);
    let goods: Vec<i64> = keys.iter().copied().filter(|key| !packed.contains(key)).collect();
    let mut around = stays::around_all(tx, &goods).await?;
    let own: HashSet<i64> = goods.iter().copied().collect();
    around.retain(|stay| !own.contains(&stay.package));
    let spans = stays::spans(&around);
    let all: BTreeSet<i64> = goods.iter().copied().chain(spans.iter().map(|span| span.package)).collect();
    let void = corrections::void_of_keys(tx, &all.into_iter().collect::<Vec<_>>()).await?;
    let mut sent = store::end_events(tx, &goods, &[Stage::Dispatch as i16], &void, most).await?;
    sent.extend(along::sent(tx, &spans, &void, most).await?);
    sent.sort_by_key(|row| (row.occurred_at, row.key));
    cut_at_most(&mut sent, most, &mut found.cut);
    found.dispatches = sent
        .into_iter()
        .map(|row| DispatchRef {
            uid: uid_text(tenant, row.key),
            document: row.reference_number,
            customer: row.partner,
            plant: row.plant,
            location: row.location,
            at: row.occurred_at,
        })
        .collect();
    Ok(found)
}

/// Steps that are looked up at once.
const STEPS: usize = 10_000;

/// Of these UIDs, and those of them that they are in, which are built in there.
async fn built_in(tx: &mut Tx, rows: &HashMap<i64, Registered>) -> Result<HashSet<(i64, i64)>, TraceError> {
    let steps = rows.values().filter_map(|row| Some((row.key, row.parent_key?)));
    let steps: Vec<(i64, i64)> = steps.filter(|(_, parent)| rows.contains_key(parent)).collect();
    let mut found = HashSet::new();
    for steps in steps.chunks(STEPS) {
        found.extend(recalls::built_in(tx, steps).await?);
    }
    Ok(found)
}

/// Counts each UID by where the outermost thing around it is; the quantity of goods once, as
/// recalls do: not of what is built into others of them, nor of their packages. `beyond` has
/// what they are in that is not of the walk, and all that this is in. Pure.
fn sort_by_place(
    (rows, beyond): (&HashMap<i64, Registered>, &HashMap<i64, Registered>),
    packed: &HashSet<i64>,
    built_in: &HashSet<(i64, i64)>,
) -> Destinations {
    #[derive(Default)]
    struct Counted {
        labels: usize,
        built_in: usize,
        packages: usize,
        quantity: Decimal,
    }
    type Piles = BTreeMap<(String, String, String), Counted>;
    let is_part = |part, whole| built_in.contains(&(part, whole));
    let mut found = Destinations::default();
    let [mut stock, mut work, mut transit, mut suppliers, mut customers]: [Piles; 5] = Default::default();
    for row in rows.values() {
        match Life::from_number(row.life) {
            Some(Life::Consumed) => {
                found.consumed += 1;
                continue;
            }
            Some(Life::Scrapped) => {
                found.scrapped += 1;
                continue;
            }
            _ => {}
        }
        let inner = outer::outermost(rows, row);
        let outer = match inner.parent_key.and_then(|parent| beyond.get(&parent)) {
            Some(parent) => outer::outermost(beyond, parent),
            None => inner,
        };
        let working = in_work(names::stage(outer.last_stage), &outer.order_number);
        let pile = match Custody::from_number(outer.custody) {
            Some(Custody::Transit) => &mut transit,
            Some(Custody::Customer) => &mut customers,
            Some(Custody::Supplier) => &mut suppliers,
            _ if working => &mut work,
            _ => &mut stock,
        };
        let entry = pile.entry((outer.plant.clone(), row.item.clone(), row.unit.clone())).or_default();
        entry.labels += 1;
        if packed.contains(&row.key) {
            entry.packages += 1;
        } else if recalls::inside_of(rows, row, is_part, |key| rows.contains_key(&key)).is_some() {
            entry.built_in += 1;
        } else {
            entry.quantity = entry.quantity.saturating_add(row.quantity.unwrap_or(Decimal::ONE));
        }
    }
    let list = |piles: Piles| {
        piles
            .into_iter()
            .map(|((plant, item, unit), counted)| Pile {
                plant,
                item,
                labels: counted.labels,
                built_in: counted.built_in,
                packages: counted.packages,
                quantity: counted.quantity.normalize(),
                unit,
            })
            .collect()
    };
    found.stock = list(stock);
    found.in_progress = list(work);
    found.in_transit = list(transit);
    found.with_suppliers = list(suppliers);
    found.with_customers = list(customers);
    found
}
