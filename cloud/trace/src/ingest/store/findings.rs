//! Exceptions that the ingest opens and, rarely, resolves.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::Stream;
use crate::exceptions::{FOUND_AGAIN, store as inbox};
use crate::ingest::findings::Finding;

/// Opens exceptions, in the order of their unique key. One that is known by
/// kind and fingerprint stays as it is.
pub async fn insert(tx: &mut Tx, tenant: Uuid, mut findings: Vec<Finding>) -> Result<(), Error> {
    if findings.is_empty() {
        return Ok(());
    }
    debug_assert!(findings.iter().all(|finding| crate::exceptions::kinds::is_known(finding.kind)));
    findings.sort_by(|a, b| (a.kind, &a.fingerprint).cmp(&(b.kind, &b.fingerprint)));
    let ids: Vec<Uuid> = findings.iter().map(|_| Uuid::now_v7()).collect();
    let kinds: Vec<&str> = findings.iter().map(|f| f.kind).collect();
    let fingerprints: Vec<&str> = findings.iter().map(|f| f.fingerprint.as_str()).collect();
    let plants: Vec<&str> = findings.iter().map(|f| f.plant.as_str()).collect();
    let agents: Vec<_> = findings.iter().map(|f| f.agent_id).collect();
    let epochs: Vec<_> = findings.iter().map(|f| f.epoch).collect();
    let seqs: Vec<_> = findings.iter().map(|f| f.seq).collect();
    let keys: Vec<_> = findings.iter().map(|f| f.key).collect();
    let details: Vec<_> = findings.iter().map(|f| f.detail.clone()).collect();
    sqlx::query!(
        r#"insert into exceptions (tenant_id, exception_id, kind, fingerprint, plant, agent_id, epoch,
               seq, key, detail)
           select $1, u.* from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[],
               $7::integer[], $8::bigint[], $9::bigint[], $10::jsonb[]) as u
           on conflict (tenant_id, kind, fingerprint) do nothing"#,
        tenant,
        &ids,
        kinds as _,
        fingerprints as _,
        plants as _,
        agents as _,
        epochs as _,
        seqs as _,
        keys as _,
        &details,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Says in the exception `fork` that led to `led_to`'s epoch where the histories
/// part. One that says so already stays as it is.
pub async fn fork_parted(tx: &mut Tx, led_to: Stream, parted: &Value) -> Result<(), Error> {
    sqlx::query!(
        "update exceptions set detail = detail || $4::jsonb \
         where tenant_id = $1 and kind = 'fork' and fingerprint = $2::uuid || ':' || $3::integer \
           and not detail ? 'branches'",
        led_to.tenant,
        led_to.agent_id,
        led_to.epoch,
        parted,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The exception `fork` that led to a stream's epoch, if it lists labels.
pub struct Fork {
    /// Its id.
    pub exception_id: Uuid,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// Its detail.
    pub detail: Value,
}

/// See [`Fork`]; locked.
pub async fn fork_lock(tx: &mut Tx, led_to: Stream) -> Result<Option<Fork>, Error> {
    sqlx::query_as!(
        Fork,
        "select exception_id, opened_at, detail from exceptions \
         where tenant_id = $1 and kind = 'fork' and fingerprint = $2::uuid || ':' || $3::integer \
           and detail ? 'branches' for update",
        led_to.tenant,
        led_to.agent_id,
        led_to.epoch,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Replaces an exception's detail.
pub async fn detail_set(tx: &mut Tx, tenant: Uuid, exception_id: Uuid, detail: &Value) -> Result<(), Error> {
    sqlx::query!(
        "update exceptions set detail = $3 where tenant_id = $1 and exception_id = $2",
        tenant,
        exception_id,
        detail,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether an event of a stream is kept in an exception `event.stray`.
pub async fn stray_known(tx: &mut Tx, tenant: Uuid, fingerprint: &str) -> Result<bool, Error> {
    sqlx::query_scalar!(
        "select exists (select from exceptions \
         where tenant_id = $1 and kind = 'event.stray' and fingerprint = $2) as \"known!\"",
        tenant,
        fingerprint,
    )
    .fetch_one(tx.conn())
    .await
}

/// What became of what a check has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It stands open already.
    Before,
    /// Its exception is new.
    New(Uuid),
    /// It was resolved, and is open again.
    Again(Uuid),
}

/// Opens the exception of what a check has found. One that somebody resolved is opened
/// again, with a step that says so: a check looks at what is, and it is still so.
pub async fn found(tx: &mut Tx, tenant: Uuid, finding: Finding, now: DateTime<Utc>) -> Result<Told, Error> {
    let known = sqlx::query!(
        "select exception_id, status from exceptions \
         where tenant_id = $1 and kind = $2 and fingerprint = $3 for update",
        tenant,
        finding.kind,
        finding.fingerprint,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(known) = known else {
        let (kind, print) = (finding.kind, finding.fingerprint.clone());
        insert(tx, tenant, vec![finding]).await?;
        let id = sqlx::query_scalar!(
            "select exception_id from exceptions where tenant_id = $1 and kind = $2 and fingerprint = $3",
            tenant,
            kind,
            print,
        )
        .fetch_one(tx.conn())
        .await?;
        return Ok(Told::New(id));
    };
    if known.status != "resolved" {
        return Ok(Told::Before);
    }
    let id = known.exception_id;
    inbox::reopen(tx, id).await?;
    inbox::step_insert(tx, id, "reopened", None, None, FOUND_AGAIN, now).await?;
    detail_set(tx, tenant, id, &finding.detail).await?;
    Ok(Told::Again(id))
}

/// Code of the plant whose agent a stream is of.
pub async fn plant_of(tx: &mut Tx, stream: Stream) -> Result<Option<String>, Error> {
    let found = sqlx::query_scalar!(
        "select plant_code from agents where tenant_id = $1 and agent_id = $2",
        stream.tenant,
        stream.agent_id,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.flatten())
}
