//! All SQL of masters. It is put together from names of declarations and of the
//! catalogue, each quoted; what people give is always bound. Rows go in and out
//! as JSON, which Postgres turns into the columns' own types.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;
use sqlx::{AssertSqlSafe, Error, Postgres};

use super::extra::{self, Bounds};
use super::iso4217::Currency;
use super::kind::Kind;
use super::list::{Lane, ListQuery, Place};
use super::places;
use super::shape::{Check, Reference, Shape};
use super::{Master, Row};
use crate::ctx::Plants;
use crate::db::Tx;
use crate::i18n::Lang;

/// A row as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its columns.
    pub row: Row,
    /// For a change that must not overwrite another's.
    pub version: i32,
    /// It was deleted, and can be restored.
    pub deleted: bool,
    /// When it was last changed.
    pub updated_at: Option<DateTime<Utc>>,
    /// By whom, as an opaque id.
    pub updated_by: String,
    /// The column that the list is sorted by, besides the key.
    pub(super) sort_value: Option<String>,
}

/// A name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Codes as Postgres reads an array from a text.
fn array(codes: &[String]) -> String {
    format!("{{{}}}", joined(codes, quoted))
}

pub(super) fn joined(
    names: impl IntoIterator<Item = impl AsRef<str>>,
    each: impl Fn(&str) -> String,
) -> String {
    names.into_iter().map(|name| each(name.as_ref())).collect::<Vec<_>>().join(", ")
}

pub(super) fn scalar<'q, T>(sql: String) -> QueryScalar<'q, Postgres, T, PgArguments>
where
    (T,): for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    sqlx::query_scalar(AssertSqlSafe(sql))
}

/// The columns of a row that are read; decimals as texts, so that JSON keeps
/// every digit.
fn columns(shape: &Shape) -> String {
    let mut list = joined(&shape.read, |name| {
        let name_in_sql = quoted(name);
        if shape.type_of(name).starts_with("numeric") {
            format!("t.{name_in_sql}::text as {name_in_sql}")
        } else {
            format!("t.{name_in_sql}")
        }
    });
    list.push_str(
        ", t.version as tw_version, t.deleted_at is not null as tw_deleted, \
                   t.updated_at as tw_updated_at, t.updated_by as tw_updated_by",
    );
    list
}

fn stored(shape: &Shape, json: Value) -> Result<Stored, Error> {
    let Value::Object(mut row) = json else {
        return Err(Error::Decode("a row that is no object".into()));
    };
    let text = |value: Option<Value>| value.as_ref().map(Kind::plain);
    let version = row.remove("tw_version").and_then(|version| version.as_i64()).unwrap_or_default();
    let deleted = row.remove("tw_deleted") == Some(Value::Bool(true));
    let updated_at = text(row.remove("tw_updated_at")).and_then(|at| at.parse().ok());
    let updated_by = text(row.remove("tw_updated_by")).unwrap_or_default();
    let sort_value = text(row.remove("tw_sort"));
    for column in &shape.columns {
        if let Some(value) = row.get_mut(&column.name) {
            *value = column.kind.stored(value.take());
        }
    }
    let version = i32::try_from(version).unwrap_or_default();
    Ok(Stored { row, version, deleted, updated_at, updated_by, sort_value })
}

/// The statement of one page along a lane: the SQL, and what is bound after the
/// tenant, as texts.
pub(super) fn page_sql(
    shape: &Shape,
    query: &ListQuery,
    lane: &Lane,
    after: Option<&Place>,
    limit: usize,
    plants: &Plants,
) -> (String, Vec<String>) {
    let mut bound: Vec<String> = Vec::new();
    let mut bind = |value: &str, type_name: &str| {
        bound.push(value.to_owned());
        let number = bound.len() + 1;
        if type_name == "text" { format!("${number}") } else { format!("${number}::text::{type_name}") }
    };
    let mut conditions = vec!["t.tenant_id = $1".to_owned()];
    conditions.push(format!("t.deleted_at is {}null", if query.deleted { "not " } else { "" }));
    if let Some(member) = shape.master.member {
        conditions.push(format!("t.{}", quoted(member.column)));
    }
    for (name, value) in query.filters.iter().filter(|(name, _)| !name.starts_with(extra::OWN)) {
        conditions.push(format!("t.{} = {}", quoted(name), bind(value, shape.type_of(name))));
    }
    if let (Some(place), Some(mut codes)) = (shape.place, plants.codes()) {
        let column = quoted(place.field());
        let condition = match place {
            places::Place::One(name) => {
                codes.push(String::new());
                let own = format!("t.{column} = any({})", bind(&array(&codes), "text[]"));
                let required = shape.column(name).is_some_and(|column| column.required);
                if required { own } else { format!("({own} or t.{column} is null)") }
            }
            places::Place::Several(_) => {
                format!("(t.{column} && {} or t.{column} = '{{}}')", bind(&array(&codes), "text[]"))
            }
        };
        conditions.push(condition);
    }
    // A beginning is a range: under row-level security `like` uses no index.
    let mut range = |(column, begins): &(String, String)| {
        let column = quoted(column);
        let end = format!("{begins}{}", char::MAX);
        format!("t.{column} >= {} and t.{column} < {}", bind(begins, "text"), bind(&end, "text"))
    };
    if let Some(begins) = &lane.begins {
        conditions.push(range(begins));
    }
    let told: Vec<String> = lane.not.iter().map(|told| format!("not ({})", range(told))).collect();
    conditions.extend(told);
    if let Some((column, values)) = &lane.equals {
        let any: Vec<String> = values.iter().map(|value| bind(value, "bytea")).collect();
        conditions.push(format!("t.{} in ({})", quoted(column), any.join(", ")));
    }
    let key = shape.master.key;
    // The values of one own field lead to the rows; other ones are asked of each row.
    let lead = lane.lead.as_ref();
    for bounds in query.own.iter().filter(|bounds| Some(*bounds) != lead) {
        let here = match key {
            [one] => format!("t.{}::text", quoted(one)),
            several => format!("concat_ws(':', {})", joined(several, |name| format!("t.{}", quoted(name)))),
        };
        let within = within(shape, bounds, "w", &mut bind);
        conditions
            .push(format!("exists (select from custom_values w where {within} and w.row_key = {here})"));
    }
    if let Some(bounds) = lead {
        let within = within(shape, bounds, "v", &mut bind);
        conditions.push(within);
        for (at, name) in key.iter().enumerate() {
            let part = match key.len() {
                1 => "v.row_key".to_owned(),
                _ => format!("split_part(v.row_key, ':', {})", at + 1),
            };
            let typed = match shape.type_of(name) {
                "text" => part,
                other => format!("{part}::{other}"),
            };
            conditions.push(format!("t.{} = {typed}", quoted(name)));
        }
        if let Some(place) = after {
            let value = bind(place.value.as_deref().unwrap_or_default(), "text");
            let row_key = bind(&place.key.join(":"), "text");
            conditions.push(format!("(v.sorted, v.row_key) > ({value}, {row_key})"));
        }
        let sql = format!(
            "select to_jsonb(r) from (select {}, v.sorted as tw_sort from custom_values v, {} t where {} \
             order by v.sorted, v.row_key limit {limit}) r",
            columns(shape),
            quoted(shape.master.table),
            conditions.join(" and "),
        );
        return (sql, bound);
    }
    let first = lane.column.as_deref();
    if let Some(place) = after {
        let mut values: Vec<String> = Vec::new();
        if let Some(column) = first {
            values.push(bind(place.value.as_deref().unwrap_or_default(), shape.type_of(column)));
        }
        values.extend(key.iter().zip(&place.key).map(|(name, value)| bind(value, shape.type_of(name))));
        let columns =
            joined(first.into_iter().chain(key.iter().copied()), |name| format!("t.{}", quoted(name)));
        let sign = if lane.descending { "<" } else { ">" };
        conditions.push(format!("({columns}) {sign} ({})", values.join(", ")));
    }
    let way = if lane.descending { " desc" } else { "" };
    let order =
        joined(first.into_iter().chain(key.iter().copied()), |name| format!("t.{}{way}", quoted(name)));
    let sort = first.map_or("null::text".to_owned(), |column| format!("t.{}::text", quoted(column)));
    let sql = format!(
        "select to_jsonb(r) from (select {}, {sort} as tw_sort from {} t where {} order by {order} limit {limit}) r",
        columns(shape),
        quoted(shape.master.table),
        conditions.join(" and "),
    );
    (sql, bound)
}

/// Where the values of an own field must lie, as a condition on `custom_values`.
fn within(
    shape: &Shape,
    bounds: &Bounds,
    alias: &str,
    bind: &mut impl FnMut(&str, &str) -> String,
) -> String {
    let (master, field) = (bind(shape.master.name, "text"), bind(&bounds.field, "text"));
    let from = bind(&bounds.from, "text");
    let range = if bounds.exact {
        format!("{alias}.sorted = {from}")
    } else {
        format!("{alias}.sorted >= {from} and {alias}.sorted < {}", bind(&bounds.to, "text"))
    };
    format!("{alias}.tenant_id = $1 and {alias}.master = {master} and {alias}.field = {field} and {range}")
}

/// Rows along a lane, in its order.
pub(super) async fn rows(
    tx: &mut Tx,
    shape: &Shape,
    query: &ListQuery,
    lane: &Lane,
    after: Option<&Place>,
    limit: usize,
) -> Result<Vec<Stored>, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().clone();
    let (sql, bound) = page_sql(shape, query, lane, after, limit, &plants);
    let mut statement = scalar::<Value>(sql).bind(tenant);
    for value in bound {
        statement = statement.bind(value);
    }
    let found = statement.fetch_all(tx.conn()).await?;
    let mut rows = found.into_iter().map(|json| stored(shape, json)).collect::<Result<Vec<_>, _>>()?;
    let mut filled: Vec<&mut Row> = rows.iter_mut().map(|stored| &mut stored.row).collect();
    extra::fill(tx, shape, &mut filled).await?;
    Ok(rows)
}

/// Rows by their keys, deleted or not, of this master or another of the table;
/// locked until the commit if they are to be changed.
pub(super) async fn rows_by_key(
    tx: &mut Tx,
    shape: &Shape,
    keys: &[Vec<String>],
    lock: bool,
) -> Result<HashMap<String, Stored>, Error> {
    let tenant = tx.tenant();
    let names = shape.master.key;
    let wanted: Vec<Value> = keys
        .iter()
        .map(|parts| names.iter().zip(parts).map(|(name, part)| ((*name).to_owned(), json!(part))).collect())
        .collect();
    let sql = format!(
        "select to_jsonb(r) from (select {} from jsonb_to_recordset($2) as x({}) join {} t on t.tenant_id = $1 and {}{}) r",
        columns(shape),
        joined(names, |name| format!("{} {}", quoted(name), shape.type_of(name))),
        quoted(shape.master.table),
        names.iter().map(|name| format!("t.{0} = x.{0}", quoted(name))).collect::<Vec<_>>().join(" and "),
        if lock { " for update of t" } else { "" },
    );
    let found = scalar::<Value>(sql).bind(tenant).bind(Value::Array(wanted)).fetch_all(tx.conn()).await?;
    let mut rows = found.into_iter().map(|json| stored(shape, json)).collect::<Result<Vec<_>, _>>()?;
    let mut filled: Vec<&mut Row> = rows.iter_mut().map(|stored| &mut stored.row).collect();
    extra::fill(tx, shape, &mut filled).await?;
    Ok(rows.into_iter().map(|row| (shape.key_of(&row.row), row)).collect())
}

/// Rows as JSON with only what is written, numbered from 0 in their order.
fn given(shape: &Shape, rows: &[&Row]) -> Value {
    let one = |row: &&Row| -> Value {
        shape
            .written
            .iter()
            .filter_map(|name| Some((name.clone(), row.get(name)?.clone())))
            .collect::<Row>()
            .into()
    };
    Value::Array(rows.iter().map(one).collect())
}

/// Which rows break which checks, as the database judges them.
pub(super) async fn checks_broken(
    tx: &mut Tx,
    shape: &Shape,
    checks: &[Check],
    rows: &[&Row],
) -> Result<Vec<(usize, String)>, Error> {
    if checks.is_empty() || rows.is_empty() {
        return Ok(Vec::new());
    }
    let cases = checks.iter().map(|check| {
        format!("case when not ({}) then '{}' end", check.expression, check.name.replace('\'', "''"))
    });
    let sql = format!(
        "select jsonb_build_array(e.n, f.name)
         from jsonb_array_elements($1) with ordinality as e(v, n)
         cross join lateral (select array[{}] as names from jsonb_populate_record(null::{}, e.v)) b
         cross join lateral unnest(b.names) as f(name)
         where f.name is not null order by e.n",
        cases.collect::<Vec<_>>().join(", "),
        quoted(shape.master.table),
    );
    let found = scalar::<Value>(sql).bind(given(shape, rows)).fetch_all(tx.conn()).await?;
    Ok(found.iter().filter_map(numbered).collect())
}

pub(super) fn numbered(pair: &Value) -> Option<(usize, String)> {
    let at = usize::try_from(pair.get(0)?.as_u64()?.checked_sub(1)?).ok()?;
    Some((at, pair.get(1)?.as_str()?.to_owned()))
}

/// Which of the values, each of the reference's columns in their order, lead to
/// no row that stands. With `hold` those that do lead to one keep it from being deleted
/// until the commit: a delete locks the row before it looks for what uses it.
pub(super) async fn references_missing(
    tx: &mut Tx,
    reference: &Reference,
    values: &[Vec<String>],
    hold: bool,
) -> Result<Vec<usize>, Error> {
    if values.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let names: Vec<String> = (0..reference.columns.len()).map(|at| format!("c{at}")).collect();
    let rows = values.iter().enumerate().map(|(at, parts)| {
        let mut row: Row = names.iter().cloned().zip(parts.iter().map(|part| json!(part))).collect();
        row.insert("n".into(), json!(at));
        Value::Object(row)
    });
    let pairs =
        reference.target.columns.iter().zip(&names).map(|(to, from)| format!("t.{} = x.{from}", quoted(to)));
    let sql = format!(
        "select x.n from jsonb_to_recordset($2) as x(n bigint, {})
         join {} t on t.tenant_id = $1 and t.deleted_at is null and {}{}",
        joined(&names, |name| format!("{name} text")),
        quoted(&reference.target.table),
        pairs.collect::<Vec<_>>().join(" and "),
        if hold { " for key share of t" } else { "" },
    );
    let found =
        scalar::<i64>(sql).bind(tenant).bind(Value::Array(rows.collect())).fetch_all(tx.conn()).await?;
    let found: HashSet<usize> = found.into_iter().filter_map(|at| usize::try_from(at).ok()).collect();
    Ok((0..values.len()).filter(|at| !found.contains(at)).collect())
}

/// Codes and names of plants that stand, by code, for a reader of this language: they are no
/// master, and have their names in languages beside the name.
pub(super) async fn plants(tx: &mut Tx, lang: Lang, limit: i64) -> Result<Vec<(String, String)>, Error> {
    let sql = "select code, coalesce(names ->> $2, name) from plants
               where tenant_id = $1 and deleted_at is null order by code limit $3";
    sqlx::query_as(sql).bind(tx.tenant()).bind(lang.code()).bind(limit).fetch_all(tx.conn()).await
}

/// Codes and names of a small table's rows that stand, by code.
pub(super) async fn options(
    tx: &mut Tx,
    reference: &Reference,
    limit: i64,
) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let code = reference.target.columns.last().map(|name| quoted(name)).unwrap_or_default();
    let sql = format!(
        "select t.{code}, t.{} from {} t where t.tenant_id = $1 and t.deleted_at is null order by t.{code} limit $2",
        quoted(&reference.target.title),
        quoted(&reference.target.table),
    );
    sqlx::query_as(AssertSqlSafe(sql)).bind(tenant).bind(limit).fetch_all(tx.conn()).await
}

/// Which of the values other rows that stand have already: the place of the
/// value, and the key of the other row.
pub(super) async fn values_taken(
    tx: &mut Tx,
    shape: &Shape,
    column: &str,
    rows: &[&Row],
) -> Result<Vec<(usize, String)>, Error> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let tenant = tx.tenant();
    let keys = shape.master.key;
    let name = quoted(column);
    let one = |(at, row): (usize, &&Row)| -> Value {
        let wanted = keys.iter().copied().chain([column]);
        let mut given: Row =
            wanted.filter_map(|name| Some((name.to_owned(), row.get(name)?.clone()))).collect();
        given.insert("tw_n".into(), json!(at + 1));
        given.into()
    };
    let sql = format!(
        "select jsonb_build_array(x.tw_n, concat_ws(':', {}))
         from jsonb_to_recordset($2) as x(tw_n bigint, {})
         join {} t on t.tenant_id = $1 and t.{name} = x.{name} and t.deleted_at is null
         where ({}) is distinct from ({}) order by x.tw_n",
        joined(keys, |key| format!("t.{}", quoted(key))),
        joined(keys.iter().copied().chain([column]), |name| format!(
            "{} {}",
            quoted(name),
            shape.type_of(name)
        )),
        quoted(shape.master.table),
        joined(keys, |key| format!("t.{}", quoted(key))),
        joined(keys, |key| format!("x.{}", quoted(key))),
    );
    let given: Vec<Value> = rows.iter().enumerate().map(one).collect();
    let found = scalar::<Value>(sql).bind(tenant).bind(Value::Array(given)).fetch_all(tx.conn()).await?;
    Ok(found.iter().filter_map(numbered).collect())
}

/// Writes new rows.
pub(super) async fn rows_insert(tx: &mut Tx, shape: &Shape, rows: &[&Row]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let sql = format!(
        "insert into {0} (tenant_id, {1}) select $1, {2} from jsonb_populate_recordset(null::{0}, $2) x",
        quoted(shape.master.table),
        joined(&shape.written, quoted),
        joined(&shape.written, |name| format!("x.{}", quoted(name))),
    );
    sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(given(shape, rows)).execute(tx.conn()).await?;
    Ok(())
}

/// Writes rows over those with their keys, which stand again if they were
/// deleted.
pub(super) async fn rows_update(tx: &mut Tx, shape: &Shape, rows: &[&Row]) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let keys = shape.master.key;
    let plain = shape.written.iter().filter(|name| !keys.contains(&name.as_str()));
    let sql = format!(
        "update {0} t set {1}deleted_at = null, version = t.version + 1
         from jsonb_populate_recordset(null::{0}, $2) x where t.tenant_id = $1 and {2}",
        quoted(shape.master.table),
        plain.map(|name| format!("{0} = x.{0}, ", quoted(name))).collect::<String>(),
        keys.iter().map(|key| format!("t.{0} = x.{0}", quoted(key))).collect::<Vec<_>>().join(" and "),
    );
    sqlx::query(AssertSqlSafe(sql)).bind(tenant).bind(given(shape, rows)).execute(tx.conn()).await?;
    Ok(())
}

/// Marks a row as deleted, or not any more.
pub(super) async fn row_mark(tx: &mut Tx, shape: &Shape, key: &[String], deleted: bool) -> Result<(), Error> {
    let tenant = tx.tenant();
    let at = shape
        .master
        .key
        .iter()
        .enumerate()
        .map(|(at, name)| format!("t.{} = ${}::text::{}", quoted(name), at + 2, shape.type_of(name)));
    let sql = format!(
        "update {} t set deleted_at = {}, version = t.version + 1 where t.tenant_id = $1 and {}",
        quoted(shape.master.table),
        if deleted { "now()" } else { "null" },
        at.collect::<Vec<_>>().join(" and "),
    );
    let mut statement = sqlx::query(AssertSqlSafe(sql)).bind(tenant);
    for part in key {
        statement = statement.bind(part);
    }
    statement.execute(tx.conn()).await?;
    Ok(())
}

/// Sensitive fields are of masters whose key is one text.
fn key_column(master: &Master) -> String {
    quoted(master.key.first().copied().unwrap_or_default())
}

/// What is sealed in a column of a row.
pub(super) async fn sealed_one(
    tx: &mut Tx,
    master: &Master,
    column: &str,
    key: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let tenant = tx.tenant();
    let sql = format!(
        "select {} from {} where tenant_id = $1 and {} = $2",
        quoted(column),
        quoted(master.table),
        key_column(master),
    );
    let found =
        scalar::<Option<Vec<u8>>>(sql).bind(tenant).bind(key.to_owned()).fetch_optional(tx.conn()).await?;
    Ok(found.flatten())
}

/// Keys of rows with something in a sealed column, and what; locked until the
/// commit.
pub(super) async fn sealed_all(
    tx: &mut Tx,
    master: &Master,
    column: &str,
) -> Result<Vec<(String, Vec<u8>)>, Error> {
    let tenant = tx.tenant();
    let sql = format!(
        "select {0}, {1} from {2} where tenant_id = $1 and {1} is not null for update",
        key_column(master),
        quoted(column),
        quoted(master.table),
    );
    sqlx::query_as(AssertSqlSafe(sql)).bind(tenant).fetch_all(tx.conn()).await
}

/// Writes a sealed column and what it is found by.
pub(super) async fn sealed_set(
    tx: &mut Tx,
    master: &Master,
    (column, index): (&str, &str),
    key: &str,
    sealed: &[u8],
    found_by: &[u8],
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let sql = format!(
        "update {} set {} = $3, {} = $4 where tenant_id = $1 and {} = $2",
        quoted(master.table),
        quoted(column),
        quoted(index),
        key_column(master),
    );
    sqlx::query(AssertSqlSafe(sql))
        .bind(tenant)
        .bind(key.to_owned())
        .bind(sealed.to_vec())
        .bind(found_by.to_vec())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Keeps others from writing the master until the commit, where values must not
/// be shared.
pub(super) async fn lock(tx: &mut Tx, shape: &Shape) -> Result<(), Error> {
    let name = format!("master {} {}", tx.tenant(), shape.master.table);
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1, 0))", name).execute(tx.conn()).await?;
    Ok(())
}

/// How many rows there are along a lane. Reads all of them.
pub(super) async fn rows_count(
    tx: &mut Tx,
    shape: &Shape,
    query: &ListQuery,
    lane: &Lane,
) -> Result<i64, Error> {
    let tenant = tx.tenant();
    let plants = tx.plants().clone();
    let all = usize::try_from(i64::MAX).unwrap_or(usize::MAX);
    let (sql, bound) = page_sql(shape, query, lane, None, all, &plants);
    let mut statement = scalar::<i64>(format!("select count(*) from ({sql}) c")).bind(tenant);
    for value in bound {
        statement = statement.bind(value);
    }
    statement.fetch_one(tx.conn()).await
}

/// See [`super::begin`].
pub(super) async fn begin(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query("select app.begin_masters($1)").bind(tenant).execute(tx.conn()).await?;
    sqlx::query("select app.begin_retention($1)").bind(tenant).execute(tx.conn()).await?;
    sqlx::query("select app.begin_names($1)").bind(tenant).execute(tx.conn()).await?;
    Ok(())
}

/// The tenant has this currency, named in all languages, of which the one in the tenant's own
/// becomes its name; one that is there stays as it is.
pub(super) async fn currency_ensure(tx: &mut Tx, currency: &Currency) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into currencies (tenant_id, currency, name, names, symbol, decimals) values ($1, $2, '', $3, $4, $5)
         on conflict do nothing",
        tenant,
        currency.code,
        currency.names().json(),
        currency.symbol,
        i16::from(currency.decimals),
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}
