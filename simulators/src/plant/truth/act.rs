//! One thing that happened at a station or a machine, in full: what people did
//! and saw, to be held against what an agent wrote down.

use std::collections::HashMap;

use proto::v1;
use rust_decimal::Decimal;
use serde::Serialize;
use uid::{Key, TenantCode, Uid};

/// One act. Empty texts stand for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Act {
    /// Plant code.
    pub plant: String,
    /// Station code.
    pub station: String,
    /// Stage name.
    pub stage: String,
    /// `ADD`, `DELETE` or nothing.
    pub action: String,
    /// Opaque id of who did it.
    pub operator: String,
    /// Place.
    pub location: String,
    /// Type and number of each document, such as `po PO-2025-001`.
    pub references: Vec<String>,
    /// The UIDs, ordered by role and text.
    pub parts: Vec<Part>,
    /// What was measured.
    pub readings: Vec<Measure>,
    /// The readings are what the machine happened to show: only that it did
    /// show them is known.
    pub live: bool,
    /// `PASSED`, `FAILED`, `PARTIAL` or nothing.
    pub outcome: String,
    /// Counted as good.
    pub accepted: String,
    /// Counted as bad.
    pub rejected: String,
    /// Operation of the routing.
    pub operation: String,
    /// Which attempt.
    pub attempt: u32,
    /// Reason code.
    pub reason: String,
    /// Machine that reported it.
    pub machine: String,
    /// Supervisor who let it be done.
    pub overridden_by: String,
    /// What a correction takes back, as [`Act::name`] tells it.
    pub corrects: String,
}

/// A UID in an act.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Part {
    /// `SUBJECT`, `INPUT`, `OUTPUT`, `PARENT`, `CHILD`.
    pub role: String,
    /// The UID.
    pub uid: String,
    /// Quantity where one is told.
    pub quantity: String,
    /// Its unit.
    pub unit: String,
    /// Item code where it is told.
    pub item: String,
    /// Supplier's lot where it is told.
    pub lot: String,
    /// It was born here.
    pub born: bool,
}

/// A value with the limits that it was held against.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Measure {
    /// Name.
    pub name: String,
    /// Value; nothing where it could not be read.
    pub value: String,
    /// Unit.
    pub unit: String,
    /// Lower limit.
    pub low: String,
    /// Upper limit.
    pub high: String,
}

impl Part {
    /// A UID in a role, with the unit it is counted in.
    #[must_use]
    pub fn new(role: &str, uid: &str, unit: &str) -> Self {
        Self { role: role.into(), uid: uid.into(), unit: unit.into(), ..Self::default() }
    }

    /// With a quantity.
    #[must_use]
    pub fn of(mut self, quantity: &str) -> Self {
        self.quantity = plain(quantity);
        self
    }

    /// Born here, as this item.
    #[must_use]
    pub fn born(mut self, item: &str, lot: &str) -> Self {
        (self.item, self.lot, self.born) = (item.into(), lot.into(), true);
        self
    }
}

impl Act {
    /// How a correction names it: its stage and its UIDs.
    #[must_use]
    pub fn name(&self) -> String {
        let uids: Vec<&str> = self.parts.iter().map(|part| part.uid.as_str()).collect();
        format!("{} of {}", self.stage, uids.join(" "))
    }

    /// Puts the parts into their order. In what unit another plant counts a label
    /// an agent may or may not know yet, so that is left out.
    #[must_use]
    pub fn sorted(mut self) -> Self {
        for part in self.parts.iter_mut().filter(|part| is_foreign(&part.uid, &self.plant)) {
            part.unit.clear();
        }
        self.parts.sort();
        self
    }
}

/// Whether a UID was born at another plant.
#[must_use]
pub fn is_foreign(uid: &str, plant: &str) -> bool {
    uid.parse::<Uid>().is_ok_and(|uid| uid.plant().to_string() != plant)
}

/// Reads journaled events as acts.
pub struct Reader {
    tenant: TenantCode,
    lots: HashMap<Vec<u8>, String>,
    names: HashMap<Vec<u8>, String>,
}

impl Reader {
    /// For the events of one tenant.
    #[must_use]
    pub fn new(tenant: TenantCode) -> Self {
        Self { tenant, lots: HashMap::new(), names: HashMap::new() }
    }

    /// The text of a key.
    #[must_use]
    pub fn uid(&self, key: i64) -> String {
        Key::new(key).map_or_else(|_| key.to_string(), |key| Uid::from_key(self.tenant, key).to_string())
    }

    /// An event as an act. Events must come in their order: a lot is told once,
    /// a correction names what went before.
    pub fn act(&mut self, event: &v1::Event) -> Act {
        for lot in &event.lots {
            self.lots.insert(lot.lot_id.clone(), lot.supplier_lot.clone());
        }
        let parts = event.subjects.iter().map(|subject| Part {
            role: subject.role().as_str_name().to_owned(),
            uid: self.uid(subject.key),
            quantity: plain(&subject.quantity),
            unit: subject.unit.clone(),
            item: subject.item.clone(),
            lot: self.lots.get(&subject.lot_id).cloned().unwrap_or_default(),
            born: subject.mint,
        });
        let parts = parts.collect();
        let act = Act {
            plant: event.plant.clone(),
            station: event.station.clone(),
            stage: event.stage().as_str_name().to_owned(),
            action: told(event.action().as_str_name()),
            operator: event.operator_id.clone(),
            location: event.location.clone(),
            references: event.references.iter().map(|r| format!("{} {}", r.r#type, r.number)).collect(),
            parts,
            readings: event.readings.iter().map(measure).collect(),
            live: false,
            outcome: told(event.outcome().as_str_name()),
            accepted: plain(&event.accepted_quantity),
            rejected: plain(&event.rejected_quantity),
            operation: event.operation.clone(),
            attempt: event.attempt,
            reason: event.reason.clone(),
            machine: event.machine.clone(),
            overridden_by: event.overridden_by.clone(),
            corrects: self.names.get(&event.corrects).cloned().unwrap_or_default(),
        }
        .sorted();
        self.names.insert(event.event_id.clone(), act.name());
        act
    }
}

fn measure(reading: &v1::Reading) -> Measure {
    Measure {
        name: reading.name.clone(),
        value: plain(&reading.value),
        unit: reading.unit.clone(),
        low: plain(&reading.low),
        high: plain(&reading.high),
    }
}

/// The name of a value that may be unspecified.
fn told(name: &str) -> String {
    if name.ends_with("UNSPECIFIED") { String::new() } else { name.to_owned() }
}

/// A decimal without needless zeros, so that texts can be compared.
#[must_use]
pub fn plain(text: &str) -> String {
    text.parse::<Decimal>().map_or_else(|_| text.to_owned(), |value| value.normalize().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_the_act_it_tells() {
        let tenant: TenantCode = "SAIF".parse().unwrap();
        let uid: Uid = "UID-SAIF-KOL-RM-000001-A7".parse().unwrap();
        let subject = v1::Subject {
            key: uid.key().get(),
            role: v1::Role::Subject.into(),
            quantity: "1.00".into(),
            unit: "pcs".into(),
            item: "RM-GEAR".into(),
            lot_id: vec![7; 16],
            mint: true,
            ..v1::Subject::default()
        };
        let event = v1::Event {
            event_id: vec![1; 16],
            stage: v1::Stage::Grn.into(),
            plant: "KOL".into(),
            references: vec![v1::Reference { r#type: "po".into(), number: "PO-1".into(), line: 2 }],
            lots: vec![v1::Lot { lot_id: vec![7; 16], supplier_lot: "HEAT-1".into(), ..v1::Lot::default() }],
            subjects: vec![subject],
            ..v1::Event::default()
        };
        let mut reader = Reader::new(tenant);
        let part = Part::new("SUBJECT", "UID-SAIF-KOL-RM-000001-A7", "pcs").of("1").born("RM-GEAR", "HEAT-1");
        let expected = Act {
            plant: "KOL".into(),
            stage: "GRN".into(),
            references: vec!["po PO-1".into()],
            parts: vec![part],
            ..Act::default()
        };
        assert_eq!(reader.act(&event), expected);
        let back = v1::Event { stage: v1::Stage::Correct.into(), corrects: vec![1; 16], ..event };
        assert_eq!(reader.act(&back).corrects, "GRN of UID-SAIF-KOL-RM-000001-A7");
    }
}
