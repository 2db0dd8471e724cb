//! The stored rows of events, as the check of proofs reads them. Every statement names the
//! tenant beside the policy.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use super::compare::{LinkAt, Stored, SubjectAt};
use super::store::Leaves;
use crate::explore::order::Stamp;
use crate::ingest::rows::{AliasRow, EventRow, LinkRow, LotRow, ReadingRow, ReferenceRow, SubjectRow};

/// Links of one UID that are looked at along with an event; the rest with the UID.
pub const MOST_LINKS: i64 = 1000;
/// Most events without a leaf that are told of one table at a time.
const MOST_STRAYS: i64 = 20;

/// Consecutive events of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The agent.
    pub agent: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// The first.
    pub from: i64,
    /// The last.
    pub to: i64,
}

impl Span {
    /// Spans of batches, joined where one goes on where another ends.
    #[must_use]
    pub fn of(batches: &[Leaves]) -> Vec<Self> {
        let span = |b: &Leaves| Self { agent: b.agent_id, epoch: b.epoch, from: b.from_seq, to: b.to_seq };
        let mut spans: Vec<Self> = batches.iter().map(span).collect();
        spans.sort_unstable();
        spans.dedup_by(|next, last| {
            let joins = (next.agent, next.epoch) == (last.agent, last.epoch) && next.from <= last.to + 1;
            if joins {
                last.to = last.to.max(next.to);
            }
            joins
        });
        spans
    }
}

/// Everything that is stored of the events of these spans, but their links.
pub async fn load(tx: &mut Tx, spans: &[Span]) -> Result<HashMap<Stamp, Stored>, Error> {
    let mut all = HashMap::new();
    for span in spans {
        events(tx, *span, &mut all).await?;
        subjects(tx, *span, &mut all).await?;
        references(tx, *span, &mut all).await?;
        readings(tx, *span, &mut all).await?;
        notes(tx, *span, &mut all).await?;
    }
    Ok(all)
}

fn of(all: &mut HashMap<Stamp, Stored>, span: Span, seq: i64) -> &mut Stored {
    all.entry(Stamp { agent: span.agent, epoch: span.epoch, seq }).or_default()
}

async fn events(tx: &mut Tx, span: Span, all: &mut HashMap<Stamp, Stored>) -> Result<(), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select seq, event_id, stage, action, occurred_at, occurred_offset_min, recorded_at, plant, station, \
             operator_id, shift, production_date, location, operation, attempt, outcome, accepted_quantity, \
             rejected_quantity, reason, machine, overridden_by, corrects, reference_type, reference_number, \
             payload \
         from lifecycle_events where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= $4 and seq <= $5",
        tenant,
        span.agent,
        span.epoch,
        span.from,
        span.to,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        let event = EventRow {
            event_id: row.event_id,
            stage: row.stage,
            action: row.action,
            occurred_at: row.occurred_at,
            occurred_offset_min: row.occurred_offset_min,
            recorded_at: row.recorded_at,
            plant: row.plant,
            station: row.station,
            operator_id: row.operator_id,
            shift: row.shift,
            production_date: row.production_date,
            location: row.location,
            operation: row.operation,
            attempt: row.attempt,
            outcome: row.outcome,
            accepted_quantity: row.accepted_quantity,
            rejected_quantity: row.rejected_quantity,
            reason: row.reason,
            machine: row.machine,
            overridden_by: row.overridden_by,
            corrects: row.corrects,
            reference_type: row.reference_type,
            reference_number: row.reference_number,
            note_hash: None,
        };
        of(all, span, row.seq).event = Some((event, row.payload));
    }
    Ok(())
}

async fn subjects(tx: &mut Tx, span: Span, all: &mut HashMap<Stamp, Stored>) -> Result<(), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select s.seq, s.ordinal, s.key, s.role, s.quantity, s.unit, s.quantity2, s.unit2, s.count, s.mint, \
             s.item, s.lot_id, coalesce(s.occurred_at, (select e.occurred_at from lifecycle_events e \
                 where e.tenant_id = $1 and e.agent_id = $2 and e.epoch = $3 and e.seq = s.seq)) as occurred_at \
         from event_subjects s \
         where s.tenant_id = $1 and s.agent_id = $2 and s.epoch = $3 and s.seq >= $4 and s.seq <= $5 \
         order by s.seq, s.ordinal, s.key",
        tenant,
        span.agent,
        span.epoch,
        span.from,
        span.to,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        let subject = SubjectRow {
            ordinal: row.ordinal,
            key: row.key,
            role: row.role,
            quantity: row.quantity,
            unit: row.unit,
            quantity2: row.quantity2,
            unit2: row.unit2,
            count: row.count,
            mint: row.mint,
            item: row.item,
            lot_id: row.lot_id,
            container: false,
        };
        let subject = SubjectAt { occurred_at: row.occurred_at, row: subject };
        of(all, span, row.seq).rows.subjects.push(subject);
    }
    Ok(())
}

async fn references(tx: &mut Tx, span: Span, all: &mut HashMap<Stamp, Stored>) -> Result<(), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select seq, ordinal, type as kind, number, line from event_references \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= $4 and seq <= $5 \
         order by seq, ordinal, number",
        tenant,
        span.agent,
        span.epoch,
        span.from,
        span.to,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        let (ordinal, kind, number, line) = (row.ordinal, row.kind, row.number, row.line);
        of(all, span, row.seq).rows.references.push(ReferenceRow { ordinal, kind, number, line });
    }
    Ok(())
}

async fn readings(tx: &mut Tx, span: Span, all: &mut HashMap<Stamp, Stored>) -> Result<(), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select seq, ordinal, name, value, unit, quality, low, high, taken_at from event_readings \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= $4 and seq <= $5 order by seq, ordinal",
        tenant,
        span.agent,
        span.epoch,
        span.from,
        span.to,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        of(all, span, row.seq).rows.readings.push(ReadingRow {
            ordinal: row.ordinal,
            name: row.name,
            value: row.value,
            unit: row.unit,
            quality: row.quality,
            low: row.low,
            high: row.high,
            taken_at: row.taken_at,
        });
    }
    Ok(())
}

/// Of the free texts beside events the hash alone leaves the database: they may be about people.
async fn notes(tx: &mut Tx, span: Span, all: &mut HashMap<Stamp, Stored>) -> Result<(), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select seq, sha256(salt || convert_to(note, 'UTF8')) as "hash!" from event_notes
           where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= $4 and seq <= $5"#,
        tenant,
        span.agent,
        span.epoch,
        span.from,
        span.to,
    )
    .fetch_all(tx.conn())
    .await?;
    for row in rows {
        of(all, span, row.seq).note = row.hash.try_into().ok();
    }
    Ok(())
}

/// When an event was recorded, and its bytes.
pub async fn payload_at(tx: &mut Tx, at: Stamp) -> Result<Option<(DateTime<Utc>, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select recorded_at, payload from lifecycle_events \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq = $4",
        tenant,
        at.agent,
        at.epoch,
        at.seq,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.recorded_at, row.payload)))
}

/// A row of `uid_links`.
pub struct StoredLink {
    /// The agent of its event.
    pub agent_id: Uuid,
    /// The event's epoch.
    pub epoch: i32,
    /// The event's number.
    pub seq: i64,
    /// Its place among the links of its event.
    pub ordinal: i16,
    /// The event's time.
    pub occurred_at: DateTime<Utc>,
    /// From there.
    pub from_key: i64,
    /// To there.
    pub to_key: i64,
    /// Which kind.
    pub kind: i16,
    /// What it does.
    pub effect: i16,
    /// How much.
    pub quantity: Option<Decimal>,
    /// In this unit.
    pub unit: String,
}

impl StoredLink {
    /// Its event, and the link in the form in which it is compared.
    pub fn told(self) -> (Stamp, LinkAt) {
        let stamp = Stamp { agent: self.agent_id, epoch: self.epoch, seq: self.seq };
        let (from_key, to_key, kind, effect) = (self.from_key, self.to_key, self.kind, self.effect);
        let link = LinkRow { from_key, to_key, kind, effect, quantity: self.quantity, unit: self.unit };
        (stamp, LinkAt { ordinal: self.ordinal, occurred_at: self.occurred_at, link })
    }
}

/// Stored links of these places.
pub async fn links_at(tx: &mut Tx, at: &[(Stamp, LinkAt)]) -> Result<Vec<(Stamp, LinkAt)>, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = at.iter().map(|(stamp, _)| stamp.agent).collect();
    let epochs: Vec<i32> = at.iter().map(|(stamp, _)| stamp.epoch).collect();
    let seqs: Vec<i64> = at.iter().map(|(stamp, _)| stamp.seq).collect();
    let ordinals: Vec<i16> = at.iter().map(|(_, link)| link.ordinal).collect();
    let from: Vec<i64> = at.iter().map(|(_, link)| link.link.from_key).collect();
    let to: Vec<i64> = at.iter().map(|(_, link)| link.link.to_key).collect();
    let rows = sqlx::query_as!(
        StoredLink,
        "select l.agent_id, l.epoch, l.seq, l.ordinal, l.occurred_at, l.from_key, l.to_key, l.kind, l.effect, \
             l.quantity, l.unit \
         from unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::integer[], $6::bigint[], $7::smallint[]) \
             as u(from_key, to_key, agent_id, epoch, seq, ordinal) \
         join uid_links l on l.tenant_id = $1 and l.from_key = u.from_key and l.to_key = u.to_key \
             and l.agent_id = u.agent_id and l.epoch = u.epoch and l.seq = u.seq and l.ordinal = u.ordinal \
         order by l.ordinal",
        tenant,
        &from,
        &to,
        &agents,
        &epochs,
        &seqs,
        &ordinals,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(StoredLink::told).collect())
}

/// A stored link, and what its event could have to do with it.
#[derive(Debug, Clone)]
pub struct Linked {
    /// The event.
    pub stamp: Stamp,
    /// The link.
    pub link: LinkAt,
    /// Its event names the UID that it leads from.
    pub could: bool,
    /// What its event corrects.
    pub corrects: Option<Uuid>,
}

/// Stored links that lead from these UIDs, the first [`MOST_LINKS`] of each.
pub async fn links_from(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Linked>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select l.agent_id as "agent_id!", l.epoch as "epoch!", l.seq as "seq!", l.ordinal as "ordinal!",
                  l.occurred_at as "occurred_at!", l.from_key as "from_key!", l.to_key as "to_key!",
                  l.kind as "kind!", l.effect as "effect!", l.quantity, l.unit as "unit!",
                  exists (select from event_subjects s
                          where s.tenant_id = $1 and s.key = l.from_key and s.agent_id = l.agent_id
                            and s.epoch = l.epoch and s.seq = l.seq) as "could!",
                  (select e.corrects from lifecycle_events e
                   where e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch
                     and e.seq = l.seq) as corrects
           from unnest($2::bigint[]) as u(key)
           cross join lateral (select * from uid_links k where k.tenant_id = $1 and k.from_key = u.key
               order by k.to_key, k.agent_id, k.epoch, k.seq, k.ordinal limit $3) as l"#,
        tenant,
        keys,
        MOST_LINKS,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
            let (from_key, to_key, kind, effect) = (row.from_key, row.to_key, row.kind, row.effect);
            let link = LinkRow { from_key, to_key, kind, effect, quantity: row.quantity, unit: row.unit };
            let link = LinkAt { ordinal: row.ordinal, occurred_at: row.occurred_at, link };
            Linked { stamp, link, could: row.could, corrects: row.corrects }
        })
        .collect())
}

/// The birth of a UID as the registry has it.
#[derive(Debug, Clone)]
pub struct Born {
    /// The UID.
    pub key: i64,
    /// The event.
    pub stamp: Stamp,
    /// Its time.
    pub at: DateTime<Utc>,
    /// A container with a quantity.
    pub container: bool,
}

/// Births of these UIDs, as far as the registry has them.
pub async fn births(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Born>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, born_agent, born_epoch, born_seq, born_at, container from uid_registry \
         where tenant_id = $1 and key = any($2)",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let stamp = Stamp { agent: row.born_agent, epoch: row.born_epoch, seq: row.born_seq };
            Born { key: row.key, stamp, at: row.born_at, container: row.container }
        })
        .collect())
}

/// Those of these aliases that stand.
pub async fn aliases(tx: &mut Tx, of: &[AliasRow]) -> Result<Vec<AliasRow>, Error> {
    let tenant = tx.tenant();
    let (aliases, keys): (Vec<String>, Vec<i64>) = of.iter().map(|row| (row.alias.clone(), row.key)).unzip();
    sqlx::query_as!(
        AliasRow,
        "select a.alias, a.key from unnest($2::text[], $3::bigint[]) as u(alias, key) \
         join uid_aliases a on a.tenant_id = $1 and a.alias = u.alias and a.key = u.key",
        tenant,
        &aliases,
        &keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Lots of these ids.
pub async fn lots(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<LotRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        LotRow,
        "select lot_id, item, supplier, supplier_lot, made_on, expires_on, owner from lots \
         where tenant_id = $1 and lot_id = any($2)",
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await
}

/// Bytes of events in which UIDs of a lot were born: some of them tell of the lot.
pub async fn tellers_of_lot(tx: &mut Tx, lot: Uuid) -> Result<Vec<Vec<u8>>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select e.payload from (select distinct born_agent, born_epoch, born_seq from uid_registry \
             where tenant_id = $1 and lot_id = $2 limit 200) as r \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = r.born_agent and e.epoch = r.born_epoch \
             and e.seq = r.born_seq",
        tenant,
        lot,
    )
    .fetch_all(tx.conn())
    .await
}

/// Events of which rows stand in a table and none has a leaf, nor will get one: the first
/// [`MOST_STRAYS`] of each table, by place and table. `through` is the last batch in the tree.
pub async fn strays(tx: &mut Tx, through: i64) -> Result<Vec<(Stamp, &'static str)>, Error> {
    let streams = streams(tx).await?;
    let mut found = Vec::new();
    // Their batches are read anew for each table, and once more for what was found: what was
    // taken in meanwhile has one by then.
    for (table, agent, epoch) in streams {
        let mut from = i64::MIN;
        let mut gaps = Vec::new();
        for (first, last) in known(tx, through, agent, epoch).await? {
            if first > from {
                gaps.push((from, first - 1));
            }
            from = last + 1;
        }
        gaps.push((from, i64::MAX));
        let (lows, highs): (Vec<i64>, Vec<i64>) = gaps.into_iter().unzip();
        for seq in within(tx, table, (agent, epoch), (&lows, &highs)).await? {
            if !awaited(tx, through, Stamp { agent, epoch, seq }).await? {
                found.push((Stamp { agent, epoch, seq }, table));
            }
        }
    }
    Ok(found)
}

/// Tables whose rows belong to events.
pub const TABLES: [&str; 5] =
    ["lifecycle_events", "event_subjects", "event_references", "event_readings", "event_notes"];

/// The streams of which rows stand in each table. Skips from one to the next by the index.
async fn streams(tx: &mut Tx) -> Result<Vec<(&'static str, Uuid, i32)>, Error> {
    let tenant = tx.tenant();
    let mut all = Vec::new();
    for table in TABLES {
        let sql = format!(
            "with recursive s(agent_id, epoch) as ( \
                 (select agent_id, epoch from {table} where tenant_id = $1 order by agent_id, epoch limit 1) \
               union all \
                 select n.agent_id, n.epoch from s cross join lateral ( \
                     select t.agent_id, t.epoch from {table} t \
                     where t.tenant_id = $1 and (t.agent_id, t.epoch) > (s.agent_id, s.epoch) \
                     order by t.agent_id, t.epoch limit 1) as n) \
             select agent_id, epoch from s"
        );
        let rows: Vec<(Uuid, i32)> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(tenant).fetch_all(tx.conn()).await?;
        all.extend(rows.into_iter().map(|(agent, epoch)| (table, agent, epoch)));
    }
    Ok(all)
}

/// Which events of a stream have a leaf or will get one, in spans.
async fn known(tx: &mut Tx, through: i64, agent: Uuid, epoch: i32) -> Result<Vec<(i64, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select min(from_seq) as "from!", max(to_seq) as "to!"
           from (select from_seq, to_seq, count(*) filter (where before is distinct from from_seq - 1)
                     over (order by from_seq, to_seq) as island
                 from (select from_seq, to_seq, lag(to_seq) over (order by from_seq, to_seq) as before
                       from (select from_seq, to_seq from proof_batches
                             where tenant_id = $1 and agent_id = $2 and epoch = $3
                             union all
                             select from_seq, to_seq from ingest_batches
                             where tenant_id = $1 and agent_id = $2 and epoch = $3 and batch_id > $4) as b) as c) as d
           group by island order by 1"#,
        tenant,
        agent,
        epoch,
        through,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.from, row.to)).collect())
}

/// Events of a stream with rows in a table, within some spans.
async fn within(
    tx: &mut Tx,
    table: &str,
    (agent, epoch): (Uuid, i32),
    (lows, highs): (&[i64], &[i64]),
) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    let sql = format!(
        "select distinct t.seq from unnest($4::bigint[], $5::bigint[]) as g(low, high) \
         cross join lateral (select seq from {table} \
             where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq >= g.low and seq <= g.high \
             order by seq limit {MOST_STRAYS}) as t \
         order by 1 limit {MOST_STRAYS}"
    );
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(agent)
        .bind(epoch)
        .bind(lows)
        .bind(highs)
        .fetch_all(tx.conn())
        .await
}

/// Whether an event is of a batch that is still to be taken into the tree.
async fn awaited(tx: &mut Tx, through: i64, at: Stamp) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from ingest_batches where tenant_id = $1 and agent_id = $2 and epoch = $3
               and to_seq >= $4 and from_seq <= $4 and batch_id > $5) as "awaited!""#,
        tenant,
        at.agent,
        at.epoch,
        at.seq,
        through,
    )
    .fetch_one(tx.conn())
    .await
}
