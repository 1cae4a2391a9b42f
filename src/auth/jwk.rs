//! Published keys (RFC 7517, RFC 7518 section 6, RFC 8037): which of them are used, for
//! which algorithms, and which of them are tried on a token. An unusable key is skipped,
//! never guessed at. Pure: no clock and no network.

use jsonwebtoken::{Algorithm, DecodingKey};
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
    pub(super) keys: Vec<Key>,
    /// When the fetch began: it contains whatever the issuer published before.
    pub(super) requested_at: Instant,
}

impl Keys {
    /// Verifies the token's signature by the keys of its algorithm that have its `kid` or,
    /// if none has it, by those without an id. Without a `kid`, which is only a hint (RFC
    /// 7515, section 4.1.4), all keys of the algorithm are tried.
    pub(super) fn verify(&self, token: &Jws<'_>) -> Result<(), Reason> {
        let fits = |key: &&Key| key.algorithms.contains(&token.algorithm);
        let keys = || self.keys.iter().filter(fits);
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

/// The usable keys of a key set, at most [`MAX_KEYS`]; `None` if the document is
/// not a key set.
pub(super) fn parse_set(json: &[u8]) -> Option<Vec<Key>> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Value>,
    }

    let set: KeySet = serde_json::from_slice(json).ok()?;
    let mut keys = Vec::new();
    for (index, jwk) in set.keys.into_iter().enumerate() {
        if keys.len() == MAX_KEYS {
            tracing::warn!(
                MAX_KEYS,
                "the key set has too many keys; the rest are ignored"
            );
            break;
        }
        match parse_key(jwk) {
            Ok(key) => keys.push(key),
            Err(reason) => tracing::debug!(index, %reason, "unusable key skipped"),
        }
    }
    Some(keys)
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
        ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => &[Algorithm::EdDSA],
        ("EC", Some("P-256"), None | Some("ES256")) => &[Algorithm::ES256],
        ("RSA", _, None) => &[Algorithm::RS256, Algorithm::PS256],
        ("RSA", _, Some("RS256")) => &[Algorithm::RS256],
        ("RSA", _, Some("PS256")) => &[Algorithm::PS256],
        _ => return Err(UnusableKey::Unsupported),
    };
    let material = match jwk.kty.as_str() {
        "OKP" => ed25519_key(&coordinate(jwk.x)?)?,
        "EC" => {
            let uncompressed_point = [&[4][..], &coordinate(jwk.x)?, &coordinate(jwk.y)?].concat();
            DecodingKey::from_ec_der(&uncompressed_point)
        }
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
/// 6.2.1.2; RFC 8037, section 2). Both curves have 256 bits.
fn coordinate(base64: Option<String>) -> Result<[u8; 32], UnusableKey> {
    let bytes = parameter(base64)?;
    bytes.try_into().map_err(|_| UnusableKey::Parameters)
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
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    fn number(length: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xff; length])
    }

    #[test]
    fn a_key_verifies_its_own_algorithms_only() {
        let ed = || json!({"kty": "OKP", "crv": "Ed25519", "x": number(32)});
        let ec = || json!({"kty": "EC", "crv": "P-256", "x": number(32), "y": number(32)});
        let rsa = || json!({"kty": "RSA", "n": number(256), "e": "AQAB"});
        let with = |mut jwk: Value, name: &str, value: Value| {
            jwk[name] = value;
            jwk
        };
        let (eddsa, es256) = (&[Algorithm::EdDSA][..], &[Algorithm::ES256][..]);
        let (rs256, ps256) = (&[Algorithm::RS256][..], &[Algorithm::PS256][..]);
        let both = &[Algorithm::RS256, Algorithm::PS256][..];
        let zero_led = URL_SAFE_NO_PAD.encode([&[0][..], &[0xff; 256]].concat());
        for (jwk, expected) in [
            (ed(), Some(eddsa)),
            (with(ed(), "alg", json!("EdDSA")), Some(eddsa)),
            (with(ed(), "alg", json!("Ed25519")), Some(eddsa)),
            (with(ed(), "alg", json!("ES256")), None),
            (with(ed(), "crv", json!("Ed448")), None),
            (with(ed(), "crv", json!("X25519")), None),
            (with(ed(), "x", json!(number(31))), None),
            (with(ed(), "x", json!("not base64!")), None),
            (with(ed(), "x", json!(7)), None),
            (with(ed(), "use", json!("sig")), Some(eddsa)),
            (with(ed(), "use", json!("enc")), None),
            (with(ed(), "key_ops", json!(["verify"])), Some(eddsa)),
            (with(ed(), "key_ops", json!(["sign"])), None),
            (with(ed(), "kid", json!(1)), None),
            (with(ed(), "d", json!(number(32))), None),
            (ec(), Some(es256)),
            (with(ec(), "alg", json!("ES256")), Some(es256)),
            (with(ec(), "alg", json!("ECDH-ES")), None),
            (with(ec(), "crv", json!("P-384")), None),
            (with(ec(), "y", json!(number(33))), None),
            (with(ec(), "y", Value::Null), None),
            (rsa(), Some(both)),
            (with(rsa(), "alg", json!("RS256")), Some(rs256)),
            (with(rsa(), "alg", json!("PS256")), Some(ps256)),
            (with(rsa(), "alg", json!("RS512")), None),
            (with(rsa(), "alg", json!("HS256")), None),
            (with(rsa(), "n", json!(number(255))), None),
            (with(rsa(), "n", json!(number(1025))), None),
            (with(rsa(), "n", json!(zero_led)), Some(both)),
            (with(rsa(), "e", json!("AQ")), None),
            (with(rsa(), "e", json!("AQAA")), None),
            (with(rsa(), "e", Value::Null), None),
            (json!({"kty": "oct", "k": number(32), "alg": "HS256"}), None),
            (json!({"kty": "oct", "k": number(32)}), None),
            (json!("a text"), None),
        ] {
            assert_eq!(
                parse_key(jwk.clone()).ok().map(|key| key.algorithms),
                expected,
                "{jwk}"
            );
        }
    }

    #[test]
    fn an_ed25519_key_of_small_order_is_rejected() {
        let zeros = "0".repeat(62);
        let ones = "f".repeat(60);
        let in_hex = [
            format!("00{zeros}"),
            format!("01{zeros}"),
            format!("ec{ones}7f"),
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05".into(),
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a".into(),
            // Not reduced: 0 and 1.
            format!("ed{ones}7f"),
            format!("ee{ones}7f"),
        ];
        for hex in in_hex {
            let bytes = (0..32).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap());
            let point: [u8; 32] = bytes.collect::<Vec<_>>().try_into().unwrap();
            for sign in [0, 0x80] {
                let mut point = point;
                point[31] |= sign;
                let x = URL_SAFE_NO_PAD.encode(point);
                let result = parse_key(json!({"kty": "OKP", "crv": "Ed25519", "x": x}));
                assert!(
                    matches!(result, Err(UnusableKey::SmallOrder)),
                    "{hex}, sign {sign}"
                );
            }
        }
        let base_point = [&[0x58][..], &[0x66; 31]].concat().try_into().unwrap();
        assert!(ed25519_key(&base_point).is_ok());
    }

    #[test]
    fn a_document_that_is_not_a_key_set_is_rejected() {
        for invalid in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"keys": {}}"#,
            r#"{"keys": ["#,
            "<html>",
        ] {
            assert!(parse_set(invalid.as_bytes()).is_none(), "{invalid}");
        }
        assert!(parse_set(br#"{"keys": []}"#).is_some_and(|keys| keys.is_empty()));
    }
}
