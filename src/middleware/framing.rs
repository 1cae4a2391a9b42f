//! Rejects requests that a proxy may have parsed differently, which is how requests are
//! smuggled (RFC 9112, section 11.2). hyper accepts those that are rejected here. The
//! connection must be closed after the response.

use poem::{
    Request,
    http::{
        HeaderName, Version,
        header::{HOST, TRANSFER_ENCODING},
    },
};

use crate::api::rest::problem::Problem;

/// Rejects a request whose host or framing is ambiguous.
pub fn check(request: &Request) -> Result<(), Problem> {
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
    // RFC 9112, section 3.2.2: the target's authority overrides the header. A cache may
    // have used the header.
    if let (Some(host), Some(authority)) = (host, request.uri().authority())
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
