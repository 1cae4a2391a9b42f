//! The origins of `CORS_ORIGINS`.

use std::fmt;

use url::Url;

use super::reader::{http_url, shown};

const WANTS: &str = "origins like https://app.example.com, https://*.example.com or \
                     capacitor://localhost, separated by commas";
const WILDCARD_WANTS: &str = "one wildcard, in the first label of an https host of three labels \
                              or more, like https://*.example.com";

/// Origins of a developer's own pages, which development allows on every port.
pub const LOCAL_ORIGINS: [&str; 2] = ["http://localhost", "http://127.0.0.1"];

/// An origin, or a set of origins, whose pages may read responses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// One origin, as a browser sends it (RFC 6454, section 6.2).
    Exact(String),
    /// The https origins that have one or more characters of a host label, and nothing
    /// else, between `prefix` and `suffix`.
    Wildcard {
        /// `https://`, and what precedes the wildcard in its label.
        prefix: String,
        /// The rest of the label, the other labels, and the port unless it is 443.
        suffix: String,
    },
}

impl AllowedOrigin {
    /// Parses one item of `CORS_ORIGINS`. The error completes "NAME: ".
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('*') && text != "*" {
            let got = shown(text);
            return wildcard(text).ok_or_else(|| format!("got {got}, wants {WILDCARD_WANTS}"));
        }
        app_origin(text)
            .map_or_else(|| web_origin(text), Ok)
            .map(Self::Exact)
    }

    /// Whether it allows the value of an `Origin` header. It allocates nothing.
    #[must_use]
    pub fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => exact.as_bytes() == origin,
            Self::Wildcard { prefix, suffix } => {
                let rest = origin.strip_prefix(prefix.as_bytes());
                let label = rest.and_then(|rest| rest.strip_suffix(suffix.as_bytes()));
                label.is_some_and(|label| {
                    !label.is_empty() && label.iter().copied().all(is_label_byte)
                })
            }
        }
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(origin) => f.write_str(origin),
            Self::Wildcard { prefix, suffix } => write!(f, "{prefix}*{suffix}"),
        }
    }
}

/// What a browser sends of a label: it is in lower case, and Unicode in Punycode.
fn is_label_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')
}

fn web_origin(text: &str) -> Result<String, String> {
    let url = http_url(text, WANTS)?;
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        Ok(url.origin().ascii_serialization())
    } else {
        let got = shown(text);
        Err(format!("got {got}, wants the origin alone, without a path"))
    }
}

/// The origin of a packaged application or of a browser's extension. `Url::origin` makes
/// `null` of it; browsers send scheme, host and port.
fn app_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok().filter(|url| !url.is_special())?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url
        .port()
        .map(|port| format!(":{port}"))
        .unwrap_or_default();
    let origin = format!("{}://{host}{port}", url.scheme());
    // Anything else, such as a path or a password, makes the URL longer.
    (url.as_str().trim_end_matches('/') == origin).then_some(origin)
}

fn wildcard(text: &str) -> Option<AllowedOrigin> {
    let (before, after) = text.split_once('*')?;
    let (scheme, label) = before.split_once("://")?;
    let label = label.to_ascii_lowercase();
    let is_https = scheme.eq_ignore_ascii_case("https");
    if !is_https || after.contains('*') || !label.bytes().all(is_label_byte) {
        return None;
    }
    // The URL parser normalises the host with a letter in the wildcard's place.
    let origin = web_origin(&format!("https://{label}x{after}")).ok()?;
    let prefix = format!("https://{label}");
    let suffix = origin.strip_prefix(&prefix)?.strip_prefix('x')?.to_owned();
    // All of a top-level domain belongs to nobody.
    let domain = suffix.split_once('.')?.1;
    let is_below_one = domain.split('.').filter(|label| !label.is_empty()).count() >= 2;
    is_below_one.then_some(AllowedOrigin::Wildcard { prefix, suffix })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(item: &str, origin: &str) -> bool {
        AllowedOrigin::parse(item)
            .unwrap()
            .matches(origin.as_bytes())
    }

    #[test]
    fn a_wildcard_matches_one_label_and_nothing_else() {
        let vercel = "https://*.vercel.app";
        for (item, origin, expected) in [
            (vercel, "https://my-app.vercel.app", true),
            (vercel, "https://my-app-git-main-team.vercel.app", true),
            (vercel, "https://xn--bcher-kva.vercel.app", true),
            (vercel, "https://vercel.app", false),
            (vercel, "https://.vercel.app", false),
            (vercel, "https://a.b.vercel.app", false),
            (vercel, "https://a..vercel.app", false),
            (vercel, "http://my-app.vercel.app", false),
            (vercel, "https://my-app.vercel.app:8443", false),
            (vercel, "https://my-app.vercel.app:443", false),
            (vercel, "https://evilvercel.app", false),
            (vercel, "https://my-app.vercel.app.evil.com", false),
            (vercel, "https://evil.com/.vercel.app", false),
            (vercel, "https://evil.com#.vercel.app", false),
            (vercel, "https://evil.com:80@x.vercel.app", false),
            (vercel, "https://user@x.vercel.app", false),
            (vercel, "https://MY-APP.vercel.app", false),
            (vercel, "https://*.vercel.app", false),
            (vercel, "https://a b.vercel.app", false),
            (vercel, "https://b\u{fc}cher.vercel.app", false),
            (vercel, "https://my-app.vercel.app ", false),
            (vercel, "https://my-app.vercel.app.", false),
            (vercel, "null", false),
            (vercel, "", false),
            // Normalised as a browser sends it.
            ("HTTPS://*.Vercel.App:443/", "https://a.vercel.app", true),
            (
                "https://*.b\u{fc}cher.de",
                "https://a.xn--bcher-kva.de",
                true,
            ),
            // A port of its own.
            (
                "https://*.example.com:8443",
                "https://a.example.com:8443",
                true,
            ),
            ("https://*.example.com:8443", "https://a.example.com", false),
            // A part of the label.
            (
                "https://app-*-me.vercel.app",
                "https://app-7f3-me.vercel.app",
                true,
            ),
            (
                "https://app-*-me.vercel.app",
                "https://app--me.vercel.app",
                false,
            ),
            (
                "https://app-*-me.vercel.app",
                "https://app-me.vercel.app",
                false,
            ),
            (
                "https://app-*-me.vercel.app",
                "https://app-a.b-me.vercel.app",
                false,
            ),
            (
                "https://app-*-me.vercel.app",
                "https://7f3-me.vercel.app",
                false,
            ),
        ] {
            assert_eq!(allows(item, origin), expected, "{item} and {origin}");
        }
    }

    #[test]
    fn a_wildcard_elsewhere_is_an_error_that_says_where_it_may_be() {
        for item in [
            "https://*",
            "https://*.app",
            "https://*.app.",
            "https://*.localhost",
            "https://*:443",
            "https://*.*.vercel.app",
            "https://**.vercel.app",
            "https://app.*.example.com",
            "https://example.*",
            "http://*.vercel.app",
            "http://localhost:*",
            "https://app.example.com:*",
            "https://*.example.com:*",
            "https://*.example.com/path",
            "https://*.example.com?query",
            "https://me@*.example.com",
            "https://me:pw@*.example.com",
            "https://*.10.0.0.1",
            "*.vercel.app",
            "*://app.example.com",
            "capacitor://*",
            "chrome-extension://*",
        ] {
            let error = AllowedOrigin::parse(item).unwrap_err();
            assert!(error.contains("like https://*.example.com"), "{error}");
        }
    }

    #[test]
    fn the_origins_of_apps_are_exact() {
        for (item, origin) in [
            ("capacitor://localhost", "capacitor://localhost"),
            ("Capacitor://localhost/", "capacitor://localhost"),
            ("ionic://localhost", "ionic://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("http://tauri.localhost", "http://tauri.localhost"),
            ("chrome-extension://abcdef", "chrome-extension://abcdef"),
            ("moz-extension://0a-1b", "moz-extension://0a-1b"),
            ("app://.", "app://."),
            ("app://localhost:8100", "app://localhost:8100"),
        ] {
            assert!(allows(item, origin), "{item}");
            assert!(!allows(item, &format!("{origin}2")), "{item}");
            assert!(!allows(item, "capacitor://other"), "{item}");
            assert!(!allows(item, "https://localhost"), "{item}");
        }
    }

    #[test]
    fn what_is_no_origin_is_an_error() {
        for item in [
            "*",
            "null",
            "localhost:3000",
            "app.example.com",
            "file:///index.html",
            "ftp://example.com",
            "ws://localhost:3000",
            "capacitor://",
            "capacitor:localhost",
            "capacitor://localhost/path",
            "capacitor://localhost?query",
            "capacitor://localhost#fragment",
            "chrome-extension://me:sesame@abc",
            "https://app.example.com/path",
            "https://app.example.com#fragment",
            "https://me:sesame@app.example.com",
        ] {
            let error = AllowedOrigin::parse(item).unwrap_err();
            assert!(error.contains("wants"), "{error}");
            assert!(!error.contains("sesame"), "{error}");
        }
    }

    #[test]
    fn an_error_shows_no_password() {
        for item in [
            "http://user:s3cret@*",
            "https://user:s3cret@*.example.com",
            "https://*.example.com/s3cret@",
            "https://user:s3cret@example.com",
            "capacitor://user:s3cret@localhost",
            "s3cret@*",
        ] {
            let error = AllowedOrigin::parse(item).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
