//! The two sides of an exception, laid out for reading. Pure.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use platform::i18n::Texts;
use serde_json::Value;

use super::say::{self, Zones};
use super::words::{Codes, Words};

/// One side.
#[derive(Debug, PartialEq, Eq)]
pub struct Side {
    /// Its heading; empty for what belongs to none.
    pub title: String,
    /// Where it is told in full; `None` where nowhere.
    pub href: Option<String>,
    /// What it says: a name, and a value.
    pub rows: Vec<(String, String)>,
}

/// Keys of a detail that say something to a person, and the texts that name them;
/// the rest stands in the details beneath.
const ROWS: [(&str, &str); 24] = [
    ("stage", "trace-stage"),
    ("occurred_at", "trace-time"),
    ("claimed_at", "trace-time"),
    ("recorded_at", "trace-recorded"),
    ("plant", "trace-plant"),
    ("told_by_plant", "trace-plant"),
    ("agent_name", "trace-agent"),
    ("seq", "exceptions-seq"),
    ("station", "trace-station"),
    ("operator", "trace-operator"),
    ("overridden_by", "trace-overridden"),
    ("reason", "trace-reason"),
    ("reference", "trace-document"),
    ("item", "trace-item"),
    ("quantity", "trace-quantity"),
    ("whole", "exceptions-whole"),
    ("hold", "trace-held"),
    ("waits_for", "trace-waits"),
    ("parked_at", "trace-since"),
    ("what", "trace-problem"),
    ("problem", "trace-problem"),
    ("type", "trace-kind"),
    ("old_epoch", "trace-old-epoch"),
    ("new_epoch", "trace-new-epoch"),
];
const SIDES: [(&str, &str); 6] = [
    ("event", "exceptions-side-event"),
    ("fact", "trace-side-fact"),
    ("against", "trace-side-against"),
    // Of two births the second one shows it, and is what a correction of the fact corrects.
    ("second", "trace-side-fact"),
    ("first", "trace-side-against"),
    ("session", "trace-side-session"),
];

/// What of a hold says something to a person.
const HOLD: [(&str, &str); 5] = [
    ("reason", "exceptions-hold-reason"),
    ("owner", "exceptions-hold-owner"),
    ("placed_by", "exceptions-hold-by"),
    ("placed_at", "exceptions-hold-since"),
    ("released_at", "exceptions-hold-until"),
];

/// What a detail says, in the reader's language, with times in the zone of the
/// plant that told them. `who` says who somebody in the office is, `words` what plants mean.
#[must_use]
pub(super) fn sides(
    texts: &Texts,
    (zones, words): (&Zones, &Words),
    plant: &str,
    detail: &Value,
    who: &dyn Fn(&str) -> String,
) -> Vec<Side> {
    let said = |plant: &str, side: &Value| rows(texts, (zones, words), plant, side);
    // A fact that waits for another: what has not come yet is the other side.
    let waits = detail.get("waits_for").is_some();
    let title = if waits { texts.t("trace-side-missing") } else { String::new() };
    let own = Side { title, href: None, rows: said(plant, detail) };
    let others = SIDES.iter().filter_map(|(key, title)| {
        let side = detail.get(key).filter(|side| side.is_object())?;
        let plant = side.get("plant").and_then(Value::as_str).unwrap_or(plant);
        Some(Side { title: texts.t(title), href: None, rows: said(plant, side) })
    });
    let more = [hold(texts, (zones.of(plant), words), detail, who), differs(texts, detail)];
    std::iter::once(own)
        .chain(others)
        .chain(more.into_iter().flatten())
        .filter(|side| !side.rows.is_empty())
        .collect()
}

/// The hold that a fact disagrees with.
fn hold(
    texts: &Texts,
    (zone, words): (Tz, &Words),
    detail: &Value,
    who: &dyn Fn(&str) -> String,
) -> Option<Side> {
    let hold = detail.get("hold").filter(|hold| hold.is_object())?;
    let rows = HOLD.iter().filter_map(|(key, name)| {
        let text = hold.get(key)?.as_str().filter(|text| !text.is_empty())?;
        let text = match *key {
            "owner" | "placed_by" => who(text),
            "placed_at" | "released_at" => time(texts, zone, text),
            "reason" => words.reason(texts, text),
            _ => text.to_owned(),
        };
        Some((texts.t(name), text))
    });
    let href = hold.get("hold_id").and_then(Value::as_str).map(|id| format!("/holds/{id}"));
    Some(Side { title: texts.t("trace-side-against"), href, rows: rows.collect() })
}

/// Whoever a detail names besides in facts: those whose names a page has to know.
pub fn people(detail: &Value) -> Vec<String> {
    let hold = detail.get("hold");
    let one = |key: &str| hold?.get(key)?.as_str().map(str::to_owned);
    ["owner", "placed_by"].into_iter().filter_map(one).collect()
}

/// Codes of plants that a detail shows: who did it, and why.
pub(super) fn codes(detail: &Value, codes: &mut Codes) {
    let sides = SIDES.iter().filter_map(|(key, _)| detail.get(key));
    for side in sides.chain(detail.get("hold")).chain([detail]) {
        let text = |key: &str| side.get(key).and_then(Value::as_str).unwrap_or_default();
        codes.person(text("operator"));
        codes.person(text("overridden_by"));
        codes.reason(text("reason"));
        codes.item(text("item"));
    }
}

/// What stands in the database beside what an event's bytes say.
fn differs(texts: &Texts, detail: &Value) -> Option<Side> {
    let told = |value: &Value| value.as_str().filter(|text| !text.is_empty()).unwrap_or("–").to_owned();
    let rows = detail.get("differs")?.as_array()?.iter().map(|one| {
        let values = [("stored", told(&one["stored"])), ("said", told(&one["said"]))]
            .map(|(name, text)| (name, platform::i18n::Value::from(text)));
        (told(&one["column"]), texts.with("exceptions-stored-said", &values))
    });
    Some(Side { title: texts.t("exceptions-side-differs"), href: None, rows: rows.collect() })
}

fn time(texts: &Texts, zone: Tz, text: &str) -> String {
    match text.parse::<DateTime<Utc>>() {
        Ok(at) => texts.time(&at, zone),
        Err(_) => text.to_owned(),
    }
}

fn rows(texts: &Texts, (zones, words): (&Zones, &Words), plant: &str, side: &Value) -> Vec<(String, String)> {
    let said = |key: &str| {
        let text = match side.get(key)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        let text = match key {
            "stage" => say::stage(texts, &text),
            "waits_for" => say::name(texts, "waits", &text),
            "operator" | "overridden_by" => words.person(&text).to_owned(),
            "reason" => words.reason(texts, &text),
            "item" => words.item(texts, &text),
            "quantity" => {
                let unit = side.get("unit").and_then(Value::as_str).unwrap_or_default();
                format!("{text} {}", words.unit(unit)).trim_end().to_owned()
            }
            "what" => texts.or(&format!("exceptions-altered-{text}"), &text),
            _ if key.ends_with("_at") => time(texts, zones.of(plant), &text),
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
        let all =
            platform::i18n::I18n::new().with_all(super::super::TEXTS).with_all(crate::exceptions::TEXTS);
        let all = std::sync::Arc::new(all);
        for (_, key) in ROWS.iter().chain(&SIDES).chain(&HOLD) {
            assert!(all.has(key), "{key}");
        }
        for wait in crate::projection::waits::ALL {
            assert!(all.has(&format!("trace-waits-{}", wait.waits_for)), "{}", wait.waits_for);
        }
        let words = Words::told([("P-1001", "Ananya Sen")], [("SUSPECT_LOT", "Suspect lot")]);
        let zones = Zones::new(vec![("KOL".into(), "Asia/Kolkata".into())], chrono_tz::Tz::UTC);
        let detail = json!({
            "uid": "UID-SAIF-KOL-RM-000001-A7",
            "fact": { "stage": "DISPATCH", "plant": "KOL", "occurred_at": "2025-01-15T10:30:00Z", "epoch": 1 },
            "against": null,
        });
        let english =
            sides(&Texts::new(all.clone(), Lang::En), (&zones, &words), "", &detail, &str::to_owned);
        assert_eq!(english.len(), 1);
        assert_eq!(english[0].rows[0], ("Stage".into(), "Dispatched".into()));
        assert!(
            english[0].rows.iter().any(|(_, value)| value.contains("16:00") || value.contains("4:00")),
            "{english:?}"
        );
        let altered = json!({
            "what": "columns",
            "event": { "stage": "DISPATCH", "agent_name": "KOL-1", "seq": "7" },
            "differs": [{ "column": "outcome", "stored": "2", "said": null }],
        });
        let told = sides(&Texts::new(all.clone(), Lang::En), (&zones, &words), "", &altered, &str::to_owned);
        let [problem, event, differs] = told.as_slice() else { panic!("{told:?}") };
        assert!(!problem.rows[0].1.contains("columns say") && problem.rows[0].1 != "columns", "{problem:?}");
        assert!(event.rows.contains(&("Agent".into(), "KOL-1".into())), "{event:?}");
        assert!(differs.rows[0].0 == "outcome" && differs.rows[0].1.contains('2'), "{differs:?}");
        let waits = json!({ "waits_for": "birth", "fact": { "stage": "DISPATCH" } });
        let told = sides(&Texts::new(all.clone(), Lang::En), (&zones, &words), "", &waits, &str::to_owned);
        let titles: Vec<&str> = told.iter().map(|side| side.title.as_str()).collect();
        assert_eq!(titles, ["What is missing", "What shows it"]);
        let held = json!({ "hold": { "hold_id": "H", "reason": "crack", "placed_by": "user:1" } });
        let told = sides(&Texts::new(all.clone(), Lang::En), (&zones, &words), "", &held, &|_| "Asha".into());
        assert_eq!(told[0].href.as_deref(), Some("/holds/H"));
        let values: Vec<&str> = told[0].rows.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["crack", "Asha"]);
        assert_eq!(people(&held), ["user:1"]);
        let born = json!({
            "first": { "stage": "GRN", "operator": "P-1001", "item": "STEEL", "quantity": "25.5", "unit": "kg" },
            "second": { "stage": "COMMISSION", "reason": "SUSPECT_LOT", "whole": "UID-X" },
        });
        let told = sides(&Texts::new(all.clone(), Lang::En), (&zones, &words), "", &born, &str::to_owned);
        // What "Correct what shows it" corrects is the second one.
        let [second, first] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(
            (second.title.as_str(), first.title.as_str()),
            ("What shows it", "What it disagrees with")
        );
        let values = |side: &Side| side.rows.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>();
        assert!(
            values(first).ends_with(&["Ananya Sen".into(), "STEEL".into(), "25.5 kg".into()]),
            "{first:?}"
        );
        assert!(values(second).ends_with(&["Suspect lot".into(), "UID-X".into()]), "{second:?}");
        let mut shown = Codes::default();
        codes(&born, &mut shown);
        let mut wanted = Codes::default();
        wanted.person("P-1001");
        wanted.reason("SUSPECT_LOT");
        wanted.item("STEEL");
        assert_eq!(shown, wanted);
        let hindi = sides(&Texts::new(all, Lang::Hi), (&zones, &words), "", &detail, &str::to_owned);
        assert_ne!(hindi[0].rows[0], english[0].rows[0]);
    }
}
