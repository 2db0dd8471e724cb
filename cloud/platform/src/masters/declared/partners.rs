//! Suppliers and customers, which share a table, and the people there.

use super::super::declare::{Member, permissions};
use super::super::{Field, Group, Master, Use, rules};

/// One that is both has one row, and both roles.
const FIELDS: &[Field] = &[
    Field::new("partner").listed().rule(rules::code).label("field-code"),
    Field::new("name").listed().personal(),
    Field::new("legal_name").personal(),
    Field::new("roles").needed(),
    Field::new("place").listed(),
    Field::new("gstin").listed().personal().watched().rule(rules::gstin),
    Field::sensitive("pan", "pan_sealed", "pan_index").personal().rule(rules::pan),
    Field::sensitive("bank_account", "bank_account_sealed", "bank_account_index")
        .personal()
        .rule(rules::bank_account),
    Field::new("ifsc").personal().rule(rules::ifsc),
    Field::new("payment_terms").listed(),
    Field::new("currency"),
    Field::new("phone").personal().rule(rules::phone),
    Field::new("email").personal().rule(rules::email),
    Field::new("address").lines().personal(),
    Field::new("postal_code").personal(),
    Field::new("country"),
];

const OPEN_ORDERS: &[Use] = &[Use {
    table: "orders",
    column: "partner",
    name: "number",
    when: "u.status = 'open' and u.type <> 'transfer'",
    text: "masters-used-order",
}];

/// From whom one buys.
pub(super) const SUPPLIERS: Master = Master {
    name: "suppliers",
    table: "partners",
    key: &["partner"],
    fields: FIELDS,
    search: &["partner", "name"],
    member: Some(Member { list: "roles", member: "supplier", column: "is_supplier" }),
    used_in: OPEN_ORDERS,
    group: Group::Partners,
    permissions: permissions!("suppliers"),
    ..Master::NEW
};

/// To whom one sells.
pub(super) const CUSTOMERS: Master = Master {
    name: "customers",
    table: "partners",
    key: &["partner"],
    fields: FIELDS,
    search: &["partner", "name"],
    member: Some(Member { list: "roles", member: "customer", column: "is_customer" }),
    used_in: OPEN_ORDERS,
    group: Group::Partners,
    permissions: permissions!("customers"),
    ..Master::NEW
};

/// People at suppliers and customers. The audit names them by an id that says
/// nothing.
pub(super) const CONTACTS: Master = Master {
    name: "contacts",
    table: "contacts",
    key: &["contact"],
    fields: &[
        Field::new("contact").rule(rules::code).label("field-code"),
        Field::new("name").listed().personal(),
        Field::new("partner").listed(),
        Field::new("job_title").listed().personal(),
        Field::new("phone").listed().personal().watched().rule(rules::phone),
        Field::new("email").listed().personal().watched().rule(rules::email),
        Field::new("language"),
    ],
    search: &["name"],
    filters: &["partner"],
    opaque_key: Some("C-"),
    group: Group::Partners,
    permissions: permissions!("contacts"),
    ..Master::NEW
};
