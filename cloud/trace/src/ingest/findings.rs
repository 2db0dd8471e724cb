//! What the ingest tells a person: each disagreement becomes one exception.
//! Pure.

use proto::chain::Hash;
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

/// Identity of an event that has no place of its own: its stream, seq and bytes.
#[must_use]
pub fn stray_fingerprint(stream: Stream, seq: i64, hash: &Hash) -> String {
    let hash = hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    format!("{}:{hash}", identity(stream.agent_id, stream.epoch, seq))
}

/// Most labels that an exception lists of a branch.
pub const MOST_LABELS: i64 = 100;

/// Labels that were born in a branch: the first [`MOST_LABELS`], and how many
/// there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    /// UIDs.
    pub uids: Vec<String>,
    /// How many in all.
    pub total: i64,
}

impl Labels {
    fn json(&self) -> Value {
        json!({ "uids": self.uids, "total": self.total })
    }
}

/// What the exception `fork` tells once it is known where the histories part.
#[must_use]
pub fn parted(through_seq: i64, here: &Labels) -> Value {
    json!({
        "common_through": through_seq,
        "branches": { "here": here.json(), "there": Labels::default().json() },
    })
}

/// The detail of a `fork` with further labels of the branch that is recorded again.
#[must_use]
pub fn there(mut detail: Value, uids: &[String]) -> Value {
    let branch = &mut detail["branches"]["there"];
    let total = branch["total"].as_i64().unwrap_or(0) + uids.len() as i64;
    branch["total"] = total.into();
    if let Some(list) = branch["uids"].as_array_mut() {
        let room = usize::try_from(MOST_LABELS).unwrap_or(0).saturating_sub(list.len());
        list.extend(uids.iter().take(room).map(|uid| Value::from(uid.as_str())));
    }
    detail
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

    /// `uid.second_birth`: names both events, and the labels of both branches
    /// where one agent has borne it twice.
    #[must_use]
    pub fn second_birth(
        stream: Stream,
        plant: &str,
        birth: &SecondBirth,
        branches: Option<(&Labels, &Labels)>,
    ) -> Self {
        let first = birth.first;
        let branches =
            branches.map(|(first, second)| json!({ "first": first.json(), "second": second.json() }));
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
                    "branches": branches,
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

    /// `correct.tangled`: more corrections hang together than are looked at; this
    /// one changes no links.
    #[must_use]
    pub fn correct_tangled(stream: Stream, plant: &str, seq: i64, corrects: Uuid) -> Self {
        Self::of_event("correct.tangled", stream, plant, seq, json!({ "corrects": corrects }))
    }

    /// `master.unknown`: an event names an item or a person that the cloud's
    /// masters lack. One per value.
    #[must_use]
    pub fn unknown_master(stream: Stream, plant: &str, seq: i64, master: &str, value: &str) -> Self {
        Self {
            fingerprint: format!("{master}:{value}"),
            ..Self::of_event(
                "master.unknown",
                stream,
                plant,
                seq,
                json!({ "master": master, "value": value }),
            )
        }
    }

    /// `event.stray`: an event of an epoch that its agent has left, whose place
    /// another event holds. Its bytes are kept in the exception.
    #[must_use]
    pub fn stray(stream: Stream, plant: &str, event: &Decoded, note: Option<&str>) -> Self {
        use base64::Engine;
        let keys: Vec<String> = event.subjects.iter().map(|s| s.key.to_string()).collect();
        let detail = json!({
            "stage": event.event.stage,
            "occurred_at": event.event.occurred_at,
            "keys": keys,
            "note": note.map(|text| text.replace('\0', "")),
            "bytes": base64::engine::general_purpose::STANDARD.encode(&event.payload),
        });
        Self {
            fingerprint: stray_fingerprint(stream, event.seq, &event.hash),
            ..Self::of_event("event.stray", stream, plant, event.seq, detail)
        }
    }

    /// `agent.contested`: two machines seem to run under one identity. One per
    /// epoch in which that happens.
    #[must_use]
    pub fn contested(stream: Stream, plant: &str, machines: [&str; 2]) -> Self {
        Self {
            kind: "agent.contested",
            fingerprint: format!("{}:{}", stream.agent_id, stream.epoch),
            plant: plant.to_owned(),
            agent_id: Some(stream.agent_id),
            epoch: Some(stream.epoch),
            seq: None,
            key: None,
            detail: json!({ "machines": machines }),
        }
    }

    /// `certificate.adopted`: a certificate that the cloud's authority signed and
    /// the restored database lacked was let in.
    #[must_use]
    pub fn adopted(agent_id: Uuid, plant: &str, fingerprint: &str) -> Self {
        Self {
            kind: "certificate.adopted",
            fingerprint: fingerprint.to_owned(),
            plant: plant.to_owned(),
            agent_id: Some(agent_id),
            epoch: None,
            seq: None,
            key: None,
            detail: json!({ "sha256": fingerprint }),
        }
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

    /// `lease.lifted`: an agent has used numbers of a type of UIDs (`type`) or of a
    /// document series (`series`) that the cloud does not remember having granted.
    #[must_use]
    pub fn lifted(stream: Stream, plant: &str, what: &str, code: &str, from: i64, to: i64) -> Self {
        Self {
            kind: "lease.lifted",
            fingerprint: format!("{plant}:{what}:{code}:{from}"),
            plant: plant.to_owned(),
            agent_id: Some(stream.agent_id),
            epoch: Some(stream.epoch),
            seq: None,
            key: None,
            detail: json!({ what: code, "next_was": from, "next_is": to }),
        }
    }
}
