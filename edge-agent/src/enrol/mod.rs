//! This agent's identity: exchanged once for a token, kept in the data folder,
//! renewed at half its life.

mod files;
mod tls;

use proto::v1;
use proto::v1::edge_link_client::EdgeLinkClient;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use uuid::Uuid;

pub use files::{FileError, Identity, machine_id};
pub use tls::{ConnectError, Connector, causes};

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The token is no token at all.
    #[error("this is not an enrolment token; one looks like twe1.….… and is printed by `cloud token`")]
    Token,
    /// A key or request could not be made.
    #[error("making a key: {0}")]
    Key(#[from] rcgen::Error),
    /// The cloud is out of reach, or is not the one that the token names.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The cloud said no, or could not answer; see [`EnrolError::passes`].
    #[error("the cloud did not enrol this agent: {} ({})", .0.message(), .0.code())]
    Refused(Box<tonic::Status>),
    /// The answer is not one.
    #[error("the cloud's answer cannot be used: {0}")]
    Answer(&'static str),
    /// The cloud enrolled another plant than the file describes.
    #[error(
        "this token is for plant {found} of tenant {found_tenant}, and the plant file is for {expected} of {expected_tenant}"
    )]
    OtherPlant {
        /// Tenant of the token.
        found_tenant: String,
        /// Plant of the token.
        found: String,
        /// Tenant of the file.
        expected_tenant: String,
        /// Plant of the file.
        expected: String,
    },
    /// The identity could not be kept.
    #[error(transparent)]
    File(#[from] FileError),
}

impl EnrolError {
    /// Whether the same may succeed later: the cloud is out of reach, busy or in
    /// trouble, or the connection broke in the middle. A refusal is none of these.
    #[must_use]
    pub fn passes(&self) -> bool {
        use tonic::Code;
        match self {
            Self::Connect(error) => matches!(error, ConnectError::OutOfReach { .. }),
            Self::Refused(status) => !matches!(
                status.code(),
                Code::InvalidArgument
                    | Code::Unauthenticated
                    | Code::PermissionDenied
                    | Code::NotFound
                    | Code::AlreadyExists
                    | Code::FailedPrecondition
                    | Code::OutOfRange
                    | Code::Unimplemented
            ),
            _ => false,
        }
    }
}

/// An enrolment token: a secret, and the fingerprint of the only authority that
/// may be told it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    text: String,
    fingerprint: [u8; 32],
}

impl std::str::FromStr for Token {
    type Err = EnrolError;

    /// Reads `twe1.<token>.<base64url of the authority's SHA-256>`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        use base64::Engine;
        let text = text.trim();
        let mut parts = text.split('.');
        let (Some("twe1"), Some(secret), Some(fingerprint), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(EnrolError::Token);
        };
        let fingerprint = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(fingerprint)
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok())
            .filter(|_| !secret.is_empty())
            .ok_or(EnrolError::Token)?;
        Ok(Self { text: text.to_owned(), fingerprint })
    }
}

/// Which plant the file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Tenant's code.
    pub tenant: String,
    /// Plant's code.
    pub plant: String,
}

/// Exchanges a token for an identity. The token is told only to a server whose
/// authority has the fingerprint in the token.
///
/// # Errors
/// [`EnrolError`]; the token is used up only if the cloud answered.
pub async fn enrol(
    url: &str,
    token: &Token,
    machine_id: &str,
    expected: &Expected,
) -> Result<Identity, EnrolError> {
    let (key_pem, csr_pem) = request()?;
    let channel = Connector::by_fingerprint(url, token.fingerprint)?.connect().await?;
    let answer = EdgeLinkClient::new(channel)
        .enrol(v1::EnrolRequest {
            token: token.text.clone(),
            csr_pem,
            machine_id: machine_id.to_owned(),
            expected_plant: expected.plant.clone(),
            expected_tenant: expected.tenant.clone(),
        })
        .await
        .map_err(|status| EnrolError::Refused(Box::new(status)))?
        .into_inner();
    let id = |bytes: &[u8], what| Uuid::from_slice(bytes).map_err(|_| EnrolError::Answer(what));
    let identity = Identity {
        agent_id: id(&answer.agent_id, "the agent's id")?,
        tenant_id: id(&answer.tenant_id, "the tenant's id")?,
        tenant: answer.tenant,
        plant: answer.plant,
        epoch: answer.epoch,
        certificate_pem: answer.certificate_pem,
        ca_pem: answer.ca_pem,
        key_pem,
    };
    if identity.tenant != expected.tenant || identity.plant != expected.plant {
        return Err(EnrolError::OtherPlant {
            found_tenant: identity.tenant,
            found: identity.plant,
            expected_tenant: expected.tenant.clone(),
            expected: expected.plant.clone(),
        });
    }
    Ok(identity)
}

/// Asks for a further certificate with a new key, by the one held.
///
/// # Errors
/// [`EnrolError`]; the identity held stays good until it expires.
pub async fn renew(url: &str, identity: &Identity) -> Result<Identity, EnrolError> {
    let (key_pem, csr_pem) = request()?;
    let channel = Connector::by_identity(url, identity)?.connect().await?;
    let answer = EdgeLinkClient::new(channel)
        .renew(v1::RenewRequest { csr_pem })
        .await
        .map_err(|status| EnrolError::Refused(Box::new(status)))?
        .into_inner();
    Ok(Identity {
        certificate_pem: answer.certificate_pem,
        ca_pem: answer.ca_pem,
        key_pem,
        ..identity.clone()
    })
}

fn request() -> Result<(String, String), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let csr = CertificateParams::default().serialize_request(&key)?;
    Ok((key.serialize_pem(), csr.pem()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_ends_the_waiting() {
        use tonic::{Code, Status};
        let answered = |code| EnrolError::Refused(Box::new(Status::new(code, "x"))).passes();
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::ResourceExhausted, Code::Internal] {
            assert!(answered(code), "{code:?}");
        }
        // What a connection that breaks in the middle becomes.
        let broken = Status::from_error(Box::new(std::io::Error::other("connection reset")));
        assert!(EnrolError::Refused(Box::new(broken)).passes());
        for code in [Code::Unauthenticated, Code::PermissionDenied, Code::InvalidArgument, Code::NotFound] {
            assert!(!answered(code), "{code:?}");
        }
        let out_of_reach = ConnectError::OutOfReach { url: "https://x".into(), problem: "no".into() };
        assert!(EnrolError::Connect(out_of_reach).passes());
        assert!(!EnrolError::Connect(ConnectError::Url("x".into())).passes());
        assert!(!EnrolError::Token.passes());
    }

    #[test]
    fn only_a_token_is_one() {
        let fingerprint = "A".repeat(43);
        assert!(format!(" twe1.secret.{fingerprint}\n").parse::<Token>().is_ok());
        for wrong in [
            "",
            "twe1",
            "twe1.secret",
            "twe1.secret.AAAA",
            &format!("twe1..{fingerprint}"),
            &format!("twe2.secret.{fingerprint}"),
            &format!("twe1.secret.{fingerprint}.more"),
        ] {
            assert!(wrong.parse::<Token>().is_err(), "{wrong}");
        }
    }
}
