//! Whether the caller may have somebody else decide: for themselves whom they like, for
//! others only as far as the caller's own rights reach, and never themselves.

use chrono::{DateTime, Utc};

use super::delegations::{self, New};
use super::error::WorkflowError;
use super::store::people::Delegation;
use crate::people::{self, By};
use crate::web::{AppState, Caller, Problem};

/// Lends what `new` says, if the caller may. That somebody manages workflows, where it is
/// for another, the handler has asked before.
///
/// # Errors
/// `rights.beyond` for a person who has more than the caller; inside, what is wrong with
/// what was sent.
pub(super) async fn create(
    state: &AppState,
    caller: &Caller,
    new: &New<'_>,
    now: DateTime<Utc>,
) -> Result<Result<Delegation, WorkflowError>, Problem> {
    let own = caller.person()?;
    if new.person != own {
        let by = By::caller(state, caller);
        if let Some(beyond) = people::beyond_of(&state.db, &by, new.person).await? {
            return Err(beyond.into());
        }
        // Who manages workflows would give themselves what others may approve.
        if new.delegate == own && by.holds_everything().is_err() {
            return Ok(Err(WorkflowError::Field("delegate", "workflow-delegation-wrong-manager")));
        }
    }
    Ok(state.db.tx(&caller.cx, async |tx| delegations::create(tx, new, now).await).await)
}
