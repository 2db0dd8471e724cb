//! The newest events and readings that fit one condition, for a first look: in the order of
//! an index, so that reading ends when enough was read.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::leaf::{Fits, Found, Measured};

/// A unit of an event that fits, and when that was.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "the columns of the statements")]
pub struct Recent {
    pub key: i64,
    pub at: DateTime<Utc>,
    pub corrected: Option<Uuid>,
}

impl Recent {
    /// Without when.
    #[must_use]
    pub fn found(self) -> Found {
        Found { key: self.key, corrected: self.corrected }
    }
}

/// Units of the newest events that fit, at one plant where that is given; at most `limit`
/// rows, of which several may be about one unit.
pub async fn by_event(
    tx: &mut Tx,
    fits: &Fits,
    plant: Option<&str>,
    limit: i64,
) -> Result<Vec<Recent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Recent,
        r#"select s.key as "key!", e.occurred_at as "at!", c.corrects as "corrected?"
           from lifecycle_events e
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           left join lifecycle_events c on c.tenant_id = $1 and c.corrects = e.event_id
               and c.corrects is not null and c.stage = 36
           where e.tenant_id = $1 and e.stage between 1 and 35
             and ($2::text is null or e.machine = $2) and ($3::text is null or e.station = $3)
             and ($4::text is null or e.operator_id = $4) and ($5::text is null or e.operation = $5)
             and ($6::text is null or e.shift = $6) and ($7::smallint[] is null or e.stage = any($7))
             and ($8::smallint is null or e.outcome = $8) and ($9::text is null or e.reason = $9)
             and ($10::timestamptz is null or e.occurred_at >= $10)
             and ($11::timestamptz is null or e.occurred_at <= $11)
             and ($12::date is null or e.production_date >= $12)
             and ($13::date is null or e.production_date <= $13)
             and ($14::text[] is null or e.plant = any($14)) and ($15::text[] is null or e.plant = any($15))
             and ($16::text is null or e.plant = $16) and s.key <> 0
             and (not $18::boolean or s.quantity is null
                  or case when s.role = 5 and e.stage in (14, 19, 30, 33)
                          then not coalesce((select u.container from uid_registry u
                                             where u.tenant_id = $1 and u.key = s.key), false)
                          else s.role <> 2 end)
           order by e.occurred_at desc
           limit $17"#,
        tenant,
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.operator.as_deref(),
        fits.operation.as_deref(),
        fits.shift.as_deref(),
        fits.stages.as_deref(),
        fits.outcome,
        fits.reason.as_deref(),
        fits.from,
        fits.to,
        fits.produced_from,
        fits.produced_to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        plant,
        limit,
        fits.without_taken,
    )
    .fetch_all(tx.conn())
    .await
}

/// Units of the newest readings that fit; at most `limit` rows.
pub async fn by_reading(tx: &mut Tx, fits: &Measured, limit: i64) -> Result<Vec<Recent>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Recent,
        r#"select s.key as "key!", r.taken_at as "at!", c.corrects as "corrected?"
           from event_readings r
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = r.agent_id and e.epoch = r.epoch
               and e.seq = r.seq
           join event_subjects s on s.tenant_id = $1 and s.agent_id = r.agent_id and s.epoch = r.epoch
               and s.seq = r.seq
           left join lifecycle_events c on c.tenant_id = $1 and c.corrects = e.event_id
               and c.corrects is not null and c.stage = 36
           where r.tenant_id = $1 and r.name = $2 and e.stage between 1 and 35
             and ($3::text <> 'own' or r.value < r.low or r.value > r.high)
             and ($3::text <> 'outside' or r.value < $4 or r.value > $5)
             and ($3::text <> 'inside'
                  or (r.value >= coalesce($4, r.value) and r.value <= coalesce($5, r.value)))
             and ($6::text is null or e.operation = $6) and ($7::text is null or e.machine = $7)
             and ($8::text is null or e.station = $8)
             and ($9::timestamptz is null or r.taken_at >= $9)
             and ($10::timestamptz is null or r.taken_at <= $10)
             and ($11::text[] is null or e.plant = any($11)) and ($12::text[] is null or e.plant = any($12))
             and s.key <> 0
             and (not $14::boolean or s.quantity is null
                  or case when s.role = 5 and e.stage in (14, 19, 30, 33)
                          then not coalesce((select u.container from uid_registry u
                                             where u.tenant_id = $1 and u.key = s.key), false)
                          else s.role <> 2 end)
           order by r.taken_at desc
           limit $13"#,
        tenant,
        fits.name,
        fits.against,
        fits.low,
        fits.high,
        fits.operation.as_deref(),
        fits.machine.as_deref(),
        fits.station.as_deref(),
        fits.from,
        fits.to,
        fits.plants.as_deref(),
        fits.own.as_deref(),
        limit,
        fits.without_taken,
    )
    .fetch_all(tx.conn())
    .await
}
