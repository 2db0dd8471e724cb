//! SQL of the report on times.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::Error;
use utoipa::ToSchema;

use crate::db::Tx;
use crate::i18n::Names;

/// How a stage of a workflow kept its times.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = StageTimes)]
pub struct Kept {
    /// Which workflow.
    pub workflow: String,
    /// Of which plant's documents; null for those of none.
    pub plant: Option<String>,
    /// Its stage, counted from 1.
    pub stage: i16,
    /// The stage's name, as it was last.
    pub stage_name: String,
    /// The stage's name, by language.
    pub stage_names: Names,
    /// Opened in this time.
    pub opened: i64,
    /// Of these, decided within their time, or without a time.
    pub in_time: i64,
    /// Of these, decided after it.
    pub late: i64,
    /// Of these, still open within it.
    pub open: i64,
    /// Of these, open and overdue.
    pub overdue: i64,
    /// Of these, escalated.
    pub escalated: i64,
    /// Average seconds until it was decided; null while none was.
    pub average_seconds: Option<i64>,
    /// Nine of ten were decided within so many seconds.
    pub p90_seconds: Option<i64>,
}

/// Stages opened from `from` to before `until`, by workflow, plant and stage.
pub(in super::super) async fn kept(
    tx: &mut Tx,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<Kept>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Kept,
        r#"select workflow, plant, stage,
                  (array_agg(stage_name order by opened_at desc, instance_id desc, round desc))[1] as "stage_name!",
                  (array_agg(stage_names order by opened_at desc, instance_id desc, round desc))[1] as "stage_names!",
                  count(*) as "opened!",
                  count(*) filter (where ended_at is not null and outcome <> 'CANCEL'
                                   and (due_at is null or ended_at <= due_at)) as "in_time!",
                  count(*) filter (where ended_at > due_at and outcome <> 'CANCEL') as "late!",
                  count(*) filter (where ended_at is null and (due_at is null or due_at > $4)) as "open!",
                  count(*) filter (where ended_at is null and due_at <= $4) as "overdue!",
                  count(escalated_at) as "escalated!",
                  (avg(extract(epoch from ended_at - opened_at)) filter (where outcome <> 'CANCEL'))::bigint
                      as average_seconds,
                  (percentile_disc(0.9) within group (order by extract(epoch from ended_at - opened_at))
                       filter (where ended_at is not null and outcome <> 'CANCEL'))::bigint as p90_seconds
           from workflow_rounds
           where tenant_id = $1 and opened_at >= $2 and opened_at < $3
           group by workflow, plant, stage
           order by workflow, plant nulls first, stage limit 1000"#,
        tenant,
        from,
        until,
        now,
    )
    .fetch_all(tx.conn())
    .await
}
