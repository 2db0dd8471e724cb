use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sqlx::{ConnectOptions, Connection};

use super::{Durability, Embedded, PostgresError, running};

const BASE: &str = "TRACEWRIGHT_TEST_POSTGRES_BASE";

fn alive(pid: u32) -> bool {
    // A zombie has no command line left.
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

async fn run(server: &Embedded, sql: &'static str) -> Vec<String> {
    let mut connection = server.options("postgres").connect().await.unwrap();
    let rows = sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    rows
}

async fn exec(server: &Embedded, sql: &'static str) {
    let mut connection = server.options("postgres").connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The first server of each test takes the place of a production one.
async fn start(base: &Path) -> Embedded {
    Embedded::start(base, Durability::Full).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_stops_and_keeps_its_data() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("postgres");
    assert!(running(&base, "postgres").await.is_none());
    let began = Instant::now();
    let mut server = start(&base).await;
    println!("initdb to ready: {:?}", began.elapsed());
    exec(&server, "create table kept as select 'x'::text as it").await;
    assert!(running(&base, "postgres").await.is_some());
    let mode = std::fs::metadata(server.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert!(matches!(Embedded::start(&base, Durability::Full).await, Err(PostgresError::InUse(_))));
    let socket = server.socket().to_owned();
    server.stop();
    drop(server);
    assert!(!socket.exists());
    assert!(running(&base, "postgres").await.is_none());

    let server = start(&base).await;
    assert_eq!(run(&server, "select it from kept").await, ["x"]);
    let durable = "select name || '=' || setting from pg_settings where name in \
                   ('fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums') order by name";
    assert_eq!(
        run(&server, durable).await,
        ["data_checksums=on", "fsync=on", "full_page_writes=on", "synchronous_commit=on"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_initdb_that_was_cut_short_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("postgres");
    drop(start(&base).await);
    let data = super::files::data(&base).unwrap();
    std::fs::rename(&data, data.with_extension("part")).unwrap();
    let server = start(&base).await;
    assert_eq!(run(&server, "select 'up'").await, ["up"]);
}

/// Root's own folders may be closed to the user that the server runs as.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_servers_user_cannot_reach_is_put_elsewhere() {
    if !super::is_root() {
        return; // the server runs as ourselves, who reach it
    }
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let base = dir.path().join("postgres");
    let server = start(&base).await;
    exec(&server, "create table kept as select 'x'::text as it").await;
    let home = server.base().to_owned();
    assert!(!home.starts_with(dir.path()), "{}", home.display());
    assert_eq!(std::fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
    drop(server);
    let server = start(&base).await;
    assert_eq!(server.base(), home);
    assert_eq!(run(&server, "select it from kept").await, ["x"]);
    assert!(running(&base, "postgres").await.is_some());
    drop(server);
    std::fs::remove_dir_all(home).unwrap();
}

/// Killed without a chance to clean up, a process takes its server with it, and
/// the next one finds what was committed.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_leaves_no_server_and_loses_no_commit() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("postgres");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "postgres::tests::a_process_to_be_killed"])
        .args(["--ignored", "--nocapture"])
        .env(BASE, &base)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let pid: u32 = lines
        .find_map(|line| line.unwrap().strip_prefix("server: ")?.parse().ok())
        .expect("the child tells its server");
    assert!(alive(pid));
    child.kill().unwrap();
    child.wait().unwrap();

    let killed = Instant::now();
    let server = start(&base).await;
    assert!(!alive(pid), "the old server is gone");
    assert!(killed.elapsed() < Duration::from_secs(20));
    assert_eq!(run(&server, "select it from kept").await, ["committed"]);
}

/// The postmaster itself is killed: its children must not stop the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("postgres");
    let server = start(&base).await;
    exec(&server, "create table kept as select 'x'::text as it").await;
    let status = Command::new("kill").args(["-KILL", &server.pid().to_string()]).status().unwrap();
    assert!(status.success());
    drop(server);
    let server = start(&base).await;
    assert_eq!(run(&server, "select it from kept").await, ["x"]);
}

/// No test of its own: `a_killed_process_leaves_no_server_and_loses_no_commit`
/// runs it in another process.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a helper of another test"]
async fn a_process_to_be_killed() {
    let Some(base) = std::env::var_os(BASE) else {
        return;
    };
    let server = start(Path::new(&base)).await;
    exec(&server, "create table kept as select 'committed'::text as it").await;
    println!("server: {}", server.pid());
    let mut nothing = [0];
    let _ = std::io::stdin().read(&mut nothing);
    std::thread::sleep(Duration::from_secs(60));
}
