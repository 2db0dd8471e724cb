//! From raising to the end: stages, refusals, sending back, standing in, revisions.

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::workflow::delegations::{self, New};
use crate::workflow::inbox;

fn refused<T: std::fmt::Debug>(result: Result<T, WorkflowError>) -> &'static str {
    result.unwrap_err().code()
}

crate::in_every_placement! {
async fn the_specifications_workflow_runs_from_end_to_end() {
    let office = Office::new().await;
    let [starter, head, accounts] = [
        office.person("Starter", &["BUYER"]).await,
        office.person("Head", &["DEPT_HEAD"]).await,
        office.person("Accounts", &["ACCOUNTANT"]).await,
    ];
    office.publish(SPEC, None).await;
    let small = office.raise(starter, "purchase_requisition", "50000").await;
    let large = office.raise(starter, "purchase_requisition", "50,000.01").await;
    assert_eq!((small.code().as_str(), large.code().as_str()), ("RQ-000001", "RQ-000002"));
    assert_eq!(office.standing(&small).await.state, State::PendingApproval);

    // Nobody but the department's head is asked, not even the accountant.
    assert_eq!(refused(office.decide(&large, accounts, Action::Approve).await), "workflow.not_asked");
    assert_eq!(refused(office.decide(&large, starter, Action::Approve).await), "workflow.not_asked");
    assert_eq!(office.decide(&small, head, Action::Approve).await.unwrap().state, State::Approved);
    let standing = office.decide(&large, head, Action::Approve).await.unwrap();
    assert_eq!((standing.state, standing.stage), (State::PendingApproval, 2));
    // The accountant may not send back: the stage does not offer it.
    assert_eq!(refused(office.decide(&large, accounts, Action::SendBack).await), "workflow.action");
    assert_eq!(office.decide(&large, accounts, Action::Approve).await.unwrap().state, State::Approved);
    assert_eq!(refused(office.decide(&large, accounts, Action::Approve).await), "workflow.settled");
    assert_eq!(office.state_of_request(&large).await, "approved");

    let cx = Cx::new(office.tenant, format!("user:{starter}"));
    let done = office
        .test
        .db
        .tx(&cx, async |tx| requests::done(tx, large.request_id, Some(starter), false, office.now).await)
        .await;
    done.unwrap();
    assert_eq!(office.standing(&large).await.state, State::Completed);
    assert_eq!(
        office.told().await,
        ["asked", "asked", "approved", "asked", "approved"].map(|kind| format!("workflow.{kind}")),
        "who says that it is done is not told so"
    );
    let cx = Cx::new(office.tenant, format!("user:{head}"));
    let done = office.test.db.tx(&cx, async |tx| {
        requests::done(tx, small.request_id, Some(head), true, office.now).await
    });
    done.await.unwrap();
    assert_eq!(office.told().await.last().map(String::as_str), Some("workflow.completed"));
    let history =
        "select what from workflow_history h join workflow_instances i using (tenant_id, instance_id)
                   where i.title like 'RQ-000002%' order by n";
    assert_eq!(
        office.ask(history).await,
        [
            "started",
            "state-pending-approval",
            "opened",
            "approve",
            "opened",
            "approve",
            "state-approved",
            "state-completed"
        ]
    );
    // Each decision is in the audit, under the name of whoever took it.
    let audit = "select actor || ' ' || (after->>'action') from audit_log where action = 'workflow.decide' order by at";
    let by = |person: Uuid| format!("user:{person} APPROVE");
    assert_eq!(office.ask(audit).await, [by(head), by(head), by(accounts)]);
}
}

#[tokio::test]
async fn a_rejection_ends_it_and_what_is_sent_back_comes_again() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "10").await;
    let standing = office.standing(&request).await;
    // Without a word nobody is refused.
    let silent = Decision { round: standing.round, action: Action::Reject, comment: "  ", to_stage: None };
    let cx = Cx::system(office.tenant);
    let done = office.test.db.tx(&cx, async |tx| {
        decide(tx, &office.subjects, standing.instance_id, head, &silent, office.now).await
    });
    assert_eq!(refused(done.await), "workflow.comment");
    assert_eq!(office.decide(&request, head, Action::SendBack).await.unwrap().state, State::Initiated);
    assert_eq!(office.state_of_request(&request).await, "sent_back");

    let change = async |person, version| {
        let typed = Typed { subject: "Bearings, fewer".into(), amount: "9".into(), ..Typed::default() };
        let done: Result<Request, RequestError> = office
            .test
            .db
            .tx(&cx, async |tx| {
                let new = requests::check(tx, &typed).await?;
                requests::change(
                    tx,
                    &office.subjects,
                    request.request_id,
                    &new,
                    Some(version),
                    Some(person),
                    office.now,
                )
                .await
            })
            .await;
        done
    };
    assert!(matches!(change(head, 2).await, Err(RequestError::Workflow(WorkflowError::NotYours))));
    assert!(matches!(change(starter, 1).await, Err(RequestError::Workflow(WorkflowError::Stale))));
    assert_eq!(office.state_of_request(&request).await, "sent_back", "what failed left nothing behind");
    change(starter, 2).await.unwrap();
    let standing = office.standing(&request).await;
    assert_eq!((standing.state, standing.round), (State::PendingApproval, 2));
    assert_eq!(office.decide(&request, head, Action::Reject).await.unwrap().state, State::Rejected);
    assert_eq!(office.state_of_request(&request).await, "rejected");
    let told = office.told().await;
    assert_eq!(told[1..], ["sent_back", "asked", "rejected"].map(|kind| format!("workflow.{kind}")));
}

#[tokio::test]
async fn it_goes_back_to_an_earlier_stage() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let manager = office.person("Manager", &["PLANT_MANAGER"]).await;
    let source = r#"{ "workflow_id": "plan", "stages": [
        { "approver_role": "DEPT_HEAD" }, { "approver_role": "PLANT_MANAGER" } ] }"#;
    office.publish(source, None).await;
    let request = office.raise(starter, "plan", "").await;
    office.decide(&request, head, Action::Approve).await.unwrap();
    let back = office.decide_at(&request, manager, Action::SendBack, Some(2), office.now).await;
    assert_eq!(refused(back), "workflow.stage");
    let back = office.decide_at(&request, manager, Action::SendBack, Some(1), office.now).await.unwrap();
    assert_eq!((back.state, back.stage, back.round), (State::PendingApproval, 1, 3));
    office.decide(&request, head, Action::Approve).await.unwrap();
    assert_eq!(office.decide(&request, manager, Action::Approve).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn of_two_at_once_one_wins_or_both_count() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let mut heads = Vec::new();
    for n in 0..6 {
        heads.push(office.person(&format!("Head{n}"), &["DEPT_HEAD"]).await);
    }
    let source = |rule: &str| {
        format!(
            r#"{{ "workflow_id": "work", "stages": [{{ "approver_role": "DEPT_HEAD", "rule": {rule} }}] }}"#
        )
    };
    let everybody = async |request: &Request| {
        let all = heads.iter().map(|head| office.decide(request, *head, Action::Approve));
        join_all(all)
            .await
            .into_iter()
            .map(|done| done.map(|standing| standing.state).map_err(|error| error.code()))
            .collect::<Vec<_>>()
    };
    office.publish(&source(r#""any""#), None).await;
    let request = office.raise(starter, "work", "").await;
    let done = everybody(&request).await;
    assert_eq!(done.iter().filter(|done| **done == Ok(State::Approved)).count(), 1, "{done:?}");
    assert_eq!(done.iter().filter(|done| **done == Err("workflow.settled")).count(), 5, "{done:?}");

    office.publish(&source(r#"{ "quorum": 3 }"#), None).await;
    let request = office.raise(starter, "work", "").await;
    let done = everybody(&request).await;
    assert_eq!(done.iter().filter(|done| **done == Ok(State::PendingApproval)).count(), 2, "{done:?}");
    assert_eq!(done.iter().filter(|done| **done == Ok(State::Approved)).count(), 1, "{done:?}");
    assert_eq!(office.count("workflow_seats where decision = 'APPROVE'").await, 4);

    office.publish(&source(r#""all""#), None).await;
    let request = office.raise(starter, "work", "").await;
    let done = everybody(&request).await;
    assert_eq!(done.iter().filter(|done| **done == Ok(State::PendingApproval)).count(), 5, "{done:?}");
    assert_eq!(done.iter().filter(|done| **done == Ok(State::Approved)).count(), 1, "{done:?}");
    assert_eq!(office.count("workflow_history where what = 'state-approved'").await, 3);

    // The same person, twice at once: one decision.
    office.publish(&source(r#"{ "quorum": 2 }"#), None).await;
    let request = office.raise(starter, "work", "").await;
    let twice = join_all([0, 1].map(|_| office.decide(&request, heads[0], Action::Approve))).await;
    assert_eq!(twice.iter().filter(|done| done.is_ok()).count(), 1, "{twice:?}");
    assert!(twice.iter().any(|done| done.as_ref().is_err_and(|error| error.code() == "workflow.decided")));
}

#[tokio::test]
async fn who_is_away_is_stood_in_for_and_nobody_approves_their_own() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["DEPT_HEAD"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let deputy = office.person("Deputy", &["SUPERVISOR"]).await;
    office.publish(SPEC, None).await;
    let lend = async |person, delegate, from, until| {
        let new = New { person, delegate, from, until, reason: "Puja" };
        let done: Result<_, WorkflowError> = office
            .test
            .db
            .tx(&Cx::system(office.tenant), async |tx| delegations::create(tx, &new, office.now).await)
            .await;
        done
    };
    assert_eq!(refused(lend(head, head, office.now, office.later(1)).await), "workflow.invalid");
    assert_eq!(refused(lend(head, deputy, office.later(2), office.later(1)).await), "workflow.invalid");
    // Nothing would reach somebody who decides nothing, or nothing at the same plant.
    let keeper = office.person("Keeper", &["STOREKEEPER"]).await;
    let here = office.person_at("Here", &["DEPT_HEAD"], Some(&["KOL"])).await;
    let there = office.person_at("There", &["DEPT_HEAD"], Some(&["VZG"])).await;
    for (person, delegate) in [(head, keeper), (here, there)] {
        let refused = lend(person, delegate, office.now, office.later(1)).await.unwrap_err();
        assert_eq!(refused.text_key(), "workflow-delegation-wrong-decides");
    }
    office
        .as_system(async |tx| {
            let sql = "delete from user_roles where user_id = any($1)";
            sqlx::query(sql).bind(vec![here, there]).execute(tx.conn()).await?;
            Ok(())
        })
        .await;
    let own = office.raise(starter, "purchase_requisition", "1").await;
    assert_eq!(refused(office.decide(&own, starter, Action::Approve).await), "workflow.own_document");
    assert_eq!(refused(office.decide(&own, deputy, Action::Approve).await), "workflow.not_asked");
    // Lent by the starter it is still the starter's own.
    lend(starter, deputy, office.now, office.later(24)).await.unwrap();
    assert_eq!(refused(office.decide(&own, deputy, Action::Approve).await), "workflow.own_document");
    let until_then = lend(head, deputy, office.now, office.later(24)).await.unwrap();
    let page = office
        .as_system(async |tx| {
            Ok(inbox::page(tx, &office.subjects, deputy, inbox::Part::default(), 10, office.now).await)
        })
        .await
        .unwrap();
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.entries[0].on_behalf_of.as_deref(), Some("Head"));
    let late = office.decide_at(&own, deputy, Action::Approve, None, office.later(24)).await;
    assert_ne!(late.unwrap_err().code(), "workflow.decided", "after its end it is lent no more");
    office.decide(&own, deputy, Action::Approve).await.unwrap();
    let seat =
        "select decided_by::text || ' ' || on_behalf_of::text from workflow_seats where decision is not null";
    assert_eq!(office.ask(seat).await, [format!("{deputy} {head}")]);
    let audit = "select after->>'on_behalf_of' from audit_log where action = 'workflow.decide'";
    assert_eq!(office.ask(audit).await, [head.to_string()]);

    // Ended early, it is over at once.
    let next = office.raise(starter, "purchase_requisition", "1").await;
    let cx = Cx::system(office.tenant);
    let done = office
        .test
        .db
        .tx(&cx, async |tx| delegations::revoke(tx, until_then.delegation_id, Some(head), office.now).await);
    done.await.unwrap();
    assert_eq!(refused(office.decide(&next, deputy, Action::Approve).await), "workflow.own_document");
    assert_eq!(office.count("audit_log where action like 'workflow.delegate%'").await, 3);
    // Both are told each time, whoever did it.
    let told = "select kind || ' ' || (body #>> '{to,person}') from outbox
                where kind like 'workflow.delegat%' and body #>> '{values,person}' = 'Head' order by message_id";
    let rows = ["workflow.delegated", "workflow.delegation_ended"]
        .map(|kind| [head, deputy].map(|who| format!("{kind} {who}")));
    assert_eq!(office.ask(told).await, rows.concat());
}

#[tokio::test]
async fn what_runs_keeps_its_revision_and_a_plant_has_its_own() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let manager = office.person("Manager", &["PLANT_MANAGER"]).await;
    let of =
        |role: &str| format!(r#"{{ "workflow_id": "work", "stages": [{{ "approver_role": "{role}" }}] }}"#);
    office.publish(&of("DEPT_HEAD"), None).await;
    let before = office.raise(starter, "work", "").await;
    office.publish(&of("PLANT_MANAGER"), None).await;
    let after = office.raise(starter, "work", "").await;
    assert_eq!(refused(office.decide(&before, manager, Action::Approve).await), "workflow.not_asked");
    assert_eq!(office.decide(&before, head, Action::Approve).await.unwrap().state, State::Approved);
    assert_eq!(office.decide(&after, manager, Action::Approve).await.unwrap().state, State::Approved);
    assert_eq!(
        office.ask("select state from workflow_definitions order by revision").await,
        ["retired", "published"]
    );

    office.publish(&of("DEPT_HEAD"), Some("KOL")).await;
    let there = office.try_raise(starter, "work", "", "KOL").await.unwrap();
    let elsewhere = office.try_raise(starter, "work", "", "VZG").await.unwrap();
    assert_eq!(office.decide(&there, head, Action::Approve).await.unwrap().state, State::Approved);
    assert_eq!(office.decide(&elsewhere, manager, Action::Approve).await.unwrap().state, State::Approved);
    let none = office.try_raise(starter, "nothing", "", "").await;
    assert!(matches!(none, Err(RequestError::Workflow(WorkflowError::NoDefinition(_)))), "{none:?}");
    assert_eq!(office.count("requests").await, 4, "what was refused left no request");
}

#[tokio::test]
async fn a_definition_is_tried_before_it_is_published() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER", "DEPT_HEAD"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    let tried = office
        .as_system(async |tx| {
            let definition = definitions::check(tx, &office.subjects, SPEC).await?.unwrap();
            definitions::simulate(tx, &definition, &json!({ "amount": "60000" }), Some(starter), office.now)
                .await
        })
        .await;
    let names: Vec<&str> = tried[0].asked.iter().map(|asked| asked.name.as_str()).collect();
    assert_eq!(names, ["Head"], "the starter is not asked");
    assert!(tried[1].applies && tried[1].asked.is_empty());
    assert_eq!(tried[1].due_at, Some(office.later(72)), "after the first stage took all of its time");
    assert_eq!(office.count("workflow_instances").await, 0);
    // A draft with a mistake is not kept.
    let cx = Cx::system(office.tenant);
    let wrong = SPEC.replace("DEPT_HEAD", "DEPT_HED");
    let kept: Result<Uuid, Wrapped> = office
        .test
        .db
        .tx(&cx, async |tx| Ok(definitions::create(tx, &office.subjects, None, &wrong).await?))
        .await;
    assert!(kept.unwrap_err().0.contains("DEPT_HED"));
    let id = office.publish(SPEC, None).await;
    let copied: Result<Uuid, Wrapped> = office
        .test
        .db
        .tx(&cx, async |tx| {
            Ok(definitions::clone(tx, &office.subjects, id, Some("expenses"), Some("KOL")).await?)
        })
        .await;
    copied.unwrap();
    let drafts = "select workflow || ' ' || plant || ' ' || (source::json->>'workflow_id')
                  from workflow_definitions where state = 'draft'";
    assert_eq!(office.ask(drafts).await, ["expenses KOL expenses"]);
}

#[tokio::test]
async fn rights_reach_as_far_as_their_plants_and_amounts() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person_at("Head", &["DEPT_HEAD"], Some(&["KOL"])).await;
    office.publish(SPEC, None).await;
    let raise = async |amount: &str, plant: &str| {
        office.try_raise(starter, "purchase_requisition", amount, plant).await.unwrap()
    };
    let (there, elsewhere, nowhere) =
        (raise("900", "KOL").await, raise("900", "VZG").await, raise("900", "").await);
    assert_eq!(refused(office.decide(&elsewhere, head, Action::Approve).await), "workflow.not_asked");
    assert_eq!(refused(office.decide(&nowhere, head, Action::Approve).await), "workflow.not_asked");
    let waits = async || {
        let page = async |tx: &mut Tx| {
            Ok(inbox::page(tx, &office.subjects, head, inbox::Part::default(), 10, office.now).await)
        };
        office.as_system(page).await.unwrap().entries.into_iter().map(|entry| entry.title).collect::<Vec<_>>()
    };
    assert_eq!(waits().await, ["RQ-000001 Bearings"]);
    assert_eq!(office.decide(&there, head, Action::Approve).await.unwrap().state, State::Approved);

    let limit = "insert into role_limits (tenant_id, role, permission, amount, currency)
                 select tenant_id, role, 'workflow.decide', 1000, 'INR' from roles where role = 'DEPT_HEAD'
                 returning role";
    office.ask(limit).await;
    let (small, large) = (raise("1000", "KOL").await, raise("1000.01", "KOL").await);
    assert_eq!(refused(office.decide(&large, head, Action::Approve).await), "workflow.amount");
    assert_eq!(waits().await, ["RQ-000004 Bearings"]);
    assert_eq!(office.decide(&small, head, Action::Approve).await.unwrap().state, State::Approved);
    // Nobody can decide the other: whoever manages workflows was told.
    assert!(office.told().await.iter().filter(|kind| *kind == "workflow.nobody").count() >= 2);
}
