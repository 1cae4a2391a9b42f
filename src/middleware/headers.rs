//! Security headers of every response, and the default for caches.

use poem::http::{HeaderMap, HeaderValue, header};

/// Default CSP, in case a browser renders a response. The pages of `/docs` set a
/// policy of their own.
const DEFAULT_CSP: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// HTTPS only, for a year (RFC 6797).
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Adds the headers. A handler may have set its own CSP and cache rules.
pub fn add_headers(response: &mut HeaderMap, hsts: bool) {
    let fixed = |text| HeaderValue::from_static(text);
    response.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    response.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    response.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    let csp = response.entry(header::CONTENT_SECURITY_POLICY);
    csp.or_insert(DEFAULT_CSP);
    if hsts {
        response.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    // Tasks are private, and a problem describes one moment: neither may be cached.
    let cache = response.entry(header::CACHE_CONTROL);
    cache.or_insert(fixed("no-store"));
}
