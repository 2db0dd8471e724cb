use std::sync::Arc;

use chrono::{DateTime, Duration, TimeDelta, Utc};
use rcgen::{CertificateParams, DnType, KeyPair, SanType};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use uuid::Uuid;

use super::{
    Authority, AuthorityError, Issued, MasterKey, Refusal, agent_uri, identify, identify_for_renewal,
    revoke_agent, tls,
};
use crate::ctx::Cx;
use crate::db::DbError;
use crate::testing::TestDb;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn csr(key: &KeyPair) -> String {
    CertificateParams::default().serialize_request(key).unwrap().pem().unwrap()
}

fn der(issued: &Issued) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()
}

struct Stage {
    test: TestDb,
    authority: Authority,
    tenant: Uuid,
    agent: Uuid,
    key: KeyPair,
}

impl Stage {
    async fn new(at: DateTime<Utc>) -> Self {
        let test = TestDb::new().await;
        let tenant = test.tenant("SAIF", &["KOL"]).await;
        let agent = test
            .db
            .tx(&Cx::system(tenant), async |tx| {
                Ok::<Uuid, DbError>(
                    sqlx::query_scalar("select agent_id from agents where plant_code = 'KOL'")
                        .fetch_one(tx.conn())
                        .await?,
                )
            })
            .await
            .unwrap();
        let master = MasterKey::from_bytes(&[7; 32]).unwrap();
        let authority = Authority::open(&test.db, &master, at).await.unwrap();
        Self { test, authority, tenant, agent, key: KeyPair::generate().unwrap() }
    }

    async fn issue(&self, csr: &str, at: DateTime<Utc>) -> Result<Issued, AuthorityError> {
        let (tenant, agent) = (self.tenant, self.agent);
        self.test
            .db
            .system_tx(async |system| self.authority.issue_agent(system, tenant, agent, csr, at).await)
            .await
    }
}

#[tokio::test]
async fn the_authority_is_made_once_and_opens_with_its_key_only() {
    let test = TestDb::new().await;
    let key = MasterKey::from_bytes(&[1; 32]).unwrap();
    let (one, two) =
        tokio::join!(Authority::open(&test.db, &key, now()), Authority::open(&test.db, &key, now()));
    assert_eq!(one.unwrap().fingerprint(), two.unwrap().fingerprint());
    let other = MasterKey::from_bytes(&[2; 32]).unwrap();
    assert!(matches!(Authority::open(&test.db, &other, now()).await, Err(AuthorityError::Seal(_))));
}

crate::in_every_placement! {
async fn an_agent_is_who_its_certificate_says() {
    let stage = Stage::new(now()).await;
    let issued = stage.issue(&csr(&stage.key), now()).await.unwrap();
    assert_eq!(issued.not_after, now() + Duration::days(365));
    let identity = identify(&stage.test.db, &der(&issued), now()).await.unwrap();
    assert_eq!(identity.tenant, stage.tenant);
    assert_eq!(identity.agent, stage.agent);
    assert_eq!((identity.tenant_code.as_str(), identity.plant.as_deref()), ("SAIF", Some("KOL")));
    assert_eq!(identity.fingerprint, issued.fingerprint);
    assert_eq!(identity.cx().actor, format!("agent:{}", stage.agent));
}
}

#[tokio::test]
async fn of_a_request_only_the_key_is_used() {
    let stage = Stage::new(now()).await;
    let mut params = CertificateParams::new(vec!["cloud.example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, "somebody else");
    params.subject_alt_names.push(SanType::URI(agent_uri(Uuid::nil(), Uuid::nil()).try_into().unwrap()));
    let csr = params.serialize_request(&stage.key).unwrap().pem().unwrap();
    let issued = stage.issue(&csr, now()).await.unwrap();
    let identity = identify(&stage.test.db, &der(&issued), now()).await.unwrap();
    assert_eq!((identity.tenant, identity.agent), (stage.tenant, stage.agent));
    assert!(!String::from_utf8_lossy(&der(&issued)).contains("cloud.example"));
}

#[tokio::test]
async fn a_request_that_is_not_signed_by_its_key_is_refused() {
    let stage = Stage::new(now()).await;
    let good = CertificateParams::default().serialize_request(&stage.key).unwrap();
    let mut bytes = good.der().to_vec();
    // Another key of the same form in the place of the first.
    let other = KeyPair::generate().unwrap();
    let raw = stage.key.public_key_raw();
    let at = bytes.windows(raw.len()).position(|w| w == raw).unwrap();
    bytes[at..at + raw.len()].copy_from_slice(other.public_key_raw());
    let forged = format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &bytes)
    );
    for bad in [forged.as_str(), "", "nonsense", &"x".repeat(20_000)] {
        assert!(matches!(stage.issue(bad, now()).await, Err(AuthorityError::Request)));
    }
}

#[tokio::test]
async fn foreign_revoked_suspended_and_expired_are_told_apart() {
    let stage = Stage::new(now()).await;
    let db = &stage.test.db;
    // Right name, right shape, wrong issuer.
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(agent_uri(stage.tenant, stage.agent).try_into().unwrap())];
    let own = params.self_signed(&stage.key).unwrap();
    assert!(matches!(identify(db, own.der(), now()).await, Err(Refusal::Foreign)));
    let nobody = CertificateParams::default().self_signed(&stage.key).unwrap();
    assert!(matches!(identify(db, nobody.der(), now()).await, Err(Refusal::Malformed)));
    assert!(matches!(
        identify(db, &CertificateDer::from(vec![1, 2, 3]), now()).await,
        Err(Refusal::Malformed)
    ));

    let certificate = der(&stage.issue(&csr(&stage.key), now()).await.unwrap());
    let later = now() + Duration::days(366);
    assert!(matches!(identify(db, &certificate, later).await, Err(Refusal::Expired)));
    assert!(identify_for_renewal(db, &certificate).await.is_ok());

    set_status(&stage, "suspended").await;
    assert!(matches!(identify(db, &certificate, now()).await, Err(Refusal::Suspended)));
    set_status(&stage, "active").await;

    let count = db
        .system_tx(async |system| revoke_agent(system, stage.tenant, stage.agent, now()).await)
        .await
        .unwrap();
    assert_eq!(count, 1);
    assert!(matches!(identify_for_renewal(db, &certificate).await, Err(Refusal::Revoked)));
    let unknown =
        db.system_tx(async |system| revoke_agent(system, stage.tenant, Uuid::nil(), now()).await).await;
    assert!(matches!(unknown, Err(AuthorityError::UnknownAgent)));
}

async fn set_status(stage: &Stage, status: &str) {
    stage
        .test
        .db
        .system_tx(async |system| {
            sqlx::query("update control.tenants set status = $1").bind(status).execute(system.conn()).await?;
            Ok::<_, DbError>(())
        })
        .await
        .unwrap();
}

/// Who may complete a handshake; what they may then do is `identify`'s matter.
#[tokio::test]
async fn the_listener_takes_no_certificate_or_an_expired_one_but_no_foreign_one() {
    let now = Utc::now();
    let old = now - TimeDelta::days(500);
    let stage = Stage::new(old).await;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let (certificate, key) = stage.authority.issue_server(&names, now).unwrap();
    let server = Arc::new(tls::server_config(&stage.authority, certificate, key).unwrap());

    let current = stage.issue(&csr(&stage.key), now).await.unwrap();
    let expired = stage.issue(&csr(&stage.key), old).await.unwrap();
    assert!(expired.not_after < now);
    let foreign = CertificateParams::default().self_signed(&stage.key).unwrap();

    let shake =
        |client: Option<CertificateDer<'static>>, name: &str| handshake(&stage, server.clone(), client, name);
    assert_eq!(shake(None, "localhost"), Ok(false));
    assert_eq!(shake(Some(der(&current)), "127.0.0.1"), Ok(true));
    assert_eq!(shake(Some(der(&expired)), "localhost"), Ok(true));
    assert!(shake(Some(foreign.der().clone()), "localhost").is_err());
    assert!(shake(None, "elsewhere.example").is_err());
}

/// Whether the server saw a client certificate, or what either side refused.
fn handshake(
    stage: &Stage,
    server: Arc<rustls::ServerConfig>,
    client: Option<CertificateDer<'static>>,
    name: &str,
) -> Result<bool, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(stage.authority.certificate().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        Some(certificate) => {
            let key: PrivateKeyDer<'_> = PrivatePkcs8KeyDer::from(stage.key.serialize_der()).into();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
        None => config.with_no_client_auth(),
    };
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    for _ in 0..10 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            server.read_tls(&mut wire).unwrap();
            server.process_new_packets().map_err(|e| e.to_string())?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut wire = wire.as_slice();
        while !wire.is_empty() {
            client.read_tls(&mut wire).unwrap();
            client.process_new_packets().map_err(|e| e.to_string())?;
        }
        if !client.is_handshaking() && !server.is_handshaking() && !client.wants_write() {
            return Ok(server.peer_certificates().is_some());
        }
    }
    Err("the handshake did not end".into())
}
