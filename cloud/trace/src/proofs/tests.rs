//! Proofs over real events in a real database.

use chrono::{DateTime, TimeDelta, Utc};
use platform::ctx::{Cx, Plants};
use platform::db::Tx;
use platform::secrets::Secrets;
use proto::v1::{Event, Role, Stage};
use verify::history::{self, History};
use verify::merkle;
use verify::note::{Head, PublicKey};

use super::*;
use crate::testing::{EXAMPLE, Say, Site, event, example, uid};

fn now() -> DateTime<Utc> {
    "2026-11-26T21:00:00Z".parse().unwrap()
}

/// As agents do it: how many events of a UID there were, this one included.
fn counted(mut event: Event, count: u32) -> Event {
    event.subjects[0].count = count;
    event
}

async fn grown(site: &Site, secrets: &Secrets) -> usize {
    tree::catch_up(&site.db.db, secrets, site.tenant, now()).await.unwrap()
}

async fn exported(site: &Site, cx: &Cx, secrets: &Secrets, code: &str) -> Result<History, ProofError> {
    site.db.db.tx(cx, async |tx| export::history(tx, secrets, code, now()).await).await
}

async fn asked<T>(site: &Site, work: impl AsyncFnOnce(&mut Tx) -> Result<T, ProofError>) -> T {
    site.db.db.tx(&site.cx(), work).await.unwrap()
}

#[tokio::test]
async fn every_event_is_one_leaf_however_often_the_job_begins() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    example(&mut site);
    site.settle().await;
    assert_eq!(grown(&site, &secrets).await, 1);
    assert_eq!(grown(&site, &secrets).await, 0, "a batch is taken in once");
    // More than a tile, in several batches, from two agents.
    for round in 0..4_u64 {
        for n in 0..90 {
            let at = uid("VSK", "RM", 1 + round * 90 + n);
            let event = event(Stage::Commission, "2025-02-01T08:00:00Z").mint(&at, Role::Subject, "X");
            site.say("VSK", counted(event, 1));
        }
        site.settle().await;
        grown(&site, &secrets).await;
    }
    assert_eq!(asked(&site, async |tx| Ok(store::size(tx).await?)).await, 363);
    assert_eq!(site.ask("select count(*)::text from proof_tiles").await, "3");

    // The root is that of all leaves in the order of batches.
    let leaves = leaves_of(&site).await;
    assert_eq!(leaves.len(), 363);
    let root = asked(&site, async |tx| tree::root(tx, 363).await).await;
    assert_eq!(root, merkle::root(&leaves));

    // Any earlier tree grew into it.
    for from in [1, 3, 93, 256, 257, 362, 363] {
        let (before, after, proof) = asked(&site, async |tx| export::consistency(tx, from, 363).await).await;
        assert_eq!(before, merkle::root(&leaves[..from as usize]));
        merkle::consistent(from as u64, 363, &proof, &before, &after).unwrap();
    }
    let refused: Result<_, ProofError> =
        site.db.db.tx(&site.cx(), async |tx| export::consistency(tx, 5, 364).await).await;
    assert!(matches!(refused, Err(ProofError::Sizes(363))), "{refused:?}");
}

/// Hashes of all leaves, in the order of batches, from the events themselves.
async fn leaves_of(site: &Site) -> Vec<merkle::Hash> {
    let stored = site
        .ask(
            "select encode(sha256('\\x00'::bytea || e.payload), 'hex') from ingest_batches b
             join lifecycle_events e on e.agent_id = b.agent_id and e.epoch = b.epoch
                 and e.seq between b.from_seq and b.to_seq order by b.batch_id, e.seq",
        )
        .await;
    let byte = |hex: &str, i: usize| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap();
    stored.split(' ').map(|hex| std::array::from_fn(|i| byte(hex, i))).collect()
}

#[tokio::test]
async fn a_job_that_is_killed_or_not_alone_takes_nothing_in_twice() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    for n in 1..=1_000 {
        let event = event(Stage::Commission, "2025-02-01T08:00:00Z");
        site.say("VSK", event.mint(&uid("VSK", "RM", n), Role::Subject, "X"));
        if n % 7 == 0 {
            site.send("VSK").await;
        }
    }
    site.settle().await;
    // Killed after ever more turns, some before anything is done and some after all is.
    for turns in 0..60 {
        let (db, secrets, tenant) = (site.db.db.clone(), secrets.clone(), site.tenant);
        let step = tokio::spawn(async move { tree::step(&db, &secrets, tenant, now()).await.map_err(drop) });
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        step.abort();
        let _ = step.await;
    }
    let (one, other) = tokio::join!(grown(&site, &secrets), grown(&site, &secrets));
    grown(&site, &secrets).await;
    let leaves = leaves_of(&site).await;
    let size = asked(&site, async |tx| Ok(store::size(tx).await?)).await;
    assert_eq!((size, leaves.len()), (1_000, 1_000), "{one} and {other} batches");
    assert_eq!(asked(&site, async |tx| tree::root(tx, 1_000).await).await, merkle::root(&leaves));
    assert_eq!(site.ask("select count(*)::text from proof_heads").await, "1");
}

#[tokio::test]
async fn heads_are_signed_when_the_tree_grew_and_stay() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    example(&mut site);
    site.settle().await;
    grown(&site, &secrets).await;
    let first = asked(&site, async |tx| Ok(store::heads(tx, (i64::MAX, ""), 10).await?)).await;
    let key = asked(&site, async |tx| Ok(store::keys(tx).await?)).await.remove(0);
    let public = PublicKey { name: key.log, bytes: key.public.try_into().unwrap() };
    let head = Head::open(&first[0].note, &public).unwrap();
    assert_eq!((head.size, head.time.as_str(), first.len()), (3, "2026-11-26T21:00:00Z", 1));
    assert_eq!(head.log, format!("tracewright/SAIF/{}", site.tenant));

    // Within a minute there is no other one, unless somebody asks.
    let more = event(Stage::Storage, "2025-02-01T08:00:00Z").part(EXAMPLE, Role::Subject);
    site.say("KOL", more.clone());
    site.settle().await;
    grown(&site, &secrets).await;
    let count = "select count(*)::text from proof_heads";
    assert_eq!(site.ask(count).await, "1");
    tree::step(&site.db.db, &secrets, site.tenant, now() + TimeDelta::minutes(2)).await.unwrap();
    assert_eq!(site.ask(count).await, "2");
    site.say("KOL", more);
    site.settle().await;
    grown(&site, &secrets).await;
    let current = asked(&site, async |tx| heads::current(tx, &secrets, now()).await).await.unwrap();
    assert_eq!((current.size, site.ask(count).await.as_str()), (5, "3"));

    // A new key signs the head anew; what the old one signed stays, and opens with it.
    let new = asked(&site, async |tx| heads::rotate(tx, &secrets, now() + TimeDelta::minutes(3)).await).await;
    assert_ne!(new.id(), public.id());
    let heads = asked(&site, async |tx| Ok(store::heads(tx, (i64::MAX, ""), 10).await?)).await;
    assert_eq!(heads.len(), 4);
    for head in heads {
        let key = if head.key_id == new.id() { &new } else { &public };
        Head::open(&head.note, key).unwrap();
    }
    assert_eq!(site.ask("select action from audit_log where action = 'proof.rotate'").await, "proof.rotate");
    // Sealed under a new key of secrets, it signs on.
    let again: usize = site
        .db
        .db
        .tx(&site.cx(), async |tx| Ok::<_, ProofError>(heads::reseal(tx, &secrets).await?))
        .await
        .unwrap();
    assert_eq!(again, 0);
}

#[tokio::test]
async fn a_history_is_believed_and_no_changed_byte_of_it() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    example(&mut site);
    site.say("VSK", event(Stage::GateIn, "2025-01-21T08:00:00Z").at("Gate"));
    let seen = event(Stage::Storage, "2025-01-22T08:00:00Z").part(EXAMPLE, Role::Subject).at("Rack-1");
    site.say("VSK", counted(seen, 1));
    site.settle().await;
    grown(&site, &secrets).await;
    let history = exported(&site, &site.cx(), &secrets, EXAMPLE).await.unwrap();
    let file = history.write();
    let report = history::check(&file, None).unwrap();
    assert_eq!((report.uid.as_str(), report.events, report.withheld, report.tree_size), (EXAMPLE, 4, 0, 5));
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        let refused = history::check(&changed, None).unwrap_err();
        assert!(refused.line > 0 && !refused.place.is_empty(), "byte {at}: {refused}");
    }

    // A person of one plant takes out the other one's events as hashes alone.
    let kolkata = site.cx().at(Plants::some(["KOL"]));
    let report = history::check(&exported(&site, &kolkata, &secrets, EXAMPLE).await.unwrap().write(), None);
    let report = report.unwrap();
    assert_eq!((report.events, report.withheld), (4, 1));
    let elsewhere = site.cx().at(Plants::some(["BLR"]));
    let unseen = exported(&site, &elsewhere, &secrets, EXAMPLE).await;
    assert!(matches!(unseen, Err(ProofError::Trace(TraceError::Unknown(_)))), "{unseen:?}");
    // So it is with the proof of one event.
    let id: uuid::Uuid = site
        .ask("select event_id::text from lifecycle_events where plant = 'VSK' limit 1")
        .await
        .parse()
        .unwrap();
    let theirs: Result<_, ProofError> =
        site.db.db.tx(&kolkata, async |tx| export::inclusion(tx, id, None).await).await;
    assert!(matches!(theirs, Err(ProofError::NoEvent)), "{theirs:?}");
    let ours = asked(&site, async |tx| export::inclusion(tx, id, None).await).await;
    merkle::included(ours.leaf, ours.size, &ours.hash, &ours.proof, &ours.root).unwrap();
}

async fn as_owner(site: &Site, sql: &'static str) {
    use sqlx::{ConnectOptions, Executor};
    let mut owner = site.db.owner_of(site.tenant).await.connect().await.unwrap();
    let tables = [
        "lifecycle_events",
        "event_subjects",
        "event_references",
        "event_readings",
        "event_notes",
        "reference_rows",
        "uid_links",
        "uid_registry",
        "uid_aliases",
        "lots",
        "stock_ledger",
        "holds",
        "hold_members",
        "transfers",
        "recalls",
    ];
    let open = tables.map(|table| format!("alter table {table} no force row level security;")).concat();
    let sql = format!("{open} {sql}");
    owner.execute(sqlx::AssertSqlSafe(sql)).await.unwrap();
}

/// Checks all there is, as the job does; answers how many events.
async fn checked(site: &Site, at: DateTime<Utc>) -> i64 {
    let mut total = 0;
    loop {
        let looked = check::step_and_tell(&site.db.db, site.tenant, at).await.unwrap();
        if !looked.more {
            return total;
        }
        total += looked.leaves;
    }
}

/// Takes everything into the tree and checks it; answers what was found altered.
pub(crate) async fn altered_in(db: &platform::db::Db, tenant: uuid::Uuid) -> String {
    let secrets = Secrets::passing().unwrap();
    tree::catch_up(db, &secrets, tenant, now()).await.unwrap();
    while check::step_and_tell(db, tenant, now()).await.unwrap().more {}
    let found: Result<Option<String>, platform::db::DbError> = db
        .tx(&Cx::system(tenant), async |tx| {
            let standing = store::standing(tx).await?;
            assert!(standing.is_some_and(|standing| !standing.running()), "the round is done");
            let sql = "select string_agg(detail::text, ' ') from exceptions where kind = 'proof.altered'";
            Ok(sqlx::query_scalar(sql).fetch_one(tx.conn()).await?)
        })
        .await;
    found.unwrap().unwrap_or_default()
}

#[tokio::test]
async fn a_row_that_was_changed_is_found_and_named() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    for n in 1..=2_100 {
        let event = event(Stage::Commission, "2025-02-01T08:00:00Z");
        site.say("VSK", event.mint(&uid("VSK", "RM", n), Role::Subject, "X"));
    }
    site.settle().await;
    grown(&site, &secrets).await;
    assert_eq!(checked(&site, now()).await, 2_100);
    assert_eq!(site.ask("select kind from exceptions where kind like 'proof%'").await, "");
    assert_eq!(checked(&site, now()).await, 0, "the next round is not due");

    as_owner(
        &site,
        "update lifecycle_events set payload = set_byte(payload, 5, 255 - get_byte(payload, 5)) where seq = 2049;
         update lifecycle_events set occurred_at = occurred_at + interval '1 hour' where seq = 700;
         delete from lifecycle_events where seq = 256;",
    )
    .await;
    let later = now() + TimeDelta::hours(7);
    assert_eq!(checked(&site, later).await, 2_100);
    let told = "select seq || ':' || (detail->>'what') || coalesce(detail->>'columns', '') from exceptions
                where kind = 'proof.altered' order by seq";
    let told = site.ask(told).await;
    assert_eq!(told, "256:missing 700:columns[\"occurred_at\"] 2049:bytes");
    let notices = "select count(*)::text from outbox where kind = 'proof.altered'";
    // Not of the two UIDs whose rows do not follow from what is left: it is one cause.
    assert_eq!(site.ask(notices).await, "3");
    // Told once, however often it is found.
    assert_eq!(checked(&site, later + TimeDelta::hours(7)).await, 2_100);
    assert_eq!(site.ask(notices).await, "3");
    assert!(check::counted().altered >= 3 && metrics().contains("tracewright_proof_altered_total"));
}

/// The example, an operation with readings in a shift, and what was made of the steel.
async fn made(site: &mut Site) {
    example(site);
    let mut worked = event(Stage::Operation, "2025-01-20T10:00:00Z").part(EXAMPLE, Role::Subject);
    worked.operation = "OVEN".into();
    worked.operator_id = "op-1".into();
    worked.shift = "B".into();
    worked.production_date = 20_108;
    for (name, value) in [("temperature", "182.5"), ("pressure", "3.1")] {
        worked.readings.push(proto::v1::Reading {
            name: name.into(),
            value: value.into(),
            high: "200".into(),
            ..Default::default()
        });
    }
    site.say("KOL", worked);
    let made =
        event(Stage::Transformation, "2025-01-21T20:00:00Z").part(EXAMPLE, Role::Input).quantity("10", "kg");
    site.say("KOL", made.mint(&uid("KOL", "FG", 1), Role::Output, "PUMP"));
    let wrong = site.say(
        "KOL",
        event(Stage::Assembly, "2025-01-22T08:00:00Z").part(&uid("KOL", "FG", 1), Role::Child).mint(
            &uid("KOL", "FG", 2),
            Role::Parent,
            "UNIT",
        ),
    );
    site.say("KOL", event(Stage::Correct, "2025-01-22T09:00:00Z").corrects(wrong));
    site.settle().await;
}

/// Everything of which exceptions say that it differs.
async fn columns(site: &Site) -> Vec<String> {
    let told = "select distinct jsonb_array_elements_text(detail->'columns') from exceptions
                where kind = 'proof.altered' and detail ? 'columns' order by 1";
    site.ask(told).await.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn no_column_and_no_row_is_changed_unseen() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    made(&mut site).await;
    grown(&site, &secrets).await;
    assert_eq!(checked(&site, now()).await, 7);
    assert_eq!(site.ask("select detail::text from exceptions where kind like 'proof%'").await, "");
    as_owner(
        &site,
        "update event_readings set value = 250 where name = 'temperature';
         update event_readings set high = null where name = 'pressure';
         update lifecycle_events set production_date = '2020-01-01', shift = 'Z' where operation = 'OVEN';
         update event_subjects set quantity = 7, lot_id = gen_random_uuid() where item = 'STEEL-10';
         update event_subjects set role = 1, occurred_at = '2020-01-01' where item = 'PUMP';
         update event_references set number = 'PO-9' where number = 'PO-2025-010';
         update uid_links set quantity = 1 where kind = 1;
         update uid_registry set container = false where container;
         update lots set supplier = 'SOMEBODY';
         delete from uid_aliases;
         insert into event_subjects select tenant_id, key + 1, agent_id, epoch, seq, ordinal, role, quantity, unit,
             quantity2, unit2, count, mint, item, lot_id from event_subjects where item = 'UNIT';
         insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, seq,
             ordinal) select tenant_id, from_key, to_key + 7, kind, effect, unit, occurred_at, agent_id, epoch, seq,
             ordinal from uid_links where kind = 1;",
    )
    .await;
    assert_eq!(checked(&site, now() + TimeDelta::hours(7)).await, 7);
    let found = columns(&site).await;
    for column in [
        "readings[0].value",
        "readings[1].high",
        "production_date",
        "shift",
        "subjects[0].quantity",
        "subjects[0].lot_id",
        "subjects[1].role",
        "subjects[1].occurred_at",
        "references[0].number",
        "links[0].quantity",
        "links[0]",
        "uid_registry.container",
        "lots.supplier",
        "uid_aliases",
    ] {
        assert!(found.iter().any(|other| other == column), "{column} is not among {found:?}");
    }
    // The exception names the event, and shows both what stands and what is said.
    let told = site
        .ask(
            "select key::text || ' ' || (detail->'event'->>'stage') || ' ' || (detail->'event'->>'agent_name')
                 || ' ' || (detail->'event'->>'seq') || ' ' || (detail->'differs'->0->>'stored')
             from exceptions where kind = 'proof.altered' and detail->'columns' ? 'readings[0].value'",
        )
        .await;
    assert_eq!(told, format!("{} OPERATION KOL 4 Z", crate::testing::key(EXAMPLE)));
    let notice = site.ask(
        "select (body->>'href') || ' ' || (body->'values'->>'event') from outbox where kind = 'proof.altered'
         and body->'values'->>'event' like '%OPERATION%'",
    );
    let notice = notice.await;
    assert!(notice.starts_with("/exceptions/0") && notice.contains(EXAMPLE), "{notice}");
}

#[tokio::test]
async fn rows_of_no_event_are_found() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    made(&mut site).await;
    grown(&site, &secrets).await;
    as_owner(
        &site,
        "create temp table forged as select * from lifecycle_events where seq = 3;
         update forged set seq = 999999, event_id = gen_random_uuid();
         insert into lifecycle_events select * from forged;
         insert into event_subjects select tenant_id, key, agent_id, epoch, 999999, ordinal, role, quantity, unit,
             quantity2, unit2, count, mint, item, lot_id from event_subjects where seq = 3;
         insert into event_readings select tenant_id, agent_id, epoch, 777, ordinal, name, value, unit, quality, low,
             high, taken_at from event_readings;
         insert into uid_links (tenant_id, from_key, to_key, kind, effect, unit, occurred_at, agent_id, epoch, seq,
             ordinal) select tenant_id, from_key, to_key + 9, 1, 1, '', now(), agent_id, epoch, 555, 0
             from uid_links where kind = 1;",
    )
    .await;
    assert_eq!(checked(&site, now()).await, 7);
    let told = "select seq || ':' || (detail->>'what') || ':' || (detail->>'tables') from exceptions
                where kind = 'proof.altered' order by seq";
    assert_eq!(
        site.ask(told).await,
        "555:added:[\"uid_links\"] 777:added:[\"event_readings\"] \
         999999:added:[\"lifecycle_events\", \"event_subjects\"]"
    );
    // What has come, and is not in the tree yet, is none of them.
    site.say("KOL", event(Stage::Storage, "2025-02-01T08:00:00Z").part(EXAMPLE, Role::Subject));
    site.settle().await;
    checked(&site, now() + TimeDelta::hours(7)).await;
    let of_events =
        "select count(*)::text from exceptions where kind = 'proof.altered' and detail->>'what' <> 'uid'";
    assert_eq!(site.ask(of_events).await, "3");
}

#[tokio::test]
async fn what_is_resolved_while_it_is_wrong_is_opened_again() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    made(&mut site).await;
    grown(&site, &secrets).await;
    as_owner(&site, "update lifecycle_events set outcome = 2 where operation = 'OVEN'").await;
    checked(&site, now()).await;
    let resolve = "update exceptions set status = 'resolved', resolved_at = now(), resolved_by = 'user:x', choice = 'handled',
                   resolution = 'done' where kind = 'proof.altered'";
    let open = "select count(*)::text from exceptions where kind = 'proof.altered' and status = 'open'";
    let notices = "select count(*)::text from outbox where kind = 'proof.altered'";
    assert_eq!((site.ask(open).await, site.ask(notices).await), ("1".into(), "1".into()));
    site.sql(resolve).await;
    checked(&site, now() + TimeDelta::hours(7)).await;
    assert_eq!((site.ask(open).await, site.ask(notices).await), ("1".into(), "2".into()));
    let steps = "select actor || ' ' || what || ' ' || reason from exception_steps";
    assert_eq!(site.ask(steps).await, format!("system reopened {}", crate::exceptions::FOUND_AGAIN));
    // Changed once more it is another finding, whatever became of the first.
    as_owner(&site, "update lifecycle_events set operator_id = 'op-2' where operation = 'OVEN'").await;
    checked(&site, now() + TimeDelta::hours(14)).await;
    assert_eq!(site.ask(open).await, "2");
    // What was put right stays resolved.
    site.sql(resolve).await;
    as_owner(&site, "update lifecycle_events set operator_id = 'op-1', outcome = 0 where operation = 'OVEN'")
        .await;
    checked(&site, now() + TimeDelta::hours(21)).await;
    assert_eq!(site.ask(open).await, "0");
}

#[tokio::test]
async fn a_round_is_had_when_it_is_asked_for() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    let ask = async |site: &Site| site.db.db.tx(&site.cx(), async |tx| check::ask(tx).await).await;
    assert!(matches!(ask(&site).await, Err(ProofError::Empty)));
    made(&mut site).await;
    grown(&site, &secrets).await;
    checked(&site, now()).await;
    assert_eq!(checked(&site, now()).await, 0, "the next round is not due");
    ask(&site).await.unwrap();
    assert!(matches!(ask(&site).await, Err(ProofError::Checking)), "one at a time");
    let standing = asked(&site, async |tx| Ok(store::standing(tx).await?)).await.unwrap();
    assert!(standing.running() && standing.round_at.is_some(), "{standing:?}");
    assert_eq!(checked(&site, now()).await, 7);
    assert!(!asked(&site, async |tx| Ok(store::standing(tx).await?)).await.unwrap().running());
    assert_eq!(site.ask("select action from audit_log where action = 'proof.check'").await, "proof.check");
}

#[tokio::test]
async fn a_tree_that_was_changed_is_found() {
    let (mut site, secrets) = (Site::new().await, Secrets::passing().unwrap());
    example(&mut site);
    site.settle().await;
    grown(&site, &secrets).await;
    checked(&site, now()).await;
    // Event, tile and all: the signed head does not fit any more.
    as_owner(
        &site,
        "alter table proof_tiles no force row level security;
         update lifecycle_events set payload = set_byte(payload, 5, 255 - get_byte(payload, 5)) where seq = 1;
         update proof_tiles t set hashes = (select string_agg(sha256('\\x00'::bytea || e.payload), '' order by seq)
             from lifecycle_events e);",
    )
    .await;
    let later = now() + TimeDelta::hours(7);
    assert_eq!(checked(&site, later).await, 3);
    let whats = "select distinct detail->>'what' from exceptions where kind = 'proof.altered' order by 1";
    assert_eq!(
        site.ask(whats).await,
        "columns tree",
        "what its bytes say is not what its columns say either"
    );
    let event = "select body->'values'->>'event' from outbox where body->'values'->>'event' = 'tree'";
    assert_eq!(site.ask(event).await, "tree");
    // A tile that is gone is told of, and the check goes on behind it.
    as_owner(&site, "alter table proof_tiles no force row level security; delete from proof_tiles").await;
    site.sql("update exceptions set status = 'resolved', resolved_at = now(), resolved_by = 'user:x', choice = 'known',
              resolution = 'seen' where kind = 'proof.altered'").await;
    let later = later + TimeDelta::hours(7);
    let found = check::step_and_tell(&site.db.db, site.tenant, later).await;
    assert!(matches!(found, Err(ProofError::Damaged)), "{found:?}");
    assert_eq!(checked(&site, later).await, 0);
    let open = "select detail->>'what' from exceptions where kind = 'proof.altered' and status = 'open'";
    assert_eq!(site.ask(open).await, "tree");
}

mod corrected;
mod held;
mod told;
mod uids;

#[tokio::test]
async fn trees_and_keys_never_cross_tenants() {
    let (mut ours, secrets) = (Site::new().await, Secrets::passing().unwrap());
    let mut theirs = Site::of(ours.again(), "BBBB").await;
    example(&mut ours);
    ours.settle().await;
    theirs.say("KOL", event(Stage::GateIn, "2025-01-21T08:00:00Z").at("Gate"));
    theirs.settle().await;
    grown(&ours, &secrets).await;
    grown(&theirs, &secrets).await;
    let sizes = (
        asked(&ours, async |tx| Ok(store::size(tx).await?)).await,
        asked(&theirs, async |tx| Ok(store::size(tx).await?)).await,
    );
    assert_eq!(sizes, (3, 1));
    let keys = asked(&theirs, async |tx| Ok(store::keys(tx).await?)).await;
    assert!(keys.len() == 1 && keys[0].log.starts_with("tracewright/BBBB/"));
    let foreign = exported(&theirs, &theirs.cx(), &secrets, EXAMPLE).await;
    assert!(matches!(foreign, Err(ProofError::Trace(TraceError::Foreign(_)))), "{foreign:?}");
}

#[test]
fn all_texts_are_there() {
    platform::i18n::assert_complete(TEXTS);
}
