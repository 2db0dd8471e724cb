//! What station rules are given and what they decide. No I/O, no clock: the
//! engine gathers a [`World`], calls [`super::interpret`], and makes the
//! [`Decision`] durable in one transaction before anything is shown.

mod label;

pub use label::{Custody, HoldMark, Label, Life, OperationState, QualityState, Touched};

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use uid::{Key, TenantCode, TypeCode, Uid};
use uuid::Uuid;

use crate::config::{PlantFile, Station};
use crate::inputs::{Colour, MachineReading};
use crate::reference::Reference;
use proto::v1;

/// What a station is in the middle of; survives a restart. One per station.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Session {
    /// Who is signed in.
    pub operator: Option<OperatorSession>,
    /// Open order chosen at this station (`type`, `number`).
    pub order: Option<(String, String)>,
    /// Order line being received or issued, when the order has several.
    pub line: Option<u32>,
    /// Operation chosen, where the station serves several.
    pub operation: Option<String>,
    /// Parent, package, load or lot being worked on.
    pub parent: Option<i64>,
    /// Scans of the draft that is not done yet, in order.
    pub draft: Vec<i64>,
    /// Quantities entered for draft entries, beside `draft` by key.
    pub quantities: BTreeMap<i64, Decimal>,
    /// Free fields of the draft, by the names in [`super::fields`]; names that
    /// begin with `_` are the rules' own.
    pub fields: BTreeMap<String, String>,
    /// Digits typed so far through DIGIT codes.
    pub digits: String,
    /// The last accepted code and when, for the same scan again.
    pub last_code: Option<(String, DateTime<Utc>)>,
    /// event_id and keys of the last recorded event, for UNDO and CORRECT.
    pub last_event: Option<(Uuid, Vec<i64>)>,
    /// event_id and keys of every event of the last decision that recorded any,
    /// in order, filled by the engine with the ids it gave. CORRECT takes back
    /// all of them; where this is empty it falls back to `last_event`.
    #[serde(default)]
    pub last_events: Vec<(Uuid, Vec<i64>)>,
    /// Operator of the last decision that recorded any; set by the rules.
    #[serde(default)]
    pub last_by: Option<String>,
    /// Whether that decision was a CORRECT, so that taking it back is told as
    /// what it is; set by the rules.
    #[serde(default)]
    pub corrected: bool,
    /// The card (DONE, NOLABEL, PASS, FAIL) that recorded something in the scan
    /// just before, and when it was last read: read again at once, it is one and
    /// the same.
    #[serde(default)]
    pub last_control: Option<(String, DateTime<Utc>)>,
    /// Wrong PINs at this station, by operator id, since the last right one.
    #[serde(default)]
    pub wrong_pins: BTreeMap<String, WrongPins>,
    /// Draft entries let in by a supervisor: key to the supervisor's id.
    #[serde(default)]
    pub overrides: BTreeMap<i64, String>,
    /// Members of the load that is running here.
    #[serde(default)]
    pub load: Vec<i64>,
    /// Readings taken for the unit in work that gets its label at DONE.
    #[serde(default)]
    pub taken: Vec<Taken>,
    /// Whether the last decision let a load in or out: what taking it back means
    /// for `load`. `None` when it did neither; set by the rules.
    #[serde(default)]
    pub loaded: Option<bool>,
    /// Something the station waits for: `pin` (of the badge just scanned),
    /// `supervisor` (a badge that overrides the refusal just given),
    /// `supervisor-pin`, `pin-over` (a PIN was asked for and is no more: what is
    /// typed now is still one), `correct`, `hold` or `reprint` (what to act on).
    pub pending: Option<String>,
    /// Sessions closed before now, newest last, so that a late scan is judged
    /// by the session of its own time. Bounded by the engine.
    pub past: Vec<PastSession>,
    /// Last time anything happened here, by the inputs' own times.
    pub touched_at: Option<DateTime<Utc>>,
    /// Who was signed out for being away, until somebody signs in or out: a scan
    /// that was made in time, and came late, brings the session back.
    #[serde(default)]
    pub idle: Option<OperatorSession>,
}

/// Readings of a machine's trigger, kept until their unit has a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Code of the machine.
    pub machine: String,
    /// When the trigger was seen.
    pub at: DateTime<FixedOffset>,
    /// What was read.
    pub readings: Vec<MachineReading>,
}

/// Who is signed in at a station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSession {
    /// Opaque id.
    pub operator: String,
    /// Language of the badge.
    pub language: String,
    /// May override a refusal.
    pub supervisor: bool,
    /// PIN given where the station asks for it.
    pub pin_ok: bool,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Shift code at sign-in.
    pub shift: String,
}

/// Wrong PINs of one operator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WrongPins {
    /// How many.
    pub count: u32,
    /// No PIN of this operator is taken before.
    pub locked_until: Option<DateTime<Utc>>,
}

/// Who worked here, in which order, in a time that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastSession {
    /// Opaque id.
    pub operator: String,
    /// Begin.
    pub from: DateTime<Utc>,
    /// End.
    pub to: DateTime<Utc>,
    /// Order that was open.
    pub order: Option<(String, String)>,
    /// It ended by itself, nobody having scanned any more; `to` is the last scan.
    #[serde(default)]
    pub idle: bool,
}

/// Everything that a rule may look at.
pub struct World<'a> {
    /// The plant's file.
    pub plant: &'a PlantFile,
    /// This tenant's code.
    pub tenant: TenantCode,
    /// The station scanned at.
    pub station: &'a Station,
    /// What the station is in the middle of.
    pub session: &'a Session,
    /// Reference data as the cloud last sent it.
    pub reference: &'a Reference,
    /// Labels of [`super::wanted_keys`], with their children, their parents, and
    /// the contents of packages all the way down.
    pub labels: &'a HashMap<i64, Label>,
    /// When it happened at the plant, by the input's or the agent's clock.
    pub at: DateTime<FixedOffset>,
    /// The agent's clock.
    pub now: DateTime<Utc>,
    /// Shift and production date at `at`.
    pub shift: (String, NaiveDate),
    /// Unused leased numbers per type.
    pub mintable: &'a HashMap<TypeCode, u64>,
    /// Unused document numbers per series.
    pub numbers: &'a HashMap<String, u64>,
    /// Current values of the station's machines, for operations.
    pub readings: &'a [v1::Reading],
    /// The same device counter was seen before.
    pub repeat: bool,
    /// SHA-256 of the badge that came with the scan, if one did.
    pub badge: Option<&'a str>,
    /// What came of the PIN that the scan completes.
    pub pin: Option<&'a super::PinProof>,
}

/// A UID in a draft: one that exists, or one that the engine is to mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRef {
    /// An existing label.
    Existing(Key),
    /// The `slot`-th UID minted by this decision, of this type. The same slot in
    /// several events of one decision is the same UID; it is born by the first of
    /// them whose stage gives birth ([`super::gives_birth`]), so not by the
    /// PROCUREMENT that stands before a GRN.
    Mint {
        /// 0-based slot.
        slot: usize,
        /// Type code of the new UID.
        kind: TypeCode,
    },
}

/// One subject of a draft event.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftSubject {
    /// Which UID.
    pub key: KeyRef,
    /// The part it plays.
    pub role: v1::Role,
    /// Amount in `unit`; `None` for the whole label.
    pub quantity: Option<Decimal>,
    /// Base unit of the item.
    pub unit: String,
    /// Item, stated at birth.
    pub item: String,
    /// Lot, stated at birth.
    pub lot: Option<LotRef>,
    /// Container or unit, stated at birth.
    pub container: bool,
    /// Another code that resolves to this UID from now on.
    pub alias: String,
}

/// A lot in a draft: one that is known, or the `slot`-th new one of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LotRef {
    /// A known lot.
    Existing(Uuid),
    /// A lot first seen here; the engine gives it a UUIDv7.
    New(usize),
}

/// A lot that a decision is the first to know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftLot {
    /// Item code.
    pub item: String,
    /// Supplier code.
    pub supplier: String,
    /// Supplier's lot, batch or heat number.
    pub supplier_lot: String,
    /// When made.
    pub made_on: Option<NaiveDate>,
    /// When it expires.
    pub expires_on: Option<NaiveDate>,
    /// Owner where it is not us.
    pub owner: String,
}

/// A document number in a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NumberRef {
    /// A number that exists.
    Existing(String),
    /// The next number of a leased series, the same for the whole decision.
    Next {
        /// Series code such as GRN.
        series: String,
    },
}

/// An event that is to be recorded; the engine adds identity, chain, time,
/// place, person and shift.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftEvent {
    /// Stage of life.
    pub stage: v1::Stage,
    /// Direction, where the stage has one.
    pub action: v1::Action,
    /// UIDs concerned.
    pub subjects: Vec<DraftSubject>,
    /// Lots first seen, by slot.
    pub lots: Vec<DraftLot>,
    /// Documents: (type, number, line).
    pub references: Vec<(String, NumberRef, u32)>,
    /// Place; empty for the station's own.
    pub location: String,
    /// Readings taken.
    pub readings: Vec<v1::Reading>,
    /// Result.
    pub outcome: v1::Outcome,
    /// Counted as good.
    pub accepted: Option<Decimal>,
    /// Counted as bad.
    pub rejected: Option<Decimal>,
    /// Operation code.
    pub operation: String,
    /// Attempt, from 1.
    pub attempt: u32,
    /// Event that this one corrects.
    pub corrects: Option<Uuid>,
    /// Reason code.
    pub reason: String,
    /// Free text that must not enter the event.
    pub note: String,
    /// When it happened, where that is not the moment of the scan (the date of
    /// the order behind a PROCUREMENT).
    pub occurred_at: Option<DateTime<FixedOffset>>,
    /// Supervisor who let a refused act be done.
    pub overridden_by: String,
    /// Who did it, where that is not the operator of the decision's session (a
    /// scan that came late); `Some("")` when nobody was signed in then.
    pub operator: Option<String>,
    /// The machine whose readings it carries, where that is not the one that
    /// caused the decision; else empty.
    pub machine: String,
}

impl DraftEvent {
    /// An event of a stage with nothing in it yet.
    #[must_use]
    pub fn new(stage: v1::Stage) -> Self {
        Self {
            stage,
            action: v1::Action::Unspecified,
            subjects: Vec::new(),
            lots: Vec::new(),
            references: Vec::new(),
            location: String::new(),
            readings: Vec::new(),
            outcome: v1::Outcome::Unspecified,
            accepted: None,
            rejected: None,
            operation: String::new(),
            attempt: 0,
            corrects: None,
            reason: String::new(),
            note: String::new(),
            occurred_at: None,
            overridden_by: String::new(),
            operator: None,
            machine: String::new(),
        }
    }
}

/// A label to print after the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintRequest {
    /// Which UID; minted ones by slot.
    pub key: KeyRef,
    /// Lines of text below the code, already in the plant's language.
    pub lines: Vec<String>,
    /// 1 for the first print, 2 and more for a reprint (shown as R2).
    pub copy: u32,
}

/// What the operator is told. Texts are looked up by code and language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Green, red or amber.
    pub colour: Colour,
    /// Key of the message, such as `receipt.recorded`; what it was.
    pub code: String,
    /// Key of what is next, such as `next.scan-child`; empty when nothing is.
    pub next: String,
    /// Arguments of both messages. `{slot:0}` as a value stands for the text of
    /// the UID minted in slot 0, `{number}` for the document number given.
    pub args: Vec<(String, String)>,
}

/// What a scan comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What to say once it is on disk.
    pub reply: Reply,
    /// The station's session afterwards.
    pub session: Session,
    /// Facts to record, in order; none when the scan only changed the session.
    pub events: Vec<DraftEvent>,
    /// Labels as they are afterwards, minted ones apart: those the engine
    /// derives from the events by [`super::fold`].
    pub prints: Vec<PrintRequest>,
    /// It stands beside the work that goes on here (a machine's reading, a scan
    /// of long ago): not what CORRECT takes back.
    pub beside: bool,
}

/// What was scanned, after cleaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Scanned {
    /// A UID of this tenant.
    Uid(Uid),
    /// A valid UID of another tenant.
    Foreign(Uid),
    /// A control code.
    Control(super::control::Control),
    /// An operator's badge; only its SHA-256 is known to anyone.
    Badge(String),
    /// A supplier's GS1 label.
    Gs1(super::gs1::Elements),
    /// Something else: a document number, an alias, a location.
    Text(String),
    /// Looks like a UID or control code but is not valid; says why.
    Invalid {
        /// Stable code, such as `uid.checksum`.
        code: String,
        /// What was wrong and where.
        detail: String,
    },
}
