//! What machines and stations say of each other.

use super::find::{Basis, Findings, Place};

/// Triggers, and the stations that their readings go to.
#[derive(Default)]
pub(super) struct Links {
    triggers: Vec<Link>,
}

struct Link {
    machine: String,
    station: String,
    place: Place,
}

/// A station as far as triggers mind, well formed otherwise or not.
pub(super) struct SeenStation {
    pub(super) code: String,
    pub(super) machines: Vec<String>,
    pub(super) has_operation: bool,
}

impl Links {
    /// A trigger of that machine records at that station.
    pub(super) fn add(&mut self, machine: &str, station: &str, place: Place) {
        let (machine, station) = (machine.to_owned(), station.to_owned());
        self.triggers.push(Link { machine, station, place });
    }

    /// Notes triggers whose station does not expect them. A station that does
    /// not exist is noted where names are compared.
    pub(super) fn check(&self, stations: &[SeenStation], findings: &Findings<'_>) {
        for Link { machine, station, place } in &self.triggers {
            let Some(seen) = stations.iter().find(|seen| seen.code == *station) else {
                continue;
            };
            let found = format!("\"{station}\"");
            if !seen.machines.contains(machine) {
                let hint = format!("add \"{machine}\" to the machines of {station}");
                let expected = format!("a station that lists {machine} among its machines");
                findings.note(Basis::Absent, place, found, expected, Some(hint));
            } else if !seen.has_operation {
                let hint = format!("readings belong to a unit and an operation; give {station} one");
                let expected = "a station with an operation";
                findings.note(Basis::Absent, place, found, expected, Some(hint));
            }
        }
    }
}
