//! Scrap: units and quantities that are lost, each with its reason. The reason
//! first or the UID first; it is used up by the scrap that is recorded with it,
//! and must be one for scrap.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => scan(step, uid),
        Act::Reason if step.session.parent.is_some() => record(step),
        Act::Quantity(quantity) => match step.session.parent {
            Some(key) => {
                let quantity = draft::check_quantity(step, key, *quantity)?;
                step.session.quantities.insert(key, quantity);
                Ok(Answer::new(Code::QUANTITY_SET)
                    .arg("quantity", draft::with_unit(step, key, quantity))
                    .arg("uid", step.uid(key)))
            }
            None => super::not_here(step, act),
        },
        Act::Undo if step.session.parent.is_some() => {
            draft::clear(&mut step.session);
            Ok(Answer::new(Code::CANCELLED))
        }
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.session.parent.is_some() { Next::REASON.into() } else { Next::SCAN_TO_SCRAP.into() }
}

fn scan(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.parent == Some(key) {
        return draft::again(step, key, guard::DESTROY);
    }
    if step.session.parent.is_some() {
        return Err(Refusal::new(Code::SCRAP_REASON).about([key]).then(Next::REASON).firm());
    }
    let label = guard::check(step, key, guard::DESTROY)?;
    if label.is_some_and(|label| label.package && !label.children.is_empty()) {
        let refusal = Refusal::new(Code::SCRAP_NOT_EMPTY).about([key]).arg("uid", uid);
        step.permit(refusal)?;
    }
    if let Some(typed) = step.take_quantity() {
        let quantity = draft::check_quantity(step, key, typed)?;
        step.session.quantities.insert(key, quantity);
    }
    draft::keep_override(step, key);
    step.session.parent = Some(key);
    if step.field(fields::REASON).is_some() {
        return record(step);
    }
    Ok(Answer::new(Code::SCRAP_WHY).arg("uid", uid))
}

fn record(step: &mut Step<'_>) -> Ruling {
    let Some(key) = step.session.parent else {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    };
    guard::recheck(step, key, guard::DESTROY)?;
    let there = step.label(key).and_then(|label| label.quantity);
    if let Some(taken) = draft::quantity(step, key) {
        draft::check_quantity(step, key, taken)?;
    }
    let quantity = draft::quantity(step, key).filter(|quantity| Some(*quantity) != there);
    let mut event = step.event(v1::Stage::Scrap);
    event.reason = step.reason();
    event.note = step.field(fields::NOTE).unwrap_or_default().to_owned();
    event.overridden_by = step.session.overrides.get(&key).cloned().unwrap_or_default();
    event.subjects.extend(step.subject_of(key, v1::Role::Subject, quantity));
    let text = quantity.or(there).map(|q| draft::with_unit(step, key, q)).unwrap_or_default();
    let answer = Answer::new(Code::SCRAPPED)
        .arg("uid", step.uid(key))
        .arg("quantity", text)
        .arg("reason", guard::reason_text(step, &event.reason));
    draft::clear(&mut step.session);
    Ok(answer.event(event))
}
