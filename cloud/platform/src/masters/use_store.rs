//! SQL of what uses a row: the first few by their names, and how many more there are.

use sqlx::Error;

use super::Row;
use super::declare::Use;
use super::kind::Kind;
use super::shape::Referrer;
use super::store::{joined, quoted, scalar};
use crate::db::Tx;

/// Most rows of a kind that are named as using another.
pub(super) const NAMED: usize = 12;
/// As far as the others are counted.
pub(super) const COUNTED: usize = 1000;

/// Some that use a row: the names of the first, and how many more there are, counted up to
/// one more than [`COUNTED`].
#[derive(Debug, Default)]
pub(super) struct Users {
    pub names: Vec<String>,
    pub more: usize,
}

/// Runs a statement that answers names, of as many as are named and one; counts the others
/// only where there are any.
async fn users(tx: &mut Tx, sql: &str, order: &str, bound: &[String]) -> Result<Users, Error> {
    let tenant = tx.tenant();
    let names = format!("{sql} {order} limit {}", NAMED + 1);
    let mut statement = scalar::<String>(names).bind(tenant);
    for value in bound {
        statement = statement.bind(value.clone());
    }
    let mut names = statement.fetch_all(tx.conn()).await?;
    if names.len() <= NAMED {
        return Ok(Users { names, more: 0 });
    }
    names.truncate(NAMED);
    let count = format!("select count(*) from ({sql} limit {}) c", NAMED + COUNTED + 1);
    let mut statement = scalar::<i64>(count).bind(tenant);
    for value in bound {
        statement = statement.bind(value.clone());
    }
    let count = usize::try_from(statement.fetch_one(tx.conn()).await?).unwrap_or(usize::MAX);
    Ok(Users { names, more: count.saturating_sub(NAMED) })
}

/// Keys of rows that stand and refer to this one.
pub(super) async fn referrers(tx: &mut Tx, referrer: &Referrer, row: &Row) -> Result<Users, Error> {
    let at = referrer.pairs.iter().enumerate();
    let sql = format!(
        "select concat_ws(':', {}) from {} u where u.tenant_id = $1 and u.deleted_at is null and {}",
        joined(referrer.master.key, |key| format!("u.{}", quoted(key))),
        quoted(referrer.master.table),
        at.map(|(at, (here, _))| format!("u.{} = ${}", quoted(here), at + 2))
            .collect::<Vec<_>>()
            .join(" and "),
    );
    let bound: Vec<String> =
        referrer.pairs.iter().map(|(_, there)| row.get(there).map(Kind::plain).unwrap_or_default()).collect();
    users(tx, &sql, "", &bound).await
}

/// Names of rows of other tables that use this one.
pub(super) async fn uses(tx: &mut Tx, used: &Use, key: &str) -> Result<Users, Error> {
    let sql = format!(
        "select distinct u.{} from {} u where u.tenant_id = $1 and u.{} = $2 and ({})",
        quoted(used.name),
        quoted(used.table),
        quoted(used.column),
        used.when,
    );
    users(tx, &sql, "order by 1", &[key.to_owned()]).await
}
