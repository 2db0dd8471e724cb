//! `trace.suspects_p95`: the first page of suspects, with how many there are and of which
//! kinds, over the same events as the dashboards' figure: questions with a time and without,
//! narrow and wide, alone and together. Beside it the same questions seen through to their
//! end, as they are when a scope is kept.

use std::time::Instant;

use anyhow::{Context, ensure};
use chrono::Utc;
use platform::ctx::Cx;
use platform::db::{Db, PoolSizes};
use platform::postgres::{Durability, Embedded};
use serde_json::{Value, json};
use sqlx::{ConnectOptions, PgConnection};
use trace::genealogy::{Genealogy, Settings};
use trace::scopes::asked::Asked;
use trace::scopes::criteria::Node;
use trace::scopes::error::ScopeError;
use trace::scopes::evaluate::evaluate;
use trace::scopes::service::suspects;
use uuid::Uuid;

use crate::report::{Measured, percentile, spread};
use crate::{Bench, dashboard};

/// Times that each question is asked.
const TIMES: usize = 10;
/// What a question seen through is taken for when it is given up: the limit of a statement.
const GIVEN_UP_MS: f64 = 10_000.0;

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    let events: i64 = if bench.full { 10_000_000 } else { 1_000_000 };
    bench.block_on(async {
        let dir = bench.scratch()?;
        let mut server = Embedded::start(&dir.path().join("postgres"), Durability::None).await?;
        let measured = measure(&server, events).await;
        tokio::task::block_in_place(|| server.stop());
        measured
    })
}

async fn measure(server: &Embedded, events: i64) -> anyhow::Result<Measured> {
    server.ensure_database("bench").await?;
    let options = server.options("bench");
    platform::migrate::migrate(&options).await?;
    let db = Db::new(options.clone(), PoolSizes::default());
    let tenant = dashboard::tenant(&db).await?;
    let mut owner = options.connect().await?;
    dashboard::load(&mut owner, tenant, events).await?;
    beside(&mut owner, tenant, events).await?;

    let zone = platform::i18n::zone("Asia/Kolkata");
    let genealogy = Genealogy::new(db.clone(), Settings::default());
    let known = (zone, &genealogy);
    let (mut times, mut whole) = (Vec::new(), Vec::new());
    let mut slowest = (0.0, String::new());
    let mut cut = 0;
    for criteria in questions() {
        let node = Node::parse(&criteria).map_err(|told| anyhow::anyhow!("{criteria}: {told:?}"))?;
        let mut own = Vec::new();
        let mut found = 0;
        for _ in 0..TIMES {
            let began = Instant::now();
            let told = db
                .tx(&Cx::system(tenant), async |tx| suspects(tx, known, &node, (None, 50), Utc::now()).await)
                .await
                .with_context(|| criteria.to_string())?;
            own.push(began.elapsed().as_secs_f64() * 1e3);
            found = told.total;
            cut += usize::from(told.more);
        }
        ensure!(found > 0, "{criteria} finds nothing");
        let p95 = percentile(&mut own, 95.0);
        if p95 > slowest.0 {
            slowest = (p95, criteria.to_string());
        }
        times.append(&mut own);
        let began = Instant::now();
        let told: Result<usize, ScopeError> = db
            .tx(&Cx::system(tenant), async |tx| {
                let asked = Asked::new(tx, &genealogy, zone).await?;
                Ok(evaluate(tx, &asked, &node).await?.len())
            })
            .await;
        whole.push(match told {
            Ok(_) => began.elapsed().as_secs_f64() * 1e3,
            Err(ScopeError::TooSlow | ScopeError::TooMany(_)) => GIVEN_UP_MS,
            Err(error) => return Err(error).with_context(|| criteria.to_string()),
        });
    }
    // Wide both, and never about one unit: that is only known when all was looked at.
    let never = json!({ "all": [{ "event": { "machine": "M1" } }, { "event": { "operator": "op-7" } }] });
    let node = Node::parse(&never).map_err(|told| anyhow::anyhow!("{never}: {told:?}"))?;
    let began = Instant::now();
    let told =
        db.tx(&Cx::system(tenant), async |tx| suspects(tx, known, &node, (None, 50), Utc::now()).await).await;
    let met = match told {
        Ok(told) => told.total.to_string(),
        Err(ScopeError::TooSlow) => "given up".to_owned(),
        Err(error) => return Err(error.into()),
    };
    let never_ms = began.elapsed().as_secs_f64() * 1e3;
    db.close().await;
    let value = percentile(&mut times, 95.0);
    let baseline = percentile(&mut whole, 95.0);
    Ok(Measured::beside("trace.suspects_p95", value, "ms", baseline)
        .remark(format!(
            "{events} events, {} questions, {} of them with more than a first look finds; {}",
            questions().len(),
            cut / TIMES,
            spread(&mut times)
        ))
        .remark(format!("the slowest: {} {:.0} ms", slowest.1, slowest.0))
        .remark(format!("seen through to the end: {}", spread(&mut whole)))
        .remark(format!("two wide conditions that never meet: {met} in {never_ms:.0} ms")))
}

/// A year is in the events; each of twelve machines has a thirtieth of them.
fn questions() -> Vec<Value> {
    let timed = |mut leaf: Value, from: &str, to: &str| {
        if let Some(fields) = leaf.as_object_mut() {
            fields.insert("from".into(), json!(from));
            fields.insert("to".into(), json!(to));
        }
        json!({ "event": leaf })
    };
    let shift = |leaf: Value| timed(leaf, "2025-06-02T06:00", "2025-06-02T14:00");
    let month = |leaf: Value| timed(leaf, "2025-06-01T00:00", "2025-06-30T23:59");
    let machine = json!({ "event": { "machine": "M1" } });
    let badge = json!({ "event": { "operator": "op-3" } });
    let reason = json!({ "event": { "reason": "R3" } });
    let outside = json!({ "reading": { "name": "reading-1", "outside": true } });
    let lot = json!({ "contains": { "supplier_lot": "HEAT-7" } });
    vec![
        shift(json!({ "machine": "M1" })),
        month(json!({ "machine": "M1" })),
        shift(json!({ "station": "S3" })),
        shift(json!({ "shift": "A" })),
        month(json!({ "shift": "A", "outcome": "failed" })),
        month(json!({ "operator": "op-3" })),
        json!({ "event": { "document": "GRN-77", "document_type": "recadv" } }),
        lot.clone(),
        machine.clone(),
        json!({ "event": { "machine": "M1", "from": "2025-03-01T00:00" } }),
        json!({ "event": { "station": "S3" } }),
        badge.clone(),
        reason.clone(),
        outside.clone(),
        json!({ "reading": { "name": "reading-1", "outside": true, "high": "235" } }),
        json!({ "is": { "item": "ITEM-7" } }),
        json!({ "all": [machine.clone(), reason.clone()] }),
        json!({ "all": [machine.clone(), badge.clone()] }),
        json!({ "all": [machine.clone(), { "not": reason.clone() }] }),
        json!({ "all": [outside.clone(), machine.clone(), { "is": { "life": "active" } }] }),
        json!({ "all": [lot.clone(), { "not": badge.clone() }] }),
        json!({ "any": [machine.clone(), outside, reason] }),
        json!({ "all": [month(json!({ "machine": "M1" })), { "any": [badge, lot] }] }),
        json!({ "all": [machine, { "is": { "plant": "KOL" } }, { "not": shift(json!({ "station": "S3" })) }] }),
    ]
}

/// What the dashboards have no need of: documents, lots with what they went into, the
/// registry, and a machine that stands alone at its station.
async fn beside(owner: &mut PgConnection, tenant: Uuid, events: i64) -> anyhow::Result<()> {
    for sql in [
        "insert into event_references (tenant_id, number, type, line, agent_id, epoch, seq, ordinal)
         select $1, 'GRN-' || n / 500, 'recadv', 0, a.agent_id, 1, n, 0
         from agents a, generate_series(5, $2::bigint / 3, 10) n where a.tenant_id = $1 and a.kind = 'plant'",
        "insert into lots (tenant_id, lot_id, item, supplier, supplier_lot, owner)
         select $1, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'ITEM-1', 'SUP', 'HEAT-' || n, ''
         from generate_series(0, $2::bigint / 20000) n",
        "insert into uid_registry (tenant_id, key, item, plant, lot_id, born_agent, born_epoch, born_seq, born_at,
             last_at, last_stage, events)
         select $1, n + 1, 'ITEM-' || n % 40, (array['KOL', 'VSK', 'MRK'])[1 + n % 3],
             case when n % 1000 = 0
                  then ('00000000-0000-7000-8000-' || lpad((n / 1000)::text, 12, '0'))::uuid end,
             a.agent_id, 1, n, now(), now(), 15, 15
         from agents a, generate_series(0, $2::bigint / 15) n where a.tenant_id = $1 and a.name = 'KOL'",
        "insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, agent_id, epoch, seq, ordinal, occurred_at)
         select $1, n / 1000 * 1000 + 1, n + 1, 2, 1, '', a.agent_id, 1, n, 0, now()
         from agents a, generate_series(0, $2::bigint / 15) n
         where a.tenant_id = $1 and a.name = 'KOL' and n % 1000 between 1 and 200",
        "insert into stations (tenant_id, plant, station, name) select $1, 'KOL', 'S1', 'S1' where $2::bigint > 0",
        "insert into machines (tenant_id, machine, name, plant, station)
         select $1, 'M1', 'M1', 'KOL', 'S1' where $2::bigint > 0",
    ] {
        sqlx::query(sql).bind(tenant).bind(events).execute(&mut *owner).await.context(sql)?;
    }
    // As it is after a night: the database of a bench is not tended by itself.
    for table in ["lifecycle_events", "event_subjects", "event_readings", "event_references", "uid_registry"]
    {
        let sql = format!("vacuum analyze {table}");
        // Names from the list above.
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut *owner).await?;
    }
    sqlx::raw_sql("analyze").execute(&mut *owner).await?;
    Ok(())
}
