//! The audit as a CSV file.

use super::list::AuditEntry;
use crate::web::{csv_line, harmless};

/// The first line.
pub const HEAD: &str = "at,actor,action,subject,before,after,origin\r\n";

/// One line.
#[must_use]
pub fn line(entry: &AuditEntry) -> Vec<u8> {
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
    ];
    csv_line(cells.map(harmless))
}
