//! A label as a picture for a page: the same parts that go to the printer.

use std::fmt::Write;

use datamatrix::{DataMatrix, SymbolList};
use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

use super::bitmap::Bitmap;
use super::layout::{Layout, Part};
use crate::config::Symbology;

/// The label as SVG, black on white, one unit a printer's dot.
#[must_use]
pub fn svg(label: &Layout) -> String {
    let Layout { width, height, parts } = label;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\"><rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>"
    );
    for part in parts {
        match part {
            Part::Code { x, y, module, symbology, text } => {
                let modules = modules(*symbology, text);
                path(&mut out, *x, *y, *module, &modules);
            }
            Part::Text { x, y, height, text } => {
                let base = y + height * 4 / 5;
                let _ = write!(
                    out,
                    "<text x=\"{x}\" y=\"{base}\" font-size=\"{height}\" font-weight=\"600\" \
                     font-family=\"Liberation Sans Narrow, Arial Narrow, Noto Sans, sans-serif\">{}</text>",
                    escape(text)
                );
            }
            Part::Picture { x, y, bitmap } => path(&mut out, *x, *y, 1, &black(bitmap)),
        }
    }
    out.push_str("</svg>");
    out
}

/// Black squares by column and row, as one path; neighbours in a row are one.
fn path(out: &mut String, x: u32, y: u32, side: u32, black: &[(u32, u32)]) {
    out.push_str("<path d=\"");
    let mut at = 0;
    while let Some((column, row)) = black.get(at).copied() {
        let mut run = 1;
        while black.get(at + run as usize) == Some(&(column + run, row)) {
            run += 1;
        }
        let (left, top, wide) = (x + column * side, y + row * side, run * side);
        let _ = write!(out, "M{left} {top}h{wide}v{side}h-{wide}z");
        at += run as usize;
    }
    out.push_str("\"/>");
}

fn black(bitmap: &Bitmap) -> Vec<(u32, u32)> {
    let rows = (0..bitmap.height).flat_map(|y| (0..bitmap.width).map(move |x| (x, y)));
    rows.filter(|(x, y)| bitmap.is_black(*x, *y)).collect()
}

/// The black modules of a code, row by row. None for a text that no code holds,
/// which a UID never is.
fn modules(symbology: Symbology, text: &str) -> Vec<(u32, u32)> {
    let mut black: Vec<(u32, u32)> = match symbology {
        Symbology::DataMatrix => {
            let made = DataMatrix::encode(text.as_bytes(), SymbolList::default().enforce_square());
            made.map(|code| code.bitmap().pixels().map(|(x, y)| (x as u32, y as u32)).collect())
                .unwrap_or_default()
        }
        Symbology::Qr => {
            let segments = QrSegment::make_segments(text);
            let (min, max) = (Version::MIN, Version::MAX);
            let made =
                QrCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, min, max, None::<Mask>, false);
            made.map(|code| {
                let all = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
                let set = all.filter(|(x, y)| code.get_module(*x, *y));
                set.map(|(x, y)| (x.unsigned_abs(), y.unsigned_abs())).collect()
            })
            .unwrap_or_default()
        }
    };
    black.sort_unstable_by_key(|(x, y)| (*y, *x));
    black
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::fonts::Fonts;
    use super::super::layout::layout;
    use super::super::layout::tests::{content, printer};
    use super::*;

    #[test]
    fn the_preview_shows_what_the_label_says() {
        for symbology in [Symbology::DataMatrix, Symbology::Qr] {
            let label =
                layout(&printer(symbology), &content(&["Steel coil <1>", "25 kg"], 2), &mut Fonts::default());
            let picture = svg(&label);
            assert!(picture.starts_with("<svg") && picture.ends_with("</svg>"));
            for text in [">UID-SAIF-KOL-<", ">RM-000001-A7<", ">R2<", ">Steel coil &lt;1&gt;<", ">25 kg<"] {
                assert!(picture.contains(text), "{symbology:?}: {text}");
            }
            assert!(picture.matches('M').count() > 100, "{symbology:?}: the code is drawn");
        }
    }

    #[test]
    fn a_code_has_the_size_that_the_label_keeps_free_for_it() {
        let side = |symbology| {
            let black = modules(symbology, "UID-SAIF-KOL-RM-000001-A7");
            black.iter().map(|(x, _)| x + 1).max()
        };
        assert_eq!(side(Symbology::Qr), Some(25));
        assert!(side(Symbology::DataMatrix) <= Some(22));
    }
}
