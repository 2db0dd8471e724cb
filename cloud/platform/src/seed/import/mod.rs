//! Takes masters and open orders from other systems: as JSON, as CSV, or in a
//! reference file's own form. The rules are those of the seeder.

mod csv;
mod json;
mod lists;
mod quote;
mod withdraw;

use std::fmt;

use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::reference::Published;
use crate::tenancy;

use super::mistake::{Mistake, SeedErrors};
use super::read::{Basis, MAX_FILE_BYTES, SourceFile};
use super::{Count, check, masters, reference_file};

pub(crate) use csv::Lines;
pub use lists::List;
pub use withdraw::{WithdrawError, withdraw};

/// Largest upload, in bytes.
pub const MAX_BYTES: usize = MAX_FILE_BYTES as usize;

/// How an upload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A reference file, as `plant-configs/reference/saif.toml`.
    Toml,
    /// An object of lists by name, each of the reference file's rows.
    Json,
    /// An array of rows of this list.
    JsonRows(List),
    /// Rows of this list under a line of column names.
    Csv(List),
}

/// Something to import.
#[derive(Debug, Clone)]
pub struct Upload {
    /// What messages call it: a file's name.
    pub name: String,
    /// How it is written.
    pub form: Form,
    /// The text, in UTF-8.
    pub bytes: Vec<u8>,
}

/// What an import did, or would do; its display form is for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    /// Rows by kind, and how many of them were new or changed.
    pub counts: Vec<Count>,
    /// What plants were told of it.
    pub published: Published,
    /// Nothing was written.
    pub dry_run: bool,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Count { what, rows, changed } in self.counts.iter().filter(|count| count.rows > 0) {
            writeln!(f, "{what}: {rows}, {changed} of them new or changed")?;
        }
        match (self.dry_run, self.published.rows) {
            (true, rows) => write!(f, "a dry run: nothing was written; {rows} rows would go to the plants"),
            (false, 0) => write!(f, "nothing new for the plants"),
            (false, rows) => write!(f, "published to the plants: {rows} rows"),
        }
    }
}

/// Why the transaction is rolled back.
enum Stop {
    DryRun(ImportReport),
    Failed(SeedErrors),
}

impl From<DbError> for Stop {
    fn from(error: DbError) -> Self {
        Self::Failed(error.into())
    }
}

/// Makes or updates what the upload says, in one transaction of the caller's
/// tenant, whose code is `tenant`. With `dry_run` everything is tried and nothing
/// kept. Rows that are not named stay as they are; see [`withdraw`].
///
/// # Errors
/// [`SeedErrors::Mistakes`] with every mistake of the upload, and nothing is
/// written; else those of the database.
pub async fn import(
    db: &Db,
    cx: &Cx,
    tenant: &str,
    upload: &Upload,
    dry_run: bool,
) -> Result<ImportReport, SeedErrors> {
    let source = document(upload).map_err(SeedErrors::Mistakes)?;
    let file = reference_file::read(&source, reference_file::Tenant::MayBeLeftOut);
    if let Some(named) = file.tenant.as_ref().filter(|named| named.value != tenant) {
        source.note(Basis::Present, &named.place, format!("\"{tenant}\", your tenant, or no such key"), None);
    }
    let done = db
        .tx(cx, async |tx| {
            let plants = tenancy::plant_codes(tx).await?.into_iter().collect();
            let mut known = masters::known(tx, plants).await?;
            check::check(&source, &file, &mut known);
            let mistakes = source.mistakes();
            if !mistakes.is_empty() {
                return Err(Stop::Failed(SeedErrors::Mistakes(placed(upload.form, mistakes))));
            }
            let (counts, published) = masters::write(tx, &file, &known).await.map_err(Stop::Failed)?;
            let report = ImportReport { counts, published, dry_run };
            if dry_run { Err(Stop::DryRun(report)) } else { Ok(report) }
        })
        .await;
    match done {
        Ok(report) | Err(Stop::DryRun(report)) => Ok(report),
        Err(Stop::Failed(error)) => Err(error),
    }
}

/// The upload as a reference file's text.
fn document(upload: &Upload) -> Result<SourceFile, Vec<Mistake>> {
    let alone = |line, found: &str, expected: &str| {
        vec![Mistake {
            file: upload.name.clone(),
            line,
            column: 0,
            path: String::new(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            hint: None,
        }]
    };
    if upload.bytes.len() > MAX_BYTES {
        return Err(alone(
            0,
            &format!("{} bytes", upload.bytes.len()),
            &format!("at most {MAX_BYTES} bytes"),
        ));
    }
    let Ok(text) = std::str::from_utf8(&upload.bytes) else {
        return Err(alone(0, "bytes that are not text", "text in UTF-8"));
    };
    // What spreadsheets put before the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = match upload.form {
        Form::Toml => text.to_owned(),
        Form::Json => json::document(text, None).map_err(|e| alone(e.line, &e.found, &e.expected))?,
        Form::JsonRows(list) => {
            json::document(text, Some(list)).map_err(|e| alone(e.line, &e.found, &e.expected))?
        }
        Form::Csv(list) => csv::document(&upload.name, text, list)?,
    };
    Ok(SourceFile::new(upload.name.clone(), text))
}

/// Mistakes as they lie in the upload: JSON is told by its path alone, CSV by
/// line and column name.
fn placed(form: Form, mut mistakes: Vec<Mistake>) -> Vec<Mistake> {
    for mistake in &mut mistakes {
        match form {
            Form::Toml => {}
            Form::Json | Form::JsonRows(_) => (mistake.line, mistake.column) = (0, 0),
            Form::Csv(_) => {
                mistake.column = 0;
                // `items[3].names.en` is the column `names.en` of a line.
                if let Some((_, field)) = mistake.path.split_once("].") {
                    mistake.path = field.rsplit_once("].").map_or(field, |(_, field)| field).to_owned();
                }
            }
        }
    }
    mistakes
}
