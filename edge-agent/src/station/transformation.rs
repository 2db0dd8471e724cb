//! Transformation: lots and parts become others, merges included. Inputs, DONE,
//! what was made, DONE; 0 made uses them up for the order. Where it does not balance the station asks once.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::bom;
use super::codes::{Code, Next};
use super::draft;
use super::goods;
use super::guard;
use super::mint::{self, Birth};
use super::portions;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, DraftLot, LotRef};

/// Set once the inputs are complete and outputs are being entered.
const MADE: &str = "_made";
/// The imbalance that was asked about.
const BALANCE: &str = "_balance";
/// Most inputs and outputs of one act: they stand in one event, so that each
/// output is linked to each input.
const MAX_EACH: usize = 250;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    let made = step.field(MADE).is_some();
    match act {
        Act::Uid(uid) if !made => input(step, uid),
        Act::Uid(_) => Err(Refusal::new(Code::TRANSFORM_ENTER_MADE).then(Next::MADE).silent()),
        Act::Quantity(quantity) if made && quantity.is_zero() => consume(step),
        Act::Quantity(quantity) if made => goods::add(step, *quantity),
        Act::Quantity(quantity) => draft::set_quantity(step, *quantity),
        Act::Split(count) if made => goods::multiply(step, *count),
        Act::Field(name) => goods::field(step, name),
        Act::Text(text) => {
            let Some(item) = goods::find_item(step, text).map(|item| item.item.clone()) else {
                return super::not_here(step, act);
            };
            goods::choose_item(step, &item)?;
            Ok(Answer::new(Code::ITEM_CHOSEN).arg("item", step.item_name(&item)))
        }
        Act::NoLabel | Act::Done if !made => inputs_done(step),
        Act::Done => record(step),
        Act::Undo if made && portions::get(step).is_empty() => {
            step.take(MADE);
            Ok(Answer::new(Code::TRANSFORM_INPUTS))
        }
        Act::Undo if made => goods::undo(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(MADE).is_none() {
        return if step.session.draft.is_empty() { Next::INPUT.into() } else { Next::INPUT_OR_DONE.into() };
    }
    if goods::item_code(step).is_none() {
        return Next::ITEM.into();
    }
    if portions::get(step).is_empty() { Next::MADE.into() } else { Next::MORE_OR_DONE.into() }
}

fn input(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.draft.contains(&key) {
        return draft::again(step, key, guard::USE);
    }
    if step.session.draft.len() >= MAX_EACH {
        return Err(Refusal::new(Code::DRAFT_FULL).silent());
    }
    let label = guard::check(step, key, guard::USE)?;
    let typed = step.take_quantity();
    let quantity = match typed {
        Some(typed) => Some(draft::check_quantity(step, key, typed)?),
        None => None,
    };
    draft::push(step, key)?;
    if let Some(quantity) = quantity {
        step.session.quantities.insert(key, quantity);
    }
    let item = label.map(|label| step.item_name(&label.item)).unwrap_or_default();
    Ok(Answer::new(Code::TRANSFORM_INPUT).arg("uid", uid).arg("item", item))
}

fn inputs_done(step: &mut Step<'_>) -> Ruling {
    if step.session.draft.is_empty() {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    step.set(MADE, "1");
    Ok(Answer::new(Code::TRANSFORM_HOW_MUCH).arg("count", step.session.draft.len()))
}

fn record(step: &mut Step<'_>) -> Ruling {
    let Some(code) = goods::item_code(step) else {
        return Err(Refusal::new(Code::GOODS_NO_ITEM).then(Next::ITEM).silent());
    };
    let made = portions::get(step);
    let total = portions::total(&made).filter(|total| *total > Decimal::ZERO);
    let Some(total) = total else {
        return Err(Refusal::new(Code::GOODS_QUANTITY_FIRST).then(Next::MADE).silent());
    };
    if let Some(ask) = balance(step, &code, total) {
        return Ok(ask);
    }
    let item = step.item(&code);
    let by_unit = item.is_some_and(|item| item.tracking == "unit");
    let unit = item.map(|item| item.base_unit.clone()).unwrap_or_default();
    let count = if by_unit { goods::units(total)? } else { portions::containers(&made) };
    if count > MAX_EACH {
        let refusal = Refusal::new(Code::MINT_TOO_MANY).arg("count", count);
        return Err(refusal.arg("limit", MAX_EACH).silent());
    }
    draft::recheck(step, guard::USE)?;
    let slots = mint::slots(step, mint::type_of(step, &code)?, count)?;
    let birth =
        Birth { item: code.clone(), unit: unit.clone(), lot: Some(LotRef::New(0)), container: !by_unit };
    let quantities: Vec<Decimal> =
        if by_unit { vec![Decimal::ONE; count] } else { portions::each(&made).collect() };
    let mut event = step.event(v1::Stage::Transformation);
    event.operation = step.operation();
    event.readings = step.world.readings.to_vec();
    event.accepted = Some(total);
    event.reason = step.reason();
    event.overridden_by = step.session.overrides.values().next().cloned().unwrap_or_default();
    for key in &step.session.draft {
        let quantity = draft::quantity(step, *key);
        event.subjects.extend(step.subject_of(*key, v1::Role::Input, quantity));
    }
    let mut prints = Vec::new();
    let name = step.label_name(&code);
    for (key, quantity) in slots.into_iter().zip(quantities) {
        let line = format!("{} {unit}", quantity.normalize());
        prints.extend(mint::print(step, key.clone(), vec![name.clone(), line]));
        event.subjects.push(mint::subject(key, v1::Role::Output, &birth, quantity));
    }
    let made_on = step.world.shift.1;
    let days = item.and_then(|item| item.shelf_life_days).map(|days| chrono::Days::new(days.into()));
    event.lots.push(DraftLot {
        item: code.clone(),
        made_on: Some(made_on),
        expires_on: days.and_then(|days| made_on.checked_add_days(days)),
        ..DraftLot::default()
    });
    let mut events = vec![event];
    if item.is_some_and(|item| item.inspect) {
        events.push(into_inspection(&events[0]));
    }
    let answer = Answer::new(Code::TRANSFORM_RECORDED)
        .arg("item", step.item_name(&code))
        .arg("count", count)
        .arg("quantity", format!("{} {unit}", total.normalize()).trim_end())
        .arg("uid", "{slot:0}");
    draft::clear(&mut step.session);
    Ok(answer.events(events).prints(prints))
}

/// Nothing that has a label was made: the inputs are used up for the order.
fn consume(step: &mut Step<'_>) -> Ruling {
    if !portions::get(step).is_empty() {
        return Err(Refusal::new(Code::QUANTITY_ZERO).silent());
    }
    draft::recheck(step, guard::USE)?;
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        let mut event = step.event(v1::Stage::Consume);
        event.operation = step.operation();
        event.reason = step.reason();
        event.overridden_by = overridden_by;
        for key in keys {
            let quantity = draft::quantity(step, key);
            event.subjects.extend(step.subject_of(key, v1::Role::Input, quantity));
        }
        events.push(event);
    }
    let count = step.session.draft.len();
    draft::clear(&mut step.session);
    Ok(Answer::new(Code::CONSUMED).arg("count", count).events(events))
}

/// What was made goes into inspection first.
fn into_inspection(made: &DraftEvent) -> DraftEvent {
    let mut event = DraftEvent::new(v1::Stage::Inspection);
    event.action = v1::Action::Add;
    event.references.clone_from(&made.references);
    let outputs = made.subjects.iter().filter(|subject| subject.role == v1::Role::Output);
    event.subjects = outputs
        .map(|subject| super::types::DraftSubject {
            role: v1::Role::Subject,
            item: String::new(),
            lot: None,
            ..subject.clone()
        })
        .collect();
    event
}

/// Asks once where what went in is not what came out: by the parts list where
/// it names the inputs, else by the sum where all are of one unit.
fn balance(step: &mut Step<'_>, code: &str, made: Decimal) -> Option<Answer> {
    let mut went_in: Vec<(String, String, Decimal)> = Vec::new();
    for key in &step.session.draft {
        // What is not known here cannot be added up.
        let label = step.label(*key).filter(|label| label.known())?;
        let quantity = draft::quantity(step, *key).or(label.quantity)?;
        match went_in.iter_mut().find(|(item, _, _)| *item == label.item) {
            Some((_, _, sum)) => *sum = sum.checked_add(quantity)?,
            None => went_in.push((label.item.clone(), label.unit.clone(), quantity)),
        }
    }
    let parts = bom::parts(step, code);
    let mut words = Vec::new();
    let mut in_parts = false;
    for (item, unit, quantity) in &went_in {
        let each = parts.as_ref().and_then(|parts| parts.get(item));
        in_parts |= each.is_some();
        if let Some(wanted) = each.and_then(|each| each.checked_mul(made))
            && wanted != *quantity
        {
            let name = step.item_name(item);
            words.push(format!("{name}: {} / {} {unit}", quantity.normalize(), wanted.normalize()));
        }
    }
    if !in_parts {
        let unit = step.item(code).map(|item| item.base_unit.as_str()).unwrap_or_default();
        if went_in.iter().all(|(_, of, _)| of == unit) {
            let sum = went_in.iter().try_fold(Decimal::ZERO, |sum, (_, _, q)| sum.checked_add(*q))?;
            if sum != made {
                words.push(format!("{} / {} {unit}", sum.normalize(), made.normalize()));
            }
        }
    }
    let difference = words.join(", ");
    if difference.is_empty() || step.field(BALANCE) == Some(difference.as_str()) {
        return None;
    }
    step.set(BALANCE, &difference);
    Some(Answer::amber(Code::BALANCE_ASK).arg("difference", difference).then(Next::DONE_AGAIN))
}
