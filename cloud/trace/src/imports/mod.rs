//! Import of a history that exists: a file of events, CSV or JSON lines, becomes the
//! stream of an agent of its own, chained and ingested exactly as a plant's, so that
//! proofs, genealogy and exceptions hold for it as for any other.
//!
//! The agent is known by the file's hash, and every byte of its events follows from the
//! file and from the moment at which the import began: so its cursor is the place at
//! which it goes on after whatever stopped it, and the same file again changes nothing.
//!
//! Rows count by their time, wherever in the file they stand: [`order`].
//!
//! Pure parts: [`read`] (a file's rows), [`row`] (a row's event), [`parts`] (cells that
//! hold several things), [`masters`] (what they may name), [`order`], [`seal`] (identity and
//! chain).

pub mod changed;
mod judged;
pub mod masters;
pub mod order;
pub mod parts;
pub mod read;
pub mod row;
pub mod seal;
pub mod service;
mod settle;
mod store;
#[cfg(test)]
mod tests;

use platform::printable;

pub use read::Form;
pub use service::{End, ImportError, Report, Wish, run};
pub use settle::{STILL, settle};

/// Something that is not right in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: u64,
    /// The column's name; empty for the row as a whole.
    pub column: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

impl Mistake {
    fn new(line: u64, column: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { line, column: column.into(), problem: problem.into() }
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // They hold what stands in the file, which may be no text at all.
        let problem = printable(&self.problem);
        match printable(&self.column).as_str() {
            "" => write!(f, "line {}: {problem}", self.line),
            column => write!(f, "line {}, {column}: {problem}", self.line),
        }
    }
}
