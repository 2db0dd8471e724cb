//! Brings a database's schema up to date.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tracing::log::LevelFilter;

use crate::db::DbError;

/// Every migration, in order; embedded in the binary.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Applies what is missing, as the owner that `options` logs in as. Two
/// processes at once are safe: the second waits and finds nothing to do.
///
/// # Errors
/// [`DbError`] when the database is out of reach or a migration fails.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), DbError> {
    let mut connection = quiet(options).connect().await?;
    MIGRATIONS.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Without notices, and without the text of a whole migration in the log where one takes
/// more than a second.
fn quiet(options: &PgConnectOptions) -> PgConnectOptions {
    let options = options.clone().options([("client_min_messages", "warning")]);
    options.log_slow_statements(LevelFilter::Off, Duration::ZERO)
}

/// The last migration that this program knows: databases at another one are behind.
#[must_use]
pub fn version() -> i64 {
    MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// As [`migrate`], only up to a migration of before: for data that is of that time.
///
/// # Errors
/// As [`migrate`]; also when there is no such migration.
pub(crate) async fn migrate_to(options: &PgConnectOptions, version: i64) -> Result<(), DbError> {
    let mut connection = quiet(options).connect().await?;
    MIGRATIONS.run_to(version, &mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// The last migration that the database of this connection has.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn version_of(connection: &mut PgConnection) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar("select max(version) from _sqlx_migrations where success")
        .fetch_one(connection)
        .await?)
}
