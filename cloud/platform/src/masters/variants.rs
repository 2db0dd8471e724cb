//! Variants of items: one item in several sizes or colours, each an item of its own
//! that says of which it is a variant, and by what it differs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::check::Cells;
use super::declare::{Candidate, Fault, Judging};
use super::kind::Kind;
use super::shape::Shape;
use super::write::{self, Change};
use super::{MastersError, Mistake, Row, Wrong, barcodes, item_store, service, store, text_of as of};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};

/// Judges items that are to be written, as far as variants and their GTINs go.
pub(super) fn judge<'a>(tx: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    Box::pin(async move {
        let mut faults = judged(tx, rows).await?;
        faults.extend(barcodes::gtins(tx, rows).await?);
        Ok(faults)
    })
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

/// Most variants that are made at once.
const MOST: usize = 200;

/// The variants of an item: each with its code, and by what it differs.
pub(super) async fn of_item(tx: &mut Tx, item: &str) -> Result<Vec<(String, Vec<String>)>, DbError> {
    let mut found = item_store::variants(tx, &[item.to_owned()]).await?;
    found.sort();
    Ok(found.into_iter().map(|(item, _, variant)| (item, variant)).collect())
}

/// Makes the variants of an item that there are not yet: one for each combination of
/// the values that were chosen, as the item itself is otherwise. All or none.
///
/// # Errors
/// [`MastersError::NotFound`]; [`MastersError::Mistakes`] with every one.
pub(super) async fn make(
    db: &Db,
    cx: &Cx,
    shape: &Shape,
    item: &str,
    chosen: &BTreeMap<String, Vec<String>>,
) -> Result<usize, MastersError> {
    db.tx(cx, async |tx| {
        let model = service::find(tx, shape, item, false).await?;
        if model.deleted {
            return Err(MastersError::NotFound);
        }
        let wanted = combinations(chosen);
        let refuse = |wrong: Wrong| {
            let field = "variant".to_owned();
            Err(MastersError::Mistakes(vec![Mistake { row: None, field, found: String::new(), wrong }]))
        };
        if wanted.is_empty() {
            return refuse(Wrong::new("variant-none"));
        }
        if wanted.len() > MOST {
            return refuse(Wrong::new("many").with("most", MOST));
        }
        let there = of_item(tx, item).await?;
        let there: BTreeSet<BTreeSet<String>> =
            there.into_iter().map(|(_, variant)| variant.into_iter().collect()).collect();
        let new: Vec<Vec<String>> = wanted
            .into_iter()
            .filter(|variant| !there.contains(&variant.iter().cloned().collect::<BTreeSet<_>>()))
            .collect();
        let codes: Vec<Vec<String>> = new.iter().map(|variant| vec![code(item, variant)]).collect();
        let taken = store::rows_by_key(tx, shape, &codes, false).await?;
        let change = |variant: &Vec<String>| {
            let cells = cells(shape, &model.row, item, variant);
            let code = code(item, variant);
            let mistakes = taken.get(&code).map(|_| Mistake {
                row: None,
                field: "item".to_owned(),
                found: code.clone(),
                wrong: Wrong::new("variant-code").with("item", &code),
            });
            Change { line: None, cells, before: None, mistakes: mistakes.into_iter().collect() }
        };
        let changes: Vec<Change> = new.iter().map(change).collect();
        write::alone(tx, shape, true).await?;
        Ok(write::write(tx, shape, changes, None).await?.len())
    })
    .await
}

/// One value of each attribute, in every way: `size:M`, `colour:RED`.
fn combinations(chosen: &BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = Vec::new();
    for (attribute, values) in chosen.iter().filter(|(_, values)| !values.is_empty()) {
        let heads = if all.is_empty() { vec![Vec::new()] } else { std::mem::take(&mut all) };
        for head in heads {
            for value in values {
                // What is refused for being too many need not all be made.
                if all.len() > MOST {
                    return all;
                }
                let mut one = head.clone();
                one.push(format!("{attribute}:{value}"));
                all.push(one);
            }
        }
    }
    all
}

/// `BOLT` in M and red: `BOLT-M-RED`.
fn code(item: &str, variant: &[String]) -> String {
    let values = variant.iter().map(|part| part.split_once(':').map_or(part.as_str(), |(_, value)| value));
    std::iter::once(item).chain(values).collect::<Vec<_>>().join("-")
}

/// A variant as a form would give it: as the item is, but for what is its own.
fn cells(shape: &Shape, model: &Row, item: &str, variant: &[String]) -> Cells {
    let own = ["item", "gtin", "variant", "variant_of"];
    let values: Vec<&str> =
        variant.iter().map(|part| part.split_once(':').map_or(part.as_str(), |(_, value)| value)).collect();
    let mut cells = Cells::new();
    for column in shape.columns.iter().filter(|column| !own.contains(&column.name.as_str())) {
        let Some(value) = model.get(&column.name).filter(|value| !value.is_null()) else { continue };
        match value {
            Value::Object(names) => {
                for (lang, name) in names {
                    let name = format!("{} {}", Kind::plain(name), values.join(" "));
                    cells.insert(format!("{}.{lang}", column.name), name);
                }
            }
            value => drop(cells.insert(column.name.clone(), Kind::plain(value))),
        }
    }
    cells.insert("item".to_owned(), code(item, variant));
    cells.insert("variant_of".to_owned(), item.to_owned());
    cells.insert("variant".to_owned(), variant.join(";"));
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_comes_once() {
        let of = |given: &[(&str, &[&str])]| {
            let values = |list: &[&str]| list.iter().map(|value| (*value).to_owned()).collect();
            combinations(&given.iter().map(|(name, list)| ((*name).to_owned(), values(list))).collect())
        };
        assert!(of(&[]).is_empty() && of(&[("size", &[])]).is_empty());
        let all = of(&[("colour", &["RED", "BLUE"]), ("size", &["S", "M", "L"]), ("none", &[])]);
        assert_eq!((all.len(), all[0].clone()), (6, vec!["colour:RED".to_owned(), "size:S".to_owned()]));
        assert_eq!(code("BOLT", &all[0]), "BOLT-RED-S");
        let many: Vec<String> = (0..99).map(|n| n.to_string()).collect();
        let many: BTreeMap<String, Vec<String>> =
            ["a", "b", "c"].map(|name| (name.to_owned(), many.clone())).into();
        assert!(combinations(&many).len() > MOST);
    }
}
