//! Machines with their registers and triggers, and printers.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::super::model::{
    HostPort, Machine, Printer, Register, RegisterTable, Symbology, Transport, Trigger, TriggerOn, ValueType,
    WordOrder,
};
use super::cross::Links;
use super::find::Place;
use super::names::Scope;
use super::rules;
use super::section::Section;

const TRANSPORTS: [(Transport, &str); 2] = [(Transport::Tcp, "tcp"), (Transport::RtuOverTcp, "rtu_over_tcp")];
const TRIGGERS: [(TriggerOn, &str); 3] =
    [(TriggerOn::Change, "change"), (TriggerOn::Counter, "counter"), (TriggerOn::Rising, "rising")];
const SYMBOLOGIES: [(Symbology, &str); 2] = [(Symbology::DataMatrix, "datamatrix"), (Symbology::Qr, "qr")];
static REGISTER_TABLES: [(RegisterTable, &str); 4] = RegisterTable::ALL;
static VALUE_TYPES: [(ValueType, &str); 9] = ValueType::ALL;
static WORD_ORDERS: [(WordOrder, &str); 4] = WordOrder::ALL;

/// Reads all machines, and what their triggers say of stations.
pub(super) fn all(sections: Vec<Section<'_>>) -> (Vec<Machine>, Links) {
    let mut links = Links::default();
    let mut buses: HashMap<HostPort, (Transport, usize)> = HashMap::new();
    let mut machines = Vec::new();
    for (index, section) in sections.into_iter().enumerate() {
        machines.extend(machine(section, index, &mut links, &mut buses));
    }
    (machines, links)
}

fn machine(
    mut s: Section<'_>,
    index: usize,
    links: &mut Links,
    buses: &mut HashMap<HostPort, (Transport, usize)>,
) -> Option<Machine> {
    let code = s.gives_name("code", Scope::Machine);
    let name = s.required("name", rules::text());
    let transport = s.or("transport", rules::one_of(&TRANSPORTS), Transport::Tcp);
    let address = s.required("address", rules::host_port());
    if let Some(address) = &address {
        let line = s.findings().line_of(s.place().offset);
        let (other, other_line) = *buses.entry(address.clone()).or_insert((transport, line));
        if other != transport {
            let word = TRANSPORTS.iter().find(|(t, _)| *t == other).map_or("", |(_, word)| word);
            let hint = format!("the machine on line {other_line} speaks {word} at this address");
            s.wrong("address", "one transport per address", Some(hint));
        }
    }
    let unit_id = s.or("unit_id", rules::ranged("a unit id", 0..=255), 1);
    let poll_ms = s.or("poll_ms", rules::whole(20..=3_600_000, "milliseconds"), 1_000);
    let timeout_ms = s.or("timeout_ms", rules::whole(50..=60_000, "milliseconds"), 1_000);

    let mut seen = Vec::new();
    let registers = s.sections("registers").into_iter();
    let registers = registers.filter_map(|r| register(r, index, &mut seen)).collect();
    let triggers = s.sections("triggers").into_iter();
    let triggers = triggers.filter_map(|t| trigger(t, index, code.as_deref(), &seen, links)).collect();
    s.finish();
    Some(Machine {
        code: code?,
        name: name?,
        transport,
        address: address?,
        unit_id,
        poll_ms,
        timeout_ms,
        registers,
        triggers,
    })
}

/// A register as far as other registers and triggers mind.
struct SeenRegister {
    name: String,
    table: RegisterTable,
    value_type: ValueType,
    first: u32,
    last: u32,
    line: usize,
}

fn register(mut s: Section<'_>, index: usize, seen: &mut Vec<SeenRegister>) -> Option<Register> {
    let name = s.gives_name_as("name", Scope::Register(index), rules::reading_name());
    let table = s.required("table", rules::one_of(&REGISTER_TABLES));
    let address: Option<u16> = s.required("address", rules::address());
    let value_type = s.required("type", rules::one_of(&VALUE_TYPES));
    let bit = s.optional("bit", rules::ranged("a bit", 0..=15));
    let word_order = s.or("word_order", rules::one_of(&WORD_ORDERS), WordOrder::Abcd);
    let scale = s.or("scale", rules::decimal(), Decimal::ONE);
    if scale.is_zero() {
        s.wrong("scale", "a number other than 0", None);
    }
    let unit = unit(&mut s);
    let dead_band = s.optional("dead_band", rules::stored_decimal());
    if dead_band.is_some_and(|band| band.is_sign_negative() && !band.is_zero()) {
        s.wrong("dead_band", "0 or more", None);
    }
    let (low, high) = limits(&mut s);
    if let (Some(table), Some(value_type)) = (table, value_type) {
        check_type(&s, table, value_type);
        if let (Some(name), Some(address)) = (&name, address) {
            let first = u32::from(address);
            let last = first + u32::from(value_type.width()) - 1;
            let line = s.findings().line_of(s.place().offset);
            let new = SeenRegister { name: name.clone(), table, value_type, first, last, line };
            check_range(&s, &new, seen);
            seen.push(new);
        }
    }
    s.finish();
    Some(Register {
        name: name?,
        table: table?,
        address: address?,
        bit,
        value_type: value_type?,
        word_order,
        scale,
        unit,
        dead_band,
        low,
        high,
    })
}

/// Keys that mean nothing for the register's table and type.
fn check_type(s: &Section<'_>, table: RegisterTable, value_type: ValueType) {
    if table.is_bits() && value_type != ValueType::Bit {
        s.wrong("type", "bit, since coil and discrete hold single bits", None);
        return;
    }
    let is_bit = value_type == ValueType::Bit;
    if is_bit && !table.is_bits() && !s.has("bit") {
        s.missing("bit", "which bit of the word, from 0 to 15", None);
    }
    if s.has("bit") && (!is_bit || table.is_bits()) {
        s.wrong("bit", "no bit but for type bit in the tables input and holding", None);
    }
    if is_bit {
        for key in ["word_order", "scale", "dead_band", "low", "high"] {
            if s.has(key) {
                s.wrong(key, format!("no {key} for a single bit"), None);
            }
        }
    }
}

/// Addresses beyond the last, and words that another register reads otherwise.
fn check_range(s: &Section<'_>, new: &SeenRegister, seen: &[SeenRegister]) {
    if new.last > u32::from(u16::MAX) {
        let width = new.value_type.width();
        let most = 65_536 - u32::from(width);
        let hint = format!("this type takes {width} addresses and the last one is 65535");
        s.wrong("address", format!("an address from 0 to {most}"), Some(hint));
        return;
    }
    if new.value_type == ValueType::Bit {
        return;
    }
    let overlaps = |other: &&SeenRegister| {
        other.table == new.table
            && other.value_type != ValueType::Bit
            && other.first <= new.last
            && new.first <= other.last
    };
    if let Some(other) = seen.iter().find(overlaps) {
        let SeenRegister { name, first, last, line, .. } = other;
        let hint = format!("\"{name}\" on line {line} takes {first} to {last}");
        s.wrong("address", "addresses that no other register takes", Some(hint));
    }
}

fn trigger(
    mut s: Section<'_>,
    index: usize,
    machine: Option<&str>,
    seen: &[SeenRegister],
    links: &mut Links,
) -> Option<Trigger> {
    let name = s.gives_name_as("name", Scope::Trigger(index), rules::reading_name());
    let on = s.required("on", rules::one_of(&TRIGGERS));
    let register = required_name(&mut s, "register", Scope::Register(index));
    let listed = s.has("readings");
    let readings = s.uses_names("readings", Scope::Register(index));
    if !listed || s.is_empty_list("readings") {
        s.missing("readings", "a list of registers of this machine", None);
    }
    let station = required_name(&mut s, "station", Scope::Station);
    if let (Some(machine), Some(station)) = (machine, &station) {
        links.add(machine, station, s.place_of("station"));
    }
    let watched = register.as_ref().and_then(|name| seen.iter().find(|r| r.name == *name));
    if let (Some(on), Some(watched)) = (on, watched) {
        let (fits, expected) = match on {
            TriggerOn::Change => (true, ""),
            TriggerOn::Counter => (watched.value_type.is_integer(), "an integer register to count by"),
            TriggerOn::Rising => (watched.value_type == ValueType::Bit, "a register of type bit"),
        };
        if !fits {
            let hint = format!("its type is set on line {}", watched.line);
            s.wrong("register", expected, Some(hint));
        }
    }
    s.finish();
    Some(Trigger { name: name?, on: on?, register: register?, readings, station: station? })
}

/// Reads one printer.
pub(super) fn printer(mut s: Section<'_>) -> Option<Printer> {
    let code = s.gives_name("code", Scope::Printer);
    let name = s.required("name", rules::text());
    let address = s.required("address", rules::host_port());
    let dpi: u16 = s.or("dpi", rules::whole(203..=600, "dots per inch"), 203);
    if ![203, 300, 600].contains(&dpi) {
        s.wrong("dpi", "203, 300 or 600", None);
    }
    let size = |s: &mut Section<'_>, key| {
        let read = s.required(key, rules::stored_decimal());
        if read.is_some_and(|mm| !(Decimal::from(10)..=Decimal::from(300)).contains(&mm)) {
            s.wrong(key, "from 10 to 300 millimetres", None);
        }
        read
    };
    let label_width_mm = size(&mut s, "label_width_mm");
    let label_height_mm = size(&mut s, "label_height_mm");
    let symbology = s.or("symbology", rules::one_of(&SYMBOLOGIES), Symbology::DataMatrix);
    let indic_font = s.optional("indic_font", rules::path());
    let timeout_ms = s.or("timeout_ms", rules::whole(100..=60_000, "milliseconds"), 5_000);
    s.finish();
    Some(Printer {
        code: code?,
        name: name?,
        address: address?,
        dpi,
        label_width_mm: label_width_mm?,
        label_height_mm: label_height_mm?,
        symbology,
        indic_font,
        timeout_ms,
    })
}

/// `unit`, empty if left out.
pub(super) fn unit(s: &mut Section<'_>) -> String {
    s.or("unit", rules::text(), String::new())
}

/// `low` and `high`, in that order.
pub(super) fn limits(s: &mut Section<'_>) -> (Option<Decimal>, Option<Decimal>) {
    let low = s.optional("low", rules::stored_decimal());
    let high = s.optional("high", rules::stored_decimal());
    if let (Some(low), Some(high)) = (low, high)
        && low > high
    {
        s.wrong("low", format!("at most high, which is {high}"), None);
    }
    (low, high)
}

/// A key that must hold the name of something else in the file.
pub(super) fn required_name(s: &mut Section<'_>, key: &'static str, scope: Scope) -> Option<String> {
    if s.has(key) {
        return s.uses_name(key, scope);
    }
    let rule = rules::Rule { expects: format!("the name of {} {scope}", scope.article()), ..rules::name() };
    s.required(key, rule)
}

/// Where a coil is driven, to see that only one light does.
pub(super) type Coil = (String, u16, Place);
