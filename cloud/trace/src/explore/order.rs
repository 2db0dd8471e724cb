//! The order of facts across agents (`events.md`, principle 8).
//!
//! Within an agent the order is (epoch, seq), never a clock. Between agents a
//! cause comes before its effect: birth before use, shipping before receiving,
//! packing before unpacking, a fact before its correction. What is still open
//! is decided by `occurred_at`, agent, epoch, seq. The result depends only on
//! the set of facts, never on the order in which they arrived.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use proto::v1::{Action, Stage};
use uuid::Uuid;

/// The identity of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Which stream.
    pub agent: Uuid,
    /// Epoch of the stream.
    pub epoch: i32,
    /// Place in the epoch, from 1.
    pub seq: i64,
}

/// What the order needs to know of one fact.
#[derive(Debug, Clone)]
pub struct Node {
    /// Identity.
    pub stamp: Stamp,
    /// Named by corrections.
    pub event_id: Uuid,
    /// Kind of fact.
    pub stage: Stage,
    /// Its direction.
    pub action: Action,
    /// The plant's clock.
    pub occurred_at: DateTime<Utc>,
    /// Plant where it happened.
    pub plant: String,
    /// Its documents: an arrival that names the departure's answers it.
    pub documents: Vec<String>,
    /// What it moves, as far as matters; an arrival answers a departure of the
    /// same thing. Empty stands for the one thing that all facts are about.
    pub moves: Vec<i64>,
    /// The whole that a part went into or came out of.
    pub parent: Option<i64>,
    /// The UID was born by it.
    pub mint: bool,
    /// The fact that this one corrects.
    pub corrects: Option<Uuid>,
}

/// What decides where nothing else does.
type Rank = (DateTime<Utc>, Stamp);

impl Node {
    fn rank(&self) -> Rank {
        (self.occurred_at, self.stamp)
    }
}

/// The places of `nodes` in causal order, as indexes into it. Every index
/// appears exactly once. Contradicting data (an effect that its own agent
/// recorded before the cause) loses the cause edge, never a fact.
#[must_use]
pub fn causal(nodes: &[Node]) -> Vec<usize> {
    let mut streams: BTreeMap<(Uuid, i32), Vec<usize>> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        streams.entry((node.stamp.agent, node.stamp.epoch)).or_default().push(index);
    }
    let mut previous: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut next: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut last_of_agent: HashMap<Uuid, usize> = HashMap::new();
    for ((agent, _), mut members) in streams {
        members.sort_by_key(|&index| nodes[index].stamp);
        for index in members {
            // Epochs of one agent follow each other.
            if let Some(before) = last_of_agent.insert(agent, index) {
                previous[index] = Some(before);
                next[before] = Some(index);
            }
        }
    }

    let mut effects: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut waiting = vec![0_usize; nodes.len()];
    for (cause, effect) in causes(nodes) {
        effects[cause].push(effect);
        waiting[effect] += 1;
    }

    let mut done = vec![false; nodes.len()];
    let mut order = Vec::with_capacity(nodes.len());
    let mut heads: Vec<usize> = (0..nodes.len()).filter(|&index| previous[index].is_none()).collect();
    let mut ready: BinaryHeap<Reverse<(Rank, usize)>> = BinaryHeap::new();
    heads.retain(|&index| {
        let free = waiting[index] == 0;
        if free {
            ready.push(Reverse((nodes[index].rank(), index)));
        }
        !free
    });
    // `heads` now holds stream heads that wait for a cause in another stream.
    while order.len() < nodes.len() {
        let index = match ready.pop() {
            Some(Reverse((_, index))) => index,
            None => {
                // Only a contradiction leaves nothing ready: its earliest head goes first.
                let Some(at) = (0..heads.len()).min_by_key(|&at| nodes[heads[at]].rank()) else {
                    break;
                };
                heads.swap_remove(at)
            }
        };
        done[index] = true;
        order.push(index);
        for &effect in &effects[index] {
            waiting[effect] = waiting[effect].saturating_sub(1);
            if waiting[effect] == 0
                && let Some(at) = heads.iter().position(|&head| head == effect)
            {
                heads.swap_remove(at);
                ready.push(Reverse((nodes[effect].rank(), effect)));
            }
        }
        if let Some(follower) = next[index]
            && !done[follower]
        {
            if waiting[follower] == 0 {
                ready.push(Reverse((nodes[follower].rank(), follower)));
            } else {
                heads.push(follower);
            }
        }
    }
    order
}

/// Pairs of (cause, effect) between different agents.
fn causes(nodes: &[Node]) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    let birth = (0..nodes.len()).filter(|&index| nodes[index].mint).min_by_key(|&index| nodes[index].rank());
    if let Some(birth) = birth {
        for (index, node) in nodes.iter().enumerate() {
            let before_birth = node.mint || matches!(node.stage, Stage::Procurement | Stage::GateIn);
            if !before_birth && node.stamp.agent != nodes[birth].stamp.agent {
                edges.push((birth, index));
            }
        }
    }
    let mut ids: HashMap<Uuid, usize> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        // A fork may have sent an event twice: the first of them is the cause.
        let first = ids.entry(node.event_id).or_insert(index);
        if node.stamp < nodes[*first].stamp {
            *first = index;
        }
    }
    for (index, node) in nodes.iter().enumerate() {
        if let Some(&cause) = node.corrects.as_ref().and_then(|id| ids.get(id))
            && nodes[cause].stamp.agent != node.stamp.agent
        {
            edges.push((cause, index));
        }
    }
    for (departure, arrival) in passages(nodes).pairs {
        if nodes[departure].stamp.agent != nodes[arrival].stamp.agent {
            edges.push((departure, arrival));
        }
    }
    edges
}

/// What left and what arrived, put together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Passages {
    /// (leaving, arriving).
    pub pairs: Vec<(usize, usize)>,
    /// Arrived, and nobody has told of its leaving.
    pub arrivals: Vec<usize>,
    /// Left, and nobody has told of its arriving.
    pub departures: Vec<usize>,
}

/// The way in which a fact sends something off, or takes it in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Transfer,
    JobWork,
    Customer,
    Demo,
    Inside(i64),
}

fn way(node: &Node) -> Option<(Way, bool)> {
    let leaving = node.action != Action::Delete;
    match node.stage {
        Stage::Transfer => Some((Way::Transfer, leaving)),
        Stage::JobWorkOut => Some((Way::JobWork, true)),
        Stage::JobWorkIn => Some((Way::JobWork, false)),
        Stage::Dispatch => Some((Way::Customer, true)),
        Stage::Delivered => Some((Way::Customer, false)),
        Stage::Demo => Some((Way::Demo, leaving)),
        Stage::Packing | Stage::Assembly | Stage::Kit | Stage::Load => {
            node.parent.map(|parent| (Way::Inside(parent), leaving))
        }
        _ => None,
    }
}

/// Pairs every arrival with the departure that it answers: the earliest one not
/// yet answered, of the same document where there is one, and never one that
/// the arrival's own agent recorded after it.
#[must_use]
pub fn passages(nodes: &[Node]) -> Passages {
    let mut ways: BTreeMap<Way, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Some((way, leaving)) = way(node) {
            let lists = ways.entry(way).or_default();
            if leaving { lists.0.push(index) } else { lists.1.push(index) }
        }
    }
    let mut found = Passages::default();
    for (way, (mut out, mut arrived)) in ways {
        out.sort_by_key(|&index| nodes[index].rank());
        arrived.sort_by_key(|&index| nodes[index].rank());
        let possible = |departure: usize, arrival: usize| {
            let (from, to) = (&nodes[departure], &nodes[arrival]);
            let same_agent = from.stamp.agent == to.stamp.agent;
            let same_thing = from.moves.is_empty()
                || to.moves.is_empty()
                || from.moves.iter().any(|thing| to.moves.contains(thing));
            same_thing
                && (!same_agent || from.stamp < to.stamp)
                && (way != Way::Transfer || same_agent || from.plant != to.plant)
        };
        // Two rounds: those that share a document first.
        let mut answered = vec![false; out.len()];
        let mut open = Vec::new();
        for arrival in arrived {
            let partner = (0..out.len()).find(|&at| {
                !answered[at]
                    && nodes[arrival]
                        .documents
                        .iter()
                        .any(|document| nodes[out[at]].documents.contains(document))
                    && possible(out[at], arrival)
            });
            match partner {
                Some(at) => {
                    answered[at] = true;
                    found.pairs.push((out[at], arrival));
                }
                None => open.push(arrival),
            }
        }
        for arrival in open {
            match (0..out.len()).find(|&at| !answered[at] && possible(out[at], arrival)) {
                Some(at) => {
                    answered[at] = true;
                    found.pairs.push((out[at], arrival));
                }
                None if matches!(way, Way::Transfer) => found.arrivals.push(arrival),
                None => {}
            }
        }
        if way == Way::Transfer {
            found.departures.extend((0..out.len()).filter(|&at| !answered[at]).map(|at| out[at]));
        }
    }
    found
}

/// For each fact, whether a correction that itself stands says it never was.
#[must_use]
pub fn voided(nodes: &[Node]) -> Vec<bool> {
    let mut by_target: HashMap<Uuid, Vec<usize>> = HashMap::new();
    for (index, node) in nodes.iter().enumerate() {
        if let Some(target) = node.corrects
            && node.stage == Stage::Correct
        {
            by_target.entry(target).or_default().push(index);
        }
    }
    let mut known: Vec<Option<bool>> = vec![None; nodes.len()];
    fn settle(
        index: usize,
        nodes: &[Node],
        by_target: &HashMap<Uuid, Vec<usize>>,
        known: &mut Vec<Option<bool>>,
        depth: usize,
    ) -> bool {
        if let Some(answer) = known[index] {
            return answer;
        }
        // A ring of corrections names nothing that stands.
        known[index] = Some(false);
        let answer = depth < 64
            && by_target.get(&nodes[index].event_id).is_some_and(|correctors| {
                correctors.iter().any(|&corrector| !settle(corrector, nodes, by_target, known, depth + 1))
            });
        known[index] = Some(answer);
        answer
    }
    (0..nodes.len()).map(|index| settle(index, nodes, &by_target, &mut known, 0)).collect()
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
