//! Workers that are killed in the middle: this test's own program is started as a
//! worker, killed with SIGKILL again and again, and nothing is doubled or lost.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions;

use super::*;
use crate::testing::child;
use crate::workflow::worker::turn;

/// What a process of [`a_worker_for_the_test_that_kills_it`] is told.
#[derive(Serialize, Deserialize)]
struct Work {
    database: String,
    tenant: Uuid,
    now: DateTime<Utc>,
}

/// The worker that the test below starts and kills; by itself it does nothing.
#[tokio::test]
async fn a_worker_for_the_test_that_kills_it() {
    let Some(Work { database, tenant, now }) = child::told() else { return };
    let db = child::database(&database);
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
    let work = Work { database: office.test.url(), tenant: office.tenant, now: office.later(80) };
    let start = || child::start("workflow::tests::killed::a_worker_for_the_test_that_kills_it", &work);
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

/// What a process of [`a_person_for_the_tests_that_kill_a_decision`] is told.
#[derive(Serialize, Deserialize)]
struct Decider {
    database: String,
    tenant: Uuid,
    person: Uuid,
}

/// A process in which a person approves whatever is at its first stage; the tests below
/// start and kill it. By itself it does nothing.
#[tokio::test]
async fn a_person_for_the_tests_that_kill_a_decision() {
    let Some(Decider { database, tenant, person }) = child::told() else { return };
    let db = child::database(&database);
    let cx = Cx::new(tenant, format!("user:{person}"));
    let open: Result<Vec<Uuid>, DbError> = db
        .tx(&cx, async |tx| {
            let sql =
                "select instance_id from workflow_instances where tenant_id = $1 and round = 1 order by 1";
            Ok(sqlx::query_scalar(sql).bind(tenant).fetch_all(tx.conn()).await?)
        })
        .await;
    for instance in open.unwrap() {
        let decision = Decision { round: 1, action: Action::Approve, comment: "fine", to_stage: None };
        let done: Result<Standing, WorkflowError> = db
            .tx(&cx, async |tx| decide(tx, &subjects(), instance, person, &decision, Utc::now()).await)
            .await;
        // One that was killed before may have been at its very last word.
        assert!(matches!(done, Ok(_) | Err(WorkflowError::Settled)), "{done:?}");
    }
}

fn decider(office: &Office, person: Uuid) -> tokio::process::Child {
    let work = Decider { database: office.test.url(), tenant: office.tenant, person };
    child::start("workflow::tests::killed::a_person_for_the_tests_that_kill_a_decision", &work)
}

const NONE: Vec<(&str, i64)> = Vec::new();

/// Requests whose decision is neither whole nor absent: what each part of a transition
/// says, and in how many requests it says otherwise than the seat does.
async fn halves(office: &Office) -> Vec<(&'static str, i64)> {
    let mut found = Vec::new();
    for (what, part) in [
        (
            "history",
            "exists (select from workflow_history h where h.instance_id = i.instance_id and h.what = 'approve')",
        ),
        (
            "end of the round",
            "exists (select from workflow_rounds r where r.instance_id = i.instance_id and r.round = 1 and r.outcome = 'APPROVE')",
        ),
        ("next stage", "i.stage = 2 and i.round = 2"),
        (
            "its round",
            "exists (select from workflow_rounds r where r.instance_id = i.instance_id and r.round = 2)",
        ),
        (
            "its seats",
            "exists (select from workflow_seats s where s.instance_id = i.instance_id and s.round = 2)",
        ),
        (
            "its notice",
            "(select count(*) from outbox o where o.kind = 'workflow.asked' and o.body::text like '%' || i.instance_id || '%') = 2",
        ),
        (
            "audit",
            "(select count(*) from audit_log a where a.action = 'workflow.decide' and a.subject = 'workflow:' || i.instance_id) = 1",
        ),
    ] {
        let seat = "exists (select from workflow_seats s where s.instance_id = i.instance_id and s.round = 1
                            and s.decision = 'APPROVE')";
        let wrong = office.count(&format!("workflow_instances i where ({seat}) <> ({part})")).await;
        if wrong > 0 {
            found.push((what, wrong));
        }
    }
    found
}

#[tokio::test]
async fn a_killed_decision_is_whole_or_was_not_taken() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let accounts = office.person("Accounts", &["ACCOUNTANT"]).await;
    office.publish(SPEC, None).await;
    const REQUESTS: i64 = 150;
    for _ in 0..REQUESTS {
        office.raise(starter, "purchase_requisition", "60000").await;
    }
    let done = async || office.count("workflow_seats where decision is not null").await;
    let mut kills = 0;
    while done().await < REQUESTS - 20 {
        let mut process = decider(&office, head);
        let before = done().await;
        // Killed as soon as it is at work, at a moment that nobody chose.
        while done().await < before + 3 {
            assert!(
                process.try_wait().unwrap().is_none() || done().await >= before + 3,
                "the process ended early"
            );
            tokio::task::yield_now().await;
        }
        process.kill().await.unwrap();
        kills += 1;
        assert_eq!(halves(&office).await, NONE);
    }
    assert!(kills >= 2, "it was killed {kills} times");
    // What was not decided can be: nothing of a killed decision is in the way.
    let open = "select instance_id::text from workflow_instances where round = 1";
    for instance in office.ask(open).await {
        let instance: Uuid = instance.parse().unwrap();
        let done = approve(&office, instance, 1, head).await;
        assert!(matches!(done, Ok(_) | Err(WorkflowError::Settled)), "{done:?}");
    }
    assert_eq!((done().await, halves(&office).await), (REQUESTS, NONE));
    let one = office.ask("select instance_id::text from workflow_instances limit 1").await.remove(0);
    let standing = approve(&office, one.parse().unwrap(), 2, accounts).await.unwrap();
    assert_eq!(standing.state, State::Approved);
}

async fn approve(
    office: &Office,
    instance: Uuid,
    round: i32,
    person: Uuid,
) -> Result<Standing, WorkflowError> {
    let decision = Decision { round, action: Action::Approve, comment: "fine", to_stage: None };
    let cx = Cx::new(office.tenant, format!("user:{person}"));
    let decide =
        async |tx: &mut Tx| decide(tx, &office.subjects, instance, person, &decision, office.now).await;
    office.test.db.tx(&cx, decide).await
}

#[tokio::test]
async fn a_decision_killed_before_its_last_word_was_not_taken() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    office.person("Accounts", &["ACCOUNTANT"]).await;
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "60000").await;
    // Nothing gets past the outbox, which a decision writes last: it is killed there,
    // with all else of it written and nothing committed.
    let mut held = office.test.owner_of(office.tenant).await.connect().await.unwrap();
    sqlx::raw_sql("begin; lock table outbox in share mode").execute(&mut held).await.unwrap();
    let mut process = decider(&office, head);
    let waits = "select count(*) from pg_locks
                 where not granted and relation = 'outbox'::regclass
                   and database = (select oid from pg_database where datname = current_database())";
    let stuck = async {
        while sqlx::query_scalar::<_, i64>(waits).fetch_one(&mut held).await.unwrap() == 0 {
            assert!(process.try_wait().unwrap().is_none(), "the process ended early");
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), stuck).await.unwrap();
    process.kill().await.unwrap();
    sqlx::raw_sql("rollback").execute(&mut held).await.unwrap();
    // Whoever decides now waits until the server has noticed, and finds nothing decided.
    let standing = office.decide(&request, head, Action::Approve).await.unwrap();
    assert_eq!((standing.state, standing.stage, standing.round), (State::PendingApproval, 2, 2));
    assert_eq!(halves(&office).await, NONE);
    assert_eq!(office.count("workflow_history where what = 'approve'").await, 1);
}
