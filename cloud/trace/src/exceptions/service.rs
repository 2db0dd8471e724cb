//! Lists exceptions.

use platform::ctx::Cx;
use platform::db::Db;
use platform::web::{NOT_A_PLACE, parse_place, place};

use super::model::{ExceptionPage, ExceptionView};
use super::store;
use crate::explore::error::TraceError;
use crate::explore::service::{own_code, uid_text};

pub use super::store::Filter;

/// Most exceptions on one page.
pub const MOST_LIMIT: usize = 500;

/// The statuses that there are.
pub const STATUSES: [&str; 3] = ["open", "assigned", "resolved"];

/// A page of exceptions, newest first. An empty status means the open ones.
///
/// # Errors
/// A parameter that is not what it should be; the database.
pub async fn list(
    db: &Db,
    cx: &Cx,
    mut filter: Filter,
    after: Option<&str>,
    limit: usize,
) -> Result<ExceptionPage, TraceError> {
    if !(1..=MOST_LIMIT).contains(&limit) {
        let problem = format!("{limit} is not 1 to {MOST_LIMIT}");
        return Err(TraceError::Parameter { field: "limit", problem });
    }
    if filter.status.is_empty() {
        filter.status = "open".into();
    }
    if !STATUSES.contains(&filter.status.as_str()) {
        let problem = format!("is none of {}", STATUSES.join(", "));
        return Err(TraceError::Parameter { field: "status", problem });
    }
    for (field, text) in [("kind", &filter.kind), ("plant", &filter.plant)] {
        if text.contains('\0') {
            return Err(TraceError::Parameter { field, problem: "holds a NUL".into() });
        }
    }
    let after = after
        .map(|after| {
            parse_place(after)
                .ok_or_else(|| TraceError::Parameter { field: "after", problem: NOT_A_PLACE.into() })
        })
        .transpose()?;
    db.tx(cx, async |tx| {
        let tenant = own_code(tx).await?;
        let want = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut rows = store::list(tx, &filter, after, want).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| place(row.opened_at, row.exception_id));
        let exceptions = rows
            .into_iter()
            .map(|row| ExceptionView {
                exception_id: row.exception_id,
                kind: row.kind,
                status: row.status,
                plant: row.plant,
                uid: row.key.map(|key| uid_text(tenant, key)),
                document: row.document,
                detail: row.detail,
                opened_at: row.opened_at,
                resolved_at: row.resolved_at,
                resolved_by: row.resolved_by,
                resolution: row.resolution,
            })
            .collect();
        Ok(ExceptionPage { exceptions, next })
    })
    .await
}
