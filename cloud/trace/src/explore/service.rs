//! Questions about UIDs: what one is, where it came from, where it went.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use platform::web::moment;
use uid::{Key, TenantCode, Uid};
use uuid::Uuid;

use super::code::{self, Code};
use super::error::TraceError;
use super::model::{
    AgentView, CurrentTo, EventView, Item, LifecycleEntry, Lot, PlantBehind, Relative, StateView, Trace,
    Whereabouts,
};
use super::order::Stamp;
use super::store::label::{self, Place, Registered, RelativeRow};
use super::{history, names, outer, scope, stays, taken};
use crate::exceptions;
use crate::projection::PROJECTION;
use crate::projection::state::{Custody, Life, Quality};

/// An agent that said nothing for longer than this is not connected.
pub const FRESH: Duration = Duration::seconds(30);

/// A UID that a code stands for, and the tenant that asked.
#[derive(Debug, Clone, Copy)]
pub struct Resolved {
    /// The tenant.
    pub tenant: TenantCode,
    /// The UID.
    pub uid: Uid,
}

/// The text of a key; a number that is no key (bad data) is shown as itself.
#[must_use]
pub fn uid_text(tenant: TenantCode, key: i64) -> String {
    Key::new(key).map_or_else(|_| format!("#{key}"), |key| Uid::from_key(tenant, key).to_string())
}

/// The tenant's code.
///
/// # Errors
/// [`TraceError::NoTenant`], or the database.
pub async fn own_code(tx: &mut Tx) -> Result<TenantCode, TraceError> {
    let code = label::tenant_code(tx).await?.ok_or(TraceError::NoTenant)?;
    code.parse().map_err(|_| TraceError::NoTenant)
}

/// The UID that a typed or scanned code stands for.
///
/// # Errors
/// [`TraceError`]: wrong, foreign, unknown, or several.
pub async fn resolve(tx: &mut Tx, text: &str) -> Result<Resolved, TraceError> {
    let tenant = own_code(tx).await?;
    let (candidates, otherwise) = match code::read(text, tenant) {
        Code::Uid(uid) => {
            if scope::seen(tx, &[uid.key().get()]).await?.is_empty() {
                return Err(TraceError::Unknown(uid.to_string()));
            }
            return Ok(Resolved { tenant, uid });
        }
        Code::Foreign(uid) => return Err(TraceError::Foreign(uid)),
        Code::Empty if text.trim().is_empty() => return Err(TraceError::Empty),
        Code::Empty => {
            let problem = "is longer than 256 characters, or holds a NUL".into();
            return Err(TraceError::Parameter { field: "uid", problem });
        }
        // Somebody's serial may look like a UID: what is known by it comes first.
        Code::Wrong(error, candidates) => (candidates, TraceError::Wrong(error)),
        Code::Alias(candidates) => (candidates, TraceError::Unknown(text.trim().chars().take(60).collect())),
    };
    for candidate in candidates {
        let mut keys = label::alias_keys(tx, &candidate).await?;
        let seen = scope::seen(tx, &keys).await?;
        keys.retain(|key| seen.contains(key));
        match keys.as_slice() {
            [] => {}
            [key] => {
                let key = Key::new(*key).map_err(TraceError::Wrong)?;
                return Ok(Resolved { tenant, uid: Uid::from_key(tenant, key) });
            }
            several => {
                let uids = several.iter().map(|&key| uid_text(tenant, key)).collect();
                return Err(TraceError::Ambiguous { code: candidate, uids });
            }
        }
    }
    Err(otherwise)
}

/// Where a page of events ends.
pub(super) fn place(text: &str) -> Result<Place, TraceError> {
    let mut parts = text.split('.');
    let mut next = || parts.next();
    let place = (|| {
        Some(Place {
            at: moment(next()?)?,
            agent: next()?.parse().ok()?,
            epoch: next()?.parse().ok()?,
            seq: next()?.parse().ok()?,
        })
    })();
    place.ok_or_else(TraceError::no_place)
}

/// A place as [`place`] reads it.
pub(super) fn place_text(place: &Place) -> String {
    format!("{}.{}.{}.{}", place.at.timestamp_micros(), place.agent, place.epoch, place.seq)
}

/// How far an answer of this transaction reaches: asked first, so that what is
/// answered is at least as new.
///
/// # Errors
/// The database.
pub async fn fresh(tx: &mut Tx, now: DateTime<Utc>) -> Result<(CurrentTo, Vec<PlantBehind>), TraceError> {
    let current_to = label::current_to(tx).await?;
    Ok((current_to, behind(tx, now).await?))
}

/// Plants that may know more: all of them, since a genealogy does not end at the gate of
/// the caller's. Of other plants' agents it is not told which, nor how much waits there.
///
/// # Errors
/// The database.
pub async fn behind(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<PlantBehind>, TraceError> {
    let plants = tx.plants().clone();
    let mut behind = label::plants_behind(tx, now - FRESH).await?;
    for other in behind.iter_mut().filter(|behind| !plants.has(&behind.plant)) {
        other.agent.clear();
        other.queued_events = 0;
    }
    behind.dedup();
    Ok(behind)
}

/// The life of the UID that `text` stands for. `now` decides which plants count
/// as behind.
///
/// # Errors
/// [`TraceError`].
pub async fn trace(db: &Db, cx: &Cx, text: &str, now: DateTime<Utc>) -> Result<Trace, TraceError> {
    db.tx(cx, async |tx| trace_in(tx, text, now).await).await
}

/// As [`trace`], with the events after a place: `events_next` of the page before.
///
/// # Errors
/// [`TraceError`].
pub async fn trace_after(
    db: &Db,
    cx: &Cx,
    text: &str,
    after: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Trace, TraceError> {
    db.tx(cx, async |tx| trace_after_in(tx, text, after, now).await).await
}

/// As [`trace`], inside a transaction.
///
/// # Errors
/// [`TraceError`].
pub async fn trace_in(tx: &mut Tx, text: &str, now: DateTime<Utc>) -> Result<Trace, TraceError> {
    trace_after_in(tx, text, None, now).await
}

/// As [`trace_after`], inside a transaction.
///
/// # Errors
/// [`TraceError`].
pub async fn trace_after_in(
    tx: &mut Tx,
    text: &str,
    after: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Trace, TraceError> {
    trace_page_in(tx, text, (after, label::MOST_EVENTS), now).await
}

/// As [`trace_after`], inside a transaction, with at most so many events (and on the first
/// page the births and receipts all the same).
///
/// # Errors
/// [`TraceError`].
pub async fn trace_page_in(
    tx: &mut Tx,
    text: &str,
    (after, most): (Option<&str>, i64),
    now: DateTime<Utc>,
) -> Result<Trace, TraceError> {
    let after = after.map(place).transpose()?;
    let resolved = resolve(tx, text).await?;
    let key = resolved.uid.key().get();
    // Read first: what is answered is at least as new.
    let current_to = label::current_to(tx).await?;
    let through = label::projected_to(tx, PROJECTION).await?;
    let around = outer::with_parents(tx, &[key]).await?;
    let registered = around.get(&key);
    let Past { lifecycle, mut events, next, more_readings } =
        life_in(tx, resolved.tenant, key, (after.as_ref(), most)).await?;
    if registered.is_none() && events.is_empty() {
        return Err(TraceError::Unknown(resolved.uid.to_string()));
    }
    let plants = tx.plants().clone();
    let lot = match registered.and_then(|row| row.lot_id) {
        Some(id) => label::lots(tx, &[id]).await?.into_iter().next(),
        None => None,
    };
    let holds = label::holds(tx, key).await?;
    let mut parents = label::parents(tx, key).await?;
    let more_parents = cut(&mut parents, label::MOST_CHILDREN);
    let mut children = label::children(tx, key).await?;
    let more_children = cut(&mut children, label::MOST_CHILDREN);
    taken::amounts_now(
        tx,
        children.iter_mut().map(|one| ((one.key, key, one.kind), &mut one.amounts)).collect(),
    )
    .await?;
    taken::amounts_now(
        tx,
        parents.iter_mut().map(|one| ((key, one.key, one.kind), &mut one.amounts)).collect(),
    )
    .await?;
    let (taken_out, more_taken_out) = taken::taken_out(tx, resolved.tenant, key).await?;
    let aliases = label::aliases(tx, key).await?;
    let plants_behind = behind(tx, now).await?;
    let whereabouts = whereabouts(tx, resolved.tenant, &around, key).await?;

    let tenant = resolved.tenant;
    let events_next = next.as_ref().map(place_text);
    say_why(tx, &mut events).await?;
    let mut state = state_view(tenant, registered);
    state.holds = holds;
    state.through_batch = through.to_string();
    let mut trace = Trace {
        uid: resolved.uid.to_string(),
        lifecycle,
        item: item(registered),
        lot,
        plant: registered.map(|row| row.plant.clone()).unwrap_or_default(),
        state,
        whereabouts,
        parents: relatives(tenant, parents),
        more_parents,
        children: relatives(tenant, children),
        more_children,
        taken_out,
        more_taken_out,
        events,
        more_events: events_next.is_some(),
        events_next,
        more_readings,
        aliases,
        current_to,
        plants_behind,
    };
    scope::limit_trace(&mut trace, &plants);
    Ok(trace)
}

/// What happened to a UID, or a page of it, as it is told to the caller.
#[derive(Debug)]
pub(super) struct Past {
    /// In the specification's form.
    pub lifecycle: Vec<LifecycleEntry>,
    /// In full, with readings.
    pub events: Vec<EventView>,
    /// Where the next page begins.
    pub next: Option<Place>,
    /// There are more readings than a page has.
    pub more_readings: bool,
}

/// What happened to a UID after a place, at most so many events (and on the first page the
/// births and receipts all the same).
///
/// # Errors
/// The database.
pub(super) async fn life_in(
    tx: &mut Tx,
    tenant: TenantCode,
    key: i64,
    (after, most): (Option<&Place>, i64),
) -> Result<Past, TraceError> {
    let stays = stays::around(tx, key).await?;
    let (mut rows, next) = label::events(tx, key, &stays, after, most).await?;
    let plants = tx.plants().clone();
    let own: Vec<_> = rows.iter().filter(|row| plants.has(&row.plant)).cloned().collect();
    let mut readings = label::readings(tx, &own).await?;
    stays::keep(&mut readings, &own, &stays);
    let by_clock = stays::by_clock(&rows, &stays);
    scope::limit_events(&mut rows, &plants);
    let more_readings = cut(&mut readings, label::MOST_READINGS);
    readings.sort_by_key(|row| (row.agent_id, row.epoch, row.seq, row.ordinal));
    let (lifecycle, mut events) = history::tell(tenant, key, rows, readings);
    for event in &mut events {
        let stamp = Stamp { agent: event.agent, epoch: event.epoch, seq: event.seq };
        event.by_clock = by_clock.contains(&stamp);
    }
    Ok(Past { lifecycle, events, next, more_readings })
}

/// Where a UID is by what is `around` it; `None` where it lies by itself at a place of ours.
async fn whereabouts(
    tx: &mut Tx,
    tenant: TenantCode,
    around: &HashMap<i64, Registered>,
    key: i64,
) -> Result<Option<Whereabouts>, TraceError> {
    let Some(outer) = around.get(&key).map(|row| outer::outermost(around, row)) else {
        return Ok(None);
    };
    if outer.key == key && !outer::is_gone(outer) {
        return Ok(None);
    }
    let here = tx.plants().has(&outer.plant);
    let left = outer::left(tx, around, &[key]).await?.remove(&outer.key);
    let (partner, document, left_at) = left
        .map(|event| (event.partner, event.reference_number, Some(event.occurred_at)))
        .unwrap_or_default();
    Ok(Some(Whereabouts {
        uid: uid_text(tenant, outer.key),
        custody: Custody::from_number(outer.custody).unwrap_or(Custody::Location).name().into(),
        plant: outer.plant.clone(),
        location: if here { outer.location.clone() } else { String::new() },
        partner,
        document,
        left_at,
    }))
}

/// Says of corrections by the office which exception each resolves, and why: the event holds
/// neither words of people nor more of the exception than its id.
async fn say_why(tx: &mut Tx, events: &mut [EventView]) -> Result<(), TraceError> {
    let asked: Vec<(Stamp, Uuid)> = events
        .iter()
        .filter(|event| event.reference_type == "exception" && event.corrects.is_some())
        .filter_map(|event| {
            let stamp = Stamp { agent: event.agent, epoch: event.epoch, seq: event.seq };
            Some((stamp, event.reference.parse().ok()?))
        })
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    for (stamp, why) in exceptions::store::resolved_by(tx, &asked).await? {
        let of = |event: &&mut EventView| {
            (event.agent, event.epoch, event.seq) == (stamp.agent, stamp.epoch, stamp.seq)
        };
        if let Some(event) = events.iter_mut().find(of) {
            event.resolves = Some(why);
        }
    }
    Ok(())
}

/// Cuts a list of one more than may be shown; says whether there was more.
fn cut<T>(list: &mut Vec<T>, most: i64) -> bool {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = list.len() > most;
    list.truncate(most);
    more
}

fn item(row: Option<&Registered>) -> Item {
    row.map_or_else(Item::default, |row| Item {
        code: row.item.clone(),
        name: row.name.clone(),
        container: row.container,
        quantity: row.quantity.map(|quantity| quantity.normalize()),
        unit: row.unit.clone(),
    })
}

/// The names of a registry row's states; `expected` of a UID without a row.
fn state_view(tenant: TenantCode, row: Option<&Registered>) -> StateView {
    let life = row.and_then(|row| Life::from_number(row.life)).unwrap_or(Life::Expected);
    let quality = row.and_then(|row| Quality::from_number(row.quality)).unwrap_or(Quality::Unrestricted);
    let custody = row.and_then(|row| Custody::from_number(row.custody)).unwrap_or(Custody::Location);
    StateView {
        life: life.name().into(),
        quality: quality.name().into(),
        custody: custody.name().into(),
        location: row.map(|row| row.location.clone()).unwrap_or_default(),
        parent: row.and_then(|row| row.parent_key).map(|key| uid_text(tenant, key)),
        order: row.map(|row| row.order_number.clone()).unwrap_or_default(),
        holds: Vec::new(),
        through_batch: String::new(),
    }
}

fn relatives(tenant: TenantCode, rows: Vec<RelativeRow>) -> Vec<Relative> {
    rows.into_iter()
        .map(|row| {
            let (quantity, unit) = row.amounts.now();
            Relative {
                uid: uid_text(tenant, row.key),
                kind: names::link_name(row.kind),
                quantity: quantity.map(|quantity| quantity.normalize()),
                unit,
                item: row.item,
            }
        })
        .collect()
}

/// Lots by id.
///
/// # Errors
/// The database.
pub async fn lots_by_id(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Lot>, TraceError> {
    Ok(label::lots(tx, ids).await?.into_iter().map(|lot| (lot.lot_id, lot)).collect())
}

/// All streams of the tenant and how current they are.
///
/// # Errors
/// The database.
pub async fn agents(db: &Db, cx: &Cx, now: DateTime<Utc>) -> Result<Vec<AgentView>, TraceError> {
    db.tx(cx, async |tx| Ok(label::agents(tx, now - FRESH).await?)).await
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_place_is_of_a_time_that_the_database_has() {
        let agent = uuid::Uuid::from_u128(7);
        assert!(place(&format!("1737364500000000.{agent}.1.2")).is_ok());
        for wrong in ["-8000000000000000000", "8000000000000000000", "9223372036854775807", ""] {
            assert!(place(&format!("{wrong}.{agent}.1.2")).is_err(), "{wrong}");
        }
    }
}
