//! What the search finds among document numbers.

use super::NUMBERING_READ;
use super::store::{self, Narrow};
use crate::db::{DbError, Tx};
use crate::search::{Ask, Command, Hit, Searcher};
use crate::web::{Problem, escaped};

/// Numbers that were given out.
pub const SEARCHERS: [Searcher; 1] = [|tx, ask| Box::pin(async move { numbers(tx, ask).await })];

/// The page of numbers.
#[must_use]
pub fn commands() -> Vec<Command> {
    let (href, text) = ("/numbering".to_owned(), "numbering-title".to_owned());
    vec![Command { href, text, new: false, permission: NUMBERING_READ }]
}

async fn numbers(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&NUMBERING_READ) {
        return Ok(Vec::new());
    }
    let plants = ask.caller.plants(&NUMBERING_READ).codes();
    let narrow = Narrow { begins: ask.text.to_uppercase(), plants, limit: ask.rows(), ..Narrow::default() };
    let found = store::numbers(tx, &narrow).await.map_err(DbError::from)?;
    let hit = |one: store::Issued| {
        let kind = ask.caller.texts.or(&format!("choice-{}", one.kind), &one.kind);
        Hit {
            group: ask.caller.t("numbering-title"),
            href: format!("/numbering?q={}", escaped(&one.number, b"-")),
            title: one.number,
            detail: format!("{kind} · {}", ask.caller.texts.day(&one.dated)),
            exact: false,
        }
    };
    Ok(found.into_iter().map(hit).collect())
}
