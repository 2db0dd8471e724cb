//! The serving process: parts in order up, parts in order down.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use analytics::mirror::{self, MirrorError, Mirrors};
use anyhow::Context;
use axum::{Extension, Router};
use chrono::Utc;
use platform::authority::{self, Authority};
use platform::files::Files;
use platform::notify::Courier;
use platform::outbound::HttpClient;
use platform::outbox::SENT_WITHIN;
use platform::secrets::Secrets;
use platform::settings::OwnMail;
use platform::web::routing::get;
use platform::web::{AppState, Module};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trace::edge::{Edge, EdgeConfig};
use trace::ingest::{Committed, Ingest};

use crate::cleanup::Cleanup;
use crate::config::Config;
use crate::database::Database;
use crate::modules::Shared;
use crate::{metrics, modules, tls};

/// How long requests and streams may take to end once told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// A part of the cloud that a process may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Part {
    /// Pages and API.
    Api,
    /// Streams of agents.
    Ingest,
    /// What follows the streams: registry, stock, transfers, exceptions.
    Worker,
    /// The mirrors behind the dashboards; beside `api`, which shows them.
    Analytics,
}

/// Arguments of `cloud serve`.
#[derive(clap::Args)]
pub struct ServeArgs {
    /// Parts to run; all of them, when left out.
    #[arg(long, value_delimiter = ',', value_enum)]
    roles: Vec<Part>,
}

/// Serves until SIGTERM or SIGINT.
pub async fn run(config: Config, args: ServeArgs) -> anyhow::Result<()> {
    let parts: BTreeSet<Part> = if args.roles.is_empty() {
        [Part::Api, Part::Ingest, Part::Worker, Part::Analytics].into()
    } else {
        args.roles.into_iter().collect()
    };
    let state_dir = &config.state_dir;
    std::fs::create_dir_all(state_dir).with_context(|| format!("making {}", state_dir.display()))?;
    let _lock = lock(&config)?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;

    let database = Database::start(&config).await?;
    let db = database.db.clone();
    let committed = Committed::default();
    let genealogy = config.genealogy(&db);
    let mut running = JoinSet::new();

    let mut grpc = None;
    if parts.contains(&Part::Ingest) {
        let master = authority::master_key(state_dir)?;
        let authority = Arc::new(Authority::open(&db, &master, Utc::now()).await?);
        let (certificate, key) = authority.issue_server(&config.grpc_names, Utc::now())?;
        let tls = Arc::new(authority::tls::server_config(&authority, certificate, key)?);
        let listener = listen(config.grpc_listen, "grpc_listen").await?;
        grpc = Some(listener.local_addr()?);
        let hours = |hours| chrono::Duration::hours(i64::from(hours));
        let edge_config = EdgeConfig { backup_horizon: config.backup_horizon_hours.map(hours) };
        let edge = Edge::new(Ingest::new(db.clone(), committed.clone()), authority, edge_config);
        let stop = stop.clone();
        running.spawn(async move { edge.serve(listener, tls, stop).await.context("serving plants") });
    }
    // What is wrong with a certificate is said before anything is served.
    let tls = config.tls(Utc::now())?;
    let mirrors = if parts.contains(&Part::Analytics) { mirrors(&config)? } else { Mirrors::default() };
    let shared =
        Shared { committed: committed.clone(), genealogy: genealogy.clone(), mirrors: mirrors.clone() };
    let mut modules = modules::all(&shared);
    let files = config.files(Module::all_attached(&modules))?;
    let secrets = config.secrets()?;
    let mailer = config.mailer()?;
    config.bounce_token()?;
    config.proxies()?;
    let sms = config.sms()?;
    let state = state(&db, &config, &modules, secrets.clone(), mailer.is_some(), files);
    if parts.contains(&Part::Worker) {
        for job in Module::take_jobs(&mut modules) {
            let (state, stop) = (state.clone(), stop.clone());
            running.spawn(async move {
                let name = job.name.clone();
                job.run(state, stop.clone()).await;
                anyhow::ensure!(stop.is_cancelled(), "{name} ended without being told to");
                Ok(())
            });
        }
        let courier = Courier {
            mailer,
            web: HttpClient::new(config.webhooks_private).context("setting up TLS of webhooks")?,
            sms,
            own: Arc::new(OwnMail::new(config.webhooks_private)),
            secrets,
            i18n: Arc::clone(&state.i18n),
            kinds: state.kinds.as_slice().into(),
            subjects: state.subjects.clone(),
            public_url: config.url(),
            within: SENT_WITHIN,
        };
        let (outbox, stopped) = (db.clone(), stop.clone());
        running.spawn(async move {
            platform::notify::worker::run(outbox, courier, stopped).await;
            Ok(())
        });
        let cleanup = Cleanup::new(config.clone(), mirrors.clone());
        let (tenants, stopped) = (db.clone(), stop.clone());
        running.spawn(async move {
            cleanup.run(tenants, stopped).await;
            Ok(())
        });
    }
    if parts.contains(&Part::Analytics) {
        let followed = mirror::run(mirrors.clone(), db.clone(), committed.clone(), stop.clone());
        running.spawn(async move {
            followed.await;
            Ok(())
        });
    }
    let listener = listen(config.http_listen, "http_listen").await?;
    let http = listener.local_addr()?;
    let (counting, stopped) = (state.clone(), stop.clone());
    running.spawn(async move {
        platform::plans::count_calls(counting, stopped).await;
        Ok(())
    });
    let (live, stopped) = (state.clone(), stop.clone());
    running.spawn(async move {
        platform::notify::live::run(live, stopped).await;
        Ok(())
    });
    // Beside whoever asks it, in each process: what is in memory here is kept up here.
    let (kept, announced, stopped) = (genealogy.clone(), committed.clone(), stop.clone());
    running.spawn(async move {
        kept.run(announced, stopped).await;
        Ok(())
    });
    let app = app(state, modules, shared, parts.contains(&Part::Api));
    let served = stop.clone();
    if let Some(tls) = tls {
        let (watched, stopped) = (tls.clone(), stop.clone());
        running.spawn(async move {
            watched.watch(tls::LOOK, stopped).await;
            Ok(())
        });
        running.spawn(async move { tls.serve(listener, app, served).await });
    } else {
        running.spawn(async move {
            let service = app.into_make_service_with_connect_info::<SocketAddr>();
            axum::serve(listener, service)
                .with_graceful_shutdown(served.cancelled_owned())
                .await
                .context("serving pages")
        });
    }
    if let Some(at) = config.redirect_listen {
        let listener = listen(at, "redirect_listen").await?;
        let (url, stop) = (config.url(), stop.clone());
        running.spawn(async move { tls::redirect(listener, url, stop).await });
    }
    write_addresses(&config, http, grpc)?;
    tracing::info!(%http, ?grpc, ?parts, "the cloud runs");

    let mut failed = None;
    tokio::select! {
        () = stop.cancelled() => {}
        Some(ended) = running.join_next() => {
            // A part that ends by itself takes the process with it: whoever
            // watches over it starts it again.
            failed = Some(ended.map_err(anyhow::Error::from).and_then(|result| result));
            stop.cancel();
        }
    }
    let all = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_WITHIN, all).await.is_err() {
        tracing::warn!("parts did not stop within {STOP_WITHIN:?} and are left behind");
        running.abort_all();
    }
    database.close().await;
    match failed {
        Some(Err(error)) => Err(error),
        Some(Ok(())) => anyhow::bail!("a part of the cloud ended without being told to"),
        None => {
            tracing::info!("stopped in good order");
            Ok(())
        }
    }
}

/// What every handler is given.
fn state(
    db: &platform::db::Db,
    config: &Config,
    modules: &[Module],
    secrets: Secrets,
    mails: bool,
    files: Files,
) -> AppState {
    // They were judged before anything was started.
    let proxies = config.proxies().unwrap_or_default();
    AppState::builder(db.clone())
        .secure(config.secure_cookies || config.tls_certificate.is_some())
        .modules(modules)
        .files(files)
        .secrets(secrets)
        .mails(mails)
        .private_webhooks(config.webhooks_private)
        .public_url(&config.url())
        .bounce_token(config.bounce_token.clone())
        .rates(config.rates())
        .trusted_proxies(proxies)
        .request_timeout(Duration::from_secs(config.request_timeout_seconds.max(1).into()))
        .sms(config.sms.clone())
        .build()
}

/// Pages and API, or health alone where this process does not serve them.
fn app(state: AppState, modules: Vec<Module>, shared: Shared, with_pages: bool) -> Router {
    let health = Router::new()
        .route("/healthz", get(metrics::healthz))
        .route("/metrics", get(metrics::metrics))
        .layer(Extension(shared));
    if with_pages {
        platform::web::wrap(health.merge(Module::all_routes(modules)), state)
    } else {
        health.with_state(state)
    }
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{setting}: cannot listen on {address}"))
}

/// The mirrors of this process; none while another one keeps those of the folder.
fn mirrors(config: &Config) -> anyhow::Result<Mirrors> {
    let opened = Mirrors::open(config.mirrors(), Some(config.exports()?));
    if let Err(error @ MirrorError::Locked(_)) = &opened {
        tracing::error!(%error, "no dashboards here: give this process a state_dir of its own, or leave its role analytics out");
        return Ok(Mirrors::default());
    }
    opened.context("opening the mirrors")
}

/// Two processes on one state folder would fight over the embedded database.
fn lock(config: &Config) -> anyhow::Result<File> {
    let path = config.state_dir.join("lock");
    let file = File::create(&path).with_context(|| format!("opening {}", path.display()))?;
    if config.database_url.is_none() {
        file.try_lock().with_context(|| format!("another cloud runs on {}", config.state_dir.display()))?;
    }
    Ok(file)
}

/// Where it listens, for programs that start it with port 0.
fn write_addresses(config: &Config, http: SocketAddr, grpc: Option<SocketAddr>) -> anyhow::Result<()> {
    let path = config.state_dir.join("addresses.json");
    let json = serde_json::json!({ "http": http, "grpc": grpc });
    std::fs::write(&path, json.to_string()).with_context(|| format!("writing {}", path.display()))
}

fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("SIGINT: stopping"),
        }
        stop.cancel();
    });
    Ok(())
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod api_tests;
#[cfg(test)]
#[path = "matrix_tests/mod.rs"]
mod matrix_tests;
#[cfg(test)]
#[path = "weight_tests.rs"]
mod weight_tests;
