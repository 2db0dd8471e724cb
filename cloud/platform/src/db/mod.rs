//! The only way to the database: a transaction that knows its tenant.
//!
//! Pools are private here, so no other part can run a statement outside a
//! transaction, or inside one whose tenant was never set. Nor does any other part
//! know which database a tenant lives in: [`Db`] picks it by the tenant of the
//! [`Cx`].

mod claim;
mod connect;
mod ears;
mod error;
mod listen;
mod own;
mod system;

pub use claim::{Claim, under};
pub use connect::PoolSizes;
pub use ears::Ears;
pub use error::{DbError, Problem};
pub use listen::{Listener, Told};
pub(crate) use own::{Known, end};
pub use own::{Owns, SHARED, Server};
pub use system::SystemTx;

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, Postgres, Transaction};
use tokio::sync::OwnedSemaphorePermit;
use uuid::Uuid;

use crate::ctx::{Cx, Plants};
use connect::{Pool, Role};
use own::Opened;

/// How long an idle connection to the home database is kept.
const IDLE: Duration = Duration::from_secs(300);
/// A tenant that was moved in the middle is looked for this often.
const LOOKS: usize = 4;

/// Handle to the databases. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    home: Pools,
    own: Opened,
    options: PgConnectOptions,
}

/// The connections to one database, by role.
struct Pools {
    app: Pool,
    ingest: Pool,
    system: Pool,
}

impl Pools {
    fn new(options: &PgConnectOptions, sizes: PoolSizes, idle: Duration) -> Self {
        Self {
            app: connect::pool(options, Role::App, sizes.app, idle),
            ingest: connect::pool(options, Role::Ingest, sizes.ingest, idle),
            system: connect::pool(options, Role::System, sizes.system, idle),
        }
    }

    fn of(&self, role: Role) -> &Pool {
        match role {
            Role::App => &self.app,
            Role::Ingest => &self.ingest,
            Role::System => &self.system,
        }
    }

    fn size(&self) -> u32 {
        self.app.size() + self.ingest.size() + self.system.size()
    }

    fn idle(&self) -> usize {
        self.app.num_idle() + self.ingest.num_idle() + self.system.num_idle()
    }

    fn is_idle(&self) -> bool {
        self.idle() == self.size() as usize
    }

    async fn close(&self) {
        self.app.close().await;
        self.ingest.close().await;
        self.system.close().await;
    }
}

/// A transaction of one tenant. Row-level security shows it that tenant's rows
/// and no others. It commits when the closure that got it returns `Ok`.
pub struct Tx {
    inner: Transaction<'static, Postgres>,
    tenant: Uuid,
    plants: Plants,
    /// In a database of the tenant's own: its share of the connections to those.
    permit: Option<OwnedSemaphorePermit>,
    /// What is told once it has committed; only in a database of the tenant's own.
    told: Vec<Told>,
}

/// What a database says of a tenant for whom a transaction begins.
struct Entered {
    /// Where the tenant lives; `None` when the database knows no such tenant.
    placement: Option<String>,
    /// It may only be read here, because it is being moved.
    paused: bool,
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

    /// Tells whoever [listens](Db::listen), once this commits. Whatever matters has
    /// to be looked up as well: of a tenant in a database of its own it is told after
    /// the commit, and a crash in between leaves it untold.
    ///
    /// # Errors
    /// The database.
    pub async fn tell(&mut self, channel: &str, payload: &str) -> Result<(), sqlx::Error> {
        if self.permit.is_some() {
            // Everybody listens at the home database.
            self.told.push(Told { channel: channel.to_owned(), payload: payload.to_owned() });
            return Ok(());
        }
        sqlx::query("select pg_notify($1, $2)").bind(channel).bind(payload).execute(&mut *self.inner).await?;
        Ok(())
    }

    async fn enter(&mut self, cx: &Cx) -> Result<Entered, DbError> {
        let (placement, paused): (Option<String>, Option<bool>) =
            sqlx::query_as("select placement, paused from app.enter($1, $2, $3, $4)")
                .bind(cx.tenant)
                .bind(&cx.actor)
                .bind(cx.origin.as_deref().unwrap_or_default())
                .bind(cx.plants.setting())
                .fetch_one(&mut *self.inner)
                .await?;
        self.tenant = cx.tenant;
        self.plants = cx.plants.clone();
        Ok(Entered { placement, paused: paused.unwrap_or(false) })
    }
}

impl Db {
    /// Pools over a database whose schema is up to date. `options` log in as a
    /// member of the three roles; each connection acts as one of them only.
    /// Connections are made when first used, so this does not wait.
    #[must_use]
    pub fn new(options: PgConnectOptions, sizes: PoolSizes) -> Self {
        Self::with_owns(options, sizes, Owns::default())
    }

    /// As [`Db::new`], with what is configured of tenants' own databases.
    #[must_use]
    pub fn with_owns(options: PgConnectOptions, sizes: PoolSizes, owns: Owns) -> Self {
        let home = Pools::new(&options, sizes, IDLE);
        Self { inner: Arc::new(Inner { home, own: Opened::new(owns), options }) }
    }

    /// Runs `f` in one transaction of the caller's tenant, as the application
    /// role, in the database where the tenant lives. `Ok` commits; `Err`, a panic,
    /// or a caller that goes away rolls back, and nothing of the tenant stays behind
    /// on the connection.
    pub async fn tx<T, E, F>(&self, cx: &Cx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        let tx = self.begin(cx, Role::App).await?;
        self.finish(tx, f).await
    }

    /// As [`Db::tx`], as the role that writes the facts of agents; its
    /// connections are apart, so that pages cannot starve a plant.
    pub async fn ingest_tx<T, E, F>(&self, cx: &Cx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        let tx = self.begin(cx, Role::Ingest).await?;
        self.finish(tx, f).await
    }

    /// A transaction in the database where the tenant lives. It is looked for where
    /// it was last, and the home database says where else; each says whether it is
    /// the right one, so that what was remembered need not be true.
    async fn begin(&self, cx: &Cx, role: Role) -> Result<Tx, DbError> {
        let own = &self.inner.own;
        let mut looks = 0;
        loop {
            looks += 1;
            let Some(place) = own.place(cx.tenant) else {
                let mut tx = begin(self.inner.home.of(role)).await?;
                match tx.enter(cx).await?.placement {
                    Some(elsewhere) if elsewhere != SHARED => own.remember(cx.tenant, Some(&elsewhere)),
                    _ => return Ok(tx),
                }
                roll_back(tx).await;
                continue;
            };
            let known = async || {
                self.system_tx(async |system| Ok::<_, DbError>(system::known(system.conn(), &place).await?))
                    .await
            };
            let begun = match self.begin_own(&place, role, known).await {
                Ok(mut tx) => {
                    let Entered { placement, paused } = tx.enter(cx).await?;
                    let here = placement.is_some_and(|here| *here == *place);
                    // Paused is a tenant that is moved; and so is what it has left behind, until
                    // that is dropped.
                    if here && (!paused || self.lives_at(cx, &place).await?) {
                        return Ok(tx);
                    }
                    roll_back(tx).await;
                    Err(DbError::Away {
                        database: place.to_string(),
                        detail: "it does not hold the tenant".to_owned(),
                    })
                }
                Err(error) => Err(error),
            };
            let Err(error): Result<(), DbError> = begun else { continue };
            // It may have been moved: the home database knows.
            own.remember(cx.tenant, None);
            if looks >= LOOKS || !self.has_moved(cx, &place, &error).await? {
                return Err(error);
            }
        }
    }

    /// Whether it is worth to look for the tenant again, after its place failed.
    async fn has_moved(&self, cx: &Cx, from: &str, error: &DbError) -> Result<bool, DbError> {
        if matches!(error, DbError::Sqlx(sqlx::Error::PoolClosed)) {
            return Ok(true);
        }
        Ok(self.placement(cx).await?.is_some_and(|now| now != from))
    }

    /// Whether the home database says that the tenant lives there.
    async fn lives_at(&self, cx: &Cx, place: &str) -> Result<bool, DbError> {
        Ok(self.placement(cx).await?.is_some_and(|now| now == place))
    }

    /// Where the home database says that the tenant lives.
    async fn placement(&self, cx: &Cx) -> Result<Option<String>, DbError> {
        let mut tx = begin(&self.inner.home.app).await?;
        let now = tx.enter(cx).await?.placement;
        roll_back(tx).await;
        Ok(now)
    }

    async fn finish<T, E, F>(&self, mut tx: Tx, f: F) -> Result<T, E>
    where
        E: From<DbError>,
        F: AsyncFnOnce(&mut Tx) -> Result<T, E>,
    {
        let marked = match f(&mut tx).await {
            Ok(value) => claim::mark(&mut tx).await.map(|()| value).map_err(E::from),
            Err(error) => Err(error),
        };
        match marked {
            Ok(value) => {
                let told = std::mem::take(&mut tx.told);
                tx.inner.commit().await.map_err(DbError::from)?;
                self.tell(told).await;
                Ok(value)
            }
            Err(error) => {
                roll_back(tx).await;
                Err(error)
            }
        }
    }

    /// Tells at the home database what was committed in another; it only makes
    /// things quicker, so a failure is no matter.
    async fn tell(&self, told: Vec<Told>) {
        for Told { channel, payload } in told {
            let telling = sqlx::query("select pg_notify($1, $2)").bind(&channel).bind(&payload);
            if let Err(error) = telling.execute(&self.inner.home.app).await {
                tracing::debug!(%error, channel, "not told");
            }
        }
    }

    /// Closes every connection, after the transactions under way are done.
    pub async fn close(&self) {
        self.inner.own.close().await;
        self.inner.home.close().await;
    }

    /// Connections open now, and idle among them, by role, and to own databases
    /// together; for metrics.
    pub fn connections(&self) -> [(&'static str, u32, usize); 4] {
        let home = &self.inner.home;
        let count = |name, pool: &Pool| (name, pool.size(), pool.num_idle());
        let (open, idle) = self.inner.own.connections();
        [
            count("app", &home.app),
            count("ingest", &home.ingest),
            count("system", &home.system),
            ("own", open, idle),
        ]
    }
}

async fn begin(pool: &Pool) -> Result<Tx, DbError> {
    Ok(Tx {
        inner: pool.begin().await?,
        tenant: Uuid::nil(),
        plants: Plants::All,
        permit: None,
        told: Vec::new(),
    })
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
mod foreign_key_tests;
#[cfg(test)]
mod isolation_tests;
#[cfg(test)]
mod own_tests;
#[cfg(test)]
mod plan_tests;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;
