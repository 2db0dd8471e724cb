//! What consignees answer, as it is entered in the office.

use chrono::{DateTime, Duration, Utc};
use platform::audit::Entry;
use platform::db::Tx;
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

use super::begin::locked;
use super::consignees;
use super::effect::Had;
use super::error::RecallError;
use super::model::{Answer, Outcome, Status};
use super::store;
use super::store::answers::{Amounts, New};
use crate::explore::service::resolve;

/// Most that a column holds.
const MOST: Decimal = Decimal::from_parts(3_567_587_327, 232, 0, false, 0);

/// The quantities of an answer, and what is wrong in them; `had` is what the
/// consignee has. Pure.
///
/// # Errors
/// Fields, each with the key of the text that says why.
pub fn amounts(answer: &Answer, had: Decimal) -> Result<Amounts, Vec<(&'static str, &'static str)>> {
    let mut wrong = Vec::new();
    let mut take = |field: &'static str, value: Option<Decimal>| {
        let value = value.unwrap_or_default();
        if value < Decimal::ZERO || value > MOST || value.normalize().scale() > 6 {
            wrong.push((field, "recalls-wrong-quantity"));
            return Decimal::ZERO;
        }
        value
    };
    let amounts = Amounts {
        found: take("found", answer.found),
        quarantined: take("quarantined", answer.quarantined),
        returned: take("returned", answer.returned),
        replaced: take("replaced", answer.replaced),
        destroyed: take("destroyed", answer.destroyed),
        used_up: take("used_up", answer.used_up),
        not_found: take("not_found", answer.not_found),
    };
    let Amounts { found, quarantined, returned, replaced, destroyed, used_up, not_found } = amounts;
    let told = quarantined + returned + replaced + destroyed + used_up;
    if wrong.is_empty() && found.is_zero() && told.is_zero() && not_found.is_zero() {
        wrong.push(("found", "recalls-wrong-nothing"));
    }
    // What is found, and what is not, is together no more than there is.
    if wrong.is_empty() && (told + not_found > had || found + not_found > had) {
        let all = [
            ("found", found),
            ("quarantined", quarantined),
            ("returned", returned),
            ("replaced", replaced),
            ("destroyed", destroyed),
            ("used_up", used_up),
            ("not_found", not_found),
        ];
        // The one that is too many by itself, else what they are parts of.
        let field = all.iter().find(|(_, value)| *value > had).map_or("found", |(field, _)| *field);
        wrong.push((field, "recalls-wrong-more"));
    }
    if wrong.is_empty() { Ok(amounts) } else { Err(wrong) }
}

/// What a consignee has in the unit of measure that is meant: without one what it has in the only
/// one, else what has none. Pure.
fn meant<'a>(had: &'a [Had], unit: &str) -> Result<&'a Had, (&'static str, &'static str)> {
    match had {
        [] => Err(("consignee", "recalls-wrong-consignee")),
        [one] if unit.is_empty() => Ok(one),
        all => all.iter().find(|had| had.unit == unit).ok_or(match unit {
            "" => ("unit", "recalls-wrong-unit"),
            _ => ("unit", "recalls-wrong-unit-none"),
        }),
    }
}

/// The amounts of one unit.
fn of_unit(outcome: Outcome, quantity: Decimal) -> Amounts {
    let mut amounts = Amounts::default();
    *match outcome {
        Outcome::Found => &mut amounts.found,
        Outcome::Quarantined => &mut amounts.quarantined,
        Outcome::Returned => &mut amounts.returned,
        Outcome::Replaced => &mut amounts.replaced,
        Outcome::Destroyed => &mut amounts.destroyed,
        Outcome::UsedUp => &mut amounts.used_up,
        Outcome::NotFound => &mut amounts.not_found,
    } = quantity;
    amounts
}

/// Enters an answer; answers its id. `may` as for [`super::consignees::state_set`].
///
/// # Errors
/// [`RecallError`].
pub async fn respond(
    tx: &mut Tx,
    recall: Uuid,
    answer: &Answer,
    may: impl FnOnce(Option<&str>) -> Result<(), RecallError>,
    now: DateTime<Utc>,
) -> Result<Uuid, RecallError> {
    let found = locked(tx, recall, None).await?;
    if found.state() != Status::Active {
        return Err(RecallError::State(found.status));
    }
    let mut wrong = Vec::new();
    let (reference, note) = (answer.reference.trim(), answer.note.trim());
    if reference.chars().count() > 100 || reference.chars().any(char::is_control) {
        wrong.push(("reference", "recalls-wrong-reference"));
    }
    if note.chars().count() > 1_000 || note.contains('\0') {
        wrong.push(("note", "recalls-wrong-note"));
    }
    let at = answer.at.unwrap_or(now);
    if at > now + Duration::minutes(5) || at < found.created_at - Duration::days(3_660) {
        wrong.push(("at", "recalls-wrong-at"));
    }
    let (key, consignee, unit, amounts) = if answer.uid.trim().is_empty() {
        let consignee = answer.consignee.ok_or(RecallError::field("consignee", "recalls-wrong-consignee"))?;
        let mut had = store::members::had(tx, recall).await?;
        had.retain(|had| had.consignee == consignee);
        let had = match meant(&had, answer.unit.trim()) {
            Ok(had) => had,
            Err(one) => {
                wrong.push(one);
                return Err(RecallError::Fields(wrong));
            }
        };
        match amounts(answer, had.quantity) {
            Ok(amounts) => (None, consignee, had.unit.clone(), amounts),
            Err(more) => {
                wrong.extend(more);
                return Err(RecallError::Fields(wrong));
            }
        }
    } else {
        let key = resolve(tx, &answer.uid).await?.uid.key().get();
        let member = store::members::find(tx, recall, key).await?;
        let member = member.ok_or(RecallError::field("uid", "recalls-wrong-unit-of"))?;
        let consignee = member.consignee_id.ok_or(RecallError::field("uid", "recalls-wrong-unit-gone"))?;
        if member.inside_of.is_some() {
            return Err(RecallError::field("uid", "recalls-wrong-unit-inside"));
        }
        if member.packs {
            return Err(RecallError::field("uid", "recalls-wrong-unit-packs"));
        }
        if answer.consignee.is_some_and(|told| told != consignee) {
            wrong.push(("uid", "recalls-wrong-unit-of"));
        }
        let outcome = Outcome::parse(&answer.outcome);
        let outcome = outcome.ok_or(RecallError::field("outcome", "recalls-wrong-outcome"))?;
        (Some(key), consignee, member.unit, of_unit(outcome, member.quantity))
    };
    if !wrong.is_empty() {
        return Err(RecallError::Fields(wrong));
    }
    let row = store::consignees::lock(tx, recall, consignee).await?.ok_or(RecallError::NotFound)?;
    may(row.plant())?;
    let response_id = Uuid::now_v7();
    let new = New { response_id, consignee_id: consignee, key, unit: &unit, amounts, reference, note, at };
    store::answers::insert(tx, recall, &new).await?;
    // Whoever answers has heard.
    if row.state != "acknowledged" {
        store::consignees::state_set(tx, recall, consignee, "acknowledged", now).await?;
    }
    let subject = format!("recall:{recall}");
    let accounted =
        amounts.quarantined + amounts.returned + amounts.replaced + amounts.destroyed + amounts.used_up;
    let after = json!({
        "response": response_id, "consignee": consignee, "unit": unit, "accounted": accounted.normalize(),
        "not_found": amounts.not_found.normalize(),
    });
    let entry = Entry { action: "recall.respond", subject: &subject, before: None, after: Some(after) };
    consignees::audited(tx, row.plant(), entry).await?;
    Ok(response_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: i64, returned: i64, not_found: i64) -> Answer {
        Answer {
            found: Some(found.into()),
            returned: Some(returned.into()),
            not_found: Some(not_found.into()),
            ..Answer::default()
        }
    }

    #[test]
    fn an_answer_is_for_what_is_had_in_one_unit_of_measure() {
        let had = |unit: &str| Had {
            consignee: Uuid::nil(),
            unit: unit.into(),
            quantity: Decimal::TEN,
            labels: 10,
        };
        let said = |all: &[Had], unit: &str| meant(all, unit).map(|had| had.unit.clone());
        let (one, two, bare) = (vec![had("pcs")], vec![had("kg"), had("pcs")], vec![had(""), had("kg")]);
        assert_eq!(said(&one, ""), Ok("pcs".into()));
        assert_eq!(said(&two, "kg"), Ok("kg".into()));
        assert_eq!(said(&two, ""), Err(("unit", "recalls-wrong-unit")));
        assert_eq!(said(&bare, ""), Ok(String::new()), "goods without one are answered without one");
        assert_eq!(said(&bare, "kg"), Ok("kg".into()));
        assert_eq!(said(&bare, "pcs"), Err(("unit", "recalls-wrong-unit-none")));
        assert_eq!(said(&one, "kg"), Err(("unit", "recalls-wrong-unit-none")));
        assert_eq!(said(&[], "kg"), Err(("consignee", "recalls-wrong-consignee")));
    }

    #[test]
    fn nobody_answers_for_more_than_they_have() {
        assert!(amounts(&told(10, 8, 0), 10.into()).is_ok());
        assert!(amounts(&told(6, 6, 4), 10.into()).is_ok());
        assert_eq!(amounts(&told(6, 6, 5), 10.into()), Err(vec![("found", "recalls-wrong-more")]));
        assert_eq!(amounts(&told(11, 0, 0), 10.into()), Err(vec![("found", "recalls-wrong-more")]));
        let many = Answer { returned: Some(99.into()), ..Answer::default() };
        assert_eq!(amounts(&many, 3.into()), Err(vec![("returned", "recalls-wrong-more")]));
        assert_eq!(amounts(&Answer::default(), 10.into()), Err(vec![("found", "recalls-wrong-nothing")]));
        assert_eq!(amounts(&told(-1, 0, 0), 10.into()), Err(vec![("found", "recalls-wrong-quantity")]));
        let fine = Answer { returned: Some("0.0000001".parse().unwrap()), ..Answer::default() };
        assert_eq!(amounts(&fine, 10.into()), Err(vec![("returned", "recalls-wrong-quantity")]));
        assert_eq!(MOST, "999999999999".parse::<Decimal>().unwrap());
    }
}
