//! Files of holds: a laboratory's report, photos of what is wrong. Whoever may see a hold sees
//! them. Whoever places or releases holds where it holds something changes them, until it is
//! released: by them that was decided.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use platform::ctx::Cx;
use platform::db::{DbError, Tx};
use platform::files::{Right, Subject, Whose, id_of};
use platform::web::{Caller, Permission};

use super::store::one;
use crate::explore::store::scope;
use crate::pages::words;
use crate::rights::{HOLD_PLACE, HOLD_READ, HOLD_RELEASE};

/// Their name as a kind of thing.
pub const KIND: &str = "holds";

const VIEW: &[Permission] = &[HOLD_READ];
const EDIT: &[Permission] = &[HOLD_PLACE, HOLD_RELEASE];

/// Holds, as what files are attached to; the key is a hold's id.
pub(crate) const ATTACHED: Subject = Subject {
    kind: KIND,
    whose: Whose::Each { view: VIEW, edit: EDIT, within, reach },
    stands,
    title: Some(title),
    href,
};

fn within(caller: &Caller) -> Cx {
    caller.at(&HOLD_READ)
}

fn href(_kind: &str, key: &str) -> String {
    format!("/holds/{key}")
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        let Some(id) = id_of(key) else { return Ok(false) };
        Ok(one::one(tx, id).await?.is_some())
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
        let Some(hold) = one::one(tx, id).await? else { return Ok(None) };
        Ok(Some(words::reason(tx, &caller.texts, &hold.reason).await?))
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
        let Some(hold) = one::one(tx, id).await? else { return Ok(None) };
        if hold.status != "placed" {
            return Ok(Some(Right::View));
        }
        for right in EDIT.iter().filter(|right| caller.may(right)) {
            let here = match caller.plants(right).codes() {
                None => true,
                Some(plants) => scope::hold_reach(tx, id, &plants).await?.0,
            };
            if here {
                return Ok(Some(Right::Edit));
            }
        }
        Ok(Some(Right::View))
    }
    .boxed()
}
