//! Why a command failed, and its exit code.

use std::io;

use crate::{
    config::{ConfigError, ConfigErrors},
    store::{DatabaseUrlError, StoreError},
};

/// Why the service or another command did not start or did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration must be changed; exit code 2.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// Something failed; exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl StartError {
    /// An invalid value of one variable.
    pub fn config(variable: &'static str, message: &impl ToString) -> Self {
        Self::Config(ConfigErrors(vec![ConfigError {
            variable,
            message: message.to_string(),
        }]))
    }

    /// A failure with the text of `error`.
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub fn failed(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }

    /// Standard output does not take the result.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
    pub fn not_printed(error: io::Error) -> Self {
        Self::Failed(format!("cannot print: {error}"))
    }

    /// What the process exits with.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl From<StoreError> for StartError {
    /// Names the variable that leads to the database.
    fn from(error: StoreError) -> Self {
        if error.is_misconfigured() {
            return Self::config("DATABASE_URL", &error);
        }
        Self::Failed(format!("DATABASE_URL: {error}"))
    }
}

impl From<DatabaseUrlError> for StartError {
    fn from(error: DatabaseUrlError) -> Self {
        Self::config("DATABASE_URL", &error)
    }
}
