//! The two sides of an exception, laid out for reading. Pure.

use chrono::{DateTime, Utc};
use platform::i18n::Texts;
use serde_json::Value;

use super::say::{self, Zones};

/// One side.
#[derive(Debug, PartialEq, Eq)]
pub struct Side {
    /// Its heading; empty for what belongs to none.
    pub title: String,
    /// What it says: a name, and a value.
    pub rows: Vec<(String, String)>,
}

/// Keys of a detail that say something to a person, and the texts that name them;
/// the rest stands in the details beneath.
const ROWS: [(&str, &str); 18] = [
    ("stage", "trace-stage"),
    ("occurred_at", "trace-time"),
    ("claimed_at", "trace-time"),
    ("recorded_at", "trace-recorded"),
    ("plant", "trace-plant"),
    ("told_by_plant", "trace-plant"),
    ("station", "trace-station"),
    ("operator", "trace-operator"),
    ("overridden_by", "trace-overridden"),
    ("reason", "trace-reason"),
    ("reference", "trace-document"),
    ("hold", "trace-held"),
    ("waits_for", "trace-waits"),
    ("parked_at", "trace-since"),
    ("problem", "trace-problem"),
    ("type", "trace-kind"),
    ("old_epoch", "trace-old-epoch"),
    ("new_epoch", "trace-new-epoch"),
];
const SIDES: [(&str, &str); 5] = [
    ("fact", "trace-side-fact"),
    ("against", "trace-side-against"),
    ("first", "trace-side-fact"),
    ("second", "trace-side-against"),
    ("session", "trace-side-session"),
];

/// What a detail says, in the reader's language, with times in the zone of the
/// plant that told them.
#[must_use]
pub fn sides(texts: &Texts, zones: &Zones, plant: &str, detail: &Value) -> Vec<Side> {
    let own = Side { title: String::new(), rows: rows(texts, zones, plant, detail) };
    let others = SIDES.iter().filter_map(|(key, title)| {
        let side = detail.get(key).filter(|side| side.is_object())?;
        let plant = side.get("plant").and_then(Value::as_str).unwrap_or(plant);
        Some(Side { title: texts.t(title), rows: rows(texts, zones, plant, side) })
    });
    std::iter::once(own).chain(others).filter(|side| !side.rows.is_empty()).collect()
}

fn rows(texts: &Texts, zones: &Zones, plant: &str, side: &Value) -> Vec<(String, String)> {
    let said = |key: &str| {
        let text = match side.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let zone = zones.of(plant);
        let text = match key {
            "stage" => say::stage(texts, &text),
            "waits_for" => say::name(texts, "waits", &text),
            _ if key.ends_with("_at") => match text.parse::<DateTime<Utc>>() {
                Ok(at) => texts.time(&at, zone),
                Err(_) => text,
            },
            _ => text,
        };
        (!text.is_empty()).then_some(text)
    };
    ROWS.iter().filter_map(|(key, name)| Some((texts.t(name), said(key)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use platform::i18n::Lang;
    use serde_json::json;

    #[test]
    fn a_detail_is_said_in_the_readers_language_and_the_plants_time() {
        let all = std::sync::Arc::new(platform::i18n::I18n::new().with_all(super::super::TEXTS));
        for (_, key) in ROWS.iter().chain(&SIDES) {
            assert!(all.has(key), "{key}");
        }
        for wait in crate::projection::waits::ALL {
            assert!(all.has(&format!("trace-waits-{}", wait.waits_for)), "{}", wait.waits_for);
        }
        let zones = Zones::new(vec![("KOL".into(), "Asia/Kolkata".into())], chrono_tz::Tz::UTC);
        let detail = json!({
            "uid": "UID-SAIF-KOL-RM-000001-A7",
            "fact": { "stage": "DISPATCH", "plant": "KOL", "occurred_at": "2025-01-15T10:30:00Z", "epoch": 1 },
            "against": null,
        });
        let english = sides(&Texts::new(all.clone(), Lang::En), &zones, "", &detail);
        assert_eq!(english.len(), 1);
        assert_eq!(english[0].rows[0], ("Stage".into(), "Dispatched".into()));
        assert!(
            english[0].rows.iter().any(|(_, value)| value.contains("16:00") || value.contains("4:00")),
            "{english:?}"
        );
        let hindi = sides(&Texts::new(all, Lang::Hi), &zones, "", &detail);
        assert_ne!(hindi[0].rows[0], english[0].rows[0]);
    }
}
