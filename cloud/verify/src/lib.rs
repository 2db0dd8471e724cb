//! Checks a unit's history without access to the system that recorded it.
//!
//! [`merkle`] is the tree of RFC 9162, [`note`] what the cloud signs, [`history`] the
//! file that holds a unit's history, and what is checked of it. Pure: bytes in, an
//! answer out. `docs/proofs.md` says what is proven by it, and what is not.

pub mod history;
pub mod merkle;
pub mod note;
