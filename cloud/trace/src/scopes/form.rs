//! The rows of the builder: conditions as a form has them, and as a link does. Pure.
//!
//! A row is of a kind, which says what fields it has; its fields are named after it:
//! `0.kind=passed&0.machine=OVEN-1`. A link may also name fields alone
//! (`machine=OVEN-1&from=…`), from which rows are made.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::criteria::{Mistake, Node};

/// Most rows of a form.
pub const MOST_ROWS: usize = 20;

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

/// All kinds, in the order in which they are offered.
pub const KINDS: [Kind; 7] = [
    Kind {
        name: "passed",
        node: "event",
        fields: &["machine", "station", "operation", "plant", "from", "to"],
    },
    Kind {
        name: "reading",
        node: "reading",
        fields: &["name", "how", "low", "high", "operation", "machine", "station", "plant", "from", "to"],
    },
    Kind { name: "handled", node: "event", fields: &["operator", "plant", "from", "to"] },
    Kind { name: "contains", node: "contains", fields: &["uid", "supplier_lot", "supplier", "lot"] },
    Kind { name: "document", node: "event", fields: &["document", "document_type", "customer"] },
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
            "produced_from",
            "produced_to",
            "from",
            "to",
        ],
    },
    Kind { name: "item", node: "is", fields: &["item", "plant", "life", "quality", "custody"] },
];

/// What `how` of a reading can be.
pub const HOW: [&str; 3] = ["limits", "outside", "inside"];

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What kind it is.
    pub kind: &'static Kind,
    /// Units that do not fit it.
    pub not: bool,
    values: BTreeMap<&'static str, String>,
    /// What is wrong with a field, or with the row where the name is empty.
    pub wrong: BTreeMap<String, String>,
}

impl Row {
    /// An empty row.
    #[must_use]
    pub fn new(kind: &'static Kind) -> Self {
        Self { kind, not: false, values: BTreeMap::new(), wrong: BTreeMap::new() }
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

    /// Whether nothing was filled in: what is chosen already in an empty row is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.said().all(|(field, _)| field == "how")
    }

    fn put(&mut self, field: &str, value: &str) {
        if let Some(field) = self.kind.fields.iter().find(|known| **known == field)
            && !value.trim().is_empty()
        {
            self.values.insert(field, value.trim().to_owned());
        }
    }

    fn to_json(&self) -> Value {
        let mut fields: Map<String, Value> = self
            .said()
            .filter(|(field, _)| *field != "how")
            .map(|(field, value)| (field.to_owned(), json!(value)))
            .collect();
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
}

/// What a form, or a link, asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// One of the rows is enough; else all must fit.
    pub any: bool,
    /// The conditions.
    pub rows: Vec<Row>,
    /// To be answered, and not only shown.
    pub ask: bool,
    /// Where the page before ended.
    pub after: Option<String>,
}

fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Form {
    /// Reads what a browser or a link sent.
    #[must_use]
    pub fn read(pairs: &[(String, String)]) -> Self {
        let mut form = Self::default();
        let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
        let (mut add, mut remove) = (None, None);
        for (name, value) in pairs {
            match name.as_str() {
                "mode" => form.any = value == "any",
                "ask" => form.ask = true,
                "after" => form.after = Some(value.clone()).filter(|after| !after.is_empty()),
                "add" => add = kind(value),
                "remove" => remove = value.parse::<usize>().ok(),
                _ => {}
            }
            if let Some((index, "kind")) = numbered(name)
                && let Some(kind) = kind(value)
            {
                rows.insert(index, Row::new(kind));
            }
        }
        for (name, value) in pairs {
            if let Some((index, field)) = numbered(name)
                && let Some(row) = rows.get_mut(&index)
            {
                if field == "not" {
                    row.not = value == "1";
                } else {
                    row.put(field, value);
                }
            }
        }
        if let Some(index) = remove {
            rows.remove(&index);
        }
        form.rows = rows.into_values().collect();
        if form.rows.is_empty() && remove.is_none() {
            form.rows = linked(pairs);
            form.ask |= !form.rows.is_empty();
        }
        if let Some(kind) = add.filter(|_| form.rows.len() < MOST_ROWS) {
            form.rows.push(Row::new(kind));
        }
        if add.is_some() || remove.is_some() {
            form.ask = false;
        }
        if form.rows.is_empty() {
            form.rows.push(Row::new(&KINDS[0]));
            form.ask = false;
        }
        form
    }

    /// The rows that say a tree, if rows can.
    #[must_use]
    pub fn of(node: &Node) -> Option<Self> {
        let (any, nodes) = match node {
            Node::All(nodes) => (false, nodes.as_slice()),
            Node::Any(nodes) => (true, nodes.as_slice()),
            other => (false, std::slice::from_ref(other)),
        };
        let rows = nodes.iter().map(row_of).collect::<Option<Vec<_>>>()?;
        (rows.len() <= MOST_ROWS).then_some(Self { any, rows, ask: true, after: None })
    }

    /// The conditions as JSON, of rows that are not empty; `None` where all are.
    #[must_use]
    pub fn criteria(&self) -> Option<Value> {
        let rows: Vec<Value> = self.rows.iter().filter(|row| !row.is_empty()).map(Row::to_json).collect();
        (!rows.is_empty()).then(|| json!({ (if self.any { "any" } else { "all" }): rows }))
    }

    /// Puts mistakes to the fields that they are about, said by `say`.
    pub fn tell(&mut self, mistakes: &[Mistake], say: impl Fn(&Mistake) -> String) {
        let mut filled: Vec<&mut Row> = self.rows.iter_mut().filter(|row| !row.is_empty()).collect();
        for mistake in mistakes {
            let index = mistake.path.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            let Some((index, rest)) = index else { continue };
            let Some(row) = index.parse::<usize>().ok().and_then(|index| filled.get_mut(index)) else {
                continue;
            };
            let field = rest.rsplit('.').next().unwrap_or_default();
            // The limits of a reading are what `how` is about.
            let field = if field == "outside" { "how" } else { field };
            let field = if row.kind.fields.contains(&field) { field } else { "" };
            row.wrong.entry(field.to_owned()).or_insert_with(|| say(mistake));
        }
    }

    /// As the part of an address after `?`, of a page that answers.
    #[must_use]
    pub fn address(&self) -> String {
        let encoded = |text: &str| platform::web::escaped(text, b"-_.~");
        let mut parts = vec![format!("mode={}", if self.any { "any" } else { "all" })];
        for (index, row) in self.rows.iter().filter(|row| !row.is_empty()).enumerate() {
            parts.push(format!("{index}.kind={}", row.kind.name));
            if row.not {
                parts.push(format!("{index}.not=1"));
            }
            parts.extend(row.said().map(|(field, value)| format!("{index}.{field}={}", encoded(value))));
        }
        parts.push("ask=1".to_owned());
        parts.join("&")
    }
}

fn numbered(name: &str) -> Option<(usize, &str)> {
    let (index, field) = name.split_once('.')?;
    Some((index.parse().ok().filter(|index| *index < 1000)?, field))
}

/// Rows of a link that names fields alone.
fn linked(pairs: &[(String, String)]) -> Vec<Row> {
    let given = |name: &str| {
        pairs.iter().find(|(known, value)| known == name && !value.trim().is_empty()).map(|(_, value)| value)
    };
    let make = |name: &str, needs: &[&str]| {
        let kind = kind(name)?;
        needs.iter().find_map(|need| given(need))?;
        let mut row = Row::new(kind);
        for (name, value) in pairs {
            row.put(name, value);
        }
        Some(row)
    };
    let mut reading = make("reading", &["reading", "name"]);
    if let Some(row) = &mut reading {
        if let Some(name) = given("reading") {
            row.put("name", name);
        }
        let limits = given("low").is_some() || given("high").is_some();
        let how = match (given("outside").is_some_and(|outside| outside != "0"), limits) {
            (true, true) => "outside",
            (false, true) => "inside",
            _ => "limits",
        };
        row.put("how", how);
    }
    // A reading names its own machine and time.
    let passed = if reading.is_some() { None } else { make("passed", &["machine", "station"]) };
    let handled = make("handled", &["operator"]);
    let contains = make("contains", &["uid", "lot", "supplier_lot"]);
    let document = make("document", &["document", "customer"]);
    let rest = ["stage", "outcome", "reason", "operation", "shift", "produced_from"];
    let done = if reading.is_some() || passed.is_some() { None } else { make("done", &rest) };
    let item = make("item", &["item", "life", "quality", "custody"]);
    [reading, passed, handled, contains, document, done, item].into_iter().flatten().collect()
}

fn row_of(node: &Node) -> Option<Row> {
    if let Node::Not(inner) = node {
        let row = row_of(inner)?;
        return (!row.not).then_some(Row { not: true, ..row });
    }
    let json = node.to_json();
    let (name, fields) = json.as_object()?.iter().next()?;
    let fields = fields.as_object()?;
    let kind = KINDS.iter().find(|kind| {
        kind.node == name
            && fields.keys().all(|field| field == "outside" || kind.fields.contains(&field.as_str()))
    })?;
    let mut row = Row::new(kind);
    for (field, value) in fields {
        // As a field of a form has it, without seconds that are none.
        let text = value.as_str().unwrap_or_default();
        let minute = matches!(field.as_str(), "from" | "to") && text.len() == 19;
        row.put(field, text.strip_suffix(":00").filter(|_| minute).unwrap_or(text));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &str) -> Vec<(String, String)> {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    #[test]
    fn a_link_becomes_rows() {
        let form = Form::read(&pairs("machine=OVEN-1&from=2025-01-20T06:00&to=2025-01-20T14:00"));
        assert!(form.ask);
        assert_eq!(
            form.criteria().unwrap(),
            json!({ "all": [{ "event": { "machine": "OVEN-1", "from": "2025-01-20T06:00", "to": "2025-01-20T14:00" } }] })
        );
        let form = Form::read(&pairs("operation=CURE&reading=temperature&outside=1"));
        assert_eq!(
            form.criteria().unwrap(),
            json!({ "all": [{ "reading": { "name": "temperature", "operation": "CURE", "outside": true } }] })
        );
        let form = Form::read(&pairs("operator=op-7"));
        assert_eq!(form.criteria().unwrap(), json!({ "all": [{ "event": { "operator": "op-7" } }] }));
        let lot = "0190d5a4-0000-7000-8000-000000000001";
        let form = Form::read(&pairs(&format!("lot={lot}")));
        assert_eq!(form.criteria().unwrap(), json!({ "all": [{ "contains": { "lot": lot } }] }));
        let form = Form::read(&[]);
        assert!(!form.ask && form.rows.len() == 1 && form.criteria().is_none());
    }

    #[test]
    fn rows_are_added_taken_away_and_kept_in_the_address() {
        let form =
            Form::read(&pairs("mode=any&0.kind=passed&0.machine=M&3.kind=item&3.item=A&3.not=1&add=reading"));
        assert_eq!(form.rows.len(), 3);
        assert!(!form.ask && form.any && form.rows[1].not && form.rows[2].is_empty());
        let again = Form::read(&pairs(&form.address()));
        assert_eq!((again.criteria(), again.ask), (form.criteria(), true));
        let fewer = Form::read(&pairs("0.kind=passed&0.machine=M&1.kind=item&1.item=A&remove=0"));
        assert_eq!((fewer.rows.len(), fewer.rows[0].kind.name), (1, "item"));
        let none = Form::read(&pairs("0.kind=passed&0.machine=M&remove=0"));
        assert!(none.rows.len() == 1 && none.rows[0].is_empty() && !none.ask);
    }

    #[test]
    fn mistakes_come_to_their_fields() {
        let mut form = Form::read(&pairs(
            "0.kind=passed&1.kind=passed&1.from=yesterday&1.machine=M&2.kind=reading&2.how=inside&2.low=x&2.name=t&2.not=1&ask=1",
        ));
        let mistakes = Node::parse(&form.criteria().unwrap()).unwrap_err();
        form.tell(&mistakes, |mistake| mistake.key.to_owned());
        assert_eq!(form.rows[1].wrong("from"), Some("moment"));
        assert_eq!(form.rows[2].wrong("low"), Some("number"));
        assert!(form.rows[0].wrong.is_empty());
    }

    #[test]
    fn a_tree_that_rows_can_say_becomes_rows() {
        let tree = json!({ "any": [
            { "event": { "machine": "M", "from": "2025-01-20T06:00:00" } },
            { "not": { "reading": { "name": "t", "outside": true } } },
            { "event": { "stage": "INSPECTION", "outcome": "failed", "reason": "crack" } },
        ] });
        let tree = json!({ "all": [{ "is": { "item": "A" } }, tree] });
        let node = Node::parse(&tree).unwrap();
        assert_eq!(Form::of(&node), None);
        let Node::All(nodes) = node else { unreachable!() };
        let form = Form::of(&nodes[1]).unwrap();
        assert!(form.any && form.rows[1].not);
        assert_eq!(form.rows[0].value("from"), "2025-01-20T06:00");
        assert_eq!(
            Node::parse(&json!({ "all": [{ "is": { "item": "A" } }, form.criteria().unwrap()] })).unwrap(),
            Node::All(nodes)
        );
    }
}
