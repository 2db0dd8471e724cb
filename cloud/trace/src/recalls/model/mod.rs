//! What a recall is, its states, and what leads from one to the next.

mod asked;
mod told;

use platform::web::Permission;

pub use asked::{Answer, Change, End, Reach, Wish};
pub use told::{
    Consignee, Letter, Person, Pile, Recall, RecallPage, Released, Response, ResponsePage, Unit, UnitPage,
};

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
    /// In our own hands.
    #[must_use]
    pub const fn is_in_hand(self) -> bool {
        matches!(self, Self::Stock | Self::Work | Self::Transit)
    }

    /// A recall in force holds it: whatever there is, since what is with a subcontractor or a
    /// customer may come back.
    #[must_use]
    pub const fn is_held(self) -> bool {
        !matches!(self, Self::Consumed | Self::Scrapped)
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
    fn what_is_there_is_held_wherever_it_is() {
        for place in Place::ALL {
            assert_eq!(Place::parse(place.name()), Some(*place));
        }
        assert!(Place::Transit.is_in_hand() && !Place::Customer.is_in_hand());
        assert!(Place::Customer.is_held() && Place::Unknown.is_held() && !Place::Consumed.is_held());
    }
}
