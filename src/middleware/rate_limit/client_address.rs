//! The address that a request is counted on. A client cannot choose it:
//! `X-Forwarded-For` counts only as far as proxies that the operator trusts
//! have written it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use poem::{
    Addr, Request,
    http::{HeaderMap, HeaderName},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word on an address is taken: `TRUSTED_PROXIES`.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts `networks`, whichever way a socket writes an IPv4 address.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().copied().map(unmapped).collect())
    }

    /// The client's address: the socket's peer, or, where that is a trusted
    /// proxy, the right-most address of `X-Forwarded-For` that is none. Each
    /// proxy appends the peer that it saw, so what stands to the left of that
    /// address is the client's own invention; the walk also ends, at the last
    /// proxy, where something is no address.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let values = headers.get_all(FORWARDED_FOR).iter();
        let values: Vec<_> = values.map(|v| v.to_str().unwrap_or_default()).collect();
        let mut hops = values.iter().rev().flat_map(|value| value.rsplit(','));
        while self.trusts(client) {
            let Some(next) = hops.next().and_then(|hop| address(hop.trim())) else {
                break;
            };
            client = next;
        }
        client
    }

    /// Whether the request looks as if it came through a proxy that is not
    /// trusted. Clients elsewhere on the internet send the header as well: it
    /// says something where the peer is near.
    #[must_use]
    pub fn misses(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let peer = peer.to_canonical();
        let near = match peer {
            IpAddr::V4(peer) => peer.is_private() || peer.is_loopback() || peer.is_link_local(),
            IpAddr::V6(peer) => {
                peer.is_unique_local() || peer.is_loopback() || peer.is_unicast_link_local()
            }
        };
        near && headers.contains_key(FORWARDED_FOR) && !self.trusts(peer)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The peer of the request's socket; where there is none, as in a test without
/// one, the address of nobody.
#[must_use]
pub fn peer(request: &Request) -> IpAddr {
    match &request.remote_addr().0 {
        Addr::SocketAddr(address) => address.ip(),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// An address as proxies write it: some add the port, and then the brackets.
fn address(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    Some(address.or_else(bare)?.to_canonical())
}

/// The IPv4 network that an IPv4-mapped one is (RFC 4291, section 2.5.5.2).
fn unmapped(network: IpNet) -> IpNet {
    let address = network.addr().to_canonical();
    let prefix = match (network, address) {
        (IpNet::V6(_), IpAddr::V4(_)) => network.prefix_len().checked_sub(96),
        _ => None,
    };
    let unmapped = prefix.and_then(|prefix| IpNet::new(address, prefix).ok());
    unmapped.unwrap_or(network)
}

/// What shares one count with `address`: itself, or the /64 of an IPv6 address,
/// which is the least that one customer is given (RFC 6177).
#[must_use]
pub fn counted(address: IpAddr) -> IpAddr {
    masked(address, 32, 64)
}

/// The neighbourhood of `address`, for when there are too many to tell apart.
#[must_use]
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    masked(address, 24, 48)
}

fn masked(address: IpAddr, v4: u8, v6: u8) -> IpAddr {
    let address = address.to_canonical();
    let prefix = if address.is_ipv4() { v4 } else { v6 };
    IpNet::new(address, prefix).map_or(address, |network| network.network())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let networks: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let proxies = TrustedProxies::new(&networks);
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        let lan = &["10.0.0.0/8", "fd00::/8"][..];
        let table: &[(&[&str], &str, &[&str], &str)] = &[
            // Nobody is trusted: the header is the client's own.
            (&[], "203.0.113.7", &[], "203.0.113.7"),
            (&[], "203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            (&[], "10.0.0.1", &["198.51.100.1"], "10.0.0.1"),
            // The peer is not one of the trusted.
            (lan, "203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            (lan, "203.0.113.7", &["10.0.0.1"], "203.0.113.7"),
            // One proxy appends the peer it saw; what the client sent is left of it.
            (lan, "10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            (
                lan,
                "10.0.0.1",
                &["198.51.100.1, 203.0.113.7"],
                "203.0.113.7",
            ),
            (lan, "10.0.0.1", &["10.9.9.9, 203.0.113.7"], "203.0.113.7"),
            (lan, "10.0.0.1", &["rubbish, 203.0.113.7"], "203.0.113.7"),
            (
                lan,
                "10.0.0.1",
                &["198.51.100.1", "203.0.113.7"],
                "203.0.113.7",
            ),
            (
                lan,
                "10.0.0.1",
                &["198.51.100.1,203.0.113.7", "10.0.0.2"],
                "203.0.113.7",
            ),
            // Several proxies.
            (
                lan,
                "10.0.0.1",
                &["198.51.100.1, 203.0.113.7, 10.0.0.3 ,10.0.0.2"],
                "203.0.113.7",
            ),
            (
                lan,
                "fd00::1",
                &["203.0.113.7, fd00::3, 10.0.0.2"],
                "203.0.113.7",
            ),
            // Everything is trusted: the left-most, as the request came from inside.
            (lan, "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (lan, "10.0.0.1", &[], "10.0.0.1"),
            // Garbage ends the walk at the last good one.
            (lan, "10.0.0.1", &["rubbish"], "10.0.0.1"),
            (lan, "10.0.0.1", &[""], "10.0.0.1"),
            (
                lan,
                "10.0.0.1",
                &["203.0.113.7, rubbish, 10.0.0.2"],
                "10.0.0.2",
            ),
            (lan, "10.0.0.1", &["203.0.113.7, , 10.0.0.2"], "10.0.0.2"),
            (lan, "10.0.0.1", &["203.0.113.7,"], "10.0.0.1"),
            (lan, "10.0.0.1", &["203.0.113.7", "\u{e9}"], "10.0.0.1"),
            (lan, "10.0.0.1", &["203.0.113.7, unknown"], "10.0.0.1"),
            (lan, "10.0.0.1", &["203.0.113.256"], "10.0.0.1"),
            (lan, "10.0.0.1", &["203.0.113.07"], "10.0.0.1"),
            (lan, "10.0.0.1", &["203.0.113.7 198.51.100.1"], "10.0.0.1"),
            // Ports and brackets.
            (lan, "10.0.0.1", &["203.0.113.7:4711"], "203.0.113.7"),
            (lan, "10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            (lan, "10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            (lan, "10.0.0.1", &["2001:DB8:0::7"], "2001:db8::7"),
            // IPv4 however it is written.
            (&[], "::ffff:203.0.113.7", &[], "203.0.113.7"),
            (lan, "::ffff:10.0.0.1", &["203.0.113.7"], "203.0.113.7"),
            (lan, "10.0.0.1", &["::ffff:cb00:7107"], "203.0.113.7"),
            (
                lan,
                "10.0.0.1",
                &["203.0.113.7, ::ffff:10.0.0.2"],
                "203.0.113.7",
            ),
            (
                &["::ffff:10.0.0.0/104"],
                "10.0.0.1",
                &["203.0.113.7"],
                "203.0.113.7",
            ),
            (&["10.0.0.1/32"], "10.0.0.2", &["203.0.113.7"], "10.0.0.2"),
        ];

        for (trusted, peer, forwarded, expected) in table {
            let found = client(trusted, peer, forwarded);
            assert_eq!(found, *expected, "{peer} {forwarded:?} by {trusted:?}");
        }
    }

    #[test]
    fn an_address_of_version_6_counts_by_its_64_and_its_neighbourhood_by_48() {
        for (address, expected, around) in [
            ("203.0.113.7", "203.0.113.7", "203.0.113.0"),
            ("::ffff:203.0.113.7", "203.0.113.7", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::"),
            ("2001:db8:1:2::", "2001:db8:1:2::", "2001:db8:1::"),
            ("::1", "::", "::"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(counted(address).to_string(), expected);
            assert_eq!(neighbourhood(address).to_string(), around);
        }
    }
}
