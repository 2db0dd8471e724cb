//! Settings of the cloud: defaults, then a TOML file, then `TRACEWRIGHT_…` in
//! the environment; later ones win.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use analytics::mirror;
use anyhow::Context;
use chrono::{DateTime, Utc};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use platform::db::{Db, Owns, Server};
use platform::files::{Depot, Files, Limits, S3Config, Subject};
use platform::notify::{MailConfig, Mailer, SmsProvider};
use platform::secrets::{self, Secrets};
use platform::web::{Network, Rate, Rates};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use trace::genealogy::Genealogy;

/// A further database server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// `postgres://…`.
    pub url: String,
    /// Where it stands.
    #[serde(default)]
    pub region: String,
}

use crate::tls::Tls;

/// All settings.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Everything the cloud keeps on disk: embedded database, sealing key.
    pub state_dir: PathBuf,
    /// Where pages and API are served. Port 0 takes a free one.
    pub http_listen: SocketAddr,
    /// Where agents connect (gRPC over mutual TLS). Port 0 takes a free one.
    pub grpc_listen: SocketAddr,
    /// Names on the gRPC certificate; agents must connect by one of them.
    pub grpc_names: Vec<String>,
    /// `postgres://…`; the embedded server when left out.
    pub database_url: Option<String>,
    /// The pages are behind TLS (a proxy's), so cookies are sent over it only. With
    /// `tls_certificate` they always are.
    pub secure_cookies: bool,
    /// Where the server of that database stands, as contracts name it (`in-west`).
    pub region: String,
    /// Further servers for tenants' own databases, by name: `url` logs in as an owner who
    /// may make databases and roles, `region` is where it stands.
    pub database_servers: BTreeMap<String, ServerConfig>,
    /// Most connections of this process to all own databases together.
    pub own_connections: u32,
    /// Most own databases to which this process keeps connections.
    pub own_databases: usize,
    /// Certificate of pages and API as PEM, with those that lead to its root; over
    /// plain HTTP, as behind a proxy, when left out. Read again when it changes.
    pub tls_certificate: Option<PathBuf>,
    /// Its key as PEM.
    pub tls_key: Option<PathBuf>,
    /// Where plain HTTP is sent on to `public_url`, such as `0.0.0.0:80`.
    pub redirect_listen: Option<SocketAddr>,
    /// Structured logs (JSON) instead of text.
    pub log_json: bool,
    /// Hours after which an event is surely in a backup that would be restored, so
    /// that agents may prune it. Left out while nobody makes backups: then agents
    /// keep what was acknowledged for the days that their plant file says.
    pub backup_horizon_hours: Option<u32>,
    /// Address of the pages as people reach them, such as `https://trace.example.com`;
    /// links in mails lead there.
    pub public_url: Option<String>,
    /// The mail server: `smtps://user:password@host`, or
    /// `smtp://user:password@host:587?tls=required`. No mail is sent when left out.
    pub smtp_url: Option<String>,
    /// Who mails come from: `Tracewright <noreply@example.com>`.
    pub mail_from: Option<String>,
    /// The provider of text messages, a table `[sms]`: `url`, `body`, `token` and others,
    /// see docs/notices.md. Tenants may have their own. None are sent when left out.
    pub sms: Option<SmsProvider>,
    /// What whoever reports mail that bounced, of any tenant, shows at
    /// `/api/v1/mail/bounces`: at least 24 characters. Tenants have tokens of their own
    /// besides.
    pub bounce_token: Option<String>,
    /// Keys under which sensitive fields are sealed, each `name:base64`, the last one
    /// for what is sealed from now on. The file `secrets.keys` in the state folder
    /// when left out, made at first use.
    pub secret_keys: Vec<String>,
    /// Webhooks of tenants may reach private and loopback addresses, and go without
    /// TLS. Only where every tenant is trusted with what stands beside the cloud.
    pub webhooks_private: bool,
    /// Proxies before this server, by address or network (`10.0.0.0/8`): only these
    /// say, in `X-Forwarded-For`, where a request came from.
    pub trusted_proxies: Vec<String>,
    /// Requests that one key or person may make at once; 0: no limit.
    pub rate_caller_burst: u32,
    /// How many of them come back each second.
    pub rate_caller_per_second: u32,
    /// Requests that may come from one address at once; 0: no limit.
    pub rate_address_burst: u32,
    /// How many of them come back each second.
    pub rate_address_per_second: u32,
    /// Seconds after which a request is given up.
    pub request_timeout_seconds: u32,
    /// Where attached files lie: a folder, or `s3://bucket`. `files` in the state
    /// folder when left out.
    pub files_store: Option<String>,
    /// Address of an S3-compatible store other than Amazon's.
    pub files_s3_endpoint: Option<String>,
    /// Its region.
    pub files_s3_region: Option<String>,
    /// Who asks it.
    pub files_s3_access_key: String,
    /// And by which secret.
    pub files_s3_secret_key: String,
    /// The largest file, in megabytes.
    pub files_largest_mb: u64,
    /// What a tenant's files may take together, in megabytes.
    pub files_quota_mb: u64,
    /// Days after which a deleted file goes for good.
    pub files_keep_deleted_days: u32,
    /// Most memory for what went into what, of all tenants together, in megabytes; what
    /// does not fit is asked of the database. 0: all of it is.
    pub genealogy_memory_mb: u32,
    /// Memory of one open mirror behind the dashboards, in megabytes.
    pub mirror_memory_mb: u32,
    /// What one open mirror may put on disk for a large question, in megabytes.
    pub mirror_temp_mb: u32,
    /// Most mirrors open at once.
    pub mirror_open: usize,
    /// Seconds after which a question of a dashboard is given up.
    pub mirror_answer_seconds: u32,
    /// Where exports of mirrors go: a folder, or `s3://bucket` (with the settings
    /// `files_s3_…`). `exports` in the state folder when left out.
    pub mirror_exports: Option<String>,
    /// Tenants whose trial and time of grace are over, and that never had a plan that is no
    /// trial, are erased by the cloud itself, each with a certificate. When this is off, its
    /// log names them, and an operator erases them.
    pub erase_due: bool,
}

impl Default for Config {
    fn default() -> Self {
        let rates = Rates::default();
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
        Self {
            state_dir: home.join(".local/state/tracewright"),
            http_listen: ([127, 0, 0, 1], 17080).into(),
            grpc_listen: ([127, 0, 0, 1], 17443).into(),
            grpc_names: vec!["localhost".into(), "127.0.0.1".into()],
            database_url: None,
            region: String::new(),
            database_servers: BTreeMap::new(),
            own_connections: Owns::default().connections,
            own_databases: Owns::default().databases,
            secure_cookies: false,
            tls_certificate: None,
            tls_key: None,
            redirect_listen: None,
            log_json: false,
            backup_horizon_hours: None,
            public_url: None,
            smtp_url: None,
            mail_from: None,
            sms: None,
            bounce_token: None,
            secret_keys: Vec::new(),
            webhooks_private: false,
            trusted_proxies: Vec::new(),
            rate_caller_burst: rates.caller.burst,
            rate_caller_per_second: rates.caller.per_second,
            rate_address_burst: rates.address.burst,
            rate_address_per_second: rates.address.per_second,
            request_timeout_seconds: 120,
            files_store: None,
            files_s3_endpoint: None,
            files_s3_region: None,
            files_s3_access_key: String::new(),
            files_s3_secret_key: String::new(),
            files_largest_mb: 100,
            files_quota_mb: 10 * 1024,
            files_keep_deleted_days: 90,
            genealogy_memory_mb: 1024,
            mirror_memory_mb: 512,
            mirror_temp_mb: 4096,
            mirror_open: 16,
            mirror_answer_seconds: 10,
            mirror_exports: None,
            erase_due: true,
        }
    }
}

impl Config {
    /// Reads the settings.
    ///
    /// # Errors
    /// When the file is missing or a setting is not right; the message names it
    /// and where it came from.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(file) = file {
            anyhow::ensure!(file.is_file(), "the configuration file {} is not there", file.display());
            figment = figment.merge(Toml::file_exact(file));
        }
        // Only settings: other programs of this family read other names.
        let keys = [
            "state_dir",
            "http_listen",
            "grpc_listen",
            "grpc_names",
            "database_url",
            "region",
            "database_servers",
            "own_connections",
            "own_databases",
            "secure_cookies",
            "log_json",
            "backup_horizon_hours",
            "public_url",
            "smtp_url",
            "mail_from",
            "sms",
            "bounce_token",
            "secret_keys",
            "webhooks_private",
            "trusted_proxies",
            "rate_caller_burst",
            "rate_caller_per_second",
            "rate_address_burst",
            "rate_address_per_second",
            "request_timeout_seconds",
            "tls_certificate",
            "tls_key",
            "redirect_listen",
            "files_store",
            "files_s3_endpoint",
            "files_s3_region",
            "files_s3_access_key",
            "files_s3_secret_key",
            "files_largest_mb",
            "files_quota_mb",
            "files_keep_deleted_days",
            "genealogy_memory_mb",
            "mirror_memory_mb",
            "mirror_temp_mb",
            "mirror_open",
            "mirror_answer_seconds",
            "mirror_exports",
            "erase_due",
        ];
        figment
            .merge(Env::prefixed("TRACEWRIGHT_").only(&keys))
            .extract()
            .context("the configuration is not right")
    }

    /// Address of the pages, without a slash at the end: as configured, else where
    /// they are served.
    pub fn url(&self) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| {
            let scheme = if self.tls_certificate.is_some() { "https" } else { "http" };
            format!("{scheme}://{}", self.http_listen)
        });
        url.trim_end_matches('/').to_owned()
    }

    /// How mail goes out; `None` when it does not. Within a runtime, which the way to
    /// the server needs.
    ///
    /// # Errors
    /// When a part of it is missing or not right.
    pub fn mailer(&self) -> anyhow::Result<Option<Mailer>> {
        let Some(smtp_url) = self.smtp_url.clone() else {
            return Ok(None);
        };
        let from = self.mail_from.clone().context("smtp_url needs mail_from, who mails come from")?;
        // Where a request says that it went is no address to send to others.
        self.public_url.as_ref().context("smtp_url needs public_url, where links in mails lead")?;
        Ok(Some(Mailer::new(&MailConfig { smtp_url, from })?))
    }

    /// What is configured of tenants' own databases.
    ///
    /// # Errors
    /// When the address of a server is not right.
    pub fn owns(&self) -> anyhow::Result<Owns> {
        let mut servers = BTreeMap::new();
        for (name, server) in &self.database_servers {
            let options = PgConnectOptions::from_str(&server.url)
                .with_context(|| format!("database_servers.{name}.url is not right"))?;
            servers.insert(name.clone(), Server { options, region: server.region.clone() });
        }
        Ok(Owns {
            servers,
            region: self.region.clone(),
            connections: self.own_connections,
            databases: self.own_databases,
        })
    }

    /// The provider of text messages.
    ///
    /// # Errors
    /// When something of it is not right; all of it is named.
    pub fn sms(&self) -> anyhow::Result<Option<SmsProvider>> {
        let Some(provider) = &self.sms else {
            return Ok(None);
        };
        let mut wrong: Vec<&str> =
            provider.mistakes(self.webhooks_private).into_iter().map(|(field, _)| field).collect();
        wrong.dedup();
        anyhow::ensure!(wrong.is_empty(), "sms: {} not right, see docs/notices.md", wrong.join(", "));
        self.public_url.as_ref().context("sms needs public_url, where links in messages lead")?;
        Ok(Some(provider.clone()))
    }

    /// The token of reports of bounced mail.
    ///
    /// # Errors
    /// When it is too short to be safe.
    pub fn bounce_token(&self) -> anyhow::Result<Option<String>> {
        let long_enough = self.bounce_token.as_ref().is_none_or(|token| token.len() >= 24);
        anyhow::ensure!(long_enough, "bounce_token: 24 characters or more are expected");
        Ok(self.bounce_token.clone())
    }

    /// How many requests somebody may make.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Rates {
            caller: Rate { burst: self.rate_caller_burst, per_second: self.rate_caller_per_second },
            address: Rate { burst: self.rate_address_burst, per_second: self.rate_address_per_second },
        }
    }

    /// Proxies that say where a request came from.
    ///
    /// # Errors
    /// When one is no address or network.
    pub fn proxies(&self) -> anyhow::Result<Vec<Network>> {
        let read = |text: &String| text.parse().map_err(|error: String| anyhow::anyhow!(error));
        self.trusted_proxies.iter().map(read).collect::<anyhow::Result<_>>().context("trusted_proxies")
    }

    /// Certificate and key of pages and API; `None` for plain HTTP.
    ///
    /// # Errors
    /// When one of the two is missing, or they cannot serve now.
    pub fn tls(&self, now: DateTime<Utc>) -> anyhow::Result<Option<Tls>> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Tls::load(certificate, key, now).map(Some),
            (None, None) => Ok(None),
            (Some(_), None) => anyhow::bail!("tls_certificate needs tls_key"),
            (None, Some(_)) => anyhow::bail!("tls_key needs tls_certificate"),
        }
    }

    /// What went into what, in memory as far as configured.
    pub fn genealogy(&self, db: &Db) -> Genealogy {
        match usize::try_from(self.genealogy_memory_mb) {
            Ok(0) | Err(_) => Genealogy::default(),
            Ok(megabytes) => {
                let memory = megabytes.saturating_mul(1 << 20);
                Genealogy::new(db.clone(), trace::genealogy::Settings { memory, ..Default::default() })
            }
        }
    }

    /// Where files lie that are attached to such things, and how much is taken.
    ///
    /// # Errors
    /// When a setting is not right, or the folder cannot be made.
    pub fn files(&self, attached: Vec<Subject>) -> anyhow::Result<Files> {
        let depot = self.depot("files_store", self.files_store.as_deref(), "files")?;
        let limits = Limits {
            largest: self.files_largest_mb << 20,
            quota: self.files_quota_mb << 20,
            keep_deleted_days: self.files_keep_deleted_days,
        };
        Ok(Files::new(depot, limits, attached))
    }

    /// How the mirrors behind the dashboards are kept.
    #[must_use]
    pub fn mirrors(&self) -> mirror::Settings {
        mirror::Settings {
            memory_mb: self.mirror_memory_mb,
            temp_mb: self.mirror_temp_mb,
            open: self.mirror_open,
            answer_within: std::time::Duration::from_secs(self.mirror_answer_seconds.max(1).into()),
            ..mirror::Settings::new(self.state_dir.join("mirror"))
        }
    }

    /// Where their exports go.
    ///
    /// # Errors
    /// When the setting is not right.
    pub fn exports(&self) -> anyhow::Result<Depot> {
        self.depot("mirror_exports", self.mirror_exports.as_deref(), "exports")
    }

    /// A place that a setting names; a folder in the state folder when it is left out.
    fn depot(&self, setting: &'static str, place: Option<&str>, otherwise: &str) -> anyhow::Result<Depot> {
        let own = self.state_dir.join(otherwise);
        let depot = match place.map(|place| (place, place.strip_prefix("s3://"))) {
            None => Depot::folder(&own),
            Some((folder, None)) => {
                anyhow::ensure!(!folder.contains("://"), "{setting} is a folder, or s3://bucket");
                Depot::folder(Path::new(folder))
            }
            Some((_, Some(bucket))) => {
                anyhow::ensure!(
                    !self.files_s3_access_key.is_empty() && !self.files_s3_secret_key.is_empty(),
                    "{setting} in a bucket needs files_s3_access_key and files_s3_secret_key"
                );
                let config = S3Config {
                    bucket: bucket.trim_end_matches('/').to_owned(),
                    endpoint: self.files_s3_endpoint.clone(),
                    region: self.files_s3_region.clone(),
                    access_key: self.files_s3_access_key.clone(),
                    secret_key: self.files_s3_secret_key.clone(),
                };
                Depot::s3(&config, &own)
            }
        };
        depot.context(setting)
    }

    /// The keys of sensitive fields.
    ///
    /// # Errors
    /// When they are not right, or the file is not.
    pub fn secrets(&self) -> anyhow::Result<Secrets> {
        if self.secret_keys.is_empty() {
            return Ok(Secrets::load_or_create(&self.state_dir.join(secrets::FILE))?);
        }
        Secrets::from_keys(&self.secret_keys).context("secret_keys")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_servers_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cloud.toml");
        std::fs::write(
            &file,
            "region = \"in-east\"\n[database_servers.mumbai]\nurl = \"postgres://o@db.example/x\"\nregion = \"in-west\"\n",
        )
        .unwrap();
        let owns = Config::load(Some(&file)).unwrap().owns().unwrap();
        assert_eq!((owns.region.as_str(), owns.servers["mumbai"].region.as_str()), ("in-east", "in-west"));
        std::fs::write(&file, "[database_servers.mumbai]\nurl = \"no address\"\n").unwrap();
        let error = format!("{:#}", Config::load(Some(&file)).unwrap().owns().unwrap_err());
        assert!(error.contains("database_servers.mumbai.url"), "{error}");
    }

    #[test]
    fn a_file_may_set_and_a_mistake_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cloud.toml");
        std::fs::write(&file, "http_listen = \"127.0.0.1:0\"\n").unwrap();
        let config = Config::load(Some(&file)).unwrap();
        assert_eq!((config.http_listen.port(), config.erase_due), (0, true), "trials are cleaned up");
        std::fs::write(&file, "erase_due = false\n").unwrap();
        assert!(!Config::load(Some(&file)).unwrap().erase_due, "and need not be");
        std::fs::write(&file, "http_lisen = \"127.0.0.1:0\"\n").unwrap();
        let error = format!("{:#}", Config::load(Some(&file)).unwrap_err());
        assert!(error.contains("http_lisen"), "{error}");
    }

    #[test]
    fn files_lie_in_a_folder_or_a_bucket() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { state_dir: dir.path().to_owned(), ..Config::default() };
        config.files(Vec::new()).unwrap();
        assert!(dir.path().join("files").is_dir());
        let mut told = |store: &str| {
            config.files_store = Some(store.to_owned());
            format!("{:#}", config.files(Vec::new()).map(drop).unwrap_err())
        };
        assert!(told("s3://files").contains("files_s3_access_key"));
        assert!(told("gs://files").contains("s3://bucket"));
    }

    #[test]
    fn a_provider_of_text_messages_is_read_from_a_table_and_judged_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cloud.toml");
        let table = |body: &str| {
            let text = format!("public_url = \"https://tw.example\"\n[sms]\n{body}");
            std::fs::write(&file, text).unwrap();
            Config::load(Some(&file)).unwrap().sms().map_err(|error| error.to_string())
        };
        let right = "url = \"https://sms.example/\"\nform = \"form\"\nbody = \"to={number}&text={text}\"\n\
                     token = \"t\"\nheaders = { Authorization = \"Bearer {token}\" }\nper_tenant = 100\n";
        assert_eq!(table(right).unwrap().unwrap().per_tenant, 100);
        let wrong = table("url = \"http://sms.example/\"\nbody = \"to={nobody}\"\n").unwrap_err();
        assert!(wrong.starts_with("sms: url, body not right"), "{wrong}");
    }

    #[tokio::test]
    async fn mail_is_configured_as_a_whole_or_not_at_all() {
        let mut config = Config::default();
        assert!(config.mailer().unwrap().is_none());
        let mut told = |change: fn(&mut Config)| {
            change(&mut config);
            config.mailer().map(|mailer| mailer.is_some()).map_err(|error| error.to_string())
        };
        let lacks =
            |told: Result<bool, String>, what: &str| assert!(told.unwrap_err().contains(what), "{what}");
        lacks(
            told(|config| config.smtp_url = Some("smtps://me:secret@mail.example.com".into())),
            "mail_from",
        );
        lacks(
            told(|config| config.mail_from = Some("Tracewright <noreply@example.com>".into())),
            "public_url",
        );
        assert_eq!(told(|config| config.public_url = Some("https://trace.example.com/".into())), Ok(true));
        lacks(told(|config| config.mail_from = Some("nobody".into())), "mail_from");
        assert_eq!(config.url(), "https://trace.example.com");
    }
}
