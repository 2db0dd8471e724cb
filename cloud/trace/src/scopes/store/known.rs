//! What there is to choose from: machines, stations, people, operations and readings that
//! the tenant's events name. Each value costs one look into an index, whatever there is.
//! Of a caller for some plants: those that were used there last. The first thousand of a
//! kind are looked at.

use platform::db::Tx;
use sqlx::Error;

/// Most values that are offered of one kind.
pub const MOST: i64 = 300;

/// Machines.
pub async fn machines(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_scalar!(
        r#"with recursive known(value, place) as (
               (select machine, 1 from lifecycle_events
                where tenant_id = $1 and machine <> '' order by machine limit 1)
               union all
               select (select machine from lifecycle_events
                       where tenant_id = $1 and machine <> '' and machine > known.value
                       order by machine limit 1), known.place + 1
               from known where known.value is not null and known.place < 1000)
           select value as "value!" from known
           where value is not null
             and ($2::text[] is null
                  or (select plant from lifecycle_events where tenant_id = $1 and machine <> ''
                      and machine = known.value order by occurred_at desc limit 1) = any($2))
           limit $3"#,
        tenant,
        plants.as_deref(),
        MOST,
    )
    .fetch_all(tx.conn())
    .await
}

/// Stations.
pub async fn stations(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_scalar!(
        r#"with recursive known(value, place) as (
               (select station, 1 from lifecycle_events
                where tenant_id = $1 and station <> '' order by station limit 1)
               union all
               select (select station from lifecycle_events
                       where tenant_id = $1 and station <> '' and station > known.value
                       order by station limit 1), known.place + 1
               from known where known.value is not null and known.place < 1000)
           select value as "value!" from known
           where value is not null
             and ($2::text[] is null
                  or (select plant from lifecycle_events where tenant_id = $1 and station <> ''
                      and station = known.value order by occurred_at desc limit 1) = any($2))
           limit $3"#,
        tenant,
        plants.as_deref(),
        MOST,
    )
    .fetch_all(tx.conn())
    .await
}

/// People, by their opaque ids.
pub async fn operators(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_scalar!(
        r#"with recursive known(value, place) as (
               (select operator_id, 1 from lifecycle_events
                where tenant_id = $1 and operator_id <> '' order by operator_id limit 1)
               union all
               select (select operator_id from lifecycle_events
                       where tenant_id = $1 and operator_id <> '' and operator_id > known.value
                       order by operator_id limit 1), known.place + 1
               from known where known.value is not null and known.place < 1000)
           select value as "value!" from known
           where value is not null
             and ($2::text[] is null
                  or (select plant from lifecycle_events where tenant_id = $1 and operator_id <> ''
                      and operator_id = known.value order by occurred_at desc limit 1) = any($2))
           limit $3"#,
        tenant,
        plants.as_deref(),
        MOST,
    )
    .fetch_all(tx.conn())
    .await
}

/// Names of readings.
pub async fn readings(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let (tenant, plants) = (tx.tenant(), tx.plants().codes());
    sqlx::query_scalar!(
        r#"with recursive known(value, place) as (
               (select name, 1 from event_readings where tenant_id = $1 order by name limit 1)
               union all
               select (select name from event_readings where tenant_id = $1 and name > known.value
                       order by name limit 1), known.place + 1
               from known where known.value is not null and known.place < 1000)
           select value as "value!" from known
           where value is not null
             and ($2::text[] is null
                  or (select e.plant
                      from (select agent_id, epoch, seq from event_readings
                            where tenant_id = $1 and name = known.value order by taken_at desc limit 1) r
                      join lifecycle_events e on e.tenant_id = $1 and e.agent_id = r.agent_id
                          and e.epoch = r.epoch and e.seq = r.seq) = any($2))
           limit $3"#,
        tenant,
        plants.as_deref(),
        MOST,
    )
    .fetch_all(tx.conn())
    .await
}

/// Operations of the routings of orders and of bills of materials.
pub async fn operations(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct o.operation as "operation!"
           from (select operations from orders
                 where tenant_id = $1 and type = 'prodorder' order by number desc limit 500) p
           cross join lateral unnest(p.operations) as o(operation)
           where o.operation <> ''
           order by 1 limit $2"#,
        tenant,
        MOST,
    )
    .fetch_all(tx.conn())
    .await
}
