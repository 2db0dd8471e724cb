//! What is entered at a station and not done yet, as a person reads it.

use crate::config::{PlantFile, Station};
use crate::messages::Fluent;
use crate::reference::Reference;
use crate::station::types::{Scanned, Session};
use crate::station::{self, fields};
use crate::terminal::Entry;

/// Whether what is typed is a PIN, which nobody may see, on no page.
pub(super) fn asks_pin(session: &Session) -> bool {
    station::is_secret(session, &Scanned::Text(String::new()))
}

/// The draft, line by line.
pub(super) fn draft(
    plant: &PlantFile,
    reference: &Reference,
    session: &Session,
    language: &str,
) -> Vec<String> {
    let text = |key: i64| {
        uid::Key::new(key)
            .map_or_else(|_| key.to_string(), |key| uid::Uid::from_key(plant.tenant, key).to_string())
    };
    let mut lines = Vec::new();
    if let Some((_, number)) = &session.order {
        lines.push(number.clone());
    }
    if let Some(parent) = session.parent {
        lines.push(text(parent));
    }
    // Fields that begin with an underscore are the rules' own notes.
    for (name, value) in session.fields.iter().filter(|(name, _)| !name.starts_with('_')) {
        lines.push(field(reference, language, name, value));
    }
    for key in &session.draft {
        match session.quantities.get(key) {
            Some(quantity) => lines.push(format!("{} × {}", text(*key), quantity.normalize())),
            None => lines.push(text(*key)),
        }
    }
    if asks_pin(session) {
        lines.extend((!session.digits.is_empty()).then(|| "•".repeat(session.digits.chars().count())));
    } else if !session.digits.is_empty() {
        lines.push(session.digits.clone());
    }
    lines
}

/// An entered field with its name, and a reason with its text, in the operator's
/// language.
fn field(reference: &Reference, language: &str, name: &str, value: &str) -> String {
    let key = format!("ui.field.{name}");
    let said = Fluent::say(language, &key, &[]);
    let said = if said == key { name } else { said.as_str() };
    let known = reference.reasons.get(value).filter(|_| name == fields::REASON);
    let text = known.and_then(|reason| reason.texts.get(language).or_else(|| reason.texts.get("en")));
    format!("{said}: {}", text.map_or(value, String::as_str))
}

/// The fields that a person may fill in at this station, as they stand.
pub(super) fn entries(station: &Station, session: &Session) -> Vec<Entry> {
    let offered = fields::offered(station.kind).iter();
    let entry = |(name, entry): &(&str, fields::Form)| Entry {
        name: (*name).to_owned(),
        kind: entry.as_str().to_owned(),
        value: session.fields.get(*name).cloned().unwrap_or_default(),
    };
    offered.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StationKind;
    use crate::station::fixture;

    #[test]
    fn a_draft_names_its_fields() {
        let reference = fixture::reference(chrono::Utc::now());
        assert_eq!(field(&reference, "en", "supplier_lot", "H-1"), "Supplier's lot: H-1");
        assert_eq!(field(&reference, "bn", "place", "RACK-1"), "জায়গা: RACK-1");
        assert_eq!(field(&reference, "te", "reason", "BROKEN"), "కారణం: broken");
        assert_eq!(field(&reference, "en", "of-old", "x"), "of-old: x");
    }

    #[test]
    fn the_digits_of_a_pin_are_shown_to_nobody() {
        let plant = fixture::file(Vec::new());
        let reference = fixture::reference(chrono::Utc::now());
        let mut session = Session { digits: "1234".to_owned(), ..Session::default() };
        assert_eq!(draft(&plant, &reference, &session, "en"), ["1234"]);
        for pending in ["pin", "supervisor-pin"] {
            session.pending = Some(pending.to_owned());
            assert_eq!(draft(&plant, &reference, &session, "en"), ["••••"], "{pending}");
        }
    }

    #[test]
    fn a_station_offers_its_fields_as_they_stand() {
        let stations = fixture::stations();
        let dock = stations.iter().find(|s| s.kind == StationKind::Receiving).unwrap();
        let mut session = Session::default();
        session.fields.insert(fields::EXPIRES_ON.to_owned(), "2026-01-31".to_owned());
        let entries = entries(dock, &session);
        let expiry = entries.iter().find(|entry| entry.name == fields::EXPIRES_ON).unwrap();
        assert_eq!((expiry.kind.as_str(), expiry.value.as_str()), ("date", "2026-01-31"));
        assert!(entries.iter().any(|entry| entry.name == fields::CHALLAN && entry.kind == "text"));
    }
}
