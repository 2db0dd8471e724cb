//! Holds that were placed before packages took their contents along: once for each tenant what
//! is in their packages comes under them, and packages that they held as if they had been made of
//! what was once in them are let go. A bounded number of labels at a time, each in a transaction
//! with the place up to which it has come, so that a crash goes on there.

use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use uuid::Uuid;

use super::follow::{News, grow, list};
use super::store::follow::candidates_of;
use super::store::older as store;
use super::{HoldError, Stage, Told, tell};
use crate::explore::store::label;
use crate::genealogy::{Genealogy, Moment, store as links};
use crate::ingest::notify::{Batch, Committed};

/// Labels that are looked at in one transaction.
pub(super) const AT_ONCE: i64 = 2_000;

/// One piece of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// Whether there was anything to do.
    pub worked: bool,
    /// Units that came under a hold, and packages that were let go.
    pub joined: usize,
    pub left: usize,
    /// Facts of the office; to be announced once committed.
    pub told: Vec<Batch>,
}

/// Does the next piece; `false` where nothing is left, or another worker has it.
///
/// # Errors
/// [`HoldError`]; what was done before stays.
pub(super) async fn go_on(
    db: &Db,
    committed: &Committed,
    genealogy: &Genealogy,
    tenant: Uuid,
) -> Result<bool, HoldError> {
    let cx = Cx::system(tenant);
    let piece = db.tx(&cx, async |tx| piece(tx, genealogy, AT_ONCE, Utc::now()).await).await?;
    piece.told.iter().for_each(|batch| committed.announce(*batch));
    Ok(piece.worked)
}

/// Does the next piece inside a transaction: at most so many labels of one hold.
///
/// # Errors
/// [`HoldError`].
pub(super) async fn piece(
    tx: &mut Tx,
    genealogy: &Genealogy,
    at_once: i64,
    now: DateTime<Utc>,
) -> Result<Piece, HoldError> {
    let tenant = tx.tenant();
    let Some(at) = store::lock(tx).await? else { return Ok(Piece::default()) };
    let mut piece = Piece { worked: true, ..Piece::default() };
    let hold = match at.hold {
        Some(hold) => Some(hold),
        None => store::next(tx, Uuid::nil()).await?.map(|hold| (hold, None)),
    };
    let Some((hold_id, after)) = hold else {
        store::go_on(tx, None).await?;
        tracing::info!(%tenant, "all older holds have what is in their packages");
        return Ok(piece);
    };
    let changed = match after {
        None => store::packed_once(tx, hold_id).await?,
        Some(_) => Vec::new(),
    };
    let touched = store::wholly(tx, hold_id, after.unwrap_or(i64::MIN), at_once).await?;
    let last = touched.last().copied().filter(|_| i64::try_from(touched.len()).unwrap_or(at_once) >= at_once);
    if !(touched.is_empty() && changed.is_empty()) {
        let genealogy = genealogy.beside(tenant);
        let moment = Moment { batch: at.through, ..links::moment(tx).await? };
        let news = News { touched, changed, ..News::default() };
        let grown = grow(tx, (&genealogy, moment), hold_id, &news, now).await?;
        (piece.joined, piece.left) = (grown.joined.len(), grown.left.len());
        // What was done with it under the hold, as of whatever comes in late. What is told after
        // this batch is listed by the follower.
        let found = candidates_of(tx, &grown.joined, at.through).await?;
        let code = label::tenant_code(tx).await?.and_then(|code| code.parse().ok());
        list(tx, code, &found, now).await?;
        let part = format!("older{}", after.map_or_else(|| "0".to_owned(), |key| key.to_string()));
        let mut told = Told::default();
        told.left.extend(grown.left.iter().map(|key| (hold_id, *key)));
        told.parts.extend(grown.parts.iter().map(|part| (hold_id, *part)));
        told.rows.extend(grown.rows);
        next(tx, hold_id, last).await?;
        // Last: both lock the tenant's counters until the commit.
        if !grown.joined.is_empty() {
            piece.told.push(tell(tx, Stage::Hold, hold_id, &part, &grown.reason, &grown.joined, now).await?);
        }
        if !grown.left.is_empty() {
            piece.told.push(tell(tx, Stage::Release, hold_id, &part, "", &grown.left, now).await?);
        }
        told.publish(tx).await?;
        tracing::info!(%tenant, %hold_id, joined = piece.joined, left = piece.left, "an older hold has what is in its packages");
    } else {
        next(tx, hold_id, last).await?;
    }
    Ok(piece)
}

/// Where the next piece begins: behind this label of the hold, or with the next hold.
async fn next(tx: &mut Tx, hold_id: Uuid, last: Option<i64>) -> Result<(), HoldError> {
    let at = match last {
        Some(key) => Some((hold_id, Some(key))),
        None => store::next(tx, hold_id).await?.map(|hold| (hold, None)),
    };
    Ok(store::go_on(tx, at).await?)
}
