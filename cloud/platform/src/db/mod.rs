//! The only way to the database: a transaction that knows its tenant.
//!
//! Pools are private here, so no other part can run a statement outside a
//! transaction, or inside one whose tenant was never set.

mod claim;
mod connect;
mod error;
mod listen;

pub use claim::{Claim, under};
pub use connect::PoolSizes;
pub use error::{DbError, Problem};
pub use listen::{Listener, Told};

use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use crate::ctx::{Cx, Plants};
use connect::{Pool, Role};

/// Handle to one database. Cheap to clone; all clones share its connections.
#[derive(Clone)]
pub struct Db {
    pools: Arc<Pools>,
}

struct Pools {
    app: Pool,
    ingest: Pool,
    system: Pool,
    options: PgConnectOptions,
}

/// A transaction of one tenant. Row-level security shows it that tenant's rows
/// and no others. It commits when the closure that got it returns `Ok`.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    tenant: Uuid,
    plants: Plants,
}

impl Tx {
    /// The connection, to run statements on.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// The tenant of this transaction; each query on a partitioned table says
    /// `tenant_id = $n` with it, beside the policy, to reach one partition.
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// The plants whose rows this transaction is for. Tables under
    /// `app.protect_plant` show no others; a query on another table with a plant
    /// says `($n::text[] is null or plant = any($n))` with their codes.
    pub fn plants(&self) -> &Plants {
        &self.plants
    }

    async fn apply(&mut self, cx: &Cx) -> Result<(), DbError> {
        sqlx::query(
            "select set_config('app.tenant_id', $1, true), set_config('app.actor', $2, true), \
             set_config('app.origin', $3, true), set_config('app.plants', $4, true)",
        )
        .bind(cx.tenant.to_string())
        .bind(&cx.actor)
        .bind(cx.origin.as_deref().unwrap_or_default())
        .bind(cx.plants.setting())
        .execute(&mut *self.inner)
        .await?;
        self.tenant = cx.tenant;
        self.plants = cx.plants.clone();
        Ok(())
    }
}

/// A transaction on the control schema: tenants, keys, sessions, certificates.
/// It has no tenant, and so sees no row of any.
pub struct SystemTx {
    tx: Tx,
}

impl SystemTx {
    /// The connection, to run statements on.
    pub fn conn(&mut self) -> &mut PgConnection {
        self.tx.conn()
    }

    /// Runs `f` on the rows of one tenant, within this same transaction: for a
    /// change of the control schema and of the tenant that must not come apart
    /// (an enrolment uses up its token and raises the agent's epoch).
    pub async fn enter<T, E, F>(&mut self, cx: &Cx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        self.tx.apply(cx).await?;
        let value = f(&mut self.tx).await?;
        sqlx::query(
            "select set_config('app.tenant_id', '', true), set_config('app.actor', '', true), \
             set_config('app.plants', '', true)",
        )
        .execute(&mut *self.tx.inner)
        .await
        .map_err(DbError::from)?;
        self.tx.tenant = Uuid::nil();
        self.tx.plants = Plants::All;
        Ok(value)
    }
}

impl Db {
    /// Pools over a database whose schema is up to date. `options` log in as a
    /// member of the three roles; each connection acts as one of them only.
    /// Connections are made when first used, so this does not wait.
    #[must_use]
    pub fn new(options: PgConnectOptions, sizes: PoolSizes) -> Self {
        Self {
            pools: Arc::new(Pools {
                app: connect::pool(&options, Role::App, sizes.app),
                ingest: connect::pool(&options, Role::Ingest, sizes.ingest),
                system: connect::pool(&options, Role::System, sizes.system),
                options,
            }),
        }
    }

    /// Runs `f` in one transaction of the caller's tenant, as the application
    /// role. `Ok` commits; `Err`, a panic, or a caller that goes away rolls
    /// back, and nothing of the tenant stays behind on the connection.
    pub async fn tx<T, E, F>(&self, cx: &Cx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        let mut tx = begin(&self.pools.app).await?;
        tx.apply(cx).await?;
        finish(tx, f).await
    }

    /// As [`Db::tx`], as the role that writes the facts of agents; its
    /// connections are apart, so that pages cannot starve a plant.
    pub async fn ingest_tx<T, E, F>(&self, cx: &Cx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        let mut tx = begin(&self.pools.ingest).await?;
        tx.apply(cx).await?;
        finish(tx, f).await
    }

    /// Runs `f` in one transaction on the control schema, without a tenant.
    pub async fn system_tx<T, E, F>(&self, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut SystemTx) -> Result<T, E>,
    {
        let mut system = SystemTx { tx: begin(&self.pools.system).await? };
        let done = f(&mut system).await;
        end(system.tx, done).await
    }

    /// Closes every connection, after the transactions under way are done.
    pub async fn close(&self) {
        self.pools.app.close().await;
        self.pools.ingest.close().await;
        self.pools.system.close().await;
    }

    /// Connections open now, and idle among them, by role; for metrics.
    pub fn connections(&self) -> [(&'static str, u32, usize); 3] {
        let count = |name, pool: &Pool| (name, pool.size(), pool.num_idle());
        [
            count("app", &self.pools.app),
            count("ingest", &self.pools.ingest),
            count("system", &self.pools.system),
        ]
    }
}

async fn begin(pool: &Pool) -> Result<Tx, DbError> {
    Ok(Tx { inner: pool.begin().await?, tenant: Uuid::nil(), plants: Plants::All })
}

async fn finish<T, E, F>(mut tx: Tx, f: F) -> Result<T, E>
where
    E: From<DbError>,
    F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
{
    let done = f(&mut tx).await;
    end(tx, done).await
}

/// Commits what was done, or rolls back.
async fn end<T, E: From<DbError>>(mut tx: Tx, done: Result<T, E>) -> Result<T, E> {
    let marked = match done {
        Ok(value) => claim::mark(&mut tx).await.map(|()| value).map_err(E::from),
        Err(error) => Err(error),
    };
    match marked {
        Ok(value) => {
            tx.inner.commit().await.map_err(DbError::from)?;
            Ok(value)
        }
        Err(error) => {
            roll_back(tx).await;
            Err(error)
        }
    }
}

/// A roll-back that fails leaves a dead connection, which the pool discards;
/// the error that led here is the one worth telling.
async fn roll_back(tx: Tx) {
    if let Err(error) = tx.inner.rollback().await {
        tracing::debug!(%error, "roll-back failed");
    }
}

#[cfg(test)]
mod catalog_tests;
#[cfg(test)]
mod isolation_tests;
#[cfg(test)]
mod tests;
