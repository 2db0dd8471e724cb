//! Collects what is wrong, and turns byte offsets into lines and columns.

use std::cell::RefCell;

use super::mistake::Mistake;
use super::names::NameBook;

/// Most characters of the file that a message repeats.
const LONGEST_QUOTE: usize = 60;

/// What is wrong with a file, so far.
pub(super) struct Findings<'t> {
    file: &'t str,
    /// The text of the file.
    pub(super) text: &'t str,
    line_starts: Vec<usize>,
    found: RefCell<Vec<Finding>>,
    /// Names that the file gives and uses.
    pub(super) names: RefCell<NameBook>,
}

struct Finding {
    offset: usize,
    basis: Basis,
    mistake: Mistake,
}

/// What a finding rests on. Where lines had to be skipped because they are not
/// TOML, what is missing may have stood in them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// Something in the file is wrong by itself.
    Present,
    /// Something else is not in the file.
    Absent,
}

/// A place in the file: its path in the structure and its byte offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// As in `stations[2].kind`.
    pub(super) path: String,
    /// Byte offset in the text.
    pub(super) offset: usize,
}

impl<'t> Findings<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        Self { file, text, line_starts, found: RefCell::default(), names: RefCell::default() }
    }

    /// Line, from 1, of a byte offset.
    pub(super) fn line_of(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// First byte and end of the line, from 1, without its line break.
    pub(super) fn line_span(&self, line: usize) -> std::ops::Range<usize> {
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let next = self.line_starts.get(line).copied();
        let end = next.map_or(self.text.len(), |next| next - 1);
        start..end.max(start)
    }

    /// A piece of the file as it was written, short enough for a message.
    pub(super) fn quote(&self, span: std::ops::Range<usize>) -> String {
        shorten(self.text.get(span).unwrap_or_default())
    }

    /// Notes a mistake.
    pub(super) fn note(
        &self,
        basis: Basis,
        place: &Place,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: Option<String>,
    ) {
        let line = self.line_of(place.offset);
        let before = self.text.get(self.line_span(line).start..place.offset);
        let column = before.map_or(0, |text| text.chars().count()) + 1;
        let mistake = Mistake {
            file: self.file.to_owned(),
            line,
            column,
            path: place.path.clone(),
            found: found.into(),
            expected: expected.into(),
            hint,
        };
        let finding = Finding { offset: place.offset, basis, mistake };
        self.found.borrow_mut().push(finding);
    }

    /// All mistakes in order of line. Unless the file was read as a whole, what
    /// rests on something missing is left out.
    pub(super) fn into_mistakes(self, whole: bool) -> Vec<Mistake> {
        let mut found = self.found.into_inner();
        found.retain(|finding| whole || finding.basis == Basis::Present);
        found.sort_by_key(|finding| finding.offset);
        found.into_iter().map(|finding| finding.mistake).collect()
    }
}

/// One line of at most [`LONGEST_QUOTE`] characters.
pub(super) fn shorten(text: &str) -> String {
    let printable = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.trim().chars().take(LONGEST_QUOTE).map(printable).collect();
    if text.trim().chars().count() > LONGEST_QUOTE {
        short.push('…');
    }
    short
}
