//! Files can be attached to the rows of every master: a drawing to an item, a
//! certificate to a supplier.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::shape::SEPARATOR;
use super::{declared, store};
use crate::db::{DbError, Tx};
use crate::files::{Subject, Whose};
use crate::web::escaped;

/// Every master, as what files are attached to.
#[must_use]
pub fn subjects() -> Vec<Subject> {
    let subject = |master: &super::Master| Subject {
        kind: master.name,
        whose: Whose::Of { view: master.permissions.view, edit: master.permissions.edit },
        stands,
        title: None,
        href,
    };
    declared::ALL.iter().map(subject).collect()
}

fn href(kind: &str, key: &str) -> String {
    format!("/masters/{kind}/row/{}", escaped(key, b"-_./:"))
}

/// Whether there is such a row, deleted or not: its files go on being seen.
fn stands<'a>(tx: &'a mut Tx, kind: &'static str, key: &'a str) -> BoxFuture<'a, Result<bool, DbError>> {
    async move {
        let Some(master) = declared::ALL.iter().find(|master| master.name == kind) else { return Ok(false) };
        let parts: Vec<&str> = if master.key.len() == 1 { vec![key] } else { key.split(SEPARATOR).collect() };
        if parts.len() != master.key.len() || key.contains('\0') {
            return Ok(false);
        }
        Ok(store::row_stands(tx, master, &parts).await?)
    }
    .boxed()
}
