//! Sends labels to a printer over TCP. What may have come out is never sent
//! again by itself: only a person can say whether it did.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::Printer;

/// What is known of a label after an attempt to print it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrintOutcome {
    /// The printer took all of it and closed the connection in good order.
    Sent,
    /// Nothing reached the printer; it is safe to try again.
    NotSent {
        /// Why, for a person.
        problem: String,
    },
    /// Some or all of it may have come out; ask the operator.
    Unknown {
        /// Why, for a person.
        problem: String,
    },
}

/// Sends one label and waits until the printer has taken it, no longer than the
/// printer's `timeout_ms` for each step.
pub async fn send(printer: &Printer, zpl: &str) -> PrintOutcome {
    let limit = Duration::from_millis(u64::from(printer.timeout_ms));
    let address = (printer.address.host.as_str(), printer.address.port);
    let mut stream = match tokio::time::timeout(limit, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return PrintOutcome::NotSent {
                problem: format!("printer {} at {}: {error}", printer.code, printer.address),
            };
        }
        Err(_) => {
            return PrintOutcome::NotSent {
                problem: format!("printer {} at {} does not answer", printer.code, printer.address),
            };
        }
    };
    let unknown =
        |what: String| PrintOutcome::Unknown { problem: format!("printer {}: {what}", printer.code) };
    match tokio::time::timeout(limit, stream.write_all(zpl.as_bytes())).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return unknown(error.to_string()),
        Err(_) => return unknown("it stopped taking data".into()),
    }
    // Closing our side and reading to the end shows that the printer's side saw
    // all of it, as far as TCP can show that.
    if let Err(error) = stream.shutdown().await {
        return unknown(error.to_string());
    }
    let to_the_end = async {
        let mut answer = [0_u8; 256];
        while stream.read(&mut answer).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // One limit for all of it: a printer that goes on talking holds up the next label.
    match tokio::time::timeout(limit, to_the_end).await {
        Ok(Ok(())) => PrintOutcome::Sent,
        Ok(Err(error)) => unknown(error.to_string()),
        Err(_) => unknown("it did not close the connection".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{HostPort, Symbology};
    use tokio::net::TcpListener;

    fn printer(port: u16) -> Printer {
        Printer {
            code: "P1".into(),
            name: "Dock".into(),
            address: HostPort { host: "127.0.0.1".into(), port },
            dpi: 203,
            label_width_mm: 60.into(),
            label_height_mm: 40.into(),
            symbology: Symbology::Qr,
            indic_font: None,
            timeout_ms: 300,
        }
    }

    #[tokio::test]
    async fn a_printer_that_takes_it_all_has_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let taken = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            all
        });
        assert_eq!(send(&printer(port), "^XA^XZ").await, PrintOutcome::Sent);
        assert_eq!(taken.await.unwrap(), "^XA^XZ");
    }

    #[tokio::test]
    async fn a_printer_that_goes_on_talking_is_asked_about() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let talking = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let printer = printer(port);
        let sent = tokio::time::timeout(Duration::from_secs(20), send(&printer, "^XA^XZ")).await;
        assert!(matches!(sent, Ok(PrintOutcome::Unknown { .. })));
        talking.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_listening_means_nothing_sent() {
        // No program listens on tcpmux's port, and the kernel lends it to nobody.
        let port = 1;
        assert!(matches!(send(&printer(port), "^XA^XZ").await, PrintOutcome::NotSent { .. }));
    }

    #[tokio::test]
    async fn silence_after_the_data_is_unknown() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let held = tokio::spawn(async move { listener.accept().await.unwrap() });
        assert!(matches!(send(&printer(port), "^XA^XZ").await, PrintOutcome::Unknown { .. }));
        drop(held);
    }
}
