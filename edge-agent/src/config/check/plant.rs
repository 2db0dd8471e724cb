//! The parts of the file that belong to the plant as a whole.

use std::path::PathBuf;

use toml_edit::Table;

use super::super::model::{
    Broker, BrokerKind, Disk, Health, Language, LeaseSetting, Names, Operation, PlantFile, Shift, Terminal,
    Uplink,
};
use super::find::{Basis, Findings};
use super::names::Scope;
use super::section::Section;
use super::{machine, rules, station};

/// Topic patterns of a broker that names none: of scans, of answers.
const DEFAULT_TOPICS: [&str; 2] = ["tw/{plant}/{station}/scan", "tw/{plant}/{station}/feedback"];

/// Reads the file. None, or noted mistakes, if something is wrong.
pub(super) fn read(table: &Table, findings: &Findings<'_>) -> Option<PlantFile> {
    let mut file = Section::root(table, findings);

    let tenant = file.required_section("tenant").map(|mut s| {
        let code = s.required("code", rules::tenant_code());
        let name = s.required("name", rules::text());
        let id = s.optional("id", rules::text());
        s.finish();
        (code, name, id)
    });
    let company = file.required_section("company").map(|mut s| {
        let code = s.required("code", rules::code());
        let name = s.required("name", rules::text());
        s.finish();
        (code, name)
    });
    let plant = file.required_section("plant").map(|mut s| {
        let code = s.required("code", rules::plant_code());
        let name = s.required("name", rules::text());
        let id = s.optional("id", rules::text());
        let time_zone = s.required("time_zone", rules::time_zone());
        let languages = languages(&mut s);
        s.finish();
        (code, name, id, time_zone, languages)
    });

    let shifts = shifts(&mut file);
    let uplink = file.required_section("uplink").and_then(uplink);
    let broker = file.section("broker").and_then(broker);
    let topics = broker.as_ref().map(|b| [b.scan_topic.clone(), b.feedback_topic.clone()]);
    let terminal = file.required_section("terminal").and_then(terminal);
    let health = file.required_section("health").and_then(|mut s| {
        let listen = s.required_listens("listen");
        s.finish();
        Some(Health { listen: listen? })
    });
    let disk = disk(file.section("disk"));
    let leases = file.sections("leases").into_iter().filter_map(lease).collect();
    let operations = file.sections("operations").into_iter().filter_map(operation).collect();
    let printers = file.sections("printers").into_iter().filter_map(machine::printer).collect();
    let (machines, links) = machine::all(file.sections("machines"));
    let own_plant = plant.as_ref().and_then(|(code, ..)| *code);
    let context = station::Context {
        own_plant,
        has_broker: file.has("broker"),
        topics: topics.unwrap_or(DEFAULT_TOPICS.map(str::to_owned)),
    };
    let listed = file.has("stations");
    let sections = file.sections("stations");
    if !listed {
        file.missing("stations", "at least one [[stations]]", None);
    }
    let (stations, seen) = station::all(sections, &context);
    links.check(&seen, findings);
    file.finish();

    let (tenant, tenant_name, tenant_id) = tenant?;
    let (company_code, company_name) = company?;
    let (plant, plant_name, plant_id, time_zone, languages) = plant?;
    Some(PlantFile {
        tenant: tenant?,
        tenant_name: tenant_name?,
        tenant_id,
        company_code: company_code?,
        company_name: company_name?,
        plant: plant?,
        plant_name: plant_name?,
        plant_id,
        time_zone: time_zone?,
        languages,
        shifts,
        uplink: uplink?,
        broker,
        terminal: terminal?,
        health: health?,
        disk,
        leases,
        operations,
        stations,
        machines,
        printers,
    })
}

fn languages(s: &mut Section<'_>) -> Vec<Language> {
    let listed = s.has("languages");
    let read = s.list("languages", rules::language());
    if !listed {
        s.missing("languages", "a list of en, hi, bn, te, the default one first", None);
    } else if read.is_empty() && s.is_empty_list("languages") {
        s.wrong("languages", "at least one of en, hi, bn, te", None);
    }
    for (language, place) in &read {
        s.findings().gives(Scope::Language, language.code(), place.clone());
    }
    read.into_iter().map(|(language, _)| language).collect()
}

/// A name and its translations: `name = "…"`, `names = { hi = "…" }`.
pub(super) fn names(s: &mut Section<'_>) -> Option<Names> {
    let default = s.required("name", rules::text());
    let mut by_language = Vec::new();
    if let Some(mut inner) = s.section("names") {
        for language in Language::ALL {
            if let Some(name) = inner.optional(language.code(), rules::text()) {
                by_language.push((language, name));
            }
        }
        inner.finish();
    }
    Some(Names { default: default?, by_language })
}

fn shifts(file: &mut Section<'_>) -> Vec<Shift> {
    let findings = file.findings();
    let mut read: Vec<(Shift, usize)> = Vec::new();
    for mut s in file.sections("shifts") {
        let name = s.gives_name_as("name", Scope::Shift, rules::text());
        let start = s.required("start", rules::time_of_day());
        let end = s.required("end", rules::time_of_day());
        let place = s.place_of("start");
        s.finish();
        let (Some(name), Some(start), Some(end)) = (name, start, end) else {
            continue;
        };
        let shift = Shift { name, start, end };
        let overlaps =
            |other: &&(Shift, usize)| other.0.contains(shift.start) || shift.contains(other.0.start);
        if let Some((other, offset)) = read.iter().find(overlaps) {
            findings.note(
                Basis::Present,
                &place,
                format!("{} to {}", start.format("%H:%M"), end.format("%H:%M")),
                "shifts that do not overlap",
                Some(format!(
                    "shift \"{}\" on line {} runs from {} to {}",
                    other.name,
                    findings.line_of(*offset),
                    other.start.format("%H:%M"),
                    other.end.format("%H:%M"),
                )),
            );
        }
        read.push((shift, place.offset));
    }
    read.into_iter().map(|(shift, _)| shift).collect()
}

fn uplink(mut s: Section<'_>) -> Option<Uplink> {
    let cloud_url = s.required("cloud_url", rules::cloud_url());
    let data_dir = s.optional("data_dir", rules::path());
    let enrolment_token_file = s.optional("enrolment_token_file", rules::path());
    let max_batch_events = s.or("max_batch_events", rules::whole(1..=1_024, "events"), 1_000);
    let bytes = rules::whole(65_536..=4_194_304, "bytes");
    let max_batch_bytes = s.or("max_batch_bytes", bytes, 1_048_576);
    let max_in_flight_batches = s.or("max_in_flight_batches", rules::whole(1..=64, "batches"), 4);
    let milliseconds = |from, to| rules::whole(from..=to, "milliseconds");
    let heartbeat_ms = s.or("heartbeat_ms", milliseconds(1_000, 300_000), 10_000);
    let reconnect_min_ms = s.or("reconnect_min_ms", milliseconds(100, 60_000), 500);
    let reconnect_max_ms = s.or("reconnect_max_ms", milliseconds(100, 600_000), 30_000);
    if reconnect_min_ms > reconnect_max_ms {
        let key = if s.has("reconnect_max_ms") { "reconnect_max_ms" } else { "reconnect_min_ms" };
        s.wrong(key, "reconnect_min_ms at most reconnect_max_ms", None);
    }
    s.finish();
    Some(Uplink {
        cloud_url: cloud_url?,
        data_dir,
        enrolment_token_file,
        max_batch_events,
        max_batch_bytes,
        max_in_flight_batches,
        heartbeat_ms,
        reconnect_min_ms,
        reconnect_max_ms,
    })
}

fn broker(mut s: Section<'_>) -> Option<Broker> {
    let listen = s.listens("listen");
    let address = s.optional("address", rules::host_port());
    let username = s.optional("username", rules::text());
    let password_file = s.optional("password_file", rules::path());
    match (s.has("listen"), s.has("address")) {
        (true, true) => s.wrong(
            "address",
            "either listen (the agent's own broker) or address (the plant's)",
            Some("remove one of the two".to_owned()),
        ),
        (false, false) => {
            s.missing("listen", "either listen (the agent's own broker) or address (the plant's)", None)
        }
        // Without a password anybody who knows the name would be let in.
        (true, false) if s.has("username") && !s.has("password_file") => {
            s.missing("password_file", "a path beside username", None);
        }
        _ => {}
    }
    if s.has("password_file") && !s.has("username") {
        s.wrong("password_file", "a username beside it", None);
    }
    let client_id_prefix = s.optional("client_id_prefix", rules::code());
    let max_packet_bytes = s.or("max_packet_bytes", rules::whole(4_096..=1_048_576, "bytes"), 65_536);
    let keep_alive_s = s.or("keep_alive_s", rules::whole(5..=600, "seconds"), 30);
    let [default_scan, default_feedback] = DEFAULT_TOPICS;
    let topics = [("scan_topic", default_scan), ("feedback_topic", default_feedback)];
    let [scan_topic, feedback_topic] = topics.map(|(key, default)| {
        let topic = s.or(key, rules::topic(), default.to_owned());
        if !topic.contains("{station}") {
            let hint = "each station needs a topic of its own".to_owned();
            s.wrong(key, "a topic with {station} in it", Some(hint));
        }
        topic
    });
    s.finish();
    let kind = match (listen, address) {
        (Some(listen), _) => BrokerKind::Embedded { listen },
        (None, Some(address)) => BrokerKind::External { address },
        (None, None) => return None,
    };
    Some(Broker {
        kind,
        username,
        password_file,
        client_id_prefix: client_id_prefix.unwrap_or_else(|| "TW".to_owned()),
        max_packet_bytes,
        keep_alive_s,
        scan_topic,
        feedback_topic,
    })
}

fn terminal(mut s: Section<'_>) -> Option<Terminal> {
    let listen = s.required_listens("listen");
    let tls = s.or("tls", rules::flag(), true);
    let names: Vec<String> = s.list("names", rules::host()).into_iter().map(|(name, _)| name).collect();
    let files: [Option<PathBuf>; 2] =
        ["certificate_file", "key_file"].map(|key| s.optional(key, rules::path()));
    for (key, other) in [("certificate_file", "key_file"), ("key_file", "certificate_file")] {
        if s.has(key) && !s.has(other) {
            s.missing(other, format!("a path beside {key}"), None);
        }
    }
    if !tls && s.has("certificate_file") {
        s.wrong("certificate_file", "no certificate, since tls = false", None);
    }
    if s.has("names") && (!tls || s.has("certificate_file")) {
        s.wrong("names", "names only where the agent makes the certificate itself", None);
    }
    s.finish();
    let [certificate_file, key_file] = files;
    Some(Terminal { listen: listen?, tls, names, certificate_file, key_file })
}

fn disk(section: Option<Section<'_>>) -> Disk {
    let mut disk =
        Disk { max_journal_bytes: 8 << 30, warn_percent: 80, min_free_bytes: 1 << 30, keep_acked_days: 30 };
    if let Some(mut s) = section {
        let bytes = |from: i64| rules::whole(from..=1 << 44, "bytes");
        disk.max_journal_bytes = s.or("max_journal_bytes", bytes(16 << 20), disk.max_journal_bytes);
        disk.warn_percent = s.or("warn_percent", rules::whole(1..=99, "percent"), disk.warn_percent);
        disk.min_free_bytes = s.or("min_free_bytes", bytes(0), disk.min_free_bytes);
        let days = rules::whole(0..=3_650, "days");
        disk.keep_acked_days = s.or("keep_acked_days", days, disk.keep_acked_days);
        s.finish();
    }
    disk
}

fn lease(mut s: Section<'_>) -> Option<LeaseSetting> {
    let type_code = s.required("type", rules::type_code());
    if let Some(type_code) = type_code {
        s.findings().gives(Scope::Lease, &type_code.to_string(), s.place_of("type"));
    }
    let low_water = s.required("low_water", rules::whole(1..=10_000_000, "numbers"));
    let request = s.required("request", rules::whole(1..=10_000_000, "numbers"));
    if let (Some(low_water), Some(request)) = (low_water, request)
        && low_water > request
    {
        let hint = "else a new lease is too small as soon as it comes".to_owned();
        s.wrong("request", format!("at least low_water, which is {low_water}"), Some(hint));
    }
    s.finish();
    Some(LeaseSetting { type_code: type_code?, low_water: low_water?, request: request? })
}

fn operation(mut s: Section<'_>) -> Option<Operation> {
    let code = s.gives_name("code", Scope::Operation);
    let name = names(&mut s);
    s.finish();
    Some(Operation { code: code?, name: name? })
}
