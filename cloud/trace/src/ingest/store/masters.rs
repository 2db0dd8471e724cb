//! What the cloud's masters lack of what events name.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// Which of these item codes the tenant does not know; none while it keeps no
/// items at all.
pub async fn items_unknown(tx: &mut Tx, tenant: Uuid, items: &[&str]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!(
        r#"select u.item as "item!" from unnest($2::text[]) as u(item)
           where not exists (select from items i where i.tenant_id = $1 and i.item = u.item)
             and exists (select from items i where i.tenant_id = $1)
           order by u.item"#,
        tenant,
        items as _,
    )
    .fetch_all(tx.conn())
    .await
}

/// As [`items_unknown`], of operators.
pub async fn operators_unknown(tx: &mut Tx, tenant: Uuid, operators: &[&str]) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!(
        r#"select u.id as "id!" from unnest($2::text[]) as u(id)
           where not exists (select from operators o where o.tenant_id = $1 and o.operator_id = u.id)
             and exists (select from operators o where o.tenant_id = $1)
           order by u.id"#,
        tenant,
        operators as _,
    )
    .fetch_all(tx.conn())
    .await
}
