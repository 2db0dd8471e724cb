//! The parts of a simulated plant.

pub mod machine;
pub mod people;
pub mod printer;
pub mod scanner;
pub mod truth;
