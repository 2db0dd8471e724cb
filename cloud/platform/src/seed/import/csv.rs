//! CSV as the text of a reference file, each row on the line that it has in the
//! CSV, so that mistakes are told by the line that the person sees.

use csv::{ReaderBuilder, StringRecord, Trim};

use super::super::mistake::Mistake;
use super::super::read::did_you_mean;
use super::lists::{Kind, List};
use super::quote::quote;

/// The document, or every mistake in the CSV's own form.
pub(super) fn document(name: &str, text: &str, list: List) -> Result<String, Vec<Mistake>> {
    let mut sheet = Sheet { name, list, columns: Vec::new(), mistakes: Vec::new() };
    let rows = sheet.read(text);
    if !sheet.mistakes.is_empty() {
        return Err(sheet.mistakes);
    }
    let mut writer = Writer { text: String::new(), line: 1 };
    writer.add(&format!("{} = [", list.name()));
    let mut rows = rows.into_iter().peekable();
    while let Some(row) = rows.next() {
        writer.go_to(row.line);
        writer.add("{ ");
        writer.add(&sheet.fields(&row, false));
        if let Some(key) = list.order_key() {
            writer.add("lines = [");
            writer.add(&format!("{{ {} }}, ", sheet.fields(&row, true)));
            let number = sheet.value(&row, key).to_owned();
            while let Some(next) = rows.next_if(|next| !number.is_empty() && sheet.value(next, key) == number)
            {
                sheet.must_agree(&row, &next);
                writer.go_to(next.line);
                writer.add(&format!("{{ {} }}, ", sheet.fields(&next, true)));
            }
            writer.add("] ");
        }
        writer.add("},");
    }
    writer.add(" ]\n");
    if sheet.mistakes.is_empty() { Ok(writer.text) } else { Err(sheet.mistakes) }
}

/// One row: its line, from 1, and its cells.
struct Row {
    line: usize,
    cells: StringRecord,
}

struct Sheet<'a> {
    name: &'a str,
    list: List,
    /// Where each column of the list stands in the CSV.
    columns: Vec<(&'static str, Kind, usize)>,
    mistakes: Vec<Mistake>,
}

impl Sheet<'_> {
    fn mistake(&mut self, line: usize, path: &str, found: String, expected: String, hint: Option<String>) {
        let (file, path) = (self.name.to_owned(), path.to_owned());
        self.mistakes.push(Mistake { file, line, column: 0, path, found, expected, hint });
    }

    fn read(&mut self, text: &str) -> Vec<Row> {
        // Spreadsheets in much of the world write semicolons.
        let head = text.lines().next().unwrap_or_default();
        let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|mark| {
            let count = head.bytes().filter(|byte| byte == mark).count();
            (count, *mark == b',')
        });
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter.unwrap_or(b','))
            .has_headers(false)
            .flexible(true)
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let mut rows = Vec::new();
        let mut width = None;
        let mut lines = Lines::new(text);
        for record in reader.records() {
            let cells = match record {
                Ok(cells) => cells,
                Err(error) => {
                    let line = error.position().map_or(0, |at| lines.of(at));
                    self.mistake(line, "", error.to_string(), "valid CSV".to_owned(), None);
                    return rows;
                }
            };
            let line = cells.position().map_or(0, |at| lines.of(at));
            match width {
                None => {
                    width = Some(cells.len());
                    self.head(line, &cells);
                }
                Some(_) if cells.iter().all(str::is_empty) => {}
                Some(width) if cells.len() > width => {
                    let (found, expected) = (format!("{} cells", cells.len()), format!("at most {width}"));
                    let hint = Some("put a text that holds the separator in quotes".to_owned());
                    self.mistake(line, "", found, expected, hint);
                }
                Some(_) => rows.push(Row { line, cells }),
            }
        }
        if width.is_none() {
            let expected = format!("a first line with the columns {}", self.known().join(", "));
            self.mistake(1, "", "nothing".to_owned(), expected, None);
        }
        rows
    }

    fn known(&self) -> Vec<&'static str> {
        self.list.columns().iter().map(|(column, _)| *column).collect()
    }

    fn head(&mut self, line: usize, cells: &StringRecord) {
        for (at, given) in cells.iter().enumerate() {
            let given = given.to_lowercase();
            let column = self.list.columns().iter().find(|(column, _)| *column == given);
            match column {
                Some((column, _)) if self.columns.iter().any(|(known, ..)| known == column) => {
                    self.mistake(
                        line,
                        column,
                        format!("`{column}` again"),
                        "each column once".to_owned(),
                        None,
                    );
                }
                Some((column, kind)) => self.columns.push((column, *kind, at)),
                None => {
                    let known = self.known();
                    let hint = did_you_mean(&given, known.iter().copied());
                    let expected = format!("one of the columns {}", known.join(", "));
                    self.mistake(line, "", format!("the unknown column `{given}`"), expected, hint);
                }
            }
        }
    }

    fn value<'r>(&self, row: &'r Row, column: &str) -> &'r str {
        let at = self.columns.iter().find(|(known, ..)| *known == column).map(|(.., at)| *at);
        at.and_then(|at| row.cells.get(at)).unwrap_or_default()
    }

    /// The cells of a row as keys, those of an order's line or the others; an
    /// empty cell is a key that was left out.
    fn fields(&self, row: &Row, of_line: bool) -> String {
        let mut out = String::new();
        let mut table: Option<(&str, Vec<String>)> = None;
        for (column, kind, at) in &self.columns {
            let cell = row.cells.get(*at).unwrap_or_default();
            if cell.is_empty() || of_line != matches!(kind, Kind::LineText | Kind::LineBare) {
                continue;
            }
            let value = written(*kind, cell);
            match column.split_once('.') {
                Some((name, field)) => match &mut table {
                    Some((open, fields)) if *open == name => fields.push(format!("{field} = {value}")),
                    _ => table = Some((name, vec![format!("{field} = {value}")])),
                },
                None => out.push_str(&format!("{column} = {value}, ")),
            }
        }
        if let Some((name, fields)) = table {
            out.push_str(&format!("{name} = {{ {} }}, ", fields.join(", ")));
        }
        // A list's last key stands before `lines`, or before the end.
        if self.list.order_key().is_none() || of_line {
            out.truncate(out.trim_end_matches(", ").len());
        }
        out
    }

    /// What an order's later rows say of the order itself must be what the first
    /// one said.
    fn must_agree(&mut self, first: &Row, next: &Row) {
        let others: Vec<(&'static str, String, String)> = self
            .columns
            .iter()
            .filter(|(_, kind, _)| !matches!(kind, Kind::LineText | Kind::LineBare))
            .map(|(column, ..)| {
                (*column, self.value(first, column).to_owned(), self.value(next, column).to_owned())
            })
            .filter(|(_, first, next)| !next.is_empty() && first != next)
            .collect();
        for (column, before, now) in others {
            let expected = format!("\"{before}\" as on line {}, or nothing", first.line);
            self.mistake(next.line, column, format!("\"{now}\""), expected, None);
        }
    }
}

/// Counts lines as a person does; the reader's own count lags behind where a
/// line ends with CR and LF.
pub(crate) struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    /// Of this text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line, from 1, of a record; asked for in their order.
    pub(crate) fn of(&mut self, position: &csv::Position) -> usize {
        let begin = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(self.text.len());
        let rest = self.text.as_bytes().get(begin..).unwrap_or_default();
        let begin = begin + rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let passed = self.text.as_bytes().get(self.at..begin).unwrap_or_default();
        self.line += passed.iter().filter(|byte| **byte == b'\n').count();
        self.at = self.at.max(begin);
        self.line
    }
}

/// A cell as a value; what cannot be what the column holds stays a text, which
/// the rules then refuse by name.
fn written(kind: Kind, cell: &str) -> String {
    let lower = cell.to_ascii_lowercase();
    match kind {
        Kind::Bare | Kind::LineBare if matches!(lower.as_str(), "true" | "false") => lower,
        Kind::Bare | Kind::LineBare => match cell.parse::<i64>() {
            Ok(number) => number.to_string(),
            Err(_) => quote(cell),
        },
        Kind::Codes => {
            let codes: Vec<String> =
                cell.split(';').map(str::trim).filter(|code| !code.is_empty()).map(quote).collect();
            format!("[{}]", codes.join(", "))
        }
        Kind::Text | Kind::LineText => quote(cell),
    }
}

/// Writes text that keeps the CSV's line numbers.
struct Writer {
    text: String,
    line: usize,
}

impl Writer {
    fn go_to(&mut self, line: usize) {
        while self.line < line {
            self.text.push('\n');
            self.line += 1;
        }
    }

    fn add(&mut self, text: &str) {
        self.text.push_str(text);
    }
}
