//! The last readings of a scanner by its own count, to know one that it sends
//! again under another id.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Readings remembered per station.
const KEPT: usize = 32;
/// A scanner sends a reading again within this time. Later the same count of the
/// same text is a scanner that was switched off and began to count anew, at the
/// same work.
const AGAIN_WITHIN_S: i64 = 60;

/// The last readings of a station's scanner: its count, a checksum of the text,
/// and when it came (seconds since 1970, by the agent's clock).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters(VecDeque<(u64, u32, i64)>);

impl Counters {
    /// Whether this reading was seen among the last ones, a moment ago.
    pub fn seen(&self, counter: u64, text: &str, now: DateTime<Utc>) -> bool {
        let (hash, now) = (crc32fast::hash(text.as_bytes()), now.timestamp());
        // A clock that was put back makes an age negative; its size counts.
        self.0.iter().any(|(n, h, at)| (*n, *h) == (counter, hash) && (now - at).abs() <= AGAIN_WITHIN_S)
    }

    /// Remembers a reading.
    pub fn push(&mut self, counter: u64, text: &str, now: DateTime<Utc>) {
        self.0.push_back((counter, crc32fast::hash(text.as_bytes()), now.timestamp()));
        while self.0.len() > KEPT {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn only_the_same_count_of_the_same_text_is_a_repeat() {
        let mut counters = Counters::default();
        counters.push(1, "A", at(0));
        assert!(counters.seen(1, "A", at(1)));
        assert!(!counters.seen(1, "B", at(1)));
        assert!(!counters.seen(2, "A", at(1)));
        (2..=33).for_each(|n| counters.push(n, "A", at(2)));
        assert!(!counters.seen(1, "A", at(3)));
        assert!(counters.seen(2, "A", at(3)));
    }

    #[test]
    fn a_scanner_that_counts_anew_is_not_a_repeat_later() {
        let mut counters = Counters::default();
        counters.push(1, "A", at(0));
        assert!(counters.seen(1, "A", at(60)));
        assert!(!counters.seen(1, "A", at(61)));
        assert!(!counters.seen(1, "A", at(-3600)), "after the clock was put back");
    }
}
