//! The approval of a recall by a workflow.

use axum::http::StatusCode;
use platform::testing::person;
use platform::workflow::{self, Action as Decided, Decision, Standing, State};
use serde_json::{Value, json};

use super::http::{Web, key};
use super::*;
use crate::recalls::{approval, model::Change};
use platform::web::Scope;

fn change(version: i32) -> Change {
    Change { severity: "class_2".into(), reason: "Cracked heads".into(), version, ..Change::default() }
}

/// The workflow `recall` as a tenant writes it, and publishes it.
async fn published(site: &Site, web: &Web, definition: Value) {
    let admin = key(site, site.tenant, Scope::Admin).await;
    let root = "/api/v1/workflows/definitions";
    let (status, made) = web.json(&admin, "POST", root, json!({ "definition": definition })).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let id = made["definition_id"].as_str().unwrap();
    let path = format!("{root}/{id}/publish");
    let (status, told) = web.json(&admin, "POST", &path, json!({ "version": 1 })).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
}

/// Of class I the supervisor is asked; of others nobody.
fn class_one() -> Value {
    json!({
        "workflow_id": "recall", "document": "recall",
        "stages": [{ "stage": 1, "name": "Head of quality", "approver_role": "SUPERVISOR",
                     "conditions": ["severity == \"class_1\" && labels > 1 && to_hold >= 7 && in_hand >= 4 && consignees == 1"] }],
    })
}

struct People {
    asks: Uuid,
    decides: Uuid,
}

async fn people(site: &Site) -> People {
    let db = &site.db.db;
    People {
        asks: person(db, site.tenant, "asks@saif.example", "Asha", &["QUALITY_ENGINEER"]).await,
        decides: person(db, site.tenant, "decides@saif.example", "Dev", &["SUPERVISOR"]).await,
    }
}

async fn act_as(site: &Site, recall: Uuid, action: Action, who: Uuid) -> Result<act::Done, RecallError> {
    let (sql, subjects) = (sql(), subjects());
    let by = act::By { genealogy: &sql, subjects: &subjects, person: Some(who) };
    run(site, async |tx| act::act(tx, &by, recall, action, "", now()).await).await
}

async fn decide(site: &Site, asked: &Standing, who: Uuid, action: Decided) -> State {
    let comment = "looked at";
    let decision = Decision { round: asked.round, action, comment, to_stage: None };
    let (instance, subjects) = (asked.instance_id, subjects());
    let done: Result<Standing, workflow::WorkflowError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| workflow::decide(tx, &subjects, instance, who, &decision, now()).await)
        .await;
    done.unwrap().state
}

async fn asked(site: &Site, recall: Uuid) -> Standing {
    run(site, async |tx| Ok(approval::standing(tx, recall).await?)).await.unwrap().expect("was asked for")
}

#[tokio::test]
async fn a_recall_comes_into_force_once_it_is_approved() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, decides } = people(&site).await;
    published(&site, &web, class_one()).await;
    let id = begun(&site, &wish()).await;

    // Asking holds nothing and tells nobody outside.
    let done = act_as(&site, id, Action::Activate, asks).await.unwrap();
    let waits = asked(&site, id).await;
    assert_eq!((done.status, done.batch, done.approval), (Status::Draft, None, Some(waits.instance_id)));
    assert_eq!(waits.state, State::PendingApproval);
    assert_eq!(site.ask("select count(*)::text from holds").await, "0");
    assert_eq!(site.ask("select count(*)::text from recall_letters").await, "0");
    let again = act_as(&site, id, Action::Activate, asks).await;
    assert!(matches!(again, Err(RecallError::Approval)), "{again:?}");
    // What is looked at stays as it is.
    let version = run(&site, async |tx| read::find(tx, id).await).await.unwrap().version;
    let changed = run(&site, async |tx| begin::change(tx, id, &change(version)).await).await;
    assert!(matches!(changed, Err(RecallError::Approval)));
    let taken = run(&site, async |tx| begin::take_again(tx, &sql(), id, now()).await).await;
    assert!(matches!(taken, Err(RecallError::Approval)));
    // The page says that it waits, and for whom; the API that it cannot be done.
    let writer = key(&site, site.tenant, Scope::Write).await;
    let (_, page) = web.get(&writer, &format!("/recalls/{id}")).await;
    let link = format!("href=\"/approvals/{}\"", waits.instance_id);
    assert!(page.contains(&link) && page.contains("Waits for approval"), "{page}");
    assert!(!page.contains("value=\"activate\"") && page.contains("value=\"cancel\""), "{page}");
    let path = format!("/api/v1/recalls/{id}/activate");
    let (status, told) = web.json(&writer, "POST", &path, Value::Null).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::CONFLICT, Some("recall.approval")));

    assert_eq!(decide(&site, &waits, decides, Decided::Approve).await, State::Approved);
    assert_eq!(site.ask("select status from recalls").await, "draft");
    let (_, page) = web.get(&writer, &format!("/recalls/{id}")).await;
    assert!(page.contains("value=\"activate\"") && page.contains("Approved"), "{page}");
    let done = act_as(&site, id, Action::Activate, asks).await.unwrap();
    assert!(done.status == Status::Active && done.batch.is_some() && done.approval.is_none());
    assert_eq!(asked(&site, id).await.state, State::Completed);
    assert_eq!(site.ask("select count(*)::text from hold_members").await, "7");
    let told = "select kind || ':' || (body #>> '{fields,labels}') from outbox where channel = 'event' order by kind";
    assert_eq!(site.ask(told).await, "recall.begun:8 recall.started:8");
}

#[tokio::test]
async fn what_is_refused_or_sent_back_is_asked_for_once_more() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, decides } = people(&site).await;
    published(&site, &web, class_one()).await;
    let id = begun(&site, &wish()).await;
    act_as(&site, id, Action::Activate, asks).await.unwrap();
    let first = asked(&site, id).await;
    assert_eq!(decide(&site, &first, decides, Decided::SendBack).await, State::Initiated);
    // It can be changed now, and is sent once more.
    let version = run(&site, async |tx| read::find(tx, id).await).await.unwrap().version;
    let better = Change { severity: "class_1".into(), ..change(version) };
    run(&site, async |tx| begin::change(tx, id, &better).await).await.unwrap();
    act_as(&site, id, Action::Activate, asks).await.unwrap();
    let second = asked(&site, id).await;
    assert_eq!((second.instance_id, second.state), (first.instance_id, State::PendingApproval));
    assert_eq!(decide(&site, &second, decides, Decided::Reject).await, State::Rejected);
    assert_eq!(site.ask("select count(*)::text from holds").await, "0");
    act_as(&site, id, Action::Activate, asks).await.unwrap();
    let third = asked(&site, id).await;
    assert!(third.instance_id != first.instance_id && third.state == State::PendingApproval);
    // Sent back, and asked for by somebody else: as theirs.
    assert_eq!(decide(&site, &third, decides, Decided::SendBack).await, State::Initiated);
    act_as(&site, id, Action::Activate, decides).await.unwrap();
    let fourth = asked(&site, id).await;
    assert!(fourth.instance_id != third.instance_id && fourth.state == State::PendingApproval);
    // Dropped: nobody is asked any more.
    act_as(&site, id, Action::Cancel, asks).await.unwrap();
    assert_eq!(asked(&site, id).await.state, State::Cancelled);
    assert_eq!(site.ask("select status from recalls").await, "cancelled");
}

#[tokio::test]
async fn where_no_stage_applies_or_nothing_is_published_it_comes_into_force_at_once() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, .. } = people(&site).await;
    let free = begun(&site, &wish()).await;
    assert_eq!(act_as(&site, free, Action::Activate, asks).await.unwrap().status, Status::Active);
    let none = run(&site, async |tx| Ok(approval::standing(tx, free).await?)).await.unwrap();
    assert_eq!(none, None);
    published(&site, &web, class_one()).await;
    let mild = begun(&site, &Wish { severity: "class_3".into(), ..wish() }).await;
    assert_eq!(act_as(&site, mild, Action::Activate, asks).await.unwrap().status, Status::Active);
    assert_eq!(asked(&site, mild).await.state, State::Completed);
    // A drill touches nobody: it is never asked for, and workflows hear nothing of it.
    let drill =
        begun(&site, &Wish { kind: "drill".into(), of: Some(mild), lot: String::new(), ..wish() }).await;
    act_as(&site, drill, Action::Close, asks).await.unwrap();
    let told = "select count(*)::text from outbox where channel = 'event' and kind like 'recall.%'";
    assert_eq!(site.ask(told).await, "4");
}

#[tokio::test]
async fn a_workflow_can_ask_by_itself_when_a_draft_is_begun() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, .. } = people(&site).await;
    let mut definition = class_one();
    definition["start"] = json!([{ "event": "recall.begun", "conditions": ["severity == \"class_1\""] }]);
    published(&site, &web, definition).await;
    let id = run(&site, async |tx| begin::begin(tx, &sql(), &wish(), Some(asks), now()).await).await.unwrap();
    // As the courier hears it after the commit.
    let body = site.ask("select body::text from outbox where kind = 'recall.begun'").await;
    let event: workflow::Event = serde_json::from_str(&body).unwrap();
    let subjects = subjects();
    let heard: Result<usize, DbError> =
        site.db.db.tx(&site.cx(), async |tx| workflow::hear(tx, &subjects, &event, now()).await).await;
    assert_eq!(heard.unwrap(), 1);
    assert_eq!(asked(&site, id).await.state, State::PendingApproval);
    let refused = act_as(&site, id, Action::Activate, asks).await;
    assert!(matches!(refused, Err(RecallError::Approval)), "{refused:?}");
}

async fn started(site: &Site) -> String {
    site.ask("select kind from outbox where kind in ('recall.in_force', 'recall.held_up')").await
}

#[tokio::test]
async fn what_is_approved_comes_into_force_by_itself_and_whoever_asked_is_told() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, decides } = people(&site).await;
    published(&site, &web, class_one()).await;
    let id = begun(&site, &wish()).await;
    act_as(&site, id, Action::Activate, asks).await.unwrap();
    turn(&site).await;
    assert_eq!(site.ask("select status from recalls").await, "draft", "nobody has approved it");
    let waits = asked(&site, id).await;
    let writer = key(&site, site.tenant, Scope::Write).await;
    let (_, page) = web.get(&writer, &format!("/recalls/{id}")).await;
    assert!(page.contains("By itself, once it is approved"), "{page}");
    decide(&site, &waits, decides, Decided::Approve).await;
    turn(&site).await;
    turn(&site).await;
    assert_eq!(site.ask("select status || ' by ' || activated_by from recalls").await, "active by system");
    assert_eq!(asked(&site, id).await.state, State::Completed);
    assert_eq!(site.ask("select count(*)::text from hold_members").await, "7");
    assert!(started(&site).await.starts_with("recall.in_force"), "{}", started(&site).await);
    let told = site.ask("select body::text from outbox where kind = 'recall.in_force'").await;
    assert!(told.contains(&asks.to_string()), "{told}");
    let audit = "select (after->>'start_when_approved') from audit_log where action = 'recall.begin'";
    assert_eq!(site.ask(audit).await, "true");
}

#[tokio::test]
async fn what_is_to_be_started_by_hand_waits_and_what_is_sent_back_is_not_started() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, decides } = people(&site).await;
    published(&site, &web, class_one()).await;
    let by_hand = begun(&site, &Wish { start_when_approved: Some(false), ..wish() }).await;
    act_as(&site, by_hand, Action::Activate, asks).await.unwrap();
    decide(&site, &asked(&site, by_hand).await, decides, Decided::Approve).await;
    turn(&site).await;
    assert_eq!(site.ask("select status from recalls").await, "draft");
    assert_eq!(act_as(&site, by_hand, Action::Activate, asks).await.unwrap().status, Status::Active);
    let back = begun(&site, &wish()).await;
    act_as(&site, back, Action::Activate, asks).await.unwrap();
    decide(&site, &asked(&site, back).await, decides, Decided::SendBack).await;
    turn(&site).await;
    let view = run(&site, async |tx| read::find(tx, back).await).await.unwrap();
    assert_eq!((view.status.as_str(), view.start_when_approved), ("draft", true));
    assert_eq!(
        site.ask("select approved_at::text from recalls where approved_at is not null and status = 'draft'")
            .await,
        ""
    );
    assert_eq!(started(&site).await, "");
}

#[tokio::test]
async fn what_cannot_come_into_force_waits_for_whoever_asked() {
    let site = site().await;
    let web = Web::new(&site);
    let People { asks, decides } = people(&site).await;
    published(&site, &web, class_one()).await;
    let id = begun(&site, &wish()).await;
    act_as(&site, id, Action::Activate, asks).await.unwrap();
    decide(&site, &asked(&site, id).await, decides, Decided::Approve).await;
    // What it names is not there any more.
    site.sql("update recalls set scope = '{}'").await;
    turn(&site).await;
    assert_eq!(site.ask("select status || coalesce(approved_at::text, '-') from recalls").await, "draft-");
    let told = site.ask("select body::text from outbox where kind = 'recall.held_up'").await;
    assert!(told.contains(&asks.to_string()), "{told}");
    assert_eq!(site.ask("select count(*)::text from holds").await, "0");
    assert_eq!(asked(&site, id).await.state, State::Approved, "it is approved still");
}
