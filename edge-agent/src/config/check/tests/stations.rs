//! Mistakes in stations.

use std::collections::BTreeSet;

use super::super::super::model::StationKind;
use super::{assert_cases, case, edited, mistakes, right};

#[test]
fn what_every_station_has() {
    assert_cases(&[
        case(
            "\"receiving\"",
            "\"recieving\" #!",
            "stations[0].kind",
            "found \"recieving\", expected one of gate, receiving, opening",
        ),
        case("\"receiving\"", "\"recieving\" #!", "stations[0].kind", "did you mean \"receiving\"?"),
        case("\"receiving\"", "true #!", "stations[0].kind", "write it in quotes"),
        case("code = \"DOCK1\"", "code = \"dock1\" #!", "stations[0].code", "write \"DOCK1\""),
        case("code = \"DOCK1\"", "code = \"DOCK/1\" #!", "stations[0].code", "a code of 1 to 16"),
        case(
            "code = \"QC1\"",
            "code = \"DOCK1\" #!",
            "stations[2].code",
            "no other station has; the first is on line 38",
        ),
        case(
            "[[stations]]\ncode = \"QC1\"",
            "[[stations]] #!",
            "stations[2].code",
            "found nothing, expected a code",
        ),
        case("location = \"Lab\"", "location = \"\" #!", "stations[2].location", "a text"),
    ]);
}

#[test]
fn inputs() {
    assert_cases(&[
        case(
            "terminal = true\noperation",
            "terminal = \"true\" #!\noperation",
            "stations[1].terminal",
            "true or false; write it without quotes",
        ),
        case(
            "[[stations]]\ncode = \"QC1\"\nname = \"Quality\"\nkind = \"inspection\"\nlocation = \"Lab\"\nterminal = true",
            "[[stations]] #!\ncode = \"QC1\"\nname = \"Quality\"\nkind = \"inspection\"\nlocation = \"Lab\"\nterminal = false",
            "stations[2].terminal",
            "at least one way for scans to come in",
        ),
        case("[broker]\nlisten = \"127.0.0.1:1883\"\n", "", "stations[0].mqtt", "a [broker] in this file")
            .on("mqtt = true"),
        case(
            "mqtt = true",
            "mqtt = { scan_topc = \"a/b\" } #!",
            "stations[0].mqtt.scan_topc",
            "did you mean \"scan_topic\"?",
        ),
        case(
            "listen = \"127.0.0.1:7001\"",
            "connect = \"scanner\"",
            "stations[0].tcp.connect",
            "the port is missing",
        )
        .on("tcp = {"),
        case(
            "listen = \"127.0.0.1:7001\"",
            "suffix = \"\\r\"",
            "stations[0].tcp.listen",
            "either listen (the scanner connects) or connect",
        )
        .on("tcp = {"),
        case("no_read = [\"NOREAD\"]", "suffix = \"\"", "stations[0].tcp.suffix", "a text of 1 to 16 bytes")
            .on("tcp = {"),
        case(
            "tcp = { listen = \"127.0.0.1:7001\", no_read = [\"NOREAD\"] }",
            "tcp = true #!",
            "stations[0].tcp",
            "found true, expected a table",
        ),
        case("no_read = [\"NOREAD\"]", "ok = \"\"", "stations[0].tcp.ok", "a text of 1 to 64 bytes")
            .on("tcp = {"),
        case("no_read = [\"NOREAD\"]", "amber = \"A\"", "stations[0].tcp.amber", "an ok beside it")
            .on("tcp = {"),
    ]);
    let no_reads = |text: &str| {
        let file = right(&edited("no_read = [\"NOREAD\"]", text));
        file.stations[0].inputs.tcp.clone().unwrap().no_read
    };
    assert_eq!(no_reads("max_scan_bytes = 64"), ["NOREAD"], "what scanners say unless told otherwise");
    assert_eq!(no_reads("no_read = [\"?\"]"), ["?"]);
    assert!(no_reads("no_read = []").is_empty());
    let file = right(&edited("no_read = [\"NOREAD\"]", "ok = \"OK\\r\", amber = \"A\\r\", nok = \"NO\\r\""));
    let tcp = file.stations[0].inputs.tcp.clone().unwrap();
    let told = [tcp.ok, tcp.amber, tcp.nok].map(Option::unwrap);
    assert_eq!(told, ["OK\r", "A\r", "NO\r"]);
    let file = right(&edited("mqtt = true", "mqtt = { scan_topic = \"line/{station}\" }"));
    assert_eq!(file.scan_topic(&file.stations[0]).unwrap(), "line/DOCK1");
}

#[test]
fn names_of_other_things() {
    assert_cases(&[
        case(
            "printer = \"LBL1\"",
            "printer = \"LBL2\" #!",
            "stations[0].printer",
            "found \"LBL2\", expected the name of a printer in this file (LBL1); did you mean \"LBL1\"?",
        ),
        case(
            "operation = \"ASSEMBLE\"",
            "operation = \"WELD\" #!",
            "stations[1].operation",
            "operation in this file (ASSEMBLE)",
        ),
        case(
            "operation = \"ASSEMBLE\"",
            "operations = [\"ASSEMBLE\", \"WELD\"] #!",
            "stations[1].operations[1]",
            "\"WELD\"",
        ),
        case(
            "operation = \"ASSEMBLE\"",
            "operations = [\"ASSEMBLE\", \"ASSEMBLE\"] #!",
            "stations[1].operations[1]",
            "each name once",
        ),
        case("[\"PLC1\"]\n", "[\"PLC1\", \"PLC9\"] #!\n", "stations[1].machines[1]", "the name of a machine"),
        case(
            "stack_light = { machine = \"PLC1\"",
            "stack_light = { machine = \"PLC7\"",
            "stations[1].stack_light.machine",
            "the name of a machine",
        )
        .on("stack_light = {"),
    ]);
}

#[test]
fn keys_that_a_kind_needs_or_does_not_know() {
    assert_cases(&[
        case(
            "output = { type = \"RM\" }\n",
            "",
            "stations[0].output",
            "what is minted; a station of kind receiving mints; for example",
        )
        .on("[[stations]]"),
        case(
            "kind = \"inspection\"",
            "kind = \"inspection\"\noutput = { type = \"RM\" } #!",
            "stations[2].output",
            "no output; a station of kind inspection mints nothing",
        ),
        case(
            "operation = \"ASSEMBLE\"",
            "characteristics = [{ name = \"gap\" }] #!\noperation = \"ASSEMBLE\"",
            "stations[1].characteristics",
            "no characteristics at a station of kind assembly; it is for kind inspection",
        ),
        case(
            "kind = \"inspection\"\nlocation = \"Lab\"\nterminal = true\ncharacteristics",
            "kind = \"return\"\nlocation = \"Lab\"\nterminal = true\noutput = { type = \"RM\" } #!\n#characteristics",
            "stations[2].output",
            "no output; a station of kind return mints nothing",
        ),
        case(
            "output = { type = \"RM\" }",
            "output = { type = \"RM1\" } #!",
            "stations[0].output.type",
            "2 characters",
        ),
        case(
            "operation = \"ASSEMBLE\"",
            "load_capacity = 4 #!\noperation = \"ASSEMBLE\"",
            "stations[1].load_capacity",
            "no load_capacity at a station of kind assembly; it is for kind load",
        ),
        case(
            "operation = \"ASSEMBLE\"",
            "to_plant = \"VSK\" #!\noperation = \"ASSEMBLE\"",
            "stations[1].to_plant",
            "transfer_out",
        ),
        case(
            "kind = \"inspection\"",
            "kind = \"inspection\"\nwithout_order_reasons = [\"X\"] #!",
            "stations[2].without_order_reasons",
            "receiving",
        ),
        case(
            "[[stations]]\ncode = \"QC1\"\nname = \"Quality\"\nkind = \"inspection\"\n\
             location = \"Lab\"\nterminal = true\ncharacteristics",
            "[[stations]] #!\ncode = \"QC1\"\nname = \"Quality\"\nkind = \"operation\"\n\
             location = \"Lab\"\nterminal = true\n#characteristics",
            "stations[2].operation",
            "the operation that this station performs",
        ),
    ]);
    let own = edited(
        "kind = \"inspection\"\nlocation = \"Lab\"\nterminal = true\ncharacteristics",
        "kind = \"transfer_out\"\nlocation = \"Lab\"\nterminal = true\nto_plant = \"KOL\"\n#characteristics",
    );
    let found = mistakes(&own);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].expected, "another plant than this one");
}

#[test]
fn people_series_and_reasons() {
    assert_cases(&[
        case("series = \"GRN\"", "series = \"GRN-\" #!", "stations[0].series", "a series of 2 to 8 of A-Z"),
        case("[\"ORDER_LATE\"]", "[\"order late\"] #!", "stations[0].without_order_reasons[0]", "a code"),
        case(
            "series = \"GRN\"",
            "pin_required = true #!\nlogin_required = false",
            "stations[0].pin_required",
            "since login_required = false",
        ),
        case(
            "series = \"GRN\"",
            "duplicate_window_ms = 90_000 #!",
            "stations[0].duplicate_window_ms",
            "found 90_000, expected a whole number of milliseconds from 0 to 60000",
        ),
    ]);
}

#[test]
fn characteristics_and_lights() {
    assert_cases(&[
        case(
            "low = \"0.02\"",
            "low = \"0.2\"",
            "stations[2].characteristics[0].low",
            "found \"0.2\", expected at most high, which is 0.12",
        )
        .on("characteristics = ["),
        case(
            "low = \"0.02\"",
            "low = \"0,02\"",
            "stations[2].characteristics[0].low",
            "found \"0,02\", expected a decimal number",
        )
        .on("characteristics = ["),
        case("low = \"0.02\"", "low = \"0.0000001\"", "stations[2].characteristics[0].low", "6 after it")
            .on("characteristics = ["),
        case(
            "name = \"backlash\"",
            "name = \"Back lash\"",
            "stations[2].characteristics[0].name",
            "a name of 1 to 40",
        )
        .on("characteristics = ["),
        case(
            "red_coil = 1",
            "red_coil = 0",
            "stations[1].stack_light.red_coil",
            "a coil that nothing else drives",
        )
        .on("stack_light = {"),
        case(
            "green_coil = 0, red_coil = 1",
            "show_ms = 1",
            "stations[1].stack_light.green_coil",
            "at least one of green_coil, red_coil",
        )
        .on("stack_light = {"),
        case("red_coil = 1", "red_coil = 65536", "stations[1].stack_light.red_coil", "from 0 to 65535")
            .on("stack_light = {"),
        case(
            "red_coil = 1",
            "safe_state = \"green\"",
            "stations[1].stack_light.safe_state",
            "one of red, off",
        )
        .on("stack_light = {"),
        case(
            "red_coil = 1",
            "heartbeat_coil = 0",
            "stations[1].stack_light.heartbeat_coil",
            "a coil that nothing else drives",
        )
        .on("stack_light = {"),
        case(
            "red_coil = 1",
            "interlock_coil = 2, renew_ms = 50",
            "stations[1].stack_light.renew_ms",
            "from 100 to 60000",
        )
        .on("stack_light = {"),
        case(
            "red_coil = 1",
            "renew_ms = 500",
            "stations[1].stack_light.renew_ms",
            "an interlock_coil or a heartbeat_coil beside it",
        )
        .on("stack_light = {"),
    ]);
    let light = |text: &str| right(&edited("red_coil = 1", text)).stations[1].stack_light.clone().unwrap();
    assert_eq!(light("interlock_coil = 2").renew_ms, 1_000);
    let with_heartbeat = light("interlock_coil = 2, heartbeat_coil = 3, renew_ms = 250");
    assert_eq!((with_heartbeat.heartbeat_coil, with_heartbeat.renew_ms), (Some(3), 250));
}

#[test]
fn every_stage_of_a_plant_has_its_station() {
    let made: BTreeSet<&str> = StationKind::ALL.iter().flat_map(|(kind, _)| kind.stages()).copied().collect();
    let plant = [
        "PROCUREMENT",
        "GATE_IN",
        "GRN",
        "OPENING",
        "COMMISSION",
        "LABEL",
        "INSPECTION",
        "SAMPLE",
        "STORAGE",
        "COUNT",
        "ADJUST",
        "ISSUE_TO_PRODUCTION",
        "RETURN_FROM_PRODUCTION",
        "KIT",
        "OPERATION",
        "LOAD",
        "CONSUME",
        "TRANSFORMATION",
        "ASSEMBLY",
        "REWORK",
        "SCRAP",
        "HOLD",
        "RELEASE",
        "PACKING",
        "TRANSFER",
        "JOB_WORK_OUT",
        "JOB_WORK_IN",
        "DISPATCH",
        "RETURN",
        "RETURN_TO_SUPPLIER",
    ];
    assert_eq!(made, plant.into_iter().collect());
    for (kind, word) in StationKind::ALL {
        assert_eq!(StationKind::from_word(word), Some(kind));
        assert_eq!(kind.as_str(), word);
    }
}
