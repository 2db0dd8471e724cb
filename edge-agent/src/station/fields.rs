//! The fields of a draft that a person fills in: on the page, or by scanning
//! `name=value`. The page builds that text; nobody needs to know it by heart.

use chrono::NaiveDate;

use super::codes::Code;
use super::step::{Refusal, Step};

/// Item code.
pub const ITEM: &str = "item";
/// Supplier's lot, batch or heat.
pub const SUPPLIER_LOT: &str = "supplier_lot";
/// Supplier code, where no order says it.
pub const SUPPLIER: &str = "supplier";
/// Day of expiry, `2026-01-31`.
pub const EXPIRES_ON: &str = "expires_on";
/// Day of making.
pub const MADE_ON: &str = "made_on";
/// Supplier's delivery note.
pub const CHALLAN: &str = "challan";
/// Quantity of what was scanned last, or comes next.
pub const QUANTITY: &str = "quantity";
/// Into how many containers.
pub const CONTAINERS: &str = "containers";
/// Reason code.
pub const REASON: &str = "reason";
/// Plant to which a transfer goes.
pub const DESTINATION: &str = "destination";
/// Customer code.
pub const CUSTOMER: &str = "customer";
/// Vehicle's number plate; stays beside the event.
pub const VEHICLE: &str = "vehicle";
/// Invoice number.
pub const INVOICE: &str = "invoice";
/// Place to which things are put; stays set until another is given.
pub const PLACE: &str = "place";
/// Free text; stays beside the event.
pub const NOTE: &str = "note";
/// How many of it are bad.
pub const REJECTED: &str = "rejected";

/// All of them.
pub const NAMES: [&str; 16] = [
    ITEM,
    SUPPLIER_LOT,
    SUPPLIER,
    EXPIRES_ON,
    MADE_ON,
    CHALLAN,
    QUANTITY,
    CONTAINERS,
    REASON,
    DESTINATION,
    CUSTOMER,
    VEHICLE,
    INVOICE,
    PLACE,
    NOTE,
    REJECTED,
];

/// Longest value, in characters.
pub const MAX_VALUE: usize = 120;

/// Splits `name=value` where the name is a field's.
pub(crate) fn split(text: &str) -> Option<(&'static str, &str)> {
    let (name, value) = text.split_once('=')?;
    let name = NAMES.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))?;
    Some((name, value.trim()))
}

/// Puts a value into the draft; an empty one takes the field out.
pub(crate) fn enter(step: &mut Step<'_>, name: &'static str, value: &str) -> Result<(), Refusal> {
    let wrong = || Refusal::new(Code::FIELD_WRONG).arg("field", name).silent();
    if value.is_empty() {
        step.session.fields.remove(name);
        return Ok(());
    }
    let well = match name {
        EXPIRES_ON | MADE_ON => value.parse::<NaiveDate>().is_ok(),
        REJECTED => super::control::quantity(value).is_some(),
        _ => value.chars().count() <= MAX_VALUE && !value.chars().any(char::is_control),
    };
    if !well {
        return Err(wrong());
    }
    step.set(name, value);
    Ok(())
}

/// A day in a field.
pub(crate) fn day(step: &Step<'_>, name: &str) -> Option<NaiveDate> {
    step.field(name)?.parse().ok()
}
