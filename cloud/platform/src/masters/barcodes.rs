//! Barcodes of items: how they are judged, and what a scan of one stands for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::declare::{Candidate, Fault, Judging};
use super::{Wrong, item_store, rules};
use crate::db::{DbError, Tx};
use crate::openapi::{Operation, group};
use crate::web::{AppState, Caller, Permission, Problem, query};

/// The right to see items.
pub(super) const ITEMS_VIEW: Permission = Permission::read("masters.items.view");

/// Judges barcodes that are to be written: a GTIN has its check digit.
pub(super) fn judge<'a>(_: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    let text = |candidate: &Candidate<'_>, name: &str| {
        candidate.row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let wrong = |(at, candidate): (usize, &Candidate<'a>)| {
        let code = text(candidate, "barcode");
        let checked = if text(candidate, "kind") == "gtin" { gtin(&code) } else { Ok(()) };
        checked.err().map(|wrong| Fault { at, field: "barcode", wrong })
    };
    let faults: Vec<Fault> = rows.iter().enumerate().filter_map(wrong).collect();
    Box::pin(async move { Ok(faults) })
}

/// A GTIN of 8, 12, 13 or 14 digits, as it is printed.
fn gtin(code: &str) -> Result<(), Wrong> {
    if !matches!(code.len(), 8 | 12 | 13 | 14) || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Wrong::new("gtin-printed"));
    }
    rules::gtin(&format!("{code:0>14}"))
}

/// The texts under which a scanned code may be kept: as it is; a GTIN also with and
/// without zeros in front, and out of a GS1 code (`(01)…`, `01…`).
fn candidates(scanned: &str) -> Vec<String> {
    let scanned =
        scanned.trim().trim_start_matches("]C1").trim_start_matches("]d2").trim_start_matches("]E0");
    let mut found = vec![scanned.to_owned()];
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let inside = scanned.strip_prefix("(01)").or_else(|| scanned.strip_prefix("01"));
    let inside = inside.and_then(|rest| rest.get(..14)).filter(|gtin| digits(gtin));
    let bare = if digits(scanned) && scanned.len() <= 14 { Some(scanned) } else { inside };
    if let Some(bare) = bare {
        let short = bare.trim_start_matches('0');
        for width in [8, 12, 13, 14] {
            if short.len() <= width {
                found.push(format!("{short:0>width$}"));
            }
        }
    }
    found.dedup();
    found
}

/// What a scanned code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Scanned {
    /// As it is kept.
    pub barcode: String,
    /// The item's code.
    pub item: String,
    /// The unit in which it is counted; the item's base unit where none is said.
    pub unit: String,
    /// How many of that unit, as a decimal text.
    pub quantity: String,
}

/// What a scanned code stands for: a barcode of an item, else an item's own GTIN;
/// `None` when nothing is known by it.
///
/// # Errors
/// [`DbError`].
pub async fn scanned(tx: &mut Tx, code: &str) -> Result<Option<Scanned>, DbError> {
    if code.len() > 200 || code.contains('\0') {
        return Ok(None);
    }
    let candidates = candidates(code);
    let mut found: BTreeMap<usize, Scanned> = BTreeMap::new();
    for row in item_store::barcodes(tx, &candidates).await? {
        // The code as it was scanned comes before the same with other zeros.
        let at = candidates.iter().position(|candidate| *candidate == row.barcode).unwrap_or(usize::MAX);
        found.entry(at).or_insert(row);
    }
    Ok(found.into_values().next())
}

/// What the route here is, for the description of the API.
pub(super) fn operations() -> Vec<Operation> {
    let scan = Operation::get("/api/v1/scan", "scanBarcode", "The item that a barcode stands for")
        .needs(&ITEMS_VIEW)
        .query::<ScanQuery>()
        .answers::<Scanned>()
        .fails(404, "not_found", "Nothing is known by it.");
    group("Barcodes", [scan])
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ScanQuery {
    /// As the scanner read it.
    #[schema(max_length = 200)]
    code: String,
}

/// `GET /api/v1/scan?code=`
pub(super) async fn scan(
    State(state): State<AppState>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<Scanned>, Problem> {
    caller.require(&ITEMS_VIEW)?;
    let asked = query::<ScanQuery>(&uri)?;
    let found = state.db.tx(&caller.cx, async |tx| scanned(tx, &asked.code).await).await?;
    found.map(Json).ok_or_else(Problem::not_found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gtin_is_found_however_many_zeros_it_has() {
        assert!(candidates("8901234567890").contains(&"08901234567890".to_owned()));
        assert!(candidates("08901234567890").contains(&"8901234567890".to_owned()));
        assert!(candidates("(01)08901234567890(10)A").contains(&"8901234567890".to_owned()));
        assert!(candidates("]C10108901234567890").contains(&"08901234567890".to_owned()));
        assert_eq!(candidates("ABC-1"), ["ABC-1"]);
        assert!(gtin("8901234567890").is_ok() && gtin("96385074").is_ok());
        assert_eq!(gtin("8901234567891").unwrap_err().key, "gtin-check");
        assert_eq!(gtin("89012").unwrap_err().key, "gtin-printed");
    }
}
