//! Exports a master, as CSV without end in memory, or as an Excel workbook.

use std::sync::Arc;

use axum::body::Body;
use serde_json::{Value, json};
use uuid::Uuid;

use super::kind::Kind;
use super::list::{self, ListQuery};
use super::shape::{Column, Shape, Shapes};
use super::store::Stored;
use super::{MastersError, check, sensitive};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, Tx};
use crate::web::{WorkSheet, csv_line, harmless, workbook};

/// Rows that are read at once.
const BATCH: usize = 2000;
/// Most rows of a workbook, which is made in memory.
const MOST_IN_WORKBOOK: usize = 50_000;
/// Whether a column goes into an export: what is secret does not, and what is
/// sealed only with the right to see it.
fn goes_out(column: &Column, query: &ListQuery) -> bool {
    column.kind != Kind::Secret || (column.field.sealed.is_some() && query.open)
}

/// The heads of an export: the inputs by which an import reads it again.
fn inputs(shape: &Shape, query: &ListQuery) -> Vec<String> {
    let shown = shape.columns.iter().filter(|column| goes_out(column, query));
    shown.flat_map(check::inputs).collect()
}

/// One row, a value for each head.
fn values(
    tenant: Uuid,
    shape: &Shape,
    query: &ListQuery,
    stored: &Stored,
) -> Result<Vec<Value>, MastersError> {
    let mut values = Vec::new();
    for column in shape.columns.iter().filter(|column| goes_out(column, query)) {
        let value = stored.row.get(&column.name);
        if column.kind == Kind::Secret {
            values.push(sensitive::reveal(tenant, shape, column, &stored.row)?.into());
        } else if column.kind == Kind::Names {
            for input in check::inputs(column) {
                let lang = input.rsplit('.').next().unwrap_or_default();
                values.push(value.and_then(|names| names.get(lang)).cloned().unwrap_or_default());
            }
        } else {
            values.push(value.cloned().unwrap_or_default());
        }
    }
    Ok(values)
}

/// Writes down that somebody takes out what is marked personal, of the master's own fields or
/// the tenant's: which fields, of how many rows, in which form, and by which filters it was
/// narrowed. What was looked for is not told, since it may name somebody. Of other masters
/// nothing is written. The rows are those there are now: of a file that breaks off some were
/// taken all the same.
pub(super) async fn record_taken(
    tx: &mut Tx,
    shape: &Shape,
    query: &ListQuery,
    format: &str,
) -> Result<(), MastersError> {
    let personal = shape.columns.iter().filter(|column| column.field.personal && goes_out(column, query));
    let fields: Vec<&str> = personal.map(|column| column.name.as_str()).collect();
    if fields.is_empty() {
        return Ok(());
    }
    let narrowed: Vec<&str> =
        query.pairs().into_iter().map(|(name, _)| name).filter(|name| *name != "sort").collect();
    let subject = format!("master:{}", shape.master.name);
    let rows = list::count(tx, shape, query).await?;
    let after = Some(json!({ "format": format, "fields": fields, "narrowed_by": narrowed, "rows": rows }));
    audit::record(tx, Entry { action: "master.export", subject: &subject, before: None, after }).await?;
    Ok(())
}

/// An empty table with the heads, to be filled in.
pub(super) fn template(shape: &Shape) -> Vec<u8> {
    let all = shape.columns.iter().flat_map(check::inputs);
    csv_line(all)
}

/// The list as CSV, read piece by piece while it is sent.
pub(super) fn csv(db: Db, cx: Cx, shapes: Arc<Shapes>, name: &'static str, query: ListQuery) -> Body {
    struct Walk {
        db: Db,
        cx: Cx,
        shapes: Arc<Shapes>,
        query: Option<ListQuery>,
        begun: bool,
    }
    let walk = Walk { db, cx, shapes, query: Some(ListQuery { limit: BATCH, ..query }), begun: false };
    let pieces = futures_util::stream::try_unfold(walk, move |mut walk| async move {
        let Some(query) = walk.query.take() else { return Ok::<_, std::io::Error>(None) };
        let shapes = Arc::clone(&walk.shapes);
        let shape = shapes.find(name).map_err(std::io::Error::other)?;
        let page = walk.db.tx(&walk.cx, async |tx| list::list(tx, shape, &query).await).await;
        let page = page.map_err(std::io::Error::other)?;
        let mut piece = if walk.begun { Vec::new() } else { csv_line(inputs(shape, &query)) };
        for row in &page.rows {
            let cells = values(walk.cx.tenant, shape, &query, row)
                .map_err(std::io::Error::other)?
                .into_iter()
                .map(|value| harmless(Kind::plain(&value)));
            piece.extend(csv_line(cells));
        }
        walk.begun = true;
        walk.query = page.next.map(|after| ListQuery { after, ..query });
        Ok(Some((bytes::Bytes::from(piece), walk)))
    });
    Body::from_stream(pieces)
}

/// The list as a workbook.
///
/// # Errors
/// [`MastersError::TooMany`] rows for one.
pub(super) async fn xlsx(db: &Db, cx: &Cx, shape: &Shape, query: ListQuery) -> Result<Vec<u8>, MastersError> {
    let mut rows: Vec<Vec<Value>> = Vec::new();
    let heads_of = query.clone();
    let mut query = Some(ListQuery { limit: BATCH, ..query });
    while let Some(asked) = query.take() {
        let page = db.tx(cx, async |tx| list::list(tx, shape, &asked).await).await?;
        for row in &page.rows {
            rows.push(values(cx.tenant, shape, &asked, row)?);
        }
        if rows.len() > MOST_IN_WORKBOOK {
            return Err(MastersError::TooMany(MOST_IN_WORKBOOK));
        }
        query = page.next.map(|after| ListQuery { after, ..asked });
    }
    let rows = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .map(|value| match value {
                    Value::Number(_) | Value::Bool(_) | Value::Null => value,
                    value => Kind::plain(&value).into(),
                })
                .collect()
        })
        .collect();
    let sheet = WorkSheet {
        name: shape.master.name.into(),
        heads: inputs(shape, &heads_of),
        rows,
        times: Vec::new(),
    };
    let made = tokio::task::spawn_blocking(move || workbook(&[sheet]));
    let made = made.await.map_err(|error| MastersError::Fault(error.to_string()))?;
    made.map_err(|error| MastersError::Fault(error.to_string()))
}
