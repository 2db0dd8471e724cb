//! Features: parts of the product that a tenant can be without. Pure.
//!
//! A module says to which one it belongs ([`Module::feature`](super::Module::feature)). A
//! tenant has a list of names, as the specification's configuration has it; whoever runs the
//! cloud changes it. An empty list is everything, also what is added later. Where a feature
//! is off its routes answer 404 `feature.off`, and nobody of the tenant has its rights, so
//! that what leads to it is not shown either.

use std::sync::Arc;

use axum::http::StatusCode;

use super::{Module, Problem};

/// Before a name: off, whatever else the list says.
const OFF: char = '-';
/// Most names of a tenant's list, and the longest one.
const MOST: usize = 100;
const LONGEST: usize = 60;

/// A part of the product that a tenant can be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// As a tenant's list names it; its text is `feature-<name>`.
    pub name: &'static str,
    /// Names of the specification that stand for it too.
    pub within: &'static [&'static str],
}

impl Feature {
    /// Whether a tenant with this list has it.
    #[must_use]
    pub fn is_on(&self, has: &[String]) -> bool {
        let off = |name: &String| name.strip_prefix(OFF).is_some_and(|name| name == self.name);
        if has.iter().any(off) {
            return false;
        }
        let stands_for = |name: &String| name == self.name || self.within.contains(&name.as_str());
        has.iter().all(|name| name.starts_with(OFF)) || has.iter().any(stands_for)
    }

    /// The key of its text.
    #[must_use]
    pub fn text_key(&self) -> String {
        format!("feature-{}", self.name)
    }

    /// What is answered where it is off.
    #[must_use]
    pub fn refusal(self) -> Problem {
        let detail = format!("the feature {} is not in this organisation's configuration", self.name);
        Problem::new(StatusCode::NOT_FOUND, "feature.off", detail)
            .told_by(move |texts| texts.t1("error-feature-off", "feature", texts.t(&self.text_key())))
    }
}

/// To which feature a route belongs: none is always there. Among the extensions of a request.
#[derive(Debug, Clone, Copy)]
pub struct Belongs(pub(super) Option<Feature>);

/// A layer for a route that is there whether its module's feature is on or not.
pub fn always() -> axum::Extension<Belongs> {
    axum::Extension(Belongs(None))
}

#[derive(Debug, Clone)]
struct Declared {
    feature: Feature,
    permissions: Vec<&'static str>,
    pages: Vec<&'static str>,
}

/// Every feature that the modules of this cloud belong to.
#[derive(Debug, Clone, Default)]
pub struct Features(Vec<Declared>);

impl Features {
    /// Those of these modules.
    #[must_use]
    pub fn of_modules(modules: &[Module]) -> Self {
        modules.iter().fold(Self::default(), |mut all, module| {
            all.declare(module);
            all
        })
    }

    /// Takes what a module says.
    pub(super) fn declare(&mut self, module: &Module) {
        let Some(feature) = module.feature else { return };
        let at = match self.0.iter().position(|known| known.feature.name == feature.name) {
            Some(at) => at,
            None => {
                self.0.push(Declared { feature, permissions: Vec::new(), pages: Vec::new() });
                self.0.len() - 1
            }
        };
        if let Some(known) = self.0.get_mut(at) {
            known.permissions.extend(module.permissions.iter().map(|permission| permission.code));
            known.pages.extend(module.nav.iter().map(|item| item.href));
        }
    }

    /// All of them, and whether a tenant with this list has each.
    pub fn of(&self, has: &[String]) -> impl Iterator<Item = (Feature, bool)> {
        self.0.iter().map(|known| (known.feature, known.feature.is_on(has)))
    }

    /// What a tenant with this list is without.
    #[must_use]
    pub fn without(&self, has: &[String]) -> Without {
        let off: Vec<Declared> = self.0.iter().filter(|known| !known.feature.is_on(has)).cloned().collect();
        Without((!off.is_empty()).then(|| off.into()))
    }

    /// Names of a list that switch nothing here.
    #[must_use]
    pub fn unused(&self, has: &[String]) -> Vec<String> {
        let used = |name: &str| {
            self.0.iter().any(|known| known.feature.name == name || known.feature.within.contains(&name))
        };
        has.iter().filter(|name| !used(name.trim_start_matches(OFF))).cloned().collect()
    }

    /// The list after exactly these features were chosen; what else it named stays.
    #[must_use]
    pub fn chosen(&self, has: &[String], on: &[String]) -> Vec<String> {
        let mut list = has.to_vec();
        // Twice: what turns one on or off may have done so to one before it.
        for Declared { feature, .. } in self.0.iter().chain(&self.0) {
            let off = format!("{OFF}{}", feature.name);
            let wanted = on.iter().any(|name| name == feature.name);
            if feature.is_on(&list) == wanted {
                continue;
            }
            list.retain(|name| *name != off && (wanted || name != feature.name));
            if feature.is_on(&list) != wanted {
                list.push(if wanted { feature.name.to_owned() } else { off });
            }
        }
        list
    }
}

/// Whether a list of names can be kept: not too many of them, none too long or empty, and
/// each once.
#[must_use]
pub fn can_be_kept(list: &[String]) -> bool {
    let sound = |name: &String| {
        let name = name.trim_start_matches(OFF);
        (1..=LONGEST).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    };
    let distinct: std::collections::BTreeSet<&String> = list.iter().collect();
    list.len() <= MOST && list.iter().all(sound) && distinct.len() == list.len()
}

/// What of the product a tenant is without.
#[derive(Debug, Clone, Default)]
pub struct Without(Option<Arc<[Declared]>>);

impl Without {
    fn any(&self, is: impl Fn(&Declared) -> bool) -> bool {
        self.0.as_ref().is_some_and(|off| off.iter().any(is))
    }

    /// Whether it is without this feature.
    #[must_use]
    pub fn feature(&self, feature: &Feature) -> bool {
        self.any(|off| off.feature.name == feature.name)
    }

    /// Whether it is without what this permission is for.
    #[must_use]
    pub(super) fn permission(&self, code: &str) -> bool {
        self.any(|off| off.permissions.contains(&code))
    }

    /// Whether it is without this page of the navigation.
    #[must_use]
    pub(super) fn page(&self, href: &str) -> bool {
        self.any(|off| off.pages.contains(&href))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAKING: Feature = Feature { name: "production", within: &[] };
    const RECALLS: Feature = Feature { name: "recalls", within: &["production", "service"] };
    const PASSPORTS: Feature = Feature { name: "passports", within: &["sales"] };

    fn all() -> Features {
        declared([MAKING, RECALLS, PASSPORTS])
    }

    fn declared(features: [Feature; 3]) -> Features {
        Features::of_modules(&features.map(|feature| Module::new("test").feature(feature)))
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn on(names: &[&str]) -> Vec<&'static str> {
        let all = all();
        all.of(&list(names)).filter(|(_, on)| *on).map(|(feature, _)| feature.name).collect()
    }

    #[test]
    fn an_empty_list_is_everything_and_any_other_is_what_it_names() {
        assert_eq!(on(&[]), ["production", "recalls", "passports"]);
        assert_eq!(
            on(&["purchase", "production", "sales", "service"]),
            ["production", "recalls", "passports"]
        );
        assert_eq!(on(&["production"]), ["production", "recalls"], "a name stands for what is within it");
        assert_eq!(on(&["purchase"]), [""; 0], "no module here is of it");
        assert_eq!(on(&["production", "-recalls"]), ["production"]);
        assert_eq!(on(&["-recalls"]), ["production", "passports"], "everything else, what is to come too");
    }

    #[test]
    fn what_nothing_here_uses_is_kept_and_told() {
        assert_eq!(
            all().unused(&list(&["purchase", "sales", "-flying", "-recalls"])),
            ["purchase", "-flying"]
        );
    }

    #[test]
    fn what_is_chosen_is_what_there_is_then() {
        let orders = [declared([MAKING, RECALLS, PASSPORTS]), declared([PASSPORTS, RECALLS, MAKING])];
        let choices: [&[&str]; 4] =
            [&[], &["production"], &["recalls"], &["production", "recalls", "passports"]];
        for before in [&[][..], &["purchase"], &["production", "service"], &["-recalls", "purchase"]] {
            for (chosen, all) in
                choices.iter().flat_map(|chosen| orders.iter().map(move |all| (*chosen, all)))
            {
                let after = all.chosen(&list(before), &list(chosen));
                let names: Vec<&str> = after.iter().map(String::as_str).collect();
                assert_eq!(on(&names), chosen, "{before:?} after {chosen:?} is {after:?}");
                assert_eq!(before.contains(&"purchase"), names.contains(&"purchase"), "{after:?}");
            }
        }
        let untouched = all().chosen(&[], &list(&["production", "recalls", "passports"]));
        assert_eq!(untouched, [""; 0], "everything stays everything");
    }

    #[test]
    fn a_list_is_judged() {
        assert!(can_be_kept(&list(&["purchase", "-recalls"])) && can_be_kept(&[]));
        for wrong in [&[""][..], &["-"], &["a", "a"], &["a\nb"]] {
            assert!(!can_be_kept(&list(wrong)), "{wrong:?}");
        }
        assert!(!can_be_kept(&["x".repeat(LONGEST + 1)]));
    }
}
