//! A trace for the terminal: `cloud trace UID`.

use std::fmt::Write;

use chrono::{FixedOffset, Utc};
use platform::ctx::Cx;
use platform::db::Db;

use super::error::TraceError;
use super::model::{EventView, Trace};
use super::{names, service};

/// The life of the UID that `text` stands for, as text of at most about 100
/// columns, ending in a newline.
///
/// # Errors
/// [`TraceError`].
pub async fn trace_text(db: &Db, cx: &Cx, text: &str) -> Result<String, TraceError> {
    Ok(render(&service::trace(db, cx, text, Utc::now()).await?))
}

/// Formats a trace. Pure.
#[must_use]
pub fn render(trace: &Trace) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_trace(&mut out, trace);
    out
}

fn write_trace(out: &mut String, trace: &Trace) -> std::fmt::Result {
    writeln!(out, "{}", trace.uid)?;
    let item = &trace.item;
    if !item.code.is_empty() {
        let quantity =
            item.quantity.map(|quantity| format!("  {quantity} {}", item.unit)).unwrap_or_default();
        writeln!(out, "  {:<9}{}  {}{quantity}", "item", item.code, item.name)?;
    }
    if let Some(lot) = &trace.lot {
        let supplier = if lot.supplier_name.is_empty() { &lot.supplier } else { &lot.supplier_name };
        writeln!(out, "  {:<9}{} of {supplier}", "lot", lot.supplier_lot)?;
    }
    let state = &trace.state;
    let place = [trace.plant.as_str(), state.location.as_str()]
        .iter()
        .filter(|p| !p.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" · ");
    writeln!(out, "  {:<9}{}, {}, {}", "state", state.life, state.quality, state.custody)?;
    if !place.is_empty() {
        writeln!(out, "  {:<9}{place}", "where")?;
    }
    if let Some(parent) = &state.parent {
        writeln!(out, "  {:<9}{parent}", "inside")?;
    }
    for hold in &state.holds {
        writeln!(out, "  {:<9}{} since {}", "HELD", hold.reason, names::timestamp(hold.placed_at))?;
    }
    if !trace.aliases.is_empty() {
        writeln!(out, "  {:<9}{}", "also", trace.aliases.join(", "))?;
    }
    writeln!(out)?;
    for event in &trace.events {
        write_event(out, event)?;
    }
    write_relatives(out, trace)?;
    writeln!(out, "\ncurrent to batch {}", trace.current_to.batch_id)?;
    for plant in &trace.plants_behind {
        writeln!(
            out,
            "{} ({}) may know more: {} events queued",
            plant.plant, plant.agent, plant.queued_events
        )?;
    }
    Ok(())
}

fn write_event(out: &mut String, event: &EventView) -> std::fmt::Result {
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
    write!(out, "{mark}{at}  {what:<24}{:<16}", event.reference)?;
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
    writeln!(out, "{}", rest.join(" · "))?;
    for reading in &event.readings {
        let value = reading.value.map_or_else(|| reading.quality.to_owned(), |value| value.to_string());
        let limits = match (reading.low, reading.high) {
            (None, None) => String::new(),
            (low, high) => format!(
                " ({}…{})",
                low.map(|v| v.to_string()).unwrap_or_default(),
                high.map(|v| v.to_string()).unwrap_or_default()
            ),
        };
        let outside = if reading.outside { "  OUT OF LIMITS" } else { "" };
        writeln!(out, "      {} {value} {}{limits}{outside}", reading.name, reading.unit)?;
    }
    Ok(())
}

fn write_relatives(out: &mut String, trace: &Trace) -> std::fmt::Result {
    for (title, list) in [("went into", &trace.parents), ("made of", &trace.children)] {
        if list.is_empty() {
            continue;
        }
        writeln!(out, "\n{title}")?;
        for relative in list {
            let quantity = relative
                .quantity
                .map(|quantity| format!("  {quantity} {}", relative.unit))
                .unwrap_or_default();
            writeln!(out, "  {}  {}  {}{quantity}", relative.uid, relative.kind, relative.item)?;
        }
    }
    if trace.more_children {
        writeln!(out, "  … and more")?;
    }
    Ok(())
}
