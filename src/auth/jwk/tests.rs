//! Which keys of a set are used, and for which algorithms.

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
    let p384 = || json!({"kty": "EC", "crv": "P-384", "x": number(48), "y": number(48)});
    let rsa = || json!({"kty": "RSA", "n": number(256), "e": "AQAB"});
    let with = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        jwk
    };
    let (eddsa, es256, es384) = (&[EdDSA][..], &[ES256][..], &[ES384][..]);
    let (rs256, ps256) = (&[RS256][..], &[PS256][..]);
    let all = &[RS256, RS384, RS512, PS256, PS384, PS512][..];
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
        (with(ec(), "alg", json!("ES384")), None),
        (with(ec(), "crv", json!("P-521")), None),
        (with(ec(), "crv", json!("secp256k1")), None),
        (p384(), Some(es384)),
        (with(p384(), "alg", json!("ES384")), Some(es384)),
        (with(p384(), "alg", json!("ES256")), None),
        (with(p384(), "x", json!(number(32))), None),
        (with(p384(), "y", json!(number(49))), None),
        (with(ec(), "y", json!(number(33))), None),
        (with(ec(), "y", Value::Null), None),
        (rsa(), Some(all)),
        (with(rsa(), "alg", json!("RS256")), Some(rs256)),
        (with(rsa(), "alg", json!("PS256")), Some(ps256)),
        (with(rsa(), "alg", json!("RS384")), Some(&[RS384])),
        (with(rsa(), "alg", json!("RS512")), Some(&[RS512])),
        (with(rsa(), "alg", json!("PS384")), Some(&[PS384])),
        (with(rsa(), "alg", json!("PS512")), Some(&[PS512])),
        (with(rsa(), "alg", json!("RSA-OAEP")), None),
        (with(rsa(), "alg", json!("HS256")), None),
        (with(rsa(), "n", json!(number(255))), None),
        (with(rsa(), "n", json!(number(1025))), None),
        (with(rsa(), "n", json!(zero_led)), Some(all)),
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
fn a_skipped_key_is_named_once_without_control_characters() {
    let p521 = json!({"kty": "EC", "crv": "P-521", "alg": "ES512"});
    let set = json!({"keys": [
        p521, p521,
        {"kty": "EC", "crv": "secp256k1"},
        {"kty": "OKP", "crv": "Ed448"},
        {"kty": "oct", "k": "AA"},
        {"kty": "a\nb\u{1b}[31mc"},
        {"kty": "OKP", "crv": "Ed25519", "x": number(32), "d": number(32)},
        {"kty": "RSA", "alg": "RSA-OAEP", "use": "enc"},
        7,
    ]});
    let skipped = parse_set(set.to_string().as_bytes()).unwrap().skipped;
    let kinds: Vec<_> = skipped.iter().map(|each| each.split(" (").next()).collect();
    let expected = [
        "EC P-521 ES512",
        "EC secp256k1",
        "OKP Ed25519",
        "OKP Ed448",
        "a key without kty",
        "ab[31mc",
        "oct",
    ];
    assert_eq!(kinds, expected.map(Some), "{skipped:?}");
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
    assert!(parse_set(br#"{"keys": []}"#).is_some_and(|set| set.keys.is_empty()));
}
