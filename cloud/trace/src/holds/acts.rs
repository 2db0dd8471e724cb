//! What was done with held units, and whether the plant could have known. Pure.

use proto::v1::{Action, Role, Stage};

/// A state of the reference data that plants are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    /// The tenant's generation; it rises when the cloud is restored.
    pub generation: i64,
    /// Rises with each row within a generation.
    pub version: i64,
}

impl Version {
    /// Whether who had this had what was told with `told`. What was told before a
    /// restoration is in the set that follows it; what a plant had of a time that
    /// the restored cloud has lost says nothing of what was told since.
    #[must_use]
    pub fn has(self, told: Self) -> bool {
        self.generation >= told.generation && self.version >= told.version
    }
}

/// How an act on a held unit stands to the hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The plant had not got the hold.
    Gap,
    /// It had not, and by the clocks the act was before the hold, or before the unit came
    /// under it, or after it was free, though nobody had told the plant so.
    Earlier,
    /// It had, and a supervisor let it be done.
    Overridden,
    /// It had, and took it all the same.
    Violated,
}

impl Class {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Violated, Self::Gap, Self::Overridden, Self::Earlier];

    /// As the table keeps it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Earlier => "earlier",
            Self::Overridden => "overridden",
            Self::Violated => "violated",
        }
    }

    /// The kind of exception that it opens.
    #[must_use]
    pub fn exception(self) -> Option<&'static str> {
        match self {
            Self::Gap => Some(super::GAP),
            Self::Violated => Some(super::VIOLATED),
            // A supervisor's word opens one of its own; what was before is history.
            Self::Overridden | Self::Earlier => None,
        }
    }
}

/// Classes an act that was told after the hold was committed: whether its plant had
/// the hold, whether it was before or after it by the clocks, and whether a supervisor
/// let it be done.
#[must_use]
pub fn class(had: bool, before: bool, overridden: bool) -> Class {
    match (had, before) {
        (true, _) if overridden => Class::Overridden,
        (true, _) => Class::Violated,
        (false, true) => Class::Earlier,
        (false, false) => Class::Gap,
    }
}

/// Stages of which an act can be one that a hold forbids.
pub const STAGES: [Stage; 17] = [
    Stage::Consume,
    Stage::Transformation,
    Stage::Assembly,
    Stage::Installation,
    Stage::Packing,
    Stage::Kit,
    Stage::IssueToProduction,
    Stage::Operation,
    Stage::Load,
    Stage::Rework,
    Stage::Scrap,
    Stage::Transfer,
    Stage::JobWorkOut,
    Stage::Dispatch,
    Stage::ReturnToSupplier,
    Stage::Demo,
    Stage::Service,
];

/// Whether what was done with a unit is refused at a scanner while it is held, as
/// the agent's stations rule: used up, built in, packed, worked on, issued,
/// destroyed, or sent away.
#[must_use]
pub fn forbidden(stage: Stage, action: Action, role: Role) -> bool {
    let into = action != Action::Delete;
    match stage {
        Stage::Consume | Stage::Transformation => !matches!(role, Role::Output | Role::Parent),
        // In service a part goes into a unit as in assembly.
        Stage::Assembly | Stage::Installation | Stage::Packing | Stage::Kit | Stage::Service => {
            into && role == Role::Child
        }
        // A direction is named where work begins; readings of a machine have none.
        Stage::Operation => action == Action::Add,
        Stage::Load | Stage::Transfer | Stage::Demo => into && role != Role::Parent,
        Stage::IssueToProduction
        | Stage::Rework
        | Stage::Scrap
        | Stage::JobWorkOut
        | Stage::Dispatch
        | Stage::ReturnToSupplier => role != Role::Parent,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restored_cloud_says_nothing_of_what_the_lost_one_told() {
        let v = |generation, version| Version { generation, version };
        assert!(v(1, 9).has(v(1, 9)) && !v(1, 8).has(v(1, 9)));
        assert!(v(2, 9).has(v(1, 9)), "the full set of a restored cloud has what was before");
        assert!(!v(1, 100).has(v(2, 81)), "a version of the lost cloud");
        assert!(!Version::default().has(v(1, 1)), "an agent that says nothing");
    }

    #[test]
    fn what_the_scanner_refuses_is_forbidden() {
        assert!(forbidden(Stage::Packing, Action::Add, Role::Child));
        assert!(!forbidden(Stage::Packing, Action::Delete, Role::Child), "taken out of its box");
        assert!(!forbidden(Stage::Packing, Action::Add, Role::Parent));
        assert!(!forbidden(Stage::Storage, Action::Unspecified, Role::Subject), "put away");
        assert!(!forbidden(Stage::Operation, Action::Delete, Role::Subject));
        assert!(!forbidden(Stage::Transfer, Action::Delete, Role::Subject), "an arrival");
        assert!(forbidden(Stage::Dispatch, Action::Unspecified, Role::Subject));
        assert!(!forbidden(Stage::Transformation, Action::Unspecified, Role::Output));
        assert!(forbidden(Stage::Service, Action::Add, Role::Child), "a spare part is built in");
        assert!(!forbidden(Stage::Service, Action::Delete, Role::Child));
        assert!(!forbidden(Stage::Service, Action::Unspecified, Role::Subject), "a visit");
        for stage in STAGES {
            let some = [Action::Add, Action::Unspecified].into_iter().any(|action| {
                [Role::Subject, Role::Child, Role::Input].into_iter().any(|r| forbidden(stage, action, r))
            });
            assert!(some, "{stage:?}");
        }
    }

    #[test]
    fn an_act_is_classed_by_what_the_plant_had() {
        let told = Version { generation: 1, version: 5 };
        let (old, new) = (Version { generation: 1, version: 4 }, told);
        assert_eq!(class(old.has(told), false, false), Class::Gap);
        assert_eq!(class(old.has(told), true, false), Class::Earlier);
        assert_eq!(class(old.has(told), false, true), Class::Gap, "an override of something else");
        assert_eq!(class(new.has(told), false, false), Class::Violated);
        assert_eq!(class(new.has(told), false, true), Class::Overridden);
    }
}
