//! SQL of definitions and their revisions.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::Tx;
use crate::i18n::Names;

/// A revision of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WorkflowRevision)]
pub struct Revision {
    /// Its id.
    pub definition_id: Uuid,
    /// `purchase_requisition`.
    pub workflow: String,
    /// The plant that it is for; null for every plant without one of its own.
    pub plant: Option<String>,
    /// Counted from 1.
    pub revision: i32,
    /// `draft`, `published`, `retired`.
    pub state: String,
    /// For people.
    pub name: String,
    /// For people, by language.
    pub names: Names,
    /// When it was published.
    pub published_at: Option<DateTime<Utc>>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// A revision with the JSON that it was written in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = WrittenWorkflow)]
pub struct Written {
    /// Which one.
    #[serde(flatten)]
    pub revision: Revision,
    /// As it was written.
    pub source: String,
    /// Whom it names: ids by e-mail, as found when it was published; of a draft, nobody.
    #[serde(skip)]
    pub people: BTreeMap<String, Uuid>,
}

struct Row {
    definition_id: Uuid,
    workflow: String,
    plant: Option<String>,
    revision: i32,
    state: String,
    name: String,
    names: Json,
    published_at: Option<DateTime<Utc>>,
    version: i32,
    source: String,
    people: Json,
}

impl From<Row> for Written {
    fn from(row: Row) -> Self {
        let revision = Revision {
            definition_id: row.definition_id,
            workflow: row.workflow,
            plant: row.plant,
            revision: row.revision,
            state: row.state,
            name: row.name,
            names: row.names.into(),
            published_at: row.published_at,
            version: row.version,
        };
        let people = serde_json::from_value(row.people).unwrap_or_else(|error| {
            tracing::error!(%error, definition = %revision.definition_id, "whom a workflow names cannot be read");
            BTreeMap::new()
        });
        Self { revision, source: row.source, people }
    }
}

/// What is published or being written, by workflow and plant.
pub(in super::super) async fn current(tx: &mut Tx, limit: i64) -> Result<Vec<Revision>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Revision,
        "select definition_id, workflow, plant, revision, state, name, names, published_at, version
         from workflow_definitions where tenant_id = $1 and state <> 'retired'
         order by workflow, plant nulls first, revision desc limit $2",
        tenant,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// What a workflow is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// Which one.
    pub workflow: String,
    /// For people.
    pub name: String,
    /// For people, by language.
    pub names: Names,
}

/// What workflows are called: as in force, for all plants first, else as last written.
pub(in super::super) async fn called(tx: &mut Tx, workflows: &[String]) -> Result<Vec<Called>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Called,
        "select distinct on (workflow) workflow, name, names from workflow_definitions
         where tenant_id = $1 and workflow = any($2)
         order by workflow, state = 'published' desc, plant nulls first, revision desc",
        tenant,
        workflows,
    )
    .fetch_all(tx.conn())
    .await
}

/// Every workflow, with what it is called as [`called`] has it.
pub(in super::super) async fn all_called(tx: &mut Tx, limit: i64) -> Result<Vec<Called>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Called,
        "select distinct on (workflow) workflow, name, names from workflow_definitions
         where tenant_id = $1
         order by workflow, state = 'published' desc, plant nulls first, revision desc limit $2",
        tenant,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Name and source of definitions that hold a text: those in force, drafts, and those of
/// instances that are under way.
pub(in super::super) async fn in_use(tx: &mut Tx, holding: &str) -> Result<Vec<(Called, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select d.workflow, d.name, d.names, d.source from workflow_definitions d
         where d.tenant_id = $1 and position($2 in d.source) > 0
           and (d.state <> 'retired'
                or exists (select from workflow_instances i
                           where i.tenant_id = $1 and i.definition_id = d.definition_id
                             and i.state in ('INITIATED', 'PENDING_APPROVAL')))
         order by d.name, d.revision desc limit 200",
        tenant,
        holding,
    )
    .fetch_all(tx.conn())
    .await?;
    let called = |workflow, name, names: Json| Called { workflow, name, names: names.into() };
    Ok(rows.into_iter().map(|row| (called(row.workflow, row.name, row.names), row.source)).collect())
}

/// Every revision of one, newest first.
pub(in super::super) async fn revisions(
    tx: &mut Tx,
    workflow: &str,
    plant: Option<&str>,
    limit: i64,
) -> Result<Vec<Revision>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Revision,
        "select definition_id, workflow, plant, revision, state, name, names, published_at, version
         from workflow_definitions
         where tenant_id = $1 and workflow = $2 and plant is not distinct from $3
         order by revision desc limit $4",
        tenant,
        workflow,
        plant,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// One revision; `lock` keeps others from changing it.
pub(in super::super) async fn find(
    tx: &mut Tx,
    definition: Uuid,
    lock: bool,
) -> Result<Option<Written>, Error> {
    let tenant = tx.tenant();
    if lock {
        let sql = "select 1 from workflow_definitions where tenant_id = $1 and definition_id = $2 for update";
        sqlx::query(sql).bind(tenant).bind(definition).execute(tx.conn()).await?;
    }
    let row = sqlx::query_as!(
        Row,
        "select definition_id, workflow, plant, revision, state, name, names, published_at, version, source, people
         from workflow_definitions where tenant_id = $1 and definition_id = $2",
        tenant,
        definition,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Written::from))
}

/// What is in force for a plant: its own, else the tenant's.
pub(in super::super) async fn in_force(
    tx: &mut Tx,
    workflow: &str,
    plant: Option<&str>,
) -> Result<Option<Written>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query_as!(
        Row,
        "select definition_id, workflow, plant, revision, state, name, names, published_at, version, source, people
         from workflow_definitions
         where tenant_id = $1 and workflow = $2 and state = 'published' and (plant is null or plant = $3)
         order by plant nulls last limit 1",
        tenant,
        workflow,
        plant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(Written::from))
}

/// Writes a draft as the revision after the last one.
pub(in super::super) async fn insert(
    tx: &mut Tx,
    definition: Uuid,
    workflow: &str,
    plant: Option<&str>,
    (name, names): (&str, &Names),
    source: &str,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into workflow_definitions (tenant_id, definition_id, workflow, plant, revision, name, source, names)
         select $1, $2, $3, $4, coalesce(max(d.revision), 0) + 1, $5, $6, $7
         from workflow_definitions d
         where d.tenant_id = $1 and d.workflow = $3 and d.plant is not distinct from $4",
        tenant,
        definition,
        workflow,
        plant,
        name,
        source,
        names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// `false` when it is no draft, or somebody else changed it since `version`.
pub(in super::super) async fn update(
    tx: &mut Tx,
    definition: Uuid,
    version: i32,
    (name, names): (&str, &Names),
    source: &str,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update workflow_definitions set name = $4, source = $5, names = $6, version = version + 1
         where tenant_id = $1 and definition_id = $2 and version = $3 and state = 'draft'",
        tenant,
        definition,
        version,
        name,
        source,
        names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when it is no draft, or somebody else changed it since `version`.
pub(in super::super) async fn delete(tx: &mut Tx, definition: Uuid, version: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from workflow_definitions
         where tenant_id = $1 and definition_id = $2 and version = $3 and state = 'draft'",
        tenant,
        definition,
        version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes what is published for this workflow and plant out of force.
pub(in super::super) async fn retire(
    tx: &mut Tx,
    workflow: &str,
    plant: Option<&str>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update workflow_definitions set state = 'retired', version = version + 1
         where tenant_id = $1 and workflow = $2 and plant is not distinct from $3 and state = 'published'",
        tenant,
        workflow,
        plant,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// `false` when it is no draft, or somebody else changed it since `version`. `people` are
/// those whom it names.
pub(in super::super) async fn publish(
    tx: &mut Tx,
    definition: Uuid,
    version: i32,
    people: &BTreeMap<String, Uuid>,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let people = serde_json::to_value(people).unwrap_or_default();
    let done = sqlx::query!(
        "update workflow_definitions
         set state = 'published', people = $5, published_at = $4, published_by = app.actor(),
             version = version + 1
         where tenant_id = $1 and definition_id = $2 and version = $3 and state = 'draft'",
        tenant,
        definition,
        version,
        now,
        people,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Revisions, drafts too, whose text has `email` in it, in whatever case: id, text, and
/// whom it names.
pub(in super::super) async fn naming(tx: &mut Tx, email: &str) -> Result<Vec<(Uuid, String, Json)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select definition_id, source, people from workflow_definitions
         where tenant_id = $1 and (position($2 in lower(source)) > 0 or people ? $2)
         order by definition_id for update",
        tenant,
        email,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.definition_id, row.source, row.people)).collect())
}

/// Writes the text of a revision as it is without somebody's address.
pub(in super::super) async fn renamed(
    tx: &mut Tx,
    definition: Uuid,
    source: &str,
    people: &Json,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update workflow_definitions set source = $3, people = $4, version = version + 1
         where tenant_id = $1 and definition_id = $2",
        tenant,
        definition,
        source,
        people,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
