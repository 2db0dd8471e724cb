//! People of a test's tenant, who came by invitation and can sign in.

use std::net::IpAddr;

use chrono::Utc;
use uuid::Uuid;

use crate::ctx::{Cx, Plants};
use crate::db::Db;
use crate::people::{self, Attempt, By, Invitation, SignedIn};

/// The password of each.
pub const PASSWORD: &str = "monsoon kettle ninety brass";

/// Somebody who followed an invitation to a tenant, with these roles at all plants.
///
/// # Panics
/// When they cannot be invited: a test cannot go on without them.
pub async fn person(db: &Db, tenant: Uuid, email: &str, name: &str, roles: &[&str]) -> Uuid {
    let (cx, now) = (Cx::new(tenant, "user:tests"), Utc::now());
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let invitation = Invitation { email: email.into(), name: name.into(), roles, plants: Plants::All };
    let invited = people::invite(db, &By::operator(&cx), &invitation, None, now).await;
    let (user, link) = invited.expect("a test's person is invited");
    people::accept(db, link.reveal(), name, PASSWORD, now).await.expect("a test's person comes");
    user
}

/// The token of a new session of theirs, begun from `address`.
///
/// # Panics
/// When they are not let in.
pub async fn session(db: &Db, email: &str, address: Option<IpAddr>) -> String {
    let attempt =
        Attempt { email: email.into(), password: PASSWORD.into(), address, browser: "tests".into() };
    match people::sign_in(db, &attempt, Utc::now()).await {
        Ok(SignedIn::Yes(token)) => token.reveal().to_owned(),
        other => panic!("{email} is not let in: {other:?}"),
    }
}
