//! By which events and on which ways units left.

use std::collections::{HashMap, HashSet};

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::recalls::locate::{Left, OnTheWay};

/// Leaving for good: to a subcontractor, a customer, installed, lent, to a supplier.
const STAGES: [i16; 5] = [26, 28, 30, 31, 35];

/// By what each of these left last, and whether it was installed since; without the
/// `void` events.
pub async fn left(tx: &mut Tx, keys: &[i64], void: &[Uuid]) -> Result<HashMap<i64, Left>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select s.key as "key!", e.stage, e.reference_number, e.location, e.occurred_at,
                  coalesce((select d.number from event_references d
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq and d.type = 'customer' limit 1),
                           (select o.partner from event_references d
                            join orders o on o.tenant_id = $1 and o.type = 'so' and o.number = d.number
                            where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                              and d.seq = e.seq and d.type = 'so' limit 1), '') as "partner!"
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
    let mut found: HashMap<i64, Left> = HashMap::new();
    for row in rows {
        let installed = row.stage == 30;
        let before = found.get(&row.key);
        // An installation tells where; who the customer is, the dispatch before it may.
        let (mut document, mut partner) = (row.reference_number, row.partner);
        if let Some(before) = before.filter(|_| installed) {
            if partner.is_empty() {
                partner.clone_from(&before.partner);
            }
            if !before.document.is_empty() {
                document.clone_from(&before.document);
            }
        }
        found.insert(
            row.key,
            Left { installed, document, partner, location: row.location, at: row.occurred_at },
        );
    }
    Ok(found)
}

/// What these were packed in, ever: the package was sent, and is long unpacked.
pub async fn packages(tx: &mut Tx, keys: &[i64]) -> Result<Vec<(i64, i64)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select distinct from_key, to_key from uid_links
         where tenant_id = $1 and from_key = any($2) and kind = 3",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.from_key, row.to_key)).collect())
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
         group by l.from_key, l.to_key having sum(case when l.effect in (1, 4) then 1 else -1 end) > 0",
        tenant,
        &parts,
        &wholes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.from_key, row.to_key)).collect())
}
