//! `cloud.ingest`: from an agent's journal to committed in Postgres, the real
//! way: engine, uplink, gRPC over mTLS, edge service, one transaction per batch
//! on a server that survives a power cut. All on this machine. Beside it the
//! same rows, decoded before, inserted in bulk into the same tables.
//!
//! The worker that folds events into states is not running: it follows commits
//! at its own pace.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chrono::Utc;
use edge_agent::enrol::{self, Expected, machine_id};
use edge_agent::uplink::{self, Connection, EnginePort, UplinkSettings};
use platform::authority::{self, Authority, MasterKey};
use platform::ctx::Cx;
use platform::db::{Db, DbError, PoolSizes};
use platform::migrate::migrate;
use platform::postgres::{DATABASE, Durability, Embedded};
use platform::tenancy::{self, NewAgent, NewCompany, NewPlant, NewTenant};
use sqlx::{ConnectOptions, PgConnection};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trace::edge::{Edge, EdgeConfig};
use trace::ingest::{Committed, Ingest};
use uuid::Uuid;

use crate::facts::AGENT;
use crate::line::{Line, plant_file};
use crate::report::Measured;
use crate::{Bench, bare_postgres, journals};

/// Nothing committed for so long means that it does not go on.
const STUCK: Duration = Duration::from_secs(60);

/// Measures both.
pub fn run(bench: &Bench) -> anyhow::Result<Measured> {
    let events = if bench.full { 10_000_000 } else { 1_000_000 };
    bench.block_on(async {
        let dir = bench.scratch()?;
        let server = Embedded::start(&dir.path().join("postgres"), Durability::Full).await?;
        let home = server.base().to_owned();
        let measured = measure(bench, &server, dir.path(), events).await;
        drop(server);
        // As root it lies outside of ours.
        if home.exists() {
            std::fs::remove_dir_all(&home).with_context(|| format!("removing {}", home.display()))?;
        }
        measured
    })
}

async fn measure(
    bench: &Bench,
    server: &Embedded,
    dir: &std::path::Path,
    events: u64,
) -> anyhow::Result<Measured> {
    let (_, plant) = plant_file(dir)?;
    let journal = journals::of(bench, &plant, events).await?;
    let data = dir.join("data");
    journal.copy_to(&data)?;
    server.ensure_database(DATABASE).await?;
    let options = server.options(DATABASE);
    migrate(&options).await?;
    let db = Db::new(options.clone(), PoolSizes::default());
    let mut owner = options.connect().await?;
    let tenant = self::tenant(&db, "SAIF", AGENT).await?;
    let bare_tenant = self::tenant(&db, "BARE", Uuid::from_u128(2)).await?;

    let stop = CancellationToken::new();
    let url = serve(&db, &stop).await?;
    let token = tenancy::issue_token(&db, url.1, tenant, AGENT).await?.parse()?;
    let expected = Expected { tenant: "SAIF".into(), plant: "KOL".into() };
    let identity = enrol::enrol(&url.0, &token, &machine_id(), &expected).await?;
    let line = Line::start(&data, &plant).await?;
    let settings = UplinkSettings {
        cloud_url: url.0,
        max_batch_events: plant.uplink.max_batch_events as usize,
        max_batch_bytes: plant.uplink.max_batch_bytes as usize,
        max_in_flight: plant.uplink.max_in_flight_batches as usize,
        heartbeat: Duration::from_secs(10),
        reconnect_min: Duration::from_millis(100),
        reconnect_max: Duration::from_secs(1),
        machine_id: machine_id(),
        data_dir: data,
    };
    let batch = settings.max_batch_events;
    sqlx::query("checkpoint").execute(&mut owner).await?;
    let (told, connection) = watch::channel(Connection::default());
    let port = Arc::new(EnginePort::new(line.handle.clone()));
    let began = Instant::now();
    let sending = tokio::spawn(uplink::run(settings, identity, port, told, stop.clone()));
    wait(&mut owner, tenant, journal.events(), &connection).await?;
    let took = began.elapsed().as_secs_f64();
    stop.cancel();
    sending.await.context("the uplink ended badly")?;
    line.stop().await?;
    let stored: i64 =
        count(&mut owner, "select count(*) from lifecycle_events where tenant_id = $1", tenant).await?;
    let odd: i64 = count(&mut owner, "select count(*) from exceptions where tenant_id = $1", tenant).await?;
    if stored.unsigned_abs() != journal.events() || odd != 0 {
        bail!("{stored} of {} events were stored, with {odd} exceptions", journal.events());
    }
    db.close().await;

    sqlx::query("checkpoint").execute(&mut owner).await?;
    let bare = bare_postgres::run(&journal.path(), &mut owner, bare_tenant, batch).await?;
    same_rows(&mut owner, tenant, bare_tenant).await?;
    let rate = journal.events() as f64 / took;
    let baseline = journal.events() as f64 / bare;
    Ok(Measured::beside("cloud.ingest", rate, "events/s", baseline).remark(format!(
        "{} events in batches of {batch}: {took:.1} s from the journal, {bare:.1} s bare",
        journal.events()
    )))
}

/// Serves the edge on a free port; its address and its authority's fingerprint.
async fn serve(db: &Db, stop: &CancellationToken) -> anyhow::Result<(String, [u8; 32])> {
    let now = Utc::now();
    let master = MasterKey::from_bytes(&[7; 32]).context("a master key")?;
    let authority = Arc::new(Authority::open(db, &master, now).await?);
    let (certificate, key) = authority.issue_server(&["localhost".into()], now)?;
    let tls = Arc::new(authority::tls::server_config(&authority, certificate, key)?);
    let fingerprint = authority.fingerprint();
    let edge = Edge::new(Ingest::new(db.clone(), Committed::default()), authority, EdgeConfig::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening")?;
    let url = format!("https://localhost:{}", listener.local_addr()?.port());
    let stop = stop.clone();
    tokio::spawn(async move { edge.serve(listener, tls, stop).await });
    Ok((url, fingerprint))
}

/// A tenant with the plant KOL, whose agent has this id.
pub async fn tenant(db: &Db, code: &str, agent: Uuid) -> anyhow::Result<Uuid> {
    let new = NewTenant {
        code: code.into(),
        slug: None,
        name: code.into(),
        time_zone: "Asia/Kolkata".into(),
        language: "en".into(),
        ..NewTenant::default()
    };
    let made: Result<Uuid, DbError> =
        db.system_tx(async |system| Ok(tenancy::tenant_upsert(system, &new).await?.id)).await;
    let tenant = made?;
    let done: Result<(), DbError> = db
        .tx(&Cx::system(tenant), async |tx| {
            let company = NewCompany { code: "C1".into(), name: "C1".into() };
            let company = tenancy::company_upsert(tx, &company).await?.id;
            let plant = NewPlant {
                company,
                code: "KOL".into(),
                slug: None,
                name: "Kolkata".into(),
                time_zone: "Asia/Kolkata".into(),
                languages: vec!["en".into()],
            };
            tenancy::plant_upsert(tx, &plant).await?;
            tenancy::agent_upsert(tx, &NewAgent::Plant("KOL".into())).await?;
            sqlx::query("update agents set agent_id = $1 where tenant_id = $2 and name = 'KOL'")
                .bind(agent)
                .bind(tenant)
                .execute(tx.conn())
                .await?;
            Ok(())
        })
        .await;
    done?;
    Ok(tenant)
}

/// Waits until the tenant's cursor has come to `seq`.
async fn wait(
    owner: &mut PgConnection,
    tenant: Uuid,
    seq: u64,
    connection: &watch::Receiver<Connection>,
) -> anyhow::Result<()> {
    let (mut last, mut moved) = (0, Instant::now());
    loop {
        let sql = "select coalesce(max(through_seq), 0) from ingest_cursors where tenant_id = $1";
        let through: i64 = count(owner, sql, tenant).await?;
        if through.unsigned_abs() >= seq {
            return Ok(());
        }
        if through != last {
            (last, moved) = (through, Instant::now());
        }
        if moved.elapsed() > STUCK {
            bail!("stuck at {through} of {seq}: {:?}", *connection.borrow());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A number about the tenant.
pub async fn count(owner: &mut PgConnection, sql: &'static str, tenant: Uuid) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(sql).bind(tenant).fetch_one(owner).await?)
}

/// The bare run must have written what the real one wrote.
pub async fn same_rows(owner: &mut PgConnection, tenant: Uuid, bare: Uuid) -> anyhow::Result<()> {
    for (table, sql) in [
        ("lifecycle_events", "select count(*) from lifecycle_events where tenant_id = $1"),
        ("event_subjects", "select count(*) from event_subjects where tenant_id = $1"),
        ("event_references", "select count(*) from event_references where tenant_id = $1"),
        ("event_readings", "select count(*) from event_readings where tenant_id = $1"),
        ("uid_registry", "select count(*) from uid_registry where tenant_id = $1"),
        ("uid_links", "select count(*) from uid_links where tenant_id = $1"),
        ("lots", "select count(*) from lots where tenant_id = $1"),
    ] {
        let (real, plain) = (count(owner, sql, tenant).await?, count(owner, sql, bare).await?);
        anyhow::ensure!(real == plain, "{table} has {real} rows from the journal and {plain} bare ones");
    }
    Ok(())
}
