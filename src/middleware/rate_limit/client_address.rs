//! The address that a request is counted on. A client cannot choose it: entries of
//! `X-Forwarded-For` count only if a trusted proxy has written them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use poem::{
    Addr, Request,
    http::{HeaderMap, HeaderName},
};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose `X-Forwarded-For` is trusted: `TRUSTED_PROXIES`.
#[derive(Debug)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Trusts `networks`; IPv4 addresses may be written as IPv4-mapped ones.
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().copied().map(unmapped).collect())
    }

    /// The client's address: the socket's peer or, if that is a trusted proxy, the
    /// right-most address of `X-Forwarded-For` that is no trusted proxy. Each proxy
    /// appends the peer that it saw, so a client may have forged everything to the left
    /// of that. At an entry that is no address, the walk ends at the last proxy.
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

    /// Whether the request seems to come through a proxy that is not trusted. Only a peer
    /// with a private address counts: on the internet, clients forge the header as well.
    pub fn is_unlisted_proxy(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let peer = peer.to_canonical();
        let private = match peer {
            IpAddr::V4(peer) => peer.is_private() || peer.is_loopback() || peer.is_link_local(),
            IpAddr::V6(peer) => {
                peer.is_unique_local() || peer.is_loopback() || peer.is_unicast_link_local()
            }
        };
        private && headers.contains_key(FORWARDED_FOR) && !self.trusts(peer)
    }

    /// Whether the peer is a trusted proxy.
    pub fn is_proxy(&self, peer: IpAddr) -> bool {
        self.trusts(peer.to_canonical())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The peer of the request's socket; the unspecified address where there is no socket,
/// as in tests.
pub fn peer(request: &Request) -> IpAddr {
    match &request.remote_addr().0 {
        Addr::SocketAddr(address) => address.ip(),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// An address as proxies write it, possibly with brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    Some(address.or_else(bare)?.to_canonical())
}

/// The IPv4 network of an IPv4-mapped one (RFC 4291, section 2.5.5.2).
fn unmapped(network: IpNet) -> IpNet {
    let address = network.addr().to_canonical();
    let prefix = match (network, address) {
        (IpNet::V6(_), IpAddr::V4(_)) => network.prefix_len().checked_sub(96),
        _ => None,
    };
    let unmapped = prefix.and_then(|prefix| IpNet::new(address, prefix).ok());
    unmapped.unwrap_or(network)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(trusted: &[&str]) -> TrustedProxies {
        let networks: Vec<IpNet> = trusted.iter().map(|t| t.parse().unwrap()).collect();
        TrustedProxies::new(&networks)
    }

    fn headers(forwarded: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_client_cannot_choose_its_address() {
        let lan = &["10.0.0.0/8", "fd00::/8"][..];
        let table: &[(&[&str], &str, &[&str], &str)] = &[
            // No proxy is trusted: the client may have forged the header.
            (&[], "203.0.113.7", &[], "203.0.113.7"),
            (&[], "203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            (&[], "10.0.0.1", &["198.51.100.1"], "10.0.0.1"),
            // The peer is not trusted.
            (lan, "203.0.113.7", &["198.51.100.1"], "203.0.113.7"),
            (lan, "203.0.113.7", &["10.0.0.1"], "203.0.113.7"),
            // One proxy appends the peer it saw; the client sent what is to the left.
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
            // Everything is trusted: the left-most, the request is internal.
            (lan, "10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (lan, "10.0.0.1", &[], "10.0.0.1"),
            // An invalid entry ends the walk at the last valid one.
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
            // IPv4-mapped addresses.
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
            let peer = peer.parse().unwrap();
            let client = proxies(trusted).client(peer, &headers(forwarded));
            assert_eq!(
                client.to_string(),
                *expected,
                "{peer} {forwarded:?} by {trusted:?}"
            );
        }
    }

    #[test]
    fn a_private_peer_that_forwards_without_trust_is_an_unlisted_proxy() {
        let table = [
            // Private, loopback and link-local addresses, at both ends of each network.
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("172.16.0.1", true),
            ("172.31.255.255", true),
            ("192.168.1.1", true),
            ("127.0.0.1", true),
            ("127.255.255.255", true),
            ("169.254.0.1", true),
            ("::1", true),
            ("fc00::1", true),
            ("fdff::1", true),
            ("fe80::1", true),
            ("febf::1", true),
            // IPv4-mapped.
            ("::ffff:10.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:169.254.0.1", true),
            ("::ffff:203.0.113.7", false),
            // Public, and just outside of the networks above.
            ("203.0.113.7", false),
            ("9.255.255.255", false),
            ("11.0.0.0", false),
            ("172.15.255.255", false),
            ("172.32.0.0", false),
            ("192.169.0.0", false),
            ("126.255.255.255", false),
            ("169.255.0.0", false),
            ("2001:db8::7", false),
            ("::2", false),
            ("fbff::1", false),
            ("fe7f::1", false),
            ("fec0::1", false),
            ("::", false),
        ];
        let (forwarded, none) = (headers(&["203.0.113.7"]), HeaderMap::new());
        let (empty, others) = (proxies(&[]), proxies(&["198.51.100.0/24"]));
        let all = proxies(&["0.0.0.0/0", "::/0"]);

        for (peer, expected) in table {
            let peer: IpAddr = peer.parse().unwrap();
            for proxies in [&empty, &others] {
                let found = proxies.is_unlisted_proxy(peer, &forwarded);
                assert_eq!(found, expected, "{peer} by {proxies:?}");
                assert!(!proxies.is_unlisted_proxy(peer, &none), "{peer}");
            }
            assert!(
                !all.is_unlisted_proxy(peer, &forwarded),
                "{peer} is trusted"
            );
        }
    }
}
