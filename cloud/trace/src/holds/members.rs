//! What a hold holds: what was named, what was made of it, and the packages with
//! some of it inside.

use std::collections::HashSet;

use platform::db::Tx;
use sqlx::Error;
use uid::Key;
use uuid::Uuid;

use super::store::{self, HoldRow, WayIn};
use super::{HoldError, MAX_MEMBERS, Scope};
use crate::explore::order::Stamp;
use crate::genealogy::{Genealogy, Moment};
use crate::scopes;

/// How a unit came under a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It was named, alone or in a scope.
    Scope,
    /// It is of the held lot.
    Lot,
    /// It was made from a member, or a member is a part of it.
    Made,
    /// A package with a member in it; free when the last one is taken out.
    Inside,
}

impl Cause {
    /// As the table keeps it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Lot => "lot",
            Self::Made => "made",
            Self::Inside => "inside",
        }
    }
}

/// A unit that a hold is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its key.
    pub key: i64,
    /// How it came under the hold.
    pub cause: Cause,
    /// The member through which it came in later, and the event.
    pub way: Option<WayIn>,
}

/// What a scope comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In the order of their keys.
    pub members: Vec<Member>,
    /// The lot, labels still to come too.
    pub lot: Option<Uuid>,
    /// What is made from members later is held as well.
    pub descendants: bool,
}

/// The units of a scope as things stand now: at least all that was committed before.
///
/// # Errors
/// [`HoldError::Unknown`], [`HoldError::TooMany`], the database.
pub async fn of_scope(tx: &mut Tx, genealogy: &Genealogy, scope: &Scope) -> Result<Found, HoldError> {
    let tenant = tx.tenant();
    let limit = MAX_MEMBERS as i64 + 1;
    let (named, cause, lot, descendants) = match scope {
        Scope::Label { key, descendants } => {
            if Key::new(*key).is_err() || !store::known(tx, tenant, *key).await? {
                return Err(HoldError::Unknown);
            }
            (vec![*key], Cause::Scope, None, *descendants)
        }
        Scope::Lot { lot, descendants } => {
            let keys = store::of_lot(tx, tenant, *lot, limit).await?;
            if keys.is_empty() && !store::lot_known(tx, tenant, *lot).await? {
                return Err(HoldError::Unknown);
            }
            (keys, Cause::Lot, Some(*lot), *descendants)
        }
        Scope::Scope { scope, descendants } => {
            whole(tx, tenant, *scope).await?;
            let keys = scopes::store::members(tx, tenant, *scope).await?;
            if keys.is_empty() {
                return Err(HoldError::Unknown);
            }
            (keys, Cause::Scope, None, *descendants)
        }
    };
    if named.len() > MAX_MEMBERS {
        return Err(HoldError::TooMany);
    }
    let members = around(tx, genealogy, named, cause, descendants).await?.map_err(|()| HoldError::TooMany)?;
    Ok(Found { members, lot, descendants })
}

/// These units, what was made of them where that is asked, and the packages with some of
/// it inside, in the order of their keys; an error where that is more than one hold takes.
///
/// # Errors
/// The database.
pub(super) async fn around(
    tx: &mut Tx,
    genealogy: &Genealogy,
    named: Vec<i64>,
    cause: Cause,
    descendants: bool,
) -> Result<Result<Vec<Member>, ()>, Error> {
    let limit = MAX_MEMBERS as i64 + 1;
    let mut seen: HashSet<i64> = HashSet::new();
    let mut members = Vec::new();
    let mut add = |keys: Vec<i64>, cause: Cause| {
        let fresh = keys.into_iter().filter(|key| seen.insert(*key));
        members.extend(fresh.map(|key| Member { key, cause, way: None }));
    };
    let made = if descendants { genealogy.descendants(tx, &named, limit).await? } else { Vec::new() };
    let around = [named.as_slice(), made.as_slice()].concat();
    add(named, cause);
    add(made, Cause::Made);
    add(store::packages(tx, &around, limit).await?, Cause::Inside);
    if members.len() > MAX_MEMBERS {
        return Ok(Err(()));
    }
    members.sort_by_key(|member| member.key);
    Ok(Ok(members))
}

/// Refuses a kept scope that is not there, or not whole.
///
/// # Errors
/// [`HoldError::Unknown`], [`HoldError::Unfinished`], the database.
pub async fn whole(tx: &mut Tx, tenant: Uuid, scope: Uuid) -> Result<(), HoldError> {
    match scopes::store::whole(tx, tenant, scope).await? {
        Some(true) => Ok(()),
        Some(false) => Err(HoldError::Unfinished),
        None => Err(HoldError::Unknown),
    }
}

/// A label of a held lot that was born later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Born {
    /// Its key.
    pub key: i64,
    /// The event of its birth.
    pub way: WayIn,
}

/// What comes under a hold now because of units that events up to `moment` named:
/// `touched` are members already, `born` labels of its lot that are not yet. A hold of a
/// plant, and one of the office without what was made of its units, is on what comes to
/// contain them, not on what was made of them before.
///
/// # Errors
/// The database.
pub async fn joining(
    tx: &mut Tx,
    (genealogy, moment): (&Genealogy, Moment),
    hold_id: Uuid,
    touched: &[i64],
    born: &[Born],
    hold: &HoldRow,
) -> Result<Vec<Member>, Error> {
    let mut members: Vec<Member> = born
        .iter()
        .map(|born| Member { key: born.key, cause: Cause::Lot, way: Some(born.way.clone()) })
        .collect();
    let mut around: Vec<i64> = touched.to_vec();
    around.extend(born.iter().map(|born| born.key));
    let mut seen: HashSet<i64> = around.iter().copied().collect();
    // What is made of it from now on comes under the hold whatever was asked; only what
    // was made of it before may be left out.
    let made = if hold.descendants && hold.placed.is_none() {
        genealogy.descendants_to(tx, moment, &around, MOST_JOINING).await?
    } else {
        store::made_since(tx, hold_id, &around, MOST_JOINING).await?
    };
    let made = store::not_held_by(tx, hold_id, &made).await?;
    let made: Vec<i64> = made.into_iter().filter(|key| seen.insert(*key)).collect();
    members.extend(made.iter().map(|&key| Member { key, cause: Cause::Made, way: None }));
    around.extend(made);
    let packages = store::packages(tx, &around, MOST_JOINING).await?;
    let packages = store::not_held_by(tx, hold_id, &packages).await?;
    let packages = packages.into_iter().filter(|key| seen.insert(*key));
    members.extend(packages.map(|key| Member { key, cause: Cause::Inside, way: None }));
    let fresh: Vec<i64> = members.iter().filter(|m| m.way.is_none()).map(|m| m.key).collect();
    let all: Vec<i64> = members.iter().map(|m| m.key).collect();
    let ways = store::ways_in(tx, hold_id, &fresh, &all).await?;
    for member in members.iter_mut().filter(|member| member.way.is_none()) {
        member.way = ways.get(&member.key).cloned();
    }
    members.sort_by_key(|member| member.key);
    Ok(members)
}

/// Most units that come under one hold in one step of the follower.
pub const MOST_JOINING: i64 = 1_000_000;

/// How an act stands to the event by which its unit came under a hold. Pure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Before it, in the same stream: no act under the hold.
    No,
    /// After it, as far as is known.
    Yes,
    /// In another stream, and before it by the plants' clocks, which may differ: it counts,
    /// and is told as earlier.
    Doubtful,
}

/// Whether an event comes at or after the one by which a unit came under a hold: by place
/// in the same stream. Between streams no clock decides that it did not.
#[must_use]
pub fn since(way: Option<&WayIn>, at: Stamp, occurred_at: chrono::DateTime<chrono::Utc>) -> Since {
    match way {
        None => Since::Yes,
        Some(way) if way.stamp.agent == at.agent && way.stamp.epoch == at.epoch => {
            if at.seq >= way.stamp.seq { Since::Yes } else { Since::No }
        }
        Some(way) if occurred_at < way.occurred_at => Since::Doubtful,
        Some(_) => Since::Yes,
    }
}
