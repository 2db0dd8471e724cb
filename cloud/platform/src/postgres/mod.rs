//! The database server that the cloud brings along: used when no database is
//! configured, and by the tests. Binaries come from the setup's npm package.
//!
//! It listens on a Unix socket only, in a folder that only its user may enter.
//! Postgres refuses to run as root: there it runs as `nobody`.

mod files;
mod process;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

pub use files::find_binaries;
pub use process::is_root;
use process::{Kept, User};

/// The server's only login, over its socket.
pub const SUPERUSER: &str = "postgres";
/// The database that the cloud uses.
pub const DATABASE: &str = "tracewright";
/// How long the server may take until it answers (a crash is recovered first).
const READY_WITHIN: Duration = Duration::from_secs(120);
/// How long to wait for the last children of a server that was killed.
const ORPHANS_WITHIN: Duration = Duration::from_secs(15);

/// Why the embedded server could not be had.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The binaries are not there.
    #[error(
        "the Postgres binaries are missing ({0}); run deploy/setup.sh, or name a database in the configuration"
    )]
    Missing(String),
    /// A file or folder could not be made.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another process uses the folder.
    #[error("another process runs the database in {0}")]
    InUse(PathBuf),
    /// A server of a process that was killed does not end.
    #[error("an old Postgres (process {0}) holds the data and does not end")]
    Leftover(u32),
    /// A Postgres program failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// What it printed.
        output: String,
    },
    /// It did not answer in time.
    #[error("Postgres did not answer within {READY_WITHIN:?}; the end of its log:\n{0}")]
    NotReady(String),
    /// It answered with an error.
    #[error("Postgres: {0}")]
    Sqlx(#[from] sqlx::Error),
}

/// How the server weighs safety against speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Commits survive a power cut.
    Full,
    /// For tests: nothing survives one.
    None,
}

/// A server started here. Dropping it stops it; if this process is killed, the
/// kernel tells it to stop.
pub struct Embedded {
    server: Kept,
    home: PathBuf,
    socket: TempDir,
    /// Held until the server has ended.
    _lock: File,
}

impl Embedded {
    /// Starts the server on the data in `base` (made when missing) and waits
    /// until it answers. A server left over from a killed process is stopped
    /// first; what it had committed is there.
    ///
    /// # Errors
    /// [`PostgresError::InUse`] when a living process runs a server there.
    pub async fn start(base: &Path, durability: Durability) -> Result<Self, PostgresError> {
        let base = base.to_owned();
        let mut server = blocking(move || Self::spawn(&base, durability)).await?;
        server.wait_ready().await?;
        Ok(server)
    }

    fn spawn(base: &Path, durability: Durability) -> Result<Self, PostgresError> {
        let binaries = find_binaries()?;
        let lock = files::lock(base)?;
        let user = process::server_user();
        let layout = files::prepare(base, &binaries, user)?;
        process::end_leftover(&layout.data)?;
        if !layout.data.exists() {
            initdb(&layout, durability, user)?;
        }
        let socket = files::socket_folder(base, user)?;
        let started = Instant::now();
        loop {
            let mut server = postgres(&layout, socket.path(), durability, user)?;
            // A server that was killed outright may leave children for a moment,
            // and the next one refuses to start beside them.
            match ended_at_once(&mut server, &layout)? {
                None => {
                    return Ok(Self { server, home: layout.home, socket, _lock: lock });
                }
                Some(output) if output.contains("still in use") && started.elapsed() < ORPHANS_WITHIN => {
                    std::thread::sleep(Duration::from_millis(200));
                }
                Some(output) => {
                    return Err(PostgresError::Failed { program: "postgres", output });
                }
            }
        }
    }

    /// How to log in to a database of this server as its superuser.
    #[must_use]
    pub fn options(&self, database: &str) -> PgConnectOptions {
        options(self.socket.path(), database)
    }

    /// Folder of the socket, for other programs on this machine.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.socket.path()
    }

    /// Folder of the data and the log.
    #[must_use]
    pub fn base(&self) -> &Path {
        &self.home
    }

    /// Process id of the server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.server.child.id()
    }

    /// Makes a database unless it is there.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn ensure_database(&self, name: &str) -> Result<(), PostgresError> {
        let mut connection = self.options("postgres").connect().await?;
        let there: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await?;
        if !there {
            let quoted = name.replace('"', "\"\"");
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database \"{quoted}\"")))
                .execute(&mut connection)
                .await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Stops it in good order: open transactions are rolled back, data flushed.
    /// Blocks until it has ended; harmless when it has.
    pub fn stop(&mut self) {
        process::end(&mut self.server.child);
    }

    async fn wait_ready(&mut self) -> Result<(), PostgresError> {
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            if let Ok(Some(status)) = self.server.child.try_wait() {
                let output = format!("it ended with {status}:\n{}", log_tail(&self.home));
                return Err(PostgresError::Failed { program: "postgres", output });
            }
            if let Ok(connection) = self.options("postgres").connect().await {
                connection.close().await?;
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(PostgresError::NotReady(log_tail(&self.home)));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How to log in over a socket folder as the superuser.
#[must_use]
pub fn options(socket: &Path, database: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket)
        .port(5432)
        .username(SUPERUSER)
        .database(database)
        .log_statements(tracing::log::LevelFilter::Trace)
}

/// How to log in to a server that already runs on the data of `base`, if one
/// answers; for commands beside a running cloud.
pub async fn running(base: &Path, database: &str) -> Option<PgConnectOptions> {
    let note = process::Note::read(&files::data(base)?)?;
    let options = options(&note.socket, database);
    let connection = options.connect().await.ok()?;
    connection.close().await.ok()?;
    Some(options)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostgresError> + Send + 'static,
) -> Result<T, PostgresError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|stopped| {
        Err(PostgresError::Io { what: "starting Postgres".into(), source: std::io::Error::other(stopped) })
    })
}

fn postgres(
    layout: &files::Layout,
    socket: &Path,
    durability: Durability,
    user: Option<User>,
) -> Result<Kept, PostgresError> {
    let path = layout.bin.join("postgres");
    let log = files::log_file(layout)?;
    let mut command = process::program(&path, user);
    command
        .arg("-D")
        .arg(&layout.data)
        .arg("-k")
        .arg(socket)
        .args(settings(durability).iter().flat_map(|it| ["-c", it]))
        .current_dir(&layout.home)
        .stdout(log.try_clone().map_err(files::told(&path))?)
        .stderr(log);
    let end = match durability {
        Durability::Full => libc::SIGINT,
        Durability::None => libc::SIGQUIT,
    };
    process::spawn_kept(command, end).map_err(files::told(&path))
}

/// What the server said if it gave up within its first moments; `None` when it
/// has got as far as claiming the data.
fn ended_at_once(server: &mut Kept, layout: &files::Layout) -> Result<Option<String>, PostgresError> {
    let pid = server.child.id();
    let deadline = Instant::now() + READY_WITHIN;
    while Instant::now() < deadline {
        match server.child.try_wait() {
            Err(source) => return Err(files::told(&layout.bin)(source)),
            Ok(Some(status)) => {
                let log = log_tail(&layout.home);
                return Ok(Some(format!("it ended with {status}:\n{log}")));
            }
            Ok(None) => {}
        }
        // The socket's path is the last thing it notes before it recovers.
        if process::Note::read(&layout.data)
            .is_some_and(|note| note.pid == pid && !note.socket.as_os_str().is_empty())
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

fn initdb(layout: &files::Layout, durability: Durability, user: Option<User>) -> Result<(), PostgresError> {
    let path = layout.bin.join("initdb");
    // Made aside and renamed: what stands at `data` is whole.
    let part = layout.home.join("data.part");
    let _ = fs::remove_dir_all(&part);
    let mut command = process::program(&path, user);
    command
        .arg("-D")
        .arg(&part)
        .args(["-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8"])
        .args(["--auth-local=trust", "--auth-host=reject"])
        .current_dir(&layout.home);
    if durability == Durability::None {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(files::told(&path))?;
    if !output.status.success() {
        return Err(PostgresError::Failed {
            program: "initdb",
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    fs::rename(&part, &layout.data).map_err(files::told(&layout.data))?;
    File::open(&layout.home).and_then(|home| home.sync_all()).map_err(files::told(&layout.home))
}

fn settings(durability: Durability) -> Vec<&'static str> {
    let mut settings = vec![
        "listen_addresses=",
        "unix_socket_permissions=0700",
        "max_connections=100",
        "shared_buffers=512MB",
        "effective_cache_size=4GB",
        "work_mem=32MB",
        "maintenance_work_mem=256MB",
        "wal_buffers=16MB",
        "max_wal_size=4GB",
        "checkpoint_timeout=15min",
        "random_page_cost=1.1",
        "max_locks_per_transaction=256",
        "jit=off",
        "timezone=UTC",
        "log_timezone=UTC",
        "log_checkpoints=off",
        "log_min_duration_statement=5s",
        "log_lock_waits=on",
    ];
    if durability == Durability::None {
        settings.extend([
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "shared_buffers=128MB",
            "autovacuum=off",
        ]);
    }
    settings
}

fn log_tail(home: &Path) -> String {
    let text = fs::read_to_string(home.join("postgres.log")).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
