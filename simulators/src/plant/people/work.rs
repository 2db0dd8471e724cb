//! A round of work at each plant.

use anyhow::Context;
use rand::Rng;

use super::Crew;
use super::building::{ACTUATOR, GEARBOX, Wrong};
use super::goods::{COILS, GEARS, HOUSINGS, MOTORS};
use crate::demo::plant::Site;

/// What the first plant has sent and the second not yet taken in.
pub type OnTheWay = tokio::sync::mpsc::UnboundedSender<Vec<String>>;

/// Backlash and noise of a good gearbox, and of one that is too loud.
const QUIET: [&str; 2] = ["0.05", "61.5"];
const LOUD: [&str; 2] = ["0.05", "70.25"];

/// The first plant: gears and housings become gearboxes, which are sent on. One
/// gear is scrapped, one held; one gearbox more goes to a customer and comes
/// back; a coil is cut.
///
/// # Errors
/// When a station answers other than it should.
pub async fn kolkata(crew: &mut Crew, plant: &Site, boxes: u32, sent: &OnTheWay) -> anyhow::Result<()> {
    let built = boxes + 1;
    let mut gears = crew.receive_at(plant, "DOCK1", GEARS, built * 2 + 3, true).await?;
    let housings = crew.receive_at(plant, "DOCK2", HOUSINGS, built, false).await?;
    let coil = crew.receive_container(plant, "DOCK1", COILS, "500").await?;
    let strips = crew.slit(plant, &coil, COILS, 2, "250").await?;
    let all: Vec<String> = gears.iter().chain(&housings).chain(&strips).cloned().collect();
    crew.store("Warehouse-A-Rack-12", &all).await?;

    // Three gears that take another way.
    let [cracked, suspect, moved] = [gears.pop(), gears.pop(), gears.pop()].map(Option::unwrap_or_default);
    crew.scrap(&cracked, "CRACK").await?;
    crew.hold(&suspect, "SUSPECT_LOT").await?;
    crew.store_wrongly("Dispatch-Bay", "Warehouse-A-Rack-11", &moved).await?;
    let order = GEARBOX.order;
    crew.issue_held(order, &suspect).await?;
    let issued: Vec<String> = gears.iter().chain(&housings).cloned().collect();
    crew.issue(order, &issued).await?;

    let mut done: Vec<String> = Vec::new();
    let mut built_in: Option<String> = None;
    for (nth, (pair, housing)) in gears.chunks(2).zip(&housings).enumerate() {
        let parts: Vec<String> = pair.iter().chain([housing]).cloned().collect();
        let wrong = Wrong {
            built_in: built_in.as_deref().filter(|_| crew.rng.random_ratio(1, 2)),
            item: strips.first().map(String::as_str).filter(|_| nth == 0),
        };
        done.push(crew.assemble(plant, GEARBOX, &parts, wrong, nth == 0).await?);
        built_in = parts.into_iter().next();
    }
    crew.cure(plant, &done).await?;
    for (nth, unit) in done.iter().enumerate() {
        if nth == 0 {
            crew.rework(plant, unit, &LOUD, &QUIET).await?;
        } else {
            crew.inspect(plant, unit, &QUIET, true, 1).await?;
        }
    }
    let sold = done.pop().context("one gearbox more was built")?;
    crew.dispatch("SO-2025-003", &[(sold.clone(), Vec::new())]).await?;
    crew.take_back(&sold, "DEFECTIVE").await?;
    crew.send("ST-2025-001", &done, "VSK").await?;
    sent.send(done).context("the other plant has gone home")?;
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
    let motors = crew.receive_at(plant, "DOCK1", MOTORS, count, true).await?;
    crew.store("Store-1", &motors).await?;
    let mut built = Vec::new();
    for (nth, (gearbox, motor)) in boxes.into_iter().zip(motors).enumerate() {
        let parts = [gearbox, motor];
        let unit = crew.assemble(plant, ACTUATOR, &parts, Wrong::default(), nth == 0).await?;
        crew.inspect(plant, &unit, &["100.0", "2.9"], true, 1).await?;
        built.push(unit);
    }
    let mut packages = Vec::new();
    for contents in built.chunks(4) {
        let package = crew.pack(plant, contents).await?;
        packages.push((package, contents.to_vec()));
    }
    crew.dispatch("SO-2025-001", &packages).await
}
