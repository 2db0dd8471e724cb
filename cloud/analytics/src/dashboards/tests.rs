//! Dashboards over HTTP, on a real database and its mirror.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use chrono::Utc;
use futures_util::StreamExt;
use platform::web::{AppState, Module, Scope, app, keys};
use proto::v1::{Action, Outcome, Role, Stage};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::ask::{self, Until};
use super::model::{Before, Span};
use crate::mirror::Mirrors;
use crate::world::{Chance, Say, World, event, mirrors};

pub(super) struct Office {
    router: Router,
    key: String,
    pub(super) mirrors: Mirrors,
    _dir: tempfile::TempDir,
}

impl Office {
    pub(super) async fn of(world: &World) -> Self {
        let (mirrors, dir) = mirrors();
        let modules = vec![crate::module(&mirrors)];
        let state = AppState::builder(world.test.db.clone()).modules(&modules).build();
        let router = app(state, Module::all_routes(modules));
        let key = keys::create(&world.test.db, world.tenant, "tests", &[Scope::Write], None).await.unwrap();
        let office = Self { router, key: key.reveal().to_owned(), mirrors, _dir: dir };
        office.follow(world).await;
        office
    }

    pub(super) async fn follow(&self, world: &World) {
        self.mirrors.catch_up(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    }

    async fn call(
        &self,
        method: &str,
        path: &str,
        accept: &str,
        body: Option<Value>,
    ) -> (StatusCode, String) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::ACCEPT, accept)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 1 << 22).await.unwrap();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(super) async fn json(&self, path: &str) -> Value {
        let (status, text) = self.call("GET", path, "application/json", None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(super) async fn page(&self, path: &str) -> String {
        let (status, text) = self.call("GET", path, "text/html", None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        text
    }
}

pub(super) const ALL_DAYS: &str = "period=days&from=2025-01-01&to=2025-04-30";
const BOARDS: [&str; 5] = ["executive", "plant", "production", "quality", "receiving"];

pub(super) fn tile<'a>(board: &'a Value, kpi: &str) -> &'a Value {
    board["tiles"].as_array().unwrap().iter().find(|tile| tile["kpi"] == kpi).unwrap()
}

#[tokio::test]
async fn no_data_is_said_and_is_never_zero() {
    let world = World::new().await;
    let office = Office::of(&world).await;
    for board in BOARDS {
        let view = office.json(&format!("/api/v1/dashboards/{board}")).await;
        for tile in view["tiles"].as_array().unwrap() {
            assert_eq!((&tile["value"], &tile["standing"]), (&Value::Null, &json!("none")), "{board} {tile}");
        }
        for day in view["days"].as_array().unwrap() {
            assert!(day["packed"].is_null() && day["first_pass"].is_null(), "{day}");
        }
        let page = office.page(&format!("/dashboards/{board}")).await;
        assert!(page.contains("no data") && !page.contains("<strong>0"), "{board}: {page}");
        assert!(!page.contains("data-chart"), "{board}: nothing is drawn of nothing");
        assert!(page.contains("Not everything has come yet from: KOL"), "plants that were never heard of");
        if view["tiles"].as_array().unwrap().iter().any(|tile| tile["kpi"] == "wip") {
            assert!(page.contains("a unit leaves work when it is put away"), "what counts is said: {page}");
        }
        assert!(page.contains("<div class=\"db-behind\">"), "it has its place, whether there is one or not");
        let by_plant = "role=\"region\" aria-label=\"By plant\" tabindex=\"0\"";
        assert_eq!(page.contains(by_plant), board != "plant", "{board}: {page}");
    }
}

#[tokio::test]
async fn a_plant_whose_events_come_at_once_is_not_behind_though_some_wait() {
    let mut world = World::new().await;
    let key = world.key("KOL", "FG", 1);
    world.say("KOL", event(Stage::Grn, &Utc::now().to_rfc3339()).mint(key, "PUMP"));
    world.send("KOL", 10).await;
    let office = Office::of(&world).await;
    let behind = async || {
        let view = office.json("/api/v1/dashboards/executive").await;
        let plants = view["plants_behind"].as_array().unwrap().iter();
        plants.map(|one| one["plant"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(behind().await, ["KOL", "VSK"], "plants that were never heard of");
    // Three wait at each: of Visakhapatnam nothing has come.
    let soon = "update agents set queued_events = 3,
                last_seen_at = (select max(occurred_at) from lifecycle_events) + interval '5 seconds'";
    world.as_owner(soon).await;
    assert_eq!(behind().await, ["VSK"]);
    world.as_owner("update agents set queued_events = 0 where kind = 'plant'").await;
    assert_eq!(behind().await, Vec::<String>::new());
    // What came is as old as the backlog.
    let later = "update agents set last_seen_at = now() + interval '1 minute', queued_events = 3";
    world.as_owner(later).await;
    assert_eq!(behind().await, ["KOL", "VSK"]);
    world
        .as_owner("update agents set last_seen_at = now(), queued_events = 5000 where plant_code = 'KOL'")
        .await;
    assert_eq!(behind().await, ["KOL", "VSK"], "a long queue is one, whatever has come");
}

#[tokio::test]
async fn what_is_in_work_says_how_far_it_is_counted() {
    let mut world = World::new().await;
    for number in 1..=2 {
        let key = world.key("KOL", "FG", number);
        world.say("KOL", event(Stage::Grn, "2025-01-10T05:00:00Z").mint(key, "PUMP"));
    }
    world.send("KOL", 1).await;
    let office = Office::of(&world).await;
    let said = async || {
        let view = office.json(&format!("/api/v1/dashboards/production?{ALL_DAYS}")).await;
        assert_eq!(view["fresh"]["behind"], 0, "the mirror has all");
        (view["wip_batch"].as_i64().unwrap(), view["wip_behind"].as_i64().unwrap())
    };
    assert_eq!(said().await, (0, 2), "nothing is projected yet");
    let page = office.page(&format!("/dashboards/production?{ALL_DAYS}")).await;
    assert!(page.contains(", batch 0. 2 batches are not counted yet."), "{page}");
    trace::projection::catch_up(&world.test.db, world.tenant).await.unwrap();
    // A mirror that is current reads what units are after that.
    office.follow(&world).await;
    assert_eq!(said().await, (2, 0));
    let page = office.page(&format!("/dashboards/production?{ALL_DAYS}")).await;
    assert!(!page.contains("not counted yet"), "{page}");
}

#[tokio::test]
async fn what_is_behind_a_figure_adds_up_to_it() {
    let mut world = World::new().await;
    let mut chance = Chance::of(21);
    for nth in 0..400 {
        chance.say(&mut world, if nth % 3 == 0 { "VSK" } else { "KOL" });
    }
    world.send("KOL", 50).await;
    world.send("VSK", 50).await;
    let office = Office::of(&world).await;
    for filter in [
        ALL_DAYS.to_owned(),
        format!("{ALL_DAYS}&plant=VSK"),
        "period=days&from=2025-02-03&to=2025-02-20".into(),
    ] {
        for board in BOARDS {
            let view = office.json(&format!("/api/v1/dashboards/{board}?{filter}")).await;
            for tile in view["tiles"].as_array().unwrap() {
                let kpi = tile["kpi"].as_str().unwrap();
                let (mut added, mut seen, mut after, mut total) = (0, 0, String::new(), None);
                loop {
                    let page =
                        office.json(&format!("/api/v1/kpis/{kpi}/events?{filter}&after={after}")).await;
                    let events = page["events"].as_array().unwrap();
                    added += events.iter().map(|event| event["adds"].as_i64().unwrap()).sum::<i64>();
                    seen += events.len();
                    total = total.or(page["total"].as_i64());
                    match page["next"].as_str() {
                        Some(next) => after = next.to_owned(),
                        None => break,
                    }
                }
                assert_eq!(Some(added), total, "{board} {kpi} {filter}");
                if let Some(value) = tile["value"].as_str()
                    && !["first_pass", "outside", "incoming_pass"].contains(&kpi)
                {
                    assert_eq!(value.parse::<f64>().unwrap(), added as f64, "{board} {kpi} {filter}");
                }
                assert!(seen > 0 || added == 0);
            }
        }
    }
    // The plants' own figures add up as well.
    let view = office.json(&format!("/api/v1/dashboards/executive?{ALL_DAYS}")).await;
    let number = |tile: &Value| tile["value"].as_str().unwrap().parse::<f64>().unwrap();
    let of_plants: f64 = view["plants"].as_array().unwrap().iter().map(|row| number(&row["tiles"][0])).sum();
    assert_eq!(of_plants, number(tile(&view, "received")));
    let page = office.page(&format!("/dashboards/events/received?{ALL_DAYS}")).await;
    assert!(page.contains("/trace/UID-SAIF-"), "{page}");
    assert!(page.contains("tw-list") && page.contains("data-label=\"When\""), "it can be read by phone");
    let page = office.page(&format!("/dashboards/quality?{ALL_DAYS}")).await;
    assert!(page.contains("data-chart") && page.contains("CRACK") && page.contains("<details"), "{page}");
}

#[tokio::test]
async fn a_correction_takes_a_unit_out_of_the_figures() {
    let mut world = World::new().await;
    let key = world.key("KOL", "FG", 1);
    world.say("KOL", event(Stage::Grn, "2025-01-10T05:00:00Z").mint(key, "PUMP"));
    let mut seen =
        event(Stage::Inspection, "2025-01-11T05:00:00Z").part(key, Role::Subject).result(Outcome::Failed);
    seen.operation = "TEST".into();
    let seen = world.say("KOL", seen);
    world.send("KOL", 10).await;
    let office = Office::of(&world).await;
    let path = format!("/api/v1/dashboards/quality?{ALL_DAYS}");
    let view = office.json(&path).await;
    assert_eq!(
        (&tile(&view, "first_pass")["value"], &tile(&view, "rejects")["value"]),
        (&json!("0"), &json!("1"))
    );
    let mut correct = event(Stage::Correct, "2025-01-12T05:00:00Z");
    correct.corrects = seen.as_bytes().to_vec();
    world.say("KOL", correct);
    world.send("KOL", 10).await;
    office.follow(&world).await;
    let view = office.json(&path).await;
    assert_eq!(tile(&view, "first_pass")["value"], Value::Null, "nothing was inspected after all");
    assert_eq!(view["rejects"]["bars"], json!([]));
}

#[tokio::test]
async fn what_a_machine_reads_of_a_unit_is_no_unit_through_an_operation() {
    let mut world = World::new().await;
    let key = world.key("KOL", "FG", 1);
    world.say("KOL", event(Stage::Grn, "2025-01-10T05:00:00Z").mint(key, "PUMP"));
    let on_unit = |at: &str, action: Action, machine: &str| {
        let mut done = event(Stage::Operation, at).part(key, Role::Subject);
        (done.operation, done.machine, done.action) = ("TORQUE".into(), machine.into(), action.into());
        done
    };
    world.say("KOL", on_unit("2025-01-10T06:00:00Z", Action::Add, ""));
    for minute in 1..=3 {
        let at = format!("2025-01-10T06:0{minute}:00Z");
        let read = on_unit(&at, Action::Unspecified, "PLC1").reading("torque", "12", "10", "14");
        world.say("KOL", read);
    }
    let end = world.say("KOL", on_unit("2025-01-10T06:10:00Z", Action::Delete, ""));
    // Whole operations, of other systems: one without a machine, and one with a result.
    world.say("KOL", on_unit("2025-01-11T06:00:00Z", Action::Unspecified, ""));
    let judged = on_unit("2025-01-12T06:00:00Z", Action::Unspecified, "PLC1").result(Outcome::Passed);
    world.say("KOL", judged);
    world.send("KOL", 10).await;
    let office = Office::of(&world).await;
    let (one, all) = ("from=2025-01-10&to=2025-01-10", "from=2025-01-10&to=2025-01-12");
    let is = async |days: &str, count: usize| {
        let view = office.json(&format!("/api/v1/dashboards/production?period=days&{days}")).await;
        assert_eq!(tile(&view, "operations")["value"], json!(count.to_string()), "{view}");
        let behind = office.json(&format!("/api/v1/kpis/operations/events?period=days&{days}")).await;
        let listed = behind["events"].as_array().unwrap().len();
        assert_eq!((&behind["total"], listed), (&json!(count), count), "{behind}");
    };
    is(one, 1).await;
    is(all, 3).await;
    // The end was a mistake: sums of days follow, and equal the facts.
    let mut correct = event(Stage::Correct, "2025-01-13T05:00:00Z");
    correct.corrects = end.as_bytes().to_vec();
    world.say("KOL", correct);
    world.send("KOL", 10).await;
    office.follow(&world).await;
    is(one, 0).await;
    is(all, 2).await;
    let now = Utc::now();
    let report = crate::mirror::check::check(&office.mirrors, &world.test.db, world.tenant, now).await;
    assert_eq!(report.unwrap().differences, Vec::<String>::new());
}

#[tokio::test]
async fn the_events_behind_a_machine_are_all_that_were_recorded_of_it() {
    let mut world = World::new().await;
    let key = world.key("KOL", "FG", 1);
    world.say("KOL", event(Stage::Grn, "2025-01-10T05:00:00Z").mint(key, "PUMP"));
    for (at, action) in [("2025-01-10T06:01:00Z", Action::Add), ("2025-01-10T06:09:00Z", Action::Delete)] {
        let mut load = event(Stage::Load, at).part(key, Role::Subject);
        (load.machine, load.action) = ("PLC2".into(), action.into());
        world.say("KOL", load);
    }
    let mut torque = event(Stage::Operation, "2025-01-10T07:00:00Z").part(key, Role::Subject);
    torque.machine = "PLC1".into();
    world.say("KOL", torque.reading("torque", "12", "10", "14"));
    world.send("KOL", 10).await;
    let office = Office::of(&world).await;
    for (machine, count, stage) in [("PLC2", 2, "LOAD"), ("PLC1", 1, "OPERATION")] {
        let path = format!("/api/v1/kpis/records/events?{ALL_DAYS}&machine={machine}");
        let behind = office.json(&path).await;
        let events = behind["events"].as_array().unwrap();
        assert_eq!((&behind["total"], events.len()), (&json!(count), count), "{behind}");
        assert!(events.iter().all(|event| event["stage"] == stage && event["adds"] == 1), "{behind}");
    }
    let page = office.page(&format!("/dashboards/production?{ALL_DAYS}")).await;
    assert!(page.contains("/dashboards/events/records?"), "{page}");
    let page = office.page(&format!("/dashboards/events/records?{ALL_DAYS}&machine=PLC2")).await;
    assert!(page.contains("Records of machines") && page.contains("add up to 2."), "{page}");
}

#[tokio::test]
async fn first_pass_yield_counts_units_and_no_retest() {
    let mut world = World::new().await;
    let units = [1, 2, 3, 4].map(|number| world.key("KOL", "FG", number));
    for unit in units {
        world.say("KOL", event(Stage::Grn, "2025-01-09T05:00:00Z").mint(unit, "PUMP"));
    }
    let result = |unit: i64, at: &str, attempt: i32, outcome: Outcome| {
        let mut seen = event(Stage::Inspection, at).part(unit, Role::Subject).result(outcome);
        (seen.operation, seen.reason) = ("TEST".into(), "LEAK".into());
        seen.attempt = attempt.try_into().unwrap();
        seen
    };
    let [good, reworked, bad, late] = units;
    world.say("KOL", result(good, "2025-01-10T05:00:00Z", 1, Outcome::Passed));
    world.say("KOL", result(reworked, "2025-01-10T05:00:00Z", 1, Outcome::Failed));
    // After rework; and looked at again, as another first attempt.
    world.say("KOL", result(reworked, "2025-01-10T07:00:00Z", 2, Outcome::Passed));
    world.say("KOL", result(reworked, "2025-01-11T07:00:00Z", 1, Outcome::Passed));
    world.say("KOL", result(good, "2025-01-11T08:00:00Z", 1, Outcome::Passed));
    // One inspection of that operation it passes, another one not.
    world.say("KOL", result(bad, "2025-01-11T05:00:00Z", 1, Outcome::Passed));
    let failed = world.say("KOL", result(bad, "2025-01-12T06:00:00Z", 1, Outcome::Failed));
    // Of this one only the rework is known.
    world.say("KOL", result(late, "2025-01-11T06:00:00Z", 2, Outcome::Passed));
    world.send("KOL", 50).await;
    let office = Office::of(&world).await;
    let share = async |days: &str| {
        let view = office.json(&format!("/api/v1/dashboards/quality?period=days&{days}")).await;
        tile(&view, "first_pass")["value"].as_str().map(str::to_owned)
    };
    let (all, tenth) = ("from=2025-01-01&to=2025-01-31", "from=2025-01-10&to=2025-01-10");
    let eleventh = "from=2025-01-11&to=2025-01-11";
    let is = |text: &str| Some(text.to_owned());
    assert_eq!(share(all).await, is("33.3"), "one of three");
    assert_eq!((share(tenth).await, share(eleventh).await), (is("50"), is("0")), "each on its first day");
    assert_eq!(share("from=2025-01-12&to=2025-01-31").await, None, "nobody was inspected for the first time");
    let path = format!("/api/v1/kpis/first_pass/events?period=days&{all}");
    let behind = office.json(&path).await;
    let events = behind["events"].as_array().unwrap();
    assert_eq!((&behind["total"], events.len()), (&json!(2), 2), "{behind}");
    assert!(events.iter().all(|event| event["detail"] == "LEAK" && event["adds"] == 1), "{behind}");
    let narrowed = office.json(&format!("{path}&reason=LEAK")).await;
    assert_eq!(narrowed["total"], 2);
    // Pages say the reason in words, as the history of a unit does; the API keeps the code.
    let list = format!("/dashboards/events/first_pass?period=days&{all}&reason=LEAK");
    assert!(office.page(&list).await.contains("Reason: LEAK"), "a code that no master has stands for itself");
    world
        .sql(
            "insert into reasons (tenant_id, reason, purpose, texts)
                 values (app.tenant(), 'LEAK', 'scrap', '{\"en\": \"It leaks\"}')",
        )
        .await;
    let page = office.page(&list).await;
    assert!(page.matches(">It leaks<").count() >= 2 && page.contains("Reason: It leaks"), "{page}");
    let quality = office.page(&format!("/dashboards/quality?period=days&{all}")).await;
    assert!(quality.contains("LEAK It leaks"), "{quality}");
    let told = office.json(&path).await;
    assert!(told["events"].as_array().unwrap().iter().all(|event| event["detail"] == "LEAK"), "{told}");
    let equal = async || {
        let now = Utc::now();
        let report = crate::mirror::check::check(&office.mirrors, &world.test.db, world.tenant, now).await;
        assert_eq!(report.unwrap().differences, Vec::<String>::new());
    };
    equal().await;
    // The later failure was a mistake; and an earlier one comes late from the other plant.
    let mut correct = event(Stage::Correct, "2025-01-13T05:00:00Z");
    correct.corrects = failed.as_bytes().to_vec();
    world.say("KOL", correct);
    world.say("VSK", result(late, "2025-01-10T04:00:00Z", 1, Outcome::Failed));
    world.send("KOL", 50).await;
    world.send("VSK", 50).await;
    office.follow(&world).await;
    assert_eq!((share(tenth).await, share(eleventh).await), (is("33.3"), is("100")));
    let now = Utc::now();
    let report =
        crate::mirror::check::check(&office.mirrors, &world.test.db, world.tenant, now).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    let before = office.json(&format!("/api/v1/dashboards/quality?period=days&{all}")).await;
    office.mirrors.rebuild(&world.test.db, world.tenant, now, |_, _| {}).await.unwrap();
    let after = office.json(&format!("/api/v1/dashboards/quality?period=days&{all}")).await;
    assert_eq!(
        (&before["tiles"], &before["days"]),
        (&after["tiles"], &after["days"]),
        "built anew it is the same"
    );
}

#[tokio::test]
async fn what_is_ingested_is_on_the_dashboard_by_itself() {
    let mut world = World::new().await;
    let office = Office::of(&world).await;
    let stop = tokio_util::sync::CancellationToken::new();
    let worker = tokio::spawn(crate::mirror::run(
        office.mirrors.clone(),
        world.test.db.clone(),
        world.committed.clone(),
        stop.clone(),
    ));
    let mut heard = office.mirrors.hear(world.tenant, platform::ctx::Plants::All).unwrap();
    let path = format!("/api/v1/dashboards/receiving?{ALL_DAYS}");
    for nth in 1..=3 {
        let key = world.key("KOL", "FG", nth);
        world.say("KOL", event(Stage::Grn, "2025-01-10T05:00:00Z").mint(key, "PUMP"));
        world.send("KOL", 10).await;
        let shown = async {
            loop {
                let view = office.json(&path).await;
                let fresh = &view["fresh"];
                // The mirror itself says up to which batch it counts.
                let batch = fresh["batch"].as_u64().unwrap();
                let value = tile(&view, "received")["value"].clone();
                assert_eq!(value, if batch == 0 { Value::Null } else { json!(batch.to_string()) }, "{view}");
                if batch == nth && fresh["behind"] == 0 {
                    break;
                }
                assert!(heard.next().await);
            }
        };
        let within = tokio::time::timeout(std::time::Duration::from_secs(60), shown).await;
        within.expect("it comes by itself");
    }
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn targets_are_set_judged_and_told_when_wrong() {
    let mut world = World::new().await;
    let mut chance = Chance::of(4);
    (0..120).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 50).await;
    let office = Office::of(&world).await;
    let put =
        async |body: Value| office.call("PUT", "/api/v1/kpi-targets", "application/json", Some(body)).await;
    let (status, told) =
        put(json!({ "kpi": "first_pass", "target": "101", "plant": "NOPE", "version": 0 })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    assert!(told.contains("\"target\"") && told.contains("\"plant\""), "all at once: {told}");
    assert_eq!(
        put(json!({ "kpi": "no_such", "target": "1", "version": 0 })).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    // Who says not what they saw might overwrite another's.
    let unseen = put(json!({ "kpi": "received", "target": "0.1" })).await.0;
    assert_eq!(unseen, StatusCode::PRECONDITION_REQUIRED);
    let (status, told) = put(json!({ "kpi": "received", "target": "0.1", "version": 0 })).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{told}");
    let vsk = |target: &str, version: i32| json!({ "kpi": "received", "target": target, "plant": "VSK", "version": version });
    assert_eq!(put(vsk("5", 0)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(put(vsk("7", 0)).await.0, StatusCode::CONFLICT, "somebody set one meanwhile");
    assert_eq!(put(vsk("1000000", 1)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(put(vsk("", 1)).await.0, StatusCode::CONFLICT, "nor is another's taken away");
    let path = |plant: &str| format!("/api/v1/dashboards/receiving?{ALL_DAYS}&plant={plant}");
    let view = office.json(&path("KOL")).await;
    assert_eq!(tile(&view, "received")["standing"], "met", "{view}");
    assert_eq!(tile(&view, "received")["target"], "12", "a day's target over 120 days");
    let view = office.json(&path("VSK")).await;
    assert_eq!(tile(&view, "received")["standing"], "none", "no data misses nothing");
    let list = office.json("/api/v1/kpi-targets").await;
    assert_eq!(list["targets"].as_array().unwrap().len(), 2);
    assert!(office.page("/dashboards/targets").await.contains("VSK"));
    // The page sends what it showed.
    assert!(office.page("/dashboards/targets").await.contains("value=\"received:=1,received:VSK=2\""));
    assert_eq!(put(vsk("", 2)).await.0, StatusCode::NO_CONTENT);
    assert_eq!(office.json("/api/v1/kpi-targets").await["targets"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_typed_is_never_sql_and_other_tenants_see_nothing() {
    let mut world = World::new().await;
    let mut chance = Chance::of(9);
    (0..60).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 50).await;
    let office = Office::of(&world).await;
    for (path, expected) in [
        ("/api/v1/dashboards/executive?plant=KOL%27%20or%201%3D1", StatusCode::NOT_FOUND),
        ("/api/v1/dashboards/executive?plant=*", StatusCode::NOT_FOUND),
        ("/api/v1/dashboards/nothing", StatusCode::NOT_FOUND),
        ("/api/v1/dashboards/executive?period=days&from=x&to=y", StatusCode::BAD_REQUEST),
        ("/api/v1/kpis/received;drop/events", StatusCode::NOT_FOUND),
        ("/api/v1/kpis/received/events?after=1_2_3", StatusCode::BAD_REQUEST),
        ("/api/v1/kpis/wip/events?after=1_2_3", StatusCode::BAD_REQUEST),
        ("/api/v1/kpis/wip/events?after=KOL_12_1_1", StatusCode::OK),
        ("/api/v1/kpis/wip/events?after=KOL_12_-8000000000000000000_1", StatusCode::BAD_REQUEST),
        ("/api/v1/kpis/wip/events?after=%00_12_1_1", StatusCode::BAD_REQUEST),
    ] {
        let (status, told) = office.call("GET", path, "application/json", None).await;
        assert_eq!(status, expected, "{path}: {told}");
        if path.contains("after=") && status != StatusCode::OK {
            let told: Value = serde_json::from_str(&told).unwrap();
            assert_eq!(
                (&told["code"], &told["errors"][0]["field"]),
                (&json!("query.parameter"), &json!("after"))
            );
        }
    }
    let other = World::of(world.test.clone(), "OTHR").await;
    let key = keys::create(&other.test.db, other.tenant, "tests", &[Scope::Read], None).await.unwrap();
    let stranger = Office {
        key: key.reveal().to_owned(),
        router: office.router.clone(),
        mirrors: office.mirrors.clone(),
        _dir: tempfile::tempdir().unwrap(),
    };
    let path = format!("/api/v1/dashboards/executive?{ALL_DAYS}");
    let (status, told) = stranger.call("GET", &path, "application/json", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "not looked at yet: {told}");
    assert!(told.contains("mirror.building"), "{told}");
    assert!(stranger.page("/dashboards/executive").await.contains("being built"));
    stranger.follow(&other).await;
    assert_eq!(tile(&stranger.json(&path).await, "received")["value"], Value::Null);
    assert_eq!(stranger.json(&format!("/api/v1/kpis/received/events?{ALL_DAYS}")).await["events"], json!([]));
}

#[tokio::test]
async fn a_tenant_without_plants_sees_boards_of_nothing() {
    let world = World::new().await;
    let office = Office::of(&world).await;
    let new = world.test.tenant("NEWT", &[]).await;
    office.mirrors.catch_up(&world.test.db, new, Utc::now(), |_, _| {}).await.unwrap();
    let key = keys::create(&world.test.db, new, "tests", &[Scope::Read], None).await.unwrap();
    let key = key.reveal().to_owned();
    let (router, mirrors) = (office.router.clone(), office.mirrors.clone());
    let first = Office { key, router, mirrors, _dir: tempfile::tempdir().unwrap() };
    for board in ["executive", "quality"] {
        for period in ["", "?period=today", "?period=month"] {
            let path = format!("/api/v1/dashboards/{board}{period}");
            let (status, told) = first.call("GET", &path, "application/json", None).await;
            assert_eq!(status, StatusCode::OK, "{path}: {told}");
        }
    }
}

#[tokio::test]
async fn rights_at_one_plant_show_that_plant() {
    let mut world = World::new().await;
    let mut chance = Chance::of(13);
    (0..90).for_each(|nth| chance.say(&mut world, if nth % 2 == 0 { "KOL" } else { "VSK" }));
    world.send("KOL", 50).await;
    world.send("VSK", 50).await;
    let mut office = Office::of(&world).await;
    let path = format!("/api/v1/dashboards/executive?{ALL_DAYS}");
    let of_vsk = office.json(&format!("{path}&plant=VSK")).await;
    let at = platform::ctx::Plants::some(["VSK"]);
    let key = keys::create_at(&world.test.db, world.tenant, "vsk", &[Scope::Write], &at, None).await.unwrap();
    office.key = key.reveal().to_owned();
    let own = office.json(&path).await;
    assert_eq!((&own["tiles"], &own["days"]), (&of_vsk["tiles"], &of_vsk["days"]));
    assert_eq!(own["plants"].as_array().unwrap().len(), 1);
    let (status, _) = office.call("GET", &format!("{path}&plant=KOL"), "application/json", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let events = office.json(&format!("/api/v1/kpis/received/events?{ALL_DAYS}")).await;
    assert!(events["events"].as_array().unwrap().iter().all(|event| event["plant"] == "VSK"));
    let put =
        async |body: Value| office.call("PUT", "/api/v1/kpi-targets", "application/json", Some(body)).await.0;
    assert_eq!(
        put(json!({ "kpi": "packed", "target": "5", "version": 0 })).await,
        StatusCode::FORBIDDEN,
        "for all plants"
    );
    assert_eq!(
        put(json!({ "kpi": "packed", "target": "5", "plant": "VSK", "version": 0 })).await,
        StatusCode::NO_CONTENT
    );
    assert_ne!(
        put(json!({ "kpi": "packed", "target": "5", "plant": "KOL", "version": 0 })).await,
        StatusCode::NO_CONTENT
    );
}

#[tokio::test]
async fn a_day_that_goes_on_is_compared_with_the_same_part_of_the_day_before() {
    let mut world = World::new().await;
    let mut number = 0;
    let mut received = |world: &mut World, plant: &str, at: &str, day: Option<&str>| {
        number += 1;
        let key = world.key(plant, "FG", number);
        let mut grn = event(Stage::Grn, at).mint(key, "PUMP");
        grn.production_date = day.map_or(0, |day| crate::mirror::days(day.parse().unwrap()));
        world.say(plant, grn);
    };
    // Half past ten and half past two at Kolkata, and at night in the shift of that day.
    for at in ["2025-03-09T05:00:00Z", "2025-03-09T09:00:00Z"] {
        received(&mut world, "KOL", at, None);
        received(&mut world, "VSK", at, None);
    }
    received(&mut world, "KOL", "2025-03-09T20:00:00Z", Some("2025-03-09"));
    received(&mut world, "KOL", "2025-03-10T05:00:00Z", None);
    world.send("KOL", 10).await;
    world.send("VSK", 10).await;
    let office = Office::of(&world).await;
    let day = |text: &str| text.parse().unwrap();
    let at = |text: &str| text.parse().unwrap();
    let before =
        Before::of(&Span { from: day("2025-03-10"), to: day("2025-03-10") }, false, day("2025-03-10"));
    let noon = Until {
        plants: vec![("VSK".into(), at("2025-03-09T09:30:00Z"))],
        others: at("2025-03-09T06:30:00Z"),
    };
    let ask = async |until: Option<Until>, plants: Option<Vec<String>>| {
        let asked =
            office.mirrors.ask(world.tenant, move |conn| ask::before(conn, &plants, &before, until.as_ref()));
        let days = asked.await.unwrap().value;
        days.into_iter()
            .map(|((day, plant), counts)| (day.to_string(), plant, counts.received))
            .collect::<Vec<_>>()
    };
    let is = |plant: &str, count| ("2025-03-09".to_owned(), plant.to_owned(), count);
    assert_eq!(ask(Some(noon.clone()), None).await, [is("KOL", 1), is("VSK", 2)]);
    assert_eq!(ask(Some(noon), Some(vec!["KOL".into()])).await, [is("KOL", 1)]);
    assert_eq!(ask(None, None).await, [is("KOL", 3), is("VSK", 2)], "a whole day with a whole day");
    let view = office.json("/api/v1/dashboards/executive?period=today").await;
    assert_eq!(view["before"]["so_far"], true);
    let page = office.page("/dashboards/executive?period=today").await;
    assert!(page.contains("up to the same time of the day"), "{page}");
    // What a figure leads to are the days that it counts, though a plant's clocks are
    // hours behind and the reader's clock goes on.
    let today = view["span"]["from"].as_str().unwrap();
    let behind = format!("/dashboards/events/received?period=days&#38;from={today}&#38;to={today}\"");
    assert!(page.contains(&behind), "{behind} in {page}");
    assert!(
        !office.page(&format!("/dashboards/executive?{ALL_DAYS}")).await.contains("same time of the day")
    );
}

#[tokio::test]
async fn a_mirror_that_is_set_aside_is_said_to_have_no_data() {
    let mut world = World::new().await;
    let mut chance = Chance::of(2);
    (0..20).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 50).await;
    let office = Office::of(&world).await;
    office.mirrors.close_all().await;
    // As processes leave it that did not survive feeding it.
    let settings = office.mirrors.settings().unwrap();
    let origin: (i64, String) = {
        let mut owner = sqlx::ConnectOptions::connect(&world.test.owner).await.unwrap();
        let sql = "select generation, placement from control.tenants where tenant_id = $1";
        sqlx::query_as(sql).bind(world.tenant).fetch_one(&mut owner).await.unwrap()
    };
    let program = format!("{} {}", env!("CARGO_PKG_VERSION"), crate::mirror::VERSION);
    let crash = json!({ "times": 4, "doing": {
        "act": "step", "stretch": { "after": 0, "through": 1, "batches": 1 },
        "origin": { "generation": origin.0, "placement": origin.1, "program": program } } });
    std::fs::write(settings.crashed(world.tenant), crash.to_string()).unwrap();
    for path in ["/dashboards/executive", "/dashboards/executive/figures", "/dashboards/events/received"] {
        let page = office.page(path).await;
        assert!(page.contains("No data:") && page.contains("is-bad") && !page.contains("db-tile"), "{page}");
    }
    let (status, told) = office.call("GET", "/api/v1/dashboards/quality", "application/json", None).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.contains("mirror.aside"), "{told}");
    office.mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    assert!(!office.page("/dashboards/executive").await.contains("No data:"));
    // What cannot be checked has its figures all the same, and says so.
    let ends = json!({ "times": 4, "at": Utc::now(),
        "origin": { "generation": origin.0, "placement": origin.1, "program": program } });
    let noted = settings.dir.join(format!("{}.ended_checks", world.tenant));
    std::fs::write(&noted, ends.to_string()).unwrap();
    for path in ["/dashboards/executive", "/dashboards/executive/figures"] {
        let page = office.page(path).await;
        assert!(page.contains("cloud mirror rebuild") && page.contains("db-tile"), "{page}");
    }
    office.mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    assert!(!office.page("/dashboards/executive").await.contains("cloud mirror rebuild") && !noted.exists());
}

#[tokio::test]
async fn a_page_is_told_when_the_mirror_has_taken_something_in() {
    let mut world = World::new().await;
    let mut chance = Chance::of(17);
    (0..10).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 50).await;
    let office = Office::of(&world).await;
    let stream = async |path: &str| {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", office.key));
        office.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    assert_eq!(stream("/dashboards/live?plant=KOL%2CVSK").await.status(), StatusCode::NOT_FOUND);
    let answer = stream("/dashboards/live?plant=KOL").await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.into_body().into_data_stream();
    let mut frame = async || {
        let within = tokio::time::timeout(std::time::Duration::from_secs(60), body.next()).await;
        let bytes = within.expect("the stream goes on or ends")?;
        Some(String::from_utf8(bytes.unwrap().to_vec()).unwrap())
    };
    let told = "event: told\ndata: new\nretry: 1000\n\n";
    assert_eq!(frame().await.as_deref(), Some(told), "what may have come before");
    chance.say(&mut world, "KOL");
    world.send("KOL", 50).await;
    office.follow(&world).await;
    assert_eq!(frame().await.as_deref(), Some(told));
    office.mirrors.end_live();
    assert_eq!(frame().await, None, "it ends with the server");
    // Streams that have ended give their places back; more than may be are refused.
    let mut open = Vec::new();
    let refused = loop {
        let answer = stream("/dashboards/live").await;
        if answer.status() != StatusCode::OK {
            break answer.status();
        }
        open.push(answer);
    };
    assert_eq!((refused, open.len()), (StatusCode::TOO_MANY_REQUESTS, 6));
    let page = office.page("/dashboards/plant?plant=KOL").await;
    assert!(page.contains("data-live=\"/dashboards/live?plant=KOL\"") && page.contains("KOL"), "{page}");
}

#[test]
fn all_texts_are_there() {
    platform::i18n::assert_complete(crate::TEXTS);
}
