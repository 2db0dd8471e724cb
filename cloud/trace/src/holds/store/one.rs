//! One hold, as it is looked at.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

/// Whether there is such an active person; `owner` is as actors are written.
pub async fn person_known(tx: &mut Tx, owner: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let Some(user) = owner.strip_prefix("user:").and_then(|id| id.parse::<Uuid>().ok()) else {
        return Ok(false);
    };
    sqlx::query_scalar!(
        "select exists (select from users where tenant_id = $1 and user_id = $2 and status <> 'disabled' \
                        and deleted_at is null) as \"known!\"",
        tenant,
        user,
    )
    .fetch_one(tx.conn())
    .await
}

/// Most people that a list offers.
pub const MOST_PEOPLE: i64 = 500;

/// Active people, by name; at most `limit`.
pub async fn people(tx: &mut Tx, limit: i64) -> Result<Vec<(Uuid, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select user_id, name from users where tenant_id = $1 and status = 'active' and deleted_at is null \
         order by name, user_id limit $2",
        tenant,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.user_id, row.name)).collect())
}

/// The name of a person, as actors are written.
pub async fn name(tx: &mut Tx, actor: &str) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    let Some(user) = actor.strip_prefix("user:").and_then(|id| id.parse::<Uuid>().ok()) else {
        return Ok(None);
    };
    sqlx::query_scalar!("select name from users where tenant_id = $1 and user_id = $2", tenant, user)
        .fetch_optional(tx.conn())
        .await
}

/// Reason codes that are offered for holds, with their texts.
pub async fn reasons(tx: &mut Tx) -> Result<Vec<(String, Value)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select reason, texts from reasons where tenant_id = $1 and purpose = 'hold' and deleted_at is null \
         order by reason limit 200",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.reason, row.texts)).collect())
}

/// The recall whose hold this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfRecall {
    /// The recall.
    pub recall_id: Uuid,
    /// Its number.
    pub number: String,
    /// Why it recalls.
    pub reason: String,
    /// It is in force and the hold stands: what is held is recalled.
    pub in_force: bool,
}

/// The recall that placed a hold; `None` of a hold that no recall placed.
pub async fn of_recall(tx: &mut Tx, hold_id: Uuid) -> Result<Option<OfRecall>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        OfRecall,
        r#"select r.recall_id, r.number, r.reason, r.status = 'active' and h.status = 'placed' as "in_force!"
           from holds h
           join recalls r on r.tenant_id = $1 and r.recall_id = (h.scope->>'recall')::uuid
           where h.tenant_id = $1 and h.hold_id = $2 and h.scope->>'what' = 'recall'"#,
        tenant,
        hold_id,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A hold's row.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct OneRow {
    pub reason: String,
    pub scope: Value,
    pub status: String,
    pub owner: String,
    pub notes: String,
    pub placed_by: String,
    pub placed_at: DateTime<Utc>,
    pub released_by: Option<String>,
    pub released_at: Option<DateTime<Utc>>,
    pub release_reason: Option<String>,
    pub members: i32,
    pub lot_id: Option<Uuid>,
    pub more_lots: Vec<Uuid>,
}

/// A hold. Of a transaction for some plants one that holds something there, or that
/// is the caller's own.
pub async fn one(tx: &mut Tx, hold_id: Uuid) -> Result<Option<OneRow>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        OneRow,
        r#"select h.reason, h.scope, h.status, h.owner, h.notes, h.placed_by, h.placed_at, h.released_by,
                  h.released_at, h.release_reason, h.members, h.lot_id, h.more_lots
           from holds h
           where h.tenant_id = $1 and h.hold_id = $2
             and ($3::text[] is null or app.actor() in (h.placed_by, h.owner)
                  or exists (select from hold_members m
                             join uid_registry r on r.tenant_id = $1 and r.key = m.key
                             where m.tenant_id = $1 and m.hold_id = $2 and r.plant = any($3)))"#,
        tenant,
        hold_id,
        plants.as_deref(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// How many units, at which plant and in which states.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the registry, described in the schema")]
pub struct StateRow {
    pub plant: String,
    pub life: i16,
    pub quality: i16,
    pub custody: i16,
    pub parent_key: Option<i64>,
    pub count: i64,
}

/// In which states these units are, where, and in what; in no order.
pub async fn states(tx: &mut Tx, keys: &[i64]) -> Result<Vec<StateRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        StateRow,
        r#"select plant, life, quality, custody, parent_key, count(*) as "count!" from uid_registry
           where tenant_id = $1 and key = any($2) group by plant, life, quality, custody, parent_key"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// A member with what is known of it.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct MemberRow {
    pub key: i64,
    pub cause: String,
    pub via_key: Option<i64>,
    pub joined_at: Option<DateTime<Utc>>,
    pub left_at: Option<DateTime<Utc>>,
    pub item: String,
    pub plant: String,
    pub location: String,
    pub life: i16,
    pub quality: i16,
    pub custody: i16,
}

/// Members of a hold after `after`, in the order of their keys; `late` only those
/// that came in after it was placed.
pub async fn members(
    tx: &mut Tx,
    hold_id: Uuid,
    after: i64,
    late: bool,
    limit: i64,
) -> Result<Vec<MemberRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        MemberRow,
        r#"select m.key, m.cause, m.via_key, m.joined_at, m.left_at,
                  coalesce((select r.item from uid_registry r where r.tenant_id = $1 and r.key = m.key), '')
                      as "item!",
                  coalesce((select r.plant from uid_registry r where r.tenant_id = $1 and r.key = m.key), '')
                      as "plant!",
                  coalesce((select r.location from uid_registry r where r.tenant_id = $1 and r.key = m.key), '')
                      as "location!",
                  coalesce((select r.life from uid_registry r where r.tenant_id = $1 and r.key = m.key),
                           0::smallint) as "life!",
                  coalesce((select r.quality from uid_registry r where r.tenant_id = $1 and r.key = m.key),
                           0::smallint) as "quality!",
                  coalesce((select r.custody from uid_registry r where r.tenant_id = $1 and r.key = m.key),
                           0::smallint) as "custody!"
           from hold_members m
           where m.tenant_id = $1 and m.hold_id = $2 and m.key > $3 and (not $4 or m.joined_agent is not null)
           order by m.key limit $5"#,
        tenant,
        hold_id,
        after,
        late,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// An act on a held unit.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct ActRow {
    pub act: Uuid,
    pub key: i64,
    pub stage: i16,
    pub plant: String,
    pub occurred_at: DateTime<Utc>,
    pub class: String,
}

/// What was done with units of a hold, in the order in which it was found.
pub async fn acts(tx: &mut Tx, hold_id: Uuid, after: Uuid, limit: i64) -> Result<Vec<ActRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        ActRow,
        r#"select act, key, stage, plant, occurred_at, class from hold_acts
           where tenant_id = $1 and hold_id = $2 and act > $3 order by act limit $4"#,
        tenant,
        hold_id,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many acts there are of each class.
pub async fn act_counts(tx: &mut Tx, hold_id: Uuid) -> Result<Vec<(String, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select class, count(*) as "count!" from hold_acts where tenant_id = $1 and hold_id = $2
           group by class order by class"#,
        tenant,
        hold_id,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.class, row.count)).collect())
}

/// A plant, and whether it has a hold as it was last told.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct PlantRow {
    pub plant: String,
    pub has: bool,
    pub had_at: Option<DateTime<Utc>>,
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// The plants that are told of a hold. Of a transaction for some plants, those.
pub async fn plants(tx: &mut Tx, hold_id: Uuid) -> Result<Vec<PlantRow>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        PlantRow,
        r#"select coalesce(a.plant_code, '') as "plant!",
                  not exists (select from hold_parts p where p.tenant_id = $1 and p.hold_id = $2
                              and (p.told_version > a.reference_version
                                   or p.told_generation > a.reference_generation)) as "has!",
                  (select r.had_at from hold_receipts r where r.tenant_id = $1 and r.hold_id = $2
                   and r.agent_id = a.agent_id) as had_at, a.last_seen_at
           from agents a
           where a.tenant_id = $1 and a.kind = 'plant' and a.status = 'enrolled'
             and ($3::text[] is null or a.plant_code = any($3))
           order by a.plant_code, a.agent_id"#,
        tenant,
        hold_id,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
