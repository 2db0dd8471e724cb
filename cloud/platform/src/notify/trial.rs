//! A mail server is tried when it is set: found by its name, reached, spoken to under TLS,
//! and signed in to. No mail is sent. It is reached by the rules of what sends mail: at
//! addresses of the open internet alone, unless the operator allows more.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use tokio::time::timeout;

use super::mail::{Mailer, Server};
use super::smtp::{SmtpError, Untaken};
use crate::outbound::{CallError, guard};

/// How long a trial takes at most: somebody waits for it.
const WITHIN: Duration = Duration::from_secs(10);
/// Of these, until one of its addresses is ready, all together.
const READY_WITHIN: Duration = Duration::from_secs(8);
/// Most letters of what a server said that are told on.
const LONGEST: usize = 300;

/// Where a server stopped that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nobody knows its name.
    Name,
    /// It is at private addresses alone, which may not be reached from here.
    Private,
    /// Nobody answered in time.
    Silent,
    /// Encryption: it speaks another kind, or its certificate is not good.
    Encryption,
    /// It did not take name and password.
    SignIn,
    /// It refused to talk, or is no mail server.
    Refused,
}

impl Stop {
    /// Every one.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 6] =
        [Self::Name, Self::Private, Self::Silent, Self::Encryption, Self::SignIn, Self::Refused];

    /// Its name, as programs read it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Private => "private",
            Self::Silent => "silent",
            Self::Encryption => "encryption",
            Self::SignIn => "sign_in",
            Self::Refused => "refused",
        }
    }
}

/// Why a server that was tried would take no mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub stop: Stop,
    /// What came back, in the words of the server or of the connection to it.
    pub said: String,
}

impl Trouble {
    fn new(stop: Stop, said: impl std::fmt::Display) -> Self {
        let said = said.to_string();
        // A server says what it likes.
        let plain = said.chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { stop, said: plain.take(LONGEST).collect() }
    }
}

/// Tries a tenant's own server, for some seconds at most.
pub(crate) async fn tried(server: &Server, private_too: bool) -> Result<(), Trouble> {
    let late = || Trouble::new(Stop::Silent, format!("no answer within {} s", WITHIN.as_secs()));
    timeout(WITHIN, judged(server, private_too)).await.map_err(|_| late())?
}

async fn judged(server: &Server, private_too: bool) -> Result<(), Trouble> {
    let reachable = guard::reachable(&server.host, server.port, private_too).await;
    let reachable = reachable.map_err(|error| match error {
        CallError::Refused(told) => Trouble::new(Stop::Private, told),
        CallError::Unreached(told) | CallError::Unanswered(told) => Trouble::new(Stop::Name, told),
    })?;
    let mailer = Mailer::at(server, reachable, private_too);
    let mailer = mailer.map_err(|failure| Trouble::new(Stop::Refused, failure.text()))?;
    mailer.tried(READY_WITHIN).await.map_err(|untaken| match untaken {
        Untaken::Unready(error) => Trouble::new(stop_of(&error), &error),
        Untaken::SignIn(error) => Trouble::new(Stop::SignIn, &error),
    })
}

/// Where a server stopped before it was ready.
fn stop_of(error: &SmtpError) -> Stop {
    let SmtpError::Server(error) = error else {
        return Stop::Silent;
    };
    // Of this side's own mistakes there is one: STARTTLS is asked of who does not have it.
    if error.is_client() {
        return Stop::Encryption;
    }
    let mut inner = error.source();
    while let Some(error) = inner {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return stop_at(error.kind());
        }
        inner = error.source();
    }
    Stop::Refused
}

/// Where a connection stopped that ended so.
fn stop_at(kind: io::ErrorKind) -> Stop {
    use io::ErrorKind::{
        AddrNotAvailable, ConnectionRefused, HostUnreachable, InvalidData, NetworkUnreachable, TimedOut,
        UnexpectedEof,
    };
    match kind {
        AddrNotAvailable | ConnectionRefused | HostUnreachable | NetworkUnreachable | TimedOut => {
            Stop::Silent
        }
        // What comes back is not TLS, or the certificate is not good; or the other side
        // hangs up at being spoken to so.
        InvalidData | UnexpectedEof => Stop::Encryption,
        _ => Stop::Refused,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::testing::MailServer;

    fn server(port: u16, starttls: bool) -> Server {
        Server {
            host: "127.0.0.1".to_owned(),
            port,
            starttls,
            user: String::new(),
            password: String::new(),
            from: "noreply@saif.example".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_server_is_tried_without_a_mail() {
        let there = MailServer::start().await;
        let port = there.address().port();
        assert_eq!(tried(&server(port, true), true).await, Ok(()));
        // It has no list of ways to sign in.
        let with = Server { user: "me".to_owned(), password: "secret".to_owned(), ..server(port, true) };
        let told = tried(&with, true).await.unwrap_err();
        assert_eq!(told.stop, Stop::SignIn, "{told:?}");
        // Nor does it speak TLS from the beginning.
        let told = tried(&server(port, false), true).await.unwrap_err();
        assert_eq!(told.stop, Stop::Encryption, "{told:?}");
        assert_eq!(told.said.matches("Connection error").count(), 1, "{told:?}");
        assert!(there.got().is_empty(), "no mail was sent");

        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let told = tried(&server(gone, true), true).await.unwrap_err();
        assert_eq!(told.stop, Stop::Silent, "{told:?}");
    }

    #[tokio::test]
    async fn a_trial_reaches_no_more_than_mail_does() {
        let there = MailServer::start().await;
        let told = tried(&server(there.address().port(), true), false).await.unwrap_err();
        assert_eq!(told.stop, Stop::Private, "{told:?}");
        assert_eq!(there.connections(), 0);
        let nowhere = Server { host: "nowhere.invalid".to_owned(), ..server(25, true) };
        assert_eq!(tried(&nowhere, false).await.unwrap_err().stop, Stop::Name);
    }

    #[test]
    fn how_a_connection_ends_says_where_it_stopped() {
        for (kind, stop) in [
            (io::ErrorKind::ConnectionRefused, Stop::Silent),
            (io::ErrorKind::TimedOut, Stop::Silent),
            (io::ErrorKind::InvalidData, Stop::Encryption),
            (io::ErrorKind::UnexpectedEof, Stop::Encryption),
            (io::ErrorKind::ConnectionReset, Stop::Refused),
        ] {
            assert_eq!(stop_at(kind), stop, "{kind:?}");
        }
        let long = Trouble::new(Stop::Refused, format!("554\r\n{}", "no ".repeat(400)));
        assert_eq!(long.said.chars().count(), LONGEST);
        assert!(long.said.starts_with("554  no "), "{long:?}");
    }
}
