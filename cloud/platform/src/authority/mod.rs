//! The cloud as certificate authority of the plants' agents.
//!
//! An agent is known by the certificate that it presents, and by nothing that
//! it says. Every certificate issued has a row in `control.certificates`; one
//! without a row is foreign, however well it is signed, unless an operator has
//! said that the table was put back from a backup (`tenancy::restored`).

mod issue;
mod seal;
mod store;
pub mod tls;

use std::path::Path;

use chrono::{DateTime, Utc};
use rcgen::{Issuer, KeyPair, SigningKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use issue::agent_uri;
pub use seal::{MasterKey, SealError};

use crate::audit;
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx};
use crate::tenancy::Standing;

/// Postgres channel on which revocations are told, `tenant_uuid:agent_uuid`, and
/// suspensions, `tenant_uuid:`. Whoever keeps a stream open listens, and closes it.
pub const REVOKED_CHANNEL: &str = "tracewright_revoked";

const SEAL_PURPOSE: &str = "authority key";

/// Why the authority could not do it.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The request is not a PKCS#10 that its own key has signed, or too large.
    #[error("the certificate request is not valid")]
    Request,
    /// The authority's key cannot be opened.
    #[error("the authority's key {0}")]
    Seal(#[from] SealError),
    /// A certificate could not be made (a name that is none, say).
    #[error("making a certificate: {0}")]
    Make(#[from] rcgen::Error),
    /// The stored certificate of the authority cannot be read.
    #[error("the authority's stored certificate is damaged")]
    Damaged,
    /// TLS could not be set up.
    #[error("setting up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The tenant has no such agent.
    #[error("no such agent")]
    UnknownAgent,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for AuthorityError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Who an agent is, as its certificate proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentIdentity {
    /// Its tenant.
    pub tenant: Uuid,
    /// The tenant's four characters, as in UIDs.
    pub tenant_code: String,
    /// The agent.
    pub agent: Uuid,
    /// The agent's name within the tenant.
    pub name: String,
    /// Its plant's three characters; `None` for an import.
    pub plant: Option<String>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// Last moment of the certificate.
    pub not_after: DateTime<Utc>,
    /// The certificate was unknown here after the database was put back from a
    /// backup, and let in on its signature alone.
    pub adopted: bool,
}

impl AgentIdentity {
    /// The context in which this agent's messages are handled.
    pub fn cx(&self) -> Cx {
        Cx::new(self.tenant, format!("agent:{}", self.agent))
    }
}

/// Why a certificate is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no agent's certificate.
    #[error("this is not the certificate of an agent")]
    Malformed,
    /// This cloud never issued it.
    #[error(
        "this cloud does not know the certificate; after a backup was put back, an operator has to say so with \
         `cloud restored`"
    )]
    Foreign,
    /// It was revoked, or its agent was.
    #[error("the certificate is revoked")]
    Revoked,
    /// It is past its last moment: it may be renewed, and nothing else.
    #[error("the certificate has expired; it may only be renewed")]
    Expired,
    /// The tenant is suspended.
    #[error("the tenant is suspended")]
    Suspended,
    /// It could not be looked up.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// A certificate just issued to an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// The certificate, for the agent to keep.
    pub certificate_pem: String,
    /// Its last moment.
    pub not_after: DateTime<Utc>,
    /// SHA-256 of its DER.
    pub fingerprint: [u8; 32],
}

/// The authority, its key opened in memory.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate_pem: String,
    certificate: CertificateDer<'static>,
}

impl Authority {
    /// The installation's authority, made at first use and sealed at rest.
    ///
    /// # Errors
    /// [`AuthorityError::Seal`] when the master key is not the one that the
    /// authority was sealed with.
    pub async fn open(db: &Db, master: &MasterKey, now: DateTime<Utc>) -> Result<Self, AuthorityError> {
        let row = db
            .system_tx(async |system| {
                if let Some(row) = store::authority_lock(system).await? {
                    return Ok(row);
                }
                let (certificate, key) = issue::authority(now)?;
                let row = store::AuthorityRow {
                    authority_id: Uuid::now_v7(),
                    certificate_pem: certificate.pem(),
                    sealed_key: master.seal(SEAL_PURPOSE, key.serialized_der())?,
                };
                store::authority_insert(system, &row).await?;
                tracing::info!(authority = %row.authority_id, "made the certificate authority for plants");
                Ok::<_, AuthorityError>(row)
            })
            .await?;
        let key = PrivatePkcs8KeyDer::from(master.open(SEAL_PURPOSE, &row.sealed_key)?);
        let key = KeyPair::from_pkcs8_der_and_sign_algo(&key, &rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = CertificateDer::from_pem_slice(row.certificate_pem.as_bytes())
            .map_err(|_| AuthorityError::Damaged)?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_der(&certificate, key)?,
            certificate_pem: row.certificate_pem,
            certificate,
        })
    }

    /// The authority's certificate, which agents keep as their only root.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Signs what the cloud states, such as that a tenant was erased: ECDSA (P-256,
    /// SHA-256), in DER.
    ///
    /// # Errors
    /// [`AuthorityError::Make`].
    pub fn sign(&self, text: &[u8]) -> Result<Vec<u8>, AuthorityError> {
        Ok(self.issuer.key().sign(text)?)
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the authority's certificate, which enrolment tokens carry.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.certificate)
    }

    /// A new certificate and key for the listener of agents, valid for a year
    /// under `names` (host names and addresses).
    ///
    /// # Errors
    /// [`AuthorityError::Make`] when a name is none.
    pub fn issue_server(
        &self,
        names: &[String],
        now: DateTime<Utc>,
    ) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), AuthorityError> {
        let (certificate, key) = issue::server(&self.issuer, names, now)?;
        Ok((certificate.into(), PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }

    /// A certificate for an agent, recorded in the same transaction. Of the
    /// request only the public key counts; name and validity are ours.
    ///
    /// # Errors
    /// [`AuthorityError::Request`] when the request is not valid.
    pub async fn issue_agent(
        &self,
        system: &mut SystemTx,
        tenant: Uuid,
        agent: Uuid,
        csr_pem: &str,
        now: DateTime<Utc>,
    ) -> Result<Issued, AuthorityError> {
        let (certificate, not_after) = issue::agent(&self.issuer, tenant, agent, csr_pem, now)?;
        let fingerprint = fingerprint(certificate.der());
        store::certificate_insert(system, &fingerprint, tenant, agent, now, not_after).await?;
        Ok(Issued { certificate_pem: certificate.pem(), not_after, fingerprint })
    }
}

/// Whose certificate this is, after TLS has checked that this cloud's authority
/// signed it and that the peer holds its key.
///
/// # Errors
/// [`Refusal`]; [`Refusal::Expired`] is the weakest, told only when nothing
/// else is wrong.
pub async fn identify(
    db: &Db,
    certificate: &CertificateDer<'_>,
    now: DateTime<Utc>,
) -> Result<AgentIdentity, Refusal> {
    let identity = identify_for_renewal(db, certificate).await?;
    if now > identity.not_after {
        return Err(Refusal::Expired);
    }
    Ok(identity)
}

/// As [`identify`], but an expired certificate passes: it may be renewed.
///
/// # Errors
/// [`Refusal`], never [`Refusal::Expired`].
pub async fn identify_for_renewal(
    db: &Db,
    certificate: &CertificateDer<'_>,
) -> Result<AgentIdentity, Refusal> {
    let said = issue::read_agent(certificate).ok_or(Refusal::Malformed)?;
    let (tenant, agent, not_after) = (said.tenant, said.agent, said.not_after);
    let fingerprint = fingerprint(certificate);
    db.system_tx(async |system| {
        let row = match store::certificate_find(system, &fingerprint).await? {
            Some(row) => row,
            None if store::certificate_adopt(system, &fingerprint, &said).await? => {
                store::certificate_find(system, &fingerprint).await?.ok_or(Refusal::Foreign)?
            }
            None => return Err(Refusal::Foreign),
        };
        if (row.tenant_id, row.agent_id, row.not_after) != (tenant, agent, not_after) {
            return Err(Refusal::Foreign);
        }
        if row.revoked {
            return Err(Refusal::Revoked);
        }
        if !Standing::of(&row.tenant_status).admits() {
            return Err(Refusal::Suspended);
        }
        let known = system
            .enter(&Cx::system(tenant), async |tx| store::agent_find(tx, agent).await)
            .await?
            .ok_or(Refusal::Revoked)?;
        if known.status == "revoked" {
            return Err(Refusal::Revoked);
        }
        Ok(AgentIdentity {
            tenant,
            tenant_code: row.tenant_code,
            agent,
            name: known.name,
            plant: known.plant_code,
            fingerprint,
            not_after,
            adopted: row.adopted,
        })
    })
    .await
}

/// Shuts an agent out: every certificate of it is revoked, and its open streams
/// are told to close ([`REVOKED_CHANNEL`]) when the transaction commits. A new
/// token ([`crate::tenancy::issue_token`]) lets it enrol again.
///
/// # Errors
/// [`AuthorityError::UnknownAgent`].
pub async fn revoke_agent(
    system: &mut SystemTx,
    tenant: Uuid,
    agent: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, AuthorityError> {
    // The tenant's commits first: an agent whose row says so is refused, whatever
    // certificates it holds.
    system
        .enter(&Cx::system(tenant), async |tx| {
            let known = store::agent_find(tx, agent).await?.ok_or(AuthorityError::UnknownAgent)?;
            store::agent_set_status(tx, agent, "revoked").await?;
            let entry = audit::Entry {
                action: "agent.revoke",
                subject: &format!("agent:{agent}"),
                before: Some(json!({ "status": known.status })),
                after: Some(json!({ "status": "revoked" })),
            };
            Ok::<_, AuthorityError>(audit::record(tx, entry).await?)
        })
        .await?;
    revoke_certificates(system, tenant, agent, now).await
}

/// Revokes the certificates that an agent holds, without shutting it out: for
/// an enrolment, after which only the new certificate is good.
///
/// # Errors
/// Those of the database.
pub async fn revoke_certificates(
    system: &mut SystemTx,
    tenant: Uuid,
    agent: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, AuthorityError> {
    let count = store::certificates_revoke(system, tenant, agent, now).await?;
    store::revocation_notify(system, &format!("{tenant}:{agent}")).await?;
    Ok(count)
}

/// The agent that a message on [`REVOKED_CHANNEL`] names.
pub fn parse_revocation(payload: &str) -> Option<(Uuid, Uuid)> {
    let (tenant, agent) = payload.split_once(':')?;
    Some((tenant.parse().ok()?, agent.parse().ok()?))
}

/// SHA-256 of a certificate.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    Sha256::digest(certificate).into()
}

/// The certificates of every authority that this cloud has had, in PEM, the one in use first.
///
/// # Errors
/// [`DbError`].
pub(crate) async fn certificates(system: &mut SystemTx) -> Result<Vec<String>, DbError> {
    store::authority_certificates(system).await
}

/// Whether this authority, by its certificate in PEM, has [signed](Authority::sign) the
/// text.
#[must_use]
pub fn has_signed(certificate_pem: &str, text: &[u8], signature: &[u8]) -> bool {
    let Ok(certificate) = CertificateDer::from_pem_slice(certificate_pem.as_bytes()) else {
        return false;
    };
    let Ok((_, parsed)) = x509_parser::parse_x509_certificate(&certificate) else {
        return false;
    };
    let key = &parsed.public_key().subject_public_key.data;
    ring::signature::UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_ASN1, key)
        .verify(text, signature)
        .is_ok()
}

/// The master key of the state folder, made at first start.
///
/// # Errors
/// [`SealError`].
pub fn master_key(state_dir: &Path) -> Result<MasterKey, SealError> {
    MasterKey::load_or_create(&state_dir.join("master.key"))
}

#[cfg(test)]
mod tests;
