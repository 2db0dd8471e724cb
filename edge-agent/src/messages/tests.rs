use std::collections::BTreeSet;

use fluent_bundle::FluentResource;

use super::*;
use crate::station::codes::{Code, Next};

fn keys() -> Vec<String> {
    let rules = Code::ALL.iter().map(|code| code.as_str()).chain(Next::ALL.iter().map(|next| next.as_str()));
    let agent = AGENT.into_iter().chain(PAGE.iter().map(|(key, _)| *key)).chain(FIELDS);
    rules.chain(agent).map(str::to_owned).collect()
}

fn in_file(language: Language) -> Vec<(String, String)> {
    let lines = source(language).lines().filter_map(|line| line.split_once(" = "));
    lines.map(|(key, text)| (key.to_owned(), text.to_owned())).collect()
}

#[test]
fn every_language_is_well_formed() {
    for language in Language::ALL {
        if let Err((_, errors)) = FluentResource::try_new(source(language).to_owned()) {
            panic!("{language}: {errors:?}");
        }
        let keys: Vec<_> = in_file(language).into_iter().map(|(key, _)| key).collect();
        let once: BTreeSet<_> = keys.iter().collect();
        assert_eq!(once.len(), keys.len(), "{language}: a key stands twice");
    }
}

#[test]
fn every_code_has_its_text_in_every_language() {
    let wanted: BTreeSet<String> = keys().iter().map(|key| key.replace('.', "-")).collect();
    assert_eq!(wanted.len(), keys().len(), "two codes share a key");
    for language in Language::ALL {
        let found: BTreeSet<String> =
            in_file(language).into_iter().map(|(key, _)| key).filter(|key| !key.starts_with('-')).collect();
        let missing: Vec<_> = wanted.difference(&found).collect();
        let unused: Vec<_> = found.difference(&wanted).collect();
        assert!(
            missing.is_empty() && unused.is_empty(),
            "{language}: missing {missing:?}, unused {unused:?}"
        );
    }
}

#[test]
fn every_language_says_with_the_same_arguments() {
    for key in keys() {
        let english = variables(Language::En, &key);
        for language in Language::ALL {
            assert_eq!(variables(language, &key), english, "{language}: {key}");
        }
    }
}

#[test]
fn every_message_can_be_said() {
    for key in keys() {
        for language in Language::ALL {
            let args: Vec<_> =
                variables(language, &key).iter().map(|name| (name.clone(), format!("<{name}>"))).collect();
            let said = Fluent::say(language.code(), &key, &args);
            assert!(!said.is_empty() && !said.contains("{ "), "{language} {key}: {said}");
            for (_, value) in args {
                assert!(said.contains(&value), "{language} {key}: {said}");
            }
            let silent = Fluent::say(language.code(), &key, &[]);
            assert!(!silent.contains('$'), "{language} {key}: {silent}");
        }
    }
}

/// A text left in English by mistake would have no letter of its script.
#[test]
fn each_language_is_in_its_script() {
    for (language, script) in [
        (Language::Hi, '\u{900}'..='\u{97f}'),
        (Language::Bn, '\u{980}'..='\u{9ff}'),
        (Language::Te, '\u{c00}'..='\u{c7f}'),
    ] {
        for key in keys().into_iter().filter(|key| key != "digit") {
            let said = Fluent::say(language.code(), &key, &[]);
            assert!(said.chars().any(|c| script.contains(&c)), "{language} {key}: {said}");
        }
    }
}

#[test]
fn unknown_languages_and_codes_still_speak() {
    assert_eq!(Fluent::say("fr", "cancelled", &[]), "Dropped. Nothing is recorded.");
    assert_eq!(Fluent::say("hi", "no.such-code", &[]), "no.such-code");
    let args = [("number".to_owned(), "000123".to_owned())];
    assert_eq!(Fluent::say("en", "gate.paper", &args), "Paper 000123 noted.");
}

#[test]
fn the_page_gets_its_texts_with_named_places() {
    let texts: serde_json::Value = serde_json::from_str(&Fluent::page_texts()).unwrap();
    assert_eq!(texts["en"]["ui.queue"], "{count} waiting");
    assert_eq!(texts["te"].as_object().unwrap().len(), PAGE.len() + FIELDS.len());
    assert_eq!(texts["en"]["ui.field.expires_on"], "Expires on");
}

#[test]
fn every_field_of_a_draft_has_a_name() {
    let names: Vec<_> = FIELDS.iter().filter_map(|key| key.strip_prefix("ui.field.")).collect();
    assert_eq!(names, crate::station::fields::NAMES);
}

#[test]
fn a_long_argument_is_cut() {
    let said = |number: String| Fluent::say("en", "gate.paper", &[("number".to_owned(), number)]);
    assert_eq!(said("9".repeat(60)), format!("Paper {} noted.", "9".repeat(60)));
    assert_eq!(said("9".repeat(61)), format!("Paper {}… noted.", "9".repeat(59)));
    assert_eq!(said("क".repeat(4096)), format!("Paper {}… noted.", "क".repeat(59)));
}
