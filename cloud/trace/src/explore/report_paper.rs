//! A report as a document to be printed. Pure.
//!
//! Paper is for reading: many units of a walk stand in groups, as in its picture, and long
//! tables end; the workbook and the JSON file hold all.

use chrono::{DateTime, Utc};
use platform::i18n::Texts;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::model::{EventView, Walk, WalkNode};
use super::picture::{Shape, Unit, group};
use super::report::Report;
use crate::pages::say::{self, Zones, joined};
use crate::pages::words::Words;
use crate::paper::{self, MOST_ROWS};

/// Units of a walk up to here have a row each.
const FEW: usize = 200;
/// Of a long history the first events stand there as well as the last: births and receipts.
const FIRST: usize = 20;

/// In whose words and at whose clocks.
struct Reader<'a> {
    texts: &'a Texts,
    zones: &'a Zones,
    words: &'a Words,
}

impl Reader<'_> {
    fn t(&self, key: &str) -> String {
        self.texts.t(&format!("trace-{key}"))
    }

    /// By the clock of a plant.
    fn time(&self, at: &DateTime<Utc>, plant: &str) -> String {
        self.texts.time(at, self.zones.of(plant))
    }

    fn amount(&self, quantity: Option<&Decimal>, unit: &str) -> String {
        quantity
            .map(|quantity| joined(&[&self.texts.quantity(quantity), self.words.unit(unit)]))
            .unwrap_or_default()
    }

    fn limits(&self, low: Option<&Decimal>, high: Option<&Decimal>) -> String {
        let said = |limit: Option<&Decimal>| limit.map(|n| self.texts.quantity(n)).unwrap_or_default();
        if low.is_none() && high.is_none() {
            String::new()
        } else {
            format!("{} … {}", said(low), said(high))
        }
    }

    /// A section whose columns are as wide as these parts of the page.
    fn table(
        &self,
        title: String,
        text: Vec<String>,
        columns: &[(&str, u8)],
        rows: Vec<Vec<String>>,
    ) -> Value {
        let head = columns.iter().map(|(key, _)| self.t(key)).collect();
        let more = |rows| self.texts.count("trace-report-rows-more", rows);
        let mut section = paper::section(title, text, head, rows, more);
        section["widths"] = columns.iter().map(|(_, width)| *width).collect();
        section
    }
}

/// The report as [`paper::TEMPLATE`] takes it; `tenant` is the name of whose it is.
#[must_use]
pub(crate) fn data(report: &Report, texts: &Texts, (zones, words): (&Zones, &Words), tenant: &str) -> Value {
    let reader = Reader { texts, zones, words };
    let trace = &report.trace;
    let mut sections = vec![reach(report, &reader)];
    sections.push(history(report, &reader));
    let readings = readings(&trace.events, &reader);
    if !readings.is_empty() {
        let columns = [
            ("time", 6),
            ("operation", 3),
            ("machine", 3),
            ("readings", 4),
            ("value", 3),
            ("limits", 4),
            ("outside", 2),
        ];
        sections.push(reader.table(reader.t("readings"), Vec::new(), &columns, readings));
    }
    for (walk, ends) in
        [(&report.backward, sources(report, &reader)), (&report.forward, destinations(report, &reader))]
    {
        sections.push(units(walk, &reader));
        sections.extend(ends);
    }
    json!({
        "fonts": print::FONTS,
        "lang": texts.lang.code(),
        "title": trace.uid,
        "lead": words.item_or(texts, &trace.item.code, &trace.item.name),
        "header": joined(&[tenant, "·", &reader.t("report")]),
        "footer": format!("{} {}", reader.t("report-made"), texts.time(&report.made_at, zones.own())),
        "facts": facts(report, &reader),
        "sections": sections,
    })
}

fn facts(report: &Report, reader: &Reader<'_>) -> Vec<(String, String)> {
    let trace = &report.trace;
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| {
        if !value.is_empty() {
            facts.push((reader.t(key), value));
        }
    };
    fact("quantity", reader.amount(trace.item.quantity.as_ref(), &trace.item.unit));
    if let Some(lot) = &trace.lot {
        fact("lot", joined(&[&lot.supplier_lot, &lot.item]));
        fact("supplier", joined(&[&lot.supplier, &lot.supplier_name]));
    }
    fact("aliases", trace.aliases.join(", "));
    if let Some(at) = trace.gone() {
        fact(&format!("custody-{}", at.custody), say::went(reader.texts, reader.zones, at));
    }
    let place = if trace.gone().is_some() { "last-plant" } else { "where" };
    fact(place, joined(&[&trace.plant, &trace.state.location]));
    fact("order", trace.state.order.clone());
    let state = &trace.state;
    fact("status", say::state(reader.texts, trace));
    for hold in &state.holds {
        let reason = reader.words.reason(reader.texts, &hold.reason);
        fact("held", joined(&["■", &reason, &reader.time(&hold.placed_at, "")]));
    }
    facts
}

/// To which moment it is current, and which plants may know more.
fn reach(report: &Report, reader: &Reader<'_>) -> Value {
    let (trace, texts) = (&report.trace, reader.texts);
    let at = trace.current_to.at.as_ref();
    let at = at.map(|at| texts.t1("trace-current-at", "at", reader.time(at, ""))).unwrap_or_default();
    let batch = texts.t1("trace-current", "batch", &trace.current_to.batch_id);
    let mut lines = vec![joined(&[&at, &format!("{batch}.")])];
    if trace.plants_behind.is_empty() {
        lines.push(reader.t("behind-none"));
    } else {
        lines.push(format!("▲ {}", reader.t("behind")));
    }
    lines.extend(trace.plants_behind.iter().map(|behind| {
        let seen = behind.last_seen_at.as_ref();
        let seen = seen.map_or_else(|| reader.t("never"), |at| reader.time(at, &behind.plant));
        let queued = match behind.queued_events {
            0 => String::new(),
            events => format!(", {}", texts.count("trace-queued", events)),
        };
        format!("{}: {} {seen}{queued}", behind.named(), reader.t("last-seen"))
    }));
    if report.cut {
        lines.push(format!("▲ {}", reader.t("report-cut")));
    }
    paper::section(reader.t("report-reach"), lines, Vec::new(), Vec::new(), |_| String::new())
}

fn history(report: &Report, reader: &Reader<'_>) -> Value {
    let (texts, events) = (reader.texts, &report.trace.events);
    let row = |event: &EventView| {
        let why = report.why.of(event).map(|reason| reader.words.reason(texts, reason)).unwrap_or_default();
        let corrected = if event.corrected { reader.t("corrected") } else { String::new() };
        let outcome = event.outcome.map(|outcome| say::name(texts, "outcome", outcome)).unwrap_or_default();
        let amount = reader.amount(event.quantity.as_ref(), &event.unit);
        let inside = event.parent.as_deref().unwrap_or_default();
        vec![
            reader.time(&event.occurred_at, &event.plant),
            joined(&[&say::stage(texts, &event.stage), &event.operation, &corrected]),
            joined(&[&event.plant, &event.location]),
            joined(&[
                report.document(event),
                &why,
                &event.machine,
                reader.words.person(&event.operator),
                &outcome,
                &reader.words.reason(texts, &event.reason),
                &amount,
                inside,
            ]),
        ]
    };
    let mut text = Vec::new();
    let rows = if events.len() > MOST_ROWS {
        let between = events.len() - MOST_ROWS;
        text.push(texts.count("trace-report-between", between));
        events[..FIRST].iter().chain(&events[FIRST + between..]).map(row).collect()
    } else {
        events.iter().map(row).collect()
    };
    let columns = [("time", 4), ("stage", 4), ("place", 4), ("details", 5)];
    reader.table(reader.t("history"), text, &columns, rows)
}

/// Those outside their limits first, where not all can stand there.
fn readings(events: &[EventView], reader: &Reader<'_>) -> Vec<Vec<String>> {
    let mut all: Vec<_> =
        events.iter().flat_map(|event| event.readings.iter().map(move |reading| (event, reading))).collect();
    if all.len() > MOST_ROWS {
        all.sort_by_key(|(_, reading)| !reading.outside);
    }
    all.into_iter()
        .map(|(event, reading)| {
            vec![
                reader.time(&reading.at, &event.plant),
                event.operation.clone(),
                event.machine.clone(),
                reading.name.clone(),
                match &reading.value {
                    Some(value) => joined(&[&reader.texts.quantity(value), reader.words.unit(&reading.unit)]),
                    None => reader.t("bad-reading"),
                },
                reader.limits(reading.low.as_ref(), reading.high.as_ref()),
                if reading.outside { "▲".to_owned() } else { String::new() },
            ]
        })
        .collect()
}

/// The units of a walk: one by one where they are few, else in groups.
fn units(walk: &Walk, reader: &Reader<'_>) -> Value {
    let texts = reader.texts;
    let title = format!("{} ({})", say::way(texts, walk.direction), say::number(texts, walk.total));
    if walk.nodes.is_empty() {
        let none = vec![reader.t("picture-none")];
        return paper::section(title, none, Vec::new(), Vec::new(), |_| String::new());
    }
    if walk.nodes.len() <= FEW {
        let columns = [("level", 2), ("by-uid", 9), ("item", 4), ("lot", 4), ("place", 4), ("status", 5)];
        let row = |node: &WalkNode| {
            vec![
                node.level.to_string(),
                node.uid.clone(),
                reader.words.item(texts, &node.item),
                joined(&[&node.supplier_lot, &node.supplier]),
                joined(&[&node.plant, &node.location, &node.partner, &node.document]),
                status(node, reader),
            ]
        };
        return reader.table(title, Vec::new(), &columns, walk.nodes.iter().map(row).collect());
    }
    let columns = [
        ("level", 2),
        ("kind", 2),
        ("item", 6),
        ("pieces", 3),
        ("held", 3),
        ("quality-rejected", 3),
        ("life-scrapped", 3),
    ];
    let told = |count: usize| if count == 0 { String::new() } else { say::number(texts, count) };
    let rows = grouped(&walk.nodes)
        .into_iter()
        .map(|node| {
            let item = match node.shape {
                Shape::Others => texts.count("trace-picture-items", node.groups),
                _ => reader.words.item(texts, &node.item),
            };
            let counts = [node.count, node.held, node.rejected, node.scrapped].map(told);
            [node.level.to_string(), node.kind, item].into_iter().chain(counts).collect()
        })
        .collect();
    reader.table(title, vec![reader.t("report-grouped")], &columns, rows)
}

/// In which state a unit is, and why it is held.
fn status(node: &WalkNode, reader: &Reader<'_>) -> String {
    let texts = reader.texts;
    let mut said = vec![say::name(texts, "life", node.life)];
    if say::quality_counts((node.life, node.quality), !node.holds.is_empty()) {
        said.push(say::name(texts, "quality", node.quality));
    }
    let why = node.holds.iter().map(|reason| reader.words.reason(texts, reason));
    said.extend(why.map(|why| format!("■ {}: {why}", reader.t("held"))));
    said.join(", ")
}

/// Units of one item at one level together, the small groups of a level as others.
fn grouped(nodes: &[WalkNode]) -> Vec<super::picture::Node> {
    let units: Vec<Unit> = (0..)
        .zip(nodes)
        .map(|(key, node)| Unit {
            key,
            uid: node.uid.clone(),
            level: node.level,
            kind: node.kind.clone(),
            item: node.item.clone(),
            plant: node.plant.clone(),
            held: !node.holds.is_empty(),
            rejected: node.quality == "rejected",
            scrapped: node.life == "scrapped",
            cyclic: node.cycle,
        })
        .collect();
    group(&units, &[], &[]).nodes
}

/// Where it all comes from.
fn sources(report: &Report, reader: &Reader<'_>) -> Option<Value> {
    let found = report.backward.sources.as_ref()?;
    let mut rows = Vec::new();
    let mut say =
        |key: &str, code: &str, detail: String| rows.push(vec![reader.t(key), code.to_owned(), detail]);
    for lot in &found.lots {
        say(
            "lot",
            &lot.supplier_lot,
            joined(&[&reader.words.item(reader.texts, &lot.item), &lot.supplier, &lot.supplier_name]),
        );
    }
    for one in &found.machines_at {
        say("machine", &one.machine, one.plant.clone());
    }
    for operator in &found.operators {
        say("operator", reader.words.person(operator), String::new());
    }
    for one in &found.inspections {
        let outcome =
            one.outcome.map(|outcome| say::name(reader.texts, "outcome", outcome)).unwrap_or_default();
        say(
            "ends-inspections",
            &one.uid,
            joined(&[&outcome, &one.reference, &reader.time(&one.at, &one.plant)]),
        );
    }
    for one in &found.outside {
        let value = reader.amount(one.value.as_ref(), &one.unit);
        let limits = reader.limits(one.low.as_ref(), one.high.as_ref());
        let at = reader.time(&one.at, &one.plant);
        say("outside", &one.uid, joined(&["▲", &one.name, &value, &limits, &one.machine, &at]));
    }
    ends("ends-sources", &[("kind", 3), ("code", 5), ("details", 7)], rows, found.cut, reader)
}

/// Where it all went.
fn destinations(report: &Report, reader: &Reader<'_>) -> Option<Value> {
    let found = report.forward.destinations.as_ref()?;
    let texts = reader.texts;
    let mut rows: Vec<Vec<String>> = Vec::new();
    for one in &found.dispatches {
        let at = reader.time(&one.at, &one.plant);
        let details = joined(&[&one.customer, &one.document, &at]);
        rows.push(vec![reader.t("ends-dispatches"), one.plant.clone(), one.uid.clone(), details]);
    }
    for (key, piles) in crate::pages::trace::piles(found) {
        rows.extend(piles.iter().map(|pile| {
            let details = say::pile(texts, reader.words, pile);
            vec![texts.t(key), pile.plant.clone(), reader.words.item(texts, &pile.item), details]
        }));
    }
    for (key, count) in [("life-consumed", found.consumed), ("life-scrapped", found.scrapped)] {
        if count > 0 {
            let details = texts.count("trace-labels", count);
            rows.push(vec![reader.t(key), String::new(), String::new(), details]);
        }
    }
    ends(
        "ends-destinations",
        &[("kind", 4), ("plant", 2), ("code", 5), ("details", 6)],
        rows,
        found.cut,
        reader,
    )
}

fn ends(
    title: &str,
    columns: &[(&str, u8)],
    rows: Vec<Vec<String>>,
    cut: bool,
    reader: &Reader<'_>,
) -> Option<Value> {
    let text = if cut { vec![reader.t("sheet-cut")] } else { Vec::new() };
    (!rows.is_empty()).then(|| reader.table(reader.t(title), text, columns, rows))
}
