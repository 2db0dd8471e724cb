//! Makes the arrays of an [`Adjacency`] from links in their order. Pure.

use std::mem::size_of;

use super::adjacency::{Adjacency, Rows};

/// Takes links in the order of (from, to, kind), each once.
#[derive(Debug, Default)]
pub struct Builder {
    /// Each `from` once, and where its links begin.
    froms: Vec<(i64, u32)>,
    /// The other end of each link, and which link it is.
    ends: Vec<(i64, u32)>,
    states: Vec<u8>,
}

impl Builder {
    /// Adds a link.
    pub fn push(&mut self, from: i64, to: i64, state: u8) {
        // More than four thousand million links fit no memory that is configured.
        let Ok(at) = u32::try_from(self.ends.len()) else {
            return;
        };
        if self.froms.last().is_none_or(|&(last, _)| last != from) {
            self.froms.push((from, at));
        }
        self.ends.push((to, at));
        self.states.push(state);
    }

    /// Links so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Least bytes of what [`Builder::finish`] makes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let link = 2 * (size_of::<u32>() + 1);
        let uid = size_of::<i64>() + 2 * size_of::<u32>();
        self.ends.len() * link + self.froms.len() * uid
    }

    /// The arrays. Needs about as much again while it works.
    #[must_use]
    pub fn finish(self) -> Adjacency {
        let Self { froms, mut ends, states } = self;
        // Links of one end stay in the order of their other one.
        ends.sort_unstable();
        let links = ends.len();
        let mut keys = Vec::with_capacity(froms.len());
        let mut forward = Rows { offsets: Vec::new(), targets: vec![0; links], states };
        let mut backward = Rows::default();
        // The `from` of each link.
        let mut sources: Vec<u32> = vec![0; links];
        let (mut from, mut end) = (0, 0);
        while from < froms.len() || end < ends.len() {
            let key = match (froms.get(from), ends.get(end)) {
                (Some(&(a, _)), Some(&(b, _))) => a.min(b),
                (Some(&(key, _)), None) | (None, Some(&(key, _))) => key,
                (None, None) => break,
            };
            let id = keys.len() as u32;
            keys.push(key);
            forward.offsets.push(froms.get(from).map_or(links as u32, |&(_, at)| at));
            backward.offsets.push(end as u32);
            if froms.get(from).is_some_and(|&(found, _)| found == key) {
                let first = froms[from].1 as usize;
                from += 1;
                let last = froms.get(from).map_or(links, |&(_, at)| at as usize);
                sources[first..last].fill(id);
            }
            while let Some(&(_, link)) = ends.get(end).filter(|&&(found, _)| found == key) {
                forward.targets[link as usize] = id;
                end += 1;
            }
        }
        forward.offsets.push(links as u32);
        backward.offsets.push(links as u32);
        backward.targets = ends.iter().map(|&(_, link)| sources[link as usize]).collect();
        backward.states = ends.iter().map(|&(_, link)| forward.states[link as usize]).collect();
        keys.shrink_to_fit();
        forward.states.shrink_to_fit();
        forward.offsets.shrink_to_fit();
        backward.offsets.shrink_to_fit();
        Adjacency::of(keys, forward, backward)
    }
}
