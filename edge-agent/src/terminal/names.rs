//! By which names and addresses this machine is reached, as far as it knows.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::Terminal;

/// Names for the certificate of the pages: those of the plant file, those that
/// every machine has, and, where the pages listen everywhere, the machine's own.
#[must_use]
pub fn certificate_names(settings: &Terminal) -> Vec<String> {
    let mut names = settings.names.clone();
    names.extend(["localhost".to_owned(), Ipv4Addr::LOCALHOST.to_string()]);
    names.extend(host_name());
    if settings.listen.ip().is_unspecified() {
        names.extend(addresses(settings.listen).iter().map(ToString::to_string));
    } else {
        names.push(settings.listen.ip().to_string());
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    (!name.is_empty() && name.chars().all(plain)).then(|| name.to_owned())
}

/// Addresses of the machine's interfaces. IPv6 ones only where they are listened
/// on, and not those that change by themselves.
fn addresses(listen: SocketAddr) -> Vec<IpAddr> {
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let mut found = v4(&trie);
    if listen.is_ipv6() {
        found.extend(v6(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default()));
    }
    found
}

/// An address stands on the line before the one that says that it is the host's.
fn v4(trie: &str) -> Vec<IpAddr> {
    let pairs = trie.lines().zip(trie.lines().skip(1));
    let own = pairs.filter(|(_, next)| next.contains("/32 host LOCAL"));
    own.filter_map(|(line, _)| line.split_whitespace().last()?.parse::<IpAddr>().ok()).collect()
}

/// 32 hexadecimal digits, then number, prefix, scope (00 is the whole network),
/// flags (01 is a temporary address) and name.
fn v6(interfaces: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let [digits, _, _, "00", flags, _] = parts.as_slice() else { return None };
        let temporary = u8::from_str_radix(flags, 16).unwrap_or(1) & 1 == 1;
        let bits = u128::from_str_radix(digits, 16).ok().filter(|_| !temporary)?;
        Some(IpAddr::V6(bits.into()))
    };
    interfaces.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_addresses_are_found() {
        let trie = "  |-- 192.168.10.0\n     /24 link UNICAST\n  |-- 192.168.10.5\n     /32 host LOCAL\n";
        assert_eq!(v4(trie), ["192.168.10.5".parse::<IpAddr>().unwrap()]);
        let interfaces = "fd000000000000000000000000000005 02 40 00 80     eth0\n\
                          fe800000000000000000000000000001 02 40 20 80     eth0\n\
                          fd000000000000000000000000000009 02 40 00 01     eth0\n";
        assert_eq!(v6(interfaces), ["fd00::5".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn pages_that_listen_everywhere_are_named_as_the_plant_says() {
        let mut settings = Terminal {
            listen: "0.0.0.0:8441".parse().unwrap(),
            tls: true,
            names: vec!["agent.plant.local".to_owned()],
            certificate_file: None,
            key_file: None,
        };
        let names = certificate_names(&settings);
        assert!(names.contains(&"agent.plant.local".to_owned()) && !names.contains(&"0.0.0.0".to_owned()));
        settings.listen = "10.0.0.5:8441".parse().unwrap();
        assert!(certificate_names(&settings).contains(&"10.0.0.5".to_owned()));
    }
}
