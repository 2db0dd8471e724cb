//! What makes a unit a suspect: a tree of conditions, and its form in JSON. Pure.
//!
//! A node is an object with one member, which names it:
//!
//! ```json
//! {"all": [
//!     {"event": {"machine": "OVEN-1", "from": "2025-01-20T06:00", "to": "2025-01-20T14:00"}},
//!     {"reading": {"name": "temperature", "operation": "CURE", "outside": true}},
//!     {"not": {"is": {"life": "scrapped"}}}
//! ]}
//! ```
//!
//! `all`, `any` (each of at least one node) and `not` (of one) combine; what else a node
//! can be is [`Event`], [`Reading`], [`Contains`] and [`Is`]. A time is either exact
//! (`2025-01-20T06:00:00+05:30`) or a plant's own (`2025-01-20T06:00`), which is then
//! taken in the zone of the plant where the event happened.
//!
//! Some conditions find units (a machine, a lot); others, such as `not` or a shift, only
//! choose among units found, and need one that finds beside them in an `all`.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use proto::v1::Stage;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::projection::state::Custody;

mod read;
mod shallow;

pub use read::moment;
pub(super) use shallow::{conditions, conditions_of};

/// Most levels of a tree.
pub const MOST_DEEP: usize = 6;
/// Most nodes of a tree.
pub const MOST_NODES: usize = 40;
/// Longest text of a condition, in characters.
pub const LONGEST: usize = 100;

/// The outcomes of an event, by their number from 1.
pub const OUTCOMES: [&str; 3] = ["passed", "failed", "partial"];

/// A mistake, and where it is: `all[1].reading.low`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The path of the node or the field.
    pub path: String,
    /// Which text says what is wrong: `scope-wrong-<key>`.
    pub key: &'static str,
    /// What the text shows of what was given.
    pub value: String,
}

impl Mistake {
    /// An event says nothing.
    fn is_empty_event(&self) -> bool {
        self.key == "empty" && self.path.rsplit('.').next() == Some("event")
    }
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// Units that each of these finds.
    All(Vec<Node>),
    /// Units that one of these finds.
    Any(Vec<Node>),
    /// None of these.
    Not(Box<Node>),
    /// Units that took part in such an event.
    Event(Box<Event>),
    /// Units with such a reading.
    Reading(Box<Reading>),
    /// Units with this in them.
    Contains(Contains),
    /// Units that are in this state now.
    Is(Is),
}

/// A moment, exact or by a plant's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The same moment everywhere.
    Exact(DateTime<Utc>),
    /// What the clock shows where the event happened.
    Local(NaiveDateTime),
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(at) => to.serialize_str(&at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Self::Local(at) => to.collect_str(&at.format("%Y-%m-%dT%H:%M:%S%.f")),
        }
    }
}

/// One event that a unit took part in, which fits all that is named. Corrected events and
/// refused acts do not count. By machine or station alone, a unit counts as well that was
/// inside all the time: put into a load, or its operation begun, before `from`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(default)]
pub struct Event {
    /// Code of a machine. Where it is the only one of its station (in the masters), loads
    /// and operations of that station count as well.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// Code of a station.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub station: String,
    /// Opaque id of a person, as the event names it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operator: String,
    /// Code of an operation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// Code of a plant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plant: String,
    /// Code of a shift.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub shift: String,
    /// Name of a stage, such as `INSPECTION`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stage: String,
    /// `passed`, `failed` or `partial`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub outcome: String,
    /// Code of a reason.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Number of a document.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub document: String,
    /// Its type, such as `recadv`; beside `document` only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub document_type: String,
    /// Code of a customer, whose orders or dispatches the event names.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub customer: String,
    /// Not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// Not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// First production date (the date on which the shift began).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub produced_from: Option<NaiveDate>,
    /// Last production date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub produced_to: Option<NaiveDate>,
    /// Not labels from which the event only took a quantity, such as the coil that parts were
    /// cut of: it went on, and is no suspect for what happened to them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_taken: bool,
}

/// A reading of a unit, or of a load that it was in. With `outside` alone: outside the
/// limits in force when it was taken; with `low` or `high` as well: outside those; with
/// those alone: within them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reading {
    /// Name of the reading.
    pub name: String,
    /// Outside, not within.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outside: bool,
    /// Lower limit; a decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<Decimal>,
    /// Upper limit; a decimal text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<Decimal>,
    /// Code of the operation it was taken in.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// Code of the machine that reported it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub machine: String,
    /// Code of the station.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub station: String,
    /// Code of the plant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plant: String,
    /// Measured not before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// Measured not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Moment>,
    /// Not labels from which the event only took a quantity: they were not measured, what was
    /// made of them was.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_taken: bool,
}

/// Which limits a reading is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Outside those in force when it was taken.
    Own,
    /// Outside those given.
    Outside,
    /// Within those given.
    Inside,
}

impl Reading {
    /// Which limits count.
    #[must_use]
    pub fn against(&self) -> Against {
        match (self.outside, self.low.is_none() && self.high.is_none()) {
            (true, true) => Against::Own,
            (true, false) => Against::Outside,
            (false, _) => Against::Inside,
        }
    }
}

/// The labels of a lot, or one label, and everything that they ever went into. Exactly one
/// of the three.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Contains {
    /// Id of a lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<Uuid>,
    /// A supplier's lot, batch or heat number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub supplier_lot: String,
    /// Code of that supplier; beside `supplier_lot` only.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub supplier: String,
    /// A UID, or a code that stands for one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
}

/// What a unit is, and its state now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Is {
    /// Code of its item.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub item: String,
    /// Code of the plant where it is, or was last, with the outermost thing around it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plant: String,
    /// `expected`, `active`, `consumed`, `scrapped`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub life: String,
    /// `unrestricted`, `in_inspection`, `rejected`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub quality: String,
    /// `location`, `in_transit`, `customer`, `supplier`, by the outermost thing around it; `parent`
    /// of what is in another, wherever that is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custody: String,
}

impl Is {
    /// Whether the outermost thing around a unit decides: it says where that is, or who has it.
    #[must_use]
    pub fn is_placed(&self) -> bool {
        !self.plant.is_empty() || !(self.custody.is_empty() || self.custody == Custody::Parent.name())
    }
}

impl Event {
    /// Whether it says more than where: not whether a unit was there, but what was done.
    #[must_use]
    pub fn is_place_only(&self) -> bool {
        let stage = self.stage.is_empty() || self.stage == "LOAD" || self.stage == "OPERATION";
        let rest = [&self.operator, &self.shift, &self.outcome, &self.reason, &self.document, &self.customer];
        stage
            && (!self.machine.is_empty() || !self.station.is_empty())
            && rest.iter().all(|text| text.is_empty())
            && self.produced_from.is_none()
            && self.produced_to.is_none()
    }

    /// Whether it is asked for by something of which there are few.
    #[must_use]
    pub fn is_named(&self) -> bool {
        [&self.machine, &self.station, &self.operator, &self.reason, &self.document, &self.customer]
            .iter()
            .any(|text| !text.is_empty())
    }

    /// Whether it is within a time that has two ends.
    #[must_use]
    pub fn is_timed(&self) -> bool {
        (self.from.is_some() && self.to.is_some())
            || (self.produced_from.is_some() && self.produced_to.is_some())
    }
}

impl Node {
    /// Reads a tree. Every mistake is told at once, each with its path.
    ///
    /// # Errors
    /// The mistakes, in the order of the tree.
    pub fn parse(value: &Value) -> Result<Self, Vec<Mistake>> {
        Self::read(value, |_| true)
    }

    /// Reads a tree that was kept. It may have events that say nothing, which were no mistake once:
    /// every event fits them, as it did then.
    ///
    /// # Errors
    /// As for [`Node::parse`].
    pub fn kept(value: &Value) -> Result<Self, Vec<Mistake>> {
        Self::read(value, |mistake| !mistake.is_empty_event())
    }

    fn read(value: &Value, counts: fn(&Mistake) -> bool) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut nodes = 0;
        let node = read::node(value, "", 1, &mut nodes, &mut mistakes);
        mistakes.retain(counts);
        if nodes > MOST_NODES {
            mistakes.push(Mistake { path: String::new(), key: "nodes", value: MOST_NODES.to_string() });
        }
        match node {
            Some(node) if mistakes.is_empty() => {
                node.check_finds("", false, &mut mistakes);
                if mistakes.is_empty() { Ok(node) } else { Err(mistakes) }
            }
            _ => Err(mistakes),
        }
    }

    /// The tree as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The tree without leaving out labels from which something was only taken; `None` where it
    /// leaves out none.
    #[must_use]
    pub fn with_taken(&self) -> Option<Self> {
        let mut tree = self.clone();
        tree.take_all().then_some(tree)
    }

    fn take_all(&mut self) -> bool {
        match self {
            // Each of them, and not only the first.
            Self::All(nodes) | Self::Any(nodes) => {
                nodes.iter_mut().fold(false, |changed, node| node.take_all() | changed)
            }
            Self::Not(node) => node.take_all(),
            Self::Event(event) => std::mem::take(&mut event.without_taken),
            Self::Reading(reading) => std::mem::take(&mut reading.without_taken),
            _ => false,
        }
    }

    /// Whether it finds units by itself, without going through all there are.
    #[must_use]
    pub fn finds(&self) -> bool {
        match self {
            Self::All(nodes) => nodes.iter().any(Self::finds),
            Self::Any(nodes) => nodes.iter().all(Self::finds),
            Self::Not(_) => false,
            Self::Event(event) => event.is_named() || event.is_timed(),
            Self::Reading(_) | Self::Contains(_) => true,
            Self::Is(is) => !is.item.is_empty(),
        }
    }

    /// How many conditions the tree asks.
    #[must_use]
    pub fn leaves(&self) -> usize {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().map(Self::leaves).sum(),
            Self::Not(node) => node.leaves(),
            _ => 1,
        }
    }

    /// The path of a child.
    #[must_use]
    pub fn path(&self, path: &str, child: usize) -> String {
        match self {
            Self::All(_) => join(path, &format!("all[{child}]")),
            Self::Any(_) => join(path, &format!("any[{child}]")),
            Self::Not(_) => join(path, "not"),
            _ => path.to_owned(),
        }
    }

    /// Tells of nodes that only choose, where nothing beside them finds.
    fn check_finds(&self, path: &str, found: bool, mistakes: &mut Vec<Mistake>) {
        let mut tell = |key| mistakes.push(Mistake { path: path.to_owned(), key, value: String::new() });
        match self {
            Self::All(nodes) => {
                let found = found || nodes.iter().any(Self::finds);
                for (index, node) in nodes.iter().enumerate() {
                    node.check_finds(&self.path(path, index), found, mistakes);
                }
            }
            Self::Any(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    node.check_finds(&self.path(path, index), found, mistakes);
                }
            }
            Self::Not(node) => {
                if found {
                    node.check_finds(&self.path(path, 0), true, mistakes);
                } else {
                    tell("not-alone");
                }
            }
            Self::Event(_) if !found && !self.finds() => tell("event-alone"),
            Self::Is(_) if !found && !self.finds() => tell("is-alone"),
            _ => {}
        }
    }
}

/// The path of what is called so at a path.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The names of a state, by their numbers.
pub(super) fn names<T>(read: fn(i16) -> Option<T>, name: fn(T) -> &'static str) -> Vec<&'static str> {
    (1..).map_while(read).map(name).collect()
}

/// The number of a state's name.
pub(super) fn number_of(name: &str, names: &[&'static str]) -> Option<i16> {
    names.iter().position(|known| *known == name).and_then(|index| i16::try_from(index + 1).ok())
}

/// Stages that an event of a unit can have here: not refusals, corrections or what was
/// lost, which are no acts.
pub fn stages() -> impl Iterator<Item = Stage> {
    (1..=35).filter_map(|number| Stage::try_from(number).ok())
}

#[cfg(test)]
mod tests;
