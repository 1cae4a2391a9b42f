//! HS256 tokens for `tasks-api token` and for the banner in development. No request
//! handler calls this.

use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::{
    claims::{self, ClaimPolicy},
    error::SignError,
};

/// Signs a token for `subject` that is valid from now for `lifetime`, in whole seconds.
/// Its `iss` and `aud` are the first issuer and audience of `policy`, if any, so that a
/// verifier of the same policy accepts it.
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
    let expiry = now.saturating_add(lifetime);
    if lifetime.as_secs() == 0 || expiry >= claims::END_OF_DATES {
        return Err(SignError::Lifetime);
    }
    let (now, expiry) = (now.as_secs(), expiry.as_secs());
    let mut claims = json!({"sub": subject, "iat": now, "exp": expiry});
    for (name, accepted) in [("iss", &policy.issuers), ("aud", &policy.audiences)] {
        if let Some(first) = accepted.first() {
            claims[name] = json!(first);
        }
    }
    let key = EncodingKey::from_secret(secret);
    jsonwebtoken::encode(&Header::default(), &claims, &key).map_err(|_| SignError::Signature)
}
