//! Who is asked: those who have a seat's role or are its person, may decide at all,
//! did not start it themselves; and those who stand in for them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::DECIDE;
use super::definition::{Approver, Definition, Known, Stage};
use super::error::WorkflowError;
use super::model::{Seat, Who};
use super::read;
use super::rules::{Authority, Decider};
use super::store::people::{self, Holder};
use super::subject::Subjects;
use crate::db::{DbError, Tx};
use crate::web::grants;

/// Most people who are asked by name in a round.
pub const MAX_ASKED: i64 = 200;

/// What definitions of this tenant may name. `emails` are those that one does name.
pub(super) async fn known(tx: &mut Tx, subjects: &Subjects, emails: &[String]) -> Result<Known, DbError> {
    Ok(Known {
        roles: people::roles(tx).await?.into_iter().map(|(role, ..)| role).collect(),
        people: people::by_email(tx, emails).await?.into_iter().collect(),
        documents: subjects.iter().map(|subject| (subject.kind(), subject.fields())).collect(),
    })
}

/// Every e-mail that stands in a text, so that they are looked up at once.
pub(super) fn emails_in(source: &str) -> Vec<String> {
    let parts = source.split('"').filter(|part| part.contains('@') && part.len() <= 254);
    let found: BTreeSet<String> = parts.map(|part| part.trim().to_lowercase()).collect();
    found.into_iter().take(1000).collect()
}

/// Reads what was published.
pub(super) async fn definition(
    tx: &mut Tx,
    subjects: &Subjects,
    workflow: &str,
    source: &str,
) -> Result<Definition, WorkflowError> {
    let known = known(tx, subjects, &emails_in(source)).await?;
    read::read(source, &known).map_err(|wrong| {
        tracing::warn!(workflow, ?wrong, "a published workflow cannot be read any more");
        WorkflowError::Unreadable(workflow.to_owned())
    })
}

/// Whether the person's roles let them decide at all.
fn may_decide(holder: &Holder) -> bool {
    holder.permissions.iter().any(|held| grants(held, DECIDE.code))
}

/// Active people with these roles who may decide.
pub(super) async fn deciders(tx: &mut Tx, roles: &[String], named: &[Uuid]) -> Result<Vec<Holder>, DbError> {
    let holders = people::holders(tx, roles, named, MAX_ASKED).await?;
    Ok(holders.into_iter().filter(may_decide).collect())
}

/// The seats of a stage if it is opened now, and how many approvals it takes. Where
/// everybody of a role is asked, the starter is not, unless that is allowed.
pub(super) async fn seats(
    tx: &mut Tx,
    definition: &Definition,
    stage: &Stage,
    starter: Option<Uuid>,
) -> Result<(Vec<Seat>, u16), DbError> {
    let roles = stage.approvers.iter().filter_map(|approver| match approver {
        Approver::Role(role) => Some(role.clone()),
        Approver::Person(..) => None,
    });
    let holders = deciders(tx, &roles.collect::<Vec<_>>(), &[]).await?;
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
    now: DateTime<Utc>,
) -> Result<Vec<Asked>, DbError> {
    let (mut roles, mut named) = (Vec::new(), Vec::new());
    for seat in seats.iter().filter(|seat| seat.decision.is_none()) {
        match &seat.who {
            Who::Role(role) => roles.push(role.clone()),
            Who::Person(person) => named.push(*person),
        }
    }
    let used: BTreeSet<Uuid> =
        seats.iter().flat_map(|seat| [seat.decided_by, seat.on_behalf_of]).flatten().collect();
    let barred = |person: Uuid| used.contains(&person) || (!own_allowed && starter == Some(person));
    let holders: Vec<Holder> =
        deciders(tx, &roles, &named).await?.into_iter().filter(|holder| !barred(holder.user_id)).collect();
    let ids: Vec<Uuid> = holders.iter().map(|holder| holder.user_id).collect();
    let names: BTreeMap<Uuid, String> =
        holders.iter().map(|holder| (holder.user_id, holder.name.clone())).collect();
    let mut asked: Vec<Asked> = holders
        .into_iter()
        .map(|holder| Asked { user_id: holder.user_id, name: holder.name, for_name: None })
        .collect();
    let lent = people::delegates(tx, &ids, now).await?;
    let delegates: Vec<Uuid> = lent.iter().map(|(_, delegate)| *delegate).collect();
    let standing = deciders(tx, &[], &delegates).await?;
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

/// What a person may decide by, in the own name and in others'.
///
/// # Errors
/// [`WorkflowError::NotFound`] when the person is not active or may decide nothing.
pub(super) async fn decider(tx: &mut Tx, person: Uuid, now: DateTime<Utc>) -> Result<Decider, WorkflowError> {
    let lenders = people::lenders(tx, person, now).await?;
    let mut all = lenders.clone();
    all.push(person);
    let holders = deciders(tx, &[], &all).await?;
    let authority = |id: Uuid| {
        let holder = holders.iter().find(|holder| holder.user_id == id)?;
        Some(Authority { person: id, roles: holder.roles.clone() })
    };
    let own = authority(person).ok_or(WorkflowError::NotFound)?;
    Ok(Decider { own, lent: lenders.into_iter().filter_map(authority).collect() })
}
