//! What a stream sends, against a journal that holds nothing but numbers.

use std::sync::Mutex;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::super::port::{Heads, Read, Wishes};
use super::*;

struct Numbers {
    heads: watch::Sender<Heads>,
    /// Last seq of each epoch.
    ends: BTreeMap<u32, u64>,
    wishes: Mutex<Wishes>,
    acked: Mutex<Vec<(u32, u64)>>,
    takes: bool,
    /// What a stream said of the contact.
    told: Mutex<Vec<&'static str>>,
}

fn numbers(ends: &[(u32, u64)], takes: bool) -> Arc<Numbers> {
    let (epoch, seq) = *ends.last().unwrap();
    Arc::new(Numbers {
        heads: watch::channel(Heads { epoch, seq, behind: false }).0,
        ends: ends.iter().copied().collect(),
        wishes: Mutex::default(),
        acked: Mutex::default(),
        takes,
        told: Mutex::default(),
    })
}

fn done<T: Send + 'static>(value: T) -> BoxFuture<'static, Result<T, PortError>> {
    async move { Ok(value) }.boxed()
}

impl Port for Numbers {
    fn hello(&self) -> BoxFuture<'_, Result<v1::Hello, PortError>> {
        done(v1::Hello::default())
    }

    fn heads(&self) -> watch::Receiver<Heads> {
        self.heads.subscribe()
    }

    fn read(&self, epoch: u32, from: u64, max: usize, _: usize) -> BoxFuture<'_, Result<Read, PortError>> {
        let last = self.ends[&epoch].min(from + max as u64 - 1);
        done(((from..=last).map(|n| Bytes::from(n.to_string())).collect(), Vec::new()))
    }

    fn acked(&self, ack: v1::Ack) -> BoxFuture<'_, Result<(), PortError>> {
        self.acked.lock().unwrap().push((ack.epoch, ack.through_seq));
        done(())
    }

    fn welcomed(&self, _: v1::Welcome) -> BoxFuture<'_, Result<(), PortError>> {
        done(())
    }

    fn lease(&self, _: v1::LeaseGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        done(self.takes)
    }

    fn series(&self, _: v1::SeriesGrant) -> BoxFuture<'_, Result<bool, PortError>> {
        done(self.takes)
    }

    fn reference(&self, _: v1::ReferenceChunk) -> BoxFuture<'_, Result<Option<u64>, PortError>> {
        done(None)
    }

    fn contact(&self) -> BoxFuture<'_, Result<(), PortError>> {
        self.told.lock().unwrap().push("contact");
        done(())
    }

    fn parted(&self) {
        self.told.lock().unwrap().push("parted");
    }

    fn epoch(&self, _: v1::EpochChange) -> BoxFuture<'_, Result<(), PortError>> {
        done(())
    }

    fn label(&self, _: v1::LabelAnswer) -> BoxFuture<'_, Result<(), PortError>> {
        done(())
    }

    fn wishes(&self) -> Wishes {
        self.wishes.lock().unwrap().clone()
    }

    fn wish_signal(&self) -> watch::Receiver<u64> {
        watch::channel(0).1
    }

    fn status(&self) -> v1::Status {
        v1::Status::default()
    }
}

fn settings(max_in_flight: usize) -> UplinkSettings {
    UplinkSettings {
        cloud_url: String::new(),
        max_batch_events: 10,
        max_batch_bytes: 1 << 20,
        max_in_flight,
        heartbeat: Duration::from_secs(1),
        reconnect_min: Duration::from_secs(1),
        reconnect_max: Duration::from_secs(1),
        machine_id: String::new(),
        data_dir: std::path::PathBuf::new(),
    }
}

struct Sent(mpsc::Receiver<v1::AgentMessage>);

impl Sent {
    /// Epoch, first seq and number of the batches sent since the last look, and
    /// how many other messages.
    fn take(&mut self) -> (Vec<(u32, u64, usize)>, usize) {
        let (mut batches, mut others) = (Vec::new(), 0);
        while let Ok(message) = self.0.try_recv() {
            match message.message {
                Some(Up::Batch(batch)) => batches.push((batch.epoch, batch.from_seq, batch.events.len())),
                _ => others += 1,
            }
        }
        (batches, others)
    }
}

fn stream<'a>(
    settings: &'a UplinkSettings,
    port: &'a Arc<dyn Port>,
    ends: &[(u32, u64)],
) -> (Stream<'a>, Sent) {
    let (up, sent) = mpsc::channel(100);
    let (current, older) = ends.split_last().unwrap();
    let head = |(epoch, head_seq): &(u32, u64)| v1::EpochHead {
        epoch: *epoch,
        oldest_seq: 1,
        head_seq: *head_seq,
        head_hash: Vec::new(),
    };
    let stream = Stream {
        settings,
        port,
        up,
        epoch: current.0,
        older: older.iter().map(head).collect(),
        behind: false,
        everything: false,
        spans: Vec::new(),
        in_flight: VecDeque::new(),
        asked: BTreeMap::new(),
        holds_due: None,
        renewal_due: &|| false,
    };
    (stream, Sent(sent))
}

fn welcome(epoch: u32, through_seq: u64, older: &[(u32, u64)]) -> v1::Welcome {
    let cursor =
        |(epoch, through_seq): &(u32, u64)| v1::EpochCursor { epoch: *epoch, through_seq: *through_seq };
    let older_epochs = older.iter().map(cursor).collect();
    v1::Welcome { epoch, through_seq, older_epochs, ..v1::Welcome::default() }
}

fn ack(epoch: u32, through_seq: u64) -> Down {
    Down::Ack(v1::Ack { epoch, through_seq, ..v1::Ack::default() })
}

const ENDS: [(u32, u64); 3] = [(1, 25), (3, 12), (4, 5)];

#[tokio::test]
async fn the_rest_of_each_earlier_epoch_goes_first() {
    let (settings, numbers) = (settings(100), numbers(&ENDS, true));
    let port: Arc<dyn Port> = numbers.clone();
    let (mut stream, mut sent) = stream(&settings, &port, &ENDS);
    let mut heads = numbers.heads.subscribe();
    stream.handle(Down::Welcome(welcome(4, 0, &[(1, 8), (3, 12)]))).await.unwrap();
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(1, 9, 10), (1, 19, 7), (4, 1, 5)]);
    // Each acknowledgement is of its own epoch.
    stream.handle(ack(1, 18)).await.unwrap();
    stream.handle(ack(1, 25)).await.unwrap();
    assert_eq!(stream.in_flight.iter().map(|f| f.0).collect::<Vec<_>>(), [4]);
    stream.handle(ack(4, 5)).await.unwrap();
    assert!(stream.in_flight.is_empty());
    assert_eq!(*numbers.acked.lock().unwrap(), [(1, 18), (1, 25), (4, 5)]);
    // Sent back in an earlier epoch: the rest of that one again.
    stream.handle(Down::Welcome(welcome(1, 20, &[]))).await.unwrap();
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(1, 21, 5)]);
    // One that the cloud did not name is not its own to take.
    stream.spans.clear();
    stream.handle(Down::Welcome(welcome(4, 5, &[(3, 10), (9, 1)]))).await.unwrap();
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(3, 11, 2)]);
}

#[tokio::test]
async fn no_more_is_on_its_way_than_allowed() {
    let (settings, numbers) = (settings(2), numbers(&ENDS, true));
    let port: Arc<dyn Port> = numbers.clone();
    let (mut stream, mut sent) = stream(&settings, &port, &ENDS);
    let mut heads = numbers.heads.subscribe();
    stream.handle(Down::Welcome(welcome(4, 0, &[(1, 0), (3, 0)]))).await.unwrap();
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(1, 1, 10), (1, 11, 10)]);
    stream.handle(ack(1, 10)).await.unwrap();
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(1, 21, 5)]);
    stream.handle(ack(1, 25)).await.unwrap();
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(3, 1, 10), (3, 11, 2)]);
}

#[tokio::test]
async fn a_journal_that_falls_behind_says_hello_again() {
    let (settings, numbers) = (settings(2), numbers(&[(1, 5)], true));
    let port: Arc<dyn Port> = numbers.clone();
    let (mut stream, mut sent) = stream(&settings, &port, &[(1, 5)]);
    let mut heads = numbers.heads.subscribe();
    stream.handle(Down::Welcome(welcome(1, 0, &[]))).await.unwrap();
    numbers.heads.send_modify(|heads| heads.behind = true);
    assert!(matches!(stream.fill(&mut heads).await, Err(Ended::Behind)));
    assert_eq!(sent.take().0, []);
    // A Hello that said so is answered with an epoch, and what is there goes up.
    stream.behind = true;
    stream.fill(&mut heads).await.unwrap();
    assert_eq!(sent.take().0, [(1, 1, 5)]);
}

#[tokio::test]
async fn a_plant_that_lost_what_is_held_says_hello_again_and_once() {
    let (settings, numbers) = (settings(2), numbers(&[(1, 5)], true));
    let port: Arc<dyn Port> = numbers.clone();
    let (mut stream, _sent) = stream(&settings, &port, &[(1, 5)]);
    stream.ask().await.unwrap();
    numbers.wishes.lock().unwrap().everything = true;
    assert!(matches!(stream.ask().await, Err(Ended::Doubt)));
    // A Hello that asked for all of it is answered with it.
    stream.everything = true;
    stream.ask().await.unwrap();
}

#[tokio::test]
async fn a_wish_whose_answer_was_of_no_use_is_not_said_again_at_once() {
    for (takes, again) in [(true, 1), (false, 0)] {
        let (settings, numbers) = (settings(2), numbers(&[(1, 5)], takes));
        let port: Arc<dyn Port> = numbers.clone();
        let (mut stream, mut sent) = stream(&settings, &port, &[(1, 5)]);
        let wish = v1::LeaseRequest { r#type: "RM".into(), count: 10 };
        numbers.wishes.lock().unwrap().leases.push(wish);
        stream.ask().await.unwrap();
        stream.ask().await.unwrap();
        assert_eq!(sent.take().1, 1);
        let grant = v1::LeaseGrant { r#type: "RM".into(), first: 1, last: 10, epoch: 1 };
        stream.handle(Down::LeaseGrant(grant)).await.unwrap();
        stream.ask().await.unwrap();
        assert_eq!(sent.take().1, again, "taken: {takes}");
    }
}

#[tokio::test]
async fn a_cloud_that_does_not_say_what_is_held_is_left() {
    let (settings, numbers) = (settings(2), numbers(&[(1, 5)], true));
    let port: Arc<dyn Port> = numbers.clone();
    let (mut stream, _sent) = stream(&settings, &port, &[(1, 5)]);
    let long_after = Instant::now() + HOLDS_WITHIN * 10;
    stream.patient(long_after).unwrap();
    stream.met().await.unwrap();
    assert_eq!(*numbers.told.lock().unwrap(), ["contact"]);
    stream.patient(Instant::now()).unwrap();
    assert!(matches!(stream.patient(long_after), Err(Ended::Silent(_))));
    // Each part that comes is a sign of life.
    let before = stream.holds_due;
    stream.handle(Down::Reference(v1::ReferenceChunk::default())).await.unwrap();
    assert!(stream.holds_due > before);
}
