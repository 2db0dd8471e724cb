//! Stations.

use uid::PlantCode;

use super::super::model::{Characteristic, Output, SafeState, StackLight, Station, StationKind};
use super::cross::SeenStation;
use super::find::{Basis, Findings};
use super::machine::{Coil, limits, required_name, unit};
use super::names::Scope;
use super::section::Section;
use super::{plant, rules, scanner};

const SAFE_STATES: [(SafeState, &str); 2] = [(SafeState::Red, "red"), (SafeState::Off, "off")];

/// Keys that mean something only at stations of these kinds.
const KEYS_OF_KINDS: [(&str, &[StationKind]); 4] = [
    ("load_capacity", &[StationKind::Load]),
    ("to_plant", &[StationKind::TransferOut]),
    ("without_order_reasons", &[StationKind::Receiving]),
    // Elsewhere the limits of the machine's registers count.
    ("characteristics", &[StationKind::Inspection]),
];

/// What stations need to know of the rest of the file.
pub(super) struct Context {
    /// This plant, if the file says it well.
    pub(super) own_plant: Option<PlantCode>,
    /// Whether there is a broker.
    pub(super) has_broker: bool,
    /// Topic patterns of scans and of answers.
    pub(super) topics: [String; 2],
}

/// Reads all stations; the second list also has those with mistakes.
pub(super) fn all(sections: Vec<Section<'_>>, context: &Context) -> (Vec<Station>, Vec<SeenStation>) {
    let mut seen = Vec::new();
    let mut coils = Vec::new();
    let mut stations = Vec::new();
    for (index, section) in sections.into_iter().enumerate() {
        stations.extend(station(section, index, context, &mut seen, &mut coils));
    }
    (stations, seen)
}

fn station(
    mut s: Section<'_>,
    index: usize,
    context: &Context,
    seen: &mut Vec<SeenStation>,
    coils: &mut Vec<Coil>,
) -> Option<Station> {
    let code = s.gives_name("code", Scope::Station);
    let name = plant::names(&mut s);
    let kind = s.required("kind", rules::one_of(&StationKind::ALL));
    let location = s.required("location", rules::text());
    let inputs = scanner::inputs(&mut s, code.as_deref(), context);
    let output = output(&mut s);
    let operation = s.uses_name("operation", Scope::Operation);
    let mut operations = s.uses_names("operations", Scope::Operation);
    if let Some(operation) = operation.as_ref().filter(|own| !operations.contains(own)) {
        operations.insert(0, operation.clone());
    }
    let machines = s.uses_names("machines", Scope::Machine);
    let login_required = s.or("login_required", rules::flag(), true);
    let pin_required = s.or("pin_required", rules::flag(), false);
    if pin_required && !login_required {
        s.wrong("pin_required", "false, since login_required = false", None);
    }
    let idle_logout_s = s.or("idle_logout_s", rules::whole(0..=86_400, "seconds"), 900);
    let printer = s.uses_name("printer", Scope::Printer);
    let window = rules::whole(0..=60_000, "milliseconds");
    let duplicate_window_ms = s.or("duplicate_window_ms", window, 2_000);
    let series = s.optional("series", rules::series());
    let characteristics = s.sections("characteristics").into_iter();
    let characteristics = characteristics.filter_map(|c| characteristic(c, index)).collect();
    let stack_light = s.section("stack_light").and_then(|light| stack_light(light, coils));
    let load_capacity = s.optional("load_capacity", rules::whole(1..=100_000, "units"));
    let to_plant = s.optional("to_plant", rules::plant_code());
    if to_plant.is_some() && to_plant == context.own_plant {
        s.wrong("to_plant", "another plant than this one", None);
    }
    let reasons = s.list("without_order_reasons", rules::code());
    let without_order_reasons = reasons.into_iter().map(|(reason, _)| reason).collect();
    if let Some(kind) = kind {
        check_kind(&s, kind);
    }
    if let Some(code) = &code {
        let has_operation = s.has("operation") || s.has("operations");
        seen.push(SeenStation { code: code.clone(), machines: machines.clone(), has_operation });
    }
    s.finish();
    Some(Station {
        code: code?,
        name: name?,
        kind: kind?,
        location: location?,
        inputs,
        output,
        operation,
        operations,
        machines,
        login_required,
        pin_required,
        idle_logout_s,
        printer,
        duplicate_window_ms,
        series,
        characteristics,
        stack_light,
        load_capacity,
        to_plant,
        without_order_reasons,
    })
}

/// Keys that a kind needs, and keys that mean nothing to it.
fn check_kind(s: &Section<'_>, kind: StationKind) {
    if kind.must_mint() && !s.has("output") {
        let hint = "for example output = { type = \"RM\" }".to_owned();
        s.missing("output", format!("what is minted; a station of kind {kind} mints"), Some(hint));
    }
    if !kind.may_mint() && s.has("output") {
        s.wrong("output", format!("no output; a station of kind {kind} mints nothing"), None);
    }
    let needs_operation = matches!(kind, StationKind::Operation | StationKind::Load);
    if needs_operation && !s.has("operation") && !s.has("operations") {
        s.missing("operation", "the operation that this station performs", None);
    }
    if kind == StationKind::Label && !s.has("printer") {
        s.missing("printer", "the printer of this label station", None);
    }
    for (key, kinds) in KEYS_OF_KINDS {
        if s.has(key) && !kinds.contains(&kind) {
            let words: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            let hint = format!("it is for kind {}", words.join(", "));
            s.wrong(key, format!("no {key} at a station of kind {kind}"), Some(hint));
        }
    }
}

fn output(s: &mut Section<'_>) -> Option<Output> {
    let mut inner = s.section("output")?;
    let type_code = inner.required("type", rules::type_code());
    let item = inner.optional("item", rules::text());
    inner.finish();
    Some(Output { type_code: type_code?, item })
}

fn characteristic(mut s: Section<'_>, index: usize) -> Option<Characteristic> {
    let scope = Scope::Characteristic(index);
    let name = s.gives_name_as("name", scope, rules::reading_name());
    let unit = unit(&mut s);
    let (low, high) = limits(&mut s);
    s.finish();
    Some(Characteristic { name: name?, unit, low, high })
}

fn stack_light(mut s: Section<'_>, coils: &mut Vec<Coil>) -> Option<StackLight> {
    let machine = required_name(&mut s, "machine", Scope::Machine);
    let keys = ["green_coil", "red_coil", "amber_coil", "interlock_coil"];
    let read = keys.map(|key| s.optional::<u16>(key, rules::address()));
    if !keys.iter().any(|key| s.has(key)) {
        s.missing("green_coil", format!("at least one of {}", keys.join(", ")), None);
    }
    let heartbeat_coil = s.optional("heartbeat_coil", rules::address());
    let renew_ms = s.or("renew_ms", rules::whole(100..=60_000, "milliseconds"), 1_000);
    if s.has("renew_ms") && !s.has("interlock_coil") && !s.has("heartbeat_coil") {
        s.wrong("renew_ms", "an interlock_coil or a heartbeat_coil beside it", None);
    }
    let driven = keys.into_iter().zip(read).chain([("heartbeat_coil", heartbeat_coil)]);
    for (key, coil) in driven {
        if let (Some(machine), Some(coil)) = (&machine, coil) {
            drives(s.findings(), coils, (machine.clone(), coil, s.place_of(key)));
        }
    }
    let show_ms = s.or("show_ms", rules::whole(0..=600_000, "milliseconds"), 3_000);
    let safe_state = s.or("safe_state", rules::one_of(&SAFE_STATES), SafeState::Red);
    s.finish();
    let [green_coil, red_coil, amber_coil, interlock_coil] = read;
    Some(StackLight {
        machine: machine?,
        green_coil,
        red_coil,
        amber_coil,
        interlock_coil,
        heartbeat_coil,
        renew_ms,
        show_ms,
        safe_state,
    })
}

/// Notes a coil that another light drives.
fn drives(findings: &Findings<'_>, coils: &mut Vec<Coil>, new: Coil) {
    let same = |other: &&Coil| other.0 == new.0 && other.1 == new.1;
    if let Some((machine, coil, place)) = coils.iter().find(same) {
        let line = findings.line_of(place.offset);
        let hint = format!("{} on line {line} is coil {coil} of {machine} too", place.path);
        findings.note(
            Basis::Present,
            &new.2,
            coil.to_string(),
            "a coil that nothing else drives",
            Some(hint),
        );
    }
    coils.push(new);
}
