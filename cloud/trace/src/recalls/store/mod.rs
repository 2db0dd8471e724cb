//! All SQL of recalls.

pub mod answers;
pub mod consignees;
pub mod letters;
pub mod locate;
pub mod members;
pub mod recalls;
pub mod sheet;
pub mod since;
