//! CORRECT: taking back what was recorded. By the same operator while nothing
//! has used it since, else by a supervisor.

use proto::v1;
use uid::Uid;
use uuid::Uuid;

use super::codes::{Code, Next};
use super::draft;
use super::step::{Answer, Refusal, Ruling, Step};
use super::types::DraftEvent;

/// [`super::types::Session::pending`] while the UID to correct is awaited.
pub(crate) const CORRECT: &str = "correct";

/// Takes back the last thing recorded at this station, all its events, the
/// last first; asks for a UID where nothing was.
pub(crate) fn last(step: &mut Step<'_>) -> Ruling {
    if !draft::is_empty(&step.session) {
        return Err(Refusal::new(Code::CORRECT_DRAFT).silent());
    }
    let mut targets = step.session.last_events.clone();
    if targets.is_empty() {
        targets.extend(step.session.last_event.clone());
    }
    if targets.is_empty() {
        step.session.pending = Some(CORRECT.to_owned());
        return Ok(Answer::new(Code::CORRECT_SCAN).then(Next::SCAN_TO_CORRECT));
    }
    let ids: Vec<Uuid> = targets.iter().map(|(id, _)| *id).collect();
    let mut keys: Vec<i64> = targets.iter().flat_map(|(_, keys)| keys).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    let me = step.session.operator.as_ref().map(|o| o.operator.clone());
    let unused = keys.iter().all(|key| {
        let last = step.label(*key).and_then(|label| label.last_event);
        last.is_none_or(|last| ids.contains(&last))
    });
    if step.session.last_by != me || !unused {
        demand_supervisor(step, &keys)?;
    }
    step.session.last_events.clear();
    step.session.last_event = None;
    let events: Vec<_> = targets.iter().rev().map(|(id, keys)| event(step, *id, keys)).collect();
    let code = if step.session.corrected { Code::CORRECT_RESTORED } else { Code::CORRECTED };
    Ok(done(step, code, keys.first().copied(), events))
}

/// Takes back the last event of the UID scanned after CORRECT.
pub(crate) fn of_uid(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let Some(id) = step.label(key).and_then(|label| label.last_event) else {
        return Err(Refusal::new(Code::CORRECT_NOTHING).arg("uid", uid).silent());
    };
    let mut keys: Vec<i64> = step
        .world
        .labels
        .values()
        .filter(|label| label.last_event == Some(id))
        .map(|label| label.key)
        .collect();
    keys.sort_unstable();
    demand_supervisor(step, &keys)?;
    let events = vec![event(step, id, &keys)];
    let correction = step.label(key).is_some_and(|label| label.last_stage == i32::from(v1::Stage::Correct));
    let code = if correction { Code::CORRECT_RESTORED } else { Code::CORRECTED };
    Ok(done(step, code, Some(key), events))
}

fn demand_supervisor(step: &mut Step<'_>, keys: &[i64]) -> Result<(), Refusal> {
    let signed_in = step.session.operator.as_ref();
    if signed_in.is_some_and(|operator| operator.supervisor) {
        return Ok(());
    }
    let refusal = Refusal::new(Code::CORRECT_SUPERVISOR).about(keys.iter().copied());
    step.permit(refusal.then(Next::SUPERVISOR))
}

fn event(step: &Step<'_>, id: Uuid, keys: &[i64]) -> DraftEvent {
    let mut event = DraftEvent::new(v1::Stage::Correct);
    event.corrects = Some(id);
    event.subjects.extend(keys.iter().filter_map(|key| step.subject(*key, v1::Role::Subject)));
    event.reason = step.reason();
    event
}

fn done(step: &mut Step<'_>, code: Code, key: Option<i64>, events: Vec<DraftEvent>) -> Answer {
    step.session.last_code = None;
    let uid = key.map(|key| step.uid(key)).unwrap_or_default();
    Answer::new(code).arg("uid", uid).events(events)
}
