//! Which message of a broker is which reading, across reconnections. Pure.
//!
//! MQTT 3.1.1 delivers at least once and names a message only by a packet id
//! that it uses again later. This keeps the messages that were taken and not yet
//! surely acknowledged, so that a redelivery is recognised: one still waiting is
//! not queued twice, one already answered is acknowledged at once, and in either
//! case the reading keeps its id.
//!
//! Two kinds of broker: one that follows the standard marks a redelivery (DUP)
//! and keeps its packet id; the embedded rumqttd does neither, but sends what was
//! not acknowledged first and in order. Acknowledgements leave in the order in
//! which the messages came, which rumqttd insists on.

use std::collections::VecDeque;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::inputs::hex;

/// Answered messages that are remembered.
const REMEMBERED: usize = 512;

/// A message as the broker delivered it.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Packet id; 0 for QoS 0, which is neither acknowledged nor redelivered.
    pub packet_id: u16,
    /// Whether the broker marks it as a redelivery.
    pub dup: bool,
    /// Whether it is the topic's retained message.
    pub retain: bool,
    /// The payload.
    pub payload: Bytes,
}

/// What to do with a delivered message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// A reading not seen before; it waits in the queue.
    Queued,
    /// A message that already waits; it will be acknowledged in its turn.
    Waiting,
    /// It was answered before; its acknowledgement is due.
    Answered,
    /// The queue is full. This message and all after it on this connection are
    /// left to the broker, which has to be made to send them again.
    Overflow,
}

/// A message whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Names the message in [`Deliveries::answered`].
    pub seq: u64,
    /// The payload.
    pub payload: Bytes,
    /// The topic's retained message: no reading, whatever it says.
    pub retained: bool,
    /// Id of the reading if its payload has none.
    pub own_id: String,
    /// Marked as a redelivery of something this process does not know: the
    /// journal may have an id with this prefix.
    pub ask_prefix: Option<String>,
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    packet_id: u16,
    hash: [u8; 32],
    /// Whether `packet_id` belongs to the present connection.
    current: bool,
}

#[derive(Debug)]
struct Answered {
    seq: u64,
    packet_id: u16,
    hash: [u8; 32],
    acknowledgement: Acknowledgement,
}

/// How far an acknowledgement has come. That it was written does not mean that
/// the broker has read it before the connection ended; that the broker answered
/// something written later does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acknowledgement {
    Due,
    Written,
    /// Something was written after it that the broker will answer.
    Probed,
    Sure,
}

/// The messages of one station's connection.
#[derive(Debug)]
pub struct Deliveries {
    marks_redelivery: bool,
    capacity: usize,
    next_seq: u64,
    waiting: VecDeque<Waiting>,
    answered: VecDeque<Answered>,
    /// With a broker that marks nothing: what it has yet to send again, in order.
    replay: VecDeque<Replay>,
    /// Packet ids of the present connection to acknowledge, in this order.
    due: VecDeque<u16>,
    /// Whether a probe is under way.
    probing: bool,
    overflowed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Replay {
    hash: [u8; 32],
    seq: u64,
}

impl Deliveries {
    /// `marks_redelivery`: whether the broker sets DUP and keeps packet ids.
    /// `capacity`: messages that may wait.
    pub fn new(marks_redelivery: bool, capacity: usize) -> Self {
        Self {
            marks_redelivery,
            capacity,
            next_seq: 0,
            waiting: VecDeque::new(),
            answered: VecDeque::new(),
            replay: VecDeque::new(),
            due: VecDeque::new(),
            probing: false,
            overflowed: false,
        }
    }

    /// The connection is lost: packet ids known so far acknowledge nothing now.
    pub fn disconnected(&mut self) {
        self.waiting.iter_mut().for_each(|w| w.current = false);
        self.due.clear();
        self.probing = false;
        self.overflowed = false;
    }

    /// A connection begins. Without a session the broker has forgotten what it
    /// sent, and uses its packet ids afresh.
    pub fn connected(&mut self, session_present: bool) {
        self.disconnected();
        self.replay.clear();
        if !session_present {
            self.answered.clear();
        } else if !self.marks_redelivery {
            let answered = self.answered.iter().filter(|a| a.acknowledgement != Acknowledgement::Sure);
            let answered = answered.map(|a| Replay { hash: a.hash, seq: a.seq });
            let waiting = self.waiting.iter().filter(|w| w.packet_id != 0);
            let waiting = waiting.map(|w| Replay { hash: w.hash, seq: w.job.seq });
            self.replay = answered.chain(waiting).collect();
        }
    }

    /// Takes a delivered message.
    pub fn arrived(&mut self, delivery: Delivery) -> Arrival {
        if self.overflowed && delivery.packet_id != 0 {
            return Arrival::Overflow;
        }
        let hash: [u8; 32] = Sha256::digest(&delivery.payload).into();
        let id = delivery.packet_id;
        let known = match (id, self.marks_redelivery) {
            (0, _) => None,
            (_, true) if delivery.dup => self.by_packet(id, &hash),
            (_, true) => None,
            (_, false) => self.by_order(&hash),
        };
        match known {
            Some(seq) => self.again(seq, id),
            None if self.waiting.len() >= self.capacity => {
                // A broker sends QoS 0 only once: there is nothing to wait for.
                self.overflowed = id != 0;
                Arrival::Overflow
            }
            None => {
                self.queue(delivery, hash);
                Arrival::Queued
            }
        }
    }

    /// The first message that waits.
    pub fn next(&self) -> Option<Job> {
        self.waiting.front().map(|w| w.job.clone())
    }

    /// That message has its final answer. Its acknowledgement is due, unless its
    /// connection is gone: then that of its redelivery.
    pub fn answered(&mut self, seq: u64) {
        let at = self.waiting.iter().position(|w| w.job.seq == seq);
        let Some(done) = at.and_then(|at| self.waiting.remove(at)) else { return };
        if done.packet_id == 0 {
            return;
        }
        if self.answered.len() == REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back(Answered {
            seq,
            packet_id: done.packet_id,
            hash: done.hash,
            acknowledgement: Acknowledgement::Due,
        });
        if done.current {
            self.due.push_back(done.packet_id);
        }
    }

    /// The packet id to acknowledge next.
    pub fn to_acknowledge(&self) -> Option<u16> {
        self.due.front().copied()
    }

    /// The acknowledgement of [`Deliveries::to_acknowledge`] is on its way.
    pub fn handed_over(&mut self) {
        self.due.pop_front();
    }

    /// The acknowledgement of that packet id was written to the connection.
    pub fn written(&mut self, packet_id: u16) {
        let sent = self.answered.iter_mut().rev().find(|a| a.packet_id == packet_id);
        if let Some(answered) = sent {
            answered.acknowledgement = Acknowledgement::Written;
        }
    }

    /// Something that the broker will answer was written. True if its answer is
    /// to be told to [`Deliveries::probe_answered`]; false while another is awaited.
    pub fn probe_written(&mut self) -> bool {
        if self.probing {
            return false;
        }
        self.probing = true;
        self.advance(Acknowledgement::Written, Acknowledgement::Probed);
        true
    }

    /// The broker answered the probe, so it has read what was written before it.
    pub fn probe_answered(&mut self) {
        self.probing = false;
        self.advance(Acknowledgement::Probed, Acknowledgement::Sure);
    }

    fn advance(&mut self, from: Acknowledgement, to: Acknowledgement) {
        let reached = self.answered.iter_mut().filter(|a| a.acknowledgement == from);
        reached.for_each(|a| a.acknowledgement = to);
    }

    /// Messages that wait.
    pub fn depth(&self) -> usize {
        self.waiting.len()
    }

    /// Whether messages were left to the broker and nothing waits any more: time
    /// to reconnect, so that it sends them again.
    pub fn wants_reconnect(&self) -> bool {
        self.overflowed && self.waiting.is_empty() && self.due.is_empty()
    }

    /// A known message came again under that packet id.
    fn again(&mut self, seq: u64, packet_id: u16) -> Arrival {
        if let Some(waiting) = self.waiting.iter_mut().find(|w| w.job.seq == seq) {
            waiting.packet_id = packet_id;
            waiting.current = true;
            return Arrival::Waiting;
        }
        if let Some(answered) = self.answered.iter_mut().find(|a| a.seq == seq) {
            answered.packet_id = packet_id;
            answered.acknowledgement = Acknowledgement::Due;
        }
        self.due.push_back(packet_id);
        Arrival::Answered
    }

    fn by_packet(&self, packet_id: u16, hash: &[u8; 32]) -> Option<u64> {
        let mut waiting = self.waiting.iter().rev();
        let waiting = waiting.find(|w| w.packet_id == packet_id && w.hash == *hash);
        let mut answered = self.answered.iter().rev();
        waiting
            .map(|w| w.job.seq)
            .or_else(|| answered.find(|a| a.packet_id == packet_id && a.hash == *hash).map(|a| a.seq))
    }

    /// The replay comes first and in order. What it skips was acknowledged after
    /// all; a message that is not in it ends it.
    fn by_order(&mut self, hash: &[u8; 32]) -> Option<u64> {
        let Some(at) = self.replay.iter().position(|r| r.hash == *hash) else {
            self.replay.clear();
            return None;
        };
        let found = self.replay[at].seq;
        self.replay.drain(..=at);
        Some(found)
    }

    fn queue(&mut self, delivery: Delivery, hash: [u8; 32]) {
        let seq = self.next_seq;
        self.next_seq += 1;
        let hex = hex(&hash[..12]);
        let prefix = format!("m:{}:{hex}:", delivery.packet_id);
        let own_id = format!("{prefix}{}", Uuid::now_v7().simple());
        let ask = delivery.dup && delivery.packet_id != 0;
        self.waiting.push_back(Waiting {
            job: Job {
                seq,
                payload: delivery.payload,
                retained: delivery.retain,
                own_id,
                ask_prefix: ask.then_some(prefix),
            },
            packet_id: delivery.packet_id,
            hash,
            current: true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(packet_id: u16, dup: bool, payload: &'static str) -> Delivery {
        let payload = Bytes::from_static(payload.as_bytes());
        Delivery { packet_id, dup, retain: false, payload }
    }

    fn take(d: &mut Deliveries) -> (String, Option<u16>) {
        let job = d.next().unwrap();
        d.answered(job.seq);
        (job.own_id, due(d))
    }

    fn due(d: &mut Deliveries) -> Option<u16> {
        let due = d.to_acknowledge();
        d.handed_over();
        due
    }

    fn sure(d: &mut Deliveries, packet_id: u16) {
        d.written(packet_id);
        assert!(d.probe_written());
        d.probe_answered();
    }

    #[test]
    fn acknowledges_in_order_and_gives_each_reading_its_own_id() {
        let mut d = Deliveries::new(true, 10);
        d.connected(false);
        assert_eq!(d.arrived(message(1, false, "A")), Arrival::Queued);
        assert_eq!(d.arrived(message(2, false, "A")), Arrival::Queued);
        let ((first, ack1), (second, ack2)) = (take(&mut d), take(&mut d));
        assert_eq!((ack1, ack2), (Some(1), Some(2)));
        assert_ne!(first, second);
        // The packet id comes round again with the same code: a new reading.
        assert_eq!(d.arrived(message(1, false, "A")), Arrival::Queued);
        assert_ne!(take(&mut d).0, first);
    }

    #[test]
    fn marked_redelivery_of_a_waiting_message_is_queued_once() {
        let mut d = Deliveries::new(true, 10);
        d.connected(false);
        d.arrived(message(1, false, "A"));
        let before = d.next().unwrap();
        d.disconnected();
        d.connected(true);
        assert_eq!(d.arrived(message(1, true, "A")), Arrival::Waiting);
        assert_eq!(d.next().unwrap(), before);
        assert_eq!(take(&mut d).1, Some(1));
    }

    #[test]
    fn answered_while_disconnected_is_acknowledged_when_it_comes_again() {
        for marks in [true, false] {
            let mut d = Deliveries::new(marks, 10);
            d.connected(false);
            d.arrived(message(1, false, "A"));
            d.disconnected();
            assert_eq!(take(&mut d).1, None, "nothing to acknowledge on a dead connection");
            d.connected(true);
            assert_eq!(d.arrived(message(1, marks, "A")), Arrival::Answered);
            assert_eq!((d.depth(), due(&mut d)), (0, Some(1)));
        }
    }

    #[test]
    fn marked_redelivery_after_a_restart_asks_the_journal() {
        let mut d = Deliveries::new(true, 10);
        d.connected(true);
        assert_eq!(d.arrived(message(7, true, "A")), Arrival::Queued);
        let job = d.next().unwrap();
        let prefix = job.ask_prefix.unwrap();
        assert!(prefix.starts_with("m:7:") && job.own_id.starts_with(&prefix), "{prefix}");
        d.arrived(message(8, false, "A"));
        d.answered(job.seq);
        assert_eq!(d.next().unwrap().ask_prefix, None);
    }

    #[test]
    fn unmarked_replay_is_matched_in_order_under_new_packet_ids() {
        let mut d = Deliveries::new(false, 10);
        d.connected(false);
        for (id, text) in [(1, "A"), (2, "B"), (3, "A"), (4, "C")] {
            d.arrived(message(id, false, text));
        }
        assert_eq!(take(&mut d).1, Some(1));
        sure(&mut d, 1); // A is done with
        assert_eq!(take(&mut d).1, Some(2));
        d.written(2); // and lost
        assert!(d.probe_written());
        assert!(!d.probe_written());
        d.disconnected();
        d.connected(true);
        assert_eq!(d.arrived(message(1, false, "B")), Arrival::Answered);
        assert_eq!(due(&mut d), Some(1));
        assert_eq!(d.arrived(message(2, false, "A")), Arrival::Waiting);
        assert_eq!(d.arrived(message(3, false, "C")), Arrival::Waiting);
        assert_eq!(d.arrived(message(4, false, "C")), Arrival::Queued, "a second C");
        assert_eq!([take(&mut d).1, take(&mut d).1, take(&mut d).1], [Some(2), Some(3), Some(4)]);
    }

    #[test]
    fn unmarked_reading_after_the_replay_is_new() {
        let mut d = Deliveries::new(false, 10);
        d.connected(false);
        d.arrived(message(1, false, "A"));
        take(&mut d);
        sure(&mut d, 1);
        d.disconnected();
        d.connected(true);
        assert_eq!(d.arrived(message(1, false, "A")), Arrival::Queued);
    }

    #[test]
    fn unmarked_replay_that_was_acknowledged_does_not_swallow_the_next_reading() {
        let mut d = Deliveries::new(false, 10);
        d.connected(false);
        d.arrived(message(5, false, "DONE"));
        d.disconnected();
        take(&mut d);
        d.connected(true);
        assert_eq!(d.arrived(message(1, false, "DONE")), Arrival::Answered);
        assert_eq!(due(&mut d), Some(1));
        sure(&mut d, 1);
        d.disconnected();
        d.connected(true);
        assert_eq!(d.arrived(message(1, false, "DONE")), Arrival::Queued, "a new DONE");
    }

    #[test]
    fn lost_session_keeps_what_waits_and_forgets_packet_ids() {
        let mut d = Deliveries::new(true, 10);
        d.connected(false);
        d.arrived(message(1, false, "A"));
        d.arrived(message(2, false, "B"));
        take(&mut d);
        d.disconnected();
        d.connected(false);
        assert_eq!(d.depth(), 1, "B was taken and the broker will not send it again");
        assert_eq!(take(&mut d).1, None);
        assert_eq!(d.arrived(message(1, true, "A")), Arrival::Queued);
    }

    #[test]
    fn overflow_leaves_the_rest_to_the_broker_until_reconnected() {
        let mut d = Deliveries::new(true, 2);
        d.connected(false);
        let arrivals = [1, 2, 3, 4].map(|id| d.arrived(message(id, false, "A")));
        use Arrival::{Overflow, Queued};
        assert_eq!(arrivals, [Queued, Queued, Overflow, Overflow]);
        take(&mut d);
        assert_eq!(d.arrived(message(5, false, "A")), Overflow, "order is kept");
        assert!(!d.wants_reconnect());
        take(&mut d);
        assert!(d.wants_reconnect());
        d.disconnected();
        d.connected(true);
        assert_eq!(d.arrived(message(3, true, "A")), Queued);
    }

    #[test]
    fn qos_0_and_retained() {
        let mut d = Deliveries::new(true, 10);
        d.connected(false);
        d.arrived(message(0, false, "A"));
        assert_eq!(take(&mut d).1, None);
        d.arrived(Delivery { retain: true, ..message(1, false, "R") });
        d.arrived(message(2, false, "R"));
        assert!(d.next().unwrap().retained);
        assert_eq!(take(&mut d).1, Some(1), "acknowledged in its turn");
        assert!(!d.next().unwrap().retained, "the same said anew is a reading");
    }
}
