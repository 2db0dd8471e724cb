//! A tenant's genealogy in memory: who became, or became part of, whom. Pure.
//!
//! UIDs are interned to `u32` in the order of their keys; links lie in two arrays of
//! compressed rows, one for each direction, five bytes a link in each. What comes
//! later lies beside them in a chain of its own, until [`Adjacency::merged`] makes new
//! arrays of both.

use std::mem::size_of;

use foldhash::HashMap;

use super::build::Builder;
use super::{Direction, Link, Mode};

/// Low bits of a state: the kind of link. All of them: a packing.
const KIND: u8 = 0b0011;
/// It was ever made.
const EVER: u8 = 0b0100;
/// It is open now; only together with [`EVER`].
const OPEN: u8 = 0b1000;
/// It was ever made, and is no packing; only together with [`EVER`].
const MADE: u8 = 0b01_0000;
/// It is a packing that is open now; only together with [`OPEN`].
const PACKED: u8 = 0b10_0000;
/// No further link in a chain.
const END: u32 = u32::MAX;
/// Links beside the arrays before it is worth to merge them, at least.
const FEW: usize = 65_536;

/// What is known of a link: its kind, whether it was ever made, whether it is open.
#[must_use]
pub fn state(kind: i16, ever: bool, open: bool) -> u8 {
    // Kinds are 1 to 3 (`ingest::links::Kind`).
    let kind = (kind & i16::from(KIND)) as u8;
    match (ever, open, kind == KIND) {
        (false, ..) => kind,
        (true, true, true) => kind | EVER | OPEN | PACKED,
        (true, false, true) => kind | EVER,
        (true, true, false) => kind | EVER | OPEN | MADE,
        (true, false, false) => kind | EVER | MADE,
    }
}

fn mask(mode: Mode) -> u8 {
    match mode {
        Mode::Ever => EVER,
        Mode::Open => OPEN,
        Mode::Made => MADE,
        Mode::Packed => PACKED,
        Mode::Recall => MADE | PACKED,
    }
}

/// Links of one direction, row by row.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Where the row of each UID begins; one more at the end.
    pub offsets: Vec<u32>,
    /// The other end of each link, rising within a row.
    pub targets: Vec<u32>,
    /// [`state`] of each link.
    pub states: Vec<u8>,
}

impl Rows {
    fn row(&self, id: u32) -> std::ops::Range<usize> {
        let id = id as usize;
        self.offsets[id] as usize..self.offsets[id + 1] as usize
    }

    /// Where a link lies.
    fn find(&self, id: u32, target: u32, kind: u8) -> Option<usize> {
        let row = self.row(id);
        let first = row.start + self.targets[row.clone()].partition_point(|&found| found < target);
        (first..row.end)
            .take_while(|&at| self.targets[at] == target)
            .find(|&at| self.states[at] & KIND == kind)
    }

    fn bytes(&self) -> usize {
        self.offsets.capacity() * size_of::<u32>()
            + self.targets.capacity() * size_of::<u32>()
            + self.states.capacity()
    }
}

/// A link that came after the arrays were made.
#[derive(Debug, Clone, Copy)]
struct Late {
    from: u32,
    to: u32,
    /// The next one of the same `from`, and of the same `to`.
    next: [u32; 2],
    state: u8,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Adjacency {
    /// Keys of the interned UIDs, rising.
    keys: Vec<i64>,
    forward: Rows,
    backward: Rows,
    /// UIDs that came later; their ids follow those of `keys`.
    late_keys: Vec<i64>,
    late_ids: HashMap<i64, u32>,
    late: Vec<Late>,
    late_at: HashMap<(u32, u32, u8), u32>,
    /// First late link of a UID forward, and backward.
    heads: HashMap<u32, [u32; 2]>,
}

/// What a question marks on its way; kept from one to the next, so that none
/// takes time or memory by the size of the whole.
#[derive(Debug, Default)]
pub struct Scratch {
    seen: Vec<u64>,
    queue: Vec<u32>,
}

impl Scratch {
    fn begin(&mut self, nodes: usize) {
        let words = nodes.div_ceil(64);
        if self.seen.len() < words {
            self.seen.resize(words, 0);
        }
    }

    fn visit(&mut self, id: u32) -> bool {
        let (word, bit) = (&mut self.seen[id as usize / 64], 1 << (id % 64));
        let new = *word & bit == 0;
        if new {
            *word |= bit;
            self.queue.push(id);
        }
        new
    }

    /// Takes back every mark; whatever is marked is in the queue.
    fn end(&mut self) {
        for id in self.queue.drain(..) {
            self.seen[id as usize / 64] = 0;
        }
        if self.queue.capacity() > 1 << 20 {
            self.queue.shrink_to(1 << 20);
        }
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.seen.capacity() * size_of::<u64>() + self.queue.capacity() * size_of::<u32>()
    }
}

/// A table of the standard library: entries and a byte of control for each bucket.
fn table_bytes<K, V>(capacity: usize) -> usize {
    if capacity == 0 {
        return 0;
    }
    let buckets = (capacity * 8 / 7).next_power_of_two();
    buckets * (size_of::<(K, V)>() + 1) + 16
}

impl Adjacency {
    pub(super) fn of(keys: Vec<i64>, forward: Rows, backward: Rows) -> Self {
        Self { keys, forward, backward, ..Self::default() }
    }

    /// UIDs that some link names.
    #[must_use]
    pub fn uids(&self) -> usize {
        self.keys.len() + self.late_keys.len()
    }

    /// Links, those among them that never were.
    #[must_use]
    pub fn links(&self) -> usize {
        self.forward.targets.len() + self.late.len()
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.keys.capacity() * size_of::<i64>()
            + self.forward.bytes()
            + self.backward.bytes()
            + self.late_keys.capacity() * size_of::<i64>()
            + self.late.capacity() * size_of::<Late>()
            + table_bytes::<i64, u32>(self.late_ids.capacity())
            + table_bytes::<(u32, u32, u8), u32>(self.late_at.capacity())
            + table_bytes::<u32, [u32; 2]>(self.heads.capacity())
    }

    fn id(&self, key: i64) -> Option<u32> {
        match self.keys.binary_search(&key) {
            // Fewer than u32::MAX are ever interned (`Builder::push`, `Adjacency::set`).
            Ok(at) => Some(at as u32),
            Err(_) => self.late_ids.get(&key).copied(),
        }
    }

    fn key(&self, id: u32) -> i64 {
        let id = id as usize;
        self.keys.get(id).copied().unwrap_or_else(|| self.late_keys[id - self.keys.len()])
    }

    fn intern(&mut self, key: i64) -> u32 {
        self.id(key).unwrap_or_else(|| {
            let id = self.uids() as u32;
            self.late_keys.push(key);
            self.late_ids.insert(key, id);
            id
        })
    }

    /// Sets what is known of a link, whatever was known before.
    pub fn set(&mut self, from: i64, to: i64, kind: i16, ever: bool, open: bool) {
        let state = state(kind, ever, open);
        if let (Some(from), Some(to)) = (self.id(from), self.id(to)) {
            let interned = self.keys.len() as u32;
            if from < interned
                && to < interned
                && let Some(at) = self.forward.find(from, to, state & KIND)
                && let Some(back) = self.backward.find(to, from, state & KIND)
            {
                self.forward.states[at] = state;
                self.backward.states[back] = state;
                return;
            }
            if let Some(&at) = self.late_at.get(&(from, to, state & KIND)) {
                self.late[at as usize].state = state;
                return;
            }
        }
        if !ever || self.uids() + 2 >= END as usize || self.late.len() + 1 >= END as usize {
            return;
        }
        let (from, to) = (self.intern(from), self.intern(to));
        let at = self.late.len() as u32;
        let first = std::mem::replace(&mut self.heads.entry(from).or_insert([END; 2])[0], at);
        let second = std::mem::replace(&mut self.heads.entry(to).or_insert([END; 2])[1], at);
        self.late.push(Late { from, to, next: [first, second], state });
        self.late_at.insert((from, to, state & KIND), at);
    }

    /// Calls `tell` with the other end and the state of each link of a UID.
    fn each(&self, direction: Direction, id: u32, wanted: u8, mut tell: impl FnMut(u32, u8)) {
        let (rows, side) = match direction {
            Direction::Forward => (&self.forward, 0),
            Direction::Backward => (&self.backward, 1),
        };
        if (id as usize) < self.keys.len() {
            let row = rows.row(id);
            for (&target, &state) in rows.targets[row.clone()].iter().zip(&rows.states[row]) {
                if state & wanted != 0 {
                    tell(target, state);
                }
            }
        }
        if self.late.is_empty() {
            return;
        }
        let mut at = self.heads.get(&id).map_or(END, |heads| heads[side]);
        while at != END {
            let late = self.late[at as usize];
            if late.state & wanted != 0 {
                tell(if side == 0 { late.to } else { late.from }, late.state);
            }
            at = late.next[side];
        }
    }

    /// Marks in `scratch` what is at most `depth` steps from its queue, until there are
    /// more than `most`; answers whether there were.
    fn spread(
        &self,
        scratch: &mut Scratch,
        direction: Direction,
        mode: Mode,
        depth: usize,
        most: usize,
    ) -> bool {
        let (mut at, mut level, mut end) = (0, 0, scratch.queue.len());
        while at < scratch.queue.len() && scratch.queue.len() <= most {
            if at == end {
                (level, end) = (level + 1, scratch.queue.len());
            }
            if level >= depth {
                break;
            }
            let id = scratch.queue[at];
            self.each(direction, id, mask(mode), |target, _| {
                if scratch.queue.len() <= most {
                    scratch.visit(target);
                }
            });
            at += 1;
        }
        scratch.queue.len() > most
    }

    /// Everything within `depth` steps of `starts`, these among it, in order: at most
    /// `limit`, the nearest; and whether there is more.
    #[must_use]
    pub fn reach(
        &self,
        scratch: &mut Scratch,
        starts: &[i64],
        direction: Direction,
        mode: Mode,
        depth: usize,
        limit: usize,
    ) -> (Vec<i64>, bool) {
        scratch.begin(self.uids());
        // UIDs without a link reach themselves.
        let mut keys = Vec::new();
        for &start in starts {
            match self.id(start) {
                Some(id) => drop(scratch.visit(id)),
                None => keys.push(start),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let cut = self.spread(scratch, direction, mode, depth, limit.saturating_sub(keys.len()))
            || keys.len() > limit;
        keys.truncate(limit);
        let room = limit - keys.len();
        keys.extend(scratch.queue.iter().take(room).map(|&id| self.key(id)));
        keys.sort_unstable();
        scratch.end();
        (keys, cut)
    }

    /// The links that leave what is within `depth` steps of `start`, itself among it;
    /// at most `most`, and whether there are more.
    #[must_use]
    pub fn links_within(
        &self,
        scratch: &mut Scratch,
        start: i64,
        direction: Direction,
        mode: Mode,
        depth: usize,
        most: usize,
    ) -> (Vec<Link>, bool) {
        let Some(id) = self.id(start) else {
            return (Vec::new(), false);
        };
        scratch.begin(self.uids());
        scratch.visit(id);
        let mut cut = self.spread(scratch, direction, mode, depth, most);
        let mut links = Vec::with_capacity(scratch.queue.len());
        for &id in &scratch.queue {
            let key = self.key(id);
            self.each(direction, id, mask(mode), |target, state| {
                if links.len() >= most {
                    cut = true;
                    return;
                }
                let (from, to) = match direction {
                    Direction::Forward => (key, self.key(target)),
                    Direction::Backward => (self.key(target), key),
                };
                links.push(Link { from, to, kind: i16::from(state & KIND), open: state & OPEN != 0 });
            });
        }
        scratch.end();
        (links, cut)
    }

    /// Whether so much came since the arrays were made that [`Adjacency::merged`] pays.
    #[must_use]
    pub fn wants_merging(&self) -> bool {
        self.late.len() > FEW.max(self.forward.targets.len() / 16)
    }

    /// The same in arrays alone, without the links that never were.
    #[must_use]
    pub fn merged(&self) -> Self {
        let mut builder = Builder::default();
        let mut late: Vec<(i64, u32)> = self.late_ids.iter().map(|(&key, &id)| (key, id)).collect();
        late.sort_unstable();
        let mut late = late.into_iter().peekable();
        let mut row: Vec<(i64, u8)> = Vec::new();
        let mut push = |key: i64, id: u32| {
            row.clear();
            self.each(Direction::Forward, id, EVER, |target, state| row.push((self.key(target), state)));
            row.sort_unstable();
            for &(to, state) in &row {
                builder.push(key, to, state);
            }
        };
        for (id, &key) in (0..).zip(&self.keys) {
            while let Some((key, id)) = late.next_if(|&(late, _)| late < key) {
                push(key, id);
            }
            push(key, id);
        }
        for (key, id) in late {
            push(key, id);
        }
        builder.finish()
    }
}
