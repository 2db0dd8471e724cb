//! Names of what the database keeps as numbers.

use proto::v1::{Action, Outcome, Quality, Role, Stage};

/// The stage of a number; an unknown number is [`Stage::Unspecified`].
#[must_use]
pub fn stage(number: i16) -> Stage {
    Stage::try_from(i32::from(number)).unwrap_or(Stage::Unspecified)
}

/// The action of a number.
#[must_use]
pub fn action(number: i16) -> Action {
    Action::try_from(i32::from(number)).unwrap_or(Action::Unspecified)
}

/// `add`, `delete`, or nothing.
#[must_use]
pub fn action_name(number: i16) -> Option<&'static str> {
    match action(number) {
        Action::Add => Some("add"),
        Action::Delete => Some("delete"),
        Action::Unspecified => None,
    }
}

/// `passed`, `failed`, `partial`, or nothing.
#[must_use]
pub fn outcome_name(number: i16) -> Option<&'static str> {
    match Outcome::try_from(i32::from(number)) {
        Ok(Outcome::Passed) => Some("passed"),
        Ok(Outcome::Failed) => Some("failed"),
        Ok(Outcome::Partial) => Some("partial"),
        _ => None,
    }
}

/// The part that a UID plays.
#[must_use]
pub fn role_name(number: i16) -> &'static str {
    match Role::try_from(i32::from(number)) {
        Ok(Role::Input) => "input",
        Ok(Role::Output) => "output",
        Ok(Role::Parent) => "parent",
        Ok(Role::Child) => "child",
        _ => "subject",
    }
}

/// Whether a reading can be trusted.
#[must_use]
pub fn quality_name(number: i16) -> &'static str {
    match Quality::try_from(i32::from(number)) {
        Ok(Quality::Bad) => "bad",
        Ok(Quality::Uncertain) => "uncertain",
        _ => "good",
    }
}

/// How two UIDs are tied.
#[must_use]
pub fn link_name(number: i16) -> &'static str {
    match number {
        2 => "assembly",
        3 => "packing",
        _ => "transformation",
    }
}

/// Whether the specification's lifecycle shows a stage. Labels, refusals and
/// quarantined records are no stages of a life.
#[must_use]
pub fn in_lifecycle(stage: Stage) -> bool {
    !matches!(stage, Stage::Unspecified | Stage::Refused | Stage::Label | Stage::Lost)
}

/// A time as the specification writes it: UTC, whole seconds.
#[must_use]
pub fn timestamp(at: chrono::DateTime<chrono::Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
