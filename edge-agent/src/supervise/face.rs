//! The engine as the terminal pages see it: its views put into words.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Language, PlantFile, Station, StationKind};
use crate::engine::{Handle, PrintState, PrintUpdate, StationView};
use crate::inputs::{Answer, Intake, IntakeError, MachineInput, ScanInput};
use crate::journal::DiskLevel;
use crate::messages::Fluent;
use crate::reference::Reference;
use crate::station::control::{Control, Verb};
use crate::station::{self, fields};
use crate::terminal::{Backend, Button, Lamp, PrintQuestion, ScanLine, TerminalView};

/// How often ages and lamps are refreshed when nothing else happens.
const REFRESH: Duration = Duration::from_secs(5);

/// The pages' backend. Follows the engine until it is told to stop.
pub(super) struct Face {
    engine: Handle,
    views: HashMap<String, watch::Receiver<Arc<TerminalView>>>,
    texts: Arc<str>,
}

impl Face {
    /// Begins to follow every station that has a page.
    pub fn new(engine: Handle, stop: CancellationToken) -> Self {
        let plant = engine.plant().clone();
        let mut views = HashMap::new();
        for station in plant.stations.iter().filter(|station| station.inputs.terminal) {
            let (sender, receiver) = watch::channel(Arc::new(TerminalView::default()));
            views.insert(station.code.clone(), receiver);
            tokio::spawn(follow(engine.clone(), station.clone(), sender, stop.clone()));
        }
        Self { engine, views, texts: Fluent::page_texts().into() }
    }
}

async fn follow(
    engine: Handle,
    station: Station,
    shown: watch::Sender<Arc<TerminalView>>,
    stop: CancellationToken,
) {
    let Some(mut view) = engine.subscribe(&station.code) else { return };
    let (mut status, mut uplink) = (engine.watch_status(), engine.uplink());
    let mut clock = tokio::time::interval(REFRESH);
    loop {
        let now = {
            let view = Arc::clone(&view.borrow_and_update());
            status.mark_unchanged();
            uplink.mark_unchanged();
            render(&engine, &station, &view)
        };
        shown.send_if_modified(|old| {
            let changed = **old != now;
            if changed {
                *old = Arc::new(now);
            }
            changed
        });
        tokio::select! {
            () = stop.cancelled() => return,
            changed = view.changed() => if changed.is_err() { return },
            changed = status.changed() => if changed.is_err() { return },
            changed = uplink.changed() => if changed.is_err() { return },
            _ = clock.tick() => {}
        }
    }
}

fn render(engine: &Handle, station: &Station, view: &StationView) -> TerminalView {
    let status = engine.status();
    let reference = engine.reference();
    let session = &view.session;
    let language = if view.language.is_empty() {
        engine.plant().default_language().code().to_owned()
    } else {
        view.language.clone()
    };
    let names: BTreeMap<String, String> =
        Language::ALL.iter().map(|l| (l.code().to_owned(), station.name.get(*l).to_owned())).collect();
    let operator = session.operator.as_ref().map(|signed_in| {
        let person = reference.operators.values().find(|o| o.operator == signed_in.operator);
        person.map_or_else(|| signed_in.operator.clone(), |o| o.name.clone())
    });
    let level = status.disk.map(|disk| disk.level()).unwrap_or_default();
    TerminalView {
        names,
        operator,
        next: view.answer.as_ref().map(|answer| answer.next.clone()).unwrap_or_default(),
        draft: draft(engine, &reference, view, &language),
        last: view
            .last
            .iter()
            .map(|line| ScanLine {
                at: line.at,
                text: line.text.clone(),
                colour: line.colour.to_string(),
                what: line.what.clone(),
            })
            .collect(),
        queue: status.queued,
        uplink: Lamp { connected: engine.uplink().borrow().connected },
        reference_age_s: reference.as_of.map(|at| (Utc::now() - at).num_seconds().max(0) / 60 * 60),
        numbers_low: status.low.iter().map(ToString::to_string).collect(),
        disk_warning: level != DiskLevel::default() || status.quarantined > 0 || status.failed.is_some(),
        buttons: buttons(engine.plant(), station, &reference, session.pending.as_deref(), &language),
        print_question: view
            .open_prints
            .first()
            .map(|job| PrintQuestion { id: format!("{}/{}", job.key, job.copy), uid: job.uid.clone() }),
        language,
    }
}

/// What is entered and not done yet, as a person reads it.
fn draft(engine: &Handle, reference: &Reference, view: &StationView, language: &str) -> Vec<String> {
    let session = &view.session;
    let text = |key: i64| {
        uid::Key::new(key).map_or_else(
            |_| key.to_string(),
            |key| uid::Uid::from_key(engine.plant().tenant, key).to_string(),
        )
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
    if !session.digits.is_empty() {
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

/// Control codes as buttons: those that mean something at this kind of station,
/// with what it waits for, and each reason and operation by its name.
fn buttons(
    plant: &PlantFile,
    station: &Station,
    reference: &Reference,
    waits_for: Option<&str>,
    language: &str,
) -> Vec<Button> {
    let mut buttons = vec![button(Verb::Done, None, None)];
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
    for code in reasons(station, reference, waits_for) {
        let texts = reference.reasons.get(code).map(|reason| &reason.texts);
        let text = texts.and_then(|texts| texts.get(language).or_else(|| texts.get("en")));
        buttons.push(button(Verb::Reason, Some(code), Some(text.map_or(code, String::as_str))));
    }
    let everywhere =
        [Verb::Qty, Verb::Undo, Verb::Cancel, Verb::Correct, Verb::Reprint, Verb::Logout, Verb::Help];
    buttons.extend(everywhere.into_iter().map(|verb| button(verb, None, None)));
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
        K::Inspection => &[Verb::Pass, Verb::Fail, Verb::Hold],
        K::Hold => &[Verb::Hold, Verb::Pass],
        K::Operation | K::Load | K::Label => &[Verb::Pass, Verb::Fail],
        K::Count => &[Verb::Pass],
        K::Assembly | K::Packing | K::Kit => &[Verb::NoLabel],
        K::Transformation | K::Commission => &[Verb::NoLabel, Verb::Split],
        K::Split | K::Receiving | K::Opening => &[Verb::Split],
        _ => &[],
    }
}

/// Reason codes that the station may be told: those for receiving without an
/// order, and those of the purpose of its kind or of what it waits for.
fn reasons<'a>(station: &'a Station, reference: &'a Reference, waits_for: Option<&str>) -> Vec<&'a str> {
    use StationKind as K;
    let purpose = match (waits_for, station.kind) {
        (Some(waits @ ("hold" | "reprint")), _) => waits,
        (_, K::Scrap) => "scrap",
        (_, K::Rework) => "rework",
        (_, K::Return | K::ReturnFromProduction | K::ReturnToSupplier) => "return",
        (_, K::Hold | K::Inspection) => "hold",
        _ => "",
    };
    let mut codes: Vec<&str> = station.without_order_reasons.iter().map(String::as_str).collect();
    let of_purpose = reference.reasons.values().filter(|reason| reason.purpose == purpose);
    let mut more: Vec<&str> = of_purpose.map(|reason| reason.reason.as_str()).collect();
    more.sort_unstable();
    more.retain(|code| !codes.contains(code));
    codes.extend(more);
    codes
}

impl Intake for Face {
    fn scan(&self, input: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        self.engine.scan(input)
    }

    fn machine(&self, input: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        self.engine.machine(input)
    }
}

impl Backend for Face {
    fn stations(&self) -> Vec<(String, String)> {
        let plant = self.engine.plant();
        let with_page = plant.stations.iter().filter(|station| station.inputs.terminal);
        with_page.map(|s| (s.code.clone(), s.name.get(plant.default_language()).to_owned())).collect()
    }

    fn watch(&self, station: &str) -> Option<watch::Receiver<Arc<TerminalView>>> {
        self.views.get(station).cloned()
    }

    fn printed(&self, station: &str, question: &str, came_out: bool) {
        let Some(view) = self.engine.subscribe(station) else { return };
        let open = view.borrow().open_prints.clone();
        let Some(job) = open.into_iter().find(|job| format!("{}/{}", job.key, job.copy) == question) else {
            return;
        };
        let state = if came_out { PrintState::Printed } else { PrintState::Spoiled };
        let engine = self.engine.clone();
        tokio::spawn(async move {
            if let Err(error) = engine.printed(PrintUpdate { job, state }).await {
                tracing::warn!(%error, "whether the label came out could not be recorded");
            }
        });
    }

    fn texts(&self) -> Arc<str> {
        self.texts.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::fixture;

    fn offered(kind: StationKind, waits_for: Option<&str>) -> Vec<Button> {
        let plant = fixture::file(fixture::stations());
        let mut reference = fixture::reference(Utc::now());
        if let Some(broken) = reference.reasons.get_mut("BROKEN") {
            broken.texts.insert("hi".to_owned(), "टूटा".to_owned());
        }
        let station = plant.stations.iter().find(|station| station.kind == kind).unwrap();
        buttons(&plant, station, &reference, waits_for, "hi")
    }

    fn verbs(kind: StationKind) -> Vec<String> {
        offered(kind, None).into_iter().map(|button| button.verb).collect()
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
            (K::Scrap, vec!["REASON"]),
            (K::Return, vec!["ORDER", "REASON"]),
        ] {
            let verbs = verbs(kind);
            for verb in wanted.into_iter().chain(["DONE", "QTY", "7", "ENTER"]) {
                assert!(verbs.iter().any(|v| v == verb), "{kind:?}: no {verb} in {verbs:?}");
            }
        }
        assert!(!verbs(K::Storage).iter().any(|verb| verb == "ORDER" || verb == "REASON"));
    }

    #[test]
    fn reasons_and_operations_go_by_their_names() {
        let named = |kind, waits_for: Option<&str>| -> Vec<(String, String)> {
            let with_text = offered(kind, waits_for).into_iter();
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
    fn a_draft_names_its_fields() {
        let reference = fixture::reference(Utc::now());
        assert_eq!(field(&reference, "en", "supplier_lot", "H-1"), "Supplier's lot: H-1");
        assert_eq!(field(&reference, "bn", "place", "RACK-1"), "জায়গা: RACK-1");
        assert_eq!(field(&reference, "te", "reason", "BROKEN"), "కారణం: broken");
        assert_eq!(field(&reference, "en", "of-old", "x"), "of-old: x");
    }
}
