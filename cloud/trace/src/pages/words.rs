//! Words for what plants write as codes: reasons and refusals, items, units of measure, and
//! who did it. Looked up once for all that a page or a file shows.

use std::collections::{BTreeSet, HashMap};

use platform::db::DbError;
use platform::i18n::{Lang, Texts};
use platform::web::{AppState, Caller, Problem};
use serde_json::Value;

use super::items::Items;
use super::say::usual_unit;
use super::store;
use super::who::Names;
use crate::explore::compare::Comparison;
use crate::explore::model::{Destinations, EventView, Sources, Trace};
use crate::explore::places::{OrderView, Pass};
use crate::explore::report::Report;

/// Codes that are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Codes {
    people: BTreeSet<String>,
    reasons: BTreeSet<String>,
    items: BTreeSet<String>,
}

fn keep(all: &mut BTreeSet<String>, code: &str) {
    if !code.is_empty() && !all.contains(code) {
        all.insert(code.to_owned());
    }
}

impl Codes {
    /// Those of a unit and its history.
    pub fn of_trace(trace: &Trace) -> Self {
        let mut codes = Self::default();
        trace.events.iter().for_each(|event| codes.event(event));
        trace.state.holds.iter().for_each(|hold| codes.reason(&hold.reason));
        codes.item(&trace.item.code);
        trace.children.iter().chain(&trace.parents).for_each(|one| codes.item(&one.item));
        codes
    }

    /// Those of a whole report.
    pub fn of_report(report: &Report) -> Self {
        let mut codes = Self::of_trace(&report.trace);
        report.backward.sources.iter().for_each(|found| codes.sources(found));
        report.forward.destinations.iter().for_each(|found| codes.destinations(found));
        for node in report.backward.nodes.iter().chain(&report.forward.nodes) {
            codes.item(&node.item);
            node.holds.iter().for_each(|reason| codes.reason(reason));
        }
        report.why.reasons().for_each(|reason| codes.reason(reason));
        codes
    }

    /// Those of what a machine, a person or a document did.
    pub fn of_passes(passes: &[Pass]) -> Self {
        let mut codes = Self::default();
        passes.iter().for_each(|pass| codes.person(&pass.operator));
        passes.iter().flat_map(|pass| &pass.units).for_each(|unit| codes.item(&unit.item));
        codes
    }

    /// Those of two units compared.
    pub fn of_comparison(found: &Comparison) -> Self {
        let mut codes = Self::default();
        for section in &found.sections {
            for fact in &section.facts {
                fact.part.iter().for_each(|part| codes.item(&part.item));
                if section.kind == "parts" {
                    codes.item(&fact.name);
                }
                for said in fact.a.iter().chain(&fact.b) {
                    match (section.kind, fact.name.as_str()) {
                        ("unit", "item") => codes.item(&said.text),
                        ("unit", "hold") => codes.reason(&said.text),
                        ("operators", _) => codes.person(&said.text),
                        _ => {}
                    }
                }
            }
        }
        codes
    }

    /// Those of orders.
    pub fn orders<'a>(&mut self, orders: impl IntoIterator<Item = &'a OrderView>) {
        orders.into_iter().for_each(|order| self.item(&order.item));
    }

    /// Those of where a backward walk ends.
    pub fn sources(&mut self, found: &Sources) {
        found.operators.iter().for_each(|operator| self.person(operator));
        found.lots.iter().for_each(|lot| self.item(&lot.item));
    }

    /// Those of where a forward walk ends.
    pub fn destinations(&mut self, found: &Destinations) {
        let piles = super::trace::piles(found).into_iter().flat_map(|(_, piles)| piles);
        piles.for_each(|pile| self.item(&pile.item));
    }

    /// Somebody's id.
    pub fn person(&mut self, id: &str) {
        keep(&mut self.people, id);
    }

    /// A reason's code.
    pub fn reason(&mut self, code: &str) {
        keep(&mut self.reasons, code);
    }

    /// An item's code.
    pub fn item(&mut self, code: &str) {
        keep(&mut self.items, code);
    }

    fn event(&mut self, event: &EventView) {
        self.person(&event.operator);
        self.person(&event.overridden_by);
        self.reason(&event.reason);
    }
}

/// One reason, as [`Words::reason`] says it.
///
/// # Errors
/// The database.
pub(crate) async fn reason(
    tx: &mut platform::db::Tx,
    texts: &Texts,
    code: &str,
) -> Result<String, sqlx::Error> {
    let reasons = store::reason_texts(tx, &[code.to_owned()]).await?.into_iter().collect();
    Ok(Words { reasons, ..Words::default() }.reason(texts, code))
}

/// What the tenant's master calls a reason, for readers of each language; nothing of what is not
/// on it.
///
/// # Errors
/// The database.
pub(crate) async fn reason_names(
    tx: &mut platform::db::Tx,
    code: &str,
) -> Result<platform::i18n::Names, sqlx::Error> {
    let listed = store::reason_texts(tx, &[code.to_owned()]).await?;
    let names = listed.iter().flat_map(|(_, all)| {
        Lang::ALL.into_iter().filter_map(move |lang| Some((lang, called(all, lang)?.to_owned())))
    });
    Ok(names.collect())
}

/// What a reason is called in a language, else in English, by its texts. Pure.
fn called(all: &Value, lang: Lang) -> Option<&str> {
    let of = |lang: Lang| all.get(lang.code())?.as_str().filter(|text| !text.is_empty());
    of(lang).or_else(|| of(Lang::En))
}

/// What reasons are called, for pages of other parts.
#[derive(Debug, Clone, Default)]
pub struct Reasons(Words);

impl Reasons {
    /// Looks these codes up, where there is any; a text that is none is said as it is.
    ///
    /// # Errors
    /// The database.
    pub async fn read(
        db: &platform::db::Db,
        cx: &platform::ctx::Cx,
        codes: &BTreeSet<String>,
    ) -> Result<Self, platform::db::DbError> {
        let codes: Vec<String> = codes.iter().filter(|code| !code.is_empty()).cloned().collect();
        if codes.is_empty() {
            return Ok(Self::default());
        }
        let reasons =
            db.tx(cx, async |tx| Ok::<_, platform::db::DbError>(store::reason_texts(tx, &codes).await?));
        let reasons = reasons.await?.into_iter().collect();
        Ok(Self(Words { reasons, ..Words::default() }))
    }

    /// A reason, as the history of a unit says it.
    #[must_use]
    pub fn say(&self, texts: &Texts, code: &str) -> String {
        self.0.reason(texts, code)
    }
}

/// What is known of codes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    names: Names,
    /// Texts of reasons by language, by code.
    reasons: HashMap<String, Value>,
    /// Symbols of units of measure, by code.
    units: HashMap<String, String>,
    items: Items,
}

impl Words {
    /// Looks the codes up.
    ///
    /// # Errors
    /// The database.
    pub async fn read(state: &AppState, caller: &Caller, codes: &Codes) -> Result<Self, Problem> {
        let names = Names::read(state, caller, codes.people.iter().map(String::as_str)).await?;
        let read = async |tx: &mut platform::db::Tx| Ok::<_, DbError>(Self::read_in(tx, codes).await?);
        Ok(Self { names, ..state.db.tx(&caller.cx, read).await? })
    }

    /// As [`Self::read`], in a transaction, of all but people.
    ///
    /// # Errors
    /// The database.
    pub async fn read_in(tx: &mut platform::db::Tx, codes: &Codes) -> Result<Self, sqlx::Error> {
        let reasons: Vec<String> = codes.reasons.iter().cloned().collect();
        let items: Vec<String> = codes.items.iter().cloned().collect();
        let reasons = match reasons.as_slice() {
            [] => Vec::new(),
            reasons => store::reason_texts(tx, reasons).await?,
        };
        let items = Items::read_in(tx, &items).await?;
        let units = store::unit_symbols(tx).await?.into_iter().collect();
        Ok(Self { reasons: reasons.into_iter().collect(), units, items, ..Self::default() })
    }

    /// What is known of these people and of these reasons, in English.
    #[cfg(test)]
    pub fn told<const P: usize, const R: usize>(
        people: [(&str, &str); P],
        reasons: [(&str, &str); R],
    ) -> Self {
        let text = |(code, text): (&str, &str)| (code.to_owned(), serde_json::json!({ "en": text }));
        let names = people.map(|(id, name)| (id.to_owned(), name.to_owned())).into_iter().collect();
        let reasons = reasons.map(text).into_iter().collect();
        Self { names: Names::told(names), reasons, ..Self::default() }
    }

    /// With what is known of these items.
    #[cfg(test)]
    pub fn with_items(self, items: Items) -> Self {
        Self { items, ..self }
    }

    /// An item by its code, and what it is called.
    pub fn item(&self, texts: &Texts, code: &str) -> String {
        self.items.say(texts, code, "")
    }

    /// What an item is called; empty where that is not known.
    pub fn item_name(&self, texts: &Texts, code: &str) -> &str {
        self.items.name(texts, code, "")
    }

    /// As [`Self::item`]; one that the tenant's master does not have is called as was recorded.
    pub fn item_or(&self, texts: &Texts, code: &str, recorded: &str) -> String {
        self.items.say(texts, code, recorded)
    }

    /// How people write a unit of measure: as the tenant's master says, else as is usual.
    pub fn unit<'w>(&'w self, code: &'w str) -> &'w str {
        self.units.get(code).map_or_else(|| usual_unit(code), String::as_str)
    }

    /// Who somebody is; of one who is not known the id.
    pub fn person<'w>(&'w self, id: &'w str) -> &'w str {
        self.names.of(id)
    }

    /// As [`Self::person`], with the id where that says more.
    pub fn person_with_id(&self, id: &str) -> String {
        self.names.known(id).map_or_else(|| id.to_owned(), |name| format!("{name} ({id})"))
    }

    /// A reason as the tenant's master says it, else as plants mean what they write of
    /// themselves; a text that is neither's stands for itself.
    pub fn reason(&self, texts: &Texts, code: &str) -> String {
        let said = self.reasons.get(code).and_then(|all| called(all, texts.lang));
        said.map_or_else(|| texts.or(&format!("trace-why-{}", code.replace('.', "-")), code), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use platform::i18n::I18n;
    use serde_json::json;

    use super::super::TEXTS;
    use super::*;

    #[test]
    fn a_reason_is_the_masters_then_the_plants_then_itself() {
        let all = Arc::new(I18n::new().with_all(TEXTS));
        let texts = |lang| Texts::new(all.clone(), lang);
        let reasons = [
            ("CRACK".to_owned(), json!({ "en": "Cracked", "hi": "दरार" })),
            ("label.held".to_owned(), json!({ "en": "" })),
        ];
        let words = Words { reasons: reasons.into(), ..Words::default() };
        assert_eq!(words.reason(&texts(Lang::Hi), "CRACK"), "दरार");
        assert_eq!(words.reason(&texts(Lang::Te), "CRACK"), "Cracked");
        assert_eq!(words.reason(&texts(Lang::En), "label.held"), "It is held");
        assert_ne!(words.reason(&texts(Lang::Bn), "printed"), "printed");
        assert_eq!(words.reason(&texts(Lang::En), "a crack, seen by eye"), "a crack, seen by eye");
        assert_eq!((words.person("op-7"), words.person_with_id("op-7")), ("op-7", "op-7".to_owned()));
    }

    #[test]
    fn a_unit_is_written_as_the_master_says_then_as_is_usual() {
        let units = [("pcs".to_owned(), "Stück".to_owned()), ("Cel".to_owned(), "deg C".to_owned())];
        let words = Words { units: units.into(), ..Words::default() };
        assert_eq!(["pcs", "Cel", "um", "bar"].map(|code| words.unit(code)), ["Stück", "deg C", "µm", "bar"]);
    }

    /// What agents write is spelled as they spell it: a key that they do not have would
    /// never be shown.
    #[test]
    fn the_keys_are_those_of_agents() {
        let agents = include_str!("../../../../edge-agent/src/messages/en.ftl");
        let states =
            ["allocated", "confirmed", "not_printed", "office", "printed", "reprint", "spoiled", "uncertain"];
        let mine = include_str!("../i18n/words/en.ftl").lines().filter_map(|line| {
            let (key, _) = line.split_once(" = ")?;
            key.strip_prefix("trace-why-")
        });
        for key in mine.filter(|key| !states.contains(key)) {
            assert!(agents.lines().any(|line| line.starts_with(&format!("{key} = "))), "{key}");
        }
    }
}
