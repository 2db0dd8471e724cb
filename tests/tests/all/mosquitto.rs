//! The plant's scanners through a broker of the plant's own.

use std::process::Stdio;
use std::time::Duration;

use edge_agent::config::BrokerKind;
use simulators::demo::plant::PlantSetup;
use simulators::plant::people::{Crew, kolkata};
use simulators::plant::truth::Truth;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::support::{Small, installed, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plant_works_through_mosquitto() {
    let paths = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];
    let Some(program) = installed("mosquitto", &paths) else { return };
    let external = |text: &str| text.replace("listen = \"127.0.0.1:18831\"", "address = \"127.0.0.1:18831\"");
    let start = async |setup: &PlantSetup| Mosquitto::start(&program, port_in(setup)).await;
    let (mut world, _broker) = Small::start_with(external, start).await;

    let site = world.plant.site.clone();
    let truth = Truth::default();
    let mut crew = Crew::new(&site, truth.clone(), world.office.clone(), 5, Duration::ZERO).unwrap();
    let (sent, _coming) = tokio::sync::mpsc::unbounded_channel();
    kolkata(&mut crew, &site, 1, &sent).await.unwrap();
    world.plant.wait_drained().await.unwrap();
    until("every trace is as it happened", async || truth.compare(&world.office).await.unwrap().is_empty())
        .await;
    assert!(truth.counts().uids >= 4, "{:?}", truth.counts());
    world.stop().await;
}

fn port_in(setup: &PlantSetup) -> u16 {
    match setup.plant.broker.as_ref().map(|broker| &broker.kind) {
        Some(BrokerKind::External { address, .. }) => address.port,
        other => panic!("the plant should use the broker of its own, not {other:?}"),
    }
}

/// A running Mosquitto; gone when dropped.
struct Mosquitto {
    _process: Child,
    _folder: TempDir,
}

impl Mosquitto {
    async fn start(program: &std::path::Path, port: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mosquitto.conf");
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\nlog_dest none\n"
        );
        std::fs::write(&file, config).unwrap();
        let mut process = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        until("mosquitto listens", async || {
            assert!(process.try_wait().unwrap().is_none(), "mosquitto ended");
            TcpStream::connect(("127.0.0.1", port)).await.is_ok()
        })
        .await;
        Self { _process: process, _folder: folder }
    }
}
