//! Whoever has units of a recall.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use sqlx::Error;
use uuid::Uuid;

use crate::recalls::locate::Who;
use crate::recalls::model::{Consignee, Person};

/// Writes consignees; names come from the masters.
pub async fn insert(tx: &mut Tx, recall: Uuid, all: &[(Uuid, Who)]) -> Result<(), Error> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = all.iter().map(|(id, _)| *id).collect();
    let kinds: Vec<String> = all.iter().map(|(_, who)| who.kind.name().to_owned()).collect();
    let codes: Vec<String> = all.iter().map(|(_, who)| who.code.clone()).collect();
    let places: Vec<String> = all.iter().map(|(_, who)| who.place.clone()).collect();
    sqlx::query!(
        "insert into recall_consignees (tenant_id, recall_id, consignee_id, kind, code, place, name)
         select $1, $2, c.id, c.kind, c.code, c.place,
                coalesce(case when c.kind = 'plant'
                         then (select p.name from plants p where p.tenant_id = $1 and p.code = c.code)
                         else (select p.name from partners p where p.tenant_id = $1 and p.partner = c.code) end, '')
         from unnest($3::uuid[], $4::text[], $5::text[], $6::text[]) as c(id, kind, code, place)",
        tenant,
        recall,
        &ids,
        &kinds,
        &codes,
        &places,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All of a recall, plants first; of some plants alone those plants, and whoever has
/// units that were there last.
pub async fn list(tx: &mut Tx, recall: Uuid) -> Result<Vec<Consignee>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().codes();
    sqlx::query_as!(
        Consignee,
        r#"select c.consignee_id, c.kind, c.code, c.place, c.name, c.state, c.notified_at, c.acknowledged_at,
                  (select count(*) from recall_members m
                   where m.tenant_id = $1 and m.recall_id = $2 and m.consignee_id = c.consignee_id
                     and ($3::text[] is null or m.plant = any($3))) as "labels!",
                  (select count(*) from recall_members m
                   where m.tenant_id = $1 and m.recall_id = $2 and m.consignee_id = c.consignee_id and m.counts
                     and ($3::text[] is null or m.plant = any($3))) as "counted!",
                  (select count(*) from recall_letters l
                   where l.tenant_id = $1 and l.recall_id = $2 and l.consignee_id = c.consignee_id) as "letters!"
           from recall_consignees c
           where c.tenant_id = $1 and c.recall_id = $2
             and ($3::text[] is null or exists (
                 select from recall_members m
                 where m.tenant_id = $1 and m.recall_id = $2 and m.consignee_id = c.consignee_id
                   and m.plant = any($3)))
           order by case c.kind when 'plant' then 0 else 1 end, c.code, c.place, c.consignee_id"#,
        tenant,
        recall,
        plants.as_deref(),
    )
    .fetch_all(tx.conn())
    .await
}

/// A consignee that is changed.
pub struct Row {
    pub kind: String,
    pub code: String,
    pub state: String,
}

impl Row {
    /// The plant that it is; `None` of somebody outside, and of a plant that nobody knows.
    #[must_use]
    pub fn plant(&self) -> Option<&str> {
        (self.kind == "plant" && !self.code.is_empty()).then_some(self.code.as_str())
    }
}

/// One, locked.
pub async fn lock(tx: &mut Tx, recall: Uuid, consignee: Uuid) -> Result<Option<Row>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Row,
        "select kind, code, state from recall_consignees
         where tenant_id = $1 and recall_id = $2 and consignee_id = $3 for update",
        tenant,
        recall,
        consignee,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Notes how it stands with one.
pub async fn state_set(
    tx: &mut Tx,
    recall: Uuid,
    consignee: Uuid,
    state: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update recall_consignees
         set state = $4, version = version + 1,
             notified_at = case when $4 = 'to_notify' then null else coalesce(notified_at, $5) end,
             acknowledged_at = case when $4 = 'acknowledged' then $5 end
         where tenant_id = $1 and recall_id = $2 and consignee_id = $3",
        tenant,
        recall,
        consignee,
        state,
        now,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Marks plants as told: their people are, inside the product.
pub async fn plants_told(tx: &mut Tx, recall: Uuid, now: DateTime<Utc>) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "update recall_consignees set state = 'notified', notified_at = $3, version = version + 1
         where tenant_id = $1 and recall_id = $2 and kind = 'plant' and state = 'to_notify' and code <> ''
         returning code",
        tenant,
        recall,
        now,
    )
    .fetch_all(tx.conn())
    .await
}

/// Most contacts of one partner that are written to; nobody has so many.
pub const MOST_CONTACTS: i64 = 500;

/// Somebody to write to.
pub struct Contact {
    pub consignee_id: Uuid,
    pub contact: String,
    pub name: String,
    pub email: String,
    pub language: String,
}

/// Contacts with an address of partners that have units and were not written to (or were,
/// where they are to be written to `again`), at most [`MOST_CONTACTS`] of each; of a partner
/// that has none, its own address.
pub async fn contacts(
    tx: &mut Tx,
    recall: Uuid,
    only: Option<Uuid>,
    again: bool,
) -> Result<Vec<Contact>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Contact,
        r#"select c.consignee_id as "consignee_id!", k.contact as "contact!", k.name as "name!", k.email as "email!",
                  k.language as "language!"
           from recall_consignees c
           join lateral (
               select k.contact, k.name, k.email, k.language from contacts k
               where k.tenant_id = $1 and k.partner = c.code and k.email <> '' and k.deleted_at is null
               order by k.contact limit $5) k on true
           where c.tenant_id = $1 and c.recall_id = $2 and c.kind <> 'plant'
             and ($3::uuid is null or c.consignee_id = $3)
             and ($4 or not exists (
                 select from recall_letters l
                 where l.tenant_id = $1 and l.recall_id = $2 and l.consignee_id = c.consignee_id
                   and l.contact = k.contact))
           union all
           select c.consignee_id, '', p.name, p.email, ''
           from recall_consignees c
           join partners p on p.tenant_id = $1 and p.partner = c.code and p.email <> ''
           where c.tenant_id = $1 and c.recall_id = $2 and c.kind <> 'plant'
             and ($3::uuid is null or c.consignee_id = $3)
             and not exists (select from contacts k
                             where k.tenant_id = $1 and k.partner = c.code and k.email <> ''
                               and k.deleted_at is null)
             and ($4 or not exists (
                 select from recall_letters l
                 where l.tenant_id = $1 and l.recall_id = $2 and l.consignee_id = c.consignee_id
                   and l.contact = ''))"#,
        tenant,
        recall,
        only,
        again,
        MOST_CONTACTS,
    )
    .fetch_all(tx.conn())
    .await
}

/// Everybody who is known at these consignees, with an address or without: the contacts of each,
/// at most [`MOST_CONTACTS`], and then the partner's own number and address.
pub async fn people(tx: &mut Tx, recall: Uuid, consignees: &[Uuid]) -> Result<Vec<Person>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Person,
        r#"select c.consignee_id as "consignee_id!", k.own as "own!", k.name as "name!",
                  k.job_title as "job_title!", k.phone as "phone!", k.email as "email!"
           from recall_consignees c
           join lateral (
               (select false as own, k.contact, k.name, k.job_title, k.phone, k.email from contacts k
                where k.tenant_id = $1 and k.partner = c.code and k.deleted_at is null
                order by k.contact limit $4)
               union all
               select true, '', p.name, '', p.phone, p.email from partners p
               where p.tenant_id = $1 and p.partner = c.code and (p.phone <> '' or p.email <> '')) k on true
           where c.tenant_id = $1 and c.recall_id = $2 and c.consignee_id = any($3) and c.kind <> 'plant'
           order by c.consignee_id, k.own, k.contact"#,
        tenant,
        recall,
        consignees,
        MOST_CONTACTS,
    )
    .fetch_all(tx.conn())
    .await
}

/// Lines of goods in a letter.
pub const MOST_GOODS: i64 = 500;

/// What a consignee has, for its letter: a line of it.
pub struct Goods {
    pub item: String,
    pub document: String,
    pub unit: String,
    pub quantity: rust_decimal::Decimal,
}

/// What a consignee has to account for, at most one line more than [`MOST_GOODS`].
pub async fn goods(tx: &mut Tx, recall: Uuid, consignee: Uuid) -> Result<Vec<Goods>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Goods,
        r#"select item, document, unit, sum(quantity) as "quantity!" from recall_members
           where tenant_id = $1 and recall_id = $2 and consignee_id = $3 and counts
           group by item, document, unit order by item, document, unit limit $4"#,
        tenant,
        recall,
        consignee,
        MOST_GOODS + 1,
    )
    .fetch_all(tx.conn())
    .await
}
