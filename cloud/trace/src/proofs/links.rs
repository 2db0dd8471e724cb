//! Links beyond the first of a UID with very many: each beside the event that it names.

use std::collections::{BTreeMap, HashMap};

use platform::db::Tx;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::ProofError;
use super::altered::{Found, What};
use super::compare::{self, Difference, LinkAt};
use super::corrected::{self, Families};
use super::rows::{MOST_LINKS, StoredLink};
use crate::explore::order::Stamp;
use crate::ingest::decode::{Envelope, decode};
use crate::ingest::returned::may_have_closed;
use crate::ingest::rows::Decoded;

/// Pages of links that one step looks at.
const PAGES: usize = 4;

/// A link of a UID, in the order of their index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct After {
    to: i64,
    agent: Uuid,
    epoch: i32,
    seq: i64,
    ordinal: i16,
}

impl After {
    /// As it is kept.
    pub(super) fn json(self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// The first of these UIDs that has more links than are looked at along with its events, and
/// the last one that is.
pub(super) async fn long(tx: &mut Tx, keys: &[i64]) -> Result<Option<(i64, After)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select u.key as "key!", l.to_key, l.agent_id, l.epoch, l.seq, l.ordinal
           from unnest($2::bigint[]) as u(key)
           cross join lateral (
               select k.to_key, k.agent_id, k.epoch, k.seq, k.ordinal from uid_links k
               where k.tenant_id = $1 and k.from_key = u.key
               order by k.to_key, k.agent_id, k.epoch, k.seq, k.ordinal offset $3 limit 1) as l
           order by u.key limit 1"#,
        tenant,
        keys,
        MOST_LINKS - 1,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| {
        let (to, agent) = (row.to_key, row.agent_id);
        (row.key, After { to, agent, epoch: row.epoch, seq: row.seq, ordinal: row.ordinal })
    }))
}

/// Looks at the next links of a UID; answers what no event made, and where to go on.
pub(super) async fn more(
    tx: &mut Tx,
    key: i64,
    from: After,
) -> Result<(Vec<Found>, Option<After>), ProofError> {
    let mut found: BTreeMap<Stamp, Found> = BTreeMap::new();
    let (mut families, mut made_up) = (Families::default(), Vec::new());
    let mut after = Some(from);
    for _ in 0..PAGES {
        let Some(from) = after.take() else { break };
        let links = page(tx, key, &from).await?;
        let whole = i64::try_from(links.len()).is_ok_and(|length| length >= MOST_LINKS);
        after = links.last().filter(|_| whole).map(|(stamp, link)| After {
            to: link.link.to_key,
            agent: stamp.agent,
            epoch: stamp.epoch,
            seq: stamp.seq,
            ordinal: link.ordinal,
        });
        let events = events(tx, &links).await?;
        for (stamp, link) in links {
            if let Some(corrects) = events.get(&stamp).and_then(|event| event.event.corrects) {
                if families.of(tx, corrects).await?.is_some_and(|family| !family.allows(&link)) {
                    let event = events.get(&stamp).map(|event| event.event.clone());
                    let what = What::Columns(vec![corrected::forged(&link)]);
                    made_up.push(Found { stamp, leaf: None, key: Some(key), event, what });
                }
                continue;
            }
            let what = match events.get(&stamp) {
                None => What::Added(vec!["uid_links"]),
                // One of its own place is compared with its event.
                Some(event) if compare::said(event).1.links.iter().any(|own| same_place(own, &link)) => {
                    continue;
                }
                Some(event) if may_have_closed(event, &link.link) => continue,
                Some(_) => {
                    let column = format!("links[{}]", link.ordinal);
                    What::Columns(vec![Difference { column, stored: Some(compare::all(&link)), said: None }])
                }
            };
            let event = events.get(&stamp).map(|event| event.event.clone());
            found.entry(stamp).or_insert(Found { stamp, leaf: None, key: Some(key), event, what });
        }
    }
    Ok((found.into_values().chain(made_up).collect(), after))
}

/// Whether two links of one event stand at the same place.
fn same_place(one: &LinkAt, other: &LinkAt) -> bool {
    let place = |at: &LinkAt| (at.link.from_key, at.link.to_key, at.ordinal);
    place(one) == place(other)
}

async fn page(tx: &mut Tx, key: i64, after: &After) -> Result<Vec<(Stamp, LinkAt)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        StoredLink,
        "select agent_id, epoch, seq, ordinal, occurred_at, from_key, to_key, kind, effect, quantity, unit \
         from uid_links where tenant_id = $1 and from_key = $2 \
           and (to_key, agent_id, epoch, seq, ordinal) > ($3, $4, $5, $6, $7) \
         order by to_key, agent_id, epoch, seq, ordinal limit $8",
        tenant,
        key,
        after.to,
        after.agent,
        after.epoch,
        after.seq,
        after.ordinal,
        MOST_LINKS,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(StoredLink::told).collect())
}

/// The events of links, taken apart. That their bytes are those of their leaves is checked
/// where the events are.
async fn events(tx: &mut Tx, links: &[(Stamp, LinkAt)]) -> Result<HashMap<Stamp, Decoded>, Error> {
    let tenant = tx.tenant();
    let agents: Vec<Uuid> = links.iter().map(|(stamp, _)| stamp.agent).collect();
    let epochs: Vec<i32> = links.iter().map(|(stamp, _)| stamp.epoch).collect();
    let seqs: Vec<i64> = links.iter().map(|(stamp, _)| stamp.seq).collect();
    let rows = sqlx::query!(
        "select e.agent_id, e.epoch, e.seq, e.recorded_at, e.payload \
         from (select distinct * from unnest($2::uuid[], $3::integer[], $4::bigint[]) as v(agent, epoch, seq)) as u \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = u.agent and e.epoch = u.epoch \
             and e.seq = u.seq",
        tenant,
        &agents,
        &epochs,
        &seqs,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let (agent_id, epoch, seq) = (row.agent_id, row.epoch, row.seq);
            let at = Envelope { agent_id, plant: None, epoch, seq, now: row.recorded_at };
            (Stamp { agent: agent_id, epoch, seq }, decode(at, row.payload.into()))
        })
        .collect())
}
