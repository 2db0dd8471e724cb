//! What can be wrong with a value: what is said of it, and what to do.

use std::collections::HashMap;

use crate::i18n::{Texts, Value};

/// What is wrong with one value. The texts are `masters-wrong-<key>`, which says
/// what, and `masters-fix-<key>`, which says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which, of the texts.
    pub key: String,
    /// What the texts say besides.
    pub args: Vec<(&'static str, String)>,
}

/// Longest value that a message says, in characters.
const LONGEST: usize = 300;

impl Wrong {
    /// Without anything besides.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), args: Vec::new() }
    }

    /// With a value that the texts say.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        let mut value = value.to_string();
        // A message says a value back, and nobody reads a megabyte.
        if let Some((end, _)) = value.char_indices().nth(LONGEST) {
            value.truncate(end);
            value.push_str(" …");
        }
        self.args.push((name, value));
        self
    }

    fn text(&self, texts: &Texts, prefix: &str) -> String {
        let args: Vec<(&str, Value<'_>)> =
            self.args.iter().map(|(name, value)| (*name, Value::from(value.as_str()))).collect();
        texts.with(&format!("{prefix}-{}", self.key), &args)
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self, texts: &Texts) -> String {
        self.text(texts, "masters-wrong")
    }

    /// What to do.
    #[must_use]
    pub fn fix(&self, texts: &Texts) -> String {
        self.text(texts, "masters-fix")
    }
}

/// Mistakes that say the same of the same value: told once, with the first of their rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group<'m> {
    /// The first of them.
    pub mistake: &'m Mistake,
    /// Their rows, at most [`FIRST`].
    pub rows: Vec<usize>,
    /// How many they are.
    pub count: usize,
}

/// Rows of a group that are named: as many as somebody mends by hand.
pub(super) const FIRST: usize = 100;

/// What a mistake says: field, what was found, key and arguments of its text.
type Says<'m> = (&'m str, &'m str, &'m str, &'m [(&'static str, String)]);

/// Mistakes by what they say, in the order in which each came first.
pub(super) fn grouped(mistakes: &[Mistake]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<Says<'_>, usize> = HashMap::new();
    for mistake in mistakes {
        let Mistake { field, found, wrong, .. } = mistake;
        let says = (field.as_str(), found.as_str(), wrong.key.as_str(), wrong.args.as_slice());
        let at = *places.entry(says).or_insert_with(|| {
            groups.push(Group { mistake, rows: Vec::new(), count: 0 });
            groups.len() - 1
        });
        let group = &mut groups[at];
        group.count += 1;
        if group.rows.len() < FIRST {
            group.rows.extend(mistake.row);
        }
    }
    groups
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The row of a file, as the person sees it there; `None` of a form.
    pub row: Option<usize>,
    /// The field; empty for the row as a whole.
    pub field: String,
    /// What stands there; empty where a message must not repeat it.
    pub found: String,
    /// What is wrong.
    pub wrong: Wrong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_mistake_is_told_once_with_its_first_rows() {
        let at = |row: usize, found: &str| Mistake {
            row: Some(row),
            field: "base_unit".into(),
            found: found.into(),
            wrong: Wrong::new("missing"),
        };
        let mut all: Vec<Mistake> = (2..5002).map(|row| at(row, "NOS")).collect();
        all.insert(1, at(3, "KG"));
        all.push(Mistake { wrong: Wrong::new("missing-near").with("near", "kg"), ..at(9, "KG") });
        let groups = grouped(&all);
        let told: Vec<(&str, usize, &[usize])> =
            groups.iter().map(|one| (one.mistake.found.as_str(), one.count, one.rows.as_slice())).collect();
        let first: Vec<usize> = (2..2 + FIRST).collect();
        assert_eq!(told, [("NOS", 5000, first.as_slice()), ("KG", 1, &[3]), ("KG", 1, &[9])]);
    }
}
