//! Lines of a document, or rows of anything, as a grid: it takes the keyboard, a paste
//! from a spreadsheet and a scanner (`assets/grid.js`). Without a script it is inputs in a
//! table. A page declares its columns, [`LineGrid`] draws them, [`read`] reads what came
//! back.
//!
//! ```ignore
//! let columns = [
//!     LineColumn::new("item", caller.t("gate-item")).required(),
//!     LineColumn::new("quantity", caller.t("gate-quantity")).number(),
//! ];
//! let grid = LineGrid::new(&caller.texts, columns, 200).scans("item").counts("quantity");
//! let grid = grid.lines(typed.iter().map(|line| Line::new(line.clone())));
//! ```
//!
//! It stands within a form of the page: `{{ grid|safe }}`. [`LineGrid::add_button`] may
//! stand anywhere in that form.

use std::collections::BTreeMap;

use askama::Template;

use crate::i18n::Texts;

/// Empty lines at the end, for who has no script that adds some.
const EMPTY: usize = 5;

/// A column of a grid.
#[derive(Debug, Clone, Default)]
pub struct LineColumn {
    name: String,
    label: String,
    required: bool,
    number: bool,
    longest: Option<usize>,
    choices: Vec<(String, String)>,
}

impl LineColumn {
    /// A column of texts.
    #[must_use]
    pub fn new(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { name: name.into(), label: label.into(), ..Self::default() }
    }

    /// Every line needs it.
    #[must_use]
    pub fn required(self) -> Self {
        self.is_required(true)
    }

    /// Every line needs it, if `required`.
    #[must_use]
    pub fn is_required(mut self, required: bool) -> Self {
        self.required = required;
        self
    }

    /// It holds numbers.
    #[must_use]
    pub fn number(self) -> Self {
        self.is_number(true)
    }

    /// It holds numbers, if `number`.
    #[must_use]
    pub fn is_number(mut self, number: bool) -> Self {
        self.number = number;
        self
    }

    /// Its longest text, in characters.
    #[must_use]
    pub fn longest(mut self, longest: impl Into<Option<usize>>) -> Self {
        self.longest = longest.into();
        self
    }

    /// It holds one of these values, each with what it is called.
    #[must_use]
    pub fn choices(mut self, choices: impl IntoIterator<Item = (String, String)>) -> Self {
        self.choices = choices.into_iter().collect();
        self
    }
}

/// What stands in a line, by column.
pub type Cells = BTreeMap<String, String>;

/// A line of a grid.
#[derive(Debug, Clone, Default)]
pub struct Line {
    version: i32,
    fixed: Vec<String>,
    cells: Cells,
    wrong: BTreeMap<String, String>,
}

impl Line {
    /// A line in which this stands.
    #[must_use]
    pub fn new(cells: Cells) -> Self {
        Self { cells, ..Self::default() }
    }

    /// It is kept already, in the version that was seen: it is not taken away here, and
    /// these columns of it cannot be changed. 0: it is new.
    #[must_use]
    pub fn kept(mut self, version: i32, fixed: impl IntoIterator<Item = String>) -> Self {
        self.version = version;
        self.fixed = if version > 0 { fixed.into_iter().collect() } else { Vec::new() };
        self
    }

    /// What is wrong with one of its cells.
    #[must_use]
    pub fn wrong(mut self, column: impl Into<String>, what: impl Into<String>) -> Self {
        self.wrong.insert(column.into(), what.into());
        self
    }
}

/// A grid of lines; a template, for within a form.
#[derive(Debug, Clone, Template)]
#[template(path = "web/lines.html")]
pub struct LineGrid<'a> {
    texts: &'a Texts,
    columns: Vec<LineColumn>,
    rows: Vec<Row>,
    /// An empty row, from which a script makes more.
    blank: Vec<Row>,
    scans: Option<String>,
    counts: Option<String>,
    most: usize,
    bytes: usize,
}

/// A line as it is drawn.
#[derive(Debug, Clone)]
struct Row {
    /// Its number in the form.
    at: String,
    version: i32,
    cells: Vec<Cell>,
}

#[derive(Debug, Clone)]
struct Cell {
    name: String,
    label: String,
    value: String,
    fixed: bool,
    number: bool,
    longest: Option<usize>,
    /// Values, what they are called, and whether they are chosen.
    choices: Vec<(String, String, bool)>,
    wrong: Option<String>,
}

impl<'a> LineGrid<'a> {
    /// A grid of these columns that takes at most so many lines.
    #[must_use]
    pub fn new(texts: &'a Texts, columns: impl IntoIterator<Item = LineColumn>, most: usize) -> Self {
        let columns: Vec<LineColumn> = columns.into_iter().collect();
        let blank = vec![row(&columns, "#", &Line::default())];
        let rows = Vec::new();
        // As much as any form may send.
        let bytes = super::USUAL;
        Self { texts, columns, rows, blank, scans: None, counts: None, most, bytes }
    }

    /// A scanned code goes into this column: the line that has it is gone to, else a new
    /// one gets it.
    #[must_use]
    pub fn scans(mut self, column: impl Into<String>) -> Self {
        self.scans = Some(column.into());
        self
    }

    /// Each scan of a code raises this column of its line by one.
    #[must_use]
    pub fn counts(mut self, column: impl Into<String>) -> Self {
        self.counts = Some(column.into());
        self
    }

    /// What all of it weighs at most when it is sent, where the route takes more than others.
    #[must_use]
    pub fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Its lines, and a few empty ones after them. Lines that were sent keep their order.
    #[must_use]
    pub fn lines(mut self, lines: impl IntoIterator<Item = Line>) -> Self {
        let mut lines: Vec<Line> = lines.into_iter().collect();
        lines.extend(std::iter::repeat_n(Line::default(), EMPTY));
        let rows = lines.iter().enumerate().map(|(at, line)| row(&self.columns, &at.to_string(), line));
        self.rows = rows.collect();
        self
    }

    /// The button that adds a line.
    #[must_use]
    pub fn add_button(&self) -> String {
        let said = crate::web::icon("plus").to_owned() + " " + &html(&self.texts.t("lines-add"));
        format!("<button class=\"btn tw-only-js\" type=\"button\" data-add>{said}</button>")
    }
}

fn html(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;")
}

fn row(columns: &[LineColumn], at: &str, line: &Line) -> Row {
    let cells = columns.iter().map(|column| {
        let value = line.cells.get(&column.name).cloned().unwrap_or_default();
        let choices = column.choices.iter();
        let mut choices: Vec<(String, String, bool)> =
            choices.map(|(word, said)| (word.clone(), said.clone(), *word == value)).collect();
        // What was typed stays, though it is none of them.
        if !choices.is_empty() && !value.is_empty() && !choices.iter().any(|(.., chosen)| *chosen) {
            choices.push((value.clone(), value.clone(), true));
        }
        Cell {
            name: format!("r.{at}.{}", column.name),
            label: column.label.clone(),
            fixed: line.fixed.contains(&column.name),
            number: column.number,
            longest: column.longest,
            choices,
            wrong: line.wrong.get(&column.name).cloned(),
            value,
        }
    });
    Row { at: at.to_owned(), version: line.version, cells: cells.collect() }
}

/// What a grid sent: of each line, in order, the version that was seen (0 of a new one),
/// and what stands in its cells. A line in which nothing was entered is none.
#[must_use]
pub fn read(sent: Vec<(String, String)>) -> Vec<(i32, Cells)> {
    let mut lines: BTreeMap<usize, (i32, Cells)> = BTreeMap::new();
    for (name, value) in sent {
        let mut parts = name.splitn(3, '.');
        let (Some("r"), Some(at), Some(input)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Ok(at) = at.parse::<usize>() else { continue };
        let line = lines.entry(at).or_default();
        if input == "version" {
            line.0 = value.parse().unwrap_or(0);
        } else {
            line.1.insert(input.to_owned(), value.trim().to_owned());
        }
    }
    lines.retain(|_, (version, cells)| *version > 0 || cells.values().any(|cell| !cell.is_empty()));
    lines.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, Lang};

    #[test]
    fn a_form_is_read_as_lines_and_empty_ones_are_none() {
        let sent = [
            ("r.10.unit", "kg"),
            ("r.10.version", "3"),
            ("r.2.unit", " pcs "),
            ("r.2.names.en", "Pieces"),
            ("r.3.unit", ""),
            ("r.x.unit", "no"),
            ("other", "no"),
        ];
        let read = read(sent.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert_eq!(read.iter().map(|line| line.0).collect::<Vec<_>>(), [0, 3]);
        assert_eq!((read[1].1["unit"].as_str(), read[0].1["unit"].as_str()), ("kg", "pcs"));
        assert_eq!(read[0].1["names.en"], "Pieces");
    }

    #[test]
    fn a_grid_says_what_is_scanned_and_counted_and_what_is_wrong() {
        let texts = Texts::new(Arc::new(I18n::new()), Lang::En);
        let columns =
            [LineColumn::new("item", "Item").required(), LineColumn::new("quantity", "Quantity").number()];
        let line = Line::new([("item".to_owned(), "GEAR".to_owned())].into());
        let grid = LineGrid::new(&texts, columns, 200).scans("item").counts("quantity");
        let grid =
            grid.lines([line.clone().wrong("quantity", "How many?"), line.kept(4, ["item".to_owned()])]);
        let drawn = grid.render().unwrap();
        for part in [
            "data-scan-into=\"item\"",
            "data-count=\"quantity\"",
            "data-most=\"200\"",
            "name=\"r.0.item\" value=\"GEAR\"",
            "aria-invalid=\"true\" aria-describedby=\"wrong-r.0.quantity\"",
            "How many?",
            "name=\"r.1.version\" value=\"4\"",
            "name=\"r.#.item\"",
            "name=\"r.6.item\"",
        ] {
            assert!(drawn.contains(part), "{part}: {drawn}");
        }
        assert!(!drawn.contains("r.7.item"), "{drawn}");
    }
}
