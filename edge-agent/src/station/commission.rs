//! Commission: the first label on a unit or a package. NOLABEL mints one; a
//! quantity and DONE mint several; a pre-printed label is taken as it is.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::goods;
use super::guard;
use super::label;
use super::portions;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftSubject, Life};

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Text(text) => {
            let Some(item) = goods::find_item(step, text).map(|item| item.item.clone()) else {
                return super::not_here(step, act);
            };
            goods::choose_item(step, &item)?;
            Ok(Answer::new(Code::ITEM_CHOSEN).arg("item", step.item_name(&item)))
        }
        Act::Gs1(label) => goods::read_label(step, label),
        Act::Field(name) => goods::field(step, name),
        Act::Quantity(quantity) => goods::add(step, *quantity),
        Act::Split(count) => goods::multiply(step, *count),
        Act::Undo => goods::undo(step),
        Act::NoLabel => {
            portions::put(step, &vec![(Decimal::ONE, 1)]);
            record(step)
        }
        Act::Done if portions::get(step).is_empty() => Ok(Answer::amber(Code::DONE_NOTHING)),
        Act::Done => record(step),
        Act::Uid(uid) => existing(step, uid),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if goods::item_code(step).is_none() {
        return Next::ITEM.into();
    }
    if portions::get(step).is_empty() { Next::COMMISSION.into() } else { Next::MORE_OR_DONE.into() }
}

fn record(step: &mut Step<'_>) -> Ruling {
    let goods = match goods::complete(step)? {
        Ok(goods) => goods,
        Err(ask) => return Ok(ask),
    };
    let references: Vec<_> = step.order_reference().into_iter().collect();
    let events = goods.events(v1::Stage::Commission, &references, |_| None);
    let prints = goods.prints(step);
    let answer = Answer::new(Code::COMMISSIONED)
        .arg("item", step.item_name(&goods.item))
        .arg("count", goods.subjects.len())
        .arg("uid", "{slot:0}");
    draft::clear(&mut step.session);
    Ok(answer.events(events).prints(prints))
}

/// A label that was printed before: announced by the office, or unknown here.
fn existing(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let label = step.label(key);
    let again = label.is_some_and(|label| {
        let printing = matches!(label.print.as_str(), "allocated" | "printed" | "uncertain");
        let here = label.last_station == step.world.station.code;
        here && !printing && label.last_stage == v1::Stage::Commission as i32
    });
    if again {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if label.is_some_and(|label| label.known() && label.life != Life::Expected) {
        return label::confirm_here(step, uid, Code::COMMISSION_HAS_LABEL);
    }
    let Some(code) = goods::item_code(step) else {
        return Err(Refusal::new(Code::GOODS_NO_ITEM).about([key]).then(Next::ITEM).firm());
    };
    guard::check(step, key, guard::ARRIVE)?;
    let mut event = step.event(v1::Stage::Commission);
    let unit = step.item(&code).map(|item| item.base_unit.clone()).unwrap_or_default();
    event.subjects.extend(step.subject(key, v1::Role::Subject).map(|subject| DraftSubject {
        quantity: Some(Decimal::ONE),
        unit,
        item: code.clone(),
        ..subject
    }));
    let name = step.item_name(&code);
    Ok(Answer::new(Code::COMMISSIONED).arg("item", name).arg("count", 1).arg("uid", uid).event(event))
}
