//! What is wrong with a configuration, and where, to be told in the reader's language.

use crate::i18n::{Texts, Value};

/// A mistake: its text is `config-wrong-<key>` with `values`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is: a JSON pointer (RFC 6901), such as `/plants/0/plant_id`; empty: the whole.
    pub pointer: String,
    /// Which mistake.
    pub key: &'static str,
    /// Values of its text.
    pub values: Vec<(&'static str, String)>,
}

impl Mistake {
    /// What is wrong and what to do, in the reader's language.
    #[must_use]
    pub fn say(&self, texts: &Texts) -> String {
        let values: Vec<(&str, Value<'_>)> =
            self.values.iter().map(|(name, value)| (*name, Value::from(value.as_str()))).collect();
        texts.with(&format!("config-wrong-{}", self.key), &values)
    }
}

/// What is below a pointer.
pub(super) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
