//! Holds that plants placed, as rows.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use serde_json::{Value, json};
use sqlx::Error;
use uuid::Uuid;

use crate::explore::order::Stamp;
use crate::projection::holding::PlantHold;

/// What plants are to be told of a hold that changed.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The hold.
    pub hold_id: Uuid,
    /// Why it was placed.
    pub reason: String,
    /// It stands, or stands again.
    pub stands: bool,
    /// Rows of reference data that carry it.
    pub parts: i32,
}

/// Of these holds and events, those that are told as gaps.
pub async fn gaps(tx: &mut Tx, asked: &[(Uuid, Stamp)]) -> Result<HashSet<(Uuid, Stamp)>, Error> {
    if asked.is_empty() {
        return Ok(HashSet::new());
    }
    let tenant = tx.tenant();
    let holds: Vec<Uuid> = asked.iter().map(|(hold, _)| *hold).collect();
    let agents: Vec<Uuid> = asked.iter().map(|(_, at)| at.agent).collect();
    let epochs: Vec<i32> = asked.iter().map(|(_, at)| at.epoch).collect();
    let seqs: Vec<i64> = asked.iter().map(|(_, at)| at.seq).collect();
    let rows = sqlx::query!(
        r#"select distinct a.hold_id, a.agent_id, a.epoch, a.seq
           from unnest($2::uuid[], $3::uuid[], $4::integer[], $5::bigint[]) as u(hold_id, agent_id, epoch, seq)
           join hold_acts a on a.tenant_id = $1 and a.agent_id = u.agent_id and a.epoch = u.epoch
               and a.seq = u.seq and a.hold_id = u.hold_id and a.class = 'gap'"#,
        tenant,
        &holds,
        &agents,
        &epochs,
        &seqs,
    )
    .fetch_all(tx.conn())
    .await?;
    let stamp = |agent, epoch, seq| Stamp { agent, epoch, seq };
    Ok(rows.into_iter().map(|row| (row.hold_id, stamp(row.agent_id, row.epoch, row.seq))).collect())
}

/// Writes holds that plants placed; answers those that are new, and
/// those that were released or stand again. What the office released with its own
/// command stays as that command wrote it. `last` is the last batch that is being
/// applied: of a release the follower looks from there, of one that stands from
/// where it was placed.
pub async fn settle(tx: &mut Tx, holds: &[PlantHold], last: i64) -> Result<Vec<Changed>, Error> {
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
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = changed.iter().map(|hold| hold.hold_id).collect();
    let members: Vec<i64> = changed.iter().map(|hold| hold.key).collect();
    let at: Vec<_> = changed.iter().map(|hold| hold.at).collect();
    let parts = upsert(tx, &changed, last).await?;
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
    let changed = changed.iter().map(|hold| Changed {
        hold_id: hold.hold_id,
        reason: hold.reason.clone(),
        stands: hold.released.is_none(),
        parts: parts.get(&hold.hold_id).copied().unwrap_or(1),
    });
    Ok(changed.collect())
}

/// Writes the rows of holds; answers how many rows of reference data carry each.
async fn upsert(tx: &mut Tx, changed: &[&PlantHold], last: i64) -> Result<HashMap<Uuid, i32>, Error> {
    let tenant = tx.tenant();
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
    let agents: Vec<Uuid> = changed.iter().map(|hold| hold.placed.agent).collect();
    let epochs: Vec<i32> = changed.iter().map(|hold| hold.placed.epoch).collect();
    let seqs: Vec<i64> = changed.iter().map(|hold| hold.placed.seq).collect();
    let again_epochs: Vec<_> = changed.iter().map(|hold| hold.again.map(|at| at.epoch)).collect();
    let again_seqs: Vec<_> = changed.iter().map(|hold| hold.again.map(|at| at.seq)).collect();
    let freed_epochs: Vec<_> = changed.iter().map(|hold| hold.freed.map(|at| at.epoch)).collect();
    let freed_seqs: Vec<_> = changed.iter().map(|hold| hold.freed.map(|at| at.seq)).collect();
    let rows = sqlx::query!(
        r#"insert into holds (tenant_id, hold_id, reason, scope, placed_by, placed_at, released_by, released_at,
               status, members, first_key, parts, placed_agent, placed_epoch, placed_seq, again_epoch, again_seq,
               released_epoch, released_seq, placed_batch, looked_batch)
           select $1, u.hold_id, u.reason, u.scope, u.placed_by, u.placed_at, u.released_by, u.released_at,
               case when u.released_at is null then 'placed' else 'released' end, 1, u.key, 1, u.agent, u.epoch,
               u.seq, u.again_epoch, u.again_seq, u.freed_epoch, u.freed_seq, b.batch_id,
               b.batch_id - 1
           from unnest($2::uuid[], $3::text[], $4::jsonb[], $5::text[], $6::timestamptz[], $7::text[],
                       $8::timestamptz[], $9::bigint[], $10::uuid[], $11::integer[], $12::bigint[],
                       $13::integer[], $14::bigint[], $15::integer[], $16::bigint[])
               as u(hold_id, reason, scope, placed_by, placed_at, released_by, released_at, key, agent, epoch, seq,
                    again_epoch, again_seq, freed_epoch, freed_seq)
           left join lateral (
               select b.batch_id from ingest_batches b
               where b.tenant_id = $1 and b.agent_id = u.agent and b.epoch = u.epoch and b.to_seq >= u.seq
               order by b.to_seq limit 1) as b on true
           on conflict (tenant_id, hold_id) do update
           set status = excluded.status, released_by = excluded.released_by, released_at = excluded.released_at,
               placed_agent = excluded.placed_agent, placed_epoch = excluded.placed_epoch,
               placed_seq = excluded.placed_seq, again_epoch = excluded.again_epoch,
               again_seq = excluded.again_seq, released_epoch = excluded.released_epoch,
               released_seq = excluded.released_seq, parts = greatest(holds.parts, 1),
               placed_batch = coalesce(holds.placed_batch, excluded.placed_batch),
               looked_batch = case when excluded.status = 'placed' then excluded.looked_batch else $17::bigint - 1 end,
               released_version = null, released_generation = null
           returning hold_id, parts"#,
        tenant,
        &ids,
        &reasons,
        &scopes,
        &by,
        &at,
        enders as _,
        ends as _,
        &members,
        &agents,
        &epochs,
        &seqs,
        again_epochs as _,
        again_seqs as _,
        freed_epochs as _,
        freed_seqs as _,
        last,
    )
    .fetch_all(tx.conn())
    .await?;
    // From the first hold on there is something to follow. Looked for first: an insert beside a
    // cursor that is just being moved would wait for that.
    sqlx::query!(
        "insert into hold_cursors (tenant_id, through_batch) \
         select $1, min(looked_batch) from holds where tenant_id = $1 and looked_batch is not null \
         having min(looked_batch) is not null \
            and not exists (select from hold_cursors where tenant_id = $1) \
         on conflict do nothing",
        tenant,
    )
    .execute(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.parts)).collect())
}

/// A hold with a UID among its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The hold.
    pub hold_id: Uuid,
    /// It was released.
    pub released: bool,
    /// It stands, and the UID, a package, was let go.
    pub left: bool,
    /// A plant placed it.
    pub of_plant: bool,
}

/// The holds among whose members these UIDs are, each with the UID.
pub async fn of_members(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(i64, Held)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select m.key, m.hold_id, h.status = 'released' as \"released!\", m.left_at is not null as \"left!\", \
             h.placed_agent is not null as \"of_plant!\" from hold_members m \
         join holds h on h.tenant_id = $1 and h.hold_id = m.hold_id \
         where m.tenant_id = $1 and m.key = any($2) order by m.key, m.hold_id",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (hold_id, released, left, of_plant) = (row.hold_id, row.released, row.left, row.of_plant);
            (row.key, Held { hold_id, released, left, of_plant })
        })
        .collect())
}
