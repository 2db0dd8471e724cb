//! Scopes: sets of UIDs that somebody found and kept, to be held or recalled.

pub(crate) mod store;
