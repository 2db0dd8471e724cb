//! Rules of single values that a table's checks cannot say well: codes, check
//! digits, badges.

use super::Wrong;

/// Longest code.
const LONGEST_CODE: usize = 40;

/// The code of a row: as in the reference data of plants.
pub(super) fn code(text: &str) -> Result<(), Wrong> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
    let head = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    // An address would lose a part that is only points.
    let parts = text.split('/').all(|part| !part.is_empty() && part.bytes().any(|b| b != b'.'));
    if head && parts && text.len() <= LONGEST_CODE && text.bytes().all(ok) {
        Ok(())
    } else {
        Err(Wrong::new("code").with("most", LONGEST_CODE))
    }
}

/// The name of a tenant's own field: as a column's.
pub(super) fn own_field(text: &str) -> Result<(), Wrong> {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let head = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let fits = head && text.len() <= 30 && text.bytes().all(ok) && !matches!(text, "from" | "to");
    if fits { Ok(()) } else { Err(Wrong::new("own-name")) }
}

/// What a scanner reads off goods.
pub(super) fn barcode(text: &str) -> Result<(), Wrong> {
    let fits = (1..=80).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic() && b != b':');
    if fits { Ok(()) } else { Err(Wrong::new("barcode")) }
}

/// The code of a unit.
pub(super) fn unit(text: &str) -> Result<(), Wrong> {
    let fits =
        (1..=12).contains(&text.chars().count()) && !text.chars().any(|c| c.is_whitespace() || c == ':');
    if fits && !matches!(text, "." | "..") { Ok(()) } else { Err(Wrong::new("unit")) }
}

/// The type in a UID.
pub(super) fn type_code(text: &str) -> Result<(), Wrong> {
    text.parse::<uid::TypeCode>().map(|_| ()).map_err(|_| Wrong::new("type_code"))
}

/// A GTIN as it is kept: an EAN or UPC of 8, 12 or 13 digits is one with zeros in front,
/// which a spreadsheet would drop. Anything else stays, to be told what is wrong with it.
pub(super) fn gtin_padded(text: &str) -> String {
    let text = text.trim();
    let printed = matches!(text.len(), 8 | 12 | 13) && text.bytes().all(|b| b.is_ascii_digit());
    if printed { format!("{text:0>14}") } else { text.to_owned() }
}

/// A GTIN of 14 digits with its check digit.
pub(super) fn gtin(text: &str) -> Result<(), Wrong> {
    if text.len() != 14 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Wrong::new("gtin"));
    }
    let digit = |b: u8| u32::from(b - b'0');
    let weights = [3, 1].into_iter().cycle();
    let sum: u32 = text.bytes().take(13).zip(weights).map(|(b, weight)| digit(b) * weight).sum();
    let check = (10 - sum % 10) % 10;
    if text.bytes().last().map(digit) == Some(check) {
        Ok(())
    } else {
        Err(Wrong::new("gtin-check").with("digit", check))
    }
}

/// A GSTIN: two digits of the state, ten characters of the PAN, an entity, Z, and
/// a check character (base 36, weights 1 and 2 in turn).
pub(super) fn gstin(text: &str) -> Result<(), Wrong> {
    let bytes = text.as_bytes();
    let digits =
        |range: std::ops::Range<usize>| bytes.get(range).is_some_and(|s| s.iter().all(u8::is_ascii_digit));
    let letters = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|s| s.iter().all(u8::is_ascii_uppercase))
    };
    let alphanumeric =
        |at: usize| bytes.get(at).is_some_and(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let formed = bytes.len() == 15
        && digits(0..2)
        && letters(2..7)
        && digits(7..11)
        && letters(11..12)
        && alphanumeric(12)
        && bytes.get(13) == Some(&b'Z')
        && alphanumeric(14);
    if !formed {
        return Err(Wrong::new("gstin"));
    }
    let value = |b: u8| u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 10 });
    let weights = [1, 2].into_iter().cycle();
    let sum: u32 = bytes
        .iter()
        .take(14)
        .zip(weights)
        .map(|(b, weight)| value(*b) * weight)
        .map(|product| product / 36 + product % 36)
        .sum();
    let check = (36 - sum % 36) % 36;
    if bytes.last().is_some_and(|b| value(*b) == check) {
        Ok(())
    } else {
        let should = char::from_digit(check, 36).unwrap_or('?').to_ascii_uppercase();
        Err(Wrong::new("gstin-check").with("digit", should))
    }
}

/// A PAN of the income tax office: five letters, four digits, a letter.
pub(super) fn pan(text: &str) -> Result<(), Wrong> {
    let formed = text.len() == 10
        && text.bytes().enumerate().all(|(at, b)| match at {
            5..=8 => b.is_ascii_digit(),
            _ => b.is_ascii_uppercase(),
        })
        // The fourth says what kind of person it is.
        && text.as_bytes().get(3).is_some_and(|b| b"ABCFGHJLPT".contains(b));
    if formed { Ok(()) } else { Err(Wrong::new("pan")) }
}

/// The number of a bank account: 6 to 34 digits and capitals, as an IBAN too.
pub(super) fn bank_account(text: &str) -> Result<(), Wrong> {
    let formed = (6..=34).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
        && text.bytes().filter(u8::is_ascii_digit).count() >= 5;
    if formed { Ok(()) } else { Err(Wrong::new("bank_account")) }
}

/// An IFSC: four letters of the bank, a zero, six of the branch.
pub(super) fn ifsc(text: &str) -> Result<(), Wrong> {
    let formed = text.len() == 11
        && text.bytes().enumerate().all(|(at, b)| match at {
            0..=3 => b.is_ascii_uppercase(),
            4 => b == b'0',
            _ => b.is_ascii_digit() || b.is_ascii_uppercase(),
        });
    if formed { Ok(()) } else { Err(Wrong::new("ifsc")) }
}

/// Where mail goes.
pub(super) fn email(text: &str) -> Result<(), Wrong> {
    crate::people::clean_email(text).map(|_| ()).ok_or_else(|| Wrong::new("email"))
}

/// A number to call: digits, and what people put between them.
pub(super) fn phone(text: &str) -> Result<(), Wrong> {
    let ok = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '/');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if (5..=20).contains(&digits) && text.chars().all(ok) { Ok(()) } else { Err(Wrong::new("phone")) }
}

/// What is on a badge, as a scanner reads it.
pub(super) fn badge(text: &str) -> Result<(), Wrong> {
    let fits = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(()) } else { Err(Wrong::new("badge")) }
}

/// A PIN.
pub(super) fn pin(text: &str) -> Result<(), Wrong> {
    let fits = (4..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(()) } else { Err(Wrong::new("pin")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits() {
        assert!(gtin("08901234567890").is_ok());
        assert_eq!(gtin("08901234567891").unwrap_err().args, [("digit", "0".to_owned())]);
        assert_eq!(gtin("8901234567890").unwrap_err().key, "gtin");
        for (printed, kept) in [
            ("8901234567890", "08901234567890"),
            (" 8901234567890 ", "08901234567890"),
            ("036000291452", "00036000291452"),
            ("96385074", "00000096385074"),
            ("08901234567890", "08901234567890"),
        ] {
            assert_eq!(gtin_padded(printed), kept);
            assert!(gtin(&gtin_padded(printed)).is_ok(), "{printed}");
        }
        let wrong = gtin(&gtin_padded("8901234567899")).unwrap_err();
        assert_eq!(
            (wrong.key.as_str(), wrong.args.as_slice()),
            ("gtin-check", [("digit", "0".to_owned())].as_slice())
        );
        for none in ["12345678901", "890123456789A", ""] {
            assert_eq!(gtin(&gtin_padded(none)).unwrap_err().key, "gtin", "{none}");
        }
        // The example of the tax office's own pages.
        assert!(gstin("27AAPFU0939F1ZV").is_ok());
        assert_eq!(gstin("27AAPFU0939F1ZW").unwrap_err().args, [("digit", "V".to_owned())]);
        assert_eq!(gstin("27aapfu0939f1zv").unwrap_err().key, "gstin");
    }

    #[test]
    fn numbers_of_banks_and_tax_offices() {
        assert!(pan("AAPFU0939F").is_ok() && pan("aapfu0939f").is_err() && pan("AAPXU0939F").is_err());
        assert!(ifsc("SBIN0001234").is_ok() && ifsc("SBIN1001234").is_err() && ifsc("SBIN000123").is_err());
        assert!(bank_account("00112233445566").is_ok() && bank_account("DE89370400440532013000").is_ok());
        assert!(bank_account("12345").is_err() && bank_account("12 34 56").is_err());
    }

    #[test]
    fn codes_can_stand_in_addresses() {
        for good in ["RM-STEEL", "po/2026/1", "A", "a.b_c"] {
            assert!(code(good).is_ok(), "{good}");
        }
        for bad in ["", "-A", "A B", "A/../B", "A//B", "A/", "ä", "A:B", &"A".repeat(41)] {
            assert!(code(bad).is_err(), "{bad}");
        }
        assert!(unit("m²").is_ok() && unit("k g").is_err() && unit("..").is_err());
        assert!(phone("+91 33 2222 1111").is_ok() && phone("call me").is_err());
    }
}
