//! Storage: put-away and moves. A place and then UIDs, or UIDs and then the
//! place. The place stays set until another is scanned.

use proto::v1;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{Custody, DraftEvent};

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => put(step, uid),
        Act::Text(text) => place(step, text),
        Act::Field(name) if *name == fields::PLACE => {
            let text = step.take(fields::PLACE).unwrap_or_default();
            place(step, &text)
        }
        Act::Done if !step.session.draft.is_empty() => {
            Err(Refusal::new(Code::PLACE_NEEDED).then(Next::PLACE).silent())
        }
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    match step.field(fields::PLACE) {
        Some(place) if step.session.draft.is_empty() => Asked::from(Next::PUT_HERE).arg("place", place),
        _ if step.session.draft.is_empty() => Next::PLACE_OR_UID.into(),
        _ => Next::PLACE.into(),
    }
}

/// The place of that name, in the plant's own spelling. While no places have
/// come down every text is one.
pub(crate) fn find_place(step: &Step<'_>, text: &str) -> Option<String> {
    let places = &step.world.reference.locations;
    if places.contains_key(text) {
        return Some(text.to_owned());
    }
    let same = places.keys().filter(|place| place.eq_ignore_ascii_case(text)).min();
    same.cloned().or_else(|| {
        let own = &step.world.station.location;
        own.eq_ignore_ascii_case(text).then(|| own.clone())
    })
}

/// A place, or what a person means as one where no places are known.
pub(crate) fn place_of(step: &Step<'_>, text: &str) -> Result<String, Refusal> {
    let any = step.world.reference.locations.is_empty() && !text.is_empty();
    find_place(step, text)
        .or_else(|| any.then(|| text.to_owned()))
        .ok_or_else(|| Refusal::new(Code::PLACE_UNKNOWN).arg("place", text).then(Next::PLACE).silent())
}

fn place(step: &mut Step<'_>, text: &str) -> Ruling {
    let place = place_of(step, text)?;
    step.set(fields::PLACE, &place);
    if step.session.draft.is_empty() {
        return Ok(Answer::new(Code::PLACE_SET).arg("place", place));
    }
    draft::recheck(step, guard::HANDLE)?;
    let count = step.session.draft.len();
    let mut events = Vec::new();
    for (overridden_by, keys) in draft::groups(step) {
        events.push(event(step, &place, &keys, overridden_by));
    }
    draft::clear(&mut step.session);
    // These had been waiting for their place; the next ones are new.
    step.take(fields::PLACE);
    Ok(Answer::new(Code::STORED_ALL).arg("count", count).arg("place", place).events(events))
}

fn put(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.draft.contains(&key) {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    let label = guard::check(step, key, guard::HANDLE)?;
    let Some(place) = step.field(fields::PLACE).map(str::to_owned) else {
        draft::push(step, key)?;
        return Ok(Answer::new(Code::STORE_WHERE).arg("uid", uid));
    };
    let there = Custody::Location { place: place.clone() };
    let again =
        label.is_some_and(|label| label.custody == there && label.last_stage == v1::Stage::Storage as i32);
    if again {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    let event = event(step, &place, &[key], String::new());
    Ok(Answer::new(Code::STORED).arg("uid", uid).arg("place", place).event(event))
}

fn event(step: &Step<'_>, place: &str, keys: &[i64], overridden_by: String) -> DraftEvent {
    let mut event = DraftEvent::new(v1::Stage::Storage);
    event.location = place.to_owned();
    event.overridden_by = overridden_by;
    event.subjects.extend(keys.iter().filter_map(|key| step.subject(*key, v1::Role::Subject)));
    event
}
