//! Taking back: a label returns to what it was before, or what an event did to it is
//! reversed where others have come since.

use std::collections::{BTreeSet, HashMap};

use proto::v1::{self, Action, Role, Stage};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{amount, here, link, not_issued};
use crate::station::types::{Custody, Label, Life, OperationState, QualityState};

/// Takes back the event named: a label whose last event it was returns to what
/// it was before; for others links and quantities are reversed.
pub(super) fn correct(labels: &mut HashMap<i64, Label>, event: &v1::Event, corrected: Option<&v1::Event>) {
    let Ok(id) = Uuid::from_slice(&event.corrects) else {
        return;
    };
    let corrected = corrected.filter(|corrected| corrected.event_id == event.corrects);
    let named = event.subjects.iter().chain(corrected.iter().flat_map(|e| &e.subjects));
    let keys: BTreeSet<i64> = named.map(|subject| subject.key).filter(|key| *key > 0).collect();
    let mut later = Vec::new();
    let mut restored = Vec::new();
    for &key in &keys {
        let Some(label) = labels.get_mut(&key) else {
            continue;
        };
        let mut now = label.clone();
        now.before = None;
        if label.void.contains(&id) {
            // The office has taken it back already.
            label.before = Some(Box::new(now));
            continue;
        }
        match label.before.take().filter(|_| label.last_event == Some(id)) {
            Some(before) => {
                restore(label, *before);
                restored.push((key, now.custody.clone()));
            }
            None => later.push(key),
        }
        // So that a correction can itself be corrected.
        label.before = Some(Box::new(now));
    }
    for (key, was) in restored {
        list_again(labels, &keys, key, &was);
    }
    let Some(corrected) = corrected else {
        return;
    };
    for subject in corrected.subjects.iter().filter(|subject| later.contains(&subject.key)) {
        reverse(labels, corrected, subject);
    }
}

/// What came back without its package has left that, though the RETURN names no package: taken
/// back, it is on the package's list again, and off it when that is taken back in its turn.
fn list_again(labels: &mut HashMap<i64, Label>, named: &BTreeSet<i64>, key: i64, was: &Custody) {
    let Some(label) = labels.get(&key).filter(|label| label.custody != *was) else {
        return;
    };
    let (is, returned) = (label.custody.clone(), label.last_stage == i32::from(Stage::Return));
    if let Custody::Parent { key: package } = is
        && !named.contains(&package)
        && let Some(package) = labels.get_mut(&package).filter(|label| label.package)
        && !package.children.contains(&key)
    {
        package.children.push(key);
    }
    if let Custody::Parent { key: package } = was
        && returned
        && !named.contains(package)
        && let Some(package) = labels.get_mut(package).filter(|label| label.package)
    {
        package.children.retain(|child| *child != key);
    }
}

/// Puts back what was before. A birth cannot be undone, since the number is
/// used: the label ends.
fn restore(label: &mut Label, before: Label) {
    if label.known() && !before.known() {
        end(label);
        return;
    }
    let count = label.count;
    *label = before;
    label.count = count;
}

fn end(label: &mut Label) {
    label.life = Life::Scrapped;
    label.quantity = Some(Decimal::ZERO);
}

/// Reverses one subject of an event after which others have come. What cannot
/// be known any more (where it was before) stays.
fn reverse(labels: &mut HashMap<i64, Label>, event: &v1::Event, subject: &v1::Subject) {
    if matches!(event.stage(), Stage::Assembly | Stage::Packing | Stage::Kit) && !subject.mint {
        return unlink(labels, event, subject);
    }
    let Some(label) = labels.get_mut(&subject.key) else {
        return;
    };
    if subject.mint {
        return end(label);
    }
    let give_back = |label: &mut Label| {
        let there = label.quantity.unwrap_or(Decimal::ZERO);
        label.quantity = amount(subject).and_then(|part| there.checked_add(part));
        label.life = Life::Active;
    };
    match event.stage() {
        Stage::Consume | Stage::Transformation if subject.role() == Role::Input => give_back(label),
        Stage::Scrap | Stage::Sample => give_back(label),
        Stage::IssueToProduction => match amount(subject) {
            Some(part) => {
                not_issued(label, event, part);
                give_back(label);
            }
            None => {
                if let Some(order) = label.order.take() {
                    label.issued.remove(&order);
                }
            }
        },
        Stage::Inspection if event.action() == Action::Add => {
            label.quality = QualityState::Unrestricted;
        }
        Stage::Inspection => label.quality = QualityState::InInspection,
        // Readings alone neither began nor ended it.
        Stage::Operation | Stage::Load if event.action() == Action::Unspecified => {}
        Stage::Operation | Stage::Load | Stage::Rework => {
            let same = |o: &OperationState| o.operation == event.operation && o.attempt == event.attempt;
            label.operations.retain(|state| !same(state));
        }
        Stage::Hold => {
            let id = Uuid::from_slice(&event.event_id).ok();
            label.holds.retain(|hold| Some(*hold) != id);
            label.hold_marks.retain(|mark| Some(mark.hold) != id);
        }
        Stage::Transfer | Stage::Dispatch | Stage::JobWorkOut | Stage::ReturnToSupplier
            if subject.role() != Role::Child =>
        {
            label.custody = here(event);
        }
        _ => {}
    }
}

/// The reverse of a link, whichever of the two labels has moved on since.
fn unlink(labels: &mut HashMap<i64, Label>, event: &v1::Event, subject: &v1::Subject) {
    let parent = event.subjects.iter().find(|s| s.role() == Role::Parent).map(|s| s.key);
    let mut back = event.clone();
    let action = if event.action() == Action::Add { Action::Delete } else { Action::Add };
    back.set_action(action);
    if subject.role() != Role::Parent {
        return link(labels, &back, subject, parent);
    }
    let children = event.subjects.iter().filter(|s| s.role() != Role::Parent).map(|s| s.key);
    let children: Vec<i64> = children.collect();
    if let Some(label) = labels.get_mut(&subject.key) {
        label.children.retain(|child| !children.contains(child));
        if action == Action::Add {
            label.children.extend(children);
        }
    }
}
