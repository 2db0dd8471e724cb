//! The certificates of erasures as the cloud keeps them: listed, shown, handed out again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::erase::{Certificate, Statement};
use super::store;
use crate::authority;
use crate::db::{Db, DbError, SystemTx};

/// An erasure that was begun, as its row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// Its id; a later one has a higher one.
    pub id: Uuid,
    /// The tenant's code.
    pub code: String,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When it came to its end; `None`: it was cut short.
    pub ended_at: Option<DateTime<Utc>>,
    /// A [`Statement`] in JSON, to the letter as it was signed.
    pub statement: String,
    /// Over the statement, once it has come to its end.
    pub signature: Option<Vec<u8>>,
}

impl Erasure {
    /// What it states.
    #[must_use]
    pub fn stated(&self) -> Option<Statement> {
        serde_json::from_str(&self.statement).ok()
    }

    /// SHA-256 of the statement, in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        Sha256::digest(&self.statement).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What is handed out of it, with the authority of this cloud that has signed it; `None`
    /// when it was cut short, or none has, so that it is not what was signed.
    #[must_use]
    pub fn certificate(&self, authorities: &[String]) -> Option<Certificate> {
        let signature = self.signature.as_deref()?;
        let signed = |pem: &&String| authority::has_signed(pem, self.statement.as_bytes(), signature);
        Some(Certificate {
            statement: self.statement.clone(),
            signature: STANDARD.encode(signature),
            authority: authorities.iter().find(signed)?.clone(),
        })
    }
}

/// Erasures, the latest first, before one of them; `want` at most.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn list(db: &Db, before: Option<Uuid>, want: i64) -> Result<Vec<Erasure>, DbError> {
    let before = before.unwrap_or(Uuid::max());
    db.system_tx(async |system| Ok(store::erasures(system, before, want).await?)).await
}

/// One of them, and the certificates of the authorities that this cloud has had, in PEM.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn one(db: &Db, id: Uuid) -> Result<Option<(Erasure, Vec<String>)>, DbError> {
    let look = async |system: &mut SystemTx| {
        let Some(found) = store::erasure(system, id).await? else { return Ok(None) };
        Ok::<_, DbError>(Some((found, authority::certificates(system).await?)))
    };
    db.system_tx(look).await
}

/// The latest erasure of a tenant of this code that came to its end, and its certificate:
/// for whoever was cut short before it could be written to a file.
///
/// # Errors
/// [`DbError`].
pub async fn latest(db: &Db, code: &str) -> Result<Option<(Statement, Certificate)>, DbError> {
    let look = async |system: &mut SystemTx| {
        let Some(found) = store::erasure_latest(system, code).await? else { return Ok(None) };
        let certificate = found.certificate(&authority::certificates(system).await?);
        Ok::<_, DbError>(found.stated().zip(certificate))
    };
    db.system_tx(look).await
}
