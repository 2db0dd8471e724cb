//! Reads one table of the file: keys by rules, and at the end the keys that
//! nobody asked for.

use std::net::SocketAddr;

use toml_edit::{Item, TableLike, Value};

use super::find::{Basis, Findings, Place};
use super::names::Scope;
use super::nearest::{did_you_mean, nearest};
use super::rules::{self, Cell, Rule};

/// One table of the file.
pub(super) struct Section<'d> {
    table: &'d dyn TableLike,
    findings: &'d Findings<'d>,
    place: Place,
    known: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The file itself.
    pub(super) fn root(table: &'d dyn TableLike, findings: &'d Findings<'d>) -> Self {
        let place = Place { path: String::new(), offset: 0 };
        Self { table, findings, place, known: Vec::new() }
    }

    /// Where mistakes of this table go.
    pub(super) fn findings(&self) -> &'d Findings<'d> {
        self.findings
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Whether the key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the key holds `false`.
    pub(super) fn is_false(&self, key: &str) -> bool {
        self.table.get(key).and_then(Item::as_bool) == Some(false)
    }

    /// Whether the key holds a table.
    pub(super) fn holds_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(Item::is_table_like)
    }

    /// Whether the key holds a list with nothing in it.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.table.get(key).and_then(Item::as_array).is_some_and(|list| list.is_empty())
    }

    /// Where the key's value stands; where the table begins if it has no such key.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let path = self.path_of(key);
        let found = self.table.get_key_value(key);
        let offset = found.and_then(|(key, item)| start(item).or(key.span().map(|s| s.start)));
        Place { path, offset: offset.unwrap_or(self.place.offset) }
    }

    /// Notes a mistake in the key's value, which is otherwise well formed.
    pub(super) fn wrong(&self, key: &str, expected: impl Into<String>, hint: Option<String>) {
        let found = match self.table.get(key) {
            Some(item) => self.quote(item),
            None => "nothing".to_owned(),
        };
        self.findings.note(Basis::Present, &self.place_of(key), found, expected, hint);
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, expected: impl Into<String>, hint: Option<String>) {
        let place = Place { path: self.path_of(key), offset: self.place.offset };
        self.findings.note(Basis::Absent, &place, "nothing", expected, hint);
    }

    /// A key that must be there.
    pub(super) fn required<T>(&mut self, key: &'static str, rule: Rule<T>) -> Option<T> {
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, rule.expects, None);
            return None;
        }
        self.optional(key, rule)
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(&mut self, key: &'static str, rule: Rule<T>) -> Option<T> {
        self.known.push(key);
        let item = self.table.get(key)?;
        self.apply(item, &rule, &self.place_of(key))
    }

    /// A key that may be left out, with what it means then.
    pub(super) fn or<T>(&mut self, key: &'static str, rule: Rule<T>, default: T) -> T {
        self.optional(key, rule).unwrap_or(default)
    }

    /// A list that may be left out, each element with its place.
    pub(super) fn list<T>(&mut self, key: &'static str, rule: Rule<T>) -> Vec<(T, Place)> {
        self.known.push(key);
        let Some(item) = self.table.get(key) else {
            return Vec::new();
        };
        let Some(array) = item.as_array() else {
            self.wrong(key, "a list in square brackets", None);
            return Vec::new();
        };
        let mut all = Vec::new();
        for (index, value) in array.iter().enumerate() {
            let place = Place {
                path: format!("{}[{index}]", self.path_of(key)),
                offset: value.span().map_or(self.place.offset, |span| span.start),
            };
            if let Some(element) = self.apply_value(value, &rule, &place) {
                all.push((element, place));
            }
        }
        all
    }

    /// The name by which other places call this table.
    pub(super) fn gives_name(&mut self, key: &'static str, scope: Scope) -> Option<String> {
        self.gives_name_as(key, scope, rules::code())
    }

    /// The name by which other places call this table, under a rule of its own.
    pub(super) fn gives_name_as(
        &mut self,
        key: &'static str,
        scope: Scope,
        rule: Rule<String>,
    ) -> Option<String> {
        // A malformed name is noted once, here, and not again where it is used.
        if let Some(text) = self.table.get(key).and_then(Item::as_str) {
            self.findings.gives(scope, text, self.place_of(key));
        }
        self.required(key, rule)
    }

    /// A key that holds the name of something else in the file.
    pub(super) fn uses_name(&mut self, key: &'static str, scope: Scope) -> Option<String> {
        let name = self.optional(key, rules::name())?;
        self.findings.uses(scope, &name, self.place_of(key));
        Some(name)
    }

    /// A key that holds an address to listen on, which nothing else may use.
    pub(super) fn listens(&mut self, key: &'static str) -> Option<SocketAddr> {
        let address = self.optional(key, rules::listen())?;
        self.findings.listens(address, self.place_of(key));
        Some(address)
    }

    /// As [`Self::listens`], and the key must be there.
    pub(super) fn required_listens(&mut self, key: &'static str) -> Option<SocketAddr> {
        if self.has(key) { self.listens(key) } else { self.required(key, rules::listen()) }
    }

    /// A list of names of other things in the file, each at most once.
    pub(super) fn uses_names(&mut self, key: &'static str, scope: Scope) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, place) in self.list(key, rules::name()) {
            if names.contains(&name) {
                let found = format!("\"{name}\"");
                self.findings.note(Basis::Present, &place, found, "each name once", None);
                continue;
            }
            self.findings.uses(scope, &name, place);
            names.push(name);
        }
        names
    }

    /// A table that may be left out.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'d>> {
        self.known.push(key);
        let item = self.table.get(key)?;
        match item.as_table_like() {
            Some(table) => Some(self.inner(table, self.place_of(key))),
            None => {
                self.wrong(key, format!("a table [{}]", self.path_of(key)), None);
                None
            }
        }
    }

    /// A table that must be there.
    pub(super) fn required_section(&mut self, key: &'static str) -> Option<Section<'d>> {
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, format!("a table [{}]", self.path_of(key)), None);
            return None;
        }
        self.section(key)
    }

    /// A list of tables that may be left out.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'d>> {
        self.known.push(key);
        let Some(item) = self.table.get(key) else {
            return Vec::new();
        };
        let path = |index: usize| format!("{}[{index}]", self.path_of(key));
        let mut all = Vec::new();
        if let Some(tables) = item.as_array_of_tables() {
            for (index, table) in tables.iter().enumerate() {
                let offset = table.span().map_or(self.place.offset, |span| span.start);
                all.push(self.inner(table, Place { path: path(index), offset }));
            }
        } else if let Some(array) = item.as_array() {
            for (index, value) in array.iter().enumerate() {
                let offset = value.span().map_or(self.place.offset, |span| span.start);
                let place = Place { path: path(index), offset };
                match value.as_inline_table() {
                    Some(table) => all.push(self.inner(table, place)),
                    None => {
                        let found = self.findings.quote(value.span().unwrap_or_default());
                        self.findings.note(Basis::Present, &place, found, "a table", None);
                    }
                }
            }
        } else {
            let hint = Some("write the header in double brackets".to_owned());
            self.wrong(key, format!("a list of tables [[{key}]]"), hint);
        }
        all
    }

    /// Notes every key that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.table.iter() {
            if self.known.contains(&key) {
                continue;
            }
            let span = self.table.key(key).and_then(|key| key.span());
            let place =
                Place { path: self.path_of(key), offset: span.map_or(self.place.offset, |span| span.start) };
            let known = || self.known.iter().copied();
            let expected = match nearest(key, known()) {
                Some(_) => "a known key".to_owned(),
                None => format!("one of the keys {}", self.known.join(", ")),
            };
            let found = format!("the unknown key `{}`", super::find::shorten(key));
            let hint = did_you_mean(key, known());
            self.findings.note(Basis::Present, &place, found, expected, hint);
        }
    }

    fn inner(&self, table: &'d dyn TableLike, place: Place) -> Section<'d> {
        Section { table, findings: self.findings, place, known: Vec::new() }
    }

    fn path_of(&self, key: &str) -> String {
        if self.place.path.is_empty() {
            super::find::shorten(key)
        } else {
            format!("{}.{}", self.place.path, super::find::shorten(key))
        }
    }

    fn apply<T>(&self, item: &Item, rule: &Rule<T>, place: &Place) -> Option<T> {
        match item.as_value() {
            Some(value) => self.apply_value(value, rule, place),
            None => {
                let found = self.quote(item);
                self.findings.note(Basis::Present, place, found, rule.expects.as_str(), None);
                None
            }
        }
    }

    fn apply_value<T>(&self, value: &Value, rule: &Rule<T>, place: &Place) -> Option<T> {
        let span = value.span().unwrap_or_default();
        let source = self.findings.text.get(span.clone()).unwrap_or_default();
        match (rule.read)(&Cell { value, source }) {
            Ok(read) => Some(read),
            Err(hint) => {
                let found = self.findings.quote(span);
                self.findings.note(Basis::Present, place, found, rule.expects.as_str(), hint);
                None
            }
        }
    }

    fn quote(&self, item: &Item) -> String {
        match item {
            Item::Value(value) => self.findings.quote(value.span().unwrap_or_default()),
            Item::ArrayOfTables(_) => "a list of tables".to_owned(),
            _ => "a table".to_owned(),
        }
    }
}

/// Where an item begins.
fn start(item: &Item) -> Option<usize> {
    let span = match item {
        Item::ArrayOfTables(tables) => tables.iter().next().and_then(|table| table.span()),
        other => other.span(),
    };
    span.map(|span| span.start)
}
