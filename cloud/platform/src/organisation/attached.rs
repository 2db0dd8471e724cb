//! Files of plants: licences, layouts, certificates. Who keeps plants sees and changes them,
//! as on the page that has them.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{PLANT_MANAGE, store};
use crate::db::{DbError, Tx};
use crate::files::{Subject, Whose};
use crate::web::{Caller, escaped};

/// Their name as a kind of thing.
pub(super) const KIND: &str = "plants";

/// Plants, as what files are attached to; the key is a plant's code.
pub(super) const PLANTS: Subject = Subject {
    kind: KIND,
    whose: Whose::Of { view: PLANT_MANAGE, edit: PLANT_MANAGE },
    stands,
    title: Some(title),
    href,
};

fn href(_kind: &str, key: &str) -> String {
    format!("/organisation/{}", escaped(key, b"-_."))
}

fn stands<'a>(tx: &'a mut Tx, _kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move { Ok(!key.contains('\0') && store::plant_seen(tx, key).await?.is_some()) }.boxed()
}

fn title<'a>(
    tx: &'a mut Tx,
    _caller: &'a Caller,
    key: &'a str,
) -> BoxFuture<'a, Result<Option<String>, DbError>> {
    async move { Ok(store::plant_seen(tx, key).await?.map(|plant| format!("{} {}", plant.code, plant.name))) }
        .boxed()
}
