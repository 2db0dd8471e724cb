//! Every query of the trace and of the projections touches the partitions of
//! one tenant only, and reads none of them from end to end.
//!
//! Judged by what really ran: the transaction's own scan counters and locks,
//! which also see queries inside macros, joins and recursion.

use chrono::Utc;
use platform::db::{DbError, Tx};
use platform::testing::TestDb;
use sqlx::{ConnectOptions, Connection, Row};

use super::error::TraceError;
use super::graph::Direction;
use super::places::{self, Who};
use super::walk::Ask;
use super::{compare, picture, report, search, service, walk};
use crate::genealogy::{self, Genealogy, Mode};
use crate::testing::{Say, Site, event, uid};
use proto::v1::{Role, Stage};

pub(crate) const ROWS: &str = "
insert into lifecycle_events (tenant_id, agent_id, epoch, seq, event_id, stage, action, occurred_at,
    occurred_offset_min, recorded_at, plant, station, operator_id, shift, location, operation, attempt,
    outcome, reason, machine, overridden_by, corrects, reference_type, reference_number, payload)
select app.tenant(), a.agent_id, 9, g, md5(a.agent_id::text || g)::uuid, 3, 0, now() - g * interval '1 minute', 0, now(),
    'KOL', 'D' || g % 20, 'op' || g % 50, '', 'L' || g % 100, '', 0, 0, '', 'm' || g % 20, '',
    case when g % 500 = 0 then md5(a.agent_id::text || (g - 1))::uuid end,
    'recadv', 'GRN-' || g % 4000, ''
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into event_subjects (tenant_id, key, agent_id, epoch, seq, ordinal, role, unit, unit2, count, mint, item)
select app.tenant(), 3474027400000000000 + g, a.agent_id, 9, g, 0, 1, 'pcs', '', 1, true, 'I' || g % 100
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into event_references (tenant_id, number, type, line, agent_id, epoch, seq, ordinal)
select app.tenant(), 'GRN-' || g % 4000, 'recadv', 0, a.agent_id, 9, g, 0
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into event_readings (tenant_id, agent_id, epoch, seq, ordinal, name, value, unit, quality, taken_at)
select app.tenant(), a.agent_id, 9, g, 0, 'torque', g, 'Nm', 1, now()
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
select app.tenant(), md5('lot' || g)::uuid, 'I', 'S', 'HEAT-' || g, '' from generate_series(1, 5000) g;
insert into uid_aliases (tenant_id, alias, key, agent_id, epoch, seq)
select app.tenant(), 'SN-' || g, 3474027400000000000 + g, a.agent_id, 9, g
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into uid_registry (tenant_id, key, item, lot_id, parent_key, born_agent, born_epoch, born_seq, born_at,
    last_at, last_stage)
select app.tenant(), 3474027400000000000 + g, 'I' || g % 100, md5('lot' || g % 5000)::uuid,
    case when g % 10 <> 0 then 3474027400000000000 + g - g % 10 + 10 end, a.agent_id, 9, g, now(), now(), 3
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, seq, ordinal)
select app.tenant(), 3474027400000000000 + g, 3474027400000000000 + g - g % 10 + 10, 3, 1, 'pcs', now(), a.agent_id, 9, g, 0
from agents a, generate_series(1, 20000) g where a.name = 'KOL' and g % 10 <> 0;
insert into stock_ledger (tenant_id, agent_id, epoch, seq, ordinal, plant, location, item, key, quantity, unit,
    occurred_at, stage)
select app.tenant(), a.agent_id, 9, g, 0, 'KOL', 'L', 'I', 3474027400000000000 + g, 1, 'pcs', now(), 3
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into exceptions (tenant_id, exception_id, kind, fingerprint, key, detail)
select app.tenant(), md5('x' || g)::uuid, 'k' || g % 7, g::text, 3474027400000000000 + g, '{}' from generate_series(1, 20000) g;
insert into holds (tenant_id, hold_id, reason, scope, status)
select app.tenant(), gen_random_uuid(), 'x', '{}', case when g % 100 = 0 then 'placed' else 'released' end
from generate_series(1, 5000) g;
insert into orders (tenant_id, type, number, plant) select app.tenant(), t, 'O-' || g, 'KOL'
from generate_series(1, 3000) g, unnest(array['po', 'so', 'transfer', 'prodorder']) t;
insert into order_lines (tenant_id, type, number, line, item, quantity, unit)
select app.tenant(), t, 'O-' || g, 1, 'I', 1, 'pcs'
from generate_series(1, 3000) g, unnest(array['po', 'so', 'transfer', 'prodorder']) t;
insert into event_references (tenant_id, number, type, line, agent_id, epoch, seq, ordinal)
select app.tenant(), 'O-' || g % 3000, t, 0, a.agent_id, 9, g, n
from agents a, generate_series(1, 20000) g, unnest(array['po', 'so', 'transfer', 'prodorder']) with ordinality x(t, n)
where a.name = 'KOL';
insert into partners (tenant_id, partner, name, roles) values (app.tenant(), 'C-7', 'Customer', '{customer}');
update orders set partner = 'C-' || substr(number, 3)::integer % 30 where type = 'so';
insert into event_references (tenant_id, number, type, line, agent_id, epoch, seq, ordinal)
select app.tenant(), 'C-' || g % 30, 'customer', 0, a.agent_id, 9, g, 9
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into ingest_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq)
select app.tenant(), g, a.agent_id, 9, g * 10 - 9, g * 10 from agents a, generate_series(1, 2000) g where a.name = 'KOL';
update tenant_counters set batch_id = 2000;
insert into transfers (tenant_id, key, out_agent, out_epoch, out_seq, from_plant, to_plant, document, left_at)
select app.tenant(), 3474027400000000000 + g, a.agent_id, 9, g, 'KOL', 'VSK', '', now()
from agents a, generate_series(1, 20000) g where a.name = 'KOL';
insert into hold_members (tenant_id, hold_id, key)
select app.tenant(), h.hold_id, 3474027400000000000 + g
from (select hold_id, row_number() over () as n from holds limit 50) h, generate_series(1, 20000) g
where g % 50 = h.n - 1;
";

/// Partitioned tables of other tenants that were scanned or locked, and own
/// large tables that were read from end to end.
pub(crate) async fn offences(tx: &mut Tx) -> Result<Vec<String>, DbError> {
    let own = tx.tenant().simple().to_string();
    let mut found = Vec::new();
    let scans = sqlx::query(
        "select s.relname::text, s.seq_scan, coalesce(s.idx_scan, 0) from pg_stat_xact_user_tables s \
         where s.seq_scan > 0 or s.idx_scan > 0",
    )
    .fetch_all(tx.conn())
    .await?;
    let large = [
        "lots",
        "uid_aliases",
        "exceptions",
        "holds",
        "hold_members",
        "orders",
        "order_lines",
        "transfers",
        "ingest_batches",
    ];
    for row in scans {
        let (name, seq, index): (String, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let suffix = name.rsplit('_').next().unwrap_or_default();
        let partition = suffix.len() == 32;
        if partition && suffix != own {
            found.push(format!("{name}: another tenant's, {seq} + {index} scans"));
        } else if seq > 0 && (partition || large.contains(&name.as_str())) {
            found.push(format!("{name}: {seq} scans from end to end"));
        }
    }
    let locks = sqlx::query_scalar::<_, String>(
        "select distinct c.relname::text from pg_locks l join pg_class c on c.oid = l.relation \
         where l.pid = pg_backend_pid() and c.relispartition and c.relkind = 'r'",
    )
    .fetch_all(tx.conn())
    .await?;
    found
        .extend(locks.into_iter().filter(|name| !name.ends_with(&own)).map(|name| format!("{name}: locked")));
    Ok(found)
}

#[tokio::test]
async fn queries_touch_one_tenants_partition_and_no_whole_table() {
    let mut db = Some(TestDb::at_home().await);
    for code in ["ONE1", "TWO2", "TRI3"] {
        let site = Site::of(db.take().unwrap(), code).await;
        site.sql("insert into holds (tenant_id, hold_id, reason, scope) values (app.tenant(), gen_random_uuid(), 'x', '{}')")
            .await;
        site.sql(ROWS).await;
        db = Some(site.db);
    }
    let mut site = Site::of(db.unwrap(), "SAIF").await;
    site.sql("insert into holds (tenant_id, hold_id, reason, scope) values (app.tenant(), gen_random_uuid(), 'x', '{}')")
        .await;
    site.sql(ROWS).await;
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    sqlx::raw_sql("analyze").execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();

    let one = uid("KOL", "RM", 15);
    let check: Result<(), TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            service::trace_in(tx, &one, Utc::now()).await?;
            service::trace_in(tx, "SN-15", Utc::now()).await?;
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "trace");
            Ok(())
        })
        .await;
    check.unwrap();
    for direction in [Direction::Backward, Direction::Forward] {
        let check: Result<(), TraceError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let walk = walk::walk_in(
                    tx,
                    &Genealogy::default(),
                    &uid("KOL", "RM", 20),
                    direction,
                    &Ask::default(),
                    Utc::now(),
                )
                .await?;
                assert!(direction == Direction::Forward || walk.total == 9);
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "{direction:?}");
                Ok(())
            })
            .await;
        check.unwrap();
    }
    for mode in [Mode::Ever, Mode::Open, Mode::Made, Mode::Recall] {
        let check: Result<(), TraceError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let key = crate::testing::key(&one);
                let up = genealogy::reach_by_sql(tx, &[key], Direction::Forward, mode, 50).await?;
                let down = genealogy::reach_by_sql(tx, &up.keys, Direction::Backward, mode, 50).await?;
                // All of it is packed: nothing was made of anything.
                let reached = if mode == Mode::Made { (1, 1) } else { (2, 10) };
                assert_eq!((up.keys.len(), down.keys.len()), reached);
                genealogy::store::links_after(tx, (key, key, 0), 50).await?;
                genealogy::store::links_among(tx, &down.keys).await?;
                genealogy::store::touched_after(tx, 1990, 16).await?;
                let (low, high) = genealogy::store::linked_span(tx).await?.unwrap();
                assert!(low < high && !genealogy::store::linked_from(tx, key, 50).await?.is_empty());
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "genealogy {mode:?}");
                Ok(())
            })
            .await;
        check.unwrap();
    }
    let check: Result<(), DbError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let tenant = tx.tenant();
            let sql = "from uid_lifecycle where tenant_id = $1 and key = app.uid_key($2)";
            let stages: String =
                sqlx::query_scalar(sqlx::AssertSqlSafe(format!("select lifecycle::text {sql}")))
                    .bind(tenant)
                    .bind(&one)
                    .fetch_one(tx.conn())
                    .await?;
            assert!(stages.contains("GRN"), "{stages}");
            let plan: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(format!("explain select * {sql}")))
                    .bind(tenant)
                    .bind(&one)
                    .fetch_all(tx.conn())
                    .await?;
            let plan = plan.join("\n");
            assert!(plan.contains("on uid_registry") && !plan.contains("Seq Scan on uid_registry"), "{plan}");
            // A view cannot name one partition of the events: others are locked, not read.
            let mut read = offences(tx).await?;
            read.retain(|offence| !offence.ends_with(": locked"));
            assert_eq!(read, Vec::<String>::new(), "uid_lifecycle");
            Ok(())
        })
        .await;
    check.unwrap();
    for query in ["UID-SAIF-KOL-RM-0001", "SN-12", "sn-12", "HEAT-12", "heat-12", "GRN-12", "grn-12"] {
        let check: Result<(), TraceError> = site
            .db
            .db
            .tx(&site.cx(), async |tx| {
                let found = search::search_in(tx, query, None, 50).await?;
                assert_eq!(found.hits.len(), 50, "{query}");
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "{query}");
                Ok(())
            })
            .await;
        check.unwrap();
    }

    let check: Result<(), TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let (now, day) = (Utc::now(), chrono::Duration::days(1));
            let first = places::Page { after: None, limit: 50 };
            for (who, code) in [(Who::Machine, "m7"), (Who::Station, "D7"), (Who::Operator, "op7")] {
                let page = places::passes_in(tx, (who, code, ""), (now - day * 14, now), &first, now).await?;
                assert_eq!(page.passes.len(), 50);
                let second = places::Page { after: page.next, limit: 50 };
                let page =
                    places::passes_in(tx, (who, code, ""), (now - day * 14, now), &second, now).await?;
                assert_eq!(page.passes.len(), 50);
                let page = places::passes_in(tx, (who, code, ""), (now, now + day), &first, now).await?;
                assert!(page.passes.is_empty() && page.last_before.is_some());
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "{who:?}");
            }
            let lot: uuid::Uuid = sqlx::query_scalar("select md5('lot7')::uuid").fetch_one(tx.conn()).await?;
            assert_eq!(places::lot_in(tx, lot, &first, now).await?.units.len(), 4);
            let page = places::document_in(tx, "prodorder", "O-7", &first, now).await?;
            assert_eq!(page.passes.len(), 7);
            let page = places::customer_in(tx, "C-7", "", &first, now).await?;
            assert_eq!((page.orders.len(), page.passes.len()), (50, 50));
            let second = places::Page { after: page.next, limit: 50 };
            let after = page.next_orders.unwrap_or_default();
            let page = places::customer_in(tx, "C-7", &after, &second, now).await?;
            assert_eq!((page.orders.len(), page.passes.len()), (50, 50));
            // One that the masters do not have is known by what was ordered and sent.
            let page = places::customer_in(tx, "C-8", "", &first, now).await?;
            assert_eq!((page.name.as_str(), page.orders.len(), page.passes.len()), ("", 50, 50));
            assert_eq!(places::customer_in(tx, "C-99", "", &first, now).await.unwrap_err().status(), 404);
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "places");
            for code in ["HEAT-7", "O-7", "C-7", "C-8", "m7", "D7", "op7", "NOTHING"] {
                let leads = places::leads_in(tx, code).await?;
                assert_eq!(leads.is_empty(), code == "NOTHING", "{code}");
                assert_eq!(offences(tx).await?, Vec::<String>::new(), "{code}");
            }
            assert_eq!(places::named_in(tx, "custom").await?.len(), 1);
            assert_eq!(search::search_in(tx, "nobody is called so", None, 50).await?.leads, []);
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "names");
            for direction in [Direction::Backward, Direction::Forward] {
                let wish = picture::Wish::default();
                picture::picture_in(tx, &Genealogy::default(), &uid("KOL", "RM", 20), direction, &wish, now)
                    .await?;
            }
            let (one, other) = (uid("KOL", "RM", 20), uid("KOL", "RM", 120));
            let found = compare::compare_in(tx, &Genealogy::default(), &one, &other, now).await?;
            let facts = found.comparison.sections.iter().flat_map(|section| &section.facts);
            assert!(facts.filter(|fact| fact.part.is_some()).count() >= 9, "nine parts of the same items");
            report::report_in(tx, &Genealogy::default(), &uid("KOL", "RM", 20), now).await?;
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "picture, comparison and report");
            Ok(())
        })
        .await;
    check.unwrap();

    let check: Result<(), TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            for status in ["placed", "released"] {
                assert_eq!(super::store::holding::list(tx, status, None, 50).await?.len(), 50);
            }
            let hold: uuid::Uuid =
                sqlx::query_scalar("select hold_id from hold_members where tenant_id = $1 and key = $2")
                    .bind(tx.tenant())
                    .bind(crate::testing::key(&one))
                    .fetch_one(tx.conn())
                    .await?;
            let tenant = tx.tenant();
            assert_eq!(crate::holds::members_of(tx, tenant, hold).await?.len(), 400);
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "holds");
            Ok(())
        })
        .await;
    check.unwrap();
    let check: Result<(), TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            use crate::exceptions::store::{Filter, list};
            for filter in [
                Filter { status: "open".into(), ..Filter::default() },
                Filter { status: "open".into(), kind: "k3".into(), ..Filter::default() },
            ] {
                let page = list(tx, &filter, None, 50).await?;
                assert_eq!(page.len(), 50);
                let last = page.last().map(|row| (row.opened_at, row.exception_id));
                list(tx, &filter, last, 50).await?;
            }
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "exceptions");
            Ok(())
        })
        .await;
    check.unwrap();
    let check: Result<(), TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            assert_eq!(crate::pages::store::latest(tx, 20, Utc::now()).await?.len(), 20);
            crate::pages::store::counts(tx, "KOL", Utc::now() - chrono::Duration::hours(1)).await?;
            crate::pages::store::zones(tx).await?;
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "live");
            Ok(())
        })
        .await;
    check.unwrap();
    let check: Result<(), DbError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            for kind in crate::projection::orders::TYPES {
                crate::projection::orders::settle(tx, &(kind.into(), "O-7".into())).await?;
            }
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "orders");
            Ok(())
        })
        .await;
    check.unwrap();

    site.say("KOL", event(Stage::Storage, "2025-02-01T08:00:00Z").part(&one, Role::Subject));
    site.say("KOL", event(Stage::Storage, "2025-02-01T08:00:00Z").part(&uid("KOL", "RM", 20), Role::Subject));
    site.send("KOL").await;
    // The batches that were made by hand are done with.
    site.sql(
        "insert into projection_cursors (tenant_id, projection, through_batch) \
              select app.tenant(), 'trace', max(batch_id) - 1 from ingest_batches",
    )
    .await;
    let check: Result<(), crate::projection::ProjectionError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            assert_eq!(crate::projection::step_in(tx, 10, false).await?, 1);
            assert_eq!(offences(tx).await?, Vec::<String>::new(), "projection");
            Ok(())
        })
        .await;
    check.unwrap();
}
