//! Receiving: goods from a supplier. An open order, or none with its reason;
//! the item and the supplier's lot; containers and quantities; DONE mints a UID
//! per container, or per unit where units are tracked. Nothing about an order
//! is kept here, so two docks may receive on one order.

use proto::v1;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::goods;
use super::label;
use super::mint;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, DraftSubject, NumberRef};
use crate::reference::Order;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Gs1(label) => {
            if let Some(number) = label.order.clone().filter(|_| step.session.order.is_none())
                && let Some(chosen) = super::find_order(step, &number)
            {
                step.session.order = Some(chosen);
            }
            goods::read_label(step, label)
        }
        Act::Text(text) => text_entry(step, text),
        Act::Field(name) => goods::field(step, name),
        Act::Quantity(quantity) => goods::add(step, *quantity),
        Act::Split(count) => goods::multiply(step, *count),
        Act::Undo => goods::undo(step),
        Act::Uid(uid) => label::confirm_here(step, uid, Code::RECEIPT_HAS_UID),
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

/// An item's code or GTIN; else, once the item is known, the supplier's lot.
fn text_entry(step: &mut Step<'_>, text: &str) -> Ruling {
    if let Some(item) = goods::find_item(step, text).map(|item| item.item.clone()) {
        goods::choose_item(step, &item)?;
        return Ok(Answer::new(Code::ITEM_CHOSEN).arg("item", step.item_name(&item)));
    }
    if goods::item_code(step).is_none() {
        return Err(Refusal::new(Code::TEXT_UNKNOWN).arg("text", text).silent());
    }
    goods::choose_lot(step, text)?;
    Ok(Answer::new(Code::LOT_SET).arg("lot", text))
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.session.order.is_none() && !has_reason(step) {
        return Next::ORDER.into();
    }
    goods::asked(step)
}

/// Whether a reason stands for the missing order.
fn has_reason(step: &Step<'_>) -> bool {
    let allowed = &step.world.station.without_order_reasons;
    step.field(fields::REASON).is_some_and(|reason| allowed.iter().any(|a| a == reason))
}

fn record(step: &mut Step<'_>) -> Ruling {
    if draft::is_empty(&step.session) {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    if step.session.order.is_none() && !has_reason(step) {
        return Err(Refusal::new(Code::RECEIPT_NO_ORDER).then(Next::ORDER).silent());
    }
    let order = step.order().filter(|order| order.kind == "po");
    if let Some(order) = order {
        check_order(step, order)?;
    }
    let goods = match goods::complete(step)? {
        Ok(goods) => goods,
        Err(ask) => return Ok(ask),
    };
    note_surplus(step, order, &goods);
    let mut references: Vec<_> = mint::number(step, "recadv")?.into_iter().collect();
    references.extend(step.order_reference());
    if let Some(challan) = step.field(fields::CHALLAN) {
        references.push(("challan".to_owned(), NumberRef::Existing(challan.to_owned()), 0));
    }
    let reason = if order.is_none() { step.reason() } else { String::new() };
    let note = step.field(fields::NOTE).unwrap_or_default().to_owned();
    let mut events = goods.events(v1::Stage::Grn, &references, |subjects| {
        order.map(|order| procurement(step, order, subjects))
    });
    for event in events.iter_mut().filter(|event| event.stage == v1::Stage::Grn) {
        event.reason.clone_from(&reason);
        event.note.clone_from(&note);
    }
    let prints = goods.prints(step);
    let answer = Answer::new(Code::RECEIPT_RECORDED)
        .arg("item", step.item_name(&goods.item))
        .arg("count", goods.subjects.len())
        .arg("quantity", format!("{} {}", goods.total.normalize(), goods.unit).trim_end())
        .arg("uid", "{slot:0}")
        .arg("number", "{number}");
    draft::clear(&mut step.session);
    Ok(answer.events(events).prints(prints))
}

/// Refuses an item that the order does not name; finds its line.
fn check_order(step: &mut Step<'_>, order: &Order) -> Result<(), Refusal> {
    let Some(item) = goods::item_code(step) else {
        return Ok(());
    };
    let line = order.lines.iter().find(|line| line.item == item);
    step.session.line = line.map(|line| line.line);
    if line.is_none() && !order.lines.is_empty() {
        let refusal = Refusal::new(Code::RECEIPT_NOT_ORDERED)
            .arg("item", step.item_name(&item))
            .arg("order", &order.number);
        step.permit(refusal)?;
    }
    Ok(())
}

/// More than was ordered is taken and noted; what other docks received on the
/// order is not known here.
fn note_surplus(step: &mut Step<'_>, order: Option<&Order>, goods: &goods::Goods) {
    let lines = order.map(|order| order.lines.as_slice()).unwrap_or_default();
    let mut ordered = lines.iter().filter(|line| line.item == goods.item).peekable();
    if ordered.peek().is_none() {
        return;
    }
    let ordered = ordered.try_fold(rust_decimal::Decimal::ZERO, |sum, line| sum.checked_add(line.quantity));
    if ordered.is_some_and(|ordered| goods.total > ordered) {
        step.note(Code::NOTE_SURPLUS, vec![("item".to_owned(), step.item_name(&goods.item))]);
    }
}

/// What went before: the order, at its own date and the supplier's place.
fn procurement(step: &Step<'_>, order: &Order, subjects: Vec<DraftSubject>) -> DraftEvent {
    let mut event = step.event(v1::Stage::Procurement);
    event.subjects = subjects;
    let place = [&order.partner_place, &order.partner];
    event.location = place.into_iter().find(|p| !p.is_empty()).cloned().unwrap_or_default();
    let zone = *step.world.at.offset();
    event.occurred_at = order.ordered_at.map(|at| at.with_timezone(&zone));
    event
}
