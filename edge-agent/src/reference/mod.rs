//! What the cloud sent down: masters, open orders, people, holds. Held in
//! memory for the rules, on disk for a start without a network.

mod apply;
mod kept;

pub use apply::RowError;
pub use kept::{hold_of, rows as kept_rows};

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An item (material, part, product, package).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Item code.
    pub item: String,
    /// Name by language; `en` always.
    pub names: BTreeMap<String, String>,
    /// UID type of its labels, two characters.
    pub type_code: String,
    /// Base unit code.
    pub base_unit: String,
    /// `unit`, `lot` or `none`.
    pub tracking: String,
    /// GTIN, 14 digits, when it has one.
    #[serde(default)]
    pub gtin: Option<String>,
    /// Days until it expires, from its making.
    #[serde(default)]
    pub shelf_life_days: Option<u32>,
    /// Must pass inspection before use.
    #[serde(default)]
    pub inspect: bool,
}

/// What is other of an item at this plant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemHere {
    /// Item code.
    pub item: String,
    /// In the place of the item's own, where it is given.
    #[serde(default)]
    pub shelf_life_days: Option<u32>,
    /// The same.
    #[serde(default)]
    pub inspect: Option<bool>,
}

impl ItemHere {
    /// The item as it is at this plant.
    fn over(&self, item: &Item) -> Item {
        Item {
            shelf_life_days: self.shelf_life_days.or(item.shelf_life_days),
            inspect: self.inspect.unwrap_or(item.inspect),
            ..item.clone()
        }
    }
}

/// One component of a parent item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BomLine {
    /// Parent item code.
    pub parent: String,
    /// Line number.
    pub line: u32,
    /// Child item code.
    pub child: String,
    /// Per one parent, in the child's base unit.
    pub quantity: Decimal,
    /// Operation at which it goes in; empty for any.
    #[serde(default)]
    pub operation: String,
}

/// A purchase, production, sales or transfer order that is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// `po`, `prodorder`, `so` or `transfer`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Document number.
    pub number: String,
    /// Supplier or customer code.
    #[serde(default)]
    pub partner: String,
    /// Supplier's or customer's place, for PROCUREMENT's location.
    #[serde(default)]
    pub partner_place: String,
    /// Item made, for a production order.
    #[serde(default)]
    pub item: String,
    /// Quantity made.
    #[serde(default)]
    pub quantity: Option<Decimal>,
    /// When it was ordered.
    #[serde(default)]
    pub ordered_at: Option<DateTime<Utc>>,
    /// When it is due.
    #[serde(default)]
    pub due_on: Option<NaiveDate>,
    /// Lines.
    #[serde(default)]
    pub lines: Vec<OrderLine>,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Line number from 1.
    pub line: u32,
    /// Item code.
    pub item: String,
    /// Ordered, in `unit`.
    pub quantity: Decimal,
    /// Unit code.
    pub unit: String,
}

/// A person who may sign in at a station.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// Opaque id.
    pub operator: String,
    /// Shown on the terminal.
    pub name: String,
    /// SHA-256 of the badge's code, lower-case hex.
    pub badge_sha256: String,
    /// argon2id hash in PHC form, when the person has a PIN.
    #[serde(default)]
    pub pin_hash: Option<String>,
    /// en, hi, bn or te.
    pub language: String,
    /// May override a refusal.
    #[serde(default)]
    pub supervisor: bool,
}

/// A hold, expanded to keys by the cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Hold id.
    pub hold: String,
    /// Reason code or text.
    pub reason: String,
    /// Keys held.
    pub keys: Vec<i64>,
    /// Those of the keys that are held only while something held is in them: what else is in
    /// them may be taken out. `None` from a cloud that does not say so: then all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Vec<i64>>,
    /// Lots held.
    #[serde(default)]
    pub lots: Vec<uuid::Uuid>,
    /// In the row of a hold that is gone: a plant had placed it on these keys, and the
    /// office released it.
    #[serde(default)]
    pub lifted: bool,
}

/// An event of this plant that counts as never done, or counts again, by the word of the
/// office: the cloud is asked what its labels are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The event_id of what is corrected.
    pub correction: uuid::Uuid,
    /// The labels that it names.
    pub keys: Vec<i64>,
}

/// A reason that a station offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Reason code.
    pub reason: String,
    /// scrap, rework, hold, no_order, correct, reprint, return, spoiled.
    pub purpose: String,
    /// Text by language.
    pub texts: BTreeMap<String, String>,
}

/// A place in the plant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Place code, as scanned.
    pub location: String,
    /// Shown name.
    #[serde(default)]
    pub name: String,
}

/// All reference data of one version. Rows arrive as (kind, id, JSON); kinds are
/// item, item_here, bom_line, order, operator, hold, correction, reason, location.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// Version applied; 0 when nothing has come yet.
    pub version: u64,
    /// Generation of the tenant's data of which the set is; 0 while not told.
    pub generation: u64,
    /// When it was last confirmed current by the cloud.
    pub as_of: Option<DateTime<Utc>>,
    /// By item code, each as it is at this plant.
    pub items: HashMap<String, Item>,
    /// By item code, as it is for all plants, where it is other here.
    pub(crate) central: HashMap<String, Item>,
    /// By item code.
    pub(crate) here: HashMap<String, ItemHere>,
    /// By parent item.
    pub bom: HashMap<String, Vec<BomLine>>,
    /// By (type, number).
    pub orders: HashMap<(String, String), Order>,
    /// By badge hash.
    pub operators: HashMap<String, Operator>,
    /// By reason code.
    pub reasons: HashMap<String, Reason>,
    /// By place code.
    pub locations: HashMap<String, Location>,
    /// By hold id.
    pub holds: HashMap<String, Hold>,
    /// What the holds of a cloud that was restored since held besides, by hold id: it
    /// stays held until the office has it again or says that it was released.
    pub kept: HashMap<String, Hold>,
    /// What the office corrected of this plant's events, by event_id.
    pub corrections: HashMap<uuid::Uuid, Correction>,
    /// Keys that such events name.
    pub corrected_keys: HashSet<i64>,
    /// Something that was told, a hold perhaps, was lost on disk or could not be read:
    /// nothing tells what is held until everything is told anew.
    pub doubtful: bool,
    /// Keys under at least one hold.
    pub held_keys: HashSet<i64>,
    /// Those of them that are held for their own sake: all that is in them is held.
    pub held_whole: HashSet<i64>,
    /// Lots under at least one hold.
    pub held_lots: HashSet<uuid::Uuid>,
}
