//! A trace for the terminal: `cloud trace UID`.
//!
//! Whatever a plant or a supplier wrote is shown, never obeyed: control
//! characters, and those that turn the direction of writing, are spelled out.

use std::fmt::Arguments;

use chrono::{FixedOffset, Utc};
use platform::ctx::Cx;
use platform::db::Db;
use rust_decimal::Decimal;

use super::error::TraceError;
use super::graph::Direction;
use super::model::{EventView, Sources, Trace};
use super::walk::Ask;
use super::{names, service, walk};
use crate::genealogy::Genealogy;

/// The life of the UID that `text` stands for, as text of at most about 100
/// columns, ending in a newline.
///
/// # Errors
/// [`TraceError`].
pub async fn trace_text(db: &Db, cx: &Cx, text: &str) -> Result<String, TraceError> {
    let now = Utc::now();
    let trace = service::trace(db, cx, text, now).await?;
    let ask = Ask { depth: 50, limit: 1, ..Ask::default() };
    let walk = walk::walk(db, cx, &Genealogy::default(), &trace.uid, Direction::Backward, &ask, now).await?;
    let mut out = render(&trace);
    if let Some(sources) = &walk.sources {
        write_sources(&mut Out(&mut out), sources);
    }
    Ok(out)
}

/// Formats a trace. Pure.
#[must_use]
pub fn render(trace: &Trace) -> String {
    let mut out = String::new();
    write_trace(&mut Out(&mut out), trace);
    out
}

/// Lines of text, in which nothing acts on the terminal.
struct Out<'a>(&'a mut String);

impl Out<'_> {
    fn line(&mut self, text: Arguments<'_>) {
        for letter in text.to_string().chars() {
            let turns =
                matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if letter.is_control() || turns {
                self.0.extend(letter.escape_default());
            } else {
                self.0.push(letter);
            }
        }
        self.0.push('\n');
    }
}

fn reading_text(name: &str, value: &str, unit: &str, low: Option<Decimal>, high: Option<Decimal>) -> String {
    let limits = match (low, high) {
        (None, None) => String::new(),
        (low, high) => format!(
            " ({}…{})",
            low.map(|v| v.to_string()).unwrap_or_default(),
            high.map(|v| v.to_string()).unwrap_or_default()
        ),
    };
    format!("{name} {value} {unit}{limits}")
}

/// What is in it, where that ends.
fn write_sources(out: &mut Out<'_>, found: &Sources) {
    let lots: Vec<String> =
        found.lots.iter().map(|lot| format!("{} of {}", lot.supplier_lot, lot.supplier)).collect();
    out.line(format_args!(""));
    out.line(format_args!("where it comes from"));
    let machines: Vec<String> =
        found.machines_at.iter().map(|one| format!("{} at {}", one.machine, one.plant)).collect();
    for (title, list) in [("lots", &lots), ("machines", &machines), ("people", &found.operators)] {
        if !list.is_empty() {
            out.line(format_args!("  {title:<12}{}", list.join(", ")));
        }
    }
    if !found.inspections.is_empty() {
        out.line(format_args!("  {:<12}{}", "inspections", found.inspections.len()));
    }
    if found.readings > 0 {
        out.line(format_args!(
            "  {:<12}{}, {} out of limits",
            "readings", found.readings, found.readings_outside
        ));
    }
    for one in &found.outside {
        let value = one.value.map(|value| value.to_string()).unwrap_or_default();
        let what = reading_text(&one.name, &value, &one.unit, one.low, one.high);
        let at = names::timestamp(one.at);
        out.line(format_args!("      {at}  {}  {what}  {} {}", one.uid, one.machine, one.operation));
    }
    if found.cut {
        out.line(format_args!("  … and more: a list was cut at 500"));
    }
}

fn write_trace(out: &mut Out<'_>, trace: &Trace) {
    out.line(format_args!("{}", trace.uid));
    let item = &trace.item;
    if !item.code.is_empty() {
        let quantity =
            item.quantity.map(|quantity| format!("  {quantity} {}", item.unit)).unwrap_or_default();
        out.line(format_args!("  {:<9}{}  {}{quantity}", "item", item.code, item.name));
    }
    if let Some(lot) = &trace.lot {
        let supplier = if lot.supplier_name.is_empty() { &lot.supplier } else { &lot.supplier_name };
        out.line(format_args!("  {:<9}{} of {supplier}", "lot", lot.supplier_lot));
    }
    let state = &trace.state;
    let place = [trace.plant.as_str(), state.location.as_str()]
        .iter()
        .filter(|p| !p.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" · ");
    out.line(format_args!("  {:<9}{}, {}, {}", "state", state.life, state.quality, state.custody));
    if let Some(at) = trace.gone() {
        let to = [at.custody.as_str(), &at.partner, &at.document].join(" ");
        out.line(format_args!("  {:<9}{}", "gone", to.trim_end()));
    }
    if !place.is_empty() {
        out.line(format_args!("  {:<9}{place}", if trace.gone().is_some() { "last" } else { "where" }));
    }
    if let Some(parent) = &state.parent {
        out.line(format_args!("  {:<9}{parent}", "inside"));
    }
    for hold in &state.holds {
        out.line(format_args!("  {:<9}{} since {}", "HELD", hold.reason, names::timestamp(hold.placed_at)));
    }
    if !trace.aliases.is_empty() {
        out.line(format_args!("  {:<9}{}", "also", trace.aliases.join(", ")));
    }
    out.line(format_args!(""));
    for event in &trace.events {
        write_event(out, event);
    }
    if trace.more_events || trace.more_readings {
        out.line(format_args!("  … and more: the newest are shown"));
    }
    write_relatives(out, trace);
    out.line(format_args!(""));
    out.line(format_args!("current to batch {}", trace.current_to.batch_id));
    for plant in &trace.plants_behind {
        out.line(format_args!("{} may know more: {} events queued", plant.named(), plant.queued_events));
    }
}

fn write_event(out: &mut Out<'_>, event: &EventView) {
    let zone = FixedOffset::east_opt(i32::from(event.offset_min) * 60);
    let at = match zone {
        Some(zone) => event.occurred_at.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %:z").to_string(),
        None => names::timestamp(event.occurred_at),
    };
    let mark = if event.corrected { "✗ " } else { "  " };
    let what = match event.action {
        Some(action) => format!("{} {action}", event.stage),
        None => event.stage.clone(),
    };
    let head = format!("{mark}{at}  {what:<24}{:<16}", event.reference);
    let mut rest: Vec<String> = Vec::new();
    rest.extend(
        [&event.plant, &event.location, &event.station].into_iter().filter(|t| !t.is_empty()).cloned(),
    );
    if !event.operation.is_empty() {
        rest.push(format!("{} #{}", event.operation, event.attempt));
    }
    rest.extend(event.outcome.map(str::to_owned));
    if let Some(quantity) = event.quantity {
        rest.push(format!("{quantity} {}", event.unit));
    }
    rest.extend(event.parent.as_ref().map(|parent| format!("{} {parent}", event.role)));
    if !event.reason.is_empty() {
        rest.push(event.reason.clone());
    }
    if event.corrected {
        rest.push("corrected".into());
    }
    out.line(format_args!("{head}{}", rest.join(" · ")));
    for reading in &event.readings {
        let value = reading.value.map_or_else(|| reading.quality.to_owned(), |value| value.to_string());
        let what = reading_text(&reading.name, &value, &reading.unit, reading.low, reading.high);
        let outside = if reading.outside { "  OUT OF LIMITS" } else { "" };
        out.line(format_args!("      {what}{outside}"));
    }
}

fn write_relatives(out: &mut Out<'_>, trace: &Trace) {
    for (title, list) in [("went into", &trace.parents), ("made of", &trace.children)] {
        if list.is_empty() {
            continue;
        }
        out.line(format_args!(""));
        out.line(format_args!("{title}"));
        for relative in list {
            let quantity = relative
                .quantity
                .map(|quantity| format!("  {quantity} {}", relative.unit))
                .unwrap_or_default();
            out.line(format_args!("  {}  {}  {}{quantity}", relative.uid, relative.kind, relative.item));
        }
    }
    if trace.more_children || trace.more_parents {
        out.line(format_args!("  … and more"));
    }
}
