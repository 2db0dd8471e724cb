//! The database that the settings name, or the embedded one.

use std::str::FromStr;

use anyhow::Context;
use platform::db::{Db, PoolSizes};
use platform::postgres::{self, Durability, Embedded};
use platform::tenancy;
use sqlx::postgres::PgConnectOptions;

use crate::config::Config;

/// An open database, and the embedded server if this process runs it.
pub struct Database {
    /// Pools by role.
    pub db: Db,
    /// Dropped last: it stops the server.
    server: Option<Embedded>,
}

impl Database {
    /// For the serving process: starts the embedded server unless a database is
    /// configured, and brings the schema up to date.
    ///
    /// # Errors
    /// When the database cannot be started, reached or migrated.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let (owner, server) = match &config.database_url {
            Some(url) => (PgConnectOptions::from_str(url).context("database_url is not right")?, None),
            None => {
                let base = config.state_dir.join("postgres");
                let server = Embedded::start(&base, Durability::Full)
                    .await
                    .context("starting the embedded database")?;
                server.ensure_database(postgres::DATABASE).await.context("making the database")?;
                (server.options(postgres::DATABASE), Some(server))
            }
        };
        platform::migrate::migrate(&owner).await?;
        let this = Self::open(config, owner, server)?;
        for one in tenancy::migrate_all(&this.db).await? {
            if !one.serves() {
                tracing::error!(
                    database = one.name,
                    state = one.state,
                    detail = one.detail,
                    "a tenant's own database cannot be used; its tenant is refused until `cloud migrate` succeeds"
                );
            }
        }
        Ok(this)
    }

    /// For a command: the database of a cloud that runs, else as [`Self::start`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn attach(config: &Config) -> anyhow::Result<Self> {
        if config.database_url.is_none() {
            let base = config.state_dir.join("postgres");
            if let Some(owner) = postgres::running(&base, postgres::DATABASE).await {
                return Self::open(config, owner, None);
            }
        }
        Self::start(config).await
    }

    fn open(config: &Config, owner: PgConnectOptions, server: Option<Embedded>) -> anyhow::Result<Self> {
        Ok(Self { db: Db::with_owns(owner, PoolSizes::default(), config.owns()?), server })
    }

    /// Closes every connection, then stops the embedded server.
    pub async fn close(mut self) {
        self.db.close().await;
        if let Some(server) = &mut self.server {
            tokio::task::block_in_place(|| server.stop());
        }
    }
}
