//! What is said to people: Fluent bundles in English, Hindi, Bengali and Telugu.
//!
//! A message's key is that of the rules (`receipt.recorded`); in the bundles a
//! dash stands for each point, since Fluent allows none.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

use crate::config::Language;

#[cfg(test)]
mod tests;

/// Keys of the agent itself, beside those of the rules.
pub const AGENT: [&str; 34] = [
    "clock.jump",
    "engine.failed",
    "engine.mint-blocked",
    "engine.no-numbers",
    "engine.too-long",
    "engine.unknown-station",
    "input.malformed",
    "input.not_taken",
    "input.too_long",
    "journal.disk-low",
    "journal.failed",
    "journal.full",
    "journal.nearly-full",
    "journal.quarantine",
    "malformed.empty",
    "malformed.field",
    "malformed.no-code",
    "malformed.no-prefix",
    "malformed.not-json",
    "malformed.not-text",
    "malformed.too-long",
    "not-taken.failed",
    "not-taken.full",
    "not-taken.holds",
    "not-taken.stopping",
    "page.missing",
    "page.no-station",
    "page.stations",
    "mint.behind-mark",
    "mint.blocked",
    "mint.low",
    "reference.lost",
    "reference.unread",
    "series.low",
];

/// Keys of the texts of a station's page, each with the names of its arguments.
pub const PAGE: [(&str, &[&str]); 48] = [
    ("ui.agent-away", &[]),
    ("ui.button.cancel", &[]),
    ("ui.button.correct", &[]),
    ("ui.button.digit", &[]),
    ("ui.button.done", &[]),
    ("ui.button.enter", &[]),
    ("ui.button.fail", &[]),
    ("ui.button.help", &[]),
    ("ui.button.hold", &[]),
    ("ui.button.login", &[]),
    ("ui.button.logout", &[]),
    ("ui.button.nolabel", &[]),
    ("ui.button.op", &[]),
    ("ui.button.order", &[]),
    ("ui.button.pass", &[]),
    ("ui.button.qty", &[]),
    ("ui.button.reason", &[]),
    ("ui.button.reprint", &[]),
    ("ui.button.split", &[]),
    ("ui.button.undo", &[]),
    ("ui.details", &[]),
    ("ui.did-it-print", &["uid"]),
    ("ui.disk", &[]),
    ("ui.draft", &[]),
    ("ui.dropped", &["count"]),
    ("ui.label", &[]),
    ("ui.label.asked", &[]),
    ("ui.label.printed", &[]),
    ("ui.label.waiting", &[]),
    ("ui.last-scans", &[]),
    ("ui.no", &[]),
    ("ui.no-prints-again", &["copy"]),
    ("ui.nobody", &[]),
    ("ui.not-recorded", &[]),
    ("ui.numbers-low", &["types"]),
    ("ui.offline", &[]),
    ("ui.online", &[]),
    ("ui.printer", &["count"]),
    ("ui.printer-away", &["count"]),
    ("ui.queue", &["count"]),
    ("ui.ready", &[]),
    ("ui.reference-age", &["age"]),
    ("ui.scan-again", &[]),
    ("ui.sending", &[]),
    ("ui.typed", &[]),
    ("ui.unknown", &["text"]),
    ("ui.unsent", &["count"]),
    ("ui.yes", &[]),
];

/// Keys of the names of a draft's fields, one for each of
/// [`crate::station::fields::NAMES`].
pub const FIELDS: [&str; 16] = [
    "ui.field.item",
    "ui.field.supplier_lot",
    "ui.field.supplier",
    "ui.field.expires_on",
    "ui.field.made_on",
    "ui.field.challan",
    "ui.field.quantity",
    "ui.field.containers",
    "ui.field.reason",
    "ui.field.destination",
    "ui.field.customer",
    "ui.field.vehicle",
    "ui.field.invoice",
    "ui.field.place",
    "ui.field.note",
    "ui.field.rejected",
];

/// Longest argument that a text shows, in characters: what was scanned may be
/// 4 KiB, and a station's screen is small.
pub const MAX_ARGUMENT: usize = 60;

fn source(language: Language) -> &'static str {
    match language {
        Language::En => include_str!("en.ftl"),
        Language::Hi => include_str!("hi.ftl"),
        Language::Bn => include_str!("bn.ftl"),
        Language::Te => include_str!("te.ftl"),
    }
}

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<BTreeMap<Language, Bundle>> =
    LazyLock::new(|| Language::ALL.into_iter().map(|language| (language, bundle(language))).collect());

/// The bundle of a language. What is wrong in one is left out here and fails
/// the tests: a station must speak, if need be with a key.
fn bundle(language: Language) -> Bundle {
    let name = language.code().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![name]);
    // Marks around arguments would show on cheap screens.
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source(language).to_owned());
    let resource = resource.unwrap_or_else(|(partly, _)| partly);
    bundle.add_resource_overriding(resource);
    bundle
}

/// Says messages in four languages. Costs nothing to make; the bundles are
/// parsed at the first word.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fluent;

impl Fluent {
    /// The text of `code` in a two-letter `language` with its arguments filled
    /// in, each cut at [`MAX_ARGUMENT`]. Falls back to English, then to the code itself. An argument that the
    /// caller did not give is left empty.
    #[must_use]
    pub fn say(language: &str, code: &str, args: &[(String, String)]) -> String {
        let language = Language::from_code(language).unwrap_or(Language::En);
        find(language, code, args)
            .or_else(|| find(Language::En, code, args))
            .unwrap_or_else(|| code.to_owned())
    }

    /// All texts of a station's page as JSON: language, then key, then text with
    /// its arguments as `{name}`.
    #[must_use]
    pub fn page_texts() -> String {
        let mut all = BTreeMap::new();
        for language in Language::ALL {
            let all_of_them = PAGE.into_iter().chain(FIELDS.map(|key| (key, [].as_slice())));
            let texts: BTreeMap<&str, String> = all_of_them
                .map(|(key, names)| {
                    let args: Vec<_> =
                        names.iter().map(|name| ((*name).to_owned(), format!("{{{name}}}"))).collect();
                    (key, Self::say(language.code(), key, &args))
                })
                .collect();
            all.insert(language.code(), texts);
        }
        serde_json::to_string(&all).unwrap_or_default()
    }
}

fn find(language: Language, code: &str, args: &[(String, String)]) -> Option<String> {
    let bundle = BUNDLES.get(&language)?;
    let pattern = bundle.get_message(&code.replace('.', "-"))?.value()?;
    let mut values = FluentArgs::new();
    for (name, value) in args {
        // As text, never as a number: a document's zeros and dashes count.
        values.set(name.as_str(), FluentValue::String(shortened(value)));
    }
    for name in variables(language, code) {
        if values.get(name).is_none() {
            values.set(name.as_str(), FluentValue::String(Cow::Borrowed("")));
        }
    }
    let text = bundle.format_pattern(pattern, Some(&values), &mut Vec::new());
    Some(text.trim().to_owned())
}

/// The text, cut with `…` where it is longer than [`MAX_ARGUMENT`].
fn shortened(text: &str) -> Cow<'_, str> {
    if text.chars().nth(MAX_ARGUMENT).is_none() {
        return Cow::Borrowed(text);
    }
    let mut cut: String = text.chars().take(MAX_ARGUMENT - 1).collect();
    cut.push('…');
    Cow::Owned(cut)
}

/// Names of the arguments of each message, so that one that is not given can be
/// left empty.
static VARIABLES: LazyLock<BTreeMap<(Language, String), Vec<String>>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for language in Language::ALL {
        for line in source(language).lines() {
            if let Some((key, text)) = line.split_once(" = ") {
                all.insert((language, key.to_owned()), names_in(text));
            }
        }
    }
    all
});

fn variables(language: Language, code: &str) -> &'static [String] {
    let key = (language, code.replace('.', "-"));
    VARIABLES.get(&key).map(Vec::as_slice).unwrap_or_default()
}

/// The names in `{ $name }` of one line. Messages here are one line each.
fn names_in(text: &str) -> Vec<String> {
    let parts = text.split("{ $").skip(1);
    let mut names: Vec<String> =
        parts.filter_map(|part| part.split_once(" }")).map(|(name, _)| name.to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names
}
