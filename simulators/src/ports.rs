//! Ports for servers that are started, stopped and started again.
//!
//! A port that the kernel chose is from the range that it also gives to
//! outgoing connections; once released, any client on the machine may get it
//! before the server binds it again. These are from below that range.

use std::fs;
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

/// Whether a process of this machine listens on a port; `None` where that cannot be told.
#[must_use]
pub fn listens(pid: u32, port: u16) -> Option<bool> {
    let tables = ["tcp", "tcp6"].map(|table| format!("/proc/{pid}/net/{table}"));
    let sockets: Vec<String> = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .collect();
    if sockets.is_empty() {
        return None;
    }
    let open = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let mut links = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    Some(links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str())))
}

/// The sockets that listen on a port by a table of the kernel, as they are called among the
/// open files of a process.
fn listening(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let of_row = |row: &str| {
        let fields: Vec<&str> = row.split_whitespace().collect();
        let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
        // The tenth state is the one of who listens.
        (local.ends_with(&end) && *state == "0A" && *inode != "0").then(|| format!("socket:[{inode}]"))
    };
    table.lines().filter_map(of_row).collect()
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
    fn who_listens_on_a_port_is_known() {
        let port = free_port().unwrap();
        let me = std::process::id();
        assert_eq!(listens(me, port), None, "nobody does");
        let held = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert_eq!(listens(me, port), Some(true));
        let mut other = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let of_other = listens(other.id(), port);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(of_other, Some(false));
        drop(held);
    }

    #[test]
    fn a_table_of_the_kernel_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:42B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:42B8 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 4 30 10 -1
   2: 00000000:42B8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4713 1 0 100 0 0 10 0
   3: 0100007F:42B9 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4714 1 0 100 0 0 10 0
";
        assert_eq!(listening(table, 17_080), ["socket:[4711]", "socket:[4713]"]);
        assert!(listening(table, 17_443).is_empty());
    }

    #[test]
    fn no_port_is_given_twice() {
        let ports: std::collections::BTreeSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        assert!(ports.iter().all(|port| RANGE.contains(port)), "{ports:?}");
    }
}
