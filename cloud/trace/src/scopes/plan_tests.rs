//! Every condition is found by an index, in the partitions of one tenant among several;
//! and what finds too much is told so.

use chrono_tz::Tz;
use platform::testing::TestDb;
use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection};

use super::asked::Asked;
use super::criteria::Node;
use super::error::ScopeError;
use super::evaluate::evaluate;
use super::first::first;
use super::spelt::spelt;
use super::store::known;
use crate::explore::plan_tests::{ROWS, offences};
use crate::testing::{Site, uid};

/// Tables of a test are small: what a plan does here by way of an index, it does there.
const LARGE: &str =
    "set local enable_seqscan = off; set local enable_hashjoin = off; set local enable_mergejoin = off";

const MORE: &str = "
insert into event_readings (tenant_id, agent_id, epoch, seq, ordinal, name, value, unit, quality, low, high, taken_at)
select app.tenant(), a.agent_id, 9, g, 1, 'r' || g % 50, g % 40, 'x', 1, 2, 37, now() - g * interval '1 minute'
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
update plants set time_zone = 'Europe/Berlin' where tenant_id = app.tenant() and code = 'VSK';
";

/// Conditions of every kind, alone and together.
fn trees() -> Vec<Value> {
    let day = json!({ "from": "2020-01-01T00:00", "to": "2020-01-02T00:00" });
    let with = |mut leaf: Value| {
        leaf.as_object_mut().unwrap().extend(day.as_object().unwrap().clone());
        leaf
    };
    let machine = json!({ "event": { "machine": "m7", "from": "2020-01-01T00:00" } });
    vec![
        machine.clone(),
        json!({ "event": with(json!({ "station": "D7" })) }),
        json!({ "event": { "operator": "op3" } }),
        json!({ "event": { "reason": "crack" } }),
        json!({ "event": { "document": "GRN-12", "document_type": "recadv" } }),
        json!({ "event": { "customer": "ACME" } }),
        json!({ "event": with(json!({ "shift": "A" })) }),
        json!({ "event": { "shift": "A", "produced_from": "2020-01-01", "produced_to": "2020-01-01" } }),
        json!({ "reading": { "name": "r7", "outside": true } }),
        json!({ "reading": { "name": "r7", "outside": true, "high": "30" } }),
        json!({ "reading": with(json!({ "name": "r7", "low": "30" })) }),
        json!({ "reading": { "name": "r7", "outside": true, "without_taken": true } }),
        json!({ "event": { "machine": "m7", "from": "2020-01-01T00:00", "without_taken": true } }),
        // The lot of `HEAT-12`.
        json!({ "contains": { "lot": "0458856d-95f0-40ba-f6f3-618b7fa37555" } }),
        json!({ "contains": { "supplier_lot": "HEAT-12" } }),
        json!({ "contains": { "uid": uid("KOL", "RM", 15) } }),
        json!({ "is": { "item": "I7", "life": "active" } }),
        json!({ "is": { "item": "I7", "plant": "KOL" } }),
        json!({ "is": { "item": "I7", "plant": "KOL", "custody": "location" } }),
        json!({ "all": [machine.clone(), { "event": { "outcome": "failed" } }, { "is": { "plant": "KOL" } },
            { "not": { "reading": { "name": "r7", "outside": true } } },
            { "not": { "event": { "stage": "INSPECTION" } } }] }),
        json!({ "any": [machine, { "contains": { "supplier_lot": "HEAT-13" } }] }),
    ]
}

#[tokio::test]
async fn every_condition_is_found_by_an_index_in_one_tenants_partition() {
    let mut db = Some(TestDb::at_home().await);
    for code in ["ONE1", "TWO2", "TRI3"] {
        let site = Site::of(db.take().unwrap(), code).await;
        site.sql("insert into holds (tenant_id, hold_id, reason, scope) values (app.tenant(), gen_random_uuid(), 'x', '{}')")
            .await;
        site.sql(ROWS).await;
        site.sql(MORE).await;
        db = Some(site.db);
    }
    let site = Site::of(db.unwrap(), "SAIF").await;
    site.sql("insert into holds (tenant_id, hold_id, reason, scope) values (app.tenant(), gen_random_uuid(), 'x', '{}')")
        .await;
    site.sql(ROWS).await;
    site.sql(MORE).await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    sqlx::raw_sql("analyze").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    let mut met = 0;
    for criteria in trees() {
        let node = Node::parse(&criteria).unwrap();
        let found: Result<usize, ScopeError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                sqlx::raw_sql(LARGE).execute(tx.conn()).await?;
                let sql = crate::genealogy::Genealogy::default();
                let asked = Asked::new(tx, &sql, Tz::UTC).await?;
                let found = evaluate(tx, &asked, &node).await?;
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "{criteria}");
                let part = first(tx, &asked, &node).await?;
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "a first look at {criteria}");
                assert!(part.more || part.keys == found, "{criteria}");
                assert_eq!(spelt(tx, &asked, &node).await?.0, node, "{criteria}");
                assert_eq!(
                    offences(tx).await?,
                    Vec::<String>::new(),
                    "how the codes of {criteria} are spelt"
                );
                Ok(found.len())
            })
            .await;
        met += usize::from(found.unwrap() > 0);
    }
    assert!(met >= 8, "only {met} found anything");
    let offered: Result<(), ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            sqlx::raw_sql(LARGE).execute(tx.conn()).await?;
            assert_eq!(known::machines(tx).await?.len(), 20);
            assert_eq!(known::stations(tx).await?.len(), 20);
            assert_eq!(known::operators(tx).await?.len(), 50);
            assert_eq!(known::readings(tx).await?.len(), 51);
            known::operations(tx).await?;
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "what is offered");
            Ok(())
        })
        .await;
    offered.unwrap();
}

const OPERATIONS: &str = "
insert into lifecycle_events (tenant_id, agent_id, epoch, seq, event_id, stage, action, occurred_at,
    occurred_offset_min, recorded_at, plant, station, operator_id, shift, location, operation, attempt,
    outcome, reason, machine, overridden_by, reference_type, reference_number, payload)
select app.tenant(), a.agent_id, 9, g, md5(a.agent_id::text || g)::uuid, 15, 0, now() - g * interval '1 minute', 0, now(),
    'KOL', 'D' || g % 20, '', '', '', 'OP-' || g % 12, 1, 0, '', '', '', '', '', ''
from agents a, generate_series(1, 5000) g where a.name = 'KOL';
insert into event_subjects (tenant_id, key, agent_id, epoch, seq, ordinal, role, unit, unit2, count, mint, item)
select app.tenant(), 3474027400000000000 + g, a.agent_id, 9, g, 0, 1, 'pcs', '', 1, false, ''
from agents a, generate_series(1, 5000) g where a.name = 'KOL';
";

#[tokio::test]
async fn that_no_event_names_an_operation_is_known_without_reading_events() {
    let site = Site::of(TestDb::at_home().await, "SAIF").await;
    site.sql(OPERATIONS).await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    sqlx::raw_sql("analyze").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();
    let read = "select coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint \
                from pg_stat_xact_user_tables where relname like 'lifecycle_events%'";
    let done: Result<(), ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            sqlx::raw_sql(LARGE).execute(tx.conn()).await?;
            let sql = crate::genealogy::Genealogy::default();
            let asked = Asked::new(tx, &sql, Tz::UTC).await?;
            for (operation, there) in [("OP-7", true), ("op-7", true), ("NONE", false)] {
                let node =
                    Node::parse(&json!({ "event": { "operator": "p", "operation": operation } })).unwrap();
                let before: i64 = sqlx::query_scalar(read).fetch_one(tx.conn()).await?;
                let (_, hints) = spelt(tx, &asked, &node).await?;
                let after: i64 = sqlx::query_scalar(read).fetch_one(tx.conn()).await?;
                let told: Vec<&str> = hints.iter().map(|hint| hint.value.as_str()).collect();
                assert_eq!(told, if there { vec!["p"] } else { vec!["p", "NONE"] });
                assert!(after - before < 500, "{operation}: {} events read", after - before);
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

#[tokio::test]
async fn what_takes_too_long_is_told_so() {
    let site = Site::new().await;
    let told: Result<(), ScopeError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            super::store::told::limit_time(tx, "20").await?;
            sqlx::query("select pg_sleep(5)").execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    assert!(matches!(told, Err(ScopeError::TooSlow)), "{told:?}");
}

#[test]
fn comparing_waits_for_a_statement_as_the_job_that_saved_and_ends_within_a_request() {
    let (comparing, job) = (super::asked::Patience::COMPARING, super::asked::Patience::JOB);
    assert_eq!(comparing.each, job.each);
    assert!(comparing.all < std::time::Duration::from_secs(120), "{comparing:?}");
}
