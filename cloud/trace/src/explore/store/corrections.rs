//! Which events never were, for queries that need no more of them than that.

use std::collections::HashSet;

use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::explore::order::voided_ids;

/// Corrections of corrections that are followed.
const MOST_DEEP: usize = 16;

/// Of these events, those that a correction which itself stands names: the same
/// rule as the projections', over the corrections, and the corrections of those.
pub async fn void_among(tx: &mut Tx, events: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    let tenant = tx.tenant();
    let mut corrections = Vec::new();
    let mut known: HashSet<Uuid> = events.iter().copied().collect();
    let mut open: Vec<Uuid> = known.iter().copied().collect();
    for _ in 0..MOST_DEEP {
        if open.is_empty() {
            break;
        }
        let rows = sqlx::query!(
            r#"select event_id, corrects as "corrects!" from lifecycle_events
               where tenant_id = $1 and corrects = any($2) and stage = 36"#,
            tenant,
            &open,
        )
        .fetch_all(tx.conn())
        .await?;
        open = Vec::new();
        for row in rows {
            corrections.push((row.event_id, row.corrects));
            if known.insert(row.event_id) {
                open.push(row.event_id);
            }
        }
    }
    let events: Vec<Uuid> = events.iter().copied().collect::<HashSet<_>>().into_iter().collect();
    Ok(voided_ids(&events, &corrections))
}

/// The events of these UIDs that never were.
pub async fn void_of_keys(tx: &mut Tx, keys: &[i64]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    let corrected = sqlx::query_scalar!(
        "select distinct e.event_id from event_subjects s \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch \
             and e.seq = s.seq \
         where s.tenant_id = $1 and s.key = any($2) \
           and exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(void_among(tx, &corrected).await?.into_iter().collect())
}
