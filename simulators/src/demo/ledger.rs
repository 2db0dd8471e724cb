//! What lies in the cloud's database, read past the API and every policy.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use platform::postgres;
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Row};

use super::layout::Layout;
use crate::plant::journal::Stored;
use crate::plant::truth::story::Link;

/// A connection to the demo's database.
pub struct Ledger {
    db: PgConnection,
}

impl Ledger {
    /// Connects to the running cloud's own database server.
    ///
    /// # Errors
    /// When none runs on the state folder of the cloud.
    pub async fn open(layout: &Layout) -> anyhow::Result<Self> {
        let base = layout.state.join("cloud/postgres");
        let options = postgres::running(&base, postgres::DATABASE).await;
        let options = options.with_context(|| format!("no database runs on {}", base.display()))?;
        Ok(Self { db: options.connect().await.context("connecting to the cloud's database")? })
    }

    /// Whether the projection has folded the last batch and nothing waits for a
    /// counterpart.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn is_settled(&mut self) -> anyhow::Result<bool> {
        let row = sqlx::query(
            "select coalesce((select max(batch_id) from ingest_batches), 0),
                    coalesce((select max(through_batch) from projection_cursors where projection = 'trace'), 0),
                    (select count(*) from parked_events)",
        )
        .fetch_one(&mut self.db)
        .await?;
        let (last, folded, parked): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(last == folded && parked == 0)
    }

    /// Every event, by the agent that it came from, in order.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn events(&mut self) -> anyhow::Result<BTreeMap<Vec<u8>, Vec<Stored>>> {
        let query = "select agent_id, epoch, seq, payload from lifecycle_events order by 1, 2, 3";
        let mut agents: BTreeMap<Vec<u8>, Vec<Stored>> = BTreeMap::new();
        for row in sqlx::query(query).fetch_all(&mut self.db).await? {
            let agent: uuid::Uuid = row.try_get(0)?;
            let (epoch, seq): (i32, i64) = (row.try_get(1)?, row.try_get(2)?);
            let stored =
                Stored { epoch: u32::try_from(epoch)?, seq: u64::try_from(seq)?, bytes: row.try_get(3)? };
            agents.entry(agent.as_bytes().to_vec()).or_default().push(stored);
        }
        Ok(agents)
    }

    /// Keys of every UID in the registry.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn keys(&mut self) -> anyhow::Result<Vec<i64>> {
        let rows = sqlx::query("select key from uid_registry order by key").fetch_all(&mut self.db).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// Every link, as often as it is stored, sorted; `uid` gives a key's text.
    ///
    /// # Errors
    /// When the database cannot be asked, or a link is not simply open.
    pub async fn links(&mut self, uid: impl Fn(i64) -> String) -> anyhow::Result<Vec<Link>> {
        let query = "select from_key, to_key, kind, effect from uid_links";
        let mut links = Vec::new();
        for row in sqlx::query(query).fetch_all(&mut self.db).await? {
            let (from, to): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let (kind, effect): (i16, i16) = (row.try_get(2)?, row.try_get(3)?);
            let (from, to) = (uid(from), uid(to));
            ensure!(effect == 1, "{from} → {to}: nobody took it out, yet the effect is {effect}");
            let kind = match kind {
                1 => "transformation",
                2 => "assembly",
                _ => "packing",
            };
            links.push(Link { from, to, kind });
        }
        links.sort();
        Ok(links)
    }
}
