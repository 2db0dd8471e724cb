//! What an administrator does with people and roles, and a person with the own
//! account.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::PeopleError;
use super::model::{self, ADMIN, BUILT_IN, Given, MOST_PLANTS, MOST_ROLES, Role, Status, User};
use super::part::Part;
use super::refused::{self, Refused};
use super::signin::Count;
use super::throttle::Counted;
use super::within::{Beyond, By, Known};
use super::{ACCOUNT_PASSWORD, password, provider, signin, store, totp_store};
use crate::audit::{self, Entry};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError, SystemTx, Tx};
use crate::i18n::{Lang, Names};
use crate::notify::{self, Notice, To};
use crate::plans::{self, Limit};
use crate::web::keys::{self, SecretHash};
use crate::web::{EVERY, Rights};

/// Makes the built-in roles of a new tenant; those that it has stay as they are.
///
/// # Errors
/// [`DbError`].
pub async fn roles_ensure(tx: &mut Tx) -> Result<(), DbError> {
    for (code, permissions) in BUILT_IN {
        let permissions: Vec<String> = permissions.iter().map(|held| (*held).to_owned()).collect();
        store::role_insert(tx, code, (code, &Names::default()), &permissions, true).await?;
    }
    Ok(())
}

/// People after `(name, id)`, in that order.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn list(db: &Db, cx: &Cx, after: (&str, Uuid), limit: i64) -> Result<Vec<User>, PeopleError> {
    part(db, cx, &Part::default(), after, limit).await
}

/// Some of the people, as [`list`].
///
/// # Errors
/// [`PeopleError::Db`].
pub(super) async fn part(
    db: &Db,
    cx: &Cx,
    part: &Part,
    after: (&str, Uuid),
    limit: i64,
) -> Result<Vec<User>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::users(tx, part, after, limit).await?)).await
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

/// What the tenant's roles are, with their limits.
///
/// # Errors
/// [`PeopleError::Db`].
pub(super) async fn known(db: &Db, cx: &Cx) -> Result<Known, PeopleError> {
    db.tx(cx, async |tx| Ok(Known::load(tx).await?)).await
}

/// Codes and names of the tenant's plants, by code, for a reader of this language.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn plants(db: &Db, cx: &Cx, lang: Lang) -> Result<Vec<(String, String)>, PeopleError> {
    db.tx(cx, async |tx| Ok(store::plants(tx, lang).await?)).await
}

/// Gives a person these roles and no others. One that the person has already stays
/// where it was given; others are given at all plants.
///
/// # Errors
/// As [`give`].
pub async fn roles_set(db: &Db, by: &By<'_>, user: Uuid, roles: &[String]) -> Result<(), PeopleError> {
    give_wanted(db, by, user, None, Wanted::Roles(roles)).await
}

/// Gives a person these roles at these plants, and no others. Access keys that the person made
/// and that may more than what is left end.
///
/// # Errors
/// When a role or a plant is not there, the person is not, somebody would be
/// administrator of some plants, nobody would be left to administer, or the person has
/// or would get more than whoever acts holds.
pub async fn give(db: &Db, by: &By<'_>, user: Uuid, given: &[Given]) -> Result<(), PeopleError> {
    give_as_seen(db, by, user, None, given).await
}

/// [`give`], unless somebody else changed the person since `seen`.
///
/// # Errors
/// As [`give`], and [`PeopleError::Stale`].
pub async fn give_as_seen(
    db: &Db,
    by: &By<'_>,
    user: Uuid,
    seen: Option<i32>,
    given: &[Given],
) -> Result<(), PeopleError> {
    give_wanted(db, by, user, seen, Wanted::At(given)).await
}

/// What somebody is to have.
#[derive(Debug, Clone, Copy)]
enum Wanted<'a> {
    /// These roles, each where the person has it already, or else at all plants.
    Roles(&'a [String]),
    /// These roles at these plants.
    At(&'a [Given]),
}

impl Wanted<'_> {
    /// What it is for a person who stands so.
    fn given(self, before: &User) -> Vec<Given> {
        let at = |role: &String| before.role_at(role).cloned().unwrap_or_default();
        match self {
            Self::Roles(roles) => {
                roles.iter().map(|role| Given { role: role.clone(), plants: at(role) }).collect()
            }
            Self::At(given) => given.to_vec(),
        }
    }
}

async fn give_wanted(
    db: &Db,
    by: &By<'_>,
    user: Uuid,
    seen: Option<i32>,
    wanted: Wanted<'_>,
) -> Result<(), PeopleError> {
    db.system_tx(async |system| {
        // The tenant's commits first: a key that is left can be ended, and none is for
        // roles that stay.
        let give = system.enter(by.cx, async |tx| give_in(tx, by, user, seen, wanted).await);
        let left = give.await?;
        if let Some(rights) = left {
            keys::end_beyond(system, by.cx, user, (&rights, by.all()), Utc::now()).await?;
        }
        Ok(())
    })
    .await
}

/// Gives a person what is wanted, and no other roles. Answers what rights are left where any
/// were taken.
async fn give_in(
    tx: &mut Tx,
    by: &By<'_>,
    user: Uuid,
    seen: Option<i32>,
    wanted: Wanted<'_>,
) -> Result<Option<Rights>, PeopleError> {
    let holders = store::holders(tx, ADMIN).await?;
    let before = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
    let given = wanted.given(&before);
    judge(tx, &given).await?;
    by.require_person(tx, &before).await?;
    by.require_given(tx, &given).await?;
    if !given.iter().any(|given| given.role == ADMIN) {
        somebody_else_stays(&holders, user)?;
        provider::way_back_stays(tx, user).await?;
    }
    // The row is locked: nobody changes it from here on.
    if seen.is_some_and(|seen| seen != before.version) {
        return Err(PeopleError::Stale);
    }
    store::roles_set(tx, user, &given).await?;
    store::user_changed(tx, user).await?;
    let entry = Entry {
        action: "user.roles",
        subject: &format!("user:{user}"),
        before: Some(told(&before.given())),
        after: Some(told(&given)),
    };
    audit::record(tx, entry).await?;
    if !takes(&before.given(), &given) {
        return Ok(None);
    }
    Ok(Some(Rights::of_grants(Known::load(tx).await?.grants(&given))))
}

/// Whether somebody who had one and is given the other has a role no more, or not at some plant.
fn takes(before: &[Given], given: &[Given]) -> bool {
    let reaches = |had: &Plants, has: &Plants| {
        had.codes().map_or(has.is_all(), |codes| codes.iter().all(|plant| has.has(plant)))
    };
    let stays =
        |had: &Given| given.iter().any(|has| has.role == had.role && reaches(&had.plants, &has.plants));
    !before.iter().all(stays)
}

/// As the audit tells roles that were given: codes of plants by role, or `*`.
pub(super) fn told(given: &[Given]) -> Value {
    let plants = |given: &Given| given.plants.codes().map_or(json!(EVERY), |codes| json!(codes));
    given.iter().map(|given| (given.role.clone(), plants(given))).collect::<serde_json::Map<_, _>>().into()
}

/// Whether roles can be given so.
pub(super) async fn judge(tx: &mut Tx, given: &[Given]) -> Result<(), PeopleError> {
    if given.len() > MOST_ROLES {
        return Err(PeopleError::ManyRoles);
    }
    let twice = |at: &usize| given[..*at].iter().any(|before| before.role == given[*at].role);
    if let Some(at) = (0..given.len()).find(twice) {
        return Err(PeopleError::RoleTwice(at + 1));
    }
    let roles = store::roles(tx).await?;
    let unknown = |given: &Given| !roles.iter().any(|known| known.code == given.role);
    if let Some(at) = given.iter().position(unknown) {
        return Err(PeopleError::RoleAt(at + 1));
    }
    let plants = store::plants(tx, Lang::En).await?;
    for (place, given) in (1..).zip(given) {
        let codes = given.plants.codes();
        if codes.is_some() && given.role == ADMIN {
            return Err(PeopleError::AdminEverywhere(place));
        }
        if codes.as_ref().is_some_and(|codes| codes.len() > MOST_PLANTS) {
            return Err(PeopleError::ManyPlants(place));
        }
        let known = |code: &String| plants.iter().any(|(known, _)| known == code);
        if codes.is_some_and(|codes| codes.is_empty() || !codes.iter().all(known)) {
            return Err(PeopleError::Plant(place));
        }
    }
    Ok(())
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

/// Lets a person in or shuts the person out, whose sessions and access keys then end. A person
/// who never set a password is invited again instead of active.
///
/// # Errors
/// When the person is not there, was changed since `version`, has more than whoever acts
/// holds, or nobody would be left to administer.
pub async fn enable(db: &Db, by: &By<'_>, user: Uuid, version: i32, on: bool) -> Result<(), PeopleError> {
    let cx = by.cx;
    db.system_tx(async |system| {
        // The tenant's commits first: nobody disabled gets in, whatever sessions there
        // are.
        let change = system.enter(cx, async |tx| {
            let holders = store::holders(tx, ADMIN).await?;
            let before = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
            by.require_person(tx, &before).await?;
            if !on {
                somebody_else_stays(&holders, user)?;
                provider::way_back_stays(tx, user).await?;
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
            keys::end_of_person(system, cx, user, Utc::now()).await?;
        }
        Ok(())
    })
    .await
}

/// Corrects what a person is called.
///
/// # Errors
/// When the name is not right, the person is not there, has more than whoever acts holds,
/// or was changed since `version`.
pub async fn rename(db: &Db, by: &By<'_>, user: Uuid, version: i32, name: &str) -> Result<(), PeopleError> {
    let name = model::name(name).ok_or(PeopleError::Name)?;
    db.tx(by.cx, async |tx| {
        let before = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
        by.require_person(tx, &before).await?;
        if !store::name_set(tx, user, version, &name).await? {
            return Err(PeopleError::Stale);
        }
        // The name is the person's; that it changed is enough.
        let subject = format!("user:{user}");
        let entry = Entry { action: "user.rename", subject: &subject, ..Entry::default() };
        Ok(audit::record(tx, entry).await?)
    })
    .await
}

/// Asks for the password in force, of somebody who is signed in. A wrong one is counted as
/// at sign-in, so that a browser that was left open is no place to guess at.
///
/// # Errors
/// [`PeopleError::WrongPassword`], [`PeopleError::Wait`].
pub(super) async fn prove(
    db: &Db,
    cx: &Cx,
    user: Uuid,
    present: &str,
    now: DateTime<Utc>,
) -> Result<User, PeopleError> {
    let (known, person) = db
        .tx(cx, async |tx| {
            let known = store::credentials(tx, user).await?;
            Ok::<_, PeopleError>((known, store::user(tx, user, false).await?.ok_or(PeopleError::NotFound)?))
        })
        .await?;
    let counted = Counted::Person(cx.tenant, user);
    let count = db.system_tx(async |system| signin::counts(system, &counted, now).await).await?;
    let locked = match count {
        Count::Wait(until) => return Err(PeopleError::Wait(until)),
        Count::Judge { locks } => locks,
    };
    let hash = known.and_then(|known| known.password_hash);
    if !password::verify(present.to_owned(), hash).await {
        let refused = Refused { by: "password", browser: "", locked };
        db.tx(cx, async |tx| refused::note(tx, user, &refused).await).await?;
        return Err(PeopleError::WrongPassword);
    }
    let subject = counted.subject();
    let forget = async |system: &mut SystemTx| {
        Ok::<_, PeopleError>(store::try_succeeded(system, &subject, None).await?)
    };
    db.system_tx(forget).await?;
    Ok(person)
}

/// Changes a person's own password; every session but `keep` ends.
///
/// # Errors
/// When the present password is another, too many were, or the new one is not good enough.
pub async fn password_change(
    db: &Db,
    cx: &Cx,
    user: Uuid,
    (present, new): (&str, &str),
    keep: Option<SecretHash>,
    now: DateTime<Utc>,
) -> Result<(), PeopleError> {
    let person = prove(db, cx, user, present, now).await?;
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

/// What a person has that whoever acts does not hold; `None` also for nobody.
///
/// # Errors
/// [`PeopleError::Db`].
pub async fn beyond_of(db: &Db, by: &By<'_>, user: Uuid) -> Result<Option<Beyond>, PeopleError> {
    db.tx(by.cx, async |tx| {
        let Some(person) = store::user(tx, user, false).await? else { return Ok(None) };
        match by.require_person(tx, &person).await {
            Ok(()) => Ok(None),
            Err(PeopleError::Beyond(beyond)) => Ok(Some(beyond)),
            Err(error) => Err(error),
        }
    })
    .await
}

/// Asks whether a person can go for good: whoever acts holds what the person has, and
/// somebody else would administer, with a password where people sign in by a provider
/// alone. Asked before the person is erased.
///
/// # Errors
/// [`PeopleError::Beyond`], [`PeopleError::LastAdministrator`],
/// [`PeopleError::LastWayBack`].
pub async fn may_go(tx: &mut Tx, by: &By<'_>, user: Uuid) -> Result<(), PeopleError> {
    let holders = store::holders(tx, ADMIN).await?;
    let person = store::user(tx, user, true).await?.ok_or(PeopleError::NotFound)?;
    by.require_person(tx, &person).await?;
    somebody_else_stays(&holders, user)?;
    provider::way_back_stays(tx, user).await
}
