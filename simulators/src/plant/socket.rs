//! A fixed scanner on a plain TCP socket: each reading between its prefix and
//! suffix, and in pieces, as small devices send it. It gets no answer by itself;
//! its person looks at the station's own record.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::bail;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::journal::Journal;
use super::scanner::Answer;

/// How long it goes on before the person gives up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(90);
/// How long the person waits for the station before the next try; longer than
/// any window in which the same text counts once.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// The pause between two pieces of a reading.
const BETWEEN_PIECES: Duration = Duration::from_millis(3);

/// A fixed scanner over one station.
pub struct SocketScanner {
    station: String,
    address: SocketAddr,
    prefix: String,
    suffix: String,
    journal: Journal,
    stream: Option<TcpStream>,
    rng: ChaCha8Rng,
}

impl SocketScanner {
    /// A scanner that connects to `address` when it first reads something.
    #[must_use]
    pub fn new(station: &str, address: SocketAddr, prefix: &str, suffix: &str, journal: Journal) -> Self {
        Self {
            station: station.to_owned(),
            address,
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            journal,
            stream: None,
            rng: ChaCha8Rng::seed_from_u64(u64::from(address.port())),
        }
    }

    /// Reads `code` and waits until the station has answered; reads it again
    /// when the station has not seen it.
    ///
    /// # Errors
    /// When there was no answer in 90 seconds.
    pub async fn scan(&mut self, code: &str) -> anyhow::Result<Answer> {
        let before = self.journal.answered(&self.station).await?;
        let deadline = Instant::now() + GIVE_UP_AFTER;
        while Instant::now() < deadline {
            let Some(mut stream) = self.connected().await else {
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            // A reading of which the line told nothing may have arrived after all.
            if let Some(answer) = self.journal.answer_after(&self.station, before).await? {
                self.stream = Some(stream);
                return Ok(answer);
            }
            if self.send(&mut stream, code).await.is_err() {
                continue;
            }
            let tried = Instant::now();
            while tried.elapsed() < AGAIN_AFTER {
                if let Some(answer) = self.journal.answer_after(&self.station, before).await? {
                    self.stream = Some(stream);
                    return Ok(answer);
                }
                // The agent says nothing on this line: whatever comes is its end.
                if timeout(Duration::from_millis(10), stream.read_u8()).await.is_ok() {
                    break;
                }
            }
        }
        bail!("no answer at {} to {code} in {GIVE_UP_AFTER:?}", self.station)
    }

    async fn connected(&mut self) -> Option<TcpStream> {
        if let Some(mut stream) = self.stream.take()
            && timeout(Duration::from_millis(1), stream.read_u8()).await.is_err()
        {
            return Some(stream);
        }
        let stream = TcpStream::connect(self.address).await.ok()?;
        stream.set_nodelay(true).ok()?;
        Some(stream)
    }

    async fn send(&mut self, stream: &mut TcpStream, code: &str) -> std::io::Result<()> {
        let framed = format!("{}{code}{}", self.prefix, self.suffix).into_bytes();
        for piece in pieces(&mut self.rng, &framed) {
            stream.write_all(piece).await?;
            stream.flush().await?;
            sleep(BETWEEN_PIECES).await;
        }
        Ok(())
    }
}

/// Cuts a reading into one to four pieces.
fn pieces<'a>(rng: &mut ChaCha8Rng, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let mut all = Vec::new();
    for _ in 0..rng.random_range(0..4) {
        if bytes.len() > 1 {
            let (piece, rest) = bytes.split_at(rng.random_range(1..bytes.len()));
            all.push(piece);
            bytes = rest;
        }
    }
    all.push(bytes);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut most = 0;
        for _ in 0..50 {
            let cut = pieces(&mut rng, b"\x02HEAT-1\r\n");
            assert_eq!(cut.concat(), b"\x02HEAT-1\r\n");
            most = most.max(cut.len());
        }
        assert!(most > 1);
    }
}
