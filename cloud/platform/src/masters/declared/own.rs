//! Fields that a tenant adds to masters.

use super::super::declare::permissions;
use super::super::{Field, Group, Master, extra, rules};

/// A tenant's own fields of masters.
pub(super) const CUSTOM_FIELDS: Master = Master {
    name: "custom_fields",
    table: "custom_fields",
    key: &["master", "field"],
    fields: &[
        Field::new("master").listed().words(masters).label("field-of_master"),
        Field::new("field").listed().rule(rules::own_field).label("field-own_name"),
        Field::new("labels").listed().needed(),
        Field::new("kind").listed().label("field-own_kind"),
        Field::new("needed").listed(),
        Field::new("listed").label("field-in_lists"),
        Field::new("personal"),
        Field::new("watched"),
        Field::new("position"),
        Field::new("default_value"),
        Field::new("longest"),
        Field::new("pattern").label("field-own_pattern"),
        Field::new("decimals"),
        Field::new("least"),
        Field::new("most"),
        Field::new("choices"),
        Field::new("choices_en"),
        Field::new("choices_hi"),
        Field::new("choices_bn"),
        Field::new("choices_te"),
        Field::new("refers").words(masters),
    ],
    search: &["field", "name"],
    filters: &["master"],
    group: Group::Setup,
    permissions: permissions!(admin "custom_fields"),
    judge: Some(extra::judge),
    ..Master::NEW
};

/// The masters that have own fields.
fn masters() -> Vec<String> {
    super::ALL.iter().filter(|master| master.name != "custom_fields").map(|m| m.name.to_owned()).collect()
}
