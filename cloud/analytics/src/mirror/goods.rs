//! How many goods an event packed or sent away: units, each once, and never the packages around
//! them. Made of `fact_packing` and the genealogy by the SQL below and nothing else, in the
//! transaction that changes those.
//!
//! PACKING counts the goods that went in by themselves; a package that goes into another one
//! counts none again. DISPATCH counts all goods that left: those that it names, and those that
//! were in what it names at that moment, however deep, whether it names them too or, as an
//! imported history does, only the package. A package is what something was packed into, and
//! that was itself made of nothing.

use std::collections::{BTreeSet, HashSet};

use chrono::NaiveDate;
use duckdb::Connection;

use super::firsts::{days, put_keys};
use super::source::{LinkRow, RETURN, Step};

/// Numbers of proto `Stage` of which `fact_packing` keeps the UIDs: KIT and PACKING put into
/// packages and take out, DISPATCH sends away, RETURN brings back.
pub(super) const STAGES: [i16; 4] = [14, 24, 28, RETURN];

/// Whether an event of this stage puts into a package or takes out of it.
pub(super) fn packs(stage: i16) -> bool {
    matches!(stage, 14 | 24)
}

/// Kinds of links by which something is made: used up into, and a part of.
const MAKES: [i16; 2] = [1, 2];

/// What the events in `asked` (agent, epoch, seq, with all of an agent's moment) count. Of role
/// 4, PARENT, is the package of a content; of actions 2 takes out; of kinds of links 1 and 2
/// make something, of their effects 1 opens and 3 voids. A stay ends when its content is taken
/// out of that package or put into any, or comes back by itself: by a RETURN (stage 34) of it, in
/// role 0 or 1, that does not name the package. What one agent says at one moment is one dispatch, though
/// it is in several events: long lists are cut. `packing` is `fact_packing`, or those of its rows
/// that decide ([`PART`]).
macro_rules! made {
    ($packing:literal, $asked:literal) => {
        concat!(
            "with recursive asked as (",
            $asked,
            "),
             turn as not materialized (
                 select f.key as content, f.package, f.happened_at as moment, f.agent, f.epoch, f.seq, f.ordinal,
                        f.action <> 2 as goes_in
                 from ",
            $packing,
            " f where f.package is not null and f.package <> f.key and not f.void),
             leaves as (
                 select f.agent, f.epoch, f.seq, f.happened_at as moment, f.key
                 from ",
            $packing,
            " f join asked a on a.agent = f.agent and a.epoch = f.epoch and a.seq = f.seq
                 where f.stage = 28 and not f.void),
             near(key) as (
                 select key from leaves
                 union
                 select t.content from near n join turn t on t.package = n.key),
             stay as materialized (
                 select content, package, moment as since, goes_in,
                        least(coalesce(min(moment) filter (where goes_in) over (
                                           partition by content order by moment, agent, epoch, seq, ordinal
                                           rows between 1 following and unbounded following), 'infinity'::timestamp),
                              coalesce(min(moment) filter (where not goes_in) over (
                                           partition by content, package order by moment, agent, epoch, seq, ordinal
                                           rows between 1 following and unbounded following), 'infinity'::timestamp),
                              coalesce((select min(b.happened_at) from ",
            $packing,
            " b
                                        where b.stage = 34 and b.role in (0, 1) and not b.void
                                          and b.key = turn.content and b.happened_at >= turn.moment
                                          and not exists (
                                              select 1 from ",
            $packing,
            " p
                                              where p.agent = b.agent and p.epoch = b.epoch and p.seq = b.seq
                                                and p.key = turn.package)), 'infinity'::timestamp))
                            as until
                 from turn where content in (select key from near)),
             inside(agent, epoch, seq, moment, key) as (
                 select agent, epoch, seq, moment, key from leaves
                 union
                 select i.agent, i.epoch, i.seq, i.moment, s.content
                 from inside i join stay s on s.package = i.key and s.goes_in
                     and s.since <= i.moment and i.moment < s.until),
             put as (
                 select distinct f.agent, f.epoch, f.seq, f.key
                 from ",
            $packing,
            " f join asked a on a.agent = f.agent and a.epoch = f.epoch and a.seq = f.seq
                 where f.stage = 24 and f.action <> 2 and f.package is not null and f.package <> f.key and not f.void),
             parent as (
                 select distinct f.package as key from ",
            $packing,
            " f
                 where f.package is not null and f.package <> f.key and not f.void
                   and f.package in (select key from inside union select key from put)),
             package as (
                 select key from parent where key not in (
                     select to_key from (
                         select g.to_key from fact_genealogy g
                         where g.kind in (1, 2) and g.to_key in (select key from parent)
                         group by g.from_key, g.to_key, g.kind
                         having sum(case g.effect when 1 then 1 when 3 then -1 else 0 end) > 0))),
             good as (
                 select agent, epoch, min(seq) as seq, key from inside
                 where key not in (select key from package) group by agent, epoch, moment, key
                 union all
                 select agent, epoch, seq, key from put where key not in (select key from package))
             select a.agent, a.epoch, a.seq, count(g.key)::integer as goods
             from asked a left join good g on g.agent = a.agent and g.epoch = a.epoch and g.seq = a.seq
             group by all"
        )
    };
}

/// Of the events in `goods_event`.
const OF_EVENTS: &str = concat!(
    "create or replace temp table goods_now as ",
    made!("goods_part", "select agent, epoch, seq from goods_event")
);

/// And of all.
const OF_ALL: &str = concat!(
    "create or replace temp table goods_now as ",
    made!("fact_packing", "select distinct agent, epoch, seq from fact_packing where stage in (24, 28)")
);

/// The UIDs in `goods_key`, and what they were ever in.
///
/// This and what follows are statements of their own: of a table DuckDB knows that it is small,
/// and looks the facts up in it. What comes out of a recursion it takes for large, and makes a
/// table of all facts instead, each time.
const UP: &str = "
create or replace temp table goods_up as
with recursive up(key) as (
    select distinct key from goods_key
    union
    select f.package from up join fact_packing f on f.key = up.key where f.package is not null)
select key from up";

/// The events that may count otherwise when something is told of the UIDs in `goods_key`: those
/// that name them, or what they were ever in; of a dispatch all that its agent said then.
const TOUCHED: &str = "
create or replace temp table goods_event as
with hit as (
    select distinct f.agent, f.epoch, f.happened_at from fact_packing f
    where f.stage in (24, 28) and f.key in (select key from goods_up))
select distinct f.agent, f.epoch, f.seq
from fact_packing f join hit h on h.agent = f.agent and h.epoch = f.epoch and h.happened_at = f.happened_at
where f.stage in (24, 28)";

/// The UIDs that those events name, and all that was ever in them.
const INSIDE: &str = "
create or replace temp table goods_in as
with recursive inside(key) as (
    select distinct f.key from fact_packing f
    join goods_event e on e.agent = f.agent and e.epoch = f.epoch and e.seq = f.seq
    union
    select f.key from inside i join fact_packing f on f.package = i.key)
select key from inside";

/// The rows that decide about those events, each once: of these UIDs all that was done with them
/// and all that went into them or came out. No stay counts but one in a package that is among
/// them; a RETURN that ends it has a row of the content, which is as well, and, where it names the
/// package, one of that.
const PART: &str = "
create or replace temp table goods_part as
select * from fact_packing where key in (select key from goods_in)
union all
select * from fact_packing
where package in (select key from goods_in) and key not in (select key from goods_in)";

/// Days on which `goods_now` counts otherwise than the facts do.
const CHANGED: &str = "
select distinct f.day::varchar from fact_lifecycle f
join goods_now n on n.agent = f.agent and n.epoch = f.epoch and n.seq = f.seq where n.goods <> f.goods";

const CHANGE: &str = "
update fact_lifecycle set goods = n.goods from goods_now n
where fact_lifecycle.agent = n.agent and fact_lifecycle.epoch = n.epoch and fact_lifecycle.seq = n.seq
  and fact_lifecycle.goods <> n.goods";

/// How the facts' `goods` differ from what was packed and sent, of one of so many parts of the
/// moments (`$1` of `$2`).
pub(super) const DIFFERENT: &str = concat!(
    "with made as (",
    made!(
        "fact_packing",
        "select distinct agent, epoch, seq from fact_packing
         where stage in (24, 28) and abs(epoch_us(happened_at)) % $2 = $1"
    ),
    ")
     select count(*)::bigint, min(f.seq)
     from fact_lifecycle f left join made m on m.agent = f.agent and m.epoch = f.epoch and m.seq = f.seq
     where abs(epoch_us(f.happened_at)) % $2 = $1 and f.goods <> coalesce(m.goods, 0)"
);

/// The UIDs of which a step tells what may let goods count otherwise.
pub(super) fn told(step: &Step, links: &[&LinkRow]) -> HashSet<i64> {
    let places: HashSet<_> =
        step.events.iter().filter(|event| STAGES.contains(&event.stage)).map(|event| event.place()).collect();
    let own = step.subjects.iter().filter(|s| places.contains(&(s.agent_id, s.epoch, s.seq))).map(|s| s.key);
    let made = links.iter().filter(|link| MAKES.contains(&link.kind)).map(|link| link.to_key);
    own.chain(made).collect()
}

/// Counts anew what these UIDs have part in; answers the days on which something counts
/// otherwise from now on.
pub(super) fn renew(conn: &Connection, keys: &HashSet<i64>) -> duckdb::Result<BTreeSet<NaiveDate>> {
    if keys.is_empty() {
        return Ok(BTreeSet::new());
    }
    put_keys(conn, "goods_key", keys)?;
    conn.execute_batch(UP)?;
    conn.execute_batch(TOUCHED)?;
    let none: bool = conn.query_row("select count(*) = 0 from goods_event", [], |row| row.get(0))?;
    let mut changed = BTreeSet::new();
    if !none {
        conn.execute_batch(INSIDE)?;
        conn.execute_batch(PART)?;
        conn.execute_batch(OF_EVENTS)?;
        changed = days(conn, CHANGED)?;
        conn.execute_batch(CHANGE)?;
        conn.execute_batch("drop table goods_now; drop table goods_part; drop table goods_in")?;
    }
    conn.execute_batch("drop table goods_event; drop table goods_up; drop table goods_key")?;
    Ok(changed)
}

/// Counts all anew.
pub(super) fn renew_all(conn: &Connection) -> duckdb::Result<()> {
    conn.execute_batch(OF_ALL)?;
    conn.execute_batch(CHANGE)?;
    conn.execute_batch("drop table goods_now")
}
