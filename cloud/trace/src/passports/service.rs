//! Making passports, ending them, and saying what they show. Pages and API both do it
//! here.

use std::collections::HashSet;

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::db::{DbError, Tx};
use platform::secrets::{SecretError, Secrets};
use platform::web::{AppState, Caller, Problem};
use proto::v1::Outcome;
use serde::Serialize;
use serde_json::json;
use uid::{Key, Uid};
use utoipa::ToSchema;
use uuid::Uuid;

use super::key::{self, PassportKey};
use super::store::{self, Looked, Row, Settings, Unit};
use super::{PASSPORT_MANAGE, PASSPORT_READ, PASSPORT_WRITE};
use crate::explore::error::TraceError;
use crate::explore::service::{own_code, resolve, uid_text};
use crate::explore::{scope, store::corrections};
use crate::projection::state::Life;

/// Passports of one page.
const PAGE: i64 = 50;
/// Longest reason for which one is ended, in characters.
pub const MOST_REASON: usize = 200;

/// Why a passport was not made.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Db(#[from] DbError),
    #[error("a bag, a coil or a bin has no passport, its content may have")]
    Container,
    #[error("only finished goods have a passport, and {0:?} is none by the items")]
    Unfinished(String),
    #[error("a unit that is {0} gets no passport")]
    Life(&'static str),
    #[error("the unit is on hold; release the hold first")]
    Held,
    #[error("there is no such passport, or it has ended")]
    NotFound,
    #[error("the settings were changed by somebody else meanwhile")]
    Stale,
    #[error("the system gives no random numbers")]
    Random,
}

impl From<sqlx::Error> for Refused {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Trace(error) => error.into(),
            Refused::Db(error) => error.into(),
            Refused::Container => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "passport.container", text),
            Refused::Unfinished(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "passport.unfinished", text)
            }
            Refused::Life(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "passport.life", text),
            Refused::Held => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "passport.held", text),
            Refused::NotFound => Self::not_found(),
            Refused::Stale => Self::conflict("conflict.stale", ""),
            Refused::Secret(_) | Refused::Random => Self::internal(text),
        }
    }
}

/// A passport with its link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Passport {
    /// Its id.
    pub passport_id: Uuid,
    /// The unit.
    pub uid: String,
    /// The link that its QR code holds; whoever has it sees the passport.
    pub link: String,
    /// Since when.
    pub made_at: DateTime<Utc>,
    /// Since when it is not good any more.
    pub ended_at: Option<DateTime<Utc>>,
}

/// A page of passports that are good, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PassportPage)]
pub struct Page {
    /// The passports.
    pub passports: Vec<Passport>,
    /// Pass as `after` for the next page; null on the last.
    pub next: Option<Uuid>,
}

fn field(id: Uuid) -> String {
    format!("passport:{id}")
}

async fn view(tx: &mut Tx, state: &AppState, row: &Row) -> Result<Passport, Refused> {
    let secret = state.secrets.open(tx.tenant(), &field(row.passport_id), &row.sealed)?;
    let text = String::from_utf8(secret).map_err(|_| SecretError::Broken)?;
    let passport_key = PassportKey::parse(&text).ok_or(SecretError::Broken)?;
    let tenant = own_code(tx).await?;
    let link = match Key::new(row.key) {
        Ok(unit) => key::link(&state.public_url, &passport_key, &row.gtin, &Uid::from_key(tenant, unit)),
        Err(_) => String::new(),
    };
    Ok(Passport {
        passport_id: row.passport_id,
        uid: uid_text(tenant, row.key),
        link,
        made_at: row.created_at,
        ended_at: row.ended_at,
    })
}

/// Types of items that are no finished goods, whatever else a tenant calls finished.
const UNFINISHED: [&str; 7] = ["RM", "SF", "SP", "PK", "TL", "WP", "BN"];

/// Whether an item of that type is a finished good; one that the items do not have is none.
/// The type is that which the master of items says, not the letters in the UID.
fn is_finished(type_code: Option<&str>) -> bool {
    type_code.is_some_and(|code| !UNFINISHED.contains(&code))
}

/// Whether a unit may get a passport.
fn fit(unit: &Unit) -> Result<(), Refused> {
    if unit.container {
        return Err(Refused::Container);
    }
    if !is_finished(unit.type_code.as_deref()) {
        return Err(Refused::Unfinished(unit.item.clone()));
    }
    match Life::from_number(unit.life) {
        Some(Life::Active) => {}
        life => return Err(Refused::Life(life.map_or("unknown", Life::name))),
    }
    if unit.held { Err(Refused::Held) } else { Ok(()) }
}

/// Keeps in the audit what is done with the passport of a unit: of the plant where the unit
/// is, as with holds. What passports show ([`set`]) is one for all plants, and so of none.
async fn noted(tx: &mut Tx, unit: i64, entry: Entry<'_>) -> Result<(), Refused> {
    let tenant = tx.tenant();
    let plants = crate::holds::store::plants(tx, tenant, &[unit]).await?;
    Ok(audit::record_at(tx, &plants, entry).await?)
}

/// The passport of the unit that `code` leads to; made when it has none.
///
/// # Errors
/// 403 without the right; the code; 422 `passport.container`, `passport.unfinished`,
/// `passport.life` (expected, consumed, scrapped) or `passport.held` for what gets none.
pub async fn make(state: &AppState, caller: &Caller, code: &str) -> Result<Passport, Problem> {
    caller.require_somewhere(&PASSPORT_WRITE)?;
    let made = async |tx: &mut Tx| {
        let uid = resolve(tx, code).await?.uid;
        let unit = uid.key().get();
        if let Some(row) = store::of_unit(tx, unit).await? {
            return view(tx, state, &row).await;
        }
        let known = store::unit(tx, unit).await?.ok_or_else(|| TraceError::Unknown(uid.to_string()))?;
        fit(&known)?;
        let gtin = store::item(tx, &known.item, "").await?.map(|(gtin, _)| gtin).unwrap_or_default();
        let passport_key = PassportKey::new(uid.tenant().as_str()).ok_or(Refused::Random)?;
        let id = Uuid::now_v7();
        let sealed = state.secrets.seal(tx.tenant(), &field(id), passport_key.text().as_bytes())?;
        if store::insert(tx, (id, unit), &passport_key.hash(), &sealed, &gtin).await? {
            let (subject, after) = (format!("passport:{id}"), Some(json!({ "uid": uid.to_string() })));
            let entry = Entry { action: "passport.make", subject: &subject, before: None, after };
            noted(tx, unit, entry).await?;
        }
        // Somebody else may have made one meanwhile; that one counts.
        let row = store::of_unit(tx, unit).await?.ok_or(Refused::NotFound)?;
        view(tx, state, &row).await
    };
    Ok(state.db.tx(&caller.at(&PASSPORT_WRITE), made).await?)
}

/// Whether the transaction's plants have anything to do with the unit.
async fn seen(tx: &mut Tx, row: Option<Row>) -> Result<Row, Refused> {
    let row = row.ok_or(Refused::NotFound)?;
    if scope::seen(tx, &[row.key]).await?.is_empty() { Err(Refused::NotFound) } else { Ok(row) }
}

/// A passport.
///
/// # Errors
/// 403 without the right; 404 where there is none, or of a unit of other plants.
pub async fn get(state: &AppState, caller: &Caller, id: Uuid) -> Result<Passport, Problem> {
    caller.require_somewhere(&PASSPORT_READ)?;
    let read = async |tx: &mut Tx| {
        let row = store::get(tx, id).await?;
        let row = seen(tx, row).await?;
        view(tx, state, &row).await
    };
    Ok(state.db.tx(&caller.at(&PASSPORT_READ), read).await?)
}

/// A page of passports of units that the caller may see.
///
/// # Errors
/// 403 without the right; those of the database.
pub async fn list(state: &AppState, caller: &Caller, after: Option<Uuid>) -> Result<Page, Problem> {
    caller.require_somewhere(&PASSPORT_READ)?;
    let read = async |tx: &mut Tx| {
        let mut rows = store::list(tx, after.unwrap_or(Uuid::max()), PAGE + 1).await?;
        let more = rows.len() as i64 > PAGE;
        rows.truncate(PAGE as usize);
        let next = rows.last().filter(|_| more).map(|row| row.passport_id);
        let keys: Vec<i64> = rows.iter().map(|row| row.key).collect();
        let seen = scope::seen(tx, &keys).await?;
        let mut passports = Vec::with_capacity(rows.len());
        for row in rows.iter().filter(|row| seen.contains(&row.key)) {
            passports.push(view(tx, state, row).await?);
        }
        Ok::<_, Refused>(Page { passports, next })
    };
    Ok(state.db.tx(&caller.at(&PASSPORT_READ), read).await?)
}

/// Why a passport is ended, without the space around it; `None` when it is none.
fn reason(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty() && text.chars().count() <= MOST_REASON && !text.chars().any(char::is_control);
    fits.then_some(text)
}

/// Ends a passport: its link and its QR code show nothing any more, and never will again.
/// The reason stands in the audit.
///
/// # Errors
/// 403 without the right; 404 where there is none that is good; 422 `passport.fields`
/// without a reason.
pub async fn end(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    caller.require_somewhere(&PASSPORT_WRITE)?;
    let Some(why) = reason(why) else {
        let told = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "passport.fields", "");
        return Err(
            told.field("reason", caller.texts.t1("passport-end-why", "most", MOST_REASON.to_string()))
        );
    };
    let ended = async |tx: &mut Tx| {
        let row = store::get(tx, id).await?;
        let unit = seen(tx, row).await?.key;
        if !store::end(tx, id, now).await? {
            return Err(Refused::NotFound);
        }
        let (subject, before) = (format!("passport:{id}"), Some(json!({ "good": true })));
        let after = Some(json!({ "good": false, "reason": why }));
        noted(tx, unit, Entry { action: "passport.end", subject: &subject, before, after }).await?;
        Ok(())
    };
    Ok(state.db.tx(&caller.at(&PASSPORT_WRITE), ended).await?)
}

/// What passports show.
///
/// # Errors
/// 403 without the right; those of the database.
pub async fn settings(state: &AppState, caller: &Caller) -> Result<Settings, Problem> {
    caller.require_somewhere(&PASSPORT_READ)?;
    let read = async |tx: &mut Tx| Ok::<_, Refused>(store::settings(tx).await?);
    let found = state.db.tx(&caller.at(&PASSPORT_READ), read).await?;
    Ok(found.unwrap_or_else(unset))
}

/// What the form proposes before anything was set: nothing is seen.
fn unset() -> Settings {
    Settings { item: true, made_on: true, inspections: true, proof: true, ..Settings::default() }
}

/// Sets what passports show.
///
/// # Errors
/// 403 without the right; 422 `passport.fields`; 409 `conflict.stale`.
pub async fn set(state: &AppState, caller: &Caller, wish: &Settings) -> Result<Settings, Problem> {
    caller.require(&PASSPORT_MANAGE)?;
    let tidy = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let set =
        Settings { certificates: tidy(&wish.certificates), contact: tidy(&wish.contact), ..wish.clone() };
    let told = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "passport.fields", "");
    let bad = |text: &str, most: usize| {
        text.chars().count() > most || text.chars().any(|c| c.is_control() && c != '\n')
    };
    let wrong = [("certificates", &set.certificates, 2000), ("contact", &set.contact, 500)]
        .into_iter()
        .filter(|(_, text, most)| bad(text, *most));
    let told = wrong.fold(told, |told, (field, _, most)| {
        told.field(field, caller.texts.t1("passport-too-long", "most", most.to_string()))
    });
    if !told.errors.is_empty() {
        return Err(told);
    }
    let done = async |tx: &mut Tx| {
        let before = store::settings(tx).await?;
        if !store::settings_set(tx, &set).await? {
            return Err(Refused::Stale);
        }
        let after = store::settings(tx).await?.ok_or(Refused::Stale)?;
        let entry = Entry {
            action: "passport.set",
            subject: "passport_settings",
            before: before.as_ref().map(shown),
            after: Some(shown(&after)),
        };
        audit::record(tx, entry).await?;
        Ok(after)
    };
    Ok(state.db.tx(&caller.cx, done).await?)
}

/// For the audit: the contact may be a person.
fn shown(settings: &Settings) -> serde_json::Value {
    let Settings { shown, item, made_on, made_at, suppliers, inspections, certificates, proof, .. } =
        settings;
    json!({ "shown": shown, "item": item, "made_on": made_on, "made_at": made_at, "suppliers": suppliers,
            "inspections": inspections, "certificates": certificates, "proof": proof })
}

/// Brings the keys of passports under the key that seals now; answers how many were.
///
/// # Errors
/// Those of the database. A key that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let (mut done, mut before) = (0, Uuid::max());
    loop {
        let rows = store::list(tx, before, 500).await?;
        let Some(last) = rows.last() else { return Ok(done) };
        before = last.passport_id;
        for row in &rows {
            match secrets.reseal(tx.tenant(), &field(row.passport_id), &row.sealed) {
                Ok(Some(again)) => {
                    store::seal(tx, row.passport_id, &again).await?;
                    done += 1;
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(passport = %row.passport_id, %error, "a key of a passport was not sealed anew");
                }
            }
        }
    }
}

/// Most inspections that a passport lists.
const MOST_INSPECTIONS: usize = 50;

/// Operations at which the latest result of a unit that stands is that it passed: when, and at
/// which operation; the latest first.
pub(super) async fn passed(tx: &mut Tx, key: i64) -> Result<Vec<(DateTime<Utc>, String)>, DbError> {
    let looked = store::inspections(tx, key).await?;
    let ids: Vec<Uuid> = looked.iter().map(|one| one.event_id).collect();
    let void = corrections::void_among(tx, &ids).await?;
    Ok(standing(looked, &void))
}

/// Of results, the latest first, the latest of each operation that is none of the `void` ones,
/// where it is that the unit passed. Pure.
fn standing(looked: Vec<Looked>, void: &HashSet<Uuid>) -> Vec<(DateTime<Utc>, String)> {
    let mut seen = HashSet::new();
    looked
        .into_iter()
        .filter(|one| !void.contains(&one.event_id) && seen.insert(one.operation.clone()))
        .filter(|one| one.outcome == Outcome::Passed as i16)
        .map(|one| (one.occurred_at, one.operation))
        .take(MOST_INSPECTIONS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_result_of_each_operation_stands_unless_it_was_corrected_away() {
        let looked = |n: u128, operation: &str, outcome: Outcome| Looked {
            event_id: Uuid::from_u128(n),
            occurred_at: DateTime::UNIX_EPOCH,
            operation: operation.to_owned(),
            outcome: outcome as i16,
        };
        let all = vec![
            looked(6, "LEAK", Outcome::Failed),
            looked(5, "FINAL", Outcome::Passed),
            looked(4, "PAINT", Outcome::Partial),
            looked(3, "FINAL", Outcome::Failed),
            looked(2, "PAINT", Outcome::Passed),
            looked(1, "LEAK", Outcome::Passed),
        ];
        let operations = |void: &[u128]| {
            let void = void.iter().map(|n| Uuid::from_u128(*n)).collect();
            let all = standing(all.clone(), &void).into_iter();
            all.map(|(_, operation)| operation).collect::<Vec<_>>()
        };
        assert_eq!(operations(&[]), ["FINAL"]);
        assert_eq!(operations(&[5]), [""; 0], "the one before it failed");
        assert_eq!(operations(&[4, 6]), ["FINAL", "PAINT", "LEAK"]);
    }

    #[test]
    fn the_limit_is_of_what_is_listed() {
        let failed = (0..60).map(|n| (n, Outcome::Failed));
        let passed = (60..120).map(|n| (n, Outcome::Passed));
        let all = failed.chain(passed).map(|(n, outcome)| Looked {
            event_id: Uuid::from_u128(n),
            occurred_at: DateTime::UNIX_EPOCH,
            operation: format!("OP-{n}"),
            outcome: outcome as i16,
        });
        assert_eq!(standing(all.collect(), &HashSet::new()).len(), MOST_INSPECTIONS);
    }

    #[test]
    fn only_finished_goods_that_are_free_get_one() {
        let unit = |type_code: Option<&str>| Unit {
            item: "PUMP".into(),
            container: false,
            life: 2,
            type_code: type_code.map(str::to_owned),
            held: false,
            born_at: DateTime::UNIX_EPOCH,
            born_agent: Uuid::nil(),
            born_epoch: 1,
            born_seq: 1,
        };
        assert!(fit(&unit(Some("FG"))).is_ok());
        assert!(fit(&unit(Some("MX"))).is_ok(), "a tenant's own type of finished goods");
        for other in
            [Some("RM"), Some("SF"), Some("SP"), Some("PK"), Some("TL"), Some("WP"), Some("BN"), None]
        {
            assert!(matches!(fit(&unit(other)), Err(Refused::Unfinished(_))), "{other:?}");
        }
        let whole = unit(Some("FG"));
        assert!(matches!(fit(&Unit { container: true, ..whole.clone() }), Err(Refused::Container)));
        for life in [1, 3, 4] {
            assert!(matches!(fit(&Unit { life, ..whole.clone() }), Err(Refused::Life(_))), "{life}");
        }
        assert!(matches!(fit(&Unit { held: true, ..whole }), Err(Refused::Held)));
    }
}
