//! The draft: what was scanned and is not recorded until DONE.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::codes::Code;
use super::fields;
use super::guard::{self, Rule};
use super::login;
use super::step::{self, Answer, Refusal, Ruling, Step};
use super::types::{Life, Session};

/// Most entries of a draft; DONE before the next.
pub(crate) const MAX_ENTRIES: usize = 1000;

/// Most subjects of one event, which keeps it well below the 64 KiB of the
/// contract; a larger act is several events.
pub(crate) const MAX_SUBJECTS: usize = 300;

/// Field that is `out` while entries are to be taken out of the parent.
pub(crate) const MODE: &str = "_mode";

/// Field that is set while the order is only that of the parent being worked on,
/// and goes with it.
pub(crate) const ORDER_OF_PARENT: &str = "_order_of_parent";

/// Fields of entries that were used up already when a supervisor let them in
/// begin with this; the key follows.
const ENDED: &str = "_ended:";

/// The same of entries on which, or on whose contents, a hold stood.
const HELD: &str = "_held:";

/// Drops the draft. What belongs to the station's work as a whole stays: the
/// operator, the order, the operation, the place.
pub(crate) fn clear(session: &mut Session) {
    if session.fields.contains_key(ORDER_OF_PARENT) {
        session.order = None;
    }
    session.parent = None;
    session.draft.clear();
    session.quantities.clear();
    session.overrides.clear();
    session.taken.clear();
    session.digits.clear();
    session.line = None;
    session.last_code = None;
    session.fields.retain(|name, _| name == fields::PLACE || login::is_own(name));
}

/// Whether there is nothing that CANCEL would drop.
pub(crate) fn is_empty(session: &Session) -> bool {
    session.parent.is_none()
        && session.draft.is_empty()
        && session.fields.keys().all(|name| {
            let kept = [fields::PLACE, fields::REASON].contains(&name.as_str());
            kept || login::is_own(name) || step::is_refusal(name)
        })
}

/// What a scan of an entry comes to that is in the draft already: the same again, unless something
/// that came since (a hold of the office) would stand against it at DONE. That is told at once.
pub(crate) fn again(step: &mut Step<'_>, key: i64, rule: Rule) -> Ruling {
    guard::recheck(step, key, rule)?;
    keep_override(step, key);
    Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", step.uid(key)))
}

/// Adds a scanned label, with the quantity typed before it, if any.
pub(crate) fn push(step: &mut Step<'_>, key: i64) -> Result<(), Refusal> {
    if step.session.draft.len() >= MAX_ENTRIES {
        return Err(Refusal::new(Code::DRAFT_FULL).silent());
    }
    step.session.draft.push(key);
    keep_override(step, key);
    Ok(())
}

/// Keeps which supervisor let a label in, where one did.
pub(crate) fn keep_override(step: &mut Step<'_>, key: i64) {
    let Some(supervisor) = step.relied_on() else {
        return;
    };
    step.session.overrides.insert(key, supervisor);
    if step.label(key).is_some_and(|label| matches!(label.life, Life::Consumed | Life::Scrapped)) {
        step.set(&format!("{ENDED}{key}"), "1");
    }
    if guard::held(step, key) || guard::contents(step, key).iter().any(|child| guard::held(step, *child)) {
        step.set(&format!("{HELD}{key}"), "1");
    }
}

/// Whether a supervisor let it in although it was used up or scrapped.
pub(crate) fn let_in_ended(step: &Step<'_>, key: i64) -> bool {
    step.field(&format!("{ENDED}{key}")).is_some()
}

/// Whether a supervisor let it in although it, or something in it, was held. A
/// word given for another reason says nothing of a hold that comes later.
pub(crate) fn let_in_held(step: &Step<'_>, key: i64) -> bool {
    step.field(&format!("{HELD}{key}")).is_some()
}

/// Drops the last entry; tells when there is none.
pub(crate) fn undo(step: &mut Step<'_>) -> Ruling {
    let Some(key) = step.session.draft.pop() else {
        return Ok(Answer::amber(Code::UNDO_NOTHING));
    };
    step.session.quantities.remove(&key);
    step.session.overrides.remove(&key);
    step.session.fields.remove(&format!("{ENDED}{key}"));
    step.session.fields.remove(&format!("{HELD}{key}"));
    step.session.last_code = None;
    let uid = step.uid(key);
    Ok(Answer::new(Code::UNDONE).arg("uid", uid))
}

/// The quantity of an entry: as entered, else none (the whole label).
pub(crate) fn quantity(step: &Step<'_>, key: i64) -> Option<Decimal> {
    step.session.quantities.get(&key).copied()
}

/// Gives the last entry a quantity, not more than is in it. Without an entry
/// the quantity waits for the next one.
pub(crate) fn set_quantity(step: &mut Step<'_>, quantity: Decimal) -> Ruling {
    let Some(key) = step.session.draft.last().copied() else {
        step.set(fields::QUANTITY, quantity.normalize().to_string());
        return Ok(Answer::new(Code::QUANTITY_KEPT).arg("quantity", quantity.normalize()));
    };
    let quantity = check_quantity(step, key, quantity)?;
    step.session.quantities.insert(key, quantity);
    Ok(Answer::new(Code::QUANTITY_SET)
        .arg("quantity", with_unit(step, key, quantity))
        .arg("uid", step.uid(key)))
}

/// Refuses zero, part of a unit, and more than there is.
pub(crate) fn check_quantity(step: &mut Step<'_>, key: i64, quantity: Decimal) -> Result<Decimal, Refusal> {
    if quantity <= Decimal::ZERO {
        return Err(Refusal::new(Code::QUANTITY_ZERO).silent());
    }
    let Some(label) = step.label(key).filter(|label| label.known()) else {
        return Ok(quantity);
    };
    if !label.container && quantity != Decimal::ONE {
        return Err(Refusal::new(Code::QUANTITY_UNIT).arg("uid", step.uid(key)).silent());
    }
    if let Some(there) = label.quantity.filter(|there| quantity > *there) {
        let refusal = Refusal::new(Code::QUANTITY_TOO_MUCH)
            .about([key])
            .arg("uid", step.uid(key))
            .arg("quantity", with_unit(step, key, quantity))
            .arg("there", with_unit(step, key, there));
        step.permit(refusal)?;
    }
    Ok(quantity)
}

/// Judges every entry once more, and whether as much is still there, before the
/// draft is recorded.
pub(crate) fn recheck(step: &mut Step<'_>, rule: Rule) -> Result<(), Refusal> {
    for key in step.session.draft.clone() {
        guard::recheck(step, key, rule)?;
        if let Some(taken) = quantity(step, key).filter(|_| !step.session.overrides.contains_key(&key)) {
            check_quantity(step, key, taken)?;
        }
    }
    Ok(())
}

/// A quantity with the label's unit.
pub(crate) fn with_unit(step: &Step<'_>, key: i64, quantity: Decimal) -> String {
    let unit = step.label(key).map(|label| label.unit.as_str()).unwrap_or_default();
    format!("{} {unit}", quantity.normalize()).trim_end().to_owned()
}

/// The draft's entries by the supervisor who let them in (nobody first), each
/// list no longer than an event may be.
pub(crate) fn groups(step: &Step<'_>) -> Vec<(String, Vec<i64>)> {
    let mut groups: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for key in &step.session.draft {
        let by = step.session.overrides.get(key).cloned().unwrap_or_default();
        groups.entry(by).or_default().push(*key);
    }
    let mut lists = Vec::new();
    for (by, keys) in groups {
        lists.extend(keys.chunks(MAX_SUBJECTS).map(|keys| (by.clone(), keys.to_vec())));
    }
    lists
}
