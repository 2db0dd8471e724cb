//! Cloud, network and two plants, brought up together.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;

use super::cloud::Cloud;
use super::layout::Layout;
use super::network::Network;
use super::plant::{Plant, prepare};
use crate::http::Http;
use crate::ports::free_port;

/// The tenant of the demo.
pub const TENANT: &str = "SAIF";

/// Everything that runs.
pub struct World {
    /// The cloud.
    pub cloud: Cloud,
    /// Kolkata, then Visakhapatnam.
    pub plants: Vec<Plant>,
    /// The line of each plant to the cloud, in the same order.
    pub networks: Vec<Network>,
    /// A client of the cloud's API that may read and write.
    pub office: Http,
    /// Files and programs.
    pub layout: Layout,
}

impl World {
    /// Brings it all up in `state`, which is emptied first.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(state: &Path, free_ports: bool, seed: u64) -> anyhow::Result<Self> {
        if state.exists() {
            std::fs::remove_dir_all(state).with_context(|| format!("emptying {}", state.display()))?;
        }
        let layout = Layout::new(state)?;
        let (http, grpc) = if free_ports { (free_port()?, free_port()?) } else { (17080, 17443) };
        say("starting the cloud");
        let cloud = Cloud::start(&layout, http, grpc).await?;

        let target: SocketAddr = ([127, 0, 0, 1], grpc).into();
        let (mut networks, mut setups) = (Vec::new(), Vec::new());
        for file in ["kolkata.toml", "visakhapatnam.toml"] {
            let network = Network::to(target).await?;
            let source = layout.root.join("plant-configs").join(file);
            setups.push(prepare(&layout, &source, network.port(), free_ports)?);
            networks.push(network);
        }
        say("seeding tenant, plants and masters");
        let files: Vec<_> = setups.iter().map(|setup| setup.file.clone()).collect();
        let reference = layout.root.join("plant-configs/reference/saif.toml");
        let tokens = cloud.seed(&files, &reference).await?;
        let office = cloud.client(TENANT, &["read", "write"]).await?;
        let mut plants = Vec::new();
        for (nth, setup) in setups.into_iter().enumerate() {
            say(&format!("starting plant {}", setup.plant.plant));
            plants.push(Plant::start(&layout, setup, &tokens, seed.wrapping_add(nth as u64 * 100)).await?);
        }
        Ok(Self { cloud, plants, networks, office, layout })
    }

    /// Stops plants and cloud in good order.
    ///
    /// # Errors
    /// When one does not stop by itself.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        for plant in &mut self.plants {
            plant.stop().await?;
        }
        self.cloud.stop().await
    }
}

/// Says on the terminal what is being done.
pub fn say(what: &str) {
    println!("demo: {what}");
}
