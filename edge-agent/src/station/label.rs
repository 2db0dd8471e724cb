//! Labels: confirming by a scan that one came out and sticks, marking one as
//! spoiled, printing one again. Confirming and reprinting work at other stations
//! too.

use proto::v1;
use uid::{Key, Uid};

use super::codes::{Code, Next};
use super::fields;
use super::guard;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use super::types::{DraftEvent, KeyRef, Label, PrintRequest};

/// [`super::types::Session::pending`] while the UID to print again is awaited.
pub(crate) const REPRINT: &str = "reprint";
/// Set while the next scan is of a spoiled label.
const SPOILED: &str = "_spoiled";

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) if step.field(SPOILED).is_some() => spoil(step, uid),
        Act::Uid(uid) => {
            let key = uid.key().get();
            let label = guard::check(step, key, guard::NAME)?;
            if label.is_some_and(|label| label.print == "confirmed") {
                return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
            }
            Ok(confirm(step, uid))
        }
        Act::Fail => {
            step.set(SPOILED, "1");
            Ok(Answer::new(Code::LABEL_WHICH_SPOILED))
        }
        Act::Pass | Act::Undo => {
            step.take(SPOILED);
            Ok(Answer::new(Code::CANCELLED))
        }
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.field(SPOILED).is_some() { Next::SCAN_SPOILED.into() } else { Next::SCAN_TO_CONFIRM.into() }
}

/// Whether this station has just given birth to it and no scan has confirmed
/// its label.
pub(crate) fn awaits_confirmation(step: &Step<'_>, label: &Label) -> bool {
    let printing = matches!(label.print.as_str(), "allocated" | "printed" | "uncertain");
    let newborn = label.before.as_ref().is_some_and(|before| !before.known());
    printing && newborn && label.last_station == step.world.station.code
}

/// At a station that mints: a label fresh off its printer is confirmed, any
/// other is refused with `otherwise`.
pub(crate) fn confirm_here(step: &mut Step<'_>, uid: &Uid, otherwise: Code) -> Ruling {
    let key = uid.key().get();
    let label = step.label(key).filter(|label| label.last_station == step.world.station.code);
    match label.map(|label| label.print.as_str()) {
        Some("allocated" | "printed" | "uncertain") => Ok(confirm(step, uid)),
        Some("confirmed") => Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid)),
        _ => Err(Refusal::new(otherwise).about([key]).arg("uid", uid).firm()),
    }
}

fn confirm(step: &Step<'_>, uid: &Uid) -> Answer {
    let event = event(step, uid.key().get(), "confirmed", v1::Outcome::Passed);
    Answer::new(Code::LABEL_CONFIRMED).arg("uid", uid).event(event)
}

fn spoil(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    guard::check(step, uid.key().get(), guard::NAME)?;
    step.take(SPOILED);
    let event = event(step, uid.key().get(), "spoiled", v1::Outcome::Failed);
    Ok(Answer::new(Code::LABEL_SPOILED).arg("uid", uid).then(Next::REPRINT).event(event))
}

fn event(step: &Step<'_>, key: i64, reason: &str, outcome: v1::Outcome) -> DraftEvent {
    let mut event = DraftEvent::new(v1::Stage::Label);
    event.reason = reason.to_owned();
    event.outcome = outcome;
    event.subjects.extend(step.subject(key, v1::Role::Subject));
    event
}

/// REPRINT: the label to print again comes next.
pub(crate) fn ask_reprint(step: &mut Step<'_>) -> Ruling {
    if step.world.station.printer.is_none() {
        return Err(Refusal::new(Code::REPRINT_NO_PRINTER).silent());
    }
    step.session.pending = Some(REPRINT.to_owned());
    Ok(Answer::new(Code::REPRINT_WHICH).then(Next::SCAN_TO_REPRINT))
}

/// Prints a label again, with its reason and the number of the copy. (A label
/// that cannot be read is typed in.)
pub(crate) fn reprint(step: &mut Step<'_>, key: i64) -> Ruling {
    let offered = step.world.reference.reasons.values().any(|reason| reason.purpose == "reprint");
    if offered && step.field(fields::REASON).is_none() {
        step.session.pending = Some(REPRINT.to_owned());
        return Ok(Answer::red(Code::REPRINT_REASON).then(Next::REASON));
    }
    let Ok(existing) = Key::new(key) else {
        return Err(Refusal::new(Code::NOT_HERE).silent());
    };
    let label = guard::check(step, key, guard::NAME)?;
    let copy = label.map_or(0, |label| label.reprints).saturating_add(2);
    let reason = step.take(fields::REASON).unwrap_or_else(|| "reprint".to_owned());
    let mut event = event(step, key, &reason, v1::Outcome::Unspecified);
    event.action = v1::Action::Add;
    event.attempt = copy;
    let lines = label.map(|label| {
        let quantity = label.quantity.map(|q| super::draft::with_unit(step, key, q));
        [Some(step.label_name(&label.item)), quantity].into_iter().flatten().collect()
    });
    let print = PrintRequest { key: KeyRef::Existing(existing), lines: lines.unwrap_or_default(), copy };
    let answer = Answer::new(Code::REPRINTED).arg("uid", step.uid(key)).arg("copy", copy);
    Ok(answer.event(event).prints([print]))
}
