//! Databases that hold one tenant alone: made, migrated, kept track of, dropped.

use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use super::store::{self, TenantRow};
use crate::db::{Db, DbError, end};
use crate::migrate;

/// Databases that are migrated at once.
const AT_ONCE: usize = 4;

/// A database as the control schema knows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AdminDatabase)]
pub struct Database {
    /// `shared` for the home database; else its name on its server.
    pub name: String,
    /// `shared` or `own`.
    pub kind: String,
    /// The server as the configuration names it; empty: that of the home database.
    pub server: String,
    /// Where it stands.
    pub region: String,
    /// `creating`, `ready`, `behind`, `away` or `dropping`.
    pub state: String,
    /// The last migration that it has.
    pub schema_version: i64,
    /// What was wrong when it was last looked at.
    pub detail: String,
    /// When that was.
    pub looked_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

impl Database {
    /// Whether tenants in it are served.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.state == "ready"
    }
}

/// Every database, the shared one first.
///
/// # Errors
/// [`DbError`].
pub async fn databases(db: &Db) -> Result<Vec<Database>, DbError> {
    db.system_tx(async |system| Ok(store::databases(system).await?)).await
}

/// Where a server stands, as the configuration says; `None` when it names no such server.
fn region_of<'a>(db: &'a Db, server: &str) -> Option<&'a str> {
    match server {
        "" => Some(&db.owns().region),
        server => db.owns().servers.get(server).map(|known| known.region.as_str()),
    }
}

/// Notes where each database stands, the shared one too: the region of its server, which the
/// configuration says. What is on a server that it does not name any more stays as it was.
async fn regions_keep(db: &Db) -> Result<(), DbError> {
    for one in databases(db).await? {
        if let Some(region) = region_of(db, &one.server).filter(|region| *region != one.region) {
            db.system_tx(async |system| {
                Ok::<_, DbError>(store::database_region(system, &one.name, region).await?)
            })
            .await?;
        }
    }
    Ok(())
}

/// Makes a database for a tenant of this code, with the whole schema and nothing in
/// it; answers its name. What a crash leaves behind [`migrate_all`] clears away.
///
/// # Errors
/// [`DbError`].
pub(super) async fn create(db: &Db, code: &str, server: &str) -> Result<String, DbError> {
    let name = create_at(db, code, server, migrate::version()).await?;
    found_ready(db, &name).await?;
    Ok(name)
}

/// As [`create`], with the schema as it was at an earlier migration; nobody is let in
/// before it is [found ready](found_ready).
///
/// # Errors
/// [`DbError`].
pub(super) async fn create_at(db: &Db, code: &str, server: &str, version: i64) -> Result<String, DbError> {
    let unique = Uuid::new_v4().simple().to_string();
    let name = format!("tw_{}_{}", code.to_lowercase(), &unique[..8]);
    let region = region_of(db, server).unwrap_or_default().to_owned();
    let at = db.owner_at(&name, server)?;
    db.system_tx(async |system| {
        Ok::<_, DbError>(store::database_insert(system, &name, server, &region).await?)
    })
    .await?;
    let mut connection = db.connect(&name, &at).await?;
    alone(&mut connection, &name).await?;
    // The name is letters, digits and underscores.
    sqlx::raw_sql(AssertSqlSafe(format!("create database {name}"))).execute(&mut connection).await?;
    end(connection).await;
    migrate::migrate_to(&db.owner_of(&name, server)?, version).await?;
    let mut connection = db.connect_owner(&name, server).await?;
    store::database_here(&mut connection, &name).await?;
    end(connection).await;
    Ok(name)
}

/// Notes that a database has the schema of today.
///
/// # Errors
/// [`DbError`].
pub(super) async fn found_ready(db: &Db, name: &str) -> Result<(), DbError> {
    look(db, name, "ready", migrate::version(), "").await
}

/// Waits until no other connection makes or drops the database, and keeps them off until
/// this one ends: the server goes on making one for a command that was killed.
async fn alone(connection: &mut PgConnection, name: &str) -> Result<(), DbError> {
    sqlx::query("select pg_advisory_lock(hashtextextended('database ' || $1, 0))")
        .bind(name)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the databases of a tenant of this code in which nobody lives and to which no move
/// leads: a command was cut short while it made or filled one, or before it dropped it. The
/// tenant is [held](super::moves::hold), so that nobody is at one of them. One that is out
/// of reach stays marked, and is told in the log.
///
/// # Errors
/// When the home database fails.
pub(super) async fn clear_left(db: &Db, code: &str) -> Result<(), DbError> {
    let of_code = format!("tw_{}_", code.to_lowercase());
    let left =
        async |system: &mut crate::db::SystemTx| Ok::<_, DbError>(store::databases_of_nobody(system).await?);
    for name in db.system_tx(left).await?.into_iter().filter(|name| name.starts_with(&of_code)) {
        if let Err(error) = drop_database(db, &name).await {
            tracing::warn!(database = name, %error, "a database that is not needed is still there");
        }
    }
    Ok(())
}

/// Removes a database from its server; what the control schema knows of it stays, until
/// nobody refers to it.
///
/// # Errors
/// [`DbError`].
pub(super) async fn drop_from_server(db: &Db, name: &str) -> Result<(), DbError> {
    let server = server_of(db, name).await?;
    give_up(db, name).await?;
    db.forget(name).await;
    let mut connection = db.connect(name, &db.owner_at(name, &server)?).await?;
    alone(&mut connection, name).await?;
    // Other processes may hold idle connections to it.
    sqlx::raw_sql(AssertSqlSafe(format!("drop database if exists {name} with (force)")))
        .execute(&mut connection)
        .await?;
    end(connection).await;
    Ok(())
}

/// Removes a database and everything in it. Nobody may live there any more.
///
/// # Errors
/// [`DbError`]; it is marked to be dropped then, and [`migrate_all`] tries again.
pub(super) async fn drop_database(db: &Db, name: &str) -> Result<(), DbError> {
    drop_from_server(db, name).await?;
    forget_dropped(db, name).await
}

/// Forgets a database that was [dropped](drop_from_server), and to which nobody refers.
///
/// # Errors
/// [`DbError`].
pub(super) async fn forget_dropped(db: &Db, name: &str) -> Result<(), DbError> {
    db.system_tx(async |system| Ok(store::database_delete(system, name).await?)).await
}

/// Marks a database to be dropped.
///
/// # Errors
/// [`DbError`].
pub(super) async fn give_up(db: &Db, name: &str) -> Result<(), DbError> {
    look(db, name, "dropping", 0, "").await
}

async fn look(db: &Db, name: &str, state: &str, version: i64, detail: &str) -> Result<(), DbError> {
    db.system_tx(async |system| Ok(store::database_look(system, name, state, version, detail).await?)).await
}

/// Brings every own database up to date, removes those that a crash left behind, and notes
/// in which region each stands; answers how each of them stands. One that is out of reach,
/// or whose migration fails, is noted and keeps no other waiting: its tenants are refused,
/// with the problem `tenant.away`, until it is well.
///
/// # Errors
/// When the home database fails.
pub async fn migrate_all(db: &Db) -> Result<Vec<Database>, DbError> {
    regions_keep(db).await?;
    for left in db.system_tx(async |system| Ok::<_, DbError>(store::databases_left(system).await?)).await? {
        if let Err(error) = drop_database(db, &left.name).await {
            tracing::warn!(database = left.name, %error, "a database that is not needed is still there");
        }
    }
    let own: Vec<Database> = databases(db).await?.into_iter().filter(|one| one.kind == "own").collect();
    let migrated = stream::iter(&own).map(|one| async move {
        if matches!(one.state.as_str(), "creating" | "dropping") {
            return Ok(());
        }
        let (state, version, detail) = match migrate_one(db, one).await {
            Ok(()) => ("ready", migrate::version(), String::new()),
            Err(error @ DbError::Migrate(_)) => ("behind", one.schema_version, error.to_string()),
            Err(error) => ("away", one.schema_version, error.to_string()),
        };
        look(db, &one.name, state, version, &detail).await
    });
    let done: Vec<Result<(), DbError>> = migrated.buffer_unordered(AT_ONCE).collect().await;
    done.into_iter().collect::<Result<(), DbError>>()?;
    databases(db).await
}

async fn migrate_one(db: &Db, one: &Database) -> Result<(), DbError> {
    // Whether it answers at all; a migration itself may take its time.
    let mut connection = db.connect_owner(&one.name, &one.server).await?;
    connection.ping().await?;
    migrate::migrate(&db.owner_of(&one.name, &one.server)?).await?;
    let living =
        db.system_tx(async |system| Ok::<_, DbError>(store::tenants_at(system, &one.name).await?)).await?;
    for row in &living {
        tenant_row_put(&mut connection, row).await?;
    }
    end(connection).await;
    Ok(())
}

/// Puts the tenant's row into its own database, as the home database has it. The
/// generation stays what it is there: it belongs to the data.
pub(super) async fn tenant_row_put(connection: &mut PgConnection, row: &TenantRow) -> Result<(), DbError> {
    Ok(store::tenant_row_put(connection, row).await?)
}

/// The server of a database.
///
/// # Errors
/// [`DbError`], also when there is no such database.
pub(super) async fn server_of(db: &Db, name: &str) -> Result<String, DbError> {
    db.system_tx(async |system| Ok(store::server_of(system, name).await?)).await
}
