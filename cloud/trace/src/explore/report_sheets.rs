//! A report as the sheets of a workbook. Pure.
//!
//! Quantities are numbers and times are dates, by the reader's clock, so that a spreadsheet
//! can count with both; a sheet that does not hold all says so in its first row.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::i18n::Texts;
use platform::web::{TIME, WorkSheet, harmless};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use super::model::{Destinations, EventView, Sources, Walk};
use super::report::{Report, ends_cut, is_cut};
use crate::pages::say;
use crate::pages::words::Words;

/// A spreadsheet's numbers hold every decimal of fifteen digits.
const EXACT: u128 = 999_999_999_999_999;

/// In whose words and at whose clock.
struct Reader<'a> {
    texts: &'a Texts,
    words: &'a Words,
    zone: Tz,
}

/// A text, as a cell that no spreadsheet takes for a formula.
pub(crate) fn cell(text: &str) -> Value {
    harmless(text.to_owned()).into()
}

/// A number; one of more digits than a spreadsheet keeps stays a text.
pub(crate) fn number(value: Decimal) -> Value {
    let value = value.normalize();
    match value.to_f64() {
        Some(number) if value.mantissa().unsigned_abs() <= EXACT => number.into(),
        _ => value.to_string().into(),
    }
}

fn decimal(value: Option<Decimal>) -> Value {
    value.map_or(Value::Null, number)
}

impl Reader<'_> {
    /// A time as the reader's clock shows it.
    fn time(&self, at: DateTime<Utc>) -> Value {
        at.with_timezone(&self.zone).format(TIME).to_string().into()
    }

    fn t(&self, key: &str) -> Value {
        self.texts.t(key).into()
    }

    /// What a code is called, and the code where it has no name.
    fn name(&self, prefix: &str, code: &str) -> Value {
        if code.is_empty() {
            Value::Null
        } else {
            self.texts.or(&format!("trace-{prefix}-{code}"), code).into()
        }
    }

    /// What an item is called; nothing where that is not known.
    fn item(&self, code: &str) -> Value {
        match self.words.item_name(self.texts, code) {
            "" => Value::Null,
            name => cell(name),
        }
    }

    /// The quality of a unit, where it says anything of one that is in this life and held.
    fn quality(&self, (life, quality): (&str, &str), held: bool) -> Value {
        if say::quality_counts((life, quality), held) { self.name("quality", quality) } else { Value::Null }
    }

    /// Why a unit is held; nothing where it is not.
    fn holds(&self, holds: &[String]) -> Value {
        if holds.is_empty() {
            return Value::Null;
        }
        let reasons: Vec<_> = holds.iter().map(|reason| self.words.reason(self.texts, reason)).collect();
        cell(&format!("■ {}", reasons.join(", ")))
    }
}

/// The sheets, with heads in the reader's language: the unit, its history, its
/// readings, what is in it, where it went, where both end. Times are by the clock of `zone`.
#[must_use]
pub(crate) fn sheets(report: &Report, texts: &Texts, words: &Words, zone: Tz) -> Vec<WorkSheet> {
    let reader = &Reader { texts, words, zone };
    let trace = &report.trace;
    vec![
        unit(report, reader),
        cut(trace.more_events, reader, history(report, reader)),
        cut(trace.more_events || trace.more_readings, reader, readings(&trace.events, reader)),
        cut(is_cut(&report.backward), reader, walk(&report.backward, reader, "trace-backward")),
        cut(is_cut(&report.forward), reader, walk(&report.forward, reader, "trace-forward")),
        cut(
            is_cut(&report.backward) || ends_cut(&report.backward),
            reader,
            sources(report.backward.sources.as_ref(), reader),
        ),
        cut(
            is_cut(&report.forward) || ends_cut(&report.forward),
            reader,
            destinations(report.forward.destinations.as_ref(), reader),
        ),
    ]
}

/// Says in the first row of a sheet that it does not hold all.
fn cut(cut: bool, reader: &Reader<'_>, mut sheet: WorkSheet) -> WorkSheet {
    if cut {
        sheet.rows.insert(0, vec![format!("▲ {}", reader.texts.t("trace-sheet-cut")).into()]);
    }
    sheet
}

/// A sheet; the heads of its times say by which clock they are.
fn sheet(reader: &Reader<'_>, name: &str, heads: &[&str], rows: Vec<Vec<Value>>) -> WorkSheet {
    let times: Vec<u16> =
        (0_u16..).zip(heads).filter(|(_, head)| **head == "trace-time").map(|(column, _)| column).collect();
    let heads = (0_u16..)
        .zip(heads)
        .map(|(column, head)| {
            let name = reader.texts.t(head);
            if times.contains(&column) { format!("{name} ({})", reader.zone.name()) } else { name }
        })
        .collect();
    WorkSheet { name: reader.texts.t(name), heads, rows, times }
}

fn unit(report: &Report, reader: &Reader<'_>) -> WorkSheet {
    let (trace, texts, words) = (&report.trace, reader.texts, reader.words);
    let mut rows = Vec::new();
    let mut say = |key: &str, value: Value| {
        if value != Value::Null && value != "" {
            rows.push(vec![texts.t(key).into(), value]);
        }
    };
    say("trace-by-uid", cell(&trace.uid));
    say("trace-item", cell(&words.item_or(texts, &trace.item.code, &trace.item.name)));
    say("trace-quantity", decimal(trace.item.quantity));
    say("trace-unit", cell(words.unit(&trace.item.unit)));
    if let Some(lot) = &trace.lot {
        say("trace-lot", cell(&lot.supplier_lot));
        say("trace-supplier", cell(&format!("{} {}", lot.supplier, lot.supplier_name)));
    }
    say("trace-aliases", cell(&trace.aliases.join(", ")));
    let gone = trace.gone();
    if let Some(at) = gone {
        let custody = format!("trace-custody-{}", at.custody);
        say(&custody, cell(&at.partner));
        say(&custody, cell(&at.document));
        say(&custody, at.left_at.map_or(Value::Null, |left| reader.time(left)));
    }
    say(if gone.is_some() { "trace-last-plant" } else { "trace-plant" }, cell(&trace.plant));
    say("trace-place", cell(&trace.state.location));
    say("trace-order", cell(&trace.state.order));
    let state = &trace.state;
    say("trace-status", reader.name("life", &state.life));
    say(
        "trace-status",
        reader.quality(
            (state.life.as_str(), state.quality.as_str()),
            gone.is_some() || !state.holds.is_empty(),
        ),
    );
    say("trace-status", reader.name("custody", gone.map_or(&state.custody, |at| &at.custody)));
    for hold in &state.holds {
        say("trace-held", cell(&words.reason(texts, &hold.reason)));
    }
    say("trace-report-made", reader.time(report.made_at));
    say("trace-report-current", trace.current_to.at.map_or(Value::Null, |at| reader.time(at)));
    say("trace-clock", reader.zone.name().into());
    for plant in &trace.plants_behind {
        say("trace-behind", cell(&plant.named()));
    }
    if report.cut {
        say("trace-report-cut", "▲".into());
    }
    let mut sheet = sheet(reader, "trace-what", &["trace-kind", "trace-details"], rows);
    sheet.times = vec![1];
    sheet
}

const HISTORY: [&str; 19] = [
    "trace-time",
    "trace-stage",
    "trace-kind",
    "trace-plant",
    "trace-place",
    "trace-document",
    "trace-operation",
    "trace-attempts",
    "trace-outcome",
    "trace-quantity",
    "trace-unit",
    "trace-station",
    "trace-machine",
    "trace-operator",
    "trace-reason",
    "trace-overridden",
    "trace-inside",
    "trace-corrected",
    "trace-event",
];

fn history(report: &Report, reader: &Reader<'_>) -> WorkSheet {
    let (texts, words) = (reader.texts, reader.words);
    let rows = report
        .trace
        .events
        .iter()
        .map(|event| {
            vec![
                reader.time(event.occurred_at),
                texts.or(&format!("trace-stage-{}", event.stage), &event.stage).into(),
                event.action.map_or(Value::Null, Into::into),
                cell(&event.plant),
                cell(&event.location),
                cell(report.document(event)),
                cell(&event.operation),
                if event.attempt > 0 { event.attempt.into() } else { Value::Null },
                event.outcome.map_or(Value::Null, |o| texts.or(&format!("trace-outcome-{o}"), o).into()),
                decimal(event.quantity),
                cell(words.unit(&event.unit)),
                cell(&event.station),
                cell(&event.machine),
                cell(&words.person_with_id(&event.operator)),
                cell(&words.reason(texts, report.why.of(event).unwrap_or(&event.reason))),
                cell(&words.person_with_id(&event.overridden_by)),
                event.parent.as_deref().map_or(Value::Null, cell),
                event.corrected.into(),
                event.event_id.to_string().into(),
            ]
        })
        .collect();
    sheet(reader, "trace-history", &HISTORY, rows)
}

const READINGS: [&str; 10] = [
    "trace-time",
    "trace-operation",
    "trace-machine",
    "trace-readings",
    "trace-value",
    "trace-unit",
    "trace-low",
    "trace-high",
    "trace-outside",
    "trace-event",
];

fn readings(events: &[EventView], reader: &Reader<'_>) -> WorkSheet {
    let rows = events
        .iter()
        .flat_map(|event| event.readings.iter().map(move |reading| (event, reading)))
        .map(|(event, reading)| {
            vec![
                reader.time(reading.at),
                cell(&event.operation),
                cell(&event.machine),
                cell(&reading.name),
                decimal(reading.value),
                cell(reader.words.unit(&reading.unit)),
                decimal(reading.low),
                decimal(reading.high),
                reading.outside.into(),
                event.event_id.to_string().into(),
            ]
        })
        .collect();
    sheet(reader, "trace-readings", &READINGS, rows)
}

const WALK: [&str; 16] = [
    "trace-level",
    "trace-by-uid",
    "trace-item",
    "trace-item-name",
    "trace-lot",
    "trace-supplier",
    "trace-plant",
    "trace-place",
    "trace-quantity",
    "trace-unit",
    "trace-status",
    "trace-quality",
    "trace-custody",
    "trace-partner",
    "trace-document",
    "trace-held",
];

fn walk(walk: &Walk, reader: &Reader<'_>, name: &str) -> WorkSheet {
    let rows = walk
        .nodes
        .iter()
        .map(|node| {
            vec![
                node.level.into(),
                node.uid.clone().into(),
                cell(&node.item),
                reader.item(&node.item),
                cell(&node.supplier_lot),
                cell(&node.supplier),
                cell(&node.plant),
                cell(&node.location),
                decimal(node.quantity),
                cell(reader.words.unit(&node.unit)),
                reader.name("life", node.life),
                reader.quality((node.life, node.quality), !node.holds.is_empty()),
                reader.name("custody", node.custody),
                cell(&node.partner),
                cell(&node.document),
                reader.holds(&node.holds),
            ]
        })
        .collect();
    sheet(reader, name, &WALK, rows)
}

const SOURCES: [&str; 15] = [
    "trace-kind",
    "trace-code",
    "trace-item",
    "trace-item-name",
    "trace-supplier",
    "trace-time",
    "trace-plant",
    "trace-document",
    "trace-outcome",
    "trace-machine",
    "trace-reading",
    "trace-value",
    "trace-unit",
    "trace-low",
    "trace-high",
];

/// A row of [`SOURCES`]; what is none of it is empty.
struct Source(Vec<Value>);

impl Source {
    fn new(kind: Value, code: Value) -> Self {
        let mut row = vec![Value::Null; SOURCES.len()];
        (row[0], row[1]) = (kind, code);
        Self(row)
    }

    fn with(mut self, head: &str, value: Value) -> Self {
        if let Some(column) = SOURCES.iter().position(|known| *known == head) {
            self.0[column] = value;
        }
        self
    }
}

fn sources(found: Option<&Sources>, reader: &Reader<'_>) -> WorkSheet {
    let mut rows: Vec<Source> = Vec::new();
    if let Some(found) = found {
        let supplier = |code: &str, name: &str| cell(format!("{code} {name}").trim());
        rows.extend(found.lots.iter().map(|lot| {
            Source::new(reader.t("trace-lot"), cell(&lot.supplier_lot))
                .with("trace-item", cell(&lot.item))
                .with("trace-item-name", reader.item(&lot.item))
                .with("trace-supplier", supplier(&lot.supplier, &lot.supplier_name))
        }));
        rows.extend(found.machines_at.iter().map(|one| {
            Source::new(reader.t("trace-machine"), cell(&one.machine)).with("trace-plant", cell(&one.plant))
        }));
        rows.extend(
            found
                .operators
                .iter()
                .map(|one| Source::new(reader.t("trace-operator"), cell(&reader.words.person_with_id(one)))),
        );
        rows.extend(found.inspections.iter().map(|one| {
            Source::new(reader.t("trace-ends-inspections"), cell(&one.uid))
                .with("trace-time", reader.time(one.at))
                .with("trace-plant", cell(&one.plant))
                .with("trace-document", cell(&one.reference))
                .with("trace-outcome", reader.name("outcome", one.outcome.unwrap_or_default()))
        }));
        rows.extend(found.outside.iter().map(|one| {
            Source::new(reader.t("trace-outside"), cell(&one.uid))
                .with("trace-time", reader.time(one.at))
                .with("trace-plant", cell(&one.plant))
                .with("trace-machine", cell(&one.machine))
                .with("trace-reading", cell(&one.name))
                .with("trace-value", decimal(one.value))
                .with("trace-unit", cell(reader.words.unit(&one.unit)))
                .with("trace-low", decimal(one.low))
                .with("trace-high", decimal(one.high))
        }));
    }
    sheet(reader, "trace-ends-sources", &SOURCES, rows.into_iter().map(|row| row.0).collect())
}

const DESTINATIONS: [&str; 13] = [
    "trace-kind",
    "trace-plant",
    "trace-code",
    "trace-lead-customer",
    "trace-document",
    "trace-time",
    "trace-place",
    "trace-pieces",
    "trace-quantity",
    "trace-unit",
    "trace-pieces-built-in",
    "trace-pieces-packages",
    "trace-item-name",
];

fn destinations(found: Option<&Destinations>, reader: &Reader<'_>) -> WorkSheet {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let nothing = |columns: usize| std::iter::repeat_n(Value::Null, columns);
    if let Some(found) = found {
        rows.extend(found.dispatches.iter().map(|one| {
            let sent = [
                reader.t("trace-ends-dispatches"),
                cell(&one.plant),
                cell(&one.uid),
                cell(&one.customer),
                cell(&one.document),
                reader.time(one.at),
                cell(&one.location),
            ];
            sent.into_iter().chain(nothing(5)).collect()
        }));
        for (key, piles) in crate::pages::trace::piles(found) {
            rows.extend(piles.iter().map(|pile| {
                let there = [reader.t(key), cell(&pile.plant), cell(&pile.item)];
                let many = [pile.labels.into(), number(pile.quantity), cell(reader.words.unit(&pile.unit))];
                let once = [pile.built_in, pile.packages].map(|count| match count {
                    0 => Value::Null,
                    count => count.into(),
                });
                let name = [reader.item(&pile.item)];
                there.into_iter().chain(nothing(4)).chain(many).chain(once).chain(name).collect()
            }));
        }
        for (key, count) in [("trace-life-consumed", found.consumed), ("trace-life-scrapped", found.scrapped)]
        {
            if count > 0 {
                rows.push([reader.t(key)].into_iter().chain(nothing(6)).chain([count.into()]).collect());
            }
        }
    }
    sheet(reader, "trace-ends-destinations", &DESTINATIONS, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers_while_none_of_their_digits_is_lost() {
        let told = |text: &str| number(text.parse().unwrap());
        assert_eq!(told("1.500"), Value::from(1.5));
        assert_eq!(told("-12"), Value::from(-12.0));
        assert_eq!(told("123456789012.5"), Value::from(123_456_789_012.5));
        assert_eq!(told("123456789012.345678"), "123456789012.345678");
    }
}
