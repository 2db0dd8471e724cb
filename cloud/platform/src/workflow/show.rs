//! Everything about one instance that a person sees, if they may see it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::asked::{self, Asked, Place};
use super::definition::Definition;
use super::error::WorkflowError;
use super::inbox;
use super::model::{Action, Seat, State};
use super::run::{definition_of, state_of};
use super::store::instances::{self, Happened, Instance};
use super::store::rounds::{self, Round, Taken};
use super::subject::Subjects;
use super::view::{self, Roles};
use crate::db::Tx;

/// An instance with all that stands beside it.
#[derive(Debug)]
pub(super) struct Shown {
    pub instance: Instance,
    pub definition: Definition,
    /// The round that is open.
    pub round: Option<Round>,
    /// Its seats.
    pub seats: Vec<Taken>,
    /// Who could take one now.
    pub asked: Vec<Asked>,
    /// What the reader may do, and for whom.
    pub offer: Option<(Vec<Action>, Option<Uuid>)>,
    pub history: Vec<Happened>,
    pub names: BTreeMap<Uuid, String>,
    pub roles: Roles,
}

/// An instance for `person`: whoever may see `all`, the starter, and those who are
/// asked or had a part in it.
///
/// # Errors
/// [`WorkflowError::NotFound`], also where it is not theirs to see.
pub(super) async fn instance(
    tx: &mut Tx,
    subjects: &Subjects,
    id: Uuid,
    person: Option<Uuid>,
    all: bool,
    now: DateTime<Utc>,
) -> Result<Shown, WorkflowError> {
    let instance = instances::find(tx, id).await?.ok_or(WorkflowError::NotFound)?;
    let definition = definition_of(tx, subjects, &instance).await?;
    let history = instances::history(tx, id).await?;
    let open = state_of(&instance) == State::PendingApproval;
    let (mut round, mut seats, mut asked_now, mut offer) = (None, Vec::new(), Vec::new(), None);
    if open {
        round = rounds::find(tx, id, instance.round).await?;
        seats = rounds::seats(tx, id, instance.round).await?;
        let place = Place::of(instance.plant.as_deref(), &instance.document);
        let bare: Vec<Seat> = seats.iter().map(|taken| taken.seat.clone()).collect();
        asked_now = asked::asked(tx, &bare, instance.starter, definition.own_allowed, &place, now).await?;
        if let Some(person) = person {
            offer = inbox::offer(tx, &definition, &instance, &bare, person, now).await?;
        }
    }
    let took_part = |person: Uuid| {
        instance.starter == Some(person)
            || history.iter().any(|one| one.person == Some(person) || one.on_behalf_of == Some(person))
            || asked_now.iter().any(|one| one.user_id == person)
    };
    if !all && !person.is_some_and(took_part) && offer.is_none() {
        return Err(WorkflowError::NotFound);
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
    Ok(Shown { instance, definition, round, seats, asked: asked_now, offer, history, names, roles })
}
