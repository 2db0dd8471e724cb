//! Where a trace begins besides a UID: a lot, a document, a customer, a machine, a
//! station or a person and a window of time.

mod inside;
mod leads;
mod model;
mod service;
pub mod when;

pub use leads::{leads_in, named_in, plants_of};
pub use model::{Customer, Document, Lead, LotPage, LotPile, LotUnit, OrderView, Pass, Passes, UnitRef};
pub use service::{MOST_LIMIT, Page, Who, clock_of, customer_in, document_in, lot_in, passes_in, window_of};
