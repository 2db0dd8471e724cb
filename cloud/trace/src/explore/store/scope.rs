//! At which plants UIDs are, and were.

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

/// Which of these UIDs are at one of the plants, or took part in an event there.
pub async fn seen(tx: &mut Tx, keys: &[i64], plants: &[String]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select u.key as "key!" from unnest($2::bigint[]) as u(key)
           where exists (select from uid_registry r
                         where r.tenant_id = $1 and r.key = u.key and r.plant = any($3))
              or exists (select from event_subjects s
                         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id
                             and e.epoch = s.epoch and e.seq = s.seq
                         where s.tenant_id = $1 and s.key = u.key and e.plant = any($3))"#,
        tenant,
        keys,
        plants,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whether some label of a lot is at one of the plants, or took part in an event
/// there.
pub async fn lot_seen(tx: &mut Tx, lot: Uuid, plants: &[String]) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (
               select from uid_registry r
               where r.tenant_id = $1 and r.lot_id = $2
                 and (r.plant = any($3)
                      or exists (select from event_subjects s
                                 join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id
                                     and e.epoch = s.epoch and e.seq = s.seq
                                 where s.tenant_id = $1 and s.key = r.key and e.plant = any($3)))
           ) as "seen!""#,
        tenant,
        lot,
        plants,
    )
    .fetch_one(tx.conn())
    .await
}

/// Whether labels that a hold still holds are at one of the plants, and whether any are
/// elsewhere; both false of a hold without labels. Labels that nothing is known of are nowhere.
pub async fn hold_reach(tx: &mut Tx, hold_id: Uuid, plants: &[String]) -> Result<(bool, bool), Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select exists (select from hold_members m
                          join uid_registry r on r.tenant_id = $1 and r.key = m.key
                          where m.tenant_id = $1 and m.hold_id = $2 and m.left_at is null
                            and r.plant = any($3)) as "here!",
                  exists (select from hold_members m
                          join uid_registry r on r.tenant_id = $1 and r.key = m.key
                          where m.tenant_id = $1 and m.hold_id = $2 and m.left_at is null
                            and r.plant <> all($3)) as "elsewhere!""#,
        tenant,
        hold_id,
        plants,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.here, row.elsewhere))
}
