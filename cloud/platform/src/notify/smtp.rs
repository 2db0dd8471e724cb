//! The way to a mail server: whole mails, over connections that are kept and shared.
//!
//! A connection is kept only after a whole mail, and closed when whoever waits for it
//! gives up: no mail is taken for answered by what was said to another one. (The pool
//! of lettre 0.11 keeps connections that were left in the middle, and bounds nothing
//! but their making.)

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::Url;

/// How long it may take until a server is ready for a mail, all its addresses
/// together: much less than a whole mail may take ([`crate::outbox::SENT_WITHIN`]).
const READY_WITHIN: Duration = Duration::from_secs(40);
/// How long a server may take to part from whoever tried it.
const PARTED_WITHIN: Duration = Duration::from_secs(1);
/// Connections that are kept at most.
const KEPT: usize = 4;
/// How long one is kept for the next mail.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// Why a mail did not go.
#[derive(Debug, thiserror::Error)]
pub(super) enum SmtpError {
    /// What the server said, or how the connection to it ended.
    #[error("{}", said(.0))]
    Server(#[from] Error),
    /// No address of the server became ready.
    #[error("{0}")]
    Unreached(String),
}

impl SmtpError {
    /// The code by which the server refused.
    pub(super) fn code(&self) -> Option<u16> {
        match self {
            Self::Server(error) => error.status().map(u16::from),
            Self::Unreached(_) => None,
        }
    }
}

/// What an error of the library says: that of a connection over TLS has its own kind of
/// error inside, and both begin with the same words.
fn said(error: &Error) -> String {
    once(&error.to_string()).to_owned()
}

/// A text whose first words, up to a colon, stand there once.
fn once(mut text: &str) -> &str {
    while let Some((first, rest)) = text.split_once(": ")
        && rest.strip_prefix(first).is_some_and(|rest| rest.starts_with(": "))
    {
        text = rest;
    }
    text
}

/// Where a server is.
#[derive(Debug, Clone)]
pub(super) enum At {
    /// A name and a port; looked up for each connection.
    Name(String, u16),
    /// Addresses that may be reached, each as good as the others.
    Addresses(Vec<SocketAddr>),
}

/// Where a server stopped that was connected to.
#[derive(Debug)]
pub(super) enum Untaken {
    /// Before it was ready for a mail, or for a name and a password.
    Unready(SmtpError),
    /// At name and password.
    SignIn(SmtpError),
}

impl From<Untaken> for SmtpError {
    fn from(untaken: Untaken) -> Self {
        let (Untaken::Unready(error) | Untaken::SignIn(error)) = untaken;
        error
    }
}

/// How a server is reached and spoken to.
pub(super) struct Line {
    pub at: At,
    pub tls: Tls,
    pub hello: ClientId,
    pub credentials: Option<Credentials>,
}

/// The way to a mail server.
pub(super) struct Way {
    line: Line,
    ready_within: Duration,
    kept: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Way").field("at", &self.line.at).finish_non_exhaustive()
    }
}

impl Line {
    /// What an address says: `smtps://user:password@host`, or `smtp://host` with
    /// `?tls=required` or `?tls=opportunistic` behind it, or without TLS. `None` when
    /// it is none such.
    pub(super) fn of_url(url: &str, hello: ClientId) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let host = url.host_str().filter(|host| !host.is_empty())?;
        let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
        let parameters = || TlsParameters::new(host.to_owned()).ok();
        let (tls, port) = match (url.scheme(), asked.as_deref()) {
            ("smtps", _) => (Tls::Wrapper(parameters()?), 465),
            ("smtp", Some("required")) => (Tls::Required(parameters()?), 587),
            ("smtp", Some("opportunistic")) => (Tls::Opportunistic(parameters()?), 587),
            ("smtp", None) => (Tls::None, 25),
            _ => return None,
        };
        let decoded = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.ok().map(std::borrow::Cow::into_owned)
        };
        let credentials = match url.password() {
            Some(password) => Some(Credentials::new(decoded(url.username())?, decoded(password)?)),
            None => None,
        };
        // An address of IPv6 stands in brackets.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Self { at: At::Name(name, url.port().unwrap_or(port)), tls, hello, credentials })
    }
}

impl Way {
    pub(super) fn new(line: Line) -> Self {
        Self { line, ready_within: READY_WITHIN, kept: Mutex::default() }
    }

    /// Sends a mail. That may take as long as the server likes: whoever cannot wait
    /// drops this, and the connection ends.
    pub(super) async fn send(self: &Arc<Self>, envelope: &Envelope, mail: &[u8]) -> Result<(), SmtpError> {
        let mut connection = match self.kept().await {
            Some(connection) => connection,
            None => self.connected(self.ready_within).await?,
        };
        connection.send(envelope, mail).await?;
        self.keep(connection);
        Ok(())
    }

    fn all_kept(&self) -> MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kept connection whose server still answers.
    async fn kept(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let next = self.all_kept().pop();
            let (mut connection, since) = next?;
            if since.elapsed() < KEPT_FOR
                && timeout(self.ready_within, connection.test_connected()).await == Ok(true)
            {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for a while.
    fn keep(self: &Arc<Self>, connection: AsyncSmtpConnection) {
        {
            let mut kept = self.all_kept();
            if kept.len() >= KEPT {
                return;
            }
            kept.push((connection, Instant::now()));
        }
        let way = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(way) = way.upgrade() {
                way.all_kept().retain(|(_, since)| since.elapsed() < KEPT_FOR);
            }
        });
    }

    /// Tries the server: whether an address of it becomes ready `within` that, and takes
    /// name and password where there are such. No mail is sent, and no connection kept.
    pub(super) async fn tried(&self, within: Duration) -> Result<(), Untaken> {
        let mut connection = self.connected(within).await?;
        // It is said that it is over; whoever does not answer to that was tried all the same.
        let _ = timeout(PARTED_WITHIN, connection.quit()).await;
        Ok(())
    }

    /// A new connection, to the first address that becomes ready `within` that, signed in
    /// where there are name and password.
    async fn connected(&self, within: Duration) -> Result<AsyncSmtpConnection, Untaken> {
        let mut connection = self.reached(within).await.map_err(Untaken::Unready)?;
        if let Some(credentials) = &self.line.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| Untaken::SignIn(error.into()))?;
        }
        Ok(connection)
    }

    async fn reached(&self, within: Duration) -> Result<AsyncSmtpConnection, SmtpError> {
        let addresses = match &self.line.at {
            At::Addresses(addresses) => addresses.clone(),
            At::Name(name, port) => {
                let found = timeout(within, lookup_host((name.as_str(), *port))).await;
                let found = found.map_err(|_| SmtpError::Unreached(format!("{name} is not looked up")))?;
                found.map_err(|error| SmtpError::Unreached(format!("{name}: {error}")))?.collect()
            }
        };
        // None waits for others that are not there.
        let each = within / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut last = SmtpError::Unreached("the mail server has no address".to_owned());
        for address in addresses {
            match timeout(each, self.ready(address)).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => last = error.into(),
                Err(_) => {
                    last = SmtpError::Unreached(format!("{address} did not become ready within {each:?}"));
                }
            }
        }
        Err(last)
    }

    /// A connection to one address, greeted and as much under TLS as it is to be.
    async fn ready(&self, address: SocketAddr) -> Result<AsyncSmtpConnection, Error> {
        let hello = &self.line.hello;
        let wrapped = match &self.line.tls {
            Tls::Wrapper(parameters) => Some(parameters.clone()),
            _ => None,
        };
        let mut connection = AsyncSmtpConnection::connect_tokio1(address, None, hello, wrapped, None).await?;
        match &self.line.tls {
            Tls::Required(parameters) => connection.starttls(parameters.clone(), hello).await?,
            Tls::Opportunistic(parameters) if connection.can_starttls() => {
                connection.starttls(parameters.clone(), hello).await?;
            }
            _ => {}
        }
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use lettre::Address;
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::{MailServer, Manner, Moment};

    fn hello() -> ClientId {
        ClientId::Domain("tw.example".to_owned())
    }

    #[test]
    fn the_same_words_are_not_said_twice() {
        for (text, told) in [
            ("Connection error: Connection error: corrupt", "Connection error: corrupt"),
            ("a: a: a: b: b", "a: b: b"),
            ("permanent error (550): no: no room", "permanent error (550): no: no room"),
            ("a: ab: c", "a: ab: c"),
            ("nothing", "nothing"),
            ("", ""),
        ] {
            assert_eq!(once(text), told, "{text}");
        }
    }

    #[test]
    fn an_address_says_where_and_how() {
        let of = |url: &str| {
            let line = Line::of_url(url, hello())?;
            let tls = match line.tls {
                Tls::None => "none",
                Tls::Opportunistic(_) => "may",
                Tls::Required(_) => "must",
                Tls::Wrapper(_) => "always",
            };
            let At::Name(name, port) = line.at else { panic!("{url} is looked up") };
            Some((name, port, tls, line.credentials))
        };
        let me = || Some(Credentials::new("me@x".to_owned(), "a+b c/%".to_owned()));
        for (url, name, port, tls, credentials) in [
            ("smtps://me%40x:a+b%20c%2F%25@mail.example", "mail.example", 465, "always", me()),
            ("smtp://mail.example?tls=required", "mail.example", 587, "must", None),
            ("smtp://mail.example:2525?tls=opportunistic", "mail.example", 2525, "may", None),
            ("smtp://[::1]:2525", "::1", 2525, "none", None),
            ("smtp://mail.example", "mail.example", 25, "none", None),
        ] {
            assert_eq!(of(url), Some((name.to_owned(), port, tls, credentials)), "{url}");
        }
        for wrong in ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example?tls=maybe"] {
            assert!(of(wrong).is_none(), "{wrong}");
        }
    }

    fn way(addresses: Vec<SocketAddr>, ready_within: Duration) -> Arc<Way> {
        let line = Line { at: At::Addresses(addresses), tls: Tls::None, hello: hello(), credentials: None };
        Arc::new(Way { ready_within, ..Way::new(line) })
    }

    fn envelope() -> Envelope {
        let address: Address = "a@tw.example".parse().unwrap();
        Envelope::new(Some(address.clone()), vec![address]).unwrap()
    }

    #[tokio::test]
    async fn each_address_is_tried_until_one_is_ready() {
        let server = MailServer::start().await;
        // Nobody is there; somebody takes the connection and says nothing.
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent_at = silent.local_addr().unwrap();
        let way = way(vec![gone, silent_at, server.address()], Duration::from_secs(3));
        way.send(&envelope(), b"Subject: one\r\n\r\none").await.unwrap();
        // The connection is kept: nobody is asked again.
        way.send(&envelope(), b"Subject: two\r\n\r\ntwo").await.unwrap();
        assert_eq!((server.got().len(), server.connections()), (2, 1));

        let nowhere = self::way(vec![gone], Duration::from_secs(3));
        let told = nowhere.send(&envelope(), b"x").await;
        assert!(told.as_ref().is_err_and(|error| error.code().is_none()), "{told:?}");
        let none = self::way(Vec::new(), Duration::from_secs(3)).send(&envelope(), b"x").await;
        assert!(matches!(none, Err(SmtpError::Unreached(_))), "{none:?}");
    }

    #[tokio::test]
    async fn a_connection_that_was_left_in_the_middle_is_not_used_again() {
        let server = MailServer::start().await;
        let way = way(vec![server.address()], Duration::from_secs(10));
        way.send(&envelope(), b"Subject: one\r\n\r\none").await.unwrap();
        server.treat(Manner::HoldOne(Moment::End));
        let waiting = {
            let way = Arc::clone(&way);
            tokio::spawn(async move { way.send(&envelope(), b"Subject: two\r\n\r\ntwo").await })
        };
        server.wait_held(1).await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        // The server sees that the connection ended, and the next mail has its own.
        server.wait_gone(1).await;
        way.send(&envelope(), b"Subject: three\r\n\r\nthree").await.unwrap();
        let subjects: Vec<String> = server.got().iter().map(|got| got.header("subject")).collect();
        assert_eq!((subjects, server.connections()), (["one", "two", "three"].map(String::from).to_vec(), 2));
    }
}
