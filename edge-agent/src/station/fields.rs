//! The fields of a draft that a person fills in: on the page, or by scanning
//! `name=value`. The page builds that text; nobody needs to know it by heart.

use chrono::NaiveDate;

use super::codes::Code;
use super::step::{Refusal, Step};
use crate::config::StationKind;

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

/// How a field is filled in on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Free text.
    Text,
    /// A quantity.
    Number,
    /// A day.
    Date,
}

impl Form {
    /// The name by which the page knows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Date => "date",
        }
    }
}

/// The fields that the rules of a kind of station read and that no other way of
/// entering (the keypad, a button, a scan of an order) is meant for.
#[must_use]
pub fn offered(kind: StationKind) -> &'static [(&'static str, Form)] {
    use Form::{Date, Number, Text};
    use StationKind as K;
    match kind {
        K::Gate => &[(VEHICLE, Text), (CHALLAN, Text), (INVOICE, Text), (NOTE, Text)],
        K::Receiving => &[
            (ITEM, Text),
            (SUPPLIER_LOT, Text),
            (EXPIRES_ON, Date),
            (MADE_ON, Date),
            (SUPPLIER, Text),
            (CHALLAN, Text),
            (NOTE, Text),
        ],
        K::Opening => &[
            (ITEM, Text),
            (SUPPLIER_LOT, Text),
            (EXPIRES_ON, Date),
            (MADE_ON, Date),
            (SUPPLIER, Text),
            (PLACE, Text),
        ],
        K::Commission => &[(ITEM, Text), (SUPPLIER_LOT, Text), (EXPIRES_ON, Date), (MADE_ON, Date)],
        K::Transformation => &[(ITEM, Text), (EXPIRES_ON, Date)],
        K::Storage | K::Count => &[(PLACE, Text)],
        K::Inspection => &[(REJECTED, Number)],
        K::Assembly | K::Sample | K::Scrap | K::Hold => &[(NOTE, Text)],
        K::TransferOut => {
            &[(DESTINATION, Text), (VEHICLE, Text), (CHALLAN, Text), (INVOICE, Text), (NOTE, Text)]
        }
        K::Dispatch => &[(CUSTOMER, Text), (INVOICE, Text), (VEHICLE, Text), (CHALLAN, Text), (NOTE, Text)],
        K::JobWorkOut | K::ReturnToSupplier => {
            &[(SUPPLIER, Text), (CHALLAN, Text), (VEHICLE, Text), (INVOICE, Text), (NOTE, Text)]
        }
        K::TransferIn | K::JobWorkIn => &[(CHALLAN, Text), (NOTE, Text)],
        K::Return => &[(CUSTOMER, Text), (CHALLAN, Text), (NOTE, Text)],
        K::Issue
        | K::ReturnFromProduction
        | K::Split
        | K::Operation
        | K::Load
        | K::Rework
        | K::Packing
        | K::Kit
        | K::Label => &[],
    }
}

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
