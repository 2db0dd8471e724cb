//! SQL of codes that differ by case alone.

use serde_json::{Value, json};
use sqlx::Error;

use super::Row;
use super::shape::Shape;
use super::store::{joined, numbered, quoted, scalar};
use crate::db::Tx;

/// Which of the rows, each with its code in small letters, have a code that another row that
/// stands has in other letters: the place of the row, and the other's code. The letters are
/// made small before: under row-level security only a comparison with a plain value uses
/// the index.
pub(super) async fn taken(
    tx: &mut Tx,
    shape: &Shape,
    column: &str,
    rows: &[(&Row, String)],
) -> Result<Vec<(usize, String)>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let keys = shape.master.key;
    let one = |(at, (row, small)): (usize, &(&Row, String))| -> Value {
        let mut given: Row =
            keys.iter().filter_map(|name| Some(((*name).to_owned(), row.get(*name)?.clone()))).collect();
        given.insert("tw_n".into(), json!(at + 1));
        given.insert("tw_small".into(), json!(small));
        given.into()
    };
    let others = keys.iter().filter(|name| **name != column);
    let sql = format!(
        "select jsonb_build_array(x.tw_n, t.{name})
         from jsonb_to_recordset($2) as x(tw_n bigint, tw_small text, {})
         join {} t on t.tenant_id = $1 and t.{} = x.tw_small{} and t.deleted_at is null
         where t.{name} <> x.{name} order by x.tw_n",
        joined(keys, |key| format!("{} {}", quoted(key), shape.type_of(key))),
        quoted(shape.master.table),
        quoted(&format!("{column}_search")),
        others.map(|key| format!(" and t.{0} = x.{0}", quoted(key))).collect::<String>(),
        name = quoted(column),
    );
    let given: Vec<Value> = rows.iter().enumerate().map(one).collect();
    let found = scalar::<Value>(sql).bind(tenant).bind(Value::Array(given)).fetch_all(tx.conn()).await?;
    Ok(found.iter().filter_map(numbered).collect())
}
