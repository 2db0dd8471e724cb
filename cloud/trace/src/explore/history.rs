//! A UID's history as it is told: in the order of the times that it shows, what was corrected
//! marked, readings beside their events. Pure.

use std::collections::HashMap;

use proto::v1::Stage;
use uid::TenantCode;

use super::model::{EventView, LifecycleEntry, ReadingView};
use super::names;
use super::order::{Node, Stamp, causal, voided};
use super::service::uid_text;
use super::store::label::{EventRow, ReadingRow};

/// The specification's lifecycle and the full events, from rows in any order.
#[must_use]
pub fn tell(
    tenant: TenantCode,
    key: i64,
    rows: Vec<EventRow>,
    readings: Vec<ReadingRow>,
) -> (Vec<LifecycleEntry>, Vec<EventView>) {
    let nodes: Vec<Node> = rows.iter().map(node).collect();
    let corrected = voided(&nodes);
    let mut by_event: HashMap<Stamp, Vec<ReadingView>> = HashMap::new();
    for row in readings {
        let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
        by_event.entry(stamp).or_default().push(reading(row));
    }
    let mut rows: Vec<Option<EventRow>> = rows.into_iter().map(Some).collect();
    let mut lifecycle = Vec::new();
    let mut events = Vec::new();
    // Of the same time what led to the other comes first, within a stream its sequence.
    let mut order = causal(&nodes);
    order.sort_by_key(|&index| nodes[index].occurred_at);
    for index in order {
        let Some(row) = rows[index].take() else {
            continue;
        };
        let own = row.role != 0 || row.stage == Stage::Correct as i16;
        if own && names::in_lifecycle(nodes[index].stage) {
            lifecycle.push(LifecycleEntry {
                stage: nodes[index].stage.as_str_name().to_owned(),
                timestamp: names::timestamp(row.occurred_at),
                reference: some(&row.reference_number),
                location: some(&row.location),
            });
        }
        let readings = by_event.remove(&nodes[index].stamp).unwrap_or_default();
        events.push(view(tenant, key, row, nodes[index].stage, corrected[index], readings));
    }
    (lifecycle, events)
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn node(row: &EventRow) -> Node {
    Node {
        stamp: Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq },
        event_id: row.event_id,
        stage: names::stage(row.stage),
        action: names::action(row.action),
        occurred_at: row.occurred_at,
        plant: row.plant.clone(),
        documents: row.documents.clone(),
        moves: Vec::new(),
        // Of what was measured around it the unit is no part.
        parent: row.parent.filter(|_| row.role != 0),
        mint: row.mint,
        corrects: row.corrects,
    }
}

/// A reading as it is told.
pub(super) fn reading(row: ReadingRow) -> ReadingView {
    let outside = row.value.is_some_and(|value| {
        row.low.is_some_and(|low| value < low) || row.high.is_some_and(|high| value > high)
    });
    ReadingView {
        name: row.name,
        value: row.value.map(|value| value.normalize()),
        unit: row.unit,
        quality: names::quality_name(row.quality),
        low: row.low.map(|value| value.normalize()),
        high: row.high.map(|value| value.normalize()),
        outside,
        at: row.taken_at,
    }
}

fn view(
    tenant: TenantCode,
    key: i64,
    row: EventRow,
    stage: Stage,
    corrected: bool,
    readings: Vec<ReadingView>,
) -> EventView {
    EventView {
        event_id: row.event_id,
        agent: row.agent_id,
        epoch: row.epoch,
        seq: row.seq,
        stage: stage.as_str_name().to_owned(),
        action: names::action_name(row.action),
        role: names::role_name(row.role),
        occurred_at: row.occurred_at,
        offset_min: row.occurred_offset_min,
        recorded_at: row.recorded_at,
        ingested_at: row.ingested_at,
        plant: row.plant,
        station: row.station,
        operator: row.operator_id,
        shift: row.shift,
        location: row.location,
        operation: row.operation,
        attempt: row.attempt,
        outcome: names::outcome_name(row.outcome),
        accepted: row.accepted_quantity.map(|quantity| quantity.normalize()),
        rejected: row.rejected_quantity.map(|quantity| quantity.normalize()),
        reason: row.reason,
        machine: row.machine,
        overridden_by: row.overridden_by,
        quantity: row.quantity.map(|quantity| quantity.normalize()),
        unit: row.unit,
        reference_type: row.reference_type,
        reference: row.reference_number,
        parent: row.parent.filter(|&parent| parent != key).map(|parent| uid_text(tenant, parent)),
        corrected,
        by_clock: false,
        corrects: row.corrects,
        resolves: None,
        readings,
    }
}
