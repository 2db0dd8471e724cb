//! The streams that are open now: one per agent, and none for a revoked
//! certificate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use uuid::Uuid;

/// Why a stream must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Close {
    /// The agent opened another one; the newer wins, since the older may be a
    /// dead connection that nobody has noticed.
    Superseded,
    /// Its certificate was revoked.
    Revoked,
    /// Its tenant was suspended.
    Suspended,
    /// The process is going down.
    Shutdown,
}

/// SHA-256 of a certificate's DER bytes.
pub type Fingerprint = [u8; 32];

#[derive(Debug)]
struct Stream {
    id: u64,
    fingerprint: Fingerprint,
    close: watch::Sender<Option<Close>>,
}

/// The open streams of this process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    down: bool,
    streams: HashMap<(Uuid, Uuid), Stream>,
}

/// An open stream's place; leaving it gives the place up.
#[derive(Debug)]
pub struct Place {
    live: Live,
    agent: (Uuid, Uuid),
    id: u64,
    closed: watch::Receiver<Option<Close>>,
}

impl Live {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a stream's place and closes the one that the agent had.
    #[must_use]
    pub fn enter(&self, tenant: Uuid, agent_id: Uuid, fingerprint: Fingerprint) -> Place {
        let mut state = self.state();
        state.next += 1;
        let id = state.next;
        let (close, closed) = watch::channel(state.down.then_some(Close::Shutdown));
        let agent = (tenant, agent_id);
        if let Some(old) = state.streams.insert(agent, Stream { id, fingerprint, close }) {
            let _ = old.close.send(Some(Close::Superseded));
        }
        Place { live: self.clone(), agent, id, closed }
    }

    /// Certificates in use now.
    #[must_use]
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.state().streams.values().map(|s| s.fingerprint).collect()
    }

    /// Closes the streams that use one of these certificates, which are revoked.
    pub fn revoke(&self, fingerprints: &[Fingerprint]) {
        self.close(fingerprints, Close::Revoked);
    }

    /// Closes the streams that use one of these certificates.
    pub fn close(&self, fingerprints: &[Fingerprint], why: Close) {
        for stream in self.state().streams.values() {
            if fingerprints.contains(&stream.fingerprint) {
                let _ = stream.close.send(Some(why));
            }
        }
    }

    /// Closes every stream, and those that are opened from now on.
    pub fn shut_down(&self) {
        let mut state = self.state();
        state.down = true;
        for stream in state.streams.values() {
            let _ = stream.close.send(Some(Close::Shutdown));
        }
    }

    /// How many streams are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.state().streams.len()
    }
}

impl Place {
    /// Waits until the stream must end.
    pub async fn closed(&mut self) -> Close {
        match self.closed.wait_for(Option::is_some).await {
            Ok(close) => close.unwrap_or(Close::Superseded),
            // The place was taken over and its sender dropped.
            Err(_) => Close::Superseded,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.live.state();
        if state.streams.get(&self.agent).is_some_and(|s| s.id == self.id) {
            state.streams.remove(&self.agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_newer_stream_wins_and_revocation_reaches_only_its_certificate() {
        let live = Live::default();
        let (tenant, agent, other) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let mut first = live.enter(tenant, agent, [1; 32]);
        let mut second = live.enter(tenant, agent, [2; 32]);
        let third = live.enter(tenant, other, [3; 32]);
        assert_eq!(first.closed().await, Close::Superseded);
        drop(first);
        assert_eq!(live.count(), 2, "the old place does not take the new one along");
        live.revoke(&[[2; 32]]);
        assert_eq!(second.closed().await, Close::Revoked);
        drop(second);
        assert_eq!(live.fingerprints(), vec![[3; 32]]);
        drop(third);
        live.shut_down();
        assert_eq!(live.enter(tenant, agent, [4; 32]).closed().await, Close::Shutdown);
    }
}
