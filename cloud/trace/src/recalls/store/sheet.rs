//! The units of a recall with all that is known of each.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

/// A unit with what holds it now and what was answered of it.
#[derive(Debug, Clone)]
pub struct Line {
    pub key: i64,
    /// By which customers know it.
    pub serials: String,
    pub item: String,
    pub quantity: Decimal,
    pub unit: String,
    pub place: String,
    pub plant: String,
    pub location: String,
    pub document: String,
    pub consignee_code: String,
    pub consignee: String,
    pub inside_of: Option<i64>,
    pub packs: bool,
    pub since: Option<DateTime<Utc>>,
    /// Why the hold stands that is on it now.
    pub held: Option<String>,
    /// The recall placed a hold on it.
    pub was_held: bool,
    /// When the answer was given that counts for it; with it the rest below.
    pub at: Option<DateTime<Utc>>,
    pub found: Option<Decimal>,
    pub quarantined: Option<Decimal>,
    pub returned: Option<Decimal>,
    pub replaced: Option<Decimal>,
    pub destroyed: Option<Decimal>,
    pub used_up: Option<Decimal>,
    pub not_found: Option<Decimal>,
    pub reference: Option<String>,
    pub by_plant: bool,
}

/// Units by key, after `after`; of some plants alone those there.
pub async fn lines(tx: &mut Tx, recall: Uuid, after: i64, limit: i64) -> Result<Vec<Line>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Line,
        r#"select m.key, m.item, m.quantity, m.unit, m.place, m.plant, m.location, m.document, m.inside_of,
                  m.packs, m.since,
                  coalesce((select string_agg(a.alias, ', ' order by a.alias) from uid_aliases a
                            where a.tenant_id = $1 and a.key = m.key), '') as "serials!",
                  coalesce(c.code, '') as "consignee_code!", coalesce(c.name, '') as "consignee!",
                  (select h.reason from hold_members hm
                   join holds h on h.tenant_id = $1 and h.hold_id = hm.hold_id and h.status = 'placed'
                   where hm.tenant_id = $1 and hm.key = m.key and hm.left_at is null
                   order by hm.hold_id is distinct from m.hold_id, hm.hold_id limit 1) as held,
                  m.hold_id is not null as "was_held!",
                  s.at as "at?", s.found as "found?", s.quarantined as "quarantined?", s.returned as "returned?",
                  s.replaced as "replaced?", s.destroyed as "destroyed?", s.used_up as "used_up?",
                  s.not_found as "not_found?", s.reference as "reference?",
                  s.event_id is not null as "by_plant!"
           from recall_members m
           left join recall_consignees c
             on c.tenant_id = $1 and c.recall_id = $2 and c.consignee_id = m.consignee_id
           left join lateral (
               select r.at, r.found, r.quarantined, r.returned, r.replaced, r.destroyed, r.used_up, r.not_found,
                      r.reference, r.event_id
               from recall_responses r
               where r.tenant_id = $1 and r.recall_id = $2 and r.key = m.key and not r.void
                 and r.consignee_id = m.consignee_id
               order by r.at desc, r.response_id desc limit 1) s on true
           where m.tenant_id = $1 and m.recall_id = $2 and m.key > $3
             and ($5::text[] is null or m.plant = any($5))
           order by m.key limit $4"#,
        tenant,
        recall,
        after,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}
