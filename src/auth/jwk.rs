//! Published keys (RFC 7517, RFC 7518 section 6, RFC 8037): which of them are
//! used, and for what. A key that cannot be used is skipped, never guessed at.
//! Must not import the network.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::{
    Deserialize,
    de::{Error, IgnoredAny},
};
use serde_json::Value;
use thiserror::Error;

/// The most keys of a set that are used.
pub(super) const MAX_KEYS: usize = 64;

/// One key, with the algorithms that it may verify and no others.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    pub(super) algorithms: &'static [Algorithm],
    pub(super) material: DecodingKey,
}

/// Why a key is skipped.
#[derive(Debug, Error)]
pub(super) enum Skipped {
    #[error("it is no JWK: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("it is not for verifying signatures")]
    Purpose,
    #[error("its private part is published")]
    Private,
    #[error("its kind, curve or algorithm is not supported")]
    Kind,
    #[error("its numbers are not those of such a key")]
    Numbers,
    #[error("it has under 2048 or over 8192 bits")]
    Size,
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
    x: Option<Number>,
    y: Option<Number>,
    n: Option<Number>,
    e: Option<Number>,
    d: Option<IgnoredAny>,
}

/// Bytes in base64url.
struct Number(Vec<u8>);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// The usable keys of a key set, at most [`MAX_KEYS`]; `None` if the document is
/// no key set at all.
pub(super) fn read_set(json: &[u8]) -> Option<Vec<Key>> {
    #[derive(Deserialize)]
    struct KeySet {
        keys: Vec<Value>,
    }

    let set: KeySet = serde_json::from_slice(json).ok()?;
    let mut keys = Vec::new();
    for (index, jwk) in set.keys.into_iter().enumerate() {
        if keys.len() == MAX_KEYS {
            tracing::warn!(MAX_KEYS, "the key set has more keys than are used");
            break;
        }
        match read(jwk) {
            Ok(key) => keys.push(key),
            Err(reason) => tracing::debug!(index, %reason, "a key of the set is skipped"),
        }
    }
    Some(keys)
}

/// One key. Without `alg` (Better Auth up to 1.2) its kind and curve say what it
/// verifies; with one, it verifies that alone.
fn read(jwk: Value) -> Result<Key, Skipped> {
    let jwk: Jwk = serde_json::from_value(jwk)?;
    if jwk
        .purpose
        .as_deref()
        .is_some_and(|purpose| purpose != "sig")
        || jwk
            .key_ops
            .as_ref()
            .is_some_and(|ops| !ops.iter().any(|each| each == "verify"))
    {
        return Err(Skipped::Purpose);
    }
    if jwk.d.is_some() {
        return Err(Skipped::Private);
    }
    let algorithms: &[Algorithm] = match (jwk.kty.as_str(), jwk.crv.as_deref(), jwk.alg.as_deref())
    {
        // RFC 9864 calls EdDSA on this curve "Ed25519".
        ("OKP", Some("Ed25519"), None | Some("EdDSA" | "Ed25519")) => &[Algorithm::EdDSA],
        ("EC", Some("P-256"), None | Some("ES256")) => &[Algorithm::ES256],
        ("RSA", _, None) => &[Algorithm::RS256, Algorithm::PS256],
        ("RSA", _, Some("RS256")) => &[Algorithm::RS256],
        ("RSA", _, Some("PS256")) => &[Algorithm::PS256],
        _ => return Err(Skipped::Kind),
    };
    let material = match jwk.kty.as_str() {
        "OKP" => edwards(jwk.x)?,
        "EC" => elliptic(jwk.x, jwk.y)?,
        _ => rsa(jwk.n, jwk.e)?,
    };
    Ok(Key {
        id: jwk.kid,
        algorithms,
        material,
    })
}

fn edwards(x: Option<Number>) -> Result<DecodingKey, Skipped> {
    match x {
        Some(Number(x)) if x.len() == 32 => Ok(DecodingKey::from_ed_der(&x)),
        _ => Err(Skipped::Numbers),
    }
}

/// Both coordinates have the curve's full length (RFC 7518, section 6.2.1.2).
fn elliptic(x: Option<Number>, y: Option<Number>) -> Result<DecodingKey, Skipped> {
    match (x, y) {
        (Some(Number(x)), Some(Number(y))) if x.len() == 32 && y.len() == 32 => {
            let uncompressed_point = [&[4], x.as_slice(), y.as_slice()].concat();
            Ok(DecodingKey::from_ec_der(&uncompressed_point))
        }
        _ => Err(Skipped::Numbers),
    }
}

fn rsa(n: Option<Number>, e: Option<Number>) -> Result<DecodingKey, Skipped> {
    let (Some(Number(n)), Some(Number(e))) = (n, e) else {
        return Err(Skipped::Numbers);
    };
    // Some encoders prefix a zero byte; the library would refuse it.
    let (n, e) = (without_leading_zeros(&n), without_leading_zeros(&e));
    if !(2048..=8192).contains(&bits(n)) {
        return Err(Skipped::Size);
    }
    // 1 would make every signature valid, an even one is no exponent, and the
    // library refuses more than 33 bits.
    if !(2..=33).contains(&bits(e)) || e.last().is_none_or(|byte| byte % 2 == 0) {
        return Err(Skipped::Numbers);
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
    use serde_json::json;

    use super::*;

    fn number(length: usize) -> String {
        URL_SAFE_NO_PAD.encode(vec![0xff; length])
    }

    #[test]
    fn a_key_verifies_what_it_says_and_nothing_else() {
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
                read(jwk.clone()).ok().map(|key| key.algorithms),
                expected,
                "{jwk}"
            );
        }
    }

    #[test]
    fn only_a_key_set_is_one() {
        for rubbish in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"keys": {}}"#,
            r#"{"keys": ["#,
            "<html>",
        ] {
            assert!(read_set(rubbish.as_bytes()).is_none(), "{rubbish}");
        }
        assert!(read_set(br#"{"keys": []}"#).is_some_and(|keys| keys.is_empty()));
    }
}
