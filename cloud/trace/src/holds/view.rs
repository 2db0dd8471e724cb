//! One hold as people and programs see it, and what one would hold before it is
//! placed.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::deliveries::{self, Delivery};
use super::members;
use super::store::{self, one};
use super::{HoldError, Scope};
use crate::explore::error::TraceError;
use crate::explore::holding::HoldingError;
use crate::explore::model::{CurrentTo, PlantBehind};
use crate::explore::names;
use crate::explore::outer::{self, Spot};
use crate::explore::service::{fresh, own_code, uid_text};
use crate::genealogy::Genealogy;
use crate::past;
use crate::projection::state::{Custody, Life, Quality};

/// Most rows of one page.
pub const MOST: usize = 500;
/// Most entries of a history.
const MOST_HISTORY: i64 = 200;
/// Stands where entries of a long history are left out.
const CUT: &str = "hold.cut";

/// Units in the same states at the same plant, by the outermost thing around each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldStates {
    /// Plant; empty while not known.
    pub plant: String,
    /// Their life, as in a trace.
    pub life: &'static str,
    /// Their quality.
    pub quality: &'static str,
    /// Who has them, by the outermost thing around each; `parent` only where of that nothing is known.
    pub custody: &'static str,
    /// How many.
    pub units: i64,
}

/// What a hold would hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldPreview {
    /// How many units.
    pub members: usize,
    /// Of these the ones that were named, or are of the lot.
    pub named: usize,
    /// In packages that were named.
    pub contents: usize,
    /// Made from them.
    pub made: usize,
    /// Packages with some of them inside.
    pub packages: usize,
    /// Where they are, and in which states.
    pub states: Vec<HeldStates>,
    /// Of a lot, all deliveries of its supplier's lot, whether they would be held or not; one
    /// where it came at once, none of what is no lot.
    pub deliveries: Vec<Delivery>,
    /// Whether all of them would be held, and those still to come.
    pub all_deliveries: bool,
    /// The last batch committed before it was read.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// Whether a plant has a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldAtPlant {
    /// Plant.
    pub plant: String,
    /// It has all of it in force.
    pub has: bool,
    /// Since when it has it as it was placed.
    pub since: Option<DateTime<Utc>>,
    /// When it was last heard of.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// Something that was done to a hold.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoldPast {
    /// When.
    pub at: DateTime<Utc>,
    /// Who; opaque id.
    pub actor: String,
    /// `hold.place`, `hold.grow`, `hold.release`.
    pub action: String,
    /// Units that came under it.
    pub joined: Option<i64>,
    /// Packages that were let go.
    pub left: Option<i64>,
}

/// Acts of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActCount {
    /// gap, earlier, overridden, violated.
    pub class: String,
    /// How many.
    pub acts: i64,
}

/// What was asked to be held, as people call it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldAsked {
    /// `label`, `lot`, `scope`, `recall`, `recovered`.
    pub what: String,
    /// A UID, the supplier's number of a lot, the name of a scope, the number of a recall;
    /// of what was held at a plant before a restore that plant. The id where it has no name, or
    /// the caller may not know it.
    pub name: String,
    /// Of a label its UID.
    pub uid: Option<String>,
    /// The id of the lot, the scope or the recall.
    pub id: Option<Uuid>,
    /// Everything made of it is held as well, now and later.
    pub descendants: bool,
    /// Of a lot how many deliveries of its supplier's lot are held by now; else 0.
    pub deliveries: usize,
}

/// A hold, whole.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoldOne {
    /// Id.
    pub hold_id: Uuid,
    /// Why.
    pub reason: String,
    /// For whoever looks at it later.
    pub notes: String,
    /// placed, released.
    pub status: String,
    /// What was asked for.
    pub scope: serde_json::Value,
    /// The same for people.
    pub asked: HoldAsked,
    /// The lots that it is on, the one that was named first: of a supplier's lot those of all
    /// deliveries by now.
    pub lots: Vec<Uuid>,
    /// How many units it holds, or held.
    pub members: i32,
    /// Who answers for it; opaque id.
    pub owner: String,
    /// Their name, where it is known.
    pub owner_name: Option<String>,
    /// Opaque id.
    pub placed_by: String,
    /// When.
    pub placed_at: DateTime<Utc>,
    /// Opaque id.
    pub released_by: Option<String>,
    /// When.
    pub released_at: Option<DateTime<Utc>>,
    /// Why it was released.
    pub release_reason: Option<String>,
    /// Where its units are, and in which states.
    pub states: Vec<HeldStates>,
    /// Which plants have it.
    pub plants: Vec<HoldAtPlant>,
    /// What was done with its units before plants had it, or all the same.
    pub acts: Vec<ActCount>,
    /// What became of it.
    pub history: Vec<HoldPast>,
    /// The last batch committed before it was read.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// A member of a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldMember {
    /// The unit.
    pub uid: String,
    /// scope, lot, content, made, inside, kept.
    pub cause: String,
    /// The member through which it came in later.
    pub via: Option<String>,
    /// When it did, by its plant's clock; null of one that was there at the start.
    pub joined_at: Option<DateTime<Utc>>,
    /// When the last member was taken out of a package: it is held no longer.
    pub left_at: Option<DateTime<Utc>>,
    /// Item code.
    pub item: String,
    /// Plant where it is, or was last, with the outermost thing around it.
    pub plant: String,
    /// Where in a plant of the caller's.
    pub location: String,
    /// Its life.
    pub life: &'static str,
    /// Its quality.
    pub quality: &'static str,
    /// Who has it, by the outermost thing around it; `parent` only where of that nothing is known.
    pub custody: &'static str,
    /// The outermost label that it is in; null where it is in nothing.
    pub inside_of: Option<String>,
    /// Customer or supplier to whom it went, with the outermost thing around it, where the events
    /// tell; empty while it is at a place of ours.
    pub partner: String,
    /// Document by which that left; empty where there is none.
    pub document: String,
}

/// A page of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = HoldMemberPage)]
pub struct MemberPage {
    /// This page.
    pub members: Vec<HoldMember>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Something done with a held unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldAct {
    /// The unit.
    pub uid: String,
    /// What was done.
    pub stage: String,
    /// Where.
    pub plant: String,
    /// When, by the plant's clock.
    pub occurred_at: DateTime<Utc>,
    /// gap, earlier, overridden, violated.
    pub class: String,
}

/// A page of acts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActPage {
    /// This page.
    pub acts: Vec<HoldAct>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

fn life(number: i16) -> &'static str {
    Life::from_number(number).map_or("", Life::name)
}

fn quality(number: i16) -> &'static str {
    Quality::from_number(number).map_or("", Quality::name)
}

fn custody(number: i16) -> &'static str {
    Custody::from_number(number).map_or("", Custody::name)
}

/// In which states these units are, and where, with the outermost thing around each.
async fn states(tx: &mut Tx, keys: &[i64]) -> Result<Vec<HeldStates>, HoldError> {
    let mut counted: BTreeMap<(String, i16, i16, i16), i64> = BTreeMap::new();
    for keys in keys.chunks(outer::COUNTED) {
        let rows = one::states(tx, keys).await?;
        let around = outer::around(tx, rows.iter().map(|row| row.parent_key)).await?;
        for row in &rows {
            let (plant, custody) = outer::place(&around, row.parent_key, (row.plant.as_str(), row.custody));
            *counted.entry((plant.to_owned(), custody, row.life, row.quality)).or_default() += row.count;
        }
    }
    let state = |((plant, had, lived, judged), units)| HeldStates {
        plant,
        life: life(lived),
        quality: quality(judged),
        custody: custody(had),
        units,
    };
    Ok(counted.into_iter().map(state).collect())
}

/// What a scope would hold, and where that is; nothing is changed.
///
/// # Errors
/// [`HoldingError`].
pub async fn preview(
    db: &Db,
    cx: &Cx,
    genealogy: &Genealogy,
    wish: &crate::explore::holding::Wish,
) -> Result<HoldPreview, HoldingError> {
    db.tx(cx, async |tx| {
        let (current_to, plants_behind) = fresh(tx, Utc::now()).await?;
        let scope: Scope = crate::explore::holding::scope_of(tx, wish).await?;
        let found = members::of_scope(tx, genealogy, &scope).await?;
        let keys: Vec<i64> = found.members.iter().map(|member| member.key).collect();
        let of = |causes: &[members::Cause]| {
            found.members.iter().filter(|member| causes.contains(&member.cause)).count()
        };
        let (deliveries, all_deliveries) = match &scope {
            Scope::Lot { lot, deliveries, .. } => {
                (deliveries::of(tx, *lot).await.map_err(HoldError::from)?, *deliveries)
            }
            _ => (Vec::new(), false),
        };
        Ok(HoldPreview {
            members: keys.len(),
            named: of(&[members::Cause::Scope, members::Cause::Lot]),
            contents: of(&[members::Cause::Content]),
            made: of(&[members::Cause::Made]),
            packages: of(&[members::Cause::Inside]),
            states: states(tx, &keys).await?,
            deliveries,
            all_deliveries,
            current_to,
            plants_behind,
        })
    })
    .await
}

/// What a hold was asked for, and what that is called, as far as the caller may know.
async fn asked(tx: &mut Tx, scope: &serde_json::Value, lots: &[Uuid]) -> Result<HoldAsked, HoldError> {
    let text = |field: &str| scope.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
    let mut asked = HoldAsked {
        what: text("what").to_owned(),
        descendants: scope.get("descendants") == Some(&serde_json::Value::Bool(true)),
        ..HoldAsked::default()
    };
    match serde_json::from_value::<Scope>(scope.clone()) {
        Ok(Scope::Label { key, .. }) => {
            let own = own_code(tx).await?;
            asked.name = uid_text(own, key);
            asked.uid = Some(asked.name.clone());
        }
        Ok(Scope::Lot { lot, .. }) => {
            asked.name = deliveries::name(tx, lot).await?.unwrap_or_else(|| lot.to_string());
            (asked.id, asked.deliveries) = (Some(lot), lots.len());
        }
        Ok(Scope::Scope { scope, .. }) => {
            let kept = crate::scopes::store::kept::get(tx, scope).await?;
            asked.name = kept.map_or_else(|| scope.to_string(), |kept| kept.name);
            asked.id = Some(scope);
        }
        Err(_) => {
            let named = [text("number"), text("plant"), text("recall")];
            asked.name = named.into_iter().find(|name| !name.is_empty()).unwrap_or_default().to_owned();
            asked.id = text("recall").parse().ok();
        }
    }
    Ok(asked)
}

/// A hold.
///
/// # Errors
/// [`HoldError::NotFound`], also of one that holds nothing at the caller's plants.
pub async fn find(db: &Db, cx: &Cx, hold_id: Uuid) -> Result<HoldOne, HoldError> {
    db.tx(cx, async |tx| {
        let (current_to, plants_behind) = fresh(tx, Utc::now()).await?;
        let row = one::one(tx, hold_id).await?.ok_or(HoldError::NotFound)?;
        let tenant = tx.tenant();
        let keys = store::members(tx, tenant, hold_id).await?;
        let owner = if row.owner.is_empty() { row.placed_by.clone() } else { row.owner };
        let number = |after: &Option<serde_json::Value>, name: &str| {
            after.as_ref().and_then(|after| after.get(name)).and_then(serde_json::Value::as_i64)
        };
        let lots: Vec<Uuid> = row.lot_id.into_iter().chain(row.more_lots).collect();
        let asked = asked(tx, &row.scope, &lots).await?;
        Ok(HoldOne {
            hold_id,
            asked,
            owner_name: one::name(tx, &owner).await?,
            owner,
            states: states(tx, &keys).await?,
            plants: one::plants(tx, hold_id)
                .await?
                .into_iter()
                .map(|row| HoldAtPlant {
                    plant: row.plant,
                    has: row.has,
                    since: row.had_at,
                    last_seen_at: row.last_seen_at,
                })
                .collect(),
            acts: one::act_counts(tx, hold_id)
                .await?
                .into_iter()
                .map(|(class, acts)| ActCount { class, acts })
                .collect(),
            history: past::of(tx, &format!("hold:{hold_id}"), CUT, MOST_HISTORY)
                .await?
                .into_iter()
                .map(|past| HoldPast {
                    joined: number(&past.after, "joined").or_else(|| number(&past.after, "members")),
                    left: number(&past.after, "left"),
                    at: past.at,
                    actor: past.actor,
                    action: past.action,
                })
                .collect(),
            reason: row.reason,
            notes: row.notes,
            status: row.status,
            scope: row.scope,
            lots,
            members: row.members,
            placed_by: row.placed_by,
            placed_at: row.placed_at,
            released_by: row.released_by,
            released_at: row.released_at,
            release_reason: row.release_reason,
            current_to,
            plants_behind,
        })
    })
    .await
}

/// Where a page goes on, and how long it may be.
fn page<T: std::str::FromStr>(after: Option<&str>, first: T, limit: usize) -> Result<(T, i64), HoldingError> {
    if !(1..=MOST).contains(&limit) {
        let problem = format!("{limit} is not 1 to {MOST}");
        return Err(TraceError::Parameter { field: "limit", problem }.into());
    }
    let after = after.map(str::parse::<T>).transpose().map_err(|_| TraceError::no_place())?;
    Ok((after.unwrap_or(first), i64::try_from(limit + 1).unwrap_or(i64::MAX)))
}

/// Members of a hold; `late` those that came in after it was placed.
///
/// # Errors
/// [`HoldingError`].
pub async fn members(
    db: &Db,
    cx: &Cx,
    hold_id: Uuid,
    late: bool,
    after: Option<&str>,
    limit: usize,
) -> Result<MemberPage, HoldingError> {
    let (after, want) = page(after, 0_i64, limit)?;
    db.tx(cx, async |tx| {
        one::one(tx, hold_id).await.map_err(HoldError::from)?.ok_or(HoldError::NotFound)?;
        let tenant = own_code(tx).await?;
        let plants = tx.plants().clone();
        let mut rows = one::members(tx, hold_id, after, late, want).await.map_err(HoldError::from)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.key.to_string());
        let keys: Vec<i64> = rows.iter().map(|row| row.key).collect();
        let around = outer::with_parents(tx, &keys).await?;
        let left = outer::left(tx, &around, &keys).await?;
        let member = |row: one::MemberRow| {
            let spot = outer::spot((&around, &left), row.key, &plants);
            let own = || Spot::own(custody(row.custody), (row.plant, row.location), &plants);
            let spot = spot.unwrap_or_else(own);
            HoldMember {
                uid: uid_text(tenant, row.key),
                cause: row.cause,
                via: row.via_key.map(|key| uid_text(tenant, key)),
                joined_at: row.joined_at,
                left_at: row.left_at,
                item: row.item,
                plant: spot.plant,
                location: spot.location,
                life: life(row.life),
                quality: quality(row.quality),
                custody: spot.custody,
                inside_of: spot.inside_of.map(|key| uid_text(tenant, key)),
                partner: spot.partner,
                document: spot.document,
            }
        };
        Ok(MemberPage { members: rows.into_iter().map(member).collect(), next })
    })
    .await
}

/// What was done with units of a hold before their plant had it, or all the same.
///
/// # Errors
/// [`HoldingError`].
pub async fn acts(
    db: &Db,
    cx: &Cx,
    hold_id: Uuid,
    after: Option<&str>,
    limit: usize,
) -> Result<ActPage, HoldingError> {
    let (after, want) = page(after, Uuid::nil(), limit)?;
    db.tx(cx, async |tx| {
        one::one(tx, hold_id).await.map_err(HoldError::from)?.ok_or(HoldError::NotFound)?;
        let tenant = own_code(tx).await?;
        let mut rows = one::acts(tx, hold_id, after, want).await.map_err(HoldError::from)?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.act.to_string());
        let act = |row: one::ActRow| HoldAct {
            uid: uid_text(tenant, row.key),
            stage: names::stage(row.stage).as_str_name().to_owned(),
            plant: row.plant,
            occurred_at: row.occurred_at,
            class: row.class,
        };
        Ok(ActPage { acts: rows.into_iter().map(act).collect(), next })
    })
    .await
}
