//! The equalities: what was sent is what is stored, what follows from it is what follows
//! from it anew, and memory, mirror and proofs say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use chrono::Utc;
use platform::ctx::Cx;
use proto::chain;
use sqlx::Row;
use trace::explore::error::TraceError;
use trace::genealogy::{Direction, Mode, reach_by_sql};
use trace::imports::seal::line_of;
use uuid::Uuid;
use verify::merkle;

use super::ground::Ground;
use super::{fold, holds, uid_of, when};
use crate::support::until_within;

/// How long everybody may take to come to the last batch.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);
/// UIDs of which the genealogy is asked.
const ASKED: usize = 24;

/// What was looked at so far.
#[derive(Debug, Default)]
pub struct Seen {
    events: usize,
    units: usize,
    links: i64,
    holds: usize,
    acts: usize,
    rows: usize,
    heads: usize,
    asked: usize,
    mirror: String,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  equal: {} events, {} of them imported; {} units, {} links, {} walks; {} signed heads; {} holds, \
             {} acts listed; {}",
            self.events,
            self.rows,
            self.units,
            self.links,
            self.asked,
            self.heads,
            self.holds,
            self.acts,
            self.mirror.trim()
        )
    }
}

/// Waits until all work that was granted is done and followed, and looks at everything.
pub async fn all(ground: &Ground, seen: &mut Seen) {
    until_within(SETTLED_WITHIN, "all that was granted is done", async || ground.idle()).await;
    let line = ground.line.drained().await;
    until_within(SETTLED_WITHIN, "everybody who follows is there", async || when::followed(ground).await)
        .await;
    assert_eq!(ground.plant.wrong(), Vec::<String>::new());

    // Tables that were filled within a minute have no statistics of their own accord yet.
    sqlx::query("analyze").execute(&mut ground.owner().await).await.unwrap();
    let stored = stored(ground).await;
    seen.events = stored.values().map(Vec::len).sum();
    sent(ground, &line, &stored).await;
    seen.rows = imported(ground, &stored).await;
    no_exception_of_a_stream(ground).await;
    seen.units = fold::equal(&ground.db, ground.tenant).await;
    in_work(ground).await;
    (seen.links, seen.asked) = genealogy(ground).await;
    seen.mirror = ground.run(&["mirror", "check", "--tenant", "SAIF"]).await;
    assert!(seen.mirror.contains("equals Postgres"), "{}", seen.mirror);
    seen.heads = proofs(ground).await;
    (seen.holds, seen.acts) = holds::equal(ground).await;
}

/// What dashboards count as in work, by hours, is what the registry has.
async fn in_work(ground: &Ground) {
    let otherwise = "select count(*) from (
            select plant, stage, hour from (
                select plant, stage, hour, units from in_work_hours
                union all select plant, stage, hour, units from in_work_changes
                union all select plant, last_stage, date_trunc('hour', last_at, 'UTC'), -1 from uid_registry
                where app.in_work(life, custody, last_stage, order_number)) counted
            group by 1, 2, 3 having sum(units) <> 0) hours";
    assert_eq!(ground.number(otherwise).await, 0, "hours of which other units are counted as in work");
}

/// Epoch, seq and bytes.
type Stored = (i32, i64, Vec<u8>);

/// Everything that is stored, by agent, in order.
async fn stored(ground: &Ground) -> BTreeMap<Uuid, Vec<Stored>> {
    let mut owner = ground.owner().await;
    let sql = "select agent_id, epoch, seq, payload from lifecycle_events order by 1, 2, 3";
    let mut all: BTreeMap<Uuid, Vec<Stored>> = BTreeMap::new();
    for row in sqlx::query(sql).fetch_all(&mut owner).await.unwrap() {
        all.entry(row.get(0)).or_default().push((row.get(1), row.get(2), row.get(3)));
    }
    all
}

/// Each event that was sent is there once, in order, byte for byte; and every stream, the
/// office's and those of imports too, is whole from its beginning, in batches that lie end
/// to end.
async fn sent(ground: &Ground, line: &[Stored], stored: &BTreeMap<Uuid, Vec<Stored>>) {
    let agents: BTreeMap<Uuid, (String, String)> = {
        let mut owner = ground.owner().await;
        let rows =
            sqlx::query("select agent_id, name, kind from agents").fetch_all(&mut owner).await.unwrap();
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
    };
    let journal: Vec<Stored> = {
        let journal = ground.plant.journal();
        (1..).zip(&journal.events).map(|(seq, bytes)| (1, seq, bytes.to_vec())).collect()
    };
    assert_same("VSK", &journal, &stored[&ground.plant.agent]);
    let kolkata = agents.iter().find(|(_, (name, _))| name == "KOL").map(|(id, _)| *id).unwrap();
    assert_same("KOL", line, &stored[&kolkata]);
    for (agent, events) in stored {
        let (name, _) = &agents[agent];
        let mut head = chain::genesis(agent.as_bytes(), 1);
        for ((epoch, seq, bytes), expected) in events.iter().zip(1_i64..) {
            let event = <proto::v1::Event as prost::Message>::decode(bytes.as_slice()).unwrap();
            assert_eq!((*epoch, *seq, event.seq), (1, expected, expected.unsigned_abs()), "{name}");
            assert_eq!(event.prev_hash, head, "{name}: the chain before {seq}");
            head = chain::link(bytes);
        }
    }
    let torn = "select count(*) from (
            select agent_id, epoch, from_seq, to_seq,
                   coalesce(lag(to_seq) over (partition by agent_id, epoch order by batch_id), 0) as before
            from ingest_batches) b
        where from_seq <> before + 1 or to_seq < from_seq";
    assert_eq!(ground.number(torn).await, 0, "batches that do not lie end to end");
    let astray = "select count(*) from ingest_cursors c where through_seq <> coalesce((select max(to_seq) \
                  from ingest_batches b where b.agent_id = c.agent_id and b.epoch = c.epoch), 0)";
    assert_eq!(ground.number(astray).await, 0, "cursors that are not at the end of their batches");
    let uncovered = "select (select count(*) from lifecycle_events) - \
                     (select coalesce(sum(to_seq - from_seq + 1), 0) from ingest_batches)::bigint";
    assert_eq!(ground.number(uncovered).await, 0, "events beside the batches");
}

fn assert_same(plant: &str, sent: &[Stored], stored: &[Stored]) {
    let same = sent.iter().zip(stored).take_while(|(one, other)| one == other).count();
    assert!(
        same == sent.len() && same == stored.len(),
        "{plant}: {} events were sent, {} are stored, the first {same} are the same",
        sent.len(),
        stored.len()
    );
}

/// Every row of every file that is right is an event once; every one
/// that is wrong stands in the list beside the file.
async fn imported(ground: &Ground, stored: &BTreeMap<Uuid, Vec<Stored>>) -> usize {
    let histories = ground.imports.imported.lock().unwrap().clone();
    let mut owner = ground.owner().await;
    let mut rows = 0;
    for history in &histories {
        let agent: Uuid = sqlx::query_scalar("select agent_id from agents where name = $1")
            .bind(&history.agent)
            .fetch_one(&mut owner)
            .await
            .unwrap();
        let mut lines: Vec<u64> = stored[&agent].iter().map(|(.., bytes)| line_of(bytes).unwrap()).collect();
        // They come in the order of their times; that they do is tested with the imports.
        lines.sort_unstable();
        let good: Vec<u64> = history.good.iter().copied().collect();
        assert!(lines == good, "{}: {} events of {} rows", history.path.display(), lines.len(), good.len());
        rows += good.len();
        let mut list = history.path.clone().into_os_string();
        list.push(".errors.csv");
        let listed = std::fs::read_to_string(&list).unwrap_or_default();
        let listed: BTreeSet<u64> =
            listed.lines().skip(1).map(|line| line.split(',').next().unwrap().parse().unwrap()).collect();
        assert_eq!(listed, history.bad, "{}", history.path.display());
    }
    let imports: i64 = ground.number("select count(*) from agents where kind = 'import'").await;
    assert_eq!(usize::try_from(imports).unwrap(), histories.len());
    rows
}

/// Nothing is torn, doubled, lost or altered in anybody's eyes, and nothing failed.
async fn no_exception_of_a_stream(ground: &Ground) {
    let mut owner = ground.owner().await;
    let never = [
        "event.malformed",
        "event.undecodable",
        "event.stray",
        "record.lost",
        "chain.broken",
        "stream.gap",
        "fork",
        "uid.second_birth",
        "uid.never_born",
        "correct.unknown",
        "correct.tangled",
        "projection.failed",
        "agent.contested",
        "lease.lifted",
        "hold.violated",
        "proof.altered",
    ];
    let found: Vec<String> = sqlx::query_scalar(
        "select kind || ' ' || detail::text from exceptions where kind = any($1) order by 1 limit 5",
    )
    .bind(&never[..])
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(found, Vec::<String>::new());
}

/// The genealogy in the cloud's memory, by API, is the recursive SQL's. Answers the links,
/// and how many walks were compared.
async fn genealogy(ground: &Ground) -> (i64, usize) {
    let links = ground.number("select count(*) from uid_links").await;
    let mut owner = ground.owner().await;
    // Those with most links, and some others, the same ones in each run.
    let keys: Vec<i64> = sqlx::query_scalar(
        "(select from_key from uid_links group by 1 order by count(*) desc, 1 limit $1 / 3)
         union (select to_key from uid_links group by 1 order by count(*) desc, 1 limit $1 / 3)
         union (select from_key from uid_links group by 1 order by md5(from_key::text) limit $1 / 3)",
    )
    .bind(i64::try_from(ASKED).unwrap())
    .fetch_all(&mut owner)
    .await
    .unwrap();
    let walks = keys.iter().flat_map(|key| {
        [(Direction::Forward, "forward"), (Direction::Backward, "backward")]
            .into_iter()
            .flat_map(move |way| [Mode::Ever, Mode::Open].map(|mode| (*key, way, mode)))
    });
    let walks: Vec<_> = walks.collect();
    // It is read into memory when first asked for.
    let first = walks.first().map(|(key, ..)| uid_of(*key)).expect("something was made");
    until_within(SETTLED_WITHIN, "the genealogy is in memory", async || {
        let before = answers(ground).await.0;
        walked(ground, &first, "forward", Mode::Ever).await;
        answers(ground).await.0 > before
    })
    .await;
    let by_sql = answers(ground).await.1;
    for (key, (direction, way), mode) in &walks {
        let memory = walked(ground, &uid_of(*key), way, *mode).await;
        let cx = Cx::system(ground.tenant);
        let reach =
            async |tx: &mut platform::db::Tx| reach_by_sql(tx, &[*key], *direction, *mode, 100_000).await;
        let sql: Result<_, TraceError> = ground.db.tx(&cx, reach).await;
        let sql: BTreeSet<String> =
            sql.unwrap().keys.into_iter().filter(|reached| reached != key).map(uid_of).collect();
        assert!(
            memory == sql,
            "{way} from {}, {mode:?}: memory has {} units, SQL {}",
            uid_of(*key),
            memory.len(),
            sql.len()
        );
    }
    assert_eq!(answers(ground).await.1, by_sql, "memory answered them all");
    (links, walks.len())
}

/// Questions that memory and SQL have answered.
async fn answers(ground: &Ground) -> (u64, u64) {
    let (_, text) = ground.office.http.send_raw(hyper::Method::GET, "/metrics", None).await.unwrap();
    let count = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(&format!("tracewright_genealogy_{name} ")));
        line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("{name}: {text}"))
    };
    assert_eq!(count("differences_total"), 0, "the check in service");
    (count("memory_answers_total"), count("sql_answers_total"))
}

/// What the API reaches, without the beginning.
async fn walked(ground: &Ground, uid: &str, way: &str, mode: Mode) -> BTreeSet<String> {
    let as_built = mode == Mode::Open;
    let path = format!("/api/v1/trace/{uid}/{way}?depth=100&limit=10000&ends=false&as_built={as_built}");
    let walk = ground.office.http.get(&path).await.unwrap();
    assert_eq!((&walk["cut"], &walk["next"]), (&false.into(), &serde_json::Value::Null), "{uid} {way}");
    let nodes = walk["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["uid"].as_str().unwrap().to_owned()).collect()
}

/// The tree holds every event once, in the order of batches; every head that was ever signed
/// is one of that tree; and the check that goes over all of it finds nothing. Answers the
/// heads.
async fn proofs(ground: &Ground) -> usize {
    let head = ground.office.http.get("/api/v1/proofs/heads/current").await.unwrap();
    let mut owner = ground.owner().await;
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select e.payload from ingest_batches b join lifecycle_events e on e.tenant_id = b.tenant_id \
         and e.agent_id = b.agent_id and e.epoch = b.epoch and e.seq between b.from_seq and b.to_seq \
         order by b.batch_id, e.seq",
    )
    .fetch_all(&mut owner)
    .await
    .unwrap();
    assert_eq!(head["size"], payloads.len(), "{head}");
    let leaves: Vec<merkle::Hash> = payloads.iter().map(|payload| merkle::leaf(payload)).collect();
    let heads: Vec<(i64, Vec<u8>)> = sqlx::query_as("select size, root from proof_heads order by size")
        .fetch_all(&mut owner)
        .await
        .unwrap();
    for (size, root) in &heads {
        let size = usize::try_from(*size).unwrap();
        assert_eq!(merkle::root(&leaves[..size]).as_slice(), root, "the head of {size} leaves");
    }
    // Its round begins at the first leaf, now; the cloud's own check may take a part of it.
    sqlx::query("update proof_trees set check_leaf = 0, round_at = null").execute(&mut owner).await.unwrap();
    let sound =
        "select count(*) from proof_trees where altered = 0 and check_leaf = 0 and round_at is not null";
    until_within(SETTLED_WITHIN, "the check has gone round", async || {
        trace::proofs::check::step(&ground.db, ground.tenant, Utc::now()).await.unwrap();
        ground.number(sound).await == 1
    })
    .await;
    heads.len()
}
