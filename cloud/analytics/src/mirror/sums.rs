//! Sums by day: what dashboards ask for most, added up once. They are made of the facts by
//! the SQL below and nothing else, in the transaction that changes the facts, so they
//! always equal them.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use duckdb::{Connection, params};

use super::value::days;

/// Of inspections those of what came in: they name no operation.
macro_rules! incoming {
    () => {
        "f.stage = 7 and f.operation = 0"
    };
}

/// Of operations those through which units came: not the start of one, nor what a machine reads
/// of a unit on the way, which names it and neither a direction nor a result.
macro_rules! through {
    () => {
        "f.stage = 15 and f.action <> 1 and not (f.action = 0 and f.machine <> 0 and f.outcome = 0)"
    };
}

/// What counts of each day and plant, of the facts of days `$1` to `$2` that fulfil something
/// besides. Numbers of proto `Stage`: 3 GRN, 7 INSPECTION, 15 OPERATION, 21 SCRAP,
/// 24 PACKING, 28 DISPATCH, 37 REFUSED; of `Action`: 1 the start of an operation; of `Outcome`: 1 passed, 2 failed, 3 in part. Columns are those of `sum_day`.
macro_rules! of_days {
    ($only:literal) => {
        concat!(
            "select day, plant, sum(c1)::bigint as events, sum(c2)::bigint as received,
                    sum(c3)::bigint as operations, sum(c4)::bigint as packed, sum(c5)::bigint as dispatched,
                    sum(c6)::bigint as scrapped, sum(c7)::bigint as refused, sum(c8)::bigint as first_results,
                    sum(c9)::bigint as first_passed, sum(c10)::bigint as results, sum(c11)::bigint as rejects,
                    sum(c12)::bigint as incoming, sum(c13)::bigint as incoming_passed,
                    sum(c14)::bigint as limited, sum(c15)::bigint as outside
             from (
                 select f.day, f.plant, count(*) as c1,
                        coalesce(sum(f.units) filter (f.stage = 3), 0) as c2,
                        coalesce(sum(f.units) filter (",
            through!(),
            "), 0) as c3,
                        coalesce(sum(f.goods) filter (f.stage = 24), 0) as c4,
                        coalesce(sum(f.goods) filter (f.stage = 28), 0) as c5,
                        coalesce(sum(f.units) filter (f.stage = 21), 0) as c6,
                        count(*) filter (f.stage = 37) as c7,
                        0 as c8, 0 as c9, 0 as c10, 0 as c11, 0 as c12, 0 as c13, 0 as c14, 0 as c15
                 from fact_lifecycle f where not f.void and f.day between $1 and $2",
            $only,
            " group by all
                 union all
                 select f.day, f.plant, 0, 0, 0, 0, 0, 0, 0, count(*), count(*) filter (f.passed),
                        0, 0, 0, 0, 0, 0
                 from unit_first f where f.day between $1 and $2",
            $only,
            " group by all
                 union all
                 select f.day, f.plant, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(*), count(*) filter (f.outcome = 2),
                        count(*) filter (",
            incoming!(),
            "), count(*) filter (",
            incoming!(),
            " and f.outcome = 1), 0, 0
                 from fact_inspection f where not f.void and f.day between $1 and $2",
            $only,
            " group by all
                 union all
                 select f.day, f.plant, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, count(f.outside),
                        count(*) filter (f.outside)
                 from fact_reading f where not f.void and f.day between $1 and $2",
            $only,
            " group by all
             ) group by all"
        )
    };
}
pub(crate) use {incoming, of_days, through};

const OF_DAYS: &str = concat!("insert into sum_day ", of_days!(""));

/// How `sum_day` differs from what the facts of days `$1` to `$2` add up to.
pub(super) const DAYS_DIFFERENT: &str = concat!(
    "with made as (",
    of_days!(""),
    "), kept as (select * from sum_day where day between $1 and $2)
     select count(*)::bigint, min(day)::varchar
     from ((select * from made except all select * from kept)
           union all (select * from kept except all select * from made))"
);

/// Quarters of an hour of which a machine has a record; under machine 0 those of which any
/// machine of the plant has. What a machine did between two records is not known.
macro_rules! of_machines {
    () => {
        "with busy as (
             select distinct f.day, f.plant, f.machine, time_bucket(interval 15 minutes, f.happened_at) as slot
             from fact_lifecycle f where not f.void and f.machine <> 0 and f.day between $1 and $2)
         select day, plant, machine, count(*) from busy group by all
         union all
         select day, plant, 0, count(distinct slot) from busy group by all"
    };
}

/// How `sum_machine` differs from the facts of days `$1` to `$2`.
pub(super) const MACHINES_DIFFERENT: &str = concat!(
    "with made as (",
    of_machines!(),
    "), kept as (select * from sum_machine where day between $1 and $2)
     select count(*)::bigint, min(day)::varchar
     from ((select * from made except all select * from kept)
           union all (select * from kept except all select * from made))"
);

const OF_MACHINES: &str = concat!("insert into sum_machine ", of_machines!());

/// Adds up these days anew.
pub fn renew(conn: &Connection, touched: &BTreeSet<NaiveDate>) -> duckdb::Result<()> {
    // Days that follow each other are one stretch.
    let mut stretches: Vec<(i32, i32)> = Vec::new();
    for day in touched.iter().map(|day| days(*day)) {
        match stretches.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => stretches.push((day, day)),
        }
    }
    for (first, last) in stretches {
        let (first, last) = (duckdb::types::Value::Date32(first), duckdb::types::Value::Date32(last));
        for table in ["sum_day", "sum_machine"] {
            let sql = format!("delete from {table} where day between $1 and $2");
            conn.execute(&sql, params![first, last])?;
        }
        for sql in [OF_DAYS, OF_MACHINES] {
            conn.execute(sql, params![first, last])?;
        }
    }
    Ok(())
}

/// Adds up all days anew.
pub fn renew_all(conn: &Connection) -> duckdb::Result<()> {
    conn.execute_batch("delete from sum_day; delete from sum_machine")?;
    let span: (Option<String>, Option<String>) =
        conn.query_row("select min(day)::varchar, max(day)::varchar from fact_lifecycle", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let (Some(first), Some(last)) = span else {
        return Ok(());
    };
    for sql in [OF_DAYS, OF_MACHINES] {
        // Beyond the years of the calendar a date stays a text; DuckDB reads its own.
        let sql = sql.replace("$1", "$1::date").replace("$2", "$2::date");
        conn.execute(&sql, params![first, last])?;
    }
    Ok(())
}
