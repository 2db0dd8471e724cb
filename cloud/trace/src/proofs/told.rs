//! What plants are told, at the end of a round: a row that was changed behind the
//! application's back would turn a station green, or red, and no event shows it.
//!
//! Of masters, orders and people the audit has what was published last; of holds the hold and
//! its members say it, which are compared with the events before. A row of which the audit
//! has nothing, from before it was kept or from a tenant that was moved, is not judged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::reference;
use serde_json::Value;
use sqlx::Error;
use uuid::Uuid;

use super::compare::{Difference, MOST};
use super::{ProofError, altered, store};

/// Rows that one step looks at.
const PAGE: i64 = 100;
/// Holds of which a row is gone that are told of in a round.
const MOST_GONE: usize = 100;

/// A row that is not what was published.
#[derive(Debug, Clone)]
pub(super) struct WrongRow {
    /// item, hold, operator, …
    pub kind: String,
    /// Unique within the kind.
    pub id: String,
    /// The plant that is told; empty for all.
    pub plant: String,
    /// What differs.
    pub differs: Vec<Difference>,
}

/// A row as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    kind: String,
    id: String,
    plant: String,
    body: Value,
    deleted: bool,
}

/// What the audit, or the hold, says of a row.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    /// Nobody knows.
    Nothing,
    /// It was withdrawn last.
    Gone,
    /// It was published last with this body, but for what the audit does not keep.
    Body(Value),
    /// No such hold was ever placed.
    NoHold,
    /// It is a part of a hold that stands; `inside` are those of its keys that are held only while
    /// something held is in them.
    Hold { reason: String, lots: Vec<Uuid>, keys: BTreeSet<i64>, inside: BTreeSet<i64> },
}

/// Looks at the next rows after one; `true` while there are more. At the last the round is
/// done.
pub(super) async fn step(tx: &mut Tx, after: &[String], now: DateTime<Utc>) -> Result<bool, ProofError> {
    let place = |at: usize| after.get(at).map_or("", String::as_str);
    let rows = page(tx, place(0), place(1), PAGE).await?;
    let last = rows.last().map(|row| vec![row.kind.clone(), row.id.clone()]);
    let whole = i64::try_from(rows.len()).is_ok_and(|length| length >= PAGE);
    if !wrong(tx, rows.clone()).await?.is_empty() {
        // Published in between: whoever publishes holds the counter until the commit.
        publishing_rests(tx).await?;
        let again = page(tx, place(0), place(1), PAGE).await?;
        let again = again
            .into_iter()
            .filter(|row| rows.iter().any(|old| (&old.kind, &old.id) == (&row.kind, &row.id)));
        for wrong in wrong(tx, again.collect()).await? {
            altered::tell_row(tx, wrong, now).await?;
        }
    }
    if let Some(last) = last.filter(|_| whole) {
        store::rows_checked(tx, &last, now).await?;
        return Ok(true);
    }
    if !gone(tx).await?.is_empty() {
        publishing_rests(tx).await?;
        let ids = gone(tx).await?;
        let holds: Vec<Uuid> = ids.iter().filter_map(|id| Some(hold_of(id)?.0)).collect();
        let known = told_of_holds(tx, &holds).await?;
        for id in ids {
            if hold_of(&id).is_some_and(|(hold, _)| known.contains(&hold)) {
                continue;
            }
            let said = Some(id.clone());
            let differs = vec![Difference { column: "reference_rows".into(), stored: None, said }];
            let wrong = WrongRow { kind: "hold".into(), id, plant: String::new(), differs };
            altered::tell_row(tx, wrong, now).await?;
        }
    }
    store::round_done(tx, now).await?;
    Ok(false)
}

/// Those of these rows that differ from what was published. What follows from a UID or a hold
/// that was told of already is no finding besides.
async fn wrong(tx: &mut Tx, rows: Vec<Stored>) -> Result<Vec<WrongRow>, Error> {
    let said = said(tx, &rows).await?;
    let mut found = Vec::new();
    for (row, said) in rows.into_iter().zip(said) {
        let differs = differences(&row, &said);
        if !differs.is_empty() {
            found.push((row, differs));
        }
    }
    if found.iter().all(|(row, _)| row.kind != "hold") {
        return Ok(found.into_iter().map(|(row, differs)| of(row, differs)).collect());
    }
    let named: Vec<Uuid> = found.iter().filter_map(|(row, _)| Some(hold_of(&row.id)?.0)).collect();
    let holds = told_of_holds(tx, &named).await?;
    let keys: Vec<i64> = found.iter().flat_map(|(_, differs)| differs).filter_map(key_of).collect();
    let keys: HashSet<i64> = told_of_keys(tx, &keys).await?.into_iter().collect();
    let mut wrong = Vec::new();
    for (row, mut differs) in found {
        if row.kind == "hold" {
            if hold_of(&row.id).is_some_and(|(hold, _)| holds.contains(&hold)) {
                continue;
            }
            differs.retain(|one| key_of(one).is_none_or(|key| !keys.contains(&key)));
        }
        differs.truncate(MOST);
        if !differs.is_empty() {
            wrong.push(of(row, differs));
        }
    }
    Ok(wrong)
}

fn of(row: Stored, differs: Vec<Difference>) -> WrongRow {
    WrongRow { kind: row.kind, id: row.id, plant: row.plant, differs }
}

/// The hold and the part of it that a row's id names. Pure.
fn hold_of(id: &str) -> Option<(Uuid, i32)> {
    match id.split_once('/') {
        Some((hold, part)) => Some((hold.parse().ok()?, part.parse().ok()?)),
        None => Some((id.parse().ok()?, 0)),
    }
}

const KEYS: &str = "body.keys";

/// The UID that a difference of a hold's row is about. Pure.
fn key_of(differs: &Difference) -> Option<i64> {
    if differs.column != KEYS {
        return None;
    }
    differs.stored.as_ref().or(differs.said.as_ref())?.parse().ok()
}

/// Everything in which a row differs from what is said of it. Pure.
fn differences(row: &Stored, said: &Said) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut differ = |column: &str, stored: Option<String>, said: Option<String>| {
        if stored != said {
            found.push(Difference { column: column.to_owned(), stored, said });
        }
    };
    let status = |deleted: bool| Some(if deleted { "withdrawn" } else { "published" }.to_owned());
    match said {
        Said::Nothing => {}
        Said::NoHold => differ("reference_rows", Some(row.id.clone()), None),
        Said::Gone => differ("deleted", status(row.deleted), status(true)),
        Said::Body(_) | Said::Hold { .. } if row.deleted => differ("deleted", status(true), status(false)),
        Said::Body(body) => {
            let stored = reference::impersonal(&row.kind, row.body.clone());
            if stored != *body {
                differ("body", Some(stored.to_string()), Some(body.to_string()));
            }
        }
        Said::Hold { reason, lots: held, keys, inside } => {
            differ("body.reason", row.body["reason"].as_str().map(str::to_owned), Some(reason.clone()));
            let lots = row.body["lots"].as_array();
            let lots: Vec<&str> = lots.into_iter().flatten().filter_map(Value::as_str).collect();
            for lot in held.iter().map(Uuid::to_string).filter(|lot| !lots.contains(&lot.as_str())) {
                differ("body.lots", None, Some(lot));
            }
            let whole = |of: &Value| -> BTreeSet<i64> {
                of.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
            };
            let stored = whole(&row.body["keys"]);
            for key in stored.difference(keys) {
                differ(KEYS, Some(key.to_string()), None);
            }
            for key in keys.difference(&stored) {
                differ(KEYS, None, Some(key.to_string()));
            }
            // A row from before plants were told it says nothing of it.
            if row.body.get("inside").is_some() {
                let (open, both) =
                    (whole(&row.body["inside"]), |key: &&i64| stored.contains(key) && keys.contains(key));
                for key in open.difference(inside).filter(both) {
                    differ("body.inside", Some(key.to_string()), None);
                }
                for key in inside.difference(&open).filter(both) {
                    differ("body.inside", None, Some(key.to_string()));
                }
            }
        }
    }
    found
}

/// What is said of each of these rows.
async fn said(tx: &mut Tx, rows: &[Stored]) -> Result<Vec<Said>, Error> {
    let others: Vec<&Stored> = rows.iter().filter(|row| row.kind != "hold").collect();
    let published = published(tx, &others).await?;
    let named: Vec<Uuid> =
        rows.iter().filter(|row| row.kind == "hold").filter_map(|row| Some(hold_of(&row.id)?.0)).collect();
    let holds = holds(tx, &named).await?;
    let standing: Vec<Uuid> = holds.iter().filter(|(_, hold)| !hold.released).map(|(id, _)| *id).collect();
    let members = members(tx, &standing, rows).await?;
    Ok(rows
        .iter()
        .map(|row| {
            if row.kind != "hold" {
                return published.get(&(row.kind.clone(), row.id.clone())).cloned().unwrap_or(Said::Nothing);
            }
            let Some((id, part)) = hold_of(&row.id) else { return Said::NoHold };
            match holds.get(&id) {
                None => Said::NoHold,
                Some(hold) if hold.released => Said::Gone,
                Some(hold) => {
                    let (keys, inside) = members.get(&(id, part)).cloned().unwrap_or_default();
                    let lots = if part == 0 { hold.lots.clone() } else { Vec::new() };
                    Said::Hold { reason: hold.reason.clone(), lots, keys, inside }
                }
            }
        })
        .collect())
}

async fn page(tx: &mut Tx, kind: &str, id: &str, limit: i64) -> Result<Vec<Stored>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Stored,
        "select kind, id, plant, body, deleted from reference_rows \
         where tenant_id = $1 and (kind, id) > ($2, $3) order by kind, id limit $4",
        tenant,
        kind,
        id,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// What the audit has of these rows last.
async fn published(tx: &mut Tx, rows: &[&Stored]) -> Result<HashMap<(String, String), Said>, Error> {
    let tenant = tx.tenant();
    let kinds: Vec<String> = rows.iter().map(|row| row.kind.clone()).collect();
    let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let found = sqlx::query!(
        r#"select u.kind as "kind!", u.id as "id!", a.action as "action!",
                  case when u.kind = 'operator' then a.after - '{badge,pin}'::text[] else a.after end as after
           from unnest($2::text[], $3::text[]) as u(kind, id)
           cross join lateral (
               select l.action, l.after from audit_log l
               where l.tenant_id = $1 and l.subject = u.kind || ':' || u.id
                 and l.action in ('reference.publish', 'reference.withdraw')
               order by l.at desc, l.audit_id desc limit 1) as a"#,
        tenant,
        &kinds,
        &ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found
        .into_iter()
        .map(|row| {
            let said = match (row.action.as_str(), row.after) {
                ("reference.publish", Some(body)) => Said::Body(body),
                ("reference.publish", None) => Said::Nothing,
                _ => Said::Gone,
            };
            ((row.kind, row.id), said)
        })
        .collect())
}

/// A hold as far as its rows show it.
struct Hold {
    released: bool,
    reason: String,
    lots: Vec<Uuid>,
}

async fn holds(tx: &mut Tx, ids: &[Uuid]) -> Result<HashMap<Uuid, Hold>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select hold_id, status = 'released' as "released!", reason, lot_id, more_lots from holds
           where tenant_id = $1 and hold_id = any($2)"#,
        tenant,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let lots = row.lot_id.into_iter().chain(row.more_lots).collect();
            (row.hold_id, Hold { released: row.released, reason: row.reason, lots })
        })
        .collect())
}

/// Keys under a hold, and those of them that are held only while something held is in them.
type Members = (BTreeSet<i64>, BTreeSet<i64>);

/// Who is under these holds, by the parts that the rows are.
async fn members(
    tx: &mut Tx,
    standing: &[Uuid],
    rows: &[Stored],
) -> Result<HashMap<(Uuid, i32), Members>, Error> {
    let tenant = tx.tenant();
    let parts: Vec<(Uuid, i32)> = rows
        .iter()
        .filter(|row| row.kind == "hold" && !row.deleted)
        .filter_map(|row| hold_of(&row.id))
        .filter(|(hold, _)| standing.contains(hold))
        .collect();
    let mut of: BTreeMap<Uuid, Vec<i32>> = BTreeMap::new();
    for (hold, part) in parts {
        of.entry(hold).or_default().push(part);
    }
    let mut found: HashMap<(Uuid, i32), Members> = HashMap::new();
    for (hold, parts) in of {
        let rows = sqlx::query!(
            "select part, key, cause in ('inside', 'kept') as \"inside!\" from hold_members \
             where tenant_id = $1 and hold_id = $2 and part = any($3) and left_at is null",
            tenant,
            hold,
            &parts,
        )
        .fetch_all(tx.conn())
        .await?;
        for row in rows {
            let of = found.entry((hold, row.part)).or_default();
            of.0.insert(row.key);
            if row.inside {
                of.1.insert(row.key);
            }
        }
    }
    Ok(found)
}

/// Rows of holds that stand which are not there, the first [`MOST_GONE`].
async fn gone(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let (mut found, mut after) = (Vec::new(), Uuid::nil());
    while found.len() < MOST_GONE {
        let parts = parts_after(tx, after, PAGE).await?;
        let Some(last) = parts.last() else { break };
        after = last.hold_id;
        found.extend(parts.into_iter().filter(|part| !part.there).map(|part| part.id));
    }
    found.truncate(MOST_GONE);
    Ok(found)
}

/// A part of a hold, and whether plants are told of it.
struct PartRow {
    hold_id: Uuid,
    id: String,
    there: bool,
}

/// The parts of the next holds that stand.
async fn parts_after(tx: &mut Tx, after: Uuid, limit: i64) -> Result<Vec<PartRow>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        PartRow,
        r#"select w.hold_id as "hold_id!", w.id as "id!",
                  exists (select from reference_rows r
                          where r.tenant_id = $1 and r.kind = 'hold' and r.id = w.id) as "there!"
           from (select h.hold_id, h.hold_id::text || case when p.part = 0 then '' else '/' || p.part end as id
                 from (select hold_id, parts from holds
                       where tenant_id = $1 and status = 'placed' and hold_id > $2
                       order by hold_id limit $3) as h
                 cross join lateral generate_series(0, greatest(h.parts, 1) - 1) as p(part)) as w
           order by w.hold_id, w.id"#,
        tenant,
        after,
        limit,
    )
    .fetch_all(tx.conn())
    .await
}

/// Nothing is published from here to the end of the transaction.
async fn publishing_rests(tx: &mut Tx) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!("select 1 as one from tenant_counters where tenant_id = $1 for update", tenant,)
        .fetch_optional(tx.conn())
        .await?;
    Ok(())
}

/// Those of these holds that were told of as altered, and are so still.
async fn told_of_holds(tx: &mut Tx, holds: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_scalar!(
        r#"select u.hold as "hold!" from unnest($2::uuid[]) as u(hold)
           where exists (select from exceptions x
                         where x.tenant_id = $1 and x.kind = 'proof.altered'
                           and x.fingerprint > 'hold:' || u.hold::text || ':'
                           and x.fingerprint < 'hold:' || u.hold::text || ';'
                           and x.status in ('open', 'assigned'))"#,
        tenant,
        holds,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(found.into_iter().collect())
}

/// Those of these UIDs that were told of as altered, and are so still.
async fn told_of_keys(tx: &mut Tx, keys: &[i64]) -> Result<Vec<i64>, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select distinct key as "key!" from exceptions
           where tenant_id = $1 and key = any($2) and key is not null and status in ('open', 'assigned')
             and kind = 'proof.altered'"#,
        tenant,
        keys,
    )
    .fetch_all(tx.conn())
    .await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(kind: &str, body: Value) -> Stored {
        Stored {
            kind: kind.into(),
            id: Uuid::from_u128(1).to_string(),
            plant: String::new(),
            body,
            deleted: false,
        }
    }

    fn columns(row: &Stored, said: &Said) -> Vec<String> {
        differences(row, said).into_iter().map(|one| one.column).collect()
    }

    #[test]
    fn a_row_is_what_was_published_last() {
        let item = row("item", json!({ "item": "BOLT", "name": "Bolt" }));
        assert_eq!(columns(&item, &Said::Body(item.body.clone())), [""; 0]);
        assert_eq!(columns(&item, &Said::Nothing), [""; 0]);
        assert_eq!(columns(&item, &Said::Body(json!({ "item": "BOLT", "name": "Nut" }))), ["body"]);
        assert_eq!(columns(&item, &Said::Gone), ["deleted"]);
        let gone = Stored { deleted: true, ..item.clone() };
        assert_eq!(columns(&gone, &Said::Body(item.body.clone())), ["deleted"]);
        assert_eq!(columns(&gone, &Said::Gone), [""; 0], "what it was before says nothing");
        // What opens a station and who somebody is the audit does not keep.
        let person = row("operator", json!({ "operator": "op-1", "name": "Raj", "pin_hash": "x" }));
        assert_eq!(columns(&person, &Said::Body(json!({ "operator": "op-1" }))), [""; 0]);
    }

    #[test]
    fn a_row_of_a_hold_is_its_members() {
        let lot = Uuid::from_u128(7);
        let hold = row("hold", json!({ "reason": "cracks", "keys": [1, 2], "lots": [lot] }));
        let said = |keys: &[i64]| Said::Hold {
            reason: "cracks".into(),
            lots: vec![lot],
            keys: keys.iter().copied().collect(),
            inside: BTreeSet::from([2]),
        };
        assert_eq!(columns(&hold, &said(&[1, 2])), [""; 0]);
        let told = differences(&hold, &said(&[1, 3]));
        assert_eq!(told.iter().map(key_of).collect::<Vec<_>>(), [Some(2), Some(3)]);
        let other = row("hold", json!({ "reason": "dents", "keys": [1, 2], "lots": [] }));
        assert_eq!(columns(&other, &said(&[1, 2])), ["body.reason", "body.lots"]);
        assert_eq!(columns(&other, &Said::NoHold), ["reference_rows"]);
        // Whether what else is in a package may be taken out.
        let open = |inside: &[i64]| {
            row("hold", json!({ "reason": "cracks", "keys": [1, 2], "lots": [lot], "inside": inside }))
        };
        assert_eq!(columns(&open(&[2]), &said(&[1, 2])), [""; 0]);
        assert_eq!(columns(&open(&[1]), &said(&[1, 2])), ["body.inside", "body.inside"]);
        assert_eq!(columns(&open(&[2]), &said(&[1])), ["body.keys"], "once is enough");
        assert_eq!(hold_of(&format!("{lot}/12")), Some((lot, 12)));
        assert_eq!(hold_of("lot"), None);
    }
}
