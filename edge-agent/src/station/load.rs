//! Load: units into an oven or a bath and out of it together. Members, DONE:
//! the load runs; DONE, PASS or FAIL: it is out. What the machine reads in
//! between belongs to every member.

use std::collections::BTreeMap;

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft::{self, MAX_SUBJECTS};
use super::guard;
use super::operation;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::DraftEvent;

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    let members = members(step);
    step.session.load = members;
    let running = !step.session.load.is_empty();
    match act {
        Act::Uid(uid) if running => refuse_member(step, uid),
        Act::Uid(uid) => member(step, uid),
        Act::Done if running => {
            let outcome = operation::by_readings(step, &step.session.load);
            out(step, outcome)
        }
        Act::Pass if running => {
            let members = step.session.load.clone();
            operation::note_out_of_limits(step, &members);
            out(step, v1::Outcome::Passed)
        }
        Act::Fail if running => out(step, v1::Outcome::Failed),
        Act::Done => into(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    let count = members(step).len();
    if count > 0 {
        return Asked::from(Next::LOAD_OUT).arg("members", count);
    }
    if step.session.draft.is_empty() { Next::LOAD_MEMBER.into() } else { Next::LOAD_MORE.into() }
}

/// The members of the load that is running, without those whose being let in was
/// taken back elsewhere: their operation is no longer begun.
fn members(step: &Step<'_>) -> Vec<i64> {
    let operation = step.operation();
    let taken_back = |key: i64| {
        let label = step.label(key).filter(|_| !operation.is_empty());
        label.is_some_and(|label| {
            let open = label.operations.iter().any(|state| state.open);
            // Let in for no operation; or judged, which ends one, in the load.
            let still = match v1::Stage::try_from(label.last_stage) {
                Ok(v1::Stage::Load) => operation::state(Some(label), &operation).is_none(),
                Ok(stage) => matches!(stage, v1::Stage::Inspection | v1::Stage::Rework),
                Err(_) => true,
            };
            !open && !still
        })
    };
    step.session.load.iter().copied().filter(|key| !taken_back(*key)).collect()
}

/// The last decision of this station is taken back: who was let in is out again,
/// who was let out is in again.
pub(crate) fn taken_back(step: &mut Step<'_>, keys: &[i64]) {
    match step.session.loaded {
        Some(true) => step.session.load.retain(|key| !keys.contains(key)),
        Some(false) if step.session.load.is_empty() => step.session.load = keys.to_vec(),
        _ => return,
    }
    step.session.loaded = step.session.loaded.map(|loaded| !loaded);
}

fn refuse_member(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.load.contains(&key) {
        return Ok(Answer::amber(Code::LOAD_MEMBER_RUNNING).arg("uid", uid));
    }
    Err(Refusal::new(Code::LOAD_RUNNING).about([key]).firm())
}

fn member(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.draft.contains(&key) {
        return draft::again(step, key, guard::WORK);
    }
    let capacity = step.world.station.load_capacity;
    if capacity.is_some_and(|most| step.session.draft.len() >= most as usize) {
        let refusal = Refusal::new(Code::LOAD_FULL).about([key]);
        return Err(refusal.arg("limit", capacity.unwrap_or_default()).then(Next::DONE).firm());
    }
    guard::check(step, key, guard::WORK)?;
    let operation = step.operation();
    if !operation.is_empty() {
        operation::begin(step, key, &operation)?;
    }
    draft::push(step, key)?;
    Ok(Answer::new(Code::LOAD_TAKEN).arg("uid", uid).arg("count", step.session.draft.len()))
}

fn into(step: &mut Step<'_>) -> Ruling {
    if step.session.draft.is_empty() {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    }
    draft::recheck(step, guard::WORK)?;
    let members = step.session.draft.clone();
    let overrides = step.session.overrides.clone();
    let events =
        events(step, &members, v1::Action::Add, |key| overrides.get(&key).cloned().unwrap_or_default());
    draft::clear(&mut step.session);
    let count = members.len();
    step.session.load = members;
    Ok(Answer::new(Code::LOAD_IN).arg("count", count).events(events))
}

fn out(step: &mut Step<'_>, outcome: v1::Outcome) -> Ruling {
    let members = std::mem::take(&mut step.session.load);
    let mut events = events(step, &members, v1::Action::Delete, |_| String::new());
    for event in &mut events {
        event.outcome = outcome;
        event.readings = step.world.readings.to_vec();
        event.reason = step.reason();
    }
    draft::clear(&mut step.session);
    let answer = match outcome {
        v1::Outcome::Failed => Answer::amber(Code::LOAD_FAILED),
        v1::Outcome::Passed => Answer::new(Code::LOAD_OUT),
        _ => Answer::amber(Code::LOAD_UNJUDGED),
    };
    Ok(answer.arg("count", members.len()).events(events))
}

/// An event per attempt that members are in, none too large.
fn events(
    step: &Step<'_>,
    members: &[i64],
    action: v1::Action,
    by: impl Fn(i64) -> String,
) -> Vec<DraftEvent> {
    let operation = step.operation();
    let mut groups: BTreeMap<(String, u32), Vec<i64>> = BTreeMap::new();
    for key in members {
        let state = operation::state(step.label(*key), &operation);
        let attempt = state.map_or(1, |state| match (action, state.passed) {
            // Judged before and let in again all the same: a further attempt.
            (v1::Action::Add, Some(_)) => state.attempt.saturating_add(1),
            _ => state.attempt.max(1),
        });
        groups.entry((by(*key), attempt)).or_default().push(*key);
    }
    let mut events = Vec::new();
    for ((overridden_by, attempt), keys) in groups {
        for keys in keys.chunks(MAX_SUBJECTS) {
            let mut event = step.event(v1::Stage::Load);
            event.action = action;
            event.operation.clone_from(&operation);
            event.attempt = if operation.is_empty() { 0 } else { attempt };
            event.overridden_by.clone_from(&overridden_by);
            event.subjects.extend(keys.iter().filter_map(|k| step.subject(*k, v1::Role::Subject)));
            events.push(event);
        }
    }
    events
}

/// Readings that reach every member of the load that is running.
pub(crate) fn readings(step: &Step<'_>, readings: &[v1::Reading]) -> Vec<DraftEvent> {
    let mut events = events(step, &members(step), v1::Action::Unspecified, |_| String::new());
    for event in &mut events {
        event.readings = readings.to_vec();
    }
    events
}
