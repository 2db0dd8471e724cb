//! Postgres' side of the comparison: what the facts of a mirror have to be, made of the events
//! in SQL by the same rules as `feed.rs` has, as text, and what that hashes to.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::{Fact, Group, Groups, Look, Part};
use crate::mirror::voids::Corrections;

/// Links that are looked at at once.
const LINKS: i64 = 20_000;

/// A part may take its time: nobody waits for it, and it is bounded.
pub(super) async fn patience(tx: &mut Tx) -> Result<(), Error> {
    // Where nothing is known of the tables yet, loops within loops would look best.
    sqlx::query!(
        r#"select set_config('statement_timeout', '10min', true) as a, set_config('enable_nestloop', 'off', true) as b,
                  set_config('jit', 'off', true) as c"#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// The streams of a tenant: agent, epoch, and the last seq.
pub(super) async fn streams(tx: &mut Tx) -> Result<Vec<(Uuid, i32, i64)>, Error> {
    let tenant = tx.tenant();
    let rows =
        sqlx::query!("select agent_id, epoch, through_seq from ingest_cursors where tenant_id = $1", tenant,)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|row| (row.agent_id, row.epoch, row.through_seq)).collect())
}

/// Up to which UID the links after one are a part; `None`: all that are left.
pub(super) async fn links_until(tx: &mut Tx, after: i64) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select from_key from uid_links where tenant_id = $1 and from_key > $2 \
         order by from_key offset $3 limit 1",
        tenant,
        after,
        LINKS,
    )
    .fetch_optional(tx.conn())
    .await
}

/// As [`super::here::groups`].
pub(super) async fn groups(tx: &mut Tx, part: &Part, look: Look) -> Result<Groups, Error> {
    patience(tx).await?;
    match part.stream {
        Some(stream) => of_stream(tx, stream, part, look).await,
        None => of_links(tx, part, look).await,
    }
}

async fn of_stream(
    tx: &mut Tx,
    (agent, epoch): (Uuid, i32),
    part: &Part,
    look: Look,
) -> Result<Groups, Error> {
    let tenant = tx.tenant();
    let void = void(tx, (agent, epoch), part).await?;
    let rows = sqlx::query!(
        r#"with e as materialized (
               select e.*, coalesce(e.production_date,
                          (e.occurred_at at time zone 'UTC' + make_interval(mins => e.occurred_offset_min))::date)
                          - date '1970-01-01' as day_no,
                      (extract(epoch from e.occurred_at) * 1000000)::bigint as at_us,
                      (e.seq = any($8::bigint[]))::integer as undone
               from lifecycle_events e
               where e.tenant_id = $1 and e.agent_id = $2 and e.epoch = $3 and e.seq between $4 and $5),
           s as materialized (
               select s.seq, s.ordinal, s.key, s.role, s.mint,
                      coalesce(nullif(s.item, ''), r.item, '') as item, coalesce(s.lot_id, r.lot_id) as lot_id
               from event_subjects s
               left join lateral (
                   select item, lot_id from uid_registry r where r.tenant_id = $1 and r.key = s.key offset 0) r
                   on true
               where s.tenant_id = $1 and s.agent_id = $2 and s.epoch = $3 and s.seq between $4 and $5
                 and s.key <> 0),
           named as (select distinct seq from s where role in (0, 1, 3)),
           about as materialized (
               select u.*, row_number() over (partition by u.seq order by u.ordinal) - 1 as nth,
                      count(*) over (partition by u.seq) as units, coalesce(l.supplier, '') as supplier
               from (select distinct on (s.seq, s.key) s.seq, s.ordinal, s.key, s.item, s.lot_id
                     from s left join named n on n.seq = s.seq
                     where s.role in (0, 1, 3) or n.seq is null
                     order by s.seq, s.key, s.ordinal) u
               left join lateral (
                   select supplier from lots l where l.tenant_id = $1 and l.lot_id = u.lot_id offset 0) l on true),
           minted as (select seq, count(*) filter (where mint) as minted from s group by seq),
           ordered as materialized (
               select distinct on (r.seq, r.type) r.seq, r.type, r.number, coalesce(o.partner, '') as partner
               from event_references r
               left join lateral (
                   select partner from orders o
                   where o.tenant_id = $1 and o.type = r.type and o.number = r.number collate "default" offset 0) o
                   on true
               where r.tenant_id = $1 and r.agent_id = $2 and r.epoch = $3 and r.seq between $4 and $5
                 and r.type in ('po', 'so') and r.number <> ''
               order by r.seq, r.type, r.ordinal),
           facts as (
               select 1 as fact, e.seq, concat_ws(chr(31), e.seq, e.at_us,
                          (extract(epoch from e.ingested_at) * 1000000)::bigint, e.day_no, e.plant, e.station,
                          e.machine, e.operator_id, e.shift, e.operation, coalesce(a.item, ''),
                          coalesce(nullif(a.supplier, ''), po.partner, ''), coalesce(so.partner, ''), e.reason,
                          e.stage, e.action, e.outcome, e.attempt, coalesce(a.units, 0), coalesce(a.key::text, ''),
                          coalesce(m.minted, 0), coalesce(e.accepted_quantity::text, ''),
                          coalesce(e.rejected_quantity::text, ''), coalesce(a.lot_id::text, ''),
                          coalesce(po.number, ''), coalesce(so.number, ''), e.undone) as row
               from e left join about a on a.seq = e.seq and a.nth = 0 left join minted m on m.seq = e.seq
               left join ordered po on po.seq = e.seq and po.type = 'po'
               left join ordered so on so.seq = e.seq and so.type = 'so'
               union all
               select 2, e.seq, concat_ws(chr(31), e.seq, r.ordinal,
                          (extract(epoch from r.taken_at) * 1000000)::bigint, e.day_no, e.plant, e.station, e.machine,
                          e.operator_id, e.shift, e.operation, coalesce(a.item, ''), e.stage, e.attempt,
                          coalesce(a.key::text, ''), r.name, coalesce(r.value::text, ''), r.unit, r.quality,
                          coalesce(r.low::text, ''), coalesce(r.high::text, ''),
                          case when r.value is null or r.low is null and r.high is null then ''
                               else (coalesce(r.value < r.low, false)
                                     or coalesce(r.value > r.high, false))::integer::text end, e.undone)
               from event_readings r join e on e.seq = r.seq left join about a on a.seq = e.seq and a.nth = 0
               where r.tenant_id = $1 and r.agent_id = $2 and r.epoch = $3 and r.seq between $4 and $5
               union all
               select 3, e.seq, concat_ws(chr(31), e.seq, least(a.nth, 32767), e.at_us, e.day_no, e.plant, e.station,
                          e.machine, e.operator_id, e.shift, e.operation, a.item,
                          coalesce(nullif(a.supplier, ''), po.partner, ''), e.reason, e.stage, e.outcome, e.attempt,
                          a.key, coalesce(a.lot_id::text, ''), coalesce(po.number, ''), e.undone)
               from e join about a on a.seq = e.seq left join ordered po on po.seq = e.seq and po.type = 'po'
               where e.outcome <> 0
               union all
               select 4, e.seq, concat_ws(chr(31), e.seq, s.nth, e.at_us, e.day_no, e.plant, e.stage, e.action, s.role,
                          s.key, coalesce(case when s.role = 5 and e.stage in (14, 24) then s.package end::text, ''),
                          e.undone)
               from e
               join (select seq, key, role, row_number() over (partition by seq order by ordinal) - 1 as nth,
                            (array_agg(key) filter (where role = 4)
                                over (partition by seq order by ordinal
                                      rows between unbounded preceding and unbounded following))[1] as package
                     from s) s on s.seq = e.seq
               where e.stage in (14, 24, 28, 34))
           select fact as "fact!", case when $6::boolean then seq else 0 end as "at!", count(*) as "count!",
                  sum(('x' || substr(md5(row), 1, 15))::bit(60)::bigint)::text as "sum!",
                  case when $7::boolean then string_agg(row, chr(30)) end as rows
           from facts group by 1, 2"#,
        tenant,
        agent,
        epoch,
        part.low,
        part.high,
        look.each,
        look.tell,
        &void,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let group = Group { count: row.count, sum: row.sum, rows: row.rows };
            Some(((*Fact::OF_EVENTS.get(usize::try_from(row.fact - 1).ok()?)?, row.at), group))
        })
        .collect())
}

/// Which events of a part a correction has made void.
async fn void(tx: &mut Tx, (agent, epoch): (Uuid, i32), part: &Part) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    let pairs = sqlx::query!(
        r#"with recursive down(event_id, corrects) as (
               select c.event_id, c.corrects from lifecycle_events e
               cross join lateral (
                   select event_id, corrects from lifecycle_events c
                   where c.tenant_id = $1 and c.corrects = e.event_id offset 0) c
               where e.tenant_id = $1 and e.agent_id = $2 and e.epoch = $3 and e.seq between $4 and $5
             union
               select c.event_id, c.corrects from down
               cross join lateral (
                   select event_id, corrects from lifecycle_events c
                   where c.tenant_id = $1 and c.corrects = down.event_id offset 0) c
           )
           select event_id as "event_id!", corrects as "corrects!" from down"#,
        tenant,
        agent,
        epoch,
        part.low,
        part.high,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut corrections = Corrections::default();
    for pair in pairs {
        corrections.add(pair.event_id, pair.corrects);
    }
    let void: Vec<Uuid> = corrections.all_corrected().filter(|event| corrections.void(*event)).collect();
    sqlx::query_scalar!(
        "select seq from lifecycle_events where tenant_id = $1 and agent_id = $2 and epoch = $3 \
         and seq between $4 and $5 and event_id = any($6)",
        tenant,
        agent,
        epoch,
        part.low,
        part.high,
        &void,
    )
    .fetch_all(tx.conn())
    .await
}

async fn of_links(tx: &mut Tx, part: &Part, look: Look) -> Result<Groups, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"with facts as (
               select l.from_key, concat_ws(chr(31), l.agent_id, l.epoch, l.seq, l.ordinal, l.from_key, l.to_key,
                          (extract(epoch from l.occurred_at) * 1000000)::bigint,
                          coalesce(e.production_date,
                              (l.occurred_at at time zone 'UTC' + make_interval(mins => e.occurred_offset_min))::date)
                              - date '1970-01-01', e.plant, l.kind, l.effect, coalesce(l.quantity::text, ''),
                          l.unit) as row
               from uid_links l
               cross join lateral (
                   select production_date, occurred_offset_min, plant from lifecycle_events e
                   where e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch and e.seq = l.seq
                   offset 0) e
               where l.tenant_id = $1 and l.from_key between $2 and $3)
           select case when $4::boolean then from_key else 0 end as "at!", count(*) as "count!",
                  sum(('x' || substr(md5(row), 1, 15))::bit(60)::bigint)::text as "sum!",
                  case when $5::boolean then string_agg(row, chr(30)) end as rows
           from facts group by 1"#,
        tenant,
        part.low,
        part.high,
        look.each,
        look.tell,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ((Fact::Genealogy, row.at), Group { count: row.count, sum: row.sum, rows: row.rows }))
        .collect())
}
