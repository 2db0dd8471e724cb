//! The builder's conditions as markup: to be filled in, and in words.

use askama::Template;
use platform::i18n::Texts;

use super::criteria::{OUTCOMES, names, stages};
use super::form::{Form, Group, HOW, Item, KINDS, MOST_ROWS, MOST_WITHIN, TAKEN, within};
use crate::pages::say;
use crate::projection::state::{Custody, Life, Quality};

/// What can be chosen from.
#[derive(Default)]
pub(super) struct Known {
    pub lists: Vec<(&'static str, Vec<String>)>,
}

impl Known {
    pub fn has(&self, field: &str) -> bool {
        self.lists.iter().any(|(name, values)| *name == field && !values.is_empty())
    }
}

/// What stands in a group, to be filled in. Its groups are markup of their own.
#[derive(Template)]
#[template(path = "scopes/group.html")]
struct Filled<'a> {
    texts: &'a Texts,
    group: &'a Group,
    /// Where it is; empty of all conditions.
    place: &'a str,
    known: &'a Known,
    may_add: bool,
}

impl Filled<'_> {
    fn at(&self, index: &usize) -> String {
        within(self.place, *index)
    }

    /// What a button adds here.
    fn adds(&self, what: &str) -> String {
        if self.place.is_empty() { what.to_owned() } else { format!("{}:{what}", self.place) }
    }

    /// Whether there is room for a group in it.
    fn may_nest(&self) -> bool {
        let within = if self.place.is_empty() { 0 } else { self.place.split('-').count() };
        within < MOST_WITHIN
    }

    fn nested(&self, group: &Group, place: &str) -> String {
        let Self { texts, known, may_add, .. } = *self;
        Filled { texts, group, place, known, may_add }.render().unwrap_or_default()
    }
}

/// The conditions of a form, to be filled in, as markup.
pub(super) fn conditions(texts: &Texts, form: &Form, known: &Known) -> String {
    let may_add = form.root.rows().len() < MOST_ROWS;
    Filled { texts, group: &form.root, place: "", known, may_add }.render().unwrap_or_default()
}

/// What stands in a group, in words.
#[derive(Template)]
#[template(path = "scopes/words.html")]
struct Words<'a> {
    texts: &'a Texts,
    group: &'a Group,
}

/// The conditions of a group in words, as markup.
pub(super) fn words(texts: &Texts, group: &Group) -> String {
    Words { texts, group }.render().unwrap_or_default()
}

/// How a field is filled in.
pub(super) fn input(field: &str, value: &str) -> &'static str {
    match field {
        // A link may carry an exact time, which no box for a clock's time shows.
        "from" | "to" if value.is_empty() || !value.contains(['Z', '+']) => "datetime-local",
        "produced_from" | "produced_to" => "date",
        _ => "text",
    }
}

/// What a field can be, where that is one of a few.
pub(super) fn choices(texts: &Texts, field: &str) -> Vec<(String, String)> {
    let named = |prefix: &str, names: Vec<&'static str>| {
        names.into_iter().map(|name| (name.to_owned(), say::name(texts, prefix, name))).collect()
    };
    match field {
        "stage" => stages()
            .map(|stage| (stage.as_str_name().to_owned(), say::stage(texts, stage.as_str_name())))
            .collect(),
        "outcome" => named("outcome", OUTCOMES.to_vec()),
        "life" => named("life", names(Life::from_number, Life::name)),
        "quality" => named("quality", names(Quality::from_number, Quality::name)),
        "custody" => named("custody", names(Custody::from_number, Custody::name)),
        "how" => HOW.iter().map(|how| ((*how).to_owned(), texts.t(&format!("scope-how-{how}")))).collect(),
        _ => Vec::new(),
    }
}

/// A value as people read it.
pub(super) fn shown(texts: &Texts, field: &str, value: &str) -> String {
    if field == TAKEN {
        return texts.t("scope-taken-too");
    }
    if matches!(field, "from" | "to") {
        return value.replacen('T', " ", 1);
    }
    choices(texts, field)
        .into_iter()
        .find(|(name, _)| name == value)
        .map_or_else(|| value.to_owned(), |(_, said)| said)
}

pub(super) fn label(texts: &Texts, field: &str) -> String {
    texts.t(&format!("scope-field-{field}"))
}

/// A name that says the first conditions.
pub(super) fn suggested(texts: &Texts, form: &Form) -> String {
    let rows = form.root.rows().into_iter().map(|row| {
        let said = row.said().filter(|(field, _)| *field != TAKEN);
        let values: Vec<String> = said.map(|(field, value)| shown(texts, field, value)).collect();
        format!("{}{}", if row.not { "≠ " } else { "" }, values.join(" "))
    });
    rows.collect::<Vec<_>>().join(", ").chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::i18n::{I18n, Lang};

    use super::*;

    #[test]
    fn only_moments_are_written_otherwise() {
        let texts = Texts::new(Arc::new(I18n::new().with_all(crate::pages::TEXTS)), Lang::En);
        assert_eq!(shown(&texts, "supplier_lot", "HEAT-90694"), "HEAT-90694");
        assert_eq!(shown(&texts, "machine", "TEST-T1"), "TEST-T1");
        assert_eq!(shown(&texts, "from", "2025-01-20T06:00"), "2025-01-20 06:00");
    }
}
