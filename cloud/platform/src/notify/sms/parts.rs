//! How long a text message is: in GSM-7 where every letter of it is there, else in
//! UCS-2, and in how many parts a network carries it (3GPP TS 23.038 and 23.040).
//! Each part costs.

/// Letters of the default alphabet, each one unit.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
                     ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Letters of its extension, each two units.
const EXTENDED: &str = "^{}\\[~]|€";

/// What comes after a text that was cut short.
const CUT: &str = "...";

/// The units of a letter in GSM-7; `None` when it is not there.
fn gsm(letter: char) -> Option<usize> {
    if BASIC.contains(letter) {
        Some(1)
    } else if EXTENDED.contains(letter) {
        Some(2)
    } else {
        None
    }
}

/// In how many parts a network carries the text; 0 for an empty one.
#[must_use]
pub fn parts(text: &str) -> usize {
    let units: Option<Vec<usize>> = text.chars().map(gsm).collect();
    match units {
        Some(units) => count(units.into_iter(), 160, 153),
        None => count(text.chars().map(char::len_utf16), 70, 67),
    }
}

/// Parts of these letters: one that is full, or several that are a little shorter,
/// none of which ends within a letter.
fn count(letters: impl Iterator<Item = usize> + Clone, alone: usize, each: usize) -> usize {
    let total: usize = letters.clone().sum();
    if total <= alone {
        return usize::from(total > 0);
    }
    let (mut parts, mut room) = (1, each);
    for letter in letters {
        if letter > room {
            parts += 1;
            room = each;
        }
        room -= letter;
    }
    parts
}

/// Typographic signs as GSM-7 writes them, so that one of them does not make a
/// message twice as long.
fn plain(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '‘' | '’' | '‚' | '′' => out.push('\''),
            '“' | '”' | '„' | '″' | '«' | '»' => out.push('"'),
            '–' | '—' | '−' | '‐' | '‑' => out.push('-'),
            '…' => out.push_str(CUT),
            '→' => out.push_str("->"),
            '\u{a0}' | '\u{202f}' | '\u{2009}' => out.push(' '),
            letter => out.push(letter),
        }
        out
    })
}

/// A message of at most so many parts: the text, cut short where it must be, and the
/// link after it, whole.
#[must_use]
pub fn fit(text: &str, link: &str, most: usize) -> String {
    let text = plain(text.trim());
    let with = |text: &str| match (text.is_empty(), link.is_empty()) {
        (_, true) => text.to_owned(),
        (true, false) => link.to_owned(),
        (false, false) => format!("{text}\n{link}"),
    };
    let whole = with(&text);
    if parts(&whole) <= most {
        return whole;
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    let cut = |end: usize| with(&format!("{}{CUT}", text[..end].trim_end()));
    let fitting = ends.partition_point(|end| parts(&cut(*end)) <= most);
    let end = fitting.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or(0);
    // After a whole word, where that is not far: a letter of Indic scripts is several
    // characters, and half of one is another.
    let word = text[..end].rfind(char::is_whitespace).filter(|at| *at * 2 > end);
    cut(word.unwrap_or(end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_those_of_the_networks() {
        for (text, expected) in [
            (String::new(), 0),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            // Two units each.
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // 152 and one that does not fit into the part any more.
            (format!("{}{}", "a".repeat(152), "€".repeat(76)), 2),
            (format!("{}{}", "a".repeat(152), "€".repeat(77)), 3),
            ("క".repeat(70), 1),
            ("క".repeat(71), 2),
            ("క".repeat(134), 2),
            ("క".repeat(135), 3),
            // Two units each, of which a part holds 33.
            ("🙂".repeat(35), 1),
            ("🙂".repeat(36), 2),
            ("🙂".repeat(66), 2),
            ("🙂".repeat(67), 3),
            // One letter makes it all UCS-2.
            (format!("{}క", "a".repeat(70)), 2),
        ] {
            assert_eq!(parts(&text), expected, "{text}");
        }
    }

    #[test]
    fn a_text_is_cut_and_its_link_is_not() {
        let link = "https://tw.example/holds";
        assert_eq!(fit("The coil is held.", link, 2), format!("The coil is held.\n{link}"));
        assert_eq!(fit("“A” – the coil’s…", "", 1), "\"A\" - the coil's...");
        let long = "word ".repeat(100);
        let message = fit(&long, link, 1);
        assert!(message.ends_with(&format!("word...\n{link}")) && parts(&message) == 1, "{message}");
        assert!(message.len() > 150, "{message}");
        let telugu = "కాయిల్ ఆగింది ".repeat(30);
        let message = fit(&telugu, link, 2);
        assert!(parts(&message) == 2 && message.ends_with(link), "{message}");
        assert_eq!(fit("", link, 1), link);
    }

    proptest! {
        #[test]
        fn whatever_it_says_it_fits(text in "\\PC{0,600}", most in 1_usize..5) {
            prop_assert!(parts(&fit(&text, "https://tw.example/x", most)) <= most);
        }
    }
}
