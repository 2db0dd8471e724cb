//! Compares the rows of an event with what its bytes come to, column by column. Pure.
//!
//! The rows are those that the ingest makes of an event's bytes ([`crate::ingest::rows`]);
//! each is taken apart field by field here, so that a column that is added there does not
//! compile until it is compared as well.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;
use verify::merkle::Hash;

use crate::ingest::rows::{
    AliasRow, Decoded, EventRow, LinkRow, LotRow, ReadingRow, ReferenceRow, SubjectRow,
};

/// Most differences that are told of one event.
pub(super) const MOST: usize = 40;

/// A column that says something else than the event's bytes do, or a row that is there or
/// not there against them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The column; that of a further row with the row's name and place, as
    /// `readings[0].value`.
    pub column: String,
    /// What stands in the database; `None` for nothing.
    pub stored: Option<String>,
    /// What the bytes say; `None` for nothing.
    pub said: Option<String>,
}

/// The rows of an event as they stand in the database.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Its own row and its bytes; `None` when it is gone.
    pub event: Option<(EventRow, Vec<u8>)>,
    /// Its further rows.
    pub rows: Rows,
    /// The hash of the free text beside it.
    pub note: Option<Hash>,
}

/// The further rows of an event, those of a list in its order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Of `event_subjects`; what only a birth needs is not in them.
    pub subjects: Vec<SubjectAt>,
    /// Of `event_references`.
    pub references: Vec<ReferenceRow>,
    /// Of `event_readings`.
    pub readings: Vec<ReadingRow>,
    /// Of `uid_links`.
    pub links: Vec<LinkAt>,
}

/// A UID of an event, with the event's time, by which the UID's events are in order.
#[derive(Debug, Clone, PartialEq)]
pub struct SubjectAt {
    /// The event's time; of what was taken in before it stood here, that in the event's own row.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The UID and what it does there.
    pub row: SubjectRow,
}

/// A link with its place among those of its event.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkAt {
    /// Its place.
    pub ordinal: i16,
    /// The event's time, which stands in it too.
    pub occurred_at: DateTime<Utc>,
    /// The link.
    pub link: LinkRow,
}

/// The rows that an event's bytes come to, in the form in which they are stored. Links of a
/// correction follow from another event, and are none of them.
#[must_use]
pub fn said(decoded: &Decoded) -> (EventRow, Rows) {
    let occurred_at = decoded.event.occurred_at;
    let links = decoded.links.iter().zip(0..);
    let rows = Rows {
        subjects: decoded
            .subjects
            .iter()
            .map(|row| SubjectRow { container: false, ..row.clone() })
            .map(|row| SubjectAt { occurred_at: Some(occurred_at), row })
            .collect(),
        references: decoded.references.clone(),
        readings: decoded.readings.clone(),
        links: links.map(|(link, ordinal)| LinkAt { ordinal, occurred_at, link: link.clone() }).collect(),
    };
    (EventRow { note_hash: None, ..decoded.event.clone() }, rows)
}

/// Everything in which the stored rows of an event differ from what its bytes say, the
/// first [`MOST`].
#[must_use]
pub fn differences(event: &EventRow, rows: &Rows, said: &(EventRow, Rows)) -> Vec<Difference> {
    let mut found = Vec::new();
    if *event != said.0 {
        columns("", event, &said.0, &mut found);
    }
    list("subjects", &rows.subjects, &said.1.subjects, |one| one.row.ordinal, &mut found);
    list("references", &rows.references, &said.1.references, |row| row.ordinal, &mut found);
    list("readings", &rows.readings, &said.1.readings, |row| row.ordinal, &mut found);
    list("links", &rows.links, &said.1.links, |row| row.ordinal, &mut found);
    found.truncate(MOST);
    found
}

/// Columns of two rows that say something else.
pub fn columns(at: &str, stored: &impl Columns, said: &impl Columns, found: &mut Vec<Difference>) {
    for ((column, stored), (_, said)) in stored.columns().into_iter().zip(said.columns()) {
        if stored != said {
            let column = if at.is_empty() { column.to_owned() } else { format!("{at}.{column}") };
            found.push(Difference { column, stored, said });
        }
    }
}

/// Rows of two lists that differ. Rows of one place are told apart by being equal, since a
/// forged one may stand beside the true one.
fn list<T: Columns + PartialEq>(
    name: &str,
    stored: &[T],
    said: &[T],
    ordinal: fn(&T) -> i16,
    found: &mut Vec<Difference>,
) {
    if stored == said {
        return;
    }
    let mut left: Vec<&T> = stored.iter().collect();
    let mut missing: Vec<&T> = Vec::new();
    for row in said {
        match left.iter().position(|other| *other == row) {
            Some(at) => {
                left.remove(at);
            }
            None => missing.push(row),
        }
    }
    for row in missing {
        let at = format!("{name}[{}]", ordinal(row));
        match left.iter().position(|other| ordinal(other) == ordinal(row)) {
            Some(other) => columns(&at, left.remove(other), row, found),
            None => found.push(Difference { column: at, stored: None, said: Some(all(row)) }),
        }
    }
    for row in left {
        let column = format!("{name}[{}]", ordinal(row));
        found.push(Difference { column, stored: Some(all(row)), said: None });
    }
}

/// A row in one line.
pub fn all(row: &impl Columns) -> String {
    let told = row.columns().into_iter().filter_map(|(column, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(format!("{column} {value}"))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A row as the names and the texts of its columns.
pub trait Columns {
    /// All columns, in a fixed order; `None` for no value.
    fn columns(&self) -> Vec<(&'static str, Option<String>)>;
}

/// A value as text, equal for equal values.
trait Shown {
    fn shown(&self) -> Option<String>;
}

macro_rules! plain {
    ($($kind:ty)*) => {
        $(impl Shown for $kind {
            fn shown(&self) -> Option<String> {
                Some(self.to_string())
            }
        })*
    };
}
plain!(i16 i32 i64 bool String Uuid NaiveDate);

impl Shown for DateTime<Utc> {
    fn shown(&self) -> Option<String> {
        Some(self.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl Shown for Decimal {
    fn shown(&self) -> Option<String> {
        Some(self.normalize().to_string())
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        self.as_ref().and_then(Shown::shown)
    }
}

/// Takes a row apart. What stands beside it in the struct, and in no column of its table,
/// is named too.
macro_rules! columns {
    ($row:ty: $($column:ident)+; beside $($beside:ident)*) => {
        impl Columns for $row {
            fn columns(&self) -> Vec<(&'static str, Option<String>)> {
                let Self { $($column,)+ $($beside: _,)* } = self;
                vec![$((stringify!($column), $column.shown())),+]
            }
        }
    };
}
columns!(EventRow: event_id stage action occurred_at occurred_offset_min recorded_at plant station operator_id
    shift production_date location operation attempt outcome accepted_quantity rejected_quantity reason machine
    overridden_by corrects reference_type reference_number; beside note_hash);
columns!(SubjectRow: ordinal key role quantity unit quantity2 unit2 count mint item lot_id; beside container);
columns!(ReferenceRow: ordinal kind number line; beside);
columns!(ReadingRow: ordinal name value unit quality low high taken_at; beside);
columns!(LotRow: lot_id item supplier supplier_lot made_on expires_on owner; beside);
columns!(AliasRow: alias key; beside);

impl Columns for SubjectAt {
    fn columns(&self) -> Vec<(&'static str, Option<String>)> {
        let Self { occurred_at, row } = self;
        row.columns().into_iter().chain([("occurred_at", occurred_at.shown())]).collect()
    }
}

impl Columns for LinkAt {
    fn columns(&self) -> Vec<(&'static str, Option<String>)> {
        let Self { ordinal, occurred_at, link } = self;
        let LinkRow { from_key, to_key, kind, effect, quantity, unit } = link;
        vec![
            ("ordinal", ordinal.shown()),
            ("from_key", from_key.shown()),
            ("to_key", to_key.shown()),
            ("kind", kind.shown()),
            ("effect", effect.shown()),
            ("quantity", quantity.shown()),
            ("unit", unit.shown()),
            ("occurred_at", occurred_at.shown()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(ordinal: i16, number: &str) -> ReferenceRow {
        ReferenceRow { ordinal, kind: "po".into(), number: number.into(), line: 0 }
    }

    fn told(stored: &[ReferenceRow], said: &[ReferenceRow]) -> Vec<String> {
        let mut found = Vec::new();
        list("references", stored, said, |row| row.ordinal, &mut found);
        found
            .into_iter()
            .map(|one| format!("{} {:?} {:?}", one.column, one.stored.is_some(), one.said.is_some()))
            .collect()
    }

    #[test]
    fn rows_are_told_apart_whatever_was_done_to_them() {
        let (a, b) = (reference(0, "PO-1"), reference(1, "PO-2"));
        assert!(told(&[a.clone(), b.clone()], &[a.clone(), b.clone()]).is_empty());
        assert!(
            told(&[b.clone(), a.clone()], &[a.clone(), b.clone()]).is_empty(),
            "order alone says nothing"
        );
        assert_eq!(
            told(&[reference(0, "PO-9"), b.clone()], &[a.clone(), b.clone()]),
            ["references[0].number true true"]
        );
        assert_eq!(told(std::slice::from_ref(&a), &[a.clone(), b.clone()]), ["references[1] false true"]);
        // A forged row of the same place beside the true one.
        assert_eq!(told(&[reference(0, "PO-9"), a.clone()], &[a]), ["references[0] true false"]);
        assert_eq!(told(&[b], &[]), ["references[1] true false"]);
    }

    #[test]
    fn numbers_are_equal_by_value() {
        let (one, other): (Decimal, Decimal) = ("1.5".parse().unwrap(), "1.500000".parse().unwrap());
        assert_eq!(one.shown(), other.shown());
        assert_ne!(Some(one).shown(), None::<Decimal>.shown());
    }
}
