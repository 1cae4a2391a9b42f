//! What is wrong with a `DATABASE_URL`.

/// What is wrong with a `DATABASE_URL`. Never repeats a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DatabaseUrlError(String);

impl DatabaseUrlError {
    /// What is wrong.
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// What is wrong, and the forms that are accepted.
    #[must_use]
    pub fn with_forms(what: &str) -> Self {
        Self(format!(
            "{what}; wants postgres://user:password@host/database or sqlite://path/to/file.db"
        ))
    }
}
