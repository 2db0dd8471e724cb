//! Mistakes in what belongs to the plant as a whole.

use super::super::super::model::Language;
use super::{SMALL, assert_cases, case, edited, mistakes, right};

#[test]
fn tenant_company_and_plant() {
    assert_cases(&[
        case("\"SAIF\"", "\"SAI\" #!", "tenant.code", "found \"SAI\", expected 4 characters of 0-9 and A-Z"),
        case("\"SAIF\"", "\"saif\" #!", "tenant.code", "write \"SAIF\""),
        case("\"KOL\"", "\"KOLK\" #!", "plant.code", "expected 3 characters"),
        case(
            "name = \"Kolkata\"",
            "name = 7 #!",
            "plant.name",
            "found 7, expected a text of 1 to 120 characters; write it in quotes",
        ),
        case("name = \"Kolkata\"", "name = \" \" #!", "plant.name", "expected a text"),
        case(
            "[company]\ncode = \"SAIF-IN\"\nname = \"Saif Limited\"\n",
            "",
            "company",
            "found nothing, expected a table [company]",
        )
        .on("[tenant]"),
    ]);
}

#[test]
fn a_missing_key_is_told_at_its_table() {
    assert_cases(&[case(
        "[plant]\ncode = \"KOL\"",
        "[plant] #!",
        "plant.code",
        "found nothing, expected 3 characters",
    )]);
}

#[test]
fn unknown_keys_are_mistakes() {
    assert_cases(&[
        case(
            "time_zone",
            "timezone = \"x\" #!\ntime_zone",
            "plant.timezone",
            "found the unknown key `timezone`, expected a known key; did you mean \"time_zone\"?",
        ),
        case(
            "[disk]",
            "[disk]\nraid = 5 #!",
            "disk.raid",
            "expected one of the keys max_journal_bytes, warn_percent, min_free_bytes, keep_acked_days",
        ),
        case("[disk]", "[sensors] #!\n[disk]", "sensors", "the unknown key `sensors`"),
        case(
            "names = { hi = \"गोदी\" }",
            "names = { fr = \"quai\" } #!",
            "stations[0].names.fr",
            "one of the keys en, hi, bn, te",
        ),
    ]);
}

#[test]
fn zone_and_languages() {
    assert_cases(&[
        case("Asia/Kolkata\"", "Asia/Kolkatta\" #!", "plant.time_zone", "did you mean \"Asia/Kolkata\"?"),
        case("Asia/Kolkata\"", "IST+5:30\" #!", "plant.time_zone", "a time zone of the IANA list"),
        case(
            "[\"en\", \"hi\"]",
            "[\"en\", \"ta\"] #!",
            "plant.languages[1]",
            "found \"ta\", expected one of en, hi, bn, te",
        ),
        case(
            "[\"en\", \"hi\"]",
            "[\"en\", \"en\"] #!",
            "plant.languages[1]",
            "a name that no other language has",
        ),
        case("[\"en\", \"hi\"]", "[] #!", "plant.languages", "at least one of en, hi, bn, te"),
        case("[\"en\", \"hi\"]", "\"en\" #!", "plant.languages", "a list in square brackets"),
    ]);
    let file = right(&edited("[\"en\", \"hi\"]", "[\"hi\", \"en\"]"));
    assert_eq!(file.default_language(), Language::Hi);
}

#[test]
fn shifts() {
    assert_cases(&[
        case("\"14:00\"", "\"24:00\" #!", "shifts[0].end", "midnight is \"00:00\""),
        case("\"14:00\"", "\"2pm\" #!", "shifts[0].end", "a time of day from \"00:00\" to \"23:59\""),
        case("\"14:00\"", "14:00:00 #!", "shifts[0].end", "write it in quotes"),
        case(
            "\"22:00\"",
            "\"13:00\" #!",
            "shifts[1].start",
            "found 13:00 to 06:00, expected shifts that do not overlap; shift \"A\" on line 14 runs from 06:00 to 14:00",
        ),
        case("end = \"06:00\"", "end = \"06:01\"", "shifts[1].start", "overlap").on("start = \"22:00\""),
        case(
            "name = \"N\"",
            "name = \"A\" #!",
            "shifts[1].name",
            "a name that no other shift has; the first is on line 13",
        ),
    ]);
    let all_day = edited("end = \"14:00\"", "end = \"06:00\"");
    assert_eq!(mistakes(&all_day).len(), 1, "a shift of 24 hours overlaps any other");
}

#[test]
fn uplink_and_listeners() {
    assert_cases(&[
        case(
            "\"https://localhost:7443\"",
            "\"http://localhost:7443\" #!",
            "uplink.cloud_url",
            "the uplink is always encrypted",
        ),
        case(
            "\"https://localhost:7443\"",
            "\"https://localhost:7443/grpc\" #!",
            "uplink.cloud_url",
            "an address such as",
        ),
        case(
            "[broker]",
            "max_batch_events = 5000 #!\n[broker]",
            "uplink.max_batch_events",
            "a whole number of events from 1 to 1024",
        ),
        case(
            "[broker]",
            "max_batch_events = \"5\" #!\n[broker]",
            "uplink.max_batch_events",
            "write it without quotes",
        ),
        case(
            "[broker]",
            "reconnect_max_ms = 200 #!\n[broker]",
            "uplink.reconnect_max_ms",
            "reconnect_min_ms at most reconnect_max_ms",
        ),
        case(
            "\"127.0.0.1:8081\"",
            "\"127.0.0.1:8443\" #!",
            "health.listen",
            "an address that nothing else in this file listens on; terminal.listen on line 25",
        ),
        case(
            "\"127.0.0.1:8081\"",
            "\"0.0.0.0:7001\"",
            "stations[0].tcp.listen",
            "health.listen on line 27 listens there too",
        )
        .on("tcp = {"),
        case("\"127.0.0.1:8081\"", "\"localhost:8081\" #!", "health.listen", "write \"127.0.0.1:8081\""),
        case("\"127.0.0.1:8081\"", "\"127.0.0.1:0\" #!", "health.listen", "port 0"),
        case("warn_percent = 80", "warn_percent = 100 #!", "disk.warn_percent", "from 1 to 99"),
    ]);
}

#[test]
fn broker_terminal_and_leases() {
    assert_cases(&[
        case("[broker]", "[broker]\naddress = \"mqtt:1883\" #!", "broker.address", "remove one of the two"),
        case("listen = \"127.0.0.1:1883\"", "", "broker.listen", "either listen").on("[broker]"),
        case("[broker]", "[broker] #!\nusername = \"u\"", "broker.password_file", "a path beside username"),
        case(
            "[broker]",
            "[broker]\npassword_file = \"p\" #!",
            "broker.password_file",
            "a username beside it",
        ),
        case("[broker]", "[broker]\nmax_packet_bytes = 1024 #!", "broker.max_packet_bytes", "from 4096"),
        case(
            "[broker]",
            "[broker]\nscan_topic = \"tw/scan\" #!",
            "broker.scan_topic",
            "a topic with {station} in it",
        ),
        case(
            "[broker]",
            "[broker]\nscan_topic = \"tw/+/{station}\" #!",
            "broker.scan_topic",
            "without wildcards",
        ),
        case(
            "[broker]",
            "[broker]\nscan_topic = \"tw/{line}/{station}\" #!",
            "broker.scan_topic",
            "only {plant} and {station}",
        ),
        case(
            "[broker]",
            "[broker]\nfeedback_topic = \"tw/{plant}/{station}/scan\"",
            "stations[0].mqtt",
            "a name that no other topic has",
        )
        .on("mqtt = true"),
        case(
            "[terminal]",
            "[terminal] #!\ncertificate_file = \"a\"",
            "terminal.key_file",
            "a path beside certificate_file",
        ),
        case(
            "[terminal]",
            "[terminal]\nnames = [\"agent.local\", \"agent local\"] #!",
            "terminal.names[1]",
            "a host name or address",
        ),
        case(
            "[terminal]",
            "[terminal]\ntls = false\nnames = [\"agent.local\"] #!",
            "terminal.names",
            "only where the agent makes the certificate itself",
        ),
        case("request = 1000", "request = 10 #!", "leases[0].request", "at least low_water, which is 100"),
        case("type = \"RM\"\nlow", "type = \"R\" #!\nlow", "leases[0].type", "2 characters"),
        case(
            "[[operations]]",
            "[[leases]]\ntype = \"RM\" #!\nlow_water = 1\nrequest = 1\n[[operations]]",
            "leases[1].type",
            "no other lease has",
        ),
        case(
            "[[leases]]",
            "[leases] #!",
            "leases",
            "a list of tables [[leases]]; write the header in double brackets",
        ),
    ]);
}

#[test]
fn defaults_and_look_ups() {
    let file = right(SMALL);
    assert_eq!(file.lease("RM".parse().unwrap()).request, 1000);
    assert_eq!(file.lease("FG".parse().unwrap()).low_water, 5_000);
    let dock = file.station("DOCK1").unwrap();
    assert_eq!(dock.name.get(Language::Hi), "गोदी");
    assert_eq!(dock.name.get(Language::En), "Dock");
    assert_eq!(file.scan_topic(dock).unwrap(), "tw/KOL/DOCK1/scan");
    assert_eq!(file.feedback_topic(dock).unwrap(), "tw/KOL/DOCK1/feedback");
    assert_eq!(file.scan_topic(file.station("ASM1").unwrap()), None);
    assert!(dock.login_required && file.terminal.tls);
}

#[test]
fn the_production_date_is_the_day_on_which_the_shift_began() {
    let file = right(SMALL);
    let at = |utc: &str| utc.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let night = file.shift_at(at("2025-01-18T23:00:00Z")).unwrap(); // 04:30 on the 19th
    assert_eq!(night.shift.name, "N");
    assert_eq!(night.production_date.to_string(), "2025-01-18");
    let morning = file.shift_at(at("2025-01-19T00:30:00Z")).unwrap(); // 06:00
    assert_eq!(
        (morning.shift.name.as_str(), morning.production_date.to_string()),
        ("A", "2025-01-19".to_owned())
    );
    let between = at("2025-01-18T19:00:00Z"); // 00:30 on the 19th is shift N
    assert_eq!(file.production_date(between).to_string(), "2025-01-18");
    let none = at("2025-01-18T12:00:00Z"); // 17:30, no shift
    assert_eq!(file.shift_at(none), None);
    assert_eq!(file.production_date(none).to_string(), "2025-01-18");
}
