//! A process that a test may kill: the test's own program, started to run one of its
//! tests alone. That test looks for what it is [`told`], and does nothing where it is
//! told nothing, as in an ordinary run of all tests.
//!
//! ```ignore
//! #[tokio::test]
//! async fn the_worker_that_is_killed() {
//!     let Some(work) = child::told::<Work>() else { return };
//!     turn(&child::database(&work.database), work.tenant).await.unwrap();
//! }
//!
//! let mut worker = child::start("part::tests::the_worker_that_is_killed", &work);
//! // … until it is where it is to be killed:
//! worker.kill().await.unwrap();
//! ```

use std::process::Stdio;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::postgres::PgConnectOptions;
use tokio::process::{Child, Command};

use crate::db::{Db, PoolSizes};

/// What it is told, as JSON.
const TOLD: &str = "TRACEWRIGHT_TEST_CHILD";

/// Starts the test of this path, without the crate's name, as a process of its own.
/// `Child::kill` ends it by SIGKILL; so does dropping it.
///
/// # Panics
/// When it cannot be started: a test cannot go on without it.
#[must_use]
pub fn start(test: &str, told: &impl Serialize) -> Child {
    let told = serde_json::to_string(told).expect("what a child is told is JSON");
    Command::new(std::env::current_exe().expect("the program of the tests"))
        .args(["--exact", test])
        .env(TOLD, told)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the program of the tests starts")
}

/// What this process was told, if it is such a child.
///
/// # Panics
/// When it was told something else.
#[must_use]
pub fn told<T: DeserializeOwned>() -> Option<T> {
    let told = std::env::var(TOLD).ok()?;
    Some(serde_json::from_str(&told).expect("a child is told what it expects"))
}

/// The database of the test that started this process, by its address
/// ([`super::TestDb::url`]).
///
/// # Panics
/// When that is no address.
#[must_use]
pub fn database(url: &str) -> Db {
    let options = PgConnectOptions::from_str(url).expect("the address of a test's database");
    Db::new(options, PoolSizes { app: 3, ingest: 1, system: 1 })
}
