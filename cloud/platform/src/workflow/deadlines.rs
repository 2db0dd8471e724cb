//! Deadlines: those who are asked are reminded, what is overdue is marked, and what
//! nobody decides goes to the role that the definition names.
//!
//! One instance is one transaction, locked with `skip locked`: several workers share
//! the work, and one that is killed leaves it as it was for the next.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::asked::Place;
use super::model::{Seat, State, Who};
use super::run::{readable, record, seats_of, state_of};
use super::store::instances::{self, Happened, Instance};
use super::store::rounds::{self, Round};
use super::subject::Subjects;
use super::{asked, tell};
use crate::db::{DbError, Tx};

/// Does what is due for one instance of the transaction's tenant; `false` when there
/// is none that no other worker has.
///
/// # Errors
/// The database; what was due is then due still.
pub async fn step(tx: &mut Tx, subjects: &Subjects, now: DateTime<Utc>) -> Result<bool, DbError> {
    let Some(mut instance) = instances::lock_due(tx, now).await? else { return Ok(false) };
    let round = rounds::find(tx, instance.instance_id, instance.round).await?;
    let Some(mut round) = round.filter(|_| state_of(&instance) == State::PendingApproval) else {
        instance.wake_at = None;
        instances::update(tx, &instance).await?;
        return Ok(true);
    };
    // What cannot be read any more still escalates.
    let definition = readable(tx, subjects, &instance).await?;
    let own_allowed = definition.is_some_and(|definition| definition.own_allowed);
    let passed = |at: Option<DateTime<Utc>>, done: Option<DateTime<Utc>>| {
        done.is_none() && at.is_some_and(|at| at <= now)
    };
    let is_due = passed(round.due_at, round.breached_at);
    if passed(round.remind_at, round.reminded_at) {
        round.reminded_at = Some(now);
        // A worker that was away does not remind of what is overdue.
        if round.due_at.is_none_or(|due| due > now) {
            let seats = seats_of(tx, &instance).await?;
            let asked =
                asked::asked(tx, &seats, instance.starter, own_allowed, &place_of(&instance), now).await?;
            tell::each(tx, &tell::REMINDER, &instance, &round, &asked, now).await?;
            note(tx, &instance, &round, "reminded", "", now).await?;
        }
    }
    if is_due {
        round.breached_at = Some(now);
        tell::overdue(tx, &instance, &round, now).await?;
        note(tx, &instance, &round, "overdue", "", now).await?;
    }
    if passed(round.escalate_at, round.escalated_at) {
        round.escalated_at = Some(now);
        if let Some(role) = round.escalate_to.clone() {
            escalate(tx, &instance, &round, role, own_allowed, now).await?;
        }
    }
    rounds::mark(tx, &round).await?;
    instance.wake_at = round.wake_at();
    instances::update(tx, &instance).await?;
    Ok(true)
}

fn place_of(instance: &Instance) -> Place {
    Place::of(instance.plant.as_deref(), &instance.document)
}

/// Adds a seat whose decision settles the stage, and tells whoever may take it.
async fn escalate(
    tx: &mut Tx,
    instance: &Instance,
    round: &Round,
    role: String,
    own_allowed: bool,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let seats = seats_of(tx, instance).await?;
    let number = seats.iter().map(|seat| seat.seat).max().unwrap_or(-1) + 1;
    let deputy = Seat { deputy: true, ..Seat::open(number, Who::Role(role.clone())) };
    rounds::seats_insert(tx, (round, &instance.document), std::slice::from_ref(&deputy), now).await?;
    note(tx, instance, round, "escalated", &role, now).await?;
    record(tx, "workflow.escalate", instance, None, json!({ "to": role, "round": round.round })).await?;
    // Told is who may take this seat: seats that wait are left out, and those that
    // were taken stay, since nobody decides twice.
    let mut all: Vec<Seat> = seats.into_iter().filter(|seat| seat.decision.is_some()).collect();
    all.push(deputy);
    let asked = asked::asked(tx, &all, instance.starter, own_allowed, &place_of(instance), now).await?;
    tell::each(tx, &tell::ESCALATED, instance, round, &asked, now).await?;
    if asked.is_empty() {
        tell::nobody(tx, instance, round, now).await?;
    }
    Ok(())
}

/// Adds to the history what no person did.
pub(super) async fn note(
    tx: &mut Tx,
    instance: &Instance,
    round: &Round,
    what: &str,
    note: &str,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let happened = Happened {
        at: now,
        what: what.to_owned(),
        stage_name: round.stage_name.clone(),
        stage_names: round.stage_names.clone(),
        person: None,
        on_behalf_of: None,
        note: note.to_owned(),
    };
    Ok(instances::happened(tx, instance.instance_id, &happened).await?)
}
