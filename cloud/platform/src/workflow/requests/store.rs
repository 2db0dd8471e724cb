//! All SQL of requests.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::db::Tx;
use crate::i18n::{Lang, Names};

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Request {
    /// Its id.
    pub request_id: Uuid,
    /// Its number, shown as `RQ-000012`.
    pub number: i64,
    /// The workflow that it goes through.
    pub workflow: String,
    /// What it is about, in a line.
    pub subject: String,
    /// What is asked for, and why.
    #[serde(rename = "text")]
    pub body: String,
    /// In `currency`; null where it is not about money.
    #[schema(value_type = Option<String>)]
    pub amount: Option<Decimal>,
    /// `INR`.
    pub currency: String,
    /// Code of its plant.
    pub plant: Option<String>,
    /// Its department.
    pub department_id: Option<Uuid>,
    /// What raised it where no person did: an event, `schedule`, `webhook`, `api`.
    pub source: String,
    /// What the event or the webhook said; and `lines`, where it was asked line by line.
    #[schema(value_type = Object)]
    pub details: Json,
    /// Who raised it.
    pub raised_by: Option<Uuid>,
    /// `open`, `sent_back`, `approved`, `rejected`, `cancelled`, `done`.
    pub state: String,
    /// When it was raised.
    pub created_at: DateTime<Utc>,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

impl Request {
    /// The number as people know it.
    #[must_use]
    pub fn code(&self) -> String {
        code(self.number)
    }
}

/// `RQ-000012`.
pub(super) fn code(number: i64) -> String {
    format!("RQ-{number:06}")
}

/// The next number. Whoever takes one waits for whoever took one before, so that
/// there are no gaps.
pub(super) async fn next_number(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "insert into request_numbers as n (tenant_id, last) values ($1, 1)
         on conflict (tenant_id) do update set last = n.last + 1 returning last",
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn insert(tx: &mut Tx, new: &Request) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into requests (tenant_id, request_id, number, workflow, subject, body, amount, currency, plant,
             department_id, source, details, raised_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        tenant,
        new.request_id,
        new.number,
        new.workflow,
        new.subject,
        new.body,
        new.amount,
        new.currency,
        new.plant,
        new.department_id,
        new.source,
        new.details,
        new.raised_by,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn find(tx: &mut Tx, request: Uuid) -> Result<Option<Request>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Request,
        "select request_id, number, workflow, subject, body, amount, currency, plant, department_id, source, details,
                raised_by, state, created_at, version
         from requests where tenant_id = $1 and request_id = $2 and deleted_at is null",
        tenant,
        request,
    )
    .fetch_optional(tx.conn())
    .await
}

/// `false` when somebody else changed it since its version.
pub(super) async fn update(tx: &mut Tx, new: &Request) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update requests set subject = $4, body = $5, amount = $6, currency = $7, department_id = $8, details = $9,
                             state = 'open', version = version + 1
         where tenant_id = $1 and request_id = $2 and version = $3 and deleted_at is null",
        tenant,
        new.request_id,
        new.version,
        new.subject,
        new.body,
        new.amount,
        new.currency,
        new.department_id,
        new.details,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn state_set(tx: &mut Tx, request: Uuid, state: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update requests set state = $3, version = version + 1 where tenant_id = $1 and request_id = $2",
        tenant,
        request,
        state,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A request in a list.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ListedRequest)]
pub struct Listed {
    /// Its id.
    pub request_id: Uuid,
    /// Its number, shown as `RQ-000012`.
    pub number: i64,
    /// The workflow that it goes through.
    pub workflow: String,
    /// What it is about.
    pub subject: String,
    /// In `currency`.
    #[schema(value_type = Option<String>)]
    pub amount: Option<Decimal>,
    /// `INR`.
    pub currency: String,
    /// Code of its plant.
    pub plant: Option<String>,
    /// Who raised it.
    pub raised_by: Option<Uuid>,
    /// As in [`Request::state`].
    pub state: String,
    /// When it was raised.
    pub created_at: DateTime<Utc>,
}

impl Listed {
    /// The number as people know it.
    #[must_use]
    pub fn code(&self) -> String {
        code(self.number)
    }
}

/// Requests of `raised_by`, or of everybody, newest first, before number `before`.
pub(super) async fn list(
    tx: &mut Tx,
    raised_by: Option<Uuid>,
    state: Option<&str>,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Listed,
        "select request_id, number, workflow, subject, amount, currency, plant, raised_by, state, created_at
         from requests
         where tenant_id = $1 and deleted_at is null and ($2::uuid is null or raised_by = $2)
           and ($3::text is null or state = $3) and ($4::bigint is null or number < $4)
         order by number desc limit $5",
        tenant,
        raised_by,
        state,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// A department: id, its plant's code, its own code and name, for a reader of this language.
pub(super) async fn departments(
    tx: &mut Tx,
    lang: Lang,
) -> Result<Vec<(Uuid, String, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select d.department_id, p.code as plant, d.code, coalesce(d.names ->> $2, d.name) as "name!"
         from departments d join plants p on p.tenant_id = $1 and p.plant_id = d.plant_id
         where d.tenant_id = $1 and d.deleted_at is null order by p.code, d.code limit 2000"#,
        tenant,
        lang.code(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.department_id, row.plant, row.code, row.name)).collect())
}

/// Which of these are the code of no item, where the tenant has items at all: an office
/// that keeps none writes what it likes.
pub(super) async fn no_items(tx: &mut Tx, codes: &[String]) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select code as "code!" from unnest($2::text[]) code
           where exists (select from items where tenant_id = $1)
             and not exists (select from items i where i.tenant_id = $1 and i.item = code and i.deleted_at is null)"#,
        tenant,
        codes,
    )
    .fetch_all(tx.conn())
    .await
}

/// A workflow that is published.
pub(super) struct ForRequests {
    pub workflow: String,
    pub plant: Option<String>,
    pub name: String,
    pub names: Names,
    pub source: String,
}

/// Workflows that are published, also those for other documents than requests.
pub(super) async fn workflows(tx: &mut Tx) -> Result<Vec<ForRequests>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        ForRequests,
        "select workflow, plant, name, names, source from workflow_definitions
         where tenant_id = $1 and state = 'published' order by name, workflow, plant nulls first limit 500",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// Which requests a search looks for, and who looks.
pub(super) struct Begins<'a> {
    /// How the subject begins, in lower case, and the end of that range.
    pub from: &'a str,
    pub to: &'a str,
    pub number: Option<i64>,
    /// Whose own ones count in any case.
    pub person: Option<Uuid>,
    /// Others' count too, of these plants and of none.
    pub all: bool,
    pub plants: Option<Vec<String>>,
    pub limit: i64,
}

/// A request that a search found.
pub(super) struct Found {
    pub request_id: Uuid,
    pub number: i64,
    pub subject: String,
    pub state: String,
}

/// Requests by number, and by how their subject begins.
pub(super) async fn beginning(tx: &mut Tx, wanted: &Begins<'_>) -> Result<Vec<Found>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Found,
        r#"select request_id as "request_id!", number as "number!", subject as "subject!", state as "state!"
           from (
             (select request_id, number, subject, state, subject_search, raised_by, plant from requests
              where tenant_id = $1 and number = $4 and deleted_at is null)
             union
             (select request_id, number, subject, state, subject_search, raised_by, plant from requests
              where tenant_id = $1 and subject_search >= $2 and subject_search < $3 and deleted_at is null
                and (raised_by = $5 or ($6 and ($7::text[] is null or plant is null or plant = any($7))))
              order by subject_search, request_id limit $8)) found
           where raised_by = $5 or ($6 and ($7::text[] is null or plant is null or plant = any($7)))
           order by subject_search, request_id limit $8"#,
        tenant,
        wanted.from,
        wanted.to,
        wanted.number,
        wanted.person,
        wanted.all,
        wanted.plants.as_deref(),
        wanted.limit,
    )
    .fetch_all(tx.conn())
    .await
}
