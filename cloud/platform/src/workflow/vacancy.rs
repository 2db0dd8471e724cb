//! People who leave while they are asked: their seats are vacant, the round is judged
//! without them, and where too few are left whoever manages workflows is told.
//!
//! Who is there is read afresh at every look ([`Seat::vacant`](super::model::Seat)); what
//! is done here follows once such a change was seen. One instance is one transaction, as
//! with deadlines.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::asked::Place;
use super::deadlines::note;
use super::error::WorkflowError;
use super::model::{Seat, Who};
use super::rules::{self, Verdict};
use super::run::{Run, Said, readable, seats_of};
use super::store::instances::{self, Happened};
use super::store::rounds;
use super::subject::Subjects;
use super::{asked, tell};
use crate::db::Tx;

/// Looks at one instance of the transaction's tenant where somebody who is asked left, or
/// came back; `false` when there is none that no other worker has. Those that are `passed`
/// are not looked at, and `at` says which one is.
///
/// # Errors
/// The database, or what the document's module says; it is then looked at again.
pub async fn step(
    tx: &mut Tx,
    subjects: &Subjects,
    passed: &[Uuid],
    at: &mut Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<bool, WorkflowError> {
    let Some(mut instance) = instances::lock_left(tx, passed).await? else { return Ok(false) };
    *at = Some(instance.instance_id);
    let round = rounds::find(tx, instance.instance_id, instance.round).await?;
    let round = round.ok_or(WorkflowError::NotFound)?;
    let changed = rounds::seats_look(tx, (&round, &instance.document), now).await?;
    let left: BTreeSet<i16> = changed.iter().filter(|(_, vacant)| *vacant).map(|(seat, _)| *seat).collect();
    let mut fresh: BTreeSet<i16> =
        changed.iter().filter(|(_, vacant)| !*vacant).map(|(seat, _)| *seat).collect();
    let mut seats = seats_of(tx, &instance).await?;
    for seat in seats.iter().filter(|seat| left.contains(&seat.seat)) {
        let Who::Person(person) = seat.who else { continue };
        let gone = Happened {
            at: now,
            what: "vacated".into(),
            stage_name: round.stage_name.clone(),
            stage_names: round.stage_names.clone(),
            person: Some(person),
            on_behalf_of: None,
            note: String::new(),
        };
        instances::happened(tx, instance.instance_id, &gone).await?;
    }
    if let Some(role) = rules::falls_to(&seats).map(str::to_owned) {
        let number = seats.iter().map(|seat| seat.seat).max().unwrap_or(-1) + 1;
        let seat = Seat::open(number, Who::Role(role));
        rounds::seats_insert(tx, (&round, &instance.document), std::slice::from_ref(&seat), now).await?;
        fresh.insert(number);
        seats = seats_of(tx, &instance).await?;
    }
    // One that cannot be read waits all the same, and can be taken back.
    let definition = readable(tx, subjects, &instance).await?;
    if let Some(definition) = &definition {
        let run = Run { subjects, definition, now };
        run.judge(tx, &mut instance, &round, &seats, &Said::default()).await?;
        if rules::verdict(&seats, round.needed()) != Verdict::Open {
            return Ok(true);
        }
    }
    let own_allowed = definition.is_some_and(|definition| definition.own_allowed);
    let place = Place::of(instance.plant.as_deref(), &instance.document);
    // Told is who may take a seat that was not to be had before.
    let new = seats.iter().filter(|seat| seat.decision.is_some() || fresh.contains(&seat.seat));
    let new: Vec<Seat> = new.cloned().collect();
    let told = asked::asked(tx, &new, instance.starter, own_allowed, &place, now).await?;
    tell::each(tx, &tell::ASKED, &instance, &round, &told, now).await?;
    let left_over = asked::asked(tx, &seats, instance.starter, own_allowed, &place, now).await?;
    if !left.is_empty() && (left_over.is_empty() || !rules::reachable(&seats, round.needed())) {
        note(tx, &instance, &round, "nobody", "", now).await?;
        tell::nobody(tx, &instance, &round, now).await?;
    }
    Ok(true)
}
