//! The audit as a CSV file.

use std::collections::HashMap;

use super::list::AuditEntry;
use crate::web::{csv_line, harmless};

/// The first line.
pub const HEAD: &str = "at,actor,action,subject,before,after,origin,actor_name,subject_name\r\n";

/// One line; names of people and keys stand beside their ids.
#[must_use]
pub fn line(entry: &AuditEntry, names: &HashMap<String, String>) -> Vec<u8> {
    let name = |id: &str| names.get(id).cloned().unwrap_or_default();
    let json =
        |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
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
    ];
    csv_line(cells.map(harmless))
}
