//! Gate: a vehicle and its papers, before anything has a label. The number
//! plate, then the papers' numbers, then DONE.

use proto::v1;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::NumberRef;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Text(text) if step.field(fields::VEHICLE).is_none() => {
            step.set(fields::VEHICLE, text.clone());
            Ok(Answer::new(Code::GATE_VEHICLE).arg("vehicle", text))
        }
        Act::Text(text) => {
            step.set(fields::CHALLAN, text.clone());
            Ok(Answer::new(Code::GATE_PAPER).arg("number", text))
        }
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(fields::VEHICLE).is_none() { Next::VEHICLE.into() } else { Next::PAPER_OR_DONE.into() }
}

fn record(step: &mut Step<'_>) -> Ruling {
    let Some(vehicle) = step.field(fields::VEHICLE).map(str::to_owned) else {
        return Err(Refusal::new(Code::GATE_NO_VEHICLE).then(Next::VEHICLE).silent());
    };
    let mut event = step.event(v1::Stage::GateIn);
    for (kind, field) in [("challan", fields::CHALLAN), ("inv", fields::INVOICE)] {
        if let Some(number) = step.field(field) {
            event.references.push((kind.to_owned(), NumberRef::Existing(number.to_owned()), 0));
        }
    }
    // A number plate belongs to a person: beside the event, not in it.
    let more = step.field(fields::NOTE).map(|note| format!("; {note}")).unwrap_or_default();
    event.note = format!("{vehicle}{more}");
    draft::clear(&mut step.session);
    step.session.order = None;
    Ok(Answer::new(Code::GATE_RECORDED).arg("vehicle", vehicle).event(event))
}
