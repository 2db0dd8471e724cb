//! What the search finds among masters, and the commands to go to them.

use super::barcodes::{self, ITEMS_VIEW};
use super::shape::Shape;
use super::store::Stored;
use super::{ANY_VIEW, ListQuery, MastersError, declared, list};
use crate::db::Tx;
use crate::i18n::Texts;
use crate::search::{Ask, Command, Hit, Searcher};
use crate::web::{Problem, escaped};

/// Rows of all masters that the caller may see.
pub const SEARCHERS: [Searcher; 1] = [|tx, ask| Box::pin(async move { rows(tx, ask).await })];

/// The page of each master, and its form for a new row.
#[must_use]
pub fn commands() -> Vec<Command> {
    let of = |master: &super::Master| {
        let href = format!("/masters/{}", master.name);
        let text = master.text_key();
        [
            Command {
                href: href.clone(),
                text: text.clone(),
                new: false,
                permission: master.permissions.view,
            },
            Command { href: format!("{href}/new"), text, new: true, permission: master.permissions.edit },
        ]
    };
    declared::ALL.iter().flat_map(of).collect()
}

async fn rows(tx: &mut Tx, ask: &Ask<'_>) -> Result<Vec<Hit>, Problem> {
    if !ask.caller.may(&ANY_VIEW) {
        return Ok(Vec::new());
    }
    let texts = &ask.caller.texts;
    let found = async {
        let shapes = ask.state.masters.shapes(&ask.state.db).await?;
        let mut hits = Vec::new();
        for shape in shapes.iter().filter(|shape| ask.caller.may(&shape.master.permissions.view)) {
            let query = ListQuery {
                q: ask.text.to_owned(),
                limit: ask.limit,
                lang: texts.lang,
                ..ListQuery::default()
            };
            let plants = ask.caller.plants(&shape.master.permissions.view);
            let rows = list(tx, shape, &query).await?.rows;
            for row in rows.into_iter().filter(|row| shape.sees(&row.row, &plants)) {
                hits.push(hit(shape, &row, ask.text, texts));
            }
        }
        if ask.caller.may(&ITEMS_VIEW)
            && let Some(scanned) = barcodes::scanned(tx, ask.text).await?
        {
            hits.push(Hit {
                group: texts.t("master-items"),
                title: scanned.item.clone(),
                detail: format!("{} · {} {}", scanned.barcode, scanned.quantity, scanned.unit),
                href: format!("/masters/items/row/{}", escaped(&scanned.item, b"-_./")),
                exact: true,
            });
        }
        Ok::<_, MastersError>(hits)
    };
    found.await.map_err(|error| error.problem(texts))
}

fn hit(shape: &Shape, stored: &Stored, wanted: &str, texts: &Texts) -> Hit {
    let key = shape.key_of(&stored.row);
    Hit {
        group: texts.t(&shape.master.text_key()),
        title: shape.name_of(&stored.row, texts.lang),
        href: format!("/masters/{}/row/{}", shape.master.name, escaped(&key, b"-_./:")),
        exact: key.eq_ignore_ascii_case(wanted),
        detail: key,
    }
}
