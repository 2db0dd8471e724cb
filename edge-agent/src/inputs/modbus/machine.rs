//! What is known of one machine while it is polled.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_modbus::ExceptionCode;
use uuid::Uuid;

use super::bus::RequestError;
use super::decode::{Decoded, decode};
use super::live::bad;
use super::merge::{Group, plan, split};
use super::settings::MachineSettings;
use super::trigger::{Fired, TriggerState};
use crate::inputs::{Backoff, MachineInput, MachineReading, Quality};

/// A machine between and during polls.
pub(super) struct Machine {
    pub settings: MachineSettings,
    /// When to poll next.
    pub due: Instant,
    /// Whether its coils must be made safe before anything else.
    pub unsafe_coils: bool,
    pub backoff: Backoff,
    groups: Vec<Watched>,
    triggers: Vec<Trigger>,
    /// By register; none is bad.
    values: Vec<Option<Decoded>>,
    /// By register.
    at: Vec<DateTime<Utc>>,
    live: watch::Sender<Arc<[MachineReading]>>,
}

struct Watched {
    group: Group,
    /// Whether the last read failed: logged when that changes.
    failing: bool,
}

struct Trigger {
    name: String,
    register: usize,
    readings: Vec<usize>,
    state: TriggerState,
}

/// A trigger that fired, with what it takes.
pub(super) struct Firing {
    pub input: MachineInput,
    pub fired: Fired,
}

impl Machine {
    /// A machine of which nothing is known. Its settings have been checked.
    pub fn new(settings: MachineSettings, backoff: Backoff) -> Self {
        let registers = &settings.registers;
        let index = |name: &String| registers.iter().position(|r| r.name == *name);
        let triggers: Vec<Trigger> = settings
            .triggers
            .iter()
            .filter_map(|t| {
                let register = index(&t.register)?;
                let r = &registers[register];
                let state = TriggerState::new(t.on, r.value_type, r.dead_band);
                let readings = t.readings.iter().filter_map(index).collect();
                Some(Trigger { name: t.name.clone(), register, readings, state })
            })
            .collect();
        let first: Vec<usize> = triggers.iter().map(|t| t.register).collect();
        let groups = plan(registers, settings.max_gap, &first);
        let now = Utc::now();
        let unread: Arc<[MachineReading]> = registers.iter().map(|r| bad(r, now)).collect();
        Self {
            due: Instant::now(),
            unsafe_coils: !settings.coils.is_empty(),
            backoff,
            groups: groups.into_iter().map(|group| Watched { group, failing: false }).collect(),
            triggers,
            values: vec![None; registers.len()],
            at: vec![now; registers.len()],
            live: watch::Sender::new(unread),
            settings,
        }
    }

    /// A receiver of the present values.
    pub fn live(&self) -> watch::Receiver<Arc<[MachineReading]>> {
        self.live.subscribe()
    }

    /// The group to read after `done` of them, in this poll.
    pub fn group(&self, done: usize) -> Option<Group> {
        self.groups.get(done).map(|w| w.group.clone())
    }

    /// The result of reading that group. A failure is bad quality for all of it.
    pub fn read(&mut self, index: usize, result: Result<Vec<u16>, RequestError>, at: DateTime<Utc>) {
        let Some(watched) = self.groups.get_mut(index) else { return };
        let group = &watched.group;
        for member in &group.members {
            let register = &self.settings.registers[*member];
            let from = usize::from(register.address - group.start);
            let words = result.as_ref().ok().and_then(|words| words.get(from..));
            self.values[*member] = words.and_then(|words| decode(words, register));
            self.at[*member] = at;
        }
        let (machine, failed) = (&self.settings.code, result.is_err());
        if let Err(error) = &result
            && !watched.failing
        {
            tracing::warn!(%machine, table = ?group.table, start = group.start, count = group.count, %error, "registers cannot be read");
        } else if !failed && watched.failing {
            tracing::info!(%machine, table = ?group.table, start = group.start, "registers can be read again");
        }
        watched.failing = failed;
        if let Err(RequestError::Exception(ExceptionCode::IllegalDataAddress)) = result {
            self.divide(index);
        }
    }

    /// Asks the registers of a refused group apart from the next poll on: perhaps
    /// only a gap, or one of them, does not exist. The parts come last, but keep
    /// the rule that what triggers is read first.
    fn divide(&mut self, index: usize) {
        let Some(parts) = split(&self.groups[index].group, &self.settings.registers) else {
            return;
        };
        tracing::info!(machine = %self.settings.code, parts = parts.len(), "asking for these registers apart");
        // This poll has read the group; its parts must not be read again in it.
        self.groups[index].group.members.clear();
        self.groups.extend(parts.into_iter().map(|group| Watched { group, failing: true }));
    }

    /// Ends a poll: publishes, and looks at the triggers, of which at most `room`
    /// may fire. Without room they wait.
    pub fn finish(&mut self, room: usize, now: DateTime<Utc>) -> Vec<Firing> {
        self.groups.retain(|w| !w.group.members.is_empty());
        let first: Vec<usize> = self.triggers.iter().map(|t| t.register).collect();
        self.groups.sort_by_key(|w| !w.group.members.iter().any(|m| first.contains(m)));
        self.publish();
        let mut firings = Vec::new();
        for trigger in &mut self.triggers {
            if firings.len() == room {
                break;
            }
            let Some(fired) = trigger.state.observe(self.values[trigger.register]) else {
                continue;
            };
            let readings =
                trigger.readings.iter().map(|i| reading(&self.settings, &self.values, &self.at, *i));
            let input = MachineInput {
                machine: self.settings.code.clone(),
                trigger: Some(trigger.name.clone()),
                input_id: Uuid::now_v7().to_string(),
                at: now,
                readings: readings.collect(),
            };
            firings.push(Firing { input, fired });
        }
        firings
    }

    /// Nothing can be read: no value is known any more.
    pub fn lost(&mut self, at: DateTime<Utc>) {
        self.values.fill(None);
        self.at.fill(at);
        for trigger in &mut self.triggers {
            trigger.state.observe(None);
        }
        self.publish();
    }

    fn publish(&self) {
        let readings =
            (0..self.values.len()).map(|i| reading(&self.settings, &self.values, &self.at, i)).collect();
        self.live.send_replace(readings);
    }
}

fn reading(
    settings: &MachineSettings,
    values: &[Option<Decoded>],
    at: &[DateTime<Utc>],
    index: usize,
) -> MachineReading {
    let empty = bad(&settings.registers[index], at[index]);
    match values[index] {
        Some(decoded) => MachineReading { value: Some(decoded.value), quality: Quality::Good, ..empty },
        None => empty,
    }
}
