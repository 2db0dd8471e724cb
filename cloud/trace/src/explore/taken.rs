//! What was taken out of what, when, and what was taken out without having been seen put in.

use std::collections::BTreeMap;

use platform::db::Tx;
use uid::TenantCode;

use super::amounts::Amounts;
use super::error::TraceError;
use super::model::TakenOut;
use super::names;
use super::service::uid_text;
use super::store::taken::{self as store, Between, Told};
use crate::genealogy::Direction;
use crate::genealogy::turns::{Turn, fold};

/// Most UIDs that were taken out of one, and out of which one was taken, that are told of.
const MOST: i64 = 1_000;

/// All takings-out of a UID, and from a UID; whether there are more.
///
/// # Errors
/// The database.
pub(super) async fn taken_out(
    tx: &mut Tx,
    tenant: TenantCode,
    key: i64,
) -> Result<(Vec<TakenOut>, bool), TraceError> {
    let (mut all, mut more) = (Vec::new(), false);
    for direction in [Direction::Backward, Direction::Forward] {
        let mut between = store::parted(tx, key, direction, MOST + 1).await?;
        if i64::try_from(between.len()).is_ok_and(|found| found > MOST) {
            between.pop();
            more = true;
        }
        for ((from, to, kind), turns) in store::turns(tx, &between).await? {
            let other = uid_text(tenant, if direction == Direction::Backward { from } else { to });
            all.extend(told(&other, direction, kind, &turns));
        }
    }
    Ok((all, more))
}

/// The takings-out of one link, as they are told. Pure.
fn told(other: &str, direction: Direction, kind: i16, told: &[Told]) -> Vec<TakenOut> {
    let turns: Vec<Turn> = told.iter().map(|told| told.turn.clone()).collect();
    let story = fold(&turns);
    let one = |put_in: Option<usize>, taken_out: usize| {
        let (before, after) = (put_in.map(|at| &turns[at]), &turns[taken_out]);
        TakenOut {
            uid: other.to_owned(),
            direction: direction.name(),
            kind: names::link_name(kind),
            quantity: after.quantity.map(|quantity| quantity.normalize()),
            unit: after.quantity.map(|_| told[taken_out].unit.clone()).unwrap_or_default(),
            put_in_at: before.map(|turn| turn.at),
            put_in_plant: before.map(|turn| turn.plant.clone()).unwrap_or_default(),
            taken_out_at: after.at,
            plant: after.plant.clone(),
            event_id: after.event_id,
            by_clock: story.by_clock,
        }
    };
    let stays = story.stays.iter().chain(&story.again);
    let ended = stays.filter_map(|stay| Some(one(Some(stay.put_in), stay.taken_out?)));
    // What came back was out by then: that says nothing about the package.
    let unseen = story.unseen.iter().filter(|&&at| !turns[at].returned);
    ended.chain(unseen.map(|&at| one(None, at))).collect()
}

/// Puts the amounts of open links right that something was taken out of unseen.
///
/// # Errors
/// The database.
pub(super) async fn amounts_now(tx: &mut Tx, links: Vec<(Between, &mut Amounts)>) -> Result<(), TraceError> {
    let mut parted: BTreeMap<Between, &mut Amounts> =
        links.into_iter().filter(|(_, amounts)| amounts.takings > 0).collect();
    let between: Vec<Between> = parted.keys().copied().collect();
    for (link, told) in store::turns(tx, &between).await? {
        let Some(amounts) = parted.get_mut(&link) else { continue };
        let turns: Vec<Turn> = told.into_iter().map(|told| told.turn).collect();
        let story = fold(&turns);
        // What was out already was not taken out again.
        let again = story.again.iter().filter_map(|stay| stay.taken_out);
        for nothing in story.unseen.iter().copied().chain(again) {
            amounts.leave_out(&turns[nothing]);
        }
    }
    Ok(())
}
