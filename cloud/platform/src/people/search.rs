//! What the search finds among people.

use super::{USER_READ, store};
use crate::db::{DbError, Tx};
use crate::search::{Ask, Hit, Searcher};
use crate::web::Problem;

/// People of the office, by name and e-mail.
pub const SEARCHERS: [Searcher; 1] = [|tx, ask| Box::pin(async move { people(tx, ask).await })];

async fn people(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&USER_READ) {
        return Ok(Vec::new());
    }
    let (from, to) = ask.range();
    let found = store::users_beginning(tx, &from, &to, ask.rows()).await.map_err(DbError::from)?;
    let hit = |(id, name, email): (uuid::Uuid, String, String)| Hit {
        group: ask.caller.t("nav-users"),
        title: name,
        href: format!("/users/{id}"),
        exact: email == from,
        detail: email,
    };
    Ok(found.into_iter().map(hit).collect())
}
