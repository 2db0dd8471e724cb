//! Labels: what is printed for a UID, and how it gets to the printer.

pub mod bitmap;
pub mod cards;
pub mod printer;
pub mod zpl;
