//! Exceptions: facts that disagree, and the inbox in which people resolve them.
//! Tables: `exceptions`, `exception_steps`, `exception_digests`.
//!
//! Nothing is resolved by being forgotten: an exception ends by a person's choice,
//! with a reason, or when facts that came later agree ([`WITHDRAWN`]).

mod act;
pub mod api;
mod attached;
pub mod kinds;
pub mod model;
pub(crate) mod old;
pub mod service;
mod sides;
pub(crate) mod store;
#[cfg(test)]
mod tests;

pub(crate) use attached::ATTACHED;
pub use attached::KIND;

use platform::i18n::{Lang, Sources};
use platform::notify;

use crate::rights::EXCEPTION_RESOLVE;

/// The resolution of an exception that the system withdrew; pages say it in the
/// reader's language.
pub const WITHDRAWN: &str = "withdrawn: facts that came later agree";

/// The resolution of one that is told by a gap of the hold: one act is one exception. Pages say
/// it in the reader's language.
pub const TOLD_AS_GAP: &str = "told as a gap of the hold";

/// The reason why the system opened a resolved exception again; pages say it in the
/// reader's language.
pub const FOUND_AGAIN: &str = "found again: a check still sees it";

/// An exception was given to somebody to resolve.
pub const ASSIGNED: notify::Kind =
    notify::Kind::mailed("exception.assigned").urgent().to_whom_may(EXCEPTION_RESOLVE);
/// Exceptions of a plant have been open for long; once a day, to whoever wants it.
pub const OLD: notify::Kind = notify::Kind::shown("exception.old").to_whom_may(EXCEPTION_RESOLVE);
/// What people are told of exceptions.
pub const NOTICES: &[notify::Kind] = &[ASSIGNED, OLD];

/// The texts of the inbox.
pub const TEXTS: Sources<'static> = [
    (Lang::En, include_str!("i18n/en.ftl")),
    (Lang::Hi, include_str!("i18n/hi.ftl")),
    (Lang::Bn, include_str!("i18n/bn.ftl")),
    (Lang::Te, include_str!("i18n/te.ftl")),
];
