//! Files of requests. Who may see a request, or is asked about it, sees its files; who
//! raised it adds and changes them until somebody approves it, and again when it comes
//! back: what was approved stays as it was when it was approved.

use super::pages::{may_see, owner};
use super::store;
use super::{KIND, REQUEST_RAISE, REQUEST_READ};
use crate::ctx::Cx;
use crate::db::{DbError, Tx};
use crate::files::{Right, Subject, Whose, id_of};
use crate::web::{Caller, Permission};
use crate::workflow::store::instances::{self, Happened};
use crate::workflow::{DECIDE, READ, reads, show};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// Whoever has one of these may see files of some requests.
const VIEW: &[Permission] = &[REQUEST_RAISE, REQUEST_READ, DECIDE, READ];
/// Whoever has it may attach files to some requests.
const EDIT: &[Permission] = &[REQUEST_RAISE];

/// Requests, as what files are attached to; the key is a request's id.
pub const ATTACHED: Subject = Subject {
    kind: KIND,
    whose: Whose::Each { view: VIEW, edit: EDIT, within, reach },
    stands,
    title: Some(title),
    href,
};

/// Anywhere: whoever is asked about one may be so at a plant where they have no other right.
fn within(caller: &Caller) -> Cx {
    caller.cx.clone()
}

fn href(_kind: &str, key: &str) -> String {
    format!("/requests/{key}")
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        match id_of(key) {
            Some(id) => Ok(store::find(tx, id).await?.is_some()),
            None => Ok(false),
        }
    }
    .boxed()
}

fn title<'a>(
    tx: &'a mut Tx,
    _caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<String>, DbError>> {
    async move {
        match id_of(key) {
            Some(id) => Ok(store::find(tx, id).await?.map(|request| request.subject)),
            None => Ok(None),
        }
    }
    .boxed()
}

/// Whether files of a request in this state may change.
async fn changes(tx: &mut Tx, id: Uuid, state: &str) -> Result<bool, DbError> {
    match state {
        "sent_back" => Ok(true),
        "open" => match instances::of_subject(tx, KIND, id).await? {
            Some(instance) => Ok(!is_approved(&instances::history(tx, instance.instance_id).await?)),
            None => Ok(true),
        },
        _ => Ok(false),
    }
}

/// Whether somebody approved it since it was raised or sent once more. Pure.
fn is_approved(history: &[Happened]) -> bool {
    let sent = |it: &Happened| matches!(it.what.as_str(), "started" | "resubmitted");
    history.iter().rev().take_while(|it| !sent(it)).any(|it| it.what == "approve")
}

fn reach<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<Right>, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(None) };
        let Some(request) = store::find(tx, id).await? else { return Ok(None) };
        let own = caller.may(&REQUEST_RAISE) && request.raised_by == owner(caller, &request);
        if own && changes(tx, id, &request.state).await? {
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
        let all = reads(caller, request.plant.as_deref());
        Ok((asked || all).then_some(Right::View))
    }
    .boxed()
}
