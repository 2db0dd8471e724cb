//! Commands on a tenant's settings. Each stands in its audit.

use std::net::IpAddr;

use chrono_tz::Tz;
use serde_json::json;
use uuid::Uuid;

use super::address;
use super::colour::{Colour, READABLE};
use super::store::{self, General, Settings, Smtp};
use crate::audit::{self, Entry};
use crate::ctx::Cx;
use crate::db::{Db, DbError, Tx};
use crate::i18n::Lang;
use crate::people::{Beyond, By, clean_email};
use crate::plans::{self, Denied, Feature};
use crate::secrets::{SecretError, Secrets};
use crate::tenancy::config::tenant_name;
use crate::web::Network;

/// What the password of the mail server is sealed for.
pub(crate) const SMTP_FIELD: &str = "smtp";

/// Why settings were not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    /// Fields that are not right, all of them: field, key of a text, its value.
    #[error("something in the form is not right")]
    Invalid(Vec<(&'static str, &'static str, String)>),
    /// Lines that are no network, counted from 1, with what stands there.
    #[error("something is no network")]
    Lines(Vec<(usize, String)>),
    /// Whoever asks would be shut out: from this address.
    #[error("you would shut yourself out")]
    LocksOut(Option<IpAddr>),
    /// It reaches beyond what whoever acts holds.
    #[error(transparent)]
    Beyond(#[from] Beyond),
    /// Somebody else changed it meanwhile.
    #[error("somebody else changed this meanwhile")]
    Stale,
    /// The plan does not have it.
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<sqlx::Error> for SettingsError {
    fn from(error: sqlx::Error) -> Self {
        Self::Db(error.into())
    }
}

/// Name, time zone, language and currency; `seen` is what stood there when the form was
/// opened ([`General::seen`]).
///
/// # Errors
/// [`SettingsError::Invalid`] with every field that is not right; [`SettingsError::Stale`].
pub(super) async fn general_set(db: &Db, cx: &Cx, typed: &General, seen: i32) -> Result<(), SettingsError> {
    let name = tenant_name(&typed.name);
    let zone = typed.time_zone.parse::<Tz>().ok();
    let language = Lang::parse(&typed.language);
    let known =
        db.tx(cx, async |tx| Ok::<_, DbError>(store::has_currency(tx, typed.currency.trim()).await?)).await?;
    let mut wrong = Vec::new();
    let mut note = |field, ok: bool, key| {
        if !ok {
            wrong.push((field, key, String::new()));
        }
    };
    note("name", name.is_some(), "tenant-error-name");
    note("time_zone", zone.is_some(), "admin-wrong-zone");
    note("language", language.is_some(), "admin-wrong-language");
    note("currency", known, "settings-wrong-currency");
    let (Some(name), Some(zone), Some(language), true) = (name, zone, language, known) else {
        return Err(SettingsError::Invalid(wrong));
    };
    let tenant = cx.tenant;
    db.system_tx(async |system| {
        let before = store::general(system, tenant).await?;
        let new = General {
            code: before.code.clone(),
            name: name.clone(),
            time_zone: zone.name().to_owned(),
            language: language.code().to_owned(),
            currency: typed.currency.trim().to_owned(),
        };
        if new == before {
            return Ok(());
        }
        // The row is locked until the commit.
        same_version(before.seen(), seen)?;
        store::general_set(system.conn(), tenant, &new).await?;
        let note = system.enter(cx, async |tx| {
            // Where the tenant has a database of its own, its row there says the same.
            store::general_set(tx.conn(), tenant, &new).await?;
            let shown = |it: &General| {
                json!({ "name": it.name, "time_zone": it.time_zone, "language": it.language,
                        "currency": it.currency })
            };
            let entry = Entry {
                action: "tenant.settings",
                subject: &format!("tenant:{tenant}"),
                before: Some(shown(&before)),
                after: Some(shown(&new)),
            };
            Ok::<_, SettingsError>(audit::record(tx, entry).await?)
        });
        note.await
    })
    .await
}

/// A colour as typed: nothing, or one that can be read.
fn colour(field: &'static str, text: &str) -> Result<String, (&'static str, &'static str, String)> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(String::new());
    }
    let colour = Colour::parse(text).ok_or((field, "settings-wrong-colour", String::new()))?;
    let contrast = colour.on_light();
    if contrast < READABLE {
        // Rounded down, so that 4.49 is not shown as 4.5.
        return Err((field, "settings-wrong-contrast", format!("{:.1}", (contrast * 10.0).floor() / 10.0)));
    }
    Ok(colour.to_string())
}

/// The two colours; an empty text is the product's own.
///
/// # Errors
/// [`SettingsError::Invalid`] for one that cannot be read, with its contrast.
pub(super) async fn colours_set(
    db: &Db,
    cx: &Cx,
    (primary, accent): (&str, &str),
    version: i32,
) -> Result<(), SettingsError> {
    let (primary, accent) = match (colour("primary_colour", primary), colour("accent_colour", accent)) {
        (Ok(primary), Ok(accent)) => (primary, accent),
        (primary, accent) => {
            return Err(SettingsError::Invalid(primary.err().into_iter().chain(accent.err()).collect()));
        }
    };
    db.tx(cx, async |tx| {
        plans::allow(tx, Feature::Branding).await?;
        let before = store::settings(tx).await?;
        same_version(before.version, version)?;
        let new = Settings {
            primary_colour: primary.clone(),
            accent_colour: accent.clone(),
            version,
            ..Settings::default()
        };
        if !store::colours_set(tx, &new).await? {
            return Err(SettingsError::Stale);
        }
        let shown = |it: &Settings| json!({ "primary": it.primary_colour, "accent": it.accent_colour });
        record(tx, "tenant.colours", shown(&before), shown(&new)).await
    })
    .await
}

/// Refuses a version that is none yet or no more. That it is still so when the row is
/// written, the statement asks again.
fn same_version(stands: i32, seen: i32) -> Result<(), SettingsError> {
    if stands == seen { Ok(()) } else { Err(SettingsError::Stale) }
}

async fn record(
    tx: &mut Tx,
    action: &str,
    before: serde_json::Value,
    after: serde_json::Value,
) -> Result<(), SettingsError> {
    let subject = format!("tenant:{}", tx.tenant());
    let entry = Entry { action, subject: &subject, before: Some(before), after: Some(after) };
    Ok(audit::record(tx, entry).await?)
}

/// A logo that was judged, or none.
///
/// # Errors
/// [`SettingsError::Stale`], [`SettingsError::Denied`].
pub(super) async fn logo_set(
    db: &Db,
    cx: &Cx,
    logo: Option<(&[u8], &'static str)>,
    version: i32,
) -> Result<(), SettingsError> {
    db.tx(cx, async |tx| {
        if logo.is_some() {
            plans::allow(tx, Feature::Branding).await?;
        }
        let before = store::settings(tx).await?;
        same_version(before.version, version)?;
        if !store::logo_set(tx, logo, version).await? {
            return Err(SettingsError::Stale);
        }
        let after = logo.map(|(bytes, kind)| json!({ "type": kind, "bytes": bytes.len() }));
        record(tx, "tenant.logo", json!({ "type": before.logo_type }), json!(after)).await
    })
    .await
}

/// From where people and keys may come; nothing is from anywhere. Whoever asks stays
/// in.
///
/// # Errors
/// [`SettingsError::Lines`] with every one that is no network; [`SettingsError::LocksOut`].
pub(super) async fn addresses_set<'l>(
    db: &Db,
    cx: &Cx,
    lines: impl IntoIterator<Item = &'l str>,
    from: Option<IpAddr>,
    version: i32,
) -> Result<(), SettingsError> {
    let networks: Vec<Network> = address::read(lines).map_err(SettingsError::Lines)?;
    if networks.len() > address::MOST {
        return Err(SettingsError::Invalid(vec![("addresses", "settings-wrong-many", String::new())]));
    }
    if !address::admits(&networks, from) {
        return Err(SettingsError::LocksOut(from));
    }
    let new: Vec<String> = networks.iter().map(ToString::to_string).collect();
    db.tx(cx, async |tx| {
        if !new.is_empty() {
            plans::allow(tx, Feature::Addresses).await?;
        }
        let before = store::settings(tx).await?;
        same_version(before.version, version)?;
        if !store::addresses_set(tx, &new, version).await? {
            return Err(SettingsError::Stale);
        }
        record(tx, "tenant.addresses", json!(before.addresses), json!(new)).await
    })
    .await
}

/// Opens a tenant to every address: for one whose network has changed and who cannot
/// come in any more. Only from the machine itself.
///
/// # Errors
/// The database.
pub async fn open_addresses(db: &Db, tenant: Uuid) -> Result<(), DbError> {
    db.tx(&Cx::system(tenant), async |tx| {
        let before = store::settings(tx).await?;
        if before.addresses.is_empty() {
            return Ok(());
        }
        store::addresses_set(tx, &[], before.version).await?;
        let entry = Entry {
            action: "tenant.addresses",
            subject: &format!("tenant:{tenant}"),
            before: Some(json!(before.addresses)),
            after: Some(json!([])),
        };
        audit::record(tx, entry).await
    })
    .await
}

/// The mail server as it is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct TypedSmtp {
    pub smtp_host: String,
    pub smtp_port: i32,
    pub smtp_security: String,
    pub smtp_user: String,
    /// Empty: as it is.
    pub smtp_password: String,
    /// The one that is kept is forgotten.
    pub no_password: bool,
    pub from_address: String,
    pub version: i32,
}

/// The tenant's own mail server; without a host the cloud's is used again. Ports are
/// those of mail, unless `any_port`: the cloud is no way to try others.
///
/// # Errors
/// [`SettingsError::Beyond`] of somebody who is no administrator: whoever runs the server
/// reads the links by which everybody sets a new password. [`SettingsError::Invalid`] with
/// every field that is not right.
pub(super) async fn smtp_set(
    db: &Db,
    by: &By<'_>,
    secrets: &Secrets,
    typed: &TypedSmtp,
    any_port: bool,
) -> Result<(), SettingsError> {
    by.holds_everything()?;
    let host = typed.smtp_host.trim().to_lowercase();
    let from = clean_email(&typed.from_address);
    let own = !host.is_empty();
    let mut wrong = Vec::new();
    let mut note = |field, ok: bool, key| {
        if own && !ok {
            wrong.push((field, key, String::new()));
        }
    };
    let named = host.len() <= 253
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        && !host.starts_with(['.', '-'])
        && !host.ends_with(['.', '-']);
    note("smtp_host", named, "settings-wrong-host");
    note(
        "smtp_port",
        matches!(typed.smtp_port, 25 | 465 | 587 | 2525)
            || (any_port && (1..=65_535).contains(&typed.smtp_port)),
        "settings-wrong-port",
    );
    note(
        "smtp_security",
        matches!(typed.smtp_security.as_str(), "tls" | "starttls"),
        "settings-wrong-security",
    );
    let plain = |text: &str, most| text.chars().count() <= most && !text.chars().any(char::is_control);
    note("smtp_user", plain(&typed.smtp_user, 254), "settings-wrong-user");
    note("smtp_password", plain(&typed.smtp_password, 256), "settings-wrong-user");
    note("from_address", from.is_some(), "people-error-email");
    if !wrong.is_empty() {
        return Err(SettingsError::Invalid(wrong));
    }
    db.tx(by.cx, async |tx| {
        if own {
            plans::allow(tx, Feature::OwnMail).await?;
        }
        let before = store::smtp(tx).await?;
        same_version(before.version, typed.version)?;
        let user = typed.smtp_user.trim().to_owned();
        // A password is for one server and one name; another one gets its own.
        let same = before.smtp_host == host && before.smtp_user == user;
        let password = match typed.smtp_password.as_str() {
            _ if !own || user.is_empty() => None,
            "" if same && !typed.no_password => before.smtp_password.clone(),
            "" => None,
            password => Some(secrets.seal(tx.tenant(), SMTP_FIELD, password.as_bytes())?),
        };
        let new = if own {
            Smtp {
                smtp_host: host.clone(),
                smtp_port: typed.smtp_port,
                smtp_security: typed.smtp_security.clone(),
                smtp_user: user,
                smtp_password: password,
                from_address: from.clone().unwrap_or_default(),
                version: typed.version,
            }
        } else {
            Smtp { version: typed.version, ..Smtp::default() }
        };
        if !store::smtp_set(tx, &new).await? {
            return Err(SettingsError::Stale);
        }
        // Neither the name nor the password, which may be a person's.
        let shown = |it: &Smtp| {
            json!({ "host": it.smtp_host, "port": it.smtp_port, "security": it.smtp_security,
                    "from": it.from_address, "password": it.smtp_password.is_some() })
        };
        record(tx, "mail.server", shown(&before), shown(&new)).await
    })
    .await
}

/// Brings the password of the tenant's mail server under the key that seals now;
/// answers how many were.
///
/// # Errors
/// Those of the database. A secret that does not open stays as it is.
pub async fn reseal(tx: &mut Tx, secrets: &Secrets) -> Result<usize, DbError> {
    let tenant = tx.tenant();
    let Some(sealed) = store::smtp(tx).await?.smtp_password else {
        return Ok(0);
    };
    match secrets.reseal(tenant, SMTP_FIELD, &sealed) {
        Ok(Some(again)) => {
            store::smtp_reseal(tx, &again).await?;
            Ok(1)
        }
        Ok(None) => Ok(0),
        Err(error) => {
            tracing::warn!(%tenant, %error, "a secret was not sealed anew");
            Ok(0)
        }
    }
}
