//! What plants tell of a recall in force: a unit that left our hands before its hold came,
//! and what was made of the recalled units in that time. Each is taken in with the moment
//! at which it was found, its consignee is written to, and nothing that was counted before
//! changes: what a consignee had stays with them.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::notify;
use uuid::Uuid;

use super::error::RecallError;
use super::locate::{Found, Who};
use super::model::{Holder, MAX_MEMBERS, Place, Reach, Recall};
use super::store::since::Touched;
use super::{RECALL_ACTIVATED, act, consignees, snapshot, store};
use crate::explore::service::resolve;
use crate::explore::store::label;
use crate::genealogy::Genealogy;
use crate::holds;
use crate::projection::PROJECTION;
use crate::projection::store::queue::{self, Ranges};

/// The name of the cursor.
pub const FOLLOWS: &str = "recalls.since";
/// Most labels that are looked at for what some batches tell, with all that is in them.
const MOST_INSIDE: i64 = 1_000_000;
/// Most batches in one transaction.
const BATCHES: i64 = 64;

/// Looks at the next batches that the projection has applied, in one transaction with the
/// cursor; answers how many batches, 0 also while another worker is at it.
///
/// # Errors
/// [`RecallError`]; nothing is taken in then.
pub async fn step(tx: &mut Tx, genealogy: &Genealogy, now: DateTime<Utc>) -> Result<usize, RecallError> {
    let Some(after) = queue::cursor_lock(tx, FOLLOWS).await? else {
        return Ok(0);
    };
    let applied = label::projected_to(tx, PROJECTION).await?;
    // Coming into force takes the cursor back to where its snapshot stands.
    let active = store::since::active(tx).await?;
    if active.is_empty() {
        if applied > after {
            queue::cursor_move(tx, FOLLOWS, applied).await?;
        }
        return Ok(0);
    }
    let batches: Vec<_> = queue::batches_after(tx, after, BATCHES)
        .await?
        .into_iter()
        .filter(|batch| batch.batch_id <= applied)
        .collect();
    let Some(last) = batches.last().map(|batch| batch.batch_id) else {
        return Ok(0);
    };
    let touched = holds::store::follow::touched(tx, &Ranges::of(&batches)).await?;
    // What a package does, all in it does, and in the packages in it.
    let inside = store::since::with_contents(tx, &touched, MOST_INSIDE).await?;
    if act::count(inside.len()) >= MOST_INSIDE {
        tracing::error!(touched = touched.len(), "more was moved at once than is looked at");
        for recall in &active {
            snapshot::note_incomplete(tx, *recall, now).await?;
        }
    }
    for recall in active {
        take_in(tx, genealogy, recall, (&touched, &inside), now).await?;
    }
    queue::cursor_move(tx, FOLLOWS, last).await?;
    Ok(batches.len())
}

async fn take_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    recall: Uuid,
    (touched, inside): (&[i64], &[i64]),
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let found = store::recalls::find(tx, recall).await?.ok_or(RecallError::NotFound)?;
    let reach: Option<Reach> = serde_json::from_value(found.scope.clone()).ok();
    let (lots, delivered) = lots(tx, recall, reach.as_ref(), now).await?;
    let named = store::since::members(tx, recall, inside).await?;
    let mut late: BTreeSet<i64> = delivered.into_iter().collect();
    if !lots.is_empty() {
        late.extend(store::since::born(tx, recall, &lots, touched).await?);
    }
    if named.is_empty() && late.is_empty() {
        return Ok(());
    }
    let reach = reach.ok_or(RecallError::Unknown)?;
    if reach.descendants() {
        let of: Vec<i64> = named.iter().map(|one| one.key).chain(late.iter().copied()).collect();
        let limit = act::count(MAX_MEMBERS + holds::MAX_MEMBERS) + 1;
        let made = genealogy.descendants(tx, &of, limit).await?;
        late.extend(store::members::others(tx, recall, &made).await?);
    }
    let touched: Vec<i64> = named.iter().map(|one| one.key).collect();
    let mut inside = come_inside(tx, genealogy, (&reach, &lots), &touched).await?;
    inside.extend(been_inside(tx, genealogy, (recall, &reach), &touched).await?);
    late.extend(store::members::others(tx, recall, &inside).await?);
    let mut recalled = store::members::keys(tx, recall).await?;
    let room = MAX_MEMBERS.saturating_sub(recalled.len());
    if late.len() > room {
        tracing::error!(%recall, late = late.len(), room, "more comes under a recall than one may have");
        snapshot::note_incomplete(tx, recall, now).await?;
    }
    let late: Vec<i64> = late.into_iter().take(room).collect();
    recalled.extend(&late);
    recalled.sort_unstable();
    let there: HashMap<i64, Touched> = named.into_iter().map(|one| (one.key, one)).collect();
    let mut keys: Vec<i64> = there.keys().copied().chain(late.iter().copied()).collect();
    keys.sort_unstable();
    let mut known: HashMap<Who, Uuid> = store::since::consignees(tx, recall).await?;
    let mut concerned: BTreeSet<Uuid> = BTreeSet::new();
    for part in keys.chunks(snapshot::AT_ONCE) {
        let located = snapshot::locate(tx, part, &recalled).await?;
        let (mut new, mut gone) = (Vec::new(), Vec::new());
        for one in located {
            match there.get(&one.key) {
                None => new.push(one),
                Some(before) if has_gone(before, &one) => gone.push(one),
                Some(before) if before.in_hand && before.outer_key != one.outer => {
                    // By what it is in it is found once that leaves.
                    store::since::outer_set(tx, recall, one.key, one.outer).await?;
                }
                Some(_) => {}
            }
        }
        consignees::enlist(tx, recall, new.iter().chain(&gone), &mut known).await?;
        let of = |one: &Found| one.who.as_ref().and_then(|who| known.get(who)).copied();
        concerned.extend(new.iter().chain(&gone).filter_map(of));
        let owners: Vec<Option<Uuid>> = new.iter().map(of).collect();
        store::members::insert(tx, recall, &new, &owners).await?;
        for one in &gone {
            store::since::moved(tx, recall, one, of(one), now).await?;
        }
    }
    store::since::came(tx, recall, &late, now).await?;
    tell(tx, &found, &concerned, now).await
}

/// The lots that a recall reaches whole, and the labels of those that have come since: further
/// deliveries of its supplier's lot.
async fn lots(
    tx: &mut Tx,
    recall: Uuid,
    reach: Option<&Reach>,
    now: DateTime<Utc>,
) -> Result<(Vec<Uuid>, Vec<i64>), RecallError> {
    let mut lots = store::recalls::lots(tx, recall).await?;
    let Some(lot) = reach.and_then(Reach::delivered) else { return Ok((lots, Vec::new())) };
    let all = match holds::deliveries::all(tx, lot).await.map_err(RecallError::from) {
        Ok(all) => all,
        Err(RecallError::Db(error)) => return Err(RecallError::Db(error)),
        Err(error) => {
            tracing::error!(%recall, %error, "further deliveries of a recalled lot are left out");
            snapshot::note_incomplete(tx, recall, now).await?;
            return Ok((lots, Vec::new()));
        }
    };
    let more: Vec<Uuid> = all.into_iter().filter(|lot| !lots.contains(lot)).collect();
    if more.is_empty() {
        return Ok((lots, Vec::new()));
    }
    store::recalls::lots_more(tx, recall, &more).await?;
    let labels = holds::of_lots(tx, &more, act::count(MAX_MEMBERS) + 1).await?;
    lots.extend(more);
    Ok((lots, store::members::others(tx, recall, &labels).await?))
}

/// What has been in recalled packages among these units and was taken out again, by events that
/// were told after the recall held them: its hold holds it, so it is recalled. With what was made
/// of it, where that is recalled too.
async fn been_inside(
    tx: &mut Tx,
    genealogy: &Genealogy,
    (recall, reach): (Uuid, &Reach),
    touched: &[i64],
) -> Result<Vec<i64>, RecallError> {
    let limit = act::count(MAX_MEMBERS) + 1;
    let mut been = Vec::new();
    for hold in store::since::holds_among(tx, recall, touched).await? {
        let inside = holds::store::contents::inside(tx, hold, touched, &[], limit).await?;
        been.extend(inside.into_iter().map(|one| one.key));
    }
    if reach.descendants() && !been.is_empty() {
        been = genealogy.descendants(tx, &been, limit).await?;
    }
    Ok(been)
}

/// What is in what was named of these units and of the packages around them, and, where that is
/// recalled too, what was made of it.
async fn come_inside(
    tx: &mut Tx,
    genealogy: &Genealogy,
    (reach, lots): (&Reach, &[Uuid]),
    touched: &[i64],
) -> Result<Vec<i64>, RecallError> {
    // What is put into a box names the box, and not the pallet that was named.
    let around = holds::members::packages_of(tx, touched).await?;
    let around: Vec<i64> =
        touched.iter().copied().chain(around.into_iter().map(|member| member.key)).collect();
    let named = match reach {
        Reach::Unit { uid, .. } => {
            let key = resolve(tx, uid).await?.uid.key().get();
            around.into_iter().filter(|one| *one == key).collect()
        }
        Reach::Lot { .. } => store::members::named_among(tx, &around, lots, None).await?,
        Reach::Scope { scope, .. } => store::members::named_among(tx, &around, &[], Some(*scope)).await?,
    };
    let limit = act::count(MAX_MEMBERS) + 1;
    let mut inside = genealogy.contents(tx, &named, limit).await?;
    if reach.descendants() && inside.len() > named.len() {
        inside = genealogy.descendants(tx, &inside, limit).await?;
    }
    Ok(inside)
}

/// Whether it is with somebody else outside by now. What whoever had it gives back stays
/// with them, as what they answered, until another has it.
fn has_gone(before: &Touched, now: &Found) -> bool {
    let outside = matches!(now.place, Place::Customer | Place::Installed | Place::Supplier);
    let code = now.who.as_ref().map_or("", |who| who.code.as_str());
    outside && (before.in_hand || before.code != code)
}

/// Writes to those who have more than they were told of, and tells the people of plants
/// that had nothing of it before.
async fn tell(
    tx: &mut Tx,
    recall: &Recall,
    concerned: &BTreeSet<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let mut at_plants = false;
    for consignee in concerned {
        match store::consignees::lock(tx, recall.recall_id, *consignee).await? {
            Some(row) if row.kind == Holder::Plant.name() => at_plants = true,
            Some(_) => {
                consignees::write_more(tx, recall, *consignee, now).await?;
            }
            None => {}
        }
    }
    if !at_plants {
        return Ok(());
    }
    let plants = store::consignees::plants_told(tx, recall.recall_id, now).await?;
    if !plants.is_empty() {
        notify::tell(tx, &RECALL_ACTIVATED, &act::notice(recall).at(plants), now).await?;
    }
    Ok(())
}
