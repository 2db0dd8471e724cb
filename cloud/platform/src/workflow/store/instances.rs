//! SQL of instances and their history.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;
use crate::i18n::Names;
use crate::workflow::detail::{self, Change};

/// An instance as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    pub instance_id: Uuid,
    pub definition_id: Uuid,
    pub workflow: String,
    pub subject_kind: String,
    pub subject_id: Uuid,
    pub title: String,
    pub href: String,
    pub plant: Option<String>,
    pub document: Json,
    pub state: String,
    pub stage: i16,
    pub round: i32,
    pub starter: Option<Uuid>,
    pub started_at: DateTime<Utc>,
    pub wake_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub version: i32,
}

pub(in super::super) async fn insert(tx: &mut Tx, new: &Instance) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_instances (tenant_id, instance_id, definition_id, workflow, subject_kind, subject_id,
             title, href, plant, document, state, starter, started_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        tenant,
        new.instance_id,
        new.definition_id,
        new.workflow,
        new.subject_kind,
        new.subject_id,
        new.title,
        new.href,
        new.plant,
        new.document,
        new.state,
        new.starter,
        new.started_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One instance as it is.
pub(in super::super) async fn find(tx: &mut Tx, instance: Uuid) -> Result<Option<Instance>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Instance,
        "select instance_id, definition_id, workflow, subject_kind, subject_id, title, href, plant, document, state,
                stage, round, starter, started_at, wake_at, ended_at, version
         from workflow_instances where tenant_id = $1 and instance_id = $2",
        tenant,
        instance,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One instance, locked: whoever decides waits for whoever decides before.
pub(in super::super) async fn lock(tx: &mut Tx, instance: Uuid) -> Result<Option<Instance>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Instance,
        "select instance_id, definition_id, workflow, subject_kind, subject_id, title, href, plant, document, state,
                stage, round, starter, started_at, wake_at, ended_at, version
         from workflow_instances where tenant_id = $1 and instance_id = $2 for update",
        tenant,
        instance,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One instance whose time has come, locked; those of other workers are passed over.
pub(in super::super) async fn lock_due(tx: &mut Tx, now: DateTime<Utc>) -> Result<Option<Instance>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Instance,
        "select instance_id, definition_id, workflow, subject_kind, subject_id, title, href, plant, document, state,
                stage, round, starter, started_at, wake_at, ended_at, version
         from workflow_instances where tenant_id = $1 and wake_at <= $2
         order by wake_at, instance_id limit 1 for update skip locked",
        tenant,
        now,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One instance that waits at a stage where somebody who is asked left, or came back,
/// since it was last looked; locked, and those of other workers are passed over, as are
/// these.
pub(in super::super) async fn lock_left(tx: &mut Tx, passed: &[Uuid]) -> Result<Option<Instance>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Instance,
        "select i.instance_id, i.definition_id, i.workflow, i.subject_kind, i.subject_id, i.title, i.href, i.plant,
                i.document, i.state, i.stage, i.round, i.starter, i.started_at, i.wake_at, i.ended_at, i.version
         from workflow_instances i
         where i.tenant_id = $1 and i.state = 'PENDING_APPROVAL' and i.instance_id <> all($2)
           and exists (select from workflow_seats s
                       where s.tenant_id = $1 and s.instance_id = i.instance_id and s.round = i.round
                         and s.decision is null and s.closed_at is null
                         and (s.vacant_at is not null)
                             <> app.seat_vacant($1, coalesce(s.role, s.of_role), s.person, i.plant, i.document))
         order by i.instance_id limit 1 for update of i skip locked",
        tenant,
        passed,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The last instance of a document.
pub(in super::super) async fn of_subject(
    tx: &mut Tx,
    kind: &str,
    subject: Uuid,
) -> Result<Option<Instance>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Instance,
        "select instance_id, definition_id, workflow, subject_kind, subject_id, title, href, plant, document, state,
                stage, round, starter, started_at, wake_at, ended_at, version
         from workflow_instances where tenant_id = $1 and subject_kind = $2 and subject_id = $3
         order by instance_id desc limit 1",
        tenant,
        kind,
        subject,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Writes what a locked instance has become.
pub(in super::super) async fn update(tx: &mut Tx, instance: &Instance) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_instances
         set state = $3, stage = $4, round = $5, wake_at = $6, ended_at = $7, title = $8, document = $9,
             version = version + 1
         where tenant_id = $1 and instance_id = $2",
        tenant,
        instance.instance_id,
        instance.state,
        instance.stage,
        instance.round,
        instance.wake_at,
        instance.ended_at,
        instance.title,
        instance.document,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// An instance in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    pub instance_id: Uuid,
    pub workflow: String,
    pub subject_kind: String,
    pub title: String,
    pub plant: Option<String>,
    pub state: String,
    pub stage: i16,
    pub starter: Option<Uuid>,
    pub started_at: DateTime<Utc>,
}

/// Instances, newest first, before `before`.
pub(in super::super) async fn list(
    tx: &mut Tx,
    state: Option<&str>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Listed,
        "select instance_id, workflow, subject_kind, title, plant, state, stage, starter, started_at
         from workflow_instances
         where tenant_id = $1 and ($2::text is null or state = $2) and ($3::uuid is null or instance_id < $3)
         order by instance_id desc limit $4",
        tenant,
        state,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// An instance that waits for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub instance_id: Uuid,
    pub title: String,
}

/// Those that a person started, and that no decision has ended: what is sent back comes to
/// the person. Oldest first.
pub(in super::super) async fn started_by(
    tx: &mut Tx,
    person: Uuid,
    limit: i64,
) -> Result<Vec<Waiting>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Waiting,
        "select instance_id, title from workflow_instances
         where tenant_id = $1 and state in ('INITIATED', 'PENDING_APPROVAL') and starter = $2
         order by instance_id limit $3",
        tenant,
        person,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of which a seat is this person's, and not a role's. Oldest first.
pub(in super::super) async fn asking(tx: &mut Tx, person: Uuid, limit: i64) -> Result<Vec<Waiting>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Waiting,
        "select i.instance_id, i.title from workflow_instances i
         where i.tenant_id = $1 and i.instance_id in (
             select s.instance_id from workflow_seats s
             where s.tenant_id = $1 and s.person = $2 and s.of_role is null
               and s.decision is null and s.closed_at is null)
         order by i.instance_id limit $3",
        tenant,
        person,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Something that happened to an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    pub at: DateTime<Utc>,
    /// `started`, `opened`, `APPROVE`, `reminded`, …: `workflow-history-<what>`.
    pub what: String,
    pub stage_name: String,
    pub stage_names: Names,
    pub person: Option<Uuid>,
    pub on_behalf_of: Option<Uuid>,
    pub note: String,
}

impl Happened {
    /// What was another in the document, where it came once more.
    pub fn changes(&self) -> Option<Vec<Change>> {
        if self.what == "resubmitted" { detail::read(&self.note) } else { None }
    }
}

/// Adds to the history of a locked instance.
pub(in super::super) async fn happened(tx: &mut Tx, instance: Uuid, new: &Happened) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_history (tenant_id, instance_id, n, at, what, stage_name, person, on_behalf_of, note,
             stage_names)
         select $1, $2, coalesce(max(h.n), 0) + 1, $3, $4, $5, $6, $7, $8, $9
         from workflow_history h where h.tenant_id = $1 and h.instance_id = $2",
        tenant,
        instance,
        new.at,
        new.what,
        new.stage_name,
        new.person,
        new.on_behalf_of,
        new.note,
        new.stage_names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether a person did something to an instance, or somebody in their name.
pub(in super::super) async fn took_part(tx: &mut Tx, instance: Uuid, person: Uuid) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from workflow_history
                          where tenant_id = $1 and instance_id = $2 and (person = $3 or on_behalf_of = $3)) as "is!""#,
        tenant,
        instance,
        person,
    )
    .fetch_one(tx.conn())
    .await
}

/// The history of an instance, in order.
pub(in super::super) async fn history(tx: &mut Tx, instance: Uuid) -> Result<Vec<Happened>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Happened,
        "select at, what, stage_name, stage_names, person, on_behalf_of, note from workflow_history
         where tenant_id = $1 and instance_id = $2 order by n limit 1000",
        tenant,
        instance,
    )
    .fetch_all(tx.conn())
    .await
}
