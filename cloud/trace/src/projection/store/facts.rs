//! Facts of UIDs, of what they were inside of, and their corrections.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use platform::db::Tx;
use proto::v1::{Outcome, Role};
use rust_decimal::Decimal;
use sqlx::Error;
use uuid::Uuid;

use crate::explore::names;
use crate::explore::order::Stamp;
use crate::projection::fact::{Fact, Part};
use crate::projection::fold::{Born, Held};

/// Facts by the UID that they name.
#[derive(Debug, Default)]
pub struct Facts {
    by_stamp: HashMap<Stamp, Arc<Fact>>,
    by_key: HashMap<i64, Vec<Stamp>>,
    corrections: HashMap<Uuid, Vec<Stamp>>,
    /// For each UID, what it ever was directly inside of.
    wholes: HashMap<i64, HashSet<i64>>,
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

    /// All facts that the fold of `key` needs.
    #[must_use]
    pub fn concerning(&self, key: i64) -> Vec<Arc<Fact>> {
        let mut keys = vec![key];
        let mut seen = HashSet::from([key]);
        let mut at = 0;
        while let Some(&next) = keys.get(at) {
            at += 1;
            for &whole in self.wholes.get(&next).into_iter().flatten() {
                if seen.insert(whole) {
                    keys.push(whole);
                }
            }
        }
        let mut stamps: HashSet<Stamp> = HashSet::new();
        let mut facts = Vec::new();
        for stamp in keys.iter().filter_map(|key| self.by_key.get(key)).flatten() {
            self.add(*stamp, &mut stamps, &mut facts);
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

/// Loads the facts of these UIDs and of everything they ever were inside of.
pub async fn load(tx: &mut Tx, keys: &[i64]) -> Result<Facts, Error> {
    let mut facts = Facts::default();
    let mut known: HashSet<i64> = keys.iter().copied().collect();
    let mut open: Vec<i64> = keys.to_vec();
    // Thirty-two nested packages are beyond any real thing.
    for _ in 0..32 {
        if open.is_empty() {
            break;
        }
        let fresh = of_keys(tx, &mut facts, &open).await?;
        corrections(tx, &mut facts, fresh).await?;
        open = open
            .iter()
            .filter_map(|key| facts.wholes.get(key))
            .flatten()
            .copied()
            .filter(|whole| known.insert(*whole))
            .collect();
    }
    Ok(facts)
}

/// Adds the facts that name `keys`; answers the event ids that are new.
async fn of_keys(tx: &mut Tx, facts: &mut Facts, keys: &[i64]) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        EventRow,
        r#"select e.agent_id, e.epoch, e.seq, e.event_id, e.stage, e.action, e.occurred_at, e.plant, e.station,
                  e.operator_id, e.location, e.operation, e.outcome, e.reason, e.overridden_by, e.corrects,
                  e.reference_type, e.reference_number, e.accepted_quantity,
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
           from (select distinct agent_id, epoch, seq from event_subjects
                 where tenant_id = $1 and key = any($2)) s
           join lifecycle_events e
             on e.tenant_id = $1 and e.agent_id = s.agent_id and e.epoch = s.epoch and e.seq = s.seq"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await?;
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
        let fact = fact(row, parts);
        for key in
            fact.parts.iter().map(|part| part.key).filter(|key| wanted.contains(key)).collect::<HashSet<_>>()
        {
            facts.by_key.entry(key).or_default().push(stamp);
            if let Some(whole) = fact.parent_of(key) {
                facts.wholes.entry(key).or_default().insert(whole);
            }
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
                      e.reference_type, e.reference_number, e.accepted_quantity,
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
        "select m.key, h.hold_id, greatest(h.placed_at, m.added_at) as \"from!\", h.released_at \
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
            until: row.released_at,
        });
    }
    Ok(held)
}
