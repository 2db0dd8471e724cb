//! The events of one UID in the order of their times, by the index that has that order: a page
//! of a long life reads one page of it. Of events from before the time stood beside the UID the
//! order is known only when all of them are read; `explore::timed` puts it there, and then there are none.

use platform::db::Tx;
use sqlx::Error;

use super::label::{EventRow, Place};

/// How many of a UID's oldest events are looked through for its births and receipts.
const OLDEST: i64 = 500;

/// The rows of the events that a query over `event_subjects` found, which of them are kept, and
/// their order.
macro_rules! told {
    ($found:literal, $kept:literal, $($given:expr),+ $(,)?) => {
        sqlx::query_as!(
            EventRow,
            r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at,
                      e.occurred_offset_min, e.recorded_at, e.ingested_at, e.plant, e.station, e.operator_id,
                      e.shift, e.location, e.operation, e.attempt, e.outcome, e.accepted_quantity,
                      e.rejected_quantity, e.reason, e.machine, e.overridden_by, e.corrects,
                      e.reference_type, e.reference_number,
                      case when e.stage between 25 and 35 then array(
                          select d.number from event_references d
                          where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                            and d.seq = e.seq and d.type <> 'to_plant') else '{}' end as "documents!",
                      s.role as "role!", s.quantity, s.unit as "unit!", s.mint as "mint!",
                      case when s.role = 5 then (
                          select p.key from event_subjects p
                          where p.tenant_id = $1 and p.agent_id = e.agent_id and p.epoch = e.epoch
                            and p.seq = e.seq and p.role = 4
                          order by p.ordinal limit 1) end as parent
               from ("# + $found + r#") s
               join lifecycle_events e
                 on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq
               "# + $kept,
            $($given),+
        )
    };
}

/// Events of a UID before a place, newest first, at most `limit`.
pub(super) async fn newest(
    tx: &mut Tx,
    key: i64,
    before: Option<&Place>,
    limit: i64,
) -> Result<Vec<EventRow>, Error> {
    let tenant = tx.tenant();
    told!(
        r#"(select distinct on (occurred_at, agent_id, epoch, seq)
                  agent_id, epoch, seq, role, quantity, unit, mint
           from event_subjects
           where tenant_id = $1 and key = $2 and occurred_at is not null
             and ($4::timestamptz is null or (occurred_at, agent_id, epoch, seq) < ($4, $5, $6, $7))
           order by occurred_at desc, agent_id desc, epoch desc, seq desc, ordinal
           limit $3)
          union all
          (select o.agent_id, o.epoch, o.seq, o.role, o.quantity, o.unit, o.mint
           from (select distinct on (agent_id, epoch, seq)
                        agent_id, epoch, seq, role, quantity, unit, mint
                 from event_subjects where tenant_id = $1 and key = $2 and occurred_at is null
                 order by agent_id, epoch, seq, ordinal) o
           join lifecycle_events t on t.tenant_id = $1 and t.agent_id = o.agent_id
               and t.epoch = o.epoch and t.seq = o.seq
           where $4::timestamptz is null
              or (t.occurred_at, t.agent_id, t.epoch, t.seq) < ($4, $5, $6, $7)
           order by t.occurred_at desc, t.agent_id desc, t.epoch desc, t.seq desc
           limit $3)"#,
        "order by e.occurred_at desc, e.agent_id desc, e.epoch desc, e.seq desc limit $3",
        tenant,
        key,
        limit,
        before.map(|place| place.at),
        before.map(|place| place.agent),
        before.map(|place| place.epoch),
        before.map(|place| place.seq),
    )
    .fetch_all(tx.conn())
    .await
}

/// Births and receipts among the oldest events of a UID, the oldest first, at most `limit`.
pub(super) async fn births(tx: &mut Tx, key: i64, limit: i64) -> Result<Vec<EventRow>, Error> {
    let tenant = tx.tenant();
    told!(
        r#"(select distinct on (occurred_at, agent_id, epoch, seq)
                  agent_id, epoch, seq, role, quantity, unit, mint
           from event_subjects
           where tenant_id = $1 and key = $2 and occurred_at is not null
           order by occurred_at, agent_id, epoch, seq, ordinal
           limit $4)
          union all
          (select distinct on (agent_id, epoch, seq)
                  agent_id, epoch, seq, role, quantity, unit, mint
           from event_subjects where tenant_id = $1 and key = $2 and occurred_at is null
           order by agent_id, epoch, seq, ordinal)"#,
        "where s.mint or e.stage in (1, 3) order by e.occurred_at, e.agent_id, e.epoch, e.seq limit $3",
        tenant,
        key,
        limit,
        OLDEST,
    )
    .fetch_all(tx.conn())
    .await
}
