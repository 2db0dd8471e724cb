//! Lists of numbers that were given out, page by page after a number.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::NumberingError;
use super::store::{self, Issued, Narrow};
use crate::db::Tx;

/// Rows of one page, unless the caller wants fewer.
const PAGE: usize = 50;
/// Most rows of one page.
const MOST: usize = 500;

/// What is asked, as a query string says it; empty is any.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = NumbersQuery)]
pub(super) struct Asked {
    /// The code of a series.
    #[schema(max_length = 60)]
    pub series: String,
    /// `issued` or `void`.
    pub status: String,
    /// How the number begins.
    #[schema(max_length = 60)]
    pub q: String,
    /// As the page before said.
    pub after: String,
    /// Rows at most.
    #[schema(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
}

/// One page: the newest first, or by number where a beginning is asked for.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
#[schema(as = NumbersPage)]
pub(super) struct Page {
    /// The numbers.
    pub numbers: Vec<Issued>,
    /// Pass as `after` for the next page.
    pub next: Option<String>,
}

fn place(after: &str) -> Option<(DateTime<Utc>, String)> {
    let (at, number) = after.split_once('~')?;
    let at = crate::web::moment(at)?;
    (!number.contains('\0')).then(|| (at, number.to_owned()))
}

/// A page of the list.
pub(super) async fn page(tx: &mut Tx, asked: &Asked) -> Result<Page, NumberingError> {
    let begins = asked.q.trim().to_uppercase();
    let clean = |text: &str| !text.contains('\0') && text.chars().count() <= 60;
    if !clean(&begins) || !clean(&asked.series) {
        return Err(NumberingError::Parameter("q"));
    }
    if !matches!(asked.status.as_str(), "" | "issued" | "void") {
        return Err(NumberingError::Parameter("status"));
    }
    let after = match asked.after.as_str() {
        "" => None,
        after => Some(place(after).ok_or(NumberingError::Parameter("after"))?),
    };
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(NumberingError::Parameter("limit"));
    }
    let narrow = Narrow {
        series: asked.series.clone(),
        status: asked.status.clone(),
        begins,
        after,
        plants: None,
        limit: i64::try_from(limit).unwrap_or(50) + 1,
    };
    let mut numbers = store::numbers(tx, &narrow).await?;
    let more = numbers.len() > limit;
    numbers.truncate(limit);
    let last = numbers.last().filter(|_| more);
    let next = last.map(|last| format!("{}~{}", last.issued_at.timestamp_micros(), last.number));
    Ok(Page { numbers, next })
}
