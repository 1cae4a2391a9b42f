//! Whose tasks a request is about.
//!
//! Statements take an [`Owner`]. Only an [`Owned`] request has one, and only a
//! [`User`], which nothing but the verifier makes, can own a request: no
//! statement can be written that forgets whose tasks it concerns.

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashSet},
};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr, QueryResult, Statement, Value};

use super::entity::{CROWDED, EXPIRED, INCONSISTENT};
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
/// id or a version of theirs, for an operator's repair. Beside [`Tombstones`], the only
/// owners that no user's request names.
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

/// Rows of `trash` by their owners and versions, for the purge.
#[derive(Debug, Default)]
pub struct Tombstones(Vec<(String, i64)>);

impl Tombstones {
    /// The oldest ones from before a time, at most so many.
    pub async fn find_expired(
        connection: &impl ConnectionTrait,
        before: DateTime<Utc>,
        rows: u32,
    ) -> Result<Self, DbErr> {
        Self::find(connection, EXPIRED, [before.into(), i64::from(rows).into()]).await
    }

    /// The newest one of each user who has more than `quota`, of at most so many users. Reads
    /// an index of all of them.
    pub async fn find_crowded(
        connection: &impl ConnectionTrait,
        quota: u32,
        users: u32,
    ) -> Result<Self, DbErr> {
        let values = [i64::from(quota).into(), i64::from(users).into()];
        Self::find(connection, CROWDED, values).await
    }

    async fn find(
        connection: &impl ConnectionTrait,
        sql: &str,
        values: [Value; 2],
    ) -> Result<Self, DbErr> {
        #[expect(clippy::disallowed_methods, reason = "concerns all owners")]
        let query = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        Self::read(&connection.query_all_raw(query).await?)
    }

    /// Those of rows with the columns `user_id` and `version`.
    pub fn read(rows: &[QueryResult]) -> Result<Self, DbErr> {
        let pairs = rows
            .iter()
            .map(|row| Ok((row.try_get("", "user_id")?, row.try_get("", "version")?)));
        pairs.collect::<Result<_, _>>().map(Self)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Their owners, each once.
    pub fn owners(&self) -> Vec<Owner<'_>> {
        let owners: BTreeSet<_> = self.0.iter().map(|(owner, _)| Owner(owner)).collect();
        owners.into_iter().collect()
    }

    /// Keeps those of these owners.
    pub fn retain_owners(&mut self, owners: &HashSet<String>) {
        self.0.retain(|(owner, _)| owners.contains(owner));
    }

    /// An array of `[owner, version]`, to bind it to a statement.
    pub fn to_json(&self) -> String {
        serde_json::json!(self.0).to_string()
    }
}
