//! Signatures with the wrong key, over the wrong text, or with the wrong algorithm.

use serde_json::{Value, json};
use tasks_api::auth::Reason;
use tasks_api_test_support::signer::{Kind, SECRET, Signer, encode, payload};

use super::{Case, accepted, refused};

pub fn bad_signatures(signer: &Signer, attacker: &Signer, attackers_url: &str) -> Vec<Case> {
    // HS256 has one key, which has no kid.
    let unknown = if signer.kind == Kind::Hs256 {
        Reason::Signature
    } else {
        Reason::UnknownKey
    };
    let token = signer.token();
    let (message, _) = token.rsplit_once('.').unwrap();
    let signature = signer.signature(message.as_bytes());
    let ending_in = |signature: &[u8]| format!("{message}.{}", encode(signature));
    let mut flipped = signature.clone();
    flipped[10] ^= 1;
    let forged = |header: &[(&str, Value)]| {
        let mut all = signer.header();
        for (name, value) in header {
            all[*name] = value.clone();
        }
        attacker.sign(all.to_string(), payload().to_string())
    };
    let other_payload = {
        let parts: Vec<_> = token.split('.').collect();
        let eve = encode(payload().to_string().replace("ana", "eve"));
        format!("{}.{eve}.{}", parts[0], parts[2])
    };
    let other_header = {
        let parts: Vec<_> = token.split('.').collect();
        let mut header = signer.header();
        header["typ"] = "at+jwt".into();
        format!("{}.{}.{}", encode(header.to_string()), parts[1], parts[2])
    };
    let embedded = [("jwk", attacker.jwk()), ("jku", json!(attackers_url))];
    let chained = [("x5u", json!(attackers_url)), ("x5c", json!(["MIIB"]))];
    let named = [("kid", json!("attacker")), ("jwk", attacker.jwk())];
    let path = [("kid", json!("../../../dev/null"))];
    let injected = [("kid", json!("' OR 1=1 --"))];
    let bad = Reason::Signature;
    vec![
        refused("a bit flipped", ending_in(&flipped), bad),
        refused(
            "cut short",
            ending_in(&signature[..signature.len() - 1]),
            bad,
        ),
        refused(
            "a byte more",
            ending_in(&[signature.as_slice(), &[0]].concat()),
            bad,
        ),
        refused("all zeros", ending_in(&vec![0; signature.len()]), bad),
        refused("one byte", ending_in(&[0]), bad),
        refused(
            "of another message",
            ending_in(&signer.signature(b"another")),
            bad,
        ),
        refused("of another payload", other_payload, bad),
        refused("of another header", other_header, bad),
        refused("by another key of the kind", forged(&[]), bad),
        refused("by a key in the token", forged(&embedded), bad),
        refused("by a key the token points to", forged(&chained), bad),
        refused(
            "by a key in the token, by its name",
            forged(&named),
            unknown,
        ),
        refused("a kid that is a path", forged(&path), unknown),
        refused("a kid that is SQL", forged(&injected), unknown),
        accepted("a good one that points elsewhere", {
            let mut header = signer.header();
            header["jwk"] = attacker.jwk();
            header["jku"] = json!(attackers_url);
            header["x5u"] = json!(attackers_url);
            signer.sign(header.to_string(), payload().to_string())
        }),
    ]
}

/// HS256 signed with public data.
pub fn confusions_with_keys(published: &[Signer]) -> Vec<Case> {
    let mut cases = vec![
        refused("no secret", Signer::hs256(b"").token(), Reason::Signature),
        refused(
            "the secret trimmed",
            Signer::hs256(&SECRET.as_bytes()[..SECRET.len() - 1]).token(),
            Reason::Signature,
        ),
        refused(
            "the secret encoded",
            Signer::hs256(encode(SECRET).as_bytes()).token(),
            Reason::Signature,
        ),
    ];
    for key in published {
        for (index, form) in key.public_forms().iter().enumerate() {
            let name = format!("by form {index} of the public {:?} key", key.kind);
            let mut signer = Signer::hs256(form);
            signer.kid.clone_from(&key.kid);
            cases.push(refused(&name, signer.token(), Reason::Signature));
        }
    }
    cases
}

/// Tokens that claim one algorithm and are signed with another.
pub fn confusions_with_secret(signer: &Signer, other: &Signer) -> Vec<Case> {
    let mut cases = vec![
        refused(
            "the secret under this alg",
            Signer::secret().sign(signer.header().to_string(), payload().to_string()),
            Reason::Signature,
        ),
        refused(
            "another kind's key under this alg",
            other.sign(signer.header().to_string(), payload().to_string()),
            Reason::Signature,
        ),
        refused(
            "this key under HS256",
            signer.with_header("alg", "HS256"),
            Reason::Signature,
        ),
        refused(
            "this key under another alg",
            signer.with_header("alg", other.kind.alg()),
            Reason::UnknownKey,
        ),
        refused(
            "this key under another's kid",
            signer.with_header("kid", other.kid.as_str()),
            Reason::UnknownKey,
        ),
    ];
    for (index, form) in signer.public_forms().iter().enumerate() {
        let hs256 = Signer::hs256(form);
        let mut header = hs256.header();
        header["kid"] = signer.kid.as_str().into();
        let token = hs256.sign(header.to_string(), payload().to_string());
        let name = format!("HS256 by form {index} of the public key");
        cases.push(refused(&name, token, Reason::Signature));
    }
    cases
}
