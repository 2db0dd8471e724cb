//! Files of scopes: what led to them. Whoever may see a scope sees them; whoever may delete it
//! changes them.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::ctx::{Cx, Plants};
use platform::db::{DbError, Tx};
use platform::files::{Right, Subject, Whose, id_of};
use platform::web::{Caller, Permission};

use super::rights::{SCOPE_READ, SCOPE_WRITE};
use super::service;
use super::store::kept;

/// Their name as a kind of thing.
pub const KIND: &str = "scopes";

const VIEW: &[Permission] = &[SCOPE_READ];
const EDIT: &[Permission] = &[SCOPE_WRITE];

/// Scopes, as what files are attached to; the key is a scope's id.
pub(crate) const ATTACHED: Subject = Subject {
    kind: KIND,
    whose: Whose::Each { view: VIEW, edit: EDIT, within, reach },
    stands,
    title: Some(title),
    href,
};

/// Whoever lacks one of the two rights that scopes take sees none of any plant; [`reach`]
/// refuses them their own too.
fn within(caller: &Caller) -> Cx {
    service::reading(caller).unwrap_or_else(|_| caller.cx.at(Plants::none()))
}

fn href(_kind: &str, key: &str) -> String {
    format!("/suspects/scopes/{key}")
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(false) };
        Ok(kept::get(tx, id).await?.is_some())
    }
    .boxed()
}

fn title<'a>(
    tx: &'a mut Tx,
    _caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<String>, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(None) };
        Ok(kept::get(tx, id).await?.map(|scope| scope.name))
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
        if service::reading(caller).is_err() {
            return Ok(None);
        }
        let Some(scope) = kept::get(tx, id).await? else { return Ok(None) };
        let may = service::writing(caller).is_ok_and(|cx| scope.own || cx.plants.is_all());
        Ok(Some(if may { Right::Edit } else { Right::View }))
    }
    .boxed()
}
