//! Published keys (RFC 7517, RFC 7518 section 6, RFC 8037): which of them are used, for
//! which algorithms, and which of them are tried on a token. An unusable key is skipped,
//! never guessed at. Pure: no clock and no network.

use std::collections::BTreeSet;

use jsonwebtoken::{
    Algorithm::{self, ES256, ES384, EdDSA, PS256, PS384, PS512, RS256, RS384, RS512},
    DecodingKey,
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;
use thiserror::Error;
use tokio::time::Instant;

use super::{
    error::Reason,
    jws::{Jws, decode},
};

/// The most keys of a set that are used.
const MAX_KEYS: usize = 64;
/// The most keys that are tried on one token. It bounds the cost of a forged token under
/// a set of many keys without ids.
const MAX_TRIES: usize = 16;

/// The y coordinates of the 8 Ed25519 points of small order, without the sign bit: 0, 1, -1
/// and two of order 8, then 0 and 1 once more in encodings that are not reduced modulo
/// 2^255 - 19. Signatures that verify under such a key need no private key.
const SMALL_ORDER: [[u8; 32]; 7] = [
    little_endian(0x00, 0, 0),
    little_endian(0x01, 0, 0),
    little_endian(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    little_endian(0xed, 0xff, 0x7f),
    little_endian(0xee, 0xff, 0x7f),
];

const fn little_endian(first: u8, others: u8, last: u8) -> [u8; 32] {
    let mut number = [others; 32];
    number[0] = first;
    number[31] = last;
    number
}

/// One key, and the only algorithms that it may verify.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    algorithms: &'static [Algorithm],
    material: DecodingKey,
}

/// The keys of one fetch.
pub(super) struct Keys {
    pub(super) usable: Vec<Key>,
    /// What the set holds besides, as in [`ParsedSet`].
    pub(super) skipped: Vec<String>,
    /// When the fetch began: it contains whatever the issuer published before.
    pub(super) requested_at: Instant,
}

impl Keys {
    /// Verifies the token's signature by the keys of its algorithm that have its `kid` or,
    /// if none has it, by those without an id. Without a `kid`, which is only a hint (RFC
    /// 7515, section 4.1.4), all keys of the algorithm are tried.
    pub(super) fn verify(&self, token: &Jws<'_>) -> Result<(), Reason> {
        let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
        let keys = || self.usable.iter().filter(fits);
        let has_kid = keys().any(|key| key.id == token.kid);
        let candidates = keys().filter(|key| match &token.kid {
            None => true,
            Some(_) if has_kid => key.id == token.kid,
            Some(_) => key.id.is_none(),
        });
        let mut result = Err(Reason::UnknownKey);
        for key in candidates.take(MAX_TRIES) {
            result = token.verify(&key.material);
            if result.is_ok() {
                break;
            }
        }
        result
    }
}

/// Why a key is unusable.
#[derive(Debug, Error)]
enum UnusableKey {
    #[error("it is not a JWK: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("it is not for verifying signatures")]
    Purpose,
    #[error("its private part is published")]
    Private,
    #[error("its type, curve or algorithm is not supported")]
    Unsupported,
    #[error("its parameters are missing or invalid for its type")]
    Parameters,
    #[error("it has fewer than 2048 or more than 8192 bits")]
    Size,
    #[error("it is a point of small order, under which anyone can sign")]
    SmallOrder,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
}

/// The content of a key set.
#[derive(Debug)]
pub(super) struct ParsedSet {
    /// The usable keys, at most [`MAX_KEYS`].
    pub(super) keys: Vec<Key>,
    /// The kind of each key that is skipped, and why, each once and sorted: `EC P-521 ES512
    /// (its type, curve or algorithm is not supported)`. Keys for other purposes than
    /// signatures are not among them. At most [`MAX_KEYS`].
    pub(super) skipped: Vec<String>,
}

/// Parses a key set; `None` if the document is not one.
pub(super) fn parse_set(json: &[u8]) -> Option<ParsedSet> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Value>,
    }

    let set: KeySet = serde_json::from_slice(json).ok()?;
    let mut keys = Vec::new();
    let mut skipped = BTreeSet::new();
    for (index, jwk) in set.keys.into_iter().enumerate() {
        if keys.len() == MAX_KEYS {
            tracing::warn!(
                MAX_KEYS,
                "the key set has too many keys; the rest are ignored"
            );
            break;
        }
        let kind = kind(&jwk);
        match parse_key(jwk) {
            Ok(key) => keys.push(key),
            Err(UnusableKey::Purpose) => {}
            Err(reason) => {
                tracing::debug!(index, kind, %reason, "unusable key skipped");
                skipped.insert(format!("{kind} ({reason})"));
            }
        }
    }
    Some(ParsedSet {
        keys,
        skipped: skipped.into_iter().take(MAX_KEYS).collect(),
    })
}

/// The type, curve and algorithm of a key, for the log: printable ASCII of at most 20
/// characters each, since a key set is input from outside.
fn kind(jwk: &Value) -> String {
    let parts = ["kty", "crv", "alg"].map(|name| {
        let text = jwk[name].as_str().unwrap_or_default();
        let printable = text.chars().filter(char::is_ascii_graphic);
        printable.take(20).collect::<String>()
    });
    let mut parts = parts.into_iter().filter(|part| !part.is_empty());
    let first = parts.next().unwrap_or_else(|| "a key without kty".into());
    parts.fold(first, |kind, part| format!("{kind} {part}"))
}

/// One key. With `alg` it verifies that algorithm only; without (Better Auth up to
/// 1.2) its type and curve determine what it verifies.
fn parse_key(jwk: Value) -> Result<Key, UnusableKey> {
    let jwk: Jwk = serde_json::from_value(jwk)?;
    let is_for_signatures = jwk.purpose.is_none_or(|purpose| purpose == "sig")
        && jwk
            .key_ops
            .is_none_or(|ops| ops.iter().any(|each| each == "verify"));
    if !is_for_signatures {
        return Err(UnusableKey::Purpose);
    }
    if jwk.d.is_some() {
        return Err(UnusableKey::Private);
    }
    let kind = (jwk.kty.as_str(), jwk.crv.as_deref(), jwk.alg.as_deref());
    let algorithms: &[Algorithm] = match kind {
        // RFC 9864 calls EdDSA on this curve "Ed25519".
        ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => &[EdDSA],
        ("EC", Some("P-256"), None | Some("ES256")) => &[ES256],
        ("EC", Some("P-384"), None | Some("ES384")) => &[ES384],
        ("RSA", _, None) => &[RS256, RS384, RS512, PS256, PS384, PS512],
        ("RSA", _, Some("RS256")) => &[RS256],
        ("RSA", _, Some("RS384")) => &[RS384],
        ("RSA", _, Some("RS512")) => &[RS512],
        ("RSA", _, Some("PS256")) => &[PS256],
        ("RSA", _, Some("PS384")) => &[PS384],
        ("RSA", _, Some("PS512")) => &[PS512],
        _ => return Err(UnusableKey::Unsupported),
    };
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("OKP", _) => ed25519_key(&coordinate(jwk.x)?)?,
        ("EC", Some("P-384")) => ec_key::<48>(jwk.x, jwk.y)?,
        ("EC", _) => ec_key::<32>(jwk.x, jwk.y)?,
        _ => rsa_key(&parameter(jwk.n)?, &parameter(jwk.e)?)?,
    };
    Ok(Key {
        id: jwk.kid,
        algorithms,
        material,
    })
}

fn parameter(base64: Option<String>) -> Result<Vec<u8>, UnusableKey> {
    base64
        .and_then(|text| decode(&text))
        .ok_or(UnusableKey::Parameters)
}

/// A coordinate has the full length of its curve, leading zeros included (RFC 7518, section
/// 6.2.1.2; RFC 8037, section 2): 32 bytes, or 48 for P-384.
fn coordinate<const LENGTH: usize>(base64: Option<String>) -> Result<[u8; LENGTH], UnusableKey> {
    let bytes = parameter(base64)?;
    bytes.try_into().map_err(|_| UnusableKey::Parameters)
}

fn ec_key<const LENGTH: usize>(
    x: Option<String>,
    y: Option<String>,
) -> Result<DecodingKey, UnusableKey> {
    let (x, y) = (coordinate::<LENGTH>(x)?, coordinate::<LENGTH>(y)?);
    Ok(DecodingKey::from_ec_der(&[&[4], &x[..], &y].concat()))
}

fn ed25519_key(point: &[u8; 32]) -> Result<DecodingKey, UnusableKey> {
    let mut y = *point;
    y[31] &= 0x7f;
    if SMALL_ORDER.contains(&y) {
        return Err(UnusableKey::SmallOrder);
    }
    Ok(DecodingKey::from_ed_der(point))
}

fn rsa_key(n: &[u8], e: &[u8]) -> Result<DecodingKey, UnusableKey> {
    // Some encoders prefix a zero byte, which the library rejects.
    let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
    if !(2048..=8192).contains(&bits(n)) {
        return Err(UnusableKey::Size);
    }
    // An exponent of 1 makes every signature valid, an even one is invalid, and the
    // library rejects more than 33 bits.
    if !(2..=33).contains(&bits(e)) || e.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(UnusableKey::Parameters);
    }
    Ok(DecodingKey::from_rsa_raw_components(n, e))
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    &number[zeros..]
}

/// The length in bits of a number without leading zeros.
fn bits(number: &[u8]) -> usize {
    number
        .first()
        .map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests;
