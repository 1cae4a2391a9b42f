//! Rejects requests that a proxy may have parsed differently, which is how requests are
//! smuggled (RFC 9112, section 11.2). hyper accepts those that are rejected here. The
//! connection must be closed after the response.

use poem::{
    Request,
    http::{
        HeaderName, HeaderValue, Version,
        header::{HOST, TRANSFER_ENCODING},
    },
};

use crate::api::rest::problem::Problem;

/// Rejects a request whose host or framing is ambiguous.
pub fn check(request: &Request) -> Result<(), Problem> {
    let mut hosts = values(request, HOST);
    let host = hosts.next();
    if hosts.next().is_some() {
        return Err(Problem::invalid_field("Host", "must be given once"));
    }
    // RFC 9112, section 3.2: only HTTP/1.0 may omit it.
    if host.is_none() && request.version() == Version::HTTP_11 {
        return Err(Problem::invalid_field("Host", "must be given"));
    }
    // RFC 9112, section 3.2.2: the target's authority overrides the header. A cache may
    // have used the header.
    if let (Some(host), Some(authority)) = (host, request.uri().authority()) {
        let same = authority.as_str().as_bytes();
        if !same.eq_ignore_ascii_case(host.as_bytes()) {
            return Err(Problem::invalid_field(
                "Host",
                "must be the host of the URL",
            ));
        }
    }
    let mut codings = values(request, TRANSFER_ENCODING);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::invalid_field(
            "Transfer-Encoding",
            "must be chunked, once",
        )),
    }
}

fn values(request: &Request, name: HeaderName) -> impl Iterator<Item = &HeaderValue> {
    request.headers().get_all(name).into_iter()
}
