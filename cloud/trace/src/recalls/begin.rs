//! Beginning and changing a recall or a drill.

use std::time::Instant;

use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::Tx;
use platform::numbering::{self, Need};
use serde_json::json;
use uuid::Uuid;

use super::error::RecallError;
use super::model::{Change, KindOf, Reach, Recall, SEVERITIES, Status, Wish};
use super::store;
use super::{approval, snapshot, snapshot::Reached};
use crate::explore::holding::one_lot;
use crate::explore::service::resolve;
use crate::explore::store::holding::{lot_of, lots_named};
use crate::genealogy::Genealogy;

/// Longest reason, in characters.
pub const LONGEST_REASON: usize = 500;
/// Longest instructions and notes, in characters.
pub const LONGEST_TEXT: usize = 2_000;

/// Whether a text that may have lines is short enough and has nothing odd in it.
fn is_text(text: &str, longest: usize) -> bool {
    text.chars().count() <= longest
        && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// What is wrong in what people type. Pure.
#[must_use]
pub fn mistakes(severity: &str, reason: &str, instructions: &str) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    if !SEVERITIES.contains(&severity) {
        wrong.push(("severity", "recalls-wrong-severity"));
    }
    if reason.is_empty() || reason.contains('\n') || !is_text(reason, LONGEST_REASON) {
        wrong.push(("reason", "recalls-wrong-reason"));
    }
    if !is_text(instructions, LONGEST_TEXT) {
        wrong.push(("instructions", "recalls-wrong-instructions"));
    }
    wrong
}

/// What a wish reaches, and its name for people.
async fn wanted(tx: &mut Tx, wish: &Wish) -> Result<(Reach, String), RecallError> {
    let descendants = wish.descendants;
    let named = [!wish.uid.trim().is_empty(), !wish.lot.trim().is_empty(), wish.scope.is_some()];
    if named.into_iter().filter(|named| *named).count() != 1 {
        return Err(RecallError::field("uid", "recalls-wrong-what"));
    }
    if let Some(scope) = wish.scope {
        let name = store::recalls::scope_name(tx, scope).await?;
        let name = name.ok_or(RecallError::field("scope", "recalls-wrong-scope"))?;
        return Ok((Reach::Scope { scope, descendants }, name));
    }
    let lot = if wish.lot.trim().is_empty() {
        let uid = resolve(tx, &wish.uid).await?.uid;
        if !wish.whole_lot {
            return Ok((Reach::Unit { uid: uid.to_string(), descendants }, uid.to_string()));
        }
        lot_of(tx, uid.key().get()).await?.ok_or(RecallError::field("uid", "recalls-wrong-no-lot"))?
    } else if let Ok(lot) = wish.lot.trim().parse::<Uuid>() {
        lot
    } else {
        let lots = lots_named(tx, wish.lot.trim(), wish.delivery_only).await?;
        one_lot(&lots).map_err(|key| RecallError::field("lot", key))?
    };
    let name = store::recalls::lot_name(tx, lot).await?;
    let name = name.ok_or(RecallError::field("lot", "recalls-wrong-lot"))?;
    let name = if name.is_empty() { lot.to_string() } else { name };
    let deliveries = !wish.delivery_only;
    Ok((Reach::Lot { lot, descendants, deliveries }, name.chars().take(200).collect()))
}

/// The company whose number it gets.
async fn company(tx: &mut Tx, wished: &str) -> Result<String, RecallError> {
    let all = store::recalls::companies(tx).await?;
    let wished = wished.trim();
    match all.as_slice() {
        [one] if wished.is_empty() => Ok(one.clone()),
        _ if all.iter().any(|code| code == wished) => Ok(wished.to_owned()),
        _ => Err(RecallError::field("company", "recalls-wrong-company")),
    }
}

/// The next number. A recall does not wait for somebody to define a series.
async fn number(
    tx: &mut Tx,
    kind: KindOf,
    company: &str,
    document: &str,
    now: DateTime<Utc>,
) -> Result<String, RecallError> {
    let need = Need::new("recall", company, now.date_naive()).document(document);
    let taken = match kind {
        KindOf::Recall => {
            numbering::begin(tx, "recall", company, "RCL", true).await?;
            numbering::take(tx, &need).await?
        }
        KindOf::Drill => {
            let series = numbering::begin(tx, "recall", company, "DRL", false).await?;
            numbering::take(tx, &need.series(&series)).await?
        }
    };
    Ok(taken.number)
}

/// Begins a recall, with its snapshot, as a draft: nothing is held and nobody is told.
/// A drill begins at once, and its clock runs. `person` is who begins it.
///
/// # Errors
/// [`RecallError`]; nothing is begun then.
pub async fn begin(
    tx: &mut Tx,
    genealogy: &Genealogy,
    wish: &Wish,
    person: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Uuid, RecallError> {
    let began = Instant::now();
    let kind = match wish.kind.as_str() {
        "" => KindOf::Recall,
        name => KindOf::parse(name).ok_or(RecallError::field("kind", "recalls-wrong-kind"))?,
    };
    let (severity, reason) = (wish.severity.trim(), wish.reason.trim());
    let instructions = wish.instructions.trim();
    let mut wrong = mistakes(severity, reason, instructions);
    let owner = wish.owner.or(person);
    if let Some(owner) = wish.owner
        && !store::recalls::person_known(tx, owner).await?
    {
        wrong.push(("owner", "recalls-wrong-owner"));
    }
    let (scope, name, reached) = match wish.of.filter(|_| kind == KindOf::Drill) {
        Some(of) => {
            let of = store::recalls::find(tx, of).await?.ok_or(RecallError::NotFound)?;
            // The copy: the very units of that recall, located anew.
            let keys = store::members::keys(tx, of.recall_id).await?;
            (of.scope, of.scope_name, Some(Reached { keys, lots: Vec::new() }))
        }
        None => match wanted(tx, wish).await {
            Ok((reach, name)) => {
                let scope = serde_json::to_value(&reach).unwrap_or_default();
                let reached =
                    if wrong.is_empty() { Some(snapshot::reach(tx, genealogy, &reach).await?) } else { None };
                (scope, name, reached)
            }
            Err(RecallError::Fields(more)) => {
                wrong.extend(more);
                Default::default()
            }
            Err(error) => return Err(error),
        },
    };
    let company = match company(tx, &wish.company).await {
        Ok(company) => company,
        Err(RecallError::Fields(more)) => {
            wrong.extend(more);
            String::new()
        }
        Err(error) => return Err(error),
    };
    let Some(reached) = reached.filter(|_| wrong.is_empty()) else {
        return Err(RecallError::Fields(wrong));
    };
    let recall_id = Uuid::now_v7();
    let subject = format!("recall:{recall_id}");
    let number = number(tx, kind, &company, &subject, now).await?;
    let status = if kind == KindOf::Drill { Status::Active } else { Status::Draft };
    let new = store::recalls::New {
        recall_id,
        kind: kind.name(),
        status: status.name(),
        company: &company,
        number: &number,
        severity,
        reason,
        instructions,
        owner,
        scope: &scope,
        scope_name: &name,
        lots: &reached.lots,
        of_recall: wish.of.filter(|_| kind == KindOf::Drill),
        target_on: wish.target_on,
        start_when_approved: wish.start_when_approved.unwrap_or(true),
        asked_by: person,
        now,
    };
    store::recalls::insert(tx, &new).await?;
    snapshot::take(tx, recall_id, &reached, began, now).await?;
    // Reason and instructions are free text: they stay with the recall.
    let after = json!({
        "kind": kind.name(), "status": status.name(), "number": number, "severity": severity,
        "scope": scope, "members": reached.keys.len(),
        "start_when_approved": wish.start_when_approved.unwrap_or(true),
    });
    audit::record(tx, Entry { action: "recall.begin", subject: &subject, before: None, after: Some(after) })
        .await?;
    if kind == KindOf::Recall {
        approval::begun(tx, recall_id, person, now).await?;
    }
    Ok(recall_id)
}

/// A recall that is locked and as it was seen.
pub(super) async fn locked(tx: &mut Tx, recall: Uuid, version: Option<i32>) -> Result<Recall, RecallError> {
    let found = store::recalls::lock(tx, recall).await?.ok_or(RecallError::NotFound)?;
    if version.is_some_and(|version| version != found.version) {
        return Err(RecallError::Stale);
    }
    Ok(found)
}

/// Changes what people say of a recall that is not over. The reason of one in force
/// stays: it was told to customers.
///
/// # Errors
/// [`RecallError`].
pub async fn change(tx: &mut Tx, recall: Uuid, change: &Change) -> Result<(), RecallError> {
    let found = locked(tx, recall, Some(change.version)).await?;
    if !matches!(found.state(), Status::Draft | Status::Active) {
        return Err(RecallError::State(found.status));
    }
    if found.state() == Status::Draft {
        approval::changeable(tx, recall).await?;
    }
    let typed = change.reason.trim();
    let reason =
        if found.state() == Status::Draft && !typed.is_empty() { typed } else { found.reason.as_str() };
    let (severity, instructions) = (change.severity.trim(), change.instructions.trim());
    let mut wrong = mistakes(severity, reason, instructions);
    if let Some(owner) = change.owner
        && !store::recalls::person_known(tx, owner).await?
    {
        wrong.push(("owner", "recalls-wrong-owner"));
    }
    if !wrong.is_empty() {
        return Err(RecallError::Fields(wrong));
    }
    let new = store::recalls::Changed {
        severity,
        reason,
        instructions,
        owner: change.owner,
        target_on: change.target_on,
        // Of one in force it says nothing any more.
        start_when_approved: match (found.state(), change.start_when_approved) {
            (Status::Draft, Some(starts)) => starts,
            _ => found.start_when_approved,
        },
    };
    store::recalls::change(tx, recall, &new).await?;
    let as_told = |severity: &str, owner: Option<Uuid>, target: Option<chrono::NaiveDate>, starts: bool| {
        Some(
            json!({ "severity": severity, "owner": owner, "target_on": target, "start_when_approved": starts }),
        )
    };
    let before = as_told(&found.severity, found.owner, found.target_on, found.start_when_approved);
    let after = as_told(severity, change.owner, change.target_on, new.start_when_approved);
    let subject = format!("recall:{recall}");
    audit::record(tx, Entry { action: "recall.change", subject: &subject, before, after }).await?;
    Ok(())
}

/// Takes the snapshot of a draft again: what was made or moved since is in it.
///
/// # Errors
/// [`RecallError`]; the one before stays then.
pub async fn take_again(
    tx: &mut Tx,
    genealogy: &Genealogy,
    recall: Uuid,
    now: DateTime<Utc>,
) -> Result<(), RecallError> {
    let began = Instant::now();
    let found = locked(tx, recall, None).await?;
    if found.state() != Status::Draft {
        return Err(RecallError::State(found.status));
    }
    approval::changeable(tx, recall).await?;
    let reach: Reach = serde_json::from_value(found.scope).map_err(|_| RecallError::Unknown)?;
    let reached = snapshot::reach(tx, genealogy, &reach).await?;
    snapshot::take(tx, recall, &reached, began, now).await?;
    let (before, after) =
        (Some(json!({ "members": found.members })), Some(json!({ "members": reached.keys.len() })));
    let subject = format!("recall:{recall}");
    audit::record(tx, Entry { action: "recall.snapshot", subject: &subject, before, after }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_judged_all_at_once() {
        assert!(mistakes("class_1", "Cracked welds", "Set apart.\nSend back.").is_empty());
        let wrong = mistakes("class_9", "", &"x".repeat(2_001));
        let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["severity", "reason", "instructions"]);
        assert_eq!(mistakes("class_2", "two\nlines", "")[0].0, "reason");
    }
}
