//! The example files, and a file with many mistakes.

use std::path::Path;

use super::super::super::model::{BrokerKind, StationKind, TcpEndpoint};
use super::super::load;
use super::{Mistake, SMALL, edited, mistakes};

fn example(name: &str) -> super::PlantFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plant-configs");
    load(&folder.join(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_two_example_files_pass() {
    let kolkata = example("kolkata.toml");
    assert_eq!(kolkata.plant.to_string(), "KOL");
    assert_eq!(kolkata.stations.len(), 17);
    let broker = kolkata.broker.as_ref().map(|broker| &broker.kind);
    assert!(matches!(broker, Some(BrokerKind::Embedded { listen }) if listen.port() == 18831));
    let dock = kolkata.station("DOCK2").unwrap();
    let tcp = dock.inputs.tcp.as_ref().unwrap();
    assert!(matches!(tcp.endpoint, TcpEndpoint::Listen(address) if address.port() == 17001));
    assert_eq!((tcp.prefix.as_str(), tcp.suffix.as_str()), ("\u{2}", "\r\n"));
    assert_eq!(kolkata.machine("PLC1").unwrap().triggers[0].readings.len(), 3);
    assert_eq!(kolkata.station("OVEN1").unwrap().load_capacity, Some(48));

    let visakhapatnam = example("visakhapatnam.toml");
    assert_eq!(visakhapatnam.tenant, kolkata.tenant);
    assert_eq!(visakhapatnam.stations.len(), 7);
    assert_eq!(visakhapatnam.station("XIN1").unwrap().kind, StationKind::TransferIn);
    assert_eq!(kolkata.station("XFER1").unwrap().to_plant, Some(visakhapatnam.plant));
}

#[test]
fn ten_mistakes_are_all_told_in_order_of_line() {
    let text = SMALL
        .replace("\"SAIF\"", "\"SAI\"")
        .replace("Asia/Kolkata", "Asia/Calcuta")
        .replace("end = \"14:00\"", "end = \"14h\"")
        .replace("127.0.0.1:8081", "127.0.0.1:8443")
        .replace("warn_percent", "warn_precent")
        .replace("\"receiving\"", "\"recieving\"")
        .replace("printer = \"LBL1\"", "printer = \"LBL9\"")
        .replace("low = \"0.02\"", "low = \"half\"")
        .replace("type = \"f32\"", "type = \"f16\"")
        .replace("label_height_mm = 25", "");
    let found = mistakes(&text);
    let lines: Vec<usize> = found.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [2, 10, 15, 27, 29, 41, 47, 64, 73, 88], "{found:#?}");
}

#[test]
fn a_mistake_reads_as_a_sentence() {
    let text = edited("code = \"QC1\"", "code = \"QC1\"\nkindd = \"inspection\"");
    let found = mistakes(&text.replace("\"receiving\"", "\"recieving\""));
    let said: Vec<String> = found.iter().map(Mistake::to_string).collect();
    let kinds = StationKind::ALL.map(|(_, word)| word).join(", ");
    assert!(kinds.starts_with("gate, receiving, opening, "), "{kinds}");
    assert_eq!(
        said,
        [
            format!(
                "small.toml:41:8: stations[0].kind: found \"recieving\", expected one of {kinds}; \
                 did you mean \"receiving\"?"
            ),
            "small.toml:60:1: stations[2].kindd: found the unknown key `kindd`, expected a known \
             key; did you mean \"kind\"?"
                .to_owned(),
        ]
    );
}

#[test]
fn an_empty_file_tells_what_every_plant_file_has() {
    let found = mistakes("");
    let paths: Vec<&str> = found.iter().map(|mistake| mistake.path.as_str()).collect();
    assert_eq!(paths, ["tenant", "company", "plant", "uplink", "terminal", "health", "stations"]);
}

#[test]
fn the_pages_name_every_kind_and_their_examples_are_toml() {
    let station = include_str!("../../../../../docs/adding-a-station.md");
    let pages = [
        station,
        include_str!("../../../../../docs/connecting-a-scanner.md"),
        include_str!("../../../../../docs/connecting-a-plc.md"),
    ];
    for (_, word) in StationKind::ALL {
        assert!(
            station.contains(&format!("`{word}`")),
            "docs/adding-a-station.md: its table of kinds has no row for `{word}`"
        );
    }
    for page in pages {
        for block in page.split("```toml\n").skip(1) {
            let text = block.split("```").next().unwrap_or_default();
            let parsed = toml_edit::Document::parse(text);
            assert!(parsed.is_ok(), "{text}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn the_page_about_kinds_names_files_that_there_are() {
    let page = include_str!("../../../../../docs/adding-a-station-kind.md");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let prose: String = page.split("```").step_by(2).collect();
    let named: Vec<&str> = prose.split('`').skip(1).step_by(2).filter(|name| name.ends_with(".rs")).collect();
    for file in named.iter().filter(|file| **file != "station/tick.rs") {
        let there = sources.join(file).exists() || sources.join("station").join(file).exists();
        assert!(there, "docs/adding-a-station-kind.md names {file}, which is not in edge-agent/src");
    }
    assert!(named.len() > 10, "{named:?}");
}
