//! What choices do: corrections and holds by the office, in its own stream.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::web::{Caller, Permission, Problem};
use proto::v1::{Reference, Role, Stage, Subject};
use serde_json::Value;
use uuid::Uuid;

use super::kinds::{Act, Given};
use super::store::{self, Row};
use crate::explore::holding::HoldingError;
use crate::explore::order::Stamp;
use crate::genealogy::Genealogy;
use crate::holds::{self, Note, Scope};
use crate::ingest::notify::Batch;
use crate::ingest::{corrections, office, store as ingest_store};
use crate::rights::{EXCEPTION_RESOLVE, HOLD_PLACE, HOLD_RELEASE};

/// What an exception's choices have to act on.
#[must_use]
pub(super) fn given(row: &Row) -> Given {
    let fact = match (row.agent_id, row.epoch, row.seq) {
        (Some(agent), Some(epoch), Some(seq)) => Some(Stamp { agent, epoch, seq }),
        _ => None,
    };
    Given { unit: row.key.is_some(), fact, other: super::kinds::other(&row.detail) }
}

/// Does it; answers the batch to be announced once the transaction has committed. The
/// last thing in the transaction: it locks the tenant's counters.
///
/// # Errors
/// 403 without the right at the plant of what is corrected or held; 409 where there is
/// nothing left to do; those of the database.
pub(super) async fn act(
    tx: &mut Tx,
    caller: &Caller,
    row: &Row,
    act: Act,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<Batch>, Problem> {
    let given = given(row);
    match act {
        Act::Records => Ok(None),
        Act::Checks => {
            let known = known(tx, &row.detail).await?;
            if known { Ok(None) } else { Err(Problem::conflict("exception.still_unknown", "")) }
        }
        Act::CorrectsFact => correct(tx, caller, row, given.fact, reason, now).await.map(Some),
        Act::CorrectsOther => correct(tx, caller, row, given.other, reason, now).await.map(Some),
        Act::Holds => {
            let plant = (!row.plant.is_empty()).then_some(row.plant.as_str());
            caller.require_maybe_at(&HOLD_PLACE, plant)?;
            let key = row.key.ok_or_else(Problem::not_found)?;
            let scope = Scope::Label { key, descendants: false };
            let reason = shortened(&on_one_line(reason), holds::MAX_REASON);
            let done = holds::place(tx, &Genealogy::default(), &scope, &reason, now)
                .await
                .map_err(HoldingError::from)?;
            Ok(Some(done.batch))
        }
    }
}

/// Writes the correction of a fact into the office's stream.
async fn correct(
    tx: &mut Tx,
    caller: &Caller,
    row: &Row,
    at: Option<Stamp>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Batch, Problem> {
    let gone = || Problem::conflict("exception.no_fact", "");
    let at = at.ok_or_else(gone)?;
    let fact = store::fact(tx, at).await.map_err(platform::db::DbError::from)?;
    let fact = fact.filter(|fact| !fact.event_id.is_nil()).ok_or_else(gone)?;
    let plant = (!fact.plant.is_empty()).then_some(fact.plant.as_str());
    caller.require_maybe_at(&EXCEPTION_RESOLVE, plant)?;
    if let Some(right) = right_beside(fact.root, fact.corrections) {
        caller.require_maybe_at(right, plant)?;
    }
    if is_undone(tx, fact.event_id).await? {
        return Err(Problem::conflict("exception.corrected", ""));
    }
    // That a hold of a plant was wrong ends it as a release does: its plant, which has it on the
    // label, is told, and so are those who see holds.
    let holds = store::standing_holds(tx, at).await.map_err(platform::db::DbError::from)?;
    if let Some(batch) = release(tx, caller, &holds, reason, now).await? {
        return Ok(batch);
    }
    let units = store::fact_units(tx, at).await.map_err(platform::db::DbError::from)?;
    let note = Note::new(reason);
    let mut draft = office::draft(Stage::Correct, now);
    draft.corrects = fact.event_id.as_bytes().to_vec();
    draft.plant = fact.plant;
    draft.reason = holds::OFFICE.to_owned();
    draft.note_hash = note.hash();
    draft.input_id = format!("exception:{}:{}", row.exception_id, row.version);
    draft.references =
        vec![Reference { r#type: "exception".into(), number: row.exception_id.to_string(), line: 0 }];
    draft.subjects = units
        .into_iter()
        .map(|key| Subject { key, role: Role::Subject.into(), ..Subject::default() })
        .collect();
    let told = office::append(tx, now, vec![draft]).await.map_err(Problem::internal)?;
    holds::notes_insert(tx, told.stream, &[told.from_seq], &note)
        .await
        .map_err(platform::db::DbError::from)?;
    Ok(told.batch)
}

/// The right that correcting needs beside that of resolving exceptions: what ends a hold is a
/// release, and what puts one back is a hold. `root` is the stage of what was done, and
/// `corrections` how many corrections stand between it and the fact that is corrected. Pure.
fn right_beside(root: i16, corrections: i64) -> Option<&'static Permission> {
    let undone = corrections % 2 == 0;
    match (root == Stage::Hold as i16, root == Stage::Release as i16) {
        (true, _) if undone => Some(&HOLD_RELEASE),
        (true, _) => Some(&HOLD_PLACE),
        (_, true) if undone => Some(&HOLD_PLACE),
        (_, true) => Some(&HOLD_RELEASE),
        _ => None,
    }
}

/// Releases these holds, where the caller may at every plant of theirs; answers the batch to
/// announce, `None` where there is no hold.
async fn release(
    tx: &mut Tx,
    caller: &Caller,
    holds: &[Uuid],
    reason: &str,
    now: DateTime<Utc>,
) -> Result<Option<Batch>, Problem> {
    let reason = shortened(&on_one_line(reason), holds::MAX_REASON);
    let mut batch = None;
    for hold in holds {
        let plants = store::hold_plants(tx, *hold).await.map_err(platform::db::DbError::from)?;
        for plant in plants {
            caller.require_at(&HOLD_RELEASE, &plant)?;
        }
        let done = holds::release(tx, *hold, &reason, now).await.map_err(HoldingError::from)?;
        batch = Some(done.batch);
    }
    Ok(batch)
}

/// A reason without its lines. Pure.
fn on_one_line(text: &str) -> String {
    text.split(char::is_control).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Whether an event counts as never done already.
async fn is_undone(tx: &mut Tx, event: Uuid) -> Result<bool, Problem> {
    let tenant = tx.tenant();
    let family =
        ingest_store::corrections::family(tx, tenant, event).await.map_err(platform::db::DbError::from)?;
    let pairs: Vec<(Uuid, Uuid)> =
        family.iter().filter_map(|one| Some((one.event_id, one.corrects?))).collect();
    Ok(corrections::undone(event, &pairs))
}

/// Whether the masters know by now what they lacked.
async fn known(tx: &mut Tx, detail: &Value) -> Result<bool, Problem> {
    let tenant = tx.tenant();
    let value = detail["value"].as_str().unwrap_or_default();
    let unknown = match detail["master"].as_str() {
        Some("operator") => ingest_store::masters::operators_unknown(tx, tenant, &[value]).await,
        _ => ingest_store::masters::items_unknown(tx, tenant, &[value]).await,
    };
    Ok(unknown.map_err(platform::db::DbError::from)?.is_empty())
}

/// A text of at most so many characters. Pure.
fn shortened(text: &str, most: usize) -> String {
    let cut: String = text.chars().take(most).collect();
    cut.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_hold_takes_the_right_to_release() {
        let right =
            |stage: Stage, corrections| right_beside(stage as i16, corrections).map(|right| right.code);
        assert_eq!(right(Stage::Hold, 0), Some("hold.release"));
        assert_eq!(right(Stage::Hold, 1), Some("hold.place"), "the hold stands again");
        assert_eq!(right(Stage::Release, 0), Some("hold.place"));
        assert_eq!(right(Stage::Release, 1), Some("hold.release"), "the release stands again");
        assert_eq!((right(Stage::Grn, 0), right(Stage::Consume, 1)), (None, None));
    }

    #[test]
    fn a_text_is_cut_by_characters() {
        assert_eq!(shortened("abc", 200), "abc");
        assert_eq!(shortened("कखग", 2), "कख");
        assert_eq!(shortened("ab cd", 3), "ab");
    }
}
