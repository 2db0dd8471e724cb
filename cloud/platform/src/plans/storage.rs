//! How many bytes a tenant's rows take: of tables that are divided by tenant what
//! its own parts take, of the others its share by the number of rows.

use sqlx::{AssertSqlSafe, Error, Row};

use crate::db::Tx;

/// Bytes of the transaction's tenant, indexes included. Reads the catalogue and
/// counts the tenant's rows, so it is for once a day.
pub(super) async fn stored_bytes(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let parts = sqlx::query_scalar!(
        r#"select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint as "bytes!"
           from pg_inherits i
           join pg_class c on c.oid = i.inhrelid
           join pg_class p on p.oid = i.inhparent
           where p.relnamespace = 'public'::regnamespace
             and c.relname = p.relname || '_' || replace($1::uuid::text, '-', '')"#,
        tenant,
    )
    .fetch_one(tx.conn())
    .await?;
    let tables = sqlx::query!(
        r#"select quote_ident(c.relname) as "name!", pg_total_relation_size(c.oid) as "bytes!",
                  c.reltuples::float8 as "rows!"
           from pg_class c
           where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
             and has_table_privilege(c.oid, 'select')
             and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')
           order by 1"#,
    )
    .fetch_all(tx.conn())
    .await?;
    // Names come from the catalogue, quoted by it.
    let counts: Vec<String> = tables
        .iter()
        .map(|table| format!("(select count(*) from {} where tenant_id = '{tenant}')", table.name))
        .collect();
    if counts.is_empty() {
        return Ok(parts);
    }
    let sql = format!("select array[{}]", counts.join(", "));
    let own: Vec<i64> = sqlx::query(AssertSqlSafe(sql)).fetch_one(tx.conn()).await?.try_get(0)?;
    let shares = tables.iter().zip(own).map(|(table, own)| share(table.bytes, own, table.rows));
    Ok(parts + shares.sum::<i64>())
}

/// The share of `own` rows in a table's bytes; its number of rows is Postgres'
/// estimate, which may be old.
fn share(bytes: i64, own: i64, rows: f64) -> i64 {
    let own = own as f64;
    let all = rows.max(own);
    if all <= 0.0 {
        return 0;
    }
    // An estimate anyhow.
    (bytes as f64 * own / all).round() as i64
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn a_share_is_never_more_than_all() {
        assert_eq!(share(8000, 1, 4.0), 2000);
        assert_eq!(share(8000, 10, -1.0), 8000, "never analysed: all of it is ours");
        assert_eq!(share(8000, 0, 0.0), 0);
    }
}
