//! All SQL by which a mirror reads Postgres.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use super::dims::{Codes, Names};
use super::names::names;

/// Place of an event: its stream, epoch and seq.
pub type Place = (Uuid, i32, i64);

/// Where a tenant's data stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Raised when they were put back from a backup.
    pub generation: i64,
    /// The database that holds them.
    pub placement: String,
    /// The last batch.
    pub head: i64,
    /// Up to which batch the registry says what units are.
    pub projected: i64,
}

/// A tenant's standing.
pub async fn standing(tx: &mut Tx) -> Result<Standing, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Standing,
        r#"select t.generation, t.placement,
                  coalesce((select max(batch_id) from ingest_batches where tenant_id = $1), 0) as "head!",
                  coalesce((select through_batch from projection_cursors
                            where tenant_id = $1 and projection = $2), 0) as "projected!"
           from control.tenants t where t.tenant_id = $1"#,
        tenant,
        trace::projection::PROJECTION,
    )
    .fetch_one(tx.conn())
    .await
}

/// Numbers of proto `Stage` that make links: KIT, CONSUME, TRANSFORMATION, ASSEMBLY, PACKING,
/// INSTALLATION, SERVICE.
const LINKING: [i16; 7] = [14, 17, 18, 19, 24, 30, 33];
/// Of proto `Role` those from which a link leads (INPUT, OUTPUT, CHILD), and to which
/// (SUBJECT, OUTPUT, PARENT).
const PARTS: [i16; 3] = [2, 3, 5];
const WHOLES: [i16; 3] = [1, 3, 4];

/// Of a link to a package its kind, and its effects: opened, closed, and not closed after all.
const PACKING: i16 = 3;
const OPENS: i16 = 1;
const CLOSES: i16 = 2;
const REOPENS: i16 = 4;
/// The number of proto `Stage` that closes links to packages which it does not name.
pub(super) const RETURN: i16 = 34;

pub(super) struct Batch {
    pub batch_id: i64,
    pub agent_id: Uuid,
    pub epoch: i32,
    pub from_seq: i64,
    pub to_seq: i64,
    ingested_at: DateTime<Utc>,
}

/// An event as it stands in Postgres.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct EventRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub event_id: Uuid,
    pub stage: i16,
    pub action: i16,
    pub occurred_at: DateTime<Utc>,
    pub occurred_offset_min: i16,
    pub ingested_at: DateTime<Utc>,
    pub plant: String,
    pub station: String,
    pub operator_id: String,
    pub shift: String,
    pub production_date: Option<NaiveDate>,
    pub operation: String,
    pub attempt: i32,
    pub outcome: i16,
    pub accepted_quantity: Option<Decimal>,
    pub rejected_quantity: Option<Decimal>,
    pub reason: String,
    pub machine: String,
    pub corrects: Option<Uuid>,
}

impl EventRow {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.agent_id, self.epoch, self.seq)
    }
}

/// A UID in an event.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct SubjectRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub key: i64,
    pub role: i16,
    pub mint: bool,
    pub item: String,
    pub lot_id: Option<Uuid>,
    /// What the registry says.
    pub known_item: String,
    /// What the registry says.
    pub known_lot: Option<Uuid>,
}

/// An order that an event refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct OrderRow {
    pub kind: String,
    pub number: String,
    pub partner: String,
}

/// A reading of an event.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct ReadingRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub ordinal: i16,
    pub name: String,
    pub value: Option<Decimal>,
    pub unit: String,
    pub quality: i16,
    pub low: Option<Decimal>,
    pub high: Option<Decimal>,
    pub taken_at: DateTime<Utc>,
}

/// A row of the genealogy, with the day and plant of the event that made it.
#[derive(Debug)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct LinkRow {
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    pub ordinal: i16,
    pub from_key: i64,
    pub to_key: i64,
    pub kind: i16,
    pub effect: i16,
    pub quantity: Option<Decimal>,
    pub unit: String,
    pub occurred_at: DateTime<Utc>,
    pub occurred_offset_min: i16,
    pub production_date: Option<NaiveDate>,
    pub plant: String,
}

impl LinkRow {
    /// Where the event stands that made it.
    #[must_use]
    pub fn place(&self) -> Place {
        (self.agent_id, self.epoch, self.seq)
    }
}

/// What a mirror takes in at once.
#[derive(Debug, Default)]
pub struct Step {
    /// The batch that it follows on.
    pub after: i64,
    /// The last batch of it, and when the cloud took that in.
    pub through: i64,
    /// See `through`.
    pub through_at: Option<DateTime<Utc>>,
    /// How many batches.
    pub batches: usize,
    /// Up to which batch the registry said what units are, before these were read.
    pub projected: i64,
    /// Its events.
    pub events: Vec<EventRow>,
    /// UIDs of its events, in their order.
    pub subjects: Vec<SubjectRow>,
    /// Readings of its events.
    pub readings: Vec<ReadingRow>,
    /// Links that its events made.
    pub links: Vec<LinkRow>,
    /// Orders that an event refers to.
    pub orders: HashMap<Place, Vec<OrderRow>>,
    /// Where events stand that its corrections bear on, by id.
    pub above: Vec<(Uuid, Place)>,
    /// Corrections of its events that may have come before them, and their links.
    pub early: Vec<(Uuid, Place)>,
    /// See `early`.
    pub early_links: Vec<LinkRow>,
    /// Links to packages that RETURNs of other steps closed, since they are opened here: a
    /// RETURN that came before the packing closes it only when that is told. So it is with one
    /// that was told after a taking-out of which a correction says here that it never was. Of
    /// these the mirror may have some.
    pub closed_links: Vec<LinkRow>,
    /// Name and kind of codes.
    pub names: Names,
}

/// The next batches after one.
pub(super) async fn batches(tx: &mut Tx, after: i64) -> Result<Vec<Batch>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Batch,
        "select batch_id, agent_id, epoch, from_seq, to_seq, ingested_at from ingest_batches \
         where tenant_id = $1 and batch_id > $2 order by batch_id limit 512",
        tenant,
        after,
    )
    .fetch_all(tx.conn())
    .await
}

/// The batches after one and up to another, as many as hold about `events` events; `None`
/// when there are none.
pub async fn step(tx: &mut Tx, after: i64, (until, events): (i64, i64)) -> Result<Option<Step>, Error> {
    let tenant = tx.tenant();
    let mut batches = batches(tx, after).await?;
    let within = batches.iter().take_while(|batch| batch.batch_id <= until).count();
    if within > 0 {
        batches.truncate(within);
    }
    let mut room = events;
    let fits = batches.iter().take_while(|batch| {
        let free = room > 0;
        room -= batch.to_seq - batch.from_seq + 1;
        free
    });
    let fits = fits.count();
    batches.truncate(fits);
    let Some(last) = batches.last() else {
        return Ok(None);
    };
    let mut step = Step {
        after,
        through: last.batch_id,
        through_at: Some(last.ingested_at),
        batches: batches.len(),
        ..Step::default()
    };
    let agents: Vec<Uuid> = batches.iter().map(|batch| batch.agent_id).collect();
    let epochs: Vec<i32> = batches.iter().map(|batch| batch.epoch).collect();
    let lows: Vec<i64> = batches.iter().map(|batch| batch.from_seq).collect();
    let highs: Vec<i64> = batches.iter().map(|batch| batch.to_seq).collect();
    step.events = sqlx::query_as!(
        EventRow,
        r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at,
                  e.occurred_offset_min, e.ingested_at, e.plant, e.station, e.operator_id, e.shift,
                  e.production_date, e.operation, e.attempt, e.outcome, e.accepted_quantity,
                  e.rejected_quantity, e.reason, e.machine, e.corrects
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select * from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq >= b.low and e.seq <= b.high offset 0) e"#,
        tenant,
        &agents,
        &epochs,
        &lows,
        &highs,
    )
    .fetch_all(tx.conn())
    .await?;
    step.subjects = sqlx::query_as!(
        SubjectRow,
        r#"select s.agent_id as "agent_id!", s.epoch as "epoch!", s.seq as "seq!", s.key as "key!", s.role as "role!",
                  s.mint as "mint!", s.item as "item!", s.lot_id as "lot_id?",
                  coalesce(r.item, '') as "known_item!", r.lot_id as "known_lot?"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select * from event_subjects s
               where s.tenant_id = $1 and s.agent_id = b.agent_id and s.epoch = b.epoch
                 and s.seq >= b.low and s.seq <= b.high and s.key <> 0 offset 0) s
           left join lateral (
               select * from uid_registry r where r.tenant_id = $1 and r.key = s.key offset 0) r on true
           order by s.agent_id, s.epoch, s.seq, s.ordinal"#,
        tenant,
        &agents,
        &epochs,
        &lows,
        &highs,
    )
    .fetch_all(tx.conn())
    .await?;
    step.readings = sqlx::query_as!(
        ReadingRow,
        r#"select r.agent_id, r.epoch, r.seq, r.ordinal, r.name, r.value, r.unit, r.quality, r.low, r.high,
                  r.taken_at
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select * from event_readings r
               where r.tenant_id = $1 and r.agent_id = b.agent_id and r.epoch = b.epoch
                 and r.seq >= b.low and r.seq <= b.high offset 0) r"#,
        tenant,
        &agents,
        &epochs,
        &lows,
        &highs,
    )
    .fetch_all(tx.conn())
    .await?;
    step.links = links(tx, &step.events, &step.subjects).await?;
    let orders = sqlx::query!(
        r#"select r.agent_id as "agent_id!", r.epoch as "epoch!", r.seq as "seq!", r.type as "kind!",
                  r.number as "number!", coalesce(o.partner, '') as "partner!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[]) as b(agent_id, epoch, low, high)
           cross join lateral (
               select * from event_references r
               where r.tenant_id = $1 and r.agent_id = b.agent_id and r.epoch = b.epoch
                 and r.seq >= b.low and r.seq <= b.high and r.type in ('po', 'so') and r.number <> '' offset 0) r
           left join lateral (
               select partner from orders o
               where o.tenant_id = $1 and o.type = r.type and o.number = r.number collate "default" offset 0) o
               on true
           order by r.agent_id, r.epoch, r.seq, r.ordinal"#,
        tenant,
        &agents,
        &epochs,
        &lows,
        &highs,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in orders {
        let order = OrderRow { kind: row.kind, number: row.number, partner: row.partner };
        step.orders.entry((row.agent_id, row.epoch, row.seq)).or_default().push(order);
    }
    corrections(tx, &mut step).await?;
    returned(tx, &mut step).await?;
    let mut codes = Codes::default();
    for subject in &step.subjects {
        codes.items.extend([subject.item.clone(), subject.known_item.clone()]);
        codes.lots.extend([subject.lot_id, subject.known_lot].into_iter().flatten());
    }
    for order in step.orders.values().flatten() {
        let of = if order.kind == "po" { &mut codes.purchase_orders } else { &mut codes.sales_orders };
        of.push(order.number.clone());
    }
    step.names = names(tx, codes).await?;
    Ok(Some(step))
}

/// What corrections in these batches bear on, with the links that they made, and which of
/// their events were corrected before they came.
async fn corrections(tx: &mut Tx, step: &mut Step) -> Result<(), Error> {
    let tenant = tx.tenant();
    let corrections: Vec<&EventRow> = step.events.iter().filter(|event| event.corrects.is_some()).collect();
    if !corrections.is_empty() {
        let corrected: Vec<Uuid> = corrections.iter().filter_map(|event| event.corrects).collect();
        let above = sqlx::query!(
            r#"with recursive up(event_id, corrects, agent_id, epoch, seq) as (
                   select e.event_id, e.corrects, e.agent_id, e.epoch, e.seq from lifecycle_events e
                   where e.tenant_id = $1 and e.event_id = any($2)
                 union
                   select e.event_id, e.corrects, e.agent_id, e.epoch, e.seq from up
                   join lifecycle_events e on e.tenant_id = $1 and e.event_id = up.corrects
               )
               select event_id as "event_id!", agent_id as "agent_id!", epoch as "epoch!", seq as "seq!" from up"#,
            tenant,
            &corrected,
        )
        .fetch_all(tx.conn())
        .await?;
        let own: Vec<Place> = corrections.iter().map(|event| event.place()).collect();
        step.above =
            above.into_iter().map(|row| (row.event_id, (row.agent_id, row.epoch, row.seq))).collect();
        let of: Vec<Place> = step.above.iter().map(|(_, place)| *place).collect();
        let made = links_under(tx, &of, &own).await?;
        step.links.extend(made);
    }
    let ids: Vec<Uuid> = step.events.iter().map(|event| event.event_id).collect();
    let early = sqlx::query!(
        r#"select c.event_id as "event_id!", c.agent_id as "agent_id!", c.epoch as "epoch!", c.seq as "seq!",
                  x.id as "of!"
           from unnest($2::uuid[]) as x(id)
           cross join lateral (
               select * from lifecycle_events c where c.tenant_id = $1 and c.corrects = x.id offset 0) c"#,
        tenant,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    if !early.is_empty() {
        let corrected: HashSet<Uuid> = early.iter().map(|row| row.of).collect();
        let of = step.events.iter().filter(|event| corrected.contains(&event.event_id));
        let of: Vec<Place> = of.map(EventRow::place).collect();
        step.early =
            early.into_iter().map(|row| (row.event_id, (row.agent_id, row.epoch, row.seq))).collect();
        let own: Vec<Place> = step.early.iter().map(|(_, place)| *place).collect();
        step.early_links = links_under(tx, &of, &own).await?;
    }
    Ok(())
}

/// The links that RETURNs of these batches closed, and those that others closed since they are
/// opened in these batches, or since a correction in these says that what had closed them never
/// was, or that a RETURN was after all.
async fn returned(tx: &mut Tx, step: &mut Step) -> Result<(), Error> {
    let back = step.events.iter().filter(|event| event.stage == RETURN);
    let back: Vec<Place> = back.map(EventRow::place).collect();
    let opened =
        step.links.iter().filter(|link| link.kind == PACKING && matches!(link.effect, OPENS | REOPENS));
    let opened: BTreeSet<(i64, i64)> = opened.map(|link| (link.from_key, link.to_key)).collect();
    let opened: Vec<(i64, i64)> = opened.into_iter().collect();
    if !back.is_empty() {
        let closed = links_under(tx, &back, &back).await?;
        step.links.extend(closed);
    }
    let mut others = Vec::new();
    for pairs in opened.chunks(PAIRS) {
        others.extend(closed_by_returns(tx, pairs).await?);
    }
    if !step.above.is_empty() {
        let above: Vec<Place> = step.above.iter().map(|(_, place)| *place).collect();
        let closed = links_under(tx, &above, &above).await?;
        others.extend(closed.into_iter().filter(|link| (link.kind, link.effect) == (PACKING, CLOSES)));
    }
    let own: HashSet<Place> = step.events.iter().map(EventRow::place).collect();
    let mut seen: HashSet<(Place, i64, i64, i16)> = HashSet::new();
    others.retain(|link| {
        let place = link.place();
        !own.contains(&place) && seen.insert((place, link.from_key, link.to_key, link.ordinal))
    });
    step.closed_links = others;
    Ok(())
}

/// The links between these UIDs that RETURNs closed.
async fn closed_by_returns(tx: &mut Tx, pairs: &[(i64, i64)]) -> Result<Vec<LinkRow>, Error> {
    let tenant = tx.tenant();
    let (froms, tos): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
    sqlx::query_as!(
        LinkRow,
        r#"select l.agent_id as "agent_id!", l.epoch as "epoch!", l.seq as "seq!", l.ordinal as "ordinal!",
                  l.from_key as "from_key!", l.to_key as "to_key!", l.kind as "kind!", l.effect as "effect!",
                  l.quantity, l.unit as "unit!", l.occurred_at as "occurred_at!",
                  e.occurred_offset_min as "occurred_offset_min!", e.production_date, e.plant as "plant!"
           from unnest($2::bigint[], $3::bigint[]) as p(from_key, to_key)
           cross join lateral (
               select * from uid_links l
               where l.tenant_id = $1 and l.from_key = p.from_key and l.to_key = p.to_key
                 and l.kind = $4 and l.effect = $5 offset 0) l
           cross join lateral (
               select * from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch and e.seq = l.seq
               offset 0) e
           where e.stage = $6"#,
        tenant,
        &froms,
        &tos,
        PACKING,
        CLOSES,
        RETURN,
    )
    .fetch_all(tx.conn())
    .await
}

/// The links that stand under some events (`own`) and lead from UIDs of others (`of`): what a
/// correction made joins UIDs of what is corrected, and what a RETURN closed leads from its units.
async fn links_under(tx: &mut Tx, of: &[Place], own: &[Place]) -> Result<Vec<LinkRow>, Error> {
    let tenant = tx.tenant();
    let ((agents, epochs, seqs), (by_agents, by_epochs, by_seqs)) = (columns(of), columns(own));
    sqlx::query_as!(
        LinkRow,
        r#"select l.agent_id as "agent_id!", l.epoch as "epoch!", l.seq as "seq!", l.ordinal as "ordinal!",
                  l.from_key as "from_key!", l.to_key as "to_key!", l.kind as "kind!", l.effect as "effect!",
                  l.quantity, l.unit as "unit!", l.occurred_at as "occurred_at!",
                  e.occurred_offset_min as "occurred_offset_min!", e.production_date, e.plant as "plant!"
           from (select distinct s.key
                 from unnest($2::uuid[], $3::integer[], $4::bigint[]) as o(agent_id, epoch, seq)
                 cross join lateral (
                     select key from event_subjects s
                     where s.tenant_id = $1 and s.agent_id = o.agent_id and s.epoch = o.epoch and s.seq = o.seq
                     offset 0) s) k
           cross join lateral (
               select * from uid_links l where l.tenant_id = $1 and l.from_key = k.key offset 0) l
           join (select distinct agent_id, epoch, seq
                 from unnest($5::uuid[], $6::integer[], $7::bigint[]) as c(agent_id, epoch, seq)) c
               on c.agent_id = l.agent_id and c.epoch = l.epoch and c.seq = l.seq
           cross join lateral (
               select * from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch and e.seq = l.seq
               offset 0) e"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        &by_agents,
        &by_epochs,
        &by_seqs,
    )
    .fetch_all(tx.conn())
    .await
}

/// Pairs of UIDs that are looked up at once.
const PAIRS: usize = 100_000;

/// The links that these events made, but for what RETURNs closed. Links have no index by event;
/// but both ends are among its UIDs, so each pair that could be linked is looked up by the key of its link.
async fn links(tx: &mut Tx, events: &[EventRow], subjects: &[SubjectRow]) -> Result<Vec<LinkRow>, Error> {
    let tenant = tx.tenant();
    let mut of_event: HashMap<Place, (Vec<i64>, Vec<i64>)> = HashMap::new();
    for event in events.iter().filter(|event| LINKING.contains(&event.stage)) {
        of_event.entry(event.place()).or_default();
    }
    for subject in subjects {
        if let Some((froms, tos)) = of_event.get_mut(&(subject.agent_id, subject.epoch, subject.seq)) {
            if PARTS.contains(&subject.role) {
                froms.push(subject.key);
            }
            if WHOLES.contains(&subject.role) {
                tos.push(subject.key);
            }
        }
    }
    let mut pairs: Vec<(i64, i64, usize)> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let Some((froms, tos)) = of_event.get_mut(&event.place()) else { continue };
        for keys in [&mut *froms, &mut *tos] {
            keys.sort_unstable();
            keys.dedup();
        }
        for from in froms.iter() {
            pairs.extend(tos.iter().filter(|to| *to != from).map(|to| (*from, *to, at)));
        }
    }
    let mut all = Vec::new();
    for pairs in pairs.chunks(PAIRS) {
        let places: Vec<Place> =
            pairs.iter().filter_map(|(.., at)| events.get(*at)).map(EventRow::place).collect();
        let (agents, epochs, seqs) = columns(&places);
        let froms: Vec<i64> = pairs.iter().map(|pair| pair.0).collect();
        let tos: Vec<i64> = pairs.iter().map(|pair| pair.1).collect();
        let ats: Vec<i64> = pairs.iter().map(|pair| pair.2 as i64).collect();
        let rows = sqlx::query!(
            r#"select p.at as "at!", l.ordinal as "ordinal!", l.from_key as "from_key!", l.to_key as "to_key!",
                      l.kind as "kind!", l.effect as "effect!", l.quantity, l.unit as "unit!",
                      l.occurred_at as "occurred_at!"
               from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
                   as p(agent_id, epoch, seq, from_key, to_key, at)
               cross join lateral (
                   select * from uid_links l
                   where l.tenant_id = $1 and l.from_key = p.from_key and l.to_key = p.to_key
                     and l.agent_id = p.agent_id and l.epoch = p.epoch and l.seq = p.seq offset 0) l"#,
            tenant,
            &agents,
            &epochs,
            &seqs,
            &froms,
            &tos,
            &ats,
        )
        .fetch_all(tx.conn())
        .await?;
        all.extend(rows.into_iter().filter_map(|row| {
            let event = events.get(usize::try_from(row.at).ok()?)?;
            Some(LinkRow {
                agent_id: event.agent_id,
                epoch: event.epoch,
                seq: event.seq,
                ordinal: row.ordinal,
                from_key: row.from_key,
                to_key: row.to_key,
                kind: row.kind,
                effect: row.effect,
                quantity: row.quantity,
                unit: row.unit,
                occurred_at: row.occurred_at,
                occurred_offset_min: event.occurred_offset_min,
                production_date: event.production_date,
                plant: event.plant.clone(),
            })
        }));
    }
    Ok(all)
}

fn columns(places: &[Place]) -> (Vec<Uuid>, Vec<i32>, Vec<i64>) {
    let agents = places.iter().map(|place| place.0).collect();
    let epochs = places.iter().map(|place| place.1).collect();
    (agents, epochs, places.iter().map(|place| place.2).collect())
}
