//! What is built: assembled, fastened, cured, tested, reworked.

use anyhow::Context;
use edge_agent::station::codes::Code;
use edge_agent::station::control::Verb;
use rand::Rng;

use super::{Crew, card, card_with};
use crate::demo::plant::Site;
use crate::plant::process;
use crate::plant::truth::act::{Act, Measure, Part, plain};

/// How a unit is built.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    pub order: &'static str,
    pub item: &'static str,
    /// It may not be used before an inspection.
    pub inspect: bool,
}

pub(super) const GEARBOX: Recipe = Recipe { order: "PO-2025-010", item: "SF-GEARBOX", inspect: false };
pub(super) const ACTUATOR: Recipe = Recipe { order: "PO-2025-020", item: "FG-ACTUATOR", inspect: true };

/// Parts that do not belong, tried first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wrong<'a> {
    /// Built in before.
    pub built_in: Option<&'a str>,
    /// Of an item that is not on the parts list.
    pub item: Option<&'a str>,
}

impl Crew {
    /// Builds one unit of `children`, then fastens it at the machine.
    pub(super) async fn assemble(
        &mut self,
        plant: &Site,
        recipe: Recipe,
        children: &[String],
        wrong: Wrong<'_>,
        shift_ends: bool,
    ) -> anyhow::Result<String> {
        let station = "ASM1";
        self.sign_in(station).await?;
        let order = self.order(station, "prodorder", recipe.order).await?;
        self.take(station, &card(Verb::NoLabel)).await?;
        if let Some(part) = wrong.built_in {
            self.must_refuse(station, part, Code::LABEL_INSIDE.as_str(), &[part]).await?;
        }
        if let Some(part) = wrong.item {
            self.must_refuse(station, part, Code::ASSEMBLY_NOT_ON_BOM.as_str(), &[part]).await?;
        }
        for (nth, child) in children.iter().enumerate() {
            self.take_maybe_twice(station, child).await?;
            if nth == 0 && shift_ends {
                self.hand_over(station).await?;
            }
        }
        let since = (self.mark().await?, plant.restarts());
        let done = self.take(station, &card(Verb::Done)).await?;
        let made = self.made(plant, since, &done, 1).await?;
        self.note_shown(plant);
        let uid = made.uids.first().context("a unit was built")?.clone();
        self.units.insert(uid.clone(), "pcs".to_owned());
        let operation = self.place(station).operation;
        let about = |stage: &str| Act { references: vec![order.clone()], ..self.act(station, stage) };
        self.truth.happened(Act {
            parts: vec![Part::new("SUBJECT", &uid, "pcs").of("1").born(recipe.item, "")],
            ..about("COMMISSION")
        });
        let parent = [self.part("PARENT", &uid)];
        let parts = children.iter().map(|child| self.part("CHILD", child)).chain(parent);
        self.truth.happened(Act {
            action: "ADD".into(),
            parts: parts.collect(),
            live: true,
            operation: operation.clone(),
            attempt: 1,
            ..about("ASSEMBLY")
        });
        if recipe.inspect {
            let parts = vec![self.part("SUBJECT", &uid)];
            self.truth.happened(Act { action: "ADD".into(), parts, ..about("INSPECTION") });
        }
        // At the machine, whose cycle counter then moves: its readings are the unit's.
        self.take(station, &uid).await?;
        let parts = vec![self.part("SUBJECT", &uid)];
        let act = Act {
            parts,
            operation,
            attempt: 1,
            references: vec![order.clone()],
            ..self.act(station, "OPERATION")
        };
        self.run_machine(plant, "PLC1", process::cycle, act).await?;
        self.take(station, &card(Verb::Cancel)).await?;
        Ok(uid)
    }

    /// Cures units in the oven, whose temperature moves while they are in it.
    pub(super) async fn cure(&mut self, plant: &Site, uids: &[String]) -> anyhow::Result<()> {
        let station = "OVEN1";
        self.sign_in(station).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
        }
        self.take(station, &card(Verb::Done)).await?;
        let parts = || uids.iter().map(|uid| self.part("SUBJECT", uid)).collect();
        let operation = self.place(station).operation;
        let load = Act { operation, attempt: 1, parts: parts(), ..self.act(station, "LOAD") };
        self.truth.happened(Act { action: "ADD".into(), ..load.clone() });
        for _ in 0..2 {
            self.run_machine(plant, "PLC2", process::heat, load.clone()).await?;
        }
        self.take(station, &card(Verb::Pass)).await?;
        self.note_shown(plant);
        // Whoever signed in meanwhile took it out.
        let operator = self.act(station, "LOAD").operator;
        self.truth.happened(Act {
            action: "DELETE".into(),
            outcome: "PASSED".into(),
            live: true,
            operator,
            ..load
        });
        Ok(())
    }

    /// Measures a unit and judges it.
    pub(super) async fn inspect(
        &mut self,
        plant: &Site,
        uid: &str,
        measures: &[&str],
        good: bool,
        attempt: u32,
    ) -> anyhow::Result<()> {
        let station = "QC1";
        self.sign_in(station).await?;
        self.take(station, uid).await?;
        for measure in measures {
            self.take(station, &card_with(Verb::Qty, measure)).await?;
        }
        self.take(station, &card(if good { Verb::Pass } else { Verb::Fail })).await?;
        let found = plant.setup.plant.station(station).context("no station QC1")?;
        let text =
            |limit: Option<rust_decimal::Decimal>| limit.map(|d| plain(&d.to_string())).unwrap_or_default();
        let limits = found.characteristics.iter().filter(|c| c.low.is_some() || c.high.is_some());
        let readings = limits.zip(measures).map(|(c, value)| Measure {
            name: c.name.clone(),
            value: plain(value),
            unit: c.unit.clone(),
            low: text(c.low),
            high: text(c.high),
        });
        let (accepted, rejected) = if good { ("1", "0") } else { ("0", "1") };
        self.truth.happened(Act {
            parts: vec![self.part("SUBJECT", uid)],
            readings: readings.collect(),
            outcome: if good { "PASSED" } else { "FAILED" }.to_owned(),
            accepted: accepted.to_owned(),
            rejected: rejected.to_owned(),
            operation: self.place(station).operation,
            attempt,
            ..self.act(station, "INSPECTION")
        });
        Ok(())
    }

    /// Finds a unit bad, sends it to rework, and finds it good.
    pub(super) async fn rework(
        &mut self,
        plant: &Site,
        uid: &str,
        bad: &[&str],
        good: &[&str],
    ) -> anyhow::Result<()> {
        self.inspect(plant, uid, bad, false, 1).await?;
        // What was found bad does not go on.
        self.sign_in("XFER1").await?;
        self.must_refuse("XFER1", uid, Code::LABEL_REJECTED.as_str(), &[uid]).await?;
        let station = "REWORK1";
        let reason = if self.rng.random_ratio(1, 2) { "TORQUE_LOW" } else { "LEAK" };
        self.sign_in(station).await?;
        self.take(station, &card_with(Verb::Reason, reason)).await?;
        self.take(station, uid).await?;
        self.truth.happened(Act {
            parts: vec![self.part("SUBJECT", uid)],
            operation: "TEST".to_owned(),
            attempt: 2,
            reason: reason.to_owned(),
            ..self.act(station, "REWORK")
        });
        self.inspect(plant, uid, good, true, 2).await
    }
}
