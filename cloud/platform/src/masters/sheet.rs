//! Tables of a file that somebody sends: CSV, or the first sheet of an Excel
//! workbook, as rows of texts with the line that the person sees.

use std::io::{self, Cursor, Read};

use calamine::{DataRef, Reader as _, Xlsx};
use chrono::{NaiveDate, NaiveTime, TimeDelta};
use csv::{ReaderBuilder, Trim};

use super::{Mistake, Wrong};
use crate::seed::import::Lines;

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most rows of a file.
pub const MOST_ROWS: usize = 50_000;
/// Most columns of a file.
const MOST_COLUMNS: usize = 200;
/// Most bytes that a workbook may hold once unpacked.
const MAX_UNPACKED: u64 = 256 * 1024 * 1024;
/// Most characters of a cell of a workbook, which is what Excel itself allows.
const LONGEST_CELL: usize = 32_767;
/// Most bytes that the cells of a workbook may hold together. Cells share a text that they
/// have in common, so that a small file may say a great deal.
const MAX_CELLS: usize = 64 * 1024 * 1024;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma, semicolon or tab between cells, in UTF-8.
    Csv,
    /// An Excel workbook.
    Xlsx,
}

impl Format {
    /// By how the file begins: a workbook is a zip file.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"PK\x03\x04") { Self::Xlsx } else { Self::Csv }
    }
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The line of the heads, from 1.
    pub head_line: usize,
    /// What stands in the heads.
    pub head: Vec<String>,
    /// Lines, from 1, and their cells; lines without anything are left out.
    pub rows: Vec<(usize, Vec<String>)>,
    /// What could not be read.
    pub mistakes: Vec<Mistake>,
}

impl Sheet {
    /// Reads a file. It takes time: run it apart from the runtime's own threads.
    ///
    /// # Errors
    /// One mistake, when there is no table in it at all.
    pub fn read(bytes: &[u8]) -> Result<Self, Mistake> {
        if bytes.len() > MAX_BYTES {
            return Err(alone(0, Wrong::new("file-large").with("most", MAX_BYTES / (1024 * 1024))));
        }
        let sheet = match Format::of(bytes) {
            Format::Csv => csv(bytes)?,
            Format::Xlsx => xlsx(bytes)?,
        };
        if sheet.head.iter().all(String::is_empty) {
            return Err(alone(1, Wrong::new("file-empty")));
        }
        Ok(sheet)
    }

    fn add(&mut self, line: usize, cells: Vec<String>) -> Result<(), Mistake> {
        if cells.iter().all(String::is_empty) {
            return Ok(());
        }
        if self.head.is_empty() {
            (self.head_line, self.head) = (line, cells);
        } else if cells.iter().skip(self.head.len()).any(|cell| !cell.is_empty()) {
            let wrong = Wrong::new("cells").with("most", self.head.len());
            self.mistakes.push(alone(line, wrong));
        } else if self.rows.len() >= MOST_ROWS {
            return Err(alone(line, Wrong::new("file-rows").with("most", MOST_ROWS)));
        } else {
            self.rows.push((line, cells));
        }
        Ok(())
    }
}

fn alone(line: usize, wrong: Wrong) -> Mistake {
    Mistake { row: Some(line).filter(|line| *line > 0), field: String::new(), found: String::new(), wrong }
}

fn csv(bytes: &[u8]) -> Result<Sheet, Mistake> {
    let text = std::str::from_utf8(bytes).map_err(|_| alone(0, Wrong::new("file-text")))?;
    // What spreadsheets put before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Spreadsheets in much of the world write semicolons.
    let head = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
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
    let mut sheet = Sheet::default();
    let mut lines = Lines::new(text);
    for record in reader.records() {
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, |at| lines.of(at));
                sheet.add(line, record.iter().take(MOST_COLUMNS).map(unquoted).collect())?;
            }
            Err(error) => {
                let line = error.position().map_or(0, |at| lines.of(at));
                return Err(alone(line, Wrong::new("file-csv")));
            }
        }
    }
    Ok(sheet)
}

/// A cell without the mark by which an export keeps spreadsheets from taking it
/// for a formula.
fn unquoted(cell: &str) -> String {
    match cell.strip_prefix('\'') {
        Some(rest) if rest.trim_start_matches('\'').starts_with(crate::web::FORMULA) => rest.to_owned(),
        _ => cell.to_owned(),
    }
}

fn xlsx(bytes: &[u8]) -> Result<Sheet, Mistake> {
    let unreadable = || alone(0, Wrong::new("file-xlsx"));
    if !unpacks(bytes).map_err(|_| unreadable())? {
        return Err(alone(0, Wrong::new("file-large").with("most", MAX_UNPACKED / (1024 * 1024))));
    }
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
    let name = book.sheet_names().first().cloned().ok_or_else(unreadable)?;
    let mut reader = book.worksheet_cells_reader(&name).map_err(|_| unreadable())?;
    let mut sheet = Sheet::default();
    let (mut line, mut cells): (usize, Vec<String>) = (0, Vec::new());
    let mut held = 0;
    while let Some(cell) = reader.next_cell().map_err(|_| unreadable())? {
        let (row, column) = cell.get_position();
        let (row, column) = (row as usize + 1, column as usize);
        if row != line {
            sheet.add(line, std::mem::take(&mut cells))?;
            line = row;
        }
        if column >= MOST_COLUMNS {
            continue;
        }
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        let text = match cell.get_value() {
            DataRef::Error(_) => {
                let wrong = Wrong::new("formula");
                let field = sheet.head.get(column).cloned().unwrap_or_default();
                held += size_of::<Mistake>() + field.len();
                sheet.mistakes.push(Mistake { field, ..alone(row, wrong) });
                String::new()
            }
            value => text(value),
        };
        let text = text.trim();
        if text.len() > LONGEST_CELL && text.chars().count() > LONGEST_CELL {
            return Err(alone(row, Wrong::new("long").with("most", LONGEST_CELL)));
        }
        held += text.len();
        if held > MAX_CELLS {
            return Err(alone(row, Wrong::new("file-large").with("most", MAX_CELLS / (1024 * 1024))));
        }
        if let Some(cell) = cells.get_mut(column) {
            *cell = text.to_owned();
        }
    }
    sheet.add(line, cells)?;
    Ok(sheet)
}

/// Whether a zip file is no larger than allowed once it is unpacked; what it says
/// of itself is not believed.
fn unpacks(bytes: &[u8]) -> io::Result<bool> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(io::Error::other)?;
    let mut left = MAX_UNPACKED;
    for at in 0..archive.len() {
        let file = archive.by_index(at).map_err(io::Error::other)?;
        let copied = io::copy(&mut file.take(left + 1), &mut io::sink())?;
        match left.checked_sub(copied) {
            Some(rest) => left = rest,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// A cell as a person sees it, or would type it.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(at) => moment(at.as_f64()),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => {
            text.trim_end_matches("T00:00:00").to_owned()
        }
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

/// A day, a time of day, or both, from Excel's days since 30 December 1899.
fn moment(days: f64) -> String {
    let seconds = (days.fract() * 86_400.0).round() as i64;
    let time = NaiveTime::MIN.overflowing_add_signed(TimeDelta::seconds(seconds)).0.format("%H:%M");
    if days < 1.0 {
        return time.to_string();
    }
    let first = NaiveDate::from_ymd_opt(1899, 12, 30).unwrap_or_default();
    let day = first.checked_add_signed(TimeDelta::try_days(days.trunc() as i64).unwrap_or_default());
    let day = day.unwrap_or(first).format("%Y-%m-%d");
    if seconds == 0 { day.to_string() } else { format!("{day} {time}") }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_csv_is_read_with_its_lines() {
        let text = "\u{feff}unit;name\r\n\r\nkg;\"Kilo;\ngrams\"\r\n;\r\nm;'=Metres\r\nx;y;z\r\n";
        let sheet = Sheet::read(text.as_bytes()).unwrap();
        assert_eq!(sheet.head, ["unit", "name"]);
        assert_eq!(sheet.rows[0], (3, vec!["kg".to_owned(), "Kilo;\ngrams".to_owned()]));
        assert_eq!(sheet.rows[1], (6, vec!["m".to_owned(), "=Metres".to_owned()]));
        assert_eq!((sheet.mistakes[0].row, sheet.mistakes[0].wrong.key.as_str()), (Some(7), "cells"));
        assert_eq!(Sheet::read(b"\n\n").unwrap_err().wrong.key, "file-empty");
        assert_eq!(Sheet::read(b"a,b\n\xff,c\n").unwrap_err().wrong.key, "file-text");
        assert_eq!(Sheet::read(b"PK\x03\x04nonsense").unwrap_err().wrong.key, "file-xlsx");
    }

    /// A workbook of so many rows of this one text, under a head.
    fn book(rows: u32, text: &str) -> Vec<u8> {
        let mut book = rust_xlsxwriter::Workbook::new();
        let sheet = book.add_worksheet();
        sheet.write_string(0, 0, "name").unwrap();
        for row in 1..=rows {
            sheet.write_string(row, 0, text).unwrap();
        }
        book.save_to_buffer().unwrap()
    }

    /// A workbook with another text in the place of this one, in all its parts.
    fn with_text(book: &[u8], from: &str, to: &str) -> Vec<u8> {
        let mut parts = zip::ZipArchive::new(Cursor::new(book)).unwrap();
        let mut made = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for at in 0..parts.len() {
            let mut part = parts.by_index(at).unwrap();
            let (name, mut text) = (part.name().unwrap().into_owned(), String::new());
            part.read_to_string(&mut text).unwrap();
            made.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            made.write_all(text.replace(from, to).as_bytes()).unwrap();
        }
        made.finish().unwrap().into_inner()
    }

    #[test]
    fn a_small_workbook_that_says_a_great_deal_is_refused() {
        // Three thousand cells share a text: a small file, and a hundred megabytes.
        let bytes = book(3000, &"a".repeat(LONGEST_CELL));
        assert!(bytes.len() < 100_000, "{}", bytes.len());
        assert_eq!(Sheet::read(&bytes).unwrap_err().wrong.key, "file-large");
        assert_eq!(Sheet::read(&book(10, &"a".repeat(LONGEST_CELL))).unwrap().rows.len(), 10);
        // Excel writes no longer cell, other programs may.
        let told = Sheet::read(&with_text(&book(2, "MARK"), "MARK", &"a".repeat(LONGEST_CELL + 1)));
        let told = told.unwrap_err();
        assert_eq!((told.row, told.wrong.key.as_str()), (Some(2), "long"));
    }

    #[test]
    fn days_of_excel() {
        assert_eq!(moment(45_658.0), "2025-01-01");
        assert_eq!(moment(0.25), "06:00");
        assert_eq!(moment(45_658.5), "2025-01-01 12:00");
    }
}
