//! Exceptions of the projections, worded with both sides.

use chrono::{DateTime, Utc};
use platform::db::{DbError, Tx};
use serde_json::{Value, json};
use sqlx::Error;
use uid::TenantCode;

use super::contradiction::Contradiction;
use super::fact::Fact;
use super::store::facts::Facts;
use super::store::queue::{Batch, Parked};
use super::store::write::{self, Opening};
use super::waits::Wait;
use crate::explore::order::Stamp;
use crate::explore::service::uid_text;
use crate::explore::store::label;

/// The kind of what could not be worked out.
pub const FAILED: &str = "projection.failed";

fn first_batch(batches: &[Batch]) -> String {
    batches.first().map_or(0, |batch| batch.batch_id).to_string()
}

/// A UID that could not be folded or written. One exception, however often.
#[must_use]
pub fn label_failed(keys: &[i64], batches: &[Batch], error: &DbError) -> Opening {
    let key = keys.first().copied();
    Opening {
        kind: FAILED.into(),
        fingerprint: key.unwrap_or_default().to_string(),
        plant: String::new(),
        at: None,
        key,
        document: String::new(),
        detail: json!({ "batch_id": first_batch(batches), "problem": error.to_string() }),
    }
}

/// The fingerprint of a failure of an order.
#[must_use]
pub fn document_print((kind, number): &(String, String)) -> String {
    format!("order:{kind}:{number}")
}

/// An order whose progress could not be written.
#[must_use]
pub fn document_failed(document: &(String, String), batches: &[Batch], error: &DbError) -> Opening {
    Opening {
        kind: FAILED.into(),
        fingerprint: document_print(document),
        plant: String::new(),
        at: None,
        key: None,
        document: document.1.clone(),
        detail: json!({ "type": document.0, "batch_id": first_batch(batches), "problem": error.to_string() }),
    }
}

/// Two facts that disagree, or a fact and a hold.
#[must_use]
pub fn contradiction(tenant: TenantCode, key: i64, found: &Contradiction, facts: &Facts) -> Opening {
    let fact = facts.get(found.at);
    Opening {
        kind: found.kind.into(),
        fingerprint: found.fingerprint.clone(),
        plant: fact.map(|fact| fact.plant.clone()).unwrap_or_default(),
        at: Some(found.at),
        key: Some(key),
        document: fact.map(|fact| fact.reference.1.clone()).unwrap_or_default(),
        detail: json!({
            "uid": uid_text(tenant, key),
            "fact": fact.map(|fact| side(fact)),
            "against": found.against.and_then(|stamp| facts.get(stamp)).map(|fact| side(fact)),
            "hold": found.hold,
        }),
    }
}

/// One side of a disagreement, for a person to read.
fn side(fact: &Fact) -> Value {
    json!({
        "event_id": fact.event_id,
        "agent": fact.stamp.agent,
        "epoch": fact.stamp.epoch,
        "seq": fact.stamp.seq.to_string(),
        "stage": fact.stage.as_str_name(),
        "plant": fact.plant,
        "station": fact.station,
        "operator": fact.operator,
        "overridden_by": fact.overridden_by,
        "reason": fact.reason,
        "reference": fact.reference.1,
        "occurred_at": time(fact.occurred_at),
    })
}

fn time(at: DateTime<Utc>) -> String {
    crate::explore::names::timestamp(at)
}

/// Opens the exceptions of facts that have waited long enough for their
/// counterpart.
///
/// # Errors
/// The database.
pub async fn open_ripe(tx: &mut Tx, wait: Wait, ripe: &[Parked]) -> Result<(), Error> {
    if ripe.is_empty() {
        return Ok(());
    }
    let code: Option<TenantCode> = label::tenant_code(tx).await?.and_then(|code| code.parse().ok());
    let openings = ripe
        .iter()
        .map(|parked| {
            let stamp = Stamp { agent: parked.agent_id, epoch: parked.epoch, seq: parked.seq };
            Opening {
                kind: wait.kind.into(),
                fingerprint: wait.fingerprint(parked.key, stamp),
                plant: parked.plant.clone(),
                at: Some(stamp),
                key: Some(parked.key),
                document: String::new(),
                detail: json!({
                    "uid": code.map(|code| uid_text(code, parked.key)),
                    "told_by_plant": parked.plant,
                    "waits_for": wait.waits_for,
                    "parked_at": time(parked.parked_at),
                }),
            }
        })
        .collect();
    write::exceptions_open(tx, openings).await
}
