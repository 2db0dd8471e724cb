//! What the cloud knows of a label, laid beneath what was recorded here before
//! it answered. The answer may be older than what happened here, since events
//! wait for the network as well.

use super::types::{Custody, Label, Life, Touched};

/// The label with what `told` knows of it. Every state that an event recorded
/// here has set stays; what the label is, and every other state, comes from the
/// cloud. Holds are those of both.
///
/// A later answer takes the place of an earlier one. A label that is known from
/// here alone is not changed by any.
#[must_use]
pub fn learn(known: Label, told: Label) -> Label {
    let Some(here) = &known.here else {
        if known.known() {
            return known;
        }
        let here = Some(Box::new(known.clone()));
        return Label { here, ..lay(known, told) };
    };
    let mut label = lay(Label::clone(here), told);
    if here.last_event.is_some() {
        // What was taken out here may not have reached the cloud yet.
        label.children = known.children;
    }
    if here.touched.quantity {
        label.quantity = known.quantity;
    }
    Label { here: known.here, ..label }
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
    if label.known() {
        label.touched = Touched::default();
    }
    label
}
