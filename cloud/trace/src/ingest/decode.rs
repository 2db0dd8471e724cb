//! From an event's bytes to checked rows. Pure; refuses nothing.
//!
//! Whatever an agent sends becomes exactly one [`Decoded`]. What does not fit
//! its column is replaced by a neutral value (empty text, no number, stage 0)
//! and named as a [`Defect`], which the caller stores as an exception; the
//! bytes themselves are always kept. The identity of a row is the envelope's
//! (certificate, batch, place in it), never what the event claims.

use bytes::Bytes;
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1;
use rust_decimal::Decimal;
use uid::Key;
use uuid::Uuid;

use super::links;
use super::rows::{
    AliasRow, Decoded, Defect, EventRow, LinkRow, LotRow, ReadingRow, ReferenceRow, SubjectRow,
};

/// Longest text that a column takes, in bytes. Indexes refuse rows of about
/// 2700 bytes, so a longer text could otherwise stop a stream.
pub const MAX_TEXT: usize = 256;

/// Where an event stands, as the certificate and the batch say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The stream.
    pub agent_id: Uuid,
    /// The stream's plant; `None` for the office and imports, which may speak
    /// of every plant.
    pub plant: Option<&'a str>,
    /// Epoch of the batch.
    pub epoch: i32,
    /// Place in the epoch.
    pub seq: i64,
    /// Stands in where an event's own time does not fit.
    pub now: DateTime<Utc>,
}

/// Decodes one event. Never fails; see the module.
#[must_use]
pub fn decode(envelope: Envelope<'_>, payload: Bytes) -> Decoded {
    let hash = chain::link(&payload);
    let mut take = Take::default();
    let event = if payload.len() > proto::MAX_EVENT_BYTES {
        take.defect(
            "event",
            format!("{} bytes, at most {} are decoded", payload.len(), proto::MAX_EVENT_BYTES),
        );
        None
    } else {
        match v1::Event::decode(payload.as_ref()) {
            Ok(event) => Some(event),
            Err(error) => {
                take.defect("event", format!("cannot be decoded: {error}"));
                None
            }
        }
    };
    let readable = event.is_some();
    let mut decoded = rows(envelope, event.unwrap_or_default(), hash, payload, readable, &mut take);
    decoded.defects = take.defects;
    decoded
}

fn rows(
    at: Envelope<'_>,
    event: v1::Event,
    hash: Hash,
    payload: Bytes,
    readable: bool,
    take: &mut Take,
) -> Decoded {
    if readable {
        check_identity(at, &event, take);
    }
    let stage = if v1::Stage::try_from(event.stage).is_ok_and(|s| s != v1::Stage::Unspecified) {
        event.stage as i16
    } else {
        if readable {
            take.defect("stage", format!("{} is no stage", event.stage));
        }
        0
    };
    let action = take.number::<v1::Action>("action", event.action);
    let outcome = take.number::<v1::Outcome>("outcome", event.outcome);
    let recorded_at = take.time("recorded_at_us", event.recorded_at_us).filter(|_| readable);
    let occurred_at = take
        .time("occurred_at_us", event.occurred_at_us)
        .filter(|_| readable)
        .or(recorded_at)
        .unwrap_or(at.now);

    let references: Vec<ReferenceRow> = event
        .references
        .into_iter()
        .enumerate()
        .map(|(i, r)| ReferenceRow {
            ordinal: i as i16,
            kind: take.text(|| format!("references[{i}].type"), r.r#type),
            number: take.text(|| format!("references[{i}].number"), r.number),
            line: take.small(|| format!("references[{i}].line"), r.line),
        })
        .collect();
    let (first_type, first_number) = references
        .iter()
        .find(|r| !r.number.is_empty())
        .map(|r| (r.kind.clone(), r.number.clone()))
        .unwrap_or_default();

    let mut aliases = Vec::new();
    let mut subjects = Vec::with_capacity(event.subjects.len());
    for (i, subject) in event.subjects.into_iter().enumerate() {
        subjects.push(subject_row(i, subject, stage, at, take, &mut aliases));
    }

    let row = EventRow {
        event_id: if readable {
            take.id("event_id", &event.event_id).unwrap_or_default()
        } else {
            Uuid::nil()
        },
        stage,
        action,
        occurred_at,
        occurred_offset_min: if event.occurred_offset_min.abs() <= 18 * 60 {
            event.occurred_offset_min as i16
        } else {
            take.defect("occurred_offset_min", format!("{} minutes", event.occurred_offset_min));
            0
        },
        recorded_at: recorded_at.unwrap_or(at.now),
        plant: take.text(|| "plant".into(), event.plant),
        station: take.text(|| "station".into(), event.station),
        operator_id: take.text(|| "operator_id".into(), event.operator_id),
        shift: take.text(|| "shift".into(), event.shift),
        production_date: take.day("production_date", event.production_date),
        location: take.text(|| "location".into(), event.location),
        operation: take.text(|| "operation".into(), event.operation),
        attempt: take.small(|| "attempt".into(), event.attempt),
        outcome,
        accepted_quantity: take.quantity(|| "accepted_quantity".into(), &event.accepted_quantity),
        rejected_quantity: take.quantity(|| "rejected_quantity".into(), &event.rejected_quantity),
        reason: take.text(|| "reason".into(), event.reason),
        machine: take.text(|| "machine".into(), event.machine),
        overridden_by: take.text(|| "overridden_by".into(), event.overridden_by),
        corrects: take.optional_id(|| "corrects".into(), &event.corrects),
        reference_type: first_type,
        reference_number: first_number,
        note_hash: fixed(&event.note_hash),
    };
    if let Some(plant) = at.plant
        && readable
        && row.plant != plant
    {
        take.defect("plant", format!("the certificate is for {plant}, the event says {:?}", row.plant));
    }

    let readings = event
        .readings
        .into_iter()
        .enumerate()
        .map(|(i, r)| ReadingRow {
            ordinal: i as i16,
            name: take.text(|| format!("readings[{i}].name"), r.name),
            value: take.measure(|| format!("readings[{i}].value"), &r.value),
            unit: take.text(|| format!("readings[{i}].unit"), r.unit),
            quality: take.number::<v1::Quality>("readings.quality", r.quality),
            low: take.measure(|| format!("readings[{i}].low"), &r.low),
            high: take.measure(|| format!("readings[{i}].high"), &r.high),
            taken_at: take.time("readings.at_us", r.at_us).unwrap_or(occurred_at),
        })
        .collect();
    let lots = event
        .lots
        .into_iter()
        .enumerate()
        .filter_map(|(i, lot)| {
            let Some(lot_id) = fixed(&lot.lot_id).map(Uuid::from_bytes) else {
                take.defect(format!("lots[{i}].lot_id"), format!("{} bytes, not 16", lot.lot_id.len()));
                return None;
            };
            Some(LotRow {
                lot_id,
                item: take.text(|| format!("lots[{i}].item"), lot.item),
                supplier: take.text(|| format!("lots[{i}].supplier"), lot.supplier),
                supplier_lot: take.text(|| format!("lots[{i}].supplier_lot"), lot.supplier_lot),
                made_on: take.day("lots.made_on", lot.made_on),
                expires_on: take.day("lots.expires_on", lot.expires_on),
                owner: take.text(|| format!("lots[{i}].owner"), lot.owner),
            })
        })
        .collect();

    let mut links: Vec<LinkRow> = Vec::new();
    if links::derive(stage, action, &subjects, &mut links) > links.len() {
        take.defect("subjects", format!("would make more than {} links", links::MAX_LINKS));
    }
    let lost = (stage == v1::Stage::Lost as i16).then(|| {
        let (sha256, problem) = event.quarantine.map_or_else(Default::default, |q| (q.sha256, q.problem));
        format!("{} (bytes as found: {})", shown(&problem), hex(&sha256))
    });

    Decoded {
        seq: at.seq,
        hash,
        prev_hash: if readable { fixed(&event.prev_hash) } else { None },
        readable,
        event: row,
        subjects,
        references,
        readings,
        lots,
        aliases,
        links,
        lost,
        payload,
        defects: Vec::new(),
    }
}

fn subject_row(
    i: usize,
    subject: v1::Subject,
    stage: i16,
    at: Envelope<'_>,
    take: &mut Take,
    aliases: &mut Vec<AliasRow>,
) -> SubjectRow {
    let key = Key::new(subject.key).ok();
    if key.is_none() && !(subject.key == 0 && stage == v1::Stage::Refused as i16) {
        take.defect(format!("subjects[{i}].key"), format!("{} is the key of no UID", subject.key));
    }
    if let (Some(key), Some(plant), true) = (key, at.plant, subject.mint)
        && key.parts().0.to_string() != plant
    {
        take.defect(
            format!("subjects[{i}].key"),
            format!("minted at {plant} with the plant {}", key.parts().0),
        );
    }
    let key = key.map_or(0, Key::get);
    let alias = take.text(|| format!("subjects[{i}].alias"), subject.alias);
    if !alias.is_empty() && key != 0 && stage != v1::Stage::Refused as i16 {
        if let Some(serial) = proto::alias::serial_of(&alias) {
            aliases.push(AliasRow { alias: serial.to_owned(), key });
        }
        aliases.push(AliasRow { alias, key });
    }
    SubjectRow {
        ordinal: i as i16,
        key,
        role: take.number::<v1::Role>("subjects.role", subject.role),
        quantity: take.quantity(|| format!("subjects[{i}].quantity"), &subject.quantity),
        unit: take.text(|| format!("subjects[{i}].unit"), subject.unit),
        quantity2: take.quantity(|| format!("subjects[{i}].quantity2"), &subject.quantity2),
        unit2: take.text(|| format!("subjects[{i}].unit2"), subject.unit2),
        count: take.small(|| format!("subjects[{i}].count"), subject.count),
        // What was refused or lost made nothing.
        mint: subject.mint
            && key != 0
            && stage != v1::Stage::Refused as i16
            && stage != v1::Stage::Lost as i16,
        item: take.text(|| format!("subjects[{i}].item"), subject.item),
        lot_id: take.optional_id(|| format!("subjects[{i}].lot_id"), &subject.lot_id),
        container: subject.container,
    }
}

fn check_identity(at: Envelope<'_>, event: &v1::Event, take: &mut Take) {
    if event.agent_id != at.agent_id.as_bytes() {
        take.defect("agent_id", format!("{}, not that of the certificate", hex(&event.agent_id)));
    }
    if i64::from(event.epoch) != i64::from(at.epoch) {
        take.defect("epoch", format!("{} in a batch of epoch {}", event.epoch, at.epoch));
    }
    if i64::try_from(event.seq).ok() != Some(at.seq) {
        take.defect("seq", format!("{} in the place of {}", event.seq, at.seq));
    }
    if event.prev_hash.len() != 32 {
        take.defect("prev_hash", format!("{} bytes, not 32", event.prev_hash.len()));
    }
}

/// Takes values into columns and remembers what did not fit.
#[derive(Default)]
struct Take {
    defects: Vec<Defect>,
}

impl Take {
    /// Most defects that are told of one event; the bytes tell the rest.
    const MOST: usize = 20;

    fn defect(&mut self, field: impl Into<String>, problem: String) {
        if self.defects.len() < Self::MOST {
            self.defects.push(Defect { field: field.into(), problem });
        }
    }

    fn text(&mut self, field: impl FnOnce() -> String, text: String) -> String {
        if text.contains('\0') {
            self.defect(field(), format!("contains a NUL: {}", shown(&text)));
            return String::new();
        }
        if text.len() > MAX_TEXT {
            self.defect(field(), format!("{} bytes, at most {MAX_TEXT}: {}", text.len(), shown(&text)));
            return String::new();
        }
        text
    }

    /// A quantity of a document: too large is left out, and a seventh decimal
    /// is a defect, since it would be lost.
    fn quantity(&mut self, field: impl Fn() -> String, text: &str) -> Option<Decimal> {
        let (value, rounded) = self.decimal(&field, text)?;
        if rounded {
            self.defect(field(), format!("{} has more than six decimals", shown(text)));
        }
        Some(value)
    }

    /// A measured value: rounded to six decimals, which is beyond any sensor;
    /// the bytes keep the rest.
    fn measure(&mut self, field: impl Fn() -> String, text: &str) -> Option<Decimal> {
        self.decimal(&field, text).map(|(value, _)| value)
    }

    fn decimal(&mut self, field: &impl Fn() -> String, text: &str) -> Option<(Decimal, bool)> {
        if text.is_empty() {
            return None;
        }
        let parsed = if text.len() <= 40 {
            text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text))
        } else {
            Err(rust_decimal::Error::ExceedsMaximumPossibleValue)
        };
        let Ok(value) = parsed else {
            self.defect(field(), format!("{} is no decimal", shown(text)));
            return None;
        };
        let kept = value.round_dp(6);
        if kept.abs() >= Decimal::from(1_000_000_000_000_i64) {
            self.defect(field(), format!("{} has more than twelve digits before the point", shown(text)));
            return None;
        }
        Some((kept, kept != value))
    }

    fn number<E: TryFrom<i32>>(&mut self, field: &str, number: i32) -> i16 {
        match (E::try_from(number), i16::try_from(number)) {
            (Ok(_), Ok(small)) => small,
            _ => {
                self.defect(field, format!("{number} has no meaning"));
                0
            }
        }
    }

    fn small(&mut self, field: impl FnOnce() -> String, number: u32) -> i32 {
        i32::try_from(number).unwrap_or_else(|_| {
            self.defect(field(), format!("{number} is too large"));
            0
        })
    }

    fn time(&mut self, field: &str, micros: i64) -> Option<DateTime<Utc>> {
        let time = DateTime::from_timestamp_micros(micros).filter(|t| (1..=9999).contains(&t.year()));
        if time.is_none() {
            self.defect(field, format!("{micros} µs is outside the years 1 to 9999"));
        }
        time
    }

    fn day(&mut self, field: &str, days: i32) -> Option<NaiveDate> {
        if days == 0 {
            return None;
        }
        let epoch = DateTime::UNIX_EPOCH.date_naive();
        let offset = Days::new(u64::from(days.unsigned_abs()));
        let day = if days > 0 { epoch.checked_add_days(offset) } else { epoch.checked_sub_days(offset) };
        let day = day.filter(|d| (1..=9999).contains(&d.year()));
        if day.is_none() {
            self.defect(field, format!("day {days} is outside the years 1 to 9999"));
        }
        day
    }

    fn id(&mut self, field: &str, bytes: &[u8]) -> Option<Uuid> {
        let id = fixed(bytes).map(Uuid::from_bytes);
        if id.is_none() {
            self.defect(field, format!("{} bytes, not 16", bytes.len()));
        }
        id
    }

    fn optional_id(&mut self, field: impl FnOnce() -> String, bytes: &[u8]) -> Option<Uuid> {
        if bytes.is_empty() { None } else { self.id(&field(), bytes) }
    }
}

fn fixed<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// A piece of foreign text that is safe to show and to store as JSON.
fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().take(32).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_found_with_its_gtin_and_alone() {
        let alias = proto::alias::of_serial("04006381333931", "S-1");
        let subject =
            v1::Subject { key: 3_474_027_400_000_000_001, alias: alias.clone(), ..Default::default() };
        let event = v1::Event { stage: v1::Stage::Grn.into(), subjects: vec![subject], ..Default::default() };
        let now = DateTime::UNIX_EPOCH;
        let at = Envelope { agent_id: Uuid::nil(), plant: None, epoch: 1, seq: 1, now };
        let decoded = decode(at, event.encode_to_vec().into());
        let texts: Vec<&str> = decoded.aliases.iter().map(|row| row.alias.as_str()).collect();
        assert_eq!(texts, ["S-1", alias.as_str()]);
    }
}
