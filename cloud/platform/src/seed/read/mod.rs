//! Reads TOML with its spans, so that every mistake of a file is told at once
//! and where it stands; serde would stop at the first.

mod nearest;
pub(super) mod rules;
mod section;
mod syntax;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

pub(super) use nearest::did_you_mean;
pub(crate) use nearest::nearest;
pub(super) use section::Section;
use toml_edit::Document;

use super::mistake::{Mistake, SeedErrors};

/// A file is never larger than this.
pub(super) const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;
/// Most characters of the file that a message repeats.
const LONGEST_QUOTE: usize = 60;

/// A place in the file: its path in the structure, its byte offset, and what is
/// written there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As in `items[2].gtin`.
    pub path: String,
    /// Byte offset in the text.
    pub offset: usize,
    /// As it was written, shortened.
    pub found: String,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub value: T,
    pub place: Place,
}

/// What a mistake rests on. Where lines had to be skipped because they are not
/// TOML, what is missing may have stood in them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// Something in the file is wrong by itself.
    Present,
    /// Something else is not in the file.
    Absent,
}

/// The text of a file and what is wrong with it, so far.
pub(super) struct SourceFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
    /// Whether every line could be read as TOML.
    whole: AtomicBool,
    found: Mutex<Vec<(usize, Basis, Mistake)>>,
}

impl SourceFile {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, SeedErrors> {
        let failed = |source| SeedErrors::Read { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(failed)?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(SeedErrors::TooLarge { path: path.to_owned(), bytes });
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let name = path.display().to_string();
        Ok(match String::from_utf8(bytes) {
            Ok(text) => Self::new(name, text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let file = Self::new(name, text);
                let place =
                    Place { path: String::new(), offset: at, found: "bytes that are not text".into() };
                file.note(Basis::Present, &place, "text in UTF-8", Some("save the file as UTF-8".into()));
                file
            }
        })
    }

    /// A file of this name and text.
    pub fn new(name: String, text: String) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(newlines).collect();
        Self { name, text, line_starts, whole: AtomicBool::new(true), found: Mutex::default() }
    }

    /// The structure of all lines that can be read; syntax errors are noted.
    pub fn document(&self) -> Option<Document<String>> {
        syntax::read(self)
    }

    /// Line, from 1, of a byte offset.
    pub fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// First byte and end of the line, from 1, without its line break.
    fn line_span(&self, line: usize) -> Range<usize> {
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    /// A piece of the file as it was written, short enough for a message.
    fn quote(&self, span: Range<usize>) -> String {
        shorten(self.text.get(span).unwrap_or_default())
    }

    /// Notes a mistake.
    pub fn note(&self, basis: Basis, place: &Place, expected: impl Into<String>, hint: Option<String>) {
        let line = self.line_of(place.offset);
        let before = self.text.get(self.line_span(line).start..place.offset);
        let mistake = Mistake {
            file: self.name.clone(),
            line,
            column: before.map_or(0, |text| text.chars().count()) + 1,
            path: place.path.clone(),
            found: place.found.clone(),
            expected: expected.into(),
            hint,
        };
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push((place.offset, basis, mistake));
    }

    /// All mistakes in order of line. Unless the file was read as a whole, what
    /// rests on something missing is left out.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let whole = self.whole.load(Ordering::Relaxed);
        found.retain(|(_, basis, _)| whole || *basis == Basis::Present);
        found.sort_by_key(|(offset, ..)| *offset);
        found.into_iter().map(|(.., mistake)| mistake).collect()
    }
}

/// What must be there only once, and where it was first.
#[derive(Default)]
pub(super) struct Once(HashMap<(&'static str, String), usize>);

impl Once {
    /// Notes a mistake if `key` was there before as a `what`.
    pub fn check(&mut self, file: &SourceFile, what: &'static str, key: &str, place: &Place) {
        if let Some(first) = self.0.get(&(what, key.to_owned())) {
            let hint = format!("the first is on line {}", file.line_of(*first));
            file.note(Basis::Present, place, format!("each {what} once"), Some(hint));
        } else {
            self.0.insert((what, key.to_owned()), place.offset);
        }
    }
}

/// One line of at most [`LONGEST_QUOTE`] characters.
fn shorten(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.trim().chars().take(LONGEST_QUOTE).map(printable).collect();
    if text.trim().chars().count() > LONGEST_QUOTE {
        short.push('…');
    }
    short
}
