//! All SQL of files.

use chrono::{DateTime, Utc};
use sqlx::Error;
use uuid::Uuid;

use super::model::{Listed, VersionOf, hex};
use crate::db::Tx;

/// A file as it stands, without its versions.
pub(super) struct Head {
    pub subject_kind: String,
    pub subject_key: String,
    pub number: i32,
    pub version: i32,
    pub deleted: bool,
}

/// What is needed to send a version.
pub(super) struct Sent {
    pub name: String,
    pub media_type: String,
    pub size: i64,
    pub sha256: Vec<u8>,
    pub object: String,
}

/// The object of a content, kept until the commit; `None` when there is none.
pub(super) async fn content_hold(tx: &mut Tx, sha256: &[u8]) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select object from file_contents where tenant_id = $1 and sha256 = $2 for key share",
        tenant,
        sha256,
    )
    .fetch_optional(tx.conn())
    .await
}

/// `false` when the content was there already.
pub(super) async fn content_insert(
    tx: &mut Tx,
    sha256: &[u8],
    size: i64,
    object: &str,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into file_contents (tenant_id, sha256, size, object, stored_at) values ($1, $2, $3, $4, $5)
         on conflict (tenant_id, sha256) do nothing",
        tenant,
        sha256,
        size,
        object,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Adds to what the tenant's contents weigh, and answers the sum; whoever else
/// adds waits for the commit.
pub(super) async fn usage_add(tx: &mut Tx, bytes: i64) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "insert into file_usage as u (tenant_id, bytes) values ($1, greatest($2::bigint, 0))
         on conflict (tenant_id) do update set bytes = greatest(u.bytes + $2::bigint, 0) returning bytes",
        tenant,
        bytes,
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn usage(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!("select bytes from file_usage where tenant_id = $1", tenant)
        .fetch_optional(tx.conn())
        .await?;
    Ok(found.unwrap_or_default())
}

pub(super) async fn file_insert(tx: &mut Tx, id: Uuid, kind: &str, key: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into files (tenant_id, file_id, subject_kind, subject_key) values ($1, $2, $3, $4)",
        tenant,
        id,
        kind,
        key,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn version_insert(
    tx: &mut Tx,
    id: Uuid,
    number: i32,
    name: &str,
    media_type: &str,
    sha256: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into file_versions (tenant_id, file_id, number, name, media_type, sha256, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        tenant,
        id,
        number,
        name,
        media_type,
        sha256,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A file, locked until the commit if it is to be changed.
pub(super) async fn head(tx: &mut Tx, id: Uuid, lock: bool) -> Result<Option<Head>, Error> {
    let tenant = tx.tenant();
    if lock {
        sqlx::query!("select from files where tenant_id = $1 and file_id = $2 for update", tenant, id)
            .fetch_optional(tx.conn())
            .await?;
    }
    sqlx::query_as!(
        Head,
        r#"select subject_kind, subject_key, number, version, deleted_at is not null as "deleted!"
           from files where tenant_id = $1 and file_id = $2"#,
        tenant,
        id,
    )
    .fetch_optional(tx.conn())
    .await
}

pub(super) async fn number_set(tx: &mut Tx, id: Uuid, number: i32) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update files set number = $3, version = version + 1 where tenant_id = $1 and file_id = $2",
        tenant,
        id,
        number,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn deleted_set(tx: &mut Tx, id: Uuid, at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update files set deleted_at = $3, version = version + 1 where tenant_id = $1 and file_id = $2",
        tenant,
        id,
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

struct Line {
    file_id: Uuid,
    subject_kind: String,
    subject_key: String,
    version: i32,
    deleted: bool,
    number: i32,
    name: String,
    media_type: String,
    size: i64,
    sha256: Vec<u8>,
    created_at: DateTime<Utc>,
    created_by: String,
}

/// Versions in the order of their files, the newest first, as files.
fn gathered(lines: Vec<Line>) -> Vec<Listed> {
    let mut files: Vec<Listed> = Vec::new();
    for line in lines {
        let version = VersionOf {
            number: line.number,
            name: line.name,
            media_type: line.media_type,
            size: line.size,
            sha256: hex(&line.sha256),
            created_at: line.created_at,
            created_by: line.created_by,
        };
        match files.last_mut() {
            Some(last) if last.id == line.file_id => last.versions.push(version),
            _ => files.push(Listed {
                id: line.file_id,
                subject_kind: line.subject_kind,
                subject_key: line.subject_key,
                version: line.version,
                deleted: line.deleted,
                versions: vec![version],
            }),
        }
    }
    files
}

/// Files of a subject, deleted ones too, with their versions.
pub(super) async fn of_subject(tx: &mut Tx, kind: &str, key: &str, limit: i64) -> Result<Vec<Listed>, Error> {
    let tenant = tx.tenant();
    let lines = sqlx::query_as!(
        Line,
        r#"select f.file_id, f.subject_kind, f.subject_key, f.version, f.deleted_at is not null as "deleted!",
                  v.number, v.name, v.media_type, c.size, v.sha256, v.created_at, v.created_by
           from files f
           join file_versions v on v.tenant_id = $1 and v.file_id = f.file_id
           join file_contents c on c.tenant_id = $1 and c.sha256 = v.sha256
           where f.tenant_id = $1 and f.subject_kind = $2 and f.subject_key = $3
           order by f.file_id, v.number desc limit $4"#,
        tenant,
        kind,
        key,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(gathered(lines))
}

pub(super) async fn one(tx: &mut Tx, id: Uuid) -> Result<Option<Listed>, Error> {
    let tenant = tx.tenant();
    let lines = sqlx::query_as!(
        Line,
        r#"select f.file_id, f.subject_kind, f.subject_key, f.version, f.deleted_at is not null as "deleted!",
                  v.number, v.name, v.media_type, c.size, v.sha256, v.created_at, v.created_by
           from files f
           join file_versions v on v.tenant_id = $1 and v.file_id = f.file_id
           join file_contents c on c.tenant_id = $1 and c.sha256 = v.sha256
           where f.tenant_id = $1 and f.file_id = $2
           order by v.number desc"#,
        tenant,
        id,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(gathered(lines).pop())
}

pub(super) async fn sent(tx: &mut Tx, id: Uuid, number: i32) -> Result<Option<Sent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Sent,
        "select v.name, v.media_type, c.size, v.sha256, c.object
         from file_versions v join file_contents c on c.tenant_id = $1 and c.sha256 = v.sha256
         where v.tenant_id = $1 and v.file_id = $2 and v.number = $3",
        tenant,
        id,
        number,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Those of the objects that a row names.
pub(super) async fn objects_named(tx: &mut Tx, objects: &[String]) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select object from file_contents where tenant_id = $1 and object = any($2)",
        tenant,
        objects,
    )
    .fetch_all(tx.conn())
    .await
}

/// Forgets files that were deleted before `before`, at most `limit`, and contents
/// that nothing holds any more; answers how many files went, and the objects and
/// bytes of the contents.
pub(super) async fn purge(
    tx: &mut Tx,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<(usize, Vec<(String, i64)>), Error> {
    let tenant = tx.tenant();
    let gone = sqlx::query_scalar!(
        "select file_id from files where tenant_id = $1 and deleted_at < $2
         order by deleted_at limit $3 for update skip locked",
        tenant,
        before,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    forget(tx, &gone).await
}

/// [`purge`] of every file of a subject, at once.
pub(super) async fn purge_of(
    tx: &mut Tx,
    kind: &str,
    key: &str,
) -> Result<(usize, Vec<(String, i64)>), Error> {
    let tenant = tx.tenant();
    let gone = sqlx::query_scalar!(
        "select file_id from files where tenant_id = $1 and subject_kind = $2 and subject_key = $3 for update",
        tenant,
        kind,
        key,
    )
    .fetch_all(tx.conn())
    .await?;
    forget(tx, &gone).await
}

async fn forget(tx: &mut Tx, gone: &[Uuid]) -> Result<(usize, Vec<(String, i64)>), Error> {
    let tenant = tx.tenant();
    if gone.is_empty() {
        return Ok((0, Vec::new()));
    }
    let hashes = sqlx::query_scalar!(
        "delete from file_versions where tenant_id = $1 and file_id = any($2) returning sha256",
        tenant,
        gone,
    )
    .fetch_all(tx.conn())
    .await?;
    sqlx::query!("delete from files where tenant_id = $1 and file_id = any($2)", tenant, gone)
        .execute(tx.conn())
        .await?;
    let contents = sqlx::query!(
        "delete from file_contents c where tenant_id = $1 and sha256 = any($2) and not exists (
             select from file_versions v where v.tenant_id = $1 and v.sha256 = c.sha256)
         returning object, size",
        tenant,
        &hashes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok((gone.len(), contents.into_iter().map(|row| (row.object, row.size)).collect()))
}
