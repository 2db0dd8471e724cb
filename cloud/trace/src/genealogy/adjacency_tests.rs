//! The links in memory against the plainest way to walk a graph.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::adjacency::{Adjacency, Scratch, state};
use super::build::Builder;
use super::{Direction, Link, Mode};

const MODES: [Mode; 5] = [Mode::Ever, Mode::Open, Mode::Made, Mode::Packed, Mode::Recall];

type Known = BTreeMap<(i64, i64, i16), (bool, bool)>;

fn counts(mode: Mode, kind: i16, (ever, open): (bool, bool)) -> bool {
    let stands = match mode {
        Mode::Ever => true,
        Mode::Open => open,
        Mode::Made => kind != 3,
        Mode::Packed => kind == 3 && open,
        Mode::Recall => kind != 3 || open,
    };
    ever && stands
}

fn ends(direction: Direction, (from, to, _): (i64, i64, i16)) -> (i64, i64) {
    if direction == Direction::Forward { (from, to) } else { (to, from) }
}

/// Everything reached, step by step.
fn plain(known: &Known, starts: &[i64], direction: Direction, mode: Mode, depth: usize) -> Vec<i64> {
    let mut all: BTreeSet<i64> = starts.iter().copied().collect();
    for _ in 0..depth.min(known.len() + 1) {
        let next: Vec<i64> = known
            .iter()
            .filter(|(link, what)| counts(mode, link.2, **what))
            .map(|(link, _)| ends(direction, *link))
            .filter(|(one, _)| all.contains(one))
            .map(|(_, other)| other)
            .collect();
        all.extend(next);
    }
    all.into_iter().collect()
}

fn plain_links(known: &Known, start: i64, direction: Direction, mode: Mode, depth: usize) -> Vec<Link> {
    let near: BTreeSet<i64> = plain(known, &[start], direction, mode, depth).into_iter().collect();
    known
        .iter()
        .filter(|(link, what)| counts(mode, link.2, **what) && near.contains(&ends(direction, **link).0))
        .map(|(&(from, to, kind), &(ever, open))| Link { from, to, kind, open: ever && open })
        .collect()
}

fn built(known: &Known) -> Adjacency {
    let mut builder = Builder::default();
    for (&(from, to, kind), &(ever, open)) in known.iter().filter(|(_, (ever, _))| *ever) {
        builder.push(from, to, state(kind, ever, open));
    }
    builder.finish()
}

fn same(adjacency: &Adjacency, scratch: &mut Scratch, known: &Known) {
    for direction in [Direction::Forward, Direction::Backward] {
        for mode in MODES {
            for start in 0..14 {
                for depth in [0, 1, 3, usize::MAX] {
                    let starts = [start, (start * 5) % 14];
                    let want = plain(known, &starts, direction, mode, depth);
                    let (keys, cut) = adjacency.reach(scratch, &starts, direction, mode, depth, 100);
                    assert_eq!((&keys, cut), (&want, false), "{starts:?} {direction:?} {mode:?} {depth}");
                    let exact = adjacency.reach(scratch, &starts, direction, mode, depth, want.len());
                    assert_eq!(exact, (want.clone(), false), "just as many as may be");
                    let (some, cut) =
                        adjacency.reach(scratch, &starts, direction, mode, depth, want.len() - 1);
                    assert!(cut && some.len() == want.len() - 1 && some.iter().all(|key| want.contains(key)));
                    let (mut links, cut) =
                        adjacency.links_within(scratch, start, direction, mode, depth, 1000);
                    links.sort_unstable();
                    assert_eq!((links, cut), (plain_links(known, start, direction, mode, depth), false));
                }
            }
        }
    }
}

/// From, to and kind; whether it was ever made and is open.
type Said = ((i64, i64, i16), (bool, bool));

/// A link among few UIDs, so that there are cycles, loops to itself and diamonds.
fn links(most: usize) -> impl Strategy<Value = Vec<Said>> {
    let link = (0_i64..12, 0_i64..12, 1_i16..4);
    prop::collection::vec((link, (any::<bool>(), any::<bool>())), 0..most)
}

proptest! {
    #[test]
    fn it_answers_as_the_plainest_way_does(first in links(40), later in links(40), late in 0_usize..3) {
        let mut known: Known = first.into_iter().collect();
        let mut adjacency = built(&known);
        let mut scratch = Scratch::default();
        same(&adjacency, &mut scratch, &known);
        for (at, &((from, to, kind), what)) in later.iter().enumerate() {
            adjacency.set(from, to, kind, what.0, what.1);
            known.insert((from, to, kind), what);
            if late > 0 && at % (7 * late) == 0 {
                adjacency = adjacency.merged();
            }
        }
        same(&adjacency, &mut scratch, &known);
        same(&adjacency.merged(), &mut scratch, &known);
    }
}

#[test]
fn a_package_that_it_was_taken_out_of_has_no_more_to_do_with_it() {
    // 1 went into 2 and 2 was taken out again; 1 was in the bin 8, and is in the box 9.
    let known: Known = [
        ((1, 2, 2), (true, false)),
        ((1, 8, 3), (true, false)),
        ((1, 9, 3), (true, true)),
        ((2, 3, 1), (true, true)),
        ((8, 7, 3), (true, true)),
    ]
    .into();
    let adjacency = built(&known);
    let mut scratch = Scratch::default();
    let mut from =
        |start, direction, mode| adjacency.reach(&mut scratch, &[start], direction, mode, usize::MAX, 100).0;
    assert_eq!(from(1, Direction::Forward, Mode::Ever), [1, 2, 3, 7, 8, 9]);
    assert_eq!(from(1, Direction::Forward, Mode::Recall), [1, 2, 3, 9]);
    assert_eq!(from(1, Direction::Forward, Mode::Made), [1, 2, 3]);
    assert_eq!(from(9, Direction::Backward, Mode::Packed), [1, 9]);
    assert_eq!(from(8, Direction::Backward, Mode::Packed), [8]);
}

#[test]
fn a_question_leaves_no_mark() {
    let known: Known = (0..1000).map(|n| ((n, n + 1, 1), (true, true))).collect();
    let adjacency = built(&known);
    let mut scratch = Scratch::default();
    let ask = |scratch: &mut Scratch| {
        adjacency.reach(scratch, &[0], Direction::Forward, Mode::Ever, usize::MAX, 500)
    };
    let first = ask(&mut scratch);
    assert_eq!((first.0.len(), first.1), (500, true));
    assert_eq!(ask(&mut scratch), first);
    let before = scratch.bytes();
    let all = adjacency.reach(&mut scratch, &[0], Direction::Forward, Mode::Ever, usize::MAX, 2000);
    assert_eq!(all, ((0..=1000).collect(), false));
    assert!(before < 2048 * 4 && adjacency.links() == 1000 && adjacency.uids() == 1001);
}

#[test]
fn a_link_takes_ten_bytes_and_a_uid_sixteen() {
    let known: Known = (0..50_000).map(|n| ((n / 2, 100_000 + n % 30_000, 1), (true, true))).collect();
    let adjacency = built(&known);
    let most = adjacency.links() * 10 + (adjacency.uids() + 2) * 16;
    assert_eq!(adjacency.links(), 50_000);
    assert!(adjacency.bytes() <= most, "{} of {most}", adjacency.bytes());
    let mut grown = adjacency.merged();
    assert_eq!(grown.bytes(), adjacency.bytes(), "without what is beside the arrays it is the same");
    grown.set(1, 5, 2, true, true);
    assert!(grown.bytes() > adjacency.bytes(), "what is beside them counts");
}
