//! Settings of the cloud: defaults, then a TOML file, then `TRACEWRIGHT_…` in
//! the environment; later ones win.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};

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
    /// The pages are behind TLS (a proxy's), so cookies are sent over it only.
    pub secure_cookies: bool,
    /// Structured logs (JSON) instead of text.
    pub log_json: bool,
    /// Hours after which an event is surely in a backup that would be restored, so
    /// that agents may prune it. Left out while nobody makes backups: then agents
    /// keep what was acknowledged for the days that their plant file says.
    pub backup_horizon_hours: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from);
        Self {
            state_dir: home.join(".local/state/tracewright"),
            http_listen: ([127, 0, 0, 1], 17080).into(),
            grpc_listen: ([127, 0, 0, 1], 17443).into(),
            grpc_names: vec!["localhost".into(), "127.0.0.1".into()],
            database_url: None,
            secure_cookies: false,
            log_json: false,
            backup_horizon_hours: None,
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
            "secure_cookies",
            "log_json",
            "backup_horizon_hours",
        ];
        figment
            .merge(Env::prefixed("TRACEWRIGHT_").only(&keys))
            .extract()
            .context("the configuration is not right")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_set_and_a_mistake_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("cloud.toml");
        std::fs::write(&file, "http_listen = \"127.0.0.1:0\"\n").unwrap();
        assert_eq!(Config::load(Some(&file)).unwrap().http_listen.port(), 0);
        std::fs::write(&file, "http_lisen = \"127.0.0.1:0\"\n").unwrap();
        let error = format!("{:#}", Config::load(Some(&file)).unwrap_err());
        assert!(error.contains("http_lisen"), "{error}");
    }
}
