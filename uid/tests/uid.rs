//! The promises of the UID, proven from outside: vectors, the exhaustive proofs
//! of the checksum, scans, and ranges of keys against brute force.

// Helpers of tests may unwrap as the tests do.
#![allow(clippy::unwrap_used)]

use std::ops::RangeInclusive;

use proptest::prelude::*;
use uid::*;

/// Every vector of the design, with its sum in it.
const VECTORS: [&str; 9] = [
    "UID-SAIF-KOL-RM-000001-A7",
    "UID-SAIF-KOL-RM-000002-AE",
    "UID-SAIF-KOL-FG-000001-7F",
    "UID-SAIF-VSK-RM-000001-AD",
    "UID-SAIF-KOL-RM-999999-A3",
    "UID-SAIF-KOL-RM-1000000-B6",
    "UID-SAIF-KOL-RM-99999999999-30",
    "UID-ZZZZ-ZZZ-ZZ-99999999999-E6",
    "UID-0000-000-00-000001-69",
];

fn code<T: std::str::FromStr<Err = UidError>>(text: &str) -> T {
    text.parse().unwrap()
}

fn uid(tenant: &str, plant: &str, kind: &str, sequence: u64) -> Uid {
    Uid::new(code(tenant), code(plant), code(kind), sequence).unwrap()
}

fn own() -> TenantCode {
    code("SAIF")
}

/// A UID of each length, 25 to 30.
fn one_of_each_length() -> [Uid; 6] {
    [1, 1_000_000, 23_456_789, 300_000_007, 9_876_543_210, 99_999_999_999]
        .map(|sequence| uid("SAIF", "KOL", "RM", sequence))
}

fn error(text: &str) -> UidError {
    text.parse::<Uid>().unwrap_err()
}

#[test]
fn vectors() {
    for text in VECTORS {
        let uid: Uid = text.parse().unwrap();
        assert_eq!(uid.to_string(), text);
        assert_eq!(format!("{:02X}", uid.checksum()), text[text.len() - 2..]);
        assert_eq!(Uid::from_key(uid.tenant(), uid.key()), uid);
        assert_eq!(Uid::from_serial(uid.tenant(), &uid.serial()), Ok(uid));
    }
    let first: Uid = VECTORS[0].parse().unwrap();
    assert_eq!(first, uid("SAIF", "KOL", "RM", 1));
    assert_eq!((first.tenant(), first.plant()), (own(), code("KOL")));
    assert_eq!((first.kind(), first.sequence()), (TypeCode::RAW_MATERIAL, 1));
    assert_eq!(format!("{first:?}"), "Uid(UID-SAIF-KOL-RM-000001-A7)");
    assert_eq!(format!("{first:>26}"), " UID-SAIF-KOL-RM-000001-A7");
    assert_eq!(&*VECTORS[2].parse::<Uid>().unwrap().serial(), "KOLFG0000017F");
}

#[test]
fn keys() {
    assert_eq!(uid("SAIF", "KOL", "RM", 1).key().to_string(), "3474027400000000001");
    assert_eq!(uid("SAIF", "VSK", "FG", 42).key().get(), 5_340_094_000_000_000_042);
    assert_eq!(uid("ZZZZ", "ZZZ", "ZZ", MAX_SEQUENCE).key(), Key::MAX);
    assert_eq!(Key::MAX.get(), 6_046_617_599_999_999_999);
    assert_eq!(uid("0000", "000", "00", 1).key(), Key::MIN);
    assert_eq!(Key::new(3_474_027_400_000_000_001).unwrap().parts(), (code("KOL"), code("RM"), 1));
    let no_keys = [i64::MIN, -1, 0, 100_000_000_000, 3_474_027_400_000_000_000];
    for number in no_keys.into_iter().chain([Key::MAX.get() + 1, i64::MAX]) {
        let error = Key::new(number).unwrap_err();
        assert_eq!(error.code(), "uid.key");
        assert_eq!(&*error.fault().found, number.to_string());
    }
}

#[test]
fn sequence_bounds() {
    for sequence in [0, MAX_SEQUENCE + 1, u64::MAX] {
        let error = Uid::new(own(), code("KOL"), code("RM"), sequence).unwrap_err();
        assert_eq!(error.code(), "uid.sequence");
        assert_eq!(Key::from_parts(code("KOL"), code("RM"), sequence).unwrap_err(), error);
    }
}

/// Each text, the code of its error, the byte it is at and what is found there.
#[test]
fn errors_name_the_part() {
    for (text, code, at, found) in [
        ("", "uid.length", 0, "0"),
        ("UID-SAIF-KOL-RM-999999999990-A7", "uid.length", 0, "31"),
        ("4006381333931", "uid.prefix", 0, "4006381333931"),
        ("https://example.com/and-more-than-30", "uid.prefix", 0, "https://example.com/and-mor…"),
        ("\0", "uid.prefix", 0, "\0"),
        ("uid-SAIF-KOL-RM-000001-A7", "uid.prefix", 0, "uid"),
        (" UID-SAIF-KOL-RM-000001-A7", "uid.prefix", 0, " UID"),
        ("UID-SAI-KOL-RM-000001-A7", "uid.tenant", 4, "SAI"),
        ("UID-SAÏF-KOL-RM-000001-A7", "uid.tenant", 4, "SAÏF"),
        ("UID-SA\u{ff29}F-KOL-RM-000001-A7", "uid.tenant", 4, "SA\u{ff29}F"),
        ("UID-SAIF-kOL-RM-000001-A7", "uid.plant", 9, "kOL"),
        ("UID-SAIF-KOLRM-000001-A7", "uid.plant", 9, "KOLRM"),
        ("UID-SAIF-KOL-R\0-000001-A7", "uid.type", 13, "R\0"),
        ("UID-SAIF-KOL--RM-000001-A7", "uid.type", 13, ""),
        ("UID-SAIF-KOL-RM-00001-A7", "uid.sequence", 16, "00001"),
        ("UID-SAIF-KOL-RM-0000001-A7", "uid.sequence", 16, "0000001"),
        ("UID-SAIF-KOL-RM-01000000-A7", "uid.sequence", 16, "01000000"),
        ("UID-SAIF-KOL-RM-000000-A7", "uid.sequence", 16, "000000"),
        ("UID-SAIF-KOL-RM-00000A-A7", "uid.sequence", 16, "00000A"),
        ("UID-SAIF-KOL-RM-+00001-A7", "uid.sequence", 16, "+00001"),
        ("UID-SAIF-KOL-RM-00000١-A7", "uid.sequence", 16, "00000١"),
        ("UID-SAIF-KOL-RM-000001-a7", "uid.checksum", 23, "a7"),
        ("UID-SAIF-KOL-RM-000001-A8", "uid.checksum", 23, "A8"),
        ("UID-SAIF-KOL-RM-000001-A", "uid.checksum", 23, "A"),
        ("UID-SAIF-KOL-RM-000001-A7 ", "uid.checksum", 23, "A7 "),
        ("UID", "uid.shape", 3, ""),
        ("UID-SAIF-KOL", "uid.shape", 12, ""),
        ("UID-SAIF-KOL-RM-000001", "uid.shape", 22, ""),
        ("UID-SAIF-KOL-RM-000001-A7-", "uid.shape", 25, "-"),
        ("UID-SAIF-KOL-RM-000001-A7-A7", "uid.shape", 25, "-A7"),
    ] {
        let error = error(text);
        let fault = error.fault();
        assert_eq!((error.code(), fault.at, &*fault.found), (code, at, found), "{text:?}: {error}");
    }
    let wrong = error("UID-SAIF-KOL-RM-000001-A8");
    assert_eq!(wrong.fault().expected, Expected::Checksum(0xA7));
    assert_eq!(wrong.to_string(), r#"UID checksum: found "A8" at byte 23, expected A7"#);
    assert_eq!(
        error("UID-SAIF-KOL-R\n-000001-A7").to_string(),
        r#"UID type: found "R\n" at byte 13, expected 2 of 0-9A-Z"#
    );
}

/// A change of `text`: refused as it stands, and when taken for a scan either
/// refused or, where only the case changed, still the same UID.
fn assert_caught(uid: Uid, text: &str, changed: &[u8]) {
    if changed == text.as_bytes() {
        return;
    }
    let changed = std::str::from_utf8(changed).unwrap();
    assert!(changed.parse::<Uid>().is_err(), "{text} became {changed:?}");
    if let Ok(scanned) = parse_scan(changed, own()) {
        assert_eq!(scanned, uid, "{text} became {changed:?}");
        assert!(changed.trim().eq_ignore_ascii_case(text), "{text} became {changed:?}");
    }
}

/// Also asserts it of the sum itself, whatever the shape of the text: `end` is
/// where the last dash stands.
fn assert_sum_differs(text: &str, changed: &[u8]) {
    let end = text.len() - 3;
    if changed[..end] != text.as_bytes()[..end] {
        assert_ne!(checksum(&changed[..end]), checksum(&text.as_bytes()[..end]), "{text}");
    }
}

#[test]
fn every_change_of_one_character_is_caught() {
    for (uid, length) in one_of_each_length().into_iter().zip(25..) {
        let text = uid.to_string();
        assert_eq!(text.len(), length);
        for at in 0..text.len() {
            for byte in 0..128 {
                let mut changed = text.clone().into_bytes();
                changed[at] = byte;
                assert_sum_differs(&text, &changed);
                assert_caught(uid, &text, &changed);
            }
        }
    }
}

#[test]
fn every_swap_of_two_characters_is_caught() {
    for uid in one_of_each_length() {
        let text = uid.to_string();
        let end = text.len() - 3;
        for (a, b) in (0..end).flat_map(|a| (a + 1..end).map(move |b| (a, b))) {
            let mut changed = text.clone().into_bytes();
            changed.swap(a, b);
            assert_sum_differs(&text, &changed);
            assert_caught(uid, &text, &changed);
        }
    }
}

/// The sum is affine, so flipping the same bits of two neighbours changes it by
/// what a twin error with those bits would, whether or not these are twins.
#[test]
fn every_twin_error_is_caught() {
    for uid in one_of_each_length() {
        let text = uid.to_string();
        for at in 0..text.len() - 4 {
            for bits in 1..128 {
                let mut changed = text.clone().into_bytes();
                changed[at] ^= bits;
                changed[at + 1] ^= bits;
                assert_sum_differs(&text, &changed);
                if text.as_bytes()[at] == text.as_bytes()[at + 1] {
                    assert_caught(uid, &text, &changed);
                }
            }
        }
    }
}

/// The same for the part of the text that a link carries: a character that
/// became `?`, `/` or `#` must not leave a shorter serial that passes.
#[test]
fn every_change_of_one_character_in_a_link_is_caught() {
    for sequence in (0..200).map(|n| 99_999_999_999 - n * 423_456_789) {
        let uid = uid("SAIF", "KOL", "FG", sequence);
        let serial = uid.serial();
        for query in ["", "?k=9f3", "/?k=9f3&linkType=all"] {
            let head = "https://id.example.com/01/09506000134352/21/";
            let link = format!("{head}{serial}{query}");
            assert_eq!(parse_scan(&link, own()), Ok(uid));
            for at in head.len()..head.len() + serial.len() - 2 {
                for byte in 0..128 {
                    let mut changed = link.clone().into_bytes();
                    changed[at] = byte;
                    let changed = std::str::from_utf8(&changed).unwrap();
                    if let Ok(scanned) = parse_scan(changed, own()) {
                        assert_eq!(scanned, uid, "{changed:?}");
                        assert!(changed.eq_ignore_ascii_case(&link), "{changed:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn scans_are_cleaned() {
    let text = "UID-SAIF-KOL-FG-000001-7F";
    let expected = uid("SAIF", "KOL", "FG", 1);
    for scan in [
        text,
        "uid-saif-kol-fg-000001-7f",
        "  UID-SAIF-KOL-FG-000001-7F\r\n",
        "\u{2}UID-SAIF-KOL-FG-000001-7F\u{3}",
        "\u{a0}\u{3000}UID-SAIF-KOL-FG-000001-7F\t",
        "]d1UID-SAIF-KOL-FG-000001-7F",
        "]C0uid-saif-kol-fg-000001-7f\r",
        "\u{2}]Q3\u{1d}UID-SAIF-KOL-FG-000001-7F",
        "]XxUID-SAIF-KOL-FG-000001-7F",
        "https://trace.example.com/UID-SAIF-KOL-FG-000001-7F",
        "]Q1HTTPS://TRACE.EXAMPLE.COM/U/UID-SAIF-KOL-FG-000001-7F?K=9F3\r\n",
        "http://localhost:8080/u/uid-saif-kol-fg-000001-7f/?k=9f3",
        "https://id.example.com/01/09506000134352/21/KOLFG0000017F",
        "https://id.example.com/01/09506000134352/10/LOT7/21/KOLFG0000017F?k=9f3&17=271231",
        "https://id.example.com/a/01/b/01/9506000134352/21/kolfg0000017f/",
        "]d4https://id.example.com/01/09506000134352/21/KOLFG0000017F\u{4}",
    ] {
        assert_eq!(parse_scan(scan, own()), Ok(expected), "{scan:?}");
    }
    // A UID of another tenant is a UID; a serial is judged as one's own.
    let other = uid("ACME", "KOL", "FG", 1);
    assert_eq!(parse_scan(&other.to_string(), own()), Ok(other));
    assert_eq!(parse_scan(&other.serial(), own()).unwrap_err().code(), "uid.prefix");
}

#[test]
fn wrong_scans_stay_wrong() {
    for (scan, code, at) in [
        ("", "uid.length", 0),
        ("\r\n", "uid.length", 0),
        ("]", "uid.prefix", 0),
        ("]Q", "uid.prefix", 0),
        ("]d1", "uid.length", 3),
        ("]d1]d1UID-SAIF-KOL-FG-000001-7F", "uid.prefix", 3),
        (" UID-SAIF-KOL-FG-000001-8F", "uid.checksum", 24),
        ("]d1uid-saif-kol-fg-000001-8f", "uid.checksum", 26),
        ("UID-SAIF-KOL-FG-0000\u{1d}01-7F", "uid.sequence", 16),
        ("UID-SAIF-KOL-FG-000001 -7F", "uid.sequence", 16),
        ("UID-SAıF-KOL-FG-000001-7F", "uid.tenant", 4),
        ("UID\u{2010}SAIF-KOL-FG-000001-7F", "uid.prefix", 0),
        ("https://example.com", "uid.prefix", 0),
        ("https://example.com/product", "uid.prefix", 0),
        ("https://x/UID-SAIF-KOL-FG-000001-8F", "uid.checksum", 33),
        ("https://x/UID-SAIF-KOL-FG-000001-7F#top", "uid.checksum", 33),
        ("https://x/UID-SAIF-KOL-FG-0000010000010-7F", "uid.length", 10),
        ("ftp://x/UID-SAIF-KOL-FG-000001-7F", "uid.prefix", 0),
        ("https://x/01/09506000134352/21/KOLFG0000018F", "uid.checksum", 42),
        ("https://x/01/09506000134352/21/KOLFG00000", "uid.length", 31),
        ("https://x/01/09506000134352/21/KÖLFG0000017", "uid.shape", 32),
        ("https://x/01/09506000134352/21/KOL-G0000017F", "uid.type", 34),
        ("https://x/01/09506000134352/21/KOLFG0000017F/x", "uid.prefix", 0),
        ("https://x/01/123/21/KOLFG0000017F", "uid.prefix", 0),
        ("https://x/01/09506000134352/21/KOLFG0000017F/21/KOLFG0000017F", "uid.prefix", 0),
    ] {
        let error = parse_scan(scan, own()).unwrap_err();
        assert_eq!((error.code(), error.fault().at), (code, at), "{scan:?}: {error}");
    }
}

#[test]
fn cleaning_keeps_what_is_no_uid() {
    let clean = clean_scan("]E0 Lot 7/ä \r\n");
    assert_eq!(clean, Scanned { text: "Lot 7/ä", at: 4, form: Form::Text });
    assert_eq!(clean_scan("https://example.com/a?b=c\n").text, "https://example.com/a?b=c");
    let serial = clean_scan("https://x/01/09506000134352/21/KOLfg0000017F?k=1");
    assert_eq!(serial, Scanned { text: "KOLfg0000017F", at: 31, form: Form::Serial });
}

#[test]
fn prefixes_give_ranges() {
    let keys = |plant: &str, kind: &str, low: u64, high: u64| {
        let key = |sequence| uid("SAIF", plant, kind, sequence).key().get();
        key(low)..=key(high)
    };
    let all = vec![Key::MIN.get()..=Key::MAX.get()];
    for prefix in ["", "U", "UID", "UID-", "UID-S", "UID-SAI"] {
        assert_eq!(key_ranges(prefix), Ok((None, all.clone())), "{prefix}");
    }
    for prefix in ["UID-SAIF", "UID-SAIF-"] {
        assert_eq!(key_ranges(prefix), Ok((Some(own()), all.clone())), "{prefix}");
    }
    let max = MAX_SEQUENCE;
    let last = |range: RangeInclusive<i64>| *range.end();
    for (prefix, ranges) in [
        ("UID-SAIF-K", vec![*keys("K00", "00", 1, 1).start()..=last(keys("KZZ", "ZZ", 1, max))]),
        ("UID-SAIF-KOL", vec![*keys("KOL", "00", 1, 1).start()..=last(keys("KOL", "ZZ", 1, max))]),
        ("UID-SAIF-KOL-R", vec![*keys("KOL", "R0", 1, 1).start()..=last(keys("KOL", "RZ", 1, max))]),
        ("UID-SAIF-KOL-RM", vec![keys("KOL", "RM", 1, max)]),
        ("UID-SAIF-KOL-RM-", vec![keys("KOL", "RM", 1, max)]),
        ("UID-SAIF-KOL-RM-0", vec![keys("KOL", "RM", 1, 99_999)]),
        ("UID-SAIF-KOL-RM-0000", vec![keys("KOL", "RM", 1, 99)]),
        ("UID-SAIF-KOL-RM-00012", vec![keys("KOL", "RM", 120, 129)]),
        ("UID-SAIF-KOL-RM-000120", vec![keys("KOL", "RM", 120, 120)]),
        (
            "UID-SAIF-KOL-RM-12",
            vec![
                keys("KOL", "RM", 120_000, 129_999),
                keys("KOL", "RM", 1_200_000, 1_299_999),
                keys("KOL", "RM", 12_000_000, 12_999_999),
                keys("KOL", "RM", 120_000_000, 129_999_999),
                keys("KOL", "RM", 1_200_000_000, 1_299_999_999),
                keys("KOL", "RM", 12_000_000_000, 12_999_999_999),
            ],
        ),
        (
            "UID-SAIF-KOL-RM-1234567890",
            vec![
                keys("KOL", "RM", 1_234_567_890, 1_234_567_890),
                keys("KOL", "RM", 12_345_678_900, 12_345_678_909),
            ],
        ),
        ("UID-SAIF-KOL-RM-000001-", vec![keys("KOL", "RM", 1, 1)]),
        ("UID-SAIF-KOL-RM-000001-A", vec![keys("KOL", "RM", 1, 1)]),
        ("UID-SAIF-KOL-RM-000001-A7", vec![keys("KOL", "RM", 1, 1)]),
    ] {
        assert_eq!(key_ranges(prefix), Ok((Some(own()), ranges.clone())), "{prefix}");
        assert_eq!(key_ranges_in(own(), prefix), Ok(ranges), "{prefix}");
        assert_eq!(key_ranges_in(code("ACME"), prefix), Ok(vec![]), "{prefix}");
    }
    assert_eq!(key_ranges_in(own(), "UID-SA"), Ok(all.clone()));
    assert_eq!(key_ranges_in(code("ACME"), "UID-SA"), Ok(vec![]));
    assert_eq!(key_ranges_in(code("ACME"), "UI"), Ok(all));
}

#[test]
fn prefixes_of_no_uid_are_errors() {
    for (prefix, code, at) in [
        ("X", "uid.prefix", 0),
        ("UIDX", "uid.prefix", 0),
        ("-", "uid.prefix", 0),
        ("UID-s", "uid.tenant", 4),
        ("UID-SAIFX", "uid.tenant", 4),
        ("UID-SAI-", "uid.tenant", 4),
        ("UID-SAIF-é", "uid.plant", 9),
        ("UID-SAIF-%", "uid.plant", 9),
        ("UID-SAIF-KOL-RMX", "uid.type", 13),
        ("UID-SAIF-KOL-RM-0000000", "uid.sequence", 16),
        ("UID-SAIF-KOL-RM-000000", "uid.sequence", 16),
        ("UID-SAIF-KOL-RM-1X", "uid.sequence", 16),
        ("UID-SAIF-KOL-RM-999999999999", "uid.sequence", 16),
        ("UID-SAIF-KOL-RM-1-", "uid.sequence", 16),
        ("UID-SAIF-KOL-RM-000001-B", "uid.checksum", 23),
        ("UID-SAIF-KOL-RM-000001-A7A", "uid.checksum", 23),
        ("UID-SAIF-KOL-RM-000001-A7-", "uid.shape", 25),
        ("UID-SAIF-KOL-RM-99999999999-30-", "uid.length", 0),
    ] {
        let error = key_ranges(prefix).unwrap_err();
        assert_eq!((error.code(), error.fault().at), (code, at), "{prefix:?}: {error}");
        assert_eq!(key_ranges_in(own(), prefix), Err(error));
    }
}

/// Every sequence to beyond seven digits, for beginnings that split there.
#[test]
fn sequence_prefixes_agree_with_brute_force() {
    let starts = ["", "0", "00", "0000", "00001", "000010", "1", "10", "99", "100000", "1000000"];
    let base = uid("SAIF", "KOL", "RM", 1).key().get() - 1;
    let ranges = starts.map(|start| key_ranges(&format!("UID-SAIF-KOL-RM-{start}")).unwrap().1);
    let mut runs = [0; 11];
    let mut inside = [false; 11];
    for sequence in 1..=1_100_001 {
        let text = format!("{sequence:06}");
        for (n, start) in starts.iter().enumerate() {
            let expected = text.starts_with(start);
            let key = base + sequence;
            assert_eq!(ranges[n].iter().any(|range| range.contains(&key)), expected, "{key}");
            runs[n] += usize::from(expected && !inside[n]);
            inside[n] = expected;
        }
    }
    for (n, runs) in runs.into_iter().enumerate() {
        let begun = ranges[n].iter().filter(|range| *range.start() <= base + 1_100_001).count();
        assert_eq!(begun, runs, "{}", starts[n]);
    }
}

prop_compose! {
    /// Few tenants, plants and digits, so that beginnings are often shared;
    /// sequences of every length.
    fn any_uid()(
        tenant in "[0AZ]{4}|[0-9A-Z]{4}",
        plant in "[0AZ]{3}|[0-9A-Z]{3}",
        kind in "[0AZ]{2}|[0-9A-Z]{2}",
        digits in "[019]{1,11}|[0-9]{1,11}",
    ) -> Uid {
        uid(&tenant, &plant, &kind, digits.parse::<u64>().unwrap().max(1))
    }
}

/// The key after (`step` 1) or before (-1), if there is one.
fn neighbour(key: i64, step: i64) -> Option<Key> {
    [key + step, key + 2 * step].into_iter().find_map(|number| Key::new(number).ok())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn all_forms_come_back(uid in any_uid()) {
        let text = uid.to_string();
        prop_assert!((25..=30).contains(&text.len()));
        prop_assert_eq!(&*uid.text(), &text);
        prop_assert_eq!(text.parse(), Ok(uid));
        prop_assert_eq!(parse_scan(&text.to_lowercase(), own()), Ok(uid));
        prop_assert_eq!(Uid::from_key(uid.tenant(), uid.key()), uid);
        prop_assert_eq!(Key::new(uid.key().get()), Ok(uid.key()));
        prop_assert_eq!(uid.key().parts(), (uid.plant(), uid.kind(), uid.sequence()));
        let serial = uid.serial();
        prop_assert!((13..=18).contains(&serial.len()));
        prop_assert_eq!(Uid::from_serial(uid.tenant(), &serial), Ok(uid));
    }

    #[test]
    fn key_order_is_that_of_the_parts(a in any_uid(), b in any_uid()) {
        let parts = |uid: &Uid| (uid.plant(), uid.kind(), uid.sequence());
        prop_assert_eq!(a.key().cmp(&b.key()), parts(&a).cmp(&parts(&b)));
        prop_assert_eq!(a.cmp(&b), (a.tenant(), a.key()).cmp(&(b.tenant(), b.key())));
    }

    #[test]
    fn what_parses_is_canonical(text in "\\PC*|UID-[A-Z]{4}-[A-Z]{3}-[A-Z]{2}-[0-9]{5,12}-[0-9A-F]{2}") {
        if let Ok(uid) = text.parse::<Uid>() {
            prop_assert_eq!(uid.to_string(), text.clone());
        }
        if let Ok(uid) = Uid::from_serial(own(), &text) {
            prop_assert_eq!(&*uid.serial(), &text);
        }
        if let Ok((_, ranges)) = key_ranges(&text) {
            prop_assert!(!ranges.is_empty());
        }
    }

    #[test]
    fn nothing_that_is_scanned_panics(
        scan in any::<String>(),
        link in "(]?[dQ]?[0-9]?)?https?://[a-z]{0,2}(/(01|21|10|[0-9]{14}|KOLFG[0-9]{6,9}|é|UID-)){0,6}[/?#=&k\\PC]{0,5}",
    ) {
        for text in [&scan, &link] {
            let clean = clean_scan(text);
            prop_assert_eq!(&text[clean.at..clean.at + clean.text.len()], clean.text);
            if let Err(error) = clean.uid(own()) {
                prop_assert!(error.fault().at <= text.len());
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    /// A key is in the ranges exactly if its text begins with the prefix, and
    /// no range could be longer: so they are as few as can be.
    #[test]
    fn prefix_ranges_agree_with_brute_force(
        uid in any_uid(),
        len in 8..=30usize,
        others in prop::collection::vec(any_uid(), 20),
        sequences in prop::collection::vec(1..=MAX_SEQUENCE, 20),
    ) {
        let text = uid.to_string();
        let prefix = &text[..len.min(text.len())];
        let (tenant, ranges) = key_ranges(prefix).unwrap();
        prop_assert_eq!(tenant, Some(uid.tenant()));
        let begins = |key: Key| Uid::from_key(uid.tenant(), key).to_string().starts_with(prefix);

        let near = sequences.iter().map(|&n| Key::from_parts(uid.plant(), uid.kind(), n).unwrap());
        for key in others.iter().map(Uid::key).chain(near).chain([uid.key()]) {
            let inside = ranges.iter().any(|range| range.contains(&key.get()));
            prop_assert_eq!(inside, begins(key), "{} {}", prefix, key);
        }
        for range in &ranges {
            prop_assert!(begins(Key::new(*range.start()).unwrap()));
            prop_assert!(begins(Key::new(*range.end()).unwrap()));
            prop_assert!(!neighbour(*range.start(), -1).is_some_and(begins));
            prop_assert!(!neighbour(*range.end(), 1).is_some_and(begins));
        }
        prop_assert!(ranges.is_sorted_by(|a, b| a.end() < b.start()));
    }

    /// A prefix is refused exactly if no UID begins with it: whatever is
    /// accepted is begun by the first UID of its ranges.
    #[test]
    fn accepted_prefixes_begin_a_uid(
        uid in any_uid(),
        len in 0..=30usize,
        more in "[0-9A-Z-]{0,3}",
    ) {
        let text = uid.to_string();
        let prefix = format!("{}{more}", &text[..len.min(text.len())]);
        match key_ranges(&prefix) {
            Ok((Some(tenant), ranges)) => {
                let first = Uid::from_key(tenant, Key::new(*ranges[0].start()).unwrap());
                prop_assert!(first.to_string().starts_with(&prefix), "{} {}", prefix, first);
            }
            Ok((None, _)) => prop_assert!(prefix.len() < 8, "{}", prefix),
            Err(_) => prop_assert!(!more.is_empty(), "{}", prefix),
        }
    }
}
