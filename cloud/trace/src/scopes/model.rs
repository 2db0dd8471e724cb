//! What is answered of suspects and scopes.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::criteria::conditions;
use crate::explore::model::{CurrentTo, PlantBehind};

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ScopeAsk)]
pub struct Ask {
    /// The conditions: a tree of `all`, `any`, `not`, `event`, `reading`, `contains` and
    /// `is`; see the page on suspects.
    #[serde(deserialize_with = "conditions")]
    pub criteria: Value,
    /// Where the answer before ended: its `next`.
    pub after: Option<String>,
    /// Units of one page at most; 50 when left out.
    #[schema(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// A scope that is to be kept.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = ScopeWish)]
pub struct Wish {
    /// What people call it.
    #[schema(max_length = 200)]
    pub name: String,
    /// The conditions, as for a preview.
    #[serde(deserialize_with = "conditions")]
    pub criteria: Value,
}

/// Units that fit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Suspects {
    /// How many there are, over all pages; where `more`, at least.
    pub total: usize,
    /// A first look did not reach the end: these are of what happened last. A narrower
    /// question, or keeping it as a scope, finds all.
    pub more: bool,
    /// Where `more`: what happened since then was looked at, null where units were not
    /// found by time.
    pub looked_back_to: Option<DateTime<Utc>>,
    /// By item, plant and state, largest first; on the first page only.
    pub groups: Vec<UnitGroup>,
    /// There are more groups than the 200 largest.
    pub groups_cut: bool,
    /// This page, in the order of their UIDs.
    pub units: Vec<Unit>,
    /// Labels from which something was only taken, and which `without_taken` leaves out: how
    /// many, on the first page only; where `more`, at least. Null where that is not known:
    /// looking for them took too long, or more units fit with them than can be counted.
    pub taken_total: Option<usize>,
    /// The first 50 of them.
    pub taken: Vec<Unit>,
    /// Machines, stations, people, operations, readings, plants, reasons, documents and customers
    /// in the conditions that no event of a unit at the caller's plants names, and items, lots and
    /// suppliers that no unit there is of: nothing fits by them yet.
    pub hints: Vec<Hint>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// A name in the conditions that nothing has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScopeHint)]
pub struct Hint {
    /// The path of its field, such as `all[0].event.machine`.
    pub path: String,
    /// The name.
    pub value: String,
}

impl Hint {
    /// The field.
    #[must_use]
    pub fn field(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }
}

/// Units of one item at one plant in one state, by the outermost thing around each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnitGroup {
    /// Item code.
    pub item: String,
    /// Its name; empty when not known.
    pub name: String,
    /// Plant where they are, or were last, with the outermost thing around each.
    pub plant: String,
    /// Life state.
    pub life: &'static str,
    /// Quality state.
    pub quality: &'static str,
    /// Who has them, by the outermost thing around each; `parent` only where of that nothing is known.
    pub custody: &'static str,
    /// How many.
    pub units: i64,
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ScopeUnit)]
pub struct Unit {
    /// Which.
    pub uid: String,
    /// Item code; empty when nothing but events is known of it.
    pub item: String,
    /// The item's name; empty when not known.
    pub name: String,
    /// Plant where it is, or was last, with the outermost thing around it.
    pub plant: String,
    /// Life state.
    pub life: &'static str,
    /// Quality state.
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
    /// What is left on it.
    pub quantity: Option<Decimal>,
    /// Base unit.
    pub unit: String,
}

/// A kept scope.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Scope)]
pub struct ScopeView {
    /// Id.
    pub scope_id: Uuid,
    /// What people call it.
    pub name: String,
    /// The conditions. Null for a caller for some plants who did not ask them: they may
    /// tell of others.
    pub criteria: Option<Value>,
    /// `kept`; `saving` while a job finds and writes its units, `stopped`, `failed`. Only what
    /// is kept is whole, and can be held, recalled and listed.
    pub state: String,
    /// How far the saving is; null once it is kept.
    pub progress: Option<Progress>,
    /// How many UIDs it has; 0 while they are looked for.
    pub members: i32,
    /// The batch to which it was current; decimal text.
    pub through_batch: String,
    /// When it was kept.
    pub created_at: DateTime<Utc>,
    /// By whom; an opaque id.
    pub created_by: String,
    /// The caller may ask again, and delete it.
    pub may_change: bool,
}

/// How far the saving of a wide scope is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ScopeProgress)]
pub struct Progress {
    /// Conditions that were asked, …
    pub asked: i32,
    /// … of how many.
    pub to_ask: i32,
    /// Units that are written, of `members`.
    pub written: i32,
    /// Why it failed: the code of an error of saving a scope.
    pub failure: Option<String>,
    /// The path of the condition that it failed for; empty where it was for no single one.
    pub failed_at: String,
}

/// A page of scopes, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ScopePage {
    /// This page.
    pub scopes: Vec<ScopeView>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A page of a scope's units. It may be shorter by what is at other plants, and still have
/// a next one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ScopeMemberPage)]
pub struct MemberPage {
    /// This page.
    pub units: Vec<Unit>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A scope beside what its conditions find now.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ScopeCompared)]
pub struct Compared {
    /// Units in both.
    pub same: usize,
    /// Units that fit now and are not in the scope: how many, …
    pub new_total: usize,
    /// … and the first 200.
    pub new: Vec<Unit>,
    /// Units of the scope that fit no more: how many, …
    pub gone_total: usize,
    /// … and the first 200.
    pub gone: Vec<Unit>,
    /// Names in the conditions that nothing at the caller's plants has now, as of a preview.
    pub hints: Vec<Hint>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}
