//! Everything about one instance that a person sees, if they may see it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;
use uuid::Uuid;

use super::asked::{self, Asked, Place};
use super::definition::Definition;
use super::detail::Detail;
use super::error::WorkflowError;
use super::inbox;
use super::model::{Action, Seat, State};
use super::rules;
use super::run::{readable, seats_of, state_of};
use super::store::instances::{self, Happened, Instance};
use super::store::rounds::{self, Round, Taken};
use super::subject::Subjects;
use super::view::{self, Roles};
use crate::db::{DbError, Tx};
use crate::web::Caller;

/// An instance with all that stands beside it.
#[derive(Debug)]
pub(super) struct Shown {
    pub instance: Instance,
    /// What is asked for, in full.
    pub detail: Detail,
    /// By what it goes; `None` where that cannot be read any more.
    pub definition: Option<Definition>,
    /// The round that is open.
    pub round: Option<Round>,
    /// Its seats.
    pub seats: Vec<Taken>,
    /// Who could take one now.
    pub asked: Vec<Asked>,
    /// The key of why it waits, where nobody or not enough people can decide.
    pub stuck: Option<&'static str>,
    /// What the reader may do, and for whom.
    pub offer: Option<(Vec<Action>, Option<Uuid>)>,
    /// Whether the reader was asked, and only learns what was decided: not what the document
    /// has become since.
    pub outcome_only: bool,
    pub history: Vec<Happened>,
    pub names: BTreeMap<Uuid, String>,
    pub roles: Roles,
}

/// An instance for `person`: whoever may see `all` of its plant, the starter, and those
/// who are asked or had a part in it. Who was asked when another decided learns what was
/// decided, by whom and why.
///
/// # Errors
/// [`WorkflowError::NotFound`], also where it is not theirs to see.
pub(super) async fn instance(
    tx: &mut Tx,
    subjects: &Subjects,
    id: Uuid,
    person: Option<Uuid>,
    all: &(dyn Fn(Option<&str>) -> bool + Sync),
    now: DateTime<Utc>,
) -> Result<Shown, WorkflowError> {
    let mut instance = instances::find(tx, id).await?.ok_or(WorkflowError::NotFound)?;
    let definition = readable(tx, subjects, &instance).await?;
    let mut history = instances::history(tx, id).await?;
    let open = state_of(&instance) == State::PendingApproval;
    let (mut round, mut seats, mut asked_now) = (None, Vec::new(), Vec::new());
    let (mut stuck, mut offer) = (None, None);
    if open {
        round = rounds::find(tx, id, instance.round).await?;
        seats = rounds::seats(tx, id, instance.round).await?;
        let place = Place::of(instance.plant.as_deref(), &instance.document);
        let bare: Vec<Seat> = seats.iter().map(|taken| taken.seat.clone()).collect();
        let own_allowed = definition.as_ref().is_some_and(|definition| definition.own_allowed);
        asked_now = asked::asked(tx, &bare, instance.starter, own_allowed, &place, now).await?;
        stuck = round.as_ref().and_then(|round| why(&bare, round, &asked_now));
        if let (Some(person), Some(definition)) = (person, &definition) {
            offer = inbox::offer(tx, definition, &instance, &bare, person, now).await?;
        }
    }
    let may_see = match person {
        _ if offer.is_some() || all(instance.plant.as_deref()) => true,
        Some(person) => sees(tx, &instance, person, now).await?,
        None => false,
    };
    if !may_see {
        let asked = match person {
            Some(person) => was_asked(tx, &instance, person, now).await?,
            None => None,
        };
        let until = asked.ok_or(WorkflowError::NotFound)?;
        history.retain(|one| decides(&one.what) && until.is_none_or(|until| one.at <= until));
        (round, stuck) = (None, None);
        seats.clear();
        asked_now.clear();
        instance.document = Json::Object(serde_json::Map::new());
    }
    let mut people: Vec<Uuid> =
        history.iter().flat_map(|one| [one.person, one.on_behalf_of]).flatten().collect();
    people.extend(instance.starter);
    people.extend(offer.as_ref().and_then(|(_, person)| *person));
    people.extend(seats.iter().filter_map(|taken| match taken.seat.who {
        super::model::Who::Person(person) => Some(person),
        super::model::Who::Role(_) => None,
    }));
    let names = view::names(tx, people).await?;
    let roles = view::roles(tx).await?;
    let detail =
        if may_see { subjects.detail(&instance.subject_kind, &instance.document) } else { Detail::default() };
    Ok(Shown {
        instance,
        detail,
        definition,
        round,
        seats,
        asked: asked_now,
        stuck,
        offer,
        outcome_only: !may_see,
        history,
        names,
        roles,
    })
}

/// Whether a person may see an instance without a right to all of them: they started it,
/// had a part in it, or can decide it now.
pub(super) async fn sees(
    tx: &mut Tx,
    instance: &Instance,
    person: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    if instance.starter == Some(person) || instances::took_part(tx, instance.instance_id, person).await? {
        return Ok(true);
    }
    if state_of(instance) != State::PendingApproval {
        return Ok(false);
    }
    let place = Place::of(instance.plant.as_deref(), &instance.document);
    let seats = seats_of(tx, instance).await?;
    let reach = asked::reach(tx, person, now).await?;
    let decider = reach.and_then(|reach| reach.at(&place).ok());
    // Who started it sees it in any case, so whether that one may decide does not matter.
    Ok(decider.is_some_and(|decider| rules::seat_for(&seats, &decider, instance.starter, true).is_ok()))
}

/// Until when somebody who was asked learns what was decided: until the last round ended in
/// which they were, or without an end while it is open. `None` for who never was, or may no
/// longer decide such documents.
async fn was_asked(
    tx: &mut Tx,
    instance: &Instance,
    person: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Option<DateTime<Utc>>>, DbError> {
    let place = Place::of(instance.plant.as_deref(), &instance.document);
    let reach = asked::reach(tx, person, now).await?;
    let Some(decider) = reach.and_then(|reach| reach.at(&place).ok()) else { return Ok(None) };
    let all = || [&decider.own].into_iter().chain(&decider.lent);
    let roles: Vec<String> = all().flat_map(|authority| authority.roles.iter().cloned()).collect();
    let people: Vec<Uuid> = all().map(|authority| authority.person).collect();
    Ok(rounds::asked_last(tx, instance.instance_id, (&roles, &people)).await?)
}

/// Whether something that happened says what was decided.
fn decides(what: &str) -> bool {
    matches!(what, "approve" | "reject" | "send_back" | "cancelled") || what.starts_with("state-")
}

/// Whether the caller manages the workflows of an instance, by its plant.
///
/// # Errors
/// [`WorkflowError::NotFound`] where there is none that the caller could see.
pub(super) async fn managed(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<bool, WorkflowError> {
    let instance = instances::find(tx, id).await?.ok_or(WorkflowError::NotFound)?;
    Ok(super::manages(caller, instance.plant.as_deref()))
}

/// The key of why a round waits, where nobody or not enough people can decide it.
fn why(seats: &[Seat], round: &Round, asked: &[Asked]) -> Option<&'static str> {
    if asked.is_empty() {
        Some("workflow-nobody")
    } else if !rules::reachable(seats, round.needed()) {
        Some("workflow-short")
    } else {
        None
    }
}

/// The key of why an instance waits, where nobody or not enough people can decide it.
pub(super) async fn stuck(
    tx: &mut Tx,
    subjects: &Subjects,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<&'static str>, DbError> {
    let Some(instance) = instances::find(tx, id).await? else { return Ok(None) };
    let round = rounds::find(tx, id, instance.round).await?;
    let Some(round) = round.filter(|_| state_of(&instance) == State::PendingApproval) else {
        return Ok(None);
    };
    let definition = readable(tx, subjects, &instance).await?;
    let own_allowed = definition.is_some_and(|definition| definition.own_allowed);
    let place = Place::of(instance.plant.as_deref(), &instance.document);
    let seats = seats_of(tx, &instance).await?;
    let asked = asked::asked(tx, &seats, instance.starter, own_allowed, &place, now).await?;
    Ok(why(&seats, &round, &asked))
}
