//! Where a stream resumes: what an agent says of its journal against what the
//! cloud has of it. Pure.

use proto::chain::Hash;

use crate::ingest::chain::Cursor;

/// What an agent says of itself when a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Current epoch of its journal.
    pub epoch: i32,
    /// Last seq in it, 0 for none.
    pub head_seq: i64,
    /// Hash of the last event, the genesis hash when there is none.
    pub head_hash: Option<Hash>,
    /// Oldest seq still on disk.
    pub oldest_seq: i64,
    /// The machine; empty when it does not say.
    pub machine_id: String,
    /// Journal and mark disagree.
    pub behind_mark: bool,
}

/// What the cloud has of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The epoch in which it may mint; at least the one it says.
    pub epoch: i32,
    /// The machine of that epoch.
    pub machine_id: Option<String>,
    /// The cursor of the epoch that it says.
    pub cursor: Cursor,
    /// Hash of the stored event at its head, when the cloud has that.
    pub hash_at_head: Option<Hash>,
}

/// When the agent is to be led into another epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Not at all.
    No,
    /// At once: the histories are the same up to `through_seq`.
    Now {
        /// Last common seq.
        through_seq: i64,
    },
    /// With the first batch that shows how far the histories are the same.
    OnceVerified,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Raise the agent's epoch now, for this reason (a stable code).
    pub raise: Option<&'static str>,
    /// The agent is to send from here + 1.
    pub through_seq: i64,
    /// These seqs are gone at the agent and were never here: the cursor jumps
    /// past them and the chain restarts.
    pub gap: Option<(i64, i64)>,
    /// Whether and when the agent goes on in another epoch.
    pub moves: Move,
}

/// Decides how a stream resumes.
#[must_use]
pub fn resume(hello: &Hello, known: &Known) -> Resume {
    let through = known.cursor.through_seq;
    let same = match (hello.head_hash, hello.head_seq == through) {
        (None, _) => false,
        (Some(head), true) => known.cursor.chain_hash.is_none_or(|ours| ours == head),
        (Some(head), false) => known.hash_at_head == Some(head),
    };
    let ahead = hello.head_seq > through;
    let moved = !hello.machine_id.is_empty()
        && known.machine_id.as_ref().is_some_and(|machine| *machine != hello.machine_id);

    let raise = if hello.behind_mark {
        Some("behind_mark")
    } else if moved {
        Some("another_machine")
    } else if ahead {
        None
    } else if !same {
        Some("another_history")
    } else if hello.head_seq < through {
        Some("set_back")
    } else {
        None
    };
    let must_move = raise.is_some() || hello.epoch < known.epoch;
    let oldest = hello.oldest_seq.max(1);

    if ahead {
        let gap = (oldest > through + 1).then_some((through + 1, oldest - 1));
        return Resume {
            raise,
            through_seq: gap.map_or(through, |(_, last)| last),
            gap,
            moves: if must_move { Move::OnceVerified } else { Move::No },
        };
    }
    if same {
        let moves = if must_move { Move::Now { through_seq: hello.head_seq } } else { Move::No };
        return Resume { raise, through_seq: hello.head_seq, gap: None, moves };
    }
    // Its history parted from ours at or before its head: have the head sent
    // again, from where the ingest goes back until it finds the place.
    Resume {
        raise,
        through_seq: (hello.head_seq - 1).max(oldest - 1).max(0),
        gap: None,
        moves: Move::OnceVerified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Hash = [1; 32];
    const B: Hash = [2; 32];

    fn hello(head_seq: i64, hash: Hash) -> Hello {
        Hello {
            epoch: 1,
            head_seq,
            head_hash: Some(hash),
            oldest_seq: 1,
            machine_id: "m".into(),
            behind_mark: false,
        }
    }

    fn known(through_seq: i64, hash_at_head: Option<Hash>) -> Known {
        Known {
            epoch: 1,
            machine_id: Some("m".into()),
            cursor: Cursor { through_seq, chain_hash: Some(A), closed: false },
            hash_at_head,
        }
    }

    fn answer(raise: Option<&'static str>, through_seq: i64, moves: Move) -> Resume {
        Resume { raise, through_seq, gap: None, moves }
    }

    #[test]
    fn in_step_or_ahead_simply_goes_on() {
        assert_eq!(resume(&hello(5, A), &known(5, Some(A))), answer(None, 5, Move::No));
        assert_eq!(resume(&hello(9, B), &known(5, None)), answer(None, 5, Move::No));
        assert_eq!(resume(&hello(0, A), &known(0, None)), answer(None, 0, Move::No));
    }

    #[test]
    fn an_old_copy_gets_a_new_epoch() {
        let set_back = resume(&hello(3, B), &known(5, Some(B)));
        assert_eq!(set_back, answer(Some("set_back"), 3, Move::Now { through_seq: 3 }));
        let other = resume(&hello(3, B), &known(5, Some(A)));
        assert_eq!(other, answer(Some("another_history"), 2, Move::OnceVerified));
        let other_at_head = resume(&hello(5, B), &known(5, Some(A)));
        assert_eq!(other_at_head, answer(Some("another_history"), 4, Move::OnceVerified));
    }

    #[test]
    fn mark_and_machine_count_whatever_the_chain_says() {
        let mark = Hello { behind_mark: true, ..hello(5, A) };
        assert_eq!(
            resume(&mark, &known(5, Some(A))),
            answer(Some("behind_mark"), 5, Move::Now { through_seq: 5 })
        );
        let moved = Hello { machine_id: "n".into(), ..hello(9, B) };
        assert_eq!(resume(&moved, &known(5, None)), answer(Some("another_machine"), 5, Move::OnceVerified));
        let first_seen = Known { machine_id: None, ..known(5, Some(A)) };
        assert_eq!(resume(&hello(5, A), &first_seen).raise, None);
    }

    #[test]
    fn an_epoch_raised_meanwhile_is_told() {
        let raised = Known { epoch: 2, ..known(5, Some(A)) };
        assert_eq!(resume(&hello(5, A), &raised), answer(None, 5, Move::Now { through_seq: 5 }));
        assert_eq!(resume(&hello(9, B), &raised), answer(None, 5, Move::OnceVerified));
    }

    #[test]
    fn what_a_restored_cloud_lacks_and_the_agent_pruned_is_a_gap() {
        let pruned = Hello { oldest_seq: 8, ..hello(12, B) };
        let plan = resume(&pruned, &known(5, None));
        assert_eq!((plan.gap, plan.through_seq, plan.moves), (Some((6, 7)), 7, Move::No));
        let enough = Hello { oldest_seq: 6, ..hello(12, B) };
        assert_eq!(resume(&enough, &known(5, None)).gap, None);
    }
}
