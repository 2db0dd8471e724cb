//! The course of a recall as a small picture: how much is accounted for, in percent,
//! over time. Pure; the same figures stand in a table beside it.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::effect::Total;

/// Size of the picture, in its own units.
pub const WIDTH: i64 = 640;
/// Its height.
pub const HEIGHT: i64 = 200;
/// Room for what is written at the edges.
const EDGE: i64 = 36;

/// A step line, and where its target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The line, as SVG's `points`.
    pub line: String,
    /// Where the line ends, across and from the top: the last answer, or now.
    pub end: (i64, i64),
    /// Where the target's day stands, across; nothing where it is outside.
    pub target_x: Option<i64>,
    /// Where 100 % is, from the top.
    pub top: i64,
    /// Where 0 % is, from the top.
    pub bottom: i64,
}

/// The picture of a total from the moment of the beginning until `now`, or until the
/// target if that is later.
#[must_use]
pub fn chart(total: &Total, from: DateTime<Utc>, target: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Chart {
    let last = total.course.last().map_or(now, |point| point.at.max(now));
    let first = total.course.first().map_or(from, |point| point.at.min(from));
    let until = target.map_or(last, |target| target.max(last));
    let span = (until - first).num_seconds().max(1);
    let across =
        |at: DateTime<Utc>| EDGE + (at - first).num_seconds().clamp(0, span) * (WIDTH - 2 * EDGE) / span;
    let (top, bottom) = (EDGE / 2, HEIGHT - EDGE);
    let height = |accounted: Decimal| {
        let share = if total.to_account.is_zero() { Decimal::ZERO } else { accounted / total.to_account };
        bottom - (share * Decimal::from(bottom - top)).round().to_i64().unwrap_or(0)
    };
    let mut points = vec![format!("{EDGE},{bottom}")];
    let mut level = bottom;
    for point in &total.course {
        let (x, y) = (across(point.at), height(point.accounted));
        points.push(format!("{x},{level}"));
        points.push(format!("{x},{y}"));
        level = y;
    }
    let end = (across(last), level);
    points.push(format!("{},{level}", end.0));
    Chart { line: points.join(" "), end, target_x: target.map(across), top, bottom }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recalls::effect::Point;

    #[test]
    fn the_line_rises_to_the_top_when_all_is_accounted_for() {
        let at = |hours: i64| DateTime::from_timestamp(1_790_000_000 + hours * 3_600, 0).unwrap();
        let total = Total {
            unit: "pcs".into(),
            labels: 4,
            to_account: 4.into(),
            accounted: 4.into(),
            percent: None,
            course: vec![Point { at: at(5), accounted: 2.into() }, Point { at: at(10), accounted: 4.into() }],
        };
        let drawn = chart(&total, at(0), Some(at(20)), at(10));
        assert_eq!(drawn.line, "36,164 178,164 178,91 320,91 320,18 320,18");
        assert_eq!((drawn.end, drawn.target_x), ((320, 18), Some(604)));
        // Nothing said yet, and nothing to say: still a picture.
        let none = Total { course: vec![], to_account: Decimal::ZERO, ..total };
        assert_eq!(chart(&none, at(0), None, at(0)).line, "36,164 36,164");
    }
}
