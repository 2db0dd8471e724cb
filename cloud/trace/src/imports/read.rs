//! The rows of a file: CSV or JSON lines, read piece by piece, so that a file may be
//! larger than the memory. A row that was read once can be gone back to by its place.

use std::io::{self, BufRead, BufReader, Read, Seek};

use serde::de::IgnoredAny;
use serde_json::Value;

use super::Mistake;
use super::parts::BAD;

/// The columns that a file may have.
pub const COLUMNS: [&str; 34] = [
    "uid",
    "stage",
    "action",
    "occurred_at",
    "plant",
    "new",
    "item",
    "container",
    "lot",
    "supplier_lot",
    "supplier",
    "made_on",
    "expires_on",
    "quantity",
    "unit",
    "serial",
    "parent",
    "inputs",
    "station",
    "operator",
    "machine",
    "shift",
    "location",
    "operation",
    "attempt",
    "outcome",
    "accepted",
    "rejected",
    "reason",
    "reference_type",
    "reference_number",
    "readings",
    "customer",
    "sales_order",
];

/// Those without which a file says nothing.
const NEEDED: [&str; 3] = ["uid", "stage", "occurred_at"];

/// Longest row, in bytes.
const MOST_ROW: u64 = 1024 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A head of column names, and a line per event.
    Csv,
    /// A JSON object per line.
    JsonLines,
}

/// A row as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// Its line, from 1.
    pub line: u64,
    /// The cells, in the order of [`COLUMNS`]; empty where there is none.
    pub cells: Vec<String>,
}

impl Raw {
    /// A cell.
    #[must_use]
    pub fn get(&self, column: &str) -> &str {
        COLUMNS
            .iter()
            .position(|name| *name == column)
            .and_then(|at| self.cells.get(at))
            .map_or("", String::as_str)
    }
}

/// The next of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A row.
    Row(Raw),
    /// A row that cannot be read.
    Bad(Vec<Mistake>),
    /// Nothing more can be read: the head is wrong, or a quote was never closed.
    Broken(Vec<Mistake>),
    /// The end.
    End,
}

/// Reads the rows of a file.
pub struct Rows<R: BufRead> {
    lines: Lines<R>,
    form: Form,
    /// Of a CSV: its delimiter, and where its columns stand among [`COLUMNS`].
    head: (u8, Vec<usize>),
    /// What is wrong with the head.
    broken: Vec<Mistake>,
    ended: bool,
    /// Bytes before what is read as text.
    mark: u64,
    /// Where the last row begins, after these.
    begins: u64,
}

impl<R: BufRead> Rows<R> {
    /// Over a file that is read from its beginning.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn new(form: Form, mut input: R) -> io::Result<Self> {
        // A byte order mark, as spreadsheets write it.
        let mark = if input.fill_buf()?.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        input.consume(mark);
        let lines = Lines { input, read: 0, begins: 0, line: 0, text: Vec::new() };
        let (head, broken) = ((b',', Vec::new()), Vec::new());
        let mut rows = Self { lines, form, head, broken, ended: false, mark: mark as u64, begins: 0 };
        if form == Form::Csv {
            rows.read_head()?;
        }
        Ok(rows)
    }

    /// Where in the file the last row begins, and how many bytes it has.
    #[must_use]
    pub fn place(&self) -> (u64, u64) {
        (self.mark + self.begins, self.lines.read - self.begins)
    }

    /// The next row.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_row(&mut self) -> io::Result<Next> {
        if self.ended {
            return Ok(Next::End);
        }
        let next = match self.form {
            _ if !self.broken.is_empty() => Next::Broken(std::mem::take(&mut self.broken)),
            Form::JsonLines => self.json()?,
            Form::Csv => self.csv()?,
        };
        self.ended = matches!(next, Next::Broken(_) | Next::End);
        Ok(next)
    }

    /// The next line that says something, as the beginning of a row.
    fn first_line(&mut self) -> io::Result<Line> {
        let line = self.lines.next_said()?;
        self.begins = self.lines.begins;
        Ok(line)
    }

    fn read_head(&mut self) -> io::Result<()> {
        let found = self.lines.next()?;
        // Spreadsheets in much of the world write semicolons.
        let delimiter = [b',', b';', b'\t']
            .into_iter()
            .max_by_key(|mark| (self.lines.text.iter().filter(|byte| *byte == mark).count(), *mark == b','))
            .unwrap_or(b',');
        let mut cells = Cells::new(delimiter);
        let mut mistakes = Vec::new();
        let mut columns = Vec::new();
        match found {
            Line::End => {
                mistakes.push(Mistake::new(1, "", "the file is empty: its first line names the columns"));
            }
            Line::Long => mistakes.push(Mistake::new(1, "", format!("is longer than {MOST_ROW} bytes"))),
            Line::Whole => cells.add(&self.lines.text),
        }
        for name in cells.done.iter().filter(|_| mistakes.is_empty()).cloned().collect::<Vec<_>>() {
            let name = String::from_utf8_lossy(&name).trim().to_lowercase();
            match column(&name) {
                Ok(at) if columns.contains(&at) => {
                    self.broken.push(Mistake::new(1, &name, "stands twice in the head"));
                }
                Ok(at) => columns.push(at),
                Err(problem) => self.broken.push(Mistake::new(1, &name, problem)),
            }
        }
        self.broken.append(&mut mistakes);
        for needed in NEEDED {
            if self.broken.is_empty() && !columns.iter().any(|at| COLUMNS.get(*at) == Some(&needed)) {
                mistakes.push(Mistake::new(1, needed, "this column is needed and missing"));
            }
        }
        self.broken.append(&mut mistakes);
        self.head = (delimiter, columns);
        Ok(())
    }

    fn csv(&mut self) -> io::Result<Next> {
        match self.first_line()? {
            Line::End => return Ok(Next::End),
            Line::Long => return Ok(Next::Bad(vec![self.lines.too_long()])),
            Line::Whole => {}
        }
        let line = self.lines.line;
        let (delimiter, columns) = &self.head;
        let mut record = Cells::new(*delimiter);
        record.add(&self.lines.text);
        let mut bytes = self.lines.text.len();
        while record.open {
            let more = self.lines.next()?;
            bytes += self.lines.text.len();
            if more != Line::Whole || bytes as u64 > MOST_ROW {
                let problem = "a quote is opened in this row and never closed";
                return Ok(Next::Broken(vec![Mistake::new(line, "", problem)]));
            }
            record.add(&self.lines.text);
        }
        if record.done.len() != columns.len() {
            let problem = format!("{} cells, where the head has {}", record.done.len(), columns.len());
            return Ok(Next::Bad(vec![Mistake::new(line, "", problem)]));
        }
        let mut cells = vec![String::new(); COLUMNS.len()];
        let mut mistakes = Vec::new();
        for (cell, at) in record.done.into_iter().zip(columns) {
            let column = COLUMNS.get(*at).copied().unwrap_or_default();
            match (String::from_utf8(cell), cells.get_mut(*at)) {
                (Ok(text), Some(cell)) => text.trim().clone_into(cell),
                _ => mistakes.push(Mistake::new(line, column, "is no UTF-8; save the file as UTF-8")),
            }
        }
        Ok(if mistakes.is_empty() { Next::Row(Raw { line, cells }) } else { Next::Bad(mistakes) })
    }

    fn json(&mut self) -> io::Result<Next> {
        Ok(match self.first_line()? {
            Line::End => Next::End,
            Line::Long => Next::Bad(vec![self.lines.too_long()]),
            Line::Whole => match object(&self.lines.text, self.lines.line) {
                Ok(raw) => Next::Row(raw),
                Err(mistakes) => Next::Bad(mistakes),
            },
        })
    }
}

impl<S: Read + Seek> Rows<BufReader<S>> {
    /// Goes to a row that begins at this place and stands on this line. What is near is still in
    /// the buffer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn go_to(&mut self, place: u64, line: u64) -> io::Result<()> {
        let here = self.mark + self.lines.read;
        self.lines.input.seek_relative(place.wrapping_sub(here) as i64)?;
        self.lines.read = place.saturating_sub(self.mark);
        self.lines.line = line.saturating_sub(1);
        self.ended = false;
        Ok(())
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Whole,
    /// Longer than a row may be; the rest of it was passed over.
    Long,
    End,
}

/// The lines of a file, each without its end.
struct Lines<R> {
    input: R,
    read: u64,
    /// Where the present one begins.
    begins: u64,
    /// The present one, from 1.
    line: u64,
    text: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> io::Result<Line> {
        self.text.clear();
        self.begins = self.read;
        let read = self.piece()?;
        if read == 0 {
            return Ok(Line::End);
        }
        self.line += 1;
        if self.text.last() != Some(&b'\n') && read == MOST_ROW {
            loop {
                self.text.clear();
                if self.piece()? == 0 || self.text.last() == Some(&b'\n') {
                    return Ok(Line::Long);
                }
            }
        }
        while matches!(self.text.last(), Some(b'\n' | b'\r')) {
            self.text.pop();
        }
        Ok(Line::Whole)
    }

    /// The next that says something.
    fn next_said(&mut self) -> io::Result<Line> {
        loop {
            let next = self.next()?;
            if next != Line::Whole || !self.text.trim_ascii().is_empty() {
                return Ok(next);
            }
        }
    }

    fn piece(&mut self) -> io::Result<u64> {
        let read = (&mut self.input).take(MOST_ROW).read_until(b'\n', &mut self.text)? as u64;
        self.read += read;
        Ok(read)
    }

    fn too_long(&self) -> Mistake {
        Mistake::new(self.line, "", format!("this row is longer than {MOST_ROW} bytes"))
    }
}

/// The cells of a row (RFC 4180).
struct Cells {
    delimiter: u8,
    done: Vec<Vec<u8>>,
    cell: Vec<u8>,
    /// Within quotes at the end of what was added: the row goes on.
    open: bool,
    /// The present cell had quotes.
    quoted: bool,
}

impl Cells {
    fn new(delimiter: u8) -> Self {
        Self { delimiter, done: Vec::new(), cell: Vec::new(), open: false, quoted: false }
    }

    /// Adds a line.
    fn add(&mut self, line: &[u8]) {
        if self.open {
            self.cell.push(b'\n');
        }
        let mut bytes = line.iter().copied().peekable();
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' if self.open => {
                    if bytes.next_if_eq(&b'"').is_some() {
                        self.cell.push(b'"');
                    } else {
                        self.open = false;
                    }
                }
                b'"' if !self.quoted && self.cell.trim_ascii().is_empty() => {
                    self.cell.clear();
                    (self.open, self.quoted) = (true, true);
                }
                byte if byte == self.delimiter && !self.open => self.end(),
                byte => self.cell.push(byte),
            }
        }
        if !self.open {
            self.end();
        }
    }

    fn end(&mut self) {
        self.done.push(std::mem::take(&mut self.cell));
        self.quoted = false;
    }
}

/// Where a column of this name stands among [`COLUMNS`].
fn column(name: &str) -> Result<usize, String> {
    COLUMNS
        .iter()
        .position(|column| *column == name)
        .ok_or_else(|| format!("there is no such column; there are {}", COLUMNS.join(", ")))
}

fn object(bytes: &[u8], line: u64) -> Result<Raw, Vec<Mistake>> {
    // By itself first: with its numbers in quotes it could be JSON where it is none.
    let value: Value = serde_json::from_slice(bytes)
        .and_then(|IgnoredAny| serde_json::from_slice(&numbers_quoted(bytes)))
        .map_err(|error| vec![Mistake::new(line, "", format!("is no JSON: {error}"))])?;
    let Value::Object(fields) = value else {
        return Err(vec![Mistake::new(line, "", "is no JSON object such as {\"uid\": …}")]);
    };
    let mut cells = vec![String::new(); COLUMNS.len()];
    let mut mistakes = Vec::new();
    for (name, value) in &fields {
        let cell = column(name).and_then(|at| Ok((at, text(name, value)?)));
        match cell {
            Ok((at, text)) => {
                if let Some(cell) = cells.get_mut(at) {
                    text.trim().clone_into(cell);
                }
            }
            Err(problem) => mistakes.push(Mistake::new(line, name, problem)),
        }
    }
    if mistakes.is_empty() { Ok(Raw { line, cells }) } else { Err(mistakes) }
}

/// JSON with every number in quotes: so it is read as it is written, with all its digits.
fn numbers_quoted(json: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(json.len() + 16);
    let mut bytes = json.iter().copied().peekable();
    let mut within = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if within => {
                quoted.push(byte);
                quoted.extend(bytes.next());
            }
            b'-' | b'0'..=b'9' if !within => {
                quoted.extend([b'"', byte]);
                while let Some(more) =
                    bytes.next_if(|next| matches!(next, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'))
                {
                    quoted.push(more);
                }
                quoted.push(b'"');
            }
            byte => {
                within ^= byte == b'"';
                quoted.push(byte);
            }
        }
    }
    quoted
}

/// A JSON value as the cell that says the same.
fn text(name: &str, value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(list) if matches!(name, "inputs" | "readings") => {
            let parts: Result<Vec<String>, String> = list.iter().map(|one| part(name, one)).collect();
            parts?.join("; ")
        }
        Value::Array(_) | Value::Object(_) => return Err("is no text or number".to_owned()),
    })
}

/// One input or reading.
fn part(name: &str, value: &Value) -> Result<String, String> {
    let Value::Object(fields) = value else { return text("", value) };
    let allowed: &[&str] = if name == "inputs" {
        &["uid", "quantity", "unit"]
    } else {
        &["name", "value", "unit", "low", "high", "quality"]
    };
    if let Some(unknown) = fields.keys().find(|key| !allowed.contains(&key.as_str())) {
        return Err(format!("{unknown:?} is none of {}", allowed.join(", ")));
    }
    let get = |key: &str| -> Result<String, String> {
        let said = fields.get(key).map_or(Ok(String::new()), |value| text("", value))?;
        if said.contains([';', '=', '[', ']']) {
            return Err(format!("{key} {said:?} holds one of ; = [ ]"));
        }
        Ok(said)
    };
    let (unit, quantity) = (get("unit")?, get("quantity")?);
    if name == "inputs" {
        let uid = get("uid")?;
        return Ok(if quantity.is_empty() { uid } else { format!("{uid}={quantity} {unit}") });
    }
    let (value, low, high) = (get("value")?, get("low")?, get("high")?);
    let value = if get("quality")?.eq_ignore_ascii_case(BAD) { BAD.to_owned() } else { value };
    let limits = if low.is_empty() && high.is_empty() { String::new() } else { format!(" [{low}..{high}]") };
    Ok(format!("{}={value} {unit}{limits}", get("name")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(form: Form, text: &str) -> Vec<Next> {
        let mut rows = Rows::new(form, text.as_bytes()).unwrap();
        let mut all = Vec::new();
        loop {
            match rows.next_row().unwrap() {
                Next::End => return all,
                next => all.push(next),
            }
        }
    }

    fn mistakes(next: &Next) -> Vec<(u64, &str)> {
        match next {
            Next::Bad(mistakes) | Next::Broken(mistakes) => {
                mistakes.iter().map(|mistake| (mistake.line, mistake.column.as_str())).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        let csv = "\u{feff}stage;occurred_at;UID;inputs;readings\r\n\r\n GRN ;2025-01-15T10:30:00+05:30;A;B=1.5 kg; \"t=1 C [0..2]\"\r\n"
            .replace("; \"", ";\"");
        let json = "{\"stage\": \"GRN\", \"occurred_at\": \"2025-01-15T10:30:00+05:30\", \"uid\": \"A\", \
            \"inputs\": [{\"uid\": \"B\", \"quantity\": 1.5, \"unit\": \"kg\"}], \
            \"readings\": [{\"name\": \"t\", \"value\": 1, \"unit\": \"C\", \"low\": 0, \"high\": \"2\"}]}\n";
        let cells = |next: &Next| match next {
            Next::Row(raw) => raw.cells.clone(),
            other => panic!("{other:?}"),
        };
        let (csv, json) = (all(Form::Csv, &csv), all(Form::JsonLines, json));
        assert_eq!((csv.len(), json.len()), (1, 1));
        assert_eq!(cells(&csv[0]), cells(&json[0]));
        let Next::Row(raw) = &csv[0] else { panic!() };
        assert_eq!((raw.line, raw.get("uid"), raw.get("readings")), (3, "A", "t=1 C [0..2]"));
        // Quotes hold delimiters, quotes and ends of lines; within a word they are inches.
        let rows = all(Form::Csv, "uid,stage,occurred_at,reason\n\"a,\"\"b\"\"\nc\",s,t,5\" pipe\nd,s,t,\n");
        let Next::Row(raw) = &rows[0] else { panic!("{rows:?}") };
        assert_eq!((raw.line, raw.get("uid"), raw.get("reason")), (2, "a,\"b\"\nc", "5\" pipe"));
        assert!(matches!(&rows[1], Next::Row(raw) if raw.line == 4 && raw.get("uid") == "d"));
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let json = r#"{"quantity": 123456789012.345678, "serial":22345678901234567890,"accepted":-1.50,
            "reason": "a \"1\\", "inputs": [{"uid": "A1", "quantity": 0.10}]}"#
            .replace('\n', "");
        let rows = all(Form::JsonLines, &json);
        let Next::Row(raw) = &rows[0] else { panic!("{rows:?}") };
        let said = ["quantity", "serial", "accepted", "reason", "inputs"].map(|column| raw.get(column));
        assert_eq!(said, ["123456789012.345678", "22345678901234567890", "-1.50", "a \"1\\", "A1=0.10"]);
        // What is no JSON does not become any.
        for json in ["{\"quantity\": 1.2.3}", "{1: 2}", "{\"quantity\": 01}"] {
            assert_eq!(mistakes(&all(Form::JsonLines, json)[0]), [(1, "")], "{json}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_by_line_and_column() {
        let head = all(Form::Csv, "uid,colour,uid\nA,b,c\n");
        assert_eq!(head.len(), 1);
        assert_eq!(mistakes(&head[0]), [(1, "colour"), (1, "uid")]);
        assert_eq!(mistakes(&all(Form::Csv, "uid,stage\n")[0]), [(1, "occurred_at")]);
        assert_eq!(mistakes(&all(Form::Csv, "")[0]), [(1, "")]);
        let rows = all(Form::Csv, "uid,stage,occurred_at\na,b\nc,d,e\n");
        assert_eq!(mistakes(&rows[0]), [(2, "")]);
        assert!(matches!(rows[1], Next::Row(_)));
        let rows = all(Form::JsonLines, "{\n[1]\n{\"colour\":1,\"uid\":{}}\n\n{\"uid\":\"A\"}");
        assert_eq!(mistakes(&rows[0]), [(1, "")]);
        assert_eq!(mistakes(&rows[1]), [(2, "")]);
        assert_eq!(mistakes(&rows[2]), [(3, "colour"), (3, "uid")]);
        assert!(matches!(&rows[3], Next::Row(raw) if raw.line == 5));
    }

    #[test]
    fn a_row_is_read_again_by_its_place() {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}uid,stage,occurred_at\n\nA,s,t\n\"B\nb\",s,t\r\nC,s,t");
            let mut rows =
                Rows::new(Form::Csv, BufReader::with_capacity(4, std::io::Cursor::new(text))).unwrap();
            let mut seen = Vec::new();
            while let Next::Row(raw) = rows.next_row().unwrap() {
                seen.push((rows.place().0, raw));
            }
            assert_eq!(seen.iter().map(|(_, raw)| raw.line).collect::<Vec<_>>(), [3, 4, 6]);
            for (place, raw) in seen.iter().rev().chain(&seen) {
                rows.go_to(*place, raw.line).unwrap();
                assert_eq!(rows.next_row().unwrap(), Next::Row(raw.clone()));
            }
        }
    }

    #[test]
    fn a_row_without_an_end_is_not_read_whole() {
        let open = format!("uid,stage,occurred_at\n\"{}", "x".repeat(4 * 1024 * 1024));
        let rows = all(Form::Csv, &open);
        assert_eq!(rows.len(), 1);
        assert_eq!(mistakes(&rows[0]), [(2, "")]);
        let long = format!("{{\"uid\":\"{}\"}}\n{{\"uid\":\"A\"}}\n", "x".repeat(3 * 1024 * 1024));
        let rows = all(Form::JsonLines, &long);
        assert_eq!(mistakes(&rows[0]), [(1, "")]);
        assert!(matches!(&rows[1], Next::Row(raw) if raw.line == 2));
    }
}
