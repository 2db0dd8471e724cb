//! Texts that are not TOML. The parser stops at its first error, so a line with
//! an error of its own is blanked and the rest is tried again: all such lines
//! are told at once, together with what can be judged in the others. A header
//! takes its section with it.

use toml_edit::Document;

use super::find::{Basis, Findings, Place};
use super::mistake::Mistake;

/// After so many errors the text is not a plant file.
const MOST_ERRORS: usize = 50;

/// What could be read of a text.
pub(super) struct Recovered {
    /// The structure of all readable lines; none if they make no sense alone.
    pub(super) document: Option<Document<String>>,
    /// Whether no line had to be left out.
    pub(super) whole: bool,
}

/// Parses the text, noting its syntax errors.
pub(super) fn read(findings: &Findings<'_>) -> Recovered {
    let mut text = findings.text.to_owned();
    for attempt in 0..MOST_ERRORS {
        let error = match Document::parse(text.clone()) {
            Ok(document) => {
                return Recovered { document: Some(document), whole: attempt == 0 };
            }
            Err(error) => error,
        };
        let offset = error.span().map_or(0, |span| span.start).min(text.len());
        let message = error.message();
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, "valid TOML"));
        let line = findings.line_of(offset);
        let span = findings.line_span(line);
        let found = match text.get(span.clone()).map(str::trim) {
            Some("") | None => "nothing".to_owned(),
            Some(_) => format!("`{}`", findings.quote(span.clone())),
        };
        let place = Place { path: String::new(), offset };
        findings.note(Basis::Present, &place, found, expected, Some(what.to_owned()));

        let alone = text.get(span.clone()).unwrap_or_default();
        if !(message.starts_with("duplicate key") || is_wrong_alone(alone)) {
            break;
        }
        let end = match header(alone) {
            // What stands below it would else belong to the section above.
            Some(name) => section_end(&text, span.end, name),
            None if opens(alone) => break,
            None => span.end,
        };
        blank(&mut text, span.start..end);
    }
    Recovered { document: None, whole: false }
}

/// Whether the error lies in the line itself, so that the others can be read
/// without it.
fn is_wrong_alone(line: &str) -> bool {
    !line.trim().is_empty() && Document::parse(line).is_err()
}

/// The name in a line that is, or should be, the header of a section.
fn header(line: &str) -> Option<&str> {
    let name = line.trim_start().strip_prefix('[')?.trim_start_matches(['[', ' ', '\t']);
    let in_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let end = name.find(|c| !in_name(c)).unwrap_or(name.len());
    name.get(..end).filter(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Where the section of that name ends which began before `from`: before the
/// next header that is not of a part of it.
fn section_end(text: &str, from: usize, name: &str) -> usize {
    let mut at = from;
    for line in text.get(from..).unwrap_or_default().split_inclusive('\n') {
        let part = |other: &str| other.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        // A list may go over several lines, but a header begins its own.
        if at > from && line.starts_with('[') && header(line).is_some_and(|other| !part(other)) {
            break;
        }
        at += line.len();
    }
    at
}

/// Puts spaces in place of everything but line breaks, so that all else stays in
/// its place.
fn blank(text: &mut String, span: std::ops::Range<usize>) {
    let old = text.get(span.clone()).unwrap_or_default();
    let new: String = old.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(span, &new);
}

/// Whether the lines after this one belong to it: something that goes on.
fn opens(line: &str) -> bool {
    let count = |chars: [char; 2]| line.chars().filter(|c| chars.contains(c)).count();
    line.contains("\"\"\"") || line.contains("'''") || count(['[', '{']) > count([']', '}'])
}

/// The mistake of a file that is not text.
pub(super) fn not_utf8(name: &str, bytes: &[u8], valid: usize) -> Mistake {
    let before = String::from_utf8_lossy(bytes.get(..valid).unwrap_or_default());
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    Mistake {
        file: name.to_owned(),
        line: before.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
        path: String::new(),
        found: bytes.get(valid).map_or_else(String::new, |byte| format!("byte 0x{byte:02X}")),
        expected: "text in UTF-8".to_owned(),
        hint: Some("save the file as UTF-8".to_owned()),
    }
}
