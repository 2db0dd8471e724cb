//! What the search finds among requests: the own ones, and with the right all.

use super::{REQUEST_READ, store};
use crate::db::{DbError, Tx};
use crate::search::{Ask, Hit, Searcher};
use crate::web::Problem;

/// Requests, by how their subject begins and by number.
pub const SEARCHERS: [Searcher; 1] = [|tx, ask| Box::pin(async move { requests(tx, ask).await })];

async fn requests(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    let (person, all) = (ask.caller.person().ok(), ask.caller.may(&REQUEST_READ));
    if person.is_none() && !all {
        return Ok(Vec::new());
    }
    let (from, to) = ask.range();
    let plants = ask.caller.plants(&REQUEST_READ).codes();
    let number = number(ask.text);
    let wanted = store::Begins { from: &from, to: &to, number, person, all, plants, limit: ask.rows() };
    let found = store::beginning(tx, &wanted).await.map_err(DbError::from)?;
    let texts = &ask.caller.texts;
    let hit = |one: store::Found| {
        let title = store::code(one.number);
        Hit {
            group: texts.t("nav-requests"),
            href: format!("/requests/{}", one.request_id),
            exact: number == Some(one.number),
            detail: format!(
                "{title} · {}",
                texts.t(&format!("request-state-{}", one.state.replace('_', "-")))
            ),
            title: one.subject,
        }
    };
    Ok(found.into_iter().map(hit).collect())
}

/// `RQ-000012` as a number; a bare number counts only with its letters before it.
pub(crate) fn number(text: &str) -> Option<i64> {
    let (head, digits) = text.split_at_checked(3)?;
    if !head.eq_ignore_ascii_case("rq-") || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_known_by_its_letters() {
        assert_eq!(number("rq-000012"), Some(12));
        for other in ["12", "RQ-", "RQ-1x", "RQ", "é", "RQ--1"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
