//! The people of two plants: they receive, store, issue, assemble, test, pack,
//! send and dispatch; scan twice, scan the wrong part, misread a code, change
//! their mind. What they did they write down in the [`Truth`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::{Context, bail};
use edge_agent::config::Machine;
use edge_agent::station::codes::Code;
use edge_agent::station::control::{Control, Verb};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::machine::{Memory, Plc, wander};
use super::printer::uid_on;
use super::scanner::{Answer, Scanner};
use super::truth::Truth;
use crate::demo::plant::Site;
use crate::http::Http;

/// How long people wait for labels before they ask the office which UIDs it were.
const LABELS_WITHIN: Duration = Duration::from_secs(10);

/// A control code without a value, as on its card.
fn card(verb: Verb) -> String {
    Control::new(verb).map(|control| control.to_string()).unwrap_or_default()
}

/// A control code with a value.
fn card_with(verb: Verb, value: &str) -> String {
    Control::with(verb, Some(value)).map(|control| control.to_string()).unwrap_or_default()
}

/// Runs a believable process on a PLC's registers. The cycle counter moves only
/// when a person finishes a cycle ([`Crew`]).
pub fn run_process(plc: &Plc, machine: &Machine, seed: u64) {
    let oven = machine.registers.iter().any(|register| register.name == "oven_temperature");
    let (target, excursion) = if oven { (180.0, 25.0) } else { (12.0, 1.5) };
    let target = if machine.code == "PLC1" && machine.registers.len() == 2 { 5.0 } else { target };
    let mut value: f32 = target;
    let step = move |memory: &mut Memory, rng: &mut ChaCha8Rng| {
        value = wander(rng, value, target, target * 0.01, 200, excursion);
        memory.set_f32(0, value);
        if !oven && target > 6.0 {
            memory.words[2] = (253 + rng.random_range(0..8_u16)).min(400);
        }
    };
    plc.run_process(seed, Duration::from_millis(100), step);
}

/// What a plant's people share.
pub struct Crew {
    code: String,
    scanners: BTreeMap<String, Scanner>,
    known: BTreeSet<String>,
    truth: Truth,
    office: Http,
    rng: ChaCha8Rng,
    pace: Duration,
    /// Badge and PIN of whoever works here, and of the supervisor.
    badge: &'static str,
    pin: &'static str,
    signed_in: BTreeSet<String>,
}

impl Crew {
    /// The people of one plant. `pace` is how long they take between scans.
    ///
    /// # Errors
    /// When a station has no scanner.
    pub fn new(plant: &Site, truth: Truth, office: Http, seed: u64, pace: Duration) -> anyhow::Result<Self> {
        let code = plant.code();
        let stations: Vec<String> = plant
            .setup
            .plant
            .stations
            .iter()
            .filter(|station| station.inputs.mqtt.is_some())
            .map(|station| station.code.clone())
            .collect();
        let mut scanners = BTreeMap::new();
        for station in stations {
            let scanner = plant.scanner(&station)?;
            scanners.insert(station, scanner);
        }
        let (badge, pin) = if code == "KOL" { ("BADGE-1001", "4711") } else { ("BADGE-2001", "3344") };
        Ok(Self {
            code,
            scanners,
            known: BTreeSet::new(),
            truth,
            office,
            rng: ChaCha8Rng::seed_from_u64(seed),
            pace,
            badge,
            pin,
            signed_in: BTreeSet::new(),
        })
    }

    async fn scan(&mut self, station: &str, code: &str) -> anyhow::Result<Answer> {
        if !self.pace.is_zero() {
            let jitter = self.rng.random_range(0.5..1.5);
            tokio::time::sleep(self.pace.mul_f64(jitter)).await;
        }
        let scanner = self.scanners.get_mut(station).with_context(|| format!("no scanner at {station}"))?;
        let answer = scanner.scan(code).await?;
        tracing::debug!(
            plant = self.code,
            station,
            code,
            colour = answer.colour,
            reply = answer.code,
            "scan"
        );
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

    /// Scans what must be refused, and is.
    async fn must_refuse(&mut self, station: &str, code: &str) -> anyhow::Result<Answer> {
        let answer = self.scan(station, code).await?;
        if answer.taken() {
            bail!("{} {station}: {code} should have been refused, but: {}", self.code, answer.code);
        }
        self.truth.refused();
        Ok(answer)
    }

    /// Now and then the trigger is pulled twice.
    async fn take_maybe_twice(&mut self, station: &str, code: &str) -> anyhow::Result<Answer> {
        let answer = self.take(station, code).await?;
        if self.rng.random_ratio(1, 8) {
            let again = self.scan(station, code).await?;
            if again.colour != "amber" {
                bail!(
                    "{} {station}: the second scan of {code} was {} {}",
                    self.code,
                    again.colour,
                    again.code
                );
            }
            self.truth.repeated();
        }
        Ok(answer)
    }

    /// Badge, and PIN where the station asks for it.
    async fn sign_in(&mut self, station: &str) -> anyhow::Result<()> {
        if self.signed_in.contains(station) {
            return Ok(());
        }
        let answer = self.take(station, self.badge).await?;
        if answer.code == Code::LOGIN_PIN.as_str() {
            self.enter_pin(station).await?;
        }
        self.signed_in.insert(station.to_owned());
        Ok(())
    }

    async fn enter_pin(&mut self, station: &str) -> anyhow::Result<()> {
        for digit in self.pin.chars() {
            self.take(station, &card_with(Verb::Digit, &digit.to_string())).await?;
        }
        self.take(station, &card(Verb::Enter)).await?;
        Ok(())
    }

    /// Takes `count` fresh labels off the printer; if they do not come out, asks
    /// the office which UIDs the document made.
    async fn labels(
        &mut self,
        plant: &Site,
        count: usize,
        document: Option<&str>,
    ) -> anyhow::Result<Vec<String>> {
        let printer = plant.printers.values().next().context("the plant has no printer")?;
        let deadline = tokio::time::Instant::now() + LABELS_WITHIN;
        let mut printed = printer.count();
        loop {
            let all = printer.wait_for(0).await?;
            let fresh: BTreeSet<String> = all
                .iter()
                .filter_map(|label| uid_on(label))
                .filter(|uid| !self.known.contains(uid))
                .collect();
            if fresh.len() >= count {
                let fresh: Vec<String> = fresh.into_iter().collect();
                self.known.extend(fresh.iter().cloned());
                return Ok(fresh);
            }
            if tokio::time::timeout_at(deadline, printer.wait_for(printed + 1)).await.is_err() {
                break;
            }
            printed = printer.count();
        }
        let document = document.context("labels did not come out, and no document names them")?;
        tracing::warn!(document, "labels did not come out; asking the office");
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let found = self.office.get(&format!("/api/v1/search?q={document}")).await;
            let uids: BTreeSet<String> = found
                .iter()
                .flat_map(|found| found["hits"].as_array().into_iter().flatten())
                .filter_map(|hit| hit["uid"].as_str().map(str::to_owned))
                .filter(|uid| !self.known.contains(uid))
                .collect();
            if uids.len() >= count {
                self.known.extend(uids.iter().cloned());
                return Ok(uids.into_iter().collect());
            }
            if tokio::time::Instant::now() > deadline {
                bail!("the office knows {} of the {count} UIDs of {document}: {found:?}", uids.len());
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// Receives `count` pieces of a unit-tracked item on an order.
    ///
    /// # Errors
    /// When a station answers other than it should.
    pub async fn receive(
        &mut self,
        plant: &Site,
        order: &str,
        item: &str,
        count: u32,
    ) -> anyhow::Result<Vec<String>> {
        let dock = "DOCK1";
        self.sign_in(dock).await?;
        self.take(dock, order).await?;
        self.take(dock, item).await?;
        let lot = format!("HEAT-{:05}", self.rng.random_range(0..100_000));
        self.take(dock, &lot).await?;
        if self.rng.random_ratio(1, 4) {
            // Somebody miscounted, and drops it before it is done.
            self.take(dock, &card_with(Verb::Qty, &(count + 1).to_string())).await?;
            self.take(dock, &card(Verb::Undo)).await?;
        }
        self.take(dock, &card_with(Verb::Qty, &count.to_string())).await?;
        let done = self.take(dock, &card(Verb::Done)).await?;
        let number = done
            .arg("number")
            .map(str::to_owned)
            .with_context(|| format!("no receipt number in {done:?}"))?;
        let uids = self.labels(plant, count as usize, Some(&number)).await?;
        for uid in &uids {
            self.truth.happened(uid, "PROCUREMENT", Some(order));
            self.truth.happened(uid, "GRN", Some(&number));
        }
        Ok(uids)
    }

    /// Puts pieces away.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn store(&mut self, place: &str, uids: &[String]) -> anyhow::Result<()> {
        let station = "STORE1";
        self.sign_in(station).await?;
        self.take(station, place).await?;
        for uid in uids {
            if self.rng.random_ratio(1, 12) {
                self.must_refuse(station, &misread(uid)).await?;
            }
            self.take_maybe_twice(station, uid).await?;
            self.truth.happened(uid, "STORAGE", None);
        }
        Ok(())
    }

    /// Issues pieces to a work order.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn issue(&mut self, order: &str, uids: &[String]) -> anyhow::Result<()> {
        let station = "ISSUE1";
        self.sign_in(station).await?;
        self.take(station, order).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
            self.truth.happened(uid, "ISSUE_TO_PRODUCTION", Some(order));
        }
        Ok(())
    }

    /// Builds one unit of `children` on an order; a part built in before is tried
    /// first now and then, and refused.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn assemble(
        &mut self,
        plant: &Site,
        order: &str,
        children: &[String],
        built_before: Option<&str>,
        inspect: bool,
    ) -> anyhow::Result<String> {
        let station = "ASM1";
        self.sign_in(station).await?;
        self.take(station, order).await?;
        self.take(station, &card(Verb::NoLabel)).await?;
        if let Some(part) = built_before.filter(|_| self.rng.random_ratio(1, 3)) {
            self.must_refuse(station, part).await?;
        }
        for child in children {
            self.take_maybe_twice(station, child).await?;
        }
        let done = self.take(station, &card(Verb::Done)).await?;
        let uid = match done.arg("uid").filter(|uid| uid.parse::<uid::Uid>().is_ok()) {
            Some(uid) => {
                self.known.insert(uid.to_owned());
                uid.to_owned()
            }
            None => self.labels(plant, 1, None).await?.remove(0),
        };
        self.truth.happened(&uid, "COMMISSION", None);
        self.truth.happened(&uid, "ASSEMBLY", None);
        if inspect {
            self.truth.happened(&uid, "INSPECTION", None);
        }
        for child in children {
            self.truth.happened(child, "ASSEMBLY", None);
            self.truth.went_into(child, &uid);
        }
        self.cycle(plant, &uid).await?;
        Ok(uid)
    }

    /// Fastens a unit at the machine, whose cycle counter then moves: its
    /// readings belong to the unit. An agent that is down misses them, and says
    /// nothing that is not so.
    async fn cycle(&mut self, plant: &Site, uid: &str) -> anyhow::Result<()> {
        let station = "ASM1";
        self.take(station, uid).await?;
        let machine = plant.machines.get("PLC1").context("the line has no machine")?;
        machine.with(|memory| memory.words[3] = memory.words[3].wrapping_add(1));
        self.truth.may_have_happened(uid, "OPERATION");
        // Longer than the machine is polled: a person takes longer to put a tool away.
        tokio::time::sleep(Duration::from_millis(700)).await;
        self.take(station, &card(Verb::Cancel)).await?;
        Ok(())
    }

    /// Measures a unit and passes it.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn inspect(&mut self, uid: &str, measures: &[&str]) -> anyhow::Result<()> {
        let station = "QC1";
        self.sign_in(station).await?;
        self.take(station, uid).await?;
        for measure in measures {
            self.take(station, &card_with(Verb::Qty, measure)).await?;
        }
        self.take(station, &card(Verb::Pass)).await?;
        self.truth.happened(uid, "INSPECTION", None);
        Ok(())
    }

    /// Sends units to the other plant.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn send(&mut self, order: &str, uids: &[String]) -> anyhow::Result<()> {
        self.ship("XFER1", order, uids, "TRANSFER").await.map(drop)
    }

    async fn ship(
        &mut self,
        station: &str,
        order: &str,
        uids: &[String],
        stage: &str,
    ) -> anyhow::Result<String> {
        self.sign_in(station).await?;
        self.take(station, order).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
        }
        let done = self.take(station, &card(Verb::Done)).await?;
        let number = done.arg("number").unwrap_or_default().to_owned();
        for uid in uids {
            self.truth.happened(uid, stage, None);
        }
        Ok(number)
    }

    /// Takes in what the other plant sent.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn arrive(&mut self, uids: &[String]) -> anyhow::Result<()> {
        let station = "XIN1";
        self.sign_in(station).await?;
        for uid in uids {
            self.take_maybe_twice(station, uid).await?;
        }
        self.take(station, &card(Verb::Done)).await?;
        for uid in uids {
            self.truth.happened(uid, "TRANSFER", None);
        }
        Ok(())
    }

    /// Packs units into a new package; one is put in and taken out again before
    /// it is done, now and then.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn pack(&mut self, plant: &Site, uids: &[String]) -> anyhow::Result<String> {
        let station = "PACK1";
        self.sign_in(station).await?;
        self.take(station, &card(Verb::NoLabel)).await?;
        for uid in uids {
            self.take(station, uid).await?;
        }
        if self.rng.random_ratio(1, 3) {
            self.take(station, &card(Verb::Undo)).await?;
            let last = uids.last().context("nothing to pack")?;
            self.take(station, last).await?;
        }
        let done = self.take(station, &card(Verb::Done)).await?;
        let package = match done.arg("uid").filter(|uid| uid.parse::<uid::Uid>().is_ok()) {
            Some(uid) => {
                self.known.insert(uid.to_owned());
                uid.to_owned()
            }
            None => self.labels(plant, 1, None).await?.remove(0),
        };
        self.truth.happened(&package, "COMMISSION", None);
        self.truth.happened(&package, "PACKING", None);
        for uid in uids {
            self.truth.happened(uid, "PACKING", None);
            self.truth.went_into(uid, &package);
        }
        Ok(package)
    }

    /// Dispatches packages to a customer; their contents go along.
    ///
    /// # Errors
    /// As [`Crew::receive`].
    pub async fn dispatch(&mut self, order: &str, packages: &[(String, Vec<String>)]) -> anyhow::Result<()> {
        let outer: Vec<String> = packages.iter().map(|(package, _)| package.clone()).collect();
        self.ship("SHIP1", order, &outer, "DISPATCH").await?;
        for uid in packages.iter().flat_map(|(_, contents)| contents) {
            self.truth.happened(uid, "DISPATCH", None);
        }
        Ok(())
    }

    /// Scans a UID at a station and says whether it was refused, and by which code.
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
        bytes[at] = if bytes[at] == b'9' { b'0' } else { bytes[at] + 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the first plant has sent and the second not yet taken in.
pub type OnTheWay = tokio::sync::mpsc::UnboundedSender<Vec<String>>;

/// The first plant: gears and housings become gearboxes, which are sent on.
///
/// # Errors
/// When a station answers other than it should.
pub async fn kolkata(crew: &mut Crew, plant: &Site, boxes: u32, sent: &OnTheWay) -> anyhow::Result<()> {
    let mut gears: VecDeque<String> = crew.receive(plant, "PO-2025-001", "RM-GEAR", boxes * 2).await?.into();
    let mut housings: VecDeque<String> =
        crew.receive(plant, "PO-2025-001", "RM-HOUSING", boxes).await?.into();
    let all: Vec<String> = gears.iter().chain(&housings).cloned().collect();
    crew.store("Warehouse-A-Rack-12", &all).await?;
    crew.issue("PO-2025-010", &all).await?;
    let mut built: Vec<String> = Vec::new();
    let mut last_part = None;
    for _ in 0..boxes {
        let parts: Vec<String> =
            [gears.pop_front(), gears.pop_front(), housings.pop_front()].into_iter().flatten().collect();
        let unit = crew.assemble(plant, "PO-2025-010", &parts, last_part.as_deref(), false).await?;
        last_part = parts.first().cloned();
        crew.inspect(&unit, &["0.05", "61.5"]).await?;
        built.push(unit);
    }
    crew.send("ST-2025-001", &built).await?;
    sent.send(built).context("the other plant has gone home")?;
    Ok(())
}

/// The second plant: gearboxes and motors become actuators, which are packed and
/// dispatched.
///
/// # Errors
/// When a station answers other than it should.
pub async fn visakhapatnam(crew: &mut Crew, plant: &Site, boxes: Vec<String>) -> anyhow::Result<()> {
    crew.arrive(&boxes).await?;
    let count = u32::try_from(boxes.len()).context("too many")?;
    let mut motors: VecDeque<String> = crew.receive(plant, "PO-2025-003", "RM-MOTOR", count).await?.into();
    let stock: Vec<String> = motors.iter().cloned().collect();
    crew.store("Store-1", &stock).await?;
    let mut built = Vec::new();
    for gearbox in boxes {
        let parts: Vec<String> = [Some(gearbox), motors.pop_front()].into_iter().flatten().collect();
        let unit = crew.assemble(plant, "PO-2025-020", &parts, None, true).await?;
        crew.inspect(&unit, &["100.0", "2.9"]).await?;
        built.push(unit);
    }
    let mut packages = Vec::new();
    for contents in built.chunks(4) {
        let package = crew.pack(plant, contents).await?;
        packages.push((package, contents.to_vec()));
    }
    crew.dispatch("SO-2025-001", &packages).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misread_uid_is_never_valid() {
        for text in ["UID-SAIF-KOL-RM-000001-A7", "UID-SAIF-KOL-RM-999999-A3"] {
            assert!(misread(text).parse::<uid::Uid>().is_err());
        }
    }
}
