//! What is known of a label at its plant.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Where a label is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// Announced but not here yet.
    Expected,
    /// In use.
    Active,
    /// Used up into something else.
    Consumed,
    /// Destroyed.
    Scrapped,
}

/// Whether quality allows its use. Holds are a set beside this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QualityState {
    /// Free to use.
    Unrestricted,
    /// Waiting for an inspection's result.
    InInspection,
    /// Failed inspection.
    Rejected,
}

/// Who or what has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Custody {
    /// At a place in this plant.
    Location {
        /// Place code.
        place: String,
    },
    /// Part of, or packed in, another label.
    Parent {
        /// Key of the parent.
        key: i64,
    },
    /// On the way to another plant (three-character code).
    InTransit {
        /// Destination plant code.
        to: String,
    },
    /// With a customer.
    Customer,
    /// With a supplier or subcontractor.
    Supplier,
}

/// An operation that a label began and may have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationState {
    /// Operation code.
    pub operation: String,
    /// 1 for the first time through, more after rework.
    pub attempt: u32,
    /// Started and not ended.
    pub open: bool,
    /// Result of the last ended attempt; `None` while open or unjudged.
    pub passed: Option<bool>,
    /// A reading since its start was out of its limits.
    #[serde(default)]
    pub out_of_limits: bool,
    /// A reading since its start that has limits could not be trusted.
    #[serde(default)]
    pub doubtful: bool,
}

/// Why a hold was placed here, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldMark {
    /// The event_id of the HOLD.
    pub hold: Uuid,
    /// Reason code; empty where none was given.
    pub reason: String,
    /// Opaque id of the person; empty where nobody was signed in.
    pub operator: String,
}

/// States that events recorded here set while it was not known what the label
/// is: in these the cloud's answer gives way to what happened here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Touched {
    /// Its life.
    pub life: bool,
    /// Its quality.
    pub quality: bool,
    /// Where it is.
    pub custody: bool,
    /// The order it is for.
    pub order: bool,
    /// What is left in it.
    pub quantity: bool,
    /// Its holds were released.
    pub released: bool,
    /// Operations, contents, holds, or what was issued of it.
    pub more: bool,
}

impl Touched {
    /// Whether nothing was set but where it is.
    #[must_use]
    pub fn moved_at_most(&self) -> bool {
        Self { custody: false, ..*self } == Self::default()
    }

    /// Adds what another set.
    pub fn join(&mut self, other: Self) {
        self.life |= other.life;
        self.quality |= other.quality;
        self.custody |= other.custody;
        self.order |= other.order;
        self.quantity |= other.quantity;
        self.released |= other.released;
        self.more |= other.more;
    }

    /// Whether nothing was set.
    #[must_use]
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// What this agent knows of one label. Kept as JSON in the journal's database,
/// also the shape in which the cloud answers a label query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The UID's key.
    pub key: i64,
    /// Item code; empty when unknown here.
    pub item: String,
    /// Lot of which it is a part.
    pub lot: Option<Uuid>,
    /// A container with a quantity, or a unit.
    pub container: bool,
    /// What is left in it, in `unit`; 1 for a unit.
    pub quantity: Option<Decimal>,
    /// The item's base unit.
    pub unit: String,
    /// Life state.
    pub life: Life,
    /// Quality state.
    pub quality: QualityState,
    /// Custody state.
    pub custody: Custody,
    /// Work or production order it is issued to or made for.
    #[serde(default)]
    pub order: Option<String>,
    /// Operations it has been through, latest attempt of each.
    #[serde(default)]
    pub operations: Vec<OperationState>,
    /// Labels that are in it now (assembly and packing).
    #[serde(default)]
    pub children: Vec<i64>,
    /// More is in it than the cloud named.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// How many events of this UID this agent knows of.
    #[serde(default)]
    pub count: u32,
    /// Stage number (proto `Stage`) of the last event.
    #[serde(default)]
    pub last_stage: i32,
    /// Station of the last event.
    #[serde(default)]
    pub last_station: String,
    /// event_id of the last event, for UNDO and CORRECT.
    #[serde(default)]
    pub last_event: Option<Uuid>,
    /// Input whose decision `last_event` is part of.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub last_input: String,
    /// event_id of every event of that decision which names this label, in
    /// order: CORRECT takes back all of a decision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_events: Vec<Uuid>,
    /// How much of it was issued and has not come back, by production order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub issued: BTreeMap<String, Decimal>,
    /// Label print state: allocated, printed, confirmed, spoiled.
    #[serde(default)]
    pub print: String,
    /// How often its label was printed again.
    #[serde(default)]
    pub reprints: u32,
    /// A package or kit: what it holds goes where it goes.
    #[serde(default)]
    pub package: bool,
    /// A kit: its order's assembly takes parts out of it by building them in.
    #[serde(default)]
    pub kit: bool,
    /// Holds placed at this plant's stations, by the event_id of each HOLD.
    /// Those of the office are in the reference data.
    #[serde(default)]
    pub holds: Vec<Uuid>,
    /// Why, and by whom, those of them were placed of which that is known here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hold_marks: Vec<HoldMark>,
    /// When its lot expires.
    #[serde(default)]
    pub expires_on: Option<NaiveDate>,
    /// What was set here of a label that is not known from here, or was not at first.
    #[serde(default, skip_serializing_if = "Touched::none")]
    pub touched: Touched,
    /// When the cloud last told what it is; none where it is known from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<DateTime<Utc>>,
    /// Events of this agent that name it and count as never done by another's word (a
    /// correction by the office): those of which the label here knows already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub void: Vec<Uuid>,
    /// Damage of the plant's disk took what was known of it, or a part: it may be held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// The label as it was before `last_event`, so that a CORRECT can restore
    /// it; its own `before` is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Box<Label>>,
}

impl Label {
    /// A label of which nothing but its key is known.
    #[must_use]
    pub fn new(key: i64) -> Self {
        Self {
            key,
            item: String::new(),
            lot: None,
            container: false,
            quantity: None,
            unit: String::new(),
            life: Life::Active,
            quality: QualityState::Unrestricted,
            custody: Custody::Location { place: String::new() },
            order: None,
            operations: Vec::new(),
            children: Vec::new(),
            incomplete: false,
            count: 0,
            last_stage: 0,
            last_station: String::new(),
            last_event: None,
            last_input: String::new(),
            last_events: Vec::new(),
            issued: BTreeMap::new(),
            print: String::new(),
            reprints: 0,
            package: false,
            kit: false,
            holds: Vec::new(),
            hold_marks: Vec::new(),
            expires_on: None,
            touched: Touched::default(),
            told_at: None,
            void: Vec::new(),
            lost: false,
            before: None,
        }
    }

    /// A label of which nothing can be told any more: it may be held.
    #[must_use]
    pub fn lost(key: i64) -> Self {
        Self { lost: true, ..Self::new(key) }
    }

    /// Whether more than its key is known here.
    #[must_use]
    pub fn known(&self) -> bool {
        !self.item.is_empty() || self.package
    }

    /// Why, and by whom, the holds that stand on it were placed, as far as that is known here.
    pub fn hold_reasons(&self) -> impl Iterator<Item = &HoldMark> {
        self.hold_marks.iter().filter(|mark| self.holds.contains(&mark.hold))
    }

    /// Takes off the holds that the office has released, also of what a correction would
    /// return to. Whether there was one.
    pub fn lift(&mut self, released: &HashSet<Uuid>) -> bool {
        let before = self.holds.len();
        self.holds.retain(|hold| !released.contains(hold));
        self.hold_marks.retain(|mark| !released.contains(&mark.hold));
        let earlier = self.before.as_mut().is_some_and(|label| label.lift(released));
        self.holds.len() < before || earlier
    }
}
