//! First-pass yield counts units: one at an operation, once, on the day on which it was first
//! inspected there. It passed if every first result there passed; retests and rework are later
//! attempts and change nothing. Made of `fact_inspection` by the SQL below and nothing else, in
//! the transaction that changes it.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDate;
use duckdb::{Connection, params};

/// Of results those of a first attempt: of operations and their inspections. An oven's load
/// that came out well says nothing of a unit, and what suppliers sent has a figure of its own.
/// Numbers of proto `Stage`: 7 INSPECTION, 15 OPERATION.
macro_rules! first_results {
    () => {
        "not f.void and f.attempt <= 1 and (f.stage = 15 or f.stage = 7 and f.operation <> 0)"
    };
}

macro_rules! of_units {
    ($only:literal) => {
        concat!(
            "select f.key, f.plant, f.operation, min(f.day) as day, min(f.happened_at) as happened_at,
                    bool_and(f.outcome = 1) as passed
             from fact_inspection f where ",
            first_results!(),
            $only,
            " group by f.key, f.plant, f.operation"
        )
    };
}

/// The units that did not pass at an operation at once, with the result by which they did not,
/// on the day of their first one; as a table to ask.
pub(crate) const SPOILT: &str = concat!(
    "(select f.* exclude (day), u.day
      from unit_first u join fact_inspection f on f.key = u.key and f.plant = u.plant and f.operation = u.operation
      where not u.passed and f.outcome <> 1 and ",
    first_results!(),
    " qualify row_number() over (partition by f.key, f.plant, f.operation
                                 order by f.happened_at, f.agent, f.epoch, f.seq, f.ordinal) = 1)"
);

/// What `of_units` answers of the units in `first_key`.
const OF_KEYS: &str =
    concat!("insert into unit_first ", of_units!(" and f.key in (select key from first_key)"));

/// And of all.
const OF_ALL: &str = concat!("insert into unit_first ", of_units!(""));

/// How `unit_first` differs from the results, of one of so many parts of the units (`$1` of
/// `$2`): in neither of them without the other.
pub(super) const DIFFERENT: &str = concat!(
    "with made as (",
    of_units!(" and f.key % $2 = $1"),
    "), kept as (select key, plant, operation, day, happened_at, passed from unit_first where key % $2 = $1)
     select count(*)::bigint, min(key)
     from ((select * from made except all select * from kept)
           union all (select * from kept except all select * from made))"
);

/// Looks at these units anew; answers the days on which something counts otherwise from now
/// on.
pub fn renew(conn: &Connection, keys: &HashSet<i64>) -> duckdb::Result<BTreeSet<NaiveDate>> {
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    put_keys(conn, "first_key", keys)?;
    const OWN: &str = "from unit_first where key in (select key from first_key)";
    conn.execute_batch(&format!(
        "create or replace temp table first_was as select * {OWN}; delete {OWN}; {OF_KEYS};"
    ))?;
    let changed = format!(
        "select distinct day::varchar from (
             (select * {OWN} except all select * from first_was)
             union all (select * from first_was except all select * {OWN}))"
    );
    let days = days(conn, &changed)?;
    conn.execute_batch("drop table first_was; drop table first_key")?;
    Ok(days)
}

/// Looks at all units anew.
pub fn renew_all(conn: &Connection) -> duckdb::Result<()> {
    conn.execute_batch("delete from unit_first")?;
    conn.execute_batch(OF_ALL)
}

/// Makes a temporary table of these UIDs; its name is one of this program's own.
pub(super) fn put_keys(conn: &Connection, table: &'static str, keys: &HashSet<i64>) -> duckdb::Result<()> {
    conn.execute_batch(&format!("create or replace temp table {table} (key bigint)"))?;
    let mut rows = conn.appender(table)?;
    for key in keys {
        rows.append_row(params![key])?;
    }
    rows.flush()
}

/// The days that a question answers.
pub(super) fn days(conn: &Connection, sql: &str) -> duckdb::Result<BTreeSet<NaiveDate>> {
    let mut asked = conn.prepare(sql)?;
    let mut rows = asked.query([])?;
    let mut days = BTreeSet::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        days.extend(text.parse::<NaiveDate>().ok());
    }
    Ok(days)
}
