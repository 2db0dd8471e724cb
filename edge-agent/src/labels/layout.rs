//! What stands where on a label: a DataMatrix or QR code with the UID's text
//! beside it and lines of text below. Made once, for the printer and for the
//! preview, so that a person sees what comes out. Text outside printable ASCII
//! is a picture, since a printer's own fonts do not shape Indic scripts.

use rust_decimal::prelude::ToPrimitive;

use super::bitmap::Bitmap;
use super::fonts::Fonts;
use crate::config::{Printer, Symbology};

/// What a label shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelContent {
    /// The UID's text, in the code and beside it.
    pub uid: String,
    /// Lines below.
    pub lines: Vec<Line>,
    /// 1 for the first print; a reprint shows `R2`, `R3` and so on.
    pub copy: u32,
}

/// A line of text in any of the plant's languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The text.
    pub text: String,
    /// The same in English, for where no font has the text's script.
    pub english: Option<String>,
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), english: None }
    }
}

/// A label, measured in printer dots from its upper left corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Width of the label.
    pub width: u32,
    /// Height of the label.
    pub height: u32,
    /// What stands on it.
    pub parts: Vec<Part>,
}

/// Something on a label; `x` and `y` are its upper left corner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A code of two dimensions.
    Code {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// Side of one module.
        module: u32,
        /// Which code.
        symbology: Symbology,
        /// What it says.
        text: String,
    },
    /// A line in the printer's own font.
    Text {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// Height of the letters.
        height: u32,
        /// What it says: printable ASCII.
        text: String,
    },
    /// A line as a picture.
    Picture {
        /// From the left.
        x: u32,
        /// From the top.
        y: u32,
        /// The dots.
        bitmap: Bitmap,
    },
}

/// Distance from the label's edge, in millimetres.
const MARGIN_MM: u32 = 2;
/// Height of the text lines, in millimetres.
const LINE_MM: u32 = 3;

/// The label for this printer. Lines that do not fit are left out, the UID
/// never. A line for which there is no font stands in English, else it is left
/// out: a box is no text.
#[must_use]
pub fn layout(printer: &Printer, content: &LabelContent, fonts: &mut Fonts) -> Layout {
    let dots = u32::from(printer.dots_per_mm());
    let width = millimetres(printer.label_width_mm.to_f64()) * dots;
    let height = millimetres(printer.label_height_mm.to_f64()) * dots;
    let (margin, line) = (MARGIN_MM * dots, LINE_MM * dots);

    let (code, code_side) = code(printer.symbology, &content.uid, margin, dots);
    let mut parts = vec![code];
    let beside = margin * 2 + code_side;
    let text = |x: u32, y: u32, text: &str| Part::Text { x, y, height: line, text: text.to_owned() };
    // The UID breaks after its plant, so that it fits beside the code.
    let (head, tail) = split_uid(&content.uid);
    parts.push(text(beside, margin, head));
    parts.push(text(beside, margin + line + dots, tail));
    if content.copy > 1 {
        parts.push(text(beside, margin + 2 * (line + dots), &format!("R{}", content.copy)));
    }

    let mut y = margin + code_side + dots;
    for wanted in &content.lines {
        if y + line > height {
            break;
        }
        let Some(set) = set(wanted, line, width.saturating_sub(2 * margin), fonts) else { continue };
        parts.push(match set {
            Set::Plain(plain) => text(margin, y, plain),
            Set::Drawn(bitmap) => Part::Picture { x: margin, y, bitmap },
        });
        y += line + dots;
    }
    Layout { width, height, parts }
}

enum Set<'a> {
    Plain(&'a str),
    Drawn(Bitmap),
}

fn set<'a>(line: &'a Line, height: u32, max_width: u32, fonts: &mut Fonts) -> Option<Set<'a>> {
    for text in [Some(&line.text), line.english.as_ref()].into_iter().flatten() {
        if text.is_ascii() {
            return Some(Set::Plain(text));
        }
        if let Some(bitmap) = fonts.typesetter().and_then(|setter| setter.line(text, height, max_width)) {
            return Some(Set::Drawn(bitmap));
        }
    }
    None
}

/// The code at the margin, and its side.
fn code(symbology: Symbology, uid: &str, margin: u32, dots: u32) -> (Part, u32) {
    let (module, modules) = match symbology {
        // 30 characters fit 22×22 modules (ECC 200, mostly C40); a module of
        // about 0.5 mm is read by a phone as well as by a scanner.
        Symbology::DataMatrix => ((dots / 2).max(3), 22),
        // Version 2 at error level M holds 38 alphanumeric characters in 25
        // modules; a printer's modules have 10 dots at most.
        Symbology::Qr => ((dots / 2).clamp(3, 10), 25),
    };
    (Part::Code { x: margin, y: margin, module, symbology, text: uid.to_owned() }, modules * module)
}

fn split_uid(uid: &str) -> (&str, &str) {
    let third_dash = uid.match_indices('-').nth(2).map_or(uid.len(), |(at, _)| at + 1);
    uid.split_at(third_dash)
}

fn millimetres(mm: Option<f64>) -> u32 {
    // A plant file's label is a few hundred millimetres at most (checked there).
    mm.unwrap_or(0.0).clamp(0.0, 1000.0) as u32
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::HostPort;

    pub(crate) fn printer(symbology: Symbology) -> Printer {
        Printer {
            code: "P1".into(),
            name: "Dock".into(),
            address: HostPort { host: "127.0.0.1".into(), port: 9100 },
            dpi: 203,
            label_width_mm: 60.into(),
            label_height_mm: 40.into(),
            symbology,
            indic_font: None,
            timeout_ms: 5000,
        }
    }

    pub(crate) fn content(lines: &[&str], copy: u32) -> LabelContent {
        LabelContent {
            uid: "UID-SAIF-KOL-RM-000001-A7".into(),
            lines: lines.iter().map(|line| Line::from(*line)).collect(),
            copy,
        }
    }

    fn texts(layout: &Layout) -> Vec<&str> {
        let texts = layout.parts.iter().filter_map(|part| match part {
            Part::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn lines_beyond_the_label_are_left_out() {
        let made = layout(&printer(Symbology::DataMatrix), &content(&["line"; 50], 1), &mut Fonts::default());
        let lines = texts(&made).iter().filter(|text| **text == "line").count();
        assert!((1..10).contains(&lines), "{lines}");
    }

    #[test]
    fn what_no_font_has_stands_in_english_or_not_at_all() {
        let mut wanted = content(&["漢字"], 1);
        let made = layout(&printer(Symbology::Qr), &wanted, &mut Fonts::default());
        assert_eq!(texts(&made), ["UID-SAIF-KOL-", "RM-000001-A7"]);
        assert!(made.parts.iter().all(|part| !matches!(part, Part::Picture { .. })));
        wanted.lines[0].english = Some("Steel coil".to_owned());
        let made = layout(&printer(Symbology::Qr), &wanted, &mut Fonts::default());
        assert_eq!(texts(&made), ["UID-SAIF-KOL-", "RM-000001-A7", "Steel coil"]);
    }
}
