//! All SQL of the masters that a reference file holds. An upsert answers whether
//! it changed anything.

use serde_json::Value;
use sqlx::Error;

use super::check::KnownOperator;
use super::model::{
    BomLine, Item, Location, Operator, Order, OrderLine, Partner, Reason, ReferenceFile, Texts,
};
use crate::db::Tx;

fn json(texts: &Texts) -> Value {
    texts.iter().map(|(language, text)| (language.clone(), Value::from(text.as_str()))).collect()
}

pub(super) async fn items_known(tx: &mut Tx) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows =
        sqlx::query!("select item, base_unit from items where tenant_id = $1 and deleted_at is null", tenant)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|row| (row.item, row.base_unit)).collect())
}

pub(super) async fn partners_known(tx: &mut Tx) -> Result<Vec<Partner>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Partner,
        "select partner as code, name, roles, place from partners where tenant_id = $1 and deleted_at is null",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn operators_known(tx: &mut Tx) -> Result<Vec<KnownOperator>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        KnownOperator,
        "select operator_id as operator, badge_hash, pin_hash from operators \
         where tenant_id = $1 and deleted_at is null",
        tenant,
    )
    .fetch_all(tx.conn())
    .await
}

/// What the tenant has of all that a reference file is about, each row with its name.
pub(super) async fn rows(tx: &mut Tx, file: &ReferenceFile) -> Result<Vec<(String, Value)>, Error> {
    let tenant = tx.tenant();
    let items: Vec<String> = file.items.iter().map(|item| item.item.clone()).collect();
    let parents: Vec<String> = file.bom_lines.iter().map(|line| line.parent.clone()).collect();
    let partners: Vec<String> = file.partners.iter().map(|partner| partner.code.clone()).collect();
    let kinds: Vec<String> = file.orders.iter().map(|order| order.kind.to_owned()).collect();
    let numbers: Vec<String> = file.orders.iter().map(|order| order.number.clone()).collect();
    let operators: Vec<String> = file.operators.iter().map(|operator| operator.operator.clone()).collect();
    let plants: Vec<String> = file.locations.iter().map(|place| place.plant.clone()).collect();
    let places: Vec<String> = file.locations.iter().map(|place| place.location.clone()).collect();
    let reasons: Vec<String> = file.reasons.iter().map(|reason| reason.reason.clone()).collect();
    let found = sqlx::query!(
        r#"select 'item ' || t.item as "name!", to_jsonb(t) as "row!"
           from items t where t.tenant_id = $1 and t.item = any($2)
           union all
           select 'BOM line ' || t.parent || '/' || t.line, to_jsonb(t)
           from bom_lines t where t.tenant_id = $1 and t.parent = any($3)
           union all
           select 'partner ' || t.partner, to_jsonb(t)
           from partners t where t.tenant_id = $1 and t.partner = any($4)
           union all
           select 'order ' || t.type || '/' || t.number, to_jsonb(t)
           from unnest($5::text[], $6::text[]) as k(type, number)
           join orders t on t.tenant_id = $1 and t.type = k.type and t.number = k.number
           union all
           select 'order line ' || t.type || '/' || t.number || '/' || t.line, to_jsonb(t)
           from unnest($5::text[], $6::text[]) as k(type, number)
           join order_lines t on t.tenant_id = $1 and t.type = k.type and t.number = k.number
           union all
           select 'operator ' || t.operator_id, to_jsonb(t)
           from operators t where t.tenant_id = $1 and t.operator_id = any($7)
           union all
           select 'location ' || t.bin || ' of ' || t.plant, to_jsonb(t)
           from unnest($8::text[], $9::text[]) as k(plant, bin)
           join bins t on t.tenant_id = $1 and t.plant = k.plant and t.bin = k.bin
           union all
           select 'reason ' || t.reason, to_jsonb(t)
           from reasons t where t.tenant_id = $1 and t.reason = any($10)"#,
        tenant,
        &items,
        &parents,
        &partners,
        &kinds,
        &numbers,
        &operators,
        &plants,
        &places,
        &reasons,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found.into_iter().map(|row| (row.name, row.row)).collect())
}

/// Makes the series unless there is one: its numbers are never taken back.
pub(super) async fn series_insert(
    tx: &mut Tx,
    plant: &str,
    series: &str,
    prefix: &str,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into number_series (tenant_id, plant_code, series, prefix, width) values ($1, $2, $3, $4, 3) \
         on conflict do nothing",
        tenant,
        plant,
        series,
        prefix,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// The name follows from the names.
pub(super) async fn item_upsert(tx: &mut Tx, row: &Item) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let names = json(&row.names);
    let done = sqlx::query!(
        "insert into items as t (tenant_id, item, names, type_code, base_unit, second_unit, tracking, gtin, \
             shelf_life_days, inspect) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         on conflict (tenant_id, item) do update \
         set names = $3, type_code = $4, base_unit = $5, second_unit = $6, tracking = $7, gtin = $8, \
             shelf_life_days = $9, inspect = $10, deleted_at = null, version = t.version + 1 \
         where (t.names, t.type_code, t.base_unit, t.second_unit, t.tracking, t.gtin, t.shelf_life_days, \
                t.inspect) is distinct from ($3::jsonb, $4, $5, $6, $7, $8, $9::integer, $10::boolean) \
            or t.deleted_at is not null",
        tenant,
        row.item,
        names,
        row.type_code,
        row.base_unit,
        row.second_unit,
        row.tracking,
        row.gtin,
        row.shelf_life_days,
        row.inspect,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn bom_line_upsert(tx: &mut Tx, row: &BomLine, unit: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into bom_lines as t (tenant_id, parent, line, child, quantity, unit, operation) \
         values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (tenant_id, parent, line) do update \
         set child = $4, quantity = $5, unit = $6, operation = $7, version = t.version + 1 \
         where (t.child, t.quantity, t.unit, t.operation) is distinct from ($4, $5::numeric, $6, $7)",
        tenant,
        row.parent,
        row.line,
        row.child,
        row.quantity,
        unit,
        row.operation,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes the parent's lines other than these; answers their numbers.
pub(super) async fn bom_lines_trim(tx: &mut Tx, parent: &str, keep: &[i32]) -> Result<Vec<i32>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "delete from bom_lines where tenant_id = $1 and parent = $2 and line <> all($3) returning line",
        tenant,
        parent,
        keep,
    )
    .fetch_all(tx.conn())
    .await
}

/// Makes masters of units that items use; those that are there stay as they are.
pub(super) async fn units_ensure(tx: &mut Tx, units: &[String]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into units as t (tenant_id, unit, name, dimension, decimals) \
         select distinct $1::uuid, u, u, 'other', 6::smallint from unnest($2::text[]) as u \
         where u ~ '^[^[:space:]:]{1,12}$' \
         on conflict (tenant_id, unit) do update set deleted_at = null, version = t.version + 1 \
         where t.deleted_at is not null",
        tenant,
        units,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A location is a bin; the warehouse that it has there stays.
pub(super) async fn bin_upsert(tx: &mut Tx, row: &Location) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into bins as t (tenant_id, plant, bin, name) values ($1, $2, $3, $4) \
         on conflict (tenant_id, plant, bin) do update \
         set name = $4, deleted_at = null, version = t.version + 1 \
         where t.name <> $4 or t.deleted_at is not null",
        tenant,
        row.plant,
        row.location,
        row.name,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn bin_withdraw(tx: &mut Tx, plant: &str, bin: &str) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update bins set deleted_at = now(), version = version + 1 \
         where tenant_id = $1 and plant = $2 and bin = $3 and deleted_at is null",
        tenant,
        plant,
        bin,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A partner keeps the roles that it has besides.
pub(super) async fn partner_upsert(tx: &mut Tx, row: &Partner) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into partners as t (tenant_id, partner, name, roles, place) values ($1, $2, $3, $4, $5) \
         on conflict (tenant_id, partner) do update \
         set name = $3, place = $5, deleted_at = null, version = t.version + 1, \
             roles = t.roles || array(select r from unnest($4::text[]) as r where r <> all(t.roles)) \
         where t.name <> $3 or t.place <> $5 or not t.roles @> $4 or t.deleted_at is not null",
        tenant,
        row.code,
        row.name,
        &row.roles,
        row.place,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// An order's progress is never set back: its status stays.
pub(super) async fn order_upsert(tx: &mut Tx, row: &Order) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into orders as t (tenant_id, type, number, plant, partner, item, quantity, ordered_at, due_on, \
             operations) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         on conflict (tenant_id, type, number) do update \
         set plant = $4, partner = $5, item = $6, quantity = $7, ordered_at = $8, due_on = $9, operations = $10, \
             version = t.version + 1 \
         where (t.plant, t.partner, t.item, t.quantity, t.ordered_at, t.due_on, t.operations) \
               is distinct from ($4, $5, $6, $7::numeric, $8::timestamptz, $9::date, $10::text[])",
        tenant,
        row.kind,
        row.number,
        row.plant,
        row.partner,
        row.item,
        row.quantity,
        row.ordered_at,
        row.due_on,
        &row.operations,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn order_status(tx: &mut Tx, kind: &str, number: &str) -> Result<String, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select status from orders where tenant_id = $1 and type = $2 and number = $3",
        tenant,
        kind,
        number,
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn order_line_upsert(
    tx: &mut Tx,
    order: &Order,
    row: &OrderLine,
    unit: &str,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into order_lines as t (tenant_id, type, number, line, item, quantity, unit) \
         values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (tenant_id, type, number, line) do update set item = $5, quantity = $6, unit = $7, version = t.version + 1 \
         where (t.item, t.quantity, t.unit) is distinct from ($5, $6::numeric, $7)",
        tenant,
        order.kind,
        order.number,
        row.line,
        row.item,
        row.quantity,
        unit,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes the order's lines other than these on which nothing was done yet.
pub(super) async fn order_lines_trim(tx: &mut Tx, order: &Order) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let keep: Vec<i32> = order.lines.iter().map(|line| line.line).collect();
    let done = sqlx::query!(
        "delete from order_lines where tenant_id = $1 and type = $2 and number = $3 and line <> all($4) and done = 0",
        tenant,
        order.kind,
        order.number,
        &keep,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn operator_upsert(
    tx: &mut Tx,
    row: &Operator,
    badge_hash: &[u8],
    pin_hash: Option<&str>,
) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into operators as t (tenant_id, operator_id, name, badge_hash, pin_hash, language, supervisor, plants) \
         values ($1, $2, $3, $4, $5, $6, $7, $8) \
         on conflict (tenant_id, operator_id) do update \
         set name = $3, badge_hash = $4, pin_hash = $5, language = $6, supervisor = $7, plants = $8, \
             deleted_at = null, version = t.version + 1 \
         where (t.name, t.badge_hash, t.pin_hash, t.language, t.supervisor, t.plants) \
               is distinct from ($3, $4::bytea, $5, $6, $7::boolean, $8::text[]) or t.deleted_at is not null",
        tenant,
        row.operator,
        row.name,
        badge_hash,
        pin_hash,
        row.language,
        row.supervisor,
        &row.plants,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn reason_upsert(tx: &mut Tx, row: &Reason) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let texts = json(&row.texts);
    let done = sqlx::query!(
        "insert into reasons as t (tenant_id, reason, purpose, texts) values ($1, $2, $3, $4) \
         on conflict (tenant_id, reason) do update \
         set purpose = $3, texts = $4, deleted_at = null, version = t.version + 1 \
         where (t.purpose, t.texts) is distinct from ($3, $4::jsonb) or t.deleted_at is not null",
        tenant,
        row.reason,
        row.purpose,
        texts,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Most uses of a row that are named.
const MOST_USES: i64 = 12;

/// Bills of materials and open orders that name an item.
pub(super) async fn item_uses(tx: &mut Tx, item: &str) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct u.name as "name!" from (
               select 'the bill of materials of ' || parent as name from bom_lines
               where tenant_id = $1 and (child = $2 or parent = $2)
               union all
               select 'order ' || o.number from orders o
               where o.tenant_id = $1 and o.status = 'open'
                 and (o.item = $2 or exists (select from order_lines l
                      where l.tenant_id = $1 and l.type = o.type and l.number = o.number and l.item = $2))) u
           order by 1 limit $3"#,
        tenant,
        item,
        MOST_USES,
    )
    .fetch_all(tx.conn())
    .await
}

/// Open orders of a partner.
pub(super) async fn partner_uses(tx: &mut Tx, partner: &str) -> Result<Vec<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select 'order ' || number as "name!" from orders
           where tenant_id = $1 and partner = $2 and status = 'open' order by 1 limit $3"#,
        tenant,
        partner,
        MOST_USES,
    )
    .fetch_all(tx.conn())
    .await
}

pub(super) async fn item_withdraw(tx: &mut Tx, item: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update items set deleted_at = now(), version = version + 1 \
         where tenant_id = $1 and item = $2 and deleted_at is null",
        tenant,
        item,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn bom_line_delete(tx: &mut Tx, parent: &str, line: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "delete from bom_lines where tenant_id = $1 and parent = $2 and line = $3",
        tenant,
        parent,
        line,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes one role from a partner; without any left the partner is withdrawn.
pub(super) async fn partner_withdraw(tx: &mut Tx, partner: &str, role: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update partners set roles = array_remove(roles, $3), version = version + 1, \
             deleted_at = case when cardinality(array_remove(roles, $3)) = 0 then now() end \
         where tenant_id = $1 and partner = $2 and deleted_at is null and $3 = any(roles)",
        tenant,
        partner,
        role,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn order_close(tx: &mut Tx, kind: &str, number: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update orders set status = 'closed', version = version + 1 \
         where tenant_id = $1 and type = $2 and number = $3 and status <> 'closed'",
        tenant,
        kind,
        number,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Badge and PIN open nothing any more; the name stays for what was recorded.
pub(super) async fn operator_withdraw(tx: &mut Tx, operator: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update operators set deleted_at = now(), version = version + 1 \
         where tenant_id = $1 and operator_id = $2 and deleted_at is null",
        tenant,
        operator,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn reason_withdraw(tx: &mut Tx, reason: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "update reasons set deleted_at = now(), version = version + 1 \
         where tenant_id = $1 and reason = $2 and deleted_at is null",
        tenant,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
