//! Questions about UIDs: what one is, where it came from, where it went.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use uid::{Key, TenantCode, Uid};
use uuid::Uuid;

use super::code::{self, Code};
use super::error::TraceError;
use super::model::{AgentView, Item, Lot, Relative, StateView, Trace};
use super::store::label::{self, Registered, RelativeRow};
use super::{history, names};
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
    match code::read(text, tenant) {
        Code::Uid(uid) => Ok(Resolved { tenant, uid }),
        Code::Foreign(uid) => Err(TraceError::Foreign(uid)),
        Code::Wrong(error) => Err(TraceError::Wrong(error)),
        Code::Empty => Err(TraceError::Empty),
        Code::Alias(candidates) => {
            for candidate in candidates {
                let keys = label::alias_keys(tx, &candidate).await?;
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
            Err(TraceError::Unknown(text.trim().chars().take(60).collect()))
        }
    }
}

/// The life of the UID that `text` stands for. `now` decides which plants count
/// as behind.
///
/// # Errors
/// [`TraceError`].
pub async fn trace(db: &Db, cx: &Cx, text: &str, now: DateTime<Utc>) -> Result<Trace, TraceError> {
    db.tx(cx, async |tx| trace_in(tx, text, now).await).await
}

/// As [`trace`], inside a transaction.
///
/// # Errors
/// [`TraceError`].
pub async fn trace_in(tx: &mut Tx, text: &str, now: DateTime<Utc>) -> Result<Trace, TraceError> {
    let resolved = resolve(tx, text).await?;
    let key = resolved.uid.key().get();
    // Read first: what is answered is at least as new.
    let current_to = label::current_to(tx).await?;
    let through = label::projected_to(tx, PROJECTION).await?;
    let registered = label::registered(tx, &[key]).await?.into_iter().next();
    let events = label::events(tx, key).await?;
    if registered.is_none() && events.is_empty() {
        return Err(TraceError::Unknown(resolved.uid.to_string()));
    }
    let readings = label::readings(tx, &events).await?;
    let lot = match registered.as_ref().and_then(|row| row.lot_id) {
        Some(id) => label::lots(tx, &[id]).await?.into_iter().next(),
        None => None,
    };
    let holds = label::holds(tx, key).await?;
    let parents = label::parents(tx, key).await?;
    let mut children = label::children(tx, key).await?;
    let most = usize::try_from(label::MOST_CHILDREN).unwrap_or(usize::MAX);
    let more_children = children.len() > most;
    children.truncate(most);
    let aliases = label::aliases(tx, key).await?;
    let plants_behind = label::plants_behind(tx, now - FRESH).await?;

    let tenant = resolved.tenant;
    let more_events = events.len() >= usize::try_from(label::MOST_EVENTS).unwrap_or(usize::MAX);
    let (lifecycle, events) = history::tell(tenant, key, events, readings);
    let mut state = state_view(tenant, registered.as_ref());
    state.holds = holds;
    state.through_batch = through.to_string();
    Ok(Trace {
        uid: resolved.uid.to_string(),
        lifecycle,
        item: item(registered.as_ref()),
        lot,
        plant: registered.as_ref().map(|row| row.plant.clone()).unwrap_or_default(),
        state,
        parents: relatives(tenant, parents),
        children: relatives(tenant, children),
        more_children,
        events,
        more_events,
        aliases,
        current_to,
        plants_behind,
    })
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
        .map(|row| Relative {
            uid: uid_text(tenant, row.key),
            kind: names::link_name(row.kind),
            quantity: row.quantity.map(|quantity| quantity.normalize()),
            unit: row.unit,
            item: row.item,
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
