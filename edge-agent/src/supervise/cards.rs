//! Which cards a plant needs: every control code, and one for each operation of
//! its file and each reason for which its stations receive without an order.

use crate::config::PlantFile;
use crate::labels::cards::Card;
use crate::messages::Fluent;
use crate::station::control::{Control, Verb, all_cards};

/// The cards of a plant, with their meaning in its first language.
#[must_use]
pub fn cards(plant: &PlantFile) -> Vec<Card> {
    let language = plant.default_language();
    let meaning = |control: &Control| {
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
    let mut cards: Vec<Card> = all_cards()
        .iter()
        .map(|control| Card { code: control.to_string(), meaning: meaning(control) })
        .collect();
    for operation in &plant.operations {
        if let Ok(control) = Control::with(Verb::Op, Some(&operation.code)) {
            cards.push(Card { code: control.to_string(), meaning: operation.name.get(language).to_owned() });
        }
    }
    let mut reasons: Vec<&String> = plant.stations.iter().flat_map(|s| &s.without_order_reasons).collect();
    reasons.sort_unstable();
    reasons.dedup();
    for reason in reasons {
        if let Ok(control) = Control::with(Verb::Reason, Some(reason)) {
            cards.push(Card { code: control.to_string(), meaning: meaning(&control) });
        }
    }
    cards
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
        let all = cards(&fixture::file(stations));
        assert_eq!(all.len(), all_cards().len() + 2);
        let code = Control::with(Verb::Reason, Some("ORDER_LATE")).unwrap().to_string();
        assert!(all.contains(&Card { code, meaning: "REASON ORDER_LATE".to_owned() }));
    }
}
