//! Values of a notice's text. What has a name in several languages is kept with each of
//! them (`stage`, `stage@te`), so that every reader is told it in the own language, by
//! whichever way; a number that a text counts by is kept as one (`labels@n`), so that every
//! language says one and many in its own way. Other systems are told the plain ones alone.

use std::collections::BTreeMap;

use crate::i18n::{Lang, Names, Value as Text};

/// Between the name of a value and its language.
const IN: char = '@';
/// In place of a language: the value is a number.
const COUNTED: &str = "n";

/// Keeps a name with what it is in each language.
pub(super) fn put(values: &mut BTreeMap<String, String>, name: &str, plain: &str, names: &Names) {
    values.insert(name.to_owned(), plain.to_owned());
    values.extend(names.each().map(|(lang, said)| (format!("{name}{IN}{}", lang.code()), said.to_owned())));
}

/// Keeps a number that the text counts by.
pub(super) fn count(values: &mut BTreeMap<String, String>, name: &str, number: i64) {
    values.insert(name.to_owned(), number.to_string());
    values.insert(format!("{name}{IN}{COUNTED}"), number.to_string());
}

/// The values without those in languages.
pub(super) fn plain(values: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let all = values.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    all.filter(|(name, _)| !name.contains(IN)).collect()
}

/// The values of a text for a reader of this language.
pub(super) fn told<'v>(
    values: impl IntoIterator<Item = (&'v str, &'v str)>,
    lang: Lang,
) -> Vec<(&'v str, Text<'v>)> {
    let all: BTreeMap<&str, &str> = values.into_iter().collect();
    let kept = |name: &str, of: &str| all.get(format!("{name}{IN}{of}").as_str()).copied();
    let value = |name: &str, plain: &'v str| {
        let counted = kept(name, COUNTED).and_then(|number| number.parse::<i64>().ok());
        counted.map_or_else(|| Text::from(kept(name, lang.code()).unwrap_or(plain)), Text::from)
    };
    let plain = all.iter().filter(|(name, _)| !name.contains(IN));
    plain.map(|(&name, &said)| (name, value(name, said))).collect()
}

/// [`told`] of values as a notice or a letter has them.
pub(super) fn of(values: &BTreeMap<String, String>, lang: Lang) -> Vec<(&str, Text<'_>)> {
    told(values.iter().map(|(name, value)| (name.as_str(), value.as_str())), lang)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_reader_is_told_a_name_in_the_own_language() {
        let mut values = BTreeMap::from([("title".to_owned(), "RQ-000001".to_owned())]);
        let names = Names::from(json!({ "te": "ఖాతాలు" }));
        put(&mut values, "stage", "Accounts", &names);
        let stage = |lang| {
            let told = of(&values, lang);
            assert_eq!(told.len(), 2, "{told:?}");
            told.into_iter().find(|(name, _)| *name == "stage").unwrap().1
        };
        assert_eq!(stage(Lang::Te), Text::from("ఖాతాలు"));
        assert_eq!(stage(Lang::Hi), Text::from("Accounts"));
        let other = plain(&values);
        assert_eq!(json!(other), json!({ "stage": "Accounts", "title": "RQ-000001" }));
    }

    #[test]
    fn a_number_that_a_text_counts_by_is_one_to_readers_and_plain_to_other_systems() {
        let mut values = BTreeMap::from([("number".to_owned(), "4500001".to_owned())]);
        count(&mut values, "labels", 1);
        let told = of(&values, Lang::En);
        assert_eq!(told, [("labels", Text::from(1)), ("number", Text::from("4500001"))]);
        assert_eq!(json!(plain(&values)), json!({ "labels": "1", "number": "4500001" }));
        let texts = crate::i18n::I18n::new()
            .with(Lang::En, "x = { $labels ->\n    [one] one label\n   *[other] { $labels } labels\n }");
        assert_eq!(texts.t(Lang::En, "x", &told), "one label");
    }
}
