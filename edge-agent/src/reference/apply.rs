//! Rows from the cloud into [`Reference`]. A row that cannot be understood is
//! left out and told; the others count.

use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::kept::KEPT;
use super::{BomLine, Correction, Hold, Item, ItemHere, Location, Operator, Order, Reason, Reference};

/// Why a row was left out.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// This program knows no such kind; a newer cloud may.
    #[error("kind {0} is not known")]
    Kind(String),
    /// The JSON is not of the kind's shape.
    #[error("{kind}: {source}")]
    Shape {
        /// Kind of the row.
        kind: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

enum Row {
    Item(Item),
    ItemHere(ItemHere),
    BomLine(BomLine),
    Order(Order),
    Operator(Operator),
    Hold(Hold),
    Kept(Hold),
    Correction(Correction),
    Reason(Reason),
    Location(Location),
}

fn parse(kind: &str, json: &str) -> Result<Row, RowError> {
    fn of<T: DeserializeOwned>(kind: &str, json: &str) -> Result<T, RowError> {
        serde_json::from_str(json).map_err(|source| RowError::Shape { kind: kind.to_owned(), source })
    }
    Ok(match kind {
        "item" => Row::Item(of(kind, json)?),
        "item_here" => Row::ItemHere(of(kind, json)?),
        "bom_line" => Row::BomLine(of(kind, json)?),
        "order" | "work_order" | "transfer" => Row::Order(of(kind, json)?),
        "operator" => Row::Operator(of(kind, json)?),
        "hold" => Row::Hold(of(kind, json)?),
        KEPT => Row::Kept(of(kind, json)?),
        "correction" => Row::Correction(of(kind, json)?),
        "reason" => Row::Reason(of(kind, json)?),
        "location" => Row::Location(of(kind, json)?),
        _ => return Err(RowError::Kind(kind.to_owned())),
    })
}

impl Hold {
    /// The keys that are held for their own sake, as far as the cloud says which those are.
    fn whole(&self) -> impl Iterator<Item = i64> {
        let told = self.inside.is_some();
        let inside: HashSet<i64> = self.inside.iter().flatten().copied().collect();
        self.keys.iter().copied().filter(move |key| told && !inside.contains(key))
    }
}

impl Reference {
    /// Adds a row, or puts it in the place of the one with its key. Call
    /// [`Self::settle`] after the last.
    ///
    /// # Errors
    /// The row is left out then.
    pub fn insert(&mut self, kind: &str, json: &str) -> Result<(), RowError> {
        match parse(kind, json)? {
            Row::Item(item) => match self.here.get(&item.item) {
                Some(here) => {
                    self.items.insert(item.item.clone(), here.over(&item));
                    self.central.insert(item.item.clone(), item);
                }
                None => drop(self.items.insert(item.item.clone(), item)),
            },
            Row::ItemHere(here) => {
                // The item may come after what is other of it, and before.
                let central = self.central.remove(&here.item).or_else(|| self.items.remove(&here.item));
                if let Some(central) = central {
                    self.items.insert(here.item.clone(), here.over(&central));
                    self.central.insert(here.item.clone(), central);
                }
                self.here.insert(here.item.clone(), here);
            }
            Row::BomLine(line) => {
                let lines = self.bom.entry(line.parent.clone()).or_default();
                lines.retain(|l| l.line != line.line);
                let at = lines.partition_point(|l| l.line < line.line);
                lines.insert(at, line);
            }
            Row::Order(order) => {
                let key = (order.kind.clone(), order.number.clone());
                self.orders.insert(key, order);
            }
            Row::Operator(operator) => {
                self.operators.insert(operator.badge_sha256.clone(), operator);
            }
            Row::Hold(hold) => drop(self.holds.insert(hold.hold.clone(), hold)),
            Row::Kept(hold) => drop(self.kept.insert(hold.hold.clone(), hold)),
            Row::Correction(one) => drop(self.corrections.insert(one.correction, one)),
            Row::Reason(reason) => drop(self.reasons.insert(reason.reason.clone(), reason)),
            Row::Location(place) => {
                self.locations.insert(place.location.clone(), place);
            }
        }
        Ok(())
    }

    /// Whether a row that could not be understood may say that something is held.
    #[must_use]
    pub fn may_hold(kind: &str) -> bool {
        kind == "hold" || kind == KEPT
    }

    /// Takes out the row that this JSON made. A row that could not be understood
    /// made none.
    pub fn remove(&mut self, kind: &str, json: &str) {
        let Ok(row) = parse(kind, json) else { return };
        match row {
            Row::Item(item) => {
                self.central.remove(&item.item);
                self.items.remove(&item.item);
            }
            Row::ItemHere(here) => {
                self.here.remove(&here.item);
                if let Some(central) = self.central.remove(&here.item) {
                    self.items.insert(here.item, central);
                }
            }
            Row::BomLine(line) => {
                if let Some(lines) = self.bom.get_mut(&line.parent) {
                    lines.retain(|l| l.line != line.line);
                    if lines.is_empty() {
                        self.bom.remove(&line.parent);
                    }
                }
            }
            Row::Order(order) => drop(self.orders.remove(&(order.kind, order.number))),
            Row::Operator(operator) => drop(self.operators.remove(&operator.badge_sha256)),
            Row::Hold(hold) => drop(self.holds.remove(&hold.hold)),
            Row::Kept(hold) => drop(self.kept.remove(&hold.hold)),
            Row::Correction(one) => drop(self.corrections.remove(&one.correction)),
            Row::Reason(reason) => drop(self.reasons.remove(&reason.reason)),
            Row::Location(place) => drop(self.locations.remove(&place.location)),
        }
    }

    /// Brings what follows from the rows up to date: what is held, and what was corrected.
    pub fn settle(&mut self) {
        let all = || self.holds.values().chain(self.kept.values());
        self.held_keys = all().flat_map(|h| h.keys.iter().copied()).collect();
        self.held_whole = all().flat_map(Hold::whole).collect();
        self.held_lots = all().flat_map(|h| h.lots.iter().copied()).collect();
        self.corrected_keys = self.corrections.values().flat_map(|c| c.keys.iter().copied()).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_change_and_go() {
        let mut reference = Reference::default();
        let hold = |keys: &str| format!(r#"{{"hold":"H1","reason":"crack","keys":{keys}}}"#);
        reference.insert("hold", &hold("[1,2]")).unwrap();
        reference.settle();
        assert!(reference.held_keys.contains(&2));
        reference.insert("hold", &hold("[1]")).unwrap();
        reference.settle();
        assert!(!reference.held_keys.contains(&2));
        reference.remove("hold", &hold("[1]"));
        reference.settle();
        assert!(reference.held_keys.is_empty() && reference.holds.is_empty());
    }

    #[test]
    fn what_is_held_for_its_own_sake_is_told_apart() {
        let mut reference = Reference::default();
        let row =
            |id: &str, inside: &str| format!(r#"{{"hold":"{id}","reason":"crack","keys":[1,2]{inside}}}"#);
        reference.insert("hold", &row("H1", "")).unwrap();
        reference.settle();
        assert!(reference.held_whole.is_empty(), "a cloud that says nothing of it");
        reference.insert("hold", &row("H1", r#","inside":[2]"#)).unwrap();
        reference.settle();
        assert_eq!(reference.held_whole, [1].into());
        reference.insert("hold", &row("H2", r#","inside":[]"#)).unwrap();
        reference.settle();
        assert_eq!(reference.held_whole, [1, 2].into(), "by another hold");
    }

    #[test]
    fn an_item_is_as_it_is_at_this_plant_in_whatever_order_it_is_told() {
        let item = r#"{"item":"OIL","names":{"en":"Oil"},"type_code":"RM","base_unit":"l","tracking":"lot","shelf_life_days":365}"#;
        let here = r#"{"item":"OIL","shelf_life_days":90,"inspect":true}"#;
        let told = |rows: &[(&str, &str)]| {
            let mut reference = Reference::default();
            for (kind, json) in rows {
                reference.insert(kind, json).unwrap();
            }
            reference
        };
        let of = |reference: &Reference| {
            reference.items.get("OIL").map(|item| (item.shelf_life_days, item.inspect))
        };
        for rows in [[("item", item), ("item_here", here)], [("item_here", here), ("item", item)]] {
            let mut reference = told(&rows);
            assert_eq!(of(&reference), Some((Some(90), true)));
            // The item changes for all, and stays other here; then it is as for all again.
            reference.insert("item", &item.replace("365", "400")).unwrap();
            assert_eq!(of(&reference), Some((Some(90), true)));
            reference.insert("item_here", r#"{"item":"OIL","inspect":true}"#).unwrap();
            assert_eq!(of(&reference), Some((Some(400), true)));
            reference.remove("item_here", here);
            assert_eq!(of(&reference), Some((Some(400), false)));
        }
        let mut reference = told(&[("item", item), ("item_here", here)]);
        reference.remove("item", item);
        assert_eq!(of(&reference), None);
        reference.insert("item", item).unwrap();
        assert_eq!(of(&reference), Some((Some(90), true)), "and is there again as it was");
    }

    #[test]
    fn bom_lines_stay_in_order() {
        let mut reference = Reference::default();
        let line =
            |n: u32, child: &str| format!(r#"{{"parent":"P","line":{n},"child":"{child}","quantity":"1"}}"#);
        for (n, child) in [(20, "B"), (10, "A"), (20, "C")] {
            reference.insert("bom_line", &line(n, child)).unwrap();
        }
        let children: Vec<_> = reference.bom["P"].iter().map(|l| l.child.as_str()).collect();
        assert_eq!(children, ["A", "C"]);
        reference.remove("bom_line", &line(10, "A"));
        reference.remove("bom_line", &line(20, "C"));
        assert!(reference.bom.is_empty());
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let mut reference = Reference::default();
        assert!(matches!(reference.insert("tax", "{}"), Err(RowError::Kind(_))));
        assert!(matches!(reference.insert("item", "{}"), Err(RowError::Shape { .. })));
    }
}
