//! What makes a series one that can be defined: a pattern that keeps to the rules,
//! that no other series of the company can meet, and that stays as it is once
//! numbers were given out.

use std::collections::HashMap;

use serde_json::Value;

use super::kinds;
use super::pattern::{Pattern, Rules};
use super::period::Reset;
use super::store::{self, Neighbour};
use crate::db::{DbError, Tx};
use crate::masters::{Candidate, Fault, Judging, Row, Wrong};

/// What may not change once a number was given out.
const FROZEN: [&str; 8] =
    ["kind", "company", "gstin", "pattern", "width", "reset", "year_starts", "gst_rule"];

fn text<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn number(row: &Row, name: &str) -> i64 {
    row.get(name).and_then(Value::as_i64).unwrap_or_default()
}

fn flag(row: &Row, name: &str) -> bool {
    row.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// The pattern that a row of the master says.
pub(super) fn pattern(row: &Row) -> Result<Pattern, (&'static str, Wrong)> {
    let gst = flag(row, "gst_rule");
    let strict = kinds::kind(text(row, "kind")).is_some_and(|kind| kind.gst);
    if strict && !gst && !text(row, "gstin").is_empty() {
        return Err(("gst_rule", Wrong::new("series-gst")));
    }
    let width = usize::try_from(number(row, "width")).unwrap_or(1).max(1);
    let rules = Rules { width, reset: Reset::parse(text(row, "reset")), gst };
    Pattern::read(text(row, "pattern"), rules).map_err(|wrong| ("pattern", wrong))
}

/// Judges series that are to be written.
pub(crate) fn judge<'a>(tx: &'a mut Tx, rows: &'a [Candidate<'a>]) -> Judging<'a> {
    Box::pin(async move { judged(tx, rows).await })
}

async fn judged(tx: &mut Tx, rows: &[Candidate<'_>]) -> Result<Vec<Fault>, DbError> {
    let mut faults = Vec::new();
    let mut known: HashMap<(String, String), Vec<Neighbour>> = HashMap::new();
    // By plant and name at its stations: the series of this file that have it.
    let mut lent: HashMap<(String, String), String> = HashMap::new();
    for (at, candidate) in rows.iter().enumerate() {
        let row = candidate.row;
        if let Some(before) = candidate.before
            && let Some(field) = FROZEN.iter().find(|name| before.get(**name) != row.get(**name))
            && store::series_used(tx, text(row, "series")).await?
        {
            faults.push(Fault { at, field, wrong: Wrong::new("series-frozen") });
            continue;
        }
        let pattern = match pattern(row) {
            Ok(pattern) => pattern,
            Err((field, wrong)) => {
                faults.push(Fault { at, field, wrong });
                continue;
            }
        };
        if let Some((field, wrong)) = of_stations(row, &pattern) {
            faults.push(Fault { at, field, wrong });
            continue;
        }
        if !text(row, "station_series").is_empty() {
            let (series, place) = (text(row, "series"), (text(row, "plant"), text(row, "station_series")));
            let other = match lent.insert((place.0.to_owned(), place.1.to_owned()), series.to_owned()) {
                Some(other) => Some(other),
                None => store::station_taken(tx, place.0, place.1, series).await?,
            };
            if let Some(other) = other {
                let wrong = Wrong::new("series-lent-two").with("series", &other);
                faults.push(Fault { at, field: "station_series", wrong });
                continue;
            }
        }
        let group = (text(row, "company").to_owned(), text(row, "kind").to_owned());
        if !known.contains_key(&group) {
            let found = store::neighbours(tx, &group.0, &group.1).await?;
            known.insert(group.clone(), found);
        }
        let others = known.entry(group).or_default();
        // Rows of the same file count as they will be.
        others.retain(|other| other.series != text(row, "series"));
        if let Some(fault) = beside(at, row, &pattern, others) {
            faults.push(fault);
        }
        others.push(Neighbour {
            series: text(row, "series").to_owned(),
            pattern: text(row, "pattern").to_owned(),
            width: i16::try_from(number(row, "width")).unwrap_or(1),
            gstin: row.get("gstin").and_then(Value::as_str).map(str::to_owned),
            plant: row.get("plant").and_then(Value::as_str).map(str::to_owned),
            automatic: flag(row, "automatic"),
            deleted: false,
        });
    }
    Ok(faults)
}

/// What is wrong with the pattern of a series whose numbers stations are to give: they do not
/// begin alike.
fn of_stations(row: &Row, pattern: &Pattern) -> Option<(&'static str, Wrong)> {
    let given = !text(row, "station_series").is_empty();
    let steady = pattern.is_steady(Reset::parse(text(row, "reset")));
    (given && !steady).then(|| ("pattern", Wrong::new("series-lent-pattern")))
}

/// What is wrong with a series beside the others of the company and kind.
fn beside(at: usize, row: &Row, pattern: &Pattern, others: &[Neighbour]) -> Option<Fault> {
    for other in others {
        // The loosest reading: what a series once gave out stays, whatever its rules.
        let width = usize::try_from(other.width).unwrap_or(1);
        let rules = Rules { width, reset: Reset::Never, gst: false };
        let there = Pattern::read(&other.pattern, rules);
        if there.is_ok_and(|there| there.meets(pattern)) {
            let wrong = Wrong::new("pattern-meets").with("series", &other.series);
            return Some(Fault { at, field: "pattern", wrong });
        }
    }
    let same = |other: &&Neighbour| {
        !other.deleted
            && other.automatic
            && other.gstin.as_deref().unwrap_or_default() == text(row, "gstin")
            && other.plant.as_deref().unwrap_or_default() == text(row, "plant")
    };
    let other = others.iter().find(same).filter(|_| flag(row, "automatic"))?;
    let wrong = Wrong::new("series-two").with("series", &other.series);
    Some(Fault { at, field: "automatic", wrong })
}
