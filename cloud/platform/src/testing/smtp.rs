//! A mail server of a test's own: speaks SMTP on a port of this machine, keeps what
//! it is given, and can be told to misbehave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How the server treats mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// Takes it.
    Take,
    /// Answers each recipient with this line.
    Refuse(String),
    /// Takes it, and is gone before it says so.
    TakeAndHangUp,
    /// Takes it, and says so only after this while.
    Slowly(Duration),
    /// At this moment says nothing any more to the first connection that comes to it;
    /// all others are taken.
    HoldOne(Moment),
}

/// A moment in the sending of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The client was greeted, and has said who it is.
    Greeting,
    /// The client was told to go on with the mail itself, which is not read.
    Data,
    /// The mail was taken, and the client waits to hear that.
    End,
}

/// How many connections there were, and what became of them.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    made: usize,
    held: usize,
    /// Of those held, these were ended by the client.
    gone: usize,
}

/// A mail that was taken.
#[derive(Debug, Clone)]
pub struct Got {
    /// Recipients.
    pub to: Vec<String>,
    /// Headers and body, as they came.
    pub data: String,
}

impl Got {
    /// A header's value, folded lines joined; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let head = self.data.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let found = head.split("\r\n").find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        });
        found.unwrap_or_default()
    }

    /// The part of this type, decoded; empty when there is none.
    #[must_use]
    pub fn part(&self, kind: &str) -> String {
        for part in self.data.split("\r\n--").skip(1) {
            let Some((head, body)) = part.split_once("\r\n\r\n") else { continue };
            if !head.to_lowercase().contains(&format!("content-type: {kind}")) {
                continue;
            }
            let head = head.to_lowercase();
            if head.contains("base64") {
                let joined: String = body.split_whitespace().collect();
                let bytes = STANDARD.decode(joined).unwrap_or_default();
                return String::from_utf8_lossy(&bytes).into_owned();
            }
            return if head.contains("quoted-printable") { unquoted(body) } else { body.to_owned() };
        }
        String::new()
    }

    /// The address in its plain text.
    #[must_use]
    pub fn link(&self) -> String {
        let text = self.part("text/plain");
        text.split_whitespace().find(|word| word.starts_with("http")).unwrap_or_default().to_owned()
    }
}

fn unquoted(body: &str) -> String {
    let joined = body.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex =
            (*first == b'=').then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A mail server; gone with the test's runtime.
#[derive(Clone)]
pub struct MailServer {
    address: SocketAddr,
    state: Arc<Mutex<(Manner, Vec<Got>)>>,
    count: Arc<watch::Sender<Count>>,
}

impl MailServer {
    /// Starts one.
    ///
    /// # Panics
    /// When no port can be had: a test cannot go on without it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let state = Arc::new(Mutex::new((Manner::Take, Vec::new())));
        let server = Self { address, state, count: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                server.count.send_modify(|count| count.made += 1);
                tokio::spawn(async move {
                    // A client that goes away is no matter.
                    let _ = server.talk(stream).await;
                });
            }
        });
        server
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made to it.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.count.borrow().made
    }

    /// Waits until it holds, or has held, so many connections.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub async fn wait_held(&self, count: usize) {
        self.wait(|now| now.held >= count).await;
    }

    /// Waits until so many of those that it held were ended by the client.
    ///
    /// # Panics
    /// When that takes more than a minute.
    pub async fn wait_gone(&self, count: usize) {
        self.wait(|now| now.gone >= count).await;
    }

    async fn wait(&self, until: impl Fn(&Count) -> bool) {
        let mut counted = self.count.subscribe();
        let waiting = tokio::time::timeout(Duration::from_secs(60), counted.wait_for(until));
        waiting.await.expect("the client comes to it").expect("the server is there");
    }

    /// Its address, for `smtp_url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// How it treats mail from now on.
    pub fn treat(&self, manner: Manner) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0 = manner;
    }

    /// What it was given.
    #[must_use]
    pub fn got(&self) -> Vec<Got> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Waits until it was given so many mails.
    ///
    /// # Panics
    /// When that takes more than ten seconds.
    pub async fn wait_for(&self, count: usize) -> Vec<Got> {
        for _ in 0..1000 {
            let got = self.got();
            if got.len() >= count {
                return got;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {} mails of {count} came", self.got().len());
    }

    fn manner(&self) -> Manner {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Whether this connection is the one to be held at this moment; no other will be.
    fn holds(&self, moment: Moment) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = state.0 == Manner::HoldOne(moment);
        if holds {
            state.0 = Manner::Take;
        }
        holds
    }

    /// Says nothing until the client is gone, whatever it says.
    async fn hold(&self, mut lines: Lines<impl AsyncBufRead + Unpin>) -> std::io::Result<()> {
        self.count.send_modify(|count| count.held += 1);
        while let Ok(Some(_)) = lines.next_line().await {}
        self.count.send_modify(|count| count.gone += 1);
        Ok(())
    }

    async fn talk(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.split();
        let mut lines = BufReader::new(read.take(10_000_000)).lines();
        write.write_all(b"220 test ready\r\n").await?;
        let mut to = Vec::new();
        while let Some(line) = lines.next_line().await? {
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            let answer = match (verb.as_str(), self.manner()) {
                ("EHLO", _) if self.holds(Moment::Greeting) => return self.hold(lines).await,
                ("EHLO", _) => "250-test\r\n250-8BITMIME\r\n250 SMTPUTF8".to_owned(),
                ("RCPT", Manner::Refuse(line)) => line,
                ("RCPT", _) => {
                    let address = line.split(['<', '>']).nth(1).unwrap_or_default();
                    to.push(address.to_owned());
                    "250 ok".to_owned()
                }
                ("DATA", manner) => {
                    write.write_all(b"354 go on\r\n").await?;
                    if self.holds(Moment::Data) {
                        return self.hold(lines).await;
                    }
                    let mut data = String::new();
                    while let Some(line) = lines.next_line().await? {
                        if line == "." {
                            break;
                        }
                        data.push_str(line.strip_prefix('.').unwrap_or(&line));
                        data.push_str("\r\n");
                    }
                    let got = Got { to: std::mem::take(&mut to), data };
                    self.state.lock().unwrap_or_else(PoisonError::into_inner).1.push(got);
                    if self.holds(Moment::End) {
                        return self.hold(lines).await;
                    }
                    match manner {
                        Manner::TakeAndHangUp => return Ok(()),
                        Manner::Slowly(while_) => tokio::time::sleep(while_).await,
                        _ => {}
                    }
                    "250 taken".to_owned()
                }
                ("QUIT", _) => {
                    write.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => "250 ok".to_owned(),
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await?;
        }
        Ok(())
    }
}
