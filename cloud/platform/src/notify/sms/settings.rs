//! A tenant's own provider of text messages.

use axum::http::StatusCode;
use chrono::NaiveDate;
use serde_json::json;

use super::provider::Provider;
use super::store::{self, Kept};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::secrets::{SecretError, Secrets};
use crate::web::Problem;

/// What the token is sealed for.
pub(super) const FIELD: &str = "sms:token";

/// A tenant's own provider, as an administrator sees it.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Without its token.
    pub provider: Provider,
    /// Whether there is a token.
    pub has_token: bool,
    /// Used in place of the cloud's.
    pub active: bool,
    /// For a change that must not overwrite another's; 0 before the first.
    pub version: i32,
}

/// Why settings were not kept.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// What is not right: the field, and the key of a text.
    #[error("some fields are not right")]
    Mistakes(Vec<(&'static str, &'static str)>),
    /// Somebody else changed them meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// A secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for SettingsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        let told = error.to_string();
        match error {
            SettingsError::Stale => Self::conflict("conflict.stale", ""),
            SettingsError::Secret(error) => Self::internal(error),
            SettingsError::Db(error) => error.into(),
            SettingsError::Mistakes(all) => all.into_iter().fold(
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "sms.invalid", told),
                |problem, (field, key)| problem.field(field, key),
            ),
        }
    }
}

fn shown(kept: &Kept) -> Settings {
    Settings {
        provider: serde_json::from_value(kept.config.clone()).unwrap_or_default(),
        has_token: kept.token.is_some(),
        active: kept.active,
        version: kept.version,
    }
}

/// The tenant's own provider, and the parts that were sent today.
///
/// # Errors
/// Those of the database.
pub(super) async fn of_tenant(tx: &mut Tx, today: NaiveDate) -> Result<(Settings, i32), DbError> {
    let tenant = tx.tenant();
    let settings = store::provider(tx).await?.as_ref().map(shown).unwrap_or_default();
    Ok((settings, store::counted(tx, (today, tenant)).await?))
}

/// The provider that the tenant's messages go by: the own where it is in use, else
/// the cloud's.
pub(super) async fn in_use(
    tx: &mut Tx,
    secrets: &Secrets,
    of_cloud: Option<&Provider>,
) -> Result<Option<Provider>, SettingsError> {
    let Some(kept) = store::provider(tx).await?.filter(|kept| kept.active) else {
        return Ok(of_cloud.cloned());
    };
    let token = match &kept.token {
        Some(sealed) => String::from_utf8_lossy(&secrets.open(tx.tenant(), FIELD, sealed)?).into_owned(),
        None => String::new(),
    };
    Ok(Some(Provider { token, ..shown(&kept).provider }))
}

/// Sets the tenant's own provider. An empty token leaves the one that is there.
///
/// # Errors
/// [`SettingsError`].
pub(super) async fn set(
    db: &Db,
    cx: &Cx,
    (secrets, private_too): (&Secrets, bool),
    new: &Settings,
) -> Result<(), SettingsError> {
    // One that is not used may be unfinished.
    let mistakes = if new.active { new.provider.mistakes(private_too) } else { Vec::new() };
    if !mistakes.is_empty() {
        return Err(SettingsError::Mistakes(mistakes));
    }
    let token = match new.provider.token.trim() {
        "" => None,
        token => Some(secrets.seal(cx.tenant, FIELD, token.as_bytes())?),
    };
    // Strings and numbers, which JSON can hold.
    let config = serde_json::to_value(&new.provider).unwrap_or_default();
    db.tx(cx, async |tx| {
        let before = store::provider(tx).await?;
        let kept_token = before.as_ref().and_then(|kept| kept.token.clone());
        let changed = token.is_some();
        let new = Kept { config, token: token.or(kept_token), active: new.active, version: new.version };
        if !store::provider_set(tx, &new).await? {
            return Err(SettingsError::Stale);
        }
        // Headers and the body may hold secrets of their own.
        let told = |kept: &Kept| {
            json!({
                "active": kept.active,
                "sender": kept.config["sender"],
                "per_person": kept.config["per_person"],
                "per_tenant": kept.config["per_tenant"],
            })
        };
        let mut after = told(&new);
        after["token_changed"] = json!(changed);
        let entry = Entry {
            action: "sms.settings",
            subject: "sms:settings",
            before: before.as_ref().map(told),
            after: Some(after),
        };
        audit::record(tx, entry).await?;
        Ok(())
    })
    .await
}
