//! A page of a long life, in a real database: what it reads, and that nothing is lost between pages.

use std::collections::HashSet;

use chrono::Utc;
use platform::ctx::Cx;
use platform::db::DbError;
use proto::v1::{Role, Stage};
use sqlx::{ConnectOptions, Connection};
use uuid::Uuid;

use super::error::TraceError;
use super::service;
use super::timed::{self, Step};
use crate::testing::{EXAMPLE, Say, Site, event, example};

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

/// Three pages of the example's long life, none of which may read all of it.
async fn read_three_pages(site: &Site) {
    as_owner(site, "analyze lifecycle_events; analyze event_subjects").await;
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
                // A connection counts on from what it did before, until it has told that.
                let before: i64 = sqlx::query_scalar(READ).fetch_one(tx.conn()).await?;
                let told = service::trace_page_in(tx, EXAMPLE, (after.as_deref(), 50), Utc::now()).await?;
                let read = sqlx::query_scalar::<_, i64>(READ).fetch_one(tx.conn()).await? - before;
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
async fn a_page_of_a_long_life_reads_one_page_of_it() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    site.sql(LONG).await;
    read_three_pages(&site).await;
}

/// The last event of each page of the example's life, one event a page.
async fn pages(site: &Site) -> Vec<Option<Uuid>> {
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
}

/// Runs SQL as the owner of the tables.
async fn as_owner(site: &Site, sql: &str) {
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
}

#[tokio::test]
async fn what_was_taken_in_before_its_time_stood_beside_it_keeps_its_place() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    let before = pages(&site).await;
    assert!(before.len() > 2, "{before:?}");
    for old in ["seq % 2 = 0", "true"] {
        as_owner(&site, &format!("update event_subjects set occurred_at = null where {old}")).await;
        assert_eq!(pages(&site).await, before, "{old}");
    }
}

/// One step among a site's older events.
async fn step(site: &Site, limit: i64) -> Step {
    let done: Result<Step, DbError> =
        site.db.db.tx(&Cx::system(site.tenant), async |tx| Ok(timed::step_in(tx, limit).await?)).await;
    done.unwrap()
}

/// UIDs of events that have no time beside them, or not the event's.
const UNTIMED: &str = "select count(*)::text from event_subjects s join lifecycle_events e
    using (tenant_id, agent_id, epoch, seq) where s.occurred_at is distinct from e.occurred_at";

#[tokio::test]
async fn a_life_reads_the_same_while_its_older_events_get_their_times_and_after_a_kill_halfway() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    // And of both plants, each in a batch of its own.
    for (day, agent) in [(21, "KOL"), (22, "VSK"), (23, "KOL")] {
        let moved = event(Stage::Storage, &format!("2025-01-{day}T08:00:00Z")).part(EXAMPLE, Role::Subject);
        site.say(agent, moved.at("Rack-1"));
        site.settle().await;
    }
    let mut other = Site::of(site.again(), "OTHR").await;
    example(&mut other);
    other.settle().await;
    for one in [&site, &other] {
        as_owner(one, "update event_subjects set occurred_at = null").await;
    }
    let (before, others) = (pages(&site).await, site.ask(UNTIMED).await);
    assert_eq!((before.len() > 5, others.as_str()), (true, "6"), "{before:?}");

    let mut timed_in_all = 0_i64;
    loop {
        // Killed before it could commit: nothing of the step is left.
        let killed: Result<(), DbError> = site
            .db
            .db
            .tx(&Cx::system(site.tenant), async |tx| {
                timed::step_in(tx, 1).await?;
                Err(sqlx::Error::RowNotFound.into())
            })
            .await;
        assert!(killed.is_err());
        assert_eq!(site.ask(UNTIMED).await, (6 - timed_in_all).to_string());
        let Step::Went { timed, behind, .. } = step(&site, 1).await else { break };
        assert!(!behind, "all is projected");
        timed_in_all += timed;
        assert_eq!(pages(&site).await, before, "{timed_in_all} of 6 have their time");
    }
    assert_eq!((timed_in_all, site.ask(UNTIMED).await.as_str()), (6, "0"));
    assert_eq!(pages(&site).await, before);

    // Once: what is looked through is not looked through again.
    as_owner(&site, "update event_subjects set occurred_at = null where seq = 2").await;
    assert_eq!(step(&site, 1).await, Step::All);
    assert_eq!(site.ask(UNTIMED).await, "1");
    // And nothing of another tenant's was touched, nor is it when its agent is named.
    assert_eq!(other.ask(UNTIMED).await, "3");
    let named: Result<i64, DbError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let agents = other.ask("select string_agg(agent_id::text, ',') from agents").await;
            let mut timed = 0;
            for agent in agents.split(',') {
                let agent: Uuid = agent.parse().unwrap();
                timed += sqlx::query_scalar::<_, i64>("select app.time_subjects($1, 1, 0, 1000)")
                    .bind(agent)
                    .fetch_one(tx.conn())
                    .await?;
            }
            Ok(timed)
        })
        .await;
    assert_eq!((named.unwrap(), other.ask(UNTIMED).await.as_str()), (0, "3"));
}

#[tokio::test]
async fn an_older_long_life_is_read_by_the_page_once_its_events_have_their_times() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    site.sql(LONG).await;
    site.sql(
        "insert into ingest_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq)
         select app.tenant(), 100 + g, agent_id, 1, 10 + g * 1000, 1009 + g * 1000
         from agents, generate_series(0, 20) g where name = 'KOL'",
    )
    .await;
    as_owner(&site, "update event_subjects set occurred_at = null").await;
    assert_eq!(site.ask(UNTIMED).await, "22003", "every tenth event lists it twice");
    while let Step::Went { behind, .. } = step(&site, 8).await {
        assert!(behind, "the projection has not folded these batches");
    }
    assert_eq!(site.ask(UNTIMED).await, "0");
    as_owner(&site, "vacuum event_subjects").await;
    read_three_pages(&site).await;
}
