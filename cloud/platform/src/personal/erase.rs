//! Erasure: the person goes, what they did stays under an id that says nothing.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::model::{Erased, Kind, Left, Person, PersonalError, free_on};
use super::places::places;
use super::spoken::Needles;
use super::store;
use crate::audit::{self, Entry};
use crate::db::{Db, Tx};
use crate::files::{self, Files};
use crate::notify;
use crate::people::{self, By};
use crate::reference;
use crate::secrets::Secrets;
use crate::web::keys;
use crate::workflow;

/// Most snippets that are told of one place.
const SNIPPETS: usize = 5;

/// Erases a person, in the tenant and the control schema, as one transaction; the
/// bytes of the person's files go after it. Answers what became of texts in which
/// others speak of the person. A refusal is written down with its reason.
///
/// Of a tenant in a database of its own the control schema commits first: a crash in
/// between leaves somebody who cannot sign in, and who is erased when it is asked again.
/// A user who is erased already is answered as done, and what the control schema still
/// has goes.
///
/// # Errors
/// [`PersonalError::Kept`] when the law says so; [`PersonalError::NotFound`],
/// [`PersonalError::LastAdministrator`], [`PersonalError::LastWayBack`],
/// [`PersonalError::Oneself`]; [`PersonalError::Beyond`] of somebody who has more than
/// whoever acts holds.
pub async fn erase(
    db: &Db,
    files: &Files,
    secrets: &Secrets,
    by: &By<'_>,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<Erased, PersonalError> {
    let cx = by.cx;
    if cx.actor == person.subject() {
        return Err(PersonalError::Oneself);
    }
    let done = db
        .system_tx(async |system| {
            system.home_first();
            let done = system.enter(cx, async |tx| erase_in(tx, secrets, by, person, now).await).await?;
            if let Some(user) = person.user() {
                keys::end_of_person(system, cx, user, now).await?;
                store::control_erase(system, cx.tenant, user).await?;
            }
            Ok(done)
        })
        .await;
    match done {
        Ok((objects, erased)) => {
            for object in objects {
                // What stays for a fault of the store is swept: no row names it.
                if let Err(error) = files.remove(&object).await {
                    tracing::warn!(%error, "a file of an erased person is left for the sweep");
                }
            }
            Ok(erased)
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

/// Answers the objects of the person's files, whose bytes are to go, too.
async fn erase_in(
    tx: &mut Tx,
    secrets: &Secrets,
    by: &By<'_>,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<(Vec<String>, Erased), PersonalError> {
    let (name, email) = store::names(tx, person).await?.ok_or(PersonalError::NotFound)?;
    if person.user().is_some_and(|user| person.kind == Kind::User && email == store::alias(user)) {
        return Ok((Vec::new(), Erased::default()));
    }
    let last = store::last_record(tx, person).await?.ok_or(PersonalError::NotFound)?;
    if let Some((records, years, basis)) = store::rule(tx, person.kind).await? {
        let until = free_on(last, years);
        if now.date_naive() < until {
            return Err(PersonalError::Kept { until, basis: format!("{records}. {basis}") });
        }
    }
    let mut phones = store::phones(tx, person).await?;
    if let Some(user) = person.user()
        && let Some((field, sealed)) = notify::sealed_phone(tx, user).await?
    {
        // A number that does not open is no reason to keep the person.
        match secrets.open(tx.tenant(), &field, &sealed) {
            Ok(number) => phones.push(String::from_utf8_lossy(&number).into_owned()),
            Err(error) => tracing::warn!(%error, "the phone number of an erased person did not open"),
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
            workflow::forget(tx, &email, &store::alias(user)).await?;
        }
        Kind::Operator => store::operator_erase(tx, &person.key, now).await?,
        Kind::Contact => store::contact_erase(tx, &person.key, now).await?,
    }
    let needles = Needles::new(&name, &email, &phones);
    let mut erased = comb(tx, &needles).await?;
    if let Some(user) = person.user() {
        // After the combing: they are told without the person's name.
        erased.under_way = workflow::under_way(tx, user).await?;
    }
    store::request_insert(tx, person, "erase", true, "", now).await?;
    let after = json!({ "replaced": erased.replaced, "left": erased.found() });
    let subject = person.subject();
    audit::record(
        tx,
        Entry { action: "personal.erase", subject: &subject, before: None, after: Some(after) },
    )
    .await?;
    let mut rows = told_holds(tx, &needles).await?;
    if person.kind == Kind::Operator {
        let told = store::told(tx, &person.key).await?;
        rows.extend(told.into_iter().map(|(id, plant)| reference::Row {
            kind: "operator".to_owned(),
            id,
            plant: Some(plant).filter(|plant| !plant.is_empty()),
            body: json!({ "operator": person.key }),
            deleted: true,
        }));
    }
    reference::publish_all(tx, rows).await?;
    if person.kind == Kind::Operator {
        store::told_erase(tx, &person.key).await?;
    }
    Ok((objects, erased))
}

/// Takes the person out of what others wrote and were told, and lists what may be
/// the person.
async fn comb(tx: &mut Tx, needles: &Needles) -> Result<Erased, PersonalError> {
    let mut erased = Erased::default();
    if needles.is_empty() {
        return Ok(erased);
    }
    for place in places() {
        let combed = store::comb(tx, place, needles).await?;
        erased.replaced += combed.replaced;
        if !combed.left.is_empty() {
            erased.left.push(Left {
                place: format!("{}.{}", place.table, place.column),
                count: combed.left.len(),
                snippets: combed.left.into_iter().take(SNIPPETS).collect(),
            });
        }
    }
    Ok(erased)
}

/// What plants are to be told anew of holds that named the person.
async fn told_holds(tx: &mut Tx, needles: &Needles) -> Result<Vec<reference::Row>, PersonalError> {
    let mut rows = Vec::new();
    if needles.is_empty() {
        return Ok(rows);
    }
    for mut hold in store::told_holds(tx, &needles.hint()).await? {
        if needles.comb_json(&mut hold.body, true).replaced == 0 {
            continue;
        }
        if hold.deleted {
            store::told_hold_rewrite(tx, &hold.id, &hold.body).await?;
            continue;
        }
        rows.push(reference::Row {
            kind: "hold".to_owned(),
            id: hold.id,
            plant: Some(hold.plant).filter(|plant| !plant.is_empty()),
            body: hold.body,
            deleted: false,
        });
    }
    Ok(rows)
}
