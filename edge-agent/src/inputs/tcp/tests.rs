//! Against real sockets, in both directions.

use std::collections::VecDeque;

use futures_util::future::BoxFuture;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;

use super::*;
use crate::inputs::{Answer, IntakeError, MachineInput};

const LIMIT: Duration = Duration::from_secs(20);

async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(LIMIT, wait).await.is_ok(), "not within {LIMIT:?}: {what}");
}

/// Answers green, or red to what begins with "BAD".
#[derive(Default)]
struct FakeIntake {
    deny: Mutex<VecDeque<IntakeError>>,
    offered: Mutex<Vec<ScanInput>>,
    taken: Mutex<Vec<ScanInput>>,
    refused: Mutex<Vec<String>>,
}

impl FakeIntake {
    fn texts(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(|i| i.text.clone()).collect()
    }
}

impl Intake for FakeIntake {
    fn scan(&self, input: ScanInput) -> BoxFuture<'_, Result<Answer, IntakeError>> {
        self.offered.lock().unwrap().push(input.clone());
        let denied = self.deny.lock().unwrap().pop_front();
        let result = match denied {
            Some(error) => Err(error),
            None => {
                let mut answer = self.refusal("S1", &input.input_id, CODE_MALFORMED, vec![]);
                answer.colour = match &input.text {
                    text if text.starts_with("BAD") => Colour::Red,
                    text if text.starts_with("AGAIN") => Colour::Amber,
                    _ => Colour::Green,
                };
                self.taken.lock().unwrap().push(input);
                Ok(answer)
            }
        };
        Box::pin(std::future::ready(result))
    }

    fn machine(&self, _: MachineInput) -> BoxFuture<'_, Result<(), IntakeError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn refused(&self, station: &str, answer: &Answer) {
        self.refused.lock().unwrap().push(format!("{station} {} {}", answer.code, answer.what));
    }
}

struct Station {
    intake: Arc<FakeIntake>,
    stats: Arc<TcpStats>,
    address: Option<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Station {
    async fn start(settings: TcpSettings) -> Self {
        let (intake, stop) = (Arc::new(FakeIntake::default()), CancellationToken::new());
        let scanner = TcpScanner::open(settings, intake.clone(), stop.clone()).await.unwrap();
        let (stats, address) = (scanner.stats(), scanner.address());
        Self { intake, stats, address, stop, task: tokio::spawn(scanner.run()) }
    }

    async fn reads(&self, texts: &[&str]) {
        let what = format!("{texts:?} are read");
        eventually(&what, || self.intake.texts().len() >= texts.len()).await;
        assert_eq!(self.intake.texts(), texts);
    }

    async fn stop(self) {
        self.stop.cancel();
        timeout(LIMIT, self.task).await.unwrap().unwrap();
    }
}

fn listening() -> TcpSettings {
    let settings = TcpSettings::new("S1", Endpoint::Listen(([127, 0, 0, 1], 0).into()));
    TcpSettings {
        reconnect_min: Duration::from_millis(5),
        reconnect_max: Duration::from_millis(50),
        duplicate_window: Duration::ZERO,
        ok: Some(b"OK\r".to_vec()),
        nok: Some(b"NOK\r".to_vec()),
        ..settings
    }
}

fn connecting(to: SocketAddr) -> TcpSettings {
    let endpoint = Endpoint::Connect { host: to.ip().to_string(), port: to.port() };
    TcpSettings { endpoint, ..listening() }
}

/// The scanner's side of a connection.
struct Scanner {
    from_agent: OwnedReadHalf,
    to_agent: OwnedWriteHalf,
}

impl Scanner {
    fn new(stream: TcpStream) -> Self {
        let (from_agent, to_agent) = stream.into_split();
        Self { from_agent, to_agent }
    }

    async fn connect(station: &Station) -> Self {
        Self::new(TcpStream::connect(station.address.unwrap()).await.unwrap())
    }

    async fn accept(listener: &TcpListener) -> Self {
        Self::new(timeout(LIMIT, listener.accept()).await.unwrap().unwrap().0)
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.to_agent.write_all(bytes).await.unwrap();
    }

    async fn hears(&mut self, expected: &str) {
        let mut heard = vec![0; expected.len()];
        timeout(LIMIT, self.from_agent.read_exact(&mut heard)).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), expected);
    }

    async fn hears_the_end(&mut self) {
        let mut rest = Vec::new();
        timeout(LIMIT, self.from_agent.read_to_end(&mut rest)).await.unwrap().unwrap();
        assert_eq!(rest, b"");
    }
}

#[tokio::test]
async fn a_scanner_connects_and_is_answered() {
    let station = Station::start(listening()).await;
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"CO").await;
    scanner.send(b"DE-1\r").await;
    scanner.hears("OK\r").await;
    scanner.send(b"\nBAD\r\nNOREAD\r\nCODE-2\r\n").await;
    scanner.hears("NOK\rOK\r").await;
    assert_eq!(station.intake.texts(), ["CODE-1", "BAD", "CODE-2"]);
    assert_eq!(station.stats.no_reads.get(), 1);
    let ids: Vec<_> = station.intake.taken.lock().unwrap().iter().map(|i| i.input_id.clone()).collect();
    assert!(ids.iter().all(|id| Uuid::parse_str(id).is_ok()) && ids[0] != ids[1]);
    station.stop().await;
    scanner.hears_the_end().await;
}

#[tokio::test]
async fn the_agent_connects_and_connects_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let station = Station::start(connecting(listener.local_addr().unwrap())).await;
    let mut scanner = Scanner::accept(&listener).await;
    scanner.send(b"CODE-1\r\n").await;
    scanner.hears("OK\r").await;
    drop(scanner);
    let mut scanner = Scanner::accept(&listener).await;
    scanner.send(b"CODE-2\r\n").await;
    station.reads(&["CODE-1", "CODE-2"]).await;
    station.stop().await;
}

#[tokio::test]
async fn a_silent_scanner_is_connected_to_again_without_losing_a_reading() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = TcpSettings {
        reconnect_idle: Duration::from_millis(50),
        ..connecting(listener.local_addr().unwrap())
    };
    let station = Station::start(settings).await;
    let mut first = Scanner::accept(&listener).await;
    first.hears_the_end().await;
    // It was about to speak when the agent took leave.
    first.send(b"CODE-1\r\n").await;
    drop(first);
    let mut second = Scanner::accept(&listener).await;
    second.send(b"CODE-2\r\n").await;
    station.reads(&["CODE-1", "CODE-2"]).await;
    station.stop().await;
}

#[tokio::test]
async fn the_same_reading_within_the_window_is_passed_over() {
    let window = Duration::from_millis(200);
    let station = Station::start(TcpSettings { duplicate_window: window, ..listening() }).await;
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"A\r\nA\r\nB\r\nA\r\n").await;
    station.reads(&["A", "B", "A"]).await;
    assert_eq!(station.stats.duplicates.get(), 1);
    // Once the window has passed it is a reading again.
    let since = Instant::now();
    while station.intake.texts().len() == 3 {
        assert!(since.elapsed() < LIMIT);
        sleep(window + Duration::from_millis(20)).await;
        scanner.send(b"A\r\n").await;
    }
    assert!(since.elapsed() >= window);
    station.stop().await;
}

#[tokio::test]
async fn what_is_not_understood_is_refused_and_does_no_harm() {
    let settings = TcpSettings {
        prefix: b"\x02".to_vec(),
        suffix: b"\x03".to_vec(),
        max_bytes: 8,
        incomplete_after: Duration::from_millis(50),
        ..listening()
    };
    let station = Station::start(settings).await;
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"\x02A\xff\x03").await;
    scanner.hears("NOK\r").await;
    scanner.send(b"AB\x03").await;
    scanner.hears("NOK\r").await;
    scanner.send(b"\x02123456789\x03").await;
    scanner.hears("NOK\r").await;
    scanner.send(b"\x02UNFIN").await;
    eventually("the unfinished one is thrown away", || station.stats.refused.get() == 4).await;
    scanner.send(b"\x02CODE-1\x03").await;
    scanner.hears("OK\r").await;
    assert_eq!(station.intake.texts(), ["CODE-1"]);
    let told = station.intake.refused.lock().unwrap().clone();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("S1 input.malformed Not understood: it is not text"), "{told:?}");
    assert!(told[1].starts_with("S1 input.malformed Not understood: the prefix is missing"), "{told:?}");
    assert!(told[2].starts_with("S1 input.too_long Too long: 10 bytes, the limit is 8"), "{told:?}");
    station.stop().await;
}

#[tokio::test]
async fn digits_that_are_read_twice_are_two_digits() {
    let settings = TcpSettings {
        duplicate_window: Duration::from_secs(60),
        repeating: vec!["TWC-DIGIT-".into()],
        repeating_window: Duration::ZERO,
        ..listening()
    };
    let station = Station::start(settings).await;
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"TWC-DIGIT-1-AA\r\nTWC-DIGIT-0-BB\r\ntwc-digit-0-bb\r\nTWC-DIGIT-0-BB\r\n").await;
    scanner.send(b"TWC-DIGIT-0-BB\r\nA\r\nA\r\n").await;
    let zero = "TWC-DIGIT-0-BB";
    station.reads(&["TWC-DIGIT-1-AA", zero, "twc-digit-0-bb", zero, zero, "A"]).await;
    station.stop().await;
}

#[tokio::test]
async fn a_scanner_is_told_the_colour() {
    let station = Station::start(TcpSettings { amber: Some(b"HM\r".to_vec()), ..listening() }).await;
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"GOOD\r\nAGAIN\r\nBAD\r\n").await;
    scanner.hears("OK\rHM\rNOK\r").await;
    station.stop().await;
    let station = Station::start(listening()).await;
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"AGAIN\r\n").await;
    scanner.hears("OK\r").await;
    station.stop().await;
}

#[tokio::test]
async fn a_scanner_that_spoke_is_soon_connected_to_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = TcpSettings {
        reconnect_min: Duration::from_millis(20),
        reconnect_max: Duration::from_secs(3600),
        ..connecting(listener.local_addr().unwrap())
    };
    let station = Station::start(settings).await;
    // Unreset, the waits would double to more than this test's patience.
    for n in 0..20 {
        let mut scanner = Scanner::accept(&listener).await;
        scanner.send(format!("CODE-{n}\r\n").as_bytes()).await;
        scanner.hears("OK\r").await;
    }
    station.stop().await;
}

#[tokio::test]
async fn a_reading_that_is_not_taken_is_offered_again() {
    let station = Station::start(listening()).await;
    *station.intake.deny.lock().unwrap() = [IntakeError::Full, IntakeError::Failed("disk".into())].into();
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"CODE-1\r\nCODE-2\r\n").await;
    scanner.hears("NOK\rOK\rOK\r").await;
    let offered = station.intake.offered.lock().unwrap().clone();
    let texts: Vec<_> = offered.iter().map(|i| i.text.as_str()).collect();
    assert_eq!(texts, ["CODE-1", "CODE-1", "CODE-1", "CODE-2"]);
    assert!(offered[..3].iter().all(|i| i.input_id == offered[0].input_id));
    station.stop().await;
}

#[tokio::test]
async fn a_reading_is_recorded_although_its_scanner_has_gone() {
    let station = Station::start(listening()).await;
    *station.intake.deny.lock().unwrap() = vec![IntakeError::Full; 2].into();
    let mut scanner = Scanner::connect(&station).await;
    scanner.send(b"CODE-1\r\nCODE-2\r\n").await;
    drop(scanner);
    station.reads(&["CODE-1", "CODE-2"]).await;
    station.stop().await;
}

#[tokio::test]
async fn too_many_scanners_cost_the_oldest_its_connection() {
    let station = Station::start(listening()).await;
    let mut scanners = Vec::new();
    for n in 1..=MAX_CONNECTIONS + 1 {
        scanners.push(Scanner::connect(&station).await);
        eventually("it is taken in", || station.stats.connections.get() == n as u64).await;
    }
    scanners[0].hears_the_end().await;
    scanners[1].send(b"CODE-1\r\n").await;
    scanners[1].hears("OK\r").await;
    station.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = TcpSettings::new("S1", Endpoint::Listen(address));
    let intake = Arc::new(FakeIntake::default());
    let error = TcpScanner::open(settings, intake, CancellationToken::new()).await.err().unwrap();
    let expected = format!("station S1: cannot listen on {address}");
    assert!(error.to_string().starts_with(&expected), "{error}");
}
