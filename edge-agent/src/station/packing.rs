//! Packing into a package, and kits for a work order. The package's label, or
//! none: then DONE mints one; the contents; DONE. With a package open and
//! nothing scanned, UNDO turns to taking out.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft::{self, MODE};
use super::guard;
use super::mint::{self, Birth};
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Custody, DraftEvent, DraftSubject, KeyRef, Label};
use crate::config::StationKind;

/// Set while a new package without a label is open: its goods are wanted, and no package.
const NEW: &str = "_newpack";

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) if step.field(MODE).is_some() => take_out(step, uid),
        Act::Uid(uid) => scan(step, uid),
        Act::NoLabel => no_label(step),
        Act::Undo if step.session.parent.is_some() && step.session.draft.is_empty() => turn(step),
        Act::Undo if step.field(NEW).is_some() && step.session.draft.is_empty() => {
            step.take(NEW);
            Ok(Answer::new(Code::CANCELLED))
        }
        Act::Done if step.field(MODE).is_some() => record_out(step),
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(MODE).is_some() {
        return Next::CHILD_OUT.into();
    }
    match (step.session.parent, step.session.draft.is_empty()) {
        (None, true) if step.field(NEW).is_none() => Next::PACKAGE.into(),
        // What is scanned to go in would be refused.
        (Some(package), true) if guard::held(step, package) => Next::ONLY_OUT.into(),
        (_, true) => Next::CONTENT.into(),
        (_, false) => Next::CONTENT_OR_DONE.into(),
    }
}

fn stage(step: &Step<'_>) -> v1::Stage {
    match step.world.station.kind {
        StationKind::Kit => v1::Stage::Kit,
        _ => v1::Stage::Packing,
    }
}

/// Whether a label is a package: it was one before, it is of the item that this
/// station labels packages as, or it was commissioned and holds nothing that is
/// known. The type in its UID is never asked.
fn is_package(step: &Step<'_>, label: &Label) -> bool {
    let own = step.world.station.output.as_ref().and_then(|output| output.item.as_ref());
    label.package || own == Some(&label.item)
}

fn scan(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.parent == Some(key) {
        // It may have been opened to take something out.
        let rule = if step.session.draft.is_empty() { guard::OPEN } else { guard::USE };
        guard::recheck(step, key, rule)?;
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if step.session.draft.contains(&key) {
        return draft::again(step, key, guard::USE);
    }
    let package = step.label(key).is_some_and(|label| is_package(step, label));
    if package && step.session.parent.is_none() {
        guard::check(step, key, guard::OPEN)?;
        step.session.parent = Some(key);
        step.take(NEW);
        return Ok(Answer::new(Code::PACK_OPEN).arg("uid", uid));
    }
    if step.session.parent.is_none() && step.world.station.output.is_none() {
        let refusal = Refusal::new(Code::PACK_NO_PACKAGE).about([key]);
        return Err(refusal.then(Next::PACKAGE).firm());
    }
    let custody = step.label(key).map(|label| &label.custody);
    if let (Some(Custody::Parent { key: inside }), Some(parent)) = (custody, step.session.parent)
        && *inside == parent
    {
        guard::recheck(step, key, guard::FREE)?;
        return Ok(Answer::amber(Code::ASSEMBLY_ALREADY_IN).arg("uid", uid));
    }
    if let Some(parent) = step.session.parent {
        // It may have been opened to take something out.
        guard::recheck(step, parent, guard::USE)?;
    }
    let label = guard::check(step, key, guard::USE)?;
    let loop_back = step.session.parent.is_some_and(|p| guard::contents(step, key).contains(&p));
    if loop_back {
        return Err(Refusal::new(Code::PACK_LOOP).about([key]).arg("uid", uid).firm());
    }
    draft::push(step, key)?;
    let item = label.map(|label| step.item_name(&label.item)).unwrap_or_default();
    let count = step.session.draft.len();
    Ok(Answer::new(Code::PACK_CONTENT).arg("uid", uid).arg("item", item).arg("count", count))
}

fn no_label(step: &mut Step<'_>) -> Ruling {
    if step.session.parent.is_some() {
        return Err(Refusal::new(Code::ASSEMBLY_PARENT_OPEN).silent());
    }
    newborn(step)?;
    step.set(NEW, "1");
    Ok(Answer::new(Code::PACK_NO_LABEL))
}

fn turn(step: &mut Step<'_>) -> Ruling {
    step.set(MODE, "out");
    let uid = step.session.parent.map(|key| step.uid(key)).unwrap_or_default();
    Ok(Answer::amber(Code::PACK_TAKING_OUT).arg("uid", uid))
}

fn take_out(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.draft.contains(&key) {
        if let Some(package) = step.session.parent.filter(|_| !draft::let_in_held(step, key)) {
            guard::check_taken_out(step, key, package)?;
        }
        draft::keep_override(step, key);
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    let package = step.session.parent.and_then(|parent| step.label(parent));
    if package.is_some_and(|package| !package.children.contains(&key)) {
        let about = [key].into_iter().chain(step.session.parent);
        let refusal = Refusal::new(Code::ASSEMBLY_NOT_INSIDE).about(about).arg("uid", uid);
        step.permit(refusal)?;
    }
    if let Some(package) = step.session.parent {
        guard::check_taken_out(step, key, package)?;
    }
    draft::push(step, key)?;
    Ok(Answer::new(Code::TAKEN_OUT).arg("uid", uid))
}

fn record(step: &mut Step<'_>) -> Ruling {
    if step.session.draft.is_empty() {
        draft::clear(&mut step.session);
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    if let Some(parent) = step.session.parent {
        guard::recheck(step, parent, guard::USE)?;
    }
    draft::recheck(step, guard::USE)?;
    let mut events = Vec::new();
    let mut prints = Vec::new();
    let parent = match step.session.parent {
        Some(key) => step.subject(key, v1::Role::Parent),
        None => {
            let born = newborn(step)?;
            prints.extend(mint::print(step, born.key.clone(), vec![step.label_name(&born.item)]));
            let mut event = step.event(v1::Stage::Commission);
            event.subjects.push(born.clone());
            events.push(event);
            Some(DraftSubject { role: v1::Role::Parent, quantity: None, item: String::new(), ..born })
        }
    };
    let Some(parent) = parent else {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    };
    events.extend(links(step, v1::Action::Add, &parent));
    let uid = step.session.parent.map_or_else(|| "{slot:0}".to_owned(), |key| step.uid(key));
    let count = step.session.draft.len();
    draft::clear(&mut step.session);
    let answer = Answer::new(Code::PACKED).arg("uid", uid).arg("count", count);
    Ok(answer.events(events).prints(prints))
}

fn record_out(step: &mut Step<'_>) -> Ruling {
    let parent = step.session.parent.and_then(|key| step.subject(key, v1::Role::Parent));
    let Some(parent) = parent.filter(|_| !step.session.draft.is_empty()) else {
        draft::clear(&mut step.session);
        return Ok(Answer::amber(Code::DONE_NOTHING));
    };
    // The office may have come in between.
    if let Some(package) = step.session.parent {
        for key in step.session.draft.clone() {
            if !draft::let_in_held(step, key) {
                guard::check_taken_out(step, key, package)?;
            }
        }
    }
    let events = links(step, v1::Action::Delete, &parent);
    let uid = step.session.parent.map(|key| step.uid(key)).unwrap_or_default();
    let count = step.session.draft.len();
    draft::clear(&mut step.session);
    Ok(Answer::new(Code::OUT_RECORDED).arg("uid", uid).arg("count", count).events(events))
}

fn links(step: &Step<'_>, action: v1::Action, parent: &DraftSubject) -> Vec<DraftEvent> {
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        let mut event = step.event(stage(step));
        event.action = action;
        event.overridden_by = overridden_by;
        event.subjects.push(parent.clone());
        event.subjects.extend(keys.iter().filter_map(|key| step.subject(*key, v1::Role::Child)));
        events.push(event);
    }
    events
}

/// The package that has no label yet, as it is born.
fn newborn(step: &Step<'_>) -> Result<DraftSubject, Refusal> {
    let Some(output) = &step.world.station.output else {
        return Err(Refusal::new(Code::PACK_NO_PACKAGE).then(Next::PACKAGE).silent());
    };
    mint::slots(step, output.type_code, 1)?;
    let item = output.item.clone().unwrap_or_default();
    let unit = step.item(&item).map(|item| item.base_unit.clone()).unwrap_or_default();
    let birth = Birth { item, unit, lot: None, container: false };
    let key = KeyRef::Mint { slot: 0, kind: output.type_code };
    Ok(mint::subject(key, v1::Role::Subject, &birth, Decimal::ONE))
}
