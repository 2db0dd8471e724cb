//! Who works where: badge and PIN, the end of a shift, the next person.

use anyhow::bail;
use edge_agent::station::codes::Code;
use edge_agent::station::control::Verb;

use super::{Crew, card, card_with};

/// Somebody of the demo's reference data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// Opaque id.
    pub operator: &'static str,
    /// What the badge says.
    pub badge: &'static str,
    /// The PIN.
    pub pin: &'static str,
}

const ANANYA: Person = Person { operator: "P-1001", badge: "BADGE-1001", pin: "4711" };
const RAVI: Person = Person { operator: "P-1002", badge: "BADGE-1002", pin: "2580" };
const MEERA: Person = Person { operator: "P-1003", badge: "BADGE-1003", pin: "9021" };
const LAKSHMI: Person = Person { operator: "P-2001", badge: "BADGE-2001", pin: "3344" };
const SURESH: Person = Person { operator: "P-2002", badge: "BADGE-2002", pin: "8765" };

impl Person {
    /// Who begins at a plant.
    #[must_use]
    pub fn first(plant: &str) -> Self {
        if plant == "KOL" { ANANYA } else { LAKSHMI }
    }

    /// Who comes when this one goes home.
    #[must_use]
    pub fn next(self) -> Self {
        match self.operator {
            "P-1001" => RAVI,
            "P-1002" => ANANYA,
            "P-2001" => SURESH,
            _ => LAKSHMI,
        }
    }

    /// Kolkata's supervisor.
    #[must_use]
    pub fn supervisor() -> Self {
        MEERA
    }
}

impl Crew {
    /// Whoever works now signs in, if nobody has at this station.
    pub(super) async fn sign_in(&mut self, station: &str) -> anyhow::Result<()> {
        if self.signed_in.contains_key(station) { Ok(()) } else { self.badge(station).await }
    }

    /// Badge, and PIN where the station asks for it.
    pub(super) async fn badge(&mut self, station: &str) -> anyhow::Result<()> {
        let person = self.worker;
        let (answer, _) = self.read(station, person.badge).await?;
        if !answer.taken() {
            bail!("{} {station}: {} was refused: {}", self.code, person.badge, answer.code);
        }
        if answer.code == Code::LOGIN_PIN.as_str() {
            self.enter_pin(station, person).await?;
        }
        self.signed_in.insert(station.to_owned(), person);
        Ok(())
    }

    async fn enter_pin(&mut self, station: &str, person: Person) -> anyhow::Result<()> {
        let digits = person.pin.chars().map(|digit| card_with(Verb::Digit, &digit.to_string()));
        for code in digits.chain([card(Verb::Enter)]) {
            let (answer, _) = self.read(station, &code).await?;
            if !answer.taken() {
                bail!("{} {station}: the PIN of {} was refused: {}", self.code, person.badge, answer.code);
            }
        }
        Ok(())
    }

    /// The shift ends in the middle of something: whoever works goes home, and
    /// the next one takes over what is open at the station, by badge.
    pub(super) async fn hand_over(&mut self, station: &str) -> anyhow::Result<()> {
        self.take(station, &card(Verb::Logout)).await?;
        self.signed_in.clear();
        self.worker = self.worker.next();
        self.badge(station).await
    }

    /// A supervisor lets the scan that was just refused be done all the same.
    pub(super) async fn overrule(&mut self, station: &str) -> anyhow::Result<Person> {
        let person = Person::supervisor();
        self.take(station, person.badge).await?;
        self.enter_pin(station, person).await?;
        Ok(person)
    }
}
