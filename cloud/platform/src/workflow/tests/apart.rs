//! One turn of each job over two tenants: what is due in one lands in that one, and what
//! is broken in one holds up no other.

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::workflow::worker;

const SOURCE: &str = r#"{
  "workflow_id": "reorder",
  "stages": [{ "name": "Stage of MARK", "approver_role": "BUYER", "sla_hours": 24,
    "escalation": { "escalate_to": "PLANT_MANAGER", "after_hours": 30 } }],
  "start": [
    { "event": "inventory.stock.low", "subject": "Event of MARK {item}" },
    { "schedule": "0 9 * * *", "subject": "Schedule of MARK" }
  ]
}"#;

/// What workflows write.
const TABLES: [&str; 9] = [
    "workflow_definitions",
    "workflow_instances",
    "workflow_rounds",
    "workflow_seats",
    "workflow_history",
    "workflow_triggers",
    "requests",
    "outbox",
    "audit_log",
];

/// A tenant in which everything is due.
struct Due {
    office: Office,
    people: [Uuid; 3],
    mark: &'static str,
}

impl Due {
    async fn new(mut office: Office, mark: &'static str) -> Self {
        // All of it was due long before now, for a worker that asks the clock.
        office.now = office.later(-24 * 7);
        let people = [
            office.person(&format!("Buyer{mark}"), &["BUYER"]).await,
            office.person(&format!("Manager{mark}"), &["PLANT_MANAGER"]).await,
            office.person(&format!("Starter{mark}"), &["SUPERVISOR"]).await,
        ];
        office.publish(&SOURCE.replace("MARK", mark), None).await;
        office.raise(people[2], "reorder", "10").await;
        Self { office, people, mark }
    }

    /// Texts that stand for this tenant: its mark, and the ids of its people.
    fn marks(&self) -> Vec<String> {
        let ids = self.people.iter().map(Uuid::to_string);
        ids.chain([self.mark.to_owned()]).collect()
    }

    async fn raised(&self) -> Vec<String> {
        self.office.ask("select subject from requests order by number").await
    }

    async fn count(&self, from: &str) -> i64 {
        self.office.count(from).await
    }

    /// Nothing of the other is in a row of this one.
    async fn has_nothing_of(&self, other: &Self) {
        for table in TABLES {
            assert!(self.count(table).await > 0, "{table} of {} is empty", self.mark);
            for mark in other.marks() {
                let found = self.count(&format!("{table} t where t::text like '%{mark}%'")).await;
                assert_eq!(found, 0, "{table} of {} has {mark} of {}", self.mark, other.mark);
            }
            let others = format!("{table} where tenant_id <> '{}'", self.office.tenant);
            assert_eq!(self.count(&others).await, 0, "{table}");
        }
    }
}

async fn two() -> (Due, Due) {
    let office = Office::new().await;
    let other = office.beside("OTHR").await;
    (Due::new(office, "ALPHA").await, Due::new(other, "BETA").await)
}

#[tokio::test]
async fn a_turn_of_each_job_stays_in_its_tenant() {
    let (alpha, beta) = two().await;
    // What was written so far is of each one's own; what follows is of jobs alone.
    let later = alpha.office.later(48);
    let turn = async |of: &Due| {
        worker::turn(&of.office.test.db, &of.office.subjects, of.office.tenant, later).await.unwrap()
    };
    // A deadline and a schedule, of alpha alone.
    assert_eq!(turn(&alpha).await, 2);
    assert_eq!(alpha.raised().await, ["Bearings", "Schedule of ALPHA"]);
    assert_eq!(beta.raised().await, ["Bearings"]);
    assert_eq!(alpha.count("workflow_seats where deputy").await, 1);
    assert_eq!(beta.count("workflow_seats where deputy").await, 0);
    assert_eq!(beta.count("workflow_history where what in ('overdue', 'escalated')").await, 0);
    assert_eq!(beta.count("audit_log where action = 'workflow.escalate'").await, 0);
    assert_eq!(turn(&beta).await, 2);
    assert_eq!(turn(&alpha).await, 0);

    // What happens in alpha starts what alpha has for it, and not what beta has.
    let event =
        Event { name: "inventory.stock.low".into(), fields: json!({ "item": "GEAR" }), document: None };
    let started = alpha
        .office
        .as_system(async |tx| hear(tx, &alpha.office.subjects, &event, alpha.office.now).await)
        .await;
    assert_eq!(started, 1);
    assert_eq!(alpha.raised().await.last().map(String::as_str), Some("Event of ALPHA GEAR"));
    assert_eq!(beta.raised().await, ["Bearings", "Schedule of BETA"]);
    let buyer =
        |due: &Due| format!("outbox where kind = 'workflow.asked' and body::text like '%{}%'", due.people[0]);
    assert_eq!(alpha.count(&buyer(&alpha)).await, 3);
    assert_eq!(beta.count(&buyer(&beta)).await, 2);
    alpha.has_nothing_of(&beta).await;
    beta.has_nothing_of(&alpha).await;
}

#[tokio::test]
async fn what_is_broken_in_one_tenant_holds_up_no_other() {
    let (alpha, beta) = two().await;
    alpha.office.ask("update workflow_definitions set source = '{' returning name").await;
    let stop = CancellationToken::new();
    let db = alpha.office.test.db.clone();
    let work = tokio::spawn(worker::run(db, alpha.office.subjects.clone(), stop.clone()));
    let both = async {
        loop {
            let done = beta.count("workflow_seats where deputy").await == 1
                && beta.raised().await.len() == 2
                && alpha.count("workflow_triggers where last_error <> ''").await == 1;
            if done {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), both).await.unwrap();
    stop.cancel();
    work.await.unwrap();
    // What is broken is told where it is, still escalates, and starts nothing.
    assert_eq!(alpha.raised().await, ["Bearings"]);
    assert_eq!(alpha.count("workflow_seats where deputy").await, 1);
    assert_eq!(alpha.count("outbox where kind = 'workflow.not_started'").await, 1);
    assert_eq!(beta.count("outbox where kind = 'workflow.not_started'").await, 0);
    alpha.has_nothing_of(&beta).await;
    beta.has_nothing_of(&alpha).await;
}
