//! All SQL of plants as people keep them.

use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;

/// A plant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plant {
    pub code: String,
    pub name: String,
    pub company: String,
    pub time_zone: String,
    pub languages: Vec<String>,
    pub address: String,
    pub version: i32,
}

pub(super) async fn plants(tx: &mut Tx) -> Result<Vec<Plant>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Plant,
        r#"select code, name, coalesce(company, '') as "company!", time_zone, languages, address, version
           from plants where tenant_id = $1 and deleted_at is null order by code"#,
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// One plant, locked until the transaction ends.
pub(super) async fn plant(tx: &mut Tx, code: &str) -> Result<Option<Plant>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Plant,
        r#"select code, name, coalesce(company, '') as "company!", time_zone, languages, address, version
           from plants where tenant_id = $1 and code = $2 and deleted_at is null for update"#,
        tenant,
        code,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Companies that stand: id, code and name.
pub(super) async fn companies(tx: &mut Tx) -> Result<Vec<(Uuid, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select company_id, code, name from companies where tenant_id = $1 and deleted_at is null order by code",
        tenant,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.company_id, row.code, row.name)).collect())
}

pub(super) async fn address_set(tx: &mut Tx, code: &str, address: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update plants set address = $3, version = version + 1
         where tenant_id = $1 and code = $2 and address <> $3",
        tenant,
        code,
        address,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
