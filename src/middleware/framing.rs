//! Rejects requests that a proxy may have parsed differently, which is how requests are
//! smuggled (RFC 9112, section 11.2), and those whose head is malformed or too large. hyper
//! accepts the former. The connection must be closed after the response.

use std::net::Ipv6Addr;

use poem::{
    Request,
    http::{
        HeaderName, HeaderValue, StatusCode, Version,
        header::{HOST, TRANSFER_ENCODING},
    },
};

use crate::{
    api::rest::problem::{Problem, ProblemType},
    server::MalformedHead,
};

/// Maximum number and size in bytes of the header fields on HTTP/2. The size counts as in
/// RFC 9113, section 6.5.2. On HTTP/1.1, the server has the same limits for the whole head.
const MAX_FIELDS: (usize, usize) = (100, 64 * 1024);

/// Rejects a request whose head the server could not parse, or whose host or framing is
/// ambiguous.
pub fn check(request: &Request) -> Result<(), Problem> {
    if let Some(MalformedHead(status)) = request.extensions().get() {
        return Err(match *status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::new(ProblemType::HeadTooLarge),
            _ => Problem::invalid_field("request", "must be valid HTTP"),
        });
    }
    check_size(request)?;
    let values = |name: HeaderName| request.headers().get_all(name).into_iter();
    let invalid = |field, rule: &str| Err(Problem::invalid_field(field, rule));
    let mut hosts = values(HOST);
    let host = hosts.next();
    if hosts.next().is_some() {
        return invalid("Host", "must be given once");
    }
    // RFC 9112, section 3.2: only HTTP/1.0 may omit it.
    if host.is_none() && request.version() == Version::HTTP_11 {
        return invalid("Host", "must be given");
    }
    let authority = request.uri().authority();
    let named = host.map(HeaderValue::as_bytes).into_iter();
    let mut named = named.chain(authority.map(|authority| authority.as_str().as_bytes()));
    if !named.all(is_valid_host) {
        return invalid("Host", "must be a host, with or without a port");
    }
    // RFC 9112, section 3.2.2: the target's authority overrides the header. A cache may
    // have used the header.
    if let (Some(host), Some(authority)) = (host, authority)
        && !host
            .as_bytes()
            .eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        return invalid("Host", "must be the host of the URL");
    }
    let mut codings = values(TRANSFER_ENCODING);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => invalid("Transfer-Encoding", "must be chunked, once"),
    }
}

fn check_size(request: &Request) -> Result<(), Problem> {
    if request.version() != Version::HTTP_2 {
        return Ok(());
    }
    let fields = request.headers();
    let sizes = fields.iter().map(|(n, v)| n.as_str().len() + v.len() + 32);
    let (count, size) = MAX_FIELDS;
    if fields.len() > count || sizes.sum::<usize>() > size {
        return Err(Problem::new(ProblemType::HeadTooLarge));
    }
    Ok(())
}

/// Whether a value is `uri-host [ ":" port ]` (RFC 9110, section 7.2; RFC 3986, section
/// 3.2.2), with a host that is not empty (RFC 9110, section 4.2.1).
fn is_valid_host(value: &[u8]) -> bool {
    let Ok(value) = str::from_utf8(value) else {
        return false;
    };
    if let Some(literal) = value.strip_prefix('[') {
        let parts = literal.split_once(']');
        let is_address = |address: &str| address.parse::<Ipv6Addr>().is_ok();
        return parts.is_some_and(|(address, port)| is_address(address) && is_port(port));
    }
    let (name, port) = value.split_at(value.find(':').unwrap_or(value.len()));
    is_registered_name(name) && is_port(port)
}

/// Nothing, or a colon and the digits of a port, which may be none.
fn is_port(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(':') else {
        return text.is_empty();
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && (digits.is_empty() || digits.parse::<u16>().is_ok())
}

/// Whether the name is of the characters of `reg-name`, and not empty.
fn is_registered_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let mut valid = !name.is_empty();
    while let Some(byte) = bytes.next() {
        valid &= match byte {
            b'%' => {
                let mut digits = [bytes.next(), bytes.next()].into_iter();
                digits.all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit()))
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
        };
    }
    valid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for valid in [
            "x",
            "localhost:8000",
            "tasks.example.com",
            "tasks.example.com.",
            "my_service:80",
            "xn--bcher-kva.example:",
            "b%C3%BCcher.example",
            "127.0.0.1:65535",
            "[::1]",
            "[2001:db8::7]:8000",
        ] {
            assert!(is_valid_host(valid.as_bytes()), "{valid}");
        }
        for invalid in [
            "",
            ":80",
            "a b",
            "a,b c",
            "a/b",
            "a?b",
            "a#b",
            "a@b",
            "user:pw@a",
            "http://a",
            "a:b",
            "a:80:80",
            "a:-1",
            "a:+1",
            "a:65536",
            "a%",
            "a%2",
            "a%zz",
            "<script>",
            "a\"b",
            "a\\b",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[127.0.0.1]",
            "[fe80::1%25eth0]",
            "b\u{fc}cher.example",
        ] {
            assert!(!is_valid_host(invalid.as_bytes()), "{invalid}");
        }
        assert!(!is_valid_host(b"\xff"));
    }
}
