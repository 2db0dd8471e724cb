//! Making certificates. Pure: no database, and the time is given.

use std::time::SystemTime;

use chrono::{DateTime, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use uuid::Uuid;

use super::AuthorityError;

/// Longest certificate request that is looked at.
const MAX_CSR_BYTES: usize = 16 * 1024;

/// How long the authority itself is valid.
const AUTHORITY_DAYS: i64 = 20 * 365;
/// How long an agent's or the listener's certificate is valid; an agent renews
/// at half.
const LEAF_DAYS: i64 = 365;

/// Clocks in plants are not exact: certificates begin a little in the past.
const CLOCK_SLACK: Duration = Duration::hours(24);

/// A new authority: its certificate, and its private key in PKCS#8 DER.
pub fn authority(now: DateTime<Utc>) -> Result<(rcgen::Certificate, KeyPair), AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named("Tracewright plant authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    valid(&mut params, now, AUTHORITY_DAYS);
    let certificate = params.self_signed(&key)?;
    Ok((certificate, key))
}

/// A certificate for the cloud's own listener, under the names and addresses by
/// which agents reach it, and its new private key.
pub fn server(
    issuer: &Issuer<'_, KeyPair>,
    names: &[String],
    now: DateTime<Utc>,
) -> Result<(rcgen::Certificate, KeyPair), AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = named("Tracewright cloud");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid(&mut params, now, LEAF_DAYS);
    let certificate = params.signed_by(&key, issuer)?;
    Ok((certificate, key))
}

/// A certificate for an agent. Of the request only the public key is used, once
/// its signature shows that the asker holds the private key.
pub fn agent(
    issuer: &Issuer<'_, KeyPair>,
    tenant: Uuid,
    agent: Uuid,
    csr_pem: &str,
    now: DateTime<Utc>,
) -> Result<(rcgen::Certificate, DateTime<Utc>), AuthorityError> {
    if csr_pem.len() > MAX_CSR_BYTES {
        return Err(AuthorityError::Request);
    }
    let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(|_| AuthorityError::Request)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = named(&agent.to_string());
    params.subject_alt_names = vec![SanType::URI(agent_uri(tenant, agent).try_into()?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let not_after = valid(&mut params, now, LEAF_DAYS);
    let certificate = params.signed_by(&request.public_key, issuer)?;
    Ok((certificate, not_after))
}

/// How a certificate names an agent.
pub fn agent_uri(tenant: Uuid, agent: Uuid) -> String {
    format!("urn:tracewright:agent:{tenant}:{agent}")
}

/// What an agent's certificate says.
pub struct AgentCertificate {
    /// The tenant that it names.
    pub tenant: Uuid,
    /// The agent that it names.
    pub agent: Uuid,
    /// When it was issued.
    pub issued_at: DateTime<Utc>,
    /// Its last moment.
    pub not_after: DateTime<Utc>,
}

/// Reads a certificate; `None` when it is no agent's. Says nothing of who signed
/// it.
pub fn read_agent(der: &CertificateDer<'_>) -> Option<AgentCertificate> {
    let (rest, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let names = certificate.subject_alternative_name().ok()??;
    let [x509_parser::extensions::GeneralName::URI(uri)] = names.value.general_names.as_slice() else {
        return None;
    };
    let (tenant, agent) = uri.strip_prefix("urn:tracewright:agent:")?.split_once(':')?;
    let (tenant, agent) = (tenant.parse().ok()?, agent.parse().ok()?);
    // Only as this authority writes it: a UUID has other spellings.
    if *uri != agent_uri(tenant, agent) {
        return None;
    }
    let validity = certificate.validity();
    let not_before = DateTime::from_timestamp(validity.not_before.timestamp(), 0)?;
    let not_after = DateTime::from_timestamp(validity.not_after.timestamp(), 0)?;
    Some(AgentCertificate { tenant, agent, issued_at: not_before + CLOCK_SLACK, not_after })
}

fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// Sets validity and a random serial number; answers the last moment, in whole
/// seconds as a certificate holds it.
fn valid(params: &mut CertificateParams, now: DateTime<Utc>, days: i64) -> DateTime<Utc> {
    use chrono::SubsecRound;
    let not_after = (now + Duration::days(days)).trunc_subsecs(0);
    params.not_before = SystemTime::from(now - CLOCK_SLACK).into();
    params.not_after = SystemTime::from(not_after).into();
    // Positive, and never zero, as RFC 5280 wants it.
    let mut serial: [u8; 16] = rand::random();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    not_after
}
