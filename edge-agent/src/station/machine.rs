//! What a machine's trigger comes to: its readings belong to the unit being
//! worked on, or to every member of the load that is running. A unit that gets
//! its label at DONE has them then. Where nothing is being worked on nobody has
//! a use for them.

use proto::v1;

use super::assembly;
use super::codes::Code;
use super::inspection;
use super::load;
use super::operation;
use super::step::{Args, Step};
use super::types::{Decision, DraftEvent, DraftSubject, Reply, Taken, World};
use crate::config::StationKind;
use crate::inputs::{Colour, MachineInput, MachineReading, Quality};

/// Sets of readings that are kept for a unit without a label, at most. The session
/// is written at every scan.
pub(crate) const MAX_TAKEN: usize = 50;

/// What a machine's readings come to at its station.
#[must_use]
pub fn on_machine(world: &World<'_>, input: &MachineInput) -> Decision {
    let readings: Vec<v1::Reading> = input.readings.iter().map(reading).collect();
    let mut step = Step::new(world, world.session.clone(), None);
    let events = match world.station.kind {
        StationKind::Load if !step.session.load.is_empty() => load::readings(&step, &readings),
        StationKind::Inspection if step.session.parent.is_some() => {
            let (colour, code) = match operation::judge(&readings) {
                _ if inspection::from_machine(&mut step, &readings) => {
                    (Colour::Green, Code::MACHINE_MEASURED)
                }
                v1::Outcome::Unspecified => (Colour::Amber, Code::MACHINE_BAD),
                // Taken before this unit was here.
                _ => (Colour::Amber, Code::MACHINE_NO_UNIT),
            };
            return told(step, colour, code, input, Vec::new());
        }
        StationKind::Load | StationKind::Inspection => Vec::new(),
        _ => match assembly::unlabelled(&step) {
            // What a machine read before belongs to the unit before.
            Some(since) if input.at.timestamp_micros() > since => return keep(step, input, &readings),
            _ => on_unit(&step, &readings).into_iter().collect(),
        },
    };
    if events.is_empty() {
        return told(step, Colour::Amber, Code::MACHINE_NO_UNIT, input, events);
    }
    let (colour, code) = judged(&readings, Code::MACHINE_RECORDED);
    told(step, colour, code, input, events)
}

fn judged(readings: &[v1::Reading], fine: Code) -> (Colour, Code) {
    match operation::judge(readings) {
        v1::Outcome::Failed => (Colour::Amber, Code::MACHINE_OUT_OF_LIMITS),
        v1::Outcome::Passed => (Colour::Green, fine),
        _ => (Colour::Amber, Code::MACHINE_BAD),
    }
}

/// Keeps readings in the draft until the unit that they belong to has a label.
fn keep(mut step: Step<'_>, input: &MachineInput, readings: &[v1::Reading]) -> Decision {
    if step.session.taken.len() >= MAX_TAKEN {
        return told(step, Colour::Amber, Code::MACHINE_TOO_MANY, input, Vec::new());
    }
    step.session.taken.push(Taken {
        machine: input.machine.clone(),
        at: step.world.at,
        readings: input.readings.clone(),
    });
    let (colour, code) = judged(readings, Code::MACHINE_KEPT);
    told(step, colour, code, input, Vec::new())
}

/// The readings kept for a unit, on it once it is born.
pub(crate) fn at_birth(step: &Step<'_>, born: &DraftSubject) -> Vec<DraftEvent> {
    let events = step.session.taken.iter().map(|taken| {
        let mut event = step.event(v1::Stage::Operation);
        event.operation = step.operation();
        event.attempt = u32::from(!event.operation.is_empty());
        event.subjects.push(DraftSubject { role: v1::Role::Subject, ..born.clone() });
        event.readings = taken.readings.iter().map(reading).collect();
        event.occurred_at = Some(taken.at);
        event.machine.clone_from(&taken.machine);
        event
    });
    events.collect()
}

/// Whether an answer to a machine is news for whoever stands at the station: not
/// that all is well at every cycle, nor that nothing is being worked on.
#[must_use]
pub fn is_news(reply: &Reply) -> bool {
    let routine = [Code::MACHINE_NO_UNIT, Code::MACHINE_RECORDED, Code::MACHINE_KEPT];
    !routine.iter().any(|code| code.as_str() == reply.code)
}

/// An OPERATION with readings and no direction: it neither starts nor ends it.
fn on_unit(step: &Step<'_>, readings: &[v1::Reading]) -> Option<DraftEvent> {
    let key = step.session.parent?;
    let mut event = step.event(v1::Stage::Operation);
    event.operation = step.operation();
    if !event.operation.is_empty() {
        let state = operation::state(step.label(key), &event.operation);
        event.attempt = state.map_or(1, |state| state.attempt.max(1));
    }
    event.subjects.extend(step.subject(key, v1::Role::Subject));
    event.readings = readings.to_vec();
    Some(event)
}

/// A reading as an event carries it. A bad one has no value.
#[must_use]
pub fn reading(reading: &MachineReading) -> v1::Reading {
    let text = |value: Option<rust_decimal::Decimal>| value.map(|v| v.to_string()).unwrap_or_default();
    let quality = match reading.quality {
        Quality::Good => v1::Quality::Good,
        Quality::Bad => v1::Quality::Bad,
        Quality::Uncertain => v1::Quality::Uncertain,
    };
    let value = if quality == v1::Quality::Bad { None } else { reading.value };
    v1::Reading {
        name: reading.name.clone(),
        value: text(value),
        unit: reading.unit.clone(),
        quality: quality.into(),
        low: text(reading.low),
        high: text(reading.high),
        at_us: reading.at.timestamp_micros(),
    }
}

fn told(
    step: Step<'_>,
    colour: Colour,
    code: Code,
    input: &MachineInput,
    events: Vec<DraftEvent>,
) -> Decision {
    let args: Args = vec![("machine".to_owned(), input.machine.clone())];
    Decision {
        reply: Reply { colour, code: code.as_str().to_owned(), next: String::new(), args },
        session: step.session,
        events,
        prints: Vec::new(),
        beside: true,
    }
}
