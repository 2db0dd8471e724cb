//! What a correction needs to know: its family and the links of its event.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use super::Stream;
use crate::ingest::rows::LinkRow;

/// An event that corrects or is corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relative {
    /// Its id.
    pub event_id: Uuid,
    /// The event that it corrects, if it is a correction.
    pub corrects: Option<Uuid>,
    /// Its stream.
    pub agent_id: Uuid,
    /// Its epoch.
    pub epoch: i32,
    /// Its seq.
    pub seq: i64,
    /// Its time.
    pub occurred_at: DateTime<Utc>,
}

/// Most corrections of one event, direct and indirect, that are looked at: more
/// than ever belong together, and few enough to be judged in every batch.
pub const MAX_FAMILY: usize = 256;

/// Every event that `event_id` corrects, directly or not, and every correction
/// of one of those, sorted. Ends on a cycle. One row more than [`MAX_FAMILY`]
/// means that there are more; the search has stopped there.
pub async fn family(tx: &mut Tx, tenant: Uuid, event_id: Uuid) -> Result<Vec<Relative>, Error> {
    let mut family = sqlx::query_as!(
        Relative,
        r#"with recursive up(event_id, corrects) as (
               select e.event_id, e.corrects from lifecycle_events e
               where e.tenant_id = $1 and e.event_id = $2
             union
               select e.event_id, e.corrects from up
               join lifecycle_events e on e.tenant_id = $1 and e.event_id = up.corrects
           ), near(event_id) as (
               select event_id from up limit $3
           ), down(event_id) as (
               select event_id from near
             union
               select e.event_id from down
               join lifecycle_events e on e.tenant_id = $1 and e.corrects = down.event_id
           )
           select e.event_id, e.corrects, e.agent_id, e.epoch, e.seq, e.occurred_at
           from (select event_id from down limit $3) d
           cross join lateral (
               select l.* from lifecycle_events l
               where l.tenant_id = $1 and l.event_id = d.event_id limit $3) e
           limit $3"#,
        tenant,
        event_id,
        MAX_FAMILY as i64 + 1,
    )
    .fetch_all(tx.conn())
    .await?;
    family.sort_unstable_by_key(|r| (r.agent_id, r.epoch, r.seq));
    Ok(family)
}

/// The event at a place of a stream.
pub async fn event_at(tx: &mut Tx, stream: Stream, seq: i64) -> Result<Option<Relative>, Error> {
    sqlx::query_as!(
        Relative,
        "select event_id, corrects, agent_id, epoch, seq, occurred_at from lifecycle_events \
         where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq = $4",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        seq,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The links that an event made.
pub async fn links_of(tx: &mut Tx, stream: Stream, seq: i64) -> Result<Vec<LinkRow>, Error> {
    sqlx::query_as!(
        LinkRow,
        "select l.from_key, l.to_key, l.kind, l.effect, l.quantity, l.unit \
         from (select distinct key from event_subjects \
               where tenant_id = $1 and agent_id = $2 and epoch = $3 and seq = $4) as s \
         join uid_links l on l.tenant_id = $1 and l.from_key = s.key \
              and l.agent_id = $2 and l.epoch = $3 and l.seq = $4 \
         order by l.ordinal, l.from_key, l.to_key",
        stream.tenant,
        stream.agent_id,
        stream.epoch,
        seq,
    )
    .fetch_all(tx.conn())
    .await
}
