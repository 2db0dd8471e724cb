//! The demo's cloud: started, seeded, killed and started again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use super::layout::Layout;
use super::process::{self, Process};
use crate::http::Http;
use crate::ports::listens;

/// How long the cloud may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// A cloud process and where it listens.
pub struct Cloud {
    layout: Layout,
    process: Process,
    http: u16,
    grpc: u16,
    /// Settings besides those of the demo.
    besides: Vec<(String, String)>,
}

impl Cloud {
    /// Starts the cloud on these ports of 127.0.0.1 and waits until it is ready.
    ///
    /// # Errors
    /// When it does not start; the message holds the end of its log.
    pub async fn start(layout: &Layout, http: u16, grpc: u16) -> anyhow::Result<Self> {
        Self::start_with(layout, http, grpc, Vec::new()).await
    }

    /// As [`Cloud::start`], with settings besides: names and values of its environment.
    ///
    /// # Errors
    /// As [`Cloud::start`].
    pub async fn start_with(
        layout: &Layout,
        http: u16,
        grpc: u16,
        besides: Vec<(String, String)>,
    ) -> anyhow::Result<Self> {
        let process = spawn(layout, &environment(layout, http, grpc, &besides))?;
        let mut cloud = Self { layout: layout.clone(), process, http, grpc, besides };
        cloud.wait_ready().await?;
        Ok(cloud)
    }

    /// The environment of its programs.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        environment(&self.layout, self.http, self.grpc, &self.besides)
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// When it does not, or has ended; the message holds the end of its log. When another
    /// cloud answers in its place.
    pub async fn wait_ready(&mut self) -> anyhow::Result<()> {
        let http = Http::new(&self.url(), None);
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        loop {
            self.process.must_run()?;
            if let Ok((200, _)) = http.send_raw(hyper::Method::GET, "/healthz", None).await {
                // Two demos that start in the same moment both found the port free, and one
                // of them got it.
                if self.process.id().and_then(|pid| listens(pid, self.http)) != Some(false) {
                    return Ok(());
                }
                // In good order: its database ends with it.
                let _ = self.process.stop().await;
                bail!(
                    "another cloud than this demo's own answers on port {}, that of a demo which was started in \
                     the same moment perhaps: end what listens there (`ss -ltnp` shows it), and start again",
                    self.http
                );
            }
            if tokio::time::Instant::now() > deadline {
                bail!(
                    "the cloud was not ready within {READY_WITHIN:?}; see {}",
                    self.layout.log("cloud").display()
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Seeds tenants, plants and masters as the files have them, whatever was changed of
    /// them since; returns the folder of enrolment tokens.
    ///
    /// # Errors
    /// When a file is not right; the message holds every mistake.
    pub async fn seed(&self, plant_files: &[PathBuf], reference: &Path) -> anyhow::Result<PathBuf> {
        let tokens = self.layout.state.join("tokens");
        std::fs::create_dir_all(&tokens).context("making the token folder")?;
        let mut args = vec!["seed".to_owned()];
        args.extend(plant_files.iter().map(|file| file.display().to_string()));
        args.extend(["--reference".into(), reference.display().to_string()]);
        args.extend(["--tokens-dir".into(), tokens.display().to_string()]);
        // What somebody tried out in the last demo does not keep the next from starting.
        args.push("--replace".into());
        self.run(&args).await?;
        Ok(tokens)
    }

    /// Runs a command of the cloud's program against this cloud.
    ///
    /// # Errors
    /// When the command fails; the message holds what it printed.
    pub async fn run(&self, args: &[String]) -> anyhow::Result<String> {
        process::run(&self.layout.program("cloud"), args, &self.environment()).await
    }

    /// A client with a new access key of these scopes for the tenant.
    ///
    /// # Errors
    /// When the key cannot be made.
    pub async fn client(&self, tenant: &str, scopes: &[&str]) -> anyhow::Result<Http> {
        let mut args: Vec<String> =
            ["access-key", "create", "demo", "--tenant", tenant].map(str::to_owned).into();
        for scope in scopes {
            args.extend(["--scope".into(), (*scope).into()]);
        }
        let printed = self.run(&args).await?;
        let key = printed
            .split_whitespace()
            .find(|word| word.starts_with("twk_"))
            .with_context(|| format!("no access key in: {printed}"))?;
        Ok(Http::new(&self.url(), Some(key.to_owned())))
    }

    /// Kills it with SIGKILL and starts it again on the same ports.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.kill_and_spawn().await?;
        self.wait_ready().await
    }

    /// As [`Cloud::kill_and_restart`], without waiting until it answers.
    ///
    /// # Errors
    /// When it cannot be started.
    pub async fn kill_and_spawn(&mut self) -> anyhow::Result<()> {
        self.process.kill().await?;
        self.process = spawn(&self.layout, &self.environment())?;
        Ok(())
    }

    /// Stops it politely.
    ///
    /// # Errors
    /// When it does not stop by itself.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.process.stop().await
    }

    /// Fails if it is no longer running.
    ///
    /// # Errors
    /// When it has ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.process.must_run()
    }

    /// Address of pages and API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }
}

fn environment(layout: &Layout, http: u16, grpc: u16, besides: &[(String, String)]) -> Vec<(String, String)> {
    let own = [
        ("TRACEWRIGHT_STATE_DIR", layout.state.join("cloud").display().to_string()),
        ("TRACEWRIGHT_HTTP_LISTEN", format!("127.0.0.1:{http}")),
        ("TRACEWRIGHT_GRPC_LISTEN", format!("127.0.0.1:{grpc}")),
    ];
    own.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(besides.iter().cloned()).collect()
}

fn spawn(layout: &Layout, env: &[(String, String)]) -> anyhow::Result<Process> {
    Process::start("cloud", &layout.program("cloud"), &["serve".to_owned()], env, &layout.log("cloud"))
}

/// The texts of an array of strings in an answer.
#[must_use]
pub fn strings(value: &Value) -> Vec<String> {
    let list = value.as_array();
    list.into_iter().flatten().filter_map(|v| v.as_str().map(str::to_owned)).collect()
}
