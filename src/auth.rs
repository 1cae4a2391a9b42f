//! The auth room: verifies a bearer token and returns its [`User`].
//!
//! | file | holds |
//! |---|---|
//! | `verifier` | which key source verifies which token |
//! | `token_cache` | verified tokens, so that each signature is checked once |
//! | `key_set` | the cache of one key set: when to fetch it, how long to keep it |
//! | `fetch` | one download of a key set, with its limits |
//! | `jwk` | published keys: what they may verify, which are tried on a token |
//! | `jws` | the parts of a token and the rules for its header |
//! | `claims` | the rules for claims |
//! | `sign` | HS256 tokens for the command line and for development |
//! | `user` | the verified user, and the session |
//! | `error` | the reasons for rejecting a token |
//!
//! This room imports no web framework and no database. [`TokenSources`] is its input,
//! [`User`] its output.

mod claims;
mod error;
mod fetch;
mod jwk;
mod jws;
mod key_set;
mod sign;
mod token_cache;
mod user;
mod verifier;

pub use claims::ClaimPolicy;
pub use error::{AuthError, Reason, SetupError, SignError};
pub use key_set::{KeySetStatus, KeySetTimes, KeySetsUnavailable};
pub use sign::sign_hs256;
pub use user::{Session, User};
pub use verifier::{TokenSources, Verifier};
