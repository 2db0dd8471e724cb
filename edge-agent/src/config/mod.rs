//! The plant file: one TOML document that describes a plant to its agent.
//!
//! [`load`] reads and checks a file; [`parse`] checks a text already in memory.
//! Both report every mistake at once, each with the line, what was found and
//! what was expected. The rest of the agent sees only the typed [`model`],
//! which holds nothing unchecked.

mod caution;
mod check;
pub mod model;

pub use caution::cautions;
pub use check::{LoadError, MAX_FILE_BYTES, Mistake, load, parse};
pub use model::*;
