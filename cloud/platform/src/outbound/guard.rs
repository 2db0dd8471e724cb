//! Which addresses may be reached. A tenant says where its requests go; it must not
//! reach through them what stands beside the cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::CallError;

/// Whether an address is one of the open internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = matches!(
        (a, b, c),
        // This network, private, shared by a carrier, loopback, link-local.
        (0 | 10 | 127, _, _) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _) | (192, 168, _)
        // Protocol assignments, documentation, the old relay of IPv6, benchmarks.
        | (192, 0, 0 | 2) | (192, 88, 99) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113)
        // Multicast, reserved, broadcast.
        | (224..=255, _, _)
    );
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // Addresses that hold one of IPv4 are as good as that one.
    let v4 = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Teredo, benchmarks and the like, documentation.
        [0x2001, 0..0x0200, ..] | [0x2001, 0x0db8, ..] | [0x3fff, ..0x1000, ..] => false,
        // Only 2000::/3 is in use as global addresses.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// The addresses of a host that may be reached. They are those to connect to: to
/// ask for the name again could answer others.
///
/// # Errors
/// [`CallError::Unreached`] when the name is not known now; [`CallError::Refused`] when it
/// leads to private addresses alone.
pub(crate) async fn reachable(
    host: &str,
    port: u16,
    private_too: bool,
) -> Result<Vec<SocketAddr>, CallError> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let all: Vec<SocketAddr> = match bare.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => tokio::net::lookup_host((bare, port))
            .await
            .map_err(|error| CallError::Unreached(format!("{host}: {error}")))?
            .collect(),
    };
    if all.is_empty() {
        return Err(CallError::Unreached(format!("{host} has no address")));
    }
    let good: Vec<SocketAddr> =
        all.into_iter().filter(|address| private_too || is_public(address.ip())).collect();
    if good.is_empty() {
        return Err(CallError::Refused(format!(
            "{host} leads to a private address, which may not be reached from here"
        )));
    }
    Ok(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "100::1",
            "64:ff9b:1::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.1.0.1",
            "198.17.0.1",
            "198.20.0.1",
            "223.255.255.1",
            "2606:4700:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_where_it_leads() {
        for host in ["localhost", "127.0.0.1", "[::1]", "169.254.169.254"] {
            let refused = reachable(host, 80, false).await;
            assert!(matches!(refused, Err(CallError::Refused(_))), "{host}: {refused:?}");
        }
        let allowed = reachable("localhost", 80, true).await.unwrap();
        assert!(allowed.iter().all(|address| address.ip().is_loopback()));
        assert_eq!(reachable("1.1.1.1", 443, false).await.unwrap(), ["1.1.1.1:443".parse().unwrap()]);
        assert!(matches!(reachable("nowhere.invalid", 80, false).await, Err(CallError::Unreached(_))));
    }
}
