//! Making, checking and ending keys, sessions and codes.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde_json::json;
use uuid::Uuid;

use super::secret::{hash_of_key, hash_of_token};
use super::store::{self, KeyRow, MadeRow, SessionRow};
use super::{Secret, SecretHash, make};
use crate::audit::{self, Entry};
use crate::ctx::{Cx, Plants};
use crate::db::{Db, DbError, SystemTx, Tx};
use crate::i18n::{Form, Lang, zone};
use crate::people::{self, Standing};
use crate::tenancy;
use crate::web::{EVERY, Grant, Permission, Rights, Scope, Scopes, beyond};

/// How long a browser stays signed in.
pub const SESSION_LIFETIME: TimeDelta = TimeDelta::hours(12);
/// How long an access key works for which nobody asks for less: none is for ever.
pub const LIFETIME: TimeDelta = TimeDelta::days(365);
/// How long a link that signs in once works.
pub const CODE_LIFETIME: TimeDelta = TimeDelta::minutes(10);

/// Who a valid key or session speaks for.
#[derive(Debug, Clone)]
pub struct Access {
    /// The tenant.
    pub tenant: Uuid,
    /// Its code, as in its UIDs.
    pub tenant_code: String,
    /// Its name.
    pub tenant_name: String,
    /// Its language, if it is one of ours.
    pub language: Option<Lang>,
    /// Its time zone.
    pub zone: Tz,
    /// Whether it is let in; whoever serves the access has to ask.
    pub standing: tenancy::Standing,
    /// The name of the key or person.
    pub name: String,
    /// What it may do.
    pub rights: Rights,
    /// Whom it stands on.
    pub bearer: Bearer,
    /// What a person has set up.
    pub settings: Settings,
}

/// What a person has set up; of an access key as the product does by itself.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// How numbers and days are written.
    pub form: Form,
    /// `light` or `dark`; empty: as the browser says.
    pub theme: String,
    /// The plant that lists and forms begin with.
    pub focus: Option<String>,
    /// The page that follows signing in; empty for the first.
    pub landing: String,
    /// No key of one letter acts by itself.
    pub keys_off: bool,
    /// Codes and names of the plants where the person has any right.
    pub plants: Vec<(String, String)>,
}

/// Whom an access stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// An access key.
    Key(SecretHash),
    /// A person, by the id that the audit knows.
    Person(Uuid),
}

impl Access {
    /// The opaque id of who acts, for [`crate::ctx::Cx`].
    #[must_use]
    pub fn actor(&self) -> String {
        match self.bearer {
            Bearer::Key(key) => subject(key),
            Bearer::Person(user) => format!("user:{user}"),
        }
    }

    /// The scopes of an access key; of a person none.
    #[must_use]
    pub fn scopes(&self) -> Vec<String> {
        match &self.rights {
            Rights::Key(scopes, _) => scopes.names(),
            Rights::Person(_) => Vec::new(),
        }
    }

    fn of_key(row: KeyRow) -> Option<Self> {
        let key = SecretHash(row.key_hash.try_into().ok()?);
        Some(Self {
            tenant: row.tenant_id,
            tenant_code: row.tenant_code,
            tenant_name: row.tenant_name,
            language: Lang::parse(&row.tenant_language),
            zone: zone(&row.tenant_time_zone),
            standing: tenancy::Standing::of(&row.tenant_status),
            name: row.name,
            rights: Rights::Key(Scopes::parse(&row.scopes), Plants::stored(row.plants)),
            bearer: Bearer::Key(key),
            settings: Settings::default(),
        })
    }

    fn of_person(row: SessionRow, user: Uuid, person: Standing) -> Self {
        let rights = Rights::of_grants(person.grants());
        let anywhere = rights.anywhere();
        let plants: Vec<(String, String)> = person
            .plants
            .iter()
            .filter_map(|plant| plant.split_once(' '))
            .filter(|(code, _)| anywhere.has(code))
            .map(|(code, name)| (code.to_owned(), name.to_owned()))
            .collect();
        let settings = Settings {
            form: Form::parse(&person.number_form, &person.date_form),
            theme: person.theme,
            // A plant where the person has no right any more is none.
            focus: Some(person.plant).filter(|plant| plants.iter().any(|(code, _)| code == plant)),
            landing: person.landing,
            keys_off: person.shortcuts == "off",
            plants,
        };
        let zone_name = if person.time_zone.is_empty() { &row.tenant_time_zone } else { &person.time_zone };
        Self {
            tenant: row.tenant_id,
            tenant_code: row.tenant_code,
            tenant_name: row.tenant_name,
            language: Lang::parse(&person.language).or_else(|| Lang::parse(&row.tenant_language)),
            zone: zone(zone_name),
            standing: tenancy::Standing::of(&row.tenant_status),
            rights,
            settings,
            name: person.name,
            bearer: Bearer::Person(user),
        }
    }
}

/// Makes an access key for all plants, which is shown to the person now and never
/// again. Without an end it ends after [`LIFETIME`].
///
/// # Errors
/// When the database refuses.
pub async fn create(
    db: &Db,
    tenant: Uuid,
    name: &str,
    scopes: &[Scope],
    expires_at: Option<DateTime<Utc>>,
) -> Result<Secret, DbError> {
    create_at(db, tenant, name, scopes, &Plants::All, expires_at).await
}

/// Makes an access key for these plants; see [`create`].
///
/// # Errors
/// When the database refuses.
pub async fn create_at(
    db: &Db,
    tenant: Uuid,
    name: &str,
    scopes: &[Scope],
    plants: &Plants,
    expires_at: Option<DateTime<Utc>>,
) -> Result<Secret, DbError> {
    create_by(db, &Cx::system(tenant), &NewKey { name, scopes, plants, expires_at }).await
}

/// An access key to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewKey<'a> {
    /// What it is for.
    pub name: &'a str,
    /// What it may do.
    pub scopes: &'a [Scope],
    /// Where.
    pub plants: &'a Plants,
    /// When it ends by itself; `None`: after [`LIFETIME`].
    pub expires_at: Option<DateTime<Utc>>,
}

/// Makes an access key of the caller's tenant, which the audit has as the caller's act.
///
/// # Errors
/// When the database refuses.
pub async fn create_by(db: &Db, cx: &Cx, new: &NewKey<'_>) -> Result<Secret, DbError> {
    let NewKey { name, plants, .. } = *new;
    let expires_at = Some(new.expires_at.unwrap_or_else(|| Utc::now() + LIFETIME));
    let key = Secret::key();
    let scopes = Scopes::of(new.scopes).names();
    let codes = plants.codes();
    db.system_tx(async |tx| {
        let may = (&scopes[..], codes.as_deref());
        store::key_insert(tx, key.hash(), cx.tenant, name, may, expires_at, &cx.actor).await?;
        let entry = Entry {
            action: "key.create",
            subject: &subject(key.hash()),
            after: Some(json!({ "name": name, "scopes": scopes, "plants": codes, "expires_at": expires_at })),
            ..Entry::default()
        };
        record(tx, cx, entry).await
    })
    .await?;
    Ok(key)
}

/// A key as the audit names it, which is also how it acts.
pub(super) fn subject(key: SecretHash) -> String {
    format!("key:{}", key.short())
}

pub(super) async fn record(tx: &mut SystemTx, cx: &Cx, entry: Entry<'_>) -> Result<(), DbError> {
    // The tenant's commits first: what its audit tells of may not have come about,
    // and nothing comes about that it does not tell of.
    tx.enter(cx, async |tx| audit::record(tx, entry.clone()).await).await
}

/// That a browser was signed in, by the key it stands on.
async fn record_sign_in(
    tx: &mut SystemTx,
    tenant: Uuid,
    key: SecretHash,
    name: &str,
    scopes: &[String],
    by: &str,
) -> Result<(), DbError> {
    let key = subject(key);
    let entry = Entry {
        action: "session.start",
        subject: &key,
        after: Some(json!({ "name": name, "scopes": scopes, "by": by })),
        ..Entry::default()
    };
    record(tx, &Cx::new(tenant, key.as_str()), entry).await
}

/// Ends the tenant's key of this id (see [`SecretHash::short`]), and with it every
/// session that stands on it. Answers its name; `None` when there was none.
///
/// # Errors
/// When the database refuses.
pub async fn revoke(db: &Db, tenant: Uuid, id: &str, now: DateTime<Utc>) -> Result<Option<String>, DbError> {
    revoke_by(db, &Cx::system(tenant), id, now).await
}

/// [`revoke`], as the caller's act in the audit.
///
/// # Errors
/// When the database refuses.
pub async fn revoke_by(db: &Db, cx: &Cx, id: &str, now: DateTime<Utc>) -> Result<Option<String>, DbError> {
    let Some(begins) = SecretHash::begins(id) else {
        return Ok(None);
    };
    db.system_tx(async |tx| {
        let Some(name) = store::key_revoke(tx, cx.tenant, &begins, now).await? else {
            return Ok(None);
        };
        let entry = Entry {
            action: "key.revoke",
            subject: &format!("key:{id}"),
            before: Some(json!({ "name": name })),
            ..Entry::default()
        };
        record(tx, cx, entry).await?;
        Ok(Some(name))
    })
    .await
}

/// Ends the keys that a person made who is shut out or erased: whoever made a key knows it,
/// and those that were made by it. Each is an act of its own in the audit.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_of_person(
    tx: &mut SystemTx,
    cx: &Cx,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    end_made(tx, cx, user, |_| true, now).await
}

/// Ends those of the keys of [`end_of_person`] that may more than the person, of whom roles
/// were taken. `all` are the permissions that there are; where they are not known, a key stays
/// with an administrator alone.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_beyond(
    tx: &mut SystemTx,
    cx: &Cx,
    user: Uuid,
    (rights, all): (&Rights, Option<&[Permission]>),
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    end_made(tx, cx, user, |key| is_beyond(rights, all, key), now).await
}

/// Whether a key may more than these rights.
fn is_beyond(rights: &Rights, all: Option<&[Permission]>, key: &MadeRow) -> bool {
    let (scopes, plants) = (Scopes::parse(&key.scopes), Plants::stored(key.plants.clone()));
    let highest = [Scope::Admin, Scope::Write, Scope::Read].into_iter().find(|scope| scopes.has(*scope));
    let wanted = match (all, highest) {
        (_, None) => return false,
        (Some(all), Some(scope)) => make::grant(all, scope, &plants),
        (None, Some(_)) => Grant { permissions: vec![EVERY.to_owned()], plants, ..Grant::default() },
    };
    !beyond(rights, all.unwrap_or_default(), &wanted).is_empty()
}

/// Ends those of the keys that a person made, and of those that were made by them, of which it
/// is asked.
async fn end_made(
    tx: &mut SystemTx,
    cx: &Cx,
    user: Uuid,
    ends: impl Fn(&MadeRow) -> bool,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    let maker = format!("user:{user}");
    let mut made = store::keys_of(tx, cx.tenant, &maker, now).await?;
    made.retain(ends);
    for key in made {
        let Ok(key) = key.key_hash.try_into() else { continue };
        let key = SecretHash(key);
        // Somebody else may have ended it just now.
        let Some(name) = store::key_revoke(tx, cx.tenant, &key.0[..8], now).await? else { continue };
        let entry = Entry {
            action: "key.revoke",
            subject: &subject(key),
            before: Some(json!({ "name": name })),
            after: Some(json!({ "with": maker })),
        };
        record(tx, cx, entry).await?;
    }
    Ok(())
}

/// A key as an administrator sees it; the key itself is not kept.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Names it in the audit and to [`revoke`].
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Where.
    pub plants: Plants,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Who made it, as the audit names whoever acts: `user:…`, `key:…`, `system`.
    pub created_by: String,
    /// When it last opened something, to some minutes.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was ended.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// The tenant's keys, newest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(db: &Db, tenant: Uuid) -> Result<Vec<Listed>, DbError> {
    let rows = db.system_tx(async |tx| store::key_list(tx, tenant).await).await?;
    let listed = rows.into_iter().filter_map(|row| {
        Some(Listed {
            id: SecretHash(row.key_hash.try_into().ok()?).short(),
            name: row.name,
            scopes: row.scopes,
            plants: Plants::stored(row.plants),
            created_at: row.created_at,
            created_by: row.created_by,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        })
    });
    Ok(listed.collect())
}

/// Whom the key speaks for; `None` alike for one that is unknown, malformed,
/// expired or revoked.
///
/// # Errors
/// When the database refuses.
pub async fn verify(db: &Db, key: &str, now: DateTime<Utc>) -> Result<Option<Access>, DbError> {
    let Some(hash) = hash_of_key(key) else {
        return Ok(None);
    };
    db.system_tx(async |tx| of_hash(tx, hash, now).await).await
}

/// Whom a key speaks for whose hash is known, as [`verify`].
pub(crate) async fn of_hash(
    tx: &mut SystemTx,
    key: SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<Access>, DbError> {
    let Some(row) = store::key_find(tx, key, now).await? else {
        return Ok(None);
    };
    // To some minutes is enough, and spares most requests a write.
    if row.last_used_at.is_none_or(|at| at < now - TimeDelta::minutes(5)) {
        store::key_used(tx, key, now).await?;
    }
    Ok(Access::of_key(row))
}

/// Signs a browser in by its key; returns the session's token. `None` for an
/// access that stands on no key.
///
/// # Errors
/// When the database refuses.
pub async fn start_key_session(
    db: &Db,
    access: &Access,
    now: DateTime<Utc>,
) -> Result<Option<Secret>, DbError> {
    let (Bearer::Key(key), Rights::Key(scopes, _)) = (access.bearer, &access.rights) else {
        return Ok(None);
    };
    let token = Secret::token();
    db.system_tx(async |tx| {
        store::delete_stale(tx, now - TimeDelta::days(1)).await?;
        let until = now + SESSION_LIFETIME;
        store::session_insert(tx, token.hash(), access.tenant, key, now, until).await?;
        record_sign_in(tx, access.tenant, key, &access.name, &scopes.names(), "key").await
    })
    .await?;
    Ok(Some(token))
}

/// Whom a session's token speaks for.
///
/// # Errors
/// When the database refuses.
pub async fn verify_session(db: &Db, token: &str, now: DateTime<Utc>) -> Result<Option<Access>, DbError> {
    let Some(hash) = hash_of_token(token) else {
        return Ok(None);
    };
    db.system_tx(async |tx| {
        let Some(row) = store::session_find(tx, hash, now).await? else {
            return Ok(None);
        };
        // To some minutes is enough, and spares most requests a write.
        if row.last_seen_at.is_none_or(|at| at < now - TimeDelta::minutes(5)) {
            store::session_seen(tx, hash, now).await?;
        }
        if let Some(key) = row.key_hash.clone().and_then(|key| key.try_into().ok()) {
            let access = of_hash(tx, SecretHash(key), now).await?;
            return Ok(access.filter(|access| access.tenant == row.tenant_id));
        }
        let Some(user) = row.user_id else {
            return Ok(None);
        };
        let look = async |tx: &mut Tx| Ok::<_, DbError>(people::standing(tx, user).await?);
        // Reads alone: whatever commits first, nothing changes.
        let person = tx.enter(&Cx::system(row.tenant_id), look).await?;
        Ok(person.map(|person| Access::of_person(row, user, person)))
    })
    .await
}

/// Makes a code for `/signin/once/{code}`, which signs a browser in once.
///
/// # Errors
/// When the database refuses.
pub async fn create_code(
    db: &Db,
    tenant: Uuid,
    name: &str,
    scopes: &[Scope],
    now: DateTime<Utc>,
) -> Result<Secret, DbError> {
    let code = Secret::token();
    let scopes = Scopes::of(scopes).names();
    db.system_tx(async |tx| {
        let until = now + CODE_LIFETIME;
        store::code_insert(tx, code.hash(), tenant, name, &scopes, until).await?;
        let entry = Entry {
            action: "code.create",
            subject: &format!("code:{}", code.hash().short()),
            after: Some(json!({ "name": name, "scopes": scopes, "expires_at": until })),
            ..Entry::default()
        };
        record(tx, &Cx::system(tenant), entry).await
    })
    .await?;
    Ok(code)
}

/// Uses a code up and signs the browser in, with a key of its own that ends
/// with the session. `None` when the code is unknown, used or too old.
///
/// # Errors
/// When the database refuses.
pub async fn redeem_code(db: &Db, code: &str, now: DateTime<Utc>) -> Result<Option<Secret>, DbError> {
    let Some(hash) = hash_of_token(code) else {
        return Ok(None);
    };
    db.system_tx(async |tx| {
        let Some(row) = store::code_use(tx, hash, now).await? else {
            return Ok(None);
        };
        store::delete_stale(tx, now - TimeDelta::days(1)).await?;
        // Nobody is told this key: it only carries the session.
        let (key, token) = (Secret::key().hash(), Secret::token());
        let until = now + SESSION_LIFETIME;
        let by = format!("code:{}", hash.short());
        store::key_insert(tx, key, row.tenant_id, &row.name, (&row.scopes, None), Some(until), &by).await?;
        store::session_insert(tx, token.hash(), row.tenant_id, key, now, until).await?;
        let actor = subject(key);
        let entry = Entry {
            action: "code.redeem",
            subject: &format!("code:{}", hash.short()),
            after: Some(json!({ "name": row.name, "scopes": row.scopes, "key": actor })),
            ..Entry::default()
        };
        record(tx, &Cx::new(row.tenant_id, actor.as_str()), entry).await?;
        record_sign_in(tx, row.tenant_id, key, &row.name, &row.scopes, "code").await?;
        Ok(Some(token))
    })
    .await
}
