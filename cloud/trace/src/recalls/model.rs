//! What a recall is, its states, and what leads from one to the next.

use chrono::{DateTime, NaiveDate, Utc};
use platform::web::Permission;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::rights::{RECALL_ACTIVATE, RECALL_MANAGE};

/// Most labels of one recall.
pub const MAX_MEMBERS: usize = 200_000;
/// Rows of one page at most.
pub const MOST_LIMIT: usize = 500;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// All of them.
            #[allow(dead_code, reason = "not each of these types is listed")]
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, as stored and as the API shows it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The one of that name.
            #[must_use]
            #[allow(dead_code, reason = "not each of these types is read back")]
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }
        }
    };
}

named!(
    /// A recall, or a drill of one.
    KindOf {
        /// What is in earnest.
        Recall = "recall",
        /// What touches no stock, no hold and no customer.
        Drill = "drill",
    }
);

named!(
    /// How a recall stands.
    Status {
        /// Being prepared: nothing is held, nobody is told.
        Draft = "draft",
        /// In force.
        Active = "active",
        /// Over.
        Closed = "closed",
        /// Never came into force, or a drill that was broken off.
        Cancelled = "cancelled",
    }
);

named!(
    /// What somebody does with a recall as a whole.
    Action {
        /// Puts it into force: holds, notices, letters.
        Activate = "activate",
        /// Ends it.
        Close = "close",
        /// Drops it.
        Cancel = "cancel",
    }
);

named!(
    /// Where a unit was when the snapshot was taken.
    Place {
        /// At a plant, free or in inspection.
        Stock = "stock",
        /// At a plant, issued to an order.
        Work = "work",
        /// Between two plants.
        Transit = "transit",
        /// Gone to a customer.
        Customer = "customer",
        /// Installed at a customer.
        Installed = "installed",
        /// With a supplier or subcontractor.
        Supplier = "supplier",
        /// Used up: it is in others, which are units of their own.
        Consumed = "consumed",
        /// Scrapped before.
        Scrapped = "scrapped",
        /// Its label was never put on anything.
        Expected = "expected",
        /// Nothing is known of it but its label.
        Unknown = "unknown",
    }
);

impl Place {
    /// In our own hands, so that a hold reaches it.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Stock | Self::Work | Self::Transit)
    }
}

named!(
    /// Who has units.
    Holder {
        /// A plant of ours.
        Plant = "plant",
        /// A customer.
        Customer = "customer",
        /// A place at a customer where units are installed.
        Installation = "installation",
        /// A supplier or subcontractor.
        Supplier = "supplier",
    }
);

named!(
    /// How it stands with a consignee.
    Told {
        /// Not told yet.
        ToNotify = "to_notify",
        /// Told.
        Notified = "notified",
        /// Has said that it heard.
        Acknowledged = "acknowledged",
        /// Was told, and says nothing.
        NoAnswer = "no_answer",
    }
);

named!(
    /// What became of a unit.
    Outcome {
        /// Located; not accounted for yet.
        Found = "found",
        /// Set apart.
        Quarantined = "quarantined",
        /// Sent or brought back.
        Returned = "returned",
        /// Replaced, the old one set apart by whoever has it.
        Replaced = "replaced",
        /// Destroyed.
        Destroyed = "destroyed",
        /// Used up before it could be stopped.
        UsedUp = "used_up",
        /// Looked for, and not found.
        NotFound = "not_found",
    }
);

/// How severe: of most consequence first.
pub const SEVERITIES: [&str; 3] = ["class_1", "class_2", "class_3"];

/// One way from a state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Of recalls, or of drills.
    pub kind: KindOf,
    /// From which state.
    pub from: Status,
    /// By what.
    pub action: Action,
    /// To which state.
    pub to: Status,
    /// The right that it takes.
    pub right: Permission,
}

/// All ways from a state to another. Buttons, API and tests go by it.
pub const TRANSITIONS: &[Transition] = &[
    Transition {
        kind: KindOf::Recall,
        from: Status::Draft,
        action: Action::Activate,
        to: Status::Active,
        right: RECALL_ACTIVATE,
    },
    Transition {
        kind: KindOf::Recall,
        from: Status::Draft,
        action: Action::Cancel,
        to: Status::Cancelled,
        right: RECALL_MANAGE,
    },
    Transition {
        kind: KindOf::Recall,
        from: Status::Active,
        action: Action::Close,
        to: Status::Closed,
        right: RECALL_ACTIVATE,
    },
    Transition {
        kind: KindOf::Drill,
        from: Status::Active,
        action: Action::Close,
        to: Status::Closed,
        right: RECALL_MANAGE,
    },
    Transition {
        kind: KindOf::Drill,
        from: Status::Active,
        action: Action::Cancel,
        to: Status::Cancelled,
        right: RECALL_MANAGE,
    },
];

/// The way that an action takes from a state, if there is one.
#[must_use]
pub fn transition(kind: KindOf, from: Status, action: Action) -> Option<&'static Transition> {
    TRANSITIONS.iter().find(|way| way.kind == kind && way.from == from && way.action == action)
}

/// What can be done in a state.
pub fn ways(kind: KindOf, from: Status) -> impl Iterator<Item = &'static Transition> {
    TRANSITIONS.iter().filter(move |way| way.kind == kind && way.from == from)
}

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
    /// A lot: its id, or the supplier's number.
    pub lot: String,
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
    /// The version that was seen.
    pub version: i32,
}

/// A recall or a drill.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Recall {
    /// Id.
    pub recall_id: Uuid,
    /// `recall` or `drill`.
    pub kind: String,
    /// `draft`, `active`, `closed`, `cancelled`.
    pub status: String,
    /// The company whose number it has.
    pub company: String,
    /// The number: `RCL-2026-0001`.
    pub number: String,
    /// `class_1`, `class_2`, `class_3`.
    pub severity: String,
    /// Why.
    pub reason: String,
    /// What whoever has a unit is to do with it.
    pub instructions: String,
    /// Who looks after it.
    pub owner: Option<Uuid>,
    /// What was asked for.
    #[schema(value_type = Object)]
    pub scope: serde_json::Value,
    /// The same, for people.
    pub scope_name: String,
    /// The recall that a drill is of.
    pub of_recall: Option<Uuid>,
    /// The batch to which the snapshot is current.
    pub through_batch: i64,
    /// When the snapshot was taken.
    pub snapshot_at: DateTime<Utc>,
    /// How long it took to find and locate everything, in milliseconds.
    pub snapshot_ms: i32,
    /// How many labels it has.
    pub members: i32,
    /// By when all should be accounted for.
    pub target_on: Option<NaiveDate>,
    /// When it came into force; of a drill, when it began.
    pub activated_at: Option<DateTime<Utc>>,
    /// Opaque id.
    pub activated_by: Option<String>,
    /// Labels of stock, work in progress and transit that are to be held.
    pub to_hold: i32,
    /// Those of them that are held by now.
    pub held: i32,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Opaque id.
    pub ended_by: Option<String>,
    /// What was said at its end.
    pub ended_note: String,
    /// For a change that must not overwrite another's.
    pub version: i32,
    /// When it was begun.
    pub created_at: DateTime<Utc>,
    /// Opaque id.
    pub created_by: String,
}

impl Recall {
    /// Who looks after it, as the audit writes them: its owner, else whoever began it.
    #[must_use]
    pub fn owned_by(&self) -> String {
        self.owner.map_or_else(|| self.created_by.clone(), |owner| format!("user:{owner}"))
    }

    /// Whether it is in earnest.
    #[must_use]
    pub fn kind_of(&self) -> KindOf {
        KindOf::parse(&self.kind).unwrap_or(KindOf::Drill)
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self) -> Status {
        Status::parse(&self.status).unwrap_or(Status::Closed)
    }

    /// How long a drill took from its beginning to its end, in seconds.
    #[must_use]
    pub fn took_seconds(&self) -> Option<i64> {
        Some((self.ended_at? - self.created_at).num_seconds())
    }
}

/// Recalls, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RecallPage {
    /// This page.
    pub recalls: Vec<Recall>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// Whoever has units of a recall.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallConsignee)]
pub struct Consignee {
    /// Id.
    pub consignee_id: Uuid,
    /// `plant`, `customer`, `installation`, `supplier`.
    pub kind: String,
    /// Code of the plant or partner; of an unknown partner the document that it left by.
    pub code: String,
    /// Where units are installed.
    pub place: String,
    /// The name.
    pub name: String,
    /// `to_notify`, `notified`, `acknowledged`, `no_answer`.
    pub state: String,
    /// When it was told.
    pub notified_at: Option<DateTime<Utc>>,
    /// When it said that it heard.
    pub acknowledged_at: Option<DateTime<Utc>>,
    /// Labels that it has.
    pub labels: i64,
    /// Letters that were written to it.
    pub letters: i64,
}

/// A unit of a recall.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallUnit)]
pub struct Unit {
    /// The UID.
    pub uid: String,
    /// What it is.
    pub item: String,
    /// How much of it.
    pub quantity: Decimal,
    /// In which unit of measure.
    pub unit: String,
    /// Where it was: `stock`, `work`, `transit`, `customer`, `installed`, `supplier`,
    /// `consumed`, `scrapped`, `expected`, `unknown`.
    pub place: String,
    /// At which plant, or the last one.
    pub plant: String,
    /// Where there.
    pub location: String,
    /// By which document it left.
    pub document: String,
    /// Who has it.
    pub consignee: String,
    /// The hold that was placed on it.
    pub hold: Option<Uuid>,
    /// The recalled unit that it is a part of, and that is counted for both.
    pub inside_of: Option<String>,
}

/// Units, by UID.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallUnitPage)]
pub struct UnitPage {
    /// This page.
    pub units: Vec<Unit>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// How many units were where.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallPile)]
pub struct Pile {
    /// Where.
    pub place: String,
    /// At which plant.
    pub plant: String,
    /// In which unit of measure.
    pub unit: String,
    /// Labels.
    pub labels: i64,
    /// How much.
    pub quantity: Decimal,
}

/// A letter to somebody at a consignee.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallLetter)]
pub struct Letter {
    /// Id; the mail's Message-ID begins with it.
    pub letter_id: Uuid,
    /// Whose contact.
    pub consignee_id: Uuid,
    /// Whom.
    pub name: String,
    /// Where.
    pub email: String,
    /// In which language.
    pub language: String,
    /// When it was written.
    pub written_at: DateTime<Utc>,
    /// `waiting`, `sent`, `dead`, `void`.
    pub state: String,
    /// When it was sent or given up.
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it was not sent.
    pub last_error: String,
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
    /// The unit of measure of the quantities; may be left out where there is one alone.
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

/// An answer, as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallResponse)]
pub struct Response {
    /// Id.
    pub response_id: Uuid,
    /// Whose.
    pub consignee_id: Uuid,
    /// Of this unit alone.
    pub uid: Option<String>,
    /// The unit of measure.
    pub unit: String,
    /// Located.
    pub found: Decimal,
    /// Set apart.
    pub quarantined: Decimal,
    /// Sent or brought back.
    pub returned: Decimal,
    /// Replaced.
    pub replaced: Decimal,
    /// Destroyed.
    pub destroyed: Decimal,
    /// Used up before.
    pub used_up: Decimal,
    /// Looked for, and not found.
    pub not_found: Decimal,
    /// The document of the replacement.
    pub reference: String,
    /// In words.
    pub note: String,
    /// When it was so.
    pub at: DateTime<Utc>,
    /// The plant's event that says so.
    pub event_id: Option<Uuid>,
    /// Opaque id of who entered it.
    pub created_by: String,
}

/// Answers, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallResponsePage)]
pub struct ResponsePage {
    /// This page.
    pub responses: Vec<Response>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_is_reached_and_none_that_is_over_is_left() {
        for way in TRANSITIONS {
            assert!(!matches!(way.from, Status::Closed | Status::Cancelled), "{way:?}");
            assert_ne!(way.from, way.to);
        }
        let ways: BTreeSet<_> = TRANSITIONS.iter().map(|way| (way.kind, way.from, way.action)).collect();
        assert_eq!(ways.len(), TRANSITIONS.len(), "an action leads from a state to one other");
        // A drill never comes into force: that holds stock and writes to customers.
        assert!(transition(KindOf::Drill, Status::Active, Action::Activate).is_none());
        assert!(transition(KindOf::Drill, Status::Draft, Action::Activate).is_none());
        assert_eq!(ways_of(KindOf::Recall, Status::Draft), [Action::Activate, Action::Cancel]);
        assert_eq!(ways_of(KindOf::Recall, Status::Active), [Action::Close]);
    }

    fn ways_of(kind: KindOf, from: Status) -> Vec<Action> {
        super::ways(kind, from).map(|way| way.action).collect()
    }

    #[test]
    fn what_is_in_our_hands_is_held() {
        for place in Place::ALL {
            assert_eq!(Place::parse(place.name()), Some(*place));
        }
        assert!(Place::Transit.is_held() && !Place::Customer.is_held());
    }
}
