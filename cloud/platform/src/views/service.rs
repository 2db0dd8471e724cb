//! Commands on views, for pages and API alike.

use serde_json::{Value, json};
use uuid::Uuid;

use super::store::{self, View};
use super::{Keep, VIEWS_SHARE};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{self, DbError, Tx};
use crate::web::{Caller, FieldError, Problem};

/// Refuses a wish that is not right, or that the caller may not have: 422
/// `views.invalid`, 403. `lists` are those that there are, where a program names one.
pub(super) fn judge(caller: &Caller, wish: &Keep, lists: Option<&[&str]>) -> Result<(), Problem> {
    if wish.shared {
        caller.require(&VIEWS_SHARE)?;
    }
    let long = |text: &str, most: usize| text.chars().count() > most || text.contains('\0');
    let mut wrong = Vec::new();
    let mut note = |field: &'static str, is_wrong: bool, key| {
        if is_wrong {
            wrong.push(FieldError::from((field, caller.t(key))));
        }
    };
    note("name", wish.name.is_empty() || long(&wish.name, 60), "views-wrong-name");
    note("list", wish.list.is_empty() || long(&wish.list, 60), "views-wrong-query");
    note("query", long(&wish.query, 2000), "views-wrong-query");
    let columns = wish.columns.len() > 60 || wish.columns.iter().any(|column| long(column, 60));
    note("columns", columns, "views-wrong-query");
    if let Some(lists) = lists.filter(|lists| !lists.contains(&wish.list.as_str())) {
        wrong.retain(|other| other.field != "list");
        let known = caller.texts.t1("views-wrong-list", "known", lists.join(", "));
        wrong.push(FieldError::from(("list", known)));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Problem::invalid("views.invalid", wrong)) }
}

/// What the audit has of a view that is for all.
fn told(view: &View) -> Value {
    json!({ "name": view.name, "query": view.query, "columns": view.columns })
}

/// The audit has what all see: a view that is for all from now on, was, or is.
async fn record(tx: &mut Tx, id: Uuid, before: Option<&View>, after: Option<&View>) -> Result<(), DbError> {
    let before = before.filter(|view| view.shared).map(told);
    let after = after.filter(|view| view.shared).map(told);
    let action = match (&before, &after) {
        (None, None) => return Ok(()),
        (_, Some(_)) => "view.share",
        (Some(_), None) => "view.delete",
    };
    let subject = format!("view:{id}");
    audit::record(tx, Entry { action, subject: &subject, before, after }).await
}

/// Keeps a view of the caller's, over one of the same name.
///
/// # Errors
/// [`DbError`].
pub(super) async fn keep(tx: &mut Tx, cx: &Cx, keep: &Keep) -> Result<Uuid, DbError> {
    if keep.first {
        store::forget_first(tx, &keep.list, &cx.actor).await?;
    }
    let id = store::keep(tx, &cx.actor, keep, Uuid::now_v7()).await?;
    record(tx, id, None, Some(&keep.view(id, &cx.actor))).await?;
    Ok(id)
}

/// 409: the owner has a view of this name in the list.
fn taken() -> Problem {
    Problem::conflict("views.name_taken", "")
}

/// Keeps a view of the caller's, whose name no other of theirs in this list has.
///
/// # Errors
/// 409 `views.name_taken`, and those of the database.
pub(super) async fn create(tx: &mut Tx, cx: &Cx, keep: &Keep) -> Result<View, Problem> {
    if keep.first {
        store::forget_first(tx, &keep.list, &cx.actor).await.map_err(DbError::from)?;
    }
    let made = store::insert(tx, &cx.actor, keep, Uuid::now_v7()).await.map_err(DbError::from)?;
    let view = made.ok_or_else(taken)?;
    record(tx, view.view_id, None, Some(&view)).await?;
    Ok(view)
}

/// A view that the caller sees, and may change: their own, and with the right one that
/// is for all. Locked until the commit.
async fn to_change(tx: &mut Tx, caller: &Caller, id: Uuid) -> Result<View, Problem> {
    let found = store::view(tx, id).await.map_err(DbError::from)?;
    let own = |view: &View| view.owner == caller.cx.actor;
    let view = found.filter(|view| own(view) || view.shared).ok_or_else(Problem::not_found)?;
    if !own(&view) {
        caller.require(&VIEWS_SHARE)?;
    }
    Ok(view)
}

/// Puts another in a view's place; which list it is of, and whose, stays. Whether it is
/// shown first is its owner's to say. `None`: it is of another version.
///
/// # Errors
/// 404, 403, 409 `views.name_taken`, and those of the database.
pub(super) async fn replace(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    keep: &Keep,
    version: Option<i32>,
) -> Result<Option<View>, Problem> {
    let before = to_change(tx, caller, id).await?;
    if version.is_some_and(|version| version != before.version) {
        return Ok(None);
    }
    let own = before.owner == caller.cx.actor;
    let first = if own { keep.first } else { before.is_default };
    if first && !before.is_default {
        store::forget_first(tx, &before.list, &before.owner).await.map_err(DbError::from)?;
    }
    let keep = Keep { first, ..keep.clone() };
    let view = store::replace(tx, id, &keep)
        .await
        .map_err(DbError::from)
        .map_err(|error| if error.problem() == db::Problem::Exists { taken() } else { error.into() })?;
    record(tx, id, Some(&before), Some(&view)).await?;
    Ok(Some(view))
}

/// Takes a view away. `false`: it is of another version.
///
/// # Errors
/// 404, 403, and those of the database.
pub(super) async fn delete(
    tx: &mut Tx,
    caller: &Caller,
    id: Uuid,
    version: Option<i32>,
) -> Result<bool, Problem> {
    let view = to_change(tx, caller, id).await?;
    if version.is_some_and(|version| version != view.version) {
        return Ok(false);
    }
    store::delete(tx, id).await.map_err(DbError::from)?;
    record(tx, id, Some(&view), None).await?;
    Ok(true)
}
