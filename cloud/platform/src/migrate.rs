//! Brings a database's schema up to date.

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};

use crate::db::DbError;

/// Every migration, in order; embedded in the binary.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Applies what is missing, as the owner that `options` logs in as. Two
/// processes at once are safe: the second waits and finds nothing to do.
///
/// # Errors
/// [`DbError`] when the database is out of reach or a migration fails.
pub async fn migrate(options: &PgConnectOptions) -> Result<(), DbError> {
    let mut connection = options.clone().options([("client_min_messages", "warning")]).connect().await?;
    MIGRATIONS.run(&mut connection).await?;
    connection.close().await?;
    Ok(())
}
