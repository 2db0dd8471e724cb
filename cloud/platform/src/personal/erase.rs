//! Erasure: the person goes, what they did stays under an id that says nothing.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::model::{Kind, Person, PersonalError, free_on};
use super::store;
use crate::audit::{self, Entry};
use crate::db::{Db, Tx};
use crate::files::{self, Files};
use crate::people::{self, By};
use crate::reference;

/// Erases a person, in the tenant and the control schema, as one transaction; the
/// bytes of the person's files go after it. A refusal is written down with its
/// reason.
///
/// # Errors
/// [`PersonalError::Kept`] when the law says so; [`PersonalError::NotFound`],
/// [`PersonalError::LastAdministrator`], [`PersonalError::LastWayBack`],
/// [`PersonalError::Oneself`]; [`PersonalError::Beyond`] of somebody who has more than
/// whoever acts holds.
pub async fn erase(
    db: &Db,
    files: &Files,
    by: &By<'_>,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<(), PersonalError> {
    let cx = by.cx;
    if cx.actor == person.subject() {
        return Err(PersonalError::Oneself);
    }
    let done = db
        .system_tx(async |system| {
            let objects = system.enter(cx, async |tx| erase_in(tx, by, person, now).await).await?;
            if let Some(user) = person.user() {
                store::control_erase(system, cx.tenant, user).await?;
            }
            Ok(objects)
        })
        .await;
    match done {
        Ok(objects) => {
            for object in objects {
                // What stays for a fault of the store is swept: no row names it.
                if let Err(error) = files.remove(&object).await {
                    tracing::warn!(%error, "a file of an erased person is left for the sweep");
                }
            }
            Ok(())
        }
        Err(PersonalError::Kept { until, basis }) => {
            let reason = format!("{until}: {basis}");
            db.tx(cx, async |tx| {
                store::request_insert(tx, person, "erase", false, &reason, now).await?;
                let entry = Entry {
                    action: "personal.refuse",
                    subject: &person.subject(),
                    before: None,
                    after: Some(json!({ "reason": reason })),
                };
                audit::record(tx, entry).await?;
                Ok::<_, PersonalError>(())
            })
            .await?;
            Err(PersonalError::Kept { until, basis })
        }
        Err(error) => Err(error),
    }
}

async fn erase_in(
    tx: &mut Tx,
    by: &By<'_>,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<Vec<String>, PersonalError> {
    let (name, email) = store::names(tx, person).await?.ok_or(PersonalError::NotFound)?;
    let last = store::last_record(tx, person).await?.ok_or(PersonalError::NotFound)?;
    if let Some((records, years, basis)) = store::rule(tx, person.kind).await? {
        let until = free_on(last, years);
        if now.date_naive() < until {
            return Err(PersonalError::Kept { until, basis: format!("{records}. {basis}") });
        }
    }
    let mut objects = Vec::new();
    if let Some(master) = person.kind.master() {
        store::own_erase(tx, master, &person.key).await?;
        objects = files::purge_subject(tx, master, &person.key).await?;
    }
    match person.kind {
        Kind::User => {
            let user = person.user().ok_or(PersonalError::NotFound)?;
            people::may_go(tx, by, user).await?;
            store::user_erase(tx, user, now).await?;
        }
        Kind::Operator => store::operator_erase(tx, &person.key, now).await?,
        Kind::Contact => store::contact_erase(tx, &person.key, now).await?,
    }
    for text in [name, email].iter().filter(|text| text.chars().count() > 2) {
        store::scrub(tx, text).await?;
    }
    store::request_insert(tx, person, "erase", true, "", now).await?;
    let subject = person.subject();
    audit::record(tx, Entry { action: "personal.erase", subject: &subject, before: None, after: None })
        .await?;
    if person.kind == Kind::Operator {
        let told = store::told(tx, &person.key).await?;
        let rows = told.into_iter().map(|(id, plant)| reference::Row {
            kind: "operator".to_owned(),
            id,
            plant: Some(plant).filter(|plant| !plant.is_empty()),
            body: json!({ "operator": person.key }),
            deleted: true,
        });
        reference::publish_all(tx, rows.collect()).await?;
        store::told_erase(tx, &person.key).await?;
    }
    Ok(objects)
}
