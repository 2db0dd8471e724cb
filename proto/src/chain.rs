//! The hash chain over journaled event bytes.
//!
//! Every event names the SHA-256 of the bytes of the event before it in the
//! same (agent, epoch). The first names [`genesis`], which binds the chain to
//! the agent and the epoch, so that a chain cannot be grafted onto another.

use sha2::{Digest, Sha256};

/// A SHA-256, 32 bytes.
pub type Hash = [u8; 32];

/// The hash that the event with seq 1 of an agent's epoch carries as `prev_hash`:
/// SHA-256 of `tracewright.chain.v1`, the agent's 16 bytes and the epoch, big-endian.
#[must_use]
pub fn genesis(agent_id: &[u8; 16], epoch: u32) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(b"tracewright.chain.v1");
    hasher.update(agent_id);
    hasher.update(epoch.to_be_bytes());
    hasher.finalize().into()
}

/// The hash of one event's journaled bytes, which the next event carries.
#[must_use]
pub fn link(event_bytes: &[u8]) -> Hash {
    Sha256::digest(event_bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn genesis_differs_by_agent_and_epoch() {
        let a = genesis(&[1; 16], 1);
        assert_ne!(a, genesis(&[2; 16], 1));
        assert_ne!(a, genesis(&[1; 16], 2));
        assert_eq!(a, genesis(&[1; 16], 1));
    }
}
