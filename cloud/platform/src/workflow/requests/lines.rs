//! What a request asks for, line by line: goods to buy, material to issue. They lie in
//! its details, beside what an event said.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::i18n::{plain_number, typed_decimal};

/// Lines of a request at most.
pub const MOST_LINES: usize = 200;
/// Longest item, in characters.
pub const MAX_ITEM: usize = 120;
/// Longest note of a line, in characters.
pub const MAX_NOTE: usize = 200;
/// Where they lie among the details.
pub(super) const LINES: &str = "lines";

/// A line of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = RequestLine)]
pub struct Line {
    /// Code or name of what is asked for.
    pub item: String,
    /// How many, or how much: a decimal above zero, with commas between thousands or without;
    /// no `1e5`.
    pub quantity: String,
    /// What else is to be said of it.
    pub note: String,
}

/// A mistake: in which line, counted from 1, in which field, and the key of what is wrong.
pub type Wrong = (Option<usize>, &'static str, &'static str);

/// Whether a text is written as an item's code is: one word in capitals, such as `ITM-00001`.
/// Anything else is a name, and may be of what no master has.
pub(super) fn is_code(item: &str) -> bool {
    item.chars().any(|c| c.is_ascii_uppercase())
        && item
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.' | '/'))
        && item.chars().count() <= 40
}

/// What is wrong with lines, all of it.
#[must_use]
pub fn mistakes(lines: &[Line]) -> Vec<Wrong> {
    if lines.len() > MOST_LINES {
        return vec![(None, LINES, "request-wrong-lines-many")];
    }
    let bad = |text: &str, most: usize| text.chars().count() > most || text.chars().any(char::is_control);
    let mut wrong = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let at = Some(at + 1);
        if line.item.trim().is_empty() || bad(line.item.trim(), MAX_ITEM) {
            wrong.push((at, "item", "request-wrong-item"));
        }
        let quantity = typed_decimal(&line.quantity);
        let fits = |quantity: &Decimal| {
            *quantity > Decimal::ZERO
                && quantity.normalize().scale() <= 6
                && *quantity < Decimal::from(10_i64.pow(12))
        };
        if !quantity.as_ref().is_some_and(fits) {
            wrong.push((at, "quantity", "request-wrong-quantity"));
        }
        if bad(line.note.trim(), MAX_NOTE) {
            wrong.push((at, "note", "request-wrong-note"));
        }
    }
    wrong
}

/// Lines that were judged, as they are kept.
pub(super) fn kept(lines: &[Line]) -> Vec<Line> {
    let trimmed = |line: &Line| Line {
        item: line.item.trim().to_owned(),
        quantity: plain_number(line.quantity.trim()),
        note: line.note.trim().to_owned(),
    };
    lines.iter().map(trimmed).collect()
}

/// The details with these lines among them. What an event said under their name stays.
pub(super) fn among(mut details: Json, lines: &[Line]) -> Json {
    if details.get(LINES).is_some() && of(&details).is_none() {
        return details;
    }
    if let Some(details) = details.as_object_mut() {
        match serde_json::to_value(lines) {
            Ok(lines) if lines != Json::Array(Vec::new()) => drop(details.insert(LINES.to_owned(), lines)),
            _ => drop(details.remove(LINES)),
        }
    }
    details
}

/// The lines among details; `None` where there are none, or an event said something else.
pub(super) fn of(details: &Json) -> Option<Vec<Line>> {
    let lines: Vec<Line> = serde_json::from_value(details.get(LINES)?.clone()).ok()?;
    lines.iter().all(|line| !line.item.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(item: &str, quantity: &str) -> Line {
        Line { item: item.to_owned(), quantity: quantity.to_owned(), note: String::new() }
    }

    #[test]
    fn every_mistake_of_every_line_is_told() {
        assert_eq!(mistakes(&[line("GEAR", "2.5"), line(" Oil ", "1,200")]), []);
        let wrong = mistakes(&[line("", "0"), line("GEAR", "2"), line("a\nb", "ten")]);
        let at: Vec<_> = wrong.iter().map(|(row, field, _)| (row.unwrap(), *field)).collect();
        assert_eq!(at, [(1, "item"), (1, "quantity"), (3, "item"), (3, "quantity")]);
        for quantity in ["1e5", "1E-2", "+2", "1_000", "1,5", "-1"] {
            assert_eq!(mistakes(&[line("GEAR", quantity)]).len(), 1, "{quantity}");
        }
        let many = vec![line("GEAR", "1"); MOST_LINES + 1];
        assert_eq!(mistakes(&many), [(None, "lines", "request-wrong-lines-many")]);
    }

    #[test]
    fn a_code_is_one_word_in_capitals() {
        assert!(["ITM-00001", "NOPE", "M6/20"].into_iter().all(is_code));
        assert!(!["Oil", "bearing 6204", "M6 BOLTS", "8901234567890", "", "तेल"].into_iter().any(is_code));
    }

    #[test]
    fn lines_lie_beside_what_an_event_said() {
        let lines = kept(&[line(" GEAR ", "2")]);
        assert_eq!(kept(&[line("GEAR", " 1,200.50 ")])[0].quantity, "1200.50", "as programs write it");
        let details = among(json!({ "invoice": "INV-1" }), &lines);
        assert_eq!(details["invoice"], "INV-1");
        assert_eq!(of(&details), Some(lines));
        assert_eq!(among(details, &[]), json!({ "invoice": "INV-1" }));
        for said in [json!({ "lines": 3 }), json!({ "lines": [{ "sku": "A" }] })] {
            assert_eq!(of(&said), None);
            assert_eq!(among(said.clone(), &[]), said, "it stays");
        }
    }
}
