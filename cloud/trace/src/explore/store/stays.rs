//! What went into packages and came out of them.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::label::EventRow;
use crate::explore::stays::Stay;

/// A content, a package, and the event that put the one into the other or took it out.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct TurnRow {
    pub from_key: i64,
    pub to_key: i64,
    pub effect: i16,
    pub occurred_at: DateTime<Utc>,
    pub event_id: Uuid,
    pub agent_id: Uuid,
    pub epoch: i32,
    pub seq: i64,
    /// Some correction names it.
    pub corrected: bool,
    /// It came back without the package.
    pub returned: bool,
}

/// What was done with these units and any package (`up`), or with these packages and
/// anything in them; of what corrections restore the event that told it first.
pub async fn turns(tx: &mut Tx, keys: &[i64], up: bool) -> Result<Vec<TurnRow>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    if up {
        return sqlx::query_as!(
            TurnRow,
            r#"select l.from_key, l.to_key, l.effect, l.occurred_at, e.event_id, l.agent_id, l.epoch, l.seq,
                      exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
                          as "corrected!", e.stage = 34 as "returned!"
               from uid_links l
               join lifecycle_events e on e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch
                   and e.seq = l.seq
               where l.tenant_id = $1 and l.from_key = any($2) and l.kind = 3 and l.effect in (1, 2)
                 and e.corrects is null"#,
            tenant,
            keys,
        )
        .fetch_all(tx.conn())
        .await;
    }
    sqlx::query_as!(
        TurnRow,
        r#"select l.from_key, l.to_key, l.effect, l.occurred_at, e.event_id, l.agent_id, l.epoch, l.seq,
                  exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
                      as "corrected!", e.stage = 34 as "returned!"
           from uid_links l
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch
               and e.seq = l.seq
           where l.tenant_id = $1 and l.to_key = any($2) and l.kind = 3 and l.effect in (1, 2)
                 and e.corrects is null"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Which of these units ever had something packed into them.
pub async fn packages_among(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select key as "key!" from unnest($2::bigint[]) as key
           where exists (select from uid_links l where l.tenant_id = $1 and l.to_key = key.key and l.kind = 3)"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Into which packages these units ever went, and into which those.
pub async fn packages_ever(tx: &mut Tx, keys: &[i64], limit: i64) -> Result<Vec<i64>, Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with recursive up(key) as (
               select l.to_key from uid_links l
               where l.tenant_id = $1 and l.from_key = any($2) and l.kind = 3 and l.effect = 1
             union
               select l.to_key from up
               join uid_links l on l.tenant_id = $1 and l.from_key = up.key and l.kind = 3 and l.effect = 1
           )
           select key as "key!" from up limit $3"#,
        tenant,
        keys,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// What was measured on packages while a unit was in them: events with readings, the
/// newest first, of events before `before` and not before `from`. `parent` is the
/// package; the unit itself plays no role in them.
pub async fn measured_around(
    tx: &mut Tx,
    stays: &[Stay],
    (from, before): (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    if stays.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let packages: Vec<i64> = stays.iter().map(|stay| stay.package).collect();
    let since: Vec<DateTime<Utc>> = stays.iter().map(|stay| stay.from).collect();
    let until: Vec<Option<DateTime<Utc>>> = stays.iter().map(|stay| stay.until).collect();
    let only: Vec<Option<Uuid>> = stays.iter().map(|stay| stay.only).collect();
    sqlx::query_as!(
        EventRow,
        r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at,
                  e.occurred_offset_min, e.recorded_at, e.ingested_at, e.plant, e.station, e.operator_id,
                  e.shift, e.location, e.operation, e.attempt, e.outcome, e.accepted_quantity,
                  e.rejected_quantity, e.reason, e.machine, e.overridden_by, e.corrects,
                  e.reference_type, e.reference_number, '{}'::text[] as "documents!",
                  0::smallint as "role!", null::numeric as quantity, '' as "unit!", false as "mint!",
                  s.package as parent
           from (select s.agent_id, s.epoch, s.seq, min(u.package) as package
                 from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[], $8::uuid[])
                          as u(package, since, until, agent)
                 join event_subjects s on s.tenant_id = $1 and s.key = u.package
                     and (u.agent is null or s.agent_id = u.agent)
                 join event_readings r on r.tenant_id = $1 and r.agent_id = s.agent_id and r.epoch = s.epoch
                     and r.seq = s.seq and r.taken_at >= u.since
                     and (u.until is null or r.taken_at < u.until)
                 group by s.agent_id, s.epoch, s.seq) as s
           join lifecycle_events e
             on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq
           where e.stage <> 37 and ($5::timestamptz is null or e.occurred_at >= $5)
             and ($6::timestamptz is null or e.occurred_at < $6)
           order by e.occurred_at desc, e.agent_id, e.epoch, e.seq desc limit $7"#,
        tenant,
        &packages,
        &since,
        until as _,
        from,
        before,
        limit,
        only as _,
    )
    .fetch_all(tx.conn())
    .await
}
