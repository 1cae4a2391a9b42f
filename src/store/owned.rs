//! Whose tasks a request is about.
//!
//! Statements take an [`Owner`]. Only an [`Owned`] request has one, and only a
//! [`User`], which nothing but the verifier makes, can own a request: no
//! statement can be written that forgets whose tasks it concerns.

use std::borrow::Borrow;

use sea_orm::{ConnectionTrait, DbErr, Statement};

use super::entity::INCONSISTENT;
use crate::auth::User;

/// A request about the tasks of one user.
#[derive(Debug, Clone)]
pub struct Owned<T> {
    user: User,
    /// What the user asked for.
    pub request: T,
}

/// `request`, made by `user`.
pub fn owned_by<T>(user: &User, request: T) -> Owned<T> {
    Owned {
        user: user.clone(),
        request,
    }
}

impl<T> Owned<T> {
    /// The user who made it.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The user whose tasks it is about.
    pub fn owner(&self) -> Owner<'_> {
        Owner(self.user.subject())
    }
}

/// The subject of the user whose tasks a statement concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner<'a>(&'a str);

impl<'a> Owner<'a> {
    /// The subject, to bind it to a statement or compare it with a row's.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Finds an owner by the subject in a row.
impl Borrow<str> for Owner<'_> {
    fn borrow(&self) -> &str {
        self.0
    }
}

/// The owners whose count is not the number of their tasks, or whose sequence is behind an
/// id or a version of theirs, for an operator's repair: the only owners that no user's
/// request names.
pub struct Inconsistent {
    owners: Vec<String>,
    /// How many of them have a wrong count.
    pub miscounted: u64,
    /// How many of them have a sequence that is behind.
    pub behind: u64,
}

impl Inconsistent {
    /// Reads all tasks.
    pub async fn find(connection: &impl ConnectionTrait) -> Result<Self, DbErr> {
        #[expect(clippy::disallowed_methods, reason = "concerns all owners")]
        let query = Statement::from_string(connection.get_database_backend(), INCONSISTENT);
        let mut found = Self {
            owners: Vec::new(),
            miscounted: 0,
            behind: 0,
        };
        for row in connection.query_all_raw(query).await? {
            found.owners.push(row.try_get("", "user_id")?);
            found.miscounted += u64::from(row.try_get::<bool>("", "miscounted")?);
            found.behind += u64::from(row.try_get::<bool>("", "behind")?);
        }
        Ok(found)
    }

    /// They themselves.
    pub fn owners(&self) -> Vec<Owner<'_>> {
        self.owners.iter().map(|owner| Owner(owner)).collect()
    }
}
