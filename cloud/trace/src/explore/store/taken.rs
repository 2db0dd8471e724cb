//! The turns of links that something was taken out of.

use std::collections::BTreeMap;

use platform::db::Tx;
use proto::v1::Stage;
use sqlx::Error;

use super::corrections;
use crate::explore::order::Stamp;
use crate::genealogy::Direction;
use crate::genealogy::turns::Turn;

/// From, to and kind of a link.
pub type Between = (i64, i64, i16);

/// A turn with the unit of its amount.
#[derive(Debug, Clone)]
pub struct Told {
    /// What went in or came out.
    pub turn: Turn,
    /// Unit of its amount.
    pub unit: String,
}

/// The links of a UID in one direction out of which something was ever taken, at most `limit`.
pub async fn parted(tx: &mut Tx, key: i64, direction: Direction, limit: i64) -> Result<Vec<Between>, Error> {
    let tenant = tx.tenant();
    match direction {
        Direction::Backward => {
            let rows = sqlx::query!(
                "select from_key, kind from uid_links where tenant_id = $1 and to_key = $2
                 group by from_key, kind having bool_or(effect = 2) order by from_key, kind limit $3",
                tenant,
                key,
                limit,
            )
            .fetch_all(tx.conn())
            .await?;
            Ok(rows.into_iter().map(|row| (row.from_key, key, row.kind)).collect())
        }
        Direction::Forward => {
            let rows = sqlx::query!(
                "select to_key, kind from uid_links where tenant_id = $1 and from_key = $2
                 group by to_key, kind having bool_or(effect = 2) order by to_key, kind limit $3",
                tenant,
                key,
                limit,
            )
            .fetch_all(tx.conn())
            .await?;
            Ok(rows.into_iter().map(|row| (key, row.to_key, row.kind)).collect())
        }
    }
}

/// What was put in and taken out, of each of these links; not what corrections say never was,
/// and of what they restore the event that told it first.
pub async fn turns(tx: &mut Tx, links: &[Between]) -> Result<BTreeMap<Between, Vec<Told>>, Error> {
    if links.is_empty() {
        return Ok(BTreeMap::new());
    }
    let tenant = tx.tenant();
    let from: Vec<i64> = links.iter().map(|link| link.0).collect();
    let to: Vec<i64> = links.iter().map(|link| link.1).collect();
    let kinds: Vec<i16> = links.iter().map(|link| link.2).collect();
    let rows = sqlx::query!(
        r#"select l.from_key, l.to_key, l.kind, l.effect, l.quantity, l.unit, l.occurred_at, l.agent_id,
                  l.epoch, l.seq, e.event_id, e.plant, e.stage = $5 as "returned!",
                  exists (select from lifecycle_events c where c.tenant_id = $1 and c.corrects = e.event_id)
                      as "corrected!"
           from unnest($2::bigint[], $3::bigint[], $4::smallint[]) as u(a, b, k)
           join uid_links l on l.tenant_id = $1 and l.from_key = u.a and l.to_key = u.b and l.kind = u.k
               and l.effect in (1, 2)
           join lifecycle_events e on e.tenant_id = $1 and e.agent_id = l.agent_id and e.epoch = l.epoch
               and e.seq = l.seq
           where e.corrects is null"#,
        tenant,
        &from,
        &to,
        &kinds,
        Stage::Return as i16,
    )
    .fetch_all(tx.conn())
    .await?;
    let corrected: Vec<_> = rows.iter().filter(|row| row.corrected).map(|row| row.event_id).collect();
    let void = corrections::void_among(tx, &corrected).await?;
    let mut found: BTreeMap<Between, Vec<Told>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| !void.contains(&row.event_id)) {
        let turn = Turn {
            stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
            event_id: row.event_id,
            into: row.effect == 1,
            at: row.occurred_at,
            plant: row.plant,
            quantity: row.quantity,
            returned: row.returned,
        };
        found.entry((row.from_key, row.to_key, row.kind)).or_default().push(Told { turn, unit: row.unit });
    }
    Ok(found)
}
