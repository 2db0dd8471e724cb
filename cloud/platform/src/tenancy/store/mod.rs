//! All SQL of the organisation and of enrolment tokens.

mod enrolment;
mod leaving;
mod organisation;
mod places;

pub(super) use enrolment::*;
pub(super) use leaving::*;
pub(super) use organisation::*;
pub(super) use places::*;
