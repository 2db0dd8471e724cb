//! Recalls and drills by the beginning of their number, in the search; and their pages
//! by name.

use platform::db::{DbError, Tx};
use platform::search::{Ask, Command, Hit, Searcher};
use platform::web::Problem;

use super::rights::{RECALL_MANAGE, RECALL_READ};
use super::store;

/// Recalls.
pub const SEARCHERS: [Searcher; 1] = [|tx, ask| Box::pin(async move { recalls(tx, ask).await })];

/// Beginning one.
pub fn commands() -> Vec<Command> {
    [("/recalls/new", "recalls-new"), ("/recalls/new?kind=drill", "recalls-new-drill")]
        .map(|(href, text)| Command {
            href: href.to_owned(),
            text: text.to_owned(),
            new: false,
            permission: RECALL_MANAGE,
        })
        .into()
}

async fn recalls(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&RECALL_READ) {
        return Ok(Vec::new());
    }
    let from = ask.text.to_uppercase();
    let to = format!("{from}{}", char::MAX);
    let found = store::recalls::numbered(tx, &from, &to, ask.rows()).await.map_err(DbError::from)?;
    let hit = |one: store::recalls::Numbered| Hit {
        group: ask.caller.t("recalls-title"),
        href: format!("/recalls/{}", one.recall_id),
        detail: format!("{} · {}", ask.caller.t(&format!("recalls-status-{}", one.status)), one.reason),
        exact: one.number == from,
        title: one.number,
    };
    Ok(found.into_iter().map(hit).collect())
}
