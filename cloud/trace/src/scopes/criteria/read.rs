//! Reading a tree of conditions from JSON: every mistake is told with its path. Pure.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::{
    Contains, Event, Is, LONGEST, MOST_DEEP, MOST_NODES, Mistake, Moment, Node, OUTCOMES, Reading, join,
    names, stages,
};
use crate::projection::state::{Custody, Life, Quality};

/// Reads a node at a path; mistakes are told to the last argument, and a leaf with some is there
/// without what is wrong.
pub(super) fn node(
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
                .map(|(index, child)| node(child, &format!("{here}[{index}]"), depth + 1, nodes, mistakes))
                .collect();
            let read = read.into_iter().collect::<Option<Vec<_>>>()?;
            Some(if name == "all" { Node::All(read) } else { Node::Any(read) })
        }
        "not" => Some(Node::Not(Box::new(node(inner, &here, depth + 1, nodes, mistakes)?))),
        "event" | "reading" | "contains" | "is" => {
            let Some(fields) = inner.as_object() else {
                tell(&here, "fields", "");
                return None;
            };
            let mut fields = Fields { fields, path: here, mistakes, known: Vec::new() };
            let leaf = match name.as_str() {
                "event" => Node::Event(Box::new(event(&mut fields))),
                "reading" => Node::Reading(Box::new(reading(&mut fields))),
                "contains" => Node::Contains(contains(&mut fields)),
                _ => Node::Is(is(&mut fields)),
            };
            fields.end();
            Some(leaf)
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

fn event(fields: &mut Fields<'_>) -> Event {
    let stages: Vec<&str> = stages().map(|stage| stage.as_str_name()).collect();
    let before = fields.mistakes.len();
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
    event.without_taken = fields.flag("without_taken");
    if event.produced_from.zip(event.produced_to).is_some_and(|(from, to)| from > to) {
        fields.tell("produced_to", "turned", "");
    }
    if !event.document_type.is_empty() && event.document.is_empty() {
        fields.tell("document_type", "beside-document", "");
    }
    if !event.document.is_empty() && !event.customer.is_empty() {
        fields.tell("customer", "document-or-customer", "");
    }
    // What is not to be counted says of no event what it is.
    let nothing = Event { without_taken: event.without_taken, ..Event::default() };
    if event == nothing && fields.mistakes.len() == before {
        fields.tell("", "empty", "");
    }
    event
}

fn reading(fields: &mut Fields<'_>) -> Reading {
    let mut reading = Reading {
        name: fields.text("name"),
        outside: fields.flag("outside"),
        low: fields.decimal("low"),
        high: fields.decimal("high"),
        operation: fields.text("operation"),
        machine: fields.text("machine"),
        station: fields.text("station"),
        plant: fields.text("plant"),
        without_taken: fields.flag("without_taken"),
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

fn contains(fields: &mut Fields<'_>) -> Contains {
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

fn is(fields: &mut Fields<'_>) -> Is {
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
