//! Which label is meant by a code that is not its UID: a supplier's serial, typed
//! or on the supplier's own label.

use uid::Key;

use super::group::Group;
use crate::reference::Reference;
use crate::station::types::{Life, Scanned};

/// The codes that a scan may mean, the surest first. At a station that reads
/// suppliers' labels these say what goods are, not which unit.
pub(super) fn of(reference: &Reference, scanned: &Scanned, reads_labels: bool) -> Vec<String> {
    match scanned {
        // A document or a place of that name goes first.
        Scanned::Text(text) => {
            let is_place = reference.locations.contains_key(text);
            let is_order = reference.orders.keys().any(|(_, number)| number == text);
            if is_place || is_order { Vec::new() } else { vec![text.clone()] }
        }
        Scanned::Gs1(label) if !reads_labels => {
            let mut codes: Vec<String> = label.alias().into_iter().chain(label.serial.clone()).collect();
            codes.dedup();
            codes
        }
        _ => Vec::new(),
    }
}

/// The labels that a scan means by this code. Where several have it, those whose
/// life has ended are not meant.
pub(super) fn candidates(group: &Group, reference: &Reference, scanned: &Scanned, alias: &str) -> Vec<Key> {
    let mut keys = group.aliased(alias).to_vec();
    if let Scanned::Gs1(label) = scanned
        && label.serial.as_deref() == Some(alias)
        && let Some(gtin) = &label.gtin
    {
        // By its bare serial only what may be of that GTIN.
        keys.retain(|key| {
            let item = group.label(*key).and_then(|label| reference.items.get(&label.item));
            item.and_then(|item| item.gtin.as_ref()).is_none_or(|own| own == gtin)
        });
    }
    if keys.len() > 1 {
        let ended = |key: &i64| {
            let life = group.label(*key).map(|label| label.life);
            matches!(life, Some(Life::Consumed | Life::Scrapped))
        };
        if !keys.iter().all(ended) {
            keys.retain(|key| !ended(key));
        }
    }
    keys.into_iter().filter_map(|key| Key::new(key).ok()).collect()
}
