//! What keeps a view and takes it away; the menu itself stands on each list.

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use serde_json::json;
use uuid::Uuid;

use super::{Keep, VIEWS_SHARE, keep, store};
use crate::audit::{self, Entry};
use crate::db::DbError;
use crate::web::{AppState, Caller, FieldError, Problem, form, local_path};

pub(super) fn router() -> Router<AppState> {
    Router::new().route("/views", post(keep_one)).route("/views/{id}/delete", post(delete))
}

/// What the form sent, and where it came from.
fn sent(pairs: Vec<(String, String)>) -> (Keep, String) {
    let (mut keep, mut back) = (Keep::default(), String::new());
    for (name, value) in pairs {
        match name.as_str() {
            "list" => keep.list = value,
            "name" => value.trim().clone_into(&mut keep.name),
            "query" => keep.query = value,
            "col" => keep.columns.push(value),
            "shared" => keep.shared = value == "true",
            "first" => keep.first = value == "true",
            "back" => back = value,
            _ => {}
        }
    }
    (keep, back)
}

/// `POST /views`: keeps what the list shows.
async fn keep_one(
    State(state): State<AppState>,
    caller: Caller,
    body: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let (wish, back) = sent(form(body)?);
    if wish.shared {
        caller.require(&VIEWS_SHARE)?;
    }
    let long = |text: &str, most: usize| text.chars().count() > most || text.contains('\0');
    let wrong = |field: &'static str, key: &str| {
        Err(Problem::invalid("views.invalid", vec![FieldError::from((field, caller.t(key)))]))
    };
    if wish.name.is_empty() || long(&wish.name, 60) {
        return wrong("name", "views-wrong-name");
    }
    if wish.list.is_empty() || long(&wish.list, 60) || long(&wish.query, 2000) {
        return wrong("query", "views-wrong-query");
    }
    if wish.columns.len() > 60 || wish.columns.iter().any(|column| long(column, 60)) {
        return wrong("col", "views-wrong-query");
    }
    let id = state.db.tx(&caller.cx, async |tx| Ok::<_, DbError>(keep(tx, &caller.cx, &wish).await?)).await?;
    Ok(Redirect::to(&format!("{}?view={id}", local_path(&back))).into_response())
}

/// `POST /views/{id}/delete`: one's own, or with the right one for all.
async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Path(id): Path<Uuid>,
    body: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Problem> {
    let (_, back) = sent(form(body)?);
    state
        .db
        .tx(&caller.cx, async |tx| {
            let found = store::view(tx, id).await.map_err(DbError::from)?;
            let own = |view: &store::View| view.owner == caller.cx.actor;
            let view = found.filter(|view| own(view) || view.shared).ok_or_else(Problem::not_found)?;
            if !own(&view) {
                caller.require(&VIEWS_SHARE)?;
            }
            store::delete(tx, id).await.map_err(DbError::from)?;
            if view.shared {
                let before = Some(json!({ "name": view.name, "query": view.query, "columns": view.columns }));
                let subject = format!("view:{id}");
                let entry = Entry { action: "view.delete", subject: &subject, before, after: None };
                audit::record(tx, entry).await?;
            }
            Ok::<_, Problem>(())
        })
        .await?;
    Ok(Redirect::to(&format!("{}?view=", local_path(&back))).into_response())
}
