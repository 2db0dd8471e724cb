//! Files of requests. Who may see a request, or is asked about it, sees its files; who
//! raised it adds and changes them as long as it is on its way: what was approved stays
//! as it was when it was approved.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::pages::{may_see, owner};
use super::store;
use super::{KIND, REQUEST_RAISE, REQUEST_READ};
use crate::db::{DbError, Tx};
use crate::files::{Right, Subject, Whose};
use crate::web::{Caller, Permission};
use crate::workflow::store::instances;
use crate::workflow::{DECIDE, READ, show};

/// Whoever has one of these may see files of some requests.
const VIEW: &[Permission] = &[REQUEST_RAISE, REQUEST_READ, DECIDE, READ];
/// Whoever has it may attach files to some requests.
const EDIT: &[Permission] = &[REQUEST_RAISE];

/// Requests, as what files are attached to; the key is a request's id.
pub const ATTACHED: Subject =
    Subject { kind: KIND, whose: Whose::Each { view: VIEW, edit: EDIT, reach }, stands, href };

fn href(_kind: &str, key: &str) -> String {
    format!("/requests/{key}")
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        match Uuid::parse_str(key) {
            Ok(id) => Ok(store::find(tx, id).await?.is_some()),
            Err(_) => Ok(false),
        }
    }
    .boxed()
}

fn reach<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<Right>, DbError>> {
    async move {
        let Ok(id) = Uuid::parse_str(key) else { return Ok(None) };
        let Some(request) = store::find(tx, id).await? else { return Ok(None) };
        let own = caller.may(&REQUEST_RAISE) && request.raised_by == owner(caller, &request);
        if own && matches!(request.state.as_str(), "open" | "sent_back") {
            return Ok(Some(Right::Edit));
        }
        if own || may_see(caller, &request) {
            return Ok(Some(Right::View));
        }
        let Some(instance) = instances::of_subject(tx, KIND, id).await? else { return Ok(None) };
        let asked = match caller.person() {
            Ok(person) => show::sees(tx, &instance, person, chrono::Utc::now()).await?,
            Err(_) => false,
        };
        let all = match &request.plant {
            Some(plant) => caller.may_at(&READ, plant),
            None => caller.may(&READ),
        };
        Ok((asked || all).then_some(Right::View))
    }
    .boxed()
}
