//! Where a stream resumes: what an agent says of its journal against what the
//! cloud has of it. Pure.

use proto::chain::Hash;

use crate::ingest::chain::Cursor;

/// One epoch of an agent's journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends {
    /// The epoch.
    pub epoch: i32,
    /// Last seq in it, 0 for none.
    pub head_seq: i64,
    /// Hash of the last event, the genesis hash when there is none.
    pub head_hash: Option<Hash>,
    /// Oldest seq still on disk, at least 1; one past the head when none is.
    pub oldest_seq: i64,
}

/// What an agent says of itself when a stream begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Current epoch of its journal.
    pub ends: Ends,
    /// Earlier epochs of which events are still on disk, oldest first.
    pub older: Vec<Ends>,
    /// The machine; empty when it does not say.
    pub machine_id: String,
    /// Journal and mark disagree.
    pub behind_mark: bool,
    /// Generation of the tenant that it last heard of, 0 for none.
    pub generation: i64,
}

/// What the cloud has of the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The epoch in which it may mint; at least the one it says.
    pub epoch: i32,
    /// It is in another machine than that of the epoch.
    pub moved: bool,
    /// Two machines seem to run under its identity: nobody is given a new epoch
    /// for the asking.
    pub contested: bool,
    /// The cursor of the epoch that it says.
    pub cursor: Cursor,
    /// Hash of the stored event at its head, when the cloud has that.
    pub hash_at_head: Option<Hash>,
}

/// Whether the histories are the same up to the agent's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Common {
    /// Yes.
    Same,
    /// They part at the head or before it.
    Parted,
    /// The cloud has no event there to compare with.
    Unknown,
}

/// Where an epoch resumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The agent is to send from here + 1.
    pub through_seq: i64,
    /// These seqs are gone at the agent and were never here: the cursor jumps
    /// past them and the chain restarts.
    pub gap: Option<(i64, i64)>,
    /// What is known of the histories.
    pub common: Common,
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
        /// Ours ends there too, so that what the agent has recorded since
        /// follows it; else it parts from ours there.
        drain: bool,
    },
    /// Once everything up to its head is here, or it is known where the
    /// histories part.
    OnceSent,
}

/// How to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Raise the agent's epoch now, for this reason (a stable code).
    pub raise: Option<&'static str>,
    /// Where the current epoch resumes.
    pub position: Position,
    /// Whether and when the agent goes on in another epoch.
    pub moves: Move,
}

/// Where an epoch resumes, given its cursor and the hash of the stored event at
/// the agent's head.
#[must_use]
pub fn position(ends: &Ends, cursor: &Cursor, hash_at_head: Option<Hash>) -> Position {
    let through = cursor.through_seq;
    let gone = ends.oldest_seq.max(1) - 1;
    if ends.head_seq > through {
        let gap = (gone > through).then_some((through + 1, gone));
        return Position { through_seq: through.max(gone), gap, common: Common::Unknown };
    }
    let ours = if ends.head_seq == through { cursor.chain_hash.or(hash_at_head) } else { hash_at_head };
    let common = match (ends.head_hash, ours) {
        (Some(theirs), Some(ours)) if theirs == ours => Common::Same,
        // The chain restarts there: nothing to compare with, and nothing to send.
        (Some(_), None) if ends.head_seq == through && gone >= through => Common::Same,
        (_, None) => Common::Unknown,
        _ => Common::Parted,
    };
    let through_seq = match common {
        Common::Same => ends.head_seq,
        // Its history parted from ours at or before its head: have the head sent
        // again, from where the ingest goes back until it finds the place.
        Common::Parted => (ends.head_seq - 1).max(gone).max(0),
        // It lies in a gap of ours: all that it has may fill it.
        Common::Unknown => gone.min(ends.head_seq),
    };
    Position { through_seq, gap: None, common }
}

/// Decides how a stream resumes.
#[must_use]
pub fn resume(hello: &Hello, known: &Known) -> Resume {
    let head = hello.ends.head_seq;
    let position = position(&hello.ends, &known.cursor, known.hash_at_head);
    let ahead = head > known.cursor.through_seq;
    let raise = if hello.behind_mark && !known.contested {
        Some("behind_mark")
    } else if known.moved && !known.contested {
        Some("another_machine")
    } else if ahead {
        None
    } else if position.common == Common::Parted {
        Some("another_history")
    } else if head < known.cursor.through_seq {
        Some("set_back")
    } else {
        None
    };
    let told = hello.ends.epoch < known.epoch && !known.contested;
    let moves = if raise.is_none() && !told {
        Move::No
    } else if position.common == Common::Same {
        Move::Now { through_seq: head, drain: head == known.cursor.through_seq }
    } else {
        Move::OnceSent
    };
    Resume { raise, position, moves }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Hash = [1; 32];
    const B: Hash = [2; 32];

    fn hello(head_seq: i64, hash: Hash) -> Hello {
        Hello {
            ends: Ends { epoch: 1, head_seq, head_hash: Some(hash), oldest_seq: 1 },
            older: Vec::new(),
            machine_id: "m".into(),
            behind_mark: false,
            generation: 1,
        }
    }

    fn pruned(head_seq: i64, hash: Hash, oldest_seq: i64) -> Hello {
        let hello = hello(head_seq, hash);
        Hello { ends: Ends { oldest_seq, ..hello.ends }, ..hello }
    }

    fn known(through_seq: i64, hash_at_head: Option<Hash>) -> Known {
        Known {
            epoch: 1,
            moved: false,
            contested: false,
            cursor: Cursor { through_seq, chain_hash: Some(A) },
            hash_at_head,
        }
    }

    /// (raise, where to resume, whether to move)
    fn answer(hello: &Hello, known: &Known) -> (Option<&'static str>, i64, Move) {
        let resume = resume(hello, known);
        (resume.raise, resume.position.through_seq, resume.moves)
    }

    fn now(through_seq: i64, drain: bool) -> Move {
        Move::Now { through_seq, drain }
    }

    #[test]
    fn in_step_or_ahead_simply_goes_on() {
        assert_eq!(answer(&hello(5, A), &known(5, Some(A))), (None, 5, Move::No));
        assert_eq!(answer(&hello(9, B), &known(5, None)), (None, 5, Move::No));
        assert_eq!(answer(&hello(0, A), &known(0, None)), (None, 0, Move::No));
    }

    #[test]
    fn an_old_copy_gets_a_new_epoch() {
        assert_eq!(answer(&hello(3, B), &known(5, Some(B))), (Some("set_back"), 3, now(3, false)));
        let parted = (Some("another_history"), 2, Move::OnceSent);
        assert_eq!(answer(&hello(3, B), &known(5, Some(A))), parted);
        let parted = (Some("another_history"), 4, Move::OnceSent);
        assert_eq!(answer(&hello(5, B), &known(5, Some(A))), parted);
    }

    #[test]
    fn mark_and_machine_count_whatever_the_chain_says() {
        let mark = Hello { behind_mark: true, ..hello(5, A) };
        assert_eq!(answer(&mark, &known(5, Some(A))), (Some("behind_mark"), 5, now(5, true)));
        let moved = |known: Known| Known { moved: true, ..known };
        let ahead = (Some("another_machine"), 5, Move::OnceSent);
        assert_eq!(answer(&hello(9, B), &moved(known(5, None))), ahead);
        // It is where ours ends, or where ours went on without it.
        let here = (Some("another_machine"), 5, now(5, true));
        assert_eq!(answer(&hello(5, A), &moved(known(5, Some(A)))), here);
        let behind = (Some("another_machine"), 3, now(3, false));
        assert_eq!(answer(&hello(3, B), &moved(known(5, Some(B)))), behind);
    }

    #[test]
    fn while_two_machines_run_only_histories_that_part_lead_into_an_epoch() {
        let contested = |known: Known| Known { moved: true, contested: true, epoch: 2, ..known };
        let mark = Hello { behind_mark: true, ..hello(9, B) };
        assert_eq!(answer(&mark, &contested(known(5, None))), (None, 5, Move::No));
        assert_eq!(answer(&hello(5, A), &contested(known(5, Some(A)))), (None, 5, Move::No));
        let parted = (Some("set_back"), 3, now(3, false));
        assert_eq!(answer(&hello(3, B), &contested(known(5, Some(B)))), parted);
    }

    #[test]
    fn an_epoch_raised_meanwhile_is_told() {
        let raised = Known { epoch: 2, ..known(5, Some(A)) };
        assert_eq!(answer(&hello(5, A), &raised), (None, 5, now(5, true)));
        assert_eq!(answer(&hello(9, B), &raised), (None, 5, Move::OnceSent));
    }

    #[test]
    fn what_a_restored_cloud_lacks_and_the_agent_pruned_is_a_gap() {
        let plan = resume(&pruned(12, B, 8), &known(5, None));
        assert_eq!(plan.position, Position { through_seq: 7, gap: Some((6, 7)), common: Common::Unknown });
        assert_eq!(plan.moves, Move::No);
        assert_eq!(resume(&pruned(12, B, 6), &known(5, None)).position.gap, None);
        // All of it is gone at the agent.
        assert_eq!(resume(&pruned(12, B, 13), &known(5, None)).position.gap, Some((6, 12)));
    }

    #[test]
    fn a_head_in_a_gap_of_ours_has_everything_sent_again() {
        let gone = Known { cursor: Cursor { through_seq: 9, chain_hash: None }, ..known(9, None) };
        assert_eq!(answer(&hello(7, B), &gone), (Some("set_back"), 0, Move::OnceSent));
        assert_eq!(answer(&hello(9, B), &gone), (None, 0, Move::No));
        assert_eq!(answer(&pruned(9, B, 10), &gone), (None, 9, Move::No));
    }
}
