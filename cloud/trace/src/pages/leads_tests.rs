//! What a code or a name leads to where the masters do not have it, or a trace does not begin.

use axum::http::StatusCode;
use platform::web::Scope;
use proto::v1::{Role, Stage};

use super::explore_tests::{motor, story};
use super::tests::Web;
use crate::explore::error::TraceError;
use crate::explore::places::{self, Page, Who};
use crate::ingest::Committed;
use crate::testing::{Say, event, uid};

#[tokio::test]
async fn a_customer_that_only_documents_name_is_found_as_one_of_the_masters_is() {
    let mut site = story().await;
    site.say(
        "KOL",
        event(Stage::Dispatch, "2025-01-23T10:00:00Z")
            .part(&motor(1), Role::Subject)
            .document("desadv", "DN/7")
            .document("customer", "NEWCUST"),
    );
    site.settle().await;
    site.sql(
        "insert into orders (tenant_id, type, number, plant, partner)
             values (app.tenant(), 'so', 'SO-11', 'KOL', 'ORDERED')",
    )
    .await;
    let web = Web::new(&site, Scope::Read).await;
    for (typed, code) in [("newcust", "NEWCUST"), ("ORDERED", "ORDERED")] {
        let found = web.json(&format!("/api/v1/search?q={typed}")).await;
        let leads = found["leads"].as_array().unwrap();
        assert_eq!(leads.len(), 1, "{typed}: {leads:?}");
        assert_eq!(leads[0]["kind"], "customer", "{typed}");
        assert_eq!(leads[0]["path"], format!("/trace/customer/{code}"), "{typed}");
        assert_eq!(web.get(&format!("/trace?q={typed}")).await.0, StatusCode::SEE_OTHER, "{typed}");
    }
    let (status, page) = web.get("/trace/customer/NEWCUST").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for text in ["<h1>NEWCUST</h1>", "does not have this customer", &motor(1)] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let told = web.json("/api/v1/trace/customer/ORDERED").await;
    assert_eq!((told["name"].as_str(), told["orders"][0]["number"].as_str()), (Some(""), Some("SO-11")));
    let (_, known) = web.get("/trace/customer/ACME").await;
    assert!(known.contains("<h1>Acme Pumps</h1>") && !known.contains("does not have"), "{known}");
    assert_eq!(web.get("/trace/customer/NOBODY").await.0, StatusCode::NOT_FOUND);

    // Of a customer of other plants alone nothing is known.
    let cx = site.cx().at(platform::ctx::Plants::some(["VSK"]));
    let (now, first) = (chrono::Utc::now(), Page { after: None, limit: 50 });
    let done: Result<(), TraceError> = site
        .db
        .db
        .tx(&cx, async |tx| {
            for code in ["NEWCUST", "ORDERED"] {
                assert_eq!(places::leads_in(tx, code).await?, [], "{code}");
                assert_eq!(places::customer_in(tx, code, "", &first, now).await.unwrap_err().status(), 404);
            }
            Ok(())
        })
        .await;
    done.unwrap();
}

#[tokio::test]
async fn a_name_or_a_code_that_no_trace_begins_with_leads_to_what_is_known_by_it() {
    let site = story().await;
    site.sql(
        "insert into partners (tenant_id, partner, name, roles)
             values (app.tenant(), 'HV-1', 'Hind Valve Works', '{customer}');
         insert into items (tenant_id, item, name, type_code, base_unit, tracking)
             values (app.tenant(), 'FG-ACTUATOR', 'Actuator', 'FG', 'pcs', 'unit');
         insert into operators (tenant_id, operator_id, name, badge_hash)
             values (app.tenant(), 'op-7', 'Ananya Sen', ''), (app.tenant(), 'op-0', 'Idle Person', '0')",
    )
    .await;
    let others =
        vec![platform::masters::module(), crate::recalls::module(&Committed::default(), &site.genealogy())];
    let web = Web::beside(&site, Scope::Read, others).await;
    for (typed, path, title) in [
        ("FG-ACTUATOR", "/masters/items/row/FG-ACTUATOR", "Actuator"),
        ("actu", "/masters/items/row/FG-ACTUATOR", "Actuator"),
    ] {
        let (status, page) = web.get(&format!("/trace?q={typed}")).await;
        assert_eq!(status, StatusCode::OK, "{typed}: {page}");
        for text in [format!("href=\"{path}\""), title.to_owned()] {
            assert!(page.contains(&text), "{typed} {text}: {page}");
        }
        assert!(!page.contains("Nothing is known"), "{typed}: {page}");
    }
    let (status, page) = web.get("/trace?q=NONSENSE").await;
    assert!(status == StatusCode::NOT_FOUND && page.contains("Nothing is known"), "{page}");
    // Names of customers, and of people who did something, are known to whoever may trace.
    let alone = Web::new(&site, Scope::Read).await;
    assert_eq!(alone.get("/trace?q=FG-ACTUATOR").await.0, StatusCode::NOT_FOUND);
    for (typed, path) in [("hind%20valve", "/trace/customer/HV-1"), ("ANANYA%20sen", "/trace/operator/op-7")]
    {
        let found = alone.json(&format!("/api/v1/search?q={typed}")).await;
        assert_eq!(found["leads"].as_array().unwrap().len(), 1, "{typed}: {found}");
        assert_eq!(found["leads"][0]["path"], path, "{typed}");
        assert_eq!(alone.get(&format!("/trace?q={typed}")).await.0, StatusCode::SEE_OTHER, "{typed}");
    }
    let found = alone.json("/api/v1/search?q=Idle%20Person").await;
    assert_eq!(found["leads"], serde_json::json!([]), "who did nothing here is no lead");
    let cx = site.cx().at(platform::ctx::Plants::some(["VSK"]));
    let elsewhere: Result<_, TraceError> =
        site.db.db.tx(&cx, async |tx| places::named_in(tx, "Ananya").await).await;
    assert_eq!(elsewhere.unwrap(), [], "nor is who did nothing at the reader's plants");
}

#[tokio::test]
async fn a_machine_that_did_nothing_lately_says_when_it_last_did_and_leads_there() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    for place in ["machine/OVEN-2", "operator/op-7"] {
        let found = web.json(&format!("/api/v1/trace/{place}")).await;
        assert_eq!(found["passes"], serde_json::json!([]), "{place}");
        assert_eq!(found["last_before"], "2025-01-21T12:05:00Z", "{place}");
        let (_, page) = web.get(&format!("/trace/{place}")).await;
        let (_, rest) = page.split_once("<p class=\"tw-empty\">").unwrap();
        let (_, rest) = rest.split_once("href=\"").unwrap();
        let (there, said) = rest.split_once('"').unwrap();
        assert!(said.starts_with(">The last before that was at "), "{said}");
        let there = there.replace("&#38;", "&");
        let (status, page) = web.get(&format!("/trace/{place}{there}")).await;
        assert!(status == StatusCode::OK && page.contains(&motor(2)), "{there}: {page}");
    }
    // Where something was done, and before the first, there is no such word.
    let day = web.json("/api/v1/trace/machine/OVEN-2?from=2025-01-21&to=2025-01-21").await;
    assert!(day["last_before"].is_null() && day["passes"].as_array().unwrap().len() == 1, "{day}");
    let before = web.json("/api/v1/trace/machine/OVEN-2?from=2025-01-20&to=2025-01-20").await;
    assert!(before["last_before"].is_null(), "{before}");
    // What was done elsewhere is not told.
    let cx = site.cx().at(platform::ctx::Plants::some(["VSK"]));
    site.sql("insert into machines (tenant_id, machine, name, plant) values (app.tenant(), 'OVEN-2', 'Oven', 'VSK')")
        .await;
    let (now, first) = (chrono::Utc::now(), Page { after: None, limit: 50 });
    let day = (now - chrono::Duration::days(1), now);
    let found: Result<_, TraceError> = site
        .db
        .db
        .tx(&cx, async |tx| places::passes_in(tx, (Who::Machine, "OVEN-2", ""), day, &first, now).await)
        .await;
    assert_eq!(found.unwrap().last_before, None);
    // A day that there is not is called so.
    let (status, page) = web.get("/trace?q=OVEN-2%202025-02-30%2009:00-11:00").await;
    assert!(status == StatusCode::NOT_FOUND && page.contains("There is no “2025-02-30”"), "{page}");
    let (_, page) = web.get("/trace/machine/OVEN-2?from=2025-02-30").await;
    assert!(page.contains("There is no “2025-02-30”"), "{page}");
}

#[tokio::test]
async fn a_machine_of_several_plants_is_asked_for_by_plant() {
    let mut site = story().await;
    for (plant, unit) in [("KOL", motor(1)), ("VSK", uid("VSK", "FG", 1))] {
        let mut done = event(Stage::Operation, "2025-01-22T10:00:00Z").part(&unit, Role::Subject);
        done.machine = "PLC1".into();
        site.say(plant, done);
    }
    site.settle().await;
    let web = Web::new(&site, Scope::Read).await;
    let found = web.json("/api/v1/search?q=plc1").await;
    let paths: Vec<_> = found["leads"].as_array().unwrap().iter().map(|lead| &lead["path"]).collect();
    assert_eq!(paths, ["/trace/machine/PLC1?plant=KOL", "/trace/machine/PLC1?plant=VSK"]);
    let (status, page) = web.get("/trace?q=PLC1").await;
    assert!(status == StatusCode::OK && page.contains("/trace/machine/PLC1?plant=VSK"), "{page}");
    let day = "from=2025-01-22&to=2025-01-22";
    let (_, page) = web.get(&format!("/trace/machine/PLC1?{day}")).await;
    assert!(page.contains("More than one plant"), "{page}");
    assert!(page.contains(&motor(1)) && page.contains(&uid("VSK", "FG", 1)), "{page}");
    assert!(!page.contains("type=\"hidden\" name=\"plant\""), "{page}");
    let (_, rest) = page.split_once("More than one plant").unwrap();
    let links: Vec<_> =
        rest.split("href=\"").skip(1).take(2).map(|rest| rest.split_once('"').unwrap().0).collect();
    for (link, (own, other)) in
        links.into_iter().zip([(motor(1), uid("VSK", "FG", 1)), (uid("VSK", "FG", 1), motor(1))])
    {
        let there = link.replace("&#38;", "&");
        let (status, page) = web.get(&format!("/trace/machine/PLC1{there}")).await;
        assert!(status == StatusCode::OK && page.contains(&own) && !page.contains(&other), "{there}: {page}");
        assert!(
            page.contains("type=\"hidden\" name=\"plant\"") && page.contains("More than one plant"),
            "{page}"
        );
    }
    // Of a machine that one plant has its page says which, and keeps it.
    let (_, page) = web.get("/trace/machine/OVEN-2?from=2025-01-21&to=2025-01-21").await;
    assert!(
        page.contains("type=\"hidden\" name=\"plant\" value=\"KOL\"") && !page.contains("More than one"),
        "{page}"
    );
    // And who has rights at one plant is told of that.
    let cx = site.cx().at(platform::ctx::Plants::some(["VSK"]));
    let own: Result<_, TraceError> =
        site.db.db.tx(&cx, async |tx| places::plants_of(tx, Who::Machine, "PLC1").await).await;
    assert_eq!(own.unwrap(), ["VSK"]);
}

#[tokio::test]
async fn where_it_all_comes_from_names_a_machine_once_for_each_plant() {
    use crate::explore::{report, report_paper};
    let mut site = story().await;
    for (plant, at) in
        [("KOL", "2025-01-22T10:00:00Z"), ("KOL", "2025-01-22T11:00:00Z"), ("VSK", "2025-01-23T10:00:00Z")]
    {
        let mut done = event(Stage::Operation, at).part(&motor(1), Role::Subject);
        done.machine = "PLC1".into();
        site.say(plant, done);
    }
    site.settle().await;
    let web = Web::new(&site, Scope::Read).await;
    let found = web.json(&format!("/api/v1/trace/{}/backward", motor(1))).await;
    assert_eq!(found["sources"]["machines"], serde_json::json!(["OVEN-1", "PLC1"]), "{found}");
    let by_plant = [("OVEN-1", "KOL"), ("PLC1", "KOL"), ("PLC1", "VSK")];
    let expected = by_plant.map(|(machine, plant)| serde_json::json!({ "machine": machine, "plant": plant }));
    assert_eq!(found["sources"]["machines_at"], serde_json::json!(expected), "{found}");
    for path in ["ends/backward", "report"] {
        let (_, page) = web.get(&format!("/trace/{}/{path}", motor(1))).await;
        for (machine, plant) in by_plant {
            let link = format!("href=\"/trace/machine/{machine}?plant={plant}\"");
            assert_eq!(page.matches(&link).count(), 1, "{path} {link}: {page}");
        }
    }
    let report: Result<_, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &site.genealogy(), &motor(1), chrono::Utc::now()).await
        })
        .await;
    let (zones, words) = (super::say::Zones::default(), super::words::Words::default());
    let data = report_paper::data(&report.unwrap(), &super::tests::english(), (&zones, &words), "Saif");
    let data = data.to_string();
    assert!(data.contains(r#""PLC1","KOL""#) && data.contains(r#""PLC1","VSK""#), "{data}");
}

#[tokio::test]
async fn a_station_is_found_as_a_machine_is() {
    let mut site = story().await;
    for (plant, unit, station) in
        [("KOL", motor(1), "OVEN1"), ("KOL", motor(2), "DOCK"), ("VSK", uid("VSK", "FG", 1), "DOCK")]
    {
        let mut done = event(Stage::Operation, "2025-01-22T10:00:00Z").part(&unit, Role::Subject);
        done.station = station.into();
        site.say(plant, done);
    }
    site.settle().await;
    let web = Web::new(&site, Scope::Read).await;
    let found = web.json("/api/v1/search?q=oven1").await;
    assert_eq!(found["leads"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["leads"][0]["kind"], "station", "{found}");
    assert_eq!(found["leads"][0]["path"], "/trace/station/OVEN1", "{found}");
    assert_eq!(web.get("/trace?q=OVEN1").await.0, StatusCode::SEE_OTHER);
    assert_eq!(web.get("/trace?q=OVEN1%202025-01-22").await.0, StatusCode::SEE_OTHER);
    let day = "from=2025-01-22&to=2025-01-22";
    let (status, page) = web.get(&format!("/trace/station/OVEN1?{day}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("<h1>Station OVEN1</h1>") && page.contains(&motor(1)), "{page}");
    assert!(!page.contains(&motor(2)), "{page}");
    let told = web.json(&format!("/api/v1/trace/station/OVEN1?{day}")).await;
    assert_eq!((told["kind"].as_str(), told["passes"].as_array().unwrap().len()), (Some("station"), 1));
    let lately = web.json("/api/v1/trace/station/OVEN1").await;
    assert_eq!(lately["last_before"], "2025-01-22T10:00:00Z", "{lately}");
    // Two plants may have one of the same code.
    let (_, page) = web.get(&format!("/trace/station/DOCK?{day}")).await;
    assert!(page.contains("More than one plant") && page.contains(&motor(2)), "{page}");
    let (_, page) = web.get(&format!("/trace/station/DOCK?{day}&plant=VSK")).await;
    assert!(page.contains(&uid("VSK", "FG", 1)) && !page.contains(&motor(2)), "{page}");
    // A unit's history leads there.
    let (_, page) = web.get(&format!("/trace/{}", motor(1))).await;
    assert!(page.contains("href=\"/trace/station/OVEN1?plant=KOL&amp;from="), "{page}");
    assert_eq!(web.get("/trace/station/NONE").await.0, StatusCode::NOT_FOUND);
    assert_eq!(web.get("/api/v1/trace/station/NONE").await.0, StatusCode::NOT_FOUND);
    // To whoever has rights elsewhere alone it is not known.
    let cx = site.cx().at(platform::ctx::Plants::some(["VSK"]));
    let elsewhere: Result<_, TraceError> =
        site.db.db.tx(&cx, async |tx| places::leads_in(tx, "OVEN1").await).await;
    assert_eq!(elsewhere.unwrap(), []);
}
