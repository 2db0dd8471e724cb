//! All SQL of settings.

use sha2::{Digest, Sha256};
use sqlx::Error;
use uuid::Uuid;

use crate::db::{SystemTx, Tx};
use crate::i18n::Lang;

/// What every request needs.
pub(super) struct Look {
    pub addresses: Vec<String>,
    pub version: i32,
    pub logo: bool,
    pub colours: bool,
}

pub(super) async fn look(tx: &mut Tx) -> Result<Option<Look>, Error> {
    let tenant = tx.tenant();
    sqlx::query_as!(
        Look,
        r#"select addresses, version, logo_type is not null as "logo!",
                  (primary_colour <> '' or accent_colour <> '') as "colours!"
           from tenant_settings where tenant_id = $1"#,
        tenant,
    )
    .fetch_optional(tx.conn())
    .await
}

/// What a tenant has of the product, by name.
pub(super) async fn features(system: &mut SystemTx, tenant: Uuid) -> Result<Vec<String>, Error> {
    sqlx::query_scalar!("select features from control.tenants where tenant_id = $1", tenant)
        .fetch_one(system.conn())
        .await
}

/// How it looks and from where it may be reached, without the logo itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub primary_colour: String,
    pub accent_colour: String,
    pub logo_type: Option<String>,
    pub addresses: Vec<String>,
    /// 0 before the first change.
    pub version: i32,
}

pub(super) async fn settings(tx: &mut Tx) -> Result<Settings, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        Settings,
        "select primary_colour, accent_colour, logo_type, addresses, version
         from tenant_settings where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or_default())
}

pub(super) async fn colours_set(tx: &mut Tx, new: &Settings) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into tenant_settings as s (tenant_id, primary_colour, accent_colour) values ($1, $2, $3)
         on conflict (tenant_id) do update
         set primary_colour = $2, accent_colour = $3, version = s.version + 1 where s.version = $4",
        tenant,
        new.primary_colour,
        new.accent_colour,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn addresses_set(tx: &mut Tx, addresses: &[String], version: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into tenant_settings as s (tenant_id, addresses) values ($1, $2)
         on conflict (tenant_id) do update set addresses = $2, version = s.version + 1 where s.version = $3",
        tenant,
        addresses,
        version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn logo(tx: &mut Tx) -> Result<Option<(Vec<u8>, String)>, Error> {
    let tenant = tx.tenant();
    let row = sqlx::query!(
        r#"select logo as "logo!", logo_type as "kind!" from tenant_settings
           where tenant_id = $1 and logo is not null"#,
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| (row.logo, row.kind)))
}

/// Sets the logo, or takes it away.
pub(super) async fn logo_set(tx: &mut Tx, logo: Option<(&[u8], &str)>, version: i32) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let (bytes, kind) = logo.unzip();
    let done = sqlx::query!(
        "insert into tenant_settings as s (tenant_id, logo, logo_type) values ($1, $2, $3)
         on conflict (tenant_id) do update set logo = $2, logo_type = $3, version = s.version + 1
         where s.version = $4",
        tenant,
        bytes,
        kind,
        version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// What of a tenant is its own to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct General {
    pub code: String,
    pub name: String,
    pub time_zone: String,
    pub language: String,
    pub currency: String,
}

impl General {
    /// What stands for these values in a form, so that a change of another is noticed. The
    /// row is written by the installation as well, for what no form shows: a count of its
    /// versions would refuse people for that.
    pub fn seen(&self) -> i32 {
        let mut hash = Sha256::new();
        for value in [&self.name, &self.time_zone, &self.language, &self.currency] {
            hash.update(value);
            hash.update([0]);
        }
        let hash = hash.finalize();
        i32::from_be_bytes([hash[0] & 0x7f, hash[1], hash[2], hash[3]])
    }
}

pub(super) async fn general(tx: &mut SystemTx, tenant: Uuid) -> Result<General, Error> {
    sqlx::query_as!(
        General,
        "select code, name, time_zone, language, currency from control.tenants
         where tenant_id = $1 for update",
        tenant,
    )
    .fetch_one(tx.conn())
    .await
}

pub(super) async fn general_set(
    connection: &mut sqlx::PgConnection,
    tenant: Uuid,
    new: &General,
) -> Result<(), Error> {
    sqlx::query!(
        "update control.tenants set name = $2, time_zone = $3, language = $4, currency = $5
         where tenant_id = $1",
        tenant,
        new.name,
        new.time_zone,
        new.language,
        new.currency,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether the tenant's master of currencies has it.
pub(crate) async fn has_currency(tx: &mut Tx, currency: &str) -> Result<bool, Error> {
    let tenant = tx.tenant();
    sqlx::query_scalar!(
        r#"select exists (select from currencies where tenant_id = $1 and currency = $2
                          and deleted_at is null) as "any!""#,
        tenant,
        currency,
    )
    .fetch_one(tx.conn())
    .await
}

/// Currencies that stand, with their names in a language.
pub(crate) async fn currencies(tx: &mut Tx, lang: Lang) -> Result<Vec<(String, String)>, Error> {
    let tenant = tx.tenant();
    let rows = sqlx::query!(
        r#"select currency, coalesce(names ->> $2, name) as "name!" from currencies
           where tenant_id = $1 and deleted_at is null order by currency"#,
        tenant,
        lang.code(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.currency, row.name)).collect())
}

/// The tenant's own mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Smtp {
    /// Empty: the cloud's is used.
    pub smtp_host: String,
    pub smtp_port: i32,
    pub smtp_security: String,
    pub smtp_user: String,
    /// Sealed.
    pub smtp_password: Option<Vec<u8>>,
    pub from_address: String,
    /// That of all mail settings; 0 before the first change.
    pub version: i32,
}

impl Default for Smtp {
    fn default() -> Self {
        Self {
            smtp_host: String::new(),
            smtp_port: 465,
            smtp_security: "tls".to_owned(),
            smtp_user: String::new(),
            smtp_password: None,
            from_address: String::new(),
            version: 0,
        }
    }
}

pub(crate) async fn smtp(tx: &mut Tx) -> Result<Smtp, Error> {
    let tenant = tx.tenant();
    let found = sqlx::query_as!(
        Smtp,
        "select smtp_host, smtp_port, smtp_security, smtp_user, smtp_password, from_address, version
         from mail_settings where tenant_id = $1",
        tenant,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(found.unwrap_or_default())
}

pub(super) async fn smtp_set(tx: &mut Tx, new: &Smtp) -> Result<bool, Error> {
    let tenant = tx.tenant();
    let done = sqlx::query!(
        "insert into mail_settings as m
                (tenant_id, smtp_host, smtp_port, smtp_security, smtp_user, smtp_password, from_address)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (tenant_id) do update
         set smtp_host = $2, smtp_port = $3, smtp_security = $4, smtp_user = $5, smtp_password = $6,
             from_address = $7, version = m.version + 1 where m.version = $8",
        tenant,
        new.smtp_host,
        new.smtp_port,
        new.smtp_security,
        new.smtp_user,
        new.smtp_password,
        new.from_address,
        new.version,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) async fn smtp_reseal(tx: &mut Tx, sealed: &[u8]) -> Result<(), Error> {
    let tenant = tx.tenant();
    sqlx::query!("update mail_settings set smtp_password = $2 where tenant_id = $1", tenant, sealed)
        .execute(tx.conn())
        .await?;
    Ok(())
}
