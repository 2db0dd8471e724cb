//! What an administrator does with people and roles, and a person with the own
//! account.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::PeopleError;
use super::model::{self, ADMIN, BUILT_IN, Given, Role, RoleLimit, Status, User};
use super::{ACCOUNT_PASSWORD, password, store, totp_store};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::notify::{self, Notice, To};
use crate::plans::{self, Limit};
use crate::web::keys::SecretHash;
use crate::web::{Amount, EVERY, Permission};

/// Makes the built-in roles of a new tenant; those that it has stay as they are.
///
/// # Errors
/// [`DbError`].
pub async fn roles_ensure(tx: &mut Tx) -> Result<(), DbError> {
    for (code, permissions) in BUILT_IN {
        let permissions: Vec<String> = permissions.iter().map(|held| (*held).to_owned()).collect();
        store::role_insert(tx, code, code, &permissions, true).await?;
    }
    Ok(())
}

/// People after `(name, id)`, in that order.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn list(db: &Db, cx: &Cx, after: (&str, Uuid), limit: i64) -> Result<Vec<User>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::users(tx, after, limit).await?)).await
}

/// One person.
///
/// # Errors
/// [`PeopleError::NotFound`].
pub async fn find(db: &Db, cx: &Cx, user: Uuid) -> Result<User, PeopleError> {
    db.tx(cx, async |tx| store::user(tx, user, false).await?.ok_or(PeopleError::NotFound)).await
}

/// The tenant's roles, the built-in ones first.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn roles(db: &Db, cx: &Cx) -> Result<Vec<Role>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::roles(tx).await?)).await
}

/// Codes and names of the tenant's plants, by code.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn plants(db: &Db, cx: &Cx) -> Result<Vec<(String, String)>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::plants(tx).await?)).await
}

/// Gives a person these roles and no others. One that the person has already stays
/// where it was given; others are given at all plants.
///
/// # Errors
/// As [`give`].
pub async fn roles_set(db: &Db, cx: &Cx, user: Uuid, roles: &[String]) -> Result<(), PeopleError> {
    let before = find(db, cx, user).await?;
    let given: Vec<Given> = roles
        .iter()
        .map(|role| Given { role: role.clone(), plants: before.role_at(role).cloned().unwrap_or_default() })
        .collect();
    give(db, cx, user, &given).await
}

/// Gives a person these roles at these plants, and no others.
///
/// # Errors
/// When a role or a plant is not there, the person is not, somebody would be
/// administrator of some plants, or nobody would be left to administer.
pub async fn give(db: &Db, cx: &Cx, user: Uuid, given: &[Given]) -> Result<(), PeopleError> {
    db.tx(cx, async |tx| {
        judge(tx, given).await?;
        let holders = store::holders(tx, ADMIN).await?;
        let before = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
        if !given.iter().any(|given| given.role == ADMIN) {
            somebody_else_stays(&holders, user)?;
        }
        store::roles_set(tx, user, given).await?;
        let was: Vec<Given> = before
            .roles
            .into_iter()
            .zip(before.plants)
            .map(|(role, plants)| Given { role, plants })
            .collect();
        let entry = Entry {
            action: "user.roles",
            subject: &format!("user:{user}"),
            before: Some(told(&was)),
            after: Some(told(given)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// As the audit tells roles that were given: codes of plants by role, or `*`.
pub(super) fn told(given: &[Given]) -> Value {
    let plants = |given: &Given| given.plants.codes().map_or(json!(EVERY), |codes| json!(codes));
    given.iter().map(|given| (given.role.clone(), plants(given))).collect::<serde_json::Map<_, _>>().into()
}

/// Whether roles can be given so.
pub(super) async fn judge(tx: &mut Tx, given: &[Given]) -> Result<(), PeopleError> {
    let roles = store::roles(tx).await?;
    if !given.iter().all(|given| roles.iter().any(|known| known.code == given.role)) {
        return Err(PeopleError::Role);
    }
    let plants = store::plants(tx).await?;
    for given in given {
        let codes = given.plants.codes();
        if codes.is_some() && given.role == ADMIN {
            return Err(PeopleError::AdminEverywhere);
        }
        let known = |code: &String| plants.iter().any(|(known, _)| known == code);
        if codes.is_some_and(|codes| codes.is_empty() || !codes.iter().all(known)) {
            return Err(PeopleError::Plant);
        }
    }
    Ok(())
}

/// Up to which amounts roles have permissions.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn limits(db: &Db, cx: &Cx) -> Result<Vec<RoleLimit>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::limits(tx).await?)).await
}

/// Sets up to which amount a role has a permission; `None` takes the limit away.
/// `all` are the permissions that there are.
///
/// # Errors
/// When the role or the permission is not there, the permission knows no amounts,
/// the role is the administrator's, or the amount is not right.
pub async fn limit_set(
    db: &Db,
    cx: &Cx,
    all: &[Permission],
    (role, permission): (&str, &str),
    limit: Option<&Amount>,
) -> Result<(), PeopleError> {
    if role == ADMIN {
        return Err(PeopleError::AdminRole);
    }
    if !all.iter().any(|known| known.code == permission && known.has_amount) {
        return Err(PeopleError::Permission);
    }
    let most = Decimal::new(999_999_999_999, 0);
    let currency = |text: &str| text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase());
    if limit.is_some_and(|limit| {
        limit.amount.is_sign_negative()
            || limit.amount > most
            || limit.amount.normalize().scale() > 6
            || !currency(&limit.currency)
    }) {
        return Err(PeopleError::Limit);
    }
    db.tx(cx, async |tx| {
        if !store::roles(tx).await?.iter().any(|known| known.code == role) {
            return Err(PeopleError::Role);
        }
        let held = store::limits(tx).await?;
        let before = held.into_iter().find(|held| held.role == role && held.permission == permission);
        let told = |limit: &Amount| {
            json!({ "permission": permission, "amount": limit.amount.normalize(), "currency": limit.currency })
        };
        let before = before.map(|before| before.limit);
        if before.as_ref() == limit {
            return Ok(());
        }
        store::limit_set(tx, role, permission, limit).await?;
        let entry = Entry {
            action: "role.limit",
            subject: &format!("role:{role}"),
            before: Some(before.as_ref().map_or_else(|| json!({ "permission": permission }), told)),
            after: Some(limit.map_or_else(|| json!({ "permission": permission }), told)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Whether somebody active other than `user` administers, or nobody did before.
fn somebody_else_stays(holders: &[(Uuid, Status)], user: Uuid) -> Result<(), PeopleError> {
    let admin = [ADMIN.to_owned()];
    let held = |except: Option<Uuid>| {
        let people = holders.iter().filter(move |(id, _)| Some(*id) != except);
        model::has_administrator(people.map(|(_, status)| (*status, &admin[..])))
    };
    if held(None) && !held(Some(user)) { Err(PeopleError::LastAdministrator) } else { Ok(()) }
}

/// Lets a person in or shuts the person out, whose sessions then end. A person
/// who never set a password is invited again instead of active.
///
/// # Errors
/// When the person is not there, was changed since `version`, or nobody would be
/// left to administer.
pub async fn enable(db: &Db, cx: &Cx, user: Uuid, version: i32, on: bool) -> Result<(), PeopleError> {
    db.system_tx(async |system| {
        // The tenant's commits first: nobody disabled gets in, whatever sessions there
        // are.
        let change = system.enter(cx, async |tx| {
            let holders = store::holders(tx, ADMIN).await?;
            let before = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
            if !on {
                somebody_else_stays(&holders, user)?;
            }
            if on && before.status == Status::Disabled {
                plans::admit(tx, Limit::Users).await?;
            }
            let has_password =
                store::credentials(tx, user).await?.is_some_and(|known| known.password_hash.is_some());
            let status = match (on, has_password) {
                (false, _) => Status::Disabled,
                (true, true) => Status::Active,
                (true, false) => Status::Invited,
            };
            if !store::status_set(tx, user, version, status).await? {
                return Err(PeopleError::Stale);
            }
            let entry = Entry {
                action: "user.status",
                subject: &format!("user:{user}"),
                before: Some(json!(before.status.name())),
                after: Some(json!(status.name())),
            };
            audit::record(tx, entry).await?;
            Ok(())
        });
        change.await?;
        if !on {
            store::sessions_end(system, cx.tenant, user, None, None).await?;
            totp_store::steps_end(system, cx.tenant, user).await?;
        }
        Ok(())
    })
    .await
}

/// Makes a role of the tenant's own, without any permission yet.
///
/// # Errors
/// When the code is taken or has not the form of one, or the name is not right.
pub async fn role_create(db: &Db, cx: &Cx, code: &str, name: &str) -> Result<(), PeopleError> {
    let code = code.trim().to_uppercase().replace([' ', '-'], "_");
    let name = model::name(name).ok_or(PeopleError::Name)?;
    let fits = (2..=40).contains(&code.len())
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if !fits {
        return Err(PeopleError::Role);
    }
    db.tx(cx, async |tx| {
        if !store::role_insert(tx, &code, &name, &[], false).await? {
            return Err(PeopleError::Role);
        }
        let entry = Entry {
            action: "role.create",
            subject: &format!("role:{code}"),
            after: Some(json!({ "name": name })),
            ..Entry::default()
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Gives a role these permissions and no others; `all` are those that there are.
///
/// # Errors
/// When a permission is not among them, the role is the administrator's, or it
/// was changed since `version`.
pub async fn role_permissions_set(
    db: &Db,
    cx: &Cx,
    all: &[Permission],
    code: &str,
    version: i32,
    permissions: &[String],
) -> Result<(), PeopleError> {
    if code == ADMIN {
        return Err(PeopleError::AdminRole);
    }
    if !permissions.iter().all(|held| all.iter().any(|known| known.code == held)) {
        return Err(PeopleError::Permission);
    }
    db.tx(cx, async |tx| {
        let before = store::roles(tx).await?.into_iter().find(|role| role.code == code);
        let before = before.ok_or(PeopleError::Role)?;
        if !store::role_permissions_set(tx, code, version, permissions).await? {
            return Err(PeopleError::Stale);
        }
        let entry = Entry {
            action: "role.permissions",
            subject: &format!("role:{code}"),
            before: Some(json!(before.permissions)),
            after: Some(json!(permissions)),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}

/// Changes a person's own password; every session but `keep` ends.
///
/// # Errors
/// When the present password is another, or the new one is not good enough.
pub async fn password_change(
    db: &Db,
    cx: &Cx,
    user: Uuid,
    (present, new): (&str, &str),
    keep: Option<SecretHash>,
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    let (known, person) = db
        .tx(cx, async |tx| {
            let known = store::credentials(tx, user).await?;
            Ok::<_, PeopleError>((known, store::user(tx, user, false).await?.ok_or(PeopleError::NotFound)?))
        })
        .await?;
    let hash = known.and_then(|known| known.password_hash);
    if !password::verify(present.to_owned(), hash).await {
        return Err(PeopleError::WrongPassword);
    }
    password::judge(new, &person.email, &person.name)?;
    let kept = password::hash(new.to_owned()).await.ok_or(PeopleError::NoRandom)?;
    db.system_tx(async |system| {
        // Sessions that ended for nothing are harmless, and the present password works
        // until it is changed.
        system.home_first();
        let keep = keep.as_ref().map(|hash| &hash.0[..]);
        store::sessions_end(system, cx.tenant, user, None, keep).await?;
        totp_store::steps_end(system, cx.tenant, user).await?;
        let set = system.enter(cx, async |tx| {
            store::password_set(tx, user, &kept).await?;
            let entry =
                Entry { action: "user.password", subject: &format!("user:{user}"), ..Entry::default() };
            audit::record(tx, entry).await?;
            notify::tell(tx, &ACCOUNT_PASSWORD, &Notice::new(To::Person(user), "/account"), now).await?;
            Ok::<_, PeopleError>(())
        });
        set.await
    })
    .await
}

/// Whether somebody else would administer without this person; asked before the
/// person is erased.
///
/// # Errors
/// [`DbError`].
pub async fn may_go(tx: &mut Tx, user: Uuid) -> Result<bool, DbError> {
    let holders = store::holders(tx, ADMIN).await?;
    Ok(somebody_else_stays(&holders, user).is_ok())
}
