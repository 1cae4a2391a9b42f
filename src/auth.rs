//! The auth room: from a bearer token to the user it was issued to.
//!
//! | file | holds |
//! |---|---|
//! | `jws` | the token's outer form: three parts and the header's rules |
//! | `claims` | every rule about claims, and the only place that decides them |
//! | `jwk` | one published key: what it may verify |
//! | `fetch` | one download of a key set, with its limits |
//! | `key_set` | the cache around it: when to download, what to keep |
//! | `keys` | the keys of one download, and which are tried on a token |
//! | `token_cache` | tokens found good, so that each is judged once |
//! | `verifier` | which key judges which token |
//! | `sign` | HS256 tokens for the command line and for development |
//! | `error` | every way to be refused |
//!
//! This room knows no web framework and no database, and imports no other room:
//! what it needs comes in [`TokenSources`], and a [`User`] comes out.

mod claims;
mod error;
mod fetch;
mod jwk;
mod jws;
mod key_set;
mod keys;
mod sign;
mod token_cache;
mod verifier;

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

pub use error::{AuthError, KeySetsUnavailable, Reason, SetupError, SignError};
pub use key_set::{KeySetStatus, KeySetTimes};
pub use sign::{sign_hs256, sign_hs256_for};
pub use verifier::Verifier;

/// The signed-in user: the proof that a token was verified.
///
/// Its field is private and only a [`Verifier`] makes one, so whoever holds a
/// `User` holds an identity that an issuer vouched for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    subject: Arc<str>,
}

impl User {
    /// The token's `sub` (RFC 7519, section 4.1.2), to the letter: opaque text of
    /// 1 to 255 characters, not blank, without control characters.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// What `iss` and `aud` must say in the tokens of one source.
///
/// An empty list leaves its claim unchecked (but for its type). A list with
/// entries makes the claim **required**: `iss` must equal one entry, `aud` must
/// be or contain one, compared byte by byte (RFC 7519, sections 4.1.1 and 4.1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimPolicy {
    /// The issuers to accept; empty accepts any, and none.
    pub issuers: Vec<String>,
    /// The audiences that stand for this API; empty accepts any, and none.
    pub audiences: Vec<String>,
}

/// What a verifier is built from: plain data, made from the configuration.
///
/// Each source has a claim policy of its own, because an issuer derived from
/// `BETTER_AUTH_URL` says something about the tokens of its key set and nothing
/// about those signed with `BETTER_AUTH_SECRET`, whereas `JWT_ISSUER` and
/// `JWT_AUDIENCE` say something about every token:
///
/// | configured | `secret_claims` | `key_set_claims` |
/// |---|---|---|
/// | `BETTER_AUTH_SECRET` alone | nothing | |
/// | `BETTER_AUTH_URL` | nothing | issuer and audience are its origin |
/// | `JWT_ISSUER`, `JWT_AUDIENCE` | these | these |
#[derive(Clone, Debug, Default)]
pub struct TokenSources {
    /// Verifies HS256, and nothing else does; its UTF-8 bytes are the key.
    pub secret: Option<SecretString>,
    /// What the tokens signed with the secret must claim.
    pub secret_claims: ClaimPolicy,
    /// Where the key sets are (RFC 7517, section 5), `http` or `https`. Their keys
    /// verify `EdDSA`, ES256, RS256 and PS256, and nothing else does. Several form
    /// a union: each of them may vouch for every issuer of `key_set_claims`.
    pub key_set_urls: Vec<Url>,
    /// What the tokens signed by a key set must claim.
    pub key_set_claims: ClaimPolicy,
    /// How long key sets are kept; the default is the contract's.
    pub key_set_times: KeySetTimes,
}
