//! One record: the exact bytes of an event, its place, and its checksum.

use bytes::Bytes;
use prost::Message;
use proto::chain::Hash;
use proto::v1;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::JournalError;

const SEQ_BITS: u32 = 40;
const SEQ_MASK: i64 = (1 << SEQ_BITS) - 1;
/// Largest epoch that fits beside 40 bits of sequence in a positive `i64`.
const MAX_EPOCH: u32 = (1 << (63 - SEQ_BITS)) - 1;

/// A record's place: epoch and sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Epoch of the stream.
    pub epoch: u32,
    /// Sequence number in it, from 1.
    pub seq: u64,
}

impl Place {
    /// The row id of the record at this place.
    ///
    /// # Errors
    /// When epoch or seq exceed 23 and 40 bits.
    pub fn id(self) -> Result<i64, JournalError> {
        let seq = i64::try_from(self.seq).unwrap_or(i64::MAX);
        if self.epoch > MAX_EPOCH || seq > SEQ_MASK {
            return Err(JournalError::OutOfRange { epoch: self.epoch, seq: self.seq });
        }
        Ok(i64::from(self.epoch) << SEQ_BITS | seq)
    }

    /// The place of a row id.
    #[must_use]
    pub fn from_id(id: i64) -> Self {
        Self {
            epoch: u32::try_from(id >> SEQ_BITS).unwrap_or(u32::MAX),
            seq: u64::try_from(id & SEQ_MASK).unwrap_or(0),
        }
    }
}

/// CRC-32 over epoch, seq and bytes, so that a record that reads well in
/// another's place is found too.
#[must_use]
pub fn crc32(place: Place, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place.epoch.to_be_bytes());
    hasher.update(&place.seq.to_be_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// A record as found on disk, before anyone trusts it.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where it stands.
    pub place: Place,
    /// The checksum stored beside it.
    pub crc32: u32,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Found {
    /// Says what is wrong with the record, if its checksum does not fit.
    ///
    /// # Errors
    /// A sentence for people, when bytes and checksum disagree.
    pub fn check(&self) -> Result<(), String> {
        let actual = crc32(self.place, &self.bytes);
        if actual == self.crc32 {
            return Ok(());
        }
        Err(format!("checksum {actual:08x} where {:08x} was written", self.crc32))
    }

    /// Checks the checksum, that the bytes decode, and that the event is the one
    /// of this place.
    ///
    /// # Errors
    /// A sentence for people, saying what is wrong.
    pub fn check_deep(&self) -> Result<v1::Event, String> {
        self.check()?;
        let event = v1::Event::decode(self.bytes.clone()).map_err(|e| format!("not an event: {e}"))?;
        if event.epoch != self.place.epoch || event.seq != self.place.seq {
            return Err(format!(
                "event of epoch {} seq {} in the place of epoch {} seq {}",
                event.epoch, event.seq, self.place.epoch, self.place.seq
            ));
        }
        Ok(event)
    }
}

/// What stands in the place of a damaged record.
pub struct Replacement<'a> {
    /// The agent.
    pub agent_id: &'a [u8; 16],
    /// Plant code.
    pub plant: &'a str,
    /// Place whose record is damaged.
    pub place: Place,
    /// Hash of the record before it, as it will be sent.
    pub prev_hash: Hash,
    /// The bytes as found; empty when there are none.
    pub found: &'a [u8],
    /// What is wrong with them.
    pub problem: &'a str,
    /// Now, microseconds since the epoch, UTC.
    pub now_us: i64,
}

impl Replacement<'_> {
    /// The LOST event, encoded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        v1::Event {
            event_id: Uuid::now_v7().as_bytes().to_vec(),
            agent_id: self.agent_id.to_vec(),
            epoch: self.place.epoch,
            seq: self.place.seq,
            prev_hash: self.prev_hash.to_vec(),
            stage: v1::Stage::Lost.into(),
            occurred_at_us: self.now_us,
            recorded_at_us: self.now_us,
            plant: self.plant.to_owned(),
            quarantine: Some(v1::Quarantine {
                sha256: Sha256::digest(self.found).to_vec(),
                problem: self.problem.to_owned(),
            }),
            ..v1::Event::default()
        }
        .encode_to_vec()
    }
}

/// Whether these bytes are a LOST event, after which a break of the chain is
/// expected: the next event names the hash of what stood there before.
#[must_use]
pub fn is_lost(event: &v1::Event) -> bool {
    event.stage == i32::from(v1::Stage::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_and_place_are_one_to_one_and_ordered() {
        let places = [(0, 1), (1, 1), (1, 2), (2, 1), (MAX_EPOCH, SEQ_MASK as u64)];
        let ids: Vec<i64> = places.iter().map(|&(epoch, seq)| Place { epoch, seq }.id().unwrap()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b));
        for (&(epoch, seq), &id) in places.iter().zip(&ids) {
            assert_eq!(Place::from_id(id), Place { epoch, seq });
        }
        assert!(Place { epoch: MAX_EPOCH + 1, seq: 1 }.id().is_err());
        assert!(Place { epoch: 1, seq: 1 << 40 }.id().is_err());
    }

    #[test]
    fn checksum_covers_the_place() {
        let a = crc32(Place { epoch: 1, seq: 1 }, b"x");
        assert_ne!(a, crc32(Place { epoch: 1, seq: 2 }, b"x"));
        assert_ne!(a, crc32(Place { epoch: 2, seq: 1 }, b"x"));
        assert_ne!(a, crc32(Place { epoch: 1, seq: 1 }, b"y"));
    }
}
