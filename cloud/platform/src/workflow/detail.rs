//! What is asked for, in full, as whoever decides sees it; and what of it is another when it
//! comes once more. Pure.

use std::str::FromStr as _;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::i18n::Texts;

/// The longest text that the history repeats, in characters.
const LONGEST: usize = 600;
/// Changes that the history tells at most.
const MOST: usize = 40;
/// The first words of a text, in characters.
const FIRST: usize = 140;

/// What a document asks for, beside the fields that every document has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ApprovalDetail)]
pub struct Detail {
    /// Its other fields.
    pub facts: Vec<Fact>,
    /// What its lines say, in order; none where it has no lines.
    pub columns: Vec<DetailColumn>,
    /// Its lines, each with a text for every column.
    pub lines: Vec<Vec<String>>,
}

impl Detail {
    /// A field, shown as this.
    #[must_use]
    pub fn fact(mut self, fact: Fact) -> Self {
        self.facts.push(fact);
        self
    }

    /// Its lines, under these columns.
    #[must_use]
    pub fn lines(
        mut self,
        columns: impl IntoIterator<Item = DetailColumn>,
        lines: impl IntoIterator<Item = Vec<String>>,
    ) -> Self {
        self.columns = columns.into_iter().collect();
        self.lines = lines.into_iter().collect();
        self
    }
}

/// A field of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ApprovalFact)]
pub struct Fact {
    /// As the document names it.
    pub name: String,
    /// What it holds.
    pub value: String,
    /// The key of what it is called; none: by its name.
    #[serde(skip)]
    pub label: Option<&'static str>,
    /// The key of what is said of its value; none: the value itself.
    #[serde(skip)]
    pub said: Option<String>,
}

impl Fact {
    /// A field with what it holds.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), label: None, said: None }
    }

    /// It is called by the text of this key.
    #[must_use]
    pub fn called(mut self, key: &'static str) -> Self {
        self.label = Some(key);
        self
    }

    /// Its value is told by the text of this key.
    #[must_use]
    pub fn said(mut self, key: String) -> Self {
        self.said = Some(key);
        self
    }

    pub(super) fn value_in(&self, texts: &Texts) -> String {
        self.said.as_ref().map_or_else(|| self.value.clone(), |key| texts.or(key, &self.value))
    }
}

/// A column of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ApprovalColumn)]
pub struct DetailColumn {
    /// As programs name it.
    pub name: &'static str,
    /// The key of what it is called.
    #[serde(skip)]
    pub label: &'static str,
    /// It holds quantities.
    #[serde(skip)]
    pub number: bool,
}

/// Something of a document that is another than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ApprovalChange)]
pub struct Change {
    /// Which field; `lines` for its lines, of which those are told that changed.
    pub field: String,
    /// What it held; empty: nothing.
    pub before: String,
    /// What it holds.
    pub after: String,
}

/// A value as a text.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The beginning of a text.
fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// The first words of a document's text, in one line.
pub(super) fn first_words(document: &Json) -> String {
    let text = document.get("text").map(plain).unwrap_or_default();
    clipped(&text.split_whitespace().collect::<Vec<_>>().join(" "), FIRST)
}

/// The amount of a document with its currency, as programs write it.
fn money(document: &Json) -> String {
    let of = |name: &str| document.get(name).map(plain).unwrap_or_default();
    let amount = of("amount");
    let amount = Decimal::from_str(&amount).map_or(amount, |amount| amount.normalize().to_string());
    if amount.is_empty() { amount } else { format!("{amount} {}", of("currency")).trim().to_owned() }
}

/// What is another in a document than it was, each side with what it asks for in full.
pub(super) fn changes(before: (&Json, &Detail), after: (&Json, &Detail)) -> Vec<Change> {
    let mut found = Vec::new();
    let mut note = |field: &str, before: String, after: String| {
        if before != after {
            found.push(Change {
                field: field.to_owned(),
                before: clipped(&before, LONGEST),
                after: clipped(&after, LONGEST),
            });
        }
    };
    note("amount", money(before.0), money(after.0));
    for name in ["subject", "department", "text"] {
        let of = |document: &Json| document.get(name).map(plain).unwrap_or_default();
        note(name, of(before.0), of(after.0));
    }
    let of = |detail: &Detail, name: &str| {
        let fact = detail.facts.iter().find(|fact| fact.name == name);
        fact.map(|fact| fact.value.clone()).unwrap_or_default()
    };
    for fact in &before.1.facts {
        note(&fact.name, fact.value.clone(), of(after.1, &fact.name));
    }
    for fact in after.1.facts.iter().filter(|fact| before.1.facts.iter().all(|old| old.name != fact.name)) {
        note(&fact.name, String::new(), fact.value.clone());
    }
    let (gone, new) = (without(&before.1.lines, &after.1.lines), without(&after.1.lines, &before.1.lines));
    note("lines", gone, new);
    found.truncate(MOST);
    found
}

/// Lines that the others have not, each in a line; one that is there twice counts twice.
fn without(lines: &[Vec<String>], others: &[Vec<String>]) -> String {
    let mut others: Vec<&Vec<String>> = others.iter().collect();
    let mut left = Vec::new();
    for line in lines {
        match others.iter().position(|other| *other == line) {
            Some(at) => {
                let _same = others.swap_remove(at);
            }
            None => {
                let said = line.iter().map(String::as_str).filter(|text| !text.is_empty());
                left.push(said.collect::<Vec<_>>().join(" · "));
            }
        }
    }
    left.join("\n")
}

/// Changes as the history keeps them.
pub(super) fn kept(changes: &[Change]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    // Texts alone: nothing of them can fail.
    serde_json::to_string(changes).unwrap_or_default()
}

/// Changes that the history kept; `None` of a note that is none of them.
pub(super) fn read(note: &str) -> Option<Vec<Change>> {
    serde_json::from_str(note).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn detail(lines: &[[&str; 2]]) -> Detail {
        let lines = lines.iter().map(|line| line.map(str::to_owned).to_vec());
        Detail::default().lines([], lines).fact(Fact::new("invoice", "INV-1"))
    }

    #[test]
    fn what_changed_is_told_and_nothing_else() {
        let before = json!({ "amount": "60000", "currency": "INR", "subject": "Bearings", "text": "Soon" });
        let after = json!({ "amount": "70000.00", "currency": "INR", "subject": "Bearings", "text": "Soon" });
        let (old, new) =
            (detail(&[["GEAR", "3"], ["OIL", "1"], ["OIL", "1"]]), detail(&[["GEAR", "4"], ["OIL", "1"]]));
        let found = changes((&before, &old), (&after, &new));
        let said: Vec<_> =
            found.iter().map(|one| (one.field.as_str(), one.before.as_str(), one.after.as_str())).collect();
        assert_eq!(said, [("amount", "60000 INR", "70000 INR"), ("lines", "GEAR · 3\nOIL · 1", "GEAR · 4")]);
        assert_eq!(changes((&before, &old), (&before, &old)), []);
        assert_eq!(read(&kept(&found)), Some(found));
        assert_eq!((kept(&[]).as_str(), read(""), read("because")), ("", None, None));
        let other = Detail::default().fact(Fact::new("order", "7"));
        let found = changes((&before, &old), (&json!({}), &other));
        let fields: Vec<_> = found.iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["amount", "subject", "text", "invoice", "order", "lines"]);
        assert_eq!(found[0].after, "");
    }

    #[test]
    fn the_first_words_are_one_line() {
        assert_eq!(first_words(&json!({ "text": " Two\n bearings " })), "Two bearings");
        assert_eq!(first_words(&json!({})), "");
        let long = first_words(&json!({ "text": "తె".repeat(400) }));
        assert_eq!(long.chars().count(), FIRST + 1);
    }
}
