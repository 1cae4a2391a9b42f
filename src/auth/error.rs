//! Every way to be refused. Imports nothing of this crate but the status of a
//! key set: how an error looks in HTTP is decided elsewhere.

use std::time::Duration;

use thiserror::Error;

use super::KeySetStatus;

/// Why no [`User`](super::User) was made of a token.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AuthError {
    /// The token is no good: 401, without the reason.
    #[error("the token is refused: {0}")]
    Invalid(#[from] Reason),
    /// The token may be good, but there are no keys to tell: 503.
    #[error("the keys that verify tokens are out of reach")]
    KeysUnavailable {
        /// When to ask again: whole seconds, at least one.
        retry_after: Duration,
    },
}

/// What is wrong with a token. For the log alone: the caller never learns it, and
/// it never holds a part of the token.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Reason {
    /// Longer than 8 KiB.
    #[error("it is longer than 8 KiB")]
    TooLong,
    /// Not a JSON Web Token in compact form (RFC 7515, section 7.1).
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// An `alg` that is missing, unknown, or has no configured key source.
    #[error("its algorithm is not accepted")]
    Algorithm,
    /// A `typ` that does not name an access token (RFC 7515, section 4.1.9).
    #[error("its type is neither JWT nor at+jwt")]
    Type,
    /// A `crit` header: this verifier understands no extension (RFC 7515, section 4.1.11).
    #[error("it has critical extensions")]
    Critical,
    /// No key of the set fits its `kid` and `alg`.
    #[error("no known key fits it")]
    UnknownKey,
    /// The key fits, the signature does not.
    #[error("its signature is wrong")]
    Signature,
    /// A required claim is not there.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// A registered claim of a wrong type or out of all bounds.
    #[error("its {0} is not what RFC 7519 says it is")]
    ClaimType(&'static str),
    /// Past its `exp` by the leeway.
    #[error("it has expired")]
    Expired,
    /// Before its `nbf` by more than the leeway.
    #[error("it is not valid yet")]
    NotYetValid,
    /// An `iat` in the future by more than the leeway.
    #[error("it was issued in the future")]
    IssuedInFuture,
    /// A `sub` that is empty, blank, longer than 255 characters or holds control characters.
    #[error("its sub names nobody")]
    Subject,
    /// An `iss` that is not configured.
    #[error("it is from another issuer")]
    Issuer,
    /// An `aud` without this API.
    #[error("it is for another audience")]
    Audience,
}

/// Why there is no verifier: a mistake in the configuration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SetupError {
    /// Neither a secret nor a key set: every token would be refused.
    #[error("there is no token source: neither a secret nor a key set")]
    NoSource,
    /// An empty secret: everyone could sign with it.
    #[error("the secret is empty")]
    EmptySecret,
    /// A key-set address that cannot be fetched. Holds it without password and query.
    #[error("the key set's address {0} is not an http or https URL")]
    KeySetUrl(String),
    /// The HTTP client cannot start, e.g. for want of root certificates.
    #[error("the HTTP client for key sets cannot start: {0}")]
    HttpClient(String),
}

/// Key sets are configured, and not one of them has a usable key.
#[derive(Clone, Debug, Error)]
#[error("no key set has a usable key")]
pub struct KeySetsUnavailable {
    /// Each configured set with its problem.
    pub key_sets: Vec<KeySetStatus>,
    /// When to ask again: whole seconds, at least one.
    pub retry_after: Duration,
}

/// Why a token was not signed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SignError {
    /// An empty secret: everyone could sign with it.
    #[error("the secret is empty")]
    EmptySecret,
    /// A subject that no verifier would accept.
    #[error("the subject must be 1 to 255 characters, not blank, without control characters")]
    Subject,
    /// The token would expire at once, or after the year 9999.
    #[error("the lifetime must be at least a second and end before the year 10000")]
    Lifetime,
    /// The cryptographic library failed.
    #[error("the token cannot be signed")]
    Signature,
}
