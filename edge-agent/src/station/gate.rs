//! Gate: a vehicle and its papers, before anything has a label. The number
//! plate, then the papers' numbers, then DONE.

use proto::v1;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::NumberRef;

/// Fields that hold the papers' numbers begin with this; which one follows.
const PAPER: &str = "_paper:";

/// Most papers of one vehicle.
const MAX_PAPERS: usize = 99;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Text(text) if step.field(fields::VEHICLE).is_none() => {
            step.set(fields::VEHICLE, text.clone());
            Ok(Answer::new(Code::GATE_VEHICLE).arg("vehicle", text))
        }
        Act::Text(text) => paper(step, text),
        Act::Done => record(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(fields::VEHICLE).is_none() { Next::VEHICLE.into() } else { Next::PAPER_OR_DONE.into() }
}

/// The papers scanned, in order.
fn papers(step: &Step<'_>) -> Vec<String> {
    let papers = step.session.fields.iter().filter(|(name, _)| name.starts_with(PAPER));
    papers.map(|(_, number)| number.clone()).collect()
}

fn paper(step: &mut Step<'_>, number: &str) -> Ruling {
    let papers = papers(step);
    let entered = [fields::VEHICLE, fields::CHALLAN].into_iter().filter_map(|name| step.field(name));
    if entered.chain(papers.iter().map(String::as_str)).any(|known| known == number) {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", number));
    }
    if papers.len() >= MAX_PAPERS {
        return Err(Refusal::new(Code::DRAFT_FULL).then(Next::DONE).silent());
    }
    step.set(&format!("{PAPER}{:02}", papers.len()), number);
    Ok(Answer::new(Code::GATE_PAPER).arg("number", number))
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
    for number in papers(step) {
        event.references.push(("challan".to_owned(), NumberRef::Existing(number), 0));
    }
    // A number plate belongs to a person: beside the event, not in it.
    let more = step.field(fields::NOTE).map(|note| format!("; {note}")).unwrap_or_default();
    event.note = format!("{vehicle}{more}");
    draft::clear(&mut step.session);
    step.session.order = None;
    Ok(Answer::new(Code::GATE_RECORDED).arg("vehicle", vehicle).event(event))
}
