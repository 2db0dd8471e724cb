//! What a part's test says about its texts.

use std::collections::BTreeSet;

use fluent_bundle::FluentResource;

use super::{Lang, Sources};

/// Fails on texts that do not parse, on a key that a language lacks or has
/// twice, and on values (`$name`) that differ between languages.
///
/// # Panics
/// As said: it is for tests.
pub fn assert_complete(sources: Sources<'_>) {
    let mut wrong = Vec::new();
    let found = sources.map(|(lang, source)| (lang, read(lang, source, &mut wrong)));
    for lang in Lang::ALL {
        if !found.iter().any(|(there, _)| *there == lang) {
            wrong.push(format!("no texts in {}", lang.code()));
        }
    }
    for (lang, keys) in &found {
        for (other, there) in &found {
            for missing in keys.difference(there) {
                wrong.push(format!("{} has {missing}, {} lacks it", lang.code(), other.code()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Keys, each with the values that its text takes.
fn read(lang: Lang, source: &str, wrong: &mut Vec<String>) -> BTreeSet<String> {
    if let Err((_, errors)) = FluentResource::try_new(source.to_owned()) {
        wrong.push(format!("{}: {errors:?}", lang.code()));
    }
    let mut keys: Vec<(String, BTreeSet<String>)> = Vec::new();
    for line in source.lines() {
        if let Some((key, _)) = line.split_once('=')
            && line.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            let key = key.trim().to_owned();
            if keys.iter().any(|(there, _)| *there == key) {
                wrong.push(format!("{}: {key} is there twice", lang.code()));
            }
            keys.push((key, BTreeSet::new()));
        }
        if let Some((_, values)) = keys.last_mut() {
            values.extend(line.split('$').skip(1).map(|rest| {
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect()
            }));
        }
    }
    keys.into_iter()
        .map(|(key, values)| {
            let values: Vec<String> = values.into_iter().map(|value| format!(" ${value}")).collect();
            format!("{key}{}", values.concat())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "en has b, te lacks it")]
    fn a_missing_key_is_found() {
        assert_complete([
            (Lang::En, "a = A\nb = B"),
            (Lang::Hi, "a = A\nb = B"),
            (Lang::Bn, "a = A\nb = B"),
            (Lang::Te, "a = A"),
        ]);
    }

    #[test]
    #[should_panic(expected = "en has a $n, hi lacks it")]
    fn a_missing_value_is_found() {
        let (one, other) = ("a = A { $n }", "a = A");
        assert_complete([(Lang::En, one), (Lang::Hi, other), (Lang::Bn, one), (Lang::Te, one)]);
    }
}
