//! Operation: the first scan of a unit starts it, the second ends it. PASS or
//! FAIL ends the one started last with that result; else the machine's readings
//! against their limits decide, all that were taken since its start.

use chrono::Duration;
use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, Label, OperationState};

/// A second scan sooner than this after the first is the same scan again.
const SHORTEST_MS: i64 = 3_000;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => scan(step, uid),
        Act::Pass => {
            if let Some(key) = step.session.parent {
                note_out_of_limits(step, &[key]);
            }
            end_current(step, v1::Outcome::Passed)
        }
        Act::Fail => end_current(step, v1::Outcome::Failed),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.operation().is_empty() {
        return Next::OPERATION.into();
    }
    match step.session.parent {
        Some(key) => Asked::from(Next::OPERATION_END).arg("unit", step.uid(key)),
        None => Next::OPERATION_START.into(),
    }
}

/// The latest attempt of an operation on a label.
pub(crate) fn state<'w>(label: Option<&'w Label>, operation: &str) -> Option<&'w OperationState> {
    label.and_then(|label| label.operations.iter().find(|state| state.operation == operation))
}

/// The attempt that starts now. Refuses one that passed before, and one that
/// failed and was not sent to rework.
pub(crate) fn begin(step: &mut Step<'_>, key: i64, operation: &str) -> Result<u32, Refusal> {
    let Some(last) = state(step.label(key), operation) else {
        return Ok(1);
    };
    let code = match last.passed {
        // Rework set the attempt; it only begins now.
        None => return Ok(last.attempt.max(1)),
        Some(true) => Code::OPERATION_DONE_BEFORE,
        Some(false) => Code::OPERATION_NEEDS_REWORK,
    };
    let refusal = Refusal::new(code).about([key]).arg("uid", step.uid(key)).arg("operation", operation);
    step.permit(if code == Code::OPERATION_NEEDS_REWORK { refusal.then(Next::REWORK) } else { refusal })?;
    Ok(last.attempt.saturating_add(1))
}

fn scan(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let operation = step.operation();
    if operation.is_empty() {
        let refusal = Refusal::new(Code::OPERATION_NONE).about([key]).then(Next::OPERATION);
        return Err(refusal.firm());
    }
    let text = uid.to_string();
    let at = step.world.at.to_utc();
    let just_now = step.session.last_code.as_ref().is_some_and(|(code, when)| {
        *code == text && (at - *when).abs() < Duration::milliseconds(SHORTEST_MS)
    });
    if just_now {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if let Some(open) = state(step.label(key), &operation).filter(|state| state.open) {
        // What has begun may end, whatever was found out since.
        let attempt = open.attempt;
        let outcome = by_readings(step, &[key]);
        return end(step, key, &operation, attempt, outcome);
    }
    guard::check(step, key, guard::WORK)?;
    let attempt = begin(step, key, &operation)?;
    let mut event = event(step, key, &operation, attempt);
    event.action = v1::Action::Add;
    step.session.parent = Some(key);
    Ok(Answer::new(Code::OPERATION_STARTED)
        .arg("uid", uid)
        .arg("operation", operation)
        .arg("attempt", attempt)
        .event(event))
}

fn end_current(step: &mut Step<'_>, outcome: v1::Outcome) -> Ruling {
    let operation = step.operation();
    let open = step.session.parent.and_then(|key| {
        let state = state(step.label(key), &operation).filter(|state| state.open)?;
        Some((key, state.attempt))
    });
    let Some((key, attempt)) = open else {
        return Err(Refusal::new(Code::OPERATION_NONE_OPEN).then(Next::OPERATION_START).silent());
    };
    end(step, key, &operation, attempt, outcome)
}

fn end(step: &mut Step<'_>, key: i64, operation: &str, attempt: u32, outcome: v1::Outcome) -> Ruling {
    let mut event = event(step, key, operation, attempt);
    event.action = v1::Action::Delete;
    event.outcome = outcome;
    event.readings = step.world.readings.to_vec();
    event.reason = step.reason();
    if step.session.parent == Some(key) {
        step.session.parent = None;
    }
    step.session.fields.remove(super::fields::REASON);
    let answer = match outcome {
        v1::Outcome::Failed => Answer::amber(Code::OPERATION_FAILED),
        v1::Outcome::Passed => Answer::new(Code::OPERATION_ENDED),
        _ => Answer::amber(Code::OPERATION_UNJUDGED),
    };
    let uid = step.uid(key);
    Ok(answer.arg("uid", uid).arg("operation", operation).arg("attempt", attempt).event(event))
}

fn event(step: &Step<'_>, key: i64, operation: &str, attempt: u32) -> DraftEvent {
    let mut event = step.event(v1::Stage::Operation);
    event.operation = operation.to_owned();
    event.attempt = attempt;
    event.subjects.extend(step.subject(key, v1::Role::Subject));
    event
}

/// Failed where a reading is out of its limits, unjudged where one that has
/// limits cannot be trusted, else passed: of the present readings, and of those
/// that were recorded on these units since the operation began.
pub(crate) fn by_readings(step: &Step<'_>, keys: &[i64]) -> v1::Outcome {
    let operation = step.operation();
    let open = keys.iter().filter_map(|key| state(step.label(*key), &operation)).filter(|s| s.open);
    let (mut out, mut doubtful) = (false, false);
    for state in open {
        out |= state.out_of_limits;
        doubtful |= state.doubtful;
    }
    match judge(step.world.readings) {
        v1::Outcome::Failed => v1::Outcome::Failed,
        _ if out => v1::Outcome::Failed,
        _ if doubtful => v1::Outcome::Unspecified,
        now => now,
    }
}

/// Tells a person who passes it by hand that a reading says otherwise. Their word
/// stands.
pub(crate) fn note_out_of_limits(step: &mut Step<'_>, keys: &[i64]) {
    if by_readings(step, keys) == v1::Outcome::Failed {
        step.note(Code::NOTE_OUT_OF_LIMITS, Vec::new());
    }
}

/// The result that readings speak for.
pub(crate) fn judge(readings: &[v1::Reading]) -> v1::Outcome {
    let limited = |reading: &&v1::Reading| !reading.low.is_empty() || !reading.high.is_empty();
    let mut outcome = v1::Outcome::Passed;
    for reading in readings.iter().filter(limited) {
        match inside(reading) {
            Some(true) => {}
            Some(false) => return v1::Outcome::Failed,
            None => outcome = v1::Outcome::Unspecified,
        }
    }
    outcome
}

/// Whether a reading is within its limits; `None` when it cannot be trusted.
pub(crate) fn inside(reading: &v1::Reading) -> Option<bool> {
    if reading.quality() != v1::Quality::Good {
        return None;
    }
    let number = |text: &str| text.parse::<rust_decimal::Decimal>().ok();
    let value = number(&reading.value)?;
    let above = number(&reading.low).is_none_or(|low| value >= low);
    let below = number(&reading.high).is_none_or(|high| value <= high);
    Some(above && below)
}
