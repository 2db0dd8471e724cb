//! The people of two plants: they receive, store, issue, assemble, cure, test,
//! rework, pack, send and dispatch; scan twice, scan the wrong part, misread a
//! code, change their mind, go home in the middle. What they did they write down
//! in the [`Truth`].

mod building;
mod goods;
mod labels;
mod leaving;
mod machines;
mod signing;
mod store;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use edge_agent::station::codes::Code;
use edge_agent::station::control::{Control, Verb};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::sync::watch;

pub use self::signing::Person;
pub use self::work::{OnTheWay, kolkata, visakhapatnam};

use super::journal::Journal;
use super::scanner::{Answer, Scanner};
use super::socket::SocketScanner;
use super::truth::Truth;
use super::truth::act::{Act, Part};
use crate::demo::plant::Site;
use crate::http::Http;

/// A control code without a value, as on its card.
fn card(verb: Verb) -> String {
    Control::new(verb).map(|control| control.to_string()).unwrap_or_default()
}

/// A control code with a value.
fn card_with(verb: Verb, value: &str) -> String {
    Control::with(verb, Some(value)).map(|control| control.to_string()).unwrap_or_default()
}

/// What a station is, as far as what happens there tells it.
#[derive(Debug, Clone, Default)]
struct Place {
    location: String,
    operation: String,
    /// Type and number of the order chosen there, which stays chosen.
    order: Option<String>,
}

enum Device {
    Handheld(Scanner),
    Fixed(Box<SocketScanner>),
}

/// How far the people of a plant are, for whoever wants to disturb them.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Scans answered so far.
    pub answered: watch::Receiver<u64>,
    /// Scans on their way now.
    pub in_flight: Arc<AtomicU64>,
}

/// What a plant's people share.
pub struct Crew {
    code: String,
    devices: BTreeMap<String, Device>,
    places: BTreeMap<String, Place>,
    journal: Journal,
    known: BTreeSet<String>,
    /// Unit of every label handled, as the stations know it.
    units: BTreeMap<String, String>,
    truth: Truth,
    rng: ChaCha8Rng,
    pace: Duration,
    /// Who works now.
    worker: Person,
    signed_in: BTreeMap<String, Person>,
    answered: watch::Sender<u64>,
    in_flight: Arc<AtomicU64>,
}

impl Crew {
    /// The people of one plant. `pace` is how long they take between scans.
    ///
    /// # Errors
    /// When a station has no scanner.
    pub fn new(plant: &Site, truth: Truth, _office: Http, seed: u64, pace: Duration) -> anyhow::Result<Self> {
        let code = plant.code();
        let mut devices = BTreeMap::new();
        let mut places = BTreeMap::new();
        for station in &plant.setup.plant.stations {
            let place = Place {
                location: station.location.clone(),
                operation: station.operation.clone().unwrap_or_default(),
                order: None,
            };
            places.insert(station.code.clone(), place);
            let device = if station.inputs.mqtt.is_some() {
                Device::Handheld(plant.scanner(&station.code)?)
            } else if station.inputs.tcp.is_some() {
                Device::Fixed(Box::new(plant.socket(&station.code)?))
            } else {
                continue;
            };
            devices.insert(station.code.clone(), device);
        }
        Ok(Self {
            worker: Person::first(&code),
            code,
            devices,
            places,
            journal: plant.journal(),
            known: BTreeSet::new(),
            units: BTreeMap::new(),
            truth,
            rng: ChaCha8Rng::seed_from_u64(seed),
            pace,
            signed_in: BTreeMap::new(),
            answered: watch::Sender::new(0),
            in_flight: Arc::default(),
        })
    }

    /// How far they are.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { answered: self.answered.subscribe(), in_flight: self.in_flight.clone() }
    }

    /// One reading and its answer, whatever it says, with the reading's id.
    async fn read(&mut self, station: &str, code: &str) -> anyhow::Result<(Answer, String)> {
        if !self.pace.is_zero() {
            let jitter = self.rng.random_range(0.5..1.5);
            tokio::time::sleep(self.pace.mul_f64(jitter)).await;
        }
        let device = self.devices.get_mut(station).with_context(|| format!("no scanner at {station}"))?;
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let answer = match device {
            Device::Handheld(scanner) => scanner.scan(code).await,
            Device::Fixed(scanner) => scanner.scan(code).await,
        };
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        let answer = answer?;
        self.answered.send_modify(|count| *count += 1);
        tracing::debug!(
            plant = self.code,
            station,
            code,
            colour = answer.colour,
            reply = answer.code,
            "scan"
        );
        let id = answer.input_id.clone();
        Ok((answer, id))
    }

    /// A reading; who must sign in first, again, does so and reads again: the
    /// shift is over, or nobody was there for long.
    async fn scan(&mut self, station: &str, code: &str) -> anyhow::Result<Answer> {
        let (answer, _) = self.read(station, code).await?;
        if answer.code != Code::LOGIN_NEEDED.as_str() {
            return Ok(answer);
        }
        if code.parse::<uid::Uid>().is_ok() {
            self.signed_in.remove(station);
            self.refusal(station, Code::LOGIN_NEEDED.as_str(), &[code]);
        }
        self.badge(station).await?;
        let (answer, _) = self.read(station, code).await?;
        Ok(answer)
    }

    /// Scans what must be taken.
    async fn take(&mut self, station: &str, code: &str) -> anyhow::Result<Answer> {
        let answer = self.scan(station, code).await?;
        if !answer.taken() {
            bail!("{} {station}: {code} was refused: {} ({})", self.code, answer.code, answer.what);
        }
        Ok(answer)
    }

    /// Drops what was begun at the stations, whatever they answer; says whether any did.
    pub async fn clear_stations(&mut self) -> bool {
        let stations: Vec<String> = self.devices.keys().cloned().collect();
        let mut any = false;
        for station in stations {
            any |= self.try_at(&station, &card(Verb::Cancel)).await.is_ok();
        }
        any
    }

    /// Scans what must be refused for this reason, and is.
    async fn must_refuse(
        &mut self,
        station: &str,
        code: &str,
        reason: &str,
        about: &[&str],
    ) -> anyhow::Result<()> {
        let answer = self.scan(station, code).await?;
        if answer.taken() || answer.code != reason {
            bail!(
                "{} {station}: {code} should have been refused by {reason}, but: {}",
                self.code,
                answer.code
            );
        }
        self.truth.refused();
        self.refusal(station, reason, about);
        Ok(())
    }

    /// Writes down that an act was refused.
    fn refusal(&self, station: &str, reason: &str, about: &[&str]) {
        let place = self.place(station);
        let mut act = self.act(station, "REFUSED");
        act.references.extend(place.order);
        act.operation = place.operation;
        reason.clone_into(&mut act.reason);
        act.parts = about.iter().map(|uid| self.part("SUBJECT", uid)).collect();
        self.truth.happened(act);
    }

    /// Now and then the trigger is pulled twice.
    async fn take_maybe_twice(&mut self, station: &str, code: &str) -> anyhow::Result<Answer> {
        let answer = self.take(station, code).await?;
        if self.rng.random_ratio(1, 8) {
            self.again(station, code).await?;
        }
        Ok(answer)
    }

    /// Pulls the trigger once more: amber, and nothing is added.
    async fn again(&mut self, station: &str, code: &str) -> anyhow::Result<()> {
        let again = self.scan(station, code).await?;
        if again.colour != "amber" {
            bail!("{} {station}: the second scan of {code} was {} {}", self.code, again.colour, again.code);
        }
        self.truth.repeated();
        Ok(())
    }

    fn place(&self, station: &str) -> Place {
        self.places.get(station).cloned().unwrap_or_default()
    }

    /// Chooses an order, which stays chosen at the station.
    async fn order(&mut self, station: &str, kind: &str, number: &str) -> anyhow::Result<String> {
        self.take(station, number).await?;
        let order = format!("{kind} {number}");
        if let Some(place) = self.places.get_mut(station) {
            place.order = Some(order.clone());
        }
        Ok(order)
    }

    /// An act at a station by who is signed in there.
    fn act(&self, station: &str, stage: &str) -> Act {
        Act {
            plant: self.code.clone(),
            station: station.to_owned(),
            stage: stage.to_owned(),
            operator: self
                .signed_in
                .get(station)
                .map(|person| person.operator.to_owned())
                .unwrap_or_default(),
            location: self.place(station).location,
            ..Act::default()
        }
    }

    /// A label that this plant knows, in a role.
    fn part(&self, role: &str, uid: &str) -> Part {
        Part::new(role, uid, self.units.get(uid).map(String::as_str).unwrap_or_default())
    }

    /// Scans a UID at a station and says what the station answered.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn try_at(&mut self, station: &str, uid: &str) -> anyhow::Result<Answer> {
        self.sign_in(station).await?;
        self.scan(station, uid).await
    }
}

/// A UID with one digit read wrong.
fn misread(uid: &str) -> String {
    let mut bytes = uid.as_bytes().to_vec();
    // The last digit of the sequence stands before the dash and the checksum.
    if let Some(at) = bytes.len().checked_sub(4) {
        // Never a sequence of 0, which is wrong in another way.
        bytes[at] = if bytes[at] == b'9' { b'8' } else { bytes[at] + 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misread_uid_is_never_valid() {
        for text in ["UID-SAIF-KOL-RM-000001-A7", "UID-SAIF-KOL-RM-000009-9F", "UID-SAIF-KOL-RM-999999-A3"] {
            let problem = misread(text).parse::<uid::Uid>().unwrap_err();
            assert!(matches!(problem, uid::UidError::Checksum(_)), "{problem}");
        }
    }
}
