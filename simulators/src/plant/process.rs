//! Believable processes behind a PLC's registers: values that wander about a
//! target, now and then out of limits, and stand still while a cycle ends.

use std::time::Duration;

use edge_agent::config::Machine;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::machine::{Memory, Plc, wander};
use super::truth::act::plain;

/// A spindle (or screwdriver) or an oven, by what the plant file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Torque at 0, temperature at 2, cycle counter at 3, total at 4.
    Spindle,
    /// Torque at 0 and the cycle counter at 3.
    Screwdriver,
    /// Temperature at 0.
    Oven,
}

impl Kind {
    /// Which of them a machine is.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        let has = |name: &str| machine.registers.iter().any(|register| register.name == name);
        match (has("oven_temperature"), has("total_cycles")) {
            (true, _) => Self::Oven,
            (_, true) => Self::Spindle,
            _ => Self::Screwdriver,
        }
    }

    /// Where its value belongs, how far it strays by itself and how far when
    /// something is wrong. An oven strays by less than its dead band.
    fn target(self) -> (f32, f32, f32) {
        match self {
            Self::Spindle => (12.0, 0.12, 1.5),
            Self::Screwdriver => (5.0, 0.05, 1.5),
            Self::Oven => (180.0, 0.2, 0.0),
        }
    }
}

/// A value as a PLC shows it: with two decimals, exact as text.
fn rounded(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

/// Runs the process until the PLC is dropped. Counters move and the oven's
/// target changes only by [`cycle`] and [`heat`].
pub fn run(plc: &Plc, machine: &Machine, seed: u64) {
    let kind = Kind::of(machine);
    let (target, noise, excursion) = kind.target();
    let mut value = target;
    plc.with(|memory| {
        memory.set_f32(0, target);
        memory.words[2] = 250;
        note(memory, kind);
    });
    let step = move |memory: &mut Memory, rng: &mut ChaCha8Rng| {
        if memory.still || kind == Kind::Oven {
            return;
        }
        value = wander(rng, value, target, noise, 200, excursion);
        memory.set_f32(0, rounded(value));
        if kind == Kind::Spindle {
            memory.words[2] = 250 + rng.random_range(0..8_u16);
        }
        note(memory, kind);
    };
    plc.run_process(seed, Duration::from_millis(100), step);
}

/// Values that a machine showed at the end of a cycle, by register, as texts.
pub type Shown = Vec<(&'static str, String)>;

/// What the machine shows now.
fn showing(memory: &Memory, kind: Kind) -> Shown {
    let value = memory.f32(0).to_string();
    let tenths = memory.words[2];
    let mut shown = match kind {
        Kind::Oven => return vec![("oven_temperature", value)],
        _ => vec![("torque", value), ("cycle", memory.words[3].to_string())],
    };
    if kind == Kind::Spindle {
        shown.push(("temperature", format!("{}.{}", tenths / 10, tenths % 10)));
        shown.push(("total_cycles", memory.u32_low_first(4).to_string()));
        shown.push(("fault", u8::from(memory.bits[0]).to_string()));
    }
    shown
}

fn note(memory: &mut Memory, kind: Kind) {
    let shown = showing(memory, kind);
    memory.shown.extend(shown.into_iter().map(|(name, value)| (name, plain(&value))));
}

/// Ends a cycle: the values stand still until [`release`], the counters go up.
pub fn cycle(plc: &Plc, kind: Kind, rng: &mut ChaCha8Rng) -> Shown {
    let (target, noise, excursion) = kind.target();
    // Now and then a screw is overtightened.
    let off = if rng.random_ratio(1, 8) { excursion } else { rng.random_range(-noise..noise) };
    plc.with(|memory| {
        memory.still = true;
        memory.set_f32(0, rounded(target + off));
        memory.words[3] = memory.words[3].wrapping_add(1);
        if kind == Kind::Spindle {
            let total = memory.u32_low_first(4).wrapping_add(1);
            memory.set_u32_low_first(4, total);
        }
        note(memory, kind);
        showing(memory, kind)
    })
}

/// Heats the oven by more than its dead band, or lets it cool again.
pub fn heat(plc: &Plc, kind: Kind, rng: &mut ChaCha8Rng) -> Shown {
    plc.with(|memory| {
        let base = if memory.f32(0) > 182.0 { 178.5 } else { 185.0 };
        memory.set_f32(0, rounded(base + rng.random_range(-1.0..1.0_f32)));
        note(memory, kind);
        showing(memory, kind)
    })
}

/// Lets the values wander again.
pub fn release(plc: &Plc) {
    plc.with(|memory| memory.still = false);
}
