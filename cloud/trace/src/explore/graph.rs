//! A walk through a genealogy, from its links: levels, cycles, pages. Pure.

use foldhash::{HashMap, HashMapExt, HashSet};

use crate::genealogy::Link as Edge;

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// What is in it.
    Backward,
    /// Where it went.
    Forward,
}

impl Direction {
    /// As answers say it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
        }
    }

    /// The end of a link from which, and the end to which, one walks.
    fn ends(self, edge: &Edge) -> (i64, i64) {
        match self {
            Self::Backward => (edge.to, edge.from),
            Self::Forward => (edge.from, edge.to),
        }
    }
}

/// A walk. Inside, UIDs are numbered, so that ten thousand cost milliseconds.
#[derive(Debug, Default)]
pub struct Graph {
    /// UIDs by (level, key), without the beginning.
    pub order: Vec<(i32, i64)>,
    /// UIDs that lie on a cycle.
    pub cyclic: HashSet<i64>,
    /// UIDs from which it goes on, within or beyond the depth.
    pub more: HashSet<i64>,
    /// Something lies beyond the depth.
    pub deeper: bool,
    edges: Vec<Edge>,
    numbers: HashMap<i64, u32>,
    /// Links by the end to which one walks: (number, link), rising.
    reached_by: Vec<(u32, u32)>,
    /// The strongly connected component of each number; [`NONE`] of what was not reached.
    component: Vec<u32>,
}

/// No level, no component.
const NONE: u32 = u32::MAX;

/// Where the links of each number begin in a list of links; one more at the end.
struct Leaving {
    offsets: Vec<u32>,
    links: Vec<u32>,
}

impl Leaving {
    fn new(nodes: usize, ends: &[(u32, u32)]) -> Self {
        let mut offsets = vec![0_u32; nodes + 1];
        for &(from, _) in ends {
            offsets[from as usize + 1] += 1;
        }
        for at in 0..nodes {
            offsets[at + 1] += offsets[at];
        }
        let mut next = offsets.clone();
        let mut links = vec![0; ends.len()];
        for (index, &(from, _)) in (0..).zip(ends) {
            let at = &mut next[from as usize];
            links[*at as usize] = index;
            *at += 1;
        }
        Self { offsets, links }
    }

    fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.links[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }
}

impl Graph {
    /// The walk from `start` along `edges`, at most `depth` steps. Links of the
    /// outermost UIDs only tell that it goes on.
    #[must_use]
    pub fn new(start: i64, depth: i32, direction: Direction, edges: Vec<Edge>) -> Self {
        let mut graph = Self { numbers: HashMap::with_capacity(edges.len() + 1), ..Self::default() };
        let mut keys = vec![start];
        graph.numbers.insert(start, 0);
        let mut number = |key: i64| {
            *graph.numbers.entry(key).or_insert_with(|| {
                keys.push(key);
                // Fewer than the links that one walk reads.
                keys.len() as u32 - 1
            })
        };
        let ends: Vec<(u32, u32)> = edges
            .iter()
            .map(|edge| {
                let (from, to) = direction.ends(edge);
                (number(from), number(to))
            })
            .collect();
        let leaving = Leaving::new(keys.len(), &ends);
        let depth = u32::try_from(depth).unwrap_or(0);
        let mut levels = vec![NONE; keys.len()];
        levels[0] = 0;
        let mut open = vec![0_u32];
        let mut at = 0;
        while let Some(&node) = open.get(at) {
            at += 1;
            let level = levels[node as usize];
            let links = leaving.of(node);
            if !links.is_empty() {
                graph.more.insert(keys[node as usize]);
            }
            for &link in links {
                let to = ends[link as usize].1;
                let new = levels[to as usize] == NONE;
                if level >= depth {
                    graph.deeper |= new;
                    continue;
                }
                graph.reached_by.push((to, link));
                if new {
                    levels[to as usize] = level + 1;
                    open.push(to);
                }
            }
        }
        graph.reached_by.sort_unstable();
        graph.order = open[1..]
            .iter()
            .map(|&node| {
                let level = i32::try_from(levels[node as usize]).unwrap_or(i32::MAX);
                (level, keys[node as usize])
            })
            .collect();
        graph.order.sort_unstable();
        graph.component = components(&levels, &leaving, &ends);
        let mut sizes = vec![0_u32; keys.len()];
        for &component in graph.component.iter().filter(|&&component| component != NONE) {
            sizes[component as usize] += 1;
        }
        let on_cycle = |node: u32| {
            let component = graph.component[node as usize];
            sizes[component as usize] > 1
                || leaving.of(node).iter().any(|&link| ends[link as usize].1 == node)
        };
        graph.cyclic = open.iter().filter(|&&node| on_cycle(node)).map(|&node| keys[node as usize]).collect();
        graph.edges = edges;
        graph
    }

    /// All UIDs reached, the beginning among them.
    #[must_use]
    pub fn keys(&self, start: i64) -> Vec<i64> {
        let mut keys: Vec<i64> = self.order.iter().map(|&(_, key)| key).collect();
        keys.push(start);
        keys
    }

    /// The links by which a UID was reached, nearest end first.
    #[must_use]
    pub fn edges_to(&self, key: i64) -> Vec<&Edge> {
        let Some(&number) = self.numbers.get(&key) else {
            return Vec::new();
        };
        let first = self.reached_by.partition_point(|&(to, _)| to < number);
        let mut list: Vec<&Edge> = self.reached_by[first..]
            .iter()
            .take_while(|&&(to, _)| to == number)
            .map(|&(_, link)| &self.edges[link as usize])
            .collect();
        list.sort_by_key(|edge| (edge.from, edge.to, edge.kind));
        list
    }

    /// All links by which UIDs were reached, in no order.
    pub fn links(&self) -> impl Iterator<Item = &Edge> {
        self.reached_by.iter().map(|&(_, link)| &self.edges[link as usize])
    }

    /// Whether a link lies on a cycle.
    #[must_use]
    pub fn is_cyclic(&self, edge: &Edge) -> bool {
        let component = |key: i64| {
            let number = self.numbers.get(&key)?;
            self.component.get(*number as usize).copied().filter(|&component| component != NONE)
        };
        edge.from == edge.to
            || component(edge.from).is_some_and(|one| component(edge.to).is_some_and(|other| one == other))
    }

    /// UIDs after a place in [`Graph::order`], at most `limit`, and whether
    /// there are more.
    #[must_use]
    pub fn page(&self, after: Option<(i32, i64)>, limit: usize) -> (&[(i32, i64)], bool) {
        let from = self.through(after);
        let to = self.order.len().min(from.saturating_add(limit));
        (&self.order[from..to], to < self.order.len())
    }

    /// How many UIDs stand in [`Graph::order`] up to a place.
    fn through(&self, place: Option<(i32, i64)>) -> usize {
        place.map_or(0, |place| self.order.partition_point(|other| *other <= place))
    }

    /// A mark of what stands in [`Graph::order`] up to a place. Where it is another one at
    /// the next page, something came to stand before the place since, or went from there,
    /// and the pages together would not be the whole (FNV-1a, 64 bits).
    #[must_use]
    pub fn mark(&self, place: (i32, i64)) -> u64 {
        let before = self.order.iter().take(self.through(Some(place)));
        before.fold(0xcbf2_9ce4_8422_2325, |mark, (level, key)| {
            let bytes = level.to_le_bytes().into_iter().chain(key.to_le_bytes());
            bytes.fold(mark, |mark, byte| (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        })
    }
}

/// Strongly connected components of what has a level (Tarjan, without recursion).
fn components(levels: &[u32], leaving: &Leaving, ends: &[(u32, u32)]) -> Vec<u32> {
    let nodes = levels.len();
    let mut index = vec![NONE; nodes];
    let mut low = vec![0_u32; nodes];
    let mut on_stack = vec![false; nodes];
    let mut component = vec![NONE; nodes];
    let (mut numbered, mut found) = (0, 0);
    let mut stack: Vec<u32> = Vec::new();
    for root in (0..nodes as u32).filter(|&node| levels[node as usize] != NONE) {
        if index[root as usize] != NONE {
            continue;
        }
        let mut calls: Vec<(u32, usize)> = vec![(root, 0)];
        while let Some((node, mut at)) = calls.pop() {
            let here = node as usize;
            if at == 0 {
                (index[here], low[here]) = (numbered, numbered);
                numbered += 1;
                stack.push(node);
                on_stack[here] = true;
            }
            let links = leaving.of(node);
            let mut descended = false;
            while at < links.len() {
                let to = ends[links[at] as usize].1;
                at += 1;
                if levels[to as usize] == NONE {
                    continue;
                }
                if index[to as usize] == NONE {
                    calls.push((node, at));
                    calls.push((to, 0));
                    descended = true;
                    break;
                }
                if on_stack[to as usize] {
                    low[here] = low[here].min(index[to as usize]);
                }
            }
            if descended {
                continue;
            }
            if let Some(&(caller, _)) = calls.last() {
                low[caller as usize] = low[caller as usize].min(low[here]);
            }
            if low[here] == index[here] {
                while let Some(member) = stack.pop() {
                    on_stack[member as usize] = false;
                    component[member as usize] = found;
                    if member == node {
                        break;
                    }
                }
                found += 1;
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: i64, to: i64) -> Edge {
        Edge { from, to, kind: 2, open: true }
    }

    #[test]
    fn the_shortest_way_gives_the_level() {
        let graph =
            Graph::new(1, 9, Direction::Forward, vec![edge(1, 2), edge(2, 3), edge(1, 3), edge(3, 4)]);
        assert_eq!(graph.order, [(1, 2), (1, 3), (2, 4)]);
        assert!(!graph.deeper && graph.cyclic.is_empty());
        assert_eq!(graph.edges_to(3).len(), 2);
    }

    #[test]
    fn a_cycle_ends_and_is_marked() {
        let graph = Graph::new(
            1,
            50,
            Direction::Forward,
            vec![edge(1, 2), edge(2, 3), edge(3, 2), edge(3, 4), edge(9, 9)],
        );
        assert_eq!(graph.order, [(1, 2), (2, 3), (3, 4)]);
        assert_eq!(graph.cyclic, HashSet::from_iter([2, 3]));
        assert!(graph.is_cyclic(&edge(3, 2)) && !graph.is_cyclic(&edge(1, 2)));
    }

    #[test]
    fn a_cycle_through_the_beginning_is_marked() {
        let graph = Graph::new(1, 50, Direction::Backward, vec![edge(2, 1), edge(1, 2)]);
        assert_eq!(graph.order, [(1, 2)]);
        assert_eq!(graph.cyclic, HashSet::from_iter([1, 2]));
    }

    #[test]
    fn depth_stops_and_says_so() {
        let graph = Graph::new(1, 1, Direction::Forward, vec![edge(1, 2), edge(2, 3)]);
        assert_eq!(graph.order, [(1, 2)]);
        assert!(graph.deeper && graph.more.contains(&2));
    }

    #[test]
    fn pages_follow_each_other() {
        let graph = Graph::new(1, 9, Direction::Forward, (2..12).map(|to| edge(1, to)).collect());
        let (first, more) = graph.page(None, 4);
        assert_eq!((first.len(), more), (4, true));
        let (rest, more) = graph.page(first.last().copied(), 100);
        assert_eq!((rest.len(), more), (6, false));
        assert_eq!(rest[0], (1, 6));
    }

    #[test]
    fn a_page_tells_when_something_came_before_it() {
        let wide = |more: Vec<Edge>| {
            let links = (2..12).map(|to| edge(1, to)).chain([edge(11, 20)]).chain(more).collect();
            Graph::new(1, 9, Direction::Forward, links)
        };
        let graph = wide(vec![]);
        let place = graph.order[3];
        assert_eq!(wide(vec![]).mark(place), graph.mark(place));
        // After the place anything may come.
        assert_eq!(wide(vec![edge(11, 21), edge(1, 12)]).mark(place), graph.mark(place));
        // A shorter way to 20 would have taken it past the pages that are still to come.
        let shorter = wide(vec![edge(1, 20)]);
        let late = graph.order[10];
        assert_eq!(late, (2, 20));
        assert_ne!(shorter.mark((1, 30)), graph.mark((1, 30)));
        assert_ne!(wide(vec![edge(1, 0)]).mark(place), graph.mark(place));
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let graph =
            Graph::new(0, i32::MAX, Direction::Forward, (0..100_000).map(|i| edge(i, i + 1)).collect());
        assert_eq!(graph.order.len(), 100_000);
    }
}
