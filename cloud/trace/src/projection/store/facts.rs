//! Facts of UIDs, of what they were inside of, and their corrections.
//!
//! What is read is bounded, so that a rack that is filled a hundred times a day
//! costs the same after years:
//! * of a UID itself, at each agent, its birth and its newest [`MOST_OWN`] facts,
//!   of those in which it is the whole (things put into it, or taken out)
//!   the newest [`MOST_AS_WHOLE`];
//! * of what it was inside of, only what moved that while it was inside, give or
//!   take [`SLACK`], and the last [`MOST_BEFORE`] times that this was itself put
//!   into something before.
//!
//! Beyond the bounds older facts have no part in the state of the UID: it rests
//! on its birth and on the newest ones. The facts themselves are never touched,
//! and the trace shows them all.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use platform::db::Tx;
use proto::v1::{Action, Outcome, Role};
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use crate::explore::names;
use crate::explore::order::Stamp;
use crate::projection::fact::{Fact, Part};
use crate::projection::fold::{Born, CARRY, Held};

/// Most facts of one UID at one agent.
pub const MOST_OWN: i64 = 10_000;
/// Most facts of one UID at one agent in which it is the whole.
pub const MOST_AS_WHOLE: i64 = 500;
/// Most facts of what UIDs are inside of that one load reads.
pub const MOST_AROUND: i64 = 200_000;
/// How many times before that something was put into something else.
pub const MOST_BEFORE: usize = 8;
/// By how much the clocks of two agents may differ.
pub const SLACK: Duration = Duration::days(1);

/// From when until when; open where nothing is told.
pub type Window = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// Facts by the UID that they name.
#[derive(Debug, Default)]
pub struct Facts {
    by_stamp: HashMap<Stamp, Arc<Fact>>,
    by_key: HashMap<i64, BTreeSet<Stamp>>,
    corrections: HashMap<Uuid, Vec<Stamp>>,
}

impl Facts {
    /// A fact by its identity.
    #[must_use]
    pub fn get(&self, stamp: Stamp) -> Option<&Arc<Fact>> {
        self.by_stamp.get(&stamp)
    }

    /// Facts that name `key` itself.
    pub fn own(&self, key: i64) -> impl Iterator<Item = &Arc<Fact>> {
        self.by_key.get(&key).into_iter().flatten().filter_map(|stamp| self.by_stamp.get(stamp))
    }

    /// Facts that name `key` itself, and their corrections.
    #[must_use]
    pub fn told(&self, key: i64) -> Vec<Arc<Fact>> {
        let (mut seen, mut facts) = (HashSet::new(), Vec::new());
        for fact in self.own(key) {
            self.add(fact.stamp, &mut seen, &mut facts);
        }
        facts
    }

    /// All facts that the fold of `key` needs. The same ones whatever else was
    /// loaded along with them.
    #[must_use]
    pub fn concerning(&self, key: i64) -> Vec<Arc<Fact>> {
        let (mut seen, mut facts) = (HashSet::new(), Vec::new());
        for fact in self.own(key) {
            self.add(fact.stamp, &mut seen, &mut facts);
        }
        let mut around = self.around(key, &self.own(key).collect::<Vec<_>>(), (None, None));
        let mut known: HashSet<(i64, Window)> = HashSet::new();
        while let Some((whole, window)) = around.pop() {
            if whole == key || !known.insert((whole, window)) || known.len() > MOST_AROUND_ONE {
                continue;
            }
            let moved = self.moved(whole, window);
            around.extend(self.around(whole, &moved, window));
            for fact in moved {
                self.add(fact.stamp, &mut seen, &mut facts);
            }
        }
        facts
    }

    fn add(&self, stamp: Stamp, seen: &mut HashSet<Stamp>, facts: &mut Vec<Arc<Fact>>) {
        let mut open = vec![stamp];
        while let Some(stamp) = open.pop() {
            if let Some(fact) = self.by_stamp.get(&stamp)
                && seen.insert(stamp)
            {
                facts.push(fact.clone());
                open.extend(self.corrections.get(&fact.event_id).into_iter().flatten());
            }
        }
    }

    /// What moved `whole` in a window, and into what it was put before.
    fn moved(&self, whole: i64, window: Window) -> Vec<&Arc<Fact>> {
        let mut own: Vec<&Arc<Fact>> = self.own(whole).filter(|fact| moves(fact, whole)).collect();
        own.sort_by_key(|fact| (fact.occurred_at, fact.stamp));
        own.dedup_by_key(|fact| fact.stamp);
        let from = own.partition_point(|fact| window.0.is_some_and(|from| fact.occurred_at < from));
        let to = own.partition_point(|fact| window.1.is_none_or(|to| fact.occurred_at <= to)).max(from);
        let before = own[..from].iter().rev().filter(|fact| is_child(fact, whole)).take(MOST_BEFORE);
        before.chain(&own[from..to]).copied().collect()
    }

    /// What `key` is inside of by these of its facts, and when, within a window.
    fn around(&self, key: i64, own: &[&Arc<Fact>], within: Window) -> Vec<(i64, Window)> {
        let mut stays: HashMap<i64, Vec<&Arc<Fact>>> = HashMap::new();
        for fact in own {
            if let Some(whole) = fact.parent_of(key) {
                stays.entry(whole).or_default().push(fact);
            }
        }
        let mut found = Vec::new();
        for (whole, mut facts) in stays {
            facts.sort_by_key(|fact| (fact.occurred_at, fact.stamp));
            let mut joined: Option<DateTime<Utc>> = None;
            for fact in facts {
                if fact.action != Action::Delete {
                    joined = joined.or(Some(fact.occurred_at));
                } else if let Some(from) = joined.take() {
                    found.push((whole, cut(from, Some(fact.occurred_at), within)));
                }
            }
            if let Some(from) = joined {
                found.push((whole, cut(from, None, within)));
            }
        }
        found.sort_unstable();
        found
    }
}

/// Most stays in something that the fold of one UID looks at.
const MOST_AROUND_ONE: usize = 10_000;

/// A stay with its slack, as far as it lies within a window.
fn cut(from: DateTime<Utc>, to: Option<DateTime<Utc>>, within: Window) -> Window {
    let from = from.checked_sub_signed(SLACK).unwrap_or(from);
    let to = to.map(|to| to.checked_add_signed(SLACK).unwrap_or(to));
    let to = match (to, within.1) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    (Some(within.0.map_or(from, |low| low.max(from))), to)
}

/// Whether a fact moves `whole`, or puts it into something.
fn moves(fact: &Fact, whole: i64) -> bool {
    CARRY.contains(&fact.stage)
        && fact
            .parts_of(whole)
            .any(|part| matches!(part.role, Role::Unspecified | Role::Subject | Role::Child))
}

fn is_child(fact: &Fact, whole: i64) -> bool {
    fact.parts_of(whole).any(|part| part.role == Role::Child)
}

struct EventRow {
    agent_id: Uuid,
    epoch: i32,
    seq: i64,
    event_id: Uuid,
    stage: i16,
    action: i16,
    occurred_at: DateTime<Utc>,
    plant: String,
    station: String,
    operator_id: String,
    location: String,
    operation: String,
    outcome: i16,
    reason: String,
    overridden_by: String,
    corrects: Option<Uuid>,
    reference_type: String,
    reference_number: String,
    documents: Vec<String>,
    order_number: String,
    to_plant: String,
    accepted_quantity: Option<Decimal>,
    rejected_quantity: Option<Decimal>,
}

struct PartRow {
    agent_id: Uuid,
    epoch: i32,
    seq: i64,
    key: i64,
    role: i16,
    quantity: Option<Decimal>,
    unit: String,
    mint: bool,
    item: String,
    lot_id: Option<Uuid>,
}

/// Loads the facts of these UIDs and of what they were inside of.
pub async fn load(tx: &mut Tx, keys: &[i64]) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    let rows = own_rows(tx, keys).await?;
    let fresh = take(tx, &mut facts, rows, keys).await?;
    corrections(tx, &mut facts, fresh).await?;
    let mut known: HashSet<(i64, Window)> = HashSet::new();
    let mut open: Vec<(i64, Window)> = keys
        .iter()
        .flat_map(|&key| facts.around(key, &facts.own(key).collect::<Vec<_>>(), (None, None)))
        .collect();
    // Thirty-two nested packages are beyond any real thing.
    for _ in 0..32 {
        open.retain(|stay| known.insert(*stay));
        if open.is_empty() {
            break;
        }
        let wholes: Vec<i64> = open.iter().map(|stay| stay.0).collect::<HashSet<_>>().into_iter().collect();
        let rows = around_rows(tx, &merged(&open)).await?;
        let fresh = take(tx, &mut facts, rows, &wholes).await?;
        corrections(tx, &mut facts, fresh).await?;
        open = open
            .iter()
            .flat_map(|&(whole, window)| facts.around(whole, &facts.moved(whole, window), window))
            .collect();
    }
    Ok(facts)
}

/// Windows of each whole, those that overlap as one.
fn merged(stays: &[(i64, Window)]) -> Vec<(i64, Window)> {
    let mut stays = stays.to_vec();
    stays.sort_unstable();
    let mut merged: Vec<(i64, Window)> = Vec::new();
    for (whole, (from, to)) in stays {
        match merged.last_mut() {
            Some((last, (_, until))) if *last == whole && until.is_none_or(|until| from <= Some(until)) => {
                *until = until.and_then(|until| to.map(|to| to.max(until)));
            }
            _ => merged.push((whole, (from, to))),
        }
    }
    merged
}

/// Facts that name these UIDs, within the bounds.
async fn own_rows(tx: &mut Tx, keys: &[i64]) -> Result<Vec<EventRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        EventRow,
        r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at, e.plant, e.station,
                  e.operator_id, e.location, e.operation, e.outcome, e.reason, e.overridden_by, e.corrects,
                  e.reference_type, e.reference_number, e.accepted_quantity, e.rejected_quantity,
                  case when e.stage between 25 and 35 then array(
                      select d.number from event_references d
                      where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                        and d.seq = e.seq and d.type <> 'to_plant') else '{}' end as "documents!",
                  coalesce((select d.number from event_references d
                      where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                        and d.seq = e.seq and d.type = 'prodorder' order by d.ordinal limit 1), '') as "order_number!",
                  case when e.stage = 25 then coalesce((select d.number from event_references d
                      where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                        and d.seq = e.seq and d.type = 'to_plant' limit 1), '') else '' end as "to_plant!"
           from (select s.agent_id, s.epoch, s.seq
                 from (select s.agent_id, s.epoch, s.seq, s.role,
                              row_number() over (partition by s.key, s.agent_id, s.role = 4
                                                 order by s.epoch desc, s.seq desc) as nth
                       from event_subjects s where s.tenant_id = $1 and s.key = any($2)) s
                 where s.nth <= case when s.role = 4 then $4::bigint else $3::bigint end
                 union
                 select born_agent, born_epoch, born_seq from uid_registry
                 where tenant_id = $1 and key = any($2)) s
           join lifecycle_events e
             on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq"#,
        tenant,
        keys,
        MOST_OWN,
        MOST_AS_WHOLE,
    )
    .fetch_all(tx.conn())
    .await
}

/// Facts that moved these in their windows, and the last ones before that put
/// them into something.
async fn around_rows(tx: &mut Tx, stays: &[(i64, Window)]) -> Result<Vec<EventRow>, Error> {
    let tenant = tx.tenant();
    let keys: Vec<i64> = stays.iter().map(|stay| stay.0).collect();
    let lows: Vec<Option<DateTime<Utc>>> = stays.iter().map(|stay| stay.1.0).collect();
    let highs: Vec<Option<DateTime<Utc>>> = stays.iter().map(|stay| stay.1.1).collect();
    let stages = CARRY.map(|stage| stage as i16);
    let before = i64::try_from(MOST_BEFORE).unwrap_or(i64::MAX);
    let rows = sqlx::query_as!(
        EventRow,
        r#"with stays as (
               select * from unnest($2::bigint[], $3::timestamptz[], $4::timestamptz[]) as w(key, low, high))
           select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at, e.plant, e.station,
                  e.operator_id, e.location, e.operation, e.outcome, e.reason, e.overridden_by, e.corrects,
                  e.reference_type, e.reference_number, e.accepted_quantity, e.rejected_quantity,
                  case when e.stage between 25 and 35 then array(
                      select d.number from event_references d
                      where d.tenant_id = $1 and d.agent_id = e.agent_id and d.epoch = e.epoch
                        and d.seq = e.seq and d.type <> 'to_plant') else '{}' end as "documents!",
                  '' as "order_number!", '' as "to_plant!"
           from (select distinct s.agent_id, s.epoch, s.seq
                 from (select s.agent_id, s.epoch, s.seq, s.role, coalesce(i.occurred_at < w.low, false) as early,
                              coalesce(i.occurred_at > w.high, false) as late,
                              row_number() over (
                                  partition by w.key, w.low, w.high, s.role = 5, i.occurred_at < w.low
                                  order by i.occurred_at desc, s.agent_id desc, s.epoch desc, s.seq desc) as nth
                       from stays w
                       join event_subjects s on s.tenant_id = $1 and s.key = w.key and s.role in (0, 1, 5)
                       join lifecycle_events i on i.tenant_id = $1 and i.agent_id = s.agent_id
                           and i.epoch = s.epoch and i.seq = s.seq and i.stage = any($5)) s
                 where case when s.early then s.role = 5 and s.nth <= $6::bigint else not s.late end) s
           join lifecycle_events e
             on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq
           order by e.occurred_at desc limit $7"#,
        tenant,
        &keys,
        lows as _,
        highs as _,
        &stages,
        before,
        MOST_AROUND,
    )
    .fetch_all(tx.conn())
    .await?;
    if i64::try_from(rows.len()).is_ok_and(|length| length >= MOST_AROUND) {
        tracing::warn!(%tenant, "more than {MOST_AROUND} facts around a set of labels: the oldest have no part");
    }
    Ok(rows)
}

/// Adds these facts, of `keys`; answers the event ids that are new.
async fn take(tx: &mut Tx, facts: &mut Facts, rows: Vec<EventRow>, keys: &[i64]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    let mut agents = Vec::with_capacity(rows.len());
    let mut epochs = Vec::with_capacity(rows.len());
    let mut seqs = Vec::with_capacity(rows.len());
    for row in &rows {
        agents.push(row.agent_id);
        epochs.push(row.epoch);
        seqs.push(row.seq);
    }
    // The parts of these UIDs, the wholes and the inputs; not the thousand siblings.
    let parts = sqlx::query_as!(
        PartRow,
        r#"select s.agent_id, s.epoch, s.seq, s.key, s.role, s.quantity, s.unit, s.mint, s.item, s.lot_id
           from unnest($2::uuid[], $3::integer[], $4::bigint[]) as e(agent_id, epoch, seq)
           join event_subjects s on s.tenant_id = $1 and s.agent_id = e.agent_id and s.epoch = e.epoch
               and s.seq = e.seq
           where s.key = any($5) or s.role in (1, 2, 4)
           order by s.agent_id, s.epoch, s.seq, s.ordinal"#,
        tenant,
        &agents,
        &epochs,
        &seqs,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut by_event: HashMap<Stamp, Vec<Part>> = HashMap::new();
    for row in parts {
        let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
        by_event.entry(stamp).or_default().push(Part {
            key: row.key,
            role: Role::try_from(i32::from(row.role)).unwrap_or(Role::Unspecified),
            quantity: row.quantity,
            unit: row.unit,
            mint: row.mint,
            item: row.item,
            lot: row.lot_id,
        });
    }
    let wanted: HashSet<i64> = keys.iter().copied().collect();
    let mut fresh = Vec::new();
    for row in rows {
        let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
        let mut parts = by_event.remove(&stamp).unwrap_or_default();
        let event_id = row.event_id;
        // Loaded before for other UIDs: their parts stay.
        match facts.by_stamp.get(&stamp) {
            Some(before) => {
                for part in &before.parts {
                    if !parts.iter().any(|other| other.key == part.key && other.role == part.role) {
                        parts.push(part.clone());
                    }
                }
            }
            None => fresh.push(event_id),
        }
        let mut fact = fact(row, parts);
        // What is around needs no order; a fact of a UID itself does.
        if let Some(before) = facts.by_stamp.get(&stamp)
            && fact.order.is_empty()
        {
            fact.order.clone_from(&before.order);
            fact.to_plant.clone_from(&before.to_plant);
        }
        for key in
            fact.parts.iter().map(|part| part.key).filter(|key| wanted.contains(key)).collect::<HashSet<_>>()
        {
            facts.by_key.entry(key).or_default().insert(stamp);
        }
        facts.by_stamp.insert(stamp, Arc::new(fact));
    }
    Ok(fresh)
}

/// Adds the corrections of these events, and the corrections of those.
async fn corrections(tx: &mut Tx, facts: &mut Facts, mut events: Vec<Uuid>) -> Result<(), Error> {
    let tenant = tx.tenant();
    for _ in 0..16 {
        if events.is_empty() {
            break;
        }
        let rows = sqlx::query_as!(
            EventRow,
            r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at, e.plant, e.station,
                      e.operator_id, e.location, e.operation, e.outcome, e.reason, e.overridden_by, e.corrects,
                      e.reference_type, e.reference_number, e.accepted_quantity, e.rejected_quantity,
                      '{}'::text[] as "documents!", '' as "order_number!", '' as "to_plant!"
               from lifecycle_events e
               where e.tenant_id = $1 and e.corrects = any($2)"#,
            tenant,
            &events,
        )
        .fetch_all(tx.conn())
        .await?;
        events = Vec::new();
        for row in rows {
            let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
            if let Some(target) = row.corrects {
                let list = facts.corrections.entry(target).or_default();
                if !list.contains(&stamp) {
                    list.push(stamp);
                }
            }
            if let Entry::Vacant(slot) = facts.by_stamp.entry(stamp) {
                events.push(row.event_id);
                slot.insert(Arc::new(fact(row, Vec::new())));
            }
        }
    }
    Ok(())
}

fn fact(row: EventRow, parts: Vec<Part>) -> Fact {
    let stamp = Stamp { agent: row.agent_id, epoch: row.epoch, seq: row.seq };
    let (stage, action) = (names::stage(row.stage), names::action(row.action));
    let mut fact = Fact::new(stamp, row.event_id, stage, action, row.occurred_at);
    fact.plant = row.plant;
    fact.location = row.location;
    fact.operator = row.operator_id;
    fact.station = row.station;
    fact.outcome = Outcome::try_from(i32::from(row.outcome)).unwrap_or(Outcome::Unspecified);
    fact.operation = row.operation;
    fact.reason = row.reason;
    fact.overridden_by = row.overridden_by;
    fact.corrects = row.corrects;
    fact.reference = (row.reference_type, row.reference_number);
    fact.documents = row.documents;
    fact.order = row.order_number;
    fact.to_plant = row.to_plant;
    fact.accepted = row.accepted_quantity;
    fact.rejected = row.rejected_quantity;
    fact.parts = parts;
    fact.indexed()
}

/// What is known of these UIDs from their births.
pub async fn born(tx: &mut Tx, keys: &[i64]) -> Result<HashMap<i64, Born>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select key, item, lot_id, container from uid_registry where tenant_id = $1 and key = any($2)",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let born = Born { item: row.item, lot: row.lot_id, container: row.container, ..Born::default() };
            (row.key, born)
        })
        .collect())
}

/// When these UIDs were under a hold.
pub async fn held(tx: &mut Tx, keys: &[i64]) -> Result<HashMap<i64, Vec<Held>>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        "select m.key, h.hold_id, greatest(h.placed_at, m.added_at) as \"from!\", \
                least(h.released_at, m.left_at) as until \
         from hold_members m join holds h on h.tenant_id = m.tenant_id and h.hold_id = m.hold_id \
         where m.tenant_id = $1 and m.key = any($2) order by m.key, h.placed_at, h.hold_id",
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut held: HashMap<i64, Vec<Held>> = HashMap::new();
    for row in rows {
        held.entry(row.key).or_default().push(Held {
            hold_id: row.hold_id,
            from: row.from,
            until: row.until,
        });
    }
    Ok(held)
}
