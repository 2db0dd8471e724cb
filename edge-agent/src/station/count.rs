//! Counting: what is there, and putting right what was counted. A unit counts
//! by its scan, a container by its quantity; a difference is recorded as
//! counted, and DONE by a supervisor puts it right.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::storage;
use super::types::{Custody, DraftEvent, Life};

/// What was counted of the label in `parent`, while it differs.
const DIFFERS: &str = "_differs";

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => scan(step, uid),
        Act::Text(text) => {
            let place = storage::place_of(step, text)?;
            step.set(fields::PLACE, &place);
            Ok(Answer::new(Code::PLACE_SET).arg("place", place))
        }
        Act::Quantity(quantity) => match step.session.parent {
            Some(key) => counted(step, key, *quantity),
            None => super::not_here(step, act),
        },
        Act::Pass => match step.session.parent {
            Some(key) => {
                let stated = step.label(key).and_then(|label| label.quantity);
                let Some(stated) = stated else {
                    return Err(Refusal::new(Code::COUNT_UNKNOWN).then(Next::QUANTITY).silent());
                };
                counted(step, key, stated)
            }
            None => super::not_here(step, act),
        },
        Act::Done => adjust(step),
        Act::Undo => {
            draft::clear(&mut step.session);
            Ok(Answer::new(Code::CANCELLED))
        }
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(DIFFERS).is_some() {
        return Next::ADJUST.into();
    }
    match step.session.parent {
        Some(key) => Asked::from(Next::COUNT_QUANTITY).arg("uid", step.uid(key)),
        None => Next::SCAN.into(),
    }
}

fn scan(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    let label = guard::check(step, key, guard::NAME)?;
    if label.is_some_and(|label| matches!(label.life, Life::Consumed | Life::Scrapped)) {
        step.note(Code::NOTE_ENDED, vec![("uid".to_owned(), uid.to_string())]);
    }
    step.take(DIFFERS);
    let typed = step.take_quantity();
    let container = label.is_some_and(|label| label.container);
    match typed {
        Some(quantity) => counted(step, key, quantity),
        None if container => {
            step.session.parent = Some(key);
            Ok(Answer::new(Code::COUNT_HOW_MUCH).arg("uid", uid))
        }
        None => {
            let place = place_here(step);
            let again = label.is_some_and(|label| {
                let there = match &label.custody {
                    Custody::Parent { .. } => true,
                    custody => *custody == Custody::Location { place },
                };
                label.last_stage == v1::Stage::Count as i32
                    && label.last_station == step.world.station.code
                    && there
            });
            if again {
                return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
            }
            counted(step, key, Decimal::ONE)
        }
    }
}

fn place_here(step: &Step<'_>) -> String {
    step.field(fields::PLACE).unwrap_or(&step.world.station.location).to_owned()
}

fn counted(step: &mut Step<'_>, key: i64, quantity: Decimal) -> Ruling {
    let mut event = DraftEvent::new(v1::Stage::Count);
    event.location = place_here(step);
    event.subjects.extend(step.subject_of(key, v1::Role::Subject, Some(quantity)));
    if let Some(Custody::Parent { key: parent }) = step.label(key).map(|label| &label.custody) {
        // Counted where it lies; it stays in there until somebody takes it out.
        let args = [("uid", step.uid(key)), ("parent", step.uid(*parent))];
        step.note(Code::NOTE_INSIDE, args.map(|(name, value)| (name.to_owned(), value)).into());
    }
    let stated = step.label(key).and_then(|label| label.quantity);
    let differs = stated.is_some_and(|stated| stated != quantity);
    let answer = if differs {
        let stated = stated.unwrap_or_default();
        step.session.parent = Some(key);
        step.set(DIFFERS, quantity.normalize().to_string());
        Answer::amber(Code::COUNT_DIFFERS).arg("stated", draft::with_unit(step, key, stated))
    } else {
        step.session.parent = None;
        Answer::new(Code::COUNTED)
    };
    let uid = step.uid(key);
    let text = draft::with_unit(step, key, quantity);
    Ok(answer.arg("uid", uid).arg("quantity", text).event(event))
}

/// Puts the label right to what was counted.
fn adjust(step: &mut Step<'_>) -> Ruling {
    let counted: Option<Decimal> = step.field(DIFFERS).and_then(|text| text.parse().ok());
    let (Some(key), Some(counted)) = (step.session.parent, counted) else {
        return Ok(Answer::amber(Code::DONE_NOTHING));
    };
    if !step.session.operator.as_ref().is_some_and(|operator| operator.supervisor) {
        let refusal = Refusal::new(Code::ADJUST_SUPERVISOR).about([key]);
        step.permit(refusal.then(Next::SUPERVISOR))?;
    }
    let mut event = DraftEvent::new(v1::Stage::Adjust);
    event.location = place_here(step);
    event.reason = step.reason();
    event.subjects.extend(step.subject_of(key, v1::Role::Subject, Some(counted)));
    let answer = Answer::new(Code::ADJUSTED)
        .arg("uid", step.uid(key))
        .arg("quantity", draft::with_unit(step, key, counted));
    draft::clear(&mut step.session);
    Ok(answer.event(event))
}
