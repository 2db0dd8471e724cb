//! All SQL of passports.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde::{Deserialize, Serialize};
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

/// What a tenant shows of its units.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = PassportSettings)]
pub struct Settings {
    /// Passports can be seen at all.
    pub shown: bool,
    /// The item's code and name.
    pub item: bool,
    /// The day on which it was made.
    pub made_on: bool,
    /// The plant at which it was made.
    pub made_at: bool,
    /// Suppliers of what is in it.
    pub suppliers: bool,
    /// Inspections that it passed.
    pub inspections: bool,
    /// Certificates, a line each.
    #[schema(max_length = 2000)]
    pub certificates: String,
    /// Whom to ask.
    #[schema(max_length = 500)]
    pub contact: String,
    /// That its history is proven, and the proof to take along.
    pub proof: bool,
    /// For a change that must not overwrite another's; 0 before the first.
    pub version: i32,
}

/// The settings; `None` before they were first set.
pub async fn settings(tx: &mut Tx) -> Result<Option<Settings>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Settings,
        "select shown, item, made_on, made_at, suppliers, inspections, certificates, contact, proof, version \
         from passport_settings where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Sets them over those of the version that they name; `false` when there are others by
/// now.
pub async fn settings_set(tx: &mut Tx, set: &Settings) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into passport_settings as s (tenant_id, shown, item, made_on, made_at, suppliers, inspections, \
             certificates, contact, proof) \
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
         where $11 = 0 or exists (select from passport_settings where tenant_id = $1) \
         on conflict (tenant_id) do update set shown = excluded.shown, item = excluded.item, \
             made_on = excluded.made_on, made_at = excluded.made_at, suppliers = excluded.suppliers, \
             inspections = excluded.inspections, certificates = excluded.certificates, \
             contact = excluded.contact, proof = excluded.proof, version = s.version + 1 \
         where s.version = $11",
        tenant,
        set.shown,
        set.item,
        set.made_on,
        set.made_at,
        set.suppliers,
        set.inspections,
        set.certificates,
        set.contact,
        set.proof,
        set.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A passport.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Row {
    pub passport_id: Uuid,
    pub key: i64,
    pub sealed: Vec<u8>,
    pub gtin: String,
    pub ended_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
}

/// Keeps a passport; `false` when the unit has one that is good.
pub async fn insert(
    tx: &mut Tx,
    (id, key): (Uuid, i64),
    key_hash: &[u8],
    sealed: &[u8],
    gtin: &str,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into passports (tenant_id, passport_id, key, key_hash, sealed, gtin) \
         values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, key) where ended_at is null do nothing",
        tenant,
        id,
        key,
        key_hash,
        sealed,
        gtin,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The good passport of a unit.
pub async fn of_unit(tx: &mut Tx, key: i64) -> Result<Option<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "select passport_id, key, sealed, gtin, ended_at, created_at from passports \
         where tenant_id = $1 and key = $2 and ended_at is null",
        tenant,
        key,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A passport by its id.
pub async fn get(tx: &mut Tx, id: Uuid) -> Result<Option<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "select passport_id, key, sealed, gtin, ended_at, created_at from passports \
         where tenant_id = $1 and passport_id = $2",
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The unit of the good passport of that key, and its GTIN.
pub async fn by_hash(tx: &mut Tx, key_hash: &[u8]) -> Result<Option<(i64, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select key, gtin from passports where tenant_id = $1 and key_hash = $2 and ended_at is null",
        tenant,
        key_hash,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.key, row.gtin)))
}

/// Passports that are good, the newest first, from below that id on.
pub async fn list(tx: &mut Tx, before: Uuid, limit: i64) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "select passport_id, key, sealed, gtin, ended_at, created_at from passports \
         where tenant_id = $1 and passport_id < $2 and ended_at is null order by passport_id desc limit $3",
        tenant,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Ends a passport; `false` when it is no good one.
pub async fn end(tx: &mut Tx, id: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update passports set ended_at = $3, version = version + 1 \
         where tenant_id = $1 and passport_id = $2 and ended_at is null",
        tenant,
        id,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Replaces how a key is sealed.
pub async fn seal(tx: &mut Tx, id: Uuid, sealed: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update passports set sealed = $3 where tenant_id = $1 and passport_id = $2",
        tenant,
        id,
        sealed,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A unit, as far as a passport tells of it.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Unit {
    pub item: String,
    pub container: bool,
    pub life: i16,
    /// The type that the master of items says; `None` where it has no such item.
    pub type_code: Option<String>,
    /// A hold on it stands.
    pub held: bool,
    pub born_at: DateTime<Utc>,
    pub born_agent: Uuid,
    pub born_epoch: i32,
    pub born_seq: i64,
}

/// What is known of a UID.
pub async fn unit(tx: &mut Tx, key: i64) -> Result<Option<Unit>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Unit,
        r#"select r.item, r.container, r.life,
                  (select i.type_code from items i where i.tenant_id = $1 and i.item = r.item) as type_code,
                  exists (select from hold_members m
                          join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id and h.status = 'placed'
                          where m.tenant_id = $1 and m.key = r.key and m.left_at is null) as "held!",
                  r.born_at, r.born_agent, r.born_epoch, r.born_seq
           from uid_registry r where r.tenant_id = $1 and r.key = $2"#,
        tenant,
        key,
    )
    .fetch_optional(tx.conn())
    .await
}

/// An item's GTIN, and its name in a language where it has one in it.
pub async fn item(tx: &mut Tx, item: &str, language: &str) -> Result<Option<(String, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select coalesce(gtin, '') as "gtin!", coalesce(nullif(names->>$3, ''), name) as "name!"
           from items where tenant_id = $1 and item = $2"#,
        tenant,
        item,
        language,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.gtin, row.name)))
}

/// The name and the time zone of the plant where an event was.
pub async fn plant_of(tx: &mut Tx, unit: &Unit) -> Result<Option<(String, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select p.name, p.time_zone from lifecycle_events e \
         join plants p on p.tenant_id = $1 and p.code = e.plant \
         where e.tenant_id = $1 and e.agent_id = $2 and e.epoch = $3 and e.seq = $4",
        tenant,
        unit.born_agent,
        unit.born_epoch,
        unit.born_seq,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.name, row.time_zone)))
}

/// Most results of inspections of one unit that are looked at; nothing is inspected so often.
const MOST_RESULTS: i64 = 1000;

/// What an inspection of a unit said.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct Looked {
    pub event_id: Uuid,
    pub occurred_at: DateTime<Utc>,
    pub operation: String,
    pub outcome: i16,
}

/// Inspections of a unit that have a result, the latest first, those that were corrected away too.
pub async fn inspections(tx: &mut Tx, key: i64) -> Result<Vec<Looked>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Looked,
        r#"select e.event_id, e.occurred_at, e.operation, e.outcome
           from (select distinct agent_id, epoch, seq from event_subjects
                 where tenant_id = $1 and key = $2) s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           where e.stage = 7 and e.outcome <> 0
           order by e.occurred_at desc, e.epoch desc, e.seq desc, e.event_id limit $3"#,
        tenant,
        key,
        MOST_RESULTS,
    )
    .fetch_all(tx.conn())
    .await
}
