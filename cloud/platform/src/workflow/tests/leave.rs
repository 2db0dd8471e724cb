//! People who leave while they are asked: named ones, holders of a role, erased ones.

use futures_util::future::join_all;

use super::*;
use crate::files::Files;
use crate::people::By;
use crate::personal::{self, Kind, Person};
use crate::secrets::Secrets;
use crate::workflow::worker::turn;
use crate::workflow::{inbox, show, vacancy};

/// The second stage asks two people by name, and both of them.
const NAMED: &str = r#"{
  "workflow_id": "buy",
  "stages": [
    { "name": "Head", "approver_role": "DEPT_HEAD" },
    { "name": "Names", "approvers": [{ "person": "Ravi@saif.example" }, { "person": "meera@saif.example" }],
      "rule": "all", "sla_hours": 24, "escalation": { "escalate_to": "PLANT_MANAGER", "after_hours": 30 } }
  ]
}"#;
/// Everybody who has the role.
const EVERYBODY: &str = r#"{ "workflow_id": "work", "stages": [{ "name": "All", "approver_role": "DEPT_HEAD", "rule": "all" }] }"#;

impl Office {
    async fn look(&self) -> usize {
        turn(&self.test.db, &self.subjects, self.tenant, self.now).await.unwrap()
    }

    async fn set_status(&self, name: &str, status: &str) {
        let sql = format!("update users set status = '{status}' where name = '{name}' returning name");
        assert_eq!(self.ask(&sql).await, [name]);
    }

    async fn cancel(&self, request: &Request, person: Uuid, manages: bool) -> State {
        let id = self.standing(request).await.instance_id;
        let cx = Cx::new(self.tenant, format!("user:{person}"));
        let done: Result<Standing, WorkflowError> = self
            .test
            .db
            .tx(&cx, async |tx| cancel(tx, &self.subjects, id, Some(person), manages, "", self.now).await)
            .await;
        done.unwrap().state
    }

    async fn stuck(&self, request: &Request) -> Option<&'static str> {
        let id = self.standing(request).await.instance_id;
        self.as_system(async |tx| show::stuck(tx, &self.subjects, id, self.now).await).await
    }

    /// Whom a notice of this kind was for, the last first.
    async fn told_whom(&self, kind: &str) -> Vec<String> {
        let sql = format!(
            "select coalesce((select name from users u where (o.body->'to')::text like '%' || u.user_id || '%'
                              or o.target = u.user_id), '')
             from outbox o where channel = 'notice' and kind = '{kind}' order by message_id desc"
        );
        self.ask(&sql).await
    }
}

#[tokio::test]
async fn named_people_who_left_freeze_nothing() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let manager = office.person("Manager", &["PLANT_MANAGER"]).await;
    office.person("Ravi", &["ACCOUNTANT"]).await;
    let meera = office.person("Meera", &["ACCOUNTANT"]).await;
    office.person("Boss", &["ADMIN"]).await;
    office.publish(NAMED, None).await;
    let [first, second, third] = [
        office.raise(starter, "buy", "10").await,
        office.raise(starter, "buy", "20").await,
        office.raise(starter, "buy", "30").await,
    ];
    office.set_status("Ravi", "disabled").await;
    let erased = Person { kind: Kind::User, key: meera.to_string() };
    let cx = Cx::new(office.tenant, "user:boss");
    let (by, secrets) = (By::operator(&cx), Secrets::passing().unwrap());
    personal::erase(&office.test.db, &Files::none(), &secrets, &by, &erased, office.now).await.unwrap();

    // Her address is in no text, and never was in the audit.
    let of_her = "workflow_definitions where lower(source || people::text) like '%meera%'";
    assert_eq!(office.count(of_her).await, 0);
    assert_eq!(office.count(&format!("workflow_definitions where people::text like '%{meera}%'")).await, 1);
    assert_eq!(
        office.count("audit_log where action = 'workflow.draft' and after::text like '%@saif%'").await,
        0
    );
    let by_id = format!("audit_log where action = 'workflow.draft' and after::text like '%user:{meera}%'");
    assert_eq!(office.count(&by_id).await, 1);

    // Approving opens the stage of those who left, and whoever manages is told.
    let open = office.decide(&first, head, Action::Approve).await.unwrap();
    assert_eq!((open.state, open.stage), (State::PendingApproval, 2));
    assert_eq!(office.told().await.last().map(String::as_str), Some("workflow.nobody"));
    assert_eq!(office.stuck(&first).await, Some("workflow-nobody"));
    assert_eq!(office.look().await, 0, "it was known when the stage was opened");
    // It escalates, and the deputy settles it.
    assert_eq!(turn(&office.test.db, &office.subjects, office.tenant, office.later(31)).await.unwrap(), 1);
    assert_eq!(office.stuck(&first).await, None);
    assert_eq!(office.decide(&first, manager, Action::Approve).await.unwrap().state, State::Approved);
    // It is taken back before and in that stage.
    assert_eq!(office.cancel(&second, starter, false).await, State::Cancelled);
    office.decide(&third, head, Action::Approve).await.unwrap();
    assert_eq!(office.cancel(&third, manager, true).await, State::Cancelled);
    // And a new one starts, is in the inbox, and goes on.
    let fourth = office.raise(starter, "buy", "40").await;
    let page = async |tx: &mut Tx| {
        Ok(inbox::page(tx, &office.subjects, head, inbox::Part::default(), 10, office.now).await)
    };
    let entries = office.as_system(page).await.unwrap().entries;
    assert_eq!(entries.iter().map(|entry| entry.actions.len()).collect::<Vec<_>>(), [3]);
    assert_eq!(office.decide(&fourth, head, Action::Approve).await.unwrap().stage, 2);
}

/// The title of a plant's document is nothing for who manages those of another.
#[tokio::test]
async fn that_nobody_can_decide_is_told_at_the_plant_of_the_document() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(EVERYBODY, None).await;
    office.try_raise(starter, "work", "10", "KOL").await.unwrap_or_else(|error| panic!("{error:?}"));
    office.set_status("Head", "disabled").await;
    assert_eq!(office.look().await, 1);
    let plants = "select (body->'plants')::text from outbox where kind = 'workflow.nobody'";
    assert_eq!(office.ask(plants).await, [r#"["KOL"]"#]);
}

/// One that cannot be looked at is passed over, and looked at again another time.
#[tokio::test]
async fn one_that_is_passed_over_keeps_no_other_waiting() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(EVERYBODY, None).await;
    let first = office.raise(starter, "work", "10").await;
    let second = office.raise(starter, "work", "20").await;
    office.set_status("Head", "disabled").await;
    let (first, second) =
        (office.standing(&first).await.instance_id, office.standing(&second).await.instance_id);
    let mut at = None;
    let look =
        async |tx: &mut Tx| Ok(vacancy::step(tx, &office.subjects, &[first], &mut at, office.now).await);
    assert!(office.as_system(look).await.unwrap());
    assert_eq!(at, Some(second));
    assert_eq!(office.look().await, 1, "the first one");
}

#[tokio::test]
async fn a_named_person_who_comes_back_is_asked_again() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    let ravi = office.person("Ravi", &["ACCOUNTANT"]).await;
    let meera = office.person("Meera", &["ACCOUNTANT"]).await;
    office.publish(NAMED, None).await;
    let request = office.raise(starter, "buy", "10").await;
    office.decide(&request, head, Action::Approve).await.unwrap();
    office.set_status("Ravi", "disabled").await;
    assert_eq!(office.look().await, 1);
    assert_eq!(office.look().await, 0, "once");
    assert_eq!(office.stuck(&request).await, Some("workflow-short"), "Meera alone is not enough");
    assert_eq!(office.told().await.last().map(String::as_str), Some("workflow.nobody"));
    // Who was named is waited for: one yes is not two.
    let standing = office.decide(&request, meera, Action::Approve).await.unwrap();
    assert_eq!(standing.state, State::PendingApproval);
    assert_eq!(
        office.decide(&request, ravi, Action::Approve).await.unwrap_err().code(),
        "workflow.not_asked"
    );
    office.set_status("Ravi", "active").await;
    assert_eq!((office.look().await, office.look().await), (1, 0));
    assert_eq!(office.stuck(&request).await, None);
    assert_eq!(office.told_whom("workflow.asked").await[0], "Ravi");
    assert_eq!(office.decide(&request, ravi, Action::Approve).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn everybody_of_a_role_is_everybody_who_still_has_it() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let a = office.person("Anil", &["DEPT_HEAD"]).await;
    let b = office.person("Bina", &["DEPT_HEAD"]).await;
    // She may decide by another role, but not what everybody with this one is asked.
    let c = office.person("Chitra", &["DEPT_HEAD", "ACCOUNTANT"]).await;
    office.publish(EVERYBODY, None).await;

    // The last one whom it waits for leaves: the worker sees that it is approved.
    let request = office.raise(starter, "work", "").await;
    office.decide(&request, a, Action::Approve).await.unwrap();
    office.decide(&request, b, Action::Approve).await.unwrap();
    let lost = format!("delete from user_roles where user_id = '{c}' and role = 'DEPT_HEAD' returning role");
    office.ask(&lost).await;
    let done: usize = join_all((0..4).map(|_| office.look())).await.into_iter().sum();
    assert_eq!(done, 1, "many workers do it once");
    assert_eq!(office.state_of_request(&request).await, "approved");
    assert_eq!(office.count("workflow_history where what = 'vacated'").await, 1);
    assert_eq!(office.count("workflow_history where what = 'state-approved'").await, 1);
    assert_eq!(
        office.count("audit_log where action = 'workflow.move' and after->>'state' = 'APPROVED'").await,
        1
    );

    // Who left before the others decide is not waited for, without a worker too.
    let give = format!(
        "insert into user_roles (tenant_id, user_id, role) values ('{}', '{c}', 'DEPT_HEAD') returning role",
        office.tenant
    );
    office.ask(&give).await;
    let request = office.raise(starter, "work", "").await;
    office.ask(&lost).await;
    assert_eq!(office.decide(&request, c, Action::Approve).await.unwrap_err().code(), "workflow.not_asked");
    office.decide(&request, a, Action::Approve).await.unwrap();
    assert_eq!(office.decide(&request, b, Action::Approve).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn where_nobody_is_left_managers_are_told_and_whoever_gets_the_role_decides() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    office.person("Anil", &["DEPT_HEAD"]).await;
    office.person("Bina", &["DEPT_HEAD"]).await;
    office.publish(EVERYBODY, None).await;
    let request = office.raise(starter, "work", "").await;
    office.set_status("Anil", "disabled").await;
    assert_eq!((office.look().await, office.stuck(&request).await), (1, None), "Bina is left");
    assert!(!office.told().await.contains(&"workflow.nobody".to_owned()));
    office.set_status("Bina", "disabled").await;
    assert_eq!((office.look().await, office.look().await), (1, 0));
    assert_eq!(office.told().await.iter().filter(|kind| *kind == "workflow.nobody").count(), 1);
    assert_eq!(office.stuck(&request).await, Some("workflow-nobody"));
    assert_eq!(office.standing(&request).await.state, State::PendingApproval, "silence is no approval");
    let new = office.person("Dev", &["DEPT_HEAD"]).await;
    assert_eq!((office.look().await, office.look().await), (1, 0));
    assert_eq!(office.told_whom("workflow.asked").await[0], "Dev");
    assert_eq!(office.decide(&request, new, Action::Approve).await.unwrap().state, State::Approved);

    // The same where one of a role is asked and the only one who has it leaves.
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "10").await;
    office.set_status("Dev", "disabled").await;
    assert_eq!((office.look().await, office.look().await), (1, 0));
    assert_eq!(office.stuck(&request).await, Some("workflow-nobody"));
    assert_eq!(office.told().await.iter().filter(|kind| *kind == "workflow.nobody").count(), 2);
}

#[tokio::test]
async fn a_role_that_loses_the_right_leaves_its_seats() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let anil = office.person("Anil", &["DEPT_HEAD"]).await;
    office.publish(EVERYBODY, None).await;
    office.publish(SPEC, None).await;
    let all = office.raise(starter, "work", "").await;
    let one = office.raise(starter, "purchase_requisition", "10").await;
    assert_eq!(office.look().await, 0);
    let change = async |how: &str| {
        let sql = format!(
            "update roles set permissions = {how}(permissions, 'workflow.decide') where role = 'DEPT_HEAD'
             returning role"
        );
        assert_eq!(office.ask(&sql).await, ["DEPT_HEAD"]);
    };
    change("array_remove").await;
    assert_eq!((office.look().await, office.look().await), (2, 0), "each once");
    for request in [&all, &one] {
        assert_eq!(office.stuck(request).await, Some("workflow-nobody"));
    }
    assert_eq!(office.told().await.iter().filter(|kind| *kind == "workflow.nobody").count(), 2);
    assert_eq!(office.standing(&all).await.state, State::PendingApproval, "silence is no approval");
    change("array_append").await;
    assert_eq!((office.look().await, office.look().await), (2, 0));
    assert_eq!(office.told_whom("workflow.asked").await.len(), 4, "he is told of both again");
    assert_eq!(office.stuck(&one).await, None);
    assert_eq!(office.decide(&all, anil, Action::Approve).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn a_limit_that_is_lowered_leaves_the_seats_of_what_is_beyond_it() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let anil = office.person("Anil", &["DEPT_HEAD"]).await;
    // She reaches further by another role.
    let bina = office.person("Bina", &["DEPT_HEAD", "ACCOUNTANT"]).await;
    office.publish(EVERYBODY, None).await;
    office.publish(SPEC, None).await;
    let limit = async |role: &str, amount: Option<&str>| {
        office.ask(&format!("delete from role_limits where role = '{role}' returning role")).await;
        let Some(amount) = amount else { return };
        let sql = format!(
            "insert into role_limits (tenant_id, role, permission, amount, currency)
             select tenant_id, role, 'workflow.decide', {amount}, 'INR' from roles where role = '{role}'
             returning role"
        );
        assert_eq!(office.ask(&sql).await, [role]);
    };
    limit("DEPT_HEAD", Some("50000")).await;
    let large = office.raise(starter, "work", "40000").await;
    let small = office.raise(starter, "work", "900").await;
    let unpriced = office.raise(starter, "work", "").await;
    let one = office.raise(starter, "purchase_requisition", "40000").await;
    assert_eq!(office.look().await, 0);
    // Up to what is within it still, all stay.
    limit("DEPT_HEAD", Some("40000")).await;
    assert_eq!(office.look().await, 0);
    limit("DEPT_HEAD", Some("1000")).await;
    assert_eq!((office.look().await, office.look().await), (1, 0), "of the large one alone");
    assert_eq!(office.count("workflow_history where what = 'vacated'").await, 1, "of Anil");
    assert_eq!(office.decide(&large, anil, Action::Approve).await.unwrap_err().code(), "workflow.amount");
    assert_eq!((office.stuck(&large).await, office.stuck(&one).await), (None, None), "she is there");
    // Her other role loses it too: nobody is left, and whoever manages is told.
    limit("ACCOUNTANT", Some("39999.999999")).await;
    assert_eq!((office.look().await, office.look().await), (2, 0));
    for request in [&large, &one] {
        assert_eq!(office.stuck(request).await, Some("workflow-nobody"));
        assert_eq!(office.standing(request).await.state, State::PendingApproval, "silence is no approval");
    }
    assert_eq!(office.told().await.iter().filter(|kind| *kind == "workflow.nobody").count(), 2);
    for request in [&small, &unpriced] {
        assert_eq!(office.stuck(request).await, None);
    }
    // Whoever is let decide it again is told so, and does.
    let told = office.told_whom("workflow.asked").await.len();
    limit("DEPT_HEAD", None).await;
    assert_eq!((office.look().await, office.look().await), (2, 0));
    assert_eq!(office.told_whom("workflow.asked").await.len(), told + 4, "both of both");
    office.decide(&large, bina, Action::Approve).await.unwrap();
    assert_eq!(office.decide(&large, anil, Action::Approve).await.unwrap().state, State::Approved);
}

/// The database judges an amount by a limit as the program does.
#[tokio::test]
async fn an_amount_is_within_a_limit_for_the_database_where_it_is_for_the_program() {
    use rust_decimal::Decimal;

    use crate::web::{Amount, Grant, Rights, limits};
    use crate::workflow::asked::Place;

    let office = Office::new().await;
    for document in [
        serde_json::json!({}),
        serde_json::json!({ "amount": null, "currency": 5 }),
        serde_json::json!({ "amount": "1000" }),
        serde_json::json!({ "amount": "1000.000001" }),
        serde_json::json!({ "amount": " -999.5 " }),
        serde_json::json!({ "amount": "-1001", "currency": "INR" }),
        serde_json::json!({ "amount": 1000 }),
        serde_json::json!({ "amount": 1000.5 }),
        serde_json::json!({ "amount": "5", "currency": "USD" }),
        serde_json::json!({ "amount": "5", "currency": null }),
        serde_json::json!({ "amount": "5", "currency": 7 }),
        serde_json::json!({ "amount": "many" }),
        serde_json::json!({ "amount": true }),
        serde_json::json!({ "amount": "99999999999999999999999999999999" }),
    ] {
        let limit = Amount { amount: Decimal::from(1000), currency: "INR".into() };
        let grant = Grant {
            permissions: vec!["workflow.decide".into()],
            limits: [("workflow.decide".to_owned(), limit)].into(),
            ..Grant::default()
        };
        let rights = Rights::of_grants([grant]);
        let program = Place::of(None, &document).amount.is_none_or(|(amount, currency)| {
            limits::allows(&rights, &crate::workflow::DECIDE, None, amount, &currency).is_ok()
        });
        let sql = format!("select app.within_limit('{document}', 1000, 'INR')::text");
        assert_eq!(office.ask(&sql).await, [program.to_string()], "{document}");
    }
}

#[tokio::test]
async fn everybody_of_a_role_is_more_than_two_hundred_people_where_they_are() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let zed = office.person("Zed", &["DEPT_HEAD"]).await;
    office
        .as_system(async |tx| {
            for sql in [
                "insert into users (tenant_id, user_id, email, name, status)
                 select $1, gen_random_uuid(), 'a' || n || '@saif.example', 'A' || n, 'active'
                 from generate_series(1, 230) n",
                "insert into user_roles (tenant_id, user_id, role)
                 select $1, user_id, 'DEPT_HEAD' from users where tenant_id = $1 and name ~ '^A[0-9]'",
            ] {
                sqlx::query(sql).bind(office.tenant).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    office.publish(EVERYBODY, None).await;
    let request = office.raise(starter, "work", "").await;
    assert_eq!(office.count("workflow_seats").await, 231);
    assert_eq!(office.told_whom("workflow.asked").await.len(), 231);
    let standing = office.decide(&request, zed, Action::Approve).await.unwrap();
    assert_eq!(standing.state, State::PendingApproval, "the last by name has a seat, and is one of many");
}

#[tokio::test]
async fn what_cannot_be_read_is_seen_and_can_be_taken_back() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    let request = office.raise(starter, "purchase_requisition", "10").await;
    office.ask("update workflow_definitions set source = '{' returning name").await;
    let id = office.standing(&request).await.instance_id;
    let page = async |tx: &mut Tx| {
        Ok(inbox::page(tx, &office.subjects, head, inbox::Part::default(), 10, office.now).await)
    };
    let entries = office.as_system(page).await.unwrap().entries;
    assert_eq!((entries.len(), entries[0].actions.len(), entries[0].bulk), (1, 0, false));
    let look = async |tx: &mut Tx| {
        Ok(show::instance(tx, &office.subjects, id, Some(head), &|_| false, office.now).await)
    };
    assert!(office.as_system(look).await.unwrap().definition.is_none());
    let refused = office.decide(&request, head, Action::Approve).await.unwrap_err();
    assert_eq!(refused.code(), "workflow.unreadable");
    let new = office.try_raise(starter, "purchase_requisition", "10", "").await;
    assert!(matches!(new, Err(RequestError::Workflow(WorkflowError::Unreadable(_)))), "{new:?}");
    assert_eq!(office.cancel(&request, starter, false).await, State::Cancelled);
}

#[tokio::test]
async fn who_is_asked_is_looked_for_at_the_plant_before_it_is_cut() {
    let office = Office::new().await;
    let starter = office.person("Starter", &["BUYER"]).await;
    let zed = office.person_at("Zed", &["DEPT_HEAD"], Some(&["KOL"])).await;
    office
        .as_system(async |tx| {
            for sql in [
                "insert into users (tenant_id, user_id, email, name, status)
                 select $1, gen_random_uuid(), 'a' || n || '@saif.example', 'A' || n, 'active'
                 from generate_series(1, 205) n",
                "insert into user_roles (tenant_id, user_id, role, plants)
                 select $1, user_id, 'DEPT_HEAD', '{VZG}' from users where tenant_id = $1 and name ~ '^A[0-9]'",
            ] {
                sqlx::query(sql).bind(office.tenant).execute(tx.conn()).await?;
            }
            Ok(())
        })
        .await;
    office.publish(EVERYBODY, None).await;
    let request = office.try_raise(starter, "work", "", "KOL").await.unwrap();
    assert_eq!(office.told_whom("workflow.asked").await, ["Zed"]);
    assert_eq!(office.decide(&request, zed, Action::Approve).await.unwrap().state, State::Approved);
}

#[tokio::test]
async fn an_amount_that_is_a_number_meets_the_limit_and_nonsense_does_not_start() {
    let office = Office::new().await;
    let head = office.person("Head", &["DEPT_HEAD"]).await;
    office.publish(SPEC, None).await;
    let limit = "insert into role_limits (tenant_id, role, permission, amount, currency)
                 select tenant_id, role, 'workflow.decide', 1000, 'INR' from roles where role = 'DEPT_HEAD'
                 returning role";
    office.ask(limit).await;
    let cx = Cx::system(office.tenant);
    let begin = async |amount: serde_json::Value| {
        let new = Starting {
            workflow: "purchase_requisition",
            kind: requests::KIND,
            subject: Uuid::now_v7(),
            title: "Bearings",
            href: "",
            plant: None,
            document: serde_json::json!({ "amount": amount }),
            starter: None,
        };
        let done: Result<Standing, WorkflowError> =
            office.test.db.tx(&cx, async |tx| start(tx, &office.subjects, &new, office.now).await).await;
        done
    };
    let approve = async |standing: &Standing| {
        let decision =
            Decision { round: standing.round, action: Action::Approve, comment: "", to_stage: None };
        let done: Result<Standing, WorkflowError> = office
            .test
            .db
            .tx(&cx, async |tx| {
                decide(tx, &office.subjects, standing.instance_id, head, &decision, office.now).await
            })
            .await;
        done
    };
    let large = begin(serde_json::json!(1000.01)).await.unwrap();
    assert_eq!(approve(&large).await.unwrap_err().code(), "workflow.amount");
    let small = begin(serde_json::json!(1000)).await.unwrap();
    assert_eq!(approve(&small).await.unwrap().state, State::Approved);
    let kept = "select document->>'amount' from workflow_instances order by instance_id";
    assert_eq!(office.ask(kept).await, ["1000.01", "1000"]);
    for wrong in [serde_json::json!(true), serde_json::json!("a lot"), serde_json::json!({ "value": 1 })] {
        let refused = begin(wrong.clone()).await.unwrap_err();
        assert_eq!((refused.code(), refused.field()), ("workflow.money", Some("amount")), "{wrong}");
        assert!(refused.to_string().contains("52000.50"), "it says what is expected: {refused}");
    }
    assert_eq!(office.count("workflow_instances").await, 2);
}

/// A definition where documents would get stuck is published at the second word only, and
/// its trial takes any field that conditions ask for.
#[tokio::test]
async fn what_nobody_can_decide_is_asked_once_more() {
    let site = super::files::Site::new().await;
    let office = &site.office;
    let (_, cookie) = site.join(office.tenant, "Admin", "ADMIN").await;
    site.join(office.tenant, "Head", "DEPT_HEAD").await;
    let source = r#"{ "workflow_id": "work", "name": "Work", "stages": [
        { "name": "Heads", "approver_role": "DEPT_HEAD", "rule": { "quorum": 2 },
          "conditions": ["event.quantity > 10"] },
        { "name": "Stores", "approver_role": "BUYER" } ] }"#;
    let id = office
        .as_system(async |tx| {
            let made = definitions::create(tx, &office.subjects, None, source).await;
            Ok(made.unwrap_or_else(|error| panic!("{error:?}")))
        })
        .await;
    let publish = format!("/workflows/{id}/publish");
    let (status, page) = site.form(&cookie, &publish, "version=1".into()).await;
    assert_eq!(status.as_u16(), 422, "{page}");
    for told in ["id=\"short\"", "Heads: it takes 2 approvals, and only 1 can give one.", "Stores: nobody"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(page.contains("name=\"sure\" value=\"true\""), "{page}");
    assert_eq!(office.count("workflow_definitions where state = 'published'").await, 0);
    let (status, page) = site.form(&cookie, &publish, "version=1&sure=true".into()).await;
    assert_eq!(status.as_u16(), 303, "{page}");
    assert_eq!(office.count("workflow_definitions where state = 'published'").await, 1);

    let tried = async |fields: &str| {
        let form = [("source", source), ("try_fields", fields)];
        site.form(&cookie, "/workflows/try", serde_urlencoded::to_string(form).unwrap()).await.1
    };
    let known = tried(r#"{"event": {"quantity": 12}}"#).await;
    let unknown = tried("").await;
    assert!(known.contains("Heads") && unknown.contains("the example lacks a value"), "{unknown}");
    assert!(!known.contains("the example lacks a value"), "{known}");
    assert!(tried("{").await.contains("no JSON object"));
}
