//! The way in for plants: EdgeLink over mutual TLS.
//!
//! The certificate decides tenant, plant and agent, never a message. [`serve`]
//! runs the listener; the pieces beside it are the pure [`hello`] (how a stream
//! resumes), [`live`] (open streams, revocation), [`reference`] (data down).

pub mod hello;
pub mod identity;
mod labels;
mod listen;
pub mod live;
pub mod open;
pub mod reference;
mod service;
mod session;
pub(crate) mod store;
mod tls;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use platform::authority::Authority;
use platform::db::DbError;
use platform::tenancy::Standing;
use proto::v1::edge_link_server::EdgeLinkServer;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::ingest::Ingest;
use live::{Close, Fingerprint, Live};
use reference::References;

/// How often revocations are looked up for the streams that are open, in case a
/// notification was lost.
const REVOCATIONS: Duration = Duration::from_secs(5);
/// A stream's window: a batch under way and the next one behind it.
const STREAM_WINDOW: u32 = 8 * 1024 * 1024;

/// Settings of the edge service.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// Events committed longer ago than this are covered by a backup, so agents
    /// may prune them; `None` while nobody makes backups.
    pub backup_horizon: Option<chrono::Duration>,
}

impl Default for EdgeConfig {
    fn default() -> Self {
        Self { backup_horizon: Some(chrono::Duration::days(7)) }
    }
}

/// What all streams share.
pub(crate) struct Shared {
    ingest: Ingest,
    authority: Arc<Authority>,
    live: Live,
    references: References,
    config: EdgeConfig,
}

/// The edge service, ready to serve.
#[derive(Clone)]
pub struct Edge(Arc<Shared>);

impl Edge {
    /// Over an ingest and an authority.
    #[must_use]
    pub fn new(ingest: Ingest, authority: Arc<Authority>, config: EdgeConfig) -> Self {
        let references = References::new(ingest.db().clone());
        Self(Arc::new(Shared { ingest, authority, live: Live::default(), references, config }))
    }

    /// The open streams; for metrics and for revocation without delay.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// To be poked when this process publishes reference data.
    #[must_use]
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// Serves until `stop`; then closes every stream, each after the batch that
    /// it is storing, and returns. `tls` is that of
    /// [`platform::authority::tls::server_config`].
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        tls: Arc<rustls::ServerConfig>,
        stop: CancellationToken,
    ) -> Result<(), tonic::transport::Error> {
        // However this ends, what runs beside ends with it.
        let stop = stop.child_token();
        let _guard = stop.clone().drop_guard();
        let incoming = ReceiverStream::new(tls::accept(listener, tls, stop.clone()));
        let references = self.0.references.clone();
        let revoked = Arc::new(Notify::new());
        let db = self.0.ingest.db().clone();
        tokio::spawn(listen::run(db, revoked.clone(), references.clone(), stop.clone()));
        tokio::spawn({
            let stop = stop.clone();
            async move { references.run(stop).await }
        });
        tokio::spawn(watch_revocations(self.0.clone(), revoked, stop.clone()));
        let live = self.0.live.clone();
        let service = EdgeLinkServer::new(service::Service(self.0.clone()))
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(proto::MAX_MESSAGE_BYTES);
        Server::builder()
            .http2_keepalive_interval(Some(Duration::from_secs(15)))
            .http2_keepalive_timeout(Some(Duration::from_secs(15)))
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(2 * STREAM_WINDOW)
            .timeout(Duration::from_secs(30))
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, async move {
                stop.cancelled().await;
                live.shut_down();
            })
            .await
    }
}

async fn watch_revocations(shared: Arc<Shared>, told: Arc<Notify>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = told.notified() => {}
            () = tokio::time::sleep(REVOCATIONS) => {}
        }
        let open = shared.live.fingerprints();
        if open.is_empty() {
            continue;
        }
        let asked: Vec<&[u8]> = open.iter().map(|f| f.as_slice()).collect();
        let found: Result<Vec<store::Shut>, DbError> =
            shared.ingest.db().system_tx(async |system| Ok(store::shut(system, &asked).await?)).await;
        match found {
            Ok(shut) => {
                for one in shut {
                    let Ok(fingerprint) = Fingerprint::try_from(one.fingerprint) else { continue };
                    let admitted = Standing::of(&one.tenant_status).admits();
                    if one.revoked || !admitted {
                        let why = if one.revoked { Close::Revoked } else { Close::Suspended };
                        shared.live.close(&[fingerprint], why);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "looking up revocations"),
        }
    }
}
