//! Taxes, payment terms, currencies and their rates.

use super::super::declare::permissions;
use super::super::{Field, Group, Master, iso4217, rules};

/// What is added to a price for the state.
pub(super) const TAX_RATES: Master = Master {
    name: "tax_rates",
    table: "tax_rates",
    key: &["tax_rate"],
    fields: &[
        Field::new("tax_rate").listed().rule(rules::code).label("field-code"),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("kind").listed(),
        Field::new("rate").listed().label("field-percent"),
        Field::new("valid_from").listed(),
        Field::new("valid_until").listed(),
    ],
    search: &["tax_rate", "name"],
    group: Group::Money,
    permissions: permissions!("tax_rates"),
    ..Master::NEW
};

/// When an invoice is to be paid.
pub(super) const PAYMENT_TERMS: Master = Master {
    name: "payment_terms",
    table: "payment_terms",
    key: &["payment_terms"],
    fields: &[
        Field::new("payment_terms").listed().rule(rules::code).label("field-code"),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("basis").listed(),
        Field::new("days").listed(),
        Field::new("discount_percent").listed(),
        Field::new("discount_days"),
    ],
    search: &["payment_terms", "name"],
    group: Group::Money,
    permissions: permissions!("payment_terms"),
    ..Master::NEW
};

/// What money is counted in: currencies of ISO 4217, and what a tenant marks as its own.
pub(super) const CURRENCIES: Master = Master {
    name: "currencies",
    table: "currencies",
    key: &["currency"],
    fields: &[
        Field::new("currency").listed().offers(iso4217::offered),
        Field::new("name").listed().filled(),
        Field::new("names"),
        Field::new("symbol").listed().filled(),
        Field::new("decimals").listed().filled(),
        Field::new("own").label("field-own_currency"),
    ],
    search: &["currency", "name"],
    group: Group::Money,
    permissions: permissions!("currencies"),
    fill: Some(iso4217::fill),
    rule: Some(iso4217::rule),
    ..Master::NEW
};

/// What one of a currency is worth in the tenant's own, from a day on.
pub(super) const CURRENCY_RATES: Master = Master {
    name: "currency_rates",
    table: "currency_rates",
    key: &["currency", "valid_on"],
    title: "currency",
    fields: &[Field::new("currency").listed(), Field::new("valid_on").listed(), Field::new("rate").listed()],
    search: &["currency"],
    group: Group::Money,
    permissions: permissions!("currency_rates"),
    ..Master::NEW
};
