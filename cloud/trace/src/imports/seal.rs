//! Identity and chain of an import's events. Pure: the same file and the same beginning
//! make the same bytes, whenever and however often they are made.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message;
use proto::chain::{self, Hash};
use proto::v1::Event;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The epoch of every import.
pub const EPOCH: i32 = 1;

/// Seals one event after the other.
#[derive(Debug, Clone)]
pub struct Sealer {
    agent_id: Uuid,
    began: DateTime<Utc>,
    seq: u64,
    head: Hash,
}

impl Sealer {
    /// For the stream of an import that began then, after what is committed of it.
    #[must_use]
    pub fn new(agent_id: Uuid, began: DateTime<Utc>, through_seq: u64, head: Option<Hash>) -> Self {
        let head = head.unwrap_or_else(|| chain::genesis(agent_id.as_bytes(), EPOCH.unsigned_abs()));
        Self { agent_id, began, seq: through_seq, head }
    }

    /// Seq of the last event.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The bytes of the next event, which stands on this line.
    pub fn seal(&mut self, mut event: Event, line: u64) -> Bytes {
        self.seq += 1;
        event.event_id = self.event_id(&event, line).as_bytes().to_vec();
        event.agent_id = self.agent_id.as_bytes().to_vec();
        event.epoch = EPOCH.unsigned_abs();
        event.seq = self.seq;
        event.prev_hash = self.head.to_vec();
        event.recorded_at_us = self.began.timestamp_micros();
        event.input_id = format!("{LINE}{line}");
        let bytes = Bytes::from(event.encode_to_vec());
        self.head = chain::link(&bytes);
        bytes
    }

    /// A UUIDv7 of the event's time and place.
    fn event_id(&self, event: &Event, line: u64) -> Uuid {
        let hash =
            Sha256::new().chain_update(self.agent_id.as_bytes()).chain_update(line.to_be_bytes()).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&hash[..10]);
        let millis = u64::try_from(event.occurred_at_us / 1000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }
}

const LINE: &str = "line:";

/// The line on which an event of an import stands, by its bytes.
#[must_use]
pub fn line_of(payload: &[u8]) -> Option<u64> {
    Event::decode(payload).ok()?.input_id.strip_prefix(LINE)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_sealed_the_same_from_wherever_it_goes_on() {
        let (agent, began) = (Uuid::from_u128(7), DateTime::UNIX_EPOCH);
        let mut one = Sealer::new(agent, began, 0, None);
        let all: Vec<Bytes> = (1..=5).map(|line| one.seal(Event::default(), line)).collect();
        let mut again = Sealer::new(agent, began, 3, Some(chain::link(&all[2])));
        assert_eq!(again.seal(Event::default(), 4), all[3]);
        assert_eq!(again.seal(Event::default(), 5), all[4]);
        assert_eq!(line_of(&all[3]), Some(4));
        assert_eq!(line_of(b"x"), None);
        // Another place is another event.
        assert_ne!(
            Sealer::new(agent, began, 3, Some(chain::link(&all[2]))).seal(Event::default(), 9),
            all[3]
        );
    }
}
