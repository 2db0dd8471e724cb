//! A station at which nobody scans: who is still signed in, and what it waits
//! for. The engine looks at either only when the next scan comes.

use std::collections::HashMap;

use chrono::{DateTime, TimeZone, Utc};

use crate::config::Station;
use crate::engine::Handle;
use crate::messages::Fluent;
use crate::station;
use crate::station::types::{Label, Scanned, Session, World};

/// What looking at a station at rest takes.
pub(super) struct Rest<'a> {
    pub engine: &'a Handle,
    pub station: &'a Station,
    pub now: DateTime<Utc>,
}

impl Rest<'_> {
    /// The session without whom time has signed out.
    pub fn session(&self, session: &Session) -> Session {
        if session.operator.is_none() {
            return session.clone();
        }
        self.look(session, &HashMap::new(), station::signed_in)
    }

    /// What the station waits for, in words.
    pub async fn next(&self, session: &Session, language: &str) -> String {
        let labels = self.labels(session).await;
        let (code, args) = self.look(session, &labels, station::waiting_for);
        Fluent::say(language, &code, &args)
    }

    /// The labels that the answer may depend on. Where they cannot be read the
    /// answer is only less exact.
    async fn labels(&self, session: &Session) -> HashMap<i64, Label> {
        let mut labels: HashMap<i64, Label> = HashMap::new();
        let mut wanted = station::wanted_keys(session, &Scanned::Text(String::new()));
        // Those of the session, then those in them.
        for _ in 0..2 {
            let read = self.engine.reader().labels(&wanted).await.unwrap_or_default();
            let read: Vec<Label> = read.values().filter_map(|json| serde_json::from_str(json).ok()).collect();
            wanted = read.iter().flat_map(|label| label.children.clone()).collect();
            labels.extend(read.into_iter().map(|label| (label.key, label)));
        }
        labels
    }

    fn look<T>(
        &self,
        session: &Session,
        labels: &HashMap<i64, Label>,
        see: impl FnOnce(&World<'_>) -> T,
    ) -> T {
        let plant = self.engine.plant();
        let reference = self.engine.reference();
        let shift = plant.shift_at(self.now).map(|running| running.shift.name.clone());
        see(&World {
            plant,
            tenant: plant.tenant,
            station: self.station,
            session,
            reference: &reference,
            labels,
            at: plant.time_zone.from_utc_datetime(&self.now.naive_utc()).fixed_offset(),
            now: self.now,
            shift: (shift.unwrap_or_default(), plant.production_date(self.now)),
            mintable: &HashMap::new(),
            numbers: &HashMap::new(),
            readings: &[],
            repeat: false,
            badge: None,
            pin: None,
        })
    }
}
