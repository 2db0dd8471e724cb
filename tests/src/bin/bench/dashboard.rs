//! `analytics.dashboard_p95`: every dashboard over the whole time that there is, as its page
//! asks for it: rights, mirror, registry and targets, drawn; beside the questions that it asks,
//! put to Postgres on the same events. And `mirror.fresh_p95`: from a batch that is taken in to
//! the dashboard that shows it.

use std::time::Instant;

use analytics::dashboards::model::Board;
use analytics::mirror::{self, Mirrors, Settings};
use anyhow::{Context, ensure};
use chrono::{NaiveDate, Utc};
use platform::admin::log::Who;
use platform::ctx::Cx;
use platform::db::{Db, DbError, PoolSizes};
use platform::postgres::{Durability, Embedded};
use platform::tenancy::{self, NewAgent, NewCompany, NewPlant, NewTenant, Placement};
use sqlx::{ConnectOptions, PgConnection};
use uuid::Uuid;

use crate::desk::Desk;
use crate::report::{Measured, percentile, spread};
use crate::{Bench, fresh};

/// Times that each dashboard is asked for.
const TIMES: usize = 20;
/// And Postgres, which takes minutes for each at full size.
const TIMES_POSTGRES: usize = 3;
const TIMES_POSTGRES_FULL: usize = 1;
/// Events of a batch, and days over which all are spread.
const BATCH: i64 = 1000;
const DAYS: i64 = 365;

/// Measures it.
pub fn run(bench: &Bench) -> anyhow::Result<Vec<Measured>> {
    let size = if bench.full { (10_000_000, TIMES_POSTGRES_FULL) } else { (1_000_000, TIMES_POSTGRES) };
    bench.block_on(async {
        let dir = bench.scratch()?;
        let mut server = Embedded::start(&dir.path().join("postgres"), Durability::None).await?;
        let measured = measure(&server, dir.path(), size).await;
        tokio::task::block_in_place(|| server.stop());
        measured
    })
}

async fn measure(
    server: &Embedded,
    dir: &std::path::Path,
    (events, times_postgres): (i64, usize),
) -> anyhow::Result<Vec<Measured>> {
    server.ensure_database("bench").await?;
    let options = server.options("bench");
    platform::migrate::migrate(&options).await?;
    let db = Db::new(options.clone(), PoolSizes::default());
    let tenant = tenant(&db).await?;
    let mut owner = options.connect().await?;
    load(&mut owner, tenant, events).await?;
    register(&mut owner, tenant, events).await?;
    let mirrors = Mirrors::open(Settings::new(dir.join("mirror")), None)?;
    let began = Instant::now();
    mirrors.catch_up(&db, tenant, Utc::now(), |_, _| {}).await?;
    let fed = began.elapsed().as_secs_f64();

    let first = NaiveDate::from_ymd_opt(2025, 1, 1).context("a date")?;
    let last = first + chrono::Days::new(u64::try_from(DAYS)? - 1);
    let days = format!("period=days&from={first}&to={last}");
    let desk = Desk::of(&db, tenant, &mirrors).await?;
    let receipts = desk.figure(Board::Receiving, "received", &days).await?;
    ensure!(receipts >= events / 10 - 3, "{receipts} receipts of {events} events are in the mirror");
    let (mut times, mut each) = (Vec::new(), Board::ALL.map(|_| Vec::new()));
    for _ in 0..TIMES {
        for (board, own) in Board::ALL.into_iter().zip(&mut each) {
            let began = Instant::now();
            desk.get(&format!("/dashboards/{}/figures?{days}", board.name()), "text/html").await?;
            let took = began.elapsed().as_secs_f64() * 1e3;
            times.push(took);
            own.push(took);
        }
    }
    let each = Board::ALL.into_iter().zip(&mut each);
    let each: Vec<String> =
        each.map(|(board, own)| format!("{} {:.0} ms", board.name(), percentile(own, 95.0))).collect();
    let mut plain = Vec::new();
    for _ in 0..times_postgres {
        for board in BOARD_SQL {
            let began = Instant::now();
            for sql in DAYS_SQL.iter().chain(&[WIP_SQL]).chain(board) {
                sqlx::query(*sql).bind(tenant).bind(first).bind(last).fetch_all(&mut owner).await?;
            }
            plain.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    let size = std::fs::metadata(Settings::new(dir.join("mirror")).path(tenant))?.len() / (1 << 20);
    let began = Instant::now();
    let compared = mirror::check::check(&mirrors, &db, tenant, Utc::now()).await?;
    let checked = began.elapsed().as_secs_f64();
    ensure!(compared.differences.is_empty(), "the mirror differs: {:?}", compared.differences.first());
    let fresh = fresh::measure(&db, tenant, &mirrors, &desk).await?;
    mirrors.close_all().await;
    db.close().await;
    let value = percentile(&mut times, 95.0);
    let baseline = percentile(&mut plain, 95.0);
    let dashboards = Measured::beside("analytics.dashboard_p95", value, "ms", baseline)
        .remark(format!("{events} events over {DAYS} days, all of them asked for; {}", spread(&mut times)))
        .remark(format!("p95 of each: {}", each.join(", ")))
        .remark(format!("the same questions to Postgres: {}", spread(&mut plain)))
        .remark(format!(
            "mirrored in {fed:.1} s, {:.0} events/s; the file takes {size} MiB; compared row by row in {checked:.1} s",
            events as f64 / fed
        ));
    Ok(vec![dashboards, fresh])
}

/// A tenant with three plants.
pub async fn tenant(db: &Db) -> anyhow::Result<Uuid> {
    let new = NewTenant { code: "SAIF".into(), name: "Bench".into(), ..NewTenant::default() };
    let tenant = tenancy::create(db, &Who::system(), &new, &Placement::Shared, Utc::now()).await?.id;
    let done: Result<(), DbError> = db
        .tx(&Cx::system(tenant), async |tx| {
            let company = NewCompany { code: "C1".into(), name: "C1".into() };
            let company = tenancy::company_upsert(tx, &company).await?.id;
            for code in ["KOL", "VSK", "MRK"] {
                let plant = NewPlant {
                    company,
                    code: code.into(),
                    slug: None,
                    name: code.into(),
                    time_zone: "Asia/Kolkata".into(),
                    languages: vec!["en".into()],
                };
                tenancy::plant_upsert(tx, &plant).await?;
                tenancy::agent_upsert(tx, &NewAgent::Plant(code.into())).await?;
            }
            Ok(())
        })
        .await;
    done?;
    Ok(tenant)
}

/// Events of the shape of a year: a third operations with a reading, a fifth inspections,
/// the rest receipts, packing and dispatch; each about one UID. The same each time.
pub async fn load(owner: &mut PgConnection, tenant: Uuid, events: i64) -> anyhow::Result<()> {
    for (nth, plant) in ["KOL", "VSK", "MRK"].into_iter().enumerate() {
        let agent: Uuid =
            sqlx::query_scalar("select agent_id from agents where tenant_id = $1 and name = $2")
                .bind(tenant)
                .bind(plant)
                .fetch_one(&mut *owner)
                .await?;
        let own = events / 3 + i64::from((nth as i64) < events % 3);
        for sql in [
            "insert into lifecycle_events (tenant_id, agent_id, epoch, seq, event_id, stage, action, occurred_at,
                 occurred_offset_min, recorded_at, plant, station, operator_id, shift, production_date, location,
                 operation, attempt, outcome, accepted_quantity, reason, machine, overridden_by, reference_type,
                 reference_number, payload)
             select $1, $2, 1, n, gen_random_uuid(),
                 (array[15,15,15,7,7,3,24,28,19,15])[(n % 10 + 1)::integer], 0,
                 timestamptz '2025-01-01 00:00Z' + n * (interval '364 days' / $4::bigint), 330, now(), $3,
                 'S' || n % 20, 'op-' || n % 60, 'A', date '2025-01-01' + (n * 364 / $4::bigint)::integer, '',
                 case when n % 10 in (0, 1, 2, 9) then 'OP' || n % 7 else '' end, 1 + (n % 25 = 0)::integer,
                 case when n % 10 in (0, 1, 2, 3, 4, 9) then 1 + (n % 17 = 0)::integer else 0 end, 1,
                 case when n % 17 = 0 then 'R' || n % 9 else '' end,
                 case when n % 10 in (0, 1, 2, 9) then 'M' || n % 12 else '' end, '', '', '', ''
             from generate_series(1, $4::bigint) n",
            "insert into event_subjects (tenant_id, key, agent_id, epoch, seq, ordinal, role, unit, unit2, count,
                 mint, item)
             select $1, n / 5 + 1, $2, 1, n, 0, 1, '', '', 1, false, 'ITEM-' || n % 40
             from generate_series(1, $4::bigint) n where $3 <> ''",
            "insert into event_readings (tenant_id, agent_id, epoch, seq, ordinal, name, value, unit, quality, low,
                 high, taken_at)
             select $1, $2, 1, n, 0, 'reading-' || n % 8, 150 + n % 90, 'C', 1, 155, 230,
                 timestamptz '2025-01-01 00:00Z' + n * (interval '364 days' / $4::bigint)
             from generate_series(1, $4::bigint) n where n % 10 in (0, 1, 2, 9) and $3 <> ''",
        ] {
            sqlx::query(sql).bind(tenant).bind(agent).bind(plant).bind(own).execute(&mut *owner).await?;
        }
        sqlx::query(
            "insert into ingest_batches (tenant_id, batch_id, agent_id, epoch, from_seq, to_seq)
             select $1, $3::bigint + n, $2, 1, (n - 1) * $5::bigint + 1, least(n * $5::bigint, $4::bigint)
             from generate_series(1, ($4::bigint + $5::bigint - 1) / $5::bigint) n",
        )
        .bind(tenant)
        .bind(agent)
        .bind(i64::try_from(nth)? * 1_000_000)
        .bind(own)
        .bind(BATCH)
        .execute(&mut *owner)
        .await?;
    }
    sqlx::raw_sql("analyze").execute(&mut *owner).await?;
    Ok(())
}

/// Units of these events, of which the registry says what is in work.
async fn register(owner: &mut PgConnection, tenant: Uuid, events: i64) -> anyhow::Result<()> {
    sqlx::query(
        "insert into uid_registry (tenant_id, key, item, plant, born_agent, born_epoch, born_seq, born_at, last_at,
             last_stage)
         select $1, n, 'ITEM-' || n * 5 % 40, (array['KOL', 'VSK', 'MRK'])[n % 3 + 1], $1, 1, 1, now(),
             now() - n * (interval '20 days' / ($2::bigint / 15 + 1)), (array[3, 15, 19, 28])[n % 4 + 1]
         from generate_series(1, $2::bigint / 15 + 1) n",
    )
    .bind(tenant)
    .bind(events)
    .execute(&mut *owner)
    .await?;
    sqlx::raw_sql("analyze uid_registry").execute(&mut *owner).await?;
    Ok(())
}

/// What is in work, which every dashboard asks of the registry.
const WIP_SQL: &str = "select last_stage, count(*) from uid_registry
     where tenant_id = $1 and life = 2 and custody = 1 and last_stage in (15, 16, 19, 20)
       and $2::date <= $3::date
     group by 1";

/// What the mirror is asked for every dashboard, of Postgres.
const DAYS_SQL: [&str; 4] = [
    "select e.plant, e.production_date, count(*), count(s.key) filter (where e.stage = 3),
            count(s.key) filter (where e.stage = 15 and e.action <> 1
                and not (e.action = 0 and e.machine <> '' and e.outcome = 0)),
            count(s.key) filter (where e.stage = 24 and e.action <> 2), count(s.key) filter (where e.stage = 28),
            count(s.key) filter (where e.stage = 21), count(*) filter (where e.stage = 37)
     from lifecycle_events e left join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id
         and s.epoch = e.epoch and s.seq = e.seq and s.role in (0, 1, 3)
     where e.tenant_id = $1 and e.production_date between $2 and $3
       and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
     group by 1, 2",
    "select plant, day, count(*), count(*) filter (where passed)
     from (select e.plant, s.key, e.operation, min(e.production_date) as day, bool_and(e.outcome = 1) as passed
           from lifecycle_events e join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id
               and s.epoch = e.epoch and s.seq = e.seq and s.role in (0, 1, 3)
           where e.tenant_id = $1 and e.outcome <> 0 and e.attempt <= 1
             and (e.stage = 15 or e.stage = 7 and e.operation <> '')
             and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
           group by 1, 2, 3) first
     where day between $2 and $3
     group by 1, 2",
    "select e.plant, e.production_date, count(*), count(*) filter (where e.outcome = 2),
            count(*) filter (where e.stage = 7 and e.operation = ''),
            count(*) filter (where e.stage = 7 and e.operation = '' and e.outcome = 1)
     from lifecycle_events e join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id
         and s.epoch = e.epoch and s.seq = e.seq and s.role in (0, 1, 3)
     where e.tenant_id = $1 and e.production_date between $2 and $3 and e.outcome <> 0
       and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
     group by 1, 2",
    "select e.plant, e.production_date, count(*) filter (where r.low is not null or r.high is not null),
            count(*) filter (where r.value < r.low or r.value > r.high)
     from lifecycle_events e join event_readings r on r.tenant_id = $1 and r.agent_id = e.agent_id
         and r.epoch = e.epoch and r.seq = e.seq
     where e.tenant_id = $1 and e.production_date between $2 and $3
       and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
     group by 1, 2",
];

const MACHINES_SQL: &str = "with busy as (
        select distinct plant, machine, date_bin(interval '15 minutes', occurred_at, timestamptz '2025-01-01Z') as slot
        from lifecycle_events e
        where e.tenant_id = $1 and e.production_date between $2 and $3 and e.machine <> ''
          and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)),
     worked as (select plant, count(distinct slot) as slots from busy group by plant)
     select b.machine, b.plant, count(*), min(w.slots) from busy b join worked w using (plant)
     group by 1, 2 order by 3 desc limit 20";

/// And besides for each.
const BOARD_SQL: [&[&str]; 5] = [
    &[],
    &[MACHINES_SQL],
    &[MACHINES_SQL],
    &[
        "select e.reason, count(*) from lifecycle_events e
         where e.tenant_id = $1 and e.production_date between $2 and $3 and e.outcome = 2
           and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
         group by 1 order by 2 desc limit 20",
        "select r.name, count(*) filter (where r.value < r.low or r.value > r.high), count(*)
         from lifecycle_events e join event_readings r on r.tenant_id = $1 and r.agent_id = e.agent_id
             and r.epoch = e.epoch and r.seq = e.seq
         where e.tenant_id = $1 and e.production_date between $2 and $3
           and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
         group by 1 order by 2 desc limit 20",
    ],
    &[
        "select l.supplier, count(*) filter (where e.outcome = 2), count(*)
         from lifecycle_events e join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id
             and s.epoch = e.epoch and s.seq = e.seq
         left join lots l on l.tenant_id = $1 and l.lot_id = s.lot_id
         where e.tenant_id = $1 and e.production_date between $2 and $3 and e.stage = 7 and e.operation = ''
           and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
         group by 1 order by 2 desc limit 20",
        "select l.supplier, count(s.key)
         from lifecycle_events e join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id
             and s.epoch = e.epoch and s.seq = e.seq
         left join lots l on l.tenant_id = $1 and l.lot_id = s.lot_id
         where e.tenant_id = $1 and e.production_date between $2 and $3 and e.stage = 3
           and not exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
         group by 1 order by 2 desc limit 20",
    ],
];
