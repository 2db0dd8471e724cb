//! The store: putting away, taking back what was put in the wrong place, holding,
//! issuing, scrapping.

use edge_agent::station::codes::Code;
use edge_agent::station::control::Verb;
use rand::Rng;

use super::{Crew, card, card_with, misread};
use crate::plant::truth::act::Act;

impl Crew {
    /// Puts pieces away.
    pub(super) async fn store(&mut self, place: &str, uids: &[String]) -> anyhow::Result<()> {
        let station = "STORE1";
        self.sign_in(station).await?;
        self.take(station, place).await?;
        for uid in uids {
            if self.rng.random_ratio(1, 6) {
                self.must_refuse(station, &misread(uid), Code::UID_CHECKSUM.as_str(), &[]).await?;
            }
            self.take_maybe_twice(station, uid).await?;
            self.stored(station, place, uid);
        }
        Ok(())
    }

    /// Puts one away at the wrong place, notices it, takes that back and puts it
    /// where it belongs.
    pub(super) async fn store_wrongly(&mut self, wrong: &str, right: &str, uid: &str) -> anyhow::Result<()> {
        let station = "STORE1";
        self.sign_in(station).await?;
        self.take(station, wrong).await?;
        self.take(station, uid).await?;
        let act = self.stored(station, wrong, uid);
        self.take(station, &card(Verb::Correct)).await?;
        // What was recorded last, not a label that would be scanned.
        self.take(station, &card(Verb::Done)).await?;
        let parts = vec![self.part("SUBJECT", uid)];
        self.truth.happened(Act { corrects: act.name(), parts, ..self.act(station, "CORRECT") });
        self.take(station, right).await?;
        self.take(station, uid).await?;
        self.stored(station, right, uid);
        Ok(())
    }

    fn stored(&self, station: &str, place: &str, uid: &str) -> Act {
        let parts = vec![self.part("SUBJECT", uid)];
        let act = Act { location: place.to_owned(), parts, ..self.act(station, "STORAGE") };
        self.truth.happened(act.clone());
        act
    }

    /// Holds a piece.
    pub(super) async fn hold(&mut self, uid: &str, reason: &str) -> anyhow::Result<()> {
        let station = "STORE1";
        self.sign_in(station).await?;
        self.take(station, &card(Verb::Hold)).await?;
        self.take(station, &card_with(Verb::Reason, reason)).await?;
        self.take(station, uid).await?;
        let parts = vec![self.part("SUBJECT", uid)];
        self.truth.happened(Act { reason: reason.to_owned(), parts, ..self.act(station, "HOLD") });
        Ok(())
    }

    /// Issues pieces to a work order.
    pub(super) async fn issue(&mut self, order: &str, uids: &[String]) -> anyhow::Result<()> {
        let station = "ISSUE1";
        self.sign_in(station).await?;
        let order = self.order(station, "prodorder", order).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
            self.issued(station, &order, uid, "");
        }
        Ok(())
    }

    /// Tries to issue what is held, is refused, and calls the supervisor, who
    /// lets it be done all the same.
    pub(super) async fn issue_held(&mut self, order: &str, uid: &str) -> anyhow::Result<()> {
        let station = "ISSUE1";
        self.sign_in(station).await?;
        let order = self.order(station, "prodorder", order).await?;
        self.must_refuse(station, uid, Code::LABEL_HELD.as_str(), &[uid]).await?;
        let supervisor = self.overrule(station).await?;
        self.issued(station, &order, uid, supervisor.operator);
        self.truth.exception("refusal.overridden");
        self.truth.exception("uid.used_while_held");
        Ok(())
    }

    fn issued(&self, station: &str, order: &str, uid: &str, by: &str) {
        self.truth.happened(Act {
            references: vec![order.to_owned()],
            parts: vec![self.part("SUBJECT", uid)],
            overridden_by: by.to_owned(),
            ..self.act(station, "ISSUE_TO_PRODUCTION")
        });
    }

    /// Scraps a piece.
    pub(super) async fn scrap(&mut self, uid: &str, reason: &str) -> anyhow::Result<()> {
        let station = "SCRAP1";
        self.sign_in(station).await?;
        self.take(station, uid).await?;
        self.take(station, &card_with(Verb::Reason, reason)).await?;
        let parts = vec![self.part("SUBJECT", uid)];
        self.truth.happened(Act { reason: reason.to_owned(), parts, ..self.act(station, "SCRAP") });
        // Nothing can be done with it any more.
        self.sign_in("STORE1").await?;
        self.must_refuse("STORE1", uid, Code::LABEL_SCRAPPED.as_str(), &[uid]).await
    }
}
