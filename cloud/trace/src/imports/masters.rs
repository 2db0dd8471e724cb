//! What the tenant's masters know of what rows name. Pure.
//!
//! Units decide how much there is, so a wrong one is a mistake. A partner, an item or a person that is not
//! known is imported as it stands, as a plant's would be, and is told before: whoever knows it
//! later finds it all the same.

use std::collections::{BTreeMap, BTreeSet};

use super::Mistake;
use super::read::Raw;

/// Masters by their codes; `None` where the tenant keeps none of a kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Masters {
    /// Units of measure.
    pub units: Option<BTreeSet<String>>,
    /// Items, each with its base unit.
    pub items: Option<BTreeMap<String, String>>,
    /// Partners that supply.
    pub suppliers: Option<BTreeSet<String>>,
    /// Partners that buy.
    pub customers: Option<BTreeSet<String>>,
    /// People who work at stations, by their ids.
    pub operators: Option<BTreeSet<String>>,
}

impl Masters {
    /// What is wrong with a unit of measure, of an item where one is named.
    #[must_use]
    pub fn unit(&self, item: &str, unit: &str) -> Option<String> {
        if unit.is_empty() {
            return None;
        }
        let known = self.units.as_ref().is_none_or(|units| units.contains(unit));
        match self.base(item) {
            Some(base) if base != unit => {
                Some(format!("{item} is kept in {base}, and nothing is converted: say how many {base}"))
            }
            None if !known => Some(format!("{unit:?} is no unit of measure among the masters")),
            _ => None,
        }
    }

    /// In which unit an item is kept, where the masters know it: what comes without a unit of
    /// measure is meant in that.
    #[must_use]
    pub fn base(&self, item: &str) -> Option<&str> {
        let base = self.items.as_ref()?.get(item)?;
        (!base.is_empty()).then_some(base.as_str())
    }

    /// What the masters lack of what a row names.
    #[must_use]
    pub fn hints(&self, raw: &Raw) -> Vec<Mistake> {
        let lacks = |column: &str, known: bool, what: &str| {
            let text = raw.get(column);
            let hint = || Mistake::new(raw.line, column, format!("{text:?} is no {what} among the masters"));
            (!text.is_empty() && !known).then(hint)
        };
        let in_set = |set: &Option<BTreeSet<String>>, column| {
            set.as_ref().is_none_or(|set| set.contains(raw.get(column)))
        };
        let item = self.items.as_ref().is_none_or(|items| items.contains_key(raw.get("item")));
        [
            lacks("item", item, "item"),
            lacks("supplier", in_set(&self.suppliers, "supplier"), "supplier"),
            lacks("customer", in_set(&self.customers, "customer"), "customer"),
            lacks("operator", in_set(&self.operators, "operator"), "person"),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
