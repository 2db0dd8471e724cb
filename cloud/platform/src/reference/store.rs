//! All SQL of published reference rows.

use serde_json::Value;
use sqlx::Error;

use super::{CHANNEL, Differing, Row, Standing};
use crate::db::Tx;

/// Those of `rows`, in their order, that plants have something to learn from.
pub(super) async fn rows_that_differ(tx: &mut Tx, rows: &[Row]) -> Result<Vec<Differing>, Error> {
    let tenant = tx.tenant();
    let all: Vec<&Row> = rows.iter().collect();
    let columns = Columns::of(&all);
    let found = sqlx::query!(
        r#"select w.n as "n!", case when not r.deleted then r.body end as before from unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bool[])
                 with ordinality as w(kind, id, plant, body, deleted, n)
           left join reference_rows r on r.tenant_id = $1 and r.kind = w.kind and r.id = w.id
           where case when r.id is null then not w.deleted
                      when w.deleted then not r.deleted
                      else r.deleted or r.plant <> w.plant or r.body <> w.body end
           order by w.n"#,
        tenant,
        &columns.kinds,
        &columns.ids,
        &columns.plants,
        &columns.bodies,
        &columns.deleted,
    )
    .fetch_all(tx.conn())
    .await?;
    let differing = found
        .into_iter()
        .filter_map(|row| Some(Differing { at: usize::try_from(row.n - 1).ok()?, before: row.before }));
    Ok(differing.collect())
}

/// Takes the next `count` versions; answers the last of them.
pub(super) async fn version_take(tx: &mut Tx, count: i64) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "insert into tenant_counters as c (tenant_id, reference_version) values ($1, $2) \
         on conflict (tenant_id) do update set reference_version = c.reference_version + $2 \
         returning reference_version",
        tenant,
        count,
    )
    .fetch_one(tx.conn())
    .await
}

/// Writes rows with the versions after `above`. A deleted row keeps the body by
/// which plants know it.
pub(super) async fn rows_write(tx: &mut Tx, above: i64, rows: &[&Row]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let columns = Columns::of(rows);
    sqlx::query!(
        "insert into reference_rows as r (tenant_id, kind, id, plant, version, body, deleted) \
         select $1, w.kind, w.id, w.plant, $7::bigint + w.n, w.body, w.deleted \
         from unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bool[]) \
              with ordinality as w(kind, id, plant, body, deleted, n) \
         on conflict (tenant_id, kind, id) do update \
         set version = excluded.version, deleted = excluded.deleted, \
             plant = case when excluded.deleted then r.plant else excluded.plant end, \
             body = case when excluded.deleted then r.body else excluded.body end",
        tenant,
        &columns.kinds,
        &columns.ids,
        &columns.plants,
        &columns.bodies,
        &columns.deleted,
        above,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn notify(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant().to_string();
    tx.tell(CHANNEL, &tenant).await
}

/// Rows of a kind by id. Of a transaction for some plants those that are told there,
/// and what every plant is told, but for holds, which name units of any plant.
pub(super) async fn rows_standing(
    tx: &mut Tx,
    kind: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Standing>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Standing,
        "select kind, id, nullif(plant, '') as plant, version, body from reference_rows \
         where tenant_id = $1 and kind = $2 and id > $3 and not deleted \
           and ($5::text[] is null or plant = any($5) \
                or (plant = '' and kind <> 'hold' \
                    and (kind <> 'operator' or body->'plants' = '[]' or body->'plants' ?| $5))) \
         order by id limit $4",
        tenant,
        kind,
        after,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn row_stands(tx: &mut Tx, kind: &str, id: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from reference_rows
                          where tenant_id = $1 and kind = $2 and id = $3 and not deleted) as "stands!""#,
        tenant,
        kind,
        id,
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn version(tx: &mut Tx) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let version =
        sqlx::query_scalar!("select reference_version from tenant_counters where tenant_id = $1", tenant)
            .fetch_optional(tx.conn())
            .await?;
    Ok(version.unwrap_or(0))
}

/// Rows as one array per column.
struct Columns {
    kinds: Vec<String>,
    ids: Vec<String>,
    plants: Vec<String>,
    bodies: Vec<Value>,
    deleted: Vec<bool>,
}

impl Columns {
    fn of(rows: &[&Row]) -> Self {
        Self {
            kinds: rows.iter().map(|row| row.kind.clone()).collect(),
            ids: rows.iter().map(|row| row.id.clone()).collect(),
            plants: rows.iter().map(|row| row.plant.clone().unwrap_or_default()).collect(),
            bodies: rows.iter().map(|row| row.body.clone()).collect(),
            deleted: rows.iter().map(|row| row.deleted).collect(),
        }
    }
}
