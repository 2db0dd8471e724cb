//! Holds that plants placed, as rows.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use serde_json::{Value, json};
use sqlx::Error;
use uuid::Uuid;

use crate::projection::holding::PlantHold;

/// Writes holds that plants placed; answers those that are new, and
/// those that were released or stand again. What the office released with its own
/// command stays as that command wrote it.
pub async fn settle<'a>(tx: &mut Tx, holds: &'a [PlantHold]) -> Result<Vec<&'a PlantHold>, Error> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = holds.iter().map(|hold| hold.hold_id).collect();
    // Whether it was released, and whether where it began.
    let before: HashMap<Uuid, (bool, bool)> = sqlx::query!(
        "select hold_id, status = 'released' as \"released!\", \
                coalesce(released_at = placed_at, false) as \"never!\" from holds \
         where tenant_id = $1 and hold_id = any($2) order by hold_id for update",
        tenant,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?
    .into_iter()
    .map(|row| (row.hold_id, (row.released, row.never)))
    .collect();
    let mut seen = HashSet::new();
    let changed: Vec<&PlantHold> = holds
        .iter()
        .filter(|hold| before.get(&hold.hold_id) != Some(&(hold.released.is_some(), hold.never)))
        .filter(|hold| seen.insert(hold.hold_id))
        .collect();
    if changed.is_empty() {
        return Ok(changed);
    }
    let ids: Vec<Uuid> = changed.iter().map(|hold| hold.hold_id).collect();
    let members: Vec<i64> = changed.iter().map(|hold| hold.key).collect();
    let reasons: Vec<String> = changed.iter().map(|hold| hold.reason.clone()).collect();
    let scopes: Vec<Value> = changed
        .iter()
        .map(|hold| json!({ "what": "label", "key": hold.key.to_string(), "descendants": false }))
        .collect();
    let by: Vec<String> = changed.iter().map(|hold| hold.by.clone()).collect();
    let at: Vec<_> = changed.iter().map(|hold| hold.at).collect();
    let ends: Vec<_> = changed.iter().map(|hold| hold.released.as_ref().map(|(_, at)| *at)).collect();
    let enders: Vec<_> =
        changed.iter().map(|hold| hold.released.as_ref().map(|(who, _)| who.clone())).collect();
    sqlx::query!(
        r#"insert into holds (tenant_id, hold_id, reason, scope, placed_by, placed_at, released_by, released_at,
               status, members, first_key)
           select $1, u.hold_id, u.reason, u.scope, u.placed_by, u.placed_at, u.released_by, u.released_at,
               case when u.released_at is null then 'placed' else 'released' end, 1, u.key
           from unnest($2::uuid[], $3::text[], $4::jsonb[], $5::text[], $6::timestamptz[], $7::text[],
                       $8::timestamptz[], $9::bigint[])
               as u(hold_id, reason, scope, placed_by, placed_at, released_by, released_at, key)
           on conflict (tenant_id, hold_id) do update
           set status = excluded.status, released_by = excluded.released_by, released_at = excluded.released_at"#,
        tenant,
        &ids,
        &reasons,
        &scopes,
        &by,
        &at,
        enders as _,
        ends as _,
        &members,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into hold_members (tenant_id, hold_id, key, added_at) \
         select $1, u.* from unnest($2::uuid[], $3::bigint[], $4::timestamptz[]) as u on conflict do nothing",
        tenant,
        &ids,
        &members,
        &at,
    )
    .execute(tx.conn())
    .await?;
    Ok(changed)
}
