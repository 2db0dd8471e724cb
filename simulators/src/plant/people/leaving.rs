//! What is packed, leaves, arrives and comes back.

use anyhow::Context;
use edge_agent::station::control::Verb;
use rand::Rng;

use super::{Crew, card, card_with};
use crate::demo::plant::Site;
use crate::plant::truth::act::{Act, Part};

impl Crew {
    /// Sends units to the other plant.
    pub(super) async fn send(&mut self, order: &str, uids: &[String], to: &str) -> anyhow::Result<()> {
        let order = ("transfer", order);
        let more = [format!("to_plant {to}")];
        self.ship(
            "XFER1",
            order,
            uids,
            &[],
            Act { action: "ADD".into(), ..self.act("XFER1", "TRANSFER") },
            &more,
        )
        .await
    }

    /// Dispatches packages to a customer; their contents go along.
    pub(super) async fn dispatch(
        &mut self,
        order: &str,
        packages: &[(String, Vec<String>)],
    ) -> anyhow::Result<()> {
        let outer: Vec<String> = packages.iter().map(|(package, _)| package.clone()).collect();
        let inner: Vec<String> = packages.iter().flat_map(|(_, contents)| contents.clone()).collect();
        self.ship("SHIP1", ("so", order), &outer, &inner, self.act("SHIP1", "DISPATCH"), &[]).await
    }

    async fn ship(
        &mut self,
        station: &str,
        (kind, order): (&str, &str),
        uids: &[String],
        inner: &[String],
        act: Act,
        more: &[String],
    ) -> anyhow::Result<()> {
        self.sign_in(station).await?;
        let order = self.order(station, kind, order).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
        }
        let number = self.numbered(station).await?;
        let contents = inner.iter().map(|uid| self.part("CHILD", uid));
        let parts = uids.iter().map(|uid| self.part("SUBJECT", uid)).chain(contents).collect();
        let references =
            [format!("desadv {number}"), order].into_iter().chain(more.iter().cloned()).collect();
        let operator = self.act(station, "").operator;
        self.truth.happened(Act { references, parts, operator, ..act });
        Ok(())
    }

    /// DONE, and the number of the document that it gives.
    async fn numbered(&mut self, station: &str) -> anyhow::Result<String> {
        let mark = self.mark().await?;
        let done = self.take(station, &card(Verb::Done)).await?;
        let written = self.journal.made_by(mark, &done.input_id).await?;
        let number = written.iter().find_map(|event| event.references.first());
        let number = number.map(|reference| reference.number.clone());
        let number = number.with_context(|| format!("{} {station}: no document from {done:?}", self.code))?;
        match done.arg("number") {
            Some(told) if told != number => {
                anyhow::bail!("{} {station}: the page said {told}, and {number} is recorded", self.code)
            }
            _ => Ok(number),
        }
    }

    /// Takes in what the other plant sent.
    pub(super) async fn arrive(&mut self, uids: &[String]) -> anyhow::Result<()> {
        let station = "XIN1";
        self.sign_in(station).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
        }
        let number = self.numbered(station).await?;
        self.truth.happened(Act {
            action: "DELETE".into(),
            references: vec![format!("recadv {number}")],
            parts: uids.iter().map(|uid| self.part("SUBJECT", uid)).collect(),
            ..self.act(station, "TRANSFER")
        });
        Ok(())
    }

    /// Takes back what a customer returns.
    pub(super) async fn take_back(&mut self, uid: &str, reason: &str) -> anyhow::Result<()> {
        let station = "RET1";
        self.sign_in(station).await?;
        self.take(station, uid).await?;
        self.take(station, &card_with(Verb::Reason, reason)).await?;
        let number = self.numbered(station).await?;
        self.truth.happened(Act {
            references: vec![format!("recadv {number}")],
            parts: vec![self.part("SUBJECT", uid)],
            reason: reason.to_owned(),
            ..self.act(station, "RETURN")
        });
        Ok(())
    }

    /// Packs units into a new package; one is put in and taken out again before
    /// it is done, now and then.
    pub(super) async fn pack(&mut self, plant: &Site, uids: &[String]) -> anyhow::Result<String> {
        let station = "PACK1";
        self.sign_in(station).await?;
        self.take(station, &card(Verb::NoLabel)).await?;
        for uid in uids {
            self.take(station, uid).await?;
        }
        if self.rng.random_ratio(1, 3) {
            self.take(station, &card(Verb::Undo)).await?;
            let last = uids.last().context("nothing to pack")?;
            self.take(station, last).await?;
        }
        let since = (self.mark().await?, plant.restarts());
        let done = self.take(station, &card(Verb::Done)).await?;
        let made = self.made(plant, since, &done, 1).await?;
        let package = made.uids.first().context("a package was made")?.clone();
        self.units.insert(package.clone(), "pcs".to_owned());
        self.truth.happened(Act {
            parts: vec![Part::new("SUBJECT", &package, "pcs").of("1").born("PK-CARTON", "")],
            ..self.act(station, "COMMISSION")
        });
        let inside = uids.iter().map(|uid| self.part("CHILD", uid));
        let parts = inside.chain([self.part("PARENT", &package)]).collect();
        self.truth.happened(Act { action: "ADD".into(), parts, ..self.act(station, "PACKING") });
        Ok(package)
    }
}
