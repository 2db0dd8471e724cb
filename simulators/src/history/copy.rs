//! A history as rows for `COPY … FROM STDIN`: what the cloud's ingest would write.

use std::fmt::Write;

use uuid::Uuid;

use super::{Fact, PLANT, Thing};

/// Columns of [`links`].
pub const LINK_COLUMNS: &str =
    "tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, seq, ordinal";
/// Columns of [`births`].
pub const BIRTH_COLUMNS: &str = "tenant_id, key, item, unit, plant, location, born_agent, born_epoch, born_seq, \
     born_at, last_at, last_stage, events";

/// Adds the rows of `uid_links` of a fact.
pub fn links(fact: &Fact, tenant: Uuid, agent: Uuid, out: &mut String) {
    for (ordinal, link) in fact.links.iter().enumerate() {
        let at = time(fact);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{tenant}\t{}\t{}\t{}\t{}\tpcs\t{at}\t{agent}\t1\t{}\t{ordinal}",
            link.from, link.to, link.kind, link.effect, fact.number
        );
    }
}

/// Adds the rows of `uid_registry` of the UIDs that a fact mints.
pub fn births(fact: &Fact, tenant: Uuid, agent: Uuid, out: &mut String) {
    for part in fact.parts.iter().filter(|part| part.mint) {
        let item = Thing::of(part.key).map_or("", |thing| thing.names().1);
        let (at, stage, number) = (time(fact), fact.stage as i32, fact.number);
        let _ = writeln!(
            out,
            "{tenant}\t{}\t{item}\tpcs\t{PLANT}\tHALL-{}\t{agent}\t1\t{number}\t{at}\t{at}\t{stage}\t1",
            part.key,
            part.key.rem_euclid(9)
        );
    }
}

/// The time as Postgres reads it.
fn time(fact: &Fact) -> String {
    let (seconds, micros) = (fact.at_us.div_euclid(1_000_000), fact.at_us.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1970 to a date (H. Hinnant, days_from_civil).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 {
        (year_of_era + era * 400, month + 3)
    } else {
        (year_of_era + era * 400 + 1, month - 9)
    };
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{micros:06}+00",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Plan;

    #[test]
    fn rows_have_as_many_fields_as_there_are_columns() {
        let plan = Plan { seed: 1, families: 1, scale: 4 };
        let (mut of_links, mut of_births) = (String::new(), String::new());
        for fact in plan.facts() {
            links(&fact, Uuid::nil(), Uuid::nil(), &mut of_links);
            births(&fact, Uuid::nil(), Uuid::nil(), &mut of_births);
        }
        for (rows, columns, count) in
            [(of_links, LINK_COLUMNS, plan.links()), (of_births, BIRTH_COLUMNS, plan.uids())]
        {
            assert_eq!(rows.lines().count() as u64, count);
            assert!(rows.lines().all(|row| row.split('\t').count() == columns.split(',').count()));
        }
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |at_us| {
            let mut fact = Plan { seed: 1, families: 1, scale: 4 }.facts().next().expect("a fact");
            fact.at_us = at_us;
            time(&fact)
        };
        assert_eq!(at(0), "1970-01-01 00:00:00.000000+00");
        assert_eq!(at(1_709_209_805_250_000), "2024-02-29 12:30:05.250000+00");
        assert_eq!(at(1_736_121_600_000_000), "2025-01-06 00:00:00.000000+00");
    }
}
