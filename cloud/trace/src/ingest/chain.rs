//! What a batch means against the cursor of its stream. Pure.
//!
//! The chain decides three questions that sequence numbers alone cannot: is a
//! repeat really the same event, does new material continue *our* history or
//! that of a clone, and where did two histories part.

use proto::chain::Hash;

/// How far a stream and epoch is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Last committed seq; 0 for none.
    pub through_seq: i64,
    /// Hash that the next event must name; `None` where the chain restarts,
    /// because what stood before is gone at the agent and here.
    pub chain_hash: Option<Hash>,
}

/// What a batch's event says about the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    /// SHA-256 of its bytes.
    pub hash: Hash,
    /// Hash that it names; `None` when it names none (it could not be read).
    pub prev_hash: Option<Hash>,
    /// It stands in the place of a record that the agent lost.
    pub lost: bool,
}

/// A committed event that a batch repeats or continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Its seq.
    pub seq: i64,
    /// SHA-256 of its bytes.
    pub hash: Hash,
    /// It is a LOST record.
    pub lost: bool,
}

/// What to do with a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Events between the cursor and the batch are missing: refuse it.
    Gap,
    /// The histories parted before this batch: the agent is to send again from
    /// `through_seq` + 1, so that the place is found.
    Rewind {
        /// Where to go back to.
        through_seq: i64,
    },
    /// The histories are the same up to `through_seq` and differ after it.
    Fork {
        /// Last common seq.
        through_seq: i64,
    },
    /// Store the events from index `skip` on; those before are repeats, of which
    /// only those at `fill` are stored.
    Apply {
        /// Number of repeats.
        skip: usize,
        /// Indexes of repeats that are not here (they lie in a gap): they are
        /// stored in their place.
        fill: Vec<usize>,
        /// Indexes of new events that do not name the event before them.
        broken: Vec<usize>,
        /// Seqs whose record is lost at the agent, though it is whole here.
        lost_there: Vec<i64>,
    },
}

/// Which stored events [`plan`] needs for a batch, inclusive; `None` when the
/// batch simply continues at the cursor.
#[must_use]
pub fn needs(cursor: &Cursor, from_seq: i64, batch: &[Incoming]) -> Option<(i64, i64)> {
    let first = batch.first()?;
    if from_seq > cursor.through_seq + 1 {
        return None;
    }
    if from_seq == cursor.through_seq + 1 && continues(cursor, first) {
        return None;
    }
    let last = from_seq + batch.len() as i64 - 1;
    Some((from_seq - 1, last.min(cursor.through_seq)))
}

fn continues(cursor: &Cursor, first: &Incoming) -> bool {
    match (cursor.chain_hash, first.prev_hash) {
        (Some(expected), Some(named)) => expected == named,
        // An unreadable event names nothing; it is an exception, not a fork.
        (None, _) | (_, None) => true,
    }
}

/// Decides what a batch means. `genesis` is the hash before seq 1, `oldest_seq`
/// the oldest that the agent still has, `stored` holds what [`needs`] named.
#[must_use]
pub fn plan(
    cursor: &Cursor,
    genesis: Hash,
    from_seq: i64,
    oldest_seq: i64,
    batch: &[Incoming],
    stored: &[Stored],
) -> Plan {
    if from_seq > cursor.through_seq + 1 {
        return Plan::Gap;
    }
    let at = |seq: i64| stored.iter().find(|s| s.seq == seq);
    let Some(first) = batch.first() else {
        return Plan::Apply { skip: 0, fill: Vec::new(), broken: Vec::new(), lost_there: Vec::new() };
    };
    let overlap = (cursor.through_seq + 1 - from_seq).clamp(0, batch.len() as i64) as usize;

    // Repeats: the first that differs is where the histories part, unless they
    // parted before the batch began.
    let mut lost_there = Vec::new();
    let mut fill = Vec::new();
    let mut differs = None;
    // A repeat that is the same proves, by the chain, all that lies before it.
    let mut anchored = false;
    for (i, event) in batch[..overlap].iter().enumerate() {
        let seq = from_seq + i as i64;
        match at(seq) {
            None => fill.push(i),
            Some(known) if known.hash == event.hash => anchored = true,
            Some(_) if event.lost => lost_there.push(seq),
            Some(_) => {
                differs = Some(i);
                break;
            }
        }
    }
    let follows = overlap == 0 && continues(cursor, first);
    if !anchored && !follows {
        // Nothing in the batch proves that what lies before it is common.
        let before = from_seq - 1;
        let common = match (before, at(before)) {
            (0, _) => first.prev_hash.is_none_or(|named| named == genesis),
            (_, Some(known)) => known.lost || first.prev_hash.is_none_or(|named| named == known.hash),
            // Gone here: nothing to compare with.
            (_, None) => true,
        };
        if !common {
            if from_seq <= oldest_seq.max(1) {
                return Plan::Fork { through_seq: before };
            }
            let step = 2 * (cursor.through_seq + 1 - from_seq) + 1;
            return Plan::Rewind { through_seq: (before - step).max(oldest_seq.max(1) - 1) };
        }
    }
    if let Some(i) = differs {
        return Plan::Fork { through_seq: from_seq + i as i64 - 1 };
    }
    let mut broken = seams(from_seq, &batch[..overlap], &fill, at(from_seq - 1));
    if overlap == batch.len() {
        return Plan::Apply { skip: overlap, fill, broken, lost_there };
    }

    let mut tolerated = overlap == 0; // judged above
    let mut expected = if overlap > 0 { batch[overlap - 1].hash } else { first.hash };
    if overlap > 0 {
        tolerated = batch[overlap - 1].lost || at(cursor.through_seq).is_some_and(|s| s.lost);
    }
    for (i, event) in batch.iter().enumerate().skip(overlap) {
        if !tolerated && event.prev_hash.is_some_and(|named| named != expected) {
            broken.push(i);
        }
        expected = event.hash;
        tolerated = event.lost;
    }
    Plan::Apply { skip: overlap, fill, broken, lost_there }
}

/// Indexes of repeats that do not name the event before them, where one of the
/// two comes to fill a gap.
fn seams(from_seq: i64, repeats: &[Incoming], fill: &[usize], before: Option<&Stored>) -> Vec<usize> {
    let filled = |i: usize| fill.binary_search(&i).is_ok();
    let mut broken = Vec::new();
    for (i, event) in repeats.iter().enumerate() {
        let (named_by, lost) = match i.checked_sub(1).map(|j| &repeats[j]) {
            Some(last) if filled(i) || filled(i - 1) => (Some(last.hash), last.lost),
            None if filled(i) && from_seq > 1 => (before.map(|b| b.hash), before.is_some_and(|b| b.lost)),
            _ => (None, false),
        };
        if let (Some(expected), Some(named), false) = (named_by, event.prev_hash, lost)
            && expected != named
        {
            broken.push(i);
        }
    }
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    const G: Hash = [0; 32];

    fn h(n: u8) -> Hash {
        [n; 32]
    }

    /// A well-formed chain of the given hashes, the first naming `before`.
    fn run(before: Hash, hashes: &[u8]) -> Vec<Incoming> {
        let mut prev = before;
        hashes
            .iter()
            .map(|n| {
                let event = Incoming { hash: h(*n), prev_hash: Some(prev), lost: false };
                prev = event.hash;
                event
            })
            .collect()
    }

    fn stored(from: i64, hashes: &[u8]) -> Vec<Stored> {
        hashes
            .iter()
            .enumerate()
            .map(|(i, n)| Stored { seq: from + i as i64, hash: h(*n), lost: false })
            .collect()
    }

    fn at(through: i64, hash: Hash) -> Cursor {
        Cursor { through_seq: through, chain_hash: Some(hash) }
    }

    fn apply(skip: usize) -> Plan {
        Plan::Apply { skip, fill: Vec::new(), broken: Vec::new(), lost_there: Vec::new() }
    }

    #[test]
    fn continues_repeats_overlaps_and_gaps() {
        let cursor = at(3, h(3));
        let cases = [
            (4, run(h(3), &[4, 5]), apply(0)),
            (1, run(G, &[1, 2, 3]), apply(3)),
            (2, run(h(1), &[2, 3, 4, 5]), apply(2)),
            (5, run(h(4), &[5]), Plan::Gap),
        ];
        for (from, batch, expected) in cases {
            assert_eq!(plan(&cursor, G, from, 1, &batch, &stored(1, &[1, 2, 3])), expected, "from {from}");
        }
    }

    #[test]
    fn the_first_that_differs_is_the_fork() {
        let cursor = at(4, h(4));
        let ours = stored(1, &[1, 2, 3, 4]);
        assert_eq!(plan(&cursor, G, 2, 1, &run(h(1), &[2, 30, 40]), &ours), Plan::Fork { through_seq: 2 });
        assert_eq!(plan(&cursor, G, 3, 1, &run(h(2), &[30, 40]), &ours), Plan::Fork { through_seq: 2 });
        assert_eq!(plan(&cursor, G, 1, 1, &run(G, &[10, 20]), &ours), Plan::Fork { through_seq: 0 });
    }

    #[test]
    fn goes_back_by_doubling_until_the_parting_is_found() {
        let ours: Vec<u8> = (1..=40).collect();
        let mut theirs = ours.clone();
        for n in &mut theirs[20..] {
            *n += 100;
        }
        let cursor = at(40, h(40));
        let (mut from, mut trips) = (41_i64, 0);
        let mut history = theirs.clone();
        history.push(141);
        let through = loop {
            trips += 1;
            let before = if from == 1 { G } else { h(history[from as usize - 2]) };
            let batch = run(before, &history[from as usize - 1..]);
            match plan(&cursor, G, from, 1, &batch, &stored(1, &ours)) {
                Plan::Rewind { through_seq } => from = through_seq + 1,
                Plan::Fork { through_seq } => break through_seq,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(through, 20);
        assert!(trips < 8, "{trips}");
    }

    #[test]
    fn what_the_agent_no_longer_has_ends_the_search() {
        let cursor = at(4, h(4));
        assert_eq!(
            plan(&cursor, G, 5, 5, &run(h(44), &[50]), &stored(4, &[4])),
            Plan::Fork { through_seq: 4 }
        );
    }

    #[test]
    fn a_break_after_lost_is_no_break() {
        let mut batch = run(h(3), &[4, 5, 6]);
        batch[1].lost = true;
        batch[2].prev_hash = Some(h(99));
        assert_eq!(plan(&at(3, h(3)), G, 4, 1, &batch, &[]), apply(0));
        // Across batches too.
        let lost = [Stored { seq: 3, hash: h(3), lost: true }];
        assert_eq!(plan(&at(3, h(3)), G, 4, 1, &run(h(77), &[4]), &lost), apply(0));
        // And nowhere else.
        batch[1].lost = false;
        assert_eq!(
            plan(&at(3, h(3)), G, 4, 1, &batch, &[]),
            Plan::Apply { skip: 0, fill: vec![], broken: vec![2], lost_there: vec![] }
        );
    }

    #[test]
    fn a_broken_link_at_the_cursor_is_told_from_a_fork_by_going_back_once() {
        let cursor = at(3, h(3));
        let ours = stored(1, &[1, 2, 3]);
        let bad = run(h(99), &[4]);
        assert_eq!(plan(&cursor, G, 4, 1, &bad, &ours), Plan::Rewind { through_seq: 2 });
        let mut again = run(h(2), &[3]);
        again.extend(bad);
        assert_eq!(
            plan(&cursor, G, 3, 1, &again, &ours),
            Plan::Apply { skip: 1, fill: vec![], broken: vec![1], lost_there: vec![] }
        );
    }

    #[test]
    fn lost_at_the_agent_but_whole_here_is_no_fork() {
        let mut batch = run(h(1), &[22, 3, 4]);
        batch[0].lost = true;
        batch[1].prev_hash = Some(h(2));
        assert_eq!(
            plan(&at(3, h(3)), G, 2, 1, &batch, &stored(1, &[1, 2, 3])),
            Plan::Apply { skip: 2, fill: vec![], broken: vec![], lost_there: vec![2] }
        );
    }

    #[test]
    fn a_restarted_chain_takes_what_comes() {
        let restart = Cursor { through_seq: 9, chain_hash: None };
        assert_eq!(plan(&restart, G, 10, 10, &run(h(99), &[10]), &[]), apply(0));
    }

    #[test]
    fn a_repeat_that_is_not_here_fills_its_gap() {
        // 3 to 6 are a gap; the chain began again at 7.
        let cursor = at(8, h(8));
        let mut ours = stored(1, &[1, 2]);
        ours.extend(stored(7, &[7, 8]));
        let filled = |skip, fill: &[usize], broken: &[usize]| Plan::Apply {
            skip,
            fill: fill.to_vec(),
            broken: broken.to_vec(),
            lost_there: vec![],
        };
        let all = run(G, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(plan(&cursor, G, 1, 1, &all, &ours), filled(8, &[2, 3, 4, 5], &[]));
        assert_eq!(plan(&cursor, G, 4, 1, &run(h(3), &[4, 5]), &ours), filled(2, &[0, 1], &[]));
        // Another history is stored as well, and its seams are told.
        let mut strange = run(h(99), &[33, 44, 55, 66]);
        strange.extend(run(h(6), &[7, 8]));
        assert_eq!(plan(&cursor, G, 3, 1, &strange, &ours), filled(6, &[0, 1, 2, 3], &[0, 4]));
    }
}
