//! Certificates that are no longer good, or never were.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::lab::Lab;

/// A certificate of an authority that nobody knows, for the names of another.
fn foreign() -> (String, String, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec!["agent".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    (ca_cert.pem(), cert.pem(), key.serialize_pem())
}

/// Changes the identity on disk of a stopped agent.
fn change_identity(lab: &Lab, change: impl FnOnce(&mut Value)) {
    let path = lab.agent.data.join("identity.json");
    let mut identity: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut identity);
    std::fs::write(&path, serde_json::to_vec(&identity).unwrap()).unwrap();
}

fn problem(health: &Value) -> &str {
    health["uplink"]["problem"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_certificate_is_refused_and_a_revoked_one_closes_the_stream() {
    let mut lab = Lab::start().await;
    let mut dock = lab.agent.person("DOCK1").await;
    let (_, first) = lab.agent.receive(&mut dock, 2).await;
    let before = lab.drained().await;
    lab.agent.stop().await;
    let identity = std::fs::read(lab.agent.data.join("identity.json")).unwrap();

    // A certificate of another authority.
    let (ca, certificate, key) = foreign();
    change_identity(&lab, |identity| {
        identity["certificate_pem"] = json!(certificate);
        identity["key_pem"] = json!(key);
    });
    lab.agent.start();
    let told = "the cloud does not accept this agent's certificate (UnknownCA)";
    let health = lab.agent.until(told, |h| problem(h).starts_with(told)).await;
    assert_eq!(health["uplink"]["connected"], false);
    lab.agent.stop().await;

    // A cloud of another authority.
    std::fs::write(lab.agent.data.join("identity.json"), &identity).unwrap();
    change_identity(&lab, |identity| identity["ca_pem"] = json!(ca));
    lab.agent.start();
    let health = lab.agent.until("a problem", |h| !problem(h).is_empty()).await;
    assert!(problem(&health).contains("certificate"), "{health}");
    // The plant works all the while.
    let (answer, offline) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    lab.agent.stop().await;

    std::fs::write(lab.agent.data.join("identity.json"), &identity).unwrap();
    lab.agent.start();
    lab.drained().await;
    for uid in first.iter().chain(&offline) {
        assert_eq!(lab.stages(uid).await, ["PROCUREMENT", "GRN"], "{uid}");
    }

    // An administrator shuts the agent out while its stream is open.
    let revoke = ["agent", "revoke", "--tenant", "SAIF", "KOL"].map(str::to_owned);
    let said = lab.cloud().run(&revoke).await.unwrap();
    assert!(said.contains("is shut out"), "{said}");
    let told = "the cloud ended the stream: this certificate is revoked";
    let health = lab.agent.until(told, |h| problem(h) == told).await;
    assert_eq!(health["uplink"]["connected"], false);
    let (answer, on_disk) = lab.agent.receive(&mut dock, 2).await;
    assert!(answer.taken(), "{answer:?}");
    let journal = lab.agent.journal().await;
    assert!(journal.len() > before.len());
    assert_eq!(on_disk.len(), 2);
    // And stays out.
    lab.agent.stop().await;
    lab.agent.start();
    let health = lab.agent.until("still shut out", |h| !problem(h).is_empty()).await;
    assert!(problem(&health).contains("revoked"), "{health}");
    let (status, _) = lab
        .office
        .send_raw(hyper::Method::GET, &format!("/api/v1/trace/{}", on_disk[0]), None)
        .await
        .unwrap();
    assert_eq!(status, 404);
    // Nothing of what the plant recorded since is lost: it waits on its disk.
    assert_eq!(lab.agent.journal().await[..journal.len()], journal[..]);
    lab.stop().await;
}
