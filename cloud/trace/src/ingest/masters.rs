//! Names in events that the cloud's masters lack: a typing error in a plant file,
//! or a master that nobody has entered yet. The fact is stored all the same.
//! Stations are not looked at: only the plant's own file knows them.

use std::collections::BTreeMap;

use platform::db::Tx;

use super::findings::Finding;
use super::rows::Decoded;
use super::store::{Stream, masters as store};

/// Exceptions for what is unknown, at the first event that names it.
///
/// # Errors
/// Those of the database.
pub async fn unknown(tx: &mut Tx, stream: Stream, events: &[Decoded]) -> Result<Vec<Finding>, sqlx::Error> {
    let (mut items, mut people) = (BTreeMap::new(), BTreeMap::new());
    for event in events {
        let subjects = event.subjects.iter().map(|s| s.item.as_str());
        for item in subjects.chain(event.lots.iter().map(|lot| lot.item.as_str())) {
            items.entry(item).or_insert(event);
        }
        for person in [event.event.operator_id.as_str(), event.event.overridden_by.as_str()] {
            people.entry(person).or_insert(event);
        }
    }
    let mut findings = Vec::new();
    let mut tell = |master: &str, named: &BTreeMap<&str, &Decoded>, unknown: Vec<String>| {
        for value in unknown {
            if let Some(event) = named.get(value.as_str()) {
                let plant = &event.event.plant;
                findings.push(Finding::unknown_master(stream, plant, event.seq, master, &value));
            }
        }
    };
    items.remove("");
    if !items.is_empty() {
        let names: Vec<&str> = items.keys().copied().collect();
        tell("item", &items, store::items_unknown(tx, stream.tenant, &names).await?);
    }
    people.remove("");
    if !people.is_empty() {
        let names: Vec<&str> = people.keys().copied().collect();
        tell("operator", &people, store::operators_unknown(tx, stream.tenant, &names).await?);
    }
    Ok(findings)
}
