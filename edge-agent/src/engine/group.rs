//! One group of facts that share a transaction. Every fact is decided on what
//! the ones before it in the group left, in memory; what a failing one left is
//! thrown away. Nothing here is true until the journal has committed it.

use std::collections::{HashMap, HashSet};

use prost::Message;
use proto::v1;
use uuid::Uuid;

use crate::inputs::Answer;
use crate::journal::{
    Head, Journal, JournalError, MISSING, NewInput, NewNote, NewRecord, PrintRow, WriteSet,
};
use crate::mint::Mint;
use crate::station::types::{Custody, DraftEvent, KeyRef, Label, Session};

use super::build::Needs;
use super::counters::Counters;
use super::facts::Held;
use super::prints::PrintJob;
use super::relabel;
use super::status::ScanLine;

/// Labels brought in for one fact at most: wanted ones and their families.
const MAX_LABELS: usize = 20_000;
/// Packages in packages, at most.
const MAX_DEPTH: usize = 8;

/// How a label came to be of interest, which says where to look on from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Way {
    Wanted,
    Up,
    Down,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Kin {
    key: i64,
    way: Way,
}

impl Kin {
    fn wanted(key: i64) -> Self {
        Self { key, way: Way::Wanted }
    }
}

/// What one fact changes.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub records: Vec<NewRecord>,
    pub notes: Vec<NewNote>,
    pub labels: HashMap<i64, Label>,
    pub aliases: Vec<(String, i64)>,
    pub session: Option<(String, Session)>,
    pub counters: Option<(String, Counters)>,
    pub input: Option<NewInput>,
    pub prints: Vec<PrintRow>,
    pub jobs: Vec<PrintJob>,
    /// Prints whose fate is known now.
    pub closed_prints: Vec<PrintJob>,
    /// Prints whose fate nobody knows.
    pub uncertain: Vec<PrintJob>,
    pub line: Option<(String, ScanLine)>,
    pub unknown: Vec<i64>,
    /// A number was used up.
    pub minted: bool,
    /// Head and numbers afterwards, when events were recorded.
    pub moved: Option<(Head, Mint)>,
}

/// What a group knows and what it will write.
pub(super) struct Group {
    pub head: Head,
    pub mint: Mint,
    /// Labels as they are now in this group; `None` for those that are not there.
    labels: HashMap<i64, Option<Label>>,
    changed: HashSet<i64>,
    /// Events that decisions of this group correct.
    pub events: HashMap<Uuid, Option<v1::Event>>,
    /// Labels that have these codes, as far as they were asked for.
    aliases: HashMap<String, Vec<i64>>,
    sessions: HashMap<String, Session>,
    counters: HashMap<String, Counters>,
    /// Answers to inputs, given before or in this group.
    answers: HashMap<(String, String), Option<String>>,
    set: WriteSet,
    jobs: Vec<PrintJob>,
    closed_prints: Vec<PrintJob>,
    uncertain: Vec<PrintJob>,
    lines: Vec<(String, ScanLine, Answer)>,
    /// Lines and jobs of facts that used numbers up.
    minted: Held,
    unknown: Vec<i64>,
}

impl Group {
    pub fn new(head: Head, mint: Mint) -> Self {
        Self {
            head,
            mint,
            labels: HashMap::new(),
            changed: HashSet::new(),
            events: HashMap::new(),
            aliases: HashMap::new(),
            sessions: HashMap::new(),
            counters: HashMap::new(),
            answers: HashMap::new(),
            set: WriteSet::default(),
            jobs: Vec::new(),
            closed_prints: Vec::new(),
            uncertain: Vec::new(),
            lines: Vec::new(),
            minted: Held::default(),
            unknown: Vec::new(),
        }
    }

    /// Reads earlier answers to these inputs, in one query.
    pub async fn load_answers(
        &mut self,
        journal: &mut Journal,
        inputs: &[(String, String)],
    ) -> Result<(), JournalError> {
        let mut found = journal.answers(inputs).await?;
        for input in inputs {
            let answer = found.remove(input);
            self.answers.entry(input.clone()).or_insert(answer);
        }
        Ok(())
    }

    /// The answer given to an input before, if any.
    pub fn answer(&self, source: &str, input_id: &str) -> Option<&str> {
        let key = (source.to_owned(), input_id.to_owned());
        self.answers.get(&key).and_then(|a| a.as_deref())
    }

    /// Reads what these texts resolve to.
    pub async fn load_aliases(
        &mut self,
        journal: &mut Journal,
        texts: &[String],
    ) -> Result<(), JournalError> {
        let missing: Vec<String> = texts.iter().filter(|t| !self.aliases.contains_key(*t)).cloned().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut found = journal.aliases(&missing).await?;
        for text in missing {
            let keys = found.remove(&text).unwrap_or_default();
            self.aliases.insert(text, keys);
        }
        Ok(())
    }

    /// The labels that have this code beside their UID.
    pub fn aliased(&self, text: &str) -> &[i64] {
        self.aliases.get(text).map(Vec::as_slice).unwrap_or_default()
    }

    /// The labels that have any of these codes.
    pub fn all_aliased(&self, texts: &[String]) -> Vec<i64> {
        texts.iter().flat_map(|text| self.aliased(text)).copied().collect()
    }

    /// A label as the group has it, where it was read.
    pub fn label(&self, key: i64) -> Option<&Label> {
        self.labels.get(&key)?.as_ref()
    }

    /// Reads these labels, those in them, those they are in all the way up, and
    /// the contents of packages all the way down.
    pub async fn load_labels(&mut self, journal: &mut Journal, wanted: &[i64]) -> Result<(), JournalError> {
        let mut level: Vec<Kin> = wanted.iter().map(|key| Kin::wanted(*key)).collect();
        let mut seen: HashSet<Kin> = HashSet::new();
        for _ in 0..MAX_DEPTH {
            level.retain(|kin| seen.insert(*kin));
            if level.is_empty() || seen.len() > MAX_LABELS {
                break;
            }
            let keys: Vec<i64> = level.iter().map(|kin| kin.key).collect();
            self.load_level(journal, &keys).await?;
            level = level.iter().flat_map(|kin| self.family(*kin)).collect();
        }
        Ok(())
    }

    /// Reads events that a decision corrects, from this group or from disk.
    pub async fn load_events(&mut self, journal: &mut Journal, ids: &[Uuid]) -> Result<(), JournalError> {
        for id in ids {
            let of_id = |event: &v1::Event| event.event_id == id.as_bytes();
            let mut records = self.set.records.iter().rev();
            let here = records.find_map(|r| v1::Event::decode(r.bytes.as_slice()).ok().filter(of_id));
            let event = match here {
                Some(event) => Some(event),
                None => journal.event(*id).await?,
            };
            self.events.insert(*id, event);
        }
        Ok(())
    }

    /// Labels that these events will touch, once everything about them is read.
    pub fn named(&self, drafts: &[DraftEvent]) -> Result<Vec<i64>, Needs> {
        let mut needs = Needs::default();
        let mut keys = Vec::new();
        for draft in drafts {
            for subject in &draft.subjects {
                if let KeyRef::Existing(key) = &subject.key {
                    keys.push(key.get());
                }
            }
            match draft.corrects.map(|id| (id, self.events.get(&id))) {
                Some((id, None)) => needs.events.push(id),
                Some((_, Some(Some(event)))) => {
                    keys.extend(event.subjects.iter().map(|s| s.key).filter(|k| *k > 0));
                }
                _ => {}
            }
        }
        needs.labels = keys.iter().copied().filter(|k| !self.labels.contains_key(k)).collect();
        if needs.labels.is_empty() && needs.events.is_empty() {
            return Ok(keys);
        }
        Err(needs)
    }

    async fn load_level(&mut self, journal: &mut Journal, keys: &[i64]) -> Result<(), JournalError> {
        let missing: Vec<i64> = keys.iter().copied().filter(|k| !self.labels.contains_key(k)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let mut found = journal.labels(&missing).await?;
        for key in missing {
            let label = found.remove(&key).map(|json| {
                if json == MISSING {
                    return relabel::missing(key);
                }
                // One that cannot be read may say that it is held.
                let read = serde_json::from_str::<Label>(&json);
                let read = read.inspect_err(|error| tracing::error!(key, %error, "a label cannot be read"));
                read.unwrap_or_else(|_| Label::lost(key))
            });
            self.labels.insert(key, label);
        }
        Ok(())
    }

    /// Labels next to one, in the directions that its own place in the family
    /// leaves open.
    fn family(&self, kin: Kin) -> Vec<Kin> {
        let Some(Some(label)) = self.labels.get(&kin.key) else { return Vec::new() };
        let mut keys = Vec::new();
        let down = match kin.way {
            Way::Wanted => true,
            Way::Down => label.package,
            Way::Up => false,
        };
        if down {
            keys.extend(label.children.iter().map(|key| Kin { key: *key, way: Way::Down }));
        }
        // What it was in before its last event: that may be taken back.
        let before = label.before.as_deref();
        for label in [Some(label), before].into_iter().flatten() {
            if let Custody::Parent { key } = label.custody
                && kin.way != Way::Down
            {
                keys.push(Kin { key, way: Way::Up });
            }
        }
        keys
    }

    /// A copy of these labels and their families, as the group has them.
    pub fn labels_for(&self, wanted: &[i64]) -> HashMap<i64, Label> {
        let mut labels = HashMap::new();
        let mut seen: HashSet<Kin> = HashSet::new();
        let mut level: Vec<Kin> = wanted.iter().map(|key| Kin::wanted(*key)).collect();
        for _ in 0..MAX_DEPTH {
            level.retain(|kin| seen.insert(*kin));
            if level.is_empty() || labels.len() > MAX_LABELS {
                break;
            }
            for kin in &level {
                if let Some(Some(label)) = self.labels.get(&kin.key) {
                    labels.entry(kin.key).or_insert_with(|| label.clone());
                }
            }
            level = level.iter().flat_map(|kin| self.family(*kin)).collect();
        }
        labels
    }

    /// Leaves only the labels that differ from what the group has.
    pub fn keep_changed(&self, labels: &mut HashMap<i64, Label>) {
        labels.retain(|key, label| !matches!(self.labels.get(key), Some(Some(known)) if known == label));
    }

    /// A station's session, as the group left it.
    pub fn session(&self, station: &str) -> Option<&Session> {
        self.sessions.get(station)
    }

    /// A station's counters, as the group left them.
    pub fn counters(&self, station: &str) -> Option<&Counters> {
        self.counters.get(station)
    }

    /// Takes what a fact changes into the group.
    pub fn merge(&mut self, delta: Delta, answer: Option<&Answer>) {
        self.set.records.extend(delta.records);
        self.set.notes.extend(delta.notes);
        for (key, label) in delta.labels {
            self.changed.insert(key);
            self.labels.insert(key, Some(label));
        }
        for (alias, key) in delta.aliases {
            // What nobody asked for is on disk before anybody can.
            if let Some(keys) = self.aliases.get_mut(&alias).filter(|keys| !keys.contains(&key)) {
                keys.push(key);
            }
            self.set.aliases.push((alias, key));
        }
        if let Some((station, session)) = delta.session {
            self.sessions.insert(station, session);
        }
        if let Some((station, counters)) = delta.counters {
            self.counters.insert(station, counters);
        }
        if let Some(input) = delta.input {
            let key = (input.source.clone(), input.input_id.clone());
            self.answers.insert(key, Some(input.answer.clone()));
            self.set.inputs.push(input);
        }
        self.set.prints.extend(delta.prints);
        let (lines, jobs) = match delta.minted {
            true => (&mut self.minted.lines, &mut self.minted.jobs),
            false => (&mut self.lines, &mut self.jobs),
        };
        jobs.extend(delta.jobs);
        if let (Some((station, line)), Some(answer)) = (delta.line, answer) {
            lines.push((station, line, answer.clone()));
        }
        self.closed_prints.extend(delta.closed_prints);
        self.uncertain.extend(delta.uncertain);
        self.unknown.extend(delta.unknown);
        if let Some((head, mint)) = delta.moved {
            self.head = head;
            self.mint = mint;
        }
    }

    /// What is to be written, and the parts of the engine's state that become
    /// true with it.
    pub fn finish(mut self) -> Result<(WriteSet, Settled), serde_json::Error> {
        let changes = self.mint.take_changes();
        self.set.leases = changes.leases;
        self.set.lease_marks = changes.lease_marks;
        self.set.series = changes.series;
        self.set.series_marks = changes.series_marks;
        self.set.meta.extend(changes.terms);
        for key in self.changed {
            if let Some(Some(label)) = self.labels.get(&key) {
                self.set.labels.push((key, serde_json::to_string(label)?));
            }
        }
        for (station, session) in &self.sessions {
            self.set.sessions.push((station.clone(), serde_json::to_string(session)?));
        }
        for (station, counters) in &self.counters {
            self.set.counters.push((station.clone(), serde_json::to_string(counters)?));
        }
        if !self.set.records.is_empty() {
            self.set.head = Some(self.head);
        }
        let settled = Settled {
            recorded: self.set.records.len() as u64,
            mint: self.mint,
            sessions: self.sessions,
            counters: self.counters,
            jobs: self.jobs,
            closed_prints: self.closed_prints,
            uncertain: self.uncertain,
            lines: self.lines,
            minted: self.minted,
            unknown: self.unknown,
        };
        Ok((self.set, settled))
    }
}

/// What becomes true when the group is on disk.
pub(super) struct Settled {
    pub recorded: u64,
    pub mint: Mint,
    pub sessions: HashMap<String, Session>,
    pub counters: HashMap<String, Counters>,
    pub jobs: Vec<PrintJob>,
    pub closed_prints: Vec<PrintJob>,
    pub uncertain: Vec<PrintJob>,
    pub lines: Vec<(String, ScanLine, Answer)>,
    pub minted: Held,
    pub unknown: Vec<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Loaded;

    #[test]
    fn what_a_label_was_in_before_its_last_event_is_at_hand_to_take_that_back() {
        let mint = Mint::new("KOL".parse().unwrap(), 1, &Loaded::default());
        let mut group = Group::new(Head::genesis(Uuid::from_u128(1), 1), mint);
        let inside = Label { custody: Custody::Parent { key: 9 }, ..Label::new(1) };
        let returned = Label { before: Some(Box::new(inside)), ..Label::new(1) };
        for label in [returned, Label::new(9)] {
            group.labels.insert(label.key, Some(label));
        }
        let mut found: Vec<i64> = group.labels_for(&[1]).into_keys().collect();
        found.sort_unstable();
        assert_eq!(found, [1, 9]);
    }
}
