//! A page of a long life, in a real database: what it reads, and that nothing is lost between pages.

use std::collections::HashSet;

use chrono::Utc;
use sqlx::{ConnectOptions, Connection};

use super::error::TraceError;
use super::service;
use crate::testing::{EXAMPLE, Site, example};

/// Twenty thousand events of the example's label; every tenth of them lists it twice.
const LONG: &str = "
insert into lifecycle_events (tenant_id, agent_id, epoch, seq, event_id, stage, action, occurred_at,
    occurred_offset_min, recorded_at, plant, station, operator_id, shift, location, operation, attempt,
    outcome, reason, machine, overridden_by, reference_type, reference_number, payload)
select app.tenant(), agent_id, 1, 10 + g, gen_random_uuid(), 9, 0,
    timestamptz '2025-02-01' + g * interval '1 minute', 0, now(), 'KOL', '', '', '', '', '', 0, 0, '', '', '', '', '', ''
from agents, generate_series(1, 20000) g where name = 'KOL';
insert into event_subjects (tenant_id, key, agent_id, epoch, seq, ordinal, role, unit, unit2, count, mint, item, occurred_at)
select app.tenant(), r.key, a.agent_id, 1, 10 + g, n, 1, '', '', 1, false, '', timestamptz '2025-02-01' + g * interval '1 minute'
from agents a, uid_registry r, generate_series(1, 20000) g, generate_series(0, 1) n
where name = 'KOL' and (n = 0 or g % 10 = 0);
";

const READ: &str = "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint
    from pg_stat_xact_user_tables where relname like 'lifecycle_events%' or relname like 'event_subjects%'";

#[tokio::test]
async fn a_page_of_a_long_life_reads_one_page_of_it() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    site.sql(LONG).await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    sqlx::raw_sql("analyze lifecycle_events; analyze event_subjects").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    let (mut after, mut seen) = (None::<String>, Vec::new());
    for page in 0..3 {
        let told: Result<_, TraceError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                // Tables of a test are small: what is read by way of an index here, is there.
                sqlx::raw_sql(
                    "set local enable_seqscan = off; set local enable_hashjoin = off; \
                     set local enable_mergejoin = off",
                )
                .execute(tx.conn())
                .await?;
                let told = service::trace_page_in(tx, EXAMPLE, (after.as_deref(), 50), Utc::now()).await?;
                let read: i64 = sqlx::query_scalar(READ).fetch_one(tx.conn()).await?;
                // The first one looks through the oldest, too, for the births.
                assert!(read < 3_000, "page {page} reads {read} rows of 20,000 events");
                Ok(told)
            })
            .await;
        let told = told.unwrap();
        let births = if page == 0 { 2 } else { 0 };
        assert_eq!((told.events.len(), told.more_events), (50 + births, true), "page {page}");
        seen.extend(told.events.iter().skip(births).rev().map(|event| event.seq));
        after = told.events_next;
    }
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 150, "none twice");
    assert_eq!(seen, (19_861..=20_010).rev().collect::<Vec<_>>(), "and none left out");
}

#[tokio::test]
async fn what_was_taken_in_before_its_time_stood_beside_it_keeps_its_place() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    let pages = async || {
        let (mut after, mut seen) = (None::<String>, Vec::new());
        loop {
            let told: Result<_, TraceError> = site
                .db
                .db
                .tx(&site.cx(), async |tx| {
                    service::trace_page_in(tx, EXAMPLE, (after.as_deref(), 1), Utc::now()).await
                })
                .await;
            let told = told.unwrap();
            seen.push(told.events.last().map(|event| event.event_id));
            after = told.events_next;
            if after.is_none() {
                return seen;
            }
        }
    };
    let before = pages().await;
    assert!(before.len() > 2, "{before:?}");
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    for old in ["seq % 2 = 0", "true"] {
        let sql = format!("update event_subjects set occurred_at = null where {old}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut owner).await.unwrap();
        assert_eq!(pages().await, before, "{old}");
    }
    owner.close().await.unwrap();
}
