//! Workers that are killed in the middle: this test's own program is started as a
//! worker, killed with SIGKILL again and again, and nothing is doubled or lost.

use std::process::Stdio;
use std::str::FromStr;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::process::Command;

use super::*;
use crate::db::{Db, PoolSizes};
use crate::workflow::worker::turn;

const DATABASE: &str = "TRACEWRIGHT_TEST_WORKER_DATABASE";
const TENANT: &str = "TRACEWRIGHT_TEST_WORKER_TENANT";
const NOW: &str = "TRACEWRIGHT_TEST_WORKER_NOW";

/// The worker that the test below starts and kills; by itself it does nothing.
#[tokio::test]
async fn a_worker_for_the_test_that_kills_it() {
    let (Ok(database), Ok(tenant), Ok(now)) =
        (std::env::var(DATABASE), std::env::var(TENANT), std::env::var(NOW))
    else {
        return;
    };
    let options = PgConnectOptions::from_str(&database).unwrap();
    let db = Db::new(options, PoolSizes { app: 2, ingest: 1, system: 1 });
    let (tenant, now) = (tenant.parse().unwrap(), now.parse().unwrap());
    while turn(&db, &subjects(), tenant, now).await.unwrap() > 0 {}
}

#[tokio::test]
async fn a_killed_worker_leaves_no_half_escalation() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    const REQUESTS: i64 = 150;
    for _ in 0..REQUESTS {
        office.raise(starter, "purchase_requisition", "10").await;
    }
    let done = async || office.count("workflow_rounds where escalated_at is not null").await;
    let url = office.test.owner.to_url_lossy().to_string();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "workflow::tests::killed::a_worker_for_the_test_that_kills_it"])
            .env(DATABASE, &url)
            .env(TENANT, office.tenant.to_string())
            .env(NOW, office.later(80).to_rfc3339())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    };
    let mut kills = 0;
    while done().await < REQUESTS - 20 {
        let mut workers = [start(), start()];
        let before = done().await;
        // Killed as soon as they are at work, at a moment that nobody chose.
        while done().await < before + 3 {
            assert!(
                workers[0].try_wait().unwrap().is_none() || done().await >= before + 3,
                "a worker ended early"
            );
            tokio::task::yield_now().await;
        }
        for worker in &mut workers {
            worker.kill().await.unwrap();
        }
        kills += 1;
    }
    assert!(kills >= 2, "the workers were killed {kills} times");
    tokio::time::timeout(Duration::from_secs(60), async { while office_turn(&office).await > 0 {} })
        .await
        .unwrap();
    // What a killed worker had locked is free once the server has noticed.
    while done().await < REQUESTS {
        office_turn(&office).await;
    }
    for (what, expected) in [
        ("workflow_seats where deputy", REQUESTS),
        ("workflow_history where what = 'escalated'", REQUESTS),
        ("workflow_history where what = 'overdue'", REQUESTS),
        ("audit_log where action = 'workflow.escalate'", REQUESTS),
        ("workflow_instances where wake_at is not null", 0),
    ] {
        assert_eq!(office.count(what).await, expected, "{what}");
    }
}

async fn office_turn(office: &Office) -> usize {
    turn(&office.test.db, &office.subjects, office.tenant, office.later(80)).await.unwrap()
}
