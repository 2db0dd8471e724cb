//! Text of files and people on a terminal.

/// A text in which nothing moves the cursor, colours the screen or turns the line around:
/// control characters, and those that change the direction of writing, are written as
/// `\u{…}`. Letters of every script, and what joins them, stay. Pure.
#[must_use]
pub fn printable(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || turns(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_letter_is_written_otherwise() {
        assert_eq!(printable("క్షేత్రం \u{200d}é \"x\""), "క్షేత్రం \u{200d}é \"x\"");
        assert_eq!(printable("a\u{1b}[2J\r\n\0\u{9b}"), r"a\u{1b}[2J\u{d}\u{a}\u{0}\u{9b}");
        assert_eq!(printable("\u{202e}cod"), r"\u{202e}cod");
    }
}
