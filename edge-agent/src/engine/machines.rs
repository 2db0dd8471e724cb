//! Current values of the machines, in memory only: after a start they are read
//! anew.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use proto::v1;

use crate::config::{PlantFile, Station};
use crate::inputs::MachineInput;
use crate::inputs::modbus::max_age;
use crate::station;

/// The last reading of each register of each machine. As large as the plant file.
#[derive(Debug, Default)]
pub(super) struct Machines {
    values: HashMap<String, Vec<v1::Reading>>,
}

impl Machines {
    /// Notes newer readings; others of the machine stay.
    pub fn update(&mut self, input: &MachineInput) {
        let values = self.values.entry(input.machine.clone()).or_default();
        for reading in input.readings.iter().map(station::reading) {
            match values.iter_mut().find(|v| v.name == reading.name) {
                Some(value) => *value = reading,
                None => values.push(reading),
            }
        }
    }

    /// Values of a station's machines as of `now`, in the order of the plant file.
    /// One that was not read for too long is bad, and has no value: nobody may take
    /// it for the present one because its bus has died.
    pub fn of_station(&self, plant: &PlantFile, station: &Station, now: DateTime<Utc>) -> Vec<v1::Reading> {
        let mut readings = Vec::new();
        for code in &station.machines {
            let poll_ms = plant.machine(code).map_or(0, |machine| machine.poll_ms);
            let oldest = now - max_age(Duration::from_millis(u64::from(poll_ms)));
            let values = self.values.get(code).into_iter().flatten().cloned();
            readings.extend(values.map(|mut reading| {
                if reading.at_us < oldest.timestamp_micros() {
                    reading.set_quality(v1::Quality::Bad);
                    reading.value.clear();
                }
                reading
            }));
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inputs::{MachineReading, Quality};

    #[test]
    fn a_value_of_a_machine_that_is_read_no_more_is_bad() {
        let plant = crate::config::load(std::path::Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../plant-configs/kolkata.toml"
        )))
        .unwrap();
        let station = plant.station("ASM1").unwrap();
        let read: DateTime<Utc> = "2025-01-18T09:00:00Z".parse().unwrap();
        let mut machines = Machines::default();
        machines.update(&MachineInput {
            machine: "PLC1".into(),
            trigger: None,
            input_id: "1".into(),
            at: read,
            readings: vec![MachineReading {
                name: "torque".into(),
                value: Some(12.into()),
                unit: "N.m".into(),
                quality: Quality::Good,
                low: None,
                high: None,
                at: read,
            }],
        });
        let after = |ms: i64| {
            let reading =
                machines.of_station(&plant, station, read + chrono::TimeDelta::milliseconds(ms)).remove(0);
            (reading.quality(), reading.value)
        };
        assert_eq!(after(1_000), (v1::Quality::Good, "12".to_owned()));
        assert_eq!(after(60_000), (v1::Quality::Bad, String::new()));
    }
}
