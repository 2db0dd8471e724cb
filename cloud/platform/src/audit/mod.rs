//! Who changed what, from where: written in the transaction of the change, and
//! never edited by anyone.
//!
//! Tables: `audit_log`, `audit_chain`, `audit_unchained`. A worker chains the rows
//! after their commit ([`chain`]), so that the chain makes nobody wait; people
//! read them on a page and by the API.

mod api;
pub mod chain;
mod did;
mod list;
mod pages;
mod sheet;
mod store;
#[cfg(test)]
mod tests;
mod who;
mod worker;

pub use api::operations;
pub(crate) use did::{said, whom};
pub(crate) use who::nameable;
pub use who::names;
pub use worker::run;

use axum::Router;
use serde_json::Value;
use uuid::Uuid;

use crate::db::{DbError, Tx};
use crate::i18n::{Lang, Sources};
use crate::web::{AppState, Module, NavGroup, NavItem, Permission, Seen};

/// Read who changed what.
pub const AUDIT_READ: Permission = Permission::admin("audit.read");

/// What the endpoints here ask for.
pub const PERMISSIONS: &[Permission] = &[AUDIT_READ];

/// The side navigation of the audit.
pub const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Setup,
    href: "/audit",
    label_key: "nav-audit",
    icon: "proof",
    seen: Seen::With(AUDIT_READ),
}];

/// The texts of the audit.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("texts/en.ftl")),
    (Lang::Hi, include_str!("texts/hi.ftl")),
    (Lang::Bn, include_str!("texts/bn.ftl")),
    (Lang::Te, include_str!("texts/te.ftl")),
];

/// The page and the API of the audit.
pub fn router() -> Router<AppState> {
    pages::router().merge(api::router())
}

/// A change worth remembering.
#[derive(Debug, Clone, Default)]
pub struct Entry<'a> {
    /// What was done, as `noun.verb`: `agent.revoke`, `hold.place`.
    pub action: &'a str,
    /// What it was done to, as `noun:id`; people by their opaque id only.
    pub subject: &'a str,
    /// How it was, if it was.
    pub before: Option<Value>,
    /// How it is now, if it is.
    pub after: Option<Value>,
}

/// Records a change by the transaction's actor, with its origin. No secret and
/// nothing personal belongs into `before` and `after`: the row stays for ever. Of which
/// plants it is follows from its `plant` and its subject (`app.plants_of_audit`); where it
/// does not, [`record_at`] says it.
///
/// # Errors
/// Those of the database; the change must then not be committed either.
pub async fn record(tx: &mut Tx, entry: Entry<'_>) -> Result<(), DbError> {
    record_at(tx, &[], entry).await
}

/// [`record`] of what is at these plants, as the row itself does not show; of none, that
/// is [`record`].
///
/// # Errors
/// As [`record`].
pub async fn record_at(tx: &mut Tx, plants: &[String], entry: Entry<'_>) -> Result<(), DbError> {
    let tenant = tx.tenant();
    sqlx::query!(
        "insert into audit_log (tenant_id, audit_id, action, subject, before, after, plants)
         values ($1, $2, $3, $4, $5, $6, nullif($7::text[], '{}'))",
        tenant,
        Uuid::now_v7(),
        entry.action,
        entry.subject,
        entry.before,
        entry.after,
        plants,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A change that one of many entries keeps; see [`Entry`].
#[derive(Debug, Clone)]
pub struct Kept {
    /// As in [`Entry::action`].
    pub action: &'static str,
    /// As in [`Entry::subject`].
    pub subject: String,
    /// How it was, if it was.
    pub before: Option<Value>,
    /// How it is now, if it is.
    pub after: Option<Value>,
}

/// [`record`] for many changes at once, in their order.
///
/// # Errors
/// Those of the database; the changes must then not be committed either.
pub async fn record_all(tx: &mut Tx, entries: &[Kept]) -> Result<(), DbError> {
    if entries.is_empty() {
        return Ok(());
    }
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = entries.iter().map(|_| Uuid::now_v7()).collect();
    let actions: Vec<String> = entries.iter().map(|entry| entry.action.to_owned()).collect();
    let subjects: Vec<String> = entries.iter().map(|entry| entry.subject.clone()).collect();
    let before: Vec<Value> = entries.iter().map(|entry| entry.before.clone().unwrap_or_default()).collect();
    let after: Vec<Value> = entries.iter().map(|entry| entry.after.clone().unwrap_or_default()).collect();
    sqlx::query!(
        "insert into audit_log (tenant_id, audit_id, action, subject, before, after)
         select $1, w.id, w.action, w.subject, nullif(w.before, 'null'::jsonb), nullif(w.after, 'null'::jsonb)
         from unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[])
              as w(id, action, subject, before, after)",
        tenant,
        &ids,
        &actions,
        &subjects,
        &before,
        &after,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the server has to know of the audit.
#[must_use]
pub fn module() -> Module {
    Module::new("audit")
        .routes(router())
        .operations(operations())
        .nav(NAV)
        .permissions(PERMISSIONS)
        .texts(TEXTS)
        .views(&["audit"])
        .job("chaining", |state, stop| async move { run(state.db.clone(), stop).await })
}
