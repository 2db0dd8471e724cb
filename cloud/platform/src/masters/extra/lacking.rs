//! A field that must be filled, made or changed while rows are there: how many of them have
//! nothing in it. Each asks for it when it is changed next.

use serde_json::Value;

use super::super::kind::Kind;
use super::super::shape::Shapes;
use super::super::store::{quoted, scalar};
use super::super::{MastersError, Row};
use crate::db::Tx;
use crate::i18n::Texts;

/// As far as such rows are counted.
const COUNTED: i64 = 1000;

/// How many rows that stand lack what an own field asks of them, counted up to one more than
/// [`COUNTED`]; 0 of a row of any other master than that of own fields.
///
/// # Errors
/// Those of the database.
pub(in crate::masters) async fn lacking(
    tx: &mut Tx,
    shapes: &Shapes,
    master: &str,
    row: &Row,
) -> Result<i64, MastersError> {
    let text = |name: &str| row.get(name).map(Kind::plain).unwrap_or_default();
    let asks = row.get("needed") == Some(&Value::Bool(true)) && text("default_value").is_empty();
    if master != "custom_fields" || !asks {
        return Ok(0);
    }
    let of = shapes.find(&text("master"))?.master;
    let key: Vec<String> = of.key.iter().map(|name| format!("t.{}", quoted(name))).collect();
    let member = of.member.map(|member| format!(" and t.{}", quoted(member.column))).unwrap_or_default();
    let sql = format!(
        "select count(*) from (
             select from {} t where t.tenant_id = $1 and t.deleted_at is null{member}
               and not exists (select from custom_values v
                               where v.tenant_id = $1 and v.master = $2 and v.field = $3
                                 and v.row_key = concat_ws(':', {}))
             limit {}) c",
        quoted(of.table),
        key.join(", "),
        COUNTED + 1,
    );
    let tenant = tx.tenant();
    let count = scalar::<i64>(sql).bind(tenant).bind(text("master")).bind(text("field"));
    Ok(count.fetch_one(tx.conn()).await?)
}

/// What is said of so many rows; nothing where there are none.
pub(in crate::masters) fn said(texts: &Texts, lacking: i64) -> Option<String> {
    match lacking {
        0 => None,
        more if more > COUNTED => Some(texts.count("masters-lacking-over", COUNTED)),
        some => Some(texts.count("masters-lacking", some)),
    }
}
