//! The plant that the tests play in: its file, its people, items and orders.

use std::net::SocketAddr;

use argon2::password_hash::{PasswordHasher, SaltString};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use crate::config::{
    Broker, BrokerKind, Disk, Health, HostPort, Inputs, Language, Names, Operation, Output, PlantFile,
    Station, StationKind, Terminal, Uplink,
};
use crate::reference::{BomLine, Item, Location, Operator, Order, OrderLine, Reason, Reference};

pub(super) fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn names(text: &str) -> Names {
    Names { default: text.to_owned(), by_language: Vec::new() }
}

pub(super) fn station(code: &str, kind: StationKind) -> Station {
    Station {
        code: code.to_owned(),
        name: names(code),
        kind,
        location: format!("{code}-place"),
        inputs: Inputs { mqtt: None, tcp: None, terminal: true },
        output: None,
        operation: None,
        operations: Vec::new(),
        machines: Vec::new(),
        login_required: false,
        pin_required: false,
        idle_logout_s: 0,
        printer: Some("LBL1".to_owned()),
        duplicate_window_ms: 0,
        series: None,
        characteristics: Vec::new(),
        stack_light: None,
        load_capacity: None,
        to_plant: None,
        without_order_reasons: Vec::new(),
    }
}

pub(super) fn output(kind: &str, item: Option<&str>) -> Option<Output> {
    Some(Output { type_code: kind.parse().unwrap(), item: item.map(str::to_owned) })
}

fn item(code: &str, kind: &str, tracking: &str, unit: &str, inspect: bool) -> Item {
    Item {
        item: code.to_owned(),
        names: [("en".to_owned(), code.to_lowercase())].into(),
        type_code: kind.to_owned(),
        base_unit: unit.to_owned(),
        tracking: tracking.to_owned(),
        gtin: (code == "BOLT").then(|| "09501101530003".to_owned()),
        shelf_life_days: None,
        inspect,
    }
}

fn bom(parent: &str, child: &str, quantity: &str) -> BomLine {
    BomLine {
        parent: parent.to_owned(),
        line: 1,
        child: child.to_owned(),
        quantity: decimal(quantity),
        operation: String::new(),
    }
}

fn order(kind: &str, number: &str, item: &str, lines: &[(&str, &str)]) -> Order {
    let lines = lines.iter().enumerate().map(|(at, (item, quantity))| OrderLine {
        line: at as u32 + 1,
        item: (*item).to_owned(),
        quantity: decimal(quantity),
        unit: String::new(),
    });
    Order {
        kind: kind.to_owned(),
        number: number.to_owned(),
        partner: if kind == "transfer" { "VSK" } else { "XYZ" }.to_owned(),
        partner_place: if kind == "po" { "Vendor-XYZ" } else { "" }.to_owned(),
        item: item.to_owned(),
        quantity: None,
        ordered_at: Some("2025-01-15T10:30:00Z".parse().unwrap()),
        due_on: None,
        lines: lines.collect(),
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn operator(id: &str, language: &str, pin: &str, supervisor: bool) -> Operator {
    // Weak on purpose: the rules only verify, and tests should not wait.
    let weak = argon2::Params::new(8, 1, 1, None).unwrap();
    let argon = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, weak);
    let salt = SaltString::from_b64("c2FsdHNhbHQ").unwrap();
    let hash = argon.hash_password(pin.as_bytes(), &salt).unwrap().to_string();
    Operator {
        operator: id.to_owned(),
        name: id.to_uppercase(),
        badge_sha256: hex(&format!("TWB-{}", id.to_uppercase())),
        pin_hash: (!pin.is_empty()).then_some(hash),
        language: language.to_owned(),
        supervisor,
    }
}

pub(crate) fn file(stations: Vec<Station>) -> PlantFile {
    let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
    PlantFile {
        tenant: "SAIF".parse().unwrap(),
        tenant_name: String::new(),
        tenant_id: None,
        company_code: String::new(),
        company_name: String::new(),
        plant: "KOL".parse().unwrap(),
        plant_name: String::new(),
        plant_id: None,
        time_zone: chrono_tz::Asia::Kolkata,
        languages: vec![Language::En],
        shifts: Vec::new(),
        uplink: Uplink {
            cloud_url: String::new(),
            data_dir: None,
            enrolment_token_file: None,
            max_batch_events: 1,
            max_batch_bytes: 1,
            max_in_flight_batches: 1,
            heartbeat_ms: 1,
            reconnect_min_ms: 1,
            reconnect_max_ms: 1,
        },
        broker: Some(Broker {
            kind: BrokerKind::External { address: HostPort { host: String::new(), port: 1 } },
            username: None,
            password_file: None,
            client_id_prefix: String::new(),
            max_packet_bytes: 1,
            keep_alive_s: 1,
            scan_topic: String::new(),
            feedback_topic: String::new(),
        }),
        terminal: Terminal {
            listen: address,
            tls: false,
            names: Vec::new(),
            certificate_file: None,
            key_file: None,
        },
        health: Health { listen: address },
        disk: Disk { max_journal_bytes: 1, warn_percent: 1, min_free_bytes: 1, keep_acked_days: 1 },
        leases: Vec::new(),
        operations: vec![Operation { code: "TEST".to_owned(), name: names("Test") }],
        stations,
        machines: Vec::new(),
        printers: Vec::new(),
    }
}

pub(crate) fn stations() -> Vec<Station> {
    use StationKind as K;
    let mut all: Vec<Station> =
        K::ALL.iter().map(|(kind, word)| station(&word.to_uppercase().replace('_', "-"), *kind)).collect();
    for station in &mut all {
        match station.kind {
            K::Receiving => {
                station.series = Some("GRN".to_owned());
                station.without_order_reasons = vec!["ORDER_LATE".to_owned()];
            }
            K::Opening | K::Transformation | K::Split => station.output = output("RM", None),
            K::Commission => station.output = output("SF", None),
            K::Packing => station.output = output("PK", Some("CARTON")),
            K::Kit => station.output = output("BN", Some("KIT")),
            K::Assembly => station.operation = Some("BUILD".to_owned()),
            K::Operation => {
                station.operation = Some("TEST".to_owned());
                station.operations = vec!["TEST".to_owned(), "BURN-IN".to_owned()];
            }
            K::Load => {
                station.operation = Some("CURE".to_owned());
                station.load_capacity = Some(2);
            }
            K::Inspection => {
                station.operation = Some("QC".to_owned());
                station.characteristics = vec![
                    characteristic("gap", "mm", Some("0.02"), Some("0.12")),
                    characteristic("visual", "", None, None),
                ];
            }
            K::TransferOut | K::Dispatch | K::JobWorkOut => station.series = Some("DC".to_owned()),
            K::TransferIn => station.series = Some("GRN".to_owned()),
            _ => {}
        }
    }
    all
}

fn characteristic(
    name: &str,
    unit: &str,
    low: Option<&str>,
    high: Option<&str>,
) -> crate::config::Characteristic {
    crate::config::Characteristic {
        name: name.to_owned(),
        unit: unit.to_owned(),
        low: low.map(decimal),
        high: high.map(decimal),
    }
}

pub(crate) fn reference(now: DateTime<Utc>) -> Reference {
    let items = [
        item("STEEL", "RM", "lot", "kg", false),
        item("BOLT", "RM", "lot", "pcs", false),
        item("GEAR", "RM", "unit", "pcs", false),
        item("CHIP", "RM", "unit", "pcs", true),
        item("BOX", "FG", "unit", "pcs", false),
        item("VALVE", "FG", "unit", "pcs", true),
        item("SHEET", "SF", "lot", "kg", false),
        item("CARTON", "PK", "unit", "pcs", false),
        item("KIT", "BN", "unit", "pcs", false),
    ];
    let orders = [
        order("po", "PO-2025-001", "", &[("STEEL", "1000"), ("GEAR", "100"), ("BOLT", "500")]),
        order("po", "PO-2025-002", "", &[("STEEL", "100")]),
        order("prodorder", "WO-1", "BOX", &[]),
        order("prodorder", "WO-2", "SHEET", &[]),
        order("prodorder", "WO-3", "VALVE", &[]),
        order("transfer", "ST-1", "", &[("BOX", "10")]),
        order("so", "SO-1", "", &[("BOX", "10")]),
    ];
    let people = [
        operator("anil", "hi", "1111", false),
        operator("bela", "bn", "2222", false),
        operator("chief", "en", "9999", true),
        operator("nopin", "te", "", false),
    ];
    let reasons =
        [("BROKEN", "scrap"), ("ORDER_LATE", "no_order"), ("SMUDGED", "reprint"), ("WRONG", "return")];
    Reference {
        version: 1,
        as_of: Some(now),
        items: items.into_iter().map(|item| (item.item.clone(), item)).collect(),
        bom: [
            ("BOX".to_owned(), vec![bom("BOX", "GEAR", "2"), bom("BOX", "BOLT", "4")]),
            ("VALVE".to_owned(), vec![bom("VALVE", "GEAR", "1")]),
        ]
        .into(),
        orders: orders.into_iter().map(|o| ((o.kind.clone(), o.number.clone()), o)).collect(),
        operators: people.into_iter().map(|p| (p.badge_sha256.clone(), p)).collect(),
        reasons: reasons
            .into_iter()
            .map(|(reason, purpose)| {
                let reason = reason.to_owned();
                let texts = [("en".to_owned(), reason.to_lowercase())].into();
                (reason.clone(), Reason { reason, purpose: purpose.to_owned(), texts })
            })
            .collect(),
        locations: ["RACK-1", "RACK-2"]
            .into_iter()
            .map(|place| {
                let location = place.to_owned();
                (location.clone(), Location { location, name: String::new() })
            })
            .collect(),
        ..Reference::default()
    }
}
