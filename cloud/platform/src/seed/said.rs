//! Mistakes of a reference file in the reader's language. The reader of files says them in
//! English, for commands and logs; each of its sentences is a text here, and is known again
//! by it: the English text, with its places open, is the pattern. What is no such sentence
//! (a piece of the file, words of a parser) stays as it is.

use std::sync::LazyLock;

use super::mistake::Mistake;
use crate::i18n::{Lang, Sources, Texts, Value};

/// The texts of reading reference files.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// How the keys of sentences begin.
const SENTENCE: &str = "seed-say-";

/// A part of a sentence.
enum Piece {
    Words(&'static str),
    /// What stands there goes by this name.
    Open(&'static str),
}

/// A sentence as the English text has it.
struct Sentence {
    key: &'static str,
    pieces: Vec<Piece>,
}

/// All of them; those with the most words first, so that the one that says the most is known.
static SENTENCES: LazyLock<Vec<Sentence>> = LazyLock::new(|| {
    let [(_, english), ..] = TEXTS;
    let mut all: Vec<Sentence> = english.lines().filter_map(sentence).collect();
    all.sort_by_key(|sentence| std::cmp::Reverse(sentence.words()));
    all
});

/// A line `key = words { $place } words`.
fn sentence(line: &'static str) -> Option<Sentence> {
    let (key, mut text) = line.split_once(" = ")?;
    if !key.starts_with(SENTENCE) {
        return None;
    }
    let mut pieces = Vec::new();
    while let Some((words, rest)) = text.split_once("{ $") {
        let (name, rest) = rest.split_once(" }")?;
        pieces.extend((!words.is_empty()).then_some(Piece::Words(words)));
        pieces.push(Piece::Open(name));
        text = rest;
    }
    pieces.extend((!text.is_empty()).then_some(Piece::Words(text)));
    Some(Sentence { key, pieces })
}

impl Sentence {
    /// How much of it is words.
    fn words(&self) -> usize {
        let length = |piece: &Piece| match piece {
            Piece::Words(words) => words.len(),
            Piece::Open(_) => 0,
        };
        self.pieces.iter().map(length).sum()
    }

    /// What stands at its open places, if the text is this sentence.
    fn read<'t>(&self, text: &'t str) -> Option<Vec<(&'static str, &'t str)>> {
        let mut rest = text;
        let mut read = Vec::new();
        for (at, piece) in self.pieces.iter().enumerate() {
            match (piece, self.pieces.get(at + 1)) {
                (Piece::Words(words), _) => rest = rest.strip_prefix(words)?,
                (Piece::Open(name), Some(Piece::Words(next))) => {
                    // Words that end the sentence end the text.
                    let ends = at + 2 == self.pieces.len();
                    let cut = if ends { rest.len() - next.len().min(rest.len()) } else { rest.find(next)? };
                    let (value, after) = rest.split_at_checked(cut)?;
                    read.push((*name, value));
                    rest = after;
                }
                (Piece::Open(name), _) => {
                    read.push((*name, rest));
                    rest = "";
                }
            }
        }
        (rest.is_empty() && read.iter().all(|(_, value)| !value.is_empty())).then_some(read)
    }
}

/// A sentence of the reader in another language.
fn said(texts: &Texts, english: &str) -> String {
    let known = SENTENCES.iter().find_map(|sentence| Some((sentence.key, sentence.read(english)?)));
    let Some((key, values)) = known else { return english.to_owned() };
    let values: Vec<(&str, Value)> =
        values.into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    texts.with(key, &values)
}

impl Mistake {
    /// What is wrong and what to do, in the reader's language.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> String {
        if !texts.has("seed-mistake") {
            return self.in_english();
        }
        let mut values = vec![
            ("found", Value::from(said(texts, &self.found))),
            ("expected", Value::from(said(texts, &self.expected))),
        ];
        let key = match &self.hint {
            Some(hint) => {
                values.push(("hint", Value::from(said(texts, hint))));
                "seed-mistake-hint"
            }
            None => "seed-mistake",
        };
        texts.with(key, &values)
    }

    /// What is wrong and what to do, for logs.
    pub(super) fn in_english(&self) -> String {
        let hint = self.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("found {}, expected {}{hint}", self.found, self.expected)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::i18n::{I18n, assert_complete};

    fn texts(lang: Lang) -> Texts {
        Texts::new(Arc::new(I18n::new().with_all(TEXTS)), lang)
    }

    #[test]
    fn texts_are_complete() {
        assert_complete(TEXTS);
    }

    #[test]
    fn what_is_read_is_said_in_english_as_it_was_and_otherwise_in_other_languages() {
        let (english, hindi) = (texts(Lang::En), texts(Lang::Hi));
        for sentence in [
            "a text of 1 to 120 characters",
            "a code of 1 to 40 of A-Z, a-z, 0-9, -, _, . and /",
            "a line number from 1 to 9999",
            "days from 1 to 36500",
            "one of unit, lot, none",
            "one of the keys item, names",
            "a decimal number above 0 with at most 12 digits before the point and 6 after it, such as \"1.25\"",
            "\"kg\", the base unit of RM-GEAR",
            "\"KOL\" as on line 7, or nothing",
            "did you mean \"RM-GEAR\"?",
            "there are A, B, C",
            "its check digit would be 3",
            "the unknown column `gtn`",
            "nothing",
        ] {
            assert_eq!(said(&english, sentence), sentence);
            assert_ne!(said(&hindi, sentence), sentence, "{sentence} is no sentence of the texts");
        }
        let own = "\"9 mm\"";
        assert_eq!(said(&hindi, own), own, "what stands in the file stays as it is");
    }

    #[test]
    fn a_mistake_is_said_as_a_whole() {
        let mistake = Mistake {
            file: "request".to_owned(),
            line: 3,
            column: 1,
            path: "items[0].gtin".to_owned(),
            found: "\"4006381333932\"".to_owned(),
            expected: "a GTIN of 14 digits".to_owned(),
            hint: Some("write \"04006381333932\"".to_owned()),
        };
        assert_eq!(
            mistake.say(&texts(Lang::En)),
            "found \"4006381333932\", expected a GTIN of 14 digits; write \"04006381333932\""
        );
        let telugu = mistake.say(&texts(Lang::Te));
        assert!(telugu.contains("14 అంకెల GTIN") && telugu.contains("\"04006381333932\" అని రాయండి"), "{telugu}");
    }
}
