//! Any scans and cycles of a machine in any order at any station: nothing panics,
//! and what must always be true (`Plant::check`) is true of every decision.

use proptest::prelude::*;

use super::plant::Plant;
use crate::config::StationKind;
use crate::station::types::Life;
use rust_decimal::Decimal;

const WORDS: [&str; 58] = [
    "DONE",
    "DONE",
    "DONE",
    "CANCEL",
    "UNDO",
    "CORRECT",
    "QTY",
    "QTY-1",
    "QTY-2",
    "QTY-40",
    "QTY-0.5",
    "DIGIT-1",
    "DIGIT-9",
    "DIGIT-.",
    "ENTER",
    "ORDER",
    "ORDER-WO-1",
    "OP-TEST",
    "OP",
    "REASON-BROKEN",
    "REASON-ORDER_LATE",
    "PASS",
    "FAIL",
    "HOLD",
    "SPLIT-2",
    "SPLIT-5",
    "NOLABEL",
    "NOLABEL",
    "REPRINT",
    "LOGIN",
    "LOGOUT",
    "HELP",
    "RM1",
    "RM2",
    "RM3",
    "RM4",
    "RM8",
    "FG1",
    "FG2",
    "PK1",
    "BN1",
    "RM99",
    "badge:anil",
    "badge:chief",
    "9999",
    "WO-1",
    "WO-2",
    "SO-1",
    "ST-1",
    "PO-2025-001",
    "RACK-1",
    "GEAR",
    "STEEL",
    "challan=7",
    "(01)09501101530003(10)L1(37)5",
    "cycle:12",
    "cycle:14",
    "cycle:",
];

fn scans() -> impl Strategy<Value = Vec<(usize, usize, bool)>> {
    let one = (0..StationKind::ALL.len(), 0..WORDS.len(), proptest::bool::weighted(0.7));
    proptest::collection::vec(one, 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_breaks_the_rules(scans in scans(), built in any::<bool>()) {
        let mut plant = if built { Plant::built() } else { Plant::stocked() };
        let codes: Vec<String> = plant.file.stations.iter().map(|s| s.code.clone()).collect();
        let mut at = 0;
        for (station, word, stay) in scans {
            // People stay at a station for a while, or little ever gets done.
            if !stay {
                at = station;
            }
            if let Some(value) = WORDS[word].strip_prefix("cycle:") {
                let value = Some(value).filter(|value| !value.is_empty());
                super::readings::trigger(&mut plant, &codes[at], value);
                continue;
            }
            let text = plant.text(WORDS[word]);
            plant.scan(&codes[at], &text);
        }
        for label in plant.labels.values() {
            prop_assert!(label.quantity.is_none_or(|q| q >= Decimal::ZERO));
            prop_assert!(!label.children.contains(&label.key));
            if label.life == Life::Consumed {
                prop_assert!(label.quantity.is_none_or(|q| q.is_zero()), "{label:?}");
            }
        }
        // Minted once: no key is born twice.
        let mut born: Vec<i64> = plant.events.iter().flat_map(|e| &e.subjects).filter(|s| s.mint).map(|s| s.key).collect();
        let all = born.len();
        born.sort_unstable();
        born.dedup();
        prop_assert_eq!(born.len(), all);
        for label in plant.labels.values() {
            let events = plant.events.iter().filter(|e| e.subjects.iter().any(|s| s.key == label.key)).count();
            prop_assert_eq!(label.count as usize, events);
        }
    }

    #[test]
    fn any_text_has_an_answer(text in ".{0,60}", station in 0..StationKind::ALL.len()) {
        let mut plant = Plant::new();
        let code = plant.file.stations[station].code.clone();
        plant.scan(&code, &text);
        plant.scan(&code, &text);
    }
}
