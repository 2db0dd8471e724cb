//! Two plants work, and everything in the cloud is what happened; the same with
//! the network cut, and agents and cloud killed, in the middle.

use std::path::Path;
use std::time::Duration;

use proto::v1::Stage;
use simulators::demo::layout::Layout;
use simulators::demo::process::Process;
use simulators::demo::world::World;
use simulators::demo::{audit, check};
use simulators::plant::people::{Crew, kolkata, visakhapatnam};
use simulators::plant::truth::Truth;

use crate::support::{Folder, Small, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_plants_did_is_what_the_cloud_tells() {
    let folder = Folder::new();
    let mut world = World::start(&folder.state(), true, 11).await.unwrap();
    let truth = Truth::default();
    let crew = |nth: usize| {
        let plant = &world.plants[nth];
        Crew::new(&plant.site, truth.clone(), world.office.clone(), 11 + nth as u64, Duration::ZERO).unwrap()
    };
    let (mut first, mut second) = (crew(0), crew(1));
    let (sent, mut coming) = tokio::sync::mpsc::unbounded_channel();
    kolkata(&mut first, &world.plants[0].site, 2, &sent).await.unwrap();
    let boxes = coming.recv().await.unwrap();
    visakhapatnam(&mut second, &world.plants[1].site, boxes).await.unwrap();
    for plant in &mut world.plants {
        plant.wait_drained().await.unwrap();
    }
    assert_eq!(audit::problems(&world, &truth).await.unwrap(), Vec::<String>::new());
    let counts = truth.counts();
    assert!(counts.uids >= 20 && counts.stages >= 80 && counts.links >= 15, "{counts:?}");

    // The comparison sees what is not so: one act more, and one less.
    let acts = truth.acts_of("KOL");
    let other = Truth::default();
    for act in acts.iter().skip(1).chain(&truth.acts_of("VSK")) {
        other.happened(act.clone());
    }
    assert_ne!(audit::problems(&world, &other).await.unwrap(), Vec::<String>::new());
    truth.happened(acts[0].clone());
    assert_ne!(audit::problems(&world, &truth).await.unwrap(), Vec::<String>::new());
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_in_the_middle_lose_nothing_and_double_nothing() {
    let seed = std::env::var("DEMO_SEED").map_or(1, |text| text.parse().expect("DEMO_SEED is a number"));
    let folder = Folder::new();
    check::run(&folder.state(), 1, 2, seed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_demo_that_is_killed_leaves_nothing_running() {
    let folder = Folder::new();
    let state = folder.state();
    let layout = Layout::new(&state.with_file_name("beside")).unwrap();
    let args = ["check".to_owned(), "--state".to_owned(), state.display().to_string()];
    let mut demo = Process::start("demo", &layout.program("demo"), &args, &[], &layout.log("demo")).unwrap();
    // Cloud, its database and an agent, beside the demo itself.
    until("the agents run", async || {
        demo.must_run().unwrap();
        running(&state).len() > 3
    })
    .await;
    demo.kill().await.unwrap();
    until("everything has ended", async || running(&state).is_empty()).await;
}

/// Command lines of the processes that name `state`.
fn running(state: &Path) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&state.display().to_string())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_signed_out_signs_in_and_scans_again() {
    let idle = |text: &str| text.replace("terminal = true\n", "terminal = true\nidle_logout_s = 2\n");
    let (world, ()) = Small::start_with(idle, async |_| ()).await;
    let site = world.plant.site.clone();
    let truth = Truth::default();
    let mut crew = Crew::new(&site, truth.clone(), world.office.clone(), 3, Duration::ZERO).unwrap();
    crew.try_at("STORE1", "Warehouse-A-Rack-12").await.unwrap();
    // Everybody works at the dock for longer than that.
    let begun = tokio::time::Instant::now();
    let mut gears = Vec::new();
    while begun.elapsed() < Duration::from_secs(3) {
        gears.extend(crew.receive(&site, "PO-2025-001", "RM-GEAR", 1).await.unwrap());
    }
    let answer = crew.try_at("STORE1", &gears[0]).await.unwrap();
    assert_eq!((answer.colour.as_str(), answer.code.as_str()), ("green", "stored"), "{answer:?}");
    let refused = truth.acts_of("KOL").into_iter().filter(|act| act.reason == "login.needed").count();
    assert_eq!(refused, 1, "they were signed out once");
    let events = site.journal().events().await.unwrap();
    let at_store = events.iter().map(|stored| stored.event().unwrap()).filter(|e| e.station == "STORE1");
    let told: Vec<_> = at_store.map(|event| (event.stage(), event.operator_id)).collect();
    assert_eq!(told, [(Stage::Refused, String::new()), (Stage::Storage, "P-1001".to_owned())]);
    world.stop().await;
}
