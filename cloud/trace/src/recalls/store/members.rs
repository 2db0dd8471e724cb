//! The units of a recall.

use platform::db::Tx;
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use crate::recalls::effect::Had;
use crate::recalls::locate::Found;
use crate::recalls::model::{Pile, Released};

/// Removes the snapshot of a draft.
pub async fn clear(tx: &mut Tx, recall: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("delete from recall_responses where tenant_id = $1 and recall_id = $2", tenant, recall)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from recall_members where tenant_id = $1 and recall_id = $2", tenant, recall)
        .execute(tx.conn())
        .await?;
    sqlx::query!("delete from recall_consignees where tenant_id = $1 and recall_id = $2", tenant, recall)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes units; `whose` are their consignees, in the same order.
pub async fn insert(tx: &mut Tx, recall: Uuid, found: &[Found], whose: &[Option<Uuid>]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let keys: Vec<i64> = found.iter().map(|one| one.key).collect();
    let items: Vec<String> = found.iter().map(|one| one.item.clone()).collect();
    let lots: Vec<Option<Uuid>> = found.iter().map(|one| one.lot).collect();
    let quantities: Vec<Decimal> = found.iter().map(|one| one.quantity).collect();
    let units: Vec<String> = found.iter().map(|one| one.unit.clone()).collect();
    let places: Vec<String> = found.iter().map(|one| one.place.name().to_owned()).collect();
    let plants: Vec<String> = found.iter().map(|one| one.plant.clone()).collect();
    let locations: Vec<String> = found.iter().map(|one| one.location.clone()).collect();
    let outers: Vec<Option<i64>> = found.iter().map(|one| one.outer).collect();
    let insides: Vec<Option<i64>> = found.iter().map(|one| one.inside_of).collect();
    let packs: Vec<bool> = found.iter().map(|one| one.packs).collect();
    let documents: Vec<String> = found.iter().map(|one| one.document.clone()).collect();
    let lefts: Vec<Option<chrono::DateTime<chrono::Utc>>> = found.iter().map(|one| one.left_at).collect();
    sqlx::query!(
        "insert into recall_members (tenant_id, recall_id, key, item, lot_id, quantity, unit, place, plant,
                                     location, outer_key, document, left_at, consignee_id, inside_of, packs)
         select $1, $2, m.key, m.item, m.lot, m.quantity, m.unit, m.place, m.plant, m.location, m.outer_key,
                m.document, m.left_at, m.whose, m.inside_of, m.packs
         from unnest($3::bigint[], $4::text[], $5::uuid[], $6::numeric[], $7::text[], $8::text[], $9::text[],
                     $10::text[], $11::bigint[], $12::text[], $13::timestamptz[], $14::uuid[], $15::bigint[],
                     $16::boolean[])
             as m(key, item, lot, quantity, unit, place, plant, location, outer_key, document, left_at, whose,
                  inside_of, packs)",
        tenant,
        recall,
        &keys,
        &items,
        &lots as &[Option<Uuid>],
        &quantities,
        &units,
        &places,
        &plants,
        &locations,
        &outers as &[Option<i64>],
        &documents,
        &lefts as &[Option<chrono::DateTime<chrono::Utc>>],
        whose as &[Option<Uuid>],
        &insides as &[Option<i64>],
        &packs,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Copies the keys of another recall's units, in order.
pub async fn keys(tx: &mut Tx, recall: Uuid) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select key from recall_members where tenant_id = $1 and recall_id = $2 order by key",
        tenant,
        recall,
    )
    .fetch_all(tx.conn())
    .await
}

/// Those of these units that are none of the recall, in order.
pub async fn others(tx: &mut Tx, recall: Uuid, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select key as "key!" from unnest($3::bigint[]) as key
           where not exists (select from recall_members m
                             where m.tenant_id = $1 and m.recall_id = $2 and m.key = key.key)
           order by 1"#,
        tenant,
        recall,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

/// How many are in our own hands.
pub async fn in_hand(tx: &mut Tx, recall: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select count(*) as \"count!\" from recall_members
         where tenant_id = $1 and recall_id = $2 and place in ('stock', 'work', 'transit')",
        tenant,
        recall,
    )
    .fetch_one(tx.conn())
    .await
}

/// How many are to be held: all that there is, whoever has it, since what is with a
/// subcontractor or a customer may come back.
pub async fn to_hold(tx: &mut Tx, recall: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select count(*) as \"count!\" from recall_members
         where tenant_id = $1 and recall_id = $2 and place not in ('consumed', 'scrapped')",
        tenant,
        recall,
    )
    .fetch_one(tx.conn())
    .await
}

/// The next units that this recall is to hold and holds not yet, and whether each is a
/// package that only packs recalled goods.
pub async fn free(tx: &mut Tx, recall: Uuid, limit: i64) -> Result<Vec<(i64, bool)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, packs from recall_members
         where tenant_id = $1 and recall_id = $2 and hold_id is null and place not in ('consumed', 'scrapped')
         order by key limit $3",
        tenant,
        recall,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.key, row.packs)).collect())
}

/// Those of these units that are of these lots, or of this scope.
pub async fn named_among(
    tx: &mut Tx,
    keys: &[i64],
    lots: &[Uuid],
    scope: Option<Uuid>,
) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select key as "key!" from unnest($2::bigint[]) as key
           where exists (select from uid_registry r
                         where r.tenant_id = $1 and r.key = key.key and r.lot_id = any($3))
              or exists (select from scope_members m
                         where m.tenant_id = $1 and m.key = key.key and m.scope_id = $4)"#,
        tenant,
        keys,
        lots,
        scope,
    )
    .fetch_all(tx.conn())
    .await
}

/// Notes the hold that they got.
pub async fn held(tx: &mut Tx, recall: Uuid, keys: &[i64], hold: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recall_members set hold_id = $4 where tenant_id = $1 and recall_id = $2 and key = any($3)",
        tenant,
        recall,
        keys,
        hold,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// How many are where; of some plants alone those there.
pub async fn piles(tx: &mut Tx, recall: Uuid) -> Result<Vec<Pile>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Pile,
        r#"select place, plant, unit, count(*) as "labels!", count(*) filter (where counts) as "counted!",
                  coalesce(sum(quantity) filter (where counts), 0) as "quantity!"
           from recall_members
           where tenant_id = $1 and recall_id = $2 and ($3::text[] is null or plant = any($3))
           group by place, plant, unit order by place, plant, unit"#,
        tenant,
        recall,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// What each consignee has that has to be accounted for: what is a part of other recalled
/// goods comes back with them, and a package is no more than the goods in it.
pub async fn had(tx: &mut Tx, recall: Uuid) -> Result<Vec<Had>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Had,
        r#"select consignee_id as "consignee!", unit, sum(quantity) as "quantity!", count(*) as "labels!"
           from recall_members
           where tenant_id = $1 and recall_id = $2 and consignee_id is not null and counts
             and ($3::text[] is null or plant = any($3))
           group by consignee_id, unit order by consignee_id, unit"#,
        tenant,
        recall,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A unit as it is listed.
pub struct Row {
    pub key: i64,
    pub item: String,
    pub quantity: Decimal,
    pub unit: String,
    pub place: String,
    pub plant: String,
    pub location: String,
    pub document: String,
    pub consignee: String,
    /// The hold that the recall placed on it.
    pub hold_id: Option<Uuid>,
    /// A hold that stands on it now.
    pub standing: Option<Uuid>,
    pub inside_of: Option<i64>,
    pub since: Option<chrono::DateTime<chrono::Utc>>,
    pub packs: bool,
}

/// Units by key, after `after`: all, those at a place, or those of a consignee.
pub async fn list(
    tx: &mut Tx,
    recall: Uuid,
    place: Option<&str>,
    consignee: Option<Uuid>,
    after: i64,
    limit: i64,
) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Row,
        r#"select key, item, quantity, unit, place, plant, location, document,
                  coalesce((select case when c.name = '' then c.code else c.name end from recall_consignees c
                            where c.tenant_id = $1 and c.recall_id = $2 and c.consignee_id = m.consignee_id), '')
                      as "consignee!",
                  hold_id,
                  -- Its own hold where that stands, else another one: it is held all the same.
                  (select hm.hold_id from hold_members hm
                   join holds h on h.tenant_id = $1 and h.hold_id = hm.hold_id and h.status = 'placed'
                   where hm.tenant_id = $1 and hm.key = m.key and hm.left_at is null
                   order by hm.hold_id is distinct from m.hold_id, hm.hold_id limit 1) as standing,
                  inside_of, since, packs
           from recall_members m
           where tenant_id = $1 and recall_id = $2 and key > $5 and ($3::text is null or place = $3)
             and ($4::uuid is null or consignee_id = $4) and ($7::text[] is null or plant = any($7))
           order by key limit $6"#,
        tenant,
        recall,
        place,
        consignee,
        after,
        limit,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A unit for which something is answered.
pub struct Member {
    pub quantity: Decimal,
    pub unit: String,
    pub consignee_id: Option<Uuid>,
    pub inside_of: Option<i64>,
    pub packs: bool,
}

/// One unit.
pub async fn find(tx: &mut Tx, recall: Uuid, key: i64) -> Result<Option<Member>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Member,
        "select quantity, unit, consignee_id, inside_of, packs from recall_members
         where tenant_id = $1 and recall_id = $2 and key = $3",
        tenant,
        recall,
        key,
    )
    .fetch_optional(tx.conn())
    .await
}

/// How many of the units on which the recall placed a hold are held now, by that one or by
/// another.
pub async fn held_now(tx: &mut Tx, recall: Uuid) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from recall_members m
           where m.tenant_id = $1 and m.recall_id = $2 and m.hold_id is not null
             and m.place not in ('consumed', 'scrapped')
             and exists (select from hold_members hm
                         join holds h on h.tenant_id = $1 and h.hold_id = hm.hold_id and h.status = 'placed'
                         where hm.tenant_id = $1 and hm.key = m.key and hm.left_at is null)"#,
        tenant,
        recall,
    )
    .fetch_one(tx.conn())
    .await
}

/// The holds that a recall placed, and those of them that were released.
pub async fn holds(tx: &mut Tx, recall: Uuid) -> Result<(Vec<Uuid>, Vec<Released>), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select hold_id, members, released_at, coalesce(released_by, '') as "released_by!"
           from holds
           where tenant_id = $1 and scope->>'what' = 'recall' and scope->>'recall' = $2
           order by hold_id limit 500"#,
        tenant,
        recall.to_string(),
    )
    .fetch_all(tx.conn())
    .await?;
    let all = rows.iter().map(|row| row.hold_id).collect();
    let released = rows.into_iter().filter_map(|row| {
        Some(Released {
            hold_id: row.hold_id,
            labels: row.members,
            released_at: row.released_at?,
            released_by: row.released_by,
        })
    });
    Ok((all, released.collect()))
}
