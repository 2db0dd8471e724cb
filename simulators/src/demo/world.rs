//! Cloud, network and two plants, brought up together.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;

use super::cloud::Cloud;
use super::layout::Layout;
use super::network::Network;
use super::plant::{Plant, prepare};
use crate::http::Http;
use crate::ports::{free_port, is_free};

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
    /// The state folder, held as long as this runs.
    _held: File,
}

impl World {
    /// Brings it all up in `state`, which is emptied first.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn start(state: &Path, free_ports: bool, seed: u64) -> anyhow::Result<Self> {
        Self::with(state, free_ports, seed, &[]).await
    }

    /// As [`World::start`], with these settings of the cloud besides, by their variables.
    ///
    /// # Errors
    /// When a part does not start.
    pub async fn with(
        state: &Path,
        free_ports: bool,
        seed: u64,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let (http, grpc) = if free_ports { (free_port()?, free_port()?) } else { (17080, 17443) };
        for port in [http, grpc] {
            if !is_free(port) {
                anyhow::bail!(
                    "port {port} of this machine is taken, by another demo perhaps: end what listens there \
                     (`ss -ltnp` shows it), and start again"
                );
            }
        }
        let held = hold(state)?;
        empty(state)?;
        let layout = Layout::new(state)?;
        let settings = settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        say("starting the cloud");
        let cloud = Cloud::start_with(&layout, http, grpc, settings).await?;

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
        let mut reference = layout.root.join("plant-configs/reference/saif.toml");
        if !free_ports {
            reference = endless(&layout, &reference)?;
        }
        let tokens = cloud.seed(&files, &reference).await?;
        let office = cloud.client(TENANT, &["read", "write"]).await?;
        let mut plants = Vec::new();
        for (nth, setup) in setups.into_iter().enumerate() {
            say(&format!("starting plant {}", setup.plant.plant));
            plants.push(Plant::start(&layout, setup, &tokens, seed.wrapping_add(nth as u64 * 100)).await?);
        }
        Ok(Self { cloud, plants, networks, office, layout, _held: held })
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

/// Makes the state folder and holds it, so that no other demo empties it while this one
/// runs. The kernel lets go of it when this process ends, however it does.
fn hold(state: &Path) -> anyhow::Result<File> {
    fs::create_dir_all(state).with_context(|| format!("making {}", state.display()))?;
    let folder = File::open(state).with_context(|| format!("opening {}", state.display()))?;
    match folder.try_lock() {
        Err(TryLockError::WouldBlock) => {
            anyhow::bail!(
                "another demo runs in {}: end it, or name another folder with `--state`",
                state.display()
            )
        }
        // A file system that knows no locks is no reason not to start.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
    }
}

/// Empties the state folder of an earlier demo. Its database may lie elsewhere,
/// where a note in the folder says.
fn empty(state: &Path) -> anyhow::Result<()> {
    if let Ok(noted) = fs::read_to_string(state.join("cloud/postgres/place")) {
        let place = Path::new(noted.trim());
        // Only what the cloud made by itself: the note is just a file.
        let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if place.is_absolute() && name.starts_with("postgres-") && place.join("data").is_dir() {
            fs::remove_dir_all(place).with_context(|| format!("removing {}", place.display()))?;
        }
    }
    // The folder itself stays, since it is held.
    remove_all_in(state).with_context(|| format!("emptying {}", state.display()))
}

fn remove_all_in(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The reference file with orders that a demo does not come to the end of: one
/// that is fulfilled is withdrawn from the stations.
fn endless(layout: &Layout, reference: &Path) -> anyhow::Result<std::path::PathBuf> {
    const KEY: &str = "quantity = \"";
    let text = fs::read_to_string(reference).with_context(|| format!("reading {}", reference.display()))?;
    let mut out = String::new();
    for line in text.lines() {
        let after = line.find(KEY).map(|at| at + KEY.len());
        let end = after.and_then(|after| Some(after + line.get(after..)?.find('"')?));
        let ordered = after.zip(end).and_then(|(after, end)| line.get(after..end)?.parse::<u64>().ok());
        match (end, ordered) {
            // Smaller ones are those of bills of materials.
            (Some(end), Some(20..)) => {
                let (head, tail) = line.split_at(end);
                out.push_str(&format!("{head}0000{tail}\n"));
            }
            _ => out.push_str(&format!("{line}\n")),
        }
    }
    let file = layout.state.join("reference.toml");
    fs::write(&file, out).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

/// Says on the terminal what is being done.
pub fn say(what: &str) {
    println!("demo: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_database_goes_with_its_state() {
        let base = std::env::temp_dir().join(format!("tracewright-world-{}", std::process::id()));
        let (state, place) = (base.join("state"), base.join("postgres-abc"));
        let note = state.join("cloud/postgres");
        std::fs::create_dir_all(&note).unwrap();
        std::fs::create_dir_all(place.join("data")).unwrap();
        std::fs::write(note.join("place"), place.display().to_string()).unwrap();
        std::fs::write(state.join("truth.json"), "{}").unwrap();
        empty(&state).unwrap();
        assert!(std::fs::read_dir(&state).unwrap().next().is_none() && !place.exists());
        // Nothing there is nothing to do.
        empty(&state).unwrap();
        // A note of anything else is not followed.
        let other = base.join("precious");
        std::fs::create_dir_all(other.join("data")).unwrap();
        std::fs::create_dir_all(&note).unwrap();
        std::fs::write(note.join("place"), other.display().to_string()).unwrap();
        empty(&state).unwrap();
        assert!(other.exists());
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn two_demos_do_not_share_a_state_folder() {
        let base = std::env::temp_dir().join(format!("tracewright-held-{}", std::process::id()));
        let state = base.join("demo");
        let first = hold(&state).unwrap();
        let told = hold(&state).unwrap_err().to_string();
        assert!(told.contains("another demo runs in"), "{told}");
        // It stays held when it is emptied.
        std::fs::write(state.join("truth.json"), "{}").unwrap();
        empty(&state).unwrap();
        assert!(hold(&state).is_err());
        drop(first);
        assert!(hold(&state).is_ok());
        std::fs::remove_dir_all(base).unwrap();
    }
}
