//! A tenant is moved between databases, backed up, erased and put back while its plant
//! works; and nothing is lost or doubled.

use std::collections::BTreeSet;

use platform::postgres;
use simulators::demo::world::TENANT;
use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions, Row};
use uuid::Uuid;

use crate::faults::lab::Lab;
use crate::support::until;

impl Lab {
    /// `cloud tenant …` beside the cloud that runs.
    async fn tenant(&self, args: &[&str]) -> anyhow::Result<String> {
        let all: Vec<String> = ["tenant"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
        self.cloud().run(&all).await
    }

    /// The database where the tenant lives now, past every policy.
    async fn where_it_lives(&self) -> (String, PgConnection) {
        let mut home = self.database().await;
        let place: String = sqlx::query_scalar("select placement from control.tenants where code = $1")
            .bind(TENANT)
            .fetch_one(&mut home)
            .await
            .unwrap();
        if place == "shared" {
            return (place, home);
        }
        let base = self.layout.state.join("cloud/postgres");
        let there = postgres::running(&base, &place).await.unwrap();
        let connection = there.connect().await.unwrap();
        (place, connection)
    }

    /// Ids of the plant's events where the tenant lives; each once.
    async fn facts(&self) -> BTreeSet<Uuid> {
        let (_, mut there) = self.where_it_lives().await;
        let rows = sqlx::query("select event_id from lifecycle_events where plant = 'KOL'")
            .fetch_all(&mut there)
            .await
            .unwrap();
        let ids: BTreeSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(ids.len(), rows.len(), "a fact is there twice");
        ids
    }

    /// Waits until the cloud has all that the agent recorded, each once.
    async fn all_arrived(&mut self) -> BTreeSet<Uuid> {
        self.agent.drained().await;
        let journal: BTreeSet<Uuid> =
            self.agent.journal().await.iter().map(crate::faults::lab::Stored::id).collect();
        let facts = self.facts().await;
        let lost: Vec<&Uuid> = journal.difference(&facts).collect();
        assert!(lost.is_empty(), "{} of {} facts are lost", lost.len(), journal.len());
        facts
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plant_streams_while_its_tenant_is_moved_there_and_back() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let mut uids = Vec::new();
    for to in ["own", "shared"] {
        // Facts come before, while and after it is moved.
        let (answer, new) = lab.agent.receive(&mut dock, 5).await;
        assert!(answer.taken(), "{answer:?}");
        uids.extend(new);
        let args = ["move", TENANT, "--to", to];
        let moving = lab.tenant(&args);
        let receiving = async {
            let mut more = Vec::new();
            for _ in 0..6 {
                let (answer, new) = lab.agent.receive(&mut dock, 2).await;
                assert!(answer.taken(), "{answer:?}");
                more.extend(new);
            }
            more
        };
        let (moved, more) = tokio::join!(moving, receiving);
        let moved = moved.unwrap();
        uids.extend(more);
        let (place, _) = lab.where_it_lives().await;
        assert!(moved.contains(&place), "{moved}");
        assert_eq!(place == "shared", to == "shared", "{place}");
        lab.all_arrived().await;
        for uid in &uids {
            assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid} after the move to {to}");
        }
    }
    // What the plant is told comes from where the tenant lives now: numbers and holds.
    let (answer, last) = lab.agent.receive(&mut dock, 5).await;
    assert!(answer.taken(), "{answer:?}");
    uids.extend(last);
    lab.all_arrived().await;
    assert_eq!(uids.iter().collect::<BTreeSet<_>>().len(), uids.len(), "a UID was given twice");
    assert_eq!(lab.exceptions("fork").await.len(), 0);
    assert_eq!(lab.exceptions("stream.gap").await.len(), 0);
    assert_eq!(lab.born_twice().await, BTreeSet::new());
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_was_erased_comes_back_from_its_backup_with_the_same_answers() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, uids) = lab.agent.receive(&mut dock, 5).await;
    let before = lab.all_arrived().await;
    let mut answers = Vec::new();
    for uid in &uids {
        answers.push(lab.stages(uid).await);
    }
    let id: Uuid = sqlx::query_scalar("select tenant_id from control.tenants")
        .fetch_one(&mut lab.database().await)
        .await
        .unwrap();
    let cloud = lab.layout.state.join("cloud");
    let (exported, mirror) = (cloud.join(format!("exports/{id}")), cloud.join(format!("mirror/{id}.duckdb")));
    // The running cloud has a mirror to remove.
    until("the mirror is there", async || mirror.exists()).await;
    let file = lab.layout.state.join("saif.twbackup").display().to_string();
    let certificate = lab.layout.state.join("erased.json").display().to_string();
    lab.tenant(&["backup", TENANT, "--file", &file]).await.unwrap();
    let erase = ["erase", TENANT, "--confirm", TENANT, "--by", "the test", "--certificate", &certificate];
    let refused = lab.tenant(&erase).await.unwrap_err().to_string();
    assert!(refused.contains("suspend"), "{refused}");
    lab.tenant(&["suspend", TENANT, "--reason", "leaving"]).await.unwrap();
    lab.agent.until("shut out", |h| h["uplink"]["connected"] == false).await;
    // The plant goes on, and keeps what it records.
    let (answer, meanwhile) = lab.agent.receive(&mut dock, 5).await;
    assert!(answer.taken(), "{answer:?}");
    std::fs::create_dir_all(exported.join("fact_lifecycle/month=2025-01")).unwrap();
    std::fs::write(exported.join("fact_lifecycle/month=2025-01/part.parquet"), "rows").unwrap();
    lab.tenant(&erase).await.unwrap();
    assert!(!exported.exists() && !mirror.exists(), "the export or the mirror of who was erased is left");
    let told = lab.tenant(&["erased", &certificate]).await.unwrap();
    assert!(told.contains("public.lifecycle_events"), "{told}");
    let mut home = lab.database().await;
    let left: i64 = sqlx::query_scalar(
        "select (select count(*) from lifecycle_events) + (select count(*) from control.tenants)",
    )
    .fetch_one(&mut home)
    .await
    .unwrap();
    assert_eq!(left, 0);

    lab.tenant(&["restore", &file, "--placement", "own"]).await.unwrap();
    lab.tenant(&["resume", TENANT]).await.unwrap();
    lab.agent.until("let in again", |h| h["uplink"]["connected"] == true).await;
    let after = lab.all_arrived().await;
    assert!(after.is_superset(&before) && after.len() > before.len());
    for (uid, answer) in uids.iter().zip(&answers) {
        assert_eq!(lab.stages(uid).await, *answer, "{uid}");
    }
    for uid in &meanwhile {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid}");
    }
    lab.stop().await;
}
