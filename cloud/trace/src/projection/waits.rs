//! What a fact may wait for: its counterpart, told by another agent. Nothing is
//! wrong until everybody who might tell it is current (`events.md`, principle 8).

use crate::explore::order::Stamp;

/// One kind of waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Name under which such facts are parked.
    pub projection: &'static str,
    /// What they wait for.
    pub waits_for: &'static str,
    /// Kind of the exception that opens when it does not come.
    pub kind: &'static str,
}

impl Wait {
    /// The fingerprint of the exception. A UID that was never born is one,
    /// however often it was used.
    #[must_use]
    pub fn fingerprint(self, key: i64, stamp: Stamp) -> String {
        if self == BIRTH {
            return key.to_string();
        }
        format!("{key}:{}/{}/{}", stamp.agent, stamp.epoch, stamp.seq)
    }
}

/// An arrival, for its departure.
pub const DEPARTURE: Wait = Wait {
    projection: super::PROJECTION,
    waits_for: "departure",
    kind: "transfer.arrival_without_departure",
};
/// A use, for the birth.
pub const BIRTH: Wait = Wait { projection: "trace.births", waits_for: "birth", kind: "uid.never_born" };
/// A taking out, for the putting in.
pub const JOINING: Wait =
    Wait { projection: "trace.parts", waits_for: "joining", kind: "uid.taken_out_of_nothing" };
/// A delivery, for the dispatch.
pub const SENDING: Wait =
    Wait { projection: "trace.deliveries", waits_for: "dispatch", kind: "uid.delivered_unsent" };

/// All of them.
pub const ALL: [Wait; 4] = [DEPARTURE, BIRTH, JOINING, SENDING];
