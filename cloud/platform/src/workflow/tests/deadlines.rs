//! Reminders, overdue stages, escalation; with time as a parameter and many workers.

use futures_util::future::join_all;

use super::*;
use crate::workflow::worker::turn;

impl Office {
    async fn turn(&self, hours: i64) -> usize {
        turn(&self.test.db, &self.subjects, self.tenant, self.later(hours)).await.unwrap()
    }

    async fn happened(&self) -> Vec<String> {
        self.ask("select what from workflow_history where what in ('reminded', 'overdue', 'escalated') order by at, n")
            .await
    }
}

crate::in_every_placement! {
async fn time_runs_out_step_by_step_and_the_deputy_decides() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    let manager = office.person("Manager", &["PLANT_MANAGER"]).await;
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "10").await;
    assert_eq!(office.turn(17).await, 0);
    assert_eq!(office.turn(18).await, 1);
    assert_eq!(office.turn(18).await, 0, "once");
    assert_eq!(office.turn(24).await, 1);
    let early = office.decide_at(&request, manager, Action::Approve, None, office.later(71)).await;
    assert_eq!(early.unwrap_err().code(), "workflow.not_asked");
    assert_eq!(office.turn(71).await, 0);
    assert_eq!(office.turn(72).await, 1);
    assert_eq!(office.turn(1000).await, 0);
    assert_eq!(office.happened().await, ["reminded", "overdue", "escalated"]);
    assert_eq!(
        office.told().await[1..],
        ["reminder", "overdue", "escalated"].map(|kind| format!("workflow.{kind}"))
    );
    assert_eq!(office.decide(&request, manager, Action::Approve).await.unwrap().state, State::Approved);
    assert_eq!(office.count("audit_log where action = 'workflow.escalate'").await, 1);
}
}

#[tokio::test]
async fn a_worker_that_was_away_makes_up_for_it_at_once() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    office.raise(starter, "purchase_requisition", "10").await;
    assert_eq!(office.turn(100).await, 1);
    // Of what is overdue nobody is reminded.
    assert_eq!(office.happened().await, ["overdue", "escalated"]);
    // Nobody has the role that it went to: whoever manages workflows is told.
    assert!(office.told().await.contains(&"workflow.nobody".to_owned()));
}

#[tokio::test]
async fn what_was_decided_does_not_escalate() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "10").await;
    office.decide(&request, head, Action::SendBack).await.unwrap();
    assert_eq!(office.turn(1000).await, 0);
    assert_eq!(office.happened().await, Vec::<String>::new());
}

#[tokio::test]
async fn many_workers_at_once_double_nothing() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    for _ in 0..20 {
        office.raise(starter, "purchase_requisition", "10").await;
    }
    let done: usize = join_all((0..4).map(|_| office.turn(72))).await.into_iter().sum();
    assert_eq!(done, 20);
    assert_eq!(office.count("workflow_seats where deputy").await, 20);
    assert_eq!(office.count("workflow_history where what = 'escalated'").await, 20);
    assert_eq!(office.count("audit_log where action = 'workflow.escalate'").await, 20);
}
