//! Holds, as people and programs place and see them.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use platform::ctx::Cx;
use platform::db::{Db, DbError, Tx};
use platform::web::Problem;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::TraceError;
use super::service::{own_code, resolve, uid_text};
use super::store::{holding as store, scope};
use crate::genealogy::Genealogy;
use crate::holds::{self, HoldError, Placing, Scope};
use crate::ingest::Committed;

/// Most holds on one page.
pub const MOST_LIMIT: usize = 500;

/// The statuses that there are.
pub const STATUSES: [&str; 2] = ["placed", "released"];

/// What is to be held: `uid` (any code), `lot`, or `scope`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = HoldWish)]
pub struct Wish {
    /// A UID or a code that stands for one.
    pub uid: String,
    /// A lot: its id, or the supplier's number. With it go all lots of the same item, supplier
    /// and number, whenever and wherever they come.
    pub lot: Option<String>,
    /// Not the UID alone: the whole lot of it, as with `lot`.
    pub whole_lot: bool,
    /// Of the deliveries of a supplier's lot the named one alone.
    pub delivery_only: bool,
    /// A kept scope.
    pub scope: Option<Uuid>,
    /// And everything made from it, now and later.
    pub descendants: bool,
    /// Why: a reason code, or a text.
    #[schema(max_length = 200)]
    pub reason: String,
    /// Opaque id of the person responsible; empty for who places it.
    #[schema(max_length = 100)]
    pub owner: String,
    /// For whoever looks at it later.
    #[schema(max_length = 2000)]
    pub notes: String,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoldView {
    /// Id.
    pub hold_id: Uuid,
    /// Why.
    pub reason: String,
    /// placed, released.
    pub status: String,
    /// What was asked: a label or a lot, with or without descendants.
    pub scope: serde_json::Value,
    /// How many UIDs it holds, or held.
    pub members: i64,
    /// The UID that was named, or one of the lot's.
    pub first: Option<String>,
    /// Opaque id.
    pub placed_by: String,
    /// When.
    pub placed_at: DateTime<Utc>,
    /// Opaque id.
    pub released_by: Option<String>,
    /// When.
    pub released_at: Option<DateTime<Utc>>,
}

/// A page of holds, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HoldPage {
    /// This page.
    pub holds: Vec<HoldView>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<String>,
}

/// A hold that was placed or released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = HoldChanged)]
pub struct Held {
    /// Id.
    pub hold_id: Uuid,
    /// How many UIDs it holds, or held.
    pub members: usize,
}

/// Why a hold was not placed or released.
#[derive(Debug, thiserror::Error)]
pub enum HoldingError {
    /// What is to be held cannot be found.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The hold itself.
    #[error(transparent)]
    Hold(#[from] HoldError),
    /// What is missing in a wish or does not fit: fields, and the keys of the texts that say it.
    #[error("what is missing or does not fit")]
    Fields(Vec<(&'static str, &'static str)>),
    /// The supplier's number is that of no lot, or of several; the key of the text that says it.
    #[error("the supplier's number is that of no lot, or of several")]
    Lot(&'static str),
    /// It is of a recall in force, which the caller did not name.
    #[error("the hold is of recall {0} in force: name that number to release it all the same")]
    OfRecall(String),
    /// It holds units at plants where the caller may not release.
    #[error("the hold stands on units of other plants too, where you may not release")]
    Elsewhere,
}

impl From<DbError> for HoldingError {
    fn from(error: DbError) -> Self {
        Self::Trace(error.into())
    }
}

impl From<HoldingError> for Problem {
    fn from(error: HoldingError) -> Self {
        match error {
            HoldingError::Trace(error) => error.into(),
            HoldingError::Elsewhere => Self::new(StatusCode::FORBIDDEN, "hold.elsewhere", ""),
            HoldingError::Fields(wrong) => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "hold.fields", "");
                wrong.into_iter().fold(problem, |problem, (field, key)| {
                    problem.field_told_by(field, key, move |texts| texts.t(key))
                })
            }
            HoldingError::Lot(key) => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "hold.fields", "");
                problem.field_told_by("lot", error.to_string(), move |texts| texts.t(key))
            }
            HoldingError::OfRecall(_) => {
                let told = error.to_string();
                Self::conflict("hold.of_recall", told.clone()).field("recall", told)
            }
            HoldingError::Hold(HoldError::Db(error)) => error.into(),
            HoldingError::Hold(HoldError::Ingest(error)) => Self::internal(error),
            HoldingError::Hold(HoldError::Reason) => HoldingError::Fields(vec![NO_REASON]).into(),
            HoldingError::Hold(HoldError::Notes) => HoldingError::Fields(vec![NO_NOTES]).into(),
            HoldingError::Hold(error) => {
                let told = error.to_string();
                match error {
                    HoldError::NotFound => Self { detail: told, ..Self::not_found() },
                    HoldError::Released => Self::conflict("hold.released", told),
                    HoldError::Owner => Self::bad_request("hold.owner", told.clone()).field("owner", told),
                    HoldError::Unfinished => Self::conflict("scope.unfinished", told),
                    HoldError::TooMany => Self::bad_request("hold.too_many", told),
                    _ => Self::bad_request("hold.unknown", told.clone()).field("uid", told),
                }
            }
        }
    }
}

/// Nothing is named that is to be held.
const NOTHING: (&str, &str) = ("uid", "holds-wrong-nothing");
/// There is no reason, or too long a one.
const NO_REASON: (&str, &str) = ("reason", "error-hold-reason");
/// Notes that are too long.
const NO_NOTES: (&str, &str) = ("notes", "error-hold-notes");

/// What is missing in a wish or does not fit, as far as it is seen without looking anything up:
/// fields, and the keys of the texts that say it. Pure.
fn mistakes(wish: &Wish) -> Vec<(&'static str, &'static str)> {
    let (reason, notes) = (wish.reason.trim(), wish.notes.trim());
    let mut wrong = Vec::new();
    if !names_something(wish) {
        wrong.push(NOTHING);
    }
    if reason.is_empty() || !holds::is_reason(reason) {
        wrong.push(NO_REASON);
    }
    if !holds::is_notes(notes) {
        wrong.push(NO_NOTES);
    }
    wrong
}

/// Whether a wish says what is to be held. Pure.
fn names_something(wish: &Wish) -> bool {
    let lot = wish.lot.as_deref().unwrap_or_default();
    wish.scope.is_some() || [lot, wish.uid.as_str()].iter().any(|text| !text.trim().is_empty())
}

/// Places a hold and tells the plants. What is named must be, or have been, at a
/// plant of the caller's; held is all of it, wherever it is by now.
///
/// # Errors
/// [`HoldingError`]; nothing is held then.
pub async fn place(
    db: &Db,
    cx: &Cx,
    (committed, genealogy): (&Committed, &Genealogy),
    wish: &Wish,
    now: DateTime<Utc>,
) -> Result<Held, HoldingError> {
    let wrong = mistakes(wish);
    if !wrong.is_empty() {
        return Err(HoldingError::Fields(wrong));
    }
    let done = db
        .tx(cx, async |tx| {
            let scope = scope_of(tx, wish).await?;
            let owner = Some(wish.owner.trim()).filter(|owner| !owner.is_empty());
            let placing = Placing { scope: &scope, reason: &wish.reason, owner, notes: &wish.notes };
            Ok::<_, HoldingError>(holds::place_for(tx, genealogy, &placing, now).await?)
        })
        .await?;
    committed.announce(done.batch);
    Ok(Held { hold_id: done.hold_id, members: done.members })
}

/// What a wish names. It must be, or have been, at a plant of the transaction; of a
/// lot or a scope some of it.
///
/// # Errors
/// [`HoldingError`].
pub async fn scope_of(tx: &mut Tx, wish: &Wish) -> Result<Scope, HoldingError> {
    if !names_something(wish) {
        return Err(HoldingError::Fields(vec![NOTHING]));
    }
    let (descendants, deliveries) = (wish.descendants, !wish.delivery_only);
    let plants = tx.plants().codes();
    if let Some(kept) = wish.scope {
        if let Some(plants) = plants {
            let tenant = tx.tenant();
            // Of what is not whole nobody sees more than their own.
            let own = crate::scopes::store::kept::get(tx, kept).await.map_err(TraceError::from)?;
            if own.is_some_and(|scope| scope.state != crate::scopes::service::KEPT) {
                return Err(HoldError::Unfinished.into());
            }
            let keys = crate::scopes::store::members(tx, tenant, kept).await.map_err(TraceError::from)?;
            if scope::seen(tx, &keys, &plants).await.map_err(TraceError::from)?.is_empty() {
                return Err(HoldError::Unknown.into());
            }
        }
        return Ok(Scope::Scope { scope: kept, descendants });
    }
    if let Some(named) = wish.lot.as_deref().map(str::trim).filter(|named| !named.is_empty()) {
        let lot = lot_named(tx, named, wish.delivery_only).await?;
        return Ok(Scope::Lot { lot, descendants, deliveries });
    }
    let key = resolve(tx, &wish.uid).await?.uid.key().get();
    if !wish.whole_lot {
        return Ok(Scope::Label { key, descendants });
    }
    let lot = store::lot_of(tx, key).await.map_err(TraceError::from)?.ok_or(HoldError::Unknown)?;
    Ok(Scope::Lot { lot, descendants, deliveries })
}

/// The lot of this id, or of this supplier's number: of its deliveries the first that is, or was,
/// at a plant of the transaction.
async fn lot_named(tx: &mut Tx, named: &str, delivery_only: bool) -> Result<Uuid, HoldingError> {
    let plants = tx.plants().codes();
    if let Ok(lot) = named.parse::<Uuid>() {
        if let Some(plants) = plants
            && !scope::lot_seen(tx, lot, &plants).await.map_err(TraceError::from)?
        {
            return Err(HoldError::Unknown.into());
        }
        return Ok(lot);
    }
    let lots = store::lots_named(tx, named, delivery_only).await.map_err(TraceError::from)?;
    let lot = one_lot(&lots).map_err(HoldingError::Lot)?;
    let Some(plants) = plants else { return Ok(lot) };
    let deliveries = if delivery_only { vec![lot] } else { holds::deliveries::all(tx, lot).await? };
    for lot in deliveries {
        if scope::lot_seen(tx, lot, &plants).await.map_err(TraceError::from)? {
            return Ok(lot);
        }
    }
    Err(HoldingError::Lot("recalls-wrong-lot"))
}

/// The one lot of those with a supplier's number; else the key of the text that says that it is
/// the number of none, or of several. Pure.
pub(crate) fn one_lot(lots: &[Uuid]) -> Result<Uuid, &'static str> {
    match lots {
        [lot] => Ok(*lot),
        [] => Err("recalls-wrong-lot"),
        _ => Err("recalls-wrong-lots"),
    }
}

/// A release as it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Release<'a> {
    /// The hold.
    pub hold_id: Uuid,
    /// Why.
    pub reason: &'a str,
    /// The number of the recall in force whose hold it is, said by whoever knows that what is
    /// freed is recalled; empty where they do not.
    pub recall: &'a str,
}

/// Releases a hold and tells the plants, with a reason. All that it holds must be at plants of the
/// caller's; the hold of a recall in force is released for who names that recall.
///
/// # Errors
/// [`HoldingError`].
pub async fn release(
    db: &Db,
    cx: &Cx,
    committed: &Committed,
    Release { hold_id, reason, recall }: Release<'_>,
    now: DateTime<Utc>,
) -> Result<Held, HoldingError> {
    if reason.trim().is_empty() {
        return Err(HoldError::Reason.into());
    }
    let done = db
        .tx(cx, async |tx| {
            if let Some(plants) = tx.plants().codes() {
                let reach = scope::hold_reach(tx, hold_id, &plants).await.map_err(TraceError::from)?;
                match reach {
                    (true, false) => {}
                    (true, true) => return Err(HoldingError::Elsewhere),
                    (false, _) => return Err(HoldError::NotFound.into()),
                }
            }
            let of = holds::store::one::of_recall(tx, hold_id).await.map_err(TraceError::from)?;
            if let Some(of) = of.filter(|of| of.in_force && of.number != recall.trim()) {
                return Err(HoldingError::OfRecall(of.number));
            }
            Ok::<_, HoldingError>(holds::release(tx, hold_id, reason, now).await?)
        })
        .await?;
    committed.announce(done.batch);
    Ok(Held { hold_id: done.hold_id, members: done.members })
}

/// A page of holds, newest first. An empty status means the placed ones.
///
/// # Errors
/// A parameter that is not what it should be; the database.
pub async fn list(
    db: &Db,
    cx: &Cx,
    status: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<HoldPage, TraceError> {
    if !(1..=MOST_LIMIT).contains(&limit) {
        let problem = format!("{limit} is not 1 to {MOST_LIMIT}");
        return Err(TraceError::Parameter { field: "limit", problem });
    }
    let status = if status.is_empty() { "placed" } else { status };
    if !STATUSES.contains(&status) {
        return Err(TraceError::Parameter { field: "status", problem: "is none of placed, released".into() });
    }
    let before = after.map(str::parse).transpose().map_err(|_| TraceError::no_place())?;
    db.tx(cx, async |tx| {
        let tenant = own_code(tx).await?;
        let want = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut rows = store::list(tx, status, before, want).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.hold_id.to_string());
        let holds = rows
            .into_iter()
            .map(|row| HoldView {
                hold_id: row.hold_id,
                reason: row.reason,
                status: row.status,
                members: i64::from(row.members),
                // The label that was named, else one of those of the lot.
                first: row.scope["key"]
                    .as_str()
                    .and_then(|key| key.parse().ok())
                    .or(row.first_key)
                    .map(|key| uid_text(tenant, key)),
                scope: row.scope,
                placed_by: row.placed_by,
                placed_at: row.placed_at,
                released_by: row.released_by,
                released_at: row.released_at,
            })
            .collect();
        Ok(HoldPage { holds, next })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_missing_is_told_alike_of_placing_and_of_releasing() {
        let told = |error: HoldingError| {
            let problem = Problem::from(error);
            let fields: Vec<String> = problem.errors.iter().map(|error| error.field.clone()).collect();
            (problem.status, problem.code.into_owned(), fields)
        };
        let placing = HoldingError::Fields(vec![NO_REASON]);
        let expected =
            (StatusCode::UNPROCESSABLE_ENTITY, "hold.fields".to_owned(), vec!["reason".to_owned()]);
        assert_eq!(told(placing), expected);
        assert_eq!(told(HoldError::Reason.into()), expected);
        assert_eq!(told(HoldError::Notes.into()).2, ["notes"]);
    }

    #[test]
    fn all_that_is_missing_or_does_not_fit_is_told_at_once() {
        let fields = |wish: &Wish| -> Vec<&'static str> {
            mistakes(wish).into_iter().map(|(field, _)| field).collect()
        };
        assert_eq!(fields(&Wish::default()), ["uid", "reason"]);
        let long = Wish {
            lot: Some(" ".into()),
            reason: "x".repeat(holds::MAX_REASON + 1),
            notes: "x".repeat(holds::MAX_NOTES + 1),
            ..Wish::default()
        };
        assert_eq!(fields(&long), ["uid", "reason", "notes"]);
        let named = [
            Wish { uid: "B-1".into(), ..Wish::default() },
            Wish { lot: Some("HEAT-77".into()), ..Wish::default() },
            Wish { scope: Some(Uuid::nil()), ..Wish::default() },
        ];
        for wish in named {
            assert_eq!(fields(&wish), ["reason"]);
            assert_eq!(fields(&Wish { reason: "cracks".into(), ..wish }), [""; 0]);
        }
    }
}
