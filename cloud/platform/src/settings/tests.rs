//! Settings against a database.

use chrono::Utc;
use uuid::Uuid;

use super::service::{self, SettingsError, TypedSmtp};
use super::store::{self, General};
use super::{Doors, OwnMail, open_addresses};
use crate::ctx::Cx;
use crate::db::{Db, DbError};
use crate::outbox::Failure;
use crate::people::By;
use crate::secrets::Secrets;
use crate::testing::{MailServer, TestDb};

async fn at(db: &Db, cx: &Cx) -> store::Settings {
    let done: Result<_, DbError> = db.tx(cx, async |tx| Ok(store::settings(tx).await?)).await;
    done.unwrap()
}

crate::in_every_placement! {
async fn a_tenant_says_who_it_is() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &[]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    let typed = General {
        code: "ZZZZ".into(),
        name: "Saif Works".into(),
        time_zone: "Asia/Kolkata".into(),
        language: "te".into(),
        currency: "EUR".into(),
    };
    let stands = async || {
        let known: Result<General, DbError> =
            db.system_tx(async |system| Ok(store::general(system, tenant).await?)).await;
        known
    };
    let seen = stands().await.unwrap().seen();
    service::general_set(db, &cx, &typed, seen).await.unwrap();
    // Somebody else's page is older: nothing of the first is lost.
    let late = General { time_zone: "Asia/Dubai".into(), ..typed.clone() };
    let stale = service::general_set(db, &cx, &late, seen).await;
    assert!(matches!(stale, Err(SettingsError::Stale)), "{stale:?}");
    let known = stands().await;
    assert_eq!(known.as_ref().unwrap(), &General { code: "AAAA".into(), ..typed.clone() }, "its code stays");
    // As long as a file or the command line may give it: what they made can be saved here.
    let seen = known.as_ref().unwrap().seen();
    let long = General { name: "x".repeat(120), ..typed.clone() };
    service::general_set(db, &cx, &long, seen).await.unwrap();
    let wrong = General {
        name: "x".repeat(121),
        time_zone: "x".into(),
        language: "x".into(),
        currency: "XXX".into(),
        ..typed
    };
    let Err(SettingsError::Invalid(told)) = service::general_set(db, &cx, &wrong, seen).await else {
        panic!("it was taken")
    };
    assert_eq!(
        told.iter().map(|(field, ..)| *field).collect::<Vec<_>>(),
        ["name", "time_zone", "language", "currency"]
    );
}
}

#[tokio::test]
async fn colours_that_cannot_be_read_are_refused() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &[]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    let doors = Doors::default();
    assert_eq!(doors.of(db, tenant).await.unwrap().brand, None);
    let Err(SettingsError::Invalid(told)) = service::colours_set(db, &cx, ("#ffcc00", "blue"), 0).await
    else {
        panic!("it was taken")
    };
    assert_eq!(told[0].1, "settings-wrong-contrast");
    assert!(told[0].2.parse::<f64>().unwrap() < 2.0, "{told:?}");
    assert_eq!(told[1].1, "settings-wrong-colour");
    service::colours_set(db, &cx, ("#7A1F5C", ""), 0).await.unwrap();
    let stale = service::colours_set(db, &cx, ("", ""), 7).await;
    assert!(matches!(stale, Err(SettingsError::Stale)), "{stale:?}");
    assert_eq!(at(db, &cx).await.primary_colour, "#7a1f5c");
    doors.forget(tenant);
    let brand = doors.of(db, tenant).await.unwrap().brand.unwrap();
    assert!(brand.colours && !brand.logo);
    let logo = super::image::tests::png_of(300, 80);
    service::logo_set(db, &cx, Some((&logo, "image/png")), 1).await.unwrap();
    doors.forget(tenant);
    assert!(doors.of(db, tenant).await.unwrap().brand.unwrap().logo);
}

crate::in_every_placement! {
async fn nobody_shuts_the_own_door() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &[]).await;
    let (db, cx) = (&test.db, Cx::new(tenant, "user:1"));
    let from = Some("203.0.113.9".parse().unwrap());
    let outside = service::addresses_set(db, &cx, ["10.0.0.0/8"], from, 0).await;
    assert!(matches!(outside, Err(SettingsError::LocksOut(Some(_)))), "{outside:?}");
    let unknown = service::addresses_set(db, &cx, ["10.0.0.0/8"], None, 0).await;
    assert!(matches!(unknown, Err(SettingsError::LocksOut(None))), "{unknown:?}");
    let Err(SettingsError::Lines(told)) =
        service::addresses_set(db, &cx, ["x", "10.0.0.0/8", "y"], from, 0).await
    else {
        panic!("it was taken")
    };
    assert_eq!(told, [(1, "x".to_owned()), (3, "y".to_owned())]);
    // Nobody saw this version.
    let never = service::addresses_set(db, &cx, ["203.0.113.0/24"], from, 4).await;
    assert!(matches!(never, Err(SettingsError::Stale)), "{never:?}");
    service::addresses_set(db, &cx, ["10.0.0.0/8", "203.0.113.0/24"], from, 0).await.unwrap();
    let doors = Doors::default();
    let door = doors.of(db, tenant).await.unwrap();
    assert!(door.admits(from) && !door.admits(None) && !door.admits(Some("192.0.2.1".parse().unwrap())));
    open_addresses(db, tenant).await.unwrap();
    doors.forget(tenant);
    assert!(doors.of(db, tenant).await.unwrap().admits(None));
}
}

#[tokio::test]
async fn mail_goes_through_the_own_server_and_its_password_is_sealed() {
    let test = TestDb::new().await;
    let tenant = test.tenant("AAAA", &[]).await;
    let (db, cx, secrets) = (&test.db, Cx::new(tenant, "user:1"), Secrets::passing().unwrap());
    let own = OwnMail::new(true);
    assert!(own.of(db, &cx, &secrets).await.unwrap().is_none());
    let server = MailServer::start().await;
    let port: i32 = server.url().rsplit(':').next().unwrap().trim_end_matches('/').parse().unwrap();
    let typed = TypedSmtp {
        smtp_host: "127.0.0.1".into(),
        smtp_port: port,
        smtp_security: "starttls".into(),
        from_address: "noreply@saif.example".into(),
        ..TypedSmtp::default()
    };
    // Any port only where every tenant is trusted.
    let refused = service::smtp_set(db, &By::operator(&cx), &secrets, &typed, false).await;
    assert!(matches!(refused, Err(SettingsError::Invalid(_))), "{refused:?}");
    service::smtp_set(db, &By::operator(&cx), &secrets, &typed, true).await.unwrap();
    let user = Uuid::now_v7();
    let made: Result<(), DbError> = db
        .tx(&cx, async |tx| {
            sqlx::query(
                "insert into users (tenant_id, user_id, email, name, status)
                 values ($1, $2, 'asha@saif.example', 'Asha', 'active')",
            )
            .bind(tenant)
            .bind(user)
            .execute(tx.conn())
            .await?;
            Ok(())
        })
        .await;
    made.unwrap();
    let i18n =
        std::sync::Arc::new(crate::i18n::I18n::new().with_all(crate::notify::TEXTS).with_all(super::TEXTS));
    let mailer = own.of(db, &cx, &secrets).await.unwrap().unwrap();
    let whom = (user, "settings-mail-letter");
    crate::notify::try_out(db, &cx, &i18n, &mailer, whom, Utc::now()).await.unwrap();
    let got = server.got();
    assert_eq!(got.len(), 1);
    assert!(got[0].header("From").contains("noreply@saif.example"), "{}", got[0].header("From"));
    assert_eq!(got[0].to, ["asha@saif.example"]);
    // Where tenants are not trusted, the machine beside the cloud is out of reach.
    let guarded = OwnMail::new(false).of(db, &cx, &secrets).await;
    assert!(matches!(guarded, Err(Failure::Never(_))), "the guard let it through");
    // A password is kept for its server and name, and gone with them.
    let with =
        TypedSmtp { smtp_user: "me".into(), smtp_password: "s3cret words".into(), version: 1, ..typed };
    service::smtp_set(db, &By::operator(&cx), &secrets, &with, true).await.unwrap();
    let smtp = async || {
        let done: Result<store::Smtp, DbError> = db.tx(&cx, async |tx| Ok(store::smtp(tx).await?)).await;
        done.unwrap()
    };
    let sealed = smtp().await.smtp_password.unwrap();
    assert!(!sealed.windows(6).any(|window| window == b"s3cret"));
    let kept = TypedSmtp { smtp_password: String::new(), version: 2, ..with.clone() };
    service::smtp_set(db, &By::operator(&cx), &secrets, &kept, true).await.unwrap();
    assert_eq!(smtp().await.smtp_password, Some(sealed));
    let other = TypedSmtp { smtp_host: "127.0.0.2".into(), version: 3, ..kept };
    service::smtp_set(db, &By::operator(&cx), &secrets, &other, true).await.unwrap();
    assert_eq!(smtp().await.smtp_password, None);
}

#[test]
fn texts_are_complete() {
    crate::i18n::assert_complete(super::TEXTS);
}
