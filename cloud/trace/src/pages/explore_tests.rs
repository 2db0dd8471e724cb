//! The explorer over HTTP: lots, documents, customers, machines, people, pictures,
//! comparisons, reports; and what somebody with rights at one plant sees of them.

use axum::http::StatusCode;
use platform::web::Scope;
use proto::v1::{Action, Outcome, Quality, Reading, Role, Stage};

use super::say::encoded;
use super::tests::Web;
use super::words::Words;
use crate::explore::places::{self, Page, Who};
use crate::explore::{compare, error::TraceError, report};
use crate::genealogy::Genealogy;
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

pub(super) fn motor(number: u64) -> String {
    uid("KOL", "FG", number)
}

/// Two motors of one bar, cured in one oven, one too hot; sent to two customers. And
/// something at another plant.
pub(super) async fn story() -> Site {
    let mut site = Site::new().await;
    example(&mut site);
    for (number, degrees, machine) in [(1, "190", "OVEN-1"), (2, "240", "OVEN-2")] {
        let minute = |minute| format!("2025-01-21T1{number}:{minute:02}:00Z");
        site.say(
            "KOL",
            event(Stage::Assembly, &minute(0))
                .action(Action::Add)
                .mint(&motor(number), Role::Parent, "MOTOR")
                .part(EXAMPLE, Role::Child),
        );
        let mut cured = event(Stage::Operation, &minute(5)).part(&motor(number), Role::Subject);
        cured.operation = "CURE".into();
        cured.attempt = 1;
        cured.machine = machine.into();
        cured.operator_id = "op-7".into();
        cured.readings = vec![Reading {
            name: "temperature".into(),
            value: degrees.into(),
            unit: "C".into(),
            quality: Quality::Good.into(),
            low: "180".into(),
            high: "200".into(),
            at_us: cured.occurred_at_us,
        }];
        site.say("KOL", cured);
        let passed = event(Stage::Inspection, &minute(30)).part(&motor(number), Role::Subject);
        site.say("KOL", passed.result(Outcome::Passed).document("inspection", &format!("QC/{number}")));
        site.say(
            "KOL",
            event(Stage::Dispatch, &minute(50))
                .part(&motor(number), Role::Subject)
                .document("desadv", &format!("DN/{number}"))
                .document("so", "SO-9")
                .document("customer", "ACME"),
        );
    }
    let mut elsewhere =
        event(Stage::Operation, "2025-01-21T09:00:00Z").mint(&uid("VSK", "FG", 1), Role::Subject, "PUMP");
    (elsewhere.machine, elsewhere.operator_id) = ("PRESS-9".into(), "op-9".into());
    site.say("VSK", elsewhere.document("challan", "CH-9"));
    site.settle().await;
    site.sql(
        "insert into partners (tenant_id, partner, name, roles)
             values (app.tenant(), 'ACME', 'Acme Pumps', '{customer}');
         insert into orders (tenant_id, type, number, plant, partner)
             values (app.tenant(), 'so', 'SO-9', 'KOL', 'ACME')",
    )
    .await;
    site
}

#[tokio::test]
async fn any_code_leads_to_its_page() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    let leads = async |code: &str| {
        let found = web.json(&format!("/api/v1/search?q={code}")).await;
        let leads = found["leads"].as_array().unwrap().clone();
        leads
            .into_iter()
            .map(|lead| {
                (lead["kind"].as_str().unwrap().to_owned(), lead["path"].as_str().unwrap().to_owned())
            })
            .collect::<Vec<_>>()
    };
    for (code, kind, path) in [
        ("heat-77", "lot", "/trace/lot/01900000-0000-7000-8000-000000000001"),
        ("GRN-2025-045", "document", "/trace/document/recadv/GRN-2025-045"),
        ("dn/1", "document", "/trace/document/desadv/DN%2F1"),
        ("so-9", "document", "/trace/document/so/SO-9"),
        ("acme", "customer", "/trace/customer/ACME"),
        ("oven-2", "machine", "/trace/machine/OVEN-2"),
        ("op-7", "operator", "/trace/operator/op-7"),
        ("xyz", "lot", "/trace/lot/01900000-0000-7000-8000-000000000001"),
    ] {
        assert_eq!(leads(code).await, [(kind.to_owned(), path.to_owned())], "{code}");
        let (status, page) = web.get(path).await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        assert!(page.contains("Current to"), "{path}: {page}");
        let (status, answer) = web.get(&format!("/api/v1{path}")).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        assert!(answer.contains("plants_behind"), "{path}: {answer}");
    }
    assert_eq!(leads("NONSENSE").await, []);
    for (path, found) in [
        ("/trace/lot/01900000-0000-7000-8000-000000000001", EXAMPLE.to_owned()),
        ("/trace/document/recadv/GRN-2025-045", EXAMPLE.to_owned()),
        ("/trace/document/desadv/DN%2F1", motor(1)),
        ("/trace/customer/ACME", motor(2)),
        ("/trace/customer/ACME", "/trace/document/so/SO-9".into()),
    ] {
        let (_, page) = web.get(path).await;
        assert!(page.contains(&found), "{path} {found}: {page}");
    }
    for path in [
        "/trace/lot/01900000-0000-7000-8000-000000000009",
        "/trace/document/recadv/GRN-0",
        "/trace/customer/NOBODY",
        "/trace/machine/NONE",
        "/trace/operator/nobody",
    ] {
        assert_eq!(web.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(web.get(&format!("/api/v1{path}")).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    // A code that is one thing is gone to at once, also where labels are of it; a machine with a
    // time as well.
    for code in ["OVEN-2", "HEAT-77", "GRN-2025-045", "so-9", "ACME", "XYZ"] {
        let (status, _) = web.get(&format!("/trace?q={code}")).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{code}");
    }
    let (status, page) = web.get("/trace?q=HEAT-7").await;
    assert!(status == StatusCode::OK && page.contains("HEAT-77"), "what begins so is listed: {page}");
    let (status, _) = web.get("/trace?q=oven-2%202025-01-21%2012:00-13:00").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let (status, _) = web.get("/trace?q=PRESS%202025-01-21").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_machines_window_tells_units_and_marks_readings() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    let window = "from=2025-01-21T12:00:00Z&to=2025-01-21T13:00:00Z";
    let found = web.json(&format!("/api/v1/trace/machine/OVEN-2?{window}")).await;
    assert_eq!(found["passes"].as_array().unwrap().len(), 1);
    assert_eq!(found["passes"][0]["units"][0]["uid"], motor(2));
    assert_eq!(found["passes"][0]["readings"][0]["outside"], true);
    let (_, page) = web.get(&format!("/trace/machine/OVEN-2?{window}")).await;
    assert!(page.contains("▲") && page.contains("out of limits") && page.contains(&motor(2)), "{page}");
    let before = "from=2025-01-21T11:00:00Z&to=2025-01-21T12:00:00Z";
    let found = web.json(&format!("/api/v1/trace/machine/OVEN-2?{before}")).await;
    assert_eq!(found["passes"], serde_json::json!([]));
    let day = "from=2025-01-21&to=2025-01-21";
    let first = web.json(&format!("/api/v1/trace/operator/op-7?{day}&limit=1")).await;
    assert_eq!(first["passes"][0]["machine"], "OVEN-1");
    let next = first["next"].as_str().unwrap();
    let second = web.json(&format!("/api/v1/trace/operator/op-7?{day}&limit=1&after={next}")).await;
    assert_eq!(second["passes"][0]["machine"], "OVEN-2");
    assert!(second["next"].is_null(), "{second}");
    let (status, answer) = web.get("/api/v1/trace/machine/OVEN-2?from=soon").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    let (status, page) = web.get("/trace/machine/OVEN-2?from=soon").await;
    assert!(status == StatusCode::OK && page.contains("role=\"alert\""), "{page}");
}

#[tokio::test]
async fn a_time_without_an_offset_is_by_the_plants_clock_or_refused() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    site.sql("update plants set time_zone = 'Asia/Kolkata' where tenant_id = app.tenant()").await;
    // Neither the machine nor the person is a master; 12:00 UTC is 17:30 there.
    let local = "from=2025-01-21T17:30&to=2025-01-21T18:30";
    for place in ["machine/OVEN-2", "operator/op-7"] {
        let found = web.json(&format!("/api/v1/trace/{place}?{local}")).await;
        assert_eq!(found["from"], "2025-01-21T12:00:00Z", "{place}");
        assert_eq!(found["passes"][0]["units"][0]["uid"], motor(2), "{place}");
    }
    site.sql("update plants set time_zone = 'Europe/Berlin' where tenant_id = app.tenant() and code = 'VSK'")
        .await;
    for place in ["machine/OVEN-2", "operator/op-7"] {
        let (status, told) = web.get(&format!("/api/v1/trace/{place}?{local}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{place}");
        assert!(told.contains("offset") && told.contains("plant"), "{told}");
        let found = web.json(&format!("/api/v1/trace/{place}?{local}&plant=KOL")).await;
        assert_eq!(found["passes"].as_array().unwrap().len(), 1, "{place}");
        let exact = "from=2025-01-21T17:30:00%2B05:30&to=2025-01-21T18:30:00%2B05:30";
        let found = web.json(&format!("/api/v1/trace/{place}?{exact}")).await;
        assert_eq!(found["passes"].as_array().unwrap().len(), 1, "{place}");
        let (status, _) = web.get(&format!("/trace/{place}?{local}")).await;
        assert_eq!(status, StatusCode::OK, "the page reads it by the reader's clock");
    }
    // Where a machine stands is known: its clock counts.
    site.sql("insert into machines (tenant_id, machine, name, plant) values (app.tenant(), 'OVEN-2', 'Oven', 'KOL')")
        .await;
    let found = web.json(&format!("/api/v1/trace/machine/OVEN-2?{local}")).await;
    assert_eq!(found["passes"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn two_units_are_compared() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    let (one, two) = (motor(1), motor(2));
    let found = web.json(&format!("/api/v1/trace/compare?a={one}&b={two}")).await;
    let differing: Vec<_> = found["sections"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|section| {
            let facts = section["facts"].as_array().unwrap().iter();
            facts.filter(|fact| fact["same"] == false).map(|fact| {
                (section["kind"].as_str().unwrap().to_owned(), fact["name"].as_str().unwrap().to_owned())
            })
        })
        .collect();
    let expected = [("machines", "CURE"), ("readings", "temperature")];
    assert_eq!(differing, expected.map(|(kind, name)| (kind.to_owned(), name.to_owned())));
    let (status, page) = web.get(&format!("/trace/compare?a={one}&b={two}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    for text in ["OVEN-1", "OVEN-2", "240", "2 things differ", "<details>", "STEEL-10", "HEAT-77"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let (status, page) = web.get(&format!("/trace/compare?a={one}&b=NONSENSE")).await;
    assert!(status == StatusCode::OK && page.contains("role=\"alert\""), "{page}");
    let (status, page) = web.get(&format!("/trace/compare?a={one}&b={one}")).await;
    assert!(status == StatusCode::OK && page.contains("same unit"), "{page}");
    assert_eq!(web.get("/trace/compare").await.0, StatusCode::OK);
    assert_eq!(web.get("/api/v1/trace/compare?a=x").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_genealogy_is_drawn_in_groups_and_opened() {
    let mut site = Site::new().await;
    example(&mut site);
    for number in 1..=30 {
        site.say(
            "KOL",
            event(Stage::Assembly, "2025-01-21T09:00:00Z")
                .action(Action::Add)
                .mint(&motor(number), Role::Parent, "MOTOR & CO")
                .part(EXAMPLE, Role::Child),
        );
    }
    site.settle().await;
    let web = Web::new(&site, Scope::Write).await;
    let (status, text) = web
        .send(
            "POST",
            "/api/v1/holds",
            "application/json",
            &format!(r#"{{"uid":"{}","reason":"crack"}}"#, motor(3)),
        )
        .await;
    assert_eq!(status, StatusCode::CREATED, "{text}");
    let path = format!("/trace/{EXAMPLE}/picture?direction=forward");
    let found = web.json(&format!("/api/v1{path}")).await;
    assert_eq!(found["nodes"].as_array().unwrap().len(), 2);
    let group = &found["nodes"][1];
    assert_eq!(group["count"], 30);
    assert_eq!(group["held"], 1);
    assert_eq!(group["shape"], "group");
    assert_eq!(found["lines"][0]["links"], 30);
    let (status, page) = web.get(&path).await;
    assert_eq!(status, StatusCode::OK);
    for text in ["<svg", "aria-hidden=\"true\"", "30 units", "■ 1 held", "tr-narrow", "MOTOR &#38; CO"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains("style=\"") && !page.contains(&motor(7)), "{page}");
    // Open it, page by page, as its links lead.
    let mut open = group["id"].as_str().unwrap().to_owned();
    let mut members = 0;
    for _ in 0..5 {
        let found = web.json(&format!("/api/v1{path}&open={}", encoded(&open))).await;
        let nodes = found["nodes"].as_array().unwrap().clone();
        members += nodes.iter().filter(|node| node["shape"] == "unit").count();
        let rest = nodes.iter().find(|node| node["shape"] == "rest").unwrap();
        match rest["next"].as_str() {
            Some(next) => open = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(members, 30);
    let (_, page) = web.get(&format!("{path}&open={}", encoded(group["id"].as_str().unwrap()))).await;
    assert!(page.contains(&motor(7)) && page.contains("18 more"), "{page}");
    let (status, _) = web.get(&format!("/trace/{EXAMPLE}/picture?direction=sideways")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = web.get("/trace/UID-SAIF-KOL-RM-000002-AE/picture").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn ten_thousand_units_make_a_short_page() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    site.sql(
        "insert into uid_registry (tenant_id, key, item, plant, born_agent, born_epoch, born_seq, born_at,
             last_at, last_stage)
         select app.tenant(), app.uid_key('UID-SAIF-KOL-RM-000001-A7') + 100 + g, 'FG-' || g % 3, 'KOL',
             a.agent_id, 9, g, now(), now(), 3
         from agents a, generate_series(1, 10000) g where a.name = 'KOL';
         insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id,
             epoch, seq, ordinal)
         select app.tenant(), app.uid_key('UID-SAIF-KOL-RM-000001-A7'),
             app.uid_key('UID-SAIF-KOL-RM-000001-A7') + 100 + g, 2, 1, 'pcs', now(), a.agent_id, 9, g, 0
         from agents a, generate_series(1, 10000) g where a.name = 'KOL'",
    )
    .await;
    let web = Web::new(&site, Scope::Read).await;
    let path = format!("/trace/{EXAMPLE}/picture?direction=forward");
    let begun = std::time::Instant::now();
    let (status, page) = web.get(&path).await;
    println!("the picture of 10,000 units took {:?}, {} bytes", begun.elapsed(), page.len());
    let begun = std::time::Instant::now();
    let (printed, bytes) = web.bytes(&format!("/trace/{EXAMPLE}/report.pdf")).await;
    println!("the PDF of 10,000 units took {:?}, {} bytes", begun.elapsed(), bytes.len());
    assert_eq!(printed, StatusCode::OK);
    assert!(bytes.starts_with(b"%PDF-") && bytes.len() < 200_000, "{} bytes", bytes.len());
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    keep("report-10000.pdf", &bytes);
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("10,000 units") && page.contains("3,334 units"), "{page}");
    let found = web.json(&format!("/api/v1{path}")).await;
    assert_eq!(found["nodes"].as_array().unwrap().len(), 4);
    assert_eq!(found["total"], 10_000);
    assert_eq!(found["mode"], "ever");
    let open: Vec<&str> =
        found["nodes"].as_array().unwrap().iter().skip(1).map(|node| node["id"].as_str().unwrap()).collect();
    let (_, opened) = web.get(&format!("{path}&open={}", open.join(","))).await;
    assert!(opened.len() < 150_000, "{} bytes", opened.len());
}

#[tokio::test]
async fn a_report_holds_all_of_it_as_page_json_and_workbook() {
    let site = story().await;
    site.sql("update uid_registry set location = '=cmd|x' where tenant_id = app.tenant()").await;
    let web = Web::new(&site, Scope::Read).await;
    let motor = motor(2);
    let report = web.json(&format!("/api/v1/trace/{motor}/report")).await;
    assert_eq!(report["trace"]["events"].as_array().unwrap().len(), 4);
    assert_eq!(report["backward"]["nodes"][0]["uid"], EXAMPLE);
    assert_eq!(report["backward"]["sources"]["lots"][0]["supplier_lot"], "HEAT-77");
    assert_eq!(report["forward"]["destinations"]["dispatches"][0]["customer"], "ACME");
    assert_eq!(report["cut"], false);
    let (status, page) = web.get(&format!("/trace/{motor}/report")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("HEAT-77") && page.contains("240") && page.contains("ACME"), "{page}");
    let (status, text) = web.get(&format!("/trace/{motor}/report.json")).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["trace"]["uid"], motor);
    let report: Result<report::Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &Genealogy::default(), &motor, chrono::Utc::now()).await
        })
        .await;
    let zone = chrono_tz::Asia::Kolkata;
    let english = super::tests::english();
    let mut report = report.unwrap();
    let sheets = crate::explore::report_sheets::sheets(&report, &english, &Words::default(), zone);
    let names: Vec<_> = sheets.iter().map(|sheet| sheet.name.as_str()).collect();
    assert_eq!(names.len(), 7, "{names:?}");
    let cells: Vec<String> =
        sheets.iter().flat_map(|sheet| sheet.rows.iter().flatten()).map(ToString::to_string).collect();
    assert!(cells.iter().any(|cell| cell.contains("'=cmd|x")), "{cells:?}");
    assert!(!cells.iter().any(|cell| cell.starts_with("\"=")), "{cells:?}");
    assert!(platform::web::workbook(&sheets).unwrap().starts_with(b"PK"));
    // Details stand in columns of their own, numbers as numbers, times by the reader's clock.
    let sent = &sheets[6];
    assert_eq!(sent.heads[5], "Time (Asia/Kolkata)");
    assert_eq!(sent.times, [5]);
    assert_eq!(sent.heads.len(), 13);
    let row = &sent.rows[0];
    assert_eq!(row[2], motor.as_str());
    assert_eq!(row[3], "ACME");
    assert_eq!(row[4], "DN/2");
    assert_eq!(row[5], "2025-01-21T18:20:00");
    let reading = &sheets[2].rows[0];
    assert_eq!(reading[4], 240.0);
    assert_eq!(reading[6], 180.0);
    assert_eq!(reading[7], 200.0);
    assert!(sheets.iter().all(|sheet| !sheet.rows.iter().any(|row| row[0].to_string().contains('▲'))));
    // Each sheet says for itself that it does not hold all.
    report.forward.destinations.as_mut().unwrap().cut = true;
    report.trace.more_events = true;
    let sheets = crate::explore::report_sheets::sheets(&report, &english, &Words::default(), zone);
    let told: Vec<bool> = sheets
        .iter()
        .map(|sheet| sheet.rows.first().is_some_and(|row| row[0].to_string().contains("Not everything")))
        .collect();
    assert_eq!(told, [false, true, true, false, false, false, true]);
    for sheet in &sheets {
        for row in &sheet.rows {
            assert!(row.len() <= sheet.heads.len(), "{}", sheet.name);
        }
    }
}

/// What plants write as codes, on a unit's page and in its files.
#[tokio::test]
async fn a_history_is_told_in_words() {
    use crate::explore::report_sheets::sheets;
    use crate::pages::say::Zones;
    let mut site = story().await;
    let motor = motor(1);
    let mut said = |stage, at: &str, reason: &str, operator: &str| {
        let mut event = event(stage, at).part(&motor, Role::Subject);
        (event.reason, event.operator_id) = (reason.into(), operator.into());
        event.readings = vec![Reading {
            name: "oven".into(),
            value: "190".into(),
            unit: "Cel".into(),
            quality: Quality::Good.into(),
            at_us: event.occurred_at_us,
            ..Reading::default()
        }];
        site.say("KOL", event);
    };
    said(Stage::Hold, "2025-01-22T09:00:00Z", "CRACK", "op-7");
    said(Stage::Refused, "2025-01-22T09:10:00Z", "label.held", "op-8");
    said(Stage::Label, "2025-01-22T09:20:00Z", "printed", "op-8");
    said(Stage::Scrap, "2025-01-22T09:30:00Z", "OWN-WORDS", "op-8");
    site.settle().await;
    site.sql(
        "insert into operators (tenant_id, operator_id, name, badge_hash)
             values (app.tenant(), 'op-7', 'Anil Das', '');
         insert into reasons (tenant_id, reason, purpose, texts)
             values (app.tenant(), 'CRACK', 'hold', '{\"en\": \"Hairline crack\", \"hi\": \"दरार\"}')",
    )
    .await;
    let web = Web::new(&site, Scope::Read).await;
    let all = |page: &str, what: &str| {
        for word in ["Hairline crack", "It is held", "Printed", "OWN-WORDS", "Anil Das", "op-8", "190 °C"] {
            assert!(page.contains(word), "{what}: {word} in {page}");
        }
        for code in [">CRACK", "label.held", " printed", ">op-7", "Cel"] {
            assert!(!page.contains(code), "{what}: {code} in {page}");
        }
    };
    for path in [format!("/trace/{motor}"), format!("/trace/{motor}/report")] {
        let (status, page) = web.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        all(&page, &path);
    }
    let (_, ends) = web.get(&format!("/trace/{motor}/ends/backward")).await;
    assert!(ends.contains("Anil Das") && ends.contains("/trace/operator/op-7"), "{ends}");
    let (_, window) = web.get("/trace/operator/op-7?from=2025-01-21&to=2025-01-23").await;
    assert!(window.contains("Anil Das") && !window.contains(">op-7"), "{window}");
    let (_, holds) = web.get("/holds").await;
    assert!(holds.contains("Hairline crack") && holds.contains("Anil Das"), "{holds}");
    // The answer to a program stays in codes.
    let trace = web.json(&format!("/api/v1/trace/{motor}")).await;
    assert!(trace.to_string().contains("label.held"), "{trace}");

    let report: Result<report::Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &Genealogy::default(), &motor, chrono::Utc::now()).await
        })
        .await;
    let report = report.unwrap();
    let words = Words::told([("op-7", "Anil Das")], [("CRACK", "Hairline crack")]);
    let texts = super::tests::english();
    let zones = Zones::new(Vec::new(), chrono_tz::UTC);
    let paper = crate::explore::report_paper::data(&report, &texts, (&zones, &words), "Saif Ltd").to_string();
    let cells: Vec<_> =
        sheets(&report, &texts, &words, chrono_tz::UTC).into_iter().flat_map(|sheet| sheet.rows).collect();
    let cells = format!("{cells:?}");
    for word in ["Hairline crack", "It is held", "OWN-WORDS", "Anil Das", "op-8", "°C"] {
        assert!(paper.contains(word), "{word} in {paper}");
        assert!(cells.contains(word), "{word} in {cells}");
    }
    assert!(cells.contains("Anil Das (op-7)") && !paper.contains("Cel"), "{cells}");
}

#[tokio::test]
async fn items_are_called_as_their_master_says_to_the_reader() {
    use crate::explore::report_sheets::sheets;
    use crate::pages::items::Items;
    use crate::pages::say::Zones;
    use platform::i18n::{Lang, Names};
    let site = story().await;
    site.sql(
        "insert into items (tenant_id, item, name, names, type_code, base_unit, tracking) values
             (app.tenant(), 'MOTOR', 'Motor', '{\"en\": \"Motor\", \"hi\": \"मोटर\"}', 'FG', 'pcs', 'unit')",
    )
    .await;
    let web = Web::new(&site, Scope::Read).await;
    let of_bar = ["", "/tree/forward", "/picture?direction=forward", "/ends/forward", "/report"];
    let others = [format!("/trace/{}", motor(1)), "/trace/document/desadv/DN%2F1".to_owned(), "/".to_owned()];
    for path in of_bar.map(|part| format!("/trace/{EXAMPLE}{part}")).into_iter().chain(others) {
        let page = web.get_in(Lang::Hi, &path).await;
        assert!(page.contains("MOTOR मोटर") && !page.contains("MOTOR Motor"), "{path}: {page}");
        let page = web.get_in(Lang::Te, &path).await;
        assert!(page.contains("MOTOR Motor"), "{path}: {page}");
    }
    // A program reads what it always read.
    let trace = web.json(&format!("/api/v1/trace/{}", motor(1))).await;
    assert_eq!((&trace["item"]["code"], &trace["item"]["name"]), (&"MOTOR".into(), &"Motor".into()));

    let report: Result<report::Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &Genealogy::default(), EXAMPLE, chrono::Utc::now()).await
        })
        .await;
    let report = report.unwrap();
    let codes = ["MOTOR", report.trace.item.code.as_str()];
    let items = Items::read(&site.db.db, &site.cx(), codes).await.unwrap();
    let steel = Names::from(serde_json::json!({ "hi": "इस्पात" }));
    assert_eq!(items.name(&super::tests::words(Lang::Hi), "MOTOR", ""), "मोटर");
    let own = report.trace.item.code.clone();
    let names = Names::from(serde_json::json!({ "hi": "मोटर" }));
    let items = [(own.clone(), "Steel".to_owned(), steel), ("MOTOR".to_owned(), "Motor".to_owned(), names)];
    let words = Words::default().with_items(items.into_iter().collect());
    let texts = super::tests::words(Lang::Hi);
    let zones = Zones::new(Vec::new(), chrono_tz::UTC);
    let paper = crate::explore::report_paper::data(&report, &texts, (&zones, &words), "Saif Ltd");
    assert_eq!(paper["lead"], format!("{own} इस्पात"));
    assert!(paper["sections"].to_string().contains("MOTOR मोटर"), "{paper}");
    let sheets = sheets(&report, &texts, &words, chrono_tz::UTC);
    assert!(sheets[0].rows.iter().any(|row| row[1] == format!("{own} इस्पात")), "{:?}", sheets[0].rows);
    let column = sheets[4].heads.iter().position(|head| *head == texts.t("trace-item-name")).unwrap();
    assert!(sheets[4].rows.iter().any(|row| row[column] == "मोटर"), "{:?}", sheets[4].rows);
}

#[tokio::test]
async fn the_signs_of_a_history_are_explained() {
    let site = story().await;
    let web = Web::new(&site, Scope::Read).await;
    let (_, page) = web.get(&format!("/trace/{}", motor(1))).await;
    assert!(page.contains("<summary>What the signs mean</summary>"), "{page}");
    for sign in ["→", "←", "◆", "<s>Stage</s>"] {
        assert!(page.contains(&format!("<dt>{sign}</dt><dd>")), "{sign}: {page}");
    }
    // Who hears the page hears what the arrow of the assembly says, on the live page as well.
    let (_, live) = web.get("/").await;
    for heard in [&page, &live] {
        assert!(heard.contains("(put in, loaded, sent or begun)</span>"), "{heard}");
    }
}

/// Keeps a document for people to look at, beside the screenshots.
fn keep(name: &str, bytes: &[u8]) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
}

#[tokio::test]
async fn the_report_is_printed_in_the_readers_language_and_says_how_far_it_reaches() {
    use crate::explore::report_paper;
    use crate::pages::say::Zones;
    use platform::i18n::Lang;
    let site = story().await;
    let motor = motor(2);
    let report: Result<report::Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &Genealogy::default(), &motor, chrono::Utc::now()).await
        })
        .await;
    let mut report = report.unwrap();
    report.trace.plants_behind = vec![crate::explore::model::PlantBehind {
        plant: "VSK".into(),
        agent: "VSK-1".into(),
        last_seen_at: Some("2026-01-05T03:00:00Z".parse().unwrap()),
        queued_events: 7,
    }];
    report.trace.item.name = "*Motor* #[x]".into();
    let kolkata = ("VSK".to_owned(), "Asia/Kolkata".to_owned());
    let zones = Zones::new(vec![kolkata], chrono_tz::UTC);
    // Words are set apart by where lines break, not by what they say.
    let plain = |text: &str| text.split_whitespace().collect::<String>();
    for (lang, words) in [
        (
            Lang::En,
            ["What is in it (", "How far this reaches", "Current to batch", "7 events waiting", "Made at"],
        ),
        (Lang::Te, ["ఇందులో ఏముంది", "ఇది ఎంతవరకు వర్తిస్తుంది", "VSK-1", "1 / ", "తయారైన సమయం"]),
    ] {
        let texts = super::tests::words(lang);
        let data = report_paper::data(&report, &texts, (&zones, &Words::default()), "Saif Ltd");
        let pages = print::text(crate::paper::TEMPLATE, &data).unwrap();
        let said = plain(&pages.join(" "));
        let everywhere =
            [motor.as_str(), EXAMPLE, "HEAT-77", "ACME", "240", "*Motor* #[x]", "8:30", "Saif Ltd"];
        for word in words.into_iter().chain(everywhere) {
            assert!(said.contains(&plain(word)), "{lang:?}: {word} in {said}");
        }
        keep(&format!("report-{}.pdf", lang.code()), &print::pdf(crate::paper::TEMPLATE, &data).unwrap());
    }

    // Long ones end, and say so.
    let event = report.trace.events[0].clone();
    report.trace.events = vec![event; 1_200];
    let mut node = report.backward.nodes[0].clone();
    report.backward.nodes = (0..1_000)
        .map(|n| {
            node.item = format!("PART-{}", n % 30);
            node.clone()
        })
        .collect();
    report.backward.total = 1_000;
    let data =
        report_paper::data(&report, &super::tests::words(Lang::En), (&zones, &Words::default()), "Saif Ltd");
    let sections = data["sections"].as_array().unwrap();
    assert!(
        sections.iter().all(|section| section["rows"].as_array().unwrap().len() <= crate::paper::MOST_ROWS)
    );
    let said = data.to_string();
    for word in ["700 events between", "one row", "What is in it (1,000)", "more items"] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[tokio::test]
async fn a_report_holds_the_shipments_that_a_page_has_no_room_for() {
    let mut site = Site::new().await;
    example(&mut site);
    let mut sent = event(Stage::Dispatch, "2025-01-22T10:00:00Z")
        .document("desadv", "DN/9")
        .document("customer", "ACME");
    for number in 1..=510 {
        site.say(
            "KOL",
            event(Stage::Assembly, "2025-01-21T10:00:00Z")
                .action(Action::Add)
                .mint(&motor(number), Role::Parent, "MOTOR")
                .part(EXAMPLE, Role::Child),
        );
        sent = sent.part(&motor(number), Role::Subject);
    }
    site.say("KOL", sent);
    site.settle().await;
    let web = Web::new(&site, Scope::Read).await;
    let report = web.json(&format!("/api/v1/trace/{EXAMPLE}/report")).await;
    let ends = &report["forward"]["destinations"];
    assert_eq!(ends["dispatches"].as_array().unwrap().len(), 510);
    assert_eq!((ends["cut"].as_bool(), report["cut"].as_bool()), (Some(false), Some(false)));
    let (_, page) = web.get(&format!("/trace/{EXAMPLE}/report")).await;
    assert!(page.contains("Only the first 500"), "the page says what it leaves out");
    // What a file cannot hold is said at its top, wherever it was cut.
    let found: Result<report::Report, TraceError> = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            report::report_in(tx, &Genealogy::default(), EXAMPLE, chrono::Utc::now()).await
        })
        .await;
    let mut found = found.unwrap();
    assert!(!report::ends_cut(&found.forward));
    found.forward.destinations.as_mut().unwrap().shorten(500);
    assert!(report::ends_cut(&found.forward) && !report::is_cut(&found.forward));
}

#[tokio::test]
async fn rights_at_one_plant_reach_no_further() {
    let site = story().await;
    let plants = platform::ctx::Plants::some(["VSK"]);
    let cx = site.cx().at(plants);
    let now = chrono::Utc::now();
    let page = Page { after: None, limit: 50 };
    let day = ("2025-01-21T00:00:00Z".parse().unwrap(), "2025-01-22T00:00:00Z".parse().unwrap());
    let done: Result<(), TraceError> = site
        .db
        .db
        .tx(&cx, async |tx| {
            for code in ["HEAT-77", "XYZ", "GRN-2025-045", "DN/1", "SO-9", "OVEN-2", "op-7"] {
                assert_eq!(places::leads_in(tx, code).await?, [], "{code}");
            }
            for code in ["PRESS-9", "op-9", "CH-9"] {
                assert_eq!(places::leads_in(tx, code).await?.len(), 1, "{code}");
            }
            let lot = "01900000-0000-7000-8000-000000000001".parse().unwrap();
            assert_eq!(places::lot_in(tx, lot, &page, now).await.unwrap_err().status(), 404);
            assert!(places::document_in(tx, "recadv", "GRN-2025-045", &page, now).await.is_err());
            assert!(places::document_in(tx, "so", "SO-9", &page, now).await.is_err());
            assert!(places::passes_in(tx, (Who::Machine, "OVEN-2", ""), day, &page, now).await.is_err());
            assert!(places::passes_in(tx, (Who::Operator, "op-7", ""), day, &page, now).await.is_err());
            let own = places::passes_in(tx, (Who::Machine, "PRESS-9", ""), day, &page, now).await?;
            assert_eq!(own.passes.len(), 1);
            let customer = places::customer_in(tx, "ACME", "", &page, now).await?;
            assert_eq!((customer.orders.len(), customer.passes.len()), (0, 0));
            // That others are behind is told, and nothing of how it is there.
            let behind: Vec<(&str, bool)> =
                own.plants_behind.iter().map(|one| (one.plant.as_str(), one.agent.is_empty())).collect();
            assert_eq!(behind, [("KOL", true), ("VSK", false)]);
            let other =
                compare::compare_in(tx, &Genealogy::default(), &motor(1), &motor(2), now).await.unwrap_err();
            assert_eq!(other.status(), 404);
            assert_eq!(
                report::report_in(tx, &Genealogy::default(), &motor(1), now).await.unwrap_err().status(),
                404
            );
            Ok(())
        })
        .await;
    done.unwrap();
}
