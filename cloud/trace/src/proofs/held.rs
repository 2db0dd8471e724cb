//! Holds as rows, at the end of a round: a hold of a lot may have no label at all, so that no
//! UID shows it.
//!
//! What was asked for is told by the audit of who placed the hold, of a recall's by the
//! recall; that it was placed and released by the facts of the office, or of its plant.

use std::collections::{BTreeMap, HashMap, HashSet};

use platform::db::Tx;
use prost::Message;
use proto::v1::Stage;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::ProofError;
use super::compare::Difference;

/// Holds that are looked at together.
const PAGE: i64 = 200;
/// Facts of one hold that are looked at: they name up to thousands of labels each.
const MOST_FACTS: i64 = 50;

/// A hold whose row is not what was told of it.
#[derive(Debug, Clone)]
pub(super) struct WrongHold {
    /// The hold.
    pub hold_id: Uuid,
    /// Its reason, as it stands.
    pub reason: String,
    /// What differs.
    pub differs: Vec<Difference>,
}

/// The row of a hold.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    hold_id: Uuid,
    reason: String,
    scope: Value,
    released: bool,
    lot_id: Option<Uuid>,
    deliveries: bool,
    /// Further lots that are none of the same supplier's lot.
    strangers: Vec<Uuid>,
    placed: Option<(Uuid, i32, i64)>,
}

/// What was told of a hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    /// A fact places it.
    placed: bool,
    /// A fact releases it as a whole; `None`: too many to say.
    released: Option<bool>,
    /// What was asked for, by the audit.
    scope: Option<Value>,
    /// The lot that its recall reaches whole, where it is the first hold of one, and whether
    /// with all deliveries of it.
    of_recall: Option<(Uuid, bool)>,
}

/// Looks at all holds.
pub(super) async fn look(tx: &mut Tx) -> Result<Vec<WrongHold>, ProofError> {
    let (mut found, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let page = page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = *last;
        let stored = rows(tx, &page).await?;
        for wrong in wrong(tx, stored).await? {
            // Placed or released in between: read again, and nobody changes it meanwhile.
            lock(tx, wrong.hold_id).await?;
            let again = rows(tx, &[wrong.hold_id]).await?;
            found.extend(self::wrong(tx, again).await?);
        }
    }
}

async fn wrong(tx: &mut Tx, rows: Vec<Row>) -> Result<Vec<WrongHold>, Error> {
    let told = told(tx, &rows).await?;
    let none = Told::default();
    let wrong = rows.into_iter().filter_map(|row| {
        let differs = differences(&row, told.get(&row.hold_id).unwrap_or(&none));
        (!differs.is_empty()).then_some(WrongHold { hold_id: row.hold_id, reason: row.reason, differs })
    });
    Ok(wrong.collect())
}

/// Everything in which a row differs from what was told of it. Pure.
fn differences(row: &Row, told: &Told) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |column: &str, stored: Option<String>, said: Option<String>| {
        if stored != said {
            found.push(Difference { column: column.to_owned(), stored, said });
        }
    };
    let status = |released: bool| Some(if released { "released" } else { "placed" }.to_owned());
    if !told.placed {
        differ("holds", Some(row.hold_id.to_string()), None);
        return found;
    }
    if let Some(released) = told.released.filter(|_| row.placed.is_none()) {
        differ("holds.status", status(row.released), status(released));
    }
    if row.placed.is_some() {
        // A plant's is on the one label that its event names.
        differ("holds.lot_id", row.lot_id.map(|lot| lot.to_string()), None);
        return found;
    }
    let Some(scope) = &told.scope else { return found };
    if row.scope != *scope {
        differ("holds.scope", Some(row.scope.to_string()), Some(scope.to_string()));
    }
    let lot = match scope["what"].as_str() {
        Some("lot") => {
            let lot = scope["lot"].as_str().and_then(|lot| lot.parse().ok());
            lot.map(|lot| (lot, scope["deliveries"] == true))
        }
        Some("recall") => told.of_recall,
        // What a plant still had after a restore is told by nothing but its fact.
        Some("recovered") => return found,
        _ => None,
    };
    let text = |lot: Option<Uuid>| lot.map(|lot| lot.to_string());
    differ("holds.lot_id", text(row.lot_id), text(lot.map(|(lot, _)| lot)));
    let all = lot.is_some_and(|(_, all)| all);
    differ("holds.deliveries", Some(row.deliveries.to_string()), Some(all.to_string()));
    for lot in &row.strangers {
        differ("holds.more_lots", Some(lot.to_string()), None);
    }
    found
}

struct Stored {
    hold_id: Uuid,
    reason: String,
    scope: Value,
    released: bool,
    lot_id: Option<Uuid>,
    deliveries: bool,
    strangers: Vec<Uuid>,
    placed_agent: Option<Uuid>,
    placed_epoch: Option<i32>,
    placed_seq: Option<i64>,
}

impl Stored {
    fn row(self) -> Row {
        let Self { hold_id, reason, scope, released, lot_id, deliveries, strangers, .. } = self;
        let (placed_epoch, placed_seq) = (self.placed_epoch, self.placed_seq);
        let placed = self
            .placed_agent
            .map(|agent| (agent, placed_epoch.unwrap_or_default(), placed_seq.unwrap_or_default()));
        Row { hold_id, reason, scope, released, lot_id, deliveries, strangers, placed }
    }
}

/// The holds after this one, in the order of their ids.
async fn page(tx: &mut Tx, after: Uuid, limit: i64) -> Result<Vec<Uuid>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select hold_id from holds where tenant_id = $1 and hold_id > $2 order by hold_id limit $3",
        tenant,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

async fn rows(tx: &mut Tx, holds: &[Uuid]) -> Result<Vec<Row>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query_as!(
        Stored,
        r#"select h.hold_id, h.reason, h.scope, h.status = 'released' as "released!", h.lot_id, h.deliveries,
                  array(select m.lot from unnest(h.more_lots) as m(lot)
                        where not h.deliveries
                           or not exists (
                               select from lots o
                               join lots l on l.tenant_id = $1 and l.lot_id = m.lot and l.item = o.item
                                   and l.supplier = o.supplier and l.supplier_lot = o.supplier_lot
                               where o.tenant_id = $1 and o.lot_id = h.lot_id)) as "strangers!: Vec<Uuid>",
                  h.placed_agent, h.placed_epoch, h.placed_seq
           from holds h where h.tenant_id = $1 and h.hold_id = any($2) order by h.hold_id"#,
        tenant,
        holds,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(Stored::row).collect())
}

async fn lock(tx: &mut Tx, hold_id: Uuid) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        "select 1 as one from holds where tenant_id = $1 and hold_id = $2 for update",
        tenant,
        hold_id,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(())
}

/// What was told of these holds.
async fn told(tx: &mut Tx, rows: &[Row]) -> Result<HashMap<Uuid, Told>, Error> {
    let mut all: HashMap<Uuid, Told> = HashMap::new();
    let office: Vec<Uuid> = rows.iter().filter(|row| row.placed.is_none()).map(|row| row.hold_id).collect();
    for (hold_id, facts) in facts(tx, &office).await? {
        let told = all.entry(hold_id).or_default();
        told.placed = facts.iter().any(|fact| fact.stage == Stage::Hold as i16);
        let whole = facts.iter().any(|fact| fact.stage == Stage::Release as i16 && fact.whole(hold_id));
        let all_seen = i64::try_from(facts.len()).is_ok_and(|count| count < MOST_FACTS);
        told.released = (whole || all_seen).then_some(whole);
    }
    for (hold_id, scope) in audited(tx, &office).await? {
        all.entry(hold_id).or_default().scope = Some(scope);
    }
    let recalls: HashSet<Uuid> =
        rows.iter().filter_map(|row| row.scope["recall"].as_str()?.parse().ok()).collect();
    for (hold_id, lot) in first_of_recalls(tx, &recalls.into_iter().collect::<Vec<_>>()).await? {
        all.entry(hold_id).or_default().of_recall = lot;
    }
    let of_plants: Vec<&Row> = rows.iter().filter(|row| row.placed.is_some()).collect();
    let standing = placing(tx, &of_plants).await?;
    for row in of_plants {
        let placed = row.placed.is_some_and(|at| standing.contains(&at));
        all.entry(row.hold_id).or_default().placed = placed;
    }
    Ok(all)
}

/// A fact of the office of a hold.
struct Fact {
    stage: i16,
    payload: Vec<u8>,
}

impl Fact {
    /// Whether it is of the whole hold, and not of what came or went with a later batch.
    fn whole(&self, hold_id: Uuid) -> bool {
        let event = proto::v1::Event::decode(self.payload.as_slice()).unwrap_or_default();
        let rest = event.input_id.strip_prefix(&format!("hold:{hold_id}:"));
        rest.is_some_and(|rest| !rest.contains(':'))
    }
}

/// The newest facts of the office that name each of these holds.
async fn facts(tx: &mut Tx, holds: &[Uuid]) -> Result<BTreeMap<Uuid, Vec<Fact>>, Error> {
    let tenant = tx.tenant();
    let numbers: Vec<String> = holds.iter().map(Uuid::to_string).collect();
    let rows = sqlx::query!(
        r#"select u.number as "number!", f.stage as "stage!", f.payload as "payload!"
           from unnest($2::text[]) as u(number)
           cross join lateral (
               (select e.stage, e.payload, e.seq
                from event_references r
                join agents a on a.tenant_id = $1 and a.agent_id = r.agent_id and a.kind = 'office'
                join lifecycle_events e on e.tenant_id = $1 and e.agent_id = r.agent_id and e.epoch = r.epoch
                    and e.seq = r.seq
                where r.tenant_id = $1 and r.number = u.number and r.type = 'hold' and e.stage in ($4, $5)
                order by e.seq desc limit $3)
               union all
               (select e.stage, e.payload, e.seq
                from event_references r
                join agents a on a.tenant_id = $1 and a.agent_id = r.agent_id and a.kind = 'office'
                join lifecycle_events e on e.tenant_id = $1 and e.agent_id = r.agent_id and e.epoch = r.epoch
                    and e.seq = r.seq
                where r.tenant_id = $1 and r.number = u.number and r.type = 'hold' and e.stage = $4
                order by e.seq limit 1)) as f"#,
        tenant,
        &numbers,
        MOST_FACTS,
        Stage::Hold as i16,
        Stage::Release as i16,
    )
    .fetch_all(tx.conn())
    .await?;
    let mut all: BTreeMap<Uuid, Vec<Fact>> = BTreeMap::new();
    for row in rows {
        if let Ok(hold_id) = row.number.parse() {
            all.entry(hold_id).or_default().push(Fact { stage: row.stage, payload: row.payload });
        }
    }
    Ok(all)
}

/// What was asked for when these holds were placed, as the audit has it.
async fn audited(tx: &mut Tx, holds: &[Uuid]) -> Result<Vec<(Uuid, Value)>, Error> {
    let tenant = tx.tenant();
    let subjects: Vec<String> = holds.iter().map(|id| format!("hold:{id}")).collect();
    let rows = sqlx::query!(
        r#"select subject, after->'scope' as "scope?" from audit_log
           where tenant_id = $1 and subject = any($2) and action = 'hold.place'"#,
        tenant,
        &subjects,
    )
    .fetch_all(tx.conn())
    .await?;
    let of = |subject: &str| subject.strip_prefix("hold:")?.parse().ok();
    Ok(rows.into_iter().filter_map(|row| Some((of(&row.subject)?, row.scope?))).collect())
}

/// The first hold of each of these recalls, and the lot that the recall reaches whole, with
/// whether all deliveries of it: that hold is on it.
async fn first_of_recalls(tx: &mut Tx, recalls: &[Uuid]) -> Result<Vec<(Uuid, Option<(Uuid, bool)>)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select h.hold_id as "hold_id!", r.lots[1] as lot,
                  coalesce(r.scope->>'deliveries' = 'true', false) as "deliveries!"
           from unnest($2::uuid[]) as u(recall)
           join recalls r on r.tenant_id = $1 and r.recall_id = u.recall
           cross join lateral (
               select hold_id from holds
               where tenant_id = $1 and scope->>'what' = 'recall' and scope->>'recall' = u.recall::text
               order by hold_id limit 1) as h"#,
        tenant,
        recalls,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.hold_id, row.lot.map(|lot| (lot, row.deliveries)))).collect())
}

/// Of the events by which plants placed holds, those that are there and place one.
async fn placing(tx: &mut Tx, rows: &[&Row]) -> Result<HashSet<(Uuid, i32, i64)>, Error> {
    let tenant = tx.tenant();
    let at: Vec<(Uuid, i32, i64)> = rows.iter().filter_map(|row| row.placed).collect();
    let agents: Vec<Uuid> = at.iter().map(|at| at.0).collect();
    let epochs: Vec<i32> = at.iter().map(|at| at.1).collect();
    let seqs: Vec<i64> = at.iter().map(|at| at.2).collect();
    let rows = sqlx::query!(
        "select e.agent_id, e.epoch, e.seq from unnest($2::uuid[], $3::integer[], $4::bigint[]) as u(agent, epoch, seq) \
         join lifecycle_events e on e.tenant_id = $1 and e.agent_id = u.agent and e.epoch = u.epoch \
             and e.seq = u.seq and e.stage = $5",
        tenant,
        &agents,
        &epochs,
        &seqs,
        Stage::Hold as i16,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.agent_id, row.epoch, row.seq)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const LOT: Uuid = Uuid::from_u128(7);

    fn row() -> Row {
        Row {
            hold_id: Uuid::from_u128(1),
            reason: "cracks".into(),
            scope: json!({ "what": "lot", "lot": LOT, "descendants": false }),
            released: false,
            lot_id: Some(LOT),
            deliveries: false,
            strangers: Vec::new(),
            placed: None,
        }
    }

    fn told() -> Told {
        Told { placed: true, released: Some(false), scope: Some(row().scope), of_recall: None }
    }

    fn columns(row: &Row, told: &Told) -> Vec<String> {
        differences(row, told).into_iter().map(|one| one.column).collect()
    }

    #[test]
    fn a_hold_is_what_was_told_of_it() {
        assert_eq!(columns(&row(), &told()), [""; 0]);
        assert_eq!(columns(&row(), &Told::default()), ["holds"], "nobody placed it");
        assert_eq!(columns(&Row { lot_id: None, ..row() }, &told()), ["holds.lot_id"]);
        assert_eq!(columns(&Row { released: true, ..row() }, &told()), ["holds.status"]);
        let other = Row { scope: json!({ "what": "lot", "lot": Uuid::nil() }), ..row() };
        assert_eq!(columns(&other, &told()), ["holds.scope"]);
        // Too many facts to say, and an audit of which nothing is there.
        let open = Told { released: None, scope: None, ..told() };
        assert_eq!(columns(&Row { released: true, ..row() }, &open), [""; 0]);
        let scope = json!({ "what": "recall", "recall": Uuid::nil() });
        let of_recall = Told { scope: Some(scope.clone()), of_recall: Some((LOT, false)), ..told() };
        assert_eq!(columns(&Row { scope: scope.clone(), ..row() }, &of_recall), [""; 0]);
        assert_eq!(columns(&Row { scope, lot_id: None, ..row() }, &of_recall), ["holds.lot_id"]);
        assert_eq!(columns(&Row { deliveries: true, ..row() }, &told()), ["holds.deliveries"]);
        assert_eq!(columns(&Row { strangers: vec![Uuid::nil()], ..row() }, &told()), ["holds.more_lots"]);
        let scope = json!({ "what": "lot", "lot": LOT, "descendants": false, "deliveries": true });
        let whole = Told { scope: Some(scope.clone()), ..told() };
        assert_eq!(columns(&Row { scope, deliveries: true, ..row() }, &whole), [""; 0]);
        let scope = json!({ "what": "recovered", "plant": "KOL" });
        let recovered = Told { scope: Some(scope.clone()), ..told() };
        assert_eq!(columns(&Row { scope, deliveries: true, ..row() }, &recovered), [""; 0]);
        let plant = Row { placed: Some((Uuid::nil(), 1, 1)), lot_id: None, ..row() };
        assert_eq!(columns(&plant, &told()), [""; 0]);
        assert_eq!(columns(&Row { lot_id: Some(LOT), ..plant }, &told()), ["holds.lot_id"]);
    }

    #[test]
    fn a_release_of_the_whole_hold_is_told_from_that_of_a_package() {
        let id = Uuid::from_u128(1);
        let fact = |input: String| {
            let event = proto::v1::Event { input_id: input, ..Default::default() };
            Fact { stage: Stage::Release as i16, payload: event.encode_to_vec() }
        };
        assert!(fact(format!("hold:{id}:0")).whole(id));
        assert!(!fact(format!("hold:{id}:17:0")).whole(id));
        assert!(!fact(String::new()).whole(id));
    }
}
