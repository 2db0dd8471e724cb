//! `trace.recall_10k_p95`: from a lot to everything that it went into, more than ten
//! thousand UIDs, in memory inside the process, beside the recursive SQL on the same
//! rows. `trace.recall_http_p95`: the first page of the same by HTTP, in a whole system.
//! `trace.memory_10m`: what ten million UIDs and twenty million links take.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use platform::ctx::Cx;
use platform::db::{Db, DbError, PoolSizes};
use simulators::demo::world::TENANT;
use simulators::history::{Plan, copy};
use sqlx::PgConnection;
use trace::explore::error::TraceError;
use trace::genealogy::adjacency::{Adjacency, Scratch, state};
use trace::genealogy::build::Builder;
use trace::genealogy::{Direction, Genealogy, Mode, Reach, Settings, Source, reach_by_sql};
use uid::{Key, Uid};
use uuid::Uuid;

use crate::Bench;
use crate::office::Office;
use crate::report::{Measured, percentile, spread};

const SEED: u64 = 4;
/// Recalls in memory; over all families.
const RECALLS: u64 = 200;
/// Recalls by the SQL, which takes its time.
const BY_SQL: u64 = 20;
const PAGES: u64 = 60;
/// More than any lot reaches.
const MOST: usize = 100_000;
/// Bytes that are sent at once.
const CHUNK: usize = 1 << 20;

/// Measures all three.
pub fn run(bench: &Bench) -> anyhow::Result<Vec<Measured>> {
    // First, while nothing else takes memory.
    let (memory, growth) = growth()?;
    let uids = if bench.full { 10_000_000 } else { 1_000_000 };
    bench.block_on(async {
        let dir = bench.scratch()?;
        let office = Office::start(dir.path()).await?;
        let measured = measure(&office, Plan::of(SEED, uids)).await;
        office.stop().await?;
        let (mut recall, http) = measured?;
        for line in growth {
            recall = recall.remark(line);
        }
        Ok(vec![recall, http, memory])
    })
}

/// In memory alone, from one to ten million UIDs: what it takes, and how long a recall is.
fn growth() -> anyhow::Result<(Measured, Vec<String>)> {
    let mut lines = Vec::new();
    let mut measured = None;
    for millions in [1, 3, 10] {
        let plan = Plan::of(SEED, millions * 1_000_000);
        let began = Instant::now();
        let adjacency = in_memory(&plan);
        let built = began.elapsed().as_secs_f64();
        let mut scratch = Scratch::default();
        let mut times = Vec::new();
        let mut reached = 0;
        for nth in 0..RECALLS {
            let start = plan.wide_lot(nth % plan.families);
            let began = Instant::now();
            let (keys, _) =
                adjacency.reach(&mut scratch, &[start], Direction::Forward, Mode::Ever, usize::MAX, MOST);
            times.push(began.elapsed().as_secs_f64() * 1e3);
            reached += keys.len();
        }
        let mib = (adjacency.bytes() + scratch.bytes()) as f64 / f64::from(1 << 20);
        lines.push(format!(
            "{millions} million UIDs, {} links in memory: {mib:.0} MiB, made in {built:.1} s; {} UIDs each, {}",
            adjacency.links(),
            reached / RECALLS as usize,
            spread(&mut times)
        ));
        measured = Some(Measured::alone("trace.memory_10m", mib, "MiB"));
    }
    let (first, last) = (lines.first().cloned(), lines.last().cloned());
    let mut measured = measured.context("nothing was measured")?;
    for line in first.into_iter().chain(last) {
        measured = measured.remark(line);
    }
    Ok((measured, lines))
}

/// The links of a history as the cloud keeps them, added up as the SQL does.
fn in_memory(plan: &Plan) -> Adjacency {
    let mut rows: Vec<(i64, i64, i16, i16)> = Vec::with_capacity(plan.links() as usize);
    rows.extend(
        plan.facts().flat_map(|fact| fact.links).map(|link| (link.from, link.to, link.kind, link.effect)),
    );
    rows.sort_unstable();
    let mut builder = Builder::default();
    for same in rows.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
        let count = |effect| same.iter().filter(|row| row.3 == effect).count();
        let (opens, closes, voids, reopens) = (count(1), count(2), count(3), count(4));
        let (from, to, kind, _) = same[0];
        if opens > voids {
            builder.push(from, to, state(kind, true, opens + reopens > voids + closes));
        }
    }
    drop(rows);
    builder.finish()
}

async fn measure(office: &Office, plan: Plan) -> anyhow::Result<(Measured, Measured)> {
    let mut owner = office.owner().await?;
    let tenant: Uuid = sqlx::query_scalar("select tenant_id from control.tenants where code = $1")
        .bind(TENANT)
        .fetch_one(&mut owner)
        .await?;
    let began = Instant::now();
    load(&mut owner, tenant, &plan).await?;
    let loaded = began.elapsed().as_secs_f64();
    let db = Db::new(office.database().await?, PoolSizes::default());
    let settings = Settings { memory: 4 << 30, wait: Duration::from_millis(100) };
    let genealogy = Genealogy::new(db.clone(), settings);
    let began = Instant::now();
    genealogy.warm(tenant).await.map_err(told)?.context("it does not fit into memory")?;
    let warm = began.elapsed().as_secs_f64();

    let ask = async |nth: u64, by_sql: bool| -> anyhow::Result<(Reach, f64)> {
        let start = plan.wide_lot(nth % plan.families);
        let (way, mode) = (Direction::Forward, Mode::Ever);
        db.tx(&Cx::system(tenant), async |tx| {
            let began = Instant::now();
            let found = if by_sql {
                reach_by_sql(tx, &[start], way, mode, MOST).await?
            } else {
                genealogy.reach(tx, &[start], way, mode, MOST).await?
            };
            Ok::<_, TraceError>((found, began.elapsed().as_secs_f64() * 1e3))
        })
        .await
        .map_err(told)
    };
    let (mut memory, mut sql) = (Vec::new(), Vec::new());
    for nth in 0..RECALLS {
        let (found, ms) = ask(nth, false).await?;
        ensure!(found.source == Source::Memory && !found.cut, "memory did not answer");
        ensure!(found.keys.len() > 10_000, "only {} UIDs", found.keys.len());
        memory.push(ms);
        if nth < BY_SQL {
            let (reference, ms) = ask(nth, true).await?;
            ensure!(reference.keys == found.keys, "memory and SQL differ");
            sql.push(ms);
        }
    }
    let value = percentile(&mut memory, 95.0);
    let recall = Measured::beside("trace.recall_10k_p95", value, "ms", percentile(&mut sql, 95.0))
        .remark(format!(
            "{} UIDs and {} links, loaded in {loaded:.0} s, read into memory in {warm:.1} s; {}",
            plan.uids(),
            plan.links(),
            spread(&mut memory)
        ))
        .remark(format!("by SQL {}", spread(&mut sql)));
    drop(genealogy);
    db.close().await;
    Ok((recall, pages(office, plan).await?))
}

/// First pages by HTTP, once the cloud has the links in memory.
async fn pages(office: &Office, plan: Plan) -> anyhow::Result<Measured> {
    let path = |nth: u64, rest: &str| -> anyhow::Result<String> {
        let key = Key::new(plan.wide_lot(nth % plan.families)).context("a key")?;
        let uid = Uid::from_key(TENANT.parse().context("a tenant's code")?, key);
        Ok(format!("/api/v1/trace/{uid}/forward?depth=100&limit=500{rest}"))
    };
    let began = Instant::now();
    loop {
        office.get(&path(0, "&ends=false")?, &[]).await?;
        let metrics = office.get("/metrics", &[]).await?.text;
        let answered =
            metrics.lines().find_map(|line| line.strip_prefix("tracewright_genealogy_memory_answers_total "));
        if answered.is_some_and(|count| count != "0") {
            break;
        }
        ensure!(began.elapsed() < Duration::from_secs(600), "the cloud does not get warm");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for nth in 0..PAGES {
        let began = Instant::now();
        let page = office.get(&path(nth, "&ends=false")?, &[]).await?;
        first.push(began.elapsed().as_secs_f64() * 1e3);
        let page: serde_json::Value = serde_json::from_str(&page.text).context("a page")?;
        let (nodes, total) = (page["nodes"].as_array().map_or(0, Vec::len), page["total"].as_u64());
        ensure!(nodes == 500 && total.is_some_and(|total| total >= 10_000), "{nodes} of {total:?}");
        if nth < BY_SQL {
            let began = Instant::now();
            office.get(&path(nth, "")?, &[]).await?;
            whole.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(Measured::alone("trace.recall_http_p95", percentile(&mut first, 95.0), "ms")
        .remark(format!("500 of more than 10000 UIDs, without where they ended up; {}", spread(&mut first)))
        .remark(format!("with it: {}", spread(&mut whole))))
}

/// The history as rows, in bulk: into the tenant's partitions while they are apart, so
/// that each index is made once.
async fn load(owner: &mut PgConnection, tenant: Uuid, plan: &Plan) -> anyhow::Result<()> {
    let agent = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_4157);
    let name = tenant.simple();
    for (table, indexes) in [
        ("uid_links", "(tenant_id, from_key, to_key, agent_id, epoch, seq, ordinal)"),
        ("uid_registry", "(tenant_id, key)"),
    ] {
        let part = format!("{table}_{name}");
        run_sql(owner, format!("alter table {table} detach partition {part}")).await?;
        let names: Vec<(String, bool)> = sqlx::query_as(
            "select c.relname::text, i.indisprimary from pg_index i join pg_class c on c.oid = i.indexrelid \
             where i.indrelid = $1::text::regclass",
        )
        .bind(&part)
        .fetch_all(&mut *owner)
        .await?;
        for (index, primary) in names {
            let gone = if primary {
                format!("alter table {part} drop constraint {index}")
            } else {
                format!("drop index {index}")
            };
            run_sql(owner, gone).await?;
        }
        let columns = if table == "uid_links" { copy::LINK_COLUMNS } else { copy::BIRTH_COLUMNS };
        let mut into = owner.copy_in_raw(&format!("copy {part} ({columns}) from stdin")).await?;
        let mut rows = String::with_capacity(CHUNK + (1 << 16));
        for fact in plan.facts() {
            if table == "uid_links" {
                copy::links(&fact, tenant, agent, &mut rows);
            } else {
                copy::births(&fact, tenant, agent, &mut rows);
            }
            if rows.len() >= CHUNK {
                into.send(rows.as_bytes()).await?;
                rows.clear();
            }
        }
        into.send(rows.as_bytes()).await?;
        into.finish().await?;
        run_sql(owner, format!("alter table {part} add primary key {indexes}")).await?;
        // Makes the other indexes.
        run_sql(owner, format!("alter table {table} attach partition {part} for values in ('{tenant}')"))
            .await?;
        run_sql(owner, format!("vacuum analyze {part}")).await?;
    }
    Ok(())
}

async fn run_sql(owner: &mut PgConnection, sql: String) -> anyhow::Result<()> {
    let what = sql.clone();
    // Names of tables and a UUID, nothing that anybody typed.
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(owner).await.with_context(|| what)?;
    Ok(())
}

fn told(error: TraceError) -> anyhow::Error {
    match error {
        TraceError::Db(DbError::Sqlx(error)) => error.into(),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use simulators::history::Thing;
    use trace::ingest::links;
    use trace::ingest::rows::SubjectRow;

    /// The generator says what the ingest would make of its facts.
    #[test]
    fn a_history_has_the_links_that_the_ingest_makes() {
        let plan = Plan { seed: SEED, families: 2, scale: 6 };
        for fact in plan.facts().filter(|fact| fact.corrects.is_none()) {
            let subjects: Vec<SubjectRow> = fact
                .parts
                .iter()
                .map(|part| SubjectRow {
                    ordinal: 0,
                    key: part.key,
                    role: part.role as i16,
                    quantity: None,
                    unit: String::new(),
                    quantity2: None,
                    unit2: String::new(),
                    count: 1,
                    mint: part.mint,
                    item: String::new(),
                    lot_id: None,
                    container: false,
                })
                .collect();
            let mut made = Vec::new();
            links::derive(fact.stage as i16, fact.action as i16, &subjects, &mut made);
            let made: Vec<_> =
                made.iter().map(|link| (link.from_key, link.to_key, link.kind, link.effect)).collect();
            let said: Vec<_> =
                fact.links.iter().map(|link| (link.from, link.to, link.kind, link.effect)).collect();
            assert_eq!(made, said, "{fact:?}");
        }
        assert_eq!(Thing::of(plan.wide_lot(1)), Some(Thing::Raw));
    }

    #[test]
    fn what_is_in_memory_reaches_what_was_made() {
        let plan = Plan { seed: SEED, families: 3, scale: 100 };
        let adjacency = in_memory(&plan);
        let mut scratch = Scratch::default();
        for family in 0..3 {
            let start = [plan.wide_lot(family)];
            let (keys, cut) =
                adjacency.reach(&mut scratch, &start, Direction::Forward, Mode::Ever, usize::MAX, MOST);
            assert!(keys.len() > 10_000 && !cut, "{}", keys.len());
        }
    }
}
