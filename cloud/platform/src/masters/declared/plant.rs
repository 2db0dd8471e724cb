//! What a plant has: places, stations, machines, shifts, people, reasons.

use serde_json::Value;

use super::super::declare::permissions;
use super::super::{Field, Group, Master, Row, publish, rules};
use crate::seed::secrets::{badge_hash, hex, pin_hash};

/// Buildings and areas where things are kept.
pub(super) const WAREHOUSES: Master = Master {
    name: "warehouses",
    table: "warehouses",
    key: &["warehouse"],
    fields: &[
        Field::new("warehouse").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("plant").listed(),
        Field::new("kind").listed(),
        Field::new("address").lines(),
    ],
    search: &["warehouse", "name"],
    filters: &["plant", "kind"],
    group: Group::Plant,
    permissions: permissions!("warehouses"),
    ..Master::NEW
};

/// Places within them: the locations that stations of the plant know.
pub(super) const BINS: Master = Master {
    name: "bins",
    table: "bins",
    key: &["plant", "bin"],
    fields: &[
        Field::new("plant").listed(),
        Field::new("bin").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("warehouse").listed(),
    ],
    search: &["bin", "name"],
    filters: &["plant", "warehouse"],
    group: Group::Plant,
    permissions: permissions!("bins"),
    told: Some(publish::BIN),
    ..Master::NEW
};

/// Where facts are captured.
pub(super) const STATIONS: Master = Master {
    name: "stations",
    table: "stations",
    key: &["plant", "station"],
    fields: &[
        Field::new("plant").listed(),
        Field::new("station").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("kind").listed(),
        Field::new("work_centre").listed(),
    ],
    search: &["station", "name"],
    filters: &["plant", "kind"],
    group: Group::Plant,
    permissions: permissions!("stations"),
    ..Master::NEW
};

/// What makes things.
pub(super) const MACHINES: Master = Master {
    name: "machines",
    table: "machines",
    key: &["machine"],
    fields: &[
        Field::new("machine").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("plant").listed(),
        Field::new("station").listed(),
        Field::new("maker"),
        Field::new("model"),
        Field::new("serial_number"),
        Field::new("units_per_hour"),
        Field::new("commissioned_on"),
    ],
    search: &["machine", "name"],
    filters: &["plant"],
    group: Group::Plant,
    permissions: permissions!("machines"),
    ..Master::NEW
};

/// When people work.
pub(super) const SHIFTS: Master = Master {
    name: "shifts",
    table: "shifts",
    key: &["plant", "shift"],
    fields: &[
        Field::new("plant").listed(),
        Field::new("shift").listed().rule(rules::code),
        Field::new("name").listed(),
        Field::new("names"),
        Field::new("starts").listed(),
        Field::new("ends").listed(),
        Field::new("break_minutes").listed(),
    ],
    search: &["shift", "name"],
    filters: &["plant"],
    group: Group::Plant,
    permissions: permissions!("shifts"),
    ..Master::NEW
};

/// Who stands at stations. A badge opens a station for one person.
pub(super) const OPERATORS: Master = Master {
    name: "operators",
    table: "operators",
    key: &["operator_id"],
    fields: &[
        Field::new("operator_id").listed().rule(rules::code).label("field-code"),
        Field::new("name").listed().personal(),
        Field::secret("badge", "badge_hash").rule(rules::badge),
        Field::secret("pin", "pin_hash").rule(rules::pin),
        Field::new("language").listed(),
        Field::new("supervisor").listed(),
        Field::new("plants").listed().refers("plants"),
        Field::sensitive("pan", "pan_sealed", "pan_index").personal().rule(rules::pan),
        Field::sensitive("bank_account", "bank_account_sealed", "bank_account_index")
            .personal()
            .rule(rules::bank_account),
        Field::new("ifsc").personal().rule(rules::ifsc),
    ],
    search: &["operator_id", "name"],
    unique: &["badge_hash"],
    group: Group::Plant,
    permissions: permissions!(admin "operators"),
    seal: Some(seal),
    told: Some(publish::OPERATOR),
    ..Master::NEW
};

/// Keeps hashes of badge and PIN; the same PIN again keeps its hash.
fn seal(row: &mut Row, before: Option<&Row>) -> Result<(), String> {
    if let Some(Value::String(badge)) = row.remove("badge") {
        row.insert("badge_hash".to_owned(), format!("\\x{}", hex(&badge_hash(&badge))).into());
    }
    if let Some(Value::String(pin)) = row.remove("pin") {
        let old = before.and_then(|before| before.get("pin_hash")).and_then(Value::as_str);
        let hash = pin_hash(&pin, old).map_err(|error| error.to_string())?;
        row.insert("pin_hash".to_owned(), hash.into());
    }
    Ok(())
}

/// How long records of people must be kept.
pub(super) const RETENTION_RULES: Master = Master {
    name: "retention_rules",
    table: "retention_rules",
    key: &["person_kind"],
    fields: &[
        Field::new("person_kind").listed(),
        Field::new("name").listed().label("field-records"),
        Field::new("names"),
        Field::new("years").listed(),
        Field::new("basis").listed().lines(),
    ],
    search: &["person_kind", "name"],
    group: Group::Plant,
    permissions: permissions!(admin "retention_rules"),
    ..Master::NEW
};

/// Why something is scrapped, held, reworked.
pub(super) const REASONS: Master = Master {
    name: "reasons",
    table: "reasons",
    key: &["reason"],
    fields: &[
        Field::new("reason").listed().rule(rules::code),
        Field::new("texts").listed(),
        Field::new("purpose").listed(),
    ],
    search: &["reason", "name"],
    filters: &["purpose"],
    group: Group::Plant,
    permissions: permissions!("reasons"),
    told: Some(publish::REASON),
    ..Master::NEW
};
