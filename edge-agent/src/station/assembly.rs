//! Assembly: a parent (its label, or NOLABEL for one that has none yet), then
//! its children, then DONE. With a parent open and nothing scanned, UNDO turns
//! to taking out.

use std::collections::BTreeMap;

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::bom::{self, Need};
use super::codes::{Code, Next};
use super::draft::{self, MODE};
use super::fields;
use super::guard;
use super::machine;
use super::mint::{self, Birth};
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Custody, DraftSubject, KeyRef, Label};

/// Field that is set while the parent is to be minted at DONE, to when that began
/// in microseconds of the agent's clock.
const UNLABELLED: &str = "_nolabel";

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) if !open(step) => parent(step, uid),
        Act::Uid(uid) if taking_out(step) => take_out(step, uid),
        Act::Uid(uid) => child(step, uid),
        Act::NoLabel => no_label(step),
        Act::Quantity(quantity) => {
            // A quantity after a child is that child's; before one it waits.
            draft::set_quantity(step, *quantity)
        }
        Act::Undo if open(step) && step.session.draft.is_empty() => turn(step),
        Act::Undo => draft::undo(step),
        Act::Done if taking_out(step) => record_out(step),
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

fn open(step: &Step<'_>) -> bool {
    step.session.parent.is_some() || unlabelled(step).is_some()
}

/// Since when a parent is open that gets its label at DONE.
pub(crate) fn unlabelled(step: &Step<'_>) -> Option<i64> {
    step.field(UNLABELLED)?.parse().ok()
}

fn taking_out(step: &Step<'_>) -> bool {
    step.field(MODE).is_some()
}

/// The item being built: the parent's, else the order's, else the station's.
fn built_item(step: &Step<'_>) -> Option<String> {
    let label = step.session.parent.and_then(|key| step.label(key)).filter(|l| l.known());
    let own = step.world.station.output.as_ref().and_then(|output| output.item.clone());
    let order = step.order().map(|order| order.item.clone()).filter(|item| !item.is_empty());
    label.map(|label| label.item.clone()).or(order).or(own)
}

fn inside<'w>(step: &Step<'w>) -> &'w [i64] {
    let label = step.session.parent.and_then(|key| step.label(key));
    label.map(|label| label.children.as_slice()).unwrap_or_default()
}

fn needs(step: &Step<'_>, benefit: bool) -> Option<Vec<Need>> {
    bom::needs(step, &built_item(step)?, inside(step), benefit)
}

/// What is waited for: a parent, the first missing child, or DONE.
pub(crate) fn next(step: &Step<'_>) -> Asked {
    if !open(step) {
        return Next::PARENT.into();
    }
    if taking_out(step) {
        return Next::CHILD_OUT.into();
    }
    let needs = needs(step, true);
    let missing = needs.iter().flatten().find(|need| need.missing() > Decimal::ZERO);
    match (missing, needs.is_some()) {
        (Some(need), _) => Asked::from(Next::CHILD)
            .arg("want", step.item_name(&need.item))
            .arg("amount", need.missing().normalize()),
        (None, true) => Next::DONE.into(),
        (None, false) => Next::ANY_CHILD.into(),
    }
}

fn parent(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let label = guard::check(step, key, guard::WORK)?;
    if let Some(label) = label.filter(|label| label.known()) {
        let wanted = step.order().map(|order| order.item.clone()).filter(|item| !item.is_empty());
        if let Some(wanted) = wanted.filter(|wanted| *wanted != label.item) {
            // Somebody who scans a child first has forgotten the parent.
            let refusal = Refusal::new(Code::ASSEMBLY_WRONG_PARENT)
                .about([key])
                .arg("item", step.item_name(&label.item))
                .arg("wanted", step.item_name(&wanted));
            step.permit(refusal.then(Next::PARENT))?;
        }
        own_order(step, label)?;
        if bom::parts(step, &label.item).is_none() {
            step.note(Code::NOTE_NO_BOM, vec![("item".to_owned(), step.item_name(&label.item))]);
        }
    }
    step.session.parent = Some(key);
    draft::keep_override(step, key);
    Ok(Answer::new(Code::ASSEMBLY_PARENT).arg("uid", uid))
}

/// Where no order is chosen the parent's own stands, for this assembly only; one
/// made for another order than the chosen is refused.
fn own_order(step: &mut Step<'_>, label: &Label) -> Result<(), Refusal> {
    let Some(own) = &label.order else {
        return Ok(());
    };
    match &step.session.order {
        None => {
            step.session.order = Some(("prodorder".to_owned(), own.clone()));
            step.set(draft::ORDER_OF_PARENT, "1");
        }
        Some((_, chosen)) if chosen != own => {
            let refusal = Refusal::new(Code::ASSEMBLY_OTHER_ORDER).about([label.key]).arg("order", own);
            step.permit(refusal.then(Next::PARENT))?;
        }
        Some(_) => {}
    }
    Ok(())
}

fn no_label(step: &mut Step<'_>) -> Ruling {
    if open(step) {
        return Err(Refusal::new(Code::ASSEMBLY_PARENT_OPEN).silent());
    }
    let Some(item) = built_item(step) else {
        return Err(Refusal::new(Code::ASSEMBLY_NO_ORDER).then(Next::ORDER).silent());
    };
    // Told now rather than when all the parts are in.
    mint::slots(step, mint::type_of(step, &item)?, 1)?;
    step.set(UNLABELLED, step.world.now.timestamp_micros().to_string());
    Ok(Answer::new(Code::ASSEMBLY_NO_LABEL).arg("item", step.item_name(&item)))
}

fn child(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.parent == Some(key) {
        return draft::again(step, key, guard::WORK);
    }
    if step.session.draft.contains(&key) {
        return draft::again(step, key, guard::BUILD_IN);
    }
    let in_parent = step.label(key).map(|label| &label.custody);
    if let (Some(Custody::Parent { key: other }), Some(parent)) = (in_parent, step.session.parent)
        && *other == parent
    {
        guard::recheck(step, key, guard::FREE)?;
        return Ok(Answer::amber(Code::ASSEMBLY_ALREADY_IN).arg("uid", uid));
    }
    let label = guard::check(step, key, guard::BUILD_IN)?;
    let quantity = match label.filter(|label| label.known()) {
        Some(label) => fits(step, label)?,
        None => None,
    };
    draft::push(step, key)?;
    if let Some(quantity) = quantity {
        step.session.quantities.insert(key, quantity);
    }
    let item = label.map(|label| step.item_name(&label.item)).unwrap_or_default();
    Ok(Answer::new(Code::ASSEMBLY_CHILD).arg("uid", uid).arg("item", item))
}

/// Whether the child is on the parts list and still wanted. Returns how much
/// of a container goes in: what was typed, else what is wanted or left.
fn fits(step: &mut Step<'_>, label: &Label) -> Result<Option<Decimal>, Refusal> {
    let typed = step.take_quantity();
    let needs = needs(step, false);
    let need = needs.as_ref().map(|needs| needs.iter().find(|need| need.item == label.item));
    let refusal = |step: &Step<'_>, code| {
        Refusal::new(code)
            .about([label.key].into_iter().chain(step.session.parent))
            .arg("uid", step.uid(label.key))
            .arg("item", step.item_name(&label.item))
    };
    let wanted = match need {
        None => None,
        Some(None) => {
            let parent = built_item(step).map(|item| step.item_name(&item)).unwrap_or_default();
            let refusal = refusal(step, Code::ASSEMBLY_NOT_ON_BOM).arg("parent", parent);
            step.permit(refusal)?;
            None
        }
        Some(Some(need)) if need.missing() <= Decimal::ZERO => {
            let refusal = refusal(step, Code::ASSEMBLY_ENOUGH);
            step.permit(refusal)?;
            None
        }
        Some(Some(need)) => Some(need.missing()),
    };
    if !label.container {
        return Ok(None);
    }
    let there = label.quantity.unwrap_or(Decimal::ZERO);
    if let Some(typed) = typed {
        return draft::check_quantity(step, label.key, typed).map(Some);
    }
    if there.is_zero() && wanted.is_some() {
        // Empty by the books, and let in all the same: then it was not empty.
        return Ok(wanted);
    }
    Ok(Some(wanted.unwrap_or(there).min(there)))
}

fn turn(step: &mut Step<'_>) -> Ruling {
    if unlabelled(step).is_some() || taking_out(step) {
        draft::clear(&mut step.session);
        return Ok(Answer::new(Code::CANCELLED));
    }
    step.set(MODE, "out");
    let uid = step.session.parent.map(|key| step.uid(key)).unwrap_or_default();
    Ok(Answer::amber(Code::ASSEMBLY_TAKING_OUT).arg("uid", uid))
}

fn take_out(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.draft.contains(&key) {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if !inside(step).contains(&key) {
        let about = [key].into_iter().chain(step.session.parent);
        let refusal = Refusal::new(Code::ASSEMBLY_NOT_INSIDE).about(about).arg("uid", uid);
        step.permit(refusal)?;
    }
    draft::push(step, key)?;
    if let Some(quantity) = step.take_quantity() {
        step.session.quantities.insert(key, quantity);
    }
    Ok(Answer::new(Code::TAKEN_OUT).arg("uid", uid))
}

fn record(step: &mut Step<'_>) -> Ruling {
    if !open(step) {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    let missing = needs(step, true).map(|needs| bom::missing_text(step, &needs)).unwrap_or_default();
    if !missing.is_empty() {
        let about = step.session.parent.into_iter().chain(step.session.draft.iter().copied());
        let refusal = Refusal::new(Code::ASSEMBLY_MISSING).about(about).arg("missing", missing);
        step.permit(refusal)?;
    }
    if step.session.draft.is_empty() {
        // A parent that was complete before, or one for which all parts are
        // left out: there is nothing to record.
        draft::clear(&mut step.session);
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    if let Some(parent) = step.session.parent {
        guard::recheck(step, parent, guard::WORK)?;
    }
    draft::recheck(step, guard::BUILD_IN)?;
    let (parent, birth) = match step.session.parent {
        Some(key) => (step.subject(key, v1::Role::Parent), None),
        None => {
            let born = newborn(step)?;
            (Some(DraftSubject { role: v1::Role::Parent, ..born.clone() }), Some(born))
        }
    };
    let Some(parent) = parent else {
        return Err(Refusal::new(Code::DONE_NOTHING).silent());
    };
    let mut events = Vec::new();
    let mut prints = Vec::new();
    let mut inspect = None;
    if let Some(born) = birth {
        if step.item(&born.item).is_some_and(|item| item.inspect) {
            inspect = Some(DraftSubject { role: v1::Role::Subject, ..named(&parent) });
        }
        prints.extend(mint::print(step, born.key.clone(), vec![step.label_name(&born.item)]));
        let mut event = step.event(v1::Stage::Commission);
        event.subjects.push(born);
        events.push(event);
        events.extend(machine::at_birth(step, &named(&parent)));
    }
    events.extend(out_of_kits(step));
    let count = step.session.draft.len();
    for (overridden_by, keys) in draft::groups(step) {
        let mut event = link(step, v1::Action::Add, named(&parent), &keys);
        event.overridden_by = or_the_parents(step, overridden_by);
        events.push(event);
    }
    if let Some(subject) = inspect {
        let mut event = step.event(v1::Stage::Inspection);
        event.action = v1::Action::Add;
        event.subjects.push(subject);
        events.push(event);
    }
    let uid = step.session.parent.map_or_else(|| "{slot:0}".to_owned(), |key| step.uid(key));
    draft::clear(&mut step.session);
    let answer = Answer::new(Code::ASSEMBLY_RECORDED).arg("uid", uid).arg("count", count);
    Ok(answer.events(events).prints(prints))
}

fn record_out(step: &mut Step<'_>) -> Ruling {
    let parent = step.session.parent.and_then(|key| step.subject(key, v1::Role::Parent));
    let Some(parent) = parent.filter(|_| !step.session.draft.is_empty()) else {
        draft::clear(&mut step.session);
        return Ok(Answer::amber(Code::DONE_NOTHING));
    };
    let uid = step.session.parent.map(|key| step.uid(key)).unwrap_or_default();
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        let mut event = link(step, v1::Action::Delete, parent.clone(), &keys);
        event.reason = step.reason();
        event.overridden_by = or_the_parents(step, overridden_by);
        events.push(event);
    }
    let count = step.session.draft.len();
    draft::clear(&mut step.session);
    Ok(Answer::new(Code::OUT_RECORDED).arg("uid", uid).arg("count", count).events(events))
}

/// Parts that are in a kit of this order leave it as they are built in. A container
/// of which something is left stays in its kit.
fn out_of_kits(step: &Step<'_>) -> Vec<super::types::DraftEvent> {
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        let mut kits: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for key in keys {
            let Some(label) = step.label(key) else { continue };
            let left = |taken| label.container && label.quantity.is_some_and(|there| taken < there);
            if let Some(kit) = guard::kit_of(step, label)
                && !draft::quantity(step, key).is_some_and(left)
            {
                kits.entry(kit).or_default().push(key);
            }
        }
        for (kit, keys) in kits {
            let mut event = step.event(v1::Stage::Kit);
            event.action = v1::Action::Delete;
            event.overridden_by.clone_from(&overridden_by);
            event.subjects.extend(step.subject(kit, v1::Role::Parent));
            event.subjects.extend(keys.iter().filter_map(|key| step.subject(*key, v1::Role::Child)));
            events.push(event);
        }
    }
    events
}

/// The supervisor who let these children in, else the one who let the parent in.
fn or_the_parents(step: &Step<'_>, supervisor: String) -> String {
    let parents = step.session.parent.and_then(|key| step.session.overrides.get(&key));
    parents.filter(|_| supervisor.is_empty()).cloned().unwrap_or(supervisor)
}

/// The parent that has no label yet, as it is born.
fn newborn(step: &Step<'_>) -> Result<DraftSubject, Refusal> {
    let Some(item) = built_item(step) else {
        return Err(Refusal::new(Code::ASSEMBLY_NO_ORDER).then(Next::ORDER).silent());
    };
    let kind = mint::type_of(step, &item)?;
    mint::slots(step, kind, 1)?;
    let unit = step.item(&item).map(|item| item.base_unit.clone()).unwrap_or_default();
    let birth = Birth { item, unit, lot: None, container: false };
    let key = KeyRef::Mint { slot: 0, kind };
    Ok(mint::subject(key, v1::Role::Subject, &birth, Decimal::ONE))
}

/// The parent in a link: named only, its facts stand in its own event.
fn named(parent: &DraftSubject) -> DraftSubject {
    DraftSubject { quantity: None, item: String::new(), lot: None, ..parent.clone() }
}

fn link(
    step: &Step<'_>,
    action: v1::Action,
    parent: DraftSubject,
    children: &[i64],
) -> super::types::DraftEvent {
    let mut event = step.event(v1::Stage::Assembly);
    event.action = action;
    event.operation = step.operation();
    if !event.operation.is_empty() {
        event.attempt = attempt(step, &event.operation);
    }
    if action == v1::Action::Add {
        event.readings = step.world.readings.to_vec();
    }
    event.note = step.field(fields::NOTE).unwrap_or_default().to_owned();
    event.subjects.push(parent);
    for key in children {
        let quantity = draft::quantity(step, *key);
        event.subjects.extend(step.subject_of(*key, v1::Role::Child, quantity));
    }
    event
}

/// The attempt that the parent is in.
fn attempt(step: &Step<'_>, operation: &str) -> u32 {
    let label = step.session.parent.and_then(|key| step.label(key));
    let state = label.and_then(|l| l.operations.iter().find(|o| o.operation == operation));
    state.map_or(1, |state| state.attempt.max(1))
}
