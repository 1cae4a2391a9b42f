//! HS256 tokens for `tasks-api token` and for the banner in development. No request
//! handler calls this.

use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{
    claims::{self, ClaimPolicy},
    error::SignError,
};

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

/// Signs a token for `subject` that is valid from now for `lifetime` (in whole
/// seconds), with `sub`, `iat` and `exp`.
///
/// `iss` and `aud` are the first issuer and audience of `policy`: a verifier of the
/// same policy requires them. An empty list leaves its claim out.
pub fn sign_hs256(
    secret: &SecretString,
    policy: &ClaimPolicy,
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
    let now = claims::now();
    let expiry = now.saturating_add(lifetime.as_secs());
    if expiry == now || expiry > claims::MAX_DATE {
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
