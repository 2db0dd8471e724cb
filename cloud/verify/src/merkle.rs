//! Merkle trees as in RFC 9162, section 2.1: SHA-256, leaves prefixed by 0x00 and
//! inner nodes by 0x01.
//!
//! Proofs are made from complete subtrees, wherever they are kept: a [`Node`] is asked
//! for, its hash is given.

use sha2::{Digest, Sha256};

/// A SHA-256, 32 bytes.
pub type Hash = [u8; 32];

/// A complete subtree: the leaves `index << level` to `(index + 1) << level`, the last
/// one not included. A leaf is of level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// How many levels stand above its leaves.
    pub level: u32,
    /// Its place among those of its level.
    pub index: u64,
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not in a tree of that size.
    #[error("there is no leaf {index} in a tree of {size}")]
    NoLeaf {
        /// Its number, from 0.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// A tree without leaves, or a later one that is smaller.
    #[error("a tree of {second} leaves cannot grow from one of {first}")]
    Sizes {
        /// The earlier tree's size.
        first: u64,
        /// The later one's.
        second: u64,
    },
    /// Too few hashes or too many.
    #[error("the proof has {0} hashes, and that is not how many it takes")]
    Length(usize),
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The hash of a leaf with this data.
#[must_use]
pub fn leaf(data: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(data);
    hasher.finalize().into()
}

/// The hash of the node above two.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left);
    hasher.update(right);
    hasher.finalize().into()
}

/// The root over leaves, given by their hashes. That of no leaves is the hash of
/// nothing.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(half(many.len() as u64) as usize);
            node(&root(left), &root(right))
        }
    }
}

/// The largest power of two below `size`, which is at least 2.
fn half(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// Whether the leaf of that number and hash is in the tree of that size and root
/// (RFC 9162, 2.1.3.2).
///
/// # Errors
/// [`ProofError`] when the proof does not show it.
pub fn included(index: u64, size: u64, leaf: &Hash, proof: &[Hash], root: &Hash) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::NoLeaf { index, size });
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for step in proof {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if at & 1 == 1 || at == last {
            hash = node(step, &hash);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node(&hash, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    if hash == *root { Ok(()) } else { Err(ProofError::Root) }
}

/// Whether the tree of `second` leaves begins with all leaves of that of `first`, in
/// their order (RFC 9162, 2.1.4.2). Of equal sizes the roots must be equal, and the
/// proof empty.
///
/// # Errors
/// [`ProofError`] when the proof does not show it.
pub fn consistent(
    first: u64,
    second: u64,
    proof: &[Hash],
    first_root: &Hash,
    second_root: &Hash,
) -> Result<(), ProofError> {
    if first == 0 || first > second {
        return Err(ProofError::Sizes { first, second });
    }
    if first == second {
        return match proof {
            [] if first_root == second_root => Ok(()),
            [] => Err(ProofError::Root),
            more => Err(ProofError::Length(more.len())),
        };
    }
    let mut steps = proof.iter();
    let begin = if first.is_power_of_two() && !proof.is_empty() { Some(first_root) } else { steps.next() };
    let begin = begin.ok_or(ProofError::Length(0))?;
    let (mut at, mut last) = (first - 1, second - 1);
    while at & 1 == 1 {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut old, mut new) = (*begin, *begin);
    for step in steps {
        if last == 0 {
            return Err(ProofError::Length(proof.len()));
        }
        if at & 1 == 1 || at == last {
            old = node(step, &old);
            new = node(step, &new);
            while at & 1 == 0 && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            new = node(&new, step);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    if last != 0 {
        return Err(ProofError::Length(proof.len()));
    }
    if old == *first_root && new == *second_root { Ok(()) } else { Err(ProofError::Root) }
}

/// The root of the tree of that size, from its complete subtrees.
pub fn root_from(size: u64, of: &mut impl FnMut(Node) -> Hash) -> Hash {
    if size == 0 { root(&[]) } else { range(0, size, of) }
}

/// The root over the leaves from `from` to `to`, the last one not included; `from` is
/// where such a subtree can begin.
fn range(from: u64, to: u64, of: &mut impl FnMut(Node) -> Hash) -> Hash {
    let size = to - from;
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return of(Node { level, index: from >> level });
    }
    let middle = from + half(size);
    let left = range(from, middle, of);
    node(&left, &range(middle, to, of))
}

/// The proof that a leaf is in the tree of that size (RFC 9162, 2.1.3.1).
///
/// # Errors
/// [`ProofError::NoLeaf`].
pub fn inclusion(index: u64, size: u64, of: &mut impl FnMut(Node) -> Hash) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::NoLeaf { index, size });
    }
    let (mut from, mut to, mut proof) = (0, size, Vec::new());
    while to - from > 1 {
        let middle = from + half(to - from);
        if index < middle {
            proof.push(range(middle, to, of));
            to = middle;
        } else {
            proof.push(range(from, middle, of));
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `second` leaves grew from that of `first` (RFC 9162,
/// 2.1.4.1).
///
/// # Errors
/// [`ProofError::Sizes`].
pub fn consistency(
    first: u64,
    second: u64,
    of: &mut impl FnMut(Node) -> Hash,
) -> Result<Vec<Hash>, ProofError> {
    if first == 0 || first > second {
        return Err(ProofError::Sizes { first, second });
    }
    // `whole`: the part looked at is the earlier tree itself, whose root is known.
    let (mut from, mut to, mut whole, mut proof) = (0, second, true, Vec::new());
    while first != to {
        let middle = from + half(to - from);
        if first <= middle {
            proof.push(range(middle, to, of));
            to = middle;
        } else {
            proof.push(range(from, middle, of));
            from = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range(from, to, of));
    }
    proof.reverse();
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inclusion {
        leaf_idx: u64,
        tree_size: u64,
        root: String,
        leaf_hash: String,
        proof: Option<Vec<String>>,
        desc: String,
        want_err: bool,
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Consistency {
        size1: u64,
        size2: u64,
        root1: String,
        root2: String,
        proof: Option<Vec<String>>,
        desc: String,
        want_err: bool,
    }

    /// `None` for what is no hash at all, which is refused before it comes here.
    fn hash(text: &str) -> Option<Hash> {
        STANDARD.decode(text).unwrap().try_into().ok()
    }

    fn hashes(texts: Option<&Vec<String>>) -> Option<Vec<Hash>> {
        texts.map_or(Some(Vec::new()), |texts| texts.iter().map(|text| hash(text)).collect())
    }

    #[test]
    fn the_vectors_of_inclusion_pass() {
        let (mut good, mut bad) = (0, 0);
        for line in include_str!("../tests/vectors/inclusion.jsonl").lines() {
            let v: Inclusion = serde_json::from_str(line).unwrap();
            let done = (|| {
                let (leaf, root) = (hash(&v.leaf_hash)?, hash(&v.root)?);
                included(v.leaf_idx, v.tree_size, &leaf, &hashes(v.proof.as_ref())?, &root).ok()
            })();
            assert_eq!(done.is_none(), v.want_err, "{} of {}: {}", v.leaf_idx, v.tree_size, v.desc);
            if v.want_err { bad += 1 } else { good += 1 }
        }
        assert!(good >= 5 && bad >= 50, "{good} good, {bad} bad");
    }

    #[test]
    fn the_vectors_of_consistency_pass() {
        let (mut good, mut bad) = (0, 0);
        for line in include_str!("../tests/vectors/consistency.jsonl").lines() {
            let v: Consistency = serde_json::from_str(line).unwrap();
            let done = (|| {
                // Some roots are no hashes but words; all that matters is whether they are equal.
                let root = |text: &str| hash(text).unwrap_or_else(|| leaf(text.as_bytes()));
                let (first, second) = (root(&v.root1), root(&v.root2));
                consistent(v.size1, v.size2, &hashes(v.proof.as_ref())?, &first, &second).ok()
            })();
            assert_eq!(done.is_none(), v.want_err, "{} to {}: {}", v.size1, v.size2, v.desc);
            if v.want_err { bad += 1 } else { good += 1 }
        }
        assert!(good >= 4 && bad >= 50, "{good} good, {bad} bad");
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf(&n.to_be_bytes())).collect()
    }

    fn subtree(leaves: &[Hash]) -> impl FnMut(Node) -> Hash + '_ {
        |node| root(&leaves[(node.index << node.level) as usize..((node.index + 1) << node.level) as usize])
    }

    #[test]
    fn every_proof_of_small_trees_holds_and_no_other_leaf_passes() {
        for size in 1..40 {
            let leaves = leaves(size);
            let whole = root(&leaves);
            assert_eq!(root_from(size, &mut subtree(&leaves)), whole);
            for index in 0..size {
                let proof = inclusion(index, size, &mut subtree(&leaves)).unwrap();
                included(index, size, &leaves[index as usize], &proof, &whole).unwrap();
                for other in (0..size).filter(|other| *other != index) {
                    assert!(included(other, size, &leaves[index as usize], &proof, &whole).is_err());
                }
            }
            for first in 1..=size {
                let proof = consistency(first, size, &mut subtree(&leaves)).unwrap();
                let before = root(&leaves[..first as usize]);
                consistent(first, size, &proof, &before, &whole).unwrap();
            }
        }
    }

    proptest! {
        #[test]
        fn a_changed_hash_is_refused(size in 2_u64..300, index in 0_u64..300, at in 0_usize..9, byte in 0_usize..32) {
            let leaves = leaves(size);
            let (index, whole) = (index % size, root(&leaves));
            let mut proof = inclusion(index, size, &mut subtree(&leaves)).unwrap();
            let at = at % proof.len();
            proof[at][byte] ^= 1;
            prop_assert_eq!(
                included(index, size, &leaves[index as usize], &proof, &whole), Err(ProofError::Root));
        }
    }
}
