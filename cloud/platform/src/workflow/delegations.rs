//! Who decides for whom while they are away.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::DECIDE;
use super::error::WorkflowError;
use super::run::text;
use super::store::people::{self, Delegation};
use super::tell;
use crate::audit::{self, Entry};
use crate::ctx::Plants;
use crate::db::{DbError, Tx};
use crate::i18n::zone;
use crate::notify::{self, Kind, Notice, To};

/// Longest time that somebody stands in.
pub const LONGEST: TimeDelta = TimeDelta::days(366);
/// Longest reason.
pub const MAX_REASON: usize = 200;

/// A time in which one person is to decide for another.
#[derive(Debug, Clone)]
pub struct New<'a> {
    /// Who is away.
    pub person: Uuid,
    /// Who decides.
    pub delegate: Uuid,
    /// From then on.
    pub from: DateTime<Utc>,
    /// Until before then.
    pub until: DateTime<Utc>,
    /// Why.
    pub reason: &'a str,
}

/// Lets `delegate` decide what is asked of `person`. It does not reach further: what
/// was lent to `person` by a third is not lent on.
///
/// # Errors
/// [`WorkflowError::Field`].
pub async fn create(tx: &mut Tx, new: &New<'_>, now: DateTime<Utc>) -> Result<Delegation, WorkflowError> {
    let reason = text(new.reason, MAX_REASON)
        .map_err(|_| WorkflowError::Field("reason", "workflow-delegation-wrong-reason"))?;
    if new.person == new.delegate {
        return Err(WorkflowError::Field("delegate", "workflow-delegation-wrong-self"));
    }
    if new.until <= new.from || new.until <= now || new.until - new.from > LONGEST {
        return Err(WorkflowError::Field("until", "workflow-delegation-wrong-times"));
    }
    let active = people::holders(tx, &[], &[new.person, new.delegate], None, 2).await?;
    if active.len() != 2 {
        return Err(WorkflowError::Field("delegate", "workflow-delegation-wrong-person"));
    }
    // What is lent reaches no further than the delegate's own right: without one in common
    // nothing would ever come to them, and nobody would notice.
    let decides = |who: Uuid| {
        let found = active.iter().find(|holder| holder.user_id == who);
        found.map_or_else(Plants::none, |holder| holder.rights().plants(&DECIDE))
    };
    let (own, theirs) = (decides(new.person), decides(new.delegate));
    if theirs.is_none() || (!own.is_none() && !own.meets(&theirs)) {
        return Err(WorkflowError::Field("delegate", "workflow-delegation-wrong-decides"));
    }
    let made = Delegation {
        delegation_id: Uuid::now_v7(),
        person: new.person,
        delegate: new.delegate,
        from_at: new.from,
        until_at: new.until,
        reason: reason.to_owned(),
        revoked_at: None,
        version: 1,
    };
    people::delegation_insert(tx, &made).await?;
    let entry = Entry {
        action: "workflow.delegate",
        subject: &format!("delegation:{}", made.delegation_id),
        before: None,
        after: Some(json!({
            "person": made.person, "delegate": made.delegate, "from": made.from_at, "until": made.until_at,
        })),
    };
    audit::record(tx, entry).await?;
    tell_both(tx, &tell::DELEGATED, &made, now).await?;
    Ok(made)
}

/// Tells whoever is away and whoever decides for them, whoever did it: nobody's decisions
/// are lent or taken back behind their back.
async fn tell_both(tx: &mut Tx, kind: &Kind, lent: &Delegation, now: DateTime<Utc>) -> Result<(), DbError> {
    let names = people::names(tx, &[lent.person, lent.delegate]).await?;
    let name = |person: Uuid| {
        names.iter().find(|(id, _)| *id == person).map(|(_, name)| name.clone()).unwrap_or_default()
    };
    let zone = zone(&people::tenant_zone(tx).await?);
    let at = |at: DateTime<Utc>| at.with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string();
    for reader in [lent.person, lent.delegate] {
        let notice = Notice::new(To::Person(reader), "/approvals/away")
            .with("person", name(lent.person))
            .with("delegate", name(lent.delegate))
            .with("from", at(lent.from_at))
            .with("until", at(lent.until_at));
        notify::tell(tx, kind, &notice, now).await?;
    }
    Ok(())
}

/// Ends one early. `person` is whoever is away; `None` for somebody who manages
/// workflows.
///
/// # Errors
/// [`WorkflowError::NotFound`].
pub async fn revoke(
    tx: &mut Tx,
    delegation: Uuid,
    person: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<(), WorkflowError> {
    let found = people::delegation(tx, delegation).await?;
    let found = found
        .filter(|found| person.is_none_or(|person| found.person == person))
        .ok_or(WorkflowError::NotFound)?;
    if found.revoked_at.is_some() {
        return Ok(());
    }
    people::delegation_revoke(tx, delegation, now).await?;
    let entry = Entry {
        action: "workflow.delegate_end",
        subject: &format!("delegation:{delegation}"),
        before: Some(json!({ "until": found.until_at })),
        after: Some(json!({ "until": now })),
    };
    audit::record(tx, entry).await?;
    tell_both(tx, &tell::DELEGATION_ENDED, &found, now).await?;
    Ok(())
}
