//! Issuing, refreshing, checking and ending tokens.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use super::signing::{self, Claims, SigningKey};
use super::store::{self, KeyRow};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, SystemTx};
use crate::secrets::{SecretError, Secrets};
use crate::web::keys::{self, Access, Bearer, Secret, SecretHash, hash_of_token};

/// How long an access token is good.
pub const ACCESS_LIFETIME: TimeDelta = TimeDelta::minutes(10);
/// How long a refresh token is good that is not used.
pub const REFRESH_LIFETIME: TimeDelta = TimeDelta::days(1);
/// How long refresh tokens can follow each other; then the key is asked for again.
pub const FAMILY_LIFETIME: TimeDelta = TimeDelta::days(30);
/// How long a signing key signs; it is told in the JWKS for a day longer.
pub const KEY_LIFETIME: TimeDelta = TimeDelta::days(30);

/// What the seal of a seed is for.
const FIELD: &str = "token.signing_key";

/// Tokens that were just made; each is told this once.
#[derive(Debug)]
pub struct Issued {
    /// The signed one.
    pub access: String,
    /// Gets the next two, once.
    pub refresh: Secret,
    /// What the key behind them may do.
    pub scopes: Vec<String>,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The access key is unknown, expired or revoked.
    #[error("the access key is not valid")]
    Key,
    /// The refresh token is unknown, too old, or its family was ended.
    #[error("the refresh token is not valid any more")]
    Refresh,
    /// The refresh token was used before: somebody else has it too. Its family is
    /// ended now, and whoever is honest signs in by the key again.
    #[error("the refresh token was used before; all tokens of this sign-in are void now")]
    Reused,
    /// The signing key could not be made, sealed or opened.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Signs an API client in by its access key.
///
/// # Errors
/// [`TokenError::Key`]; else those of secrets and database.
pub async fn issue(
    db: &Db,
    secrets: &Secrets,
    issuer: &str,
    key: &str,
    address: &str,
    now: DateTime<Utc>,
) -> Result<Issued, TokenError> {
    let access = keys::verify(db, key, now).await?.ok_or(TokenError::Key)?;
    let Bearer::Key(hash) = access.bearer else { return Err(TokenError::Key) };
    let family = Uuid::now_v7();
    db.system_tx(async |tx| {
        store::delete_stale(tx, now - KEY_LIFETIME * 2, now - TimeDelta::days(7)).await?;
        let until = now + FAMILY_LIFETIME;
        store::family_insert(tx, (family, access.tenant), &hash.0, address, now, until).await?;
        record(tx, access.tenant, hash, "token.issue", family).await?;
        next(tx, secrets, issuer, &access, family, until, now).await
    })
    .await
}

/// Uses a refresh token up for the next two.
///
/// # Errors
/// [`TokenError::Refresh`], [`TokenError::Reused`], [`TokenError::Key`].
pub async fn refresh(
    db: &Db,
    secrets: &Secrets,
    issuer: &str,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Issued, TokenError> {
    let hash = hash_of_token(token).ok_or(TokenError::Refresh)?;
    let done = db
        .system_tx(async |tx| {
            let row = store::refresh_lock(tx, &hash.0, now).await?.ok_or(TokenError::Refresh)?;
            let key = SecretHash(row.key_hash.try_into().map_err(|_| TokenError::Refresh)?);
            if row.used {
                // The end of the family has to be kept, so this is no error here.
                if store::family_end(tx, row.family_id, "reused", now).await?.is_some() {
                    record(tx, row.tenant_id, key, "token.reuse", row.family_id).await?;
                }
                return Ok(None);
            }
            if row.over || row.ended {
                return Err(TokenError::Refresh);
            }
            let access = keys::of_hash(tx, key, now).await?.ok_or(TokenError::Key)?;
            store::refresh_use(tx, &hash.0, now).await?;
            let until = row.family_expires_at;
            next(tx, secrets, issuer, &access, row.family_id, until, now).await.map(Some)
        })
        .await?;
    done.ok_or(TokenError::Reused)
}

/// Makes the two tokens of a family that follow.
async fn next(
    tx: &mut SystemTx,
    secrets: &Secrets,
    issuer: &str,
    access: &Access,
    family: Uuid,
    until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Issued, TokenError> {
    let key = signing_key(tx, secrets, now).await?;
    let refresh = Secret::token();
    store::refresh_insert(tx, &refresh.hash().0, family, until.min(now + REFRESH_LIFETIME)).await?;
    let claims = Claims {
        iss: issuer.to_owned(),
        sub: access.actor(),
        tenant: access.tenant,
        family,
        iat: now.timestamp(),
        exp: (now + ACCESS_LIFETIME).timestamp(),
        jti: Uuid::new_v4(),
    };
    Ok(Issued { access: key.sign(&claims), refresh, scopes: access.scopes() })
}

/// The key that signs now; a new one when there is none, or the last has signed long
/// enough.
async fn signing_key(
    tx: &mut SystemTx,
    secrets: &Secrets,
    now: DateTime<Utc>,
) -> Result<SigningKey, TokenError> {
    let since = now - KEY_LIFETIME;
    let mut found = store::keys(tx, since).await?;
    if found.is_empty() {
        store::keys_lock(tx).await?;
        // Another process may have been first.
        found = store::keys(tx, since).await?;
    }
    if let Some(row) = found.into_iter().next() {
        let seed = secrets.open(Uuid::nil(), FIELD, &row.sealed_seed)?;
        return SigningKey::of_seed(&row.kid, &seed).ok_or(SecretError::Broken.into());
    }
    let seed = signing::new_seed().ok_or(SecretError::Random)?;
    let kid = Uuid::now_v7().simple().to_string();
    let key = SigningKey::of_seed(&kid, &seed).ok_or(SecretError::Broken)?;
    let sealed_seed = secrets.seal(Uuid::nil(), FIELD, &seed)?;
    let row = KeyRow { kid, public_key: key.public().to_vec(), sealed_seed, created_at: now };
    store::key_insert(tx, &row).await?;
    Ok(key)
}

/// Whom an access token speaks for; `None` alike for one that is unknown, malformed or
/// over, whose family or key was ended, and for a tenant that is suspended.
///
/// # Errors
/// When the database refuses.
pub async fn verify(
    db: &Db,
    issuer: &str,
    token: &str,
    now: DateTime<Utc>,
) -> Result<Option<Access>, DbError> {
    let Some(read) = signing::read(token) else { return Ok(None) };
    db.system_tx(async |tx| {
        let since = now - KEY_LIFETIME - TimeDelta::days(1);
        let Some(public) = store::public_key(tx, &read.kid, since).await? else { return Ok(None) };
        let Some(claims) = signing::read(token).and_then(|read| read.check(&public, issuer, now)) else {
            return Ok(None);
        };
        let key = store::family_key(tx, claims.family, claims.tenant, now).await?;
        let Some(key) = key.and_then(|key| key.try_into().ok()).map(SecretHash) else { return Ok(None) };
        let access = keys::of_hash(tx, key, now).await?;
        Ok(access.filter(|access| access.tenant == claims.tenant && access.actor() == claims.sub))
    })
    .await
}

/// Ends the family of a refresh token: the client signs out. One that is not there is
/// no matter (RFC 7009).
///
/// # Errors
/// When the database refuses.
pub async fn end(db: &Db, token: &str, now: DateTime<Utc>) -> Result<(), DbError> {
    let Some(hash) = hash_of_token(token) else { return Ok(()) };
    db.system_tx(async |tx| {
        let Some(row) = store::refresh_lock(tx, &hash.0, now).await? else { return Ok(()) };
        if let Some((tenant, key)) = store::family_end(tx, row.family_id, "revoked", now).await?
            && let Ok(key) = key.try_into()
        {
            record(tx, tenant, SecretHash(key), "token.revoke", row.family_id).await?;
        }
        Ok(())
    })
    .await
}

async fn record(
    tx: &mut SystemTx,
    tenant: Uuid,
    key: SecretHash,
    action: &'static str,
    family: Uuid,
) -> Result<(), DbError> {
    let actor = format!("key:{}", key.short());
    let cx = Cx::new(tenant, actor.as_str());
    tx.enter(&cx, async |tx| {
        let entry =
            Entry { action, subject: &actor, after: Some(json!({ "family": family })), ..Entry::default() };
        audit::record(tx, entry).await
    })
    .await
}

/// The public keys whose tokens may be good still, as JWKs.
///
/// # Errors
/// When the database refuses.
pub(super) async fn jwks(db: &Db, now: DateTime<Utc>) -> Result<Vec<serde_json::Value>, DbError> {
    let since = now - KEY_LIFETIME - TimeDelta::days(1);
    let rows = db.system_tx(async |tx| store::keys(tx, since).await).await?;
    Ok(rows.iter().map(|row| signing::jwk(&row.kid, &row.public_key)).collect())
}

/// Brings the signing keys under the key that seals now; answers how many were.
///
/// # Errors
/// When the database refuses.
pub async fn reseal(db: &Db, secrets: &Secrets) -> Result<usize, DbError> {
    db.system_tx(async |tx| {
        let mut done = 0;
        for row in store::keys(tx, DateTime::UNIX_EPOCH).await? {
            match secrets.reseal(Uuid::nil(), FIELD, &row.sealed_seed) {
                Ok(Some(again)) => {
                    store::key_seal(tx, &row.kid, &again).await?;
                    done += 1;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(kid = row.kid, %error, "a signing key was not sealed anew"),
            }
        }
        Ok(done)
    })
    .await
}
