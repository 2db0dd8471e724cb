//! How the connections of each role are set up.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor};

/// How often a session looks, while it runs a statement or waits for a lock, whether its client
/// is still there. It ends when it is not.
const LOOK_FOR_CLIENT: &str = "set client_connection_check_interval = '2s'";

// The one place that may name a pool.
#[allow(clippy::disallowed_types)]
pub(super) type Pool = sqlx::PgPool;
#[allow(clippy::disallowed_types)]
type PoolOptions = sqlx::postgres::PgPoolOptions;

/// How many connections each role's pool may hold.
#[derive(Debug, Clone, Copy)]
pub struct PoolSizes {
    /// Pages, API and jobs.
    pub app: u32,
    /// Streams of agents.
    pub ingest: u32,
    /// The control schema: sign-in, certificates, tenants.
    pub system: u32,
}

impl Default for PoolSizes {
    fn default() -> Self {
        Self { app: 16, ingest: 8, system: 6 }
    }
}

/// The Postgres role that a connection acts as. None may bypass row-level
/// security.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    App,
    Ingest,
    System,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::App => "tracewright_app",
            Self::Ingest => "tracewright_ingest",
            Self::System => "tracewright_system",
        }
    }

    /// Longest run of one statement; a batch of an agent is long by nature.
    fn statement_timeout(self) -> &'static str {
        match self {
            Self::App | Self::System => "30s",
            Self::Ingest => "120s",
        }
    }
}

/// A pool whose connections act as `role`. Connects when first used, and closes
/// what was idle for so long.
pub(super) fn pool(options: &PgConnectOptions, role: Role, size: u32, idle: Duration) -> Pool {
    let options = options.clone().application_name(role.name()).statement_cache_capacity(256).options([
        ("role", role.name()),
        // A generic plan would plan and lock every tenant's partition.
        ("plan_cache_mode", "force_custom_plan"),
        ("statement_timeout", role.statement_timeout()),
        ("idle_in_transaction_session_timeout", "60s"),
        ("TimeZone", "UTC"),
        // The roll-back on release mostly meets no transaction, and the
        // warning about that says nothing.
        ("client_min_messages", "error"),
    ]);
    PoolOptions::new()
        .max_connections(size.max(1))
        .acquire_timeout(Duration::from_secs(15))
        .idle_timeout(idle)
        // A process that is killed in the middle of a statement leaves a session that holds its
        // locks until that has ended. Set by itself: a server that cannot look (one on Windows)
        // says so, and is used as it is.
        .after_connect(|connection, _| {
            Box::pin(async move {
                if let Err(error) = connection.execute(LOOK_FOR_CLIENT).await {
                    tracing::debug!(%error, "the server does not look whether its client is there");
                }
                Ok(())
            })
        })
        // A caller that goes away can leave its transaction open on the
        // connection (sqlx 0.9.0); the next caller would act inside it, as the
        // tenant before. Settings are local to the transaction, so ending it
        // clears them.
        .after_release(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    return Ok(false);
                }
                connection.execute("rollback").await?;
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}
