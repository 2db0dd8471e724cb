//! Who gets in.

use super::*;
use platform::authority;
use tonic::Code;

#[tokio::test]
async fn a_token_enrols_once_and_only_a_certificate_opens_a_stream() {
    let cloud = Cloud::start().await;
    let token = cloud.token().await;
    let wrong = token.replace("twe1.", "twe1.A");
    // Well-formed, of this authority, and never issued.
    let other = if &token[10..11] == "A" { "B" } else { "A" };
    let unknown = format!("{}{other}{}", &token[..10], &token[11..]);
    assert_eq!(cloud.try_enrol(&unknown).await.err().map(|s| s.code()), Some(Code::PermissionDenied));
    assert_eq!(cloud.try_enrol(&wrong).await.err().map(|s| s.code()), Some(Code::PermissionDenied));
    assert_eq!(cloud.try_enrol("nonsense").await.err().map(|s| s.code()), Some(Code::PermissionDenied));

    let (one, two) = tokio::join!(cloud.try_enrol(&token), cloud.try_enrol(&token));
    assert_eq!(u8::from(one.is_ok()) + u8::from(two.is_ok()), 1, "once, even at the same time");
    assert_eq!(cloud.try_enrol(&token).await.err().map(|s| s.code()), Some(Code::PermissionDenied));
    let Ok(credentials) = one.or(two) else { panic!("not enrolled") };
    let source = &cloud.world.source;
    let said = &credentials.response;
    assert_eq!((said.tenant.as_str(), said.plant.as_str(), said.epoch), ("SAIF", "KOL", 1));
    assert_eq!(said.agent_id, source.agent_id.as_bytes());
    assert_eq!(said.tenant_id, source.tenant.as_bytes());

    let journal = cloud.world.journal();
    let nobody = Link::open(cloud.client(None).await, hello(&journal)).await;
    assert_eq!(nobody.err().map(|s| s.code()), Some(Code::Unauthenticated));
    let mut link = Link::open(cloud.agent(&credentials).await, hello(&journal)).await.expect("a stream");
    assert!(matches!(link.answer().await, Message::Welcome(_)));
}

#[tokio::test]
async fn a_request_that_is_none_leaves_the_token_unused() {
    let cloud = Cloud::start().await;
    let token = cloud.token().await;
    for csr_pem in ["", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----"] {
        let request =
            v1::EnrolRequest { token: token.clone(), csr_pem: csr_pem.into(), machine_id: "m".into() };
        let refused = cloud.client(None).await.enrol(request).await;
        assert_eq!(refused.err().map(|s| s.code()), Some(Code::InvalidArgument));
    }
    cloud.try_enrol(&token).await.expect("enrolled");
}

#[tokio::test]
async fn a_foreign_authoritys_certificate_does_not_even_shake_hands() {
    let cloud = Cloud::start().await;
    let source = &cloud.world.source;
    let other = World::new().await;
    let master = MasterKey::from_bytes(&[9; 32]).expect("a key");
    let foreign = Authority::open(&other.db.db, &master, Utc::now()).await.expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let csr = CertificateParams::default().serialize_request(&key).expect("a request").pem().expect("PEM");
    // The same names as the real agent, signed by somebody else.
    let issued = other
        .db
        .db
        .system_tx(async |system| {
            foreign.issue_agent(system, other.source.tenant, source.agent_id, &csr, Utc::now()).await
        })
        .await
        .expect("a certificate");
    let journal = cloud.world.journal();
    // TLS 1.3 tells the client only when it reads, so either step may fail.
    let refused = match cloud.try_channel(Some((&issued.certificate_pem, &key.serialize_pem()))).await {
        Err(_) => true,
        Ok(channel) => Link::open(EdgeLinkClient::new(channel), hello(&journal)).await.is_err(),
    };
    assert!(refused);
    assert_eq!(cloud.edge.live().count(), 0);
}

#[tokio::test]
async fn revocation_closes_the_live_stream_and_keeps_it_closed() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let journal = cloud.world.journal();
    let mut link = Link::open(cloud.agent(&credentials).await, hello(&journal)).await.expect("a stream");
    assert!(matches!(link.answer().await, Message::Welcome(_)));
    let source = &cloud.world.source;
    // Time for the listener to be there; without it a look-up finds it later.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = std::time::Instant::now();
    cloud
        .world
        .db
        .db
        .system_tx(async |system| {
            authority::revoke_agent(system, source.tenant, source.agent_id, Utc::now()).await
        })
        .await
        .expect("revoked");
    let end = link.end().await;
    assert_eq!(end.code(), Code::PermissionDenied, "{end:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let again = Link::open(cloud.agent(&credentials).await, hello(&journal)).await;
    assert_eq!(again.err().map(|s| s.code()), Some(Code::PermissionDenied));
}

#[tokio::test]
async fn renewal_gives_a_further_certificate_for_the_same_agent() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    let key = KeyPair::generate().expect("a key");
    let csr = CertificateParams::default().serialize_request(&key).expect("a request").pem().expect("PEM");
    let renewed = cloud
        .agent(&credentials)
        .await
        .renew(v1::RenewRequest { csr_pem: csr.clone() })
        .await
        .expect("renewed")
        .into_inner();
    let newer = Credentials {
        key_pem: key.serialize_pem(),
        certificate_pem: renewed.certificate_pem,
        response: v1::EnrolResponse::default(),
    };
    for credentials in [&credentials, &newer] {
        let journal = cloud.world.journal();
        let mut link = Link::open(cloud.agent(credentials).await, hello(&journal)).await.expect("a stream");
        assert!(matches!(link.answer().await, Message::Welcome(_)));
    }
    let nobody = cloud.client(None).await.renew(v1::RenewRequest { csr_pem: csr }).await;
    assert_eq!(nobody.err().map(|s| s.code()), Some(Code::Unauthenticated));
}

#[tokio::test]
async fn enrolling_again_revokes_the_old_certificate_and_raises_the_epoch() {
    let cloud = Cloud::start().await;
    let first = cloud.enrol().await;
    let second = cloud.enrol().await;
    assert_eq!(second.response.epoch, 2);
    let journal = cloud.world.journal();
    let old = Link::open(cloud.agent(&first).await, hello(&journal)).await;
    assert_eq!(old.err().map(|s| s.code()), Some(Code::PermissionDenied));
    // A journal that is still in epoch 1 is led into 2.
    let mut link = Link::open(cloud.agent(&second).await, hello(&journal)).await.expect("a stream");
    assert!(matches!(link.answer().await, Message::Welcome(_)));
    let Message::EpochChange(change) = link.answer().await else { panic!("no epoch change") };
    assert_eq!((change.epoch, change.through_seq), (2, 0));
}
