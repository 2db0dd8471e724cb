//! The builder's conditions as markup: to be filled in, and in words.

use askama::Template;
use platform::i18n::Texts;
use serde_json::Value;

use super::criteria::{Node, OUTCOMES, names, stages};
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

/// Kept conditions in words, a line each, those of a group further in. What rows cannot say is
/// said as it was asked for. Pure.
pub(crate) fn in_words(texts: &Texts, criteria: &Value) -> Vec<String> {
    let Some(form) = Node::kept(criteria).ok().and_then(|node| Form::of(&node)) else {
        return vec![criteria.to_string()];
    };
    let mut lines = Vec::new();
    say_group(texts, &form.root, "", &mut lines);
    lines
}

fn say_group(texts: &Texts, group: &Group, mark: &str, lines: &mut Vec<String>) {
    let not = |not: bool| if not { format!("{}: ", texts.t("scope-not")) } else { String::new() };
    let mode =
        if group.items.len() > 1 { texts.t(&format!("scope-mode-{}", group.mode())) } else { String::new() };
    let head = format!("{}{mode}", not(group.not));
    if !head.is_empty() {
        lines.push(format!("{mark}{}", head.trim_end()));
    }
    let mark = format!("{mark}– ");
    for item in &group.items {
        match item {
            Item::Row(row) => {
                let said = row
                    .said()
                    .map(|(field, value)| format!("{} {}", label(texts, field), shown(texts, field, value)));
                let mut said = said.collect::<Vec<_>>().join(", ");
                if said.is_empty() {
                    said = texts.t("scope-whatever");
                }
                let kind = texts.t(&format!("scope-kind-{}", row.kind.name));
                lines.push(format!("{mark}{}{kind}: {said}", not(row.not)));
            }
            Item::Group(inner) => say_group(texts, inner, &mark, lines),
        }
    }
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
    fn conditions_are_said_a_line_each() {
        let all = Arc::new(I18n::new().with_all(crate::pages::TEXTS).with_all(crate::scopes::TEXTS));
        let criteria = serde_json::json!({ "all": [
            { "event": { "machine": "OVEN-1", "from": "2025-01-20T06:00:00", "without_taken": true } },
            { "not": { "any": [
                { "contains": { "supplier_lot": "HEAT-77" } },
                { "is": { "life": "scrapped" } },
            ] } },
        ] });
        let english = in_words(&Texts::new(all.clone(), Lang::En), &criteria);
        assert_eq!(
            english,
            [
                "all conditions hold",
                "– Passed a machine or station: Machine OVEN-1, From 2025-01-20 06:00",
                "– Not: units for which it does not hold: one condition holds",
                "– – Contains a lot or a part: Supplier's lot or heat HEAT-77",
                "– – Is an item, in a state: Life Scrapped",
            ]
        );
        let telugu = in_words(&Texts::new(all.clone(), Lang::Te), &criteria);
        assert!(telugu.len() == english.len() && telugu[1].contains("OVEN-1"), "{telugu:?}");
        assert!(telugu.iter().zip(&english).all(|(one, other)| one != other), "{telugu:?}");
        // What an older version kept and this one cannot read stands there as it is, …
        let odd = serde_json::json!({ "maybe": {} });
        let english = Texts::new(all, Lang::En);
        assert_eq!(in_words(&english, &odd), ["{\"maybe\":{}}"]);
        // … and an event that says nothing is any.
        let any = serde_json::json!({ "all": [
            { "is": { "item": "MOTOR" } },
            { "event": { "without_taken": true } },
        ] });
        let said = in_words(&english, &any);
        assert_eq!(said[2], "– Passed a machine or station: Any", "{said:?}");
    }

    #[test]
    fn only_moments_are_written_otherwise() {
        let texts = Texts::new(Arc::new(I18n::new().with_all(crate::pages::TEXTS)), Lang::En);
        assert_eq!(shown(&texts, "supplier_lot", "HEAT-90694"), "HEAT-90694");
        assert_eq!(shown(&texts, "machine", "TEST-T1"), "TEST-T1");
        assert_eq!(shown(&texts, "from", "2025-01-20T06:00"), "2025-01-20 06:00");
    }
}
