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
            v1::EnrolRequest { token: token.clone(), csr_pem: csr_pem.into(), ..Default::default() };
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

#[tokio::test]
async fn a_token_of_another_plant_is_refused_and_stays_unused() {
    let cloud = Cloud::start().await;
    let first = cloud.enrol().await;
    let token = cloud.token().await;
    let key = KeyPair::generate().expect("a key");
    let csr = CertificateParams::default().serialize_request(&key).expect("a request").pem().expect("PEM");
    for (plant, tenant) in [("VSK", "SAIF"), ("KOL", "ABCD")] {
        let request = v1::EnrolRequest {
            token: token.clone(),
            csr_pem: csr.clone(),
            expected_plant: plant.into(),
            expected_tenant: tenant.into(),
            ..v1::EnrolRequest::default()
        };
        let refused = cloud.client(None).await.enrol(request).await.expect_err("refused");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("plant KOL of SAIF"), "{}", refused.message());
    }
    // Nothing was revoked by it, and the token is good still.
    let journal = cloud.world.journal();
    let mut link = Link::open(cloud.agent(&first).await, hello(&journal)).await.expect("a stream");
    assert!(matches!(link.answer().await, Message::Welcome(_)));
    cloud.try_enrol(&token).await.expect("enrolled");
}

async fn revoke(cloud: &Cloud) {
    let source = &cloud.world.source;
    cloud
        .world
        .db
        .db
        .system_tx(async |system| {
            authority::revoke_agent(system, source.tenant, source.agent_id, Utc::now()).await
        })
        .await
        .expect("revoked");
}

#[tokio::test]
async fn a_revoked_agent_comes_back_by_a_new_token_and_its_backlog_drains() {
    let cloud = Cloud::start().await;
    let first = cloud.enrol().await;
    let unused = cloud.token().await;
    let mut journal = cloud.world.journal();
    for n in 1..=5 {
        journal.push(crate::ingest::tests::receipt(crate::ingest::tests::rm(n)));
    }
    revoke(&cloud).await;
    assert_eq!(cloud.try_enrol(&unused).await.err().map(|s| s.code()), Some(Code::PermissionDenied));
    let token = cloud.token().await;
    // Only the new token lets it in: neither what it had, nor an older token.
    let old = Link::open(cloud.agent(&first).await, hello(&journal)).await;
    assert_eq!(old.err().map(|s| s.code()), Some(Code::PermissionDenied));
    assert_eq!(cloud.try_enrol(&unused).await.err().map(|s| s.code()), Some(Code::PermissionDenied));
    let again = cloud.try_enrol(&token).await.expect("enrolled");
    assert_eq!(again.response.epoch, 2);
    let reopened = "select count(*) from audit_log where action = 'agent.reopen'";
    assert_eq!(cloud.world.count(reopened).await, 1);

    let mut link = Link::open(cloud.agent(&again).await, hello(&journal)).await.expect("a stream");
    let Message::Welcome(welcome) = link.answer().await else { panic!("no welcome") };
    assert_eq!((welcome.epoch, welcome.through_seq), (1, 0));
    link.say(batch(&journal, 1, 5)).await;
    let Message::Ack(ack) = link.answer().await else { panic!("no ack") };
    assert_eq!(ack.through_seq, 5);
    let Message::EpochChange(change) = link.answer().await else { panic!("no epoch change") };
    assert_eq!((change.epoch, change.through_seq, change.drain), (2, 5, true));
    assert_eq!(cloud.world.payloads(1).await, journal.events);
}

#[tokio::test]
async fn a_certificate_that_a_restored_cloud_lacks_is_let_in_once_an_operator_has_said_so() {
    let cloud = Cloud::start().await;
    let credentials = cloud.enrol().await;
    cloud.system_sql("delete from control.certificates").await;
    let journal = cloud.world.journal();
    let open = async || Link::open(cloud.agent(&credentials).await, hello(&journal)).await;
    let foreign = open().await.err().expect("refused");
    assert_eq!(foreign.code(), Code::Unauthenticated);
    assert!(foreign.message().contains("cloud restored"), "{}", foreign.message());

    let tenants = tenancy::restored(&cloud.world.db.db).await.expect("said");
    assert!(tenants[0].generation > 1);
    for _ in 0..2 {
        let mut link = open().await.expect("a stream");
        let Message::Welcome(welcome) = link.answer().await else { panic!("no welcome") };
        assert_eq!(welcome.generation, tenants[0].generation.unsigned_abs());
    }
    assert_eq!(cloud.world.exceptions().await, vec![("certificate.adopted".into(), None)]);
    // It can be revoked like any other, and one issued later has to be known.
    revoke(&cloud).await;
    assert_eq!(open().await.err().map(|s| s.code()), Some(Code::PermissionDenied));
    cloud.system_sql("delete from control.certificates").await;
    cloud.system_sql("update control.restores set restored_at = restored_at - interval '1 hour'").await;
    assert_eq!(open().await.err().map(|s| s.code()), Some(Code::Unauthenticated));
    // Nor for ever.
    cloud.system_sql("update control.restores set restored_at = now(), adopt_until = now()").await;
    assert_eq!(open().await.err().map(|s| s.code()), Some(Code::Unauthenticated));
}
