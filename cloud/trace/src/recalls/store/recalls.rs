//! The recalls themselves.

use chrono::{DateTime, NaiveDate, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use crate::recalls::model::Recall;

/// A recall that is begun.
pub struct New<'a> {
    pub recall_id: Uuid,
    pub kind: &'a str,
    pub status: &'a str,
    pub company: &'a str,
    pub number: &'a str,
    pub severity: &'a str,
    pub reason: &'a str,
    pub instructions: &'a str,
    pub owner: Option<Uuid>,
    pub scope: &'a Value,
    pub scope_name: &'a str,
    pub lots: &'a [Uuid],
    pub of_recall: Option<Uuid>,
    pub target_on: Option<NaiveDate>,
    pub start_when_approved: bool,
    pub asked_by: Option<Uuid>,
    pub now: DateTime<Utc>,
}

/// Writes a recall; its snapshot follows in the same transaction.
pub async fn insert(tx: &mut Tx, new: &New<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into recalls (tenant_id, recall_id, kind, status, company, number, severity, reason, instructions,
                              owner, scope, scope_name, lots, of_recall, target_on, through_batch, snapshot_at,
                              snapshot_ms, members, created_at, start_when_approved, asked_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, 0, 0, $16, $17, $18)",
        tenant,
        new.recall_id,
        new.kind,
        new.status,
        new.company,
        new.number,
        new.severity,
        new.reason,
        new.instructions,
        new.owner,
        new.scope,
        new.scope_name,
        new.lots,
        new.of_recall,
        new.target_on,
        new.now,
        new.start_when_approved,
        new.asked_by,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the snapshot found.
pub struct Taken<'a> {
    pub through_batch: i64,
    pub at: DateTime<Utc>,
    pub millis: i32,
    pub members: i32,
    pub behind: &'a [String],
}

/// Notes the snapshot.
pub async fn snapshot_set(tx: &mut Tx, recall: Uuid, lots: &[Uuid], taken: &Taken<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set through_batch = $3, snapshot_at = $4, snapshot_ms = $5, members = $6, lots = $7,
                            plants_behind = $8, version = version + 1
         where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        taken.through_batch,
        taken.at,
        taken.millis,
        taken.members,
        lots,
        taken.behind,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A recall.
pub async fn find(tx: &mut Tx, recall: Uuid) -> Result<Option<Recall>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Recall,
        "select recall_id, kind, status, company, number, severity, reason, instructions, owner, scope, scope_name,
                of_recall, through_batch, snapshot_at, snapshot_ms, plants_behind, incomplete_at, members, target_on,
                start_when_approved, activated_at, activated_by,
                to_hold, ended_at, ended_by, ended_note, version, created_at, created_by
         from recalls where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
    )
    .fetch_optional(tx.conn())
    .await
}

/// A recall, locked until the end of the transaction.
pub async fn lock(tx: &mut Tx, recall: Uuid) -> Result<Option<Recall>, Error> {
    let tenant = tx.tenant();
    let locked = sqlx::query_scalar!(
        "select 1 as one from recalls where tenant_id = $1 and recall_id = $2 for update",
        tenant,
        recall
    )
    .fetch_optional(tx.conn())
    .await?;
    if locked.is_none() {
        return Ok(None);
    }
    find(tx, recall).await
}

/// Recalls or drills, newest first, before `before`; of some plants alone those that
/// have units there.
pub async fn list(
    tx: &mut Tx,
    kind: &str,
    status: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Recall>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Recall,
        "select recall_id, kind, status, company, number, severity, reason, instructions, owner, scope, scope_name,
                of_recall, through_batch, snapshot_at, snapshot_ms, plants_behind, incomplete_at, members, target_on,
                start_when_approved, activated_at, activated_by,
                to_hold, ended_at, ended_by, ended_note, version, created_at, created_by
         from recalls r
         where tenant_id = $1 and kind = $2 and ($3::text is null or status = $3)
           and ($4::uuid is null or recall_id < $4)
           and ($5::text[] is null or exists (
               select from recall_members m
               where m.tenant_id = $1 and m.recall_id = r.recall_id and m.plant = any($5)))
         order by recall_id desc limit $6",
        tenant,
        kind,
        status,
        before,
        plants.as_deref(),
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// The drills of a recall, newest first.
pub async fn drills(tx: &mut Tx, of: Uuid) -> Result<Vec<Recall>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Recall,
        "select recall_id, kind, status, company, number, severity, reason, instructions, owner, scope, scope_name,
                of_recall, through_batch, snapshot_at, snapshot_ms, plants_behind, incomplete_at, members, target_on,
                start_when_approved, activated_at, activated_by,
                to_hold, ended_at, ended_by, ended_note, version, created_at, created_by
         from recalls where tenant_id = $1 and of_recall = $2 order by recall_id desc limit 50",
        tenant,
        of,
    )
    .fetch_all(tx.conn())
    .await
}

/// What of a recall can be changed.
pub struct Changed<'a> {
    pub severity: &'a str,
    pub reason: &'a str,
    pub instructions: &'a str,
    pub owner: Option<Uuid>,
    pub target_on: Option<NaiveDate>,
    pub start_when_approved: bool,
}

/// Changes it.
pub async fn change(tx: &mut Tx, recall: Uuid, new: &Changed<'_>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set severity = $3, reason = $4, instructions = $5, owner = $6, target_on = $7,
                            start_when_approved = $8, version = version + 1
         where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        new.severity,
        new.reason,
        new.instructions,
        new.owner,
        new.target_on,
        new.start_when_approved,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It comes into force; `to_hold` of its labels are to be held.
pub async fn activate(tx: &mut Tx, recall: Uuid, to_hold: i32, now: DateTime<Utc>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set status = 'active', activated_at = $3, activated_by = app.actor(), to_hold = $4,
                            version = version + 1
         where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        now,
        to_hold,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// It ends.
pub async fn end(
    tx: &mut Tx,
    recall: Uuid,
    status: &str,
    note: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set status = $3, ended_at = $4, ended_by = app.actor(), ended_note = $5,
                            version = version + 1
         where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        status,
        now,
        note,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes how many of its labels are held.
pub async fn held_add(tx: &mut Tx, recall: Uuid, more: i32) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set held = held + $3, version = version + 1 where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        more,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A recall in force some of whose labels are still to be held, locked; none while
/// another worker is at it.
pub async fn to_hold(tx: &mut Tx) -> Result<Option<(Uuid, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select recall_id, number from recalls
         where tenant_id = $1 and status = 'active' and kind = 'recall' and held < to_hold
         order by recall_id limit 1 for update skip locked",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.recall_id, row.number)))
}

/// Notes who asked for its approval.
pub async fn asked_by(tx: &mut Tx, recall: Uuid, person: Option<Uuid>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set asked_by = $3 where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        person,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes when it was approved; `None`: it is not.
pub async fn approved(tx: &mut Tx, recall: Uuid, at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set approved_at = $3 where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A recall that is approved, and is to come into force by itself.
pub struct Approved {
    pub recall_id: Uuid,
    pub asked_by: Option<Uuid>,
}

/// The next one, locked; none while another worker is at it.
pub async fn to_start(tx: &mut Tx) -> Result<Option<Approved>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Approved,
        "select recall_id, asked_by from recalls
         where tenant_id = $1 and status = 'draft' and approved_at is not null and start_when_approved
         order by recall_id limit 1 for update skip locked",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Whether any recall is being prepared or in force.
pub async fn any_open(tx: &mut Tx) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select exists (select from recalls
                        where tenant_id = $1 and status in ('draft', 'active') and kind = 'recall') as \"any!\"",
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

/// Notes that more belongs to a recall than it has; whether that was not noted before.
pub async fn incomplete_set(tx: &mut Tx, recall: Uuid, now: DateTime<Utc>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update recalls set incomplete_at = $3, version = version + 1
         where tenant_id = $1 and recall_id = $2 and incomplete_at is null",
        tenant,
        recall,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes what follows returns back to a batch, if it is further.
pub async fn cursor_back(tx: &mut Tx, projection: &str, through: i64) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into projection_cursors as c (tenant_id, projection, through_batch) values ($1, $2, $3)
         on conflict (tenant_id, projection) do update set through_batch = least(c.through_batch, $3)",
        tenant,
        projection,
        through,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The companies, by code.
pub async fn companies(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select code from companies where tenant_id = $1 order by code limit 200", tenant)
        .fetch_all(tx.conn())
        .await
}

/// Whether somebody is active here.
pub async fn person_known(tx: &mut Tx, person: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select exists (select from users where tenant_id = $1 and user_id = $2 and status = 'active'
                                            and deleted_at is null) as \"known!\"",
        tenant,
        person,
    )
    .fetch_one(tx.conn())
    .await
}

/// The supplier's number of a lot.
pub async fn lot_name(tx: &mut Tx, lot: Uuid) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select supplier_lot from lots where tenant_id = $1 and lot_id = $2", tenant, lot)
        .fetch_optional(tx.conn())
        .await
}

/// The name of a scope.
pub async fn scope_name(tx: &mut Tx, scope: Uuid) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select name from scopes where tenant_id = $1 and scope_id = $2 and deleted_at is null",
        tenant,
        scope,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The lots that a recall reaches whole.
pub async fn lots(tx: &mut Tx, recall: Uuid) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select lots from recalls where tenant_id = $1 and recall_id = $2", tenant, recall)
        .fetch_one(tx.conn())
        .await
}

/// A recall reaches these lots too.
pub async fn lots_more(tx: &mut Tx, recall: Uuid, lots: &[Uuid]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recalls set lots = lots || $3 where tenant_id = $1 and recall_id = $2",
        tenant,
        recall,
        lots,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A recall that a search leads to.
pub struct Numbered {
    pub recall_id: Uuid,
    pub number: String,
    pub status: String,
    pub reason: String,
}

/// Recalls and drills whose number lies in a range; of a transaction for some plants
/// those that have units there.
pub async fn numbered(tx: &mut Tx, from: &str, to: &str, limit: i64) -> Result<Vec<Numbered>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Numbered,
        "select recall_id, number, status, reason from recalls r
         where tenant_id = $1 and number >= $2 and number < $3
           and ($5::text[] is null or exists (
               select from recall_members m
               where m.tenant_id = $1 and m.recall_id = r.recall_id and m.plant = any($5)))
         order by number, recall_id limit $4",
        tenant,
        from,
        to,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
