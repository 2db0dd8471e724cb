//! Barcodes of items: how they are judged, and what a scan of one stands for.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::declare::{Candidate, Fault, Judging};
use super::{Row, Wrong, item_store, rules, text_of as of};
use crate::db::{DbError, Tx};
use crate::openapi::{Operation, group};
use crate::web::{AppState, Caller, Permission, Problem, query};

/// The right to see items.
pub(super) const ITEMS_VIEW: Permission = Permission::read("masters.items.view");

/// A code that an item has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Coded {
    /// As it is kept.
    pub code: String,
    /// The item's code.
    pub item: String,
    /// It is the item's own GTIN, and no barcode.
    pub own: bool,
}

/// Judges barcodes that are to be written: a GTIN has its check digit, and what a scanner reads
/// stands for one item, whatever zeros are in front of it.
pub(super) fn judge<'a>(tx: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    Box::pin(async move {
        let codes: Vec<String> = rows.iter().flat_map(|row| candidates(of(row.row, "barcode"))).collect();
        let there = item_store::coded(tx, &codes).await?;
        Ok(judged(&there, rows))
    })
}

/// What is wrong with barcodes beside the codes that are there. Pure.
fn judged(there: &[Coded], rows: &[Candidate<'_>]) -> Vec<Fault> {
    let written: HashSet<&str> = rows.iter().map(|row| of(row.row, "barcode")).collect();
    let mut known: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    // Those that are written count as they will be.
    for one in there.iter().filter(|one| one.own || !written.contains(one.code.as_str())) {
        known.entry(&one.code).or_default().insert(&one.item);
    }
    let mut faults = Vec::new();
    for (at, candidate) in rows.iter().enumerate() {
        let (code, item) = (of(candidate.row, "barcode"), of(candidate.row, "item"));
        if of(candidate.row, "kind") == "gtin"
            && let Err(wrong) = gtin(code)
        {
            faults.push(Fault { at, field: "barcode", wrong });
            continue;
        }
        // A rule that came later does not lock what was written before.
        let new = candidate.before.is_none_or(|before| of(before, "item") != item);
        let forms = candidates(code);
        let items = forms.iter().filter_map(|form| known.get(form.as_str())).flatten();
        let other = items.copied().find(|other| *other != item);
        if let Some(other) = other.filter(|_| new) {
            faults.push(Fault { at, field: "barcode", wrong: Wrong::new("taken").with("key", other) });
            continue;
        }
        known.entry(code).or_default().insert(item);
    }
    faults
}

/// Judges the GTINs of items that are to be written: none is printed as the barcode of another
/// item. Two items with the same are told as what only one may have.
pub(super) async fn gtins(tx: &mut Tx, rows: &[Candidate<'_>]) -> Result<Vec<Fault>, DbError> {
    let is_new = |row: &Row, before: Option<&Row>| {
        let code = of(row, "gtin");
        !code.is_empty() && before.is_none_or(|before| of(before, "gtin") != code)
    };
    let new: Vec<(usize, &Row)> = rows
        .iter()
        .enumerate()
        .filter(|(_, one)| is_new(one.row, one.before))
        .map(|(at, one)| (at, one.row))
        .collect();
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let codes: Vec<String> = new.iter().flat_map(|(_, row)| candidates(of(row, "gtin"))).collect();
    let there = item_store::coded(tx, &codes).await?;
    let known: HashMap<&str, &str> =
        there.iter().filter(|one| !one.own).map(|one| (one.code.as_str(), one.item.as_str())).collect();
    let mut faults = Vec::new();
    for (at, row) in new {
        let forms = candidates(of(row, "gtin"));
        let mut items = forms.iter().filter_map(|form| known.get(form.as_str()).copied());
        if let Some(other) = items.find(|other| *other != of(row, "item")) {
            faults.push(Fault { at, field: "gtin", wrong: Wrong::new("taken").with("key", other) });
        }
    }
    Ok(faults)
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
/// `None` when nothing is known by it, or it may be of more than one item.
///
/// # Errors
/// [`DbError`].
pub async fn scanned(tx: &mut Tx, code: &str) -> Result<Option<Scanned>, DbError> {
    if code.len() > 200 || code.contains('\0') {
        return Ok(None);
    }
    let candidates = candidates(code);
    let mut found: BTreeMap<usize, Scanned> = BTreeMap::new();
    let rows = item_store::barcodes(tx, &candidates).await?;
    let mut items = rows.iter().map(|row| &row.item);
    let first = items.next();
    if items.any(|item| Some(item) != first) {
        return Ok(None);
    }
    for row in rows {
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

    #[test]
    fn a_printed_code_is_of_one_item() {
        let row = |code: &str, item: &str| -> Row {
            [("barcode", code), ("item", item), ("kind", "gtin")]
                .map(|(name, value)| (name.to_owned(), value.into()))
                .into_iter()
                .collect()
        };
        let faults = |there: &[Coded], rows: &[(&Row, Option<&Row>)]| -> Vec<(usize, String)> {
            let rows: Vec<Candidate<'_>> =
                rows.iter().map(|(row, before)| Candidate { row, before: *before }).collect();
            let found = judged(there, &rows).into_iter();
            found.map(|fault| (fault.at, format!("{} {}", fault.wrong.key, fault.wrong.args[0].1))).collect()
        };
        let coded = |code: &str, own: bool| Coded { code: code.to_owned(), item: "A".to_owned(), own };
        let (short, long) = (row("96385074", "A"), row("0000096385074", "A"));
        let other = row("00000096385074", "B");
        // Of a file the second is told; one item may have several.
        let file = [(&short, None), (&long, None), (&other, None)];
        assert_eq!(faults(&[], &file), [(2, "taken A".to_owned())]);
        for there in [coded("96385074", false), coded("00000096385074", true)] {
            assert_eq!(faults(&[there], &[(&other, None)]), [(0, "taken A".to_owned())]);
        }
        // One that goes to another item is not held against itself.
        let moved = row("96385074", "B");
        assert_eq!(faults(&[coded("96385074", false)], &[(&moved, Some(&short))]), []);
        // What was written before stays.
        assert_eq!(faults(&[coded("96385074", true)], &[(&other, Some(&other))]), []);
    }
}
