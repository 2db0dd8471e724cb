//! Networks from which a tenant may be reached, as people write them.

use std::net::IpAddr;

use crate::web::Network;

/// Most networks of a tenant.
pub const MOST: usize = 100;

/// Networks as somebody typed them, one a line; else every line that is none, counted
/// from 1, with what stands there.
pub fn read<'l>(lines: impl IntoIterator<Item = &'l str>) -> Result<Vec<Network>, Vec<(usize, String)>> {
    let (mut networks, mut wrong): (Vec<Network>, Vec<_>) = (Vec::new(), Vec::new());
    for (nth, line) in lines.into_iter().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match line.parse::<Network>() {
            Ok(network) if networks.iter().any(|known| known.to_string() == network.to_string()) => {}
            Ok(network) => networks.push(network),
            Err(_) => wrong.push((nth + 1, line.chars().take(60).collect())),
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
    fn every_line_that_is_wrong_is_told() {
        let wrong = read("10.0.0.0/8\n\n nonsense \n300.1.1.1\n".lines()).unwrap_err();
        assert_eq!(wrong, [(3, "nonsense".to_owned()), (4, "300.1.1.1".to_owned())]);
        let networks = read("10.1.2.3/8\r\n10.0.0.0/8".lines()).unwrap();
        assert_eq!(networks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8"]);
        assert!(admits(&[], None) && !admits(&networks, None));
    }
}
