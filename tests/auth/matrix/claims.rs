//! Correctly signed tokens with invalid claims.

use serde_json::{Value, json};
use tasks_api::auth::Reason;
use tasks_api_test_support::signer::{AUDIENCE, ISSUER, Signer, now};

use super::{Case, MALFORMED, refused};

pub fn bad_dates(signer: &Signer) -> Vec<Case> {
    let now = now();
    let raw_exp = |exp: &str| {
        let payload = format!(r#"{{"sub":"ana","iss":"{ISSUER}","aud":"{AUDIENCE}","exp":{exp}}}"#);
        signer.sign(signer.header().to_string(), payload)
    };
    let mut cases = vec![
        refused(
            "no exp",
            signer.without_claim("exp"),
            Reason::Missing("exp"),
        ),
        refused("expired", signer.claim("exp", now - 31), Reason::Expired),
        refused("expired in 1970", signer.claim("exp", 0), Reason::Expired),
        refused(
            "nbf ahead",
            signer.claim("nbf", now + 60),
            Reason::NotYetValid,
        ),
        refused(
            "nbf in milliseconds",
            signer.claim("nbf", now * 1000),
            Reason::ClaimType("nbf"),
        ),
        refused(
            "iat ahead",
            signer.claim("iat", now + 60),
            Reason::IssuedInFuture,
        ),
        refused(
            "iat in 2099",
            signer.claim("iat", 4_070_908_800_i64),
            Reason::IssuedInFuture,
        ),
    ];
    let fraction = |seconds: i64| serde_json::from_str::<Value>(&format!("{seconds}.5")).unwrap();
    for (name, value, reason) in [
        ("exp", fraction(now - 32), Reason::Expired),
        ("nbf", fraction(now + 60), Reason::NotYetValid),
        ("iat", fraction(now + 60), Reason::IssuedInFuture),
    ] {
        let case = format!("{name} {value}");
        cases.push(refused(&case, signer.claim(name, value), reason));
    }
    for exp in [
        "null",
        "true",
        "\"2000000000\"",
        "[2000000000]",
        "{}",
        "-1",
        "-2000000000",
        "18446744073709551615",
        "1e30",
        "-0.5",
        "2000000000000.5",
        "253402300800.0",
        "\"2000000000.5\"",
        "\"2e9\"",
        "253402300800",
        "2000000000000",
    ] {
        let token = raw_exp(exp);
        cases.push(refused(
            &format!("exp {exp}"),
            token,
            Reason::ClaimType("exp"),
        ));
    }
    for exp in [
        "1e400",
        "-1e400",
        "2000000000.",
        ".5",
        "NaN",
        "-Infinity",
        "Infinity",
        "0x77359400",
        "02000000000",
    ] {
        cases.push(refused(&format!("exp {exp}"), raw_exp(exp), MALFORMED));
    }
    for name in ["nbf", "iat"] {
        for value in [
            Value::Null,
            json!("1"),
            json!("1.5"),
            json!(-1.5),
            json!(-1),
            json!(false),
        ] {
            let case = format!("{name} {value}");
            cases.push(refused(
                &case,
                signer.claim(name, value),
                Reason::ClaimType(name),
            ));
        }
    }
    cases
}

pub fn bad_names(signer: &Signer) -> Vec<Case> {
    let mut cases = Vec::new();
    for name in ["sub", "iss", "aud"] {
        let token = signer.without_claim(name);
        cases.push(refused(&format!("no {name}"), token, Reason::Missing(name)));
    }
    for (name, value, reason) in [
        ("iss", json!("https://evil.test"), Reason::Issuer),
        ("iss", json!(format!("{ISSUER}/")), Reason::Issuer),
        ("iss", json!(""), Reason::Issuer),
        ("aud", json!("elsewhere"), Reason::Audience),
        ("aud", json!(format!("{AUDIENCE}.evil")), Reason::Audience),
        ("aud", json!([]), Reason::Audience),
        ("aud", json!(["a", "b"]), Reason::Audience),
    ] {
        let case = format!("{name} {value}");
        cases.push(refused(&case, signer.claim(name, value), reason));
    }
    for subject in [
        "",
        " ",
        "\t",
        "\u{3000}",
        "a\0",
        "a\nb",
        "\u{7f}",
        "\u{9b}",
        &"ß".repeat(256),
    ] {
        let token = signer.claim("sub", subject);
        cases.push(refused(&format!("sub {subject:?}"), token, Reason::Subject));
    }
    for (name, values) in [
        (
            "sub",
            [
                Value::Null,
                json!(1),
                json!(["ana"]),
                json!({"id": "ana"}),
                json!(true),
            ],
        ),
        (
            "iss",
            [
                Value::Null,
                json!(1),
                json!([ISSUER]),
                json!({}),
                json!(true),
            ],
        ),
        (
            "aud",
            [
                Value::Null,
                json!(1),
                json!([AUDIENCE, 1]),
                json!({AUDIENCE: 1}),
                json!(true),
            ],
        ),
    ] {
        for value in values {
            let case = format!("{name} {value}");
            cases.push(refused(
                &case,
                signer.claim(name, value),
                Reason::ClaimType(name),
            ));
        }
    }
    cases
}

/// Tokens that name the user in another claim than `sub`. The last two are tokens that
/// Better Auth signs with the raw secret: an e-mail verification and a session cookie.
pub fn stand_ins_for_a_subject(signer: &Signer) -> Vec<Case> {
    let mut cases = Vec::new();
    let now = now();
    for (name, extra) in [
        ("id", json!({"id": "ana"})),
        (
            "user_id",
            json!({"user_id": "ana", "userId": "ana", "uid": "ana"}),
        ),
        ("email", json!({"email": "ana@example.test"})),
        (
            "a nested user",
            json!({"user": {"id": "ana", "sub": "ana"}}),
        ),
        (
            "another case",
            json!({"Sub": "ana", "SUB": "ana", "subject": "ana"}),
        ),
        (
            "an e-mail verification",
            json!({"email": "ana@example.test", "updateTo": "b@example.test"}),
        ),
        (
            "a session cookie",
            json!({
                "session": {"id": "s1", "userId": "ana", "token": "t", "expiresAt": "2099-01-01"},
                "user": {"id": "ana", "email": "ana@example.test", "emailVerified": true},
                "updatedAt": 1, "version": "1"
            }),
        ),
    ] {
        let mut payload = extra;
        payload["iat"] = now.into();
        payload["exp"] = (now + 300).into();
        payload["iss"] = ISSUER.into();
        payload["aud"] = AUDIENCE.into();
        let token = signer.payload(&payload);
        cases.push(refused(
            &format!("{name} for a sub"),
            token,
            Reason::Missing("sub"),
        ));
    }
    cases
}
