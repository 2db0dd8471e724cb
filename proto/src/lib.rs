//! The gRPC contract between plant and cloud, and the rules of the event chain
//! that both sides must agree on to the byte.

pub mod alias;
pub mod chain;

/// Version 1 of the edge contract, generated from `tracewright/edge/v1/edge.proto`.
#[allow(missing_docs, clippy::all, clippy::unwrap_used)]
pub mod v1 {
    tonic::include_proto!("tracewright.edge.v1");
}

/// Largest encoded event, in bytes. A longer one is refused by the journal.
pub const MAX_EVENT_BYTES: usize = 64 * 1024;
/// Most events in one batch.
pub const MAX_BATCH_EVENTS: usize = 1024;
/// Most bytes of events in one batch.
pub const MAX_BATCH_BYTES: usize = 4 * 1024 * 1024;
/// Largest gRPC message that either side decodes: a full batch with its framing.
pub const MAX_MESSAGE_BYTES: usize = MAX_BATCH_BYTES + 1024 * 1024;
