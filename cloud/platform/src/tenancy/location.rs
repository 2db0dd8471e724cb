//! Where a plant stands, as the specification's JSON form says it: a text, or an object of
//! parts whose names it leaves open.

use serde_json::Value;

/// Parts of an address in the order in which people write them; what else there is
/// follows, with its name.
const ORDER: [&str; 16] = [
    "name",
    "building",
    "address",
    "line1",
    "address_line1",
    "street",
    "line2",
    "address_line2",
    "area",
    "city",
    "district",
    "state",
    "postal_code",
    "pincode",
    "zip",
    "country",
];

/// The location as lines of an address; none when it says nothing.
pub(super) fn address(location: &Value) -> Option<String> {
    let lines = match location {
        Value::Object(parts) => {
            let known = ORDER.iter().filter_map(|name| text(parts.get(*name)?));
            let further = parts.iter().filter(|(name, _)| !ORDER.contains(&name.as_str()));
            known
                .chain(further.filter_map(|(name, value)| Some(format!("{name}: {}", text(value)?))))
                .collect()
        }
        other => Vec::from_iter(text(other)),
    };
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A part as people write it; none when it is empty.
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Object(parts) if parts.is_empty() => return None,
        Value::Array(parts) if parts.is_empty() => return None,
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        other => other.to_string(),
    };
    let text: String = text.trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_location_is_an_address_in_its_order() {
        let parts = json!({ "country": "India", "city": "Kolkata", "street": "1 Port Road", "state": "",
                            "gps": { "lat": 22.5, "lon": 88.3 } });
        assert_eq!(
            address(&parts).as_deref(),
            Some("1 Port Road\nKolkata\nIndia\ngps: {\"lat\":22.5,\"lon\":88.3}")
        );
        assert_eq!(address(&json!("Dock 4\0")).as_deref(), Some("Dock 4"));
        for nothing in [json!({}), json!(null), json!("  "), json!([])] {
            assert_eq!(address(&nothing), None, "{nothing}");
        }
    }
}
