//! Valid tokens of every form.

use serde_json::json;
use tasks_api_test_support::signer::{AUDIENCE, Signer, now, payload};

use super::{Case, accepted, length_around};

pub fn good(signer: &Signer) -> Vec<Case> {
    let now = now();
    let mut cases = vec![
        accepted("the usual form", signer.token()),
        accepted("no typ", signer.without_header("typ")),
        accepted("no kid", signer.without_header("kid")),
        accepted("no iat", signer.without_claim("iat")),
        accepted("past exp within the leeway", signer.claim("exp", now - 20)),
        accepted(
            "exp in the year 9999",
            signer.claim("exp", 253_402_300_799_i64),
        ),
        accepted("exp with an exponent", signer.claim("exp", json!(2e9))),
        accepted(
            "exp with a fraction",
            signer.claim("exp", json!(2_000_000_000.5)),
        ),
        accepted(
            "nbf with a fraction",
            signer.claim("nbf", json!(1_700_000_000.25)),
        ),
        accepted(
            "iat with a fraction",
            signer.claim("iat", json!(1_700_000_000.999)),
        ),
        accepted("iat ahead within the leeway", signer.claim("iat", now + 20)),
        accepted("nbf in the past", signer.claim("nbf", now - 5)),
        accepted("nbf ahead within the leeway", signer.claim("nbf", now + 20)),
        accepted(
            "the other issuer",
            signer.claim("iss", "https://first.test"),
        ),
        accepted("the other audience", signer.claim("aud", "first")),
        accepted(
            "several audiences",
            signer.claim("aud", json!(["elsewhere", AUDIENCE])),
        ),
        accepted(
            "claims of one's own",
            signer.claim("user", json!({"id": "eve", "exp": 0})),
        ),
        accepted(
            "an unregistered header",
            signer.with_header("x-trace", json!([1])),
        ),
        accepted("white space in the JSON", {
            let pretty = serde_json::to_string_pretty(&payload()).unwrap();
            signer.sign(format!(" {} \n", signer.header()), pretty)
        }),
        accepted("an escaped claim", {
            let escaped = payload()
                .to_string()
                .replace(r#""sub":"ana""#, r#""s\u0075b":"\u0061na""#);
            assert!(escaped.contains(r"\u0061na"));
            signer.sign(signer.header().to_string(), escaped)
        }),
        accepted("half a surrogate pair in an unread header", {
            let header = signer.header().to_string();
            let header = format!(r#"{{"x":"\udc00",{}"#, &header[1..]);
            signer.sign(header, payload().to_string())
        }),
        accepted("16 KiB long", length_around(signer).0),
    ];
    for unread in [
        r#""name":"\ud800""#,
        r#""name":"Ana \ud83d...""#,
        r#""name":"\udc00\ud800""#,
        r#""user":{"names":["\ud800"],"\udfff":1}"#,
        r#""\ud800":1,"\ud801":1"#,
        r#""large":1e400"#,
        r#""brackets":"[[\"[[\\""#,
    ] {
        let payload = format!("{{{unread},{}", &payload().to_string()[1..]);
        let token = signer.sign(signer.header().to_string(), payload);
        cases.push(accepted(&format!("unread {unread}"), token));
    }
    for typ in [
        "jwt",
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "application/JWT",
    ] {
        cases.push(accepted(
            &format!("typ {typ}"),
            signer.with_header("typ", typ),
        ));
    }
    for subject in [
        "1",
        "0190b2f6-7c1e-7f60-a1b2-1234567890ab",
        "VkZ3Z0h1c2VyaWRvZjMyY2hhcmFjdGVy",
        "auth0|5f7c8ec7c33c6c004bbafe82",
        " with spaces ",
        "用户",
        &"ß".repeat(255),
    ] {
        let token = signer.claim("sub", subject);
        cases.push((format!("subject {subject}"), token, Ok(subject.into())));
    }
    cases
}
