//! What somebody typed or scanned, and which UIDs it may mean. Pure.

use uid::{TenantCode, Uid, UidError, clean_scan};

/// What a code can be, before the database is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// A UID of this tenant.
    Uid(Uid),
    /// A valid UID of somebody else.
    Foreign(Uid),
    /// Meant to be a UID, and wrong; unless it is an alias after all: these texts,
    /// in the order in which to try them.
    Wrong(UidError, Vec<String>),
    /// Perhaps an alias: these texts, in the order in which to try them.
    Alias(Vec<String>),
    /// Nothing at all.
    Empty,
}

/// Reads a code. `own` is the tenant that asks.
#[must_use]
pub fn read(text: &str, own: TenantCode) -> Code {
    let clean = clean_scan(text);
    if clean.text.is_empty() {
        return Code::Empty;
    }
    let wrong = match clean.uid(own) {
        Ok(uid) if uid.tenant() == own => return Code::Uid(uid),
        Ok(uid) => return Code::Foreign(uid),
        Err(error) => {
            let looks = clean.text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("UID"))
                || clean.text.matches('-').count() == 5
                || clean.form == uid::Form::Serial;
            looks.then_some(error)
        }
    };
    let mut candidates = vec![clean.text.to_owned()];
    if let Some(serial) = gs1_serial(clean.text) {
        if let Ok(uid) = Uid::from_serial(own, &serial.to_ascii_uppercase()) {
            return Code::Uid(uid);
        }
        candidates.push(serial);
    }
    if let Ok(uid) = Uid::from_serial(own, &clean.text.to_ascii_uppercase()) {
        return Code::Uid(uid);
    }
    let upper = clean.text.to_uppercase();
    if !candidates.contains(&upper) {
        candidates.push(upper);
    }
    candidates.retain(|candidate| !candidate.contains('\0') && candidate.len() <= 256);
    match wrong {
        Some(error) => Code::Wrong(error, candidates),
        None if candidates.is_empty() => Code::Empty,
        None => Code::Alias(candidates),
    }
}

/// The serial number (AI 21) of a GS1 element string, bracketed or raw.
#[must_use]
pub fn gs1_serial(text: &str) -> Option<String> {
    if text.starts_with('(') {
        let (_, after) = text.split_once("(21)")?;
        let serial = after.split('(').next()?.trim();
        return (!serial.is_empty()).then(|| serial.to_owned());
    }
    // Raw: fixed lengths run on, variable ones end at a group separator.
    let mut rest = text.trim_start_matches('\u{1d}');
    if !rest.starts_with("01") && !rest.starts_with("02") {
        return None;
    }
    while let Some(ai) = rest.get(..2) {
        let value = rest.get(2..)?;
        let fixed = match ai {
            "01" | "02" => Some(14),
            "11" | "12" | "13" | "15" | "16" | "17" => Some(6),
            "20" => Some(2),
            "10" | "21" | "22" | "30" | "37" => None,
            _ => return None,
        };
        let end = match fixed {
            Some(length) => length,
            None => value.find('\u{1d}').unwrap_or(value.len()),
        };
        let field = value.get(..end)?;
        if ai == "21" {
            return (!field.is_empty()).then(|| field.to_owned());
        }
        rest = value.get(end..)?.trim_start_matches('\u{1d}');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saif() -> TenantCode {
        "SAIF".parse().unwrap()
    }

    fn uid(text: &str) -> Uid {
        text.parse().unwrap()
    }

    #[test]
    fn what_people_scan_is_understood() {
        let cases = [
            ("UID-SAIF-KOL-RM-000001-A7", "UID-SAIF-KOL-RM-000001-A7"),
            (" uid-saif-kol-rm-000001-a7\r\n", "UID-SAIF-KOL-RM-000001-A7"),
            ("]d2UID-SAIF-KOL-RM-000001-A7", "UID-SAIF-KOL-RM-000001-A7"),
            ("KOLFG0000017F", "UID-SAIF-KOL-FG-000001-7F"),
            ("(01)09506000134352(21)KOLFG0000017F", "UID-SAIF-KOL-FG-000001-7F"),
            ("010950600013435210LOT7\u{1d}21KOLFG0000017F", "UID-SAIF-KOL-FG-000001-7F"),
            ("https://id.example.com/01/09506000134352/21/KOLFG0000017F", "UID-SAIF-KOL-FG-000001-7F"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text, saif()), Code::Uid(uid(expected)), "{text:?}");
        }
    }

    #[test]
    fn a_wrong_uid_names_its_part() {
        for (text, code) in [
            ("UID-SAIF-KOL-RM-000001-A8", "uid.checksum"),
            ("UID-SAIF-KOL-RM-0000-A7", "uid.sequence"),
            ("UID-SA-KOL-RM-000001-A7", "uid.tenant"),
            ("UIX-SAIF-KOL-RM-000001-A7", "uid.prefix"),
        ] {
            match read(text, saif()) {
                Code::Wrong(error, aliases) => assert_eq!((error.code(), aliases[0].as_str()), (code, text)),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn others_are_foreign_aliases_or_nothing() {
        assert!(matches!(read("UID-ZZZZ-ZZZ-ZZ-99999999999-E6", saif()), Code::Foreign(_)));
        assert_eq!(read("sn-77a", saif()), Code::Alias(vec!["sn-77a".into(), "SN-77A".into()]));
        assert_eq!(read(" \t", saif()), Code::Empty);
        assert_eq!(gs1_serial("(01)1(21)"), None);
        assert_eq!(gs1_serial("01é"), None);
    }
}
