//! What can be done with exceptions; both the pages and the API do it here.

use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use platform::audit::{self, Entry};
use platform::ctx::{Cx, Plants};
use platform::db::{Db, DbError, Tx};
use platform::i18n::Texts;
use platform::notify::{self, Notice, To};
use platform::web::{AppState, Caller, IfMatch, Problem, parse_place, place};
use serde_json::json;
use uid::TenantCode;
use uuid::Uuid;

use super::model::{
    ExceptionAssign, ExceptionChoice, ExceptionCount, ExceptionDetail, ExceptionPage, ExceptionReopen,
    ExceptionResolve, ExceptionView,
};
use super::store::{self, Row};
use super::{ASSIGNED, act, kinds, sides};
use crate::explore::error::TraceError;
use crate::explore::service::{own_code, uid_text};
use crate::ingest::Committed;
use crate::rights::{EXCEPTION_ASSIGN, EXCEPTION_READ, EXCEPTION_RESOLVE};

pub use super::store::Filter;

/// Most exceptions on one page.
pub const MOST_LIMIT: usize = 500;

/// The statuses that there are.
pub const STATUSES: [&str; 3] = ["open", "assigned", "resolved"];

/// Longest reason, in characters.
pub const MOST_REASON: usize = 500;

/// Most people who are offered as those to assign to.
const MOST_PEOPLE: usize = 500;

/// Whom an exception goes to when the caller takes it.
pub const ME: &str = "me";

/// A page of exceptions, newest first. An empty status means the open ones, or the
/// assigned ones where a person is asked for. `may` is where the caller sees them, of which `cx`
/// may be the plant in focus alone: what other plants did is told as far as that goes.
///
/// # Errors
/// A parameter that is not what it should be; the database.
pub async fn list(
    db: &Db,
    cx: &Cx,
    may: &Plants,
    mut filter: Filter,
    after: Option<&str>,
    limit: usize,
) -> Result<ExceptionPage, TraceError> {
    if !(1..=MOST_LIMIT).contains(&limit) {
        let problem = format!("{limit} is not 1 to {MOST_LIMIT}");
        return Err(TraceError::Parameter { field: "limit", problem });
    }
    if filter.status.is_empty() {
        filter.status = if filter.assigned_to.is_empty() { "open" } else { "assigned" }.into();
    }
    if !STATUSES.contains(&filter.status.as_str()) {
        let problem = format!("is none of {}", STATUSES.join(", "));
        return Err(TraceError::Parameter { field: "status", problem });
    }
    let texts = [("kind", &filter.kind), ("plant", &filter.plant), ("assigned_to", &filter.assigned_to)];
    for (field, text) in texts {
        if text.contains('\0') {
            return Err(TraceError::Parameter { field, problem: "holds a NUL".into() });
        }
    }
    let after = after.map(|after| parse_place(after).ok_or_else(TraceError::no_place)).transpose()?;
    db.tx(cx, async |tx| {
        let tenant = own_code(tx).await?;
        let want = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut rows = store::list(tx, &filter, after, want).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| place(row.opened_at, row.exception_id));
        with_holds(tx, &mut rows).await?;
        sides::fill(tx, tenant, &mut rows).await?;
        sides::limit(&mut rows, may);
        Ok(ExceptionPage { exceptions: rows.into_iter().map(|row| view(tenant, row)).collect(), next })
    })
    .await
}

/// Puts the hold itself in the place of its id: it is the other side of what disagrees with
/// it, and is told as it stands now.
async fn with_holds(tx: &mut Tx, rows: &mut [Row]) -> Result<(), sqlx::Error> {
    let id = |row: &Row| row.detail.get("hold")?.as_str()?.parse::<Uuid>().ok();
    let mut ids: Vec<Uuid> = rows.iter().filter_map(id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    ids.sort_unstable();
    ids.dedup();
    let holds = store::holds(tx, &ids).await?;
    for row in rows {
        if let Some(hold) = id(row).and_then(|id| holds.iter().find(|hold| hold.hold_id == id)) {
            row.detail["hold"] = json!(hold);
        }
    }
    Ok(())
}

/// Refuses a list of a kind or of a plant that there is not, and names those that there are.
///
/// # Errors
/// 422 `exception.filter` with each field; the database.
pub async fn asked_for(db: &Db, cx: &Cx, texts: &Texts, filter: &Filter) -> Result<(), Problem> {
    let mut told = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "exception.filter", "");
    if !filter.kind.is_empty() && !kinds::is_known(&filter.kind) {
        let known = kinds::KINDS.map(|(kind, _)| kind).join(", ");
        told = told.field("kind", texts.t1("exceptions-wrong-kind", "known", known));
    }
    if !filter.plant.is_empty() {
        let plants = db.tx(cx, async |tx| Ok::<_, DbError>(store::plants(tx).await?)).await?;
        if !plants.contains(&filter.plant) {
            told = told.field("plant", texts.t1("exceptions-wrong-plant", "known", plants.join(", ")));
        }
    }
    if told.errors.is_empty() { Ok(()) } else { Err(told) }
}

fn view(tenant: TenantCode, row: Row) -> ExceptionView {
    ExceptionView {
        exception_id: row.exception_id,
        kind: row.kind,
        status: row.status,
        plant: row.plant,
        uid: row.key.map(|key| uid_text(tenant, key)),
        document: row.document,
        detail: row.detail,
        opened_at: row.opened_at,
        assigned_to: row.assigned_to,
        resolved_at: row.resolved_at,
        resolved_by: row.resolved_by,
        choice: row.choice,
        resolution: row.resolution,
        version: row.version,
    }
}

/// How many exceptions nobody has resolved, by plant and kind, most first.
///
/// # Errors
/// The database.
pub async fn counts(db: &Db, cx: &Cx) -> Result<Vec<ExceptionCount>, TraceError> {
    db.tx(cx, async |tx| Ok(store::counts(tx).await?)).await
}

/// One exception, with what can be done about it.
///
/// # Errors
/// 404 where the caller sees no such exception; the database.
pub async fn find(state: &AppState, caller: &Caller, id: Uuid) -> Result<ExceptionDetail, Problem> {
    caller.require_somewhere(&EXCEPTION_READ)?;
    state.db.tx(&caller.at(&EXCEPTION_READ), async |tx| detail(tx, id).await).await
}

async fn detail(tx: &mut Tx, id: Uuid) -> Result<ExceptionDetail, Problem> {
    let tenant = own_code(tx).await?;
    let mut row = store::find(tx, id).await.map_err(DbError::from)?.ok_or_else(Problem::not_found)?;
    with_holds(tx, std::slice::from_mut(&mut row)).await.map_err(DbError::from)?;
    sides::fill(tx, tenant, std::slice::from_mut(&mut row)).await.map_err(DbError::from)?;
    sides::limit(std::slice::from_mut(&mut row), tx.plants());
    let steps = store::steps(tx, id).await.map_err(DbError::from)?;
    let choices = if row.status == "resolved" {
        Vec::new()
    } else {
        kinds::choices(&row.kind, &act::given(&row))
            .into_iter()
            .map(|choice| ExceptionChoice { code: choice.code.into(), does: choice.act.name().into() })
            .collect()
    };
    Ok(ExceptionDetail { exception: view(tenant, row), choices, steps })
}

/// People who may resolve exceptions of a plant, as far as there is room to offer them.
///
/// # Errors
/// The database.
pub async fn people(tx: &mut Tx, plant: &str) -> Result<Vec<Uuid>, DbError> {
    let plants: Vec<String> =
        Some(plant).filter(|plant| !plant.is_empty()).map(str::to_owned).into_iter().collect();
    let mut people = notify::with_permission(tx, EXCEPTION_RESOLVE.code, &plants).await?;
    people.truncate(MOST_PEOPLE);
    Ok(people)
}

/// Locks an exception that the caller may change at its plant, and has seen as it is.
async fn locked(
    tx: &mut Tx,
    caller: &Caller,
    right: &platform::web::Permission,
    id: Uuid,
    seen: (IfMatch, Option<i32>),
) -> Result<Row, Problem> {
    let row = store::lock(tx, id).await.map_err(DbError::from)?.ok_or_else(Problem::not_found)?;
    caller.require_maybe_at(right, (!row.plant.is_empty()).then_some(row.plant.as_str()))?;
    let (if_match, body) = seen;
    let version = if_match.or(body)?;
    if version.is_some_and(|version| version != row.version) {
        return Err(if_match.stale());
    }
    Ok(row)
}

/// A reason without the space around it.
fn reason(text: &str) -> Option<&str> {
    let text = text.trim();
    let fits = !text.is_empty()
        && text.chars().count() <= MOST_REASON
        && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r' && c != '\t');
    fits.then_some(text)
}

/// What the audit says of an exception: no words of people.
fn audited(row: &Row) -> serde_json::Value {
    json!({ "status": row.status, "kind": row.kind, "choice": row.choice, "assigned_to": row.assigned_to })
}

/// Resolves an exception by one of its choices, and does what the choice does.
///
/// # Errors
/// 403 without the right at its plant, or at that of what is corrected or held; 404;
/// 409 `exception.resolved` when it was resolved before, `conflict.stale`; 422
/// `exception.fields` with every field that is not right.
pub async fn resolve(
    state: &AppState,
    caller: &Caller,
    committed: &Committed,
    id: Uuid,
    wish: &ExceptionResolve,
    if_match: IfMatch,
    now: DateTime<Utc>,
) -> Result<ExceptionDetail, Problem> {
    caller.require_somewhere(&EXCEPTION_RESOLVE)?;
    let (told, batch) = state
        .db
        .tx(&caller.at(&EXCEPTION_RESOLVE), async |tx| {
            let row = locked(tx, caller, &EXCEPTION_RESOLVE, id, (if_match, wish.version)).await?;
            if row.status == "resolved" {
                return Err(Problem::conflict("exception.resolved", ""));
            }
            let choices = kinds::choices(&row.kind, &act::given(&row));
            let choice = choices.into_iter().find(|choice| choice.code == wish.choice);
            let why = reason(&wish.reason);
            let (Some(choice), Some(why)) = (choice, why) else {
                let mut told = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "exception.fields", "");
                if choice.is_none() {
                    told = told.field("choice", caller.t("exceptions-wrong-choice"));
                }
                if why.is_none() {
                    told = told.field("reason", caller.t("exceptions-wrong-reason"));
                }
                return Err(told);
            };
            store::resolve(tx, id, choice.code, why, now).await.map_err(DbError::from)?;
            store::step_insert(tx, id, "resolved", None, Some(choice.code), why, now)
                .await
                .map_err(DbError::from)?;
            let mut after = audited(&row);
            after["status"] = "resolved".into();
            after["choice"] = choice.code.into();
            record(tx, "exception.resolve", &row, after).await?;
            let batch = act::act(tx, caller, &row, choice.act, why, now).await?;
            Ok((detail(tx, id).await?, batch))
        })
        .await?;
    if let Some(batch) = batch {
        committed.announce(batch);
    }
    Ok(told)
}

/// Says who is at an exception: somebody who may resolve it, the caller, or nobody.
///
/// # Errors
/// 403 without the right at its plant; 404; 409 `exception.resolved`,
/// `conflict.stale`; 422 `exception.person` for somebody who may not resolve it.
pub async fn assign(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    wish: &ExceptionAssign,
    if_match: IfMatch,
    now: DateTime<Utc>,
) -> Result<ExceptionDetail, Problem> {
    let takes = wish.to == ME;
    // To take one, or to give back one's own, it is enough to be one who resolves.
    let right = if takes { &EXCEPTION_RESOLVE } else { &EXCEPTION_ASSIGN };
    caller.require_somewhere(right)?;
    let wrong = || {
        let detail = caller.t("exceptions-wrong-person");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "exception.person", "").field("to", detail)
    };
    let to = match wish.to.as_str() {
        "" => None,
        ME => Some(caller.person()?),
        id => Some(id.parse::<Uuid>().map_err(|_| wrong())?),
    };
    state
        .db
        .tx(&caller.at(right), async |tx| {
            let row = locked(tx, caller, right, id, (if_match, wish.version)).await?;
            if row.status == "resolved" {
                return Err(Problem::conflict("exception.resolved", ""));
            }
            if let Some(person) = to.filter(|_| !takes)
                && !people(tx, &row.plant).await?.contains(&person)
            {
                return Err(wrong());
            }
            store::assign(tx, id, to).await.map_err(DbError::from)?;
            let what = if to.is_some() { "assigned" } else { "unassigned" };
            store::step_insert(tx, id, what, to, None, "", now).await.map_err(DbError::from)?;
            let mut after = audited(&row);
            after["status"] = if to.is_some() { "assigned" } else { "open" }.into();
            after["assigned_to"] = json!(to);
            record(tx, "exception.assign", &row, after).await?;
            if let Some(person) = to.filter(|_| !takes) {
                let tenant = own_code(tx).await?;
                let of = match row.key {
                    Some(key) => uid_text(tenant, key),
                    None if !row.document.is_empty() => row.document.clone(),
                    None => row.plant.clone(),
                };
                let notice = Notice::new(To::Person(person), format!("/exceptions/{id}")).with("of", of);
                notify::tell(tx, &ASSIGNED, &notice, now).await?;
            }
            detail(tx, id).await
        })
        .await
}

/// Opens a resolved exception again, also one that the system withdrew, which it does not
/// withdraw once more. What its choice did stays done: facts are not taken back by this.
///
/// # Errors
/// 403 without the right at its plant; 404; 409 `exception.open` when it is not
/// resolved, `conflict.stale`; 422 `exception.fields` without a reason.
pub async fn reopen(
    state: &AppState,
    caller: &Caller,
    id: Uuid,
    wish: &ExceptionReopen,
    if_match: IfMatch,
    now: DateTime<Utc>,
) -> Result<ExceptionDetail, Problem> {
    caller.require_somewhere(&EXCEPTION_RESOLVE)?;
    state
        .db
        .tx(&caller.at(&EXCEPTION_RESOLVE), async |tx| {
            let row = locked(tx, caller, &EXCEPTION_RESOLVE, id, (if_match, wish.version)).await?;
            if row.status != "resolved" {
                return Err(Problem::conflict("exception.open", ""));
            }
            let Some(why) = reason(&wish.reason) else {
                let told = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "exception.fields", "");
                return Err(told.field("reason", caller.t("exceptions-wrong-reason")));
            };
            store::reopen(tx, id).await.map_err(DbError::from)?;
            store::step_insert(tx, id, "reopened", None, None, why, now).await.map_err(DbError::from)?;
            let mut after = audited(&row);
            after["status"] = if row.assigned_to.is_some() { "assigned" } else { "open" }.into();
            after["choice"] = serde_json::Value::Null;
            record(tx, "exception.reopen", &row, after).await?;
            detail(tx, id).await
        })
        .await
}

async fn record(
    tx: &mut Tx,
    action: &'static str,
    row: &Row,
    after: serde_json::Value,
) -> Result<(), DbError> {
    let subject = format!("exception:{}", row.exception_id);
    let entry = Entry { action, subject: &subject, before: Some(audited(row)), after: Some(after) };
    audit::record(tx, entry).await
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn a_reason_is_there_and_bounded() {
        assert_eq!(reason("  counted again \n"), Some("counted again"));
        assert_eq!(reason("two\nlines"), Some("two\nlines"));
        for wrong in ["", "  ", "a\0b", &"x".repeat(501)] {
            assert_eq!(reason(wrong), None, "{wrong:?}");
        }
    }
}
