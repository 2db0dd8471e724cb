//! The specification's tenant configuration: a JSON file that names a tenant and its
//! plants by textual ids. It has no codes of four and three characters, which UIDs
//! need; those are given beside it, or derived from the ids.

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;

use super::NewTenant;
use crate::i18n::Lang;

/// Most bytes of a file.
pub const LARGEST: usize = 256 * 1024;
/// Longest name of a tenant or plant.
const LONGEST_NAME: usize = 120;
/// Most plants in one file.
const MOST_PLANTS: usize = 500;

/// The file as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tenant_id: String,
    name: String,
    timezone: Option<String>,
    currency: Option<String>,
    language: Option<String>,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    plants: Vec<PlantEntry>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlantEntry {
    plant_id: String,
    name: String,
    #[serde(default)]
    location: Option<Value>,
}

/// Codes that are given, instead of derived.
#[derive(Debug, Clone, Default)]
pub struct GivenCodes {
    /// Of the tenant.
    pub tenant: Option<String>,
    /// Of plants, by their textual ids.
    pub plants: BTreeMap<String, String>,
}

/// A plant that the file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedPlant {
    /// Three characters.
    pub code: String,
    /// Its textual id.
    pub slug: String,
    /// For people.
    pub name: String,
}

/// What a file comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The tenant.
    pub tenant: NewTenant,
    /// Its plants.
    pub plants: Vec<PlannedPlant>,
    /// Codes that were derived and not given, each as `saif-kolkata: SAIF`.
    pub derived: Vec<String>,
    /// What of the file is not kept.
    pub left_out: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// Every mistake at once: where, what, and what to do.
pub fn read(json: &str, given: &GivenCodes) -> Result<Planned, Vec<String>> {
    let file: File = serde_json::from_str(json)
        .map_err(|error| vec![format!("this is no tenant configuration: {error}")])?;
    let mut wrong = Vec::new();
    let (mut derived, mut left_out) = (Vec::new(), Vec::new());
    let slug = file.tenant_id.trim().to_owned();
    if !is_id(&slug) {
        wrong.push("tenant_id: letters, digits and dashes are expected, such as saif-kolkata".to_owned());
    }
    let code = match &given.tenant {
        Some(code) if is_code(code, 4) => code.clone(),
        Some(code) => {
            wrong.push(format!("code: {code} is not four of 0-9 and A-Z"));
            String::new()
        }
        None => match derive(&slug, 4, &BTreeSet::new()) {
            Some(code) => {
                derived.push(format!("{slug}: {code}"));
                code
            }
            None => {
                wrong.push("tenant_id: no code comes of it; give one beside it (--code)".to_owned());
                String::new()
            }
        },
    };
    named(&file.name, "name", &mut wrong);
    let time_zone = file.timezone.unwrap_or_else(|| "UTC".to_owned());
    if time_zone.parse::<Tz>().is_err() {
        wrong
            .push(format!("timezone: {time_zone} is no zone; an IANA name such as Asia/Kolkata is expected"));
    }
    let currency = file.currency.unwrap_or_else(|| "INR".to_owned());
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        wrong.push(format!("currency: {currency} is no currency; three letters such as INR are expected"));
    }
    let language = file.language.unwrap_or_else(|| "en".to_owned());
    if Lang::parse(&language).is_none() {
        wrong.push(format!("language: {language} is not one of en, hi, bn, te"));
    }
    if file.plants.len() > MOST_PLANTS {
        wrong.push(format!("plants: {} of them, and at most {MOST_PLANTS} are taken", file.plants.len()));
    }
    let mut taken: BTreeSet<String> = given.plants.values().cloned().collect();
    let (mut plants, mut slugs) = (Vec::new(), BTreeSet::new());
    for (at, plant) in file.plants.iter().take(MOST_PLANTS).enumerate() {
        let row = format!("plants[{at}]");
        let id = plant.plant_id.trim().to_owned();
        if !is_id(&id) {
            wrong.push(format!("{row}.plant_id: letters, digits and dashes are expected"));
        } else if !slugs.insert(id.clone()) {
            wrong.push(format!("{row}.plant_id: {id} is there twice"));
        }
        named(&plant.name, &format!("{row}.name"), &mut wrong);
        let code = match given.plants.get(&id) {
            Some(code) if is_code(code, 3) => code.clone(),
            Some(code) => {
                wrong.push(format!("code of {id}: {code} is not three of 0-9 and A-Z"));
                continue;
            }
            None => match derive(&id, 3, &taken) {
                Some(code) => {
                    derived.push(format!("{id}: {code}"));
                    code
                }
                None => {
                    wrong.push(format!(
                        "{row}.plant_id: no code comes of it; give one beside it (--plant-code {id}=KOL)"
                    ));
                    continue;
                }
            },
        };
        taken.insert(code.clone());
        if plant.location.is_some() {
            left_out.push(format!("{row}.location"));
        }
        plants.push(PlannedPlant { code, slug: id, name: plant.name.trim().to_owned() });
    }
    for id in given.plants.keys() {
        if !slugs.contains(id) {
            wrong.push(format!("code of {id}: the file has no such plant"));
        }
    }
    let mut codes = BTreeSet::new();
    for plant in &plants {
        if !codes.insert(&plant.code) {
            wrong.push(format!("two plants have the code {}; give one of them another", plant.code));
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let name = file.name.trim().to_owned();
    let tenant =
        NewTenant { code, slug: Some(slug), name, time_zone, language, currency, features: file.features };
    Ok(Planned { tenant, plants, derived, left_out })
}

fn named(name: &str, field: &str, wrong: &mut Vec<String>) {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        wrong.push(format!("{field}: 1 to {LONGEST_NAME} characters are expected"));
    }
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn is_code(code: &str, length: usize) -> bool {
    code.len() == length && code.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
}

/// A code from a textual id: its first part of exactly that many letters, else the
/// first letters of the whole, else those with the last one counted up, until one is
/// free.
fn derive(id: &str, length: usize, taken: &BTreeSet<String>) -> Option<String> {
    let upper = id.to_ascii_uppercase();
    let free = |code: &String| code.len() == length && !taken.contains(code);
    let letters = |part: &&str| part.len() == length && part.bytes().all(|b| b.is_ascii_uppercase());
    let part = upper.split(['-', '_']).find(letters).map(str::to_owned);
    let all: String = upper.chars().filter(char::is_ascii_alphanumeric).collect();
    let first: Option<String> = all.get(..length).map(str::to_owned);
    let counted = all
        .get(..length - 1)
        .into_iter()
        .flat_map(|stem| ('0'..='9').chain('A'..='Z').map(move |last| format!("{stem}{last}")));
    part.into_iter().chain(first).chain(counted).find(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{
      "tenant_id": "saif-kolkata", "name": "Saif Automations - Kolkata", "timezone": "Asia/Kolkata",
      "currency": "INR", "language": "en", "features": ["purchase", "production", "sales", "service"],
      "plants": [
        {"plant_id": "PLANT-KOL-001", "name": "Kolkata Manufacturing", "location": {}},
        {"plant_id": "PLANT-VSK-001", "name": "Visakhapatnam Facility", "location": {}}
      ]
    }"#;

    #[test]
    fn the_specifications_example_is_taken_and_its_codes_derived() {
        let planned = read(EXAMPLE, &GivenCodes::default()).unwrap();
        assert_eq!(planned.tenant.code, "SAIF");
        assert_eq!(planned.tenant.slug.as_deref(), Some("saif-kolkata"));
        assert_eq!(planned.tenant.features.len(), 4);
        let codes: Vec<&str> = planned.plants.iter().map(|plant| plant.code.as_str()).collect();
        assert_eq!(codes, ["KOL", "VSK"]);
        assert_eq!(planned.derived, ["saif-kolkata: SAIF", "PLANT-KOL-001: KOL", "PLANT-VSK-001: VSK"]);
        assert_eq!(planned.left_out.len(), 2);
    }

    #[test]
    fn codes_that_are_given_win_and_derived_ones_differ() {
        let given = GivenCodes {
            tenant: Some("SFKO".into()),
            plants: [("PLANT-VSK-001".to_owned(), "KOL".to_owned())].into(),
        };
        let planned = read(EXAMPLE, &given).unwrap();
        let codes: Vec<&str> = planned.plants.iter().map(|plant| plant.code.as_str()).collect();
        assert_eq!((planned.tenant.code.as_str(), codes), ("SFKO", vec!["PLA", "KOL"]));
        assert_eq!(planned.derived, ["PLANT-KOL-001: PLA"]);
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let file = r#"{"tenant_id": "a b", "name": "", "timezone": "Mars", "currency": "rupees",
            "language": "fr", "plants": [{"plant_id": "P1", "name": "x"}, {"plant_id": "P1", "name": "y"}]}"#;
        let wrong = read(file, &GivenCodes::default()).unwrap_err();
        for told in ["tenant_id", "name:", "timezone", "currency", "language", "plants[1].plant_id"] {
            assert!(wrong.iter().any(|one| one.contains(told)), "{told} in {wrong:#?}");
        }
        assert!(read("[]", &GivenCodes::default()).unwrap_err()[0].contains("no tenant configuration"));
    }
}
