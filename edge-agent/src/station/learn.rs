//! What the cloud knows of a label, laid beneath what was recorded here before
//! it answered. The answer may be older than what happened here, since events
//! wait for the network as well.

use chrono::{DateTime, Utc};

use uuid::Uuid;

use super::types::{Custody, Label, Life, OperationState, Touched};

/// The label with what `told` knows of it. Every state that an event recorded
/// here has set stays; what the label is, and every other state, comes from the
/// cloud. Holds are those of both.
///
/// A later answer takes the place of an earlier one as long as nothing has happened
/// here but that it was moved: whatever else has, the cloud may not have heard of
/// it yet. A label that is known from here alone is not changed by any answer.
#[must_use]
pub fn learn(known: Label, told: Label, now: DateTime<Utc>) -> Label {
    let told_at = Some(now);
    match (known.told_at, known.known()) {
        (None, true) => known,
        (None, false) => {
            let touched = known.touched;
            Label { told_at, touched, ..lay(known, told) }
        }
        (Some(_), _) if known.touched.moved_at_most() => Label { told_at, ..renew(known, told) },
        (Some(_), _) => Label { told_at, ..known },
    }
}

/// The label once events of this agent about it count as never done by another's word (a
/// correction by the office): as the cloud has it. Only where the cloud knows all that was
/// recorded of it here, since what came after such an event counts. Holds stay: the cloud
/// tells of those by themselves. `void` are all such events.
#[must_use]
pub fn mend(known: Label, told: Label, void: Vec<Uuid>, now: DateTime<Utc>) -> Label {
    let mut issued = known.issued;
    issued.retain(|order, _| told.order.as_ref() == Some(order));
    let mut operations = told.operations;
    for state in &mut operations {
        let same = |one: &&OperationState| one.operation == state.operation && one.attempt == state.attempt;
        if let Some(known) = known.operations.iter().find(same) {
            (state.out_of_limits, state.doubtful) = (known.out_of_limits, known.doubtful);
        }
    }
    Label {
        operations,
        count: known.count,
        last_stage: known.last_stage,
        last_station: known.last_station,
        // What a CORRECT would take back may be what never was.
        last_event: known.last_event,
        last_input: String::new(),
        last_events: Vec::new(),
        before: None,
        issued,
        print: known.print,
        reprints: known.reprints,
        package: known.package || told.package,
        kit: known.kit || told.kit,
        holds: known.holds,
        hold_marks: known.hold_marks,
        touched: Touched { released: known.touched.released, ..Touched::default() },
        told_at: Some(now),
        void,
        lost: known.lost,
        ..told
    }
}

/// The later answer, with what is known from here: where it is, and what was done.
fn renew(known: Label, told: Label) -> Label {
    // A correction of the last move returns to where it was, and is no older for it.
    let before = known.before.map(|before| Box::new(renew(*before, told.clone())));
    let custody = if known.touched.custody { known.custody } else { told.custody.clone() };
    // It is here, so it is expected no longer.
    let arrived = known.touched.custody && told.life == Life::Expected;
    Label {
        life: if arrived { Life::Active } else { told.life },
        custody,
        before,
        count: known.count,
        last_stage: known.last_stage,
        last_station: known.last_station,
        last_event: known.last_event,
        last_input: known.last_input,
        last_events: known.last_events,
        print: known.print,
        reprints: known.reprints,
        touched: known.touched,
        told_at: known.told_at,
        void: known.void,
        ..told
    }
}

/// What the cloud told, beneath what was recorded here.
fn lay(known: Label, told: Label) -> Label {
    if known.last_event.is_none() {
        // Nothing has happened to it here: it was refused, or its label printed.
        let Label { count, print, reprints, .. } = known;
        return Label { count, print, reprints, ..told };
    }
    // A correction of what happened here returns to what the cloud knows.
    let before = known.before.clone().map(|before| Box::new(lay(*before, told.clone())));
    let mut label = Label { before, ..known };
    let set = label.touched;
    let inside = matches!(told.custody, Custody::Parent { .. });
    if label.item.is_empty() {
        label.item = told.item;
        label.container = told.container;
    }
    if label.unit.is_empty() {
        label.unit = told.unit;
    }
    label.lot = label.lot.or(told.lot);
    label.expires_on = label.expires_on.or(told.expires_on);
    label.package |= told.package;
    label.kit |= told.kit;
    if !set.life {
        // It is here, so it is expected no longer.
        label.life = if told.life == Life::Expected { Life::Active } else { told.life };
    }
    if !set.quality {
        label.quality = told.quality;
    }
    let counted_here = matches!(&label.custody, Custody::Location { place } if !place.is_empty()) && !inside;
    if !set.custody && !counted_here {
        label.custody = told.custody;
    }
    if !set.order {
        label.order = told.order;
    }
    if !set.quantity {
        label.quantity = told.quantity;
    }
    if !set.released {
        let more = told.holds.into_iter().filter(|hold| !label.holds.contains(hold));
        let more: Vec<_> = more.collect();
        label.holds.extend(more);
    }
    let here = |operation: &str| label.operations.iter().any(|state| state.operation == operation);
    let more: Vec<_> = told.operations.into_iter().filter(|state| !here(&state.operation)).collect();
    label.operations.extend(more);
    let more: Vec<_> = told.children.into_iter().filter(|child| !label.children.contains(child)).collect();
    label.children.extend(more);
    label.incomplete |= told.incomplete;
    label
}
