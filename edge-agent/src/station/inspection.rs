//! Inspection: a unit or container, its measures against their limits, then
//! PASS, FAIL, or DONE to let the measures decide. A quantity before PASS or
//! FAIL says how much of a container is good or bad. A machine's measure counts
//! where it was taken after the unit was scanned: a gauge that holds its last
//! value shows that of the unit before.

use proto::v1;
use rust_decimal::Decimal;
use uid::Uid;

use super::codes::{Code, Next};
use super::draft;
use super::fields;
use super::guard;
use super::operation;
use super::step::{Act, Answer, Asked, Refusal, Ruling, Step};
use crate::config::Characteristic;

/// Fields that hold measures begin with this; the characteristic's name follows.
const MEASURE: &str = "_m:";
/// Fields that hold when a machine took a measure, in microseconds.
const TAKEN_AT: &str = "_t:";
/// Field that holds when the unit was scanned, in microseconds of the agent's clock.
const OPENED: &str = "_opened";

pub(crate) fn on(step: &mut Step<'_>, act: &Act) -> Ruling {
    match act {
        Act::Uid(uid) => unit(step, uid),
        Act::Quantity(value) if step.session.parent.is_some() => value_entry(step, *value),
        Act::Text(text) if step.session.parent.is_some() => match text.parse::<Decimal>() {
            Ok(value) => value_entry(step, value),
            Err(_) => super::not_here(step, act),
        },
        Act::Pass => judge(step, true),
        Act::Fail => judge(step, false),
        Act::Done if step.session.parent.is_some() => by_measures(step),
        Act::Undo if step.session.parent.is_some() => undo(step),
        _ => super::not_here(step, act),
    }
}

pub(crate) fn next(step: &Step<'_>) -> Asked {
    if step.session.parent.is_none() {
        return Next::SCAN_TO_INSPECT.into();
    }
    match open(step) {
        Some(characteristic) => Asked::from(Next::MEASURE)
            .arg("measure", &characteristic.name)
            .arg("measure_unit", &characteristic.unit),
        None => Next::PASS_OR_FAIL.into(),
    }
}

/// Characteristics that have limits are measured; others are judged by PASS.
fn measured<'w>(step: &Step<'w>) -> impl Iterator<Item = &'w Characteristic> + use<'w> {
    let all = step.world.station.characteristics.iter();
    all.filter(|c| c.low.is_some() || c.high.is_some())
}

fn value_of(step: &Step<'_>, characteristic: &Characteristic) -> Option<Decimal> {
    step.field(&format!("{MEASURE}{}", characteristic.name))?.parse().ok()
}

/// The next characteristic without a value.
fn open<'w>(step: &Step<'w>) -> Option<&'w Characteristic> {
    measured(step).find(|characteristic| value_of(step, characteristic).is_none())
}

fn within(characteristic: &Characteristic, value: Decimal) -> bool {
    characteristic.low.is_none_or(|low| value >= low) && characteristic.high.is_none_or(|high| value <= high)
}

fn unit(step: &mut Step<'_>, uid: &Uid) -> Ruling {
    let key = uid.key().get();
    if step.session.parent == Some(key) {
        return Ok(Answer::amber(Code::SCAN_AGAIN).arg("uid", uid));
    }
    if let Some(open) = step.session.parent {
        let refusal = Refusal::new(Code::INSPECT_OPEN).about([key]).arg("uid", step.uid(open));
        return Err(refusal.firm());
    }
    let label = guard::check(step, key, guard::JUDGE)?;
    step.session.parent = Some(key);
    step.set(OPENED, step.world.now.timestamp_micros().to_string());
    let item = label.map(|label| step.item_name(&label.item)).unwrap_or_default();
    Ok(Answer::new(Code::INSPECT_UNIT).arg("uid", uid).arg("item", item))
}

/// Whether the reading was taken while this unit was here.
fn of_this_unit(step: &Step<'_>, reading: &v1::Reading) -> bool {
    let opened = step.field(OPENED).and_then(|at| at.parse::<i64>().ok());
    opened.is_some_and(|opened| reading.at_us > opened)
}

/// Takes over what the station's machines measured of this unit under the same
/// names. Returns whether that was anything.
pub(crate) fn from_machine(step: &mut Step<'_>, readings: &[v1::Reading]) -> bool {
    let names: Vec<String> = measured(step).map(|c| c.name.clone()).collect();
    let mut any = false;
    for reading in readings.iter().filter(|reading| reading.quality() == v1::Quality::Good) {
        if names.contains(&reading.name) && !reading.value.is_empty() && of_this_unit(step, reading) {
            step.set(&format!("{MEASURE}{}", reading.name), reading.value.clone());
            step.set(&format!("{TAKEN_AT}{}", reading.name), reading.at_us.to_string());
            any = true;
        }
    }
    any
}

/// A value for the next characteristic; once all have one, a quantity.
fn value_entry(step: &mut Step<'_>, value: Decimal) -> Ruling {
    let Some(characteristic) = open(step) else {
        let Some(key) = step.session.parent else {
            return Ok(Answer::amber(Code::DONE_NOTHING));
        };
        if value > Decimal::ZERO {
            draft::check_quantity(step, key, value)?;
        }
        step.set(fields::QUANTITY, value.normalize().to_string());
        return Ok(Answer::new(Code::QUANTITY_KEPT).arg("quantity", draft::with_unit(step, key, value)));
    };
    step.set(&format!("{MEASURE}{}", characteristic.name), value.normalize().to_string());
    step.take(&format!("{TAKEN_AT}{}", characteristic.name));
    let answer = if within(characteristic, value) {
        Answer::new(Code::MEASURED)
    } else {
        Answer::amber(Code::MEASURED_OUT)
    };
    Ok(answer
        .arg("name", &characteristic.name)
        .arg("value", format!("{} {}", value.normalize(), characteristic.unit).trim_end()))
}

/// Drops the last measure, or the unit where there is none.
fn undo(step: &mut Step<'_>) -> Ruling {
    let last = measured(step).filter(|c| value_of(step, c).is_some()).last();
    match last {
        Some(characteristic) => {
            step.take(&format!("{MEASURE}{}", characteristic.name));
            step.take(&format!("{TAKEN_AT}{}", characteristic.name));
            Ok(Answer::new(Code::MEASURE_DROPPED).arg("name", &characteristic.name))
        }
        None => {
            draft::clear(&mut step.session);
            Ok(Answer::new(Code::CANCELLED))
        }
    }
}

fn by_measures(step: &mut Step<'_>) -> Ruling {
    demand_measures(step)?;
    if measured(step).next().is_none() {
        return Err(Refusal::new(Code::INSPECT_JUDGE).then(Next::PASS_OR_FAIL).silent());
    }
    let good = outside(step).is_none();
    judge(step, good)
}

fn demand_measures(step: &mut Step<'_>) -> Result<(), Refusal> {
    if let Some(characteristic) = open(step) {
        let refusal =
            Refusal::new(Code::INSPECT_MISSING).about(step.session.parent).arg("name", &characteristic.name);
        step.permit(refusal.then(Next::MEASURE))?;
    }
    Ok(())
}

/// The first characteristic whose value is out of its limits.
fn outside<'w>(step: &Step<'w>) -> Option<&'w Characteristic> {
    measured(step).find(|c| value_of(step, c).is_some_and(|value| !within(c, value)))
}

fn judge(step: &mut Step<'_>, good: bool) -> Ruling {
    let Some(key) = step.session.parent else {
        return Err(Refusal::new(Code::INSPECT_NONE).then(Next::SCAN_TO_INSPECT).silent());
    };
    if good {
        demand_measures(step)?;
        if let Some(characteristic) = outside(step) {
            let refusal =
                Refusal::new(Code::INSPECT_OUT_OF_LIMITS).about([key]).arg("name", &characteristic.name);
            step.permit(refusal)?;
        }
    }
    guard::recheck(step, key, guard::JUDGE)?;
    let label = step.label(key);
    let total = label.and_then(|label| label.quantity);
    let typed = step.take_quantity();
    let bad: Option<Decimal> = step.field(fields::REJECTED).and_then(|bad| bad.parse().ok());
    let Verdict { accepted, rejected, outcome } = verdict(good, total, typed, bad);
    let mut event = step.event(v1::Stage::Inspection);
    event.subjects.extend(step.subject(key, v1::Role::Subject));
    event.outcome = outcome;
    event.accepted = accepted;
    event.rejected = rejected;
    event.operation = step.operation();
    if !event.operation.is_empty() {
        let last = operation::state(label, &event.operation);
        event.attempt = last.map_or(1, |last| match last.passed {
            // Judged before and not reworked: judged once more.
            Some(_) => last.attempt.saturating_add(1),
            None => last.attempt.max(1),
        });
    }
    event.reason = step.reason();
    event.readings = readings(step);
    let answer = match outcome {
        v1::Outcome::Passed => Answer::new(Code::INSPECT_PASSED),
        v1::Outcome::Partial => Answer::amber(Code::INSPECT_PARTIAL),
        _ => Answer::amber(Code::INSPECT_FAILED),
    };
    let amount = |amount: Option<Decimal>| match amount {
        Some(amount) => draft::with_unit(step, key, amount),
        None => "?".to_owned(),
    };
    let answer =
        answer.arg("uid", step.uid(key)).arg("accepted", amount(accepted)).arg("rejected", amount(rejected));
    draft::clear(&mut step.session);
    Ok(answer.event(event))
}

/// How much of a label is good and how much is bad; `None` where that is not
/// known.
#[derive(Debug, PartialEq)]
struct Verdict {
    accepted: Option<Decimal>,
    rejected: Option<Decimal>,
    outcome: v1::Outcome,
}

/// Judges `total`, or that part of it which was typed before PASS or FAIL, where
/// `bad` may have been entered as well. Where it is not known how much there is,
/// nothing is made up: what was not named stays open.
fn verdict(good: bool, total: Option<Decimal>, typed: Option<Decimal>, bad: Option<Decimal>) -> Verdict {
    // Nothing of it is bad: that is no reason to fail it, but for the whole.
    let typed = typed.filter(|typed| good || !typed.is_zero());
    let (accepted, rejected) = match total {
        Some(total) => {
            let typed = typed.unwrap_or(total).min(total);
            let part = match bad.filter(|_| good) {
                Some(bad) => (total - bad).max(Decimal::ZERO),
                None => typed,
            };
            if good { (Some(part), Some(total - part)) } else { (Some(total - part), Some(part)) }
        }
        None if good => (typed, bad.or(typed.is_none().then_some(Decimal::ZERO))),
        None => (typed.is_none().then_some(Decimal::ZERO), typed),
    };
    let outcome = match (accepted.is_some_and(|a| a.is_zero()), rejected.is_some_and(|r| r.is_zero())) {
        (false, true) => v1::Outcome::Passed,
        (false, false) => v1::Outcome::Partial,
        _ => v1::Outcome::Failed,
    };
    Verdict { accepted, rejected, outcome }
}

/// The measures as readings, with the limits they were held against and the time
/// at which they were taken; then what else the machines said of this unit.
fn readings(step: &Step<'_>) -> Vec<v1::Reading> {
    let text = |value: Option<Decimal>| value.map(|v| v.normalize().to_string()).unwrap_or_default();
    let typed_at = step.world.at.timestamp_micros();
    let taken_at = |name: &str| step.field(&format!("{TAKEN_AT}{name}"))?.parse().ok();
    let measures = measured(step).filter_map(|c| {
        Some(v1::Reading {
            name: c.name.clone(),
            value: text(Some(value_of(step, c)?)),
            unit: c.unit.clone(),
            quality: v1::Quality::Good.into(),
            low: text(c.low),
            high: text(c.high),
            at_us: taken_at(&c.name).unwrap_or(typed_at),
        })
    });
    let mut all: Vec<_> = measures.collect();
    for reading in step.world.readings.iter().filter(|reading| of_this_unit(step, reading)) {
        // A measure that is missing is not made up from what a gauge still shows.
        if !measured(step).any(|c| c.name == reading.name) {
            all.push(reading.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_of_an_amount_is_not_made_up() {
        let of = |good, total: Option<i64>, typed: Option<i64>, bad: Option<i64>| {
            let number = |n: Option<i64>| n.map(Decimal::from);
            let Verdict { accepted, rejected, outcome } =
                verdict(good, number(total), number(typed), number(bad));
            let text = |n: Option<Decimal>| n.map_or("?".to_owned(), |n| n.to_string());
            format!("{} {} {}", text(accepted), text(rejected), outcome.as_str_name())
        };
        assert_eq!(of(true, Some(25), None, None), "25 0 PASSED");
        assert_eq!(of(true, Some(25), Some(20), None), "20 5 PARTIAL");
        assert_eq!(of(true, Some(25), None, Some(5)), "20 5 PARTIAL");
        assert_eq!(of(true, Some(25), Some(30), None), "25 0 PASSED");
        assert_eq!(of(true, Some(25), None, Some(30)), "0 25 FAILED");
        assert_eq!(of(false, Some(25), None, None), "0 25 FAILED");
        assert_eq!(of(false, Some(25), Some(5), None), "20 5 PARTIAL");
        assert_eq!(of(true, None, None, None), "? 0 PASSED");
        assert_eq!(of(true, None, Some(20), None), "20 ? PARTIAL");
        assert_eq!(of(true, None, Some(20), Some(5)), "20 5 PARTIAL");
        assert_eq!(of(true, None, Some(20), Some(0)), "20 0 PASSED");
        assert_eq!(of(true, None, None, Some(5)), "? 5 PARTIAL");
        assert_eq!(of(false, None, None, None), "0 ? FAILED");
        assert_eq!(of(false, None, Some(5), None), "? 5 PARTIAL");
        assert_eq!(of(false, Some(1), Some(0), None), "0 1 FAILED");
        assert_eq!(of(false, None, Some(0), None), "0 ? FAILED");
    }
}
