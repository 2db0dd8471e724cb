//! Holds that a plant still has from before the cloud was restored, and of which the
//! backup knows nothing. Each is placed again under its own id, so that every plant has
//! it, and opens an exception: a person releases it, or lets it stand.

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use platform::notify;
use proto::v1::{KeptHold, Stage};
use serde_json::json;
use uid::Key;
use uuid::Uuid;

use super::members::{Cause, Found, Member};
use super::{
    HOLD_GREW, HoldError, Keys, MAX_MEMBERS, MAX_REASON, OFFICE, PER_ROW, Put, Told, members, notice, put,
    row, store, tell,
};
use crate::genealogy::Genealogy;
use crate::ingest::notify::Batch;
use crate::ingest::store::cursor;
use crate::projection::store::write::{self, Opening};

/// The exception of a hold that came back from a plant.
pub const RECOVERED: &str = "hold.recovered";

/// What a plant holds by one of the rows that it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The hold.
    pub hold_id: Uuid,
    /// Why it was placed.
    pub reason: String,
    /// What it holds, in order.
    pub keys: Vec<i64>,
    /// Lots that it holds.
    pub lots: Vec<Uuid>,
}

impl Kept {
    /// As a plant tells it; `None` for what no cloud can have told it.
    #[must_use]
    pub fn of(told: &KeptHold) -> Option<Self> {
        let hold_id = told.hold.split('/').next()?.parse().ok()?;
        let mut reason: String = told.reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect();
        if reason.trim().is_empty() {
            OFFICE.clone_into(&mut reason);
        }
        let mut keys: Vec<i64> = told.keys.iter().copied().filter(|key| Key::new(*key).is_ok()).collect();
        keys.sort_unstable();
        keys.dedup();
        let lots: Vec<Uuid> = told.lots.iter().filter_map(|lot| Uuid::from_slice(lot).ok()).collect();
        let fits = keys.len() <= MAX_MEMBERS && !(keys.is_empty() && lots.is_empty());
        fits.then_some(Self { hold_id, reason, keys, lots })
    }
}

/// What became of what a plant told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was released: the plant lets it go.
    Released,
    /// It stands, with all that the plant holds by it.
    Stands,
    /// It was placed again, or holds more now; to be announced once committed.
    Placed(Batch),
}

/// Takes over what `plant` holds by a hold that it was told before the cloud was restored.
///
/// # Errors
/// [`HoldError`]; nothing is changed then, and the plant goes on holding it.
pub async fn told(tx: &mut Tx, plant: &str, kept: &Kept, now: DateTime<Utc>) -> Result<Answer, HoldError> {
    let tenant = tx.tenant();
    let Some(hold) = store::lock(tx, tenant, kept.hold_id).await? else {
        recovered(tx, plant, kept).await?;
        return Ok(Answer::Placed(again(tx, plant, kept, now).await?));
    };
    if hold.status != "placed" {
        return Ok(Answer::Released);
    }
    let keys = store::not_held_by(tx, kept.hold_id, &kept.keys).await?;
    let lots: Vec<Uuid> = kept.lots.iter().copied().filter(|lot| !hold.lots.contains(lot)).collect();
    if keys.is_empty() && lots.is_empty() {
        return Ok(Answer::Stands);
    }
    recovered(tx, plant, kept).await?;
    let Kept { hold_id, .. } = *kept;
    let part = hold.parts.max(1);
    let fresh: Vec<Member> = keys.iter().map(|key| named(*key)).collect();
    let count = i32::try_from(fresh.len()).unwrap_or(i32::MAX);
    let mut told = Told::default();
    let chunks: Vec<&[Member]> = if fresh.is_empty() { vec![&[]] } else { fresh.chunks(PER_ROW).collect() };
    let mut next = part;
    for chunk in chunks {
        store::members_insert(tx, hold_id, chunk, next).await?;
        told.rows.push(row(
            hold_id,
            next,
            &hold.reason,
            &Keys::of(chunk),
            if next == part { lots.as_slice() } else { &[] },
        ));
        told.parts.push((hold_id, next));
        next += 1;
    }
    store::grew(tx, hold_id, count, next).await?;
    let entry = Entry {
        action: "hold.grow",
        subject: &format!("hold:{hold_id}"),
        before: None,
        after: Some(json!({ "kept": plant, "joined": count })),
    };
    let plants = store::plants(tx, tenant, &keys).await?;
    audit::record_at(tx, &plants, entry).await?;
    let notice = notice(tx, hold_id, &hold.reason, keys.len()).await?.at(plants);
    notify::tell(tx, &HOLD_GREW, &notice, now).await?;
    let batch = tell(tx, Stage::Hold, hold_id, &format!("kept{part}"), &hold.reason, &keys, now).await?;
    told.publish(tx).await?;
    Ok(Answer::Placed(batch))
}

fn named(key: i64) -> Member {
    Member { key, cause: Cause::Kept, way: None }
}

/// Places it again. Whether it held what was made of its units before is not known any
/// more, so it does: what is held for nothing is released by a person, what is free for
/// nothing is found by nobody.
async fn again(tx: &mut Tx, plant: &str, kept: &Kept, now: DateTime<Utc>) -> Result<Batch, HoldError> {
    // First: what is committed after this batch is looked at by the follower.
    let looked_batch = cursor::last_batch(tx).await?;
    // By SQL: a stream of a plant lets no tenant leave memory for this one.
    let around = members::around(tx, &Genealogy::default(), kept.keys.clone(), Cause::Kept, true).await?;
    // More than a hold may have: at least what the plant holds.
    let members = around.unwrap_or_else(|()| kept.keys.iter().map(|key| named(*key)).collect());
    // Of several lots it was on a supplier's lot, whose later deliveries come to it too.
    let deliveries = kept.lots.len() > 1;
    let found = Found { members, lots: kept.lots.clone(), deliveries, descendants: true };
    let scope = json!({ "what": "recovered", "plant": plant });
    let Kept { hold_id, ref reason, .. } = *kept;
    let asked = Put { hold_id, scope, reason, owner: "", notes: "", found, looked_batch };
    Ok(put(tx, &asked, now).await?.batch)
}

async fn recovered(tx: &mut Tx, plant: &str, kept: &Kept) -> Result<(), HoldError> {
    let opening = Opening {
        kind: RECOVERED.into(),
        fingerprint: kept.hold_id.to_string(),
        plant: plant.to_owned(),
        at: None,
        key: kept.keys.first().copied(),
        document: String::new(),
        detail: json!({
            "hold": kept.hold_id,
            "reason": kept.reason,
            "plant": plant,
            "labels": kept.keys.len().to_string(),
        }),
    };
    Ok(write::exceptions_open(tx, vec![opening]).await?)
}
