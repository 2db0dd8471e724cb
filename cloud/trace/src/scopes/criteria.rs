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
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::projection::state::{Custody, Life, Quality};

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
    /// Code of the plant where it is, or was last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub plant: String,
    /// `expected`, `active`, `consumed`, `scrapped`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub life: String,
    /// `unrestricted`, `in_inspection`, `rejected`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub quality: String,
    /// `location`, `parent`, `in_transit`, `customer`, `supplier`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub custody: String,
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
        let mut mistakes = Vec::new();
        let mut nodes = 0;
        let node = parse_node(value, "", 1, &mut nodes, &mut mistakes);
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

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn parse_node(
    value: &Value,
    path: &str,
    depth: usize,
    nodes: &mut usize,
    mistakes: &mut Vec<Mistake>,
) -> Option<Node> {
    let mut tell = |path: &str, key, value: &str| {
        mistakes.push(Mistake { path: path.to_owned(), key, value: shown(value) });
    };
    *nodes += 1;
    if depth > MOST_DEEP {
        tell(path, "deep", &MOST_DEEP.to_string());
        return None;
    }
    if *nodes > MOST_NODES {
        return None;
    }
    let Some(object) = value.as_object() else {
        tell(path, "node", "");
        return None;
    };
    let mut members = object.iter();
    let (Some((name, inner)), None) = (members.next(), members.next()) else {
        tell(path, "node", "");
        return None;
    };
    let here = join(path, name);
    match name.as_str() {
        "all" | "any" => {
            let Some(list) = inner.as_array().filter(|list| !list.is_empty()) else {
                tell(&here, "list", "");
                return None;
            };
            let read: Vec<Option<Node>> = list
                .iter()
                .enumerate()
                .map(|(index, child)| {
                    parse_node(child, &format!("{here}[{index}]"), depth + 1, nodes, mistakes)
                })
                .collect();
            let read = read.into_iter().collect::<Option<Vec<_>>>()?;
            Some(if name == "all" { Node::All(read) } else { Node::Any(read) })
        }
        "not" => Some(Node::Not(Box::new(parse_node(inner, &here, depth + 1, nodes, mistakes)?))),
        "event" | "reading" | "contains" | "is" => {
            let Some(fields) = inner.as_object() else {
                tell(&here, "fields", "");
                return None;
            };
            let before = mistakes.len();
            let mut fields = Fields { fields, path: here, mistakes, known: Vec::new() };
            let leaf = match name.as_str() {
                "event" => Node::Event(Box::new(parse_event(&mut fields))),
                "reading" => Node::Reading(Box::new(parse_reading(&mut fields))),
                "contains" => Node::Contains(parse_contains(&mut fields)),
                _ => Node::Is(parse_is(&mut fields)),
            };
            fields.end();
            (mistakes.len() == before).then_some(leaf)
        }
        other => {
            tell(path, "kind", other);
            None
        }
    }
}

/// What is shown of a text that is wrong.
fn shown(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(40).collect()
}

/// The members of a leaf while they are read.
struct Fields<'a> {
    fields: &'a Map<String, Value>,
    path: String,
    mistakes: &'a mut Vec<Mistake>,
    known: Vec<&'static str>,
}

impl Fields<'_> {
    fn tell(&mut self, name: &str, key: &'static str, value: &str) {
        let path = if name.is_empty() { self.path.clone() } else { join(&self.path, name) };
        self.mistakes.push(Mistake { path, key, value: shown(value) });
    }

    /// A member that is there, and neither null nor an empty text.
    fn given(&mut self, name: &'static str) -> Option<&Value> {
        self.known.push(name);
        self.fields.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    fn text(&mut self, name: &'static str) -> String {
        let text = match self.given(name) {
            None => return String::new(),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(_) => {
                self.tell(name, "text", "");
                return String::new();
            }
        };
        if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            self.tell(name, "long", &LONGEST.to_string());
            return String::new();
        }
        text
    }

    /// A text that is one of these.
    fn choice(&mut self, name: &'static str, choices: &[&str]) -> String {
        let text = self.text(name);
        if !text.is_empty() && !choices.contains(&text.as_str()) {
            self.tell(name, "choice", &choices.join(", "));
            return String::new();
        }
        text
    }

    fn moment(&mut self, name: &'static str) -> Option<Moment> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        let read = moment(&text);
        if read.is_none() {
            self.tell(name, "moment", &text);
        }
        read
    }

    fn date(&mut self, name: &'static str) -> Option<NaiveDate> {
        let text = self.text(name);
        if text.is_empty() {
            return None;
        }
        let read =
            text.parse().ok().filter(|date: &NaiveDate| in_range(date.and_time(chrono::NaiveTime::MIN)));
        if read.is_none() {
            self.tell(name, "date", &text);
        }
        read
    }

    fn decimal(&mut self, name: &'static str) -> Option<Decimal> {
        let text = match self.given(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        // As the column: numeric(18,6).
        let fits = |n: &Decimal| n.normalize().scale() <= 6 && n.abs() < Decimal::from(1_000_000_000_000_i64);
        let read = text.parse::<Decimal>().ok().filter(fits);
        if read.is_none() {
            self.tell(name, "number", &text);
        }
        read.map(|n| n.normalize())
    }

    fn flag(&mut self, name: &'static str) -> bool {
        match self.given(name) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.tell(name, "flag", "");
                false
            }
        }
    }

    /// Both ends of a time, in their order.
    fn times(&mut self) -> (Option<Moment>, Option<Moment>) {
        let (from, to) = (self.moment("from"), self.moment("to"));
        let turned = match (from, to) {
            (Some(Moment::Exact(from)), Some(Moment::Exact(to))) => from > to,
            (Some(Moment::Local(from)), Some(Moment::Local(to))) => from > to,
            _ => false,
        };
        if turned {
            self.tell("to", "turned", "");
        }
        (from, to)
    }

    /// Tells of members that there are not.
    fn end(mut self) {
        let unknown: Vec<String> =
            self.fields.keys().filter(|name| !self.known.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            let known = self.known.join(", ");
            let name: String = shown(&name);
            self.mistakes.push(Mistake { path: join(&self.path, &name), key: "unknown", value: known });
        }
        self.known.clear();
    }
}

/// Reads a time: exact, or as a clock shows it, to the minute at least.
#[must_use]
pub fn moment(text: &str) -> Option<Moment> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        let at = at.with_timezone(&Utc);
        return in_range(at.naive_utc()).then_some(Moment::Exact(at));
    }
    let local = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
    in_range(local).then_some(Moment::Local(local))
}

/// Whether a time is one that Postgres and people know.
fn in_range(at: NaiveDateTime) -> bool {
    use chrono::Datelike;
    (1900..=2999).contains(&at.year())
}

fn parse_event(fields: &mut Fields<'_>) -> Event {
    let stages: Vec<&str> = stages().map(|stage| stage.as_str_name()).collect();
    let mut event = Event {
        machine: fields.text("machine"),
        station: fields.text("station"),
        operator: fields.text("operator"),
        operation: fields.text("operation"),
        plant: fields.text("plant"),
        shift: fields.text("shift"),
        stage: fields.choice("stage", &stages),
        outcome: fields.choice("outcome", &OUTCOMES),
        reason: fields.text("reason"),
        document: fields.text("document"),
        document_type: fields.text("document_type"),
        customer: fields.text("customer"),
        ..Event::default()
    };
    (event.from, event.to) = fields.times();
    event.produced_from = fields.date("produced_from");
    event.produced_to = fields.date("produced_to");
    if event.produced_from.zip(event.produced_to).is_some_and(|(from, to)| from > to) {
        fields.tell("produced_to", "turned", "");
    }
    if !event.document_type.is_empty() && event.document.is_empty() {
        fields.tell("document_type", "beside-document", "");
    }
    if !event.document.is_empty() && !event.customer.is_empty() {
        fields.tell("customer", "document-or-customer", "");
    }
    if fields.fields.is_empty() || event == Event::default() {
        fields.tell("", "empty", "");
    }
    event
}

fn parse_reading(fields: &mut Fields<'_>) -> Reading {
    let mut reading = Reading {
        name: fields.text("name"),
        outside: fields.flag("outside"),
        low: fields.decimal("low"),
        high: fields.decimal("high"),
        operation: fields.text("operation"),
        machine: fields.text("machine"),
        station: fields.text("station"),
        plant: fields.text("plant"),
        ..Reading::default()
    };
    (reading.from, reading.to) = fields.times();
    if reading.name.is_empty() {
        fields.tell("name", "name", "");
    }
    let given = fields.fields.contains_key("low") || fields.fields.contains_key("high");
    if !reading.outside && reading.low.is_none() && reading.high.is_none() && !given {
        fields.tell("outside", "limits", "");
    }
    if reading.low.zip(reading.high).is_some_and(|(low, high)| low > high) {
        fields.tell("high", "limits-turned", "");
    }
    reading
}

fn parse_contains(fields: &mut Fields<'_>) -> Contains {
    let lot = fields.text("lot");
    let contains = Contains {
        lot: lot.parse().ok(),
        supplier_lot: fields.text("supplier_lot"),
        supplier: fields.text("supplier"),
        uid: fields.text("uid"),
    };
    if !lot.is_empty() && contains.lot.is_none() {
        fields.tell("lot", "lot", &lot);
    }
    let named = [!lot.is_empty(), !contains.supplier_lot.is_empty(), !contains.uid.is_empty()];
    if named.iter().filter(|named| **named).count() != 1 {
        fields.tell("", "one-of", "lot, supplier_lot, uid");
    }
    if !contains.supplier.is_empty() && contains.supplier_lot.is_empty() {
        fields.tell("supplier", "beside-supplier-lot", "");
    }
    contains
}

fn parse_is(fields: &mut Fields<'_>) -> Is {
    let is = Is {
        item: fields.text("item"),
        plant: fields.text("plant"),
        life: fields.choice("life", &names(Life::from_number, Life::name)),
        quality: fields.choice("quality", &names(Quality::from_number, Quality::name)),
        custody: fields.choice("custody", &names(Custody::from_number, Custody::name)),
    };
    if is == Is::default() {
        fields.tell("", "empty", "");
    }
    is
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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn wrong(value: &Value) -> Vec<(String, &'static str)> {
        let mistakes = Node::parse(value).unwrap_err();
        mistakes.into_iter().map(|mistake| (mistake.path, mistake.key)).collect()
    }

    #[test]
    fn a_tree_is_read_and_written_as_it_was() {
        let tree = json!({ "all": [
            { "event": { "machine": "OVEN-1", "from": "2025-01-20T06:00:00", "to": "2025-01-20T14:00:00" } },
            { "any": [
                { "reading": { "name": "temperature", "outside": true, "operation": "CURE" } },
                { "reading": { "name": "torque", "low": "10.5", "high": "12" } },
                { "event": { "operator": "op-7", "from": "2025-01-20T06:00:00Z" } },
            ] },
            { "contains": { "supplier_lot": "HEAT-77", "supplier": "XYZ" } },
            { "not": { "is": { "life": "scrapped" } } },
        ] });
        assert_eq!(Node::parse(&tree).unwrap().to_json(), tree);
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_path() {
        let tree = json!({ "all": [
            { "event": { "machine": 7, "from": "yesterday", "colour": "red" } },
            { "reading": { "low": "tall", "high": "3.1234567" } },
            { "not": { "contains": { "lot": "x", "uid": "y" } } },
            { "any": [] },
            { "is": { "life": "gone" } },
            { "maybe": {} },
            7,
            { "event": { "from": "2025-01-02T00:00", "to": "2025-01-01T00:00", "machine": "M" } },
            { "reading": { "name": "t" } },
        ] });
        let told = wrong(&tree);
        for expected in [
            ("all[0].event.machine", "text"),
            ("all[0].event.from", "moment"),
            ("all[0].event.colour", "unknown"),
            ("all[1].reading.low", "number"),
            ("all[1].reading.high", "number"),
            ("all[1].reading.name", "name"),
            ("all[2].not.contains.lot", "lot"),
            ("all[2].not.contains", "one-of"),
            ("all[3].any", "list"),
            ("all[4].is.life", "choice"),
            ("all[5]", "kind"),
            ("all[6]", "node"),
            ("all[7].event.to", "turned"),
            ("all[8].reading.outside", "limits"),
        ] {
            assert!(told.contains(&(expected.0.to_owned(), expected.1)), "{expected:?} is not in {told:?}");
        }
    }

    #[test]
    fn what_only_chooses_needs_something_that_finds() {
        let not = json!({ "not": { "event": { "machine": "M" } } });
        assert_eq!(wrong(&not), [(String::new(), "not-alone")]);
        let either = json!({ "any": [{ "event": { "machine": "M" } }, not] });
        assert_eq!(wrong(&either), [("any[1]".to_owned(), "not-alone")]);
        assert!(Node::parse(&json!({ "all": [{ "event": { "machine": "M" } }, either] })).is_ok());
        assert_eq!(wrong(&json!({ "event": { "shift": "A" } })), [(String::new(), "event-alone")]);
        assert_eq!(wrong(&json!({ "is": { "plant": "KOL" } })), [(String::new(), "is-alone")]);
        let day =
            json!({ "event": { "shift": "A", "produced_from": "2025-01-01", "produced_to": "2025-01-01" } });
        assert!(Node::parse(&day).is_ok());
    }

    #[test]
    fn a_tree_is_bounded() {
        let leaf = json!({ "event": { "machine": "M" } });
        let wide = json!({ "any": vec![leaf.clone(); MOST_NODES] });
        assert_eq!(wrong(&wide), [(String::new(), "nodes")]);
        let mut deep = leaf;
        for _ in 0..MOST_DEEP {
            deep = json!({ "all": [deep] });
        }
        assert_eq!(wrong(&deep)[0].1, "deep");
    }

    proptest! {
        #[test]
        fn no_json_makes_it_fall(text in "[a-z{}\\[\\]\":,0-9]{0,80}", name in "all|any|not|event|reading|contains|is") {
            let inner: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let mut object = Map::new();
            object.insert(name, inner);
            let _ = Node::parse(&Value::Object(object));
        }
    }
}
