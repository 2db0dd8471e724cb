//! SQL of what came back without its package.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::Stage;
use sqlx::Error;
use uuid::Uuid;

use super::Stream;
use crate::ingest::returned::{Back, Packed};

/// Closes the links to packages in which these units lay when they came back, unless the same
/// event names the package.
pub async fn close(tx: &mut Tx, stream: Stream, back: &[Back]) -> Result<(), Error> {
    if back.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i64> = back.iter().map(|one| one.seq).collect();
    let keys: Vec<i64> = back.iter().map(|one| one.key).collect();
    let at: Vec<DateTime<Utc>> = back.iter().map(|one| one.at).collect();
    sqlx::query!(
        r#"insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind, effect,
               quantity, unit, occurred_at)
           select $1, $2, $3, r.seq, 0, r.key, l.to_key, 3, 2, null, '', r.at
           from unnest($4::bigint[], $5::bigint[], $6::timestamptz[]) as r(seq, key, at)
           cross join lateral (
               select u.to_key from uid_links u
               where u.tenant_id = $1 and u.from_key = r.key and u.kind = 3
               group by u.to_key
               having sum(case u.effect when 1 then 1 when 3 then -1 else 0 end) > 0
                  and sum(case when u.occurred_at > r.at then 0 when u.effect in (1, 4) then 1 else -1 end) > 0
                  and (sum(case when u.effect in (1, 4) then 1 else -1 end) > 0
                       or (bool_or(u.effect = 2) and app.link_open($1, r.key, u.to_key, 3::smallint)))) as l
           where not exists (select from event_subjects s
                             where s.tenant_id = $1 and s.key = l.to_key and s.agent_id = $2 and s.epoch = $3
                               and s.seq = r.seq)
           on conflict do nothing"#,
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        &seqs,
        &keys,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
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

/// Closes the links of what these events tell to have been packed by the first RETURN after
/// that, where no correction says that it never was.
pub async fn close_late(tx: &mut Tx, tenant: Uuid, packed: &[Packed]) -> Result<(), Error> {
    let keys: Vec<i64> = packed.iter().map(|one| one.key).collect();
    let packages: Vec<i64> = packed.iter().map(|one| one.package).collect();
    let at: Vec<DateTime<Utc>> = packed.iter().map(|one| one.at).collect();
    sqlx::query!(
        r#"insert into uid_links (tenant_id, agent_id, epoch, seq, ordinal, from_key, to_key, kind, effect,
               quantity, unit, occurred_at)
           select $1, r.agent_id, r.epoch, r.seq, 0, p.key, p.package, 3, 2, null, '', r.occurred_at
           from unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) as p(key, package, at)
           cross join lateral (
               select s.agent_id, s.epoch, s.seq, e.occurred_at
               from event_subjects s
               join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
                   and e.seq = s.seq
               where s.tenant_id = $1 and s.key = p.key and s.role in (0, 1)
                 and e.stage = $5 and e.occurred_at >= p.at
                 and not exists (select from event_subjects b
                                 where b.tenant_id = $1 and b.key = p.package and b.agent_id = s.agent_id
                                   and b.epoch = s.epoch and b.seq = s.seq)
                 and not exists (select from lifecycle_events c
                                 where c.tenant_id = $1 and c.corrects = e.event_id)
               order by e.occurred_at, s.agent_id, s.epoch, s.seq limit 1) as r
           where exists (
               select from uid_links u
               where u.tenant_id = $1 and u.from_key = p.key and u.to_key = p.package and u.kind = 3
               group by u.to_key
               having sum(case u.effect when 1 then 1 when 3 then -1 else 0 end) > 0
                  and sum(case when u.occurred_at > r.occurred_at then 0 when u.effect in (1, 4) then 1
                               else -1 end) > 0
                  and (sum(case when u.effect in (1, 4) then 1 else -1 end) > 0
                       or (bool_or(u.effect = 2) and app.link_open($1, p.key, p.package, 3::smallint))))
           on conflict do nothing"#,
        tenant,
        &keys,
        &packages,
        &at,
        Stage::Return as i16,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
