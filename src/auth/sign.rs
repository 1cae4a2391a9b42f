//! HS256 tokens for `tasks-api token` and for the first steps in development.
//! No request leads here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{ClaimPolicy, SignError, claims};

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    iat: u64,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// Signs a token for `subject` that holds from now for `lifetime` (in whole
/// seconds), with `sub`, `iat` and `exp`.
pub fn sign_hs256(
    secret: &SecretString,
    subject: &str,
    lifetime: Duration,
) -> Result<String, SignError> {
    sign_hs256_for(&ClaimPolicy::default(), secret, subject, lifetime)
}

/// Like [`sign_hs256`], with the `iss` and `aud` that `policy` asks for: the
/// first of each list. Where `JWT_ISSUER` or `JWT_AUDIENCE` is configured, a
/// token without them is refused.
pub fn sign_hs256_for(
    policy: &ClaimPolicy,
    secret: &SecretString,
    subject: &str,
    lifetime: Duration,
) -> Result<String, SignError> {
    let secret = secret.expose_secret().as_bytes();
    if secret.is_empty() {
        return Err(SignError::EmptySecret);
    }
    if !claims::is_subject(subject) {
        return Err(SignError::Subject);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let expiry = now.saturating_add(lifetime.as_secs());
    if expiry == now || expiry > claims::LATEST {
        return Err(SignError::Lifetime);
    }
    let claims = Claims {
        sub: subject,
        iat: now,
        exp: expiry,
        iss: policy.issuers.first().map(String::as_str),
        aud: policy.audiences.first().map(String::as_str),
    };
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::default(), &claims, &key).map_err(|_| SignError::Signature)
}
