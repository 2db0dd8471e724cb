//! Files can be attached to the rows of every master: a drawing to an item, a
//! certificate to a supplier.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::shape::SEPARATOR;
use super::{attach_store as store, declared};
use crate::db::{DbError, Tx};
use crate::files::{Subject, Whose};
use crate::web::escaped;

/// Every master, as what files are attached to.
#[must_use]
pub fn subjects() -> Vec<Subject> {
    let subject = |master: &super::Master| Subject {
        kind: master.name,
        whose: whose(master),
        stands,
        title: None,
        href,
    };
    declared::ALL.iter().map(subject).collect()
}

/// Who changes a row changes its files: of one of single plants, who may there.
fn whose(master: &super::Master) -> Whose {
    let (view, edit) = (master.permissions.view, master.permissions.edit);
    match store::place_of(master) {
        Some(_) => Whose::At { view, edit, plants },
        None => Whose::Of { view, edit },
    }
}

fn href(kind: &str, key: &str) -> String {
    format!("/masters/{kind}/row/{}", escaped(key, b"-_./:"))
}

/// Whether there is such a row, deleted or not: its files go on being seen.
fn stands<'a>(tx: &'a mut Tx, kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        let Some((master, parts)) = row(kind, key) else { return Ok(false) };
        Ok(store::row_stands(tx, master, &parts).await?)
    }
    .boxed()
}

/// The plants of a row.
fn plants<'a>(
    tx: &'a mut Tx,
    kind: &'static str,
    key: &'a str,
) -> BoxFuture<'a, Result<Vec<String>, DbError>> {
    async move {
        let Some((master, parts)) = row(kind, key) else { return Ok(Vec::new()) };
        Ok(store::row_plants(tx, master, &parts).await?)
    }
    .boxed()
}

/// The master, and the parts of a key that may be one of its rows'.
fn row<'k>(kind: &str, key: &'k str) -> Option<(&'static super::Master, Vec<&'k str>)> {
    let master = declared::ALL.iter().find(|master| master.name == kind)?;
    let parts: Vec<&str> = if master.key.len() == 1 { vec![key] } else { key.split(SEPARATOR).collect() };
    (parts.len() == master.key.len() && !key.contains('\0')).then_some((master, parts))
}
