//! The plain alternative to the engine: the same rows into the same tables with
//! the same pragmas, and nothing else. One statement per table and group, since
//! each statement is a round trip to SQLite's thread.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use prost::Message;
use proto::v1;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

/// One event and what is written with it.
struct Fact {
    id: i64,
    at: i64,
    crc32: i64,
    bytes: Vec<u8>,
    key: i64,
    label: String,
    station: String,
    input_id: String,
    answer: String,
}

/// What the engine wrote.
pub struct Rows {
    facts: Vec<Fact>,
    sessions: BTreeMap<String, String>,
    counters: BTreeMap<String, String>,
    hash: Vec<u8>,
}

impl Rows {
    /// Reads what a journal, closed in order, holds after seq `after`.
    pub async fn read(path: &Path, after: u64) -> anyhow::Result<Self> {
        let mut conn = open(path).await?;
        let labels: BTreeMap<i64, String> = pairs(&mut conn, "select key, json from labels").await?;
        let mut answers: BTreeMap<(String, String), String> = BTreeMap::new();
        for row in sqlx::query("select source, input_id, answer from inputs").fetch_all(&mut conn).await? {
            answers.insert((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?);
        }
        let mut facts = Vec::new();
        let found = sqlx::query("select id, at, crc32, bytes from records where seq > ? order by id")
            .bind(i64::try_from(after)?)
            .fetch_all(&mut conn)
            .await?;
        for row in found {
            let bytes: Vec<u8> = row.try_get(3)?;
            let event = v1::Event::decode(bytes.as_slice()).context("an event of the journal")?;
            let key = event.subjects.first().map_or(0, |subject| subject.key);
            let input = (event.station, event.input_id);
            let answer = answers.get(&input).cloned().unwrap_or_default();
            facts.push(Fact {
                id: row.try_get(0)?,
                at: row.try_get(1)?,
                crc32: row.try_get(2)?,
                bytes,
                key,
                label: labels.get(&key).cloned().unwrap_or_default(),
                station: input.0,
                input_id: input.1,
                answer,
            });
        }
        let rows = Self {
            facts,
            sessions: pairs(&mut conn, "select station, json from sessions").await?,
            counters: pairs(&mut conn, "select station, json from counters").await?,
            hash: sqlx::query("select hash from head").fetch_one(&mut conn).await?.try_get(0)?,
        };
        conn.close().await?;
        Ok(rows)
    }
}

/// Writes all rows in transactions of `group` events; how many, and in how many
/// seconds.
pub async fn write(path: &Path, rows: &Rows, group: usize) -> anyhow::Result<(usize, f64)> {
    let mut conn = open(path).await?;
    let began = Instant::now();
    for facts in rows.facts.chunks(group) {
        let mut tx = conn.begin().await?;
        let size = facts.len();
        many(&mut tx, "insert into records (id, at, crc32, bytes)", 4, "", size, |args| {
            facts.iter().try_for_each(|fact| {
                args.add(fact.id)?;
                args.add(fact.at)?;
                args.add(fact.crc32)?;
                args.add(fact.bytes.as_slice())
            })
        })
        .await?;
        let last = "on conflict (key) do update set json = excluded.json";
        many(&mut tx, "insert into labels (key, json)", 2, last, size, |args| {
            facts.iter().try_for_each(|fact| {
                args.add(fact.key)?;
                args.add(fact.label.as_str())
            })
        })
        .await?;
        many(&mut tx, "insert into inputs (source, input_id, at, answer)", 4, "", size, |args| {
            facts.iter().try_for_each(|fact| {
                args.add(fact.station.as_str())?;
                args.add(fact.input_id.as_str())?;
                args.add(fact.at)?;
                args.add(fact.answer.as_str())
            })
        })
        .await?;
        let stations: std::collections::BTreeSet<&str> =
            facts.iter().map(|fact| fact.station.as_str()).collect();
        for (table, texts) in [("sessions", &rows.sessions), ("counters", &rows.counters)] {
            let insert = format!("insert into {table} (station, json)");
            let last = "on conflict (station) do update set json = excluded.json";
            many(&mut tx, &insert, 2, last, stations.len(), |args| {
                stations.iter().try_for_each(|station| {
                    args.add(*station)?;
                    args.add(texts.get(*station).map_or("", String::as_str))
                })
            })
            .await?;
        }
        let seq = facts.last().map_or(0, |fact| fact.id & ((1 << 40) - 1));
        sqlx::query("update head set seq = ?, hash = ? where one = 1")
            .bind(seq)
            .bind(rows.hash.as_slice())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
    }
    let took = began.elapsed().as_secs_f64();
    conn.close().await?;
    Ok((rows.facts.len(), took))
}

async fn many(
    conn: &mut SqliteConnection,
    insert: &str,
    columns: usize,
    tail: &str,
    rows: usize,
    bind: impl FnOnce(&mut SqliteArguments) -> Result<(), sqlx::error::BoxDynError>,
) -> anyhow::Result<()> {
    let row = format!("({})", vec!["?"; columns].join(","));
    let sql = format!("{insert} values {} {tail}", vec![row.as_str(); rows].join(","));
    let mut args = SqliteArguments::default();
    args.reserve(rows * columns, 0);
    bind(&mut args).map_err(|error| anyhow::anyhow!("{error}"))?;
    sqlx::query_with(AssertSqlSafe(sql), args).execute(conn).await?;
    Ok(())
}

async fn pairs<K>(conn: &mut SqliteConnection, sql: &'static str) -> anyhow::Result<BTreeMap<K, String>>
where
    K: Ord + for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    let rows = sqlx::query(sql).fetch_all(conn).await?;
    let pair = |row: &SqliteRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(pair).collect()
}

/// With the pragmas of the journal's writer.
async fn open(path: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-8192")
        .pragma("journal_size_limit", (16 * 1024 * 1024).to_string())
        .statement_cache_capacity(128)
        .disable_statement_logging();
    options.connect().await.with_context(|| format!("opening {}", path.display()))
}
