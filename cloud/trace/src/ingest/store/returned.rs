//! SQL of what came back without its package.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::Stage;
use sqlx::Error;
use uuid::Uuid;

use super::corrections::Relative;
use crate::ingest::returned::Back;

/// The UIDs of these events, where they are about what lies in packages.
pub async fn packed_by(tx: &mut Tx, tenant: Uuid, events: &[Relative]) -> Result<Vec<i64>, Error> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let agents: Vec<Uuid> = events.iter().map(|one| one.agent_id).collect();
    let epochs: Vec<i32> = events.iter().map(|one| one.epoch).collect();
    let seqs: Vec<i64> = events.iter().map(|one| one.seq).collect();
    let stages = [Stage::Packing as i16, Stage::Kit as i16, Stage::Return as i16];
    sqlx::query_scalar!(
        r#"select s.key as "key!"
           from unnest($2::uuid[], $3::integer[], $4::bigint[]) as r(agent_id, epoch, seq)
           cross join lateral (
               select e.stage from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = r.agent_id and e.epoch = r.epoch and e.seq = r.seq
               offset 0) e
           cross join lateral (
               select s.key from event_subjects s
               where s.tenant_id = $1 and s.agent_id = r.agent_id and s.epoch = r.epoch and s.seq = r.seq
                 and s.key <> 0
               offset 0) s
           where e.stage = any($5)"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        stages.as_slice(),
    )
    .fetch_all(tx.conn())
    .await
}

/// These units with each package in which they ever were.
pub async fn packages_ever(tx: &mut Tx, tenant: Uuid, units: &[i64]) -> Result<Vec<(i64, i64)>, Error> {
    if units.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "select distinct from_key, to_key from uid_links \
         where tenant_id = $1 and from_key = any($2) and kind = 3",
        tenant,
        units,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.from_key, row.to_key)).collect())
}

/// Whether anything came back then or later: of what is packed now, nothing did.
pub async fn any_since(tx: &mut Tx, tenant: Uuid, first: DateTime<Utc>) -> Result<bool, Error> {
    sqlx::query_scalar!(
        r#"select exists (select from lifecycle_events e
                          where e.tenant_id = $1 and e.stage = 34 and e.occurred_at >= $2) as "any!""#,
        tenant,
        first,
    )
    .fetch_one(tx.conn())
    .await
}

/// Every RETURN of these units (each with a package) by themselves that does not name the package.
pub async fn returns(tx: &mut Tx, tenant: Uuid, pairs: &[(i64, i64)]) -> Result<Vec<Back>, Error> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    let (keys, packages): (Vec<i64>, Vec<i64>) = pairs.iter().copied().unzip();
    sqlx::query_as!(
        Back,
        r#"select p.key as "key!", p.package as "package!", e.event_id as "event_id!", s.agent_id as "agent_id!",
                  s.epoch as "epoch!", s.seq as "seq!", e.occurred_at as "at!",
                  exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
                      as "corrected!"
           from unnest($2::bigint[], $3::bigint[]) as p(key, package)
           cross join lateral (
               select s.agent_id, s.epoch, s.seq from event_subjects s
               where s.tenant_id = $1 and s.key = p.key and s.role in (0, 1) offset 0) s
           cross join lateral (
               select e.event_id, e.occurred_at, e.stage from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq
               offset 0) e
           where e.stage = $4
             and not exists (select from event_subjects b
                             where b.tenant_id = $1 and b.key = p.package and b.agent_id = s.agent_id
                               and b.epoch = s.epoch and b.seq = s.seq)"#,
        tenant,
        &keys,
        &packages,
        Stage::Return as i16,
    )
    .fetch_all(tx.conn())
    .await
}

/// Closes the links to these packages, each by its RETURN.
pub async fn close(tx: &mut Tx, tenant: Uuid, back: &[Back]) -> Result<(), Error> {
    if back.is_empty() {
        return Ok(());
    }
    let agents: Vec<Uuid> = back.iter().map(|one| one.agent_id).collect();
    let epochs: Vec<i32> = back.iter().map(|one| one.epoch).collect();
    let seqs: Vec<i64> = back.iter().map(|one| one.seq).collect();
    let keys: Vec<i64> = back.iter().map(|one| one.key).collect();
    let packages: Vec<i64> = back.iter().map(|one| one.package).collect();
    let at: Vec<DateTime<Utc>> = back.iter().map(|one| one.at).collect();
    sqlx::query!(
        r#"insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind, effect,
               quantity, unit, occurred_at)
           select $1, r.agent_id, r.epoch, r.seq, 0, r.key, r.package, 3, 2, null, '', r.at
           from unnest($2::uuid[], $3::integer[], $4::bigint[], $5::bigint[], $6::bigint[], $7::timestamptz[])
               as r(agent_id, epoch, seq, key, package, at)
           on conflict do nothing"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        &keys,
        &packages,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
