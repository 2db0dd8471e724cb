//! What is answered of a lot, a document, a customer, a machine, a station, a person.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::explore::model::{CurrentTo, Lot, PlantBehind, ReadingView};
use crate::holds::deliveries::Delivery;

/// Something else than a UID that a code stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lead {
    /// lot, document, customer, machine, station, operator.
    pub kind: &'static str,
    /// Its number or code; of a lot the supplier's number.
    pub code: String,
    /// What else is known: a name, a supplier, the type of a document.
    pub detail: String,
    /// The page about it.
    pub path: String,
}

/// A lot and its labels.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LotPage {
    /// The lot.
    pub lot: Lot,
    /// Its labels by where they are and in which state; on the first page only.
    pub piles: Vec<LotPile>,
    /// There are more labels than the 20000 that the piles count.
    pub piles_cut: bool,
    /// What came of its supplier's lot, each delivery a lot of its own, this one among them; on
    /// the first page only.
    pub deliveries: Vec<Delivery>,
    /// Labels of this page.
    pub units: Vec<LotUnit>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// Labels of a lot at one plant and in one state, by the outermost thing around each.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LotPile {
    /// Plant.
    pub plant: String,
    /// Life state.
    pub life: &'static str,
    /// Quality state.
    pub quality: &'static str,
    /// Custody state.
    pub custody: &'static str,
    /// How many labels.
    pub labels: i64,
    /// Their quantity; a label without one counts 1.
    pub quantity: Decimal,
    /// Unit.
    pub unit: String,
}

/// A label of a lot.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LotUnit {
    /// Which.
    pub uid: String,
    /// What is left on it.
    pub quantity: Option<Decimal>,
    /// Unit.
    pub unit: String,
    /// Life state.
    pub life: &'static str,
    /// Quality state.
    pub quality: &'static str,
    /// Who has it, by the outermost thing around it; `parent` only where of that nothing is known.
    pub custody: &'static str,
    /// Plant where it is, or was last, with the outermost thing around it.
    pub plant: String,
    /// Place.
    pub location: String,
    /// The outermost label that it is in; null where it is in nothing.
    pub inside_of: Option<String>,
    /// Customer or supplier to whom it went, with the outermost thing around it, where the events
    /// tell; empty while it is at a place of ours.
    pub partner: String,
    /// Document by which that left; empty where there is none.
    pub document: String,
}

/// An order.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OrderView {
    /// po, prodorder, so, transfer.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: String,
    /// Number.
    pub number: String,
    /// Plant.
    pub plant: String,
    /// The other side's code.
    pub partner: String,
    /// What it makes or orders, where it is one item.
    pub item: String,
    /// How much.
    pub quantity: Option<Decimal>,
    /// When ordered.
    pub ordered_at: Option<DateTime<Utc>>,
    /// When due.
    pub due_on: Option<NaiveDate>,
    /// open, closed, …
    pub status: String,
}

/// An event, as a machine, a station, a person or a document knows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Pass {
    /// Event.
    pub event_id: Uuid,
    /// Stage name.
    pub stage: &'static str,
    /// add, delete, or null.
    pub action: Option<&'static str>,
    /// Plant's clock, in UTC.
    pub at: DateTime<Utc>,
    /// Plant.
    pub plant: String,
    /// Station.
    pub station: String,
    /// Opaque id of the person.
    pub operator: String,
    /// Place.
    pub location: String,
    /// Operation of the routing.
    pub operation: String,
    /// Which attempt, from 1; 0 where it does not apply.
    pub attempt: i32,
    /// passed, failed, partial, or null.
    pub outcome: Option<&'static str>,
    /// Machine.
    pub machine: String,
    /// Type of the first reference.
    pub reference_type: String,
    /// Its number; empty for none.
    pub reference: String,
    /// A correction that stands says that it never was.
    pub corrected: bool,
    /// What machines measured.
    pub readings: Vec<ReadingView>,
    /// The first 200 of its UIDs.
    pub units: Vec<UnitRef>,
    /// It has more UIDs than those.
    pub more_units: bool,
}

impl Pass {
    /// How many of its readings lie outside their limits.
    #[must_use]
    pub fn outside(&self) -> usize {
        self.readings.iter().filter(|reading| reading.outside).count()
    }
}

/// A UID of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct UnitRef {
    /// Which.
    pub uid: String,
    /// Item code.
    pub item: String,
    /// What it did: subject, input, output, parent, child; inside where it was measured on a
    /// package in which it was.
    pub role: &'static str,
}

/// What a machine, a station or a person did in a window of time, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Passes {
    /// machine, station or operator.
    pub kind: &'static str,
    /// Its code.
    pub code: String,
    /// Its name; empty when not known, and of stations and people always.
    pub name: String,
    /// Its plant; empty when not known.
    pub plant: String,
    /// From when.
    pub from: DateTime<Utc>,
    /// To when, itself not in it.
    pub to: DateTime<Utc>,
    /// Events of this page. One may be shorter than the limit and not be the last.
    pub passes: Vec<Pass>,
    /// Of a window in which nothing was done, when something last was before it; null where
    /// something was done, or nothing before.
    pub last_before: Option<DateTime<Utc>>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// A document and the events that name it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Document {
    /// po, prodorder, recadv, desadv, inv, challan, inspection, ticket, so, transfer, …
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: String,
    /// Its number.
    pub number: String,
    /// The order, where it is one that is known here.
    pub order: Option<OrderView>,
    /// Events of this page. One may be shorter than the limit and not be the last.
    pub passes: Vec<Pass>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// A customer: sales orders, and events that name the customer itself.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Customer {
    /// Code.
    pub code: String,
    /// Name; empty of a customer that only documents name, and not the master data.
    pub name: String,
    /// Town.
    pub place: String,
    /// Sales orders by number; what went by them is told by the document.
    pub orders: Vec<OrderView>,
    /// Pass as `after_order` for more orders; null on the last page.
    pub next_orders: Option<String>,
    /// Events of this page.
    pub passes: Vec<Pass>,
    /// Pass as `after` for the next page of events; null on the last.
    pub next: Option<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}
