//! Networks from which a tenant may be reached, as people write them.

use std::net::IpAddr;
use std::str::FromStr;

/// Most networks of a tenant.
pub const MOST: usize = 100;

/// A network: an address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = ();

    /// `10.0.0.0/8`, `2001:db8::/32`, or one address.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = plain(address.parse::<IpAddr>().map_err(|_| ())?);
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            // No sign, no blank.
            Some(bits) if bits.bytes().all(|b| b.is_ascii_digit()) => bits.parse().map_err(|_| ())?,
            Some(_) => return Err(()),
            None => most,
        };
        if bits > most {
            return Err(());
        }
        Ok(Self { first: masked(address, bits), bits })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Network {
    /// Whether the address lies in it.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let address = plain(address);
        address.is_ipv4() == self.first.is_ipv4() && masked(address, self.bits) == self.first
    }
}

/// An address of IPv4 that is written as one of IPv6 is the one of IPv4.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            IpAddr::V6((u128::from(address) & mask).into())
        }
    }
}

/// Networks as somebody typed them, one a line; else every line that is none, counted
/// from 1, with what stands there.
pub fn read(text: &str) -> Result<Vec<Network>, Vec<(usize, String)>> {
    let (mut networks, mut wrong) = (Vec::new(), Vec::new());
    for (nth, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match line.parse::<Network>() {
            Ok(network) if networks.contains(&network) => {}
            Ok(network) => networks.push(network),
            Err(()) => wrong.push((nth + 1, line.chars().take(60).collect())),
        }
    }
    if wrong.is_empty() { Ok(networks) } else { Err(wrong) }
}

/// Whether somebody from this address may come in; `None` is one that the server
/// does not know, which is in no network.
#[must_use]
pub fn admits(networks: &[Network], address: Option<IpAddr>) -> bool {
    networks.is_empty()
        || address.is_some_and(|address| networks.iter().any(|network| network.holds(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_own() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().holds(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.1.2") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "203.0.113.1") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.1.1"), "the same address, written otherwise");
        assert!(holds("10.1.2.3/16", "10.1.200.1"), "the bits after the network do not count");
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "::/129", "host.example", "10.0.0.0/8/8"]
        {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_line_that_is_wrong_is_told() {
        let wrong = read("10.0.0.0/8\n\n nonsense \n300.1.1.1\n").unwrap_err();
        assert_eq!(wrong, [(3, "nonsense".to_owned()), (4, "300.1.1.1".to_owned())]);
        let networks = read("10.1.2.3/8\r\n10.0.0.0/8").unwrap();
        assert_eq!(networks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8"]);
        assert!(admits(&[], None) && !admits(&networks, None));
    }
}
