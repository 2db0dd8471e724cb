//! What is asked of a label before anything is done with it, the same at every
//! station. A station says which [`Rule`] its act goes by; the reasons and the
//! order in which they are told are here.

use super::codes::{Code, Next};
use super::draft;
use super::step::{Refusal, Step};
use super::types::{Custody, Label, Life, QualityState};

/// Which states of a label stand against an act.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    held: bool,
    /// It is not known what is held.
    doubtful: bool,
    rejected: bool,
    uninspected: bool,
    failed: bool,
    expired: bool,
    /// In a parent or package that is not part of the act.
    inside: bool,
    /// A kit of the order being worked on counts as part of the act.
    kitted: bool,
    /// It comes out of a package that has left by the act itself.
    left: bool,
    /// Used up.
    consumed: bool,
    /// Destroyed.
    scrapped: bool,
    /// Elsewhere by what is known here; only ever noted.
    away: bool,
}

/// Moving, counting, labelling: only what is used up or packed stands against it.
pub(crate) const HANDLE: Rule = Rule {
    held: false,
    doubtful: false,
    rejected: false,
    uninspected: false,
    failed: false,
    expired: false,
    inside: true,
    kitted: false,
    left: false,
    consumed: true,
    scrapped: true,
    away: true,
};

/// Judging: held, rejected and failed things are what is judged.
pub(crate) const JUDGE: Rule = Rule { ..HANDLE };

/// Working on it: operations, loads, the parent of an assembly.
pub(crate) const WORK: Rule = Rule { held: true, doubtful: true, rejected: true, ..HANDLE };

/// Using it up, building it in, packing it.
pub(crate) const USE: Rule = Rule { uninspected: true, failed: true, expired: true, ..WORK };

/// Opening a package: a held one too, since what is held is taken out of it;
/// nothing is put in.
pub(crate) const OPEN: Rule = Rule { held: false, doubtful: false, ..USE };

/// Building it in, where it may also lie in the kit for this very order.
pub(crate) const BUILD_IN: Rule = Rule { kitted: true, ..USE };

/// Letting it leave the plant.
pub(crate) const SHIP: Rule = USE;

/// Sending it back to the supplier: bad goods go, held ones wait.
pub(crate) const SEND_BACK: Rule = Rule { held: true, doubtful: true, ..HANDLE };

/// Taking it out of use: what is held needs a decision first.
pub(crate) const DESTROY: Rule = Rule { held: true, doubtful: true, ..HANDLE };

/// It comes from outside, so its being away is expected.
pub(crate) const ARRIVE: Rule = Rule { away: false, ..HANDLE };

/// It comes back from a customer: also without the package in which it went there.
pub(crate) const COME_BACK: Rule = Rule { left: true, ..ARRIVE };

/// Naming it, whatever has become of it (a hold, a label).
pub(crate) const NAME: Rule = Rule { inside: false, consumed: false, scrapped: false, away: false, ..HANDLE };

/// Whether it is held, and nothing else.
pub(crate) const FREE: Rule = Rule { held: true, doubtful: true, ..NAME };

/// Taking it back from production.
pub(crate) const TAKE_BACK: Rule = Rule { away: false, ..HANDLE };

/// The same of a container: one that was emptied may get a remainder back.
pub(crate) const REFILL: Rule = Rule { consumed: false, ..TAKE_BACK };

/// Judges the label by the rule; a label that is not known here is taken with a
/// note. Returns what is known.
pub(crate) fn check<'w>(step: &mut Step<'w>, key: i64, rule: Rule) -> Result<Option<&'w Label>, Refusal> {
    let label = step.label(key);
    if rule.held && held(step, key) {
        let reason = hold_reason(step, key);
        let refusal = refusal(step, Code::LABEL_HELD, key).arg("reason", reason);
        step.permit(refusal.then(Next::HELD))?;
    } else if held(step, key) && !rule.held {
        let args = vec![("uid".to_owned(), step.uid(key)), ("reason".to_owned(), hold_reason(step, key))];
        step.note(Code::NOTE_HELD, args);
    }
    if rule.doubtful && step.world.reference.doubtful && !held(step, key) {
        let refusal = refusal(step, Code::HOLDS_LOST, key);
        step.permit(refusal.then(Next::HOLDS_LOST))?;
    } else if rule.doubtful && lost(step, key) && !held(step, key) {
        let refusal = refusal(step, Code::LABEL_LOST, key);
        step.permit(refusal.then(Next::LABEL_LOST))?;
    }
    let Some(label) = label else {
        note_unknown(step, key);
        return Ok(None);
    };
    if !label.known() || label.lost {
        note_unknown(step, key);
    }
    let ended = match label.life {
        Life::Consumed if rule.consumed => Some(Code::LABEL_CONSUMED),
        Life::Scrapped if rule.scrapped => Some(Code::LABEL_SCRAPPED),
        _ => None,
    };
    if let Some(code) = ended {
        // The books may be wrong: a supervisor who has it in hand may say so.
        let refusal = refusal(step, code, key);
        step.permit(refusal)?;
    }
    if let Custody::Parent { key: parent } = &label.custody
        && rule.inside
        && !(rule.kitted && kit_of(step, label).is_some())
        && !(rule.left && has_left(step, key, *parent))
    {
        let refusal = refusal(step, Code::LABEL_INSIDE, key).arg("parent", step.uid(*parent));
        step.permit(if rule.left { refusal.then(Next::TAKE_OUT) } else { refusal })?;
    }
    if rule.rejected && label.quality == QualityState::Rejected {
        let refusal = refusal(step, Code::LABEL_REJECTED, key).then(Next::REJECTED);
        step.permit(refusal)?;
    }
    if rule.uninspected && label.quality == QualityState::InInspection {
        let refusal = refusal(step, Code::LABEL_UNINSPECTED, key).then(Next::INSPECT);
        step.permit(refusal)?;
    }
    if rule.failed
        && let Some(failed) = label.operations.iter().find(|o| o.passed == Some(false))
    {
        let refusal =
            refusal(step, Code::LABEL_FAILED, key).arg("operation", &failed.operation).then(Next::REWORK);
        step.permit(refusal)?;
    }
    if rule.expired
        && let Some(day) = label.expires_on.filter(|day| *day < step.world.at.date_naive())
    {
        let refusal = refusal(step, Code::LABEL_EXPIRED, key).arg("date", day);
        step.permit(refusal)?;
    }
    if rule.away && matches!(label.custody, Custody::InTransit { .. } | Custody::Customer | Custody::Supplier)
    {
        step.note(Code::NOTE_AWAY, vec![("uid".to_owned(), step.uid(key))]);
    }
    Ok(Some(label))
}

/// Whether damage took what was known of it: it may be held.
fn lost(step: &Step<'_>, key: i64) -> bool {
    step.label(key).is_some_and(|label| label.lost)
}

/// The kit that a label lies in, where that is one of the order being worked on.
pub(crate) fn kit_of(step: &Step<'_>, label: &Label) -> Option<i64> {
    let Custody::Parent { key } = label.custody else { return None };
    let (_, order) = step.session.order.as_ref()?;
    let kit = step.label(key)?;
    (kit.kit && kit.order.as_ref() == Some(order)).then_some(key)
}

/// Whether the package in which a label lies is not here: it, or one around it, has left. One
/// that is not known here was packed and sent by another plant. What comes in the same draft is
/// here. Ends on a cycle in bad data.
fn has_left(step: &Step<'_>, key: i64, package: i64) -> bool {
    let mut seen = vec![key];
    let mut at = package;
    loop {
        if seen.contains(&at) {
            return false;
        }
        seen.push(at);
        let Some(label) = step.label(at).filter(|label| label.known()) else { return true };
        match &label.custody {
            // What is built into something comes back with that.
            _ if !label.package => return false,
            Custody::Parent { key } => at = *key,
            Custody::InTransit { .. } | Custody::Customer | Custody::Supplier => return true,
            Custody::Location { .. } => return false,
        }
    }
}

/// Judges a label once more when the draft that it is in is recorded: another
/// station or the office may have come in between. A supervisor's word stands,
/// but what has been used up since is gone, and what has been held since is held.
pub(crate) fn recheck(step: &mut Step<'_>, key: i64, rule: Rule) -> Result<(), Refusal> {
    let rule = match step.session.overrides.contains_key(&key) {
        true => {
            let ended = draft::let_in_ended(step, key);
            let held = rule.held && !draft::let_in_held(step, key);
            Rule { held, consumed: rule.consumed && !ended, scrapped: rule.scrapped && !ended, ..NAME }
        }
        false => rule,
    };
    // What is to be noted was noted at the scan.
    let notes = step.notes();
    let ruling = check(step, key, rule).map(|_| ());
    step.forget_notes(notes);
    ruling
}

fn refusal(step: &Step<'_>, code: Code, key: i64) -> Refusal {
    Refusal::new(code).about([key]).arg("uid", step.uid(key))
}

fn note_unknown(step: &mut Step<'_>, key: i64) {
    step.note(Code::NOTE_UNKNOWN, vec![("uid".to_owned(), step.uid(key))]);
}

/// Whether a hold stands on it or on its lot, placed in the office or here, or on a package
/// that it is in.
pub(crate) fn held(step: &Step<'_>, key: i64) -> bool {
    held_itself(step, key) || held_around(step, key).is_some()
}

/// Whether a hold stands on it or on its lot.
pub(crate) fn held_itself(step: &Step<'_>, key: i64) -> bool {
    step.world.reference.held_keys.contains(&key) || held_here(step, key)
}

/// Whether a hold stands on it for its own sake, and not for that of something in it: all
/// that is in it is held with it.
pub(crate) fn held_whole(step: &Step<'_>, key: i64) -> bool {
    step.world.reference.held_whole.contains(&key) || held_here(step, key)
}

/// Whether a hold was placed on it here, or stands on its lot.
fn held_here(step: &Step<'_>, key: i64) -> bool {
    let lots = &step.world.reference.held_lots;
    step.label(key)
        .is_some_and(|label| !label.holds.is_empty() || label.lot.is_some_and(|lot| lots.contains(&lot)))
}

/// The package, of those that it is in, that is held with all that is in it. Ends on a cycle
/// in bad data.
pub(crate) fn held_around(step: &Step<'_>, key: i64) -> Option<i64> {
    let mut seen = vec![key];
    let mut at = key;
    while let Some(Label { custody: Custody::Parent { key: parent }, .. }) = step.label(at) {
        if seen.contains(parent) || !step.label(*parent).is_some_and(|label| label.package) {
            return None;
        }
        if held_whole(step, *parent) {
            return Some(*parent);
        }
        seen.push(*parent);
        at = *parent;
    }
    None
}

/// Refuses to take something out of a package that is held with all that is in it, unless it is
/// known that it stays held outside.
pub(crate) fn check_taken_out(step: &mut Step<'_>, key: i64, package: i64) -> Result<(), Refusal> {
    if held_itself(step, key) {
        return Ok(());
    }
    let held = if held_whole(step, package) { Some(package) } else { held_around(step, package) };
    let Some(held) = held else { return Ok(()) };
    let refusal = refusal(step, Code::PACK_HELD, key)
        .about([key, held])
        .arg("package", step.uid(held))
        .arg("reason", hold_reason(step, held));
    step.permit(refusal.then(Next::HELD))
}

fn hold_reason(step: &Step<'_>, key: i64) -> String {
    let key = if held_itself(step, key) { key } else { held_around(step, key).unwrap_or(key) };
    let lot = step.label(key).and_then(|label| label.lot);
    let mut holds: Vec<_> = step
        .world
        .reference
        .holds
        .values()
        .chain(step.world.reference.kept.values())
        .filter(|hold| hold.keys.contains(&key) || lot.is_some_and(|lot| hold.lots.contains(&lot)))
        .collect();
    // A hash map has no order, and an answer must not depend on chance.
    holds.sort_by(|a, b| a.hold.cmp(&b.hold));
    let office = holds.first().map(|hold| hold.reason.as_str());
    let here = || {
        let mut marks = step.label(key)?.hold_reasons();
        marks.find(|mark| !mark.reason.is_empty()).map(|mark| mark.reason.as_str())
    };
    reason_text(step, office.or_else(here).unwrap_or("-"))
}

/// Why each of the holds that stand on a label by this plant's own word was placed, in the
/// operator's language, each reason once.
pub(crate) fn reasons_here(step: &Step<'_>, label: &Label) -> String {
    let mut texts: Vec<String> = Vec::new();
    for hold in &label.holds {
        let mark = label.hold_marks.iter().find(|mark| mark.hold == *hold);
        let code = mark.map(|mark| mark.reason.as_str()).filter(|reason| !reason.is_empty());
        let text = reason_text(step, code.unwrap_or("-"));
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts.join("; ")
}

/// A reason's text in the operator's language, else its code.
pub(crate) fn reason_text(step: &Step<'_>, code: &str) -> String {
    let texts = step.world.reference.reasons.get(code).map(|reason| &reason.texts);
    let text = texts.and_then(|texts| texts.get(step.language()).or_else(|| texts.get("en")));
    text.map_or(code, String::as_str).to_owned()
}

/// Everything in a package, all the way down; what is built into a unit is not
/// among it. Ends on a cycle in bad data.
pub(crate) fn contents(step: &Step<'_>, key: i64) -> Vec<i64> {
    let mut found = Vec::new();
    let mut open = vec![key];
    while let Some(package) = open.pop() {
        let Some(label) = step.label(package).filter(|label| label.package) else {
            continue;
        };
        for child in &label.children {
            if *child != key && !found.contains(child) {
                found.push(*child);
                open.push(*child);
            }
        }
    }
    found
}

/// Refuses a package in which something is held, rejected or not inspected.
pub(crate) fn check_contents(step: &mut Step<'_>, key: i64) -> Result<Vec<i64>, Refusal> {
    refuse_unnamed(step, key)?;
    let unfit = |label: &Label| label.quality != QualityState::Unrestricted;
    let inside = contents(step, key);
    refuse_contents(step, key, &inside, |step, child| {
        held(step, child) || lost(step, child) || step.label(child).is_some_and(unfit)
    })?;
    Ok(inside)
}

/// Refuses a package in which something is held.
pub(crate) fn check_held(step: &mut Step<'_>, key: i64) -> Result<(), Refusal> {
    refuse_unnamed(step, key)?;
    let inside = contents(step, key);
    refuse_contents(step, key, &inside, |step, child| held(step, child) || lost(step, child))
}

/// Refuses a package of which it is not known here all that is in it.
fn refuse_unnamed(step: &mut Step<'_>, key: i64) -> Result<(), Refusal> {
    for package in contents(step, key).into_iter().chain([key]) {
        if step.label(package).is_some_and(|label| label.package && label.incomplete) {
            let refusal = refusal(step, Code::CONTENT_UNNAMED, package).about([key, package]);
            step.permit(refusal.then(Next::HELD))?;
        }
    }
    Ok(())
}

fn refuse_contents(
    step: &mut Step<'_>,
    key: i64,
    inside: &[i64],
    bad: impl Fn(&Step<'_>, i64) -> bool,
) -> Result<(), Refusal> {
    for child in inside {
        if bad(step, *child) {
            let refusal = Refusal::new(Code::CONTENT_HELD)
                .about([key, *child])
                .arg("uid", step.uid(key))
                .arg("child", step.uid(*child));
            step.permit(refusal.then(Next::HELD))?;
        }
    }
    Ok(())
}
