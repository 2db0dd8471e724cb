//! The tables in which tenants' rows lie, as the catalog has them.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{Error, PgConnection};

/// A table with rows of tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tenancy) struct Table {
    /// As SQL names it.
    pub name: String,
    /// Each tenant's rows lie in a partition.
    pub partitioned: bool,
    /// The columns that are written, in order; those that Postgres computes are left out.
    pub columns: Vec<String>,
}

impl Table {
    /// The columns as SQL lists them.
    pub fn list(&self) -> String {
        self.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
    }
}

/// A name as SQL quotes it.
pub(in crate::tenancy) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Every table outside the control schema, each after those that it refers to.
pub(in crate::tenancy) async fn of_tenants(connection: &mut PgConnection) -> Result<Vec<Table>, Error> {
    walk(
        connection,
        "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'control') \
         and n.nspname not like 'pg\\_temp%' and c.relname <> '_sqlx_migrations'",
    )
    .await
}

/// The tables of the control schema with a `tenant_id`, each after those that it refers
/// to. The tenant's own row comes first.
pub(in crate::tenancy) async fn of_control(connection: &mut PgConnection) -> Result<Vec<Table>, Error> {
    walk(
        connection,
        "n.nspname = 'control' and exists (select from pg_attribute a where a.attrelid = c.oid \
         and a.attname = 'tenant_id' and not a.attisdropped)",
    )
    .await
}

async fn walk(connection: &mut PgConnection, which: &str) -> Result<Vec<Table>, Error> {
    let rows: Vec<(i64, String, bool, Vec<String>)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "select c.oid::bigint, format('%I.%I', n.nspname, c.relname), c.relkind = 'p', \
                array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 \
                      and not a.attisdropped and a.attgenerated = '' order by a.attnum) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace \
         where c.relkind in ('r', 'p') and not c.relispartition and {which} order by 2"
    )))
    .fetch_all(&mut *connection)
    .await?;
    let references: Vec<(i64, i64)> = sqlx::query_as(
        "select conrelid::bigint, confrelid::bigint from pg_constraint \
         where contype = 'f' and conparentid = 0 and conrelid <> confrelid",
    )
    .fetch_all(connection)
    .await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
    let mut tables: BTreeMap<i64, Table> = rows
        .into_iter()
        .map(|(id, name, partitioned, columns)| (id, Table { name, partitioned, columns }))
        .collect();
    Ok(ordered(&ids, &references).into_iter().filter_map(|id| tables.remove(&id)).collect())
}

/// The ids, each after those that it refers to; `(from, to)`. Of a circle, which the
/// schema must not have, the rest follows as it stands.
fn ordered(ids: &[i64], references: &[(i64, i64)]) -> Vec<i64> {
    let mut left: Vec<i64> = ids.to_vec();
    let mut done: BTreeSet<i64> = BTreeSet::new();
    let mut order = Vec::with_capacity(ids.len());
    loop {
        let known: BTreeSet<i64> = left.iter().copied().collect();
        let free = |id: &i64| {
            references.iter().all(|(from, to)| from != id || done.contains(to) || !known.contains(to))
        };
        let (next, rest): (Vec<i64>, Vec<i64>) = left.iter().copied().partition(free);
        if next.is_empty() {
            order.extend(rest);
            return order;
        }
        done.extend(&next);
        order.extend(next);
        left = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_comes_first() {
        assert_eq!(ordered(&[1, 2, 3], &[(1, 2), (2, 3), (1, 9)]), [3, 2, 1]);
        assert_eq!(ordered(&[1, 2], &[]), [1, 2]);
        assert_eq!(ordered(&[1, 2, 3], &[(1, 2), (2, 1)]), [3, 1, 2]);
    }
}
