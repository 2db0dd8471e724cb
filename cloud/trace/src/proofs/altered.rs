//! Telling people that what is stored of an event is not any more what was taken in.

use chrono::{DateTime, Utc};
use platform::db::Tx;
use platform::notify::{self, Kind, Notice, To};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uid::TenantCode;

use super::compare::Difference;
use super::held::WrongHold;
use super::told::WrongRow;
use super::uids::Wrong;
use super::{PROOF_READ, ProofError, store};
use crate::explore::names;
use crate::explore::order::Stamp;
use crate::explore::service::{own_code, uid_text};
use crate::ingest::findings::{Finding, identity};
use crate::ingest::rows::EventRow;
use crate::ingest::store::findings::Told;
use crate::ingest::store::{Stream, findings};

/// Facts were changed behind the application's back.
pub const PROOF_ALTERED: Kind = Kind::mailed("proof.altered").urgent().to_whom_may(PROOF_READ);

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The event is gone.
    Missing,
    /// Its bytes are others.
    Bytes,
    /// Its bytes are the same, and these columns or rows say something else than they do.
    Columns(Vec<Difference>),
    /// Rows of an event that nobody sent stand in these tables.
    Added(Vec<&'static str>),
}

impl What {
    /// Its name; the text that says it is `exceptions-altered-<name>`.
    fn name(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Bytes => "bytes",
            Self::Columns(_) => "columns",
            Self::Added(_) => "added",
        }
    }

    fn json(&self) -> Value {
        let mut detail = json!({ "what": self.name() });
        match self {
            Self::Missing | Self::Bytes => {}
            Self::Columns(differs) => {
                let columns: Vec<&str> = differs.iter().map(|one| one.column.as_str()).collect();
                detail["columns"] = json!(columns);
                detail["differs"] = json!(differs);
            }
            Self::Added(tables) => detail["tables"] = json!(tables),
        }
        detail
    }
}

/// An event that is not what was taken in.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The event.
    pub stamp: Stamp,
    /// The batch and the leaf, where it has one.
    pub leaf: Option<(i64, i64)>,
    /// The first UID that it names.
    pub key: Option<i64>,
    /// What is known of it: by its bytes where they are whole, else by its columns.
    pub event: Option<EventRow>,
    /// What is wrong.
    pub what: What,
}

/// Opens the exception `proof.altered` of an event and tells everybody who may see proofs.
/// Each state of an event is told once; one that is still found after somebody resolved it
/// is opened again, and told again.
pub(super) async fn tell(tx: &mut Tx, found: &Found, now: DateTime<Utc>) -> Result<(), ProofError> {
    let (tenant, at) = (tx.tenant(), found.stamp);
    let stream = Stream { tenant, agent_id: at.agent, epoch: at.epoch };
    let agent = store::agent_name(tx, at.agent).await?;
    let plant = match found.event.as_ref().map(|event| event.plant.clone()).filter(|plant| !plant.is_empty())
    {
        Some(plant) => plant,
        None => findings::plant_of(tx, stream).await?.unwrap_or_default(),
    };
    let mut detail = found.what.json();
    let print = print(&identity(at.agent, at.epoch, at.seq), &detail);
    detail["event"] = event(found, agent.as_deref());
    if let Some((batch, leaf)) = found.leaf {
        detail["batch"] = batch.into();
        detail["leaf"] = leaf.into();
    }
    let finding = Finding {
        fingerprint: print,
        key: found.key,
        ..Finding::of_event("proof.altered", stream, &plant, at.seq, detail)
    };
    let code = own_code(tx).await.ok();
    notify(tx, finding, &named(code, found, &plant, agent.as_deref()), now).await
}

/// The same of a UID whose rows are not what its events come to.
pub(super) async fn tell_uid(
    tx: &mut Tx,
    code: Option<TenantCode>,
    wrong: Wrong,
    now: DateTime<Utc>,
) -> Result<(), ProofError> {
    let Wrong { key, plant, differs } = wrong;
    let columns: Vec<&str> = differs.iter().map(|one| one.column.as_str()).collect();
    let detail = json!({ "what": "uid", "columns": columns, "differs": differs });
    let uid = code.map_or_else(|| key.to_string(), |code| uid_text(code, key));
    let named = [uid, plant.clone()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let finding = Finding {
        kind: "proof.altered",
        fingerprint: print(&format!("uid:{key}"), &detail),
        plant,
        agent_id: None,
        epoch: None,
        seq: None,
        key: Some(key),
        detail,
    };
    notify(tx, finding, &named.join(" · "), now).await
}

/// The same of a hold whose row is not what was told when it was placed.
pub(super) async fn tell_hold(tx: &mut Tx, wrong: WrongHold, now: DateTime<Utc>) -> Result<(), ProofError> {
    let WrongHold { hold_id, reason, differs } = wrong;
    let columns: Vec<&str> = differs.iter().map(|one| one.column.as_str()).collect();
    let mut detail = json!({ "what": "hold", "columns": columns, "differs": differs });
    let print = print(&format!("hold:{hold_id}"), &detail);
    detail["hold"] = json!({ "hold_id": hold_id, "reason": reason });
    let finding = Finding {
        kind: "proof.altered",
        fingerprint: print,
        plant: String::new(),
        agent_id: None,
        epoch: None,
        seq: None,
        key: None,
        detail,
    };
    notify(tx, finding, &format!("{hold_id} · {reason}"), now).await
}

/// The same of a row of what plants are told.
pub(super) async fn tell_row(tx: &mut Tx, wrong: WrongRow, now: DateTime<Utc>) -> Result<(), ProofError> {
    let WrongRow { kind, id, plant, differs } = wrong;
    let columns: Vec<&str> = differs.iter().map(|one| one.column.as_str()).collect();
    let mut detail = json!({ "what": "told", "columns": columns, "differs": differs });
    let print = print(&format!("told:{kind}:{id}"), &detail);
    detail["row"] = json!({ "kind": kind, "id": id });
    let named = format!("{kind} · {id}");
    detail["type"] = named.as_str().into();
    let finding = Finding {
        kind: "proof.altered",
        fingerprint: print,
        plant,
        agent_id: None,
        epoch: None,
        seq: None,
        key: None,
        detail,
    };
    notify(tx, finding, &named, now).await
}

/// The same for the tree itself: its tiles, its heads or its batches are not what was
/// written.
pub(super) async fn tell_tree(tx: &mut Tx, now: DateTime<Utc>) -> Result<(), ProofError> {
    let finding = Finding {
        kind: "proof.altered",
        fingerprint: "tree".to_owned(),
        plant: String::new(),
        agent_id: None,
        epoch: None,
        seq: None,
        key: None,
        detail: json!({ "what": "tree" }),
    };
    notify(tx, finding, "tree", now).await
}

async fn notify(tx: &mut Tx, finding: Finding, of: &str, now: DateTime<Utc>) -> Result<(), ProofError> {
    let tenant = tx.tenant();
    let what = finding.detail["what"].to_string();
    let (id, again) = match findings::found(tx, tenant, finding, now).await? {
        Told::Before => return Ok(()),
        Told::New(id) => (id, false),
        Told::Again(id) => (id, true),
    };
    tracing::error!(%tenant, of, what, again, "facts were changed behind the application's back");
    let to = To::Permission(PROOF_READ.code.to_owned());
    let notice = Notice::new(to, format!("/exceptions/{id}")).with("event", of);
    notify::tell(tx, &PROOF_ALTERED, &notice, now).await?;
    if !again {
        store::altered_count(tx).await?;
        super::check::count_altered();
    }
    Ok(())
}

/// What was found is a part of what it is known by: the same event changed once more is
/// another finding.
fn print(identity: &str, found: &Value) -> String {
    let hash = Sha256::digest(found.to_string());
    let short: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{identity}:{short}")
}

/// The event for a person to read.
fn event(found: &Found, agent: Option<&str>) -> Value {
    let at = found.stamp;
    let mut told = json!({
        "agent": at.agent,
        "agent_name": agent,
        "epoch": at.epoch,
        "seq": at.seq.to_string(),
    });
    if let Some(event) = &found.event {
        told["event_id"] = json!(event.event_id);
        told["stage"] = names::stage(event.stage).as_str_name().into();
        told["occurred_at"] = names::timestamp(event.occurred_at).into();
        told["plant"] = event.plant.as_str().into();
        told["station"] = event.station.as_str().into();
        told["operator"] = event.operator_id.as_str().into();
        told["reference"] = event.reference_number.as_str().into();
    }
    told
}

/// The event in a notice, which is read in several languages: names and numbers alone.
fn named(code: Option<TenantCode>, found: &Found, plant: &str, agent: Option<&str>) -> String {
    let uid = found.key.zip(code).map(|(key, code)| uid_text(code, key));
    let stage = found.event.as_ref().map(|event| names::stage(event.stage).as_str_name().to_owned());
    let at = found.event.as_ref().map(|event| names::timestamp(event.occurred_at));
    let place = format!("{}/{}", agent.unwrap_or(plant), found.stamp.seq);
    let parts = [uid, stage, at, Some(plant.to_owned()), Some(place)];
    parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_belongs_to_what_it_is_known_by() {
        let one = |column: &str| {
            let differs =
                Difference { column: column.into(), stored: Some("1".into()), said: Some("2".into()) };
            print("a:1:7", &What::Columns(vec![differs]).json())
        };
        assert_eq!(one("outcome"), one("outcome"));
        assert_ne!(one("outcome"), one("operator_id"));
        assert_ne!(print("a:1:7", &What::Missing.json()), print("a:1:8", &What::Missing.json()));
        assert!(one("outcome").starts_with("a:1:7:"));
    }

    #[test]
    fn a_notice_names_the_event() {
        let stamp = Stamp { agent: uuid::Uuid::nil(), epoch: 1, seq: 700 };
        let found = Found { stamp, leaf: None, key: None, event: None, what: What::Missing };
        assert_eq!(named(None, &found, "KOL", Some("KOL-1")), "KOL · KOL-1/700");
        let key = crate::testing::key(crate::testing::EXAMPLE);
        let found = Found { key: Some(key), ..found };
        let told = named("SAIF".parse().ok(), &found, "KOL", None);
        assert_eq!(told, format!("{} · KOL · KOL/700", crate::testing::EXAMPLE));
    }
}
