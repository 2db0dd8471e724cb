//! People at machines: a cycle is run, and what the machine showed must be
//! written down for the unit.

use std::time::Duration;

use anyhow::{Context, bail};
use proto::v1;

use super::Crew;
use crate::demo::plant::Site;
use crate::plant::machine::Plc;
use crate::plant::process::{self, Kind, Shown};
use crate::plant::truth::act::{Act, Measure, plain};

/// Polls of a machine after which what it showed before is written down or never
/// will be.
const POLLS: u64 = 4;
/// How long a cycle may take to be written down, kills of the agent included.
const RECORDED_WITHIN: Duration = Duration::from_secs(60);

impl Crew {
    /// Runs the machine of a station until what it shows is written down. A cycle
    /// may be lost to a kill of the agent, and only to that; then the person runs
    /// it once more.
    ///
    /// `act` is what the agent must write down, but for the readings.
    pub(super) async fn run_machine(
        &mut self,
        plant: &Site,
        machine: &str,
        run: impl Fn(&Plc, Kind, &mut rand_chacha::ChaCha8Rng) -> Shown,
        act: Act,
    ) -> anyhow::Result<()> {
        let plc = plant.machines.get(machine).with_context(|| format!("no machine {machine}"))?;
        let file = plant.setup.plant.machines.iter().find(|m| m.code == machine);
        let file = file.with_context(|| format!("no machine {machine}"))?;
        let deadline = tokio::time::Instant::now() + RECORDED_WITHIN;
        let mark = self.mark().await?;
        let shown = 'run: loop {
            let restarts = watched(plant, plc, deadline).await?;
            let shown = run(plc, Kind::of(file), &mut self.rng);
            let from = plc.with(|memory| memory.reads);
            loop {
                // Asked before looking: what is not there then was never seen.
                let polled = plc.with(|memory| memory.reads) >= from + POLLS;
                if self.machine_events(mark, machine).await? > 0 {
                    break 'run shown;
                }
                if polled && plant.restarts() != restarts {
                    break;
                }
                if tokio::time::Instant::now() > deadline {
                    bail!("{}: {machine} showed {shown:?}, and nothing was written down", self.code);
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        process::release(plc);
        let trigger = file.triggers.first().with_context(|| format!("{machine} has no trigger"))?;
        let readings = trigger.readings.iter().map(|name| {
            let value = shown.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
            let register = file.registers.iter().find(|register| register.name == *name);
            let limit = |limit: Option<rust_decimal::Decimal>| {
                limit.map(|d| plain(&d.to_string())).unwrap_or_default()
            };
            Measure {
                name: name.clone(),
                value: plain(value.unwrap_or_default()),
                unit: register.map(|r| r.unit.clone()).unwrap_or_default(),
                low: limit(register.and_then(|r| r.low)),
                high: limit(register.and_then(|r| r.high)),
            }
        });
        self.truth.happened(Act { readings: readings.collect(), machine: machine.to_owned(), ..act });
        Ok(())
    }

    /// Writes down all that the plant's machines have shown so far.
    pub(super) fn note_shown(&self, plant: &Site) {
        for plc in plant.machines.values() {
            let shown = plc.with(|memory| memory.shown.clone());
            shown.iter().for_each(|(name, value)| self.truth.shown(&self.code, name, value));
        }
    }

    async fn machine_events(&self, mark: i64, machine: &str) -> anyhow::Result<usize> {
        let mut count = 0;
        for stored in self.journal.events_from(mark).await? {
            let event = stored.event()?;
            let stage = matches!(event.stage(), v1::Stage::Operation | v1::Stage::Load);
            count += usize::from(stage && event.machine == machine);
        }
        Ok(count)
    }
}

/// Waits until the agent that runs now polls the machine, and so sees what
/// happens next; how often it was restarted so far.
async fn watched(plant: &Site, plc: &Plc, deadline: tokio::time::Instant) -> anyhow::Result<u64> {
    loop {
        let restarts = plant.restarts();
        let from = plc.with(|memory| memory.reads);
        while plc.with(|memory| memory.reads) < from + 2 {
            if tokio::time::Instant::now() > deadline {
                bail!("{}: nobody polls the machine", plant.code());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if plant.restarts() == restarts {
            return Ok(restarts);
        }
    }
}
