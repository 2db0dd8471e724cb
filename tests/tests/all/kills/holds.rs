//! Holds: what was answered is there, once; plants have exactly what is placed; and what was
//! done with held units is listed, as the checker of recorded histories says.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use proto::v1::Event;
use sqlx::Row;
use sqlx::postgres::PgRow;
use trace::holds::acts::Version;
use trace::holds::check::{History, Hold, Step, faults};
use uuid::Uuid;

use super::ground::Ground;
use super::office::Told;
use crate::support::PATIENCE;

/// The number of the plant in the checker's history.
const VSK: u64 = 1;

/// Looks at all of it; answers the holds, and the acts that are listed.
pub async fn equal(ground: &Ground) -> (usize, usize) {
    let holds = answered(ground).await;
    facts_and_audit(ground).await;
    grown(ground).await;
    at_plants(ground).await;
    (holds, listed(ground).await)
}

async fn rows(ground: &Ground, sql: &'static str) -> Vec<PgRow> {
    let mut owner = ground.owner().await;
    sqlx::query(sql).fetch_all(&mut owner).await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// What the office was told is so; what it was not told is so or not, and never twice.
async fn answered(ground: &Ground) -> usize {
    let mut there: BTreeMap<String, Vec<(Uuid, String)>> = BTreeMap::new();
    for row in rows(ground, "select reason, hold_id, status from holds").await {
        there.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
    }
    let asked = ground.office.asked.lock().unwrap();
    for (reason, told) in &asked.placed {
        let found: Vec<Uuid> = there.get(reason).into_iter().flatten().map(|(id, _)| *id).collect();
        match told {
            Told::Yes(id) => assert_eq!(&found, &[*id], "{reason}"),
            Told::No => assert!(found.is_empty(), "{reason} was refused"),
            Told::Nothing => assert!(found.len() <= 1, "{reason} is there {} times", found.len()),
        }
    }
    let released: BTreeSet<Uuid> =
        there.values().flatten().filter(|(_, status)| status == "released").map(|(id, _)| *id).collect();
    for (hold, told) in &asked.released {
        match told {
            Told::Yes(id) => assert!(id == hold && released.contains(hold), "{hold} was released"),
            Told::No => assert!(!released.contains(hold), "{hold} was not released"),
            Told::Nothing => {}
        }
    }
    assert!(released.iter().all(|hold| asked.released.contains_key(hold)), "nobody released them");
    assert!(there.keys().all(|reason| asked.placed.contains_key(reason)), "nobody placed them");
    there.values().map(Vec::len).sum()
}

/// A hold is one fact of the office's stream when it is placed, one more when it is
/// released, and as many rows of the audit. Labels that leave a hold which stands are
/// released by facts of its name too, each of a step (`hold:HOLD:STEP:PART`).
async fn facts_and_audit(ground: &Ground) {
    let told = "select h.hold_id, h.status,
            array(select e.payload
                  from event_references r join lifecycle_events e using (tenant_id, agent_id, epoch, seq)
                  where r.type = 'hold' and r.number = h.hold_id::text and e.stage = app_stage('RELEASE')),
            (select count(*) from event_references r join lifecycle_events e using (tenant_id, agent_id, epoch, seq)
             where r.type = 'hold' and r.number = h.hold_id::text and e.stage = app_stage('HOLD')
                   and e.seq = (select to_seq from ingest_batches b where b.batch_id = h.placed_batch)),
            (select count(*) from audit_log a where a.subject = 'hold:' || h.hold_id and a.action = 'hold.place'),
            (select count(*) from audit_log a where a.subject = 'hold:' || h.hold_id and a.action = 'hold.release')
        from holds h";
    let number = |stage: proto::v1::Stage| (stage as i32).to_string();
    let told = told
        .replace("app_stage('RELEASE')", &number(proto::v1::Stage::Release))
        .replace("app_stage('HOLD')", &number(proto::v1::Stage::Hold));
    let mut owner = ground.owner().await;
    for row in sqlx::query(sqlx::AssertSqlSafe(told)).fetch_all(&mut owner).await.unwrap() {
        let (hold, status): (Uuid, String) = (row.get(0), row.get(1));
        let released = i64::from(status == "released");
        let whole = format!("hold:{hold}:0");
        let releases: Vec<Vec<u8>> = row.get(2);
        let releases = releases.iter().map(|bytes| Event::decode(bytes.as_slice()).unwrap());
        let releases = i64::try_from(releases.filter(|event| event.input_id == whole).count()).unwrap();
        let found: (i64, i64, i64, i64) = (releases, row.get(3), row.get(4), row.get(5));
        assert_eq!(
            found,
            (released, 1, 1, released),
            "{hold}, {status}: facts of release and hold, audit of both"
        );
    }
}

/// What was made of a held unit, or contains one, is held: of holds that reach on, all
/// descendants and the packages around them now, of the others what was made after them; of all, what is in a member and what a member is packed in.
async fn grown(ground: &Ground) {
    let missing = "with recursive reach as (
            select m.tenant_id, m.hold_id, m.key from hold_members m join holds h using (tenant_id, hold_id)
            where h.descendants and h.status = 'placed' and m.cause = 'scope'
            union
            select r.tenant_id, r.hold_id, l.to_key from reach r
            join (select tenant_id, from_key, to_key from uid_links group by tenant_id, from_key, to_key, kind
                  having count(*) filter (where effect = 1) > count(*) filter (where effect = 3)
                     and (kind <> 3 or sum(case when effect in (1, 4) then 1 else -1 end) > 0)) l
              on l.tenant_id = r.tenant_id and l.from_key = r.key)
        select count(*) from reach r where not exists (
            select from hold_members m where m.tenant_id = r.tenant_id and m.hold_id = r.hold_id and m.key = r.key)";
    assert_eq!(ground.number(missing).await, 0, "descendants of held units that are not held");
    let after = "select count(*) from hold_members m join holds h using (tenant_id, hold_id)
        join uid_links l on l.tenant_id = m.tenant_id and l.from_key = m.key and l.kind <> 3 and l.effect = 1
        where not h.descendants and h.status = 'placed' and m.cause in ('scope', 'lot')
          and case when l.agent_id = h.placed_agent and l.epoch = h.placed_epoch then l.seq > h.placed_seq
                   else h.placed_batch < (
                       select b.batch_id from ingest_batches b
                       where b.tenant_id = l.tenant_id and b.agent_id = l.agent_id and b.epoch = l.epoch
                         and b.to_seq >= l.seq
                       order by b.to_seq limit 1) end
          and (select count(*) filter (where u.effect = 1) > count(*) filter (where u.effect = 3) from uid_links u
               where u.tenant_id = l.tenant_id and u.from_key = l.from_key and u.to_key = l.to_key
                 and u.kind = l.kind)
          and not exists (select from hold_members o where o.tenant_id = m.tenant_id
                          and o.hold_id = m.hold_id and o.key = l.to_key)";
    assert_eq!(ground.number(after).await, 0, "made of held units after the hold, and not held");
}

/// Every plant has exactly the holds that are placed, as keys: the agent on its disk, the
/// stream in its memory.
async fn at_plants(ground: &Ground) {
    let mut due: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let members = "select m.hold_id::text || case when m.part = 0 then '' else '/' || m.part end, m.key \
                   from hold_members m join holds h using (tenant_id, hold_id) \
                   where h.status = 'placed' and m.left_at is null";
    for row in rows(ground, members).await {
        due.entry(row.get(0)).or_default().insert(row.get(1));
    }
    let keys = |json: &str| -> BTreeSet<i64> {
        let body: serde_json::Value = serde_json::from_str(json).unwrap();
        body["keys"].as_array().unwrap().iter().map(|key| key.as_i64().unwrap()).collect()
    };
    // A package that is free again is a row without keys.
    let clean = |all: BTreeMap<String, BTreeSet<i64>>| -> BTreeMap<String, BTreeSet<i64>> {
        all.into_iter().filter(|(_, keys)| !keys.is_empty()).collect()
    };
    let differing = |there: &BTreeMap<String, BTreeSet<i64>>| -> Vec<String> {
        let all: BTreeSet<&String> = due.keys().chain(there.keys()).collect();
        let differing = all.into_iter().filter(|id| due.get(*id) != there.get(*id));
        differing.map(|id| format!("{id}: {:?}, due {:?}", there.get(id), due.get(id))).take(3).collect()
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let line = ground.line.holds().await.into_iter().map(|(id, json)| (id, keys(&json))).collect();
        let stream = ground.plant.journal().holds.clone();
        let (line, stream) = (differing(&clean(line)), differing(&clean(stream)));
        if line.is_empty() && stream.is_empty() {
            return;
        }
        let over = tokio::time::Instant::now() > deadline;
        assert!(!over, "holds at the agent: {line:#?}; at the stream: {stream:#?}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// The recorded history of the stream's plant, by the pure checker. Answers the acts that
/// are listed.
async fn listed(ground: &Ground) -> usize {
    let mut history = History::default();
    let mut numbers: BTreeMap<Uuid, u64> = BTreeMap::new();
    let sql = "select m.hold_id, h.placed_batch, m.key, p.told_version, p.told_generation, m.joined_at is null and m.cause <> 'inside',
            h.released_version, h.released_generation,
            (select min(b.batch_id) from event_references r join lifecycle_events e
                 using (tenant_id, agent_id, epoch, seq)
             join ingest_batches b on b.tenant_id = e.tenant_id and b.agent_id = e.agent_id and b.epoch = e.epoch
                 and e.seq between b.from_seq and b.to_seq
             where r.type = 'hold' and r.number = m.hold_id::text and e.stage = 27)
        from hold_members m join holds h using (tenant_id, hold_id)
        join hold_parts p on p.hold_id = m.hold_id and p.part = m.part";
    let sql = sql.replace("e.stage = 27", &format!("e.stage = {}", proto::v1::Stage::Release as i32));
    let mut owner = ground.owner().await;
    for row in sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut owner).await.unwrap() {
        let next = numbers.len() as u64;
        let number = *numbers.entry(row.get(0)).or_insert(next);
        let hold: &mut Hold = history.holds.entry(number).or_default();
        let place = |batch: i64| batch.unsigned_abs();
        hold.committed = place(row.get(1));
        // One that came in later counts from then on, and a package while a member is in
        // it, which this history does not know.
        if row.get::<bool, _>(5) {
            hold.told.insert(row.get(2), Version { version: row.get(3), generation: row.get(4) });
        }
        let released: (Option<i64>, Option<i64>, Option<i64>) = (row.get(6), row.get(7), row.get(8));
        if let (Some(version), Some(generation), Some(batch)) = released {
            hold.released = Some((Version { version, generation }, place(batch)));
        }
    }
    let batches: Vec<(i64, i64, i64)> = sqlx::query_as(
        "select from_seq, to_seq, batch_id from ingest_batches where agent_id = $1 order by 1",
    )
    .bind(ground.plant.agent)
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let mut steps = ground.plant.journal().steps.clone();
    for step in &mut steps {
        if let Step::Accepted { event, arrived, .. } = step {
            let seq = i64::try_from(*event).unwrap();
            let at = batches.partition_point(|(_, to, _)| *to < seq);
            *arrived = batches.get(at).map(|(.., batch)| batch.unsigned_abs());
        }
    }
    history.plants.insert(VSK, steps);
    let acts = rows(ground, "select hold_id, agent_id, seq, key from hold_acts").await;
    for row in &acts {
        let (hold, agent, seq): (Uuid, Uuid, i64) = (row.get(0), row.get(1), row.get(2));
        if agent == ground.plant.agent {
            history.listed.insert((numbers[&hold], VSK, seq.unsigned_abs(), row.get(3)));
        }
    }
    let found = faults(&history);
    let names: BTreeMap<u64, Uuid> = numbers.into_iter().map(|(id, number)| (number, id)).collect();
    assert!(found.is_empty(), "{:?} among {names:?}", &found[..found.len().min(5)]);
    acts.len()
}
