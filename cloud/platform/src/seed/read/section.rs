//! Reads one table of a file: keys by rules, and at the end the keys that
//! nobody asked for.

use toml_edit::{Item, TableLike, Value};

use super::nearest::{did_you_mean, nearest};
use super::rules::{Cell, Rule};
use super::{At, Basis, Place, SourceFile, shorten};

/// One table of a file.
pub(in crate::seed) struct Section<'d> {
    table: &'d dyn TableLike,
    file: &'d SourceFile,
    place: Place,
    known: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The file itself.
    pub fn root(table: &'d dyn TableLike, file: &'d SourceFile) -> Self {
        let place = Place { path: String::new(), offset: 0, found: "nothing".into() };
        Self { table, file, place, known: Vec::new() }
    }

    /// The file that the table stands in.
    pub fn file(&self) -> &'d SourceFile {
        self.file
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether the key holds a list with nothing in it.
    pub fn is_empty_list(&self, key: &str) -> bool {
        self.table.get(key).and_then(Item::as_array).is_some_and(|list| list.is_empty())
    }

    /// The text of a key as it is, well formed or not.
    pub fn raw(&self, key: &str) -> Option<&'d str> {
        self.table.get(key).and_then(Item::as_str)
    }

    /// Where the key's value stands; where the table begins if it has no such key.
    pub fn place_of(&self, key: &str) -> Place {
        let found = self.table.get_key_value(key);
        let offset = found.and_then(|(key, item)| start(item).or(key.span().map(|span| span.start)));
        Place {
            path: self.path_of(key),
            offset: offset.unwrap_or(self.place.offset),
            found: self.table.get(key).map_or_else(|| "nothing".to_owned(), |item| self.quote(item)),
        }
    }

    /// Notes a mistake in the key's value, which is otherwise well formed.
    pub fn wrong(&self, key: &str, expected: impl Into<String>, hint: Option<String>) {
        self.file.note(Basis::Present, &self.place_of(key), expected, hint);
    }

    /// Notes that a key is missing.
    pub fn missing(&self, key: &str, expected: impl Into<String>) {
        let place = Place { path: self.path_of(key), offset: self.place.offset, found: "nothing".into() };
        self.file.note(Basis::Absent, &place, expected, None);
    }

    /// A key that must be there.
    pub fn required<T>(&mut self, key: &'static str, rule: Rule<T>) -> Option<At<T>> {
        if !self.has(key) {
            self.known.push(key);
            self.missing(key, rule.expects);
            return None;
        }
        self.optional(key, rule)
    }

    /// A key that may be left out.
    pub fn optional<T>(&mut self, key: &'static str, rule: Rule<T>) -> Option<At<T>> {
        self.known.push(key);
        let item = self.table.get(key)?;
        let place = self.place_of(key);
        match item.as_value() {
            Some(value) => self.apply(value, &rule, place),
            None => {
                self.file.note(Basis::Present, &place, rule.expects, None);
                None
            }
        }
    }

    /// A list that may be left out, each element with its place.
    pub fn list<T>(&mut self, key: &'static str, rule: Rule<T>) -> Vec<At<T>> {
        self.known.push(key);
        let Some(item) = self.table.get(key) else {
            return Vec::new();
        };
        let Some(array) = item.as_array() else {
            self.wrong(key, "a list in square brackets", None);
            return Vec::new();
        };
        let elements = array.iter().enumerate().filter_map(|(index, value)| {
            let place = self.element(key, index, value);
            self.apply(value, &rule, place)
        });
        elements.collect()
    }

    /// A table that must be there.
    pub fn required_section(&mut self, key: &'static str) -> Option<Section<'d>> {
        self.known.push(key);
        let expected = format!("a table `{}`", self.path_of(key));
        let Some(item) = self.table.get(key) else {
            self.missing(key, expected);
            return None;
        };
        match item.as_table_like() {
            Some(table) => Some(self.inner(table, self.place_of(key))),
            None => {
                self.wrong(key, expected, None);
                None
            }
        }
    }

    /// A list of tables that may be left out.
    pub fn sections(&mut self, key: &'static str) -> Vec<Section<'d>> {
        self.known.push(key);
        let Some(item) = self.table.get(key) else {
            return Vec::new();
        };
        if let Some(tables) = item.as_array_of_tables() {
            let each = tables.iter().enumerate().map(|(index, table)| {
                let place = Place {
                    path: format!("{}[{index}]", self.path_of(key)),
                    offset: table.span().map_or(self.place.offset, |span| span.start),
                    found: "a table".into(),
                };
                self.inner(table, place)
            });
            return each.collect();
        }
        let Some(array) = item.as_array() else {
            let hint = "write the header in double brackets".to_owned();
            self.wrong(key, format!("a list of tables [[{key}]]"), Some(hint));
            return Vec::new();
        };
        let mut all = Vec::new();
        for (index, value) in array.iter().enumerate() {
            let place = self.element(key, index, value);
            match value.as_inline_table() {
                Some(table) => all.push(self.inner(table, place)),
                None => self.file.note(Basis::Present, &place, "a table", None),
            }
        }
        all
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        for (key, _) in self.table.iter() {
            if self.known.contains(&key) {
                continue;
            }
            let span = self.table.key(key).and_then(|key| key.span());
            let place = Place {
                path: self.path_of(key),
                offset: span.map_or(self.place.offset, |span| span.start),
                found: format!("the unknown key `{}`", shorten(key)),
            };
            let known = || self.known.iter().copied();
            let expected = match nearest(key, known()) {
                Some(_) => "a known key".to_owned(),
                None => format!("one of the keys {}", self.known.join(", ")),
            };
            self.file.note(Basis::Present, &place, expected, did_you_mean(key, known()));
        }
    }

    fn inner(&self, table: &'d dyn TableLike, place: Place) -> Section<'d> {
        Section { table, file: self.file, place, known: Vec::new() }
    }

    fn element(&self, key: &str, index: usize, value: &Value) -> Place {
        Place {
            path: format!("{}[{index}]", self.path_of(key)),
            offset: value.span().map_or(self.place.offset, |span| span.start),
            found: self.file.quote(value.span().unwrap_or_default()),
        }
    }

    fn path_of(&self, key: &str) -> String {
        let key = shorten(key);
        if self.place.path.is_empty() { key } else { format!("{}.{key}", self.place.path) }
    }

    fn apply<T>(&self, value: &Value, rule: &Rule<T>, mut place: Place) -> Option<At<T>> {
        if rule.secret {
            place.found = "a value that is not shown".into();
        }
        let source = self.file.text.get(value.span().unwrap_or_default()).unwrap_or_default();
        match (rule.read)(&Cell { value, source }) {
            Ok(value) => Some(At { value, place }),
            Err(hint) => {
                self.file.note(Basis::Present, &place, rule.expects.as_str(), hint);
                None
            }
        }
    }

    fn quote(&self, item: &Item) -> String {
        match item {
            Item::Value(value) => self.file.quote(value.span().unwrap_or_default()),
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
