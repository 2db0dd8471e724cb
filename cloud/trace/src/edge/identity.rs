//! Enrolment, renewal, and who is at the other end.

use chrono::{DateTime, Utc};
use platform::authority::{self, AgentIdentity, Authority, AuthorityError, Refusal};
use platform::ctx::Cx;
use platform::db::{Db, DbError, SystemTx};
use platform::tenancy::{self, TokenError};
use rustls::pki_types::CertificateDer;
use tonic::Status;
use uuid::Uuid;

use super::store;
use crate::ingest::findings::Finding;
use crate::ingest::store::findings;
use crate::ingest::{IngestError, Source, epochs};

/// The stream of an agent, if it has a plant; imports do not stream.
pub(super) fn source(identity: &AgentIdentity) -> Source {
    Source { tenant: identity.tenant, agent_id: identity.agent, plant: identity.plant.clone() }
}

/// An agent just enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The tenant.
    pub tenant: Uuid,
    /// Its code of four characters.
    pub tenant_code: String,
    /// The agent.
    pub agent_id: Uuid,
    /// Its plant's code.
    pub plant: String,
    /// The epoch in which it begins.
    pub epoch: u32,
    /// Its certificate.
    pub certificate_pem: String,
}

/// Why an enrolment or renewal was refused.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The agent's row.
    #[error(transparent)]
    Ingest(#[from] IngestError),
    /// The machine id.
    #[error("the machine id is longer than 200 bytes or holds a NUL")]
    Machine,
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for IdentityError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<IdentityError> for Status {
    fn from(error: IdentityError) -> Self {
        use AuthorityError as A;
        match &error {
            // A stranger is not told which of these it was.
            IdentityError::Token(TokenError::Unknown | TokenError::NotAllowed) => {
                Self::permission_denied(TokenError::Unknown.to_string())
            }
            IdentityError::Token(TokenError::Malformed | TokenError::Used | TokenError::Expired) => {
                Self::permission_denied(error.to_string())
            }
            IdentityError::Token(TokenError::OtherPlant { .. }) => {
                Self::failed_precondition(error.to_string())
            }
            IdentityError::Authority(A::Request) | IdentityError::Machine => {
                Self::invalid_argument(error.to_string())
            }
            IdentityError::Ingest(IngestError::UnknownAgent) | IdentityError::Authority(A::UnknownAgent) => {
                Self::permission_denied(error.to_string())
            }
            _ => {
                tracing::error!(%error, "enrolment or renewal");
                Self::unavailable("the cloud cannot answer now; try again")
            }
        }
    }
}

/// The answer to a certificate that is not accepted.
pub(super) fn refused(refusal: Refusal) -> Status {
    match refusal {
        Refusal::Malformed | Refusal::Foreign | Refusal::Expired => {
            Status::unauthenticated(refusal.to_string())
        }
        Refusal::Revoked | Refusal::Suspended => Status::permission_denied(refusal.to_string()),
        Refusal::Db(error) => {
            tracing::error!(%error, "identifying an agent");
            Status::unavailable("the cloud cannot answer now; try again")
        }
    }
}

/// What an agent asks with to be enrolled.
#[derive(Clone, Default)]
pub struct Request {
    /// The token.
    pub token: String,
    /// PKCS#10 in PEM.
    pub csr_pem: String,
    /// The machine; empty when it does not say.
    pub machine_id: String,
    /// Plant and tenant that it is set up for; empty when it does not say.
    pub plant: String,
    /// See there.
    pub tenant: String,
}

impl From<proto::v1::EnrolRequest> for Request {
    fn from(said: proto::v1::EnrolRequest) -> Self {
        Self {
            token: said.token,
            csr_pem: said.csr_pem,
            machine_id: said.machine_id,
            plant: said.expected_plant,
            tenant: said.expected_tenant,
        }
    }
}

/// Uses up a token and issues a certificate, in one transaction. Certificates
/// that the agent had are revoked, since another machine may hold them; an agent
/// that was enrolled before gets a new epoch, which burns its leases.
///
/// # Errors
/// [`IdentityError`]; the token stays unused then.
pub async fn enrol(
    db: &Db,
    authority: &Authority,
    request: &Request,
    now: DateTime<Utc>,
) -> Result<Enrolled, IdentityError> {
    let machine_id = request.machine_id.as_str();
    if machine_id.len() > 200 || machine_id.contains('\0') {
        return Err(IdentityError::Machine);
    }
    db.system_tx(async |system| {
        let redeemed = tenancy::redeem_token_in(system, &request.token).await?;
        let plant = redeemed.plant.ok_or(TokenError::NotAllowed)?;
        let other = |said: &str, ours: &str| !said.is_empty() && said != ours;
        if other(&request.plant, &plant) || other(&request.tenant, &redeemed.tenant_code) {
            // Nothing of this is committed: the token stays unused.
            return Err(TokenError::OtherPlant { plant, tenant: redeemed.tenant_code }.into());
        }
        let (tenant, agent_id) = (redeemed.tenant, redeemed.agent_id);
        authority::revoke_certificates(system, tenant, agent_id, now).await?;
        let issued = authority.issue_agent(system, tenant, agent_id, &request.csr_pem, now).await?;
        // The tenant's commits first: an epoch that nobody was told is harmless, and the
        // token is good until its certificate is kept.
        let epoch = system
            .enter(&Cx::system(tenant), async |tx| {
                if store::agent_enrolled_before(tx, tenant, agent_id).await? {
                    epochs::raise(tx, tenant, agent_id).await?;
                }
                let epoch = store::agent_enrol(tx, tenant, agent_id, machine_id).await?;
                epoch.ok_or(IdentityError::Ingest(IngestError::UnknownAgent))
            })
            .await?;
        Ok(Enrolled {
            tenant,
            tenant_code: redeemed.tenant_code,
            agent_id,
            plant,
            epoch: epoch.unsigned_abs(),
            certificate_pem: issued.certificate_pem,
        })
    })
    .await
}

/// Issues a further certificate to the holder of one that may be expired but
/// not revoked. The old one stays good until its own end, in case the answer
/// is lost on its way.
///
/// # Errors
/// [`IdentityError`].
pub async fn renew(
    db: &Db,
    authority: &Authority,
    identity: &AgentIdentity,
    csr_pem: &str,
    now: DateTime<Utc>,
) -> Result<String, IdentityError> {
    db.system_tx(async |system: &mut SystemTx| {
        let issued = authority.issue_agent(system, identity.tenant, identity.agent, csr_pem, now).await?;
        Ok(issued.certificate_pem)
    })
    .await
}

/// Who holds this certificate; `renewal` lets an expired one pass. One that was
/// adopted is an exception, so that somebody looks at it.
pub(super) async fn identify(
    db: &Db,
    leaf: &CertificateDer<'_>,
    renewal: bool,
) -> Result<AgentIdentity, Status> {
    let found = if renewal {
        authority::identify_for_renewal(db, leaf).await
    } else {
        authority::identify(db, leaf, Utc::now()).await
    };
    let identity = found.map_err(refused)?;
    if identity.adopted {
        let hex = identity.fingerprint.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let plant = identity.plant.as_deref().unwrap_or_default();
        let finding = Finding::adopted(identity.agent, plant, &hex);
        let told: Result<(), DbError> = db
            .ingest_tx(&identity.cx(), async |tx| {
                Ok(findings::insert(tx, identity.tenant, vec![finding.clone()]).await?)
            })
            .await;
        told.map_err(|error| refused(Refusal::Db(error)))?;
    }
    Ok(identity)
}
