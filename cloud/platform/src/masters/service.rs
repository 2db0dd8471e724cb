//! Commands on one row: create, change, delete, restore.

use serde_json::Value;

use super::check::{self, Cells};
use super::error::Used;
use super::extra;
use super::kind::Kind;
use super::shape::{PLANTS, Reference, Shape, Shapes};
use super::store::{self, Stored};
use super::use_store;
use super::write::{self, Change};
use super::{ListQuery, MastersError, Mistake, Row, Wrong, list};
use crate::audit;
use crate::ctx::Cx;
use crate::db::{Db, Tx};
use crate::i18n::Lang;

/// A row that was written.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Its key.
    pub key: String,
    /// As it stands now.
    pub stored: Stored,
}

/// One row of a master, deleted or not.
///
/// # Errors
/// [`MastersError::NotFound`].
pub(super) async fn find(tx: &mut Tx, shape: &Shape, key: &str, lock: bool) -> Result<Stored, MastersError> {
    let parts = shape.key_parts(key).ok_or(MastersError::NotFound)?;
    let found = store::rows_by_key(tx, shape, &[parts], lock).await?.into_values().next();
    let plants = tx.plants();
    found
        .filter(|found| shape.holds(&found.row) && shape.sees(&found.row, plants))
        .ok_or(MastersError::NotFound)
}

/// Refuses to change a row that is not of the transaction's plants alone.
fn own(tx: &Tx, shape: &Shape, before: &Stored) -> Result<(), MastersError> {
    if shape.owns(&before.row, tx.plants()) { Ok(()) } else { Err(MastersError::OtherPlant) }
}

/// What is wrong with making a row where there is one.
pub(super) fn there_already(shape: &Shape, before: &Stored) -> Wrong {
    if !shape.holds(&before.row) {
        Wrong::new("other")
    } else if before.deleted {
        Wrong::new("deleted")
    } else {
        Wrong::new("exists")
    }
}

/// Creates a row.
///
/// # Errors
/// [`MastersError::Mistakes`] with every one.
pub async fn create(db: &Db, cx: &Cx, shape: &Shape, cells: Cells) -> Result<Saved, MastersError> {
    db.tx(cx, async |tx| {
        let mut mistakes = check::unknown(shape, cells.keys().map(String::as_str));
        if let Some(before) = present(tx, shape, &cells, false).await? {
            let field = shape.master.key.last().copied().unwrap_or_default();
            let found = cells.get(field).cloned().unwrap_or_default();
            let wrong = there_already(shape, &before);
            mistakes.push(Mistake { row: None, field: field.to_owned(), found, wrong });
        }
        write::alone(tx, shape, true).await?;
        let change = Change { line: None, cells: cells.clone(), before: None, mistakes };
        saved(tx, shape, change).await
    })
    .await
}

/// The row that is there under the key of these cells, of whichever master.
async fn present(
    tx: &mut Tx,
    shape: &Shape,
    cells: &Cells,
    lock: bool,
) -> Result<Option<Stored>, MastersError> {
    match key_of(shape, cells) {
        Some(key) => Ok(store::rows_by_key(tx, shape, &[key], lock).await?.into_values().next()),
        None => Ok(None),
    }
}

/// The key that the cells say; `None` when it cannot be read.
pub(super) fn key_of(shape: &Shape, cells: &Cells) -> Option<Vec<String>> {
    let part = |name: &&str| {
        let column = shape.column(name)?;
        let given = cells.get(*name).map_or("", String::as_str);
        match column.kind.read(given).ok()? {
            Value::Null if column.required => None,
            Value::Null => Some(column.default.as_ref().map(Kind::plain).unwrap_or_default()),
            value => Some(Kind::plain(&value)),
        }
    };
    shape.master.key.iter().map(part).collect()
}

/// Changes a row that is at `version`. Fields that are not given stay.
///
/// # Errors
/// [`MastersError::Stale`] when it is at another; [`MastersError::Mistakes`].
pub async fn update(
    db: &Db,
    cx: &Cx,
    shape: &Shape,
    key: &str,
    version: i32,
    cells: Cells,
) -> Result<Saved, MastersError> {
    db.tx(cx, async |tx| {
        write::alone(tx, shape, false).await?;
        let before = find(tx, shape, key, true).await?;
        if before.deleted {
            return Err(MastersError::NotFound);
        }
        if !shape.changes(&before.row, tx.plants()) {
            return Err(MastersError::OtherPlant);
        }
        if before.version != version {
            return Err(MastersError::Stale);
        }
        let mistakes = check::unknown(shape, cells.keys().map(String::as_str));
        let change = Change { line: None, cells: cells.clone(), before: Some(before), mistakes };
        saved(tx, shape, change).await
    })
    .await
}

async fn saved(tx: &mut Tx, shape: &Shape, change: Change) -> Result<Saved, MastersError> {
    let written = write::write(tx, shape, vec![change], None).await?;
    let (row, _) = written.into_iter().next().ok_or(MastersError::NotFound)?;
    let key = shape.key_of(&row);
    Ok(Saved { stored: find(tx, shape, &key, false).await?, key })
}

/// Deletes a row, softly: it can be restored, and history keeps it. A partner
/// that has another role too only loses this one.
///
/// # Errors
/// [`MastersError::InUse`] with what uses it.
pub async fn delete(
    db: &Db,
    cx: &Cx,
    shapes: &Shapes,
    shape: &Shape,
    key: &str,
    version: Option<i32>,
) -> Result<(), MastersError> {
    db.tx(cx, async |tx| {
        let before = find(tx, shape, key, true).await?;
        if before.deleted {
            return Err(MastersError::NotFound);
        }
        own(tx, shape, &before)?;
        if version.is_some_and(|version| version != before.version) {
            return Err(MastersError::Stale);
        }
        let used = uses(tx, shapes, shape, &before.row).await?;
        if !used.is_empty() {
            return Err(MastersError::InUse(used));
        }
        let after = without_member(shape, &before.row);
        match &after {
            Some(after) => store::rows_update(tx, shape, &[after]).await?,
            None => {
                let parts = shape.key_parts(key).ok_or(MastersError::NotFound)?;
                store::row_mark(tx, shape, &parts, true).await?;
            }
        }
        let entry = write::entry(shape, "master.delete", Some(&before.row), after.as_ref());
        audit::record_all(tx, &[entry]).await?;
        write::tell(tx, shape, &[(&before.row, true)]).await
    })
    .await
}

/// The row without what makes it this master's, if it is another's too.
fn without_member(shape: &Shape, row: &Row) -> Option<Row> {
    let member = shape.master.member?;
    let mut list = row.get(member.list)?.as_array()?.clone();
    list.retain(|held| held != member.member);
    if list.is_empty() {
        return None;
    }
    let mut row = row.clone();
    row.insert(member.list.to_owned(), Value::Array(list));
    Some(row)
}

/// What would miss the row: the first few of each kind, and at the end how many more.
async fn uses(tx: &mut Tx, shapes: &Shapes, shape: &Shape, row: &Row) -> Result<Vec<Used>, MastersError> {
    let (mut used, mut more) = (Vec::new(), 0);
    for referrer in &shape.referrers {
        let text = format!("masters-used-{}", referrer.master.name);
        let users = use_store::referrers(tx, referrer, row).await?;
        more += users.more;
        for name in users.names {
            let own = shapes.find(referrer.master.name)?.master.table == shape.master.table;
            if !(own && name == shape.key_of(row)) {
                used.push(Used::named(text.clone(), name));
            }
        }
    }
    let key = shape.key_of(row);
    for other in shape.master.used_in {
        let users = use_store::uses(tx, other, &key).await?;
        more += users.more;
        used.extend(users.names.into_iter().map(|name| Used::named(other.text, name)));
    }
    let (named, most) = (use_store::NAMED, use_store::NAMED + use_store::COUNTED + 1);
    let users = extra::users_of(tx, shape.master.name, &key, i64::try_from(most).unwrap_or(i64::MAX)).await?;
    more += users.len().saturating_sub(named);
    for (master, name) in users.into_iter().take(named) {
        used.push(Used::named(format!("masters-used-{master}"), name));
    }
    used.dedup();
    if more > 0 {
        used.push(Used::More(more.min(use_store::COUNTED + 1)));
    }
    Ok(used)
}

/// Restores a row that was deleted, if it still fits: what it refers to stands,
/// and nobody else has got what only one may have.
///
/// # Errors
/// [`MastersError::Mistakes`] when it does not fit any more.
pub async fn restore(db: &Db, cx: &Cx, shape: &Shape, key: &str) -> Result<Saved, MastersError> {
    db.tx(cx, async |tx| {
        write::alone(tx, shape, true).await?;
        let before = find(tx, shape, key, true).await?;
        if !before.deleted {
            return Err(MastersError::NotFound);
        }
        own(tx, shape, &before)?;
        let change = Change { line: None, cells: Cells::new(), before: Some(before), mistakes: Vec::new() };
        saved(tx, shape, change).await
    })
    .await
}

/// Rows that are offered at once, of what a field may refer to.
const FEW: usize = 100;

/// Whether there may be more than what is offered at once, which are sought by typing.
pub(super) fn are_many(shapes: &Shapes, reference: &Reference, offered: usize) -> bool {
    let of_table = |shape: &Shape| shape.master.table == reference.target.table;
    offered >= FEW && shapes.iter().any(of_table)
}

/// Codes that a field may refer to and their names in a language, whose code or name
/// in any language begins so; a hundred at most.
pub(super) async fn options(
    tx: &mut Tx,
    shapes: &Shapes,
    reference: &Reference,
    begins: &str,
    lang: Lang,
) -> Result<Vec<(String, String)>, MastersError> {
    let of_table: Vec<&Shape> =
        shapes.iter().filter(|shape| shape.master.table == reference.target.table).collect();
    if of_table.is_empty() {
        if reference.target.table != PLANTS {
            return Ok(store::options(tx, reference, 200).await?);
        }
        let mut found = store::plants(tx, lang, 200).await?;
        let own = tx.plants();
        found.retain(|(code, _)| own.has(code));
        return Ok(found);
    }
    let code = reference.target.columns.last().cloned().unwrap_or_default();
    let query = ListQuery { q: begins.trim().to_owned(), limit: FEW, lang, ..ListQuery::default() };
    let mut found: Vec<(String, String)> = Vec::new();
    for shape in of_table {
        for stored in list::list(tx, shape, &query).await?.rows {
            let code = stored.row.get(&code).map(Kind::plain).unwrap_or_default();
            found.push((code, shape.name_of(&stored.row, lang)));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
