//! What is known of a file; names as they are kept and sent.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::FilesError;
use super::kind::Kind;
use crate::web::escaped;

/// Longest name, in characters.
const LONGEST_NAME: usize = 200;

/// One version of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FileVersion)]
pub struct VersionOf {
    /// Counted from 1.
    pub number: i32,
    /// As people know it.
    pub name: String,
    /// By its content.
    pub media_type: String,
    /// In bytes.
    pub size: i64,
    /// Of its bytes, in hex.
    pub sha256: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// By whom, as an opaque id.
    pub created_by: String,
}

impl VersionOf {
    /// Its size, for a person.
    #[must_use]
    pub fn weight(&self) -> String {
        size(self.size)
    }
}

/// A file with its versions, the present one first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = File)]
pub struct Listed {
    /// Its id.
    pub id: Uuid,
    /// The kind of what it is attached to.
    pub subject_kind: String,
    /// The key of it.
    pub subject_key: String,
    /// For a change that must not overwrite another's.
    pub version: i32,
    /// It was deleted, and can be restored.
    pub deleted: bool,
    /// Never empty.
    pub versions: Vec<VersionOf>,
}

impl Listed {
    /// The present version.
    #[must_use]
    pub fn present(&self) -> Option<&VersionOf> {
        self.versions.first()
    }
}

/// The name of a file as it is kept: the last part of a path, without control
/// characters, with an ending that fits what it is.
pub(super) fn name(given: &str, kind: Kind) -> Result<String, FilesError> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let hides =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let clean: String = last.chars().filter(|c| !c.is_control() && !hides(*c)).collect();
    let clean = clean.trim().trim_start_matches('.').trim();
    if clean.is_empty() {
        return Err(FilesError::Name);
    }
    let named = kind.named(clean);
    let over = named.chars().count().saturating_sub(LONGEST_NAME);
    if over == 0 {
        return Ok(named);
    }
    // What is cut is before the ending.
    let (stem, ending) = named.rsplit_once('.').unwrap_or((&named, ""));
    let kept = stem.chars().count().saturating_sub(over);
    if kept == 0 {
        return Err(FilesError::Name);
    }
    Ok(format!("{}.{ending}", stem.chars().take(kept).collect::<String>()))
}

/// `Content-Disposition` of a download (RFC 6266): the name in ASCII for old
/// programs, and as it is.
pub(super) fn disposition(name: &str, shown: bool) -> String {
    let how = if shown { "inline" } else { "attachment" };
    let ascii: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%') || c == ' ' { c } else { '_' })
        .collect();
    format!("{how}; filename=\"{ascii}\"; filename*=UTF-8''{}", escaped(name, b"-._~"))
}

/// A size for a person: `1.4 MB`.
fn size(bytes: i64) -> String {
    let bytes = bytes.max(0);
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} kB", bytes / 1024),
        _ => format!("{}.{} MB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::kind;
    use super::*;

    #[test]
    fn names_are_made_harmless() {
        let pdf = kind::of(b"%PDF-").unwrap();
        assert_eq!(name("C:\\fakepath\\Zeichnung ä.pdf", pdf).unwrap(), "Zeichnung ä.pdf");
        assert_eq!(name("../../etc/passwd", pdf).unwrap(), "passwd.pdf");
        assert_eq!(name("fdp.\u{202e}exe", pdf).unwrap(), "fdp.exe.pdf");
        assert!(name(" .. ", pdf).is_err() && name("", pdf).is_err());
        let long = name(&format!("{}.pdf", "x".repeat(400)), pdf).unwrap();
        assert!(long.len() == 200 && long.ends_with(".pdf"));
        assert_eq!(
            disposition("a \"b\" ल.pdf", false),
            "attachment; filename=\"a _b_ _.pdf\"; filename*=UTF-8''a%20%22b%22%20%E0%A4%B2.pdf"
        );
    }

    #[test]
    fn sizes_are_read_by_people() {
        assert_eq!(
            (size(999), size(2048), size(1_572_864)),
            ("999 B".into(), "2 kB".into(), "1.5 MB".into())
        );
    }
}
