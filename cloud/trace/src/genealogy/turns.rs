//! What went into what and came out of it, told by its events in their order. Pure.
//!
//! A link's rows could be counted; but then something that was taken out without anybody
//! having seen it put in would cancel what is really put in later. So each taking-out
//! answers one putting-in, by the rule that the order of facts across agents is made of
//! ([`crate::explore::order::passages`]): the earliest one that nothing has answered yet,
//! whatever the clocks of two agents say, and never one that its own agent told after it. One
//! that answers nothing is shown as what it is. Within an agent its sequence is the order: a
//! clock that was put back goes on from where it had been.
//!
//! A return answers only what was put in before it: nobody returns what is not there yet. It
//! says by itself that the whole was left, so what is booked after it may be no more than that
//! once more: a taking-out before which nothing is left to answer stands for such a return
//! first, each for one, and leaves alone what is put in later. The fold of states comes to the
//! same ([`crate::projection::fold`]), and `app.link_open` is the same in SQL.

use std::collections::{HashMap, HashSet, VecDeque};

use chrono::{DateTime, Utc};
use proto::v1::{Action, Stage};
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::explore::order::{Node, Stamp, causal};

/// A UID went into another or came out of it; no correction says that it never did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Which event told it.
    pub stamp: Stamp,
    /// Its id.
    pub event_id: Uuid,
    /// In, not out.
    pub into: bool,
    /// When, by the plant's clock.
    pub at: DateTime<Utc>,
    /// At which plant.
    pub plant: String,
    /// How much, where it says so.
    pub quantity: Option<Decimal>,
    /// It came back from a customer without the whole, which closed the link.
    pub returned: bool,
}

/// A putting-in, by its place among the turns, and the taking-out that answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// The putting-in.
    pub put_in: usize,
    /// The taking-out; `None` while it is in there.
    pub taken_out: Option<usize>,
}

/// All that the turns of one UID and one whole come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// What was put in, in the order of facts.
    pub stays: Vec<Stay>,
    /// Takings-out of what nobody saw put in, likewise.
    pub unseen: Vec<usize>,
    /// Takings-out that were booked after a return had closed the link: they say again what it
    /// said, and which putting-in that had answered.
    pub again: Vec<Stay>,
    /// Several agents told of it, more than one putting-in and its taking-out: which answers
    /// which, only their clocks say.
    pub by_clock: bool,
}

impl Story {
    /// Whether something that was put in is still there.
    #[must_use]
    pub fn open(&self) -> bool {
        self.stays.iter().any(|stay| stay.taken_out.is_none())
    }
}

/// Puts the turns of one UID and one whole together. Their order has no influence; a turn
/// that is given twice counts once.
#[must_use]
pub fn fold(turns: &[Turn]) -> Story {
    let mut once: Vec<usize> = (0..turns.len()).collect();
    once.sort_by_key(|&at| turns[at].stamp);
    once.dedup_by_key(|at| turns[*at].stamp);
    let mut clocks: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
    let nodes: Vec<Node> = once
        .iter()
        .map(|&at| {
            let turn = &turns[at];
            let clock = clocks.get(&turn.stamp.agent).map_or(turn.at, |clock| turn.at.max(*clock));
            // Whether one that answers nothing has a row or none, all others stay where they are.
            if !turn.returned {
                clocks.insert(turn.stamp.agent, clock);
            }
            node(turn, clock)
        })
        .collect();
    let Answers { of, again } = answers(&nodes);
    let mut answered: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut seen: HashSet<usize> = again.iter().map(|(_, taken_out)| *taken_out).collect();
    for (put_in, taken_out) in of {
        answered[put_in] = Some(once[taken_out]);
        seen.insert(taken_out);
    }
    let mut story = Story::default();
    for index in causal(&nodes) {
        if turns[once[index]].into {
            story.stays.push(Stay { put_in: once[index], taken_out: answered[index] });
        } else if !seen.contains(&index) {
            story.unseen.push(once[index]);
        }
    }
    let again = again.into_iter();
    story.again =
        again.map(|(put_in, out)| Stay { put_in: once[put_in], taken_out: Some(once[out]) }).collect();
    let agents: HashSet<Uuid> = nodes.iter().map(|node| node.stamp.agent).collect();
    let plain = story.stays.len() <= 1 && story.unseen.is_empty() && story.again.is_empty();
    story.by_clock = agents.len() > 1 && !plain;
    story
}

/// Puttings-in and takings-out, by their places among the nodes.
#[derive(Default)]
struct Answers {
    /// Which taking-out answers which putting-in.
    of: Vec<(usize, usize)>,
    /// Which one says again what a return said, and which putting-in that had answered.
    again: Vec<(usize, usize)>,
}

/// Which taking-out answers what: the earliest first, by the clocks of their agents.
fn answers(nodes: &[Node]) -> Answers {
    let rank = |index: usize| (nodes[index].occurred_at, nodes[index].stamp);
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_unstable_by_key(|&index| rank(index));
    let goes_in = |index: &usize| nodes[*index].action == Action::Add;
    let (mut open, taken_out): (Vec<usize>, Vec<usize>) = order.into_iter().partition(goes_in);
    let mut found = Answers::default();
    // What returns answered for which no taking-out was booked yet.
    let mut returns: VecDeque<usize> = VecDeque::new();
    for out in taken_out {
        let returned = nodes[out].stage == Stage::Return;
        let possible = |put_in: &usize| {
            let (from, to) = (nodes[*put_in].stamp, nodes[out].stamp);
            from.agent != to.agent || from < to
        };
        let first = open.iter().position(possible);
        let fits = |at: &usize| rank(open[*at]) < rank(out) || (!returned && returns.is_empty());
        if let Some(at) = first.filter(fits) {
            let put_in = open.remove(at);
            found.of.push((put_in, out));
            if returned {
                returns.push_back(put_in);
            }
        } else if !returned && let Some(put_in) = returns.pop_front() {
            found.again.push((put_in, out));
        }
    }
    found
}

/// A turn as the order of facts sees it: every one is about the same two UIDs.
fn node(turn: &Turn, clock: DateTime<Utc>) -> Node {
    let stage = if turn.returned { Stage::Return } else { Stage::Packing };
    let action = if turn.into { Action::Add } else { Action::Delete };
    Node {
        stamp: turn.stamp,
        action,
        occurred_at: clock,
        plant: turn.plant.clone(),
        parent: Some(0),
        ..Node::bare(turn.event_id, stage, None)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::TimeZone;
    use proptest::prelude::*;
    use proto::v1::Role;

    use super::*;
    use crate::projection::fact::{Fact, Part};
    use crate::projection::fold::{Born, fold as fold_facts};

    fn turn(agent: u8, seq: i64, into: bool, minute: i64) -> Turn {
        Turn {
            stamp: Stamp { agent: Uuid::from_bytes([agent; 16]), epoch: 1, seq },
            event_id: Uuid::from_u128(u128::from(agent) << 64 | seq.unsigned_abs() as u128),
            into,
            at: Utc.timestamp_opt(1_700_000_000 + minute * 60, 0).unwrap(),
            plant: format!("P{agent:02}"),
            quantity: None,
            returned: false,
        }
    }

    fn stay(put_in: usize, taken_out: Option<usize>) -> Stay {
        Stay { put_in, taken_out }
    }

    #[test]
    fn what_was_taken_out_unseen_takes_nothing_along_that_is_put_in_later() {
        let story = fold(&[turn(1, 1, false, 1), turn(1, 2, true, 2)]);
        assert_eq!((story.stays.clone(), story.unseen.clone()), (vec![stay(1, None)], vec![0]));
        assert!(story.open() && !story.by_clock);
        // A clock that was put back meanwhile changes nothing.
        assert_eq!(fold(&[turn(1, 1, false, 9), turn(1, 2, true, 2)]), story);
    }

    #[test]
    fn in_and_out_again_and_again() {
        let turns = [
            turn(1, 1, true, 1),
            turn(1, 2, false, 2),
            turn(1, 3, true, 3),
            turn(1, 4, false, 4),
            turn(1, 5, true, 5),
        ];
        let story = fold(&turns);
        assert_eq!(story.stays, [stay(0, Some(1)), stay(2, Some(3)), stay(4, None)]);
        assert!(!fold(&turns[..4]).open());
    }

    #[test]
    fn another_plant_takes_out_what_was_put_in_whatever_its_clock_says() {
        let story = fold(&[turn(2, 1, false, 0), turn(1, 1, true, 60)]);
        assert_eq!(story.stays, [stay(1, Some(0))]);
        assert!(story.unseen.is_empty() && !story.open() && !story.by_clock);
        // There and back: what answers what, only the clocks say.
        let story =
            fold(&[turn(1, 1, true, 1), turn(2, 1, false, 10), turn(2, 2, true, 20), turn(1, 2, false, 30)]);
        assert_eq!(story.stays, [stay(0, Some(1)), stay(2, Some(3))]);
        assert!(story.by_clock);
    }

    #[test]
    fn a_taking_out_that_is_booked_after_a_return_was_not_unseen() {
        let turns = [turn(1, 1, true, 1), back(2, 1, 5), turn(1, 2, false, 9), turn(1, 3, false, 10)];
        let story = fold(&turns);
        assert_eq!(story.stays, [stay(0, Some(1))]);
        assert_eq!((story.again.clone(), story.unseen.clone()), (vec![stay(0, Some(2))], vec![3]));
        assert!(story.by_clock && !story.open(), "which of the two was first, only their clocks say");
        // It went in again, and is there: what was booked of before takes nothing along.
        let own = [turn(1, 1, true, 1), back(1, 2, 5), turn(1, 3, false, 9), turn(1, 4, true, 10)];
        let story = fold(&own);
        assert_eq!(story.stays, [stay(0, Some(1)), stay(3, None)]);
        assert_eq!((story.again.clone(), story.unseen.len()), (vec![stay(0, Some(2))], 0));
        // Nobody had seen it put in, and nothing came back: it is what it is.
        assert_eq!(fold(&[turn(1, 1, false, 1)]).unseen, [0]);
    }

    /// One agent alone: a line of people at a door.
    fn plain(turns: &[Turn]) -> (Vec<Stay>, Vec<usize>) {
        let mut order: Vec<usize> = (0..turns.len()).collect();
        order.sort_by_key(|&at| turns[at].stamp);
        let (mut stays, mut unseen, mut inside) = (Vec::new(), Vec::new(), VecDeque::new());
        for at in order {
            if turns[at].into {
                inside.push_back(stays.len());
                stays.push(stay(at, None));
            } else if let Some(first) = inside.pop_front() {
                let first: usize = first;
                stays[first].taken_out = Some(at);
            } else {
                unseen.push(at);
            }
        }
        (stays, unseen)
    }

    fn back(agent: u8, seq: i64, minute: i64) -> Turn {
        Turn { returned: true, ..turn(agent, seq, false, minute) }
    }

    #[test]
    fn what_is_booked_after_a_return_leaves_alone_what_another_plant_puts_in_later() {
        let first = [turn(1, 1, true, 1), back(2, 1, 3), turn(2, 2, false, 4), turn(1, 2, true, 5)];
        let story = fold(&first);
        assert_eq!(story.stays, [stay(0, Some(1)), stay(3, None)]);
        assert_eq!((story.again, story.unseen), (vec![stay(0, Some(2))], vec![]));
        // Once: the next one answers what was put in later, whatever the clocks say.
        let mut second = first.to_vec();
        second.push(turn(3, 1, false, 4));
        assert_eq!(fold(&second).stays, [stay(0, Some(1)), stay(3, Some(4))]);
        // Timed after the packing, it is the end of that.
        let later = [turn(1, 1, true, 1), back(2, 1, 3), turn(2, 2, false, 6), turn(1, 2, true, 5)];
        assert_eq!(fold(&later).stays, [stay(0, Some(1)), stay(3, Some(2))]);
        // The return never was.
        assert!(fold(&[first[0].clone(), first[2].clone(), first[3].clone()]).open());
    }

    #[test]
    fn a_return_answers_nothing_that_is_put_in_later() {
        let story = fold(&[turn(1, 1, true, 1), turn(1, 2, false, 2), back(2, 1, 3), turn(1, 3, true, 5)]);
        assert_eq!(story.stays, [stay(0, Some(1)), stay(3, None)]);
        assert_eq!((story.unseen, story.again.len()), (vec![2], 0));
    }

    /// What happens to a unit and its package where nobody errs: it goes in where it is out, and
    /// comes out, or back without it, where it is in; what came back is booked at some time, once.
    /// Of each turn the agent and the minutes since the one before; and whether it is in at last.
    fn lives() -> impl Strategy<Value = (Vec<Turn>, bool)> {
        prop::collection::vec((1_u8..=3, 0_u8..4, 1_i64..9), 0..14).prop_map(|told| {
            let (mut turns, mut inside, mut unbooked, mut minute) = (Vec::new(), false, 0, 0);
            for (seq, (agent, way, after)) in (1..).zip(told) {
                minute += after;
                match (way, inside) {
                    (0, false) if unbooked > 0 => {
                        unbooked -= 1;
                        turns.push(turn(agent, seq, false, minute));
                    }
                    (1, true) => {
                        (inside, unbooked) = (false, unbooked + 1);
                        turns.push(back(agent, seq, minute));
                    }
                    (2, false) => turns.push(back(agent, seq, minute)),
                    (_, into) => {
                        inside = !into;
                        turns.push(turn(agent, seq, inside, minute));
                    }
                }
            }
            (turns, inside)
        })
    }

    /// Whether the unit's state has it in the package, and some of the turns never were.
    fn by_state(turns: &[Turn], never: &[usize]) -> bool {
        const UNIT: i64 = 1;
        const PACKAGE: i64 = 2;
        let part = |key: i64, role: Role| Part {
            key,
            role,
            quantity: None,
            unit: String::new(),
            mint: false,
            item: String::new(),
            lot: None,
        };
        let mut facts: Vec<Arc<Fact>> = Vec::new();
        for turn in turns {
            let (stage, action) = match (turn.returned, turn.into) {
                (true, _) => (Stage::Return, Action::Unspecified),
                (false, true) => (Stage::Packing, Action::Add),
                (false, false) => (Stage::Packing, Action::Delete),
            };
            let mut fact = Fact::new(turn.stamp, turn.event_id, stage, action, turn.at);
            fact.plant.clone_from(&turn.plant);
            fact.parts = if turn.returned {
                vec![part(UNIT, Role::Subject)]
            } else {
                vec![part(PACKAGE, Role::Parent), part(UNIT, Role::Child)]
            };
            facts.push(Arc::new(fact.indexed()));
        }
        for (seq, &at) in (1_000_i64..).zip(never) {
            let of = &turns[at];
            let (stamp, id) = (Stamp { seq, ..of.stamp }, Uuid::from_u128(seq.unsigned_abs().into()));
            let late = of.at + chrono::TimeDelta::days(1);
            let mut fact = Fact::new(stamp, id, Stage::Correct, Action::Unspecified, late);
            fact.corrects = Some(of.event_id);
            facts.push(Arc::new(fact.indexed()));
        }
        fold_facts(UNIT, &Born::default(), &facts, &[]).state.parent == Some(PACKAGE)
    }

    fn turns(agents: u8) -> impl Strategy<Value = Vec<Turn>> {
        prop::collection::vec((1..=agents, any::<bool>(), 0_i64..40), 0..12).prop_map(|told| {
            (1..).zip(told).map(|(seq, (agent, into, minute))| turn(agent, seq, into, minute)).collect()
        })
    }

    proptest! {
        #[test]
        fn one_agent_is_told_as_it_says_whatever_its_clock_does(told in turns(1)) {
            let story = fold(&told);
            prop_assert_eq!((story.stays, story.unseen), plain(&told));
        }

        #[test]
        fn nothing_is_lost_answered_twice_or_before_it_was_told(told in turns(3)) {
            let story = fold(&told);
            let taken: Vec<usize> = story.stays.iter().filter_map(|stay| stay.taken_out).collect();
            let ins = told.iter().filter(|turn| turn.into).count();
            prop_assert_eq!(story.stays.len(), ins);
            prop_assert_eq!(taken.len() + story.unseen.len(), told.len() - ins);
            prop_assert_eq!(taken.iter().collect::<HashSet<_>>().len(), taken.len());
            let possible = |put_in: usize, taken_out: usize| {
                let (from, to) = (told[put_in].stamp, told[taken_out].stamp);
                from.agent != to.agent || from < to
            };
            for stay in &story.stays {
                prop_assert!(stay.taken_out.is_none_or(|out| possible(stay.put_in, out)));
            }
            // What is called unseen could be the end of nothing that is still open.
            for &out in &story.unseen {
                for stay in story.stays.iter().filter(|stay| stay.taken_out.is_none()) {
                    prop_assert!(!possible(stay.put_in, out));
                }
            }
        }

        #[test]
        fn it_is_in_there_where_it_was_put_in_last((told, inside) in lives()) {
            let story = fold(&told);
            prop_assert_eq!((story.open(), by_state(&told, &[])), (inside, inside));
            // What was booked after returns says nothing new, and need not have been said.
            let again: Vec<usize> = story.again.iter().filter_map(|stay| stay.taken_out).collect();
            let rest = told.iter().enumerate().filter(|(at, _)| !again.contains(at));
            let rest: Vec<Turn> = rest.map(|(_, turn)| turn.clone()).collect();
            prop_assert_eq!((fold(&rest).open(), by_state(&told, &again)), (inside, inside));
            // A return that answers nothing has no part in it, and need not have a row.
            let idle = story.unseen;
            let rest = told.iter().enumerate().filter(|(at, turn)| !turn.returned || !idle.contains(at));
            let rest: Vec<Turn> = rest.map(|(_, turn)| turn.clone()).collect();
            prop_assert_eq!(fold(&rest).open(), inside);
        }

        #[test]
        fn it_does_not_depend_on_arrival(told in turns(3), seed in any::<u64>()) {
            let mut other: Vec<(u64, Turn)> = told
                .iter()
                .map(|turn| ((turn.stamp.seq.unsigned_abs() + 1).wrapping_mul(seed | 1), turn.clone()))
                .collect();
            other.sort_by_key(|(place, _)| *place);
            let other: Vec<Turn> = other.into_iter().map(|(_, turn)| turn).collect();
            let named = |turns: &[Turn], story: &Story| {
                let of = |at: usize| turns[at].stamp;
                let stays: Vec<_> =
                    story.stays.iter().map(|stay| (of(stay.put_in), stay.taken_out.map(of))).collect();
                (stays, story.unseen.iter().map(|&at| of(at)).collect::<Vec<_>>())
            };
            prop_assert_eq!(named(&told, &fold(&told)), named(&other, &fold(&other)));
        }
    }
}
