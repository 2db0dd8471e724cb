//! Variants of items: one item in several sizes or colours, each an item of its own
//! that says of which it is a variant, and by what it differs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::declare::{Candidate, Fault, Judging};
use super::{Row, Wrong, item_store};
use crate::db::{DbError, Tx};

/// Judges items that are to be written, as far as variants go.
pub(super) fn judge<'a>(tx: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    Box::pin(async move { judged(tx, rows).await })
}

fn of<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `size:M`, in one order however they were given.
fn differs(row: &Row) -> BTreeSet<String> {
    let list = row.get("variant").and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

async fn judged(tx: &mut Tx, rows: &[Candidate<'_>]) -> Result<Vec<Fault>, DbError> {
    let concerned = |candidate: &&Candidate<'_>| {
        let row = candidate.row;
        let is = !of(row, "variant_of").is_empty() || !differs(row).is_empty();
        is && candidate.before.is_none_or(|before| {
            of(before, "variant_of") != of(row, "variant_of") || differs(before) != differs(row)
        })
    };
    if !rows.iter().any(|candidate| concerned(&candidate)) {
        return Ok(Vec::new());
    }
    let attributes: BTreeMap<String, Vec<String>> = item_store::attributes(tx).await?.into_iter().collect();
    let models: Vec<String> =
        rows.iter().map(|candidate| of(candidate.row, "variant_of").to_owned()).collect();
    let mut taken: BTreeMap<(String, BTreeSet<String>), String> = BTreeMap::new();
    let written: BTreeSet<&str> = rows.iter().map(|candidate| of(candidate.row, "item")).collect();
    for (item, model, variant) in item_store::variants(tx, &models).await? {
        if !written.contains(item.as_str()) {
            taken.insert((model, variant.into_iter().collect()), item);
        }
    }
    let nested: BTreeSet<String> = item_store::variants_among(tx, &models).await?.into_iter().collect();
    let mut faults = Vec::new();
    for (at, candidate) in rows.iter().enumerate() {
        let row = candidate.row;
        let (model, variant) = (of(row, "variant_of"), differs(row));
        if concerned(&candidate)
            && let Some((field, wrong)) = wrong(model, &variant, &attributes, &nested)
        {
            faults.push(Fault { at, field, wrong });
            continue;
        }
        if model.is_empty() {
            continue;
        }
        let key = (model.to_owned(), variant);
        match taken.get(&key) {
            Some(other) if concerned(&candidate) => {
                let wrong = Wrong::new("variant-taken").with("item", other);
                faults.push(Fault { at, field: "variant", wrong });
            }
            Some(_) => {}
            None => drop(taken.insert(key, of(row, "item").to_owned())),
        }
    }
    Ok(faults)
}

fn wrong(
    model: &str,
    variant: &BTreeSet<String>,
    attributes: &BTreeMap<String, Vec<String>>,
    nested: &BTreeSet<String>,
) -> Option<(&'static str, Wrong)> {
    if model.is_empty() {
        return Some(("variant_of", Wrong::new("variant-of")));
    }
    if nested.contains(model) {
        return Some(("variant_of", Wrong::new("variant-nested")));
    }
    if variant.is_empty() {
        return Some(("variant", Wrong::new("variant-none")));
    }
    let mut named = BTreeSet::new();
    for part in variant {
        let (attribute, value) = part.split_once(':').unwrap_or((part, ""));
        let known = attributes.get(attribute).is_some_and(|values| values.iter().any(|known| known == value));
        if !known || !named.insert(attribute) {
            let known: Vec<&str> = attributes.keys().map(String::as_str).collect();
            let wrong = Wrong::new("variant-value").with("found", part).with("known", known.join(", "));
            return Some(("variant", wrong));
        }
    }
    None
}
