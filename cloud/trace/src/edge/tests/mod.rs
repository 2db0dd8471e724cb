//! The edge service over real TLS on the loopback interface.

mod identity;
mod reference;
mod streams;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use platform::authority::{Authority, MasterKey, tls};
use platform::ctx::Cx;
use platform::db::DbError;
use platform::tenancy;
use proto::chain;
use proto::v1::edge_link_client::EdgeLinkClient;
use proto::v1::{self, AgentMessage, CloudMessage, agent_message, cloud_message::Message};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};
use uuid::Uuid;

use super::{Edge, EdgeConfig};
use crate::ingest::tests::{Journal, World, receipt, rm};

/// A cloud that serves one tenant's plants.
struct Cloud {
    world: World,
    edge: Edge,
    authority: Arc<Authority>,
    addr: SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What an agent keeps of its enrolment.
struct Credentials {
    key_pem: String,
    certificate_pem: String,
    response: v1::EnrolResponse,
}

impl Cloud {
    async fn start() -> Self {
        Self::with(EdgeConfig::default()).await
    }

    async fn with(config: EdgeConfig) -> Self {
        let world = World::new().await;
        let now = Utc::now();
        let master = MasterKey::from_bytes(&[7; 32]).expect("a key");
        let authority = Arc::new(Authority::open(&world.db.db, &master, now).await.expect("an authority"));
        let (cert, key) = authority.issue_server(&["localhost".into()], now).expect("a certificate");
        let tls = Arc::new(tls::server_config(&authority, cert, key).expect("TLS"));
        let edge = Edge::new(world.ingest.clone(), authority.clone(), config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        let (server, stopped) = (edge.clone(), stop.clone());
        let serving =
            tokio::spawn(async move { server.serve(listener, tls, stopped).await.expect("served") });
        Self { world, edge, authority, addr, stop, serving }
    }

    async fn token(&self) -> String {
        let source = &self.world.source;
        tenancy::issue_token(&self.world.db.db, self.authority.fingerprint(), source.tenant, source.agent_id)
            .await
            .expect("a token")
    }

    async fn client(&self, credentials: Option<(&str, &str)>) -> EdgeLinkClient<Channel> {
        EdgeLinkClient::new(self.try_channel(credentials).await.expect("a channel"))
            .max_decoding_message_size(proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(proto::MAX_MESSAGE_BYTES)
    }

    /// A connection with the certificate and key given.
    async fn try_channel(
        &self,
        credentials: Option<(&str, &str)>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate().clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match credentials {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key"),
                )
                .expect("a client certificate"),
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        let addr = self.addr;
        Endpoint::from_static("http://localhost")
            .connect_with_connector(tower::service_fn(move |_| {
                let connector = connector.clone();
                async move {
                    let tcp = TcpStream::connect(addr).await?;
                    let name = ServerName::try_from("localhost").expect("a name");
                    let tls = connector.connect(name, tcp).await?;
                    Ok::<_, std::io::Error>(hyper_util::rt::TokioIo::new(tls))
                }
            }))
            .await
    }

    async fn try_enrol(&self, token: &str) -> Result<Credentials, Status> {
        let key = KeyPair::generate().expect("a key");
        let csr = CertificateParams::default().serialize_request(&key).expect("a request");
        let request = v1::EnrolRequest {
            token: token.into(),
            csr_pem: csr.pem().expect("PEM"),
            machine_id: "machine-1".into(),
            ..v1::EnrolRequest::default()
        };
        let response = self.client(None).await.enrol(request).await?.into_inner();
        Ok(Credentials {
            key_pem: key.serialize_pem(),
            certificate_pem: response.certificate_pem.clone(),
            response,
        })
    }

    async fn enrol(&self) -> Credentials {
        self.try_enrol(&self.token().await).await.expect("enrolled")
    }

    async fn agent(&self, credentials: &Credentials) -> EdgeLinkClient<Channel> {
        self.client(Some((&credentials.certificate_pem, &credentials.key_pem))).await
    }

    /// Runs one statement as the system.
    async fn system_sql(&self, sql: &'static str) {
        let done: Result<(), DbError> = self
            .world
            .db
            .db
            .system_tx(async |system| {
                sqlx::query(sql).execute(system.conn()).await?;
                Ok(())
            })
            .await;
        done.expect("done");
    }

    /// Runs one statement as the application.
    async fn sql(&self, sql: &'static str) {
        let cx = Cx::new(self.world.source.tenant, "test");
        let done: Result<(), DbError> = self
            .world
            .db
            .db
            .tx(&cx, async |tx| {
                sqlx::query(sql).execute(tx.conn()).await?;
                Ok(())
            })
            .await;
        done.expect("done");
    }
}

/// An open stream.
struct Link {
    out: mpsc::Sender<AgentMessage>,
    inbound: Streaming<CloudMessage>,
}

impl Link {
    async fn open(mut client: EdgeLinkClient<Channel>, hello: v1::Hello) -> Result<Self, Status> {
        let (out, messages) = mpsc::channel(16);
        let link = |m| AgentMessage { message: Some(m) };
        out.send(link(agent_message::Message::Hello(hello))).await.expect("room");
        let inbound = client.sync(ReceiverStream::new(messages)).await?.into_inner();
        Ok(Self { out, inbound })
    }

    async fn say(&self, message: agent_message::Message) {
        self.out.send(AgentMessage { message: Some(message) }).await.expect("an open stream");
    }

    async fn hear(&mut self) -> Result<Message, Status> {
        let heard = tokio::time::timeout(Duration::from_secs(10), self.inbound.message())
            .await
            .expect("an answer in time")?;
        Ok(heard.ok_or_else(|| Status::cancelled("the end"))?.message.expect("a message"))
    }

    /// The next message that is no reference data.
    async fn answer(&mut self) -> Message {
        loop {
            match self.hear().await.expect("an answer") {
                Message::Reference(_) => {}
                message => return message,
            }
        }
    }

    /// How the stream ended.
    async fn end(&mut self) -> Status {
        loop {
            if let Err(status) = self.hear().await {
                return status;
            }
        }
    }
}

fn hello(journal: &Journal) -> v1::Hello {
    v1::Hello {
        epoch: journal.epoch,
        head_seq: journal.last(),
        head_hash: journal.head.to_vec(),
        oldest_seq: 1,
        machine_id: "machine-1".into(),
        software: "test".into(),
        generation: 1,
        ..v1::Hello::default()
    }
}

fn batch(journal: &Journal, from: u64, to: u64) -> agent_message::Message {
    let batch = journal.batch(from, to);
    agent_message::Message::Batch(v1::Batch {
        epoch: batch.epoch,
        from_seq: batch.from_seq,
        events: batch.events,
        notes: batch.notes,
    })
}

fn genesis(agent: Uuid, epoch: u32) -> Vec<u8> {
    chain::genesis(agent.as_bytes(), epoch).to_vec()
}

async fn connected(cloud: &Cloud, credentials: &Credentials, journal: &Journal) -> (Link, v1::Welcome) {
    connected_as(cloud, credentials, hello(journal)).await
}

async fn connected_as(cloud: &Cloud, credentials: &Credentials, hello: v1::Hello) -> (Link, v1::Welcome) {
    let mut link = Link::open(cloud.agent(credentials).await, hello).await.expect("a stream");
    match link.answer().await {
        Message::Welcome(welcome) => (link, welcome),
        other => panic!("{other:?}"),
    }
}

fn receipts(cloud: &Cloud, count: i64) -> Journal {
    let mut journal = cloud.world.journal();
    for n in 1..=count {
        journal.push(receipt(rm(n)));
    }
    journal
}

async fn acked(link: &mut Link) -> u64 {
    match link.answer().await {
        Message::Ack(ack) => ack.through_seq,
        other => panic!("{other:?}"),
    }
}
