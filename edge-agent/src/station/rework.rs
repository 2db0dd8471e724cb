//! Rework: a further attempt at an operation that failed, or at what inspection
//! rejected. The unit goes back to the operation, which then counts the attempt.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Label, QualityState};

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => send(step, uid),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(_: &Step<'_>) -> Asked {
    Next::SCAN_TO_REWORK.into()
}

fn send(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let label = guard::check(step, key, guard::DESTROY)?;
    let failed = label.and_then(failed_operation);
    let operation = step.session.operation.clone().or(failed.clone()).unwrap_or_else(|| step.operation());
    let rejected = label.is_some_and(|label| label.quality == QualityState::Rejected);
    let last = label.and_then(|l| l.operations.iter().find(|o| o.operation == operation));
    if failed.is_none() && !rejected && label.is_some_and(Label::known) {
        let sent = label.is_some_and(|label| label.last_stage == v1::Stage::Rework as i32);
        if sent {
            return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
        }
        step.permit(Refusal::new(Code::REWORK_NOT_FAILED).about([key]).arg("uid", uid))?;
    }
    let mut event = step.event(v1::Stage::Rework);
    event.attempt = last.map_or(1, |last| last.attempt).saturating_add(1);
    event.operation = operation.clone();
    event.reason = step.reason();
    event.subjects.extend(step.subject(key, v1::Role::Subject));
    Ok(Answer::new(Code::REWORK_SENT)
        .arg("uid", uid)
        .arg("operation", operation)
        .arg("attempt", event.attempt)
        .event(event))
}

fn failed_operation(label: &Label) -> Option<String> {
    let failed = label.operations.iter().rev().find(|state| state.passed == Some(false));
    failed.map(|state| state.operation.clone())
}
