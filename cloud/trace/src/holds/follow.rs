//! Follows the batches: what comes under a hold later, what leaves it, and what was
//! done with held units before their plant had the hold. Told once, in the
//! transaction that moves the cursor; a crash in between does it again.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::ctx::Cx;
use platform::db::{Db, Tx};
use platform::notify;
use platform::reference::Row;
use prost::Message;
use proto::v1::{Role, Stage};
use serde_json::json;
use uid::TenantCode;
use uuid::Uuid;

use super::acts::{self, Class, Version};
use super::members::{self, Born, Since};
use super::store::follow::{self as store, Act, Candidate};
use super::{HOLD_GAP, HOLD_GREW, HOLD_VIOLATED, HoldError, Keys, PER_ROW, Told, notice, older, row, tell};
use crate::explore::names;
use crate::explore::order::Stamp;
use crate::explore::service::uid_text;
use crate::explore::store::label;
use crate::genealogy::{Genealogy, Moment, store as links};
use crate::ingest::notify::{Batch, Committed};
use crate::projection::PROJECTION;
use crate::projection::store::queue::{self, Ranges};
use crate::projection::store::write::{self, Opening};

/// Most batches in one transaction.
const BATCHES: i64 = 32;
/// Most steps of packages inside packages that are emptied at once.
const DEEPEST: usize = 16;

/// What one step did.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Batches that were looked at.
    pub batches: usize,
    /// Units that came under a hold.
    pub joined: usize,
    /// Packages that are free again.
    pub left: usize,
    /// Acts that were listed.
    pub acts: usize,
    /// Facts of the office; to be announced once committed.
    pub told: Vec<Batch>,
    /// Older holds have still to take in what is in their packages.
    older: bool,
}

/// Most pieces of what older holds have to take in that are done at once: others wait.
const MOST_PIECES: usize = 10;

/// Looks at all batches of a tenant that the projection has applied; announces the
/// office's facts. Answers how many batches. Between them older holds take in what is in their
/// packages, which is done once.
///
/// # Errors
/// [`HoldError`]; what was looked at before stays so.
pub async fn catch_up(
    db: &Db,
    committed: &Committed,
    genealogy: &Genealogy,
    tenant: Uuid,
) -> Result<usize, HoldError> {
    let (mut total, mut pieces) = (0, 0);
    loop {
        let cx = Cx::system(tenant);
        let done = db.tx(&cx, async |tx| step_in(tx, genealogy, BATCHES, Utc::now()).await).await?;
        done.told.iter().for_each(|batch| committed.announce(*batch));
        if done.batches == 0 {
            if !done.older || pieces >= MOST_PIECES {
                return Ok(total);
            }
            pieces += 1;
            if !older::go_on(db, committed, genealogy, tenant).await? {
                return Ok(total);
            }
        }
        total += done.batches;
    }
}

/// Looks at the next batches inside a transaction.
///
/// # Errors
/// [`HoldError`].
pub async fn step_in(
    tx: &mut Tx,
    genealogy: &Genealogy,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Step, HoldError> {
    // Nobody has a cursor who never had a hold; another worker may have it now.
    let Some(cursor) = store::cursor_lock(tx).await? else {
        return Ok(Step::default());
    };
    let (after, mut step) = (cursor.through, Step { older: cursor.older, ..Step::default() });
    let Some(applied) = store::applied(tx, PROJECTION).await? else {
        return Ok(step);
    };
    // A hold's units were looked up a little before it was committed.
    let from = store::unlooked(tx).await?.map_or(after, |unlooked| unlooked.min(after));
    let batches: Vec<_> = queue::batches_after(tx, from, limit)
        .await?
        .into_iter()
        .filter(|batch| batch.batch_id <= applied)
        .collect();
    let Some(last) = batches.last().map(|batch| batch.batch_id) else {
        return Ok(step);
    };
    let ranges = Ranges::of(&batches);
    let ids: Vec<i64> = batches.iter().map(|batch| batch.batch_id).collect();
    step.batches = batches.len();
    let tenant: Option<TenantCode> = label::tenant_code(tx).await?.and_then(|code| code.parse().ok());
    let mut told = Told::default();
    let mut touched = store::touched(tx, &ranges).await?;
    // A correction may put back a link that was undone, and name nobody; nor does what came back
    // name the package that it left.
    touched.extend(links::unnamed_after(tx, from, last).await?);
    touched.sort_unstable();
    touched.dedup();
    let genealogy = genealogy.beside(tx.tenant());
    // What later batches link is looked at with them.
    let moment = Moment { batch: last, ..links::moment(tx).await? };
    let mut facts = Vec::new();
    let mut joined: BTreeSet<i64> = BTreeSet::new();
    let mut news = news(tx, &touched).await?;
    for (hold_id, standing) in store::of_plants(tx).await? {
        if standing {
            // Placed by a plant, and not yet looked at: all of it is news.
            let tenant = tx.tenant();
            let members = super::store::members(tx, tenant, hold_id).await?;
            news.entry(hold_id).or_default().touched.extend(members);
        } else {
            // Released by its plant, which told of the one label that it held.
            let others = store::others(tx, hold_id).await?;
            facts.push((hold_id, String::new(), Vec::new(), others));
            store::let_go(tx, hold_id).await?;
        }
    }
    for (hold_id, news) in news {
        let grown = grow(tx, (&genealogy, moment), hold_id, &news, now).await?;
        step.joined += grown.joined.len();
        step.left += grown.left.len();
        joined.extend(&grown.joined);
        told.rows.extend(grown.rows);
        told.parts.extend(grown.parts.into_iter().map(|part| (hold_id, part)));
        told.left.extend(grown.left.iter().map(|key| (hold_id, *key)));
        facts.push((hold_id, grown.reason, grown.joined, grown.left));
    }
    let mut found = store::candidates(tx, &ranges, &ids).await?;
    let late: Vec<i64> = joined.into_iter().collect();
    found.extend(store::candidates_of(tx, &late, last).await?);
    found.sort_unstable();
    found.dedup();
    step.acts = list(tx, tenant, &found, now).await?;
    store::cursor_move(tx, after.max(last)).await?;
    store::looked(tx, last, after.max(last)).await?;
    // Last: both lock the tenant's counters until the commit.
    for (hold_id, reason, joined, left) in facts {
        let part = format!("{last}");
        if !joined.is_empty() {
            step.told.push(tell(tx, Stage::Hold, hold_id, &part, &reason, &joined, now).await?);
        }
        if !left.is_empty() {
            step.told.push(tell(tx, Stage::Release, hold_id, &part, "", &left, now).await?);
        }
    }
    told.publish(tx).await?;
    Ok(step)
}

/// What is new about a hold.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Members that something was told of.
    pub touched: Vec<i64>,
    /// Labels of its lots.
    pub born: Vec<Born>,
    /// Parts of it whose members are held in another way now.
    pub changed: Vec<i32>,
}

/// Which holds these units concern, in the order of their ids.
async fn news(tx: &mut Tx, touched: &[i64]) -> Result<BTreeMap<Uuid, News>, HoldError> {
    let mut news: BTreeMap<Uuid, News> = BTreeMap::new();
    for (hold_id, key) in store::held_among(tx, touched).await? {
        news.entry(hold_id).or_default().touched.push(key);
    }
    for (hold_id, born) in store::born_of_held_lots(tx, touched).await? {
        news.entry(hold_id).or_default().born.push(born);
    }
    Ok(news)
}

/// What became of a hold.
#[derive(Debug, Default)]
pub(super) struct Grown {
    pub reason: String,
    pub joined: Vec<i64>,
    pub left: Vec<i64>,
    pub rows: Vec<Row>,
    pub parts: Vec<i32>,
}

/// Takes under a hold what is in it now, and lets go the packages that were emptied.
pub(super) async fn grow(
    tx: &mut Tx,
    (genealogy, moment): (&Genealogy, Moment),
    hold_id: Uuid,
    news: &News,
    now: DateTime<Utc>,
) -> Result<Grown, HoldError> {
    let tenant = tx.tenant();
    let Some(hold) = super::store::lock(tx, tenant, hold_id).await?.filter(|hold| hold.status == "placed")
    else {
        return Ok(Grown::default());
    };
    let known = (genealogy, moment);
    let (more, born) = delivered(tx, hold_id, &hold.lots, &news.born).await?;
    let (mut joined, mut changed) = members::joining(tx, known, hold_id, &news.touched, &born, &hold).await?;
    if !more.is_empty() {
        // Labels of it that are still to come are held at plants by the lot.
        super::store::lots::more(tx, hold_id, &more).await?;
        changed.push(0);
    }
    let lots: Vec<Uuid> = hold.lots.iter().copied().chain(more).collect();
    if i64::try_from(joined.len()).is_ok_and(|count| count >= members::MOST_JOINING) {
        tracing::error!(%tenant, %hold_id, "more units come under a hold at once than are looked at");
        joined.truncate(members::MOST_JOINING as usize);
    }
    let mut grown = Grown { reason: hold.reason.clone(), ..Grown::default() };
    let mut part = hold.parts;
    for chunk in joined.chunks(PER_ROW) {
        super::store::members_insert(tx, hold_id, chunk, part).await?;
        grown.rows.push(row(hold_id, part, &hold.reason, &Keys::of(chunk), &[]));
        grown.parts.push(part);
        part += 1;
    }
    grown.joined = joined.iter().map(|member| member.key).collect();
    let left = emptied(tx, hold_id, now).await?;
    changed.extend(&news.changed);
    changed.extend(left.iter().map(|(_, part)| *part));
    changed.sort_unstable();
    changed.dedup();
    for part in changed {
        let keys = store::keys_of_part(tx, hold_id, part).await?;
        let lots = if part == 0 { lots.as_slice() } else { &[] };
        grown.rows.push(row(hold_id, part, &hold.reason, &keys, lots));
    }
    grown.left = left.into_iter().map(|(key, _)| key).collect();
    if grown.joined.is_empty() && grown.left.is_empty() {
        return Ok(grown);
    }
    let (more, less) = (count(grown.joined.len()), count(grown.left.len()));
    super::store::grew(tx, hold_id, more - less, part).await?;
    let entry = Entry {
        action: "hold.grow",
        subject: &format!("hold:{hold_id}"),
        before: None,
        after: Some(json!({ "batch": moment.batch.to_string(), "joined": more, "left": less })),
    };
    let changed: Vec<i64> = grown.joined.iter().chain(&grown.left).copied().collect();
    let plants = super::store::plants(tx, tenant, &changed).await?;
    audit::record_at(tx, &plants, entry).await?;
    if !grown.joined.is_empty() {
        let plants = match grown.left.is_empty() {
            true => plants,
            false => super::store::plants(tx, tenant, &grown.joined).await?,
        };
        let told = notice(tx, hold_id, &hold.reason, grown.joined.len()).await?.at(plants);
        notify::tell(tx, &HOLD_GREW, &told, now).await?;
    }
    Ok(grown)
}

/// Lots of these labels that a hold is not on yet, and the labels with all others of those
/// lots: their events may have been there before it was known of which lot they are.
async fn delivered(
    tx: &mut Tx,
    hold_id: Uuid,
    lots: &[Uuid],
    born: &[Born],
) -> Result<(Vec<Uuid>, Vec<Born>), HoldError> {
    let more: BTreeSet<Uuid> = born.iter().map(|one| one.lot).filter(|lot| !lots.contains(lot)).collect();
    let more: Vec<Uuid> = more.into_iter().collect();
    let mut all = born.to_vec();
    if !more.is_empty() {
        let known: BTreeSet<i64> = born.iter().map(|one| one.key).collect();
        let of_lots = super::store::lots::unheld(tx, hold_id, &more, members::MOST_JOINING).await?;
        all.extend(of_lots.into_iter().filter(|one| !known.contains(&one.key)));
    }
    Ok((more, all))
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

/// Packages of a hold in which no member is any more, with their parts; marks them.
async fn emptied(tx: &mut Tx, hold_id: Uuid, now: DateTime<Utc>) -> Result<Vec<(i64, i32)>, HoldError> {
    let mut all = Vec::new();
    for _ in 0..DEEPEST {
        let left = store::emptied(tx, hold_id, now).await?;
        if left.is_empty() {
            break;
        }
        all.extend(left);
    }
    Ok(all)
}

/// Lists what was done with held units; answers how many acts are new.
pub(super) async fn list(
    tx: &mut Tx,
    tenant: Option<TenantCode>,
    found: &[Candidate],
    now: DateTime<Utc>,
) -> Result<usize, HoldError> {
    let (mut openings, mut gaps) = (Vec::new(), Vec::new());
    let mut listed = Vec::new();
    for act in store::acts(tx, found, &acts::STAGES.map(|stage| stage as i16)).await? {
        let (action, role) = (names::action(act.action), role(act.role));
        if !acts::forbidden(names::stage(act.stage), action, role) {
            continue;
        }
        let since = members::since(act.way.as_ref(), act.stamp, act.occurred_at);
        if since == Since::No {
            continue;
        }
        let had = had(&act.payload);
        // Free by what the plant had, of the whole hold or of a package that was emptied.
        if [act.released, act.left].into_iter().flatten().any(|free| had.has(free)) {
            continue;
        }
        // Whoever placed it had it, whatever reference data came.
        let has = act.own || act.told.is_some_and(|told| had.has(told));
        // The clocks of plants and of the office differ: by them nothing is left out.
        let beside = since == Since::Doubtful || act.occurred_at < act.placed_at || act.over;
        let class = acts::class(has, beside, act.overridden);
        listed.push((act, class, had));
    }
    let fresh = store::list(tx, &listed).await?;
    let mut worst: BTreeMap<(Uuid, Class), (String, BTreeSet<String>, usize)> = BTreeMap::new();
    for (at, (act, class, had)) in listed.iter().enumerate() {
        let Some(kind) = class.exception().filter(|_| fresh.contains(&at)) else { continue };
        openings.push(opening(tenant, kind, act, *had));
        if kind == super::GAP {
            gaps.push((act.hold_id, act.stamp));
        }
        let entry = worst.entry((act.hold_id, *class)).or_default();
        entry.0.clone_from(&act.reason);
        entry.1.insert(act.plant.clone());
        entry.2 += 1;
    }
    write::exceptions_open(tx, openings).await?;
    write::exceptions_joined(tx, &gaps).await?;
    for ((hold_id, class), (reason, plants, count)) in worst {
        let kind = if class == Class::Violated { &HOLD_VIOLATED } else { &HOLD_GAP };
        let told = notice(tx, hold_id, &reason, count).await?.at(plants.into_iter().collect());
        notify::tell(tx, kind, &told, now).await?;
    }
    Ok(fresh.len())
}

/// What the plant had, as its event says; nothing of one from before it said so.
fn had(payload: &[u8]) -> Version {
    let event = proto::v1::Event::decode(payload).unwrap_or_default();
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Version { generation: number(event.reference_generation), version: number(event.reference_version) }
}

fn role(number: i16) -> Role {
    Role::try_from(i32::from(number)).unwrap_or(Role::Unspecified)
}

fn opening(tenant: Option<TenantCode>, kind: &str, act: &Act, had: Version) -> Opening {
    let Stamp { agent, epoch, seq } = act.stamp;
    Opening {
        kind: kind.into(),
        fingerprint: format!("{}:{}:{agent}/{epoch}/{seq}", act.hold_id, act.key),
        plant: act.plant.clone(),
        at: Some(act.stamp),
        key: Some(act.key),
        document: act.document.clone(),
        detail: json!({
            "uid": tenant.map(|tenant| uid_text(tenant, act.key)),
            "hold": act.hold_id,
            "reason": act.reason,
            "fact": {
                "event_id": act.event_id,
                "agent": agent,
                "epoch": epoch,
                "seq": seq.to_string(),
                "stage": names::stage(act.stage).as_str_name(),
                "plant": act.plant,
                "station": act.station,
                "operator": act.operator,
                "overridden_by": act.overridden_by,
                "reference": act.document,
                "occurred_at": names::timestamp(act.occurred_at),
            },
            "placed_at": names::timestamp(act.placed_at),
            "had_version": had.version.to_string(),
            "told_version": act.told.map(|told| told.version.to_string()),
        }),
    }
}
