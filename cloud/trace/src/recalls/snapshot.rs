//! The snapshot: what a recall reaches, and where each unit of it is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Instant;

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use uuid::Uuid;

use super::error::RecallError;
use super::locate::{self, Found, Left, Who};
use super::model::{MAX_MEMBERS, Place, Reach};
use super::returns::FOLLOWS;
use super::{consignees, store};
use crate::explore::outer::{outermost, with_parents};
use crate::explore::service::{FRESH, resolve};
use crate::explore::stays;
use crate::explore::store::corrections;
use crate::explore::store::label;
use crate::genealogy::Genealogy;
use crate::projection::PROJECTION;
use crate::{holds, scopes};

/// Units that are located at once: what is in mind at a time.
pub(super) const AT_ONCE: usize = 2_000;

/// What a scope names, and what else goes with it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reached {
    /// Its units, in order, each once.
    pub keys: Vec<i64>,
    /// Lots that are reached whole.
    pub lots: Vec<Uuid>,
}

/// The units that a recall reaches, as known now: what was named, and what is in it.
///
/// # Errors
/// As [`named`]; [`RecallError::TooMany`], [`RecallError::Empty`].
pub async fn reach(tx: &mut Tx, genealogy: &Genealogy, what: &Reach) -> Result<Reached, RecallError> {
    let Reached { mut keys, lots } = named(tx, what).await?;
    if keys.len() <= MAX_MEMBERS {
        keys = genealogy.contents(tx, &keys, limit()).await?;
    }
    if what.descendants() && keys.len() <= MAX_MEMBERS {
        keys = genealogy.descendants(tx, &keys, limit()).await?;
    }
    if keys.len() > MAX_MEMBERS {
        return Err(RecallError::TooMany);
    }
    if keys.is_empty() && lots.is_empty() {
        return Err(RecallError::Empty);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Reached { keys, lots })
}

fn limit() -> i64 {
    i64::try_from(MAX_MEMBERS).unwrap_or(i64::MAX) + 1
}

/// What a recall names, without what goes with it.
///
/// # Errors
/// [`RecallError::Unknown`], [`RecallError::Unfinished`], or what a code that leads nowhere
/// gives.
pub(super) async fn named(tx: &mut Tx, what: &Reach) -> Result<Reached, RecallError> {
    let tenant = tx.tenant();
    let (keys, lots) = match what {
        Reach::Unit { uid, .. } => {
            let key = resolve(tx, uid).await?.uid.key().get();
            if !label::named(tx, key).await? && label::registered(tx, &[key]).await?.is_empty() {
                return Err(RecallError::Unknown);
            }
            (vec![key], Vec::new())
        }
        Reach::Lot { lot, deliveries, .. } => {
            if store::recalls::lot_name(tx, *lot).await?.is_none() {
                return Err(RecallError::Unknown);
            }
            let lots = match deliveries {
                true => holds::deliveries::all(tx, *lot).await?,
                false => vec![*lot],
            };
            (holds::of_lots(tx, &lots, limit()).await?, lots)
        }
        Reach::Scope { scope, .. } => {
            match scopes::store::whole(tx, tenant, *scope).await? {
                Some(true) => {}
                Some(false) => return Err(RecallError::Unfinished),
                None => return Err(RecallError::Unknown),
            }
            (scopes::store::members(tx, tenant, *scope).await?, Vec::new())
        }
    };
    Ok(Reached { keys, lots })
}

/// By what each of these left: itself, or else a package that it was in then, in however many
/// others that was.
async fn ways_out(tx: &mut Tx, keys: &[i64]) -> Result<HashMap<i64, Left>, RecallError> {
    let void = corrections::void_of_keys(tx, keys).await?;
    let mut left = store::locate::left(tx, keys, &void).await?;
    let open: Vec<i64> =
        keys.iter().copied().filter(|key| left.get(key).is_none_or(|left| left.partner.is_empty())).collect();
    let stays = stays::around_all(tx, &open).await?;
    if stays.is_empty() {
        return Ok(left);
    }
    let around: Vec<i64> =
        stays.iter().map(|stay| stay.package).collect::<BTreeSet<_>>().into_iter().collect();
    let void = corrections::void_of_keys(tx, &around).await?;
    let sent = store::locate::leavings(tx, &around, &void).await?;
    for (key, by) in locate::with_packages(&stays, &sent) {
        match left.get_mut(&key) {
            Some(own) if own.installed => {
                own.partner.clone_from(&by.partner);
                own.document.clone_from(&by.document);
            }
            Some(own) if own.at >= by.at => {}
            _ => {
                left.insert(key, by.clone());
            }
        }
    }
    Ok(left)
}

/// Where these units are, and of which of the recalled ones (in order) they are parts.
pub(super) async fn locate(tx: &mut Tx, keys: &[i64], recalled: &[i64]) -> Result<Vec<Found>, RecallError> {
    let rows = with_parents(tx, keys).await?;
    let outer_of: HashMap<i64, i64> =
        keys.iter().filter_map(|key| Some((*key, outermost(&rows, rows.get(key)?).key))).collect();
    let place_of = |key: &i64| Some(locate::place(rows.get(key)?, rows.get(outer_of.get(key)?)?));
    let mut gone = BTreeSet::new();
    let mut moving = BTreeSet::new();
    for key in keys {
        match place_of(key) {
            Some(Place::Customer | Place::Supplier) => gone.extend([*key, outer_of[key]]),
            Some(Place::Transit) => moving.extend([*key, outer_of[key]]),
            _ => {}
        }
    }
    let left = ways_out(tx, &gone.into_iter().collect::<Vec<_>>()).await?;
    let inside = store::locate::inside(tx, keys).await?;
    let steps = rows.values().filter_map(|row| Some((row.key, row.parent_key?)));
    let steps: HashSet<(i64, i64)> = steps.chain(inside.iter().copied()).collect();
    let built_in = store::locate::built_in(tx, &steps.into_iter().collect::<Vec<_>>()).await?;
    let is_part = |part, whole| built_in.contains(&(part, whole));
    let is_recalled = |key: i64| recalled.binary_search(&key).is_ok();
    let packing = locate::packing(&inside, is_part, is_recalled);
    let ways = store::locate::ways(tx, &moving.into_iter().collect::<Vec<_>>()).await?;
    Ok(keys
        .iter()
        .map(|key| {
            let Some(row) = rows.get(key) else { return locate::unknown(*key) };
            let outer = outer_of.get(key).and_then(|outer| rows.get(outer)).unwrap_or(row);
            // Where it was installed is said of itself, how it was sent of what it is in.
            let own = left.get(key).filter(|left| left.installed || outer.key == *key);
            let by = own.or_else(|| left.get(&outer.key)).or_else(|| left.get(key));
            let found = locate::found(row, outer, by, ways.get(&outer.key).or_else(|| ways.get(key)));
            let inside_of = locate::inside_of(&rows, row, is_part, is_recalled);
            Found { inside_of, packs: packing.contains(key), ..found }
        })
        .collect())
}

/// Notes that more belongs to a recall than it has, once; people are told so wherever it is shown.
///
/// # Errors
/// The database.
pub(super) async fn note_incomplete(
    tx: &mut Tx,
    recall: Uuid,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    if store::recalls::incomplete_set(tx, recall, now).await? {
        let subject = format!("recall:{recall}");
        let entry = Entry { action: "recall.incomplete", subject: &subject, before: None, after: None };
        audit::record(tx, entry).await?;
    }
    Ok(())
}

/// Takes the snapshot of a recall that is written already, with who has what, and notes
/// how long it took since `began`. An earlier one of it is replaced.
///
/// # Errors
/// The database.
pub async fn take(
    tx: &mut Tx,
    recall: Uuid,
    reached: &Reached,
    began: Instant,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    // First: what is folded later may be seen below, and what is before is for sure.
    let through_batch = label::projected_to(tx, PROJECTION).await?;
    let mut behind: Vec<String> =
        label::plants_behind(tx, now - FRESH).await?.into_iter().map(|behind| behind.plant).collect();
    behind.dedup();
    store::recalls::cursor_back(tx, FOLLOWS, through_batch).await?;
    store::members::clear(tx, recall).await?;
    let mut known: HashMap<Who, Uuid> = HashMap::new();
    for keys in reached.keys.chunks(AT_ONCE) {
        let found = locate(tx, keys, &reached.keys).await?;
        consignees::enlist(tx, recall, found.iter(), &mut known).await?;
        let whose: Vec<Option<Uuid>> =
            found.iter().map(|one| one.who.as_ref().and_then(|who| known.get(who)).copied()).collect();
        store::members::insert(tx, recall, &found, &whose).await?;
    }
    let taken = store::recalls::Taken {
        through_batch,
        at: now,
        millis: i32::try_from(began.elapsed().as_millis()).unwrap_or(i32::MAX),
        members: i32::try_from(reached.keys.len()).unwrap_or(i32::MAX),
        behind: &behind,
    };
    Ok(store::recalls::snapshot_set(tx, recall, &reached.lots, &taken).await?)
}
