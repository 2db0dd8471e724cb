//! The gRPC service: who may call what.

use std::pin::Pin;
use std::sync::Arc;

use proto::v1::edge_link_server::EdgeLink;
use proto::v1::{AgentMessage, CloudMessage, EnrolRequest, EnrolResponse, RenewRequest, RenewResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use chrono::Utc;
use platform::authority::AgentIdentity;

use super::identity;
use super::{Shared, session};

/// Most bytes of a certificate request, a token or a machine id.
const MAX_FIELD: usize = 8 * 1024;

/// EdgeLink over the shared parts.
pub(super) struct Service(pub Arc<Shared>);

impl Service {
    /// The identity that the handshake proved; `renewal` lets an expired
    /// certificate pass.
    async fn identify<T>(&self, request: &Request<T>, renewal: bool) -> Result<AgentIdentity, Status> {
        let certificates = request.peer_certs();
        let leaf = certificates
            .as_ref()
            .and_then(|chain| chain.first())
            .ok_or_else(|| Status::unauthenticated("a client certificate is needed; enrol first"))?;
        identity::identify(self.0.ingest.db(), leaf, renewal).await
    }
}

#[tonic::async_trait]
impl EdgeLink for Service {
    type SyncStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<CloudMessage, Status>> + Send>>;

    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let request = request.into_inner();
        let longest = request.token.len().max(request.csr_pem.len()).max(request.machine_id.len());
        if longest > MAX_FIELD {
            return Err(Status::invalid_argument("a field is too long"));
        }
        let shared = self.0.clone();
        // In a task of its own: a client that leaves must not stop it half-way.
        let done = tokio::spawn(async move {
            let (db, authority) = (shared.ingest.db(), &shared.authority);
            identity::enrol(db, authority, &request.into(), Utc::now()).await
        });
        let enrolled = done.await.map_err(|_| Status::internal("enrolment failed"))??;
        tracing::info!(agent = %enrolled.agent_id, plant = enrolled.plant, "an agent was enrolled");
        Ok(Response::new(EnrolResponse {
            agent_id: enrolled.agent_id.as_bytes().to_vec(),
            tenant: enrolled.tenant_code,
            plant: enrolled.plant,
            certificate_pem: enrolled.certificate_pem,
            ca_pem: self.0.authority.certificate_pem().to_owned(),
            epoch: enrolled.epoch,
            tenant_id: enrolled.tenant.as_bytes().to_vec(),
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        // An expired certificate may do this, and nothing else.
        let identity = self.identify(&request, true).await?;
        let csr_pem = request.into_inner().csr_pem;
        if csr_pem.len() > MAX_FIELD {
            return Err(Status::invalid_argument("a field is too long"));
        }
        let shared = self.0.clone();
        let done = tokio::spawn(async move {
            let (db, authority) = (shared.ingest.db(), &shared.authority);
            identity::renew(db, authority, &identity, &csr_pem, Utc::now()).await
        });
        let certificate_pem = done.await.map_err(|_| Status::internal("renewal failed"))??;
        let ca_pem = self.0.authority.certificate_pem().to_owned();
        Ok(Response::new(RenewResponse { certificate_pem, ca_pem }))
    }

    async fn sync(
        &self,
        request: Request<Streaming<AgentMessage>>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let identity = self.identify(&request, false).await?;
        if identity.plant.is_none() {
            return Err(Status::permission_denied("only the agent of a plant has a stream"));
        }
        let place = self.0.live.enter(identity.tenant, identity.agent, identity.fingerprint);
        let (out, messages) = mpsc::channel(session::OUTBOX);
        let shared = self.0.clone();
        tokio::spawn(session::run(shared, identity::source(&identity), place, request.into_inner(), out));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}
