//! `mirror.fresh_p95`: how long after a batch has been handed to the ingest the dashboard shows
//! it: committed, announced, taken in by the mirror's worker beside all that it holds already,
//! and asked for by whoever is told so.

use std::time::{Duration, Instant};

use analytics::dashboards::model::Board;
use analytics::mirror::{self, Mirrors};
use anyhow::{Context, bail, ensure};
use axum::body::Bytes;
use chrono::Utc;
use platform::ctx::{Cx, Plants};
use platform::db::{Db, DbError};
use platform::tenancy::{self, NewAgent, NewCompany, NewPlant};
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1::{Event, Role, Stage, Subject};
use tokio_util::sync::CancellationToken;
use trace::ingest::{Batch, Committed, Ingest, Outcome, Source};
use uuid::Uuid;

use crate::desk::{Desk, figure};
use crate::report::{Measured, percentile, spread};

/// Batches that are waited for.
const TIMES: usize = 40;
/// The plant that tells them, of which nothing is there yet.
const PLANT: &str = "PUN";
/// What takes longer is a fault, not a figure.
const STUCK: Duration = Duration::from_secs(120);
/// Above the ids of batches that were loaded.
const FIRST_BATCH: i64 = 10_000_000;

/// Measures it, on a mirror that is current.
pub async fn measure(db: &Db, tenant: Uuid, mirrors: &Mirrors, desk: &Desk) -> anyhow::Result<Measured> {
    let (committed, stop) = (Committed::default(), CancellationToken::new());
    let source = plant(db, tenant).await?;
    let worker = tokio::spawn(mirror::run(mirrors.clone(), db.clone(), committed.clone(), stop.clone()));
    let ingest = Ingest::new(db.clone(), committed);
    let mut head = chain::genesis(source.agent_id.as_bytes(), 1);
    let mut heard = mirrors.hear(tenant, Plants::All)?;
    let mut times = Vec::with_capacity(TIMES);
    for seq in 1..=TIMES as u64 {
        let event = receipt(&source, seq, &mut head)?;
        let began = Instant::now();
        let batch = Batch { epoch: 1, from_seq: seq, events: vec![event], oldest_seq: 1, ..Batch::default() };
        let Outcome::Committed { batch_id: Some(batch), .. } = ingest.commit_batch(&source, batch).await?
        else {
            bail!("a batch was not taken in");
        };
        let shown = async {
            loop {
                let view = desk.view(Board::Receiving, &format!("period=7d&plant={PLANT}")).await?;
                if view["fresh"]["batch"].as_i64() >= Some(batch) {
                    let count = figure(&view, "received")?;
                    ensure!(count.unsigned_abs() == seq, "{count} receipts are shown of {seq}");
                    return anyhow::Ok(());
                }
                ensure!(heard.next().await, "the mirror has ended");
            }
        };
        tokio::time::timeout(STUCK, shown).await.context("a batch is not shown")??;
        times.push(began.elapsed().as_secs_f64());
    }
    stop.cancel();
    worker.await.context("the worker ended badly")?;
    let value = percentile(&mut times, 95.0);
    Ok(Measured::alone("mirror.fresh_p95", value, "s")
        .remark(format!("{TIMES} batches; {}", spread(&mut times))))
}

/// Whose events they are.
async fn plant(db: &Db, tenant: Uuid) -> anyhow::Result<Source> {
    let made: Result<Uuid, DbError> = db
        .tx(&Cx::system(tenant), async |tx| {
            let company = NewCompany { code: "C1".into(), name: "C1".into() };
            let plant = NewPlant {
                company: tenancy::company_upsert(tx, &company).await?.id,
                code: PLANT.into(),
                slug: None,
                name: PLANT.into(),
                time_zone: "UTC".into(),
                languages: vec!["en".into()],
            };
            tenancy::plant_upsert(tx, &plant).await?;
            tenancy::agent_upsert(tx, &NewAgent::Plant(PLANT.into())).await?;
            let sql = "insert into tenant_counters (tenant_id, batch_id) values ($1, $2)
                       on conflict (tenant_id) do update set batch_id = excluded.batch_id";
            sqlx::query(sql).bind(tenant).bind(FIRST_BATCH).execute(tx.conn()).await?;
            let sql = "select agent_id from agents where tenant_id = $1 and name = $2";
            Ok(sqlx::query_scalar(sql).bind(tenant).bind(PLANT).fetch_one(tx.conn()).await?)
        })
        .await;
    Ok(Source { tenant, agent_id: made?, plant: Some(PLANT.into()) })
}

/// A unit that is received now.
fn receipt(source: &Source, seq: u64, head: &mut Hash) -> anyhow::Result<Bytes> {
    let uid = uid::Uid::new("SAIF".parse()?, PLANT.parse()?, "RM".parse()?, seq)?;
    let subject = Subject {
        key: uid.key().get(),
        role: Role::Subject.into(),
        mint: true,
        item: "PUMP".into(),
        unit: "pcs".into(),
        ..Subject::default()
    };
    let now = Utc::now().timestamp_micros();
    let event = Event {
        event_id: Uuid::now_v7().as_bytes().to_vec(),
        agent_id: source.agent_id.as_bytes().to_vec(),
        epoch: 1,
        seq,
        prev_hash: head.to_vec(),
        stage: Stage::Grn.into(),
        occurred_at_us: now,
        recorded_at_us: now,
        plant: PLANT.into(),
        subjects: vec![subject],
        ..Event::default()
    };
    let bytes = Bytes::from(event.encode_to_vec());
    *head = chain::link(&bytes);
    Ok(bytes)
}
