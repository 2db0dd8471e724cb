//! What is told of a set of units.

use platform::db::Tx;
use sqlx::Error;

/// Units of one item, at one plant, in one state and in one thing.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns of the table, described in the schema")]
pub struct GroupRow {
    pub item: String,
    pub name: String,
    pub plant: String,
    pub life: i16,
    pub quality: i16,
    pub custody: i16,
    pub parent_key: Option<i64>,
    pub units: i64,
}

/// The groups of a set, in no order. Units that nothing is known of but events are in none.
pub async fn groups(tx: &mut Tx, keys: &[i64]) -> Result<Vec<GroupRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        GroupRow,
        r#"select g.item as "item!", coalesce(i.name, '') as "name!", g.plant as "plant!", g.life as "life!",
                  g.quality as "quality!", g.custody as "custody!", g.parent_key as "parent_key?",
                  g.units as "units!"
           from (select r.item, r.plant, r.life, r.quality, r.custody, r.parent_key, count(*) as units
                 from unnest($2::bigint[]) as k(key)
                 join uid_registry r on r.tenant_id = $1 and r.key = k.key
                 group by r.item, r.plant, r.life, r.quality, r.custody, r.parent_key) g
           left join items i on i.tenant_id = $1 and i.item = g.item"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// Codes and time zones of all plants, of those that are closed too.
pub async fn zones(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!("select code, time_zone from plants where tenant_id = $1 order by code", tenant)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows.into_iter().map(|row| (row.code, row.time_zone)).collect())
}

/// No statement of this transaction runs longer than so many milliseconds.
pub async fn limit_time(tx: &mut Tx, milliseconds: &str) -> Result<(), Error> {
    sqlx::query!("select set_config('statement_timeout', $1, true)", milliseconds)
        .fetch_one(tx.conn())
        .await?;
    Ok(())
}
