//! What two plants made before anybody complained: gearboxes of two oven loads, of which
//! one was too hot, and an actuator that one of them went into.

use std::time::Duration;

use edge_agent::station::control::Verb;
use proto::v1::Stage;
use simulators::demo::plant::Site;
use simulators::demo::world::World;
use simulators::plant::people::Crew;
use simulators::plant::truth::Truth;

use crate::support::{Person, card, made, until};

/// Who works in Kolkata, and reads Bengali.
pub const KOLKATA: &str = "BADGE-1001";
/// Who works in Visakhapatnam, and reads Telugu.
pub const VISAKHAPATNAM: &str = "BADGE-2001";

/// Units by where they are now.
pub struct Goods {
    /// Cured as it should be; in Kolkata.
    pub sound: String,
    /// From the hot load, in Kolkata.
    pub in_kolkata: String,
    /// From the hot load, in Visakhapatnam.
    pub in_visakhapatnam: String,
    /// From the hot load, with Eastern Rail Signals.
    pub sold: String,
    /// From the hot load, inside `actuator`.
    pub inside: String,
    /// With Hind Valve Works, who will complain of it.
    pub actuator: String,
}

/// Makes them, cures them and sends them out.
pub async fn make(world: &mut World) -> Goods {
    let (here, there) = (world.plants[0].site.clone(), world.plants[1].site.clone());
    let [gears, housings] = receive(world, &here, "PO-2025-001", [("RM-GEAR", 10), ("RM-HOUSING", 5)]).await;
    let mut assembler = Person::at(&here, "ASM1", KOLKATA).await;
    assembler.take("PO-2025-010").await;
    let mut boxes = Vec::new();
    for (pair, housing) in gears.chunks(2).zip(&housings) {
        let parts = [&pair[0], &pair[1], housing];
        boxes.push(assemble(&here, &mut assembler, &parts).await);
    }
    let [sound, in_kolkata, sold, inside, in_visakhapatnam] =
        <[String; 5]>::try_from(boxes).expect("five gearboxes");

    let mut oven = Person::at(&here, "OVEN1", KOLKATA).await;
    cure(&here, &mut oven, &[&sound], 184.5).await;
    cure(&here, &mut oven, &[&in_kolkata, &sold, &inside, &in_visakhapatnam], 199.5).await;

    ship(&here, KOLKATA, "SHIP1", "SO-2025-003", &[&sold]).await;
    ship(&here, KOLKATA, "XFER1", "ST-2025-001", &[&inside, &in_visakhapatnam]).await;
    world.plants[0].wait_drained().await.unwrap();

    let mut arrivals = Person::at(&there, "XIN1", VISAKHAPATNAM).await;
    arrivals.take(&inside).await;
    arrivals.take(&in_visakhapatnam).await;
    arrivals.take(&card(Verb::Done, None)).await;
    let [motors] = receive(world, &there, "PO-2025-003", [("RM-MOTOR", 1)]).await;
    let mut builder = Person::at(&there, "ASM1", VISAKHAPATNAM).await;
    builder.take("PO-2025-020").await;
    let actuator = assemble(&there, &mut builder, &[&inside, &motors[0]]).await;
    let mut tester = Person::at(&there, "QC1", VISAKHAPATNAM).await;
    tester.take(&actuator).await;
    for measured in ["100.0", "2.9"] {
        tester.take(&card(Verb::Qty, Some(measured))).await;
    }
    tester.take(&card(Verb::Pass, None)).await;
    ship(&there, VISAKHAPATNAM, "SHIP1", "SO-2025-001", &[&actuator]).await;
    world.plants[1].wait_drained().await.unwrap();
    Goods { sound, in_kolkata, in_visakhapatnam, sold, inside, actuator }
}

/// Receives pieces on an order; of each item so many.
async fn receive<const N: usize>(
    world: &World,
    site: &Site,
    order: &str,
    items: [(&str, u32); N],
) -> [Vec<String>; N] {
    let mut crew = Crew::new(site, Truth::default(), world.office.clone(), 5, Duration::ZERO).unwrap();
    let mut received = [const { Vec::new() }; N];
    for (to, (item, count)) in received.iter_mut().zip(items) {
        *to = crew.receive(site, order, item, count).await.unwrap();
    }
    received
}

async fn assemble(site: &Site, person: &mut Person, parts: &[&String]) -> String {
    person.take(&card(Verb::NoLabel, None)).await;
    for part in parts {
        person.take(part).await;
    }
    person.take(&card(Verb::Done, None)).await;
    made(site, Stage::Assembly).await
}

/// A load of the oven, at that many degrees.
async fn cure(site: &Site, person: &mut Person, units: &[&String], celsius: f32) {
    for unit in units {
        person.take(unit).await;
    }
    let before = site.journal().last().await.unwrap();
    person.take(&card(Verb::Done, None)).await;
    site.machines["PLC2"].with(|memory| memory.set_f32(0, celsius));
    until("the oven's temperature is recorded", async || {
        let events = site.journal().events_from(before).await.unwrap();
        events.iter().any(|stored| stored.event().unwrap().machine == "PLC2")
    })
    .await;
    person.take(&card(Verb::Pass, None)).await;
}

/// Sends units out on an order.
async fn ship(site: &Site, badge: &str, station: &str, order: &str, units: &[&String]) {
    let mut person = Person::at(site, station, badge).await;
    person.take(order).await;
    for unit in units {
        person.take(unit).await;
    }
    person.take(&card(Verb::Done, None)).await;
}
