//! Every rule about a token's claims (RFC 7519, section 4.1), and the only place
//! that decides them. Pure: no key, no clock, no network.

use serde_json::{Map, Value};

use super::{ClaimPolicy, Reason};

/// How far two clocks may be apart, in seconds.
const LEEWAY: u64 = 30;

/// The last second of the year 9999. A date beyond it is a mistake, most often
/// milliseconds where RFC 7519 wants seconds: such a token would never expire.
pub(super) const LATEST: u64 = 253_402_300_799;

/// The most Unicode scalar values a subject has.
const MAX_SUBJECT: usize = 255;

/// The claims' subject, and the second (since 1970) from which on they are no
/// longer good, if all of them are as they must be at `now`. Registered claims of a wrong type are refused whether or not the
/// policy looks at them: a token that breaks RFC 7519 in one place is not to be
/// trusted in another.
pub(super) fn subject<'a>(
    claims: &'a Map<String, Value>,
    policy: &ClaimPolicy,
    now: u64,
) -> Result<(&'a str, u64), Reason> {
    let expiry = date(claims, "exp")?.ok_or(Reason::Missing("exp"))?;
    let until = expiry + LEEWAY;
    if now >= until {
        return Err(Reason::Expired);
    }
    if date(claims, "nbf")?.is_some_and(|start| start > now + LEEWAY) {
        return Err(Reason::NotYetValid);
    }
    if date(claims, "iat")?.is_some_and(|issued| issued > now + LEEWAY) {
        return Err(Reason::IssuedInFuture);
    }
    check_issuer(text(claims, "iss")?, &policy.issuers)?;
    check_audience(audiences(claims)?, &policy.audiences)?;

    // Never anything but `sub`: Better Auth signs e-mail verification and session
    // cookies with the same secret, and what they name is not a signed-in user.
    let subject = text(claims, "sub")?.ok_or(Reason::Missing("sub"))?;
    if is_subject(subject) {
        Ok((subject, until))
    } else {
        Err(Reason::Subject)
    }
}

/// Whether a text can name a user: 1 to 255 characters, not blank, without
/// control characters.
pub(super) fn is_subject(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= MAX_SUBJECT
        && !text.chars().any(char::is_control)
}

fn check_issuer(issuer: Option<&str>, accepted: &[String]) -> Result<(), Reason> {
    if accepted.is_empty() {
        return Ok(());
    }
    let issuer = issuer.ok_or(Reason::Missing("iss"))?;
    if accepted.iter().any(|each| each == issuer) {
        Ok(())
    } else {
        Err(Reason::Issuer)
    }
}

fn check_audience(audiences: Option<Vec<&str>>, accepted: &[String]) -> Result<(), Reason> {
    if accepted.is_empty() {
        return Ok(());
    }
    let audiences = audiences.ok_or(Reason::Missing("aud"))?;
    if audiences
        .iter()
        .any(|audience| accepted.iter().any(|each| each == audience))
    {
        Ok(())
    } else {
        Err(Reason::Audience)
    }
}

/// A claim that is a text; `null` is not an absent one.
fn text<'a>(claims: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Reason> {
    claims
        .get(name)
        .map(|value| value.as_str().ok_or(Reason::ClaimType(name)))
        .transpose()
}

/// `aud`: one text, or an array of nothing but texts.
fn audiences(claims: &Map<String, Value>) -> Result<Option<Vec<&str>>, Reason> {
    let wrong = Reason::ClaimType("aud");
    match claims.get("aud") {
        None => Ok(None),
        Some(Value::String(one)) => Ok(Some(vec![one])),
        Some(Value::Array(many)) => many
            .iter()
            .map(|each| each.as_str().ok_or(wrong))
            .collect::<Result<_, _>>()
            .map(Some),
        Some(_) => Err(wrong),
    }
}

/// A date: whole seconds since 1970, up to the year 9999. RFC 7519 would allow
/// fractions; no issuer needs them, and an integer has no `1e400`.
fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Reason> {
    claims
        .get(name)
        .map(|value| {
            value
                .as_u64()
                .filter(|&second| second <= LATEST)
                .ok_or(Reason::ClaimType(name))
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn judge(changes: &Value) -> Result<String, Reason> {
        let mut claims = json!({"sub": "ana", "exp": NOW + 60});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let policy = ClaimPolicy::default();
        subject(claims.as_object().unwrap(), &policy, NOW).map(|(subject, _)| subject.to_owned())
    }

    #[test]
    fn the_leeway_is_thirty_seconds_to_the_second() {
        let ok = Ok("ana".to_owned());
        for (changes, expected) in [
            (json!({"exp": NOW - 29}), ok.clone()),
            (json!({"exp": NOW - 30}), Err(Reason::Expired)),
            (json!({"exp": 0}), Err(Reason::Expired)),
            (json!({"exp": LATEST}), ok.clone()),
            (json!({"exp": LATEST + 1}), Err(Reason::ClaimType("exp"))),
            (json!({"nbf": NOW + 30}), ok.clone()),
            (json!({"nbf": NOW + 31}), Err(Reason::NotYetValid)),
            (json!({"iat": NOW + 30}), ok),
            (json!({"iat": NOW + 31}), Err(Reason::IssuedInFuture)),
        ] {
            assert_eq!(judge(&changes), expected, "{changes}");
        }
    }

    #[test]
    fn a_subject_is_counted_in_characters_and_kept_to_the_letter() {
        for good in ["1", " ana ", "ü", &"ü".repeat(255), "a b"] {
            assert_eq!(judge(&json!({"sub": good})), Ok(good.to_owned()));
        }
        for bad in [
            "",
            " ",
            "\u{3000}\u{a0}",
            &"ü".repeat(256),
            "a\0",
            "a\nb",
            "\u{85}a",
            "\u{7f}",
        ] {
            assert_eq!(judge(&json!({"sub": bad})), Err(Reason::Subject), "{bad:?}");
        }
    }

    #[test]
    fn a_policy_makes_its_claim_required() {
        let policy = ClaimPolicy {
            issuers: vec!["https://a".into(), "https://b".into()],
            audiences: vec!["api".into()],
        };
        for (iss, aud, expected) in [
            (json!("https://a"), json!("api"), Ok("ana")),
            (json!("https://b"), json!(["x", "api"]), Ok("ana")),
            (json!("https://a/"), json!("api"), Err(Reason::Issuer)),
            (json!("https://A"), json!("api"), Err(Reason::Issuer)),
            (json!("https://a"), json!("apis"), Err(Reason::Audience)),
            (json!("https://a"), json!([]), Err(Reason::Audience)),
            (
                json!(["https://a"]),
                json!("api"),
                Err(Reason::ClaimType("iss")),
            ),
            (
                json!("https://a"),
                json!(["api", 1]),
                Err(Reason::ClaimType("aud")),
            ),
            (
                json!("https://a"),
                json!({"api": 1}),
                Err(Reason::ClaimType("aud")),
            ),
        ] {
            let claims = json!({"sub": "ana", "exp": NOW, "iss": iss, "aud": aud});
            assert_eq!(
                subject(claims.as_object().unwrap(), &policy, NOW).map(|(subject, _)| subject),
                expected,
                "{claims}"
            );
        }
        for (missing, claims) in [
            ("iss", json!({"sub": "ana", "exp": NOW, "aud": "api"})),
            ("aud", json!({"sub": "ana", "exp": NOW, "iss": "https://a"})),
        ] {
            let judged = subject(claims.as_object().unwrap(), &policy, NOW);
            assert_eq!(judged, Err(Reason::Missing(missing)));
        }
    }
}
