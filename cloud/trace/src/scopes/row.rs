//! A row of the builder: one condition, as a form has it. Pure.
//!
//! A row is of a kind, which says what fields it has; its fields are named after it:
//! `0.kind=passed&0.machine=OVEN-1`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::criteria::Node;

/// A kind of row.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name; the text is `scope-kind-<name>`.
    pub name: &'static str,
    /// The node that it makes.
    node: &'static str,
    /// Its fields, in the order in which they stand.
    pub fields: &'static [&'static str],
}

impl Kind {
    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.name == name)
    }
}

/// All kinds, in the order in which they are offered. Together they have every field that a
/// condition can have, so that whatever was asked by API is a row.
pub const KINDS: [Kind; 7] = [
    Kind {
        name: "passed",
        node: "event",
        fields: &["machine", "station", "operation", "plant", "from", "to", "taken"],
    },
    Kind {
        name: "reading",
        node: "reading",
        fields: &[
            "name",
            "how",
            "low",
            "high",
            "operation",
            "machine",
            "station",
            "plant",
            "from",
            "to",
            "taken",
        ],
    },
    Kind { name: "handled", node: "event", fields: &["operator", "plant", "from", "to", "taken"] },
    Kind { name: "contains", node: "contains", fields: &["uid", "supplier_lot", "supplier", "lot"] },
    Kind { name: "document", node: "event", fields: &["document", "document_type", "customer", "taken"] },
    Kind {
        name: "done",
        node: "event",
        fields: &[
            "stage",
            "outcome",
            "reason",
            "operation",
            "machine",
            "station",
            "operator",
            "shift",
            "plant",
            "document",
            "document_type",
            "customer",
            "produced_from",
            "produced_to",
            "from",
            "to",
            "taken",
        ],
    },
    Kind { name: "item", node: "is", fields: &["item", "plant", "life", "quality", "custody"] },
];

/// The tick by which labels from which something was only taken count as well. Unticked they
/// do not: a coil that went on is no suspect for the piece that was cut of it.
pub const TAKEN: &str = "taken";

/// What `how` of a reading can be.
pub const HOW: [&str; 3] = ["limits", "outside", "inside"];

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What kind it is.
    pub kind: &'static Kind,
    /// Units that do not fit it.
    pub not: bool,
    /// It was added just now: its first field is where one goes on.
    pub fresh: bool,
    values: BTreeMap<&'static str, String>,
    /// What is wrong with a field, or with the row where the name is empty.
    pub wrong: BTreeMap<String, String>,
}

impl Row {
    /// An empty row.
    #[must_use]
    pub fn new(kind: &'static Kind) -> Self {
        Self { kind, not: false, fresh: false, values: BTreeMap::new(), wrong: BTreeMap::new() }
    }

    /// What a field has; empty for nothing.
    #[must_use]
    pub fn value(&self, field: &str) -> &str {
        self.values.get(field).map_or("", String::as_str)
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn wrong(&self, field: &str) -> Option<&str> {
        self.wrong.get(field).map(String::as_str)
    }

    /// The fields that say something, and what.
    pub fn said(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.kind
            .fields
            .iter()
            .map(|field| (*field, self.value(field)))
            .filter(|(_, value)| !value.is_empty())
    }

    /// Whether nothing was filled in: what is chosen already in an empty row is nothing. A row of a
    /// reading says by itself that there is one outside its limits, and lacks only which.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kind.node != "reading" && self.said().all(|(field, _)| matches!(field, "how" | TAKEN))
    }

    pub(super) fn put(&mut self, field: &str, value: &str) {
        if let Some(field) = self.kind.fields.iter().find(|known| **known == field)
            && !value.trim().is_empty()
        {
            self.values.insert(field, value.trim().to_owned());
        }
    }

    pub(super) fn clear(&mut self, field: &str) {
        self.values.remove(field);
    }

    pub(super) fn to_json(&self) -> Value {
        let mut fields: Map<String, Value> = self
            .said()
            .filter(|(field, _)| !matches!(*field, "how" | TAKEN))
            .map(|(field, value)| (field.to_owned(), json!(value)))
            .collect();
        if self.kind.fields.contains(&TAKEN) && self.value(TAKEN).is_empty() {
            fields.insert("without_taken".into(), json!(true));
        }
        if self.kind.node == "reading" {
            match self.value("how") {
                "inside" => {}
                "outside" => {
                    fields.insert("outside".into(), json!(true));
                }
                // Its own limits, whatever else is filled in.
                _ => {
                    fields.insert("outside".into(), json!(true));
                    fields.remove("low");
                    fields.remove("high");
                }
            }
        }
        let leaf = json!({ self.kind.node: fields });
        if self.not { json!({ "not": leaf }) } else { leaf }
    }

    /// The row that says a condition.
    pub(super) fn of(node: &Node) -> Option<Self> {
        let json = node.to_json();
        let (name, fields) = json.as_object()?.iter().next()?;
        let fields = fields.as_object()?;
        let kind = KINDS.iter().find(|kind| {
            kind.node == name
                && fields.keys().all(|field| {
                    matches!(field.as_str(), "outside" | "without_taken")
                        || kind.fields.contains(&field.as_str())
                })
        })?;
        let mut row = Row::new(kind);
        for (field, value) in fields {
            // As a field of a form has it, without seconds that are none.
            let text = value.as_str().unwrap_or_default();
            let minute = matches!(field.as_str(), "from" | "to") && text.len() == 19;
            row.put(field, text.strip_suffix(":00").filter(|_| minute).unwrap_or(text));
        }
        let counts_taken = match node {
            Node::Event(event) => !event.without_taken,
            Node::Reading(reading) => !reading.without_taken,
            _ => false,
        };
        if counts_taken {
            row.put(TAKEN, "1");
        }
        if let Node::Reading(reading) = node {
            let how = match (reading.outside, reading.low.is_some() || reading.high.is_some()) {
                (true, false) => "limits",
                (true, true) => "outside",
                (false, _) => "inside",
            };
            row.put("how", how);
        }
        Some(row)
    }
}
