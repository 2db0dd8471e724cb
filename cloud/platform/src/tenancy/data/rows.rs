//! A tenant's rows taken from one connection to another, compared, and removed.
//!
//! Connections here are the owner's. A superuser's goes past row-level security; any
//! other has the tenant set, and rows go in by way of a temporary table, because COPY
//! into a table under a policy is refused.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Error};
use uuid::Uuid;

use super::tables::{Table, of_tenants};
use super::{At, DataError, Watch, tell};
use crate::db::DbError;

/// How long a partition's removal waits for others, before it lets them go first.
const LOCK_FOR: &str = "500ms";
/// How many bytes are sent at once.
const GATHER: usize = 128 * 1024;

/// How many rows a table has of a tenant, and a sum over all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tenancy) struct Sum {
    pub rows: i64,
    /// The sum of two 64-bit hashes of each row's text, in whatever order.
    pub checksum: String,
}

impl std::fmt::Display for Sum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows ({})", self.rows, self.checksum)
    }
}

async fn run(connection: &mut PgConnection, sql: String) -> Result<(), Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await?;
    Ok(())
}

/// Has the connection act for the tenant until its end, and print values the same way
/// whatever the server is set to.
pub(in crate::tenancy) async fn act_for(connection: &mut PgConnection, tenant: Uuid) -> Result<(), Error> {
    sqlx::query(
        "select set_config('app.tenant_id', $1, false), set_config('app.actor', 'system', false), \
                set_config('DateStyle', 'ISO, YMD', false), set_config('IntervalStyle', 'postgres', false), \
                set_config('bytea_output', 'hex', false), set_config('extra_float_digits', '1', false), \
                set_config('client_encoding', 'UTF8', false), set_config('app.copying', 'on', false)",
    )
    .bind(tenant.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Begins a transaction that sees one moment of the database, and only reads.
pub(in crate::tenancy) async fn begin_snapshot(connection: &mut PgConnection) -> Result<(), Error> {
    run(connection, "begin isolation level repeatable read read only".to_owned()).await
}

pub(in crate::tenancy) async fn begin(connection: &mut PgConnection) -> Result<(), Error> {
    run(connection, "begin".to_owned()).await
}

pub(in crate::tenancy) async fn commit(connection: &mut PgConnection) -> Result<(), Error> {
    run(connection, "commit".to_owned()).await
}

/// The tenant's rows of a table as COPY writes them; `how` ends the statement.
pub(in crate::tenancy) fn copy_out(table: &Table, tenant: Uuid, how: &str) -> String {
    let list = table.list();
    // An id of ours is hexadecimal.
    format!("copy (select {list} from {} where tenant_id = '{tenant}') to stdout {how}", table.name)
}

/// Where rows of a table go in on this connection, which is in a transaction: the table,
/// or a temporary one that [`land`] empties into it.
pub(in crate::tenancy) async fn door(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<Option<String>, Error> {
    let guarded: bool = sqlx::query_scalar("select row_security_active($1::regclass)")
        .bind(&table.name)
        .fetch_one(&mut *connection)
        .await?;
    if !guarded {
        return Ok(None);
    }
    let list = table.list();
    run(
        connection,
        format!(
            "drop table if exists pg_temp.arriving; \
             create temporary table arriving on commit drop as select {list} from {} limit 0",
            table.name
        ),
    )
    .await?;
    Ok(Some("pg_temp.arriving".to_owned()))
}

/// Moves rows from the temporary table to where they belong; `rest` ends the statement.
pub(in crate::tenancy) async fn land(
    connection: &mut PgConnection,
    table: &Table,
    rest: &str,
) -> Result<u64, Error> {
    let list = table.list();
    let sql = format!("insert into {} ({list}) select {list} from pg_temp.arriving {rest}", table.name);
    Ok(sqlx::query(AssertSqlSafe(sql)).execute(connection).await?.rows_affected())
}

/// Copies the tenant's rows of a table; answers how many. `to` is in a transaction.
pub(in crate::tenancy) async fn copy(
    from: &mut PgConnection,
    to: &mut PgConnection,
    table: &Table,
    tenant: Uuid,
    watch: &mut Watch<'_>,
) -> Result<u64, DataError> {
    let door = door(to, table).await?;
    let into = door.as_deref().unwrap_or(&table.name);
    let mut into = to.copy_in_raw(&format!("copy {into} ({}) from stdin", table.list())).await?;
    let mut bytes = 0;
    let copied = async {
        let mut out = from.copy_out_raw(&copy_out(table, tenant, "")).await?;
        // A chunk is a row; each that is sent costs a call of the system.
        let mut gathered = Vec::with_capacity(2 * GATHER);
        while let Some(chunk) = out.try_next().await? {
            gathered.extend_from_slice(&chunk);
            if gathered.len() >= GATHER {
                bytes += gathered.len() as u64;
                into.send(gathered.as_slice()).await?;
                gathered.clear();
                tell(watch, At::Bytes { table: table.name.clone(), bytes })?;
            }
        }
        into.send(gathered.as_slice()).await?;
        Ok::<_, DataError>(())
    };
    if let Err(error) = copied.await {
        // The copying has to end before the connection can be used or closed.
        let _ = into.abort("stopped").await;
        return Err(error);
    }
    let rows = into.finish().await?;
    Ok(match door {
        Some(_) => land(to, table, "").await?,
        None => rows,
    })
}

/// How many rows the table has of the tenant, and their sum.
pub(in crate::tenancy) async fn sum(
    connection: &mut PgConnection,
    table: &Table,
    tenant: Uuid,
) -> Result<Sum, Error> {
    let list = table.list();
    let sql = format!(
        "select count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0)::text || ':' || \
                coalesce(sum(hashtextextended(r::text, 1)::numeric), 0)::text \
         from (select {list} from {} where tenant_id = $1) r",
        table.name
    );
    let (rows, checksum) = sqlx::query_as(AssertSqlSafe(sql)).bind(tenant).fetch_one(connection).await?;
    Ok(Sum { rows, checksum })
}

/// Waits until no other connection of a command is at the tenant's rows in this database,
/// and keeps them off until this one ends. The server goes on for a moment with what it was
/// asked by a command that was killed; what that commits must not come after what is done
/// by whoever runs it again.
async fn alone(connection: &mut PgConnection, tenant: Uuid) -> Result<(), Error> {
    sqlx::query("select pg_advisory_lock(hashtextextended('rows ' || $1::text, 0))")
        .bind(tenant.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes everything of the tenant outside the control schema: its partitions, and its
/// rows of every other table. Can be stopped and run again. No other command changes them
/// until the connection ends.
pub(in crate::tenancy) async fn clear(
    connection: &mut PgConnection,
    tenant: Uuid,
    watch: &mut Watch<'_>,
) -> Result<Vec<(String, u64)>, DataError> {
    act_for(connection, tenant).await?;
    alone(connection, tenant).await?;
    let mut removed = Vec::new();
    let mut tables = of_tenants(connection).await?;
    tables.reverse();
    for table in tables {
        let rows = if table.partitioned {
            let rows = sum(connection, &table, tenant).await?.rows.unsigned_abs();
            drop_partition(connection, &table, tenant).await?;
            rows
        } else {
            let sql = format!("delete from {} where tenant_id = $1", table.name);
            sqlx::query(AssertSqlSafe(sql)).bind(tenant).execute(&mut *connection).await?.rows_affected()
        };
        tell(watch, At::Table { table: table.name.clone(), rows })?;
        removed.push((table.name, rows));
    }
    Ok(removed)
}

/// Drops the tenant's partition. That needs the whole table for a moment; whoever is in
/// the middle of something goes first, so that nobody queues behind the wait.
async fn drop_partition(connection: &mut PgConnection, table: &Table, tenant: Uuid) -> Result<(), DbError> {
    let partitions: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', n.nspname, c.relname) from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         join pg_namespace n on n.oid = c.relnamespace \
         where i.inhparent = $1::regclass and pg_get_expr(c.relpartbound, c.oid) like '%' || $2 || '%'",
    )
    .bind(&table.name)
    .bind(tenant.to_string())
    .fetch_all(&mut *connection)
    .await?;
    for partition in partitions {
        loop {
            let sql = format!(
                "begin; set local lock_timeout = '{LOCK_FOR}'; drop table if exists {partition}; commit"
            );
            match run(connection, sql).await.map_err(DbError::from) {
                Ok(()) => break,
                Err(DbError::Sqlx(Error::Database(told))) if told.code().as_deref() == Some("55P03") => {
                    run(connection, "rollback".to_owned()).await?;
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}
