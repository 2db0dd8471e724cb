//! Where tenants live, and the pools to databases of their own: opened when first
//! asked for, bounded, and closed when idle.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::connect::{PoolSizes, Role};
use super::{Db, DbError, Inner, Pools, Tx};
use crate::migrate;

/// The placement of a tenant that shares the home database.
pub const SHARED: &str = "shared";

/// How long a database may take to answer before its tenants are refused.
pub(super) const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// How often one that did not answer is asked again.
const ASKED_EVERY: Duration = Duration::from_secs(2);

/// A server beside that of the home database.
#[derive(Debug, Clone)]
pub struct Server {
    /// Logs in as the owner of the databases there.
    pub options: PgConnectOptions,
    /// Where it stands, as contracts name it.
    pub region: String,
}

/// What of own databases is configured.
#[derive(Debug, Clone)]
pub struct Owns {
    /// Servers by name.
    pub servers: BTreeMap<String, Server>,
    /// Where the server of the home database stands.
    pub region: String,
    /// Most connections to all of them together.
    pub connections: u32,
    /// Most of them that are kept open.
    pub databases: usize,
}

impl Default for Owns {
    fn default() -> Self {
        Self { servers: BTreeMap::new(), region: String::new(), connections: 24, databases: 32 }
    }
}

/// A database as the control schema knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub server: String,
    pub state: String,
    pub schema_version: i64,
    pub detail: String,
}

/// The own databases of one process.
pub(super) struct Opened {
    pub config: Owns,
    /// Of tenants that were found not to share; a hint, which each transaction checks.
    places: RwLock<HashMap<Uuid, Arc<str>>>,
    open: Mutex<HashMap<Arc<str>, Open>>,
    /// Those that do not answer, and why; each is asked in the background.
    silent: RwLock<HashMap<Arc<str>, String>>,
    permits: Arc<Semaphore>,
}

struct Open {
    pools: Arc<Pools>,
    used: Instant,
}

impl Opened {
    pub fn new(config: Owns) -> Self {
        let permits = Arc::new(Semaphore::new(config.connections.max(2) as usize));
        Self { config, places: RwLock::default(), open: Mutex::default(), silent: RwLock::default(), permits }
    }

    /// Where the tenant was seen last; `None`: in the home database.
    pub fn place(&self, tenant: Uuid) -> Option<Arc<str>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).get(&tenant).cloned()
    }

    pub fn remember(&self, tenant: Uuid, place: Option<&str>) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        match place {
            Some(place) => drop(places.insert(tenant, place.into())),
            None => drop(places.remove(&tenant)),
        }
    }

    /// Notes that a database does not answer; whether it did before.
    fn fell_silent(&self, name: &str, detail: &str) -> bool {
        let mut silent = self.silent.write().unwrap_or_else(PoisonError::into_inner);
        silent.insert(name.into(), detail.to_owned()).is_none()
    }

    fn answers_again(&self, name: &str) {
        self.silent.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn silent(&self, name: &str) -> Option<String> {
        self.silent.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    async fn pools(&self, name: &str) -> Option<Arc<Pools>> {
        let mut open = self.open.lock().await;
        let found = open.get_mut(name)?;
        found.used = Instant::now();
        Some(Arc::clone(&found.pools))
    }

    async fn keep(&self, name: &str, pools: Pools) -> Arc<Pools> {
        let mut open = self.open.lock().await;
        let entry =
            open.entry(name.into()).or_insert_with(|| Open { pools: Arc::new(pools), used: Instant::now() });
        entry.used = Instant::now();
        let pools = Arc::clone(&entry.pools);
        while open.len() > self.config.databases.max(1) {
            if !Self::close_oldest(&mut open, name, |_| true) {
                break;
            }
        }
        pools
    }

    /// Closes those that were idle longest where another connection would be too many.
    async fn make_room(&self, name: &str) {
        let mut open = self.open.lock().await;
        let total = |open: &HashMap<Arc<str>, Open>| open.values().map(|o| o.pools.size()).sum::<u32>();
        while total(&open) >= self.config.connections {
            if !Self::close_oldest(&mut open, name, |pools| pools.is_idle() && pools.size() > 0) {
                return;
            }
        }
    }

    fn close_oldest(open: &mut HashMap<Arc<str>, Open>, but: &str, may: impl Fn(&Pools) -> bool) -> bool {
        let oldest = open
            .iter()
            .filter(|(name, open)| &***name != but && may(&open.pools))
            .min_by_key(|(_, open)| open.used)
            .map(|(name, _)| Arc::clone(name));
        let Some(closed) = oldest.and_then(|name| open.remove(&name)) else {
            return false;
        };
        // Waits for whoever is in the middle of something.
        tokio::spawn(async move { closed.pools.close().await });
        true
    }

    /// Closes the pools to one database: it is about to go.
    pub async fn forget(&self, name: &str) {
        let closed = self.open.lock().await.remove(name);
        self.answers_again(name);
        self.places.write().unwrap_or_else(PoisonError::into_inner).retain(|_, place| &**place != name);
        if let Some(closed) = closed {
            closed.pools.close().await;
        }
    }

    pub async fn close(&self) {
        let all: Vec<Open> = self.open.lock().await.drain().map(|(_, open)| open).collect();
        for open in all {
            open.pools.close().await;
        }
    }

    /// Connections open now, and idle among them.
    pub fn connections(&self) -> (u32, usize) {
        let Ok(open) = self.open.try_lock() else { return (0, 0) };
        open.values().fold((0, 0), |(size, idle), open| (size + open.pools.size(), idle + open.pools.idle()))
    }
}

fn away(name: &str, detail: impl std::fmt::Display) -> DbError {
    DbError::Away { database: name.to_owned(), detail: detail.to_string() }
}

impl Db {
    /// How to log in, as the owner, to a database of that name.
    ///
    /// # Errors
    /// [`DbError::Away`] when the configuration does not name its server.
    pub(crate) fn owner_of(&self, name: &str, server: &str) -> Result<PgConnectOptions, DbError> {
        match name {
            SHARED => Ok(self.inner.options.clone()),
            name => Ok(self.owner_at(name, server)?.database(name)),
        }
    }

    /// As [`Db::owner_of`], to the database of a server that the configuration names.
    pub(crate) fn owner_at(&self, name: &str, server: &str) -> Result<PgConnectOptions, DbError> {
        if server.is_empty() {
            return Ok(self.inner.options.clone());
        }
        match self.inner.own.config.servers.get(server) {
            Some(known) => Ok(known.options.clone()),
            None => Err(away(name, format!("the configuration names no server {server}"))),
        }
    }

    /// Closes what this process has open to a database that is about to go.
    pub(crate) async fn forget(&self, name: &str) {
        self.inner.own.forget(name).await;
    }

    /// A connection of the owner, which no tenant's policy holds back, for what no role
    /// may do.
    ///
    /// # Errors
    /// [`DbError::Away`] when it does not answer.
    pub(crate) async fn connect_owner(&self, name: &str, server: &str) -> Result<PgConnection, DbError> {
        let options = self.owner_of(name, server)?.options([
            ("plan_cache_mode", "force_custom_plan"),
            ("TimeZone", "UTC"),
            ("client_min_messages", "warning"),
        ]);
        self.connect(name, &options).await
    }

    /// A connection by these options, to do with this database.
    ///
    /// # Errors
    /// [`DbError::Away`] when it does not answer.
    pub(crate) async fn connect(
        &self,
        name: &str,
        options: &PgConnectOptions,
    ) -> Result<PgConnection, DbError> {
        answers(name, options.connect()).await.map_err(|error| match error {
            DbError::Sqlx(error) if name != SHARED => away(name, error),
            error => error,
        })
    }

    /// What of own databases is configured.
    #[must_use]
    pub fn owns(&self) -> &Owns {
        &self.inner.own.config
    }

    /// A transaction on a tenant's own database, which `known` tells of.
    pub(super) async fn begin_own(
        &self,
        name: &str,
        role: Role,
        known: impl AsyncFnOnce() -> Result<Option<Known>, DbError>,
    ) -> Result<Tx, DbError> {
        let own = &self.inner.own;
        if let Some(detail) = own.silent(name) {
            return Err(away(name, detail));
        }
        let permit = tokio::time::timeout(Duration::from_secs(15), Arc::clone(&own.permits).acquire_owned());
        let permit: OwnedSemaphorePermit = match permit.await {
            Ok(Ok(permit)) => permit,
            _ => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let pools = match own.pools(name).await {
            Some(pools) => pools,
            None => {
                let known = known().await?.ok_or_else(|| away(name, "it is not known any more"))?;
                own.keep(name, self.open_own(name, &known)?).await
            }
        };
        let pool = pools.of(role);
        if pool.num_idle() == 0 {
            own.make_room(name).await;
        }
        match answers(name, super::begin(pool)).await {
            Ok(mut tx) => {
                tx.permit = Some(permit);
                Ok(tx)
            }
            // Closed for want of use, just now.
            Err(DbError::Sqlx(sqlx::Error::PoolClosed)) => Err(sqlx::Error::PoolClosed.into()),
            Err(error) => {
                tracing::warn!(database = name, %error, "a tenant's own database does not answer");
                if own.fell_silent(name, &error.to_string()) {
                    tokio::spawn(ask_again(Arc::downgrade(&self.inner), name.into(), pool.connect_options()));
                }
                Err(match error {
                    DbError::Away { .. } => error,
                    error => away(name, error),
                })
            }
        }
    }

    fn open_own(&self, name: &str, known: &Known) -> Result<Pools, DbError> {
        match known.state.as_str() {
            "ready" if known.schema_version >= migrate::version() => {}
            // One that did not answer may again.
            "away" if known.schema_version >= migrate::version() => {}
            "ready" | "away" | "behind" => {
                let detail = format!(
                    "its schema is at {}, and this program needs {}; run `cloud migrate`. {}",
                    known.schema_version,
                    migrate::version(),
                    known.detail
                );
                return Err(away(name, detail.trim_end()));
            }
            state => return Err(away(name, format!("it is {state}"))),
        }
        let options = self.owner_of(name, &known.server)?;
        Ok(Pools::new(&options, PoolSizes { app: 6, ingest: 4, system: 3 }, Duration::from_secs(60)))
    }
}

/// Asks a database that does not answer until it does, or is gone; nobody waits for it
/// meanwhile.
async fn ask_again(inner: Weak<Inner>, name: Arc<str>, options: Arc<PgConnectOptions>) {
    loop {
        tokio::time::sleep(ASKED_EVERY).await;
        let asked: Result<PgConnection, DbError> = answers(&name, options.connect()).await;
        let Some(inner) = inner.upgrade() else { return };
        if inner.own.silent(&name).is_none() {
            return;
        }
        if let Ok(connection) = asked {
            inner.own.answers_again(&name);
            tracing::info!(database = &*name, "a tenant's own database answers again");
            end(connection).await;
            return;
        }
    }
}

/// What a database answers, or that it does not.
async fn answers<T, E: Into<DbError>>(
    name: &str,
    asked: impl Future<Output = Result<T, E>>,
) -> Result<T, DbError> {
    match tokio::time::timeout(ANSWERS_WITHIN, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(away(name, format!("it did not answer within {} s", ANSWERS_WITHIN.as_secs()))),
    }
}

/// Ends a connection; a failure of that is no matter.
pub(crate) async fn end(connection: PgConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "a connection did not end in good order");
    }
}
