//! What stands and works in a plant: machines, printers, scanners and people,
//! each with real clients or servers; and what truly happened.

pub mod journal;
pub mod machine;
pub mod people;
pub mod printer;
pub mod process;
pub mod scanner;
pub mod socket;
pub mod truth;
