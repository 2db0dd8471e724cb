//! Sample: something is taken for the laboratory. A quantity typed before the
//! scan is taken out of a container.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Ruling, Step};

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => take(step, uid),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(_: &Step<'_>) -> Asked {
    Next::SCAN_TO_SAMPLE.into()
}

fn take(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let typed = step.take_quantity();
    let label = guard::check(step, key, guard::JUDGE)?;
    let again = label.is_some_and(|label| {
        label.last_stage == v1::Stage::Sample as i32 && label.last_station == step.world.station.code
    });
    if again && typed.is_none() {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    let quantity = match typed {
        Some(typed) => Some(draft::check_quantity(step, key, typed)?),
        None => None,
    };
    let mut event = step.event(v1::Stage::Sample);
    event.subjects.extend(step.subject_of(key, v1::Role::Subject, quantity));
    event.reason = step.reason();
    event.note = step.take(fields::NOTE).unwrap_or_default();
    let text = quantity.map(|q| draft::with_unit(step, key, q)).unwrap_or_default();
    Ok(Answer::new(Code::SAMPLED).arg("uid", uid).arg("quantity", text).event(event))
}
