//! Ports for servers that are started, stopped and started again.
//!
//! A port that the kernel chose is from the range that it also gives to
//! outgoing connections; once released, any client on the machine may get it
//! before the server binds it again. These are from below that range.

use std::io;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below Linux's usual `ip_local_port_range`, above the demo's fixed ports.
const RANGE: Range<u16> = 20_000..32_768;

/// How many ports of this process were tried so far.
static TRIED: AtomicU32 = AtomicU32::new(0);

/// A port of the loopback address that nobody listens on, given once in this
/// process. Processes begin at different places of the range.
///
/// # Errors
/// When every port of the range is taken.
pub fn free_port() -> io::Result<u16> {
    let size = u32::from(RANGE.end - RANGE.start);
    // Far apart for neighbouring ids, since test processes start side by side.
    let first = std::process::id().wrapping_mul(7_919) % size;
    loop {
        let nth = TRIED.fetch_add(1, Ordering::Relaxed);
        if nth >= size {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "every port of the range is taken"));
        }
        let offset = u16::try_from((first + nth) % size).unwrap_or_default();
        let port = RANGE.start + offset;
        if is_free(port) {
            return Ok(port);
        }
    }
}

/// Whether nobody listens on a port of the loopback address.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_where_somebody_listens_is_not_free() {
        let port = free_port().unwrap();
        let listens = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(!is_free(port));
        drop(listens);
        assert!(is_free(port));
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
    }
}
