//! Holds placed and released at the plant. HOLD works at every station for the
//! next UID; releasing is a supervisor's, and what the office holds only the
//! office releases.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft::MODE;
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, HoldMark};
use crate::config::StationKind;

/// [`super::types::Session::pending`] while the UID to hold is awaited.
pub(crate) const HOLD: &str = "hold";

/// The label of which it was said what holds a release would end.
const NAMED: &str = "_release_named";

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) if step.field(MODE).is_some() => release(step, uid),
        Act::Uid(uid) => place(step, uid.key().get()),
        Act::Pass => {
            step.take(NAMED);
            step.set(MODE, "release");
            Ok(Answer::new(Code::HOLD_RELEASING))
        }
        Act::Fail | Act::Hold => {
            step.take(MODE);
            step.take(NAMED);
            Ok(Answer::new(Code::HOLD_PLACING))
        }
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(MODE).is_some() { Next::SCAN_TO_RELEASE.into() } else { Next::SCAN_TO_HOLD.into() }
}

/// The HOLD code: at a hold station back to placing, elsewhere for one UID.
pub(crate) fn control(step: &mut Step<'_>) -> Ruling {
    if step.world.station.kind == StationKind::Hold {
        return on(step, &Act::Hold);
    }
    step.session.pending = Some(HOLD.to_owned());
    Ok(Answer::new(Code::HOLD_WHICH).then(Next::SCAN_TO_HOLD))
}

/// Places a hold. A further one of another person, or for another reason, is one of its own:
/// who ends the first has not judged the second.
pub(crate) fn place(step: &mut Step<'_>, key: i64) -> Ruling {
    let person = step.session.operator.as_ref().map(|operator| operator.operator.clone());
    let (reason, person) = (step.reason(), person.unwrap_or_default());
    let same = |mark: &HoldMark| mark.reason == reason && mark.operator == person;
    let held = step.label(key).is_some_and(|label| label.hold_reasons().any(same));
    if held {
        return Ok(Answer::amber(Code::HOLD_ALREADY).arg("uid", step.uid(key)));
    }
    // That the office holds it is no news to who places a hold.
    if !guard::held(step, key) {
        guard::check(step, key, guard::NAME)?;
    }
    let event = event(step, v1::Stage::Hold, key);
    Ok(Answer::new(Code::HOLD_PLACED).arg("uid", step.uid(key)).event(event))
}

fn release(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let label = step.label(key);
    let own: Vec<String> =
        label.map(|label| label.holds.iter().map(ToString::to_string).collect()).unwrap_or_default();
    let lot = label.and_then(|label| label.lot);
    let office = step.world.reference.holds.values().any(|hold| {
        let names = hold.keys.contains(&key) || lot.is_some_and(|lot| hold.lots.contains(&lot));
        // A hold placed here comes back from the cloud under its event's id.
        names && !own.contains(&hold.hold)
    });
    if office {
        return Err(Refusal::new(Code::HOLD_OFFICE).about([key]).arg("uid", uid).firm());
    }
    if own.is_empty() && !label.is_some_and(|label| label.lost) {
        return Ok(Answer::amber(Code::HOLD_NONE).arg("uid", uid));
    }
    // All of them end at once: what they are is said first, and the same scan again ends them.
    if own.len() > 1 && step.field(NAMED) != Some(key.to_string().as_str()) {
        let reasons = label.map(|label| guard::reasons_here(step, label)).unwrap_or_default();
        step.set(NAMED, key.to_string());
        let answer = Answer::amber(Code::HOLD_SEVERAL).arg("uid", uid).arg("count", own.len());
        return Ok(answer.arg("reasons", reasons).then(Next::SCAN_TO_RELEASE));
    }
    if !step.session.operator.as_ref().is_some_and(|operator| operator.supervisor) {
        let refusal = Refusal::new(Code::HOLD_SUPERVISOR).about([key]).arg("uid", uid);
        step.permit(refusal.then(Next::SUPERVISOR))?;
    }
    step.take(NAMED);
    let event = event(step, v1::Stage::Release, key);
    Ok(Answer::new(Code::HOLD_RELEASED).arg("uid", uid).event(event))
}

fn event(step: &Step<'_>, stage: v1::Stage, key: i64) -> DraftEvent {
    let mut event = DraftEvent::new(stage);
    event.reason = step.reason();
    event.note = step.field(fields::NOTE).unwrap_or_default().to_owned();
    event.subjects.extend(step.subject(key, v1::Role::Subject));
    event
}
