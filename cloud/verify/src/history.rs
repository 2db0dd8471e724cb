//! A unit's history as a file, and what is checked of it.
//!
//! The file is JSON in one form alone: these fields in this order, a line each, an event
//! a line, ASCII, without a space. Whatever differs from that form by a byte is refused,
//! and so is whatever differs in meaning, since signatures and hashes cover all of it.
//!
//! ```json
//! {"format":"tracewright-history/1",
//! "uid":"UID-SAIF-KOL-FG-000001-7F",
//! "key":"tracewright/SAIF/…+5f2a71c3+AbCd…",
//! "head":"…",
//! "complete":"…",
//! "events":[
//! {"leaf":12,"bytes":"…","chain":"…","proof":["…","…"]},
//! {"leaf":40,"hash":"…","proof":["…","…"]}
//! ]}
//! ```
//!
//! `head` and `complete` are signed notes (see [`crate::note`]). An event is whole
//! (`bytes` as the agent recorded them, `chain` their SHA-256, which the next event of
//! that agent carries) or withheld (`hash`, that of its leaf): it is counted and proven,
//! and not told.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use proto::chain;
use proto::v1::{Event, Stage};
use serde::{Deserialize, Serialize};
use uid::Uid;

use crate::merkle::{self, Hash};
use crate::note::{Complete, Head, PublicKey};

/// The first field of every file.
pub const FORMAT: &str = "tracewright-history/1";
/// Largest file that is read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;
/// Lines before the first event.
const LINES_BEFORE: usize = 6;

/// A unit's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// [`FORMAT`].
    pub format: String,
    /// The unit.
    pub uid: String,
    /// The key of both signatures, as [`PublicKey`] writes it.
    pub key: String,
    /// The signed head of the tree that everything is proven by.
    pub head: String,
    /// The signed [`Complete`] at the size of that tree.
    pub complete: String,
    /// Every event that names the unit, in the order of their leaves.
    pub events: Vec<Entry>,
}

/// An event of a history. Bytes and hashes are base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place in the tree, from 0.
    pub leaf: u64,
    /// Its bytes as the agent recorded them; left out when withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// SHA-256 of the bytes; left out when they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// The hash of its leaf, where the bytes are withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// The proof that it is in the tree.
    pub proof: Vec<String>,
}

impl Entry {
    /// An event with all that it says.
    #[must_use]
    pub fn whole(leaf: u64, bytes: &[u8], proof: &[Hash]) -> Self {
        Self {
            leaf,
            bytes: Some(STANDARD.encode(bytes)),
            chain: Some(STANDARD.encode(chain::link(bytes))),
            hash: None,
            proof: proof.iter().map(|hash| STANDARD.encode(hash)).collect(),
        }
    }

    /// An event of which only is shown that it is there.
    #[must_use]
    pub fn withheld(leaf: u64, hash: &Hash, proof: &[Hash]) -> Self {
        Self {
            leaf,
            bytes: None,
            chain: None,
            hash: Some(STANDARD.encode(hash)),
            proof: proof.iter().map(|hash| STANDARD.encode(hash)).collect(),
        }
    }
}

/// What a history was found to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The unit.
    pub uid: String,
    /// Events that name it.
    pub events: usize,
    /// Those of them whose content is withheld.
    pub withheld: usize,
    /// Events that carry a count of their agent's; together 1 to the highest, without a
    /// hole.
    pub counted: usize,
    /// Leaves of the tree.
    pub tree_size: u64,
    /// When its head was signed.
    pub signed_at: String,
    /// The log.
    pub log: String,
    /// Id of the key that signed.
    pub key: String,
}

/// Why a history is not to be believed, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, {place}: {why}")]
pub struct Refusal {
    /// The line of the file, from 1.
    pub line: usize,
    /// The field, such as `events[2].bytes`, or the column of the line.
    pub place: String,
    /// What is wrong there.
    pub why: String,
}

fn refuse<T>(line: usize, place: impl Into<String>, why: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { line, place: place.into(), why: why.into() })
}

impl History {
    /// The file. The only form that [`check`] takes.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = String::from("{");
        let fields = [
            ("format", &self.format),
            ("uid", &self.uid),
            ("key", &self.key),
            ("head", &self.head),
            ("complete", &self.complete),
        ];
        for (name, value) in fields {
            out.push_str(&format!("\"{name}\":"));
            text(&mut out, value);
            out.push_str(",\n");
        }
        out.push_str("\"events\":[\n");
        for (i, entry) in self.events.iter().enumerate() {
            let Entry { leaf, bytes, chain, hash, proof } = entry;
            out.push_str(&format!("{{\"leaf\":{leaf},"));
            for (name, value) in [("bytes", bytes), ("chain", chain), ("hash", hash)] {
                if let Some(value) = value {
                    out.push_str(&format!("\"{name}\":"));
                    text(&mut out, value);
                    out.push(',');
                }
            }
            out.push_str("\"proof\":[");
            for (j, hash) in proof.iter().enumerate() {
                out.push_str(if j == 0 { "" } else { "," });
                text(&mut out, hash);
            }
            out.push_str(if i + 1 == self.events.len() { "]}\n" } else { "]},\n" });
        }
        out.push_str("]}\n");
        out.into_bytes()
    }
}

/// A JSON text in ASCII, with one way to write each character.
fn text(out: &mut String, value: &str) {
    out.push('"');
    for unit in value.encode_utf16() {
        match char::from_u32(u32::from(unit)) {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some(plain @ ' '..='~') => out.push(plain),
            _ => out.push_str(&format!("\\u{unit:04x}")),
        }
    }
    out.push('"');
}

/// The line and column of a byte.
fn place_of(file: &[u8], at: usize) -> (usize, String) {
    let before = &file[..at.min(file.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let begin = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |i| i + 1);
    (line, format!("column {}", before.len() - begin + 1))
}

fn read(file: &[u8]) -> Result<History, Refusal> {
    if file.len() > MAX_BYTES {
        return refuse(1, "file", format!("{} bytes, at most {MAX_BYTES} are read", file.len()));
    }
    if let Some(at) = file.iter().position(|byte| !byte.is_ascii()) {
        let (line, place) = place_of(file, at);
        return refuse(line, place, "a byte that no history has");
    }
    let history: History = match serde_json::from_slice(file) {
        Ok(history) => history,
        // A break of the line is told as the beginning of the next one.
        Err(error) => {
            let (line, column) = match (error.line(), error.column()) {
                (line @ 2.., 0) => (line - 1, "its end".to_owned()),
                (line, column) => (line.max(1), format!("column {column}")),
            };
            return refuse(line, column, format!("it is not a history: {error}"));
        }
    };
    let written = history.write();
    if written != file {
        let at = written.iter().zip(file).position(|(a, b)| a != b);
        let (line, place) = place_of(file, at.unwrap_or_else(|| written.len().min(file.len())));
        return refuse(line, place, "it is not written as a history is");
    }
    Ok(history)
}

/// Checks a history to the last byte: its form, both signatures, that every event is in
/// the tree and names the unit, that they are as many as was signed, and that their
/// counts have no hole. `pinned` is the key that the reader knows the log by; without
/// it, the key in the file is believed, and to compare it is the reader's part.
///
/// # Errors
/// [`Refusal`] with the place of the first thing that is wrong.
pub fn check(file: &[u8], pinned: Option<&PublicKey>) -> Result<Report, Refusal> {
    let history = read(file)?;
    if history.format != FORMAT {
        return refuse(1, "format", format!("it is not {FORMAT}"));
    }
    let uid = match history.uid.parse::<Uid>() {
        Ok(uid) if uid.to_string() == history.uid => uid,
        Ok(_) => return refuse(2, "uid", "the UID is not written as it is printed"),
        Err(error) => return refuse(2, "uid", error.to_string()),
    };
    let key = PublicKey::parse(&history.key).or_else(|error| refuse(3, "key", error.to_string()))?;
    if pinned.is_some_and(|pinned| *pinned != key) {
        return refuse(3, "key", format!("another key ({}) than the one given", key.id()));
    }
    if key.name.split('/').nth(1) != Some(uid.tenant().as_str()) {
        return refuse(2, "uid", "the UID is not one of the tenant whose log this is");
    }
    let head = Head::open(&history.head, &key).or_else(|error| refuse(4, "head", error.to_string()))?;
    let complete =
        Complete::open(&history.complete, &key).or_else(|error| refuse(5, "complete", error.to_string()))?;
    if (complete.size, complete.root) != (head.size, head.root) {
        return refuse(5, "complete", "it was signed for another tree than the head");
    }
    if complete.uid != history.uid {
        return refuse(5, "complete", format!("it was signed for {}", complete.uid));
    }
    let mut seen = Seen::default();
    for (i, entry) in history.events.iter().enumerate() {
        seen.take(i, entry, &head, uid)?;
    }
    seen.whole(&complete, history.events.len())?;
    Ok(Report {
        uid: history.uid,
        events: history.events.len(),
        withheld: seen.withheld,
        counted: seen.counted,
        tree_size: head.size,
        signed_at: head.time,
        log: head.log,
        key: key.id(),
    })
}

/// The size of the tree that a history is proven by, as its head says; nothing is
/// checked.
#[must_use]
pub fn tree_size(history: &History) -> Option<u64> {
    history.head.lines().nth(1)?.parse().ok()
}

/// A report in words, for a terminal. `known` when the reader gave the key.
#[must_use]
pub fn said(report: &Report, known: bool) -> String {
    let Report { uid, events, withheld, counted, tree_size, signed_at, log, key } = report;
    let withheld = match withheld {
        0 => String::new(),
        some => format!("\n{some} of them are proven and counted, and their content is withheld"),
    };
    let key = match known {
        true => format!("signed by the key given ({key})"),
        false => {
            format!("signed by the key {key}; compare it with the one that the owner of the log publishes")
        }
    };
    format!(
        "{uid}: complete and unaltered\n{events} events, {counted} counted by their agents without a hole{withheld}\n\
         in the tree of {tree_size} events of {log}, signed {signed_at}\n{key}"
    )
}

/// What the events before say of the ones to come.
#[derive(Default)]
struct Seen {
    last: Option<u64>,
    withheld: usize,
    counted: usize,
    /// Counts that there are, each with the line of an event that has it.
    counts: BTreeMap<u32, usize>,
    /// By agent and epoch: seq, SHA-256 and whether it was lost, of the last one.
    streams: BTreeMap<(Vec<u8>, u32), Last>,
    ids: BTreeSet<Vec<u8>>,
}

struct Last {
    seq: u64,
    hash: Hash,
    lost: bool,
}

impl Seen {
    fn take(&mut self, i: usize, entry: &Entry, head: &Head, uid: Uid) -> Result<(), Refusal> {
        let line = LINES_BEFORE + 1 + i;
        let place = |field: &str| format!("events[{i}].{field}");
        let hash_of =
            |field: &str, text: &str| match STANDARD.decode(text).ok().and_then(|b| b.try_into().ok()) {
                Some(hash) => Ok::<Hash, Refusal>(hash),
                None => refuse(line, place(field), "it is not a SHA-256 in base64"),
            };
        let mut proof = Vec::with_capacity(entry.proof.len());
        for hash in &entry.proof {
            proof.push(hash_of("proof", hash)?);
        }
        let bytes = match (&entry.bytes, &entry.chain, &entry.hash) {
            (Some(bytes), Some(_), None) => match STANDARD.decode(bytes) {
                Ok(bytes) => Some(bytes),
                Err(_) => return refuse(line, place("bytes"), "they are not in base64"),
            },
            (None, None, Some(_)) => None,
            _ => return refuse(line, place("bytes"), "an event has bytes and chain, or a hash alone"),
        };
        let leaf = match (&bytes, &entry.hash) {
            (Some(bytes), _) => merkle::leaf(bytes),
            (None, Some(hash)) => hash_of("hash", hash)?,
            (None, None) => return refuse(line, place("hash"), "it is missing"),
        };
        if let Err(error) = merkle::included(entry.leaf, head.size, &leaf, &proof, &head.root) {
            return refuse(
                line,
                format!("events[{i}]"),
                format!("leaf, content or proof was changed: {error}"),
            );
        }
        if self.last.is_some_and(|last| entry.leaf <= last) {
            return refuse(line, place("leaf"), "it is not after the leaf before it");
        }
        self.last = Some(entry.leaf);
        let Some(bytes) = bytes else {
            self.withheld += 1;
            return Ok(());
        };
        let chained = hash_of("chain", entry.chain.as_deref().unwrap_or_default())?;
        if chained != chain::link(&bytes) {
            return refuse(line, place("chain"), "it is not the SHA-256 of the bytes");
        }
        let event = match Event::decode(bytes.as_slice()) {
            Ok(event) => event,
            Err(error) => return refuse(line, place("bytes"), format!("they are no event: {error}")),
        };
        self.event(line, &place("bytes"), event, chained, uid)
    }

    fn event(&mut self, line: usize, place: &str, event: Event, hash: Hash, uid: Uid) -> Result<(), Refusal> {
        let named = event.subjects.iter().filter(|subject| subject.key == uid.key().get());
        let Some(count) = named.map(|subject| subject.count).max() else {
            return refuse(line, place, format!("the event does not name {uid}"));
        };
        if !self.ids.insert(event.event_id.clone()) {
            return refuse(line, place, "the event is there twice");
        }
        if count > 0 {
            self.counted += 1;
            self.counts.entry(count).or_insert(line);
        }
        let stream = (event.agent_id, event.epoch);
        if let Some(last) = self.streams.get(&stream) {
            let next = last.seq.checked_add(1) == Some(event.seq);
            if next && !last.lost && event.prev_hash != last.hash {
                return refuse(line, place, "the event does not carry the hash of the one before it");
            }
        }
        if self.streams.get(&stream).is_none_or(|last| event.seq > last.seq) {
            let lost = event.stage == i32::from(Stage::Lost);
            self.streams.insert(stream, Last { seq: event.seq, hash, lost });
        }
        Ok(())
    }

    fn whole(&self, complete: &Complete, events: usize) -> Result<(), Refusal> {
        if u64::try_from(events) != Ok(complete.count) {
            return refuse(
                5,
                "complete",
                format!("{} events were signed, {events} are here", complete.count),
            );
        }
        if self.last.unwrap_or_default() != complete.last {
            return refuse(5, "complete", format!("the last leaf that was signed is {}", complete.last));
        }
        // A count that is withheld is no hole.
        if self.withheld == 0 {
            for (wanted, (count, line)) in (1..).zip(&self.counts) {
                if *count != wanted {
                    return refuse(
                        *line,
                        "count",
                        format!("no event is number {wanted}; this one is {count}"),
                    );
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
