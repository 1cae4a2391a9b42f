//! The errors of this room. Their HTTP form is decided elsewhere.

use std::time::Duration;

use thiserror::Error;

/// Why a token did not verify.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AuthError {
    /// The token is invalid: 401, without the reason.
    #[error("invalid token: {0}")]
    Invalid(#[from] Reason),
    /// The token may be valid, but no key is available to verify it: 503.
    #[error("no key is available to verify the token")]
    KeysUnavailable {
        /// When to retry: whole seconds, at least one.
        retry_after: Duration,
    },
}

/// Why a token is invalid. For the log only: the client never receives it, and it
/// never contains a part of the token.
///
/// Ordered: if several key sets reject a token, the greatest reason is returned.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Longer than 16 KiB.
    #[error("the token is too large: it is longer than 16 KiB")]
    TooLong,
    /// Not a JSON Web Signature in compact form (RFC 7515, section 7.1).
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// An `alg` that is missing, unknown, or has no configured key source.
    #[error("the algorithm is not accepted")]
    Algorithm,
    /// A `typ` that does not name an access token (RFC 7515, section 4.1.9).
    #[error("the type is neither JWT nor at+jwt")]
    Type,
    /// A `crit` header: this verifier supports no extension (RFC 7515, section 4.1.11).
    #[error("the token requires an extension that is not supported")]
    Critical,
    /// No key of the set matches the token's `kid` and `alg`.
    #[error("no known key matches the token")]
    UnknownKey,
    /// A key matches, but the signature is wrong.
    #[error("the signature is invalid")]
    Signature,
    /// A required claim is missing.
    #[error("the claim {0} is missing")]
    Missing(&'static str),
    /// A registered claim of the wrong type or out of range.
    #[error("the claim {0} has a type or value that RFC 7519 does not allow")]
    ClaimType(&'static str),
    /// Past its `exp` by the leeway.
    #[error("the token has expired")]
    Expired,
    /// Before its `nbf` by more than the leeway.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// An `iat` in the future by more than the leeway.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// A `sub` that is empty, blank, longer than 255 characters or holds control characters.
    #[error("the claim sub is not a valid user id")]
    Subject,
    /// An `iss` that is not configured.
    #[error("the issuer is not accepted")]
    Issuer,
    /// An `aud` without this API.
    #[error("the token is for another audience")]
    Audience,
}

/// Why no verifier could be built: an error in the configuration.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SetupError {
    /// Neither a secret nor a key set: no token could be verified.
    #[error("no token source is configured: neither a secret nor a key set")]
    NoSource,
    /// An empty secret: anyone could sign with it.
    #[error("the secret is empty")]
    EmptySecret,
    /// A key set URL that cannot be fetched, without its password and query.
    #[error("the key set URL {0} is not an http or https URL")]
    KeySetUrl(String),
}

/// Why a token was not signed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SignError {
    /// An empty secret: anyone could sign with it.
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
