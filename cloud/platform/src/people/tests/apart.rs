//! What one person's account leaves alone: that of another organisation, and nothing of its
//! own once it is shut out.

use super::*;
use crate::web::{Rights, Scope};

crate::in_every_placement! {
async fn a_success_in_one_organisation_takes_no_lock_off_another() {
    let office = Office::new().await;
    let db = &office.test.db;
    office.active("v@saif.example", &["VIEWER"]).await;
    // Another organisation invites the same e-mail and sets a password of its own.
    let theirs = Cx::new(office.test.tenant("ELSE", &["KOL"]).await, "user:tests");
    let invitation = Invitation {
        email: "v@saif.example".into(),
        name: "V".into(),
        roles: vec!["VIEWER".into()],
        ..Invitation::default()
    };
    let (there, link) =
        links::invite(db, &By::operator(&theirs), &invitation, None, office.now).await.unwrap();
    links::accept(db, link.reveal(), "V", OTHER, office.now).await.unwrap();
    let at = |minutes: i64| office.now + TimeDelta::minutes(minutes);
    let tried =
        async |password: &str, minutes| office.try_at("v@saif.example", password, at(minutes), "").await;

    for _ in 0..6 {
        assert!(matches!(tried("x", 0).await, SignedIn::No));
        assert!(matches!(tried(OTHER, 0).await, SignedIn::Yes(_)), "who has not failed is not locked");
    }
    assert!(matches!(tried(PASSWORD, 0).await, SignedIn::Wait(until) if until == at(1)));
    // The success there cost nothing here: after the wait, the right one is judged.
    assert!(matches!(tried(PASSWORD, 2).await, SignedIn::Yes(_)));

    // Nor does proving the password there take it off.
    for _ in 0..5 {
        assert!(matches!(tried("x", 3).await, SignedIn::No));
        service::prove(db, &theirs, there, OTHER, at(3)).await.unwrap();
    }
    assert!(matches!(tried("x", 3).await, SignedIn::No));
    assert!(matches!(tried(PASSWORD, 3).await, SignedIn::Wait(_)));
}
}

crate::in_every_placement! {
async fn who_is_shut_out_leaves_no_access_key_behind() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    office.active("boss@saif.example", &[ADMIN]).await;
    let clerk = office.active("clerk@saif.example", &["VIEWER"]).await;
    let key = async |name: &str| {
        keys::create(db, office.tenant, name, &[Scope::Read], None).await.unwrap()
    };
    let (own, other) = (key("ERP").await, key("Other").await);
    let made: Result<(), DbError> = db
        .system_tx(async |system| {
            let sql = "update control.access_keys set created_by = $1 where name = 'ERP'";
            sqlx::query(sql).bind(format!("user:{clerk}")).execute(system.conn()).await?;
            Ok(())
        })
        .await;
    made.unwrap();
    let version = service::find(db, cx, clerk).await.unwrap().version;
    service::enable(db, &By::operator(cx), clerk, version, false).await.unwrap();
    assert!(keys::verify(db, own.reveal(), office.now).await.unwrap().is_none());
    assert!(keys::verify(db, other.reveal(), office.now).await.unwrap().is_some());
    let ended = format!(r#"key.revoke {{"name": "ERP"}} {{"with": "user:{clerk}"}}"#);
    assert_eq!(office.audit().await.iter().filter(|row| **row == ended).count(), 1);
}
}

impl Office {
    /// A valid access key of this scope, made by whoever the audit names so.
    async fn key(&self, name: &str, scope: Scope, maker: &str) -> keys::Secret {
        let db = &self.test.db;
        let key = keys::create(db, self.tenant, name, &[scope], None).await.unwrap();
        let made: Result<(), DbError> = db
            .system_tx(async |system| {
                let sql = "update control.access_keys set created_by = $1 where key_hash = $2";
                sqlx::query(sql).bind(maker).bind(&key.hash().0[..]).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        made.unwrap();
        key
    }

    async fn opens(&self, key: &keys::Secret) -> bool {
        keys::verify(&self.test.db, key.reveal(), self.now).await.unwrap().is_some()
    }
}

fn of_key(key: &keys::Secret) -> String {
    format!("key:{}", key.hash().short())
}

crate::in_every_placement! {
async fn who_is_shut_out_leaves_no_access_key_of_an_access_key_behind() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let boss = office.active("boss@saif.example", &[ADMIN]).await;
    let clerk = office.active("clerk@saif.example", &["VIEWER"]).await;
    let own = office.key("Own", Scope::Admin, &format!("user:{clerk}")).await;
    let child = office.key("Child", Scope::Admin, &of_key(&own)).await;
    let grandchild = office.key("Grandchild", Scope::Admin, &of_key(&child)).await;
    let other = office.key("Other", Scope::Admin, &format!("user:{boss}")).await;
    // One that is over has its own behind it still.
    keys::revoke(db, office.tenant, &own.hash().short(), office.now).await.unwrap().unwrap();
    let version = service::find(db, cx, clerk).await.unwrap().version;
    service::enable(db, &By::operator(cx), clerk, version, false).await.unwrap();
    assert!(!office.opens(&child).await && !office.opens(&grandchild).await);
    assert!(office.opens(&other).await);
}
}

crate::in_every_placement! {
async fn whose_roles_are_taken_keeps_no_access_key_beyond_what_is_left() {
    let office = Office::new().await;
    let (db, cx) = (&office.test.db, &office.cx);
    let every = Rights::of_person(["*".to_owned()]);
    let all = [crate::people::USER_READ, crate::people::USER_MANAGE];
    let by = By::holding(cx, &every, &all);
    office.active("boss@saif.example", &[ADMIN]).await;
    let second = office.active("second@saif.example", &[ADMIN]).await;
    let maker = format!("user:{second}");
    let high = office.key("High", Scope::Admin, &maker).await;
    let child = office.key("Child", Scope::Admin, &of_key(&high)).await;
    let low = office.key("Low", Scope::Read, &of_key(&high)).await;
    // What is added takes nothing.
    service::roles_set(db, &by, second, &[ADMIN.into(), "PLANT_MANAGER".into()]).await.unwrap();
    assert!(office.opens(&high).await && office.opens(&child).await && office.opens(&low).await);
    service::roles_set(db, &by, second, &["PLANT_MANAGER".into()]).await.unwrap();
    assert!(!office.opens(&high).await && !office.opens(&child).await);
    assert!(office.opens(&low).await, "it may no more than the person");
    let ended = format!(r#"key.revoke {{"name": "High"}} {{"with": "{maker}"}}"#);
    assert_eq!(office.audit().await.iter().filter(|row| **row == ended).count(), 1);
    service::roles_set(db, &by, second, &[]).await.unwrap();
    assert!(!office.opens(&low).await);
}
}

#[tokio::test]
async fn sessions_that_are_over_go_when_somebody_signs_in() {
    let office = Office::new().await;
    office.active("a@saif.example", &["VIEWER"]).await;
    office.active("b@saif.example", &["VIEWER"]).await;
    let count = async || {
        let done: Result<i64, DbError> = office
            .test
            .db
            .system_tx(async |system| {
                let sql = "select count(*) from control.sessions";
                Ok(sqlx::query_scalar(sql).fetch_one(system.conn()).await?)
            })
            .await;
        done.unwrap()
    };
    let signs_in = async |email: &str, hours: i64| {
        let at = office.now + TimeDelta::hours(hours);
        assert!(matches!(office.try_at(email, PASSWORD, at, "").await, SignedIn::Yes(_)));
    };
    signs_in("a@saif.example", 0).await;
    signs_in("b@saif.example", 1).await;
    assert_eq!(count().await, 2, "none is over");
    signs_in("b@saif.example", 48).await;
    assert_eq!(count().await, 1, "its own alone");
}

#[tokio::test]
async fn invitations_of_others_keep_nobody_out() {
    let office = Office::new().await;
    let db = &office.test.db;
    let mut tenants = vec![office.tenant];
    for letter in 'A'..='I' {
        tenants.push(office.test.tenant(&format!("ORG{letter}"), &["KOL"]).await);
    }
    // They are looked at by their ids: the last one is the person's own.
    tenants.sort_unstable();
    let invitation = Invitation {
        email: "v@saif.example".into(),
        name: "V".into(),
        roles: vec!["VIEWER".into()],
        ..Invitation::default()
    };
    let mut own = None;
    for tenant in tenants {
        let there = Cx::new(tenant, "user:tests");
        let (_, link) =
            links::invite(db, &By::operator(&there), &invitation, None, office.now).await.unwrap();
        own = Some(link);
    }
    links::accept(db, own.unwrap().reveal(), "V", PASSWORD, office.now).await.unwrap();
    assert!(office.signs_in("v@saif.example", PASSWORD).await);
}
