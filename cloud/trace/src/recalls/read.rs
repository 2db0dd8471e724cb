//! What is to be seen of recalls. Somebody with rights at some plants sees recalls
//! that have units there, and of them those units and who has them.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use platform::web::{parse_place, place};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::effect::{self, Line, Total};
use super::error::RecallError;
use super::model::{
    Consignee, KindOf, Letter, MOST_LIMIT, Person, Pile, Place, Recall, RecallPage, Released, Response,
    ResponsePage, Status, Unit, UnitPage,
};
use super::rights::Sight;
use super::store;
use crate::explore::error::TraceError;
use crate::explore::service::{own_code, uid_text};
use crate::past;

fn parameter(field: &'static str, problem: &str) -> RecallError {
    TraceError::Parameter { field, problem: problem.to_owned() }.into()
}

/// A limit as it was asked for.
fn checked(limit: usize) -> Result<i64, RecallError> {
    if !(1..=MOST_LIMIT).contains(&limit) {
        return Err(parameter("limit", &format!("{limit} is not 1 to {MOST_LIMIT}")));
    }
    Ok(i64::try_from(limit + 1).unwrap_or(i64::MAX))
}

fn id_of(after: Option<&str>) -> Result<Option<Uuid>, RecallError> {
    after.map(str::parse).transpose().map_err(|_| RecallError::from(TraceError::no_place()))
}

/// Recalls or drills, newest first. An empty status means all.
///
/// # Errors
/// A parameter that is not what it should be; the database.
pub async fn list(
    tx: &mut Tx,
    kind: &str,
    status: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<RecallPage, RecallError> {
    let want = checked(limit)?;
    let kind = if kind.is_empty() { KindOf::Recall.name() } else { kind };
    if KindOf::parse(kind).is_none() {
        return Err(parameter("kind", "is none of recall, drill"));
    }
    if !status.is_empty() && Status::parse(status).is_none() {
        return Err(parameter("status", "is none of draft, active, closed, cancelled"));
    }
    let status = (!status.is_empty()).then_some(status);
    let mut recalls = store::recalls::list(tx, kind, status, id_of(after)?, want).await?;
    let more = recalls.len() > limit;
    recalls.truncate(limit);
    let next = recalls.last().filter(|_| more).map(|last| last.recall_id.to_string());
    Ok(RecallPage { recalls, next })
}

/// A recall, if the transaction's plants have to do with it.
///
/// # Errors
/// [`RecallError::NotFound`]; the database.
pub async fn find(tx: &mut Tx, recall: Uuid) -> Result<Recall, RecallError> {
    let found = store::recalls::find(tx, recall).await?.ok_or(RecallError::NotFound)?;
    if !tx.plants().is_all() && store::members::piles(tx, recall).await?.is_empty() {
        return Err(RecallError::NotFound);
    }
    Ok(found)
}

/// Where everything was, and who has it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallView)]
pub struct View {
    /// The recall.
    pub recall: Recall,
    /// Where its units were.
    pub piles: Vec<Pile>,
    /// Who has them.
    pub consignees: Vec<Consignee>,
    /// How people there are reached, as far as whoever asks may see that in the masters.
    pub contacts: Vec<Person>,
    /// Holds that it placed, those that were released too.
    pub holds: Vec<Uuid>,
    /// Of the labels that are `to_hold` those that are held now, by the recall's hold or by another.
    pub held: i64,
    /// Those of its holds that were released, and by whom.
    pub released: Vec<Released>,
}

/// A recall with where everything was and who has it, without [`View::contacts`].
///
/// # Errors
/// As [`find`].
pub async fn view(tx: &mut Tx, recall: Uuid) -> Result<View, RecallError> {
    let mut view = uncounted(tx, recall).await?;
    if view.recall.to_hold > 0 {
        view.held = store::members::held_now(tx, recall).await?;
    }
    Ok(view)
}

/// [`view`] for whoever does not tell what is held: of a large recall that takes its time to count,
/// and [`View::held`] is 0 here.
///
/// # Errors
/// As [`find`].
pub(super) async fn uncounted(tx: &mut Tx, recall: Uuid) -> Result<View, RecallError> {
    let found = find(tx, recall).await?;
    let piles = store::members::piles(tx, recall).await?;
    let consignees = store::consignees::list(tx, recall).await?;
    let (holds, released) = store::members::holds(tx, recall).await?;
    Ok(View { recall: found, piles, consignees, contacts: Vec::new(), holds, held: 0, released })
}

/// How people at these consignees of a recall are reached, as far as the caller may see that.
///
/// # Errors
/// The database.
pub(super) async fn contacts(
    tx: &mut Tx,
    recall: Uuid,
    of: &[Consignee],
    sight: Sight,
) -> Result<Vec<Person>, RecallError> {
    let kinds: HashMap<Uuid, &str> = of.iter().map(|one| (one.consignee_id, one.kind.as_str())).collect();
    let ids: Vec<Uuid> = of.iter().map(|one| one.consignee_id).collect();
    let mut all = store::consignees::people(tx, recall, &ids).await?;
    all.retain(|one| kinds.get(&one.consignee_id).is_some_and(|kind| sight.shows(one.own, kind)));
    Ok(all)
}

/// [`contacts`] for a file: that they are taken out is written down, as of the masters' own files.
///
/// # Errors
/// The database; nothing may be taken out then.
pub(super) async fn contacts_out(
    tx: &mut Tx,
    recall: Uuid,
    of: &[Consignee],
    sight: Sight,
    format: &str,
) -> Result<Vec<Person>, RecallError> {
    let all = contacts(tx, recall, of, sight).await?;
    if !all.is_empty() {
        let fields = ["name", "job_title", "phone", "email"];
        let after = json!({ "format": format, "fields": fields, "recall": recall, "rows": all.len() });
        let entry =
            Entry { action: "master.export", subject: "master:contacts", before: None, after: Some(after) };
        audit::record(tx, entry).await?;
    }
    Ok(all)
}

/// A page of its units.
///
/// # Errors
/// As [`find`]; a parameter that is not what it should be.
pub async fn units(
    tx: &mut Tx,
    recall: Uuid,
    place: &str,
    consignee: Option<Uuid>,
    after: Option<&str>,
    limit: usize,
) -> Result<UnitPage, RecallError> {
    let want = checked(limit)?;
    find(tx, recall).await?;
    if !place.is_empty() && Place::parse(place).is_none() {
        return Err(parameter("place", "is no place of a recall"));
    }
    let after = match after {
        None => i64::MIN,
        Some(after) => after.parse().map_err(|_| TraceError::no_place())?,
    };
    let tenant = own_code(tx).await?;
    let place = (!place.is_empty()).then_some(place);
    let mut rows = store::members::list(tx, recall, place, consignee, after, want).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| last.key.to_string());
    let units = rows
        .into_iter()
        .map(|row| Unit {
            uid: uid_text(tenant, row.key),
            item: row.item,
            quantity: row.quantity.normalize(),
            unit: row.unit,
            place: row.place,
            plant: row.plant,
            location: row.location,
            document: row.document,
            consignee: row.consignee,
            hold: row.standing,
            was_held: if row.standing.is_none() { row.hold_id } else { None },
            inside_of: row.inside_of.map(|whole| uid_text(tenant, whole)),
            since: row.since,
            packs: row.packs,
        })
        .collect();
    Ok(UnitPage { units, next })
}

/// Letters to those consignees that the transaction sees.
///
/// # Errors
/// As [`find`].
pub async fn letters(tx: &mut Tx, recall: Uuid) -> Result<Vec<Letter>, RecallError> {
    find(tx, recall).await?;
    let mut letters = store::letters::list(tx, recall).await?;
    if !tx.plants().is_all() {
        let seen: Vec<Uuid> =
            store::consignees::list(tx, recall).await?.into_iter().map(|one| one.consignee_id).collect();
        letters.retain(|letter| seen.contains(&letter.consignee_id));
    }
    Ok(letters)
}

/// A page of the answers.
///
/// # Errors
/// As [`find`]; a parameter that is not what it should be.
pub async fn responses(
    tx: &mut Tx,
    recall: Uuid,
    after: Option<&str>,
    limit: usize,
) -> Result<ResponsePage, RecallError> {
    let want = checked(limit)?;
    find(tx, recall).await?;
    let tenant = own_code(tx).await?;
    let seen: Vec<Uuid> =
        store::consignees::list(tx, recall).await?.into_iter().map(|one| one.consignee_id).collect();
    let from = match after {
        None => (DateTime::<Utc>::MAX_UTC, Uuid::max()),
        Some(after) => parse_place(after).ok_or_else(TraceError::no_place)?,
    };
    let mut rows = store::answers::list(tx, recall, &seen, from, want).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| place(last.at, last.response_id));
    let responses = rows
        .into_iter()
        .map(|row| Response {
            response_id: row.response_id,
            consignee_id: row.consignee_id,
            uid: row.key.map(|key| uid_text(tenant, key)),
            unit: row.unit,
            found: row.found.normalize(),
            quarantined: row.quarantined.normalize(),
            returned: row.returned.normalize(),
            replaced: row.replaced.normalize(),
            destroyed: row.destroyed.normalize(),
            used_up: row.used_up.normalize(),
            not_found: row.not_found.normalize(),
            reference: row.reference,
            note: row.note,
            at: row.at,
            event_id: row.event_id,
            created_by: row.created_by,
            counts: !row.later,
            contradicts: row.contradicts,
        })
        .collect();
    Ok(ResponsePage { responses, next })
}

/// How much is accounted for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = RecallEffectiveness)]
pub struct Effectiveness {
    /// Together, by unit of measure, with the course over time.
    pub totals: Vec<Total>,
    /// By consignee and unit of measure.
    pub consignees: Vec<Line>,
}

/// How much is accounted for, of what the transaction sees.
///
/// # Errors
/// As [`find`].
pub async fn effectiveness(tx: &mut Tx, recall: Uuid) -> Result<Effectiveness, RecallError> {
    find(tx, recall).await?;
    let had = store::members::had(tx, recall).await?;
    let said = store::answers::said(tx, recall).await?;
    let (mut consignees, mut totals) = effect::account(&had, &said);
    for line in &mut consignees {
        line.to_account = line.to_account.normalize();
        line.accounted = line.accounted.normalize();
    }
    for total in &mut totals {
        total.to_account = total.to_account.normalize();
        total.accounted = total.accounted.normalize();
        for point in &mut total.course {
            point.accounted = point.accounted.normalize();
        }
    }
    Ok(Effectiveness { totals, consignees })
}

/// Most entries of a history at once.
const MOST_HISTORY: i64 = 500;
/// Stands where entries of a long history are left out.
const CUT: &str = "recall.cut";

/// What happened to it: moment, what, and the opaque id of who; of a long history how it
/// began and the newest.
///
/// # Errors
/// As [`find`].
pub async fn history(tx: &mut Tx, recall: Uuid) -> Result<Vec<(DateTime<Utc>, String, String)>, RecallError> {
    find(tx, recall).await?;
    let past = past::of(tx, &format!("recall:{recall}"), CUT, MOST_HISTORY).await?;
    Ok(past.into_iter().map(|entry| (entry.at, entry.action, entry.actor)).collect())
}
