//! All SQL of plants as people keep them.

use sqlx::Error;
use uuid::Uuid;

use crate::db::Tx;
use crate::i18n::Names;

/// A plant.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub(super) struct Plant {
    /// Three characters, in every UID that is minted there.
    pub code: String,
    /// For people.
    pub name: String,
    /// For people, by language.
    pub names: Names,
    /// The code of its company.
    pub company: String,
    /// IANA name of its wall clock.
    pub time_zone: String,
    /// Languages of its stations, the default one first.
    pub languages: Vec<String>,
    /// Where it stands; may be empty.
    pub address: String,
    /// For a change that must not overwrite another's.
    pub version: i32,
}

/// Plants after this code, at most so many.
pub(super) async fn plants_after(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Plant>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Plant,
        r#"select code, name, names, coalesce(company, '') as "company!", time_zone, languages, address, version
           from plants where tenant_id = $1 and code > $2 and deleted_at is null order by code limit $3"#,
        tenant,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// One plant, to look at.
pub(super) async fn plant_seen(tx: &mut Tx, code: &str) -> Result<Option<Plant>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Plant,
        r#"select code, name, names, coalesce(company, '') as "company!", time_zone, languages, address, version
           from plants where tenant_id = $1 and code = $2 and deleted_at is null"#,
        tenant,
        code,
    )
    .fetch_optional(tx.conn())
    .await
}

/// One plant, locked until the transaction ends.
pub(super) async fn plant(tx: &mut Tx, code: &str) -> Result<Option<Plant>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Plant,
        r#"select code, name, names, coalesce(company, '') as "company!", time_zone, languages, address, version
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

/// What it is called in languages.
pub(super) async fn names_set(tx: &mut Tx, code: &str, names: &Names) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update plants set names = $3, version = version + 1
         where tenant_id = $1 and code = $2 and names <> $3",
        tenant,
        code,
        names.json(),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(crate) async fn address_set(tx: &mut Tx, code: &str, address: &str) -> Result<(), Error> {
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
