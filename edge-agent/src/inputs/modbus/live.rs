//! The present values of all machines, for the engine to attach to operations and
//! for pages to show.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;

use super::settings::{MachineSettings, Register};
use crate::inputs::{MachineReading, Quality};

/// Polls that a value may miss before it counts no more.
const POLLS_MISSED: u32 = 3;
/// Polls that follow each other faster are taken for this far apart, so that a
/// moment's load on the agent makes no value bad.
const SHORTEST_POLL: Duration = Duration::from_millis(500);

/// How old a value of a machine with this poll interval may be; an older one is
/// bad and has no value.
pub(crate) fn max_age(poll: Duration) -> TimeDelta {
    TimeDelta::from_std(poll.max(SHORTEST_POLL) * (POLLS_MISSED + 1)).unwrap_or(TimeDelta::MAX)
}

/// Present values; cheap to clone and to read.
#[derive(Debug, Clone, Default)]
pub struct Live {
    machines: HashMap<String, Machine>,
}

#[derive(Debug, Clone)]
struct Machine {
    max_age: TimeDelta,
    values: watch::Receiver<Arc<[MachineReading]>>,
}

impl Live {
    /// The values of every bus together.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Self {
        Self { machines: parts.into_iter().flat_map(|part| part.machines).collect() }
    }

    /// All values of a machine in the order of its registers; empty if there is no
    /// such machine. One that is older than [`max_age`] is bad, never the last
    /// value.
    pub fn machine(&self, code: &str, now: DateTime<Utc>) -> Vec<MachineReading> {
        let Some(machine) = self.machines.get(code) else { return Vec::new() };
        let values = Arc::clone(&machine.values.borrow());
        let age = |mut r: MachineReading| {
            if now - r.at > machine.max_age {
                (r.quality, r.value) = (Quality::Bad, None);
            }
            r
        };
        values.iter().cloned().map(age).collect()
    }

    /// The named values of a machine, in that order; names it does not have are
    /// left out.
    pub fn readings(&self, code: &str, names: &[String], now: DateTime<Utc>) -> Vec<MachineReading> {
        let all = self.machine(code, now);
        names.iter().filter_map(|name| all.iter().find(|r| r.name == *name).cloned()).collect()
    }

    /// A receiver that wakes at every poll of the machine.
    pub fn watch(&self, code: &str) -> Option<watch::Receiver<Arc<[MachineReading]>>> {
        self.machines.get(code).map(|m| m.values.clone())
    }

    pub(super) fn add(&mut self, machine: &MachineSettings, values: watch::Receiver<Arc<[MachineReading]>>) {
        let max_age = max_age(machine.poll);
        self.machines.insert(machine.code.clone(), Machine { max_age, values });
    }
}

/// A reading of that register without a value.
pub(super) fn bad(register: &Register, at: DateTime<Utc>) -> MachineReading {
    MachineReading {
        name: register.name.clone(),
        value: None,
        unit: register.unit.clone(),
        quality: Quality::Bad,
        low: register.low,
        high: register.high,
        at,
    }
}
