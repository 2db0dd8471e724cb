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

/// The corrections that name one of these events.
pub async fn naming(tx: &mut Tx, tenant: Uuid, events: &[Uuid]) -> Result<Vec<Relative>, Error> {
    sqlx::query_as!(
        Relative,
        "select event_id, corrects, agent_id, epoch, seq, occurred_at from lifecycle_events \
         where tenant_id = $1 and corrects = any($2) order by event_id",
        tenant,
        events,
    )
    .fetch_all(tx.conn())
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

/// A row that a correction made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// From which UID.
    pub from_key: i64,
    /// To which.
    pub to_key: i64,
    /// How they are tied.
    pub kind: i16,
    /// What it does to the link.
    pub effect: i16,
}

/// The rows of these corrections about the pairs of these links.
pub async fn made_of(
    tx: &mut Tx,
    tenant: Uuid,
    links: &[LinkRow],
    by: &[Relative],
) -> Result<Vec<Made>, Error> {
    let mut pairs: Vec<(i64, i64)> = links.iter().map(|link| (link.from_key, link.to_key)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let (froms, tos): (Vec<i64>, Vec<i64>) = pairs.into_iter().unzip();
    let agents: Vec<Uuid> = by.iter().map(|one| one.agent_id).collect();
    let epochs: Vec<i32> = by.iter().map(|one| one.epoch).collect();
    let seqs: Vec<i64> = by.iter().map(|one| one.seq).collect();
    sqlx::query_as!(
        Made,
        r#"select l.from_key as "from_key!", l.to_key as "to_key!", l.kind as "kind!", l.effect as "effect!"
           from unnest($2::bigint[], $3::bigint[]) as p(from_key, to_key)
           cross join unnest($4::uuid[], $5::integer[], $6::bigint[]) as c(agent_id, epoch, seq)
           cross join lateral (
               select l.from_key, l.to_key, l.kind, l.effect from uid_links l
               where l.tenant_id = $1 and l.from_key = p.from_key and l.to_key = p.to_key
                 and l.agent_id = c.agent_id and l.epoch = c.epoch and l.seq = c.seq offset 0) l"#,
        tenant,
        &froms,
        &tos,
        &agents,
        &epochs,
        &seqs,
    )
    .fetch_all(tx.conn())
    .await
}
