//! Values of a notice's text. What has a name in several languages is kept with each of
//! them (`stage`, `stage@te`), so that every reader is told it in the own language, by
//! whichever way; other systems are told the plain ones alone.

use std::collections::BTreeMap;

use crate::i18n::{Lang, Names, Value as Text};

/// Between the name of a value and its language.
const IN: char = '@';

/// Keeps a name with what it is in each language.
pub(super) fn put(values: &mut BTreeMap<String, String>, name: &str, plain: &str, names: &Names) {
    values.insert(name.to_owned(), plain.to_owned());
    values.extend(names.each().map(|(lang, said)| (format!("{name}{IN}{}", lang.code()), said.to_owned())));
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
    let said = |name: &str| all.get(format!("{name}{IN}{}", lang.code()).as_str()).copied();
    let plain = all.iter().filter(|(name, _)| !name.contains(IN));
    plain.map(|(name, value)| (*name, Text::from(said(name).unwrap_or(*value)))).collect()
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
}
