//! Items, their categories, units and conversions.

use super::super::declare::{Link, permissions};
use super::super::{Field, Group, Master, Use, barcodes, conversions, publish, rules, variants};

/// What is bought, made, kept and sold.
pub(super) const ITEMS: Master = Master {
    name: "items",
    table: "items",
    key: &["item"],
    fields: &[
        Field::new("item").listed().rule(rules::code),
        Field::new("names").listed().needed(),
        Field::new("type_code").listed().rule(rules::type_code),
        Field::new("category").listed(),
        Field::new("base_unit").listed().refers("units"),
        Field::new("second_unit").refers("units"),
        Field::new("tracking").listed(),
        Field::new("shelf_life_days").per_plant(),
        Field::new("inspect").per_plant(),
        Field::new("gtin").tidied(rules::gtin_padded).rule(rules::gtin),
        Field::new("hsn"),
        Field::new("tax_rate"),
        Field::new("reorder_level").per_plant(),
        Field::new("reorder_quantity").per_plant(),
        Field::new("safety_stock").per_plant(),
        Field::new("lead_time_days").per_plant(),
        Field::new("default_bin").at_plant("bins"),
        Field::new("variant_of"),
        Field::new("variant"),
        Field::new("description").lines(),
    ],
    search: &["item", "name"],
    filters: &["category", "type_code", "tracking", "variant_of"],
    unique: &["gtin"],
    used_in: &[
        Use { table: "bom_lines", column: "child", name: "parent", when: "true", text: "masters-used-bom" },
        Use { table: "bom_lines", column: "parent", name: "parent", when: "true", text: "masters-used-bom" },
        Use {
            table: "orders",
            column: "item",
            name: "number",
            when: "u.status = 'open'",
            text: "masters-used-order",
        },
        Use {
            table: "order_lines",
            column: "item",
            name: "number",
            when: "exists (select from orders o where o.tenant_id = u.tenant_id and o.type = u.type
                   and o.number = u.number and o.status = 'open')",
            text: "masters-used-order",
        },
    ],
    group: Group::Items,
    permissions: permissions!("items"),
    told: Some(publish::ITEM),
    judge: Some(variants::judge),
    link: Some(Link { all: "/masters/item_attributes", one: "/items/variants/", text: "variants-title" }),
    ..Master::NEW
};

/// By what items differ that are otherwise one: size, colour.
pub(super) const ATTRIBUTES: Master = Master {
    name: "item_attributes",
    table: "item_attributes",
    key: &["attribute"],
    fields: &[
        Field::new("attribute").listed().rule(rules::own_field),
        Field::new("names").listed().needed(),
        Field::new("choices").listed().needed(),
    ],
    search: &["attribute", "name"],
    group: Group::Items,
    permissions: permissions!("item_attributes"),
    ..Master::NEW
};

/// What is printed on goods and packages, and what it stands for.
pub(super) const BARCODES: Master = Master {
    name: "item_barcodes",
    table: "item_barcodes",
    key: &["barcode"],
    title: "item",
    fields: &[
        Field::new("barcode").listed().rule(rules::barcode),
        Field::new("item").listed(),
        Field::new("kind").listed(),
        Field::new("unit").listed(),
        Field::new("quantity").listed(),
    ],
    search: &["barcode", "item"],
    filters: &["item"],
    case_counts: true,
    group: Group::Items,
    permissions: permissions!("item_barcodes"),
    judge: Some(barcodes::judge),
    ..Master::NEW
};

/// Groups of items, one within the other.
pub(super) const CATEGORIES: Master = Master {
    name: "item_categories",
    table: "item_categories",
    key: &["category"],
    fields: &[
        Field::new("category").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("parent").listed().label("field-parent_category"),
        Field::new("description").lines(),
    ],
    search: &["category", "name"],
    group: Group::Items,
    permissions: permissions!("item_categories"),
    ..Master::NEW
};

/// What quantities are counted and measured in.
pub(super) const UNITS: Master = Master {
    name: "units",
    table: "units",
    key: &["unit"],
    fields: &[
        Field::new("unit").listed().rule(rules::unit),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("symbol").listed(),
        Field::new("dimension").listed(),
        Field::new("decimals").listed(),
        Field::new("tax_code").listed(),
    ],
    search: &["unit", "name"],
    group: Group::Items,
    permissions: permissions!("units"),
    ..Master::NEW
};

/// How much of one unit another is.
pub(super) const CONVERSIONS: Master = Master {
    name: "unit_conversions",
    table: "unit_conversions",
    key: &["item", "from_unit", "to_unit"],
    title: "from_unit",
    fields: &[
        Field::new("from_unit").listed(),
        Field::new("to_unit").listed(),
        Field::new("factor").listed(),
        Field::new("item").listed().refers("items").label("field-only_item"),
    ],
    search: &["item", "from_unit"],
    group: Group::Items,
    permissions: permissions!("unit_conversions"),
    judge: Some(conversions::judge),
    ..Master::NEW
};
