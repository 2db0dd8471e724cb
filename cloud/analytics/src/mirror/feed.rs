//! Writes what a step read from Postgres into a mirror, in one transaction with the
//! cursor: a kill in the middle leaves the file at the batch before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::NaiveDate;
use duckdb::types::Value;
use duckdb::{Connection, params};
use uuid::Uuid;

use super::dims::{Dim, Dims, Names};
use super::error::MirrorError;
use super::file::File;
use super::identity::{follow, named, number_partners};
use super::marks::{Act, Stretch};
use super::names::UnitRow;
use super::schema::VOIDABLE;
use super::source::{EventRow, LinkRow, OrderRow, Place, Step, SubjectRow};
use super::value::{date, day_of, moment, outside, quantity};
use super::voids::Corrections;
use super::{firsts, goods, sums};

/// Of the roles of proto `Role`, those of a UID that an event is about or that it made.
const ABOUT: [i16; 3] = [0, 1, 3];
/// Those of a package, and of what goes into it.
const PARENT: i16 = 4;
const CHILD: i16 = 5;
/// Type of an order that names the supplier where the lot does not.
const ORDER_OF_SUPPLIER: &str = "po";
/// Type of a customer's order.
const ORDER_OF_CUSTOMER: &str = "so";

/// A batch at which a test's process ends, as by a crash of DuckDB.
#[cfg(test)]
pub(super) static ABORTS_AT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(0);

/// Takes a step in. After an error the file has to be opened anew: what it holds in memory
/// may be ahead of what it holds on disk.
///
/// # Errors
/// DuckDB; then the file is as it was.
pub fn write(file: &mut File, step: &Step) -> Result<(), MirrorError> {
    if step.after != file.meta.through_batch {
        return Err(MirrorError::Other("another feeder was quicker".into()));
    }
    let stretch = Stretch { after: step.after, through: step.through, batches: step.batches };
    file.under(Act::Step, stretch, |file| {
        file.conn.execute_batch("begin")?;
        match write_in(file, step) {
            Ok(()) => Ok(file.conn.execute_batch("commit")?),
            Err(error) => {
                // The transaction ends with the connection anyway.
                let _ = file.conn.execute_batch("rollback");
                Err(error)
            }
        }
    })?;
    file.meta.through_batch = step.through;
    file.meta.through_at = step.through_at;
    if step.after == 0 {
        file.meta.identified = step.projected;
    }
    Ok(())
}

/// Marks the file as complete: it has come up to the last batch there was.
///
/// # Errors
/// DuckDB.
pub fn built(file: &mut File) -> Result<(), MirrorError> {
    if file.meta.built {
        return Ok(());
    }
    file.under(Act::Sums, file.here(), |file| {
        file.conn.execute_batch("begin")?;
        let done = firsts::renew_all(&file.conn)
            .and_then(|()| goods::renew_all(&file.conn))
            .and_then(|()| sums::renew_all(&file.conn))
            .and_then(|()| file.conn.execute_batch("update mirror set built = true; commit"));
        if done.is_err() {
            // The transaction ends with the connection anyway.
            let _ = file.conn.execute_batch("rollback");
        }
        Ok(done?)
    })?;
    file.meta.built = true;
    Ok(())
}

/// What the rows of an event share.
struct Shared {
    agent: i32,
    plant: i32,
    station: i32,
    machine: i32,
    operator: i32,
    shift: i32,
    operation: i32,
    unit: Unit,
    customer: i32,
    purchase_order: i32,
    sales_order: i32,
    reason: i32,
    key: Option<i64>,
    units: i32,
    minted: i32,
    void: bool,
}

/// What a UID of an event is, and whose.
struct Unit {
    item: i32,
    lot: i32,
    supplier: i32,
    item_told: bool,
    lot_told: bool,
}

fn write_in(file: &mut File, step: &Step) -> Result<(), MirrorError> {
    let (built, identified) = (file.meta.built, file.meta.identified);
    let File { conn, dims, corrections, .. } = file;
    let known: HashSet<Uuid> =
        step.early.iter().map(|(id, _)| *id).filter(|id| corrections.knows(*id)).collect();
    let pairs: Vec<(Uuid, Uuid)> =
        step.events.iter().filter_map(|event| Some((event.event_id, event.corrects?))).collect();
    for (by, of) in &pairs {
        corrections.add(*by, *of);
    }
    Corrections::write(conn, &pairs)?;

    let mut of_event: HashMap<Place, Vec<&SubjectRow>> = HashMap::new();
    for subject in &step.subjects {
        of_event.entry((subject.agent_id, subject.epoch, subject.seq)).or_default().push(subject);
    }
    let none = Vec::new();
    number_partners(dims, &step.names);
    let mut shared: HashMap<Place, (Shared, &EventRow)> = HashMap::with_capacity(step.events.len());
    for event in &step.events {
        let subjects = of_event.get(&event.place()).unwrap_or(&none);
        shared.insert(event.place(), (share(event, subjects, step, dims, corrections), event));
    }
    for event in &step.events {
        dims.day(day(event));
    }
    for link in step.links.iter().chain(&step.early_links).chain(&step.closed_links) {
        dims.day(day_of(link.production_date, link.occurred_at, link.occurred_offset_min));
    }

    let mut rows = conn.appender("fact_lifecycle")?;
    for event in &step.events {
        let Some((s, _)) = shared.get(&event.place()) else { continue };
        rows.append_row(params![
            s.agent,
            event.epoch,
            event.seq,
            moment(event.occurred_at),
            moment(event.ingested_at),
            date(day(event)),
            s.plant,
            s.station,
            s.machine,
            s.operator,
            s.shift,
            s.operation,
            s.unit.item,
            s.unit.supplier,
            s.customer,
            s.reason,
            event.stage,
            event.action,
            event.outcome,
            event.attempt,
            s.units,
            s.key,
            s.minted,
            // Counted below, or when all is there.
            0,
            quantity(event.accepted_quantity),
            quantity(event.rejected_quantity),
            s.unit.lot,
            s.purchase_order,
            s.sales_order,
            s.unit.item_told,
            s.unit.lot_told,
            s.void
        ])?;
    }
    rows.flush()?;
    drop(rows);

    #[cfg(test)]
    if (step.after + 1..=step.through).contains(&ABORTS_AT.load(std::sync::atomic::Ordering::Relaxed)) {
        std::process::abort();
    }

    let mut rows = conn.appender("fact_reading")?;
    for reading in &step.readings {
        let Some((s, event)) = shared.get(&(reading.agent_id, reading.epoch, reading.seq)) else { continue };
        let name = dims.id(Dim::Reading, 0, &reading.name);
        rows.append_row(params![
            s.agent,
            reading.epoch,
            reading.seq,
            reading.ordinal,
            moment(reading.taken_at),
            date(day(event)),
            s.plant,
            s.station,
            s.machine,
            s.operator,
            s.shift,
            s.operation,
            s.unit.item,
            event.stage,
            event.attempt,
            s.key,
            name,
            quantity(reading.value),
            reading.unit,
            reading.quality,
            quantity(reading.low),
            quantity(reading.high),
            outside(reading.value, reading.low, reading.high),
            s.unit.item_told,
            s.void
        ])?;
    }
    rows.flush()?;
    drop(rows);

    let mut rows = conn.appender("fact_inspection")?;
    for event in step.events.iter().filter(|event| event.outcome != 0) {
        let Some((s, _)) = shared.get(&event.place()) else { continue };
        let subjects = of_event.get(&event.place()).unwrap_or(&none);
        for (ordinal, subject) in about(subjects).into_iter().enumerate() {
            let unit = unit(Some(subject), orders(step, event), &step.names, dims);
            rows.append_row(params![
                s.agent,
                event.epoch,
                event.seq,
                i16::try_from(ordinal).unwrap_or(i16::MAX),
                moment(event.occurred_at),
                date(day(event)),
                s.plant,
                s.station,
                s.machine,
                s.operator,
                s.shift,
                s.operation,
                unit.item,
                unit.supplier,
                s.reason,
                event.stage,
                event.outcome,
                event.attempt,
                subject.key,
                unit.lot,
                s.purchase_order,
                unit.item_told,
                unit.lot_told,
                s.void
            ])?;
        }
    }
    rows.flush()?;
    drop(rows);

    let mut rows = conn.appender("fact_packing")?;
    for event in step.events.iter().filter(|event| goods::STAGES.contains(&event.stage)) {
        let Some((s, _)) = shared.get(&event.place()) else { continue };
        let subjects = of_event.get(&event.place()).unwrap_or(&none);
        let package = subjects.iter().find(|subject| subject.role == PARENT).map(|subject| subject.key);
        for (ordinal, subject) in subjects.iter().enumerate() {
            let content = goods::packs(event.stage) && subject.role == CHILD;
            rows.append_row(params![
                s.agent,
                event.epoch,
                event.seq,
                i32::try_from(ordinal).unwrap_or(i32::MAX),
                moment(event.occurred_at),
                date(day(event)),
                s.plant,
                event.stage,
                event.action,
                subject.role,
                subject.key,
                package.filter(|_| content),
                s.void
            ])?;
        }
    }
    rows.flush()?;
    drop(rows);

    // Links of a correction that waited for an event of this step, which are made only now,
    // under the place of the correction.
    let early: Vec<Place> =
        step.early.iter().filter(|(id, _)| known.contains(id)).map(|(_, place)| *place).collect();
    for (agent, epoch, seq) in &early {
        let agent = dims.id(Dim::Agent, 0, &agent.to_string());
        conn.execute(
            "delete from fact_genealogy where agent = ? and epoch = ? and seq = ?",
            params![agent, epoch, seq],
        )?;
    }
    let early: HashSet<Place> = early.into_iter().collect();
    let mut links: Vec<&LinkRow> = step.links.iter().collect();
    links.extend(step.early_links.iter().filter(|link| early.contains(&link.place())));
    for link in &step.closed_links {
        if lacks(conn, dims, link)? {
            links.push(link);
        }
    }
    let mut rows = conn.appender("fact_genealogy")?;
    for link in &links {
        let agent = dims.id(Dim::Agent, 0, &link.agent_id.to_string());
        let plant = dims.id(Dim::Plant, 0, &link.plant);
        let day = day_of(link.production_date, link.occurred_at, link.occurred_offset_min);
        rows.append_row(params![
            agent,
            link.epoch,
            link.seq,
            link.ordinal,
            moment(link.occurred_at),
            date(day),
            plant,
            link.from_key,
            link.to_key,
            link.kind,
            link.effect,
            quantity(link.quantity),
            link.unit
        ])?;
    }
    rows.flush()?;
    drop(rows);

    let mut touched: BTreeSet<NaiveDate> = step.events.iter().map(day).collect();
    let Judged { days, mut keys, packed } = judge_again(conn, dims, corrections, step, &pairs)?;
    touched.extend(days);
    // Units born in this step were perhaps told of before, by another plant. Before what the
    // registry held when the file was begun there was nothing to tell late.
    let born = if step.through > identified { units_born(step) } else { Vec::new() };
    follow(conn, dims, &born, &step.names, true)?;
    if built {
        for event in step.events.iter().filter(|event| is_first_result(event)) {
            let subjects = of_event.get(&event.place()).unwrap_or(&none);
            keys.extend(about(subjects).iter().map(|subject| subject.key));
        }
        touched.extend(firsts::renew(conn, &keys)?);
        let mut moved = goods::told(step, &links);
        moved.extend(packed);
        touched.extend(goods::renew(conn, &moved)?);
        sums::renew(conn, &touched)?;
    }
    dims.write(conn, named(&step.names))?;
    conn.execute(
        "update mirror set through_batch = ?, through_at = ?",
        params![step.through, step.through_at.map_or(Value::Null, moment)],
    )?;
    if step.after == 0 {
        conn.execute("update mirror set identified = ?", params![step.projected])?;
    }
    Ok(())
}

/// Whether it may be the first result of a unit at an operation, as `firsts.rs` says it.
fn is_first_result(event: &EventRow) -> bool {
    let of_work = event.stage == 15 || event.stage == 7 && !event.operation.is_empty();
    event.outcome != 0 && event.attempt <= 1 && of_work
}

/// The units that were born in a step, as the registry says them.
fn units_born(step: &Step) -> Vec<UnitRow> {
    let born = step.subjects.iter().filter(|subject| subject.mint);
    let unit = |s: &SubjectRow| UnitRow { key: s.key, item: s.known_item.clone(), lot_id: s.known_lot };
    let all: BTreeMap<i64, UnitRow> = born.map(|subject| (subject.key, unit(subject))).collect();
    all.into_values().collect()
}

fn day(event: &EventRow) -> NaiveDate {
    day_of(event.production_date, event.occurred_at, event.occurred_offset_min)
}

/// The UIDs that an event is about or made, each once; all of its UIDs where it names no
/// such.
fn about<'a>(subjects: &[&'a SubjectRow]) -> Vec<&'a SubjectRow> {
    let mut seen = HashSet::new();
    let mut found: Vec<&SubjectRow> =
        subjects.iter().filter(|s| ABOUT.contains(&s.role) && seen.insert(s.key)).copied().collect();
    if found.is_empty() {
        found = subjects.iter().filter(|s| seen.insert(s.key)).copied().collect();
    }
    found
}

fn share(
    event: &EventRow,
    subjects: &[&SubjectRow],
    step: &Step,
    dims: &mut Dims,
    corrections: &Corrections,
) -> Shared {
    let about = about(subjects);
    let first = about.first().copied();
    let (purchase, sale) = orders(step, event);
    let plant = dims.id(Dim::Plant, 0, &event.plant);
    Shared {
        agent: dims.id(Dim::Agent, 0, &event.agent_id.to_string()),
        plant,
        station: dims.id(Dim::Station, plant, &event.station),
        machine: dims.id(Dim::Machine, plant, &event.machine),
        operator: dims.id(Dim::Operator, 0, &event.operator_id),
        shift: dims.id(Dim::Shift, 0, &event.shift),
        operation: dims.id(Dim::Operation, 0, &event.operation),
        unit: unit(first, (purchase, sale), &step.names, dims),
        customer: dims.id(Dim::Customer, 0, sale.map_or("", |order| &order.partner)),
        purchase_order: dims.id(Dim::PurchaseOrder, 0, purchase.map_or("", |order| &order.number)),
        sales_order: dims.id(Dim::SalesOrder, 0, sale.map_or("", |order| &order.number)),
        reason: dims.id(Dim::Reason, 0, &event.reason),
        key: first.map(|subject| subject.key),
        units: i32::try_from(about.len()).unwrap_or(i32::MAX),
        minted: i32::try_from(subjects.iter().filter(|s| s.mint).count()).unwrap_or(i32::MAX),
        void: corrections.corrected(event.event_id) && corrections.void(event.event_id),
    }
}

/// The purchase order and the sales order of an event: of each the first.
fn orders<'a>(step: &'a Step, event: &EventRow) -> Orders<'a> {
    let all = step.orders.get(&event.place()).map_or(&[][..], Vec::as_slice);
    let first = |kind: &str| all.iter().find(|order| order.kind == kind);
    (first(ORDER_OF_SUPPLIER), first(ORDER_OF_CUSTOMER))
}

type Orders<'a> = (Option<&'a OrderRow>, Option<&'a OrderRow>);

/// What a UID of an event is: as the event says it, else as the registry does; and whose: its
/// lot's supplier, else the partner of the purchase order.
fn unit(subject: Option<&SubjectRow>, (purchase, _): Orders<'_>, names: &Names, dims: &mut Dims) -> Unit {
    let (mut item, mut item_told, mut lot, mut lot_told) = ("", false, None, false);
    if let Some(subject) = subject {
        (item_told, lot_told) = (!subject.item.is_empty(), subject.lot_id.is_some());
        item = if item_told { &subject.item } else { &subject.known_item };
        lot = subject.lot_id.or(subject.known_lot);
    }
    let lot = lot.map(|lot| lot.to_string()).unwrap_or_default();
    let of_lot = names.get(&(Dim::Lot as u8, lot.clone())).map_or("", |(_, supplier)| supplier);
    let of_order = purchase.map_or("", |order| &order.partner);
    let supplier = if of_lot.is_empty() { of_order } else { of_lot };
    Unit {
        item: dims.id(Dim::Item, 0, item),
        lot: dims.id(Dim::Lot, 0, &lot),
        supplier: dims.id(Dim::Supplier, 0, supplier),
        item_told,
        lot_told,
    }
}

/// What counts otherwise from now on since something was corrected.
#[derive(Default)]
struct Judged {
    /// The days of the events.
    days: BTreeSet<NaiveDate>,
    /// The units of their results.
    keys: HashSet<i64>,
    /// The UIDs that they packed or sent away.
    packed: HashSet<i64>,
}

/// Events of earlier steps on which a correction of this one bears, directly or not.
fn judge_again(
    conn: &Connection,
    dims: &mut Dims,
    corrections: &Corrections,
    step: &Step,
    pairs: &[(Uuid, Uuid)],
) -> Result<Judged, MirrorError> {
    let mut judged = Judged::default();
    if pairs.is_empty() {
        return Ok(judged);
    }
    let touched: HashSet<Uuid> = pairs.iter().flat_map(|(by, _)| corrections.above(*by)).collect();
    let own: HashSet<Place> = step.events.iter().map(EventRow::place).collect();
    conn.execute_batch(
        "create or replace temp table judged (agent integer, epoch integer, seq bigint, void boolean)",
    )?;
    let mut rows = conn.appender("judged")?;
    let mut any = false;
    for (id, place) in step.above.iter().filter(|(id, place)| touched.contains(id) && !own.contains(place)) {
        let agent = dims.id(Dim::Agent, 0, &place.0.to_string());
        rows.append_row(params![agent, place.1, place.2, corrections.void(*id)])?;
        any = true;
    }
    rows.flush()?;
    drop(rows);
    if any {
        judged.days = firsts::days(
            conn,
            "select distinct f.day::varchar from fact_lifecycle f join judged j \
             on f.agent = j.agent and f.epoch = j.epoch and f.seq = j.seq",
        )?;
        judged.keys = judged_units(conn, "fact_inspection")?;
        judged.packed = judged_units(conn, "fact_packing")?;
        for table in VOIDABLE {
            conn.execute_batch(&format!(
                "update {table} set void = j.void from judged j \
                 where {table}.agent = j.agent and {table}.epoch = j.epoch and {table}.seq = j.seq \
                   and {table}.void <> j.void"
            ))?;
        }
    }
    conn.execute_batch("drop table judged")?;
    Ok(judged)
}

/// Whether a link is not here, though the RETURN that closed it is: one that is still to come
/// brings it along.
fn lacks(conn: &Connection, dims: &mut Dims, link: &LinkRow) -> duckdb::Result<bool> {
    let agent = dims.id(Dim::Agent, 0, &link.agent_id.to_string());
    conn.query_row(
        "select exists (from fact_lifecycle where agent = ? and epoch = ? and seq = ?)
            and not exists (from fact_genealogy where agent = ? and epoch = ? and seq = ?
                                and from_key = ? and to_key = ?)",
        params![agent, link.epoch, link.seq, agent, link.epoch, link.seq, link.from_key, link.to_key],
        |row| row.get(0),
    )
}

/// The units of facts that are judged again; the table is one of this program's own.
fn judged_units(conn: &Connection, table: &'static str) -> duckdb::Result<HashSet<i64>> {
    let mut asked = conn.prepare(&format!(
        "select distinct f.key from {table} f join judged j \
         on f.agent = j.agent and f.epoch = j.epoch and f.seq = j.seq"
    ))?;
    let mut rows = asked.query([])?;
    let mut keys = HashSet::new();
    while let Some(row) = rows.next()? {
        keys.insert(row.get(0)?);
    }
    Ok(keys)
}
