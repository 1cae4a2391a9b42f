//! Content that is the same for every request while the process runs: pages, scripts, the
//! document. All responses share its bytes, so that a response in flight holds no copy.
//!
//! A client revalidates with `If-None-Match` (RFC 9110, section 13.1.2), and one that
//! accepts gzip gets it compressed, which was done once.

use std::{
    io::{Read, Write},
    sync::OnceLock,
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use hyper::body::Bytes;
use poem::{
    Body, Response,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
};
use sha2::{Digest, Sha256};

/// Below this size in bytes, a compressed copy saves no packet.
const MIN_COMPRESSED: usize = 1_000;
/// How many bytes of the SHA-256 are the entity tag: enough against chance, and nobody
/// gains from a collision.
const TAG_LENGTH: usize = 16;

/// One resource that never changes.
pub struct Asset {
    content_type: &'static str,
    source: Source,
    identity: OnceLock<Coded>,
    gzip: OnceLock<Option<Coded>>,
}

enum Source {
    Identity(Bytes),
    Gzip(Bytes),
}

/// The bytes in one content coding, and their entity tag. A strong tag differs from one
/// coding to the other (RFC 9110, section 8.8.3.3).
struct Coded {
    bytes: Bytes,
    tag: HeaderValue,
}

impl Asset {
    /// Content as it is. It is compressed when a client first accepts that.
    pub fn new(content_type: &'static str, content: impl Into<Bytes>) -> Self {
        Self::of(content_type, Source::Identity(content.into()))
    }

    /// Content that was compressed with gzip as the program was built. It is decompressed
    /// when a client first needs that.
    pub fn from_gzip(content_type: &'static str, compressed: impl Into<Bytes>) -> Self {
        Self::of(content_type, Source::Gzip(compressed.into()))
    }

    fn of(content_type: &'static str, source: Source) -> Self {
        Self {
            content_type,
            source,
            identity: OnceLock::new(),
            gzip: OnceLock::new(),
        }
    }

    /// The response to a GET or HEAD with these header fields: 200, or 304 if the client
    /// has the current representation.
    pub fn respond(&self, request: &HeaderMap) -> Response {
        let gzip = accepts_gzip(request).then(|| self.gzip()).flatten();
        let coded = gzip.unwrap_or_else(|| self.identity());
        let is_current = has_tag(request, &coded.tag);
        let mut response = if is_current {
            StatusCode::NOT_MODIFIED.into()
        } else {
            Response::builder()
                .content_type(self.content_type)
                .body(Body::from_bytes(coded.bytes.clone()))
        };
        let headers = response.headers_mut();
        if gzip.is_some() && !is_current {
            insert(headers, header::CONTENT_ENCODING, "gzip");
        }
        headers.insert(header::ETAG, coded.tag.clone());
        // The paths have no version: a cache asks whether its copy is current.
        insert(headers, header::CACHE_CONTROL, "no-cache");
        insert(headers, header::VARY, "Accept-Encoding");
        response
    }

    fn identity(&self) -> &Coded {
        self.identity.get_or_init(|| match &self.source {
            Source::Identity(bytes) => Coded::new(bytes.clone()),
            Source::Gzip(bytes) => {
                let mut content = Vec::new();
                let read = GzDecoder::new(&**bytes).read_to_end(&mut content);
                read.unwrap_or_else(|error| unreachable!("made by the build: {error}"));
                Coded::new(content.into())
            }
        })
    }

    /// The compressed form, if it is worth it.
    fn gzip(&self) -> Option<&Coded> {
        let coded = self.gzip.get_or_init(|| match &self.source {
            Source::Gzip(bytes) => Some(Coded::new(bytes.clone())),
            Source::Identity(bytes) if bytes.len() < MIN_COMPRESSED => None,
            Source::Identity(bytes) => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                // Writing to memory does not fail.
                let compressed = encoder.write_all(bytes).and_then(|()| encoder.finish());
                compressed.ok().map(|bytes| Coded::new(bytes.into()))
            }
        });
        coded.as_ref()
    }
}

impl Coded {
    fn new(bytes: Bytes) -> Self {
        let hash = hex::encode(&Sha256::digest(&bytes)[..TAG_LENGTH]);
        let tag = HeaderValue::try_from(format!("\"{hash}\""));
        let tag = tag.unwrap_or_else(|error| unreachable!("hexadecimal digits: {error}"));
        Self { bytes, tag }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// The members of a list-based field, without surrounding white space.
fn members(request: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = request.get_all(name).into_iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',').map(str::trim))
}

/// Whether the client has the representation with this tag. The comparison is weak: a
/// proxy may have made the tag a weak one.
fn has_tag(request: &HeaderMap, tag: &HeaderValue) -> bool {
    members(request, header::IF_NONE_MATCH)
        .map(|known| known.strip_prefix("W/").unwrap_or(known))
        .any(|known| known == "*" || known.as_bytes() == tag.as_bytes())
}

/// Whether gzip is acceptable (RFC 9110, section 12.5.3), and not less so than no coding.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for member in members(request, header::ACCEPT_ENCODING) {
        let (coding, parameters) = member.split_once(';').unwrap_or((member, ""));
        let weight = parameters.trim().strip_prefix("q=");
        let weight = weight.map_or(Ok(1.0), |weight| weight.trim().parse());
        let weight: f32 = weight.unwrap_or(0.0);
        match coding.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => any = Some(weight),
            "identity" => identity = Some(weight),
            _ => {}
        }
    }
    let gzip = gzip.or(any).unwrap_or(0.0);
    gzip > 0.0 && gzip >= identity.unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &str)]) -> HeaderMap {
        let headers = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        });
        headers.collect()
    }

    async fn body(response: Response) -> Bytes {
        response.into_body().into_bytes().await.unwrap()
    }

    fn text() -> Vec<u8> {
        b"the same words over and over ".repeat(100)
    }

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[tokio::test]
    async fn all_responses_share_the_bytes_in_either_coding() {
        let plain = Asset::new("text/plain", text());
        let compressed = Asset::from_gzip("text/plain", gzipped(&text()));

        for asset in [plain, compressed] {
            for headers in [request(&[]), request(&[("accept-encoding", "gzip")])] {
                let first = body(asset.respond(&headers)).await;
                let second = body(asset.respond(&headers)).await;
                assert_eq!(first.as_ptr(), second.as_ptr());
            }
        }
    }

    #[tokio::test]
    async fn the_content_is_the_same_in_both_codings() {
        let plain = Asset::new("text/plain", text());
        let compressed = Asset::from_gzip("text/plain", gzipped(&text()));

        for asset in [plain, compressed] {
            let identity = asset.respond(&request(&[]));
            let gzip = asset.respond(&request(&[("accept-encoding", "gzip")]));

            assert!(!identity.headers().contains_key("content-encoding"));
            assert_eq!(gzip.headers()["content-encoding"], "gzip");
            assert_ne!(identity.headers()["etag"], gzip.headers()["etag"]);
            let gzip = body(gzip).await;
            assert!(gzip.len() < text().len() / 2);
            let mut content = Vec::new();
            GzDecoder::new(&*gzip).read_to_end(&mut content).unwrap();
            assert_eq!(content, text());
            assert_eq!(body(identity).await, text());
        }
    }

    #[tokio::test]
    async fn a_current_tag_gets_304_with_the_headers_of_the_representation() {
        let asset = Asset::new("text/plain", text());
        for coding in ["identity", "gzip"] {
            let tag = asset.respond(&request(&[("accept-encoding", coding)]));
            let tag = tag.headers()["etag"].to_str().unwrap().to_owned();

            for known in [
                tag.clone(),
                format!("\"other\", {tag}"),
                format!("W/{tag}"),
                "*".to_owned(),
            ] {
                let headers = [("accept-encoding", coding), ("if-none-match", &*known)];
                let response = asset.respond(&request(&headers));
                assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{known}");
                assert_eq!(response.headers()["etag"], *tag);
                assert_eq!(response.headers()["vary"], "Accept-Encoding");
                assert_eq!(response.headers()["cache-control"], "no-cache");
                assert_eq!(body(response).await, "");
            }
        }

        let identity = asset.respond(&request(&[])).headers()["etag"].clone();
        for (coding, known) in [("gzip", identity.to_str().unwrap()), ("gzip", "\"other\"")] {
            let headers = [("accept-encoding", coding), ("if-none-match", known)];
            let response = asset.respond(&request(&headers));
            assert_eq!(response.status(), StatusCode::OK, "{known}");
        }
    }

    #[test]
    fn a_client_that_does_not_accept_gzip_gets_none() {
        for (accepted, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("br, *", true),
            ("gzip; q=1.0, identity; q=0.5", true),
            ("", false),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("*;q=0", false),
            ("gzip;q=0.5, identity", false),
            ("gzip;q=wrong", false),
        ] {
            let headers = request(&[("accept-encoding", accepted)]);
            assert_eq!(accepts_gzip(&headers), expected, "{accepted}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn short_content_is_not_compressed() {
        let asset = Asset::new("text/plain", &b"short"[..]);

        let response = asset.respond(&request(&[("accept-encoding", "gzip")]));

        assert!(!response.headers().contains_key("content-encoding"));
    }
}
