//! Labels: what is printed for a UID, and how it gets to the printer. One
//! [`layout`] is what [`zpl`] sends to a printer and [`svg`] shows to a person.

pub mod bitmap;
pub mod cards;
pub mod fonts;
pub mod layout;
pub mod printer;
pub mod svg;
pub mod zpl;
