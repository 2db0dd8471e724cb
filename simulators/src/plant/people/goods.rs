//! Goods that come from suppliers, and coils that are cut.

use anyhow::Context;
use edge_agent::station::control::Verb;
use rand::Rng;

use super::{Crew, card, card_with};
use crate::demo::plant::Site;
use crate::plant::truth::act::{Act, Part};

/// What is received: an order, where its supplier sends from, an item and its
/// unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Supply {
    pub order: &'static str,
    pub place: &'static str,
    pub item: &'static str,
    pub unit: &'static str,
}

pub(super) const GEARS: Supply =
    Supply { order: "PO-2025-001", place: "Vendor-XYZ", item: "RM-GEAR", unit: "pcs" };
pub(super) const HOUSINGS: Supply = Supply { item: "RM-HOUSING", ..GEARS };
pub(super) const COILS: Supply =
    Supply { order: "PO-2025-002", place: "Jamshedpur", item: "RM-STEEL-COIL", unit: "kg" };
pub(super) const MOTORS: Supply =
    Supply { order: "PO-2025-003", place: "Pune", item: "RM-MOTOR", unit: "pcs" };

impl Crew {
    /// Receives `count` pieces of a unit-tracked item on its order, at the first
    /// dock.
    ///
    /// # Errors
    /// When nobody supplies that, or a station answers other than it should.
    pub async fn receive(
        &mut self,
        plant: &Site,
        order: &str,
        item: &str,
        count: u32,
    ) -> anyhow::Result<Vec<String>> {
        let supplies = [GEARS, HOUSINGS, MOTORS];
        let supply = supplies.into_iter().find(|supply| (supply.order, supply.item) == (order, item));
        let supply = supply.with_context(|| format!("{item} is not on {order}"))?;
        self.receive_at(plant, "DOCK1", supply, count, false).await
    }

    /// Receives `count` pieces at a dock; the shift may end in the middle.
    pub(super) async fn receive_at(
        &mut self,
        plant: &Site,
        dock: &str,
        supply: Supply,
        count: u32,
        shift_ends: bool,
    ) -> anyhow::Result<Vec<String>> {
        let each = vec!["1".to_owned(); count as usize];
        self.unload(plant, dock, supply, &count.to_string(), &each, shift_ends).await
    }

    /// Receives one container of `quantity`.
    pub(super) async fn receive_container(
        &mut self,
        plant: &Site,
        dock: &str,
        supply: Supply,
        quantity: &str,
    ) -> anyhow::Result<String> {
        let each = [quantity.to_owned()];
        Ok(self.unload(plant, dock, supply, quantity, &each, false).await?.remove(0))
    }

    async fn unload(
        &mut self,
        plant: &Site,
        dock: &str,
        supply: Supply,
        quantity: &str,
        each: &[String],
        shift_ends: bool,
    ) -> anyhow::Result<Vec<String>> {
        self.sign_in(dock).await?;
        let order = self.order(dock, "po", supply.order).await?;
        self.take(dock, supply.item).await?;
        let lot = format!("HEAT-{:05}", self.rng.random_range(0..100_000));
        self.take(dock, &lot).await?;
        if shift_ends {
            self.hand_over(dock).await?;
        }
        if self.rng.random_ratio(1, 4) {
            // Somebody miscounted, and drops it before it is done.
            self.take(dock, &card_with(Verb::Qty, "7")).await?;
            self.take(dock, &card(Verb::Undo)).await?;
        }
        self.take(dock, &card_with(Verb::Qty, quantity)).await?;
        let since = (self.mark().await?, plant.restarts());
        let done = self.take(dock, &card(Verb::Done)).await?;
        let made = self.made(plant, since, &done, each.len()).await?;
        let parts =
            || made.uids.iter().zip(each).map(|(uid, q)| Part::new("SUBJECT", uid, supply.unit).of(q));
        self.units.extend(made.uids.iter().map(|uid| (uid.clone(), supply.unit.to_owned())));
        self.truth.happened(Act {
            references: vec![order.clone()],
            location: supply.place.to_owned(),
            parts: parts().collect(),
            ..self.act(dock, "PROCUREMENT")
        });
        self.truth.happened(Act {
            references: vec![format!("recadv {}", made.number), order],
            parts: parts().map(|part| part.born(supply.item, &lot)).collect(),
            ..self.act(dock, "GRN")
        });
        Ok(made.uids)
    }

    /// Cuts a coil into equal parts; nothing is left of it.
    pub(super) async fn slit(
        &mut self,
        plant: &Site,
        coil: &str,
        supply: Supply,
        parts: usize,
        each: &str,
    ) -> anyhow::Result<Vec<String>> {
        let station = "SPLIT1";
        self.sign_in(station).await?;
        self.take(station, coil).await?;
        self.take(station, &card_with(Verb::Split, &parts.to_string())).await?;
        let since = (self.mark().await?, plant.restarts());
        let done = self.take(station, &card(Verb::Done)).await?;
        let made = self.made(plant, since, &done, parts).await?;
        let lot = self.lot_of(coil);
        let born = made
            .uids
            .iter()
            .map(|uid| Part::new("OUTPUT", uid, supply.unit).of(each).born(supply.item, &lot));
        let all = born.chain([self.part("INPUT", coil)]).collect();
        self.units.extend(made.uids.iter().map(|uid| (uid.clone(), supply.unit.to_owned())));
        self.truth.happened(Act { parts: all, ..self.act(station, "TRANSFORMATION") });
        Ok(made.uids)
    }

    /// The supplier's lot with which a label was born.
    fn lot_of(&self, uid: &str) -> String {
        let acts = self.truth.acts_of(&self.code);
        let parts = acts.iter().flat_map(|act| &act.parts);
        parts
            .filter(|part| part.born && part.uid == uid)
            .map(|part| part.lot.clone())
            .next_back()
            .unwrap_or_default()
    }
}
