//! The audit as a CSV file.

use std::collections::HashMap;

use super::list::AuditEntry;
use crate::web::{csv_line, harmless};

/// The first line. What is for programs stands first, and stays where it is.
pub const HEAD: &str = "at,actor,action,subject,before,after,origin,actor_name,subject_name,\
                        action_said,subject_said,changes\r\n";

/// One line; names of people and keys stand beside their ids, and after them in the reader's
/// words what was done, to what, and what changed.
#[must_use]
pub fn line(entry: &AuditEntry, names: &HashMap<String, String>, said: [String; 3]) -> Vec<u8> {
    let name = |id: &str| names.get(id).cloned().unwrap_or_default();
    let json =
        |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    let [action_said, subject_said, changes] = said;
    let cells = [
        entry.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        entry.actor.clone(),
        entry.action.clone(),
        entry.subject.clone(),
        json(&entry.before),
        json(&entry.after),
        entry.origin.clone().unwrap_or_default(),
        name(&entry.actor),
        name(&entry.subject),
        action_said,
        subject_said,
        changes,
    ];
    csv_line(cells.map(harmless))
}
