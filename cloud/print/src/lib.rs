//! PDF from a template and data. Alone in its crate: it takes long to build, and
//! nothing of it changes when the rest does.
//!
//! The template is ours, in the language of Typst; what people wrote comes as data,
//! which a template reads by `json("data.json")` and sets as text. Data never becomes
//! markup, and a template reaches neither disk nor network.

mod fonts;
mod world;

use serde_json::Value;
use typst::diag::{SourceDiagnostic, Warned};
use typst::layout::{Frame, FrameItem};
use typst_layout::PagedDocument;
use typst_pdf::PdfOptions;

pub use fonts::FONTS;
use world::Sheet;

/// Most pages of a document.
pub const MOST_PAGES: usize = 500;
/// Most bytes of data, as JSON.
pub const MOST_DATA: usize = 4 << 20;

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PrintError {
    /// More data than [`MOST_DATA`].
    #[error("the data is longer than {MOST_DATA} bytes")]
    Data,
    /// More pages than [`MOST_PAGES`].
    #[error("the document has {0} pages, more than {MOST_PAGES}")]
    Pages(usize),
    /// No font is installed that could set it.
    #[error("none of the fonts is installed that documents are set in (Noto Sans)")]
    NoFont,
    /// The template does not fit the data, or is wrong itself.
    #[error("the template: {0}")]
    Template(String),
}

fn told(errors: impl IntoIterator<Item = SourceDiagnostic>) -> PrintError {
    let all: Vec<String> = errors.into_iter().map(|error| error.message.to_string()).collect();
    PrintError::Template(all.join("; "))
}

fn laid_out(template: &str, data: &Value) -> Result<PagedDocument, PrintError> {
    let data = serde_json::to_vec(data).map_err(|error| PrintError::Template(error.to_string()))?;
    if data.len() > MOST_DATA {
        return Err(PrintError::Data);
    }
    if fonts::all().1.is_empty() {
        return Err(PrintError::NoFont);
    }
    let Warned { output, .. } = typst::compile::<PagedDocument>(&Sheet::new(template, data));
    // What was worked out for this document is of no use for the next one.
    typst::comemo::evict(0);
    let document = output.map_err(told)?;
    if document.pages().len() > MOST_PAGES {
        return Err(PrintError::Pages(document.pages().len()));
    }
    Ok(document)
}

/// A PDF of the template with this data. It takes from tens of milliseconds to
/// seconds, by the number of pages, on the thread that calls: a server calls it by
/// `spawn_blocking`, and few at a time.
///
/// # Errors
/// [`PrintError`].
pub fn pdf(template: &str, data: &Value) -> Result<Vec<u8>, PrintError> {
    let document = laid_out(template, data)?;
    typst_pdf::pdf(&document, &PdfOptions::default()).map_err(told)
}

/// What stands on each page, in the order in which it is set: for tests of templates.
///
/// # Errors
/// As [`pdf`].
pub fn text(template: &str, data: &Value) -> Result<Vec<String>, PrintError> {
    let document = laid_out(template, data)?;
    Ok(document
        .pages()
        .iter()
        .map(|page| {
            let mut said = String::new();
            read(&page.frame, &mut said);
            said
        })
        .collect())
}

fn read(frame: &Frame, said: &mut String) {
    for (_, item) in frame.items() {
        match item {
            FrameItem::Text(text) => {
                said.push_str(&text.text);
                said.push(' ');
            }
            FrameItem::Group(group) => read(&group.frame, said),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEMPLATE: &str = r#"#let data = json("data.json")
#set text(font: data.fonts)
= #data.title
#for line in data.lines [- #line
]"#;

    fn data(lines: &[&str]) -> Value {
        json!({ "fonts": FONTS, "title": "Report", "lines": lines })
    }

    #[test]
    fn what_people_wrote_is_text_and_never_markup() {
        let hostile = "#panic(\"x\") *bold* = no $x$ ] #read(\"/etc/passwd\")";
        let pages = text(TEMPLATE, &data(&[hostile])).unwrap();
        assert!(pages[0].replace(' ', "").contains(&hostile.replace(' ', "")), "{pages:?}");
        let made = pdf(TEMPLATE, &data(&[hostile])).unwrap();
        assert!(made.starts_with(b"%PDF-"));
    }

    #[test]
    fn every_language_of_the_product_is_set_in_a_font_that_has_it() {
        for line in ["Recall", "वापसी", "প্রত্যাহার", "రీకాల్"] {
            let document = laid_out(TEMPLATE, &data(&[line])).unwrap();
            let mut missing = 0;
            count_missing(&document.pages()[0].frame, &mut missing);
            assert_eq!(missing, 0, "{line}");
            assert!(text(TEMPLATE, &data(&[line])).unwrap()[0].contains(line), "{line}");
        }
    }

    fn count_missing(frame: &Frame, missing: &mut usize) {
        for (_, item) in frame.items() {
            match item {
                FrameItem::Text(text) => *missing += text.glyphs.iter().filter(|glyph| glyph.id == 0).count(),
                FrameItem::Group(group) => count_missing(&group.frame, missing),
                _ => {}
            }
        }
    }

    #[test]
    fn a_template_reaches_neither_disk_nor_network_and_says_what_is_wrong() {
        for template in ["#read(\"/etc/passwd\")", "#import \"@preview/cetz:0.3.0\"", "#panic(\"no\")"] {
            let refused = pdf(template, &json!({})).unwrap_err();
            assert!(matches!(refused, PrintError::Template(_)), "{template}: {refused}");
        }
        let many = "#for n in range(600) [#n #pagebreak()]";
        assert!(matches!(pdf(many, &json!({})), Err(PrintError::Pages(_))));
        let long = json!("x".repeat(MOST_DATA));
        assert!(matches!(pdf(TEMPLATE, &long), Err(PrintError::Data)));
    }
}
