//! Imports a table of rows into a master: tried as a whole, written as a whole,
//! or refused with every mistake in it.

use std::collections::{BTreeMap, HashMap};

use super::check::{self, Cells};
use super::kind::Kind;
use super::service::{key_of, there_already};
use super::shape::{Column, Shape};
use super::sheet::Sheet;
use super::store;
use super::write::{self, Change, Done};
use super::{MastersError, Mistake, Wrong};
use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::i18n::Texts;

/// What an import did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Rows of the file.
    pub rows: usize,
    /// New among them.
    pub created: usize,
    /// Changed or restored among them.
    pub changed: usize,
    /// As they were.
    pub same: usize,
    /// Nothing was written.
    pub dry_run: bool,
}

/// Why the transaction is rolled back.
enum Stop {
    DryRun(Report),
    Failed(MastersError),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

/// Inputs by how heads name them: `names.en`, or its label in a language.
#[must_use]
pub fn heads(shape: &Shape, languages: &[Texts]) -> BTreeMap<String, String> {
    let mut heads = BTreeMap::new();
    for column in &shape.columns {
        for input in check::inputs(column) {
            for texts in languages {
                heads.entry(label(column, &input, texts).to_lowercase()).or_insert(input.clone());
            }
        }
    }
    // A name is never another's label.
    for input in shape.columns.iter().flat_map(check::inputs) {
        heads.insert(input.to_lowercase(), input);
    }
    heads
}

/// The label of an input: the field's, and the language of one of several.
pub(super) fn label(column: &Column, input: &str, texts: &Texts) -> String {
    let label = column.said(texts);
    match (&column.kind, input.rsplit_once('.')) {
        (Kind::Names, Some((_, lang))) => format!("{label} ({lang})"),
        _ => label,
    }
}

/// Writes what the sheet says, in one transaction: rows whose key is there change,
/// the others are new, and what was deleted stands again. Columns that the sheet
/// has not stay as they are. With `dry_run` everything is tried and nothing kept.
///
/// # Errors
/// [`MastersError::Mistakes`] with every mistake of the whole sheet, and nothing
/// is written.
pub async fn import(
    db: &Db,
    cx: &Cx,
    shape: &Shape,
    sheet: &Sheet,
    heads: &BTreeMap<String, String>,
    dry_run: bool,
) -> Result<Report, MastersError> {
    import_seen(db, cx, shape, sheet, heads, dry_run, &HashMap::new()).await
}

/// [`import`] of lines of which a version was seen: one that was changed since is a
/// mistake, and so is a new one (version 0) whose key is there. A line that is not
/// among them goes over whatever is there.
pub(super) async fn import_seen(
    db: &Db,
    cx: &Cx,
    shape: &Shape,
    sheet: &Sheet,
    heads: &BTreeMap<String, String>,
    dry_run: bool,
    seen: &HashMap<usize, i32>,
) -> Result<Report, MastersError> {
    let (columns, mut mistakes) = columns(shape, sheet, heads);
    mistakes.extend(sheet.mistakes.iter().cloned());
    let rows: Vec<(usize, Cells)> =
        sheet.rows.iter().map(|(line, cells)| (*line, named(&columns, cells))).collect();
    let done = db
        .tx(cx, async |tx| {
            let mut changes = Vec::new();
            let mut keys: Vec<Vec<String>> = Vec::new();
            let mut first: HashMap<Vec<String>, usize> = HashMap::new();
            for (line, cells) in &rows {
                let mut change =
                    Change { line: Some(*line), cells: cells.clone(), before: None, mistakes: Vec::new() };
                if let Some(key) = key_of(shape, cells) {
                    match first.get(&key) {
                        Some(before) => {
                            let wrong = Wrong::new("twice").with("row", before);
                            change.mistakes.push(at_key(shape, *line, cells, wrong));
                        }
                        None => {
                            first.insert(key.clone(), *line);
                            keys.push(key);
                        }
                    }
                }
                changes.push(change);
            }
            write::alone(tx, shape, true).await?;
            let there = store::rows_by_key(tx, shape, &keys, true).await.map_err(DbError::from)?;
            for change in &mut changes {
                let before = key_of(shape, &change.cells).and_then(|key| there.get(&key.join(":")));
                match before {
                    Some(before) if !shape.holds(&before.row) => {
                        let wrong = there_already(shape, before);
                        let line = change.line.unwrap_or_default();
                        change.mistakes.push(at_key(shape, line, &change.cells, wrong));
                    }
                    Some(before) if !shape.changes(&before.row, tx.plants()) => {
                        let line = change.line.unwrap_or_default();
                        change.mistakes.push(at_key(shape, line, &change.cells, Wrong::new("other-plant")));
                    }
                    before => {
                        let line = change.line.unwrap_or_default();
                        let wrong = match (seen.get(&line), before) {
                            (Some(0), Some(before)) => Some(there_already(shape, before)),
                            (Some(seen), Some(before)) if *seen != before.version => {
                                Some(Wrong::new("stale"))
                            }
                            (Some(seen), None) if *seen > 0 => Some(Wrong::new("stale")),
                            _ => None,
                        };
                        if let Some(wrong) = wrong {
                            change.mistakes.push(at_key(shape, line, &change.cells, wrong));
                        }
                        change.before = before.cloned();
                    }
                }
            }
            let written = write::write(tx, shape, changes, Some("master.import")).await;
            match written {
                Ok(written) if mistakes.is_empty() => {
                    let count = |fate: Done| written.iter().filter(|(_, done)| *done == fate).count();
                    let report = Report {
                        rows: written.len(),
                        created: count(Done::Created),
                        changed: count(Done::Changed),
                        same: count(Done::Same),
                        dry_run,
                    };
                    if dry_run { Err(Stop::DryRun(report)) } else { Ok(report) }
                }
                Ok(_) => Err(Stop::Failed(MastersError::Mistakes(mistakes.clone()))),
                Err(MastersError::Mistakes(more)) => {
                    let mut all = mistakes.clone();
                    all.extend(whole_columns(shape, &columns, sheet.head_line, more));
                    all.sort_by_key(|mistake| mistake.row);
                    Err(Stop::Failed(MastersError::Mistakes(all)))
                }
                Err(error) => Err(Stop::Failed(error)),
            }
        })
        .await;
    match done {
        Ok(report) | Err(Stop::DryRun(report)) => Ok(report),
        Err(Stop::Failed(error)) => Err(error),
    }
}

fn at_key(shape: &Shape, line: usize, cells: &Cells, wrong: Wrong) -> Mistake {
    let field = shape.master.key.last().copied().unwrap_or_default();
    let found = cells.get(field).cloned().unwrap_or_default();
    Mistake { row: Some(line), field: field.to_owned(), found, wrong }
}

/// What each column of the sheet holds, and what is wrong with the heads.
fn columns(
    shape: &Shape,
    sheet: &Sheet,
    heads: &BTreeMap<String, String>,
) -> (Vec<Option<String>>, Vec<Mistake>) {
    let mut columns: Vec<Option<String>> = Vec::new();
    let mut mistakes = Vec::new();
    let at_head = |mistake: Mistake| Mistake { row: Some(sheet.head_line), ..mistake };
    for head in &sheet.head {
        let input = heads.get(&head.trim().to_lowercase()).cloned();
        if input.is_some() && columns.contains(&input) {
            let field = head.clone();
            let wrong = Wrong::new("column-twice");
            mistakes.push(at_head(Mistake { row: None, field, found: String::new(), wrong }));
            columns.push(None);
            continue;
        }
        if input.is_none() && !head.is_empty() {
            mistakes.extend(check::unknown(shape, [head.to_lowercase().as_str()]).into_iter().map(at_head));
        }
        columns.push(input);
    }
    (columns, mistakes)
}

/// The mistakes of rows, with a column that the sheet lacks told once, and not for every row
/// that needs it.
fn whole_columns(
    shape: &Shape,
    columns: &[Option<String>],
    head_line: usize,
    mistakes: Vec<Mistake>,
) -> Vec<Mistake> {
    let lacking = |mistake: &Mistake| {
        let column = shape.columns.iter().find(|column| column.name == mistake.field)?;
        let inputs = check::inputs(column);
        // A name may be given in any of the languages beside it.
        let beside = |given: &String| shape.in_languages(column) && given.starts_with("names.");
        let given = columns.iter().flatten().any(|given| inputs.contains(given) || beside(given));
        let empty = matches!(mistake.wrong.key.as_str(), "required" | "language");
        inputs.into_iter().next().filter(|_| empty && !given)
    };
    let mut told: Vec<Mistake> = Vec::new();
    let mut others = Vec::new();
    for mistake in mistakes {
        match lacking(&mistake) {
            Some(_) if told.iter().any(|known| known.field == mistake.field) => {}
            Some(input) => {
                let wrong = Wrong::new("column-missing").with("column", input);
                told.push(Mistake { row: Some(head_line), found: String::new(), wrong, ..mistake });
            }
            None => others.push(mistake),
        }
    }
    told.extend(others);
    told
}

fn named(columns: &[Option<String>], cells: &[String]) -> Cells {
    columns
        .iter()
        .zip(cells.iter().map(String::as_str).chain(std::iter::repeat("")))
        .filter_map(|(name, cell)| Some((name.clone()?, cell.to_owned())))
        .collect()
}
