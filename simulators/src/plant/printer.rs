//! A label printer on TCP port 9100 or any other: keeps every label that it
//! was sent, as the ZPL text between `^XA` and `^XZ`.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Largest label kept, in bytes; a connection that sends more is closed.
const MAX_LABEL_BYTES: usize = 256 * 1024;

/// A running printer. Dropping it stops it.
pub struct Printer {
    labels: watch::Receiver<Arc<Vec<String>>>,
    stop: CancellationToken,
}

impl Printer {
    /// Listens on `address` and begins to keep labels.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("simulated printer cannot listen on {address}"))?;
        let (sender, labels) = watch::channel(Arc::new(Vec::new()));
        let sender = Arc::new(sender);
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((mut stream, _)) = accepted else { continue };
                let sender = sender.clone();
                let stopped = stopped.clone();
                tokio::spawn(async move {
                    let mut held = Vec::new();
                    let mut chunk = [0_u8; 4096];
                    loop {
                        let read = tokio::select! {
                            () = stopped.cancelled() => return,
                            read = stream.read(&mut chunk) => read,
                        };
                        match read {
                            Ok(0) | Err(_) => return,
                            Ok(n) => held.extend_from_slice(&chunk[..n]),
                        }
                        let complete = take_labels(&mut held);
                        if !complete.is_empty() {
                            sender.send_modify(|all| Arc::make_mut(all).extend(complete));
                        }
                        if held.len() > MAX_LABEL_BYTES {
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { labels, stop })
    }

    /// How many labels came out so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.labels.borrow().len()
    }

    /// Every label so far.
    #[must_use]
    pub fn labels(&self) -> Arc<Vec<String>> {
        self.labels.borrow().clone()
    }

    /// Waits until at least `count` labels came out, and returns all of them.
    ///
    /// # Errors
    /// When the printer stopped first.
    pub async fn wait_for(&self, count: usize) -> anyhow::Result<Arc<Vec<String>>> {
        let mut labels = self.labels.clone();
        let reached =
            labels.wait_for(|all| all.len() >= count).await.context("the simulated printer stopped")?;
        Ok(reached.clone())
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Takes whole labels off the front of what was received.
fn take_labels(held: &mut Vec<u8>) -> Vec<String> {
    let mut labels = Vec::new();
    while let Some(end) = find(held, b"^XZ") {
        let rest = held.split_off(end + 3);
        let label = std::mem::replace(held, rest);
        labels.push(String::from_utf8_lossy(&label).trim().to_owned());
    }
    labels
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// The first UID text on a label, as a person would read it.
#[must_use]
pub fn uid_on(label: &str) -> Option<String> {
    let start = label.find("UID-")?;
    let text: String = label[start..]
        .chars()
        .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '-')
        .collect();
    text.parse::<uid::Uid>().ok().map(|uid| uid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_cut_at_their_ends_across_reads() {
        let mut held = b"^XA^FDa^FS^X".to_vec();
        assert!(take_labels(&mut held).is_empty());
        held.extend_from_slice(b"Z^XA^FDb");
        assert_eq!(take_labels(&mut held), ["^XA^FDa^FS^XZ"]);
        assert_eq!(held, b"^XA^FDb");
    }

    #[test]
    fn the_uid_is_read_off_a_label() {
        let label = "^XA^BXN,4,200^FDUID-SAIF-KOL-RM-000001-A7^FS^XZ";
        assert_eq!(uid_on(label).as_deref(), Some("UID-SAIF-KOL-RM-000001-A7"));
        assert_eq!(uid_on("^XA^FDnothing^FS^XZ"), None);
    }
}
