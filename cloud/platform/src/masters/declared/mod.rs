//! The masters that there are.

mod items;
mod money;
mod numbers;
mod organisation;
mod own;
mod partners;
mod plant;

use super::Master;

/// All, in the order in which people see them within their groups.
pub(super) const ALL: &[Master] = &[
    items::ITEMS,
    items::CATEGORIES,
    items::UNITS,
    items::CONVERSIONS,
    items::BARCODES,
    items::ATTRIBUTES,
    partners::SUPPLIERS,
    partners::CUSTOMERS,
    partners::CONTACTS,
    organisation::COMPANIES,
    organisation::DEPARTMENTS,
    organisation::COST_CENTRES,
    plant::WAREHOUSES,
    plant::BINS,
    plant::STATIONS,
    plant::MACHINES,
    plant::SHIFTS,
    plant::OPERATORS,
    plant::REASONS,
    plant::RETENTION_RULES,
    money::TAX_RATES,
    money::PAYMENT_TERMS,
    money::CURRENCIES,
    money::CURRENCY_RATES,
    numbers::DOCUMENT_SERIES,
    own::CUSTOM_FIELDS,
];
