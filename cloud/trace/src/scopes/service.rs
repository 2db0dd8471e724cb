//! What can be done with suspects and scopes; pages and API both do it here.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::audit::Entry;
use platform::ctx::{Cx, Plants};
use platform::db::Tx;
use platform::web::{AppState, Caller, Problem};
use serde_json::{Value, json};
use uuid::Uuid;

use super::asked::{Asked, Patience};
use super::beside;
use super::criteria::Node;
use super::error::ScopeError;
use super::evaluate::{Part, evaluate};
use super::first::first;
use super::model::{Compared, MemberPage, Progress, ScopePage, ScopeView, Suspects, Unit, UnitGroup};
use super::rights::{SCOPE_READ, SCOPE_WRITE};
use super::spelt::spelt;
use super::store::kept::{self, ScopeRow};
use super::store::told;
use super::{saving, sets};
use crate::explore::service::{behind, own_code, uid_text};
use crate::explore::store::label;
use crate::explore::{outer, scope};
use crate::genealogy::Genealogy;
use crate::projection::state::{Custody, Life, Quality};
use crate::rights::TRACE_READ;

/// The state of a scope that is whole.
pub const KEPT: &str = "kept";
/// Most units, and most scopes, of one page.
pub const MOST_LIMIT: usize = 500;
/// Units of a page where nothing else is said.
pub const USUAL_LIMIT: usize = 50;
/// Groups that are told.
const MOST_GROUPS: usize = 200;
/// Units of each side of a comparison that are shown.
const MOST_COMPARED: usize = 200;

/// Where the caller may look for suspects: with the right to that, and to trace.
///
/// # Errors
/// 403 where one of the two is held at no plant.
pub fn reading(caller: &Caller) -> Result<Cx, Problem> {
    caller.require_somewhere(&SCOPE_READ)?;
    caller.require_somewhere(&TRACE_READ)?;
    Ok(caller.cx.at(overlap(caller.plants(&SCOPE_READ), &caller.plants(&TRACE_READ))))
}

/// As [`reading`], and with the right to keep scopes.
///
/// # Errors
/// As [`reading`].
pub fn writing(caller: &Caller) -> Result<Cx, Problem> {
    caller.require_somewhere(&SCOPE_WRITE)?;
    let cx = reading(caller)?;
    Ok(cx.at(overlap(cx.plants.clone(), &caller.plants(&SCOPE_WRITE))))
}

/// Plants among both.
fn overlap(one: Plants, other: &Plants) -> Plants {
    match (one.codes(), other.is_all()) {
        (None, _) => other.clone(),
        (Some(_), true) => one,
        (Some(codes), false) => Plants::some(codes.into_iter().filter(|code| other.has(code))),
    }
}

/// The conditions, or every mistake in them.
///
/// # Errors
/// [`ScopeError::Criteria`].
pub fn parse(criteria: &Value) -> Result<Node, ScopeError> {
    Node::parse(criteria).map_err(ScopeError::Criteria)
}

/// A page's size.
///
/// # Errors
/// [`ScopeError::Parameter`].
pub fn size(limit: Option<usize>) -> Result<usize, ScopeError> {
    let limit = limit.unwrap_or(USUAL_LIMIT);
    if (1..=MOST_LIMIT).contains(&limit) { Ok(limit) } else { Err(ScopeError::Parameter("limit")) }
}

/// Units that fit, from where the page before ended: all of them, or as many as a first
/// look finds. `zone` is that of what belongs to no plant.
///
/// # Errors
/// [`ScopeError`].
pub async fn suspects(
    tx: &mut Tx,
    (zone, genealogy): (Tz, &Genealogy),
    node: &Node,
    (after, limit): (Option<&str>, usize),
    now: DateTime<Utc>,
) -> Result<Suspects, ScopeError> {
    suspects_beside(tx, (zone, genealogy), node, (after, limit), Patience::BESIDE, now).await
}

/// [`suspects`], and for what is left out it waits so long.
pub(super) async fn suspects_beside(
    tx: &mut Tx,
    (zone, genealogy): (Tz, &Genealogy),
    node: &Node,
    (after, limit): (Option<&str>, usize),
    patience: Patience,
    now: DateTime<Utc>,
) -> Result<Suspects, ScopeError> {
    let start = place(after)?;
    // Read first: what is answered is at least as new.
    let current_to = label::current_to(tx).await?;
    let asked = Asked::new(tx, genealogy, zone).await?;
    let (node, hints) = spelt(tx, &asked, node).await?;
    let node = &node;
    let Part { keys, more, since } = first(tx, &asked, node).await?;
    let (mut groups, mut groups_cut) = (Vec::new(), false);
    if start == 0 && !keys.is_empty() {
        groups = groups_of(tx, &keys).await?;
        groups_cut = groups.len() > MOST_GROUPS;
        groups.truncate(MOST_GROUPS);
    }
    let from = keys.partition_point(|key| *key <= start);
    let page = &keys[from..keys.len().min(from + limit)];
    let next = page.last().filter(|_| from + limit < keys.len()).map(ToString::to_string);
    let units = units(tx, page).await?;
    let plants_behind = behind(tx, now).await?;
    // Last: the rest is not to run into the limit of the time that this uses up.
    let left_out =
        if start == 0 { left_out(tx, (&asked, patience), node, &keys).await? } else { Some((0, Vec::new())) };
    let (taken_total, taken) = left_out.unzip();
    let total = keys.len();
    let looked_back_to = since;
    Ok(Suspects {
        total,
        more,
        looked_back_to,
        groups,
        groups_cut,
        units,
        taken_total,
        taken: taken.unwrap_or_default(),
        hints,
        next,
        current_to,
        plants_behind,
    })
}

/// What `without_taken` leaves out beside these units: how much, and the first of it; `None`
/// where that is not known in time. What was asked for is answered all the same.
async fn left_out(
    tx: &mut Tx,
    (asked, patience): (&Asked<'_>, Patience),
    node: &Node,
    keys: &[i64],
) -> Result<Option<(usize, Vec<Unit>)>, ScopeError> {
    let Some(wider) = node.with_taken() else { return Ok(Some((0, Vec::new()))) };
    beside::begin(tx).await?;
    let looked = more_than(tx, (asked, patience), &wider, keys).await;
    beside::settled(tx, looked).await
}

/// What a wider question finds more than these units: how much, and the first of it.
async fn more_than(
    tx: &mut Tx,
    (asked, patience): (&Asked<'_>, Patience),
    wider: &Node,
    keys: &[i64],
) -> Result<(usize, Vec<Unit>), ScopeError> {
    let asked = asked.beside(tx, patience).await?;
    let all = first(tx, &asked, wider).await?.keys;
    let more = sets::without(&all, keys);
    let shown = units(tx, &more[..more.len().min(USUAL_LIMIT)]).await?;
    Ok((more.len(), shown))
}

/// What the units of a group have in common: item, plant, life, quality, custody.
type GroupKey = (String, String, i16, i16, i16);

/// The groups of a set by where the outermost thing around each unit is, largest first.
async fn groups_of(tx: &mut Tx, keys: &[i64]) -> Result<Vec<UnitGroup>, ScopeError> {
    let mut counted: BTreeMap<GroupKey, (String, i64)> = BTreeMap::new();
    for keys in keys.chunks(outer::COUNTED) {
        let rows = told::groups(tx, keys).await?;
        let around = outer::around(tx, rows.iter().map(|row| row.parent_key)).await?;
        for row in rows {
            let (plant, custody) = outer::place(&around, row.parent_key, (row.plant.as_str(), row.custody));
            let group = (row.item, plant.to_owned(), row.life, row.quality, custody);
            counted.entry(group).or_insert((row.name, 0)).1 += row.units;
        }
    }
    let group = |((item, plant, life, quality, custody), (name, units))| {
        let (life, quality, custody) = states(life, quality, custody);
        UnitGroup { item, name, plant, life, quality, custody, units }
    };
    let mut groups: Vec<UnitGroup> = counted.into_iter().map(group).collect();
    // Those of one size stay in the order of item, plant and state.
    groups.sort_by_key(|group| Reverse(group.units));
    Ok(groups)
}

fn states(life: i16, quality: i16, custody: i16) -> (&'static str, &'static str, &'static str) {
    (
        Life::from_number(life).unwrap_or(Life::Expected).name(),
        Quality::from_number(quality).unwrap_or(Quality::Unrestricted).name(),
        Custody::from_number(custody).unwrap_or(Custody::Location).name(),
    )
}

/// Where a page begins: after this key.
fn place(after: Option<&str>) -> Result<i64, ScopeError> {
    after.map_or(Ok(0), |after| after.parse().map_err(|_| ScopeError::Parameter("after")))
}

/// What is known of these units, in their order.
async fn units(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Unit>, ScopeError> {
    let tenant = own_code(tx).await?;
    let plants = tx.plants().clone();
    let rows = outer::with_parents(tx, keys).await?;
    let left = outer::left(tx, &rows, keys).await?;
    let units = keys.iter().map(|&key| {
        let row = rows.get(&key);
        let (life, quality, _) =
            row.map_or_else(|| states(1, 1, 1), |row| states(row.life, row.quality, row.custody));
        let spot = outer::spot((&rows, &left), key, &plants).unwrap_or_default();
        Unit {
            uid: uid_text(tenant, key),
            item: row.map(|row| row.item.clone()).unwrap_or_default(),
            name: row.map(|row| row.name.clone()).unwrap_or_default(),
            plant: spot.plant,
            life,
            quality,
            custody: spot.custody,
            inside_of: spot.inside_of.map(|key| uid_text(tenant, key)),
            partner: spot.partner,
            document: spot.document,
            quantity: row.and_then(|row| row.quantity).map(|quantity| quantity.normalize()),
            unit: row.map(|row| row.unit.clone()).unwrap_or_default(),
        }
    });
    Ok(units.collect())
}

fn view(row: ScopeRow, all: bool) -> ScopeView {
    let may_change = row.own || all;
    let failed = |part: &str| row.failure.as_ref()?[part].as_str().map(str::to_owned);
    let progress = (row.state != KEPT).then(|| Progress {
        asked: row.asked,
        to_ask: row.to_ask,
        written: row.written,
        failure: failed("code"),
        failed_at: failed("path").unwrap_or_default(),
    });
    ScopeView {
        scope_id: row.scope_id,
        name: row.name,
        criteria: may_change.then_some(row.criteria),
        state: row.state,
        progress,
        members: row.members,
        through_batch: row.through_batch.to_string(),
        created_at: row.created_at,
        created_by: row.created_by,
        may_change,
    }
}

/// Scopes, newest first, from where the page before ended.
///
/// # Errors
/// [`ScopeError`].
pub async fn list(tx: &mut Tx, after: Option<&str>, limit: usize) -> Result<ScopePage, ScopeError> {
    let before = after.map(str::parse).transpose().map_err(|_| ScopeError::Parameter("after"))?;
    let mut rows = kept::list(tx, before, i64::try_from(limit + 1).unwrap_or(i64::MAX)).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.scope_id.to_string());
    let all = tx.plants().is_all();
    Ok(ScopePage { scopes: rows.into_iter().map(|row| view(row, all)).collect(), next })
}

/// A scope.
///
/// # Errors
/// [`ScopeError::NotFound`] where the caller sees none; the database.
pub async fn get(tx: &mut Tx, id: Uuid) -> Result<ScopeView, ScopeError> {
    let all = tx.plants().is_all();
    kept::get(tx, id).await?.map(|row| view(row, all)).ok_or(ScopeError::NotFound)
}

/// A scope that is whole.
async fn whole(tx: &mut Tx, id: Uuid) -> Result<ScopeView, ScopeError> {
    let scope = get(tx, id).await?;
    if scope.state == KEPT { Ok(scope) } else { Err(ScopeError::Unfinished) }
}

/// Units of a scope that the caller may see, from where the page before ended.
///
/// # Errors
/// [`ScopeError`]; [`ScopeError::Unfinished`] while it is not whole.
pub async fn members(
    tx: &mut Tx,
    id: Uuid,
    (after, limit): (Option<&str>, usize),
) -> Result<MemberPage, ScopeError> {
    let start = place(after)?;
    whole(tx, id).await?;
    let mut keys = kept::members_after(tx, id, start, i64::try_from(limit + 1).unwrap_or(i64::MAX)).await?;
    let more = keys.len() > limit;
    keys.truncate(limit);
    let next = keys.last().filter(|_| more).map(ToString::to_string);
    let seen = scope::seen(tx, &keys).await?;
    keys.retain(|key| seen.contains(key));
    Ok(MemberPage { units: units(tx, &keys).await?, next })
}

/// Asks a scope's conditions again, and compares.
///
/// # Errors
/// [`ScopeError`]; [`ScopeError::Others`] for a caller for some plants who did not make it.
pub async fn compare(
    tx: &mut Tx,
    (caller, genealogy): (&Caller, &Genealogy),
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Compared, ScopeError> {
    let criteria = whole(tx, id).await?.criteria.ok_or(ScopeError::Others)?;
    let node = Node::kept(&criteria).map_err(ScopeError::Criteria)?;
    let current_to = label::current_to(tx).await?;
    let asked = Asked::patient(tx, genealogy, caller.zone, Patience::COMPARING).await?;
    let (node, hints) = spelt(tx, &asked, &node).await?;
    let found = evaluate(tx, &asked, &node).await?;
    let tenant = tx.tenant();
    let mut before = kept::members(tx, tenant, id).await?;
    let seen = scope::seen(tx, &before).await?;
    before.retain(|key| seen.contains(key));
    let (new, gone) = (sets::without(&found, &before), sets::without(&before, &found));
    let first = |keys: &[i64]| keys[..keys.len().min(MOST_COMPARED)].to_vec();
    Ok(Compared {
        same: before.len() - gone.len(),
        new_total: new.len(),
        new: units(tx, &first(&new)).await?,
        gone_total: gone.len(),
        gone: units(tx, &first(&gone)).await?,
        hints,
        current_to,
        plants_behind: behind(tx, now).await?,
    })
}

/// Takes a scope out of the lists. Holds and recalls that came of it stand.
///
/// # Errors
/// [`ScopeError`]; [`ScopeError::Others`] for a caller for some plants who did not make it.
pub async fn delete(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<(), ScopeError> {
    let scope = get(tx, id).await?;
    if !scope.may_change {
        return Err(ScopeError::Others);
    }
    kept::delete(tx, id, now).await?;
    let before = Some(json!({ "name": scope.name, "members": scope.members }));
    let subject = format!("scope:{id}");
    saving::noted(tx, Entry { action: "scope.delete", subject: &subject, before, after: None }).await
}

/// Runs in a transaction of the caller's; mistakes are told in the caller's language.
///
/// # Errors
/// Those of `f`.
pub async fn within<T>(
    state: &AppState,
    caller: &Caller,
    cx: &Cx,
    f: impl AsyncFnOnce(&mut Tx) -> Result<T, ScopeError>,
) -> Result<T, Problem> {
    state.db.tx(cx, f).await.map_err(|error: ScopeError| error.problem(caller))
}
