//! What was set here of a label that is not known from here, or of which the cloud told:
//! its answers must not undo that.

use std::collections::HashMap;

use proto::v1;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::apply;
use crate::station::types::{Custody, Label, Life, QualityState};

/// Keeps what an event sets of a label of which nothing else is known here, or of
/// which the cloud told.
pub(super) fn note_touched(labels: &mut HashMap<i64, Label>, event: &v1::Event, subject: &v1::Subject) {
    let asked = |label: &&mut Label| !label.known() || label.told_at.is_some();
    let Some(label) = labels.get_mut(&subject.key).filter(asked) else {
        return;
    };
    // Tried on labels in opposite states: a state that changes in neither is left
    // alone by the event, whatever it was.
    let plenty = Some(Decimal::from(1_000_000_000_000_i64));
    let free = Label { quantity: plenty, container: true, ..Label::new(subject.key) };
    let bound = Label {
        life: Life::Expected,
        quality: QualityState::Rejected,
        custody: Custody::Parent { key: 0 },
        order: Some(String::new()),
        holds: vec![Uuid::nil()],
        ..free.clone()
    };
    let set = &mut label.touched;
    for probe in [free, bound] {
        let mut alone = HashMap::from([(subject.key, probe.clone())]);
        apply(&mut alone, event, subject);
        let Some(after) = alone.get(&subject.key) else { continue };
        set.life |= ended_or_begun(probe.life, after.life);
        set.quality |= after.quality != probe.quality;
        set.order |= after.order != probe.order;
        set.quantity |= after.quantity != probe.quantity;
        set.released |= probe.holds.iter().any(|hold| !after.holds.contains(hold));
        // What was in something before may have been counted there: only an event
        // that takes it out says where it is.
        let inside = matches!(probe.custody, Custody::Parent { .. });
        set.custody |= inside && after.custody != probe.custody;
        set.more |= differs(after, &probe);
    }
}

/// Whether its life has changed, other than that what was expected has come.
fn ended_or_begun(was: Life, is: Life) -> bool {
    was != is && (was, is) != (Life::Expected, Life::Active)
}

/// Whether they differ in more than their states.
fn differs(one: &Label, other: &Label) -> bool {
    one.operations != other.operations
        || one.children != other.children
        || one.holds != other.holds
        || one.issued != other.issued
}

/// Keeps what an event has changed of labels of which the cloud told: what it did to
/// one may hang on another.
pub(super) fn note_changed(labels: &mut HashMap<i64, Label>, before: Vec<Label>) {
    for was in before {
        let Some(label) = labels.get_mut(&was.key) else { continue };
        let more = differs(label, &was);
        let now = (label.life, label.quality, label.custody.clone(), label.order.clone(), label.quantity);
        // A correction takes back what was set here, and what was set stays noted.
        let set = &mut label.touched;
        set.join(was.touched);
        set.life |= ended_or_begun(was.life, now.0);
        set.quality |= now.1 != was.quality;
        set.custody |= now.2 != was.custody;
        set.order |= now.3 != was.order;
        set.quantity |= now.4 != was.quantity;
        set.more |= more;
    }
}
