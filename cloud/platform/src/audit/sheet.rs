//! The audit as a CSV file.

use std::fmt::Write;

use super::list::AuditEntry;

/// The first line.
pub const HEAD: &str = "at,actor,action,subject,before,after,origin\r\n";

/// One line.
#[must_use]
pub fn line(entry: &AuditEntry) -> String {
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
    let mut line = String::new();
    for (nth, cell) in cells.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(line, "{}{}", if nth == 0 { "" } else { "," }, quoted(cell));
    }
    line + "\r\n"
}

/// A cell in quotes; what a spreadsheet would take for a formula is made text.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formula_comes_through() {
        assert_eq!(quoted("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(quoted("=1+1"), "\"'=1+1\"");
        assert_eq!(quoted("key:7"), "\"key:7\"");
    }
}
