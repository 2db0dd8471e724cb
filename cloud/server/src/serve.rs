//! The serving process: parts in order up, parts in order down.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::routing::get;
use chrono::Utc;
use platform::authority::{self, Authority};
use platform::files::Files;
use platform::notify::Courier;
use platform::openapi::Operation;
use platform::outbound::HttpClient;
use platform::secrets::Secrets;
use platform::settings::OwnMail;
use platform::web::AppState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use trace::edge::{Edge, EdgeConfig};
use trace::ingest::{Committed, Ingest};

use crate::config::Config;
use crate::database::Database;
use crate::{metrics, tls};

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
        [Part::Api, Part::Ingest, Part::Worker].into()
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
    let files = config.files()?;
    let secrets = config.secrets()?;
    let mailer = config.mailer()?;
    config.bounce_token()?;
    config.proxies()?;
    let sms = config.sms()?;
    let state = state(&db, &config, secrets.clone(), mailer.is_some(), files.clone());
    if parts.contains(&Part::Worker) {
        let (approvals, subjects, stopped) = (db.clone(), state.subjects.clone(), stop.clone());
        running.spawn(async move {
            platform::workflow::worker::run(approvals, subjects, stopped).await;
            Ok(())
        });
        let (audited, stopped) = (db.clone(), stop.clone());
        running.spawn(async move {
            platform::audit::run(audited, stopped).await;
            Ok(())
        });
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
        };
        let (swept, stopped) = (db.clone(), stop.clone());
        running.spawn(async move {
            platform::files::sweep::run(swept, files, stopped).await;
            Ok(())
        });
        let (outbox, stopped) = (db.clone(), stop.clone());
        running.spawn(async move {
            platform::notify::worker::run(outbox, courier, stopped).await;
            Ok(())
        });
        let (metered, stopped) = (db.clone(), stop.clone());
        running.spawn(async move {
            platform::plans::run(metered, stopped).await;
            Ok(())
        });
        let (db, committed, stop) = (db.clone(), committed.clone(), stop.clone());
        running.spawn(async move {
            trace::projection::run(db, committed, stop).await;
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
    let app = app(state, committed, parts.contains(&Part::Api));
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
fn state(db: &platform::db::Db, config: &Config, secrets: Secrets, mails: bool, files: Files) -> AppState {
    let masters_texts = platform::masters::texts();
    // They were judged before anything was started.
    let proxies = config.proxies().unwrap_or_default();
    AppState::builder(db.clone())
        .secure(config.secure_cookies || config.tls_certificate.is_some())
        .nav(trace::pages::NAV)
        .nav(platform::workflow::NAV)
        .nav(platform::masters::NAV)
        .nav(platform::people::NAV)
        .nav(platform::notify::NAV)
        .nav(platform::plans::NAV)
        .nav(platform::organisation::NAV)
        .nav(platform::settings::NAV)
        .nav(platform::audit::NAV)
        .permissions(trace::rights::PERMISSIONS)
        .permissions(platform::seed::PERMISSIONS)
        .permissions(&platform::masters::permissions())
        .permissions(platform::numbering::PERMISSIONS)
        .permissions(platform::people::PERMISSIONS)
        .permissions(&[platform::web::keys::KEY_MANAGE])
        .permissions(platform::workflow::PERMISSIONS)
        .permissions(platform::notify::PERMISSIONS)
        .permissions(platform::plans::PERMISSIONS)
        .permissions(platform::organisation::PERMISSIONS)
        .permissions(platform::settings::PERMISSIONS)
        .permissions(platform::audit::PERMISSIONS)
        .kinds(trace::holds::KINDS)
        .kinds(platform::workflow::KINDS)
        .kinds(platform::people::KINDS)
        .kinds(platform::notify::KINDS)
        .kinds(platform::plans::KINDS)
        .texts(trace::pages::TEXTS)
        .texts(platform::people::TEXTS)
        .texts(platform::workflow::TEXTS)
        .texts(masters_texts.each_ref().map(|(lang, text)| (*lang, text.as_str())))
        .texts(platform::numbering::TEXTS)
        .texts(platform::notify::TEXTS)
        .texts(platform::plans::TEXTS)
        .texts(platform::admin::TEXTS)
        .texts(platform::organisation::TEXTS)
        .texts(platform::settings::TEXTS)
        .texts(platform::audit::TEXTS)
        .searchers(&trace::explore::find::SEARCHERS)
        .searchers(&platform::masters::SEARCHERS)
        .searchers(&platform::numbering::SEARCHERS)
        .searchers(&platform::people::SEARCHERS)
        .commands(platform::masters::commands())
        .commands(platform::numbering::commands())
        .texts(platform::search::TEXTS)
        .texts(platform::files::TEXTS)
        .files(files)
        .texts(platform::openapi::TEXTS)
        .subjects(platform::workflow::subjects())
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

/// What the routes under `/api` are; a part that has some declares them. Those of
/// masters are made of their declarations.
fn operations() -> Vec<Operation> {
    [
        trace::explore::api::operations(),
        platform::seed::operations(),
        platform::audit::operations(),
        platform::plans::operations(),
        platform::people::operations(),
        platform::tokens::operations(),
        platform::workflow::operations(),
        platform::numbering::operations(),
        platform::search::operations(),
        platform::files::operations(),
        platform::notify::operations(),
        platform::web::keys::operations(),
        platform::openapi::operations(),
    ]
    .concat()
}

/// Pages and API, or health alone where this process does not serve them.
fn app(state: AppState, committed: Committed, with_pages: bool) -> Router {
    let health =
        Router::new().route("/healthz", get(metrics::healthz)).route("/metrics", get(metrics::metrics));
    if with_pages {
        let pages = health
            .merge(platform::web::routes())
            .merge(platform::seed::router())
            .merge(platform::people::router())
            .merge(platform::tokens::router())
            .merge(platform::audit::router())
            .merge(platform::notify::router())
            .merge(platform::plans::router())
            .merge(platform::admin::router())
            .merge(platform::organisation::router())
            .merge(platform::settings::router())
            .merge(platform::workflow::router())
            .merge(platform::search::router())
            .merge(platform::masters::router(&state))
            .merge(platform::numbering::router())
            .merge(platform::files::router())
            .merge(platform::openapi::router(operations()))
            .merge(trace::router(committed));
        platform::web::wrap(pages, state)
    } else {
        health.with_state(state)
    }
}

async fn listen(address: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{setting}: cannot listen on {address}"))
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
#[path = "matrix_tests.rs"]
mod matrix_tests;
