//! A child process that logs to a file, can be ended politely or not at all
//! politely, and ends with whoever holds it, however that ends.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

/// How long a process may take to stop when asked.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// A running program.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

/// Asks the kernel to send the child SIGTERM when this process is gone.
#[allow(unsafe_code)] // no safe way to ask for a signal at the parent's death
fn end_with_holder(command: &mut Command) {
    let holder = std::process::id();
    let ask = move || {
        // SAFETY: both calls only enter the kernel, with numbers for arguments.
        let (asked, parent) =
            unsafe { (libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM), libc::getppid()) };
        if asked != 0 {
            return Err(std::io::Error::last_os_error());
        }
        // It may have gone before it could be asked for.
        if parent.unsigned_abs() == holder { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec the closure neither allocates nor locks.
    unsafe { command.pre_exec(ask) };
}

impl Process {
    /// Starts `program` with `args`; what it prints goes to the end of `log`.
    ///
    /// # Errors
    /// When the program cannot be started or the log cannot be written.
    pub fn start(
        name: &str,
        program: &Path,
        args: &[String],
        env: &[(String, String)],
        log: &Path,
    ) -> anyhow::Result<Self> {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let err = out.try_clone().context("sharing a log file")?;
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().map(|(k, v)| (k, v)));
        command.stdin(Stdio::null()).stdout(out).stderr(err).kill_on_drop(true);
        end_with_holder(&mut command);
        let child = command.spawn().with_context(|| format!("starting {name} ({})", program.display()))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Ends it with SIGKILL and waits until it is gone.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await.with_context(|| format!("killing {}", self.name))
    }

    /// Asks it to stop with SIGTERM and waits; SIGKILL after 20 seconds.
    ///
    /// # Errors
    /// When it did not stop by itself in time, or cannot be waited for.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        if let Some(pid) = self.child.id() {
            let status = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
            status.with_context(|| format!("sending SIGTERM to {}", self.name))?;
        }
        match tokio::time::timeout(STOP_WITHIN, self.child.wait()).await {
            Ok(waited) => {
                waited.with_context(|| format!("waiting for {}", self.name))?;
                Ok(())
            }
            Err(_) => {
                self.kill().await?;
                bail!("{} did not stop within {STOP_WITHIN:?} of SIGTERM", self.name)
            }
        }
    }

    /// An error that shows the end of the log if the process has exited.
    ///
    /// # Errors
    /// When it has exited.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait().context("asking for a child's state")? {
            bail!("{} ended ({status}); the end of {}:\n{}", self.name, self.log.display(), tail(&self.log));
        }
        Ok(())
    }

    /// Process id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started or fails; the message holds what it printed.
pub async fn run(program: &Path, args: &[String], env: &[(String, String)]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(args)
        .envs(env.iter().map(|(k, v)| (k, v)))
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| format!("starting {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!(
            "{} {} failed ({}):\n{text}{}",
            program.display(),
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(text)
}

fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
