//! Which cards a plant needs: every control code, and one for each operation of
//! its file and each reason that one of its stations can be told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::face::all_reasons;
use crate::config::{Language, PlantFile};
use crate::journal;
use crate::labels::cards::Card;
use crate::messages::Fluent;
use crate::reference::Reference;
use crate::station::control::{Control, Verb, all_cards};

/// The cards of a plant, with their meaning in its first language. Reasons are
/// those of its file and of `reference`, which the office keeps.
#[must_use]
pub fn cards(plant: &PlantFile, reference: &Reference) -> Vec<Card> {
    let language = plant.default_language();
    let meaning = |language: Language, control: &Control| {
        let verb = Fluent::say(
            language.code(),
            &format!("ui.button.{}", control.verb().as_str().to_lowercase()),
            &[],
        );
        match control.value() {
            Some(value) => format!("{verb} {value}"),
            None => verb,
        }
    };
    let card = |control: &Control| Card {
        code: control.to_string(),
        meaning: meaning(language, control),
        english: meaning(Language::En, control),
    };
    let mut cards: Vec<Card> = all_cards().iter().map(card).collect();
    for operation in &plant.operations {
        if let Ok(control) = Control::with(Verb::Op, Some(&operation.code)) {
            let named = |language| operation.name.get(language).to_owned();
            let (meaning, english) = (named(language), named(Language::En));
            cards.push(Card { code: control.to_string(), meaning, english });
        }
    }
    let reasons: BTreeSet<&str> = plant.stations.iter().flat_map(|s| all_reasons(s, reference)).collect();
    for reason in reasons {
        let Ok(control) = Control::with(Verb::Reason, Some(reason)) else { continue };
        let made = card(&control);
        let texts = reference.reasons.get(reason).map(|reason| &reason.texts);
        let text = |language: &str| texts.and_then(|texts| texts.get(language)).cloned();
        let english = text("en").unwrap_or(made.english);
        let meaning = text(language.code()).or_else(|| text("en")).unwrap_or(made.meaning);
        cards.push(Card { code: made.code, meaning, english });
    }
    cards
}

/// The reference data that a plant's agent keeps, also while it runs; `None`
/// where there is no journal yet.
///
/// # Errors
/// When the journal is there and cannot be read.
pub fn stored_reference(
    plant: &PlantFile,
    file: &Path,
    data_dir: Option<PathBuf>,
) -> anyhow::Result<Option<Reference>> {
    let data_dir = super::data_dir(plant, file, data_dir);
    if !journal::exists(&data_dir) {
        return Ok(None);
    }
    let rows = super::runtime()?.block_on(journal::stored_reference(&data_dir))?;
    let mut reference = Reference::default();
    for (kind, json) in rows {
        if let Err(error) = reference.insert(&kind, &json) {
            tracing::warn!(%error, "a row of reference data is left out");
        }
    }
    reference.settle();
    Ok(Some(reference))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::station::fixture;

    #[test]
    fn a_card_for_every_operation_and_reason_of_the_plant() {
        let mut stations = fixture::stations();
        for station in &mut stations {
            station.without_order_reasons = vec!["ORDER_LATE".to_owned()];
        }
        let plant = fixture::file(stations);
        let all = cards(&plant, &Reference::default());
        assert_eq!(all.len(), all_cards().len() + 2);
        let code = |reason| Control::with(Verb::Reason, Some(reason)).unwrap().to_string();
        let named = |cards: &[Card], reason| {
            cards.iter().find(|card| card.code == code(reason)).map(|card| card.meaning.clone())
        };
        assert_eq!(named(&all, "ORDER_LATE").as_deref(), Some("REASON ORDER_LATE"));
        // A scrap station without a page needs the office's reasons as cards.
        let reference = fixture::reference(chrono::Utc::now());
        let all = cards(&plant, &reference);
        assert_eq!(named(&all, "BROKEN").as_deref(), Some("broken"));
        assert_eq!(named(&all, "SMUDGED").as_deref(), Some("smudged"));
    }
}
