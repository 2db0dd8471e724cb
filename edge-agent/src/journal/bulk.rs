//! Many rows in one statement. A round trip to SQLite's thread costs more than
//! the row itself, so rows go in chunks of a few fixed sizes, whose statements
//! stay prepared.

use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, AssertSqlSafe, SqliteConnection};

use super::JournalError;

const SIZES: [usize; 4] = [128, 32, 8, 1];

/// One statement in each chunk size.
pub(super) struct Bulk {
    columns: usize,
    statements: [Arc<str>; SIZES.len()],
}

/// The values of one row, taken apart.
pub(super) struct RowValues<'a>(&'a mut SqliteArguments);

impl RowValues<'_> {
    /// Adds the next column's value.
    pub(super) fn add<'t, T>(&mut self, value: T) -> Result<(), JournalError>
    where
        T: sqlx::Encode<'t, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        self.0.add(value).map_err(|e| JournalError::Database(sqlx::Error::Encode(e)))
    }
}

impl Bulk {
    /// `insert` up to `VALUES`, the number of columns, and what follows the rows.
    pub(super) fn new(insert: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(","));
        let statement =
            |size: usize| format!("{insert} VALUES {} {tail}", vec![row.as_str(); size].join(","));
        Self { columns, statements: SIZES.map(|size| statement(size).into()) }
    }

    /// Writes all rows, in order.
    pub(super) async fn run<T>(
        &self,
        conn: &mut SqliteConnection,
        rows: Vec<T>,
        bind: impl Fn(T, &mut RowValues<'_>) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        for (size, statement) in SIZES.iter().zip(&self.statements) {
            while left >= *size {
                let mut arguments = SqliteArguments::default();
                arguments.reserve(size * self.columns, 0);
                for row in rows.by_ref().take(*size) {
                    bind(row, &mut RowValues(&mut arguments))?;
                }
                let sql = AssertSqlSafe(Arc::clone(statement));
                sqlx::query_with(sql, arguments).execute(&mut *conn).await?;
                left -= size;
            }
        }
        Ok(())
    }
}
