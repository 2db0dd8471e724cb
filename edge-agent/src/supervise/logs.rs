//! Logs to standard error; `RUST_LOG` chooses what, `info` by default.

use tracing_subscriber::EnvFilter;

/// Starts logging. A second call changes nothing.
pub(super) fn start(json: bool) {
    // rumqttd tells at `error` of every client that goes away.
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,rumqttd=off,rumqttc=warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = if json { builder.json().try_init() } else { builder.with_ansi(false).try_init() };
    if let Err(error) = started {
        eprintln!("logging was started already: {error}");
    }
}
