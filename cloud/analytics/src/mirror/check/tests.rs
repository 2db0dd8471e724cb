//! The comparison against real Postgres: what differs in either is found and named.

use chrono::Utc;
use proto::v1::{Lot, Outcome, Reference, Role, Stage};
use uuid::Uuid;

use super::{Report, check, last};
use crate::mirror::Mirrors;
use crate::world::{Chance, Say, World, event, mirrors};

async fn report(mirrors: &Mirrors, world: &World) -> Report {
    check(mirrors, &world.test.db, world.tenant, Utc::now()).await.unwrap()
}

/// As the file is, of the facts of one unit: codes of item, lot's supplier and customer.
async fn of_facts(mirrors: &Mirrors, world: &World, stage: i16) -> Vec<[String; 3]> {
    let asked = mirrors.ask(world.tenant, move |conn| {
        let mut asked = conn.prepare(
            "select i.code, s.code, c.code from fact_lifecycle f join dim_item i on i.id = f.item
             join dim_supplier s on s.id = f.supplier join dim_customer c on c.id = f.customer
             where f.stage = ? order by f.seq",
        )?;
        let mut rows = asked.query([stage])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push([row.get(0)?, row.get(1)?, row.get(2)?]);
        }
        Ok(all)
    });
    asked.await.unwrap().value
}

#[tokio::test]
async fn a_row_that_is_another_missing_or_doubled_is_named() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    world
        .sql("insert into orders (tenant_id, type, number, plant, partner) values (app.tenant(), 'po', 'PO-1', 'KOL', 'XYZ')")
        .await;
    let mut chance = Chance::of(41);
    (0..150).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 40).await;
    let equals = report(&mirrors, &world).await;
    assert_eq!((equals.differences, equals.events), (vec![], 150));
    for (change, told) in [
        (
            "update fact_lifecycle set item = (select id from dim_item where code = 'VALVE') where rowid =
                 (select min(rowid) from fact_lifecycle where item = (select id from dim_item where code = 'PUMP'))",
            ["fact_lifecycle, seq ", "item \"VALVE\" in the mirror, \"PUMP\" in Postgres"],
        ),
        (
            "update fact_lifecycle set supplier = 0 where rowid =
                 (select min(rowid) from fact_lifecycle where supplier <> 0)",
            ["fact_lifecycle, seq ", "supplier \"\" in the mirror, \"XYZ\" in Postgres"],
        ),
        (
            "update fact_lifecycle set customer = 77 where seq = 1",
            ["fact_lifecycle, seq 1: ", "customer \"?\" in the mirror, \"\" in Postgres"],
        ),
        (
            "update fact_reading set value = value + 1 where rowid = (select min(rowid) from fact_reading)",
            ["fact_reading, seq ", "value \""],
        ),
        (
            "update fact_inspection set outcome = 3 where rowid = (select min(rowid) from fact_inspection)",
            ["fact_inspection, seq ", "outcome \"3\" in the mirror"],
        ),
        (
            "update fact_lifecycle set day = day + 1 where seq = 1",
            ["fact_lifecycle, seq 1: ", "day 2025-"],
        ),
        (
            "delete from fact_lifecycle where seq = 1",
            ["fact_lifecycle, seq 1: ", "not in the mirror"],
        ),
        (
            "insert into fact_reading select * from fact_reading where rowid = (select min(rowid) from fact_reading)",
            ["fact_reading, seq ", "2 times in the mirror, 1 in Postgres"],
        ),
        (
            "insert into fact_genealogy select * from fact_genealogy
             where rowid = (select min(rowid) from fact_genealogy)",
            ["fact_genealogy, agent ", "2 times in the mirror, 1 in Postgres"],
        ),
        (
            "update fact_lifecycle set seq = 9000 where seq = 1",
            ["fact_lifecycle, seq 9000: ", "not in Postgres"],
        ),
        (
            "update fact_lifecycle set agent = 99 where seq = 1",
            ["up to seq 1: ", "their agent is not in dim_agent"],
        ),
        (
            "update sum_day set received = received + 1 where rowid = (select min(rowid) from sum_day)",
            ["sum_day, from 2025-", "are not what the facts add up to"],
        ),
        (
            "update unit_first set passed = not passed where rowid = (select min(rowid) from unit_first)",
            ["unit_first, from unit ", "are not what the results say"],
        ),
    ] {
        let done = mirrors.ask(world.tenant, move |conn| conn.execute(change, []));
        assert_eq!(done.await.unwrap().value, 1, "{change}");
        let found = report(&mirrors, &world).await.differences;
        let named = |one: &String| told.iter().all(|part| one.contains(part));
        assert!(found.iter().any(named), "{change}: {found:#?}");
        // What was found is kept for whoever comes after.
        let kept = last(mirrors.settings().unwrap(), world.tenant).unwrap();
        assert_eq!(kept.report.differences, found);
        mirrors.discard(world.tenant).await.unwrap();
        mirrors.catch_up(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
        assert_eq!(report(&mirrors, &world).await.differences, Vec::<String>::new(), "{change}");
    }
    assert!(mirrors.metrics().contains("tracewright_mirror_differences 0"), "{}", mirrors.metrics());
    // And behind the back of Postgres.
    world
        .as_owner(
            "update event_readings set value = value + 1
                   where (agent_id, seq) = (select agent_id, min(seq) from event_readings group by 1 limit 1)
                     and name = 'speed'",
        )
        .await;
    let found = report(&mirrors, &world).await.differences;
    assert!(found.len() == 1 && found[0].contains("value \"12.500000\" in the mirror"), "{found:#?}");
    assert!(mirrors.metrics().contains("tracewright_mirror_differences 1"), "{}", mirrors.metrics());
}

#[tokio::test]
async fn facts_follow_what_is_told_of_their_unit_later() {
    let (mirrors, _dir) = mirrors();
    let mut world = World::new().await;
    let follow = async |world: &World| {
        mirrors.catch_up(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    };
    let is = |item: &str, supplier: &str, customer: &str| vec![[item, supplier, customer].map(str::to_owned)];
    let (unit, lot) = (world.key("KOL", "FG", 1), Uuid::now_v7());
    // One plant looks at a unit of which the other has not yet told that it made it.
    let seen = event(Stage::Inspection, "2025-01-21T05:00:00Z")
        .part(unit, Role::Subject)
        .reading("width", "12", "10", "14")
        .result(Outcome::Failed);
    world.say("VSK", seen);
    world.send("VSK", 10).await;
    follow(&world).await;
    assert_eq!(of_facts(&mirrors, &world, 7).await, is("", "", ""));
    let mut grn = event(Stage::Grn, "2025-01-20T05:00:00Z").mint(unit, "PUMP");
    grn.subjects[0].lot_id = lot.as_bytes().to_vec();
    let order = |kind: &str, number: &str| Reference { r#type: kind.into(), number: number.into(), line: 1 };
    grn.references.push(order("po", "PO-1"));
    grn.lots.push(Lot { lot_id: lot.as_bytes().to_vec(), item: "PUMP".into(), ..Lot::default() });
    world.say("KOL", grn);
    let mut sent = event(Stage::Dispatch, "2025-01-22T05:00:00Z").part(unit, Role::Subject);
    sent.references.push(order("so", "SO-1"));
    world.say("KOL", sent);
    world.send("KOL", 1).await;
    follow(&world).await;
    assert_eq!(of_facts(&mirrors, &world, 7).await, is("PUMP", "", ""), "born at the other plant");
    assert_eq!(of_facts(&mirrors, &world, 28).await, is("PUMP", "", ""));
    let item = "select count(*) from fact_reading f join dim_item i on i.id = f.item where i.code = 'PUMP'";
    let asked = mirrors.ask(world.tenant, move |conn| conn.query_row(item, [], |row| row.get::<_, i64>(0)));
    assert_eq!(asked.await.unwrap().value, 1);
    // The orders come to the office later, and then change.
    world
        .sql(
            "insert into orders (tenant_id, type, number, plant, partner) values
                  (app.tenant(), 'po', 'PO-1', 'KOL', 'XYZ'), (app.tenant(), 'so', 'SO-1', 'KOL', 'SHOP')",
        )
        .await;
    mirrors.rename(&world.test.db, world.tenant).await.unwrap();
    assert_eq!(of_facts(&mirrors, &world, 3).await, is("PUMP", "XYZ", ""));
    assert_eq!(of_facts(&mirrors, &world, 28).await, is("PUMP", "", "SHOP"));
    world.sql("update orders set partner = 'ACME' where type = 'po'").await;
    mirrors.rename(&world.test.db, world.tenant).await.unwrap();
    assert_eq!(of_facts(&mirrors, &world, 3).await, is("PUMP", "ACME", ""));
    // The registry says otherwise when it has come past the batches; what an event said
    // itself stays.
    world
        .as_owner("update uid_registry set item = 'PUMP-2'; insert into projection_cursors
                   select app.tenant(), 'trace', max(batch_id) from ingest_batches where tenant_id = app.tenant()
                   on conflict (tenant_id, projection) do update set through_batch = excluded.through_batch")
        .await;
    follow(&world).await;
    assert_eq!(of_facts(&mirrors, &world, 7).await, is("PUMP-2", "", ""));
    assert_eq!(of_facts(&mirrors, &world, 3).await, is("PUMP", "ACME", ""));
    assert_eq!(report(&mirrors, &world).await.differences, Vec::<String>::new());
    // Built anew it is the same.
    mirrors.rebuild(&world.test.db, world.tenant, Utc::now(), |_, _| {}).await.unwrap();
    assert_eq!(of_facts(&mirrors, &world, 7).await, is("PUMP-2", "", ""));
    assert_eq!(report(&mirrors, &world).await.differences, Vec::<String>::new());
}

#[tokio::test]
async fn the_last_check_is_known_to_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let settings =
        crate::mirror::Settings { memory_mb: 128, threads: 1, ..crate::mirror::Settings::new(dir.path()) };
    let mut world = World::new().await;
    let mut chance = Chance::of(3);
    (0..20).for_each(|_| chance.say(&mut world, "KOL"));
    world.send("KOL", 10).await;
    let first = Mirrors::open(settings.clone(), None).unwrap();
    assert_eq!(first.last_check(world.tenant), None);
    let found = report(&first, &world).await;
    let kept = first.last_check(world.tenant).unwrap();
    assert_eq!(kept.report, found);
    first.close_all().await;
    drop(first);
    let next = Mirrors::open(settings.clone(), None).unwrap();
    assert_eq!(next.last_check(world.tenant), Some(kept));
    assert!(next.metrics().contains("tracewright_mirror_checked_seconds"), "{}", next.metrics());
    next.forget(world.tenant).await.unwrap();
    assert_eq!(next.last_check(world.tenant), None, "it goes with the mirror");
}
