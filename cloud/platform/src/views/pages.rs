//! What keeps a view and takes it away; the menu itself stands on each list.

use axum::Router;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use uuid::Uuid;

use super::{Keep, service};
use crate::db::Tx;
use crate::web::routing::post;
use crate::web::{AppState, Caller, Path, Problem, form, local_path};

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
    service::judge(&caller, &wish, None)?;
    let keep = async |tx: &mut Tx| service::keep(tx, &caller.cx, &wish).await;
    let id: Uuid = state.db.tx(&caller.cx, keep).await?;
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
    state.db.tx(&caller.cx, async |tx| service::delete(tx, &caller, id, None).await).await?;
    Ok(Redirect::to(&format!("{}?view=", local_path(&back))).into_response())
}
