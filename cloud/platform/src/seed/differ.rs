//! What is here otherwise than the files say, for whoever is asked whether it is to be
//! written over. Compared are the rows before and after, within the transaction that is
//! rolled back unless they may.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::model::ReferenceFile;
use super::store;
use crate::db::{DbError, Tx};

/// Columns that say when and by whom, not what.
const BESIDE: [&str; 5] = ["version", "created_at", "created_by", "updated_at", "updated_by"];
/// Columns that are told to differ, and not how.
const SECRET: [&str; 2] = ["badge_hash", "pin_hash"];
/// Longest value that is told, in characters.
const LONGEST: usize = 60;

/// Something that is here with other values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    /// As in `item RM-GEAR`.
    pub what: String,
    /// Column, what it says here, what the file says; none of what the file says in other
    /// words, or of what it leaves out.
    pub columns: Vec<(String, String, String)>,
    /// The file leaves it out of what it lists whole: it goes.
    pub left_out: bool,
}

impl Differing {
    /// Of which only that it differs is known.
    pub(super) fn named(what: &str) -> Self {
        Self { what: what.to_owned(), columns: Vec::new(), left_out: false }
    }
}

impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if self.left_out {
            write!(f, ": not in the file")?;
        }
        for (n, (column, here, there)) in self.columns.iter().enumerate() {
            write!(f, "{} {column} is {here}, in the file {there}", if n == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}

/// Rows by what they are.
pub(super) type Rows = BTreeMap<String, Value>;

/// The tenant's rows that the file is about.
pub(super) async fn rows(tx: &mut Tx, file: &ReferenceFile) -> Result<Rows, DbError> {
    Ok(store::rows(tx, file).await?.into_iter().collect())
}

/// Rows of before that are otherwise after.
pub(super) fn compare(before: &Rows, after: &Rows) -> Vec<Differing> {
    let differing = |(what, here): (&String, &Value)| {
        let Some(there) = after.get(what) else {
            return Some(Differing { what: what.clone(), columns: Vec::new(), left_out: true });
        };
        let columns = columns(here, there);
        (!columns.is_empty()).then(|| Differing { what: what.clone(), columns, left_out: false })
    };
    before.iter().filter_map(differing).collect()
}

fn columns(here: &Value, there: &Value) -> Vec<(String, String, String)> {
    let Some(fields) = here.as_object() else { return Vec::new() };
    let differs = |(name, here): (&String, &Value)| {
        let there = there.get(name).unwrap_or(&Value::Null);
        if BESIDE.contains(&name.as_str()) || here == there {
            return None;
        }
        let hidden = SECRET.contains(&name.as_str());
        let say = |value: &Value| if hidden { "another".to_owned() } else { told(value) };
        let here = if hidden { "one".to_owned() } else { told(here) };
        Some((name.clone(), here, say(there)))
    };
    fields.iter().filter_map(differs).collect()
}

fn told(value: &Value) -> String {
    let text = match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_told_by_column_and_secrets_are_not() {
        let rows = |rows: &[(&str, Value)]| -> Rows {
            rows.iter().map(|(what, row)| ((*what).to_owned(), row.clone())).collect()
        };
        let before = rows(&[
            ("item A", json!({ "gtin": null, "inspect": true, "version": 1 })),
            ("item B", json!({ "gtin": "4006381333931", "version": 1 })),
            ("operator P-1", json!({ "name": "Asha", "badge_hash": "\\x01" })),
            ("BOM line A/30", json!({ "child": "B" })),
        ]);
        let after = rows(&[
            ("item A", json!({ "gtin": "4006381333931", "inspect": false, "version": 2 })),
            ("item B", json!({ "gtin": "4006381333931", "version": 2 })),
            ("item C", json!({ "gtin": null })),
            ("operator P-1", json!({ "name": "Asha", "badge_hash": "\\x02" })),
        ]);
        let told: Vec<String> = compare(&before, &after).iter().map(Differing::to_string).collect();
        assert_eq!(
            told,
            [
                "BOM line A/30: not in the file",
                "item A: gtin is nothing, in the file \"4006381333931\"; inspect is true, in the file false",
                "operator P-1: badge_hash is one, in the file another",
            ]
        );
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(super::told(&json!("न".repeat(100))).chars().count(), LONGEST + 1);
    }
}
