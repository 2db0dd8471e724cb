//! Control codes as buttons: those that mean something at a station, with what
//! it waits for, and each reason and operation by its name.

use crate::config::{Language, PlantFile, Station, StationKind};
use crate::reference::Reference;
use crate::station;
use crate::station::control::{Control, Verb};
use crate::terminal::Button;

/// A station in the middle of something.
pub(super) struct Place<'a> {
    pub plant: &'a PlantFile,
    pub station: &'a Station,
    pub reference: &'a Reference,
    /// What the session waits for, such as `hold`.
    pub waits_for: Option<&'a str>,
    pub signed_in: bool,
    pub language: &'a str,
}

/// The buttons of a station's page.
pub(super) fn buttons(place: &Place<'_>) -> Vec<Button> {
    let Place { plant, station, reference, language, .. } = place;
    let mut buttons = Vec::new();
    if !place.signed_in {
        buttons.push(button(Verb::Login, None, None));
    }
    buttons.push(button(Verb::Done, None, None));
    buttons.extend(own_verbs(station.kind).iter().map(|verb| button(*verb, None, None)));
    if station::takes_order(station.kind) {
        buttons.push(button(Verb::Order, None, None));
    }
    if station.operations.len() > 1 {
        buttons.extend(station.operations.iter().map(|code| {
            let known = plant.operations.iter().find(|operation| operation.code == *code);
            let name = Language::from_code(language).zip(known).map(|(l, operation)| operation.name.get(l));
            button(Verb::Op, Some(code), Some(name.unwrap_or(code)))
        }));
    }
    for code in reasons(station, reference, purposes(station.kind, place.waits_for)) {
        let texts = reference.reasons.get(code).map(|reason| &reason.texts);
        let text = texts.and_then(|texts| texts.get(*language).or_else(|| texts.get("en")));
        buttons.push(button(Verb::Reason, Some(code), Some(text.map_or(code, String::as_str))));
    }
    // A vehicle has no label that could be held.
    let hold = (station.kind != StationKind::Gate).then_some(Verb::Hold);
    let reprint = station.printer.is_some().then_some(Verb::Reprint);
    let logout = place.signed_in.then_some(Verb::Logout);
    let everywhere = [Some(Verb::Qty), Some(Verb::Undo), Some(Verb::Cancel), Some(Verb::Correct)];
    let more = everywhere.into_iter().chain([hold, reprint, logout, Some(Verb::Help)]).flatten();
    buttons.extend(more.map(|verb| button(verb, None, None)));
    for digit in ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "."] {
        let offered = button(Verb::Digit, Some(digit), None);
        buttons.push(offered.map(|button| Button { verb: digit.to_owned(), ..button }));
    }
    buttons.push(button(Verb::Enter, None, None));
    buttons.into_iter().flatten().collect()
}

/// A button; none where the value cannot stand in a control code.
fn button(verb: Verb, value: Option<&str>, text: Option<&str>) -> Option<Button> {
    let control = Control::with(verb, value).ok()?;
    Some(Button {
        verb: verb.as_str().to_owned(),
        code: control.to_string(),
        text: text.filter(|text| !text.is_empty()).map(str::to_owned),
    })
}

/// What means something at this kind of station beside what does everywhere.
fn own_verbs(kind: StationKind) -> &'static [Verb] {
    use StationKind as K;
    match kind {
        K::Inspection | K::Operation | K::Load | K::Label => &[Verb::Pass, Verb::Fail],
        K::Hold | K::Count => &[Verb::Pass],
        K::Assembly | K::Packing | K::Kit => &[Verb::NoLabel],
        K::Transformation | K::Commission => &[Verb::NoLabel, Verb::Split],
        K::Split | K::Receiving | K::Opening => &[Verb::Split],
        _ => &[],
    }
}

/// Purposes of the reasons that a kind of station may be told, or of those that
/// answer what it waits for.
fn purposes(kind: StationKind, waits_for: Option<&str>) -> &'static [&'static str] {
    use StationKind as K;
    match (waits_for, kind) {
        (Some("hold"), _) => &["hold"],
        (Some("reprint"), _) => &["reprint"],
        (Some("correct"), _) => &["correct"],
        (_, K::Scrap) => &["scrap"],
        (_, K::Rework | K::Operation | K::Load) => &["rework"],
        (_, K::Return | K::ReturnFromProduction | K::ReturnToSupplier) => &["return"],
        (_, K::Inspection) => &["rework", "hold"],
        (_, K::Hold) => &["hold"],
        _ => &[],
    }
}

/// Reason codes of these purposes, and those for which the station receives
/// without an order.
fn reasons<'a>(station: &'a Station, reference: &'a Reference, purposes: &[&str]) -> Vec<&'a str> {
    let mut codes: Vec<&str> = station.without_order_reasons.iter().map(String::as_str).collect();
    let wanted = reference.reasons.values().filter(|reason| purposes.contains(&reason.purpose.as_str()));
    let mut more: Vec<&str> = wanted.map(|reason| reason.reason.as_str()).collect();
    more.sort_unstable();
    more.retain(|code| !codes.contains(code));
    codes.extend(more);
    codes
}

/// Every reason code that a station may be told, whatever it waits for.
pub(in crate::supervise) fn all_reasons<'a>(station: &'a Station, reference: &'a Reference) -> Vec<&'a str> {
    let mut wanted = purposes(station.kind, None).to_vec();
    if station.kind != StationKind::Gate {
        wanted.push("hold");
    }
    if station.printer.is_some() {
        wanted.push("reprint");
    }
    reasons(station, reference, &wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::fixture;

    fn offered(kind: StationKind, waits_for: Option<&str>, signed_in: bool) -> Vec<Button> {
        let plant = fixture::file(fixture::stations());
        let mut reference = fixture::reference(chrono::Utc::now());
        if let Some(broken) = reference.reasons.get_mut("BROKEN") {
            broken.texts.insert("hi".to_owned(), "टूटा".to_owned());
        }
        let station = plant.stations.iter().find(|station| station.kind == kind).unwrap();
        let (plant, reference) = (&plant, &reference);
        buttons(&Place { plant, station, reference, waits_for, signed_in, language: "hi" })
    }

    fn verbs(kind: StationKind, signed_in: bool) -> Vec<String> {
        offered(kind, None, signed_in).into_iter().map(|button| button.verb).collect()
    }

    #[test]
    fn each_kind_of_station_offers_its_verbs() {
        use StationKind as K;
        for (kind, wanted) in [
            (K::Receiving, vec!["SPLIT", "ORDER", "REASON"]),
            (K::Opening, vec!["SPLIT"]),
            (K::Operation, vec!["PASS", "FAIL", "ORDER", "OP"]),
            (K::Inspection, vec!["PASS", "FAIL", "HOLD"]),
            (K::Hold, vec!["HOLD", "PASS"]),
            (K::Scrap, vec!["REASON", "HOLD"]),
            (K::Storage, vec!["HOLD"]),
            (K::Return, vec!["ORDER", "REASON"]),
        ] {
            let verbs = verbs(kind, true);
            for verb in wanted.into_iter().chain(["DONE", "QTY", "7", "ENTER"]) {
                assert!(verbs.iter().any(|v| v == verb), "{kind:?}: no {verb} in {verbs:?}");
            }
        }
        assert!(!verbs(K::Storage, true).iter().any(|verb| verb == "ORDER" || verb == "REASON"));
    }

    #[test]
    fn who_is_not_signed_in_may_and_who_is_may_leave() {
        let has = |signed_in, verb: &str| verbs(StationKind::Storage, signed_in).iter().any(|v| v == verb);
        assert!(has(false, "LOGIN") && !has(false, "LOGOUT"));
        assert!(!has(true, "LOGIN") && has(true, "LOGOUT"));
    }

    #[test]
    fn reasons_and_operations_go_by_their_names() {
        let named = |kind, waits_for: Option<&str>| -> Vec<(String, String)> {
            let with_text = offered(kind, waits_for, true).into_iter();
            with_text.filter_map(|button| Some((button.code, button.text?))).collect()
        };
        let code = |verb, value| Control::with(verb, Some(value)).unwrap().to_string();
        let broken = (code(Verb::Reason, "BROKEN"), "टूटा".to_owned());
        assert_eq!(named(StationKind::Scrap, None), [broken]);
        let late = (code(Verb::Reason, "ORDER_LATE"), "order_late".to_owned());
        assert_eq!(named(StationKind::Receiving, None), [late]);
        let smudged = (code(Verb::Reason, "SMUDGED"), "smudged".to_owned());
        assert_eq!(named(StationKind::Storage, Some("reprint")), [smudged]);
        let operations = [("TEST", "Test"), ("BURN-IN", "BURN-IN")];
        let operations = operations.map(|(value, text)| (code(Verb::Op, value), text.to_owned()));
        assert_eq!(named(StationKind::Operation, None), operations);
    }

    #[test]
    fn every_reason_of_a_station_is_known_for_its_cards() {
        let stations = fixture::stations();
        let reference = fixture::reference(chrono::Utc::now());
        let scrap = stations.iter().find(|s| s.kind == StationKind::Scrap).unwrap();
        assert_eq!(all_reasons(scrap, &reference), ["BROKEN", "SMUDGED"]);
    }
}
