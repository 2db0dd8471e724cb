//! Where a list by time goes on: the moment and the id of its last row, as the
//! text that answers give as `next`.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What is wrong with a text that is none.
pub const NOT_A_PLACE: &str = "is not what an answer gave as `next`";

/// The text for a row.
#[must_use]
pub fn place(at: DateTime<Utc>, id: Uuid) -> String {
    format!("{}.{id}", at.timestamp_micros())
}

/// The row that a text stands for; `None` when no answer gave it.
#[must_use]
pub fn parse_place(text: &str) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = text.split_once('.')?;
    Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, id.parse().ok()?))
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
    }
}
