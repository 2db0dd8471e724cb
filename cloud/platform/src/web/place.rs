//! Where a list by time goes on: the moment and the id of its last row, as the
//! text that answers give as `next`.

use chrono::{DateTime, Datelike, Utc};
use uuid::Uuid;

use super::Problem;

/// What is wrong with a text that is none.
pub const NOT_A_PLACE: &str = "is not what an answer gave as `next`";

/// The text for a row.
#[must_use]
pub fn place(at: DateTime<Utc>, id: Uuid) -> String {
    format!("{}.{id}", at.timestamp_micros())
}

/// The moment of so many microseconds, as text; `None` for what is no number, and of years
/// that the database has no time for.
#[must_use]
pub fn moment(micros: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros.parse().ok()?).filter(|at| (1..=9999).contains(&at.year()))
}

/// The row that a text stands for; `None` when no answer gave it.
#[must_use]
pub fn parse_place(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text.split_once('.')?;
    Some((moment(at)?, id.parse().ok()?))
}

/// The problem that `after` of a query is none: 400 `query.parameter`, at its field.
#[must_use]
pub fn no_place() -> Problem {
    Problem::bad_request("query.parameter", NOT_A_PLACE)
        .both_told_by("after", |texts| texts.t("error-no-place"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_to_the_microsecond() {
        let at = DateTime::from_timestamp_micros(1_795_000_000_123_456).unwrap();
        let id = Uuid::from_u128(7);
        assert_eq!(parse_place(&place(at, id)), Some((at, id)));
        for wrong in ["", ".", "1", "1.x", "x.00000000-0000-0000-0000-000000000007", "9e9.0"] {
            assert_eq!(parse_place(wrong), None, "{wrong}");
        }
        assert_eq!(parse_place(&format!("{}.{id}", i64::MAX / 2)), None, "no year of ours");
    }

    #[test]
    fn what_is_no_place_is_told_at_its_field() {
        let told = no_place();
        assert_eq!((told.status.as_u16(), told.code.as_ref()), (400, "query.parameter"));
        assert_eq!(told.errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["after"]);
    }
}
