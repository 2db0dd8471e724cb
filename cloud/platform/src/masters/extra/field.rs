//! A tenant's own field, and a field at a plant, as columns of the engine.

use serde_json::{Map, Value};

use super::super::declare::Field;
use super::super::kind::{Kind, LONGEST_TEXT, Range};
use super::super::named;
use super::super::shape::{Column, Label, Lies};
use super::OWN;
use super::store::OwnField;

/// Digits before the point of an own number.
const WHOLE: u32 = 12;

static PLAIN: Field = Field::new("custom");
static PERSONAL: Field = Field::new("custom").personal();
static WATCHED: Field = Field::new("custom").watched();
static PERSONAL_AND_WATCHED: Field = Field::new("custom").personal().watched();

/// Whether lists are narrowed by a range of it.
pub(in crate::masters) fn by_range(kind: &Kind) -> bool {
    matches!(kind, Kind::Decimal { .. } | Kind::Date)
}

/// The column of an own field, and the master that it refers to. Whatever is said of
/// people (`of_people`) is personal, marked or not.
pub(super) fn column(own: OwnField, of_people: bool) -> (Column, Option<String>) {
    let kind = match own.kind.as_str() {
        "number" => Kind::Decimal {
            whole: WHOLE,
            scale: u32::try_from(own.decimals).unwrap_or(0),
            range: Range { least: own.least.map(|least| (least, true)), most: own.most },
        },
        "date" => Kind::Date,
        "flag" => Kind::Flag,
        "choice" => Kind::Named(named::of(&own.choices, &own.called())),
        kind => Kind::Text {
            longest: own.longest.and_then(|most| usize::try_from(most).ok()).unwrap_or(LONGEST_TEXT),
            lines: kind == "lines",
        },
    };
    let default = own.default_value.and_then(|text| kind.read(&text).ok()).filter(|value| !value.is_null());
    let labels = match own.labels {
        Value::Object(labels) => labels,
        _ => Map::new(),
    };
    let column = Column {
        name: format!("{OWN}{}", own.field),
        field: match (own.personal || of_people, own.watched) {
            (false, false) => &PLAIN,
            (true, false) => &PERSONAL,
            (false, true) => &WATCHED,
            (true, true) => &PERSONAL_AND_WATCHED,
        },
        lies: Lies::Own,
        label: Label::Own(labels),
        // A default stands for what is not given.
        required: own.needed && default.is_none(),
        listed: own.listed,
        pattern: own.pattern.as_deref().and_then(whole),
        kind,
        default,
        is_key: false,
    };
    (column, own.refers.filter(|_| own.kind == "reference"))
}

/// A regular expression that all of a text must match.
pub(super) fn whole(pattern: &str) -> Option<regex::Regex> {
    let bounded = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(100_000).build();
    bounded.ok()
}

/// The column of what a field is at one plant.
pub(super) fn at_plant(central: &Column, plant: &str) -> Column {
    Column {
        name: format!("{}@{plant}", central.name),
        field: central.field,
        lies: Lies::Plant,
        label: Label::At(plant.to_owned()),
        required: false,
        listed: false,
        pattern: None,
        kind: central.kind.clone(),
        default: None,
        is_key: false,
    }
}
