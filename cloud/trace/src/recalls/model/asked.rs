//! What is asked of recalls.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a recall reaches: as asked for, to be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Reach {
    /// One unit.
    Unit {
        /// Its UID.
        uid: String,
        /// And everything that it went into.
        descendants: bool,
    },
    /// A whole lot.
    Lot {
        /// The lot.
        lot: Uuid,
        /// And everything that it went into.
        descendants: bool,
        /// And all others of its item, supplier and supplier's number, those still to come too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deliveries: bool,
    },
    /// A kept set of units.
    Scope {
        /// The scope.
        scope: Uuid,
        /// And everything that they went into.
        descendants: bool,
    },
}

impl Reach {
    /// Whether what they went into is recalled as well.
    #[must_use]
    pub const fn descendants(&self) -> bool {
        match self {
            Self::Unit { descendants, .. }
            | Self::Lot { descendants, .. }
            | Self::Scope { descendants, .. } => *descendants,
        }
    }

    /// The lot of which all deliveries are recalled, those still to come too.
    #[must_use]
    pub const fn delivered(&self) -> Option<Uuid> {
        match self {
            Self::Lot { lot, deliveries: true, .. } => Some(*lot),
            _ => None,
        }
    }
}

/// A recall as a form or a program asks for it: `uid`, `lot` or `scope`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RecallWish)]
pub struct Wish {
    /// `recall`, or `drill`: timed, and touching nothing. A recall when left out.
    pub kind: String,
    /// A UID or a code that stands for one.
    pub uid: String,
    /// Not the UID alone: the whole lot of it.
    pub whole_lot: bool,
    /// A lot: its id, or the supplier's number. With it go all lots of the same item, supplier
    /// and number, whenever and wherever they come.
    pub lot: String,
    /// Of the deliveries of a supplier's lot the named one alone.
    pub delivery_only: bool,
    /// A kept scope.
    pub scope: Option<Uuid>,
    /// And everything that they went into.
    pub descendants: bool,
    /// The recall of which a drill takes the scope.
    pub of: Option<Uuid>,
    /// `class_1`, `class_2`, `class_3`.
    pub severity: String,
    /// Why.
    #[schema(max_length = 500)]
    pub reason: String,
    /// What whoever has a unit is to do with it.
    #[schema(max_length = 2000)]
    pub instructions: String,
    /// Who looks after it; the person who begins it when left out.
    pub owner: Option<Uuid>,
    /// By when all should be accounted for.
    pub target_on: Option<NaiveDate>,
    /// It comes into force by itself once it is approved; so when left out. Where no approval
    /// is asked for it says nothing.
    pub start_when_approved: Option<bool>,
    /// The company whose number it gets; may be left out where there is one alone.
    pub company: String,
}

/// What can be changed in a recall that is not over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RecallChange)]
pub struct Change {
    /// `class_1`, `class_2`, `class_3`.
    pub severity: String,
    /// Why; of a draft alone.
    #[schema(max_length = 500)]
    pub reason: String,
    /// What whoever has a unit is to do with it.
    #[schema(max_length = 2000)]
    pub instructions: String,
    /// Who looks after it.
    pub owner: Option<Uuid>,
    /// By when all should be accounted for.
    pub target_on: Option<NaiveDate>,
    /// It comes into force by itself once it is approved; as it was when left out.
    pub start_when_approved: Option<bool>,
    /// The version that was seen.
    pub version: i32,
}

/// What is said at the end of a recall; may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RecallEnd)]
pub struct End {
    /// In words; needed of a recall that is closed while not all is accounted for: why.
    #[schema(max_length = 2000)]
    pub note: String,
    /// Said expressly that a recall is closed though not all is accounted for. Where all is, and
    /// of drills, it says nothing.
    pub unaccounted: bool,
}

/// What a consignee answers: of one unit with its `outcome`, or the quantities of all
/// that it has in one unit of measure. It stands in the place of its answer before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RecallAnswer)]
pub struct Answer {
    /// Whose answer; may be left out with a `uid`.
    pub consignee: Option<Uuid>,
    /// One unit.
    pub uid: String,
    /// What became of it: `found`, `quarantined`, `returned`, `replaced`, `destroyed`,
    /// `used_up`, `not_found`.
    pub outcome: String,
    /// The unit of measure of the quantities; left out it is the only one, or of several that of
    /// the goods that have none.
    pub unit: String,
    /// Located, of all; says nothing of what became of it.
    pub found: Option<Decimal>,
    /// Set apart.
    pub quarantined: Option<Decimal>,
    /// Sent or brought back.
    pub returned: Option<Decimal>,
    /// Replaced.
    pub replaced: Option<Decimal>,
    /// Destroyed.
    pub destroyed: Option<Decimal>,
    /// Used up before.
    pub used_up: Option<Decimal>,
    /// Looked for, and not found.
    pub not_found: Option<Decimal>,
    /// The document of the replacement.
    #[schema(max_length = 100)]
    pub reference: String,
    /// In words.
    #[schema(max_length = 1000)]
    pub note: String,
    /// When it was so; now when left out.
    pub at: Option<DateTime<Utc>>,
}
