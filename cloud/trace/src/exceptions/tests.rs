//! The inbox over HTTP, with the real router and database.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::{TimeDelta, Utc};
use platform::ctx::Plants;
use platform::i18n::{I18n, assert_complete};
use platform::web::{AppState, Scope, keys};
use proto::v1::{Role, Stage};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{kinds, old};
use crate::ingest::Committed;
use crate::testing::{Say, Site, event, uid};

struct Web {
    router: Router,
    key: String,
}

impl Web {
    /// With a key that may write at these plants.
    async fn at(site: &Site, plants: Plants) -> Self {
        let state = AppState::builder(site.db.db.clone())
            .modules(&[crate::module(&Committed::default(), &crate::genealogy::Genealogy::default())])
            .build();
        let key = keys::create_at(&site.db.db, site.tenant, "test", &[Scope::Write], &plants, None).await;
        Self {
            router: platform::web::app(
                state,
                crate::router(Committed::default(), crate::genealogy::Genealogy::default()),
            ),
            key: key.unwrap().reveal().to_owned(),
        }
    }

    async fn send(&self, method: &str, path: &str, tag: &str, body: Value) -> (StatusCode, HeaderMap, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json");
        if !tag.is_empty() {
            request = request.header(header::IF_MATCH, tag);
        }
        let response =
            self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        (status, headers, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, _, told) = self.send("GET", path, "", Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{path}: {told}");
        told
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let (status, _, told) = self.send("POST", path, "", body).await;
        (status, told)
    }

    async fn page(&self, path: &str) -> String {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .header(header::ACCEPT, "text/html")
            .body(Body::empty())
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        String::from_utf8(to_bytes(response.into_body(), 10_000_000).await.unwrap().to_vec()).unwrap()
    }
}

/// A part that two plants say they used up: one exception, at the second.
async fn used_twice(site: &mut Site) -> String {
    let part = uid("KOL", "RM", 7);
    site.say("KOL", event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&part, Role::Subject, "STEEL"));
    site.say("KOL", event(Stage::Consume, "2025-02-01T09:00:00Z").part(&part, Role::Input));
    site.say("VSK", event(Stage::Consume, "2025-02-01T10:00:00Z").part(&part, Role::Input));
    site.settle().await;
    part
}

async fn only(web: &Web, kind: &str) -> Value {
    let all = web.get("/api/v1/exceptions").await["exceptions"].as_array().unwrap().clone();
    let found: Vec<Value> = all.iter().filter(|one| one["kind"] == kind).cloned().collect();
    assert_eq!(found.len(), 1, "{all:?}");
    found[0].clone()
}

#[test]
fn texts_are_complete_and_name_every_choice_and_kind() {
    assert_complete(super::TEXTS);
    let all = I18n::new().with_all(super::TEXTS).with_all(crate::pages::TEXTS);
    for choice in kinds::CHOICES {
        assert!(all.has(&format!("exceptions-choice-{}", choice.code)), "{}", choice.code);
        assert!(all.has(&format!("exceptions-does-{}", choice.code)), "{}", choice.code);
    }
    let templates = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for file in ["exceptions.html", "exception.html"] {
        let source = std::fs::read_to_string(templates.join(file)).unwrap();
        for piece in source.split("\"exceptions-").skip(1) {
            let key = format!("exceptions-{}", piece.split('"').next().unwrap());
            assert!(all.has(&key), "{file}: {key}");
        }
    }
}

#[tokio::test]
async fn an_exception_is_resolved_once_with_a_reason_by_who_saw_it_as_it_is() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "uid.consumed_twice").await;
    let path = format!("/api/v1/exceptions/{}", one["exception_id"].as_str().unwrap());
    let (status, headers, told) = web.send("GET", &path, "", Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let tag = headers[header::ETAG].to_str().unwrap().to_owned();
    let codes: Vec<&str> =
        told["choices"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["accept", "correct", "correct_other", "hold", "known"]);

    let resolve = format!("{path}/resolve");
    // Everything that is wrong at once.
    let (status, told) = web.post(&resolve, json!({ "choice": "forget", "reason": " ", "version": 1 })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
    let fields: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["choice", "reason"]);
    let wish = json!({ "choice": "known", "reason": "a bag was split" });
    assert_eq!(web.post(&resolve, wish.clone()).await.0, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(web.send("POST", &resolve, "\"77\"", wish.clone()).await.0, StatusCode::PRECONDITION_FAILED);
    let stale = json!({ "choice": "known", "reason": "a bag was split", "version": 77 });
    let (status, told) = web.post(&resolve, stale).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("conflict.stale")));
    let (status, headers, told) = web.send("POST", &resolve, &tag, wish.clone()).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(
        (&told["status"], &told["choice"], &told["resolution"]),
        (&json!("resolved"), &json!("known"), &json!("a bag was split"))
    );
    assert_eq!(told["choices"], json!([]));
    let tag = headers[header::ETAG].to_str().unwrap().to_owned();
    // Twice is a conflict, however well it is known how it stands.
    let (status, _, told) = web.send("POST", &resolve, &tag, wish).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("exception.resolved")));
    // Nothing brings it back but a person.
    site.project().await;
    assert_eq!(web.get(&path).await["status"], "resolved");
    let (status, _, told) =
        web.send("POST", &format!("{path}/reopen"), &tag, json!({ "reason": "it was another bag" })).await;
    assert_eq!((status, &told["status"]), (StatusCode::OK, &json!("open")), "{told}");
    let (status, _, told) =
        web.send("POST", &format!("{path}/reopen"), "*", json!({ "reason": "again" })).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("exception.open")));
    let steps = web.get(&path).await["steps"].clone();
    let what: Vec<&str> =
        steps.as_array().unwrap().iter().map(|step| step["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["resolved", "reopened"]);
    assert_eq!(steps[1]["reason"], "it was another bag");
    // The audit says who did what, without the words of people.
    let audit = site.ask("select action || ' ' || (after->>'status') from audit_log where action like 'exception%' order by audit_id").await;
    assert_eq!(audit, "exception.resolve resolved exception.reopen open");
    assert_eq!(site.ask("select count(*)::text from audit_log where after::text like '%bag%'").await, "0");
}

#[tokio::test]
async fn a_correction_by_the_office_settles_the_facts() {
    let mut site = Site::new().await;
    let part = used_twice(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "uid.consumed_twice").await;
    let resolve = format!("/api/v1/exceptions/{}/resolve", one["exception_id"].as_str().unwrap());
    let wish = json!({ "choice": "correct", "reason": "scanned by mistake", "version": one["version"] });
    let (status, told) = web.post(&resolve, wish).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    // A fact of the office's own stream, chained, with the reason beside it.
    let facts = "select e.plant || ' ' || n.note from lifecycle_events e \
         join agents a on a.agent_id = e.agent_id and a.kind = 'office' \
         join event_notes n on n.agent_id = e.agent_id and n.seq = e.seq where e.corrects is not null";
    assert_eq!(site.ask(facts).await, "VSK scanned by mistake");
    site.project().await;
    let lines = web.get(&format!("/api/v1/trace/{part}")).await;
    assert_eq!(lines["state"]["life"], "consumed", "{lines}");
    // The history of the unit says which exception it resolved, and why.
    let events = lines["events"].as_array().unwrap();
    let told = events.iter().find(|event| event["stage"] == "CORRECT").unwrap();
    assert_eq!(
        told["resolves"],
        json!({ "exception_id": one["exception_id"], "kind": "uid.consumed_twice", "reason": "scanned by mistake" })
    );
    // The same disagreement does not come back, and a second correction has nothing to do.
    assert_eq!(web.get("/api/v1/exceptions").await["exceptions"], json!([]));
    let reopen = resolve.replace("/resolve", "/reopen");
    let (status, _, told) = web.send("POST", &reopen, "*", json!({ "reason": "look again" })).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let (status, _, told) =
        web.send("POST", &resolve, "*", json!({ "choice": "correct", "reason": "again" })).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("exception.corrected")), "{told}");
    assert_eq!(site.ask("select status from exceptions").await, "open");
}

#[tokio::test]
async fn a_unit_is_held_by_what_was_chosen() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "uid.consumed_twice").await;
    let resolve = format!("/api/v1/exceptions/{}/resolve", one["exception_id"].as_str().unwrap());
    let wish = json!({ "choice": "hold", "reason": "which bag is it?", "version": one["version"] });
    assert_eq!(web.post(&resolve, wish).await.0, StatusCode::OK);
    let holds = web.get("/api/v1/holds").await["holds"].clone();
    assert_eq!((&holds[0]["reason"], &holds[0]["members"]), (&json!("which bag is it?"), &json!(1)));
}

#[tokio::test]
async fn rights_at_plants_hold() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    let all = Web::at(&site, Plants::All).await;
    let one = only(&all, "uid.consumed_twice").await;
    assert_eq!(one["plant"], "VSK");
    let path = format!("/api/v1/exceptions/{}", one["exception_id"].as_str().unwrap());
    let kol = Web::at(&site, Plants::some(["KOL"])).await;
    assert_eq!(kol.get("/api/v1/exceptions").await["exceptions"], json!([]));
    assert_eq!(kol.get("/api/v1/exceptions/counts").await["counts"], json!([]));
    assert_eq!(kol.send("GET", &path, "", Value::Null).await.0, StatusCode::NOT_FOUND);
    let wish = json!({ "choice": "known", "reason": "x", "to": "", "version": one["version"] });
    for what in ["resolve", "assign", "reopen"] {
        let mut body = wish.clone();
        let keep: &[&str] = match what {
            "resolve" => &["choice", "reason", "version"],
            "assign" => &["to", "version"],
            _ => &["reason", "version"],
        };
        body.as_object_mut().unwrap().retain(|field, _| keep.contains(&field.as_str()));
        let (status, told) = kol.post(&format!("{path}/{what}"), body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{what}: {told}");
    }
    // Of VSK, but what is to be corrected happened at KOL.
    let vsk = Web::at(&site, Plants::some(["VSK"])).await;
    let other = json!({ "choice": "correct_other", "reason": "x", "version": one["version"] });
    let (status, told) = vsk.post(&format!("{path}/resolve"), other).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("auth.plant")), "{told}");
    assert_eq!(site.ask("select status from exceptions").await, "open");
    let own = json!({ "choice": "correct", "reason": "x", "version": one["version"] });
    assert_eq!(vsk.post(&format!("{path}/resolve"), own).await.0, StatusCode::OK);
}

#[tokio::test]
async fn of_a_side_of_another_plant_no_people_places_and_documents_are_told() {
    let mut site = Site::new().await;
    let part = uid("KOL", "RM", 7);
    site.say("KOL", event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&part, Role::Subject, "STEEL"));
    for (plant, at) in [("KOL", "2025-02-01T09:00:00Z"), ("VSK", "2025-02-01T10:00:00Z")] {
        let mut used = event(Stage::Consume, at).part(&part, Role::Input);
        used = used.document("prodorder", &format!("WO-{plant}"));
        (used.station, used.operator_id) = (format!("CELL-{plant}"), format!("P-{plant}"));
        site.say(plant, used);
    }
    site.settle().await;
    let all = Web::at(&site, Plants::All).await;
    let whole = only(&all, "uid.consumed_twice").await;
    assert_eq!(whole["detail"]["against"]["operator"], "P-KOL", "{whole}");
    assert_eq!(whole["detail"]["against"]["reference"], "WO-KOL");
    let vsk = Web::at(&site, Plants::some(["VSK"])).await;
    let path = format!("/api/v1/exceptions/{}", whole["exception_id"].as_str().unwrap());
    for told in [only(&vsk, "uid.consumed_twice").await, vsk.get(&path).await] {
        // Its own side whole; of the other what disagrees.
        assert_eq!(told["detail"]["fact"], whole["detail"]["fact"]);
        let other = &told["detail"]["against"];
        for known in ["stage", "plant", "occurred_at", "item", "seq", "event_id"] {
            assert_eq!(other[known], whole["detail"]["against"][known], "{known}");
        }
        for kept in ["station", "operator", "reference"] {
            assert_eq!(other[kept], "", "{kept}");
        }
        assert!(!told.to_string().contains("-KOL\""), "{told}");
    }
    for path in ["/exceptions".to_owned(), path.replace("/api/v1", "")] {
        let page = vsk.page(&path).await;
        assert!(page.contains("CELL-VSK") && !page.contains("CELL-KOL"), "{path}: {page}");
        assert!(!page.contains("P-KOL") && !page.contains("WO-KOL"), "{path}: {page}");
        assert!(all.page(&path).await.contains("CELL-KOL"), "{path}");
    }
    // Both sides are for who has the right at both.
    let both = Web::at(&site, Plants::some(["KOL", "VSK"])).await;
    assert_eq!(both.get(&path).await["detail"], whole["detail"]);
}

#[tokio::test]
async fn it_is_given_to_somebody_who_may_resolve_it() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    site.sql(
        "insert into users (tenant_id, user_id, email, name, status) values \
             (app.tenant(), '01900000-0000-7000-8000-00000000000a', 'a@x.example', 'Asha', 'active'), \
             (app.tenant(), '01900000-0000-7000-8000-00000000000b', 'b@x.example', 'Biman', 'active'); \
         insert into roles (tenant_id, role, name, permissions) \
             values (app.tenant(), 'RESOLVERS', 'R', '{exception.read,exception.resolve}'); \
         insert into user_roles (tenant_id, user_id, role, plants) values \
             (app.tenant(), '01900000-0000-7000-8000-00000000000a', 'RESOLVERS', '{VSK}'), \
             (app.tenant(), '01900000-0000-7000-8000-00000000000b', 'RESOLVERS', '{KOL}')",
    )
    .await;
    let (asha, biman) = ("01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b");
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "uid.consumed_twice").await;
    let path = format!("/api/v1/exceptions/{}", one["exception_id"].as_str().unwrap());
    let assign = format!("{path}/assign");
    for stranger in [biman, "nobody", "01900000-0000-7000-8000-00000000000c"] {
        let (status, told) = web.post(&assign, json!({ "to": stranger, "version": one["version"] })).await;
        assert_eq!((status, &told["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("exception.person")));
    }
    let (status, told) = web.post(&assign, json!({ "to": asha, "version": one["version"] })).await;
    assert_eq!(
        (status, &told["status"], &told["assigned_to"]),
        (StatusCode::OK, &json!("assigned"), &json!(asha))
    );
    let told = site
        .ask("select kind || ' ' || (body->'to'->>'person') from outbox where kind = 'exception.assigned'");
    assert_eq!(told.await, format!("exception.assigned {asha}"));
    let (status, _) = web.post(&assign, json!({ "to": "", "version": one["version"] })).await;
    assert_eq!(status, StatusCode::CONFLICT, "the version has moved on");
    // Lists and counts follow.
    assert_eq!(web.get("/api/v1/exceptions").await["exceptions"], json!([]));
    let theirs = web.get(&format!("/api/v1/exceptions?assigned_to={asha}")).await;
    assert_eq!(theirs["exceptions"].as_array().unwrap().len(), 1);
    let counts = web.get("/api/v1/exceptions/counts").await["counts"].clone();
    assert_eq!(
        (&counts[0]["plant"], &counts[0]["open"], &counts[0]["assigned"]),
        (&json!("VSK"), &json!(0), &json!(1))
    );
    // A key is nobody who could take it.
    let (status, _, told) = web.send("POST", &assign, "*", json!({ "to": "me" })).await;
    assert_eq!((status, &told["code"]), (StatusCode::FORBIDDEN, &json!("auth.no_person")));
    let (status, _, told) = web.send("POST", &assign, "*", json!({ "to": "" })).await;
    assert_eq!(
        (status, &told["status"], &told["assigned_to"]),
        (StatusCode::OK, &json!("open"), &Value::Null)
    );
    // The pages say who is who, and lead from the counts to the list.
    let page = web.page("/exceptions").await;
    assert!(
        page.contains("/exceptions?status=open&#38;kind=uid.consumed_twice&#38;plant=VSK")
            || page.contains("/exceptions?status=open&amp;kind=uid.consumed_twice&amp;plant=VSK"),
        "{page}"
    );
    let page = web.page(&path.replace("/api/v1", "")).await;
    assert!(page.contains("Asha") && !page.contains("Biman"), "{page}");
    let main = page.split("<main").nth(1).unwrap_or_default();
    assert_eq!(main.matches("<a href=\"/exceptions\">").count(), 1, "the way back is there once: {main}");
    for text in ["What shows it", "What it disagrees with", "name=\"choice\"", "value=\"correct_other\""] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn what_the_system_withdraws_a_person_opens_again() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "uid.consumed_twice").await;
    let wrong = site.say("VSK", event(Stage::Storage, "2025-02-01T11:00:00Z"));
    assert!(!wrong.is_nil());
    let second: uuid::Uuid = one["detail"]["fact"]["event_id"].as_str().unwrap().parse().unwrap();
    site.say("VSK", event(Stage::Correct, "2025-02-01T11:01:00Z").corrects(second));
    site.settle().await;
    // Whoever looked before is told that it has changed.
    let path = format!("/api/v1/exceptions/{}", one["exception_id"].as_str().unwrap());
    let wish = json!({ "choice": "known", "reason": "x", "version": one["version"] });
    let (status, told) = web.post(&format!("{path}/resolve"), wish).await;
    assert_eq!(status, StatusCode::CONFLICT, "{told}");
    let (status, _, told) =
        web.send("POST", &format!("{path}/reopen"), "*", json!({ "reason": "look" })).await;
    assert_eq!((status, &told["status"]), (StatusCode::OK, &json!("open")), "{told}");
    // It is theirs to resolve now: what comes later does not withdraw it again.
    let part = uid("KOL", "RM", 7);
    site.say("VSK", event(Stage::Storage, "2025-02-01T12:00:00Z").part(&part, Role::Subject));
    site.settle().await;
    assert_eq!(web.get(&path).await["status"], "open");
}

/// A held part that a supervisor let pass after the station had refused it.
async fn let_through(site: &mut Site) -> String {
    let part = uid("KOL", "RM", 7);
    site.say("KOL", event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&part, Role::Subject, "STEEL"));
    site.settle().await;
    let web = Web::at(site, Plants::All).await;
    let wish = json!({ "uid": part, "reason": "a crack was seen" });
    let (status, told) = web.post("/api/v1/holds", wish).await;
    assert!(status.is_success(), "{told}");
    let at = (Utc::now() + TimeDelta::minutes(1)).to_rfc3339();
    let mut refused = event(Stage::Refused, &at).part(&part, Role::Subject);
    refused.station = "ST-1".into();
    refused.reason = "label.held".into();
    site.say("KOL", refused);
    let mut used =
        event(Stage::Consume, &(Utc::now() + TimeDelta::minutes(2)).to_rfc3339()).part(&part, Role::Input);
    used.station = "ST-1".into();
    used.overridden_by = "chief".into();
    site.say("KOL", used);
    site.settle().await;
    part
}

#[tokio::test]
async fn both_sides_of_an_override_and_of_a_use_while_held_are_told() {
    let mut site = Site::new().await;
    let_through(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let held = only(&web, "uid.used_while_held").await;
    let hold = &held["detail"]["hold"];
    assert_eq!((&hold["reason"], &hold["status"]), (&json!("a crack was seen"), &json!("placed")), "{held}");
    assert!(hold["placed_at"].is_string() && hold["owner"].is_string(), "{hold}");
    let page = web.page(&format!("/exceptions/{}", held["exception_id"].as_str().unwrap())).await;
    let link = format!("href=\"/holds/{}\"", hold["hold_id"].as_str().unwrap());
    for text in ["a crack was seen", "Held because", "Responsible", "Held since", &link] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let overridden = only(&web, "refusal.overridden").await;
    let refusal = &overridden["detail"]["against"];
    assert_eq!(
        (&refusal["stage"], &refusal["reason"], &refusal["station"]),
        (&json!("REFUSED"), &json!("label.held"), &json!("ST-1")),
        "{overridden}"
    );
    let page = web.page(&format!("/exceptions/{}", overridden["exception_id"].as_str().unwrap())).await;
    assert!(page.contains("What it disagrees with") && page.contains("label.held"), "{page}");
}

#[tokio::test]
async fn both_births_are_told_and_either_may_be_corrected() {
    let mut site = Site::new().await;
    let part = uid("KOL", "RM", 7);
    let mut first = event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&part, Role::Subject, "STEEL");
    first.station = "DOCK1".into();
    site.say("KOL", first.quantity("25.5", "kg"));
    let mut second = event(Stage::Commission, "2025-02-02T08:00:00Z").mint(&part, Role::Subject, "GEAR");
    second.station = "LINE2".into();
    second.operator_id = "P-1001".into();
    site.say("VSK", second.quantity("1", "pcs"));
    site.settle().await;
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "uid.second_birth").await;
    let told = |side: &str| {
        let side = &one["detail"][side];
        ["stage", "plant", "station", "operator", "item", "quantity", "unit"]
            .map(|name| side[name].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(told("first"), ["GRN", "KOL", "DOCK1", "", "STEEL", "25.5", "kg"], "{one}");
    assert_eq!(told("second"), ["COMMISSION", "VSK", "LINE2", "P-1001", "GEAR", "1", "pcs"], "{one}");
    let path = format!("exceptions/{}", one["exception_id"].as_str().unwrap());
    let page = web.page(&format!("/{path}")).await;
    // What is corrected as "what shows it" stands first: the second birth.
    let (shows, against) =
        (page.find("What shows it").unwrap(), page.find("What it disagrees with").unwrap());
    assert!(shows < page.find("LINE2").unwrap() && page.find("LINE2").unwrap() < against, "{page}");
    assert!(against < page.find("25.5 kg").unwrap(), "{page}");
    let whole = web.get(&format!("/api/v1/{path}")).await;
    let codes: Vec<&str> =
        whole["choices"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["correct", "correct_other", "hold", "handled", "known"]);
    let wish = json!({ "choice": "correct_other", "reason": "never received", "version": one["version"] });
    let (status, told) = web.post(&format!("/api/v1/{path}/resolve"), wish).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    site.project().await;
    let stands = "select item || ' ' || life from uid_registry";
    assert_eq!(site.ask(stands).await, "GEAR 2", "the second birth stands");
}

#[tokio::test]
async fn an_override_is_judged_by_a_person_whatever_is_corrected() {
    let mut site = Site::new().await;
    let_through(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let held = only(&web, "uid.used_while_held").await;
    let resolve = format!("/api/v1/exceptions/{}/resolve", held["exception_id"].as_str().unwrap());
    let wish = json!({ "choice": "correct", "reason": "scanned by mistake", "version": held["version"] });
    let (status, told) = web.post(&resolve, wish).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    site.project().await;
    assert_eq!(only(&web, "refusal.overridden").await["status"], "open");
}

#[tokio::test]
async fn a_filter_that_means_nothing_is_told() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    let web = Web::at(&site, Plants::All).await;
    let (status, _, told) =
        web.send("GET", "/api/v1/exceptions?kind=uid.eaten&plant=XXX", "", Value::Null).await;
    assert_eq!(
        (status, &told["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("exception.filter")),
        "{told}"
    );
    let errors = told["errors"].as_array().unwrap();
    let of = |field: &str| {
        errors.iter().find(|one| one["field"] == field).unwrap()["detail"].as_str().unwrap().to_owned()
    };
    assert!(of("kind").contains("uid.consumed_twice") && of("plant").contains("KOL, VSK"), "{told}");
    let kol = Web::at(&site, Plants::some(["KOL"])).await;
    let (_, _, told) = kol.send("GET", "/api/v1/exceptions?plant=VSK", "", Value::Null).await;
    assert!(told["errors"][0]["detail"].as_str().unwrap().contains("KOL"), "{told}");
    assert!(!told["errors"][0]["detail"].as_str().unwrap().contains("VSK"), "{told}");
    let told = web.get("/api/v1/exceptions?kind=uid.consumed_twice&plant=VSK").await;
    assert_eq!(told["exceptions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_name_that_was_entered_is_looked_up() {
    let mut site = Site::new().await;
    site.sql("insert into units (tenant_id, unit, name, dimension, decimals) values (app.tenant(), 'pcs', 'Pieces', 'count', 0) on conflict do nothing; \
        insert into items (tenant_id, item, name, type_code, base_unit, tracking) values (app.tenant(), 'BOLT', 'Bolt', 'RM', 'pcs', 'lot')")
        .await;
    site.say(
        "KOL",
        event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&uid("KOL", "RM", 7), Role::Subject, "STEEL"),
    );
    site.settle().await;
    let web = Web::at(&site, Plants::All).await;
    let one = only(&web, "master.unknown").await;
    let resolve = format!("/api/v1/exceptions/{}/resolve", one["exception_id"].as_str().unwrap());
    let wish = json!({ "choice": "entered", "reason": "entered today", "version": one["version"] });
    let (status, told) = web.post(&resolve, wish.clone()).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("exception.still_unknown")), "{told}");
    site.sql("insert into items (tenant_id, item, name, type_code, base_unit, tracking) values (app.tenant(), 'STEEL', 'Steel', 'RM', 'pcs', 'lot')").await;
    assert_eq!(web.post(&resolve, wish).await.0, StatusCode::OK);
}

#[tokio::test]
async fn old_ones_are_told_of_once_a_day_and_stay_open() {
    let mut site = Site::new().await;
    used_twice(&mut site).await;
    let now = Utc::now();
    let db = &site.db.db;
    assert_eq!(old::tell(db, site.tenant, now).await.unwrap(), 0, "it is not old");
    let later = now + old::OLD_AFTER + TimeDelta::hours(1);
    assert_eq!(old::tell(db, site.tenant, later).await.unwrap(), 1);
    assert_eq!(old::tell(db, site.tenant, later).await.unwrap(), 0, "it was told today");
    assert_eq!(old::tell(db, site.tenant, later + TimeDelta::days(1)).await.unwrap(), 1);
    let told = "select (body->'plants'->>0) || ' ' || (body->'values'->>'count') from outbox where kind = 'exception.old'";
    assert_eq!(site.ask(told).await, "VSK 1 VSK 1");
    assert_eq!(site.ask("select status from exceptions").await, "open");
}

/// Two units, held at KOL by people whom nobody knows; the second one is at VSK.
async fn held_by_strangers(site: &mut Site) {
    site.sql(
        "insert into operators (tenant_id, operator_id, name, badge_hash) \
         values (app.tenant(), 'op-1', 'Asha', '\\x01')",
    )
    .await;
    for (n, plant) in [(1, "KOL"), (2, "VSK")] {
        let unit = uid(plant, "RM", n);
        site.say(plant, event(Stage::Grn, "2025-02-01T08:00:00Z").mint(&unit, Role::Subject, "STEEL"));
        let mut hold = event(Stage::Hold, "2025-02-01T09:00:00Z").part(&unit, Role::Subject);
        hold.operator_id = format!("op-stranger-{n}");
        site.say("KOL", hold);
    }
    site.settle().await;
}

#[tokio::test]
async fn that_a_hold_of_a_plant_was_wrong_ends_it_as_a_release_does() {
    let mut site = Site::new().await;
    held_by_strangers(&mut site).await;
    let ids = "select string_agg(x.exception_id::text, ' ' order by x.seq) from exceptions x \
        join lifecycle_events e on e.agent_id = x.agent_id and e.epoch = x.epoch and e.seq = x.seq \
        where x.kind = 'master.unknown' and e.stage = 22";
    let ids = site.ask(ids).await;
    let (here, there) = ids.split_once(' ').expect("one for each");
    let wish = json!({ "choice": "correct", "reason": "scanned\nby mistake" });
    // Whoever resolves exceptions of KOL, and releases holds there, does not end one on a unit of VSK.
    let kol = Web::at(&site, Plants::some(["KOL"])).await;
    let resolve = format!("/api/v1/exceptions/{there}/resolve");
    let (status, _, told) = kol.send("POST", &resolve, "*", wish.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{told}");
    let standing = "select count(*)::text from holds where status = 'placed'";
    assert_eq!(site.ask(standing).await, "2");
    let resolve = format!("/api/v1/exceptions/{here}/resolve");
    let (status, _, told) = kol.send("POST", &resolve, "*", wish).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    assert_eq!(site.ask(standing).await, "1");
    let why = "select release_reason from holds where status = 'released'";
    assert_eq!(site.ask(why).await, "scanned by mistake");
    // Its plant is told to take it off the label, those who see holds are told, and the audit knows.
    let lifted = "select count(*)::text from reference_rows where kind = 'hold' and deleted \
                  and (body->>'lifted')::boolean";
    assert_eq!(site.ask(lifted).await, "1");
    assert_eq!(
        site.ask("select count(*)::text from outbox where channel = 'notice' and kind = 'hold.released'")
            .await,
        "1"
    );
    assert_eq!(site.ask("select count(*)::text from audit_log where action = 'hold.release'").await, "1");
}
