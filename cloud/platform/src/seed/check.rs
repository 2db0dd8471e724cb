//! Compares the names that a reference file uses with those that it gives and
//! those that are in the database already.

use std::collections::BTreeSet;

use super::model::{Given, ReferenceFile, Target, Use};
use super::read::{At, Basis, SourceFile, did_you_mean};
use super::secrets::badge_hash;

/// Most names that a message lists.
const LONGEST_LIST: usize = 12;

/// What there is besides the file itself.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The tenant is in a plant file or in the database.
    pub tenant: bool,
    /// Plants of the plant files and the database.
    pub plants: BTreeSet<String>,
    /// A plant file does not say rightly which plant it is, so there may be more.
    pub more_plants: bool,
    /// Rows of the database.
    pub given: Given,
    /// People of the database.
    pub operators: Vec<KnownOperator>,
}

/// What is kept of a person.
#[derive(Debug, Clone)]
pub(super) struct KnownOperator {
    pub operator: String,
    pub badge_hash: Vec<u8>,
    pub pin_hash: Option<String>,
}

/// Notes what leads nowhere. `known` gets the names that the file gives.
pub(super) fn check(file: &SourceFile, reference: &ReferenceFile, known: &mut Known) {
    if let Some(tenant) = &reference.tenant
        && !known.tenant
    {
        let hint = "name a plant file of this tenant too".to_owned();
        file.note(Basis::Present, &tenant.place, "a tenant of a plant file or one that exists", Some(hint));
    }
    known.given.items.extend(reference.given.items.clone());
    known.given.partners.extend(reference.given.partners.clone());
    for used in &reference.uses {
        one(file, used, known);
    }
    check_badges(file, reference, known);
    check_cycles(file, &reference.contains);
}

/// A badge opens a station for one person, also for people of other files.
fn check_badges(file: &SourceFile, reference: &ReferenceFile, known: &Known) {
    let in_file: BTreeSet<&str> = reference.operators.iter().map(|o| o.operator.as_str()).collect();
    for operator in &reference.operators {
        let hash = badge_hash(&operator.badge.value);
        let other =
            known.operators.iter().find(|k| k.badge_hash == hash && !in_file.contains(k.operator.as_str()));
        if let Some(other) = other {
            let hint = format!("operator {} has it", other.operator);
            file.note(Basis::Present, &operator.badge.place, "a badge that nobody else has", Some(hint));
        }
    }
}

fn one(file: &SourceFile, used: &Use, known: &Known) {
    let name = used.name.value.as_str();
    match &used.target {
        // Without its tenant no plant is known, which is told once.
        Target::Plant if !known.tenant => {}
        Target::Plant => {
            if !known.plants.contains(name) && !known.more_plants {
                unknown(file, &used.name, "a plant of this tenant", known.plants.iter());
            }
        }
        Target::Item(unit) => match known.given.items.get(name) {
            None => unknown(file, &used.name, "an item of this tenant", known.given.items.keys()),
            Some(base) => {
                if let (Some(base), Some(unit)) = (base, unit)
                    && *base != unit.value
                {
                    let expected = format!("\"{base}\", the base unit of {name}");
                    file.note(Basis::Present, &unit.place, expected, None);
                }
            }
        },
        Target::Partner(role) => {
            let has_role = |roles: &Vec<String>| roles.iter().any(|r| r == role);
            if !known.given.partners.get(name).is_some_and(has_role) {
                let all = known.given.partners.iter().filter(|(_, roles)| has_role(roles));
                unknown(file, &used.name, &format!("a {role} of this tenant"), all.map(|(code, _)| code));
            }
        }
    }
}

fn unknown<'n>(
    file: &SourceFile,
    name: &At<String>,
    what: &str,
    all: impl Iterator<Item = &'n String> + Clone,
) {
    let hint = did_you_mean(&name.value, all.clone().map(String::as_str)).or_else(|| {
        let names: Vec<&str> = all.map(String::as_str).take(LONGEST_LIST + 1).collect();
        match names.len() {
            0 => Some("there is none yet".to_owned()),
            n if n <= LONGEST_LIST => Some(format!("there are {}", names.join(", "))),
            _ => None,
        }
    });
    file.note(Basis::Absent, &name.place, what, hint);
}

/// Notes each line by which a parent would be a part of itself.
fn check_cycles(file: &SourceFile, contains: &[(String, At<String>)]) {
    for (parent, child) in contains {
        let mut seen = BTreeSet::new();
        let mut next = vec![&child.value];
        while let Some(item) = next.pop() {
            if item == parent {
                let expected = format!("a child that does not contain {parent} itself");
                file.note(Basis::Present, &child.place, expected, None);
                break;
            }
            if seen.insert(item) {
                next.extend(contains.iter().filter(|(p, _)| p == item).map(|(_, c)| &c.value));
            }
        }
    }
}
