//! By which events and on which ways units left.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::recalls::locate::{Left, OnTheWay};

/// Leaving for good: to a subcontractor, a customer, installed, lent, to a supplier.
const STAGES: [i16; 5] = [26, 28, INSTALLED, 31, 35];
/// Installed.
const INSTALLED: i16 = 30;

/// A leaving, and which agent told it.
pub struct Leaving {
    /// What left.
    pub key: i64,
    /// Who told it.
    pub agent: Uuid,
    /// By what it left.
    pub left: Left,
}

/// All by which these left, the oldest first; without the `void` events. Who got it the event
/// says, or else the order that it names: of job work and of returns to a supplier the supplier.
pub async fn leavings(tx: &mut Tx, keys: &[i64], void: &[Uuid]) -> Result<Vec<Leaving>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select s.key as "key!", e.agent_id, e.stage, e.reference_number, e.location, e.occurred_at,
                  coalesce((select d.number from event_references d
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq
                              and (d.type = 'customer' or d.type = 'supplier' and e.stage in (26, 35))
                            order by d.type desc, d.number limit 1),
                           (select o.partner from event_references d
                            join orders o on o.tenant_id = $1 and o.type = d.type and o.number = d.number
                                and o.partner <> ''
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq
                              and (d.type = 'so' or d.type = 'po' and e.stage in (26, 35))
                            order by d.type, d.number limit 1), '') as "partner!"
           from event_subjects s
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch
               and e.seq = s.seq
           where s.tenant_id = $1 and s.key = any($2) and e.stage = any($3) and e.event_id <> all($4)
           order by e.occurred_at, e.seq"#,
        tenant,
        keys,
        &STAGES,
        void,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Leaving {
            key: row.key,
            agent: row.agent_id,
            left: Left {
                installed: row.stage == INSTALLED,
                document: row.reference_number,
                partner: row.partner,
                location: row.location,
                at: row.occurred_at,
            },
        })
        .collect())
}

/// By what each of these left last, and whether it was installed since; without the
/// `void` events.
pub async fn left(tx: &mut Tx, keys: &[i64], void: &[Uuid]) -> Result<HashMap<i64, Left>, Error> {
    let mut found: HashMap<i64, Left> = HashMap::new();
    for Leaving { key, mut left, .. } in leavings(tx, keys, void).await? {
        // An installation tells where; who the customer is, the dispatch before it may.
        if let Some(before) = found.get(&key).filter(|_| left.installed) {
            if left.partner.is_empty() {
                left.partner.clone_from(&before.partner);
            }
            if !before.document.is_empty() {
                left.document.clone_from(&before.document);
            }
        }
        found.insert(key, left);
    }
    Ok(found)
}

/// Ways between plants that are not over.
pub async fn ways(tx: &mut Tx, keys: &[i64]) -> Result<HashMap<i64, OnTheWay>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, to_plant, document, left_at from transfers
         where tenant_id = $1 and key = any($2) and arrived_at is null order by left_at",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (row.key, OnTheWay { to_plant: row.to_plant, document: row.document, left_at: row.left_at })
        })
        .collect())
}

/// What lies directly in these, each (unit, what it is in).
pub async fn inside(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(i64, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, parent_key as \"parent!\" from uid_registry where tenant_id = $1 and parent_key = any($2)",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.parent)).collect())
}

/// Of these units and what each is in, those that are built in there, and not merely packed.
pub async fn built_in(tx: &mut Tx, steps: &[(i64, i64)]) -> Result<HashSet<(i64, i64)>, Error> {
    let tenant = tx.tenant();
    let (parts, wholes): (Vec<i64>, Vec<i64>) = steps.iter().copied().unzip();
    let rows = sqlx::query!(
        "select l.from_key, l.to_key from unnest($2::bigint[], $3::bigint[]) as u(part, whole) \
         join uid_links l on l.tenant_id = $1 and l.from_key = u.part and l.to_key = u.whole and l.kind = 2 \
         group by l.from_key, l.to_key having sum(case when l.effect in (1, 4) then 1 else -1 end) > 0 \
             or (bool_or(l.effect = 2) \
                 and not (bool_and(l.effect in (1, 2)) and min(l.epoch) = max(l.epoch) \
                          and min(l.seq) filter (where l.effect = 2) > max(l.seq) filter (where l.effect = 1)) \
                 and app.link_open($1, l.from_key, l.to_key, 2::smallint))",
        tenant,
        &parts,
        &wholes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.from_key, row.to_key)).collect())
}
