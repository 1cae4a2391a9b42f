//! The JSON Web Signature in compact form: three base64url parts and a header
//! without extensions (RFC 7515, sections 4 and 7.1). Nothing here is trusted yet.

use std::{collections::HashSet, fmt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{
    Deserialize,
    de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{
    claims,
    error::Reason::{self, Malformed},
};

/// The longest token that is parsed, in bytes: a quarter of the longest request head. Better
/// Auth's JWT plugin puts the user into the token, an avatar as a data URL included.
const MAX_LENGTH: usize = 16 * 1024;

/// A parsed token whose signature is not yet verified.
pub(super) struct Jws<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    message: &'a str,
    signature: &'a str,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Parses a token and validates its header. Keys in the header (`jku`, `jwk`,
    /// `x5u`, `x5c`) are ignored.
    pub(super) fn parse(token: &'a str) -> Result<Self, Reason> {
        if token.len() > MAX_LENGTH {
            return Err(Reason::TooLong);
        }
        let parts: Vec<_> = token.splitn(4, '.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(Malformed("it does not have three parts"));
        };
        let message = &token[..header.len() + 1 + payload.len()];
        let header = decode(header).ok_or(Malformed("the header is not base64url"))?;
        let payload = decode(payload).ok_or(Malformed("the payload is not base64url"))?;
        decode(signature).ok_or(Malformed("the signature is not base64url"))?;
        if signature.is_empty() {
            return Err(Malformed("the signature is empty"));
        }

        let header = object(&header, &["alg", "crit", "kid", "typ"])
            .ok_or(Malformed("the header is not a JSON object"))?;
        let algorithm = algorithm(header.get("alg")).ok_or(Reason::Algorithm)?;
        if header.contains_key("crit") {
            return Err(Reason::Critical);
        }
        if header.get("typ").is_some_and(|typ| !is_access_token(typ)) {
            return Err(Reason::Type);
        }
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(Malformed("the kid is not a string")),
        };
        Ok(Self {
            algorithm,
            kid,
            message,
            signature,
            payload,
        })
    }

    /// Verifies the signature; the caller chooses a key of the token's algorithm.
    pub(super) fn verify(&self, key: &DecodingKey) -> Result<(), Reason> {
        match crypto::verify(self.signature, self.message.as_bytes(), key, self.algorithm) {
            Ok(true) => Ok(()),
            _ => Err(Reason::Signature),
        }
    }

    /// The registered claims. To be called once the signature is verified.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, Reason> {
        object(&self.payload, &claims::READ).ok_or(Malformed("the payload is not a JSON object"))
    }
}

/// Strict base64url: no padding, no white space and no trailing bits, so that each
/// token has one encoding.
pub(super) fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

/// The ten algorithms of the contract. All others are rejected, among them `none` and the
/// rest of the HS family.
fn algorithm(alg: Option<&Value>) -> Option<Algorithm> {
    use Algorithm::{ES256, ES384, EdDSA, HS256, PS256, PS384, PS512, RS256, RS384, RS512};

    let algorithm = alg?.as_str()?.parse().ok()?;
    matches!(
        algorithm,
        HS256 | EdDSA | ES256 | ES384 | RS256 | RS384 | RS512 | PS256 | PS384 | PS512
    )
    .then_some(algorithm)
}

/// `typ` is a media type: it is case-insensitive, and its prefix `application/` is
/// optional (RFC 7515, section 4.1.9; RFC 9068, section 4).
fn is_access_token(typ: &Value) -> bool {
    typ.as_str().is_some_and(|typ| {
        let typ = typ.to_ascii_lowercase();
        let subtype = typ.strip_prefix("application/").unwrap_or(&typ);
        matches!(subtype, "jwt" | "at+jwt")
    })
}

/// The members in `read` of a JSON object whose member names are unique. RFC 7515 and RFC
/// 7519 (section 4 of each) let a parser take the last of two members or reject the object.
/// Parsers that differ in this can be exploited, so this one rejects.
///
/// Other members need not be representable: issuers that cut a name in the middle of an
/// emoji send half a surrogate pair.
fn object(json: &[u8], read: &[&str]) -> Option<Map<String, Value>> {
    struct UniqueMembers<'a>(&'a [&'a str]);

    impl<'de> Visitor<'de> for UniqueMembers<'_> {
        type Value = Map<String, Value>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
            let (mut names, mut members) = (HashSet::new(), Map::new());
            while let Some(Name(name)) = access.next_key()? {
                if let Some(&read) = self.0.iter().find(|read| read.as_bytes() == name) {
                    members.insert(read.to_owned(), access.next_value()?);
                } else {
                    access.next_value::<IgnoredAny>()?;
                }
                if !names.insert(name) {
                    return Err(A::Error::custom("duplicate member"));
                }
            }
            Ok(members)
        }
    }

    // Members that are skipped are checked for neither UTF-8 nor depth.
    let text = str::from_utf8(json).ok().filter(|text| !is_deep(text))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let members = json.deserialize_map(UniqueMembers(read)).ok()?;
    json.end().ok()?;
    Some(members)
}

/// A member's name as bytes, since it may contain half a surrogate pair as well.
#[derive(PartialEq, Eq, Hash)]
struct Name(Vec<u8>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Name;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a name")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Name, E> {
                Ok(Name(bytes.to_owned()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}

/// Whether arrays and objects nest deeper than 127 levels, the limit of `serde_json`.
fn is_deep(json: &str) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > 127
    })
}
