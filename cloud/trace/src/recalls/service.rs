//! What can be done with recalls, as whoever is signed in does it: the right first,
//! then one transaction. Pages and API both go through it.

use chrono::{DateTime, NaiveDate, Utc};
use platform::ctx::Cx;
use platform::db::Tx;
use platform::web::{AppState, Caller, Permission, Problem};
use uuid::Uuid;

use super::act::{self, By, Done};
use super::error::{RecallError, Refused};
use super::model::{Action, Answer, Change, End, KindOf, Status, TRANSITIONS, Wish, transition};
use super::rights::{RECALL_ACTIVATE, RECALL_MANAGE, RECALL_READ};
use super::{begin, close, consignees, read, respond, store};
use crate::genealogy::Genealogy;
use crate::ingest::Committed;

/// Runs `work` in a transaction of this context, and tells its error as a problem.
pub async fn run<T>(
    state: &AppState,
    caller: &Caller,
    cx: &Cx,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T, RecallError>,
) -> Result<T, Problem> {
    state.db.tx(cx, work).await.map_err(|error| error.told(|key| caller.t(key)))
}

/// Runs a question in a transaction that sees the plants where the caller may ask it.
///
/// # Errors
/// 403 without the right; those of `work`.
pub async fn ask<T>(
    state: &AppState,
    caller: &Caller,
    work: impl AsyncFnOnce(&mut Tx) -> Result<T, RecallError>,
) -> Result<T, Problem> {
    caller.require_somewhere(&RECALL_READ)?;
    run(state, caller, &caller.at(&RECALL_READ), work).await
}

/// Begins a recall or a drill; answers its id. A recall is no plant's: the right must be
/// held at all of them.
///
/// # Errors
/// 403; those of [`begin::begin`].
pub async fn begin(
    state: &AppState,
    caller: &Caller,
    genealogy: &Genealogy,
    wish: &Wish,
    now: DateTime<Utc>,
) -> Result<Uuid, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let person = caller.person().ok();
    let past = is_past(caller, wish.target_on, now);
    run(state, caller, &caller.at(&RECALL_MANAGE), async |tx| {
        with_target(past, begin::begin(tx, genealogy, wish, person, now).await)
    })
    .await
}

/// Changes what is said of a recall.
///
/// # Errors
/// 403; those of [`begin::change`].
pub async fn change(
    state: &AppState,
    caller: &Caller,
    recall: Uuid,
    new: &Change,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    caller.require(&RECALL_MANAGE)?;
    let past = is_past(caller, new.target_on, now);
    run(state, caller, &caller.at(&RECALL_MANAGE), async |tx| {
        // One that has passed since may stay as it was set.
        let set = store::recalls::find(tx, recall).await?.and_then(|found| found.target_on);
        with_target(past && set != new.target_on, begin::change(tx, recall, new).await)
    })
    .await
}

/// Whether a day is over where the caller is.
fn is_past(caller: &Caller, target: Option<NaiveDate>, now: DateTime<Utc>) -> bool {
    target.is_some_and(|day| day < now.with_timezone(&caller.zone).date_naive())
}

/// What was done, unless its target date is `past`: that is told with all else that is wrong, and
/// nothing is done then.
fn with_target<T>(past: bool, done: Result<T, RecallError>) -> Result<T, RecallError> {
    let wrong = ("target_on", "recalls-wrong-target-past");
    match done {
        Ok(_) if past => Err(RecallError::Fields(vec![wrong])),
        Err(RecallError::Fields(mut all)) if past => {
            all.push(wrong);
            Err(RecallError::Fields(all))
        }
        done => done,
    }
}

/// Takes the snapshot of a draft again.
///
/// # Errors
/// 403; those of [`begin::take_again`].
pub async fn take_again(
    state: &AppState,
    caller: &Caller,
    genealogy: &Genealogy,
    recall: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    caller.require(&RECALL_MANAGE)?;
    run(state, caller, &caller.at(&RECALL_MANAGE), async |tx| {
        begin::take_again(tx, genealogy, recall, now).await
    })
    .await
}

/// Refuses whoever may do the action in no state at all; answers the right that is asked
/// where no state allows it.
///
/// # Errors
/// 403.
pub fn may_act(caller: &Caller, action: Action) -> Result<Permission, Problem> {
    let rights = || TRANSITIONS.iter().filter(move |way| way.action == action).map(|way| way.right);
    let right =
        rights().find(|right| caller.may(right)).or_else(|| rights().next_back()).unwrap_or(RECALL_ACTIVATE);
    caller.require(&right)?;
    Ok(right)
}

/// Activates, closes or cancels it, by the right that the table of transitions names. A recall of
/// which not all is accounted for is closed where that is said, and why.
///
/// # Errors
/// 403; those of [`close::check`] and [`act::act`].
pub async fn act(
    state: &AppState,
    caller: &Caller,
    (committed, genealogy): (&Committed, &Genealogy),
    recall: Uuid,
    action: Action,
    end: &End,
    now: DateTime<Utc>,
) -> Result<Done, Problem> {
    let least = may_act(caller, action)?;
    let by = By { genealogy, subjects: &state.subjects, person: caller.person().ok() };
    let done = run(state, caller, &caller.at(&least), async |tx| {
        let found = store::recalls::find(tx, recall).await?.ok_or(RecallError::NotFound)?;
        let right = transition(found.kind_of(), found.state(), action).map_or(least, |way| way.right);
        caller.require(&right).map_err(Refused)?;
        let ends = action == Action::Close && found.state() == Status::Active;
        if ends && found.kind_of() == KindOf::Recall {
            let totals = read::effectiveness(tx, recall).await?.totals;
            close::check(&close::open(tx, recall, totals).await?, end)?;
        }
        act::act(tx, &by, recall, action, &end.note, now).await
    })
    .await?;
    if let Some(batch) = done.batch {
        committed.announce(batch);
    }
    Ok(done)
}

/// Whether the caller may say something for a consignee: of a plant whoever manages
/// recalls there, of anybody else who manages them everywhere.
fn may(caller: &Caller, plant: Option<&str>) -> Result<(), RecallError> {
    Ok(caller.require_maybe_at(&RECALL_MANAGE, plant).map_err(Refused)?)
}

/// Notes how it stands with a consignee.
///
/// # Errors
/// 403; those of [`consignees::state_set`].
pub async fn consignee(
    state: &AppState,
    caller: &Caller,
    recall: Uuid,
    consignee: Uuid,
    told: &str,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    run(state, caller, &caller.at(&RECALL_MANAGE), async |tx| {
        consignees::state_set(tx, recall, consignee, told, |plant| may(caller, plant), now).await
    })
    .await
}

/// Writes to contacts of a consignee that were added since; answers how many.
///
/// # Errors
/// 403; those of [`consignees::write_again`].
pub async fn write(
    state: &AppState,
    caller: &Caller,
    recall: Uuid,
    consignee: Uuid,
    now: DateTime<Utc>,
) -> Result<usize, Problem> {
    caller.require(&RECALL_MANAGE)?;
    run(state, caller, &caller.at(&RECALL_MANAGE), async |tx| {
        consignees::write_again(tx, recall, consignee, now).await
    })
    .await
}

/// Enters an answer; answers its id.
///
/// # Errors
/// 403; those of [`respond::respond`].
pub async fn respond(
    state: &AppState,
    caller: &Caller,
    recall: Uuid,
    answer: &Answer,
    now: DateTime<Utc>,
) -> Result<Uuid, Problem> {
    caller.require_somewhere(&RECALL_MANAGE)?;
    run(state, caller, &caller.at(&RECALL_MANAGE), async |tx| {
        // Of what the caller does not see nothing is answered.
        read::find(tx, recall).await?;
        respond::respond(tx, recall, answer, |plant| may(caller, plant), now).await
    })
    .await
}

/// Begins a drill on the scope of a recall; answers its id.
///
/// # Errors
/// As [`begin`].
pub async fn drill(state: &AppState, caller: &Caller, of: Uuid, now: DateTime<Utc>) -> Result<Uuid, Problem> {
    caller.require(&RECALL_MANAGE)?;
    let found = ask(state, caller, async |tx| read::find(tx, of).await).await?;
    let wish = Wish {
        kind: KindOf::Drill.name().to_owned(),
        of: Some(of),
        severity: found.severity,
        reason: found.reason,
        company: found.company,
        ..Wish::default()
    };
    // The very units of that recall: nothing is asked of the genealogy.
    begin(state, caller, &Genealogy::default(), &wish, now).await
}
