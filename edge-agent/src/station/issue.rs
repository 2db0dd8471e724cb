//! Issue of material to a work order, and its return. Each scan is recorded at
//! once; a quantity typed before it issues or returns a part of a container. Of
//! what was issued here last no more is issued without a quantity: most likely
//! it is the same scan again. No more comes back than was issued.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::bom;
use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Label, NumberRef};
use crate::config::StationKind;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) if step.world.station.kind == StationKind::Issue => issue(step, uid),
        Act::Uid(uid) => give_back(step, uid),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    let issue = step.world.station.kind == StationKind::Issue;
    if issue && step.session.order.is_none() {
        return Next::ORDER.into();
    }
    if step.field(fields::QUANTITY).is_some() {
        return Next::SCAN_CONTAINER.into();
    }
    if issue { Next::SCAN_MATERIAL.into() } else { Next::SCAN_RETURN.into() }
}

fn issue(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let Some((_, order)) = step.session.order.clone() else {
        return Err(Refusal::new(Code::ISSUE_NO_ORDER).about([key]).then(Next::ORDER).firm());
    };
    let typed = step.take_quantity();
    let label = guard::check(step, key, guard::USE)?;
    if let Some(label) = label.filter(|label| label.known()) {
        if typed.is_none() && label.order.as_ref() == Some(&order) {
            return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
        }
        if typed.is_none() && just_issued(step, label, &order) {
            return Ok(Answer::amber(Code::ISSUE_AGAIN).arg("uid", uid));
        }
        check_order(step, label, &order)?;
    }
    let quantity = match typed {
        Some(typed) => Some(draft::check_quantity(step, key, typed)?),
        None => None,
    };
    // All of a container is the container itself.
    let quantity = quantity.filter(|q| label.and_then(|label| label.quantity) != Some(*q));
    let mut event = step.event(v1::Stage::IssueToProduction);
    event.subjects.extend(step.subject_of(key, v1::Role::Subject, quantity));
    for child in guard::check_contents(step, key)? {
        event.subjects.extend(step.subject(child, v1::Role::Child));
    }
    let text = quantity.or(label.and_then(|label| label.quantity));
    let text = text.map(|quantity| draft::with_unit(step, key, quantity)).unwrap_or_default();
    let item = label.map(|label| step.item_name(&label.item)).unwrap_or_default();
    Ok(Answer::new(Code::ISSUED)
        .arg("uid", uid)
        .arg("item", item)
        .arg("quantity", text)
        .arg("order", order)
        .event(event))
}

/// Whether a part of it was issued to the order here, and nothing was done with
/// it since.
fn just_issued(step: &Step<'_>, label: &Label, order: &str) -> bool {
    label.last_stage == v1::Stage::IssueToProduction as i32
        && label.last_station == step.world.station.code
        && label.issued.contains_key(order)
}

/// Material that the order's product does not need, or that another order has.
fn check_order(step: &mut Step<'_>, label: &Label, order: &str) -> Result<(), Refusal> {
    if let Some(other) = label.order.as_ref().filter(|other| *other != order) {
        let refusal = Refusal::new(Code::ISSUE_OTHER_ORDER)
            .about([label.key])
            .arg("uid", step.uid(label.key))
            .arg("order", other);
        step.permit(refusal)?;
    }
    let product = step.order().map(|order| order.item.as_str()).unwrap_or_default();
    let parts = bom::parts(step, product);
    if parts.is_some_and(|parts| !parts.contains_key(&label.item)) && !label.package {
        let refusal = Refusal::new(Code::ISSUE_NOT_ON_BOM)
            .about([label.key])
            .arg("item", step.item_name(&label.item))
            .arg("order", order);
        step.permit(refusal)?;
    }
    Ok(())
}

fn give_back(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let typed = step.take_quantity();
    let container = step.label(key).is_some_and(|label| label.container);
    let label = guard::check(step, key, if container { guard::REFILL } else { guard::TAKE_BACK })?;
    let issued = label.and_then(|label| label.order.clone());
    let in_parts = label.is_some_and(|label| !label.issued.is_empty());
    if issued.is_none() && label.is_some_and(|label| label.known()) && (typed.is_none() || !in_parts) {
        let again = label.is_some_and(|label| {
            label.last_stage == v1::Stage::ReturnFromProduction as i32
                && label.last_station == step.world.station.code
        });
        if again && typed.is_none() {
            return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
        }
        if in_parts {
            // The container stayed; how much of what it gave is this?
            return Err(Refusal::new(Code::GOODS_QUANTITY_FIRST).then(Next::QUANTITY).silent());
        }
        step.note(Code::NOTE_NOT_ISSUED, vec![("uid".to_owned(), uid.to_string())]);
    }
    if let (Some(typed), Some(label)) = (typed, label.filter(|label| label.known())) {
        check_returned(step, label, typed)?;
    }
    let mut event = step.event(v1::Stage::ReturnFromProduction);
    if event.references.is_empty()
        && let Some(order) = &issued
    {
        event.references.push(("prodorder".to_owned(), NumberRef::Existing(order.clone()), 0));
    }
    event.reason = step.reason();
    event.subjects.extend(step.subject_of(key, v1::Role::Subject, typed));
    let quantity = typed.or(label.and_then(|label| label.quantity));
    let quantity = quantity.map(|quantity| draft::with_unit(step, key, quantity)).unwrap_or_default();
    Ok(Answer::new(Code::GIVEN_BACK).arg("uid", uid).arg("quantity", quantity).event(event))
}

/// Refuses more than was issued, where that is known.
fn check_returned(step: &mut Step<'_>, label: &Label, quantity: Decimal) -> Result<(), Refusal> {
    let uid = step.uid(label.key);
    if quantity <= Decimal::ZERO {
        return Err(Refusal::new(Code::QUANTITY_ZERO).silent());
    }
    if !label.container && quantity != Decimal::ONE {
        return Err(Refusal::new(Code::QUANTITY_UNIT).arg("uid", uid).silent());
    }
    let most = match &label.order {
        Some(order) => label.issued.get(order).copied().or(label.quantity),
        None if label.issued.is_empty() => None,
        None => label.issued.values().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(*part)),
    };
    if let Some(most) = most.filter(|most| quantity > *most) {
        let refusal = Refusal::new(Code::RETURN_TOO_MUCH)
            .about([label.key])
            .arg("uid", uid)
            .arg("quantity", draft::with_unit(step, label.key, quantity))
            .arg("there", draft::with_unit(step, label.key, most));
        step.permit(refusal)?;
    }
    Ok(())
}
