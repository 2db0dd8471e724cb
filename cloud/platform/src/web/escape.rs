//! Texts as parts of addresses.

/// The text with every byte as `%XX` but ASCII letters and digits, and those of
/// `kept` (RFC 3986, percent-encoding). What may be kept depends on the part of the
/// address that it becomes.
#[must_use]
pub fn escaped(text: &str, kept: &[u8]) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_digits_and_what_is_kept_stay() {
        assert_eq!(escaped("Az09", b""), "Az09");
        assert_eq!(escaped("a b/c&d", b"/"), "a%20b/c%26d");
        assert_eq!(escaped("\u{915}", b""), "%E0%A4%95");
    }
}
