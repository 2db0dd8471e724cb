//! What the ingest tells a person: each disagreement becomes one exception.
//! Pure.

use serde_json::{Value, json};
use uuid::Uuid;

use super::rows::Decoded;
use super::store::Stream;
use super::store::registry::SecondBirth;

/// An exception about to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Stable code.
    pub kind: &'static str,
    /// Together with the kind: told once.
    pub fingerprint: String,
    /// Plant concerned; empty for none.
    pub plant: String,
    /// Stream concerned.
    pub agent_id: Option<Uuid>,
    /// Epoch concerned.
    pub epoch: Option<i32>,
    /// Event concerned.
    pub seq: Option<i64>,
    /// UID concerned.
    pub key: Option<i64>,
    /// Both sides, as JSON.
    pub detail: Value,
}

/// `agent:epoch:seq`, the identity of an event as text.
#[must_use]
pub fn identity(agent_id: Uuid, epoch: i32, seq: i64) -> String {
    format!("{agent_id}:{epoch}:{seq}")
}

impl Finding {
    /// About one event of a stream.
    #[must_use]
    pub fn of_event(kind: &'static str, stream: Stream, plant: &str, seq: i64, detail: Value) -> Self {
        Self {
            kind,
            fingerprint: identity(stream.agent_id, stream.epoch, seq),
            plant: plant.to_owned(),
            agent_id: Some(stream.agent_id),
            epoch: Some(stream.epoch),
            seq: Some(seq),
            key: None,
            detail,
        }
    }

    /// `event.malformed` (some fields) or `event.undecodable` (none).
    #[must_use]
    pub fn defects(stream: Stream, plant: &str, event: &Decoded) -> Option<Self> {
        if event.defects.is_empty() {
            return None;
        }
        let kind = if event.readable { "event.malformed" } else { "event.undecodable" };
        let fields: Vec<Value> =
            event.defects.iter().map(|d| json!({ "field": d.field, "problem": d.problem })).collect();
        Some(Self::of_event(kind, stream, plant, event.seq, json!({ "defects": fields })))
    }

    /// `scan.late`: a scan that a scanner kept, taken by its own clock, and in
    /// the session of then if there was one.
    #[must_use]
    pub fn late(stream: Stream, event: &Decoded) -> Option<Self> {
        let row = &event.event;
        if !matches!(row.reason.as_str(), "late.no-session" | "late.taken") {
            return None;
        }
        let session =
            (!row.operator_id.is_empty()).then(|| json!({ "operator": row.operator_id, "shift": row.shift }));
        let detail = json!({
            "reason": row.reason,
            "station": row.station,
            "claimed_at": row.occurred_at,
            "recorded_at": row.recorded_at,
            "session": session,
        });
        Some(Self {
            key: event.subjects.iter().map(|subject| subject.key).find(|key| *key != 0),
            ..Self::of_event("scan.late", stream, &row.plant, event.seq, detail)
        })
    }

    /// `record.lost`: an agent had to quarantine a record.
    #[must_use]
    pub fn lost(stream: Stream, plant: &str, seq: i64, problem: &str, whole_here: bool) -> Self {
        let detail = json!({ "problem": problem, "whole_in_the_cloud": whole_here });
        Self::of_event("record.lost", stream, plant, seq, detail)
    }

    /// `chain.broken`: an event does not name the one before it.
    #[must_use]
    pub fn broken(stream: Stream, plant: &str, seq: i64) -> Self {
        Self::of_event("chain.broken", stream, plant, seq, json!({ "after": seq - 1 }))
    }

    /// `uid.second_birth`: names both events.
    #[must_use]
    pub fn second_birth(stream: Stream, plant: &str, birth: &SecondBirth) -> Self {
        let first = birth.first;
        Self {
            kind: "uid.second_birth",
            fingerprint: format!("{}:{}", birth.key, identity(stream.agent_id, stream.epoch, birth.seq)),
            key: Some(birth.key),
            ..Self::of_event(
                "uid.second_birth",
                stream,
                plant,
                birth.seq,
                json!({
                    "key": birth.key.to_string(),
                    "first": { "agent": first.agent_id, "epoch": first.epoch, "seq": first.seq, "at": first.at },
                    "second": { "agent": stream.agent_id, "epoch": stream.epoch, "seq": birth.seq },
                }),
            )
        }
    }

    /// `note.mismatch`: a note is not the one whose hash the event carries.
    #[must_use]
    pub fn note(stream: Stream, plant: &str, seq: i64, problem: &str) -> Self {
        Self::of_event("note.mismatch", stream, plant, seq, json!({ "problem": problem }))
    }

    /// `correct.unknown`: the event that a correction names has not come.
    #[must_use]
    pub fn correct_unknown(stream: Stream, plant: &str, seq: i64, corrects: Uuid) -> Self {
        Self::of_event("correct.unknown", stream, plant, seq, json!({ "corrects": corrects }))
    }

    /// `fork`: an agent continues another history than the one stored, or was
    /// moved or set back. One per epoch that it leads to.
    #[must_use]
    pub fn fork(stream: Stream, plant: &str, new_epoch: i32, through_seq: Option<i64>, reason: &str) -> Self {
        Self {
            kind: "fork",
            fingerprint: format!("{}:{new_epoch}", stream.agent_id),
            plant: plant.to_owned(),
            agent_id: Some(stream.agent_id),
            epoch: Some(stream.epoch),
            seq: through_seq,
            key: None,
            detail: json!({
                "reason": reason,
                "old_epoch": stream.epoch,
                "new_epoch": new_epoch,
                "common_through": through_seq,
            }),
        }
    }

    /// `stream.gap`: events that neither the agent nor the cloud has.
    #[must_use]
    pub fn gap(stream: Stream, plant: &str, first: i64, last: i64) -> Self {
        let detail = json!({ "first": first, "last": last });
        Self::of_event("stream.gap", stream, plant, first, detail)
    }

    /// `lease.lifted`: an agent has used numbers that the cloud does not
    /// remember having granted.
    #[must_use]
    pub fn lifted(stream: Stream, plant: &str, type_code: &str, from: i64, to: i64) -> Self {
        Self {
            kind: "lease.lifted",
            fingerprint: format!("{plant}:{type_code}:{from}"),
            plant: plant.to_owned(),
            agent_id: Some(stream.agent_id),
            epoch: Some(stream.epoch),
            seq: None,
            key: None,
            detail: json!({ "type": type_code, "next_was": from, "next_is": to }),
        }
    }
}
