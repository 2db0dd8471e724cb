//! That the office has corrected a plant's own fact is told to that plant: its agent has the
//! fact on its labels, and would go by it for ever.

use platform::db::Tx;
use platform::reference::{Row, row_id};
use serde_json::json;
use sqlx::Error;

use super::store::queue::{self, Corrected, Ranges};

/// Kind of the rows.
const CORRECTION: &str = "correction";

/// What plants are to be told of corrections in these batches by others than the agent whose
/// fact it is. With the effects of the same batches: who asks after it is told sees them.
///
/// # Errors
/// The database.
pub async fn rows(tx: &mut Tx, ranges: &Ranges) -> Result<Vec<Row>, Error> {
    let corrected = queue::corrected_by_others(tx, ranges).await?;
    Ok(corrected.into_iter().filter(|one| !one.keys.is_empty()).map(row).collect())
}

/// The row of a fact. A later correction changes it, so that it is told again.
fn row(one: Corrected) -> Row {
    Row {
        kind: CORRECTION.to_owned(),
        id: row_id(&one.event_id.to_string(), Some(&one.plant)),
        body: json!({ "correction": one.event_id, "by": one.by, "keys": one.keys }),
        plant: Some(one.plant),
        deleted: false,
    }
}
