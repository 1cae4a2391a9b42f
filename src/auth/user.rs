//! The verified user. Imports nothing of this crate.

use std::{sync::Arc, time::SystemTime};

/// The signed-in user: proof that a token was verified.
///
/// Its field is private to this room, where only [`Verifier`](super::Verifier)
/// creates one. Code that holds a `User` holds an identity from a trusted issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct User {
    pub(super) subject: Arc<str>,
}

impl User {
    /// The token's `sub` (RFC 7519, section 4.1.2), unchanged: opaque text of
    /// 1 to 255 characters, not blank, without control characters.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// A user until the token expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The user.
    pub user: User,
    /// From when on the token is rejected: its `exp` and the leeway.
    pub expires: SystemTime,
}
