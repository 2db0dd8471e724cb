//! What an answer says, whatever it is packed in: marks are looked for in this.

use std::io::{Cursor, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use calamine::Reader as _;
use hayro_interpret::font::Glyph;
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, GlyphDrawMode, Image, InterpreterCache, InterpreterSettings, Paint,
    PathDrawMode, SoftMask, interpret_page,
};
use kurbo::{Affine, BezPath, Rect};

/// The text of an answer: of a workbook what its cells and all its parts say, of a PDF what
/// its pages show and what it says of itself, of anything else also what it carries in
/// base64, as histories carry the bytes of events.
///
/// # Panics
/// When a workbook or a PDF cannot be read: what cannot be read cannot be found free of
/// another's marks.
pub(super) fn text(bytes: &[u8]) -> String {
    if bytes.starts_with(b"PK") {
        workbook(bytes)
    } else if bytes.starts_with(b"%PDF") {
        pdf(bytes)
    } else {
        let plain = String::from_utf8_lossy(bytes).into_owned();
        let carried = carried(&plain);
        plain + &carried
    }
}

/// Cells as they are read, and every part as it is written: names of sheets, headers,
/// comments, and who made it.
fn workbook(bytes: &[u8]) -> String {
    let mut book = calamine::Xlsx::new(Cursor::new(bytes)).unwrap();
    let sheets = book.worksheets();
    let cells = sheets.iter().flat_map(|(_, sheet)| sheet.cells().map(|(_, _, cell)| cell.to_string()));
    let mut said = cells.collect::<Vec<_>>().join(" ");
    let mut parts = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    for at in 0..parts.len() {
        let mut part = parts.by_index(at).unwrap();
        let mut whole = Vec::new();
        part.read_to_end(&mut whole).unwrap();
        said.push('\n');
        said.push_str(&String::from_utf8_lossy(&whole));
    }
    said
}

/// The letters of the pages in the order in which they are set, without what stands
/// between words, which a PDF does not always say; and title, author and the like.
fn pdf(bytes: &[u8]) -> String {
    let read = Pdf::new(bytes.to_vec()).unwrap_or_else(|error| panic!("a PDF cannot be read: {error:?}"));
    let mut letters = Letters::default();
    let about = read.metadata();
    for part in [&about.title, &about.author, &about.subject, &about.keywords, &about.creator] {
        letters.0.extend(part.iter().map(|part| String::from_utf8_lossy(part).into_owned()));
        letters.0.push('\n');
    }
    let cache = InterpreterCache::new();
    assert!(!read.pages().is_empty(), "a PDF without pages");
    for page in read.pages().iter() {
        let (unit, settings) = (Rect::new(0.0, 0.0, 1.0, 1.0), InterpreterSettings::default());
        let mut context = Context::new(Affine::IDENTITY, unit, &cache, read.xref(), settings);
        interpret_page(page, &mut context, &mut letters);
        letters.0.push('\n');
    }
    letters.0
}

/// Takes down the letters of what is drawn.
#[derive(Default)]
struct Letters(String);

impl Device<'_> for Letters {
    fn draw_glyph(&mut self, glyph: &Glyph<'_>, _: Affine, _: Affine, _: &Paint<'_>, _: &GlyphDrawMode) {
        match glyph.as_unicode() {
            Some(BfString::Char(letter)) => self.0.push(letter),
            Some(BfString::String(letters)) => self.0.push_str(&letters),
            // Clusters of Indic scripts are told once for all their glyphs; the others say
            // nothing, and no mark has one.
            None => self.0.push(char::REPLACEMENT_CHARACTER),
        }
    }

    fn set_soft_mask(&mut self, _: Option<SoftMask<'_>>) {}
    fn set_blend_mode(&mut self, _: BlendMode) {}
    fn draw_path(&mut self, _: &BezPath, _: Affine, _: &Paint<'_>, _: &PathDrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'_>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'_, '_>, _: Affine) {}
    fn pop_clip_path(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// What runs of letters of base64 say, where they are long enough to say anything.
fn carried(plain: &str) -> String {
    let is_of = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '/');
    let mut said = String::new();
    for run in plain.split(|letter| !is_of(letter)).filter(|run| run.len() >= 24) {
        if let Ok(bytes) = STANDARD_NO_PAD.decode(run) {
            said.push('\n');
            said.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
    said
}

#[test]
fn what_is_packed_is_read() {
    let paper = "#set document(title: \"TITLE-OF-X\", author: \"AUTHOR-OF-X\")
#set text(font: json(\"data.json\").fonts)
#for line in json(\"data.json\").lines [#table(columns: (2cm, 2cm), line, line)]";
    let lines = ["वापसी", "fi ffi", "MARK-OF-SAIF"];
    let sent = serde_json::json!({ "fonts": print::FONTS, "lines": lines });
    let said = text(&print::pdf(paper, &sent).unwrap());
    for part in ["TITLE-OF-X", "AUTHOR-OF-X", "MARK-OF-SAIF", "fi", "ffi"] {
        assert!(said.contains(part), "{part} is not read: {said}");
    }
    // Behind a mark in base64, in JSON and in a page.
    let bytes = STANDARD_NO_PAD.encode("\u{1}\u{2}an event of MARK-OF-SAIF\u{3}");
    for plain in [format!("{{\"bytes\":\"{bytes}\"}}"), format!("data:x;base64,{bytes}==\"")] {
        assert!(
            !plain.contains("MARK-OF-SAIF") && text(plain.as_bytes()).contains("MARK-OF-SAIF"),
            "{plain}"
        );
    }
}
