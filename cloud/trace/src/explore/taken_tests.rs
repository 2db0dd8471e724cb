//! What is in what by the order of its turns, in a real database.

use chrono::{DateTime, TimeZone, Utc};
use proto::v1::{Action, Role, Stage};
use uuid::Uuid;

use super::error::TraceError;
use super::graph::Direction;
use super::service;
use super::store::{label, taken as store};
use super::walk::{self, Ask};
use crate::genealogy::turns::{Turn, fold};
use crate::genealogy::{self, Genealogy, Mode, Source};
use crate::testing::{Say, Site, event, key, uid};

fn clock(minute: i64) -> String {
    let at: DateTime<Utc> = Utc.timestamp_opt(1_740_000_000 + minute * 60, 0).unwrap();
    at.to_rfc3339()
}

fn packing(action: Action, content: &str, package: &str, minute: i64) -> proto::v1::Event {
    event(Stage::Packing, &clock(minute))
        .action(action)
        .part(package, Role::Parent)
        .part(content, Role::Child)
}

async fn inside(site: &Site, package: &str) -> Vec<String> {
    let ask = Ask { as_built: true, ..Ask::default() };
    let (db, cx, genealogy) = (&site.db.db, site.cx(), site.genealogy());
    let walk = walk::walk(db, &cx, &genealogy, package, Direction::Backward, &ask, Utc::now()).await.unwrap();
    walk.nodes.into_iter().map(|node| node.uid).collect()
}

platform::in_every_placement! {
async fn what_was_taken_out_unseen_hides_nothing_that_is_put_in_later() {
    let mut site = Site::new().await;
    let (content, package) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    for own in [&content, &package] {
        site.say("KOL", event(Stage::Commission, &clock(0)).mint(own, Role::Subject, "THING"));
    }
    let unseen = site.say("KOL", packing(Action::Delete, &content, &package, 1));
    site.say("KOL", packing(Action::Add, &content, &package, 2).quantity("5", "kg"));
    site.settle().await;
    assert_eq!(inside(&site, &package).await, std::slice::from_ref(&content));
    let trace = service::trace(&site.db.db, &site.cx(), &package, Utc::now()).await.unwrap();
    assert_eq!((trace.children.len(), trace.taken_out.len()), (1, 1));
    assert_eq!(trace.children[0].quantity, Some(5.into()));
    let taken = &trace.taken_out[0];
    assert_eq!((taken.uid.as_str(), taken.direction, taken.put_in_at), (content.as_str(), "backward", None));
    assert_eq!((taken.event_id, taken.by_clock), (unseen, false));
    // It is taken out again: this time of what was seen going in.
    let seen = site.say("KOL", packing(Action::Delete, &content, &package, 3));
    site.settle().await;
    assert!(inside(&site, &package).await.is_empty());
    let trace = service::trace(&site.db.db, &site.cx(), &content, Utc::now()).await.unwrap();
    let told: Vec<_> = trace.taken_out.iter().map(|one| (one.event_id, one.put_in_at.is_some())).collect();
    assert_eq!(told, [(seen, true), (unseen, false)]);
    assert!(trace.taken_out.iter().all(|one| one.direction == "forward" && one.uid == package));
    // It was not, after all.
    site.say("KOL", event(Stage::Correct, &clock(4)).part(&content, Role::Subject).corrects(seen));
    site.settle().await;
    assert_eq!(inside(&site, &package).await, std::slice::from_ref(&content));
}
}

/// What is in a package by memory that is kept over the batches, and as the database says.
async fn by_both(site: &Site, genealogy: &Genealogy, package: &str) -> Vec<i64> {
    let start = [key(package)];
    let (direction, mode) = (Direction::Backward, Mode::Packed);
    let (memory, sql) = site
        .db
        .db
        .tx(&site.cx(), async |tx| {
            let memory = genealogy.reach(tx, &start, direction, mode, 50).await?;
            let sql = genealogy::reach_by_sql(tx, &start, direction, mode, 50).await?;
            Ok::<_, TraceError>((memory, sql))
        })
        .await
        .unwrap();
    assert_eq!(memory.source, Source::Memory);
    assert_eq!(memory.keys, sql.keys);
    sql.keys.into_iter().filter(|found| *found != start[0]).collect()
}

#[tokio::test]
async fn what_comes_back_without_its_package_is_in_it_no_longer() {
    let mut site = Site::new().await;
    // Waits as long as it takes, so that memory answers.
    let settings = genealogy::Settings { wait: std::time::Duration::from_secs(60), ..Default::default() };
    let genealogy = Genealogy::new(site.db.db.clone(), settings);
    let (unit, other, package) = (uid("KOL", "FG", 1), uid("KOL", "FG", 2), uid("KOL", "PK", 1));
    for own in [&unit, &other, &package] {
        site.say("KOL", event(Stage::Commission, &clock(0)).mint(own, Role::Subject, "THING"));
    }
    for content in [&unit, &other] {
        site.say("KOL", packing(Action::Add, content, &package, 1));
    }
    site.say("KOL", event(Stage::Dispatch, &clock(2)).part(&package, Role::Subject));
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, [key(&unit), key(&other)]);
    let back = event(Stage::Return, &clock(5)).part(&unit, Role::Subject).at("Returns-Bay");
    let back = site.say("VSK", back);
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, [key(&other)]);
    let trace = service::trace(&site.db.db, &site.cx(), &unit, Utc::now()).await.unwrap();
    let told: Vec<_> = trace.taken_out.iter().map(|one| (one.event_id, one.put_in_at.is_some())).collect();
    assert_eq!(told, [(back, true)]);
    assert_eq!(site.ask("select kind from exceptions where kind like 'uid.%'").await, "");
    // Booked out of the package afterwards, it is out of what it was seen going into.
    let booked = site.say("KOL", packing(Action::Delete, &unit, &package, 6));
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, [key(&other)]);
    let trace = service::trace(&site.db.db, &site.cx(), &unit, Utc::now()).await.unwrap();
    let mut told: Vec<_> = trace.taken_out.iter().map(|one| (one.event_id, one.put_in_at)).collect();
    told.sort_by_key(|(event, _)| *event != back);
    let put_in = told[0].1;
    assert!(put_in.is_some());
    assert_eq!(told, [(back, put_in), (booked, put_in)]);
    // That never was.
    site.say("KOL", event(Stage::Correct, &clock(7)).corrects(booked));
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, [key(&other)]);
    // It never did: it is in there still.
    site.say("VSK", event(Stage::Correct, &clock(8)).corrects(back));
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, [key(&unit), key(&other)]);
    // With the package it stays in there.
    let both = event(Stage::Return, &clock(9)).part(&package, Role::Subject).part(&other, Role::Subject);
    site.say("VSK", both);
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, [key(&unit), key(&other)]);
}

#[tokio::test]
async fn that_it_was_packed_may_be_told_after_it_came_back() {
    let mut site = Site::new().await;
    let (unit, package) = (uid("KOL", "FG", 1), uid("KOL", "PK", 1));
    site.say("VSK", event(Stage::Return, &clock(5)).part(&unit, Role::Subject).at("Returns-Bay"));
    site.send("VSK").await;
    site.project().await;
    for own in [&unit, &package] {
        site.say("KOL", event(Stage::Commission, &clock(0)).mint(own, Role::Subject, "THING"));
    }
    site.say("KOL", packing(Action::Add, &unit, &package, 1));
    site.say("KOL", event(Stage::Dispatch, &clock(2)).part(&package, Role::Subject));
    site.settle().await;
    assert!(inside(&site, &package).await.is_empty());
    let at = "select location from uid_registry where parent_key is null and location <> ''";
    assert_eq!(site.ask(at).await, "Returns-Bay");
    // Packed again it is in there, whatever was before.
    site.say("VSK", packing(Action::Add, &unit, &package, 9));
    site.settle().await;
    assert_eq!(inside(&site, &package).await, std::slice::from_ref(&unit));
}

/// Packed at 1, back without the package at 3, booked out of it at 4 and packed there again at 5: in
/// which orders these arrive, where KOL packs, VSK books, and who tells of the return.
const ARRIVALS: [(&str, &str); 10] = [
    ("VSK", "12RT"),
    ("VSK", "1R2T"),
    ("VSK", "1RT2"),
    ("VSK", "R12T"),
    ("VSK", "R1T2"),
    ("VSK", "RT12"),
    ("KOL", "1R2T"),
    ("KOL", "1RT2"),
    ("KOL", "1TR2"),
    ("KOL", "T1R2"),
];

#[tokio::test]
async fn what_is_packed_again_is_in_there_by_its_link_and_its_state_whatever_was_booked_before() {
    let mut site = Site::new().await;
    let settings = genealogy::Settings { wait: std::time::Duration::from_secs(60), ..Default::default() };
    let genealogy = Genealogy::new(site.db.db.clone(), settings);
    let package = uid("KOL", "PK", 1);
    site.say("KOL", event(Stage::Commission, &clock(0)).mint(&package, Role::Subject, "THING"));
    let inside = "select key::text from uid_registry where parent_key is not null order by key";
    let (mut units, mut again, mut back, mut booked) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let text = |units: &[i64]| units.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
    for (n, (returner, order)) in (1_u64..).zip(ARRIVALS) {
        let unit = uid("KOL", "FG", n);
        let minute = |after: i64| i64::try_from(n).unwrap() * 100 + after;
        site.say("KOL", event(Stage::Commission, &clock(minute(0))).mint(&unit, Role::Subject, "THING"));
        site.send("KOL").await;
        for step in order.chars() {
            let (agent, said) = match step {
                '1' => ("KOL", packing(Action::Add, &unit, &package, minute(1))),
                'R' => (returner, event(Stage::Return, &clock(minute(3))).part(&unit, Role::Subject)),
                'T' => ("VSK", packing(Action::Delete, &unit, &package, minute(4))),
                _ => ("KOL", packing(Action::Add, &unit, &package, minute(5))),
            };
            let id = site.say(agent, said);
            match step {
                'R' => back.push((returner, id)),
                'T' => booked.push(id),
                '2' => again.push(id),
                _ => {}
            }
            site.send(agent).await;
        }
        site.settle().await;
        units.push(key(&unit));
        assert_eq!(by_both(&site, &genealogy, &package).await, units, "{returner} {order}");
        assert_eq!(site.ask(inside).await, text(&units), "{returner} {order}");
    }
    // What was booked never was, and there is the return.
    for id in booked {
        site.say("VSK", event(Stage::Correct, &clock(5_000)).corrects(id));
    }
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, units);
    assert_eq!(site.ask(inside).await, text(&units));
    // Nor was it packed again: it came back.
    let never: Vec<Uuid> =
        again.iter().map(|id| site.say("KOL", event(Stage::Correct, &clock(5_001)).corrects(*id))).collect();
    site.settle().await;
    assert!(by_both(&site, &genealogy, &package).await.is_empty());
    assert_eq!(site.ask(inside).await, "");
    // It was, after all; and then it never had come back.
    for id in never {
        site.say("KOL", event(Stage::Correct, &clock(5_002)).corrects(id));
    }
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, units);
    assert_eq!(site.ask(inside).await, text(&units));
    for (agent, id) in back {
        site.say(agent, event(Stage::Correct, &clock(5_003)).corrects(id));
    }
    site.settle().await;
    assert_eq!(by_both(&site, &genealogy, &package).await, units);
    assert_eq!(site.ask(inside).await, text(&units));
}

/// A small generator, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test]
async fn the_database_folds_links_as_the_rule_does() {
    let mut site = Site::new().await;
    let contents: Vec<String> = (1..=12).map(|n| uid("KOL", "FG", n)).collect();
    let packages: Vec<String> = (1..=3).map(|n| uid("KOL", "PK", n)).collect();
    let mut dice = Dice(7);
    // Either plant corrects what it and the other told, and may be here before that.
    let mut told: Vec<Uuid> = Vec::new();
    for step in 0..320 {
        let agent = if dice.roll(3) == 0 { "VSK" } else { "KOL" };
        // Clocks of the two plants differ, and neither is even.
        let minute = step + i64::try_from(dice.roll(30)).unwrap() - if agent == "VSK" { 40 } else { 0 };
        if !told.is_empty() && dice.roll(5) == 0 {
            let target = told[usize::try_from(dice.roll(told.len() as u64)).unwrap()];
            told.push(site.say(agent, event(Stage::Correct, &clock(minute)).corrects(target)));
            continue;
        }
        let content = &contents[usize::try_from(dice.roll(12)).unwrap()];
        let package = &packages[usize::try_from(dice.roll(3)).unwrap()];
        let said = match dice.roll(5) {
            0 | 1 => packing(Action::Add, content, package, minute),
            2 | 3 => packing(Action::Delete, content, package, minute),
            _ => event(Stage::Return, &clock(minute)).part(content, Role::Subject),
        };
        told.push(site.say(agent, said));
        if step % 40 == 0 {
            site.send(agent).await;
        }
    }
    site.settle().await;
    let (mut compared, mut counted_wrong) = (0, 0);
    for package in &packages {
        let seen = inside(&site, package).await;
        for content in &contents {
            let between = (key(content), key(package), 3_i16);
            let (by_rule, by_sql, counted, children) = site
                .db
                .db
                .tx(&site.cx(), async |tx| {
                    let turns: Vec<Turn> = store::turns(tx, &[between])
                        .await?
                        .remove(&between)
                        .unwrap_or_default()
                        .into_iter()
                        .map(|told| told.turn)
                        .collect();
                    let row: (bool, bool) = sqlx::query_as(
                        "select app.link_open(app.tenant(), $1, $2, 3::smallint), \
                                coalesce((select sum(case when effect in (1, 4) then 1 else -1 end) > 0 \
                                          from uid_links where tenant_id = app.tenant() and from_key = $1 \
                                            and to_key = $2), false)",
                    )
                    .bind(between.0)
                    .bind(between.1)
                    .fetch_one(tx.conn())
                    .await?;
                    let children = label::children(tx, between.1).await?;
                    Ok::<_, TraceError>((fold(&turns).open(), row.0, row.1, children))
                })
                .await
                .unwrap();
            assert_eq!(by_sql, by_rule, "{content} in {package}");
            assert!(by_rule || !counted, "counting says more than the order: {content} in {package}");
            assert_eq!(children.iter().any(|child| child.key == between.0), by_rule);
            assert_eq!(seen.contains(content), by_rule, "{content} in {package} by memory");
            compared += 1;
            counted_wrong += usize::from(by_rule != counted);
        }
    }
    assert_eq!(compared, 36);
    assert!(counted_wrong > 0, "no link of this history needs its order");
}

#[tokio::test]
async fn what_is_measured_on_a_rack_counts_though_a_plants_clock_is_ten_hours_back() {
    let mut site = Site::new().await;
    let (own, rack) = (uid("KOL", "FG", 1), uid("KOL", "BN", 1));
    for one in [&own, &rack] {
        site.say("KOL", event(Stage::Commission, &clock(0)).mint(one, Role::Subject, "THING"));
    }
    let measured = |name: &str, minute| {
        let mut done = event(Stage::Operation, &clock(minute)).part(&rack, Role::Subject);
        done.operation = "CURE".into();
        done.readings = vec![proto::v1::Reading {
            name: name.into(),
            value: "150".into(),
            unit: "C".into(),
            quality: proto::v1::Quality::Good.into(),
            at_us: done.occurred_at_us,
            ..proto::v1::Reading::default()
        }];
        done
    };
    site.say("KOL", measured("before", 590));
    site.say("KOL", packing(Action::Add, &own, &rack, 600));
    site.say("KOL", measured("there", 610));
    // The rack goes to a plant whose clock is ten hours back, and the unit comes out of it.
    site.say("VSK", measured("elsewhere", 20));
    site.say("VSK", packing(Action::Delete, &own, &rack, 30));
    site.say("VSK", measured("after", 40));
    site.settle().await;
    let trace = service::trace(&site.db.db, &site.cx(), &own, Utc::now()).await.unwrap();
    let mut told: Vec<_> = trace
        .events
        .iter()
        .flat_map(|event| event.readings.iter().map(|reading| (reading.name.as_str(), event.by_clock)))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("elsewhere", true), ("there", true)]);
    // By one plant alone nothing is doubtful.
    let (other, tray) = (uid("KOL", "FG", 2), uid("KOL", "BN", 2));
    site.say("KOL", packing(Action::Add, &other, &tray, 700));
    let mut done = measured("own", 710);
    done.subjects[0].key = key(&tray);
    site.say("KOL", done);
    site.settle().await;
    let trace = service::trace(&site.db.db, &site.cx(), &other, Utc::now()).await.unwrap();
    let told: Vec<_> = trace.events.iter().filter(|event| !event.readings.is_empty()).collect();
    assert_eq!(told.iter().map(|event| event.by_clock).collect::<Vec<_>>(), [false]);
}
