//! CORRECT: taking back what was recorded, all that one scan made of it. Then
//! DONE takes back the last thing recorded here, or a UID what was last recorded
//! of it. By the same operator while nothing has used it since, else by a
//! supervisor.

use proto::v1;
use uid::Uid;
use uuid::Uuid;

use super::codes::{Code, Next};
use super::draft;
use super::load;
use super::step::{Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, Label};

/// [`super::types::Session::pending`] while it is awaited what is to be
/// corrected.
pub(crate) const CORRECT: &str = "correct";

/// The CORRECT code: asks what is meant.
pub(crate) fn ask(step: &mut Step<'_>) -> Ruling {
    if !draft::is_empty(&step.session) {
        return Err(Refusal::new(Code::CORRECT_DRAFT).silent());
    }
    step.session.pending = Some(CORRECT.to_owned());
    let targets = targets(step);
    if targets.is_empty() {
        return Ok(Answer::new(Code::CORRECT_SCAN));
    }
    let key = targets.iter().flat_map(|(_, keys)| keys).next().copied();
    Ok(Answer::new(Code::CORRECT_LAST).arg("uid", key.map(|key| step.uid(key)).unwrap_or_default()))
}

/// What is awaited after it.
pub(crate) fn next(step: &Step<'_>) -> Asked {
    if targets(step).is_empty() { Next::SCAN_TO_CORRECT.into() } else { Next::CORRECT_OR_DONE.into() }
}

/// What was recorded last at this station, for its person.
fn targets(step: &Step<'_>) -> Vec<(Uuid, Vec<i64>)> {
    if step.session.last_events.is_empty() {
        return step.session.last_event.iter().cloned().collect();
    }
    step.session.last_events.clone()
}

/// Takes back the last thing recorded at this station, all its events, the last
/// first.
pub(crate) fn last(step: &mut Step<'_>) -> Ruling {
    let targets = targets(step);
    if targets.is_empty() {
        step.session.pending = Some(CORRECT.to_owned());
        return Ok(Answer::amber(Code::CORRECT_SCAN));
    }
    let ids: Vec<Uuid> = targets.iter().map(|(id, _)| *id).collect();
    let mut keys: Vec<i64> = targets.iter().flat_map(|(_, keys)| keys).copied().collect();
    let first = keys.first().copied();
    load::taken_back(step, &keys);
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
    Ok(done(step, code, first, events))
}

/// Takes back what was last recorded of the UID scanned after CORRECT.
pub(crate) fn of_uid(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let label = step.label(key);
    let Some((label, id)) = label.and_then(|label| Some((label, label.last_event?))) else {
        return Err(Refusal::new(Code::CORRECT_NOTHING).arg("uid", uid).silent());
    };
    if targets(step).iter().any(|(event, _)| *event == id) {
        return last(step);
    }
    let ids = decision_of(step, label, id);
    let keys_of = |ids: &[Uuid]| {
        let labels = step.world.labels.values();
        let named = labels.filter(|label| ids.iter().any(|id| made(label, *id)));
        let mut keys: Vec<i64> = named.map(|label| label.key).collect();
        keys.sort_unstable();
        keys
    };
    let keys = keys_of(&ids);
    let events: Vec<_> = ids.iter().rev().map(|id| (*id, keys_of(&[*id]))).collect();
    demand_supervisor(step, &keys)?;
    let events = events.iter().map(|(id, keys)| event(step, *id, keys)).collect();
    let correction = label.last_stage == i32::from(v1::Stage::Correct);
    let code = if correction { Code::CORRECT_RESTORED } else { Code::CORRECTED };
    Ok(done(step, code, Some(key), events))
}

/// Every event of the input that made this label's last one, as far as the
/// labels around it tell, in order: ids are given in the order of time.
fn decision_of(step: &Step<'_>, label: &Label, id: Uuid) -> Vec<Uuid> {
    let mut ids = vec![id];
    if !label.last_input.is_empty() {
        let same =
            step.world.labels.values().filter(|other| {
                other.last_input == label.last_input && other.last_station == label.last_station
            });
        ids.extend(same.flat_map(|label| label.last_events.iter().copied()));
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn made(label: &Label, id: Uuid) -> bool {
    label.last_event == Some(id) || label.last_events.contains(&id)
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
