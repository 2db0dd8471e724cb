//! What changed among the masters by which units are judged since an import began. Pure.
//!
//! A file is judged anew when its import goes on: by other masters other rows are right, and what
//! is in already is not what the file comes to. Whoever changed them can say what they were.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};

/// A change of a master, as the audit has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// `items:` or `units:`, and the code.
    pub subject: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The base unit of an item before.
    pub before: Option<String>,
    /// And after.
    pub after: Option<String>,
}

/// What of it is still so: for each master since when, what it was and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes(Vec<Change>);

impl Changes {
    /// Of changes in the order in which they were made; what was put back is none.
    #[must_use]
    pub fn of(made: Vec<Change>) -> Self {
        let mut all: BTreeMap<String, Change> = BTreeMap::new();
        for change in made {
            match all.get_mut(&change.subject) {
                Some(first) => (first.at, first.after) = (change.at, change.after),
                None => {
                    all.insert(change.subject.clone(), change);
                }
            }
        }
        let stays = |change: &Change| change.subject.starts_with("units:") || change.before != change.after;
        Self(all.into_values().filter(stays).collect())
    }

    /// Whether nothing is other than it was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, change) in self.0.iter().enumerate() {
            let (_, code) = change.subject.split_once(':').unwrap_or_default();
            let at = change.at.format("%Y-%m-%d %H:%M UTC");
            let between = if index == 0 { "" } else { "; " };
            match (&change.before, &change.after) {
                (Some(before), Some(after)) => {
                    write!(to, "{between}item {code} is kept in {after} since {at}, before in {before}")?;
                }
                (_, Some(after)) => {
                    write!(to, "{between}item {code}, kept in {after}, is among the masters since {at}")?;
                }
                _ => write!(to, "{between}unit {code} is among the masters since {at}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(subject: &str, minute: i64, before: Option<&str>, after: Option<&str>) -> Change {
        let at = DateTime::from_timestamp(1_750_000_020 + minute * 60, 0).unwrap();
        let (before, after) = (before.map(str::to_owned), after.map(str::to_owned));
        Change { subject: subject.to_owned(), at, before, after }
    }

    #[test]
    fn it_is_told_what_each_was_what_it_is_and_since_when() {
        let changes = Changes::of(vec![
            change("items:STEEL", 0, Some("kg"), Some("t")),
            change("units:m2", 1, None, None),
            change("items:STEEL", 2, Some("t"), Some("pcs")),
            change("items:PIN", 3, None, Some("pcs")),
        ]);
        assert_eq!(
            changes.to_string(),
            "item PIN, kept in pcs, is among the masters since 2025-06-15 15:10 UTC; \
             item STEEL is kept in pcs since 2025-06-15 15:09 UTC, before in kg; \
             unit m2 is among the masters since 2025-06-15 15:08 UTC"
        );
        let back = vec![
            change("items:STEEL", 0, Some("kg"), Some("t")),
            change("items:STEEL", 2, Some("t"), Some("kg")),
        ];
        assert!(Changes::of(back).is_empty(), "it is as it was");
    }
}
