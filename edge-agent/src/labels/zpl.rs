//! One label as ZPL II: a DataMatrix or QR code with the UID's text beside it
//! and lines of text below. Text outside printable ASCII goes as a bitmap, since
//! a printer's own fonts do not shape Indic scripts.
//!
//! Commands used: `^XA ^CI28 ^PW ^LL ^FO ^BX ^BQ ^A0 ^FH ^FD ^GF ^FS ^XZ`.

use std::fmt::Write;

use rust_decimal::prelude::ToPrimitive;

use super::bitmap::{Bitmap, Typesetter};
use crate::config::{Printer, Symbology};

/// What a label shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelContent {
    /// The UID's text, in the code and beside it.
    pub uid: String,
    /// Lines below, in any of the plant's languages.
    pub lines: Vec<String>,
    /// 1 for the first print; a reprint shows `R2`, `R3` and so on.
    pub copy: u32,
}

/// Distance from the label's edge, in millimetres.
const MARGIN_MM: u32 = 2;
/// Height of the text lines, in millimetres.
const LINE_MM: u32 = 3;

/// The ZPL of one label for this printer. Lines that do not fit are left out,
/// the UID never. Without a typesetter (no font configured) text outside ASCII
/// is printed by the printer's own font as well as it can.
#[must_use]
pub fn label(printer: &Printer, content: &LabelContent, typesetter: Option<&mut Typesetter>) -> String {
    let dots = u32::from(printer.dots_per_mm());
    let width = millimetres(printer.label_width_mm.to_f64()) * dots;
    let height = millimetres(printer.label_height_mm.to_f64()) * dots;
    let margin = MARGIN_MM * dots;
    let line = LINE_MM * dots;

    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(out, "^XA^CI28^PW{width}^LL{height}");
    let code_size = code(&mut out, printer.symbology, &content.uid, margin, dots);

    let beside = margin * 2 + code_size;
    let text_line = |out: &mut String, x: u32, y: u32, text: &str| {
        let _ = write!(out, "^FO{x},{y}^A0N,{line},{line}^FH_^FD{}^FS", escape(text));
    };
    // The UID breaks after its type, so that it fits beside the code.
    let (head, tail) = split_uid(&content.uid);
    text_line(&mut out, beside, margin, head);
    text_line(&mut out, beside, margin + line + dots, tail);
    if content.copy > 1 {
        text_line(&mut out, beside, margin + 2 * (line + dots), &format!("R{}", content.copy));
    }

    let mut y = margin + code_size + dots;
    let mut typesetter = typesetter;
    for text in &content.lines {
        if y + line > height {
            break;
        }
        match typesetter.as_deref_mut() {
            Some(setter) if !text.is_ascii() => {
                let bitmap = setter.line(text, line, width.saturating_sub(2 * margin));
                let _ = write!(out, "^FO{margin},{y}{}^FS", graphic(&bitmap));
                y += bitmap.height.max(line) + dots;
            }
            _ => {
                text_line(&mut out, margin, y, text);
                y += line + dots;
            }
        }
    }
    out.push_str("^XZ\n");
    out
}

/// Writes the code at the margin and returns its side in dots.
fn code(out: &mut String, symbology: Symbology, uid: &str, margin: u32, dots: u32) -> u32 {
    match symbology {
        Symbology::DataMatrix => {
            // 30 characters fit 22×22 modules (ECC 200, mostly C40); a module of
            // about 0.5 mm is read by a phone as well as by a scanner.
            let module = (dots / 2).max(3);
            let _ = write!(out, "^FO{margin},{margin}^BXN,{module},200^FD{uid}^FS");
            22 * module
        }
        Symbology::Qr => {
            // Version 2 at error level M holds 38 alphanumeric characters in 25
            // modules; `MA,` asks for level M and automatic input.
            let module = (dots / 2).clamp(3, 10);
            let _ = write!(out, "^FO{margin},{margin}^BQN,2,{module}^FDMA,{uid}^FS");
            25 * module
        }
    }
}

fn split_uid(uid: &str) -> (&str, &str) {
    let third_dash = uid.match_indices('-').nth(2).map_or(uid.len(), |(at, _)| at + 1);
    uid.split_at(third_dash)
}

fn millimetres(mm: Option<f64>) -> u32 {
    // A plant file's label is a few hundred millimetres at most (checked there).
    mm.unwrap_or(0.0).clamp(0.0, 1000.0) as u32
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
    use super::*;
    use crate::config::HostPort;

    fn printer(symbology: Symbology) -> Printer {
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

    fn content(lines: &[&str], copy: u32) -> LabelContent {
        LabelContent {
            uid: "UID-SAIF-KOL-RM-000001-A7".into(),
            lines: lines.iter().map(|line| (*line).into()).collect(),
            copy,
        }
    }

    #[test]
    fn a_label_holds_the_uid_as_code_and_text() {
        let zpl = label(&printer(Symbology::DataMatrix), &content(&["Steel coil", "25 kg"], 1), None);
        assert!(zpl.starts_with("^XA^CI28^PW480^LL320"));
        assert!(zpl.contains("^BXN,4,200^FDUID-SAIF-KOL-RM-000001-A7^FS"));
        assert!(zpl.contains("^FDUID-SAIF-KOL-^FS") && zpl.contains("^FDRM-000001-A7^FS"));
        assert!(zpl.contains("^FDSteel coil^FS"));
        assert!(!zpl.contains("R1"));
        assert!(zpl.ends_with("^XZ\n"));
    }

    #[test]
    fn a_reprint_says_so_and_qr_is_qr() {
        let zpl = label(&printer(Symbology::Qr), &content(&[], 2), None);
        assert!(zpl.contains("^BQN,2,4^FDMA,UID-SAIF-KOL-RM-000001-A7^FS"));
        assert!(zpl.contains("^FDR2^FS"));
    }

    #[test]
    fn text_cannot_become_a_command() {
        let zpl = label(&printer(Symbology::Qr), &content(&["a^XZ~JA\n_b"], 1), None);
        assert!(zpl.contains("^FDa_5EXZ_7EJA _5Fb^FS"));
        assert_eq!(zpl.matches("^XZ").count(), 1);
    }

    #[test]
    fn lines_beyond_the_label_are_left_out() {
        let many: Vec<&str> = vec!["line"; 50];
        let zpl = label(&printer(Symbology::DataMatrix), &content(&many, 1), None);
        assert!(zpl.matches("^FDline^FS").count() < 10);
    }
}
