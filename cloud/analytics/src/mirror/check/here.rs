//! A mirror's side of the comparison: its rows as text, and what those hash to.

use duckdb::types::Value;
use duckdb::{Connection, params, params_from_iter};

use super::{Fact, Group, Groups, Look, Part};
use crate::mirror::{firsts, goods, sums};

/// The columns of a row's text, by fact, with what they say in SQL; in the order and the form
/// in which `there.rs` has them. Dimensions that are not there are told as `?`.
fn columns(fact: Fact) -> &'static str {
    match fact {
        Fact::Lifecycle => {
            "f.seq, epoch_us(f.happened_at), epoch_us(f.ingested_at), datediff('day', date '1970-01-01', f.day),
             {plant}, {station}, {machine}, {operator}, {shift}, {operation}, {item}, {supplier}, {customer},
             {reason}, f.stage, f.action, f.outcome, f.attempt, f.units, coalesce(f.key::varchar, ''), f.minted,
             coalesce(f.accepted::varchar, ''), coalesce(f.rejected::varchar, ''), {lot}, {purchase_order},
             {sales_order}, f.void::integer"
        }
        Fact::Reading => {
            "f.seq, f.ordinal, epoch_us(f.happened_at), datediff('day', date '1970-01-01', f.day), {plant},
             {station}, {machine}, {operator}, {shift}, {operation}, {item}, f.stage, f.attempt,
             coalesce(f.key::varchar, ''), {reading}, coalesce(f.value::varchar, ''), f.unit, f.quality,
             coalesce(f.low::varchar, ''), coalesce(f.high::varchar, ''),
             coalesce(f.outside::integer::varchar, ''), f.void::integer"
        }
        Fact::Inspection => {
            "f.seq, f.ordinal, epoch_us(f.happened_at), datediff('day', date '1970-01-01', f.day), {plant},
             {station}, {machine}, {operator}, {shift}, {operation}, {item}, {supplier}, {reason}, f.stage,
             f.outcome, f.attempt, f.key, {lot}, {purchase_order}, f.void::integer"
        }
        Fact::Packing => {
            "f.seq, f.ordinal, epoch_us(f.happened_at), datediff('day', date '1970-01-01', f.day), {plant},
             f.stage, f.action, f.role, f.key, coalesce(f.package::varchar, ''), f.void::integer"
        }
        Fact::Genealogy => {
            "{agent}, f.epoch, f.seq, f.ordinal, f.from_key, f.to_key, epoch_us(f.happened_at),
             datediff('day', date '1970-01-01', f.day), {plant}, f.kind, f.effect,
             coalesce(f.quantity::varchar, ''), f.unit"
        }
    }
}

/// The rows of a part as `(at, row)`: names and conditions are of this program alone.
fn rows(fact: Fact) -> String {
    let mut told = columns(fact).to_owned();
    let mut joins = String::new();
    while let Some((before, rest)) = told.split_once('{') {
        let Some((name, after)) = rest.split_once('}') else { break };
        joins.push_str(&format!(" left join dim_{name} as d_{name} on d_{name}.id = f.{name}"));
        told = format!("{before}coalesce(d_{name}.code, '?'){after}");
    }
    let (table, at) = (fact.table(), fact.at());
    let only = match fact {
        Fact::Genealogy => "f.from_key between $1 and $2",
        _ => {
            "f.agent in (select id from dim_agent where code = $3) and f.epoch = $4 and f.seq between $1 and $2"
        }
    };
    format!("select f.{at} as place, concat_ws(chr(31), {told}) as line from {table} f{joins} where {only}")
}

/// What a part's rows are, by fact and, where it is wanted, by their place.
pub(super) fn groups(conn: &Connection, part: &Part, look: Look) -> duckdb::Result<Groups> {
    let mut all = Groups::new();
    let mut params = vec![Value::BigInt(part.low), Value::BigInt(part.high)];
    if let Some((agent, epoch)) = part.stream {
        params.extend([Value::Text(agent.to_string()), Value::Int(epoch)]);
    }
    for fact in part.facts() {
        let at = if look.each { "place" } else { "0::bigint" };
        let tell = if look.tell { "string_agg(line, chr(30))" } else { "null::varchar" };
        let sql = format!(
            "select {at}, count(*)::bigint, sum(('0x' || substr(md5(line), 1, 15))::bigint)::varchar, {tell}
             from ({}) group by 1",
            rows(*fact)
        );
        let mut asked = conn.prepare(&sql)?;
        let mut rows = asked.query(params_from_iter(params.iter()))?;
        while let Some(row) = rows.next()? {
            let group = Group { count: row.get(1)?, sum: row.get(2)?, rows: row.get(3)? };
            all.insert((*fact, row.get(0)?), group);
        }
    }
    Ok(all)
}

/// The streams of which the facts are: agent, epoch, and the last seq. An agent that is not
/// in its dimension is empty.
pub(super) fn streams(conn: &Connection) -> duckdb::Result<Vec<(String, i32, i64)>> {
    let mut asked = conn.prepare(
        "select coalesce(a.code, ''), f.epoch, max(f.seq)
         from (select agent, epoch, max(seq) as seq from fact_lifecycle group by all
               union all select agent, epoch, max(seq) from fact_reading group by all
               union all select agent, epoch, max(seq) from fact_inspection group by all
               union all select agent, epoch, max(seq) from fact_packing group by all) f
         left join dim_agent a on a.id = f.agent group by all",
    )?;
    let mut rows = asked.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((row.get(0)?, row.get(1)?, row.get(2)?));
    }
    Ok(all)
}

/// The months of which there are facts or sums, as their first and last days.
pub(super) fn months(conn: &Connection) -> duckdb::Result<Vec<(String, String)>> {
    let mut asked = conn.prepare(
        "select distinct date_trunc('month', day)::date::varchar, last_day(day)::varchar
         from (select distinct day from fact_lifecycle union select day from sum_day
               union select day from sum_machine) order by 1",
    )?;
    let mut rows = asked.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push((row.get(0)?, row.get(1)?));
    }
    Ok(all)
}

/// What is kept of a month beside the facts and is not what they add up to, in words.
pub(super) fn sums_of(conn: &Connection, (first, last): &(String, String)) -> duckdb::Result<Vec<String>> {
    let mut told = Vec::new();
    for (table, sql) in [("sum_day", sums::DAYS_DIFFERENT), ("sum_machine", sums::MACHINES_DIFFERENT)] {
        // As in `sums::renew_all`: days of any year are texts here.
        let sql = sql.replace("$1", "$1::date").replace("$2", "$2::date");
        let found: (i64, Option<String>) =
            conn.query_row(&sql, params![first, last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if let (count @ 1.., day) = found {
            let day = day.unwrap_or_default();
            told.push(format!("{table}, from {day}: {count} rows are not what the facts add up to"));
        }
    }
    Ok(told)
}

/// As [`sums_of`], of goods packed and sent away in one of so many parts of the moments.
pub(super) fn goods_of(conn: &Connection, part: i64, parts: i64) -> duckdb::Result<Vec<String>> {
    of_part(conn, goods::DIFFERENT, (part, parts), |count, seq| {
        format!("fact_lifecycle, from seq {seq}: {count} events count other goods than were in them")
    })
}

/// As [`sums_of`], of first inspections of one of so many parts of the units.
pub(super) fn firsts_of(conn: &Connection, part: i64, parts: i64) -> duckdb::Result<Vec<String>> {
    of_part(conn, firsts::DIFFERENT, (part, parts), |count, key| {
        format!("unit_first, from unit {key}: {count} rows are not what the results say")
    })
}

/// What differs of a part, if anything: how many, and the first of them.
fn of_part(
    conn: &Connection,
    different: &str,
    (part, parts): (i64, i64),
    say: impl FnOnce(i64, i64) -> String,
) -> duckdb::Result<Vec<String>> {
    let found: (i64, Option<i64>) =
        conn.query_row(different, params![part, parts], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(match found {
        (count @ 1.., first) => vec![say(count, first.unwrap_or_default())],
        _ => Vec::new(),
    })
}
