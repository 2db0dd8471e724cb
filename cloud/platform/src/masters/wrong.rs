//! What can be wrong with a value: what is said of it, and what to do.

use crate::i18n::{Texts, Value};

/// What is wrong with one value. The texts are `masters-wrong-<key>`, which says
/// what, and `masters-fix-<key>`, which says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which, of the texts.
    pub key: String,
    /// What the texts say besides.
    pub args: Vec<(&'static str, String)>,
}

impl Wrong {
    /// Without anything besides.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), args: Vec::new() }
    }

    /// With a value that the texts say.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.args.push((name, value.to_string()));
        self
    }

    fn text(&self, texts: &Texts, prefix: &str) -> String {
        let args: Vec<(&str, Value<'_>)> =
            self.args.iter().map(|(name, value)| (*name, Value::from(value.as_str()))).collect();
        texts.with(&format!("{prefix}-{}", self.key), &args)
    }

    /// What is wrong.
    #[must_use]
    pub fn what(&self, texts: &Texts) -> String {
        self.text(texts, "masters-wrong")
    }

    /// What to do.
    #[must_use]
    pub fn fix(&self, texts: &Texts) -> String {
        self.text(texts, "masters-fix")
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The row of a file, as the person sees it there; `None` of a form.
    pub row: Option<usize>,
    /// The field; empty for the row as a whole.
    pub field: String,
    /// What stands there; empty where a message must not repeat it.
    pub found: String,
    /// What is wrong.
    pub wrong: Wrong,
}
