//! Current values of the machines, in memory only: after a start they are read
//! anew.

use std::collections::HashMap;

use proto::v1;

use crate::config::Station;
use crate::inputs::{MachineInput, MachineReading, Quality};

/// The last reading of each register of each machine. As large as the plant file.
#[derive(Debug, Default)]
pub(super) struct Machines {
    values: HashMap<String, Vec<v1::Reading>>,
}

impl Machines {
    /// Notes newer readings; others of the machine stay.
    pub fn update(&mut self, input: &MachineInput) {
        let values = self.values.entry(input.machine.clone()).or_default();
        for reading in input.readings.iter().map(to_event) {
            match values.iter_mut().find(|v| v.name == reading.name) {
                Some(value) => *value = reading,
                None => values.push(reading),
            }
        }
    }

    /// Current values of a station's machines, in the order of the plant file.
    pub fn of_station(&self, station: &Station) -> Vec<v1::Reading> {
        let machines = station.machines.iter();
        machines.filter_map(|m| self.values.get(m)).flatten().cloned().collect()
    }
}

/// A reading as an event carries it.
pub(super) fn to_event(reading: &MachineReading) -> v1::Reading {
    let text = |d: &Option<rust_decimal::Decimal>| d.map(|d| d.to_string()).unwrap_or_default();
    let quality = match reading.quality {
        Quality::Good => v1::Quality::Good,
        Quality::Bad => v1::Quality::Bad,
        Quality::Uncertain => v1::Quality::Uncertain,
    };
    v1::Reading {
        name: reading.name.clone(),
        value: match reading.quality {
            Quality::Bad => String::new(),
            _ => text(&reading.value),
        },
        unit: reading.unit.clone(),
        quality: quality.into(),
        low: text(&reading.low),
        high: text(&reading.high),
        at_us: reading.at.timestamp_micros(),
    }
}
