//! Values as texts that sort as the values do, so that an index of texts narrows
//! numbers and days as well. Pure.

use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::super::Wrong;
use super::super::kind::Kind;
use super::store::Bounds;

/// Longest text that is sorted by, in characters.
const LONGEST: usize = 200;
/// A number has twelve digits before the point and six after it.
const MOST: i128 = 1_000_000_000_000_000_000;

/// The text by which a value is found.
pub(in crate::masters) fn sorted(kind: &Kind, text: &str) -> String {
    match kind {
        Kind::Decimal { .. } => Decimal::from_str(text).map_or_else(|_| text.to_owned(), number),
        Kind::Text { .. } => text.to_lowercase().chars().take(LONGEST).collect(),
        _ => text.to_owned(),
    }
}

/// A sign, and digits; of what is below zero, how far it is above the lowest.
fn number(number: Decimal) -> String {
    let millionths = (number * Decimal::from(1_000_000)).trunc().to_i128().unwrap_or_default();
    if millionths >= 0 { format!("1{millionths:018}") } else { format!("0{:018}", MOST + millionths) }
}

/// What a filter of a list asks for: a value, or how a text begins; a range by
/// `from` and `to`, both counted in.
///
/// # Errors
/// When it is no value of this kind.
pub(in crate::masters) fn narrow(kind: &Kind, name: &str, part: &str, given: &str) -> Result<Bounds, Wrong> {
    let value = kind.read(given)?;
    let text = sorted(kind, &Kind::plain(&value));
    let field = name.to_owned();
    let all = Bounds { field, from: String::new(), to: char::MAX.to_string(), exact: false };
    Ok(match part {
        "from" => Bounds { from: text, ..all },
        // The text itself is the end: what is one longer lies behind it.
        "to" => Bounds { to: format!("{text}\u{1}"), ..all },
        "" if matches!(kind, Kind::Text { .. }) => {
            Bounds { to: format!("{text}{}", char::MAX), from: text, ..all }
        }
        _ => Bounds { from: text.clone(), to: text, exact: true, ..all },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> String {
        number(Decimal::from_str(text).unwrap())
    }

    #[test]
    fn numbers_sort_as_they_are() {
        let mut texts =
            ["-999999999999.999999", "-10", "-1.5", "-0.000001", "0", "0.5", "9", "10", "999999999999"];
        let sorted: Vec<String> = texts.iter().map(|text| of(text)).collect();
        assert!(sorted.is_sorted(), "{sorted:?}");
        texts.reverse();
        assert!(!texts.iter().map(|text| of(text)).collect::<Vec<_>>().is_sorted());
    }

    proptest! {
        #[test]
        fn any_two_numbers_sort_as_they_are(a in -999_999_999_999_999_999_i64..999_999_999_999_999_999, b in -999_999_999_999_999_999_i64..999_999_999_999_999_999) {
            let (one, other) = (Decimal::new(a, 6), Decimal::new(b, 6));
            prop_assert_eq!(one.cmp(&other), number(one).cmp(&number(other)));
        }
    }
}
