//! Reasons: which the plant knows, and for what. A reason is for one act, and
//! only for one that it fits.

use proto::v1::{self, Stage};

use super::codes::{Code, Next};
use super::correct;
use super::fields;
use super::guard;
use super::hold;
use super::label;
use super::step::{Act, Answer, Refusal, Ruling, Step};
use super::types::DraftEvent;

/// A reason that the plant knows. Where no reasons have come down yet any will
/// do, since a fact must not wait for a list.
pub(crate) fn choose(step: &mut Step<'_>, reason: &str) -> Ruling {
    let reasons = &step.world.reference.reasons;
    let allowed = &step.world.station.without_order_reasons;
    let known = reasons.keys().chain(allowed).filter(|r| r.eq_ignore_ascii_case(reason)).min();
    let code = match known {
        Some(code) => code.clone(),
        None if reasons.is_empty() => reason.to_owned(),
        None => {
            let refusal = Refusal::new(Code::REASON_UNKNOWN).arg("reason", reason);
            return Err(refusal.then(Next::REASON).silent());
        }
    };
    let next = match step.session.pending.as_deref() {
        Some(label::REPRINT) => Some(("reprint", Next::SCAN_TO_REPRINT)),
        Some(hold::HOLD) => Some(("hold", Next::SCAN_TO_HOLD)),
        Some(correct::CORRECT) => Some(("correct", correct::next(step).next)),
        _ => None,
    };
    if let Some((purpose, next)) = next {
        if !fits(step, &code, purpose) {
            return Err(other(step, &code));
        }
        step.set(fields::REASON, &code);
        let text = guard::reason_text(step, &code);
        return Ok(Answer::new(Code::REASON_SET).arg("reason", text).then(next));
    }
    step.session.pending = None;
    step.set(fields::REASON, &code);
    super::act(step, &Act::Reason)
}

/// Whether a reason is meant for that; one of which no purpose is known is.
fn fits(step: &Step<'_>, code: &str, purpose: &str) -> bool {
    let stated = step.world.reference.reasons.get(code).map(|reason| reason.purpose.as_str());
    stated.is_none_or(|stated| stated.is_empty() || stated == purpose)
}

/// What a reason must be meant for to stand in such an event; `None` where any
/// will do.
fn purpose(event: &DraftEvent) -> Option<&'static str> {
    match event.stage {
        Stage::Scrap => Some("scrap"),
        Stage::Rework => Some("rework"),
        Stage::Hold => Some("hold"),
        Stage::Correct => Some("correct"),
        Stage::Grn => Some("no_order"),
        Stage::Return | Stage::ReturnFromProduction | Stage::ReturnToSupplier => Some("return"),
        Stage::Label if event.action == v1::Action::Add => Some("reprint"),
        _ => None,
    }
}

/// Refuses what would be recorded with a reason that is meant for something else.
pub(crate) fn check(step: &Step<'_>, events: &[DraftEvent]) -> Result<(), Refusal> {
    let wrong = |event: &&DraftEvent| purpose(event).is_some_and(|p| !fits(step, &event.reason, p));
    match events.iter().find(wrong) {
        Some(event) => Err(other(step, &event.reason)),
        None => Ok(()),
    }
}

fn other(step: &Step<'_>, code: &str) -> Refusal {
    let text = guard::reason_text(step, code);
    Refusal::new(Code::REASON_OTHER).arg("reason", text).then(Next::REASON).silent()
}
