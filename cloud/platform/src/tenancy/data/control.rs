//! What of the control schema belongs to a tenant: every table there with a
//! `tenant_id`.

use sqlx::{AssertSqlSafe, Error, PgConnection};
use uuid::Uuid;

use super::tables::{Table, of_control};

/// The tenant's own row; the others refer to it.
pub(in crate::tenancy) const TENANTS: &str = "control.tenants";

/// Tables whose rows are over soon, and are not worth keeping: who is signed in now.
/// Backups leave them out, and a restored tenant signs in anew.
pub(in crate::tenancy) const PASSING: [&str; 5] = [
    "control.sessions",
    "control.signin_codes",
    "control.token_families",
    "control.provider_attempts",
    "control.moves",
];

/// The tables of the control schema that are worth keeping of a tenant, in the order in
/// which they can be put back.
pub(in crate::tenancy) async fn kept(home: &mut PgConnection) -> Result<Vec<Table>, Error> {
    let all = of_control(home).await?;
    Ok(all.into_iter().filter(|table| !PASSING.contains(&table.name.as_str())).collect())
}

/// Removes every row of the tenant from the control schema, its own row last; answers
/// how many of each table. What a sign-in under way holds goes too.
pub(in crate::tenancy) async fn clear(
    home: &mut PgConnection,
    tenant: Uuid,
) -> Result<Vec<(String, u64)>, Error> {
    let mut removed = Vec::new();
    sqlx::query("delete from control.signin_steps where $1 = any (tenants)")
        .bind(tenant)
        .execute(&mut *home)
        .await?;
    let mut tables = of_control(home).await?;
    tables.reverse();
    for table in tables {
        let sql = format!("delete from {} where tenant_id = $1", table.name);
        let done = sqlx::query(AssertSqlSafe(sql)).bind(tenant).execute(&mut *home).await?;
        removed.push((table.name, done.rows_affected()));
    }
    Ok(removed)
}
