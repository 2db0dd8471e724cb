//! What the trace API answers. Keys are never numbers here: a key exceeds 2^53.
//! Quantities are decimal texts; times are UTC, `2025-01-15T10:30:00Z`.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::exceptions::model::ExceptionResolved;

/// A UID's life. `uid` and `lifecycle` are the specification's form, exactly;
/// the other keys stand beside it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Trace {
    /// Canonical text.
    pub uid: String,
    /// Stages in causal order.
    pub lifecycle: Vec<LifecycleEntry>,
    /// What it is.
    pub item: Item,
    /// Lot of which it is a part, where known.
    pub lot: Option<Lot>,
    /// Its three states, and what holds it.
    pub state: StateView,
    /// The outermost label that it is in, and where that went; null where it lies by itself
    /// at a place of ours.
    pub whereabouts: Option<Whereabouts>,
    /// Plant where it is, or was last; empty when not known.
    pub plant: String,
    /// What it went into and is in now.
    pub parents: Vec<Relative>,
    /// There are more than the first 1000 parents; ask `…/forward`.
    pub more_parents: bool,
    /// What is in it now.
    pub children: Vec<Relative>,
    /// There are more than the first 1000 children; ask `…/backward`.
    pub more_children: bool,
    /// What was taken out of it, and what it was taken out of, by uid and in the order of facts.
    pub taken_out: Vec<TakenOut>,
    /// More UIDs than the first 1000 were taken out of it, or it out of more.
    pub more_taken_out: bool,
    /// Everything known of each event, in causal order, internal ones too: the
    /// newest 5000, and on the first page the births and receipts all the same.
    pub events: Vec<EventView>,
    /// There are older events than those shown.
    pub more_events: bool,
    /// Pass as `after` for the page with those; null on the last.
    pub events_next: Option<String>,
    /// There are more readings than the newest 20000, which are shown.
    pub more_readings: bool,
    /// Other codes that resolve to it.
    pub aliases: Vec<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more: not connected, or with events still queued.
    pub plants_behind: Vec<PlantBehind>,
}

impl Trace {
    /// Where it went, if it is at no place of ours.
    #[must_use]
    pub fn gone(&self) -> Option<&Whereabouts> {
        self.whereabouts.as_ref().filter(|at| !matches!(at.custody.as_str(), "location" | "parent"))
    }
}

/// One stage, in the specification's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LifecycleEntry {
    /// Stage name, such as `GRN`.
    pub stage: String,
    /// When, by the plant's clock, in UTC.
    pub timestamp: String,
    /// First document; null where there is none.
    pub reference: Option<String>,
    /// Place; null where none was told.
    pub location: Option<String>,
}

/// An item, as far as a label knows it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Item {
    /// Item code; empty when not known.
    pub code: String,
    /// Name; empty when not known.
    pub name: String,
    /// A container with a quantity, or a unit.
    pub container: bool,
    /// What is left on the label, in `unit`.
    pub quantity: Option<Decimal>,
    /// Base unit.
    pub unit: String,
}

/// A lot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Lot {
    /// Id.
    pub lot_id: Uuid,
    /// Item code.
    pub item: String,
    /// Supplier code.
    pub supplier: String,
    /// Supplier's name; empty when not known.
    pub supplier_name: String,
    /// Supplier's lot, batch or heat number.
    pub supplier_lot: String,
    /// When made.
    pub made_on: Option<chrono::NaiveDate>,
    /// When it expires.
    pub expires_on: Option<chrono::NaiveDate>,
    /// Owner where it is not us.
    pub owner: String,
}

/// The three states and the holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StateView {
    /// expected, active, consumed, scrapped.
    pub life: String,
    /// unrestricted, in_inspection, rejected.
    pub quality: String,
    /// location, parent, in_transit, customer, supplier.
    pub custody: String,
    /// Place in the plant.
    pub location: String,
    /// What it is in.
    pub parent: Option<String>,
    /// Production order it was issued to or made for.
    pub order: String,
    /// Holds that stand.
    pub holds: Vec<HoldRef>,
    /// The projection had folded the batches up to this one.
    pub through_batch: String,
}

/// Where a UID is by what it is in, and who has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Whereabouts {
    /// The outermost label: the UID itself where it is in nothing.
    pub uid: String,
    /// Who has that: location, in_transit, customer, supplier.
    pub custody: String,
    /// Plant where that is, or was last.
    pub plant: String,
    /// Place in the plant, likewise; empty at a plant that is not the caller's.
    pub location: String,
    /// Customer or supplier to whom it went, where the events tell.
    pub partner: String,
    /// Document by which it left; empty where there is none.
    pub document: String,
    /// When it left; null while it is at a place of ours.
    pub left_at: Option<DateTime<Utc>>,
}

/// A hold on a UID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldRef {
    /// Id.
    pub hold_id: Uuid,
    /// Why.
    pub reason: String,
    /// Since when.
    pub placed_at: DateTime<Utc>,
}

/// A UID that this one is in, or that is in it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Relative {
    /// Which.
    pub uid: String,
    /// transformation, assembly, packing.
    pub kind: &'static str,
    /// How much of the part; null for all of it.
    pub quantity: Option<Decimal>,
    /// Unit of the quantity.
    pub unit: String,
    /// Item code of the relative.
    pub item: String,
}

/// A UID was taken out of another.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TakenOut {
    /// The other one.
    pub uid: String,
    /// backward: that was taken out of this one. forward: this one was taken out of that.
    pub direction: &'static str,
    /// assembly, packing.
    pub kind: &'static str,
    /// How much; null for all of it.
    pub quantity: Option<Decimal>,
    /// Unit of the quantity.
    pub unit: String,
    /// When it had been put in, by the clock of that plant; null where nobody saw that.
    pub put_in_at: Option<DateTime<Utc>>,
    /// Where; empty where nobody saw it.
    pub put_in_plant: String,
    /// When it was taken out, by the clock of that plant.
    pub taken_out_at: DateTime<Utc>,
    /// Where.
    pub plant: String,
    /// The event that took it out.
    pub event_id: Uuid,
    /// Which putting-in this ends, only the clocks of several agents say.
    pub by_clock: bool,
}

/// An event in full.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventView {
    /// For reference by people and corrections.
    pub event_id: Uuid,
    /// Identity: the stream, …
    pub agent: Uuid,
    /// … its epoch …
    pub epoch: i32,
    /// … and the place in it.
    pub seq: i64,
    /// Stage name.
    pub stage: String,
    /// add, delete, or null.
    pub action: Option<&'static str>,
    /// What the UID did in it: subject, input, output, parent, child.
    pub role: &'static str,
    /// Plant's clock, in UTC.
    pub occurred_at: DateTime<Utc>,
    /// The plant clock's offset, minutes east.
    pub offset_min: i16,
    /// When the agent wrote it down.
    pub recorded_at: DateTime<Utc>,
    /// When the cloud stored it.
    pub ingested_at: DateTime<Utc>,
    /// Plant.
    pub plant: String,
    /// Station.
    pub station: String,
    /// Opaque id of the person.
    pub operator: String,
    /// Shift.
    pub shift: String,
    /// Place.
    pub location: String,
    /// Operation of the routing.
    pub operation: String,
    /// Which attempt, from 1; 0 where it does not apply.
    pub attempt: i32,
    /// passed, failed, partial, or null.
    pub outcome: Option<&'static str>,
    /// Counted as good.
    pub accepted: Option<Decimal>,
    /// Counted as bad.
    pub rejected: Option<Decimal>,
    /// Reason code.
    pub reason: String,
    /// Machine that reported it.
    pub machine: String,
    /// Supervisor who let a refused act be done.
    pub overridden_by: String,
    /// Amount of this UID; null for all of it.
    pub quantity: Option<Decimal>,
    /// Unit of the amount.
    pub unit: String,
    /// Document type and number of the first reference.
    pub reference_type: String,
    /// Number; empty for none.
    pub reference: String,
    /// The whole that it went into or came out of, or that it was in when that was measured.
    pub parent: Option<String>,
    /// A correction that stands says that it never was.
    pub corrected: bool,
    /// It was measured on a package, and that the UID was in there then, only the clocks of
    /// several plants say.
    pub by_clock: bool,
    /// The event that this one corrects.
    pub corrects: Option<Uuid>,
    /// Of a correction by the office: the exception that it resolves, and why.
    pub resolves: Option<ExceptionResolved>,
    /// What machines measured.
    pub readings: Vec<ReadingView>,
}

/// A measured value.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReadingView {
    /// Name.
    pub name: String,
    /// Value in `unit`; null where quality is bad.
    pub value: Option<Decimal>,
    /// Unit.
    pub unit: String,
    /// good, bad, uncertain.
    pub quality: &'static str,
    /// Lower limit in force.
    pub low: Option<Decimal>,
    /// Upper limit in force.
    pub high: Option<Decimal>,
    /// Whether it lies outside its limits.
    pub outside: bool,
    /// When measured.
    pub at: DateTime<Utc>,
}

/// How far an answer reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CurrentTo {
    /// The last batch committed before the answer was read; decimal text.
    pub batch_id: String,
    /// When that batch was committed; null before the first.
    pub at: Option<DateTime<Utc>>,
}

/// A plant that may know more than the cloud, whether the caller has rights there or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlantBehind {
    /// Plant code.
    pub plant: String,
    /// Agent name; empty to who has no right at that plant.
    pub agent: String,
    /// Last word from it.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Events it last said it had queued; 0 to who has no right at that plant.
    pub queued_events: i64,
}

impl PlantBehind {
    /// The plant, and its agent where that is told.
    #[must_use]
    pub fn named(&self) -> String {
        if self.agent.is_empty() { self.plant.clone() } else { format!("{} ({})", self.plant, self.agent) }
    }
}

/// A genealogy walked from one UID.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Walk {
    /// Where it began.
    pub uid: String,
    /// backward or forward.
    pub direction: &'static str,
    /// `ever`: links ever made and not voided. `as_built`: open ones only.
    pub mode: &'static str,
    /// UIDs of this page, nearest first, without the one where it began.
    pub nodes: Vec<WalkNode>,
    /// Links by which the page's nodes were reached.
    pub edges: Vec<WalkEdge>,
    /// All UIDs of the walk, over all pages. Where it is `ever`, a recall may reach fewer: not what it was
    /// taken out of.
    pub total: usize,
    /// Some link lies on a cycle, which only bad data makes.
    pub cycle: bool,
    /// Something lies beyond `depth`.
    pub deeper: bool,
    /// More links than the 500000 that one walk reads: not everything was reached.
    pub cut: bool,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// Where a backward walk ends; on its first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources: Option<Sources>,
    /// Where a forward walk ends; on its first page only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Destinations>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// A UID reached.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WalkNode {
    /// Which.
    pub uid: String,
    /// Steps from the beginning, by the shortest way.
    pub level: i32,
    /// Two characters of the UID; helps people.
    pub kind: String,
    /// Item code.
    pub item: String,
    /// Lot id.
    pub lot: Option<Uuid>,
    /// Supplier's lot number.
    pub supplier_lot: String,
    /// Supplier code.
    pub supplier: String,
    /// Plant where it is, or was last, with the outermost thing around it.
    pub plant: String,
    /// Place.
    pub location: String,
    /// What is left on it.
    pub quantity: Option<Decimal>,
    /// Base unit.
    pub unit: String,
    /// Life state.
    pub life: &'static str,
    /// Quality state.
    pub quality: &'static str,
    /// Who has it, by the outermost thing around it; `parent` only where of that nothing is known.
    pub custody: &'static str,
    /// Customer or supplier to whom it went, with the outermost thing around it, where the events
    /// tell; empty while it is at a place of ours.
    pub partner: String,
    /// Document by which that left; empty where there is none.
    pub document: String,
    /// Why it is held now, a reason for each hold on it, the oldest first; empty where nothing
    /// holds it. Of a UID that is not, and was not, at a plant of the caller's it is not told.
    /// What is held is not free to use, whatever `quality` says.
    pub holds: Vec<String>,
    /// It goes on from here, within or beyond the depth.
    pub more: bool,
    /// Lies on a cycle.
    pub cycle: bool,
}

/// A link.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WalkEdge {
    /// Became, or became part of, …
    pub from: String,
    /// … this.
    pub to: String,
    /// transformation, assembly, packing.
    pub kind: &'static str,
    /// Not taken out again.
    pub open: bool,
    /// How much of `from`, over all its makings; null when it was all of it.
    pub quantity: Option<Decimal>,
    /// Unit.
    pub unit: String,
    /// Lies on a cycle.
    pub cycle: bool,
}

/// A machine of a plant: another plant may have one of the same code.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct MachineAt {
    /// Its code.
    pub machine: String,
    /// The plant where it reported.
    pub plant: String,
}

/// Where a backward walk ends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Sources {
    /// Lots of everything reached.
    pub lots: Vec<Lot>,
    /// Supplier codes of those lots.
    pub suppliers: Vec<String>,
    /// Machines that reported on anything reached.
    pub machines: Vec<String>,
    /// The same by plant, each code once for every plant where such a machine reported.
    pub machines_at: Vec<MachineAt>,
    /// People (opaque ids) who worked on it.
    pub operators: Vec<String>,
    /// Inspections of anything reached.
    pub inspections: Vec<InspectionRef>,
    /// How many readings machines took of anything reached, …
    pub readings: i64,
    /// … how many of them lie outside their limits, …
    pub readings_outside: i64,
    /// … and which those are, oldest first.
    pub outside: Vec<ReadingRef>,
    /// A list above was cut: at 500, in a report at 20000.
    pub cut: bool,
}

impl Sources {
    /// No list of more than `most`; says so where one was longer.
    pub fn shorten(&mut self, most: usize) {
        let Self { lots, suppliers, machines, machines_at, operators, inspections, outside, .. } = self;
        // No fewer machines by plant than by code.
        let longest = [lots.len(), suppliers.len(), machines_at.len(), operators.len()];
        let longest = longest.into_iter().chain([inspections.len(), outside.len()]).max();
        self.cut |= longest.is_some_and(|longest| longest > most);
        lots.truncate(most);
        for names in [suppliers, machines, operators] {
            names.truncate(most);
        }
        machines_at.truncate(most);
        inspections.truncate(most);
        outside.truncate(most);
    }
}

/// A reading outside its limits.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ReadingRef {
    /// Of what; of a load one of its members.
    pub uid: String,
    /// Name.
    pub name: String,
    /// Value in `unit`.
    pub value: Option<Decimal>,
    /// Unit.
    pub unit: String,
    /// Lower limit in force.
    pub low: Option<Decimal>,
    /// Upper limit in force.
    pub high: Option<Decimal>,
    /// Plant.
    pub plant: String,
    /// Machine that reported it.
    pub machine: String,
    /// Operation of the routing.
    pub operation: String,
    /// When measured.
    pub at: DateTime<Utc>,
    /// Event.
    pub event_id: Uuid,
}

/// An inspection, in short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InspectionRef {
    /// Of what.
    pub uid: String,
    /// Document number; empty for none.
    pub reference: String,
    /// passed, failed, partial, or null.
    pub outcome: Option<&'static str>,
    /// Plant.
    pub plant: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Event.
    pub event_id: Uuid,
}

/// Where a forward walk ends: each UID reached is told once, by where the outermost thing
/// around it is; the goods among them count once, as in recalls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Destinations {
    /// Sent to customers.
    pub dispatches: Vec<DispatchRef>,
    /// In a plant's stores, by plant and item.
    pub stock: Vec<Pile>,
    /// At work, by plant and item.
    pub in_progress: Vec<Pile>,
    /// Between plants, by the plant that it left, and item.
    pub in_transit: Vec<Pile>,
    /// With suppliers and subcontractors.
    pub with_suppliers: Vec<Pile>,
    /// With customers, by last plant and item.
    pub with_customers: Vec<Pile>,
    /// Used up into something reached as well.
    pub consumed: usize,
    /// Destroyed.
    pub scrapped: usize,
    /// The dispatches were cut: at 500, in a report at 20000.
    pub cut: bool,
}

impl Destinations {
    /// No more than `most` dispatches; says so where there were more.
    pub fn shorten(&mut self, most: usize) {
        self.cut |= self.dispatches.len() > most;
        self.dispatches.truncate(most);
    }
}

/// Labels of one item at one plant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Pile {
    /// Plant code.
    pub plant: String,
    /// Item code.
    pub item: String,
    /// How many labels, …
    pub labels: usize,
    /// … how many of them are built into others that are told here, …
    pub built_in: usize,
    /// … and how many are packages of others that are told here.
    pub packages: usize,
    /// The quantity of goods, each once, as recalls count: what is built into others, and a
    /// package, has none of its own. A label without a quantity counts 1.
    pub quantity: Decimal,
    /// Base unit.
    pub unit: String,
}

/// Something sent to a customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DispatchRef {
    /// What was sent.
    pub uid: String,
    /// Document number.
    pub document: String,
    /// Customer code of the sales order, where one is known.
    pub customer: String,
    /// Plant that sent it.
    pub plant: String,
    /// Place told at dispatch.
    pub location: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// A page of search results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Found {
    /// What the code itself stands for besides units, and where nothing is found by it the
    /// customers and people who are called so; on the first page only.
    pub leads: Vec<super::places::Lead>,
    /// Results, best kind first.
    pub hits: Vec<Hit>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
    /// How far this answer reaches.
    pub current_to: CurrentTo,
    /// Plants that may know more.
    pub plants_behind: Vec<PlantBehind>,
}

/// Something found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hit {
    /// What matched: uid, alias, supplier_lot, document.
    pub by: &'static str,
    /// The text that matched.
    pub text: String,
    /// The UID it leads to.
    pub uid: String,
    /// Item code.
    pub item: String,
    /// Plant.
    pub plant: String,
}

/// A stream of facts and how current it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentView {
    /// Id.
    pub agent_id: Uuid,
    /// Name.
    pub name: String,
    /// plant, office, import.
    pub kind: String,
    /// Plant code; empty for the office.
    pub plant: String,
    /// expected, enrolled, revoked.
    pub status: String,
    /// Heard of within the last half minute.
    pub connected: bool,
    /// Last word from it.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Events it last said it had queued.
    pub behind_by: i64,
    /// Current epoch.
    pub epoch: i32,
    /// Last seq committed in it.
    pub through_seq: i64,
    /// Version of the reference data it has applied.
    pub reference_version: i64,
    /// What it runs.
    pub software: String,
}
