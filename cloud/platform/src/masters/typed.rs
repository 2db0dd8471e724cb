//! Sheets as people fill them in: numbers and days as pages write them become what the
//! engine reads. Programs, which send JSON, write them in one form only.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::shape::Shape;
use super::sheet::Sheet;
use crate::i18n::{Months, plain_day, plain_number};

/// The sheet with numbers and days in the engine's form; whatever is neither stays, to be
/// refused beside its cell.
pub(super) fn plain(
    shape: &Shape,
    mut sheet: Sheet,
    heads: &BTreeMap<String, String>,
    months: &Months,
) -> Sheet {
    let kind =
        |head: &String| shape.column(heads.get(&head.trim().to_lowercase())?).map(|column| &column.kind);
    let kinds: Vec<Option<&Kind>> = sheet.head.iter().map(kind).collect();
    for (_, cells) in &mut sheet.rows {
        for (cell, kind) in cells.iter_mut().zip(&kinds).filter(|(cell, _)| !cell.is_empty()) {
            match kind {
                Some(kind) if kind.is_number() => *cell = plain_number(cell),
                Some(Kind::Date) => *cell = plain_day(cell, months),
                _ => {}
            }
        }
    }
    sheet
}
