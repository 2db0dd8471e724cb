//! Where the boxes and lines of a picture stand. Pure.

use super::group::Picture;

/// A box is this wide …
const WIDTH: usize = 152;
/// … and this high.
const HEIGHT: usize = 62;
/// Between boxes of a row.
const GAP: usize = 16;
/// Between rows of one level.
const ROW: usize = 14;
/// Between levels.
const BAND: usize = 44;
/// Around everything.
const EDGE: usize = 6;

/// A box: its left upper corner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corner {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
}

impl Corner {
    /// The middle, from the left.
    #[must_use]
    pub fn middle(&self) -> usize {
        self.x + WIDTH / 2
    }

    /// From the left and from the top with this much more, for a text within it.
    #[must_use]
    pub fn at(&self, right: usize, down: usize) -> (usize, usize) {
        (self.x + right, self.y + down)
    }
}

/// A line: the path to draw, and how thick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stroke {
    /// `d` of the path.
    pub path: String,
    /// 1 to 5, by the number of links.
    pub thick: usize,
    /// All its links were taken out again.
    pub closed: bool,
}

/// A picture laid out, its boxes and strokes in the order of the picture's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawing {
    /// How wide all of it is.
    pub width: usize,
    /// How high.
    pub height: usize,
    /// Of one box.
    pub box_width: usize,
    /// Of one box.
    pub box_height: usize,
    /// A box for each node.
    pub boxes: Vec<Corner>,
    /// A stroke for each line.
    pub strokes: Vec<Stroke>,
}

/// Lays a picture out, level under level, at most `columns` boxes beside each other.
#[must_use]
pub fn draw(picture: &Picture, columns: usize) -> Drawing {
    let columns = columns.max(1);
    let widest = picture.levels.iter().map(|level| level.nodes.len().min(columns)).max().unwrap_or(1).max(1);
    let span = |boxes: usize| boxes * WIDTH + boxes.saturating_sub(1) * GAP;
    let width = span(widest) + 2 * EDGE;
    let mut boxes = vec![Corner { x: 0, y: 0 }; picture.nodes.len()];
    let mut y = EDGE;
    for level in &picture.levels {
        for row in level.nodes.chunks(columns) {
            let left = (width - span(row.len())) / 2;
            for (column, &node) in row.iter().enumerate() {
                boxes[node] = Corner { x: left + column * (WIDTH + GAP), y };
            }
            y += HEIGHT + ROW;
        }
        y += BAND - ROW;
    }
    let strokes = picture
        .lines
        .iter()
        .map(|line| {
            let (from, to) = (boxes[line.from], boxes[line.to]);
            let (x1, y1, x2, y2) = (from.middle(), from.y + HEIGHT, to.middle(), to.y);
            let bend = y1.abs_diff(y2).clamp(20, 60) / 2;
            let (c1, c2) = (y1 + bend, y2.saturating_sub(bend));
            Stroke {
                path: format!("M{x1} {y1}C{x1} {c1} {x2} {c2} {x2} {y2}"),
                thick: match line.links {
                    0..=1 => 1,
                    2..=9 => 2,
                    10..=99 => 3,
                    100..=999 => 4,
                    _ => 5,
                },
                closed: line.links == line.closed,
            }
        })
        .collect();
    let height = (y + EDGE).saturating_sub(BAND);
    Drawing { width, height, box_width: WIDTH, box_height: HEIGHT, boxes, strokes }
}

#[cfg(test)]
mod tests {
    use super::super::group::{Unit, group, opened};
    use super::*;

    fn picture() -> Picture {
        let unit = |key: i64, level: i32, item: String| Unit {
            key,
            uid: format!("U{key}"),
            level,
            kind: "FG".into(),
            item,
            ..Unit::default()
        };
        let mut units = vec![unit(0, 0, "A".into())];
        units.extend((1..=19).map(|key| unit(key, 1, format!("B{key}"))));
        units.extend((20..=400).map(|key| unit(key, 2, "C".into())));
        group(&units, &[], &opened("2.FG.C"))
    }

    #[test]
    fn no_two_boxes_meet_and_all_lie_within() {
        for columns in [1, 2, 5] {
            let picture = picture();
            let drawing = draw(&picture, columns);
            assert_eq!(drawing.boxes.len(), picture.nodes.len());
            for (number, one) in drawing.boxes.iter().enumerate() {
                assert!(one.x + WIDTH <= drawing.width && one.y + HEIGHT <= drawing.height, "{one:?}");
                for other in &drawing.boxes[number + 1..] {
                    let apart = one.x.abs_diff(other.x) >= WIDTH || one.y.abs_diff(other.y) >= HEIGHT;
                    assert!(apart, "{one:?} {other:?}");
                }
            }
        }
        // Two columns fit a phone.
        assert!(draw(&picture(), 2).width <= 340);
    }
}
