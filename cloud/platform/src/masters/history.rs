//! What became of a row, from the audit.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::audit_store::{self as store, Audited};
use super::kind::Kind;
use super::shape::{Column, Shape};
use super::{MastersError, Row};
use crate::ctx::Plants;
use crate::db::Tx;
use crate::i18n::{Lang, Texts};
use crate::people;

/// Most entries that are told.
const MOST: i64 = 200;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// Who: a person's name, else an opaque id.
    pub by: String,
    /// What was done, as the audit says it.
    pub action: String,
    /// Which fields, and how they were and are.
    pub changes: Vec<Change>,
}

/// One field that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub field: String,
    pub label: String,
    pub before: String,
    pub after: String,
    /// That it changed is known, and how is not kept.
    pub hidden: bool,
}

/// The changes of a row, the newest first.
pub(super) async fn history(
    tx: &mut Tx,
    shape: &Shape,
    key: &str,
    row: &Row,
    texts: &Texts,
) -> Result<Vec<Entry>, MastersError> {
    let mut subjects = vec![shape.master.subject(key)];
    if let Some(told) = shape.master.told {
        subjects.extend((told.subjects)(row));
    }
    let mut found = store::audited(tx, &subjects, MOST).await?;
    // What plants were told of a change is no change of its own.
    let own: BTreeSet<DateTime<Utc>> =
        found.iter().filter(|entry| entry.action.starts_with("master.")).map(|entry| entry.at).collect();
    found.retain(|entry| entry.action.starts_with("master.") || !own.contains(&entry.at));
    let actors: Vec<String> = found.iter().map(|entry| entry.actor.clone()).collect();
    let names = people::names_of(tx, &actors).await?;
    found.retain(|entry| is_seen(entry, tx.plants()));
    let plants = tx.plants();
    let entries = found.into_iter().map(|entry| Entry {
        at: entry.at,
        by: names.get(&entry.actor).cloned().unwrap_or_else(|| entry.actor.clone()),
        changes: changes(shape, &entry, plants, texts),
        action: entry.action,
    });
    Ok(entries.collect())
}

/// Whether a field is a value of a plant that is none of these.
fn is_elsewhere(name: &str, plants: &Plants) -> bool {
    name.split_once('@').is_some_and(|(_, plant)| !plants.has(plant))
}

/// Whether something is left of a change without the values of other plants.
fn is_seen(entry: &Audited, plants: &Plants) -> bool {
    let part = |elsewhere: bool| {
        let of = |value: &Option<Value>| -> Row {
            let fields = value.as_ref().and_then(Value::as_object).into_iter().flatten();
            let fields =
                fields.filter(|(name, value)| !value.is_null() && is_elsewhere(name, plants) == elsewhere);
            fields.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        (of(&entry.before), of(&entry.after))
    };
    let (there, here) = (part(true), part(false));
    there.0 == there.1 || here.0 != here.1
}

fn changes(shape: &Shape, entry: &Audited, plants: &Plants, texts: &Texts) -> Vec<Change> {
    let empty = Row::new();
    let object = |value: &Option<Value>| value.as_ref().and_then(Value::as_object).cloned();
    let (before, after) = (object(&entry.before), object(&entry.after));
    // Of what was deleted all is gone; that it was says enough.
    let Some(after) = after else { return Vec::new() };
    let before = before.unwrap_or(empty);
    let mut names: Vec<&String> =
        before.keys().chain(after.keys()).filter(|name| !is_elsewhere(name, plants)).collect();
    names.sort_by_key(|name| shape.columns.iter().position(|column| column.name == **name));
    names.dedup();
    let blank = |value: &Value| value.is_null() || Kind::plain(value).is_empty() && !value.is_object();
    let mut changes = Vec::new();
    for name in names {
        let (was, is) = (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
        if was == is || (blank(was) && blank(is)) {
            continue;
        }
        let column = shape.column(name);
        if column.is_some_and(|column| only_the_name(shape, column, was, is)) {
            continue;
        }
        let hidden = column.is_none_or(|c| c.field.personal || c.kind == Kind::Secret) && is == "changed";
        let show = |value: &Value| match column {
            Some(column) if column.kind == Kind::Names => names_of(value),
            Some(column) => column.kind.show(value, texts),
            None if value.is_object() => names_of(value),
            None => Kind::plain(value),
        };
        let label =
            column.map_or_else(|| texts.or(&format!("field-{name}"), name), |column| column.said(texts));
        changes.push(Change {
            field: name.clone(),
            label,
            before: show(was),
            after: if hidden { String::new() } else { show(is) },
            hidden,
        });
    }
    changes
}

/// Whether of names in languages only the one changed that is the name, of which is
/// told already.
fn only_the_name(shape: &Shape, column: &Column, was: &Value, is: &Value) -> bool {
    let others = |value: &Value| {
        let mut names = value.as_object().cloned().unwrap_or_default();
        names.remove(shape.language.code());
        names
    };
    shape.is_beside(column) && others(was) == others(is)
}

/// Every language of a text: `Gear · गियर`.
fn names_of(value: &Value) -> String {
    let names = Lang::ALL.iter().filter_map(|lang| value.get(lang.code())).map(Kind::plain);
    names.collect::<Vec<_>>().join(" · ")
}
