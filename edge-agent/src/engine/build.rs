//! From a decision's drafts to events: identity, chain, numbers, time, place.

use std::collections::HashMap;

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use prost::Message;
use proto::v1;
use sha2::{Digest, Sha256};
use uid::{Key, TenantCode, TypeCode, Uid};
use uuid::Uuid;

use super::rules::Rules;
use crate::journal::{Head, NewNote, NewRecord, Place};
use crate::mint::{Mint, MintError};
use crate::station::types::{DraftEvent, DraftSubject, KeyRef, Label, LotRef, NumberRef};

/// Why a decision could not become events. Nothing of it is recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error("an event of {0} bytes is too long")]
    TooLong(usize),
    #[error("the rules contradict themselves: {0}")]
    Rules(String),
    /// Not a failure: labels or events must be read first, then it is tried again.
    #[error("{} labels and {} events must be read first", .0.labels.len(), .0.events.len())]
    Needs(Needs),
}

/// What a decision names that has not been read yet.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub labels: Vec<i64>,
    pub events: Vec<Uuid>,
}

/// What every event of a decision has in common.
pub(super) struct Stamp<'a> {
    pub agent_id: Uuid,
    pub plant: &'a str,
    pub station: &'a str,
    pub location: &'a str,
    pub operator: &'a str,
    pub shift: &'a str,
    pub production_date: NaiveDate,
    pub at: DateTime<FixedOffset>,
    pub now: DateTime<Utc>,
    pub input_id: &'a str,
    pub machine: &'a str,
    /// Version and generation of the reference data by which it was decided.
    pub reference: (u64, u64),
}

/// A decision as it is to be recorded.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub records: Vec<NewRecord>,
    pub notes: Vec<NewNote>,
    pub aliases: Vec<(String, i64)>,
    /// event_id, stage and keys of each event, in order.
    pub events: Vec<(Uuid, v1::Stage, Vec<i64>)>,
    slots: HashMap<usize, Key>,
    numbers: Vec<(String, String)>,
    lots: HashMap<usize, Uuid>,
}

/// The parts of the group's state that building an event moves on.
pub(super) struct Moving<'a> {
    pub head: &'a mut Head,
    pub mint: &'a mut Mint,
    pub labels: &'a mut HashMap<i64, Label>,
    /// Events that the decision corrects.
    pub corrected: &'a HashMap<Uuid, Option<v1::Event>>,
}

impl Built {
    /// Whether a number was used up.
    pub fn minted(&self) -> bool {
        !self.slots.is_empty() || !self.numbers.is_empty()
    }

    /// The key that a reference stands for, once everything is built.
    pub fn key(&self, key: &KeyRef) -> Option<Key> {
        match key {
            KeyRef::Existing(key) => Some(*key),
            KeyRef::Mint { slot, .. } => self.slots.get(slot).copied(),
        }
    }

    /// Puts given UIDs and numbers into a text: `{slot:0}`, `{number}`.
    pub fn fill(&self, tenant: TenantCode, text: &str) -> String {
        if !text.contains('{') {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        if let Some((_, number)) = self.numbers.first() {
            text = text.replace("{number}", number);
        }
        if text.contains("{slot:") {
            for (slot, key) in &self.slots {
                let uid = Uid::from_key(tenant, *key).to_string();
                text = text.replace(&format!("{{slot:{slot}}}"), &uid);
            }
        }
        text
    }

    fn mint(&mut self, slot: usize, kind: TypeCode, mint: &mut Mint) -> Result<Key, BuildError> {
        if let Some(key) = self.slots.get(&slot) {
            if key.parts().1 != kind {
                return Err(BuildError::Rules(format!("slot {slot} has two types")));
            }
            return Ok(*key);
        }
        let key = mint.mint(kind)?;
        self.slots.insert(slot, key);
        Ok(key)
    }

    fn number(
        &mut self,
        number: &NumberRef,
        at: DateTime<FixedOffset>,
        mint: &mut Mint,
    ) -> Result<String, BuildError> {
        let series = match number {
            NumberRef::Existing(number) => return Ok(number.clone()),
            NumberRef::Next { series } => series,
        };
        if let Some((_, number)) = self.numbers.iter().find(|(s, _)| s == series) {
            return Ok(number.clone());
        }
        let number = mint.number(series, at.with_timezone(&Utc))?;
        self.numbers.push((series.clone(), number.clone()));
        Ok(number)
    }

    fn lot(&mut self, lot: &LotRef) -> Uuid {
        match lot {
            LotRef::Existing(lot) => *lot,
            LotRef::New(slot) => *self.lots.entry(*slot).or_insert_with(Uuid::now_v7),
        }
    }
}

/// Builds, encodes and folds every event of a decision, in order.
///
/// # Errors
/// Head, mint and labels are then half moved on; the caller drops them.
pub(super) fn build(
    events: &[DraftEvent],
    stamp: &Stamp<'_>,
    moving: &mut Moving<'_>,
    rules: &dyn Rules,
) -> Result<Built, BuildError> {
    let mut built = Built::default();
    let mut born: Vec<usize> = Vec::new();
    let mut lots_before = 0;
    for draft in events {
        let event = event(draft, stamp, moving, rules, &mut built, &mut born, lots_before)?;
        lots_before += draft.lots.len();
        let bytes = event.encode_to_vec();
        if bytes.len() > proto::MAX_EVENT_BYTES {
            return Err(BuildError::TooLong(bytes.len()));
        }
        let keys: Vec<i64> = event.subjects.iter().map(|s| s.key).filter(|k| *k != 0).collect();
        let event_id = Uuid::from_slice(&event.event_id).unwrap_or_default();
        built.events.push((event_id, draft.stage, keys));
        for subject in event.subjects.iter().filter(|s| !s.alias.is_empty() && s.key != 0) {
            built.aliases.push((subject.alias.clone(), subject.key));
            if let Some(serial) = proto::alias::serial_of(&subject.alias) {
                built.aliases.push((serial.to_owned(), subject.key));
            }
        }
        let corrected = draft.corrects.and_then(|id| moving.corrected.get(&id)?.as_ref());
        rules.fold(moving.labels, &event, corrected);
        for subject in event.subjects.iter().filter(|s| s.key != 0) {
            // The count must go on even for a label of which nothing is known.
            let label = moving.labels.entry(subject.key);
            let label = label.or_insert_with(|| Label::new(subject.key));
            label.count = label.count.max(subject.count);
        }
        *moving.head = moving.head.after(&bytes);
        let place = moving.head.place();
        built.records.push(NewRecord { place, at: stamp.now.timestamp(), bytes });
    }
    Ok(built)
}

#[allow(clippy::too_many_arguments)] // One caller; a struct would only rename them.
fn event(
    draft: &DraftEvent,
    stamp: &Stamp<'_>,
    moving: &mut Moving<'_>,
    rules: &dyn Rules,
    built: &mut Built,
    born: &mut Vec<usize>,
    lots_before: usize,
) -> Result<v1::Event, BuildError> {
    let at = draft.occurred_at.unwrap_or(stamp.at);
    let place = Place { epoch: moving.head.epoch, seq: moving.head.seq + 1 };
    let subjects = subjects(draft, moving, rules, built, born)?;
    let mut references = Vec::with_capacity(draft.references.len());
    for (kind, number, line) in &draft.references {
        let number = built.number(number, stamp.at, moving.mint)?;
        references.push(v1::Reference { r#type: kind.clone(), number, line: *line });
    }
    let mut lots = Vec::with_capacity(draft.lots.len());
    for (slot, lot) in draft.lots.iter().enumerate() {
        lots.push(v1::Lot {
            lot_id: built.lot(&LotRef::New(lots_before + slot)).as_bytes().to_vec(),
            item: lot.item.clone(),
            supplier: lot.supplier.clone(),
            supplier_lot: lot.supplier_lot.clone(),
            made_on: lot.made_on.map(days).unwrap_or_default(),
            expires_on: lot.expires_on.map(days).unwrap_or_default(),
            owner: lot.owner.clone(),
        });
    }
    let text = |d: &Option<rust_decimal::Decimal>| d.map(|d| d.to_string()).unwrap_or_default();
    let location = if draft.location.is_empty() { stamp.location } else { &draft.location };
    Ok(v1::Event {
        event_id: Uuid::now_v7().as_bytes().to_vec(),
        agent_id: stamp.agent_id.as_bytes().to_vec(),
        epoch: place.epoch,
        seq: place.seq,
        prev_hash: moving.head.hash.to_vec(),
        stage: draft.stage.into(),
        action: draft.action.into(),
        occurred_at_us: at.timestamp_micros(),
        occurred_offset_min: at.offset().local_minus_utc() / 60,
        recorded_at_us: stamp.now.timestamp_micros(),
        plant: stamp.plant.to_owned(),
        station: stamp.station.to_owned(),
        operator_id: draft.operator.clone().unwrap_or_else(|| stamp.operator.to_owned()),
        shift: stamp.shift.to_owned(),
        production_date: days(stamp.production_date),
        subjects,
        lots,
        references,
        location: location.to_owned(),
        readings: draft.readings.clone(),
        outcome: draft.outcome.into(),
        accepted_quantity: text(&draft.accepted),
        rejected_quantity: text(&draft.rejected),
        operation: draft.operation.clone(),
        attempt: draft.attempt,
        corrects: draft.corrects.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
        reason: draft.reason.clone(),
        note_hash: note(draft, place, built),
        input_id: stamp.input_id.to_owned(),
        machine: if draft.machine.is_empty() { stamp.machine } else { &draft.machine }.to_owned(),
        overridden_by: draft.overridden_by.clone(),
        quarantine: None,
        reference_version: stamp.reference.0,
        reference_generation: stamp.reference.1,
    })
}

/// Puts a draft's free text beside the event, and returns the hash that stands
/// in it.
fn note(draft: &DraftEvent, place: Place, built: &mut Built) -> Vec<u8> {
    if draft.note.is_empty() {
        return Vec::new();
    }
    let salt: [u8; 16] = rand::random();
    built.notes.push(NewNote { place, salt: salt.to_vec(), text: draft.note.clone() });
    note_hash(&salt, &draft.note)
}

fn subjects(
    draft: &DraftEvent,
    moving: &mut Moving<'_>,
    rules: &dyn Rules,
    built: &mut Built,
    born: &mut Vec<usize>,
) -> Result<Vec<v1::Subject>, BuildError> {
    let gives_birth = rules.gives_birth(draft.stage);
    let mut subjects: Vec<v1::Subject> = Vec::with_capacity(draft.subjects.len());
    for subject in &draft.subjects {
        let mut mint = false;
        let key = match &subject.key {
            KeyRef::Existing(key) => *key,
            KeyRef::Mint { slot, kind } => {
                mint = gives_birth && !born.contains(slot);
                if mint {
                    born.push(*slot);
                }
                built.mint(*slot, *kind, moving.mint)?
            }
        };
        let count = moving.labels.get(&key.get()).map_or(0, |l| l.count).saturating_add(1);
        subjects.push(one_subject(subject, key, count, mint, built));
    }
    Ok(subjects)
}

fn one_subject(draft: &DraftSubject, key: Key, count: u32, mint: bool, built: &mut Built) -> v1::Subject {
    let lot = draft.lot.as_ref().map(|lot| built.lot(lot).as_bytes().to_vec());
    v1::Subject {
        key: key.get(),
        role: draft.role.into(),
        quantity: draft.quantity.map(|q| q.to_string()).unwrap_or_default(),
        unit: draft.unit.clone(),
        quantity2: String::new(),
        unit2: String::new(),
        count,
        mint,
        item: draft.item.clone(),
        lot_id: lot.unwrap_or_default(),
        alias: draft.alias.clone(),
        container: draft.container,
    }
}

/// The hash by which an event names its free text.
fn note_hash(salt: &[u8], text: &str) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(salt);
    hasher.update(text.as_bytes());
    hasher.finalize().to_vec()
}

/// Days since 1970-01-01.
fn days(date: NaiveDate) -> i32 {
    (date - NaiveDate::default()).num_days().try_into().unwrap_or_default()
}
