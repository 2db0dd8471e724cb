//! The trace against a real Postgres, fed through the ingest.

use chrono::Utc;
use proto::v1::{Action, Role, Stage};
use serde_json::json;

use super::error::TraceError;
use super::graph::Direction;
use super::model::PlantBehind;
use super::walk::Ask;
use super::{search, service, text, walk};
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

platform::in_every_placement! {
async fn the_specifications_example_answers_in_its_form() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    let trace = service::trace(&site.db.db, &site.cx(), EXAMPLE, Utc::now()).await.unwrap();
    let answer = serde_json::to_value(&trace).unwrap();
    assert_eq!(
        json!({ "uid": answer["uid"], "lifecycle": answer["lifecycle"] }),
        json!({
            "uid": "UID-SAIF-KOL-RM-000001-A7",
            "lifecycle": [
                { "stage": "PROCUREMENT", "timestamp": "2025-01-15T10:30:00Z",
                  "reference": "PO-2025-001", "location": "Vendor-XYZ" },
                { "stage": "GRN", "timestamp": "2025-01-18T14:20:00Z",
                  "reference": "GRN-2025-045", "location": "Warehouse-A-Rack-12" },
                { "stage": "ISSUE_TO_PRODUCTION", "timestamp": "2025-01-20T09:15:00Z",
                  "reference": "PO-2025-010", "location": "Assembly-Line-1" },
            ]
        })
    );
    assert_eq!(answer["lot"]["supplier_lot"], "HEAT-77");
    assert_eq!(answer["item"]["code"], "STEEL-10");
    assert_eq!(answer["item"]["quantity"], "100");
    assert_eq!(answer["state"]["life"], "active");
    assert_eq!(answer["state"]["order"], "PO-2025-010");
    assert_eq!(answer["state"]["location"], "Assembly-Line-1");
    assert_eq!(answer["plant"], "KOL");
    assert_eq!(answer["aliases"], json!(["SN-4711"]));
    assert_eq!(answer["events"].as_array().unwrap().len(), 3);
    assert_eq!(answer["current_to"]["batch_id"], "1");
    assert_eq!(answer["state"]["through_batch"], "1");
    let shown = text::render(&trace);
    assert!(shown.contains("PROCUREMENT") && shown.contains("HEAT-77"), "{shown}");
}
}

#[tokio::test]
async fn the_view_tells_the_lifecycle_that_the_api_tells() {
    let mut site = Site::new().await;
    example(&mut site);
    // Without place and document; not of the life; corrected.
    site.say("KOL", event(Stage::Storage, "2025-01-21T08:00:00Z").part(EXAMPLE, Role::Subject));
    site.say("KOL", event(Stage::Label, "2025-01-21T08:01:00Z").part(EXAMPLE, Role::Subject));
    site.say("KOL", event(Stage::Refused, "2025-01-21T08:02:00Z").part(EXAMPLE, Role::Subject));
    let wrong = site.say("KOL", event(Stage::Storage, "2025-01-21T08:03:00Z").part(EXAMPLE, Role::Subject));
    site.say("KOL", event(Stage::Correct, "2025-01-21T08:04:00Z").corrects(wrong));
    site.settle().await;
    let trace = service::trace(&site.db.db, &site.cx(), EXAMPLE, Utc::now()).await.unwrap();
    assert_eq!(trace.lifecycle.len(), 6);
    let view = site
        .ask(
            "select lifecycle::text from uid_lifecycle \
             where tenant_id = app.tenant() and key = app.uid_key('UID-SAIF-KOL-RM-000001-A7')",
        )
        .await;
    let view: serde_json::Value = serde_json::from_str(&view).unwrap();
    assert_eq!(view, serde_json::to_value(&trace.lifecycle).unwrap());
    let keys = "select coalesce(app.uid_key(t)::text, '-') from unnest(array[ \
                'uid-saif-kol-rm-000001-a7', 'UID-SAIF-KOL-RM-000001', 'UID-SAIF-KOL-RM-000000-A7', \
                'UID-SAIF-KOL-RM-0000001-A7', 'UID-SAIF-ZZZ-ZZ-99999999999-A7', '']) t";
    let (own, most) = (crate::testing::key(EXAMPLE), uid::Key::MAX.get());
    assert_eq!(site.ask(keys).await, format!("{own} - - - {most} -"));
}

#[tokio::test]
async fn a_uid_is_found_by_any_of_its_codes() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    for code in [
        " uid-saif-kol-rm-000001-a7\n",
        "SN-4711",
        "sn-4711",
        "KOLRM000001A7",
        "(01)09506000134352(21)KOLRM000001A7",
    ] {
        let trace = service::trace(&site.db.db, &site.cx(), code, Utc::now()).await.unwrap();
        assert_eq!(trace.uid, EXAMPLE, "{code:?}");
    }
    let error =
        async |code: &str| service::trace(&site.db.db, &site.cx(), code, Utc::now()).await.unwrap_err();
    assert_eq!(error("UID-SAIF-KOL-RM-000001-A8").await.code(), "uid.checksum");
    assert_eq!(error("UID-SAIF-KOL-RM-000001-A8").await.status(), 400);
    assert!(matches!(error("UID-SAIF-KOL-RM-000002-AE").await, TraceError::Unknown(_)));
    assert!(matches!(error("UID-ZZZZ-ZZZ-ZZ-99999999999-E6").await, TraceError::Foreign(_)));
    assert!(matches!(error("SN-NONE").await, TraceError::Unknown(_)));
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    let Site { db, .. } = site;
    let other = Site::of(db, "OTHR").await;
    let now = Utc::now();
    let error = service::trace(&other.db.db, &other.cx(), EXAMPLE, now).await.unwrap_err();
    assert!(matches!(error, TraceError::Foreign(_)));
    // The same key under the other tenant's own code.
    let twin =
        uid::Uid::from_key("OTHR".parse().unwrap(), EXAMPLE.parse::<uid::Uid>().unwrap().key()).to_string();
    let error = service::trace(&other.db.db, &other.cx(), &twin, now).await.unwrap_err();
    assert!(matches!(error, TraceError::Unknown(_)));
    let found = search::search(&other.db.db, &other.cx(), "UID-OTHR", (None, 50), Utc::now()).await.unwrap();
    assert!(found.hits.is_empty());
    for code in ["HEAT", "GRN", "SN-"] {
        let found = search::search(&other.db.db, &other.cx(), code, (None, 50), Utc::now()).await.unwrap();
        assert!(found.hits.is_empty(), "{code}");
    }
}

/// 1 → 2 → 3, then 3 into 1 (bad data), all assemblies.
async fn ring() -> (Site, [String; 3]) {
    let mut site = Site::new().await;
    let uids = [1, 2, 3].map(|number| uid("KOL", "SF", number));
    for (number, own) in uids.iter().enumerate() {
        site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(own, Role::Subject, "PART"));
        let into = &uids[(number + 1) % 3];
        let at = format!("2025-03-01T09:0{number}:00Z");
        site.say(
            "KOL",
            event(Stage::Assembly, &at).action(Action::Add).part(into, Role::Parent).part(own, Role::Child),
        );
    }
    site.settle().await;
    (site, uids)
}

#[tokio::test]
async fn a_cycle_ends_with_a_mark() {
    let (site, uids) = ring().await;
    for direction in [Direction::Forward, Direction::Backward] {
        let ask = Ask { depth: 50, ..Ask::default() };
        let walk =
            walk::walk(&site.db.db, &site.cx(), &site.genealogy(), &uids[0], direction, &ask, Utc::now())
                .await
                .unwrap();
        assert!(walk.cycle);
        assert_eq!(walk.total, 2);
        assert!(walk.nodes.iter().all(|node| node.cycle));
        assert!(walk.edges.iter().all(|edge| edge.cycle && edge.kind == "assembly"));
    }
}

#[tokio::test]
async fn depth_and_pages_are_kept() {
    let mut site = Site::new().await;
    let chain: Vec<String> = (1..=6).map(|number| uid("KOL", "SF", number)).collect();
    for own in &chain {
        site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(own, Role::Subject, "PART"));
    }
    for pair in chain.windows(2) {
        site.say(
            "KOL",
            event(Stage::Assembly, "2025-03-01T09:00:00Z")
                .action(Action::Add)
                .part(&pair[1], Role::Parent)
                .part(&pair[0], Role::Child),
        );
    }
    site.settle().await;
    let go = async |depth, limit, after: Option<String>| {
        let ask = Ask { depth, limit, after, ..Ask::default() };
        walk::walk(
            &site.db.db,
            &site.cx(),
            &site.genealogy(),
            &chain[0],
            Direction::Forward,
            &ask,
            Utc::now(),
        )
        .await
        .unwrap()
    };
    let short = go(2, 100, None).await;
    assert_eq!((short.nodes.len(), short.deeper), (2, true));
    assert!(short.nodes[1].more);
    let whole = go(50, 100, None).await;
    assert_eq!((whole.nodes.len(), whole.deeper, whole.cycle), (5, false, false));
    let first = go(50, 2, None).await;
    let second = go(50, 2, first.next.clone()).await;
    let third = go(50, 2, second.next.clone()).await;
    assert_eq!(third.next, None);
    let paged: Vec<String> =
        [first, second, third].into_iter().flat_map(|walk| walk.nodes).map(|node| node.uid).collect();
    assert_eq!(paged, chain[1..]);
    let bad = Ask { depth: 0, ..Ask::default() };
    let error = walk::walk(
        &site.db.db,
        &site.cx(),
        &site.genealogy(),
        &chain[0],
        Direction::Forward,
        &bad,
        Utc::now(),
    )
    .await;
    assert_eq!(error.unwrap_err().status(), 400);
}

platform::in_every_placement! {
async fn recall_follows_what_ever_was_and_as_built_what_is() {
    let mut site = Site::new().await;
    let (part, whole, wrong) = (uid("KOL", "SP", 1), uid("KOL", "FG", 1), uid("KOL", "FG", 2));
    for own in [&part, &whole, &wrong] {
        site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(own, Role::Subject, "THING"));
    }
    let tie = |whole: &str, action, at: &str| {
        event(Stage::Assembly, at).action(action).part(whole, Role::Parent).part(&part, Role::Child)
    };
    let mistake = site.say("KOL", tie(&wrong, Action::Add, "2025-03-01T09:00:00Z"));
    site.say(
        "KOL",
        event(Stage::Correct, "2025-03-01T09:01:00Z").part(&part, Role::Subject).corrects(mistake),
    );
    site.say("KOL", tie(&whole, Action::Add, "2025-03-01T09:02:00Z"));
    site.say("KOL", tie(&whole, Action::Delete, "2025-03-01T10:00:00Z"));
    site.settle().await;
    let go = async |as_built| {
        let ask = Ask { as_built, ..Ask::default() };
        let walk =
            walk::walk(&site.db.db, &site.cx(), &site.genealogy(), &part, Direction::Forward, &ask, Utc::now()).await.unwrap();
        walk.nodes.into_iter().map(|node| node.uid).collect::<Vec<_>>()
    };
    assert_eq!(go(false).await, std::slice::from_ref(&whole));
    assert!(go(true).await.is_empty());
    let trace = service::trace(&site.db.db, &site.cx(), &part, Utc::now()).await.unwrap();
    let corrected: Vec<_> =
        trace.events.iter().filter(|event| event.corrected).map(|event| event.event_id).collect();
    assert_eq!(corrected, [mistake]);
    assert_eq!(trace.state.custody, "location");
}
}

#[tokio::test]
async fn a_package_of_ten_thousand_is_walked_in_pages() {
    let mut site = Site::new().await;
    let package = uid("KOL", "PK", 1);
    site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(&package, Role::Subject, ""));
    // An event holds at most 64 KiB, so it takes several.
    for hundred in 0..100_u64 {
        let contents: Vec<String> = (1..=100).map(|n| uid("KOL", "FG", hundred * 100 + n)).collect();
        let mut made = event(Stage::Commission, "2025-03-01T08:00:00Z");
        let mut packed =
            event(Stage::Packing, "2025-03-01T09:00:00Z").action(Action::Add).part(&package, Role::Parent);
        for own in &contents {
            made = made.mint(own, Role::Subject, "MOTOR");
            packed = packed.part(own, Role::Child);
        }
        site.say("KOL", made);
        site.say("KOL", packed);
    }
    site.say(
        "KOL",
        event(Stage::Dispatch, "2025-03-02T09:00:00Z")
            .part(&package, Role::Subject)
            .document("desadv", "DN-1"),
    );
    site.settle().await;
    let started = std::time::Instant::now();
    let ask = Ask { limit: 10_000, ..Ask::default() };
    let walk = walk::walk(
        &site.db.db,
        &site.cx(),
        &site.genealogy(),
        &package,
        Direction::Backward,
        &ask,
        Utc::now(),
    )
    .await
    .unwrap();
    assert_eq!((walk.total, walk.nodes.len(), walk.next), (10_000, 10_000, None));
    let trace = service::trace(&site.db.db, &site.cx(), &package, Utc::now()).await.unwrap();
    assert_eq!((trace.children.len(), trace.more_children), (1000, true));
    assert!(started.elapsed().as_secs() < 20);
    // The content went with it.
    assert_eq!(
        site.ask("select sum(quantity)::text from stock_ledger").await.trim_end_matches(".000000"),
        "0"
    );
    let forward = walk::walk(
        &site.db.db,
        &site.cx(),
        &site.genealogy(),
        &uid("KOL", "FG", 5),
        Direction::Forward,
        &Ask::default(),
        Utc::now(),
    )
    .await
    .unwrap();
    let ends = forward.destinations.unwrap();
    assert_eq!(ends.dispatches[0].document, "DN-1");
    assert_eq!(ends.with_customers.iter().map(|pile| pile.labels).sum::<usize>(), 2);
}

platform::in_every_placement! {
async fn search_finds_by_prefix_lot_document_and_alias() {
    let mut site = Site::new().await;
    example(&mut site);
    for number in 2..=9 {
        let own = uid("KOL", "RM", number);
        site.say(
            "KOL",
            event(Stage::Grn, "2025-01-18T15:00:00Z")
                .mint(&own, Role::Subject, "BOLT")
                .document("recadv", "GRN-2025-046"),
        );
    }
    site.settle().await;
    let find = async |query: &str, after: Option<&str>, limit| {
        search::search(&site.db.db, &site.cx(), query, (after, limit), Utc::now()).await.unwrap()
    };
    assert_eq!(find("UID-SAIF-KOL", None, 100).await.hits.len(), 9);
    assert_eq!(find("UID-SAIF-VSK", None, 100).await.hits.len(), 0);
    let told = find("UID-SAIF-KOL", None, 100).await;
    let (current, behind) = site
        .db
        .db
        .tx(&site.cx(), async |tx| service::fresh(tx, Utc::now()).await)
        .await
        .unwrap();
    assert!(current.batch_id != "0" && told.current_to == current, "{told:?}");
    let plants = |behind: &[PlantBehind]| behind.iter().map(|one| one.plant.clone()).collect::<Vec<_>>();
    assert!(!behind.is_empty());
    assert_eq!(plants(&told.plants_behind), plants(&behind));
    assert_eq!(find("UID-SAIF-KOL-RM-000001-A7", None, 100).await.hits.len(), 1);
    let lot = find("HEAT", None, 100).await;
    assert_eq!((lot.hits.len(), lot.hits[0].by, lot.hits[0].uid.as_str()), (1, "supplier_lot", EXAMPLE));
    assert_eq!(find("SN-", None, 10).await.hits[0].by, "alias");
    for (typed, capitals) in [("heat", "HEAT"), ("grn-2025-046", "GRN-2025-046"), ("sn-", "SN-")] {
        assert_eq!(find(typed, None, 100).await, find(capitals, None, 100).await, "{typed}");
    }
    assert_eq!(find("GRN-2025-046", None, 100).await.hits.len(), 8);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = find("grn-2025", after.as_deref(), 4).await;
        seen.extend(page.hits.into_iter().map(|hit| hit.uid));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 9);
}
}

#[tokio::test]
async fn a_serial_that_looks_like_a_uid_is_found_all_the_same() {
    let mut site = Site::new().await;
    let own = uid("KOL", "SP", 1);
    for (number, alias) in [(1, "A-1-2-3-4-5"), (2, "UIDX77")] {
        let mut made = event(Stage::Commission, "2025-03-01T08:00:00Z").mint(
            &uid("KOL", "SP", number),
            Role::Subject,
            "THING",
        );
        made.subjects[0].alias = alias.into();
        site.say("KOL", made);
    }
    site.settle().await;
    let find = async |code: &str| service::trace(&site.db.db, &site.cx(), code, Utc::now()).await;
    assert_eq!(find("a-1-2-3-4-5").await.unwrap().uid, own);
    assert_eq!(find("UIDX77").await.unwrap().uid, uid("KOL", "SP", 2));
    assert_eq!(find("B-1-2-3-4-5").await.unwrap_err().code(), "uid.prefix");
}

#[tokio::test]
async fn a_backward_trace_ends_at_what_truly_was() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(&own, Role::Subject, "MOTOR"));
    let mut work = |stage, machine: &str, values: &[&str]| {
        let mut done = event(stage, "2025-03-01T09:00:00Z").part(&own, Role::Subject);
        done.machine = machine.into();
        done.operator_id = format!("op-{machine}");
        done.operation = "CURE".into();
        done.readings = values
            .iter()
            .map(|value| proto::v1::Reading {
                name: "temperature".into(),
                value: (*value).into(),
                unit: "C".into(),
                quality: proto::v1::Quality::Good.into(),
                low: "100".into(),
                high: "200".into(),
                at_us: done.occurred_at_us,
            })
            .collect();
        site.say("KOL", done)
    };
    work(Stage::Operation, "OVEN", &["150", "250", "90"]);
    work(Stage::Refused, "GATE", &["999"]);
    let wrong = work(Stage::Operation, "WRONG", &["900"]);
    let thrice = work(Stage::Inspection, "THRICE", &[]);
    let again = work(Stage::Inspection, "AGAIN", &[]);
    let correct = |site: &mut Site, target| {
        site.say("KOL", event(Stage::Correct, "2025-03-01T10:00:00Z").corrects(target))
    };
    correct(&mut site, wrong);
    let one = correct(&mut site, thrice);
    let two = correct(&mut site, one);
    correct(&mut site, two);
    let one = correct(&mut site, again);
    correct(&mut site, one);
    site.settle().await;
    let ask = Ask::default();
    let walk =
        walk::walk(&site.db.db, &site.cx(), &site.genealogy(), &own, Direction::Backward, &ask, Utc::now())
            .await
            .unwrap();
    assert!(!walk.cut && !walk.deeper);
    let found = walk.sources.unwrap();
    assert_eq!(found.machines, ["AGAIN", "OVEN"]);
    assert_eq!(found.operators, ["op-AGAIN", "op-OVEN"]);
    assert_eq!(found.inspections.iter().map(|one| one.event_id).collect::<Vec<_>>(), [again]);
    assert_eq!((found.readings, found.readings_outside), (3, 2));
    let outside: Vec<_> = found.outside.iter().map(|one| one.value.unwrap().to_string()).collect();
    assert_eq!(outside, ["250", "90"]);
    assert_eq!((found.outside[0].machine.as_str(), found.outside[0].uid.as_str()), ("OVEN", own.as_str()));
    assert!(!found.cut);
    let shown = text::trace_text(&site.db.db, &site.cx(), &own).await.unwrap();
    assert!(shown.contains("3, 2 out of limits") && shown.contains("temperature 250 C (100…200)"), "{shown}");
}

#[tokio::test]
async fn more_machines_than_a_list_holds_are_told_to_be_cut() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(&own, Role::Subject, "MOTOR"));
    for number in 0..=500 {
        let mut done = event(Stage::Operation, "2025-03-01T09:00:00Z").part(&own, Role::Subject);
        done.machine = format!("M-{number:03}");
        site.say("KOL", done);
    }
    site.settle().await;
    let ask = Ask::default();
    let walk =
        walk::walk(&site.db.db, &site.cx(), &site.genealogy(), &own, Direction::Backward, &ask, Utc::now())
            .await
            .unwrap();
    let found = walk.sources.unwrap();
    assert_eq!((found.machines.len(), found.cut), (500, true));
}

#[tokio::test]
async fn what_others_wrote_does_not_act_on_a_terminal() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    let born = event(Stage::Commission, "2025-03-01T08:00:00Z").mint(&own, Role::Subject, "MOTOR");
    site.say("KOL", born.at("\u{1b}[2J\u{202e}A\nB"));
    site.settle().await;
    let shown = text::trace_text(&site.db.db, &site.cx(), &own).await.unwrap();
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert!(shown.contains("\\u{1b}[2J\\u{202e}A\\nB"), "{shown:?}");
}

#[tokio::test]
async fn a_timeline_is_in_the_order_of_the_times_that_it_shows() {
    let mut site = Site::new().await;
    let own = uid("KOL", "FG", 1);
    site.say("KOL", event(Stage::Commission, "2025-03-01T08:00:00Z").mint(&own, Role::Subject, "MOTOR"));
    for (at, station) in [("12:00", "A"), ("10:00", "C"), ("10:00", "B"), ("11:00", "D")] {
        let mut done = event(Stage::Operation, &format!("2025-03-01T{at}:00Z")).part(&own, Role::Subject);
        done.station = station.into();
        site.say("KOL", done);
    }
    site.settle().await;
    let trace = service::trace(&site.db.db, &site.cx(), &own, Utc::now()).await.unwrap();
    let stations: Vec<&str> = trace.events.iter().map(|event| event.station.as_str()).collect();
    assert_eq!(stations, ["", "C", "B", "D", "A"]);
    assert!(trace.lifecycle.is_sorted_by_key(|entry| entry.timestamp.clone()));
}

#[tokio::test]
async fn a_long_life_is_told_in_pages_and_never_without_its_beginning() {
    let mut site = Site::new().await;
    example(&mut site);
    site.settle().await;
    site.sql(
        "insert into lifecycle_events (tenant_id, agent_id, epoch, seq, event_id, stage, action, occurred_at, \
             occurred_offset_min, recorded_at, plant, station, operator_id, shift, location, operation, attempt, \
             outcome, reason, machine, overridden_by, reference_type, reference_number, payload) \
         select app.tenant(), agent_id, 1, 10 + g, gen_random_uuid(), 9, 0, timestamptz '2025-02-01' + g * interval '1 minute', \
             0, now(), 'KOL', '', '', '', '', '', 0, 0, '', '', '', '', '', '' \
         from agents, generate_series(1, 5100) g where name = 'KOL'; \
         insert into event_subjects (tenant_id, key, agent_id, epoch, seq, ordinal, role, unit, unit2, count, mint, item) \
         select app.tenant(), r.key, a.agent_id, 1, 10 + g, 0, 1, '', '', 1, false, '' \
         from agents a, uid_registry r, generate_series(1, 5100) g where name = 'KOL'; \
         insert into event_readings (tenant_id, agent_id, epoch, seq, ordinal, name, value, unit, quality, taken_at) \
         select app.tenant(), agent_id, 1, 20, g, 'torque', g, 'Nm', 1, timestamptz '2025-02-01' + g * interval '1 second' \
         from agents, generate_series(1, 20001) g where name = 'KOL'; \
         update uid_registry set born_seq = 2",
    )
    .await;
    let page = async |after: Option<&str>| {
        service::trace_after(&site.db.db, &site.cx(), EXAMPLE, after, Utc::now()).await.unwrap()
    };
    let first = page(None).await;
    assert!(first.more_events);
    assert_eq!(
        first.lifecycle[..3].iter().map(|one| one.stage.as_str()).collect::<Vec<_>>(),
        ["PROCUREMENT", "GRN", "STORAGE"]
    );
    assert_eq!(first.events.len(), 5_002);
    let second = page(first.events_next.as_deref()).await;
    assert_eq!((second.events.len(), second.more_events, second.events_next), (103, false, None));
    assert!(second.more_readings);
    let told: usize = second.events.iter().map(|event| event.readings.len()).sum();
    assert_eq!(told, 20_000);
    let error =
        service::trace_after(&site.db.db, &site.cx(), EXAMPLE, Some("x"), Utc::now()).await.unwrap_err();
    assert_eq!(error.status(), 400);
}

#[tokio::test]
async fn who_is_limited_to_a_plant_sees_units_that_were_there_and_not_how_others_made_them() {
    let mut site = Site::new().await;
    example(&mut site);
    let alone = uid("KOL", "RM", 2);
    site.say("KOL", event(Stage::Grn, "2025-01-18T15:00:00Z").mint(&alone, Role::Output, "STEEL-10"));
    let mut worked = event(Stage::Operation, "2025-01-20T10:00:00Z").part(EXAMPLE, Role::Subject);
    worked.operator_id = "op-7".into();
    worked.machine = "BENCH-1".into();
    site.say("KOL", worked);
    let mut sent = event(Stage::Storage, "2025-01-22T10:00:00Z").part(EXAMPLE, Role::Subject);
    sent.operator_id = "op-8".into();
    sent.location = "RACK-9".into();
    site.say("VSK", sent);
    let motor = uid("VSK", "FG", 1);
    site.say(
        "VSK",
        event(Stage::Assembly, "2025-01-23T09:00:00Z")
            .action(Action::Add)
            .mint(&motor, Role::Parent, "MOTOR")
            .part(EXAMPLE, Role::Child)
            .part(&alone, Role::Child),
    );
    site.settle().await;
    let (db, now) = (&site.db.db, Utc::now());
    let at = |plant: &str| site.cx().at(platform::ctx::Plants::some([plant]));

    let whole = service::trace(db, &site.cx(), EXAMPLE, now).await.unwrap();
    let here = service::trace(db, &at("VSK"), EXAMPLE, now).await.unwrap();
    assert_eq!((here.uid, here.plant.as_str()), (whole.uid, "VSK"));
    assert_eq!(here.events.len(), whole.events.len(), "no event is left out");
    for event in &here.events {
        let own = event.plant == "VSK";
        let told = !(event.operator.is_empty()
            && event.machine.is_empty()
            && event.location.is_empty()
            && event.reference.is_empty());
        assert!(own || !told, "{event:?}");
    }
    assert!(here.events.iter().any(|event| event.operator == "op-8" && event.location == "RACK-9"));
    let grn = here.lifecycle.iter().find(|entry| entry.stage == "GRN").unwrap();
    assert_eq!(
        (grn.timestamp.as_str(), &grn.reference, &grn.location),
        ("2025-01-18T14:20:00Z", &None, &None)
    );

    // It left KOL, which goes on seeing it, and the motor by its genealogy.
    let there = service::trace(db, &at("KOL"), EXAMPLE, now).await.unwrap();
    assert_eq!((there.plant.as_str(), there.state.location.as_str()), ("VSK", ""));
    let ask = Ask::default();
    let forward =
        walk::walk(db, &at("KOL"), &site.genealogy(), EXAMPLE, Direction::Forward, &ask, now).await.unwrap();
    assert_eq!((forward.nodes[0].uid.as_str(), forward.nodes[0].item.as_str()), (motor.as_str(), "MOTOR"));
    assert!(matches!(service::trace(db, &at("KOL"), &motor, now).await, Err(TraceError::Unknown(_))));
    let back =
        walk::walk(db, &at("VSK"), &site.genealogy(), &motor, Direction::Backward, &ask, now).await.unwrap();
    let sources = back.sources.unwrap();
    assert_eq!((sources.operators, sources.machines), (vec!["op-8".to_owned()], Vec::<String>::new()));

    let elsewhere = site.cx().at(platform::ctx::Plants::none());
    assert!(matches!(service::trace(db, &elsewhere, EXAMPLE, now).await, Err(TraceError::Unknown(_))));
    assert!(matches!(service::trace(db, &elsewhere, "SN-4711", now).await, Err(TraceError::Unknown(_))));
    assert!(
        search::search(db, &elsewhere, "UID-SAIF", (None, 50), Utc::now()).await.unwrap().hits.is_empty()
    );
    assert_eq!(
        search::search(db, &at("KOL"), "UID-SAIF", (None, 50), Utc::now()).await.unwrap().hits.len(),
        2
    );
    assert!(service::agents(db, &at("KOL"), now).await.unwrap().iter().all(|agent| agent.plant == "KOL"));
}
