//! Split: one container becomes several. The container, a quantity for each
//! (or SPLIT-n for equal parts), DONE. What is not named stays in it.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::goods;
use super::guard;
use super::label;
use super::mint::{self, Birth};
use super::portions;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Label, LotRef};

/// The remainder that was asked about.
const REST: &str = "_rest";
/// Most parts of one split: they stand in one event.
const MAX_PARTS: usize = 400;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => source(step, uid),
        Act::Quantity(quantity) if step.session.parent.is_some() => add(step, *quantity),
        Act::Split(count) if portions::get(step).is_empty() => equal(step, *count),
        Act::Split(count) => goods::multiply(step, *count),
        Act::Undo if portions::get(step).is_empty() => {
            draft::clear(&mut step.session);
            Ok(Answer::new(Code::CANCELLED))
        }
        Act::Undo => goods::undo(step),
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    match step.session.parent {
        None => Next::SCAN_CONTAINER.into(),
        Some(_) if portions::get(step).is_empty() => Next::SPLIT.into(),
        Some(_) => Next::MORE_OR_DONE.into(),
    }
}

fn source(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.parent == Some(key) {
        guard::recheck(step, key, guard::DESTROY)?;
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if step.session.parent.is_some() {
        // A label fresh off the printer is confirmed even in the middle.
        return label::confirm_here(step, uid, Code::SPLIT_OPEN);
    }
    let fresh = step.label(key).is_some_and(|label| label::awaits_confirmation(step, label));
    if fresh {
        return label::confirm_here(step, uid, Code::SPLIT_OPEN);
    }
    let label = guard::check(step, key, guard::DESTROY)?;
    if let Some(label) = label.filter(|label| label.known() && !label.container) {
        let refusal = Refusal::new(Code::SPLIT_UNIT).about([key]).arg("uid", step.uid(label.key));
        return Err(refusal.firm());
    }
    if label.is_none_or(|label| !label.known()) {
        // What it is of must be on the new labels.
        return Err(Refusal::new(Code::SPLIT_UNKNOWN).about([key]).arg("uid", uid).firm());
    }
    step.session.parent = Some(key);
    let there = label.and_then(|label| label.quantity).unwrap_or_default();
    Ok(Answer::new(Code::SPLIT_SOURCE).arg("uid", uid).arg("quantity", draft::with_unit(step, key, there)))
}

fn add(step: &mut Step<'_>, quantity: Decimal) -> Ruling {
    goods::add(step, quantity)
}

fn source_label<'w>(step: &Step<'w>) -> Option<&'w Label> {
    step.session.parent.and_then(|key| step.label(key))
}

fn equal(step: &mut Step<'_>, count: Option<u32>) -> Ruling {
    let label = source_label(step);
    let (Some(count), Some(there)) = (count.filter(|n| *n > 1), label.and_then(|l| l.quantity)) else {
        return Err(Refusal::new(Code::SPLIT_COUNT).then(Next::SPLIT).silent());
    };
    let each = (there / Decimal::from(count)).normalize();
    if each.scale() > 6 || each * Decimal::from(count) != there {
        let refusal = Refusal::new(Code::SPLIT_UNEVEN).arg("count", count);
        return Err(refusal.then(Next::SPLIT).silent());
    }
    portions::put(step, &vec![(each, count)]);
    Ok(Answer::new(Code::GOODS_QUANTITY).arg("count", count).arg("quantity", there.normalize()))
}

fn record(step: &mut Step<'_>) -> Ruling {
    let parts = portions::get(step);
    let (Some(label), false) = (source_label(step), parts.is_empty()) else {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    };
    let key = label.key;
    guard::recheck(step, key, guard::DESTROY)?;
    let count = portions::containers(&parts);
    if count > MAX_PARTS {
        let refusal = Refusal::new(Code::MINT_TOO_MANY).arg("count", count);
        return Err(refusal.arg("limit", MAX_PARTS).silent());
    }
    let sum = portions::total(&parts).unwrap_or_default();
    let there = label.quantity.unwrap_or(sum);
    if sum > there {
        let refusal = Refusal::new(Code::SPLIT_TOO_MUCH)
            .about([key])
            .arg("quantity", draft::with_unit(step, key, sum))
            .arg("there", draft::with_unit(step, key, there));
        step.permit(refusal)?;
    }
    let rest = (there - sum).max(Decimal::ZERO);
    let rest_text = draft::with_unit(step, key, rest);
    if !rest.is_zero() && step.field(REST) != Some(rest_text.as_str()) {
        step.set(REST, &rest_text);
        return Ok(Answer::amber(Code::SPLIT_REST).arg("quantity", rest_text).then(Next::DONE_AGAIN));
    }
    let slots = mint::slots(step, mint::type_of(step, &label.item)?, count)?;
    let birth = Birth {
        item: label.item.clone(),
        unit: label.unit.clone(),
        lot: label.lot.map(LotRef::Existing),
        container: true,
    };
    let mut event = step.event(v1::Stage::Transformation);
    if let Some(order) = &label.order {
        let number = super::types::NumberRef::Existing(order.clone());
        event.references.push(("prodorder".to_owned(), number, 0));
    }
    let taken = (!rest.is_zero()).then_some(sum);
    event.subjects.extend(step.subject_of(key, v1::Role::Input, taken));
    let name = step.label_name(&label.item);
    let mut prints = Vec::new();
    for (slot, quantity) in slots.into_iter().zip(portions::each(&parts)) {
        let line = draft::with_unit(step, key, quantity);
        prints.extend(mint::print(step, slot.clone(), vec![name.clone(), line]));
        event.subjects.push(mint::subject(slot, v1::Role::Output, &birth, quantity));
    }
    let answer = Answer::new(Code::SPLIT_RECORDED).arg("uid", step.uid(key)).arg("count", count);
    draft::clear(&mut step.session);
    Ok(answer.event(event).prints(prints))
}
