//! What a reference file says, typed. Names in it lead somewhere once
//! [`super::check`] found no mistake.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::read::At;

/// Texts by language; `en` always.
pub(super) type Texts = BTreeMap<String, String>;

/// A whole reference file.
#[derive(Debug, Default)]
pub(super) struct ReferenceFile {
    /// The tenant's code, if it was well formed.
    pub tenant: Option<At<String>>,
    pub items: Vec<Item>,
    pub bom_lines: Vec<BomLine>,
    pub partners: Vec<Partner>,
    pub orders: Vec<Order>,
    pub operators: Vec<Operator>,
    pub locations: Vec<Location>,
    pub reasons: Vec<Reason>,
    /// Names that the file gives, even by rows that have other mistakes.
    pub given: Given,
    /// Which item has which as a part, even by lines that have other mistakes.
    pub contains: Vec<(String, At<String>)>,
    /// Names that the file uses.
    pub uses: Vec<Use>,
}

/// Names that rows have.
#[derive(Debug, Default, Clone)]
pub(super) struct Given {
    /// Items and their base units; `None` where that is not well formed.
    pub items: BTreeMap<String, Option<String>>,
    /// Partners and their roles.
    pub partners: BTreeMap<String, Vec<String>>,
}

/// What a name leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Plant,
    /// An item, and the unit that stands beside its quantity.
    Item(Option<At<String>>),
    /// A partner in this role.
    Partner(&'static str),
}

/// A place where the file uses a name.
#[derive(Debug, Clone)]
pub(super) struct Use {
    pub target: Target,
    pub name: At<String>,
}

#[derive(Debug)]
pub(super) struct Item {
    pub item: String,
    pub names: Texts,
    pub type_code: String,
    pub base_unit: String,
    pub second_unit: Option<String>,
    pub tracking: String,
    pub gtin: Option<String>,
    pub shelf_life_days: Option<i32>,
    pub inspect: bool,
}

#[derive(Debug)]
pub(super) struct BomLine {
    pub parent: String,
    pub line: i32,
    pub child: String,
    pub quantity: Decimal,
    pub operation: String,
}

#[derive(Debug)]
pub(super) struct Partner {
    pub code: String,
    pub name: String,
    /// `supplier`, `customer` or both.
    pub roles: Vec<String>,
    pub place: String,
}

#[derive(Debug)]
pub(super) struct Order {
    /// `po`, `prodorder`, `so`, `transfer`.
    pub kind: &'static str,
    pub number: String,
    /// The plant whose order it is; of a transfer the one that sends.
    pub plant: String,
    /// Supplier or customer; of a transfer the plant that gets.
    pub partner: String,
    /// Made item of a production order.
    pub item: String,
    pub quantity: Option<Decimal>,
    pub ordered_at: DateTime<Utc>,
    pub due_on: Option<NaiveDate>,
    pub operations: Vec<String>,
    pub lines: Vec<OrderLine>,
}

#[derive(Debug)]
pub(super) struct OrderLine {
    pub line: i32,
    pub item: String,
    pub quantity: Decimal,
}

/// A person. The badge and the PIN stand here in plain text; they are hashed
/// before anything is kept.
pub(super) struct Operator {
    pub operator: String,
    pub name: String,
    pub badge: At<String>,
    pub pin: Option<String>,
    pub language: String,
    pub supervisor: bool,
    /// Where the person works; empty for every plant.
    pub plants: Vec<String>,
}

impl std::fmt::Debug for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Operator").field("operator", &self.operator).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(super) struct Location {
    pub plant: String,
    pub location: String,
    pub name: String,
}

#[derive(Debug)]
pub(super) struct Reason {
    pub reason: String,
    pub purpose: String,
    pub texts: Texts,
}
