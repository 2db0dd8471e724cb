//! The tree in tiles of 256 hashes: growing it, and asking it for subtrees. Pure.

use std::collections::{BTreeMap, BTreeSet};

use verify::merkle::{self, Hash, Node};

/// Hashes of a full tile.
pub const WIDTH: u64 = 256;
/// Levels of the tree in one tile.
const HEIGHT: u32 = 8;

/// Which tile: its level, and its place among those of its level.
pub type At = (i16, i64);

/// Tiles that are in memory, and those that were asked for and are not.
#[derive(Debug, Default)]
pub struct Tiles {
    there: BTreeMap<At, Vec<Hash>>,
    missing: BTreeSet<At>,
}

/// The tile of a node, and which of its hashes lie under the node.
fn place(node: Node) -> (At, std::ops::Range<usize>) {
    let (level, rest) = (node.level / HEIGHT, node.level % HEIGHT);
    let first = node.index << rest;
    let begin = (first % WIDTH) as usize;
    // A tree has at most 2^63 leaves.
    ((level as i16, (first / WIDTH) as i64), begin..begin + (1 << rest))
}

impl Tiles {
    /// Takes in a tile that was read.
    pub fn put(&mut self, at: At, hashes: Vec<Hash>) {
        self.missing.remove(&at);
        self.there.insert(at, hashes);
    }

    /// Tiles that [`Tiles::hash`] was asked for in vain since this was last called.
    pub fn take_missing(&mut self) -> Vec<At> {
        std::mem::take(&mut self.missing).into_iter().collect()
    }

    /// A tile's hashes.
    #[must_use]
    pub fn get(&self, at: At) -> Option<&[Hash]> {
        self.there.get(&at).map(Vec::as_slice)
    }

    /// The hash of a node; zeros, and its tile noted as missing, when that is not here.
    pub fn hash(&mut self, node: Node) -> Hash {
        let (at, part) = place(node);
        match self.there.get(&at).and_then(|hashes| hashes.get(part)) {
            Some(hashes) => merkle::root(hashes),
            None => {
                self.missing.insert(at);
                [0; 32]
            }
        }
    }

    /// The tiles that growing a tree of this size begins at: the last one of each level,
    /// unless it is full.
    #[must_use]
    pub fn edge(size: u64) -> Vec<At> {
        let mut edge = Vec::new();
        let (mut level, mut nodes) = (0, size);
        while nodes > 0 {
            if nodes % WIDTH > 0 {
                edge.push((level, (nodes / WIDTH) as i64));
            }
            (level, nodes) = (level + 1, nodes / WIDTH);
        }
        edge
    }

    /// Adds leaves to the tree of this size, whose [`Tiles::edge`] is here; notes the
    /// changed tiles in `changed`, and answers the new size.
    pub fn grow(&mut self, mut size: u64, leaves: &[Hash], changed: &mut BTreeSet<At>) -> u64 {
        for leaf in leaves {
            let (mut level, mut place, mut hash) = (0, size, *leaf);
            loop {
                let at = (level, (place / WIDTH) as i64);
                let tile = self.there.entry(at).or_default();
                tile.push(hash);
                changed.insert(at);
                if tile.len() < WIDTH as usize {
                    break;
                }
                (level, place, hash) = (level + 1, place / WIDTH, merkle::root(tile));
            }
            size += 1;
        }
        size
    }
}

/// A tile as it is stored.
#[must_use]
pub fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The hashes of a stored tile; `None` when it is none.
#[must_use]
pub fn hashes(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() <= WIDTH as usize).then(|| hashes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| merkle::leaf(&n.to_be_bytes())).collect()
    }

    #[test]
    fn a_tree_in_tiles_is_the_tree() {
        let all = leaves(70_000);
        let (mut tiles, mut changed, mut size) = (Tiles::default(), BTreeSet::new(), 0);
        for (from, to) in [(0, 1), (1, 255), (255, 256), (256, 257), (257, 65_536), (65_536, 70_000)] {
            // What is read back is what was stored, and the edge is enough to go on.
            let mut next = Tiles::default();
            for at in Tiles::edge(size) {
                next.put(at, hashes(&bytes(tiles.get(at).unwrap())).unwrap());
            }
            size = next.grow(size, &all[from..to], &mut changed);
            for at in std::mem::take(&mut changed) {
                tiles.put(at, next.get(at).unwrap().to_vec());
            }
            assert_eq!(size, to as u64);
            let root = merkle::root_from(size, &mut |node| tiles.hash(node));
            assert_eq!(root, merkle::root(&all[..to]), "{to}");
            assert!(tiles.take_missing().is_empty());
        }
        for index in [0, 255, 256, 65_535, 65_536, 69_999] {
            let proof = merkle::inclusion(index, size, &mut |node| tiles.hash(node)).unwrap();
            merkle::included(index, size, &all[index as usize], &proof, &merkle::root(&all)).unwrap();
        }
        for first in [1, 255, 256, 257, 65_536, 69_999, 70_000] {
            let proof = merkle::consistency(first, size, &mut |node| tiles.hash(node)).unwrap();
            let before = merkle::root(&all[..first as usize]);
            merkle::consistent(first, size, &proof, &before, &merkle::root(&all)).unwrap();
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut tiles = Tiles::default();
        merkle::root_from(300, &mut |node| tiles.hash(node));
        assert_eq!(tiles.take_missing(), [(0, 1), (1, 0)]);
        assert!(hashes(&[0; 33]).is_none());
    }
}
