//! What is in a held package.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::WayIn;
use crate::explore::order::Stamp;

/// A unit in a package that is held for its own sake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The unit.
    pub key: i64,
    /// How it came in, where that was told after the hold.
    pub way: Option<WayIn>,
}

/// What is in those of `touched` that are held for their own sake, and in these labels that
/// were `born`, and what was in them until it was taken out by an event that was told after the
/// hold: whoever took it out may not have had the hold yet. In however many packages.
pub async fn inside(
    tx: &mut Tx,
    hold_id: Uuid,
    touched: &[i64],
    born: &[i64],
    limit: i64,
) -> Result<Vec<Inside>, Error> {
    if touched.is_empty() && born.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with recursive down(key, via) as (
               (select m.key, 0::bigint from hold_members m
                where m.tenant_id = $1 and m.hold_id = $2 and m.key = any($3) and m.left_at is null
                  and m.cause in ('scope', 'lot', 'content')
                union select key, 0::bigint from unnest($4::bigint[]) as key)
             union
               select l.from_key, down.key from down
               join holds h on h.tenant_id = $1 and h.hold_id = $2
               cross join lateral (
                   select l.from_key from uid_links l
                   where l.tenant_id = $1 and l.to_key = down.key and l.kind = 3
                   group by l.from_key
                   having sum(case when l.effect in (1, 4) then 1 else -1 end) > 0
                       or (bool_or(l.effect = 2) and app.link_open($1, l.from_key, down.key, 3::smallint))
                       or (sum(case l.effect when 1 then 1 when 3 then -1 else 0 end) > 0
                           and bool_or(l.effect = 2
                               and case when l.agent_id = h.placed_agent and l.epoch = h.placed_epoch
                                        then l.seq > h.placed_seq
                                        else h.placed_batch < (
                                            select b.batch_id from ingest_batches b
                                            where b.tenant_id = $1 and b.agent_id = l.agent_id and b.epoch = l.epoch
                                              and b.to_seq >= l.seq
                                            order by b.to_seq limit 1) end))) as l
           )
           select distinct on (d.key) d.key as "key!", d.via as "via!", w.agent_id as "agent_id?",
                  w.epoch as "epoch?", w.seq as "seq?", w.occurred_at as "occurred_at?"
           from (select key, via from down where via <> 0 limit $5) d
           join holds h on h.tenant_id = $1 and h.hold_id = $2
           left join lateral (
               select l.agent_id, l.epoch, l.seq, l.occurred_at from uid_links l
               where l.tenant_id = $1 and l.to_key = d.via and l.from_key = d.key and l.kind = 3
                 and l.effect in (1, 4)
                 and case when l.agent_id = h.placed_agent and l.epoch = h.placed_epoch then l.seq > h.placed_seq
                          else h.placed_batch < (
                              select b.batch_id from ingest_batches b
                              where b.tenant_id = $1 and b.agent_id = l.agent_id and b.epoch = l.epoch
                                and b.to_seq >= l.seq
                              order by b.to_seq limit 1) end
               order by l.occurred_at desc, l.agent_id, l.epoch, l.seq desc limit 1) w on true
           order by d.key, d.via"#,
        tenant,
        hold_id,
        touched,
        born,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let stamp = row.agent_id.zip(row.epoch).zip(row.seq);
            let way = stamp.zip(row.occurred_at).map(|(((agent, epoch), seq), occurred_at)| WayIn {
                via: Some(row.via),
                stamp: Stamp { agent, epoch, seq },
                occurred_at,
            });
            Inside { key: row.key, way }
        })
        .collect())
}

/// Those of these that were held as packages of a member, or as made of one, are held for their own
/// sake from now on, with what is in them. Answers the parts of the hold that have them: plants are
/// to be told that what is in them stays there.
pub async fn hold_wholly(tx: &mut Tx, hold_id: Uuid, keys: &[i64]) -> Result<Vec<i32>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "update hold_members set cause = 'content' \
         where tenant_id = $1 and hold_id = $2 and key = any($3) and cause in ('inside', 'made') and left_at is null \
         returning part",
        tenant,
        hold_id,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}
