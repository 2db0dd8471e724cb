//! All SQL of the edge service.

use chrono::NaiveDate;
use futures_util::stream::BoxStream;
use platform::db::{SystemTx, Tx};
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

/// What a stream's beginning needs of the tenant.
pub struct TenantRow {
    /// Raised when the tenant's data was restored.
    pub generation: i64,
}

/// The tenant.
pub async fn tenant(tx: &mut Tx, tenant: Uuid) -> Result<Option<TenantRow>, Error> {
    sqlx::query_as!(TenantRow, "select generation from control.tenants where tenant_id = $1", tenant,)
        .fetch_optional(tx.conn())
        .await
}

/// Raises the tenant's generation past `seen`; answers it.
pub async fn generation_raise(tx: &mut Tx, seen: i64) -> Result<i64, Error> {
    sqlx::query_scalar!("select app.raise_generation($1) as \"generation!\"", seen).fetch_one(tx.conn()).await
}

/// Writes down that two machines run under an agent's identity.
pub async fn agent_contest(tx: &mut Tx, tenant: Uuid, agent_id: Uuid) -> Result<(), Error> {
    sqlx::query!(
        "update agents set contested_at = coalesce(contested_at, now()) \
         where tenant_id = $1 and agent_id = $2",
        tenant,
        agent_id,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes down who is at the other end of a new stream. The machine stays as it
/// is when `machine_id` is `None`.
pub async fn agent_connected(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    machine_id: Option<&str>,
    software: &str,
) -> Result<(), Error> {
    sqlx::query!(
        "update agents set machine_id = coalesce($3, machine_id), \
         previous_machine_id = case when $3 <> machine_id then machine_id else previous_machine_id end, \
         machine_since = case when $3 <> machine_id then now() else machine_since end, \
         software = $4, last_seen_at = now(), \
         status = case when status = 'expected' then 'enrolled' else status end, \
         enrolled_at = coalesce(enrolled_at, now()) \
         where tenant_id = $1 and agent_id = $2",
        tenant,
        agent_id,
        machine_id,
        software,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The epoch in which an agent may mint, and whether it is contested.
pub struct Standing {
    /// Epoch.
    pub epoch: i32,
    /// Two machines seem to run under its identity.
    pub contested: bool,
}

/// Writes down an agent's state; answers how it stands.
pub async fn agent_status(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    queued: i64,
) -> Result<Option<Standing>, Error> {
    sqlx::query_as!(
        Standing,
        "update agents set queued_events = $3, last_seen_at = now() \
         where tenant_id = $1 and agent_id = $2 \
         returning epoch, contested_at is not null as \"contested!\"",
        tenant,
        agent_id,
        queued,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Writes down which reference data an agent has applied, in which generation.
pub async fn agent_reference(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    version: i64,
    generation: i64,
) -> Result<(), Error> {
    sqlx::query!(
        "update agents set reference_version = $3, reference_generation = $4, last_seen_at = now() \
         where tenant_id = $1 and agent_id = $2",
        tenant,
        agent_id,
        version,
        generation,
    )
    .execute(tx.conn())
    .await?;
    // Since when it has each hold, as it was first told.
    sqlx::query!(
        "insert into hold_receipts (tenant_id, hold_id, agent_id) \
         select $1, h.hold_id, $2 from holds h \
         join hold_parts p on p.tenant_id = $1 and p.hold_id = h.hold_id and p.part = 0 \
         where h.tenant_id = $1 and h.status = 'placed' and p.told_version <= $3 and p.told_generation <= $4 \
           and not exists (select from hold_receipts r where r.tenant_id = $1 and r.hold_id = h.hold_id \
                           and r.agent_id = $2) \
         on conflict do nothing",
        tenant,
        agent_id,
        version,
        generation,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the agent was enrolled before or has sent anything.
pub async fn agent_enrolled_before(tx: &mut Tx, tenant: Uuid, agent_id: Uuid) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from agents where tenant_id = $1 and agent_id = $2 \
           and (enrolled_at is not null or machine_id is not null)) \
         or exists (select from ingest_cursors where tenant_id = $1 and agent_id = $2 and through_seq > 0) \
         as \"before!\"",
        tenant,
        agent_id,
    )
    .fetch_one(tx.conn())
    .await
}

/// Writes down an enrolment; answers the epoch in which the agent begins.
pub async fn agent_enrol(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    machine_id: &str,
) -> Result<Option<i32>, Error> {
    sqlx::query_scalar!(
        "update agents set status = 'enrolled', enrolled_at = now(), machine_id = nullif($3, ''), \
         previous_machine_id = null, machine_since = null, contested_at = null \
         where tenant_id = $1 and agent_id = $2 and status <> 'revoked' returning epoch",
        tenant,
        agent_id,
        machine_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// How a certificate of an open stream stands.
pub struct Shut {
    /// The certificate.
    pub fingerprint: Vec<u8>,
    /// It was revoked.
    pub revoked: bool,
    /// Its tenant's status.
    pub tenant_status: String,
}

/// How these certificates stand now.
pub async fn shut(system: &mut SystemTx, fingerprints: &[&[u8]]) -> Result<Vec<Shut>, Error> {
    sqlx::query_as!(
        Shut,
        r#"select c.fingerprint, c.revoked_at is not null as "revoked!", t.status as tenant_status
           from control.certificates c join control.tenants t using (tenant_id)
           where c.fingerprint = any($1)"#,
        fingerprints as _,
    )
    .fetch_all(system.conn())
    .await
}

/// The tenant's newest reference version.
pub async fn reference_version(tx: &mut Tx, tenant: Uuid) -> Result<i64, Error> {
    let version =
        sqlx::query_scalar!("select reference_version from tenant_counters where tenant_id = $1", tenant)
            .fetch_optional(tx.conn())
            .await?;
    Ok(version.unwrap_or(0))
}

/// A row of reference data.
pub struct ReferenceRow {
    /// Kind.
    pub kind: String,
    /// Id within the kind.
    pub id: String,
    /// The tenant's newest version at the moment of the reading.
    pub head: i64,
    /// Body as JSON text.
    pub json: String,
    /// Gone.
    pub deleted: bool,
}

/// Every row that a plant is to know and that changed after `after`, holds
/// first, read as they are asked for. All are of one moment. Of deleted rows a full
/// set (`after` = 0) has only those of holds that this plant placed and the office
/// released: it has such a hold on its label as well, and cannot tell from the row's
/// absence whether the office has heard of it at all. No other plant has it there: what
/// the office tells of a label names no holds.
pub fn reference_rows<'a>(
    tx: &'a mut Tx,
    tenant: Uuid,
    plant: &'a str,
    after: i64,
) -> BoxStream<'a, Result<ReferenceRow, Error>> {
    sqlx::query_as!(
        ReferenceRow,
        r#"select kind, id, body::text as "json!", deleted,
               coalesce((select c.reference_version from tenant_counters c where c.tenant_id = $1), 0) as "head!"
           from reference_rows
           where tenant_id = $1 and (plant = '' or plant = $2) and version > $3
             and (not deleted or $3 > 0
                  or (kind = 'hold' and body->'lifted' = 'true'
                      and exists (select from holds h
                                  left join agents a on a.tenant_id = $1 and a.agent_id = h.placed_agent
                                  where h.tenant_id = $1
                                    and h.hold_id = case when body->'lifted' = 'true' then id::uuid end
                                    and coalesce(a.plant_code = $2, true))))
           order by (kind = 'hold') desc, version, kind, id"#,
        tenant,
        plant,
        after,
    )
    .fetch(tx.conn())
}

/// Most labels in one that an answer names.
pub const MOST_CHILDREN: i64 = 5_000;

/// What the registry knows of a label.
pub struct LabelRow {
    /// Item code.
    pub item: String,
    /// Lot.
    pub lot_id: Option<Uuid>,
    /// Container or unit.
    pub container: bool,
    /// What is left in it.
    pub quantity: Option<Decimal>,
    /// Base unit.
    pub unit: String,
    /// Life state.
    pub life: i16,
    /// Quality state.
    pub quality: i16,
    /// Custody state.
    pub custody: i16,
    /// Place.
    pub location: String,
    /// The whole that it is in.
    pub parent_key: Option<i64>,
    /// Order it is issued to or made for.
    pub order_number: String,
    /// Where it is on the way to.
    pub to_plant: Option<String>,
    /// Labels in it now, at most one more than [`MOST_CHILDREN`].
    pub children: Vec<i64>,
    /// Things were packed into it.
    pub package: bool,
    /// When its lot expires.
    pub expires_on: Option<NaiveDate>,
}

/// One label's row.
pub async fn label(tx: &mut Tx, tenant: Uuid, key: i64) -> Result<Option<LabelRow>, Error> {
    sqlx::query_as!(
        LabelRow,
        r#"select r.item, r.lot_id, r.container, r.quantity, r.unit, r.life, r.quality, r.custody, r.location,
               r.parent_key, r.order_number,
               (select t.to_plant from transfers t where t.tenant_id = $1 and t.key = $2 and t.arrived_at is null
                order by t.left_at desc limit 1) as to_plant,
               array(select c.key from uid_registry c where c.tenant_id = $1 and c.parent_key = $2
                     order by c.key limit $3) as "children!",
               coalesce((select sum(case effect when 1 then 1 when 3 then -1 else 0 end) from uid_links l
                         where l.tenant_id = $1 and l.to_key = $2 and l.kind = 3), 0) > 0 as "package!",
               (select o.expires_on from lots o where o.tenant_id = $1 and o.lot_id = r.lot_id) as expires_on
           from uid_registry r where r.tenant_id = $1 and r.key = $2"#,
        tenant,
        key,
        MOST_CHILDREN + 1,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One event of a label, as its answer needs it.
pub struct LabelEvent {
    /// Its id.
    pub event_id: Uuid,
    /// Stage number.
    pub stage: i16,
    /// Action number.
    pub action: i16,
    /// Station.
    pub station: String,
    /// Operation code.
    pub operation: String,
    /// Attempt.
    pub attempt: i32,
    /// Outcome number.
    pub outcome: i16,
    /// Which event of the UID it is, as its agent counted.
    pub count: i32,
    /// Role of the UID in it.
    pub role: i16,
}

/// The newest events of a label, oldest first; bounded.
pub async fn label_events(tx: &mut Tx, tenant: Uuid, key: i64) -> Result<Vec<LabelEvent>, Error> {
    let mut events = sqlx::query_as!(
        LabelEvent,
        "select e.event_id, e.stage, e.action, e.station, e.operation, e.attempt, e.outcome, s.count, s.role \
         from event_subjects s join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id \
              and e.epoch = s.epoch and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = $2 and e.stage <> 37 \
         order by e.occurred_at desc, e.agent_id desc, e.epoch desc, e.seq desc limit 500",
        tenant,
        key,
    )
    .fetch_all(tx.conn())
    .await?;
    events.reverse();
    Ok(events)
}

/// What an agent told of a label and another agent has corrected, whether or not the
/// correction stands.
pub async fn corrected_by_others(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    key: i64,
) -> Result<Vec<Uuid>, Error> {
    sqlx::query_scalar!(
        "select distinct e.event_id from event_subjects s \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
             and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = $2 and s.agent_id = $3 and e.stage <> 36 \
           and exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id \
                       and c.agent_id <> $3) \
         order by 1",
        tenant,
        key,
        agent_id,
    )
    .fetch_all(tx.conn())
    .await
}

/// The last event of an agent about a label, of those that an agent keeps as its last: labels
/// printed, refusals, what was lost and a machine's readings beside the work are not.
pub async fn last_of_agent(
    tx: &mut Tx,
    tenant: Uuid,
    agent_id: Uuid,
    key: i64,
) -> Result<Option<Uuid>, Error> {
    sqlx::query_scalar!(
        "select e.event_id from event_subjects s \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
             and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = $2 and s.agent_id = $3 and e.stage not in (0, 1, 2, 6, 37, 38) \
           and not (e.stage in (16, 17) and e.action = 0 and e.machine <> '') \
         order by s.epoch desc, s.seq desc limit 1",
        tenant,
        key,
        agent_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Whether something that was told of a label, and may change it, does not show in its state yet:
/// the last of what each stream told of it, since batches count in their order. A refusal may
/// not: the scan that asks has made one.
pub async fn is_behind(tx: &mut Tx, tenant: Uuid, key: i64) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from \
             (select s.agent_id, s.epoch, max(s.seq) as seq from event_subjects s \
              join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
                  and e.seq = s.seq and e.stage not in (0, 1, 2, 6, 37, 38) \
              where s.tenant_id = $1 and s.key = $2 group by s.agent_id, s.epoch) n \
         cross join lateral (select b.batch_id from ingest_batches b \
             where b.tenant_id = $1 and b.agent_id = n.agent_id and b.epoch = n.epoch \
               and b.to_seq >= n.seq and b.from_seq <= n.seq order by b.to_seq limit 1) b \
         where b.batch_id > coalesce((select c.through_batch from projection_cursors c \
             where c.tenant_id = $1 and c.projection = $3), 0)) as \"behind!\"",
        tenant,
        key,
        crate::projection::PROJECTION,
    )
    .fetch_one(tx.conn())
    .await
}
