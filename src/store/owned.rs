//! Whose request it is. A lane carries nothing but [`Owned`] requests, `sql`
//! takes nothing else, and the only way to make one is to name the [`User`] that
//! the verifier made: a statement cannot forget whose tasks it means.

use crate::auth::User;

/// A request on the tasks of one user.
#[derive(Debug, Clone)]
pub struct Owned<T> {
    owner: Box<str>,
    /// What the user asked for.
    pub what: T,
}

/// What `user` asks for.
pub fn owned_by<T>(user: &User, what: T) -> Owned<T> {
    Owned {
        owner: user.subject().into(),
        what,
    }
}

impl<T> Owned<T> {
    /// The user's subject.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Something else that the same user asks for.
    pub fn with<U>(&self, what: U) -> Owned<U> {
        Owned {
            owner: self.owner.clone(),
            what,
        }
    }
}
