//! All SQL of document numbers.

mod leases;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

pub use leases::Lease;
pub(super) use leases::{Place, counter_give_back, lease_close, lease_find, lease_insert, leases, used_in};

use super::Need;
use crate::db::Tx;
use crate::i18n::Lang;

/// A series as taking a number needs it.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub series: String,
    pub kind: String,
    pub company: String,
    pub gstin: Option<String>,
    pub plant: Option<String>,
    pub pattern: String,
    pub width: i16,
    pub starts_at: i32,
    pub reset: String,
    pub year_starts: i16,
    pub gap_free: bool,
    pub gst_rule: bool,
}

/// The series of that code; one that was closed, only where `closed` says so.
pub(super) async fn series_named(tx: &mut Tx, code: &str, closed: bool) -> Result<Option<Series>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Series,
        "select series, kind, company, gstin, plant, pattern, width, starts_at, reset, year_starts, gap_free,
                gst_rule
         from document_series where tenant_id = $1 and series = $2 and (deleted_at is null or $3)",
        tenant,
        code,
        closed,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Those of these series that stand, in no order.
pub(super) async fn series_standing(tx: &mut Tx, codes: &[String]) -> Result<Vec<Series>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Series,
        "select series, kind, company, gstin, plant, pattern, width, starts_at, reset, year_starts, gap_free,
                gst_rule
         from document_series where tenant_id = $1 and series = any($2) and deleted_at is null",
        tenant,
        codes,
    )
    .fetch_all(tx.conn())
    .await
}

/// The series for such a document: that of its registration before that of its
/// plant before that of all; where the law says how its number looks, of those that
/// keep to that.
pub(super) async fn series_for(tx: &mut Tx, need: &Need<'_>) -> Result<Option<Series>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Series,
        "select series, kind, company, gstin, plant, pattern, width, starts_at, reset, year_starts, gap_free,
                gst_rule
         from document_series
         where tenant_id = $1 and kind = $2 and company = $3 and automatic and deleted_at is null
           and (gstin is null or gstin = $4) and (plant is null or plant = $5) and (gst_rule or not $6)
         order by gstin nulls last, plant nulls last limit 1",
        tenant,
        need.kind,
        need.company,
        need.gstin,
        need.plant,
        need.by_law(),
    )
    .fetch_optional(tx.conn())
    .await
}

/// A series whose numbers stations give.
pub(super) struct OfStations {
    pub series: String,
    pub block: i32,
    /// IANA name of the plant's wall clock, by which its years begin.
    pub time_zone: String,
}

/// The series that stations of a plant name so, if its numbers are theirs to give.
pub(super) async fn series_of_station(
    tx: &mut Tx,
    plant: &str,
    name: &str,
) -> Result<Option<OfStations>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        OfStations,
        "select d.series, d.station_block as block, p.time_zone
         from document_series d join plants p on p.tenant_id = $1 and p.code = d.plant
         where d.tenant_id = $1 and d.plant = $2 and d.station_series = $3 and d.station_series is not null
           and d.deleted_at is null",
        tenant,
        plant,
        name,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Another series that stations of the plant name so.
pub(super) async fn station_taken(
    tx: &mut Tx,
    plant: &str,
    name: &str,
    series: &str,
) -> Result<Option<String>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select series from document_series
         where tenant_id = $1 and plant = $2 and station_series = $3 and station_series is not null
           and deleted_at is null and series <> $4",
        tenant,
        plant,
        name,
        series,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Makes a series, unless its code is taken or another one is there for such documents.
pub(super) async fn series_begin(
    tx: &mut Tx,
    series: &str,
    kind: &str,
    company: &str,
    pattern: &str,
    automatic: bool,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into document_series (tenant_id, series, name, kind, company, pattern, width, reset, gap_free,
                                      gst_rule, automatic)
         select $1, $2, $2, $3, $4, $5, 4, 'year', true, false, $6
         where not $6 or not exists (
             select from document_series
             where tenant_id = $1 and kind = $3 and company = $4 and automatic and deleted_at is null)
         on conflict do nothing",
        tenant,
        series,
        kind,
        company,
        pattern,
        automatic,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes `count` numbers off the counter, which opens by itself; answers the first.
/// The counter's row is locked until the commit.
pub(super) async fn counter_take(
    tx: &mut Tx,
    series: &Series,
    period: NaiveDate,
    count: i64,
) -> Result<i64, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"insert into document_periods as p (tenant_id, series, period_from, first, next)
           values ($1, $2, $3, $4, $4::bigint + $5)
           on conflict (tenant_id, series, period_from) do update set next = p.next + $5
           returning next - $5 as "first!""#,
        tenant,
        series.series,
        period,
        i64::from(series.starts_at),
        count,
    )
    .fetch_one(tx.conn())
    .await
}

/// The next number of a block that nobody else is taking from just now. Materialized:
/// looked for again within the join, another block could be found as well.
pub(super) async fn block_take(tx: &mut Tx, series: &str, period: NaiveDate) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"with free as materialized (
             select first from document_blocks
             where tenant_id = $1 and series = $2 and period_from = $3 and next <= last
             order by first limit 1 for update skip locked)
           update document_blocks b set next = b.next + 1 from free
           where b.tenant_id = $1 and b.series = $2 and b.period_from = $3 and b.first = free.first
           returning b.next - 1 as "seq!""#,
        tenant,
        series,
        period,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Keeps a new block, of which its first number is taken already, and forgets those
/// that are used up and that nobody holds.
pub(super) async fn block_keep(
    tx: &mut Tx,
    series: &str,
    period: NaiveDate,
    first: i64,
    last: i64,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "delete from document_blocks b using (
             select first from document_blocks
             where tenant_id = $1 and series = $2 and period_from = $3 and next > last
             for update skip locked) spent
         where b.tenant_id = $1 and b.series = $2 and b.period_from = $3 and b.first = spent.first",
        tenant,
        series,
        period,
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        "insert into document_blocks (tenant_id, series, period_from, first, last, next)
         values ($1, $2, $3, $4, $5, $4::bigint + 1)",
        tenant,
        series,
        period,
        first,
        last,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What is written of a number.
pub(super) struct NewNumber<'a> {
    pub series: &'a Series,
    pub period: NaiveDate,
    pub seq: i64,
    pub number: &'a str,
    pub dated: NaiveDate,
    pub document: &'a str,
    pub lease: Option<Uuid>,
}

/// Keeps a number that is given out; false when it was given out before.
pub(super) async fn number_insert(tx: &mut Tx, new: &NewNumber<'_>) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into document_numbers
             (tenant_id, company, kind, number, series, period_from, seq, dated, document, lease_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        tenant,
        new.series.company,
        new.series.kind,
        new.number,
        new.series.series,
        new.period,
        new.seq,
        new.dated,
        new.document,
        new.lease,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps numbers that no document will have.
pub(super) async fn numbers_void(
    tx: &mut Tx,
    series: &Series,
    period: NaiveDate,
    numbers: &[(i64, String)],
    dated: NaiveDate,
    lease: Option<Uuid>,
    reason: &str,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    let (seqs, texts): (Vec<i64>, Vec<String>) = numbers.iter().cloned().unzip();
    sqlx::query!(
        "insert into document_numbers
             (tenant_id, company, kind, number, series, period_from, seq, dated, lease_id, status, reason,
              voided_at, voided_by)
         select $1, $2, $3, w.number, $4, $5, w.seq, $6, $7, 'void', $8, now(), app.actor()
         from unnest($9::bigint[], $10::text[]) as w(seq, number)",
        tenant,
        series.company,
        series.kind,
        series.series,
        period,
        dated,
        lease,
        reason,
        &seqs,
        &texts,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A number that was given out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow, ToSchema)]
#[schema(as = IssuedNumber)]
pub struct Issued {
    /// Whose.
    pub company: String,
    /// Of which documents.
    pub kind: String,
    /// The number.
    pub number: String,
    /// Its series.
    pub series: String,
    /// The document's day.
    pub dated: NaiveDate,
    /// As `noun:id`; empty for one that no document got.
    pub document: String,
    /// `issued` or `void`.
    pub status: String,
    /// When it was given out.
    pub issued_at: DateTime<Utc>,
    /// By whom, as an opaque id.
    pub issued_by: String,
    /// Why it is void.
    pub reason: String,
}

/// The number, locked until the commit.
pub(super) async fn number_find(
    tx: &mut Tx,
    company: &str,
    kind: &str,
    number: &str,
) -> Result<Option<Issued>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Issued,
        "select company, kind, number, series, dated, document, status, issued_at, issued_by, reason
         from document_numbers where tenant_id = $1 and company = $2 and kind = $3 and number = $4
         for update",
        tenant,
        company,
        kind,
        number,
    )
    .fetch_optional(tx.conn())
    .await
}

/// Makes a number void.
pub(super) async fn number_void(
    tx: &mut Tx,
    company: &str,
    kind: &str,
    number: &str,
    reason: &str,
) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!(
        "update document_numbers set status = 'void', reason = $5, voided_at = now(), voided_by = app.actor()
         where tenant_id = $1 and company = $2 and kind = $3 and number = $4",
        tenant,
        company,
        kind,
        number,
        reason,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a list of numbers is narrowed to; empty is any.
#[derive(Debug, Clone, Default)]
pub(super) struct Narrow {
    pub series: String,
    pub status: String,
    /// How the number begins.
    pub begins: String,
    pub after: Option<(DateTime<Utc>, String)>,
    /// Those of series of these plants and of none; `None` for all that the transaction sees.
    pub plants: Option<Vec<String>>,
    pub limit: i64,
}

/// Numbers, the newest first; by number where a beginning is asked for. Each
/// combination goes along its own index.
pub(super) async fn numbers(tx: &mut Tx, narrow: &Narrow) -> Result<Vec<Issued>, Error> {
    let tenant = tx.tenant();
    let mut conditions = vec!["tenant_id = $1".to_owned()];
    let mut bound: Vec<String> = Vec::new();
    let mut is = |column: &str, value: &str| {
        bound.push(value.to_owned());
        format!("{column} ${}", bound.len() + 1)
    };
    if !narrow.series.is_empty() {
        conditions.push(is("series =", &narrow.series));
    }
    if !narrow.status.is_empty() {
        conditions.push(is("status =", &narrow.status));
    }
    if let Some(plants) = &narrow.plants {
        let plants = is("", &plants.join(","));
        conditions.push(format!("(plant is null or plant = any (string_to_array({plants}, ',')))"));
    }
    let order = if narrow.begins.is_empty() {
        if let Some((at, number)) = &narrow.after {
            let at = format!("{}::text::timestamptz", is("", &at.to_rfc3339()));
            conditions.push(format!("(issued_at, number) < ({at}, {})", is("", number)));
        }
        "issued_at desc, number desc"
    } else {
        conditions.push(is("number >=", &narrow.begins));
        conditions.push(is("number <", &format!("{}{}", narrow.begins, char::MAX)));
        if let Some((_, number)) = &narrow.after {
            conditions.push(is("number >", number));
        }
        "number"
    };
    let sql = format!(
        "select company, kind, number, series, dated, document, status, issued_at, issued_by, reason
         from document_numbers
         where {} order by {order} limit {}",
        conditions.join(" and "),
        narrow.limit,
    );
    let mut query = sqlx::query_as::<_, Issued>(sqlx::AssertSqlSafe(sql)).bind(tenant);
    for value in bound {
        query = query.bind(value);
    }
    query.fetch_all(tx.conn()).await
}

/// The next number of a period, without taking it; `None` before its first.
async fn counter_next(tx: &mut Tx, series: &str, period: NaiveDate) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select next from document_periods where tenant_id = $1 and series = $2 and period_from = $3",
        tenant,
        series,
        period,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The next number of the first block that is not used up: whoever takes one takes it, unless
/// somebody else does just now.
async fn block_next(tx: &mut Tx, series: &str, period: NaiveDate) -> Result<Option<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select next from document_blocks
         where tenant_id = $1 and series = $2 and period_from = $3 and next <= last
         order by first limit 1",
        tenant,
        series,
        period,
    )
    .fetch_optional(tx.conn())
    .await
}

/// The number that the next taker of a period gets: of a series that may leave gaps, what lies
/// in a block comes before the counter.
pub(super) async fn upcoming(tx: &mut Tx, series: &Series, period: NaiveDate) -> Result<i64, Error> {
    if !series.gap_free
        && let Some(next) = block_next(tx, &series.series, period).await?
    {
        return Ok(next);
    }
    let next = counter_next(tx, &series.series, period).await?;
    Ok(next.unwrap_or_else(|| series.starts_at.into()))
}

/// What a period of a series gave out: the table of documents issued that GSTR-1
/// asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SeriesPeriod)]
pub struct Period {
    /// Its first day.
    pub period_from: NaiveDate,
    /// The first number, by count, and the last.
    pub from_number: String,
    /// The last number.
    pub to_number: String,
    /// Numbers given out, void ones among them.
    pub total: i64,
    /// Void ones.
    pub void: i64,
    /// Lent, and not used yet.
    pub lent: i64,
    /// Cut off for takers of a series that may leave gaps, and not used yet.
    pub waiting: i64,
    /// Neither given out nor lent: of a series without gaps there are none.
    pub missing: i64,
}

/// The last `limit` periods of a series, the newest first.
pub(super) async fn periods(tx: &mut Tx, series: &str, limit: i64) -> Result<Vec<Period>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Period,
        r#"select p.period_from,
                  coalesce((select number from document_numbers n where n.tenant_id = $1 and n.series = $2
                            and n.period_from = p.period_from order by seq limit 1), '') as "from_number!",
                  coalesce((select number from document_numbers n where n.tenant_id = $1 and n.series = $2
                            and n.period_from = p.period_from order by seq desc limit 1), '') as "to_number!",
                  c.total as "total!", c.void as "void!", l.lent as "lent!", b.waiting as "waiting!",
                  p.next - p.first - c.total - l.lent - b.waiting as "missing!"
           from document_periods p
           cross join lateral (
               select count(*) as total, count(*) filter (where status = 'void') as void
               from document_numbers n
               where n.tenant_id = $1 and n.series = $2 and n.period_from = p.period_from) c
           cross join lateral (
               select coalesce(sum(e.last - e.first + 1 - (
                   select count(*) from document_numbers n
                   where n.tenant_id = $1 and n.series = $2 and n.period_from = p.period_from
                     and n.seq >= e.first and n.seq <= e.last)), 0)::bigint as lent
               from document_leases e
               where e.tenant_id = $1 and e.series = $2 and e.period_from = p.period_from and e.status = 'open') l
           cross join lateral (
               select coalesce(sum(k.last - k.next + 1), 0)::bigint as waiting from document_blocks k
               where k.tenant_id = $1 and k.series = $2 and k.period_from = p.period_from) b
           where p.tenant_id = $1 and p.series = $2 order by p.period_from desc limit $3"#,
        tenant,
        series,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Whether a series has given out anything.
pub(super) async fn series_used(tx: &mut Tx, series: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        "select 1 as one from document_periods where tenant_id = $1 and series = $2 limit 1",
        tenant,
        series,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.is_some())
}

/// A series beside which another may be defined.
#[derive(Debug, Clone)]
pub(super) struct Neighbour {
    pub series: String,
    pub pattern: String,
    pub width: i16,
    pub gstin: Option<String>,
    pub plant: Option<String>,
    pub automatic: bool,
    pub deleted: bool,
}

/// All series of a company for a kind, closed ones too.
pub(super) async fn neighbours(tx: &mut Tx, company: &str, kind: &str) -> Result<Vec<Neighbour>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Neighbour,
        r#"select series, pattern, width, gstin, plant, automatic, deleted_at is not null as "deleted!"
           from document_series where tenant_id = $1 and company = $2 and kind = $3 order by series"#,
        tenant,
        company,
        kind,
    )
    .fetch_all(tx.conn())
    .await
}

/// A series as the pages show it.
#[derive(Debug, Clone)]
pub(super) struct Overview {
    pub series: String,
    pub name: String,
    pub kind: String,
    pub company: String,
    pub gap_free: bool,
    pub closed: bool,
    pub plant: Option<String>,
    /// As stations of the plant name it, where its numbers are theirs to give.
    pub station_series: Option<String>,
}

/// Series that stand, by code, with their names in a language.
pub(super) async fn overview(tx: &mut Tx, limit: i64, lang: Lang) -> Result<Vec<Overview>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Overview,
        r#"select series, coalesce(names ->> $3, name) as "name!", kind, company, gap_free, false as "closed!",
                  plant, station_series
           from document_series where tenant_id = $1 and deleted_at is null order by series limit $2"#,
        tenant,
        limit,
        lang.code(),
    )
    .fetch_all(tx.conn())
    .await
}

/// One series, closed or not, with its name in a language.
pub(super) async fn overview_of(tx: &mut Tx, series: &str, lang: Lang) -> Result<Option<Overview>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Overview,
        r#"select series, coalesce(names ->> $3, name) as "name!", kind, company, gap_free,
                  deleted_at is not null as "closed!", plant, station_series
           from document_series where tenant_id = $1 and series = $2"#,
        tenant,
        series,
        lang.code(),
    )
    .fetch_optional(tx.conn())
    .await
}
