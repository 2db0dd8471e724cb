//! A person's name, e-mail and phone in what others wrote: what is surely the person
//! goes, what may be somebody or something else is listed for a person to decide.
//!
//! A name of two words or more, an e-mail address and a phone number are sure where
//! they stand as whole words. A name of one word is not: "Raj" is in "Rajasthan", and
//! there are many of that name. Words end where Unicode says so, marks and joiners of
//! Indian scripts included; Postgres' own `\y` goes by the database's locale.

use std::ops::Range;

use regex::Regex;
use serde_json::Value;

/// What stands where the person stood.
const GONE: &str = "erased";
/// Characters of a snippet on each side.
const AROUND: usize = 30;

/// How a needle ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edges {
    /// As the pattern says.
    Pattern,
    /// An e-mail address is not a part of a longer one.
    Email,
}

/// One thing by which the person is known.
#[derive(Debug)]
struct Needle {
    pattern: Regex,
    edges: Edges,
    /// Replaced, else listed.
    sure: bool,
}

/// Everything by which a person is known.
#[derive(Debug, Default)]
pub(super) struct Needles {
    all: Vec<Needle>,
    hints: Vec<String>,
}

/// A text after the combing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Combed {
    /// How often the person was taken out.
    pub replaced: usize,
    /// Snippets around what may be the person and was left.
    pub left: Vec<String>,
}

impl Combed {
    pub(super) fn and(mut self, other: Self) -> Self {
        self.replaced += other.replaced;
        self.left.extend(other.left);
        self
    }
}

/// Of a letter, digit, mark or joiner, as `\w` has it.
fn is_word(c: char) -> bool {
    // `is_alphanumeric` leaves most marks of Indian scripts out.
    c.is_alphanumeric() || matches!(c, '_' | '\u{200c}' | '\u{200d}') || is_mark(c)
}

/// Vowel signs, viramas and other marks: combining ones of Latin, and all in the
/// blocks of Indian scripts that are no punctuation.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{963}' | '\u{971}'..='\u{df3}')
}

impl Needles {
    /// Of a person's name, e-mail address and phone numbers; empty ones are left out,
    /// as is what an erasure before has left.
    pub(super) fn new(name: &str, email: &str, phones: &[String]) -> Self {
        let mut needles = Self::default();
        let words: Vec<&str> = name.split_whitespace().collect();
        if words.iter().any(|word| word.chars().any(is_word)) && !name.starts_with(GONE) {
            needles.name(&words);
        }
        let email = email.trim();
        if email.contains('@') && !email.ends_with("@erased.invalid") {
            needles.push(&regex::escape(email), Edges::Email, true, hint(email));
        }
        for phone in phones {
            let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
            if digits.len() >= 8 {
                needles.phone(&digits);
            }
        }
        needles
    }

    fn push(&mut self, pattern: &str, edges: Edges, sure: bool, hint: String) {
        // Everything in it that is not of ours is escaped.
        if let Ok(pattern) = Regex::new(&format!("(?i){pattern}")) {
            self.all.push(Needle { pattern, edges, sure });
            self.hints.push(hint);
        }
    }

    fn name(&mut self, words: &[&str]) {
        let escaped: Vec<String> = words.iter().map(|word| regex::escape(word)).collect();
        let escaped = escaped.join(r"\s+");
        let letters = words.iter().flat_map(|word| word.chars()).filter(|c| is_word(*c)).count();
        let longest = words.iter().max_by_key(|word| word.chars().count()).copied().unwrap_or_default();
        if words.len() > 1 && letters >= 4 {
            self.push(
                &format!(r"\b{{start-half}}{escaped}\b{{end-half}}"),
                Edges::Pattern,
                true,
                hint(longest),
            );
            // With an ending, as Telugu and Bengali write them on: "to Ravi Teja".
            self.push(&format!(r"\b{{start-half}}{escaped}"), Edges::Pattern, false, hint(longest));
        } else {
            let ends = if escaped.is_ascii() { r"\b{end-half}" } else { "" };
            self.push(&format!(r"\b{{start-half}}{escaped}{ends}"), Edges::Pattern, false, hint(longest));
        }
    }

    /// With or without what comes before the last ten digits, and however they are
    /// grouped.
    fn phone(&mut self, digits: &str) {
        let own = digits.len().min(10);
        let (country, number) = digits.split_at(digits.len() - own);
        let spaced =
            |digits: &str| digits.chars().map(String::from).collect::<Vec<_>>().join(r"[\s().-]{0,3}");
        let before = if country.is_empty() { "0".to_owned() } else { format!("0|{}", spaced(country)) };
        let pattern =
            format!(r"\b{{start-half}}\+?(?:(?:{before})[\s().-]{{0,3}})?{}\b{{end-half}}", spaced(number));
        let hint = number.chars().map(String::from).collect::<Vec<_>>().join("[^0-9]{0,3}");
        self.push(&pattern, Edges::Pattern, true, hint);
    }

    /// Whether there is nothing to look for.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// A regular expression of Postgres that at least every text with one of the
    /// needles matches, in any locale.
    pub(super) fn hint(&self) -> String {
        self.hints.join("|")
    }

    /// Takes who is surely the person out of a text, where `may` says so, and tells what is left.
    pub(super) fn comb(&self, text: &mut String, may: bool) -> Combed {
        let mut combed = Combed::default();
        for needle in self.all.iter().filter(|needle| needle.sure && may) {
            let spans = needle.spans(text);
            for span in spans.iter().rev() {
                let instead = if text[span.clone()].chars().count() < GONE.len() { "***" } else { GONE };
                // Never longer than it was: the column may be bounded.
                text.replace_range(span.clone(), instead);
            }
            combed.replaced += spans.len();
        }
        let mut spans: Vec<Range<usize>> = self.all.iter().flat_map(|needle| needle.spans(text)).collect();
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        let mut end = 0;
        for span in spans {
            if span.start >= end {
                end = span.end;
                combed.left.push(snippet(text, &span));
            }
        }
        combed
    }

    /// [`Self::comb`] in every text of a document; names of fields stay.
    pub(super) fn comb_json(&self, value: &mut Value, may: bool) -> Combed {
        match value {
            Value::String(text) => self.comb(text, may),
            Value::Array(list) => {
                list.iter_mut().map(|one| self.comb_json(one, may)).fold(Combed::default(), Combed::and)
            }
            Value::Object(fields) => {
                fields.values_mut().map(|one| self.comb_json(one, may)).fold(Combed::default(), Combed::and)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Combed::default(),
        }
    }
}

impl Needle {
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let mut at = 0;
        while let Some(found) = self.pattern.find_at(text, at) {
            let span = found.range();
            if span.is_empty() {
                break;
            }
            if self.edges == Edges::Pattern || is_whole_address(text, &span) {
                at = span.end;
                spans.push(span);
            } else {
                at = span.start + text[span.start..].chars().next().map_or(1, char::len_utf8);
            }
        }
        spans
    }
}

/// Whether what stands there is not a part of a longer e-mail address.
fn is_whole_address(text: &str, span: &Range<usize>) -> bool {
    let before = text[..span.start].chars().next_back();
    let mut after = text[span.end..].chars();
    let goes_on = match after.next() {
        Some('.') => after.next().is_some_and(is_word),
        Some(c) => is_word(c) || c == '-' || c == '@',
        None => false,
    };
    !goes_on && !before.is_some_and(|c| is_word(c) || "._%+-@".contains(c))
}

/// What stands around the place, on one line.
fn snippet(text: &str, span: &Range<usize>) -> String {
    let before = text[..span.start].char_indices().rev().nth(AROUND - 1).map_or(0, |(at, _)| at);
    let after = text[span.end..].char_indices().nth(AROUND).map_or(text.len(), |(at, _)| span.end + at);
    let (open, close) = (if before > 0 { "…" } else { "" }, if after < text.len() { "…" } else { "" });
    let line: Vec<&str> = text[before..after].split_whitespace().collect();
    format!("{open}{}{close}", line.join(" "))
}

/// The longest word in a text as an expression of Postgres: each letter in both
/// cases, written out, so that no locale has a say.
fn hint(text: &str) -> String {
    let word = text.split(|c: char| !is_word(c)).max_by_key(|word| word.chars().count()).unwrap_or_default();
    word.chars()
        .map(|c| {
            let one = |mut all: Box<dyn Iterator<Item = char>>| match (all.next(), all.next()) {
                (Some(c), None) => Some(c),
                _ => None,
            };
            match (one(Box::new(c.to_lowercase())), one(Box::new(c.to_uppercase()))) {
                _ if c.is_ascii_digit() => c.to_string(),
                // What has a third form in Unicode's folding may be any one.
                _ if "kKsSſ\u{212a}".contains(c) => ".".to_owned(),
                (Some(lower), Some(upper)) if lower != upper => format!("[{lower}{upper}]"),
                (Some(lower), Some(_)) => lower.to_string(),
                _ => ".{1,3}".to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn combed(name: &str, text: &str) -> (String, Combed) {
        let mut text = text.to_owned();
        let combed = Needles::new(name, "", &[]).comb(&mut text, true);
        (text, combed)
    }

    #[test]
    fn one_word_is_never_replaced_and_is_listed_as_a_whole_word() {
        let (text, combed) = combed("Raj", "Rajasthan, Rajesh; ask RAJ about it. Swaraj");
        assert_eq!(text, "Rajasthan, Rajesh; ask RAJ about it. Swaraj");
        assert_eq!(combed.replaced, 0);
        assert_eq!(combed.left, ["Rajasthan, Rajesh; ask RAJ about it. Swaraj"]);
        assert_eq!(super::Needles::new(" ", "", &[]).hint(), "");
    }

    #[test]
    fn a_full_name_goes_in_any_case_and_spacing() {
        let (text, combed) =
            combed("Ravi Teja", "RAVI  TEJA and ravi\u{a0}teja, not Ravi Tejaswi nor Xravi Teja");
        assert_eq!(text, "erased and erased, not Ravi Tejaswi nor Xravi Teja");
        assert_eq!((combed.replaced, combed.left.len()), (2, 1), "{combed:?}");
        let (text, _) = super::tests::combed("R. (Raj) Rao", "by R. (Raj) Rao.");
        assert_eq!(text, "by erased.");
        let (text, _) = super::tests::combed("Bo Li", "Bo Li");
        assert_eq!(text, "***", "never longer than it was");
        // Two letters are an abbreviation of much.
        let (text, combed) = super::tests::combed("A B", "line A B");
        assert_eq!((text.as_str(), combed.left.len()), ("line A B", 1));
    }

    #[test]
    fn names_in_indian_scripts_are_whole_words() {
        for (name, text, after, left) in [
            // Devanagari: "Ravi Teja" is not in "Ravi Tejaswi"; a danda ends a word.
            ("रवि तेजा", "रवि तेजा।", "erased।", 0),
            ("रवि तेज", "रवि तेजा", "रवि तेजा", 1),
            // Bengali, with a virama within.
            ("রবি চক্রবর্তী", "কাল রবি চক্রবর্তী ছিলেন", "কাল erased ছিলেন", 0),
            // Telugu writes endings on: they are left for a person.
            ("రవి తేజ", "రవి తేజకు ఇవ్వండి, రవి తేజ", "రవి తేజకు ఇవ్వండి, erased", 1),
            ("రవి", "రవికి చెప్పండి", "రవికి చెప్పండి", 1),
            ("राज", "स्वराज", "स्वराज", 0),
        ] {
            let (text, combed) = combed(name, text);
            assert_eq!((text.as_str(), combed.left.len()), (after, left), "{name}: {combed:?}");
        }
    }

    #[test]
    fn addresses_and_numbers_go_whole() {
        let needles = Needles::new("", "ravi.t@saif.example", &["+91 98765 43210".to_owned()]);
        let mut text =
            "Ravi.T@SAIF.example, <ravi.t@saif.example>. xravi.t@saif.example ravi.t@saif.example.org; \
             98765-43210, +919876543210, 098765 43210, 198765432101"
                .to_owned();
        let combed = needles.comb(&mut text, true);
        assert_eq!(
            text,
            "erased, <erased>. xravi.t@saif.example ravi.t@saif.example.org; erased, erased, erased, 198765432101"
        );
        assert_eq!((combed.replaced, combed.left.len()), (5, 0));
        assert!(Needles::new("erased-0123", "a@erased.invalid", &["12".to_owned()]).is_empty());
    }

    #[test]
    fn documents_keep_their_fields_and_what_may_not_change_is_listed() {
        let needles = Needles::new("Ravi Teja", "", &[]);
        let mut body = json!({ "Ravi Teja": ["by \"Ravi Teja\"", 7, { "who": "Asha" }] });
        assert_eq!(needles.comb_json(&mut body, true).replaced, 1);
        assert_eq!(body, json!({ "Ravi Teja": ["by \"erased\"", 7, { "who": "Asha" }] }));
        let mut text = format!("{} Ravi Teja Traders {}", "a ".repeat(40), "b ".repeat(40));
        let combed = needles.comb(&mut text, false);
        assert!(text.contains("Ravi Teja Traders"));
        assert_eq!(combed.left.len(), 1, "found by two needles, told once");
        assert!(combed.left[0].starts_with('…') && combed.left[0].chars().count() < 75, "{combed:?}");
    }

    #[test]
    fn the_hint_is_of_no_locale() {
        assert_eq!(hint("raJ-1é"), "[rR][aA][jJ]");
        assert_eq!(hint("é1"), "[éÉ]1");
        assert_eq!(hint("रवि"), "रवि");
        assert_eq!(hint("Kiß"), ".[iI].{1,3}");
        assert_eq!(
            Needles::new("Raj", "a@b.example", &[]).hint(),
            "[rR][aA][jJ]|[eE][xX][aA][mM][pP][lL][eE]"
        );
    }
}
