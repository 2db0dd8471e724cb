//! The builder's form: conditions in groups, as a form has them, and as a link does. Pure.
//!
//! What stands in the form is counted by where it is, group by group: `2-0.kind=passed` is the
//! first row of the group that is the third thing in the form, and `2.group=any` says what
//! that group is. A link may also name fields alone (`machine=OVEN-1&from=…`), from which rows
//! are made.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::criteria::{MOST_NODES, Mistake, Node};
pub use super::row::{HOW, KINDS, Kind, Row, TAKEN};

/// Most rows of a form.
pub const MOST_ROWS: usize = MOST_NODES;
/// Groups within groups that the form offers; what was asked by API may go deeper.
pub const MOST_WITHIN: usize = 3;
/// Longest place of a name: as deep as conditions go, and each of them turned round.
const DEEPEST: usize = 12;

/// Rows and further groups.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// One of them is enough; else all must fit.
    pub any: bool,
    /// Units that do not fit it.
    pub not: bool,
    /// What is in it.
    pub items: Vec<Item>,
    /// What is wrong with it.
    pub wrong: Option<String>,
}

/// What stands in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A condition.
    Row(Row),
    /// A group of its own.
    Group(Group),
}

impl Item {
    /// Nothing is said by it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Row(row) => row.is_empty(),
            Self::Group(group) => group.items.iter().all(Self::is_empty),
        }
    }

    fn is_not(&self) -> bool {
        match self {
            Self::Row(row) => row.not,
            Self::Group(group) => group.not,
        }
    }

    fn set_not(&mut self, not: bool) {
        match self {
            Self::Row(row) => row.not = not,
            Self::Group(group) => group.not = not,
        }
    }

    fn to_json(&self) -> Option<Value> {
        match self {
            Self::Row(row) => (!row.is_empty()).then(|| row.to_json()),
            Self::Group(group) => {
                let json = group.to_json()?;
                Some(if group.not { json!({ "not": json }) } else { json })
            }
        }
    }

    /// What says a node.
    fn of(node: &Node) -> Option<Self> {
        match node {
            Node::All(nodes) => Group::of(false, nodes).map(Self::Group),
            Node::Any(nodes) => Group::of(true, nodes).map(Self::Group),
            Node::Not(inner) => {
                let mut item = Self::of(inner)?;
                if item.is_not() {
                    item = Self::Group(Group { items: vec![item], ..Group::default() });
                }
                item.set_not(true);
                Some(item)
            }
            leaf => Row::of(leaf).map(Self::Row),
        }
    }
}

impl Group {
    fn of(any: bool, nodes: &[Node]) -> Option<Self> {
        let items = nodes.iter().map(Item::of).collect::<Option<Vec<_>>>()?;
        Some(Self { any, items, ..Self::default() })
    }

    fn to_json(&self) -> Option<Value> {
        let items: Vec<Value> = self.items.iter().filter_map(Item::to_json).collect();
        (!items.is_empty()).then(|| json!({ (self.mode()): items }))
    }

    /// Its rows and those of the groups in it.
    #[must_use]
    pub fn rows(&self) -> Vec<&Row> {
        let rows = self.items.iter().map(|item| match item {
            Item::Row(row) => vec![row],
            Item::Group(group) => group.rows(),
        });
        rows.flatten().collect()
    }

    /// Notes at a path within it what is wrong there.
    fn tell(&mut self, path: &str, said: String) {
        let place = path.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
        let Some((Ok(index), mut rest)) = place.map(|(index, rest)| (index.parse::<usize>(), rest)) else {
            self.wrong.get_or_insert(said);
            return;
        };
        loop {
            rest = rest.trim_start_matches('.');
            match rest.strip_prefix("not") {
                Some(inner) if inner.is_empty() || inner.starts_with('.') => rest = inner,
                _ => break,
            }
        }
        match self.items.iter_mut().filter(|item| !item.is_empty()).nth(index) {
            Some(Item::Group(group)) => group.tell(rest, said),
            Some(Item::Row(row)) => {
                let field = rest.rsplit('.').next().unwrap_or_default();
                // The limits of a reading are what `how` is about.
                let field = if field == "outside" { "how" } else { field };
                let field = if row.kind.fields.contains(&field) { field } else { "" };
                row.wrong.entry(field.to_owned()).or_insert(said);
            }
            None => {}
        }
    }

    /// What is filled in, as parts of an address.
    fn write(&self, place: &str, parts: &mut Vec<String>) {
        let encoded = |text: &str| platform::web::escaped(text, b"-_.~");
        for (index, item) in self.items.iter().filter(|item| !item.is_empty()).enumerate() {
            let at = within(place, index);
            match item {
                Item::Row(row) => parts.push(format!("{at}.kind={}", row.kind.name)),
                Item::Group(group) => parts.push(format!("{at}.group={}", group.mode())),
            }
            if item.is_not() {
                parts.push(format!("{at}.not=1"));
            }
            match item {
                Item::Row(row) => {
                    parts.extend(row.said().map(|(field, value)| format!("{at}.{field}={}", encoded(value))));
                }
                Item::Group(group) => group.write(&at, parts),
            }
        }
    }

    /// How what is in it goes together, as a form says it.
    #[must_use]
    pub fn mode(&self) -> &'static str {
        if self.any { "any" } else { "all" }
    }
}

/// The place of what stands in a group.
#[must_use]
pub fn within(place: &str, index: usize) -> String {
    if place.is_empty() { index.to_string() } else { format!("{place}-{index}") }
}

/// What a form, or a link, asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// The conditions.
    pub root: Group,
    /// To be answered, and not only shown.
    pub ask: bool,
    /// Where the page before ended.
    pub after: Option<String>,
}

/// What a form names at a place, before it is put together.
enum Named {
    Row(Row),
    Group { any: bool, not: bool },
}

/// What a form names, parents before what is in them.
type Places = BTreeMap<Vec<usize>, Named>;

impl Form {
    /// Reads what a browser or a link sent.
    #[must_use]
    pub fn read(pairs: &[(String, String)]) -> Self {
        let mut form = Self::default();
        let (mut add, mut remove) = (None, None);
        for (name, value) in pairs {
            match name.as_str() {
                "mode" => form.root.any = value == "any",
                "ask" => form.ask = true,
                "after" => form.after = Some(value.clone()).filter(|after| !after.is_empty()),
                "add" => add = added(value),
                "remove" => remove = place(value),
                _ => {}
            }
        }
        let mut places = named(pairs);
        if let Some(gone) = &remove {
            places.retain(|at, _| !at.starts_with(gone));
        }
        if places.is_empty() && remove.is_none() {
            places =
                linked(pairs).into_iter().enumerate().map(|(at, row)| (vec![at], Named::Row(row))).collect();
            form.ask |= !places.is_empty();
        }
        if let Some((at, what)) = &add {
            put(&mut places, at, *what);
        }
        if add.is_some() || remove.is_some() {
            form.ask = false;
        }
        form.root.items = together(&places, &[]);
        if form.root.items.is_empty() {
            form.root.items.push(Item::Row(Row::new(&KINDS[0])));
            form.ask = false;
        }
        form
    }

    /// The form that says a tree, if one can.
    #[must_use]
    pub fn of(node: &Node) -> Option<Self> {
        let root = match node {
            Node::All(nodes) => Group::of(false, nodes)?,
            Node::Any(nodes) => Group::of(true, nodes)?,
            other => Group { items: vec![Item::of(other)?], ..Group::default() },
        };
        let form = Self { root, ask: true, after: None };
        // One more level may be one too many.
        Node::parse(&form.criteria()?).is_ok().then_some(form)
    }

    /// The conditions as JSON, of rows that are not empty; `None` where all are.
    #[must_use]
    pub fn criteria(&self) -> Option<Value> {
        self.root.to_json()
    }

    /// Puts mistakes to the fields and groups that they are about, said by `say`.
    pub fn tell(&mut self, mistakes: &[Mistake], say: impl Fn(&Mistake) -> String) {
        for mistake in mistakes {
            self.root.tell(&mistake.path, say(mistake));
        }
    }

    /// As the part of an address after `?`, of a page that answers.
    #[must_use]
    pub fn address(&self) -> String {
        let mut parts = vec![format!("mode={}", self.root.mode())];
        self.root.write("", &mut parts);
        parts.push("ask=1".to_owned());
        parts.join("&")
    }
}

/// A place: `2-0`.
fn place(text: &str) -> Option<Vec<usize>> {
    let read = |index: &str| index.parse::<usize>().ok().filter(|index| *index < 1000);
    let place = text.split('-').map(read).collect::<Option<Vec<_>>>()?;
    (place.len() <= DEEPEST).then_some(place)
}

/// What is to be added, a kind or a group, and in which group: `passed`, `2:passed`, `2:group`.
fn added(value: &str) -> Option<(Vec<usize>, Option<&'static Kind>)> {
    let (at, what) = value.split_once(':').unwrap_or(("", value));
    let at = if at.is_empty() { Vec::new() } else { place(at)? };
    if what == "group" { Some((at, None)) } else { Some((at, Some(Kind::named(what)?))) }
}

fn numbered(name: &str) -> Option<(Vec<usize>, &str)> {
    let (at, field) = name.split_once('.')?;
    Some((place(at)?, field))
}

/// What the form names: first what stands where, then what is said of it.
fn named(pairs: &[(String, String)]) -> Places {
    let mut places = Places::new();
    for (name, value) in pairs {
        let Some((at, field)) = numbered(name) else { continue };
        if places.len() >= 2 * MOST_ROWS {
            break;
        }
        match field {
            "kind" => {
                if let Some(kind) = Kind::named(value) {
                    places.insert(at, Named::Row(Row::new(kind)));
                }
            }
            "group" => {
                places.insert(at, Named::Group { any: value == "any", not: false });
            }
            _ => {}
        }
    }
    for (name, value) in pairs {
        let Some((at, field)) = numbered(name) else { continue };
        match places.get_mut(&at) {
            Some(Named::Row(row)) if field == "not" => row.not = value == "1",
            Some(Named::Row(row)) => row.put(field, value),
            Some(Named::Group { not, .. }) if field == "not" => *not = value == "1",
            _ => {}
        }
    }
    places
}

/// Adds a row of a kind to a group, or to it a group with a first row; nothing where that is
/// none, or there is no room.
fn put(places: &mut Places, at: &[usize], what: Option<&'static Kind>) {
    let is_group = at.is_empty() || matches!(places.get(at), Some(Named::Group { .. }));
    let rows = places.values().filter(|named| matches!(named, Named::Row(_))).count();
    if !is_group || rows >= MOST_ROWS || (what.is_none() && at.len() >= MOST_WITHIN) {
        return;
    }
    let inside = places.keys().filter(|key| key.len() == at.len() + 1 && key.starts_with(at));
    let last = inside.filter_map(|key| key.last().copied()).max();
    let mut place = at.to_vec();
    place.push(last.map_or(0, |last| last + 1));
    let kind = what.unwrap_or(&KINDS[0]);
    if what.is_none() {
        // One of a few is what a group is mostly for.
        places.insert(place.clone(), Named::Group { any: true, not: false });
        place.push(0);
    }
    let mut row = Row::new(kind);
    row.fresh = true;
    places.insert(place, Named::Row(row));
}

/// What stands in a group, in its order; what stands nowhere is left out.
fn together(places: &Places, at: &[usize]) -> Vec<Item> {
    let inside = places.iter().filter(|(key, _)| key.len() == at.len() + 1 && key.starts_with(at));
    inside
        .map(|(key, named)| match named {
            Named::Row(row) => Item::Row(row.clone()),
            Named::Group { any, not } => {
                Item::Group(Group { any: *any, not: *not, items: together(places, key), wrong: None })
            }
        })
        .collect()
}

/// Rows of a link that names fields alone.
fn linked(pairs: &[(String, String)]) -> Vec<Row> {
    let given = |name: &str| {
        pairs.iter().find(|(known, value)| known == name && !value.trim().is_empty()).map(|(_, value)| value)
    };
    let make = |name: &str, needs: &[&str]| {
        let kind = Kind::named(name)?;
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
    // A document of a link is a row of its own.
    let done = done.map(|mut row| {
        ["document", "document_type", "customer"].into_iter().for_each(|field| row.clear(field));
        row
    });
    let item = make("item", &["item", "life", "quality", "custody"]);
    [reading, passed, handled, contains, document, done, item].into_iter().flatten().collect()
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

    fn row(form: &Form, index: usize) -> &Row {
        form.root.rows()[index]
    }

    #[test]
    fn a_link_becomes_rows() {
        let form = Form::read(&pairs("machine=OVEN-1&from=2025-01-20T06:00&to=2025-01-20T14:00"));
        assert!(form.ask);
        let passed = json!({ "event": {
            "machine": "OVEN-1", "from": "2025-01-20T06:00", "to": "2025-01-20T14:00", "without_taken": true,
        } });
        assert_eq!(form.criteria().unwrap(), json!({ "all": [passed] }));
        let form = Form::read(&pairs("operation=CURE&reading=temperature&outside=1"));
        assert_eq!(
            form.criteria().unwrap(),
            json!({ "all": [{ "reading": {
                "name": "temperature", "operation": "CURE", "outside": true, "without_taken": true,
            } }] })
        );
        let form = Form::read(&pairs("operator=op-7&taken=1"));
        assert_eq!(form.criteria().unwrap(), json!({ "all": [{ "event": { "operator": "op-7" } }] }));
        let lot = "0190d5a4-0000-7000-8000-000000000001";
        let form = Form::read(&pairs(&format!("lot={lot}")));
        assert_eq!(form.criteria().unwrap(), json!({ "all": [{ "contains": { "lot": lot } }] }));
        let form = Form::read(&[]);
        assert!(!form.ask && form.root.items.len() == 1 && form.criteria().is_none());
    }

    #[test]
    fn rows_are_added_taken_away_and_kept_in_the_address() {
        let form =
            Form::read(&pairs("mode=any&0.kind=passed&0.machine=M&3.kind=item&3.item=A&3.not=1&add=reading"));
        assert_eq!(form.root.items.len(), 3);
        assert!(!form.ask && form.root.any && row(&form, 1).not);
        assert!(row(&form, 2).fresh && row(&form, 2).said().next().is_none());
        let again = Form::read(&pairs(&form.address()));
        assert_eq!((again.criteria(), again.ask), (form.criteria(), true));
        let fewer = Form::read(&pairs("0.kind=passed&0.machine=M&1.kind=item&1.item=A&remove=0"));
        assert_eq!((fewer.root.items.len(), row(&fewer, 0).kind.name), (1, "item"));
        let none = Form::read(&pairs("0.kind=passed&0.machine=M&remove=0"));
        assert!(none.root.items.len() == 1 && row(&none, 0).is_empty() && !none.ask);
    }

    #[test]
    fn groups_are_added_filled_and_taken_away() {
        let start = "mode=all&0.kind=item&0.item=A";
        let form = Form::read(&pairs(&format!("{start}&add=group")));
        let Item::Group(group) = &form.root.items[1] else { panic!("{form:?}") };
        assert!(group.any && group.items.len() == 1 && row(&form, 1).fresh);
        // A and (B or (C and not D)), two groups deep.
        let typed = "1.group=any&1-0.kind=contains&1-0.uid=B&1-1.group=all&1-1-0.kind=contains&1-1-0.uid=C\
                     &1-1-2.kind=item&1-1-2.item=D&1-1-2.not=1";
        let form = Form::read(&pairs(&format!("{start}&{typed}&ask=1")));
        let said = json!({ "all": [{ "is": { "item": "A" } }, { "any": [
            { "contains": { "uid": "B" } },
            { "all": [{ "contains": { "uid": "C" } }, { "not": { "is": { "item": "D" } } }] },
        ] }] });
        assert_eq!(form.criteria().unwrap(), said);
        assert_eq!(Form::read(&pairs(&form.address())).criteria().unwrap(), said);
        let more = Form::read(&pairs(&format!("{start}&{typed}&add=1-1:handled")));
        assert_eq!((more.root.rows().len(), row(&more, 4).kind.name), (5, "handled"));
        let gone = Form::read(&pairs(&format!("{start}&{typed}&remove=1-1")));
        let fewer =
            json!({ "all": [{ "is": { "item": "A" } }, { "any": [{ "contains": { "uid": "B" } }] }] });
        assert_eq!(gone.criteria().unwrap(), fewer);
        // What stands in a row, or in nothing, stands nowhere; nor is there room without end.
        let lost =
            Form::read(&pairs("0.kind=item&0.item=A&0-1.kind=item&0-1.item=B&7-1.kind=item&7-1.item=C"));
        assert_eq!(lost.root.rows().len(), 1);
        let deep = "0.group=any&0-0.group=all&0-0-0.group=any&0-0-0-0.kind=item";
        let full = Form::read(&pairs(&format!("{deep}&add=0-0-0:group")));
        assert_eq!(full.root.rows().len(), 1);
    }

    #[test]
    fn mistakes_come_to_their_fields() {
        let mut form = Form::read(&pairs(
            "0.kind=passed&1.kind=passed&1.from=yesterday&1.machine=M&2.kind=reading&2.how=inside&2.low=x&2.name=t&2.not=1\
             &3.group=any&3.not=1&3-0.kind=item&3-1.kind=passed&3-1.machine=M&3-1.to=noon&ask=1",
        ));
        let mistakes = Node::parse(&form.criteria().unwrap()).unwrap_err();
        form.tell(&mistakes, |mistake| mistake.key.to_owned());
        assert_eq!(row(&form, 1).wrong("from"), Some("moment"));
        assert_eq!(row(&form, 2).wrong("low"), Some("number"));
        assert_eq!(row(&form, 4).wrong("to"), Some("moment"), "in a group");
        assert!(row(&form, 0).wrong.is_empty() && row(&form, 3).wrong.is_empty());
        // A reading without a name is told of, and not left out.
        let mut form = Form::read(&pairs("0.kind=passed&0.machine=M&1.kind=reading&1.how=limits&ask=1"));
        let mistakes = Node::parse(&form.criteria().unwrap()).unwrap_err();
        form.tell(&mistakes, |mistake| mistake.key.to_owned());
        assert_eq!(row(&form, 1).wrong("name"), Some("name"));
        // What a group as a whole has wrong is told there: nothing beside it finds.
        let mut form = Form::read(&pairs("0.group=any&0.not=1&0-0.kind=item&0-0.item=A"));
        let mistakes = Node::parse(&form.criteria().unwrap()).unwrap_err();
        form.tell(&mistakes, |mistake| mistake.key.to_owned());
        let Item::Group(group) = &form.root.items[0] else { panic!("{form:?}") };
        assert_eq!(group.wrong.as_deref(), Some("not-alone"));
    }

    #[test]
    fn every_tree_that_was_asked_by_api_opens_as_it_was() {
        let leaves = [
            json!({ "event": { "machine": "M", "from": "2025-01-20T06:00:00" } }),
            json!({ "event": { "machine": "M", "shift": "A", "document": "D", "without_taken": true } }),
            json!({ "event": { "operator": "op-7", "customer": "ACME", "produced_from": "2025-01-20" } }),
            json!({ "event": { "stage": "INSPECTION", "outcome": "failed", "reason": "crack" } }),
            json!({ "reading": { "name": "t", "outside": true, "low": "4" } }),
            json!({ "contains": { "supplier_lot": "H", "supplier": "S" } }),
            json!({ "is": { "item": "A", "life": "active" } }),
            json!({ "reading": { "name": "t", "outside": true, "without_taken": true } }),
        ];
        let all = json!({ "all": leaves });
        let turned =
            json!({ "all": [leaves[0], { "not": { "not": leaves[6] } }, { "not": { "any": leaves } }] });
        let deep = json!({ "any": [leaves[4], { "all": [leaves[5], { "any": [leaves[0], { "all": [leaves[1]] }] }] }] });
        for tree in [all, turned, deep, leaves[5].clone()] {
            let node = Node::parse(&tree).unwrap();
            let form = Form::of(&node).unwrap_or_else(|| panic!("{tree}"));
            let again = Node::parse(&form.criteria().unwrap()).unwrap();
            let plain = |node: &Node| match node {
                Node::All(nodes) if nodes.len() == 1 => nodes[0].clone(),
                node => node.clone(),
            };
            if tree["all"][1]["not"]["not"].is_null() {
                assert_eq!(plain(&again), plain(&node), "{tree}");
            }
            assert_eq!(Form::of(&again).unwrap().criteria(), form.criteria(), "{tree}");
        }
        let form = Form::of(&Node::parse(&leaves[0]).unwrap()).unwrap();
        assert_eq!((row(&form, 0).value("from"), row(&form, 0).value(TAKEN)), ("2025-01-20T06:00", "1"));
    }
}
