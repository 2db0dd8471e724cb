//! All SQL of the genealogy. The recursive queries are the reference: whatever
//! answers faster must answer the same.

use platform::db::Tx;
use proto::v1::Stage;
use sqlx::Error;

use super::{Direction, Link, Mode, Moment};

/// Where the tenant is now.
pub async fn moment(tx: &mut Tx) -> Result<Moment, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select coalesce((select c.batch_id from tenant_counters c where c.tenant_id = $1), 0) as "batch!",
                  coalesce((select t.generation from control.tenants t where t.tenant_id = $1), 0)
                      as "generation!""#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(Moment { batch: row.batch, generation: row.generation })
}

/// These UIDs and everything that they went into, or that went into them; ends on a
/// cycle. At most `limit`, in no order.
pub async fn reach(
    tx: &mut Tx,
    starts: &[i64],
    direction: Direction,
    mode: Mode,
    limit: i64,
) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    let wants = mode.wants();
    match direction {
        Direction::Forward => {
            sqlx::query_scalar!(
                r#"with recursive walk(key) as (
                       select key from unnest($2::bigint[]) as key
                     union
                       select l.to_key from walk
                       cross join lateral (
                           select to_key from uid_links
                           where tenant_id = $1 and from_key = walk.key and ($4::smallint[])[kind] > 0
                           group by to_key, kind
                           having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                              and (($4::smallint[])[kind] < 2 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                                   or (bool_or(effect = 2)
                                       and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                                and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                       and app.link_open($1, walk.key, to_key, kind)))) as l
                   )
                   select key as "key!" from walk limit $3"#,
                tenant,
                starts,
                limit,
                wants.as_slice(),
            )
            .fetch_all(tx.conn())
            .await
        }
        Direction::Backward => {
            sqlx::query_scalar!(
                r#"with recursive walk(key) as (
                       select key from unnest($2::bigint[]) as key
                     union
                       select l.from_key from walk
                       cross join lateral (
                           select from_key from uid_links
                           where tenant_id = $1 and to_key = walk.key and ($4::smallint[])[kind] > 0
                           group by from_key, kind
                           having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                              and (($4::smallint[])[kind] < 2 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                                   or (bool_or(effect = 2)
                                       and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                                and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                       and app.link_open($1, from_key, walk.key, kind)))) as l
                   )
                   select key as "key!" from walk limit $3"#,
                tenant,
                starts,
                limit,
                wants.as_slice(),
            )
            .fetch_all(tx.conn())
            .await
        }
    }
}

/// The links that leave what is within `depth` steps of a UID, itself among it. UNION
/// keeps each (UID, level) once, so that a cycle ends at `depth`. At most `limit`.
pub async fn links_within(
    tx: &mut Tx,
    start: i64,
    direction: Direction,
    mode: Mode,
    depth: i32,
    limit: i64,
) -> Result<Vec<Link>, Error> {
    let tenant = tx.tenant();
    let wants = mode.wants();
    match direction {
        Direction::Backward => {
            sqlx::query_as!(
                Link,
                r#"with recursive walk(key, level) as (
                       select $2::bigint, 0
                       union
                       select l.from_key, w.level + 1
                       from walk w
                       join lateral (
                           select from_key from uid_links
                           where tenant_id = $1 and to_key = w.key and ($4::smallint[])[kind] > 0
                           group by from_key, kind
                           having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                              and (($4::smallint[])[kind] < 2 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                                   or (bool_or(effect = 2)
                                       and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                                and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                       and app.link_open($1, from_key, w.key, kind)))) l
                           on true
                       where w.level < $3)
                   select l.from_key as "from!", n.key as "to!", l.kind as "kind!", l.open as "open!"
                   from (select key from walk group by key) n
                   join lateral (
                       select from_key, kind,
                              sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                                  or (bool_or(effect = 2)
                                      and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                               and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                      and app.link_open($1, from_key, n.key, kind)) as open
                       from uid_links
                       where tenant_id = $1 and to_key = n.key and ($4::smallint[])[kind] > 0
                       group by from_key, kind
                       having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                          and (($4::smallint[])[kind] < 2 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                               or (bool_or(effect = 2)
                                   and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                            and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                   and app.link_open($1, from_key, n.key, kind)))) l on true
                   limit $5"#,
                tenant,
                start,
                depth,
                wants.as_slice(),
                limit,
            )
            .fetch_all(tx.conn())
            .await
        }
        Direction::Forward => {
            sqlx::query_as!(
                Link,
                r#"with recursive walk(key, level) as (
                       select $2::bigint, 0
                       union
                       select l.to_key, w.level + 1
                       from walk w
                       join lateral (
                           select to_key from uid_links
                           where tenant_id = $1 and from_key = w.key and ($4::smallint[])[kind] > 0
                           group by to_key, kind
                           having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                              and (($4::smallint[])[kind] < 2 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                                   or (bool_or(effect = 2)
                                       and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                                and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                       and app.link_open($1, w.key, to_key, kind)))) l
                           on true
                       where w.level < $3)
                   select n.key as "from!", l.to_key as "to!", l.kind as "kind!", l.open as "open!"
                   from (select key from walk group by key) n
                   join lateral (
                       select to_key, kind,
                              sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                                  or (bool_or(effect = 2)
                                      and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                               and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                      and app.link_open($1, n.key, to_key, kind)) as open
                       from uid_links
                       where tenant_id = $1 and from_key = n.key and ($4::smallint[])[kind] > 0
                       group by to_key, kind
                       having sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0
                          and (($4::smallint[])[kind] < 2 or sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                               or (bool_or(effect = 2)
                                   and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                            and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                                   and app.link_open($1, n.key, to_key, kind)))) l on true
                   limit $5"#,
                tenant,
                start,
                depth,
                wants.as_slice(),
                limit,
            )
            .fetch_all(tx.conn())
            .await
        }
    }
}

/// A link with its rows added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// Became, or became part of, …
    pub from: i64,
    /// … this.
    pub to: i64,
    /// How.
    pub kind: i16,
    /// It was made, and not all of its makings were corrected.
    pub ever: bool,
    /// It was not taken apart since: [`super::turns`].
    pub open: bool,
}

/// Where a page of links ends.
pub type Place = (i64, i64, i16);

/// All links in their order after a place, at most `limit`. What went in once and came out once,
/// with a greater number, is out: its agent did not tell that before. Only of the others each turn
/// is looked at, since of several takings-out one may say again what a return said.
pub async fn links_after(tx: &mut Tx, after: Place, limit: i64) -> Result<Vec<Sum>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Sum,
        r#"select from_key as "from!", to_key as "to!", kind as "kind!",
                  sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0 as "ever!",
                  sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                      or (bool_or(effect = 2)
                          and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                   and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                          and app.link_open($1, from_key, to_key, kind)) as "open!"
           from uid_links
           where tenant_id = $1 and (from_key, to_key, kind) > ($2, $3, $4)
           group by from_key, to_key, kind order by from_key, to_key, kind limit $5"#,
        tenant,
        after.0,
        after.1,
        after.2,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// The next batches, oldest first: their ids, and the UIDs between which they may have
/// changed links.
///
/// Those are the UIDs that their events name, and those that the events name which
/// they correct, on to the one that is no correction: a correction adds rows to the
/// links of that one, also when it had come before and had to wait for it.
pub async fn touched_after(tx: &mut Tx, after: i64, limit: i64) -> Result<Option<(i64, Vec<i64>)>, Error> {
    let tenant = tx.tenant();
    let through = sqlx::query_scalar!(
        r#"select max(batch_id) from (
               select batch_id from ingest_batches where tenant_id = $1 and batch_id > $2
               order by batch_id limit $3) as b"#,
        tenant,
        after,
        limit,
    )
    .fetch_one(tx.conn())
    .await?;
    let Some(through) = through else {
        return Ok(None);
    };
    let mut keys = sqlx::query_scalar!(
        r#"select distinct s.key as "key!"
           from ingest_batches b
           join event_subjects s on s.tenant_id = $1 and s.agent_id = b.agent_id and s.epoch = b.epoch
               and s.seq >= b.from_seq and s.seq <= b.to_seq
           where b.tenant_id = $1 and b.batch_id > $2 and b.batch_id <= $3 and s.key <> 0"#,
        tenant,
        after,
        through,
    )
    .fetch_all(tx.conn())
    .await?;
    keys.extend(unnamed_after(tx, after, through).await?);
    keys.sort_unstable();
    keys.dedup();
    Ok(Some((through, keys)))
}

/// UIDs that the batches after `after` and up to `through` are about, though their events do not
/// name them: packages that something left, and what corrections are about. One may come twice.
pub async fn unnamed_after(tx: &mut Tx, after: i64, through: i64) -> Result<Vec<i64>, Error> {
    let mut keys = left_after(tx, after, through).await?;
    keys.extend(corrected_after(tx, after, through).await?);
    Ok(keys)
}

/// Packages that something left by coming back without them, in the batches after `after` and up
/// to `through`: the events do not name them.
async fn left_after(tx: &mut Tx, after: i64, through: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct l.to_key as "key!"
           from ingest_batches b
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
               and e.seq >= b.from_seq and e.seq <= b.to_seq and e.stage = $4
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           join uid_links l on l.tenant_id = $1 and l.from_key = s.key and l.agent_id = e.agent_id
               and l.epoch = e.epoch and l.seq = e.seq
           where b.tenant_id = $1 and b.batch_id > $2 and b.batch_id <= $3 and s.key <> 0"#,
        tenant,
        after,
        through,
        Stage::Return as i16,
    )
    .fetch_all(tx.conn())
    .await
}

/// UIDs of events that corrections in the batches after `after` and up to `through` are
/// about, and packages that something left by one of those. A correction need not name them itself.
async fn corrected_after(tx: &mut Tx, after: i64, through: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive up(event_id) as (
               select e.corrects
               from ingest_batches b
               join lifecycle_events e on e.tenant_id = $1 and e.agent_id = b.agent_id and e.epoch = b.epoch
                   and e.seq >= b.from_seq and e.seq <= b.to_seq
               where b.tenant_id = $1 and b.batch_id > $2 and b.batch_id <= $3 and e.corrects is not null
             union
               select e.corrects from up
               join lifecycle_events e on e.tenant_id = $1 and e.event_id = up.event_id
               where e.corrects is not null
           )
           select distinct k.key as "key!" from up
           join lifecycle_events e on e.tenant_id = $1 and e.event_id = up.event_id
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           cross join lateral (
               select s.key
               union all
               select l.to_key from uid_links l
               where e.stage = $4 and l.tenant_id = $1 and l.from_key = s.key and l.agent_id = e.agent_id
                 and l.epoch = e.epoch and l.seq = e.seq) as k
           where s.key <> 0"#,
        tenant,
        after,
        through,
        Stage::Return as i16,
    )
    .fetch_all(tx.conn())
    .await
}

/// All links between UIDs of a set.
pub async fn links_among(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Sum>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Sum,
        r#"select from_key as "from!", to_key as "to!", kind as "kind!",
                  sum(case effect when 1 then 1 when 3 then -1 else 0 end) > 0 as "ever!",
                  sum(case effect when 1 then 1 when 4 then 1 else -1 end) > 0
                      or (bool_or(effect = 2)
                          and not (count(*) = 2 and bool_and(effect in (1, 2)) and min(epoch) = max(epoch)
                                   and min(seq) filter (where effect = 2) > max(seq) filter (where effect = 1))
                          and app.link_open($1, from_key, to_key, kind)) as "open!"
           from uid_links
           where tenant_id = $1 and from_key = any($2) and to_key = any($2)
           group by from_key, to_key, kind"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Some UIDs that have links, from `from` on, in order.
pub async fn linked_from(tx: &mut Tx, from: i64, limit: i64) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select from_key as "key!" from uid_links where tenant_id = $1 and from_key >= $2
           order by from_key limit $3"#,
        tenant,
        from,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// The least and the greatest UID that went into something.
pub async fn linked_span(tx: &mut Tx) -> Result<Option<(i64, i64)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        "select (select min(from_key) from uid_links where tenant_id = $1) as low, \
                (select max(from_key) from uid_links where tenant_id = $1) as high",
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row.low.zip(row.high))
}
