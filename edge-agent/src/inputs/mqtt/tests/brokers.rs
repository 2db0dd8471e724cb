//! The two brokers that the scenarios run against.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::harness::eventually_async;
use crate::inputs::mqtt::{Broker, BrokerSettings};

pub const EMBEDDED: Kind = Kind::Embedded;
pub const MOSQUITTO: Kind = Kind::Mosquitto;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Embedded,
    Mosquitto,
}

/// A running broker, gone when dropped (the embedded one stays, unused).
pub struct TestBroker {
    kind: Kind,
    address: SocketAddr,
    process: Option<(Child, TempDir)>,
    /// Nothing reaches it once this is dropped.
    _embedded: Option<Broker>,
}

impl TestBroker {
    /// None if it is not installed here and need not be.
    pub async fn start(kind: Kind) -> Option<Self> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        if kind == Kind::Embedded {
            let settings = BrokerSettings { topics: vec!["t/+/feedback".into()], ..BrokerSettings::new(any) };
            let broker = Broker::start(settings).await.unwrap();
            let address = broker.local_address();
            return Some(Self { kind, address, process: None, _embedded: Some(broker) });
        }
        let found = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto"];
        let Some(binary) = found.into_iter().find(|p| Path::new(p).exists()) else {
            crate::testing::skipped("mosquitto");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind(any).unwrap().local_addr().unwrap();
        let config = format!(
            "listener {} 127.0.0.1\nallow_anonymous true\npersistence false\n\
             max_queued_messages 10000\nlog_dest none\n",
            address.port()
        );
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let child = spawn(binary, folder.path());
        let broker = Self { kind, address, process: Some((child, folder)), _embedded: None };
        broker.listening().await;
        Some(broker)
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills Mosquitto and starts it again, without its memory.
    pub async fn restart(&mut self) {
        let (child, folder) = self.process.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        *child = spawn("/usr/sbin/mosquitto", folder.path());
        self.listening().await;
    }

    async fn listening(&self) {
        let connect = || async { tokio::net::TcpStream::connect(self.address).await.is_ok() };
        eventually_async("mosquitto listens", connect).await;
    }
}

fn spawn(binary: &str, folder: &Path) -> Child {
    Command::new(binary)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
