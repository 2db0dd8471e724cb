//! How far orders are: received of a purchase order, made of a production order,
//! arrived of a transfer order, sent of a sales order.
//!
//! Counted anew from the facts whenever one of them names the order, so that
//! neither arrival order nor a correction needs a special case. An order of which
//! every line is fulfilled is `done` and withdrawn from the plants; a correction
//! that takes something back opens it again and gives it back to them. Any other
//! status is a person's, and stays.

use std::collections::BTreeMap;

use platform::db::{DbError, Tx};
use platform::reference;
use rust_decimal::Decimal;

use super::store::orders as store;
use super::tell;
use crate::exceptions::{self, WITHDRAWN};
use crate::explore::store::corrections;

/// Types of orders that are counted.
pub const TYPES: [&str; 4] = ["po", "prodorder", "transfer", "so"];

/// A line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub line: i32,
    /// What is ordered.
    pub item: String,
    /// How much of it.
    pub quantity: Decimal,
}

/// What one fact did for an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The line that it names; 0 for none.
    pub line: i32,
    /// Of what.
    pub item: String,
    /// How much.
    pub quantity: Decimal,
}

/// What is done of each line. A part that names no line counts once: on the first
/// line of its item that has room, what is too much on the last one.
#[must_use]
pub fn share(lines: &[Line], parts: &[Part]) -> BTreeMap<i32, Decimal> {
    let mut done: BTreeMap<i32, Decimal> = lines.iter().map(|line| (line.line, Decimal::ZERO)).collect();
    let mut open: BTreeMap<&str, Decimal> = BTreeMap::new();
    for part in parts {
        let sum = match done.get_mut(&part.line).filter(|_| part.line != 0) {
            Some(line) => line,
            None => open.entry(&part.item).or_default(),
        };
        *sum = sum.saturating_add(part.quantity);
    }
    let mut lines: Vec<&Line> = lines.iter().collect();
    lines.sort_by_key(|line| line.line);
    for (item, mut rest) in open {
        let mut last = None;
        for line in lines.iter().filter(|line| line.item == item) {
            let sum = done.entry(line.line).or_default();
            let fits = line.quantity.saturating_sub(*sum).max(Decimal::ZERO).min(rest);
            *sum = sum.saturating_add(fits);
            rest = rest.saturating_sub(fits);
            last = Some(line.line);
        }
        if let Some(sum) = last.and_then(|last| done.get_mut(&last)) {
            *sum = sum.saturating_add(rest);
        }
    }
    done
}

/// Counts one order (type, number) anew; answers what plants are to be told. An
/// order that is not known here is nobody's.
///
/// # Errors
/// The database: also a sum that no column holds.
pub async fn settle(tx: &mut Tx, document: &(String, String)) -> Result<Vec<reference::Row>, DbError> {
    let (kind, number) = document;
    let Some(order) = store::order(tx, kind, number).await? else {
        return Ok(Vec::new());
    };
    let lines = store::lines(tx, kind, number).await?;
    let told = store::parts(tx, kind, number).await?;
    let ids: Vec<_> = told.iter().map(|part| part.event_id).collect();
    let void = corrections::void_among(tx, &ids).await?;
    let parts: Vec<Part> = told
        .into_iter()
        .filter(|part| !void.contains(&part.event_id))
        .map(|part| Part { line: part.line, item: part.item, quantity: part.quantity })
        .collect();
    let done = share(&lines, &parts);
    let made = parts
        .iter()
        .filter(|part| !order.item.is_empty() && part.item == order.item)
        .fold(Decimal::ZERO, |sum, part| sum.saturating_add(part.quantity));
    store::lines_write(tx, kind, number, &done).await?;
    let whole = order.quantity.is_none_or(|quantity| made >= quantity);
    let fulfilled = (order.quantity.is_some() || !lines.is_empty())
        && whole
        && lines.iter().all(|line| done.get(&line.line).is_some_and(|done| *done >= line.quantity));
    let status = match (order.status.as_str(), fulfilled) {
        ("open", true) => "done",
        ("done", false) => "open",
        (as_it_is, _) => as_it_is,
    };
    store::order_write(tx, kind, number, made, status).await?;
    exceptions::store::gone(tx, tell::FAILED, &tell::document_print(document), WITHDRAWN).await?;
    if status == order.status {
        return Ok(Vec::new());
    }
    let mut plants = vec![order.plant];
    plants.extend((kind == "transfer").then_some(order.partner));
    let base = format!("{kind}/{number}");
    let ids: Vec<String> = plants.iter().map(|plant| reference::row_id(&base, Some(plant))).collect();
    let mut rows = store::published(tx, &ids).await?;
    for row in &mut rows {
        row.deleted = status == "done";
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: i32, item: &str, quantity: i64) -> Line {
        Line { line, item: item.into(), quantity: quantity.into() }
    }

    fn part(line: i32, item: &str, quantity: i64) -> Part {
        Part { line, item: item.into(), quantity: quantity.into() }
    }

    fn shared(lines: &[Line], parts: &[Part]) -> Vec<i64> {
        share(lines, parts).values().map(|done| i64::try_from(*done).unwrap()).collect()
    }

    #[test]
    fn what_names_no_line_counts_once() {
        let lines = [line(1, "BOLT", 10), line(2, "NUT", 10), line(3, "BOLT", 5)];
        assert_eq!(shared(&lines, &[part(0, "BOLT", 7)]), [7, 0, 0]);
        assert_eq!(shared(&lines, &[part(0, "BOLT", 12)]), [10, 0, 2]);
        assert_eq!(shared(&lines, &[part(0, "BOLT", 12), part(0, "BOLT", 12)]), [10, 0, 14]);
        assert_eq!(shared(&lines, &[part(0, "BOLT", 4), part(1, "BOLT", 9)]), [10, 0, 3]);
        assert_eq!(shared(&lines, &[part(2, "BOLT", 4), part(0, "PIN", 1), part(9, "NUT", 1)]), [0, 5, 0]);
    }
}
