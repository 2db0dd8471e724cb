//! Counts of what is in work, which triggers note beside the registry (migration 0093).

use platform::db::Tx;
use sqlx::Error;

/// Adds up what was noted. The caller has the tenant's projection, so that nobody else does it;
/// what others note meanwhile stays for the next time.
pub async fn add_up(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    let added = sqlx::query!(
        "with noted as (delete from in_work_changes where tenant_id = $1 returning plant, stage, hour, units) \
         insert into in_work_hours (tenant_id, plant, stage, hour, units) \
         select $1, plant, stage, hour, sum(units)::bigint from noted \
         group by plant, stage, hour having sum(units) <> 0 \
         on conflict (tenant_id, plant, stage, hour) do update set units = in_work_hours.units + excluded.units",
        tenant,
    )
    .execute(tx.conn())
    .await?
    .rows_affected();
    if added > 0 {
        sqlx::query!("delete from in_work_hours where tenant_id = $1 and units = 0", tenant)
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}
