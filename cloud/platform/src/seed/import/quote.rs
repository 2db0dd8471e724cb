//! Texts as TOML writes them on one line.

/// `text` in quotes, with everything escaped that a basic string must not hold.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use toml_edit::Document;

    use super::*;

    proptest! {
        #[test]
        fn toml_reads_what_was_written(text in any::<String>()) {
            let line = format!("a = {}", quote(&text));
            prop_assert_eq!(line.lines().count(), 1);
            let document = Document::parse(line).unwrap();
            prop_assert_eq!(document.get("a").and_then(|item| item.as_str()), Some(text.as_str()));
        }
    }
}
