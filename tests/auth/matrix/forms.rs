//! Malformed tokens, and headers with unsupported parameters.

use serde_json::{Value, json};
use tasks_api::auth::Reason;
use tasks_api_test_support::signer::{self, Signer};

use super::{Case, MALFORMED, length_around, refused};

pub fn bad_forms(signer: &Signer) -> Vec<Case> {
    let token = signer.token();
    let parts: Vec<_> = token.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let raw = |payload: &[u8]| signer.sign(signer.header().to_string(), payload);
    let twice = |name: &str, value: &str| {
        let text = signer::payload().to_string();
        raw(format!(r#"{{"{name}":{value},{}"#, &text[1..]).as_bytes())
    };
    let mut cases: Vec<Case> = [
        ("nothing", String::new()),
        ("dots", "..".into()),
        ("one part", header.into()),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{token}.{signature}")),
        (
            "five parts, like encrypted ones",
            format!("{header}.{payload}.{signature}.x.x"),
        ),
        ("no signature", format!("{header}.{payload}.")),
        ("no header", format!(".{payload}.{signature}")),
        ("a padded signature", format!("{token}=")),
        (
            "a padded header",
            signer.sign_encoded(&format!("{header}=="), payload),
        ),
        ("a space before", format!(" {token}")),
        ("a line end after", format!("{token}\n")),
        ("a space within", token.replace('.', ". ")),
        ("not ASCII", format!("{token}é")),
        (
            "the other base64",
            signer.sign_encoded(header, &format!("{payload}++//")),
        ),
        ("stray bits in the signature", with_stray_bit(&token)),
        (
            "the header no JSON",
            signer.sign("alg", signer::payload().to_string()),
        ),
        (
            "the header an array",
            signer.sign("[]", signer::payload().to_string()),
        ),
        ("two alg headers", {
            let header = signer.header().to_string();
            let header = format!(r#"{{"alg":"none",{}"#, &header[1..]);
            signer.sign(header, signer::payload().to_string())
        }),
        ("the payload empty", raw(b"")),
        ("the payload no JSON", raw(b"sub=ana")),
        ("the payload an array", raw(b"[]")),
        ("the payload a text", raw(br#""ana""#)),
        ("the payload null", raw(b"null")),
        ("the payload not UTF-8", raw(b"{\"sub\":\"an\xe9\"}")),
        (
            "the payload with a byte order mark",
            raw(format!("\u{feff}{}", signer::payload()).as_bytes()),
        ),
        (
            "the payload followed by another",
            raw(format!("{}{{}}", signer::payload()).as_bytes()),
        ),
        (
            "half a surrogate pair",
            raw(br#"{"sub":"\ud83d","exp":2000000000}"#),
        ),
        ("nested too deep", {
            let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
            raw(format!(r#"{{"deep":{deep}}}"#).as_bytes())
        }),
        ("nested too deep beside a string with brackets", {
            let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
            raw(format!(r#"{{"text":"]]\"]]","deep":{deep}}}"#).as_bytes())
        }),
        ("two subjects, one escaped", twice(r"s\u0075b", r#""eve""#)),
        ("two subjects", twice("sub", r#""eve""#)),
        ("two expiries", twice("exp", "1")),
    ]
    .into_iter()
    .map(|(name, token)| refused(name, token, MALFORMED))
    .collect();
    let (_, over) = length_around(signer);
    cases.push(refused("over 16 KiB", over, Reason::TooLong));
    cases
}

/// Members that cannot be decoded, and names that are not unique.
pub fn bad_members(signer: &Signer) -> Vec<Case> {
    let raw = |payload: &[u8]| signer.sign(signer.header().to_string(), payload);
    [
        ("half a surrogate pair in iss", raw(br#"{"iss":"\ud800"}"#)),
        (
            "half a surrogate pair in aud",
            raw(br#"{"aud":["\udc00"]}"#),
        ),
        ("half a surrogate pair in kid", {
            let header = format!(r#"{{"alg":"{}","kid":"\ud800"}}"#, signer.kind.alg());
            signer.sign(header, signer::payload().to_string())
        }),
        ("an unread claim no JSON", raw(br#"{"name":"\x"}"#)),
        ("an unread claim not UTF-8", raw(b"{\"name\":\"\xff\"}")),
        ("two of an unread claim", raw(br#"{"name":1,"name":1}"#)),
        (
            "two of an unread claim, one escaped",
            raw(br#"{"name":1,"n\u0061me":1}"#),
        ),
        (
            "two names of half a surrogate pair",
            raw(br#"{"\ud800":1,"\uD800":1}"#),
        ),
    ]
    .into_iter()
    .map(|(name, token)| refused(name, token, MALFORMED))
    .collect()
}

pub fn bad_headers(signer: &Signer) -> Vec<Case> {
    let mut cases = vec![
        refused("no alg", signer.without_header("alg"), Reason::Algorithm),
        refused("kid a number", signer.with_header("kid", 1), MALFORMED),
        refused(
            "kid null",
            signer.with_header("kid", Value::Null),
            MALFORMED,
        ),
    ];
    let lower = signer.kind.alg().to_lowercase();
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS1", "RS", "PS", "es384", "rs512",
        "ES512", "ES256K", "Ed448", "dir", &lower,
    ] {
        let token = signer.with_header("alg", alg);
        cases.push(refused(&format!("alg {alg:?}"), token, Reason::Algorithm));
    }
    for alg in [Value::Null, json!(1), json!([signer.kind.alg()])] {
        let name = format!("alg {alg}");
        cases.push(refused(
            &name,
            signer.with_header("alg", alg),
            Reason::Algorithm,
        ));
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), Value::Null] {
        let name = format!("crit {crit}");
        cases.push(refused(
            &name,
            signer.with_header("crit", crit),
            Reason::Critical,
        ));
    }
    for typ in [
        json!("JWE"),
        json!("secevent+jwt"),
        json!("dpop+jwt"),
        json!(""),
        json!(1),
        Value::Null,
    ] {
        let name = format!("typ {typ}");
        cases.push(refused(&name, signer.with_header("typ", typ), Reason::Type));
    }
    cases
}

/// The same signature, with a trailing bit set that lenient decoding ignores. The 96 bytes of
/// ES384 leave no such bit, so a character is added.
fn with_stray_bit(token: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (_, signature) = token.rsplit_once('.').unwrap();
    if signature.len().is_multiple_of(4) {
        return format!("{token}A");
    }
    let (rest, last) = token.split_at(token.len() - 1);
    let index = alphabet.find(last).unwrap();
    format!("{rest}{}", &alphabet[index + 1..index + 2])
}
