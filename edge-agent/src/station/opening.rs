//! Opening: the first label on stock that is there on the first day. Receiving
//! without a document.

use proto::v1;

use super::codes::Code;
use super::draft;
use super::fields;
use super::goods;
use super::label;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Gs1(label) => goods::read_label(step, label),
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

/// A place, an item, else the supplier's lot.
fn text_entry(step: &mut Step<'_>, text: &str) -> Ruling {
    if let Some(place) = super::storage::find_place(step, text) {
        step.set(fields::PLACE, &place);
        return Ok(Answer::new(Code::PLACE_SET).arg("place", place));
    }
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
    goods::asked(step)
}

fn record(step: &mut Step<'_>) -> Ruling {
    if draft::is_empty(&step.session) {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    let goods = match goods::complete(step)? {
        Ok(goods) => goods,
        Err(ask) => return Ok(ask),
    };
    let mut events = goods.events(v1::Stage::Opening, &[], |_| None);
    for event in &mut events {
        event.location = step.field(fields::PLACE).unwrap_or_default().to_owned();
    }
    let prints = goods.prints(step);
    let answer = Answer::new(Code::OPENING_RECORDED)
        .arg("item", step.item_name(&goods.item))
        .arg("count", goods.subjects.len())
        .arg("quantity", format!("{} {}", goods.total.normalize(), goods.unit).trim_end())
        .arg("uid", "{slot:0}");
    draft::clear(&mut step.session);
    Ok(answer.events(events).prints(prints))
}
