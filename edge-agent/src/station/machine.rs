//! What a machine's trigger comes to: its readings belong to the unit being
//! worked on, or to every member of the load that is running. Where nothing is
//! being worked on nobody has a use for them.

use proto::v1;

use super::codes::Code;
use super::inspection;
use super::load;
use super::operation;
use super::step::{self, Args, Step};
use super::types::{Decision, DraftEvent, Reply, World};
use crate::config::StationKind;
use crate::inputs::{Colour, MachineInput, MachineReading, Quality};

/// What a machine's readings come to at its station.
#[must_use]
pub fn on_machine(world: &World<'_>, input: &MachineInput) -> Decision {
    let readings: Vec<v1::Reading> = input.readings.iter().map(reading).collect();
    let mut step = Step::new(world, world.session.clone(), None);
    let events = match world.station.kind {
        StationKind::Load if !step.session.load.is_empty() => load::readings(&step, &readings),
        StationKind::Inspection if step.session.parent.is_some() => {
            inspection::from_machine(&mut step, &readings);
            return told(step, Colour::Green, Code::MACHINE_MEASURED, input, Vec::new());
        }
        StationKind::Load | StationKind::Inspection => Vec::new(),
        _ => on_unit(&step, &readings).into_iter().collect(),
    };
    if events.is_empty() {
        return told(step, Colour::Amber, Code::MACHINE_NO_UNIT, input, events);
    }
    let (colour, code) = match operation::judge(&readings) {
        v1::Outcome::Failed => (Colour::Amber, Code::MACHINE_OUT_OF_LIMITS),
        v1::Outcome::Passed => (Colour::Green, Code::MACHINE_RECORDED),
        _ => (Colour::Amber, Code::MACHINE_BAD),
    };
    told(step, colour, code, input, events)
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
fn reading(reading: &MachineReading) -> v1::Reading {
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
    let mut session = step.session;
    step::remember_kind(&mut session, &events);
    Decision {
        reply: Reply { colour, code: code.as_str().to_owned(), next: String::new(), args },
        session,
        events,
        prints: Vec::new(),
    }
}
