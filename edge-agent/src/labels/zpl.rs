//! One label as ZPL II.
//!
//! Commands used: `^XA ^CI28 ^PW ^LL ^FO ^BX ^BQ ^A0 ^FH ^FD ^GF ^FS ^XZ`.

use std::fmt::Write;

use super::bitmap::Bitmap;
use super::layout::{Layout, Part};
use crate::config::Symbology;

/// The ZPL of one label.
#[must_use]
pub fn zpl(label: &Layout) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(out, "^XA^CI28^PW{}^LL{}", label.width, label.height);
    for part in &label.parts {
        let _ = match part {
            Part::Code { x, y, module, symbology: Symbology::DataMatrix, text } => {
                write!(out, "^FO{x},{y}^BXN,{module},200^FD{text}^FS")
            }
            // `MA,` asks for error level M and automatic input.
            Part::Code { x, y, module, symbology: Symbology::Qr, text } => {
                write!(out, "^FO{x},{y}^BQN,2,{module}^FDMA,{text}^FS")
            }
            Part::Text { x, y, height, text } => {
                write!(out, "^FO{x},{y}^A0N,{height},{height}^FH_^FD{}^FS", escape(text))
            }
            Part::Picture { x, y, bitmap } => write!(out, "^FO{x},{y}{}^FS", graphic(bitmap)),
        };
    }
    out.push_str("^XZ\n");
    out
}

/// Hides what ZPL would take for a command; `^FH_` makes `_5E` a caret.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '^' | '~' | '_' | '\\' => {
                let _ = write!(out, "_{:02X}", c as u32);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// `^GFA` with plain hexadecimal rows, one bit a dot, 1 is black.
fn graphic(bitmap: &Bitmap) -> String {
    let per_row = bitmap.width.div_ceil(8);
    let total = per_row * bitmap.height;
    let mut out = format!("^GFA,{total},{total},{per_row},");
    for byte in &bitmap.rows {
        let _ = write!(out, "{byte:02X}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::fonts::Fonts;
    use super::super::layout::layout;
    use super::super::layout::tests::{content, printer};
    use super::*;

    fn label(symbology: Symbology, lines: &[&str], copy: u32) -> String {
        zpl(&layout(&printer(symbology), &content(lines, copy), &mut Fonts::default()))
    }

    #[test]
    fn a_label_holds_the_uid_as_code_and_text() {
        let zpl = label(Symbology::DataMatrix, &["Steel coil", "25 kg"], 1);
        assert!(zpl.starts_with("^XA^CI28^PW480^LL320"));
        assert!(zpl.contains("^BXN,4,200^FDUID-SAIF-KOL-RM-000001-A7^FS"));
        assert!(zpl.contains("^FDUID-SAIF-KOL-^FS") && zpl.contains("^FDRM-000001-A7^FS"));
        assert!(zpl.contains("^FDSteel coil^FS"));
        assert!(!zpl.contains("R1"));
        assert!(zpl.ends_with("^XZ\n"));
    }

    #[test]
    fn a_reprint_says_so_and_qr_is_qr() {
        let zpl = label(Symbology::Qr, &[], 2);
        assert!(zpl.contains("^BQN,2,4^FDMA,UID-SAIF-KOL-RM-000001-A7^FS"));
        assert!(zpl.contains("^FDR2^FS"));
    }

    #[test]
    fn text_cannot_become_a_command() {
        let zpl = label(Symbology::Qr, &["a^XZ~JA\n_b"], 1);
        assert!(zpl.contains("^FDa_5EXZ_7EJA _5Fb^FS"));
        assert_eq!(zpl.matches("^XZ").count(), 1);
    }

    #[test]
    fn hindi_goes_as_a_picture() {
        if Fonts::default().typesetter().is_none() {
            assert!(std::env::var_os("CI").is_none(), "CI must have the Noto fonts");
            eprintln!("skipped: the Noto fonts are not installed");
            return;
        }
        let zpl = label(Symbology::Qr, &["इस्पात कुंडल"], 1);
        assert!(zpl.contains("^GFA,") && zpl.is_ascii(), "{zpl}");
    }
}
