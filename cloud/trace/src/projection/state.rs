//! The three independent states of a UID, and what else the registry keeps.

use chrono::{DateTime, Utc};
use proto::v1::Stage;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::explore::order::Stamp;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// The number under which the database keeps it.
            #[must_use]
            pub const fn number(self) -> i16 {
                match self { $(Self::$variant => $number),+ }
            }

            /// The name that the API shows.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// From the database's number.
            #[must_use]
            pub const fn from_number(number: i16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

numbered!(
    /// Where a label is in its life.
    Life {
        /// Printed or announced, not yet on anything.
        Expected = 1 "expected",
        /// In use.
        Active = 2 "active",
        /// Used up.
        Consumed = 3 "consumed",
        /// Destroyed.
        Scrapped = 4 "scrapped",
    }
);

numbered!(
    /// Whether quality allows its use; holds are a set beside it.
    Quality {
        /// Free to use.
        Unrestricted = 1 "unrestricted",
        /// Waits for a verdict.
        InInspection = 2 "in_inspection",
        /// Failed.
        Rejected = 3 "rejected",
    }
);

numbered!(
    /// Who or what has it.
    Custody {
        /// At a place of ours.
        Location = 1 "location",
        /// A part of, or packed in, another label.
        Parent = 2 "parent",
        /// Between two plants.
        Transit = 3 "in_transit",
        /// Gone to a customer.
        Customer = 4 "customer",
        /// With a supplier or subcontractor.
        Supplier = 5 "supplier",
    }
);

/// What the registry says of one UID: the result of folding its facts.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Life.
    pub life: Life,
    /// Quality.
    pub quality: Quality,
    /// Custody, of the label itself; a part is in its parent wherever that is.
    pub custody: Custody,
    /// Plant where it is, or was last.
    pub plant: String,
    /// Place in the plant.
    pub location: String,
    /// What it is in now.
    pub parent: Option<i64>,
    /// Item code; empty while unknown.
    pub item: String,
    /// Lot, where known.
    pub lot: Option<Uuid>,
    /// What is left on the label, in `unit`; `None` while unknown.
    pub quantity: Option<Decimal>,
    /// Base unit.
    pub unit: String,
    /// Production order for which it was issued or made.
    pub order: String,
    /// When the last fact happened that moved it on ([`moves_on`]); before the first such
    /// one, when it was first heard of.
    pub last_at: Option<DateTime<Utc>>,
    /// What that fact was.
    pub last_stage: Stage,
    /// Own facts that count, corrections among them.
    pub events: i32,
    /// It counts as stock at `plant` and `location`.
    pub stocked: bool,
    /// What it is in only carries it: it is content, not a part.
    pub packed: bool,
    /// A container with a quantity, of which a part may be used.
    pub container: bool,
    /// Operations whose last attempt failed; a dispatch all the same is told.
    pub failed: std::collections::BTreeSet<String>,
    /// The last inspection's verdict.
    pub verdict: Quality,
    /// The fact that used it up or scrapped it.
    pub ended_by: Option<Stamp>,
    /// The fact that put it into its parent.
    pub joined_by: Option<Stamp>,
    /// Packages that it came back without: its return took it out of there, and a taking-out
    /// that is booked afterwards says the same again.
    pub left_behind: Vec<i64>,
    /// The fact that sent it off, while it has not come back or arrived.
    pub left_by: Option<(Stamp, Stage)>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            life: Life::Expected,
            quality: Quality::Unrestricted,
            custody: Custody::Location,
            plant: String::new(),
            location: String::new(),
            parent: None,
            item: String::new(),
            lot: None,
            quantity: None,
            unit: String::new(),
            order: String::new(),
            last_at: None,
            last_stage: Stage::Unspecified,
            events: 0,
            stocked: false,
            packed: false,
            container: false,
            failed: std::collections::BTreeSet::new(),
            verdict: Quality::Unrestricted,
            ended_by: None,
            joined_by: None,
            left_behind: Vec::new(),
            left_by: None,
        }
    }
}

impl State {
    /// Quantity on the label where it is known, else one piece.
    #[must_use]
    pub fn amount(&self) -> Decimal {
        self.quantity.unwrap_or(Decimal::ONE)
    }
}

/// Whether a fact of this stage says where a UID stands on its way. A refusal, a label, a
/// hold and its release, an inspection, a sample, a count or a new owner do not: what was
/// in work stays in work, and as old as it was.
#[must_use]
pub fn moves_on(stage: Stage) -> bool {
    !matches!(
        stage,
        Stage::Unspecified
            | Stage::Refused
            | Stage::Label
            | Stage::Hold
            | Stage::Release
            | Stage::Inspection
            | Stage::Sample
            | Stage::Count
            | Stage::OwnerChange
            | Stage::Correct
    )
}

/// Whether a UID in a plant whose last such fact was of this stage is in work. What is
/// issued, kitted, taken from or made of something else is so under an order only: without
/// one it is a container at the store, or what a merchant divides. The index
/// `uid_registry_in_work` and the dashboards' queries say the same in SQL.
#[must_use]
pub fn in_work(stage: Stage, order: &str) -> bool {
    match stage {
        Stage::Operation | Stage::Load | Stage::Rework | Stage::Assembly => true,
        Stage::IssueToProduction | Stage::Kit | Stage::Consume | Stage::Transformation => !order.is_empty(),
        _ => false,
    }
}
