//! Documents on paper: one look for all of them, made one at a time.

use std::time::Duration;

use axum::http::StatusCode;
use platform::web::Problem;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

/// How a document is set, from its title, `lead`, `facts`, `sections` and, where there
/// are any, `signatures`.
pub(crate) const TEMPLATE: &str = include_str!("paper.typ");
/// Rows of a table at most; pages, files and the API have all.
pub(crate) const MOST_ROWS: usize = 500;
/// Documents that are made at once: each keeps a processor busy.
static AT_ONCE: Semaphore = Semaphore::const_new(1);
/// How long somebody waits for one.
const WITHIN: Duration = Duration::from_secs(60);

/// A section with a table of at most [`MOST_ROWS`] rows; `more` says how many are left
/// out. Pure.
pub(crate) fn section(
    title: String,
    mut text: Vec<String>,
    head: Vec<String>,
    mut rows: Vec<Vec<String>>,
    more: impl FnOnce(usize) -> String,
) -> Value {
    if rows.len() > MOST_ROWS {
        text.push(more(rows.len() - MOST_ROWS));
        rows.truncate(MOST_ROWS);
    }
    json!({ "title": title, "text": text, "head": head, "rows": rows })
}

/// The PDF of a document.
///
/// # Errors
/// 503 while others are being made; 500 without the fonts.
pub(crate) async fn pdf(data: Value) -> Result<Vec<u8>, Problem> {
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "");
    let made = tokio::time::timeout(WITHIN, async {
        let turn = AT_ONCE.acquire().await.map_err(|_| busy())?;
        // The turn goes along: whoever goes away leaves it taken until the work is done.
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            print::pdf(TEMPLATE, &data)
        });
        work.await.map_err(Problem::internal)?.map_err(Problem::internal)
    });
    made.await.map_err(|_| busy())?
}
