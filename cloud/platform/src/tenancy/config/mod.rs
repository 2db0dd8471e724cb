//! The specification's tenant configuration: a JSON file that names a tenant and its
//! plants by textual ids. It has no codes of four and three characters, which UIDs
//! need; those are given beside it, or derived from the ids.

mod mistake;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;

use super::{NewTenant, location};
use crate::i18n::Lang;
use crate::organisation::LONGEST_ADDRESS;

pub use mistake::Mistake;
use read::{PlantEntry, Wrong};

/// Most bytes of a file.
pub const LARGEST: usize = 256 * 1024;
/// Longest name of a tenant or plant, however it is given.
pub(crate) use crate::i18n::LONGEST_NAME;

/// The name of a tenant or plant as it is kept; `None` when it cannot be one.
pub(crate) fn tenant_name(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = (1..=LONGEST_NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
/// Most plants in one file.
const MOST_PLANTS: usize = 500;

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
    /// Its code was derived, and not given.
    pub code_derived: bool,
    /// Where it stands, as people write it; none: the file does not say.
    pub address: Option<String>,
}

/// What a file comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The tenant.
    pub tenant: NewTenant,
    /// Its code was derived, and not given.
    pub code_derived: bool,
    /// Its plants.
    pub plants: Vec<PlannedPlant>,
    /// Codes that were derived and not given, each as `saif-kolkata: SAIF`.
    pub derived: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// Every mistake at once: where, what, and what to do.
pub fn read(json: &str, given: &GivenCodes) -> Result<Planned, Vec<Mistake>> {
    let mut wrong = Wrong::default();
    let planned = planned(json, given, &mut wrong);
    match planned {
        Some(planned) if wrong.0.is_empty() => Ok(planned),
        _ => Err(wrong.0),
    }
}

fn planned(json: &str, given: &GivenCodes, wrong: &mut Wrong) -> Option<Planned> {
    let file = read::file(json, wrong)?;
    let mut derived = Vec::new();
    let slug = file.tenant_id.map(|id| id.trim().to_owned());
    let code = tenant_code(slug.as_deref(), given, &mut derived, wrong);
    named(file.name.as_deref(), "/name", wrong);
    let time_zone = file.timezone.unwrap_or_else(|| "UTC".to_owned());
    if time_zone.parse::<Tz>().is_err() {
        wrong.tell("/timezone", "zone", &[("value", &time_zone)]);
    }
    let currency = file.currency.unwrap_or_else(|| "INR".to_owned());
    if !crate::masters::is_currency(&currency) {
        wrong.tell("/currency", "currency", &[("value", &currency)]);
    }
    let language = file.language.unwrap_or_else(|| "en".to_owned());
    if Lang::parse(&language).is_none() {
        let known = Lang::ALL.map(Lang::code).join(", ");
        wrong.tell("/language", "language", &[("value", &language), ("known", &known)]);
    }
    let plants = planned_plants(&file.plants, given, &mut derived, wrong);
    let name = file.name.unwrap_or_default().trim().to_owned();
    let tenant = NewTenant { code, slug, name, time_zone, language, currency, features: file.features };
    Some(Planned { tenant, code_derived: given.tenant.is_none(), plants, derived })
}

/// The tenant's code, given or derived; empty when there is none.
fn tenant_code(
    slug: Option<&str>,
    given: &GivenCodes,
    derived: &mut Vec<String>,
    wrong: &mut Wrong,
) -> String {
    let sound = slug.filter(|slug| is_id(slug));
    if let Some(slug) = slug.filter(|slug| !is_id(slug)) {
        wrong.tell("/tenant_id", "id", &[("value", slug), ("example", "saif-kolkata")]);
    }
    match &given.tenant {
        Some(code) if is_code(code, 4) => return code.clone(),
        Some(code) => wrong.tell("/tenant_id", "code", &[("value", code), ("length", "4")]),
        None => match sound.map(|slug| (slug, derive(slug, 4, &BTreeSet::new()))) {
            Some((slug, Some(code))) => {
                derived.push(format!("{slug}: {code}"));
                return code;
            }
            Some((slug, None)) => {
                wrong.tell(
                    "/tenant_id",
                    "no-code",
                    &[("value", slug), ("length", "4"), ("option", "--code")],
                );
            }
            None => {}
        },
    }
    String::new()
}

/// The plants that could be read, with codes that no two share.
fn planned_plants(
    entries: &[PlantEntry],
    given: &GivenCodes,
    derived: &mut Vec<String>,
    wrong: &mut Wrong,
) -> Vec<PlannedPlant> {
    let mut taken: BTreeSet<String> = given.plants.values().cloned().collect();
    let (mut plants, mut slugs, mut codes) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for plant in entries {
        named(plant.name.as_deref(), &format!("{}/name", plant.pointer), wrong);
        let pointer = format!("{}/plant_id", plant.pointer);
        let Some(id) = plant.plant_id.as_deref().map(str::trim) else { continue };
        if !is_id(id) {
            wrong.tell(pointer, "id", &[("value", id), ("example", "PLANT-KOL-001")]);
            continue;
        }
        if !slugs.insert(id.to_owned()) {
            wrong.tell(pointer, "twice", &[("value", id)]);
            continue;
        }
        let code = match given.plants.get(id) {
            Some(code) if is_code(code, 3) => code.clone(),
            Some(code) => {
                wrong.tell(pointer, "code", &[("value", code), ("length", "3")]);
                continue;
            }
            None => {
                let Some(code) = derive(id, 3, &taken) else {
                    let option = format!("--plant-code {id}=KOL");
                    wrong.tell(pointer, "no-code", &[("value", id), ("length", "3"), ("option", &option)]);
                    continue;
                };
                derived.push(format!("{id}: {code}"));
                code
            }
        };
        taken.insert(code.clone());
        if !codes.insert(code.clone()) {
            wrong.tell(pointer, "code-twice", &[("value", &code)]);
        }
        let name = plant.name.as_deref().unwrap_or_default().trim().to_owned();
        let address = plant.location.as_ref().and_then(location::address);
        if address.as_ref().is_some_and(|address| address.chars().count() > LONGEST_ADDRESS) {
            let pointer = format!("{}/location", plant.pointer);
            wrong.tell(pointer, "location", &[("most", &LONGEST_ADDRESS.to_string())]);
        }
        let code_derived = !given.plants.contains_key(id);
        plants.push(PlannedPlant { code, slug: id.to_owned(), name, code_derived, address });
    }
    for id in given.plants.keys().filter(|id| !slugs.contains(*id)) {
        wrong.tell("/plants", "no-plant", &[("value", id)]);
    }
    plants
}

fn named(name: Option<&str>, pointer: &str, wrong: &mut Wrong) {
    let Some(name) = name.map(str::trim) else { return };
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        wrong.tell(pointer, "name", &[("most", &LONGEST_NAME.to_string())]);
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
        assert!(planned.code_derived && planned.plants.iter().all(|plant| plant.code_derived));
        assert!(planned.plants.iter().all(|plant| plant.address.is_none()), "an empty location says nothing");
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
        let derived: Vec<bool> = planned.plants.iter().map(|plant| plant.code_derived).collect();
        assert_eq!((planned.code_derived, derived), (false, vec![true, false]));
    }

    #[test]
    fn where_a_plant_stands_is_kept() {
        let with = |location: &str| EXAMPLE.replacen("{}", location, 1);
        let planned = read(&with(r#"{"city": "Kolkata", "street": "1 Port Road"}"#), &GivenCodes::default());
        assert_eq!(planned.unwrap().plants[0].address.as_deref(), Some("1 Port Road\nKolkata"));
    }

    /// Files with every kind of mistake, each with the codes that are given beside it.
    fn mistaken() -> Vec<(String, GivenCodes)> {
        let none = GivenCodes::default;
        let many: Vec<String> =
            (0..=MOST_PLANTS).map(|n| format!(r#"{{"plant_id": "P-{n}", "name": "x"}}"#)).collect();
        let given = GivenCodes {
            tenant: Some("saif".into()),
            plants: [("P1", "kol"), ("P2", "AAA"), ("P3", "AAA"), ("P9", "BBB")]
                .map(|(id, code)| (id.to_owned(), code.to_owned()))
                .into(),
        };
        vec![
            ("{".to_owned(), none()),
            ("{ tenant }".to_owned(), none()),
            ("[]".to_owned(), none()),
            (
                r#"{"tenant_id": "a b", "name": "", "timezone": "Mars", "currency": "rupees", "language": "fr",
                    "feature": [], "features": ["purchase", 7],
                    "plants": [{"plant_id": "P", "name": "x"}, {"plant_id": "P1", "name": "x"},
                               {"plant_id": "P1", "name": "y", "a/b": 1}, {"name": 3}, 5]}"#
                    .to_owned(),
                none(),
            ),
            (r#"{"tenant_id": "x-y", "plants": {}}"#.to_owned(), none()),
            (
                r#"{"tenant_id": "saif", "name": "Saif", "plants": [{"plant_id": "P1", "name": "x"},
                    {"plant_id": "P2", "name": "x"}, {"plant_id": "P3", "name": "x"}]}"#
                    .to_owned(),
                given,
            ),
            (format!(r#"{{"tenant_id": "saif", "name": "Saif", "plants": [{}]}}"#, many.join(",")), none()),
            (
                format!(
                    r#"{{"tenant_id": "saif", "name": "Saif",
                         "plants": [{{"plant_id": "PLANT-KOL-001", "name": "x", "location": "{}"}}]}}"#,
                    "x".repeat(501)
                ),
                none(),
            ),
        ]
    }

    fn told(nth: usize) -> Vec<(String, &'static str)> {
        let (file, given) = mistaken().remove(nth);
        read(&file, &given).unwrap_err().into_iter().map(|one| (one.pointer, one.key)).collect()
    }

    #[test]
    fn every_mistake_is_told_at_once_with_its_place() {
        let is = |expected: &[(&str, &'static str)]| {
            expected.iter().map(|(pointer, key)| ((*pointer).to_owned(), *key)).collect::<Vec<_>>()
        };
        let mut found = told(3);
        found.sort();
        let mut expected = is(&[
            ("/feature", "unknown"),
            ("/features/1", "type"),
            ("/plants/2/a~1b", "unknown"),
            ("/plants/3/plant_id", "missing"),
            ("/plants/3/name", "type"),
            ("/plants/4", "type"),
            ("/tenant_id", "id"),
            ("/name", "name"),
            ("/timezone", "zone"),
            ("/currency", "currency"),
            ("/language", "language"),
            ("/plants/0/plant_id", "no-code"),
            ("/plants/2/plant_id", "twice"),
        ]);
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(told(4), is(&[("/plants", "type"), ("/name", "missing"), ("/tenant_id", "no-code")]));
        let beside = [
            ("/tenant_id", "code"),
            ("/plants/0/plant_id", "code"),
            ("/plants/2/plant_id", "code-twice"),
            ("/plants", "no-plant"),
        ];
        assert_eq!(told(5), is(&beside));
        assert_eq!(told(6)[0], ("/plants".to_owned(), "many"));
        assert_eq!(told(7), is(&[("/plants/0/location", "location")]));
        assert_eq!(
            (told(0), told(1), told(2)),
            (is(&[("", "json-ends")]), is(&[("", "json")]), is(&[("", "type")]))
        );
    }

    /// Each kind of mistake has a text in every language, with its values in it; and no text
    /// is there for a mistake that nobody makes.
    #[test]
    fn each_kind_of_mistake_is_told_in_every_language() {
        let texts = std::sync::Arc::new(crate::i18n::I18n::new().with_all(crate::admin::TEXTS));
        let all: Vec<Mistake> =
            mistaken().into_iter().flat_map(|(file, given)| read(&file, &given).unwrap_err()).collect();
        let keys: BTreeSet<&str> = all.iter().map(|one| one.key).collect();
        for (lang, source) in crate::admin::TEXTS {
            let lines = source.lines().filter_map(|line| line.strip_prefix("config-wrong-"));
            let known: BTreeSet<&str> = lines.filter_map(|line| line.split(" =").next()).collect();
            assert_eq!(known, keys, "{}", lang.code());
            let english = crate::i18n::Texts::new(texts.clone(), Lang::En);
            let texts = crate::i18n::Texts::new(texts.clone(), lang);
            for one in &all {
                let said = one.say(&texts);
                assert!(!said.contains('{') || one.key == "type", "{} of {}: {said}", one.key, lang.code());
                assert_eq!(
                    said == one.say(&english),
                    lang == Lang::En,
                    "{} of {}: {said}",
                    one.key,
                    lang.code()
                );
            }
        }
    }
}
