//! How the rows of one place differ, in words.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};

use super::Fact;

/// Between the columns of a row, and between rows.
const COLUMN: char = '\u{1f}';
const ROW: char = '\u{1e}';

/// Names of the columns of a row's text; the first ones are its place.
fn names(fact: Fact) -> (&'static [&'static str], usize) {
    match fact {
        Fact::Lifecycle => (
            &[
                "seq",
                "happened_at",
                "ingested_at",
                "day",
                "plant",
                "station",
                "machine",
                "operator",
                "shift",
                "operation",
                "item",
                "supplier",
                "customer",
                "reason",
                "stage",
                "action",
                "outcome",
                "attempt",
                "units",
                "key",
                "minted",
                "accepted",
                "rejected",
                "lot",
                "purchase_order",
                "sales_order",
                "void",
            ],
            1,
        ),
        Fact::Reading => (
            &[
                "seq",
                "ordinal",
                "happened_at",
                "day",
                "plant",
                "station",
                "machine",
                "operator",
                "shift",
                "operation",
                "item",
                "stage",
                "attempt",
                "key",
                "reading",
                "value",
                "unit",
                "quality",
                "low",
                "high",
                "outside",
                "void",
            ],
            2,
        ),
        Fact::Inspection => (
            &[
                "seq",
                "ordinal",
                "happened_at",
                "day",
                "plant",
                "station",
                "machine",
                "operator",
                "shift",
                "operation",
                "item",
                "supplier",
                "reason",
                "stage",
                "outcome",
                "attempt",
                "key",
                "lot",
                "purchase_order",
                "void",
            ],
            2,
        ),
        Fact::Packing => (
            &[
                "seq",
                "ordinal",
                "happened_at",
                "day",
                "plant",
                "stage",
                "action",
                "role",
                "key",
                "package",
                "void",
            ],
            2,
        ),
        Fact::Genealogy => (
            &[
                "agent",
                "epoch",
                "seq",
                "ordinal",
                "from_key",
                "to_key",
                "happened_at",
                "day",
                "plant",
                "kind",
                "effect",
                "quantity",
                "unit",
            ],
            6,
        ),
    }
}

/// A value as a person reads it.
fn shown(name: &str, value: &str) -> String {
    let told = match name {
        "day" => value.parse().ok().and_then(TimeDelta::try_days).and_then(|days| {
            DateTime::UNIX_EPOCH.checked_add_signed(days).map(|day| day.date_naive().to_string())
        }),
        "happened_at" | "ingested_at" => {
            value.parse().ok().and_then(DateTime::from_timestamp_micros).map(|at| at.to_rfc3339())
        }
        _ => None,
    };
    told.unwrap_or_else(|| format!("{value:?}"))
}

fn place(fact: Fact, row: &str) -> String {
    let (names, own) = names(fact);
    let told = names.iter().zip(row.split(COLUMN)).take(own).map(|(name, value)| format!("{name} {value}"));
    told.collect::<Vec<_>>().join(" ")
}

fn list(rows: Option<&str>) -> Vec<&str> {
    rows.map(|rows| rows.split(ROW).collect()).unwrap_or_default()
}

/// What rows of one place say here and there that is not the same: `here` of the mirror,
/// `there` of Postgres.
pub(super) fn differences(fact: Fact, here: Option<&str>, there: Option<&str>) -> Vec<String> {
    let (here, there) = (list(here), list(there));
    // How often each stands here more than there.
    let mut more: BTreeMap<&str, i64> = BTreeMap::new();
    here.iter().for_each(|row| *more.entry(row).or_default() += 1);
    there.iter().for_each(|row| *more.entry(row).or_default() -= 1);
    let (names, own) = names(fact);
    let table = fact.table();
    let mut told = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    for (row, count) in more.iter().filter(|(_, count)| **count < 0) {
        missing.extend((0..-count).map(|_| *row));
    }
    for (row, count) in more.iter().filter(|(_, count)| **count > 0) {
        if there.contains(row) {
            let times = |rows: &[&str]| rows.iter().filter(|one| *one == row).count();
            let (one, other) = (times(&here), times(&there));
            told.push(format!(
                "{table}, {}: {one} times in the mirror, {other} in Postgres",
                place(fact, row)
            ));
            continue;
        }
        for _ in 0..*count {
            let columns: Vec<&str> = row.split(COLUMN).collect();
            let same = |other: &&str| other.split(COLUMN).take(own).eq(columns.iter().take(own).copied());
            let Some(at) = missing.iter().position(same) else {
                told.push(format!("{table}, {}: not in Postgres", place(fact, row)));
                continue;
            };
            let other = missing.remove(at);
            let what = names.iter().zip(columns.iter().copied().zip(other.split(COLUMN)));
            let what = what.filter(|(_, (one, other))| one != other).map(|(name, (one, other))| {
                format!("{name} {} in the mirror, {} in Postgres", shown(name, one), shown(name, other))
            });
            let what = what.collect::<Vec<_>>().join("; ");
            told.push(format!("{table}, {}: {what}", place(fact, row)));
        }
    }
    told.extend(missing.into_iter().map(|row| format!("{table}, {}: not in the mirror", place(fact, row))));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(supplier: &str, ordinal: &str) -> String {
        let mut columns = vec!["x"; 20];
        (columns[0], columns[1], columns[3], columns[11]) = ("7", ordinal, "20108", supplier);
        columns.join(&COLUMN.to_string())
    }

    fn told(here: &[String], there: &[String]) -> Vec<String> {
        let rows = |rows: &[String]| (!rows.is_empty()).then(|| rows.join(&ROW.to_string()));
        differences(Fact::Inspection, rows(here).as_deref(), rows(there).as_deref())
    }

    #[test]
    fn what_differs_is_named() {
        let (one, other, next) = (row("XYZ", "0"), row("ACME", "0"), row("XYZ", "1"));
        assert!(told(&[one.clone(), next.clone()], &[next.clone(), one.clone()]).is_empty(), "in any order");
        assert_eq!(
            told(&[one.clone(), next.clone()], &[other, next.clone()]),
            ["fact_inspection, seq 7 ordinal 0: supplier \"XYZ\" in the mirror, \"ACME\" in Postgres"]
        );
        let twice = told(&[one.clone(), one.clone()], std::slice::from_ref(&one));
        assert_eq!(twice, ["fact_inspection, seq 7 ordinal 0: 2 times in the mirror, 1 in Postgres"]);
        assert_eq!(
            told(&[], std::slice::from_ref(&one)),
            ["fact_inspection, seq 7 ordinal 0: not in the mirror"]
        );
        assert_eq!(
            told(&[one, next.clone()], &[next]),
            ["fact_inspection, seq 7 ordinal 0: not in Postgres"]
        );
    }

    #[test]
    fn days_and_moments_are_told_as_such() {
        assert_eq!(shown("day", "20108"), "2025-01-20");
        assert_eq!(shown("happened_at", "0"), "1970-01-01T00:00:00+00:00");
        assert_eq!(shown("item", "20108"), "\"20108\"");
    }
}
