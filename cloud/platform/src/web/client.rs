//! Where a request comes from, as far as the server knows.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};

use super::AppState;

/// Who says, behind a proxy, where a request came from.
const FORWARDED: &str = "x-forwarded-for";

/// The address that a request came from: of the other end of the connection, or,
/// where that is a proxy that the configuration trusts, what the proxy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(pub Option<IpAddr>);

impl Client {
    /// Of a request. `X-Forwarded-For` is read from its end, past the proxies that
    /// are trusted; what stands before the first that is not, anybody may have
    /// written.
    #[must_use]
    pub fn of(extensions: &Extensions, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let Some(ConnectInfo(peer)) = extensions.get::<ConnectInfo<SocketAddr>>() else { return Self(None) };
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.holds(address));
        let mut address = peer.ip().to_canonical();
        let said = headers.get_all(FORWARDED).iter().filter_map(|value| value.to_str().ok());
        let said: Vec<&str> = said.flat_map(|value| value.split(',')).map(str::trim).collect();
        for text in said.into_iter().rev() {
            if !is_trusted(address) {
                break;
            }
            // Something that is no address ends the chain at the one that wrote it.
            let Some(before) = parsed(text) else { break };
            address = before;
        }
        Self(Some(address))
    }
}

/// An address, with or without a port.
fn parsed(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

impl<S> FromRequestParts<S> for Client
where
    AppState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let state = AppState::from_ref(state);
        Ok(Self::of(&parts.extensions, &parts.headers, &state.trusted_proxies))
    }
}

/// Address, and what the browser says it is.
#[must_use]
pub fn client_of(client: &Client, headers: &HeaderMap) -> (Option<IpAddr>, String) {
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    (client.0, browser.to_owned())
}

/// What one address counts as: of IPv6 its /64, since a person at home has so many.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(six) => Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64)).into(),
    }
}

/// Addresses that begin alike: `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

impl Network {
    /// Whether the address is one of them.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl std::fmt::Display for Network {
    /// As the first of its addresses and its bits: `10.0.0.0/8`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let first: IpAddr = match self.address {
            IpAddr::V4(own) => {
                let mask = u32::MAX.checked_shl(32 - self.bits).unwrap_or(0);
                std::net::Ipv4Addr::from_bits(own.to_bits() & mask).into()
            }
            IpAddr::V6(own) => {
                let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
                Ipv6Addr::from_bits(own.to_bits() & mask).into()
            }
        };
        write!(f, "{first}/{}", self.bits)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no address or network such as 10.0.0.0/8");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        // No sign, which a number may have.
        if bits.is_some_and(|bits| !bits.bytes().all(|b| b.is_ascii_digit())) {
            return Err(wrong());
        }
        let bits = bits.map_or(Ok(most), str::parse).map_err(|_| wrong())?;
        if bits <= most { Ok(Self { address, bits }) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, said: &[&str], trusted: &[&str]) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for text in said {
            headers.append(FORWARDED, text.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        Client::of(&extensions, &headers, &trusted).0.unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_say_where_a_request_came_from() {
        assert_eq!(client("9.9.9.9", &["1.1.1.1"], &[]), "9.9.9.9");
        assert_eq!(client("9.9.9.9", &["1.1.1.1"], &["10.0.0.0/8"]), "9.9.9.9");
        let proxies = ["10.0.0.0/8", "::1"];
        assert_eq!(client("10.0.0.1", &["1.1.1.1"], &proxies), "1.1.1.1");
        // What the caller wrote itself stands before what the proxy saw.
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.1.1.1"], &proxies), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.1.1.1, 10.0.0.7"], &proxies), "1.1.1.1");
        assert_eq!(client("10.0.0.1", &["nonsense"], &proxies), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[], &proxies), "10.0.0.1");
        assert_eq!(client("::1", &["[2001:db8::7]:443"], &proxies), "2001:db8::7");
        assert_eq!(client("::ffff:10.0.0.1", &["1.1.1.1:80"], &proxies), "1.1.1.1");
    }

    #[test]
    fn networks_are_read_and_hold_what_begins_alike() {
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.holds("8.8.8.8".parse().unwrap()) && !all.holds("::1".parse().unwrap()));
        let one: Network = "192.0.2.1".parse().unwrap();
        assert!(one.holds("192.0.2.1".parse().unwrap()) && !one.holds("192.0.2.2".parse().unwrap()));
        assert_eq!("10.1.2.3/8".parse::<Network>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("2001:db8:1::5/32".parse::<Network>().unwrap().to_string(), "2001:db8::/32");
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "proxy", "10.0.0.0/+8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        assert_eq!(network("2001:db8:1:2:3::4".parse().unwrap()).to_string(), "2001:db8:1:2::");
    }
}
