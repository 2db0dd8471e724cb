//! What makes a tenant's own field one that can be defined.

use serde_json::Value;

use super::super::declare::{Candidate, Fault, Judging};
use super::super::kind::Kind;
use super::super::{Row, Wrong, declared, named};
use super::store;
use super::{MOST_FIELDS, field};
use crate::db::{DbError, Tx};
use crate::i18n::Lang;

/// Judges own fields that are to be written.
pub(in crate::masters) fn judge<'a>(tx: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    Box::pin(async move { judged(tx, rows).await })
}

async fn judged(tx: &mut Tx, rows: &[Candidate<'_>]) -> Result<Vec<Fault>, DbError> {
    let mut faults = Vec::new();
    for (at, candidate) in rows.iter().enumerate() {
        let row = candidate.row;
        let fixed = |name: &str| candidate.before.is_some_and(|before| before.get(name) != row.get(name));
        let found = if fixed("kind") {
            Err(("kind", Wrong::new("own-kind")))
        } else if fixed("refers") {
            Err(("refers", Wrong::new("own-kind")))
        } else {
            alone(row)
        };
        if let Err((field, wrong)) = found {
            faults.push(Fault { at, field, wrong });
            continue;
        }
        let (master, name) = (text(row, "master"), text(row, "field"));
        // Rows of the same file count too, each those before it.
        let before = rows
            .iter()
            .take(at)
            .filter(|other| other.before.is_none() && text(other.row, "master") == master);
        let there = usize::try_from(store::count(tx, master, name).await?).unwrap_or(usize::MAX);
        if there.saturating_add(before.count()) >= MOST_FIELDS {
            faults.push(Fault {
                at,
                field: "field",
                wrong: Wrong::new("own-many").with("most", MOST_FIELDS),
            });
        }
    }
    Ok(faults)
}

fn text<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What can be said of one without any other.
fn alone(row: &Row) -> Result<(), (&'static str, Wrong)> {
    let choices = row.get("choices").and_then(Value::as_array).map_or(0, Vec::len);
    match text(row, "kind") {
        "choice" if choices == 0 => return Err(("choices", Wrong::new("own-choices"))),
        "choice" => {
            let own = defined(row);
            named::judge(&own.choices, &own.called()).map_err(|(lang, wrong)| (choices_in(lang), wrong))?;
        }
        "reference" => {
            let refers = text(row, "refers");
            let fits = declared::ALL.iter().any(|master| master.name == refers && master.key.len() == 1);
            if !fits {
                return Err(("refers", Wrong::new("own-refers")));
            }
        }
        _ => {}
    }
    if !text(row, "pattern").is_empty() && field::whole(text(row, "pattern")).is_none() {
        return Err(("pattern", Wrong::new("own-pattern")));
    }
    let default = text(row, "default_value");
    if !default.is_empty() {
        let (column, _) = field::column(defined(row), false);
        let read = column.kind.read(default);
        let fits = column.pattern.as_ref().is_none_or(|pattern| pattern.is_match(default));
        if let Err(wrong) = read {
            return Err(("default_value", wrong));
        }
        if !fits {
            return Err(("default_value", Wrong::new("own-shape").with("pattern", text(row, "pattern"))));
        }
    }
    Ok(())
}

/// The field that says what choices are called in a language.
fn choices_in(lang: Lang) -> &'static str {
    match lang {
        Lang::En => "choices_en",
        Lang::Hi => "choices_hi",
        Lang::Bn => "choices_bn",
        Lang::Te => "choices_te",
    }
}

/// The field that a row of the master defines, as far as its values are concerned.
fn defined(row: &Row) -> store::OwnField {
    let number = |name: &str| row.get(name).and_then(Value::as_i64);
    let decimal = |name: &str| row.get(name).map(Kind::plain).and_then(|text| text.parse().ok());
    let list = |name: &str| -> Vec<String> {
        row.get(name).and_then(Value::as_array).into_iter().flatten().map(Kind::plain).collect()
    };
    store::OwnField {
        field: text(row, "field").to_owned(),
        labels: Value::Null,
        kind: text(row, "kind").to_owned(),
        needed: false,
        listed: false,
        personal: false,
        watched: false,
        longest: number("longest").and_then(|most| i32::try_from(most).ok()),
        pattern: Some(text(row, "pattern").to_owned()).filter(|pattern| !pattern.is_empty()),
        decimals: number("decimals").and_then(|places| i16::try_from(places).ok()).unwrap_or(0),
        least: decimal("least"),
        most: decimal("most"),
        choices: list("choices"),
        choices_en: list("choices_en"),
        choices_hi: list("choices_hi"),
        choices_bn: list("choices_bn"),
        choices_te: list("choices_te"),
        refers: None,
        default_value: None,
    }
}
