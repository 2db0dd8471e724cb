//! Texts that are not TOML. The parser stops at its first error, so a line with
//! an error of its own is blanked and the rest is tried again: all such lines
//! are told at once, together with what can be judged in the others.

use std::sync::atomic::Ordering;

use toml_edit::Document;

use super::{Basis, Place, SourceFile};

/// After so many errors the text is not such a file.
const MOST_ERRORS: usize = 50;

/// Parses the text, noting its syntax errors.
pub(super) fn read(file: &SourceFile) -> Option<Document<String>> {
    let mut text = file.text.clone();
    for _ in 0..MOST_ERRORS {
        let error = match Document::parse(text.clone()) {
            Ok(document) => return Some(document),
            Err(error) => error,
        };
        file.whole.store(false, Ordering::Relaxed);
        let offset = error.span().map_or(0, |span| span.start).min(text.len());
        let message = error.message();
        let (what, expected) = message.split_once(", expected ").unwrap_or((message, "valid TOML"));
        let span = file.line_span(file.line_of(offset));
        let found = match text.get(span.clone()).map(str::trim) {
            Some("") | None => "nothing".to_owned(),
            Some(_) => format!("`{}`", file.quote(span.clone())),
        };
        let place = Place { path: String::new(), offset, found };
        file.note(Basis::Present, &place, expected, Some(what.to_owned()));
        let alone = text.get(span.clone()).unwrap_or_default();
        if !(message.starts_with("duplicate key") || is_wrong_alone(alone)) || opens(alone) {
            break;
        }
        let blank = " ".repeat(span.len());
        text.replace_range(span, &blank);
    }
    None
}

/// Whether the error lies in the line itself, so that the others can be read
/// without it.
fn is_wrong_alone(line: &str) -> bool {
    !line.trim().is_empty() && Document::parse(line).is_err()
}

/// Whether the lines after this one belong to it: a header, or something that
/// goes on.
fn opens(line: &str) -> bool {
    let count = |chars: [char; 2]| line.chars().filter(|c| chars.contains(c)).count();
    line.trim_start().starts_with('[')
        || line.contains("\"\"\"")
        || line.contains("'''")
        || count(['[', '{']) > count([']', '}'])
}
