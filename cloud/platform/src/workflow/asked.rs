//! Who is asked: those who have a seat's role at the document's plant or are its
//! person, may decide there and up to its amount, and did not start it themselves; and
//! those who stand in for them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use uuid::Uuid;

use super::DECIDE;
use super::condition::Field;
use super::definition::{Approver, Definition, Known, Stage};
use super::error::WorkflowError;
use super::model::{Seat, Who};
use super::read;
use super::rules::{Authority, Decider, Refusal};
use super::store::definitions::Written;
use super::store::people::{self, Holder};
use super::subject::Subjects;
use crate::db::{DbError, Tx};
use crate::web::limits;

/// Most people who are told, as the holders of a role, that something waits for them; those
/// who have a seat of their own all are.
pub const MAX_ASKED: i64 = 200;
/// Most people with a role who are looked at where everybody who has it is asked: each gets
/// a seat, and the number of one is a `smallint`.
const EVERYBODY: i64 = 30_000;

/// What definitions of this tenant may name. `emails` are those that one does name.
pub(super) async fn known(tx: &mut Tx, subjects: &Subjects, emails: &[String]) -> Result<Known, DbError> {
    Ok(Known {
        roles: people::roles(tx).await?.into_iter().map(|(role, ..)| role).collect(),
        people: people::by_email(tx, emails).await?.into_iter().collect(),
        documents: documents(subjects),
    })
}

fn documents(subjects: &Subjects) -> BTreeMap<&'static str, &'static [Field]> {
    subjects.iter().map(|subject| (subject.kind(), subject.fields())).collect()
}

/// Every e-mail that stands in a text, so that they are looked up at once.
pub(super) fn emails_in(source: &str) -> Vec<String> {
    let parts = source.split('"').filter(|part| part.contains('@') && part.len() <= 254);
    let found: BTreeSet<String> = parts.map(|part| part.trim().to_lowercase()).collect();
    found.into_iter().take(1000).collect()
}

/// A text without the addresses of people: each is what `named` says of it, where it says
/// anything.
pub(super) fn renamed(source: &str, named: impl Fn(&str) -> Option<String>) -> String {
    let parts = source.split('"').map(|part| {
        let email = part.trim().to_lowercase();
        let new = email.contains('@').then(|| named(&email)).flatten();
        new.unwrap_or_else(|| part.to_owned())
    });
    parts.collect::<Vec<_>>().join("\"")
}

/// Reads what was published. Whom and which roles it names was judged then: people who
/// left and roles that are gone since are read all the same, and their seats are vacant.
pub(super) async fn definition(
    tx: &mut Tx,
    subjects: &Subjects,
    written: &Written,
) -> Result<Definition, WorkflowError> {
    let workflow = &written.revision.workflow;
    let known = Known {
        roles: people::roles_ever(tx).await?.into_iter().collect(),
        people: written.people.clone(),
        documents: documents(subjects),
    };
    read::published(&written.source, &known).map_err(|wrong| {
        tracing::warn!(workflow, ?wrong, "a published workflow cannot be read any more");
        WorkflowError::Unreadable(workflow.clone())
    })
}

/// Whether every role that a definition names is still there: nothing new begins without.
pub(super) async fn stands(tx: &mut Tx, definition: &Definition) -> Result<bool, DbError> {
    let roles = people::roles(tx).await?;
    Ok(definition.roles().all(|named| roles.iter().any(|(role, ..)| role == named)))
}

/// What decides where and how much of a right is needed: a document's plant and amount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Code of its plant; `None`: it belongs to none, and rights at some do not reach.
    pub plant: Option<String>,
    /// Its amount and currency, if it is about money.
    pub amount: Option<(Decimal, String)>,
}

impl Place {
    /// Of a document that is on its way. Where its amount cannot be read, which nothing
    /// that was started has, it is beyond every limit.
    #[must_use]
    pub fn of(plant: Option<&str>, document: &Json) -> Self {
        let beyond = |_| Some((Decimal::MAX, CURRENCY.to_owned()));
        Self { plant: plant.map(str::to_owned), amount: money(document).unwrap_or_else(beyond) }
    }
}

/// The currency of a document that says none.
const CURRENCY: &str = "INR";

/// The amount and currency of a document: a decimal as text, or a number of at most 15
/// digits, beyond which JSON's numbers are not exact. `None`: it says no amount.
///
/// # Errors
/// [`WorkflowError::Money`].
pub(super) fn money(document: &Json) -> Result<Option<(Decimal, String)>, WorkflowError> {
    let wrong = |field| move || WorkflowError::Money(field);
    let amount = match document.get("amount") {
        None | Some(Json::Null) => return Ok(None),
        Some(Json::String(text)) => Decimal::from_str_exact(text.trim()).ok(),
        Some(Json::Number(number)) => {
            let text = number.to_string();
            let amount = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).ok();
            amount.filter(|amount| !number.is_f64() || digits(amount) <= 15)
        }
        Some(_) => None,
    };
    let currency = match document.get("currency") {
        None | Some(Json::Null) => CURRENCY.to_owned(),
        Some(Json::String(currency)) => currency.clone(),
        Some(_) => return Err(wrong("currency")()),
    };
    Ok(Some((amount.ok_or_else(wrong("amount"))?, currency)))
}

fn digits(amount: &Decimal) -> usize {
    amount.normalize().mantissa().unsigned_abs().to_string().len()
}

/// A document as it is kept: its amount as text, exact.
///
/// # Errors
/// Those of [`money`].
pub(super) fn judged(document: &Json) -> Result<Json, WorkflowError> {
    let mut document = document.clone();
    if let Some((amount, _)) = money(&document)? {
        document["amount"] = amount.to_string().into();
    }
    Ok(document)
}

/// Somebody who may decide at a place, with the roles that they have there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Who.
    pub user_id: Uuid,
    /// For people.
    pub name: String,
    /// Codes of their roles there.
    pub roles: Vec<String>,
}

/// The person at a place.
///
/// # Errors
/// [`Refusal::NotAsked`] when they may decide nothing there, [`Refusal::Amount`] when
/// it is beyond their limit.
fn here(holder: &Holder, place: &Place) -> Result<Here, Refusal> {
    let plant = place.plant.as_deref();
    let rights = holder.rights();
    let decides = match plant {
        Some(plant) => rights.has_at(&DECIDE, plant),
        None => rights.has_everywhere(&DECIDE),
    };
    if !decides {
        return Err(Refusal::NotAsked);
    }
    if let Some((amount, currency)) = &place.amount
        && limits::allows(&rights, &DECIDE, plant, *amount, currency).is_err()
    {
        return Err(Refusal::Amount);
    }
    let there = holder.held.iter().filter(|held| match plant {
        Some(plant) => held.grant.plants.has(plant),
        None => held.grant.plants.is_all(),
    });
    let roles = there.map(|held| held.role.clone()).collect();
    Ok(Here { user_id: holder.user_id, name: holder.name.clone(), roles })
}

/// Active people with these roles, at most so many, or named, who may decide at a place.
async fn deciders(
    tx: &mut Tx,
    roles: &[String],
    named: &[Uuid],
    place: &Place,
    most: i64,
) -> Result<Vec<Here>, DbError> {
    let most = most.max(i64::try_from(named.len()).unwrap_or(i64::MAX));
    let holders = people::holders(tx, roles, named, place.plant.as_deref(), most).await?;
    let mut found: Vec<Here> = holders.iter().filter_map(|holder| here(holder, place).ok()).collect();
    found.retain(|one| named.contains(&one.user_id) || one.roles.iter().any(|role| roles.contains(role)));
    Ok(found)
}

/// The seats of a stage if it is opened now, and how many approvals it takes. Where
/// everybody of a role is asked, the starter is not, unless that is allowed.
pub(super) async fn seats(
    tx: &mut Tx,
    definition: &Definition,
    stage: &Stage,
    starter: Option<Uuid>,
    place: &Place,
) -> Result<(Vec<Seat>, u16), DbError> {
    let roles = stage.approvers.iter().filter_map(|approver| match approver {
        Approver::Role(role) => Some(role.clone()),
        Approver::Person(..) => None,
    });
    let holders = deciders(tx, &roles.collect::<Vec<_>>(), &[], place, EVERYBODY).await?;
    Ok(stage.seats(|role| {
        let of_role = holders.iter().filter(|holder| holder.roles.iter().any(|held| held == role));
        let people = of_role.map(|holder| holder.user_id);
        people.filter(|person| definition.own_allowed || starter != Some(*person)).collect()
    }))
}

/// Somebody who is asked, and for whom if for somebody else.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[schema(as = AskedPerson)]
pub struct Asked {
    /// Who.
    pub user_id: Uuid,
    /// For people.
    pub name: String,
    /// Whoever is away and chose this person.
    pub for_name: Option<String>,
}

/// Everybody who could take an open seat now.
pub(super) async fn asked(
    tx: &mut Tx,
    seats: &[Seat],
    starter: Option<Uuid>,
    own_allowed: bool,
    place: &Place,
    now: DateTime<Utc>,
) -> Result<Vec<Asked>, DbError> {
    let (mut roles, mut named) = (Vec::new(), Vec::new());
    for seat in seats.iter().filter(|seat| seat.decision.is_none() && !seat.vacant) {
        match &seat.who {
            Who::Role(role) => roles.push(role.clone()),
            Who::Person(person) => named.push(*person),
        }
    }
    let used: BTreeSet<Uuid> =
        seats.iter().flat_map(|seat| [seat.decided_by, seat.on_behalf_of]).flatten().collect();
    let barred = |person: Uuid| used.contains(&person) || (!own_allowed && starter == Some(person));
    let mut holders = deciders(tx, &roles, &named, place, MAX_ASKED).await?;
    holders.retain(|holder| !barred(holder.user_id));
    let ids: Vec<Uuid> = holders.iter().map(|holder| holder.user_id).collect();
    let names: BTreeMap<Uuid, String> =
        holders.iter().map(|holder| (holder.user_id, holder.name.clone())).collect();
    let mut asked: Vec<Asked> = holders
        .into_iter()
        .map(|holder| Asked { user_id: holder.user_id, name: holder.name, for_name: None })
        .collect();
    let lent = people::delegates(tx, &ids, now).await?;
    let delegates: Vec<Uuid> = lent.iter().map(|(_, delegate)| *delegate).collect();
    let standing = deciders(tx, &[], &delegates, place, MAX_ASKED).await?;
    for (person, delegate) in lent {
        if barred(delegate) || asked.iter().any(|one| one.user_id == delegate) {
            continue;
        }
        if let Some(holder) = standing.iter().find(|holder| holder.user_id == delegate) {
            let for_name = names.get(&person).cloned();
            asked.push(Asked { user_id: delegate, name: holder.name.clone(), for_name });
        }
    }
    Ok(asked)
}

/// A person and those whom they stand in for, before it is known what is decided.
#[derive(Debug, Clone)]
pub struct Reach {
    own: Holder,
    lent: Vec<Holder>,
}

impl Reach {
    /// The roles and the people in whose name the person may decide somewhere.
    pub fn seats(&self) -> (Vec<String>, Vec<Uuid>) {
        let all = || [&self.own].into_iter().chain(&self.lent);
        let mut roles: Vec<String> =
            all().flat_map(|holder| holder.held.iter().map(|held| held.role.clone())).collect();
        roles.sort();
        roles.dedup();
        (roles, all().map(|holder| holder.user_id).collect())
    }

    /// What the person may decide by at a place. What is lent reaches as far as the
    /// right of whoever lent it, and no further than the own one.
    ///
    /// # Errors
    /// [`Refusal::NotAsked`], [`Refusal::Amount`].
    pub fn at(&self, place: &Place) -> Result<Decider, Refusal> {
        let authority = |here: Here| Authority { person: here.user_id, roles: here.roles };
        let own = authority(here(&self.own, place)?);
        let lent = self.lent.iter().filter_map(|holder| here(holder, place).ok()).map(authority).collect();
        Ok(Decider { own, lent })
    }
}

/// A person, if active, and those whom they stand in for now.
pub(super) async fn reach(tx: &mut Tx, person: Uuid, now: DateTime<Utc>) -> Result<Option<Reach>, DbError> {
    let lenders = people::lenders(tx, person, now).await?;
    let mut all = lenders.clone();
    all.push(person);
    let mut holders = people::holders(tx, &[], &all, None, MAX_ASKED).await?;
    let Some(at) = holders.iter().position(|holder| holder.user_id == person) else { return Ok(None) };
    let own = holders.swap_remove(at);
    holders.sort_by_key(|holder| holder.user_id);
    Ok(Some(Reach { own, lent: holders }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_is_a_number_or_a_decimal_as_text_and_nothing_else() {
        let read =
            |amount: Json| money(&json!({ "amount": amount })).map(|found| found.map(|(n, _)| n.to_string()));
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(read(Json::Null).unwrap(), None);
        assert_eq!(money(&json!({})).unwrap(), None);
        assert_eq!(read(json!("50000.010000")).unwrap(), is("50000.010000"));
        assert_eq!(read(json!(60000)).unwrap(), is("60000"));
        assert_eq!(read(json!(-0.1)).unwrap(), is("-0.1"));
        assert_eq!(read(json!(999_999_999_999_999_999_u64)).unwrap(), is("999999999999999999"));
        // What a number of JSON cannot hold exactly is a text, or is refused.
        assert_eq!(read(json!("123456789012.123456")).unwrap(), is("123456789012.123456"));
        for wrong in [
            json!(123_456_789_012.123_46),
            json!(1e30),
            json!("12,000"),
            json!("many"),
            json!(""),
            json!(true),
            json!([1]),
            json!({ "value": 1 }),
        ] {
            let refused = read(wrong.clone());
            assert!(matches!(refused, Err(WorkflowError::Money("amount"))), "{wrong}: {refused:?}");
        }
        let odd = money(&json!({ "amount": "1", "currency": 5 }));
        assert!(matches!(odd, Err(WorkflowError::Money("currency"))), "{odd:?}");
        assert_eq!(
            judged(&json!({ "amount": 60000, "x": 1 })).unwrap(),
            json!({ "amount": "60000", "x": 1 })
        );
        // What is kept and cannot be read is beyond every limit, and not without one.
        assert_eq!(Place::of(None, &json!({ "amount": true })).amount, Some((Decimal::MAX, "INR".into())));
    }

    #[test]
    fn addresses_are_taken_out_of_a_text() {
        let source =
            r#"{ "approvers": [{ "person": "Ravi@saif.example" }, { "person": " b@saif.example" }] }"#;
        let out = renamed(source, |email| (email == "ravi@saif.example").then(|| "x@y.z".to_owned()));
        assert_eq!(out, r#"{ "approvers": [{ "person": "x@y.z" }, { "person": " b@saif.example" }] }"#);
        assert_eq!(renamed(source, |_| None), source);
    }
}
