//! Files of exceptions: the count, the photo by which one was resolved. Whoever may see one
//! sees them; whoever may resolve it changes them, until it is resolved. Reopened, it takes
//! files again.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::ctx::Cx;
use platform::db::{DbError, Tx};
use platform::files::{Right, Subject, Whose, id_of};
use platform::web::{Caller, Permission};

use super::store;
use crate::pages::say;
use crate::rights::{EXCEPTION_READ, EXCEPTION_RESOLVE};

/// Their name as a kind of thing.
pub const KIND: &str = "exceptions";

const VIEW: &[Permission] = &[EXCEPTION_READ];
const EDIT: &[Permission] = &[EXCEPTION_RESOLVE];

/// Exceptions, as what files are attached to; the key is an exception's id.
pub(crate) const ATTACHED: Subject = Subject {
    kind: KIND,
    whose: Whose::Each { view: VIEW, edit: EDIT, within, reach },
    stands,
    title: Some(title),
    href,
};

fn within(caller: &Caller) -> Cx {
    caller.at(&EXCEPTION_READ)
}

fn href(_kind: &str, key: &str) -> String {
    format!("/exceptions/{key}")
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(false) };
        Ok(store::find(tx, id).await?.is_some())
    }
    .boxed()
}

fn title<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<String>, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(None) };
        let found = store::find(tx, id).await?;
        Ok(found.map(|found| say::exception(&caller.texts, &found.kind)))
    }
    .boxed()
}

fn reach<'a>(
    tx: &'a mut Tx,
    caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<Right>, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(None) };
        let Some(found) = store::find(tx, id).await? else { return Ok(None) };
        let plant = Some(found.plant.as_str()).filter(|plant| !plant.is_empty());
        let may = caller.require_maybe_at(&EXCEPTION_RESOLVE, plant).is_ok();
        Ok(Some(if may && found.status != "resolved" { Right::Edit } else { Right::View }))
    }
    .boxed()
}
