//! What a code or a name stands for besides units.
//!
//! Of events those at the caller's plants count; a lot is known to who may see one of its labels.

use std::collections::BTreeSet;

use platform::db::Tx;
use platform::search::range;
use platform::web::escaped;

use super::model::Lead;
use super::service::{Page, Who, asked_for};
use crate::explore::error::TraceError;
use crate::explore::store::label;
use crate::explore::store::places as store;
use crate::explore::store::scope as scope_store;

/// A text as a path's segment.
fn segment(text: &str) -> String {
    escaped(text, b"-_.~")
}

/// A code that may be asked for: as typed, and in capitals.
fn spellings(text: &str) -> Vec<String> {
    let clean = uid::clean_scan(text).text;
    if clean.is_empty() || clean.len() > 256 || clean.contains('\0') {
        return Vec::new();
    }
    let mut codes = vec![clean.to_owned()];
    let capitals = clean.to_uppercase();
    if !codes.contains(&capitals) {
        codes.push(capitals);
    }
    codes
}

fn customer_lead((code, name, place): (String, String, String)) -> Lead {
    let detail = if place.is_empty() { name } else { format!("{name} · {place}") };
    Lead { kind: "customer", path: format!("/trace/customer/{}", segment(&code)), code, detail }
}

fn operator_lead(code: String, name: String) -> Lead {
    Lead { kind: "operator", path: format!("/trace/operator/{}", segment(&code)), code, detail: name }
}

/// Customers, and people, whose name begins as typed.
const MOST_NAMED: i64 = 20;
/// Newest lots of a supplier that its code leads to.
const MOST_SUPPLIED: i64 = 50;

/// What a code stands for besides UIDs: lots, the newest lots of a supplier, documents, a
/// customer, a machine, a station, a person. At most 20 of each, of a supplier 50 lots; the code exactly,
/// in capitals as well.
///
/// # Errors
/// The database.
pub async fn leads_in(tx: &mut Tx, text: &str) -> Result<Vec<Lead>, TraceError> {
    let codes = spellings(text);
    if codes.is_empty() {
        return Ok(Vec::new());
    }
    let plants = tx.plants().clone();
    let mut leads = Vec::new();
    let mut ids = store::lots_numbered(tx, &codes, 20).await?;
    for code in &codes {
        let mut supplied = store::lots_supplied(tx, code, MOST_SUPPLIED).await?;
        supplied.retain(|lot| !ids.contains(lot));
        ids.extend(supplied);
    }
    for lot in label::lots(tx, &ids).await? {
        if let Some(plants) = plants.codes()
            && !scope_store::lot_seen(tx, lot.lot_id, &plants).await?
        {
            continue;
        }
        let detail = [lot.item.as_str(), &lot.supplier, &lot.supplier_name]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(" · ");
        leads.push(Lead {
            kind: "lot",
            path: format!("/trace/lot/{}", lot.lot_id),
            code: lot.supplier_lot,
            detail,
        });
    }
    for (kind, number) in store::document_types(tx, &codes).await? {
        if kind == "customer" || kind == "to_plant" || !document_known(tx, &kind, &number).await? {
            continue;
        }
        let path = format!("/trace/document/{}/{}", segment(&kind), segment(&number));
        leads.push(Lead { kind: "document", path, code: number, detail: kind });
    }
    leads.extend(customer(tx, &codes).await?.map(customer_lead));
    let mut machines = store::machines(tx, &codes, None).await?;
    machines.retain(|(_, _, plant)| plants.has(plant));
    let told_of = told_at(tx, Who::Machine, &codes).await?;
    leads.extend(at_plants("machine", machines, told_of));
    let told_of = told_at(tx, Who::Station, &codes).await?;
    leads.extend(at_plants("station", Vec::new(), told_of));
    if let Some(code) = told(tx, Who::Operator, &codes).await? {
        leads.push(operator_lead(code, String::new()));
    }
    Ok(leads)
}

/// Leads to what has one code at these plants: as the masters have it (code, name, plant), and
/// at which plants events name it. What only the events of one plant know is led to alone. Pure.
fn at_plants(
    kind: &'static str,
    masters: Vec<(String, String, String)>,
    told: Option<(String, Vec<String>)>,
) -> Vec<Lead> {
    let path = |code: &str| format!("/trace/{kind}/{}", segment(code));
    let mut all: Vec<(String, String, String)> = masters;
    if let Some((code, plants)) = told {
        if all.is_empty() && plants.len() == 1 {
            return vec![Lead { kind, path: path(&code), code, detail: String::new() }];
        }
        for plant in plants {
            if !all.iter().any(|(known, _, at)| *known == code && *at == plant) {
                all.push((code.clone(), String::new(), plant));
            }
        }
    }
    let lead = |(code, name, plant): (String, String, String)| Lead {
        kind,
        path: format!("{}?plant={}", path(&code), segment(&plant)),
        code,
        detail: if name.is_empty() { plant } else { format!("{name} · {plant}") },
    };
    all.into_iter().map(lead).collect()
}

/// The plants of the caller that have a machine or a station of this code, in order: as the
/// masters have it, and as the newest thousand events that name it say.
///
/// # Errors
/// [`TraceError::Unknown`] of what is no code; the database.
pub async fn plants_of(tx: &mut Tx, who: Who, code: &str) -> Result<Vec<String>, TraceError> {
    asked_for(code, "")?;
    let codes = [code.to_owned()];
    let plants = tx.plants().clone();
    let mut found: BTreeSet<String> = match who {
        Who::Machine => store::machines(tx, &codes, None).await?.into_iter().map(|row| row.2).collect(),
        Who::Station | Who::Operator => BTreeSet::new(),
    };
    found.retain(|plant| plants.has(plant));
    found.extend(told_at(tx, who, &codes).await?.into_iter().flat_map(|(_, plants)| plants));
    Ok(found.into_iter().collect())
}

/// Customers and people by the beginning of their name, in any case, where a text is no code;
/// at most 20 of each. People are found by what they did at the caller's plants, where pages
/// call them by that name.
///
/// # Errors
/// The database.
pub async fn named_in(tx: &mut Tx, text: &str) -> Result<Vec<Lead>, TraceError> {
    let (from, to) = range(text.trim());
    if from.is_empty() || from.len() > 256 || from.contains('\0') {
        return Ok(Vec::new());
    }
    let named = store::customers_named(tx, &from, &to, MOST_NAMED).await?;
    let mut leads: Vec<Lead> = named.into_iter().map(customer_lead).collect();
    for (code, name) in store::operators_named(tx, &from, &to, MOST_NAMED).await? {
        if told(tx, Who::Operator, std::slice::from_ref(&code)).await?.is_some() {
            leads.push(operator_lead(code, name));
        }
    }
    Ok(leads)
}

/// Of these codes the first that events at the caller's plants name; of somebody with
/// rights at some plants the newest thousand events are looked through.
pub(super) async fn told(tx: &mut Tx, who: Who, codes: &[String]) -> Result<Option<String>, TraceError> {
    let plants = tx.plants().clone();
    let most = if plants.is_all() { 1 } else { store::MOST_LOOKED_THROUGH };
    for code in codes {
        if store::plants_of(tx, who, code, most).await?.iter().any(|plant| plants.has(plant)) {
            return Ok(Some(code.clone()));
        }
    }
    Ok(None)
}

/// Of these codes the first that events at the caller's plants name, and at which of them, in
/// order; the newest thousand events of each are looked through.
async fn told_at(
    tx: &mut Tx,
    who: Who,
    codes: &[String],
) -> Result<Option<(String, Vec<String>)>, TraceError> {
    let plants = tx.plants().clone();
    for code in codes {
        let found = store::plants_of(tx, who, code, store::MOST_LOOKED_THROUGH).await?;
        let found: BTreeSet<String> = found.into_iter().filter(|plant| plants.has(plant)).collect();
        if !found.is_empty() {
            return Ok(Some((code.clone(), found.into_iter().collect())));
        }
    }
    Ok(None)
}

/// The customer with one of these codes: code, name and town. One that the masters do not have,
/// and only documents name, has neither name nor town.
pub(super) async fn customer(
    tx: &mut Tx,
    codes: &[String],
) -> Result<Option<(String, String, String)>, TraceError> {
    if let Some(known) = store::customer(tx, codes).await? {
        return Ok(Some(known));
    }
    Ok(customer_told(tx, codes).await?.map(|code| (code, String::new(), String::new())))
}

/// Of these codes the first that a sales order of the caller's plants is for, or that an event
/// there names as the customer, or by such an order: the masters need not have whom goods were
/// sent to. Of somebody with rights at some plants a thousand events are looked through.
async fn customer_told(tx: &mut Tx, codes: &[String]) -> Result<Option<String>, TraceError> {
    let plants = tx.plants().clone();
    let most = if plants.is_all() { 1 } else { store::MOST_LOOKED_THROUGH };
    let start = Page::default().place()?;
    for code in codes {
        if !store::orders_of(tx, code, "", 1).await?.is_empty()
            || store::customer_events(tx, code, &start, most).await?.iter().any(|row| plants.has(&row.plant))
        {
            return Ok(Some(code.clone()));
        }
    }
    Ok(None)
}

/// Whether the caller may know a document: an order of its plants, or an event there
/// among the first hundred that name it.
async fn document_known(tx: &mut Tx, kind: &str, number: &str) -> Result<bool, TraceError> {
    let plants = tx.plants().clone();
    if plants.is_all() {
        return Ok(true);
    }
    if store::order(tx, kind, number).await?.is_some_and(|order| plants.has(&order.plant)) {
        return Ok(true);
    }
    let start = Page::default().place()?;
    let rows = store::document_events(tx, kind, number, &start, 100).await?;
    Ok(rows.iter().any(|row| plants.has(&row.plant)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where leads to a machine go, and what they say.
    fn led(masters: &[(&str, &str, &str)], told: Option<(&str, &[&str])>) -> Vec<(String, String)> {
        let own = |text: &str| text.to_owned();
        let masters = masters.iter().map(|(code, name, plant)| (own(code), own(name), own(plant))).collect();
        let told = told.map(|(code, plants)| (own(code), plants.iter().map(|plant| own(plant)).collect()));
        at_plants("machine", masters, told).into_iter().map(|lead| (lead.path, lead.detail)).collect()
    }

    #[test]
    fn what_several_plants_call_alike_is_led_to_at_each() {
        let lead = |path: &str, detail: &str| (path.to_owned(), detail.to_owned());
        assert_eq!(led(&[], None), []);
        assert_eq!(led(&[], Some(("PLC1", &["KOL"]))), [lead("/trace/machine/PLC1", "")]);
        let both =
            [lead("/trace/machine/PLC1?plant=KOL", "KOL"), lead("/trace/machine/PLC1?plant=VSK", "VSK")];
        assert_eq!(led(&[], Some(("PLC1", &["KOL", "VSK"]))), both);
        let named = lead("/trace/machine/PLC1?plant=KOL", "Press · KOL");
        let masters = [("PLC1", "Press", "KOL")];
        assert_eq!(led(&masters, None), std::slice::from_ref(&named));
        assert_eq!(led(&masters, Some(("PLC1", &["KOL"]))), std::slice::from_ref(&named));
        assert_eq!(led(&masters, Some(("PLC1", &["KOL", "VSK"]))), [named, both[1].clone()]);
    }
}
