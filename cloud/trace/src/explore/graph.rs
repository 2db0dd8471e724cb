//! A walk through a genealogy, from its links: levels, cycles, pages. Pure.

use std::collections::VecDeque;

use foldhash::{HashMap, HashMapExt, HashSet, HashSetExt};

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
    /// The end of a link from which, and the end to which, one walks.
    fn ends(self, edge: &Edge) -> (i64, i64) {
        match self {
            Self::Backward => (edge.to, edge.from),
            Self::Forward => (edge.from, edge.to),
        }
    }
}

/// A walk.
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
    /// Links by the end to which one walks.
    reached_by: HashMap<i64, Vec<usize>>,
    component: HashMap<i64, usize>,
}

impl Graph {
    /// The walk from `start` along `edges`, at most `depth` steps. Links of the
    /// outermost UIDs only tell that it goes on.
    #[must_use]
    pub fn new(start: i64, depth: i32, direction: Direction, edges: Vec<Edge>) -> Self {
        let mut leaving: HashMap<i64, Vec<usize>> = HashMap::new();
        for (index, edge) in edges.iter().enumerate() {
            leaving.entry(direction.ends(edge).0).or_default().push(index);
        }
        let mut levels: HashMap<i64, i32> = HashMap::new();
        levels.insert(start, 0);
        let mut open = VecDeque::from([start]);
        let mut graph = Self::default();
        while let Some(key) = open.pop_front() {
            let level = levels[&key];
            for &index in leaving.get(&key).into_iter().flatten() {
                let (_, to) = direction.ends(&edges[index]);
                graph.more.insert(key);
                if level >= depth {
                    graph.deeper |= !levels.contains_key(&to);
                    continue;
                }
                graph.reached_by.entry(to).or_default().push(index);
                if let std::collections::hash_map::Entry::Vacant(slot) = levels.entry(to) {
                    slot.insert(level + 1);
                    open.push_back(to);
                }
            }
        }
        graph.order =
            levels.iter().filter(|(key, _)| **key != start).map(|(&key, &level)| (level, key)).collect();
        graph.order.sort_unstable();
        graph.component = components(&levels, &leaving, |index| direction.ends(&edges[index]).1);
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        for component in graph.component.values() {
            *sizes.entry(*component).or_default() += 1;
        }
        graph.cyclic = graph
            .component
            .iter()
            .filter(|(key, component)| {
                sizes[component] > 1
                    || leaving.get(key).is_some_and(|list| list.iter().any(|&i| edges[i].from == edges[i].to))
            })
            .map(|(&key, _)| key)
            .collect();
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
        let mut list: Vec<&Edge> =
            self.reached_by.get(&key).into_iter().flatten().map(|&index| &self.edges[index]).collect();
        list.sort_by_key(|edge| (edge.from, edge.to, edge.kind));
        list
    }

    /// All links by which UIDs were reached, in no order.
    pub fn links(&self) -> impl Iterator<Item = &Edge> {
        self.reached_by.values().flatten().map(|&index| &self.edges[index])
    }

    /// Whether a link lies on a cycle.
    #[must_use]
    pub fn is_cyclic(&self, edge: &Edge) -> bool {
        edge.from == edge.to
            || match (self.component.get(&edge.from), self.component.get(&edge.to)) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            }
    }

    /// UIDs after a place in [`Graph::order`], at most `limit`, and whether
    /// there are more.
    #[must_use]
    pub fn page(&self, after: Option<(i32, i64)>, limit: usize) -> (&[(i32, i64)], bool) {
        let from = after.map_or(0, |after| self.order.partition_point(|place| *place <= after));
        let to = self.order.len().min(from.saturating_add(limit));
        (&self.order[from..to], to < self.order.len())
    }
}

/// Strongly connected components (Tarjan, without recursion).
fn components(
    levels: &HashMap<i64, i32>,
    leaving: &HashMap<i64, Vec<usize>>,
    end: impl Fn(usize) -> i64,
) -> HashMap<i64, usize> {
    let mut sorted: Vec<i64> = levels.keys().copied().collect();
    sorted.sort_unstable();
    let mut index: HashMap<i64, usize> = HashMap::new();
    let mut low: HashMap<i64, usize> = HashMap::new();
    let mut stack: Vec<i64> = Vec::new();
    let mut on_stack: HashSet<i64> = HashSet::new();
    let mut component: HashMap<i64, usize> = HashMap::new();
    let empty: Vec<usize> = Vec::new();
    for root in sorted {
        if index.contains_key(&root) {
            continue;
        }
        let mut calls: Vec<(i64, usize)> = vec![(root, 0)];
        while let Some((key, mut at)) = calls.pop() {
            if at == 0 {
                let number = index.len();
                index.insert(key, number);
                low.insert(key, number);
                stack.push(key);
                on_stack.insert(key);
            }
            let next = leaving.get(&key).unwrap_or(&empty);
            let mut descended = false;
            while at < next.len() {
                let to = end(next[at]);
                at += 1;
                if !levels.contains_key(&to) {
                    continue;
                }
                if !index.contains_key(&to) {
                    calls.push((key, at));
                    calls.push((to, 0));
                    descended = true;
                    break;
                }
                if on_stack.contains(&to) {
                    let lowest = low[&key].min(index[&to]);
                    low.insert(key, lowest);
                }
            }
            if descended {
                continue;
            }
            if let Some(&(caller, _)) = calls.last() {
                let lowest = low[&caller].min(low[&key]);
                low.insert(caller, lowest);
            }
            if low[&key] == index[&key] {
                let number = component.len();
                while let Some(member) = stack.pop() {
                    on_stack.remove(&member);
                    component.insert(member, number);
                    if member == key {
                        break;
                    }
                }
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
    fn a_long_chain_needs_no_stack() {
        let graph =
            Graph::new(0, i32::MAX, Direction::Forward, (0..100_000).map(|i| edge(i, i + 1)).collect());
        assert_eq!(graph.order.len(), 100_000);
    }
}
