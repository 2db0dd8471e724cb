//! Scanners over a plain TCP socket: the agent connects to the scanner, or the
//! scanner to the agent.
//!
//! A socket has no acknowledgement that a scanner would wait for, so a reading
//! that the journal does not take is kept in hand and offered again, while TCP
//! holds back what follows. What a scanner says while there is no connection is
//! lost in the scanner; the operator sees no light and scans again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::frame::{Frame, Framer};
use super::{Backoff, Colour, Count, Intake, ScanInput};
use super::{CODE_MALFORMED, CODE_TOO_LONG, MAX_SCAN_TEXT};

/// Scanners that may be connected to one station's port. One more, and the oldest
/// goes: it is probably the same scanner, switched off and on.
const MAX_CONNECTIONS: usize = 8;
/// How long connecting, writing an answer or closing may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Bytes of something not understood that go to the log.
const LOGGED_BYTES: usize = 256;

/// Settings of one station's TCP scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpSettings {
    /// Code of the station.
    pub station: String,
    /// Who connects to whom.
    pub endpoint: Endpoint,
    /// What the scanner puts before each reading; may be empty.
    pub prefix: Vec<u8>,
    /// What it puts after each; empty means a line end (CR, LF or both).
    pub suffix: Vec<u8>,
    /// Longest reading in bytes; at most [`MAX_SCAN_TEXT`].
    pub max_bytes: usize,
    /// What the scanner sends when it could not read; passed over.
    pub no_read: Vec<String>,
    /// The same text again within this time since it was last seen is passed over;
    /// zero lets all through.
    pub duplicate_window: Duration,
    /// How texts begin that people read several times in a row on purpose, such as
    /// the cards of a digit.
    pub repeating: Vec<String>,
    /// The window for those: shorter than a person reads twice, longer than a
    /// scanner takes to see again what stays in view.
    pub repeating_window: Duration,
    /// Time after which an unfinished reading is thrown away.
    pub incomplete_after: Duration,
    /// What is written back after a green answer.
    pub ok: Option<Vec<u8>>,
    /// What is written back after an amber answer; the same as `ok` where none is given.
    pub amber: Option<Vec<u8>>,
    /// What is written back after a red answer, and while a reading is not recorded.
    pub nok: Option<Vec<u8>>,
    /// Shortest wait before reconnecting.
    pub reconnect_min: Duration,
    /// Longest wait before reconnecting, and before offering a reading again.
    pub reconnect_max: Duration,
    /// Silence after which the agent reconnects to the scanner: one that lost its
    /// power has not said good-bye. Not used where the scanner connects.
    pub reconnect_idle: Duration,
}

impl TcpSettings {
    /// Settings of a usual scanner: readings end with a line end, `NOREAD` is
    /// passed over, and so is the same text within 500 ms; nothing is written back.
    pub fn new(station: &str, endpoint: Endpoint) -> Self {
        Self {
            station: station.into(),
            endpoint,
            prefix: Vec::new(),
            suffix: Vec::new(),
            max_bytes: MAX_SCAN_TEXT,
            no_read: vec!["NOREAD".into()],
            duplicate_window: Duration::from_millis(500),
            repeating: Vec::new(),
            repeating_window: Duration::from_millis(300),
            incomplete_after: Duration::from_secs(1),
            ok: None,
            amber: None,
            nok: None,
            reconnect_min: Duration::from_millis(200),
            reconnect_max: Duration::from_secs(30),
            reconnect_idle: Duration::from_secs(300),
        }
    }
}

/// Who connects to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// The agent connects to the scanner.
    Connect {
        /// Host name or address of the scanner.
        host: String,
        /// Its port.
        port: u16,
    },
    /// The scanner connects to the agent.
    Listen(SocketAddr),
}

/// The station's port cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("station {station}: cannot listen on {address}: {source}")]
pub struct TcpError {
    /// Code of the station.
    pub station: String,
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub source: std::io::Error,
}

/// Counters since the start, and the present state.
#[derive(Debug, Default)]
pub struct TcpStats {
    /// Scanners connected now.
    pub connected: Count,
    /// Connections made.
    pub connections: Count,
    /// Readings with a final answer of the intake.
    pub answered: Count,
    /// Times that the scanner could not read.
    pub no_reads: Count,
    /// Readings passed over because the same had just been read.
    pub duplicates: Count,
    /// Readings not understood, too long, or unfinished.
    pub refused: Count,
    /// Attempts that the intake did not take; they are repeated.
    pub not_taken: Count,
    /// Readings lost at a stop.
    pub lost: Count,
    /// Answers that could not be sent to the scanner.
    pub unsent_answers: Count,
}

/// One station's TCP scanner.
pub struct TcpScanner {
    shared: Arc<Shared>,
    listener: Option<TcpListener>,
}

struct Shared {
    settings: TcpSettings,
    intake: Arc<dyn Intake>,
    /// What was read last, and when it was last seen.
    last: Mutex<Option<(String, Instant)>>,
    stats: Arc<TcpStats>,
    stop: CancellationToken,
}

impl TcpScanner {
    /// Prepares the scanner. Where the scanner connects, the port is open from now.
    pub async fn open(
        settings: TcpSettings,
        intake: Arc<dyn Intake>,
        stop: CancellationToken,
    ) -> Result<Self, TcpError> {
        let listener = match settings.endpoint {
            Endpoint::Connect { .. } => None,
            Endpoint::Listen(address) => {
                let station = settings.station.clone();
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|source| TcpError { station, address, source })?)
            }
        };
        let stats = Arc::default();
        let shared = Shared { settings, intake, last: Mutex::default(), stats, stop };
        Ok(Self { shared: Arc::new(shared), listener })
    }

    /// The address that scanners connect to, where they do.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().and_then(|l| l.local_addr().ok())
    }

    /// Counters and state, live.
    pub fn stats(&self) -> Arc<TcpStats> {
        Arc::clone(&self.shared.stats)
    }

    /// Runs until the stop token is cancelled and the reading at hand is finished.
    pub async fn run(self) {
        match (self.listener, &self.shared.settings.endpoint) {
            (Some(listener), _) => serve(&self.shared, listener).await,
            (None, Endpoint::Connect { host, port }) => connect(&self.shared, host, *port).await,
            (None, Endpoint::Listen(_)) => {}
        }
    }
}

async fn connect(shared: &Arc<Shared>, host: &str, port: u16) {
    let (settings, stop) = (&shared.settings, &shared.stop);
    let mut backoff = Backoff::new(settings.reconnect_min, settings.reconnect_max);
    while !stop.is_cancelled() {
        let connecting = timeout(PATIENCE, TcpStream::connect((host, port)));
        let Some(connected) = stop.run_until_cancelled(connecting).await else { return };
        match connected {
            Ok(Ok(stream)) => {
                let idle = Some(settings.reconnect_idle);
                let mut conversation = Conversation::new(shared, stream, idle, &shared.stop);
                let ended = conversation.run().await;
                if conversation.heard || ended == Ended::Idle {
                    // It works; what was before does not count.
                    backoff.reset();
                }
                if ended == Ended::Idle {
                    continue; // and at once
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(station = %settings.station, host, port, %error, "no connection to the scanner");
            }
            Err(_) => {
                tracing::warn!(station = %settings.station, host, port, "the scanner does not answer");
            }
        }
        tokio::select! {
            () = sleep(backoff.next_wait()) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn serve(shared: &Arc<Shared>, listener: TcpListener) {
    let (station, stop) = (shared.settings.station.clone(), &shared.stop);
    let mut conversations = JoinSet::new();
    let mut closers: Vec<(tokio::task::Id, CancellationToken)> = Vec::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = conversations.join_next_with_id() => {
                let id = match ended {
                    Ok((id, _)) => id,
                    Err(error) => error.id(),
                };
                closers.retain(|(other, _)| *other != id);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, from)) => {
                    tracing::info!(%station, %from, "a scanner connects");
                    if closers.len() >= MAX_CONNECTIONS {
                        tracing::warn!(%station, "too many scanners on this port; dropping the oldest");
                        closers.remove(0).1.cancel();
                    }
                    let close = stop.child_token();
                    let (shared, closing) = (Arc::clone(shared), close.clone());
                    let task = conversations.spawn(async move {
                        // Between readings only: one at hand is finished.
                        Conversation::new(&shared, stream, None, &closing).run().await
                    });
                    closers.push((task.id(), close));
                }
                Err(error) => {
                    // Out of file handles, most likely; it passes.
                    tracing::warn!(%station, %error, "a scanner could not connect");
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    while conversations.join_next().await.is_some() {}
}

/// Why a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Closed,
    Idle,
    Stopped,
}

/// One connection with a scanner.
struct Conversation<'a> {
    shared: &'a Shared,
    stream: TcpStream,
    framer: Framer,
    idle: Option<Duration>,
    close: &'a CancellationToken,
    /// Whether writing failed; the scanner may still have something to say.
    deaf: bool,
    /// Whether the scanner has said anything.
    heard: bool,
}

impl<'a> Conversation<'a> {
    fn new(
        shared: &'a Shared,
        stream: TcpStream,
        idle: Option<Duration>,
        close: &'a CancellationToken,
    ) -> Self {
        let settings = &shared.settings;
        let max = settings.max_bytes.min(MAX_SCAN_TEXT);
        let framer = Framer::new(&settings.prefix, &settings.suffix, max);
        Self { shared, stream, framer, idle, close, deaf: false, heard: false }
    }

    async fn run(&mut self) -> Ended {
        let stats = &self.shared.stats;
        let station = &self.shared.settings.station;
        stats.connections.add();
        stats.connected.add();
        // The answer is a few bytes and should leave at once.
        let _ = self.stream.set_nodelay(true);
        let ended = self.read().await;
        stats.connected.subtract();
        match ended {
            Ok(ended) => {
                tracing::info!(%station, ?ended, "the scanner's connection ends");
                ended
            }
            Err(error) => {
                tracing::warn!(%station, %error, "the scanner's connection is lost");
                Ended::Closed
            }
        }
    }

    async fn read(&mut self) -> std::io::Result<Ended> {
        let mut piece = [0; 1024];
        let mut heard = Instant::now();
        loop {
            let unfinished = self.framer.unfinished();
            let patience = match (unfinished, self.idle) {
                (true, _) => Some(self.shared.settings.incomplete_after),
                (false, idle) => idle,
            };
            let reading = async {
                match patience {
                    Some(patience) => timeout_at(heard + patience, self.stream.read(&mut piece)).await,
                    None => Ok(self.stream.read(&mut piece).await),
                }
            };
            let count = match self.close.run_until_cancelled(reading).await {
                None => return Ok(Ended::Stopped),
                Some(Ok(read)) => read?,
                Some(Err(_)) if unfinished => {
                    self.abandon("no end came");
                    heard = Instant::now();
                    continue;
                }
                Some(Err(_)) => return self.leave().await,
            };
            if count == 0 {
                self.abandon("the connection ended");
                return Ok(Ended::Closed);
            }
            heard = Instant::now();
            self.heard = true;
            for frame in self.framer.push(&piece[..count]) {
                self.frame(frame).await;
            }
        }
    }

    /// Closes towards a silent scanner, and takes what it had already sent.
    async fn leave(&mut self) -> std::io::Result<Ended> {
        self.stream.shutdown().await?;
        self.deaf = true; // we have closed the way there
        let mut rest = Vec::new();
        // A scanner without power never closes its side.
        let _ = timeout(PATIENCE, (&mut self.stream).take(64 * 1024).read_to_end(&mut rest)).await;
        for frame in self.framer.push(&rest) {
            self.frame(frame).await;
        }
        Ok(Ended::Idle)
    }

    fn abandon(&mut self, why: &str) {
        let bytes = self.framer.abandon();
        if bytes > 0 {
            self.shared.stats.refused.add();
            tracing::warn!(station = %self.shared.settings.station, bytes, why, "an unfinished reading is thrown away");
        }
    }

    async fn frame(&mut self, frame: Frame) {
        let text = match frame {
            Frame::Read(bytes) => match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => {
                    let bytes = error.into_bytes();
                    return self.refuse(CODE_MALFORMED, &[("reason", "malformed.not-text")], &bytes).await;
                }
            },
            Frame::NoPrefix(bytes) => {
                return self.refuse(CODE_MALFORMED, &[("reason", "malformed.no-prefix")], &bytes).await;
            }
            Frame::TooLong { bytes } => {
                let limit = self.shared.settings.max_bytes.min(MAX_SCAN_TEXT);
                let args = [("bytes", &*bytes.to_string()), ("limit", &*limit.to_string())];
                return self.refuse(CODE_TOO_LONG, &args, &[]).await;
            }
        };
        let settings = &self.shared.settings;
        if text.trim().is_empty() {
            return;
        }
        if settings.no_read.iter().any(|n| n == text.trim()) {
            self.shared.stats.no_reads.add();
            return;
        }
        if self.shared.is_duplicate(&text) {
            self.shared.stats.duplicates.add();
            tracing::debug!(station = %settings.station, text, "the same reading again; passed over");
            return;
        }
        self.offer(text).await;
    }

    /// Offers a reading until it is answered, or the agent stops.
    async fn offer(&mut self, text: String) {
        let shared = self.shared;
        let (settings, stats) = (&shared.settings, &shared.stats);
        let input = ScanInput {
            station: settings.station.clone(),
            text,
            input_id: Uuid::now_v7().to_string(),
            device_counter: None,
            occurred_at: None,
            badge: None,
        };
        let mut backoff = Backoff::new(Duration::from_millis(100), settings.reconnect_max);
        let mut told = false;
        loop {
            let error = match shared.intake.scan(input.clone()).await {
                Ok(answer) => {
                    stats.answered.add();
                    let text = match answer.colour {
                        Colour::Green => &settings.ok,
                        Colour::Amber if settings.amber.is_some() => &settings.amber,
                        Colour::Amber => &settings.ok,
                        Colour::Red => &settings.nok,
                    };
                    return self.write(text.as_deref()).await;
                }
                Err(error) => error,
            };
            stats.not_taken.add();
            let station = &settings.station;
            if shared.stop.is_cancelled() {
                stats.lost.add();
                tracing::error!(%station, text = %input.text, input_id = %input.input_id, %error, "a reading is lost: the agent stops and could not record it");
                return;
            }
            tracing::error!(%station, input_id = %input.input_id, %error, "a reading is not recorded yet; it is kept in hand");
            if !told {
                told = true;
                self.write(settings.nok.as_deref()).await;
            }
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = shared.stop.cancelled() => {}
            }
        }
    }

    async fn refuse(&mut self, code: &'static str, args: &[(&str, &str)], bytes: &[u8]) {
        let shared = self.shared;
        let station = &shared.settings.station;
        shared.stats.refused.add();
        let shown = super::hex(&bytes[..bytes.len().min(LOGGED_BYTES)]);
        tracing::warn!(%station, code, ?args, bytes_hex = %shown, "a reading was not understood");
        let args = args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = shared.intake.refusal(station, &Uuid::now_v7().to_string(), code, args);
        shared.intake.refused(station, &answer);
        self.write(shared.settings.nok.as_deref()).await;
    }

    async fn write(&mut self, text: Option<&[u8]>) {
        let Some(text) = text.filter(|_| !self.deaf) else { return };
        if !matches!(timeout(PATIENCE, self.stream.write_all(text)).await, Ok(Ok(()))) {
            self.deaf = true;
            self.shared.stats.unsent_answers.add();
            tracing::warn!(station = %self.shared.settings.station, "an answer could not be sent to the scanner");
        }
    }
}

impl Shared {
    /// Whether the text was last read within the window. Seeing it again keeps the
    /// window open: a code that stays in view is one reading.
    fn is_duplicate(&self, text: &str) -> bool {
        let now = Instant::now();
        let settings = &self.settings;
        let meant = settings.repeating.iter().any(|start| {
            text.trim().get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
        });
        let window = if meant {
            settings.duplicate_window.min(settings.repeating_window)
        } else {
            settings.duplicate_window
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let same = last.as_ref().is_some_and(|(seen, at)| seen == text && now.duration_since(*at) < window);
        *last = Some((text.to_owned(), now));
        same
    }
}

#[cfg(test)]
mod tests;
