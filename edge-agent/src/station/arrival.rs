//! What comes: from another plant, from a subcontractor, back from a customer.
//! UIDs, then DONE gives them one receipt. A package brings along what is in it; a unit that comes
//! back without the package in which it left comes out of it by that.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::mint;
use super::shipping;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Label, NumberRef};
use crate::config::StationKind;

/// The stage that a kind of arrival records, and what it says at the end.
fn way(kind: StationKind) -> (v1::Stage, Code) {
    match kind {
        StationKind::JobWorkIn => (v1::Stage::JobWorkIn, Code::JOB_WORK_BACK),
        StationKind::Return => (v1::Stage::Return, Code::RETURNED),
        _ => (v1::Stage::Transfer, Code::ARRIVED),
    }
}

/// What is asked of what comes.
fn rule(kind: StationKind) -> guard::Rule {
    if kind == StationKind::Return { guard::COME_BACK } else { guard::ARRIVE }
}

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => add(step, uid),
        Act::Text(text) => {
            // The paper that came with it: the sender's advice.
            step.set(fields::CHALLAN, text.clone());
            Ok(Answer::new(Code::ADVICE_SET).arg("number", text))
        }
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.session.draft.is_empty() { Next::SCAN_ARRIVAL.into() } else { Next::ARRIVAL_OR_DONE.into() }
}

fn add(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.draft.contains(&key) {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    let (stage, _) = way(step.world.station.kind);
    let known = step.label(key).is_some_and(Label::known);
    let foreign = uid.plant() != step.world.plant.plant;
    let announced = step.session.order.is_some() || step.field(fields::CHALLAN).is_some();
    // Another plant's label is news here; announced by its paper it is expected.
    let expected = !known && foreign && announced && !guard::held(step, key);
    if !expected {
        let label = guard::check(step, key, rule(step.world.station.kind))?;
        let here = label.is_some_and(|label| {
            label.last_stage == stage as i32 && label.last_station == step.world.station.code
        });
        if here {
            return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
        }
    }
    draft::push(step, key)?;
    let count = step.session.draft.len();
    Ok(Answer::new(Code::ARRIVAL_TAKEN).arg("uid", uid).arg("count", count))
}

fn record(step: &mut Step<'_>) -> Ruling {
    if step.session.draft.is_empty() {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    let (stage, done) = way(step.world.station.kind);
    if stage == v1::Stage::Return && step.field(fields::REASON).is_none() {
        return Err(Refusal::new(Code::RETURN_REASON).then(Next::REASON).silent());
    }
    draft::recheck(step, rule(step.world.station.kind))?;
    let mut references: Vec<_> = mint::number(step, "recadv")?.into_iter().collect();
    references.extend(step.order_reference());
    let advice = if stage == v1::Stage::Transfer { "desadv" } else { "challan" };
    for (kind, field) in [(advice, fields::CHALLAN), ("customer", fields::CUSTOMER)] {
        if let Some(number) = step.field(field) {
            references.push((kind.to_owned(), NumberRef::Existing(number.to_owned()), 0));
        }
    }
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        for subjects in shipping::with_contents(step, &keys) {
            let mut event = step.event(stage);
            event.references.clone_from(&references);
            if stage == v1::Stage::Transfer {
                event.action = v1::Action::Delete;
            }
            event.subjects = subjects;
            event.overridden_by.clone_from(&overridden_by);
            event.reason = step.reason();
            event.note = step.field(fields::NOTE).unwrap_or_default().to_owned();
            events.push(event);
        }
    }
    let count = step.session.draft.len();
    draft::clear(&mut step.session);
    Ok(Answer::new(done).arg("count", count).arg("number", "{number}").events(events))
}
