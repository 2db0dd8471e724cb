//! What one event comes to, table by table. Plain data.

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use proto::chain::Hash;
use rust_decimal::Decimal;
use uuid::Uuid;

/// One event as rows, as far as its bytes go.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Place in the epoch.
    pub seq: i64,
    /// SHA-256 of the bytes.
    pub hash: Hash,
    /// The hash that it says the event before it has; `None` when it says none.
    pub prev_hash: Option<Hash>,
    /// The bytes were an event at all.
    pub readable: bool,
    /// Its row.
    pub event: EventRow,
    /// Its subjects, in its own order.
    pub subjects: Vec<SubjectRow>,
    /// Its documents, in its own order.
    pub references: Vec<ReferenceRow>,
    /// Its readings, in its own order.
    pub readings: Vec<ReadingRow>,
    /// Lots that it is the first to know.
    pub lots: Vec<LotRow>,
    /// Other codes that it says resolve to a UID.
    pub aliases: Vec<AliasRow>,
    /// Links that it makes by itself; a correction's follow from another event.
    pub links: Vec<LinkRow>,
    /// Set on LOST: what was wrong with the record whose place this takes.
    pub lost: Option<String>,
    /// The exact bytes.
    pub payload: Bytes,
    /// What did not fit.
    pub defects: Vec<Defect>,
}

/// Something in an event that does not fit its column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// Path of the field.
    pub field: String,
    /// What was wrong; printable.
    pub problem: String,
}

/// Row of `lifecycle_events`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct EventRow {
    pub event_id: Uuid,
    pub stage: i16,
    pub action: i16,
    pub occurred_at: DateTime<Utc>,
    pub occurred_offset_min: i16,
    pub recorded_at: DateTime<Utc>,
    pub plant: String,
    pub station: String,
    pub operator_id: String,
    pub shift: String,
    pub production_date: Option<NaiveDate>,
    pub location: String,
    pub operation: String,
    pub attempt: i32,
    pub outcome: i16,
    pub accepted_quantity: Option<Decimal>,
    pub rejected_quantity: Option<Decimal>,
    pub reason: String,
    pub machine: String,
    pub overridden_by: String,
    pub corrects: Option<Uuid>,
    pub reference_type: String,
    pub reference_number: String,
    pub note_hash: Option<Hash>,
}

/// Row of `event_subjects`, and what a birth needs besides.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct SubjectRow {
    pub ordinal: i16,
    pub key: i64,
    pub role: i16,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub quantity2: Option<Decimal>,
    pub unit2: String,
    pub count: i32,
    pub mint: bool,
    pub item: String,
    pub lot_id: Option<Uuid>,
    pub container: bool,
}

/// Row of `event_references`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct ReferenceRow {
    pub ordinal: i16,
    pub kind: String,
    pub number: String,
    pub line: i32,
}

/// Row of `event_readings`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct ReadingRow {
    pub ordinal: i16,
    pub name: String,
    pub value: Option<Decimal>,
    pub unit: String,
    pub quality: i16,
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
    pub taken_at: DateTime<Utc>,
}

/// Row of `lots`.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct LotRow {
    pub lot_id: Uuid,
    pub item: String,
    pub supplier: String,
    pub supplier_lot: String,
    pub made_on: Option<NaiveDate>,
    pub expires_on: Option<NaiveDate>,
    pub owner: String,
}

/// Row of `uid_aliases`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct AliasRow {
    pub alias: String,
    pub key: i64,
}

/// Row of `uid_links`, without the event that makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkRow {
    /// What became, or became part of, …
    pub from_key: i64,
    /// … this.
    pub to_key: i64,
    /// Number of [`super::links::Kind`].
    pub kind: i16,
    /// Number of [`super::links::Effect`].
    pub effect: i16,
    /// How much of `from_key`; `None` for all of it.
    pub quantity: Option<Decimal>,
    /// Unit of the quantity.
    pub unit: String,
}
