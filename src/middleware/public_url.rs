//! The address that a client reaches the service at, for the document that it gets: tools
//! that import the document cannot resolve a relative server URL.
//!
//! Behind a proxy, only a trusted one that names the scheme tells the address. Otherwise a
//! request that came directly does: its `Host` has the port of the socket, and no header is
//! from a proxy. In doubt there is none, and the document keeps its relative URL.

use std::net::IpAddr;

use poem::{
    Addr, Request,
    http::{HeaderMap, HeaderName, header, uri::Authority},
};

use super::rate_limit::{TrustedProxies, peer};
use crate::api::docs::{FromThisMachine, PublicUrl};

const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
/// Header fields that proxies add: a request with one did not come directly.
const FORWARDING: [HeaderName; 7] = [
    PROTO,
    HOST,
    PREFIX,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-real-ip"),
    header::FORWARDED,
    header::VIA,
];
/// Maximum length of a host, and of a prefix, in bytes.
const MAX_LENGTH: usize = 255;

/// Adds what is known to the request's extensions.
pub fn mark(request: &mut Request, proxies: &TrustedProxies) {
    if let Some(url) = public_url(request, proxies) {
        if is_from_this_machine(&url, peer(request), proxies) {
            request.extensions_mut().insert(FromThisMachine);
        }
        request.extensions_mut().insert(PublicUrl(url));
    }
}

/// The URL without a trailing slash, or `None` in doubt.
fn public_url(request: &Request, proxies: &TrustedProxies) -> Option<String> {
    let headers = request.headers();
    let authority = request.uri().authority().map(Authority::as_str);
    let host = authority.or_else(|| headers.get(header::HOST)?.to_str().ok());
    if proxies.is_proxy(peer(request)) {
        return forwarded(host, headers);
    }
    match &request.local_addr().0 {
        Addr::SocketAddr(local) => direct(host?, headers, local.port()),
        _ => None,
    }
}

/// Whether a request to `url` came from this machine without a proxy, and to a name that is
/// always this machine: another name may have been pointed here (DNS rebinding).
fn is_from_this_machine(url: &str, peer: IpAddr, proxies: &TrustedProxies) -> bool {
    let is_direct = peer.to_canonical().is_loopback() && !proxies.is_proxy(peer);
    let host = url.strip_prefix("http://");
    is_direct && host.is_some_and(is_loopback_name)
}

/// Whether the host, with or without a port, is a name or an address of loopback.
fn is_loopback_name(host: &str) -> bool {
    let name = match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    };
    let name = name.to_ascii_lowercase();
    matches!(name.as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

/// The URL that a trusted proxy names.
fn forwarded(host: Option<&str>, headers: &HeaderMap) -> Option<String> {
    let scheme = last(headers, &PROTO)?;
    let host = last(headers, &HOST).or(host)?;
    let prefix = last(headers, &PREFIX).unwrap_or_default();
    let prefix = prefix.trim_end_matches('/');
    let valid = matches!(scheme, "http" | "https") && is_host(host) && is_prefix(prefix);
    valid.then(|| format!("{scheme}://{host}{prefix}"))
}

/// The URL of a request that came to this port without a proxy.
fn direct(host: &str, headers: &HeaderMap, local_port: u16) -> Option<String> {
    let has_forwarding = FORWARDING.iter().any(|name| headers.contains_key(name));
    let is_direct = is_host(host) && port(host) == Some(local_port) && !has_forwarding;
    is_direct.then(|| format!("http://{host}"))
}

/// The last entry of the header field, which the nearest proxy has written.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let value = headers.get_all(name).iter().next_back()?;
    value.to_str().ok()?.rsplit(',').next().map(str::trim)
}

/// Whether it is a name or an address with an optional port. Other characters of
/// `reg-name` (RFC 3986, section 3.2.2), which no DNS name has, are not put into a document.
fn is_host(host: &str) -> bool {
    let mut bytes = host.bytes();
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    (1..=MAX_LENGTH).contains(&host.len()) && bytes.all(known)
}

/// Whether it is empty, or an absolute path of plain segments.
fn is_prefix(prefix: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_segment =
        |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    let mut segments = prefix.split('/');
    prefix.len() <= MAX_LENGTH && segments.next() == Some("") && segments.all(is_segment)
}

/// The port of a host; 80 where it has none.
fn port(host: &str) -> Option<u16> {
    let name_end = host.rfind(']').unwrap_or(0);
    match host[name_end..].split_once(':') {
        Some((_, port)) if !port.is_empty() => port.parse().ok(),
        _ => Some(80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, value.parse().unwrap())
        });
        fields.collect()
    }

    #[test]
    fn a_direct_request_names_its_host() {
        for (host, expected) in [
            ("127.0.0.1:8000", Some("http://127.0.0.1:8000")),
            ("localhost:8000", Some("http://localhost:8000")),
            ("[::1]:8000", Some("http://[::1]:8000")),
            ("my_service:8000", Some("http://my_service:8000")),
            // Another port than the socket's: there is something between.
            ("localhost:9000", None),
            ("tasks.example.com", None),
            ("[::1]", None),
            ("localhost:", None),
            // No host of a document.
            ("a'b:8000", None),
            ("a$(b):8000", None),
            ("", None),
        ] {
            let url = direct(host, &HeaderMap::new(), 8000);
            assert_eq!(url.as_deref(), expected, "{host}");
        }
    }

    #[test]
    fn a_request_with_a_header_of_a_proxy_names_no_address() {
        for header in FORWARDING {
            for value in ["https", "evil.example", "/x"] {
                let headers = fields(&[(header.as_str(), value)]);
                assert_eq!(
                    direct("localhost:8000", &headers, 8000),
                    None,
                    "{header}: {value}"
                );
            }
        }
    }

    #[test]
    fn a_trusted_proxy_names_scheme_host_and_prefix() {
        let proto = ("x-forwarded-proto", "https");
        let outer = ("x-forwarded-host", "tasks.example.com");
        for (fields, expected) in [
            (&[proto][..], Some("https://api.internal:8000")),
            (&[proto, outer], Some("https://tasks.example.com")),
            (
                &[proto, outer, ("x-forwarded-prefix", "/tools/v1.0/")],
                Some("https://tasks.example.com/tools/v1.0"),
            ),
            (
                &[proto, outer, ("x-forwarded-prefix", "/")],
                Some("https://tasks.example.com"),
            ),
            // The nearest proxy appends; the client may have sent the rest.
            (
                &[("x-forwarded-proto", "http, https")],
                Some("https://api.internal:8000"),
            ),
            (
                &[proto, ("x-forwarded-host", "evil.example, a.example")],
                Some("https://a.example"),
            ),
            // A proxy that does not tell the scheme.
            (&[], None),
            (&[outer], None),
            (&[("x-forwarded-proto", "javascript")], None),
            (&[proto, ("x-forwarded-host", "a/b")], None),
            (&[proto, ("x-forwarded-host", "a b")], None),
            (&[proto, ("x-forwarded-host", "user@a")], None),
            (
                &[proto, outer, ("x-forwarded-prefix", "//evil.example")],
                None,
            ),
            (&[proto, outer, ("x-forwarded-prefix", "/a/../b")], None),
            (&[proto, outer, ("x-forwarded-prefix", "tools")], None),
            (&[proto, outer, ("x-forwarded-prefix", "/a?b")], None),
            (&[proto, outer, ("x-forwarded-prefix", "/a\"b")], None),
        ] {
            let url = forwarded(Some("api.internal:8000"), &self::fields(fields));
            assert_eq!(url.as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn only_a_loopback_peer_that_is_no_proxy_is_this_machine() {
        let proxies = TrustedProxies::new(&["127.0.0.2/32".parse().unwrap()]);
        for (url, peer, expected) in [
            ("http://localhost:8000", "127.0.0.1", true),
            ("http://[::1]:8000", "::1", true),
            ("http://127.0.0.1:8000", "::ffff:127.0.0.1", true),
            ("http://localhost:8000", "127.0.0.2", false),
            ("http://localhost:8000", "192.168.0.7", false),
            ("http://evil.example:8000", "127.0.0.1", false),
            ("https://localhost", "127.0.0.1", false),
        ] {
            let found = is_from_this_machine(url, peer.parse().unwrap(), &proxies);
            assert_eq!(found, expected, "{url} from {peer}");
        }
    }

    #[test]
    fn a_loopback_name_is_exact() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost:8000", true),
            ("127.0.0.1:8000", true),
            ("[::1]:8000", true),
            ("[::1]", true),
            ("localhost.evil.example:8000", false),
            ("evil.example:8000", false),
            ("127.0.0.1.evil.example", false),
            ("127.0.0.1.", false),
            ("192.168.0.7:8000", false),
            ("[::2]:8000", false),
        ] {
            assert_eq!(is_loopback_name(host), expected, "{host}");
        }
    }

    #[test]
    fn a_long_name_is_not_put_into_a_document() {
        let host = format!("{}:8000", "a".repeat(300));

        assert_eq!(direct(&host, &HeaderMap::new(), 8000), None);
    }
}
