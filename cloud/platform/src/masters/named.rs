//! Words that a tenant made and named: the choices of its own fields. What is kept is the
//! word itself; people see its name in their language, and give either.

use serde_json::Value;

use super::Wrong;
use super::kind;
use crate::i18n::{LONGEST_NAME, Lang, Names, Texts};

/// Between a word and what it is called: `red:ఎరుపు`.
const CALLED: char = ':';

/// A word with its names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The word, as it is kept.
    pub word: String,
    /// What it is called.
    pub names: Names,
}

/// What words are called in each language, a list of `red:ఎరుపు` for each.
pub(super) type Called<'a> = [(Lang, &'a [String]); 4];

impl Named {
    /// What a reader sees.
    pub(super) fn said(&self, texts: &Texts) -> String {
        self.names.of(texts.lang).map_or_else(|| kind::choice(texts, &self.word), str::to_owned)
    }

    fn is_called(&self, lower: &str) -> bool {
        self.names.each().any(|(_, name)| name.to_lowercase() == lower)
    }
}

/// Reads one of these words: itself, in any case, or its name in any language.
pub(super) fn read(given: &str, words: &[Named]) -> Result<Value, Wrong> {
    let lower = given.to_lowercase();
    let found = words.iter().find(|named| named.word == given);
    let found = found.or_else(|| words.iter().find(|named| named.word.to_lowercase() == lower));
    let found = found.or_else(|| words.iter().find(|named| named.is_called(&lower)));
    found.map(|named| named.word.as_str().into()).ok_or_else(|| {
        let all: Vec<&str> = words.iter().map(|named| named.word.as_str()).collect();
        Wrong::new("choice").with("choices", all.join(", "))
    })
}

/// The word that is named by `red:ఎరుపు`, and its name. A word may have a colon itself.
fn split<'a>(words: &'a [String], entry: &'a str) -> Option<(&'a String, &'a str)> {
    let of = |word: &'a String| Some((word, entry.strip_prefix(word.as_str())?.strip_prefix(CALLED)?.trim()));
    words.iter().filter_map(of).filter(|(_, name)| !name.is_empty()).max_by_key(|(word, _)| word.len())
}

/// Words with what they are called; what names none of them is passed over.
pub(super) fn of(words: &[String], called: &Called<'_>) -> Vec<Named> {
    let name_of = |word: &String, entries: &[String]| {
        entries
            .iter()
            .filter_map(|entry| split(words, entry))
            .find(|(of, _)| *of == word)
            .map(|(_, name)| name.to_owned())
    };
    let named = |word: &String| Named {
        word: word.clone(),
        names: called.iter().filter_map(|(lang, entries)| Some((*lang, name_of(word, entries)?))).collect(),
    };
    words.iter().map(named).collect()
}

/// Judges what words are called: each entry names a word that there is, and no two words
/// are called alike, so that a name in a file means one of them.
///
/// # Errors
/// The language in which something is wrong, and what.
pub(super) fn judge(words: &[String], called: &Called<'_>) -> Result<(), (Lang, Wrong)> {
    for (lang, entries) in called {
        for entry in *entries {
            let Some((_, name)) = split(words, entry) else {
                return Err((*lang, Wrong::new("own-choice-name").with("entry", entry)));
            };
            if name.chars().count() > LONGEST_NAME {
                return Err((*lang, Wrong::new("long").with("most", LONGEST_NAME)));
            }
        }
    }
    let all = of(words, called);
    for named in &all {
        for (lang, name) in named.names.each() {
            let lower = name.to_lowercase();
            let alike = |other: &Named| other.word.to_lowercase() == lower || other.is_called(&lower);
            if all.iter().any(|other| other.word != named.word && alike(other)) {
                return Err((lang, Wrong::new("own-choice-same").with("name", name)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    fn judged(te: &[&str], hi: &[&str]) -> Result<(), (Lang, String)> {
        let (words, te, hi) = (list(&["red", "blue", "red:dark"]), list(te), list(hi));
        let called: Called<'_> = [(Lang::En, &[]), (Lang::Hi, &hi), (Lang::Bn, &[]), (Lang::Te, &te)];
        judge(&words, &called).map_err(|(lang, wrong)| (lang, wrong.key))
    }

    #[test]
    fn a_choice_is_given_by_itself_or_by_a_name() {
        let words = list(&["red", "blue", "red:dark"]);
        let (en, te) =
            (list(&["red:Scarlet"]), list(&["red:ఎరుపు", "red:dark:ముదురు ఎరుపు", "green:ఆకుపచ్చ"]));
        let called: Called<'_> = [(Lang::En, &en), (Lang::Hi, &[]), (Lang::Bn, &[]), (Lang::Te, &te)];
        let named = of(&words, &called);
        assert_eq!(named[0].names.of(Lang::Te), Some("ఎరుపు"));
        assert_eq!((named[1].names.is_empty(), named[2].names.of(Lang::Te)), (true, Some("ముదురు ఎరుపు")));
        for (given, word) in [
            ("red", "red"),
            ("RED", "red"),
            ("scarlet", "red"),
            ("ఎరుపు", "red"),
            ("ముదురు ఎరుపు", "red:dark"),
        ] {
            assert_eq!(read(given, &named).unwrap(), word, "{given}");
        }
        assert_eq!(read("ఆకుపచ్చ", &named).unwrap_err().key, "choice");
    }

    #[test]
    fn names_are_judged_when_they_are_given() {
        assert_eq!(judged(&["red:ఎరుపు", "blue:నీలం"], &["red:लाल"]), Ok(()));
        let wrong = |lang, key: &str| Err((lang, key.to_owned()));
        assert_eq!(judged(&["green:ఆకుపచ్చ"], &[]), wrong(Lang::Te, "own-choice-name"));
        assert_eq!(judged(&["red:"], &[]), wrong(Lang::Te, "own-choice-name"));
        assert_eq!(judged(&["red:రంగు", "blue:రంగు"], &[]), wrong(Lang::Te, "own-choice-same"));
        assert_eq!(judged(&[], &["red:Blue"]), wrong(Lang::Hi, "own-choice-same"));
        assert_eq!(judged(&[&format!("red:{}", "x".repeat(121))], &[]), wrong(Lang::Te, "long"));
    }
}
