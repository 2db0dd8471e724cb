//! Telling people that an event is not any more what was taken in.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::notify::{self, Kind, Notice, To};
use serde_json::json;

use super::store::Leaves;
use super::{PROOF_READ, ProofError};
use crate::ingest::findings::{Finding, identity};
use crate::ingest::store::{Stream, findings};

/// Facts were changed behind the application's back.
pub const PROOF_ALTERED: Kind = Kind::mailed("proof.altered").urgent();

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The event is gone.
    Missing,
    /// Its bytes are others.
    Bytes,
    /// Its bytes are the same, and these columns say something else than they do.
    Columns(Vec<&'static str>),
}

impl What {
    fn json(&self) -> serde_json::Value {
        match self {
            Self::Missing => {
                json!({ "what": "missing", "problem": "the event is not in the database any more" })
            }
            Self::Bytes => {
                json!({ "what": "bytes", "problem": "the event's bytes are not those that were taken in" })
            }
            Self::Columns(columns) => {
                let problem =
                    format!("columns say something else than the event's bytes: {}", columns.join(", "));
                json!({ "what": "columns", "columns": columns, "problem": problem })
            }
        }
    }
}

/// Opens the exception `proof.altered` of an event and tells everybody who may see
/// proofs; once of each event.
pub(super) async fn tell(
    tx: &mut Tx,
    batch: &Leaves,
    seq: i64,
    what: What,
    now: DateTime<Utc>,
) -> Result<(), ProofError> {
    let tenant = tx.tenant();
    let stream = Stream { tenant, agent_id: batch.agent_id, epoch: batch.epoch };
    let plant = findings::plant_of(tx, stream).await?.unwrap_or_default();
    let mut detail = what.json();
    detail["batch"] = batch.batch_id.into();
    detail["leaf"] = (batch.first_leaf + seq - batch.from_seq).into();
    let finding = Finding::of_event("proof.altered", stream, &plant, seq, detail);
    if findings::insert_new(tx, tenant, finding).await? {
        let event = identity(batch.agent_id, batch.epoch, seq);
        tracing::error!(%tenant, event, ?what, "an event was changed behind the application's back");
        let to = To::Permission(PROOF_READ.code.to_owned());
        let notice = Notice::new(to, "/exceptions?kind=proof.altered").with("event", event);
        notify::tell(tx, &PROOF_ALTERED, &notice, now).await?;
        super::store::altered_count(tx).await?;
        super::check::count_altered();
    }
    Ok(())
}

/// The same for the tree itself: its tiles, its heads or its batches are not what was
/// written. Told once until somebody resolves the exception.
pub(super) async fn tell_tree(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), ProofError> {
    let tenant = tx.tenant();
    let finding = Finding {
        kind: "proof.altered",
        fingerprint: "tree".to_owned(),
        plant: String::new(),
        agent_id: None,
        epoch: None,
        seq: None,
        key: None,
        detail: json!({ "what": "tree", "problem": "the tree is not the one that was signed" }),
    };
    if findings::insert_new(tx, tenant, finding).await? {
        tracing::error!(%tenant, "the tree of proofs was changed behind the application's back");
        let to = To::Permission(PROOF_READ.code.to_owned());
        let notice = Notice::new(to, "/exceptions?kind=proof.altered").with("event", "Merkle tree");
        notify::tell(tx, &PROOF_ALTERED, &notice, now).await?;
        super::store::altered_count(tx).await?;
        super::check::count_altered();
    }
    Ok(())
}
