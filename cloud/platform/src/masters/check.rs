//! Makes a row of what was given, with every mistake in it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::kind::Kind;
use super::shape::{Column, SEPARATOR, Shape};
use super::{Mistake, Row, Wrong, names};
use crate::i18n::Lang;
use crate::seed::nearest;

/// What was given: texts by field; `names.hi` is one language of a field.
pub type Cells = BTreeMap<String, String>;

/// Names under which a field is given.
pub(super) fn inputs(column: &Column) -> Vec<String> {
    match column.kind {
        Kind::Names => Lang::ALL.iter().map(|lang| format!("{}.{}", column.name, lang.code())).collect(),
        _ => vec![column.name.clone()],
    }
}

/// Those of `names` that are no field, each with what is near.
pub(super) fn unknown<'n>(shape: &Shape, names: impl IntoIterator<Item = &'n str>) -> Vec<Mistake> {
    let known: Vec<String> = shape.columns.iter().flat_map(inputs).collect();
    let strange = names.into_iter().filter(|name| !known.iter().any(|known| known == name));
    let mistake = |name: &str| {
        let near = spoken(shape, name)
            .or_else(|| nearest(name, known.iter().map(String::as_str)).map(str::to_owned));
        let wrong = match near {
            Some(near) => Wrong::new("column-near").with("near", near),
            None => Wrong::new("column").with("columns", known.join(", ")),
        };
        Mistake { row: None, field: name.to_owned(), found: String::new(), wrong }
    };
    strange.map(mistake).collect()
}

/// The input that somebody means who writes `name`, where there is one for each language:
/// that of the tenant's own.
fn spoken(shape: &Shape, name: &str) -> Option<String> {
    let meant = |column: &&Column| {
        column.kind == Kind::Names && (name == column.name || column.name.strip_suffix('s') == Some(name))
    };
    let column = shape.columns.iter().find(meant)?;
    Some(format!("{}.{}", column.name, shape.language.code()))
}

/// The row, over how it was before; a column that could not be read is `Null`.
/// What is not given stays as it was, or is the default.
pub(super) fn row(shape: &Shape, cells: &Cells, before: Option<&Row>) -> (Row, Vec<Mistake>) {
    let mut row = Row::new();
    if let Some(before) = before {
        let kept = shape.written.iter().filter_map(|name| Some((name.clone(), before.get(name)?.clone())));
        row.extend(kept);
    }
    let mut mistakes = Vec::new();
    for column in &shape.columns {
        let name = column.name.as_str();
        let was = before.and_then(|before| before.get(name));
        let read = match column.kind {
            Kind::Names => names(column, cells, was),
            Kind::Secret => secret(column, cells, before),
            _ => one(shape, column, cells, was),
        };
        match read {
            Ok(Some(value)) => drop(row.insert(name.to_owned(), value)),
            Ok(None) => {}
            Err(wrong) => {
                let found = match column.kind {
                    Kind::Secret => String::new(),
                    _ => {
                        inputs(column).iter().find_map(|input| cells.get(input)).cloned().unwrap_or_default()
                    }
                };
                mistakes.push(Mistake { row: None, field: name.to_owned(), found, wrong });
                if column.kind != Kind::Secret {
                    row.insert(name.to_owned(), Value::Null);
                }
            }
        }
    }
    names::settle(shape, cells, before, &mut row, &mut mistakes);
    (row, mistakes)
}

/// What stands where nothing is given.
fn empty(column: &Column) -> Result<Value, Wrong> {
    match &column.default {
        _ if column.required => Err(Wrong::new("required")),
        Some(default) => Ok(default.clone()),
        None => Ok(Value::Null),
    }
}

fn one(shape: &Shape, column: &Column, cells: &Cells, was: Option<&Value>) -> Result<Option<Value>, Wrong> {
    let name = column.name.as_str();
    let Some(given) = cells.get(name) else {
        return match was {
            Some(was) => Ok(Some(was.clone())),
            None => empty(column).map(Some),
        };
    };
    // A rule that came later does not lock what was written before.
    if let Some(was) = was.filter(|was| !was.is_null() && Kind::plain(was) == given.trim()) {
        return Ok(Some(was.clone()));
    }
    let tidied = column.field.tidy.map(|tidy| tidy(given));
    let value = column.kind.read(tidied.as_ref().unwrap_or(given))?;
    if value.is_null() {
        return match was {
            Some(was) if column.is_key => Ok(Some(was.clone())),
            _ => empty(column).map(Some),
        };
    }
    if was == Some(&value) {
        return Ok(Some(value));
    }
    if let (Some(pattern), Value::String(text)) = (&column.pattern, &value)
        && !pattern.is_match(text)
    {
        return Err(Wrong::new("own-shape")
            .with("pattern", pattern.as_str().trim_start_matches("^(?:").trim_end_matches(")$")));
    }
    if let (Some(rule), Value::String(text)) = (column.field.rule, &value) {
        rule(text)?;
    }
    if column.is_key {
        if was.is_some_and(|was| *was != value) {
            return Err(Wrong::new("key"));
        }
        let several = shape.master.key.len() > 1;
        if several && value.as_str().is_some_and(|text| text.contains(SEPARATOR)) {
            return Err(Wrong::new("colon"));
        }
    }
    Ok(Some(value))
}

/// A text in each language; which, is free.
fn names(column: &Column, cells: &Cells, was: Option<&Value>) -> Result<Option<Value>, Wrong> {
    let mut names: Map<String, Value> = was.and_then(Value::as_object).cloned().unwrap_or_default();
    for lang in Lang::ALL {
        if let Some(given) = cells.get(&format!("{}.{}", column.name, lang.code())) {
            match column.kind.read(given)? {
                Value::Null => drop(names.remove(lang.code())),
                value => drop(names.insert(lang.code().to_owned(), value)),
            }
        }
    }
    if column.required && names.is_empty() {
        return Err(Wrong::new("language"));
    }
    Ok(Some(Value::Object(names)))
}

/// What is secret is not shown again: nothing given means as it was.
fn secret(column: &Column, cells: &Cells, before: Option<&Row>) -> Result<Option<Value>, Wrong> {
    let given = cells.get(&column.name).map(|given| column.kind.read(given)).transpose()?;
    match given {
        None | Some(Value::Null) if before.is_none() && column.required => Err(Wrong::new("required")),
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let taken_away = column.field.sealed.is_some() && value == super::sensitive::NONE;
            if let (Some(rule), Value::String(text)) = (column.field.rule, &value)
                && !taken_away
            {
                rule(text)?;
            }
            Ok(Some(value))
        }
    }
}
