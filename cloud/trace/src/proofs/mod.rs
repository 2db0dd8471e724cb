//! Proofs: a Merkle tree per tenant over the bytes of its events, signed heads of it, and
//! units' histories that anybody can check. Tables: `proof_trees`, `proof_batches`,
//! `proof_tiles`, `proof_keys`, `proof_heads`.
//!
//! A job follows the tenant's batches and takes each into the tree once, in the
//! transaction that moves its cursor; what is in the tree stands in tiles of 256 hashes,
//! so that 10 million events are 40 thousand rows. What is proven by it, and what is not,
//! says `docs/proofs.md`; the crate `verify` checks it without this system.

mod altered;
mod api;
pub mod check;
mod compare;
mod corrected;
pub mod export;
pub mod heads;
mod held;
mod links;
mod look;
mod pages;
mod rows;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod tiles;
mod told;
pub mod tree;
mod uids;
mod worker;

use axum::http::StatusCode;
use platform::db::DbError;
use platform::i18n::{Lang, Sources};
use platform::secrets::SecretError;
use platform::web::{Module, NavGroup, NavItem, Permission, Problem, Seen};
use verify::note::NoteError;

use crate::explore::error::TraceError;

pub use altered::PROOF_ALTERED;
pub(crate) use api::file;

/// See proofs, and take out units' histories with them.
pub const PROOF_READ: Permission = Permission::read("proof.read");
/// Put a new key of signatures into use, and have the check run.
pub const PROOF_MANAGE: Permission = Permission::admin("proof.manage");

const NAV: [NavItem; 1] = [NavItem {
    group: NavGroup::Trace,
    href: "/proofs",
    label_key: "nav-proofs",
    icon: "check",
    seen: Seen::With(PROOF_READ),
}];

/// The texts of this part.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];

/// Why something was not proven.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// A tile, a head or a key is not what it was when it was written.
    #[error("what is kept of the tree is damaged")]
    Damaged,
    /// Nothing is in the tree yet.
    #[error("no event is in the tree yet")]
    Empty,
    /// There is no such event, or it is not in the tree yet.
    #[error("there is no such event in the tree")]
    NoEvent,
    /// Sizes that no two trees have that grew from one another.
    #[error("sizes are from 1 to {0}, the first not above the second")]
    Sizes(i64),
    /// A round of the check is under way, or asked for.
    #[error("a check is under way; wait until it has ended")]
    Checking,
    /// A unit with more events than one file takes.
    #[error("a history has at most {0} events")]
    TooLong(i64),
    /// The code that was asked for.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The keys of secrets.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The key of signatures.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// What stands of UIDs takes longer to read than a statement may.
    #[error(transparent)]
    Slow(DbError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for ProofError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Db(error) | ProofError::Slow(error) => error.into(),
            ProofError::Trace(error) => error.into(),
            ProofError::Empty => Self::new(StatusCode::NOT_FOUND, "proof.empty", error.to_string()),
            ProofError::NoEvent => Self::new(StatusCode::NOT_FOUND, "proof.event", error.to_string()),
            ProofError::Sizes(_) => Self::bad_request("proof.sizes", error.to_string()),
            ProofError::Checking => Self::conflict("proof.checking", error.to_string()),
            ProofError::TooLong(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "proof.too_long", error.to_string())
            }
            ProofError::Damaged | ProofError::Secrets(_) | ProofError::Note(_) => Self::internal(error),
        }
    }
}

/// What this process has checked, for Prometheus.
#[must_use]
pub fn metrics() -> String {
    let check::Counted { leaves, uids, altered } = check::counted();
    format!(
        "# HELP tracewright_proof_checked_leaves_total Events compared with the Merkle tree.\n\
         # TYPE tracewright_proof_checked_leaves_total counter\n\
         tracewright_proof_checked_leaves_total {leaves}\n\
         # HELP tracewright_proof_checked_uids_total UIDs whose rows were compared with their events.\n\
         # TYPE tracewright_proof_checked_uids_total counter\n\
         tracewright_proof_checked_uids_total {uids}\n\
         # HELP tracewright_proof_altered_total Events and UIDs found changed behind the application's back.\n\
         # TYPE tracewright_proof_altered_total counter\n\
         tracewright_proof_altered_total {altered}\n"
    )
}

/// What the server has to know of proofs.
#[must_use]
pub fn module(committed: &crate::ingest::Committed) -> Module {
    let follows = committed.clone();
    let asked = worker::Asked::default();
    let waits = asked.clone();
    Module::new("proofs")
        .feature(crate::features::PRODUCTION)
        .routes(api::router().merge(pages::router()).layer(axum::Extension(asked)))
        .nav(NAV)
        .operations(api::operations())
        .permissions(&[PROOF_READ, PROOF_MANAGE])
        .texts(TEXTS)
        .kinds(&[PROOF_ALTERED])
        .job("tree", |state, stop| async move {
            worker::run(state, follows, stop).await;
        })
        .job("check", |state, stop| async move {
            worker::check(state, waits, stop).await;
        })
}
