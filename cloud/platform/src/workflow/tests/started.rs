//! What starts without a person, and what a module hears.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures_util::future::{BoxFuture, join_all};
use serde_json::json;
use tower::ServiceExt;

use super::*;
use crate::outbox::{self, Channel, Message};
use crate::web::{AppState, Scope};
use crate::workflow::worker::turn;

const SOURCE: &str = r#"{
  "workflow_id": "reorder",
  "name": "Reorder",
  "stages": [{ "approver_role": "BUYER" }],
  "start": [
    { "event": "inventory.stock.low", "conditions": ["event.quantity < 10"], "subject": "Order {item}" },
    { "schedule": "0 9 * * MON", "time_zone": "Asia/Kolkata", "subject": "Weekly count" }
  ]
}"#;

#[tokio::test]
async fn an_event_starts_it_once_where_its_conditions_hold() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(SOURCE, None).await;
    let hear = async |name: &str, quantity: i64| {
        let event = Event {
            name: name.into(),
            fields: json!({ "item": "RM-GEAR", "quantity": quantity }),
            document: None,
        };
        office.as_system(async |tx| hear(tx, &office.subjects, &event, office.now).await).await
    };
    assert_eq!(hear("inventory.stock.low", 4).await, 1);
    assert_eq!(hear("inventory.stock.low", 40).await, 0);
    assert_eq!(hear("inventory.stock.high", 4).await, 0);
    let raised = "select subject || ' ' || source || ' ' || state from requests";
    assert_eq!(office.ask(raised).await, ["Order RM-GEAR inventory.stock.low open"]);
    assert_eq!(office.told().await, ["workflow.asked"]);
    assert_eq!(office.ask("select fired::text from workflow_triggers where kind = 'event'").await, ["1"]);
}

crate::in_every_placement! {
async fn an_event_goes_by_the_outbox_and_only_if_it_was_committed() {
    let office = Office::new().await;
    office.publish(SOURCE, None).await;
    let event =
        Event { name: "inventory.stock.low".into(), fields: json!({ "quantity": 1 }), document: None };
    let cx = Cx::system(office.tenant);
    let failed: Result<(), DbError> = office
        .test
        .db
        .tx(&cx, async |tx| {
            happened(tx, &event, office.now).await?;
            Err(sqlx::Error::RowNotFound.into())
        })
        .await;
    assert!(failed.is_err());
    office.as_system(async |tx| happened(tx, &event, office.now).await).await;
    let claimed = office.as_system(async |tx| outbox::claim(tx, outbox::Lane::People, 10, office.now).await).await;
    let kinds: Vec<_> = claimed.iter().map(|message| (message.channel, message.kind.as_str())).collect();
    assert_eq!(kinds, [(Channel::Event, "inventory.stock.low")]);
}
}

#[tokio::test]
async fn a_schedule_starts_it_once_however_many_workers_look() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(SOURCE, None).await;
    let fortnight = async || {
        let workers =
            (0..4).map(|_| turn(&office.test.db, &office.subjects, office.tenant, office.later(14 * 24)));
        join_all(workers).await.into_iter().map(Result::unwrap).sum::<usize>()
    };
    assert_eq!(fortnight().await, 1, "weeks that passed without a worker are made up for once");
    assert_eq!(fortnight().await, 0);
    assert_eq!(office.ask("select subject from requests").await, ["Weekly count"]);
    let next = "select to_char(next_at at time zone 'Asia/Kolkata', 'Dy HH24:MI') from workflow_triggers
                where kind = 'schedule' and next_at > now() + interval '14 days'";
    assert_eq!(office.ask(next).await, ["Mon 09:00"]);
    // A later revision without a start takes it away.
    let silent = r#"{ "workflow_id": "reorder", "stages": [{ "approver_role": "BUYER" }] }"#;
    office.publish(silent, None).await;
    assert_eq!(office.count("workflow_triggers").await, 0);
}

/// A definition from before such starts were refused is armed still; mail that is refused
/// starts nothing by it, or each refusal would mail the next request to the same address.
#[tokio::test]
async fn what_a_workflow_causes_starts_none() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(SOURCE, None).await;
    for name in ["delivery.dead", "mail.unreachable", "account.unreachable", "sms.bound", "workflow.asked"] {
        let armed =
            format!("update workflow_triggers set event = '{name}' where kind = 'event' returning event");
        assert_eq!(office.ask(&armed).await, [name]);
        let event = Event { name: name.into(), fields: json!({ "quantity": 1 }), document: None };
        let started = office.as_system(async |tx| hear(tx, &office.subjects, &event, office.now).await).await;
        assert_eq!(started, 0, "{name}");
    }
    assert_eq!(office.count("requests").await, 0);
    assert_eq!(office.told().await, Vec::<String>::new());
}

#[tokio::test]
async fn an_event_starts_it_only_so_often_in_an_hour_and_that_is_told_once() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(SOURCE, None).await;
    let hear = async |now| {
        let event = Event {
            name: "inventory.stock.low".into(),
            fields: json!({ "item": "RM-GEAR", "quantity": 4 }),
            document: None,
        };
        office.as_system(async |tx| hear(tx, &office.subjects, &event, now).await).await
    };
    assert_eq!(hear(office.now).await, 1);
    let nearly = super::super::triggers::MOST_AN_HOUR - 1;
    let often = format!(
        "update workflow_triggers set hour_fired = {nearly} where kind = 'event' returning hour_fired::text"
    );
    assert_eq!(office.ask(&often).await, [nearly.to_string()]);
    assert_eq!(hear(office.now).await, 1);
    for _ in 0..3 {
        assert_eq!(hear(office.now).await, 0);
    }
    assert_eq!(office.count("requests").await, 2);
    assert_eq!(office.count("outbox where kind = 'workflow.not_started'").await, 1);
    assert_eq!(hear(office.later(2)).await, 1, "the next hour");
    assert_eq!(office.count("workflow_triggers where hour_fired = 1 and last_error = ''").await, 1);
}

#[tokio::test]
async fn what_cannot_start_is_told_and_leaves_nothing() {
    let office = Office::new().await;
    office.publish(SOURCE, None).await;
    office.ask("update roles set deleted_at = now() where role = 'BUYER' returning role").await;
    let event =
        Event { name: "inventory.stock.low".into(), fields: json!({ "quantity": 1 }), document: None };
    let started = office.as_system(async |tx| hear(tx, &office.subjects, &event, office.now).await).await;
    assert_eq!(started, 0);
    assert_eq!(office.count("requests").await, 0);
    assert_eq!(office.told().await, ["workflow.not_started"]);
    assert_eq!(office.count("workflow_triggers where last_error <> ''").await, 1);
}

#[tokio::test]
async fn a_start_whose_conditions_cannot_be_judged_is_told_once() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(SOURCE, None).await;
    for _ in 0..2 {
        let fields = json!({ "item": "RM-GEAR", "qty": 4 });
        let event = Event { name: "inventory.stock.low".into(), fields, document: None };
        assert_eq!(
            office.as_system(async |tx| hear(tx, &office.subjects, &event, office.now).await).await,
            0
        );
    }
    assert_eq!(office.count("requests").await, 0);
    assert_eq!(office.told().await, ["workflow.not_started"]);
    assert_eq!(office.count("workflow_triggers where last_error like '%judged%'").await, 1);
}

/// A program ends what programs raised by the API alone.
#[tokio::test]
async fn what_an_event_raised_is_no_programs_to_end() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(SOURCE, None).await;
    let event =
        Event { name: "inventory.stock.low".into(), fields: json!({ "quantity": 1 }), document: None };
    office.as_system(async |tx| hear(tx, &office.subjects, &event, office.now).await).await;
    let id: Uuid = office.ask("select request_id::text from requests").await[0].parse().unwrap();
    let cx = Cx::system(office.tenant);
    let cancel = async || -> Result<(), WorkflowError> {
        office
            .test
            .db
            .tx(&cx, async |tx| requests::cancel(tx, &office.subjects, id, None, false, office.now).await)
            .await
    };
    assert!(matches!(cancel().await, Err(WorkflowError::NotYours)));
    office.ask("update requests set source = 'api' returning source").await;
    cancel().await.unwrap();
}

/// Who manages the workflows of another plant is not told of this one's.
#[tokio::test]
async fn what_a_plant_cannot_start_is_told_at_that_plant() {
    let office = Office::new().await;
    office.publish(SOURCE, Some("KOL")).await;
    office.ask("update roles set deleted_at = now() where role = 'BUYER' returning role").await;
    let event =
        Event { name: "inventory.stock.low".into(), fields: json!({ "quantity": 1 }), document: None };
    office.as_system(async |tx| hear(tx, &office.subjects, &event, office.now).await).await;
    let plants = "select (body->'plants')::text from outbox where kind = 'workflow.not_started'";
    assert_eq!(office.ask(plants).await, [r#"["KOL"]"#]);
}

/// A module whose document is done by being approved, and which refuses one comment.
struct Picky;

impl Subject for Picky {
    fn kind(&self) -> &'static str {
        "picky"
    }

    fn fields(&self) -> &'static [Field] {
        &[("height", Type::Number)]
    }

    fn heard<'a>(&'a self, tx: &'a mut Tx, news: &'a News) -> BoxFuture<'a, Result<After, DbError>> {
        Box::pin(async move {
            if news.comment == "fail" {
                return Err(sqlx::Error::RowNotFound.into());
            }
            outbox::put(tx, &Message::new(Channel::Mail, "picky.heard", None, json!({})), news.now).await?;
            Ok(After::Completed)
        })
    }
}

#[tokio::test]
async fn a_module_hears_in_the_same_transaction_and_its_error_undoes_the_decision() {
    let mut office = Office::new().await;
    office.subjects = Subjects::of([&Picky as &'static dyn Subject]);
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let source = r#"{ "workflow_id": "tall", "document": "picky", "stages": [
        { "approver_role": "DEPT_HEAD", "conditions": ["height > 2.5"] } ] }"#;
    office.publish(source, None).await;
    let cx = Cx::system(office.tenant);
    let begin = async |height: &str| {
        let new = Starting {
            workflow: "tall",
            kind: "picky",
            subject: Uuid::now_v7(),
            title: "Tall",
            href: "",
            plant: None,
            document: json!({ "height": height }),
            starter: None,
        };
        let done =
            office.test.db.tx(&cx, async |tx| start(tx, &office.subjects, &new, office.now).await).await;
        done.unwrap()
    };
    // No stage applies: approved and done by itself.
    assert_eq!(begin("2.5").await.state, State::Completed);
    let tall = begin("2.500001").await;
    assert_eq!(tall.state, State::PendingApproval);
    let say = async |comment: &str| {
        let decision = Decision { round: tall.round, action: Action::Approve, comment, to_stage: None };
        let done: Result<Standing, WorkflowError> = office
            .test
            .db
            .tx(&cx, async |tx| {
                decide(tx, &office.subjects, tall.instance_id, head, &decision, office.now).await
            })
            .await;
        done
    };
    assert!(say("fail").await.is_err());
    assert_eq!(office.count("workflow_seats where decision is not null").await, 0);
    assert_eq!(say("fine").await.unwrap().state, State::Completed);
    assert_eq!(office.count("outbox where kind = 'picky.heard'").await, 2);
}

/// A module that tells of its document whenever one was approved, by which the next starts.
struct Echo;

impl Echo {
    fn said() -> Event {
        let fields = json!({ "height": "1" });
        let document = EventDocument {
            kind: "echo".into(),
            id: Uuid::now_v7(),
            title: "Echo".into(),
            href: String::new(),
            plant: None,
            fields: fields.clone(),
            starter: None,
        };
        Event { name: "echo.said".into(), fields, document: Some(document) }
    }
}

impl Subject for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }

    fn fields(&self) -> &'static [Field] {
        &[("height", Type::Number)]
    }

    fn heard<'a>(&'a self, tx: &'a mut Tx, news: &'a News) -> BoxFuture<'a, Result<After, DbError>> {
        Box::pin(async move {
            happened(tx, &Echo::said(), news.now).await?;
            Ok(After::Completed)
        })
    }
}

#[tokio::test]
async fn workflows_that_start_each_other_come_to_an_end_and_that_is_told_once() {
    let mut office = Office::new().await;
    office.subjects = Subjects::of([&Echo as &'static dyn Subject]);
    office.person("Buyer", &["BUYER"]).await;
    let source = r#"{ "workflow_id": "echo", "document": "echo",
        "stages": [{ "approver_role": "BUYER", "conditions": ["height > 2"] }],
        "start": [{ "event": "echo.said", "subject": "Echo" }] }"#;
    office.publish(source, None).await;
    // As the couriers do it, until nothing waits.
    let deliver = async || {
        for _ in 0..50 {
            let claimed = office
                .as_system(async |tx| outbox::claim(tx, outbox::Lane::People, 10, office.now).await)
                .await;
            if claimed.is_empty() {
                return;
            }
            for message in &claimed {
                office
                    .as_system(async |tx| {
                        outbox::settle(tx, message, Ok(()), 0.5, office.now).await?;
                        if message.channel == Channel::Event {
                            let event: Event = serde_json::from_value(message.body.clone()).unwrap();
                            carry(tx, message.depth).await?;
                            hear(tx, &office.subjects, &event, office.now).await?;
                        }
                        Ok(())
                    })
                    .await;
            }
        }
        panic!("it does not end");
    };
    let most = i64::from(super::super::cause::DEEPEST);
    for (round, told) in [(1, 1), (2, 2)] {
        office.as_system(async |tx| happened(tx, &Echo::said(), office.now).await).await;
        deliver().await;
        assert_eq!(office.count("workflow_instances where state = 'COMPLETED'").await, round * most);
        let deep = "select max(cause_depth)::text from workflow_instances";
        assert_eq!(office.ask(deep).await, [most.to_string()]);
        assert_eq!(office.count("outbox where kind = 'workflow.not_started'").await, told);
        assert_eq!(office.count("workflow_triggers where last_error <> ''").await, 1);
    }
    // What a person does afterwards is as near as ever.
    let depth = office.as_system(async |tx| super::super::cause::depth(tx).await).await;
    assert_eq!(depth, 0);
}

const CALLED: &str = r#"{
  "workflow_id": "visitors",
  "name": "Visitors",
  "stages": [{ "approver_role": "BUYER" }],
  "start": [{ "webhook": true, "subject": "Let {who} in" }]
}"#;

/// The address of a webhook is made, made anew and ended by programs as by the page; one that
/// has ended is nothing.
#[tokio::test]
async fn the_address_of_a_webhook_is_made_and_ended_by_programs() {
    let office = Office::new().await;
    office.person("Buyer", &["BUYER"]).await;
    office.publish(CALLED, None).await;
    let modules = [crate::workflow::module(), crate::people::module()];
    let state = AppState::builder(office.test.db.clone()).modules(&modules).build();
    let router = crate::web::app(state, crate::workflow::router());
    let key = async |scope| {
        let made = crate::web::keys::create(&office.test.db, office.tenant, "test", &[scope], None).await;
        made.unwrap().reveal().to_owned()
    };
    let (admin, reader) = (key(Scope::Admin).await, key(Scope::Read).await);
    let send = async |key: &str, method: &str, path: &str, body: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "tw.test")
            .header(header::AUTHORIZATION, format!("Bearer {key}"))
            .header(header::CONTENT_TYPE, "application/json");
        let response =
            router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default())
    };
    let list = "/api/v1/workflows/triggers";
    let (status, told) = send(&reader, "GET", list, "").await;
    let one = &told["triggers"][0];
    assert_eq!(
        (status, &one["kind"], &one["has_address"]),
        (StatusCode::OK, &json!("webhook"), &json!(false))
    );
    let token = format!("{list}/{}/token", one["id"].as_str().unwrap());
    assert_eq!(send(&reader, "POST", &token, "").await.0, StatusCode::FORBIDDEN);
    assert_eq!(send(&admin, "DELETE", &token, "").await.0, StatusCode::NOT_FOUND, "it has none");
    let address = async || {
        let (status, told) = send(&admin, "POST", &token, "").await;
        assert_eq!(status, StatusCode::OK, "{told}");
        told["url"].as_str().unwrap().strip_prefix("http://localhost").unwrap().to_owned()
    };
    let call = async |path: &str, id: &str| {
        send("", "POST", path, &format!(r#"{{"id":"{id}","who":"Ravi"}}"#)).await.0
    };
    let first = address().await;
    assert_eq!(call(&first, "1").await, StatusCode::CREATED);
    let second = address().await;
    assert_eq!(call(&first, "2").await, StatusCode::NOT_FOUND, "the one before is of no use");
    assert_eq!(call(&second, "3").await, StatusCode::CREATED);
    let mistaken = async |body: &str| {
        let (status, told) = send("", "POST", &second, body).await;
        (status.as_u16(), told["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(mistaken("{").await, (400, "request.malformed".to_owned()));
    assert_eq!(mistaken("[]").await, (422, "request.invalid".to_owned()));
    let (_, told) = send(&reader, "GET", list, "").await;
    assert_eq!(
        (&told["triggers"][0]["has_address"], &told["triggers"][0]["fired"]),
        (&json!(true), &json!(2))
    );
    assert_eq!(send(&admin, "DELETE", &token, "").await.0, StatusCode::NO_CONTENT);
    assert_eq!(call(&second, "4").await, StatusCode::NOT_FOUND);
    assert_eq!(
        office.ask("select subject from requests order by number").await,
        ["Let Ravi in", "Let Ravi in"]
    );
    let audit = "select action from audit_log where action like 'workflow.webhook%' order by at";
    assert_eq!(office.ask(audit).await, ["workflow.webhook", "workflow.webhook", "workflow.webhook_end"]);
}
