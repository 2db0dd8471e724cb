//! Codes that differ by capital and small letters alone: to people, and to whoever types a
//! code, they are one. What is there stays; a new one is told of the other.

use std::collections::{HashMap, HashSet};

use super::kind::Kind;
use super::shape::Shape;
use super::{Row, Wrong, twin_store};
use crate::db::{DbError, Tx};

/// The column whose codes must differ by more than case: the last of the key, where people
/// search by it and it is no printed code.
pub(super) fn column(shape: &Shape) -> Option<&'static str> {
    let master = shape.master;
    let last = master.key.last().copied()?;
    (!master.case_counts && master.search.contains(&last) && shape.type_of(last) == "text").then_some(last)
}

/// The other parts of a row's key, and its code in small letters.
fn folded(shape: &Shape, column: &str, row: &Row) -> Vec<String> {
    let part = |name: &&'static str| {
        let text = row.get(*name).map(Kind::plain).unwrap_or_default();
        if *name == column { text.to_lowercase() } else { text }
    };
    shape.master.key.iter().map(part).collect()
}

/// Which of these rows, each with its line in a file, have a code that another row that
/// stands, or one before them, has in other letters: their places, and what is wrong.
pub(super) async fn judge(
    tx: &mut Tx,
    shape: &Shape,
    column: &'static str,
    rows: &[(&Row, Option<usize>)],
) -> Result<Vec<(usize, Wrong)>, DbError> {
    let code = |row: &Row| row.get(column).map(Kind::plain).unwrap_or_default();
    let mut wrong = Vec::new();
    let mut first: HashMap<Vec<String>, (String, Option<usize>)> = HashMap::new();
    for (at, (row, line)) in rows.iter().enumerate() {
        let (key, own) = (folded(shape, column, row), code(row));
        match first.get(&key) {
            // The same letters are another mistake.
            Some((other, _)) if *other == own => {}
            Some((other, before)) => {
                let told = Wrong::new("case-row").with("other", other);
                wrong.push((at, told.with("row", before.unwrap_or_default())));
            }
            None => drop(first.insert(key, (own, *line))),
        }
    }
    let given: Vec<(&Row, String)> = rows.iter().map(|(row, _)| (*row, code(row).to_lowercase())).collect();
    let mut known: HashSet<usize> = wrong.iter().map(|(at, _)| *at).collect();
    for (at, other) in twin_store::taken(tx, shape, column, &given).await? {
        if known.insert(at) {
            wrong.push((at, Wrong::new("case").with("other", other)));
        }
    }
    Ok(wrong)
}
