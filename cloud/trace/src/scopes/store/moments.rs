//! When what one condition asks for happened to packages: it happened to what was in them then.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::{Role, Stage};
use sqlx::Error;
use uuid::Uuid;

use super::leaf::Fits;

/// Documents of which an event has to name one: numbers, and the type of each, empty for any.
pub type Documents = (Vec<String>, Vec<String>);

/// When something that fits happened to a package.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the tables, described in the schema")]
pub struct EventMoment {
    pub key: i64,
    pub at: DateTime<Utc>,
    pub agent_id: Uuid,
    pub corrected: Option<Uuid>,
}

/// When events that fit, and name one of these documents where they are given, happened to
/// these packages, as [`super::leaf::by_event`]. What is put into a package, or taken out,
/// happens to that and to the package, not to what else is in it.
pub async fn of_events(
    tx: &mut Tx,
    fits: &Fits,
    documents: Option<&Documents>,
    packages: &[i64],
    limit: i64,
) -> Result<Vec<EventMoment>, Error> {
    let tenant = tx.tenant();
    let packing: &[i16] = &[Stage::Packing as i16, Stage::Kit as i16];
    let (numbers, types) = documents.map(|(numbers, types)| (numbers.as_slice(), types.as_slice())).unzip();
    sqlx::query_as!(
        EventMoment,
        r#"select distinct s.key as "key!", e.occurred_at as "at!", s.agent_id as "agent_id!",
                  (select c.corrects from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id
                   and c.stage = 36 limit 1) as "corrected?"
           from event_subjects s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           where s.tenant_id = $1 and s.key = any($16) and e.stage between 1 and 35
             and not (s.role = $20 and e.stage = any($21))
             and ($2::text is null or e.machine = $2) and ($3::text is null or e.station = $3)
             and ($4::text is null or e.operator_id = $4) and ($5::text is null or e.operation = $5)
             and ($6::text is null or e.shift = $6) and ($7::smallint[] is null or e.stage = any($7))
             and ($8::smallint is null or e.outcome = $8) and ($9::text is null or e.reason = $9)
             and ($10::timestamptz is null or e.occurred_at >= $10)
             and ($11::timestamptz is null or e.occurred_at <= $11)
             and ($12::date is null or e.production_date >= $12)
             and ($13::date is null or e.production_date <= $13)
             and ($14::text[] is null or e.plant = any($14)) and ($15::text[] is null or e.plant = any($15))
             and ($18::text[] is null
                  or exists (select from event_references d
                             join unnest($18::text[], $19::text[]) as w(number, type)
                                 on d.number = w.number and (w.type = '' or d.type = w.type)
                             where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                               and d.seq = e.seq))
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
        packages,
        limit,
        numbers,
        types,
        Role::Parent as i16,
        packing,
    )
    .fetch_all(tx.conn())
    .await
}
