//! Tenants beside each other: due work of both is done, nothing of one reaches the
//! other, and what is broken at one holds up none.

use std::sync::Arc;

use chrono::TimeDelta;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tokio_util::sync::CancellationToken;

use super::tests::{MAILED, Post, Reader};
use super::{Notice, Pace, To, tell, worker};
use crate::secrets::Secrets;
use crate::settings::OwnMail;
use crate::testing::{MailServer, Manner, Moment, Placed, placed};

/// A tenant of the same cloud has its own mail server there, with this password.
async fn own_server(post: &Post, server: &MailServer, password: &str) {
    let address = server.address();
    let sql = format!(
        "insert into mail_settings (tenant_id, smtp_host, smtp_port, smtp_security, smtp_user, smtp_password,
                                    from_address)
         values ('{}', '{}', {}, 'starttls', '', {password}, 'noreply@own.example') returning ''",
        post.tenant,
        address.ip(),
        address.port()
    );
    post.ask(&sql).await;
}

async fn two() -> (Post, Post) {
    let mut one = Post::new().await;
    one.courier.own = Arc::new(OwnMail::new(true));
    let other = one.beside("OTHR").await;
    (one, other)
}

#[tokio::test]
async fn a_digest_goes_to_its_own_tenant_though_anothers_cannot_be_sent() {
    let (broken, other) = two().await;
    for (post, uid) in [(&broken, "COIL-BROKEN"), (&other, "COIL-OTHER")] {
        let reader = post.person(&format!("reader@{}.example", uid.to_lowercase()), "", &[]).await;
        post.wish(reader, &MAILED, Some(Pace::Daily)).await;
        let notice = Notice::new(To::Person(reader), "/holds").with("uid", uid);
        post.test.db.tx(&post.cx, async |tx| tell(tx, &MAILED, &notice, post.now).await).await.unwrap();
        post.send_all().await;
    }
    // What does not open: sealed by a cloud that is gone, as after a backup was put back
    // without its keys.
    let sealed = Secrets::passing().unwrap().seal(broken.tenant, "settings:smtp", b"words").unwrap();
    let hex: String = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
    let own = MailServer::start().await;
    own_server(&broken, &own, &format!("'\\x{hex}'")).await;
    let due = broken.now + TimeDelta::days(2);
    assert_eq!(broken.turn_at(due).await, worker::Turn { claimed: 1, sent: 0, dead: 0 });
    assert_eq!(other.turn_at(due).await, worker::Turn { claimed: 1, sent: 1, dead: 0 });
    let got = other.server.got();
    let [mail] = &got[..] else { panic!("{got:?}") };
    assert_eq!(mail.to, ["reader@coil-other.example"]);
    let text = mail.part("text/plain");
    assert!(text.contains("COIL-OTHER") && !text.contains("COIL-BROKEN"), "{text}");

    // Mended: nothing was lost.
    broken.ask("update mail_settings set smtp_password = null, version = version + 1 returning ''").await;
    assert_eq!(broken.turn_at(due + TimeDelta::minutes(5)).await.sent, 1);
    let got = own.got();
    assert_eq!((got.len(), got[0].to.as_slice()), (1, &["reader@coil-broken.example".to_owned()][..]));
    let text = got[0].part("text/plain");
    assert!(text.contains("COIL-BROKEN") && !text.contains("COIL-OTHER"), "{text}");
    assert_eq!(other.server.got().len(), 1);
}

#[tokio::test]
async fn a_tenant_whose_mail_server_says_nothing_keeps_no_other_waiting() {
    let (slow, other) = two().await;
    let own = MailServer::start().await;
    own_server(&slow, &own, "null").await;
    own.treat(Manner::HoldOne(Moment::End));
    let reader = slow.person("reader@slow.example", "", &[]).await;
    slow.tell(&MAILED, To::Person(reader)).await;
    let stop = CancellationToken::new();
    let (db, courier) = (slow.test.db.clone(), slow.courier.clone());
    let worker = tokio::spawn(worker::run(db, courier, stop.clone()));
    own.wait_held(1).await;
    // Again and again, while that turn is still under way.
    let reader = other.person("reader@other.example", "", &[]).await;
    for count in 1..=3 {
        other.tell(&MAILED, To::Person(reader)).await;
        other.server.wait_for(count).await;
    }
    let state = slow.ask("select state from outbox where channel = 'mail'").await;
    assert_eq!(state, ["waiting"], "it still waits for its server");
    worker.abort();
}

#[tokio::test]
async fn a_tenant_whose_database_is_gone_keeps_no_other_waiting() {
    let post = Post::new().await;
    // Before the other one in every list.
    let gone = placed(Placed::Own, post.beside("GONE")).await;
    let other = post.beside("OTHR").await;
    let reader = gone.person("reader@gone.example", "", &[]).await;
    gone.tell(&MAILED, To::Person(reader)).await;
    let database = gone.test.owner_of(gone.tenant).await;
    let mut owner = post.test.owner.connect().await.unwrap();
    let drop = format!("drop database {} with (force)", database.get_database().unwrap());
    sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut owner).await.unwrap();
    owner.close().await.unwrap();

    let reader = other.person("reader@other.example", "", &[]).await;
    other.tell(&MAILED, To::Person(reader)).await;
    let stop = CancellationToken::new();
    let (db, courier) = (post.test.db.clone(), post.courier.clone());
    let worker = tokio::spawn(worker::run(db, courier, stop.clone()));
    let got = other.server.wait_for(1).await;
    assert_eq!(got[0].to, ["reader@other.example"]);
    stop.cancel();
    worker.await.unwrap();
}

#[tokio::test]
async fn a_tenant_with_its_own_mail_server_is_not_told_that_there_is_none() {
    let (one, other) = two().await;
    let server = MailServer::start().await;
    own_server(&one, &server, "null").await;
    for (post, can) in [(&one, true), (&other, false)] {
        let (_, admin) = Reader::without_mail(post, "boss@saif.example", &["ADMIN"]).await;
        for path in ["/notices/settings", "/deliveries"] {
            let (status, _, page) = admin.send("GET", path, "").await;
            let told = page.contains("No mail goes out yet: there is no mail server.");
            assert_eq!((status, told), (200, !can), "{path}: {page}");
        }
        // What is chosen of mail is kept where there is mail.
        let chosen = "app=test.mailed&mail%3Atest.mailed=daily";
        assert_eq!(admin.send("POST", "/notices/settings", chosen).await.0, 303);
        let kept = post.ask("select pace from notice_preferences where channel = 'mail'").await;
        assert_eq!(kept.contains(&"daily".to_owned()), can, "{kept:?}");
    }
}
