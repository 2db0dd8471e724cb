//! What starts a workflow without a person.

use std::str::FromStr;

use croner::Cron;
use serde_json::Value as Json;

use super::Reader;
use crate::workflow::condition::Field;
use crate::workflow::definition::{By, Start};
use crate::workflow::triggers;

impl Reader<'_> {
    pub(super) fn start(&mut self, json: &Json, path: &str, fields: &[Field]) -> Option<Start> {
        let names = ["event", "schedule", "webhook", "time_zone", "conditions", "subject", "text"];
        let at = self.object(json, path, &names)?;
        let ways =
            ["event", "schedule", "webhook"].iter().filter(|way| at.fields.contains_key(**way)).count();
        if ways != 1 {
            self.tell(path, "start", &[]);
            return None;
        }
        let by = if let Some(event) = self.text(&at, "event", 100) {
            if self.new && triggers::is_its_own(&event) {
                self.tell(at.path("event"), "own-event", &[("value", &event)]);
            }
            By::Event(event)
        } else if let Some(cron) = self.text(&at, "schedule", 100) {
            if schedule(&cron).is_err() {
                self.tell(at.path("schedule"), "schedule", &[("value", &cron)]);
            }
            let zone = self.text(&at, "time_zone", 60);
            if let Some(zone) = &zone
                && chrono_tz::Tz::from_str(zone).is_err()
            {
                self.tell(at.path("time_zone"), "zone", &[("value", zone)]);
            }
            By::Schedule(cron, zone)
        } else if self.flag(&at, "webhook", false) {
            By::Webhook
        } else {
            return None;
        };
        let conditions = self.conditions(&at, fields);
        let subject = self.text(&at, "subject", 200).unwrap_or_default();
        let text = self.text(&at, "text", 2000).unwrap_or_default();
        Some(Start { by, conditions, subject, text })
    }
}

/// A cron pattern of five fields: minute, hour, day, month, day of the week.
///
/// # Errors
/// What is wrong with it.
pub(in crate::workflow) fn schedule(cron: &str) -> Result<Cron, String> {
    let parser = croner::parser::CronParser::builder().seconds(croner::parser::Seconds::Disallowed).build();
    parser.parse(cron).map_err(|error| error.to_string())
}
