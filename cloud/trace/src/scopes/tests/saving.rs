//! Wide scopes, saved by the job.

use axum::http::StatusCode;
use chrono_tz::Tz;
use platform::ctx::{Cx, Plants};
use platform::db::DbError;
use platform::web::Scope as Right;
use proto::v1::{Role, Stage};
use serde_json::{Value, json};

use super::super::asked::Patience;
use super::super::criteria::Node;
use super::super::error::ScopeError;
use super::super::model::ScopeView;
use super::super::saving::{self, AtOnce, keep};
use super::super::{service, store};
use super::oven;
use super::web::Web;
use crate::genealogy::Genealogy;
use crate::testing::{Say, Site, event, uid};

/// Nobody waits for a search, nor for a unit to be written.
const NOTHING: AtOnce = AtOnce {
    patience: Patience { each: std::time::Duration::ZERO, all: std::time::Duration::ZERO },
    units: 0,
};

async fn kept(site: &Site, cx: &Cx, criteria: Value, at_once: AtOnce) -> Result<ScopeView, ScopeError> {
    let node = Node::parse(&criteria).unwrap();
    keep(&site.db.db, (cx, Tz::UTC), &Genealogy::default(), ("Motors", &node), at_once).await
}

async fn step(site: &Site, chunk: i32) -> bool {
    saving::step(&site.db.db, site.tenant, &Genealogy::default(), chunk).await.unwrap()
}

async fn whole(site: &Site) {
    while step(site, 4).await {}
}

async fn run<T>(
    site: &Site,
    cx: &Cx,
    work: impl AsyncFnOnce(&mut platform::db::Tx) -> Result<T, ScopeError>,
) -> Result<T, ScopeError> {
    site.db.db.tx(cx, work).await
}

fn motors() -> Value {
    json!({ "all": [{ "is": { "item": "MOTOR" } }, { "not": { "event": { "station": "STORE" } } }] })
}

const STANDS: &str = "select concat_ws('/', state, asked, to_ask, written, members) from scopes";
const MEMBERS: &str = "select count(*)::text from scope_members";

#[tokio::test]
async fn a_wide_scope_is_saved_in_steps_and_goes_on_where_a_process_was_killed() {
    let mut site = oven().await;
    let scope = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap();
    assert_eq!((scope.state.as_str(), scope.members), ("saving", 0));
    assert_eq!(site.ask(STANDS).await, "saving/0/2/0/0");
    assert!(step(&site, 2).await, "looked for");
    assert_eq!(site.ask(STANDS).await, "saving/2/2/0/5");
    assert!(step(&site, 2).await);
    assert_eq!((site.ask(STANDS).await, site.ask(MEMBERS).await), ("saving/2/2/2/5".into(), "2".into()));
    // A process is killed in the middle of a step: the database ends its transaction.
    let id = scope.scope_id;
    let killed: Result<(), DbError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            assert!(store::saving::claim(tx, id).await?);
            store::saving::write(tx, id, 2, 4).await?;
            Err(sqlx::Error::WorkerCrashed.into())
        })
        .await;
    assert!(killed.is_err());
    assert_eq!((site.ask(STANDS).await, site.ask(MEMBERS).await), ("saving/2/2/2/5".into(), "2".into()));
    // What comes to fit meanwhile is not mixed into the answer.
    let late =
        event(Stage::Commission, "2025-01-21T00:00:00Z").mint(&uid("KOL", "FG", 9), Role::Subject, "MOTOR");
    site.say("KOL", late);
    site.settle().await;
    whole(&site).await;
    assert_eq!((site.ask(STANDS).await, site.ask(MEMBERS).await), ("kept/2/2/5/5".into(), "5".into()));
    assert_eq!(site.ask("select count(*)::text from scope_saves").await, "0");
    let seen = run(&site, &site.cx(), async |tx| service::members(tx, id, (None, 10)).await).await.unwrap();
    assert_eq!(seen.units.len(), 5);
    assert!(seen.units.iter().all(|unit| unit.uid != uid("KOL", "FG", 5) && unit.uid != uid("KOL", "FG", 9)));
    let audit = "select action || ':' || actor from audit_log where action like 'scope.%' order by at";
    assert_eq!(site.ask(audit).await, "scope.save:user:test scope.keep:user:test");
    let plants = "select plants::text from audit_log where action like 'scope.%' and plants is not null";
    assert_eq!(site.ask(plants).await, "", "it was asked of all plants");
}

#[tokio::test]
async fn while_another_process_is_at_it_this_one_does_nothing() {
    let site = oven().await;
    let id = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap().scope_id;
    run(&site, &site.cx(), async |tx| {
        assert!(store::saving::claim(tx, id).await?);
        assert!(!step(&site, 2).await, "claimed");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(site.ask(STANDS).await, "saving/0/2/0/0");
}

#[tokio::test]
async fn many_units_that_were_found_at_once_are_written_by_the_job_and_few_are_not() {
    let site = oven().await;
    let few = kept(&site, &site.cx(), motors(), AtOnce { units: 5, ..AtOnce::USUAL }).await.unwrap();
    assert_eq!((few.state.as_str(), few.members, few.progress), ("kept", 5, None));
    let many = kept(&site, &site.cx(), motors(), AtOnce { units: 4, ..AtOnce::USUAL }).await.unwrap();
    assert_eq!((many.state.as_str(), many.members), ("saving", 5));
    assert_eq!(site.ask("select asked || '/' || written from scopes where state = 'saving'").await, "2/0");
    whole(&site).await;
    let same = "select count(*)::text from scope_members group by scope_id";
    assert_eq!(site.ask(same).await, "5 5");
    let none = kept(&site, &site.cx(), json!({ "is": { "item": "NONE" } }), AtOnce::USUAL).await;
    assert!(matches!(none, Err(ScopeError::Empty)), "{none:?}");
}

#[tokio::test]
async fn what_is_stopped_stays_as_it_is_until_somebody_goes_on_with_it() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let id = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap().scope_id;
    let path = format!("/api/v1/scopes/{id}");
    let (_, page) = web.get(&format!("/suspects/scopes/{id}")).await;
    assert!(page.contains("every 2s") && page.contains("Being saved") && page.contains("/stop"), "{page}");
    assert!(!page.contains("/holds?scope=") && !page.contains("/recalls/new?scope="), "{page}");
    step(&site, 2).await;
    step(&site, 2).await;
    let (status, told) = web.json("POST", &format!("{path}/stop"), Value::Null).await;
    assert_eq!((status, told["state"].as_str()), (StatusCode::OK, Some("stopped")), "{told}");
    assert_eq!(told["progress"]["written"], 2);
    assert!(!step(&site, 2).await, "nothing to do");
    assert_eq!(web.json("POST", &format!("{path}/stop"), Value::Null).await.1["code"], "scope.state");
    let (_, page) = web.get(&format!("/suspects/scopes/{id}")).await;
    assert!(page.contains("Stopped") && page.contains("/again") && !page.contains("every 2s"), "{page}");
    let (_, list) = web.get("/suspects/scopes").await;
    assert!(list.contains("Stopped"), "{list}");
    let (status, told) = web.json("POST", &format!("{path}/again"), Value::Null).await;
    assert_eq!((status, told["state"].as_str()), (StatusCode::OK, Some("saving")), "{told}");
    whole(&site).await;
    assert_eq!((site.ask(STANDS).await, site.ask(MEMBERS).await), ("kept/2/2/5/5".into(), "5".into()));
    assert_eq!(web.json("POST", &format!("{path}/again"), Value::Null).await.1["code"], "scope.state");
    // A button that came too late shows how it stands.
    let (status, _, to) = web.send("POST", &format!("/suspects/scopes/{id}/stop"), "", String::new()).await;
    assert_eq!((status, to), (StatusCode::SEE_OTHER, format!("/suspects/scopes/{id}")));
    let (status, text) = web.get(&format!("/suspects/scopes/{id}/progress")).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, ""));
}

#[tokio::test]
async fn what_is_stopped_while_it_is_looked_for_keeps_nothing_of_that() {
    let site = oven().await;
    let id = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap().scope_id;
    run(&site, &site.cx(), async |tx| saving::stop(tx, id).await).await.unwrap();
    // As it is asked before each condition.
    let asked = run(&site, &site.cx(), async |tx| Ok(store::saving::asked(tx, id, 1).await?)).await.unwrap();
    assert!(!asked);
    assert_eq!(site.ask(STANDS).await, "stopped/0/2/0/0");
    run(&site, &site.cx(), async |tx| saving::again(tx, id).await).await.unwrap();
    whole(&site).await;
    assert_eq!(site.ask(STANDS).await, "kept/2/2/5/5");
}

#[tokio::test]
async fn what_an_older_version_was_to_save_is_saved() {
    let site = oven().await;
    kept(&site, &site.cx(), motors(), NOTHING).await.unwrap();
    site.sql(
        r#"update scopes set criteria =
               '{"all": [{"event": {"machine": "OVEN-1"}}, {"event": {"without_taken": true}}]}'"#,
    )
    .await;
    whole(&site).await;
    assert_eq!((site.ask(STANDS).await, site.ask(MEMBERS).await), ("kept/2/2/2/2".into(), "2".into()));
}

#[tokio::test]
async fn nothing_takes_a_half_saved_scope_for_a_whole_one() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let id = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap().scope_id;
    step(&site, 2).await;
    step(&site, 2).await;
    assert_eq!(site.ask(MEMBERS).await, "2");
    for path in ["members", "compare"] {
        let (status, told) = web.json("GET", &format!("/api/v1/scopes/{id}/{path}"), Value::Null).await;
        assert_eq!(
            (status, told["code"].as_str()),
            (StatusCode::CONFLICT, Some("scope.unfinished")),
            "{path}"
        );
    }
    let hold = json!({ "scope": id, "reason": "cracks" });
    for path in ["/api/v1/holds", "/api/v1/holds/preview"] {
        let (status, told) = web.json("POST", path, hold.clone()).await;
        assert_eq!(
            (status, told["code"].as_str()),
            (StatusCode::CONFLICT, Some("scope.unfinished")),
            "{path}"
        );
    }
    let body = format!("scope={id}&reason_text=cracks&reason=cracks");
    let (_, page, _) = web.send("POST", "/holds", "application/x-www-form-urlencoded", body).await;
    assert!(page.contains("This scope is not whole"), "{page}");
    let recall = json!({ "scope": id, "severity": "class_2", "reason": "cracks" });
    let (status, told) = web.json("POST", "/api/v1/recalls", recall).await;
    assert_eq!((status, told["code"].as_str()), (StatusCode::CONFLICT, Some("scope.unfinished")), "{told}");
    assert_eq!(
        site.ask("select (select count(*) from holds) || '/' || (select count(*) from recalls)").await,
        "0/0"
    );
    let cx = site.cx();
    let lone = run(&site, &cx, async |tx| {
        let tenant = tx.tenant();
        Ok(store::members(tx, tenant, id).await?)
    });
    assert!(lone.await.unwrap().is_empty());
    whole(&site).await;
    assert_eq!(web.json("POST", "/api/v1/holds", hold).await.0, StatusCode::CREATED);
}

#[tokio::test]
async fn who_asked_sees_what_they_may_and_nobody_else_sees_it_before_it_is_whole() {
    let mut site = oven().await;
    let there =
        event(Stage::Commission, "2025-01-20T01:00:00Z").mint(&uid("VSK", "FG", 7), Role::Subject, "MOTOR");
    site.say("VSK", there);
    site.settle().await;
    let mine = Cx::new(site.tenant, "user:vsk").at(Plants::some(["VSK"]));
    let id = kept(&site, &mine, json!({ "is": { "item": "MOTOR" } }), NOTHING).await.unwrap().scope_id;
    let path = format!("/api/v1/scopes/{id}");
    let other = Web::of(&site.db.db, site.tenant, Right::Write, Plants::some(["VSK"])).await;
    assert_eq!(other.json("GET", &path, Value::Null).await.0, StatusCode::NOT_FOUND);
    assert_eq!(other.json("POST", &format!("{path}/stop"), Value::Null).await.0, StatusCode::NOT_FOUND);
    let (_, list) = other.json("GET", "/api/v1/scopes", Value::Null).await;
    assert_eq!(list["scopes"], json!([]));
    whole(&site).await;
    let units = run(&site, &mine, async |tx| service::members(tx, id, (None, 10)).await).await.unwrap().units;
    assert_eq!(units.iter().map(|unit| unit.uid.clone()).collect::<Vec<_>>(), [uid("VSK", "FG", 7)]);
    assert_eq!(site.ask(MEMBERS).await, "1", "what others may see is not kept in it");
    assert_eq!(other.json("GET", &path, Value::Null).await.0, StatusCode::OK);
    // Another tenant's job and people see nothing of it.
    let again = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap().scope_id;
    let others = Site::of(site.again(), "OTHR").await;
    assert!(!step(&others, 2).await);
    let theirs = Web::new(&others).await;
    for (method, path) in [
        ("GET", format!("/api/v1/scopes/{again}")),
        ("POST", format!("/api/v1/scopes/{again}/stop")),
        ("POST", format!("/api/v1/scopes/{again}/again")),
        ("GET", format!("/suspects/scopes/{again}/progress")),
    ] {
        assert_eq!(theirs.json(method, &path, Value::Null).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(others.ask("select count(*)::text from scope_saves").await, "0");
    assert_eq!(site.ask("select count(*)::text from scope_saves").await, "1");
}

#[tokio::test]
async fn what_cannot_be_saved_says_why_and_what_is_deleted_unfinished_goes() {
    let site = oven().await;
    let web = Web::new(&site).await;
    let cx = site.cx();
    let id = kept(&site, &cx, json!({ "all": [{ "contains": { "uid": "NOBODY" } }] }), NOTHING);
    let id = id.await.unwrap().scope_id;
    whole(&site).await;
    let (_, told) = web.json("GET", &format!("/api/v1/scopes/{id}"), Value::Null).await;
    assert_eq!(told["state"], "failed", "{told}");
    assert_eq!(told["progress"]["failure"], "scope.criteria");
    assert_eq!(told["progress"]["failed_at"], "all[0].contains.uid");
    let (_, page) = web.get(&format!("/suspects/scopes/{id}")).await;
    assert!(page.contains("Not saved") && page.contains("all[0].contains.uid"), "{page}");
    let empty = kept(&site, &site.cx(), json!({ "is": { "item": "NONE" } }), NOTHING).await.unwrap().scope_id;
    whole(&site).await;
    let (_, told) = web.json("GET", &format!("/api/v1/scopes/{empty}"), Value::Null).await;
    assert_eq!(told["progress"]["failure"], "scope.empty", "{told}");
    // Half a scope leaves nothing when it is deleted.
    let half = kept(&site, &site.cx(), motors(), NOTHING).await.unwrap().scope_id;
    step(&site, 4).await;
    step(&site, 4).await;
    assert_eq!(site.ask(MEMBERS).await, "4");
    for id in [id, empty, half] {
        let done = web.json("DELETE", &format!("/api/v1/scopes/{id}"), Value::Null).await.0;
        assert_eq!(done, StatusCode::NO_CONTENT);
    }
    while step(&site, 2).await {}
    let sums = "select (select count(*) from scopes) || '/' || (select count(*) from scope_saves) || '/' ||
                (select count(*) from scope_members)";
    assert_eq!(site.ask(sums).await, "0/0/0");
}

/// How fast it is: `cargo test -p trace --lib -- --ignored --nocapture a_million_units_are_saved`.
#[tokio::test]
#[ignore = "a measurement"]
async fn a_million_units_are_saved() {
    let site = Site::new().await;
    site.sql(
        "insert into uid_registry (tenant_id, key, item, plant, born_agent, born_epoch, born_seq, born_at, last_at,
             last_stage)
         select app.tenant(), 3474000000000000000 + g, 'WIDE', 'KOL', gen_random_uuid(), 1, g, now(), now(), 3
         from generate_series(1, 1000000) g",
    )
    .await;
    let began = std::time::Instant::now();
    let scope = kept(&site, &site.cx(), json!({ "is": { "item": "WIDE" } }), AtOnce::USUAL).await.unwrap();
    println!("answered {} after {:?}", scope.state, began.elapsed());
    let mut longest = std::time::Duration::ZERO;
    loop {
        let one = std::time::Instant::now();
        if !step(&site, saving::CHUNK).await {
            break;
        }
        longest = longest.max(one.elapsed());
    }
    println!("whole after {:?}, longest step {longest:?}", began.elapsed());
    assert_eq!(site.ask(MEMBERS).await, "1000000");
}
