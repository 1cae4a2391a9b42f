//! The rules for a token's claims (RFC 7519, section 4.1), and the only place that
//! decides them. Pure but for [`now`]: no key and no network.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::error::Reason;

/// The claims that are validated, and so must be well-formed; any other is ignored.
pub(super) const READ: [&str; 6] = ["aud", "exp", "iat", "iss", "nbf", "sub"];

/// The clock difference that is tolerated.
const LEEWAY: Duration = Duration::from_secs(30);

/// The first second of the year 10000, since 1970. A date from then on is an error, most
/// often milliseconds in place of seconds: such a token would never expire.
pub(super) const END_OF_DATES: Duration = Duration::from_hours(70_389_528);

/// The most Unicode scalar values in a subject.
const MAX_SUBJECT: usize = 255;

/// The `iss` and `aud` that the tokens of one source must have.
///
/// An empty list leaves its claim unchecked, except for its type. A list with
/// entries makes the claim **required**: `iss` must equal one entry, `aud` must
/// be or contain one, compared byte by byte (RFC 7519, sections 4.1.1 and 4.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPolicy {
    /// The accepted issuers; if empty, any issuer or none.
    pub issuers: Vec<String>,
    /// The audiences that name this API; if empty, any audience or none.
    pub audiences: Vec<String>,
}

/// What a verifier needs of valid claims.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValidClaims<'a> {
    pub(super) subject: &'a str,
    /// When they stop being valid: `exp` and the leeway, since 1970.
    pub(super) expires_at: Duration,
}

/// Validates the claims at `now`, since 1970. Registered claims of a wrong
/// type are rejected whether or not the policy requires them: a token that violates
/// RFC 7519 in one place is not trusted in another.
pub(super) fn validate<'a>(
    claims: &'a Map<String, Value>,
    policy: &ClaimPolicy,
    now: Duration,
) -> Result<ValidClaims<'a>, Reason> {
    let expires_at = claim(claims, "exp", date)?.ok_or(Reason::Missing("exp"))? + LEEWAY;
    if now >= expires_at {
        return Err(Reason::Expired);
    }
    if claim(claims, "nbf", date)?.is_some_and(|start| start > now + LEEWAY) {
        return Err(Reason::NotYetValid);
    }
    if claim(claims, "iat", date)?.is_some_and(|issued| issued > now + LEEWAY) {
        return Err(Reason::IssuedInFuture);
    }
    let issuer = claim(claims, "iss", Value::as_str)?.map(|issuer| vec![issuer]);
    check("iss", issuer, &policy.issuers, Reason::Issuer)?;
    let audiences = claim(claims, "aud", texts)?;
    check("aud", audiences, &policy.audiences, Reason::Audience)?;

    // No fallback to another claim: Better Auth signs e-mail verification tokens and
    // session cookies with the same secret, and these identify no signed-in user.
    let subject = claim(claims, "sub", Value::as_str)?.ok_or(Reason::Missing("sub"))?;
    if !is_subject(subject) {
        return Err(Reason::Subject);
    }
    Ok(ValidClaims {
        subject,
        expires_at,
    })
}

/// The time as claims state it: since 1970, fractions of a second included. A clock before
/// 1970 makes every token expired, not every token valid.
pub(super) fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(END_OF_DATES)
}

/// Whether a text is a user id: 1 to 255 characters, not blank, no control characters.
pub(super) fn is_subject(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= MAX_SUBJECT
        && !text.chars().any(char::is_control)
}

/// Checks that a claim has an accepted value. An empty list accepts any, and none.
fn check(
    name: &'static str,
    values: Option<Vec<&str>>,
    accepted: &[String],
    mismatch: Reason,
) -> Result<(), Reason> {
    if accepted.is_empty() {
        return Ok(());
    }
    let values = values.ok_or(Reason::Missing(name))?;
    if accepted.iter().any(|each| values.contains(&each.as_str())) {
        Ok(())
    } else {
        Err(mismatch)
    }
}

/// A claim that `read` must accept. `null` is a wrong type, not an absent claim.
fn claim<'a, T>(
    claims: &'a Map<String, Value>,
    name: &'static str,
    read: impl Fn(&'a Value) -> Option<T>,
) -> Result<Option<T>, Reason> {
    claims
        .get(name)
        .map(|value| read(value).ok_or(Reason::ClaimType(name)))
        .transpose()
}

/// A string, or an array of strings.
fn texts(value: &Value) -> Option<Vec<&str>> {
    match value {
        Value::Array(values) => values.iter().map(Value::as_str).collect(),
        _ => Some(vec![value.as_str()?]),
    }
}

/// A date: seconds since 1970, with or without a fraction (RFC 7519, section 2), up to the
/// year 9999. An `f64` holds each whole second of that range exactly.
fn date(value: &Value) -> Option<Duration> {
    let date = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    (date < END_OF_DATES).then_some(date)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;
    /// The last second of the year 9999.
    const LAST_SECOND: u64 = 253_402_300_799;

    /// The subject of claims that are valid but for `changes`.
    fn validate_with(changes: &Value) -> Result<String, Reason> {
        let mut claims = json!({"sub": "ana", "exp": NOW + 60});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let policy = ClaimPolicy::default();
        let now = Duration::from_secs(NOW);
        validate(claims.as_object().unwrap(), &policy, now).map(|valid| valid.subject.to_owned())
    }

    #[test]
    fn the_leeway_is_exactly_thirty_seconds() {
        let ok = Ok("ana".to_owned());
        for (changes, expected) in [
            (json!({"exp": NOW - 29}), ok.clone()),
            (json!({"exp": NOW - 30}), Err(Reason::Expired)),
            (json!({"exp": 0}), Err(Reason::Expired)),
            (json!({"exp": LAST_SECOND}), ok.clone()),
            (
                json!({"exp": LAST_SECOND + 1}),
                Err(Reason::ClaimType("exp")),
            ),
            (json!({"nbf": NOW + 30}), ok.clone()),
            (json!({"nbf": NOW + 31}), Err(Reason::NotYetValid)),
            (json!({"iat": NOW + 30}), ok),
            (json!({"iat": NOW + 31}), Err(Reason::IssuedInFuture)),
        ] {
            assert_eq!(validate_with(&changes), expected, "{changes}");
        }
    }

    #[test]
    fn a_date_may_have_a_fraction() {
        let ok = Ok("ana".to_owned());
        let cases = [
            ("exp", "1799999970.001", ok.clone()),
            ("exp", "1799999970.0", Err(Reason::Expired)),
            ("exp", "1799999969.999", Err(Reason::Expired)),
            ("exp", "1.8e9", ok.clone()),
            ("exp", "18E8", ok.clone()),
            ("exp", "0.5", Err(Reason::Expired)),
            ("exp", "1e-400", Err(Reason::Expired)),
            ("exp", "253402300799.5", ok.clone()),
            ("exp", "253402300800.0", Err(Reason::ClaimType("exp"))),
            ("exp", "1e300", Err(Reason::ClaimType("exp"))),
            ("exp", "-0.001", Err(Reason::ClaimType("exp"))),
            ("exp", "-1e-9", Err(Reason::ClaimType("exp"))),
            ("nbf", "1800000030.0", ok.clone()),
            ("nbf", "1800000030.001", Err(Reason::NotYetValid)),
            ("nbf", "1.5", ok.clone()),
            ("iat", "1800000029.999", ok),
            ("iat", "1800000030.001", Err(Reason::IssuedInFuture)),
            ("iat", "-1.5", Err(Reason::ClaimType("iat"))),
        ];
        for (name, number, expected) in cases {
            let number: Value = serde_json::from_str(number).unwrap();
            let result = validate_with(&json!({name: number}));
            assert_eq!(result, expected, "{name}: {number}");
        }
    }

    #[test]
    fn a_subject_is_measured_in_characters_and_kept_unchanged() {
        for good in ["1", " ana ", "ü", &"ü".repeat(255), "a b"] {
            assert_eq!(validate_with(&json!({"sub": good})), Ok(good.to_owned()));
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
            assert_eq!(
                validate_with(&json!({"sub": bad})),
                Err(Reason::Subject),
                "{bad:?}"
            );
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
                validate(
                    claims.as_object().unwrap(),
                    &policy,
                    Duration::from_secs(NOW)
                )
                .map(|valid| valid.subject),
                expected,
                "{claims}"
            );
        }
        for (missing, claims) in [
            ("iss", json!({"sub": "ana", "exp": NOW, "aud": "api"})),
            ("aud", json!({"sub": "ana", "exp": NOW, "iss": "https://a"})),
        ] {
            let result = validate(
                claims.as_object().unwrap(),
                &policy,
                Duration::from_secs(NOW),
            );
            assert_eq!(result, Err(Reason::Missing(missing)));
        }
    }
}
