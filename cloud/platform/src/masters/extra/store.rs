//! All SQL of values beside the masters' tables.

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::Error;

use super::super::named::Called;
use crate::db::Tx;
use crate::i18n::Lang;

/// A tenant's own field, as it is defined.
pub(super) struct OwnField {
    pub field: String,
    pub labels: Value,
    pub kind: String,
    pub needed: bool,
    pub listed: bool,
    pub personal: bool,
    pub watched: bool,
    pub longest: Option<i32>,
    pub pattern: Option<String>,
    pub decimals: i16,
    pub least: Option<Decimal>,
    pub most: Option<Decimal>,
    pub choices: Vec<String>,
    /// What each choice is called: `red:ఎరుపు`.
    pub choices_en: Vec<String>,
    pub choices_hi: Vec<String>,
    pub choices_bn: Vec<String>,
    pub choices_te: Vec<String>,
    pub refers: Option<String>,
    pub default_value: Option<String>,
}

impl OwnField {
    /// What its choices are called in each language.
    pub fn called(&self) -> Called<'_> {
        [
            (Lang::En, &self.choices_en),
            (Lang::Hi, &self.choices_hi),
            (Lang::Bn, &self.choices_bn),
            (Lang::Te, &self.choices_te),
        ]
    }
}

/// The tenant's language, and its own fields of a master in their order: in one question,
/// since each request to masters asks it.
pub(super) async fn fields(tx: &mut Tx, master: &str) -> Result<(Lang, Vec<OwnField>), Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select t.language as "language!", f.field as "field?", f.labels as "labels?", f.kind as "kind?",
                  f.needed as "needed?", f.listed as "listed?", f.personal as "personal?", f.watched as "watched?",
                  f.longest as "longest?",
                  f.pattern as "pattern?", f.decimals as "decimals?", f.least as "least?", f.most as "most?",
                  f.choices as "choices?", f.choices_en as "choices_en?", f.choices_hi as "choices_hi?",
                  f.choices_bn as "choices_bn?", f.choices_te as "choices_te?", f.refers as "refers?",
                  f.default_value as "default_value?"
           from control.tenants t
           left join custom_fields f on f.tenant_id = $1 and f.master = $2 and f.deleted_at is null
           where t.tenant_id = $1 order by f.position, f.field"#,
        tenant,
        master,
    )
    .fetch_all(tx.conn())
    .await?;
    let language = rows.first().and_then(|row| Lang::parse(&row.language)).unwrap_or_default();
    // Where there is no own field, the one row has the language alone.
    let own = rows.into_iter().filter_map(|row| {
        Some(OwnField {
            field: row.field?,
            labels: row.labels?,
            kind: row.kind?,
            needed: row.needed?,
            listed: row.listed?,
            personal: row.personal?,
            watched: row.watched?,
            longest: row.longest,
            pattern: row.pattern,
            decimals: row.decimals?,
            least: row.least,
            most: row.most,
            choices: row.choices?,
            choices_en: row.choices_en?,
            choices_hi: row.choices_hi?,
            choices_bn: row.choices_bn?,
            choices_te: row.choices_te?,
            refers: row.refers,
            default_value: row.default_value,
        })
    });
    Ok((language, own.collect()))
}

/// Values of own fields: the row's key, the field, the value.
pub(super) async fn own_values(
    tx: &mut Tx,
    master: &str,
    keys: &[String],
) -> Result<Vec<(String, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select row_key, field, value from custom_values
         where tenant_id = $1 and master = $2 and row_key = any($3)",
        tenant,
        master,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.row_key, row.field, row.value)).collect())
}

/// Values of plants: the row's key, the field, the plant, the value.
pub(super) async fn plant_values(
    tx: &mut Tx,
    master: &str,
    keys: &[String],
) -> Result<Vec<(String, String, String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select row_key, field, plant, value from plant_values
         where tenant_id = $1 and master = $2 and row_key = any($3)",
        tenant,
        master,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.row_key, row.field, row.plant, row.value)).collect())
}

/// What is to be written beside a table, many rows at once.
#[derive(Debug, Default)]
pub(super) struct Changes {
    own: [Vec<String>; 4],
    own_gone: [Vec<String>; 2],
    plant: [Vec<String>; 4],
    plant_gone: [Vec<String>; 3],
}

fn push<const N: usize>(columns: &mut [Vec<String>; N], values: [&str; N]) {
    for (column, value) in columns.iter_mut().zip(values) {
        column.push(value.to_owned());
    }
}

impl Changes {
    pub fn own(&mut self, key: &str, field: &str, text: Option<String>, sorted: Option<String>) {
        match text {
            Some(text) => push(&mut self.own, [key, field, &text, &sorted.unwrap_or_default()]),
            None => push(&mut self.own_gone, [key, field]),
        }
    }

    pub fn plant(&mut self, key: &str, field: &str, plant: &str, text: Option<String>) {
        match text {
            Some(text) => push(&mut self.plant, [key, field, plant, &text]),
            None => push(&mut self.plant_gone, [key, field, plant]),
        }
    }

    pub async fn write(&self, tx: &mut Tx, master: &str) -> Result<(), Error> {
        let tenant = tx.tenant();
        let [keys, fields] = &self.own_gone;
        if !keys.is_empty() {
            sqlx::query!(
                "delete from custom_values v using unnest($3::text[], $4::text[]) as w(row_key, field)
                 where v.tenant_id = $1 and v.master = $2 and v.row_key = w.row_key and v.field = w.field",
                tenant,
                master,
                keys,
                fields,
            )
            .execute(tx.conn())
            .await?;
        }
        let [keys, fields, values, sorted] = &self.own;
        if !keys.is_empty() {
            sqlx::query!(
                "insert into custom_values (tenant_id, master, row_key, field, value, sorted)
                 select $1, $2, w.row_key, w.field, w.value, w.sorted
                 from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as w(row_key, field, value, sorted)
                 on conflict (tenant_id, master, row_key, field) do update
                 set value = excluded.value, sorted = excluded.sorted",
                tenant,
                master,
                keys,
                fields,
                values,
                sorted,
            )
            .execute(tx.conn())
            .await?;
        }
        let [keys, fields, plants] = &self.plant_gone;
        if !keys.is_empty() {
            sqlx::query!(
                "delete from plant_values v
                 using unnest($3::text[], $4::text[], $5::text[]) as w(row_key, field, plant)
                 where v.tenant_id = $1 and v.master = $2 and v.row_key = w.row_key and v.field = w.field
                   and v.plant = w.plant",
                tenant,
                master,
                keys,
                fields,
                plants,
            )
            .execute(tx.conn())
            .await?;
        }
        let [keys, fields, plants, values] = &self.plant;
        if !keys.is_empty() {
            sqlx::query!(
                "insert into plant_values (tenant_id, master, row_key, field, plant, value)
                 select $1, $2, w.row_key, w.field, w.plant, w.value
                 from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as w(row_key, field, plant, value)
                 on conflict (tenant_id, master, row_key, field, plant) do update set value = excluded.value",
                tenant,
                master,
                keys,
                fields,
                plants,
                values,
            )
            .execute(tx.conn())
            .await?;
        }
        Ok(())
    }
}

/// Where the value of an own field lies, as its sorted text: from, and before; or
/// exactly there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The field, without `custom.`.
    pub(in crate::masters) field: String,
    pub(in crate::masters) from: String,
    pub(in crate::masters) to: String,
    pub(in crate::masters) exact: bool,
}

/// Rows whose own fields refer to this one: the master, the row's key, the field.
pub(in crate::masters) async fn users_of(
    tx: &mut Tx,
    master: &str,
    key: &str,
    limit: i64,
) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let sorted = key.to_lowercase();
    let rows = sqlx::query!(
        r#"select v.master, v.row_key from custom_fields f
           join custom_values v on v.tenant_id = $1 and v.master = f.master and v.field = f.field
               and v.sorted = $3 and v.value = $4
           where f.tenant_id = $1 and f.refers = $2 and f.kind = 'reference' and f.deleted_at is null
           order by v.master, v.row_key limit $5"#,
        tenant,
        master,
        sorted,
        key,
        limit,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.master, row.row_key)).collect())
}

/// How many own fields a master has, this one left out.
pub(super) async fn count(tx: &mut Tx, master: &str, but: &str) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from custom_fields
           where tenant_id = $1 and master = $2 and field <> $3 and deleted_at is null"#,
        tenant,
        master,
        but,
    )
    .fetch_one(tx.conn())
    .await
}
