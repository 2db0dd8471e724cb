//! Lines of a CSV file that a spreadsheet opens as what was meant.

use rust_decimal::Decimal;

/// Beginnings by which a spreadsheet takes a text for a formula.
pub(crate) const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A text that no spreadsheet takes for a formula: one that begins like one gets an
/// apostrophe before it, numbers stay as they are. A text that begins with
/// apostrophes gets one more, so that taking one away gives it back.
#[must_use]
pub fn harmless(text: String) -> String {
    let number = text.parse::<Decimal>().is_ok();
    if text.trim_start_matches('\'').starts_with(FORMULA) && !number { format!("'{text}") } else { text }
}

/// One line of a CSV file (RFC 4180), as it is: see [`harmless`] for cells that
/// people wrote.
#[must_use]
pub fn csv_line<T: AsRef<[u8]>>(cells: impl IntoIterator<Item = T>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let written = writer.write_record(cells);
    // Memory takes what is written to it.
    if written.is_err() { Vec::new() } else { writer.into_inner().unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_formula_comes_through_and_every_text_comes_back() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("'=1", "''=1"),
            ("-5.25", "-5.25"),
            ("Steel", "Steel"),
            ("\tx", "'\tx"),
        ] {
            assert_eq!(harmless(text.into()), cell);
        }
        assert_eq!(csv_line(["a \"b\", c", "d"]), b"\"a \"\"b\"\", c\",d\r\n");
    }
}
