//! Sets of keys, as sorted vectors without repeats. Pure.

use std::cmp::Ordering;

/// What was found, as a set.
#[must_use]
pub fn set(mut keys: Vec<i64>) -> Vec<i64> {
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// What is in both.
#[must_use]
pub fn both(one: &[i64], other: &[i64]) -> Vec<i64> {
    let (few, many) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    // A search per key costs less than a walk where one is far smaller.
    if few.len().saturating_mul(16) < many.len() {
        return few.iter().copied().filter(|key| many.binary_search(key).is_ok()).collect();
    }
    walk(one, other, |here, there| here && there)
}

/// What is in one of them.
#[must_use]
pub fn either(one: &[i64], other: &[i64]) -> Vec<i64> {
    walk(one, other, |here, there| here || there)
}

/// What is in the first and not in the other.
#[must_use]
pub fn without(one: &[i64], other: &[i64]) -> Vec<i64> {
    walk(one, other, |here, there| here && !there)
}

fn walk(one: &[i64], other: &[i64], keep: fn(bool, bool) -> bool) -> Vec<i64> {
    let (mut at, mut beside, mut kept) = (0, 0, Vec::new());
    loop {
        let (key, here, there) = match (one.get(at), other.get(beside)) {
            (None, None) => return kept,
            (Some(&key), None) => (key, true, false),
            (None, Some(&key)) => (key, false, true),
            (Some(&key), Some(&next)) => match key.cmp(&next) {
                Ordering::Less => (key, true, false),
                Ordering::Greater => (next, false, true),
                Ordering::Equal => (key, true, true),
            },
        };
        at += usize::from(here);
        beside += usize::from(there);
        if keep(here, there) {
            kept.push(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_are_as_those_of_the_library(
            one in proptest::collection::vec(0_i64..60, 0..40),
            other in proptest::collection::vec(0_i64..900, 0..400),
        ) {
            let (a, b): (BTreeSet<i64>, BTreeSet<i64>) = (one.iter().copied().collect(), other.iter().copied().collect());
            let (one, other) = (set(one), set(other));
            prop_assert_eq!(both(&one, &other), a.intersection(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(both(&other, &one), a.intersection(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(either(&one, &other), a.union(&b).copied().collect::<Vec<_>>());
            prop_assert_eq!(without(&other, &one), b.difference(&a).copied().collect::<Vec<_>>());
        }
    }
}
