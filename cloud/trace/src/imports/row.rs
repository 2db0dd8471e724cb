//! What a row says: its event, or everything that is wrong with it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, TimeDelta, Utc};
use prost::Message;
use proto::v1::{Action, Event, Lot, Outcome, Quality, Reading, Reference, Role, Stage, Subject};
use sha2::{Digest, Sha256};
use uid::{TenantCode, Uid};
use uuid::Uuid;

use super::Mistake;
use super::masters::Masters;
use super::parts::{self, decimal};
use super::read::Raw;
use crate::ingest::decode::MAX_TEXT;

/// Numbers that an agent may still mint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leased {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Whose they are.
    pub agent: String,
}

/// What rows are judged by.
#[derive(Debug, Clone)]
pub struct Ground {
    /// The tenant's code.
    pub tenant: TenantCode,
    /// Codes of its plants.
    pub plants: BTreeSet<String>,
    /// Ranges by plant and type, in order.
    pub leased: BTreeMap<(String, String), Vec<Leased>>,
    /// What the tenant's masters know.
    pub masters: Masters,
    /// Nothing has happened later, but for clocks that go a little fast.
    pub now: DateTime<Utc>,
}

/// By how much a clock may go fast.
const FAST: TimeDelta = TimeDelta::minutes(5);

/// The documents that an event may name; the last three name partners and places of ours.
const DOCUMENTS: [&str; 13] = [
    "po",
    "prodorder",
    "so",
    "transfer",
    "recadv",
    "desadv",
    "inv",
    "challan",
    "inspection",
    "ticket",
    "customer",
    "supplier",
    "to_plant",
];

/// Stages that a history may not have, and why.
const REFUSED: [(Stage, &str); 5] = [
    (Stage::Hold, "holds are placed in the office, after the import, so that plants are told"),
    (Stage::Release, "holds are placed and released in the office, so that plants are told"),
    (Stage::Correct, "a correction names an event of this system; leave out what was corrected instead"),
    (Stage::Refused, "what was refused has not happened"),
    (Stage::Lost, "it stands for a record of a plant's agent"),
];

/// Bytes of an event that identity and chain take.
const IDENTITY: usize = 256;

struct Judge<'a> {
    raw: &'a Raw,
    ground: &'a Ground,
    mistakes: Vec<Mistake>,
}

/// The event of a row, still without identity and chain.
///
/// # Errors
/// Everything that is wrong with the row, each with its column.
pub fn judge(raw: &Raw, ground: &Ground) -> Result<Event, Vec<Mistake>> {
    let mut judge = Judge { raw, ground, mistakes: Vec::new() };
    let event = judge.event();
    if judge.mistakes.is_empty() && event.encoded_len() + IDENTITY > proto::MAX_EVENT_BYTES {
        judge.wrong("", format!("comes to more than {} bytes", proto::MAX_EVENT_BYTES - IDENTITY));
    }
    if judge.mistakes.is_empty() { Ok(event) } else { Err(judge.mistakes) }
}

/// The label that a row says is born by it; `None` also where the row cannot tell.
#[must_use]
pub fn born(raw: &Raw) -> Option<i64> {
    let new = match raw.get("new").to_lowercase().as_str() {
        "" => mints(Stage::from_str_name(&raw.get("stage").to_uppercase())?),
        said => YES.contains(&said),
    };
    raw.get("uid").parse::<Uid>().ok().filter(|_| new).map(|uid| uid.key().get())
}

/// The label that a row says is born by it, and when; `None` also where the row cannot tell.
#[must_use]
pub fn birth(raw: &Raw) -> Option<(i64, i64)> {
    Some((born(raw)?, moment(raw.get("occurred_at"))?.timestamp_micros()))
}

/// Whether a label is born by a row of this stage that does not say.
fn mints(stage: Stage) -> bool {
    matches!(stage, Stage::Grn | Stage::Opening | Stage::Commission | Stage::Transformation)
}

/// What stands for yes.
const YES: [&str; 3] = ["yes", "true", "1"];

impl<'a> Judge<'a> {
    fn wrong(&mut self, column: &str, problem: impl Into<String>) {
        self.mistakes.push(Mistake::new(self.raw.line, column, problem));
    }

    fn cell(&self, column: &str) -> &'a str {
        self.raw.get(column)
    }

    fn event(&mut self) -> Event {
        let stage = self.stage();
        let (occurred_at_us, occurred_offset_min) = self.time();
        let main = self.uid("uid", self.cell("uid"));
        let new = self.yes("new").unwrap_or(mints(stage));
        let quantity = self.number("quantity");
        let item = self.text("item");
        if new && item.is_empty() && stage != Stage::Unspecified {
            self.wrong("item", "is needed where a label is new: which item it is");
        }
        if let (Some(uid), true) = (main, new) {
            self.not_leased(uid);
        }
        let (lots, lot_id) = self.lot(&item);
        let container = self.yes("container").unwrap_or(new && !quantity.is_empty());
        let parent = match self.cell("parent") {
            "" => None,
            text => self.uid("parent", text),
        };
        if parent.is_some() && parent == main {
            self.wrong("parent", "is the unit itself: nothing goes into itself");
        }
        let inputs = self.inputs(main);
        let mut unit = self.text("unit");
        // What is born, or has a quantity, is so much in some unit: in that of its item.
        if unit.is_empty()
            && (new || !quantity.is_empty())
            && let Some(base) = self.ground.masters.base(&item)
        {
            base.clone_into(&mut unit);
        }
        if let Some(problem) = self.ground.masters.unit(&item, &unit) {
            self.wrong("unit", problem);
        }
        let mut subjects = vec![Subject {
            key: main.map_or(0, |uid| uid.key().get()),
            role: self.role(stage, !inputs.is_empty()).into(),
            quantity,
            unit,
            mint: new,
            item,
            lot_id,
            alias: self.text("serial"),
            container,
            ..Subject::default()
        }];
        subjects.extend(parent.map(|uid| Subject {
            key: uid.key().get(),
            role: Role::Parent.into(),
            ..Subject::default()
        }));
        subjects.extend(inputs);
        Event {
            stage: stage.into(),
            action: self.action().into(),
            occurred_at_us,
            occurred_offset_min,
            plant: self.plant(main),
            station: self.text("station"),
            operator_id: self.text("operator"),
            shift: self.text("shift"),
            subjects,
            lots,
            references: self.references(),
            location: self.text("location"),
            readings: self.readings(occurred_at_us),
            outcome: self.outcome().into(),
            accepted_quantity: self.number("accepted"),
            rejected_quantity: self.number("rejected"),
            operation: self.text("operation"),
            attempt: self.attempt(),
            reason: self.text("reason"),
            machine: self.text("machine"),
            ..Event::default()
        }
    }

    fn stage(&mut self) -> Stage {
        let text = self.cell("stage").to_uppercase();
        match Stage::from_str_name(&text) {
            Some(stage) if stage != Stage::Unspecified => {
                if let Some((_, why)) = REFUSED.iter().find(|(refused, _)| *refused == stage) {
                    self.wrong("stage", format!("{text} cannot be imported: {why}"));
                }
                stage
            }
            _ if text.is_empty() => {
                self.wrong("stage", "is needed: what happened, such as GRN");
                Stage::Unspecified
            }
            _ => {
                let all: Vec<&str> = (1..=38)
                    .filter_map(|number| Stage::try_from(number).ok())
                    .filter(|stage| REFUSED.iter().all(|(refused, _)| refused != stage))
                    .map(|stage| stage.as_str_name())
                    .collect();
                self.wrong("stage", format!("{text:?} is no stage; there are {}", all.join(", ")));
                Stage::Unspecified
            }
        }
    }

    fn time(&mut self) -> (i64, i32) {
        let text = self.cell("occurred_at");
        let Some(at) = moment(text) else {
            let bare = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
            let problem = if bare.iter().any(|form| NaiveDateTime::parse_from_str(text, form).is_ok()) {
                format!("{text} has no offset from UTC; write {text}+05:30")
            } else {
                format!("{text:?} is no moment such as 2025-01-15T10:30:00+05:30")
            };
            self.wrong("occurred_at", problem);
            return (0, 0);
        };
        if at > self.ground.now + FAST {
            self.wrong("occurred_at", format!("{text} is still to come"));
        }
        (at.timestamp_micros(), at.offset().local_minus_utc() / 60)
    }

    fn uid(&mut self, column: &str, text: &str) -> Option<Uid> {
        let uid = match text.parse::<Uid>() {
            Ok(uid) => uid,
            Err(error) => {
                self.wrong(column, format!("{text:?}: {error}"));
                return None;
            }
        };
        if uid.tenant() != self.ground.tenant {
            self.wrong(column, format!("{text} is a UID of another tenant, not of {}", self.ground.tenant));
            return None;
        }
        let plant = uid.plant().to_string();
        if !self.ground.plants.contains(&plant) {
            self.wrong(column, format!("{text}: there is no plant {plant}; make it first"));
            return None;
        }
        Some(uid)
    }

    /// A number that an agent may still print would be two labels.
    fn not_leased(&mut self, uid: Uid) {
        let (plant, kind, number) = uid.key().parts();
        let ground = self.ground;
        let Some(ranges) = ground.leased.get(&(plant.to_string(), kind.to_string())) else { return };
        let at = ranges.partition_point(|range| range.last < number);
        if let Some(range) = ranges.get(at).filter(|range| range.first <= number) {
            let agent = range.agent.clone();
            self.wrong(
                "uid",
                format!(
                    "{uid} is among the numbers that the agent {agent} was given and may still print; \
                     `cloud agent raise-epoch` takes them back"
                ),
            );
        }
    }

    fn plant(&mut self, main: Option<Uid>) -> String {
        let plant = self.text("plant");
        if plant.is_empty() {
            return main.map(|uid| uid.plant().to_string()).unwrap_or_default();
        }
        let ground = self.ground;
        if !ground.plants.contains(&plant) {
            let all: Vec<&str> = ground.plants.iter().map(String::as_str).collect();
            self.wrong("plant", format!("there is no plant {plant:?}; there are {}", all.join(", ")));
        }
        plant
    }

    fn role(&mut self, stage: Stage, has_inputs: bool) -> Role {
        let has_parent = !self.cell("parent").is_empty();
        match stage {
            Stage::Assembly | Stage::Packing if !has_parent => {
                self.wrong("parent", format!("is needed for {}: what it goes into", stage.as_str_name()));
                Role::Child
            }
            Stage::Assembly | Stage::Packing | Stage::Installation | Stage::Kit if has_parent => Role::Child,
            Stage::Transformation if !has_inputs => {
                self.wrong("inputs", "are needed for TRANSFORMATION: what it was made of");
                Role::Output
            }
            Stage::Transformation => Role::Output,
            Stage::Consume if has_inputs => Role::Output,
            Stage::Consume => Role::Input,
            _ => Role::Subject,
        }
    }

    fn inputs(&mut self, main: Option<Uid>) -> Vec<Subject> {
        let found = match parts::inputs(self.cell("inputs")) {
            Ok(found) => found,
            Err(problems) => {
                for problem in problems {
                    self.wrong("inputs", problem);
                }
                return Vec::new();
            }
        };
        found
            .into_iter()
            .filter_map(|input| {
                let uid = self.uid("inputs", input.uid)?;
                if Some(uid) == main {
                    self.wrong("inputs", format!("{uid} is the unit itself: nothing is made of itself"));
                }
                if let Some(problem) = self.ground.masters.unit("", input.unit) {
                    self.wrong("inputs", format!("{uid}: {problem}"));
                }
                Some(Subject {
                    key: uid.key().get(),
                    role: Role::Input.into(),
                    quantity: input.quantity.to_owned(),
                    unit: input.unit.to_owned(),
                    ..Subject::default()
                })
            })
            .collect()
    }

    fn readings(&mut self, at_us: i64) -> Vec<Reading> {
        let found = match parts::readings(self.cell("readings")) {
            Ok(found) => found,
            Err(problems) => {
                for problem in problems {
                    self.wrong("readings", problem);
                }
                return Vec::new();
            }
        };
        found
            .into_iter()
            .map(|one| Reading {
                name: one.name.to_owned(),
                value: one.value.to_owned(),
                unit: one.unit.to_owned(),
                quality: if one.value.is_empty() { Quality::Bad } else { Quality::Good }.into(),
                low: one.low.to_owned(),
                high: one.high.to_owned(),
                at_us,
            })
            .collect()
    }

    /// The lot that the row names, as a record and as an id. The same item, supplier and
    /// lot are one lot in every row and file.
    fn lot(&mut self, item: &str) -> (Vec<Lot>, Vec<u8>) {
        let (lot, supplier_lot) = (self.text("lot"), self.text("supplier_lot"));
        let supplier = self.text("supplier");
        let (made_on, expires_on) = (self.day("made_on"), self.day("expires_on"));
        let named = if supplier_lot.is_empty() { &lot } else { &supplier_lot };
        if named.is_empty() {
            return (Vec::new(), Vec::new());
        }
        if let Ok(id) = lot.parse::<Uuid>() {
            return (Vec::new(), id.as_bytes().to_vec());
        }
        if item.is_empty() {
            self.wrong("item", "is needed where a lot is named: of what it is a lot");
        }
        let id = lot_id(self.ground.tenant, &[item, &supplier, &lot, &supplier_lot]);
        let lot_id = id.as_bytes().to_vec();
        let lot = Lot {
            lot_id: lot_id.clone(),
            item: item.to_owned(),
            supplier,
            supplier_lot: named.clone(),
            made_on,
            expires_on,
            ..Lot::default()
        };
        (vec![lot], lot_id)
    }

    /// The row's document first, as it stands for the event; then the order and the customer, as a
    /// station's dispatch names them.
    fn references(&mut self) -> Vec<Reference> {
        let mut all = self.reference();
        for (kind, column) in [("so", "sales_order"), ("customer", "customer")] {
            let number = self.text(column);
            if !number.is_empty() && !all.iter().any(|one| one.r#type == kind && one.number == number) {
                all.push(Reference { r#type: kind.to_owned(), number, line: 0 });
            }
        }
        all
    }

    fn reference(&mut self) -> Vec<Reference> {
        let (kind, number) = (self.text("reference_type"), self.text("reference_number"));
        match (kind.is_empty(), number.is_empty()) {
            (true, true) => Vec::new(),
            (false, false) => {
                let kind = kind.to_lowercase();
                if !DOCUMENTS.contains(&kind.as_str()) {
                    let all = DOCUMENTS.join(", ");
                    self.wrong("reference_type", format!("{kind:?} is no type of document; there are {all}"));
                }
                vec![Reference { r#type: kind, number, line: 0 }]
            }
            (true, false) => {
                self.wrong("reference_type", "is needed beside a number, such as po or inv");
                Vec::new()
            }
            (false, true) => {
                self.wrong("reference_number", "is needed beside a type");
                Vec::new()
            }
        }
    }

    fn action(&mut self) -> Action {
        match self.cell("action").to_lowercase().as_str() {
            "" => Action::Unspecified,
            "add" => Action::Add,
            "delete" => Action::Delete,
            other => {
                self.wrong("action", format!("{other:?} is neither add (into) nor delete (out of)"));
                Action::Unspecified
            }
        }
    }

    fn outcome(&mut self) -> Outcome {
        match self.cell("outcome").to_lowercase().as_str() {
            "" => Outcome::Unspecified,
            "passed" => Outcome::Passed,
            "failed" => Outcome::Failed,
            "partial" => Outcome::Partial,
            other => {
                self.wrong("outcome", format!("{other:?} is none of passed, failed, partial"));
                Outcome::Unspecified
            }
        }
    }

    fn attempt(&mut self) -> u32 {
        match self.cell("attempt") {
            "" => 0,
            text => text.parse::<u16>().map_or_else(
                |_| {
                    self.wrong("attempt", format!("{text:?} is no whole number such as 1"));
                    0
                },
                u32::from,
            ),
        }
    }

    fn day(&mut self, column: &str) -> i32 {
        let text = self.cell(column);
        if text.is_empty() {
            return 0;
        }
        let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") else {
            self.wrong(column, format!("{text:?} is no day such as 2025-01-15"));
            return 0;
        };
        let days = day.signed_duration_since(DateTime::UNIX_EPOCH.date_naive()).num_days();
        i32::try_from(days).unwrap_or_default()
    }

    fn yes(&mut self, column: &str) -> Option<bool> {
        match self.cell(column).to_lowercase().as_str() {
            "" => None,
            said if YES.contains(&said) => Some(true),
            "no" | "false" | "0" => Some(false),
            other => {
                self.wrong(column, format!("{other:?} is neither yes nor no"));
                None
            }
        }
    }

    fn number(&mut self, column: &str) -> String {
        let text = self.cell(column);
        if !text.is_empty()
            && let Err(problem) = decimal(text, false)
        {
            self.wrong(column, problem);
        }
        text.to_owned()
    }

    fn text(&mut self, column: &str) -> String {
        let text = self.cell(column);
        if text.len() > MAX_TEXT {
            self.wrong(column, format!("has {} bytes, at most {MAX_TEXT}", text.len()));
        } else if text.chars().any(char::is_control) {
            self.wrong(column, "holds a control character");
        }
        text.to_owned()
    }
}

/// A moment with its offset from UTC.
fn moment(text: &str) -> Option<DateTime<FixedOffset>> {
    let forms = ["%Y-%m-%d %H:%M:%S%.f%:z", "%Y-%m-%dT%H:%M%:z", "%Y-%m-%d %H:%M%:z"];
    DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| forms.iter().find_map(|form| DateTime::parse_from_str(text, form).ok()))
        .filter(|at| (1..=9999).contains(&chrono::Datelike::year(at)))
}

/// The id of a lot that has none: the same for the same words.
fn lot_id(tenant: TenantCode, words: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(b"tracewright.lot.v1");
    hash.update(tenant.to_string());
    for word in words {
        hash.update([0]);
        hash.update(word);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
