//! What a hold holds: what was named and what is in it, what was made of that, and the
//! packages with some of it inside.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use sqlx::Error;
use uid::Key;
use uuid::Uuid;

use super::store::{self, HoldRow, WayIn};
use super::{HoldError, MAX_MEMBERS, Scope, deliveries};
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
    /// It was in a package that was named, or of the lot; held also when it is taken out.
    Content,
    /// It was made from a member, or a member is a part of it.
    Made,
    /// A package with a member in it; free when the last one is taken out.
    Inside,
    /// A plant still held it after the cloud was restored; why, is not known any more.
    Kept,
}

impl Cause {
    /// As the table keeps it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Lot => "lot",
            Self::Content => "content",
            Self::Made => "made",
            Self::Inside => "inside",
            Self::Kept => "kept",
        }
    }

    /// Whether what is in it is held with it: what lies beside a held unit in a box is not.
    #[must_use]
    pub fn holds_contents(self) -> bool {
        matches!(self, Self::Scope | Self::Lot | Self::Content)
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
    /// Lots, labels still to come too; the one that was named first.
    pub lots: Vec<Uuid>,
    /// Lots of the same supplier's lot that come later are held as well.
    pub deliveries: bool,
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
    let mut deliveries = false;
    let (named, cause, lots, descendants) = match scope {
        Scope::Label { key, descendants } => {
            if Key::new(*key).is_err() || !store::known(tx, tenant, *key).await? {
                return Err(HoldError::Unknown);
            }
            (vec![*key], Cause::Scope, Vec::new(), *descendants)
        }
        Scope::Lot { lot, descendants, deliveries: all } => {
            deliveries = *all;
            let lots = if deliveries { deliveries::all(tx, *lot).await? } else { vec![*lot] };
            let keys = store::lots::labels(tx, &lots, limit).await?;
            if keys.is_empty() && !store::lot_known(tx, tenant, *lot).await? {
                return Err(HoldError::Unknown);
            }
            (keys, Cause::Lot, lots, *descendants)
        }
        Scope::Scope { scope, descendants } => {
            whole(tx, tenant, *scope).await?;
            let keys = scopes::store::members(tx, tenant, *scope).await?;
            if keys.is_empty() {
                return Err(HoldError::Unknown);
            }
            (keys, Cause::Scope, Vec::new(), *descendants)
        }
    };
    if named.len() > MAX_MEMBERS {
        return Err(HoldError::TooMany);
    }
    let members = around(tx, genealogy, named, cause, descendants).await?.map_err(|()| HoldError::TooMany)?;
    Ok(Found { members, lots, deliveries, descendants })
}

/// How far what was made of units comes under a hold.
#[derive(Clone, Copy)]
enum Made<'a> {
    /// Not at all: what is made from now on comes to it as it is told.
    No,
    /// All of it, whenever it was made; by links up to a moment where one is given.
    Ever(&'a Genealogy, Option<Moment>),
    /// What was made after this hold was placed.
    Since(Uuid),
}

/// Units in the order in which they were found, each once.
#[derive(Default)]
struct Gathered {
    seen: HashSet<i64>,
    members: Vec<Member>,
}

impl Gathered {
    /// Takes those that are not there yet; answers them.
    fn add(&mut self, keys: Vec<i64>, cause: Cause) -> Vec<i64> {
        let fresh: Vec<i64> = keys.into_iter().filter(|key| self.seen.insert(*key)).collect();
        self.members.extend(fresh.iter().map(|&key| Member { key, cause, way: None }));
        fresh
    }

    /// What was made of these goods, the packages with some of it inside, and what was made
    /// of those.
    async fn spread(&mut self, tx: &mut Tx, goods: Vec<i64>, how: Made<'_>, limit: i64) -> Result<(), Error> {
        let mut open = goods;
        loop {
            let made = match how {
                Made::No => Vec::new(),
                Made::Ever(genealogy, None) => genealogy.made(tx, &open, limit).await?,
                Made::Ever(genealogy, Some(moment)) => genealogy.made_to(tx, moment, &open, limit).await?,
                Made::Since(hold_id) => store::made_since(tx, hold_id, &open, limit).await?,
            };
            open.extend(self.add(made, Cause::Made));
            let packages = store::packages(tx, &open, limit).await?;
            open = self.add(packages, Cause::Inside);
            let full = i64::try_from(self.members.len()).is_ok_and(|count| count >= limit);
            if open.is_empty() || full || matches!(how, Made::No) {
                return Ok(());
            }
        }
    }
}

/// These units and what is in them, what was made of that where that is asked, and the
/// packages with some of it inside, in the order of their keys; an error where that is more
/// than one hold takes.
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
    let mut found = Gathered::default();
    let contents =
        if cause.holds_contents() { genealogy.contents(tx, &named, limit).await? } else { Vec::new() };
    let mut goods = found.add(named, cause);
    goods.extend(found.add(contents, Cause::Content));
    let how = if descendants { Made::Ever(genealogy, None) } else { Made::No };
    found.spread(tx, goods, how, limit).await?;
    if found.members.len() > MAX_MEMBERS {
        return Ok(Err(()));
    }
    found.members.sort_by_key(|member| member.key);
    Ok(Ok(found.members))
}

/// The packages with some of these units inside, in the order of their keys.
///
/// # Errors
/// The database.
pub(crate) async fn packages_of(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Member>, Error> {
    let mut found = store::packages(tx, keys, MAX_MEMBERS as i64 + 1).await?;
    found.sort_unstable();
    Ok(found.into_iter().map(|key| Member { key, cause: Cause::Inside, way: None }).collect())
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
    /// Its lot.
    pub lot: Uuid,
    /// The event of its birth.
    pub way: WayIn,
}

/// What comes under a hold now because of units that events up to `moment` named:
/// `touched` are members already, `born` labels of its lot that are not yet. A hold of a
/// plant, and one of the office without what was made of its units, is on what comes to
/// contain them, not on what was made of them before. Beside it the parts of the hold whose
/// members are held in another way now.
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
) -> Result<(Vec<Member>, Vec<i32>), Error> {
    let born_keys: Vec<i64> = born.iter().map(|born| born.key).collect();
    let inside = store::contents::inside(tx, hold_id, touched, &born_keys, MOST_JOINING).await?;
    // What was held for something in it, or as made of something, is held for its own sake now.
    let keys: Vec<i64> = inside.iter().map(|one| one.key).collect();
    let changed = store::contents::hold_wholly(tx, hold_id, &keys).await?;
    let mut ways: HashMap<i64, Option<WayIn>> = HashMap::new();
    let mut found = Gathered { seen: touched.iter().copied().collect(), ..Gathered::default() };
    found.add(born_keys, Cause::Lot);
    ways.extend(born.iter().map(|born| (born.key, Some(born.way.clone()))));
    found.add(inside.iter().map(|one| one.key).collect(), Cause::Content);
    ways.extend(inside.into_iter().map(|one| (one.key, one.way)));
    let mut goods = touched.to_vec();
    goods.extend(found.members.iter().map(|member| member.key));
    if goods.is_empty() {
        return Ok((Vec::new(), changed));
    }
    // What is made of it from now on comes under the hold whatever was asked; only what
    // was made of it before may be left out.
    let how = match hold.descendants && hold.placed.is_none() {
        true => Made::Ever(genealogy, Some(moment)),
        false => Made::Since(hold_id),
    };
    found.spread(tx, goods, how, MOST_JOINING).await?;
    let keys: Vec<i64> = found.members.iter().map(|member| member.key).collect();
    let fresh: HashSet<i64> = store::not_held_by(tx, hold_id, &keys).await?.into_iter().collect();
    let mut members = found.members;
    members.retain(|member| fresh.contains(&member.key));
    let all: Vec<i64> = members.iter().map(|m| m.key).collect();
    let unknown: Vec<i64> = all.iter().copied().filter(|key| !ways.contains_key(key)).collect();
    ways.extend(
        store::ways_in(tx, hold_id, &unknown, &all).await?.into_iter().map(|(key, way)| (key, Some(way))),
    );
    for member in &mut members {
        member.way = ways.remove(&member.key).flatten();
    }
    members.sort_by_key(|member| member.key);
    Ok((members, changed))
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
