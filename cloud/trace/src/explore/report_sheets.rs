//! A report as the sheets of a workbook. Pure.

use platform::i18n::Texts;
use platform::web::{WorkSheet, harmless};
use rust_decimal::Decimal;
use serde_json::Value;

use super::model::{EventView, Walk};
use super::names::timestamp;
use super::report::Report;
use crate::pages::words::Words;

/// A text, as a cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> Value {
    harmless(text.to_owned()).into()
}

fn decimal(value: Option<Decimal>) -> Value {
    value.map_or(Value::Null, |value| value.to_string().into())
}

/// The sheets, with heads in the reader's language: the unit, its history, its
/// readings, what is in it, where it went, where both end. Times are UTC.
#[must_use]
pub(crate) fn sheets(report: &Report, texts: &Texts, words: &Words) -> Vec<WorkSheet> {
    vec![
        unit(report, texts, words),
        history(&report.trace.events, texts, words),
        readings(&report.trace.events, texts, words),
        walk(&report.backward, (texts, words), "trace-backward"),
        walk(&report.forward, (texts, words), "trace-forward"),
        sources(report, texts, words),
        destinations(report, texts, words),
    ]
}

fn sheet(texts: &Texts, name: &str, heads: &[&str], rows: Vec<Vec<Value>>) -> WorkSheet {
    let heads = heads.iter().map(|head| texts.t(head)).collect();
    WorkSheet { name: texts.t(name), heads, rows }
}

fn unit(report: &Report, texts: &Texts, words: &Words) -> WorkSheet {
    let trace = &report.trace;
    let mut rows = Vec::new();
    let mut say = |key: &str, value: Value| {
        if value != Value::Null && value != "" {
            rows.push(vec![texts.t(key).into(), value]);
        }
    };
    say("trace-by-uid", cell(&trace.uid));
    say("trace-item", cell(&format!("{} {}", trace.item.code, trace.item.name)));
    say("trace-quantity", decimal(trace.item.quantity));
    if let Some(lot) = &trace.lot {
        say("trace-lot", cell(&lot.supplier_lot));
        say("trace-supplier", cell(&format!("{} {}", lot.supplier, lot.supplier_name)));
    }
    say("trace-aliases", cell(&trace.aliases.join(", ")));
    say("trace-plant", cell(&trace.plant));
    say("trace-place", cell(&trace.state.location));
    say("trace-order", cell(&trace.state.order));
    for (prefix, state) in
        [("life", &trace.state.life), ("quality", &trace.state.quality), ("custody", &trace.state.custody)]
    {
        let key = format!("trace-{prefix}-{state}");
        say("trace-status", texts.or(&key, state).into());
    }
    for hold in &trace.state.holds {
        say("trace-held", cell(&words.reason(texts, &hold.reason)));
    }
    say("trace-report-made", timestamp(report.made_at).into());
    say("trace-report-current", trace.current_to.at.map(timestamp).unwrap_or_default().into());
    for plant in &trace.plants_behind {
        say("trace-behind", cell(&plant.named()));
    }
    if report.cut {
        say("trace-report-cut", "!".into());
    }
    sheet(texts, "trace-what", &["trace-kind", "trace-details"], rows)
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

fn history(events: &[EventView], texts: &Texts, words: &Words) -> WorkSheet {
    let rows = events
        .iter()
        .map(|event| {
            vec![
                timestamp(event.occurred_at).into(),
                texts.or(&format!("trace-stage-{}", event.stage), &event.stage).into(),
                event.action.map_or(Value::Null, Into::into),
                cell(&event.plant),
                cell(&event.location),
                cell(&event.reference),
                cell(&event.operation),
                if event.attempt > 0 { event.attempt.into() } else { Value::Null },
                event.outcome.map_or(Value::Null, |o| texts.or(&format!("trace-outcome-{o}"), o).into()),
                decimal(event.quantity),
                cell(words.unit(&event.unit)),
                cell(&event.station),
                cell(&event.machine),
                cell(&words.person_with_id(&event.operator)),
                cell(&words.reason(texts, &event.reason)),
                cell(&words.person_with_id(&event.overridden_by)),
                event.parent.as_deref().map_or(Value::Null, cell),
                event.corrected.into(),
                event.event_id.to_string().into(),
            ]
        })
        .collect();
    sheet(texts, "trace-history", &HISTORY, rows)
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

fn readings(events: &[EventView], texts: &Texts, words: &Words) -> WorkSheet {
    let rows = events
        .iter()
        .flat_map(|event| event.readings.iter().map(move |reading| (event, reading)))
        .map(|(event, reading)| {
            vec![
                timestamp(reading.at).into(),
                cell(&event.operation),
                cell(&event.machine),
                cell(&reading.name),
                decimal(reading.value),
                cell(words.unit(&reading.unit)),
                decimal(reading.low),
                decimal(reading.high),
                reading.outside.into(),
                event.event_id.to_string().into(),
            ]
        })
        .collect();
    sheet(texts, "trace-readings", &READINGS, rows)
}

const WALK: [&str; 12] = [
    "trace-level",
    "trace-by-uid",
    "trace-item",
    "trace-lot",
    "trace-supplier",
    "trace-plant",
    "trace-place",
    "trace-quantity",
    "trace-unit",
    "trace-status",
    "trace-quality",
    "trace-custody",
];

fn walk(walk: &Walk, (texts, words): (&Texts, &Words), name: &str) -> WorkSheet {
    let state = |prefix: &str, state: &str| texts.or(&format!("trace-{prefix}-{state}"), state).into();
    let rows = walk
        .nodes
        .iter()
        .map(|node| {
            vec![
                node.level.into(),
                node.uid.clone().into(),
                cell(&node.item),
                cell(&node.supplier_lot),
                cell(&node.supplier),
                cell(&node.plant),
                cell(&node.location),
                decimal(node.quantity),
                cell(words.unit(&node.unit)),
                state("life", node.life),
                state("quality", node.quality),
                state("custody", node.custody),
            ]
        })
        .collect();
    sheet(texts, name, &WALK, rows)
}

fn sources(report: &Report, texts: &Texts, words: &Words) -> WorkSheet {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    if let Some(found) = &report.backward.sources {
        let mut say = |key: &str, code: &str, detail: String| {
            rows.push(vec![texts.t(key).into(), cell(code), cell(&detail)]);
        };
        for lot in &found.lots {
            say(
                "trace-lot",
                &lot.supplier_lot,
                format!("{} {} {}", lot.item, lot.supplier, lot.supplier_name),
            );
        }
        for machine in &found.machines {
            say("trace-machine", machine, String::new());
        }
        for operator in &found.operators {
            say("trace-operator", &words.person_with_id(operator), String::new());
        }
        for one in &found.inspections {
            let outcome = one.outcome.unwrap_or_default();
            say(
                "trace-ends-inspections",
                &one.uid,
                format!("{} {} {outcome}", timestamp(one.at), one.reference),
            );
        }
        for one in &found.outside {
            let value = one.value.map(|value| value.to_string()).unwrap_or_default();
            let unit = words.unit(&one.unit);
            let detail = format!("{} {} {value} {unit} {}", timestamp(one.at), one.name, one.machine);
            say("trace-outside", &one.uid, detail);
        }
    }
    sheet(texts, "trace-ends-sources", &["trace-kind", "trace-code", "trace-details"], rows)
}

fn destinations(report: &Report, texts: &Texts, words: &Words) -> WorkSheet {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    if let Some(found) = &report.forward.destinations {
        for one in &found.dispatches {
            let detail = format!("{} {} {}", one.customer, one.document, timestamp(one.at));
            rows.push(vec![
                texts.t("trace-ends-dispatches").into(),
                cell(&one.plant),
                cell(&one.uid),
                Value::Null,
                Value::Null,
                cell(&detail),
            ]);
        }
        for (key, piles) in [
            ("trace-ends-stock", &found.stock),
            ("trace-ends-progress", &found.in_progress),
            ("trace-ends-transit", &found.in_transit),
            ("trace-ends-customers", &found.with_customers),
            ("trace-ends-suppliers", &found.with_suppliers),
        ] {
            rows.extend(piles.iter().map(|pile| {
                vec![
                    texts.t(key).into(),
                    cell(&pile.plant),
                    cell(&pile.item),
                    pile.labels.into(),
                    pile.quantity.to_string().into(),
                    cell(words.unit(&pile.unit)),
                ]
            }));
        }
        for (key, count) in [("trace-life-consumed", found.consumed), ("trace-life-scrapped", found.scrapped)]
        {
            if count > 0 {
                let nothing = Value::Null;
                rows.push(vec![texts.t(key).into(), nothing.clone(), nothing, count.into()]);
            }
        }
    }
    let heads =
        ["trace-kind", "trace-plant", "trace-code", "trace-pieces", "trace-quantity", "trace-details"];
    sheet(texts, "trace-ends-destinations", &heads, rows)
}
