//! What was scanned, and which labels one needs to judge it.

use sha2::{Digest, Sha256};
use uid::{TenantCode, Uid};

use super::control::Control;
use super::gs1::{self, Elements};
use super::types::{Scanned, Session};
use crate::reference::Reference;

/// Says what a scan is. UIDs, control codes and badges are known by how they
/// begin, badges also by their hash; a supplier's element string by its form.
/// All else is text. A text that is an alias of a UID is known only to the
/// engine, which then passes [`Scanned::Uid`] instead.
#[must_use]
pub fn classify(text: &str, tenant: TenantCode, reference: &Reference) -> Scanned {
    if gs1::looks_like(text) {
        return element_string(text, tenant, reference);
    }
    let cleaned = uid::clean_scan(text);
    let inner = cleaned.text;
    if inner.is_empty() {
        return invalid("scan.empty", String::new());
    }
    let starts =
        |prefix: &str| inner.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    if starts("UID-") || cleaned.form == uid::Form::Serial {
        return match cleaned.uid(tenant) {
            Ok(uid) if uid.tenant() == tenant => Scanned::Uid(uid),
            Ok(uid) => Scanned::Foreign(uid),
            // The expected checksum would make any text pass: it stays here.
            Err(uid::UidError::Checksum(_)) => invalid("uid.checksum", String::new()),
            Err(error) => invalid(error.code(), error.fault().to_string()),
        };
    }
    if starts("TWC-") {
        return match inner.parse::<Control>() {
            Ok(control) => Scanned::Control(control),
            Err(error) => invalid(error.code(), error.to_string()),
        };
    }
    let hash = sha256(inner);
    if starts("TWB-") || reference.operators.contains_key(&hash) {
        // A wedge may have changed the case; the card is printed in upper case.
        let upper = sha256(&inner.to_ascii_uppercase());
        let known = [hash.clone(), upper].into_iter().find(|h| reference.operators.contains_key(h));
        return Scanned::Badge(known.unwrap_or(hash));
    }
    if let Some(elements) = bare_element_string(inner, reference) {
        return own_or_supplier(elements, tenant, reference);
    }
    Scanned::Text(inner.to_owned())
}

fn invalid(code: &str, detail: String) -> Scanned {
    Scanned::Invalid { code: code.to_owned(), detail }
}

fn sha256(text: &str) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn element_string(text: &str, tenant: TenantCode, reference: &Reference) -> Scanned {
    match gs1::parse(text) {
        Ok(elements) => own_or_supplier(elements, tenant, reference),
        Err(error) => invalid(error.code(), error.to_string()),
    }
}

/// Our own labels carry plant, type, sequence and checksum as the serial beside
/// a GTIN of ours; the checksum tells them from a supplier's serial.
fn own_or_supplier(elements: Elements, tenant: TenantCode, reference: &Reference) -> Scanned {
    let ours = elements.gtin.as_ref().is_some_and(|gtin| has_gtin(reference, gtin));
    let serial = elements.serial.as_deref().filter(|_| ours);
    match serial.and_then(|serial| Uid::from_serial(tenant, serial).ok()) {
        Some(uid) => Scanned::Uid(uid),
        None => Scanned::Gs1(elements),
    }
}

fn has_gtin(reference: &Reference, gtin: &str) -> bool {
    reference.items.values().any(|item| item.gtin.as_deref() == Some(gtin))
}

/// An element string from a scanner that sends neither AIM identifier nor FNC1:
/// taken for one only when it begins with the GTIN of an item of ours.
fn bare_element_string(text: &str, reference: &Reference) -> Option<Elements> {
    let gtin = text.strip_prefix("01").and_then(|rest| rest.get(..14))?;
    if !has_gtin(reference, gtin) {
        return None;
    }
    gs1::parse(text).ok()
}

/// Keys whose labels a rule may look at. The engine loads these, their parents
/// all the way up, their children, and what packages among them hold all the
/// way down.
#[must_use]
pub fn wanted_keys(session: &Session, scanned: &Scanned) -> Vec<i64> {
    let mut keys: Vec<i64> = Vec::new();
    if let Scanned::Uid(uid) = scanned {
        keys.push(uid.key().get());
    }
    // A supervisor's PIN brings back what was refused.
    if let Some(refused) = session.fields.get(super::step::REFUSED) {
        keys.extend(refused.parse::<Uid>().ok().map(|uid| uid.key().get()));
    }
    keys.extend(session.parent);
    keys.extend(&session.draft);
    keys.extend(&session.load);
    keys.extend(session.last_events.iter().flat_map(|(_, keys)| keys));
    keys.extend(session.last_event.iter().flat_map(|(_, keys)| keys));
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Whether a scan must not be shown or logged as it came: a badge, or a PIN
/// typed while one is awaited. `session` is the one before the scan.
#[must_use]
pub fn is_secret(session: &Session, scanned: &Scanned) -> bool {
    use super::login::{PIN, PIN_OVER, SUPERVISOR_PIN};
    let pin = matches!(session.pending.as_deref(), Some(PIN | SUPERVISOR_PIN | PIN_OVER));
    match scanned {
        Scanned::Badge(_) => true,
        Scanned::Text(_) => pin,
        Scanned::Control(control) => pin && control.verb() == super::control::Verb::Digit,
        _ => false,
    }
}
