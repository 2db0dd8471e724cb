//! What leaves: to another plant, to a subcontractor, to a customer, back to the
//! supplier. UIDs, then DONE gives them one document. A package takes along all
//! that is in it.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft::{self, MAX_SUBJECTS};
use super::fields;
use super::fold::TO_PLANT;
use super::guard::{self, Rule};
use super::mint;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftSubject, NumberRef};
use crate::config::StationKind;

/// What differs between the ways out.
struct Way {
    stage: v1::Stage,
    action: v1::Action,
    rule: Rule,
    /// Reference type of the document given here.
    document: &'static str,
    done: Code,
}

fn way(kind: StationKind) -> Way {
    let (stage, rule, done) = match kind {
        StationKind::Dispatch => (v1::Stage::Dispatch, guard::SHIP, Code::DISPATCHED),
        StationKind::JobWorkOut => (v1::Stage::JobWorkOut, guard::WORK, Code::JOB_WORK_SENT),
        StationKind::ReturnToSupplier => (v1::Stage::ReturnToSupplier, guard::SEND_BACK, Code::SENT_BACK),
        _ => (v1::Stage::Transfer, guard::SHIP, Code::TRANSFERRED),
    };
    let action = match stage {
        v1::Stage::Transfer => v1::Action::Add,
        _ => v1::Action::Unspecified,
    };
    let document = if kind == StationKind::JobWorkOut { "challan" } else { "desadv" };
    Way { stage, action, rule, document, done }
}

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => add(step, uid),
        Act::Text(text) if step.world.station.kind == StationKind::TransferOut => {
            let Ok(plant) = text.to_ascii_uppercase().parse::<uid::PlantCode>() else {
                return super::not_here(step, act);
            };
            step.set(fields::DESTINATION, plant.as_str());
            Ok(Answer::new(Code::DESTINATION_SET).arg("plant", plant))
        }
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if destination(step).is_err() {
        return Next::DESTINATION.into();
    }
    if step.session.draft.is_empty() { Next::SCAN_TO_SHIP.into() } else { Next::SHIP_OR_DONE.into() }
}

fn add(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let way = way(step.world.station.kind);
    if step.session.draft.contains(&key) {
        recheck_contents(step, key)?;
        return draft::again(step, key, way.rule);
    }
    let label = guard::check(step, key, way.rule)?;
    let gone = label.is_some_and(|label| {
        label.last_stage == way.stage as i32 && label.last_station == step.world.station.code
    });
    if gone {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if step.world.station.kind != StationKind::ReturnToSupplier {
        guard::check_contents(step, key)?;
    }
    check_ordered(step, key)?;
    draft::push(step, key)?;
    let count = step.session.draft.len();
    Ok(Answer::new(Code::SHIP_TAKEN).arg("uid", uid).arg("count", count))
}

/// Judges once more what is in an entry of the draft.
fn recheck_contents(step: &mut Step<'_>, key: i64) -> Result<(), Refusal> {
    if step.world.station.kind == StationKind::ReturnToSupplier {
        return Ok(());
    }
    if !step.session.overrides.contains_key(&key) {
        guard::check_contents(step, key)?;
    } else if !draft::let_in_held(step, key) {
        guard::check_held(step, key)?;
    }
    Ok(())
}

/// Refuses an item that the order does not name; of a package its contents.
fn check_ordered(step: &mut Step<'_>, key: i64) -> Result<(), Refusal> {
    let Some(order) = step.order().filter(|order| !order.lines.is_empty()) else {
        return Ok(());
    };
    let package = step.label(key).is_some_and(|label| label.package);
    let keys = if package { guard::contents(step, key) } else { vec![key] };
    for part in keys {
        let label = step.label(part).filter(|label| label.known() && !label.package);
        let Some(label) = label else {
            continue;
        };
        if !order.lines.iter().any(|line| line.item == label.item) {
            let refusal = Refusal::new(Code::SHIP_NOT_ORDERED)
                .about([key])
                .arg("item", step.item_name(&label.item))
                .arg("order", &order.number);
            step.permit(refusal)?;
        }
    }
    Ok(())
}

/// The plant that a transfer goes to: as entered, as the order says, as the
/// station's file says. Other ways out have none.
fn destination(step: &Step<'_>) -> Result<Option<String>, Refusal> {
    if step.world.station.kind != StationKind::TransferOut {
        return Ok(None);
    }
    let ordered = step.order().map(|order| order.partner.clone()).filter(|p| !p.is_empty());
    let own = step.world.station.to_plant.map(|plant| plant.to_string());
    let entered = step.field(fields::DESTINATION).map(str::to_owned);
    match entered.or(ordered).or(own) {
        Some(plant) => Ok(Some(plant)),
        None => Err(Refusal::new(Code::DESTINATION_NEEDED).then(Next::DESTINATION).silent()),
    }
}

fn record(step: &mut Step<'_>) -> Ruling {
    if step.session.draft.is_empty() {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    let way = way(step.world.station.kind);
    let destination = destination(step)?;
    draft::recheck(step, way.rule)?;
    for key in step.session.draft.clone() {
        recheck_contents(step, key)?;
    }
    let mut references: Vec<_> = mint::number(step, way.document)?.into_iter().collect();
    references.extend(step.order_reference());
    let mut refer = |kind: &str, number: Option<&str>| {
        if let Some(number) = number {
            references.push((kind.to_owned(), NumberRef::Existing(number.to_owned()), 0));
        }
    };
    refer(TO_PLANT, destination.as_deref());
    refer("customer", step.field(fields::CUSTOMER));
    refer("supplier", step.field(fields::SUPPLIER));
    refer("inv", step.field(fields::INVOICE));
    refer("challan", step.field(fields::CHALLAN));
    let vehicle = step.field(fields::VEHICLE).or(step.field(fields::NOTE)).unwrap_or_default();
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        for subjects in with_contents(step, &keys) {
            let mut event = step.event(way.stage);
            event.references.clone_from(&references);
            event.action = way.action;
            event.subjects = subjects;
            event.overridden_by.clone_from(&overridden_by);
            event.reason = step.reason();
            event.note = vehicle.to_owned();
            events.push(event);
        }
    }
    let count = step.session.draft.len();
    draft::clear(&mut step.session);
    Ok(Answer::new(way.done)
        .arg("count", count)
        .arg("number", "{number}")
        .arg("plant", destination.unwrap_or_default())
        .events(events))
}

/// Subjects of labels and of what is packed in them, in lists of at most an
/// event's size.
pub(crate) fn with_contents(step: &Step<'_>, keys: &[i64]) -> Vec<Vec<DraftSubject>> {
    let mut all = Vec::new();
    for key in keys {
        all.extend(step.subject(*key, v1::Role::Subject));
        let inside = guard::contents(step, *key);
        all.extend(inside.into_iter().filter_map(|child| step.subject(child, v1::Role::Child)));
    }
    all.chunks(MAX_SUBJECTS).map(<[DraftSubject]>::to_vec).collect()
}
