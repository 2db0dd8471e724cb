//! The questions to the mirror. Their SQL is text of this file; days, plants and limits are
//! parameters. What a correction made void counts nowhere.

use std::collections::BTreeMap;

use chrono::{DateTime, Days as DaysOf, NaiveDate, Utc};
use duckdb::types::Value;
use duckdb::{Connection, Row, params_from_iter};
use serde::Serialize;
use utoipa::ToSchema;

use super::model::{Before, Span};
use crate::mirror::date;
use crate::mirror::firsts::SPOILT;
use crate::mirror::sums::{incoming, of_days, through};

/// What is asked about: days, and plants; none of them named: all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The days.
    pub span: Span,
    /// Codes of plants, or all.
    pub plants: Option<Vec<String>>,
}

/// Of every question the first three parameters: first day, last day, plants by comma, or a
/// star.
fn params(from: NaiveDate, to: NaiveDate, plants: &Option<Vec<String>>) -> [Value; 3] {
    let plants = plants.as_ref().map_or_else(|| "*".to_owned(), |codes| codes.join(","));
    [date(from), date(to), Value::Text(plants)]
}

/// Rows of these days and plants that count. Questions add them up by number, and look up names for
/// the few numbers that come out.
macro_rules! counted {
    () => {
        " where not f.void and f.day between $1 and $2 and ($3::varchar = '*' or f.plant in \
          (select id from dim_plant where list_contains(string_split($3::varchar, ','), code))) "
    };
}

/// The counts of a day at a plant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the figures are")]
pub struct Counts {
    pub events: i64,
    pub received: i64,
    pub operations: i64,
    pub packed: i64,
    pub dispatched: i64,
    pub scrapped: i64,
    pub refused: i64,
    /// Units that were inspected at an operation for the first time, and those that passed there at
    /// once.
    pub first: i64,
    pub first_passed: i64,
    /// All results, and those that failed.
    pub results: i64,
    pub rejects: i64,
    /// Incoming inspections with a result, and those that passed.
    pub incoming: i64,
    pub incoming_passed: i64,
    /// Readings that have a limit, and those beyond it.
    pub limited: i64,
    pub outside: i64,
}

impl Counts {
    /// Both together.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        self.events += other.events;
        self.received += other.received;
        self.operations += other.operations;
        self.packed += other.packed;
        self.dispatched += other.dispatched;
        self.scrapped += other.scrapped;
        self.refused += other.refused;
        self.first += other.first;
        self.first_passed += other.first_passed;
        self.results += other.results;
        self.rejects += other.rejects;
        self.incoming += other.incoming;
        self.incoming_passed += other.incoming_passed;
        self.limited += other.limited;
        self.outside += other.outside;
        self
    }
}

/// Counts by day and plant.
pub type Days = BTreeMap<(NaiveDate, String), Counts>;

/// From the sums that the mirror keeps by day.
const DAYS: &str = "
select p.code, f.day::varchar, f.events, f.received, f.operations, f.packed, f.dispatched, f.scrapped, f.refused,
       f.first_results, f.first_passed, f.results, f.rejects, f.incoming, f.incoming_passed, f.limited, f.outside
from sum_day f join dim_plant p on p.id = f.plant
where f.day between $1 and $2 and p.code <> ''
  and ($3::varchar = '*' or list_contains(string_split($3::varchar, ','), p.code))";

fn rows<T>(
    conn: &Connection,
    sql: &str,
    params: &[Value],
    mut read: impl FnMut(&Row<'_>) -> duckdb::Result<T>,
) -> duckdb::Result<Vec<T>> {
    let mut asked = conn.prepare(sql)?;
    let mut rows = asked.query(params_from_iter(params.iter()))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(read(row)?);
    }
    Ok(all)
}

fn day_of(row: &Row<'_>, at: usize) -> duckdb::Result<NaiveDate> {
    let text: String = row.get(at)?;
    Ok(text.parse().unwrap_or_default())
}

/// The counts of the days, by day and plant.
pub fn days(conn: &Connection, scope: &Scope) -> duckdb::Result<Days> {
    read_days(conn, DAYS, &params(scope.span.from, scope.span.to, &scope.plants))
}

/// Until when the days before count, while the last of those that are asked about goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Until {
    /// At plants, by the time of the day there.
    pub plants: Vec<(String, DateTime<Utc>)>,
    /// At any other.
    pub others: DateTime<Utc>,
}

/// As the sums by day, of facts before a moment of each plant; `$4` and `$5` are plants and
/// their moments, `$6` that of others.
const DAYS_UNTIL: &str = concat!(
    "with cut as (
         -- Without any plant the list of moments is one that says nothing.
         select p.id, p.code, coalesce(
                    nullif(list_extract(string_split($5::varchar, ','),
                                        list_position(string_split($4::varchar, ','), p.code)), ''),
                    $6::varchar)::timestamp as until
         from dim_plant p
         where p.code <> ''
           and ($3::varchar = '*' or list_contains(string_split($3::varchar, ','), p.code))),
     sums as (",
    of_days!(" and f.happened_at < (select cut.until from cut where cut.id = f.plant)"),
    ")
     select c.code, f.day::varchar, f.events, f.received, f.operations, f.packed, f.dispatched, f.scrapped,
            f.refused, f.first_results, f.first_passed, f.results, f.rejects, f.incoming, f.incoming_passed,
            f.limited, f.outside
     from sums f join cut c on c.id = f.plant"
);

/// The counts of the days that others are compared with. Of the last of them, where they are
/// to count up to a moment, the facts are asked: the sums know whole days.
pub fn before(
    conn: &Connection,
    plants: &Option<Vec<String>>,
    before: &Before,
    until: Option<&Until>,
) -> duckdb::Result<Days> {
    let mut days = read_days(conn, DAYS, &params(before.from, before.to, plants))?;
    let Some(until) = until else { return Ok(days) };
    // A shift that began the day before goes on in the morning, and plants are up to a day
    // apart.
    let from = before.to.checked_sub_days(DaysOf::new(2)).unwrap_or(before.to).max(before.from);
    days.retain(|(day, _), _| *day < from);
    let text = |at: &DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let (codes, moments): (Vec<&str>, Vec<String>) =
        until.plants.iter().map(|(plant, at)| (plant.as_str(), text(at))).unzip();
    let mut params = params(from, before.to, plants).to_vec();
    params.extend([codes.join(","), moments.join(","), text(&until.others)].map(Value::Text));
    days.extend(read_days(conn, DAYS_UNTIL, &params)?);
    Ok(days)
}

fn read_days(conn: &Connection, sql: &str, params: &[Value]) -> duckdb::Result<Days> {
    let days = rows(conn, sql, params, |row| {
        let counts = Counts {
            events: row.get(2)?,
            received: row.get(3)?,
            operations: row.get(4)?,
            packed: row.get(5)?,
            dispatched: row.get(6)?,
            scrapped: row.get(7)?,
            refused: row.get(8)?,
            first: row.get(9)?,
            first_passed: row.get(10)?,
            results: row.get(11)?,
            rejects: row.get(12)?,
            incoming: row.get(13)?,
            incoming_passed: row.get(14)?,
            limited: row.get(15)?,
            outside: row.get(16)?,
        };
        Ok(((day_of(row, 1)?, row.get::<_, String>(0)?), counts))
    })?;
    Ok(days.into_iter().collect())
}

/// Something that is counted, such as a reason of rejects.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = DashboardBar)]
pub struct Bar {
    /// Its code; empty where none was told.
    pub code: String,
    /// Its plant, where codes are a plant's own; else empty.
    pub plant: String,
    /// Its name, where it has one.
    pub name: String,
    /// How many.
    pub count: i64,
    /// Of how many.
    pub of: i64,
}

/// Bars of one kind, and what those add up to that were too many to list.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = DashboardBars)]
pub struct Bars {
    /// Most first, at most 200.
    pub bars: Vec<Bar>,
    /// How many more there are.
    pub left_out: i64,
    /// What those count.
    pub left_out_count: i64,
}

/// Most bars that are listed.
const BARS: usize = 200;

fn bars(conn: &Connection, sql: &str, scope: &Scope) -> duckdb::Result<Bars> {
    let params = params(scope.span.from, scope.span.to, &scope.plants);
    let all = rows(conn, sql, &params, |row| {
        Ok(Bar {
            code: row.get(0)?,
            plant: row.get(1)?,
            name: row.get(2)?,
            count: row.get(3)?,
            of: row.get(4)?,
        })
    })?;
    let more = all.get(BARS..).unwrap_or_default();
    Ok(Bars {
        left_out: i64::try_from(more.len()).unwrap_or(i64::MAX),
        left_out_count: more.iter().map(|bar| bar.count).sum(),
        bars: all.into_iter().take(BARS).collect(),
    })
}

/// Failed results by reason, most first: a Pareto.
pub fn rejects(conn: &Connection, scope: &Scope) -> duckdb::Result<Bars> {
    const SQL: &str = concat!(
        "select r.code, '', r.name, f.n, (sum(f.n) over ())::bigint
         from (select f.reason, count(*)::bigint as n from fact_inspection f",
        counted!(),
        "and f.outcome = 2 group by f.reason) f join dim_reason r on r.id = f.reason
         order by f.n desc, r.code limit 10000"
    );
    bars(conn, SQL, scope)
}

/// Readings beyond their limits, by what was read, of those that have limits.
pub fn outside(conn: &Connection, scope: &Scope) -> duckdb::Result<Bars> {
    const SQL: &str = concat!(
        "select r.code, '', r.name, f.n, f.all_of
         from (select f.reading, (count(*) filter (f.outside))::bigint as n, count(*)::bigint as all_of
               from fact_reading f",
        counted!(),
        "and f.outside is not null group by f.reading) f join dim_reading r on r.id = f.reading
         order by f.n desc, r.code limit 10000"
    );
    bars(conn, SQL, scope)
}

/// Machines, by the quarter hours of which there is a record of them, of all quarter hours of
/// which there is one of any machine of their plant: a machine is measured against the time in which
/// its plant worked, and one that says nothing at all is not listed as idle.
pub fn machines(conn: &Connection, scope: &Scope) -> duckdb::Result<Bars> {
    const SQL: &str = "
        with f as (
            select s.plant, s.machine, sum(s.slots)::bigint as slots from sum_machine s
            join dim_plant p on p.id = s.plant
            where s.day between $1 and $2
              and ($3::varchar = '*' or list_contains(string_split($3::varchar, ','), p.code))
            group by all)
        select m.code, p.code, m.name, f.slots, w.slots
        from f join f w on w.plant = f.plant and w.machine = 0
        join dim_machine m on m.id = f.machine join dim_plant p on p.id = f.plant
        where f.machine <> 0 order by f.slots desc, p.code, m.code limit 10000";
    bars(conn, SQL, scope)
}

/// Suppliers, by incoming inspections that failed, of those that had a result.
pub fn suppliers(conn: &Connection, scope: &Scope) -> duckdb::Result<Bars> {
    const SQL: &str = concat!(
        "select s.code, '', s.name, f.n, f.all_of
         from (select f.supplier, (count(*) filter (f.outcome = 2))::bigint as n, count(*)::bigint as all_of
               from fact_inspection f",
        counted!(),
        "and ",
        incoming!(),
        " group by f.supplier) f join dim_supplier s on s.id = f.supplier
         order by f.n desc, f.all_of desc, s.code limit 10000"
    );
    bars(conn, SQL, scope)
}

/// Units received, by supplier.
pub fn receipts(conn: &Connection, scope: &Scope) -> duckdb::Result<Bars> {
    const SQL: &str = concat!(
        "select s.code, '', s.name, f.n, (sum(f.n) over ())::bigint
         from (select f.supplier, sum(f.units)::bigint as n from fact_lifecycle f",
        counted!(),
        "and f.stage = 3 group by f.supplier) f join dim_supplier s on s.id = f.supplier
         order by f.n desc, s.code limit 10000"
    );
    bars(conn, SQL, scope)
}

/// An event behind a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Agent's id.
    pub agent: String,
    /// Its epoch.
    pub epoch: i32,
    /// Its seq.
    pub seq: i64,
    /// Row of the event, where the figure counts rows of it.
    pub ordinal: i64,
    /// Microseconds of its time, UTC.
    pub at_us: i64,
    /// Plant.
    pub plant: String,
    /// Number of the stage.
    pub stage: i16,
    /// Station.
    pub station: String,
    /// Machine.
    pub machine: String,
    /// Item.
    pub item: String,
    /// The UID, if it has one.
    pub key: Option<i64>,
    /// How much it adds to the figure.
    pub adds: i64,
    /// What was read, with its limits; or the reason.
    pub detail: String,
}

/// Which events make up a figure: the table, and which of its rows.
fn behind_sql(kpi: super::model::Kpi) -> Option<(&'static str, &'static str, &'static str, &'static str)> {
    use super::model::Kpi;
    let life = |only| Some(("fact_lifecycle", only, "f.units::bigint", "0::bigint"));
    let goods = |only| Some(("fact_lifecycle", only, "f.goods::bigint", "0::bigint"));
    let seen = |only| Some(("fact_inspection", only, "1::bigint", "f.ordinal::bigint"));
    match kpi {
        Kpi::Received => life("f.stage = 3"),
        Kpi::Operations => life(through!()),
        Kpi::Packed => goods("f.stage = 24 and f.goods > 0"),
        Kpi::Dispatched => goods("f.stage = 28 and f.goods > 0"),
        Kpi::Scrapped => life("f.stage = 21"),
        Kpi::Refused => Some(("fact_lifecycle", "f.stage = 37", "1::bigint", "0::bigint")),
        // Of a share what spoils it.
        Kpi::FirstPass => Some((SPOILT, "true", "1::bigint", "f.ordinal::bigint")),
        Kpi::Rejects => seen("f.outcome = 2"),
        Kpi::IncomingPass => seen(concat!(incoming!(), " and f.outcome <> 1")),
        Kpi::Outside => Some(("fact_reading", "f.outside", "1::bigint", "f.ordinal::bigint")),
        Kpi::Records => Some(("fact_lifecycle", "f.machine <> 0", "1::bigint", "0::bigint")),
        Kpi::Wip => None,
    }
}

/// Where a page of events begins: after the row of this time and identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// Microseconds of its time.
    pub at_us: i64,
    /// Agent's id.
    pub agent: String,
    /// Epoch.
    pub epoch: i32,
    /// Seq.
    pub seq: i64,
    /// Row of it.
    pub ordinal: i64,
}

/// How an address says "where nothing is said": an empty field of a form is no filter.
pub const NOT_SAID: &str = "-";

/// What events behind a figure are narrowed to: codes, an empty one where the fact says
/// none; those left out do not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the dimensions are")]
pub struct Narrow {
    pub machine: Option<String>,
    pub reason: Option<String>,
    pub reading: Option<String>,
    pub supplier: Option<String>,
}

impl Narrow {
    /// Each that is said: the column that it is of, and its code.
    fn said(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("machine", &self.machine),
            ("reason", &self.reason),
            ("reading", &self.reading),
            ("supplier", &self.supplier),
        ];
        all.into_iter().filter_map(|(column, code)| Some((column, code.as_deref()?))).collect()
    }

    /// Whether the events of a figure can be narrowed so.
    #[must_use]
    pub fn fits(&self, kpi: super::model::Kpi) -> bool {
        let of_table = |column: &str| match behind_sql(kpi) {
            Some(("fact_reading", ..)) => matches!(column, "machine" | "reading"),
            Some(_) => matches!(column, "machine" | "reason" | "supplier"),
            None => false,
        };
        self.said().iter().all(|(column, _)| of_table(column))
    }
}

/// The events behind a figure, newest first, at most `limit`; and what all of them add up
/// to. `None` for a figure that is not of the mirror, or cannot be narrowed so.
pub fn behind(
    conn: &Connection,
    kpi: super::model::Kpi,
    (scope, narrow): (&Scope, &Narrow),
    after: Option<&After>,
    limit: usize,
) -> duckdb::Result<Option<(Vec<Behind>, i64)>> {
    let Some((table, only, adds, ordinal)) = behind_sql(kpi).filter(|_| narrow.fits(kpi)) else {
        return Ok(None);
    };
    let mut params = params(scope.span.from, scope.span.to, &scope.plants).to_vec();
    let mut counted = counted!().to_owned();
    for (column, code) in narrow.said() {
        if code.is_empty() {
            counted.push_str(&format!("and f.{column} = 0 "));
            continue;
        }
        params.push(Value::Text(code.to_owned()));
        let at = params.len();
        counted.push_str(&format!("and f.{column} in (select id from dim_{column} where code = ${at}) "));
    }
    // Names and conditions are those above; what people typed is a parameter.
    let total = format!("select coalesce(sum({adds}), 0)::bigint from {table} f{counted}and {only}");
    let total: i64 = conn.query_row(&total, params_from_iter(params.iter()), |row| row.get(0))?;
    let detail = match table {
        "fact_reading" => {
            // Numbers without the zeros that fill their six places.
            "(select code from dim_reading where id = f.reading) || ' ' \
             || coalesce(regexp_replace(f.value::varchar, '\\.?0+$', ''), '') || ' ' || f.unit \
             || ' (' || concat_ws(', ', '≥ ' || regexp_replace(f.low::varchar, '\\.?0+$', ''), \
                '≤ ' || regexp_replace(f.high::varchar, '\\.?0+$', '')) || ')'"
        }
        _ => "(select code from dim_reason where id = f.reason)",
    };
    let next = if let Some(after) = after {
        let at = params.len();
        params.extend([
            Value::BigInt(after.at_us),
            Value::Text(after.agent.clone()),
            Value::Int(after.epoch),
            Value::BigInt(after.seq),
            Value::BigInt(after.ordinal),
        ]);
        let places: Vec<String> = (at + 1..=at + 5).map(|place| format!("${place}")).collect();
        format!("and (epoch_us(f.happened_at), a.code, f.epoch, f.seq, {ordinal}) < ({}) ", places.join(", "))
    } else {
        String::new()
    };
    let sql = format!(
        "select a.code, f.epoch, f.seq, {ordinal} as ordinal, epoch_us(f.happened_at) as at_us, p.code, f.stage,
                s.code, m.code, i.code, f.key, {adds}, {detail}
         from {table} f join dim_agent a on a.id = f.agent join dim_plant p on p.id = f.plant
         join dim_station s on s.id = f.station join dim_machine m on m.id = f.machine
         join dim_item i on i.id = f.item{counted}and {only} {next}
         order by at_us desc, a.code desc, f.epoch desc, f.seq desc, ordinal desc limit {limit}"
    );
    let page = rows(conn, &sql, &params, |row| {
        Ok(Behind {
            agent: row.get(0)?,
            epoch: row.get(1)?,
            seq: row.get(2)?,
            ordinal: row.get(3)?,
            at_us: row.get(4)?,
            plant: row.get(5)?,
            stage: row.get(6)?,
            station: row.get(7)?,
            machine: row.get(8)?,
            item: row.get(9)?,
            key: row.get(10)?,
            adds: row.get(11)?,
            detail: row.get::<_, Option<String>>(12)?.unwrap_or_default(),
        })
    })?;
    Ok(Some((page, total)))
}
