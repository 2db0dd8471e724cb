//! Whether a journal may mint: its standing against the mark.

use proto::chain::Hash;
use uuid::Uuid;

use super::{LeaseLevel, Mark, MarkRead};
use crate::journal::Head;

/// Why an agent must not mint before the cloud has given it a new epoch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Behind {
    /// The journal ends before the mark.
    #[error(
        "the journal ends at epoch {epoch} seq {seq}, the mark says epoch {mark_epoch} seq {mark_seq}: it is an old copy, or its end is damaged"
    )]
    Older {
        /// Epoch of the journal.
        epoch: u32,
        /// Last seq of the journal.
        seq: u64,
        /// Epoch of the mark.
        mark_epoch: u32,
        /// Seq of the mark.
        mark_seq: u64,
    },
    /// The journal holds another event at the mark's place.
    #[error("the journal's event at epoch {epoch} seq {seq} is not the one that the mark names")]
    Forked {
        /// Epoch.
        epoch: u32,
        /// Seq.
        seq: u64,
    },
    /// The mark names a higher minted number than the journal.
    #[error("the mark says that {kind} was minted up to {mark}, the journal says {journal}")]
    Numbers {
        /// Type code.
        kind: String,
        /// Highest number in the mark.
        mark: u64,
        /// Highest number in the journal.
        journal: u64,
    },
    /// The mark was written on another machine.
    #[error("the mark was written on another machine: this is a clone, or the disk was moved")]
    OtherMachine,
    /// There is a journal, and no mark for it.
    #[error("the mark beside the journal is missing")]
    Missing,
    /// There is a mark that cannot be read.
    #[error("the mark beside the journal cannot be read")]
    Unreadable,
    /// Found at an earlier start, and not resolved since.
    #[error("{0}")]
    Earlier(String),
}

/// What the journal knows of itself, to be held against the mark.
#[derive(Debug)]
pub struct Standing<'a> {
    /// The agent.
    pub agent_id: Uuid,
    /// The machine it runs on.
    pub machine_id: &'a str,
    /// End of the journal.
    pub head: Head,
    /// Hash of the journal's record at the mark's place, when it is on disk.
    pub hash_at_mark: Option<Hash>,
    /// Highest numbers in the journal.
    pub levels: &'a [LeaseLevel],
    /// The journal was made just now.
    pub fresh: bool,
    /// The machine on which the current epoch began.
    pub epoch_machine: Option<&'a str>,
    /// What an earlier start found.
    pub earlier: Option<&'a str>,
}

/// Holds a journal against its mark. `None` means that it may mint.
#[must_use]
pub fn assess(journal: &Standing<'_>, mark: &MarkRead) -> Option<Behind> {
    if let Some(earlier) = journal.earlier {
        return Some(Behind::Earlier(earlier.to_owned()));
    }
    let mark = match mark {
        MarkRead::Absent if journal.fresh => return None,
        MarkRead::Absent => return Some(Behind::Missing),
        MarkRead::Unreadable => return Some(Behind::Unreadable),
        MarkRead::Found(mark) => mark,
    };
    if mark.agent_id != journal.agent_id {
        // Another agent's numbers are none of ours. A new agent writes its own
        // mark over it; an old one has lost its own.
        return (!journal.fresh).then_some(Behind::Missing);
    }
    let head = &journal.head;
    let newer_epoch = head.epoch > mark.epoch;
    if mark.machine_id != journal.machine_id {
        // A crash between beginning an epoch here and writing its mark.
        let began_here = journal.epoch_machine == Some(journal.machine_id);
        if !(newer_epoch && began_here) {
            return Some(Behind::OtherMachine);
        }
    }
    if let Some(behind) = numbers(journal, mark) {
        return Some(behind);
    }
    if newer_epoch {
        return None;
    }
    if (head.epoch, head.seq) < (mark.epoch, mark.seq) {
        return Some(Behind::Older {
            epoch: head.epoch,
            seq: head.seq,
            mark_epoch: mark.epoch,
            mark_seq: mark.seq,
        });
    }
    match journal.hash_at_mark {
        Some(hash) if hash != mark.hash => Some(Behind::Forked { epoch: mark.epoch, seq: mark.seq }),
        _ => None,
    }
}

fn numbers(journal: &Standing<'_>, mark: &Mark) -> Option<Behind> {
    mark.highest.iter().find_map(|(kind, &highest)| {
        let level = journal.levels.iter().find(|l| l.kind.as_str() == kind);
        let ours = level.map_or(0, |l| l.highest_used);
        // A shorter journal says it better than its numbers do.
        let older = (journal.head.epoch, journal.head.seq) < (mark.epoch, mark.seq);
        (ours < highest && !older).then(|| Behind::Numbers {
            kind: kind.clone(),
            mark: highest,
            journal: ours,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn journal(epoch: u32, seq: u64) -> Standing<'static> {
        Standing {
            agent_id: Uuid::nil(),
            machine_id: "here",
            head: Head { epoch, seq, hash: [1; 32] },
            hash_at_mark: Some([1; 32]),
            levels: &[],
            fresh: false,
            epoch_machine: None,
            earlier: None,
        }
    }

    fn mark(epoch: u32, seq: u64) -> Mark {
        Mark {
            agent_id: Uuid::nil(),
            machine_id: "here".into(),
            epoch,
            seq,
            hash: [1; 32],
            highest: BTreeMap::new(),
        }
    }

    fn judge(journal: &Standing<'_>, mark: Mark) -> Option<Behind> {
        assess(journal, &MarkRead::Found(mark))
    }

    #[test]
    fn at_the_mark_or_ahead_of_it_may_mint() {
        assert_eq!(judge(&journal(1, 5), mark(1, 5)), None);
        assert_eq!(judge(&journal(1, 6), mark(1, 5)), None);
        assert_eq!(judge(&journal(2, 0), mark(1, 5)), None);
        let fresh = Standing { fresh: true, ..journal(1, 0) };
        assert_eq!(assess(&fresh, &MarkRead::Absent), None);
        let other_agent = Mark { agent_id: Uuid::max(), ..mark(9, 9) };
        assert_eq!(judge(&fresh, other_agent), None);
    }

    #[test]
    fn anything_else_may_not() {
        assert!(matches!(judge(&journal(1, 4), mark(1, 5)), Some(Behind::Older { .. })));
        assert!(matches!(judge(&journal(1, 9), mark(2, 0)), Some(Behind::Older { .. })));
        assert_eq!(assess(&journal(1, 4), &MarkRead::Absent), Some(Behind::Missing));
        assert_eq!(assess(&journal(1, 4), &MarkRead::Unreadable), Some(Behind::Unreadable));
        let forked = Mark { hash: [2; 32], ..mark(1, 5) };
        assert!(matches!(judge(&journal(1, 6), forked), Some(Behind::Forked { .. })));
        let moved = Mark { machine_id: "there".into(), ..mark(1, 5) };
        assert_eq!(judge(&journal(1, 6), moved.clone()), Some(Behind::OtherMachine));
        let new_epoch = Standing { epoch_machine: Some("here"), ..journal(2, 0) };
        assert_eq!(judge(&new_epoch, moved), None);
        let numbers = Mark { highest: BTreeMap::from([("RM".into(), 3)]), ..mark(1, 5) };
        assert!(matches!(judge(&journal(1, 6), numbers), Some(Behind::Numbers { .. })));
        let earlier = Standing { earlier: Some("x"), ..journal(1, 6) };
        assert_eq!(judge(&earlier, mark(1, 5)), Some(Behind::Earlier("x".into())));
        let lost = Standing { fresh: true, ..journal(1, 0) };
        assert!(matches!(judge(&lost, mark(1, 5)), Some(Behind::Older { .. })));
    }
}
