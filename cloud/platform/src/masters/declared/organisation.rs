//! Who a tenant is: companies, and below its plants departments and cost centres.

use super::super::declare::permissions;
use super::super::{Field, Group, Master, Use, rules};

/// Legal entities. Their code is set once: documents are numbered by it.
pub(super) const COMPANIES: Master = Master {
    name: "companies",
    table: "companies",
    key: &["code"],
    fields: &[
        Field::new("code").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("legal_name").listed(),
        Field::new("gstin").listed().rule(rules::gstin),
        Field::new("address").lines(),
        Field::new("place").listed(),
        Field::new("postal_code"),
        Field::new("country"),
        Field::new("phone").rule(rules::phone),
        Field::new("email").rule(rules::email),
    ],
    search: &["code", "name"],
    used_in: &[Use {
        table: "plants",
        column: "company",
        name: "code",
        when: "u.deleted_at is null",
        text: "masters-used-plants",
    }],
    group: Group::Organisation,
    permissions: permissions!(admin "companies"),
    ..Master::NEW
};

/// Parts of a plant.
pub(super) const DEPARTMENTS: Master = Master {
    name: "departments",
    table: "departments",
    key: &["plant", "code"],
    fields: &[
        Field::new("plant").listed(),
        Field::new("code").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
    ],
    search: &["code", "name"],
    filters: &["plant"],
    group: Group::Organisation,
    permissions: permissions!("departments"),
    ..Master::NEW
};

/// Where costs are counted: each in a department of a plant.
pub(super) const COST_CENTRES: Master = Master {
    name: "cost_centres",
    table: "cost_centres",
    key: &["code"],
    fields: &[
        Field::new("code").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("plant").listed(),
        Field::new("department").listed(),
    ],
    search: &["code", "name"],
    filters: &["plant"],
    group: Group::Organisation,
    permissions: permissions!("cost_centres"),
    ..Master::NEW
};
