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
/// Room for the break of the axis before a target that is far off.
const BEYOND: i64 = 96;

/// A step line, and where its target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The line, as SVG's `points`.
    pub line: String,
    /// Where the line ends, across and from the top: the last answer, or now.
    pub end: (i64, i64),
    /// Where the target's day stands.
    pub target: Option<Mark>,
    /// Where 100 % is, from the top.
    pub top: i64,
    /// Where 0 % is, from the top.
    pub bottom: i64,
}

/// Where the target's day stands in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Across.
    pub x: i64,
    /// It is later than the line has room for: the axis is broken before it.
    pub beyond: bool,
}

impl Mark {
    /// On which side of it there is room for its name, as SVG's `text-anchor`.
    #[must_use]
    pub fn anchor(self) -> &'static str {
        if self.x < WIDTH / 2 { "start" } else { "end" }
    }

    /// Where the axis is broken, across.
    #[must_use]
    pub fn gap(self) -> i64 {
        self.x - BEYOND / 2
    }
}

/// The picture of a total from the moment of the beginning until `now`, or until the
/// target if that is later. A target so far off that the line would have less than half of
/// the width stands at the edge, behind a break of the axis.
#[must_use]
pub fn chart(total: &Total, from: DateTime<Utc>, target: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Chart {
    let last = total.course.last().map_or(now, |point| point.at.max(now));
    let first = total.course.first().map_or(from, |point| point.at.min(from));
    let beyond = target.is_some_and(|target| target - last > last - first);
    let until = target.filter(|_| !beyond).map_or(last, |target| target.max(last));
    let span = (until - first).num_seconds().max(1);
    let width = WIDTH - 2 * EDGE - if beyond { BEYOND } else { 0 };
    let across = |at: DateTime<Utc>| EDGE + (at - first).num_seconds().clamp(0, span) * width / span;
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
    let mark = |target| Mark { x: if beyond { WIDTH - EDGE } else { across(target) }, beyond };
    Chart { line: points.join(" "), end, target: target.map(mark), top, bottom }
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
        assert_eq!((drawn.end, drawn.target), ((320, 18), Some(Mark { x: 604, beyond: false })));
        // A target in three months leaves the line its room.
        let far = chart(&total, at(0), Some(at(24 * 90)), at(10));
        let mark = far.target.unwrap();
        assert_eq!((far.end, mark), ((508, 18), Mark { x: 604, beyond: true }));
        assert!(mark.gap() > far.end.0 && mark.anchor() == "end");
        // One that has passed is where it was.
        let passed = chart(&total, at(0), Some(at(2)), at(10)).target.unwrap();
        assert_eq!((passed, passed.anchor()), (Mark { x: 149, beyond: false }, "start"));
        // Nothing said yet, and nothing to say: still a picture.
        let none = Total { course: vec![], to_account: Decimal::ZERO, ..total };
        assert_eq!(chart(&none, at(0), None, at(0)).line, "36,164 36,164");
    }
}
