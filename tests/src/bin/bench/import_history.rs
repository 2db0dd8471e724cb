//! `import.million_rows`: a million rows of an existing history by `cloud import events`, the
//! program itself, from its start to its end: every row checked before the first is kept, the
//! wrong ones listed, the right ones chained, decoded and committed batch by batch on a server
//! that survives a power cut. Beside it the same rows, decoded before, inserted in bulk into
//! the same tables.
//!
//! The cloud is not running: it folds what was imported at its own pace.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use platform::db::{Db, PoolSizes};
use platform::migrate::migrate;
use platform::postgres::{DATABASE, Durability, Embedded};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use simulators::demo::layout::Layout;
use simulators::demo::process;
use sqlx::{ConnectOptions, PgConnection};
use uid::Uid;
use uuid::Uuid;

use crate::report::Measured;
use crate::{Bench, bare_postgres, ingest};

const SEED: u64 = 4;
/// Also at full size: the promise is about a million.
const ROWS: u64 = 1_000_000;
/// Rows of one bag's story.
const STORY: u64 = 10;
/// One operation of so many is wrong.
const WRONG: u32 = 100;

/// Measures both.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    bench.block_on(async {
        let dir = bench.scratch()?;
        let server = Embedded::start(&dir.path().join("postgres"), Durability::Full).await?;
        let home = server.base().to_owned();
        let measured = measure(&server, dir.path()).await;
        drop(server);
        // As root it lies outside of ours.
        if home.exists() {
            std::fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
        }
        measured
    })
}

async fn measure(server: &Embedded, dir: &Path) -> anyhow::Result<Measured> {
    let file = dir.join("history.csv");
    let wrong = write(&file)?;
    server.ensure_database(DATABASE).await?;
    let options = server.options(DATABASE);
    migrate(&options).await?;
    let db = Db::new(options.clone(), PoolSizes::default());
    let mut owner = options.connect().await?;
    let tenant = ingest::tenant(&db, "SAIF", Uuid::from_u128(1)).await?;
    let bare_tenant = ingest::tenant(&db, "BARE", Uuid::from_u128(2)).await?;
    db.close().await;
    sqlx::query(
        "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking)
         select t, i, i, '{}', 'RM', case i when 'STEEL' then 'kg' else 'pcs' end, 'unit' from unnest($1::uuid[]) t, unnest(array['STEEL', 'PUMP']) i",
    )
    .bind(vec![tenant, bare_tenant])
    .execute(&mut owner)
    .await
    .context("making items")?;
    sqlx::query("checkpoint").execute(&mut owner).await?;

    let state = dir.join("state");
    let env = [
        ("TRACEWRIGHT_STATE_DIR", state.display().to_string()),
        ("TRACEWRIGHT_DATABASE_URL", options.to_url_lossy().to_string()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value));
    let program = Layout::new(&state)?.program("cloud");
    let args = ["import", "events", &file.display().to_string(), "--tenant", "SAIF", "--skip-bad"];
    let began = Instant::now();
    let said = process::run(&program, &args.map(str::to_owned), &env).await?;
    let took = began.elapsed().as_secs_f64();

    let good = ROWS - wrong;
    let agent: Uuid =
        sqlx::query_scalar("select agent_id from agents where tenant_id = $1 and kind = 'import'")
            .bind(tenant)
            .fetch_one(&mut owner)
            .await
            .context("the import's agent")?;
    let stored =
        ingest::count(&mut owner, "select count(*) from lifecycle_events where tenant_id = $1", tenant);
    let stored = stored.await?.unsigned_abs();
    let odd =
        ingest::count(&mut owner, "select count(*) from exceptions where tenant_id = $1", tenant).await?;
    ensure!(
        stored == good && odd == 0,
        "{stored} of {good} rows were imported, with {odd} exceptions: {said}"
    );
    let list = std::fs::read_to_string(dir.join("history.csv.errors.csv")).context("the list of mistakes")?;
    let listed = list.lines().count().saturating_sub(1) as u64;
    ensure!(listed == wrong, "{listed} mistakes are listed, and there are {wrong}");

    sqlx::query("checkpoint").execute(&mut owner).await?;
    let bare = again(&mut owner, tenant, agent, bare_tenant).await?;
    ingest::same_rows(&mut owner, tenant, bare_tenant).await?;
    Ok(Measured::beside("import.million_rows", took, "s", bare).remark(format!(
        "{good} events of {ROWS} rows, {wrong} wrong ones listed: {:.0} events/s, {:.0} bare",
        good as f64 / took,
        good as f64 / bare
    )))
}

/// The same events once more, by the owner; the seconds spent in Postgres.
async fn again(owner: &mut PgConnection, tenant: Uuid, agent: Uuid, bare: Uuid) -> anyhow::Result<f64> {
    let (mut after, mut took) = (0_i64, 0.0);
    // Every row of a lot tells of it; it is written once.
    let mut lots = HashSet::new();
    loop {
        let rows: Vec<(i64, Vec<u8>)> = sqlx::query_as(
            "select seq, payload from lifecycle_events
             where tenant_id = $1 and agent_id = $2 and epoch = 1 and seq > $3 order by seq limit $4",
        )
        .bind(tenant)
        .bind(agent)
        .bind(after)
        .bind((proto::MAX_BATCH_EVENTS * bare_postgres::AHEAD) as i64)
        .fetch_all(&mut *owner)
        .await?;
        let Some((last, _)) = rows.last() else { return Ok(took) };
        after = *last;
        let mut events: Vec<_> =
            rows.into_iter().map(|(seq, bytes)| bare_postgres::decoded(agent, None, seq, bytes)).collect();
        for event in &mut events {
            event.lots.retain(|lot| lots.insert(lot.lot_id));
        }
        took += bare_postgres::write(owner, bare, &events, proto::MAX_BATCH_EVENTS).await?;
    }
}

/// Bags that are received, inspected, put away and used up in units, which are worked on,
/// packed and sent. Answers how many rows are wrong.
fn write(path: &Path) -> anyhow::Result<u64> {
    let mut out = BufWriter::new(File::create(path).context("making the file")?);
    writeln!(
        out,
        "uid,stage,occurred_at,item,quantity,unit,parent,inputs,supplier,supplier_lot,station,operator,machine,\
         location,operation,outcome,reference_type,reference_number,readings"
    )?;
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let uid = |kind: &str, number: u64| -> anyhow::Result<Uid> {
        Ok(Uid::new("SAIF".parse()?, "KOL".parse()?, kind.parse()?, number)?)
    };
    let mut wrong = 0;
    for row in 0..ROWS {
        let story = row / STORY;
        let (bag, one, two, case) = (
            uid("RM", story + 1)?,
            uid("FG", 2 * story + 1)?,
            uid("FG", 2 * story + 2)?,
            uid("PK", story + 1)?,
        );
        let minute = row % STORY + story % 40;
        let (day, hour) = (story / 24 % 28 + 1, story % 24);
        let at = format!("2024-{:02}-{day:02}T{hour:02}:{minute:02}:00+05:30", story / 672 % 12 + 1);
        // A cell that is no number, where nothing later needs the row.
        let bad = row % STORY == 5 && rng.random_ratio(1, WRONG);
        wrong += u64::from(bad);
        let value = rng.random_range(1700..1900);
        let reading = format!("temperature={}.{} C [170..190]", value / 10, value % 10);
        let lot = story / 20;
        match row % STORY {
            0 => writeln!(out, "{bag},GRN,{at},STEEL,25.5,kg,,,XYZ,HEAT-{lot},DOCK1,,,STORE,,,po,PO-{lot},"),
            1 => writeln!(out, "{bag},INSPECTION,{at},,,,,,,,QA1,,,,,passed,,,"),
            2 => writeln!(out, "{bag},STORAGE,{at},,,,,,,,STORE1,,,RACK-{},,,,,", story % 90),
            3 => writeln!(out, "{one},TRANSFORMATION,{at},PUMP,,,,{bag}=12 kg,,,ASM1,,M1,,,,,,{reading}"),
            4 => writeln!(out, "{two},TRANSFORMATION,{at},PUMP,,,,{bag}=13.5 kg,,,ASM1,,M1,,,,,,{reading}"),
            5 => writeln!(
                out,
                "{one},OPERATION,{at},,{},,,,,,CURE1,,OVEN1,,CURE,,,,{reading};pressure=2.5 bar",
                if bad { "much" } else { "" }
            ),
            6 => writeln!(out, "{case},COMMISSION,{at},PUMP,,,,,,,PACK1,,,,,,,,"),
            7 => writeln!(out, "{one},PACKING,{at},,,,{case},,,,PACK1,,,,,,,,"),
            8 => writeln!(out, "{two},PACKING,{at},,,,{case},,,,PACK1,,,,,,,,"),
            _ => writeln!(out, "{case},DISPATCH,{at},,,,,,,,SHIP1,,,,,,inv,INV-{},", story / 5),
        }?;
    }
    out.flush().context("writing the file")?;
    Ok(wrong)
}
