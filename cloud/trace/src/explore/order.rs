//! The order of facts across agents (`events.md`, principle 8).
//!
//! Within an agent the order is (epoch, seq), never a clock. Between agents a
//! cause comes before its effect: birth before use, shipping before receiving,
//! packing before unpacking, a fact before its correction. What is still open
//! is decided by `occurred_at`, agent, epoch, seq. The result depends only on
//! the set of facts, never on the order in which they arrived.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};

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
    /// An event of which only its identity by id, and what it corrects, matters.
    #[must_use]
    pub fn bare(event_id: Uuid, stage: Stage, corrects: Option<Uuid>) -> Self {
        Self {
            stamp: Stamp { agent: event_id, epoch: 0, seq: 0 },
            event_id,
            stage,
            action: Action::Unspecified,
            occurred_at: DateTime::UNIX_EPOCH,
            plant: String::new(),
            documents: Vec::new(),
            moves: Vec::new(),
            parent: None,
            mint: false,
            corrects,
        }
    }

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

/// How many departures that are still open one arrival is compared with. Facts
/// that agree find theirs at once; only among thousands that contradict each
/// other may an arrival beyond this stay without its departure.
const MOST_COMPARED: usize = 1_000;

/// Departures of one way, earliest first, and which of them are answered.
struct Departures<'a> {
    out: Vec<usize>,
    answered: Vec<bool>,
    /// All of them, and those of each document: places in `out`, with how many
    /// at the front are answered.
    all: (Vec<usize>, usize),
    by_document: HashMap<&'a str, (Vec<usize>, usize)>,
}

impl<'a> Departures<'a> {
    fn new(nodes: &'a [Node], mut out: Vec<usize>) -> Self {
        out.sort_by_key(|&index| nodes[index].rank());
        let mut by_document: HashMap<&str, (Vec<usize>, usize)> = HashMap::new();
        for (at, &index) in out.iter().enumerate() {
            for document in &nodes[index].documents {
                let list = &mut by_document.entry(document).or_default().0;
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        Self { answered: vec![false; out.len()], all: ((0..out.len()).collect(), 0), by_document, out }
    }

    /// Answers the earliest one of these documents that fits.
    fn of_documents(&mut self, documents: &[String], fits: impl Fn(usize) -> bool) -> Option<usize> {
        let first = documents
            .iter()
            .filter_map(|document| {
                let list = self.by_document.get_mut(document.as_str())?;
                earliest(list, &self.answered, |at| fits(self.out[at]))
            })
            .min()?;
        self.answer(first)
    }

    /// Answers the earliest one that fits.
    fn any(&mut self, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let first = earliest(&mut self.all, &self.answered, |at| fits(self.out[at]))?;
        self.answer(first)
    }

    fn answer(&mut self, at: usize) -> Option<usize> {
        self.answered[at] = true;
        Some(self.out[at])
    }

    fn open(&self) -> impl Iterator<Item = usize> {
        self.out.iter().zip(&self.answered).filter(|(_, answered)| !**answered).map(|(&index, _)| index)
    }
}

/// The first of a list that is open and fits; the answered ones at its front are
/// passed over once and for all.
fn earliest(
    list: &mut (Vec<usize>, usize),
    answered: &[bool],
    fits: impl Fn(usize) -> bool,
) -> Option<usize> {
    while list.0.get(list.1).is_some_and(|&at| answered[at]) {
        list.1 += 1;
    }
    list.0[list.1..].iter().copied().take(MOST_COMPARED).find(|&at| !answered[at] && fits(at))
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
    for (way, (out, mut arrived)) in ways {
        let mut departures = Departures::new(nodes, out);
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
        let mut open = Vec::new();
        for arrival in arrived {
            let documents = &nodes[arrival].documents;
            match departures.of_documents(documents, |departure| possible(departure, arrival)) {
                Some(departure) => found.pairs.push((departure, arrival)),
                None => open.push(arrival),
            }
        }
        for arrival in open {
            match departures.any(|departure| possible(departure, arrival)) {
                Some(departure) => found.pairs.push((departure, arrival)),
                None if matches!(way, Way::Transfer) => found.arrivals.push(arrival),
                None => {}
            }
        }
        if way == Way::Transfer {
            found.departures.extend(departures.open());
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

/// Which of `events` never were, by these corrections (their id, and what each
/// corrects): [`voided`] where nothing but ids is at hand.
#[must_use]
pub fn voided_ids(events: &[Uuid], corrections: &[(Uuid, Uuid)]) -> HashSet<Uuid> {
    let plain = events.iter().map(|&id| Node::bare(id, Stage::Unspecified, None));
    let correct = corrections.iter().map(|&(id, target)| Node::bare(id, Stage::Correct, Some(target)));
    let nodes: Vec<Node> = plain.chain(correct).collect();
    let void = voided(&nodes);
    events.iter().zip(&void).filter(|(_, void)| **void).map(|(&id, _)| id).collect()
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
