//! The texts of all parts, by language.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use super::format::grouped;
use super::{Form, Lang};
pub use fluent_bundle::FluentValue as Value;

/// Every text of the product. Parts add theirs once, at start.
pub struct I18n {
    bundles: [FluentBundle<FluentResource>; 4],
    /// The keys of the English texts.
    keys: BTreeSet<String>,
}

impl std::fmt::Debug for I18n {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("I18n")
    }
}

impl Default for I18n {
    fn default() -> Self {
        Self::new()
    }
}

impl I18n {
    /// The texts of the web shell; other parts add theirs with [`I18n::with`].
    #[must_use]
    pub fn new() -> Self {
        let mut texts = Self {
            bundles: Lang::ALL.map(|lang| {
                let id: LanguageIdentifier = lang.code().parse().unwrap_or_default();
                let mut bundle = FluentBundle::new_concurrent(vec![id]);
                // Marks around values confuse searching and copying.
                bundle.set_use_isolating(false);
                bundle.set_formatter(Some(|value, _| match value {
                    Value::Number(n) => Some(grouped(&n.as_string())),
                    _ => None,
                }));
                bundle
            }),
            keys: BTreeSet::new(),
        };
        for (lang, source) in super::SHELL {
            texts.add(lang, source);
        }
        texts
    }

    /// Adds texts of one language. What does not parse is logged and left out,
    /// and what exists already stays: [`super::assert_complete`] finds both in a
    /// test.
    #[must_use]
    pub fn with(mut self, lang: Lang, source: &str) -> Self {
        self.add(lang, source);
        self
    }

    /// [`I18n::with`] for a part's texts in all languages.
    #[must_use]
    pub fn with_all(mut self, sources: super::Sources<'_>) -> Self {
        for (lang, source) in sources {
            self.add(lang, source);
        }
        self
    }

    fn add(&mut self, lang: Lang, source: &str) {
        if lang == Lang::En {
            let begins = source.lines().filter_map(|line| line.split_once(" =")).map(|(key, _)| key);
            let is_key = |key: &&str| key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.contains(' ');
            self.keys.extend(begins.filter(is_key).map(str::to_owned));
        }
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(rest, errors)| {
            tracing::error!(lang = lang.code(), ?errors, "texts do not parse");
            rest
        });
        if let Err(errors) = self.bundles[lang as usize].add_resource(resource) {
            tracing::error!(lang = lang.code(), ?errors, "texts are there twice");
        }
    }

    /// The text of `key`, in English where the language lacks it; the key itself
    /// where English lacks it too.
    #[must_use]
    pub fn t(&self, lang: Lang, key: &str, args: &[(&str, Value<'_>)]) -> String {
        [lang, Lang::En].into_iter().find_map(|lang| self.look_up(lang, key, args)).unwrap_or_else(|| {
            tracing::warn!(key, "no such text");
            key.to_owned()
        })
    }

    /// What follows `prefix` in the keys that begin with it, sorted.
    pub fn keys<'k>(&'k self, prefix: &'k str) -> impl Iterator<Item = &'k str> {
        let from = self.keys.range::<str, _>((Bound::Included(prefix), Bound::Unbounded));
        from.map_while(move |key| key.strip_prefix(prefix))
    }

    /// Whether there is such a text.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.bundles[Lang::En as usize].has_message(key)
    }

    fn look_up(&self, lang: Lang, key: &str, args: &[(&str, Value<'_>)]) -> Option<String> {
        let bundle = &self.bundles[lang as usize];
        let pattern = bundle.get_message(key)?.value()?;
        let mut given = FluentArgs::with_capacity(args.len());
        for (name, value) in args {
            given.set(*name, value.clone());
        }
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&given), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::warn!(key, ?errors, "text lacks a value");
        }
        Some(text)
    }
}

/// The texts in one person's language; what templates hold.
#[derive(Debug, Clone)]
pub struct Texts {
    all: Arc<I18n>,
    /// Which language.
    pub lang: Lang,
    /// How numbers and days are written.
    pub form: Form,
}

impl Texts {
    /// The texts `all` in `lang`.
    #[must_use]
    pub fn new(all: Arc<I18n>, lang: Lang) -> Self {
        Self { all, lang, form: Form::default() }
    }

    /// The same, with numbers and days in this form.
    #[must_use]
    pub fn in_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// The text of `key`.
    #[must_use]
    pub fn t(&self, key: &str) -> String {
        self.all.t(self.lang, key, &[])
    }

    /// The text of `key` with its one value: `{{ texts.t1("unit-found", "uid", uid) }}`.
    #[must_use]
    pub fn t1(&self, key: &str, name: &str, value: impl ToString) -> String {
        self.all.t(self.lang, key, &[(name, Value::from(value.to_string()))])
    }

    /// The text of `key` with `$count`, which chooses singular or plural.
    #[must_use]
    pub fn count(&self, key: &str, count: impl TryInto<i64>) -> String {
        let count: i64 = count.try_into().unwrap_or(i64::MAX);
        self.all.t(self.lang, key, &[("count", Value::from(count))])
    }

    /// The text of `key` with several values.
    #[must_use]
    pub fn with(&self, key: &str, args: &[(&str, Value<'_>)]) -> String {
        self.all.t(self.lang, key, args)
    }

    /// Whether there is such a text.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.all.has(key)
    }

    /// What follows `prefix` in the keys that begin with it, sorted: which acts have words,
    /// those of modules among them.
    pub fn keys<'k>(&'k self, prefix: &'k str) -> impl Iterator<Item = &'k str> {
        self.all.keys(prefix)
    }

    /// The text of `key` if there is one, else `otherwise`.
    #[must_use]
    pub fn or(&self, key: &str, otherwise: &str) -> String {
        if self.all.has(key) { self.t(key) } else { otherwise.to_owned() }
    }
}
